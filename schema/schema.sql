-- The whole database as it is after all migrations, for readers. A test compares it with them.
CREATE TABLE session (
	id INTEGER PRIMARY KEY,
	kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 4),
	uid INTEGER NOT NULL CHECK (uid BETWEEN 0 AND 4294967295),
	app_id TEXT NOT NULL,
	identifier TEXT NOT NULL,
	state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3),
	description TEXT,
	created_wall_us INTEGER NOT NULL,
	last_acked_seq INTEGER NOT NULL,
	request_timeout_us INTEGER NOT NULL,
	resource_timeout_us INTEGER NOT NULL,
	max_rate_bps INTEGER NOT NULL,
	max_connections_per_host INTEGER NOT NULL,
	headers BLOB,
	ca_file TEXT,
	launch TEXT,
	upload_copy INTEGER NOT NULL,
	is_discretionary INTEGER NOT NULL,
	allows_metered INTEGER NOT NULL,
	allow_insecure INTEGER NOT NULL,
	retry_http_errors INTEGER NOT NULL,
	implements INTEGER NOT NULL DEFAULT 0, -- of the last client: 1 << kind of question
	-- NULL: the application's; '': no cookies at all
	cookie_store TEXT,
	sends_cookies INTEGER NOT NULL DEFAULT 1,
	accepts_cookies INTEGER NOT NULL DEFAULT 2
) STRICT;
CREATE UNIQUE INDEX session_by_name ON session(uid, app_id, identifier);

-- One per session and host that ever had a task. n_queued is kept with the tasks' states.
CREATE TABLE lane (
	id INTEGER PRIMARY KEY,
	session INTEGER NOT NULL REFERENCES session(id) ON DELETE CASCADE,
	host TEXT NOT NULL,
	n_queued INTEGER NOT NULL DEFAULT 0 CHECK (n_queued >= 0)
) STRICT;
CREATE UNIQUE INDEX lane_by_host ON lane(session, host);
CREATE INDEX lane_with_work ON lane(id) WHERE n_queued > 0;

CREATE TABLE task (
	id INTEGER PRIMARY KEY,
	session INTEGER NOT NULL REFERENCES session(id) ON DELETE CASCADE,
	lane INTEGER NOT NULL,
	kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 4),
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 6),
	-- the state as lists need it: 1 also for 3 to 5, so that putting a file in its place moves nothing there
	shelf INTEGER NOT NULL DEFAULT 1 CHECK (shelf = CASE WHEN state BETWEEN 3 AND 5 THEN 1 ELSE state END),
	priority REAL NOT NULL DEFAULT 0.5 CHECK (priority BETWEEN 0.0 AND 1.0),
	-- its life
	suspend_count INTEGER NOT NULL DEFAULT 0,
	wait_reason INTEGER NOT NULL DEFAULT 0,
	due_wall_us INTEGER NOT NULL DEFAULT 0, -- while it waits never 0
	is_begun INTEGER NOT NULL DEFAULT 0, -- its date has come, and who had to be asked was asked
	attempts INTEGER NOT NULL DEFAULT 0,
	failures INTEGER NOT NULL DEFAULT 0,
	resource_left_us INTEGER NOT NULL DEFAULT 0, -- at its end 0
	expires_boot_us INTEGER NOT NULL DEFAULT 0,
	created_wall_us INTEGER NOT NULL,
	started_wall_us INTEGER NOT NULL DEFAULT 0,
	finished_wall_us INTEGER NOT NULL DEFAULT 0, -- at its end never 0
	end_seq INTEGER NOT NULL DEFAULT 0, -- of its last end's row in event
	result_code INTEGER NOT NULL DEFAULT 0,
	-- what many requests have
	may_overwrite INTEGER NOT NULL DEFAULT 0,
	allow_insecure INTEGER NOT NULL DEFAULT 0,
	url TEXT NOT NULL,
	method TEXT NOT NULL,
	destination TEXT,
	description TEXT,
	ca_file TEXT
) STRICT;
-- Lists: all that a filter on kind and most of those on the state need is in the index.
CREATE INDEX task_by_session ON task(session, shelf, id, kind);
-- The queue itself, in the order in which it runs.
CREATE INDEX task_queue ON task(lane, priority DESC, id) WHERE state = 1;
-- No state where another column tells as much: SQLite opens each index that a changed column is part of.
CREATE INDEX task_due ON task(due_wall_us) WHERE due_wall_us > 0;
-- Tasks that were started once and do not rest: their resource limit runs. 0 while an attempt does.
CREATE INDEX task_clock ON task(expires_boot_us) WHERE resource_left_us > 0;
CREATE INDEX task_finished ON task(finished_wall_us) WHERE finished_wall_us > 0;
CREATE INDEX task_unsettled ON task(id) WHERE state BETWEEN 3 AND 5;

-- What else was asked for: of few tasks. No row: all of it is as the defaults say.
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

-- What attempts have brought. No row: nothing yet, all of it is as the defaults say.
CREATE TABLE outcome (
	task INTEGER PRIMARY KEY REFERENCES task(id) ON DELETE CASCADE,
	-- how far it is
	offset_bytes INTEGER NOT NULL DEFAULT 0,
	total_bytes INTEGER NOT NULL DEFAULT -1,
	sent_bytes INTEGER NOT NULL DEFAULT 0,
	network_bytes INTEGER NOT NULL DEFAULT 0,
	etag TEXT,
	last_modified TEXT,
	digest_state BLOB,
	can_resume INTEGER NOT NULL DEFAULT 0,
	is_resumed_by_client INTEGER NOT NULL DEFAULT 0,
	-- an upload that can go on after a break: where, and what the server has acknowledged
	upload_url TEXT,
	upload_offset_bytes INTEGER NOT NULL DEFAULT 0,
	-- how it ended
	redirects INTEGER NOT NULL DEFAULT 0,
	body_bytes INTEGER NOT NULL DEFAULT 0,
	digest_hex TEXT,
	file_ino INTEGER NOT NULL DEFAULT 0,
	file_size_bytes INTEGER NOT NULL DEFAULT 0,
	file_mtime_ns INTEGER NOT NULL DEFAULT 0, -- of a file that had no name when it was synced; else 0
	failing_url TEXT,
	result_os_errno INTEGER NOT NULL DEFAULT 0,
	result_library_code INTEGER NOT NULL DEFAULT 0,
	result_detail TEXT NOT NULL DEFAULT '',
	last_error_code INTEGER NOT NULL DEFAULT 0,
	last_error_os_errno INTEGER NOT NULL DEFAULT 0,
	last_error_library_code INTEGER NOT NULL DEFAULT 0,
	last_error_detail TEXT NOT NULL DEFAULT '',
	-- the last final response; status 0: none
	status INTEGER NOT NULL DEFAULT 0 CHECK (status BETWEEN 0 AND 999),
	expected_bytes INTEGER NOT NULL DEFAULT -1,
	url TEXT,
	mime_type TEXT,
	text_encoding TEXT,
	http_version TEXT,
	suggested_name TEXT,
	headers BLOB
) STRICT;

-- The one row lists the tasks whose rows are as they were put, with an outcome, and whose files are on their way to their places: they
-- are FINISHING. Per task its number, attempts and started_wall_us, as little-endian 64-bit numbers.
CREATE TABLE placing (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	tasks BLOB NOT NULL
) STRICT;

-- Delegate events that nobody has acknowledged yet. task 0: about the session.
-- A row is n events, the last of which has the number seq: the first is of the type, METRICS and COMPLETED follow.
CREATE TABLE event (
	seq INTEGER PRIMARY KEY,
	session INTEGER NOT NULL REFERENCES session(id) ON DELETE CASCADE,
	task INTEGER NOT NULL,
	type INTEGER NOT NULL CHECK (type BETWEEN 1 AND 7),
	wall_us INTEGER NOT NULL,
	a INTEGER NOT NULL,
	b INTEGER NOT NULL,
	n INTEGER NOT NULL DEFAULT 1 CHECK (n BETWEEN 1 AND 3)
) STRICT;
CREATE INDEX event_by_session ON event(session);
-- A task that ended well has its three events in one row, which task.end_seq finds: no index has to.
CREATE INDEX event_by_task ON event(task) WHERE n < 3;

-- Answers to CreateTasks, for a repeat after a lost reply. ids: little-endian 64-bit numbers.
CREATE TABLE token (
	id INTEGER PRIMARY KEY,
	session INTEGER NOT NULL REFERENCES session(id) ON DELETE CASCADE,
	token TEXT NOT NULL,
	ids BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX token_by_name ON token(session, token);
CREATE INDEX token_by_age ON token(session, id);

-- The next number of each kind: never given out twice, not even after the row is gone.
CREATE TABLE sequence (
	name TEXT PRIMARY KEY,
	next INTEGER NOT NULL CHECK (next > 0)
) STRICT, WITHOUT ROWID;
INSERT INTO sequence(name, next) VALUES ('session', 1), ('task', 1), ('event', 1), ('question', 1);

CREATE TABLE setting (
	name TEXT PRIMARY KEY,
	value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- How many tasks a session has in each state (0 to 6), failed ones (7), events (8), cancelled ones (9).
CREATE TABLE tally (
	session INTEGER NOT NULL REFERENCES session(id) ON DELETE CASCADE,
	what INTEGER NOT NULL CHECK (what BETWEEN 0 AND 9),
	n INTEGER NOT NULL CHECK (n >= 0),
	PRIMARY KEY (session, what)
) STRICT, WITHOUT ROWID;

-- What a client is asked and has not answered (state 0); what it has answered (1); what needs no answer any more (2).
CREATE TABLE question (
	id INTEGER PRIMARY KEY,
	session INTEGER NOT NULL REFERENCES session(id) ON DELETE CASCADE,
	task INTEGER NOT NULL REFERENCES task(id) ON DELETE CASCADE,
	kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 32),
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),
	asked_wall_us INTEGER NOT NULL
) STRICT;
CREATE INDEX question_by_session ON question(session, state, id);
CREATE INDEX question_by_task ON question(task);

-- Cookie stores: one per user, application and name, made when its first cookie comes.
CREATE TABLE jar (
	id INTEGER PRIMARY KEY,
	uid INTEGER NOT NULL CHECK (uid BETWEEN 0 AND 4294967295),
	app_id TEXT NOT NULL,
	name TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX jar_by_name ON jar(uid, app_id, name);

-- expires_wall_us 0: until the machine is started anew.
CREATE TABLE cookie (
	id INTEGER PRIMARY KEY,
	jar INTEGER NOT NULL REFERENCES jar(id) ON DELETE CASCADE,
	domain TEXT NOT NULL,
	path TEXT NOT NULL,
	name TEXT NOT NULL,
	value TEXT NOT NULL,
	expires_wall_us INTEGER NOT NULL,
	created_wall_us INTEGER NOT NULL,
	same_site INTEGER NOT NULL CHECK (same_site BETWEEN 0 AND 3),
	is_host_only INTEGER NOT NULL,
	is_secure INTEGER NOT NULL,
	is_http_only INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX cookie_by_name ON cookie(jar, domain, path, name, is_host_only);
-- The oldest go first.
CREATE INDEX cookie_by_age ON cookie(jar, id);
