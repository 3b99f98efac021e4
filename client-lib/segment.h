/* SPDX-License-Identifier: MIT */
/*
 * A piece of an answer's body on its way to the delegate: inline bytes, a file that is whole, or a pipe that is read to its end.
 *
 * A pipe is read by the I/O context, never by callbacks: at most SEGMENT_AHEAD pieces of SEGMENT_BYTES wait in the session's line
 * for each task, then its descriptor is taken off the epoll set until one was delivered. So a delegate that is slow holds up its
 * task and nobody else, and 512 KiB are here, 256 KiB in the pipe, and less than 256 KiB in transferd.
 *
 * Buffers go back to the client's pool when the last reference of a piece goes (any thread); a new one costs page faults, a used
 * one none. What is pooled is at most SEGMENT_POOL buffers.
 */
#ifndef CLIENT_LIB_SEGMENT_H
#define CLIENT_LIB_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <transfer/session.h>

#define SEGMENT_BYTES (256u * 1024)
#define SEGMENT_AHEAD 2
#define SEGMENT_POOL  8

struct segment; /* of a task; NULL: no pipe is open */

/* fd: taken. With the lock held, I/O context. 0 or -errno. */
int segment_open(transfer_task *task, int fd_take);
/* Reads what there is and room for; called when epoll says so, and when a piece was delivered. I/O context, lock held. */
void segment_pump(transfer_task *task);
/* A piece of the task was delivered, in any thread, with the lock held. */
void segment_delivered(transfer_task *task);
/* Nobody wants the rest. */
void segment_close(transfer_task *task);
/* Goes on with those that had stopped and have room. I/O context, lock held. */
void segment_pump_due(transfer_client *client);

/* An empty buffer of SEGMENT_BYTES as data whose size is set once; NULL: no memory. Any thread. */
struct segment_pool;
transfer_data *segment_buffer(struct segment_pool *pool, void **ret_bytes);
void segment_buffer_set_size(transfer_data *data, size_t size);
struct segment_pool *segment_pool_new(void);
void segment_pool_free(
	struct segment_pool *pool); /* buffers that are out are freed one by one later */

#endif
