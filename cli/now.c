/* SPDX-License-Identifier: MIT */
/* The commands' only calls of the kernel's clocks. */
#include "cli/now.h"

#include <time.h>

static uint64_t read_us(clockid_t clock)
{
	struct timespec ts = { 0 };

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t now_wall_us(void)
{
	return read_us(CLOCK_REALTIME);
}

uint64_t now_monotonic_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

void now_sleep_us(uint64_t us)
{
	struct timespec ts = { .tv_sec = (time_t)(us / 1000000),
		.tv_nsec = (long)(us % 1000000) * 1000 };

	nanosleep(&ts, NULL);
}
