/* SPDX-License-Identifier: MIT */
/*
 * The soak of sessions that live in memory: how many tasks, and the test that runs them. Clients come, go and are killed;
 * one stays through all of it.
 */
#ifndef TESTS_SOAK_LIVE_H
#define TESTS_SOAK_LIVE_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/soak/sample.h"
#include "tests/system/rig.h"

#define LIVE_PHASES  10
#define LIVE_COMERS  3
#define LIVE_FLIGHT  64 /* tasks of a client at once */
#define LIVE_TASKS   100000
#define LIVE_MESSAGE 200
#define SLOW_S       20

/* in memory that all processes share */
struct live_books {
	_Atomic unsigned n_ended, n_cancelled, n_wrong, n_twice;
	struct sample stayer[LIVE_PHASES]; /* of the client that stays, after each phase */
	_Atomic bool has_message;
	char message[LIVE_MESSAGE]; /* about the first that went wrong */
};

struct live_shift {
	struct live_books *books;
	const char *base;
	uint64_t seed;
	unsigned n_tasks; /* of a phase */
	unsigned kill_after; /* so many ends; 0: it leaves when all have ended */
	bool is_slow; /* its delegate takes its time */
	int parent_fds[2]; /* the other ends, that it inherits */
	int go_fd, done_fd; /* -1: one phase; else one for each byte, until the end of the pipe */
};

extern unsigned soak_live_tasks, soak_live_phases;
const TTest *soak_live_test(void);

/* a reader that takes its time, for so many seconds */
extern unsigned soak_slow_s;
const TTest *soak_slow_test(void);

/* For rig_fork(), user is the shift. */
void live_client(struct rig *rig, void *user);

#endif
