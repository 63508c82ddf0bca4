/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A livepatch for test_klp_int3.  Include this where VERSION is defined, which
 * its functions report.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/kstrtox.h>
#include <linux/livepatch.h>
#include "test_klp_int3.h"

static bool replace;
module_param(replace, bool, 0444);
MODULE_PARM_DESC(replace, "replace (default=false)");

static char *also;
module_param(also, charp, 0444);
MODULE_PARM_DESC(also, "one more function to patch (default=none)");

static char *boot;
module_param(boot, charp, 0444);
MODULE_PARM_DESC(boot, "one more function to patch in vmlinux (default=none)");

static bool traced;
module_param(traced, bool, 0444);
MODULE_PARM_DESC(traced, "its replacement can be traced (default=false)");

/* Not the same code, or the compiler makes it one function. */
static notrace int livepatch_plain(void)
{
	return VERSION;
}

static notrace int livepatch_relative(void)
{
	return READ_ONCE(replace) & 0 ?: VERSION;
}

static notrace int livepatch_jump(void)
{
	return READ_ONCE(traced) & 0 ?: VERSION;
}

static notrace int livepatch_branch(void)
{
	return READ_ONCE(also) == (char *)1 ? 0 : VERSION;
}

static notrace void livepatch_return(int *version)
{
	*version = VERSION;
}

static notrace int livepatch_check(const struct test_klp_int3_calls *calls)
{
	return test_klp_int3_body(calls, VERSION);
}

static notrace int livepatch_also(void)
{
	return READ_ONCE(replace) ? VERSION : VERSION + 1;
}

static int livepatch_traced(void)
{
	return READ_ONCE(replace) ? VERSION : VERSION + 2;
}

/* Reads one hundred more for each version. */
static notrace int livepatch_kstrtouint(const char *s, unsigned int base,
					unsigned int *res)
{
	unsigned long long val;
	int ret = kstrtoull(s, base, &val);

	if (!ret)
		*res = val + 100 * VERSION;

	return ret;
}

static struct klp_func funcs[] = {
	{
		.old_name = "test_klp_int3_plain",
		.new_func = livepatch_plain,
	},
	{
		.old_name = "test_klp_int3_relative",
		.new_func = livepatch_relative,
	},
	{
		.old_name = "test_klp_int3_jump",
		.new_func = livepatch_jump,
	},
	{
		.old_name = "test_klp_int3_branch",
		.new_func = livepatch_branch,
	},
	{
		.old_name = "test_klp_int3_return",
		.new_func = livepatch_return,
	},
	{
		.old_name = "test_klp_int3_check",
		.new_func = livepatch_check,
	},
	/* Room for one more */
	{},
	{},
};

static struct klp_func vmlinux_funcs[] = {
	{
		/* All of lib/ is compiled without fentry. */
		.old_name = "kstrtouint",
		.new_func = livepatch_kstrtouint,
	},
	/* Room for one more */
	{},
	{},
};

static struct klp_object objs[] = {
	{
		.name = "test_klp_int3",
		.funcs = funcs,
	},
	{
		/* vmlinux */
		.funcs = vmlinux_funcs,
	},
	{},
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int livepatch_init(void)
{
	patch.replace = replace;
	if (also) {
		funcs[6].old_name = also;
		funcs[6].new_func = traced ? livepatch_traced : livepatch_also;
	}
	if (boot) {
		vmlinux_funcs[1].old_name = boot;
		vmlinux_funcs[1].new_func = livepatch_also;
	}

	return klp_enable_patch(&patch);
}

static void livepatch_exit(void)
{
}

module_init(livepatch_init);
module_exit(livepatch_exit);
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
MODULE_DESCRIPTION("Livepatch test: new versions of functions that ftrace does not know");
