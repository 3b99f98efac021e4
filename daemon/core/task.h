/* SPDX-License-Identifier: MIT */
/*
 * A task as the model knows it: what is durable (one row of the store) and what exists only while
 * it is in memory. Objects are in memory only while they run, finish, or are looked at; the
 * database is the queue (I5).
 */
#ifndef CORE_TASK_H
#define CORE_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <transfer/types.h>

#include "base/arena.h"

/*
 * Durable states. Values are stored: never renumber. "Runs now" is not durable: a running task is
 * QUEUED with an attempt in memory.
 */
enum task_state {
	TASK_STATE_SUSPENDED = 0, /* suspend_count > 0 */
	TASK_STATE_QUEUED = 1, /* wants to run; the scheduler may pick it */
	TASK_STATE_WAITING = 2, /* not before due_wall_us, for wait_reason */
	TASK_STATE_FINISHING =
		3, /* download: part is whole and durable (file_ino); only putting it in place is left */
	TASK_STATE_ANSWERED =
		4, /* upload: the final response is recorded; never sent again (BT-25) */
	TASK_STATE_CANCELING = 5, /* the attempt is being stopped; ends COMPLETED with -999 */
	TASK_STATE_COMPLETED = 6, /* result says how */
};

enum task_wait_reason {
	TASK_WAIT_NONE = 0,
	TASK_WAIT_RETRY = 1, /* back-off or Retry-After after a failed attempt */
	TASK_WAIT_DATE = 2, /* not_before_wall_us */
	TASK_WAIT_DISK = 3, /* no room; looked at again every 30 s */
	TASK_WAIT_ANSWER = 4, /* its client was asked and has not answered; due never */
};
#define TASK_DUE_NEVER INT64_MAX

enum task_upload_copy {
	TASK_UPLOAD_COPY_SNAPSHOT = 0, /* the spool holds a private copy */
	TASK_UPLOAD_COPY_NONE = 1, /* the source is read in place and must not change */
};

struct task_header {
	const char *name, *value;
};

/*
 * What was asked for; never changes after creation except description, priority, max_rate_bps and
 * not_before_wall_us (SetTasks).
 */
struct task_request {
	const char *url; /* absolute http(s), canonical */
	const char *host; /* "https://example.org:443": the lane together with the session */
	const char *method;
	const struct task_header *headers;
	size_t n_headers;
	const char *destination; /* absolute path or NULL: stays in the spool until handed over */
	/* upload: what the client named, for people; NULL: descriptor only */
	const char *source_path;
	const char *ca_file; /* NULL: session's */
	const char *checksum_name, *checksum_hex; /* verified before publishing; NULL: none */
	const char *want_digest; /* digest reported with the file; NULL: none */
	const char *description; /* NULL: none */
	const void *userdata;
	size_t userdata_bytes;
	uint64_t timeout_us; /* idle; 0: session's */
	uint64_t resource_timeout_us; /* 0: session's */
	uint64_t not_before_wall_us; /* 0: at once */
	uint64_t max_rate_bps; /* 0: none */
	double priority; /* 0.0 … 1.0 */
	const char *main_document_url; /* NULL: none */
	enum task_upload_copy upload_copy;
	bool may_overwrite, allow_insecure, retry_http_errors;
	bool ignores_cookies;
	uint64_t source_ino, source_size_bytes, source_mtime_ns; /* upload; ino 0 with a snapshot */
};

/* The last final response. Strings NULL when unknown. */
struct task_response {
	uint16_t status; /* 0: none yet */
	const char *url, *mime_type, *text_encoding, *http_version, *suggested_name;
	const struct task_header *headers;
	size_t n_headers;
	int64_t expected_bytes;
};

struct task {
	/* ---- durable ---- */
	uint64_t id; /* never reused, unique per daemon */
	uint64_t session;
	uint64_t lane; /* store's number of (session, host) */
	enum transfer_task_kind kind;
	enum task_state state;
	uint32_t suspend_count;
	enum task_wait_reason wait_reason;
	struct task_request request;
	uint64_t created_wall_us, started_wall_us, finished_wall_us; /* 0: not yet */
	uint64_t end_seq; /* the last event of its last end; 0: none yet */
	uint64_t due_wall_us; /* WAITING */
	uint32_t attempts; /* started attempts, for people */
	uint32_t failures; /* failed attempts since the last progress: what back-off counts */
	uint64_t
		resource_left_us; /* what is left of the resource limit when it was last saved; 0: not started */
	uint64_t
		expires_boot_us; /* when it is over; QUEUED and WAITING without an attempt, once started */
	uint64_t offset_bytes; /* durable bytes in the part file (I4) */
	int64_t total_bytes; /* of the whole file; -1 unknown */
	uint64_t sent_bytes;
	uint64_t network_bytes; /* payload received over all attempts */
	const char *etag, *last_modified; /* validators of the bytes on disk */
	const void *digest_state;
	size_t digest_state_bytes;
	const char *digest_hex; /* of the finished file, when wanted */
	bool is_begun; /* not_before_wall_us has come, and who had to be asked was asked */
	bool can_resume; /* what the last response allows */
	bool is_resumed_by_client; /* created from resume data */
	uint32_t redirects;
	struct task_response response;
	struct transfer_result result; /* COMPLETED: how it ended; code 0: success */
	struct transfer_result last_error; /* of the last failed attempt */
	const char *failing_url;
	uint64_t file_ino, file_size_bytes; /* FINISHING and later: identity of the file */
	uint64_t file_mtime_ns; /* more of it, when it had no name before; else 0 */
	uint64_t body_bytes; /* upload: response body in the spool */
	const char
		*upload_url; /* upload: the server's resource that it can go on with; NULL: none */
	uint64_t upload_offset_bytes; /* upload: what that server has acknowledged */

	/* ---- in memory only ---- */
	uint32_t attempt; /* number of the running attempt in the engine; 0: none */
	bool is_stopping; /* engine_stop() was sent, DONE not seen yet */
	bool is_transferring; /* CONNECTED was seen */
	bool is_syncing; /* the attempt ended well; SYNCED not seen yet */
	bool has_slot; /* counted by the scheduler */
	bool is_response_new; /* the store does not have it yet */
	bool is_row_untouched; /* for the store: nothing was saved since it was put */
	bool has_extra, has_outcome; /* for the store, when it loads */
	bool is_ahead; /* with the engine, which begins it when a slot of its lane becomes free */
	uint64_t jar; /* cookies of the running attempt, for the engine; 0: none */
	uint64_t
		unsaved_since_us; /* its first attempt, of which the store knows nothing; 0: it does */
	size_t stale_bytes; /* of the arena, no longer pointed to */
	uint64_t received_bytes; /* live counter, >= offset_bytes */
	int64_t expected_receive_bytes, expected_send_bytes;
	uint64_t live_sent_bytes;
	uint64_t receive_bps, send_bps; /* exponential averages */
	uint64_t deadline_boot_us;
	uint64_t generation; /* of the last change, for GetProgress */
	struct arena arena; /* owns every string above */
};

struct task *task_new(void);
void task_free(struct task *task);

enum transfer_task_state task_public_state(const struct task *task);

#endif
