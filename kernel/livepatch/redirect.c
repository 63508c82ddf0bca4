// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * redirect.c - where the calls of patched functions go
 *
 * Copyright (C) 2014 Seth Jennings <sjenning@redhat.com>
 * Copyright (C) 2014 SUSE
 * Copyright (C) 2015 Josh Poimboeuf <jpoimboe@redhat.com>
 *
 * A redirect belongs to one patched address and has versions: from universe
 * `since` on, calls go to `target`.  A task resolves it in its own universe, and
 * nothing here knows how tasks get from one universe to the next.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bsearch.h>
#include <linux/bug.h>
#include <linux/ftrace.h>
#include <linux/hashtable.h>
#include <linux/list.h>
#include <linux/livepatch.h>
#include <linux/printk.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <kunit/visibility.h>
#include <trace/events/livepatch.h>
#include "core.h"
#include "redirect.h"
#include "universe.h"

/*
 * All functions that are patched now, by the address that ftrace passes to the
 * handler, which looks them up with preemption disabled, or by their site where
 * ftrace does not know them.  Changed under klp_mutex only.  Livepatches of a
 * thousand functions do exist, larger ones are hardly seen; these still make
 * short chains.
 */
static DEFINE_HASHTABLE(klp_redirects, 10);

/* Hooks with a redirect that does not need ftrace any more.  Under klp_mutex. */
static LIST_HEAD(klp_idle_hooks);

/* Redirects that nobody uses any more, without a hook.  Under klp_mutex. */
static LIST_HEAD(klp_idle_redirects);

/*
 * What klp_ftrace_handler() cannot find any more, but may have found before.
 * The lock protects the lists.  It is not klp_mutex, because whoever holds that
 * may have to wait for klp_free_dead_work.
 */
static DEFINE_SPINLOCK(klp_dead_lock);
static LIST_HEAD(klp_dead_hooks);
static LIST_HEAD(klp_dead_redirects);
static LIST_HEAD(klp_dead_versions);

/*
 * What must not be on the stack of a task that goes from one universe to
 * another: a sorted table for each pair.  Read with preemption disabled, changed
 * under klp_mutex, freed after a grace period of RCU.
 */
struct klp_table {
	struct list_head node;
	struct rcu_head rcu;
	unsigned int from;
	unsigned int to;
	unsigned int nr;
	struct klp_range ranges[] __counted_by(nr);
};

static LIST_HEAD(klp_tables);

static __always_inline struct klp_redirect *klp_find_redirect(unsigned long ip)
{
	struct klp_redirect *redirect;

	hash_for_each_possible_rcu_notrace(klp_redirects, redirect, node, ip)
		if (redirect->ip == ip)
			return redirect;

	return NULL;
}

static void notrace klp_ftrace_handler(unsigned long ip,
				       unsigned long parent_ip,
				       struct ftrace_ops *fops,
				       struct ftrace_regs *fregs)
{
	struct klp_redirect *redirect;
	struct klp_version *version;

	/*
	 * This is what klp_synchronize_cpus() waits for.  Functions can be patched
	 * where RCU is not watching.
	 *
	 * No ftrace_test_recursion_trylock(): nothing in here can be traced, and
	 * nobody is preempted by the end of a handler that is called on the way
	 * to __schedule().  A call that was let through because a tracer holds
	 * that lock would be one in the wrong universe.
	 */
	preempt_disable_notrace();

	/*
	 * A function that no livepatch uses any more is taken off the hash, or
	 * has no version left, before ftrace lets go of it.  All tasks see its
	 * original by then.
	 */
	redirect = klp_find_redirect(ip);
	if (!redirect)
		goto out;

	/*
	 * A task gets into a universe after all versions of it have been
	 * published, and this sees them: see klp_migrate_start() for the order.
	 */
	version = klp_resolve(&redirect->versions,
			      READ_ONCE(current->klp_universe));
	if (likely(version && version->target))
		ftrace_regs_set_instruction_pointer(fregs, version->target);

out:
	preempt_enable_notrace();
}

static struct klp_hook *klp_alloc_hook(void)
{
	struct klp_hook *hook;

	hook = kzalloc_obj(*hook);
	if (!hook)
		return NULL;

	hook->fops.func = klp_ftrace_handler;
	hook->fops.flags = FTRACE_OPS_FL_DYNAMIC |
#ifndef CONFIG_HAVE_DYNAMIC_FTRACE_WITH_ARGS
			   FTRACE_OPS_FL_SAVE_REGS |
#endif
			   FTRACE_OPS_FL_IPMODIFY |
			   FTRACE_OPS_FL_PERMANENT;
	INIT_LIST_HEAD(&hook->used);
	INIT_LIST_HEAD(&hook->idle);
	INIT_LIST_HEAD(&hook->node);

	return hook;
}

static void klp_trim_spares(struct klp_redirect *redirect, unsigned int nr)
{
	struct klp_version *version, *next;

	list_for_each_entry_safe(version, next, &redirect->spares, node) {
		if (nr) {
			nr--;
			continue;
		}
		list_del(&version->node);
		kfree(version);
	}
}

static void klp_set_method(struct klp_func *func, enum klp_method method)
{
	if (func->method == method)
		return;

	trace_klp_method_changed(klp_func_patch(func)->mod->name, func->old_name,
				 func->method, method);
	WRITE_ONCE(func->method, method);
}

/* What takes calls to the new functions may have changed. */
static void klp_update_method(struct klp_redirect *redirect)
{
	enum klp_method method = KLP_METHOD_NONE;
	struct klp_func *func;

	if (klp_is_armed(redirect))
		method = KLP_METHOD_INT3;
	else if (redirect->hook && redirect->hook->registered)
		method = KLP_METHOD_FTRACE;
	else if (klp_jumps(redirect))
		method = KLP_METHOD_JUMP;

	list_for_each_entry(func, &redirect->funcs, stack_node)
		klp_set_method(func, method);
}

#ifdef CONFIG_LIVEPATCH_JUMP

static bool klp_has_copy(struct klp_redirect *redirect)
{
	return redirect->site.copy;
}

static void klp_free_copy(struct klp_redirect *redirect)
{
	if (redirect->site.copy)
		arch_klp_free_copy(&redirect->site);
}

/*
 * Where the breakpoint of a function goes that ftrace does not know.  Functions
 * for booting are not there any more.
 */
static unsigned long klp_find_site(struct klp_func *func)
{
	unsigned long addr = (unsigned long)func->old_func;

	return klp_may_arm() && kernel_text_address(addr) ? arch_klp_jump_target(addr) : 0;
}

static void klp_want_breakpoint(struct klp_redirect *redirect, struct list_head *sites)
{
	redirect->hook = NULL;
	list_move_tail(&redirect->site.node, sites);
}

#else /* !CONFIG_LIVEPATCH_JUMP */

static bool klp_has_copy(struct klp_redirect *redirect) { return false; }
static void klp_free_copy(struct klp_redirect *redirect) {}
static unsigned long klp_find_site(struct klp_func *func) { return 0; }
static void klp_want_breakpoint(struct klp_redirect *redirect, struct list_head *sites) {}

#endif /* CONFIG_LIVEPATCH_JUMP */

static void klp_free_dead(struct work_struct *work)
{
	struct klp_redirect *redirect, *next_redirect;
	struct klp_version *version, *next_version;
	struct klp_hook *hook, *next_hook;
	LIST_HEAD(redirects);
	LIST_HEAD(versions);
	LIST_HEAD(hooks);

	spin_lock(&klp_dead_lock);
	list_splice_init(&klp_dead_hooks, &hooks);
	list_splice_init(&klp_dead_redirects, &redirects);
	list_splice_init(&klp_dead_versions, &versions);
	spin_unlock(&klp_dead_lock);

	/* This waits for a grace period of Tasks RCU, for each object. */
	list_for_each_entry_safe(hook, next_hook, &hooks, node) {
		/* If ftrace is out of order, it may not forget the hook. */
		if (hook->registered &&
		    WARN_ON(unregister_ftrace_function(&hook->fops)))
			list_del(&hook->node);
	}

	/*
	 * The handler, called for other hooks or for a function that its hook
	 * has let go of, may still stand on a redirect in the hash, or on one of
	 * its versions.  And ftrace may still look at a hook that it has just
	 * refused.
	 */
	klp_synchronize_cpus();

	/*
	 * Tasks may have been preempted in the copy of an instruction.  None
	 * sleeps there, so those that sleep while they exit do not matter.
	 */
	list_for_each_entry(redirect, &redirects, hook_node) {
		if (klp_has_copy(redirect)) {
			synchronize_rcu_tasks_rude();
			synchronize_rcu_tasks();
			break;
		}
	}

	list_for_each_entry_safe(hook, next_hook, &hooks, node) {
		ftrace_free_filter(&hook->fops);
		kfree(hook);
	}

	list_for_each_entry_safe(redirect, next_redirect, &redirects, hook_node) {
		klp_trim_spares(redirect, 0);
		klp_free_copy(redirect);
		kfree(redirect);
	}

	list_for_each_entry_safe(version, next_version, &versions, dead)
		kfree(version);
}

static DECLARE_WORK(klp_free_dead_work, klp_free_dead);

/**
 * klp_flush_dead() - wait until ftrace has let go of all functions that are not
 *		      patched any more, and what was known of them is freed
 *
 * Context: may sleep for a grace period of Tasks RCU for each object
 */
void klp_flush_dead(void)
{
	flush_work(&klp_free_dead_work);
}

/**
 * klp_update_methods() - tell what takes calls to the new functions by now
 *
 * After klp_flush_dead(), so whoever is told that a function jumps can have ftrace
 * attach there what does not share it.
 *
 * Context: under klp_mutex
 */
void klp_update_methods(void)
{
	struct klp_redirect *redirect;
	int bkt;

	hash_for_each(klp_redirects, bkt, redirect, node)
		klp_update_method(redirect);
}

/*
 * ftrace asks direct callers to share the functions.  One that somebody changes
 * just now cannot answer: it has waited a little, and is to be asked again.
 */
static int klp_register_ops(struct klp_hook *hook)
{
	unsigned int tries = 100;
	int ret;

	do {
		ret = register_ftrace_function(&hook->fops);
	} while (ret == -EAGAIN && --tries);

	hook->registered = !ret;

	return ret;
}

/*
 * ftrace takes all functions of a hook or none, and does not say which one it
 * refuses.  Find out, by one after the other, and say so.  If each is taken for
 * itself, all that can be said is which object it was.
 */
static void klp_tell_culprit(struct klp_object *obj, struct klp_hook *hook,
			     const char *failed, int err)
{
	const char *culprit = NULL;
	struct klp_func *func;
	int ret;

	klp_for_each_func(obj, func) {
		if (func->redirect->hook != hook)
			continue;

		/* Direct callers are asked for what is registered, not added. */
		if (hook->registered && ftrace_find_rec_direct(func->redirect->ip)) {
			unregister_ftrace_function(&hook->fops);
			hook->registered = false;
		}

		ret = ftrace_set_filter_ip(&hook->fops, func->redirect->ip, 0,
					   !hook->registered);
		if (!ret && !hook->registered)
			ret = klp_register_ops(hook);
		if (ret) {
			culprit = func->old_name;
			break;
		}
	}

	pr_err("failed to %s for %s '%s' (%d)\n", failed,
	       culprit ? "function" : "object",
	       culprit ?: (obj->name ?: "vmlinux"), err);
}

/*
 * Only register_ftrace_function() asks direct callers whether they share their
 * functions.  Move these functions to @shared if all are.
 */
static int klp_register_direct(struct klp_hook *hook, struct list_head *shared)
{
	struct klp_redirect *redirect, *next;
	int ret = 0;

	list_for_each_entry_safe(redirect, next, &hook->used, hook_node) {
		if (!ftrace_find_rec_direct(redirect->ip))
			continue;
		ret = ftrace_set_filter_ip(&hook->fops, redirect->ip, 0,
					   list_empty(shared));
		list_move_tail(&redirect->hook_node, shared);
		if (ret)
			break;
	}
	if (!ret && !list_empty(shared))
		ret = klp_register_ops(hook);
	if (ret)
		list_splice_init(shared, &hook->used);

	return ret;
}

/*
 * Somebody else has hold of some functions, and is not going to share them.
 * ftrace takes the others.
 */
static int klp_split_hook(struct klp_hook *hook, struct list_head *sites)
{
	struct klp_redirect *redirect, *next;
	LIST_HEAD(shared);
	int ret;

	ret = klp_register_direct(hook, &shared);
	if (ret && ret != -EBUSY)
		return ret;

	list_for_each_entry_safe(redirect, next, &hook->used, hook_node) {
		ret = ftrace_set_filter_ip(&hook->fops, redirect->ip, 0,
					   !hook->registered);
		if (!ret && !hook->registered) {
			ret = klp_register_ops(hook);
		} else if (!ret && ftrace_find_rec_direct(redirect->ip)) {
			/* It has not been asked. */
			ret = ftrace_set_filter_ip(&hook->fops, redirect->ip, 1, 0);
			if (!ret)
				ret = -EBUSY;
		}
		if (ret && ret != -EBUSY)
			break;
		if (ret) {
			list_del_init(&redirect->hook_node);
			klp_want_breakpoint(redirect, sites);
		}
	}
	list_splice(&shared, &hook->used);

	return ret == -EBUSY ? 0 : ret;
}

/*
 * Have ftrace send the calls to the handler.  The functions that it does not take
 * are moved to @sites.
 */
static int klp_register_hook(struct klp_object *obj, struct klp_hook *hook,
			     struct list_head *sites)
{
	unsigned int nr = list_count_nodes(&hook->used);
	struct klp_redirect *redirect;
	unsigned long *ips;
	int ret;

	/* Others have attached all functions. */
	if (!nr)
		return 0;

	ips = kvmalloc_array(nr, sizeof(*ips), GFP_KERNEL);
	if (!ips)
		return -ENOMEM;

	nr = 0;
	list_for_each_entry(redirect, &hook->used, hook_node)
		ips[nr++] = redirect->ip;

	ret = ftrace_set_filter_ips(&hook->fops, ips, nr, 0, 1);
	kvfree(ips);
	if (ret) {
		klp_tell_culprit(obj, hook, "set ftrace filter", ret);
		return ret;
	}

	ret = klp_register_ops(hook);
	if (ret == -EBUSY) {
		/* Maybe it is one of ours that is about to let go. */
		klp_flush_dead();
		ret = klp_register_ops(hook);
	}
	if (ret == -EBUSY && klp_may_arm())
		ret = klp_split_hook(hook, sites);
	if (ret) {
		klp_tell_culprit(obj, hook, "register ftrace handler", ret);
		return ret;
	}

	return 0;
}

/*
 * ftrace tells direct callers that they need not share a function any more only
 * when all of an ftrace_ops is unregistered.  Have it do that for those that a
 * hook has let go of, with a hook of their own, which is dead at once.  If that
 * fails, they go on to share.
 */
static void klp_release_direct(struct klp_hook *from)
{
	struct klp_redirect *redirect;
	struct klp_hook *hook = NULL;
	int ret = 0;

	list_for_each_entry(redirect, &from->idle, hook_node) {
		if (!ftrace_find_rec_direct(redirect->ip))
			continue;
		if (!hook)
			hook = klp_alloc_hook();
		if (!hook)
			return;
		ret = ftrace_set_filter_ip(&hook->fops, redirect->ip, 0, 0);
		if (ret)
			break;
	}
	if (!hook)
		return;

	if (!ret)
		klp_register_ops(hook);

	spin_lock(&klp_dead_lock);
	list_add(&hook->node, &klp_dead_hooks);
	spin_unlock(&klp_dead_lock);
}

/*
 * Take the idle functions off a hook that still has others.  Where memory is
 * short, they stay until the next one gets idle; the handler does nothing for
 * them.
 */
static int klp_shrink_hook(struct klp_hook *hook)
{
	unsigned int nr = list_count_nodes(&hook->idle);
	struct klp_redirect *redirect;
	unsigned long *ips;
	int ret;

	ips = kvmalloc_array(nr, sizeof(*ips), GFP_KERNEL);
	if (!ips)
		return -ENOMEM;

	nr = 0;
	list_for_each_entry(redirect, &hook->idle, hook_node)
		ips[nr++] = redirect->ip;

	ret = ftrace_set_filter_ips(&hook->fops, ips, nr, 1, 0);
	kvfree(ips);
	if (!ret)
		klp_release_direct(hook);

	return ret;
}

/* Versions taken off a redirect are freed when no handler stands on them. */
static void klp_bury_versions(struct list_head *dropped)
{
	spin_lock(&klp_dead_lock);
	list_splice_init(dropped, &klp_dead_versions);
	spin_unlock(&klp_dead_lock);
}

/* Nobody uses the redirect, and it is not attached. */
static void klp_bury_redirect(struct klp_redirect *redirect)
{
	hash_del_rcu(&redirect->node);

	spin_lock(&klp_dead_lock);
	list_add(&redirect->hook_node, &klp_dead_redirects);
	spin_unlock(&klp_dead_lock);
}

#ifdef CONFIG_LIVEPATCH_JUMP

/*
 * Redirects whose original has to come back before a universe is born, and those
 * of them that are being waited for.  Under klp_mutex.
 */
static LIST_HEAD(klp_restores_wanted);
static LIST_HEAD(klp_restores_started);

/* Sites of redirects that nobody uses any more.  Under klp_mutex. */
static LIST_HEAD(klp_idle_sites);

static void klp_init_site(struct klp_redirect *redirect)
{
	INIT_LIST_HEAD(&redirect->restore_node);
	INIT_LIST_HEAD(&redirect->site.node);
}

/* The original is to be seen in a universe that is not born yet. */
static void klp_want_restore(struct klp_redirect *redirect)
{
	if (list_empty(&redirect->restore_node))
		list_add_tail(&redirect->restore_node, &klp_restores_wanted);
}

/*
 * Nobody uses the redirect any more.  If it still jumps, its module goes away.  That
 * can be called until it is freed, by way of its parameters, for one.
 */
static void klp_drop_site(struct klp_redirect *redirect)
{
	list_del_init(&redirect->restore_node);
	if (klp_jumps(redirect) || klp_is_armed(redirect))
		list_move_tail(&redirect->site.node, &klp_idle_sites);
}

static void klp_remove_idle_sites(void)
{
	klp_remove_jumps(&klp_idle_sites);
}

/* Have breakpoints send the calls to klp_int3_handler(), all of them or none. */
static int klp_arm(struct list_head *sites)
{
	struct klp_redirect *redirect;
	const char *reason;
	int ret;

	ret = klp_arm_sites(sites, &redirect, &reason);
	if (ret && ret != -ENOMEM) {
		/* What ftrace had said */
		if (redirect->fentry)
			ret = -EBUSY;
		pr_err("function '%s' %s, and cannot have a breakpoint: %s\n",
		       redirect->name, redirect->fentry ?
		       "is somebody else's in ftrace" : "has no ftrace location",
		       reason);
	}

	return ret;
}

#else /* !CONFIG_LIVEPATCH_JUMP */

static void klp_init_site(struct klp_redirect *redirect) {}
static void klp_want_restore(struct klp_redirect *redirect) {}
static void klp_drop_site(struct klp_redirect *redirect) {}
static void klp_remove_idle_sites(void) {}
static int klp_arm(struct list_head *sites) { return 0; }

#endif /* CONFIG_LIVEPATCH_JUMP */

/* Let go of all functions that no livepatch uses any more, or that jump. */
static void klp_detach_idle(void)
{
	struct klp_redirect *redirect, *next_redirect;
	struct klp_hook *hook, *next;
	bool dead;

	klp_remove_idle_sites();

	list_for_each_entry_safe(redirect, next_redirect, &klp_idle_redirects,
				 hook_node) {
		list_del_init(&redirect->hook_node);
		klp_bury_redirect(redirect);
	}

	list_for_each_entry_safe(hook, next, &klp_idle_hooks, node) {
		list_del_init(&hook->node);

		/* An empty filter would mean all functions. */
		if (!list_empty(&hook->used) && klp_shrink_hook(hook)) {
			/* Next time, maybe */
			list_add(&hook->node, &klp_idle_hooks);
			continue;
		}

		list_for_each_entry_safe(redirect, next_redirect, &hook->idle,
					 hook_node) {
			list_del_init(&redirect->hook_node);
			redirect->hook = NULL;

			if (list_empty(&redirect->versions))
				klp_bury_redirect(redirect);
		}

		if (list_empty(&hook->used)) {
			spin_lock(&klp_dead_lock);
			list_add(&hook->node, &klp_dead_hooks);
			spin_unlock(&klp_dead_lock);
		}
	}

	spin_lock(&klp_dead_lock);
	dead = !list_empty(&klp_dead_redirects) ||
	       !list_empty(&klp_dead_versions) || !list_empty(&klp_dead_hooks);
	spin_unlock(&klp_dead_lock);
	if (dead)
		schedule_work(&klp_free_dead_work);
}

/*
 * Neither ftrace nor a breakpoint is needed: nobody uses the redirect, and everybody
 * sees the original, or a jump does what is to be done.
 */
static void klp_idle_redirect(struct klp_redirect *redirect)
{
	struct klp_hook *hook = redirect->hook;

	if (list_empty(&redirect->versions))
		klp_drop_site(redirect);

	if (!hook) {
		if (list_empty(&redirect->versions))
			list_move_tail(&redirect->hook_node, &klp_idle_redirects);
		else
			klp_update_method(redirect);
		return;
	}

	list_move(&redirect->hook_node, &hook->idle);
	if (list_empty(&hook->node))
		list_add(&hook->node, &klp_idle_hooks);
}

/* A new hook could not be used. */
static void klp_drop_hook(struct klp_hook *hook)
{
	struct klp_redirect *redirect, *next;

	list_for_each_entry_safe(redirect, next, &hook->used, hook_node) {
		if (list_empty(&redirect->versions))
			continue;

		/* This one jumps, as before. */
		if (hook->registered) {
			klp_idle_redirect(redirect);
			continue;
		}
		list_del_init(&redirect->hook_node);
		redirect->hook = NULL;
	}

	/* klp_detach_object() does it for the others. */
	if (list_empty(&hook->used) && list_empty(&hook->idle)) {
		spin_lock(&klp_dead_lock);
		list_add(&hook->node, &klp_dead_hooks);
		spin_unlock(&klp_dead_lock);
	}
	klp_detach_idle();
}

static int klp_add_spares(struct klp_redirect *redirect, unsigned int nr)
{
	struct klp_version *version;

	while (nr--) {
		version = kzalloc_obj(*version);
		if (!version)
			return -ENOMEM;
		list_add(&version->node, &redirect->spares);
	}

	return 0;
}

#ifdef CONFIG_LIVEPATCH_JUMP

/**
 * klp_restores_pending() - is there an original that is to be seen, and is not
 *			    in place?
 *
 * Context: under klp_mutex
 * Return: true if so; no universe may be born meanwhile
 */
bool klp_restores_pending(void)
{
	return !list_empty(&klp_restores_wanted) || !list_empty(&klp_restores_started);
}

/**
 * klp_restore_start() - begin to bring back the originals that are to be seen
 *
 * ftrace has got hold of all of them by now.
 *
 * Context: under klp_mutex
 */
void klp_restore_start(void)
{
	list_splice_tail_init(&klp_restores_wanted, &klp_restores_started);
}

/**
 * klp_restore_finish() - end what klp_restore_start() has begun
 *
 * Everybody has been waited for in between, who had passed ftrace before and
 * stood at a site, unless tasks are forced.
 *
 * Context: under klp_mutex, may sleep
 */
void klp_restore_finish(void)
{
	struct klp_redirect *redirect, *next;
	LIST_HEAD(sites);

	list_for_each_entry_safe(redirect, next, &klp_restores_started, restore_node) {
		list_del_init(&redirect->restore_node);
		list_add_tail(&redirect->site.node, &sites);
	}

	klp_remove_jumps(&sites);
}

/* Does everybody see the same new function, and has done since the census? */
static bool klp_is_settled(struct klp_redirect *redirect,
			   const struct klp_census *census)
{
	struct klp_version *version;

	if (!list_is_singular(&redirect->versions))
		return false;

	version = list_first_entry(&redirect->versions, struct klp_version, node);

	return version->target && version->since <= census->entry[0].universe;
}

/**
 * klp_settle() - let functions jump where everybody sees the same version
 * @census:	the universes that had tasks before the last call of
 *		klp_synchronize_tasks()
 *
 * A redirect with one version has had no other since the census: versions are
 * only dropped in klp_merge_versions(), by whoever calls this, and by then those
 * of universes after the census stay.  So nobody has been sent to the original
 * meanwhile, and who was on the way there has been waited for.  For a module
 * that came meanwhile, nobody has run its original ever.
 *
 * Context: under klp_mutex, may sleep
 * Return: false if it is worth to try again later
 */
bool klp_settle(const struct klp_census *census)
{
	struct klp_redirect *redirect;
	struct klp_version *version;
	struct klp_site *site, *next;
	LIST_HEAD(sites);
	bool ret;
	int bkt;

	hash_for_each(klp_redirects, bkt, redirect, node) {
		/*
		 * One that jumps, and does not settle yet, can only be got to by
		 * who has passed ftrace before, and by calls that it drops. But
		 * what it jumps to may go away.
		 *
		 * The others have to be settled, and nobody may be in the
		 * original. One that jumps has been left by all before.
		 */
		if (klp_jumps(redirect) ?
		    !redirect->hook || list_empty(&redirect->versions) :
		    !klp_is_settled(redirect, census) || redirect->forced ||
		    klp_is_around_hook(redirect->name))
			continue;

		/* The oldest version that anybody sees, maybe the only one */
		version = list_last_entry(&redirect->versions, struct klp_version,
					  node);
		if (WARN_ON_ONCE(!version->target))
			continue;

		redirect->site.to = arch_klp_jump_target(version->target);
		list_add_tail(&redirect->site.node, &sites);
	}

	ret = klp_install_jumps(&sites);

	list_for_each_entry_safe(site, next, &sites, node) {
		redirect = container_of(site, struct klp_redirect, site);
		list_del_init(&site->node);
		if (klp_is_settled(redirect, census))
			klp_idle_redirect(redirect);
	}
	klp_detach_idle();

	return ret;
}

#endif /* CONFIG_LIVEPATCH_JUMP */

static struct klp_redirect *klp_alloc_redirect(struct klp_func *func)
{
	size_t len = strlen(func->old_name) + 1;
	struct klp_redirect *redirect;

	redirect = kzalloc_flex(*redirect, name, len);
	if (!redirect)
		return NULL;

	memcpy(redirect->name, func->old_name, len);
	redirect->old_func = (unsigned long)func->old_func;
	redirect->old_size = func->old_size;
	redirect->old_cold = func->old_cold;
	redirect->old_cold_size = func->old_cold_size;
	INIT_LIST_HEAD(&redirect->versions);
	INIT_LIST_HEAD(&redirect->spares);
	INIT_LIST_HEAD(&redirect->funcs);
	INIT_LIST_HEAD(&redirect->hook_node);
	klp_init_site(redirect);

	return redirect;
}

/*
 * Have ftrace send the calls to the handler, or a breakpoint, if it does not
 * already.
 */
static void klp_hook_redirect(struct klp_redirect *redirect, struct klp_hook *hook,
			      struct list_head *sites)
{
	if (klp_is_armed(redirect))
		return;

	if (!redirect->fentry) {
		klp_want_breakpoint(redirect, sites);
		return;
	}

	/* Idle ones are still attached if ftrace could not let go. */
	if (!redirect->hook)
		redirect->hook = hook;

	list_move_tail(&redirect->hook_node, &redirect->hook->used);
}

static int klp_attach_func(struct klp_func *func, struct klp_hook *hook,
			   struct list_head *sites, unsigned int nr_versions)
{
	struct klp_redirect *redirect;
	struct klp_func *last;
	bool fentry = true;
	unsigned long ip;
	bool twin;
	int ret;

	if (WARN_ON(!func->old_func || func->redirect))
		return -EINVAL;

	/* ftrace_location() would have to ask kallsyms for the size. */
	ip = ftrace_location_range((unsigned long)func->old_func,
				   (unsigned long)func->old_func +
				   func->old_size - 1);
	if (!ip) {
		fentry = false;
		ip = klp_find_site(func);
	}
	if (!ip) {
		pr_err("failed to find location for function '%s'\n",
		       func->old_name);
		return -EINVAL;
	}
	/* The tracer may call it, and must not be called by it. */
	if (!fentry && !func->nop &&
	    ftrace_location_range((unsigned long)func->new_func,
				  (unsigned long)func->new_func +
				  func->new_size - 1)) {
		pr_err("function '%s' is notrace, and its replacement is not\n",
		       func->old_name);
		return -EINVAL;
	}

	redirect = klp_find_redirect(ip);
	if (!redirect) {
		redirect = klp_alloc_redirect(func);
		if (!redirect)
			return -ENOMEM;

		redirect->ip = ip;
		redirect->fentry = fentry;
		hash_add_rcu(klp_redirects, &redirect->node, ip);
	}
	klp_hook_redirect(redirect, hook, sites);

	last = list_first_entry_or_null(&redirect->funcs, struct klp_func, stack_node);
	twin = last && last->kobj.parent == func->kobj.parent;
	if (twin && !func->nop) {
		pr_err("function '%s' is patched twice, also as '%s'\n",
		       func->old_name, last->old_name);
		return -EINVAL;
	}

	func->live = false;
	func->redirect = redirect;
	/*
	 * A function that is replaced may have had two names. A nop for one must
	 * not hide what the livepatch has for the other.
	 */
	list_add(&func->stack_node, twin ? &last->stack_node : &redirect->funcs);

	ret = klp_add_spares(redirect, nr_versions);

	return ret;
}

static void klp_drop_version(struct klp_version *version, struct list_head *dropped)
{
	/* The handler may stand on it, and has to find its way on. */
	list_del_rcu(&version->node);
	list_add(&version->dead, dropped);
}

/*
 * Forget the functions of an object.  What earlier universes resolve to them
 * stays until klp_merge_versions(), unless the object is gone.
 */
static void __klp_detach_object(struct klp_object *obj, bool nops_only, bool gone)
{
	struct klp_version *version, *next;
	struct klp_redirect *redirect;
	struct klp_func *func;
	LIST_HEAD(dropped);

	klp_for_each_func(obj, func) {
		redirect = func->redirect;
		if (!redirect || (nops_only && !func->nop))
			continue;

		list_del(&func->stack_node);
		func->redirect = NULL;
		func->live = false;
		klp_set_method(func, KLP_METHOD_NONE);

		if (gone && list_empty(&redirect->funcs))
			list_for_each_entry_safe(version, next, &redirect->versions, node)
				klp_drop_version(version, &dropped);

		if (list_empty(&redirect->funcs) && list_empty(&redirect->versions)) {
			/* As in klp_forget_module() */
			if (gone)
				hash_del_rcu(&redirect->node);
			klp_idle_redirect(redirect);
		}
	}

	if (obj->dynamic || !nops_only)
		obj->patched = false;

	klp_bury_versions(&dropped);
	klp_detach_idle();
}

/**
 * klp_detach_object() - forget the functions of an object
 * @obj:	the object
 * @gone:	nobody can be in a function of the object, or call one: it is a
 *		module that has not run yet, or will not run any more
 *
 * What earlier universes resolve to its functions stays until
 * klp_merge_versions(), unless the object is gone.
 *
 * Context: under klp_mutex, may sleep
 */
void klp_detach_object(struct klp_object *obj, bool gone)
{
	__klp_detach_object(obj, false, gone);
}

/**
 * klp_detach_nops() - forget those functions of an object that lead back to the
 *		       original
 * @obj:	the object
 *
 * Context: under klp_mutex, may sleep
 */
void klp_detach_nops(struct klp_object *obj)
{
	__klp_detach_object(obj, true, false);
}

/**
 * klp_forget_module() - let go of the functions of a module that goes away
 * @mod:	the module, which has not run yet or will not run any more, and
 *		which no livepatch is attached to
 *
 * These are functions of livepatches that have been disabled, and wait for
 * klp_merge_versions().
 *
 * Context: under klp_mutex, may sleep
 */
void klp_forget_module(struct module *mod)
{
	struct klp_version *version, *next;
	struct klp_redirect *redirect;
	struct hlist_node *tmp;
	LIST_HEAD(dropped);
	int bkt;

	hash_for_each_safe(klp_redirects, bkt, tmp, redirect, node) {
		if (!within_module(redirect->ip, mod) || !list_empty(&redirect->funcs))
			continue;
		list_for_each_entry_safe(version, next, &redirect->versions, node)
			klp_drop_version(version, &dropped);
		/* Its address can be that of another function next time. */
		hash_del_rcu(&redirect->node);
		klp_idle_redirect(redirect);
	}

	klp_bury_versions(&dropped);
	klp_detach_idle();
}

/* Attach the functions that have been collected, unless that has failed. */
static int klp_end_attach(struct klp_object *obj, struct klp_hook *hook,
			  struct list_head *sites, int ret)
{
	struct klp_func *func;

	if (!ret)
		ret = klp_register_hook(obj, hook, sites);
	if (!ret)
		ret = klp_arm(sites);

	while (!list_empty(sites))
		list_del_init(sites->next);

	if (ret || list_empty(&hook->used))
		klp_drop_hook(hook);
	if (ret)
		return ret;

	klp_for_each_func(obj, func)
		klp_update_method(func->redirect);

	return 0;
}

/**
 * klp_attach_object() - send the calls of an object's functions to the handler
 * @obj:	the object, which is loaded
 * @nr_versions: how often klp_publish_object() can be called for it; the last
 *		is the one that turns it off
 *
 * Nothing changes for anybody.  Where there is no memory, or a function cannot
 * be found or attached, which is logged, nothing is left behind.
 *
 * Context: under klp_mutex, may sleep
 * Return: 0 or an error
 */
int klp_attach_object(struct klp_object *obj, unsigned int nr_versions)
{
	struct klp_func *func;
	struct klp_hook *hook;
	LIST_HEAD(sites);
	int ret = 0;

	if (WARN_ON(obj->patched))
		return -EINVAL;

	hook = klp_alloc_hook();
	if (!hook)
		return -ENOMEM;

	klp_for_each_func(obj, func) {
		ret = klp_attach_func(func, hook, &sites, nr_versions);
		if (ret)
			break;
	}

	ret = klp_end_attach(obj, hook, &sites, ret);
	if (ret) {
		klp_detach_object(obj, false);
		return ret;
	}

	obj->patched = true;

	return 0;
}

/**
 * klp_reattach_object() - send the calls of an object's functions to the handler
 *			   again
 * @obj:	the object, which is attached; its functions may jump
 *
 * What they do is going to change.  Where there is no memory, or a function
 * cannot be attached, which is logged, they keep jumping.  ftrace may keep some
 * of them until the next klp_settle().
 *
 * Context: under klp_mutex, may sleep
 * Return: 0 or an error
 */
int klp_reattach_object(struct klp_object *obj)
{
	struct klp_hook *hook = NULL;
	struct klp_func *func;
	LIST_HEAD(sites);

	klp_for_each_func(obj, func) {
		/* Others are attached already. */
		if (!func->redirect->hook && !klp_is_armed(func->redirect) && !hook) {
			hook = klp_alloc_hook();
			if (!hook)
				return -ENOMEM;
		}
		klp_hook_redirect(func->redirect, hook, &sites);
	}

	if (!hook)
		return 0;

	return klp_end_attach(obj, hook, &sites, 0);
}

/**
 * klp_publish_object() - turn the functions of an object on or off
 * @obj:	the object, which is attached
 * @universe:	number of the universe, from which on it holds; not born yet, or
 *		the object is a module that has not run yet
 * @live:	on or off
 *
 * In that universe, calls of a function go to the last of its klp_funcs that is
 * on.  Uses up one of the versions that klp_attach_object() made, so it never
 * fails.  The universe must not be born before klp_restores_pending() is false.
 *
 * Context: under klp_mutex
 */
void klp_publish_object(struct klp_object *obj, unsigned int universe, bool live)
{
	struct klp_func *func, *top, *now;
	struct klp_redirect *redirect;
	struct klp_version *version;

	klp_for_each_func(obj, func) {
		redirect = func->redirect;
		if (WARN_ON(!redirect))
			continue;
		func->live = live;

		top = NULL;
		list_for_each_entry(now, &redirect->funcs, stack_node) {
			if (now->live) {
				top = now->nop ? NULL : now;
				break;
			}
		}

		version = list_first_entry_or_null(&redirect->versions,
						   struct klp_version, node);
		now = version ? version->func : NULL;
		if (top == now)
			continue;

		version = list_first_entry_or_null(&redirect->spares,
						   struct klp_version, node);
		if (WARN_ON(!version))
			continue;
		list_del(&version->node);

		version->since = universe;
		version->func = top;
		version->target = top ? (unsigned long)top->new_func : 0;
		/* Publishes it; the handler follows the pointer. */
		list_add_rcu(&version->node, &redirect->versions);

		if (!top && klp_jumps(redirect))
			klp_want_restore(redirect);
	}
}

/**
 * klp_add_versions() - provide for a pair of klp_publish_object(), on and off
 * @obj:	the object, which is attached and has been turned off
 *
 * Context: under klp_mutex, may sleep
 * Return: 0 or -ENOMEM
 */
int klp_add_versions(struct klp_object *obj)
{
	struct klp_func *func;
	int ret;

	klp_for_each_func(obj, func) {
		ret = klp_add_spares(func->redirect, 2);
		if (ret)
			return ret;
	}

	return 0;
}

/**
 * klp_merge() - drop the versions that nobody resolves to
 * @versions:	versions of a function, newest first
 * @census:	the universes that have tasks, or will have
 * @dropped:	list for those that are dropped, by their member `dead`
 *
 * Each universe of the census resolves to the same function as before.
 */
VISIBLE_IF_KUNIT void klp_merge(struct list_head *versions,
				const struct klp_census *census,
				struct list_head *dropped)
{
	struct klp_version *version, *next, *newer = NULL;

	/* A version is for the universes from its own until the newer one's. */
	list_for_each_entry_safe(version, next, versions, node) {
		if (newer && !klp_census_any(census, version->since, newer->since))
			klp_drop_version(version, dropped);
		else
			newer = version;
	}

	/* What is left may say the same as the older one, which stays. */
	list_for_each_entry_safe(version, next, versions, node) {
		if (version->func == (list_is_last(&version->node, versions) ?
				      NULL : next->func))
			klp_drop_version(version, dropped);
	}
}

/**
 * klp_merge_versions() - drop the versions of all functions that nobody
 *			  resolves to, and let go of functions that have none
 * @census:	the universes that have tasks, or will have.  Nobody else may be
 *		on the way to, or resolve in, an older one than its newest
 *
 * Context: under klp_mutex, may sleep
 */
void klp_merge_versions(const struct klp_census *census)
{
	struct klp_redirect *redirect;
	struct hlist_node *tmp;
	LIST_HEAD(dropped);
	int bkt;

	hash_for_each_safe(klp_redirects, bkt, tmp, redirect, node) {
		klp_merge(&redirect->versions, census, &dropped);
		klp_trim_spares(redirect, list_count_nodes(&redirect->funcs));
		if (list_empty(&redirect->funcs) && list_empty(&redirect->versions))
			klp_idle_redirect(redirect);
	}

	klp_bury_versions(&dropped);
	klp_detach_idle();
}

/**
 * klp_pin_patches() - keep the code that tasks may still be in, for good
 * @census:	universes that tasks have been taken out of by force
 *
 * That is also for the originals: one that does not jump yet will not while it stays
 * patched.  If it is patched anew, that transition looks for tasks in it.
 *
 * Context: under klp_mutex
 */
void klp_pin_patches(const struct klp_census *census)
{
	struct klp_version *version, *newer;
	struct klp_redirect *redirect;
	int bkt;

	hash_for_each(klp_redirects, bkt, redirect, node) {
		newer = NULL;
		list_for_each_entry(version, &redirect->versions, node) {
			if (newer && klp_census_any(census, version->since, newer->since)) {
				redirect->forced = true;
				/* Without a redirect, its livepatch has been let go of. */
				if (version->func && version->func->redirect)
					klp_func_patch(version->func)->forced = true;
			}
			newer = version;
		}
		/* The original comes before all versions. */
		if (newer && klp_census_any(census, 0, newer->since))
			redirect->forced = true;
	}
}

static int klp_cmp_ranges(const void *a, const void *b)
{
	const struct klp_range *l = a, *r = b;

	return cmp_int(l->start, r->start);
}

/**
 * klp_join_ranges() - sort ranges, and join those that overlap
 * @ranges:	the ranges, none of them empty
 * @nr:		how many
 *
 * Return: how many are left
 */
VISIBLE_IF_KUNIT unsigned int klp_join_ranges(struct klp_range *ranges, unsigned int nr)
{
	unsigned int i, last = 0;

	if (!nr)
		return 0;

	sort(ranges, nr, sizeof(*ranges), klp_cmp_ranges, NULL);

	/* The search relies on it that they do not overlap. */
	for (i = 1; i < nr; i++) {
		if (ranges[i].start < ranges[last].end)
			ranges[last].end = max(ranges[last].end, ranges[i].end);
		else
			ranges[++last] = ranges[i];
	}

	return last + 1;
}

static __always_inline int klp_cmp_address(const void *key, const void *elt)
{
	unsigned long address = *(const unsigned long *)key;
	const struct klp_range *range = elt;

	if (address < range->start)
		return -1;

	return address >= range->end;
}

/**
 * klp_find_range() - find the range that an address is in
 * @ranges:	ranges as klp_join_ranges() leaves them
 * @nr:		how many
 * @address:	the address
 *
 * Return: the range, or NULL where it is in none
 */
VISIBLE_IF_KUNIT const struct klp_range *
klp_find_range(const struct klp_range *ranges, unsigned int nr, unsigned long address)
{
	return __inline_bsearch(&address, ranges, nr, sizeof(*ranges), klp_cmp_address);
}

/*
 * What a task that goes from universe @from to @to must not have on its stack,
 * because of one function: up to three ranges.
 */
static unsigned int klp_redirect_ranges(struct klp_redirect *redirect,
					unsigned int from, unsigned int to,
					struct klp_range *ranges)
{
	struct klp_version *now = klp_resolve(&redirect->versions, from);
	struct klp_version *then = klp_resolve(&redirect->versions, to);
	struct klp_func *func = now ? now->func : NULL;
	unsigned long start, cold;
	unsigned int nr = 0;

	if (func == (then ? then->func : NULL))
		return 0;

	/* What it runs now */
	start = func ? (unsigned long)func->new_func : redirect->old_func;
	ranges[nr++] = (struct klp_range) {
		.start = start,
		.end = start + (func ? func->new_size : redirect->old_size),
		.name = redirect->name,
	};

	/*
	 * That was jumped to, so the body need not be on the stack of whoever is
	 * in there.
	 */
	cold = func ? func->new_cold : redirect->old_cold;
	if (cold) {
		ranges[nr++] = (struct klp_range) {
			.start = cold,
			.end = cold + (func ? func->new_cold_size :
					      redirect->old_cold_size),
			.name = redirect->name,
		};
	}

	/*
	 * A task that was preempted in ftrace's trampoline still shows the entry
	 * of the original on its stack, though klp_ftrace_handler() may have sent
	 * it to any version already.  And one that was preempted at the site may
	 * be about to hit a breakpoint, or a jump, there.
	 */
	ranges[nr++] = (struct klp_range) {
		.start = redirect->old_func,
		/* Return addresses: the one behind the call belongs to it. */
		.end = redirect->ip + MCOUNT_INSN_SIZE + 1,
		.name = redirect->name,
	};

	return nr;
}

static struct klp_table *klp_make_table(unsigned int from, unsigned int to)
{
	struct klp_range ranges[3];
	struct klp_redirect *redirect;
	struct klp_table *table;
	unsigned int nr = 0;
	int bkt;

	hash_for_each(klp_redirects, bkt, redirect, node)
		nr += klp_redirect_ranges(redirect, from, to, ranges);

	table = kvzalloc_flex(*table, ranges, nr);
	if (!table)
		return NULL;

	table->from = from;
	table->to = to;
	table->nr = nr;

	nr = 0;
	hash_for_each(klp_redirects, bkt, redirect, node)
		nr += klp_redirect_ranges(redirect, from, to, table->ranges + nr);
	table->nr = klp_join_ranges(table->ranges, nr);

	return table;
}

static struct klp_table *klp_find_table(unsigned int from, unsigned int to)
{
	struct klp_table *table;

	list_for_each_entry_rcu(table, &klp_tables, node, lockdep_is_held(&klp_mutex))
		if (table->from == from && table->to == to)
			return table;

	return NULL;
}

/**
 * klp_prepare_ranges() - find out what must not be on the stacks of tasks
 * @census:	the universes that have tasks.  If it is dense, tasks in those that
 *		it does not name cannot be checked
 * @to:		the universe that they are to reach, which is published
 *
 * Where memory is short, klp_check_entries() lets nobody pass, until this is
 * called again.
 *
 * Context: under klp_mutex, may sleep
 */
void klp_prepare_ranges(const struct klp_census *census, unsigned int to)
{
	struct klp_table *table;
	unsigned int i, from;

	lockdep_assert_held(&klp_mutex);

	for (i = 0; i < census->nr; i++) {
		from = census->entry[i].universe;
		if (from == to || klp_find_table(from, to))
			continue;

		table = klp_make_table(from, to);
		if (table)
			list_add_rcu(&table->node, &klp_tables);
	}
}

/**
 * klp_is_same_to() - does a task see the same in two universes?
 * @from:	the universe that it is in
 * @to:		another one, which klp_prepare_ranges() has been called for
 *
 * Context: under klp_mutex
 * Return: true if all functions resolve to the same, false if not, or if
 *	   memory was short
 */
bool klp_is_same_to(unsigned int from, unsigned int to)
{
	struct klp_table *table = klp_find_table(from, to);

	return table && !table->nr;
}

/**
 * klp_drop_ranges() - forget what klp_prepare_ranges() has found out
 *
 * Context: under klp_mutex
 */
void klp_drop_ranges(void)
{
	struct klp_table *table, *next;

	lockdep_assert_held(&klp_mutex);

	list_for_each_entry_safe(table, next, &klp_tables, node) {
		list_del_rcu(&table->node);
		kvfree_rcu(table, rcu);
	}
}

/**
 * klp_check_entries() - may a task with this stack go to another universe?
 * @entries:	the stack, as return addresses
 * @nr_entries:	how many
 * @from:	universe that the task is in
 * @to:		universe that it is to go to
 * @name:	set to the name of the function that is in the way; valid while
 *		preemption is disabled or klp_mutex held
 *
 * Context: preemption disabled
 * Return: 0 if it may, -EADDRINUSE if one of the functions is in the way,
 *	   -EAGAIN if klp_prepare_ranges() is still to be called
 */
int klp_check_entries(const unsigned long *entries, unsigned int nr_entries,
		      unsigned int from, unsigned int to, const char **name)
{
	const struct klp_range *range;
	struct klp_table *table;
	unsigned int i;

	table = klp_find_table(from, to);
	if (!table)
		return -EAGAIN;

	for (i = 0; i < nr_entries; i++) {
		range = klp_find_range(table->ranges, table->nr, entries[i]);
		if (range) {
			*name = range->name;
			return -EADDRINUSE;
		}
	}

	return 0;
}
