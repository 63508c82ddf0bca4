// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * livepatch.c - x86-specific part of the livepatch core
 */

#include <linux/jump_label.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/livepatch.h>
#include <linux/memory.h>
#include <linux/module.h>
#include <linux/perf_event.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/static_call.h>
#include <linux/text-patching.h>
#include <linux/uaccess.h>
#include <asm/ibt.h>
#include <asm/insn.h>
#include <asm/livepatch.h>

#include "kprobes/common.h"
#include "livepatch_insn.h"

/*
 * Decode an instruction as it was before a kprobe or a livepatch changed it.
 * Asking recover_probed_instruction() for each would be slow: it looks for the
 * address in ftrace and kallsyms, too.
 */
static int klp_decode(struct insn *insn, unsigned long ip)
{
	u8 buf[MAX_INSN_SIZE];

#ifdef CONFIG_KPROBES
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
	/* The immediate of a branch is all that matters of its place. */
	switch (klp_recover_text(buf, ip, sizeof(buf))) {
	case 0:
		return insn_decode_kernel(insn, (void *)ip);
	case 1:
		return insn_decode_kernel(insn, buf);
	default:
		return -EFAULT;
	}
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

#ifdef CONFIG_LIVEPATCH_JUMP

/**
 * klp_int3_handler() - handle the breakpoint of a site that is being changed
 * @regs:	registers of whoever hit it
 *
 * Nobody should: ftrace sends calls to the new function, or waits for nobody to be
 * left at the site.  But ftrace drops calls that recurse, and these get here.
 * They go where the task is to go, not to the original.
 *
 * As smp_text_poke_int3_handler(), it must not hit another breakpoint.
 *
 * Context: interrupts disabled, any context, NMI too
 * Return: true if it was such a breakpoint
 */
noinstr bool klp_int3_handler(struct pt_regs *regs)
{
	unsigned long target;

	if (user_mode(regs))
		return false;

	/*
	 * Enforce the order of seeing the breakpoint and of reading the table of
	 * sites.  Pairs with smp_wmb() in klp_install_jumps().
	 */
	smp_rmb();

	target = klp_resolve_site(regs->ip - INT3_INSN_SIZE);
	if (!target)
		return false;

	int3_emulate_jmp(regs, target);

	return true;
}

/**
 * arch_klp_jump_target() - where to jump to for a call of a function
 * @func:	address of the function
 *
 * A direct jump needs no ENDBR.
 *
 * Context: any
 * Return: the address
 */
unsigned long arch_klp_jump_target(unsigned long func)
{
	return is_endbr((u32 *)func) ? func + ENDBR_INSN_SIZE : func;
}

/*
 * Code that lives as long as the kernel or its module, and is not special. The
 * module is to be put: of one that is going, nobody tells what is reserved.
 */
static bool klp_get_plain_text(unsigned long addr, struct module **mod)
{
	*mod = NULL;

	if (IS_ENABLED(CONFIG_KPROBES) && within_kprobe_blacklist(addr))
		return false;

	/* Text for booting is not, any more. */
	if (core_kernel_text(addr))
		return true;

	guard(rcu)();
	*mod = __module_text_address(addr);
	if (*mod && within_module_core(addr, *mod) && try_module_get(*mod))
		return true;

	*mod = NULL;

	return false;
}

static bool klp_is_reserved(void *start, void *end)
{
	if (jump_label_text_reserved(start, end) ||
	    static_call_text_reserved(start, end))
		return true;

	if (!IS_ENABLED(CONFIG_KPROBES))
		return false;

	/* kprobe_mutex is held, which get_kprobe() cannot tell. */
	guard(preempt)();
	for (; start <= end; start++)
		if (get_kprobe(start))
			return true;

	return false;
}

/**
 * arch_klp_check_site() - can a jump be put in behind the entry of a function?
 * @site:	what is found out about the site, and where it is to jump to
 * @func:	address of the function
 * @size:	its size, by kallsyms
 * @ip:		where ftrace calls from
 *
 * Nobody else may change the instructions: static branches, static calls and
 * probes do.  Alternatives have all been applied.  What the instructions are does
 * not matter.
 *
 * Context: kprobes_trylock(), jump_label_mutex and text_mutex held
 * Return: NULL if it can, or the reason why not
 */
const char *arch_klp_check_site(struct klp_site *site, unsigned long func,
				unsigned long size, unsigned long ip)
{
	/* Enough to see whether the function ends. */
	u8 text[8 * MAX_INSN_SIZE];
	struct klp_code code = {
		.bytes = text,
		.size = min(size, sizeof(text)),
		.addr = func,
	};
	struct module *mod;
	const char *reason;
	bool reserved;
	void *start;
	long distance;
	int offset;

	lockdep_assert_held(&text_mutex);

	if (copy_from_kernel_nofault(text, (void *)func, code.size))
		return "text cannot be read";

	offset = klp_insn_site(&code, ip - func);
	if (offset < 0)
		return "unusual entry";

	site->addr = func + offset;
	start = (void *)site->addr;

	reason = klp_insn_settleable(&code, offset);
	if (reason)
		return reason;

	if (!klp_get_plain_text(site->addr, &mod))
		return "special text";
	reserved = klp_is_reserved(start, start + KLP_SITE_SIZE - 1);
	module_put(mod);
	if (reserved)
		return "static branch, static call or kprobe";

	memcpy(site->orig, text + offset, KLP_SITE_SIZE);
	/* Not one of kprobes: kgdb */
	if (site->orig[0] == INT3_INSN_OPCODE)
		return "breakpoint";

	distance = site->to - (site->addr + KLP_SITE_SIZE);
	if (distance != (s32)distance)
		return "too far away";

	return NULL;
}

static void klp_site_text(const struct klp_site *site, unsigned long target, u8 *text)
{
	if (target)
		__text_gen_insn(text, JMP32_INSN_OPCODE, (void *)site->addr,
				(void *)target, JMP32_INSN_SIZE);
	else
		memcpy(text, site->orig, KLP_SITE_SIZE);
}

/**
 * arch_klp_poke_sites() - change what is at sites
 * @sites:	list of the sites, with what they are to be in site->to
 *
 * This is the protocol of smp_text_poke_batch_finish(), with a breakpoint that is
 * handled by klp_int3_handler().  That one cannot be used: it does not replace
 * several instructions by one, and synchronizes all CPUs for each page of sites.
 *
 * Several instructions can be replaced because nobody is in there, but for calls
 * that ftrace drops, which are waited for.
 *
 * Context: text_mutex and cpus_read_lock() held, may sleep
 */
void arch_klp_poke_sites(struct list_head *sites)
{
	u8 old[KLP_SITE_SIZE], new[KLP_SITE_SIZE];
	const u8 int3 = INT3_INSN_OPCODE;
	struct klp_site *site;
	bool install = false;

	lockdep_assert_held(&text_mutex);
	lockdep_assert_cpus_held();

	if (list_empty(sites))
		return;

	list_for_each_entry(site, sites, node) {
		text_poke((void *)site->addr, &int3, INT3_INSN_SIZE);
		install |= !site->target;
		cond_resched();
	}
	smp_text_poke_sync_each_cpu();

	/*
	 * ftrace drops calls that recurse while they are traced. They get into
	 * the original, with preemption disabled. No more do from now on; wait
	 * for those that are in there.
	 */
	if (install)
		synchronize_rcu();

	list_for_each_entry(site, sites, node) {
		klp_site_text(site, site->target, old);
		klp_site_text(site, site->to, new);
		text_poke((void *)site->addr + INT3_INSN_SIZE, new + INT3_INSN_SIZE,
			  KLP_SITE_SIZE - INT3_INSN_SIZE);
		/* See smp_text_poke_batch_finish() for why here. */
		perf_event_text_poke((void *)site->addr, old, KLP_SITE_SIZE,
				     new, KLP_SITE_SIZE);
		cond_resched();
	}
	smp_text_poke_sync_each_cpu();

	list_for_each_entry(site, sites, node) {
		klp_site_text(site, site->to, new);
		text_poke((void *)site->addr, new, INT3_INSN_SIZE);
		cond_resched();
	}
	/* Nobody is in the breakpoint's handler after this either. */
	smp_text_poke_sync_each_cpu();
}

#endif /* CONFIG_LIVEPATCH_JUMP */
