/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _LIVEPATCH_REDIRECT_H
#define _LIVEPATCH_REDIRECT_H

#include <linux/ftrace.h>
#include <linux/list.h>
#include <linux/livepatch.h>
#include <linux/rculist.h>
#include <linux/types.h>

#ifdef CONFIG_LIVEPATCH_JUMP
#include <asm/livepatch.h>
#endif

struct klp_census;

/**
 * struct klp_hook - an ftrace_ops, for functions of an object that ftrace attaches
 *		     together
 *
 * Registering it attaches all of them with one update of the kernel text.
 *
 * @fops:	ftrace ops struct
 * @used:	list of the redirects that need it
 * @idle:	list of those that do not any more
 * @node:	node for the list of hooks with idle redirects, and later for
 *		that of hooks to be freed
 * @registered:	@fops is registered
 */
struct klp_hook {
	struct ftrace_ops fops;
	struct list_head used;
	struct list_head idle;
	struct list_head node;
	bool registered;
};

/**
 * struct klp_version - where calls of a patched function go, from one universe on
 *
 * @node:	node for the versions of the redirect, or for its spare ones
 * @dead:	node for a list of versions to be freed
 * @since:	the first universe that it is for
 * @target:	address of the function to call, 0 for the original
 * @func:	the klp_func with that function, NULL for the original; to be
 *		used under klp_mutex only
 */
struct klp_version {
	struct list_head node;
	struct list_head dead;
	unsigned int since;
	unsigned long target;
	struct klp_func *func;
};

/**
 * struct klp_redirect - all that is known of one patched function
 *
 * It is shared between the klp_funcs with the same old_func.
 *
 * @node:	node for the global hash table
 * @ip:		where ftrace calls from, or the site of a function without that;
 *		key of the hash table
 * @fentry:	ftrace calls from @ip
 * @versions:	list of versions, newest first; klp_ftrace_handler() and
 *		klp_resolve_site() walk it with preemption disabled, all else is
 *		under klp_mutex
 * @spares:	versions for later; turning off a klp_func takes one, and must
 *		not fail, so that there is one for each live klp_func
 * @funcs:	list of the klp_funcs, in the order of their patches, last first
 * @hook:	attached by this one, NULL where a breakpoint does it, or once a jump
 *		is all that it takes
 * @hook_node:	node for one of its lists, and later for that of redirects to
 *		be freed
 * @restore_node: node for the list of redirects whose site has to be restored
 * @site:	where the jump goes, and the breakpoint
 * @forced:	tasks have been forced from one version to another, and may still
 *		be in the original
 * @old_func:	address of the original
 * @old_size:	size of the original
 * @old_cold:	where the compiler moved its unlikely blocks, 0 if nowhere
 * @old_cold_size: size of the code at @old_cold
 * @name:	name of the original
 */
struct klp_redirect {
	struct hlist_node node;
	unsigned long ip;
	bool fentry;
	struct list_head versions;
	struct list_head spares;
	struct list_head funcs;
	struct klp_hook *hook;
	struct list_head hook_node;
#ifdef CONFIG_LIVEPATCH_JUMP
	struct list_head restore_node;
	struct klp_site site;
#endif
	bool forced;
	unsigned long old_func;
	unsigned long old_size;
	unsigned long old_cold;
	unsigned long old_cold_size;
	char name[];
};

/* A piece of code that must not be on the stack of a task being migrated. */
struct klp_range {
	unsigned long start;
	unsigned long end;
	const char *name;
};

/**
 * klp_resolve() - find the version of a function that a universe sees
 * @versions:	versions of the function, newest first
 * @universe:	number of the universe
 *
 * Context: preemption disabled or klp_mutex held
 * Return: the newest version with since <= @universe, NULL where there is none,
 *	   which means the original
 */
static __always_inline struct klp_version *
klp_resolve(struct list_head *versions, unsigned int universe)
{
	struct klp_version *version;

	list_for_each_entry_lockless(version, versions, node)
		if (version->since <= universe)
			return version;

	return NULL;
}

int klp_attach_object(struct klp_object *obj, unsigned int nr_versions);
int klp_reattach_object(struct klp_object *obj);
void klp_detach_object(struct klp_object *obj, bool gone);
void klp_detach_nops(struct klp_object *obj);
int klp_add_versions(struct klp_object *obj);
void klp_publish_object(struct klp_object *obj, unsigned int universe, bool live);

void klp_forget_module(struct module *mod);
void klp_merge_versions(const struct klp_census *census);
void klp_flush_dead(void);
void klp_update_methods(void);
void klp_pin_patches(const struct klp_census *census);

void klp_prepare_ranges(const struct klp_census *census, unsigned int to);
bool klp_is_same_to(unsigned int from, unsigned int to);
void klp_drop_ranges(void);
int klp_check_entries(const unsigned long *entries, unsigned int nr_entries,
		      unsigned int from, unsigned int to, const char **name);

#ifdef CONFIG_LIVEPATCH_JUMP

bool klp_settle(const struct klp_census *census);
bool klp_install_jumps(struct list_head *sites);
void klp_remove_jumps(struct list_head *sites);
bool klp_may_arm(void);
int klp_arm_sites(struct list_head *sites, struct klp_redirect **culprit,
		  const char **reason);

bool klp_restores_pending(void);
void klp_restore_start(void);
void klp_restore_finish(void);

static inline bool klp_jumps(struct klp_redirect *redirect)
{
	return redirect->site.target;
}

static inline bool klp_is_armed(struct klp_redirect *redirect)
{
	return redirect->site.armed;
}

#else

static inline bool klp_settle(const struct klp_census *census) { return true; }
static inline bool klp_restores_pending(void) { return false; }
static inline void klp_restore_start(void) {}
static inline void klp_restore_finish(void) {}
static inline bool klp_jumps(struct klp_redirect *redirect) { return false; }
static inline bool klp_is_armed(struct klp_redirect *redirect) { return false; }
static inline bool klp_may_arm(void) { return false; }

#endif

#if IS_ENABLED(CONFIG_KUNIT)
void klp_merge(struct list_head *versions, const struct klp_census *census,
	       struct list_head *dropped);
unsigned int klp_join_ranges(struct klp_range *ranges, unsigned int nr);
const struct klp_range *klp_find_range(const struct klp_range *ranges,
				       unsigned int nr, unsigned long address);
#endif

#endif /* _LIVEPATCH_REDIRECT_H */
