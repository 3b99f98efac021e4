/* SPDX-License-Identifier: MIT */
/* A command's beginning and end: who asked is answered, also when it could never be sent. */
#include "client-lib/command.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <transfer/manager.h>

#include "base/cleanup.h"
#include "client-lib/client.h"
#include "client-lib/error.h"
#include "client-lib/event.h"
#include "client-lib/live.h"
#include "client-lib/session.h"
#include "client-lib/task.h"

static struct command *begin(struct command *command, enum command_kind kind, transfer_task *task)
{
	if (!command)
		return NULL;
	command->kind = kind;
	command->task = transfer_task_ref(task);
	command->fd = -1;
	return command;
}

struct command *command_new(enum command_kind kind, transfer_task *task)
{
	return begin(calloc(1, sizeof(struct command)), kind, task);
}

struct command *command_new_question(
	enum command_kind kind, transfer_task *task, enum delivery_kind reply)
{
	struct command *command = command_new(kind, task);

	if (!command)
		return NULL;
	command->reply = delivery_new(reply, NULL);
	if (!command->reply) {
		command_free(command);
		return NULL;
	}
	return command;
}

bool command_keep_spare(transfer_session *session)
{
	if (!session->spare)
		session->spare = calloc(1, sizeof(*session->spare));
	return session->spare != NULL;
}

int command_push_task(transfer_session *session, enum command_kind kind, transfer_task *task)
{
	struct command *command = command_new(kind, task);

	if (command)
		(void)command_keep_spare(session);
	else
		command = begin(take_ptr(session->spare), kind, task);
	if (!command)
		return -ENOMEM;
	command_push_locked_take(session, command);
	return 0;
}

void command_free(struct command *command)
{
	if (!command)
		return;
	if (command->fd >= 0)
		close(command->fd);
	free(command->text);
	delivery_free(command->reply);
	transfer_request_unref(command->request);
	transfer_credential_unref(command->credential);
	command_cookie_free(command->cookies);
	transfer_task_unref(command->task);
	free(command);
}

void command_list_clear(struct command_list *list)
{
	struct command *command;

	while ((command = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, command, link);
		command_free(command);
	}
}

void command_answer_resume_data(
	transfer_session *session, struct command *command, transfer_data *data_take)
{
	struct delivery *reply = take_ptr(command->reply);

	reply->data = data_take;
	delivery_push_take(session, reply);
}

void command_answer_tasks(
	transfer_session *session, struct command *command, transfer_error *error_take)
{
	struct delivery *reply = take_ptr(command->reply);

	reply->error = error_take;
	event_answer_take(session, reply);
}

void command_answer_done(
	transfer_session *session, struct command *command, transfer_error *error_take)
{
	struct delivery *reply = take_ptr(command->reply);

	if (!reply) { /* the session's end was asked for: nobody waits */
		transfer_error_unref(error_take);
		return;
	}
	reply->error = error_take;
	delivery_push_take(session, reply);
}

/* why: NULL: as its session is over. */
static transfer_error *over_error(const transfer_session *session, const transfer_error *why)
{
	if (why)
		return transfer_error_ref(why);
	if (session->client->is_lost || live_is(session))
		return error_new_url(TRANSFER_ERROR_BACKGROUND_SESSION_DISCONNECTED, NULL);
	return error_new_bus(TRANSFER_BUS_ERROR_SESSION_INVALID);
}

void command_fail_with_take(
	transfer_session *session, struct command *command, const transfer_error *why)
{
	if (command->kind == COMMAND_CREATE)
		session_complete_locally(session, command->task, over_error(session, why));
	else if (command->kind == COMMAND_CANCEL_RESUMABLE)
		command_answer_resume_data(session, command, NULL);
	else if (command->kind == COMMAND_GET_TASKS && command->reply)
		command_answer_tasks(session, command, why ? transfer_error_ref(why) : NULL);
	else if (command->reply)
		command_answer_done(session, command, over_error(session, why));
	command_free(command);
}

void command_fail_take(transfer_session *session, struct command *command)
{
	command_fail_with_take(session, command, NULL);
}
