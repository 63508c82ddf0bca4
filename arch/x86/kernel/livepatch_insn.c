// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * livepatch_insn.c - what the first instructions of a function allow
 *
 * Nothing here touches kernel text.  All functions work on a copy of some code
 * and on facts that the caller knows, so that they can be tested, and built in
 * user space, too.
 */

#include <linux/cache.h>
#include <linux/errno.h>
#include <linux/kconfig.h>
#include <linux/minmax.h>
#include <linux/string.h>
#include <linux/text-patching.h>
#include <linux/types.h>
#include <asm/ibt.h>
#include <asm/insn.h>

#include "livepatch_insn.h"

#define KLP_UNKNOWN	"cannot be decoded"

static int klp_insn_decode(struct insn *insn, const struct klp_code *code,
			   unsigned int off)
{
	int ret;

	ret = insn_decode(insn, code->bytes + off,
			  min_t(unsigned int, code->size - off, MAX_INSN_SIZE),
			  INSN_MODE_64);
	if (ret)
		return ret;

	/*
	 * The decoder takes what comes behind REX, or behind four different
	 * prefixes, for the opcode, even if it is one more prefix.
	 */
	if (inat_is_legacy_prefix(insn->attr) ||
	    inat_is_invalid64(insn->attr))
		return -EINVAL;

	return 0;
}

/* The first byte of the opcode, 0 if it is from one of the AVX or XOP maps. */
static u8 klp_insn_opcode(struct insn *insn)
{
	return insn_is_avx_or_xop(insn) ? 0 : insn->opcode.bytes[0];
}

static bool klp_insn_has_prefix(struct insn *insn, u8 wanted)
{
	insn_byte_t prefix;

	for_each_insn_prefix(insn, prefix) {
		if (prefix == wanted)
			return true;
	}

	return false;
}

/*
 * What stands between functions.  Call thunks are written over the padding in
 * front of a function: they count the call in a per-CPU variable, with SAR, and
 * for statistics with INC.  No function ends with either, so it does not matter
 * that a function can have such instructions, too.
 */
static bool klp_insn_is_padding(struct insn *insn)
{
	u8 reg = X86_MODRM_REG(insn->modrm.value);

	switch (klp_insn_opcode(insn)) {
	case INT3_INSN_OPCODE:
		return true;
	case 0x90:
		/* F3 makes it PAUSE, and REX.B XCHG. */
		return !klp_insn_has_prefix(insn, 0xf3) &&
		       !insn->rex_prefix.nbytes;
	case 0x0f:
		return insn->opcode.bytes[1] == 0x1f;
	case 0xc1:
		return reg == 7 && klp_insn_has_prefix(insn, 0x65);
	case 0xff:
		return reg == 0 && klp_insn_has_prefix(insn, 0x65);
	default:
		return false;
	}
}

/**
 * klp_insn_site() - Find the site of a function
 * @func:	the function
 * @fentry:	offset of its ftrace location, or KLP_NO_FENTRY
 *
 * The site is the first instruction behind the NOP, or call, of ftrace.  Without
 * one it is the first instruction behind ENDBR, sealed or not, or the first one.
 *
 * Context: Any.
 * Return: offset of the site, or -EINVAL if the ftrace location is not at the
 * start of the function, or nothing stands behind it.
 */
int klp_insn_site(const struct klp_code *func, int fentry)
{
	unsigned int site = 0;
	u32 first;

	if (func->size >= sizeof(first)) {
		memcpy(&first, func->bytes, sizeof(first));
		if (is_endbr(&first))
			site = sizeof(first);
	}

	if (fentry != KLP_NO_FENTRY) {
		if (fentry != site)
			return -EINVAL;
		site += CALL_INSN_SIZE;
	}

	return site < func->size ? site : -EINVAL;
}

/**
 * klp_insn_settleable() - Tell whether a jump fits at the site of a function
 * @func:	the function, with the padding that kallsyms adds to its size
 * @site:	offset of the site, from klp_insn_site()
 *
 * The jump must fit in front of the end of the last instruction that is not
 * padding.  What it overwrites does not matter: it is written when nobody
 * executes the function, and nobody can begin to.
 *
 * Context: Any.
 * Return: NULL if it fits, else the reason why not, to be printed.
 */
const char *klp_insn_settleable(const struct klp_code *func, unsigned int site)
{
	unsigned int off = site, ret_end = 0;
	struct insn insn;

	while (off < func->size) {
		bool room;

		if (klp_insn_decode(&insn, func, off))
			return KLP_UNKNOWN;
		off += insn.length;

		room = !klp_insn_is_padding(&insn);

		/*
		 * Where return thunks are not wanted, RET and INT3s have taken
		 * the place of a jump to the thunk.
		 */
		if (klp_insn_opcode(&insn) == RET_INSN_OPCODE)
			ret_end = off - RET_INSN_SIZE + JMP32_INSN_SIZE;
		else if (klp_insn_opcode(&insn) != INT3_INSN_OPCODE)
			ret_end = 0;
		else if (off <= ret_end)
			room = true;

		if (room && off >= site + JMP32_INSN_SIZE)
			return NULL;
	}

	return "too small for a jump";
}

/* Is it a direct branch, and where to?  Calls are none. */
static bool klp_insn_is_branch(struct insn *insn, unsigned long ip,
			       unsigned long *target)
{
	switch (klp_insn_opcode(insn)) {
	case 0x0f:
		if ((insn->opcode.bytes[1] & 0xf0) != 0x80)
			return false;
		break;
	case 0xc7:
		/* XBEGIN goes there when the transaction is aborted. */
		if (insn->modrm.value != 0xf8)
			return false;
		break;
	case 0x70 ... 0x7f:
	case 0xe0 ... 0xe3:
	case JMP8_INSN_OPCODE:
	case JMP32_INSN_OPCODE:
		break;
	default:
		return false;
	}

	*target = ip + insn->length + insn->immediate.value;
	return true;
}

#define KLP_SYSTEM	"begins with a system instruction"
#define KLP_CONTROL	"begins with a write to a control register"
#define KLP_TRAP	"begins with a trap"
#define KLP_CALL	"begins with a call"
#define KLP_INDIRECT	"begins with an indirect jump"
#define KLP_SHADOW	"begins with a block of interrupts"
#define KLP_FIXED	"begins with an instruction that cannot be moved"

/* Those with an opcode that begins with 0F. */
static const char *klp_insn_refused_0f(struct insn *insn)
{
	u8 modrm = insn->modrm.value;

	switch (insn->opcode.bytes[1]) {
	case 0x01:
		/* LMSW */
		if (X86_MODRM_REG(modrm) == 6)
			return KLP_CONTROL;

		if (X86_MODRM_MOD(modrm) != 3)
			return NULL;

		/*
		 * Among these are SWAPGS, MWAIT, ERETS and VMRUN.  But CLAC,
		 * STAC, XGETBV and RDTSCP do no harm.
		 */
		if (!insn->prefixes.nbytes &&
		    (modrm == 0xca || modrm == 0xcb ||
		     modrm == 0xd0 || modrm == 0xf9))
			return NULL;

		return KLP_SYSTEM;
	case 0x05:	/* SYSCALL */
	case 0x07:	/* SYSRET */
	case 0x34:	/* SYSENTER */
	case 0x35:	/* SYSEXIT */
	case 0x37:	/* GETSEC */
	case 0xaa:	/* RSM */
		return KLP_SYSTEM;
	case 0x0b:	/* UD2 */
	case 0xb9:	/* UD1 */
	case 0xff:	/* UD0 */
		return KLP_TRAP;
	case 0x22:
		/* The copy need not be mapped where CR3 leads to. */
		return KLP_CONTROL;
	default:
		return NULL;
	}
}

/*
 * What is wrong with executing a copy of an instruction, on the return from a
 * trap, and with a jump behind it.
 */
static const char *klp_insn_refused(struct insn *insn)
{
	u8 modrm = insn->modrm.value;

	switch (klp_insn_opcode(insn)) {
	case 0x0f:
		return klp_insn_refused_0f(insn);
	case 0x8e:
		/* MOV SS lets no interrupt in before the end of the next one. */
		return X86_MODRM_REG(modrm) == 2 ? KLP_SHADOW : NULL;
	case 0xfb:
		/* So does STI, and the next one would be the jump, not HLT. */
		return KLP_SHADOW;
	case 0xa1:
		/* JMPABS */
		return insn_is_rex2(insn) ? KLP_INDIRECT : NULL;
	case 0xc2:
		/* RET imm16, which a return thunk cannot do. */
		return KLP_FIXED;
	case 0xc6:
	case 0xc7:
		/* XABORT, XBEGIN */
		return modrm == 0xf8 ? KLP_FIXED : NULL;
	case 0xe0 ... 0xe3:
		/* LOOP and JRCXZ reach 128 bytes. */
		return KLP_FIXED;
	case 0xca:	/* RETF imm16 */
	case 0xcb:	/* RETF */
	case 0xcf:	/* IRET */
	case 0xf4:	/* HLT, which would be waited for in the copy */
		return KLP_SYSTEM;
	case INT3_INSN_OPCODE:
	case 0xcd:	/* INT imm8 */
	case 0xd6:	/* UDB */
	case 0xf1:	/* INT1 */
		/* Whoever handles it looks up the address. */
		return KLP_TRAP;
	case CALL_INSN_OPCODE:
		/*
		 * The callee may sleep, which Tasks RCU takes for a quiescent
		 * state, and the copy that it would return to can be freed.
		 */
		return KLP_CALL;
	case 0xff:
		switch (X86_MODRM_REG(modrm)) {
		case 2:
		case 3:
			return KLP_CALL;
		case 4:
		case 5:
			/* The caller would have to know of retpolines. */
			return KLP_INDIRECT;
		}
		return NULL;
	default:
		return NULL;
	}
}

static const char *klp_insn_first(struct insn *insn,
				  const struct klp_code *func,
				  unsigned int site, enum klp_insn_kind *kind)
{
	unsigned long target;
	const char *reason;

	if (klp_insn_decode(insn, func, site))
		return KLP_UNKNOWN;

	/* Begins with a UD2 that a hypervisor knows. */
	if (insn_has_emulate_prefix(insn))
		return KLP_TRAP;

	reason = klp_insn_refused(insn);
	if (reason)
		return reason;

	/* Relative to EIP: the upper half of the address would be lost. */
	if (insn_rip_relative(insn) && insn->addr_bytes != 8)
		return KLP_FIXED;

	*kind = KLP_INSN_ORDINARY;
	if (klp_insn_opcode(insn) == RET_INSN_OPCODE)
		*kind = KLP_INSN_RET;
	else if (!klp_insn_is_branch(insn, 0, &target))
		return NULL;
	else if (klp_insn_opcode(insn) == JMP8_INSN_OPCODE ||
		 klp_insn_opcode(insn) == JMP32_INSN_OPCODE)
		*kind = KLP_INSN_JUMP;

	/* Vendors do not agree on what it means here. */
	return klp_insn_has_prefix(insn, 0x66) ? KLP_FIXED : NULL;
}

/**
 * klp_insn_armable() - Tell whether the instruction at a site can be copied
 * @func:	the function
 * @site:	offset of the site, from klp_insn_site()
 * @first:	where to put what kind of instruction it is and its length, if
 *		it can be copied
 *
 * Then an INT3 can be written over its first byte, and who is to go on in the
 * function does so in the copy.  Left to the caller is to refuse an instruction
 * with an entry in the exception table, or with a jump label or static call, and
 * a function where a branch leads to the site, see klp_insn_branches_to().
 *
 * Context: Any.
 * Return: NULL if it can be copied, else the reason why not, to be printed.
 */
const char *klp_insn_armable(const struct klp_code *func, unsigned int site,
			     struct klp_insn *first)
{
	enum klp_insn_kind kind;
	const char *reason;
	struct insn insn;

	reason = klp_insn_first(&insn, func, site, &kind);
	if (reason)
		return reason;

	first->kind = kind;
	first->len = insn.length;
	return NULL;
}

/**
 * klp_insn_branches_to() - Tell whether a branch leads to an address
 * @code:	the code to look for branches in: a function, or its .cold part
 * @target:	the address
 *
 * A call is not a branch.  Branches that are not in @code are left to the
 * caller: exception fixups, and jump labels that are disabled.
 *
 * An indirect jump is taken for a tail call where the compiler makes no jump
 * tables, unless it looks like one from assembly.
 *
 * Context: Any.
 * Return: NULL if none does, else the reason to refuse, to be printed.
 */
const char *klp_insn_branches_to(const struct klp_code *code,
				 unsigned long target)
{
	bool jump_tables = !IS_ENABLED(CONFIG_MITIGATION_RETPOLINE) &&
			   !IS_ENABLED(CONFIG_X86_KERNEL_IBT);
	unsigned int off = 0;
	struct insn insn;

	while (off < code->size) {
		unsigned long ip = code->addr + off, to;

		if (klp_insn_decode(&insn, code, off)) {
			/*
			 * Memory is zero behind the last function of a module.
			 * Two zeros are an ADD; one may be left over.
			 */
			if (off == code->size - 1 && !code->bytes[off])
				break;
			return KLP_UNKNOWN;
		}
		off += insn.length;

		if (klp_insn_opcode(&insn) == 0xff &&
		    X86_MODRM_REG(insn.modrm.value) == 4 &&
		    (jump_tables || X86_SIB_SCALE(insn.sib.value) == 3))
			return "has a jump table";

		if (!klp_insn_is_branch(&insn, ip, &to))
			continue;
		if (klp_insn_has_prefix(&insn, 0x66))
			return KLP_UNKNOWN;
		if (to == target)
			return KLP_BRANCH;
	}

	return NULL;
}

/* Write the displacement of an instruction that ends behind it. */
static int klp_put_rel32(u8 *buf, unsigned long end, unsigned long target)
{
	s64 rel = target - end;
	s32 rel32 = rel;

	if (rel != rel32)
		return -ERANGE;

	memcpy(buf, &rel32, sizeof(rel32));
	return 0;
}

/**
 * klp_insn_copy() - Make a copy of the instruction at a site
 * @buf:	where to write it, KLP_INSN_COPY_SIZE bytes
 * @dest:	address that it is going to be executed at
 * @func:	the function
 * @site:	offset of the site, from klp_insn_site()
 * @rethunk:	address of the return thunk to be jumped to in place of a RET,
 *		0 for a plain RET
 *
 * It does the same as the original, and then jumps behind the original unless
 * it has gone elsewhere.
 *
 * Context: Any.
 * Return: number of bytes written, -EINVAL if klp_insn_armable() refuses, or
 * -ERANGE if @dest is too far away from something.  On error what is in @buf is
 * not to be used.
 */
int klp_insn_copy(u8 *buf, unsigned long dest, const struct klp_code *func,
		  unsigned int site, unsigned long rethunk)
{
	enum klp_insn_kind kind;
	unsigned long ip, target;
	struct insn insn;
	int len, ret = 0;

	if (klp_insn_first(&insn, func, site, &kind))
		return -EINVAL;

	if (kind == KLP_INSN_RET) {
		if (!rethunk) {
			buf[0] = RET_INSN_OPCODE;
			/* Against straight-line speculation. */
			buf[1] = INT3_INSN_OPCODE;
			return RET_INSN_SIZE + INT3_INSN_SIZE;
		}
		kind = KLP_INSN_JUMP;
	}

	ip = func->addr + site;
	target = rethunk;
	if (klp_insn_is_branch(&insn, ip, &target) || kind == KLP_INSN_JUMP) {
		len = 0;
		if (kind == KLP_INSN_JUMP) {
			buf[len++] = JMP32_INSN_OPCODE;
		} else {
			/* The last four bits of both opcodes are the condition. */
			u8 cond = insn.opcode.bytes[insn.opcode.nbytes - 1] & 0x0f;

			buf[len++] = 0x0f;
			buf[len++] = 0x80 | cond;
		}
		len += DISP32_SIZE;
		ret = klp_put_rel32(buf + len - DISP32_SIZE, dest + len, target);
	} else {
		len = insn.length;
		memcpy(buf, func->bytes + site, len);
		if (insn_rip_relative(&insn)) {
			target = ip + len + insn.displacement.value;
			ret = klp_put_rel32(buf + insn_offset_displacement(&insn),
					    dest + len, target);
		}
	}

	if (ret || kind == KLP_INSN_JUMP)
		return ret ?: len;

	buf[len++] = JMP32_INSN_OPCODE;
	len += DISP32_SIZE;
	ret = klp_put_rel32(buf + len - DISP32_SIZE, dest + len, ip + insn.length);
	return ret ?: len;
}
