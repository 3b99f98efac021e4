/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <stdio.h>
#include <sys/stat.h>

#include "tests/lib/run.h"

START_TEST(moves_forward)
{
	struct clock_now a = clock_now(), b = clock_now();

	ck_assert_uint_gt(a.now_us, 0);
	ck_assert_uint_ge(b.now_us, a.now_us);
	ck_assert_uint_ge(b.boot_us, a.boot_us);
	ck_assert_uint_ge(a.boot_us + CLOCK_US_PER_S, a.now_us);
	ck_assert_uint_gt(a.wall_us, UINT64_C(1600000000) * CLOCK_US_PER_S);
	ck_assert_uint_lt(clock_wall_us() - a.wall_us, 10 * CLOCK_US_PER_S);
}
END_TEST

/* a file is never stamped with a time before one that was read before it was written */
START_TEST(agrees_with_the_clock_of_files)
{
	uint64_t before_us = clock_file_wall_us(), stamp_us;
	FILE *f = tmpfile();
	struct stat st;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fputc('x', f), 'x');
	ck_assert_int_eq(fflush(f), 0);
	ck_assert_int_eq(fstat(fileno(f), &st), 0);
	stamp_us = (uint64_t)st.st_mtim.tv_sec * CLOCK_US_PER_S +
		(uint64_t)st.st_mtim.tv_nsec / 1000;
	ck_assert_uint_ge(stamp_us, before_us);
	ck_assert_uint_le(before_us, clock_wall_us());
	fclose(f);
}
END_TEST

RUN_TESTS("base/clock", TEST(moves_forward), TEST(agrees_with_the_clock_of_files))
