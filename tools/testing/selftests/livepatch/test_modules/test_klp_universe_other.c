// SPDX-License-Identifier: GPL-2.0

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/kernel.h>
#include "test_klp_universe.h"

static noinline __noclone int test_klp_universe_other_version(void)
{
	int version = 0;

	/* As in test_klp_universe */
	OPTIMIZER_HIDE_VAR(version);

	return version;
}

/* What a task sees that has just entered the kernel */
static int version_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%d\n", test_klp_universe_other_version());
}

static const struct kernel_param_ops version_ops = { .get = version_get };
module_param_cb(version, &version_ops, NULL, 0444);

static int test_klp_universe_other_init(void)
{
	test_klp_universe_set_other(test_klp_universe_other_version);

	return 0;
}

static void test_klp_universe_other_exit(void)
{
	test_klp_universe_set_other(NULL);
}

module_init(test_klp_universe_other_init);
module_exit(test_klp_universe_other_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Livepatch test: module that comes and goes between universes");
