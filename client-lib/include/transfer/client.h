/* SPDX-License-Identifier: MIT */
/*
 * The connection to transferd and the queues on which callbacks run.
 *
 * A client has one I/O thread (or none, see TRANSFER_CLIENT_NO_THREAD) that never runs code of the application.
 * Callbacks run on the queue given to the session: one of the library's threads, a descriptor and a dispatch call in the
 * program's own loop, or whatever an executor hands work to.
 *
 * After fork() the objects are dead in the child, whatever other threads were doing: calls that would talk to transferd,
 * wait or run callbacks return -ECHILD there at once, those without a result do nothing to the parent's tasks, and the last
 * unref leaves the memory. A child makes a client and queues of its own, unless another thread was using the bus at
 * the fork: then transfer_client_new() and transfer_manager_new() return -ECHILD until exec. A callback that forks ends its child, or has it
 * call exec.
 */
#ifndef TRANSFER_CLIENT_H
#define TRANSFER_CLIENT_H

#include <transfer/object.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * transfer_client - a connection to transferd
 *
 * The last transfer_client_unref() waits until everything asked for has been answered, so that tasks created right
 * before the end of a program are safe with transferd; at most 10 seconds. Sessions keep their client alive.
 *
 * Returns:  transfer_client_ref: its argument; transfer_client_unref: nothing
 * Blocks:   the last unref, see above
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_OBJECT(transfer_client);

/**
 * transfer_queue - where callbacks run
 *
 * Returns:  transfer_queue_ref: its argument; transfer_queue_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.delegateQueue
 */
TRANSFER_OBJECT(transfer_queue);

/* Flags of transfer_client_new() and transfer_manager_new(). */
enum {
	TRANSFER_CLIENT_SYSTEM = 1 << 0, /* the service of the machine instead of the user's */
	/* no thread is started: the program calls transfer_client_dispatch() */
	TRANSFER_CLIENT_NO_THREAD = 1 << 1,
	/*
	 * fail with TRANSFER_BUS_ERROR_NOT_RUNNING instead of starting transferd: the opening of a background session, and
	 * tasks, flush and reset of the others. A background session that is open waits until transferd is there again
	 */
	TRANSFER_CLIENT_NO_AUTOSTART = 1 << 2,
};

/**
 * transfer_client_new - connect to the bus
 *
 * @ret_client: the client; untouched on failure
 * @flags:      TRANSFER_CLIENT_*
 * @ret_error:  why it failed; NULL: not wanted
 *
 * transferd itself is started when it is first needed. With TRANSFER_CLIENT_NO_THREAD, calls that wait do the I/O
 * themselves, and callbacks of sessions without a queue run inside transfer_client_dispatch().
 *
 * Returns:  0, or
 *           -EINVAL        unknown flags
 *           -ECONNREFUSED  TRANSFER_BUS_ERROR_UNREACHABLE: no bus
 *           -ECHILD        the process was forked while another thread used the bus
 *           -ENOMEM        out of memory
 * Blocks:   for the handshake with the bus
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_client_new(
	transfer_client **ret_client, uint64_t flags, transfer_error **ret_error);

/**
 * transfer_client_get_fd - descriptor that is readable when transfer_client_dispatch() has something to do
 *
 * @client: the client; borrowed
 *
 * Returns:  the descriptor (the client keeps it; wait for POLLIN), or
 *           -EOPNOTSUPP  the client has a thread
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_client_get_fd(transfer_client *client);

/**
 * transfer_client_dispatch - do the I/O that is due and run the callbacks of sessions without a queue
 *
 * @client:     the client; borrowed
 * @timeout_ms: how long to wait for something to do; 0: not at all; -1: no limit
 *
 * Returns:  number of callbacks that ran, 0 included; or
 *           -EOPNOTSUPP  the client has a thread
 *           -ECHILD      the process was forked after the client was made
 *           -EDEADLK     called from inside a callback that it runs
 * Blocks:   up to the timeout
 * Thread:   one at a time
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_client_dispatch(transfer_client *client, int timeout_ms);

/**
 * transfer_client_flush - wait until everything asked for so far has been answered
 *
 * @client:     the client; borrowed
 * @timeout_ms: how long to wait; -1: no limit
 *
 * After that, created tasks have their identifiers and are durable in transferd.
 *
 * Returns:  0, or
 *           -ETIMEDOUT  something is still unanswered
 *           -ECHILD     the process was forked after the client was made
 * Blocks:   up to the timeout
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_client_flush(transfer_client *client, int timeout_ms);

/**
 * transfer_client_copy_daemon_version - version of the running transferd
 *
 * @client: the client; borrowed
 *
 * Returns:  the version, to be freed with free(); NULL: transferd cannot be reached, or out of memory
 * Blocks:   for one answer, at most 25 seconds
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.Version
 */
TRANSFER_PUBLIC char *transfer_client_copy_daemon_version(transfer_client *client);

/* ---- queues ---- */

/**
 * transfer_queue_new_serial - a queue with a thread of its own
 *
 * @label: name of the thread (15 bytes are shown); NULL: "transfer-queue"
 *
 * The thread ends after the last unref, when what was queued has run.
 *
 * Returns:  the queue, or NULL: out of memory or threads
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSOperationQueue with maxConcurrentOperationCount 1
 */
TRANSFER_PUBLIC transfer_queue *transfer_queue_new_serial(const char *label);

/**
 * transfer_queue_new_manual - a queue whose callbacks run when the program says so
 *
 * Returns:  the queue, or NULL: out of memory or descriptors
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC transfer_queue *transfer_queue_new_manual(void);

/**
 * transfer_queue_get_fd - descriptor that is readable while callbacks wait
 *
 * @queue: a manual queue; borrowed
 *
 * Returns:  the descriptor (the queue keeps it; wait for POLLIN), or
 *           -EOPNOTSUPP  not a manual queue
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_queue_get_fd(transfer_queue *queue);

/**
 * transfer_queue_dispatch - run the callbacks that wait
 *
 * @queue:      a manual queue; borrowed
 * @timeout_ms: how long to wait for the first; 0: not at all; -1: no limit
 *
 * Returns:  number of callbacks that ran, 0 when the time was up, or
 *           -EOPNOTSUPP  not a manual queue
 *           -ECHILD      the process was forked after the queue was made
 *           -EDEADLK     called from inside a callback of this queue
 *           -EINTR       a signal arrived while nothing was to do
 * Blocks:   up to the timeout
 * Thread:   one at a time
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_queue_dispatch(transfer_queue *queue, int timeout_ms);

/* One piece of work for an executor: runs callbacks of one session. */
typedef struct transfer_work transfer_work;

/**
 * transfer_work_run - run and free the work that an executor was given
 *
 * @work: the work; taken
 *
 * Each must be run, once, on any thread. Work of one session is handed out one after the other, so a pool of threads
 * keeps the order.
 *
 * Returns:  nothing
 * Blocks:   as long as the callbacks do
 * Thread:   any, but not inside post()
 * Since:    0.1
 * Source:   NSOperation.start
 */
TRANSFER_PUBLIC void transfer_work_run(transfer_work *work);

/* How a program runs work: for GLib, Qt, libdispatch, a pool. Set size to sizeof(struct transfer_executor). */
struct transfer_executor {
	size_t size;
	/* takes work; any thread; must neither block nor run it */
	void (*post)(transfer_work *work, void *userdata);
	void *userdata;
	/* with userdata, after the last unref of the queue; may be NULL */
	transfer_destroy destroy;
};

/**
 * transfer_queue_new_executor - a queue that hands its work to the program
 *
 * @executor: how; copied
 *
 * Returns:  the queue, or NULL: no post function, a size too small, or out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSOperationQueue.addOperation:
 */
TRANSFER_PUBLIC transfer_queue *transfer_queue_new_executor(
	const struct transfer_executor *executor);

#ifdef __cplusplus
}
#endif
#endif
