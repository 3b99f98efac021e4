/* SPDX-License-Identifier: MIT */
/* Delegate events until they are acknowledged, and the removal of what has been kept long enough. */
#include "daemon/store/store-private.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"

#define BATCH 256

enum {
	EVENT_PUT,
	EVENT_EACH,
	EVENT_ACK,
	EVENT_LAST,
	EVENT_OLDEST,
	EVENT_DEL,
	EVENT_FINISHED,
};

static const char *const texts[] = {
	[EVENT_PUT] =
		"INSERT INTO event(seq, session, task, type, wall_us, a, b) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[EVENT_EACH] =
		"SELECT seq, session, task, type, wall_us, a, b FROM event WHERE session = ?1 AND seq > ?2"
		" AND seq <= ?3 ORDER BY seq LIMIT ?4",
	[EVENT_ACK] = "DELETE FROM event WHERE session = ?1 AND seq <= ?2",
	[EVENT_LAST] = "SELECT coalesce((SELECT max(seq) FROM event WHERE session = ?1),"
		       " (SELECT last_acked_seq FROM session WHERE id = ?1), 0)",
	[EVENT_OLDEST] =
		"SELECT seq, session, wall_us FROM event /* scan: a few from the front */ ORDER BY seq LIMIT ?1",
	[EVENT_DEL] = "DELETE FROM event WHERE seq = ?1",
	[EVENT_FINISHED] = "SELECT id, lane FROM task WHERE state = 6 AND finished_wall_us < ?1"
			   " AND NOT EXISTS (SELECT 1 FROM event WHERE event.task = task.id)"
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

int store_event_put(struct store *store, struct store_event *event)
{
	sqlite3_stmt *stmt = get(store, EVENT_PUT);
	uint64_t seq;
	int r = store_next_id(store, STORE_SEQUENCE_EVENT, &seq);

	if (r)
		return r;
	store_bind_u64(stmt, 1, seq);
	store_bind_u64(stmt, 2, event->session);
	store_bind_u64(stmt, 3, event->task);
	sqlite3_bind_int(stmt, 4, (int)event->type);
	store_bind_u64(stmt, 5, event->wall_us);
	sqlite3_bind_int64(stmt, 6, event->a);
	sqlite3_bind_int64(stmt, 7, event->b);
	r = store_run(store, stmt);
	if (r == 0)
		r = store_tally_add(store, event->session, STORE_TALLY_EVENTS, 1);
	if (r == 0)
		event->seq = seq;
	return r;
}

static int read_event(sqlite3_stmt *stmt, struct store_event *event)
{
	uint64_t type;

	if (store_read_u64(stmt, 0, &event->seq) || store_read_u64(stmt, 1, &event->session) ||
		store_read_u64(stmt, 2, &event->task) || store_read_u64(stmt, 3, &type) ||
		store_read_u64(stmt, 4, &event->wall_us) || type < STORE_EVENT_RESUMED ||
		type > STORE_EVENT_BECAME_INVALID)
		return -EBADMSG;
	event->type = (enum store_event_type)type;
	event->a = sqlite3_column_int64(stmt, 5);
	event->b = sqlite3_column_int64(stmt, 6);
	return 0;
}

/* The events after after_seq up to last_seq, at most limit. */
struct span {
	uint64_t session, after_seq, last_seq;
	size_t limit;
};

/* Reads at most BATCH events and moves the span past them; *ret_n: those that could be read. */
static int gather(struct store *store, struct span *span, struct store_event *batch, size_t *ret_n)
{
	size_t wanted = span->limit < BATCH ? span->limit : BATCH, n = 0, n_rows = 0;
	sqlite3_stmt *stmt = get(store, EVENT_EACH);
	int r;

	store_bind_u64(stmt, 1, span->session);
	store_bind_u64(stmt, 2, span->after_seq);
	store_bind_u64(stmt, 3, span->last_seq);
	store_bind_u64(stmt, 4, wanted);
	while ((r = store_step(store, stmt)) == 0) {
		r = store_cursor(store, &span->after_seq, stmt);
		if (r)
			return r;
		n_rows++;
		if (n < wanted && read_event(stmt, &batch[n]) == 0)
			n++;
	}
	span->limit = n_rows < wanted ? 0 : span->limit - n_rows;
	*ret_n = n;
	return r == STORE_E_NOT_FOUND ? 0 : r;
}

/* In batches, so that fn may use the store. */
static int each(struct store *store, struct span span, store_event_fn fn, void *user)
{
	cleanup_(cleanup_free) struct store_event *batch = calloc(BATCH, sizeof(*batch));
	int r = 0;

	if (!batch)
		return err_raise(-ENOMEM);
	while (r == 0 && span.limit) {
		size_t n;

		r = gather(store, &span, batch, &n);
		for (size_t i = 0; r == 0 && i < n; i++)
			r = fn(&batch[i], user);
	}
	return r;
}

int store_event_each(
	struct store *store, const struct store_event_range *range, store_event_fn fn, void *user)
{
	return each(store,
		(struct span){ range->session, range->after_seq,
			range->last_seq ? range->last_seq : INT64_MAX, range->limit },
		fn, user);
}

int store_event_ack(
	struct store *store, uint64_t session, uint64_t seq, store_event_fn fn, void *user)
{
	sqlite3_stmt *stmt = get(store, EVENT_ACK);
	int r = store_begin(store);

	if (r == 0 && fn)
		r = each(store, (struct span){ session, 0, seq, SIZE_MAX }, fn, user);
	if (r)
		return r;
	store_bind_u64(stmt, 1, session);
	store_bind_u64(stmt, 2, seq);
	r = store_run(store, stmt);
	return r ? r
		 : store_tally_add(store, session, STORE_TALLY_EVENTS, -sqlite3_changes(store->db));
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
	uint64_t id, other; /* seq and session of an event; id and lane of a task */
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
			r = store_tally_add(store, old[i].other, STORE_TALLY_EVENTS, -1);
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
