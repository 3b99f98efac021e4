/* SPDX-License-Identifier: MIT */
/*
 * What clients were asked. Open questions are few or many, like their tasks: they are read in pages.
 * Answered ones stay as long as their task, so that a second answer can be told apart from a wrong one.
 */
#include "daemon/store/store-private.h"

#include <errno.h>

#include "base/err.h"

enum {
	QUESTION_PUT,
	QUESTION_LOAD,
	QUESTION_OF_TASK,
	QUESTION_CLOSE,
	QUESTION_NEXT,
	QUESTION_COUNT,
	QUESTION_COUNT_ALL,
};

static const char *const texts[] = {
	[QUESTION_PUT] = "INSERT INTO question(id, session, task, kind, state, asked_wall_us)"
			 " VALUES (?1, ?2, ?3, ?4, 0, ?5)",
	[QUESTION_LOAD] =
		"SELECT id, session, task, kind, state, asked_wall_us FROM question WHERE id = ?1",
	[QUESTION_OF_TASK] = "SELECT id, session, task, kind, state, asked_wall_us FROM question"
			     " WHERE task = ?1 AND state = 0 LIMIT 1",
	[QUESTION_CLOSE] = "UPDATE question SET state = ?2 WHERE id = ?1",
	[QUESTION_NEXT] = "SELECT id, session, task, kind, state, asked_wall_us FROM question"
			  " WHERE session = ?1 AND state = 0 AND id > ?2 ORDER BY id LIMIT 1",
	[QUESTION_COUNT] =
		"SELECT count(*) FROM question WHERE session = ?1 AND state = 0 AND id <= ?2",
	[QUESTION_COUNT_ALL] =
		"SELECT count(*) FROM session AS s /* scan: few */ JOIN question AS q ON q.session = s.id"
		" AND q.state = 0",
};

const struct store_statements store_question_statements = {
	.texts = texts,
	.n = sizeof(texts) / sizeof(texts[0]),
};

static sqlite3_stmt *get(struct store *store, int index)
{
	return store_statement(store, STORE_NOUN_QUESTION, index)->stmt;
}

/* The row the statement stands on; -EBADMSG: it is not one of ours. */
static int read_row(sqlite3_stmt *stmt, struct question *ret_question)
{
	struct question q;
	uint64_t kind, state;

	if (store_read_u64(stmt, 0, &q.id) || store_read_u64(stmt, 1, &q.session) ||
		store_read_u64(stmt, 2, &q.task) || store_read_u64(stmt, 3, &kind) ||
		store_read_u64(stmt, 4, &state) || store_read_u64(stmt, 5, &q.asked_wall_us) ||
		!kind || kind > QUESTION_KIND_MAX || state > QUESTION_STATE_WITHDRAWN)
		return -EBADMSG;
	q.kind = (enum question_kind)kind;
	q.state = (enum question_state)state;
	*ret_question = q;
	return 0;
}

static int load(struct store *store, sqlite3_stmt *stmt, struct question *ret_question)
{
	int r = store_step(store, stmt);

	if (r)
		return r;
	r = read_row(stmt, ret_question);
	sqlite3_reset(stmt);
	return r == -EBADMSG ? STORE_E_NOT_FOUND : r;
}

int store_question_put(struct store *store, struct question *question)
{
	sqlite3_stmt *stmt = get(store, QUESTION_PUT);
	uint64_t id;
	int r = store_next_id(store, STORE_SEQUENCE_QUESTION, &id);

	if (r)
		return r;
	store_bind_u64(stmt, 1, id);
	store_bind_u64(stmt, 2, question->session);
	store_bind_u64(stmt, 3, question->task);
	store_bind_u64(stmt, 4, question->kind);
	store_bind_u64(stmt, 5, question->asked_wall_us);
	r = store_run(store, stmt);
	if (r == 0)
		question->id = id;
	return r;
}

int store_question_load(struct store *store, uint64_t id, struct question *ret_question)
{
	sqlite3_stmt *stmt = get(store, QUESTION_LOAD);

	store_bind_u64(stmt, 1, id);
	return load(store, stmt, ret_question);
}

int store_question_of_task(struct store *store, uint64_t task, struct question *ret_question)
{
	sqlite3_stmt *stmt = get(store, QUESTION_OF_TASK);

	store_bind_u64(stmt, 1, task);
	return load(store, stmt, ret_question);
}

int store_question_close(struct store *store, uint64_t id, enum question_state state)
{
	sqlite3_stmt *stmt = get(store, QUESTION_CLOSE);
	int r = store_begin(store);

	if (r)
		return r;
	store_bind_u64(stmt, 1, id);
	store_bind_u64(stmt, 2, state);
	return store_run(store, stmt);
}

int store_question_next(
	struct store *store, uint64_t session, uint64_t after_id, struct question *ret_question)
{
	sqlite3_stmt *stmt = get(store, QUESTION_NEXT);
	int r;

	for (;;) {
		store_bind_u64(stmt, 1, session);
		store_bind_u64(stmt, 2, after_id);
		r = store_step(store, stmt);
		if (r)
			return r;
		r = store_cursor(store, &after_id, stmt);
		if (r)
			return r;
		r = read_row(stmt, ret_question);
		sqlite3_reset(stmt);
		/* a row that cannot be read is passed over */
		if (r != -EBADMSG)
			return r;
	}
}

static int count(struct store *store, sqlite3_stmt *stmt, uint64_t *ret_n)
{
	int r = store_step(store, stmt);

	if (r)
		return err_fold(r);
	r = store_read_u64(stmt, 0, ret_n);
	sqlite3_reset(stmt);
	return r;
}

int store_question_count(struct store *store, uint64_t session, uint64_t up_to_id, uint64_t *ret_n)
{
	sqlite3_stmt *stmt = get(store, QUESTION_COUNT);

	store_bind_u64(stmt, 1, session);
	store_bind_u64(stmt, 2, up_to_id);
	return count(store, stmt, ret_n);
}

int store_question_count_all(struct store *store, uint64_t *ret_n)
{
	return count(store, get(store, QUESTION_COUNT_ALL), ret_n);
}
