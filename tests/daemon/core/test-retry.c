/* SPDX-License-Identifier: MIT */
/* Back-off, its jitter, the server's wish, and which statuses are tried again. */
#include "daemon/core/retry.h"

#include "tests/lib/run.h"

#define S UINT64_C(1000000)

static const struct {
	uint32_t n_failures;
	uint64_t want_us;
} steps[] = {
	{ 1, 1 * S },
	{ 2, 2 * S },
	{ 3, 4 * S },
	{ 4, 8 * S },
	{ 10, 512 * S },
	{ 11, 600 * S },
	{ 12, 600 * S },
	{ 64, 600 * S },
	{ UINT32_MAX, 600 * S },
	{ 0, 1 * S },
};

START_TEST(doubles_with_jitter)
{
	uint64_t random = 5, least = UINT64_MAX, most = 0, sum = 0;

	for (unsigned i = 0; i < 2000; i++) {
		uint64_t us = retry_delay_us(steps[_i].n_failures, 0, retry_random(&random));

		least = us < least ? us : least;
		most = us > most ? us : most;
		sum += us;
	}
	ck_assert_uint_ge(least, steps[_i].want_us * 8 / 10);
	ck_assert_uint_le(most, steps[_i].want_us * 12 / 10);
	/* it is spread, around the middle */
	ck_assert_uint_lt(least, steps[_i].want_us * 82 / 100);
	ck_assert_uint_gt(most, steps[_i].want_us * 118 / 100);
	ck_assert_uint_gt(sum / 2000, steps[_i].want_us * 98 / 100);
	ck_assert_uint_lt(sum / 2000, steps[_i].want_us * 102 / 100);
}
END_TEST

START_TEST(retry_after_is_a_floor)
{
	ck_assert_uint_eq(retry_delay_us(1, 30 * S, 0), 30 * S);
	ck_assert_uint_ge(retry_delay_us(11, 30 * S, 0), 480 * S);
	ck_assert_uint_eq(retry_delay_us(1, 90 * 24 * 3600 * S, 7), 24 * 3600 * S);
	ck_assert_uint_eq(retry_delay_us(1, UINT64_MAX, 7), 24 * 3600 * S);
}
END_TEST

static const struct {
	uint16_t status;
	bool want;
} statuses[] = {
	{ 200, false },
	{ 206, false },
	{ 304, false },
	{ 400, false },
	{ 404, false },
	{ 407, false },
	{ 408, true },
	{ 409, false },
	{ 428, false },
	{ 429, true },
	{ 430, false },
	{ 499, false },
	{ 500, true },
	{ 503, true },
	{ 599, true },
	{ 600, false },
	{ 0, false },
};

START_TEST(status)
{
	ck_assert_int_eq(retry_is_wanted_status(statuses[_i].status), statuses[_i].want);
}
END_TEST

RUN_TESTS("daemon/core/retry", TEST_EACH(doubles_with_jitter, steps), TEST(retry_after_is_a_floor),
	TEST_EACH(status, statuses))
