/* SPDX-License-Identifier: MIT */
/* Bodies of requests inside the library: where bytes come from that are sent. */
#ifndef CLIENT_LIB_BODY_H
#define CLIENT_LIB_BODY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <transfer/body.h>
#include <transfer/delegate.h>

#include "client-lib/litter.h"
#include "client-lib/ref.h"

struct body_feed;

enum body_kind { BODY_DATA, BODY_FILE, BODY_FD, BODY_READER };

struct transfer_body {
	struct litter litter;
	struct ref ref;
	enum body_kind kind;
	transfer_data *data;
	char *path;
	int fd; /* FD: ours */
	bool is_device; /* FD: a terminal or the like, which cannot be handed over */
	int64_t length; /* FD, READER */
	transfer_body_reader reader;
	transfer_destroy destroy;
	void *userdata;
	unsigned int n_forks; /* when it was made */
	pthread_mutex_t lock;
	struct body_feed *feed; /* under lock; not counted: the feed takes itself out */
};

/* It was made before this process was forked: its lock is not to be had. */
bool body_is_forked(const transfer_body *body);
/* Read by this program while it is sent: body_pump_start() instead of body_open(). */
bool body_is_pumped(const transfer_body *body);
/* TRANSFER_SIZE_UNKNOWN: a file, or what has no end yet. */
int64_t body_length(const transfer_body *body);

/* ---- body-send.c ---- */

#define BODY_INLINE_BYTES (64u * 1024) /* more than these travel as a file */

/* What transferd gets. */
struct body_sent {
	const void *bytes; /* fd -1: they ride in the row, borrowed from the body */
	size_t n_bytes;
	int fd; /* the caller's to close */
	bool is_stream; /* read once, as it comes; else a file that is whole */
	int64_t length; /* of a stream */
};
/*
 * A body of bytes, of a file or of a descriptor on its way. A file that cannot be opened or is none is the errno of
 * open(), -EISDIR or -EINVAL. 0 or -errno; a reader has body_feed_new().
 */
int body_open(const transfer_body *body, struct body_sent *ret_sent);

/* ---- body-feed.c ---- */

/*
 * A reader, or a device in the place of one, whose bytes go into a socket of packets; the first byte of each packet says what it is (engine/inlet.h has
 * the other end): so a program that dies never leaves a cut body that looks whole. Counted.
 */

enum body_feed_state {
	BODY_FEED_AGAIN, /* there may be more, and room; others have their turn */
	BODY_FEED_FULL, /* wait until body_feed_fd() is writable */
	BODY_FEED_EMPTY, /* wait for transfer_body_more(), or until body_feed_source_fd() is readable */
	BODY_FEED_OVER, /* the end was sent, the reader failed, or nobody reads */
};

/*
 * on_more: called by transfer_body_more(), in any thread, until body_feed_stop(), but a call that runs then.
 * destroy: called with userdata after the last unref, not when this fails; may be NULL. 0 or -errno.
 */
int body_feed_new(transfer_body *body, void (*on_more)(void *userdata), void *userdata,
	transfer_destroy destroy, struct body_feed **ret_feed);
struct body_feed *body_feed_ref(struct body_feed *feed);
void body_feed_unref(struct body_feed *feed);
/* The end that transferd gets; kept here, too, because a request may have to be sent again. */
int body_feed_peer_fd(const struct body_feed *feed);
int body_feed_fd(const struct body_feed *feed);
int body_feed_source_fd(const struct body_feed *feed); /* a device; -1: a reader */
/* Asks the reader, at most for BODY_FEED_BURST bytes. One thread at a time. */
enum body_feed_state body_feed_run(struct body_feed *feed);
/* Nobody wants the rest: the reader is not called any more, but for a call that runs. Any thread. */
void body_feed_stop(struct body_feed *feed);

/* ---- body-pump.c; with the client's lock held unless said otherwise ---- */

struct body_pump; /* of a task */
struct delivery;

/* The reader begins to work for the task; what worked before is stopped. 0 or -errno. */
int body_pump_start(transfer_task *task, transfer_body *body, struct body_sent *ret_sent);
void body_pump_stop(transfer_task *task);
/* DELIVERY_BODY_PULL; without the lock. */
bool body_pump_call(const struct delivery *delivery);

#define BODY_FEED_BURST  (64u * 1024)
#define BODY_FEED_PACKET (32u * 1024)

#endif
