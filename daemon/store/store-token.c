/* SPDX-License-Identifier: MIT */
/* Small things kept by name: tokens of CreateTasks calls (the newest of each session), and settings. */
#include "daemon/store/store-private.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/err.h"

enum {
	TOKEN_PUT,
	TOKEN_FORGET,
	TOKEN_LOAD,
	SETTING_PUT,
	SETTING_LOAD,
};

/* A client repeats the call whose answer it lost, not one of long ago. */
#define TOKENS_KEPT "256"

static const char *const texts[] = {
	[TOKEN_PUT] = "INSERT INTO token(session, token, ids) VALUES (?1, ?2, ?3)",
	[TOKEN_FORGET] =
		"DELETE FROM token WHERE session = ?1 AND id <= (SELECT id FROM token WHERE session = ?1"
		" ORDER BY id DESC LIMIT 1 OFFSET " TOKENS_KEPT ")",
	[TOKEN_LOAD] = "SELECT ids FROM token WHERE session = ?1 AND token = ?2",
	[SETTING_PUT] = "INSERT OR REPLACE INTO setting(name, value) VALUES (?1, ?2)",
	[SETTING_LOAD] = "SELECT value FROM setting WHERE name = ?1",
};

const struct store_statements store_token_statements = {
	.texts = texts,
	.n = sizeof(texts) / sizeof(texts[0]),
};

static sqlite3_stmt *get(struct store *store, int index)
{
	return store_statement(store, STORE_NOUN_TOKEN, index)->stmt;
}

int store_token_put(
	struct store *store, uint64_t session, const char *token, const uint64_t *ids, size_t n)
{
	cleanup_(cleanup_free) uint64_t *blob = calloc(n ? n : 1, sizeof(*blob));
	sqlite3_stmt *stmt = get(store, TOKEN_PUT);
	int r = store_begin(store);

	if (!blob)
		return err_raise(-ENOMEM);
	if (r)
		return r;
	for (size_t i = 0; i < n; i++)
		blob[i] = htole64(ids[i]);
	store_bind_u64(stmt, 1, session);
	sqlite3_bind_text(stmt, 2, token, -1, SQLITE_STATIC);
	sqlite3_bind_blob64(stmt, 3, blob, n * sizeof(*blob), SQLITE_STATIC);
	r = store_run(store, stmt);
	sqlite3_clear_bindings(stmt);
	if (r)
		return r;
	stmt = get(store, TOKEN_FORGET);
	store_bind_u64(stmt, 1, session);
	return store_run(store, stmt);
}

int store_token_load(struct store *store, uint64_t session, const char *token, struct arena *arena,
	struct store_ids *ret_ids)
{
	sqlite3_stmt *stmt = get(store, TOKEN_LOAD);
	uint64_t *ids;
	size_t size;
	int r;

	store_bind_u64(stmt, 1, session);
	sqlite3_bind_text(stmt, 2, token, -1, SQLITE_STATIC);
	r = store_step(store, stmt);
	if (r)
		return r;
	size = (size_t)sqlite3_column_bytes(stmt, 0);
	ids = arena_alloc(arena, size / sizeof(*ids) + 1, sizeof(*ids));
	if (!ids)
		r = err_raise(-ENOMEM);
	else if (sqlite3_column_type(stmt, 0) != SQLITE_BLOB || size % sizeof(*ids))
		r = -EBADMSG;
	else if (size)
		memcpy(ids, sqlite3_column_blob(stmt, 0), size);
	sqlite3_reset(stmt);
	if (r)
		return r;
	for (size_t i = 0; i < size / sizeof(*ids); i++)
		ids[i] = le64toh(ids[i]);
	*ret_ids = (struct store_ids){ ids, size / sizeof(*ids) };
	return 0;
}

int store_setting_put(struct store *store, const char *name, const void *value, size_t size)
{
	sqlite3_stmt *stmt = get(store, SETTING_PUT);
	int r = store_begin(store);

	if (r)
		return r;
	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	/* NULL would be SQL's NULL, not an empty value */
	sqlite3_bind_blob64(stmt, 2, size ? value : "", size, SQLITE_STATIC);
	r = store_run(store, stmt);
	sqlite3_clear_bindings(stmt);
	return r;
}

int store_setting_load(
	struct store *store, const char *name, void *value, size_t size, size_t *ret_size)
{
	sqlite3_stmt *stmt = get(store, SETTING_LOAD);
	size_t stored;
	int r;

	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	r = store_step(store, stmt);
	if (r)
		return r == -EBADMSG ? STORE_E_NOT_FOUND : r;
	stored = (size_t)sqlite3_column_bytes(stmt, 0);
	/* one that we cannot have written: as if there were none */
	if (sqlite3_column_type(stmt, 0) != SQLITE_BLOB || stored > size)
		r = STORE_E_NOT_FOUND;
	else if (stored)
		memcpy(value, sqlite3_column_blob(stmt, 0), stored);
	sqlite3_reset(stmt);
	if (r == 0)
		*ret_size = stored;
	return r;
}
