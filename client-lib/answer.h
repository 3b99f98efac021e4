/* SPDX-License-Identifier: MIT */
/*
 * Questions of a session inside the library. A question is known from its event until its answer was taken or it was
 * withdrawn; while it is known, the same question that is asked again after a reconnect is not told again. In live
 * sessions it is known until it was answered here.
 */
#ifndef CLIENT_LIB_ANSWER_H
#define CLIENT_LIB_ANSWER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <transfer/answer.h>
#include <transfer/session.h>

struct delivery;

struct known_question {
	uint64_t id;
	const transfer_task *task; /* only to be compared; NULL: of a background session */
	TAILQ_ENTRY(known_question) link;
};
TAILQ_HEAD(known_questions, known_question);

/* All with the client's lock held. */
/* False: it is known already, or there is no memory: it is not to be told. task: may be NULL. */
bool answer_meet(transfer_session *session, uint64_t question, const transfer_task *task);
bool answer_is_known(const transfer_session *session, uint64_t question);
void answer_forget(transfer_session *session, uint64_t question);
/* The task was cancelled, or has ended. */
void answer_forget_task(transfer_session *session, const transfer_task *task);
void answer_forget_all(transfer_session *session);

/* The objects for the callbacks; NULL: out of memory. */
transfer_delayed_request *answer_new_delayed(transfer_session *session, uint64_t question);
transfer_redirect *answer_new_redirect(const struct delivery *asked);
/* proposed: may be NULL */
transfer_challenge *answer_new_challenge(
	const struct delivery *asked, const transfer_credential *proposed);
/* No delegate has the method: the default is taken here. False: one has. With the client's lock held. */
bool answer_for_delegate(const struct delivery *challenge);
transfer_disposition *answer_new_disposition(const struct delivery *asked);
/* Without asking the delegate. With the client's lock held. */
void answer_response(const struct delivery *asked, enum transfer_response_disposition disposition);
transfer_body_request *answer_new_body(const struct delivery *asked);

#endif
