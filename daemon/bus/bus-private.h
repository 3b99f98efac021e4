/* SPDX-License-Identifier: MIT */
/* What the files of the bus share. Nobody else includes this. */
#ifndef BUS_BUS_PRIVATE_H
#define BUS_BUS_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "daemon/bus/bus.h"
#include "daemon/flow.h"
#include "daemon/live.h"
#include "ipc/bus.h"
#include "ipc/object.h"
#include "ipc/proto.h"
#include "ipc/types.h"

#define BUS_CLIENT_NAME_MAX_BYTES 256
/* Who a program is that does not say it. */
#define BUS_APP_ID_UNNAMED        "unnamed"
#define BUS_WINDOW_DEFAULT        256
#define BUS_WINDOW_MAX            1024
#define BUS_PROGRESS_DEFAULT_MS   250
#define BUS_PROGRESS_MIN_MS       100
/* Bytes that wait for the bus beyond which progress is held back, and beyond which nothing is sent. */
#define BUS_OUTGOING_HIGH_BYTES   (256u << 10)
#define BUS_OUTGOING_MAX_BYTES    (8u << 20)
/* More than this in one batch, and it is sent first. */
#define BUS_ROWS_MAX_BYTES        (1u << 20)
/* A smaller body rides in its event. */
#define BUS_BODY_MAX_BYTES        (64u << 10)

/* Newest progress of a task that was not sent yet; deltas add up. */
struct bus_progress {
	uint64_t task;
	struct flow_progress progress;
	bool is_unlisted;
	UT_hash_handle hh;
};

/* One per attached session. */
struct bus_attachment {
	uint64_t session, client;
	char name[BUS_CLIENT_NAME_MAX_BYTES]; /* unique name */
	bool is_open; /* the Attach reply is sent: events may follow */
	bool is_batch, takes_files;
	uint32_t window;
	uint64_t last_seq; /* newest durable event that we heard of */
	uint64_t sent_seq;
	uint64_t in_flight[BUS_WINDOW_MAX]; /* ring of sequence numbers sent and not acknowledged */
	uint32_t first, n_in_flight;
	bool has_questions; /* maybe: to be looked at */
	uint64_t asked_id; /* questions up to this one were sent */
	struct bus_progress *progress;
	bool is_unlisted;
	UT_hash_handle hh;
};

/* What was last told about a task, and what waits to be told. */
struct bus_change {
	uint64_t task;
	struct ipc_path path;
	struct bus_change_values {
		enum transfer_task_state state;
		enum transfer_task_sub_state sub_state;
		uint32_t attempts;
		uint64_t next_retry_wall_us;
	} told, now;
	bool is_told, is_pending;
	bool is_set; /* these two are new as well */
	double priority;
	char *description; /* NULL: none */
	uint64_t due_us; /* pending: when to tell; else: when to forget */
	bool is_unlisted;
	UT_hash_handle hh;
};

/* A session whose application is, was or is to be woken. */
struct bus_launch {
	uint64_t session;
	bool is_wanted, is_asked; /* asked: one of its tasks needs an answer */
	uint64_t due_us; /* when wanted */
	uint64_t allowed_us, wait_us; /* not before; and how long from one to the next */
	bool is_unlisted;
	UT_hash_handle hh;
};

struct bus {
	struct ipc_bus *ipc;
	struct flow *flow;
	const char *spool_dir;
	struct bus_attachment *attachments; /* by session */
	struct bus_change *changes; /* by task, in order of due_us */
	bool launches; /* applications may be started */
	struct bus_launch *launches_wanted; /* by session */
	struct live *live; /* NULL: there are no sessions in memory */
	struct bus_pump *pumps; /* by session: of those in memory */
	uint64_t
		live_retry_us; /* what is told of them waits for memory until then; 0: nothing does */
	struct scouts *scouts; /* NULL: files that calls name are asked for at once */
	bool is_looked; /* the call that runs is run again */
	struct look *seen; /* what was found for it; NULL: no answer in time */
	uint64_t next_client;
	uint64_t last_call_us;
	bool is_lost, is_name_lost, is_stopped;
};

/* ---- bus.c ---- */
int bus_error(int flow_error); /* FLOW_E_… to IPC_E_…; negative passes */
/* Ends a deferred call with the flow's error. */
void bus_reply_error(struct ipc_call *call, int flow_error);
/* What a caller hears that named a session by an identifier of several. */
#define BUS_AMBIGUOUS_SESSION "several applications have a session of this name"

/* A handler's way out: the flow's error as the method's, with its text; 0 stays 0. */
int bus_refuse(struct ipc_call *call, int flow_error);
/* The reply waits for the commit: fn(reply, error). Returns IPC_DEFERRED. */
int bus_defer(struct bus *bus, struct ipc_call *call, flow_reply_fn fn, void *reply);
/* The same for a method without results. */
int bus_defer_done(struct bus *bus, struct ipc_call *call);
void *bus_alloc(struct ipc_call *call, size_t size); /* in the call's arena; NULL: no memory */
/* The fields of a request or a configuration, in the call's arena; NULL: no memory. */
const struct task_header *bus_headers(
	struct ipc_call *call, const struct ipc_header *from, size_t n);

/* ---- handlers ---- */
extern const struct ipc_manager_ops bus_manager_ops;
extern const struct ipc_session_ops bus_session_ops;
extern const struct ipc_task_ops bus_task_ops;
extern const struct ipc_log_control1_ops bus_log_ops;

/* ---- bus-look.c ---- */
struct bus_look {
	const char *app_id;
	const struct look_names *names;
	size_t n;
};
/*
 * What is there: as many answers as names, also where nothing is named: what is named later, by resume data, is not asked for here.
 * NULL: there are no scouts. 0; or the way out of the handler, which has done nothing yet and is
 * run again later.
 */
int bus_look(struct bus *bus, struct ipc_call *call, const struct bus_look *names,
	struct look_answer **ret_seen);

/* ---- bus-session.c ---- */
/* What all kinds of sessions know; upload-copy is checked. */
int bus_session_read_request(
	struct ipc_call *call, const struct ipc_request *from, struct flow_request *to);
/* Of whichever kind; NULL: none. */
const struct session *bus_session_get(const struct bus *bus, uint64_t id);
int bus_session_properties(struct bus *bus, const struct session *session, struct arena *arena,
	struct ipc_session_properties *ret);

/* ---- bus-task.c: as flow_task_look(), flow_tasks_steer(), flow_tasks_set(), of whichever kind the sessions are ---- */
int bus_task_look(struct bus *bus, uint64_t id, flow_task_fn fn, void *user);
int bus_task_steer(struct bus *bus, const struct flow_steer *steer, flow_failure_fn fn, void *user);
int bus_task_set(
	struct bus *bus, const struct flow_changes *changes, flow_failure_fn fn, void *user);

/* ---- bus-words.c: names and numbers ---- */
const char *bus_words_task_kind(enum transfer_task_kind kind);
const char *bus_words_task_state(enum transfer_task_state state);
const char *bus_words_sub_state(enum transfer_task_sub_state sub_state);
/* Bits (1 << value) of a list of words. 0, or IPC_E_INVALID_REQUEST with *ret_bad the word. */
int bus_words_task_kinds(
	const char *const *words, size_t n, uint32_t *ret_mask, const char **ret_bad);
int bus_words_task_states(
	const char *const *words, size_t n, uint32_t *ret_mask, const char **ret_bad);
int bus_words_sub_states(
	const char *const *words, size_t n, uint32_t *ret_mask, const char **ret_bad);
int bus_words_session_kind(const char *word, enum transfer_session_kind *ret_kind); /* -EINVAL */
int bus_words_task_kind_parse(const char *word, enum transfer_task_kind *ret_kind); /* -EINVAL */
const char *bus_words_error(int32_t code); /* "timed-out" */
bool bus_words_has(const char *const *words, size_t n, const char *word);
const char *bus_words_session_kind_name(enum transfer_session_kind kind);
const char *bus_words_session_state(enum transfer_session_state state);
const char *bus_words_cookie_accept_name(enum transfer_cookie_accept accept);
int bus_words_cookie_accept(
	const char *word, enum transfer_cookie_accept *ret_accept); /* -EINVAL */
const char *bus_words_same_site_name(enum transfer_cookie_same_site same_site);
int bus_words_same_site(
	const char *word, enum transfer_cookie_same_site *ret_same_site); /* -EINVAL */
const char *bus_words_upload_copy_name(enum task_upload_copy copy);
int bus_words_upload_copy(const char *word, enum task_upload_copy *ret_copy); /* -EINVAL */
/* These, too, answer -EINVAL to a word that is none. */
int bus_words_cache_policy(const char *word, enum transfer_cache_policy *ret_policy);
int bus_words_service_type(const char *word, enum transfer_service_type *ret_type);
int bus_words_disposition(const char *word, enum transfer_response_disposition *ret_disposition);
int bus_words_tls_version(const char *word, enum transfer_tls_version *ret_version);
const char *bus_words_auth_method(enum transfer_auth_method method);
const char *bus_words_body_reason(enum transfer_body_reason reason);

/* ---- bus-live.c: sessions that live in memory; each refuses what it cannot do with another ---- */
/* Whether a key is set that only those sessions know. */
bool bus_live_is_request(const struct ipc_request *request);
bool bus_live_is_configuration(const struct ipc_configuration *configuration);
bool bus_live_is_options(const struct ipc_open_options *options);
int bus_live_answer_challenge(
	struct ipc_call *call, void *user, const struct ipc_session_answer_challenge_in *in);
int bus_live_answer_redirect(
	struct ipc_call *call, void *user, const struct ipc_session_answer_redirect_in *in);
int bus_live_answer_responses(struct ipc_call *call, void *user,
	const struct ipc_session_answer_responses_in *in,
	struct ipc_session_answer_responses_out *out);
int bus_live_answer_body_stream(
	struct ipc_call *call, void *user, const struct ipc_session_answer_body_stream_in *in);
int bus_live_close(struct ipc_call *call, void *user);
/* open: its kind, description and what all configurations have are there. */
int bus_live_open(struct bus *bus, struct ipc_call *call,
	const struct ipc_manager_open_session_in *in, struct live_open *open,
	struct ipc_manager_open_session_out *out);
int bus_live_create(struct ipc_call *call, void *user, const struct ipc_session_create_tasks_in *in,
	struct ipc_session_create_tasks_out *out);
int bus_live_create_file(struct ipc_call *call, void *user,
	const struct ipc_session_create_tasks_file_in *in,
	struct ipc_session_create_tasks_file_out *out);
int bus_live_acknowledge(
	struct ipc_call *call, void *user, const struct ipc_session_acknowledge_in *in);

/* ---- bus-live-pump.c ---- */
struct bus_live_client {
	uint64_t session, number;
	const char *name; /* unique name */
	bool is_batch, takes_files;
	uint32_t window;
};
int bus_live_add(struct bus *bus, const struct bus_live_client *client);
uint64_t bus_live_client(const struct bus *bus, const char *name); /* its number; 0: unknown */
const char *bus_live_client_name(const struct bus *bus, uint64_t session); /* "": nobody's */
void bus_live_events(uint64_t session, void *user);
void bus_live_gone(uint64_t session, void *user);
void bus_live_acked(struct bus *bus, uint64_t session, uint64_t seq);
void bus_live_flush(struct bus *bus);
void bus_live_peer_left(struct bus *bus, const char *name);
void bus_live_done(struct bus *bus);

/* ---- bus-live-row.c: a live_row_fn: appends; 1: no room for this one ---- */
int bus_live_row(const struct live_row *row, void *rows);

/* ---- bus-cookie.c ---- */
int bus_cookie_list(struct ipc_call *call, void *user, const struct ipc_session_list_cookies_in *in,
	struct ipc_session_list_cookies_out *out);
int bus_cookie_set(struct ipc_call *call, void *user, const struct ipc_session_set_cookies_in *in);
int bus_cookie_clear(struct ipc_call *call, void *user);

/* ---- bus-view.c: the model as rows; all that is pointed to is copied to the arena. 0, -ENOMEM ---- */
uint64_t bus_view_all_fields(void);
/* Bits of a list of field names; 0 fields: all but request-headers. */
int bus_view_fields(const char *const *names, size_t n, uint64_t *ret_fields, const char **ret_bad);
int bus_view_task(struct bus *bus, const struct task *task, uint64_t fields, struct arena *arena,
	struct ipc_task *ret);
const char *bus_view_sub_state(struct bus *bus, const struct task *task);
int bus_view_response(
	const struct task *task, struct arena *arena, const struct ipc_response **ret);
struct bus_view_error {
	const struct transfer_result *result;
	const char *failing_url;
	bool is_resumable;
	const void *resume_data;
	size_t resume_data_bytes;
};
int bus_view_error(
	const struct bus_view_error *error, struct arena *arena, const struct ipc_error **ret);
int bus_view_metrics(const struct task *task, struct arena *arena, const struct ipc_metrics **ret);
int bus_view_request(const struct task *task, bool is_current, struct arena *arena,
	const struct ipc_request **ret);
int bus_view_headers(const struct task_header *headers, size_t n, struct arena *arena,
	const struct ipc_header **ret);
/* NULL stays NULL. */
int bus_view_text(struct arena *arena, const char *text, const char **ret);

/* ---- bus-event.c ---- */
struct bus_attachment *bus_event_attach(
	struct bus *bus, uint64_t session, uint64_t client, const char *name);
struct bus_attachment *bus_event_find(struct bus *bus, uint64_t session);
void bus_event_detach(struct bus *bus, struct bus_attachment *attachment);
uint64_t bus_event_client(
	struct bus *bus, const char *name); /* number of a unique name, a new one when unknown */
void bus_event_open(struct bus *bus, struct bus_attachment *attachment);
void bus_event_acked(struct bus *bus, uint64_t session, uint64_t seq);
void bus_event_peer_left(struct bus *bus, const char *name);
void bus_event_flush(struct bus *bus);
void bus_event_stored(uint64_t session, uint64_t last_seq, void *user);
void bus_event_progress(const struct flow_progress *progress, void *user);

/* One message or several; the rows that have a number are in flight then. */
int bus_event_send(
	struct bus *bus, struct bus_attachment *attachment, const struct ipc_event *rows, size_t n);

/* ---- bus-question.c ---- */
void bus_question_pump(struct bus *bus, struct bus_attachment *attachment);
void bus_question_new(uint64_t session, void *user);
void bus_question_withdrawn(const struct question *question, void *user);
uint32_t bus_question_mask(
	const char *const *methods, size_t n); /* what a client with these methods can be asked */
int bus_question_answer_delayed(
	struct ipc_call *call, void *user, const struct ipc_session_answer_delayed_request_in *in);

/* ---- bus-event-row.c: one delegate event as a row ---- */
struct bus_rows {
	struct bus *bus;
	struct arena *arena;
	struct ipc_event *rows;
	size_t n, max, n_fds, size_bytes;
	bool with_files; /* open what is handed over */
};
/* A flow_event_fn: appends; 1: no room for this one. */
int bus_event_row(const struct flow_event *event, void *rows);
void bus_event_rows_close(struct bus_rows *rows); /* the descriptors */

/* ---- bus-change.c ---- */
void bus_change_task(const struct task *task, void *user);
void bus_change_task_set(const struct task *task, void *user);
void bus_change_session(uint64_t session, void *user);
void bus_change_session_gone(uint64_t session, void *user);
void bus_change_limits(void *user);
uint64_t bus_change_next_timer(const struct bus *bus);
void bus_change_tick(struct bus *bus, uint64_t now_us);
void bus_change_done(struct bus *bus);
void bus_change_session_added(struct bus *bus, uint64_t session);

/* ---- bus-launch.c ---- */
void bus_launch_start(struct bus *bus); /* what has waited since before */
/* New events, or something is asked. */
void bus_launch_want(struct bus *bus, uint64_t session, bool is_asked);
void bus_launch_attached(struct bus *bus, uint64_t session); /* somebody is there */
void bus_launch_served(struct bus *bus, uint64_t session); /* who has acknowledged or answered */
void bus_launch_forget(struct bus *bus, uint64_t session); /* it is gone */
uint64_t bus_launch_next_timer(const struct bus *bus);
void bus_launch_tick(struct bus *bus, uint64_t now_us);
void bus_launch_done(struct bus *bus);

/* ---- bus-list.c: handlers of the manager ---- */
/* The last id of the page before; 0: the first page. IPC_E_STALE_CURSOR, told already. */
int bus_list_cursor(struct ipc_call *call, const char *cursor, uint64_t *ret_after_id);
int bus_list_tasks(struct ipc_call *call, void *user, const struct ipc_manager_list_tasks_in *in,
	struct ipc_manager_list_tasks_out *out);
int bus_list_progress(struct ipc_call *call, void *user,
	const struct ipc_manager_get_progress_in *in, struct ipc_manager_get_progress_out *out);

/* ---- bus-quit.c ---- */
int bus_quit_application(struct ipc_call *call, void *user,
	const struct ipc_manager_quit_application_in *in,
	struct ipc_manager_quit_application_out *out);

/* ---- bus-manager.c ---- */
int bus_manager_properties(struct bus *bus, struct ipc_manager_properties *ret);

#endif
