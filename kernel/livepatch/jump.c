// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * jump.c - the settled jump, and the breakpoint
 *
 * Once everybody sees the same version of a function, there is nothing left to
 * decide for klp_ftrace_handler().  A jump to that version goes in behind the
 * place that ftrace calls from, the site, and ftrace lets go of the function.
 *
 * The site takes what the first instructions of the original have been.  Hardly
 * anybody can be in there: all tasks have left the original behind, the reclaim
 * has waited for those that nobody counts, and ftrace sends everybody away but
 * calls that recurse while they are traced, which it drops.  The architecture
 * waits for those.  So it does not matter what these instructions are, or who
 * branches to them inside the function.
 *
 * The way back: before the original can be seen again, ftrace gets hold of the
 * function, those that have passed it already are waited for, and the
 * instructions are restored.  See klp_restore_work_fn().
 *
 * Functions that ftrace cannot take get a breakpoint at the site in its stead.
 * That changes one instruction, of which there is a copy for those who see the
 * original, so nobody has to be waited for.  It settles in the same way, and on
 * the way back the breakpoint is put on the jump.
 *
 * This is the generic part.  The architecture says whether there is a site, and
 * pokes.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bsearch.h>
#include <linux/cpu.h>
#include <linux/jump_label.h>
#include <linux/kprobes.h>
#include <linux/list.h>
#include <linux/livepatch.h>
#include <linux/memory.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/static_call.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include "core.h"
#include "redirect.h"
#include "universe.h"

static const char *const klp_method_names[] = { "auto", "ftrace" };
static unsigned int klp_method;

static int klp_method_set(const char *val, const struct kernel_param *kp)
{
	int method = sysfs_match_string(klp_method_names, val);

	if (method < 0)
		return method;

	WRITE_ONCE(klp_method, method);

	return 0;
}

static int klp_method_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", klp_method_names[klp_method]);
}

static const struct kernel_param_ops klp_method_ops = {
	.set = klp_method_set,
	.get = klp_method_get,
};
module_param_cb(method, &klp_method_ops, NULL, 0644);
MODULE_PARM_DESC(method, "What takes calls to new functions: auto (default), or always ftrace");

/* A site that is ours, @redirect is NULL when it is no longer. */
struct klp_slot {
	unsigned long addr;
	struct klp_redirect *redirect;
};

/*
 * All sites that are ours, sorted by address.  Read with preemption or interrupts
 * disabled, or with klp_mutex or kprobe_mutex held.  Replaced with both held.
 * What is found in it can be used with preemption or interrupts disabled.
 */
struct klp_slots {
	struct rcu_head rcu;
	unsigned int nr;
	struct klp_slot slot[] __counted_by(nr);
};

static struct klp_slots *klp_slots;

static int klp_cmp_slots(const void *a, const void *b)
{
	const struct klp_slot *l = a, *r = b;

	return cmp_int(l->addr, r->addr);
}

static __always_inline int klp_cmp_slot(const void *key, const void *elt)
{
	unsigned long addr = (unsigned long)key;
	const struct klp_slot *slot = elt;

	if (addr < slot->addr)
		return -1;

	return addr > slot->addr;
}

/* Find the slot of the site at an address. */
static __always_inline struct klp_slot *klp_find_slot(unsigned long addr)
{
	struct klp_slots *slots = READ_ONCE(klp_slots);

	if (!slots)
		return NULL;

	return __inline_bsearch((void *)addr, slots->slot, slots->nr,
				sizeof(*slots->slot), klp_cmp_slot);
}

/* Where there is no room for a jump, the other bytes are somebody else's. */
static unsigned int klp_site_size(const struct klp_site *site)
{
	return site->cramped ? 1 : KLP_SITE_SIZE;
}

/* Find the redirect whose site an address is in, and where in there. */
static struct klp_redirect *klp_find_owner(unsigned long addr, unsigned int *offset)
{
	struct klp_redirect *redirect;
	struct klp_slot *slot;

	for (*offset = 0; *offset < KLP_SITE_SIZE; ++*offset) {
		slot = klp_find_slot(addr - *offset);
		redirect = slot ? READ_ONCE(slot->redirect) : NULL;
		if (redirect && *offset < klp_site_size(&redirect->site))
			return redirect;
	}

	return NULL;
}

/**
 * klp_resolve_site() - where does a task go that has come to a site?
 * @addr:	address of the site
 *
 * For a breakpoint that the architecture puts there, to stay, or while it changes
 * the site.  It must have been seen before this is called: it is put there after
 * the table was published.
 *
 * Context: any, in a breakpoint's handler
 * Return: the address, or 0 if this is no site
 */
noinstr unsigned long klp_resolve_site(unsigned long addr)
{
	struct klp_slot *slot = klp_find_slot(addr);
	struct klp_redirect *redirect;
	struct klp_version *version;
	unsigned long target;

	if (!slot)
		return 0;

	redirect = READ_ONCE(slot->redirect);
	if (!redirect)
		return 0;

	version = klp_resolve(&redirect->versions, READ_ONCE(current->klp_universe));
	if (version && version->target)
		return version->target;

	/*
	 * The original, by way of the copy of its first instruction, if the rest
	 * is in place.  While it is not, nobody who sees it gets here.  Whoever
	 * has reached a universe has also seen what was changed before its birth.
	 */
	target = READ_ONCE(redirect->site.target);
	if (!target)
		target = (unsigned long)redirect->site.copy;

	return target;
}

/**
 * klp_text_reserved() - does a livepatch have an instruction in its hands?
 * @addr:	address of the instruction
 *
 * Context: any; with kprobe_mutex held, it does not become true meanwhile
 * Return: true if nobody else must change it
 */
bool klp_text_reserved(unsigned long addr)
{
	unsigned int offset;

	/* Against the table and the redirect being freed */
	guard(preempt)();

	return klp_find_owner(addr, &offset);
}

/**
 * klp_recover_text() - copy kernel text as it was before it became a site
 * @buf:	the copy
 * @addr:	address of the text, where it may be in the middle of a site
 * @len:	length, up to the end of an instruction that begins at @addr or more
 *
 * Only the site that @addr is in is looked at.
 *
 * Context: any
 * Return: 1 if there is one, 0 if not, and nothing is copied, or -EFAULT
 */
int klp_recover_text(void *buf, unsigned long addr, size_t len)
{
	struct klp_redirect *redirect;
	unsigned int offset;

	/* Against the redirect being freed */
	guard(preempt)();

	redirect = klp_find_owner(addr, &offset);
	if (!redirect)
		return 0;

	if (copy_from_kernel_nofault(buf, (void *)addr, len))
		return -EFAULT;

	memcpy(buf, redirect->site.orig + offset,
	       min(len, klp_site_size(&redirect->site) - offset));

	return 1;
}

/*
 * A site is not ours any more: its text is the original's again.  The redirect must
 * be kept for klp_synchronize_cpus().
 */
static void klp_forget_site(struct klp_redirect *redirect)
{
	struct klp_slot *slot;

	slot = klp_find_slot(redirect->site.addr);
	if (!WARN_ON(!slot || slot->redirect != redirect))
		WRITE_ONCE(slot->redirect, NULL);

	redirect->site.target = 0;
	redirect->site.armed = false;
}

static struct klp_slots *klp_alloc_slots(struct list_head *sites)
{
	unsigned int nr = list_count_nodes(sites) + (klp_slots ? klp_slots->nr : 0);
	struct klp_slots *slots;

	slots = kvzalloc_flex(*slots, slot, nr);
	if (slots)
		slots->nr = nr;

	return slots;
}

static void klp_fill_slots(struct klp_slots *slots, struct list_head *sites)
{
	struct klp_site *site;
	unsigned int nr = 0;

	if (klp_slots)
		for (unsigned int i = 0; i < klp_slots->nr; i++)
			if (klp_slots->slot[i].redirect)
				slots->slot[nr++] = klp_slots->slot[i];

	list_for_each_entry(site, sites, node) {
		if (site->target || site->armed)
			continue;
		slots->slot[nr++] = (struct klp_slot) {
			.addr = site->addr,
			.redirect = container_of(site, struct klp_redirect, site),
		};
	}

	slots->nr = nr;
	sort(slots->slot, nr, sizeof(*slots->slot), klp_cmp_slots, NULL);
}

/* Change what is at sites, with a table that has all of them. */
static void klp_poke_sites(struct list_head *sites, struct klp_slots *slots)
{
	struct klp_slots *old = klp_slots;
	struct klp_site *site;

	klp_fill_slots(slots, sites);

	/* The table, then the pointer to it: klp_find_slot() follows that. */
	smp_store_release(&klp_slots, slots);

	/*
	 * Enforce the order of the table and of breakpoints in the text. Pairs
	 * with the architecture's barrier between seeing a breakpoint and
	 * klp_resolve_site(), which is smp_rmb() in klp_int3_handler().
	 */
	smp_wmb();

	arch_klp_poke_sites(sites);

	list_for_each_entry(site, sites, node) {
		WRITE_ONCE(site->target, site->to);
		site->armed = site->arm;
	}

	/* All CPUs have been synchronized; this is for who is not in a handler. */
	if (old)
		kvfree_rcu(old, rcu);
}

/*
 * Nobody else changes text any more, and no CPU comes that would miss a
 * synchronization.  kprobe_mutex is held.
 */
static void klp_lock_text(void)
{
	cpus_read_lock();
	static_call_lock();
	jump_label_lock();
	mutex_lock(&text_mutex);
}

static void klp_unlock_text(void)
{
	mutex_unlock(&text_mutex);
	jump_label_unlock();
	static_call_unlock();
	cpus_read_unlock();
	kprobes_unlock();
}

/**
 * klp_install_jumps() - let sites jump
 * @sites:	list of the sites, with their new targets in site->to.  Those that
 *		cannot jump are taken off the list, and stay as they are.
 *
 * Nobody is in the original of a site that does not jump yet, or in the copy of its
 * first instruction.
 *
 * The number of times that all CPUs have to be synchronized does not depend on
 * that of the sites.
 *
 * Context: under klp_mutex, may sleep
 * Return: false if it is worth to try again later
 */
bool klp_install_jumps(struct list_head *sites)
{
	struct klp_redirect *redirect;
	struct klp_slots *slots;
	struct klp_site *site, *next;
	LIST_HEAD(done);

	lockdep_assert_held(&klp_mutex);

	list_for_each_entry_safe(site, next, sites, node) {
		if (site->target == site->to)
			list_move(&site->node, &done);
		else if (!site->target && !site->armed && READ_ONCE(klp_method))
			list_del_init(&site->node);
	}
	if (list_empty(sites))
		goto out;

	slots = klp_alloc_slots(sites);
	if (!slots || !kprobes_trylock()) {
		kvfree(slots);
		list_for_each_entry_safe(site, next, sites, node)
			list_del_init(&site->node);
		list_splice(&done, sites);
		return false;
	}

	klp_lock_text();

	list_for_each_entry_safe(site, next, sites, node) {
		redirect = container_of(site, struct klp_redirect, site);
		site->arm = false;
		if (site->target || (site->armed && !site->cramped))
			continue;

		/* Whoever had left no room for it may be gone. */
		if (arch_klp_check_site(site, redirect->old_func,
					redirect->old_size,
					redirect->fentry ? redirect->ip : 0))
			list_del_init(&site->node);
		else
			site->cramped = false;
	}

	if (list_empty(sites))
		kvfree(slots);
	else
		klp_poke_sites(sites, slots);

	klp_unlock_text();
out:
	list_splice(&done, sites);

	return true;
}

/**
 * klp_may_arm() - may functions get a breakpoint that ftrace does not take?
 *
 * Context: any
 * Return: true if so
 */
bool klp_may_arm(void)
{
	return !READ_ONCE(klp_method);
}

/* Of a module that is going, nobody tells what is reserved. */
static bool klp_get_module(struct klp_redirect *redirect, struct module **mod)
{
	guard(rcu)();
	*mod = __module_text_address(redirect->old_func);

	return !*mod || try_module_get(*mod);
}

static const char *klp_check_arm(struct klp_site *site, u8 *text,
				 struct klp_redirect *redirect)
{
	const char *reason;

	/* Tasks could be switched while they are in the original. */
	if (klp_is_around_hook(redirect->name))
		return "tasks are switched in there";

	if (arch_klp_is_early(redirect->name))
		return "breakpoints are not handled in there";

	reason = arch_klp_copy_first(site, redirect->old_func, redirect->old_size,
				     redirect->fentry ? redirect->ip : 0);
	if (reason)
		return reason;

	/*
	 * Whoever is in the original must not come to the site but by a call. After
	 * tasks have been forced, one may be there that sees the replacement.
	 */
	reason = arch_klp_check_branches(site, text, redirect->old_func,
					 redirect->old_size);
	if (!reason && redirect->old_cold)
		reason = arch_klp_check_branches(site, text, redirect->old_cold,
						 redirect->old_cold_size);

	return reason;
}

/**
 * klp_arm_sites() - put breakpoints at sites
 * @sites:	list of the sites, which have none
 * @culprit:	set to the first one where that cannot be done, on -EINVAL or -EBUSY
 * @reason:	set to the reason, on -EINVAL or -EBUSY
 *
 * What calls see does not change by that.  A jump is replaced by the original.
 *
 * The number of times that all CPUs have to be synchronized does not depend on
 * that of the sites, and there is no grace period to wait for, unless kprobes are
 * being optimized just now, or memory of copies is being freed.
 *
 * Context: under klp_mutex, may sleep
 * Return: 0, or -ENOMEM, -EINVAL or, of a module that is going, -EBUSY, and there are
 * no breakpoints
 */
int klp_arm_sites(struct list_head *sites, struct klp_redirect **culprit,
		  const char **reason)
{
	struct klp_redirect *redirect;
	struct klp_slots *slots;
	struct klp_site *site;
	struct module *mod;
	size_t size = 0;
	u8 *text = NULL;
	int ret;

	lockdep_assert_held(&klp_mutex);

	if (list_empty(sites))
		return 0;

	slots = klp_alloc_slots(sites);
	if (!slots)
		return -ENOMEM;

	/* Not with text_mutex held. The copies are freed with the redirects. */
	list_for_each_entry(site, sites, node) {
		ret = site->copy ? 0 : arch_klp_alloc_copy(site);
		if (ret)
			goto err;

		redirect = container_of(site, struct klp_redirect, site);
		size = max3(size, redirect->old_size, redirect->old_cold_size);
	}

	text = kvmalloc(size, GFP_KERNEL);
	if (!text) {
		ret = -ENOMEM;
		goto err;
	}

	kprobes_lock();
	klp_lock_text();

	list_for_each_entry(site, sites, node) {
		redirect = container_of(site, struct klp_redirect, site);
		*culprit = redirect;
		mod = NULL;
		/* If there is a jump, its text is nobody else's. */
		if (!site->target && !klp_get_module(redirect, &mod)) {
			*reason = "its module is going";
			ret = -EBUSY;
			goto err_unlock;
		}
		*reason = klp_check_arm(site, text, redirect);
		module_put(mod);
		if (*reason) {
			ret = -EINVAL;
			goto err_unlock;
		}
		site->to = 0;
		site->arm = true;
	}

	klp_poke_sites(sites, slots);
	klp_unlock_text();
	kvfree(text);

	return 0;

err_unlock:
	klp_unlock_text();
err:
	kvfree(text);
	kvfree(slots);
	return ret;
}

/**
 * klp_remove_jumps() - restore what has been at sites
 * @sites:	list of the sites, which is empty afterwards.  Those with a
 *		breakpoint are not in use.  ftrace has the functions of the others,
 *		and whoever passed it before has been waited for, unless tasks are
 *		forced, or the module goes away.
 *
 * Context: under klp_mutex, may sleep
 */
void klp_remove_jumps(struct list_head *sites)
{
	struct klp_site *site, *next;

	lockdep_assert_held(&klp_mutex);

	if (list_empty(sites))
		return;

	list_for_each_entry(site, sites, node) {
		site->to = 0;
		site->arm = false;
	}

	cpus_read_lock();
	mutex_lock(&text_mutex);
	arch_klp_poke_sites(sites);
	mutex_unlock(&text_mutex);
	cpus_read_unlock();

	/* Now others may change them. */
	list_for_each_entry_safe(site, next, sites, node) {
		list_del_init(&site->node);
		klp_forget_site(container_of(site, struct klp_redirect, site));
	}
}
