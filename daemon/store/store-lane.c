/* SPDX-License-Identifier: MIT */
/* The queue: lanes, the head of each lane, what waits for a moment, whose time is over. All of it is read from indexes, a window at a time. */
#include "daemon/store/store-private.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"

enum {
	LANE_FIND,
	LANE_PUT,
	LANE_EACH,
	LANE_HEAD,
	LANE_REST,
	LANE_BELOW,
	LANE_DUE_NEXT,
	LANE_DUE,
	LANE_DUE_PAGE,
	LANE_DUE_LOWER,
	LANE_EXPIRY_NEXT,
	LANE_EXPIRY,
	LANE_EXPIRY_RENEW,
};

static const char *const texts[] = {
	[LANE_FIND] = "SELECT id FROM lane WHERE session = ?1 AND host = ?2",
	[LANE_PUT] = "INSERT INTO lane(session, host) VALUES (?1, ?2)",
	[LANE_EACH] =
		"SELECT id, session, host, n_queued FROM lane /* scan: only lanes with work */ WHERE n_queued > 0"
		" ORDER BY id",
	/* no bound: what is no priority has to be found, too, for its task to be ended */
	[LANE_HEAD] =
		"SELECT id, priority FROM task WHERE lane = ?1 AND state = 1 ORDER BY priority DESC, id LIMIT ?2",
	[LANE_REST] =
		"SELECT id, priority FROM task WHERE lane = ?1 AND state = 1 AND priority = ?3 AND id > ?4 ORDER BY id LIMIT ?2",
	[LANE_BELOW] =
		"SELECT id, priority FROM task WHERE lane = ?1 AND state = 1 AND priority < ?3 ORDER BY priority DESC, id LIMIT ?2",
	[LANE_DUE_NEXT] =
		"SELECT due_wall_us FROM task WHERE state = 2 AND due_wall_us > 0"
		" AND due_wall_us < 9223372036854775807 /* never */ ORDER BY due_wall_us LIMIT 1",
	[LANE_DUE] =
		"SELECT id, lane FROM task WHERE state = 2 AND due_wall_us > 0 AND due_wall_us <= ?1 ORDER BY due_wall_us LIMIT ?2",
	[LANE_DUE_PAGE] =
		"SELECT due_wall_us, id FROM task WHERE due_wall_us > 0 AND (due_wall_us, id) > (?1, ?2)"
		" AND due_wall_us < 9223372036854775807 /* never */ ORDER BY due_wall_us, id LIMIT 1 OFFSET ?3",
	[LANE_DUE_LOWER] =
		"UPDATE task SET due_wall_us = ?5 WHERE state = 2 AND wait_reason IN (1, 3) AND due_wall_us > 0"
		" AND (due_wall_us, id) > (?1, ?2) AND (due_wall_us, id) <= (?3, ?4)",
	[LANE_EXPIRY_NEXT] =
		"SELECT expires_boot_us FROM task WHERE resource_left_us > 0 AND state IN (1, 2) AND expires_boot_us > 0"
		" ORDER BY expires_boot_us LIMIT 1",
	[LANE_EXPIRY] =
		"SELECT id FROM task WHERE resource_left_us > 0 AND state IN (1, 2) AND expires_boot_us > 0"
		" AND expires_boot_us <= ?1 ORDER BY expires_boot_us LIMIT ?2",
	/* a number that is far too large must not make it fail */
	[LANE_EXPIRY_RENEW] =
		"UPDATE task SET expires_boot_us = ?1 + min(resource_left_us, 1 << 61)"
		" WHERE resource_left_us > 0 AND state IN (1, 2) AND expires_boot_us >= 0"
		" AND (expires_boot_us = 0 OR expires_boot_us > ?1 + min(resource_left_us, 1 << 61))",
};

const struct store_statements store_lane_statements = {
	.texts = texts,
	.n = sizeof(texts) / sizeof(texts[0]),
};

static sqlite3_stmt *get(struct store *store, int index)
{
	return store_statement(store, STORE_NOUN_LANE, index)->stmt;
}

static void bind_host(sqlite3_stmt *stmt, uint64_t session, const char *host)
{
	store_bind_u64(stmt, 1, session);
	sqlite3_bind_text(stmt, 2, host, -1, SQLITE_STATIC);
}

int store_lane_get(struct store *store, uint64_t session, const char *host, uint64_t *ret_lane)
{
	sqlite3_stmt *stmt = get(store, LANE_FIND);
	int r;

	bind_host(stmt, session, host);
	r = store_step(store, stmt);
	if (r == 0) {
		r = store_read_u64(stmt, 0, ret_lane);
		sqlite3_reset(stmt);
		return r;
	}
	if (r != STORE_E_NOT_FOUND)
		return r;
	r = store_begin(store);
	if (r)
		return r;
	store->is_put_in_turn = true;
	stmt = get(store, LANE_PUT);
	bind_host(stmt, session, host);
	r = store_run(store, stmt);
	if (r == 0)
		*ret_lane = (uint64_t)sqlite3_last_insert_rowid(store->db);
	return r;
}

int store_lane_each(struct store *store, store_lane_fn fn, void *user)
{
	sqlite3_stmt *stmt = get(store, LANE_EACH);
	int r = store_tally_flush(store);

	if (r)
		return r;
	while ((r = store_step(store, stmt)) == 0) {
		struct store_lane lane = { .host = store_row_text(stmt, 2) };

		if (!lane.host || store_read_u64(stmt, 0, &lane.lane) ||
			store_read_u64(stmt, 1, &lane.session) ||
			store_read_u64(stmt, 3, &lane.n_queued))
			continue;
		r = fn(&lane, user);
		if (r) {
			sqlite3_reset(stmt);
			return r;
		}
	}
	return r == STORE_E_NOT_FOUND ? 0 : r;
}

static int read_window(struct store *store, sqlite3_stmt *stmt, const struct store_window *window,
	struct store_candidate *candidates, size_t *n)
{
	int r;

	store_bind_u64(stmt, 1, window->lane);
	store_bind_u64(stmt, 2, window->limit - *n);
	while ((r = store_step(store, stmt)) == 0) {
		if (*n == window->limit || store_read_u64(stmt, 0, &candidates[*n].id))
			continue;
		/* behind what has none, all that have one are still to be read */
		candidates[(*n)++].priority = sqlite3_column_type(stmt, 1) == SQLITE_FLOAT
			? sqlite3_column_double(stmt, 1)
			: INFINITY;
	}
	return r == STORE_E_NOT_FOUND ? 0 : r;
}

int store_lane_window(struct store *store, const struct store_window *window,
	struct store_candidate *candidates, size_t *ret_n)
{
	sqlite3_stmt *rest = get(store, LANE_REST), *below = get(store, LANE_BELOW);
	int r;

	*ret_n = 0;
	if (!window->after.id)
		return read_window(store, get(store, LANE_HEAD), window, candidates, ret_n);
	sqlite3_bind_double(rest, 3, window->after.priority);
	store_bind_u64(rest, 4, window->after.id);
	r = read_window(store, rest, window, candidates, ret_n);
	if (r || *ret_n == window->limit)
		return r;
	sqlite3_bind_double(below, 3, window->after.priority);
	return read_window(store, below, window, candidates, ret_n);
}

static int read_moment(struct store *store, int index, uint64_t *ret_us)
{
	sqlite3_stmt *stmt = get(store, index);
	int r = store_step(store, stmt);

	*ret_us = UINT64_MAX;
	if (r == STORE_E_NOT_FOUND)
		return 0;
	if (r)
		return r;
	r = store_read_u64(stmt, 0, ret_us);
	sqlite3_reset(stmt);
	return r;
}

int store_due_next(struct store *store, uint64_t *ret_due_wall_us)
{
	return read_moment(store, LANE_DUE_NEXT, ret_due_wall_us);
}

static void bind_place(sqlite3_stmt *stmt, int index, const struct store_due *place)
{
	store_bind_u64(stmt, index, place->wall_us);
	store_bind_u64(stmt, index + 1, place->id);
}

/* STORE_E_NOT_FOUND: less than a page is left; then all of it is the last one. */
static int read_page_end(struct store *store, const struct store_due *after, size_t limit,
	struct store_due *ret_last)
{
	sqlite3_stmt *stmt = get(store, LANE_DUE_PAGE);
	int r;

	*ret_last = (struct store_due){ INT64_MAX - 1, INT64_MAX };
	bind_place(stmt, 1, after);
	store_bind_u64(stmt, 3, limit - 1);
	r = store_step(store, stmt);
	if (r)
		return r;
	r = store_read_u64(stmt, 0, &ret_last->wall_us);
	if (r == 0)
		r = store_read_u64(stmt, 1, &ret_last->id);
	sqlite3_reset(stmt);
	return r ? store_contradicts(store) : 0;
}

int store_due_lower(struct store *store, struct store_due *after, uint64_t to_wall_us, size_t limit)
{
	sqlite3_stmt *stmt = get(store, LANE_DUE_LOWER);
	struct store_due last;
	int r = read_page_end(store, after, limit, &last), end = r;

	if (r == 0 || r == STORE_E_NOT_FOUND)
		r = store_begin(store);
	if (r)
		return r;
	bind_place(stmt, 1, after);
	bind_place(stmt, 3, &last);
	store_bind_u64(stmt, 5, to_wall_us);
	r = store_run(store, stmt);
	/* a row among them that SQLite would not have taken */
	if (r)
		return r == -EINVAL ? store_contradicts(store) : r;
	*after = last;
	return end;
}

struct due {
	uint64_t id, lane;
};

/* First gathered, then changed: the statement reads the index that the change moves. */
static int gather_due(
	struct store *store, uint64_t now_wall_us, size_t limit, struct due *due, size_t *ret_n)
{
	sqlite3_stmt *stmt = get(store, LANE_DUE);
	size_t n = 0;
	int r;

	store_bind_u64(stmt, 1, now_wall_us);
	store_bind_u64(stmt, 2, limit);
	while ((r = store_step(store, stmt)) == 0) {
		if (n < limit && store_read_u64(stmt, 0, &due[n].id) == 0 &&
			store_read_u64(stmt, 1, &due[n].lane) == 0)
			n++;
	}
	*ret_n = n;
	return r == STORE_E_NOT_FOUND ? 0 : r;
}

int store_due_take(
	struct store *store, uint64_t now_wall_us, size_t limit, store_due_fn fn, void *user)
{
	cleanup_(cleanup_free) struct due *due = calloc(limit ? limit : 1, sizeof(*due));
	size_t n;
	int r;

	if (!due)
		return err_raise(-ENOMEM);
	r = gather_due(store, now_wall_us, limit, due, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = store_task_set_state(store, due[i].id, TASK_STATE_QUEUED);
		/* the index has a row that is not there, or that no index could have */
		if (r == STORE_E_NOT_FOUND || r == -EINVAL || r == -EBADMSG)
			return store_contradicts(store);
		if (r == 0)
			r = fn(due[i].id, due[i].lane, user);
	}
	return r;
}

/* ---- the resource limit ---- */

int store_expiry_next(struct store *store, uint64_t *ret_boot_us)
{
	return read_moment(store, LANE_EXPIRY_NEXT, ret_boot_us);
}

int store_expiry_ids(
	struct store *store, uint64_t now_boot_us, size_t limit, uint64_t *ids, size_t *ret_n)
{
	sqlite3_stmt *stmt = get(store, LANE_EXPIRY);
	size_t n = 0;
	int r;

	store_bind_u64(stmt, 1, now_boot_us);
	store_bind_u64(stmt, 2, limit);
	while ((r = store_step(store, stmt)) == 0) {
		if (n < limit && store_read_u64(stmt, 0, &ids[n]) == 0)
			n++;
	}
	*ret_n = n;
	return r == STORE_E_NOT_FOUND ? 0 : r;
}

int store_expiry_renew(struct store *store, uint64_t now_boot_us)
{
	sqlite3_stmt *stmt = get(store, LANE_EXPIRY_RENEW);
	int r = store_begin(store);

	if (r)
		return r;
	store_bind_u64(stmt, 1, now_boot_us);
	r = store_run(store, stmt);
	/* a row among them that SQLite would not have taken */
	return r == -EINVAL ? store_contradicts(store) : r;
}
