/* SPDX-License-Identifier: MIT */
/*
 * Lists of tasks by filter, in pages of ascending ids. Each session is read from its own index in order of id, finished, waiting,
 * suspended and other tasks apart, and the ordered runs are merged; so the tasks of others, and a million finished ones, cost nothing.
 */
#include "daemon/store/store-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"

#define NAME_MAX_BYTES 256

enum {
	LIST_SESSIONS,
	LIST_RUN,
	LIST_RUN_STATE,
	LIST_RUN_NAMED,
	LIST_RUN_UNSETTLED,
	LIST_ONE,
	LIST_UNSETTLED,
};

#define RUN_WHERE \
	" FROM task WHERE session = ?1 AND shelf = ?2 AND id > ?3 AND id <= ?4 AND (?6 >> kind & 1)"
/* what a person calls a task: its description, or the last component of where it goes or comes from */
#define NAME_MATCHES(plain, tail) \
	" (ifnull(description, '') GLOB " plain " OR ifnull(destination, '') GLOB " tail \
	" OR url GLOB " tail ")"

static const char *const texts[] = {
	[LIST_SESSIONS] =
		"SELECT id FROM session /* scan: sessions are few */ WHERE (?1 < 0 OR uid = ?1)"
		" AND (?2 IS NULL OR app_id = ?2)",
	[LIST_RUN] = "SELECT id" RUN_WHERE " ORDER BY id LIMIT ?7",
	[LIST_RUN_STATE] = "SELECT id" RUN_WHERE " AND (?5 >> state & 1) ORDER BY id LIMIT ?7",
	[LIST_RUN_NAMED] = "SELECT id" RUN_WHERE " AND (?5 >> state & 1)"
			   " AND" NAME_MATCHES("?8", "?9") " ORDER BY id LIMIT ?7",
	/* few, and in order of id in an index of their own */
	[LIST_RUN_UNSETTLED] =
		"SELECT id FROM task WHERE state BETWEEN 3 AND 5 AND +session = ?1 AND +shelf = ?2 AND id > ?3 AND id <= ?4"
		" AND (?5 >> state & 1) AND (?6 >> kind & 1) ORDER BY id LIMIT ?7",
	[LIST_ONE] =
		"SELECT 1 FROM task AS t JOIN session AS s ON s.id = t.session WHERE t.id = ?1"
		" AND (?2 = 0 OR t.session = ?2) AND (?5 >> t.state & 1) AND (?6 >> t.kind & 1)"
		" AND (?3 < 0 OR s.uid = ?3) AND (?4 IS NULL OR s.app_id = ?4)"
		" AND (?8 IS NULL OR (ifnull(t.description, '') GLOB ?8 OR ifnull(destination, '') GLOB ?9"
		" OR url GLOB ?9))",
	[LIST_UNSETTLED] =
		"SELECT id FROM task WHERE state BETWEEN 3 AND 5 AND id > ?1 ORDER BY id LIMIT ?2",
};

const struct store_statements store_list_statements = {
	.texts = texts,
	.n = sizeof(texts) / sizeof(texts[0]),
};

/* What a page asks for, with the defaults filled in. */
struct page {
	const struct store_filter *filter;
	char plain[NAME_MAX_BYTES], tail[NAME_MAX_BYTES + 2];
	uint32_t states_mask, kinds_mask;
	uint64_t after_id, last_id;
	size_t limit;
	uint64_t *ids; /* ascending, at most limit */
	size_t n;
	uint64_t *run;
	bool is_queued_only; /* without those that are on their way to their places, of which the rows say that they are queued */
};

static sqlite3_stmt *get(struct store *store, int index)
{
	return store_statement(store, STORE_NOUN_LIST, index)->stmt;
}

static int page_init(struct page *page, const struct store_filter *filter)
{
	memset(page, 0, sizeof(*page));
	page->filter = filter;
	page->limit = filter->limit;
	page->after_id = filter->first_id > filter->after_id + 1 ? filter->first_id - 1
								 : filter->after_id;
	page->last_id = filter->last_id && filter->last_id < INT64_MAX ? filter->last_id
								       : INT64_MAX;
	page->kinds_mask = filter->kinds_mask ? filter->kinds_mask : UINT32_MAX;
	page->states_mask = filter->states_mask ? filter->states_mask : UINT32_MAX;
	if (!filter->include_finished && !filter->states_mask)
		page->states_mask &= ~(UINT32_C(1) << TASK_STATE_COMPLETED);
	page->is_queued_only = page->states_mask & 1u << TASK_STATE_QUEUED &&
		!(page->states_mask & 1u << TASK_STATE_FINISHING);
	if (!filter->name_glob)
		return 0;
	if (strlen(filter->name_glob) >= sizeof(page->plain))
		return -ENAMETOOLONG;
	snprintf(page->plain, sizeof(page->plain), "%s", filter->name_glob);
	snprintf(page->tail, sizeof(page->tail), "*/%s", filter->name_glob);
	return 0;
}

static void bind_common(sqlite3_stmt *stmt, const struct page *page)
{
	sqlite3_bind_int64(stmt, 5, page->states_mask);
	sqlite3_bind_int64(stmt, 6, page->kinds_mask);
	if (!page->filter->name_glob)
		return;
	sqlite3_bind_text(stmt, 8, page->plain, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 9, page->tail, -1, SQLITE_STATIC);
}

/* Merges the n ids of page->run into page->ids and keeps the smallest. */
static int merge(struct page *page, size_t n)
{
	size_t i = 0, j = 0, out = 0;
	uint64_t *merged;

	if (n == 0)
		return 0;
	if (page->n == 0) {
		memcpy(page->ids, page->run, n * sizeof(*page->ids));
		page->n = n;
		return 0;
	}
	merged = calloc(page->limit, sizeof(*merged));
	if (!merged)
		return err_raise(-ENOMEM);
	while (out < page->limit && (i < page->n || j < n)) {
		if (j == n || (i < page->n && page->ids[i] < page->run[j]))
			merged[out++] = page->ids[i++];
		else
			merged[out++] = page->run[j++];
	}
	memcpy(page->ids, merged, out * sizeof(*merged));
	page->n = out;
	free(merged);
	return 0;
}

/* A shelf is what a session's index keeps apart: a state, or several of which few tasks but the first are ever in. */
struct shelf {
	int number;
	uint32_t states_mask;
};

static const struct shelf shelves[] = {
	{ TASK_STATE_SUSPENDED, 1u << TASK_STATE_SUSPENDED },
	{ TASK_STATE_QUEUED,
		1u << TASK_STATE_QUEUED | 1u << TASK_STATE_FINISHING | 1u << TASK_STATE_ANSWERED |
			1u << TASK_STATE_CANCELING },
	{ TASK_STATE_WAITING, 1u << TASK_STATE_WAITING },
	{ TASK_STATE_COMPLETED, 1u << TASK_STATE_COMPLETED },
};

/* Which statement reads those of the shelf that the page asks for. */
static int index_of(const struct page *page, const struct shelf *shelf)
{
	uint32_t wanted = page->states_mask & shelf->states_mask;

	if (page->filter->name_glob)
		return LIST_RUN_NAMED;
	if (wanted == shelf->states_mask)
		return LIST_RUN;
	return wanted & 1u << shelf->number ? LIST_RUN_STATE : LIST_RUN_UNSETTLED;
}

static bool is_wanted(struct store *store, const struct page *page, uint64_t id)
{
	return !page->is_queued_only || !store_placing_has(store, id);
}

static int read_run(
	struct store *store, struct page *page, uint64_t session, const struct shelf *shelf)
{
	sqlite3_stmt *stmt = get(store, index_of(page, shelf));
	/* once the page is full only smaller ids matter */
	uint64_t last_id = page->n == page->limit ? page->ids[page->n - 1] : page->last_id;
	size_t n = 0;
	int r = 0;

	store_bind_u64(stmt, 1, session);
	sqlite3_bind_int(stmt, 2, shelf->number);
	store_bind_u64(stmt, 3, page->after_id);
	store_bind_u64(stmt, 4, last_id);
	store_bind_u64(
		stmt, 7, page->limit + (page->is_queued_only ? store_placing_count(store) : 0));
	bind_common(stmt, page);
	while (n < page->limit && (r = store_step(store, stmt)) == 0)
		if (store_read_u64(stmt, 0, &page->run[n]) == 0)
			n += is_wanted(store, page, page->run[n]);
	sqlite3_reset(stmt);
	return r == 0 || r == STORE_E_NOT_FOUND ? merge(page, n) : r;
}

static int read_session(struct store *store, struct page *page, uint64_t session)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(shelves) / sizeof(shelves[0]); i++)
		if (page->states_mask & shelves[i].states_mask)
			r = read_run(store, page, session, &shelves[i]);
	return r;
}

static int read_sessions(struct store *store, struct page *page)
{
	sqlite3_stmt *stmt = get(store, LIST_SESSIONS);
	const struct store_filter *filter = page->filter;
	int r;

	if (filter->session && filter->uid == (uid_t)-1 && !filter->app_id)
		return read_session(store, page, filter->session);
	sqlite3_bind_int64(stmt, 1, filter->uid == (uid_t)-1 ? -1 : (int64_t)filter->uid);
	sqlite3_bind_text(stmt, 2, filter->app_id, -1, SQLITE_STATIC);
	while ((r = store_step(store, stmt)) == 0) {
		uint64_t session = (uint64_t)sqlite3_column_int64(stmt, 0);

		if (filter->session && filter->session != session)
			continue;
		r = read_session(store, page, session);
		if (r) {
			sqlite3_reset(stmt);
			return r;
		}
	}
	return r == STORE_E_NOT_FOUND ? 0 : r;
}

static int compare_ids(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int matches(struct store *store, const struct page *page, uint64_t id)
{
	sqlite3_stmt *stmt = get(store, LIST_ONE);
	const struct store_filter *filter = page->filter;
	int r;

	sqlite3_clear_bindings(stmt);
	store_bind_u64(stmt, 1, id);
	store_bind_u64(stmt, 2, filter->session);
	sqlite3_bind_int64(stmt, 3, filter->uid == (uid_t)-1 ? -1 : (int64_t)filter->uid);
	sqlite3_bind_text(stmt, 4, filter->app_id, -1, SQLITE_STATIC);
	bind_common(stmt, page);
	r = store_step(store, stmt);
	sqlite3_reset(stmt);
	return r;
}

static int read_ids(struct store *store, struct page *page)
{
	const struct store_filter *filter = page->filter;
	cleanup_(cleanup_free) uint64_t *sorted = calloc(filter->n_ids, sizeof(*sorted));
	uint64_t last = page->after_id;

	if (!sorted)
		return err_raise(-ENOMEM);
	memcpy(sorted, filter->ids, filter->n_ids * sizeof(*sorted));
	qsort(sorted, filter->n_ids, sizeof(*sorted), compare_ids);
	for (size_t i = 0; i < filter->n_ids && page->n < page->limit; i++) {
		int r;

		if (sorted[i] <= last || sorted[i] > page->last_id)
			continue;
		last = sorted[i];
		r = matches(store, page, last);
		if (r == 0 && is_wanted(store, page, last))
			page->ids[page->n++] = last;
		if (r < 0)
			return r;
	}
	return 0;
}

int store_task_ids(
	struct store *store, const struct store_filter *filter, uint64_t *ids, size_t *ret_n)
{
	cleanup_(cleanup_free) uint64_t *run = NULL;
	struct page page;
	int r = page_init(&page, filter);

	if (r)
		return r;
	*ret_n = 0;
	if (page.limit == 0)
		return 0;
	run = calloc(page.limit, sizeof(*run));
	if (!run)
		return err_raise(-ENOMEM);
	page.ids = ids;
	page.run = run;
	r = filter->n_ids ? read_ids(store, &page) : read_sessions(store, &page);
	if (r)
		return r;
	*ret_n = page.n;
	return 0;
}

/* A task that cannot be read is passed over. */
static int hand_over(
	struct store *store, const uint64_t *ids, size_t n, store_task_fn fn, void *user)
{
	for (size_t i = 0; i < n; i++) {
		struct task *task;
		int r = store_task_load(store, ids[i], &task);

		if (r == -EBADMSG || r == STORE_E_NOT_FOUND)
			continue;
		if (r == 0)
			r = fn(task, user);
		if (r)
			return r;
	}
	return 0;
}

int store_task_each(
	struct store *store, const struct store_filter *filter, store_task_fn fn, void *user)
{
	cleanup_(cleanup_free)
		uint64_t *ids = calloc(filter->limit ? filter->limit : 1, sizeof(*ids));
	size_t n;
	int r;

	if (!ids)
		return err_raise(-ENOMEM);
	r = store_task_ids(store, filter, ids, &n);
	return r ? r : hand_over(store, ids, n, fn, user);
}

static int each_placing(struct store *store, store_task_fn fn, void *user)
{
	uint64_t id = 0;
	int r = 0;

	while (r == 0 && (id = store_placing_next(store, id))) {
		struct task *task;

		r = store_task_load(store, id, &task);
		if (r == 0 && task->state == TASK_STATE_FINISHING) {
			r = fn(task, user);
			continue;
		}
		/* its row is not as it was put: the list was not written by us */
		store_placing_end(store, id);
		if (r == 0)
			task_free(task);
		else if (r == -EBADMSG || r == STORE_E_NOT_FOUND)
			r = 0;
	}
	return r;
}

int store_task_each_unsettled(struct store *store, store_task_fn fn, void *user)
{
	sqlite3_stmt *stmt = get(store, LIST_UNSETTLED);
	uint64_t ids[64], after_id = 0;
	size_t n;
	int r;

	do {
		n = 0;
		store_bind_u64(stmt, 1, after_id);
		store_bind_u64(stmt, 2, sizeof(ids) / sizeof(ids[0]));
		while ((r = store_step(store, stmt)) == 0)
			if (n < sizeof(ids) / sizeof(ids[0]) &&
				store_read_u64(stmt, 0, &ids[n]) == 0)
				n++;
		if (r != STORE_E_NOT_FOUND)
			return r;
		if (n && ids[n - 1] <= after_id)
			return store_contradicts(store);
		if (n)
			after_id = ids[n - 1];
		for (size_t i = 0; i < n; i++)
			store_placing_end(store, ids[i]); /* nothing is told twice */
		r = hand_over(store, ids, n, fn, user);
	} while (r == 0 && n == sizeof(ids) / sizeof(ids[0]));
	return r ? r : each_placing(store, fn, user);
}
