// SPDX-License-Identifier: GPL-2.0

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/jump_label.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/objtool.h>
#include <linux/static_call.h>
#include <linux/timer.h>
#ifdef CONFIG_X86
#include <asm/nospec-branch.h>
#endif
#include "test_klp_int3.h"

/* Keep the kthread in test_klp_int3_check(). */
static bool hold;
module_param(hold, bool, 0644);
MODULE_PARM_DESC(hold, "keep the kthread in its function");

static bool held;
module_param(held, bool, 0444);
MODULE_PARM_DESC(held, "the kthread is in its function");

/* Be a module that is going, for as long as this is set. */
static bool linger;
module_param(linger, bool, 0644);
MODULE_PARM_DESC(linger, "wait at the beginning of the module's exit");

static unsigned int number;
module_param(number, uint, 0644);
MODULE_PARM_DESC(number, "a number, for whoever patches what reads it");

static bool ipa_ra = TEST_KLP_IPA_RA;
module_param(ipa_ra, bool, 0444);
MODULE_PARM_DESC(ipa_ra, "callers of a function may know which registers it uses");

/* How often an invocation has seen another version than its own */
static atomic_t mixes;

static int zero;

static noinline __noclone notrace int test_klp_int3_zero(void)
{
	return READ_ONCE(zero);
}

/*
 * Functions without fentry, and with a first instruction of each kind: one that
 * can stand anywhere, ...
 */
static noinline __noclone notrace int test_klp_int3_plain(void)
{
	return 0;
}

/* ... one that is relative to RIP, ... */
static noinline __noclone notrace int test_klp_int3_relative(void)
{
	return READ_ONCE(zero) & 1;
}

/* ... a jump, by a tail call, ... */
static noinline __noclone notrace int test_klp_int3_jump(void)
{
	return test_klp_int3_zero();
}

/* ... a conditional branch, ... */
static noinline __noclone notrace int test_klp_int3_branch(void)
{
	if (IS_ENABLED(CONFIG_X86))
		asm volatile("jc 1f\n1:");

	return READ_ONCE(zero) & 2;
}

/* ... and a return. */
static noinline __noclone notrace void test_klp_int3_return(int *version)
{
	/* The compiler shall not find out that this does nothing. */
	asm volatile("");
}

/* Functions that cannot have a breakpoint: they begin with a call, ... */
static noinline __noclone notrace int test_klp_int3_call(void)
{
	return test_klp_int3_zero() + 1;
}

/* ... come back to their beginning, ... */
static noinline __noclone notrace void test_klp_int3_loop(int *p)
{
	while (READ_ONCE(*p))
		;
}

/* ... or have a name like those that run without an IDT, ... */
static noinline __noclone notrace int native_test_klp_int3(void)
{
	return READ_ONCE(zero) & 8;
}

/* ... that the breakpoint's handler returns by way of, ... */
static noinline __noclone notrace int __x86_test_klp_int3(void)
{
	return READ_ONCE(zero) & 16;
}

/* ... where tasks are switched.  Only Xen has a function of that name. */
static noinline __noclone notrace int cpu_bringup_and_idle(void)
{
	return READ_ONCE(zero) & 32;
}

/* ... begin with what others change, a static branch, ... */
static DEFINE_STATIC_KEY_FALSE(test_klp_int3_key);

static noinline __noclone notrace int test_klp_int3_static_branch(void)
{
	if (static_branch_unlikely(&test_klp_int3_key))
		return 5;

	return READ_ONCE(zero) & 64;
}

/* ... or a static call, ... */
DEFINE_STATIC_CALL(test_klp_int3_static, test_klp_int3_zero);

static noinline __noclone notrace int test_klp_int3_static_call(void)
{
	return static_call(test_klp_int3_static)();
}

/* ... or must not be probed. */
static noinline __noclone notrace int test_klp_int3_no_probe(void)
{
	return READ_ONCE(zero) & 128;
}
NOKPROBE_SYMBOL(test_klp_int3_no_probe);

#ifdef CONFIG_X86
/* Nobody calls these, and each instruction matters.  The first one may fault, ... */
DEFINE_ASM_FUNC(test_klp_int3_fault,
		"1: nop\n"
		"2:\n"
		_ASM_EXTABLE(1b, 2b), .text);

/* ... is gone back to after a fault, ... */
DEFINE_ASM_FUNC(test_klp_int3_fixup,
		"1: nop\n"
		"2: nop\n"
		_ASM_EXTABLE(2b, 1b), .text);

/* ... by a static branch that is off, ... */
DEFINE_ASM_FUNC(test_klp_int3_off,
		"2: nop\n"
		ARCH_STATIC_BRANCH_ASM("test_klp_int3_key", "2b"), .text);

/* ... or by the .cold part, ... */
DEFINE_ASM_FUNC(test_klp_int3_parted,
		".Ltest_klp_int3_parted: nop\n"
		"jc test_klp_int3_parted.cold", .text);
DEFINE_ASM_FUNC(test_klp_int3_parted.cold, "jc .Ltest_klp_int3_parted",
		.text.unlikely);

/* ... is a breakpoint already, ... */
DEFINE_ASM_FUNC(test_klp_int3_trap, "int3", .text);

/* ... is one that a copy cannot stand for, ... */
DEFINE_ASM_FUNC(test_klp_int3_undefined, "ud2", .text);
DEFINE_ASM_FUNC(test_klp_int3_system, "hlt", .text);
DEFINE_ASM_FUNC(test_klp_int3_control, "mov %rax, %cr0", .text);
DEFINE_ASM_FUNC(test_klp_int3_indirect, ANNOTATE_RETPOLINE_SAFE "\njmp *%rax", .text);
DEFINE_ASM_FUNC(test_klp_int3_shadow, "sti", .text);
DEFINE_ASM_FUNC(test_klp_int3_fixed, "jrcxz 1f\n1:", .text);

/* ... is none in this mode, ... */
DEFINE_ASM_FUNC(test_klp_int3_unknown, ".byte 0x06", .text);

/* ... may be in a jump table, ... */
DEFINE_ASM_FUNC(test_klp_int3_table,
		"nop\n"
		ANNOTATE_RETPOLINE_SAFE "\njmp *0(, %rax, 8)", .text);

/* They do not come to the return that is behind them. */
STACK_FRAME_NON_STANDARD(test_klp_int3_undefined);
STACK_FRAME_NON_STANDARD(test_klp_int3_indirect);
STACK_FRAME_NON_STANDARD(test_klp_int3_table);

/* ... or is all that there is in front of the next symbol: ENDBR. */
#ifdef CONFIG_X86_KERNEL_IBT
DEFINE_ASM_FUNC(test_klp_int3_endbr, "test_klp_int3_behind_endbr: nop", .text);
#endif
#endif /* CONFIG_X86 */

/* Functions with fentry that cannot jump: this one has a static branch there, ... */
static noinline __noclone int test_klp_int3_traced(void)
{
	if (static_branch_unlikely(&test_klp_int3_key))
		return 5;

	return READ_ONCE(zero) & 4;
}

/* ... and this one has the name of a function that tasks migrate in. */
static noinline __noclone int do_idle(void)
{
	return READ_ONCE(zero) & 256;
}

/* This one can jump, and cannot have a breakpoint. */
static noinline __noclone int test_klp_int3_traced_call(void)
{
	return test_klp_int3_zero() + 1;
}

/*
 * Patched together with those that it calls: one invocation must see one version
 * of them, however long it lasts.
 */
static noinline __noclone notrace
int test_klp_int3_check(const struct test_klp_int3_calls *calls)
{
	return test_klp_int3_body(calls, 0);
}

static bool test_klp_int3_no_wait(void)
{
	return false;
}

static const struct test_klp_int3_calls calls = {
	.nr = 4,
	.version = {
		test_klp_int3_plain,
		test_klp_int3_relative,
		test_klp_int3_jump,
		test_klp_int3_branch,
	},
	.quiet = test_klp_int3_return,
	.wait = test_klp_int3_no_wait,
};

static void test_klp_int3_count(void)
{
	if (test_klp_int3_check(&calls) < 0)
		atomic_inc(&mixes);
}

static bool test_klp_int3_wait(void)
{
	if (!READ_ONCE(hold))
		return false;

	WRITE_ONCE(held, true);
	msleep(20);

	return true;
}

static const struct test_klp_int3_calls held_calls = {
	.nr = 4,
	.version = {
		test_klp_int3_plain,
		test_klp_int3_relative,
		test_klp_int3_jump,
		test_klp_int3_branch,
	},
	.quiet = test_klp_int3_return,
	.wait = test_klp_int3_wait,
};

static int test_klp_int3_thread(void *data)
{
	while (!kthread_should_stop()) {
		if (READ_ONCE(hold)) {
			pr_info("kthread saw version %d\n",
				test_klp_int3_check(&held_calls));
			WRITE_ONCE(held, false);
		}
		test_klp_int3_count();
		msleep(20);
	}

	return 0;
}

/* What a task sees that has just entered the kernel */
static int version_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%d\n", test_klp_int3_check(&calls));
}

static const struct kernel_param_ops version_ops = { .get = version_get };
module_param_cb(version, &version_ops, NULL, 0444);

/* Call the functions many times, within one system call. */
static int check_get(char *buffer, const struct kernel_param *kp)
{
	int rounds;

	for (rounds = 0; rounds < 512; rounds++)
		test_klp_int3_count();

	return sysfs_emit(buffer, "%d\n", atomic_read(&mixes));
}

static int text_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%*ph\n", 16, test_klp_int3_plain);
}

static const struct kernel_param_ops text_ops = { .get = text_get };
module_param_cb(text, &text_ops, NULL, 0444);

static const struct kernel_param_ops check_ops = { .get = check_get };
module_param_cb(check, &check_ops, NULL, 0444);

/* What the others answer; keeps them from being dropped by the compiler, too */
static int others_get(char *buffer, const struct kernel_param *kp)
{
	test_klp_int3_loop(&zero);

	return sysfs_emit(buffer, "%d %d %d %d %d %d %d %d %d %d\n",
			  test_klp_int3_traced(), test_klp_int3_static_branch(),
			  test_klp_int3_static_call(), test_klp_int3_call(),
			  native_test_klp_int3(), __x86_test_klp_int3(),
			  cpu_bringup_and_idle(), test_klp_int3_no_probe(),
			  do_idle(), test_klp_int3_traced_call());
}

static const struct kernel_param_ops others_ops = { .get = others_get };
module_param_cb(others, &others_ops, NULL, 0444);

/* Changes the text of the static branches, and of the static call. */
static int change_set(const char *val, const struct kernel_param *kp)
{
	bool on;
	int ret = kstrtobool(val, &on);

	if (ret)
		return ret;

	if (on)
		static_branch_enable(&test_klp_int3_key);
	else
		static_branch_disable(&test_klp_int3_key);
	static_call_update(test_klp_int3_static,
			   on ? test_klp_int3_plain : test_klp_int3_zero);

	return 0;
}

static const struct kernel_param_ops change_ops = { .set = change_set };
module_param_cb(change, &change_ops, NULL, 0200);
MODULE_PARM_DESC(change, "change the static branches, and the static call");

/* That jump has two bytes, where the compiler puts the function close enough. */
static int short_jump_get(char *buffer, const struct kernel_param *kp)
{
	const u8 *text = (const u8 *)test_klp_int3_jump;

	/* Maybe behind ENDBR.  Only asked for when nothing else is there. */
	return sysfs_emit(buffer, "%d\n", IS_ENABLED(CONFIG_X86) &&
			  (text[0] == 0xeb || text[4] == 0xeb));
}

static const struct kernel_param_ops short_jump_ops = { .get = short_jump_get };
module_param_cb(short_jump, &short_jump_ops, NULL, 0444);

/* A kprobe; the events of tracefs do not take functions like that. */
static int test_klp_int3_pre_handler(struct kprobe *p, struct pt_regs *regs)
{
	return 0;
}

/* With it, the kprobe wants ftrace to leave the function to nobody else. */
static void test_klp_int3_post_handler(struct kprobe *p, struct pt_regs *regs,
				       unsigned long flags)
{
}

static struct kprobe kprobe;
static int probe;

static int probe_register(const char *symbol, unsigned int offset)
{
	kprobe = (struct kprobe) {
		.symbol_name = symbol,
		.offset = offset,
		.pre_handler = test_klp_int3_pre_handler,
		.post_handler = probe == 3 ? test_klp_int3_post_handler : NULL,
	};

	return register_kprobe(&kprobe);
}

static int probe_set(const char *val, const struct kernel_param *kp)
{
	int old = probe;
	/* kstrtouint() may be patched. */
	int ret = param_set_int(val, kp);

	if (ret || probe == old)
		return ret;

	if (old)
		unregister_kprobe(&kprobe);
	if (!probe)
		return 0;

	if (probe == 1)
		ret = probe_register("test_klp_int3_zero", 0);
	else if (probe == 3)
		ret = probe_register("test_klp_int3_traced_call", 0);
	else
		ret = probe_register("test_klp_int3_branch", 2);
	/* Behind the branch, which is two bytes long, and behind ENDBR, too */
	if (ret == -EILSEQ)
		ret = probe_register("test_klp_int3_branch", 6);
	if (ret)
		probe = 0;

	return ret;
}

static const struct kernel_param_ops probe_ops = {
	.set = probe_set,
	.get = param_get_int,
};
module_param_cb(probe, &probe_ops, &probe, 0644);
MODULE_PARM_DESC(probe,
		 "kprobe: 1 in ..._zero(), 2 in ..._branch(), 3 at the entry of ..._traced_call()");

/* Interrupts and softirqs call them, too. */
static struct hrtimer hrtimer;
static struct timer_list timer;

static enum hrtimer_restart test_klp_int3_hrtimer(struct hrtimer *t)
{
	test_klp_int3_count();
	hrtimer_forward_now(t, us_to_ktime(500));

	return HRTIMER_RESTART;
}

static void test_klp_int3_timer(struct timer_list *t)
{
	test_klp_int3_count();
	mod_timer(t, jiffies + 1);
}

static struct task_struct *kthread;

static int test_klp_int3_init(void)
{
	kthread = kthread_run(test_klp_int3_thread, NULL, "test_int3");
	if (IS_ERR(kthread))
		return PTR_ERR(kthread);

	hrtimer_setup(&hrtimer, test_klp_int3_hrtimer, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_HARD);
	hrtimer_start(&hrtimer, us_to_ktime(500), HRTIMER_MODE_REL_HARD);
	timer_setup(&timer, test_klp_int3_timer, 0);
	mod_timer(&timer, jiffies + 1);

	return 0;
}

static void test_klp_int3_exit(void)
{
	while (READ_ONCE(linger))
		msleep(20);

	timer_shutdown_sync(&timer);
	hrtimer_cancel(&hrtimer);
	WRITE_ONCE(hold, false);
	kthread_stop(kthread);
}

module_init(test_klp_int3_init);
module_exit(test_klp_int3_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Livepatch test: functions that ftrace does not know");
