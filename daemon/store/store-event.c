/* SPDX-License-Identifier: MIT */
/*
 * Delegate events until they are acknowledged, and the removal of what has been kept long enough.
 * The events of a task's end are one row: it has the number of the last of them, the type of the first, and how many they are. To
 * everybody else they are as many events, each with its number; of a row that is acknowledged in part the rest stays.
 */
#include "daemon/store/store-private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"

#define BATCH    256
#define LAST_SEQ (INT64_MAX - STORE_END_EVENTS_MAX)

enum {
	EVENT_PUT,
	EVENT_EACH,
	EVENT_ACK,
	EVENT_ACK_PART,
	EVENT_LAST,
	EVENT_OLDEST,
	EVENT_DEL,
	EVENT_FINISHED,
};

static const char *const texts[] = {
	[EVENT_PUT] = "INSERT INTO event(seq, session, task, type, wall_us, a, b, n)"
		      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[EVENT_EACH] =
		"SELECT seq, session, task, type, wall_us, a, b, n FROM event WHERE session = ?1 AND seq > ?2"
		" AND seq <= ?3 ORDER BY seq LIMIT ?4",
	[EVENT_ACK] = "DELETE FROM event WHERE session = ?1 AND seq <= ?2",
	/* what is left of an end are the last ones: METRICS (4) and COMPLETED (5) */
	[EVENT_ACK_PART] = "UPDATE event SET type = 6 - (seq - ?2), n = seq - ?2, a = 0, b = 0"
			   " WHERE session = ?1 AND seq BETWEEN ?2 + 1 AND ?2 + 2 AND n > seq - ?2",
	[EVENT_LAST] = "SELECT coalesce((SELECT max(seq) FROM event WHERE session = ?1),"
		       " (SELECT last_acked_seq FROM session WHERE id = ?1), 0)",
	[EVENT_OLDEST] =
		"SELECT seq, session, wall_us, n FROM event /* scan: a few from the front */ ORDER BY seq LIMIT ?1",
	[EVENT_DEL] = "DELETE FROM event WHERE seq = ?1",
	[EVENT_FINISHED] =
		"SELECT id, lane FROM task WHERE state = 6 AND finished_wall_us > 0 AND finished_wall_us < ?1"
		" AND NOT EXISTS (SELECT 1 FROM event WHERE event.task = task.id AND n < 3)"
		" AND NOT EXISTS (SELECT 1 FROM event WHERE seq = end_seq AND event.task = task.id)"
		" ORDER BY finished_wall_us LIMIT ?2",
};

const struct store_statements store_event_statements = {
	.texts = texts,
	.n = sizeof(texts) / sizeof(texts[0]),
};

static sqlite3_stmt *get(struct store *store, int index)
{
	return store_statement(store, STORE_NOUN_EVENT, index)->stmt;
}

unsigned store_event_n(sqlite3_stmt *stmt, int column)
{
	int64_t n = sqlite3_column_int64(stmt, column);

	return n < 1 || n > STORE_END_EVENTS_MAX ? 1 : (unsigned)n;
}

/* Is this what an end can begin with when n_after come after it? */
static bool is_end(enum store_event_type type, unsigned n_after)
{
	return n_after == 1 ? type == STORE_EVENT_METRICS
			    : n_after == 2 &&
			(type == STORE_EVENT_RECEIVED_DATA ||
				type == STORE_EVENT_FINISHED_DOWNLOADING);
}

int store_event_put(struct store *store, struct store_event *event)
{
	sqlite3_stmt *stmt = get(store, EVENT_PUT);
	unsigned n = 1 + event->n_after;
	uint64_t seq;
	int r = 0;

	assert(!event->n_after || is_end(event->type, event->n_after));
	for (unsigned i = 0; r == 0 && i < n; i++)
		r = store_next_id(store, STORE_SEQUENCE_EVENT, &seq);
	if (r)
		return r;
	store_bind_u64(stmt, 1, seq);
	store_bind_u64(stmt, 2, event->session);
	store_bind_u64(stmt, 3, event->task);
	sqlite3_bind_int(stmt, 4, (int)event->type);
	store_bind_u64(stmt, 5, event->wall_us);
	sqlite3_bind_int64(stmt, 6, event->a);
	sqlite3_bind_int64(stmt, 7, event->b);
	store_bind_u64(stmt, 8, n);
	r = store_run(store, stmt);
	if (r == 0)
		r = store_tally_add(store, event->session, STORE_TALLY_EVENTS, n);
	if (r == 0)
		event->seq = seq;
	return r;
}

/* The row: its first event, but with the number of the last. */
static int read_row(sqlite3_stmt *stmt, struct store_event *event)
{
	uint64_t type, n;

	if (store_read_u64(stmt, 0, &event->seq) || store_read_u64(stmt, 1, &event->session) ||
		store_read_u64(stmt, 2, &event->task) || store_read_u64(stmt, 3, &type) ||
		store_read_u64(stmt, 4, &event->wall_us) || store_read_u64(stmt, 7, &n) ||
		type < STORE_EVENT_RESUMED || type > STORE_EVENT_BECAME_INVALID || n < 1 ||
		n > event->seq)
		return -EBADMSG;
	event->type = (enum store_event_type)type;
	event->a = sqlite3_column_int64(stmt, 5);
	event->b = sqlite3_column_int64(stmt, 6);
	event->n_after = (unsigned)(n - 1);
	return n == 1 || (n <= STORE_END_EVENTS_MAX && is_end(event->type, event->n_after))
		? 0
		: -EBADMSG;
}

/* The events after after_seq up to last_seq, at most limit. */
struct span {
	uint64_t session, after_seq, last_seq;
	size_t limit;
	int64_t n; /* that it has moved past, also those that could not be read */
};

/* Those events of the row that are in the span, as far as there is room; how many. */
static size_t unfold(
	struct span *span, const struct store_event *row, struct store_event *events, size_t room)
{
	size_t n = 0;

	for (uint64_t seq = row->seq - row->n_after; seq <= row->seq && n < room; seq++) {
		struct store_event event = *row;
		uint64_t n_left = row->seq - seq;

		if (seq <= span->after_seq)
			continue;
		span->after_seq = seq;
		if (seq > span->last_seq)
			break;
		event.seq = seq;
		event.n_after = 0;
		if (n_left < row->n_after) {
			event.type = (enum store_event_type)(STORE_EVENT_COMPLETED - n_left);
			event.a = event.b = 0;
		}
		events[n++] = event;
	}
	return n;
}

/* Reads at most BATCH events and moves the span past them; *ret_n: those that could be read. */
static int gather(struct store *store, struct span *span, struct store_event *batch, size_t *ret_n)
{
	size_t wanted = span->limit < BATCH ? span->limit : BATCH, n = 0, n_rows = 0;
	uint64_t row_seq = span->after_seq;
	sqlite3_stmt *stmt = get(store, EVENT_EACH);
	int r = 0;

	store_bind_u64(stmt, 1, span->session);
	store_bind_u64(stmt, 2, span->after_seq);
	/* a row that begins in the span ends at most that much after it */
	store_bind_u64(stmt, 3, span->last_seq + STORE_END_EVENTS_MAX - 1);
	store_bind_u64(stmt, 4, wanted);
	while (n < wanted && (r = store_step(store, stmt)) == 0) {
		struct store_event row;

		r = store_cursor(store, &row_seq, stmt);
		if (r)
			return r;
		n_rows++;
		if (read_row(stmt, &row) == 0) {
			n += unfold(span, &row, &batch[n], wanted - n);
		} else {
			span->after_seq = row_seq;
			span->n += row_seq <= span->last_seq ? store_event_n(stmt, 7) : 0;
		}
	}
	sqlite3_reset(stmt);
	span->limit = r == STORE_E_NOT_FOUND && n_rows < wanted ? 0 : span->limit - n;
	span->n += (int64_t)n;
	*ret_n = n;
	return r == STORE_E_NOT_FOUND ? 0 : r;
}

/* In batches, so that fn may use the store. */
static int each(struct store *store, struct span *span, store_event_fn fn, void *user)
{
	cleanup_(cleanup_free) struct store_event *batch = calloc(BATCH, sizeof(*batch));
	int r = 0;

	if (!batch)
		return err_raise(-ENOMEM);
	while (r == 0 && span->limit) {
		size_t n;

		r = gather(store, span, batch, &n);
		for (size_t i = 0; r == 0 && fn && i < n; i++)
			r = fn(&batch[i], user);
	}
	return r;
}

int store_event_each(
	struct store *store, const struct store_event_range *range, store_event_fn fn, void *user)
{
	struct span span = { range->session, range->after_seq, LAST_SEQ, range->limit, 0 };

	if (range->last_seq && range->last_seq < LAST_SEQ)
		span.last_seq = range->last_seq;
	return each(store, &span, fn, user);
}

int store_event_ack(
	struct store *store, uint64_t session, uint64_t seq, store_event_fn fn, void *user)
{
	struct span span = { session, 0, seq < LAST_SEQ ? seq : LAST_SEQ, SIZE_MAX, 0 };
	static const int steps[] = { EVENT_ACK, EVENT_ACK_PART };
	int r = store_begin(store);

	if (r == 0)
		r = each(store, &span, fn, user);
	for (size_t i = 0; r == 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
		sqlite3_stmt *stmt = get(store, steps[i]);

		store_bind_u64(stmt, 1, session);
		store_bind_u64(stmt, 2, span.last_seq);
		r = store_run(store, stmt);
	}
	return r ? r : store_tally_add(store, session, STORE_TALLY_EVENTS, -span.n);
}

int store_event_last_seq(struct store *store, uint64_t session, uint64_t *ret_seq)
{
	sqlite3_stmt *stmt = get(store, EVENT_LAST);
	int r;

	store_bind_u64(stmt, 1, session);
	r = store_step(store, stmt);
	if (r)
		return err_fold(r);
	r = store_read_u64(stmt, 0, ret_seq);
	sqlite3_reset(stmt);
	return r;
}

/* ---- what has been kept long enough ---- */

struct old {
	uint64_t id, other; /* seq and session of events; id and lane of a task */
	unsigned n; /* events */
};

static int gather_events(
	struct store *store, uint64_t before_wall_us, size_t limit, struct old *old, size_t *ret_n)
{
	sqlite3_stmt *stmt = get(store, EVENT_OLDEST);
	uint64_t wall_us;
	size_t n = 0;
	int r;

	store_bind_u64(stmt, 1, limit);
	while ((r = store_step(store, stmt)) == 0) {
		if (n == limit || store_read_u64(stmt, 2, &wall_us) || wall_us >= before_wall_us)
			continue;
		old[n].n = store_event_n(stmt, 3);
		if (store_read_u64(stmt, 0, &old[n].id) == 0 &&
			store_read_u64(stmt, 1, &old[n].other) == 0)
			n++;
	}
	*ret_n = n;
	return r == STORE_E_NOT_FOUND ? 0 : r;
}

static int prune_events(struct store *store, uint64_t before_wall_us, size_t limit, struct old *old)
{
	sqlite3_stmt *stmt = get(store, EVENT_DEL);
	size_t n;
	int r = gather_events(store, before_wall_us, limit, old, &n);

	if (r == 0 && n)
		r = store_begin(store);
	for (size_t i = 0; r == 0 && i < n; i++) {
		store_bind_u64(stmt, 1, old[i].id);
		r = store_run(store, stmt);
		if (r == 0)
			r = store_tally_add(
				store, old[i].other, STORE_TALLY_EVENTS, -(int64_t)old[i].n);
	}
	return r;
}

static int gather_tasks(
	struct store *store, uint64_t before_wall_us, size_t limit, struct old *old, size_t *ret_n)
{
	sqlite3_stmt *stmt = get(store, EVENT_FINISHED);
	size_t n = 0;
	int r;

	store_bind_u64(stmt, 1, before_wall_us);
	store_bind_u64(stmt, 2, limit);
	while ((r = store_step(store, stmt)) == 0)
		if (n < limit && store_read_u64(stmt, 0, &old[n].id) == 0 &&
			store_read_u64(stmt, 1, &old[n].other) == 0)
			n++;
	*ret_n = n;
	return r == STORE_E_NOT_FOUND ? 0 : r;
}

int store_prune(struct store *store, uint64_t finished_before_wall_us, size_t limit,
	store_due_fn fn, void *user)
{
	cleanup_(cleanup_free) struct old *old = calloc(limit ? limit : 1, sizeof(*old));
	size_t n;
	int r;

	if (!old)
		return err_raise(-ENOMEM);
	r = prune_events(store, finished_before_wall_us, limit, old);
	if (r == 0)
		r = gather_tasks(store, finished_before_wall_us, limit, old, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = store_task_del(store, old[i].id);
		if (r == 0)
			r = fn(old[i].id, old[i].other, user);
	}
	return r;
}
