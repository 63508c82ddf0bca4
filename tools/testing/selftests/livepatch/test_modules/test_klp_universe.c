// SPDX-License-Identifier: GPL-2.0

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include "test_klp_universe.h"

#define NR_KTHREADS	3

static struct task_struct *kthreads[NR_KTHREADS];
static int kthread_ids[NR_KTHREADS];

/* Which kthreads are to stay in test_klp_universe_check(), and which are there */
static unsigned long hold;
module_param(hold, ulong, 0644);
MODULE_PARM_DESC(hold, "kthreads to be held, a bit each");

static unsigned long held;
module_param(held, ulong, 0444);
MODULE_PARM_DESC(held, "kthreads that are held, a bit each");

/* How often one invocation has seen another version than its own */
static atomic_t mixes;

/* A function of another module */
static int (*other_version)(void);

void test_klp_universe_set_other(int (*version)(void))
{
	WRITE_ONCE(other_version, version);
}
EXPORT_SYMBOL_GPL(test_klp_universe_set_other);

static noinline __noclone int test_klp_universe_a(void)
{
	int version = 0;

	/* Some compilers look into functions that they may not inline. */
	OPTIMIZER_HIDE_VAR(version);

	return version;
}

static noinline __noclone int test_klp_universe_b(void)
{
	int version = 0;

	OPTIMIZER_HIDE_VAR(version);

	/* Not the same code as above, or the compiler makes it one function. */
	return READ_ONCE(hold) & version;
}

/* The same function by another name */
asm(".set test_klp_universe_alias, test_klp_universe_a");

static bool test_klp_universe_wait(void *data)
{
	unsigned int id = *(int *)data;

	if (!test_bit(id, &hold))
		return false;

	set_bit(id, &held);
	msleep(20);

	return true;
}

/*
 * Patched together with the two that it calls: one invocation must see one
 * version of them, however long it lasts.
 */
static noinline __noclone
int test_klp_universe_check(const struct test_klp_universe_calls *calls, void *data)
{
	return test_klp_universe_body(calls, data, 0);
}

static int test_klp_universe_call_other(void)
{
	return READ_ONCE(other_version) ? other_version() : 0;
}

static const struct test_klp_universe_calls held_calls = {
	.a = test_klp_universe_a,
	.b = test_klp_universe_b,
	.wait = test_klp_universe_wait,
	.mixes = &mixes,
	.other = test_klp_universe_call_other,
};

static int test_klp_universe_thread(void *data)
{
	int id = *(int *)data, ret;

	while (!kthread_should_stop()) {
		if (!test_bit(id, &hold)) {
			msleep(20);
			continue;
		}
		ret = test_klp_universe_check(&held_calls, data);
		if (READ_ONCE(other_version))
			pr_info("kthread %d saw version %d, and %d elsewhere\n",
				id, ret & 0xff, ret >> 8);
		else
			pr_info("kthread %d saw version %d\n", id, ret);
		clear_bit(id, &held);
	}

	return 0;
}

/* What a task sees that has just entered the kernel */
static int version_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%d\n", test_klp_universe_a());
}

static const struct kernel_param_ops version_ops = { .get = version_get };
module_param_cb(version, &version_ops, NULL, 0444);

static bool test_klp_universe_yield(void *data)
{
	int *rounds = data;

	/* Be preempted, sleep in the middle, be looked at. */
	if (*rounds % 64 == 0)
		usleep_range(100, 200);

	return --*rounds % 4 != 0;
}

static const struct test_klp_universe_calls yield_calls = {
	.a = test_klp_universe_a,
	.b = test_klp_universe_b,
	.wait = test_klp_universe_yield,
	.mixes = &mixes,
};

/* Call the functions many times, within one system call. */
static int check_get(char *buffer, const struct kernel_param *kp)
{
	int rounds = 512;

	while (rounds > 0)
		test_klp_universe_check(&yield_calls, &rounds);

	return sysfs_emit(buffer, "%d\n", atomic_read(&mixes));
}

static const struct kernel_param_ops check_ops = { .get = check_get };
module_param_cb(check, &check_ops, NULL, 0444);

static int text_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%*ph\n", 16, test_klp_universe_b);
}

static const struct kernel_param_ops text_ops = { .get = text_get };
module_param_cb(text, &text_ops, NULL, 0444);

static DECLARE_WAIT_QUEUE_HEAD(asleep_wait);

static bool test_klp_universe_sleep(void *data)
{
	/* A signal ends it, even if there is nothing to handle. */
	wait_event_interruptible(asleep_wait, false);

	return false;
}

static const struct test_klp_universe_calls asleep_calls = {
	.a = test_klp_universe_a,
	.b = test_klp_universe_b,
	.wait = test_klp_universe_sleep,
	.mixes = &mixes,
};

/*
 * Sleep in the function, and do so again, as long as there is no signal to handle.
 * Meanwhile nobody else can read parameters of this module.
 */
static int asleep_get(char *buffer, const struct kernel_param *kp)
{
	test_klp_universe_check(&asleep_calls, NULL);

	return -ERESTARTSYS;
}

static const struct kernel_param_ops asleep_ops = { .get = asleep_get };
module_param_cb(asleep, &asleep_ops, NULL, 0444);

static void test_klp_universe_stop(void)
{
	int i;

	WRITE_ONCE(hold, 0);
	for (i = 0; i < NR_KTHREADS; i++)
		if (!IS_ERR_OR_NULL(kthreads[i]))
			kthread_stop(kthreads[i]);
}

static int test_klp_universe_init(void)
{
	int i;

	for (i = 0; i < NR_KTHREADS; i++) {
		kthread_ids[i] = i;
		kthreads[i] = kthread_run(test_klp_universe_thread, &kthread_ids[i],
					  "test_universe/%d", i);
		if (IS_ERR(kthreads[i])) {
			test_klp_universe_stop();
			return PTR_ERR(kthreads[i]);
		}
	}

	return 0;
}

static void test_klp_universe_exit(void)
{
	test_klp_universe_stop();
}

module_init(test_klp_universe_init);
module_exit(test_klp_universe_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Livepatch test: what tasks in several universes see");
