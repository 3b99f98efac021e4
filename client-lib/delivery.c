/* SPDX-License-Identifier: MIT */
/*
 * The line of callbacks of each session. One piece of work per session is under way at a time, so callbacks of a session
 * never overlap, whatever kind of queue runs the work. The lock is released around each callback; the event counts as
 * delivered, and may be acknowledged, when its callback has returned.
 */
#include "client-lib/delivery.h"

#include <stdlib.h>
#include <unistd.h>

#include "client-lib/client.h"
#include "client-lib/session.h"
#include "client-lib/task.h"

/* Callbacks that run before other work of the queue gets its turn. */
#define DELIVERY_BURST 64

struct delivery *delivery_new(enum delivery_kind kind, transfer_task *task)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));

	if (!delivery)
		return NULL;
	delivery->kind = kind;
	delivery->fd = -1;
	delivery->task = transfer_task_ref(task);
	return delivery;
}

void delivery_free(struct delivery *delivery)
{
	if (!delivery)
		return;
	if (delivery->fd >= 0)
		close(delivery->fd);
	free(delivery->path);
	free(delivery->digest_algorithm);
	free(delivery->digest_hex);
	transfer_error_unref(delivery->error);
	transfer_response_unref(delivery->response);
	transfer_data_unref(delivery->data);
	for (size_t i = 0; i < delivery->n_tasks; i++)
		transfer_task_unref(delivery->tasks[i]);
	free(delivery->tasks);
	transfer_task_unref(delivery->task);
	free(delivery);
}

void delivery_line_clear(struct delivery_line *line)
{
	struct delivery *delivery;

	while ((delivery = TAILQ_FIRST(line))) {
		TAILQ_REMOVE(line, delivery, link);
		if (delivery->task && delivery->task->waiting_progress == delivery)
			delivery->task->waiting_progress = NULL;
		delivery_free(delivery);
	}
}

static bool is_progress(const struct delivery *delivery)
{
	return delivery->kind == DELIVERY_WRITE || delivery->kind == DELIVERY_SEND;
}

/* Progress that waits already takes the newer numbers: a slow application hears less often, not later. */
static bool join_progress(struct delivery *delivery)
{
	struct delivery *waiting = delivery->task ? delivery->task->waiting_progress : NULL;

	if (!waiting || waiting->kind != delivery->kind || delivery->seq)
		return false;
	waiting->bytes += delivery->bytes;
	waiting->total_bytes = delivery->total_bytes;
	waiting->expected_bytes = delivery->expected_bytes;
	return true;
}

void delivery_push_take(transfer_session *session, struct delivery *delivery)
{
	if (session->is_closing || session->is_dead ||
		(is_progress(delivery) && join_progress(delivery))) {
		delivery_free(delivery);
		return;
	}
	if (delivery->task)
		delivery->task->waiting_progress = is_progress(delivery) ? delivery : NULL;
	TAILQ_INSERT_TAIL(&session->line, delivery, link);
	if (!session->is_posted)
		session->needs_post = true;
}

/* ---- calling ---- */

/* Not answered in the callback, and nobody kept a reference: the default. */
static void ask_delayed(transfer_session *s, const struct delivery *d)
{
	transfer_delayed_request *answer = answer_new_delayed(s, d->question);

	if (!answer) {
		/* asked again at the next attach */
		client_lock(s->client);
		answer_forget(s, d->question);
		client_unlock(s->client);
		return;
	}
	s->delegate.task_will_begin_delayed_request(
		s, d->task, d->task->request, answer, s->userdata);
	transfer_delayed_request_unref(answer);
}

static bool call_task(transfer_session *s, const struct delivery *d)
{
	const struct transfer_session_delegate *to = &s->delegate;

	if (d->kind == DELIVERY_WRITE && to->download_did_write)
		to->download_did_write(
			s, d->task, d->bytes, d->total_bytes, d->expected_bytes, s->userdata);
	else if (d->kind == DELIVERY_SEND && to->task_did_send)
		to->task_did_send(
			s, d->task, d->bytes, d->total_bytes, d->expected_bytes, s->userdata);
	else if (d->kind == DELIVERY_RESUMED && to->download_did_resume)
		to->download_did_resume(s, d->task, d->total_bytes, d->expected_bytes, s->userdata);
	else if (d->kind == DELIVERY_DATA && to->data_did_receive)
		to->data_did_receive(s, d->task, d->data, s->userdata);
	else if (d->kind == DELIVERY_FINISHED && to->download_did_finish)
		to->download_did_finish(s, d->task, d->path, d->fd, s->userdata);
	else if (d->kind == DELIVERY_DELAYED && to->task_will_begin_delayed_request)
		ask_delayed(s, d);
	else if (d->kind == DELIVERY_METRICS && to->task_did_collect_metrics)
		to->task_did_collect_metrics(s, d->task, &d->metrics, s->userdata);
	else if (d->kind == DELIVERY_COMPLETE && to->task_did_complete)
		to->task_did_complete(s, d->task, d->error, s->userdata);
	else
		return false;
	return true;
}

static bool call_session(transfer_session *s, const struct delivery *d)
{
	if (d->kind == DELIVERY_DRAINED && s->delegate.did_finish_background_events)
		s->delegate.did_finish_background_events(s, s->userdata);
	else if (d->kind == DELIVERY_INVALID && s->delegate.did_become_invalid)
		s->delegate.did_become_invalid(s, d->error, s->userdata);
	else if (d->kind == DELIVERY_TASKS && d->tasks_handler)
		d->tasks_handler(d->tasks, d->n_tasks, d->userdata);
	else if (d->kind == DELIVERY_RESUME_DATA && d->resume_data_handler)
		d->resume_data_handler(d->data, d->userdata);
	else if (d->kind == DELIVERY_DONE && d->done_handler)
		d->done_handler(d->error, d->userdata);
	else
		return false;
	return true;
}

/* Takes the first delivery off the line and runs its callback; true: one ran. With the lock held, not during the callback. */
static bool deliver_first(transfer_session *session)
{
	struct delivery *delivery = TAILQ_FIRST(&session->line);
	bool called;

	TAILQ_REMOVE(&session->line, delivery, link);
	if (delivery->task && delivery->task->waiting_progress == delivery)
		delivery->task->waiting_progress = NULL;
	/* withdrawn while it waited in line */
	if (delivery->kind == DELIVERY_DELAYED && !answer_is_known(session, delivery->question))
		delivery->kind = DELIVERY_ACK_ONLY;
	session->is_running = true;
	session->runner = pthread_self();
	client_unlock(session->client);
	called = call_task(session, delivery) || call_session(session, delivery);
	client_lock(session->client);
	session->is_running = false;
	if (delivery->seq > session->done_seq)
		session->done_seq = delivery->seq;
	if (delivery->seq || session->is_closing)
		client_wake(session->client);
	pthread_cond_broadcast(&session->client->changed);
	client_unlock(session->client);
	delivery_free(delivery);
	client_lock(session->client);
	return called;
}

int delivery_run(struct transfer_work *work)
{
	transfer_session *session = (transfer_session *)(void *)((char *)work -
		offsetof(struct transfer_session, work));
	int n = 0;

	client_lock(session->client);
	for (int i = 0; i < DELIVERY_BURST && !TAILQ_EMPTY(&session->line) && !session->is_closing;
		i++)
		n += deliver_first(session);
	session->is_posted = false;
	if (session->is_closing)
		session->needs_post = false;
	else if (!TAILQ_EMPTY(&session->line))
		session->needs_post = true;
	client_unlock(session->client);
	session_memory_unref(session);
	return n;
}
