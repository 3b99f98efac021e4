/* SPDX-License-Identifier: MIT */
/*
 * The client inside the library: the lock, the I/O context and the list of sessions.
 *
 * The I/O context is the thread transfer-io, or with TRANSFER_CLIENT_NO_THREAD whoever steps. It alone touches
 * the bus; replies and signals arrive in it without the lock. It takes the lock, changes sessions and tasks, and posts
 * work to queues when the lock has been released: client_unlock() does that.
 */
#ifndef CLIENT_LIB_CLIENT_H
#define CLIENT_LIB_CLIENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <transfer/client.h>
#include <transfer/session.h>

#include "client-lib/ref.h"

struct ipc_bus;
struct segment_pool;
struct thread;

TAILQ_HEAD(session_list, transfer_session);

/*
 * A descriptor in the client's epoll set: what its events have as data.ptr (the client's own have none). One that is over is
 * retired: an event of the step under way may still be about it, so it is freed at the end of the step.
 */
struct client_watch {
	TAILQ_ENTRY(client_watch) link; /* retired */
	/* I/O context, with the lock held. */
	void (*ready)(struct client_watch *watch); /* not called any more when it is retired */
	void (*free)(struct client_watch *watch);
	bool is_retired;
};
TAILQ_HEAD(client_watches, client_watch);

struct transfer_client {
	struct ref ref; /* handles of the application, and one of each open session */
	struct ref memory; /* of the struct; sessions have one until they are freed */
	unsigned int n_forks; /* when it was made */
	uint64_t flags;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* anything that somebody may wait for */

	struct ipc_bus *bus; /* I/O context only */
	int epoll_fd, wake_fd, timer_fd;
	atomic_bool is_woken; /* ... by wake_fd, and has not looked yet */
	struct thread *thread;
	transfer_queue *own_queue; /* NO_THREAD: of sessions without a queue */

	/* ---- under lock ---- */
	struct session_list sessions;
	struct session_list garbage; /* removed; their memory is let go without the lock */
	transfer_session *shared; /* the client's own handle; NULL: not asked for yet */
	struct segment_pool *segment_pool;
	struct client_watches retired;
	bool is_stepping; /* NO_THREAD: somebody does the I/O ... */
	pthread_t stepper; /* ... and this is who */
	bool is_stopping; /* the thread shall end */
	bool is_lost; /* the bus is gone */
	bool wants_version, has_version;
	char *version;
};

void client_memory_unref(transfer_client *client);
bool client_is_forked(const transfer_client *client);
void client_lock(transfer_client *client);
/* Posts the work of sessions that need it after releasing the lock. */
void client_unlock(transfer_client *client);
/* It is off the epoll set and will be freed. With the lock held. */
void client_retire(transfer_client *client, struct client_watch *watch);
/* Lets the I/O context look at the sessions; any thread. */
void client_wake(transfer_client *client);
/* What somebody may wait for has changed. With the lock held. */
void client_changed(transfer_client *client);
/* The bus is gone; any thread. */
bool client_is_lost(transfer_client *client);

#define CLIENT_FOREVER UINT64_MAX
uint64_t client_deadline_us(int timeout_ms);
/*
 * Waits until done(arg) is true; with the lock held, which is released in between. Does the I/O where there is no thread.
 * 0 or -ETIMEDOUT.
 */
int client_wait(transfer_client *client, bool (*done)(void *arg), void *arg, uint64_t deadline_us);

#endif
