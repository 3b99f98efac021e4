/* SPDX-License-Identifier: MIT */
/*
 * Bodies of requests that are not in memory: files, descriptors, and what the program makes while it is
 * sent.
 *
 * A body is used up by the request that sends it. Where it has to go again (a redirect that keeps the
 * method, an attempt that is repeated) a body of bytes or of a file begins anew by itself, and a stream is
 * asked for with task_need_body.
 */
#ifndef TRANSFER_BODY_H
#define TRANSFER_BODY_H

#include <sys/types.h>

#include <transfer/object.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * transfer_body - where the bytes of a request come from; immutable
 *
 * Returns:  transfer_body_ref: its argument; transfer_body_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSInputStream
 */
TRANSFER_OBJECT(transfer_body);

/*
 * Fills up to size bytes. Returns how many; 0: the end; -EAGAIN: nothing now, transfer_body_more() is called when there is;
 * another negative errno: it failed, and the task ends with TRANSFER_ERROR_REQUEST_BODY_STREAM_EXHAUSTED. On the session's
 * queue, while its callbacks wait.
 */
typedef ssize_t (*transfer_body_reader)(void *bytes, size_t size, void *userdata);

/**
 * transfer_body_new_data - a body in memory
 *
 * @data: the bytes; a reference is kept
 *
 * Returns:  the body, or NULL: out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSInputStream.inputStreamWithData:
 */
TRANSFER_PUBLIC transfer_body *transfer_body_new_data(const transfer_data *data);

/**
 * transfer_body_new_file - a body that is a file
 *
 * @path: the file; opened when it is needed, with the rights of the program
 *
 * A file that cannot be opened, or that changes while it is sent, ends the task with the errors of
 * transfer_session_upload_task_file().
 *
 * As the answer to task_need_body it is opened at once and sent with the length that it has then; what is added
 * later is not sent, and one that becomes shorter ends the task with TRANSFER_ERROR_REQUEST_BODY_STREAM_EXHAUSTED.
 *
 * Returns:  the body, or NULL: out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSInputStream.inputStreamWithFileAtPath:
 */
TRANSFER_PUBLIC transfer_body *transfer_body_new_file(const char *path);

/**
 * transfer_body_new_fd - a body that is read from a descriptor
 *
 * @fd:     a pipe, a socket, a file or a terminal, read from its place to its end; duplicated
 * @length: how many bytes; TRANSFER_SIZE_UNKNOWN: until its end, sent in chunks
 *
 * Read by transferd, not by this program: the other end may be written at any speed. A terminal, and any other character device, is
 * read by this program instead, between the callbacks of the session, when there is something in it.
 *
 * Returns:  the body, or NULL: out of memory or descriptors
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSInputStream
 */
TRANSFER_PUBLIC transfer_body *transfer_body_new_fd(int fd, int64_t length);

/**
 * transfer_body_new_reader - a body that the program makes while it is sent
 *
 * @reader:   asked for more
 * @length:   how many bytes; TRANSFER_SIZE_UNKNOWN: until reader returns 0
 * @userdata: handed to reader
 * @destroy:  called with userdata after the last unref; NULL: nothing
 *
 * Returns:  the body, or NULL: no reader, or out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSInputStream
 */
TRANSFER_PUBLIC transfer_body *transfer_body_new_reader(
	transfer_body_reader reader, int64_t length, void *userdata, transfer_destroy destroy);

/**
 * transfer_body_more - tell that a reader which had nothing has something now
 *
 * @body: the body; borrowed
 *
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSStreamEventHasBytesAvailable
 */
TRANSFER_PUBLIC void transfer_body_more(transfer_body *body);

#ifdef __cplusplus
}
#endif
#endif
