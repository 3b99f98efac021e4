/* SPDX-License-Identifier: MIT */
/* What is given back is gone from the resident set, and everything works on. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "tests/lib/run.h"

#define N_BLOCKS    4096
#define BLOCK_BYTES 8192

static size_t resident_bytes(void)
{
	unsigned long size, resident;
	FILE *f = fopen("/proc/self/statm", "re");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%lu %lu", &size, &resident), 2);
	fclose(f);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

START_TEST(gives_back)
{
	static char *blocks[N_BLOCKS];
	size_t full;

	for (size_t i = 0; i < N_BLOCKS; i++) {
		blocks[i] = malloc(BLOCK_BYTES);
		ck_assert_ptr_nonnull(blocks[i]);
		memset(blocks[i], (int)i, BLOCK_BYTES);
	}
	full = resident_bytes();
	for (size_t i = 0; i < N_BLOCKS - 1; i++) /* the last pins the top of the heap */
		free(blocks[i]);
	memory_give_back();
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	ck_assert_uint_lt(resident_bytes(), full - N_BLOCKS * BLOCK_BYTES / 2);
#endif
	ck_assert_uint_gt(full, 0);
	ck_assert_int_eq(blocks[N_BLOCKS - 1][BLOCK_BYTES - 1], (char)(N_BLOCKS - 1));
	free(blocks[N_BLOCKS - 1]);
	for (int i = 0; i < 3; i++)
		memory_give_back();
}
END_TEST

/* Where the heap ends tells, not what is resident: that depends on others, too. */
START_TEST(keeps_what_is_free_until_then)
{
	static char *blocks[N_BLOCKS / 32];
	const char *end;

	memory_keep();
	for (size_t i = 0; i < N_BLOCKS / 32; i++) {
		blocks[i] = malloc(BLOCK_BYTES);
		ck_assert_ptr_nonnull(blocks[i]);
	}
	end = sbrk(0);
	for (size_t i = 0; i < N_BLOCKS / 32; i++)
		free(blocks[i]);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	ck_assert_ptr_eq(sbrk(0), end);
	memory_give_back();
	ck_assert_uint_lt((uintptr_t)sbrk(0), (uintptr_t)end);
#else
	(void)end;
#endif
}
END_TEST

RUN_TESTS("base/memory", TEST(gives_back), TEST(keeps_what_is_free_until_then))
