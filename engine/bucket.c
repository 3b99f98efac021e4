/* SPDX-License-Identifier: MIT */
/*
 * Tokens come with time, at most a quarter of a second's worth is kept, so a limit has no burst
 * worth the name.
 */
#include "engine/bucket.h"

#include "base/clock.h"

#define BUCKET_RATE_MAX_BPS   (UINT64_C(1) << 40)
#define BUCKET_KEPT_PER_S     4
#define BUCKET_KEPT_MIN_BYTES 1024

static int64_t capacity(const struct bucket *b)
{
	uint64_t kept = b->rate_bps / BUCKET_KEPT_PER_S;

	return (int64_t)(kept > BUCKET_KEPT_MIN_BYTES ? kept : BUCKET_KEPT_MIN_BYTES);
}

void bucket_set_rate(struct bucket *bucket, uint64_t rate_bps, uint64_t now_us)
{
	if (rate_bps > BUCKET_RATE_MAX_BPS)
		rate_bps = 0;
	if (rate_bps == bucket->rate_bps)
		return;
	bucket->rate_bps = rate_bps;
	bucket->tokens_bytes = 0;
	bucket->filled_us = now_us;
}

static void fill(struct bucket *b, uint64_t now_us)
{
	uint64_t passed_us = now_us - b->filled_us, bytes;

	/* in steps that make rounding to whole bytes and microseconds small */
	if (passed_us < CLOCK_US_PER_MS)
		return;
	if (passed_us > CLOCK_US_PER_S) {
		passed_us = CLOCK_US_PER_S;
		b->filled_us = now_us - passed_us;
	}
	bytes = b->rate_bps * passed_us / CLOCK_US_PER_S;
	if (!bytes)
		return;
	/* only the time that these bytes took is used up: slow rates lose nothing to rounding */
	b->filled_us += bytes * CLOCK_US_PER_S / b->rate_bps;
	b->tokens_bytes += (int64_t)bytes;
	if (b->tokens_bytes > capacity(b))
		b->tokens_bytes = capacity(b);
}

uint64_t bucket_room_bytes(struct bucket *bucket, uint64_t now_us)
{
	if (!bucket->rate_bps)
		return UINT64_MAX;
	fill(bucket, now_us);
	return bucket->tokens_bytes > 0 ? (uint64_t)bucket->tokens_bytes : 0;
}

void bucket_take(struct bucket *bucket, uint64_t bytes)
{
	if (bucket->rate_bps)
		bucket->tokens_bytes -= (int64_t)bytes;
}
