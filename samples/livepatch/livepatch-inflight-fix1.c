// SPDX-License-Identifier: GPL-2.0-or-later

/*
 * livepatch-inflight-fix1.c - several transitions in flight, first livepatch
 *
 * It patches a function that somebody sleeps in, and another one. See the
 * "Usage" section of livepatch-inflight-mod.c.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/livepatch.h>
#include <linux/module.h>

static void livepatch_fix1_nap(void)
{
	pr_info("sleeper: no nap any more\n");
}

static void livepatch_fix1_report(void)
{
	pr_info("reporter: the first fix\n");
}

static struct klp_func funcs[] = {
	{
		.old_name = "sleeper_nap",
		.new_func = livepatch_fix1_nap,
	},
	{
		.old_name = "reporter_report",
		.new_func = livepatch_fix1_report,
	}, { }
};

static struct klp_object objs[] = {
	{
		.name = "livepatch_inflight_mod",
		.funcs = funcs,
	}, { }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int livepatch_inflight_fix1_init(void)
{
	return klp_enable_patch(&patch);
}

static void livepatch_inflight_fix1_exit(void)
{
}

module_init(livepatch_inflight_fix1_init);
module_exit(livepatch_inflight_fix1_exit);
MODULE_DESCRIPTION("Live patching demo for several transitions in flight");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
