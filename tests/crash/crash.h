/* SPDX-License-Identifier: MIT */
/* What the parts of the crash harness share: the workload, its journal, and one batch of it. */
#ifndef TESTS_CRASH_CRASH_H
#define TESTS_CRASH_CRASH_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/system/rig.h"

#define CRASH_DOWNLOADS 20
#define CRASH_UPLOADS   5
#define CRASH_TASKS     (CRASH_DOWNLOADS + CRASH_UPLOADS)

/* when the client kills itself: inside the n-th callback of this kind; at NULL: never */
struct crash_death {
	const char *at;
	unsigned nth;
};

/* one batch: its own folder, daemon and tasks */
struct crash_batch {
	struct rig rig;
	unsigned number;
	uint64_t seed;
	const char *journal;
	const char *out; /* where every second download has its destination; NULL: none has */
	struct crash_death death;
};

/* what a client found in the journal of the clients before it */
struct crash_journal {
	bool created;
	unsigned n_ghosts; /* tasks that nobody made */
	unsigned n_again; /* events that a dead client had handled and not acknowledged */
	uint64_t ids[CRASH_TASKS]; /* 0: not made */
	unsigned n_done[CRASH_TASKS];
	unsigned n_file
		[CRASH_TASKS]; /* file of a download, answer of an upload: handled and right */
	unsigned n_bad[CRASH_TASKS];
	int code[CRASH_TASKS];
};

/* two of the five uploads go on where the server is; an empty one cannot */
bool crash_is_resumable(const struct crash_batch *batch, unsigned task);
uint64_t crash_size(const struct crash_batch *batch, unsigned task);
uint64_t crash_seed(const struct crash_batch *batch, unsigned task);
/* the origin's counters are kept under this name */
void crash_key(const struct crash_batch *batch, unsigned task, char key[32]);
/* to be freed; NULL: the file is handed over */
char *crash_destination(const struct crash_batch *batch, unsigned task);

void crash_journal_read(const char *path, struct crash_journal *ret_journal);
/* The client's whole life; for rig_fork(), user is the batch. Exit code 0: every task has ended. */
void crash_client(struct rig *rig, void *user);

#endif
