/* SPDX-License-Identifier: MIT */
/*
 * Answers to what a delegate is asked. The callback of a question gets an answer object; the answer may be given in the
 * callback or later, from any thread, once: what comes after the first is ignored, and so is everything after the
 * question was withdrawn (its task was suspended, cancelled or has ended). To answer later, keep a reference; dropping
 * the last one without an answer means the default. A question that a program left open is asked again when the session
 * is attached next.
 */
#ifndef TRANSFER_ANSWER_H
#define TRANSFER_ANSWER_H

#include <transfer/object.h>
#include <transfer/request.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * transfer_delayed_request - the answer to task_will_begin_delayed_request
 *
 * The task begins when it is given. Dropped: the request begins as it was.
 *
 * Returns:  transfer_delayed_request_ref: its argument; transfer_delayed_request_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionDelayedRequestDisposition
 */
TRANSFER_OBJECT(transfer_delayed_request);

/**
 * transfer_delayed_request_continue - let the request begin as it was
 *
 * @answer: the answer
 *
 * Returns:  nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionDelayedRequestContinueLoading
 */
TRANSFER_PUBLIC void transfer_delayed_request_continue(transfer_delayed_request *answer);

/**
 * transfer_delayed_request_replace - let another request begin instead
 *
 * @answer:  the answer
 * @request: its URL, method, header fields and timeout are taken; copied
 *
 * All else stays as the task was made with, above all what it may use: networks, plain http, rate. A
 * request that is NULL, that a setter failed for or that transferd refuses cancels the task.
 *
 * Returns:  nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionDelayedRequestUseNewRequest
 */
TRANSFER_PUBLIC void transfer_delayed_request_replace(
	transfer_delayed_request *answer, const transfer_request *request);

/**
 * transfer_delayed_request_cancel - end the task instead
 *
 * @answer: the answer
 *
 * The task completes with TRANSFER_ERROR_CANCELLED.
 *
 * Returns:  nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionDelayedRequestCancel
 */
TRANSFER_PUBLIC void transfer_delayed_request_cancel(transfer_delayed_request *answer);

#ifdef __cplusplus
}
#endif

#endif
