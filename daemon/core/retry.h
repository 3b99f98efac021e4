/* SPDX-License-Identifier: MIT */
/* When a failed attempt is worth another one, and after how long. Pure. */
#ifndef CORE_RETRY_H
#define CORE_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#define RETRY_FIRST_US UINT64_C(1000000)
#define RETRY_MAX_US   (UINT64_C(600) * 1000000)
#define RETRY_FLOOR_MAX_US \
	(UINT64_C(24) * 3600 * 1000000) /* a longer Retry-After is not believed */
#define RETRY_DISK_US (UINT64_C(30) * 1000000)

/*
 * retry_delay_us - back-off after a failed attempt
 * @n_failures: failed attempts since the last progress, this one included (1 …)
 * @retry_after_us: the server's wish, a floor; 0: none
 * @random: any number; gives the jitter
 */
uint64_t retry_delay_us(uint32_t n_failures, uint64_t retry_after_us, uint64_t random);

/* 408, 429 and 5xx: statuses that go away; retried only where the session or task asked for it. */
bool retry_is_wanted_status(uint16_t status);

/* A small generator for the jitter: the state goes on. */
uint64_t retry_random(uint64_t *state);

#endif
