/* SPDX-License-Identifier: MIT */
/*
 * The line of commands of a session and the call that carries its head. `flight` holds the commands of the call under
 * way; it is emptied by the reply. When the reply is lost the flight stays and is sent again after the next attach, with
 * the same token, so that tasks are made once.
 */
#include "client-lib/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <transfer/manager.h>

#include "base/arena.h"
#include "client-lib/client.h"
#include "client-lib/error.h"
#include "client-lib/event.h"
#include "client-lib/live.h"
#include "client-lib/request.h"
#include "client-lib/session.h"
#include "client-lib/task.h"
#include "client-lib/token.h"
#include "client-lib/wire.h"
#include "ipc/bus.h"
#include "ipc/proto.h"

#define COMMAND_MAX_IDS   1000
#define COMMAND_MAX_TRIES 5

void command_push_locked_take(transfer_session *session, struct command *command)
{
	if (session->is_dead || session->phase == SESSION_DETACHING ||
		session->phase == SESSION_GONE) {
		command_fail_take(session, command);
		return;
	}
	TAILQ_INSERT_TAIL(&session->commands, command, link);
	client_wake(session->client);
}

void command_push_take(transfer_session *session, struct command *command)
{
	client_lock(session->client);
	command_push_locked_take(session, command);
	client_unlock(session->client);
}

/* ---- choosing what travels together ---- */

static bool has_nothing_to_do(const transfer_session *session, const struct command *command)
{
	switch (command->kind) {
	case COMMAND_RESUME:
	case COMMAND_SUSPEND:
	case COMMAND_CANCEL:
	case COMMAND_CANCEL_RESUMABLE:
	case COMMAND_SET:
		return command->task->stage == TASK_STAGE_ENDED;
	case COMMAND_CREATE:
	case COMMAND_DESCRIBE_SESSION:
	case COMMAND_GET_TASKS:
	case COMMAND_FINISH:
	case COMMAND_INVALIDATE:
	case COMMAND_FLUSH:
	case COMMAND_RESET:
	case COMMAND_GET_COOKIES:
	case COMMAND_SET_COOKIES:
	case COMMAND_CLEAR_COOKIES:
		break;
	case COMMAND_ANSWER:
		return !answer_is_known(session, command->question);
	case COMMAND_ANSWER_REDIRECT:
	case COMMAND_ANSWER_RESPONSES:
	case COMMAND_ANSWER_BODY:
	case COMMAND_ANSWER_CHALLENGE:
		return command->task->stage == TASK_STAGE_ENDED || command->task->is_cancelled;
	}
	return false;
}

static bool is_joinable(
	const struct command *first, const struct command *next, size_t n, size_t n_fds)
{
	if (next->kind != first->kind || n >= COMMAND_MAX_IDS)
		return false;
	if (first->kind == COMMAND_CREATE)
		return !first->task->is_made_alone && !next->task->is_made_alone &&
			!first->task->n_suspensions == !next->task->n_suspensions &&
			(next->task->source_fd < 0 || n_fds < IPC_MAX_FDS);
	return first->kind == COMMAND_RESUME || first->kind == COMMAND_SUSPEND ||
		first->kind == COMMAND_CANCEL || first->kind == COMMAND_ANSWER_RESPONSES;
}

static void gather(transfer_session *session)
{
	struct command *command, *first = NULL;
	size_t n = 0, n_fds = 0;

	while ((command = TAILQ_FIRST(&session->commands))) {
		if (!has_nothing_to_do(session, command) && first &&
			!is_joinable(first, command, n, n_fds))
			break;
		TAILQ_REMOVE(&session->commands, command, link);
		if (has_nothing_to_do(session, command)) {
			command_fail_take(session, command);
			continue;
		}
		TAILQ_INSERT_TAIL(&session->flight, command, link);
		if (!first) {
			first = command;
			session->n_flight_tries = 0;
			session->flight_starts = command->task && !command->task->n_suspensions;
			token_new("lib", session->flight_token);
		}
		n++;
		n_fds += command->task && command->task->source_fd >= 0;
	}
	/* no reply will tell a flush that the line has become shorter */
	if (!first)
		client_changed(session->client);
	TAILQ_FOREACH (command, &session->flight, link) {
		if (command->kind == COMMAND_CREATE)
			command->task->stage = TASK_STAGE_SENT;
	}
}

size_t command_count_flight(const transfer_session *session)
{
	const struct command *command;
	size_t n = 0;

	TAILQ_FOREACH (command, &session->flight, link)
		n++;
	return n;
}

/* ---- replies ---- */

void command_drop_flight(transfer_session *session)
{
	command_list_clear(&session->flight);
	client_changed(session->client);
}

/* A change waits for room on transferd's disk; what is new is refused at once. */
static bool is_worth_repeating(const transfer_session *session, int r)
{
	bool is_unsaved = r == IPC_E_NO_SPACE || r == IPC_E_BUSY;

	if (is_unsaved && TAILQ_FIRST(&session->flight)->kind == COMMAND_CREATE)
		return false;
	return wire_is_worth_repeating(r) && session->n_flight_tries < COMMAND_MAX_TRIES;
}

/* Of a live session: transferd does not know it any more. */
static bool is_gone(int r)
{
	return r == -ECONNRESET || r == -ETIMEDOUT || r == -ENOTCONN || r == -ECANCELED ||
		r == IPC_E_SERVICE_UNKNOWN || r == IPC_E_NOT_ATTACHED ||
		r == IPC_E_NO_SUCH_SESSION || r == IPC_E_UNKNOWN_OBJECT;
}

/* Common to all replies: the call has ended. True: nothing is left to be done for it. */
bool command_has_ended_in_vain(transfer_session *session, int r)
{
	session->is_in_flight = false;
	if (session->phase == SESSION_GONE || TAILQ_EMPTY(&session->flight))
		return true;
	if (live_is(session) && (session->is_closing || session->is_dead)) {
		command_drop_flight(session);
		return true;
	}
	if (live_is(session)) {
		if (!is_gone(r))
			return false;
		live_lost(session);
		return true;
	}
	if (!is_worth_repeating(session, r))
		return false;
	wire_reopen(session);
	return true;
}

transfer_session *command_reply_begin(void *user)
{
	transfer_session *session = user;

	client_lock(session->client);
	return session;
}

void command_reply_end(transfer_session *session)
{
	client_unlock(session->client);
	session_memory_unref(session);
}

static void take_failures(transfer_session *session, const struct ipc_failure *failures, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		transfer_task *task = session_find_task(session, failures[i].id);

		if (task && live_has_end(task))
			continue; /* transferd is through with it, and has told all */
		if (task && ipc_error_from_name(failures[i].error) == IPC_E_NO_SUCH_TASK)
			session_complete_locally(
				session, task, error_new_bus(TRANSFER_BUS_ERROR_NO_SUCH_TASK));
	}
}

static void on_steered(
	transfer_session *session, int r, const struct ipc_failure *failures, size_t n)
{
	if (command_has_ended_in_vain(session, r))
		return;
	if (!r)
		take_failures(session, failures, n);
	command_drop_flight(session);
}

static void on_resumed(
	void *user, int r, const char *text, const struct ipc_manager_resume_tasks_out *out)
{
	(void)text;
	command_reply_begin(user);
	on_steered(user, r, out ? out->failures : NULL, out ? out->n_failures : 0);
	command_reply_end(user);
}

static void on_suspended(
	void *user, int r, const char *text, const struct ipc_manager_suspend_tasks_out *out)
{
	(void)text;
	command_reply_begin(user);
	on_steered(user, r, out ? out->failures : NULL, out ? out->n_failures : 0);
	command_reply_end(user);
}

static void on_cancelled(
	void *user, int r, const char *text, const struct ipc_manager_cancel_tasks_out *out)
{
	(void)text;
	command_reply_begin(user);
	on_steered(user, r, out ? out->failures : NULL, out ? out->n_failures : 0);
	command_reply_end(user);
}

static void on_set(void *user, int r, const char *text, const struct ipc_manager_set_tasks_out *out)
{
	(void)text;
	command_reply_begin(user);
	on_steered(user, r, out ? out->failures : NULL, out ? out->n_failures : 0);
	command_reply_end(user);
}

static void on_session_done(void *user, int r, const char *text)
{
	transfer_session *session = command_reply_begin(user);

	if (!command_has_ended_in_vain(session, r)) {
		command_answer_done(session, TAILQ_FIRST(&session->flight),
			r ? error_new_ipc(r, NULL, text) : NULL);
		command_drop_flight(session);
		live_check_end(session);
	}
	command_reply_end(session);
}

/* An answer that was refused would leave the task waiting for ever: it is cancelled. */
static void on_answered(void *user, int r, const char *text)
{
	transfer_session *session = command_reply_begin(user);
	struct command *command = TAILQ_FIRST(&session->flight), *cancel = NULL;

	(void)text;
	if (command_has_ended_in_vain(session, r)) {
		command_reply_end(session);
		return;
	}
	if ((r == IPC_E_INVALID_REQUEST || r == IPC_E_UNSUPPORTED_SCHEME) &&
		command->answer == COMMAND_ANSWER_REPLACE)
		cancel = command_new(COMMAND_ANSWER, NULL);
	if (cancel) {
		cancel->question = command->question;
		cancel->answer = COMMAND_ANSWER_CANCEL;
		TAILQ_INSERT_HEAD(&session->commands, cancel, link);
	} else {
		answer_forget(session, command->question);
	}
	command_drop_flight(session);
	command_reply_end(session);
}

/* Without resume data the task is cancelled all the same. */
static void on_resume_data(void *user, int r, const char *text,
	const struct ipc_task_cancel_producing_resume_data_out *out)
{
	transfer_session *session = command_reply_begin(user);
	struct command *command = TAILQ_FIRST(&session->flight), *cancel;

	(void)text;
	if (command_has_ended_in_vain(session, r)) {
		command_reply_end(session);
		return;
	}
	command_answer_resume_data(session, command,
		!r && out->n_resume_data
			? transfer_data_new_copy(out->resume_data, out->n_resume_data)
			: NULL);
	cancel = r ? command_new(COMMAND_CANCEL, command->task) : NULL;
	if (cancel)
		TAILQ_INSERT_HEAD(&session->commands, cancel, link);
	command_drop_flight(session);
	live_check_end(session);
	command_reply_end(session);
}

static void take_rows(transfer_session *session, const struct ipc_manager_list_tasks_out *out)
{
	for (size_t i = 0; i < out->n_tasks; i++) {
		transfer_task *task = session_find_task(session, out->tasks[i].id);

		if (task) {
			task_update(task, &out->tasks[i]);
			continue;
		}
		task = task_new_from_row(session, &out->tasks[i]);
		/* without memory it is met again with its next event */
		if (task)
			(void)session_add_task(session, task);
		transfer_task_unref(task);
	}
}

static void on_listed(
	void *user, int r, const char *text, const struct ipc_manager_list_tasks_out *out)
{
	transfer_session *session = command_reply_begin(user);
	struct command *command = TAILQ_FIRST(&session->flight);

	if (command_has_ended_in_vain(session, r)) {
		command_reply_end(session);
		return;
	}
	if (!r) {
		take_rows(session, out);
		r = text_set(&command->text,
			out->next_cursor && *out->next_cursor ? out->next_cursor : NULL, SIZE_MAX);
	}
	if (r || !command->text) {
		command_answer_tasks(session, command, r ? error_new_ipc(r, NULL, text) : NULL);
		command_drop_flight(session);
	}
	command_reply_end(session);
}

/* ---- sending ---- */

static int send_verb(transfer_session *session, struct arena *arena)
{
	struct ipc_bus *bus = session->client->bus;
	struct ipc_path root = { 0 };
	size_t n = command_count_flight(session), i = 0;
	uint64_t *ids = arena_alloc(arena, n, sizeof(*ids));
	const struct command *command;
	enum command_kind kind = TAILQ_FIRST(&session->flight)->kind;

	if (!ids)
		return -ENOMEM;
	TAILQ_FOREACH (command, &session->flight, link)
		ids[i++] = command->task->id;
	if (kind == COMMAND_RESUME) {
		/* the nesting is counted here: the last resume takes back all that transferd counts */
		struct ipc_manager_resume_tasks_in in = {
			.ids = ids,
			.n_ids = n,
			.options = { .force = true, .has_force = true },
		};
		return ipc_start_manager_resume_tasks(bus, root, &in, on_resumed, session);
	}
	if (kind == COMMAND_SUSPEND) {
		struct ipc_manager_suspend_tasks_in in = { .ids = ids, .n_ids = n };

		return ipc_start_manager_suspend_tasks(bus, root, &in, on_suspended, session);
	}
	struct ipc_manager_cancel_tasks_in in = { .ids = ids, .n_ids = n };

	return ipc_start_manager_cancel_tasks(bus, root, &in, on_cancelled, session);
}

static int send_set(transfer_session *session, const struct command *command)
{
	struct ipc_manager_set_tasks_in in = {
		.ids = &command->task->id,
		.n_ids = 1,
		.changes = {
			.priority = command->priority,
			.has_priority = command->has_priority,
			.description = command->has_text ? command->text : NULL,
			.max_rate_bps = command->max_rate_bps,
			.has_max_rate_bps = command->has_max_rate,
		},
	};

	return ipc_start_manager_set_tasks(
		session->client->bus, (struct ipc_path){ 0 }, &in, on_set, session);
}

static int send_list(transfer_session *session, const struct command *command)
{
	struct ipc_manager_list_tasks_in in = {
		.filter = { .session_path = session->path, .has_session_path = true },
		.cursor = command->text,
		.limit = COMMAND_MAX_IDS,
	};

	wire_set_fields(&in.filter);
	return ipc_start_manager_list_tasks(
		session->client->bus, (struct ipc_path){ 0 }, &in, on_listed, session);
}

static int send_answer(
	transfer_session *session, const struct command *command, struct arena *arena)
{
	static const char *const actions[] = {
		[COMMAND_ANSWER_CONTINUE] = "continue",
		[COMMAND_ANSWER_REPLACE] = "replace",
		[COMMAND_ANSWER_CANCEL] = "cancel",
	};
	struct ipc_session_answer_delayed_request_in in = {
		.question = command->question,
		.action = actions[command->answer],
	};
	int r = command->request ? request_to_ipc(command->request, arena, &in.request) : 0;

	if (r)
		return r;
	return ipc_start_session_answer_delayed_request(
		session->client->bus, session->path, &in, on_answered, session);
}

static int send_flight(transfer_session *session, struct arena *arena)
{
	struct ipc_bus *bus = session->client->bus;
	const struct command *command = TAILQ_FIRST(&session->flight);
	struct ipc_path task_path = { .session = session->path.session,
		.task = command->task ? command->task->id : 0 };

	switch (command->kind) {
	case COMMAND_CREATE:
		return command_create_send(session, arena);
	case COMMAND_RESUME:
	case COMMAND_SUSPEND:
	case COMMAND_CANCEL:
		return send_verb(session, arena);
	case COMMAND_CANCEL_RESUMABLE:
		return ipc_start_task_cancel_producing_resume_data(
			bus, task_path, on_resume_data, session);
	case COMMAND_SET:
		return send_set(session, command);
	case COMMAND_GET_TASKS:
		return send_list(session, command);
	case COMMAND_FINISH:
		return ipc_start_session_finish_tasks_and_invalidate(
			bus, session->path, on_session_done, session);
	case COMMAND_INVALIDATE:
		return ipc_start_session_invalidate_and_cancel(
			bus, session->path, on_session_done, session);
	case COMMAND_FLUSH:
		return ipc_start_session_flush(bus, session->path, on_session_done, session);
	case COMMAND_RESET:
		return ipc_start_session_reset(bus, session->path, on_session_done, session);
	case COMMAND_ANSWER:
		return send_answer(session, command, arena);
	case COMMAND_GET_COOKIES:
	case COMMAND_SET_COOKIES:
	case COMMAND_CLEAR_COOKIES:
		return command_cookie_send(session, arena);
	case COMMAND_ANSWER_REDIRECT:
	case COMMAND_ANSWER_RESPONSES:
	case COMMAND_ANSWER_BODY:
	case COMMAND_ANSWER_CHALLENGE:
		return command_live_send(session, arena);
	case COMMAND_DESCRIBE_SESSION:
		break;
	}
	return -EOPNOTSUPP;
}

/* The only command that is answered at once: a property, whose call waits, so it gets little time. */
static void describe_session(transfer_session *session)
{
	struct ipc_exchange exchange = { .timeout_ms = 2000 };

	ipc_set_session_description(session->client->bus, session->path, &exchange,
		TAILQ_FIRST(&session->flight)->text);
	ipc_exchange_done(&exchange);
	command_drop_flight(session);
}

static void send_failed(transfer_session *session, int r)
{
	struct command *command;

	if (TAILQ_FIRST(&session->flight)->kind == COMMAND_CREATE) {
		command_create_failed(session, r, NULL);
		return;
	}
	while ((command = TAILQ_FIRST(&session->flight))) {
		TAILQ_REMOVE(&session->flight, command, link);
		command_live_send_failed(session, command, r);
		if (command->kind == COMMAND_GET_TASKS)
			command_answer_tasks(session, command, error_new_ipc(r, NULL, NULL));
		command_fail_take(session, command);
	}
	command_drop_flight(session);
}

void command_pump(transfer_session *session)
{
	struct arena arena = { 0 };
	int r;

	while (!session->is_in_flight) {
		if (TAILQ_EMPTY(&session->flight) && live_is(session))
			command_live_gather(session);
		if (TAILQ_EMPTY(&session->flight))
			gather(session);
		if (TAILQ_EMPTY(&session->flight))
			return;
		if (TAILQ_FIRST(&session->flight)->kind == COMMAND_DESCRIBE_SESSION) {
			describe_session(session);
			continue;
		}
		session_memory_ref(session); /* of the call */
		session->n_flight_tries++;
		r = send_flight(session, &arena);
		arena_done(&arena);
		if (!r) {
			session->is_in_flight = true;
			return;
		}
		session_memory_unref(session);
		if (r == -ENOMEM && session->n_flight_tries < COMMAND_MAX_TRIES) {
			wire_reopen(session); /* what was asked for is asked again from there */
			return;
		}
		send_failed(session, r);
	}
}
