/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <stdint.h>
#include <string.h>

#include "tests/lib/run.h"

START_TEST(gives_zeroed_aligned_memory)
{
	struct arena arena = { 0 };

	for (size_t size = 1; size < 10000; size = size * 2 + 1) {
		char *p = arena_alloc(&arena, 1, size);

		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq((uintptr_t)p % 16, 0);
		for (size_t i = 0; i < size; i++)
			ck_assert_int_eq(p[i], 0);
		memset(p, 0xff, size);
		p = arena_room(&arena, size);
		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq((uintptr_t)p % 16, 0);
		memset(p, 0xff, size);
	}
	ck_assert_str_eq(arena_strndup(&arena, "abcdef", 3), "abc");
	arena_done(&arena);
	ck_assert_ptr_null(arena.blocks);
	ck_assert_str_eq(arena_strdup(&arena, "again"), "again");
	arena_done(&arena);
}
END_TEST

START_TEST(refuses_sizes_that_overflow)
{
	struct arena arena = { 0 };

	ck_assert_ptr_null(arena_alloc(&arena, SIZE_MAX, 2));
	ck_assert_ptr_null(arena_alloc(&arena, SIZE_MAX / 2, 2));
	ck_assert_ptr_null(arena_alloc(&arena, SIZE_MAX - 8, 1));
	ck_assert_ptr_null(arena_room(&arena, SIZE_MAX));
	arena_done(&arena);
}
END_TEST

RUN_TESTS("base/arena", TEST(gives_zeroed_aligned_memory), TEST(refuses_sizes_that_overflow))
