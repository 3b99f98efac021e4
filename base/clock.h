/* SPDX-License-Identifier: MIT */
/*
 * The only place in daemon and library that asks the kernel for the time. Units: microseconds.
 * Intervals use the monotonic clock, limits that must count a suspended machine use boot time,
 * and wall time is for people, HTTP dates and what survives a reboot. Core never calls these: it is given `now`.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_US_PER_MS UINT64_C(1000)
#define CLOCK_US_PER_S  UINT64_C(1000000)

/* The three clocks read at one instant; handed down to everything pure. */
struct clock_now {
	uint64_t now_us; /* CLOCK_MONOTONIC */
	uint64_t boot_us; /* CLOCK_BOOTTIME */
	uint64_t wall_us; /* since the epoch */
};

struct clock_now clock_now(void);
uint64_t clock_now_us(void);
uint64_t clock_boot_us(void);
uint64_t clock_wall_us(void);
/* Wall time as the kernel stamps files with it: a tick behind, but never ahead of what is written later. */
uint64_t clock_file_wall_us(void);

static inline uint64_t clock_earlier_us(uint64_t a_us, uint64_t b_us)
{
	return a_us < b_us ? a_us : b_us;
}

#endif
