/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

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

RUN_TESTS("base/clock", TEST(moves_forward))
