// SPDX-License-Identifier: GPL-2.0

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/delay.h>
#include <linux/livepatch.h>
#include <linux/sched.h>
#include <linux/string.h>

/* load/run-time control from sysfs writer  */
static bool block_exit = true;
module_param(block_exit, bool, 0644);
MODULE_PARM_DESC(block_exit, "block_exit (default=true)");

static bool callback;
module_param(callback, bool, 0444);
MODULE_PARM_DESC(callback, "has a post_unpatch callback (default=false)");

static bool blocked;
module_param(blocked, bool, 0444);
MODULE_PARM_DESC(blocked, "the kthread sleeps");

/* Called when the task is not in the task list any more. */
static void livepatch_release_thread(struct task_struct *dead_task)
{
	WARN_ON(dead_task->mm);

	if (dead_task != current || strcmp(current->comm, "test_klp_exit"))
		return;

	pr_info("%s: blocked\n", __func__);
	WRITE_ONCE(blocked, true);

	while (READ_ONCE(block_exit))
		msleep(20);

	pr_info("%s: unblocked\n", __func__);
	WRITE_ONCE(blocked, false);
}

/* Takes away what the function may need. */
static void post_unpatch(struct klp_object *obj)
{
	pr_info("%s: the kthread is %s\n", __func__,
		READ_ONCE(blocked) ? "still there" : "gone");
}

static struct klp_func funcs[] = {
	{
		.old_name = "release_thread",
		.new_func = livepatch_release_thread,
	},
	{},
};

static struct klp_object objs[] = {
	{
		/* name being NULL means vmlinux */
		.funcs = funcs,
	},
	{},
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int test_klp_exit_patch_init(void)
{
	if (callback)
		objs[0].callbacks.post_unpatch = post_unpatch;

	return klp_enable_patch(&patch);
}

static void test_klp_exit_patch_exit(void)
{
}

module_init(test_klp_exit_patch_init);
module_exit(test_klp_exit_patch_exit);
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
MODULE_DESCRIPTION("Livepatch test: patch that keeps a task from exiting");
