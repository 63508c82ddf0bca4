// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * livepatch.c - x86-specific part of the livepatch core
 */

#include <linux/execmem.h>
#include <linux/extable.h>
#include <linux/jump_label.h>
#include <linux/kernel.h>
#include <linux/kgdb.h>
#include <linux/kprobes.h>
#include <linux/livepatch.h>
#include <linux/memory.h>
#include <linux/module.h>
#include <linux/perf_event.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/static_call.h>
#include <linux/string.h>
#include <linux/text-patching.h>
#include <linux/uaccess.h>
#include <asm/ibt.h>
#include <asm/insn.h>
#include <asm/livepatch.h>
#include <asm/nospec-branch.h>

#include "kprobes/common.h"
#include "livepatch_insn.h"

#ifdef CONFIG_KPROBES
/* One that is gone was in a module that was here before. */
static bool klp_has_kprobe(unsigned long addr)
{
	struct kprobe *p = get_kprobe((void *)addr);

	return p && !kprobe_gone(p);
}
#endif

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

		if (!klp_has_kprobe(ip - i))
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
	const struct exception_table_entry *ex;
	struct insn insn;

	while (*ip < end) {
		if (klp_decode(&insn, *ip))
			break;

		ex = search_exception_tables(*ip);
		*ip += insn.length;
		if (ex)
			return (unsigned long)&ex->fixup + ex->fixup;

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
 * klp_int3_handler() - handle the breakpoint of a site
 * @regs:	registers of whoever hit it
 *
 * It may stand there for a function that ftrace cannot take.  Or else the site is
 * being changed, and few get there: ftrace sends calls to the new function, and
 * those that stood at the site have been waited for, unless tasks are forced. But
 * ftrace drops calls that recurse, and these do get here.  They go where the task
 * is to go, not to the original.
 *
 * As smp_text_poke_int3_handler(), it must not hit another breakpoint.  With FRED,
 * too, breakpoints get here by way of exc_int3().
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
	 * sites.  Pairs with smp_wmb() in klp_poke_sites().
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
 * A direct jump needs no ENDBR, and leaves call depth as it is.  What kCFI checks
 * has been checked for the original.
 *
 * Context: any
 * Return: the address
 */
unsigned long arch_klp_jump_target(unsigned long func)
{
	return is_endbr((u32 *)func) ? func + ENDBR_INSN_SIZE : func;
}

/* A module that is coming tells livepatch first, and then kprobes. */
static bool klp_is_blacklisted(unsigned long func, struct module *mod)
{
	for (unsigned int i = 0; i < mod->num_kprobe_blacklist; i++)
		if (mod->kprobe_blacklist[i] == func)
			return true;

	return func - (unsigned long)mod->kprobes_text_start < mod->kprobes_text_size ||
	       func - (unsigned long)mod->noinstr_text_start < mod->noinstr_text_size;
}

/*
 * Code that lives as long as the kernel or its module, and is not special. The
 * module is to be put: of one that is going, nobody tells what is reserved.
 */
static bool klp_get_plain_text(unsigned long func, unsigned long addr,
			       struct module **mod)
{
	*mod = NULL;

	if (within_kprobe_blacklist(addr))
		return false;

	/* Text for booting is not, any more. */
	if (core_kernel_text(addr))
		return true;

	guard(rcu)();
	*mod = __module_text_address(addr);
	if (*mod && within_module_core(addr, *mod) &&
	    !klp_is_blacklisted(func, *mod) && try_module_get(*mod))
		return true;

	*mod = NULL;

	return false;
}

static bool klp_is_reserved(void *start, void *end)
{
	if (jump_label_text_reserved(start, end) ||
	    static_call_text_reserved(start, end))
		return true;

	/* kprobe_mutex is held, which get_kprobe() cannot tell. */
	guard(preempt)();
	for (; start <= end; start++)
		if (klp_has_kprobe((unsigned long)start))
			return true;

	return false;
}

/* Enough to see whether the function ends. */
#define KLP_ENTRY_SIZE	(8 * MAX_INSN_SIZE)

/*
 * Read the first instructions of the original.  Return the offset of the site, or
 * a negative number and set the reason.
 */
static int klp_read_entry(struct klp_site *site, struct klp_code *code, u8 *text,
			  unsigned long func, unsigned long size,
			  unsigned long ip, const char **reason)
{
	int offset;

	code->bytes = text;
	code->size = min(size, KLP_ENTRY_SIZE);
	code->addr = func;

	if (copy_from_kernel_nofault(text, (void *)func, code->size)) {
		*reason = "text cannot be read";
		return -EFAULT;
	}

	/* It has a breakpoint, but no jump. */
	if (site->armed && !site->target)
		text[site->addr - func] = site->orig[0];

	offset = klp_insn_site(code, ip ? ip - func : KLP_NO_FENTRY);
	if (offset < 0) {
		*reason = "unusual entry";
		return offset;
	}

	if (site->target)
		memcpy(text + offset, site->orig,
		       min(code->size - offset, KLP_SITE_SIZE));
	else
		memcpy(site->orig, text + offset,
		       min(code->size - offset, KLP_SITE_SIZE));
	site->addr = func + offset;

	return offset;
}

/* The other way around, kgdb asks klp_text_reserved(). */
static bool klp_has_breakpoint(unsigned long start, unsigned long size)
{
#ifdef CONFIG_KGDB
	for (unsigned long addr = start; addr < start + size; addr++)
		if (kgdb_has_hit_break(addr))
			return true;
#endif
	return false;
}

/*
 * Nobody else may change the instructions: static branches, static calls and
 * probes do.  Alternatives have all been applied.
 */
static const char *klp_check_reserved(struct klp_site *site, unsigned long func,
				      unsigned int len)
{
	void *start = (void *)site->addr;
	struct module *mod;
	bool reserved;

	if (!klp_get_plain_text(func, site->addr, &mod))
		return "special text";
	reserved = klp_is_reserved(start, start + len - 1);
	module_put(mod);
	if (reserved)
		return "static branch, static call or kprobe";

	/* The last for whoever else has put one there */
	if (klp_has_breakpoint(site->addr, len) ||
	    site->orig[0] == INT3_INSN_OPCODE)
		return "breakpoint";

	return NULL;
}

static const char *klp_check_room(struct klp_site *site, const struct klp_code *code)
{
	return klp_insn_settleable(code, site->addr - code->addr) ?:
	       klp_check_reserved(site, code->addr, KLP_SITE_SIZE);
}

/**
 * arch_klp_check_site() - can a jump be put in behind the entry of a function?
 * @site:	what is found out about the site, and where it is to jump to
 * @func:	address of the function
 * @size:	its size, by kallsyms
 * @ip:		where ftrace calls from
 *
 * What the instructions are does not matter.
 *
 * Context: kprobe_mutex, jump_label_mutex and text_mutex held
 * Return: NULL if it can, or the reason why not
 */
const char *arch_klp_check_site(struct klp_site *site, unsigned long func,
				unsigned long size, unsigned long ip)
{
	u8 text[KLP_ENTRY_SIZE];
	struct klp_code code;
	const char *reason;
	long distance;

	lockdep_assert_held(&text_mutex);

	if (klp_read_entry(site, &code, text, func, size, ip, &reason) < 0)
		return reason;

	reason = klp_check_room(site, &code);
	if (reason)
		return reason;

	distance = site->to - (site->addr + KLP_SITE_SIZE);
	if (distance != (s32)distance)
		return "too far away";

	return NULL;
}

/*
 * A page that can be executed, and not be written but by text_poke_copy().  It is
 * no kernel text and has no ORC: a task that is preempted there has no reliable
 * stack, and is not migrated.
 */
static void *klp_alloc_copies(void)
{
	void *page = execmem_alloc(EXECMEM_KPROBES, PAGE_SIZE);

	if (page)
		text_poke_set(page, INT3_INSN_OPCODE, PAGE_SIZE);

	return page;
}

static struct kprobe_insn_cache klp_copies = {
	.mutex = __MUTEX_INITIALIZER(klp_copies.mutex),
	.alloc = klp_alloc_copies,
	.free = execmem_free,
	.sym = "klp_copy_page",
	.pages = LIST_HEAD_INIT(klp_copies.pages),
	.insn_size = KLP_INSN_COPY_SIZE,
};

/**
 * arch_klp_alloc_copy() - provide for arch_klp_copy_first()
 * @site:	the site
 *
 * Context: may sleep, takes text_mutex
 * Return: 0 or -ENOMEM
 */
int arch_klp_alloc_copy(struct klp_site *site)
{
	site->copy = __get_insn_slot(&klp_copies);

	return site->copy ? 0 : -ENOMEM;
}

/**
 * arch_klp_free_copy() - free the copy of a first instruction
 * @site:	the site
 *
 * Nobody can get there, and whoever was has been waited for: a grace period of
 * Tasks RCU.
 *
 * Context: may sleep
 */
void arch_klp_free_copy(struct klp_site *site)
{
	/* Whoever needs a slot next would have to wait for dirty ones. */
	__free_insn_slot(&klp_copies, site->copy, 0);
}

/* Does a static branch lead to an address, disabled or not? */
static bool klp_is_jump_target(unsigned long addr)
{
	const struct jump_entry *jump = __start___jump_table;
	const struct jump_entry *jump_end = __stop___jump_table;
	struct module *mod;

	guard(rcu)();
	mod = __module_text_address(addr);
	if (mod) {
		jump = mod->jump_entries;
		jump_end = jump + mod->num_jump_entries;
	}

	for (; jump < jump_end; jump++)
		if (jump_entry_target(jump) == addr)
			return true;

	return false;
}

/**
 * arch_klp_copy_first() - make a copy of the first instruction of a function
 * @site:	what is found out about the site, and has room for the copy
 * @func:	address of the function
 * @size:	its size, by kallsyms
 * @ip:		where ftrace calls from, 0 if it does not
 *
 * A breakpoint can take its place then, if arch_klp_check_branches() has nothing
 * to say against it.
 *
 * Context: kprobe_mutex, jump_label_mutex and text_mutex held
 * Return: NULL if that is done, or the reason why it cannot be
 */
const char *arch_klp_copy_first(struct klp_site *site, unsigned long func,
				unsigned long size, unsigned long ip)
{
	u8 text[KLP_ENTRY_SIZE], copy[KLP_INSN_COPY_SIZE];
	struct klp_insn first;
	struct klp_code code;
	const char *reason;
	int offset, len;

	lockdep_assert_held(&text_mutex);

	/*
	 * Where the compiler has seen all of a function, its callers can keep
	 * values in registers that it leaves alone, and the replacement need not.
	 * Room in front of functions for the kernel to use makes gcc forget about
	 * it, as fentry does.
	 */
	if (!ip && IS_ENABLED(CONFIG_CC_IS_GCC) && !IS_ENABLED(CONFIG_CALL_PADDING))
		return "its callers may know which registers it uses";

	offset = klp_read_entry(site, &code, text, func, size, ip, &reason);
	if (offset < 0)
		return reason;

	/*
	 * Who changes any of the instruction, changes its first byte.  If there is
	 * a jump, nobody does, even if its module is going by now.
	 */
	reason = site->target ? NULL : klp_check_reserved(site, func, 1);
	if (reason)
		return reason;

	reason = klp_insn_armable(&code, offset, &first);
	if (reason)
		return reason;

	/* It would be looked up by its address, which is not that of the copy. */
	if (search_exception_tables(site->addr))
		return "begins with an instruction that may fault";
	if (klp_is_jump_target(site->addr))
		return KLP_BRANCH;

	len = klp_insn_copy(copy, (unsigned long)site->copy, &code, offset,
			    cpu_wants_rethunk() ? (unsigned long)x86_return_thunk : 0);
	if (len < 0)
		return "begins with an instruction that cannot be moved";

	memset(copy + len, INT3_INSN_OPCODE, sizeof(copy) - len);
	text_poke_copy_locked(site->copy, copy, sizeof(copy), false);
	perf_event_text_poke(site->copy, NULL, 0, copy, sizeof(copy));

	if (!site->target)
		site->cramped = klp_check_room(site, &code);

	return NULL;
}

/* Put back what kprobes have taken. */
static int klp_undo_kprobes(u8 *text, unsigned long start, unsigned long size)
{
	u8 buf[MAX_INSN_SIZE];
	unsigned long addr;

	for (unsigned long off = 0; off < size; off++) {
		/* kprobe_mutex is held, which get_kprobe() cannot tell. */
		guard(preempt)();

		if (!klp_has_kprobe(start + off))
			continue;
		addr = recover_probed_instruction(buf, start + off);
		if (!addr)
			return -EFAULT;
		/* If it is optimized, it has taken so much. */
		memcpy(text + off, (void *)addr, min(size - off, JMP32_INSN_SIZE));
	}

	return 0;
}

/**
 * arch_klp_check_branches() - does some code lead to the site of its function?
 * @site:	the site
 * @text:	memory for a copy of the code
 * @start:	address of the code: the function, or its .cold part
 * @size:	its size
 *
 * Context: kprobe_mutex and text_mutex held, may sleep
 * Return: NULL if it does not, or the reason why a breakpoint cannot be put there
 */
const char *arch_klp_check_branches(const struct klp_site *site, u8 *text,
				    unsigned long start, unsigned long size)
{
	struct klp_code code = {
		.bytes = text,
		.size = size,
		.addr = start,
	};

	if (copy_from_kernel_nofault(text, (void *)start, size) ||
	    klp_undo_kprobes(text, start, size))
		return "text cannot be read";

	/* It jumps. */
	if (site->target && site->addr - start < size)
		memcpy(text + (site->addr - start), site->orig,
		       min(size - (site->addr - start), KLP_SITE_SIZE));

	for (unsigned long addr = start; addr < start + size; addr++) {
		const struct exception_table_entry *ex;

		ex = search_exception_tables(addr);
		if (ex && (unsigned long)&ex->fixup + ex->fixup == site->addr)
			return KLP_BRANCH;
		/* What it stands on may be a branch. */
		if (klp_has_breakpoint(addr, 1))
			return "breakpoint";
		cond_resched();
	}

	return klp_insn_branches_to(&code, site->addr);
}

/**
 * arch_klp_is_early() - is a function executed where a breakpoint is not handled?
 * @name:	name of the function
 *
 * These are called while a CPU comes up, comes back or leaves for another kernel,
 * and has no IDT.  Those that are in text for booting, or that kprobes must not
 * touch either, are not listed.  Many of those that begin with native_ are called
 * by way of pv_ops, from there, too, and those of the sanitizers by what the
 * compiler has added.
 *
 * Nor can thunks have one: klp_int3_handler() returns by way of one.  Trampolines
 * of static calls are written to by others.
 *
 * Context: any
 * Return: true if so
 */
bool arch_klp_is_early(const char *name)
{
	static const char * const early[] = {
		"early_setup_idt",
		"load_current_idt",
		"cpu_init",
		"cpu_init_exception_handling",
		"cpu_init_replace_early_idt",
		"cpu_init_fred_exceptions",
		"cpu_init_fred_rsps",
		"cr4_init",
		"cr4_update_irqsoff",
		"setup_ghcb",
		"snp_register_ghcb_early",
		"load_direct_gdt",
		"load_fixmap_gdt",
		"switch_gdt_and_percpu_base",
		"machine_kexec",
		"restore_processor_state",
		"__restore_processor_state",
		"save_processor_state",
		"__save_processor_state",
		"startup_64",
		"secondary_startup_64",
		"secondary_startup_64_no_verify",
		"verify_cpu",
		"common_startup_64",
		"soft_restart_cpu",
		"wakeup_long64",
		"restore_registers",
		"restore_image",
		"core_restore_code",
		"pvh_start_xen",
		"startup_xen",
		"asm_cpu_bringup_and_idle",
		"xen_cpu_bringup_again",
		"memset",
		"__memset",
		"memset_orig",
		/* ftrace makes copies of these. */
		"ftrace_caller",
		"ftrace_regs_caller",
	};

	return klp_is_listed(name, early, ARRAY_SIZE(early)) ||
	       str_has_prefix(name, "native_") ||
	       str_has_prefix(name, "__pi_") ||
	       str_has_prefix(name, "kasan_") ||
	       str_has_prefix(name, "__asan_") ||
	       str_has_prefix(name, "__tsan_") ||
	       str_has_prefix(name, "__sanitizer_") ||
	       str_has_prefix(name, "__SCT__") ||
	       str_has_prefix(name, "__x86_") ||
	       strstr(name, "_return_thunk") || strstr(name, "_safe_ret");
}

static void klp_site_text(const struct klp_site *site, unsigned long target,
			  bool armed, u8 *text)
{
	if (target)
		__text_gen_insn(text, JMP32_INSN_OPCODE, (void *)site->addr,
				(void *)target, JMP32_INSN_SIZE);
	else
		memcpy(text, site->orig, KLP_SITE_SIZE);

	if (armed)
		text[0] = INT3_INSN_OPCODE;
}

/**
 * arch_klp_poke_sites() - change what is at sites
 * @sites:	list of the sites, with what they are to be in site->to and
 *		site->arm
 *
 * This is the protocol of smp_text_poke_batch_finish(), with a breakpoint that is
 * handled by klp_int3_handler(), and may have been there before, or stay.  That
 * one cannot be used: it does not replace several instructions by one, and
 * synchronizes all CPUs for each page of sites.
 *
 * Several instructions can be replaced because nobody is in there, but for calls
 * that ftrace drops, which are waited for, and those of an NMI, which has returned
 * when its CPU takes part in the sync.
 *
 * Suspend and hibernation keep text and copies as they are, with all memory, and
 * CPUs come back by way of hotplug, which is kept out here.  Kexec leaves both
 * behind.  What is executed in between without an IDT can jump, and never gets a
 * breakpoint, see arch_klp_is_early().
 *
 * Context: text_mutex and cpus_read_lock() held, may sleep
 */
void arch_klp_poke_sites(struct list_head *sites)
{
	bool arm = false, wait = false, tail = false, disarm = false;
	u8 old[KLP_SITE_SIZE], new[KLP_SITE_SIZE];
	const u8 int3 = INT3_INSN_OPCODE;
	struct klp_site *site;
	size_t len;

	lockdep_assert_held(&text_mutex);
	lockdep_assert_cpus_held();

	list_for_each_entry(site, sites, node) {
		if (site->armed)
			continue;
		arm = true;
		wait |= site->to && !site->target;
		text_poke((void *)site->addr, &int3, INT3_INSN_SIZE);
		cond_resched();
	}
	if (arm)
		smp_text_poke_sync_each_cpu();

	/*
	 * ftrace drops calls that recurse while they are traced. They get into
	 * the original, with preemption disabled. No more do from now on; wait
	 * for those that are in there.
	 */
	if (wait)
		synchronize_rcu();

	list_for_each_entry(site, sites, node) {
		klp_site_text(site, site->target, site->armed, old);
		klp_site_text(site, site->to, site->arm, new);
		if (site->target != site->to) {
			tail = true;
			text_poke((void *)site->addr + INT3_INSN_SIZE,
				  new + INT3_INSN_SIZE,
				  KLP_SITE_SIZE - INT3_INSN_SIZE);
		}
		/* See smp_text_poke_batch_finish() for why here. */
		len = site->target == site->to ? INT3_INSN_SIZE : KLP_SITE_SIZE;
		perf_event_text_poke((void *)site->addr, old, len, new, len);
		cond_resched();
	}
	if (tail)
		smp_text_poke_sync_each_cpu();

	list_for_each_entry(site, sites, node) {
		if (site->arm)
			continue;
		disarm = true;
		klp_site_text(site, site->to, false, new);
		text_poke((void *)site->addr, new, INT3_INSN_SIZE);
		cond_resched();
	}
	/* Nobody is in the breakpoint's handler after this either. */
	if (disarm)
		smp_text_poke_sync_each_cpu();
}

#endif /* CONFIG_LIVEPATCH_JUMP */
