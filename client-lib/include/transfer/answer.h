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

#include <transfer/credential.h>
#include <transfer/object.h>
#include <transfer/protection-space.h>
#include <transfer/request.h>
#include <transfer/response.h>

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
 * transfer_challenge - the answer to task_did_receive_challenge
 *
 * A delegate that always says the same has no end where that is refused. One that ends, with what is known or nothing:
 *
 *	if (transfer_challenge_get_previous_failures(challenge))
 *		transfer_challenge_use(challenge, NULL);
 *	else
 *		transfer_challenge_use(challenge, transfer_challenge_get_proposed(challenge));
 *
 * A server wants to know who asks (401), in a way that is known here: Basic, or Digest, of which the latter is asked
 * first. The time that the answer takes is not time without a byte. Dropped: as transfer_challenge_default().
 *
 * A user and password in the URL are tried first, and without asking. A credential goes to the server that asked for it (scheme,
 * host and port) and to no other, with the requests of this one task; one that may be kept goes into the session's store, too
 * (transfer_challenge_use()). Challenges of proxies, of TLS (whether a server is
 * trusted, certificates of clients), NTLM and Negotiate are not asked yet, nor those of background sessions.
 *
 * Returns:  transfer_challenge_ref: its argument; transfer_challenge_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLAuthenticationChallenge
 */
TRANSFER_OBJECT(transfer_challenge);

/**
 * transfer_challenge_get_space - who asks, and how: the next five in one, as stores of credentials know it
 *
 * @challenge: the challenge
 *
 * Returns:  the space; the challenge's
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLAuthenticationChallenge.protectionSpace
 */
TRANSFER_PUBLIC const transfer_protection_space *transfer_challenge_get_space(
	const transfer_challenge *challenge);

/**
 * transfer_challenge_get_proposed - what could be said
 *
 * @challenge: the challenge
 *
 * The default that the session's store has for the space when the delegate is asked, which is what transfer_challenge_default()
 * says; where this task was refused with it, or there is none, the credential that was refused last. So with previous failures
 * (transfer_challenge_get_previous_failures()) it may be one that the server has said no to: who says it again is asked again.
 *
 * Returns:  the credential; the challenge's. NULL: there is none of these
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLAuthenticationChallenge.proposedCredential
 */
TRANSFER_PUBLIC const transfer_credential *transfer_challenge_get_proposed(
	const transfer_challenge *challenge);

/**
 * transfer_challenge_get_method - how the server wants to know
 *
 * @challenge: the challenge
 *
 * Returns:  basic or digest; default: in a way that a newer transferd knows and this library does not. For such a challenge the
 *           store is not asked, and it keeps nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtectionSpace.authenticationMethod
 */
TRANSFER_PUBLIC enum transfer_auth_method transfer_challenge_get_method(
	const transfer_challenge *challenge);

/**
 * transfer_challenge_get_protocol - scheme of the server
 *
 * @challenge: the challenge
 *
 * Returns:  "http" or "https"; the challenge's
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtectionSpace.protocol
 */
TRANSFER_PUBLIC const char *transfer_challenge_get_protocol(const transfer_challenge *challenge);

/**
 * transfer_challenge_get_host - the server
 *
 * @challenge: the challenge
 *
 * Returns:  its name, an IPv6 address in brackets; the challenge's
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtectionSpace.host
 */
TRANSFER_PUBLIC const char *transfer_challenge_get_host(const transfer_challenge *challenge);

/**
 * transfer_challenge_get_port - port of the server
 *
 * @challenge: the challenge
 *
 * Returns:  its number; the scheme's own where the URL names none
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtectionSpace.port
 */
TRANSFER_PUBLIC unsigned int transfer_challenge_get_port(const transfer_challenge *challenge);

/**
 * transfer_challenge_get_realm - what the server calls it
 *
 * @challenge: the challenge
 *
 * Returns:  its words, "" for none; the challenge's
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtectionSpace.realm
 */
TRANSFER_PUBLIC const char *transfer_challenge_get_realm(const transfer_challenge *challenge);

/**
 * transfer_challenge_get_previous_failures - how often the answer was no
 *
 * @challenge: the challenge
 *
 * Returns:  credentials of this task that the server has refused, those of the URL and of the store among them
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLAuthenticationChallenge.previousFailureCount
 */
TRANSFER_PUBLIC unsigned int transfer_challenge_get_previous_failures(
	const transfer_challenge *challenge);

/**
 * transfer_challenge_get_response - the answer that asks
 *
 * @challenge: the challenge
 *
 * Returns:  it; the challenge's
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLAuthenticationChallenge.failureResponse
 */
TRANSFER_PUBLIC const transfer_response *transfer_challenge_get_response(
	const transfer_challenge *challenge);

/**
 * transfer_challenge_use - ask again, with a credential
 *
 * @challenge: the challenge
 * @credential: what to say; a reference is kept until the task ends. NULL: none; the answer that asks is the result
 *
 * A body goes again from its start; one that is read once is asked for with task_need_body, and where no delegate has that, the task
 * ends with TRANSFER_ERROR_REQUEST_BODY_STREAM_EXHAUSTED. A credential that is refused
 * brings the next challenge. With Basic the password can be read by who reads the connection.
 *
 * One that is accepted goes into the session's store of credentials (transfer_session_get_credential_store()) before the
 * delegate hears of the answer, but for TRANSFER_PERSIST_NONE and the one that was proposed. It becomes the default of the space
 * if there was none, or if this task was refused with that. Accepted means: the server answers, and not with 401, 407, 408, 421, 425,
 * 429, 431 or 5xx, which say nothing about who asks. A download's is kept when it begins. Without memory it is not kept; nor
 * when something of its space was removed from the store since it was said: what was forgotten does not come back. Sixteen are kept
 * so for one host, and they make room for each other and for what is set, the least recently used first; in a store that is full of
 * what was set none is.
 *
 * Returns:  0, or
 *           -EALREADY  it was answered before
 *           -ESTALE    nobody needs the answer any more: the task was cancelled or has ended, or the default
 *                      was taken
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionAuthChallengeUseCredential
 */
TRANSFER_PUBLIC int transfer_challenge_use(
	transfer_challenge *challenge, const transfer_credential *credential);

/**
 * transfer_challenge_default - what happens without a delegate
 *
 * @challenge: the challenge
 *
 * The default of the session's store for this space is said, unless this task was refused with it, or its request has an Authorization
 * field of its own, of which the user of the URL is not tried either. Where there is none, the answer that asks, and its body, are
 * the result.
 *
 * A download that goes on from resume data is not replaced by such a body: it ends with TRANSFER_ERROR_BAD_SERVER_RESPONSE, the
 * answer is its response, and the error has resume data for what was there.
 *
 * Returns:  0, or
 *           -EALREADY  it was answered before
 *           -ESTALE    nobody needs the answer any more: the task was cancelled or has ended, or the default
 *                      was taken
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionAuthChallengePerformDefaultHandling
 */
TRANSFER_PUBLIC int transfer_challenge_default(transfer_challenge *challenge);

/**
 * transfer_challenge_cancel - end the task
 *
 * @challenge: the challenge
 *
 * It completes with TRANSFER_ERROR_CANCELLED.
 *
 * Returns:  0, or
 *           -EALREADY  it was answered before
 *           -ESTALE    nobody needs the answer any more: the task was cancelled or has ended, or the default
 *                      was taken
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionAuthChallengeCancelAuthenticationChallenge
 */
TRANSFER_PUBLIC int transfer_challenge_cancel(transfer_challenge *challenge);

/**
 * transfer_challenge_reject_protection_space - not in this way
 *
 * @challenge: the challenge
 *
 * The next method that the server offers is asked for; when there is none, as transfer_challenge_default(). The task is not asked
 * about a method again that was rejected.
 *
 * Returns:  0, or
 *           -EALREADY  it was answered before
 *           -ESTALE    nobody needs the answer any more: the task was cancelled or has ended, or the default
 *                      was taken
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionAuthChallengeRejectProtectionSpace
 */
TRANSFER_PUBLIC int transfer_challenge_reject_protection_space(transfer_challenge *challenge);

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
