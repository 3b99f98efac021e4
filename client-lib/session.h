/* SPDX-License-Identifier: MIT */
/*
 * A session inside the library. Two counts: `ref` are the handles of the application, of which the last one closes the
 * session; `memory` keeps the struct for its tasks, its work and the calls under way. Everything below "under lock"
 * is guarded by the client's lock; the wire part is touched by the I/O context only, with the lock held too.
 */
#ifndef CLIENT_LIB_SESSION_H
#define CLIENT_LIB_SESSION_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <transfer/cache.h>
#include <transfer/credential-store.h>
#include <transfer/session.h>

#include "client-lib/answer.h"
#include "client-lib/command.h"
#include "client-lib/delivery.h"
#include "client-lib/queue.h"
#include "client-lib/ref.h"
#include "client-lib/token.h"
#include "ipc/types.h"

/* Unknown tasks whose rows are read in one call: as many as a snapshot has; a window of events cannot be about more. */
#define SESSION_MAX_FETCH 1000

enum session_phase {
	SESSION_NEW, /* nothing sent yet */
	SESSION_OPENING, /* OpenSession is on its way */
	SESSION_ATTACHING, /* Attach is on its way */
	SESSION_ATTACHED,
	SESSION_LOST, /* transferd went away; opened again at retry_us */
	SESSION_DETACHING, /* closing: Detach is on its way */
	SESSION_GONE, /* not on the client's list any more */
};

TAILQ_HEAD(live_tasks, transfer_task);

struct transfer_session {
	struct ref ref;
	struct ref memory;
	transfer_client *client; /* memory reference */
	TAILQ_ENTRY(transfer_session) link;
	struct transfer_config *config;
	struct transfer_session_delegate delegate;
	void *userdata;
	transfer_queue *queue;
	transfer_credential_store
		*credentials; /* a reference; NULL: none, or a background session */
	transfer_cache *cache; /* the same */

	/* ---- under lock ---- */
	transfer_destroy destroy; /* of userdata; NULL: none, or it was called */
	enum session_phase phase;
	bool is_reassociated;
	bool is_closing; /* no handle is left */
	bool is_dead; /* nothing is queued any more: invalidated, or failed to open */
	bool is_opened; /* the first open has ended, well or not */
	int open_result;
	transfer_error *open_error;
	transfer_task *tasks; /* not ended, by id (uthash); one reference each */
	struct command_list commands;
	struct known_questions questions; /* told, and not answered */
	/* callbacks */
	struct transfer_work work;
	struct delivery_line line;
	bool is_posted; /* the work is in the queue or running */
	bool needs_post; /* to be posted when the lock is released */
	uint64_t post_due_us; /* there was no thread for it: once more then; 0: there was */
	bool is_running; /* a callback runs, in runner */
	pthread_t runner;
	uint64_t done_seq; /* newest event whose callback has returned */

	bool asks_cookies; /* a command about them may wait */

	/* ---- wire ---- */
	struct ipc_path path;
	char owner[64]; /* unique name of the transferd it is attached to */
	struct command_list flight; /* commands of the call under way, or to be repeated */
	bool is_in_flight; /* ... and its reply has not come */
	char flight_token[TOKEN_BYTES];
	bool flight_starts;
	unsigned int n_flight_tries;
	uint64_t acked_seq, acking_seq;
	bool is_acking;
	uint64_t last_seen_seq;
	struct delivery_line inbox; /* events whose task is not known yet, and all behind them */
	struct delivery_line answers; /* to transfer_session_get_tasks(), until is_drained */
	bool is_fetching; /* ListTasks for them is on its way */
	uint64_t fetched_ids[SESSION_MAX_FETCH]; /* what it asks for */
	size_t n_fetched_ids;
	unsigned int n_attached; /* how often */
	bool is_drained; /* did_finish_background_events was told: once per process */
	unsigned int n_failures; /* to open, in a row */
	uint64_t retry_us; /* LOST, or is_refused */
	struct command *spare; /* for a verb that has no memory */

	/* ---- live sessions only, under lock ---- */
	uint64_t n_numbers; /* last number of a task that was given */
	struct live_tasks live_tasks; /* not ended, in order of making */
	transfer_task **waiting; /* heap: resumed and not sent, the most urgent first */
	size_t n_waiting, waiting_room;
	size_t n_sent; /* of those that have not ended */
	bool is_refused; /* transferd gets no more until retry_us, or LIVE_SENT_AGAIN are left */
	size_t create_max; /* tasks of the next CreateTasks: one with more was refused; 0: as many as may be */
	bool takes_no_file; /* transferd does not know CreateTasksFile */
	bool sent_create; /* the last call made tasks: others have their turn */
	bool is_finishing; /* did_become_invalid is owed */
	unsigned int n_making; /* task_did_create runs: the end waits for it */
	bool is_end_queued; /* ... and in the line */
	struct delivery *last; /* did_become_invalid, until it goes to the line: it must not fail */
	bool wants_ack; /* a file was handed over */
	size_t unacked_bytes; /* of bodies that were delivered */
	char *description;
};

static inline transfer_session *session_of_work(struct transfer_work *work)
{
	return (transfer_session *)(void *)((char *)work - offsetof(struct transfer_session, work));
}

void session_memory_ref(transfer_session *session);
void session_memory_unref(transfer_session *session);

/*
 * Nobody is told any more: userdata goes to the owner's destroy, once, and a store of its own is emptied, though handles of tasks
 * keep the session. Without the lock; not while a callback runs, but for the one that this is called in.
 */
void session_over(transfer_session *session);
/* A session of this client that is not on its list yet; NULL: out of memory. owner: may be NULL. */
transfer_session *session_alloc(
	transfer_client *client, const transfer_config *config, const struct transfer_owner *owner);

/* All with the client's lock held. */
transfer_task *session_find_task(transfer_session *session, uint64_t id);
int session_add_task(transfer_session *session, transfer_task *task); /* 0 or -ENOMEM */
void session_remove_task(transfer_session *session, transfer_task *task);
/* Ends a task here and now with an error (taken) that transferd will not tell. */
void session_complete_locally(
	transfer_session *session, transfer_task *task, transfer_error *error);
/* Ends the session: what was asked fails, then comes last (did_become_invalid; taken, may be NULL), then nothing. */
void session_end_take(transfer_session *session, struct delivery *last);
/* The same with a did_become_invalid made here; error: taken, may be NULL. */
void session_die(transfer_session *session, transfer_error *error);
/* Off the client's list; drops commands, tasks and what was not delivered. */
void session_remove(transfer_session *session);

#endif
