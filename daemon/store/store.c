/* SPDX-License-Identifier: MIT */
/*
 * The open database and its turns. One connection, one thread, exclusive locking (so no shared-memory file exists that could be
 * truncated under a mapping), WAL with synchronous=FULL. A write begins the turn's transaction, store_commit() ends it with one sync.
 * When SQLite rolls back by itself in the middle (disk full, I/O error) the rest of the turn is refused, so that no half can commit.
 */
#include "daemon/store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "daemon/store/store-private.h"

/* Pages past which the WAL is written back; with it the file stays at about 4 MiB. */
#define CHECKPOINT_PAGES 1000

enum {
	TURN_SIZE,
	TURN_BEGIN,
	TURN_COMMIT,
	TURN_ROLLBACK,
	TURN_SEQUENCES,
	TURN_SEQUENCE_SET,
	TURN_SEQUENCE_PUT,
};

static const char *const texts[] = {
	[TURN_SIZE] = "SELECT page_count * page_size FROM pragma_page_count /* scan: one row */,"
		      " pragma_page_size /* scan: one row */",
	[TURN_BEGIN] = "BEGIN IMMEDIATE",
	[TURN_COMMIT] = "COMMIT",
	[TURN_ROLLBACK] = "ROLLBACK",
	[TURN_SEQUENCES] = "SELECT (SELECT next FROM sequence WHERE name = ?1),"
			   " CASE ?1 WHEN 'task' THEN (SELECT max(id) FROM task)"
			   " WHEN 'event' THEN (SELECT max(seq) FROM event)"
			   " WHEN 'question' THEN (SELECT max(id) FROM question)"
			   " ELSE (SELECT max(id) FROM session) END",
	[TURN_SEQUENCE_SET] = "UPDATE sequence SET next = ?2 WHERE name = ?1",
	[TURN_SEQUENCE_PUT] = "INSERT INTO sequence(name, next) VALUES (?1, ?2)",
};

const struct store_statements store_turn_statements = {
	.texts = texts,
	.n = sizeof(texts) / sizeof(texts[0]),
};

const struct store_statements *const store_nouns[STORE_N_NOUNS] = {
	[STORE_NOUN_TURN] = &store_turn_statements,
	[STORE_NOUN_SESSION] = &store_session_statements,
	[STORE_NOUN_LANE] = &store_lane_statements,
	[STORE_NOUN_TASK] = &store_task_statements,
	[STORE_NOUN_LIST] = &store_list_statements,
	[STORE_NOUN_EVENT] = &store_event_statements,
	[STORE_NOUN_TOKEN] = &store_token_statements,
	[STORE_NOUN_TALLY] = &store_tally_statements,
	[STORE_NOUN_COOKIE] = &store_cookie_statements,
	[STORE_NOUN_QUESTION] = &store_question_statements,
	[STORE_NOUN_PLACING] = &store_placing_statements,
};

static const char *const sequence_names[STORE_N_SEQUENCES] = {
	[STORE_SEQUENCE_SESSION] = "session",
	[STORE_SEQUENCE_TASK] = "task",
	[STORE_SEQUENCE_EVENT] = "event",
	[STORE_SEQUENCE_QUESTION] = "question",
};

struct store_statement *store_statement(struct store *store, enum store_noun noun, int index)
{
	return &store->statements[noun][index];
}

static int error_of(struct store *store, int rc)
{
	int os_errno = sqlite3_system_errno(store->db);

	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_FULL:
		return STORE_E_FULL;
	case SQLITE_IOERR:
		if (rc == SQLITE_IOERR_NOMEM)
			return -ENOMEM;
		return os_errno == ENOSPC || os_errno == EDQUOT ? STORE_E_FULL : -EIO;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		store_file_mark_suspect(&store->file);
		return -EUCLEAN;
	case SQLITE_CONSTRAINT:
		return rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY
			? STORE_E_DUPLICATE
			: -EINVAL;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_TOOBIG:
		return -EMSGSIZE;
	case SQLITE_CANTOPEN:
		return os_errno ? -os_errno : -EIO;
	default: /* SQLite's codes, not ours */
		return -EIO;
	}
}

int store_error(struct store *store, int rc)
{
	int r = error_of(store, rc);

	if (r == 0)
		return 0;
	if (r != STORE_E_DUPLICATE)
		log_debug("store: %s (%d)", sqlite3_errmsg(store->db),
			sqlite3_extended_errcode(store->db));
	return r < 0 ? err_raise(r) : r;
}

int store_contradicts(struct store *store)
{
	store_file_mark_suspect(&store->file);
	return err_raise(-EUCLEAN);
}

int store_cursor(struct store *store, uint64_t *cursor, sqlite3_stmt *stmt)
{
	uint64_t next = (uint64_t)sqlite3_column_int64(stmt, 0);

	if (next <= *cursor) {
		sqlite3_reset(stmt);
		return store_contradicts(store);
	}
	*cursor = next;
	return 0;
}

int store_run(struct store *store, sqlite3_stmt *stmt)
{
	bool was_open = store_is_dirty(store);
	int rc, r;

	do
		rc = sqlite3_step(stmt);
	while (rc == SQLITE_ROW);
	r = store_error(store, rc);
	sqlite3_reset(stmt);
	if (r && was_open && !store_is_dirty(store))
		store->turn_error = r;
	return r;
}

int store_step(struct store *store, sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt), r;

	if (rc == SQLITE_ROW)
		return 0;
	r = store_error(store, rc);
	sqlite3_reset(stmt);
	/* a row that is larger than any of ours */
	if (r == -EMSGSIZE)
		return -EBADMSG;
	return r ? r : STORE_E_NOT_FOUND;
}

int store_exec(struct store *store, const char *sql)
{
	return store_error(store, sqlite3_exec(store->db, sql, NULL, NULL, NULL));
}

void store_bind_u64(sqlite3_stmt *stmt, int index, uint64_t value)
{
	sqlite3_bind_int64(stmt, index, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

int store_read_u64(sqlite3_stmt *stmt, int column, uint64_t *ret_value)
{
	sqlite3_int64 value = sqlite3_column_int64(stmt, column);

	if (sqlite3_column_type(stmt, column) != SQLITE_INTEGER || value < 0)
		return -EBADMSG;
	*ret_value = (uint64_t)value;
	return 0;
}

/* ---- turns ---- */

bool store_is_dirty(const struct store *store)
{
	return !sqlite3_get_autocommit(store->db);
}

int store_begin(struct store *store)
{
	int r;

	if (store->turn_error)
		return store->turn_error;
	if (store_is_dirty(store))
		return 0;
	r = FAILPOINT("store.begin");
	if (r)
		return r == -ENOSPC ? STORE_E_FULL : r;
	return store_run(store, store_statement(store, STORE_NOUN_TURN, TURN_BEGIN)->stmt);
}

static void end_turn(struct store *store, bool is_committed)
{
	store_tally_drop(store);
	store_placing_settle(store, is_committed);
	store->turn_error = 0;
	store->is_put_in_turn = false;
}

void store_rollback(struct store *store)
{
	if (store_is_dirty(store))
		store_run(store, store_statement(store, STORE_NOUN_TURN, TURN_ROLLBACK)->stmt);
	end_turn(store, false);
}

static int write_sequence(struct store *store, int index, int sequence)
{
	sqlite3_stmt *stmt = store_statement(store, STORE_NOUN_TURN, index)->stmt;

	sqlite3_bind_text(stmt, 1, sequence_names[sequence], -1, SQLITE_STATIC);
	store_bind_u64(stmt, 2, store->next[sequence]);
	return store_run(store, stmt);
}

static int write_sequences(struct store *store)
{
	int r = 0;

	for (int i = 0; r == 0 && i < STORE_N_SEQUENCES; i++) {
		if (!store->is_sequence_changed[i])
			continue;
		r = write_sequence(store, TURN_SEQUENCE_SET, i);
		if (r == 0 && !sqlite3_changes(store->db))
			r = write_sequence(store, TURN_SEQUENCE_PUT, i);
	}
	return r;
}

bool store_is_full(struct store *store)
{
	/* while it is low it is looked at again each time */
	return store_file_is_space_low(&store->file) && store_file_check(&store->file) == 0 &&
		store_file_is_space_low(&store->file);
}

/*
 * Cancels and results must get through where new tasks may not. The room of the ballast is for the WAL: writing that back to the
 * database would use it all up at once, so it waits until there is room again.
 */
static void use_ballast(struct store *store)
{
	bool had_ballast = store->file.has_ballast;

	if ((store->saw_full || store_file_is_space_low(&store->file)) && !store->is_put_in_turn)
		store_file_drop_ballast(&store->file);
	if (had_ballast != store->file.has_ballast)
		sqlite3_wal_autocheckpoint(store->db, 0);
	else if (had_ballast && store->is_wal_held)
		sqlite3_wal_autocheckpoint(store->db, CHECKPOINT_PAGES);
	store->is_wal_held = !store->file.has_ballast;
}

static int commit(struct store *store)
{
	int r = store_file_check(&store->file);

	if (r == -ESTALE) {
		/* what SQLite still holds goes into the database file; the next start reads what is there then */
		sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
		return r;
	}
	if (r == 0)
		r = store->turn_error;
	if (r == 0)
		r = store_tally_flush(store);
	if (r == 0)
		r = store_placing_flush(store);
	if (r == 0)
		r = write_sequences(store);
	if (r == 0)
		r = FAILPOINT("store.commit.before");
	if (r)
		return r == -ENOSPC ? STORE_E_FULL : r;
	use_ballast(store);
	return store_run(store, store_statement(store, STORE_NOUN_TURN, TURN_COMMIT)->stmt);
}

int store_commit(struct store *store)
{
	int r;

	if (!store_is_dirty(store) && !store->turn_error)
		return 0;
	r = commit(store);
	if (r) {
		store->saw_full = r == STORE_E_FULL;
		store_rollback(store);
		return r;
	}
	memset(store->is_sequence_changed, 0, sizeof(store->is_sequence_changed));
	store->saw_full = false;
	end_turn(store, true);
	return FAILPOINT("store.commit.after");
}

int store_next_id(struct store *store, enum store_sequence sequence, uint64_t *ret_id)
{
	int r = store_begin(store);

	if (r)
		return r;
	if (store->next[sequence] >= STORE_NUMBER_END)
		return err_raise(-EOVERFLOW);
	*ret_id = store->next[sequence]++;
	store->is_sequence_changed[sequence] = true;
	return 0;
}

int store_raise_next(struct store *store, enum store_sequence sequence, uint64_t next)
{
	int r;

	if (next <= store->next[sequence])
		return 0;
	r = store_begin(store);
	if (r)
		return r;
	store->next[sequence] = next;
	store->is_sequence_changed[sequence] = true;
	return 0;
}

/* ---- opening and closing ---- */

/* No number of ours is 0 or less: what has such a one could not even be named, and 0 means "none" elsewhere. */
static int drop_unnamed(struct store *store)
{
	int before = sqlite3_total_changes(store->db);
	int r = store_exec(store,
		"DELETE FROM event WHERE seq < 1; DELETE FROM question WHERE id < 1; DELETE FROM task WHERE id < 1;"
		"DELETE FROM lane WHERE id < 1; DELETE FROM session WHERE id < 1");

	if (r || sqlite3_total_changes(store->db) == before)
		return r;
	store->n_repaired++;
	return store_tally_recount(store);
}

int store_load_sequences(struct store *store)
{
	sqlite3_stmt *stmt = store_statement(store, STORE_NOUN_TURN, TURN_SEQUENCES)->stmt;
	int dropped = drop_unnamed(store);

	if (dropped)
		return err_fold(dropped);
	for (int i = 0; i < STORE_N_SEQUENCES; i++) {
		uint64_t next = 1, max = 0;
		int r;

		sqlite3_bind_text(stmt, 1, sequence_names[i], -1, SQLITE_STATIC);
		r = store_step(store, stmt);
		if (r)
			return err_fold(r);
		if (store_read_u64(stmt, 0, &next))
			next = 1;
		if (store_read_u64(stmt, 1, &max))
			max = 0;
		sqlite3_reset(stmt);
		/* never given out: no number would be left for what comes */
		if (next > STORE_NUMBER_MAX || max > STORE_NUMBER_MAX)
			return STORE_E_DAMAGED;
		store->next[i] = next > max ? next : max + 1;
	}
	return 0;
}

static int prepare_noun(struct store *store, enum store_noun noun)
{
	const struct store_statements *statements = store_nouns[noun];

	store->statements[noun] = calloc(statements->n, sizeof(struct store_statement));
	if (!store->statements[noun])
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < statements->n; i++) {
		struct store_statement *statement = &store->statements[noun][i];
		int rc = sqlite3_prepare_v3(store->db, statements->texts[i], -1,
			SQLITE_PREPARE_PERSISTENT, &statement->stmt, NULL);

		if (rc)
			return store_schema_judge(rc);
		rc = store_row_map(statements, statement->stmt, &statement->map);
		if (rc)
			return rc;
	}
	return 0;
}

static int prepare(struct store *store)
{
	int r = 0;

	for (int noun = 0; r == 0 && noun < STORE_N_NOUNS; noun++)
		r = prepare_noun(store, (enum store_noun)noun);
	if (r)
		return r;
	r = store_placing_load(store);
	return r ? r : store_load_sequences(store);
}

static void close_database(struct store *store)
{
	for (int noun = 0; noun < STORE_N_NOUNS; noun++) {
		for (size_t i = 0; store->statements[noun] && i < store_nouns[noun]->n; i++)
			sqlite3_finalize(store->statements[noun][i].stmt);
		free(store->statements[noun]);
		store->statements[noun] = NULL;
	}
	store_placing_free(store);
	store_fresh_drop_all(store);
	sqlite3_close(store->db);
	store->db = NULL;
}

static int configure(struct store *store)
{
	static const int on[] = { SQLITE_DBCONFIG_DEFENSIVE, SQLITE_DBCONFIG_ENABLE_FKEY };
	static const int off[] = {
		SQLITE_DBCONFIG_TRUSTED_SCHEMA,
		SQLITE_DBCONFIG_ENABLE_TRIGGER,
		SQLITE_DBCONFIG_ENABLE_VIEW,
		SQLITE_DBCONFIG_DQS_DDL,
		SQLITE_DBCONFIG_DQS_DML,
		SQLITE_DBCONFIG_WRITABLE_SCHEMA,
		SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION,
	};

	for (size_t i = 0; i < sizeof(on) / sizeof(on[0]); i++)
		sqlite3_db_config(store->db, on[i], 1, NULL);
	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++)
		sqlite3_db_config(store->db, off[i], 0, NULL);
	sqlite3_limit(store->db, SQLITE_LIMIT_LENGTH, STORE_ROW_MAX_BYTES);
	sqlite3_limit(store->db, SQLITE_LIMIT_ATTACHED, 1); /* VACUUM INTO needs one */
	sqlite3_wal_autocheckpoint(store->db, CHECKPOINT_PAGES);
	return store_schema_judge(sqlite3_exec(store->db,
		"PRAGMA locking_mode = EXCLUSIVE;"
		"PRAGMA mmap_size = 0;"
		"PRAGMA cell_size_check = ON;"
		"PRAGMA cache_size = -3072;"
		"PRAGMA temp_store = MEMORY;"
		"PRAGMA synchronous = FULL;"
		"PRAGMA journal_size_limit = 8388608;",
		NULL, NULL, NULL));
}

/* SQLite counts its memory under a lock at each allocation; nobody reads the count. Only before its first use. */
static void forgo_memory_status(void)
{
	static bool is_done;

	if (!is_done)
		sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	is_done = true;
}

static int open_database(struct store *store, bool is_clean, struct store_report *report)
{
	int rc, r;

	forgo_memory_status();
	rc = sqlite3_open_v2(store->file.path, &store->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
			SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_PRIVATECACHE,
		NULL);
	if (!store->db)
		return err_raise(-ENOMEM);
	if (rc)
		return store_error(store, rc);
	r = configure(store);
	if (r == 0)
		r = store_schema_settle(store, is_clean, report);
	if (r == 0)
		r = prepare(store);
	if (r == 0)
		r = store_file_remember(&store->file);
	return r;
}

/* What a database that cannot be trusted says of the numbers it gave out: 1 where it does not, or what cannot be. */
static void read_old_numbers(struct store *store, uint64_t ret_next[STORE_N_SEQUENCES])
{
	for (int i = 0; i < STORE_N_SEQUENCES; i++) {
		sqlite3_stmt *stmt = NULL;

		ret_next[i] = 1;
		if (!store->db ||
			sqlite3_prepare_v2(store->db, "SELECT next FROM sequence WHERE name = ?1",
				-1, &stmt, NULL))
			continue;
		sqlite3_bind_text(stmt, 1, sequence_names[i], -1, SQLITE_STATIC);
		if (sqlite3_step(stmt) == SQLITE_ROW &&
			(store_read_u64(stmt, 0, &ret_next[i]) || ret_next[i] > STORE_NUMBER_MAX))
			ret_next[i] = 1;
		sqlite3_finalize(stmt);
	}
}

/* Files and applications still have the numbers that the old one gave out: they are not given out again. */
static int go_on_from(struct store *store, const uint64_t next[STORE_N_SEQUENCES])
{
	int r = 0;

	for (int i = 0; i < STORE_N_SEQUENCES && r == 0; i++)
		r = store_raise_next(store, (enum store_sequence)i, next[i]);
	return r ? r : store_commit(store);
}

/* Opens what is there; a database that cannot be trusted is moved away and a new one made, once. */
static int open_or_replace(struct store *store, struct store_report *report)
{
	uint64_t next[STORE_N_SEQUENCES];
	bool is_clean;
	int r = store_file_probe(&store->file);

	if (r && r != STORE_E_DAMAGED)
		return r;
	is_clean = store_file_take_clean_mark(&store->file);
	report->was_clean = is_clean && r == 0;
	if (r == 0)
		r = open_database(store, is_clean, report);
	if (r != STORE_E_DAMAGED && r != -EUCLEAN && r != -EBADMSG)
		return r;
	/* as it is: what is in its WAL could be the better half */
	if (store->db)
		sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	read_old_numbers(store, next);
	close_database(store);
	r = store_file_set_aside(&store->file, report->set_aside, sizeof(report->set_aside));
	if (r == 0)
		r = store_file_probe(&store->file);
	if (r == 0)
		r = open_database(store, true, report);
	if (r == 0)
		r = go_on_from(store, next);
	return err_fold(r);
}

/* One thread has it, and nobody asks how much memory it takes: no locks. Says no when SQLite is in use already. */
static void configure_library(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int store_open(const char *state_dir, struct store **ret_store, struct store_report *ret_report)
{
	struct store *store = calloc(1, sizeof(*store));
	int r;

	memset(ret_report, 0, sizeof(*ret_report));
	if (!store)
		return err_raise(-ENOMEM);
	configure_library();
	store->file.lock_fd = store->file.dir_fd = -1;
	r = store_file_open(&store->file, state_dir);
	if (r == 0)
		r = open_or_replace(store, ret_report);
	if (r) {
		close_database(store);
		store_file_close(&store->file);
		free(store);
		return r;
	}
	store_file_make_ballast(&store->file);
	*ret_store = store;
	return 0;
}

void store_close(struct store *store)
{
	bool is_good;

	if (!store)
		return;
	store_rollback(store);
	store->file.checked_us = 0; /* look now */
	is_good = store_file_check(&store->file) == 0 && !store->file.is_suspect &&
		FAILPOINT("store.close") == 0;
	close_database(store);
	if (is_good)
		store_file_put_clean_mark(&store->file);
	store_file_close(&store->file);
	free(store);
}
