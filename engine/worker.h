/* SPDX-License-Identifier: MIT */
/*
 * A thread with an event_base that moves bytes for some of the attempts. It shares nothing:
 * commands come in by its mailbox, events go out by the engine's.
 */
#ifndef ENGINE_WORKER_H
#define ENGINE_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mailbox.h"

struct answer;
struct disk;
struct disk_job;
struct jar;
struct post;
struct worker;
struct xfer;

enum worker_mail_type {
	WORKER_MAIL_START, /* xfer: taken over */
	WORKER_MAIL_BEGIN, /* begun: the answer, with the lane; taken over */
	WORKER_MAIL_STOP, /* is_given_up */
	WORKER_MAIL_RECALL, /* only while it has not begun */
	WORKER_MAIL_RATE, /* rate_bps */
	WORKER_MAIL_WEIGHT,
	WORKER_MAIL_ANSWER_BODY, /* fd: taken over; length */
	WORKER_MAIL_ANSWER, /* answer: taken over */
	WORKER_MAIL_HOLD, /* is_held */
	WORKER_MAIL_LIMITS, /* download_bps, upload_bps, max_connections_per_host */
	WORKER_MAIL_DROP, /* session */
	WORKER_MAIL_COOKIES, /* cookies: taken over, of the store with its id; NULL: store jar is empty */
	WORKER_MAIL_PROGRESS_SEEN,
	WORKER_MAIL_RESUMED_SEEN,
	WORKER_MAIL_DISK, /* job: taken over; the mail belongs to the attempt again */
	WORKER_MAIL_QUIT,
};

struct worker_mail {
	struct mail mail;
	enum worker_mail_type type;
	uint64_t task;
	uint32_t attempt;
	bool is_given_up;
	bool is_held;
	struct answer *answer;
	struct xfer *xfer;
	struct post *begun;
	struct disk_job *job;
	int fd; /* ANSWER_BODY; -1: none */
	int64_t length;
	unsigned weight;
	uint64_t session;
	uint64_t jar;
	struct jar *cookies;
	uint64_t rate_bps, download_bps, upload_bps;
	unsigned max_connections_per_host;
};

struct worker_config {
	unsigned index;
	const char *user_agent, *ca_file; /* borrowed until worker_free() */
	unsigned max_connections_per_host;
	struct mailbox *events;
	struct disk *disk;
};

int worker_new(const struct worker_config *config, struct worker **ret_worker);
/*
 * Tells the thread to end: attempts are dropped without a DONE, what has arrived is written. NULL
 * is fine for all three.
 */
void worker_quit(struct worker *worker);
void worker_join(struct worker *worker);
/* After worker_quit(); answers of the disk that still come are taken until then. */
void worker_free(struct worker *worker);
/*
 * On the worker's thread: an event for the caller, and a job for the disk that goes after all events
 * told so far. Both leave at the end of this turn of the loop, so that one wake-up does for all.
 */
void worker_tell_take(struct worker *worker, struct mail *event);
void worker_ask_take(struct worker *worker, struct disk_job *job);
/* A descriptor of an attempt in the worker's loop, level-triggered. */
struct worker_watch;
typedef void (*worker_watch_fn)(struct xfer *xfer);
/* NULL: no memory. After fn the worker looks whether the attempt has ended. */
struct worker_watch *worker_watch_new(
	struct worker *worker, struct xfer *xfer, int fd, bool for_writing, worker_watch_fn fn);
struct worker_watch *worker_watch_free(struct worker_watch *watch);
/* The attempt's due time has become sooner. */
void worker_due_sooner(struct worker *worker, uint64_t due_us);

/* The caller's thread: what is posted between the two wakes the worker once. */
void worker_hold(struct worker *worker);
void worker_release(struct worker *worker);
/* Any thread. Takes ownership. */
void worker_post_take(struct worker *worker, struct worker_mail *mail);

#endif
