// SPDX-License-Identifier: GPL-2.0

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/livepatch.h>

static int livepatch_function(int x)
{
	return x + 1;
}

static struct klp_func funcs[] = {
	{
		.old_name = "test_klp_inject_function",
		.new_func = livepatch_function,
	},
	{},
};

static struct klp_object objs[] = {
	{
		.name = "test_klp_inject",
		.funcs = funcs,
	},
	{},
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int livepatch_init(void)
{
	return klp_enable_patch(&patch);
}

static void livepatch_exit(void)
{
}

module_init(livepatch_init);
module_exit(livepatch_exit);
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
MODULE_DESCRIPTION("Livepatch test: new version of a function that can fail on purpose");
