/* SPDX-License-Identifier: MIT */
/*
 * A timer that goes on while the machine is suspended: what came due meanwhile is late by no more than the sleep. It wakes up no
 * machine. What is due within a second is left to the loop's own timer, which costs no call of the system.
 *
 * And who hears that the clock of the machine is set: what waits for a date may be due, or not yet.
 */
#ifndef DAEMON_WAKE_H
#define DAEMON_WAKE_H

#include <stdint.h>

#define WAKE_NEAR_US UINT64_C(1000000)

struct wake {
	int fd; /* readable when it is time; -1: none */
	int clock_fd; /* readable when the clock was set; -1: none */
	uint64_t at_boot_us; /* 0: not armed */
};

/* 0, or -errno where one of them cannot be had; the other works, and without both things are late but not lost. */
int wake_init(struct wake *wake);
void wake_done(struct wake *wake);
/* @left_us from now; UINT64_MAX: never. It may ring once too often. */
void wake_set(struct wake *wake, uint64_t left_us);
/* One of them was readable. */
void wake_take(struct wake *wake);

#endif
