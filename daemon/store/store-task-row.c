/* SPDX-License-Identifier: MIT */
/* The three rows of a task: which column is which member, and every statement that reads or writes them. */
#include "daemon/store/store-task.h"

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
	NUMBER_("has_extra", BOOL, has_extra),
	NUMBER_("has_outcome", BOOL, has_outcome),
};

/* What changes together, row by row. */
#define SET_STATE \
	"state = :state, shelf = CASE WHEN :state BETWEEN 3 AND 5 THEN 1 ELSE :state END, suspend_count = :suspend_count, wait_reason =" \
	" :wait_reason, due_wall_us = max(:due_wall_us, :state = 2), is_begun = :is_begun, attempts = :attempts, failures =" \
	" :failures, started_wall_us = :started_wall_us, finished_wall_us = max(:finished_wall_us, :state = 6), end_seq =" \
	" :end_seq, resource_left_us = :resource_left_us * (:state <> 6), expires_boot_us = :expires_boot_us"
#define SET_PROGRESS \
	"offset_bytes = :offset_bytes, total_bytes = :total_bytes, sent_bytes = :sent_bytes, network_bytes = :network_bytes, etag" \
	" = :etag, last_modified = :last_modified, digest_state = :digest_state, can_resume = :can_resume, upload_url =" \
	" :upload_url, upload_offset_bytes = :upload_offset_bytes, is_resumed_by_client = :is_resumed_by_client"
#define SET_RESULT \
	"digest_hex = :digest_hex, file_ino = :file_ino, file_size_bytes = :file_size_bytes, file_mtime_ns = :file_mtime_ns," \
	" failing_url = :failing_url, result_os_errno = :result_os_errno, result_library_code = :result_library_code," \
	" result_detail = :result_detail, last_error_code = :last_error_code, last_error_os_errno = :last_error_os_errno," \
	" last_error_library_code = :last_error_library_code, last_error_detail = :last_error_detail, redirects = :redirects," \
	" body_bytes = :body_bytes"
#define SET_RESPONSE \
	"status = :response_status, expected_bytes = :expected_bytes, url = :response_url, mime_type = :mime_type, text_encoding =" \
	" :text_encoding, http_version = :http_version, suggested_name = :suggested_name, headers = :response_headers"

#define PUT_PLAIN \
	"INSERT INTO task(id, session, lane, kind, state, priority, created_wall_us, may_overwrite, allow_insecure, url, method, destination," \
	" description, ca_file) VALUES "
/* in the order of TASK_PUT_PLAIN */
#define TWO_ROWS \
	"(?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_Static_assert(STORE_MANY == 8, "as many rows as TASK_PUT_MANY has");

static const char *const texts[] = {
	[TASK_PUT] =
		"INSERT INTO task(id, session, lane, kind, state, shelf, priority, suspend_count, wait_reason, due_wall_us,"
		" created_wall_us, finished_wall_us, may_overwrite, allow_insecure, url, method, destination, description, ca_file)"
		" VALUES (:id, :session, :lane, :kind, :state, CASE WHEN :state BETWEEN 3 AND 5 THEN 1 ELSE :state END, :priority,"
		" :suspend_count, :wait_reason, max(:due_wall_us, :state = 2), :created_wall_us, :state = 6, :may_overwrite,"
		" :allow_insecure, :url, :method, :destination, :description, :ca_file)",
	/* one that is to run at once, and many: all else in the row is as the defaults say */
	[TASK_PUT_PLAIN] = PUT_PLAIN
	"(:id, :session, :lane, :kind, 1, :priority, :created_wall_us, :may_overwrite, :allow_insecure, :url, :method,"
	" :destination, :description, :ca_file)",
	[TASK_PUT_MANY] = PUT_PLAIN "/* scan: the rows given */ " TWO_ROWS ", " TWO_ROWS
				    ", " TWO_ROWS ", " TWO_ROWS,
	[TASK_PUT_EXTRA] =
		"INSERT OR REPLACE INTO task_extra(task, headers, userdata, source_path, checksum_name, checksum_hex, want_digest,"
		" timeout_us, resource_timeout_us, not_before_wall_us, max_rate_bps, upload_copy, retry_http_errors, ignores_cookies,"
		" main_document_url, source_ino, source_size_bytes, source_mtime_ns) VALUES (:id, :headers, :userdata, :source_path,"
		" :checksum_name, :checksum_hex, :want_digest, :timeout_us, :resource_timeout_us, :not_before_wall_us, :max_rate_bps,"
		" :upload_copy, :retry_http_errors, :ignores_cookies, :main_document_url, :source_ino, :source_size_bytes,"
		" :source_mtime_ns)",
	[TASK_PUT_OUTCOME] = "INSERT INTO outcome(task) VALUES (:id)",
	[TASK_LOAD] =
		"SELECT t.id AS id, t.session AS session, t.lane AS lane, kind, state, priority, suspend_count, wait_reason,"
		" due_wall_us, is_begun, attempts, failures, resource_left_us, expires_boot_us, created_wall_us, started_wall_us,"
		" finished_wall_us, end_seq, result_code, may_overwrite, allow_insecure, t.url AS url, method, destination,"
		" description, ca_file, ifnull(l.host, '') AS host, x.task IS NOT NULL AS has_extra, o.task IS NOT NULL AS"
		" has_outcome FROM task AS t LEFT JOIN lane AS l ON l.id = t.lane LEFT JOIN task_extra AS x ON x.task = t.id LEFT"
		" JOIN outcome AS o ON o.task = t.id WHERE t.id = ?1",
	[TASK_LOAD_EXTRA] =
		"SELECT headers, userdata, source_path, checksum_name, checksum_hex, want_digest, timeout_us, resource_timeout_us,"
		" not_before_wall_us, max_rate_bps, upload_copy, retry_http_errors, ignores_cookies, main_document_url, source_ino,"
		" source_size_bytes, source_mtime_ns FROM task_extra WHERE task = ?1",
	[TASK_LOAD_OUTCOME] =
		"SELECT offset_bytes, total_bytes, sent_bytes, network_bytes, etag, last_modified, digest_state, can_resume,"
		" is_resumed_by_client, upload_url, upload_offset_bytes, redirects, body_bytes, digest_hex, file_ino,"
		" file_size_bytes, file_mtime_ns, failing_url, result_os_errno, result_library_code, result_detail, last_error_code,"
		" last_error_os_errno, last_error_library_code, last_error_detail, status AS response_status, expected_bytes, url AS"
		" response_url, mime_type, text_encoding, http_version, suggested_name, headers AS response_headers FROM outcome"
		" WHERE task = ?1",
	[TASK_STANDING] = "SELECT session, lane, state, result_code FROM task WHERE id = ?1",
	[TASK_SAVE_STATE] = "UPDATE task SET " SET_STATE " WHERE id = :id",
	[TASK_SAVE_END] = "UPDATE task SET " SET_STATE
			  ", result_code = :result_code WHERE id = :id",
	[TASK_SAVE_CODE] = "UPDATE task SET result_code = :result_code WHERE id = :id",
	[TASK_SAVE_ATTEMPT] =
		"UPDATE task SET attempts = :attempts, started_wall_us = :started_wall_us, resource_left_us = :resource_left_us,"
		" expires_boot_us = :expires_boot_us WHERE id = :id",
	[TASK_SAVE_REQUEST] =
		"UPDATE task SET description = :description, priority = :priority WHERE id = :id",
	[TASK_SAVE_REQUEST_EXTRA] =
		"UPDATE task_extra SET max_rate_bps = :max_rate_bps, not_before_wall_us = :not_before_wall_us, source_ino ="
		" :source_ino, source_size_bytes = :source_size_bytes, source_mtime_ns = :source_mtime_ns WHERE task = :id",
	[TASK_SAVE_REPLACED] =
		"UPDATE task SET url = :url, method = :method, lane = :lane WHERE id = :id",
	[TASK_SAVE_PROGRESS] = "UPDATE outcome SET " SET_PROGRESS " WHERE task = :id",
	[TASK_SAVE_RESULT] = "UPDATE outcome SET " SET_RESULT " WHERE task = :id",
	[TASK_SAVE_RESPONSE] = "UPDATE outcome SET " SET_RESPONSE " WHERE task = :id",
	[TASK_SAVE_OUTCOME] = "UPDATE outcome SET " SET_PROGRESS ", " SET_RESULT ", " SET_RESPONSE
			      " WHERE task = :id",
	/*
	 * The two steps that every download of a file goes through, of what is known to be in the row. The second one is
	 * TASK_END_PLACED where the file is listed as one on its way to its place, for the row is then as it was put. They
	 * name no column of the indexes that the row is not in: due and clock.
	 */
	[TASK_PUT_PLACED] =
		"INSERT OR IGNORE INTO outcome(task, offset_bytes, total_bytes, network_bytes, etag, last_modified, can_resume,"
		" digest_hex, file_ino, file_size_bytes, file_mtime_ns, status, expected_bytes, url, mime_type, text_encoding,"
		" http_version, suggested_name, headers) VALUES (:id, :offset_bytes, :total_bytes, :network_bytes, :etag,"
		" :last_modified, :can_resume, :digest_hex, :file_ino, :file_size_bytes, :file_mtime_ns, :response_status,"
		" :expected_bytes, :response_url, :mime_type, :text_encoding, :http_version, :suggested_name, :response_headers)",
	[TASK_END_PLACED] =
		"UPDATE task SET state = 6, shelf = 6, attempts = :attempts, started_wall_us = :started_wall_us, finished_wall_us ="
		" :finished_wall_us, end_seq = :end_seq WHERE id = :id AND session = :session AND lane = :lane AND state = 1 AND"
		" attempts = 0",
	[TASK_SAVE_ENDED] =
		"UPDATE task SET state = 6, shelf = 6, suspend_count = :suspend_count, wait_reason = :wait_reason, is_begun ="
		" :is_begun, attempts = :attempts, failures = :failures, started_wall_us = :started_wall_us, finished_wall_us ="
		" max(:finished_wall_us, 1), end_seq = :end_seq WHERE id = :id AND session = :session AND lane = :lane AND state = 3"
		" AND result_code = 0 AND due_wall_us = 0 AND resource_left_us = 0 AND expires_boot_us = 0",
	[TASK_SET_STATE] =
		"UPDATE task SET state = ?2, shelf = CASE WHEN ?2 BETWEEN 3 AND 5 THEN 1 ELSE ?2 END, wait_reason = 0, due_wall_us ="
		" (?2 = 2), finished_wall_us = max(finished_wall_us, ?2 = 6) WHERE id = ?1",
	/* everything but what the task is counted by is made anew */
	[TASK_FAIL] =
		"UPDATE task SET kind = CASE WHEN typeof(kind) = 'integer' AND kind BETWEEN 1 AND 4 THEN kind ELSE 3 END, state = 6,"
		" shelf = 6, priority = 0.5, suspend_count = 0, wait_reason = 0, due_wall_us = 0, is_begun = 0, attempts = 0,"
		" failures = 0, resource_left_us = 0, expires_boot_us = 0, created_wall_us = ?2, started_wall_us = 0,"
		" finished_wall_us = CASE WHEN state = 6 AND typeof(finished_wall_us) = 'integer' AND finished_wall_us > 0 THEN"
		" finished_wall_us ELSE ?2 END, end_seq = CASE WHEN typeof(end_seq) = 'integer' AND end_seq > 0 THEN end_seq ELSE 0"
		" END, result_code = ?3, may_overwrite = 0, allow_insecure = 0, url = 'damaged:', method = 'GET', destination = NULL,"
		" description = NULL, ca_file = NULL WHERE id = ?1",
	[TASK_DEL_EXTRA] = "DELETE FROM task_extra WHERE task = ?1",
	[TASK_FAIL_OUTCOME] = "INSERT OR REPLACE INTO outcome(task, result_detail) VALUES (?1, ?2)",
	[TASK_DEL_EVENTS] = "DELETE FROM event WHERE task = ?1 AND n < 3 RETURNING n",
	[TASK_DEL_END] =
		"DELETE FROM event WHERE seq = (SELECT end_seq FROM task WHERE id = ?1) AND task = ?1 RETURNING n",
	[TASK_DEL] = "DELETE FROM task WHERE id = ?1",
};

const struct store_statements store_task_statements = {
	.texts = texts,
	.n = sizeof(texts) / sizeof(texts[0]),
	.columns = columns,
	.n_columns = sizeof(columns) / sizeof(columns[0]),
};
