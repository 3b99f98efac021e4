/* SPDX-License-Identifier: MIT */
/*
 * The brain between bus, engine and store: what a client asks (commands), what the engine reports
 * (events), what time does (timers), turned into changes of the model, one transaction per turn.
 * Knows no D-Bus, no SQL, no curl and asks no clock.
 *
 * The turn (I1): flow_turn_begin(); any number of commands, queries, flow_engine_event(),
 * flow_set_network(); flow_turn_end(). flow_turn_end() picks what may start, commits once if
 * anything durable changed, and only then releases the outbox of the turn in order: replies, engine
 * commands, observer calls. When the commit fails, every reply of the turn gets FLOW_E_NO_SPACE or
 * FLOW_E_BUSY, the model is as it was before the turn, engine events are kept and applied again
 * (each second), and nothing is told.
 *
 * Everything but flow_new/free/start, flow_next_timer, flow_can_exit and the observer's queries
 * happens inside a turn. Main thread only. Returns 0, -errno, or FLOW_E_… > 0. Strings given are
 * borrowed for the call, strings returned are valid until the end of the callback (or of the turn).
 */
#ifndef DAEMON_FLOW_H
#define DAEMON_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <transfer/types.h>

#include "base/clock.h"
#include "daemon/core/question.h"
#include "daemon/core/request.h"
#include "daemon/core/session.h"
#include "daemon/core/task.h"

struct arena;
struct engine;
struct engine_event;
struct flow;
struct look_answer;
struct store;

/* X(symbol, text); the bus has an error of the same symbol for each. */
#define FLOW_ERRORS(X) \
	X(NO_SUCH_SESSION, "no such session") \
	X(NO_SUCH_TASK, "no such task") \
	X(SESSION_INVALID, "the session is being invalidated") \
	X(ALREADY_ATTACHED, "another client is attached to the session") \
	X(NO_SUCH_QUESTION, "no such question, or it was withdrawn") \
	X(ALREADY_ANSWERED, "the question was answered before") \
	X(NOT_ATTACHED, "the caller is not attached to the session") \
	X(IDENTIFIER_IN_USE, "the identifier is in use") \
	X(NOT_SUPPORTED_IN_SESSION, "not supported in this kind of session") \
	X(INVALID_REQUEST, "the request is not valid") \
	X(UNSUPPORTED_SCHEME, "the URL scheme is not supported") \
	X(LIMIT_REACHED, "a limit is reached") \
	X(QUOTA_EXCEEDED, "the application has too many tasks") \
	X(TASK_FINISHED, "the task has finished") \
	X(NO_RESUME_DATA, "the transfer cannot be resumed") \
	X(BUSY, "not possible now, try again") \
	X(NO_SPACE, "no room on the disk for this") \
	X(FILE_NOT_FOUND, "the file does not exist") \
	X(ACCESS_DENIED, "the file may not be used")

enum flow_error {
	FLOW_E_NONE = 0,
#define FLOW_ERROR_ENUM(symbol, text) FLOW_E_##symbol,
	FLOW_ERRORS(FLOW_ERROR_ENUM)
#undef FLOW_ERROR_ENUM
};
const char *flow_error_text(int error);

#define FLOW_CREATE_MAX           1000
#define FLOW_TASKS_PER_APP_MAX    1000000
#define FLOW_SESSIONS_PER_UID_MAX 1000
#define FLOW_HEADERS_MAX_BYTES    (64 * 1024)
#define FLOW_USERDATA_MAX_BYTES   4096
#define FLOW_LIST_MAX             1000
#define FLOW_BOOT_ID_BYTES        64

/* where nothing else is configured */
#define FLOW_FLOOR_BPS       1024
#define FLOW_FLOOR_WINDOW_US UINT64_C(60000000)
#define FLOW_RETENTION_US    (UINT64_C(14) * 86400 * 1000000)

/*
 * ---- what the flow tells; called by flow_turn_end() after the commit; may call queries, never
 * commands ----
 */
struct flow_progress {
	uint64_t session, task;
	enum transfer_task_kind kind;
	uint64_t delta_bytes, total_bytes; /* received for downloads, sent for uploads */
	int64_t expected_bytes; /* -1 unknown */
};
struct flow_observer {
	/* Rows up to last_seq are durable: send what the window allows (flow_events_each). */
	void (*events)(uint64_t session, uint64_t last_seq, void *user);
	/* Something new is asked: send what the window allows (flow_questions_each). */
	void (*questions)(uint64_t session, void *user);
	/* Before the events that tell why. */
	void (*question_withdrawn)(const struct question *question, void *user);
	/* State, sub-state, attempts, response or error may have changed; once per turn and task. */
	void (*task_changed)(const struct task *task, void *user);
	/* Description or priority are new, whoever set them; after task_changed. */
	void (*task_set)(const struct task *task, void *user);
	/* Only while a client is attached that wants progress; coalesced to its interval. */
	void (*progress)(const struct flow_progress *progress, void *user);
	void (*session_changed)(uint64_t session, void *user);
	void (*session_gone)(uint64_t session, void *user);
	void (*limits_changed)(void *user); /* mode, limits, network state */
};

/* Mode and limits of the whole service; kept over restarts once they were set. */
struct flow_limits {
	bool is_paused;
	uint64_t max_download_bps, max_upload_bps; /* 0: none */
	uint32_t max_active_tasks; /* 1 … 1000 */
	uint32_t max_connections_per_host; /* 1 … 64 */
};

struct flow_config {
	struct store *store; /* borrowed */
	struct engine *engine; /* borrowed */
	const char *spool_dir; /* absolute; the engine's */
	const struct flow_observer *observer; /* borrowed; members may be NULL; NULL: nobody */
	void *observer_user;
	uint64_t floor_bps,
		floor_window_us; /* throughput floor; 0: FLOW_FLOOR_…; UINT64_MAX bps: none */
	bool never_resumes_uploads; /* a broken upload starts over, and no server is asked for more */
	const char *disabled_apps; /* ids of those that may not work, with spaces; NULL: none */
	uint64_t retention_us; /* finished tasks and unacknowledged events; 0: FLOW_RETENTION_US */
	uint64_t jitter_seed; /* 0: random */
	/*
	 * Names this run of the machine: what a dead daemon left in files during it is there. NULL: it may not be. And the time of
	 * the start by the clock that stamps files (clock_file_wall_us()); 0: it left nothing that it has not saved.
	 */
	const char *boot_id;
	uint64_t started_file_wall_us;
	struct flow_limits
		first_limits; /* where none were set yet; 0 members: the documented ones */
	uint32_t n_attempts_max; /* there are descriptors for so many at once; 0: for any number */
	bool is_offline; /* there is no network now; flow_set_network() tells when there is */
};

int flow_new(const struct flow_config *config, struct flow **ret_flow);
struct flow *flow_free(
	struct flow *flow); /* running attempts are the engine's business; NULL is fine */
/*
 * Loads the sessions, finishes what a crash left half done, offers the queue. A turn of its own.
 * The network counts as up.
 */
int flow_start(struct flow *flow, const struct clock_now *now);
/*
 * Clean stop: nothing starts any more, every attempt is asked to end; done when flow_n_running() is
 * 0 (or the deadline is over).
 */
void flow_stop(struct flow *flow);

void flow_turn_begin(struct flow *flow, const struct clock_now *now);
/* 0, or the negative error of a commit that failed: already dealt with, to be logged. */
int flow_turn_end(struct flow *flow);
/* Outside of a turn: is everything that the engine has reported committed? Not after a commit that failed. */
bool flow_is_saved(const struct flow *flow);
/* Does any attempt hold a slot? When none does, the last files are on their way to their places. */
bool flow_has_slots_taken(const struct flow *flow);
/* When the next (maybe empty) turn is due, CLOCK_MONOTONIC; UINT64_MAX: nothing to wait for. */
uint64_t flow_next_timer(const struct flow *flow);
/* An engine_event_fn; user is the flow. */
void flow_engine_event(const struct engine_event *event, void *flow);
void flow_set_network(struct flow *flow, bool is_up); /* debounced by the caller */

/* ---- replies ---- */
/*
 * fn is called exactly once: error 0 after the commit of this turn, else what to answer instead.
 * Takes ownership of reply.
 */
typedef void (*flow_reply_fn)(void *reply, int error);
int flow_reply_take(struct flow *flow, flow_reply_fn fn, void *reply);

/* ---- sessions ---- */
/* X(symbol, bit, key on the bus): configuration keys. */
#define FLOW_SESSION_KEYS(X) \
	X(REQUEST_TIMEOUT, 0, "request-timeout-usec") \
	X(RESOURCE_TIMEOUT, 1, "resource-timeout-usec") \
	X(HEADERS, 2, "headers") \
	X(MAX_CONNECTIONS, 3, "max-connections-per-host") \
	X(DISCRETIONARY, 4, "discretionary") \
	X(ALLOWS_METERED, 5, "allows-metered") \
	X(ALLOW_INSECURE, 6, "allow-insecure") \
	X(CA_FILE, 7, "ca-file") \
	X(RETRY_HTTP_ERRORS, 8, "retry-http-errors") \
	X(MAX_RATE, 9, "max-rate-bps") \
	X(LAUNCH, 10, "launch") \
	X(DESCRIPTION, 11, "description") \
	X(UPLOAD_COPY, 12, "upload-copy") \
	X(COOKIE_STORE, 13, "cookie-store") \
	X(SENDS_COOKIES, 14, "should-set-cookies") \
	X(ACCEPTS_COOKIES, 15, "cookie-accept-policy")
enum flow_session_key {
#define FLOW_SESSION_KEY_ENUM(symbol, bit, name) FLOW_SESSION_KEY_##symbol = 1 << (bit),
	FLOW_SESSION_KEYS(FLOW_SESSION_KEY_ENUM)
#undef FLOW_SESSION_KEY_ENUM
};
const char *flow_session_key_name(uint32_t key); /* one bit */

struct flow_open {
	uid_t uid;
	const char *app_id, *identifier;
	enum transfer_session_kind kind;
	struct session_config config; /* session_config_init(), then what was given */
	const char *description; /* NULL: none given */
	uint32_t given; /* enum flow_session_key bits: which keys the caller set */
	bool update; /* given keys replace the stored ones */
	const struct look_answer *seen; /* of its files, as of a request */
};
struct flow_opened {
	uint64_t session;
	bool is_reassociated;
	uint32_t differences; /* given keys that differ from the stored ones and were not taken */
	uint64_t n_events, n_tasks;
};
/*
 * flow_session_open - creates or finds the background session (uid, app_id, identifier)
 * Errors: INVALID_REQUEST (identifier empty, too long or not UTF-8; configuration out of range,
 * reserved or malformed header), NOT_SUPPORTED_IN_SESSION (other kinds), SESSION_INVALID (being
 * invalidated, BT-06), LIMIT_REACHED, FILE_NOT_FOUND (ca_file)
 */
int flow_session_open(
	struct flow *flow, const struct flow_open *open, struct flow_opened *ret_opened);
int flow_session_set_description(struct flow *flow, uint64_t session, const char *description);
/*
 * No new tasks; when the last one has ended: BECAME_INVALID. After its acknowledgement the session
 * is gone.
 */
int flow_session_finish(struct flow *flow, uint64_t session);
/* Every task ends with -999 first. */
int flow_session_cancel(struct flow *flow, uint64_t session);
/* New requests use new connections; all that is stored is on the disk when it is answered. */
int flow_session_flush(struct flow *flow, uint64_t session);
/* The session's cookies go, then as flush. What runs goes on. */
int flow_session_reset(struct flow *flow, uint64_t session);

/* ---- cookies: of the store that the session names; others may name it, too ---- */
/*
 * Same ones are replaced, those whose time is over go. A first dot in a domain means the sub-domains,
 * too. INVALID_REQUEST, NOT_SUPPORTED_IN_SESSION (it has no store), LIMIT_REACHED, NO_SPACE
 */
int flow_session_set_cookies(struct flow *flow, uint64_t session,
	const struct transfer_cookie *cookies, size_t n_cookies);
int flow_session_clear_cookies(struct flow *flow, uint64_t session);
struct flow_cookie_query {
	uint64_t session;
	uint64_t jar;
	uint64_t after_id; /* cursor */
	size_t limit; /* 0: FLOW_LIST_MAX */
};
typedef int (*flow_cookie_fn)(const struct transfer_cookie *cookie, void *user);
/* The oldest first. ret_next: after_id of the next page, 0 after the last one. */
int flow_session_cookies_each(struct flow *flow, const struct flow_cookie_query *query,
	flow_cookie_fn fn, void *user, uint64_t *ret_next);

struct flow_attach {
	uint64_t session;
	uint64_t client; /* not 0: the bus layer's number of the caller */
	uint64_t progress_interval_us; /* 0: no progress; at least 100 ms is used otherwise */
	uint32_t implements; /* what it can be asked: question_bit() */
};
struct flow_attached {
	uint64_t last_acked, last_seq;
};
/*
 * Attaching twice with the same client is fine. When events wait, FINISHED_EVENTS is put after
 * them: last_seq includes it.
 */
int flow_attach(
	struct flow *flow, const struct flow_attach *attach, struct flow_attached *ret_attached);
int flow_detach(struct flow *flow, uint64_t session, uint64_t client);
/*
 * All events up to seq are handled: rows and files they handed over go. INVALID_REQUEST: seq is not
 * there yet.
 */
int flow_ack(struct flow *flow, uint64_t session, uint64_t client, uint64_t seq);
uint64_t flow_session_client(const struct flow *flow, uint64_t session); /* 0: nobody */
/* All tasks that are kept, finished ones included. */
int flow_session_count(struct flow *flow, uint64_t session, uint64_t *ret_n_tasks);

const struct session *flow_session_get(struct flow *flow, uint64_t session); /* NULL: no such */
/* app_id NULL: of any application; several may have one of this name, then it is the first. */
const struct session *flow_session_find(
	struct flow *flow, uid_t uid, const char *app_id, const char *identifier);
bool flow_session_is_ambiguous(struct flow *flow, uid_t uid, const char *identifier);
typedef int (*flow_session_fn)(const struct session *session, void *user);
int flow_sessions_each(struct flow *flow, flow_session_fn fn, void *user);

/* ---- delegate events (same numbers as the store's) ---- */
enum flow_event_type {
	FLOW_EVENT_RESUMED = 1, /* a: offset, b: total (-1 unknown) */
	FLOW_EVENT_RECEIVED_DATA = 2, /* response body of an upload; a: bytes; path */
	FLOW_EVENT_FINISHED_DOWNLOADING = 3, /* path */
	FLOW_EVENT_METRICS = 4,
	FLOW_EVENT_COMPLETED = 5, /* task->result; resume_data */
	FLOW_EVENT_FINISHED_EVENTS = 6,
	FLOW_EVENT_BECAME_INVALID = 7,
};
struct flow_event {
	uint64_t seq, session, task_id;
	enum flow_event_type type;
	uint64_t wall_us;
	int64_t a, b;
	const struct task *task; /* NULL: about the session */
	const char *path; /* the file handed over; NULL: none */
	const void *resume_data; /* COMPLETED with an error that can be resumed; NULL: none */
	size_t resume_data_bytes;
};
typedef int (*flow_event_fn)(const struct flow_event *event, void *user);
/*
 * Undelivered events after after_seq in order, at most limit; durable ones only when called outside
 * a turn or by the observer.
 */
struct flow_event_range {
	uint64_t session, after_seq;
	size_t limit;
	uint64_t last_seq; /* 0: all there are, in a turn also those that it has not yet told of */
};
int flow_events_each(
	struct flow *flow, const struct flow_event_range *range, flow_event_fn fn, void *user);

/* ---- questions ---- */
#define FLOW_QUESTIONS_MAX 64 /* asked and not answered, of one session */
typedef int (*flow_question_fn)(
	const struct question *question, const struct task *task, void *user);
/* Open ones after range->after_seq in order, as long as not more than limit are open in all. */
int flow_questions_each(
	struct flow *flow, const struct flow_event_range *range, flow_question_fn fn, void *user);

enum flow_delayed_action {
	FLOW_DELAYED_CONTINUE, /* as it was */
	FLOW_DELAYED_REPLACE, /* with another request */
	FLOW_DELAYED_CANCEL, /* the task ends with -999 */
};
struct flow_delayed_answer {
	uint64_t session, client, question;
	enum flow_delayed_action action;
	/* REPLACE: URL, method, headers and timeout; all else stays as it was */
	const struct task_request *request;
};
/* NOT_ATTACHED, NO_SUCH_QUESTION, ALREADY_ANSWERED; INVALID_REQUEST, UNSUPPORTED_SCHEME: asked still. */
int flow_question_answer_delayed(struct flow *flow, const struct flow_delayed_answer *answer);

/* ---- tasks ---- */
struct flow_request {
	enum transfer_task_kind kind;
	struct task_request
		request; /* method NULL: GET or PUT; host is filled in here; source_* but source_path are filled in here */
	bool has_upload_copy; /* else the session's word */
	int source_fd; /* borrowed; -1: source_path is opened */
	const void *resume_data; /* NULL: none; then url may be NULL */
	size_t resume_data_bytes;
	/*
	 * What was found of the files that it names; a descriptor stays there if nothing is made. NULL: it is asked for here, by a
	 * thread that may wait for ever.
	 */
	struct look_answer *seen;
};
void flow_request_init(
	struct flow_request *request); /* priority 0.5, source_fd -1, kind download */

struct flow_create {
	uint64_t session;
	const struct flow_request *requests;
	size_t n_requests;
	bool start_running;
	const char *token; /* NULL: none */
	const char *after; /* the token of a call that must have made tasks; NULL: none */
};
/*
 * error 0: ids are durable (uploads: with their snapshots). Called once for each
 * flow_tasks_create() that returned 0.
 */
typedef void (*flow_created_fn)(void *user, int error, const uint64_t *ids, size_t n_ids);
/*
 * flow_tasks_create - makes tasks, all or none, in one transaction
 * @fn, @user: the answer; user is handed over when 0 is returned
 * @ret_bad: index of the request that was refused; may be NULL
 *
 * Refused here: malformed values and header fields with CR, LF or NUL (INVALID_REQUEST), other
 * schemes than http and https (UNSUPPORTED_SCHEME), data and stream tasks, uploads without a file
 * (NOT_SUPPORTED_IN_SESSION), a source that cannot be read (FILE_NOT_FOUND, ACCESS_DENIED), too
 * many (LIMIT_REACHED, QUOTA_EXCEEDED). Made, and failing when resumed, before any network: a
 * malformed URL (-1000), http without the exception (-1022), a destination folder that cannot be
 * used (-995), a destination that exists (-3000), resume data that cannot be used (-3003). Header
 * fields that the engine owns (Host, Content-Length, Transfer-Encoding, Connection, Keep-Alive,
 * Proxy-*, Upgrade, TE, Trailer, Expect, Range, If-Range) are dropped, as
 * HTTPAdditionalHeaders documents it.
 */
int flow_tasks_create(struct flow *flow, const struct flow_create *create, flow_created_fn fn,
	void *user, size_t *ret_bad);

enum flow_verb {
	FLOW_VERB_RESUME,
	FLOW_VERB_SUSPEND,
	FLOW_VERB_CANCEL,
	FLOW_VERB_RETRY,
	FLOW_VERB_REMOVE,
};
struct flow_steer {
	enum flow_verb verb;
	uid_t uid; /* only this user's tasks; (uid_t)-1: any */
	const uint64_t *ids;
	size_t n_ids;
	bool is_forced; /* resume: all suspensions at once */
	bool delete_partial; /* cancel: the partial file goes, too */
	bool from_start; /* retry: from the first byte */
	int32_t cancelled_reason;
};
/* Source: NSURLErrorBackgroundTaskCancelledReason. In result.library_code of -999. */
enum flow_cancelled_reason {
	FLOW_CANCELLED_BY_USER = 0, /* or by the application */
	FLOW_CANCELLED_DISABLED = 1, /* it may not work in the background */
	FLOW_CANCELLED_RESOURCES = 2, /* memory or descriptors ran out again and again */
};
/*
 * A force quit: every task of the application's sessions ends with -999; what can be resumed is
 * kept. NO_SUCH_SESSION: it has none.
 */
int flow_app_quit(struct flow *flow, uid_t uid, const char *app_id, uint64_t *ret_n_tasks);
typedef void (*flow_failure_fn)(uint64_t id, int error, void *user);
/*
 * Each task for itself; fn hears those for which it could not be done (NO_SUCH_TASK, TASK_FINISHED,
 * BUSY, SESSION_INVALID).
 */
int flow_tasks_steer(
	struct flow *flow, const struct flow_steer *steer, flow_failure_fn fn, void *user);

typedef void (*flow_resume_data_fn)(void *user, int error, const void *data, size_t size);
/*
 * Ends the task with -999 and answers with resume data: NO_RESUME_DATA when there is none (the task
 * is cancelled all the same).
 */
int flow_task_cancel_resumable(struct flow *flow, uint64_t id, flow_resume_data_fn fn, void *user);

struct flow_changes {
	uid_t uid;
	const uint64_t *ids;
	size_t n_ids;
	bool has_priority, has_description, has_max_rate, has_not_before;
	double priority;
	const char *description;
	uint64_t max_rate_bps, not_before_wall_us;
};
int flow_tasks_set(
	struct flow *flow, const struct flow_changes *changes, flow_failure_fn fn, void *user);

/* ---- queries ---- */
typedef int (*flow_task_fn)(const struct task *task, void *user); /* not 0: stop and return it */
/* The live object where there is one, else the row. NO_SUCH_TASK. */
int flow_task_look(struct flow *flow, uint64_t id, flow_task_fn fn, void *user);
struct flow_query { /* zero members: any */
	uid_t uid; /* (uid_t)-1: any */
	uint64_t session;
	const uint64_t *ids;
	size_t n_ids;
	uint64_t first_id, last_id;
	uint32_t kinds_mask; /* 1 << enum transfer_task_kind */
	uint32_t states_mask; /* 1 << enum transfer_task_state */
	uint32_t sub_states_mask; /* 1 << enum transfer_task_sub_state */
	bool include_finished;
	const char *app_id, *name_glob;
	uint64_t after_id; /* cursor */
	size_t limit; /* 0: FLOW_LIST_MAX */
};
/* ret_next: after_id of the next page, 0 after the last one. */
int flow_tasks_each(struct flow *flow, const struct flow_query *query, flow_task_fn fn, void *user,
	uint64_t *ret_next);
/*
 * Tasks whose counters or state changed after generation since (0: all that match), in memory ones
 * live.
 */
int flow_progress_each(struct flow *flow, const struct flow_query *query,
	uint64_t *inout_generation, flow_task_fn fn, void *user);

enum transfer_task_sub_state flow_task_sub_state(const struct flow *flow, const struct task *task);
#define FLOW_REASONS_MAX 8
/*
 * Why it waits, the most important first: names such as "network", "slot", "retry", "date", "disk",
 * "mode". Returns how many.
 */
size_t flow_task_reasons(
	const struct flow *flow, const struct task *task, const char *reasons[FLOW_REASONS_MAX]);
uint64_t flow_task_waiting_until_wall_us(
	const struct flow *flow, const struct task *task); /* 0: unknown */
/* Where the finished (or upload's answer) file is now; into buf; NULL: nowhere. */
const char *flow_task_file(
	const struct flow *flow, const struct task *task, char *buf, size_t size);
bool flow_task_is_resumable(
	const struct task *task); /* retry would go on from bytes that are there */

void flow_limits_get(const struct flow *flow, struct flow_limits *ret_limits);
int flow_limits_set(struct flow *flow, const struct flow_limits *limits); /* INVALID_REQUEST */
bool flow_network_is_up(const struct flow *flow);

#define FLOW_RATE_SAMPLES 60
struct flow_statistics {
	uint64_t started_wall_us;
	uint64_t n_sessions, n_clients;
	uint64_t n_total, n_queued, n_active, n_waiting, n_suspended, n_completed, n_failed,
		n_cancelled;
	uint64_t received_bytes, sent_bytes, receive_bps, send_bps;
	uint64_t n_attempts, n_retries, n_commits;
	uint64_t n_events, database_bytes;
	uint64_t receive_samples_bps[FLOW_RATE_SAMPLES],
		send_samples_bps[FLOW_RATE_SAMPLES]; /* oldest first */
};
int flow_statistics(struct flow *flow, struct flow_statistics *ret_statistics);
uint32_t flow_n_running(const struct flow *flow); /* attempts in the engine */
/* Nobody attached, no unfinished task that could ever go on by itself: the daemon may leave. */
bool flow_can_exit(const struct flow *flow);

/* ---- judging: flow-create.c's checks, for tasks that no store will see. Fills host; result of a task that is made to fail. ---- */
struct flow_judgement {
	enum transfer_task_kind kind; /* in */
	bool allows_ftp; /* in: ftp and ftps besides http and https; plain ftp is as plain http */
	const struct look_answer
		*seen; /* in: of its files; NULL: asked for here, and may wait for ever */
	char host[REQUEST_HOST_MAX_BYTES];
	struct transfer_result doom; /* code 0: none */
};
int flow_request_judge(const struct session_config *config, const struct task_request *request,
	struct flow_judgement *inout_judgement);
/* flow-session.c's check of a configuration. 0 or FLOW_E_… */
int flow_config_judge(const struct session_config *config, const struct look_answer *seen);

/* A cookie that somebody sets: as it is kept, its domain in arena. 0, INVALID_REQUEST or negative. */
int flow_cookie_judge(struct flow *flow, const struct transfer_cookie *from, struct arena *arena,
	struct transfer_cookie *ret_cookie);

/* ---- cookie stores by name, for sessions of others (flow-cookie.c) ---- */
struct flow_jar_key {
	uid_t uid;
	const char *app_id, *name; /* name NULL: the application's shared one */
};
/* Until flow_jar_release(): the engine knows what is in it, and follows its changes. 0 or negative. */
int flow_jar_hold(struct flow *flow, const struct flow_jar_key *key, uint64_t *ret_jar);
void flow_jar_release(struct flow *flow, uint64_t jar);
int flow_jar_set(struct flow *flow, uint64_t jar, const struct transfer_cookie *cookies, size_t n);
int flow_jar_clear(struct flow *flow, uint64_t jar);
/* query->jar instead of its session */
int flow_jar_each(struct flow *flow, const struct flow_cookie_query *query, flow_cookie_fn fn,
	void *user, uint64_t *ret_next);

/* ---- resume data of bytes that belong to nobody (flow-kept.c): spool/NONCE.kept, kept for seven days ---- */
struct flow_kept {
	uid_t uid;
	const char *app_id, *url, *etag, *last_modified;
	uint64_t offset_bytes;
	int64_t total_bytes;
	const char *
		part_path; /* keep: moved away from here. adopt: moved (or linked, from a task's part) to here */
	const struct task_request *request; /* keep: what it said besides its URL goes with it */
	const char *carried; /* adopt: that; for request_carry_read() */
	uint8_t nonce[16]; /* adopt: what flow_kept_return() wants */
};
/* The sealed bytes; NULL: it cannot be kept. The part was synced by the engine (DONE with is_stopped). */
int flow_kept_seal(
	struct flow *flow, const struct flow_kept *kept, void **ret_data, size_t *ret_size);
/*
 * Resume data of either kind: a kept file, or a failed background download, which has no bytes any more then. Texts of
 * *inout live in arena. FLOW_E_NO_RESUME_DATA: cannot be used. flow_resume_open() (background tasks) takes kept files, too.
 */
int flow_kept_adopt(struct flow *flow, const void *data, size_t size, struct flow_kept *inout,
	struct arena *arena);
/* Who adopted them was refused: the same resume data is good for them again. 0, or negative: they are still at part_path. */
int flow_kept_return(struct flow *flow, const struct flow_kept *kept);

#endif
