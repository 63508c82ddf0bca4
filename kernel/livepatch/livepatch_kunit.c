// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * livepatch_kunit.c - tests of the parts of livepatch that only compute
 *
 * Where it is affordable, they go through all small cases and compare with the
 * plainest way to say what is expected.
 */

#include <kunit/test.h>
#include <linux/array_size.h>
#include <linux/bits.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/livepatch.h>
#include "redirect.h"
#include "universe.h"

/* Only their addresses matter. */
static struct klp_func func_a, func_b;

static struct klp_func *resolved_func(struct list_head *versions,
				      unsigned int universe)
{
	struct klp_version *version = klp_resolve(versions, universe);

	return version ? version->func : NULL;
}

static void resolve_test(struct kunit *test)
{
	struct klp_version versions[] = {
		{ .since = UINT_MAX },
		{ .since = 7 },
		/* Only the first of these is ever found. */
		{ .since = 3 },
		{ .since = 3 },
	};
	LIST_HEAD(list);
	int i;

	KUNIT_EXPECT_NULL(test, klp_resolve(&list, 0));
	KUNIT_EXPECT_NULL(test, klp_resolve(&list, UINT_MAX));

	for (i = 0; i < ARRAY_SIZE(versions); i++)
		list_add_tail(&versions[i].node, &list);

	KUNIT_EXPECT_NULL(test, klp_resolve(&list, 0));
	KUNIT_EXPECT_NULL(test, klp_resolve(&list, 2));
	KUNIT_EXPECT_PTR_EQ(test, klp_resolve(&list, 3), &versions[2]);
	KUNIT_EXPECT_PTR_EQ(test, klp_resolve(&list, 6), &versions[2]);
	KUNIT_EXPECT_PTR_EQ(test, klp_resolve(&list, 7), &versions[1]);
	KUNIT_EXPECT_PTR_EQ(test, klp_resolve(&list, 8), &versions[1]);
	KUNIT_EXPECT_PTR_EQ(test, klp_resolve(&list, UINT_MAX - 1), &versions[1]);
	KUNIT_EXPECT_PTR_EQ(test, klp_resolve(&list, UINT_MAX), &versions[0]);
}

/* A universe for each bit of @mask */
static struct klp_census make_census(unsigned long mask)
{
	struct klp_census census = {};
	unsigned int i;

	for_each_set_bit(i, &mask, BITS_PER_LONG)
		klp_census_add(&census, i, 1);

	return census;
}

/* Universes from this one on are newer than any that a merge test has. */
#define MERGE_UNIVERSES	5
#define MERGE_VERSIONS	3

/*
 * Merge one list of versions for one census.  Whoever is counted, and whoever is
 * in a newer universe, resolves to the same function as before, and no version is
 * left that this could be said without.
 */
static void merge_one(struct kunit *test, const struct klp_version *template,
		      unsigned int nr, unsigned long mask)
{
	struct klp_func *before[MERGE_UNIVERSES + 1], *older;
	struct klp_census census = make_census(mask);
	struct klp_version versions[MERGE_VERSIONS];
	struct klp_version *version;
	bool used[MERGE_VERSIONS] = {};
	unsigned int i, left = 0;
	LIST_HEAD(dropped);
	LIST_HEAD(list);

	for (i = 0; i < nr; i++) {
		versions[i] = template[i];
		list_add_tail(&versions[i].node, &list);
	}
	for (i = 0; i <= MERGE_UNIVERSES; i++)
		before[i] = resolved_func(&list, i);

	klp_merge(&list, &census, &dropped);

	for (i = 0; i <= MERGE_UNIVERSES; i++) {
		if (!(mask & BIT(i)) && mask >> i)
			continue;
		KUNIT_ASSERT_PTR_EQ_MSG(test, resolved_func(&list, i), before[i],
					"universe %u of census %#lx", i, mask);
		version = klp_resolve(&list, i);
		if (version)
			used[version - versions] = true;
	}

	list_for_each_entry(version, &list, node) {
		left++;
		KUNIT_ASSERT_TRUE_MSG(test, used[version - versions],
				      "version %u for nobody in census %#lx",
				      version->since, mask);
		older = list_is_last(&version->node, &list) ?
			NULL : list_next_entry(version, node)->func;
		KUNIT_ASSERT_PTR_NE_MSG(test, version->func, older,
					"version %u changes nothing", version->since);
	}
	KUNIT_ASSERT_EQ(test, left + list_count_nodes(&dropped), nr);
}

static void merge_test(struct kunit *test)
{
	static struct klp_func *const funcs[] = { NULL, &func_a, &func_b };
	struct klp_version versions[MERGE_VERSIONS] = {};
	unsigned int nr, i, n, cases, sinces;
	unsigned long mask;
	bool sorted;

	for (nr = 0, cases = 1; nr <= MERGE_VERSIONS;
	     nr++, cases *= MERGE_UNIVERSES * ARRAY_SIZE(funcs)) {
		for (n = 0; n < cases; n++) {
			sorted = true;
			for (i = 0, sinces = n; i < nr; i++) {
				versions[i].func = funcs[sinces % ARRAY_SIZE(funcs)];
				sinces /= ARRAY_SIZE(funcs);
				versions[i].since = sinces % MERGE_UNIVERSES;
				sinces /= MERGE_UNIVERSES;
				if (i && versions[i].since > versions[i - 1].since)
					sorted = false;
			}
			if (!sorted)
				continue;
			for (mask = 1; mask < BIT(MERGE_UNIVERSES); mask++)
				merge_one(test, versions, nr, mask);
		}
	}
}

/* The order in which what is dropped has been seen, and what is left of a gap. */
static void merge_gap_test(struct kunit *test)
{
	struct klp_version versions[] = {
		{ .since = UINT_MAX, .func = &func_b },
		{ .since = 9, .func = &func_a },
		{ .since = 8, .func = &func_b },
		{ .since = 4, .func = &func_a },
	};
	struct klp_census census = {};
	LIST_HEAD(dropped);
	LIST_HEAD(list);
	int i;

	for (i = 0; i < ARRAY_SIZE(versions); i++)
		list_add_tail(&versions[i].node, &list);

	/* Nobody is in 8.  Without it, 9 says the same as 4. */
	klp_census_add(&census, 5, 1);
	klp_census_add(&census, UINT_MAX - 1, 0);
	klp_merge(&list, &census, &dropped);

	KUNIT_EXPECT_EQ(test, list_count_nodes(&list), 2);
	KUNIT_EXPECT_PTR_EQ(test, klp_resolve(&list, 3), NULL);
	KUNIT_EXPECT_PTR_EQ(test, klp_resolve(&list, 5), &versions[3]);
	KUNIT_EXPECT_PTR_EQ(test, klp_resolve(&list, UINT_MAX - 1), &versions[3]);
	KUNIT_EXPECT_PTR_EQ(test, klp_resolve(&list, UINT_MAX), &versions[0]);
}

/* Universes that are not in the census because it is full count as inhabited. */
static void merge_dense_test(struct kunit *test)
{
	struct klp_version versions[] = {
		{ .since = 200, .func = &func_a },
		{ .since = 100, .func = &func_b },
		{ .since = 50, .func = &func_a },
		{ .since = 1, .func = &func_b },
	};
	struct klp_census census = {};
	LIST_HEAD(dropped);
	LIST_HEAD(list);
	int i;

	for (i = 0; i < ARRAY_SIZE(versions); i++)
		list_add_tail(&versions[i].node, &list);

	for (i = 0; i <= KLP_CENSUS_MAX; i++)
		klp_census_add(&census, 60 + i, 1);
	klp_merge(&list, &census, &dropped);

	KUNIT_EXPECT_EQ(test, list_count_nodes(&list), 3);
	KUNIT_EXPECT_PTR_EQ(test, klp_resolve(&list, 60), &versions[2]);
	KUNIT_EXPECT_PTR_EQ(test, klp_resolve(&list, 150), &versions[1]);
	KUNIT_EXPECT_PTR_EQ(test, klp_resolve(&list, 200), &versions[0]);
}

#define RANGE_POINTS	6

/* Join three ranges, and look up each address in what comes out. */
static void join_one(struct kunit *test, const struct klp_range *template)
{
	struct klp_range ranges[3];
	const struct klp_range *range;
	unsigned int nr, i;
	unsigned long address;
	bool inside;

	memcpy(ranges, template, sizeof(ranges));
	nr = klp_join_ranges(ranges, ARRAY_SIZE(ranges));
	KUNIT_ASSERT_GE(test, nr, 1);
	KUNIT_ASSERT_LE(test, nr, ARRAY_SIZE(ranges));

	for (i = 1; i < nr; i++)
		KUNIT_ASSERT_LE(test, ranges[i - 1].end, ranges[i].start);

	for (address = 0; address <= RANGE_POINTS; address++) {
		inside = false;
		for (i = 0; i < ARRAY_SIZE(ranges); i++)
			if (address >= template[i].start && address < template[i].end)
				inside = true;

		range = klp_find_range(ranges, nr, address);
		KUNIT_ASSERT_EQ_MSG(test, !!range, inside,
				    "%lu in %lu-%lu, %lu-%lu, %lu-%lu", address,
				    template[0].start, template[0].end,
				    template[1].start, template[1].end,
				    template[2].start, template[2].end);
		if (!range)
			continue;
		KUNIT_ASSERT_GE(test, address, range->start);
		KUNIT_ASSERT_LT(test, address, range->end);
	}
}

static void join_ranges_test(struct kunit *test)
{
	struct klp_range all[RANGE_POINTS * (RANGE_POINTS - 1) / 2], three[3];
	unsigned int nr = 0, i, j, k;
	unsigned long start, end;

	for (start = 0; start < RANGE_POINTS; start++)
		for (end = start + 1; end < RANGE_POINTS; end++)
			all[nr++] = (struct klp_range) { .start = start, .end = end };

	for (i = 0; i < nr; i++) {
		for (j = 0; j < nr; j++) {
			for (k = 0; k < nr; k++) {
				three[0] = all[i];
				three[1] = all[j];
				three[2] = all[k];
				join_one(test, three);
			}
		}
	}
}

/* What lies side by side keeps its name. */
static void find_range_test(struct kunit *test)
{
	struct klp_range ranges[] = {
		{ .start = ULONG_MAX - 1, .end = ULONG_MAX, .name = "last" },
		{ .start = 20, .end = 30, .name = "second" },
		{ .start = 10, .end = 20, .name = "first" },
		{ .start = 15, .end = 18, .name = "within first" },
	};
	const struct klp_range *range;
	unsigned int nr;

	KUNIT_EXPECT_EQ(test, klp_join_ranges(ranges, 0), 0);
	KUNIT_EXPECT_NULL(test, klp_find_range(ranges, 0, 15));

	nr = klp_join_ranges(ranges, ARRAY_SIZE(ranges));
	KUNIT_ASSERT_EQ(test, nr, 3);

	KUNIT_EXPECT_NULL(test, klp_find_range(ranges, nr, 0));
	KUNIT_EXPECT_NULL(test, klp_find_range(ranges, nr, 9));
	range = klp_find_range(ranges, nr, 10);
	KUNIT_ASSERT_NOT_NULL(test, range);
	KUNIT_EXPECT_STREQ(test, range->name, "first");
	range = klp_find_range(ranges, nr, 19);
	KUNIT_ASSERT_NOT_NULL(test, range);
	KUNIT_EXPECT_STREQ(test, range->name, "first");
	range = klp_find_range(ranges, nr, 20);
	KUNIT_ASSERT_NOT_NULL(test, range);
	KUNIT_EXPECT_STREQ(test, range->name, "second");
	KUNIT_EXPECT_NULL(test, klp_find_range(ranges, nr, 30));
	range = klp_find_range(ranges, nr, ULONG_MAX - 1);
	KUNIT_ASSERT_NOT_NULL(test, range);
	KUNIT_EXPECT_STREQ(test, range->name, "last");
	KUNIT_EXPECT_NULL(test, klp_find_range(ranges, nr, ULONG_MAX));
}

static struct kunit_case redirect_cases[] = {
	KUNIT_CASE(resolve_test),
	KUNIT_CASE(merge_test),
	KUNIT_CASE(merge_gap_test),
	KUNIT_CASE(merge_dense_test),
	KUNIT_CASE(join_ranges_test),
	KUNIT_CASE(find_range_test),
	{}
};

static struct kunit_suite redirect_suite = {
	.name = "livepatch_redirect",
	.test_cases = redirect_cases,
};

static void census_order_test(struct kunit *test)
{
	static const unsigned int universes[] = { 5, UINT_MAX, 0, 5, 7, 6, 5, UINT_MAX };
	static const unsigned int expected[][2] = {
		{ 0, 1 }, { 5, 3 }, { 6, 1 }, { 7, 1 }, { UINT_MAX, 2 },
	};
	struct klp_census census = {};
	int i;

	for (i = 0; i < ARRAY_SIZE(universes); i++)
		klp_census_add(&census, universes[i], 1);
	/* These need not be there. */
	klp_census_add(&census, 7, 0);

	KUNIT_EXPECT_FALSE(test, census.dense);
	KUNIT_ASSERT_EQ(test, census.nr, ARRAY_SIZE(expected));
	for (i = 0; i < ARRAY_SIZE(expected); i++) {
		KUNIT_EXPECT_EQ(test, census.entry[i].universe, expected[i][0]);
		KUNIT_EXPECT_EQ(test, census.entry[i].count, expected[i][1]);
	}
}

/* The oldest universes and the newest one stay when there are too many. */
static void census_full_test(struct kunit *test)
{
	static const unsigned int step[] = { 1, 3, KLP_CENSUS_MAX };
	const unsigned int last = KLP_CENSUS_MAX - 1;
	unsigned int nr = KLP_CENSUS_MAX + 1, universe, i, j;
	struct klp_census census;

	/* All steps have no divisor in common with nr: each comes once. */
	for (j = 0; j < ARRAY_SIZE(step); j++) {
		census = (struct klp_census) {};

		for (i = 0; i < nr; i++) {
			KUNIT_EXPECT_FALSE(test, census.dense);
			klp_census_add(&census, 10 + i * step[j] % nr, 1 + i);
		}

		KUNIT_EXPECT_TRUE(test, census.dense);
		KUNIT_ASSERT_EQ(test, census.nr, KLP_CENSUS_MAX);
		for (i = 0; i < nr; i++) {
			universe = i * step[j] % nr;
			if (universe != last)
				KUNIT_EXPECT_EQ(test, 1 + i,
						census.entry[min(universe, last)].count);
		}
		for (i = 0; i < last; i++)
			KUNIT_EXPECT_EQ(test, census.entry[i].universe, 10 + i);
		KUNIT_EXPECT_EQ(test, census.entry[last].universe, 9 + nr);

		/* It still counts, and takes still older ones. */
		klp_census_add(&census, 10, 100);
		klp_census_add(&census, 9, 1000);
		klp_census_add(&census, 9, 1);
		KUNIT_ASSERT_EQ(test, census.nr, KLP_CENSUS_MAX);
		KUNIT_EXPECT_EQ(test, census.entry[0].universe, 9);
		KUNIT_EXPECT_EQ(test, census.entry[0].count, 1001);
		KUNIT_EXPECT_EQ(test, census.entry[1].universe, 10);
		KUNIT_EXPECT_GT(test, census.entry[1].count, 100);
		KUNIT_EXPECT_EQ(test, census.entry[last - 1].universe, 8 + last);
		KUNIT_EXPECT_EQ(test, census.entry[last].universe, 9 + nr);
		KUNIT_EXPECT_EQ(test, klp_census_below(&census, 10), 1001);
	}
}

/* As many universes as there is room for are not too many. */
static void census_max_test(struct kunit *test)
{
	struct klp_census census = {};
	unsigned int i;

	for (i = 0; i < KLP_CENSUS_MAX; i++)
		klp_census_add(&census, 2 * i, 1);
	klp_census_add(&census, 0, 1);
	klp_census_add(&census, 2 * KLP_CENSUS_MAX - 2, 1);

	KUNIT_EXPECT_FALSE(test, census.dense);
	KUNIT_EXPECT_EQ(test, census.nr, KLP_CENSUS_MAX);
	KUNIT_EXPECT_FALSE(test, klp_census_any(&census, 1, 2));
	KUNIT_EXPECT_EQ(test, klp_census_below(&census, UINT_MAX),
			KLP_CENSUS_MAX + 2);

	klp_census_add(&census, 1, 1);
	KUNIT_EXPECT_TRUE(test, census.dense);
	KUNIT_EXPECT_TRUE(test, klp_census_any(&census, 1, 2));
}

#define ANY_UNIVERSES	5

static void census_any_test(struct kunit *test)
{
	struct klp_census census = {};
	unsigned int from, until, i;
	unsigned long mask;
	bool any;

	KUNIT_EXPECT_FALSE(test, klp_census_any(&census, 0, UINT_MAX));

	for (mask = 1; mask < BIT(ANY_UNIVERSES); mask++) {
		census = make_census(mask);
		for (from = 0; from < ANY_UNIVERSES + 3; from++) {
			for (until = 0; until < ANY_UNIVERSES + 3; until++) {
				any = false;
				/* Newer ones are taken to have tasks. */
				for (i = from; i < until; i++)
					if (mask & BIT(i) || !(mask >> i))
						any = true;
				KUNIT_ASSERT_EQ_MSG(test, any,
						    klp_census_any(&census, from, until),
						    "[%u, %u) in census %#lx",
						    from, until, mask);
			}
		}
	}
}

static void census_any_edges_test(struct kunit *test)
{
	struct klp_census census = {};
	unsigned int i;

	klp_census_add(&census, 0, 1);
	klp_census_add(&census, UINT_MAX, 1);
	KUNIT_EXPECT_FALSE(test, klp_census_any(&census, 0, 0));
	KUNIT_EXPECT_TRUE(test, klp_census_any(&census, 0, 1));
	KUNIT_EXPECT_FALSE(test, klp_census_any(&census, 1, UINT_MAX));
	KUNIT_EXPECT_FALSE(test, klp_census_any(&census, UINT_MAX, UINT_MAX));
	KUNIT_EXPECT_FALSE(test, klp_census_any(&census, UINT_MAX, 0));

	census = (struct klp_census) {};
	klp_census_add(&census, UINT_MAX - 2, 1);
	KUNIT_EXPECT_FALSE(test, klp_census_any(&census, 0, UINT_MAX - 2));
	KUNIT_EXPECT_TRUE(test, klp_census_any(&census, 0, UINT_MAX - 1));
	KUNIT_EXPECT_TRUE(test, klp_census_any(&census, UINT_MAX - 1, UINT_MAX));

	/* All from the first one on, newest or not */
	census = (struct klp_census) {};
	for (i = 0; i <= KLP_CENSUS_MAX; i++)
		klp_census_add(&census, 10 + 2 * i, 1);
	KUNIT_EXPECT_FALSE(test, klp_census_any(&census, 0, 10));
	KUNIT_EXPECT_TRUE(test, klp_census_any(&census, 0, 11));
	KUNIT_EXPECT_TRUE(test, klp_census_any(&census, 11, 12));
	KUNIT_EXPECT_FALSE(test, klp_census_any(&census, 12, 12));
	KUNIT_EXPECT_FALSE(test, klp_census_any(&census, 12, 11));
	KUNIT_EXPECT_TRUE(test, klp_census_any(&census, UINT_MAX - 1, UINT_MAX));
}

static void census_below_test(struct kunit *test)
{
	struct klp_census census = {};

	KUNIT_EXPECT_EQ(test, klp_census_below(&census, UINT_MAX), 0);

	klp_census_add(&census, 3, 10);
	klp_census_add(&census, 5, 0);
	klp_census_add(&census, 6, 100);
	klp_census_add(&census, UINT_MAX, 1000);

	KUNIT_EXPECT_EQ(test, klp_census_below(&census, 0), 0);
	KUNIT_EXPECT_EQ(test, klp_census_below(&census, 3), 0);
	KUNIT_EXPECT_EQ(test, klp_census_below(&census, 4), 10);
	KUNIT_EXPECT_EQ(test, klp_census_below(&census, 6), 10);
	KUNIT_EXPECT_EQ(test, klp_census_below(&census, 7), 110);
	KUNIT_EXPECT_EQ(test, klp_census_below(&census, UINT_MAX), 110);
}

static struct kunit_case universe_cases[] = {
	KUNIT_CASE(census_order_test),
	KUNIT_CASE(census_max_test),
	KUNIT_CASE(census_full_test),
	KUNIT_CASE(census_any_test),
	KUNIT_CASE(census_any_edges_test),
	KUNIT_CASE(census_below_test),
	{}
};

static struct kunit_suite universe_suite = {
	.name = "livepatch_universe",
	.test_cases = universe_cases,
};

kunit_test_suites(&redirect_suite, &universe_suite);

MODULE_DESCRIPTION("KUnit tests of livepatch");
MODULE_LICENSE("GPL");
