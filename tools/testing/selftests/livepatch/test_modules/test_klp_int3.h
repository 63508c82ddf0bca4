/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TEST_KLP_INT3_H
#define _TEST_KLP_INT3_H

#include <linux/compiler.h>

/*
 * The callers of a function may know which registers it uses, unless gcc has left
 * room in front of it.  Without fentry, it cannot be patched then.
 */
#define TEST_KLP_IPA_RA	\
	(IS_ENABLED(CONFIG_CC_IS_GCC) && !IS_ENABLED(CONFIG_CALL_PADDING))

/**
 * struct test_klp_int3_calls - what test_klp_int3_check() calls
 * @nr:		number of functions in @version
 * @version:	each reports its version, and gets patched
 * @quiet:	does so by way of a pointer, and leaves it alone if not patched
 * @wait:	returns false when it is time to end
 */
struct test_klp_int3_calls {
	int nr;
	int (*version[4])(void);
	void (*quiet)(int *version);
	bool (*wait)(void);
};

/*
 * The body of test_klp_int3_check() and of its replacements; must be inlined.
 * What they call must be of the same version, because they stay on the stack.
 */
static __always_inline
int test_klp_int3_body(const struct test_klp_int3_calls *calls, int version)
{
	int i, quiet;

	do {
		for (i = 0; i < calls->nr; i++)
			if (calls->version[i]() != version)
				return -1;
		quiet = 0;
		calls->quiet(&quiet);
		if (quiet != version)
			return -1;
	} while (calls->wait());

	return version;
}

/* From assembly, and never called */
void test_klp_int3_undefined(void);
void test_klp_int3_indirect(void);
void test_klp_int3_table(void);

#endif /* _TEST_KLP_INT3_H */
