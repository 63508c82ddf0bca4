// SPDX-License-Identifier: GPL-2.0

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/livepatch.h>
#include "test_klp_many.h"

#define TEST_KLP_FUNC(n)						\
static TEST_KLP_MANY_ATTR int livepatch_many_##n(void)			\
{									\
	return TEST_KLP_REPLACED(n);					\
}

TEST_KLP_MANY(TEST_KLP_FUNC)

#define TEST_KLP_ENTRY(n)						\
	{								\
		.old_name = "test_klp_many_" #n,			\
		.new_func = livepatch_many_##n,				\
	},
static struct klp_func funcs[] = {
	TEST_KLP_MANY(TEST_KLP_ENTRY)
	{},
};

static struct klp_object objs[] = {
	{
		.name = TEST_KLP_MANY_TARGET,
		.funcs = funcs,
	},
	{},
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int test_klp_many_patch_init(void)
{
	return klp_enable_patch(&patch);
}

static void test_klp_many_patch_exit(void)
{
}

module_init(test_klp_many_patch_init);
module_exit(test_klp_many_patch_exit);
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
MODULE_DESCRIPTION("Livepatch test: patch for many functions");
