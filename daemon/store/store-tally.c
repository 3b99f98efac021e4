/* SPDX-License-Identifier: MIT */
/*
 * Counts that nobody has to count: tasks per session and state, events per session, queued tasks per lane.
 * A turn gathers its changes in memory and writes one row per session, state and lane just before it commits, so a thousand new
 * tasks cost one update and a start reads no queue. The rows change in the same transaction as the tasks: they cannot disagree.
 */
#include "daemon/store/store-private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <transfer/error.h>

#include "base/err.h"
#include "base/hash.h"

struct store_tally_change {
	struct {
		uint64_t session;
		uint64_t what;
	} key;
	int64_t n;
	bool is_unlisted;
	UT_hash_handle hh;
};

struct store_lane_change {
	uint64_t lane;
	int64_t n;
	bool is_unlisted;
	UT_hash_handle hh;
};

enum {
	TALLY_ADD,
	TALLY_PUT,
	TALLY_LANE_ADD,
	TALLY_SESSION,
	TALLY_ALL,
	TALLY_FORGET,
	TALLY_COUNT,
	TALLY_COUNT_ENDS,
	TALLY_COUNT_EVENTS,
	TALLY_COUNT_LANES,
};

static const char *const texts[] = {
	[TALLY_ADD] = "UPDATE tally SET n = max(0, n + ?3) WHERE session = ?1 AND what = ?2",
	[TALLY_PUT] = "INSERT INTO tally(session, what, n) VALUES (?1, ?2, max(0, ?3))",
	[TALLY_LANE_ADD] = "UPDATE lane SET n_queued = max(0, n_queued + ?2) WHERE id = ?1",
	[TALLY_SESSION] = "SELECT what, n FROM tally WHERE session = ?1",
	[TALLY_ALL] =
		"SELECT what, sum(min(n, 1000000000000)) FROM tally /* scan: ten rows a session */ GROUP BY what",
	/* from scratch, after a row was dropped that could not say what it counted as */
	[TALLY_FORGET] = "DELETE FROM tally /* scan: after damage */",
	[TALLY_COUNT] =
		"INSERT INTO tally(session, what, n) SELECT t.session, t.state, count(*)"
		" FROM task AS t /* scan: after damage */ JOIN session AS s ON s.id = t.session"
		" WHERE t.state BETWEEN 0 AND 6 GROUP BY t.session, t.state",
	[TALLY_COUNT_ENDS] =
		"INSERT INTO tally(session, what, n) SELECT t.session,"
		" CASE t.result_code WHEN -999 THEN 9 ELSE 7 END AS what, count(*)"
		" FROM task AS t /* scan: after damage */ JOIN session AS s ON s.id = t.session"
		" WHERE t.state = 6 AND t.result_code <> 0 GROUP BY t.session, what",
	[TALLY_COUNT_EVENTS] =
		"INSERT INTO tally(session, what, n) SELECT e.session, 8,"
		" sum(CASE WHEN e.n IN (2, 3) THEN e.n ELSE 1 END)"
		" FROM event AS e /* scan: after damage */ JOIN session AS s ON s.id = e.session"
		" GROUP BY e.session",
	[TALLY_COUNT_LANES] =
		"UPDATE lane /* scan: after damage */ SET n_queued = (SELECT count(*) FROM task"
		" WHERE task.lane = lane.id AND task.state = 1)",
};

const struct store_statements store_tally_statements = {
	.texts = texts,
	.n = sizeof(texts) / sizeof(texts[0]),
};

static sqlite3_stmt *get(struct store *store, int index)
{
	return store_statement(store, STORE_NOUN_TALLY, index)->stmt;
}

int store_tally_add(struct store *store, uint64_t session, unsigned what, int64_t n)
{
	struct store_tally_change *change, probe;

	memset(&probe, 0, sizeof(probe));
	probe.key.session = session;
	probe.key.what = what;
	HASH_FIND(hh, store->tally_changes, &probe.key, sizeof(probe.key), change);
	if (!change) {
		change = calloc(1, sizeof(*change));
		if (!change)
			return err_raise(-ENOMEM);
		change->key = probe.key;
		HASH_ADD(hh, store->tally_changes, key, sizeof(change->key), change);
		if (change->is_unlisted) {
			free(change);
			return err_raise(-ENOMEM);
		}
	}
	change->n += n;
	return 0;
}

int store_tally_add_lane(struct store *store, uint64_t lane, int64_t n_queued)
{
	struct store_lane_change *change;

	HASH_FIND(hh, store->lane_changes, &lane, sizeof(lane), change);
	if (!change) {
		change = calloc(1, sizeof(*change));
		if (!change)
			return err_raise(-ENOMEM);
		change->lane = lane;
		HASH_ADD(hh, store->lane_changes, lane, sizeof(lane), change);
		if (change->is_unlisted) {
			free(change);
			return err_raise(-ENOMEM);
		}
	}
	change->n += n_queued;
	return 0;
}

int store_tally_task(struct store *store, const struct store_standing *standing, int64_t n)
{
	int r = store_tally_add(store, standing->session, standing->state, n);

	if (r == 0 && standing->state == TASK_STATE_COMPLETED && standing->result_code)
		r = store_tally_add(store, standing->session,
			standing->result_code == TRANSFER_ERROR_CANCELLED ? STORE_TALLY_CANCELLED
									  : STORE_TALLY_FAILED,
			n);
	if (r == 0 && standing->state == TASK_STATE_QUEUED)
		r = store_tally_add_lane(store, standing->lane, n);
	return r;
}

static int write_tally(struct store *store, int index, const struct store_tally_change *change)
{
	sqlite3_stmt *stmt = get(store, index);

	store_bind_u64(stmt, 1, change->key.session);
	store_bind_u64(stmt, 2, change->key.what);
	sqlite3_bind_int64(stmt, 3, change->n);
	return store_run(store, stmt);
}

static int write_tallies(struct store *store)
{
	struct store_tally_change *change, *next;

	HASH_ITER (hh, store->tally_changes, change, next) {
		int r = 0;

		if (change->n)
			r = write_tally(store, TALLY_ADD, change);
		if (r == 0 && change->n && !sqlite3_changes(store->db))
			r = write_tally(store, TALLY_PUT, change);
		if (r)
			return r;
		HASH_DEL(store->tally_changes, change);
		free(change);
	}
	return 0;
}

static int write_lanes(struct store *store)
{
	struct store_lane_change *change, *next;

	HASH_ITER (hh, store->lane_changes, change, next) {
		sqlite3_stmt *stmt = get(store, TALLY_LANE_ADD);
		int r = 0;

		if (change->n) {
			store_bind_u64(stmt, 1, change->lane);
			sqlite3_bind_int64(stmt, 2, change->n);
			r = store_run(store, stmt);
		}
		if (r)
			return r;
		HASH_DEL(store->lane_changes, change);
		free(change);
	}
	return 0;
}

int store_tally_flush(struct store *store)
{
	int r = write_tallies(store);

	if (r == 0)
		r = write_lanes(store);
	/* what is there is no count that can be added to: counted anew, with what this turn has written */
	return r == -EINVAL ? store_tally_recount(store) : r;
}

void store_tally_drop(struct store *store)
{
	struct store_tally_change *change, *next;
	struct store_lane_change *lane_change, *next_lane;

	HASH_ITER (hh, store->tally_changes, change, next) {
		HASH_DEL(store->tally_changes, change);
		free(change);
	}
	HASH_ITER (hh, store->lane_changes, lane_change, next_lane) {
		HASH_DEL(store->lane_changes, lane_change);
		free(lane_change);
	}
}

int store_tally_recount(struct store *store)
{
	static const int steps[] = { TALLY_FORGET, TALLY_COUNT, TALLY_COUNT_ENDS,
		TALLY_COUNT_EVENTS, TALLY_COUNT_LANES };
	int r = 0;

	store_tally_drop(store);
	for (size_t i = 0; r == 0 && i < sizeof(steps) / sizeof(steps[0]); i++)
		r = store_run(store, get(store, steps[i]));
	return r;
}

/* The session's counts, or everybody's for session 0. */
int store_tally_load(struct store *store, uint64_t session, uint64_t ret_n[STORE_N_TALLIES])
{
	sqlite3_stmt *stmt = get(store, session ? TALLY_SESSION : TALLY_ALL);
	uint64_t what, n;
	int r = store_tally_flush(store);

	memset(ret_n, 0, STORE_N_TALLIES * sizeof(ret_n[0]));
	if (r)
		return r;
	if (session)
		store_bind_u64(stmt, 1, session);
	while ((r = store_step(store, stmt)) == 0) {
		if (store_read_u64(stmt, 0, &what) == 0 && store_read_u64(stmt, 1, &n) == 0 &&
			what < STORE_N_TALLIES)
			ret_n[what] = n;
	}
	return r == STORE_E_NOT_FOUND ? 0 : r;
}

int store_counts(struct store *store, struct store_counts *ret_counts)
{
	uint64_t n[STORE_N_TALLIES];
	int r = store_tally_load(store, 0, n);
	sqlite3_stmt *stmt;

	if (r)
		return r;
	memset(ret_counts, 0, sizeof(*ret_counts));
	for (unsigned state = 0; state <= TASK_STATE_COMPLETED; state++)
		ret_counts->by_state[state] = n[state];
	ret_counts->n_failed = n[STORE_TALLY_FAILED];
	ret_counts->n_cancelled = n[STORE_TALLY_CANCELLED];
	ret_counts->n_events = n[STORE_TALLY_EVENTS];
	stmt = store_statement(store, STORE_NOUN_TURN, 0)->stmt;
	r = store_step(store, stmt);
	if (r)
		return err_fold(r);
	r = store_read_u64(stmt, 0, &ret_counts->database_bytes);
	sqlite3_reset(stmt);
	return r;
}

uint64_t store_n_repaired(const struct store *store)
{
	return store->n_repaired;
}

int store_session_events(struct store *store, uint64_t session, uint64_t *ret_n)
{
	uint64_t n[STORE_N_TALLIES];
	int r = store_tally_load(store, session, n);

	if (!r)
		*ret_n = n[STORE_TALLY_EVENTS];
	return r;
}

int store_session_tasks(struct store *store, uint64_t session, uint64_t *ret_n)
{
	uint64_t n[STORE_N_TALLIES];
	int r = store_tally_load(store, session, n);

	if (r)
		return r;
	*ret_n = 0;
	for (unsigned state = 0; state <= TASK_STATE_COMPLETED; state++)
		*ret_n += n[state];
	return 0;
}

int store_session_unfinished(struct store *store, uint64_t session, uint64_t *ret_n)
{
	uint64_t n[STORE_N_TALLIES];
	int r = store_tally_load(store, session, n);

	if (r)
		return r;
	*ret_n = 0;
	for (unsigned state = 0; state < TASK_STATE_COMPLETED; state++)
		*ret_n += n[state];
	return 0;
}
