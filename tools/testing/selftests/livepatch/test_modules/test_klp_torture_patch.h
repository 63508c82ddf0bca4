/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A livepatch for test_klp_torture.  Include this where VERSION is defined, which
 * its functions report.
 */

#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/livepatch.h>
#include "test_klp_torture.h"

static bool replace;
module_param(replace, bool, 0444);
MODULE_PARM_DESC(replace, "replace (default=false)");

TORTURE_FUNCTIONS(livepatch, 0)
TORTURE_FUNCTIONS(livepatch, 1)
TORTURE_FUNCTIONS(livepatch, 2)

/* The one without fentry is the last of each group. */
#define LIVEPATCH_FUNCS(nr) {							\
	{									\
		.old_name = "test_klp_torture_check_" #nr,			\
		.new_func = livepatch_check_##nr,				\
	}, {									\
		.old_name = "test_klp_torture_traced_" #nr,			\
		.new_func = livepatch_traced_##nr,				\
	}, {									\
		.old_name = "test_klp_torture_plain_" #nr,			\
		.new_func = livepatch_plain_##nr,				\
	},									\
}

static const struct klp_func group_funcs[TORTURE_GROUPS][3] = {
	LIVEPATCH_FUNCS(0),
	LIVEPATCH_FUNCS(1),
	LIVEPATCH_FUNCS(2),
};

static struct klp_func funcs[TORTURE_GROUPS * 3 + 1];

static struct klp_object objs[] = {
	{
		.name = "test_klp_torture",
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
	int nr = TORTURE_PLAIN ? 3 : 2;
	struct klp_func *func = funcs;
	int g;

	for (g = 0; g < TORTURE_GROUPS; g++) {
		if (!(torture_versions[g] & BIT(VERSION)))
			continue;
		memcpy(func, group_funcs[g], nr * sizeof(*func));
		func += nr;
	}
	patch.replace = replace;

	return klp_enable_patch(&patch);
}

static void livepatch_exit(void)
{
}

module_init(livepatch_init);
module_exit(livepatch_exit);
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
MODULE_DESCRIPTION("Livepatch test: one of several that overlap");
