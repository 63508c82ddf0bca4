// SPDX-License-Identifier: GPL-2.0

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched.h>

/* load/run-time control from sysfs writer  */
static bool block_transition;
module_param(block_transition, bool, 0644);
MODULE_PARM_DESC(block_transition, "block_transition (default=false)");

static unsigned int idle_count;
module_param(idle_count, uint, 0444);
MODULE_PARM_DESC(idle_count, "how often the kthread has played idle");

static struct task_struct *player;
static DECLARE_COMPLETION(idle_started);

/* Play idle once, with the caller on the stack.  Return false to end it. */
static noinline bool test_klp_idle_play(void)
{
	play_idle_precise(NSEC_PER_MSEC, U64_MAX);
	WRITE_ONCE(idle_count, idle_count + 1);
	complete(&idle_started);

	/* A FIFO task must leave something for the others. */
	msleep(20);

	return READ_ONCE(block_transition);
}

static noinline __noclone const char *test_klp_idle_version(void)
{
	return "original";
}

/*
 * Patched together with test_klp_idle_version(): one invocation must see one
 * version of it, however long it lasts.  A message in the end that does not
 * allow a tail call holds the transition until it has been printed.
 */
static noinline __noclone
int test_klp_idle_invocation(bool (*play)(void), const char *(*version)(void))
{
	const char *before = version();

	while (play())
		;

	pr_info("%s: %s before idle, %s after\n", __func__, before, version());

	return 0;
}

static int test_klp_idle_thread(void *unused)
{
	bool (*play)(void) = test_klp_idle_play;
	const char *(*version)(void) = test_klp_idle_version;

	/* What is always the same need not be passed, clang finds. */
	OPTIMIZER_HIDE_VAR(play);
	OPTIMIZER_HIDE_VAR(version);

	while (!kthread_should_stop()) {
		if (READ_ONCE(block_transition))
			test_klp_idle_invocation(play, version);
		else
			msleep(20);
	}

	return 0;
}

static int test_klp_idle_init(void)
{
	player = kthread_create(test_klp_idle_thread, NULL, "test_klp_idle");
	if (IS_ERR(player))
		return PTR_ERR(player);

	/* What play_idle_precise() asks for. */
	kthread_bind(player, cpumask_first(cpu_online_mask));
	sched_set_fifo_low(player);
	wake_up_process(player);

	if (block_transition)
		wait_for_completion(&idle_started);

	return 0;
}

static void test_klp_idle_exit(void)
{
	WRITE_ONCE(block_transition, false);
	kthread_stop(player);
}

module_init(test_klp_idle_init);
module_exit(test_klp_idle_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Livepatch test: kthread that plays idle");
