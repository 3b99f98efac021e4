/* SPDX-License-Identifier: MIT */
/*
 * A token bucket that may go into debt: bytes that have arrived are always taken, and the next
 * ones wait until the debt is paid. Pure; used by one thread.
 */
#ifndef ENGINE_BUCKET_H
#define ENGINE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
	uint64_t rate_bps; /* 0: no limit */
	int64_t tokens_bytes;
	uint64_t filled_us;
};

void bucket_set_rate(struct bucket *bucket, uint64_t rate_bps, uint64_t now_us);
/* How many bytes may go now; UINT64_MAX without a limit. */
uint64_t bucket_room_bytes(struct bucket *bucket, uint64_t now_us);
void bucket_take(struct bucket *bucket, uint64_t bytes);

static inline bool bucket_is_limited(const struct bucket *bucket)
{
	return bucket->rate_bps != 0;
}

#endif
