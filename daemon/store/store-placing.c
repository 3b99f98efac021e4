/* SPDX-License-Identifier: MIT */
/*
 * Which small files may have got their names, though the rows of their tasks do not say so yet. What a plain download has brought is
 * saved before its file is put in place; that its row is FINISHING would be true for a moment only, and costs as much as its end.
 * So the row stays QUEUED, as that of a task that runs, and one row of the database lists all of these tasks. It is written anew in
 * each turn that changes the list: what the list says has been committed with the turn. Who loads such a task gets it as FINISHING.
 *
 * If the list could not be read, the tasks would wait in the queue as those whole files do for which there was no room.
 */
#include "daemon/store/store-private.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"

/* It is written as a whole: what is more goes the general way. */
#define PLACING_MAX 2048

enum {
	PLACING_PUT,
	PLACING_LOAD,
};

static const char *const texts[] = {
	[PLACING_PUT] = "INSERT OR REPLACE INTO placing(id, tasks) VALUES (1, ?1)",
	[PLACING_LOAD] = "SELECT tasks FROM placing WHERE id = 1",
};

const struct store_statements store_placing_statements = {
	.texts = texts,
	.n = sizeof(texts) / sizeof(texts[0]),
};

/* What is stored, little-endian: what its row will say when it ends. */
struct record {
	uint64_t task, attempts, started_wall_us;
};

struct store_placed {
	struct record record;
	bool is_new, is_over; /* since the last commit */
};

static sqlite3_stmt *get(struct store *store, int index)
{
	return store_statement(store, STORE_NOUN_PLACING, index)->stmt;
}

static struct store_placed *find_between(struct store *store, uint64_t task, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		struct store_placed *placed = &store->placed[i];

		if (placed->record.task != task || placed->is_over)
			continue;
		store->last_placed = i;
		return placed;
	}
	return NULL;
}

/* Files come to their places in about the order in which they were listed: it is looked for where the last one was found. */
static struct store_placed *find(struct store *store, uint64_t task)
{
	size_t last = store->last_placed;
	struct store_placed *placed = find_between(store, task, last, store->n_placed);

	return placed ? placed : find_between(store, task, 0, last);
}

bool store_placing_has(struct store *store, uint64_t task)
{
	return find(store, task);
}

static int add(struct store *store, const struct record *record, bool is_new)
{
	if (store->n_placed == PLACING_MAX)
		return STORE_E_NOT_FOUND;
	if (!store->placed)
		store->placed = calloc(PLACING_MAX, sizeof(*store->placed));
	if (!store->placed)
		return err_raise(-ENOMEM);
	store->placed[store->n_placed++] = (struct store_placed){ *record, is_new, false };
	return 0;
}

int store_placing_add(struct store *store, const struct task *task)
{
	const struct record record = { task->id, task->attempts, task->started_wall_us };
	int r = add(store, &record, true);

	store->is_placing_changed |= !r;
	return r;
}

void store_placing_end(struct store *store, uint64_t task)
{
	struct store_placed *placed = find(store, task);

	if (placed)
		placed->is_over = store->is_placing_changed = true;
}

void store_placing_fill(struct store *store, struct task *task)
{
	const struct store_placed *placed = find(store, task->id);

	if (!placed || task->kind != TRANSFER_TASK_DOWNLOAD || !task->file_ino ||
		!task->request.destination)
		return;
	task->state = TASK_STATE_FINISHING;
	task->attempts = (uint32_t)placed->record.attempts;
	task->started_wall_us = placed->record.started_wall_us;
}

size_t store_placing_count(const struct store *store)
{
	return store->n_placed;
}

uint64_t store_placing_next(const struct store *store, uint64_t after_id)
{
	uint64_t next = 0;

	for (size_t i = 0; i < store->n_placed; i++) {
		uint64_t id = store->placed[i].record.task;

		if (!store->placed[i].is_over && id > after_id && (!next || id < next))
			next = id;
	}
	return next;
}

/* ---- the row ---- */

int store_placing_load(struct store *store)
{
	sqlite3_stmt *stmt = get(store, PLACING_LOAD);
	const char *records;
	size_t n = 0;
	int r = store_step(store, stmt);

	if (r)
		return r == STORE_E_NOT_FOUND || r == -EBADMSG ? 0 : r;
	records = sqlite3_column_blob(stmt, 0);
	if (records)
		n = (size_t)sqlite3_column_bytes(stmt, 0) / sizeof(struct record);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		struct record record;

		memcpy(&record, records + i * sizeof(record), sizeof(record));
		record = (struct record){ le64toh(record.task), le64toh(record.attempts),
			le64toh(record.started_wall_us) };
		/* others were not written by us */
		if (record.task && record.task < STORE_NUMBER_MAX &&
			record.attempts <= UINT32_MAX && record.started_wall_us <= INT64_MAX &&
			!find(store, record.task))
			r = add(store, &record, false);
	}
	sqlite3_reset(stmt);
	return r < 0 ? r : 0;
}

int store_placing_flush(struct store *store)
{
	cleanup_(cleanup_free) struct record *records = NULL;
	sqlite3_stmt *stmt = get(store, PLACING_PUT);
	size_t n = 0;
	int r;

	if (!store->is_placing_changed)
		return 0;
	records = calloc(store->n_placed + 1, sizeof(*records));
	if (!records)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < store->n_placed; i++) {
		const struct record *from = &store->placed[i].record;

		if (!store->placed[i].is_over)
			records[n++] = (struct record){ htole64(from->task),
				htole64(from->attempts), htole64(from->started_wall_us) };
	}
	sqlite3_bind_blob64(stmt, 1, records, n * sizeof(*records), SQLITE_STATIC);
	r = store_run(store, stmt);
	sqlite3_clear_bindings(stmt);
	return r;
}

void store_placing_settle(struct store *store, bool is_committed)
{
	size_t n = 0;

	if (!store->is_placing_changed)
		return;
	for (size_t i = 0; i < store->n_placed; i++) {
		const struct store_placed *placed = &store->placed[i];

		if (!(is_committed ? placed->is_over : placed->is_new))
			store->placed[n++] = (struct store_placed){ placed->record, false, false };
	}
	store->n_placed = n;
	store->last_placed = 0;
	store->is_placing_changed = false;
}

void store_placing_free(struct store *store)
{
	free(store->placed);
	store->placed = NULL;
	store->n_placed = 0;
}
