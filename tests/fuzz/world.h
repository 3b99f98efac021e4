/* SPDX-License-Identifier: MIT */
/*
 * The daemon without bus and network, for targets: the real store in a folder in memory and the real flow; the engine does what the
 * target says. One world serves all runs of a process; each run begins with an empty database.
 */
#ifndef TESTS_FUZZ_WORLD_H
#define TESTS_FUZZ_WORLD_H

#include "base/clock.h"
#include "daemon/flow.h"
#include "daemon/store/store-private.h"
#include "tests/lib/fake-engine.h"

#define WORLD_START_US UINT64_C(1000000)

struct world {
	struct store *store;
	struct engine *engine;
	struct flow *flow;
	struct clock_now now;
	char state_dir[300], spool_dir[300];
};

/* Folders only; once. */
void world_init(struct world *world);
/* Opens (or makes) the database; nothing else runs. Must succeed unless ret_report is wanted. */
int world_open(struct world *world, struct store_report *ret_report);
void world_close(struct world *world);
/* Every row goes, ids begin with 1 again. */
void world_empty(struct world *world);
/* A new engine and a new flow over what the database says. What flow_start() says. */
int world_start(struct world *world, const struct flow_observer *observer, void *user);
void world_stop(struct world *world); /* the database stays open */

/* One turn with what the engine has to report; what its end says. */
int world_turn(struct world *world);
/* Turns until nothing is due at once. Too many are a defect. The first error ends it. */
int world_settle(struct world *world);
void world_pass(struct world *world, uint64_t us);
/* Each attempt and each job of the engine has an end, good or bad as the bits say. */
void world_report(struct world *world, uint8_t bits);
/*
 * Everything that clients may ask for: lists, statistics, each of the first n_looks tasks, the session's events, questions and cookies.
 * The first error that is none of a single row. ret_n: tasks that were listed.
 */
int world_look(struct world *world, uint64_t session, uint64_t n_looks, size_t *ret_n);
void world_sql_of(sqlite3 *db, const char *sql);
void world_sql(struct world *world, const char *sql);

#endif
