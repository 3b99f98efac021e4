/* SPDX-License-Identifier: MIT */
/* An exponential average over about four seconds, in integers, and a ring of one-second sums. */
#include "daemon/core/progress.h"

#include "base/clock.h"

void progress_meter_update(struct progress_meter *meter, uint64_t now_us, uint64_t bytes)
{
	uint64_t passed_us, sample_bps, weight_us;

	if (!meter->at_us || bytes < meter->bytes || now_us < meter->at_us) {
		*meter = (struct progress_meter){ .at_us = now_us ? now_us : 1, .bytes = bytes };
		return;
	}
	passed_us = now_us - meter->at_us;
	if (passed_us < 10 * CLOCK_US_PER_MS)
		return;
	sample_bps = (uint64_t)((double)(bytes - meter->bytes) * 1e6 / (double)passed_us);
	weight_us = passed_us < PROGRESS_WINDOW_US ? passed_us : PROGRESS_WINDOW_US;
	if (!meter->bps)
		weight_us = PROGRESS_WINDOW_US;
	if (sample_bps >= meter->bps)
		meter->bps += (uint64_t)((double)(sample_bps - meter->bps) * (double)weight_us /
			PROGRESS_WINDOW_US);
	else
		meter->bps -= (uint64_t)((double)(meter->bps - sample_bps) * (double)weight_us /
			PROGRESS_WINDOW_US);
	meter->at_us = now_us;
	meter->bytes = bytes;
}

uint64_t progress_meter_bps(const struct progress_meter *meter, uint64_t now_us)
{
	uint64_t quiet_us = now_us > meter->at_us ? now_us - meter->at_us : 0;

	if (quiet_us <= CLOCK_US_PER_S)
		return meter->bps;
	if (quiet_us >= PROGRESS_WINDOW_US)
		return 0;
	return (uint64_t)((double)meter->bps * (double)(PROGRESS_WINDOW_US - quiet_us) /
		PROGRESS_WINDOW_US);
}

bool progress_tell(struct progress_told *told, uint64_t now_us, uint64_t interval_us,
	uint64_t bytes, uint64_t *ret_delta)
{
	if (interval_us < PROGRESS_INTERVAL_MIN_US)
		interval_us = PROGRESS_INTERVAL_MIN_US;
	told->due_us = 0;
	if (bytes == told->bytes)
		return false;
	if (told->at_us && now_us - told->at_us < interval_us) {
		told->due_us = told->at_us + interval_us;
		if (told->due_us < now_us + PROGRESS_QUIET_US)
			told->due_us = now_us + PROGRESS_QUIET_US;
		return false;
	}
	*ret_delta = bytes > told->bytes ? bytes - told->bytes : bytes;
	told->at_us = now_us ? now_us : 1;
	told->bytes = bytes;
	return true;
}

void progress_samples_add(struct progress_samples *samples, uint64_t now_us, uint64_t bytes)
{
	uint64_t second = now_us / CLOCK_US_PER_S + 1;
	size_t i = second % PROGRESS_RING;

	if (samples->second[i] != second) {
		samples->second[i] = second;
		samples->bytes[i] = 0;
	}
	samples->bytes[i] += bytes;
}

void progress_samples_get(
	const struct progress_samples *samples, uint64_t now_us, uint64_t ret_bps[PROGRESS_SAMPLES])
{
	uint64_t second = now_us / CLOCK_US_PER_S + 1;

	for (size_t i = 0; i < PROGRESS_SAMPLES; i++) {
		uint64_t ago = PROGRESS_SAMPLES - i, wanted = second > ago ? second - ago : 0;
		size_t slot = wanted % PROGRESS_RING;

		ret_bps[i] = wanted && samples->second[slot] == wanted ? samples->bytes[slot] : 0;
	}
}
