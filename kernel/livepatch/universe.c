// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * universe.c - which set of live code a task sees
 *
 * Copyright (C) 2015-2016 Josh Poimboeuf <jpoimboe@redhat.com>
 *
 * Each time the set of live code changes, a universe is born: klp_universe is
 * counted up by one.  A task sees everything in one universe for as long as it
 * runs in the kernel, that of its klp_universe, which never decreases.  It gets
 * to the newest one when it leaves the kernel, or when it does not run and
 * nothing on its stack differs between the two.
 *
 * Nothing here knows about patches and functions.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/irq_work.h>
#include <linux/livepatch.h>
#include <linux/livepatch_sched.h>
#include <linux/moduleparam.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/srcu.h>
#include <linux/stacktrace.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>
#include <kunit/visibility.h>
#include <trace/events/livepatch.h>
#include "core.h"
#include "redirect.h"
#include "transition.h"
#include "universe.h"

#define MAX_STACK_ENTRIES  100
static DEFINE_PER_CPU(unsigned long[MAX_STACK_ENTRIES], klp_stack_entries);

unsigned int klp_universe;

/* Not to be set on the command line either: tasks begin in universe 0. */
static int klp_universe_set(const char *val, const struct kernel_param *kp)
{
	return -EPERM;
}

static const struct kernel_param_ops klp_universe_ops = {
	.set = klp_universe_set,
	.get = param_get_uint,
};
module_param_cb(universe, &klp_universe_ops, &klp_universe, 0444);
MODULE_PARM_DESC(universe, "Number of the newest universe");

/*
 * When a livepatch is in progress, enable klp stack checking in
 * schedule().  This helps CPU-bound kthreads get patched.
 */
DEFINE_STATIC_KEY_FALSE(klp_sched_try_switch_key);

/* More than there can be tasks: nobody shall look before they are counted. */
#define KLP_NOT_COUNTED	(INT_MAX / 2)

/*
 * How many tasks have still to leave the universes below klp_awaited by
 * themselves before it is worth to look whether a transition is complete.  A
 * hint: tasks are forked and exit without being counted, and then the poll or
 * one attempt too many makes up for it.
 */
static atomic_t klp_nr_stragglers = ATOMIC_INIT(KLP_NOT_COUNTED);
static unsigned int klp_awaited;

static void klp_irq_work_fn(struct irq_work *work)
{
	klp_queue_transition_work(0);
}

/* Tasks migrate where work cannot be queued, in __schedule() for one. */
static DEFINE_IRQ_WORK(klp_irq_work, klp_irq_work_fn);

/*
 * Called when a task has left universe @from by itself, where it may not sleep
 * or wake up anybody: preemption is disabled.
 *
 * An idle task may get here when its CPU is already offline and cannot raise an
 * interrupt any more.  Offline idle tasks are migrated by the poll.
 */
static void klp_straggler_migrated(unsigned int from)
{
	/*
	 * Enforce the order of the task's universe write, and of reading
	 * klp_awaited and counting down.  Pairs with atomic_xchg() in
	 * klp_await_stragglers_start(): a task that is counted after that as a
	 * straggler counts down after that, and not before.
	 */
	smp_mb();

	if (from < READ_ONCE(klp_awaited) &&
	    atomic_dec_return(&klp_nr_stragglers) <= 0 &&
	    cpu_online(raw_smp_processor_id()))
		irq_work_queue(&klp_irq_work);
}

/**
 * klp_await_stragglers_start() - begin to count tasks that migrate by themselves
 *
 * To be called before the tasks are counted.
 *
 * Context: under klp_mutex
 */
void klp_await_stragglers_start(void)
{
	/* Whoever migrates before it is known which ones matter, is counted. */
	WRITE_ONCE(klp_awaited, UINT_MAX);

	/*
	 * Enforce the order of this write and the reads of the tasks' universes
	 * that follow, see klp_straggler_migrated().
	 */
	atomic_xchg(&klp_nr_stragglers, KLP_NOT_COUNTED);
}

/**
 * klp_await_stragglers() - start the transition work as soon as tasks have left
 *			    old universes by themselves
 * @universe:	the universe that they have to reach
 * @count:	how many tasks have been seen in older ones
 *
 * Context: under klp_mutex
 * Return: true if they have all left in the meantime
 */
bool klp_await_stragglers(unsigned int universe, unsigned int count)
{
	/* Those who do not see this yet do not count down.  The poll makes up for it. */
	WRITE_ONCE(klp_awaited, universe);

	return atomic_sub_return(KLP_NOT_COUNTED - count, &klp_nr_stragglers) <= 0;
}

/*
 * This function is just a stub to implement a hard force
 * of synchronize_rcu(). This requires synchronizing
 * tasks even in userspace and idle.
 */
static void klp_sync(struct work_struct *work)
{
}

/**
 * klp_synchronize_cpus() - wait for all that runs with preemption disabled
 *
 * That is klp_ftrace_handler() and whoever migrates a task.
 *
 * We allow to patch also functions where RCU is not watching,
 * e.g. before user_exit(). We can not rely on the RCU infrastructure
 * to do the synchronization. Instead hard force the sched synchronization.
 *
 * Context: sleeps, for about as long as each CPU needs to schedule once
 */
void klp_synchronize_cpus(void)
{
	/* When there is no memory for it, nobody has been waited for. */
	while (schedule_on_each_cpu(klp_sync))
		schedule_timeout_uninterruptible(1);
}

/* Held by tasks from before they can leave the task list until they are dead. */
DEFINE_STATIC_SRCU(klp_exit_srcu);

/**
 * klp_exit_start() - a task is about to leave the task list
 * @tsk:	the task, which is current
 *
 * Called before anybody can take it off the list.  tasklist_lock orders the start
 * of the read section before the last pass over the list that misses the task, in
 * klp_take_census(): klp_synchronize_tasks() waits for it then.
 *
 * Locks are taken and dropped inside the section, and the task must hold none
 * in the middle of it, see debug_check_no_locks_held().  So lockdep does not
 * know of it: down and up, not lock and unlock.
 *
 * Context: exit_notify(), under tasklist_lock
 */
void klp_exit_start(struct task_struct *tsk)
{
	tsk->klp_exit_idx = srcu_down_read(&klp_exit_srcu) + 1;
}

/**
 * klp_exit_finish() - a task is about to run for the last time
 * @tsk:	the task, which is current
 *
 * It goes to its last __schedule(): the wait for all CPUs to schedule, in
 * klp_synchronize_tasks(), covers the rest of its life.
 *
 * A task that oopses on its way out gets here, too, even if it has not come as
 * far as klp_exit_start().  It does not run again, whatever is on its stack, and
 * nobody shall wait for it for ever.
 *
 * Context: do_exit() or make_task_dead(), with preemption disabled for good
 */
void klp_exit_finish(struct task_struct *tsk)
{
	lockdep_assert_preemption_disabled();

	if (!tsk->klp_exit_idx)
		return;

	srcu_up_read(&klp_exit_srcu, tsk->klp_exit_idx - 1);
	tsk->klp_exit_idx = 0;
}

/**
 * klp_synchronize_tasks() - wait for tasks that exit
 *
 * The transition waits for the tasks in the list.  One that exits has left it,
 * and may be in ftrace's trampoline, after klp_ftrace_handler() sent it to a
 * function that goes away, or in that function.  Wait for those, in this order:
 *
 * 1) until they have disabled preemption for good.  Tasks RCU does not wait for
 *    one that sleeps.
 *
 * 2) until all CPUs have scheduled.  This is also for where RCU is not watching,
 *    as in ftrace_shutdown().  Where the architecture has noinstr, nothing that
 *    can be patched runs there: the call is empty then, and the grace period
 *    of RCU that Tasks RCU begins with is what waits for all CPUs.
 *
 * 3) for those that were preempted in the trampoline.
 *
 * Nobody may hold here what a task needs between exit_notify() and its end.
 *
 * Context: sleeps until these tasks are dead, and for a grace period of Tasks RCU
 */
void klp_synchronize_tasks(void)
{
	synchronize_srcu(&klp_exit_srcu);
	synchronize_rcu_tasks_rude();
	synchronize_rcu_tasks();
}

/**
 * klp_census_add() - count tasks
 * @census:	the census
 * @universe:	universe of the tasks
 * @count:	how many, 0 for a universe that tasks may get to
 */
VISIBLE_IF_KUNIT
void klp_census_add(struct klp_census *census, unsigned int universe,
		    unsigned int count)
{
	const unsigned int last = KLP_CENSUS_MAX - 1;
	unsigned int i;

	/* From the end: most tasks are in the newest one. */
	for (i = census->nr; i > 0; i--)
		if (census->entry[i - 1].universe <= universe)
			break;

	if (i > 0 && census->entry[i - 1].universe == universe) {
		census->entry[i - 1].count += count;
		return;
	}

	if (census->nr <= last) {
		memmove(&census->entry[i + 1], &census->entry[i],
			(census->nr - i) * sizeof(census->entry[0]));
		census->nr++;
	} else {
		/* The oldest ones matter, and the newest, where most tasks are. */
		census->dense = true;
		if (i == last)
			return;
		if (i > last)
			i = last;
		else
			memmove(&census->entry[i + 1], &census->entry[i],
				(last - 1 - i) * sizeof(census->entry[0]));
	}

	census->entry[i].universe = universe;
	census->entry[i].count = count;
}

/**
 * klp_census_any() - can there be a task in one of these universes?
 * @census:	the census
 * @from:	first one
 * @until:	the one behind the last one
 *
 * Tasks are taken to be in all universes that are newer than those of the census.
 *
 * Return: true unless there is none for sure
 */
bool klp_census_any(const struct klp_census *census, unsigned int from,
		    unsigned int until)
{
	unsigned int i;

	if (!census->nr)
		return false;

	if (census->dense)
		return until > max(from, census->entry[0].universe);

	if (until > from && until - 1 > census->entry[census->nr - 1].universe)
		return true;

	for (i = 0; i < census->nr; i++)
		if (census->entry[i].universe >= from &&
		    census->entry[i].universe < until)
			return true;

	return false;
}

/**
 * klp_census_below() - count the tasks that have not reached a universe
 * @census:	the census
 * @universe:	the universe
 *
 * Return: their number; it may be too small if the census is dense
 */
unsigned int klp_census_below(const struct klp_census *census, unsigned int universe)
{
	unsigned int i, count = 0;

	for (i = 0; i < census->nr && census->entry[i].universe < universe; i++)
		count += census->entry[i].count;

	return count;
}

/*
 * A task's universe never decreases.
 *
 * NOTE: If task is not 'current', the caller must ensure the task is inactive.
 * Otherwise klp_ftrace_handler() might resolve two functions of one call chain
 * in two universes.
 */
static void klp_set_universe(struct task_struct *task, unsigned int from,
			     unsigned int to, const char *how)
{
	WARN_ON_ONCE(to < from);

	/*
	 * Before the write, so that tracers hear of all tasks before they hear
	 * that the transition is complete.  RCU is watching wherever tasks
	 * migrate.  Runqueue locks may be held, as in events of the scheduler.
	 */
	trace_klp_task_migrated(task, from, to, how);

	/*
	 * Enforce the order of what the task, and interrupts of it, have done in
	 * the old universe, and of leaving it.  Pairs with smp_mb() in
	 * klp_take_census().
	 */
	smp_store_release(&task->klp_universe, to);
}

/*
 * The first part of every migration.  Preemption is disabled all through it, or
 * a task that had read one universe could be preempted, moved to the next one by
 * somebody else, and then step back.
 *
 * Clearing the flag comes before reading klp_universe.  This pairs with
 * klp_advance_universe(), which writes them in reverse order: either the new
 * universe is seen here, or the flag is still set afterwards, and the task will
 * be back.
 *
 * The acquire enforces the order of reading klp_universe and, later, of the
 * versions that klp_ftrace_handler() resolves in that universe, and of the ranges
 * that klp_check_entries() looks at.  It pairs with the release in
 * klp_advance_universe().  A task that is migrated by somebody else gets both
 * through the locks that task_call_func() and the scheduler take.
 */
static unsigned int klp_migrate_start(struct task_struct *task)
{
	lockdep_assert_preemption_disabled();

	clear_tsk_thread_flag(task, TIF_PATCH_PENDING);
	/* Flag, then universe: pairs with smp_mb() in klp_advance_universe(). */
	smp_mb__after_atomic();

	/* Universe, then versions: pairs with the release there. */
	return smp_load_acquire(&klp_universe);
}

/**
 * klp_update_patch_state() - migrate a task to the newest universe
 * @task:	current, where nothing that can be patched is on its stack, or a
 *		task that cannot run
 *
 * Context: any; called on the way to user space and in the idle loop
 */
void klp_update_patch_state(struct task_struct *task)
{
	unsigned int from, to;

	if (!test_tsk_thread_flag(task, TIF_PATCH_PENDING))
		return;

	/*
	 * klp_synchronize_cpus() is used to allow patching functions where RCU
	 * is not watching.
	 */
	preempt_disable_notrace();

	/* klp_raise_task() may change it at any time. */
	from = READ_ONCE(task->klp_universe);
	to = klp_migrate_start(task);
	if (from != to) {
		klp_set_universe(task, from, to, is_idle_task(task) ? "idle" : "user");
		klp_straggler_migrated(from);
	}

	preempt_enable_notrace();
}

/*
 * Determine whether it's safe to migrate the task by looking for any function
 * on its stack that differs between the two universes.
 */
static int klp_check_stack(struct task_struct *task, unsigned int from,
			   unsigned int to, const char **name)
{
	unsigned long *entries = this_cpu_ptr(klp_stack_entries);
	int nr;

	/* Protect 'klp_stack_entries' */
	lockdep_assert_preemption_disabled();

	nr = stack_trace_save_tsk_reliable(task, entries, MAX_STACK_ENTRIES);
	if (nr < 0)
		return -EINVAL;

	return klp_check_entries(entries, nr, from, to, name);
}

/* @how is for tracers, @name is that of the function that is in the way. */
struct klp_migration {
	unsigned int from;
	unsigned int to;
	const char *how;
	const char *name;
};

static int klp_check_task(struct task_struct *task, void *arg)
{
	struct klp_migration *m = arg;

	m->from = READ_ONCE(task->klp_universe);
	m->to = klp_universe;

	if (m->from == m->to)
		return 0;
	if (task_curr(task))
		return -EBUSY;

	return klp_check_stack(task, m->from, m->to, &m->name);
}

static int klp_check_and_migrate(struct task_struct *task, void *arg)
{
	struct klp_migration *m = arg;
	int ret;

	m->from = READ_ONCE(task->klp_universe);

	if (task_curr(task) && task != current)
		return -EBUSY;

	m->to = klp_migrate_start(task);
	if (m->from == m->to)
		return 0;

	ret = klp_check_stack(task, m->from, m->to, &m->name);
	if (ret)
		set_tsk_thread_flag(task, TIF_PATCH_PENDING);
	else
		klp_set_universe(task, m->from, m->to, m->how);

	return ret;
}

/*
 * Try to safely migrate a task to the newest universe.  If it's currently
 * running, or it's sleeping on a function that differs there, or if the stack is
 * unreliable, return false.
 */
static bool klp_try_switch_task(struct task_struct *task, struct klp_migration *m)
{
	int ret;

	/*
	 * For arches which don't have reliable stack traces, we have to rely
	 * on other methods (e.g., migrating tasks at kernel exit).
	 */
	if (!klp_have_reliable_stack())
		return false;

	if (task == current) {
		/* Nobody else may use klp_stack_entries of this CPU meanwhile. */
		preempt_disable();
		ret = klp_check_and_migrate(current, m);
		preempt_enable();
	} else {
		ret = task_call_func(task, klp_check_and_migrate, m);
	}

	switch (ret) {
	case 0:		/* success */
		break;

	case -EBUSY:	/* klp_check_and_migrate() */
		pr_debug("%s: %s:%d is running\n",
			 __func__, task->comm, task->pid);
		break;
	case -EINVAL:	/* klp_check_stack() */
		pr_debug("%s: %s:%d has an unreliable stack\n",
			 __func__, task->comm, task->pid);
		break;
	case -EADDRINUSE: /* klp_check_entries() */
		pr_debug("%s: %s:%d is sleeping on function %s\n",
			 __func__, task->comm, task->pid, m->name);
		break;
	case -EAGAIN:	/* klp_check_entries() */
		pr_debug("%s: %s:%d cannot be checked yet\n",
			 __func__, task->comm, task->pid);
		break;

	default:
		pr_debug("%s: Unknown error code (%d) when trying to switch %s:%d\n",
			 __func__, ret, task->comm, task->pid);
		break;
	}

	return !ret;
}

void __klp_sched_try_switch(void)
{
	struct klp_migration m = { .how = "schedule" };

	/*
	 * This function is called from __schedule() while a context switch is
	 * about to happen, and from do_idle() on behalf of a kthread that plays
	 * idle. Preemption is already disabled and klp_mutex can't be acquired.
	 * Disabled preemption is used to prevent racing with other callers of
	 * klp_try_switch_task(). Thanks to task_call_func() they won't be
	 * able to switch to this task while it's running.
	 */
	lockdep_assert_preemption_disabled();

	if (likely(!klp_patch_pending(current)))
		return;

	if (klp_try_switch_task(current, &m) && m.from != m.to)
		klp_straggler_migrated(m.from);
}

/*
 * A kthread that never sleeps, or never where klp_sched_try_switch() looks, is
 * hardly ever found not running.  It has to be preempted on purpose.
 */
struct klp_kick {
	struct work_struct work;
	struct task_struct *task;
};

/* One for each CPU, where one task at a time can be running. */
static DEFINE_PER_CPU(struct klp_kick, klp_kicks);

/*
 * The task was running on this CPU when this was queued, and is preempted now,
 * unless it sleeps or was moved to another CPU.
 *
 * Like __klp_sched_try_switch(), this does without klp_mutex, so that it is not
 * late.  The owner of klp_mutex may migrate the task meanwhile, and so may the
 * task itself if it runs elsewhere: one at a time, each under the rules of
 * klp_migrate_start().
 */
static void klp_kick_work_fn(struct work_struct *work)
{
	struct klp_kick *kick = container_of(work, struct klp_kick, work);
	struct task_struct *task = kick->task;
	struct klp_migration m = { .how = "kick" };

	preempt_disable();
	if (klp_patch_pending(task) && klp_try_switch_task(task, &m) &&
	    m.from != m.to)
		klp_straggler_migrated(m.from);
	preempt_enable();

	put_task_struct(task);

	/*
	 * Enforce the order of the kick->task read above and its next write.
	 * Pairs with smp_load_acquire() in klp_kick_kthread().
	 */
	smp_store_release(&kick->task, NULL);
}

/*
 * Have a running kthread preempted and looked at.  Nobody waits for it: where a
 * realtime task leaves no time for workers, the work is not done, and that task
 * is only migrated if it happens not to run when it is looked at.
 */
static void klp_kick_kthread(struct task_struct *task)
{
	int cpu = task_cpu(task);
	struct klp_kick *kick = per_cpu_ptr(&klp_kicks, cpu);

	lockdep_assert_held(&klp_mutex);

	/*
	 * Not done yet?  Pairs with smp_store_release() in klp_kick_work_fn():
	 * the old value has been used before it is overwritten.
	 */
	if (smp_load_acquire(&kick->task))
		return;

	kick->task = get_task_struct(task);

	/*
	 * Of high priority, or it would queue up behind a work that keeps
	 * running, when it is a worker that is a straggler.  If the CPU goes
	 * offline, another one does it, and finds the task running or not.
	 */
	queue_work_on(cpu, system_highpri_wq, &kick->work);
}

static int __init klp_init_kicks(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		INIT_WORK(&per_cpu(klp_kicks, cpu).work, klp_kick_work_fn);

	return 0;
}
core_initcall(klp_init_kicks);

/**
 * klp_resched_enable() - look at the stacks of tasks that call schedule()
 */
void klp_resched_enable(void)
{
	static_branch_enable(&klp_sched_try_switch_key);
}

/**
 * klp_resched_disable() - do so no longer
 */
void klp_resched_disable(void)
{
	static_branch_disable(&klp_sched_try_switch_key);
}

/**
 * klp_advance_universe() - bear a universe, and ask all tasks to migrate there
 *
 * Everything that can be resolved in it has been published.
 *
 * Context: under klp_mutex
 */
void klp_advance_universe(void)
{
	struct task_struct *g, *task;
	unsigned int cpu;

	lockdep_assert_held(&klp_mutex);

	/*
	 * The release enforces the order of the versions and ranges that have
	 * been published and the universe.  It pairs with the acquire in
	 * klp_migrate_start().
	 */
	smp_store_release(&klp_universe, klp_universe + 1);

	/*
	 * Enforce the order of the write above and the TIF_PATCH_PENDING writes
	 * below.  It pairs with the barrier in klp_migrate_start().
	 */
	smp_mb();

	/*
	 * A task that is forked takes its universe under tasklist_lock: it is in
	 * the list, or sees the new universe, see klp_copy_process().
	 */
	read_lock(&tasklist_lock);
	for_each_process_thread(g, task)
		set_tsk_thread_flag(task, TIF_PATCH_PENDING);
	read_unlock(&tasklist_lock);

	for_each_possible_cpu(cpu)
		set_tsk_thread_flag(idle_task(cpu), TIF_PATCH_PENDING);
}

/**
 * klp_signal_stragglers() - disturb the tasks that have not migrated
 *
 * Sends a fake signal to those that are no kthreads.  Kthreads are woken up.
 *
 * Context: under klp_mutex
 */
void klp_signal_stragglers(void)
{
	struct task_struct *g, *task;

	lockdep_assert_held(&klp_mutex);

	read_lock(&tasklist_lock);
	for_each_process_thread(g, task) {
		/* TIF_PATCH_PENDING may be set for one that was raised, too. */
		if (READ_ONCE(task->klp_universe) == klp_universe)
			continue;

		/*
		 * There is a small race here. We could see an older universe
		 * and decide to wake up a kthread or send a fake signal.
		 * Meanwhile the task could migrate itself and the action
		 * would be meaningless. It is not serious though.
		 */
		if (task->flags & PF_KTHREAD) {
			/*
			 * Wake up a kthread which sleeps interruptedly and
			 * still has not been migrated.
			 */
			wake_up_state(task, TASK_INTERRUPTIBLE);
		} else {
			/*
			 * Send fake signal to all non-kthread tasks which are
			 * still not migrated.
			 */
			set_notify_signal(task);
		}
	}
	read_unlock(&tasklist_lock);
}

/**
 * klp_is_listed() - is the name of a function in a list?
 * @name:	the name, where the compiler may have added .part.0 or the like
 * @list:	names
 * @nr:		how many they are
 *
 * Context: any
 * Return: true if so
 */
bool klp_is_listed(const char *name, const char * const *list, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		size_t len = str_has_prefix(name, list[i]);

		if (len && (!name[len] || name[len] == '.'))
			return true;
	}

	return false;
}

/**
 * klp_is_around_hook() - can a task migrate in the middle of a function, without
 *			  a look at its stack?
 * @name:	name of the function
 *
 * klp_update_patch_state() relies on it that tasks do not come back to code that
 * is patched, after it is called.  These functions are around the places where it
 * is called: exit_to_user_mode_loop() and do_idle().  Patching them works as far
 * as they are entered anew, but their originals are never left behind.  Those in
 * noinstr or entry text cannot be patched anyway, and are not listed.
 *
 * Context: any
 * Return: true if so
 */
bool klp_is_around_hook(const char *name)
{
	static const char * const around[] = {
		/* exit_to_user_mode_loop() */
		"exit_to_user_mode_loop",
		"__exit_to_user_mode_loop",
		"ret_from_fork",
		"ret_from_fork_asm",
		"call_on_irq_stack",
		"do_syscall_64",
		"do_int80_emulation",
		"do_fast_syscall_32",
		/* do_idle() */
		"do_idle",
		"cpu_startup_entry",
		"rest_init",
		"start_kernel",
		"start_secondary",
		"secondary_start_kernel",
		"cpu_bringup_and_idle",
		"play_idle_precise",
	};

	return klp_is_listed(name, around, ARRAY_SIZE(around));
}

/* Find the task with the lowest pid from *nr on, and set *nr behind it. */
static struct task_struct *klp_next_task(int *nr)
{
	struct task_struct *task = NULL;
	struct pid *pid;

	rcu_read_lock();
	while (!task) {
		pid = find_ge_pid(*nr, &init_pid_ns);
		if (!pid)
			break;
		*nr = pid_nr(pid) + 1;
		/* NULL where only a process group or a session has this pid. */
		task = get_pid_task(pid, PIDTYPE_PID);
	}
	rcu_read_unlock();

	return task;
}

/**
 * klp_migrate_tasks() - try to migrate all tasks, by looking at the stacks of
 *			 those that do not run
 *
 * This may take long, with many tasks or deep stacks.  So it goes by pid, as
 * /proc does, holds on to one task at a time instead of tasklist_lock, and lets
 * others run in between.  Tasks that come or go behind its back do not matter:
 * klp_take_census() has the last word.
 *
 * Context: under klp_mutex, may sleep
 */
void klp_migrate_tasks(void)
{
	struct klp_migration m = { .how = "walk" };
	struct task_struct *task;
	unsigned int cpu;
	int nr = 1;

	while ((task = klp_next_task(&nr))) {
		if (READ_ONCE(task->klp_universe) != klp_universe &&
		    !klp_try_switch_task(task, &m) &&
		    (task->flags & PF_KTHREAD) && task_curr(task))
			klp_kick_kthread(task);
		put_task_struct(task);
		cond_resched();
	}

	/*
	 * Ditto for the idle "swapper" tasks.
	 */
	cpus_read_lock();
	for_each_possible_cpu(cpu) {
		task = idle_task(cpu);
		if (READ_ONCE(task->klp_universe) == klp_universe)
			continue;
		if (cpu_online(cpu)) {
			/* Make idle task go through the main loop. */
			if (!klp_try_switch_task(task, &m))
				wake_up_if_idle(cpu);
		} else {
			/* offline idle tasks can be switched immediately */
			klp_update_patch_state(task);
		}
	}
	cpus_read_unlock();
}

/* Tasks that follow each other in one universe, as nearly all of them do. */
struct klp_run {
	unsigned int universe;
	unsigned int count;
};

static void klp_end_run(struct klp_census *census, struct klp_run *run)
{
	if (run->count)
		klp_census_add(census, run->universe, run->count);
	run->count = 0;
}

static void klp_count_task(struct klp_census *census, struct klp_run *run,
			   struct task_struct *task)
{
	unsigned int universe = READ_ONCE(task->klp_universe);

	if (universe != run->universe) {
		klp_end_run(census, run);
		run->universe = universe;
	}
	run->count++;

	/* Nobody is left behind, whatever has become of the flag. */
	if (universe != klp_universe &&
	    !test_tsk_thread_flag(task, TIF_PATCH_PENDING))
		set_tsk_thread_flag(task, TIF_PATCH_PENDING);
}

/**
 * klp_take_census() - count the tasks in each universe
 * @census:	what is counted.  The newest universe is part of it, and without
 *		klp_synchronize_cpus() before, somebody may still be on the way
 *		to one that is in between and not.
 *
 * A new task enters the list under tasklist_lock and takes its parent's universe
 * there, see klp_copy_process().  So if nobody in the list is behind, nobody can
 * be forked behind any more.  The lock is held for as long as it takes to read
 * two integers of each task.
 *
 * Context: under klp_mutex
 */
void klp_take_census(struct klp_census *census)
{
	struct task_struct *g, *task;
	struct klp_run run = {};
	unsigned int cpu;

	lockdep_assert_held(&klp_mutex);

	*census = (struct klp_census) {};

	read_lock(&tasklist_lock);
	for_each_process_thread(g, task)
		klp_count_task(census, &run, task);
	read_unlock(&tasklist_lock);

	for_each_possible_cpu(cpu)
		klp_count_task(census, &run, idle_task(cpu));
	klp_end_run(census, &run);

	/*
	 * Enforce the order of finding tasks in a universe and of what relies on
	 * it that they have left older ones, like callbacks.  Pairs with
	 * smp_store_release() in klp_set_universe(): what they have done there is
	 * seen from here on.
	 */
	smp_mb();

	/* Where all others will get to */
	klp_census_add(census, klp_universe, 0);
}

/* Return false if the page is full. */
static bool klp_show_straggler(struct task_struct *task, unsigned int universe,
			       char *buf, int *len)
{
	static const char more[] = "...\n";
	int n, room = PAGE_SIZE - strlen(more) - *len;
	char comm[TASK_COMM_LEN];
	struct klp_migration m;
	const char *reason;

	if (READ_ONCE(task->klp_universe) >= universe)
		return true;

	switch (task_call_func(task, klp_check_task, &m)) {
	case 0:
		/* Nothing is in the way any more. */
		reason = "(none)";
		break;
	case -EBUSY:
		reason = "(running)";
		break;
	case -EADDRINUSE:
		reason = m.name;
		break;
	default:
		reason = "(unreliable)";
		break;
	}

	/* A task can take any name, but must not write a line of its own. */
	get_task_comm(comm, task);
	n = snprintf(buf + *len, room, "%d %s %*pE\n", task_pid_nr(task), reason,
		     (int)strlen(comm), comm);
	if (n >= room) {
		/* There is room for this. */
		*len += sysfs_emit_at(buf, *len, "%s", more);
		return false;
	}

	*len += n;

	return true;
}

/**
 * klp_show_stragglers() - list the tasks that have not reached a universe
 * @buf:	a page for the list
 * @universe:	the universe
 *
 * Tells why, as they are found now: nobody is migrated.
 *
 * Context: under klp_mutex, may sleep
 * Return: length of the list
 */
int klp_show_stragglers(char *buf, unsigned int universe)
{
	struct task_struct *task;
	unsigned int cpu;
	int nr = 1, len = 0;

	lockdep_assert_held(&klp_mutex);

	while ((task = klp_next_task(&nr))) {
		/* The reader is running, of course, and moves on right after. */
		bool more = task == current ||
			    klp_show_straggler(task, universe, buf, &len);

		put_task_struct(task);
		if (!more)
			return len;
		cond_resched();
	}

	for_each_possible_cpu(cpu)
		if (!klp_show_straggler(idle_task(cpu), universe, buf, &len))
			break;

	return len;
}

/* Called from copy_process() during fork */
void klp_copy_process(struct task_struct *child)
{
	/*
	 * The parent may have migrated since the thread flag was copied in
	 * setup_thread_stack() earlier, and its flag does not say where the child
	 * is.  Decide by the universe.
	 *
	 * tasklist_lock is held.  klp_advance_universe() marks the child if this
	 * comes before it takes the lock; otherwise the new universe is seen
	 * here.
	 *
	 * Nobody else migrates current while it runs, with preemption disabled.
	 * On PREEMPT_RT, tasklist_lock does not see to that.
	 */
	preempt_disable_nested();
	child->klp_universe = current->klp_universe;
	if (likely(child->klp_universe == READ_ONCE(klp_universe)))
		clear_tsk_thread_flag(child, TIF_PATCH_PENDING);
	else
		set_tsk_thread_flag(child, TIF_PATCH_PENDING);
	preempt_enable_nested();
}

static void klp_raise_task(struct task_struct *task, unsigned int first,
			   unsigned int last, const char *how)
{
	unsigned int from = READ_ONCE(task->klp_universe);

	/*
	 * Tasks go there by themselves at the same time; never move one back.
	 * No order is asked of try_cmpxchg().  Versions and ranges were published
	 * before klp_synchronize_cpus(): each CPU has passed a full barrier since,
	 * and whoever reads the universe that is written here looks at them later.
	 */
	while (from < klp_universe && from >= first && from <= last) {
		if (try_cmpxchg(&task->klp_universe, &from, klp_universe)) {
			/* A task that was on the way there itself tells it, too. */
			trace_klp_task_migrated(task, from, klp_universe, how);
			break;
		}
	}
}

/**
 * klp_raise_tasks() - move tasks to the newest universe, whatever they are doing
 * @first:	first universe to be left
 * @last:	last universe to be left
 * @how:	why they can be, for tracers
 *
 * The consistency model holds for them only if these universes do not differ from
 * the newest one.  TIF_PATCH_PENDING does not matter, they will clear it.
 *
 * Context: under klp_mutex, after klp_synchronize_cpus(): nobody may be on the
 * way to an older universe, or it would arrive there after this.
 */
void klp_raise_tasks(unsigned int first, unsigned int last, const char *how)
{
	struct task_struct *g, *task;
	unsigned int cpu;

	lockdep_assert_held(&klp_mutex);

	read_lock(&tasklist_lock);
	for_each_process_thread(g, task)
		klp_raise_task(task, first, last, how);
	read_unlock(&tasklist_lock);

	for_each_possible_cpu(cpu)
		klp_raise_task(idle_task(cpu), first, last, how);
}
