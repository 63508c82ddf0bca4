/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TEST_KLP_UNIVERSE_H
#define _TEST_KLP_UNIVERSE_H

#include <linux/atomic.h>
#include <linux/compiler.h>

/**
 * struct test_klp_universe_calls - what test_klp_universe_check() calls
 * @a:		reports its version, gets patched
 * @b:		reports its version, gets patched
 * @other:	reports its version, gets patched, in another module; may be NULL
 * @wait:	returns false when it is time to end
 * @mixes:	counts answers that are not those of the caller's own version
 */
struct test_klp_universe_calls {
	int (*a)(void);
	int (*b)(void);
	int (*other)(void);
	bool (*wait)(void *data);
	atomic_t *mixes;
};

/*
 * The body of test_klp_universe_check() and of all its replacements.  What they
 * call must be of the same version, because they stay on the stack.
 */
static __always_inline
int test_klp_universe_body(const struct test_klp_universe_calls *calls, void *data,
			   int own)
{
	int version = calls->a();

	if (version != own)
		atomic_inc(calls->mixes);
	while (calls->wait(data))
		if (calls->b() != own)
			atomic_inc(calls->mixes);
	if (calls->a() != own)
		atomic_inc(calls->mixes);
	if (calls->other)
		version |= calls->other() << 8;

	return version;
}

void test_klp_universe_set_other(int (*version)(void));

#endif /* _TEST_KLP_UNIVERSE_H */
