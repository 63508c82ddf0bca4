/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A livepatch for test_klp_universe.  Include this where VERSION is defined,
 * which its functions report.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/livepatch.h>
#include "test_klp_universe.h"

static bool replace;
module_param(replace, bool, 0444);
MODULE_PARM_DESC(replace, "replace (default=false)");

static bool callbacks;
module_param(callbacks, bool, 0444);
MODULE_PARM_DESC(callbacks, "has a callback (default=false)");

static bool states;
module_param(states, bool, 0444);
MODULE_PARM_DESC(states, "has a state (default=false)");

static bool twice;
module_param(twice, bool, 0444);
MODULE_PARM_DESC(twice, "patch a function twice (default=false)");

static int livepatch_a(void)
{
	return VERSION;
}

static int livepatch_b(void)
{
	/* Not the same code as above, or the compiler makes it one function. */
	return READ_ONCE(replace) & 0 ?: VERSION;
}

static int livepatch_other(void)
{
	return READ_ONCE(callbacks) & 0 ?: VERSION;
}

static int livepatch_check(const struct test_klp_universe_calls *calls, void *data)
{
	return test_klp_universe_body(calls, data, VERSION);
}

static int pre_patch(struct klp_object *obj)
{
	return 0;
}

static struct klp_func funcs[] = {
	{
		.old_name = "test_klp_universe_a",
		.new_func = livepatch_a,
	},
	{
		.old_name = "test_klp_universe_b",
		.new_func = livepatch_b,
	},
	{
		.old_name = "test_klp_universe_check",
		.new_func = livepatch_check,
	},
	{},
};

static struct klp_func other_funcs[] = {
	{
		.old_name = "test_klp_universe_other_version",
		.new_func = livepatch_other,
	},
	{},
};

static struct klp_object objs[] = {
	{
		.name = "test_klp_universe",
		.funcs = funcs,
	},
	{
		.name = "test_klp_universe_other",
		.funcs = other_funcs,
	},
	{},
};

static struct klp_state patch_states[] = {
	{
		.id = 1,
		.version = 1,
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
	if (callbacks)
		objs[0].callbacks.pre_patch = pre_patch;
	if (states)
		patch.states = patch_states;
	if (twice)
		funcs[1].old_name = "test_klp_universe_alias";

	return klp_enable_patch(&patch);
}

static void livepatch_exit(void)
{
}

module_init(livepatch_init);
module_exit(livepatch_exit);
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
MODULE_DESCRIPTION("Livepatch test: one of several universes");
