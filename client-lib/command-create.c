/* SPDX-License-Identifier: MIT */
/* CreateTasks: the call, what it made, and what becomes of tasks that it did not make. */
#include "client-lib/command.h"

#include <errno.h>
#include <unistd.h>

#include <transfer/manager.h>

#include "base/arena.h"
#include "client-lib/client.h"
#include "client-lib/error.h"
#include "client-lib/live.h"
#include "client-lib/request.h"
#include "client-lib/session.h"
#include "client-lib/task.h"
#include "client-lib/wire.h"
#include "ipc/past.h"
#include "ipc/proto.h"

/* Fewer cost less in a message than a file does. */
#define CREATE_MIN_PAST 8

/* -ENOMEM: it is as if the answer had not come. */
static int set_made(transfer_session *session, transfer_task *task, uint64_t id)
{
	transfer_task *twin = session_find_task(session, id);
	int r;

	if (twin == task)
		return 0;
	if (twin)
		session_remove_task(session, twin);
	task->id = id;
	r = session_add_task(session, task);
	if (r) {
		task->id = 0;
		return r;
	}
	task->stage = TASK_STAGE_LIVE;
	if (task->source_fd >= 0)
		close(task->source_fd);
	task->source_fd = -1;
	return 0;
}

static transfer_error *refusal_of(const transfer_task *task, int r, const char *text)
{
	transfer_error *plain = error_new_ipc(r, NULL, text);
	transfer_error *error = error_new(&(struct error_init){
		.domain = transfer_error_get_domain(plain),
		.code = transfer_error_get_code(plain),
		.message = transfer_error_get_message(plain),
		.bus_name = transfer_error_get_bus_name(plain),
		.failing_url = task->request->url,
	});

	transfer_error_unref(plain);
	return error;
}

/* Alone another call may do: it needs less room, and fewer descriptors. */
static bool may_do_alone(int r)
{
	return r > 0 || r == -EMSGSIZE || r == -EMFILE || r == -ENFILE;
}

/* A batch is made whole or not at all: after a refusal each of its tasks goes alone, so that only the bad ones fail. */
void command_create_failed(transfer_session *session, int r, const char *text)
{
	size_t n = command_count_flight(session);
	bool alone = n == 1;
	bool is_split = !alone && may_do_alone(r);
	bool is_full = live_is(session) && (r == IPC_E_LIMIT_REACHED || (r == -EMSGSIZE && !alone));
	struct command *command;

	while ((command = TAILQ_LAST(&session->flight, command_list))) {
		TAILQ_REMOVE(&session->flight, command, link);
		if (live_is(session) && (is_full || is_split)) {
			command->task->is_made_alone = !is_full;
			live_put_back(session, command->task);
			command_free(command);
			continue;
		}
		if (!is_split) {
			session_complete_locally(
				session, command->task, refusal_of(command->task, r, text));
			command_free(command);
			continue;
		}
		command->task->is_made_alone = true;
		command->task->stage = TASK_STAGE_NEW;
		TAILQ_INSERT_HEAD(&session->commands, command, link);
	}
	/* fewer may do, be it that they are too many or say too much; one waits: when it is back, there was room again */
	if (is_full && !alone)
		session->create_max = n / 2;
	else if (is_full)
		live_refused(session);
	command_drop_flight(session);
}

/* Numbers of the tasks that were made: one each, or the first of all. */
struct made {
	size_t n;
	const struct ipc_task_ref *tasks; /* NULL: they follow first */
	uint64_t first;
};

static void grow_again(transfer_session *session)
{
	session->create_max *= 2;
	if (session->create_max >= LIVE_SENT_MAX)
		session->create_max = 0;
}

static void take_made(transfer_session *session, const struct made *made)
{
	struct command *command;
	size_t i = 0;
	int r = 0;

	grow_again(session);
	TAILQ_FOREACH (command, &session->flight, link) {
		uint64_t id = made->tasks ? made->tasks[i].id : made->first + i;

		r = r ? r : set_made(session, command->task, id);
		i++;
	}
	if (r)
		wire_reopen(session); /* and ask again: the token makes no task twice */
	else
		command_drop_flight(session);
}

static void on_answer(transfer_session *session, int r, const char *text, const struct made *made)
{
	if (command_has_ended_in_vain(session, r))
		return;
	if (r == IPC_E_UNKNOWN_METHOD && live_is(session) && !session->takes_no_file) {
		session->takes_no_file = true; /* an older one: once more, in a message */
		return;
	}
	if (!r && made->tasks && made->n != command_count_flight(session))
		r = -EBADMSG;
	if (r)
		command_create_failed(session, r, text);
	else
		take_made(session, made);
}

static void on_created(
	void *user, int r, const char *text, const struct ipc_session_create_tasks_out *out)
{
	struct made made = { 0 };

	if (out)
		made = (struct made){ .n = out->n_tasks, .tasks = out->tasks };
	command_reply_begin(user);
	on_answer(user, r, text, &made);
	command_reply_end(user);
}

static void on_created_past(
	void *user, int r, const char *text, const struct ipc_session_create_tasks_file_out *out)
{
	const struct made made = { .first = out ? out->first : 0 };

	command_reply_begin(user);
	on_answer(user, r, text, &made);
	command_reply_end(user);
}

/* ---- sending ---- */

static int create_row(transfer_task *task, struct arena *arena, struct ipc_request *ret_row)
{
	struct ipc_request row = { 0 };
	int r = 0;

	if (live_is(task->session))
		return live_fill_request(task, arena, ret_row);
	if (task->resume_data) {
		row.resume_data = transfer_data_get_bytes(task->resume_data);
		row.n_resume_data = transfer_data_get_size(task->resume_data);
	} else {
		r = request_to_ipc(task->request, arena, &row);
	}
	row.kind = transfer_task_kind_get_name(task->kind);
	if (task->source_fd >= 0) {
		row.body_file = task->source_fd;
		row.has_body_file = true;
		row.body_path = task->source_path;
	}
	*ret_row = row;
	return r;
}

static int send_message(transfer_session *session, const struct ipc_session_create_tasks_in *in)
{
	return ipc_start_session_create_tasks(
		session->client->bus, session->path, in, on_created, session);
}

static int send_past(transfer_session *session, const struct ipc_session_create_tasks_in *in)
{
	int files[IPC_MAX_FDS], r;
	struct ipc_session_create_tasks_file_in past = { .files = files };

	if (ipc_pack_create_tasks(session->client->bus, in, files, &past.n_files))
		return send_message(session, in);
	r = ipc_start_session_create_tasks_file(
		session->client->bus, session->path, &past, on_created_past, session);
	close(files[0]);
	/* nothing has left, and a message needs fewer descriptors */
	return r ? send_message(session, in) : 0;
}

/* The file itself takes one place of its list. */
static bool goes_past(const transfer_session *session, const struct ipc_session_create_tasks_in *in)
{
	size_t n_fds = 0;

	if (!live_is(session) || session->takes_no_file || in->n_requests < CREATE_MIN_PAST)
		return false;
	for (size_t i = 0; i < in->n_requests; i++)
		n_fds += in->requests[i].has_body_file + in->requests[i].has_body_stream;
	return n_fds < IPC_MAX_FDS;
}

int command_create_send(transfer_session *session, struct arena *arena)
{
	struct ipc_session_create_tasks_in in = {
		.options.start = session->flight_starts ? "running" : "suspended",
		.options.token = live_is(session) ? NULL : session->flight_token,
	};
	struct ipc_request *rows = arena_alloc(arena, command_count_flight(session), sizeof(*rows));
	const struct command *command;
	int r = rows ? 0 : -ENOMEM;

	TAILQ_FOREACH (command, &session->flight, link) {
		if (!r)
			r = create_row(command->task, arena, &rows[in.n_requests++]);
	}
	if (r)
		return r;
	in.requests = rows;
	return goes_past(session, &in) ? send_past(session, &in) : send_message(session, &in);
}
