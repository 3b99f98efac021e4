/* SPDX-License-Identifier: MIT */
/*
 * From the rows of an Events signal to the delegate's line. An event whose number was seen is dropped: after an attach
 * transferd sends again what was not acknowledged. The others go through the inbox, in order, and wait there while their
 * task is unknown (its row is read first) or while tasks are being made (the event may be about one of them).
 */
#include "client-lib/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client-lib/client.h"
#include "client-lib/error.h"
#include "client-lib/request.h"
#include "client-lib/session.h"
#include "client-lib/task.h"
#include "client-lib/wire.h"
#include "ipc/bus.h"
#include "ipc/proto.h"

/* What is asked once more after an attach was told already; what was taken back is told no more. */
static bool is_told_already(
	transfer_session *session, const struct ipc_event *event, const struct delivery *delivery)
{
	if (ipc_event_kind(event->name) == IPC_EVENT_QUESTION_WITHDRAWN) {
		answer_forget(session, delivery->question);
		return true;
	}
	return delivery->kind == DELIVERY_DELAYED &&
		!answer_meet(session, delivery->question, NULL);
}

void event_take_in(transfer_session *session, struct ipc_signal *signal,
	const struct ipc_event *events, size_t n)
{
	if (session->is_closing || session->is_dead)
		return;
	for (size_t i = 0; i < n; i++) {
		struct delivery *delivery;

		if (events[i].seq && events[i].seq <= session->last_seen_seq)
			continue;
		delivery = event_read(signal, &events[i]);
		if (!delivery) {
			/* no memory: nothing is lost, the next attach brings it again */
			wire_reopen(session);
			return;
		}
		if (is_told_already(session, &events[i], delivery)) {
			delivery_free(delivery);
			continue;
		}
		if (events[i].seq)
			session->last_seen_seq = events[i].seq;
		TAILQ_INSERT_TAIL(&session->inbox, delivery, link);
	}
	event_pump(session);
}

static void complete(
	transfer_session *session, transfer_task *task, const struct delivery *delivery)
{
	task->stage = TASK_STAGE_ENDED;
	transfer_error_unref(task->error);
	task->error = transfer_error_ref(delivery->error);
	task_changed(task,
		TRANSFER_TASK_CHANGED_STATE | (task->error ? TRANSFER_TASK_CHANGED_ERROR : 0u));
	session_remove_task(session, task);
	client_changed(session->client);
}

static int by_id(const void *a, const void *b)
{
	const transfer_task *const *left = a, *const *right = b;

	return ((*left)->id > (*right)->id) - ((*left)->id < (*right)->id);
}

static void give_tasks_take(transfer_session *session, struct delivery *answer)
{
	size_t n = HASH_COUNT(session->tasks);
	transfer_task *task, *next;

	/* NULL says that they are not known */
	answer->tasks = answer->error ? NULL : calloc(n ? n : 1, sizeof(transfer_task *));
	HASH_ITER (hh, session->tasks, task, next) {
		if (answer->tasks)
			answer->tasks[answer->n_tasks++] = transfer_task_ref(task);
	}
	if (answer->n_tasks)
		qsort(answer->tasks, answer->n_tasks, sizeof(transfer_task *), by_id);
	delivery_push_take(session, answer);
}

void event_answer_take(transfer_session *session, struct delivery *answer)
{
	if (!session->is_drained) {
		TAILQ_INSERT_TAIL(&session->answers, answer, link);
	} else if (TAILQ_EMPTY(&session->inbox) && !session->is_fetching) {
		give_tasks_take(session, answer);
	} else {
		TAILQ_INSERT_TAIL(&session->inbox, answer, link);
	}
}

void event_drain_take(transfer_session *session, struct delivery *delivery)
{
	struct delivery *answer;

	if (session->is_drained)
		delivery->kind = DELIVERY_ACK_ONLY; /* attached again silently */
	session->is_drained = true;
	delivery_push_take(session, delivery);
	while ((answer = TAILQ_FIRST(&session->answers))) {
		TAILQ_REMOVE(&session->answers, answer, link);
		give_tasks_take(session, answer);
	}
}

static void hand_over(transfer_session *session, transfer_task *task, struct delivery *delivery)
{
	if (delivery->kind == DELIVERY_DRAINED) {
		event_drain_take(session, delivery);
		return;
	}
	if (delivery->kind == DELIVERY_TASKS || delivery->kind == DELIVERY_TASK_LISTS) {
		give_tasks_take(session, delivery);
		return;
	}
	if (delivery->kind == DELIVERY_INVALID) {
		session_end_take(session, delivery);
		return;
	}
	if (task) {
		delivery->task = transfer_task_ref(task);
		event_apply(task, delivery);
		if (delivery->kind == DELIVERY_COMPLETE)
			complete(session, task, delivery);
	}
	delivery_push_take(session, delivery);
}

/* ---- tasks that this process has not met ---- */

/* A task whose row is gone: it is known by its number only. */
static transfer_task *bare_task(transfer_session *session, uint64_t id)
{
	struct transfer_request *request = transfer_request_new(NULL);
	transfer_task *task = request ? task_new(session, TRANSFER_TASK_DOWNLOAD, request) : NULL;

	if (!task)
		return NULL;
	task->id = id;
	task->stage = TASK_STAGE_LIVE;
	task->n_suspensions = 0;
	return task;
}

static void add_task(transfer_session *session, transfer_task *task)
{
	if (!task)
		return;
	(void)session_add_task(
		session, task); /* without memory it is fetched again with its next event */
	transfer_task_unref(task);
}

/* For what was asked for and is not there. */
static void add_bare_tasks(transfer_session *session)
{
	for (size_t i = 0; i < session->n_fetched_ids; i++) {
		if (!session_find_task(session, session->fetched_ids[i]))
			add_task(session, bare_task(session, session->fetched_ids[i]));
	}
}

static void on_fetched(
	void *user, int r, const char *text, const struct ipc_manager_list_tasks_out *out)
{
	transfer_session *session = user;

	(void)text;
	client_lock(session->client);
	session->is_fetching = false;
	if (wire_is_worth_repeating(r)) {
		wire_reopen(session);
	} else if (session->phase != SESSION_GONE && r != -ECANCELED) {
		for (size_t i = 0; !r && i < out->n_tasks; i++) {
			if (!session_find_task(session, out->tasks[i].id))
				add_task(session, task_new_from_row(session, &out->tasks[i]));
		}
		add_bare_tasks(session);
		event_pump(session);
	}
	client_unlock(session->client);
	session_memory_unref(session);
}

static int start_fetch(transfer_session *session)
{
	struct ipc_manager_list_tasks_in in = {
		.filter = {
			.session_path = session->path,
			.has_session_path = true,
			.ids = session->fetched_ids,
			.n_ids = session->n_fetched_ids,
			.include_finished = true,
			.has_include_finished = true,
		},
	};
	int r;

	wire_set_fields(&in.filter);
	session_memory_ref(session); /* of the call */
	r = ipc_start_manager_list_tasks(
		session->client->bus, (struct ipc_path){ 0 }, &in, on_fetched, session);
	if (r)
		session_memory_unref(session);
	else
		session->is_fetching = true;
	return r;
}

static bool is_asked_for(const transfer_session *session, uint64_t id)
{
	for (size_t i = 0; i < session->n_fetched_ids; i++) {
		if (session->fetched_ids[i] == id)
			return true;
	}
	return false;
}

static void ask_for(transfer_session *session, uint64_t id)
{
	if (id && session->n_fetched_ids < SESSION_MAX_FETCH && !session_find_task(session, id) &&
		!is_asked_for(session, id))
		session->fetched_ids[session->n_fetched_ids++] = id;
}

static void fetch_unknown(transfer_session *session)
{
	const struct delivery *delivery;

	session->n_fetched_ids = 0;
	TAILQ_FOREACH (delivery, &session->inbox, link)
		ask_for(session, delivery->task_id);
	if (start_fetch(session))
		wire_reopen(session);
}

void event_meet(transfer_session *session, const struct ipc_task *tasks, size_t n)
{
	session->n_fetched_ids = 0;
	for (size_t i = 0; i < n && i < SESSION_MAX_FETCH; i++)
		session->fetched_ids[session->n_fetched_ids++] = tasks[i].id;
	if (n && start_fetch(session))
		wire_reopen(session);
}

static bool is_creating(const transfer_session *session)
{
	const struct command *command = TAILQ_FIRST(&session->flight);

	return command && command->kind == COMMAND_CREATE;
}

void event_pump(transfer_session *session)
{
	struct delivery *delivery;

	while (!session->is_fetching && !is_creating(session) && !session->is_dead &&
		(delivery = TAILQ_FIRST(&session->inbox))) {
		transfer_task *task = delivery->task_id
			? session_find_task(session, delivery->task_id)
			: NULL;

		if (delivery->task_id && !task) {
			if (session->phase == SESSION_ATTACHED)
				fetch_unknown(session);
			return;
		}
		TAILQ_REMOVE(&session->inbox, delivery, link);
		hand_over(session, task, delivery);
	}
}
