/* SPDX-License-Identifier: MIT */
/*
 * A piece of an answer's body on its way to the delegate: inline bytes, a file that is whole, or a pipe that is read to its end.
 *
 * Of each pipe one piece of at most SEGMENT_BYTES waits in the session's line, and the next is read when it was delivered, by who
 * delivered it; the I/O context reads what comes when nobody has anything to deliver. So a delegate that is slow holds up its task
 * and nobody else, and 256 KiB are here, 512 KiB in the pipe, and less than 256 KiB in transferd.
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
#define SEGMENT_POOL  8

struct segment; /* of a task; NULL: no pipe is open */

/* fd: taken. With the lock held, I/O context. 0 or -errno. */
int segment_open(transfer_task *task, int fd_take);
/* A piece of the task was delivered: the next one is read. In any thread, with the lock held. */
void segment_delivered(transfer_task *task);
/* Nobody wants the rest. */
void segment_close(transfer_task *task);

/* An empty buffer of SEGMENT_BYTES as data whose size is set once; NULL: no memory. Any thread. */
struct segment_pool;
transfer_data *segment_buffer(struct segment_pool *pool, void **ret_bytes);
void segment_buffer_set_size(transfer_data *data, size_t size);
struct segment_pool *segment_pool_new(void);
void segment_pool_free(
	struct segment_pool *pool); /* buffers that are out are freed one by one later */

#endif
