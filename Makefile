# The workbench.  `make help` says what there is.
# KSRC=/path/to/linux uses that tree instead of the packaged one.

export KSRC

help:
	@echo 'make demo      get a kernel, apply the series, build, boot in QEMU, patch it live'
	@echo 'make test      validate the series, patch by patch'
	@echo 'make test-all  the same, and the tip in all other configurations'
	@echo 'make mutants   deliberate bugs, each of which a named test must catch'
	@echo 'make check     only what needs no kernel built'
	@echo 'make selftest  the selftests on the tip, CONFIG=base'
	@echo 'make klp       a patch of the source as a livepatch, PATCH=some.patch'
	@echo 'make shell     a prompt in the guest, with the files of DIR=some/directory'
	@echo 'make import    the series as a branch of the kernel repository'
	@echo 'make export    that branch as patches/, series and mirrored files'
	@echo 'make clean     remove build/'
	@echo 'KSRC=/path/to/linux (git checkout, folder or tar archive) replaces the base'

CONFIG ?= base

demo:
	@scripts/demo-tip

test:
	@scripts/validate

test-all:
	@scripts/validate static patches tip fixes demo more

mutants:
	@scripts/mutate

check import export:
	@scripts/$@

selftest:
	@CONFIGS=$(CONFIG) scripts/validate tip

klp:
	@scripts/klp $(PATCH)

shell:
	@scripts/shell $(CONFIG) $(DIR)

clean:
	rm -rf build

.PHONY: help demo test test-all mutants check import export selftest klp shell clean
