// SPDX-License-Identifier: GPL-2.0

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/preempt.h>
#include <linux/sched.h>

static bool stay;
module_param(stay, bool, 0644);
MODULE_PARM_DESC(stay, "keep who calls the function at its entry (default=false)");

static bool inside;
module_param(inside, bool, 0444);
MODULE_PARM_DESC(inside, "somebody stays there");

/*
 * ftrace calls this, and the handler of livepatch, which tells where to go on.  A
 * task that sleeps here stands for one that is preempted on the way there.  With
 * more than what ftrace does itself, it must not.
 */
static void notrace test_klp_entry(unsigned long ip, unsigned long parent_ip,
				   struct ftrace_ops *op,
				   struct ftrace_regs *fregs)
{
	int count = preempt_count();

	if (!READ_ONCE(stay) || count > 1)
		return;

	WRITE_ONCE(inside, true);
	if (count)
		preempt_enable_notrace();
	while (READ_ONCE(stay))
		msleep(20);
	if (count)
		preempt_disable_notrace();
	WRITE_ONCE(inside, false);
}

static struct ftrace_ops ops = {
	.func = test_klp_entry,
};

static int test_klp_entry_init(void)
{
	static unsigned char function[] = "cmdline_proc_show";
	int ret;

	ret = ftrace_set_filter(&ops, function, sizeof(function) - 1, 1);
	if (ret)
		return ret;

	return register_ftrace_function(&ops);
}

static void test_klp_entry_exit(void)
{
	WRITE_ONCE(stay, false);
	unregister_ftrace_function(&ops);
}

module_init(test_klp_entry_init);
module_exit(test_klp_entry_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Livepatch test: hold a task where it is about to enter a function");
