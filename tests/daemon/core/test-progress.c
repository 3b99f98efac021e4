/* SPDX-License-Identifier: MIT */
/* Averages that follow, fall and start anew; telling at most so often; samples by the second. */
#include "daemon/core/progress.h"

#include "tests/lib/run.h"

#define S UINT64_C(1000000)

START_TEST(average_follows)
{
	struct progress_meter m = { 0 };
	uint64_t bytes = 0, now = 10 * S;

	progress_meter_update(&m, now, 0);
	ck_assert_uint_eq(m.bps, 0);
	for (unsigned i = 0; i < 100; i++)
		progress_meter_update(&m, now += S / 4, bytes += 250000);
	ck_assert_uint_ge(m.bps, 990000);
	ck_assert_uint_le(m.bps, 1010000);
	/* half as fast: there within some windows */
	for (unsigned i = 0; i < 100; i++)
		progress_meter_update(&m, now += S / 4, bytes += 125000);
	ck_assert_uint_ge(m.bps, 490000);
	ck_assert_uint_le(m.bps, 510000);
}
END_TEST

START_TEST(falls_when_quiet)
{
	struct progress_meter m = { 0 };

	progress_meter_update(&m, 10 * S, 0);
	progress_meter_update(&m, 11 * S, 1000000);
	ck_assert_uint_eq(progress_meter_bps(&m, 11 * S), 1000000);
	ck_assert_uint_eq(progress_meter_bps(&m, 12 * S), 1000000);
	ck_assert_uint_lt(progress_meter_bps(&m, 13 * S), 600000);
	ck_assert_uint_eq(progress_meter_bps(&m, 15 * S), 0);
	ck_assert_uint_eq(progress_meter_bps(&m, 1 * S), 1000000);
}
END_TEST

START_TEST(starts_anew)
{
	struct progress_meter m = { 0 };

	progress_meter_update(&m, 10 * S, 5000);
	progress_meter_update(&m, 11 * S, 9000);
	/* an upload that begins again */
	progress_meter_update(&m, 12 * S, 100);
	ck_assert_uint_eq(m.bps, 0);
	progress_meter_update(&m, 13 * S, 1100);
	ck_assert_uint_eq(m.bps, 1000);
	/* too soon to say anything: nothing is lost */
	progress_meter_update(&m, 13 * S + 10, 5000);
	ck_assert_uint_eq(m.bytes, 1100);
}
END_TEST

START_TEST(tells_at_most_so_often)
{
	struct progress_told told = { 0 };
	uint64_t delta = 0, sum = 0;
	unsigned n = 0;

	/* a report each millisecond for ten seconds */
	for (uint64_t ms = 1; ms <= 10000; ms++) {
		if (progress_tell(&told, ms * 1000, 250000, ms * 100, &delta)) {
			n++;
			sum += delta;
		}
	}
	ck_assert_uint_ge(n, 39);
	ck_assert_uint_le(n, 41);
	ck_assert_uint_eq(sum, told.bytes);
	/* nothing moved */
	told.at_us = 0;
	ck_assert(!progress_tell(&told, 20 * S, 250000, told.bytes, &delta));
	/* began again: all of it is new */
	ck_assert(progress_tell(&told, 30 * S, 250000, 7, &delta));
	ck_assert_uint_eq(delta, 7);
	/* not faster than the bound, whatever the client wishes */
	ck_assert(!progress_tell(&told, 30 * S + 50000, 1, 8, &delta));
	ck_assert_uint_eq(told.due_us, 30 * S + 50000 + PROGRESS_QUIET_US);
	ck_assert(progress_tell(&told, 30 * S + 100000, 1, 8, &delta));
	ck_assert_uint_eq(told.due_us, 0);
	/* a long interval: not before it is over; back to what was told: nothing is left */
	ck_assert(!progress_tell(&told, 31 * S, 60 * S, 9, &delta));
	ck_assert_uint_eq(told.due_us, 30 * S + 100000 + 60 * S);
	ck_assert(!progress_tell(&told, 31 * S, 60 * S, 8, &delta));
	ck_assert_uint_eq(told.due_us, 0);
}
END_TEST

START_TEST(samples)
{
	struct progress_samples s = { 0 };
	uint64_t bps[PROGRESS_SAMPLES];

	progress_samples_get(&s, 0, bps);
	ck_assert_uint_eq(bps[0], 0);
	progress_samples_add(&s, 100 * S, 5);
	progress_samples_add(&s, 100 * S + 999999, 6);
	progress_samples_add(&s, 101 * S, 7);
	progress_samples_get(&s, 101 * S, bps);
	ck_assert_uint_eq(bps[PROGRESS_SAMPLES - 1], 11); /* the running second is not in it */
	progress_samples_get(&s, 102 * S, bps);
	ck_assert_uint_eq(bps[PROGRESS_SAMPLES - 1], 7);
	ck_assert_uint_eq(bps[PROGRESS_SAMPLES - 2], 11);
	progress_samples_get(&s, 160 * S, bps);
	ck_assert_uint_eq(bps[0], 11);
	progress_samples_get(&s, 161 * S, bps);
	ck_assert_uint_eq(bps[0], 7);
	progress_samples_get(&s, 162 * S, bps);
	ck_assert_uint_eq(bps[0], 0);
	/* a ring that came round does not show old sums */
	progress_samples_add(&s, (100 + PROGRESS_RING) * S, 3);
	progress_samples_get(&s, (101 + PROGRESS_RING) * S, bps);
	ck_assert_uint_eq(bps[PROGRESS_SAMPLES - 1], 3);
}
END_TEST

RUN_TESTS("daemon/core/progress", TEST(average_follows), TEST(falls_when_quiet), TEST(starts_anew),
	TEST(tells_at_most_so_often), TEST(samples))
