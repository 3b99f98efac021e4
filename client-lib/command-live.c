/* SPDX-License-Identifier: MIT */
/* Calls of live sessions: CreateTasks of what waits, and answers to questions. */
#include "client-lib/command.h"

#include <errno.h>

#include <transfer/manager.h>

#include "base/arena.h"
#include "client-lib/client.h"
#include "client-lib/credential.h"
#include "client-lib/error.h"
#include "client-lib/live.h"
#include "client-lib/request.h"
#include "client-lib/session.h"
#include "client-lib/task.h"
#include "ipc/bus.h"
#include "ipc/proto.h"

/* Tasks of one call. */
#define COMMAND_LIVE_MAX 1000

static bool is_next(const transfer_session *session, size_t n, size_t n_fds)
{
	const transfer_task *task = live_has_to_send(session) ? session->waiting[0] : NULL;

	size_t max = session->create_max ? session->create_max : COMMAND_LIVE_MAX;

	return task && n < max && (!n || !task->is_made_alone) &&
		(task->source_fd < 0 || n_fds < IPC_MAX_FDS);
}

void command_live_gather(transfer_session *session)
{
	size_t n = 0, n_fds = 0;
	bool is_alone = false;

	if (command_cookie_waits(session) ||
		(session->sent_create && !TAILQ_EMPTY(&session->commands))) {
		session->sent_create = false;
		return;
	}
	while (!is_alone && is_next(session, n, n_fds)) {
		struct command *command = command_new(COMMAND_CREATE, session->waiting[0]);

		if (!command) {
			live_refused(session); /* later, perhaps */
			break;
		}
		live_take_next(session);
		TAILQ_INSERT_TAIL(&session->flight, command, link);
		is_alone = command->task->is_made_alone;
		n_fds += command->task->source_fd >= 0;
		n++;
	}
	session->sent_create = n > 0;
	session->flight_starts = true;
	session->n_flight_tries = 0;
}

/* ---- answers ---- */

/* What cannot be followed ends the task with the error of that: transferd is told to end it. */
static void on_redirect_answered(void *user, int r, const char *text)
{
	transfer_session *session = command_reply_begin(user);
	struct command *command = TAILQ_FIRST(&session->flight);
	transfer_task *task;

	if (command_has_ended_in_vain(session, r)) {
		command_reply_end(session);
		return;
	}
	task = command->task;
	if (r && command->request && !task->refusal) {
		task->refusal = error_new_ipc(r, NULL, text);
		live_fail(session, task);
	}
	command_drop_flight(session);
	command_reply_end(session);
}

/*
 * What came too late needs nothing more: transferd has decided by itself. Any other answer that it did not take would leave
 * the task waiting: it ends with the error of that.
 */
static void fail_answer(
	transfer_session *session, const struct command *command, int r, const char *text)
{
	transfer_task *task = command->task;

	if (!r || r == IPC_E_NO_SUCH_QUESTION || r == IPC_E_ALREADY_ANSWERED)
		return;
	if (task->stage != TASK_STAGE_ENDED && !task->refusal)
		task->refusal = error_new_ipc(r, NULL, text);
	live_fail(session, task);
}

void command_live_send_failed(transfer_session *session, const struct command *command, int r)
{
	if (command->kind == COMMAND_ANSWER_REDIRECT || command->kind == COMMAND_ANSWER_RESPONSES ||
		command->kind == COMMAND_ANSWER_BODY || command->kind == COMMAND_ANSWER_CHALLENGE)
		fail_answer(session, command, r, NULL);
}

/* Of one command that travels alone. */
static void on_answered(void *user, int r, const char *text)
{
	transfer_session *session = command_reply_begin(user);

	if (!command_has_ended_in_vain(session, r)) {
		fail_answer(session, TAILQ_FIRST(&session->flight), r, text);
		command_drop_flight(session);
	}
	command_reply_end(session);
}

static void fail_responses(transfer_session *session, const struct ipc_failure *failures, size_t n)
{
	const struct command *command;

	for (size_t i = 0; i < n; i++) {
		TAILQ_FOREACH (command, &session->flight, link) {
			if (command->question == failures[i].id)
				fail_answer(session, command,
					ipc_error_from_name(failures[i].error),
					failures[i].message);
		}
	}
}

static void on_responses_answered(
	void *user, int r, const char *text, const struct ipc_session_answer_responses_out *out)
{
	transfer_session *session = command_reply_begin(user);
	const struct command *command;

	if (command_has_ended_in_vain(session, r)) {
		command_reply_end(session);
		return;
	}
	TAILQ_FOREACH (command, &session->flight, link)
		fail_answer(session, command, r, text);
	if (!r)
		fail_responses(session, out->failures, out->n_failures);
	command_drop_flight(session);
	command_reply_end(session);
}

static int send_redirect(
	transfer_session *session, const struct command *command, struct arena *arena)
{
	struct ipc_session_answer_redirect_in in = {
		.question = command->question,
		.action = command->action,
	};
	int r = 0;

	if (command->request) {
		in.request.url = command->request->url;
		in.request.method = command->request->method;
		r = text_headers_to_ipc(&command->request->headers, arena, &in.request.headers);
		in.request.n_headers = command->request->headers.n_fields;
	}
	if (r)
		return r;
	return ipc_start_session_answer_redirect(
		session->client->bus, session->path, &in, on_redirect_answered, session);
}

static const char *disposition_word(enum transfer_response_disposition disposition)
{
#define WORD(symbol, value, name) [value] = name,
	static const char *const words[] = { TRANSFER_RESPONSE_DISPOSITIONS(WORD) };

	return words[disposition];
}

static int send_responses(transfer_session *session, struct arena *arena)
{
	size_t n = command_count_flight(session), i = 0;
	struct ipc_response_answer *rows = arena_alloc(arena, n, sizeof(*rows));
	struct ipc_session_answer_responses_in in = { .answers = rows, .n_answers = n };
	const struct command *command;

	if (!rows)
		return -ENOMEM;
	TAILQ_FOREACH (command, &session->flight, link)
		rows[i++] = (struct ipc_response_answer){ command->question,
			disposition_word(command->disposition) };
	return ipc_start_session_answer_responses(
		session->client->bus, session->path, &in, on_responses_answered, session);
}

static int send_body(transfer_session *session, const struct command *command)
{
	struct ipc_session_answer_body_stream_in in = {
		.question = command->question,
		.options = {
			.body = command->fd,
			.has_body = command->fd >= 0,
			.length = command->length_bytes,
			.has_length = command->fd >= 0,
		},
	};

	return ipc_start_session_answer_body_stream(
		session->client->bus, session->path, &in, on_answered, session);
}

static int send_challenge(transfer_session *session, const struct command *command)
{
	const transfer_credential *credential = command->credential;
	struct ipc_session_answer_challenge_in in = {
		.question = command->question,
		.disposition = command->action,
		.credential = {
			.user = credential ? credential->user : NULL,
			.password = credential ? credential->password : NULL,
		},
	};

	return ipc_start_session_answer_challenge(
		session->client->bus, session->path, &in, on_answered, session);
}

int command_live_send(transfer_session *session, struct arena *arena)
{
	const struct command *command = TAILQ_FIRST(&session->flight);

	if (command->kind == COMMAND_ANSWER_REDIRECT)
		return send_redirect(session, command, arena);
	if (command->kind == COMMAND_ANSWER_RESPONSES)
		return send_responses(session, arena);
	if (command->kind == COMMAND_ANSWER_CHALLENGE)
		return send_challenge(session, command);
	return send_body(session, command);
}
