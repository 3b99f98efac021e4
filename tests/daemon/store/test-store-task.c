/* SPDX-License-Identifier: MIT */
/* A task survives a restart member by member; saving touches what was asked; a row of nonsense is one task's problem. */
#include "tests/daemon/store/fixture.h"

static const struct task_header headers[] = { { "X-A", "1" }, { "X-A", "" }, { "Accept", "*/*" } };
static const struct task_header answer_headers[] = { { "content-type", "text/plain" } };

static void fill_request(struct task *task)
{
	task->request = (struct task_request){
		.url = "https://example.org/ä?q",
		.host = "https://example.org:443",
		.method = "PUT",
		.headers = headers,
		.n_headers = 3,
		.destination = "/home/u/x",
		.source_path = "/home/u/y",
		.ca_file = "/etc/ca.pem",
		.checksum_name = "sha256",
		.checksum_hex = "00ff",
		.want_digest = "md5",
		.description = "a \"quoted\" text",
		.userdata = "\0\1\2",
		.userdata_bytes = 3,
		.timeout_us = 1,
		.resource_timeout_us = 2,
		.not_before_wall_us = 3,
		.max_rate_bps = 4,
		.priority = 0.75,
		.upload_copy = TASK_UPLOAD_COPY_NONE,
		.may_overwrite = true,
		.allow_insecure = true,
		.retry_http_errors = true,
		.source_ino = UINT64_MAX - 1,
		.source_size_bytes = 6,
		.source_mtime_ns = 7,
	};
}

static void fill_life(struct task *task)
{
	task->state = TASK_STATE_WAITING;
	task->suspend_count = 2;
	task->wait_reason = TASK_WAIT_RETRY;
	task->due_wall_us = 11;
	task->attempts = 12;
	task->failures = 13;
	task->started_wall_us = 14;
	task->finished_wall_us = 15;
	task->resource_left_us = 16;
	task->expires_boot_us = 116;
	task->offset_bytes = 17;
	task->total_bytes = 18;
	task->sent_bytes = 19;
	task->network_bytes = 20;
	task->etag = "\"e\"";
	task->last_modified = "Mon";
	task->digest_state = "\0ds";
	task->digest_state_bytes = 3;
	task->can_resume = true;
	task->redirects = 21;
	task->body_bytes = 22;
	task->upload_url = "https://u/1";
	task->upload_offset_bytes = 28;
	task->response = (struct task_response){ 206, "https://r/", "text/plain", "utf-8", "1.1",
		"n.txt", answer_headers, 1, 23 };
	task->result = (struct transfer_result){ TRANSFER_ERROR_TIMED_OUT, 24, 25, "slow" };
	task->last_error = (struct transfer_result){ TRANSFER_ERROR_CANNOT_FIND_HOST, 26, 27,
		"dns" };
	task->failing_url = "https://f/";
	task->digest_hex = "abcd";
	task->file_ino = UINT64_MAX;
	task->file_size_bytes = 28;
}

static void check_request(const struct task_request *is)
{
	ck_assert_str_eq(is->url, "https://example.org/ä?q");
	ck_assert_str_eq(is->host, "https://example.org:443");
	ck_assert_str_eq(is->method, "PUT");
	ck_assert_uint_eq(is->n_headers, 3);
	ck_assert_str_eq(is->headers[0].name, "X-A");
	ck_assert_str_eq(is->headers[0].value, "1");
	ck_assert_str_eq(is->headers[1].value, "");
	ck_assert_str_eq(is->headers[2].value, "*/*");
	ck_assert_str_eq(is->destination, "/home/u/x");
	ck_assert_str_eq(is->source_path, "/home/u/y");
	ck_assert_str_eq(is->ca_file, "/etc/ca.pem");
	ck_assert_str_eq(is->checksum_name, "sha256");
	ck_assert_str_eq(is->checksum_hex, "00ff");
	ck_assert_str_eq(is->want_digest, "md5");
	ck_assert_str_eq(is->description, "a \"quoted\" text");
	ck_assert_uint_eq(is->userdata_bytes, 3);
	ck_assert_mem_eq(is->userdata, "\0\1\2", 3);
	ck_assert_uint_eq(is->timeout_us, 1);
	ck_assert_uint_eq(is->resource_timeout_us, 2);
	ck_assert_uint_eq(is->not_before_wall_us, 3);
	ck_assert_uint_eq(is->max_rate_bps, 4);
	ck_assert(is->priority > 0.74 && is->priority < 0.76);
	ck_assert_int_eq(is->upload_copy, TASK_UPLOAD_COPY_NONE);
	ck_assert(is->may_overwrite && is->allow_insecure && is->retry_http_errors);
	ck_assert_uint_eq(is->source_ino, UINT64_MAX - 1);
	ck_assert_uint_eq(is->source_size_bytes, 6);
	ck_assert_uint_eq(is->source_mtime_ns, 7);
}

static void check_life(const struct task *is)
{
	ck_assert_int_eq(is->state, TASK_STATE_WAITING);
	ck_assert_uint_eq(is->suspend_count, 2);
	ck_assert_int_eq(is->wait_reason, TASK_WAIT_RETRY);
	ck_assert_uint_eq(is->due_wall_us, 11);
	ck_assert_uint_eq(is->attempts, 12);
	ck_assert_uint_eq(is->failures, 13);
	ck_assert_uint_eq(is->started_wall_us, 14);
	ck_assert_uint_eq(is->finished_wall_us, 15);
	ck_assert_uint_eq(is->resource_left_us, 16);
	ck_assert_uint_eq(is->expires_boot_us, 116);
	ck_assert_uint_eq(is->offset_bytes, 17);
	ck_assert_int_eq(is->total_bytes, 18);
	ck_assert_uint_eq(is->sent_bytes, 19);
	ck_assert_uint_eq(is->network_bytes, 20);
	ck_assert_str_eq(is->etag, "\"e\"");
	ck_assert_str_eq(is->last_modified, "Mon");
	ck_assert_uint_eq(is->digest_state_bytes, 3);
	ck_assert_mem_eq(is->digest_state, "\0ds", 3);
	ck_assert(is->can_resume);
	ck_assert_uint_eq(is->redirects, 21);
	ck_assert_uint_eq(is->body_bytes, 22);
	ck_assert_str_eq(is->upload_url, "https://u/1");
	ck_assert_uint_eq(is->upload_offset_bytes, 28);
}

static void check_end(const struct task *is)
{
	ck_assert_uint_eq(is->response.status, 206);
	ck_assert_str_eq(is->response.url, "https://r/");
	ck_assert_str_eq(is->response.mime_type, "text/plain");
	ck_assert_str_eq(is->response.text_encoding, "utf-8");
	ck_assert_str_eq(is->response.http_version, "1.1");
	ck_assert_str_eq(is->response.suggested_name, "n.txt");
	ck_assert_uint_eq(is->response.n_headers, 1);
	ck_assert_str_eq(is->response.headers[0].value, "text/plain");
	ck_assert_int_eq(is->response.expected_bytes, 23);
	ck_assert_int_eq(is->result.code, TRANSFER_ERROR_TIMED_OUT);
	ck_assert_int_eq(is->result.os_errno, 24);
	ck_assert_int_eq(is->result.library_code, 25);
	ck_assert_str_eq(is->result.detail, "slow");
	ck_assert_int_eq(is->last_error.code, TRANSFER_ERROR_CANNOT_FIND_HOST);
	ck_assert_int_eq(is->last_error.os_errno, 26);
	ck_assert_int_eq(is->last_error.library_code, 27);
	ck_assert_str_eq(is->last_error.detail, "dns");
	ck_assert_str_eq(is->failing_url, "https://f/");
	ck_assert_str_eq(is->digest_hex, "abcd");
	ck_assert_uint_eq(is->file_ino, UINT64_MAX);
	ck_assert_uint_eq(is->file_size_bytes, 28);
}

START_TEST(keeps_every_member)
{
	struct fixture f;
	struct task *task;
	uint64_t id;

	fixture_init(&f);
	task = fixture_task(&f, TASK_STATE_SUSPENDED);
	task->kind = TRANSFER_TASK_UPLOAD;
	task->is_resumed_by_client = true;
	task->created_wall_us = 5;
	fill_request(task);
	ck_ok(store_task_put(f.store, task));
	fill_life(task);
	ck_ok(store_task_save(f.store, task,
		STORE_SAVE_STATE | STORE_SAVE_PROGRESS | STORE_SAVE_RESPONSE | STORE_SAVE_RESULT));
	ck_ok(store_commit(f.store));
	id = task->id;
	task_free(task);
	fixture_reopen(&f);
	task = fixture_load(&f, id);
	ck_assert_int_eq(task->kind, TRANSFER_TASK_UPLOAD);
	ck_assert_uint_eq(task->created_wall_us, 5);
	ck_assert(task->is_resumed_by_client);
	ck_assert_uint_eq(task->session, f.session);
	ck_assert_uint_eq(task->lane, f.lane);
	check_request(&task->request);
	check_life(task);
	check_end(task);
	task_free(task);
	fixture_done(&f);
}
END_TEST

START_TEST(keeps_resume_state_given_at_creation)
{
	struct fixture f;
	struct task *task;
	uint64_t id;

	fixture_init(&f);
	task = fixture_task(&f, TASK_STATE_QUEUED);
	fill_life(task);
	task->state = TASK_STATE_QUEUED;
	ck_ok(store_task_put(f.store, task));
	id = task->id;
	task_free(task);
	task = fixture_load(&f, id);
	ck_assert_uint_eq(task->offset_bytes, 17);
	ck_assert_str_eq(task->etag, "\"e\"");
	ck_assert(task->can_resume);
	ck_assert_uint_eq(task->response.status, 0);
	ck_assert_int_eq(task->response.expected_bytes, -1);
	ck_assert_ptr_null(task->request.headers);
	task_free(task);
	fixture_done(&f);
}
END_TEST

START_TEST(saves_only_what_is_asked)
{
	struct fixture f;
	struct task *task;
	uint64_t id;

	fixture_init(&f);
	id = fixture_put(&f, TASK_STATE_QUEUED);
	task = fixture_load(&f, id);
	fill_life(task);
	task->request.description = "new";
	task->request.priority = 1.0;
	ck_ok(store_task_save(f.store, task, STORE_SAVE_REQUEST));
	task_free(task);
	task = fixture_load(&f, id);
	ck_assert_str_eq(task->request.description, "new");
	ck_assert(task->request.priority > 0.99);
	ck_assert_int_eq(task->state, TASK_STATE_QUEUED);
	ck_assert_uint_eq(task->offset_bytes, 0);
	ck_assert_int_eq(task->total_bytes, -1);
	ck_assert_int_eq(task->result.code, 0);
	task->id = 999;
	ck_assert_int_eq(store_task_save(f.store, task, STORE_SAVE_STATE), -EUCLEAN);
	task_free(task);
	fixture_done(&f);
}
END_TEST

START_TEST(deletes_with_events_and_extras)
{
	struct store_event event = { .type = STORE_EVENT_COMPLETED };
	struct fixture f;
	struct task *task;

	fixture_init(&f);
	task = fixture_task(&f, TASK_STATE_QUEUED);
	fill_request(task);
	task->response.status = 200;
	ck_ok(store_task_put(f.store, task));
	ck_ok(store_task_save(f.store, task, STORE_SAVE_RESPONSE));
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM outcome"), 1);
	event.session = f.session;
	event.task = task->id;
	ck_ok(store_event_put(f.store, &event));
	ck_ok(store_task_del(f.store, task->id));
	ck_assert_int_eq(store_task_del(f.store, task->id), STORE_E_NOT_FOUND);
	ck_ok(store_commit(f.store));
	ck_assert_int_eq(
		fixture_number(&f,
			"SELECT (SELECT count(*) FROM event) + (SELECT count(*) FROM task_extra)"
			" + (SELECT count(*) FROM outcome) + (SELECT sum(n) FROM tally)"),
		0);
	task_free(task);
	fixture_done(&f);
}
END_TEST

/* Each row is as if it had been saved alone, whatever stands beside it; also what has no room in a statement of many. */
START_TEST(saves_many_new_tasks)
{
	enum { N = 2 * STORE_MANY + 5 };
	struct task *tasks[N], *is;
	struct store_counts counts;
	struct fixture f;

	fixture_init(&f);
	for (int i = 0; i < N; i++) {
		struct task *task = fixture_task(
			&f, i == 11 ? TASK_STATE_SUSPENDED : TASK_STATE_QUEUED);

		task->created_wall_us = 1000 + (uint64_t)i;
		task->suspend_count = i == 11;
		task->request.max_rate_bps = i == 3 ? 5 : 0;
		task->request.ca_file = i % 2 ? "/ca.pem" : NULL;
		task->request.allow_insecure = i % 2;
		task->offset_bytes = i == 4 ? 6 : 0;
		ck_ok(store_task_number(f.store, task));
		ck_assert(store_task_is_only_new(task, STORE_SAVE_NEW | STORE_SAVE_STATE));
		tasks[i] = task;
	}
	ck_ok(store_task_save_new(f.store, tasks, N));
	ck_ok(store_commit(f.store));
	for (int i = 0; i < N; i++) {
		is = fixture_load(&f, tasks[i]->id);
		ck_assert_uint_eq(is->created_wall_us, 1000 + (uint64_t)i);
		ck_assert_int_eq(is->state, tasks[i]->state);
		ck_assert_uint_eq(is->request.max_rate_bps, i == 3 ? 5 : 0);
		ck_assert_int_eq(is->request.ca_file != NULL, i % 2);
		ck_assert_int_eq(is->request.allow_insecure, i % 2);
		ck_assert_str_eq(is->request.url, tasks[i]->request.url);
		ck_assert_uint_eq(is->offset_bytes, i == 4 ? 6 : 0);
		ck_assert_int_eq(is->has_extra, i == 3);
		ck_assert_int_eq(is->is_row_untouched, i != 4 && i != 11);
		ck_assert_int_eq(is->is_row_untouched, tasks[i]->is_row_untouched);
		task_free(is);
	}
	ck_ok(store_counts(f.store, &counts));
	ck_assert_uint_eq(counts.by_state[TASK_STATE_QUEUED], N - 1);
	ck_assert_int_eq(fixture_number(&f, "SELECT n_queued FROM lane"), N - 1);
	/* what is there already is no new one */
	ck_assert_int_eq(store_task_save_new(f.store, tasks, N), -EUCLEAN);
	store_rollback(f.store);
	tasks[0]->attempts = 1;
	ck_assert(!store_task_is_only_new(tasks[0], STORE_SAVE_NEW | STORE_SAVE_STATE));
	ck_assert(!store_task_is_only_new(tasks[1], STORE_SAVE_NEW | STORE_SAVE_RESULT));
	ck_assert(!store_task_is_only_new(tasks[1], STORE_SAVE_STATE));
	for (int i = 0; i < N; i++)
		task_free(tasks[i]);
	fixture_done(&f);
}
END_TEST

/* What somebody else may have written into our file. */
static const struct {
	const char *set;
	bool is_gone; /* cannot even be marked as failed */
	const char *table, *key; /* NULL: task */
} hostile[] = {
	{ "url = x'41ff'", true, NULL, NULL },
	{ "url = CAST(x'41ff42' AS TEXT)", false, NULL, NULL },
	{ "url = 'a' || char(0) || 'b'", false, NULL, NULL },
	{ "description = x'17'", true, NULL, NULL },
	{ "kind = 99", false, NULL, NULL },
	{ "attempts = 5000000000", false, NULL, NULL },
	{ "priority = 2.5", false, NULL, NULL },
	{ "may_overwrite = 2", false, NULL, NULL },
	{ "state = 77", true, NULL, NULL },
	{ "state = 'x'", true, NULL, NULL },
	{ "state = 3", false, NULL, NULL },
	{ "kind = 2, state = 3, destination = '/a/b'", false, NULL, NULL },
	{ "session = -1", true, NULL, NULL },
	{ "lane = 4711", false, NULL, NULL },
	{ "timeout_us = -5", false, "task_extra", "task" },
	{ "headers = x'41'", false, "task_extra", "task" },
	{ "source_path = x'41'", false, "task_extra", "task" },
	{ "upload_copy = 9", false, "task_extra", "task" },
	{ "offset_bytes = -5", false, "outcome", "task" },
	{ "total_bytes = -2", false, "outcome", "task" },
	{ "can_resume = 2", false, "outcome", "task" },
	{ "digest_state = 'text'", false, "outcome", "task" },
	{ "result_detail = printf('%.300c', 'x')", false, "outcome", "task" },
	{ "status = 1000", false, "outcome", "task" },
};

static void write_hostile(struct fixture *f, uint64_t id, int i)
{
	const char *table = hostile[i].table ? hostile[i].table : "task";
	const char *key = hostile[i].key ? hostile[i].key : "id";
	char sql[600];
	sqlite3 *db;

	store_close(f->store);
	f->store = NULL;
	ck_ok(sqlite3_open(fixture_path(f, "queue.db"), &db));
	/* without STRICT and CHECK any value goes in; the schema text is put back as it was */
	snprintf(sql, sizeof(sql),
		"PRAGMA writable_schema = ON; PRAGMA ignore_check_constraints = ON;"
		"CREATE TEMP TABLE kept AS SELECT sql FROM sqlite_schema WHERE name = '%s';"
		"UPDATE sqlite_schema SET sql = replace(replace(sql, ') STRICT', ')'), ' NOT NULL', '')"
		" WHERE name = '%s'; PRAGMA writable_schema = RESET;",
		table, table);
	ck_ok(sqlite3_exec(db, sql, NULL, NULL, NULL));
	snprintf(sql, sizeof(sql),
		"INSERT OR IGNORE INTO task_extra(task) VALUES (%" PRIu64 ");"
		"INSERT OR IGNORE INTO outcome(task) VALUES (%" PRIu64 ");"
		"UPDATE %s SET %s WHERE %s = %" PRIu64,
		id, id, table, hostile[i].set, key, id);
	ck_ok(sqlite3_exec(db, sql, NULL, NULL, NULL));
	ck_assert_int_eq(sqlite3_changes(db), 1);
	snprintf(sql, sizeof(sql),
		"PRAGMA writable_schema = ON;"
		"UPDATE sqlite_schema SET sql = (SELECT sql FROM kept) WHERE name = '%s';"
		"PRAGMA writable_schema = RESET;",
		table);
	ck_ok(sqlite3_exec(db, sql, NULL, NULL, NULL));
	ck_ok(sqlite3_close(db));
	/* as if it had been so all along: a check at start would find what a hand has written */
	sqlite3_open(fixture_path(f, "queue.db"), &db);
	sqlite3_close(db);
}

/* The check at start saw it, and another store was begun: nothing of the old one is in it, and no number comes again. */
static void check_begun_anew(struct fixture *f, uint64_t last)
{
	ck_assert_int_eq(access(f->report.set_aside, R_OK), 0);
	ck_assert_int_eq(fixture_number(f, "SELECT count(*) FROM task"), 0);
	f->session = fixture_session(f, 1, "a", "b");
	ck_ok(store_lane_get(f->store, f->session, "h", &f->lane));
	ck_assert_uint_gt(fixture_put(f, TASK_STATE_QUEUED), last);
	ck_ok(store_commit(f->store));
}

START_TEST(a_row_of_nonsense_fails_alone)
{
	struct fixture f;
	uint64_t bad, good;
	struct task *task;
	int r;

	fixture_init(&f);
	bad = fixture_put(&f, TASK_STATE_QUEUED);
	good = fixture_put(&f, TASK_STATE_QUEUED);
	ck_ok(store_commit(f.store));
	write_hostile(&f, bad, _i);
	fixture_reopen(&f);
	if (f.report.set_aside[0]) {
		check_begun_anew(&f, good);
		fixture_done(&f);
		return;
	}
	r = store_task_load(f.store, bad, &task);
	ck_assert_msg(
		r == (hostile[_i].is_gone ? STORE_E_NOT_FOUND : 0), "%s: %d", hostile[_i].set, r);
	if (r == 0) {
		ck_assert_int_eq(task->state, TASK_STATE_COMPLETED);
		ck_assert_int_eq(task->result.code, TRANSFER_ERROR_UNKNOWN);
		ck_assert_int_eq(
			fixture_number(&f, "SELECT count(*) FROM event WHERE type = 5"), 1);
		task_free(task);
	}
	ck_ok(store_commit(f.store));
	task_free(fixture_load(&f, good));
	/* it has left the queue */
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM task WHERE state = 1"), 1);
	ck_assert_int_eq(
		fixture_number(&f, "SELECT count(*) FROM task"), hostile[_i].is_gone ? 1 : 2);
	fixture_done(&f);
}
END_TEST

/* ---- the plain download, which has statements of its own ---- */

static bool loads_untouched(struct fixture *f, uint64_t id)
{
	struct task *task = fixture_load(f, id);
	bool is_untouched = task->is_row_untouched;

	task_free(task);
	return is_untouched;
}

/* What a row may say of which nothing was saved since it was put. */
static bool is_of_request(const char *name)
{
	static const char names[] =
		" id session lane kind url host method destination description"
		" ca_file allow_insecure priority may_overwrite created_wall_us ";
	char word[64];

	snprintf(word, sizeof(word), " %s ", name);
	return strstr(names, word);
}

START_TEST(a_row_with_a_life_is_not_untouched)
{
	size_t n = 0;
	struct fixture f;

	fixture_init(&f);
	for (size_t i = 0; i < store_task_statements.n_columns; i++) {
		const char *name = store_task_statements.columns[i].name;
		uint64_t id = fixture_put(&f, TASK_STATE_QUEUED);
		char sql[200];

		ck_assert(loads_untouched(&f, id));
		if (is_of_request(name) ||
			sqlite3_table_column_metadata(
				f.store->db, NULL, "task", name, NULL, NULL, NULL, NULL, NULL))
			continue;
		snprintf(sql, sizeof(sql), "UPDATE task SET %s = %d WHERE id = %" PRIu64, name,
			strcmp(name, "state") == 0 ? 4 : 1, id);
		fixture_sql(&f, sql);
		ck_assert_msg(!loads_untouched(&f, id), "%s", name);
		n++;
	}
	ck_assert_uint_ge(n, 12);
	fixture_done(&f);
}
END_TEST

START_TEST(a_row_with_an_outcome_is_not_untouched)
{
	struct fixture f;
	uint64_t id;

	fixture_init(&f);
	id = fixture_put(&f, TASK_STATE_QUEUED);
	ck_assert(loads_untouched(&f, id));
	fixture_sql(&f, "INSERT INTO outcome(task) VALUES (1)");
	ck_assert(!loads_untouched(&f, id));
	fixture_done(&f);
}
END_TEST

/* A row of few is made for what it has to say, and only then. */
START_TEST(makes_rows_that_say_something)
{
	struct fixture f;
	struct task *task;
	uint64_t id;

	fixture_init(&f);
	id = fixture_put(&f, TASK_STATE_QUEUED);
	task = fixture_load(&f, id);
	ck_assert(!task->has_extra && !task->has_outcome);
	task->state = TASK_STATE_COMPLETED;
	task->result.code = TRANSFER_ERROR_CANCELLED;
	ck_ok(store_task_save(f.store, task,
		STORE_SAVE_STATE | STORE_SAVE_PROGRESS | STORE_SAVE_RESULT | STORE_SAVE_REQUEST));
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM task_extra"), 0);
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM outcome"), 0);
	task->request.max_rate_bps = 5;
	task->network_bytes = 6;
	ck_ok(store_task_save(f.store, task, STORE_SAVE_PROGRESS | STORE_SAVE_REQUEST));
	task_free(task);
	task = fixture_load(&f, id);
	ck_assert(task->has_extra && task->has_outcome);
	ck_assert_uint_eq(task->request.max_rate_bps, 5);
	ck_assert_uint_eq(task->network_bytes, 6);
	ck_assert_int_eq(task->result.code, TRANSFER_ERROR_CANCELLED);
	/* and says when it is nothing again */
	task->request.max_rate_bps = 0;
	task->network_bytes = 0;
	ck_ok(store_task_save(f.store, task, STORE_SAVE_PROGRESS | STORE_SAVE_REQUEST));
	task_free(task);
	task = fixture_load(&f, id);
	ck_assert_uint_eq(task->request.max_rate_bps, 0);
	ck_assert_uint_eq(task->network_bytes, 0);
	task_free(task);
	fixture_done(&f);
}
END_TEST

static void live(struct fixture *f, uint64_t id, bool is_plain)
{
	static const unsigned all = STORE_SAVE_STATE | STORE_SAVE_PROGRESS | STORE_SAVE_RESULT |
		STORE_SAVE_RESPONSE;
	struct task *task = fixture_load(f, id);

	ck_assert(task->is_row_untouched);
	task->is_row_untouched = is_plain;
	task->state = TASK_STATE_FINISHING;
	task->attempts = 1;
	task->started_wall_us = 2000;
	task->resource_left_us = 3000;
	task->offset_bytes = task->network_bytes = task->file_size_bytes = 4096;
	task->total_bytes = 4096;
	task->etag = "\"1\"";
	task->last_modified = "Mon, 23 Nov 2026 05:46:45 GMT";
	task->can_resume = true;
	task->digest_hex = "00ff";
	task->file_ino = 7;
	task->file_mtime_ns = 8;
	task->response.status = 200;
	task->response.expected_bytes = 4096;
	ck_ok(store_task_save(f->store, task, all));
	ck_assert(!task->is_row_untouched);
	ck_ok(store_commit(f->store));
	task->state = TASK_STATE_COMPLETED;
	task->finished_wall_us = 9000;
	/* with the result it goes the way of all the others */
	ck_ok(store_task_save(
		f->store, task, STORE_SAVE_STATE | (is_plain ? 0u : (unsigned)STORE_SAVE_RESULT)));
	ck_ok(store_commit(f->store));
	task_free(task);
}

/* How many different rows there are, but for the number. */
static int64_t count_different(struct fixture *f, const char *table, const char *key)
{
	char sql[4000] = "SELECT count(*) FROM (SELECT DISTINCT 1";
	sqlite3_stmt *stmt;

	ck_ok(sqlite3_prepare_v2(f->store->db,
		"SELECT name FROM pragma_table_info(?1) WHERE name <> ?2", -1, &stmt, NULL));
	sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, key, -1, SQLITE_STATIC);
	while (sqlite3_step(stmt) == SQLITE_ROW)
		snprintf(sql + strlen(sql), sizeof(sql) - strlen(sql), ", %s",
			(const char *)sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	snprintf(sql + strlen(sql), sizeof(sql) - strlen(sql), " FROM %s)", table);
	return fixture_number(f, sql);
}

/* The rows are the same but for the number, whichever statements wrote them; and they count alike. */
START_TEST(a_plain_life_leaves_the_same_rows)
{
	struct fixture f;
	struct store_counts counts;

	fixture_init(&f);
	for (int i = 0; i < 2; i++) {
		struct task *task = fixture_task(&f, TASK_STATE_QUEUED);

		task->request.destination = "/d";
		ck_ok(store_task_put(f.store, task));
		live(&f, task->id, i == 0);
		task_free(task);
		ck_ok(store_counts(f.store, &counts));
		ck_assert_uint_eq(counts.by_state[TASK_STATE_COMPLETED], (unsigned)i + 1);
		ck_assert_uint_eq(counts.by_state[TASK_STATE_FINISHING], 0);
		ck_assert_uint_eq(counts.by_state[TASK_STATE_QUEUED], 0);
		ck_assert_int_eq(fixture_number(&f, "SELECT n_queued FROM lane"), 0);
	}
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM outcome"), 2);
	ck_assert_int_eq(count_different(&f, "task", "id"), 1);
	ck_assert_int_eq(count_different(&f, "outcome", "task"), 1);
	fixture_done(&f);
}
END_TEST

/* The model knows more than the row that it names: nothing is taken for granted. */
START_TEST(a_row_that_is_another_is_saved_whole)
{
	struct store_counts counts;
	struct fixture f;
	struct task *task;
	uint64_t id;

	fixture_init(&f);
	id = fixture_put(&f, TASK_STATE_QUEUED);
	ck_ok(store_commit(f.store));
	task = fixture_load(&f, id);
	/* as it is after a turn that was rolled back, or when it was moved behind the model's back */
	ck_ok(store_task_set_state(f.store, id, TASK_STATE_WAITING));
	task->state = TASK_STATE_FINISHING;
	task->request.destination = "/a";
	ck_ok(store_task_save(
		f.store, task, STORE_SAVE_STATE | STORE_SAVE_PROGRESS | STORE_SAVE_RESULT));
	ck_ok(store_task_set_state(f.store, id, TASK_STATE_ANSWERED));
	task->state = TASK_STATE_COMPLETED;
	ck_ok(store_task_save(f.store, task, STORE_SAVE_STATE));
	ck_ok(store_commit(f.store));
	ck_ok(store_counts(f.store, &counts));
	for (unsigned state = 0; state < TASK_STATE_COMPLETED; state++)
		ck_assert_uint_eq(counts.by_state[state], 0);
	ck_assert_uint_eq(counts.by_state[TASK_STATE_COMPLETED], 1);
	fixture_sql(&f, "DELETE FROM task");
	ck_assert_int_eq(store_task_save(f.store, task, STORE_SAVE_STATE), -EUCLEAN);
	task_free(task);
	fixture_done(&f);
}
END_TEST

/* One that is new, in memory only with a priority that its row does not have. */
static uint64_t keep_one(struct fixture *f)
{
	struct task *task = fixture_task(f, TASK_STATE_QUEUED);
	uint64_t id;

	ck_ok(store_task_put(f->store, task));
	ck_ok(store_commit(f->store));
	id = task->id;
	task->request.priority = 0.25;
	task->generation = 7;
	store_task_keep_take(f->store, task);
	return id;
}

static double priority_of(struct fixture *f, uint64_t id)
{
	struct task *task;
	double priority;

	ck_ok(store_task_load(f->store, id, &task));
	ck_assert_uint_eq(task->generation, 0);
	priority = task->request.priority;
	task_free(task);
	return priority;
}

START_TEST(a_kept_task_is_given_out_once)
{
	struct fixture f;
	uint64_t id, other;

	fixture_init(&f);
	id = keep_one(&f);
	other = keep_one(&f);
	ck_assert_double_eq(priority_of(&f, id), 0.25);
	ck_assert_double_eq(priority_of(&f, id), 0.5);
	ck_assert_double_eq(priority_of(&f, other), 0.25);
	fixture_done(&f);
}
END_TEST

START_TEST(a_kept_task_goes_with_its_row)
{
	struct fixture f;
	struct task *task;
	uint64_t id;

	fixture_init(&f);
	id = keep_one(&f);
	ck_ok(store_task_set_state(f.store, id, TASK_STATE_SUSPENDED));
	ck_assert_double_eq(priority_of(&f, id), 0.5);
	id = keep_one(&f);
	ck_ok(store_task_del(f.store, id));
	ck_assert_int_eq(store_task_load(f.store, id, &task), STORE_E_NOT_FOUND);
	id = keep_one(&f);
	ck_ok(store_session_del(f.store, f.session));
	ck_assert_int_eq(store_task_load(f.store, id, &task), STORE_E_NOT_FOUND);
	fixture_done(&f);
}
END_TEST

/* What its row says may be more, or less, than it knows. */
START_TEST(a_task_with_a_life_is_not_kept)
{
	struct fixture f;
	struct task *task;
	uint64_t id;

	fixture_init(&f);
	task = fixture_task(&f, TASK_STATE_QUEUED);
	ck_ok(store_task_put(f.store, task));
	task->attempts = 1;
	ck_ok(store_task_save(f.store, task, STORE_SAVE_ATTEMPT));
	task->attempts = 0;
	ck_ok(store_task_save(f.store, task, STORE_SAVE_ATTEMPT));
	ck_ok(store_commit(f.store));
	id = task->id;
	task->request.priority = 0.25;
	store_task_keep_take(f.store, task);
	ck_assert_double_eq(priority_of(&f, id), 0.5);
	fixture_done(&f);
}
END_TEST

RUN_TESTS("daemon/store/store-task", TEST(a_kept_task_is_given_out_once),
	TEST(a_kept_task_goes_with_its_row), TEST(a_task_with_a_life_is_not_kept),
	TEST(keeps_every_member), TEST(keeps_resume_state_given_at_creation),
	TEST(saves_only_what_is_asked), TEST(deletes_with_events_and_extras),
	TEST(a_row_with_a_life_is_not_untouched), TEST(a_row_with_an_outcome_is_not_untouched),
	TEST(makes_rows_that_say_something), TEST(saves_many_new_tasks),
	TEST(a_plain_life_leaves_the_same_rows), TEST(a_row_that_is_another_is_saved_whole),
	TEST_EACH(a_row_of_nonsense_fails_alone, hostile))
