-- SPDX-License-Identifier: MIT
-- A task's row changes three times in the life of a small file: it has what decides where the task stands, and what every request has.
-- What few requests have is in task_extra, what attempts have brought in outcome: a plain download has no row in either before it ends.
-- The indexes name what only the steps change that move a task in them, for SQLite opens each that a changed column is part of.
DROP INDEX task_by_session;
DROP INDEX task_queue;
DROP INDEX task_due;
DROP INDEX task_clock;
DROP INDEX task_finished;
DROP INDEX task_unsettled;
DROP INDEX question_by_session;
DROP INDEX question_by_task;
ALTER TABLE task RENAME TO wide_task;
ALTER TABLE task_extra RENAME TO old_extra;
ALTER TABLE response RENAME TO old_response;
ALTER TABLE question RENAME TO old_question;

CREATE TABLE task (
	id INTEGER PRIMARY KEY,
	session INTEGER NOT NULL REFERENCES session(id) ON DELETE CASCADE,
	lane INTEGER NOT NULL,
	kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 4),
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 6),
	shelf INTEGER NOT NULL DEFAULT 1 CHECK (shelf = CASE WHEN state BETWEEN 3 AND 5 THEN 1 ELSE state END),
	priority REAL NOT NULL DEFAULT 0.5 CHECK (priority BETWEEN 0.0 AND 1.0),
	suspend_count INTEGER NOT NULL DEFAULT 0,
	wait_reason INTEGER NOT NULL DEFAULT 0,
	due_wall_us INTEGER NOT NULL DEFAULT 0,
	is_begun INTEGER NOT NULL DEFAULT 0,
	attempts INTEGER NOT NULL DEFAULT 0,
	failures INTEGER NOT NULL DEFAULT 0,
	resource_left_us INTEGER NOT NULL DEFAULT 0,
	expires_boot_us INTEGER NOT NULL DEFAULT 0,
	created_wall_us INTEGER NOT NULL,
	started_wall_us INTEGER NOT NULL DEFAULT 0,
	finished_wall_us INTEGER NOT NULL DEFAULT 0,
	end_seq INTEGER NOT NULL DEFAULT 0,
	result_code INTEGER NOT NULL DEFAULT 0,
	may_overwrite INTEGER NOT NULL DEFAULT 0,
	allow_insecure INTEGER NOT NULL DEFAULT 0,
	url TEXT NOT NULL,
	method TEXT NOT NULL,
	destination TEXT,
	description TEXT,
	ca_file TEXT
) STRICT;
INSERT INTO task SELECT id, session, lane, kind, state, CASE WHEN state BETWEEN 3 AND 5 THEN 1 ELSE state END, priority, suspend_count,
	wait_reason, max(due_wall_us, state = 2), is_begun, attempts, failures, resource_left_us * (state <> 6), expires_boot_us,
	created_wall_us, started_wall_us, max(finished_wall_us, state = 6), end_seq, result_code, may_overwrite, allow_insecure, url,
	method, destination, description, ca_file FROM wide_task WHERE session IN (SELECT id FROM session);
CREATE INDEX task_by_session ON task(session, shelf, id, kind);
CREATE INDEX task_queue ON task(lane, priority DESC, id) WHERE state = 1;
CREATE INDEX task_due ON task(due_wall_us) WHERE due_wall_us > 0;
CREATE INDEX task_clock ON task(expires_boot_us) WHERE resource_left_us > 0;
CREATE INDEX task_finished ON task(finished_wall_us) WHERE finished_wall_us > 0;
CREATE INDEX task_unsettled ON task(id) WHERE state BETWEEN 3 AND 5;

CREATE TABLE task_extra (
	task INTEGER PRIMARY KEY REFERENCES task(id) ON DELETE CASCADE,
	headers BLOB,
	userdata BLOB,
	source_path TEXT,
	checksum_name TEXT,
	checksum_hex TEXT,
	want_digest TEXT,
	timeout_us INTEGER NOT NULL DEFAULT 0,
	resource_timeout_us INTEGER NOT NULL DEFAULT 0,
	not_before_wall_us INTEGER NOT NULL DEFAULT 0,
	max_rate_bps INTEGER NOT NULL DEFAULT 0,
	upload_copy INTEGER NOT NULL DEFAULT 0,
	retry_http_errors INTEGER NOT NULL DEFAULT 0,
	ignores_cookies INTEGER NOT NULL DEFAULT 0,
	main_document_url TEXT,
	source_ino INTEGER NOT NULL DEFAULT 0,
	source_size_bytes INTEGER NOT NULL DEFAULT 0,
	source_mtime_ns INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO task_extra SELECT id, x.headers, userdata, source_path, checksum_name, checksum_hex, want_digest, timeout_us,
	resource_timeout_us, not_before_wall_us, max_rate_bps, upload_copy, retry_http_errors, ignores_cookies,
	main_document_url, source_ino, source_size_bytes, source_mtime_ns FROM wide_task LEFT JOIN old_extra AS x ON x.task = id
	WHERE id IN (SELECT id FROM task) AND (x.task IS NOT NULL OR source_path IS NOT NULL OR checksum_name IS NOT NULL OR checksum_hex IS NOT NULL
	OR want_digest IS NOT NULL OR timeout_us <> 0 OR resource_timeout_us <> 0 OR not_before_wall_us <> 0 OR max_rate_bps <> 0
	OR upload_copy <> 0 OR retry_http_errors <> 0 OR ignores_cookies <> 0 OR main_document_url IS NOT NULL
	OR source_ino <> 0 OR source_size_bytes <> 0 OR source_mtime_ns <> 0);

CREATE TABLE outcome (
	task INTEGER PRIMARY KEY REFERENCES task(id) ON DELETE CASCADE,
	offset_bytes INTEGER NOT NULL DEFAULT 0,
	total_bytes INTEGER NOT NULL DEFAULT -1,
	sent_bytes INTEGER NOT NULL DEFAULT 0,
	network_bytes INTEGER NOT NULL DEFAULT 0,
	etag TEXT,
	last_modified TEXT,
	digest_state BLOB,
	can_resume INTEGER NOT NULL DEFAULT 0,
	is_resumed_by_client INTEGER NOT NULL DEFAULT 0,
	upload_url TEXT,
	upload_offset_bytes INTEGER NOT NULL DEFAULT 0,
	redirects INTEGER NOT NULL DEFAULT 0,
	body_bytes INTEGER NOT NULL DEFAULT 0,
	digest_hex TEXT,
	file_ino INTEGER NOT NULL DEFAULT 0,
	file_size_bytes INTEGER NOT NULL DEFAULT 0,
	file_mtime_ns INTEGER NOT NULL DEFAULT 0,
	failing_url TEXT,
	result_os_errno INTEGER NOT NULL DEFAULT 0,
	result_library_code INTEGER NOT NULL DEFAULT 0,
	result_detail TEXT NOT NULL DEFAULT '',
	last_error_code INTEGER NOT NULL DEFAULT 0,
	last_error_os_errno INTEGER NOT NULL DEFAULT 0,
	last_error_library_code INTEGER NOT NULL DEFAULT 0,
	last_error_detail TEXT NOT NULL DEFAULT '',
	status INTEGER NOT NULL DEFAULT 0 CHECK (status BETWEEN 0 AND 999),
	expected_bytes INTEGER NOT NULL DEFAULT -1,
	url TEXT,
	mime_type TEXT,
	text_encoding TEXT,
	http_version TEXT,
	suggested_name TEXT,
	headers BLOB
) STRICT;
INSERT INTO outcome SELECT id, offset_bytes, total_bytes, sent_bytes, network_bytes, etag, last_modified, digest_state, can_resume,
	is_resumed_by_client, upload_url, upload_offset_bytes, redirects, body_bytes, digest_hex, file_ino, file_size_bytes, file_mtime_ns,
	failing_url, result_os_errno, result_library_code, result_detail, last_error_code, last_error_os_errno, last_error_library_code,
	last_error_detail, ifnull(r.status, 0), ifnull(r.expected_bytes, -1), r.url, mime_type, text_encoding, http_version, suggested_name,
	r.headers FROM wide_task AS t LEFT JOIN old_response AS r ON r.task = t.id
	WHERE id IN (SELECT id FROM task) AND (r.task IS NOT NULL OR offset_bytes <> 0 OR total_bytes <> -1 OR sent_bytes <> 0 OR network_bytes <> 0 OR etag IS NOT NULL
	OR last_modified IS NOT NULL OR digest_state IS NOT NULL OR can_resume <> 0 OR is_resumed_by_client <> 0 OR upload_url IS NOT NULL
	OR upload_offset_bytes <> 0 OR redirects <> 0 OR body_bytes <> 0 OR digest_hex IS NOT NULL OR file_ino <> 0 OR file_size_bytes <> 0
	OR file_mtime_ns <> 0 OR failing_url IS NOT NULL OR result_os_errno <> 0 OR result_library_code <> 0 OR result_detail <> ''
	OR last_error_code <> 0 OR last_error_os_errno <> 0 OR last_error_library_code <> 0 OR last_error_detail <> '');

CREATE TABLE question (
	id INTEGER PRIMARY KEY,
	session INTEGER NOT NULL REFERENCES session(id) ON DELETE CASCADE,
	task INTEGER NOT NULL REFERENCES task(id) ON DELETE CASCADE,
	kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 32),
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),
	asked_wall_us INTEGER NOT NULL
) STRICT;
INSERT INTO question SELECT * FROM old_question WHERE session IN (SELECT id FROM session) AND task IN (SELECT id FROM task);
CREATE INDEX question_by_session ON question(session, state, id);
CREATE INDEX question_by_task ON question(task);

-- those that refer to others first: what is dropped takes nothing with it
DROP TABLE old_question;
DROP TABLE old_response;
DROP TABLE old_extra;
DROP TABLE wide_task;
