/* SPDX-License-Identifier: MIT */
/*
 * The line of callbacks of each session. One piece of work per session is under way at a time, so callbacks of a session
 * never overlap, whatever kind of queue runs the work. The lock is released around each callback; the event counts as
 * delivered, and may be acknowledged, when its callback has returned.
 */
#include "client-lib/delivery.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "client-lib/body.h"
#include "client-lib/cache-load.h"
#include "client-lib/cache.h"
#include "client-lib/client.h"
#include "client-lib/live.h"
#include "client-lib/load.h"
#include "client-lib/meter.h"
#include "client-lib/session.h"
#include "client-lib/task-auth.h"
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
	if (delivery->load)
		load_let_go(delivery->load, delivery->data);
	body_feed_unref(delivery->feed);
	cache_load_free(delivery->cache);
	transfer_data_unref(delivery->data);
	transfer_cookie_list_unref(delivery->cookies);
	transfer_request_unref(delivery->request);
	transfer_protection_space_unref(delivery->space);
	transfer_protection_space_unref(delivery->accepted.space);
	transfer_credential_unref(delivery->accepted.credential);
	transfer_credential_unref(delivery->accepted.refused);
	transfer_task_unref(delivery->other);
	arena_done(&delivery->arena);
	for (size_t i = 0; i < delivery->n_tasks; i++)
		transfer_task_unref(delivery->tasks[i]);
	free(delivery->tasks);
	transfer_task_unref(delivery->task);
	free(delivery);
}

/* Off the line: its task has nothing there any more that could be joined or changed. */
static void take_off(struct delivery_line *line, struct delivery *delivery)
{
	transfer_task *task = delivery->task;

	TAILQ_REMOVE(line, delivery, link);
	if (!task)
		return;
	if (task->waiting_progress == delivery)
		task->waiting_progress = NULL;
	if (task->waiting_observe == delivery)
		task->waiting_observe = NULL;
	meter_forget(task->meter, delivery);
	if (task->waiting_end == delivery)
		task->waiting_end = NULL;
}

void delivery_line_clear(struct delivery_line *line)
{
	struct delivery *delivery;

	while ((delivery = TAILQ_FIRST(line))) {
		take_off(line, delivery);
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

	if (!waiting || waiting->kind != delivery->kind ||
		(delivery->seq && !live_is(delivery->task->session)))
		return false;
	waiting->seq = delivery->seq;
	waiting->bytes += delivery->bytes;
	waiting->total_bytes = delivery->total_bytes;
	waiting->expected_bytes = delivery->expected_bytes;
	return true;
}

/* What the program asked for itself: answered after the end of a session, too. */
static bool is_answer(const struct delivery *delivery)
{
	return delivery->kind == DELIVERY_TASKS || delivery->kind == DELIVERY_TASK_LISTS ||
		delivery->kind == DELIVERY_DONE || delivery->kind == DELIVERY_COOKIES ||
		delivery->kind == DELIVERY_RESUME_DATA || delivery->kind == DELIVERY_HANDLER;
}

static bool is_over(const transfer_session *session, const struct delivery *delivery)
{
	return session->is_closing ||
		(session->is_dead && !(live_is(session) && is_answer(delivery)));
}

void delivery_push_take(transfer_session *session, struct delivery *delivery)
{
	if (is_over(session, delivery) || (is_progress(delivery) && join_progress(delivery))) {
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
static bool ask_delayed(transfer_session *s, const struct delivery *d)
{
	transfer_delayed_request *answer;

	if (!s->delegate.task_will_begin_delayed_request)
		return false;
	answer = answer_new_delayed(s, d->question);
	if (!answer) {
		/* asked again at the next attach */
		client_lock(s->client);
		answer_forget(s, d->question);
		client_unlock(s->client);
		return true;
	}
	s->delegate.task_will_begin_delayed_request(
		s, d->task, d->task->request, answer, s->userdata);
	transfer_delayed_request_unref(answer);
	return true;
}

/* Without memory for the object that answers. */
static void fail(transfer_session *s, transfer_task *task)
{
	client_lock(s->client);
	live_fail(s, task);
	client_unlock(s->client);
}

static bool ask_redirect(transfer_session *s, const struct delivery *d)
{
	void (*ask)(transfer_session *, transfer_task *, const transfer_response *,
		const transfer_request *, transfer_redirect *, void *);
	transfer_redirect *answer = answer_new_redirect(d);
	void *userdata;

	ask = DELIVERY_PICK(d->task, task_will_redirect, &userdata);
	if (!answer)
		fail(s, d->task);
	else if (ask)
		ask(s, d->task, d->response, d->request, answer, userdata);
	transfer_redirect_unref(answer);
	return ask;
}

static bool ask_challenge(transfer_session *s, const struct delivery *d)
{
	void (*ask)(transfer_session *, transfer_task *, transfer_challenge *, void *);
	transfer_auto(transfer_credential) proposed = NULL;
	transfer_challenge *challenge;
	void *userdata;

	client_lock(s->client);
	proposed = task_auth_propose(d->task, d->space);
	client_unlock(s->client);
	challenge = answer_new_challenge(d, proposed);
	ask = DELIVERY_PICK(d->task, task_did_receive_challenge, &userdata);
	if (!challenge)
		fail(s, d->task);
	else if (ask)
		ask(s, d->task, challenge, userdata);
	transfer_challenge_unref(challenge);
	return ask;
}

static bool ask_body(transfer_session *s, const struct delivery *d)
{
	void (*ask)(transfer_session *, transfer_task *, transfer_body_request *, void *);
	transfer_body_request *answer = answer_new_body(d);
	void *userdata;

	ask = DELIVERY_PICK(d->task, task_need_body, &userdata);
	if (!answer)
		fail(s, d->task);
	else if (ask)
		ask(s, d->task, answer, userdata);
	transfer_body_request_unref(answer);
	return ask;
}

/* Also where it is told only: an answer that nobody waits for does no harm. */
static bool ask_response(transfer_session *s, const struct delivery *d)
{
	void (*ask)(transfer_session *, transfer_task *, const transfer_response *,
		transfer_disposition *, void *);
	transfer_disposition *answer = answer_new_disposition(d);
	void *userdata;

	ask = DELIVERY_PICK(d->task, data_did_receive_response, &userdata);
	if (!answer)
		fail(s, d->task);
	else if (ask)
		ask(s, d->task, d->response, answer, userdata);
	transfer_disposition_unref(answer);
	return true;
}

static bool call_handler(const struct delivery *d)
{
	const transfer_task *task = d->task;

	if (task->file_handler)
		task->file_handler(d->path, d->path ? d->fd : -1, d->response, d->error,
			task->handler_userdata);
	else
		task->data_handler(
			d->error ? NULL : d->data, d->response, d->error, task->handler_userdata);
	return true;
}

/* What is told of bytes. */
static bool call_moved(transfer_session *s, const struct delivery *d)
{
	void (*call)(transfer_session *, transfer_task *, int64_t, int64_t, int64_t, void *);
	void *userdata;

	call = d->kind == DELIVERY_WRITE ? DELIVERY_PICK(d->task, download_did_write, &userdata)
					 : DELIVERY_PICK(d->task, task_did_send, &userdata);
	if (call)
		call(s, d->task, d->bytes, d->total_bytes, d->expected_bytes, userdata);
	return call;
}

static bool call_resumed(transfer_session *s, const struct delivery *d)
{
	void (*call)(transfer_session *, transfer_task *, int64_t, int64_t, void *);
	void *userdata;

	call = DELIVERY_PICK(d->task, download_did_resume, &userdata);
	if (call)
		call(s, d->task, d->total_bytes, d->expected_bytes, userdata);
	return call;
}

static bool call_data(transfer_session *s, const struct delivery *d)
{
	void (*call)(transfer_session *, transfer_task *, const transfer_data *, void *);
	void *userdata;

	call = DELIVERY_PICK(d->task, data_did_receive, &userdata);
	if (call)
		call(s, d->task, d->data, userdata);
	return call;
}

static bool call_finished(transfer_session *s, const struct delivery *d)
{
	void (*call)(transfer_session *, transfer_task *, const char *, int, void *);
	void *userdata;

	call = DELIVERY_PICK(d->task, download_did_finish, &userdata);
	if (call)
		call(s, d->task, d->path, d->fd, userdata);
	return call;
}

static bool call_metrics(transfer_session *s, const struct delivery *d)
{
	void (*call)(transfer_session *, transfer_task *, const struct transfer_metrics *, void *);
	void *userdata;

	call = DELIVERY_PICK(d->task, task_did_collect_metrics, &userdata);
	if (call)
		call(s, d->task, &d->metrics, userdata);
	return call;
}

static bool call_complete(transfer_session *s, const struct delivery *d)
{
	void (*call)(transfer_session *, transfer_task *, const transfer_error *, void *);
	void *userdata;

	call = DELIVERY_PICK(d->task, task_did_complete, &userdata);
	if (call)
		call(s, d->task, d->error, userdata);
	return call;
}

static bool call_informational(transfer_session *s, const struct delivery *d)
{
	void (*call)(transfer_session *, transfer_task *, const transfer_response *, void *);
	void *userdata;

	call = DELIVERY_PICK(d->task, task_did_receive_informational_response, &userdata);
	if (call && d->response)
		call(s, d->task, d->response, userdata);
	return call;
}

static bool call_waiting(transfer_session *s, const struct delivery *d)
{
	void (*call)(transfer_session *, transfer_task *, void *);
	void *userdata;

	call = DELIVERY_PICK(d->task, task_is_waiting_for_connectivity, &userdata);
	if (call)
		call(s, d->task, userdata);
	return call;
}

static bool call_became_download(transfer_session *s, const struct delivery *d)
{
	void (*call)(transfer_session *, transfer_task *, transfer_task *, void *);
	void *userdata;

	call = DELIVERY_PICK(d->task, data_did_become_download, &userdata);
	if (call)
		call(s, d->task, d->other, userdata);
	return call;
}

static bool call_observer(transfer_session *s, const struct delivery *d)
{
	transfer_task *task = d->task;
	transfer_task_observer observer;
	unsigned int changes;
	void *userdata;

	client_lock(s->client);
	observer = task->observer;
	userdata = task->observer_userdata;
	changes = task->changes;
	task->changes = 0;
	client_unlock(s->client);
	if (observer)
		observer(task, changes, userdata);
	return observer;
}

static bool call_task(transfer_session *s, const struct delivery *d)
{
	switch (d->kind) {
	case DELIVERY_WRITE:
	case DELIVERY_SEND:
		return call_moved(s, d);
	case DELIVERY_RESUMED:
		return call_resumed(s, d);
	case DELIVERY_DATA:
		return call_data(s, d);
	case DELIVERY_FINISHED:
		return call_finished(s, d);
	case DELIVERY_METRICS:
		return call_metrics(s, d);
	case DELIVERY_COMPLETE:
		return call_complete(s, d);
	case DELIVERY_DELAYED:
		return ask_delayed(s, d);
	case DELIVERY_INFORMATIONAL:
		return call_informational(s, d);
	case DELIVERY_REDIRECT:
		return ask_redirect(s, d);
	case DELIVERY_CHALLENGE:
		return ask_challenge(s, d);
	case DELIVERY_NEED_BODY:
		return ask_body(s, d);
	case DELIVERY_RESPONSE:
		return ask_response(s, d);
	case DELIVERY_BECAME_DOWNLOAD:
		return call_became_download(s, d);
	case DELIVERY_WAITING:
		return call_waiting(s, d);
	case DELIVERY_HANDLER:
		return call_handler(d);
	case DELIVERY_OBSERVE:
		return call_observer(s, d);
	case DELIVERY_METER:
		return meter_call(d->task->meter);
	case DELIVERY_LOAD_START:
	case DELIVERY_LOAD_STOP:
		return load_call(d);
	case DELIVERY_BODY_PULL:
		return body_pump_call(d);
	case DELIVERY_CREDENTIAL:
		credential_store_accept(s->credentials, &d->accepted);
		return false; /* what is called is the store's */
	case DELIVERY_WILL_CACHE:
		return cache_load_ask(s, d);
	case DELIVERY_ACK_ONLY:
	case DELIVERY_DRAINED:
	case DELIVERY_INVALID:
	case DELIVERY_TASKS:
	case DELIVERY_TASK_LISTS:
	case DELIVERY_DONE:
	case DELIVERY_COOKIES:
	case DELIVERY_RESUME_DATA:
		break;
	}
	return false;
}

static int by_kind(const void *a, const void *b)
{
	const transfer_task *const *left = a, *const *right = b;

	if ((*left)->kind != (*right)->kind)
		return ((*left)->kind > (*right)->kind) - ((*left)->kind < (*right)->kind);
	return ((*left)->number > (*right)->number) - ((*left)->number < (*right)->number);
}

static size_t count_kind(const struct delivery *d, size_t from, enum transfer_task_kind kind)
{
	size_t n = 0;

	while (from + n < d->n_tasks && d->tasks[from + n]->kind == kind)
		n++;
	return n;
}

/* The kinds stand in the order of their numbers. */
static void call_lists(const struct delivery *d)
{
	static const enum transfer_task_kind kinds[] = { TRANSFER_TASK_DATA, TRANSFER_TASK_UPLOAD,
		TRANSFER_TASK_DOWNLOAD };
	struct transfer_task_lists lists = { .size = sizeof(lists) };
	transfer_task *const **const starts[] = { &lists.data, &lists.uploads, &lists.downloads };
	size_t *const counts[] = { &lists.n_data, &lists.n_uploads, &lists.n_downloads };

	if (d->n_tasks)
		qsort(d->tasks, d->n_tasks, sizeof(transfer_task *), by_kind);
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		size_t from = 0;

		while (from < d->n_tasks && d->tasks[from]->kind != kinds[k])
			from++;
		*starts[k] = d->tasks + from;
		*counts[k] = count_kind(d, from, kinds[k]);
	}
	d->lists_handler(&lists, d->userdata);
}

/* What was kept before it was asked for is in files. */
static void call_cookies(const struct delivery *d)
{
	if (d->cookies_handler)
		d->cookies_handler(d->cookies, d->error, d->userdata);
	else
		d->done_handler(d->error, d->userdata);
}

static void call_done(const transfer_session *s, const struct delivery *d)
{
	cache_flush(s->cache);
	d->done_handler(d->error, d->userdata);
}

static bool call_session(transfer_session *s, const struct delivery *d)
{
	if (d->kind == DELIVERY_DRAINED && s->delegate.did_finish_background_events)
		s->delegate.did_finish_background_events(s, s->userdata);
	else if (d->kind == DELIVERY_INVALID && s->delegate.did_become_invalid)
		s->delegate.did_become_invalid(s, d->error, s->userdata);
	else if (d->kind == DELIVERY_TASKS && d->tasks_handler)
		d->tasks_handler(d->tasks, d->n_tasks, d->userdata);
	else if (d->kind == DELIVERY_TASK_LISTS && d->lists_handler)
		call_lists(d);
	else if (d->kind == DELIVERY_RESUME_DATA && d->resume_data_handler)
		d->resume_data_handler(d->data, d->userdata);
	else if (d->kind == DELIVERY_DONE && d->done_handler)
		call_done(s, d);
	else if (d->kind == DELIVERY_COOKIES && (d->cookies_handler || d->done_handler))
		call_cookies(d);
	else
		return false;
	return true;
}

/* Nobody wants to hear of it any more: withdrawn, or cancelled, while it waited in line. */
static bool is_withdrawn(const transfer_session *session, const struct delivery *delivery)
{
	switch (delivery->kind) {
	case DELIVERY_DELAYED:
		return !answer_is_known(session, delivery->question);
	case DELIVERY_REDIRECT:
	case DELIVERY_CHALLENGE:
	case DELIVERY_NEED_BODY:
		return delivery->task->is_cancelled ||
			(delivery->question && !answer_is_known(session, delivery->question));
	case DELIVERY_INFORMATIONAL:
	case DELIVERY_RESPONSE:
	case DELIVERY_DATA:
	case DELIVERY_FINISHED:
	case DELIVERY_WRITE:
	case DELIVERY_SEND:
	case DELIVERY_WAITING:
	case DELIVERY_WILL_CACHE:
		return live_is(session) && delivery->task && delivery->task->is_cancelled;
	case DELIVERY_ACK_ONLY:
	case DELIVERY_RESUMED:
	case DELIVERY_METRICS:
	case DELIVERY_COMPLETE:
	case DELIVERY_DRAINED:
	case DELIVERY_INVALID:
	case DELIVERY_TASKS:
	case DELIVERY_TASK_LISTS:
	case DELIVERY_DONE:
	case DELIVERY_COOKIES:
	case DELIVERY_RESUME_DATA:
	case DELIVERY_BECAME_DOWNLOAD:
	case DELIVERY_HANDLER:
	case DELIVERY_OBSERVE:
	case DELIVERY_METER:
	case DELIVERY_LOAD_START:
	case DELIVERY_LOAD_STOP:
	case DELIVERY_CREDENTIAL:
	case DELIVERY_BODY_PULL:
		break;
	}
	return false;
}

/* The callback has returned, or there was none. With the lock held. */
static void note_delivered(transfer_session *session, const struct delivery *delivery)
{
	if (delivery->seq > session->done_seq)
		session->done_seq = delivery->seq;
	if (live_is(session))
		live_delivered(session, delivery);
	else if (delivery->seq)
		client_wake(session->client);
	if (session->is_closing)
		client_wake(session->client);
	client_changed(session->client);
}

/*
 * Takes the first delivery off the line and runs its callback; true: one ran. With the lock held, not during the callback.
 * *done: the delivery before it, which is freed on the way; then this one.
 */
static bool deliver_first(transfer_session *session, struct delivery **done)
{
	struct delivery *delivery = TAILQ_FIRST(&session->line);
	bool is_end = delivery->kind == DELIVERY_INVALID, called;

	take_off(&session->line, delivery);
	if (is_end && live_is(session) && !live_may_end(session, delivery))
		return false;
	if (is_withdrawn(session, delivery))
		delivery->kind = DELIVERY_ACK_ONLY;
	session->is_running = true;
	session->runner = pthread_self();
	client_unlock(session->client);
	delivery_free(*done);
	called = call_task(session, delivery) || call_session(session, delivery);
	if (is_end)
		session_over(session);
	client_lock(session->client);
	session->is_running = false;
	note_delivered(session, delivery);
	*done = delivery;
	return called;
}

/* With the lock held, but not while it works. */
static int deliver_some(transfer_session *session)
{
	struct delivery *done = NULL;
	int n = 0;

	for (int i = 0; i < DELIVERY_BURST && !TAILQ_EMPTY(&session->line) && !session->is_closing;
		i++) {
		n += deliver_first(session, &done);
		if (client_is_forked(session->client))
			return n; /* the callback went on as a child: the rest is the parent's */
	}
	client_unlock(session->client);
	delivery_free(done);
	client_lock(session->client);
	return n;
}

int delivery_run(struct transfer_work *work)
{
	transfer_session *session = session_of_work(work);
	bool is_closed;
	int n;

	client_lock(session->client);
	n = deliver_some(session);
	session->is_posted = false;
	is_closed = session->is_closing;
	if (session->is_closing)
		session->needs_post = false;
	else if (!TAILQ_EMPTY(&session->line))
		session->needs_post = true;
	client_unlock(session->client);
	if (is_closed)
		session_over(session); /* the last unref was in a callback */
	session_memory_unref(session);
	return n;
}
