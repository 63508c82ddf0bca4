// SPDX-License-Identifier: GPL-2.0-or-later

/*
 * livepatch-inflight-mod.c - several transitions in flight, support module
 *
 *
 * Purpose
 * -------
 *
 * One kthread sleeps in a function for a long time. Another one calls a second
 * function every few seconds. livepatch-inflight-fix1 patches both functions,
 * so it has to wait for the sleeper. livepatch-inflight-fix2 patches the second
 * one again, and need not wait for the first livepatch to get done: it is in
 * use at once by all but the sleeper.
 *
 *
 * Usage
 * -----
 *
 * Load the support module. Every five seconds it says what it is::
 *
 *	insmod livepatch-inflight-mod.ko nap_secs=60
 *	dmesg
 *
 *	livepatch_inflight_mod: sleeper: good night for 60 seconds
 *	livepatch_inflight_mod: reporter: the original
 *
 * Load the first fix. The reporter migrates, the sleeper cannot, because
 * sleeper_nap() is on its stack::
 *
 *	insmod livepatch-inflight-fix1.ko
 *	cat /sys/kernel/livepatch/livepatch_inflight_fix1/transition
 *	1
 *	cat /sys/kernel/livepatch/livepatch_inflight_fix1/stragglers
 *
 * The last one prints a line with the sleeper's pid, the function, and its name.
 * The log goes on with::
 *
 *	livepatch_inflight_fix1: reporter: the first fix
 *
 * Load the second fix meanwhile::
 *
 *	insmod livepatch-inflight-fix2.ko
 *	grep . /sys/kernel/livepatch/livepatch_inflight_fix?/transition
 *	livepatch_inflight_fix2: reporter: the second fix
 *
 * Both transitions are in flight now, and `stragglers` names the sleeper for
 * both. When it wakes up, it goes straight to the newest code, and the log tells
 * that the transitions complete in their order::
 *
 *	livepatch_inflight_mod: sleeper: good morning
 *	livepatch: 'livepatch_inflight_fix1': patching complete
 *	livepatch: 'livepatch_inflight_fix2': patching complete
 *	livepatch_inflight_fix1: sleeper: no nap any more
 *
 * They can be disabled in any order, and unloaded when their directories have
 * disappeared::
 *
 *	echo 0 > /sys/kernel/livepatch/livepatch_inflight_fix1/enabled
 *	echo 0 > /sys/kernel/livepatch/livepatch_inflight_fix2/enabled
 *	while ls -d /sys/kernel/livepatch/livepatch_inflight_*; do sleep 1; done
 *	rmmod livepatch-inflight-fix1 livepatch-inflight-fix2 livepatch-inflight-mod
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

static unsigned int nap_secs = 60;
module_param(nap_secs, uint, 0644);
MODULE_PARM_DESC(nap_secs, "seconds that the sleeper sleeps in a function (default=60)");

static struct task_struct *sleeper, *reporter;

/* Until somebody wants the kthread to stop, at most. */
static void sleep_secs(unsigned int secs)
{
	set_current_state(TASK_IDLE);
	if (!kthread_should_stop())
		schedule_timeout(secs * HZ);
	__set_current_state(TASK_RUNNING);
}

static noinline void sleeper_nap(void)
{
	pr_info("sleeper: good night for %u seconds\n", nap_secs);
	sleep_secs(nap_secs);
	pr_info("sleeper: good morning\n");
}

static noinline void reporter_report(void)
{
	pr_info("reporter: the original\n");
}

static int sleeper_fn(void *unused)
{
	while (!kthread_should_stop()) {
		sleeper_nap();
		sleep_secs(1);
	}
	return 0;
}

static int reporter_fn(void *unused)
{
	while (!kthread_should_stop()) {
		reporter_report();
		sleep_secs(5);
	}
	return 0;
}

static int livepatch_inflight_mod_init(void)
{
	sleeper = kthread_run(sleeper_fn, NULL, "sleeper");
	if (IS_ERR(sleeper))
		return PTR_ERR(sleeper);
	reporter = kthread_run(reporter_fn, NULL, "reporter");
	if (IS_ERR(reporter)) {
		kthread_stop(sleeper);
		return PTR_ERR(reporter);
	}
	return 0;
}

static void livepatch_inflight_mod_exit(void)
{
	kthread_stop(reporter);
	kthread_stop(sleeper);
}

module_init(livepatch_inflight_mod_init);
module_exit(livepatch_inflight_mod_exit);
MODULE_DESCRIPTION("Live patching demo for several transitions in flight, support module");
MODULE_LICENSE("GPL");
