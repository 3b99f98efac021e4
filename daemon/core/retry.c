/* SPDX-License-Identifier: MIT */
/*
 * 1 s, doubling to 10 min, ±20 % so that clients which failed together do not come back together.
 */
#include "daemon/core/retry.h"

uint64_t retry_delay_us(uint32_t n_failures, uint64_t retry_after_us, uint64_t random)
{
	uint64_t delay_us = RETRY_FIRST_US, spread_us;

	for (uint32_t i = 1; i < n_failures && delay_us < RETRY_MAX_US; i++)
		delay_us *= 2;
	if (delay_us > RETRY_MAX_US)
		delay_us = RETRY_MAX_US;
	spread_us = delay_us * 2 / 5;
	delay_us = delay_us - spread_us / 2 + random % (spread_us + 1);
	if (retry_after_us > RETRY_FLOOR_MAX_US)
		retry_after_us = RETRY_FLOOR_MAX_US;
	return delay_us < retry_after_us ? retry_after_us : delay_us;
}

bool retry_is_wanted_status(uint16_t status)
{
	return status == 408 || status == 429 || (status >= 500 && status <= 599);
}

uint64_t retry_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}
