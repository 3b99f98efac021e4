/* SPDX-License-Identifier: MIT */
/*
 * The engine moves bytes. It knows attempts, not tasks' lives: who may run when, retries, SQLite and D-Bus are not its business.
 *
 * Threads: workers (event_base + CURLMs; one CURLM per worker and session, so connections are never shared between sessions and the
 * per-host limit is exact; a host is bound to one worker) and disk threads (sync, publish, snapshot, remove, digest of existing bytes).
 * Caller: one thread calls everything here. Commands go by mailbox and cannot fail late without an event: each started attempt ends
 * with exactly one ENGINE_EVENT_DONE, whatever is commanded. Everything carries (task, attempt); unknown pairs are ignored.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <transfer/types.h>

struct engine;

struct engine_config {
	const char *user_agent;
	const char *ca_file; /* NULL: the system's trust store */
	const char *spool_dir; /* absolute, mode 0700, exists */
	unsigned n_workers; /* 0: 2 */
	unsigned max_connections_per_host; /* 0: 6; per session */
	uint64_t max_download_bps, max_upload_bps; /* bytes per second, whole engine; 0: no limit */
};

struct engine_header {
	const char *name, *value;
};

/* Where the body of the answer goes. */
enum engine_body {
	ENGINE_BODY_FILE, /* as it is today: a download's part, an upload's body_path */
	/*
	 * DATA events in order: bytes while they are few, else the read end of a pipe that is written as it is read. What came
	 * within ENGINE_GATHER_US and ENGINE_INLINE_BYTES, up to the end, comes with DONE and has no DATA.
	 */
	ENGINE_BODY_FLOW,
	/*
	 * As FLOW, but the reader wants the whole: no pipe before ENGINE_COLLECT_BYTES; a longer body than
	 * ENGINE_INLINE_BYTES gathers in a sealed memfd, one DATA right before DONE. Never waits for its reader before that;
	 * over HTTP/2 that cannot be paused not before 64 MiB, and what is longer is asked for anew over HTTP/1.1 if
	 * is_retry_safe.
	 */
	ENGINE_BODY_COLLECT,
};
#define ENGINE_INLINE_BYTES  (64u * 1024)
#define ENGINE_GATHER_US     UINT64_C(10000)
#define ENGINE_COLLECT_BYTES (UINT64_C(1) << 20)
#define ENGINE_PIPE_BYTES    (512u * 1024) /* asked for when a body proves long; 64 KiB before */

/* What the caller answers; an attempt asks nothing else. */
enum {
	ENGINE_ASK_REDIRECT = 1 << 0, /* else followed */
	ENGINE_ASK_RESPONSE = 1 << 1, /* else allowed */
	ENGINE_ASK_BODY = 1 << 2, /* a new stream when one is needed (again); else -1021 */
	ENGINE_ASK_CHALLENGE = 1 << 3, /* else the 401 is the answer */
};

/* Where the body of the request comes from. */
enum engine_source {
	ENGINE_SOURCE_FILE, /* as it is today: source_fd or source_path, checked for change */
	ENGINE_SOURCE_NONE, /* no body */
	ENGINE_SOURCE_BYTES, /* source_bytes; may be sent again */
	ENGINE_SOURCE_STREAM, /* source_fd, read once, without its place; asked for again with ASK_BODY; -1: asked for at once */
};

/*
 * An attempt of a live task differs in four things: nothing of it is durable (no checkpoints, no sync), its body goes to
 * whoever asked (body), it may wait for answers (asks), and it can be held (engine_hold_attempt()). Every such wait holds
 * the idle timer and the throughput floor, never the resource limit. With libcurl before 8.14 a stream of a multiplexed
 * connection must not wait: an attempt that may (asks != 0, body FLOW, source STREAM) speaks HTTP/1.1 there.
 */
struct engine_spec_live {
	bool is_live; /* nothing is durable; false: all of this is zero */
	bool is_synced; /* but a download at its end: SYNCED follows DONE, for one that will be published */
	enum engine_body body;
	enum engine_source source;
	unsigned asks;
	const void *source_bytes;
	size_t n_source_bytes;
	int64_t source_length; /* STREAM: -1: unknown, sent in chunks (HTTP/1.1) */
	bool decodes; /* Accept-Encoding of all codings that are known, unless a field says otherwise */
	bool wants_transactions;
	bool wants_informational;
	bool is_retry_safe; /* method is idempotent: libcurl may repeat it on a fresh connection by itself */
	unsigned weight; /* HTTP/2 stream weight, 1 to 256; 0: libcurl's */
	uint8_t dscp; /* of every connection while it serves this attempt */
	unsigned max_connections_per_host; /* of the session's pool; 0: the engine's */
	uint16_t tls_min, tls_max; /* wire values; 0: 1.2, newest */
	const char *proxy, *no_proxy; /* NULL: the environment's; "": none */
	bool allows_ftp; /* ftp and ftps besides http and https */
};

/* Everything one attempt needs. Borrowed for the duration of engine_start(), copied there. Descriptors are duplicated. */
struct engine_spec {
	enum transfer_task_kind kind; /* DOWNLOAD or UPLOAD; a live one also DATA */
	uint64_t session; /* connections are shared inside one session only */
	uint64_t lane; /* the caller's number for session and host */
	bool is_ahead; /* begins when an attempt of its lane ends and leaves it its place, or by engine_begin() */
	const char *url; /* http or https, absolute; the original request's URL */
	const char *method; /* "GET", "PUT", … */
	const struct engine_header
		*headers; /* session and request headers already merged; order and repeats kept */
	size_t n_headers;
	bool allow_insecure; /* plain http allowed (first URL and redirects) */
	const char *ca_file; /* NULL: engine's */
	uint64_t idle_timeout_us; /* 0: 60 s; reset by every payload byte */
	uint64_t deadline_boot_us; /* resource limit on CLOCK_BOOTTIME; 0: none */
	uint64_t floor_bps, floor_window_us; /* throughput floor; 0: none */
	unsigned redirects_max; /* 0: 16 */
	uint64_t max_rate_bps; /* this task; 0: none */
	uint64_t checkpoint_bytes, checkpoint_us; /* 0: 64 MiB, 5 s; fewer where it goes fast */

	/* cookies */
	uint64_t jar; /* the store that they come from and go to; 0: none */
	bool sends_cookies;
	enum transfer_cookie_accept accepts_cookies;
	const char *main_document_url; /* for ONLY_FROM_MAIN_DOCUMENT_DOMAIN; NULL: the request's */

	/* download */
	const char
		*part_path; /* absolute: spool file, or hidden part file beside the destination */
	bool may_be_unnamed; /* no part is there, and the file will be published: a small one may do without a part */
	uint64_t
		resume_offset_bytes; /* durable bytes that may be kept; 0: start over (part is truncated) */
	/*
	 * Bytes behind resume_offset_bytes are kept, too, when there is a validator and the part was last written before this
	 * moment: by a process that died while the machine went on, so that the kernel has them. 0: never. So a validator says
	 * that whatever is in the part is of its version: keep it no longer than till RESUMED with offset 0.
	 */
	uint64_t tail_before_wall_us;
	const char *etag; /* validators of the bytes on disk; NULL: none */
	const char *last_modified;
	int64_t known_total_bytes; /* -1: unknown */
	const char *digest_name; /* "sha256", … when a digest is wanted; NULL: none */
	const void
		*digest_state; /* state saved with the checkpoint, NULL: read the part once more */
	size_t digest_state_bytes;
	bool is_resumed_by_client; /* came from resume data: report ENGINE_EVENT_RESUMED even for offset 0 */

	/* upload */
	int source_fd; /* -1: open source_path */
	const char *source_path;
	uint64_t source_ino, source_size_bytes,
		source_mtime_ns; /* source must still be this at start and at the end; ino 0: a private snapshot, not checked */
	const char *body_path; /* absolute spool file that receives the response body */
	bool is_resumable; /* ask the server to let it go on after a break (draft-ietf-httpbis-resumable-upload) */
	const char *
		upload_url; /* the upload resource of an attempt before, as its CHECKPOINT said; NULL: none */
	uint64_t upload_offset_bytes; /* what that server has acknowledged */

	struct engine_spec_live live;
};

/* What the server said last; strings valid UTF-8, owned by the event. */
struct engine_response {
	uint16_t status;
	const char *http_version; /* "1.0", "1.1", "2" */
	const char *url; /* final URL */
	const char *mime_type; /* lower case, NULL: none */
	const char *text_encoding; /* NULL: none */
	const char *suggested_name; /* sanitised base name, never NULL */
	const char *etag, *last_modified; /* strong enough for If-Range, else NULL */
	int64_t expected_bytes; /* of the body as delivered; -1 unknown */
	bool can_resume; /* byte ranges + validator + identity coding + GET */
	uint64_t retry_after_us; /* 0: none; clamped to 24 h */
	const struct engine_header *headers;
	size_t n_headers;
};

/* One request and its answer, for metrics. Wall times in microseconds; 0: did not happen. */
struct engine_transaction {
	const char *url, *method, *http_version; /* version: "http/1.1", "h2", "ftp" */
	uint16_t status;
	bool is_reused_connection, is_proxy;
	uint64_t fetch_wall_us, lookup_start_wall_us, lookup_end_wall_us, connect_start_wall_us,
		secure_start_wall_us, secure_end_wall_us, connect_end_wall_us,
		request_start_wall_us, request_end_wall_us, response_start_wall_us,
		response_end_wall_us;
	uint64_t request_head_bytes, request_body_bytes, response_head_bytes,
		response_body_bytes; /* on the wire, coded */
	uint64_t decoded_bytes; /* of the response body */
	const char *local_address, *remote_address; /* NULL: no connection */
	uint16_t local_port, remote_port;
	const char *tls_version, *tls_cipher; /* "TLSv1.3", …; NULL: none */
};

/* A request that an answer leads to, as the engine would send it: hand-set fields that may go there, none of its own. */
struct engine_request {
	const char *url, *method;
	const struct engine_header *headers;
	size_t n_headers;
	bool keeps_body;
};

/* A server wants to know who asks. */
struct engine_challenge {
	enum transfer_auth_method method;
	const char *protocol, *host, *realm;
	uint16_t port;
	unsigned n_failures; /* credentials that it refused in this attempt */
};

enum engine_event_type {
	ENGINE_EVENT_CONNECTED, /* the request is on its way (sub-state transferring); http2 says whether the connection multiplexes */
	ENGINE_EVENT_REDIRECTED, /* url: where it goes now */
	/*
	 * Final status line and headers (after redirects); for uploads the daemon makes it durable at once (BT-25). A small
	 * file that is over soon has it in DONE alone. Of a live attempt once per part of a multipart/x-mixed-replace answer;
	 * what follows is that part's body.
	 */
	ENGINE_EVENT_RESPONSE,
	ENGINE_EVENT_RESUMED, /* offset_bytes, total_bytes: bytes kept (0: could not be reused) */
	ENGINE_EVENT_PROGRESS, /* coalesced: one pending per attempt, newest numbers */
	/*
	 * Download: offset_bytes are durable on disk; 0: what follows is of the version that RESPONSE named. Upload: url is the
	 * upload resource that the next attempt may go on with (NULL: none any more), offset_bytes are what the server has
	 * acknowledged.
	 */
	ENGINE_EVENT_CHECKPOINT,
	ENGINE_EVENT_COOKIES, /* an answer set cookies: jar, cookies; comes before all else about that answer */
	ENGINE_EVENT_BEGUN, /* the answer to engine_begin(): next_task, lane */
	/* of live attempts */
	ENGINE_EVENT_INFORMATIONAL, /* response: status and headers of a 1xx but 101 */
	ENGINE_EVENT_ASK_REDIRECT, /* response (its body waits), proposed */
	ENGINE_EVENT_ASK_RESPONSE, /* response; nothing of its body was taken */
	ENGINE_EVENT_ASK_BODY, /* reason */
	ENGINE_EVENT_ASK_CHALLENGE, /* response (its body waits), challenge */
	ENGINE_EVENT_DATA, /* body, n_body, or data_fd (data_is_whole: a memfd, else a pipe) */
	ENGINE_EVENT_STALLED, /* its reader has not read for ENGINE_STALL_US, or reads again (is_stalled) */
	ENGINE_EVENT_DONE, /* the one end of an attempt; the network slot is free */
	ENGINE_EVENT_SYNCED, /* after a successful DONE of a download: the file is durable, identity filled in (ino, size) */
	ENGINE_EVENT_PUBLISHED, /* answer to engine_publish() */
	ENGINE_EVENT_SNAPSHOT, /* answer to engine_snapshot() */
};

/* result.library_code of TRANSFER_ERROR_UNKNOWN: no memory for the transfer. */
#define ENGINE_LIBRARY_CODE_NO_MEMORY 27

#define ENGINE_STALL_US UINT64_C(250000)

enum engine_body_reason {
	ENGINE_BODY_REASON_START,
	ENGINE_BODY_REASON_REDIRECT,
	ENGINE_BODY_REASON_AUTHENTICATION,
	ENGINE_BODY_REASON_RETRY,
};

struct engine_event_live {
	const struct engine_request *proposed; /* ASK_REDIRECT */
	const struct engine_challenge *challenge; /* ASK_CHALLENGE */
	enum engine_body_reason reason; /* ASK_BODY */
	bool is_stalled; /* STALLED */
	bool is_part; /* RESPONSE: of a part; DATA and DONE after it are that part's */
	/* DATA, DONE: bytes; NULL: none. Belong to the event. */
	const void *body;
	size_t n_body;
	/* DATA: the event's while it is >= 0; who takes it sets it to -1 */
	int data_fd;
	bool data_is_whole;
	/* DONE: whether anything of this body was told before (RESPONSE, DATA); false: DONE says all there is to say */
	bool was_told;
	const struct engine_transaction *transactions; /* DONE */
	size_t n_transactions;
};

struct engine_event {
	enum engine_event_type type;
	uint64_t task;
	uint32_t attempt;
	bool is_http2;
	uint64_t
		received_bytes; /* download: bytes in the file, kept ones included; upload: response body bytes */
	int64_t expected_receive_bytes; /* whole file; -1 unknown */
	uint64_t sent_bytes;
	int64_t expected_send_bytes;
	uint64_t
		offset_bytes; /* CHECKPOINT, RESUMED: durable / kept bytes. DONE: durable bytes that a later attempt may keep */
	uint64_t network_bytes; /* payload bytes received in this attempt */
	const char *url; /* REDIRECTED; DONE with an error: what failed, or NULL */
	const struct engine_response *response; /* RESPONSE, DONE (NULL: none arrived) */
	const void *digest_state; /* CHECKPOINT, DONE */
	size_t digest_state_bytes;
	uint64_t jar; /* COOKIES */
	const struct transfer_cookie *cookies; /* those whose time is over go */
	size_t n_cookies;
	const char *digest_hex; /* SYNCED when a digest was wanted */
	struct transfer_result result; /* DONE, SYNCED, PUBLISHED, SNAPSHOT */
	bool is_retryable; /* DONE with an error: trying again later may help (transport, timeout, floor) */
	bool is_stopped; /* DONE because of engine_stop() */
	bool is_unbegun; /* DONE of an attempt ahead that was stopped before it began: nothing else in the event counts */
	/* The attempt ahead of the same lane that has the place now, this one's (DONE) or the new one (BEGUN); 0: none. */
	uint64_t next_task;
	uint32_t next_attempt;
	uint64_t lane; /* BEGUN */
	bool is_disk_full; /* DONE, SYNCED, PUBLISHED, SNAPSHOT: ENOSPC or EDQUOT; bytes so far are kept */
	/* DONE: what is on disk cannot be used (412, 416, wrong range twice): start from 0. PUBLISHED: the file is gone */
	bool is_restart_needed;
	uint64_t file_ino, file_size_bytes, file_mtime_ns; /* SYNCED, SNAPSHOT */
	/*
	 * SYNCED: the file has no name, and is there for as long as its descriptor is open: this one, which is the event's
	 * while this is set.
	 */
	bool is_unnamed;
	int unnamed_fd;
	uint64_t folder_ino; /* is_unnamed: it is published there or nowhere */
	uint64_t at_us; /* CLOCK_MONOTONIC when it happened */
	struct engine_event_live live;

	/* for who took it: a list to keep it in, and a count */
	TAILQ_ENTRY(engine_event) entry;
	unsigned n_tries;
};
TAILQ_HEAD(engine_event_list, engine_event);

typedef void (*engine_event_fn)(const struct engine_event *event, void *user);
/*
 * engine_event_take - keeps the event that is being delivered; allocates nothing, so it cannot fail
 *
 * Only during its callback. It and its strings are the caller's then, who frees it after the callback has returned.
 */
struct engine_event *engine_event_take(const struct engine_event *event);
/* One of the caller's own, to be kept among those taken; nothing is known in it yet. NULL: no memory. */
struct engine_event *engine_event_new(enum engine_event_type type, uint64_t task, uint32_t attempt);
void engine_event_free(struct engine_event *event); /* NULL is fine */

/* curl_global_init and OpenSSL set-up happen here, before the first thread. */
int engine_new(const struct engine_config *config, struct engine **ret_engine);
/* Stops every attempt (each keeps its durable bytes), joins the threads within 3 s, frees. Undelivered events are dropped. NULL is fine. */
void engine_free(struct engine *engine);

/*
 * Events gather: engine_fd() is readable only when a worker has no attempt left, until engine_dispatch(). False: that is so
 * now, and they do not.
 */
bool engine_doze(struct engine *engine);
/* Readable: events wait. engine_dispatch() hands out all that wait and returns; events and strings are valid until it is called again. */
int engine_fd(struct engine *engine);
int engine_dispatch(struct engine *engine, engine_event_fn fn, void *user);
/*
 * The caller has made durable what every event so far means. A RESUMED that takes bytes away is acted upon only then: until
 * the caller's record says so, the file must still be what the record says it is.
 */
void engine_note_saved(struct engine *engine);

/* Between the two commands gather; they are carried out at the latest after engine_release(). For many at once. */
void engine_hold(struct engine *engine);
void engine_release(struct engine *engine);

/* 0 or -ENOMEM/-EINVAL; then nothing was started and no event follows. */
int engine_start(
	struct engine *engine, uint64_t task, uint32_t attempt, const struct engine_spec *spec);
/*
 * One more place for the lane of an attempt ahead. Whichever of them waits first begins, for this one may have begun since;
 * BEGUN says who. 0, or -ENOMEM/-ENOENT (it has ended): then no place was given and no event follows.
 */
int engine_begin(struct engine *engine, uint64_t task, uint32_t attempt);
/* An attempt ahead is not wanted any more: DONE with is_unbegun. One that has a place already goes on, and nothing happens. */
void engine_recall(struct engine *engine, uint64_t task, uint32_t attempt);
/* Ends the attempt: what is received is written and made durable, DONE has is_stopped and the offset. */
void engine_stop(struct engine *engine, uint64_t task, uint32_t attempt);
/*
 * The same for one that is not gone on with by another attempt. What a server keeps of an upload is given back (DELETE): after
 * the DONE, for some seconds at most, and nobody hears how that went.
 */
void engine_give_up(struct engine *engine, uint64_t task, uint32_t attempt);
void engine_set_rate(struct engine *engine, uint64_t task, uint32_t attempt, uint64_t max_rate_bps);
void engine_set_limits(struct engine *engine, uint64_t max_download_bps, uint64_t max_upload_bps,
	unsigned max_connections_per_host);
/* New requests of the session open new connections (flush, network change). */
void engine_drop_connections(struct engine *engine, uint64_t session);

/*
 * Cookies of a store change: same ones are replaced, those whose time is over go. The engine knows of a store what it is told,
 * in the order in which it is told; attempts of earlier starts see it, too. 0 or -ENOMEM.
 */
int engine_put_cookies(struct engine *engine, uint64_t jar, const struct transfer_cookie *cookies,
	size_t n_cookies);
/* The store is empty. */
void engine_clear_cookies(struct engine *engine, uint64_t jar);

/* How a finished, synced part becomes the destination. Publishing twice is safe: a destination that already is this inode counts as done. */
struct engine_publish {
	const char *part_path, *destination; /* absolute, same folder */
	uint64_t file_ino;
	/* of a file that had no name when it was synced: what an inode of that number must be to be the same; else 0 */
	uint64_t file_size_bytes, file_mtime_ns;
	bool may_overwrite;
	bool is_unnamed;
	int unnamed_fd; /* taken over with a success */
	uint64_t folder_ino; /* as SYNCED said */
};
/*
 * rename (RENAME_NOREPLACE unless may_overwrite) or link, fsync of the folder, PUBLISHED. A file without a name whose
 * place is taken becomes the part. Error CANNOT_MOVE_FILE with os_errno EEXIST when the name is taken.
 */
int engine_publish(struct engine *engine, uint64_t task, uint32_t attempt,
	const struct engine_publish *publish);

/*
 * Copies source_fd, which is taken over in any case, to to_path by reflink or copy_file_range, syncs, answers SNAPSHOT with size and
 * digest of identity. It is closed where it may block.
 */
int engine_snapshot(struct engine *engine, uint64_t task, uint32_t attempt, int source_fd_take,
	const char *to_path);
/* Removes a file in the background; no answer, a missing file is fine. */
int engine_remove_file(struct engine *engine, const char *path);

/* What attempts of live tasks ask; where nothing is asked they are ignored. */

enum engine_redirect_answer {
	ENGINE_REDIRECT_FOLLOW,
	ENGINE_REDIRECT_REPLACE,
	ENGINE_REDIRECT_STOP
};
/*
 * REPLACE: request (copied); its URL is judged as a redirect's (scheme, plain http); its headers are sent as they are.
 * STOP: the answer and its body are the result. 0 or -ENOMEM.
 */
int engine_answer_redirect(struct engine *engine, uint64_t task, uint32_t attempt,
	enum engine_redirect_answer answer, const struct engine_request *request);
enum engine_response_answer {
	ENGINE_RESPONSE_ALLOW,
	ENGINE_RESPONSE_CANCEL,
	ENGINE_RESPONSE_TO_FILE
};
/* CANCEL: DONE with CANCELLED. TO_FILE: from now on a download into part_path (copied); the number of the attempt stays. */
int engine_answer_response(struct engine *engine, uint64_t task, uint32_t attempt,
	enum engine_response_answer answer, const char *part_path);
enum engine_challenge_answer {
	ENGINE_CHALLENGE_USE,
	ENGINE_CHALLENGE_DEFAULT,
	ENGINE_CHALLENGE_CANCEL,
	ENGINE_CHALLENGE_REJECT
};
struct engine_credential {
	const char *user, *password;
};
/*
 * USE: the request once more with that (copied, and wiped after its use), to this origin only. DEFAULT: the answer and its body are
 * the result. CANCEL: DONE with CANCELLED. REJECT: ASK_CHALLENGE for the next method that the answer offers, else as DEFAULT.
 */
int engine_answer_challenge(struct engine *engine, uint64_t task, uint32_t attempt,
	enum engine_challenge_answer answer, const struct engine_credential *credential);
/* fd: taken over, also on failure; -1: there is none (DONE with REQUEST_BODY_STREAM_EXHAUSTED). length -1: unknown. */
int engine_answer_body(
	struct engine *engine, uint64_t task, uint32_t attempt, int fd_take, int64_t length);
/*
 * Held: nothing is received or sent and no idle time runs. An attempt of which nothing was told yet, or that must not
 * wait (HTTP/2 before 8.14), is stopped instead: DONE with is_stopped.
 */
void engine_hold_attempt(struct engine *engine, uint64_t task, uint32_t attempt, bool is_held);
void engine_set_weight(struct engine *engine, uint64_t task, uint32_t attempt, unsigned weight);

#endif
