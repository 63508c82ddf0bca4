// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * livepatch_insn_kunit.c - KUnit tests of what livepatch makes of instructions
 */

#include <kunit/test.h>
#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "livepatch_insn.h"

/* Bytes, which may contain zeroes, and their number. */
#define CODE(s)		.bytes = (s), .size = sizeof(s) - 1

#define ADDR		0xffffffff81001000UL

#define ENDBR		"\xf3\x0f\x1e\xfa"
#define SEALED		"\x0f\x1f\x40\xd6"
#define FENTRY_NOP	"\x0f\x1f\x44\x00\x00"
#define FENTRY_CALL	"\xe8\x11\x22\x33\x44"
#define NOP8		"\x0f\x1f\x84\x00\x00\x00\x00\x00"
#define NOPS6		"\x90\x90\x90\x90\x90\x90"
#define INT3S4		"\xcc\xcc\xcc\xcc"
#define PUSH		"\x55"
#define XOR		"\x31\xc0"
#define RET		"\xc3"
#define JMP		"\xe9\x11\x22\x33\x44"
/* sarq $5, %gs:0x11223344(%rip) and incq %gs:0x11223344(%rip) */
#define THUNK		"\x65\x48\xc1\x3d\x44\x33\x22\x11\x05"
#define THUNK_INC	"\x65\x48\xff\x05\x44\x33\x22\x11"

/*
 * The code, at the very end of an allocation, so that KASAN sees who reads
 * behind it.
 */
static struct klp_code copy_of(struct kunit *test, const char *bytes,
			       unsigned int size)
{
	u8 *copy = kunit_kmalloc(test, size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, copy);
	memcpy(copy, bytes, size);

	return (struct klp_code){ .bytes = copy, .size = size, .addr = ADDR };
}

struct site_case {
	const char *name;
	const char *bytes;
	unsigned int size;
	int fentry;
	int site;
	/* only kernels with IBT look for ENDBR */
	bool ibt;
};

static const struct site_case site_cases[] = {
	{ "nothing", CODE(PUSH RET), KLP_NO_FENTRY, 0 },
	{ "short", CODE(RET), KLP_NO_FENTRY, 0 },
	{ "endbr", CODE(ENDBR PUSH RET), KLP_NO_FENTRY, 4, true },
	{ "sealed endbr", CODE(SEALED PUSH RET), KLP_NO_FENTRY, 4, true },
	{ "other nop", CODE("\x0f\x1f\x40\x00" PUSH RET), KLP_NO_FENTRY, 0 },
	{ "fentry nop", CODE(FENTRY_NOP PUSH RET), 0, 5 },
	{ "fentry call", CODE(FENTRY_CALL PUSH RET), 0, 5 },
	{ "same nop, no fentry", CODE(FENTRY_NOP PUSH RET), KLP_NO_FENTRY, 0 },
	{ "endbr and fentry", CODE(ENDBR FENTRY_NOP PUSH RET), 4, 9, true },
	{ "sealed and fentry", CODE(SEALED FENTRY_CALL PUSH RET), 4, 9, true },
	{ "fentry behind push", CODE(PUSH FENTRY_NOP RET), 1, -EINVAL },
	{ "fentry not behind endbr", CODE(ENDBR PUSH FENTRY_NOP RET), 5, -EINVAL },
	{ "fentry and no more", CODE(FENTRY_NOP), 0, -EINVAL },
	{ "fentry cut off", CODE("\x0f\x1f\x44"), 0, -EINVAL },
	{ "endbr and no more", CODE(ENDBR), KLP_NO_FENTRY, -EINVAL, true },
	{ "endbr cut off", CODE("\xf3\x0f\x1e"), KLP_NO_FENTRY, 0 },
};

static void case_name(const struct site_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(site, site_cases, case_name);

static void test_site(struct kunit *test)
{
	const struct site_case *c = test->param_value;
	struct klp_code func;

	if (c->ibt && !IS_ENABLED(CONFIG_X86_KERNEL_IBT))
		kunit_skip(test, "no IBT");

	func = copy_of(test, c->bytes, c->size);
	KUNIT_EXPECT_EQ(test, klp_insn_site(&func, c->fentry), c->site);
}

struct settle_case {
	const char *name;
	const char *bytes;
	unsigned int size;
	unsigned int site;
	const char *reason;
};

#define UNKNOWN		"cannot be decoded"
#define SMALL		"too small for a jump"

static const struct settle_case settle_cases[] = {
	{ "jmp", CODE(JMP), 0, NULL },
	{ "jmp behind endbr", CODE(ENDBR JMP), 4, NULL },
	{ "jmp behind anything", CODE("\x06" JMP), 1, NULL },
	{ "the last five bytes", CODE(XOR PUSH PUSH RET), 0, NULL },
	{ "four bytes", CODE(XOR PUSH RET), 0, SMALL },
	{ "four bytes from the site", CODE(ENDBR XOR PUSH RET), 4, SMALL },
	{ "across the fifth byte", CODE(PUSH JMP), 0, NULL },
	{ "a loop", CODE(PUSH PUSH PUSH "\xeb\xfb"), 0, NULL },
	{ "a call, ud2", CODE("\xe8\x00\x00\x00\x00\x0f\x0b"), 0, NULL },
	{ "one int3 behind ret", CODE(XOR PUSH RET "\xcc"), 0, NULL },
	{ "one int3 behind hlt", CODE(XOR PUSH "\xf4\xcc"), 0, SMALL },
	{ "padding far enough", CODE(XOR PUSH PUSH "\xf4" NOPS6), 0, NULL },
	{ "padding too near", CODE(XOR PUSH "\xf4" NOPS6), 0, SMALL },
	{ "long nop", CODE(XOR PUSH "\xf4" NOP8), 0, SMALL },
	{ "66 90", CODE(XOR PUSH "\xf4\x66\x90"), 0, SMALL },
	{ "66 2e long nop", CODE(XOR PUSH "\xf4\x66\x2e" NOP8), 0, SMALL },
	{ "pause is not padding", CODE(XOR PUSH "\xf3\x90"), 0, NULL },
	{ "xchg is not padding", CODE(XOR PUSH "\x49\x90"), 0, NULL },
	{ "nor is kmov", CODE(XOR PUSH "\xc5\xf8\x90\xc1"), 0, NULL },
	{ "nor is ud2", CODE(XOR PUSH "\x0f\x0b"), 0, NULL },
	{ "nor sar without gs", CODE(XOR PUSH "\x48\xc1\xf8\x05"), 0, NULL },
	{ "nor shl with gs", CODE(XOR PUSH "\x65\x48\xc1\x20\x05"), 0, NULL },
	{ "nor inc without gs", CODE(XOR PUSH "\x48\xff\xc0"), 0, NULL },
	{ "nor dec with gs", CODE(XOR PUSH "\x65\x48\xff\x08"), 0, NULL },
	{ "nops in the function", CODE(PUSH NOP8 RET), 0, NULL },
	{ "nothing but padding", CODE(NOP8 NOPS6), 0, SMALL },
	{ "int3 padding", CODE(INT3S4 INT3S4), 0, SMALL },
	{ "int3s of a return thunk", CODE(RET INT3S4), 0, NULL },
	{ "three of them", CODE(RET "\xcc\xcc\xcc"), 0, SMALL },
	{ "xor, ret, int3s", CODE(XOR RET INT3S4), 0, NULL },
	{ "ret, nop, int3s", CODE(RET "\x90\xcc\xcc\xcc"), 0, SMALL },
	{ "int3s behind hlt", CODE("\xf4" INT3S4), 0, SMALL },
	{ "call thunk behind it", CODE(XOR RET NOPS6 "\x90" THUNK), 0, SMALL },
	{ "with statistics", CODE(XOR RET NOPS6 THUNK_INC THUNK), 0, SMALL },
	{ "sar of the function", CODE(THUNK RET), 0, NULL },
	{ "bad opcode", CODE("\x06\x90\x90\x90\x90\xc3"), 0, UNKNOWN },
	{ "bad opcode later", CODE(PUSH PUSH "\x06" NOPS6), 0, UNKNOWN },
	{ "bad opcode behind", CODE(JMP "\x06"), 0, NULL },
	{ "bad vex", CODE(PUSH "\xc5\xf8\x04\xc3" RET), 0, UNKNOWN },
	{ "cut off", CODE(PUSH "\xe9\x11\x22\x33"), 0, UNKNOWN },
	{ "prefix cut off", CODE(PUSH PUSH "\x48"), 0, UNKNOWN },
	{ "prefix behind rex", CODE("\x48\x66" NOPS6), 0, UNKNOWN },
};

static void settle_name(const struct settle_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(settle, settle_cases, settle_name);

static void test_settleable(struct kunit *test)
{
	const struct settle_case *c = test->param_value;
	struct klp_code func = copy_of(test, c->bytes, c->size);

	KUNIT_EXPECT_STREQ(test, klp_insn_settleable(&func, c->site) ?: "fits",
			   c->reason ?: "fits");
}

struct arm_case {
	const char *name;
	const char *bytes;
	unsigned int size;
	const char *reason;
	struct klp_insn first;
};

#define SYSTEM		"begins with a system instruction"
#define CONTROL		"begins with a write to a control register"
#define TRAP		"begins with a trap"
#define CALL		"begins with a call"
#define INDIRECT	"begins with an indirect jump"
#define SHADOW		"begins with a block of interrupts"
#define FIXED		"begins with an instruction that cannot be moved"

#define ORDINARY(n)	.first = { KLP_INSN_ORDINARY, n }

static const struct arm_case arm_cases[] = {
	{ "push", CODE(PUSH), ORDINARY(1) },
	{ "nop", CODE(NOP8), ORDINARY(8) },
	{ "endbr", CODE(ENDBR), ORDINARY(4) },
	{ "rip-relative", CODE("\x48\x8b\x05\x11\x22\x33\x44"), ORDINARY(7) },
	{ "eip-relative", CODE("\x67\x8b\x05\x11\x22\x33\x44"), FIXED },
	{ "eax-relative", CODE("\x67\x8b\x40\x11"), ORDINARY(4) },
	{ "lock", CODE("\xf0\x48\xff\x07"), ORDINARY(4) },
	{ "rep movs", CODE("\xf3\x48\xa5"), ORDINARY(3) },
	{ "mov moffs", CODE("\xa1\x11\x22\x33\x44\x55\x66\x77\x88"), ORDINARY(9) },
	{ "pushf", CODE("\x9c"), ORDINARY(1) },
	{ "cli", CODE("\xfa"), ORDINARY(1) },
	{ "clac", CODE("\x0f\x01\xca"), ORDINARY(3) },
	{ "stac", CODE("\x0f\x01\xcb"), ORDINARY(3) },
	{ "xgetbv", CODE("\x0f\x01\xd0"), ORDINARY(3) },
	{ "rdtscp", CODE("\x0f\x01\xf9"), ORDINARY(3) },
	{ "lidt", CODE("\x0f\x01\x1f"), ORDINARY(3) },
	{ "mov from cr3", CODE("\x0f\x20\xd8"), ORDINARY(3) },
	{ "mov to ds", CODE("\x8e\xd8"), ORDINARY(2) },
	{ "push from memory", CODE("\xff\x37"), ORDINARY(2) },
	{ "vex with opcode e8", CODE("\xc5\xf9\xe8\xc1"), ORDINARY(4) },
	{ "jcc rel8", CODE("\x74\x10"), ORDINARY(2) },
	{ "jcc rel32", CODE("\x0f\x85\x11\x22\x33\x44"), ORDINARY(6) },
	{ "jmp rel8", CODE("\xeb\x10"), NULL, { KLP_INSN_JUMP, 2 } },
	{ "jmp rel32", CODE(JMP), NULL, { KLP_INSN_JUMP, 5 } },
	{ "cs jmp", CODE("\x2e" JMP), NULL, { KLP_INSN_JUMP, 6 } },
	{ "ret", CODE(RET), NULL, { KLP_INSN_RET, 1 } },
	{ "rep ret", CODE("\xf3" RET), NULL, { KLP_INSN_RET, 2 } },

	{ "data16 jmp", CODE("\x66" JMP), FIXED },
	{ "data16 jcc", CODE("\x66\x0f\x84\x11\x22\x33\x44"), FIXED },
	{ "data16 ret", CODE("\x66" RET), FIXED },
	{ "ret imm16", CODE("\xc2\x08\x00"), FIXED },
	{ "loop", CODE("\xe2\x10"), FIXED },
	{ "jrcxz", CODE("\xe3\x10"), FIXED },
	{ "xbegin", CODE("\xc7\xf8\x11\x22\x33\x44"), FIXED },
	{ "xabort", CODE("\xc6\xf8\x01"), FIXED },
	{ "call rel32", CODE(FENTRY_CALL), CALL },
	{ "call through register", CODE("\xff\xd0"), CALL },
	{ "call through memory", CODE("\xff\x15\x11\x22\x33\x44"), CALL },
	{ "far call", CODE("\x48\xff\x18"), CALL },
	{ "jmp through register", CODE("\xff\xe0"), INDIRECT },
	{ "jmp through memory", CODE("\xff\x25\x11\x22\x33\x44"), INDIRECT },
	{ "far jmp", CODE("\x48\xff\x28"), INDIRECT },
	{ "jmpabs", CODE("\xd5\x00\xa1\x11\x22\x33\x44\x55\x66\x77\x88"), INDIRECT },
	{ "int3", CODE("\xcc"), TRAP },
	{ "int", CODE("\xcd\x80"), TRAP },
	{ "int1", CODE("\xf1"), TRAP },
	{ "udb", CODE("\xd6"), TRAP },
	{ "ud2", CODE("\x0f\x0b"), TRAP },
	{ "ud1", CODE("\x0f\xb9\x40\x10"), TRAP },
	{ "ud0", CODE("\x0f\xff\x00"), TRAP },
	{ "xen prefix", CODE("\x0f\x0bxen\x0f\xa2"), TRAP },
	{ "iret", CODE("\x48\xcf"), SYSTEM },
	{ "far return", CODE("\x48\xcb"), SYSTEM },
	{ "far return imm16", CODE("\xca\x08\x00"), SYSTEM },
	{ "hlt", CODE("\xf4"), SYSTEM },
	{ "syscall", CODE("\x0f\x05"), SYSTEM },
	{ "sysret", CODE("\x48\x0f\x07"), SYSTEM },
	{ "sysenter", CODE("\x0f\x34"), SYSTEM },
	{ "sysexit", CODE("\x0f\x35"), SYSTEM },
	{ "getsec", CODE("\x0f\x37"), SYSTEM },
	{ "rsm", CODE("\x0f\xaa"), SYSTEM },
	{ "swapgs", CODE("\x0f\x01\xf8"), SYSTEM },
	{ "mwait", CODE("\x0f\x01\xc9"), SYSTEM },
	{ "vmlaunch", CODE("\x0f\x01\xc2"), SYSTEM },
	{ "erets", CODE("\xf2\x0f\x01\xca"), SYSTEM },
	{ "mov to cr3", CODE("\x0f\x22\xd8"), CONTROL },
	{ "lmsw", CODE("\x0f\x01\xf0"), CONTROL },
	{ "lmsw from memory", CODE("\x0f\x01\x30"), CONTROL },
	{ "sti", CODE("\xfb"), SHADOW },
	{ "mov to ss", CODE("\x8e\xd0"), SHADOW },
	{ "bad opcode", CODE("\x06"), UNKNOWN },
	{ "bad vex", CODE("\xc5\xf8\x04\xc3"), UNKNOWN },
	{ "cut off", CODE("\xe9\x11\x22\x33"), UNKNOWN },
	{ "prefix behind rex", CODE("\x48\x66" RET), UNKNOWN },
	{ "five prefixes", CODE("\x26\x2e\x36\x3e\x64" RET), UNKNOWN },
};

static void arm_name(const struct arm_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(arm, arm_cases, arm_name);

static void test_armable(struct kunit *test)
{
	const struct arm_case *c = test->param_value;
	struct klp_code func = copy_of(test, c->bytes, c->size);
	struct klp_insn first = {};
	u8 buf[KLP_INSN_COPY_SIZE];

	KUNIT_EXPECT_STREQ(test, klp_insn_armable(&func, 0, &first) ?: "can be",
			   c->reason ?: "can be");
	KUNIT_EXPECT_EQ(test, first.kind, c->first.kind);
	KUNIT_EXPECT_EQ(test, first.len, c->first.len);

	if (c->reason)
		KUNIT_EXPECT_EQ(test, klp_insn_copy(buf, ADDR, &func, 0, 0), -EINVAL);
}

struct branch_case {
	const char *name;
	const char *bytes;
	unsigned int size;
	unsigned int target;
	const char *reason;
	/* only kernels that are built without jump tables allow it */
	bool table;
};

#define BRANCH		KLP_BRANCH
#define TABLE		"has a jump table"

static const struct branch_case branch_cases[] = {
	{ "none", CODE(PUSH XOR RET), 0, NULL },
	{ "jmp rel8", CODE(PUSH "\xeb\xfd"), 0, BRANCH },
	{ "jmp rel8, elsewhere", CODE(PUSH "\xeb\xfd"), 1, NULL },
	{ "jmp rel8, forward", CODE("\xeb\x01" PUSH RET), 3, BRANCH },
	{ "jmp rel32", CODE(PUSH "\xe9\xfa\xff\xff\xff"), 0, BRANCH },
	{ "jcc rel8", CODE(PUSH "\x74\xfd"), 0, BRANCH },
	{ "jcc rel32", CODE(PUSH "\x0f\x84\xf9\xff\xff\xff"), 0, BRANCH },
	{ "setcc is none", CODE(PUSH "\x0f\x94\xc0"), 4, NULL },
	{ "loop", CODE(PUSH "\xe2\xfd"), 0, BRANCH },
	{ "jrcxz", CODE(PUSH "\xe3\xfd"), 0, BRANCH },
	{ "xbegin", CODE(PUSH "\xc7\xf8\xf9\xff\xff\xff"), 0, BRANCH },
	{ "mov is no xbegin", CODE(PUSH "\xc7\xc0\xf9\xff\xff\xff"), 0, NULL },
	{ "in padding", CODE(RET NOPS6 "\xeb\xf7"), 0, BRANCH },
	{ "behind others", CODE(PUSH "\x74\x02\xeb\xfc\x75\xf9"), 0, BRANCH },
	{ "a call is none", CODE(PUSH "\xe8\xfa\xff\xff\xff"), 0, NULL },
	{ "jmp in an immediate", CODE("\xb8\x00\x00\xeb\xfb"), 0, NULL },
	{ "vex with opcode 74", CODE(PUSH "\xc5\xf9\x74\xfb"), 0, NULL },
	{ "data16 jmp", CODE(PUSH "\x66\xe9\xf9\xff\xff\xff"), 0, UNKNOWN },
	{ "bad opcode", CODE(PUSH "\x06" RET), 0, UNKNOWN },
	{ "cut off", CODE(PUSH RET "\x74"), 0, UNKNOWN },
	{ "zeros behind it", CODE(PUSH RET "\x00\x00\x00"), 0, NULL },
	{ "no zero behind it", CODE(PUSH RET "\x00\x00\x01"), 0, UNKNOWN },
	{ "no zeros behind it", CODE(PUSH RET "\x00\x80\x00"), 0, UNKNOWN },
	{ "table", CODE(PUSH "\xff\x24\xc5\x11\x22\x33\x44"), 0, TABLE },
	{ "not by eights", CODE("\xff\x24\x24"), 0, NULL, true },
	{ "through memory", CODE(PUSH "\xff\x67\x10"), 0, NULL, true },
	{ "through register", CODE(PUSH "\xff\xe0"), 0, NULL, true },
	{ "call through a table", CODE("\xff\x14\xc5\x11\x22\x33\x44"), 0, NULL },
};

static void branch_name(const struct branch_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(branch, branch_cases, branch_name);

static void test_branches_to(struct kunit *test)
{
	const struct branch_case *c = test->param_value;
	struct klp_code func = copy_of(test, c->bytes, c->size);
	const char *reason = c->reason;

	if (c->table && !IS_ENABLED(CONFIG_MITIGATION_RETPOLINE) &&
	    !IS_ENABLED(CONFIG_X86_KERNEL_IBT))
		reason = TABLE;

	KUNIT_EXPECT_STREQ(test, klp_insn_branches_to(&func, ADDR + c->target) ?: "none",
			   reason ?: "none");
}

/* The copy is so far away. */
#define AWAY		0x10000
/* A jump from behind a copy of the same length: five bytes more than that. */
#define BACK		"\xe9\xfb\xff\xfe\xff"
#define RETHUNK		(ADDR + 0x1000000)

struct copy_case {
	const char *name;
	const char *bytes;
	unsigned int size;
	unsigned int site;
	unsigned long away;
	unsigned long rethunk;
	const char *copy;
	int ret;
};

#define COPY(s)		.copy = (s), .ret = sizeof(s) - 1
#define ERROR(e)	.ret = -(e)

static const struct copy_case copy_cases[] = {
	{ "push", CODE(PUSH RET), 0, AWAY, 0, COPY(PUSH BACK) },
	{ "push, not the first", CODE(NOP8 PUSH RET), 8, AWAY, 0,
	  COPY(PUSH BACK) },
	{ "rip-relative", CODE("\x48\x8b\x05\x11\x22\x33\x44"), 0, AWAY, 0,
	  COPY("\x48\x8b\x05\x11\x22\x32\x44" BACK) },
	{ "rip-relative and immediate",
	  CODE("\xc7\x05\x11\x22\x33\x44\x55\x66\x77\x88"), 0, AWAY, 0,
	  COPY("\xc7\x05\x11\x22\x32\x44\x55\x66\x77\x88" BACK) },
	{ "rip-relative vex", CODE("\xc5\xf8\x28\x05\x11\x22\x33\x44"), 0, AWAY, 0,
	  COPY("\xc5\xf8\x28\x05\x11\x22\x32\x44" BACK) },
	{ "rip-relative evex",
	  CODE("\x62\xf1\xfd\x48\x6f\x05\x11\x22\x33\x44"), 0, AWAY, 0,
	  COPY("\x62\xf1\xfd\x48\x6f\x05\x11\x22\x32\x44" BACK) },
	{ "rbp-relative", CODE("\x48\x8b\x85\x11\x22\x33\x44"), 0, AWAY, 0,
	  COPY("\x48\x8b\x85\x11\x22\x33\x44" BACK) },
	{ "fifteen bytes",
	  CODE("\x66\x2e\x64\xf0\x48\x81\x84\x03\x11\x22\x33\x44\x11\x22\x33"
	       "\x44"), 1, AWAY, 0,
	  COPY("\x2e\x64\xf0\x48\x81\x84\x03\x11\x22\x33\x44\x11\x22\x33\x44"
	       BACK) },
	{ "jmp rel8", CODE("\xeb\x10"), 0, AWAY, 0,
	  COPY("\xe9\x0d\x00\xff\xff") },
	{ "jmp rel8, back", CODE(PUSH "\xeb\xfd"), 1, AWAY, 0,
	  COPY("\xe9\xfa\xff\xfe\xff") },
	{ "jmp rel32", CODE(JMP), 0, AWAY, 0, COPY("\xe9\x11\x22\x32\x44") },
	{ "cs jmp", CODE("\x2e" JMP), 0, AWAY, 0, COPY("\xe9\x12\x22\x32\x44") },
	{ "jcc rel8", CODE("\x74\x10"), 0, AWAY, 0,
	  COPY("\x0f\x84\x0c\x00\xff\xff\xe9\xf7\xff\xfe\xff") },
	{ "jcc rel32", CODE("\x0f\x85\x11\x22\x33\x44"), 0, AWAY, 0,
	  COPY("\x0f\x85\x11\x22\x32\x44" BACK) },
	{ "ret", CODE(RET "\xcc"), 0, AWAY, 0, COPY("\xc3\xcc") },
	{ "rep ret", CODE("\xf3" RET), 0, AWAY, 0, COPY("\xc3\xcc") },
	{ "ret by thunk", CODE(RET "\xcc"), 0, AWAY, RETHUNK,
	  COPY("\xe9\xfb\xff\xfe\x00") },
	{ "farthest jump back", CODE(PUSH), 0, 0x7ffffffb, 0,
	  COPY(PUSH "\xe9\x00\x00\x00\x80") },
	{ "too far to jump back", CODE(PUSH), 0, 0x7ffffffc, 0, ERROR(ERANGE) },
	{ "jump forth", CODE(PUSH), 0, -0x7ffffff0UL, 0,
	  COPY(PUSH "\xe9\xeb\xff\xff\x7f") },
	{ "too far to jump forth", CODE(PUSH), 0, -0x80000010UL, 0, ERROR(ERANGE) },
	{ "displacement too far", CODE("\x48\x8b\x05\x00\x00\x00\x80"), 0, AWAY, 0,
	  ERROR(ERANGE) },
	{ "jmp too far", CODE("\xe9\x00\x00\x00\x80"), 0, AWAY, 0, ERROR(ERANGE) },
	{ "jcc too far", CODE("\x0f\x84\x00\x00\x00\x80"), 0, AWAY, 0,
	  ERROR(ERANGE) },
	{ "thunk too far", CODE(RET), 0, AWAY, ADDR + 0x80011000, ERROR(ERANGE) },
};

static void copy_name(const struct copy_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(copy, copy_cases, copy_name);

static void test_copy(struct kunit *test)
{
	const struct copy_case *c = test->param_value;
	struct klp_code func = copy_of(test, c->bytes, c->size);
	u8 *buf = kunit_kmalloc(test, KLP_INSN_COPY_SIZE, GFP_KERNEL);
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	ret = klp_insn_copy(buf, ADDR + c->site + c->away, &func, c->site,
			    c->rethunk);
	KUNIT_ASSERT_EQ(test, ret, c->ret);
	if (ret > 0)
		KUNIT_EXPECT_MEMEQ(test, buf, c->copy, ret);
}

static struct kunit_case klp_insn_cases[] = {
	KUNIT_CASE_PARAM(test_site, site_gen_params),
	KUNIT_CASE_PARAM(test_settleable, settle_gen_params),
	KUNIT_CASE_PARAM(test_armable, arm_gen_params),
	KUNIT_CASE_PARAM(test_branches_to, branch_gen_params),
	KUNIT_CASE_PARAM(test_copy, copy_gen_params),
	{}
};

static struct kunit_suite klp_insn_suite = {
	.name = "klp_insn",
	.test_cases = klp_insn_cases,
};

kunit_test_suite(klp_insn_suite);

MODULE_DESCRIPTION("KUnit tests of what livepatch makes of instructions");
MODULE_LICENSE("GPL");
