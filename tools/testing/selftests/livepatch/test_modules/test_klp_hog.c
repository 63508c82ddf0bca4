// SPDX-License-Identifier: GPL-2.0

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

static bool no_qs;
module_param(no_qs, bool, 0444);
MODULE_PARM_DESC(no_qs, "let Tasks RCU wait for them (default=false)");

static DEFINE_PER_CPU(struct task_struct *, hog);

/* Never sleeps.  Others get the CPU when they preempt it, or in between. */
static int test_klp_hog_thread(void *unused)
{
	while (!kthread_should_stop()) {
		/*
		 * Be preempted at the end of this, mostly.  Not every unwinder
		 * trusts the stack of a task that an interrupt has preempted.
		 */
		preempt_disable();
		udelay(10);
		preempt_enable();
		/* Livepatches wait for Tasks RCU when they are disabled. */
		if (!no_qs)
			cond_resched_tasks_rcu_qs();
	}

	return 0;
}

static void test_klp_hog_stop(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		if (per_cpu(hog, cpu))
			kthread_stop(per_cpu(hog, cpu));
	}
}

static int test_klp_hog_init(void)
{
	struct task_struct *task;
	int cpu, ret = 0;

	cpus_read_lock();
	for_each_online_cpu(cpu) {
		task = kthread_create_on_cpu(test_klp_hog_thread, NULL, cpu,
					     "test_klp_hog/%u");
		if (IS_ERR(task)) {
			ret = PTR_ERR(task);
			break;
		}

		set_user_nice(task, MAX_NICE);
		wake_up_process(task);
		per_cpu(hog, cpu) = task;
	}
	cpus_read_unlock();

	if (ret)
		test_klp_hog_stop();

	return ret;
}

static void test_klp_hog_exit(void)
{
	test_klp_hog_stop();
}

module_init(test_klp_hog_init);
module_exit(test_klp_hog_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Livepatch test: kthreads that never sleep");
