// SPDX-License-Identifier: GPL-2.0

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/err.h>
#include <linux/kthread.h>

static int test_klp_exit_thread(void *unused)
{
	return 0;
}

/* A kthread that nobody waits for takes itself off the task list. */
static int test_klp_exit_init(void)
{
	return PTR_ERR_OR_ZERO(kthread_run(test_klp_exit_thread, NULL,
					   "test_klp_exit"));
}

static void test_klp_exit_exit(void)
{
}

module_init(test_klp_exit_init);
module_exit(test_klp_exit_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Livepatch test: kthread that exits");
