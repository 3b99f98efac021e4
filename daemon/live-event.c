/* SPDX-License-Identifier: MIT */
/*
 * What the engine reports of attempts of live tasks. Looked up by the number that the engine knows, and the attempt: what is
 * late is ignored. Events that carry a body are kept as they are and handed on, never copied.
 */
#include <errno.h>
#include <string.h>

#include <transfer/error.h>

#include "base/err.h"
#include "daemon/live-state.h"

/* ---- what is kept ---- */

static int keep_headers(struct live_task *task, const struct engine_response *from)
{
	struct arena *arena = &task->response_arena;
	struct task_header *headers = arena_alloc(arena, from->n_headers + 1, sizeof(*headers));

	if (!headers)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < from->n_headers; i++) {
		headers[i].name = arena_strdup(arena, from->headers[i].name);
		headers[i].value = arena_strdup(arena, from->headers[i].value);
		if (!headers[i].name || !headers[i].value)
			return err_raise(-ENOMEM);
	}
	task->task.response.headers = headers;
	task->task.response.n_headers = from->n_headers;
	return 0;
}

static int keep_string(struct arena *arena, const char **slot, const char *value)
{
	/* the arena of a task only grows */
	if (value && *slot && !strcmp(*slot, value))
		return 0;
	*slot = value ? arena_strdup(arena, value) : NULL;
	return value && !*slot ? err_raise(-ENOMEM) : 0;
}

/* What can be asked for again, and of which version it is. */
static int keep_validators(struct task *task, const struct engine_response *from)
{
	int r;

	if (task->kind != TRANSFER_TASK_DOWNLOAD || (from->status != 200 && from->status != 206))
		return 0;
	task->can_resume = from->can_resume;
	/* a 206 may leave out what did not change */
	if (from->status == 206 && !from->etag && !from->last_modified)
		return 0;
	r = keep_string(&task->arena, &task->etag, from->etag);
	return r ? r : keep_string(&task->arena, &task->last_modified, from->last_modified);
}

int live_event_keep_response(struct live_task *task, const struct engine_response *from)
{
	struct task_response *to = &task->task.response;
	struct arena *arena = &task->response_arena;
	int r;

	arena_done(arena);
	*to = (struct task_response){ .status = from->status,
		.expected_bytes = from->expected_bytes };
	r = keep_string(arena, &to->url, from->url);
	if (!r)
		r = keep_string(arena, &to->mime_type, from->mime_type);
	if (!r)
		r = keep_string(arena, &to->text_encoding, from->text_encoding);
	if (!r)
		r = keep_string(arena, &to->http_version, from->http_version);
	if (!r)
		r = keep_string(arena, &to->suggested_name, from->suggested_name);
	if (!r)
		r = keep_headers(task, from);
	return r ? r : keep_validators(&task->task, from);
}

void live_event_forget_response(struct live_task *task)
{
	arena_done(&task->response_arena);
	task->task.response = (struct task_response){ .expected_bytes = TRANSFER_SIZE_UNKNOWN };
}

static void keep_counters(
	struct live *live, struct live_task *task, const struct engine_event *event)
{
	struct task *t = &task->task;

	t->received_bytes = event->received_bytes;
	t->live_sent_bytes = event->sent_bytes;
	if (event->expected_receive_bytes >= 0)
		t->expected_receive_bytes = event->expected_receive_bytes;
	if (event->expected_send_bytes >= 0)
		t->expected_send_bytes = event->expected_send_bytes;
	progress_meter_update(&task->received, live->now.now_us, t->received_bytes);
	progress_meter_update(&task->sent, live->now.now_us, t->live_sent_bytes);
	t->receive_bps = task->received.bps;
	t->send_bps = task->sent.bps;
}

/* False: no memory, and the session is lost. */
static bool keep(struct live *live, struct live_task *task, const struct engine_event *event)
{
	if (!event->response || !live_event_keep_response(task, event->response))
		return true;
	live_session_break(live, task->session);
	return false;
}

/* Something of it may still be told. */
static bool is_heard(const struct live_task *task)
{
	return task->is_counted && task->phase != LIVE_PHASE_CANCELING;
}

/* ---- reports ---- */

static void on_response(struct live *live, struct live_task *task, const struct engine_event *event)
{
	keep_counters(live, task, event);
	if (!event->response || !is_heard(task) || !keep(live, task, event))
		return;
	task->task.expected_receive_bytes = event->expected_receive_bytes;
	/* once, but for parts: who goes on from bytes of an attempt before has heard of it; it is before all data anyway */
	if (((task->tells & (LIVE_TELL_RESPONSE | LIVE_TELL_DATA)) || task->was_challenged) &&
		(!task->is_response_told || event->live.is_part))
		live_row_response(live, task);
}

static void on_informational(
	struct live *live, struct live_task *task, const struct engine_event *event)
{
	struct live_line_row *row;

	if (!(task->tells & LIVE_TELL_INFORMATIONAL) || !is_heard(task) || !keep(live, task, event))
		return;
	row = live_row_new(live, task, LIVE_EVENT_INFORMATIONAL);
	if (!row)
		return;
	if (live_row_keep_response(row)) {
		live_row_free(live, row);
		live_session_break(live, task->session);
		return;
	}
	/* it would come again with an attempt that nobody is to notice */
	task->was_told = true;
	(void)live_row_put_take(live, row);
	live_event_forget_response(task);
}

/* What the application may change before it goes on. */
static int copy_proposed(struct live_line_row *row, const struct engine_request *from)
{
	struct task_request *to = arena_alloc(&row->arena, 1, sizeof(*to));
	struct task_header *headers = arena_alloc(
		&row->arena, from->n_headers + 1, sizeof(*headers));

	if (!to || !headers)
		return err_raise(-ENOMEM);
	to->url = arena_strdup(&row->arena, from->url);
	to->method = arena_strdup(&row->arena, from->method);
	for (size_t i = 0; i < from->n_headers; i++) {
		headers[i].name = arena_strdup(&row->arena, from->headers[i].name);
		headers[i].value = arena_strdup(&row->arena, from->headers[i].value);
		if (!headers[i].name || !headers[i].value)
			return err_raise(-ENOMEM);
	}
	to->headers = headers;
	to->n_headers = from->n_headers;
	row->row.request = to;
	return to->url && to->method ? 0 : err_raise(-ENOMEM);
}

static int copy_challenge(struct live_line_row *row, const struct engine_challenge *from)
{
	struct engine_challenge *to = arena_alloc(&row->arena, 1, sizeof(*to));

	if (!to)
		return err_raise(-ENOMEM);
	*to = *from;
	to->protocol = arena_strdup(&row->arena, from->protocol);
	to->host = arena_strdup(&row->arena, from->host);
	to->realm = arena_strdup(&row->arena, from->realm);
	row->row.challenge = to;
	return to->protocol && to->host && to->realm ? 0 : err_raise(-ENOMEM);
}

static int fill_question(struct live_line_row *row, const struct engine_event *event)
{
	int r = event->response ? live_row_keep_response(row) : 0;

	if (!r && event->live.proposed)
		r = copy_proposed(row, event->live.proposed);
	if (!r && event->live.challenge)
		r = copy_challenge(row, event->live.challenge);
	row->row.reason = (enum transfer_body_reason)event->live.reason;
	row->row.attempt = event->attempt;
	return r;
}

static void on_ask(struct live *live, struct live_task *task, const struct engine_event *event,
	enum live_event_type type)
{
	struct live_line_row *row;

	keep_counters(live, task, event);
	if (!is_heard(task) || !keep(live, task, event) ||
		live_step(live, task, LIVE_EVENT_ASK, NULL))
		return;
	/* what was sent is told before the answer */
	if (type != LIVE_EVENT_NEED_BODY && task->task.kind != TRANSFER_TASK_DOWNLOAD)
		live_row_progress(live, task, true);
	row = live_row_new(live, task, type);
	if (!row)
		return;
	if (fill_question(row, event)) {
		live_row_free(live, row);
		live_session_break(live, task->session);
		return;
	}
	live_answer_ask_take(live, task, row);
	/* one that leads elsewhere, or asks who this is, is the task's only when it ends there, and comes again then */
	if (type == LIVE_EVENT_REDIRECT || type == LIVE_EVENT_CHALLENGE)
		live_event_forget_response(task);
}

static void on_resumed(struct live *live, struct live_task *task, const struct engine_event *event)
{
	struct task *t = &task->task;
	struct live_line_row *row;

	t->received_bytes = task->told.bytes = event->offset_bytes;
	if (event->offset_bytes < t->offset_bytes)
		t->offset_bytes = event->offset_bytes;
	if (!event->offset_bytes)
		t->etag = t->last_modified = NULL;
	if (event->expected_receive_bytes >= 0)
		t->expected_receive_bytes = event->expected_receive_bytes;
	/* told once, for data that the client brought */
	if (!t->is_resumed_by_client || !is_heard(task))
		return;
	t->is_resumed_by_client = false;
	row = live_row_new(live, task, LIVE_EVENT_RESUMED);
	if (!row)
		return;
	row->row.offset = event->offset_bytes;
	row->row.expected = event->expected_receive_bytes;
	(void)live_row_put_take(live, row);
}

static void on_data(struct live *live, struct live_task *task, const struct engine_event *event)
{
	struct engine_event *taken;

	keep_counters(live, task, event);
	if (!is_heard(task))
		return;
	taken = engine_event_take(event);
	if (!taken->live.data_is_whole) {
		live_row_data_take(live, task, taken);
		return;
	}
	live_event_drop_take(live, task->whole);
	task->whole = taken;
}

/* Who waits for his reader leaves his slot to others, up to a number. */
static void on_stalled(struct live *live, struct live_task *task, const struct engine_event *event)
{
	if (event->live.is_stalled)
		live_schedule_yield(live, task);
	else if (!task->is_yielding)
		live_schedule_unyield(live, task);
}

/* ---- the end of an attempt ---- */

static bool is_for_want_of_network(int32_t code)
{
	return code == TRANSFER_ERROR_NOT_CONNECTED || code == TRANSFER_ERROR_CANNOT_FIND_HOST ||
		code == TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST;
}

/* Once, silently, and only what may be repeated and of which nobody has heard. */
static bool is_worth_again(const struct live_task *task, const struct engine_event *event)
{
	return event->result.code == TRANSFER_ERROR_NETWORK_CONNECTION_LOST &&
		event->is_retryable && task->n_retries < LIVE_RETRIES_MAX && !task->was_told &&
		!task->body_is_stream && (!task->body_is_asked || (task->asks & LIVE_ASK_BODY)) &&
		live_attempt_is_idempotent(task->task.request.method);
}

static enum live_event judge(
	const struct live *live, const struct live_task *task, const struct engine_event *event)
{
	const struct session_config *config = &task->session->session->config;

	if (event->is_stopped)
		return LIVE_EVENT_DONE_STOPPED;
	if (!event->result.code)
		return task->task.kind == TRANSFER_TASK_DOWNLOAD && task->task.request.destination
			? LIVE_EVENT_DONE_PLACE
			: LIVE_EVENT_DONE;
	if (task->phase == LIVE_PHASE_ASKING || live->is_stopping)
		return LIVE_EVENT_DONE;
	if (is_for_want_of_network(event->result.code) && config->waits_for_connectivity &&
		!live_schedule_reaches(live, task) && !task->was_told)
		return LIVE_EVENT_NO_NETWORK;
	return is_worth_again(task, event) ? LIVE_EVENT_CONNECT_AGAIN : LIVE_EVENT_DONE;
}

static void keep_done(struct live *live, struct live_task *task, const struct engine_event *event)
{
	struct task *t = &task->task;

	if (event->is_unbegun)
		return;
	keep_counters(live, task, event);
	(void)keep(live, task, event);
	t->network_bytes += event->network_bytes;
	t->offset_bytes = event->is_restart_needed ? 0 : event->offset_bytes;
	if (event->is_restart_needed)
		t->etag = t->last_modified = NULL;
	if (event->expected_receive_bytes >= 0)
		t->total_bytes = event->expected_receive_bytes;
	if (event->result.code && event->url)
		(void)keep_string(&t->arena, &t->failing_url, event->url);
}

static void on_done(struct live *live, struct live_task *task, const struct engine_event *event)
{
	const struct transfer_result result = event->result;
	uint64_t lane = task->lane->id;
	enum live_event what;

	keep_done(live, task, event);
	live->n_attempts--;
	task->task.is_transferring = false;
	if (event->next_task)
		live_ahead_follow(live, event);
	what = judge(live, task, event);
	if (what != LIVE_EVENT_DONE_PLACE)
		task->task.attempt = 0;
	if (what == LIVE_EVENT_CONNECT_AGAIN)
		task->n_retries++;
	else if (what == LIVE_EVENT_DONE || what == LIVE_EVENT_DONE_PLACE)
		task->done = engine_event_take(event);
	/* bodies of attempts that are done again are nobody's */
	if (what != LIVE_EVENT_DONE) {
		live_event_drop_take(live, task->whole);
		task->whole = NULL;
	}
	(void)live_step(live, task, what, result.code ? &result : NULL);
	if (what == LIVE_EVENT_DONE && !result.code)
		sched_note_end(live->sched, lane);
}

static void end_placing(
	struct live *live, struct live_task *task, const struct transfer_result *result)
{
	task->task.attempt = 0;
	(void)live_step(live, task, result ? LIVE_EVENT_DONE : LIVE_EVENT_PLACED, result);
}

static void on_synced(struct live *live, struct live_task *task, const struct engine_event *event)
{
	struct transfer_result result = event->result;
	int r;

	if (task->phase != LIVE_PHASE_FINISHING || !task->is_waiting_sync)
		return;
	task->is_waiting_sync = false;
	r = result.code ? 0 : live_attempt_publish(live, task, event);
	if (r)
		result = live_result(TRANSFER_ERROR_CANNOT_MOVE_FILE, strerror(-r));
	if (result.code)
		end_placing(live, task, &result);
}

static void on_published(
	struct live *live, struct live_task *task, const struct engine_event *event)
{
	if (task->phase == LIVE_PHASE_FINISHING)
		end_placing(live, task, event->result.code ? &event->result : NULL);
}

/* ---- events that were kept ---- */

void live_event_drop_take(struct live *live, struct engine_event *event)
{
	if (event)
		TAILQ_INSERT_TAIL(&live->spent, event, entry);
}

void live_event_free_dropped(struct live *live)
{
	struct engine_event *event;

	while ((event = TAILQ_FIRST(&live->spent))) {
		TAILQ_REMOVE(&live->spent, event, entry);
		engine_event_free(event);
	}
}

/* ---- the door ---- */

static void on_report(struct live *live, struct live_task *task, const struct engine_event *event)
{
	switch (event->type) {
	case ENGINE_EVENT_CONNECTED:
		task->task.is_transferring = true;
		live_attempt_drop_stream(task);
		sched_lane_set_http2(live->sched, task->lane->id, event->is_http2);
		return;
	case ENGINE_EVENT_REDIRECTED:
		task->task.redirects++;
		return;
	case ENGINE_EVENT_RESPONSE:
		on_response(live, task, event);
		return;
	case ENGINE_EVENT_INFORMATIONAL:
		on_informational(live, task, event);
		return;
	case ENGINE_EVENT_ASK_REDIRECT:
		on_ask(live, task, event, LIVE_EVENT_REDIRECT);
		return;
	case ENGINE_EVENT_ASK_RESPONSE:
		on_ask(live, task, event, LIVE_EVENT_RESPONSE);
		return;
	case ENGINE_EVENT_ASK_CHALLENGE:
		on_ask(live, task, event, LIVE_EVENT_CHALLENGE);
		return;
	case ENGINE_EVENT_ASK_BODY:
		on_ask(live, task, event, LIVE_EVENT_NEED_BODY);
		return;
	case ENGINE_EVENT_RESUMED:
		on_resumed(live, task, event);
		return;
	case ENGINE_EVENT_PROGRESS:
		keep_counters(live, task, event);
		if (is_heard(task))
			live_row_progress(live, task, false);
		return;
	case ENGINE_EVENT_DATA:
		on_data(live, task, event);
		return;
	case ENGINE_EVENT_STALLED:
		on_stalled(live, task, event);
		return;
	case ENGINE_EVENT_DONE:
		on_done(live, task, event);
		return;
	case ENGINE_EVENT_SYNCED:
		on_synced(live, task, event);
		return;
	case ENGINE_EVENT_PUBLISHED:
		on_published(live, task, event);
		return;
	case ENGINE_EVENT_CHECKPOINT:
	case ENGINE_EVENT_COOKIES:
	case ENGINE_EVENT_SNAPSHOT:
	case ENGINE_EVENT_BEGUN:
		return;
	}
}

void live_engine_event(const struct engine_event *event, void *user)
{
	struct live *live = user;
	struct live_task *task;

	if (event->type == ENGINE_EVENT_COOKIES) {
		live_cookie_event(live, event);
		return;
	}
	if (event->type == ENGINE_EVENT_BEGUN) {
		live_ahead_begun(live, event);
		return;
	}
	task = map_find(&live->by_engine_id, event->task);
	if (task && task->task.attempt == event->attempt)
		on_report(live, task, event);
}
