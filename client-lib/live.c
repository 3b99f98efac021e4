/* SPDX-License-Identifier: MIT */
/* The life of a live session and of its tasks, from the first resume to the end. What is told is in live-event.c. */
#include "client-lib/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "client-lib/body.h"
#include "client-lib/cache-load.h"
#include "client-lib/cache.h"
#include "client-lib/client.h"
#include "client-lib/command.h"
#include "client-lib/credential-store.h"
#include "client-lib/error.h"
#include "client-lib/load.h"
#include "client-lib/request.h"
#include "client-lib/segment.h"
#include "client-lib/task-auth.h"
#include "client-lib/task.h"
#include "client-lib/wire.h"
#include "ipc/bus.h"
#include "ipc/proto.h"

/* After transferd refused more tasks. */
#define LIVE_RETRY_US (100 * CLOCK_US_PER_MS)

transfer_task *live_take_next(transfer_session *session)
{
	transfer_task *task = live_has_to_send(session) ? session->waiting[0] : NULL;

	if (!task)
		return NULL;
	live_wait_remove(session, task);
	task->stage = TASK_STAGE_SENT;
	task->is_sent = true;
	session->n_sent++;
	if (session->n_sent == LIVE_SENT_MAX)
		live_refused(session);
	return task;
}

static void unsend(transfer_session *session, transfer_task *task)
{
	if (!task->is_sent)
		return;
	task->is_sent = false;
	session->n_sent--;
	if (session->n_sent <= LIVE_SENT_AGAIN)
		session->is_refused = false;
}

static void end_take(transfer_session *session, transfer_task *task, transfer_error *error)
{
	session_complete_locally(session, task, error);
}

/* A reply that is awaited looks after what waits, too. */
static void wake(transfer_session *session)
{
	if (!session->is_in_flight)
		client_wake(session->client);
}

static void put_in_line(transfer_session *session, transfer_task *task)
{
	if (task->is_waiting || task->n_suspensions)
		return;
	if (live_wait_add(session, task))
		end_take(session, task, error_new_errno(ENOMEM, NULL));
	else
		wake(session);
}

void live_put_back(transfer_session *session, transfer_task *task)
{
	if (task->stage == TASK_STAGE_ENDED)
		return;
	unsend(session, task);
	task->stage = TASK_STAGE_NEW;
	put_in_line(session, task);
}

void live_take_back(transfer_session *session, transfer_task *task)
{
	unsend(session, task);
	answer_forget_task(session, task);
	segment_close(task);
	session_remove_task(session, task);
	task->stage = TASK_STAGE_NEW;
	if (session->n_waiting)
		wake(session);
}

void live_refused(transfer_session *session)
{
	session->is_refused = true;
	session->retry_us = clock_now_us() + LIVE_RETRY_US;
}

/* ---- tasks ---- */

void live_add(transfer_session *session, transfer_task *task)
{
	task->number = ++session->n_numbers;
	task->is_linked = true;
	TAILQ_INSERT_TAIL(&session->live_tasks, task, live);
}

void live_link(transfer_session *session, transfer_task *task)
{
	live_add(session, task);
	task->was_resumed = true;
	task->is_sent = true;
	session->n_sent++;
}

static void unlink_task(transfer_session *session, transfer_task *task)
{
	bool was_resumed = task->was_resumed;

	if (!task->is_linked)
		return;
	load_stop(task);
	body_pump_stop(task);
	task_auth_free(take_ptr(task->auth));
	cache_load_free(take_ptr(task->cache));
	task->is_linked = false;
	TAILQ_REMOVE(&session->live_tasks, task, live);
	if (was_resumed)
		transfer_task_unref(task);
}

/* Resumed for the first time: on its way to transferd, or to the end with what was wrong with it. */
static void begin(transfer_session *session, transfer_task *task)
{
	transfer_error *refusal = task->refusal;

	transfer_task_ref(task); /* of the list */
	task->was_resumed = true;
	task->refusal = NULL;
	if (!refusal && !task->load)
		refusal = cache_load_begin(task);
	if (!refusal && task->load && load_begin(task))
		refusal = error_new_errno(ENOMEM, NULL);
	if (refusal)
		end_take(session, task, refusal);
	else if (!task->load)
		put_in_line(session, task);
}

void live_fail(transfer_session *session, transfer_task *task)
{
	transfer_error *error;

	if (task->stage == TASK_STAGE_ENDED)
		return;
	if (!task->refusal)
		task->refusal = error_new_errno(ENOMEM, NULL);
	if (!task->is_loaded && !command_push_task(session, COMMAND_CANCEL, task))
		return;
	error = task->refusal;
	task->refusal = NULL;
	end_take(session, task, error);
}

/* A task that transferd would go on with, or hold, against its application's word, fails. */
static void tell_or_fail(transfer_session *session, enum command_kind kind, transfer_task *task)
{
	if (command_push_task(session, kind, task))
		live_fail(session, task);
}

void live_resume(transfer_session *session, transfer_task *task)
{
	if (!task->n_suspensions || task->stage == TASK_STAGE_ENDED ||
		client_is_forked(session->client))
		return;
	if (--task->n_suspensions)
		return;
	task_changed(task, TRANSFER_TASK_CHANGED_STATE);
	if (!task->was_resumed)
		begin(session, task);
	else if (task->stage == TASK_STAGE_NEW)
		put_in_line(session, task);
	else if (task->is_loaded)
		load_go_on(task);
	else
		tell_or_fail(session, COMMAND_RESUME, task);
}

void live_suspend(transfer_session *session, transfer_task *task)
{
	if (task->stage == TASK_STAGE_ENDED || task->n_suspensions++)
		return;
	task_changed(task, TRANSFER_TASK_CHANGED_STATE);
	if (task->stage == TASK_STAGE_NEW)
		live_wait_remove(session, task);
	else if (!task->is_loaded)
		tell_or_fail(session, COMMAND_SUSPEND, task);
}

/* Its end is in the line, and cancel() came first: one end, and it says so. */
static void change_end(transfer_task *task)
{
	struct delivery *end = task->waiting_end;

	transfer_error_unref(end->error);
	end->error = live_cancelled_error(task);
	transfer_error_unref(task->error);
	task->error = transfer_error_ref(end->error);
	transfer_data_unref(end->data);
	end->data = NULL;
	free(end->path);
	end->path = NULL;
}

/* Nothing of what comes is wanted any more. */
static void stop_bodies(transfer_session *session, transfer_task *task)
{
	answer_forget_task(session, task);
	segment_close(task);
	live_go_on(session, task);
}

void live_cancel(transfer_session *session, transfer_task *task)
{
	if (task->is_cancelled)
		return;
	if (task->stage == TASK_STAGE_ENDED) {
		if (task->waiting_end) {
			task->is_cancelled = true;
			change_end(task);
		}
		return;
	}
	task->is_cancelled = true;
	task_changed(task, TRANSFER_TASK_CHANGED_STATE);
	stop_bodies(session, task);
	if (task->stage == TASK_STAGE_NEW || task->is_loaded)
		end_take(session, task, live_cancelled_error(task));
	else if (task->stage != TASK_STAGE_ENDED &&
		command_push_task(session, COMMAND_CANCEL, task))
		end_take(session, task, live_cancelled_error(task));
}

void live_cancel_resumable(transfer_session *session, struct command *command)
{
	transfer_task *task = command->task;

	if (task->stage == TASK_STAGE_SENT || task->stage == TASK_STAGE_LIVE) {
		if (task->is_loaded) {
			command_fail_take(session, command);
			live_cancel(session, task);
			return;
		}
		command_push_locked_take(session, command);
		return;
	}
	transfer_task_ref(task);
	command_fail_take(session, command);
	live_cancel(session, task);
	transfer_task_unref(task);
}

void live_replaced(transfer_session *session, transfer_task *task)
{
	task->stage = TASK_STAGE_ENDED;
	live_wait_remove(session, task);
	unsend(session, task);
	answer_forget_task(session, task);
	segment_close(task);
	session_remove_task(session, task);
	unlink_task(session, task);
	client_changed(session->client);
}

void live_ended(transfer_session *session, transfer_task *task)
{
	live_replaced(session, task);
	live_check_end(session);
	if (session->n_waiting)
		wake(session);
}

/* A task without references may be on its way out: then it is as if it were not there. */
static transfer_task *borrow(transfer_task *task)
{
	return ref_try(&task->ref) ? task : NULL;
}

bool live_abandoned(transfer_task *task)
{
	transfer_session *session = task->session;
	transfer_client *client = session->client;
	bool is_linked;

	if (client_is_forked(client))
		return false;
	client_lock(client);
	is_linked = task->is_linked;
	if (is_linked) {
		ref_init(&task->ref);
		task->is_cancelled = true;
		task->is_linked = false;
		TAILQ_REMOVE(&session->live_tasks, task, live);
		end_take(session, task, live_cancelled_error(task));
	}
	client_unlock(client);
	if (is_linked)
		transfer_task_unref(task);
	return is_linked;
}

void live_list_take(transfer_session *session, struct delivery *answer)
{
	transfer_task *task;
	size_t n = 0;

	TAILQ_FOREACH (task, &session->live_tasks, live)
		n++;
	/* NULL says that they are not known */
	answer->tasks = session->is_closing ? NULL : calloc(n ? n : 1, sizeof(transfer_task *));
	TAILQ_FOREACH (task, &session->live_tasks, live) {
		if (answer->tasks && !task->is_cancelled && borrow(task))
			answer->tasks[answer->n_tasks++] = task;
	}
	delivery_push_take(session, answer);
}

/* ---- the session ---- */

static bool has_question_to_answer(const struct command_list *commands)
{
	const struct command *command;

	TAILQ_FOREACH (command, commands, link) {
		if (command->reply)
			return true;
	}
	return false;
}

void live_check_end(transfer_session *session)
{
	if (!session->is_finishing || session->is_end_queued || session->is_dead ||
		session->is_closing || session->n_making || !TAILQ_EMPTY(&session->live_tasks) ||
		has_question_to_answer(&session->commands) ||
		has_question_to_answer(&session->flight))
		return;
	session->is_end_queued = true;
	delivery_push_take(session, take_ptr(session->last));
}

bool live_may_end(transfer_session *session, struct delivery *delivery)
{
	struct command_list asked = TAILQ_HEAD_INITIALIZER(asked);
	struct command *command;

	if (delivery->error) { /* the bus is gone */
		session->is_dead = true;
		return true;
	}
	TAILQ_CONCAT(&asked, &session->commands, link);
	while ((command = TAILQ_FIRST(&asked))) {
		TAILQ_REMOVE(&asked, command, link);
		command_fail_take(session, command);
	}
	if (!TAILQ_EMPTY(&session->line)) {
		TAILQ_INSERT_TAIL(&session->line, delivery, link);
		return false;
	}
	if (!session->n_making && TAILQ_EMPTY(&session->live_tasks) &&
		!has_question_to_answer(&session->flight)) {
		session->is_dead = true;
		return true;
	}
	session->is_end_queued = false;
	session->last = delivery;
	return false;
}

void live_finish(transfer_session *session)
{
	if (session->config->kind == TRANSFER_SESSION_SHARED)
		return;
	session->is_finishing = true;
	live_check_end(session);
}

/* The first of these that is not on its way out. */
static transfer_task *borrow_from(transfer_task *task)
{
	while (task && !borrow(task))
		task = TAILQ_NEXT(task, live);
	return task;
}

/* Ending one takes it off the list, and puts a download in its place, at the end. */
static void end_each(
	transfer_session *session, void (*end)(transfer_session *session, transfer_task *task))
{
	transfer_task *task = borrow_from(TAILQ_FIRST(&session->live_tasks)), *next;

	for (; task; task = next) {
		next = borrow_from(TAILQ_NEXT(task, live));
		end(session, task);
		transfer_task_unref(task); /* it has ended, or the list has another */
	}
}

void live_invalidate(transfer_session *session)
{
	if (session->config->kind == TRANSFER_SESSION_SHARED)
		return;
	session->is_finishing = true;
	end_each(session, live_cancel);
	live_check_end(session);
}

static void end_disconnected(transfer_session *session, transfer_task *task)
{
	end_take(session, task,
		error_new_url(TRANSFER_ERROR_BACKGROUND_SESSION_DISCONNECTED, task->request->url));
}

/* Ends what transferd knew, and what waits for it as well when it will not come back. */
static void end_all(transfer_session *session, bool with_waiting, const transfer_error *error)
{
	transfer_task *task, *next;

	for (task = TAILQ_FIRST(&session->live_tasks); task; task = next) {
		next = TAILQ_NEXT(task, live);
		if (task->is_loaded || !task->was_resumed ||
			(task->stage == TASK_STAGE_NEW && !with_waiting))
			continue;
		delivery_line_clear(&task->hold);
		segment_close(task);
		if (error)
			end_take(session, task, transfer_error_ref(error));
		else
			end_disconnected(session, task);
	}
}

void live_end_rest(transfer_session *session)
{
	end_each(session, end_disconnected);
}

/* What was asked of a session that transferd does not know any more. error: as in end_all(). */
static void fail_commands(transfer_session *session, const transfer_error *error)
{
	struct command_list failed = TAILQ_HEAD_INITIALIZER(failed);
	struct command *command;

	TAILQ_CONCAT(&failed, &session->flight, link);
	TAILQ_CONCAT(&failed, &session->commands, link);
	while ((command = TAILQ_FIRST(&failed))) {
		TAILQ_REMOVE(&failed, command, link);
		command_fail_with_take(session, command, error);
	}
	client_changed(session->client);
}

static void forget(transfer_session *session)
{
	answer_forget_all(session);
	session->path = (struct ipc_path){ 0 };
	session->owner[0] = '\0';
	session->last_seen_seq = session->done_seq = session->acked_seq = 0;
	session->unacked_bytes = 0;
	session->wants_ack = session->is_refused = session->takes_no_file = false;
	session->create_max = 0;
	session->phase = SESSION_NEW;
}

static void on_closed(void *user, int r, const char *text)
{
	(void)user;
	(void)r;
	(void)text;
}

void live_lost(transfer_session *session)
{
	const char *owner = ipc_bus_service_owner(session->client->bus);

	if (session->phase != SESSION_ATTACHED)
		return;
	if (owner && !strcmp(owner, session->owner))
		ipc_start_session_close(session->client->bus, session->path, on_closed, NULL);
	forget(session);
	end_all(session, session->client->is_lost, NULL);
	fail_commands(session, NULL);
	live_check_end(session);
	client_wake(session->client);
}

void live_unopened(transfer_session *session, transfer_error *error)
{
	forget(session);
	end_all(session, true, error);
	fail_commands(session, error);
	transfer_error_unref(error);
	live_check_end(session);
}

void live_opened(transfer_session *session, int r, const char *text, struct ipc_path path)
{
	const char *owner;

	if (!r) {
		owner = ipc_bus_service_owner(session->client->bus);
		session->path = path;
		strncpy(session->owner, owner ? owner : "", sizeof(session->owner) - 1);
		session->phase = SESSION_ATTACHED;
		return;
	}
	live_unopened(session,
		error_to_errno(r) == -ENOTCONN || error_to_errno(r) == -ETIMEDOUT
			? NULL
			: error_new_ipc(r, NULL, text));
}

/* ---- acknowledging: seldom, but a file that was handed over is not needed any more ---- */

bool live_is_ack_due(const transfer_session *session)
{
	return session->done_seq > session->acked_seq &&
		(session->wants_ack || session->unacked_bytes >= LIVE_ACK_BYTES ||
			session->done_seq - session->acked_seq >= WIRE_WINDOW / 2);
}

void live_delivered(transfer_session *session, const struct delivery *delivery)
{
	if (delivery->is_piece)
		segment_delivered(delivery->task);
	session->unacked_bytes += delivery->row_bytes;
	if (delivery->path)
		session->wants_ack = true;
	if (session->is_dead || live_is_ack_due(session))
		client_wake(session->client);
}

/* ---- beginning and end ---- */

static int refuse(int r, const char *text, transfer_error **ret_error)
{
	return error_give(r, error_new_errno(-r, text), ret_error);
}

int live_session_new(transfer_session **ret_session, transfer_client *client,
	const transfer_config *config, const struct transfer_owner *owner,
	transfer_error **ret_error)
{
	transfer_session *session;

	if (client_is_forked(client))
		return refuse(-ECHILD, "the process was forked", ret_error);
	session = session_alloc(client, config, owner);
	if (session)
		session->last = delivery_new(DELIVERY_INVALID, NULL);
	if (!session || !session->last ||
		credential_store_open(session->config, &session->credentials) ||
		cache_open(session->config, &session->cache)) {
		if (session)
			session->destroy = NULL; /* it was never there */
		session_memory_unref(session);
		return refuse(-ENOMEM, NULL, ret_error);
	}
	client_lock(client);
	session->is_opened = true;
	session->is_drained = true;
	session_memory_ref(session); /* of the list */
	TAILQ_INSERT_TAIL(&client->sessions, session, link);
	client_unlock(client);
	*ret_session = session;
	return 0;
}

void live_drop(transfer_session *session)
{
	transfer_task *task;

	while ((task = TAILQ_FIRST(&session->live_tasks))) {
		task->stage = TASK_STAGE_ENDED;
		if (task->was_resumed && !task->error)
			task->error = live_cancelled_error(task);
		delivery_line_clear(&task->hold);
		live_wait_remove(session, task);
		segment_close(task);
		unlink_task(session, task);
	}
	session->n_sent = 0;
}

/* Nobody waits for its answer: what comes after it is right either way. */
static void close_session(transfer_session *session)
{
	if (session->phase == SESSION_ATTACHED)
		ipc_start_session_close(session->client->bus, session->path, on_closed, NULL);
	session->path = (struct ipc_path){ 0 };
	session->phase = SESSION_LOST;
	session->retry_us = CLIENT_FOREVER;
}

static bool wants_open(const transfer_session *session)
{
	return live_has_to_send(session) || !TAILQ_EMPTY(&session->commands);
}

void live_pump(transfer_session *session)
{
	if (session->is_refused && clock_now_us() >= session->retry_us)
		session->is_refused = false;
	if (session->is_closing || session->is_dead) {
		if (session->is_in_flight || session->phase == SESSION_OPENING)
			return;
		close_session(session);
		if (session->is_closing)
			session_remove(session);
		return;
	}
	if (session->phase == SESSION_NEW && !session->is_in_flight && wants_open(session))
		wire_start(session);
	if (session->phase != SESSION_ATTACHED)
		return;
	wire_acknowledge(session);
	if (session->phase == SESSION_ATTACHED)
		command_pump(session);
	live_check_end(session); /* a question may have been answered without asking transferd */
}
