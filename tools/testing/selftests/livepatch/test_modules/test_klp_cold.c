// SPDX-License-Identifier: GPL-2.0

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched.h>

/* load/run-time control from sysfs writer  */
static bool block_transition;
module_param(block_transition, bool, 0644);
MODULE_PARM_DESC(block_transition, "block_transition (default=false)");

static unsigned int sleep_count;
module_param(sleep_count, uint, 0444);
MODULE_PARM_DESC(sleep_count, "how often the kthread has slept in a .cold part");

static struct task_struct *sleeper;
static DECLARE_COMPLETION(sleeping);

/* Sleep once, with the caller on the stack.  Return false to end it. */
static noinline bool test_klp_cold_sleep(void)
{
	complete(&sleeping);
	msleep(20);
	WRITE_ONCE(sleep_count, sleep_count + 1);

	return READ_ONCE(block_transition);
}

static noinline __noclone const char *test_klp_cold_version(void)
{
	return "original";
}

/*
 * What calls this is moved to a .cold part.  __cold is nothing for compilers
 * that do not align cold functions, which does not matter here.
 */
static noinline __attribute__((__cold__)) void test_klp_cold_mark(void)
{
	barrier();
}

/*
 * Patched together with test_klp_cold_version(): one invocation must see one
 * version of it.  The compiler moves the unlikely block to
 * test_klp_cold_invocation.cold.  A jump goes there, so that the stack of a task
 * that sleeps there has no address in the function itself.
 */
static noinline __noclone
int test_klp_cold_invocation(bool (*sleep)(void), const char *(*version)(void))
{
	const char *before = version();

	if (!READ_ONCE(block_transition))
		return 0;

	test_klp_cold_mark();
	while (sleep())
		;

	pr_info("%s: %s before sleep, %s after\n", __func__, before, version());

	return 1;
}

static int test_klp_cold_thread(void *unused)
{
	while (!kthread_should_stop()) {
		test_klp_cold_invocation(test_klp_cold_sleep,
					 test_klp_cold_version);
		msleep(20);
	}

	return 0;
}

static int test_klp_cold_init(void)
{
	sleeper = kthread_run(test_klp_cold_thread, NULL, "test_klp_cold");
	if (IS_ERR(sleeper))
		return PTR_ERR(sleeper);

	if (block_transition)
		wait_for_completion(&sleeping);

	return 0;
}

static void test_klp_cold_exit(void)
{
	WRITE_ONCE(block_transition, false);
	kthread_stop(sleeper);
}

module_init(test_klp_cold_init);
module_exit(test_klp_cold_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Livepatch test: kthread that sleeps in a .cold part");
