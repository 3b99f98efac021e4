/* SPDX-License-Identifier: MIT */
/*
 * Tasks, one row each. What changes often (state, progress) is apart from what is large (headers, responses), so that a checkpoint
 * rewrites a few hundred bytes. A row that does not parse is taken out of the queue as a failed task: it cannot be met again and again.
 */
#include "daemon/store/store-private.h"

#include <errno.h>
#include <string.h>

#include <transfer/error.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"

DEFINE_CLEANUP(struct task *, task_free)

#define AT(member) offsetof(struct task, member)
#define TEXT_(n, m) \
	{ \
		.name = n, .type = STORE_COLUMN_TEXT, .offset = AT(m) \
	}
#define NUMBER_(n, t, m) \
	{ \
		.name = n, .type = STORE_COLUMN_##t, .offset = AT(m) \
	}
#define ENUM_(n, m, top) \
	{ \
		.name = n, .type = STORE_COLUMN_U32, .offset = AT(m), .max = top \
	}

#define NEEDED_(n, m) \
	{ \
		.name = n, .type = STORE_COLUMN_TEXT, .offset = AT(m), .is_required = true \
	}
#define MANY_(n, t, m, count) \
	{ \
		.name = n, .type = STORE_COLUMN_##t, .offset = AT(m), .count_offset = AT(count) \
	}

static const struct store_column columns[] = {
	NUMBER_("id", U64, id),
	NUMBER_("session", U64, session),
	NUMBER_("lane", U64, lane),
	ENUM_("kind", kind, TRANSFER_TASK_STREAM),
	ENUM_("state", state, TASK_STATE_COMPLETED),
	NUMBER_("suspend_count", U32, suspend_count),
	NEEDED_("url", request.url),
	NEEDED_("host", request.host),
	NEEDED_("method", request.method),
	MANY_("headers", HEADERS, request.headers, request.n_headers),
	MANY_("userdata", BLOB, request.userdata, request.userdata_bytes),
	TEXT_("destination", request.destination),
	TEXT_("source_path", request.source_path),
	TEXT_("ca_file", request.ca_file),
	TEXT_("checksum_name", request.checksum_name),
	TEXT_("checksum_hex", request.checksum_hex),
	TEXT_("want_digest", request.want_digest),
	TEXT_("description", request.description),
	NUMBER_("timeout_us", U64, request.timeout_us),
	NUMBER_("resource_timeout_us", U64, request.resource_timeout_us),
	NUMBER_("not_before_wall_us", U64, request.not_before_wall_us),
	NUMBER_("max_rate_bps", U64, request.max_rate_bps),
	{ .name = "priority", .type = STORE_COLUMN_F64, .offset = AT(request.priority), .max = 1 },
	ENUM_("upload_copy", request.upload_copy, TASK_UPLOAD_COPY_NONE),
	NUMBER_("may_overwrite", BOOL, request.may_overwrite),
	NUMBER_("allow_insecure", BOOL, request.allow_insecure),
	NUMBER_("retry_http_errors", BOOL, request.retry_http_errors),
	NUMBER_("ignores_cookies", BOOL, request.ignores_cookies),
	TEXT_("main_document_url", request.main_document_url),
	NUMBER_("source_ino", BITS64, request.source_ino),
	NUMBER_("source_size_bytes", U64, request.source_size_bytes),
	NUMBER_("source_mtime_ns", U64, request.source_mtime_ns),
	NUMBER_("created_wall_us", U64, created_wall_us),
	NUMBER_("started_wall_us", U64, started_wall_us),
	NUMBER_("finished_wall_us", U64, finished_wall_us),
	NUMBER_("end_seq", U64, end_seq),
	ENUM_("wait_reason", wait_reason, TASK_WAIT_ANSWER),
	NUMBER_("due_wall_us", U64, due_wall_us),
	NUMBER_("is_begun", BOOL, is_begun),
	NUMBER_("attempts", U32, attempts),
	NUMBER_("failures", U32, failures),
	NUMBER_("resource_left_us", U64, resource_left_us),
	NUMBER_("expires_boot_us", U64, expires_boot_us),
	NUMBER_("offset_bytes", U64, offset_bytes),
	NUMBER_("total_bytes", I64, total_bytes),
	NUMBER_("sent_bytes", U64, sent_bytes),
	NUMBER_("network_bytes", U64, network_bytes),
	TEXT_("etag", etag),
	TEXT_("last_modified", last_modified),
	MANY_("digest_state", BLOB, digest_state, digest_state_bytes),
	NUMBER_("can_resume", BOOL, can_resume),
	NUMBER_("is_resumed_by_client", BOOL, is_resumed_by_client),
	NUMBER_("redirects", U32, redirects),
	NUMBER_("body_bytes", U64, body_bytes),
	TEXT_("upload_url", upload_url),
	NUMBER_("upload_offset_bytes", U64, upload_offset_bytes),
	TEXT_("digest_hex", digest_hex),
	NUMBER_("file_ino", BITS64, file_ino),
	NUMBER_("file_size_bytes", U64, file_size_bytes),
	NUMBER_("file_mtime_ns", U64, file_mtime_ns),
	TEXT_("failing_url", failing_url),
	NUMBER_("result_code", I32, result.code),
	NUMBER_("result_os_errno", I32, result.os_errno),
	NUMBER_("result_library_code", I32, result.library_code),
	NUMBER_("result_detail", DETAIL, result.detail),
	NUMBER_("last_error_code", I32, last_error.code),
	NUMBER_("last_error_os_errno", I32, last_error.os_errno),
	NUMBER_("last_error_library_code", I32, last_error.library_code),
	NUMBER_("last_error_detail", DETAIL, last_error.detail),
	{ "response_status", STORE_COLUMN_U16, AT(response.status), .max = 999 },
	TEXT_("response_url", response.url),
	TEXT_("mime_type", response.mime_type),
	TEXT_("text_encoding", response.text_encoding),
	TEXT_("http_version", response.http_version),
	TEXT_("suggested_name", response.suggested_name),
	MANY_("response_headers", HEADERS, response.headers, response.n_headers),
	NUMBER_("expected_bytes", I64, response.expected_bytes),
};

enum {
	TASK_PUT,
	TASK_PUT_PLAIN,
	TASK_PUT_EXTRA,
	TASK_LOAD_PLAIN,
	TASK_LOAD,
	TASK_STANDING,
	TASK_SAVE_ATTEMPT,
	TASK_SAVE_END,
	TASK_SAVE_STATE,
	TASK_SAVE_PROGRESS,
	TASK_SAVE_PLACED,
	TASK_SAVE_ENDED,
	TASK_SAVE_RESPONSE,
	TASK_SAVE_RESPONSE_AGAIN,
	TASK_SAVE_RESULT,
	TASK_SAVE_REQUEST,
	TASK_SAVE_REPLACED,
	TASK_SAVE_REPLACED_EXTRA,
	TASK_SET_STATE,
	TASK_FAIL,
	TASK_FAIL_EXTRA,
	TASK_FAIL_RESPONSE,
	TASK_DEL_EVENTS,
	TASK_DEL_END,
	TASK_DEL,
};

/* What changes together; a state that ends changes all of it, in one statement. */
#define SET_STATE \
	"state = :state, suspend_count = :suspend_count, wait_reason = :wait_reason, due_wall_us = :due_wall_us, is_begun =" \
	" :is_begun, attempts = :attempts, failures = :failures, started_wall_us = :started_wall_us, finished_wall_us =" \
	" :finished_wall_us, end_seq = :end_seq, resource_left_us = :resource_left_us, expires_boot_us = :expires_boot_us"
#define SET_PROGRESS \
	"offset_bytes = :offset_bytes, total_bytes = :total_bytes, sent_bytes = :sent_bytes, network_bytes = :network_bytes, etag" \
	" = :etag, last_modified = :last_modified, digest_state = :digest_state, can_resume = :can_resume, upload_url =" \
	" :upload_url, upload_offset_bytes = :upload_offset_bytes, is_resumed_by_client = :is_resumed_by_client"
#define SET_RESULT \
	"digest_hex = :digest_hex, file_ino = :file_ino, file_size_bytes = :file_size_bytes, file_mtime_ns = :file_mtime_ns," \
	" failing_url = :failing_url, result_code = :result_code, result_os_errno = :result_os_errno, result_library_code =" \
	" :result_library_code, result_detail = :result_detail, last_error_code = :last_error_code, last_error_os_errno =" \
	" :last_error_os_errno, last_error_library_code = :last_error_library_code, last_error_detail = :last_error_detail," \
	" redirects = :redirects, body_bytes = :body_bytes"

#define PUT_RESPONSE \
	"response(task, status, url, mime_type, text_encoding, http_version, suggested_name, headers, expected_bytes) VALUES" \
	" (:id, :response_status, :response_url, :mime_type, :text_encoding, :http_version, :suggested_name, :response_headers," \
	" :expected_bytes)"
/* All that TASK_LOAD reads and TASK_LOAD_PLAIN does not is as task_new() has it. */
#define IS_PLAIN \
	"state = 1 AND attempts = 0 AND suspend_count = 0 AND source_path IS NULL AND ca_file IS NULL AND checksum_name IS NULL" \
	" AND checksum_hex IS NULL AND want_digest IS NULL AND timeout_us = 0 AND resource_timeout_us = 0 AND not_before_wall_us" \
	" = 0 AND max_rate_bps = 0 AND upload_copy = 0 AND allow_insecure = 0 AND retry_http_errors = 0 AND ignores_cookies = 0" \
	" AND main_document_url IS NULL AND source_ino = 0 AND source_size_bytes = 0 AND source_mtime_ns = 0 AND started_wall_us" \
	" = 0 AND finished_wall_us = 0 AND wait_reason = 0 AND due_wall_us = 0 AND end_seq = 0 AND is_begun = 0 AND failures = 0" \
	" AND resource_left_us = 0 AND expires_boot_us = 0 AND offset_bytes = 0 AND total_bytes = -1 AND sent_bytes = 0 AND" \
	" network_bytes = 0 AND etag IS NULL AND last_modified IS NULL AND digest_state IS NULL AND can_resume = 0 AND" \
	" is_resumed_by_client = 0 AND redirects = 0 AND body_bytes = 0 AND upload_url IS NULL AND upload_offset_bytes = 0 AND" \
	" digest_hex IS NULL AND file_ino = 0 AND file_size_bytes = 0 AND file_mtime_ns = 0 AND failing_url IS NULL AND" \
	" result_code = 0 AND result_os_errno = 0 AND result_library_code = 0 AND result_detail = '' AND last_error_code = 0 AND" \
	" last_error_os_errno = 0 AND last_error_library_code = 0 AND last_error_detail = '' AND NOT EXISTS (SELECT 1 FROM" \
	" response AS r WHERE r.task = t.id)"

static const char *const texts[] = {
	[TASK_PUT] =
		"INSERT INTO task(id, session, lane, kind, state, suspend_count, url, method, destination, source_path, ca_file,"
		" checksum_name, checksum_hex, want_digest, description, timeout_us, resource_timeout_us, not_before_wall_us,"
		" max_rate_bps, priority, upload_copy, may_overwrite, allow_insecure, retry_http_errors, source_ino, source_size_bytes,"
		" source_mtime_ns, created_wall_us, wait_reason, due_wall_us, offset_bytes, total_bytes, etag, last_modified,"
		" digest_state, can_resume, is_resumed_by_client, ignores_cookies, main_document_url) VALUES (:id, :session, :lane,"
		" :kind, :state, :suspend_count, :url, :method, :destination, :source_path, :ca_file, :checksum_name, :checksum_hex,"
		" :want_digest, :description, :timeout_us, :resource_timeout_us, :not_before_wall_us, :max_rate_bps, :priority,"
		" :upload_copy, :may_overwrite, :allow_insecure, :retry_http_errors, :source_ino, :source_size_bytes, :source_mtime_ns,"
		" :created_wall_us, :wait_reason, :due_wall_us, :offset_bytes, :total_bytes, :etag, :last_modified, :digest_state,"
		" :can_resume, :is_resumed_by_client, :ignores_cookies, :main_document_url)",
	/* what it does not name is as task_new() has it */
	[TASK_PUT_PLAIN] =
		"INSERT INTO task(id, session, lane, kind, state, url, method, destination, description, priority, may_overwrite,"
		" created_wall_us) VALUES (:id, :session, :lane, :kind, :state, :url, :method, :destination, :description, :priority,"
		" :may_overwrite, :created_wall_us)",
	[TASK_PUT_EXTRA] =
		"INSERT INTO task_extra(task, headers, userdata) VALUES (:id, :headers, :userdata)",
	/* most are loaded to run for the first time, and have no more than this */
	[TASK_LOAD_PLAIN] =
		"SELECT t.id AS id, t.session AS session, t.lane AS lane, kind, state, t.url AS url, ifnull(l.host, '') AS host, method,"
		" x.headers AS headers, userdata, destination, description, priority, may_overwrite, created_wall_us FROM task AS t"
		" LEFT JOIN lane AS l ON l.id = t.lane LEFT JOIN task_extra AS x ON x.task = t.id WHERE t.id = ?1 AND " IS_PLAIN,
	[TASK_LOAD] =
		"SELECT t.id AS id, t.session AS session, t.lane AS lane, kind, state, suspend_count, t.url AS url, ifnull(l.host, '') AS"
		" host, method, x.headers AS headers, userdata, destination, source_path, ca_file, checksum_name, checksum_hex,"
		" want_digest, description, timeout_us, resource_timeout_us, not_before_wall_us, max_rate_bps, priority, upload_copy,"
		" may_overwrite, allow_insecure, retry_http_errors, ignores_cookies, main_document_url, source_ino, source_size_bytes,"
		" source_mtime_ns, created_wall_us, started_wall_us, finished_wall_us, end_seq, wait_reason, due_wall_us, is_begun,"
		" attempts, failures, resource_left_us, expires_boot_us, offset_bytes, total_bytes, sent_bytes, network_bytes, etag,"
		" last_modified, digest_state, can_resume, is_resumed_by_client, redirects, body_bytes, upload_url, upload_offset_bytes,"
		" digest_hex, file_ino, file_size_bytes, file_mtime_ns, failing_url, result_code, result_os_errno, result_library_code,"
		" result_detail, last_error_code, last_error_os_errno, last_error_library_code, last_error_detail, ifnull(status, 0) AS"
		" response_status, r.url AS response_url, mime_type, text_encoding, http_version, suggested_name, r.headers AS"
		" response_headers, ifnull(expected_bytes, -1) AS expected_bytes FROM task AS t LEFT JOIN lane AS l ON l.id = t.lane LEFT"
		" JOIN task_extra AS x ON x.task = t.id LEFT JOIN response AS r ON r.task = t.id WHERE t.id = ?1",
	[TASK_STANDING] = "SELECT session, lane, state, result_code FROM task WHERE id = ?1",
	[TASK_SAVE_ATTEMPT] =
		"UPDATE task SET attempts = :attempts, started_wall_us = :started_wall_us, resource_left_us = :resource_left_us, expires_boot_us = :expires_boot_us WHERE id = :id",
	[TASK_SAVE_END] = "UPDATE task SET " SET_STATE ", " SET_PROGRESS ", " SET_RESULT
			  " WHERE id = :id",
	[TASK_SAVE_STATE] = "UPDATE task SET " SET_STATE " WHERE id = :id",
	[TASK_SAVE_PROGRESS] = "UPDATE task SET " SET_PROGRESS " WHERE id = :id",
	[TASK_SAVE_RESULT] = "UPDATE task SET " SET_RESULT " WHERE id = :id",
	/* the two that every download of a file goes through, of what is known to be in the row */
	[TASK_SAVE_PLACED] =
		"UPDATE task SET state = 3, attempts = :attempts, started_wall_us = :started_wall_us, resource_left_us ="
		" :resource_left_us, offset_bytes = :offset_bytes, total_bytes = :total_bytes, network_bytes = :network_bytes, etag ="
		" :etag, last_modified = :last_modified, can_resume = :can_resume, digest_hex = :digest_hex, file_ino = :file_ino,"
		" file_size_bytes = :file_size_bytes, file_mtime_ns = :file_mtime_ns WHERE id = :id AND state = 1",
	[TASK_SAVE_ENDED] = "UPDATE task SET " SET_STATE " WHERE id = :id AND session = :session"
			    " AND lane = :lane AND state = 3 AND result_code = 0",
	/* the first one is a plain insert: with OR REPLACE SQLite keeps what it would have to undo */
	[TASK_SAVE_RESPONSE] = "INSERT OR IGNORE INTO " PUT_RESPONSE,
	[TASK_SAVE_RESPONSE_AGAIN] = "INSERT OR REPLACE INTO " PUT_RESPONSE,
	[TASK_SAVE_REQUEST] =
		"UPDATE task SET description = :description, priority = :priority, max_rate_bps = :max_rate_bps, not_before_wall_us ="
		" :not_before_wall_us, source_ino = :source_ino, source_size_bytes = :source_size_bytes, source_mtime_ns ="
		" :source_mtime_ns WHERE id = :id",
	[TASK_SAVE_REPLACED] =
		"UPDATE task SET url = :url, method = :method, lane = :lane, timeout_us = :timeout_us WHERE id = :id",
	[TASK_SAVE_REPLACED_EXTRA] =
		"INSERT OR REPLACE INTO task_extra(task, headers, userdata) VALUES (:id, :headers, :userdata)",
	[TASK_SET_STATE] =
		"UPDATE task SET state = ?2, wait_reason = 0, due_wall_us = 0 WHERE id = ?1",
	/* everything but what the task is counted by is made anew */
	[TASK_FAIL] =
		"UPDATE task SET kind = CASE WHEN typeof(kind) = 'integer' AND kind BETWEEN 1 AND 4 THEN kind ELSE 3 END, state = 6,"
		" suspend_count = 0, url = 'damaged:', method = 'GET', destination = NULL, source_path = NULL, ca_file = NULL,"
		" checksum_name = NULL, checksum_hex = NULL, want_digest = NULL, description = NULL, timeout_us = 0, resource_timeout_us"
		" = 0, not_before_wall_us = 0, max_rate_bps = 0, priority = 0.5, upload_copy = 0, may_overwrite = 0, allow_insecure = 0,"
		" retry_http_errors = 0, ignores_cookies = 0, main_document_url = NULL, source_ino = 0, source_size_bytes = 0,"
		" source_mtime_ns = 0, created_wall_us = ?2, started_wall_us = 0, finished_wall_us = CASE WHEN state = 6 AND"
		" typeof(finished_wall_us) = 'integer' AND finished_wall_us > 0 THEN finished_wall_us ELSE ?2 END, end_seq = CASE WHEN"
		" typeof(end_seq) = 'integer' AND end_seq > 0 THEN end_seq ELSE 0 END, wait_reason = 0, due_wall_us = 0, is_begun = 0,"
		" attempts = 0, failures = 0, resource_left_us = 0, expires_boot_us = 0, offset_bytes = 0, total_bytes = -1, sent_bytes ="
		" 0, network_bytes = 0, etag = NULL, last_modified = NULL, digest_state = NULL, can_resume = 0, is_resumed_by_client = 0,"
		" redirects = 0, body_bytes = 0, upload_url = NULL, upload_offset_bytes = 0, digest_hex = NULL, file_ino = 0,"
		" file_size_bytes = 0, file_mtime_ns = 0, failing_url = NULL, result_code = ?3, result_os_errno = 0, result_library_code"
		" = 0, result_detail = ?4, last_error_code = 0, last_error_os_errno = 0, last_error_library_code = 0, last_error_detail ="
		" '' WHERE id = ?1",
	[TASK_FAIL_EXTRA] = "DELETE FROM task_extra WHERE task = ?1",
	[TASK_FAIL_RESPONSE] = "DELETE FROM response WHERE task = ?1",
	[TASK_DEL_EVENTS] = "DELETE FROM event WHERE task = ?1 AND n < 3 RETURNING n",
	[TASK_DEL_END] = "DELETE FROM event WHERE seq = (SELECT end_seq FROM task WHERE id = ?1)"
			 " AND task = ?1 RETURNING n",
	[TASK_DEL] = "DELETE FROM task WHERE id = ?1",
};

const struct store_statements store_task_statements = {
	.texts = texts,
	.n = sizeof(texts) / sizeof(texts[0]),
	.columns = columns,
	.n_columns = sizeof(columns) / sizeof(columns[0]),
};

static struct store_statement *get(struct store *store, int index)
{
	return store_statement(store, STORE_NOUN_TASK, index);
}

static int run_with(struct store *store, int index, const struct task *task)
{
	int r = store_row_bind(&store_task_statements, get(store, index), task);

	return r ? r : store_run(store, get(store, index)->stmt);
}

int store_task_number(struct store *store, struct task *task)
{
	if (store_is_full(store))
		return STORE_E_FULL;
	store->is_put_in_turn = true;
	return store_next_id(store, STORE_SEQUENCE_TASK, &task->id);
}

int store_task_number_above(struct store *store, uint64_t id)
{
	return id > STORE_NUMBER_MAX ? 0 : store_raise_next(store, STORE_SEQUENCE_TASK, id + 1);
}

/* Of what TASK_PUT_PLAIN does not name it has nothing. */
static bool is_plain(const struct task *task)
{
	const struct task_request *q = &task->request;
	bool has_texts = q->source_path || q->ca_file || q->checksum_name || q->checksum_hex ||
		q->want_digest || q->main_document_url || task->etag || task->last_modified ||
		task->digest_state;
	bool has_numbers = q->timeout_us || q->resource_timeout_us || q->not_before_wall_us ||
		q->max_rate_bps || q->upload_copy || q->source_ino || q->source_size_bytes ||
		q->source_mtime_ns || task->due_wall_us || task->offset_bytes;
	bool has_marks = q->allow_insecure || q->retry_http_errors || q->ignores_cookies ||
		task->suspend_count || task->wait_reason || task->can_resume ||
		task->is_resumed_by_client;

	return !has_texts && !has_numbers && !has_marks && task->total_bytes == -1;
}

static int insert(struct store *store, const struct task *task)
{
	const struct store_standing standing = { task->session, task->lane, task->state, 0 };
	int r = run_with(store, is_plain(task) ? TASK_PUT_PLAIN : TASK_PUT, task);

	if (r == 0 && (task->request.n_headers || task->request.userdata))
		r = run_with(store, TASK_PUT_EXTRA, task);
	return r ? r : store_tally_task(store, &standing, 1);
}

int store_task_put(struct store *store, struct task *task)
{
	int r = store_task_number(store, task);

	return r ? r : insert(store, task);
}

/* ---- what a task counts as ---- */

static int load_standing(struct store *store, uint64_t id, struct store_standing *ret_standing)
{
	sqlite3_stmt *stmt = get(store, TASK_STANDING)->stmt;
	uint64_t state;
	int r;

	store_bind_u64(stmt, 1, id);
	r = store_step(store, stmt);
	if (r)
		return r;
	if (store_read_u64(stmt, 0, &ret_standing->session) ||
		store_read_u64(stmt, 1, &ret_standing->lane) || store_read_u64(stmt, 2, &state) ||
		state > TASK_STATE_COMPLETED)
		r = -EBADMSG;
	ret_standing->state = r ? 0 : (unsigned)state;
	ret_standing->result_code = sqlite3_column_int(stmt, 3);
	sqlite3_reset(stmt);
	return r;
}

static int recount(struct store *store, const struct store_standing *before,
	const struct store_standing *after)
{
	int r;

	if (before->state == after->state && before->result_code == after->result_code &&
		before->lane == after->lane)
		return 0;
	r = store_tally_task(store, before, -1);
	return r ? r : store_tally_task(store, after, 1);
}

/* ---- saving ---- */

/* The row is new: what else has to be saved. */
static unsigned rest_of(const struct task *task, unsigned what)
{
	bool has_begun = task->attempts || task->failures || task->started_wall_us ||
		task->finished_wall_us || task->resource_left_us || task->expires_boot_us;

	what &= ~(unsigned)(STORE_SAVE_NEW | STORE_SAVE_REQUEST | STORE_SAVE_PROGRESS);
	return has_begun ? what : what & ~(unsigned)(STORE_SAVE_STATE | STORE_SAVE_ATTEMPT);
}

static int save_response(struct store *store, const struct task *task)
{
	int r = run_with(store, TASK_SAVE_RESPONSE, task);

	if (r || sqlite3_changes(store->db))
		return r;
	return run_with(store, TASK_SAVE_RESPONSE_AGAIN, task);
}

static int save_parts(struct store *store, const struct task *task, unsigned what)
{
	static const unsigned end = STORE_SAVE_STATE | STORE_SAVE_PROGRESS | STORE_SAVE_RESULT;
	static const struct {
		unsigned what;
		int index;
	} parts[] = {
		{ end, TASK_SAVE_END },
		{ STORE_SAVE_STATE, TASK_SAVE_STATE },
		{ STORE_SAVE_ATTEMPT, TASK_SAVE_ATTEMPT },
		{ STORE_SAVE_PROGRESS, TASK_SAVE_PROGRESS },
		{ STORE_SAVE_RESULT, TASK_SAVE_RESULT },
		{ STORE_SAVE_REQUEST, TASK_SAVE_REQUEST },
		{ STORE_SAVE_REPLACED, TASK_SAVE_REPLACED },
	};
	bool is_replaced = what & STORE_SAVE_REPLACED;
	int r = 0;

	if (what & STORE_SAVE_STATE)
		what &= ~(unsigned)STORE_SAVE_ATTEMPT;
	for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(parts[0]); i++) {
		if ((what & parts[i].what) != parts[i].what)
			continue;
		what &= ~parts[i].what;
		r = run_with(store, parts[i].index, task);
	}
	if (r == 0 && what & STORE_SAVE_RESPONSE)
		r = save_response(store, task);
	return r || !is_replaced ? r : run_with(store, TASK_SAVE_REPLACED_EXTRA, task);
}

/* Of a plain row only that changes what TASK_SAVE_PLACED names. */
static bool is_placed(const struct task *task, unsigned what)
{
	static const unsigned all = STORE_SAVE_STATE | STORE_SAVE_PROGRESS | STORE_SAVE_RESULT;
	const struct transfer_result *a = &task->result, *b = &task->last_error;
	bool has_failed = a->code || a->os_errno || a->library_code || a->detail[0] || b->code ||
		b->os_errno || b->library_code || b->detail[0] || task->failing_url ||
		task->failures;
	bool has_more = task->suspend_count || task->wait_reason || task->due_wall_us ||
		task->is_begun || task->finished_wall_us || task->end_seq ||
		task->expires_boot_us || task->sent_bytes || task->digest_state ||
		task->upload_url || task->upload_offset_bytes || task->is_resumed_by_client ||
		task->redirects || task->body_bytes;

	what &= ~(unsigned)(STORE_SAVE_RESPONSE | STORE_SAVE_ATTEMPT);
	return what == all && task->is_row_plain && task->state == TASK_STATE_FINISHING &&
		!has_failed && !has_more;
}

/*
 * The common steps name the row as they expect it, so that nobody has to look at it first. Nothing is done when it is another;
 * ret_what is what is still to be saved.
 */
static int save_expected(struct store *store, const struct task *task, unsigned *ret_what,
	struct store_standing *ret_before)
{
	unsigned all = STORE_SAVE_STATE | STORE_SAVE_ATTEMPT, was = TASK_STATE_FINISHING;
	int r, index = TASK_SAVE_ENDED;

	if (is_placed(task, *ret_what)) {
		index = TASK_SAVE_PLACED;
		was = TASK_STATE_QUEUED;
		all |= STORE_SAVE_PROGRESS | STORE_SAVE_RESULT;
	} else if (task->state != TASK_STATE_COMPLETED ||
		(*ret_what & ~(unsigned)STORE_SAVE_RESPONSE) != STORE_SAVE_STATE) {
		return STORE_E_NOT_FOUND;
	}
	r = run_with(store, index, task);
	if (r)
		return r;
	if (!sqlite3_changes(store->db))
		return STORE_E_NOT_FOUND;
	*ret_what &= ~all;
	*ret_before = (struct store_standing){ task->session, task->lane, was, 0 };
	return 0;
}

/* What the row counted as before is in ret_before. */
static int save_over(struct store *store, const struct task *task, unsigned what,
	struct store_standing *ret_before)
{
	int r = STORE_E_NOT_FOUND;

	if (what & STORE_SAVE_STATE)
		r = save_expected(store, task, &what, ret_before);
	if (r == STORE_E_NOT_FOUND && what & (STORE_SAVE_STATE | STORE_SAVE_RESULT))
		r = load_standing(store, task->id, ret_before);
	else if (r == STORE_E_NOT_FOUND)
		r = 0;
	return r ? r : save_parts(store, task, what);
}

int store_task_save(struct store *store, struct task *task, unsigned what)
{
	struct store_standing before = { task->session, task->lane, task->state, 0 }, after;
	int r = store_begin(store);

	if (r == 0 && what & STORE_SAVE_NEW) {
		r = insert(store, task);
		what = rest_of(task, what);
		if (r == 0)
			r = save_parts(store, task, what);
	} else if (r == 0) {
		r = save_over(store, task, what, &before);
	}
	task->is_row_plain = false;
	if (r == STORE_E_NOT_FOUND || r == STORE_E_DUPLICATE)
		return store_contradicts(store);
	if (r)
		return r;
	after = before;
	if (what & STORE_SAVE_STATE)
		after.state = task->state;
	if (what & STORE_SAVE_REPLACED)
		after.lane = task->lane;
	if (what & STORE_SAVE_RESULT)
		after.result_code = task->result.code;
	return recount(store, &before, &after);
}

int store_task_set_state(struct store *store, uint64_t id, unsigned state)
{
	sqlite3_stmt *stmt = get(store, TASK_SET_STATE)->stmt;
	struct store_standing before, after;
	int r = store_begin(store);

	if (r == 0)
		r = load_standing(store, id, &before);
	if (r)
		return r;
	store_bind_u64(stmt, 1, id);
	store_bind_u64(stmt, 2, state);
	r = store_run(store, stmt);
	if (r)
		return r;
	after = before;
	after.state = state;
	return recount(store, &before, &after);
}

/* Adds to *n how many events they were. */
static int del_events(struct store *store, int index, uint64_t id, int64_t *n)
{
	sqlite3_stmt *stmt = get(store, index)->stmt;
	int r;

	store_bind_u64(stmt, 1, id);
	while ((r = store_step(store, stmt)) == 0)
		*n += store_event_n(stmt, 0);
	return r == STORE_E_NOT_FOUND ? 0 : r;
}

int store_task_del(struct store *store, uint64_t id)
{
	sqlite3_stmt *stmt = get(store, TASK_DEL)->stmt;
	struct store_standing standing;
	int64_t n_events = 0;
	bool is_counted;
	int r = store_begin(store);

	if (r == 0)
		r = load_standing(store, id, &standing);
	if (r && r != -EBADMSG)
		return r;
	is_counted = r == 0;
	r = del_events(store, TASK_DEL_EVENTS, id, &n_events);
	if (r == 0)
		r = del_events(store, TASK_DEL_END, id, &n_events);
	if (r == 0 && is_counted)
		r = store_tally_add(store, standing.session, STORE_TALLY_EVENTS, -n_events);
	if (r == 0 && is_counted)
		r = store_tally_task(store, &standing, -1);
	if (r)
		return r;
	store_bind_u64(stmt, 1, id);
	return store_run(store, stmt);
}

/* ---- loading ---- */

static int run_on(struct store *store, int index, uint64_t id)
{
	sqlite3_stmt *stmt = get(store, index)->stmt;

	store_bind_u64(stmt, 1, id);
	return store_run(store, stmt);
}

static int fail_row(struct store *store, uint64_t id, uint64_t wall_us)
{
	sqlite3_stmt *stmt = get(store, TASK_FAIL)->stmt;
	int r;

	store_bind_u64(stmt, 2, wall_us);
	sqlite3_bind_int(stmt, 3, TRANSFER_ERROR_UNKNOWN);
	sqlite3_bind_text(stmt, 4, "the stored record of the task is damaged", -1, SQLITE_STATIC);
	r = run_on(store, TASK_FAIL, id);
	if (r == 0)
		r = run_on(store, TASK_FAIL_EXTRA, id);
	return r ? r : run_on(store, TASK_FAIL_RESPONSE, id);
}

static int end_row(struct store *store, uint64_t id)
{
	struct store_event event = {
		.task = id, .type = STORE_EVENT_COMPLETED, .wall_us = clock_wall_us()
	};
	struct store_standing before, after;
	int r = load_standing(store, id, &before);

	if (r == 0)
		r = fail_row(store, id, event.wall_us);
	if (r)
		return r;
	after = before;
	after.state = TASK_STATE_COMPLETED;
	after.result_code = TRANSFER_ERROR_UNKNOWN;
	event.session = before.session;
	r = recount(store, &before, &after);
	/* one that had ended has told so already */
	return r || before.state == TASK_STATE_COMPLETED ? r : store_event_put(store, &event);
}

static int drop_row(struct store *store, uint64_t id)
{
	int r = store_task_del(store, id);

	if (r == 0)
		r = store_tally_recount(store);
	return r ? r : STORE_E_NOT_FOUND;
}

/*
 * A task that cannot be read ends as failed, with its event. If not even that can be written (it belongs to no session,
 * say) its row goes.
 */
static int quarantine(struct store *store, uint64_t id)
{
	int r = store_begin(store);

	if (r)
		return r;
	store->n_repaired++;
	r = end_row(store, id);
	if (r != -EBADMSG && r != -EINVAL && r != -EMSGSIZE)
		return r;
	return drop_row(store, id);
}

static int read_row(struct store *store, int index, uint64_t id, struct task *task)
{
	struct store_statement *statement = get(store, index);
	int r;

	store_bind_u64(statement->stmt, 1, id);
	r = store_step(store, statement->stmt);
	if (r)
		return r;
	r = store_row_read(&store_task_statements, statement, task, &task->arena);
	sqlite3_reset(statement->stmt);
	return r;
}

static int load_row(struct store *store, uint64_t id, struct task **ret_task)
{
	cleanup_(task_freep) struct task *task = task_new();
	int r = STORE_E_NOT_FOUND;

	if (!task)
		return err_raise(-ENOMEM);
	if (store->loads_plain)
		r = read_row(store, TASK_LOAD_PLAIN, id, task);
	task->is_row_plain = r == 0;
	if (r == STORE_E_NOT_FOUND) {
		r = read_row(store, TASK_LOAD, id, task);
		store->loads_plain = r == 0 && task->state == TASK_STATE_QUEUED &&
			!task->attempts && is_plain(task);
	}
	if (r == 0 && !task->kind)
		return -EBADMSG;
	/* its lane is gone: it can never run */
	if (r == 0 && !task->request.host[0] && task->state != TASK_STATE_COMPLETED)
		return -EBADMSG;
	/* only a file with a name to come gets that far */
	if (r == 0 && task->state == TASK_STATE_FINISHING && !task->request.destination)
		return -EBADMSG;
	if (r == 0)
		*ret_task = take_ptr(task);
	return r;
}

int store_task_load(struct store *store, uint64_t id, struct task **ret_task)
{
	int r = load_row(store, id, ret_task);

	if (r != -EBADMSG)
		return r;
	r = quarantine(store, id);
	if (r)
		return r;
	r = load_row(store, id, ret_task);
	/* it is not the row alone: what it belongs to cannot be read */
	return r == -EBADMSG ? drop_row(store, id) : r;
}
