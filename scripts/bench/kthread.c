// SPDX-License-Identifier: GPL-2.0
/* Kthreads that hold up a transition: they are busy, or play idle, and never sleep. */

#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/panic.h>
#include <linux/sched.h>

static bool idle;
module_param(idle, bool, 0444);
MODULE_PARM_DESC(idle, "one that plays idle, instead of one for each CPU that is busy");

static int bench_kthread(void *unused)
{
	while (!kthread_should_stop()) {
		if (idle) {
			play_idle_precise(NSEC_PER_MSEC, U64_MAX);
		} else {
			/* Mostly preempted where that is enabled again. */
			preempt_disable();
			udelay(10);
			preempt_enable();
		}
		/* Disabling waits for Tasks RCU. */
		cond_resched_tasks_rcu_qs();
	}
	return 0;
}

static int bench_kthread_init(void)
{
	struct task_struct *task;
	int cpu;

	for_each_online_cpu(cpu) {
		if (idle && cpu != num_online_cpus() - 1)
			continue;
		/* There is no way back from those that run. */
		task = kthread_create_on_cpu(bench_kthread, NULL, cpu, "bench/%u");
		if (IS_ERR(task))
			panic("bench: no kthread");
		/* What play_idle_precise() asks for, and the least of priorities. */
		if (idle)
			sched_set_fifo_low(task);
		else
			set_user_nice(task, MAX_NICE);
		wake_up_process(task);
	}
	return 0;
}

module_init(bench_kthread_init);
MODULE_DESCRIPTION("bench");
MODULE_LICENSE("GPL");
