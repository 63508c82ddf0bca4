// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * livepatch.c - x86-specific part of the livepatch core
 */

#include <linux/kprobes.h>
#include <linux/livepatch.h>
#include <linux/preempt.h>
#include <linux/text-patching.h>
#include <asm/insn.h>

#include "kprobes/common.h"

/*
 * Decode an instruction as it was before a kprobe changed it.  Asking for each
 * instruction would be slow: recover_probed_instruction() looks for the address
 * in ftrace and kallsyms, too.
 */
static int klp_decode(struct insn *insn, unsigned long ip)
{
#ifdef CONFIG_KPROBES
	kprobe_opcode_t buf[MAX_INSN_SIZE];

	/* get_kprobe() asks for it. */
	guard(preempt)();

	/* An optimized kprobe has changed more than one byte. */
	for (int i = 0; i < JMP32_INSN_SIZE; i++) {
		unsigned long addr;

		if (!get_kprobe((void *)(ip - i)))
			continue;

		addr = recover_probed_instruction(buf, ip);
		if (!addr)
			return -EFAULT;

		return insn_decode_kernel(insn, (void *)addr);
	}
#endif
	return insn_decode_kernel(insn, (void *)ip);
}

unsigned long arch_klp_next_branch(unsigned long *ip, unsigned long end)
{
	struct insn insn;

	while (*ip < end) {
		if (klp_decode(&insn, *ip))
			break;

		*ip += insn.length;

		/* Their opcodes mean something else. */
		if (insn_is_avx_or_xop(&insn))
			continue;

		switch (insn.opcode.bytes[0]) {
		case 0x70 ... 0x7f:
		case JMP8_INSN_OPCODE:
		case JMP32_INSN_OPCODE:
			return *ip + insn.immediate.value;

		case 0x0f:
			if (insn.opcode.bytes[1] >= 0x80 &&
			    insn.opcode.bytes[1] <= 0x8f)
				return *ip + insn.immediate.value;
			break;
		}
	}

	return 0;
}
