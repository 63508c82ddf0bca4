// SPDX-License-Identifier: GPL-2.0

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/livepatch.h>

static const char *livepatch_idle_version(void)
{
	return "patched";
}

static int livepatch_idle_invocation(bool (*play)(void),
				     const char *(*version)(void))
{
	const char *before = version();

	while (play())
		;

	pr_info("%s: %s before idle, %s after\n", __func__, before, version());

	return 0;
}

static struct klp_func funcs[] = {
	{
		.old_name = "test_klp_idle_version",
		.new_func = livepatch_idle_version,
	},
	{
		.old_name = "test_klp_idle_invocation",
		.new_func = livepatch_idle_invocation,
	},
	{},
};

static struct klp_object objs[] = {
	{
		.name = "test_klp_idle",
		.funcs = funcs,
	},
	{},
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int test_klp_idle_patch_init(void)
{
	return klp_enable_patch(&patch);
}

static void test_klp_idle_patch_exit(void)
{
}

module_init(test_klp_idle_patch_init);
module_exit(test_klp_idle_patch_exit);
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
MODULE_DESCRIPTION("Livepatch test: patch for a kthread that plays idle");
