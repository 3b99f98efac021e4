/* SPDX-License-Identifier: MIT */
/*
 * For small programs: a whole answer in one call, and an answer read as a file is. Nothing here needs a
 * queue, a delegate or a loop.
 *
 * These calls wait. They must not be made inside a callback of the session that they use, nor where that session's queue is
 * dispatched: what its delegate is asked of redirects, and what loaders of data:, file: and the program's own URLs do, runs there.
 */
#ifndef TRANSFER_FETCH_H
#define TRANSFER_FETCH_H

#include <sys/types.h>

#include <transfer/session.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * transfer_fetch - ask, and wait for the whole answer
 *
 * @session:      the session; NULL: the shared one of the process
 * @request:      what to ask
 * @ret_body:     the body; NULL: not wanted
 * @ret_response: the response, whenever one came, else NULL; NULL: not wanted
 * @ret_error:    why it failed; NULL: not wanted
 *
 * Returns:  0: there is an answer, whatever its status, or
 *           -EIO       no answer, or not all of it
 *           -EDEADLK   called inside a callback of the session
 *           -ENOTCONN  the bus cannot be reached
 *           -ECHILD    the process was forked after the client was made
 *           -ENOMEM    out of memory
 * Blocks:   until the task has ended; bounded by the timeouts of request and session
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.dataTaskWithRequest:completionHandler:
 */
TRANSFER_PUBLIC int transfer_fetch(transfer_session *session, const transfer_request *request,
	transfer_data **ret_body, transfer_response **ret_response, transfer_error **ret_error);

/**
 * transfer_reader - an answer that is read piece by piece
 *
 * The last transfer_reader_unref() cancels what has not come.
 *
 * Returns:  transfer_reader_ref: its argument; transfer_reader_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.AsyncBytes
 */
TRANSFER_OBJECT(transfer_reader);

/**
 * transfer_reader_open - ask, and wait for the response
 *
 * @session:    the session; NULL: the shared one of the process
 * @request:    what to ask
 * @ret_reader: the reader; untouched on failure
 * @ret_error:  why it failed; NULL: not wanted
 *
 * Returns:  0, or
 *           -EIO       no answer
 *           -EDEADLK   called inside a callback of the session
 *           -ENOTCONN  the bus cannot be reached
 *           -ECHILD    the process was forked after the client was made
 *           -ENOMEM    out of memory
 * Blocks:   until the response has come
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.bytesForRequest:
 */
TRANSFER_PUBLIC int transfer_reader_open(transfer_session *session, const transfer_request *request,
	transfer_reader **ret_reader, transfer_error **ret_error);

/**
 * transfer_reader_get_response - the response
 *
 * @reader: the reader; borrowed
 *
 * Returns:  the response; lives as long as the reader
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.AsyncBytes
 */
TRANSFER_PUBLIC const transfer_response *transfer_reader_get_response(
	const transfer_reader *reader);

/**
 * transfer_reader_get_task - the task, for its counters, priority and metrics
 *
 * @reader: the reader; borrowed
 *
 * Returns:  the task; lives as long as the reader
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.AsyncBytes
 */
TRANSFER_PUBLIC transfer_task *transfer_reader_get_task(const transfer_reader *reader);

/**
 * transfer_reader_read - read what comes next of the body
 *
 * @reader:    the reader; borrowed
 * @bytes:     where to
 * @size:      room; not 0
 * @ret_error: why it failed; NULL: not wanted
 *
 * As fast as this is called the server is read; what is not read waits there.
 *
 * Returns:  number of bytes; 0: the body is whole and over, or
 *           -EIO      it broke off
 *           -EDEADLK  called inside a callback of the session
 * Blocks:   until there is something
 * Thread:   one at a time
 * Since:    0.1
 * Source:   NSURLSession.AsyncBytes
 */
TRANSFER_PUBLIC ssize_t transfer_reader_read(
	transfer_reader *reader, void *bytes, size_t size, transfer_error **ret_error);

#ifdef __cplusplus
}
#endif
#endif
