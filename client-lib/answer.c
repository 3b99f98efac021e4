/* SPDX-License-Identifier: MIT */
/*
 * One-shot answers. Who gives the first answer decides; the last reference that goes without one gives the default. The
 * answer travels as a command of its session, so it waits for the attach and is repeated when its reply is lost.
 */
#include "client-lib/answer.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "client-lib/body.h"
#include "client-lib/cache-load.h"
#include "client-lib/client.h"
#include "client-lib/command.h"
#include "client-lib/delivery.h"
#include "client-lib/error.h"
#include "client-lib/live.h"
#include "client-lib/load.h"
#include "client-lib/ref.h"
#include "client-lib/request.h"
#include "client-lib/session.h"
#include "client-lib/task-auth.h"
#include "client-lib/task.h"

struct transfer_delayed_request {
	struct ref ref;
	transfer_session *session; /* memory reference */
	uint64_t question;
	atomic_bool is_given;
};

/* Of a live session. The command is there before it is needed, so an answer cannot fail for want of memory. */
struct answer {
	transfer_task *task; /* a reference */
	uint64_t question; /* 0: a loader asks, or it is only told */
	enum transfer_body_reason reason;
	struct command *command; /* NULL: sent */
	atomic_bool is_given;
};

struct transfer_redirect {
	struct ref ref;
	struct answer base;
};

struct transfer_challenge {
	struct ref ref;
	struct answer base;
	transfer_protection_space *space;
	transfer_credential *proposed;
	transfer_response *response;
	unsigned int previous_failures;
};

struct transfer_disposition {
	struct ref ref;
	struct answer base;
};

struct transfer_body_request {
	struct ref ref;
	struct answer base;
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

bool answer_meet(transfer_session *session, uint64_t question, const transfer_task *task)
{
	struct known_question *known;

	if (find(session, question))
		return false;
	known = calloc(1, sizeof(*known));
	if (!known)
		return false;
	known->id = question;
	known->task = task;
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

void answer_forget_task(transfer_session *session, const transfer_task *task)
{
	struct known_question *known, *next;

	for (known = TAILQ_FIRST(&session->questions); known; known = next) {
		next = TAILQ_NEXT(known, link);
		if (known->task != task)
			continue;
		TAILQ_REMOVE(&session->questions, known, link);
		free(known);
	}
}

void answer_forget_all(transfer_session *session)
{
	struct known_question *known;

	while ((known = TAILQ_FIRST(&session->questions))) {
		TAILQ_REMOVE(&session->questions, known, link);
		free(known);
	}
}

/* ---- the answer of background sessions ---- */

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
	bool is_right = request && !request->status && request_fits(request);
	struct transfer_request *copy = is_right ? transfer_request_copy(request) : NULL;

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

/* ---- answers of live sessions ---- */

static int answer_init(struct answer *answer, const struct delivery *asked, enum command_kind kind)
{
	answer->command = command_new(kind, asked->task);
	if (!answer->command)
		return -ENOMEM;
	answer->command->question = asked->question;
	answer->task = transfer_task_ref(asked->task);
	answer->question = asked->question;
	answer->reason = asked->reason;
	atomic_init(&answer->is_given, false);
	return 0;
}

static void answer_done(struct answer *answer)
{
	command_free(answer->command);
	transfer_task_unref(answer->task);
}

/* Only the first is given. */
static bool is_first(struct answer *answer)
{
	return !atomic_exchange(&answer->is_given, true);
}

/* 0 or -ESTALE: somebody else has decided meanwhile. With the lock held. */
static int is_still_asked(const struct answer *answer)
{
	const transfer_task *task = answer->task;

	if (task->stage == TASK_STAGE_ENDED || task->is_cancelled || task->session->is_dead)
		return -ESTALE;
	if (!answer->question)
		return load_awaits(task) ? 0 : -ESTALE;
	return answer_is_known(task->session, answer->question) ? 0 : -ESTALE;
}

static void send_answer(struct answer *answer)
{
	struct command *command = answer->command;

	answer->command = NULL;
	if (!answer->question) {
		load_answer_take(answer->task, command);
		return;
	}
	answer_forget(answer->task->session, answer->question);
	command_push_locked_take(answer->task->session, command);
}

/* ---- redirects ---- */

/* request: taken, NULL but for "replace". */
static int give_redirect(transfer_redirect *redirect, const char *action, transfer_request *request)
{
	struct answer *answer = &redirect->base;
	transfer_client *client = answer->task->session->client;
	int r;

	if (!is_first(answer)) {
		transfer_request_unref(request);
		return -EALREADY;
	}
	client_lock(client);
	r = is_still_asked(answer);
	answer->command->action = action;
	answer->command->request = request;
	if (!r && request)
		cache_load_leave(answer->task);
	if (!r)
		send_answer(answer);
	client_unlock(client);
	return r;
}

int transfer_redirect_follow(transfer_redirect *answer)
{
	return give_redirect(answer, "follow", NULL);
}

int transfer_redirect_replace(transfer_redirect *answer, const transfer_request *request)
{
	transfer_request *copy;

	if (!request || request->status || (answer->base.question && !request_fits(request)))
		return -EINVAL;
	copy = transfer_request_copy(request);
	if (!copy)
		return -ENOMEM;
	return give_redirect(answer, "replace", copy);
}

int transfer_redirect_refuse(transfer_redirect *answer)
{
	return give_redirect(answer, "stop", NULL);
}

static void redirect_free(transfer_redirect *answer)
{
	transfer_redirect_follow(answer);
	answer_done(&answer->base);
	free(answer);
}

REF_DEFINE(transfer_redirect, redirect_free)

transfer_redirect *answer_new_redirect(const struct delivery *asked)
{
	transfer_redirect *answer = calloc(1, sizeof(*answer));

	if (!answer || answer_init(&answer->base, asked, COMMAND_ANSWER_REDIRECT)) {
		free(answer);
		return NULL;
	}
	ref_init(&answer->ref);
	return answer;
}

/* ---- challenges ---- */

enum transfer_auth_method transfer_challenge_get_method(const transfer_challenge *challenge)
{
	return transfer_protection_space_get_method(challenge->space);
}

const char *transfer_challenge_get_protocol(const transfer_challenge *challenge)
{
	return transfer_protection_space_get_protocol(challenge->space);
}

const char *transfer_challenge_get_host(const transfer_challenge *challenge)
{
	return transfer_protection_space_get_host(challenge->space);
}

unsigned int transfer_challenge_get_port(const transfer_challenge *challenge)
{
	return transfer_protection_space_get_port(challenge->space);
}

const char *transfer_challenge_get_realm(const transfer_challenge *challenge)
{
	return transfer_protection_space_get_realm(challenge->space);
}

unsigned int transfer_challenge_get_previous_failures(const transfer_challenge *challenge)
{
	return challenge->previous_failures;
}

const transfer_response *transfer_challenge_get_response(const transfer_challenge *challenge)
{
	return challenge->response;
}

const transfer_protection_space *transfer_challenge_get_space(const transfer_challenge *challenge)
{
	return challenge->space;
}

const transfer_credential *transfer_challenge_get_proposed(const transfer_challenge *challenge)
{
	return challenge->proposed;
}

/* With the lock held. */
static int say(transfer_challenge *challenge, const char *disposition,
	const transfer_credential *credential, bool is_new)
{
	struct answer *answer = &challenge->base;
	int r = is_still_asked(answer);

	answer->command->action = disposition;
	answer->command->credential = transfer_credential_ref(credential);
	if (r)
		return r;
	if (credential)
		task_auth_say(answer->task, challenge->space, credential, is_new);
	send_answer(answer);
	return 0;
}

static int give_challenge(transfer_challenge *challenge, const char *disposition,
	const transfer_credential *credential)
{
	transfer_client *client = challenge->base.task->session->client;
	int r;

	if (!is_first(&challenge->base))
		return -EALREADY;
	client_lock(client);
	r = say(challenge, disposition, credential, credential != challenge->proposed);
	client_unlock(client);
	return r;
}

/* With the lock held. */
static int say_default(transfer_challenge *challenge)
{
	transfer_auto(transfer_credential)
		stored = task_auth_stored(challenge->base.task, challenge->space);

	return say(challenge, stored ? "use-credential" : "perform-default", stored, false);
}

int transfer_challenge_use(transfer_challenge *challenge, const transfer_credential *credential)
{
	return give_challenge(challenge, "use-credential", credential);
}

int transfer_challenge_default(transfer_challenge *challenge)
{
	transfer_client *client = challenge->base.task->session->client;
	int r;

	if (!is_first(&challenge->base))
		return -EALREADY;
	client_lock(client);
	r = say_default(challenge);
	client_unlock(client);
	return r;
}

int transfer_challenge_cancel(transfer_challenge *challenge)
{
	return give_challenge(challenge, "cancel", NULL);
}

int transfer_challenge_reject_protection_space(transfer_challenge *challenge)
{
	return give_challenge(challenge, "reject-protection-space", NULL);
}

static void challenge_free(transfer_challenge *challenge)
{
	transfer_challenge_default(challenge);
	answer_done(&challenge->base);
	transfer_protection_space_unref(challenge->space);
	transfer_credential_unref(challenge->proposed);
	transfer_response_unref(challenge->response);
	free(challenge);
}

REF_DEFINE(transfer_challenge, challenge_free)

transfer_challenge *answer_new_challenge(
	const struct delivery *asked, const transfer_credential *proposed)
{
	transfer_challenge *challenge = calloc(1, sizeof(*challenge));

	if (!challenge || answer_init(&challenge->base, asked, COMMAND_ANSWER_CHALLENGE)) {
		free(challenge);
		return NULL;
	}
	challenge->space = transfer_protection_space_ref(asked->space);
	challenge->proposed = transfer_credential_ref(proposed);
	challenge->previous_failures = asked->previous_failures;
	challenge->response = transfer_response_ref(asked->response);
	ref_init(&challenge->ref);
	return challenge;
}

bool answer_for_delegate(const struct delivery *challenge)
{
	transfer_task *task = challenge->task;
	transfer_challenge *answer;
	void *userdata;

	if (DELIVERY_PICK(task, task_did_receive_challenge, &userdata))
		return false;
	answer = answer_new_challenge(challenge, NULL);
	if (!answer)
		live_fail(task->session, task);
	else if (is_first(&answer->base))
		(void)say_default(answer);
	transfer_challenge_unref(answer);
	return true;
}

/* ---- responses ---- */

static int give_disposition(
	transfer_disposition *answer, enum transfer_response_disposition disposition)
{
	transfer_client *client = answer->base.task->session->client;
	int r;

	if (!is_first(&answer->base))
		return -EALREADY;
	client_lock(client);
	r = is_still_asked(&answer->base);
	answer->base.command->disposition = disposition;
	if (!r && disposition == TRANSFER_RESPONSE_BECOME_STREAM && !answer->base.task->refusal)
		answer->base.task->refusal = error_new_bus(
			TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION);
	if (!r)
		send_answer(&answer->base);
	client_unlock(client);
	return r;
}

int transfer_disposition_set(
	transfer_disposition *answer, enum transfer_response_disposition disposition)
{
	int r;

	if ((unsigned int)disposition > TRANSFER_RESPONSE_BECOME_STREAM)
		return -EINVAL;
	r = give_disposition(answer, disposition);
	return !r && disposition == TRANSFER_RESPONSE_BECOME_STREAM ? -EOPNOTSUPP : r;
}

static void disposition_free(transfer_disposition *answer)
{
	give_disposition(answer, TRANSFER_RESPONSE_ALLOW);
	answer_done(&answer->base);
	free(answer);
}

REF_DEFINE(transfer_disposition, disposition_free)

void answer_response(const struct delivery *asked, enum transfer_response_disposition disposition)
{
	transfer_disposition *answer = answer_new_disposition(asked);

	if (!answer) {
		live_fail(asked->task->session, asked->task);
		return;
	}
	answer->base.command->disposition = disposition;
	if (is_first(&answer->base) && !is_still_asked(&answer->base))
		send_answer(&answer->base);
	transfer_disposition_unref(answer);
}

transfer_disposition *answer_new_disposition(const struct delivery *asked)
{
	transfer_disposition *answer = calloc(1, sizeof(*answer));

	if (!answer || answer_init(&answer->base, asked, COMMAND_ANSWER_RESPONSES)) {
		free(answer);
		return NULL;
	}
	ref_init(&answer->ref);
	return answer;
}

/* ---- bodies ---- */

enum transfer_body_reason transfer_body_request_get_reason(const transfer_body_request *answer)
{
	return answer->base.reason;
}

/* 0 or -errno */
static int pump_body(struct answer *answer, transfer_body *body)
{
	struct body_sent sent;
	int r = body_pump_start(answer->task, body, &sent);

	if (r)
		return r;
	answer->command->fd = sent.fd;
	answer->command->length_bytes = sent.length;
	return 0;
}

/* A loader reads it by itself. */
static int give_to_load(struct answer *answer, const transfer_body *body)
{
	transfer_client *client = answer->task->session->client;
	int r;

	client_lock(client);
	r = is_still_asked(answer);
	if (!r) {
		load_body_answer(answer->task->load, body);
		send_answer(answer);
	}
	client_unlock(client);
	return r;
}

/* What cannot be opened goes as no body, which ends the task: with the error of the opening. */
int transfer_body_request_provide(transfer_body_request *answer, transfer_body *body)
{
	transfer_task *task = answer->base.task;
	transfer_client *client = task->session->client;
	int r, opened = 0;

	if (!is_first(&answer->base))
		return -EALREADY;
	if (!answer->base.question)
		return give_to_load(&answer->base, body);
	if (body && !body_is_pumped(body))
		opened = live_open_body(body, answer->base.command);
	client_lock(client);
	r = is_still_asked(&answer->base);
	if (!r && body && body_is_pumped(body))
		opened = pump_body(&answer->base, body);
	if (!r && opened && !task->refusal)
		task->refusal = task_open_failed(-opened);
	if (!r)
		send_answer(&answer->base);
	client_unlock(client);
	return r;
}

static void body_request_free(transfer_body_request *answer)
{
	transfer_body_request_provide(answer, NULL);
	answer_done(&answer->base);
	free(answer);
}

REF_DEFINE(transfer_body_request, body_request_free)

transfer_body_request *answer_new_body(const struct delivery *asked)
{
	transfer_body_request *answer = calloc(1, sizeof(*answer));

	if (!answer || answer_init(&answer->base, asked, COMMAND_ANSWER_BODY)) {
		free(answer);
		return NULL;
	}
	ref_init(&answer->ref);
	return answer;
}
