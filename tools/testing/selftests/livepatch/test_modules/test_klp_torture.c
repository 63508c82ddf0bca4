// SPDX-License-Identifier: GPL-2.0
/*
 * Functions to be patched, and who calls them: kthreads, work, timers, interrupts,
 * and whoever reads a parameter.  Each call is judged:
 *
 * - One invocation of test_klp_torture_check_N() sees one version (mixes).
 * - Without being preempted, all groups are seen in one universe (splits).
 * - Each version was loaded when it was seen (ghosts).
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/kernel.h>
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/sysfs.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

#define VERSION		0

#include "test_klp_torture.h"

#define MAX_THREADS	64

enum torture_context { KTHREAD, WORK, TIMER, HRTIMER, USER, NR_CONTEXTS };

static const char * const names[NR_CONTEXTS] = {
	"kthread", "work", "timer", "hrtimer", "user"
};

static unsigned int threads = 3;
module_param(threads, uint, 0444);
MODULE_PARM_DESC(threads, "number of kthreads, each with a work and timers (default=3)");

static unsigned int seed = 1;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "what the kthreads do (default=1)");

static unsigned int mix = BIT(USER) - 1;
module_param(mix, uint, 0444);
MODULE_PARM_DESC(mix, "who calls: 1 kthreads, 2 work, 4 timers, 8 interrupts (default=15)");

/*
 * Sixteen bits for each livepatch.  They are counted up before it is loaded, and
 * after it is unloaded: odd means that its functions may be called.
 */
static unsigned long live;
module_param(live, ulong, 0644);
MODULE_PARM_DESC(live, "which livepatches are loaded");

static atomic_long_t calls[NR_CONTEXTS];
static atomic_t mixes, splits, ghosts;

TORTURE_FUNCTIONS(test_klp_torture, 0)
TORTURE_FUNCTIONS(test_klp_torture, 1)
TORTURE_FUNCTIONS(test_klp_torture, 2)

#define TORTURE_GROUP(number) {							\
	.nr = number,								\
	.traced = test_klp_torture_traced_##number,				\
	.plain = TORTURE_PLAIN ?						\
		test_klp_torture_plain_##number : test_klp_torture_traced_##number, \
	.check = test_klp_torture_check_##number,				\
}

static const struct torture_group groups[TORTURE_GROUPS] = {
	TORTURE_GROUP(0),
	TORTURE_GROUP(1),
	TORTURE_GROUP(2),
};

static void torture_complain(atomic_t *counter, enum torture_context context,
			     const char *what)
{
	/* The first ones tell all. */
	if (atomic_inc_return(counter) <= 5)
		pr_err("%s (%s) saw %s\n", names[context], current->comm, what);
}

/*
 * @before is from before the call.  If @version was loaded only after that, and
 * unloaded before this, the count has changed.
 */
static int torture_judge(enum torture_context context, int version, unsigned long before)
{
	int shift = 16 * (version - 1);

	atomic_long_inc(&calls[context]);
	if (version < 0)
		torture_complain(&mixes, context, "a mix of versions");
	else if (version > 0 && !((before >> shift) & 1) &&
		 !(((READ_ONCE(live) ^ before) >> shift) & 0xffff))
		torture_complain(&ghosts, context, "a version that is not loaded");

	return version;
}

static bool torture_wanted(enum torture_context context)
{
	return context == USER || mix & BIT(context);
}

/* Stay in a function, which keeps transitions going that change it. */
static void torture_stay(enum torture_context context, int g, struct torture_stay *stay)
{
	unsigned long before = READ_ONCE(live);

	if (torture_wanted(context))
		torture_judge(context, groups[g].check(&groups[g], stay), before);
}

/* Call all of them where nobody is migrated, so that it is in one universe. */
static void torture_glance(enum torture_context context, int version[TORTURE_GROUPS])
{
	unsigned long before = READ_ONCE(live);
	struct torture_stay no_stay = {};
	bool split = false;
	int g;

	if (!torture_wanted(context))
		return;

	preempt_disable();
	for (g = 0; g < TORTURE_GROUPS; g++)
		version[g] = groups[g].check(&groups[g], &no_stay);
	preempt_enable();

	for (g = 0; g < TORTURE_GROUPS; g++)
		if (torture_judge(context, version[g], before) < 0)
			return;

	/*
	 * All livepatches have the first group.  The topmost one that is enabled
	 * is seen there, and in all groups that it has.
	 */
	for (g = 1; g < TORTURE_GROUPS; g++) {
		if (torture_versions[g] & BIT(version[0]))
			split |= version[g] != version[0];
		else
			split |= !(torture_versions[g] & BIT(version[g]));
	}
	if (split)
		torture_complain(&splits, context, "two universes");
}

/* One for each kthread */
static struct torture_thread {
	struct task_struct *task;
	struct rnd_state rnd;
	struct work_struct work;
	struct timer_list timer;
	struct hrtimer hrtimer;
} torture_threads[MAX_THREADS];

static struct workqueue_struct *wq;

static u32 torture_random(struct torture_thread *t, u32 below)
{
	return prandom_u32_state(&t->rnd) % below;
}

static void torture_work(struct work_struct *work)
{
	int version[TORTURE_GROUPS];
	struct torture_stay stay = { .rounds = 3, .sleep = 1, .state = TASK_IDLE };

	torture_glance(WORK, version);
	torture_stay(WORK, jiffies % TORTURE_GROUPS, &stay);
}

static void torture_timer(struct timer_list *timer)
{
	int version[TORTURE_GROUPS];

	torture_glance(TIMER, version);
	mod_timer(timer, jiffies + 1);
}

static enum hrtimer_restart torture_hrtimer(struct hrtimer *hrtimer)
{
	int version[TORTURE_GROUPS];

	torture_glance(HRTIMER, version);
	hrtimer_forward_now(hrtimer, ms_to_ktime(2));

	return HRTIMER_RESTART;
}

/* To one CPU or to all of them.  Timers stay where they are started. */
static void torture_move(struct torture_thread *t)
{
	unsigned int cpu = cpumask_nth(torture_random(t, num_online_cpus() + 1),
				       cpu_online_mask);

	/* Fails if the CPU has gone by now, and another one will do. */
	set_cpus_allowed_ptr(current, cpu < nr_cpu_ids ? cpumask_of(cpu) :
						     cpu_possible_mask);
	timer_delete_sync(&t->timer);
	mod_timer(&t->timer, jiffies + 1);
	hrtimer_cancel(&t->hrtimer);
	hrtimer_start(&t->hrtimer, us_to_ktime(torture_random(t, 2000)),
		      HRTIMER_MODE_REL_HARD);
}

static int torture_thread(void *data)
{
	/* Livepatch wakes up those in some sleeps, and migrates those in others. */
	static const unsigned int states[] = {
		TASK_IDLE, TASK_INTERRUPTIBLE, TASK_IDLE | TASK_FREEZABLE,
	};
	int version[TORTURE_GROUPS];
	struct torture_thread *t = data;

	while (!kthread_should_stop()) {
		struct torture_stay stay = {
			.rounds = torture_random(t, 12),
			.sleep = torture_random(t, 2) * torture_random(t, HZ / 50 + 2),
			.state = states[torture_random(t, ARRAY_SIZE(states))],
		};

		if (!torture_random(t, 4))
			torture_move(t);
		queue_work(wq, &t->work);
		torture_glance(KTHREAD, version);
		torture_stay(KTHREAD, torture_random(t, TORTURE_GROUPS), &stay);
		schedule_timeout_idle(torture_random(t, 4));
	}

	return 0;
}

/*
 * For users: call the functions many times, and tell whether all is well, and which
 * versions are seen now.  No parameter, as those are read by one at a time, and
 * even when livepatch has let go of a module that is being unloaded.
 */
static ssize_t check_show(const struct module_attribute *mattr,
			  struct module_kobject *mk, char *buffer)
{
	int version[TORTURE_GROUPS], i;

	for (i = 0; i < 32; i++) {
		struct torture_stay stay = {
			.rounds = i % 8,
			.sleep = i == 15,
			.state = TASK_INTERRUPTIBLE,
		};

		torture_glance(USER, version);
		torture_stay(USER, i % TORTURE_GROUPS, &stay);
	}
	torture_glance(USER, version);

	return sysfs_emit(buffer, "%d %d %d %d\n", atomic_read(&mixes) +
			  atomic_read(&splits) + atomic_read(&ghosts),
			  version[0], version[1], version[2]);
}

static const struct module_attribute check_attr = __ATTR_RO(check);

static int stats_get(char *buffer, const struct kernel_param *kp)
{
	int i, len = 0;

	for (i = 0; i < NR_CONTEXTS; i++)
		len += sysfs_emit_at(buffer, len, "%s %ld ", names[i],
				     atomic_long_read(&calls[i]));

	return len + sysfs_emit_at(buffer, len, "mixes %d splits %d ghosts %d\n",
				   atomic_read(&mixes), atomic_read(&splits),
				   atomic_read(&ghosts));
}

static const struct kernel_param_ops stats_ops = { .get = stats_get };
module_param_cb(stats, &stats_ops, NULL, 0444);

static void torture_stop(void)
{
	struct torture_thread *t;

	for (t = torture_threads; t->task; t++) {
		kthread_stop(t->task);
		timer_shutdown_sync(&t->timer);
		hrtimer_cancel(&t->hrtimer);
	}
	destroy_workqueue(wq);
}

static int test_klp_torture_init(void)
{
	struct task_struct *task;
	struct torture_thread *t;
	unsigned int i;
	int ret = 0;

	wq = alloc_workqueue("test_klp_torture", WQ_UNBOUND, 0);
	if (!wq)
		return -ENOMEM;

	/* The last one has no task. */
	for (i = 0; i < min(threads, MAX_THREADS - 1) && !ret; i++) {
		t = &torture_threads[i];
		prandom_seed_state(&t->rnd, seed * MAX_THREADS + i);
		INIT_WORK(&t->work, torture_work);
		timer_setup(&t->timer, torture_timer, 0);
		hrtimer_setup(&t->hrtimer, torture_hrtimer, CLOCK_MONOTONIC,
			      HRTIMER_MODE_REL_HARD);
		task = kthread_run(torture_thread, t, "klp_torture/%u", i);
		ret = PTR_ERR_OR_ZERO(task);
		if (!ret)
			t->task = task;
	}
	if (!ret)
		ret = sysfs_create_file(&THIS_MODULE->mkobj.kobj, &check_attr.attr);
	if (ret)
		torture_stop();

	return ret;
}

static void test_klp_torture_exit(void)
{
	sysfs_remove_file(&THIS_MODULE->mkobj.kobj, &check_attr.attr);
	torture_stop();
}

module_init(test_klp_torture_init);
module_exit(test_klp_torture_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Livepatch test: functions under torture");
