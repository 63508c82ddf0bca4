/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _X86_KERNEL_LIVEPATCH_INSN_H
#define _X86_KERNEL_LIVEPATCH_INSN_H

#include <linux/types.h>
#include <asm/insn.h>

/* For klp_insn_site(): the function has no ftrace location. */
#define KLP_NO_FENTRY	(-1)

/* Why a function is refused where something leads back to its site. */
#define KLP_BRANCH	"has a branch to its beginning"

/* Room for what klp_insn_copy() makes: any instruction, and a jump. */
#define KLP_INSN_COPY_SIZE	(MAX_INSN_SIZE + 5)

/**
 * enum klp_insn_kind - what happens behind an instruction that can be copied
 *
 * @KLP_INSN_ORDINARY:	the next instruction can follow it
 * @KLP_INSN_JUMP:	nothing follows it: a direct jump
 * @KLP_INSN_RET:	nothing follows it: a near return
 */
enum klp_insn_kind {
	KLP_INSN_ORDINARY,
	KLP_INSN_JUMP,
	KLP_INSN_RET,
};

/**
 * struct klp_insn - an instruction that can be copied
 *
 * @kind:	what happens behind it
 * @len:	its length in bytes
 */
struct klp_insn {
	enum klp_insn_kind kind;
	unsigned int len;
};

/**
 * struct klp_code - a copy of some code
 *
 * @bytes:	what the code consists of
 * @size:	how many bytes there are; nothing behind them is read
 * @addr:	address of the code that @bytes was copied from
 */
struct klp_code {
	const u8 *bytes;
	unsigned int size;
	unsigned long addr;
};

int klp_insn_site(const struct klp_code *func, int fentry);
const char *klp_insn_settleable(const struct klp_code *func, unsigned int site);
const char *klp_insn_armable(const struct klp_code *func, unsigned int site,
			     struct klp_insn *first);
const char *klp_insn_branches_to(const struct klp_code *code,
				 unsigned long target);
int klp_insn_copy(u8 *buf, unsigned long dest, const struct klp_code *func,
		  unsigned int site, unsigned long rethunk);

#endif /* _X86_KERNEL_LIVEPATCH_INSN_H */
