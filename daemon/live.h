/* SPDX-License-Identifier: MIT */
/*
 * Sessions that live and die with their client's connection: shared, default and ephemeral ones, and their tasks. Beside the
 * flow, not in it: nothing of them is saved, so nothing waits for a commit, and what goes wrong in the store does not
 * concern them. What both share is asked of the flow: cookies of stores that are kept, resume data, the network, the limits.
 *
 * The turn (daemon.c): flow_turn_begin(); live_turn_begin(); calls of the bus; reports of the engine, each to whom its task
 * belongs (live_owns()); live_turn_end(), which starts what may start and tells the observer; flow_turn_end(). So what is told
 * of live tasks leaves before the commit of the others.
 *
 * Main thread only. Knows no D-Bus. Returns 0, -errno, or FLOW_E_…. Strings given are borrowed for the call; strings
 * returned until the end of the callback. Ids: sessions, tasks, questions and cookie stores of live sessions are numbers from
 * LIVE_ID_FIRST on, behind all that the store will ever give; so lists by number show them last, and cursors go on.
 */
#ifndef DAEMON_LIVE_H
#define DAEMON_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <transfer/types.h>

#include "base/clock.h"
#include "daemon/flow.h"
#include "engine/engine.h"

struct live;
struct look_answer;

/* 2^52: exact in a double, so in JSON too */
#define LIVE_ID_FIRST (UINT64_C(1) << 52)
static inline bool live_owns(uint64_t id)
{
	return id >= LIVE_ID_FIRST;
}

#define LIVE_SLOTS                256 /* attempts at once, of all live sessions; at most what descriptors allow */
#define LIVE_STALLED_MAX          1000 /* attempts whose reader does not read; more keep their slots */
#define LIVE_SESSIONS_PER_UID_MAX 1000
#define LIVE_TASKS_PER_UID_MAX    5000 /* of which not all was told; LimitReached, the library waits */
/*
 * Tasks that have ended while their client does not read: in one session, then it starts no others; in all, then none of
 * those sessions does.
 */
#define LIVE_UNTOLD_SESSION_MAX   64
#define LIVE_UNTOLD_MAX           1024
#define LIVE_ROWS_MAX             256 /* of one task that wait; its attempt is held then */
#define LIVE_INLINE_BODY_BYTES    65536 /* of a request; more goes by descriptor */
#define LIVE_ANSWER_US            (UINT64_C(300) * 1000000) /* then the default is taken */
#define LIVE_YIELD_US             UINT64_C(1000000) /* who is not answered so long leaves his slot to others */
#define LIVE_WINDOW_BYTES \
	(1u << 20) /* of bodies in events that were not acknowledged, per session */
#define LIVE_RETRIES_MAX 1 /* silent ones, of idempotent requests of which nothing was told */

struct live_config {
	struct engine *engine; /* borrowed */
	struct flow *flow; /* borrowed */
	const char *spool_dir;
	const struct live_observer *observer;
	void *observer_user;
	uint32_t n_slots; /* 0: LIVE_SLOTS */
	bool is_offline;
};

/* Called by live_turn_end(); may call queries and live_events_take(), never commands. */
struct live_observer {
	/* The session has events: take what the window allows. */
	void (*events)(uint64_t session, void *user);
	void (*session_gone)(uint64_t session, void *user);
};

int live_new(const struct live_config *config, struct live **ret_live);
struct live *live_free(struct live *live);
void live_turn_begin(struct live *live, const struct clock_now *now);
void live_turn_end(struct live *live);
uint64_t live_next_timer(const struct live *live); /* CLOCK_MONOTONIC; UINT64_MAX */
void live_engine_event(const struct engine_event *event, void *live);
void live_set_network(struct live *live, bool is_up);
/* Clean stop: every attempt is asked to end, nothing is told. */
void live_stop(struct live *live);
uint32_t live_n_running(const struct live *live);
/* No live session is open: an ephemeral one's cookies are nowhere else. */
bool live_can_exit(const struct live *live);

/* ---- sessions ---- */
struct live_open {
	uid_t uid;
	uint64_t client; /* the bus's number of the caller */
	const char *app_id;
	enum transfer_session_kind kind;
	struct session_config config;
	const char *description;
	uint64_t progress_interval_us; /* 0: none */
	unsigned asks; /* LIVE_ASK_…: what every task may be asked */
	unsigned tells; /* LIVE_TELL_…: what every task is told besides its end */
	bool folds; /* one row may stand for a whole task (clients that attached with batch) */
	const struct look_answer *seen; /* as struct flow_open has it */
};
enum {
	LIVE_ASK_REDIRECT = 1,
	LIVE_ASK_RESPONSE = 2,
	LIVE_ASK_BODY = 4,
	LIVE_ASK_CHALLENGE = 8,
};
enum {
	LIVE_TELL_RESPONSE = 1, /* else it comes with the end */
	LIVE_TELL_DATA = 2, /* else the body is handed over whole (ENGINE_BODY_COLLECT) */
	LIVE_TELL_PROGRESS = 4,
	LIVE_TELL_METRICS = 8,
	LIVE_TELL_INFORMATIONAL = 16,
	LIVE_TELL_WAITING = 32,
};
/* INVALID_REQUEST, NOT_SUPPORTED_IN_SESSION (kind background), LIMIT_REACHED, FILE_NOT_FOUND (ca_file) */
int live_session_open(struct live *live, const struct live_open *open, uint64_t *ret_session);
/* Its tasks are cancelled and nothing more is told; when the last attempt has ended it is gone. */
int live_session_close(struct live *live, uint64_t session);
/* The client left the bus: everything of it goes, nothing is told. */
void live_client_left(struct live *live, uint64_t client);
/* New requests use new connections; answered by fn when what is kept is on the disk. reset: cookies go first. */
int live_session_flush(struct live *live, uint64_t session, bool resets);
const struct session *live_session_get(
	const struct live *live, uint64_t session); /* NULL: no such */
uint64_t live_session_client(const struct live *live, uint64_t session);

/* cookies: as flow_session_…(), of an ephemeral session in memory */
int live_session_set_cookies(struct live *live, uint64_t session,
	const struct transfer_cookie *cookies, size_t n_cookies);
int live_session_clear_cookies(struct live *live, uint64_t session);
int live_session_cookies_each(struct live *live, const struct flow_cookie_query *query,
	flow_cookie_fn fn, void *user, uint64_t *ret_next);

/* ---- tasks ---- */
struct live_request {
	enum transfer_task_kind kind; /* DATA, UPLOAD, DOWNLOAD */
	struct task_request request;
	unsigned asks, tells;
	bool has_asks, has_tells; /* else the session's */
	bool prefers_whole; /* prefersIncrementalDelivery NO */
	const void *body; /* NULL: none */
	size_t n_body;
	int body_fd; /* file, sealed memfd or stream; -1: none; borrowed, duplicated */
	bool body_is_stream;
	int64_t body_length; /* of a stream; -1: unknown */
	const void *resume_data;
	size_t n_resume_data;
	uint8_t service_type; /* enum transfer_service_type */
	uint8_t cache_policy; /* enum transfer_cache_policy */
	bool forbids_metered;
	const struct look_answer *seen; /* as struct flow_request has it */
};
/*
 * All or none; each wants to run at once. Refused: as flow_tasks_create(); stream tasks. Made, and ending in their turn: bad
 * URLs and so on, with the codes of flow_tasks_create(); GET with a body (-1103); UNSUPPORTED_SCHEME is a -1002 here.
 * ret_ids: n_requests of them, in order without gaps from *ret_first on.
 */
int live_tasks_create(struct live *live, uint64_t session, const struct live_request *requests,
	size_t n_requests, uint64_t *ret_first);
int live_tasks_steer(
	struct live *live, const struct flow_steer *steer, flow_failure_fn fn, void *user);
int live_tasks_set(
	struct live *live, const struct flow_changes *changes, flow_failure_fn fn, void *user);
/* fn comes in a later turn. */
int live_task_cancel_resumable(struct live *live, uint64_t id, flow_resume_data_fn fn, void *user);
int live_task_look(struct live *live, uint64_t id, flow_task_fn fn, void *user);
int live_tasks_each(struct live *live, const struct flow_query *query, flow_task_fn fn, void *user,
	uint64_t *ret_next);
enum transfer_task_sub_state live_task_sub_state(const struct live *live, const struct task *task);

/* ---- events: each goes once, in order per session; the window is the bus's ---- */
enum live_event_type {
	LIVE_EVENT_INFORMATIONAL, /* response */
	LIVE_EVENT_REDIRECT, /* question; response, request */
	LIVE_EVENT_CHALLENGE, /* question; response, challenge */
	LIVE_EVENT_NEED_BODY, /* question; reason */
	LIVE_EVENT_RESPONSE, /* response; question 0: told only */
	LIVE_EVENT_BECAME_DOWNLOAD, /* other_task: events go on under this number */
	LIVE_EVENT_DATA, /* body, or fd */
	LIVE_EVENT_SENT, /* bytes, total, expected; merged while it waits */
	LIVE_EVENT_WRITTEN, /* the same */
	LIVE_EVENT_RESUMED, /* offset, expected */
	LIVE_EVENT_WAITING,
	LIVE_EVENT_FINISHED, /* path, fd */
	LIVE_EVENT_METRICS, /* transactions */
	LIVE_EVENT_COMPLETED, /* error, resume data; folded: also response, body or path, transactions */
	LIVE_EVENT_WITHDRAWN, /* question */
	LIVE_EVENT_BECAME_INVALID,
};
struct live_row {
	uint64_t seq; /* 1, 2, … per session */
	uint64_t session, task, question, other_task;
	enum live_event_type type;
	uint64_t wall_us;
	const struct task
		*view; /* the task as it was when this became true: response, result, request */
	const struct task_request *request; /* REDIRECT */
	const struct engine_challenge *challenge; /* CHALLENGE */
	uint32_t attempt; /* CHALLENGE */
	enum transfer_body_reason reason;
	uint64_t bytes, total, offset;
	int64_t expected;
	const void *body;
	size_t n_body;
	int fd; /* -1: none; closed when the row is gone */
	bool fd_is_pipe; /* else a file or memfd that is whole */
	const char *path;
	const void *resume_data;
	size_t n_resume_data;
	const struct engine_transaction *transactions;
	size_t n_transactions;
	bool has_metrics; /* is_folded: they are told, too */
	bool is_folded; /* COMPLETED: says all there is to say of the task */
};
typedef int (*live_row_fn)(const struct live_row *row, void *user);
struct live_take {
	uint64_t session;
	size_t max_rows, max_fds, max_bytes; /* bodies; the first row always fits */
};
/*
 * Hands out and forgets rows from the head of the line; fn not 0: that row stays. A session of which too many tasks have ended
 * and wait to be told starts no others, so a client that does not acknowledge stops its own tasks, and keeps no slot of others.
 */
int live_events_take(struct live *live, const struct live_take *take, live_row_fn fn, void *user);
bool live_has_events(const struct live *live, uint64_t session);
/*
 * Rows that were taken did not reach the client, for want of memory: what follows would be a lie. Its tasks are cancelled; the
 * one row that is still to be told is BECAME_INVALID.
 */
void live_session_lost(struct live *live, uint64_t session);
/* All rows up to seq were handled: files that they handed over go. FLOW_E_INVALID_REQUEST: there is no such row yet. */
int live_ack(struct live *live, uint64_t session, uint64_t seq);

/* ---- answers. NOT_ATTACHED, NO_SUCH_QUESTION, ALREADY_ANSWERED, INVALID_REQUEST, UNSUPPORTED_SCHEME (asked still) ---- */
struct live_answer {
	uint64_t session, client, question;
};
enum live_redirect { LIVE_REDIRECT_FOLLOW, LIVE_REDIRECT_REPLACE, LIVE_REDIRECT_STOP };
int live_answer_redirect(struct live *live, const struct live_answer *answer,
	enum live_redirect what, const struct task_request *request);
enum live_response { LIVE_RESPONSE_ALLOW, LIVE_RESPONSE_CANCEL, LIVE_RESPONSE_BECOME_DOWNLOAD };
int live_answer_response(
	struct live *live, const struct live_answer *answer, enum live_response what);
/* credential: of USE, copied by the engine alone. INVALID_REQUEST: a user with control characters */
int live_answer_challenge(struct live *live, const struct live_answer *answer,
	enum engine_challenge_answer what, const struct engine_credential *credential);
/* fd: borrowed, duplicated; -1: there is no body */
int live_answer_body(struct live *live, const struct live_answer *answer, int fd, int64_t length);

#endif
