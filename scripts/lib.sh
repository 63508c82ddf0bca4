# Common to all scripts: places, messages, times.  Sourced, not run.
# shellcheck shell=bash

set -euo pipefail

# The tools of the distribution, and messages that can be compared.
export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$top/build
jobs=$(nproc)

# What must not differ between two builds of one source
export KBUILD_BUILD_TIMESTAMP='2026-01-01' KBUILD_BUILD_USER=kgraft KBUILD_BUILD_HOST=workbench

# Work on a tree of the user's is kept apart from the default one.
if [ -n "${KSRC:-}" ]; then
	work=$build/ksrc-$(realpath -m "$KSRC" | cksum | cut -d' ' -f1)
else
	work=$build
fi
# The git repository of the kernel, with the branch to develop on.
linux=$work/linux
# One work tree for each configuration that is built.
trees=$work/trees
logs=$work/logs
mkdir -p "$work" "$trees" "$logs"

say() { printf '== %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# stage TEXT COMMAND... - runs the command, says what it does and how long it took
stage() {
	local text=$1 start=$SECONDS rc=0
	shift
	say "$text"
	"$@" || rc=$?
	if [ $rc -eq 0 ]; then
		printf '   [%d s]\n' $((SECONDS - start))
	else
		printf '   [failed after %d s]\n' $((SECONDS - start))
	fi
	return $rc
}

# logged FILE COMMAND... - keeps the output in a file and shows its end on failure
logged() {
	local log=$1
	shift
	"$@" > "$log" 2>&1 && return 0
	grep -nE 'error|warning|Error ' "$log" | tail -n 8 >&2 || tail -n 8 "$log" >&2
	echo "error: '${*:0:3}' failed; all of its output: $log" >&2
	return 1
}

# config_says CONFIG WORD - what the lines "#: WORD ..." of a configuration say
config_says() { sed -nE "s/^#: $2( |\$)//p" "$top/scripts/configs/$1"; }

# vm_options CONFIG - how scripts/vm boots a configuration
vm_options() {
	local arch options
	arch=$(config_says "$1" arch)
	options=$(config_says "$1" vm)
	echo "${arch:+-A $arch} ${options:--p 2 -m 1024}"
}

# apply_mutant [OPTION...] PATCH - puts a mutant into the index $GIT_INDEX_FILE.  Little
# context, so that it outlives changes around it.
apply_mutant() { git -C "$linux" apply --cached --recount -C1 "$@"; }

need_space() {
	local free
	free=$(df --output=avail -BG "$work" | tail -n 1 | tr -dc 0-9)
	[ "$free" -ge "$1" ] ||
		die "$work has $free GB free, and $1 GB are needed; free some and run the same command again"
}
