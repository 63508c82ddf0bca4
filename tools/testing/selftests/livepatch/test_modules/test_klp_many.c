// SPDX-License-Identifier: GPL-2.0

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/kernel.h>
#include "test_klp_many.h"

/* No two return the same, or the compiler makes it one function. */
#define TEST_KLP_FUNC(n)						\
static noinline __noclone TEST_KLP_MANY_ATTR int test_klp_many_##n(void)	\
{									\
	return TEST_KLP_ORIGINAL(n);					\
}

TEST_KLP_MANY(TEST_KLP_FUNC)

#define TEST_KLP_ENTRY(n)	test_klp_many_##n,
static int (*const funcs[])(void) = {
	TEST_KLP_MANY(TEST_KLP_ENTRY)
};

/*
 * How many functions return what the original does, how many what their own
 * replacement does: one of them none, for somebody who has just entered the
 * kernel
 */
static int versions_get(char *buffer, const struct kernel_param *kp)
{
	int original = 0, replaced = 0;

	for (int i = 0; i < ARRAY_SIZE(funcs); i++) {
		int ret = funcs[i]();

		original += ret == 10000 + i;
		replaced += ret == 20000 + i;
	}

	return sysfs_emit(buffer, "%d %d\n", original, replaced);
}

static const struct kernel_param_ops versions_ops = { .get = versions_get };
module_param_cb(versions, &versions_ops, NULL, 0444);

static int test_klp_many_init(void)
{
	return 0;
}

static void test_klp_many_exit(void)
{
}

module_init(test_klp_many_init);
module_exit(test_klp_many_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Livepatch test: many functions");
