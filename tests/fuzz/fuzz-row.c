/* SPDX-License-Identifier: MIT */
/*
 * Rows that somebody else has written: any column holds any type and size, and the daemon starts over them, lists them, runs them and
 * ends. Input: what is done with them; then choices of a table, of columns and of their values.
 */
#include <errno.h>
#include <stdio.h>

#include <transfer/error.h>

#include "base/err.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/world.h"

#define COLUMNS_MAX   96
#define ROWS_MAX      24
#define ID_MAX        5
#define HUGE_BYTES    (1 << 16)
#define KEPT_US_BYTES 7 /* of a time in the future */

unsigned fuzz_n_runs = 3000;

static struct world world;
static sqlite3 *hand;
static bool is_sound; /* types and ranges are right, as far as SQLite knows them */

/* A row that is right; what is wrong is put over it. ?1: its id. */
static struct table {
	const char *name, *insert;
	int n_columns;
	sqlite3_stmt *put, *change[COLUMNS_MAX];
} tables[] = {
	{ .name = "session",
		.insert =
			"INSERT OR REPLACE INTO session(id, kind, uid, app_id, identifier, state, created_wall_us,"
			" last_acked_seq, request_timeout_us, resource_timeout_us, max_rate_bps,"
			" max_connections_per_host, upload_copy, is_discretionary, allows_metered, allow_insecure,"
			" retry_http_errors) VALUES (?1, 4, 1000, 'org.example', 'main' || ?1, 1, 1, 0, 60000000,"
			" 604800000000, 0, 6, 1, 0, 1, 0, 0)" },
	{ .name = "task",
		.insert =
			"INSERT OR REPLACE INTO task(id, session, lane, kind, state, url, method, created_wall_us)"
			" VALUES (?1, 1, 1, 3, 1, 'https://example.org/a', 'GET', 1)" },
	{ .name = "lane",
		.insert = "INSERT OR REPLACE INTO lane(id, session, host, n_queued)"
			  " VALUES (?1, 1, 'https://example.org:443' || ?1, 1)" },
	{ .name = "task_extra",
		.insert =
			"INSERT OR REPLACE INTO task_extra(task, headers, userdata) VALUES (?1, x'41003100', x'00')" },
	{ .name = "outcome",
		.insert =
			"INSERT OR REPLACE INTO outcome(task, offset_bytes, status, expected_bytes, url, mime_type,"
			" text_encoding, http_version, suggested_name, headers) VALUES (?1, 7, 200, 10,"
			" 'https://example.org/a', 'text/html', 'utf-8', '1.1', 'a', x'41003100')" },
	{ .name = "event",
		.insert = "INSERT OR REPLACE INTO event VALUES (?1, 1, ?1, 5, 1, 0, 0, 1)" },
	{ .name = "token",
		.insert =
			"INSERT OR REPLACE INTO token VALUES (?1, 1, 't' || ?1, x'0100000000000000')" },
	{ .name = "question",
		.insert = "INSERT OR REPLACE INTO question VALUES (?1, 1, ?1, 1, 0, 1)" },
	{ .name = "tally", .insert = "INSERT OR REPLACE INTO tally VALUES (1, ?1, 1)" },
	{ .name = "setting",
		.insert =
			"INSERT OR REPLACE INTO setting VALUES (CASE ?1 WHEN 1 THEN 'limits' ELSE 'key' END, x'00')" },
	{ .name = "jar",
		.insert = "INSERT OR REPLACE INTO jar VALUES (?1, 1000, 'org.example', '')" },
	{ .name = "cookie",
		.insert =
			"INSERT OR REPLACE INTO cookie VALUES (?1, 1, 'example.org', '/', 'n' || ?1, 'v', 0, 1, 0, 1,"
			" 0, 0)" },
};
#define N_TABLES (sizeof(tables) / sizeof(tables[0]))

/* ---- the hand that writes them ---- */

static void hand_sql(const char *sql)
{
	world_sql_of(hand, sql);
}

static void prepare_changes(struct table *table)
{
	sqlite3_stmt *names;
	char sql[200];

	FUZZ_MUST(sqlite3_prepare_v2(hand, table->insert, -1, &table->put, NULL) == 0);
	snprintf(sql, sizeof(sql), "SELECT name FROM pragma_table_info('%s')", table->name);
	FUZZ_MUST(sqlite3_prepare_v2(hand, sql, -1, &names, NULL) == 0);
	while (sqlite3_step(names) == SQLITE_ROW) {
		FUZZ_MUST(table->n_columns < COLUMNS_MAX);
		snprintf(sql, sizeof(sql), "UPDATE OR IGNORE %s SET %s = ?1 WHERE %s = ?2",
			table->name, (const char *)sqlite3_column_text(names, 0),
			!strcmp(table->name, "tally")             ? "what"
				: !strcmp(table->name, "setting") ? "?2 IS NOT NULL OR name"
								  : "rowid");
		FUZZ_MUST(sqlite3_prepare_v2(
				  hand, sql, -1, &table->change[table->n_columns++], NULL) == 0);
	}
	sqlite3_finalize(names);
}

/*
 * A second connection has read a schema without types and checks, and does not notice that the right one is back: the file is as if
 * it had been made without SQLite. Two connections need locks and a journal that are not the daemon's.
 */
static void open_all(void)
{
	char path[320];

	world_init(&world);
	world_open(&world, NULL);
	world_sql(&world, "PRAGMA journal_mode = DELETE");
	world_close(&world);
	snprintf(path, sizeof(path), "%s/queue.db", world.state_dir);
	FUZZ_MUST(sqlite3_open(path, &hand) == SQLITE_OK);
	sqlite3_db_config(hand, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
	hand_sql(
		"CREATE TEMP TABLE kept AS SELECT rowid AS id, sql FROM main.sqlite_schema;"
		"UPDATE main.sqlite_schema SET sql = replace(replace(replace(sql, ') STRICT, WITHOUT', ') WITHOUT'),"
		" ') STRICT', ')'), ' NOT NULL', '') WHERE type = 'table';"
		"PRAGMA writable_schema = RESET; PRAGMA ignore_check_constraints = ON; PRAGMA synchronous = OFF;"
		"PRAGMA journal_mode = MEMORY");
	for (size_t i = 0; i < N_TABLES; i++)
		prepare_changes(&tables[i]);
	sqlite3_db_config(hand, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
	hand_sql(
		"UPDATE main.sqlite_schema AS s SET sql = (SELECT sql FROM kept WHERE id = s.rowid)");
	world_open(&world, NULL);
	world_sql(&world,
		"PRAGMA journal_mode = DELETE; PRAGMA locking_mode = NORMAL; PRAGMA journal_mode = MEMORY;"
		"SELECT count(*) FROM task");
	hand_sql("INSERT INTO lane(id, session, host) VALUES (1, x'00', NULL)");
}

static void run_statement(sqlite3_stmt *stmt)
{
	/* what SQLite itself refuses is no row */
	(void)sqlite3_step(stmt);
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
}

static void bind_any(struct fuzz_choices *c, sqlite3_stmt *stmt)
{
	static const double reals[] = { -0.0, 1e308, -1.5, 0.25 };
	uint8_t how = fuzz_byte(c);
	const uint8_t *piece;
	size_t n;

	switch (how % 8) {
	case 0:
		sqlite3_bind_null(stmt, 1);
		break;
	case 1:
		sqlite3_bind_int64(stmt, 1, (int8_t)fuzz_byte(c));
		break;
	case 2:
		sqlite3_bind_int64(stmt, 1, (int64_t)fuzz_number(c, 8));
		break;
	case 3:
		sqlite3_bind_double(stmt, 1, reals[how / 8 % 4]);
		break;
	case 4:
	case 5:
		n = fuzz_piece(c, how / 8, &piece);
		sqlite3_bind_text(stmt, 1, (const char *)piece, (int)n, SQLITE_TRANSIENT);
		break;
	case 6:
		n = fuzz_piece(c, how / 8, &piece);
		sqlite3_bind_blob(stmt, 1, piece, (int)n, SQLITE_TRANSIENT);
		break;
	case 7:
		if (how == 255)
			sqlite3_bind_zeroblob(stmt, 1, HUGE_BYTES);
		else
			sqlite3_bind_int64(stmt, 1,
				(int64_t)(world.now.wall_us + fuzz_number(c, KEPT_US_BYTES)));
		break;
	}
}

static void put_row(struct fuzz_choices *c)
{
	struct table *table = &tables[fuzz_byte(c) % N_TABLES];
	uint8_t choice = fuzz_byte(c);
	int64_t id = 1 + choice % ID_MAX;

	sqlite3_bind_int64(table->put, 1, id);
	run_statement(table->put);
	for (int i = 0; i < choice / 32; i++) {
		sqlite3_stmt *change = table->change[fuzz_byte(c) % table->n_columns];

		bind_any(c, change);
		sqlite3_bind_int64(change, 2, id);
		run_statement(change);
	}
}

/* Says where the error was raised. A database that a start after a crash sets aside may make errors, but nothing else. */
static void must_be_0(int r)
{
	if (r && is_sound)
		fprintf(stderr, "%d: %s\n", r, err_text(r));
	FUZZ_MUST(r == 0 || !is_sound);
}

static int on_check(void *user, int n_columns, char **texts, char **names)
{
	(void)user;
	(void)n_columns;
	(void)names;
	is_sound = !strcmp(texts[0], "ok");
	return 0;
}

/* 0, or not: a start would set this database aside. */
static int put_rows(struct fuzz_choices *c)
{
	int r;

	hand_sql(
		"BEGIN; DELETE FROM cookie; DELETE FROM jar; DELETE FROM question; DELETE FROM tally;"
		"DELETE FROM setting; DELETE FROM token; DELETE FROM event; DELETE FROM outcome;"
		"DELETE FROM task_extra; DELETE FROM task; DELETE FROM lane; DELETE FROM session;"
		"UPDATE sequence SET next = 1");
	for (size_t i = 0; i < 3; i++) {
		sqlite3_bind_int64(tables[i].put, 1, 1);
		run_statement(tables[i].put);
	}
	for (int i = 0; i < ROWS_MAX && c->size > 4; i++)
		put_row(c);
	hand_sql("COMMIT");
	is_sound = true;
	FUZZ_MUST(sqlite3_exec(world.store->db, "PRAGMA quick_check(1)", on_check, NULL, NULL) ==
		SQLITE_OK);
	r = store_load_sequences(world.store);
	must_be_0(r == STORE_E_DAMAGED ? 0 : r);
	return r;
}

/* ---- a daemon over it ---- */

static int on_session(const struct session *session, void *user)
{
	struct fuzz_choices *c = user;
	struct flow_attach attach = {
		.session = session->id, .client = 1, .implements = fuzz_byte(c)
	};
	struct flow_attached attached;

	FUZZ_MUST(session->app_id && session->identifier);
	flow_attach(world.flow, &attach, &attached);
	return 0;
}

static void on_failure(uint64_t id, int error, void *user)
{
	(void)user;
	FUZZ_MUST(id && error);
}

static void check(int r)
{
	FUZZ_MUST(r >= 0 || r == -EBADMSG || !is_sound);
}

static void steer(struct fuzz_choices *c)
{
	uint8_t choice = fuzz_byte(c);
	uint64_t id = 1 + choice % ID_MAX;
	struct flow_steer steer = { .verb = choice / ID_MAX % (FLOW_VERB_REMOVE + 1),
		.uid = (uid_t)-1,
		.ids = &id,
		.n_ids = 1,
		.is_forced = choice & 128,
		.delete_partial = choice & 128,
		.from_start = choice & 128 };

	check(flow_tasks_steer(world.flow, &steer, on_failure, NULL));
}

static void on_created(void *user, int error, const uint64_t *ids, size_t n_ids)
{
	(void)user;
	FUZZ_MUST(error || !n_ids || ids);
}

static void on_resume_data(void *user, int error, const void *data, size_t size)
{
	(void)user;
	FUZZ_MUST(error || !size || data);
}

static void create(uint64_t session, bool is_again)
{
	struct flow_request request;
	struct flow_create create = {
		.session = session, .requests = &request, .n_requests = 1, .start_running = true
	};

	flow_request_init(&request);
	request.request.url = "https://example.org/new";
	if (is_again)
		create.token = "t1";
	else
		create.after = "t1";
	check(flow_tasks_create(world.flow, &create, on_created, NULL, NULL));
}

static void answer(uint64_t question, enum flow_delayed_action action)
{
	const struct task_request request = { .url = "https://example.org/new", .method = "GET" };
	const struct flow_delayed_answer answer = { .session = 1,
		.client = 1,
		.question = question,
		.action = action,
		.request = &request };

	check(flow_question_answer_delayed(world.flow, &answer));
}

static void set(uint64_t id, bool is_later)
{
	const struct flow_changes changes = { .uid = (uid_t)-1,
		.ids = &id,
		.n_ids = 1,
		.has_priority = true,
		.has_description = true,
		.has_max_rate = true,
		.has_not_before = is_later,
		.priority = 0.75,
		.description = "new",
		.max_rate_bps = 1000,
		.not_before_wall_us = world.now.wall_us + 1000 };

	check(flow_tasks_set(world.flow, &changes, on_failure, NULL));
}

static void put_cookie(uint64_t session)
{
	const struct transfer_cookie cookie = { .name = "n1",
		.value = "new",
		.domain = "example.org",
		.path = "/",
		.is_host_only = true };

	check(flow_session_set_cookies(world.flow, session, &cookie, 1));
}

/*
 * The counts are none of this hand's rows, so a session may end that has tasks still. Its rows go; what is then saved of
 * such a task is taken for damage, as it is.
 */
static void acknowledge(uint64_t seq)
{
	bool was_attached = flow_session_client(world.flow, 1) == 1;

	check(flow_ack(world.flow, 1, 1, seq));
	if (was_attached && flow_session_client(world.flow, 1) != 1)
		is_sound = false;
}

/* What a client may ask of rows that it has not made. */
static void act(struct fuzz_choices *c)
{
	uint8_t choice = fuzz_byte(c);
	uint64_t id = 1 + choice / 16 % ID_MAX, n;
	struct flow *flow = world.flow;

	switch (choice % 16) {
	case 0:
		break;
	case 1:
		acknowledge(id);
		break;
	case 2:
		check(flow_detach(flow, id, 1));
		break;
	case 3:
		check(flow_session_finish(flow, id));
		break;
	case 4:
		check(flow_session_cancel(flow, id));
		break;
	case 5:
		check(flow_session_flush(flow, id));
		break;
	case 6:
		check(flow_session_reset(flow, id));
		break;
	case 7:
		check(flow_app_quit(flow, 1000, "org.example", &n));
		break;
	case 8:
		check(flow_task_cancel_resumable(flow, id, on_resume_data, NULL));
		break;
	case 9:
	case 10:
		answer(id, choice & 1 ? FLOW_DELAYED_CONTINUE : FLOW_DELAYED_REPLACE);
		break;
	case 11:
		set(id, choice & 128);
		break;
	case 12:
	case 13:
		create(id, choice & 1);
		break;
	case 14:
		put_cookie(id);
		break;
	case 15:
		check(flow_session_clear_cookies(flow, id));
		break;
	}
}

static void live(struct fuzz_choices *c, struct fuzz_choices *more)
{
	int r = world_start(&world, NULL, NULL);
	size_t n;

	must_be_0(r);
	if (r) {
		world_stop(&world);
		return;
	}
	world_pass(&world, 1);
	flow_turn_begin(world.flow, &world.now);
	must_be_0(flow_sessions_each(world.flow, on_session, c));
	must_be_0(world_look(&world, 1, ID_MAX, &n));
	must_be_0(flow_turn_end(world.flow));
	for (int i = 0; i < 3; i++) {
		must_be_0(world_settle(&world));
		world_report(&world, fuzz_byte(c));
		world_pass(&world, fuzz_number(c, 5));
		flow_turn_begin(world.flow, &world.now);
		steer(c);
		act(more);
		must_be_0(flow_turn_end(world.flow));
	}
	flow_turn_begin(world.flow, &world.now);
	must_be_0(world_look(&world, 1 + fuzz_byte(c) % 2, ID_MAX, &n));
	must_be_0(flow_turn_end(world.flow));
	world_stop(&world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* what is done with the rows comes first, so that it stays when the rows change */
	struct fuzz_choices acts = { data, size < 24 ? size : 24 };
	struct fuzz_choices more = { data + acts.size,
		size - acts.size < 4 ? size - acts.size : 4 };
	struct fuzz_choices rows = { more.data + more.size, size - acts.size - more.size };

	if (!world.store)
		open_all();
	if (put_rows(&rows) == 0)
		live(&acts, &more);
	return 0;
}
