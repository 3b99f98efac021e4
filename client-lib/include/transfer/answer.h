/* SPDX-License-Identifier: MIT */
/*
 * Answers to what a delegate is asked. The callback of a question gets an answer object; the answer may be given in the
 * callback or later, from any thread, once: what comes after the first is ignored, and so is everything after the
 * question was withdrawn (its task was suspended, cancelled or has ended); the functions that return say so. To answer later, keep a reference; dropping
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

/* ---- questions of sessions that are not background ones: after 5 minutes the default is taken ---- */

/**
 * transfer_redirect - the answer to task_will_redirect
 *
 * The time it takes is not time without a byte. Dropped: the redirect is followed.
 *
 * Returns:  transfer_redirect_ref: its argument; transfer_redirect_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTaskDelegate.URLSession:task:willPerformHTTPRedirection:newRequest:completionHandler:
 */
TRANSFER_OBJECT(transfer_redirect);

/**
 * transfer_redirect_follow - follow as proposed
 *
 * @answer: the answer
 *
 * Returns:  0, or
 *           -EALREADY  it was answered before
 *           -ESTALE    nobody needs the answer any more: the task was cancelled or has ended, or the default
 *                      was taken
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTaskDelegate
 */
TRANSFER_PUBLIC int transfer_redirect_follow(transfer_redirect *answer);

/**
 * transfer_redirect_replace - follow with another request
 *
 * @answer:  the answer
 * @request: its URL, method and header fields are taken, the fields as they are; copied. The body goes again if
 *           the method is that of the proposed request
 *
 * Plain http where it is not allowed, or another scheme, ends the task with the error of that.
 *
 * Returns:  0, or
 *           -EALREADY  it was answered before
 *           -ESTALE    nobody needs the answer any more: the task was cancelled or has ended, or the default
 *                      was taken
 *           -EINVAL    a setter of the request failed; nothing was answered
 *           -ENOMEM    out of memory; nothing was answered
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTaskDelegate
 */
TRANSFER_PUBLIC int transfer_redirect_replace(
	transfer_redirect *answer, const transfer_request *request);

/**
 * transfer_redirect_refuse - do not follow: the answer that redirects, and its body, are the result
 *
 * @answer: the answer
 *
 * Returns:  0, or
 *           -EALREADY  it was answered before
 *           -ESTALE    nobody needs the answer any more: the task was cancelled or has ended, or the default
 *                      was taken
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTaskDelegate
 */
TRANSFER_PUBLIC int transfer_redirect_refuse(transfer_redirect *answer);

/**
 * transfer_disposition - the answer to data_did_receive_response
 *
 * Nothing of the body is told before. Dropped: allowed.
 *
 * Returns:  transfer_disposition_ref: its argument; transfer_disposition_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionResponseDisposition
 */
TRANSFER_OBJECT(transfer_disposition);

/**
 * transfer_disposition_set - what becomes of the answer
 *
 * @answer:      the answer
 * @disposition: allow, cancel (the task completes with TRANSFER_ERROR_CANCELLED), or become a download
 *
 * What data:, file: or a custom protocol loads cannot become a download: the task completes with
 * TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION.
 *
 * Returns:  0, or
 *           -EALREADY    it was answered before
 *           -ESTALE      nobody needs the answer any more: the task was cancelled or has ended, or the
 *                        default was taken
 *           -EINVAL      not one of them; nothing was answered
 *           -EOPNOTSUPP  become a stream: there are no stream tasks yet. The task completes with
 *                        TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionResponseDisposition
 */
TRANSFER_PUBLIC int transfer_disposition_set(
	transfer_disposition *answer, enum transfer_response_disposition disposition);

/**
 * transfer_body_request - the answer to task_need_body
 *
 * Dropped: there is no body, and the task completes with TRANSFER_ERROR_REQUEST_BODY_STREAM_EXHAUSTED.
 *
 * Returns:  transfer_body_request_ref: its argument; transfer_body_request_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTaskDelegate.URLSession:task:needNewBodyStream:
 */
TRANSFER_OBJECT(transfer_body_request);

/**
 * transfer_body_request_get_reason - why a body is asked for
 *
 * @answer: the answer
 *
 * Returns:  at the start, after a redirect, after authentication, or because the request is repeated
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTaskDelegate
 */
TRANSFER_PUBLIC enum transfer_body_reason transfer_body_request_get_reason(
	const transfer_body_request *answer);

/**
 * transfer_body_request_provide - here it is
 *
 * @answer: the answer
 * @body:   sent from its beginning; a reference is kept. NULL: there is none
 *
 * A file that cannot be opened is no error of this call: it ends the task as transfer_body_new_file() says.
 *
 * Returns:  0, or
 *           -EALREADY  it was answered before
 *           -ESTALE    nobody needs the answer any more: the task was cancelled or has ended, or the default
 *                      was taken
 * Blocks:   for the opening of a file
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTaskDelegate
 */
TRANSFER_PUBLIC int transfer_body_request_provide(
	transfer_body_request *answer, transfer_body *body);

#ifdef __cplusplus
}
#endif

#endif
