/* SPDX-License-Identifier: MIT */
/* Averages of a running task and when its progress is told. Pure. */
#ifndef CORE_PROGRESS_H
#define CORE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_INTERVAL_MIN_US UINT64_C(100000)
#define PROGRESS_QUIET_US        UINT64_C(300000) /* what moves has been heard of again until then */
#define PROGRESS_WINDOW_US       UINT64_C(4000000) /* time constant of the average */

/* One direction of one task. Zero-initialise. */
struct progress_meter {
	uint64_t at_us, bytes; /* of the last sample; at_us 0: none */
	uint64_t bps;
};

/* bytes is the counter, not the difference; a counter that went back starts anew. */
void progress_meter_update(struct progress_meter *meter, uint64_t now_us, uint64_t bytes);
/* The average as it is now: falls towards 0 when nothing more came. */
uint64_t progress_meter_bps(const struct progress_meter *meter, uint64_t now_us);

/* What was told of a task. Zero-initialise. */
struct progress_told {
	uint64_t at_us, bytes;
	uint64_t due_us; /* something came too soon to be told and waits until then; 0: nothing */
};
/*
 * True when interval_us has passed and bytes moved; then it counts as told and ret_delta says how
 * many came since. What comes too soon is due when the interval is over and nothing has followed it:
 * it could be the last for long.
 */
bool progress_tell(struct progress_told *told, uint64_t now_us, uint64_t interval_us,
	uint64_t bytes, uint64_t *ret_delta);

#define PROGRESS_SAMPLES 60
#define PROGRESS_RING    64 /* the running second and some room */
/* Bytes of the last minute in one-second samples. Zero-initialise. */
struct progress_samples {
	uint64_t second[PROGRESS_RING], bytes[PROGRESS_RING];
};
void progress_samples_add(struct progress_samples *samples, uint64_t now_us, uint64_t bytes);
/* Oldest first; the running second is not in it. */
void progress_samples_get(const struct progress_samples *samples, uint64_t now_us,
	uint64_t ret_bps[PROGRESS_SAMPLES]);

#endif
