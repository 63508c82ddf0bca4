// SPDX-License-Identifier: GPL-2.0
/*
 * A livepatch for a bug of select(2) that user space can see.
 *
 * POSIX wants EBADF for every descriptor named in a set that is not open.
 * Linux looks at those its descriptor table has room for, 64 in a small
 * process, and silently ignores the rest (BUGS in select(2)):
 *
 *	select(101, { 100 }, NULL, NULL, { 0, 0 }) returns 0
 *
 * core_sys_select() cuts the sets off there, so it is what gets replaced.  The
 * loop behind it in fs/select.c is static: a module can call that only by way of
 * the relocations klp-build makes, which builds the whole kernel twice.  Hence a
 * loop of our own, made of what is exported.  It lacks two things the original
 * has: busy polling of sockets (off by default) and timer slack that grows with
 * the time-out.  32-bit programs on a 64-bit kernel have a core_sys_select() of
 * their own, which is left alone.
 */
#include <linux/bitmap.h>
#include <linux/cleanup.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/hrtimer.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#define NR_SETS 3

/* What makes a descriptor ready, for each of select()'s sets in their order. */
static const __poll_t events[NR_SETS] = {
	EPOLLIN | EPOLLRDNORM | EPOLLRDBAND | EPOLLHUP | EPOLLERR | EPOLLNVAL,
	EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND | EPOLLERR | EPOLLNVAL,
	EPOLLPRI | EPOLLNVAL,
};

struct fd_sets {
	unsigned int nbits;
	unsigned long *asked[NR_SETS];
	unsigned long *ready[NR_SETS];
	unsigned long *named;		/* in at least one of the sets asked */
};

static unsigned int fd_table_size(void)
{
	guard(rcu)();
	return files_fdtable(current->files)->max_fds;
}

static bool all_open(const struct fd_sets *sets)
{
	const struct fdtable *fdt;
	unsigned int fd;

	guard(rcu)();
	fdt = files_fdtable(current->files);
	for_each_set_bit(fd, sets->named, sets->nbits)
		if (fd >= fdt->max_fds || !test_bit(fd, fdt->open_fds))
			return false;
	return true;
}

/* Ask every file once.  Returns how many bits are set in the ready sets. */
static int poll_once(struct fd_sets *sets, poll_table *wait)
{
	unsigned int fd, i;
	int count = 0;

	for_each_set_bit(fd, sets->named, sets->nbits) {
		__poll_t mask = EPOLLNVAL;	/* closed since all_open() */

		CLASS(fd, f)(fd);

		wait->_key = 0;
		for (i = 0; i < NR_SETS; i++)
			if (test_bit(fd, sets->asked[i]))
				wait->_key |= events[i];
		if (!fd_empty(f))
			mask = vfs_poll(fd_file(f), wait);

		for (i = 0; i < NR_SETS; i++) {
			if (!test_bit(fd, sets->asked[i]) || !(mask & events[i]))
				continue;
			__set_bit(fd, sets->ready[i]);
			count++;
			/* We shall not sleep, so queue on no further file. */
			wait->_qproc = NULL;
		}
		cond_resched();
	}
	return count;
}

/* Returns true when the time is up; no time means no limit. */
static bool wait_for_events(struct poll_wqueues *wq, ktime_t *until)
{
	int left = -EINTR;

	/* A wake-up sets triggered before it looks at our state. */
	set_current_state(TASK_INTERRUPTIBLE);
	if (!READ_ONCE(wq->triggered))
		left = schedule_hrtimeout_range(until, current->timer_slack_ns,
						HRTIMER_MODE_ABS);
	__set_current_state(TASK_RUNNING);

	/* Full barrier: what woke us must be visible when we ask again. */
	smp_store_mb(wq->triggered, 0);
	return !left;
}

static int poll_sets(struct fd_sets *sets, const struct timespec64 *end_time)
{
	ktime_t when = 0, *until = NULL;
	struct poll_wqueues wq;
	bool timed_out = false;
	int ret;

	poll_initwait(&wq);
	if (end_time) {
		when = timespec64_to_ktime(*end_time);
		until = &when;
		/* The callers pass zero for "do not wait". */
		timed_out = !when;
		if (timed_out)
			wq.pt._qproc = NULL;
	}

	for (;;) {
		ret = poll_once(sets, &wq.pt);
		/* One round puts us on all the queues. */
		wq.pt._qproc = NULL;
		if (ret)
			break;
		if (signal_pending(current)) {
			ret = -ERESTARTNOHAND;
			break;
		}
		if (timed_out)
			break;
		if (wq.error) {
			ret = wq.error;
			break;
		}
		timed_out = wait_for_events(&wq, until);
	}

	poll_freewait(&wq);
	return ret;
}

static int kgraft_core_sys_select(int n, fd_set __user *inp, fd_set __user *outp,
				  fd_set __user *exp, struct timespec64 *end_time)
{
	fd_set __user *user[NR_SETS] = { inp, outp, exp };
	struct fd_sets sets;
	unsigned int longs, i;
	int ret;

	if (n < 0)
		return -EINVAL;

	/*
	 * The fix: look beyond the table.  But not beyond an fd_set either:
	 * programs pass getdtablesize(), and what lies behind is not theirs.
	 */
	sets.nbits = min_t(unsigned int, n, max(fd_table_size(), __FD_SETSIZE));
	longs = BITS_TO_LONGS(sets.nbits);

	unsigned long *bits __free(kvfree) =
		kvcalloc(longs, (2 * NR_SETS + 1) * sizeof(long), GFP_KERNEL);
	if (!bits)
		return -ENOMEM;

	sets.named = bits;
	for (i = 0; i < NR_SETS; i++) {
		sets.asked[i] = bits + (1 + i) * longs;
		sets.ready[i] = bits + (1 + NR_SETS + i) * longs;
		if (user[i] && copy_from_user(sets.asked[i], user[i], longs * sizeof(long)))
			return -EFAULT;
		bitmap_or(sets.named, sets.named, sets.asked[i], sets.nbits);
	}

	if (!all_open(&sets))
		return -EBADF;

	ret = poll_sets(&sets, end_time);
	if (ret < 0)
		return ret;

	for (i = 0; i < NR_SETS; i++)
		if (user[i] && copy_to_user(user[i], sets.ready[i], longs * sizeof(long)))
			return -EFAULT;
	return ret;
}

static struct klp_func funcs[] = {
	{
		.old_name = "core_sys_select",
		.new_func = kgraft_core_sys_select,
	}, { }
};

static struct klp_object objs[] = {
	{
		/* No name: vmlinux. */
		.funcs = funcs,
	}, { }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int __init kgraft_select_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit kgraft_select_exit(void)
{
}

module_init(kgraft_select_init);
module_exit(kgraft_select_exit);
MODULE_DESCRIPTION("select(2): EBADF for closed descriptors beyond the table");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
