// SPDX-License-Identifier: GPL-2.0

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/jump_label.h>
#include <linux/livepatch.h>

static const char *livepatch_cold_version(void)
{
	return "patched";
}

/*
 * What calls this is moved to a .cold part.  __cold is nothing for compilers
 * that do not align cold functions, which does not matter here.
 */
static noinline __attribute__((__cold__)) void livepatch_cold_mark(void)
{
	barrier();
}

/* Off, and a NOP in the text, when the livepatch is enabled */
static DEFINE_STATIC_KEY_FALSE(livepatch_cold_key);

static int livepatch_cold_invocation(bool (*sleep)(void),
				     const char *(*version)(void))
{
	const char *before = version();

	/* True as long as the test blocks the transition. */
	if (!sleep())
		return 0;

	if (static_branch_unlikely(&livepatch_cold_key)) {
		livepatch_cold_mark();
		while (sleep())
			;

		pr_info("%s: %s before sleep, %s after\n", __func__, before,
			version());

		return 1;
	}

	return 0;
}

static struct klp_func funcs[] = {
	{
		.old_name = "test_klp_cold_version",
		.new_func = livepatch_cold_version,
	},
	{
		.old_name = "test_klp_cold_invocation",
		.new_func = livepatch_cold_invocation,
	},
	{},
};

static struct klp_object objs[] = {
	{
		.name = "test_klp_cold",
		.funcs = funcs,
	},
	{},
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int test_klp_cold_patch_init(void)
{
	int ret;

	ret = klp_enable_patch(&patch);
	if (!ret)
		static_branch_enable(&livepatch_cold_key);

	return ret;
}

static void test_klp_cold_patch_exit(void)
{
}

module_init(test_klp_cold_patch_init);
module_exit(test_klp_cold_patch_exit);
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
MODULE_DESCRIPTION("Livepatch test: patch for a kthread that sleeps in a .cold part");
