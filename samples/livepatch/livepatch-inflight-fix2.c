// SPDX-License-Identifier: GPL-2.0-or-later

/*
 * livepatch-inflight-fix2.c - several transitions in flight, second livepatch
 *
 * It patches one of the functions of livepatch-inflight-fix1 again, and can be
 * loaded while that waits for the other one. See the "Usage" section of
 * livepatch-inflight-mod.c.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/livepatch.h>
#include <linux/module.h>

static void livepatch_fix2_report(void)
{
	pr_info("reporter: the second fix\n");
}

static struct klp_func funcs[] = {
	{
		.old_name = "reporter_report",
		.new_func = livepatch_fix2_report,
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

static int livepatch_inflight_fix2_init(void)
{
	return klp_enable_patch(&patch);
}

static void livepatch_inflight_fix2_exit(void)
{
}

module_init(livepatch_inflight_fix2_init);
module_exit(livepatch_inflight_fix2_exit);
MODULE_DESCRIPTION("Live patching demo for several transitions in flight");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
