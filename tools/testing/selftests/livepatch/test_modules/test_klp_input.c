// SPDX-License-Identifier: GPL-2.0
/*
 * A livepatch for test_klp_universe, or for what the parameters say, which need
 * not make sense.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/livepatch.h>
#include <linux/string.h>

static char *what = "";
module_param(what, charp, 0444);
MODULE_PARM_DESC(what, "what is wrong with it (default=nothing)");

static char *object = "test_klp_universe";
module_param(object, charp, 0444);
MODULE_PARM_DESC(object, "module with the functions (default=test_klp_universe)");

static char *function = "test_klp_universe_a";
module_param(function, charp, 0444);
MODULE_PARM_DESC(function, "function to patch (default=test_klp_universe_a)");

static ulong sympos;
module_param(sympos, ulong, 0444);
MODULE_PARM_DESC(sympos, "its position among symbols of that name (default=0)");

static char *also;
module_param(also, charp, 0444);
MODULE_PARM_DESC(also, "one more function to patch (default=none)");

static ulong also_sympos;
module_param(also_sympos, ulong, 0444);
MODULE_PARM_DESC(also_sympos, "its position among symbols of that name (default=0)");

static bool replace;
module_param(replace, bool, 0444);
MODULE_PARM_DESC(replace, "replace (default=false)");

static int livepatch_first(void)
{
	return 100;
}

static int livepatch_second(void)
{
	return 200;
}

/* Freed when the module has been loaded */
static int __init livepatch_passing(void)
{
	return 300;
}

/* Room for two, and for the end */
static struct klp_func funcs[3];
static struct klp_object objs[3];

static struct klp_func more_funcs[] = {
	{
		.old_name = "test_klp_universe_b",
		.new_func = livepatch_second,
	},
	{},
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

/* A module that is none, and no livepatch */
static struct module unmarked = {
	.name = "test_klp_input_unmarked",
};

static void __init livepatch_spoil(void)
{
	if (!strcmp(what, "vmlinux"))
		objs[0].name = NULL;
	else if (!strcmp(what, "no_mod"))
		patch.mod = NULL;
	else if (!strcmp(what, "unmarked"))
		patch.mod = &unmarked;
	else if (!strcmp(what, "no_objs"))
		patch.objs = NULL;
	else if (!strcmp(what, "empty_objs"))
		memset(objs, 0, sizeof(objs));
	else if (!strcmp(what, "no_funcs"))
		objs[0].funcs = NULL;
	else if (!strcmp(what, "empty_funcs"))
		memset(funcs, 0, sizeof(funcs));
	else if (!strcmp(what, "no_old_name"))
		funcs[0].old_name = NULL;
	else if (!strcmp(what, "no_new_func"))
		funcs[0].new_func = NULL;
	else if (!strcmp(what, "data"))
		funcs[0].new_func = &sympos;
	else if (!strcmp(what, "passing"))
		funcs[0].new_func = livepatch_passing;
	else if (!strcmp(what, "same_object"))
		objs[1] = (struct klp_object) {
			.name = objs[0].name,
			.funcs = more_funcs,
		};
}

static int livepatch_again_set(const char *val, const struct kernel_param *kp)
{
	return klp_enable_patch(&patch);
}

static const struct kernel_param_ops livepatch_again_ops = {
	.set = livepatch_again_set,
};
module_param_cb(again, &livepatch_again_ops, NULL, 0200);
MODULE_PARM_DESC(again, "enable the livepatch once more");

static int __init livepatch_init(void)
{
	patch.replace = replace;
	objs[0].name = object;
	objs[0].funcs = funcs;
	funcs[0] = (struct klp_func) {
		.old_name = function,
		.new_func = livepatch_first,
		.old_sympos = sympos,
	};
	if (also)
		funcs[1] = (struct klp_func) {
			.old_name = also,
			.new_func = livepatch_second,
			.old_sympos = also_sympos,
		};
	livepatch_spoil();

	return klp_enable_patch(&patch);
}

static void livepatch_exit(void)
{
}

module_init(livepatch_init);
module_exit(livepatch_exit);
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
MODULE_DESCRIPTION("Livepatch test: livepatches that make no sense");
