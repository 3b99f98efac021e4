/* SPDX-License-Identifier: MIT */
/* Reads the kernel's clocks in microseconds. */
#include "base/clock.h"

#include <time.h>

static uint64_t read_us(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * CLOCK_US_PER_S + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t clock_now_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

uint64_t clock_boot_us(void)
{
	return read_us(CLOCK_BOOTTIME);
}

uint64_t clock_wall_us(void)
{
	return read_us(CLOCK_REALTIME);
}

uint64_t clock_file_wall_us(void)
{
	return read_us(CLOCK_REALTIME_COARSE);
}

struct clock_now clock_now(void)
{
	return (struct clock_now){
		.now_us = clock_now_us(),
		.boot_us = clock_boot_us(),
		.wall_us = clock_wall_us(),
	};
}
