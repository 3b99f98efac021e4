/* SPDX-License-Identifier: MIT */
/* Time for the commands, in microseconds. */
#ifndef CLI_NOW_H
#define CLI_NOW_H

#include <stdint.h>

uint64_t now_wall_us(void); /* since the epoch */
uint64_t now_monotonic_us(void); /* monotonic */
void now_sleep_us(uint64_t us); /* a signal ends it early */

#endif
