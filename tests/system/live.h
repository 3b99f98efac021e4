/* SPDX-License-Identifier: MIT */
/*
 * An application with a session that lives in memory, for system tests: what its delegate was told, in the words of the
 * acceptance cases. Stands beside struct app of rig.h (background sessions) and on the same struct rig. Everything fails
 * the test by itself. A test program that includes this has "live.c" among its sources.
 *
 * What was told of a task is a line such as "created redir:302 resp:200 data:5 done:0". The words:
 *	created redir:STATUS chal:FAILURES info:STATUS body? waiting resp:STATUS data:BYTES became file resumed:OFFSET cache?
 *	done:CODE
 *	handler:CODE:STATUS:BYTES	of a data or upload task; a download says file before it
 * Pieces of data that follow each other are one word. Progress and metrics are left out. What holds for each task is
 * checked at each event: created comes first, nothing comes after the end, one at a time, sums are right and in the end the whole, and
 * a good end has metrics before it.
 */
#ifndef TESTS_SYSTEM_LIVE_H
#define TESTS_SYSTEM_LIVE_H

#include "tests/system/rig.h"

struct live_app;

struct live_app_config {
	enum transfer_session_kind kind; /* 0: DEFAULT */
	const char *base; /* NULL: the origin's */
	bool secure; /* plain http is not allowed */
	bool discards; /* data is counted and not kept */
	void (*tune)(transfer_config *config); /* NULL: nothing */
	/* What the delegate has; of an answer function that is NULL the member is left out, so that its default holds. */
	void (*on_redirect)(transfer_task *task, const transfer_request *request,
		transfer_redirect *answer, void *user);
	void (*on_response)(transfer_task *task, const transfer_response *response,
		transfer_disposition *answer, void *user);
	void (*on_challenge)(transfer_task *task, transfer_challenge *challenge, void *user);
	void (*on_need_body)(transfer_task *task, transfer_body_request *answer, void *user);
	void (*on_metrics)(const struct transfer_metrics *metrics); /* NULL: nothing */
	/* in every callback, after it was written down; task NULL: about the session */
	void (*on_event)(struct live_app *app, transfer_task *task, const char *what, void *user);
	bool unasked; /* the delegate has no data_did_receive_response: no resp: word */
	bool caches; /* the shared cache, or an ephemeral session its own */
	bool no_delegate;
	/* the delegate's data_will_cache_response, written down as cache? */
	transfer_cached_response *(*on_will_cache)(
		transfer_task *task, const transfer_cached_response *proposed, void *user);
	transfer_queue *queue; /* NULL: the session's own */
	void *user;
};

struct live_app *live_open(struct rig *rig, const struct live_app_config *config);
struct live_app *live_close(struct live_app *app); /* drops session and client */
transfer_session *live_session(struct live_app *app);
transfer_client *live_client(struct live_app *app);
/* A request for BASE + TARGET (or an absolute URL); method NULL: not set. */
transfer_request *live_request(struct live_app *app, const char *method, const char *target);
/* Make and resume; borrowed: they live as long as the app. */
transfer_task *live_data(struct live_app *app, transfer_request *request_take);
transfer_task *live_download(struct live_app *app, transfer_request *request_take);
transfer_task *live_upload(
	struct live_app *app, transfer_request *request_take, const void *bytes, size_t n_bytes);
/* with a handler */
transfer_task *live_handled(struct live_app *app, transfer_request *request_take);
transfer_task *live_handled_download(struct live_app *app, transfer_request *request_take);
/* takes over a task that the test made: events of it can be asked for */
transfer_task *live_keep(struct live_app *app, transfer_task *task_take);
/* Waits for the end: error code, 0: none. */
int live_wait(struct live_app *app, const transfer_task *task);
/* Waits until the word (or what stands before its colon), "sent" or "wrote" was told N times. */
void live_wait_event(struct live_app *app, const transfer_task *task, const char *what, unsigned n);
void live_wait_invalid(struct live_app *app);
/* Waits until so many bytes of data were told. */
void live_wait_bytes(struct live_app *app, const transfer_task *task, size_t n_bytes);

/* The string is the app's until the next one is asked for. */
const char *live_events(struct live_app *app, const transfer_task *task);
const char *live_session_events(struct live_app *app); /* "inval" */
/* all data, a zero behind it; of a handler its body */
const char *live_body(struct live_app *app, const transfer_task *task, size_t *ret_size_bytes);
/* where the callback moved the file to; NULL: there was none */
const char *live_file(struct live_app *app, const transfer_task *task);
/* how many calls brought data, and the largest */
unsigned live_pieces(struct live_app *app, const transfer_task *task, size_t *ret_largest_bytes);
/* the task that took its place; NULL: none */
transfer_task *live_download_of(struct live_app *app, const transfer_task *task);
int live_status(const transfer_task *task);
/* Waits for the end; then this is all that was told. */
void live_check(struct live_app *app, const transfer_task *task, const char *want);

/* open descriptors of a kind ("pipe:", "socket:", "" for all); PID 0: of this process */
unsigned live_n_fds(pid_t pid, const char *kind);

#endif
