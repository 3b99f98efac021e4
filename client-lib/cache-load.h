/* SPDX-License-Identifier: MIT */
/*
 * What a task has to do with the cache of its session: a data task with GET, over http or https. Looked for when it is resumed
 * first; what is found and good makes the task the load of a class that is built in (load.h), and so does a 304 to what is sent to
 * ask whether it still is, which nobody is told of. Any other answer is gathered on its way to the delegate, and kept at its end.
 *
 * All with the client's lock held unless said otherwise.
 */
#ifndef CLIENT_LIB_CACHE_LOAD_H
#define CLIENT_LIB_CACHE_LOAD_H

#include <stdbool.h>

#include <transfer/session.h>

struct arena;
struct delivery;
struct ipc_request;
struct task_cache;

/* What is smaller, and does not say how long it is good, gets no file: to ask for it costs as much as to fetch it. */
#define CACHE_LOAD_FILE_BYTES (16u * 1024)

/* Resumed for the first time. It has a load then, or is for transferd (NULL), or must not be loaded at all. */
transfer_error *cache_load_begin(transfer_task *task);
/* What transferd is told of it says what is asked, too. 0 or -ENOMEM. */
int cache_load_fill(transfer_task *task, struct arena *arena, struct ipc_request *row);
/* What is ours is no part of what the delegate is asked about, and does not go to another URL. 0 or -ENOMEM. */
int cache_load_strip(const transfer_task *task, transfer_request *proposed);
/* The delegate has put another request in the place of this one: its answer is not known by the first one's URL and fields. */
void cache_load_leave(transfer_task *task);

/*
 * What is used is to become a download, which is none of a cache's: it is fetched, and becomes one without asking again. False:
 * it is another load.
 */
bool cache_load_become_download(transfer_task *task);

enum cache_take {
	CACHE_TELL, /* it goes its way */
	CACHE_SWALLOW, /* nobody is told */
	CACHE_HOLD, /* taken: it is told later, or not */
};
/* Something has happened to a task that has to do with a cache, and is not told yet. */
enum cache_take cache_load_take_in(transfer_task *task, struct delivery *delivery);
/* A task has ended: what it has done to its URL may have changed what others were answered there. */
void cache_load_invalidate(const transfer_task *task);
/* What transferd measured before the load of this task began; NULL: nothing. The caller's. */
struct delivery *cache_load_take_metrics(transfer_task *task);

/* DELIVERY_WILL_CACHE: asks, and keeps what is said. True: the delegate was called. Without the lock. */
bool cache_load_ask(transfer_session *session, const struct delivery *delivery);
/* With or without the lock. NULL: nothing happens. */
void cache_load_free(struct task_cache *cache);

#endif
