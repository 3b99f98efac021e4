/* SPDX-License-Identifier: MIT */
/* Migrations, schema.sql, newer and forged databases. */
#include "tests/daemon/store/fixture.h"

#include "schema/migrations.h"

/* Runs SQL on the closed database with a connection of its own. */
static void forge(struct fixture *f, const char *sql)
{
	char *message = NULL;
	sqlite3 *db;

	store_close(f->store);
	f->store = NULL;
	ck_ok(sqlite3_open(fixture_path(f, "queue.db"), &db));
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, &message) == SQLITE_OK, "%s", message);
	ck_ok(sqlite3_close(db));
}

START_TEST(migrations_are_numbered)
{
	for (size_t i = 0; i < schema_n_migrations; i++) {
		ck_assert_int_eq(schema_migrations[i].version, (int)i + 1);
		ck_assert_uint_eq(strlen(schema_migrations[i].sha256), 64);
	}
	ck_assert_int_eq(SCHEMA_VERSION, (int)schema_n_migrations);
}
END_TEST

START_TEST(leaves_a_newer_database_alone)
{
	struct stat before, after;
	struct fixture f;

	fixture_init(&f);
	forge(&f, "PRAGMA user_version = 99");
	ck_ok(stat(fixture_path(&f, "queue.db"), &before));
	ck_assert_int_eq(store_open(f.dir, &f.store, &f.report), STORE_E_NEWER_SCHEMA);
	ck_ok(stat(fixture_path(&f, "queue.db"), &after));
	ck_assert_int_eq(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	ck_assert_int_eq(before.st_size, after.st_size);
	ck_assert_str_eq(f.report.set_aside, "");
	f.store = NULL;
	fixture_done(&f);
}
END_TEST

START_TEST(leaves_a_newer_database_in_its_wal_alone)
{
	struct fixture f;
	struct stat wal;

	fixture_init(&f);
	forge(&f, "PRAGMA journal_mode = WAL"); /* closed: the file is version 1 */
	{
		sqlite3 *db;

		ck_ok(sqlite3_open(fixture_path(&f, "queue.db"), &db));
		sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		ck_ok(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL));
		ck_ok(sqlite3_close(db));
	}
	ck_ok(stat(fixture_path(&f, "queue.db-wal"), &wal));
	ck_assert_int_gt(wal.st_size, 0);
	ck_assert_int_eq(store_open(f.dir, &f.store, &f.report), STORE_E_NEWER_SCHEMA);
	ck_ok(stat(fixture_path(&f, "queue.db-wal"), &wal));
	ck_assert_int_gt(wal.st_size, 0);
	f.store = NULL;
	fixture_done(&f);
}
END_TEST

static const char *const forgeries[] = {
	"PRAGMA application_id = 1",
	"CREATE TABLE extra(a)",
	"CREATE TRIGGER t AFTER INSERT ON task BEGIN DELETE FROM session; END",
	"CREATE VIEW v AS SELECT 1",
	"DROP TABLE event",
	"DROP INDEX task_queue",
	"ALTER TABLE task ADD COLUMN more INTEGER",
	"PRAGMA user_version = 0",
	"PRAGMA user_version = -3",
};

START_TEST(sets_a_forged_database_aside)
{
	struct fixture f;

	fixture_init(&f);
	forge(&f, forgeries[_i]);
	fixture_reopen(&f);
	ck_assert_msg(f.report.set_aside[0], "%s", forgeries[_i]);
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM session"), 0);
	fixture_done(&f);
}
END_TEST

/* F-9: a task that only an index misses is listed and runs again. */
START_TEST(makes_indexes_anew)
{
	uint64_t id, ids[4];
	struct store_filter filter = { .uid = (uid_t)-1, .limit = 4 };
	struct fixture f;
	size_t n = 0;

	fixture_init(&f);
	fixture_put(&f, TASK_STATE_QUEUED);
	id = fixture_put(&f, TASK_STATE_QUEUED);
	ck_ok(store_commit(f.store));
	/* SQLite does not know of the index while the row goes and comes back with another number */
	forge(&f,
		"PRAGMA writable_schema = ON;"
		"CREATE TEMP TABLE kept AS SELECT * FROM main.sqlite_schema WHERE name = 'task_by_session';"
		"DELETE FROM main.sqlite_schema WHERE name = 'task_by_session';"
		"PRAGMA writable_schema = RESET; UPDATE task SET id = 50 WHERE id = (SELECT max(id) FROM task);"
		"PRAGMA writable_schema = ON; INSERT INTO main.sqlite_schema SELECT * FROM kept");
	fixture_reopen(&f);
	ck_assert_str_eq(f.report.set_aside, "");
	ck_assert(f.report.has_new_indexes);
	ck_ok(store_task_ids(f.store, &filter, ids, &n));
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(ids[0], id - 1);
	ck_assert_uint_eq(ids[1], 50);
	fixture_reopen(&f);
	ck_assert(!f.report.has_new_indexes);
	fixture_done(&f);
}
END_TEST

START_TEST(a_new_database_needs_no_backup)
{
	struct fixture f;

	fixture_init(&f);
	ck_assert_str_eq(f.report.backup, "");
	ck_assert_int_eq(f.report.migrated_to, SCHEMA_VERSION);
	ck_assert_uint_eq(fixture_count(&f, "queue.db.backup"), 0);
	fixture_done(&f);
}
END_TEST

START_TEST(a_half_made_database_is_finished)
{
	struct fixture f;
	sqlite3 *db;
	char sql[64];

	fixture_dir(&f);
	ck_ok(sqlite3_open(fixture_path(&f, "queue.db"), &db));
	snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", STORE_APPLICATION_ID);
	ck_ok(sqlite3_exec(db, sql, NULL, NULL, NULL));
	ck_ok(sqlite3_close(db));
	fixture_reopen(&f);
	ck_assert_str_eq(f.report.set_aside, "");
	fixture_session(&f, 1, "a", "b");
	ck_ok(store_commit(f.store));
	fixture_done(&f);
}
END_TEST

struct said {
	char text[64];
	size_t used;
};

static int say(const struct store_event *event, void *user)
{
	struct said *said = user;

	said->used += (size_t)snprintf(said->text + said->used, sizeof(said->text) - said->used,
		"%" PRIu64 ":%d ", event->seq, (int)event->type);
	return 0;
}

/* A store over a database as that version wrote it, with these rows. */
static void fixture_of_version(struct fixture *f, int version, const char *const rows[], size_t n)
{
	sqlite3 *db;

	fixture_dir(f);
	ck_ok(sqlite3_open(fixture_path(f, "queue.db"), &db));
	ck_ok(sqlite3_exec(db, "PRAGMA application_id = 0x74667264", NULL, NULL, NULL));
	ck_ok(store_schema_migrate(db, 0, version));
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(sqlite3_exec(db, rows[i], NULL, NULL, NULL) == SQLITE_OK, "%s",
			sqlite3_errmsg(db));
	ck_ok(sqlite3_close(db));
	fixture_reopen(f);
	ck_assert_str_eq(f->report.set_aside, "");
	ck_assert_int_eq(f->report.migrated_from, version);
}

/* A database as version 1 wrote it: cancelled tasks were counted with the failed ones. */
START_TEST(counts_cancelled_tasks_apart_after_version_1)
{
	static const char *const rows[] = {
		"INSERT INTO session VALUES (1, 4, 0, 'a', 'b', 1, NULL, 1, 0, 1, 1, 0, 6, NULL, NULL, NULL, 0, 0, 1, 0, 0)",
		"INSERT INTO lane VALUES (1, 1, 'https://h:443', 0)",
		"INSERT INTO task(id, session, lane, kind, state, url, method, created_wall_us, result_code)"
		" VALUES (1, 1, 1, 3, 6, 'u', 'GET', 1, -999), (2, 1, 1, 3, 6, 'u', 'GET', 1, -1001),"
		" (3, 1, 1, 3, 6, 'u', 'GET', 1, 0), (4, 1, 1, 3, 0, 'u', 'GET', 1, 0)",
		"INSERT INTO tally VALUES (1, 0, 1), (1, 6, 3), (1, 7, 2), (1, 8, 0)",
	};
	struct store_counts counts;
	struct fixture f;

	fixture_of_version(&f, 1, rows, sizeof(rows) / sizeof(rows[0]));
	ck_assert_str_ne(f.report.backup, "");
	ck_ok(store_counts(f.store, &counts));
	ck_assert_uint_eq(counts.n_failed, 1);
	ck_assert_uint_eq(counts.n_cancelled, 1);
	ck_assert_uint_eq(counts.by_state[TASK_STATE_COMPLETED], 3);
	fixture_done(&f);
}
END_TEST

/* Nobody has acknowledged them before the new version came: a row was one event. */
START_TEST(keeps_events_of_version_6)
{
	static const char *const rows[] = {
		"INSERT INTO session(id, kind, uid, app_id, identifier, state, created_wall_us, last_acked_seq,"
		" request_timeout_us, resource_timeout_us, max_rate_bps, max_connections_per_host, upload_copy,"
		" is_discretionary, allows_metered, allow_insecure, retry_http_errors)"
		" VALUES (1, 4, 0, 'a', 'b', 1, 1, 11, 1, 1, 0, 6, 0, 0, 1, 0, 0)",
		"INSERT INTO lane VALUES (1, 1, 'https://h:443', 0)",
		"INSERT INTO task(id, session, lane, kind, state, url, method, created_wall_us, finished_wall_us)"
		" VALUES (1, 1, 1, 3, 6, 'u', 'GET', 1, 5), (2, 1, 1, 3, 6, 'u', 'GET', 1, 5)",
		/* the first of task 1 is acknowledged */
		"INSERT INTO event VALUES (12, 1, 1, 4, 5, 0, 0), (13, 1, 1, 5, 5, 0, 0), (14, 1, 2, 3, 5, 0, 0),"
		" (15, 1, 2, 4, 5, 0, 0), (16, 1, 2, 5, 5, 0, 0)",
		"INSERT INTO tally VALUES (1, 6, 2), (1, 8, 5)",
		"UPDATE sequence SET next = 17 WHERE name = 'event'",
	};
	struct store_event end = {
		.session = 1, .task = 2, .type = STORE_EVENT_METRICS, .n_after = 1
	};
	struct said said = { 0 };
	struct fixture f;
	uint64_t n;

	fixture_of_version(&f, 6, rows, sizeof(rows) / sizeof(rows[0]));
	ck_ok(store_event_put(f.store, &end));
	ck_assert_uint_eq(end.seq, 18);
	ck_ok(store_session_events(f.store, 1, &n));
	ck_assert_uint_eq(n, 7);
	ck_ok(store_event_ack(f.store, 1, 14, say, &said));
	ck_ok(store_event_ack(f.store, 1, 17, say, &said));
	ck_assert_str_eq(said.text, "12:4 13:5 14:3 15:4 16:5 17:4 ");
	ck_ok(store_task_del(f.store, 2));
	ck_ok(store_session_events(f.store, 1, &n));
	ck_assert_uint_eq(n, 0);
	fixture_done(&f);
}
END_TEST

/* What waits of a task in rows of its own goes with it. */
START_TEST(removes_tasks_of_version_6)
{
	struct fixture f;

	fixture_init(&f);
	ck_assert_uint_eq(fixture_put(&f, TASK_STATE_COMPLETED), 1);
	fixture_sql(&f,
		"INSERT INTO event(seq, session, task, type, wall_us, a, b) SELECT seq.value, session.id, 1, seq.value,"
		" 5, 0, 0 FROM session, json_each('[3, 4, 5]') AS seq");
	ck_ok(store_task_del(f.store, 1));
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM event"), 0);
	fixture_done(&f);
}
END_TEST

#define SESSION_OF_VERSION_7 \
	"INSERT INTO session(id, kind, uid, app_id, identifier, state, created_wall_us, last_acked_seq," \
	" request_timeout_us, resource_timeout_us, max_rate_bps, max_connections_per_host, upload_copy," \
	" is_discretionary, allows_metered, allow_insecure, retry_http_errors)" \
	" VALUES (1, 4, 0, 'a', 'b', 1, 1, 0, 1, 1, 0, 6, 0, 0, 1, 0, 0)"

/* Of the one wide row, and of those beside it, nothing is lost; a plain task has no row but its own. */
START_TEST(keeps_tasks_of_version_7)
{
	static const char *const rows[] = {
		SESSION_OF_VERSION_7,
		"INSERT INTO lane VALUES (1, 1, 'https://h:443', 1)",
		"INSERT INTO task(id, session, lane, kind, state, url, method, destination, priority, created_wall_us)"
		" VALUES (1, 1, 1, 3, 1, 'https://h/1', 'GET', '/d', 0.25, 9)",
		"INSERT INTO task(id, session, lane, kind, state, url, method, created_wall_us, attempts, resource_left_us,"
		" source_path, timeout_us, max_rate_bps, offset_bytes, etag, last_error_code, last_error_detail, due_wall_us,"
		" wait_reason, expires_boot_us) VALUES (2, 1, 1, 2, 2, 'https://h/2', 'PUT', 9, 3, 77, '/s', 5, 6, 7, '\"e\"', -1001,"
		" 'slow', 0, 1, 88)",
		"INSERT INTO task_extra VALUES (2, x'41004200', x'0102')",
		"INSERT INTO task(id, session, lane, kind, state, url, method, destination, created_wall_us, resource_left_us,"
		" file_ino, file_size_bytes, result_code) VALUES (3, 1, 1, 3, 3, 'https://h/3', 'GET', '/e', 9, 0, 4711, 12, 0)",
		"INSERT INTO response VALUES (3, 200, 'https://h/r', 'text/html', NULL, '1.1', 'n', NULL, 12)",
		"INSERT INTO task(id, session, lane, kind, state, url, method, created_wall_us, finished_wall_us, resource_left_us,"
		" result_code) VALUES (4, 1, 1, 3, 6, 'https://h/4', 'GET', 9, 99, 77, -999)",
		"INSERT INTO question VALUES (5, 1, 2, 1, 0, 1)",
		"INSERT INTO tally VALUES (1, 1, 1), (1, 2, 1), (1, 3, 1), (1, 6, 1), (1, 9, 1)",
	};
	struct question question;
	struct store_counts counts;
	struct task *task;
	struct fixture f;
	uint64_t due_us, expires_us;

	fixture_of_version(&f, 7, rows, sizeof(rows) / sizeof(rows[0]));
	task = fixture_load(&f, 1);
	ck_assert(task->is_row_untouched && !task->has_extra && !task->has_outcome);
	ck_assert_str_eq(task->request.destination, "/d");
	ck_assert(task->request.priority < 0.26);
	task_free(task);
	task = fixture_load(&f, 2);
	ck_assert_uint_eq(task->attempts, 3);
	ck_assert_uint_eq(task->resource_left_us, 77);
	ck_assert_str_eq(task->request.source_path, "/s");
	ck_assert_uint_eq(task->request.timeout_us, 5);
	ck_assert_uint_eq(task->request.max_rate_bps, 6);
	ck_assert_uint_eq(task->request.n_headers, 1);
	ck_assert_str_eq(task->request.headers[0].value, "B");
	ck_assert_uint_eq(task->request.userdata_bytes, 2);
	ck_assert_uint_eq(task->offset_bytes, 7);
	ck_assert_int_eq(task->total_bytes, -1);
	ck_assert_str_eq(task->etag, "\"e\"");
	ck_assert_int_eq(task->last_error.code, -1001);
	ck_assert_str_eq(task->last_error.detail, "slow");
	ck_assert_int_eq(task->response.expected_bytes, -1);
	task_free(task);
	task = fixture_load(&f, 3);
	ck_assert_int_eq(task->state, TASK_STATE_FINISHING);
	ck_assert_uint_eq(task->file_ino, 4711);
	ck_assert_uint_eq(task->response.status, 200);
	ck_assert_str_eq(task->response.mime_type, "text/html");
	ck_assert_int_eq(task->response.expected_bytes, 12);
	task_free(task);
	task = fixture_load(&f, 4);
	ck_assert_int_eq(task->result.code, -999);
	ck_assert_uint_eq(task->finished_wall_us, 99);
	task_free(task);
	/* one that waits for no moment waits for the first, so that it is found; a clock of those that are over does not run */
	ck_ok(store_due_next(f.store, &due_us));
	ck_assert_uint_eq(due_us, 1);
	ck_ok(store_expiry_next(f.store, &expires_us));
	ck_assert_uint_eq(expires_us, 88);
	ck_ok(store_question_of_task(f.store, 2, &question));
	ck_assert_uint_eq(question.id, 5);
	ck_ok(store_counts(f.store, &counts));
	ck_assert_uint_eq(counts.by_state[TASK_STATE_FINISHING], 1);
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
	ck_assert_int_eq(
		fixture_number(&f,
			"SELECT count(*) FROM sqlite_schema WHERE name LIKE 'old%' OR name LIKE 'wide%'"),
		0);
	fixture_done(&f);
}
END_TEST

/* A row that belongs to nothing does not keep the others from the new version. */
START_TEST(leaves_orphans_of_version_7_behind)
{
	static const char *const rows[] = {
		SESSION_OF_VERSION_7,
		"INSERT INTO lane VALUES (1, 1, 'https://h:443', 1)",
		"PRAGMA foreign_keys = OFF",
		"INSERT INTO task(id, session, lane, kind, state, url, method, created_wall_us, timeout_us, offset_bytes)"
		" VALUES (1, 1, 1, 3, 1, 'https://h/1', 'GET', 9, 1, 1), (2, 7, 1, 3, 1, 'https://h/2', 'GET', 9, 1, 1)",
		"INSERT INTO question VALUES (5, 1, 2, 1, 0, 1), (6, 1, 1, 1, 0, 1), (7, 7, 1, 1, 0, 1)",
		"INSERT INTO response VALUES (2, 200, NULL, NULL, NULL, NULL, NULL, NULL, -1)",
		"INSERT INTO tally VALUES (1, 1, 1)",
	};
	struct fixture f;

	fixture_of_version(&f, 7, rows, sizeof(rows) / sizeof(rows[0]));
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM task"), 1);
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM task_extra"), 1);
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM outcome"), 1);
	ck_assert_int_eq(fixture_number(&f, "SELECT sum(id) FROM question"), 6);
	fixture_done(&f);
}
END_TEST

/* ---- schema.sql says what the migrations make ---- */

static void describe(sqlite3 *db, char *text, size_t size)
{
	static const char *const queries[] = {
		"SELECT t.name || ' ' || t.type || ' ' || t.strict || ' ' || t.wr || x.name || ' ' || x.type || ' ' ||"
		" x.\"notnull\" || ifnull(x.dflt_value, '-') || x.pk || x.hidden FROM pragma_table_list AS t,"
		" pragma_table_xinfo(t.name) AS x WHERE t.name NOT LIKE 'sqlite%' ORDER BY t.name, x.cid",
		"SELECT t.name || ' ' || i.name || i.\"unique\" || i.origin || i.partial || c.seqno || ' '"
		" || ifnull(c.name, '') || c.\"desc\" FROM pragma_table_list AS t, pragma_index_list(t.name) AS i,"
		" pragma_index_xinfo(i.name) AS c WHERE t.name NOT LIKE 'sqlite%' ORDER BY t.name, i.name, c.seqno",
		"SELECT t.name || ' ' || k.\"table\" || k.\"from\" || k.\"to\" || k.on_delete"
		" FROM pragma_table_list AS t, pragma_foreign_key_list(t.name) AS k ORDER BY t.name, k.id",
	};
	size_t used = 0;

	for (size_t i = 0; i < 3; i++) {
		sqlite3_stmt *stmt;

		ck_assert_msg(sqlite3_prepare_v2(db, queries[i], -1, &stmt, NULL) == SQLITE_OK,
			"%s", sqlite3_errmsg(db));
		while (sqlite3_step(stmt) == SQLITE_ROW) {
			used += (size_t)snprintf(text + used, size - used, "%s\n",
				(const char *)sqlite3_column_text(stmt, 0));
			ck_assert_uint_lt(used, size);
		}
		sqlite3_finalize(stmt);
	}
}

START_TEST(schema_sql_is_what_migrations_make)
{
	static char by_hand[65536], by_migrations[65536], text[65536];
	const char *source = getenv("top_srcdir");
	char path[4096];
	sqlite3 *db;
	FILE *file;

	snprintf(path, sizeof(path), "%s/schema/schema.sql", source ? source : ".");
	file = fopen(path, "r");
	ck_assert_msg(file, "%s", path);
	ck_assert_uint_gt(fread(text, 1, sizeof(text) - 1, file), 100);
	fclose(file);
	ck_ok(sqlite3_open(":memory:", &db));
	ck_assert_msg(
		sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	describe(db, by_hand, sizeof(by_hand));
	sqlite3_close(db);
	ck_ok(sqlite3_open(":memory:", &db));
	ck_ok(store_schema_migrate(db, 0, SCHEMA_VERSION));
	describe(db, by_migrations, sizeof(by_migrations));
	sqlite3_close(db);
	ck_assert_uint_gt(strlen(by_hand), 2000);
	ck_assert_str_eq(by_hand, by_migrations);
}
END_TEST

RUN_TESTS("daemon/store/store-schema", TEST(migrations_are_numbered),
	TEST(leaves_a_newer_database_alone), TEST(leaves_a_newer_database_in_its_wal_alone),
	TEST_EACH(sets_a_forged_database_aside, forgeries), TEST(makes_indexes_anew),
	TEST(a_new_database_needs_no_backup), TEST(a_half_made_database_is_finished),
	TEST(counts_cancelled_tasks_apart_after_version_1), TEST(keeps_events_of_version_6),
	TEST(removes_tasks_of_version_6), TEST(keeps_tasks_of_version_7),
	TEST(leaves_orphans_of_version_7_behind), TEST(schema_sql_is_what_migrations_make))
