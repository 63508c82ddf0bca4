/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _ASM_X86_LIVEPATCH_H
#define _ASM_X86_LIVEPATCH_H

#include <linux/list.h>
#include <linux/text-patching.h>
#include <linux/types.h>

struct pt_regs;

/* Length of a jump */
#define KLP_SITE_SIZE	JMP32_INSN_SIZE

/**
 * struct klp_site - where the settled jump of a function goes, and the breakpoint
 *
 * @node:	node for lists of sites to be changed together
 * @addr:	address of the site: behind the NOP that ftrace takes, or else the first
 *		instruction, behind ENDBR
 * @target:	where the jump that is there leads to, 0 if the original is there
 * @to:		what @target is going to be
 * @armed:	there is a breakpoint, and behind it the original
 * @arm:	what @armed is going to be
 * @cramped:	there is no room for a jump
 * @copy:	a copy of the first instruction, and a jump behind that, for those
 *		who see the original; NULL if no breakpoint has been asked for
 * @orig:	the original, or at least its first byte where @cramped
 */
struct klp_site {
	struct list_head node;
	unsigned long addr;
	unsigned long target;
	unsigned long to;
	bool armed;
	bool arm;
	bool cramped;
	void *copy;
	u8 orig[KLP_SITE_SIZE];
};

unsigned long arch_klp_jump_target(unsigned long func);
const char *arch_klp_check_site(struct klp_site *site, unsigned long func,
				unsigned long size, unsigned long ip);
const char *arch_klp_copy_first(struct klp_site *site, unsigned long func,
				unsigned long size, unsigned long ip);
const char *arch_klp_check_branches(const struct klp_site *site, u8 *text,
				    unsigned long start, unsigned long size);
bool arch_klp_is_early(const char *name);
int arch_klp_alloc_copy(struct klp_site *site);
void arch_klp_free_copy(struct klp_site *site);
void arch_klp_poke_sites(struct list_head *sites);

#ifdef CONFIG_LIVEPATCH_JUMP
bool klp_int3_handler(struct pt_regs *regs);
#else
static __always_inline bool klp_int3_handler(struct pt_regs *regs) { return false; }
#endif

#endif /* _ASM_X86_LIVEPATCH_H */
