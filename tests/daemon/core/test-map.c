/* SPDX-License-Identifier: MIT */
/* The table against an array, with growth, shrinking and many collisions. */
#include "daemon/core/map.h"

#include <string.h>

#include "daemon/core/retry.h"
#include "tests/lib/run.h"

#define N 3000

static int values[N];

START_TEST(random_against_array)
{
	struct map map = { 0 };
	uint64_t random = 1;
	bool is_there[N] = { 0 };
	size_t n = 0;

	for (unsigned i = 0; i < 200000; i++) {
		/* filled, then emptied, again and again */
		bool is_adding = (i / 20000) % 2 == 0 ? retry_random(&random) % 4 != 0
						      : retry_random(&random) % 4 == 0;
		size_t k = 1 + retry_random(&random) % (N - 1);
		uint64_t key = k << (k % 3 * 20); /* some differ in high bits only */

		if (is_adding) {
			ck_assert_int_eq(map_put(&map, key, &values[k]), 0);
			n += !is_there[k];
			is_there[k] = true;
		} else {
			void *value = map_remove(&map, key);

			if ((value == &values[k]) != is_there[k])
				ck_abort_msg("%zu: removed %p", k, value);
			n -= is_there[k];
			is_there[k] = false;
		}
		if (map.n_used != n || (map_find(&map, key) == &values[k]) != is_there[k])
			ck_abort_msg("%zu: %zu instead of %zu", k, map.n_used, n);
	}
	for (size_t k = 1; k < N; k++)
		if ((map_find(&map, k << (k % 3 * 20)) != NULL) != is_there[k])
			ck_abort_msg("%zu is lost", k);
	map_done(&map);
}
END_TEST

START_TEST(iterates_all_once)
{
	struct map map = { 0 };
	bool seen[100] = { 0 };
	size_t cursor = 0, n = 0;
	int *value;

	ck_assert_ptr_null(map_next(&map, &cursor));
	for (size_t i = 1; i < 100; i++)
		ck_assert_int_eq(map_put(&map, i, &values[i]), 0);
	cursor = 0;
	while ((value = map_next(&map, &cursor))) {
		ck_assert(!seen[value - values]);
		seen[value - values] = true;
		n++;
	}
	ck_assert_uint_eq(n, 99);
	map_done(&map);
}
END_TEST

START_TEST(empty_and_shrinking)
{
	struct map map = { 0 };
	size_t most;

	ck_assert_ptr_null(map_find(&map, 7));
	ck_assert_ptr_null(map_remove(&map, 7));
	for (uint64_t i = 1; i <= 10000; i++)
		ck_assert_int_eq(map_put(&map, i, &values[0]), 0);
	most = map.n_slots;
	for (uint64_t i = 1; i <= 10000; i++)
		ck_assert_ptr_eq(map_remove(&map, i), &values[0]);
	ck_assert_uint_lt(map.n_slots, most / 16);
	map_done(&map);
}
END_TEST

RUN_TESTS("daemon/core/map", TEST(random_against_array), TEST(iterates_all_once),
	TEST(empty_and_shrinking))
