/* SPDX-License-Identifier: MIT */
/*
 * Loaders: tasks that the library answers without transferd. Custom protocols, and two that are built in and use the
 * same door: data: and file:. A load is made with its task; its protocol's functions run as deliveries of the session,
 * and what it says goes through live_tell(), in its order, not before an open question was answered and not while the
 * task is suspended. The first terminal word counts, whatever comes after it.
 */
#ifndef CLIENT_LIB_LOAD_H
#define CLIENT_LIB_LOAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <transfer/protocol.h>
#include <transfer/session.h>

#include "client-lib/delivery.h"
#include "client-lib/ref.h"

struct command;

/* What waits for the delegate before transfer_load_is_wanted() says no. */
#define LOAD_WAITING_MAX_BYTES (1024u * 1024)
#define LOAD_REDIRECTS_MAX     16

/* Classes of one configuration, or of the process. */
struct load_classes {
	struct transfer_protocol *items;
	size_t n;
};
int load_classes_add(struct load_classes *classes, const struct transfer_protocol *protocol);
int load_classes_copy(struct load_classes *to, const struct load_classes *from);
void load_classes_done(struct load_classes *classes);

struct transfer_load {
	struct ref ref;
	struct transfer_protocol protocol; /* size 0: not chosen yet, after a redirect */
	transfer_request *request; /* as the class wants it, or where it was led */
	transfer_request *asked; /* the task's: says where a download goes */
	transfer_session *session; /* memory reference */
	void *context;
	/* of deliveries that have not been made, and of what a reader has not read */
	atomic_size_t waiting_bytes;

	/* ---- under the client's lock ---- */
	transfer_task *task; /* a reference from its beginning until it has ended or was stopped */
	bool was_started;
	bool has_response;
	int64_t expected_bytes; /* as it says */
	int sink_errno; /* what was given could not be written */
	bool is_over; /* a terminal word was said */
	/* for its metrics */
	uint64_t started_wall_usec, response_wall_usec, given_bytes;
	int status; /* 0: none */
	bool awaits; /* the delegate has a question */
	bool is_parked; /* a built-in one goes on when nothing holds it up, and the reader has read */
	struct delivery_line held;
	bool stays; /* a refused redirect is the result of a download: it needs its file */
	transfer_request *proposed; /* of a redirect */
	transfer_response *redirect;

	/* ---- of a download: its file; under sink_lock ---- */
	pthread_mutex_t sink_lock;
	int sink_fd;
	char *sink_path; /* removed when it was told */
	int64_t n_written;

	/* ---- what is sent: of the task as it was made, then of the class ---- */
	transfer_body *body; /* NULL: none, or the file that body_fd is */
	int body_fd; /* a file or a stream that is open */
	int64_t body_offset;
	bool is_body_over;

	/* ---- of a built-in one ---- */
	void (*more)(transfer_load *load);
	int source_fd;
};

/* ---- load-find.c ---- */

/*
 * The class that takes the request: the last of the configuration's (in the shared session: of the registered ones),
 * then the built-in ones. False: transferd's. Without the lock: runs can_init of the application.
 */
bool load_find(const transfer_session *session, const transfer_request *request,
	struct transfer_protocol *ret_protocol);
/* Is the scheme one that transferd speaks in such sessions, or none at all, which it will say better? */
bool load_is_for_transferd(const char *url);

/* ---- load.c ---- */

/*
 * A task of a live session was made: finds who answers it. NULL: a loader (task->load) or transferd; else why nobody
 * does. Without the lock.
 */
transfer_error *load_prepare(transfer_task *task);
/* The rest with the lock held. A load of its own for a task that was made for transferd; 0 or -ENOMEM. */
int load_make(transfer_task *task, const struct transfer_protocol *protocol);
/* Resumed for the first time, or it goes on as this; 0 or -ENOMEM. */
int load_begin(transfer_task *task);
/* It has no answer after all: transferd's turn, and what it has said and was not told is gone. load: it has a task. */
void load_give_up(transfer_load *load);
/* Ended, cancelled, or its session was: nothing of it is told any more. */
void load_stop(transfer_task *task);
/* What held it up has gone: the task was resumed. */
void load_go_on(transfer_task *task);
/* A question of the loader is open. */
bool load_awaits(const transfer_task *task);
/* Its answer: COMMAND_ANSWER_REDIRECT or COMMAND_ANSWER_RESPONSES. */
void load_answer_take(transfer_task *task, struct command *command);
/* A built-in one goes on behind what was told so far. */
void load_continue(transfer_load *load);

/* A delivery of a loader: true, a function of a class ran. Without the lock. */
bool load_call(const struct delivery *delivery);
/* What was said is gone: its bytes (NULL: it had none) wait no more. Any thread; load: taken. */
void load_let_go(transfer_load *load_take, const transfer_data *data);
/* The same of what a reader has read, which a built-in one may wait for. Without the lock. */
void load_was_read(transfer_load *load_take, const transfer_data *data);

/* 0 or -ESTALE: nobody listens. With the lock held. */
int load_check(const transfer_load *load);

/* load-metrics.c: of a load that ends; NULL: not wanted, or no memory for them. With the lock held. */
struct delivery *load_metrics_new(const transfer_load *load);

/* ---- load-request.c: what is sent ---- */

/* What a request that is led to has; 0 or -ENOMEM. */
int load_body_set(transfer_load *load, const transfer_request *request);
/* What a task was made with: its body, or its file, which is taken. 0 or -errno. */
int load_body_take_from(transfer_load *load, transfer_task *task);
/* What the delegate gave; NULL: nothing. */
void load_body_answer(transfer_load *load, const transfer_body *body);
void load_body_done(transfer_load *load);

/* ---- load-sink.c: downloads; without the client's lock ---- */

/* 0 or -errno. */
int load_sink_write(transfer_load *load, const transfer_data *data);
/* The whole file, open for reading from its beginning, at its destination if it has one; made even if empty. 0 or -errno. */
int load_sink_finish(transfer_load *load, char **ret_path, int *ret_fd);
/* The delegate has had it: what was not renamed is gone. */
void load_sink_remove(transfer_load *load);
void load_sink_done(transfer_load *load);

extern const struct transfer_protocol load_data_protocol, load_file_protocol;

#endif
