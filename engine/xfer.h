/* SPDX-License-Identifier: MIT */
/*
 * One attempt, from start to its one DONE. Made by the caller's thread, then owned by one worker
 * and touched by no other thread.
 *
 * It makes one or more requests ("hops"): redirects, a restart from 0, a retry without If-Range.
 * Everything that can happen comes in by one of the functions below; the state changes only in
 * xfer_enter().
 *
 *   PREPARE  files are opened; waits for the caller to have made "the kept bytes are gone" durable
 *   SEND     a request is with libcurl, nothing has come back
 *   HEAD     header lines arrive
 *   BODY     the head is judged, body bytes arrive
 *   FINISH   no request any more; waits for the disk to make what is kept durable
 *   DONE     the event is posted, the worker frees it
 */
#ifndef ENGINE_XFER_H
#define ENGINE_XFER_H

#include <curl/curl.h>
#include <libpsl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mailbox.h"
#include "engine/auth.h"
#include "engine/bucket.h"
#include "engine/chunk.h"
#include "engine/engine.h"
#include "engine/fault.h"
#include "engine/head.h"
#include "engine/jar.h"
#include "engine/redirect.h"
#include "engine/resume.h"
#include "engine/unnamed.h"
#include "engine/upload.h"

struct decode;
struct decode_io;
struct disk;
struct disk_job;
struct inlet;
struct multi;
struct multipart;
struct outlet;
struct post;
struct sink;
struct source;
struct url;
struct worker;
struct worker_mail;
struct worker_watch;

enum xfer_state {
	XFER_STATE_PREPARE,
	XFER_STATE_SEND,
	XFER_STATE_HEAD,
	XFER_STATE_BODY,
	XFER_STATE_FINISH,
	XFER_STATE_DONE,
};

/* What its worker gives to all its attempts. */
struct xfer_env {
	struct worker *owner;
	struct disk *disk;
	unsigned worker;
	const char *user_agent, *ca_file; /* ca_file NULL: the system's trust store */
	struct jar *jars; /* what is told of the cookie stores */
	psl_ctx_t *suffixes; /* loaded when the first cookie comes */
	struct bucket download, upload; /* this worker's part of the engine's limits */
	struct unnamed_folders folders; /* of new files; forgotten at each tick */
};

/* The connections of one session on this worker; owned by the worker. */
struct xfer_pool {
	struct xfer_pool *next;
	uint64_t session;
	struct multi *multi;
	unsigned n_xfers;
	bool is_retired; /* takes no new attempts */
	bool is_marked; /* some of its connections have a mark */
	uint64_t moved_us; /* last payload byte of any attempt */
	uint64_t idle_since_us;
};

enum xfer_body { XFER_BODY_DROP, XFER_BODY_KEEP };

/* What follows when the present request has ended. */
enum xfer_next {
	XFER_NEXT_END, /* the attempt ends */
	XFER_NEXT_FOLLOW, /* a redirect: url and method are set already */
	XFER_NEXT_AUTHENTICATE, /* the same request, with who asks */
	XFER_NEXT_AGAIN, /* the same request, with what resume says now */
	XFER_NEXT_UPLOAD, /* the next leg of an upload */
};

/* A resumable upload; all zero for everything else. */
struct xfer_upload {
	bool is_wanted; /* the server is asked for it */
	bool was_afresh; /* was begun anew in this attempt */
	bool is_answered; /* the resource has done its work, once the caller has the answer */
	enum upload_leg leg, next_leg;
	char *url; /* the upload resource; NULL: none */
	uint64_t acked_bytes, told_bytes; /* by the server; what the caller knows of it */
	uint64_t base_bytes, end_bytes; /* of the source, the part that this request sends */
	uint64_t append_max_bytes; /* 0: not limited */
	unsigned n_rounds; /* requests to the resource since acked_bytes grew */
	const char *refusal; /* static; why the resource is dropped */
};

/* Why libcurl is paused; it goes on when none is left. */
enum {
	XFER_PAUSE_RATE = 1 << 0, /* both ways */
	XFER_PAUSE_FILE = 1 << 1, /* receive: no descriptor for a file or pipe */
	XFER_PAUSE_READER = 1 << 2, /* receive: the outlet is full */
	XFER_PAUSE_ASK = 1 << 3, /* receive: an answer is waited for */
	XFER_PAUSE_HELD = 1 << 4, /* both: suspended */
	XFER_PAUSE_INLET = 1 << 5, /* send: nothing to send yet */
};

enum xfer_question {
	XFER_QUESTION_NONE,
	XFER_QUESTION_REDIRECT,
	XFER_QUESTION_RESPONSE,
	XFER_QUESTION_BODY,
	XFER_QUESTION_CHALLENGE,
};

/* Of the present origin; all zero until it asks. */
struct xfer_auth {
	struct arena arena; /* of challenge */
	struct auth_challenge challenge; /* the last one */
	char *user, *password; /* NULL: nothing is said */
	bool is_said; /* by a request */
	bool is_renewed; /* challenge: only the nonce of what was said was too old */
	bool has_tried_url; /* the user of the URL */
	unsigned rejected; /* bits of methods */
	unsigned n_failures;
	unsigned n_stale; /* of this credential */
	uint32_t n_requests; /* with this nonce */
	char cnonce[AUTH_CNONCE_BYTES]; /* with this nonce */
};

/* Of the present request; monotonic times, 0: not yet. */
struct xfer_metrics {
	uint64_t begin_us, connected_us;
	uint64_t sent_us; /* the last of the body went to libcurl */
	bool is_reused; /* the connection was there */
	const char *tls_version, *tls_cipher; /* static */
};

/* All zero for others than live attempts. */
struct xfer_live {
	/* out */
	struct outlet *outlet;
	struct worker_watch *outlet_watch; /* NULL: nothing waits for room */
	enum xfer_question question;
	/* of a 3xx or 401 that is being asked about, at most ENGINE_INLINE_BYTES */
	struct buf aside;
	struct buf rest; /* received, and not taken by who was full; at most one libcurl buffer */
	bool is_decode_behind; /* the decoder has more to give without any more bytes */
	uint64_t response_due_us; /* is_response_due: told then */
	bool is_told; /* something was told of the answer: DONE does not say it all */
	bool is_stall_told;
	uint64_t held_boot_us; /* its resource limit stands still since; 0: it runs */
	/* an error that waits until all that came before it was told */
	bool is_late, is_late_retryable;
	struct transfer_result late;
	/* in */
	struct inlet *inlet;
	struct worker_watch *inlet_watch;
	uint64_t bytes_offset; /* of SOURCE_BYTES */
	bool is_body_over; /* its end went to libcurl, which asks for none of a known length */
	enum engine_body_reason body_reason;
	unsigned n_prereq; /* of this request */
	struct multipart *multipart;
	bool is_part_behind; /* it refused to go on: has more to say without any more bytes */
	struct buf part_rest; /* decoded, and not taken by the parts */
	struct xfer_metrics metrics;
	struct engine_transaction *transactions; /* in DONE, which says how many */
};

struct xfer_key {
	uint64_t task;
	uint64_t attempt;
};

/* Has the attempt begun? */
enum xfer_wait {
	XFER_WAIT_NONE,
	XFER_WAIT_AHEAD, /* for the place of another */
	XFER_WAIT_TURN, /* it has a place and begins in this turn of the loop */
};

struct xfer {
	UT_hash_handle hh;
	struct xfer_key key;
	enum xfer_wait wait; /* the worker's */
	TAILQ_ENTRY(xfer) waiting;
	bool is_unlisted; /* there was no memory to list it */
	struct arena arena;
	struct engine_spec spec;
	struct xfer_env *env;
	struct xfer_pool *pool;
	enum xfer_state state;

	/* the request */
	struct url *url; /* NULL: url_code says why */
	int32_t url_code;
	const char *method; /* borrowed from spec, or static */
	bool has_body; /* the source is sent */
	bool has_crossed; /* was redirected to another origin */
	bool is_http1_only;
	bool is_expect_refused; /* 417 came */
	unsigned n_redirects;
	CURL *easy; /* NULL: no request is with libcurl */
	bool may_keep_easy; /* another request may have it */
	struct curl_slist *headers;

	/* the answer */
	struct head head;
	struct chunk chunk;
	struct redirect redirect;
	bool is_http2;
	bool is_connecting, is_connected;
	int socket_fd; /* of the connection, as far as it is known; -1 */
	bool is_announced; /* CONNECTED was posted */
	bool is_tainted; /* a kept connection held bytes that nobody asked for */
	bool can_resume;
	enum xfer_body body;
	struct decode *decode; /* of this answer's body; NULL: it comes as it is */
	enum xfer_next next;
	uint64_t dropped_bytes;
	int64_t total_bytes; /* whole file; -1 unknown */

	struct jar given; /* cookies of the answers so far */
	struct xfer_auth auth;

	/* files */
	struct sink *sink; /* the part, or the response body of an upload */
	struct source *source;
	struct resume resume;
	struct xfer_upload upload;
	struct xfer_live live;
	uint64_t received_bytes; /* what the events show */
	uint64_t durable_bytes; /* the caller may count on them */
	uint64_t checkpoint_base_bytes, checkpoint_us; /* the last one asked for */
	uint64_t write_out_bytes; /* up to here the kernel was asked to write */
	bool is_checkpointing;
	bool is_checkpoint_stale; /* the file was emptied since */
	bool is_response_due; /* its RESPONSE waits for the next tick, or is never needed */
	bool is_claimed; /* the caller has a validator for what is in the file */
	bool is_disk_broken; /* a sync failed: nothing after durable_bytes counts */

	/* waiting */
	bool is_at_rest; /* the tick has found it so, and nothing has happened to it since */
	bool is_held; /* kept bytes stay until the caller knows that offset 0 counts */
	unsigned receive_pause, send_pause; /* XFER_PAUSE_…: why libcurl waits */
	bool is_end_held; /* the request ended meanwhile */
	CURLcode end_code;

	/* numbers and times (monotonic) */
	uint64_t network_bytes;
	uint64_t sent_bytes;
	uint64_t left_socket_bytes; /* sent_bytes without what waits in the socket */
	bool has_moved; /* payload since the last tick */
	uint64_t moved_us;
	uint64_t phase_us; /* this request, or its connecting, began */
	uint64_t floor_us, floor_bytes;
	bool was_paced; /* since floor_us: a limit of ours was reached */
	struct bucket bucket;
	bool is_progress_out; /* the caller has not seen the last PROGRESS */
	uint64_t progress_us, progress_bytes;

	/* the end */
	struct transfer_result fault; /* the first thing that went wrong; code 0: nothing */
	bool is_retryable; /* of fault */
	bool is_restart_needed;
	bool is_stopped;
	bool is_given_up; /* no other attempt goes on with it */
	bool is_over; /* DONE was posted: nothing more is told, what runs gives an upload's resource back */
	struct post *done, *synced; /* made at the start: the end can always be told */
	struct post *ended; /* the DONE that was posted; leaves at the end of the worker's turn */
	struct worker_mail
		*disk_mail; /* carries the answer to a checkpoint back; NULL: under way */
};

/*
 * On the caller's thread. 0, -EINVAL (a spec that is the caller's mistake), -ENOMEM or of dup().
 * A bad URL is a DONE later.
 */
int xfer_new(
	uint64_t task, uint32_t attempt, const struct engine_spec *spec, struct xfer **ret_xfer);
/*
 * No event; a request that is still with libcurl is taken out, what has arrived is written. NULL
 * is fine.
 */
void xfer_free(struct xfer *xfer);
/* Of its first request; "" for a bad URL. */
const char *xfer_host(const struct xfer *xfer);

/*
 * The rest on the worker, never inside a curl callback. After each of them the attempt may be in
 * DONE.
 */
/* pool NULL: no memory for it, which ends the attempt. */
void xfer_start(struct xfer *xfer, struct xfer_env *env, struct xfer_pool *pool);
void xfer_stop(struct xfer *xfer, bool is_given_up);
/* libcurl is done with the request. */
void xfer_on_end(struct xfer *xfer, CURLcode code);
/* The answer to a checkpoint; takes the mail, and the job in it. */
void xfer_on_disk(struct xfer *xfer, struct worker_mail *mail);
/* A command of the caller's; the mail stays the worker's. */
void xfer_on_mail(struct xfer *xfer, struct worker_mail *mail);
/* The caller has seen the last PROGRESS. */
void xfer_on_progress_seen(struct xfer *xfer);
/* The caller has acted on RESUMED. */
void xfer_on_resumed_seen(struct xfer *xfer);
void xfer_set_rate(struct xfer *xfer, uint64_t max_rate_bps);
/* The limit of the whole stands still while it is held. */
void xfer_time_hold(struct xfer *xfer, bool is_held);
/* Timers: idle, connect, resource, floor; progress; checkpoints. */
void xfer_tick(struct xfer *xfer, const struct clock_now *now);
/*
 * It waits, both ways, for what comes by mail, a watch or its due time: no time runs that the tick looks after, and there is
 * nothing to report. Its rest is over: idle time begins.
 */
bool xfer_is_at_rest(const struct xfer *xfer);
void xfer_wake(struct xfer *xfer);
/*
 * A live attempt's times are kept exactly: when it has to be looked at again (UINT64_MAX: never; it may be sooner than
 * needed), and that look.
 */
uint64_t xfer_due_us(const struct xfer *xfer, const struct clock_now *now);
void xfer_on_due(struct xfer *xfer, const struct clock_now *now);
/* Goes on where a rate limit paused it, if there is room again. */
void xfer_unpause(struct xfer *xfer, uint64_t now_us);

static inline bool xfer_is_done(const struct xfer *xfer)
{
	return xfer->state == XFER_STATE_DONE;
}

static inline bool xfer_is_paused(const struct xfer *xfer)
{
	return xfer->receive_pause || xfer->send_pause || xfer->live.question != XFER_QUESTION_NONE;
}

/* The worker looks at it again and again. */
static inline bool xfer_is_paced(const struct xfer *xfer)
{
	return (xfer->receive_pause | xfer->send_pause) & (XFER_PAUSE_RATE | XFER_PAUSE_FILE);
}

/* The rest is shared by xfer*.c only. */

/* xfer.c: the door, and how an attempt goes on or ends. Never inside a curl callback. */
void xfer_enter(struct xfer *xfer, enum xfer_state state);
/*
 * Ends the attempt as fault says: takes a running request out, waits for the disk where there is
 * something to keep.
 */
void xfer_finish(struct xfer *xfer);
/* In PREPARE: the present request goes out, or what went wrong meanwhile ends the attempt. */
void xfer_request_go(struct xfer *xfer);
/* Drops the running request and fetches what is missing by a new one. */
void xfer_fetch_rest(struct xfer *xfer);

/* xfer-event.c: what the caller is told. fault: the first one counts. */
void xfer_post(struct xfer *xfer, struct post *post);
void xfer_post_simple(struct xfer *xfer, enum engine_event_type type);
void xfer_post_resumed(struct xfer *xfer, uint64_t offset_bytes, bool wants_turn);
void xfer_post_response(struct xfer *xfer);
/* For who has more to say of the answer; NULL after a fault was noted. */
struct post *xfer_post_new_answer(struct xfer *xfer, enum engine_event_type type);
/* The same about a part of it, whose header fields go before those of the whole. */
struct post *xfer_post_new_part(
	struct xfer *xfer, enum engine_event_type type, const struct head *fields);
/* The part begins with the answer that was posted: worth keeping from its first byte. */
void xfer_post_begun(struct xfer *xfer);
/* Only DONE carries it: it is not the answer that the caller waits for. */
void xfer_note_response(struct xfer *xfer);
void xfer_post_done(struct xfer *xfer);
void xfer_fault(struct xfer *xfer, enum transfer_error_code code, const char *detail);
void xfer_fault_file(struct xfer *xfer, enum fault_file what, int error_no);
void xfer_fault_curl(struct xfer *xfer, CURLcode code);
void xfer_fault_memory(struct xfer *xfer);

/*
 * xfer-request.c: an easy handle for the present request, xfer->easy and xfer->headers. 0 or
 * -ENOMEM.
 */
int xfer_request_new(struct xfer *xfer);
void xfer_request_free(struct xfer *xfer, bool is_clean);
/* True when libcurl may pause a stream of a multiplexed connection. */
bool xfer_request_can_pause_http2(void);
void xfer_request_set_weight(struct xfer *xfer, unsigned weight);
/* In libcurl's callbacks: a socket is new; a connection is there. After a false the request does not go out. */
void xfer_request_on_socket(struct xfer *xfer, curl_socket_t fd);
/* A connection that was kept works for it. */
void xfer_request_on_use(struct xfer *xfer, int fd);
/* The same, for multi_set_on_socket(). */
void xfer_request_on_watch(void *private_data, int fd);
bool xfer_request_on_connected(struct xfer *xfer);

/* xfer-cookie.c: what the store has for this request, as a header's value; nothing: buf stays empty. */
int xfer_cookie_header(const struct xfer *xfer, struct buf *buf);
/* Takes the cookies of a head that is complete, and tells. */
void xfer_cookie_take(struct xfer *xfer);

/* xfer-body.c: libcurl's callbacks; user is the xfer. */
size_t xfer_body_on_header(char *line, size_t one, size_t n, void *user);
size_t xfer_body_on_receive(char *bytes, size_t one, size_t n, void *user);
/* Into its file. n, or 0 after a fault was noted. */
size_t xfer_body_keep(struct xfer *xfer, const char *bytes, size_t n);
int xfer_body_on_raw(CURL *easy, curl_infotype type, char *bytes, size_t size, void *user);
int xfer_body_on_connected(void *user, char *ip, char *local_ip, int port, int local_port);
int xfer_body_on_socket(void *user, curl_socket_t fd, curlsocktype purpose);
int xfer_body_on_resolve(void *resolver, void *reserved, void *user);

/*
 * xfer-decode.c: coded bodies. put takes what was decoded; 0, or not 0 after it has noted a fault. So
 * does xfer_decode_put() itself.
 */
typedef int (*xfer_put_fn)(struct xfer *xfer, const char *bytes, size_t size);
void xfer_decode_start(struct xfer *xfer);
int xfer_decode_put(struct xfer *xfer, const char *bytes, size_t size, xfer_put_fn put);
/* One step of decode_step(), for who may have to stop in the middle. */
int xfer_decode_some(struct xfer *xfer, struct decode_io *io);
void xfer_decode_end(struct xfer *xfer);

/* xfer-send.c: the body of the request; the first two are libcurl's callbacks. */
size_t xfer_send_on_send(char *bytes, size_t one, size_t n, void *user);
int xfer_send_on_seek(void *user, curl_off_t offset, int origin);
/* When the attempt starts: the source; asks for a stream that is not there. 0 or -errno. */
int xfer_send_open(struct xfer *xfer);
/* Before a request that sends the body again; may ask. */
void xfer_send_rewind(struct xfer *xfer, enum engine_body_reason reason);
/* For a body: stay in PREPARE. */
bool xfer_send_is_waiting(const struct xfer *xfer);
int64_t xfer_send_length(const struct xfer *xfer); /* -1: in chunks */
/* How much of the body this request has sent: libcurl counts the framing of chunks, too. */
uint64_t xfer_send_count(const struct xfer *xfer);
/* libcurl has all of it. */
bool xfer_send_is_over(const struct xfer *xfer);
void xfer_send_answer_body(struct xfer *xfer, int fd_take, int64_t length);
void xfer_send_on_readable(struct xfer *xfer);
void xfer_send_close(struct xfer *xfer);
/* An answer to HEAD has no body; libcurl, which sends one, would wait for it. */
bool xfer_send_ends_with_head(const struct xfer *xfer);

/* xfer-live.c: pauses, questions, bodies that somebody reads as they come. */
/* These reasons to wait are over; when none is left, libcurl goes on, or what was held ends. Never inside a curl callback. */
void xfer_go_on(struct xfer *xfer, unsigned receive, unsigned send);
void xfer_live_resume(struct xfer *xfer);
/* An end that libcurl reports now has to wait, too. */
bool xfer_is_waiting(const struct xfer *xfer);
/* The head is final: outlet, question, response due. */
void xfer_live_begin_body(struct xfer *xfer);
/* Told a little later, or with the end. */
void xfer_live_put_off_response(struct xfer *xfer);
/* Decoded, and taken apart; n, or PAUSE, or 0. */
size_t xfer_live_receive(struct xfer *xfer, const char *bytes, size_t n);
/* Into the outlet. 0, OUTLET_E_FULL: its reader is behind and nothing was taken; else a fault was noted. */
int xfer_live_put(struct xfer *xfer, const char *bytes, size_t n);
/* A part of the body has come whole. As xfer_live_put(); after OUTLET_E_FULL to be called again. */
int xfer_live_end_part(struct xfer *xfer);
/* The body has come whole; true: its reader is behind, the end waits. */
bool xfer_live_end(struct xfer *xfer);
/* It ends with an error: true: that waits until its reader has what came before. The request may still be there. */
bool xfer_live_is_late(struct xfer *xfer);
void xfer_live_fill_done(struct xfer *xfer, struct engine_event *done);
/* When xfer_live_tick() has something to do; UINT64_MAX: never. */
uint64_t xfer_live_due_us(const struct xfer *xfer);
void xfer_live_done(struct xfer *xfer);
void xfer_live_tick(struct xfer *xfer, uint64_t now_us);

/* xfer-ask.c: questions, and what is answered. Those that ask are for the header callback. */
/* The answer redirects; true: the caller is asked whither. */
bool xfer_live_judge_redirect(struct xfer *xfer);
void xfer_live_ask_response(struct xfer *xfer);
/* The same, with what says it. */
void xfer_live_ask_take(struct xfer *xfer, struct post *post);
void xfer_live_tell_informational(struct xfer *xfer);
/* A body that may yet be dropped. */
size_t xfer_live_set_aside(struct xfer *xfer, const char *bytes, size_t n);
void xfer_live_answer_redirect(struct xfer *xfer, enum engine_redirect_answer answer,
	const struct engine_request *request);
void xfer_live_answer_response(
	struct xfer *xfer, enum engine_response_answer answer, const char *part_path);
/* The answer asks who this is; true: so is the caller, or a fault was noted. */
bool xfer_live_ask_challenge(struct xfer *xfer);
void xfer_live_answer_challenge(struct xfer *xfer, enum engine_challenge_answer answer,
	const struct engine_credential *credential);
/* What comes of the body now may yet be dropped. */
bool xfer_live_sets_aside(const struct xfer *xfer);
void xfer_live_hold(struct xfer *xfer, bool is_held);

/* xfer-auth.c */
/* In the header callback: true when a 401 is dealt with: it is not, or not yet, the answer. */
bool xfer_auth_judge(struct xfer *xfer);
/* A challenge of the present head that was not rejected; false: there is none, or a fault was noted. */
bool xfer_auth_choose(struct xfer *xfer);
void xfer_auth_reject(struct xfer *xfer);
/* 0 or -ENOMEM */
int xfer_auth_use(struct xfer *xfer, const char *user, const char *password);
/* Into a question. 0 or -ENOMEM */
int xfer_auth_fill(const struct xfer *xfer, struct post *post);
/* The next requests say who asks. */
bool xfer_auth_is_known(const struct xfer *xfer);
/* The header line of the present request, given back with secret_free(). NULL: no memory. */
char *xfer_auth_line(struct xfer *xfer);
/* libcurl says the user of the URL, before anybody asks. */
bool xfer_auth_has_url(const struct xfer *xfer);
/* The next request says itself who asks. */
void xfer_auth_forget(struct xfer *xfer);
/* The next request goes there: nothing goes along to another origin. */
void xfer_auth_leave(struct xfer *xfer, const struct url *to);
void xfer_auth_done(struct xfer *xfer);

/* xfer-part.c: answers of several parts. begin: if this is one; all others only then. put…(): as xfer_live_put(). */
void xfer_part_begin(struct xfer *xfer);
int xfer_part_put(struct xfer *xfer, const char *bytes, size_t n, size_t *ret_used);
/* What is not taken is kept, and comes first with the next of these. */
int xfer_part_put_decoded(struct xfer *xfer, const char *bytes, size_t n);
int xfer_part_put_rest(struct xfer *xfer);
int xfer_part_finish(struct xfer *xfer);
void xfer_part_done(struct xfer *xfer);

/* xfer-metrics.c: a request begins, has a connection, has ended (before its easy handle goes). */
void xfer_metrics_begin(struct xfer *xfer);
void xfer_metrics_on_connected(struct xfer *xfer);
void xfer_metrics_note(struct xfer *xfer);

/* xfer-ftp.c */
bool xfer_ftp_is(const struct xfer *xfer);
/* Options of the handle. 0 or -ENOMEM. */
int xfer_ftp_set(struct xfer *xfer);
/* Now and then, outside of libcurl's callbacks: nothing gets stuck. */
void xfer_ftp_tick(struct xfer *xfer);
/* First body byte, or the end: what HTTP's head would have said. */
void xfer_ftp_begin(struct xfer *xfer);

/* xfer-judge.c: the head is complete: what it means. Inside the header callback. */
void xfer_judge(struct xfer *xfer);
/* It is no redirect. */
void xfer_judge_answer(struct xfer *xfer);
/* Its body goes into the part, which is open: nothing of it has come. */
void xfer_judge_become_download(struct xfer *xfer);
/* Whatever Content-Length says. */
bool xfer_has_no_body(const struct xfer *xfer);
/* The body goes into an empty part: tells what it is, takes the space for it. */
void xfer_judge_begin(struct xfer *xfer);

/* xfer-disk.c: checkpoints and the last sync. */
int xfer_disk_open(struct xfer *xfer);
int xfer_disk_open_part(struct xfer *xfer);
/* Empties the part; the kept bytes are gone for the caller too. */
void xfer_disk_restart(struct xfer *xfer);
void xfer_disk_checkpoint(struct xfer *xfer);
/* Now and then, while bytes come: the disk begins before the sync does. */
void xfer_disk_write_out(struct xfer *xfer);
/* Asks for what still has to be durable before DONE; false: nothing. */
bool xfer_disk_settle(struct xfer *xfer);
/* After DONE of a download that went well: SYNCED follows. */
void xfer_disk_sync(struct xfer *xfer);

/* xfer-upload.c */
/* From spec. 0 or -ENOMEM. */
int xfer_upload_init(struct xfer *xfer);
void xfer_upload_done(struct xfer *xfer);
/* The request goes to the upload resource. */
bool xfer_upload_is_apart(const struct xfer *xfer);
/* Makes the present request that of the leg. 0 or -errno. */
int xfer_upload_aim(struct xfer *xfer, enum upload_leg leg);
/* A request to the resource has ended: when it was to be dropped, so does the attempt. */
void xfer_upload_on_end(struct xfer *xfer);
/* True when a DELETE of the upload's resource is to follow the DONE that was posted. */
bool xfer_upload_give_back(struct xfer *xfer);
/* There is no upload resource any more; the caller is told. */
void xfer_upload_forget(struct xfer *xfer);
/* In the header callback: an interim answer has ended. */
void xfer_upload_on_interim(struct xfer *xfer);
/* In the header callback: true when the final head is dealt with, false: it is the upload's answer. */
bool xfer_upload_judge(struct xfer *xfer);

/* xfer-time.c */
/* How many bytes the limits allow now; upload: which of the two. */
uint64_t xfer_time_room_bytes(struct xfer *xfer, uint64_t now_us);
void xfer_time_take(struct xfer *xfer, uint64_t bytes);
bool xfer_time_is_limited(const struct xfer *xfer);

#endif
