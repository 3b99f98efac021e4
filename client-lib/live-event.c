/* SPDX-License-Identifier: MIT */
/*
 * What happens to tasks of live sessions. A row of transferd becomes one or, when it is folded, several happenings; behind a
 * pipe they wait until it has ended. live_tell() is where all of them go, those of loaders, too: it brings the task up to
 * date and gives them to the line. Tasks with a handler, and those that want their body whole, gather it here.
 */
#include "client-lib/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client-lib/cache-load.h"
#include "client-lib/client.h"
#include "client-lib/command.h"
#include "client-lib/error.h"
#include "client-lib/event.h"
#include "client-lib/fetch.h"
#include "client-lib/request.h"
#include "client-lib/response.h"
#include "client-lib/segment.h"
#include "client-lib/session.h"
#include "client-lib/task-auth.h"
#include "client-lib/task.h"
#include "ipc/bus.h"
#include "ipc/proto.h"

/* ---- telling ---- */

/* Nobody is called, but its row counts as delivered when what was before it was. */
static void pass_take(transfer_session *session, struct delivery *delivery)
{
	if (delivery->is_piece)
		segment_delivered(delivery->task);
	delivery->is_piece = false;
	if (!delivery->seq) {
		delivery_free(delivery);
		return;
	}
	delivery->kind = DELIVERY_ACK_ONLY;
	delivery_push_take(session, delivery);
}

/* More of a body that is wanted whole. -ENOMEM: there is no room for it. */
static int gather(transfer_task *task, const transfer_data *data)
{
	size_t n = transfer_data_get_size(data), room = task->gathered_room;
	char *bytes;

	if (!task->whole && !task->gathered) {
		task->whole = transfer_data_ref(data);
		return 0;
	}
	if (task->whole) {
		transfer_data *first = task->whole;
		int r;

		task->whole = NULL;
		task->gathered_room = transfer_data_get_size(first) * 2 + SEGMENT_BYTES;
		task->gathered = malloc(task->gathered_room);
		r = task->gathered ? gather(task, first) : -ENOMEM;
		transfer_data_unref(first);
		return r ? r : gather(task, data);
	}
	while (room - task->n_gathered < n)
		room *= 2;
	bytes = room == task->gathered_room ? task->gathered : realloc(task->gathered, room);
	if (!bytes)
		return -ENOMEM;
	task->gathered = bytes;
	task->gathered_room = room;
	if (n)
		memcpy(task->gathered + task->n_gathered, transfer_data_get_bytes(data), n);
	task->n_gathered += n;
	return 0;
}

/* What was gathered; NULL: out of memory. */
static transfer_data *take_whole(transfer_task *task)
{
	transfer_data *data = task->whole;

	task->whole = NULL;
	if (data)
		return data;
	if (!task->gathered)
		return transfer_data_new_copy(NULL, 0);
	data = transfer_data_new_take(task->gathered, task->n_gathered, free, task->gathered);
	if (data)
		task->gathered = NULL;
	return data;
}

static bool is_gathered(const transfer_task *task)
{
	return task->data_handler || (task->wants_whole && task->kind != TRANSFER_TASK_DOWNLOAD);
}

static void tell_data(transfer_session *session, transfer_task *task, struct delivery *delivery)
{
	task->progress.received_bytes += (int64_t)transfer_data_get_size(delivery->data);
	task_changed(task, TRANSFER_TASK_CHANGED_COUNTERS);
	if (task->is_cancelled || (task_has_handler(task) && !is_gathered(task))) {
		pass_take(session, delivery);
		return;
	}
	if (!is_gathered(task) && !task->reader) {
		delivery_push_take(session, delivery);
		return;
	}
	if (is_gathered(task) ? gather(task, delivery->data) != 0
			      : !fetch_take_data(task->reader, delivery))
		task->is_cut = true;
	pass_take(session, delivery);
}

/* How much of the body is to come, as far as the head says: a coded one is longer than it was sent. */
static void tell_response(transfer_session *session, transfer_task *task, struct delivery *delivery)
{
	const transfer_response *response = delivery->response;
	const char *coding, *url;

	if (!response) {
		pass_take(session, delivery);
		return;
	}
	coding = transfer_response_get_header(response, "Content-Encoding");
	url = transfer_response_get_url(response);
	if (!coding || !strcmp(coding, "identity"))
		task->progress.expected_receive_bytes = transfer_response_get_expected_length(
			response);
	if (url && task->request->url && strcmp(url, task->request->url) != 0)
		task_set_current_url(task, url);
	if (task->reader)
		fetch_take_response(task->reader, delivery);
	if ((task_has_handler(task) || task->reader || task->kind == TRANSFER_TASK_DOWNLOAD) &&
		!delivery->is_question)
		pass_take(session, delivery);
	else
		delivery_push_take(session, delivery);
}

/* ---- the end ---- */

static transfer_error *cancelled(const transfer_task *task, transfer_error *error_take)
{
	transfer_error *error;

	if (error_take && transfer_error_get_domain(error_take) == TRANSFER_DOMAIN_URL &&
		transfer_error_get_code(error_take) == TRANSFER_ERROR_CANCELLED)
		return error_take;
	error = error_new(&(struct error_init){
		.domain = TRANSFER_DOMAIN_URL,
		.code = TRANSFER_ERROR_CANCELLED,
		.failing_url = task->request->url,
		.has_cancelled_reason = true,
	});
	transfer_error_unref(error_take);
	return error;
}

transfer_error *live_cancelled_error(const transfer_task *task)
{
	return cancelled(task, NULL);
}

/* The end as its handler gets it: with the body, or the file, after success. */
static void fill_handler(transfer_task *task, struct delivery *end)
{
	end->kind = DELIVERY_HANDLER;
	if (!end->response)
		end->response = transfer_response_ref(task->response);
	if (!end->error && task->data_handler) {
		end->data = take_whole(task);
		if (!end->data)
			end->error = error_new_errno(ENOMEM, NULL);
	}
	if (!end->error && task->file) {
		end->path = task->file->path;
		end->fd = task->file->fd;
		task->file->path = NULL;
		task->file->fd = -1;
	}
	delivery_free(task->file);
	task->file = NULL;
}

/* A body that is wanted whole comes right before the end, after success. */
static void tell_whole(transfer_session *session, transfer_task *task, struct delivery *end)
{
	struct delivery *delivery;

	if (end->error || (!task->whole && !task->gathered))
		return;
	delivery = delivery_new(DELIVERY_DATA, task);
	if (delivery)
		delivery->data = take_whole(task);
	if (delivery && delivery->data) {
		delivery_push_take(session, delivery);
		return;
	}
	delivery_free(delivery);
	end->error = error_new_errno(ENOMEM, NULL);
}

/* Its own end was decided here, and transferd was told to cancel it. */
static void replace_error(transfer_task *task, struct delivery *end)
{
	transfer_error_unref(end->error);
	end->error = task->refusal;
	task->refusal = NULL;
}

static void tell_end(transfer_session *session, transfer_task *task, struct delivery *end)
{
	if (task->is_cancelled)
		end->error = cancelled(task, end->error);
	else if (task->refusal)
		replace_error(task, end);
	else if (task->is_cut && !end->error)
		end->error = error_new_url(
			TRANSFER_ERROR_NETWORK_CONNECTION_LOST, task->request->url);
	cache_load_invalidate(task);
	if (task_has_handler(task))
		fill_handler(task, end);
	else if (is_gathered(task))
		tell_whole(session, task, end);
	transfer_error_unref(task->error);
	task->error = transfer_error_ref(end->error);
	task_changed(task,
		TRANSFER_TASK_CHANGED_STATE | (task->error ? TRANSFER_TASK_CHANGED_ERROR : 0u));
	task->waiting_end = session->is_closing || session->is_dead || task->reader ? NULL : end;
	if (task->reader) {
		fetch_take_end(task->reader, end);
		pass_take(session, end);
	} else {
		delivery_push_take(session, end);
	}
	live_ended(session, task);
}

/* Tasks with a handler, too. */
static bool asks_always(const struct delivery *delivery)
{
	return delivery->kind == DELIVERY_REDIRECT || delivery->kind == DELIVERY_CHALLENGE ||
		delivery->kind == DELIVERY_NEED_BODY;
}

/* True: taken. */
static bool is_for_cache(transfer_session *session, transfer_task *task, struct delivery *delivery)
{
	enum cache_take take = cache_load_take_in(task, delivery);

	if (take == CACHE_SWALLOW)
		pass_take(session, delivery);
	return take != CACHE_TELL;
}

void live_tell(transfer_session *session, transfer_task *task, struct delivery *delivery)
{
	if (!delivery->task)
		delivery->task = transfer_task_ref(task);
	if (task->stage == TASK_STAGE_ENDED) {
		pass_take(session, delivery);
		return;
	}
	if (task->auth || delivery->kind == DELIVERY_CHALLENGE)
		task_auth_take_in(task, delivery);
	if (task->cache && is_for_cache(session, task, delivery))
		return;
	event_apply(task, delivery);
	if (delivery->kind == DELIVERY_COMPLETE) {
		tell_end(session, task, delivery);
	} else if (delivery->kind == DELIVERY_DATA) {
		tell_data(session, task, delivery);
	} else if (delivery->kind == DELIVERY_RESPONSE) {
		tell_response(session, task, delivery);
	} else if (delivery->kind == DELIVERY_CHALLENGE && answer_for_delegate(delivery)) {
		pass_take(session, delivery);
	} else if (asks_always(delivery) || !(task_has_handler(task) || task->reader)) {
		delivery_push_take(session, delivery);
	} else if (delivery->kind == DELIVERY_FINISHED && task->file_handler && !task->file) {
		task->file = delivery;
	} else {
		pass_take(session, delivery);
	}
}

/* ---- rows ---- */

/* What waits to be said of the task; what is on its way reaches the download by the number of the task. */
static void hand_over(transfer_session *session, transfer_task *task, transfer_task *download)
{
	struct command *command;

	TAILQ_FOREACH (command, &session->commands, link) {
		if (command->task != task)
			continue;
		command->task = transfer_task_ref(download);
		transfer_task_unref(task);
	}
	download->is_cancelled = task->is_cancelled;
}

static void become_download(
	transfer_session *session, transfer_task *task, struct delivery *delivery)
{
	transfer_task *download = task_new_download_of(task, delivery->question);

	delivery->question = 0;
	if (!download || session_add_task(session, download)) {
		transfer_task_unref(download);
		task->is_cut = true; /* what comes under the other number is unknown here */
		pass_take(session, delivery);
		return;
	}
	delivery->other = transfer_task_ref(download);
	delivery->task = transfer_task_ref(task);
	live_link(session, download);
	hand_over(session, task, download);
	live_replaced(session, task);
	delivery_push_take(session, delivery);
}

/* What the task would be asked with: as it was made, but for what the redirect changes. NULL: out of memory. */
static transfer_request *propose(const transfer_task *task, const struct ipc_request *row)
{
	transfer_request *request = transfer_request_copy(task->request);

	if (!request || !row)
		return request;
	text_headers_done(&request->headers);
	request->headers = (struct text_headers){ 0 };
	if (text_set(&request->url, row->url, TEXT_URL_MAX_BYTES) ||
		text_set(&request->method, row->method, TEXT_URL_MAX_BYTES) ||
		text_headers_from_ipc(&request->headers, row->headers, row->n_headers) ||
		cache_load_strip(task, request)) {
		transfer_request_unref(request);
		return NULL;
	}
	return request;
}

static void do_row(transfer_session *session, transfer_task *task, struct delivery *delivery);

/* One happening more, in front of the one that it was folded into. NULL: out of memory. */
static struct delivery *unfold_one(enum delivery_kind kind, const struct delivery *from)
{
	struct delivery *delivery = delivery_new(kind, NULL);

	if (!delivery)
		return NULL;
	delivery->bytes = from->bytes;
	delivery->total_bytes = from->total_bytes;
	delivery->expected_bytes = from->expected_bytes;
	return delivery;
}

static void unfold_file(transfer_session *session, transfer_task *task, struct delivery *from)
{
	struct delivery *delivery = unfold_one(DELIVERY_FINISHED, from);

	if (!delivery) {
		task->is_cut = true;
		return;
	}
	delivery->path = from->path;
	delivery->fd = from->fd;
	delivery->digest_algorithm = from->digest_algorithm;
	delivery->digest_hex = from->digest_hex;
	from->path = from->digest_algorithm = from->digest_hex = NULL;
	from->fd = -1;
	do_row(session, task, delivery);
}

static void unfold_body(transfer_session *session, transfer_task *task, struct delivery *from)
{
	struct delivery *delivery = unfold_one(DELIVERY_DATA, from);

	if (!delivery) {
		task->is_cut = true;
		return;
	}
	delivery->data = from->data;
	delivery->is_pipe = from->is_pipe;
	if (from->is_pipe) {
		delivery->fd = from->fd;
		from->fd = -1;
	}
	from->data = NULL;
	from->is_pipe = false;
	do_row(session, task, delivery);
}

static void unfold_metrics(transfer_session *session, transfer_task *task, struct delivery *from)
{
	struct delivery *delivery = unfold_one(DELIVERY_METRICS, from);

	if (!delivery)
		return;
	delivery->metrics = from->metrics;
	delivery->arena = from->arena;
	from->arena = (struct arena){ 0 };
	do_row(session, task, delivery);
}

/* The end of a task of which nothing was told yet says all the rest, too: in the order in which it would have been told. */
static void unfold(transfer_session *session, transfer_task *task, struct delivery *end)
{
	bool is_download = task->kind == TRANSFER_TASK_DOWNLOAD;
	struct delivery *delivery;

	end->is_folded = false;
	if (end->total_bytes > 0 && !is_download) {
		delivery = unfold_one(DELIVERY_SEND, end);
		if (delivery)
			do_row(session, task, delivery);
	}
	if (end->response) {
		delivery = unfold_one(DELIVERY_RESPONSE, end);
		if (!delivery)
			task->is_cut = true;
		if (delivery) {
			delivery->response = end->response;
			end->response = NULL;
			do_row(session, task, delivery);
		}
	}
	if (end->data || end->is_pipe)
		unfold_body(session, task, end);
	if (end->total_bytes > 0 && is_download) {
		delivery = unfold_one(DELIVERY_WRITE, end);
		if (delivery)
			do_row(session, task, delivery);
	}
	if (end->path)
		unfold_file(session, task, end);
	if (end->has_metrics)
		unfold_metrics(session, task, end);
	do_row(session, task, end);
}

static void open_pipe(transfer_session *session, transfer_task *task, struct delivery *delivery)
{
	int fd = delivery->fd;

	delivery->fd = -1;
	delivery->is_pipe = false;
	if (fd < 0 || task->is_cancelled || task->stage == TASK_STAGE_ENDED) {
		task->is_cut = true;
		if (fd >= 0)
			close(fd);
	} else if (segment_open(task, fd)) {
		task->is_cut = true;
	}
	pass_take(session, delivery);
}

/* A row in its turn: at once, or behind the pipe that is read. */
static void do_row(transfer_session *session, transfer_task *task, struct delivery *delivery)
{
	if (task->segment) {
		TAILQ_INSERT_TAIL(&task->hold, delivery, link);
		return;
	}
	if (delivery->is_folded)
		unfold(session, task, delivery);
	else if (delivery->kind == DELIVERY_DATA && delivery->is_pipe)
		open_pipe(session, task, delivery);
	else if (delivery->kind == DELIVERY_BECAME_DOWNLOAD && task->stage != TASK_STAGE_ENDED)
		become_download(session, task, delivery);
	else
		live_tell(session, task, delivery);
}

bool live_has_end(const transfer_task *task)
{
	const struct delivery *delivery;

	TAILQ_FOREACH (delivery, &task->hold, link) {
		if (delivery->kind == DELIVERY_COMPLETE ||
			delivery->kind == DELIVERY_BECAME_DOWNLOAD)
			return true;
	}
	return false;
}

void live_go_on(transfer_session *session, transfer_task *task)
{
	struct delivery *delivery;

	while (!task->segment && (delivery = TAILQ_FIRST(&task->hold))) {
		TAILQ_REMOVE(&task->hold, delivery, link);
		do_row(session, task, delivery);
	}
}

static bool is_question(const struct delivery *delivery)
{
	return delivery->question &&
		(asks_always(delivery) ||
			(delivery->kind == DELIVERY_RESPONSE && delivery->is_question));
}

/* -ENOMEM: it cannot be read. */
static int take_row(
	transfer_session *session, struct ipc_signal *signal, const struct ipc_event *event)
{
	struct delivery *delivery = event_read(signal, event);
	transfer_task *task = session_find_task(session, event->task.task);

	if (!delivery)
		return -ENOMEM;
	if (ipc_event_kind(event->name) == IPC_EVENT_QUESTION_WITHDRAWN)
		answer_forget(session, delivery->question);
	if (!task || delivery->kind == DELIVERY_ACK_ONLY) {
		delivery->kind = DELIVERY_ACK_ONLY;
		pass_take(session, delivery);
		return 0;
	}
	if (delivery->kind == DELIVERY_REDIRECT) {
		delivery->request = propose(task, event->args ? event->args->request : NULL);
		if (!delivery->request) {
			delivery_free(delivery);
			return -ENOMEM;
		}
	}
	if (delivery->kind == DELIVERY_BECAME_DOWNLOAD && event->args)
		delivery->question = event->args->download.task;
	if (is_question(delivery) && !answer_meet(session, delivery->question, task) &&
		!answer_is_known(session, delivery->question)) {
		live_fail(session, task);
		delivery->kind = DELIVERY_ACK_ONLY;
		pass_take(session, delivery);
		return 0;
	}
	do_row(session, task, delivery);
	return 0;
}

void live_take_in(transfer_session *session, struct ipc_signal *signal,
	const struct ipc_event *events, size_t n)
{
	for (size_t i = 0; i < n && !session->is_closing; i++) {
		if (events[i].seq)
			session->last_seen_seq = events[i].seq;
		/* what cannot be told, there or here, cannot be had again: with a gap nothing is right any more */
		if (ipc_event_kind(events[i].name) == IPC_EVENT_DID_BECOME_INVALID ||
			take_row(session, signal, &events[i])) {
			live_lost(session);
			return;
		}
	}
}
