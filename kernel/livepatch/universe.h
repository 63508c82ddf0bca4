/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _LIVEPATCH_UNIVERSE_H
#define _LIVEPATCH_UNIVERSE_H

#include <linux/sched.h>
#include <linux/types.h>

#define KLP_CENSUS_MAX	16

/**
 * struct klp_census - which universes have tasks
 *
 * @nr:		number of entries in @entry
 * @dense:	there are more universes than entries; all from the first entry's
 *		on may have tasks
 * @entry:	universe and number of tasks in it, in the order of universes
 */
struct klp_census {
	unsigned int nr;
	bool dense;
	struct {
		unsigned int universe;
		unsigned int count;
	} entry[KLP_CENSUS_MAX];
};

/* The newest universe.  Changed under klp_mutex, read by everybody. */
extern unsigned int klp_universe;

bool klp_census_any(const struct klp_census *census, unsigned int from,
		    unsigned int until);
unsigned int klp_census_below(const struct klp_census *census, unsigned int universe);

void klp_advance_universe(void);
void klp_migrate_tasks(void);
int klp_show_stragglers(char *buf, unsigned int universe);
void klp_take_census(struct klp_census *census);
void klp_await_stragglers_start(void);
bool klp_await_stragglers(unsigned int universe, unsigned int count);
void klp_signal_stragglers(void);
void klp_raise_tasks(unsigned int first, unsigned int last, const char *how);
void klp_resched_enable(void);
void klp_resched_disable(void);

bool klp_is_around_hook(const char *name);

void klp_synchronize_cpus(void);
void klp_synchronize_tasks(void);

#if IS_ENABLED(CONFIG_KUNIT)
void klp_census_add(struct klp_census *census, unsigned int universe,
		    unsigned int count);
#endif

#endif /* _LIVEPATCH_UNIVERSE_H */
