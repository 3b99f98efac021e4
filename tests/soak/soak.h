/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the soak share: the books of all tasks, in memory that outlives each client, and the life of one
 * client ("shift").
 */
#ifndef TESTS_SOAK_SOAK_H
#define TESTS_SOAK_SOAK_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/system/rig.h"

#define SOAK_SESSIONS   4
#define SOAK_TASKS_MAX  400000
#define SOAK_SHIFTS_MAX 20000
#define SOAK_SOURCES    6

enum soak_kind {
	SOAK_DOWNLOAD, /* handed over */
	SOAK_PLACED, /* put where it was asked for */
	SOAK_UPLOAD,
};

/* one row per task, by its number; written by the client that made it or was told about it */
struct soak_task {
	uint64_t seed, size_bytes;
	enum soak_kind kind;
	int code;
	uint16_t session;
	uint16_t told_in_shift; /* when it ended */
	uint16_t made_in_shift, place; /* SOAK_PLACED: which file */
	uint16_t n_done, n_file, n_bad, n_double, n_again;
	bool is_made, is_resumable, is_faulty, is_cancelled, must_fail, is_judged;
};

struct soak_books {
	struct soak_task tasks[SOAK_TASKS_MAX];
	unsigned n_made[SOAK_SESSIONS], n_ended[SOAK_SESSIONS];
	bool has_left
		[SOAK_SHIFTS_MAX]; /* this client did not stay to the end: what it handled may be told again */
	unsigned n_ghosts; /* told about tasks that nobody made */
	char *sources[SOAK_SOURCES]; /* set before the first client */
};

struct soak_shift {
	struct soak_books *books;
	unsigned number, session, n_tasks;
	unsigned fault_permille;
	unsigned leave_after; /* go after so many ends; 0: stay until the last of the session */
	bool is_killed; /* leave without a word */
	uint64_t seed;
	unsigned patience_ms;
};

uint64_t soak_source_bytes(unsigned source);
/* where a task of SOAK_PLACED has its file; to be freed */
char *soak_place(unsigned shift, unsigned place);
/* For rig_fork(), user is the shift. Exit code 0: it ended as planned; 2: tasks did not end. */
void soak_client(struct rig *rig, void *user);

#endif
