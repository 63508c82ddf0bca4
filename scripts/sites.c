// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * sites.c - apply livepatch_insn.c to the functions of a vmlinux
 */

#include <elf.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/types.h>
#include <asm/insn.h>
#include "livepatch_insn.h"

/* The kernel's, see the script. */
bool klp_is_around_hook(const char *name);
bool arch_klp_is_early(const char *name);

typedef unsigned long ulong_t;

static const u8 *image;
static const Elf64_Ehdr *ehdr;
static const Elf64_Shdr *shdrs;
static const char *shstr;
static const Elf64_Sym *symtab;
static unsigned long nr_syms;
static const char *strtab;

static void die(const char *msg)
{
	fprintf(stderr, "sites: %s\n", msg);
	exit(2);
}

static const Elf64_Shdr *section(const char *name)
{
	for (int i = 0; i < ehdr->e_shnum; i++)
		if (!strcmp(shstr + shdrs[i].sh_name, name))
			return &shdrs[i];
	return NULL;
}

/* The bytes at an address, NULL if fewer than @size are in the file. */
static const u8 *bytes_at(ulong_t addr, ulong_t size)
{
	for (int i = 0; i < ehdr->e_shnum; i++) {
		const Elf64_Shdr *s = &shdrs[i];

		if ((s->sh_flags & SHF_ALLOC) && s->sh_type != SHT_NOBITS &&
		    addr >= s->sh_addr && addr + size <= s->sh_addr + s->sh_size)
			return image + s->sh_offset + (addr - s->sh_addr);
	}
	return NULL;
}

/* Address of a symbol, 0 if there is none. */
static ulong_t symbol(const char *name)
{
	for (unsigned long i = 0; i < nr_syms; i++)
		if (!strcmp(strtab + symtab[i].st_name, name))
			return symtab[i].st_value;
	return 0;
}

/* A sorted list of address ranges, each with a second address. */
struct range {
	ulong_t start, end, other;
};

struct ranges {
	struct range *r;
	size_t nr, room;
};

static void add(struct ranges *l, ulong_t start, ulong_t len, ulong_t other)
{
	if (l->nr == l->room) {
		l->room = l->room * 2 + 64;
		l->r = realloc(l->r, l->room * sizeof(*l->r));
		if (!l->r)
			die("no memory");
	}
	l->r[l->nr++] = (struct range){ start, start + len, other };
}

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void sort(struct ranges *l)
{
	if (l->nr)
		qsort(l->r, l->nr, sizeof(*l->r), by_start);
}

/* The first range that does not begin before an address. */
static struct range *from(struct ranges *l, ulong_t addr)
{
	size_t lo = 0, hi = l->nr;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (l->r[mid].start < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return l->r + lo;
}

/* Does one overlap [start, end)?  None is longer than an instruction. */
static bool overlaps(struct ranges *l, ulong_t start, ulong_t end)
{
	struct range *r = from(l, start - MAX_INSN_SIZE);

	for (; r < l->r + l->nr && r->start < end; r++)
		if (r->end > start)
			return true;
	return false;
}

/* Does one that begins in [start, end) lead to a target? */
static bool leads_to(struct ranges *l, ulong_t start, ulong_t end, ulong_t target)
{
	struct range *r = from(l, start);

	for (; r < l->r + l->nr && r->start < end; r++)
		if (r->other == target)
			return true;
	return false;
}

/* A table of entries of @size bytes that begin with one or two relative words. */
static void table(struct ranges *l, const char *start, const char *stop,
		    ulong_t size, bool two, ulong_t len)
{
	ulong_t a = symbol(start), end = symbol(stop);

	for (; a && a + size <= end; a += size) {
		const u8 *p = bytes_at(a, size);
		ulong_t at, other = 0, n = len;
		s32 rel;

		if (!p)
			break;
		memcpy(&rel, p, 4);
		at = a + rel;
		if (two) {
			memcpy(&rel, p + 4, 4);
			other = a + 4 + rel;
		}
		/* How long is the instruction there? */
		if (!n) {
			const u8 *text = bytes_at(at, MAX_INSN_SIZE);
			struct insn insn;

			n = 5;
			if (text && !insn_decode(&insn, text, MAX_INSN_SIZE,
						 INSN_MODE_64))
				n = insn.length;
		}
		add(l, at, n, other);
	}
	sort(l);
}

/* Absolute addresses. */
static void addresses(struct ranges *l, const char *start, const char *stop)
{
	ulong_t a = symbol(start), end = symbol(stop);

	for (; a && a + 8 <= end; a += 8) {
		const u8 *p = bytes_at(a, 8);
		ulong_t addr;

		if (!p)
			break;
		memcpy(&addr, p, 8);
		add(l, addr, 1, 0);
	}
	sort(l);
}

static struct ranges fentries, labels, static_calls, extable, blacklist;

/* How often each reason was seen. */
struct count {
	const char *reason;
	unsigned int nr[2];
};

struct counts {
	struct count c[64];
	unsigned int nr;
};

static void count(struct counts *t, const char *reason, bool fentry)
{
	unsigned int i;

	for (i = 0; i < t->nr; i++)
		if (!strcmp(t->c[i].reason, reason))
			break;
	if (i == t->nr) {
		if (i == 64)
			die("too many reasons");
		t->c[t->nr++].reason = reason;
	}
	t->c[i].nr[fentry]++;
}

static int by_nr(const void *a, const void *b)
{
	const struct count *x = a, *y = b;

	return (int)(y->nr[0] + y->nr[1]) - (int)(x->nr[0] + x->nr[1]);
}

static void print(const char *title, struct counts *t)
{
	qsort(t->c, t->nr, sizeof(t->c[0]), by_nr);
	printf("\n%-52s %8s %8s %8s\n", title, "fentry", "none", "all");
	for (unsigned int i = 0; i < t->nr; i++)
		printf("  %-50s %8u %8u %8u\n", t->c[i].reason, t->c[i].nr[1],
		       t->c[i].nr[0], t->c[i].nr[1] + t->c[i].nr[0]);
}

static const struct {
	const char *start, *end, *reason;
} refused_text[] = {
	{ "__noinstr_text_start", "__noinstr_text_end", "is in .noinstr.text" },
	{ "__entry_text_start", "__entry_text_end", "is in .entry.text" },
	{ "__cpuidle_text_start", "__cpuidle_text_end", "is in .cpuidle.text" },
	{ "__kprobes_text_start", "__kprobes_text_end", "is in .kprobes.text" },
};

static ulong_t refused_range[4][2];

static const char *refused(ulong_t addr)
{
	struct range *r;

	for (int i = 0; i < 4; i++)
		if (addr >= refused_range[i][0] && addr < refused_range[i][1])
			return refused_text[i].reason;

	r = from(&blacklist, addr);
	if (r < blacklist.r + blacklist.nr && r->start == addr)
		return "is on the kprobes blacklist";
	return NULL;
}

static const char *reserved(ulong_t start, ulong_t end)
{
	if (overlaps(&labels, start, end))
		return "has a jump label there";
	if (overlaps(&static_calls, start, end))
		return "has a static call there";
	return NULL;
}

static const char *settleable(const char *name, struct klp_code *f, int site)
{
	const char *reason = refused(f->addr);

	if (!reason && klp_is_around_hook(name))
		reason = "has tasks switched in it";
	if (!reason)
		reason = klp_insn_settleable(f, site);
	if (!reason)
		reason = reserved(f->addr + site, f->addr + site + 5);
	return reason;
}

struct function {
	const char *name;
	ulong_t addr, size;
};

static struct function *funcs;
static size_t nr_funcs, nr_cold;
static struct function *cold;

static const char *to_site(struct klp_code *c, ulong_t site)
{
	const char *reason = klp_insn_branches_to(c, site);

	if (!reason && leads_to(&labels, c->addr, c->addr + c->size, site))
		reason = "has a jump label that leads to its beginning";
	if (!reason && leads_to(&extable, c->addr, c->addr + c->size, site))
		reason = "has an exception fixup at its beginning";
	return reason;
}

static const char *armable(const char *name, struct klp_code *f, int site, int fentry)
{
	const char *reason = refused(f->addr);
	size_t len = strlen(name);
	struct klp_insn first;
	ulong_t ip = f->addr + site;

	if (!reason && klp_is_around_hook(name))
		reason = "has tasks switched in it";
	if (!reason && arch_klp_is_early(name))
		reason = "runs where breakpoints are not handled";
#ifdef NO_PADDING
	if (!reason && fentry == KLP_NO_FENTRY)
		reason = "has callers that may know which registers it uses";
#endif
	if (!reason)
		reason = klp_insn_armable(f, site, &first);
	if (!reason)
		reason = reserved(ip, ip + first.len);
	if (!reason && overlaps(&extable, ip, ip + first.len))
		reason = "begins with an instruction that may fault";
	if (!reason)
		reason = to_site(f, ip);

	/* Names are ambiguous, addresses are not. */
	for (size_t i = 0; !reason && i < nr_cold; i++) {
		struct klp_code c = { .size = cold[i].size, .addr = cold[i].addr };

		if (strncmp(cold[i].name, name, len) ||
		    strncmp(cold[i].name + len, ".cold", 5))
			continue;
		c.bytes = bytes_at(c.addr, c.size);
		if (c.bytes)
			reason = to_site(&c, ip);
	}
	return reason;
}

static int by_addr(const void *a, const void *b)
{
	const Elf64_Sym *x = *(const Elf64_Sym * const *)a;
	const Elf64_Sym *y = *(const Elf64_Sym * const *)b;

	if (x->st_value != y->st_value)
		return x->st_value < y->st_value ? -1 : 1;
	/* Functions first, so that an alias without a type does not hide one. */
	return (ELF64_ST_TYPE(y->st_info) == STT_FUNC) -
	       (ELF64_ST_TYPE(x->st_info) == STT_FUNC);
}

/* As kallsyms does: the size is the distance to the next symbol. */
static void find_functions(void)
{
	const Elf64_Shdr *text = section(".text");
	const Elf64_Sym **syms = calloc(nr_syms, sizeof(*syms));
	size_t nr = 0;

	if (!text || !syms)
		die("no .text");
	funcs = calloc(nr_syms, sizeof(*funcs));
	cold = calloc(nr_syms, sizeof(*cold));

	for (unsigned long i = 0; i < nr_syms; i++) {
		const char *name = strtab + symtab[i].st_name;
		int type = ELF64_ST_TYPE(symtab[i].st_info);

		if ((type == STT_FUNC || type == STT_NOTYPE) && *name &&
		    strncmp(name, ".L", 2) && *name != '$' &&
		    symtab[i].st_value >= text->sh_addr &&
		    symtab[i].st_value < text->sh_addr + text->sh_size)
			syms[nr++] = &symtab[i];
	}
	qsort(syms, nr, sizeof(*syms), by_addr);

	for (size_t i = 0, next; i < nr; i = next) {
		const char *name = strtab + syms[i]->st_name;
		ulong_t end = text->sh_addr + text->sh_size;
		struct function f = { .name = name, .addr = syms[i]->st_value };

		for (next = i + 1; next < nr; next++)
			if (syms[next]->st_value != f.addr)
				break;
		if (next < nr)
			end = syms[next]->st_value;
		f.size = end - f.addr;

		/* Nor are trampolines of static calls functions. */
		if (ELF64_ST_TYPE(syms[i]->st_info) != STT_FUNC ||
		    !strncmp(name, "__pfx_", 6) || !strncmp(name, "__cfi_", 6) ||
		    !strncmp(name, "__SCT__", 7))
			continue;
		if (strstr(name, ".cold"))
			cold[nr_cold++] = f;
		else
			funcs[nr_funcs++] = f;
	}
	free(syms);
}

static void read_image(const char *name)
{
	int fd = open(name, O_RDONLY);
	const Elf64_Shdr *s;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || st.st_size < (off_t)sizeof(*ehdr))
		die("cannot read the image");
	image = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (image == MAP_FAILED || memcmp(image, ELFMAG, SELFMAG))
		die("no ELF file");
	ehdr = (const void *)image;
	if (ehdr->e_ident[EI_CLASS] != ELFCLASS64 || ehdr->e_machine != EM_X86_64)
		die("not of x86-64");
	shdrs = (const void *)(image + ehdr->e_shoff);
	shstr = (const char *)image + shdrs[ehdr->e_shstrndx].sh_offset;
	s = section(".symtab");
	if (!s)
		die("no symbols");
	symtab = (const void *)(image + s->sh_offset);
	nr_syms = s->sh_size / sizeof(*symtab);
	strtab = (const char *)image + shdrs[s->sh_link].sh_offset;
}

static void line(const char *what, unsigned int nr, unsigned int of)
{
	printf("%-52s %8u %7.2f %%\n", what, nr, of ? 100.0 * nr / of : 0);
}

int main(int argc, char **argv)
{
	unsigned int with = 0, jump = 0, jump_fentry = 0, int3 = 0, none = 0;
	unsigned int int3_none = 0, patchable = 0;
	static struct counts no_jump, no_int3;

	if (argc != 2)
		die("usage: sites VMLINUX");
	read_image(argv[1]);
	find_functions();
	addresses(&fentries, "__start_mcount_loc", "__stop_mcount_loc");
	addresses(&blacklist, "__start_kprobe_blacklist", "__stop_kprobe_blacklist");
	table(&labels, "__start___jump_table", "__stop___jump_table", 16, true, 0);
	table(&static_calls, "__start_static_call_sites",
	      "__stop_static_call_sites", 8, false, 0);
	table(&extable, "__start___ex_table", "__stop___ex_table", 12, true, 1);
	for (int i = 0; i < 4; i++) {
		refused_range[i][0] = symbol(refused_text[i].start);
		refused_range[i][1] = symbol(refused_text[i].end);
	}

	printf("%zu ftrace locations, %zu jump labels, %zu static calls,\n"
	       "%zu exception entries, %zu functions on the kprobes blacklist\n\n",
	       fentries.nr, labels.nr, static_calls.nr, extable.nr, blacklist.nr);

	for (size_t i = 0; i < nr_funcs; i++) {
		struct klp_code f = { .size = funcs[i].size, .addr = funcs[i].addr };
		const char *no_j, *no_i;
		int fentry = KLP_NO_FENTRY, site;
		struct range *r;

		f.bytes = bytes_at(f.addr, f.size);
		if (!f.bytes)
			continue;

		r = from(&fentries, f.addr);
		if (r < fentries.r + fentries.nr && r->start < f.addr + f.size)
			fentry = r->start - f.addr;

		site = klp_insn_site(&f, fentry);
		if (site < 0) {
			no_j = "has no site";
			no_i = no_j;
		} else {
			no_j = settleable(funcs[i].name, &f, site);
			no_i = armable(funcs[i].name, &f, site, fentry);
		}
		if (getenv("SITES_LIST"))
			printf("%016lx %s: %s; %s\n", f.addr, funcs[i].name,
			       no_j ?: "jump", no_i ?: "int3");

		with += fentry != KLP_NO_FENTRY;
		none += fentry == KLP_NO_FENTRY;
		jump += !no_j;
		jump_fentry += !no_j && fentry != KLP_NO_FENTRY;
		int3 += !no_i;
		int3_none += !no_i && fentry == KLP_NO_FENTRY;
		patchable += fentry != KLP_NO_FENTRY || !no_i;
		if (no_j)
			count(&no_jump, no_j, fentry != KLP_NO_FENTRY);
		if (no_i)
			count(&no_int3, no_i, fentry != KLP_NO_FENTRY);
	}

	line("functions in .text", nr_funcs, nr_funcs);
	line("with fentry", with, nr_funcs);
	line("patchable: with fentry, or by INT3", patchable, nr_funcs);
	line("room for a settled jump", jump, nr_funcs);
	line("  of those with fentry", jump_fentry, with);
	line("  of those without", jump - jump_fentry, none);
	line("INT3 possible", int3, nr_funcs);
	line("  of those with fentry", int3 - int3_none, with);
	line("  of those without", int3_none, none);

	print("no settled jump, because the function", &no_jump);
	print("no INT3, because the function", &no_int3);

	printf("\nThis is the image, before boot has patched it: alternatives, return thunks and\n"
	       "retpolines are as they were built, and static_cpu_has() is a jump into\n"
	       ".altinstr_aux, outside of the function.\n");
	return 0;
}
