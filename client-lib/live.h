/* SPDX-License-Identifier: MIT */
/*
 * Live sessions inside the library: what shared, default and ephemeral sessions do otherwise than background ones.
 *
 * The library knows all there is to know of such a session: its tasks, their order, which were never resumed. So lists,
 * numbers, nesting of suspensions and the order of the end are made here; transferd is told of a task when it is resumed
 * for the first time, and only LIVE_SENT_MAX of a session at once, the most urgent first.
 *
 *   NEW        nothing was sent; the first COMMAND_CREATE makes it OPENING
 *   OPENING    OpenSession is on its way (it attaches as well); commands wait
 *   ATTACHED   commands and events go as in background sessions
 *   LOST       transferd went away: live_lost() ends the tasks that it knew with -997; back to NEW
 *
 * A task's way: TASK_STAGE_NEW (here only) -> SENT -> LIVE -> ENDED, as in background sessions; one that a loader here answers
 * (load.h) goes from NEW to LIVE without transferd. Lock and threads as in client.h.
 *
 *   live.c            open, lost, finish, invalidate, what is sent next
 *   live-wait.c       what waits to be sent
 *   live-row.c        what transferd is told of a session and its tasks
 *   live-event.c      events of transferd: unfolds, keeps the order per task while a pipe is read
 *   segment.c         bodies: inline, whole files, pipes
 *   load*.c           loaders: custom protocols, data:, file:
 *   cache-load.c      answers that are kept: used, asked about, gathered (the rules: cache-rules.c; where: cache.c)
 *   meter.c           progress objects
 *   fetch.c           calls that wait
 *   body.c            bodies of requests: what becomes a memfd, a descriptor, a socket that is fed
 */
#ifndef CLIENT_LIB_LIVE_H
#define CLIENT_LIB_LIVE_H

#include <stdbool.h>
#include <stddef.h>

#include <transfer/body.h>
#include <transfer/session.h>

#include "client-lib/configuration.h"
#include "client-lib/session.h"

struct delivery;
struct ipc_event;
struct ipc_manager_open_session_in;
struct ipc_request;
struct ipc_signal;
struct arena;
struct command;

#define LIVE_SENT_MAX 1000 /* tasks of a session that transferd has at once */
#define LIVE_SENT_AGAIN \
	750 /* ... and when it gets more, many in one call, without having to wait */
#define LIVE_ACK_BYTES \
	(512u * 1024) /* acknowledged sooner than by half a window when so much of bodies was delivered */

static inline bool live_is(const transfer_session *session)
{
	return session->config->kind != TRANSFER_SESSION_BACKGROUND;
}

/* ---- live.c; all with the client's lock held unless said otherwise ---- */
/* Without the lock. 0 or -errno; never talks to anybody. */
int live_session_new(transfer_session **ret_session, transfer_client *client,
	const transfer_config *config, const struct transfer_owner *owner,
	transfer_error **ret_error);
/* What is due on the bus; I/O context. */
void live_pump(transfer_session *session);
/* OpenSession has its answer: 0, IPC_E_… or -errno. */
void live_opened(transfer_session *session, int r, const char *text, struct ipc_path path);
/* It could not be opened: what waits ends with error (taken), or with "disconnected" where that is NULL. */
void live_unopened(transfer_session *session, transfer_error *error);
/* Made: it has a number and is on the list of the session, without a reference until it is resumed. */
void live_add(transfer_session *session, transfer_task *task);
/* The same for a task that runs already: with a reference. */
void live_link(transfer_session *session, transfer_task *task);
void live_resume(transfer_session *session, transfer_task *task);
void live_suspend(transfer_session *session, transfer_task *task);
void live_cancel(transfer_session *session, transfer_task *task);
void live_cancel_resumable(transfer_session *session, struct command *command_take);
/* Its priority changed while it waits. */
void live_reorder(transfer_session *session, transfer_task *task);
/* The end was told, or goes to the line now; another one goes on in its place: nothing more of it is told. */
void live_ended(transfer_session *session, transfer_task *task);
void live_replaced(transfer_session *session, transfer_task *task);
/* CreateTasks was refused because there is no room: its tasks wait here. */
void live_refused(transfer_session *session);
/* The most urgent one becomes SENT; NULL: none, or no room. */
transfer_task *live_take_next(transfer_session *session);
/* A CreateTasks with many failed: each goes alone. Also of a loader that has no answer after all. */
void live_put_back(transfer_session *session, transfer_task *task);
/* What transferd had of it is over and nobody was told: it is as if it had never been sent. */
void live_take_back(transfer_session *session, transfer_task *task);
/*
 * transferd, or the bus, went away, or what it told cannot be read and cannot be had again: the tasks that it knew end. When
 * it is still there it drops the session.
 */
void live_lost(transfer_session *session);
/* The bus went away, and with it the session: what needs no transferd, and what was never resumed, ends, too. */
void live_end_rest(transfer_session *session);
/* Without memory for what the task needs next: it ends with its refusal, or with ENOMEM. */
void live_fail(transfer_session *session, transfer_task *task);
void live_finish(transfer_session *session);
void live_invalidate(transfer_session *session);
/* Tells did_become_invalid when it is owed and nothing is left. */
void live_check_end(transfer_session *session);
/* did_become_invalid is the last of all. False: something is before it, and delivery (taken) comes later. */
bool live_may_end(transfer_session *session, struct delivery *delivery);
/* No handle is left: nobody is told of what ends now. */
void live_drop(transfer_session *session);
/* The last reference to a task that was never resumed is gone: true, it lives on until its end was told. Takes the lock. */
bool live_abandoned(transfer_task *task);
/* Answers of transfer_session_get_tasks() and …_get_task_lists(): delivery is filled and given to the line. */
void live_list_take(transfer_session *session, struct delivery *answer);
/* A resumed task could be sent now. */
bool live_has_to_send(const transfer_session *session);
bool live_is_ack_due(const transfer_session *session);
/* A callback of a live session has returned. */
void live_delivered(transfer_session *session, const struct delivery *delivery);

/* ---- live-wait.c; with the lock held ---- */
int live_wait_add(transfer_session *session, transfer_task *task); /* 0 or -ENOMEM */
void live_wait_remove(transfer_session *session, transfer_task *task);

/* ---- live-row.c: what transferd is told; with the lock held ---- */
/* The open call's options: window, batch, implements. 0 or -ENOMEM. */
int live_fill_open(
	transfer_session *session, struct arena *arena, struct ipc_manager_open_session_in *in);
/* A row of CreateTasks; descriptors in it are the caller's to close after sending. 0 or -errno. */
int live_fill_request(transfer_task *task, struct arena *arena, struct ipc_request *row);
/* What the delegate gave for a body, as the descriptor of an answer; not a reader. 0 or -errno. Without the lock. */
int live_open_body(const transfer_body *body, struct command *answer);

/* ---- live-event.c ---- */
/* An Events signal of a live session; I/O context, with the lock held. */
void live_take_in(transfer_session *session, struct ipc_signal *signal,
	const struct ipc_event *events, size_t n);
/* What transferd told last of it is here, behind a body that is still read. */
bool live_has_end(const transfer_task *task);
/* What was held behind a body goes on. */
void live_go_on(transfer_session *session, transfer_task *task);
/*
 * One thing that happened to a task, whoever says so (transferd or a loader): updates the task, and hands it to the line, to
 * the task's handler, to a reader, or keeps it (handler and whole-body tasks gather). delivery: taken.
 */
void live_tell(transfer_session *session, transfer_task *task, struct delivery *delivery_take);
/* -999, with the URL of the task. */
transfer_error *live_cancelled_error(const transfer_task *task);

#endif
