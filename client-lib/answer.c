/* SPDX-License-Identifier: MIT */
/*
 * One-shot answers. Who gives the first answer decides; the last reference that goes without one gives the default. The
 * answer travels as a command of its session, so it waits for the attach and is repeated when its reply is lost.
 */
#include "client-lib/answer.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "client-lib/client.h"
#include "client-lib/command.h"
#include "client-lib/ref.h"
#include "client-lib/request.h"
#include "client-lib/session.h"

struct transfer_delayed_request {
	struct ref ref;
	transfer_session *session; /* memory reference */
	uint64_t question;
	atomic_bool is_given;
};

/* ---- what is known ---- */

static struct known_question *find(const transfer_session *session, uint64_t id)
{
	struct known_question *known;

	TAILQ_FOREACH (known, &session->questions, link) {
		if (known->id == id)
			return known;
	}
	return NULL;
}

bool answer_meet(transfer_session *session, uint64_t question)
{
	struct known_question *known;

	if (find(session, question))
		return false;
	known = calloc(1, sizeof(*known));
	if (!known)
		return false;
	known->id = question;
	TAILQ_INSERT_TAIL(&session->questions, known, link);
	return true;
}

bool answer_is_known(const transfer_session *session, uint64_t question)
{
	return find(session, question);
}

void answer_forget(transfer_session *session, uint64_t question)
{
	struct known_question *known = find(session, question);

	if (!known)
		return;
	TAILQ_REMOVE(&session->questions, known, link);
	free(known);
}

void answer_forget_all(transfer_session *session)
{
	struct known_question *known;

	while ((known = TAILQ_FIRST(&session->questions))) {
		TAILQ_REMOVE(&session->questions, known, link);
		free(known);
	}
}

/* ---- giving ---- */

/* request: taken, may be NULL. */
static void give_take(transfer_delayed_request *answer, enum command_answer action,
	struct transfer_request *request)
{
	transfer_session *session = answer->session;
	struct command *command;

	/* without memory: asked again at the next attach of the next program */
	command = atomic_exchange(&answer->is_given, true) ? NULL
							   : command_new(COMMAND_ANSWER, NULL);
	if (!command) {
		if (request)
			transfer_request_unref(request);
		return;
	}
	command->question = answer->question;
	command->answer = action;
	command->request = request;
	client_lock(session->client);
	if (answer_is_known(session, answer->question))
		command_push_locked_take(session, command);
	else
		command_free(command);
	client_unlock(session->client);
}

void transfer_delayed_request_continue(transfer_delayed_request *answer)
{
	give_take(answer, COMMAND_ANSWER_CONTINUE, NULL);
}

void transfer_delayed_request_replace(
	transfer_delayed_request *answer, const transfer_request *request)
{
	struct transfer_request *copy = request && !request->status ? transfer_request_copy(request)
								    : NULL;

	give_take(answer, copy ? COMMAND_ANSWER_REPLACE : COMMAND_ANSWER_CANCEL, copy);
}

void transfer_delayed_request_cancel(transfer_delayed_request *answer)
{
	give_take(answer, COMMAND_ANSWER_CANCEL, NULL);
}

static void answer_free(transfer_delayed_request *answer)
{
	transfer_delayed_request_continue(answer);
	session_memory_unref(answer->session);
	free(answer);
}

REF_DEFINE(transfer_delayed_request, answer_free)

transfer_delayed_request *answer_new_delayed(transfer_session *session, uint64_t question)
{
	transfer_delayed_request *answer = calloc(1, sizeof(*answer));

	if (!answer)
		return NULL;
	ref_init(&answer->ref);
	atomic_init(&answer->is_given, false);
	session_memory_ref(session);
	answer->session = session;
	answer->question = question;
	return answer;
}
