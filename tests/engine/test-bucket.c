/* SPDX-License-Identifier: MIT */
/* The bucket lets through what its rate says, at any rate and any rhythm. */
#include "engine/bucket.h"

#include "tests/lib/run.h"

static const struct {
	uint64_t rate_bps, step_us, piece_bytes;
} cases[] = {
	{ 1000, 50000, 16384 },
	{ 1 << 20, 50000, 16384 },
	{ 1 << 20, 1, 16384 },
	{ 10, 7, 1 },
	{ UINT64_C(1) << 38, 250, 16384 },
};

START_TEST(keeps_the_rate)
{
	struct bucket b = { 0 };
	uint64_t now_us = 5000000, end_us = now_us + 20000000, bytes = 0, want;

	if (cases[_i].step_us < 10)
		end_us = now_us + 2000000;
	bucket_set_rate(&b, cases[_i].rate_bps, now_us);
	for (; now_us < end_us; now_us += cases[_i].step_us) {
		while (bucket_room_bytes(&b, now_us)) {
			uint64_t n = cases[_i].piece_bytes;

			/* large rates: all of the room at once, or this takes for ever */
			if (bucket_room_bytes(&b, now_us) > n)
				n = bucket_room_bytes(&b, now_us);
			bucket_take(&b, n);
			bytes += n;
		}
	}
	want = cases[_i].rate_bps * ((end_us - 5000000) / 1000) / 1000;
	/* in debt by one piece at most */
	ck_assert_uint_le(bytes, want + cases[_i].piece_bytes + cases[_i].rate_bps / 4);
	ck_assert_uint_ge(bytes + cases[_i].rate_bps / 4 + 1, want);
}
END_TEST

START_TEST(no_rate_no_limit)
{
	struct bucket b = { 0 };

	ck_assert_uint_eq(bucket_room_bytes(&b, 1), UINT64_MAX);
	bucket_take(&b, 1 << 30);
	ck_assert_uint_eq(bucket_room_bytes(&b, 2), UINT64_MAX);
	bucket_set_rate(&b, 100, 3);
	ck_assert_uint_eq(bucket_room_bytes(&b, 3), 0);
	bucket_set_rate(&b, 0, 4);
	ck_assert_uint_eq(bucket_room_bytes(&b, 4), UINT64_MAX);
}
END_TEST

START_TEST(a_long_sleep_saves_nothing_up)
{
	struct bucket b = { 0 };

	bucket_set_rate(&b, 1000000, 1);
	ck_assert_uint_le(bucket_room_bytes(&b, UINT64_C(1) << 50), 250000);
}
END_TEST

RUN_TESTS("engine/bucket", TEST_EACH(keeps_the_rate, cases), TEST(no_rate_no_limit),
	TEST(a_long_sleep_saves_nothing_up))
