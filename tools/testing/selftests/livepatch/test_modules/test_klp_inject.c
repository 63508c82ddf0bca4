// SPDX-License-Identifier: GPL-2.0

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/async.h>
#include <linux/delay.h>
#include <linux/error-injection.h>

/* Be a module that has ended, and is not freed, for as long as this is set. */
static bool linger;
module_param(linger, bool, 0644);
MODULE_PARM_DESC(linger, "keep the module from being freed");

/* A function whose result can be replaced by an error. */
noinline int test_klp_inject_function(int x);

noinline int test_klp_inject_function(int x)
{
	/* Not to be computed by the caller */
	OPTIMIZER_HIDE_VAR(x);

	return x;
}
ALLOW_ERROR_INJECTION(test_klp_inject_function, ERRNO);

static int result_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%d\n", test_klp_inject_function(0));
}

static const struct kernel_param_ops result_ops = { .get = result_get };
module_param_cb(result, &result_ops, NULL, 0444);

static int test_klp_inject_init(void)
{
	return 0;
}

static void test_klp_inject_linger(void *data, async_cookie_t cookie)
{
	while (READ_ONCE(linger))
		msleep(20);
}

static void test_klp_inject_exit(void)
{
	/* This is waited for after livepatch has let go of the module. */
	if (linger)
		async_schedule(test_klp_inject_linger, NULL);
}

module_init(test_klp_inject_init);
module_exit(test_klp_inject_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Livepatch test: a function that can fail on purpose");
