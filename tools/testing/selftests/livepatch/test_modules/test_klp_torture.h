/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions that report VERSION, which is to be defined where this is included;
 * 0 is that of the originals.
 *
 * There are three groups.  The functions of a group are always patched together:
 * one that ftrace knows, one without fentry, and one that calls both.
 */
#ifndef _TEST_KLP_TORTURE_H
#define _TEST_KLP_TORTURE_H

#include <linux/bits.h>
#include <linux/sched.h>
#include "test_klp_int3.h"

#define TORTURE_GROUPS	3

/* Which versions each group can have, a bit each; the first one has all. */
static const unsigned int torture_versions[TORTURE_GROUPS] = {
	BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(4),
	BIT(0) | BIT(1) | BIT(2),
	BIT(0) | BIT(2) | BIT(3),
};

/**
 * struct torture_stay - how long to stay in a function
 * @rounds:	how often to call the others again
 * @sleep:	how many jiffies to sleep each time; 0 is to let others run
 * @state:	how to sleep
 */
struct torture_stay {
	unsigned int rounds;
	unsigned int sleep;
	unsigned int state;
};

struct torture_group {
	int nr;
	int (*traced)(void);
	int (*plain)(void);
	int (*check)(const struct torture_group *group, struct torture_stay *stay);
};

/*
 * The body of the functions that call the others.  They are on the stack all the
 * time, so that all that they call must have their version; -1 is a mix.
 */
static __always_inline
int torture_body(const struct torture_group *group, struct torture_stay *stay, int nr)
{
	for (;;) {
		if (group->nr != nr || group->traced() != VERSION || group->plain() != VERSION)
			return -1;
		if (!stay->rounds)
			return VERSION;
		stay->rounds--;
		if (stay->sleep) {
			set_current_state(stay->state);
			schedule_timeout(stay->sleep);
		} else {
			cond_resched();
		}
	}
}

/* Functions without fentry need breakpoints, which not every kernel has for them. */
#define TORTURE_PLAIN	(IS_ENABLED(CONFIG_LIVEPATCH_JUMP) && !TEST_KLP_IPA_RA)

static int torture_zero;

/* Not the same code in any two, or the compiler makes them one function. */
#define TORTURE_FUNCTIONS(prefix, nr)						\
static noinline __noclone int prefix##_traced_##nr(void)			\
{										\
	return READ_ONCE(torture_zero) & (__COUNTER__ + 1) ?: VERSION;		\
}										\
										\
static noinline __noclone notrace int prefix##_plain_##nr(void)			\
{										\
	return READ_ONCE(torture_zero) & (__COUNTER__ + 1) ?: VERSION;		\
}										\
										\
static noinline __noclone							\
int prefix##_check_##nr(const struct torture_group *group, struct torture_stay *stay) \
{										\
	return torture_body(group, stay, nr);					\
}

#endif /* _TEST_KLP_TORTURE_H */
