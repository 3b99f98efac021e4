/* SPDX-License-Identifier: MIT */
/*
 * What the engine reports, turned into changes of the model. Reports carry (task, attempt) and are looked up: those of
 * attempts that are over are ignored (I2, I6). Numbers that only show movement are not stored; a checkpoint is (I4); the
 * final response of an upload is recorded before anything else can happen to it (BT-25).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <transfer/error.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "daemon/core/retry.h"
#include "daemon/flow-state.h"
#include "engine/engine.h"

#define STARVED_MAX   8 /* failures in a row for want of memory, then no more */
#define LATE_AHEAD_US (PROGRESS_QUIET_US * 2 / 3) /* what moves is not due before a timer comes */

/* That the event means nothing in the task's phase is no failure. */
static int step(struct flow *flow, struct active *active, enum task_event event,
	const struct transfer_result *result)
{
	int r = flow_step(flow, active, event, result);

	return r < 0 ? r : 0;
}

/* ---- keeping what came ---- */

/* Replaces a string of the task; the old one stays in the arena until the task is loaded anew. */
static int set_string(struct task *task, const char **slot, const char *value)
{
	const char *copy;

	if (*slot == value || (*slot && value && !strcmp(*slot, value)))
		return 0;
	if (*slot)
		task->stale_bytes += strlen(*slot) + 16;
	copy = value ? arena_strdup(&task->arena, value) : NULL;
	if (value && !copy)
		return err_raise(-ENOMEM);
	*slot = copy;
	return 0;
}

static int set_digest_state(struct task *task, const struct engine_event *event)
{
	void *copy;

	if (!event->digest_state) {
		task->digest_state = NULL;
		task->digest_state_bytes = 0;
		return 0;
	}
	copy = arena_alloc(&task->arena, event->digest_state_bytes, 1);
	if (!copy)
		return err_raise(-ENOMEM);
	memcpy(copy, event->digest_state, event->digest_state_bytes);
	task->stale_bytes += task->digest_state_bytes + 16;
	task->digest_state = copy;
	task->digest_state_bytes = event->digest_state_bytes;
	return 0;
}

static int set_headers(struct task *task, const struct engine_response *from)
{
	struct task_header *headers = arena_alloc(
		&task->arena, from->n_headers + 1, sizeof(*headers));

	if (!headers)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < from->n_headers; i++) {
		headers[i].name = arena_strdup(&task->arena, from->headers[i].name);
		headers[i].value = arena_strdup(&task->arena, from->headers[i].value);
		if (!headers[i].name || !headers[i].value)
			return err_raise(-ENOMEM);
		task->stale_bytes += strlen(headers[i].name) + strlen(headers[i].value) + 64;
	}
	task->response.headers = headers;
	task->response.n_headers = from->n_headers;
	return 0;
}

static bool is_same_response(const struct task_response *have, const struct engine_response *from)
{
	if (have->status != from->status || have->n_headers != from->n_headers || !have->url ||
		!from->url || strcmp(have->url, from->url) != 0)
		return false;
	for (size_t i = 0; i < from->n_headers; i++)
		if (strcmp(have->headers[i].name, from->headers[i].name) != 0 ||
			strcmp(have->headers[i].value, from->headers[i].value) != 0)
			return false;
	return true;
}

static int set_response(struct task *task, const struct engine_response *from)
{
	struct task_response *r = &task->response;
	int e = 0;

	if (is_same_response(r, from))
		return 0;
	task->is_response_new = true;
	r->status = from->status;
	r->expected_bytes = from->expected_bytes;
	e |= set_string(task, &r->url, from->url);
	e |= set_string(task, &r->mime_type, from->mime_type);
	e |= set_string(task, &r->text_encoding, from->text_encoding);
	e |= set_string(task, &r->http_version, from->http_version);
	e |= set_string(task, &r->suggested_name, from->suggested_name);
	e |= set_headers(task, from);
	return e ? -ENOMEM : 0;
}

/* The validators that belong to the bytes on disk, and whether more of the same may be had. */
static int set_validators(struct task *task, const struct engine_response *from)
{
	int e;

	if (task->kind != TRANSFER_TASK_DOWNLOAD)
		return 0;
	/* 304, 412 and 416 say nothing about the body; errors are not continued */
	if (from->status != 200 && from->status != 206)
		return 0;
	task->can_resume = from->can_resume;
	/* a 206 may leave out what did not change */
	if (from->status == 206 && !from->etag && !from->last_modified)
		return 0;
	e = set_string(task, &task->etag, from->etag);
	return e | set_string(task, &task->last_modified, from->last_modified);
}

static void count_received(struct flow *flow, uint64_t bytes)
{
	flow->received_bytes += bytes;
	progress_samples_add(&flow->received_samples, flow->now.now_us, bytes);
	progress_meter_update(&flow->received_meter, flow->now.now_us, flow->received_bytes);
}

static void count_sent(struct flow *flow, uint64_t bytes)
{
	flow->sent_bytes += bytes;
	progress_samples_add(&flow->sent_samples, flow->now.now_us, bytes);
	progress_meter_update(&flow->sent_meter, flow->now.now_us, flow->sent_bytes);
}

/* Live numbers: shown, not stored. */
static void set_counters(struct flow *flow, struct active *active, const struct engine_event *event)
{
	struct task *task = active->task;

	if (event->received_bytes > task->received_bytes)
		count_received(flow, event->received_bytes - task->received_bytes);
	if (event->sent_bytes > task->live_sent_bytes)
		count_sent(flow, event->sent_bytes - task->live_sent_bytes);
	task->received_bytes = event->received_bytes;
	task->live_sent_bytes = event->sent_bytes;
	if (event->expected_receive_bytes >= 0)
		task->expected_receive_bytes = event->expected_receive_bytes;
	if (event->expected_send_bytes >= 0)
		task->expected_send_bytes = event->expected_send_bytes;
	progress_meter_update(&active->received, flow->now.now_us, task->received_bytes);
	progress_meter_update(&active->sent, flow->now.now_us, task->live_sent_bytes);
	task->receive_bps = active->received.bps;
	task->send_bps = active->sent.bps;
	task->generation = ++flow->generation;
}

/* ---- progress for the delegate ---- */

struct progress_item {
	struct flow *flow;
	struct flow_progress progress;
};

static void on_progress_release(void *data, int error)
{
	struct progress_item *item = data;
	const struct flow_observer *o = item->flow->observer;

	if (!error && o && o->progress)
		o->progress(&item->progress, item->flow->observer_user);
	free(item);
}

static void note_late(struct flow *flow, const struct active *active)
{
	if (active->told.due_us && active->told.due_us < flow->late_due_us)
		flow->late_due_us = active->told.due_us;
}

static void tell_progress(struct flow *flow, struct active *active, bool is_last)
{
	const struct task *task = active->task;
	const struct flow_session *s = flow_session_lookup(flow, task->session);
	bool is_upload = task->kind == TRANSFER_TASK_UPLOAD;
	uint64_t bytes = is_upload ? task->live_sent_bytes : task->received_bytes, delta,
		 interval_us;
	struct progress_item *item;

	if (!s || !s->client || !s->progress_interval_us)
		return;
	interval_us = s->progress_interval_us;
	if (is_last)
		active->told.at_us = 0;
	if (!progress_tell(&active->told, flow->now.now_us, interval_us, bytes, &delta)) {
		note_late(flow, active);
		return;
	}
	item = malloc(sizeof(*item));
	if (!item)
		return;
	*item = (struct progress_item){
		.flow = flow,
		.progress = { .session = task->session,
			.task = task->id,
			.kind = task->kind,
			.delta_bytes = delta,
			.total_bytes = bytes,
			.expected_bytes = is_upload ? task->expected_send_bytes
						    : task->expected_receive_bytes },
	};
	if (outbox_add_take(&flow->outbox, on_progress_release, item))
		free(item);
}

void flow_event_tell_late(struct flow *flow)
{
	struct active *active;
	size_t cursor = 0;

	if (flow->now.now_us + LATE_AHEAD_US < flow->late_due_us)
		return;
	flow->late_due_us = UINT64_MAX;
	while ((active = registry_next(&flow->registry, &cursor))) {
		if (active->told.due_us > flow->now.now_us)
			note_late(flow, active);
		if (!active->told.due_us || active->told.due_us > flow->now.now_us)
			continue;
		/* once, also where nobody is there to hear it */
		active->told.due_us = 0;
		if (!active->is_gone)
			tell_progress(flow, active, true);
	}
}

/* ---- reports of a running attempt ---- */

static int on_connected(struct flow *flow, struct active *active, const struct engine_event *event)
{
	int r = flow_turn_change(flow, active, 0);

	if (r)
		return r;
	active->task->is_transferring = true;
	sched_lane_set_http2(flow->sched, active->task->lane, event->is_http2);
	return 0;
}

static int on_redirected(struct flow *flow, struct active *active, const struct engine_event *event)
{
	int r = flow_turn_change(flow, active, 0);

	(void)event;
	if (!r)
		active->task->redirects++;
	return r;
}

static bool is_status_retried(const struct flow *flow, const struct task *task, uint16_t status)
{
	const struct flow_session *s = flow_session_lookup(flow, task->session);

	return retry_is_wanted_status(status) &&
		(task->request.retry_http_errors || (s && s->session->config.retry_http_errors));
}

static int on_response(struct flow *flow, struct active *active, const struct engine_event *event)
{
	struct task *task = active->task;
	int r = flow_turn_change(flow, active, 0);

	if (!r && event->response)
		r = set_response(task, event->response);
	if (!r && event->response)
		r = set_validators(task, event->response);
	/* whatever an attempt before was told: this may be unknown again */
	if (event->response && event->response->status == 200)
		task->expected_receive_bytes = event->expected_receive_bytes;
	if (r || !event->response || task->kind != TRANSFER_TASK_UPLOAD ||
		is_status_retried(flow, task, event->response->status))
		return r;
	active->save |= STORE_SAVE_RESPONSE;
	return step(flow, active, TASK_EVENT_ANSWER, NULL);
}

static int on_resumed(struct flow *flow, struct active *active, const struct engine_event *event)
{
	struct task *task = active->task;
	int64_t total = event->expected_receive_bytes;
	int r = flow_turn_change(flow, active, STORE_SAVE_PROGRESS);

	if (r)
		return r;
	task->received_bytes = event->offset_bytes;
	active->told.bytes = event->offset_bytes;
	if (event->offset_bytes < task->offset_bytes) {
		task->offset_bytes = event->offset_bytes;
		task->digest_state = NULL;
		task->digest_state_bytes = 0;
	}
	/* other bytes come into the part: nothing may say that they are of the version before */
	if (!event->offset_bytes)
		task->etag = task->last_modified = NULL;
	if (total >= 0)
		task->expected_receive_bytes = total;
	/* told once, for data that the client brought; attempts of our own are silent (BT-40) */
	if (!task->is_resumed_by_client)
		return 0;
	task->is_resumed_by_client = false;
	return flow_step_put_event(flow, task->session,
		&(struct store_event){
			.task = task->id,
			.type = STORE_EVENT_RESUMED,
			.a = (int64_t)event->offset_bytes,
			.b = total,
		});
}

static int on_progress(struct flow *flow, struct active *active, const struct engine_event *event)
{
	set_counters(flow, active, event);
	tell_progress(flow, active, false);
	return 0;
}

/* What the next attempt may go on with; the client hears nothing of it (BT-24). */
static int set_upload(struct task *task, const struct engine_event *event)
{
	if (event->offset_bytes > task->upload_offset_bytes)
		task->failures = 0;
	/* what went out before the break is not counted as sent once more */
	if (event->offset_bytes > task->live_sent_bytes)
		task->live_sent_bytes = event->offset_bytes;
	task->upload_offset_bytes = event->offset_bytes;
	return set_string(task, &task->upload_url, event->url);
}

static int on_checkpoint(struct flow *flow, struct active *active, const struct engine_event *event)
{
	struct task *task = active->task;
	int r = flow_turn_change(flow, active, STORE_SAVE_STATE | STORE_SAVE_PROGRESS);

	if (r)
		return r;
	if (task->kind == TRANSFER_TASK_UPLOAD) {
		task->resource_left_us = flow_attempt_left_us(flow, task);
		return set_upload(task, event);
	}
	if (event->offset_bytes > task->offset_bytes)
		task->failures = 0;
	task->offset_bytes = event->offset_bytes;
	task->total_bytes = event->expected_receive_bytes;
	task->resource_left_us = flow_attempt_left_us(flow, task);
	if (event->response)
		r = set_validators(task, event->response);
	return r ? r : set_digest_state(task, event);
}

/* ---- the end of an attempt ---- */

/* The server said to come again: what it sent is an error page, and no progress. */
static bool is_refused(
	const struct flow *flow, const struct task *task, const struct engine_event *event)
{
	return !event->result.code && task->state != TASK_STATE_ANSWERED && event->response &&
		is_status_retried(flow, task, event->response->status);
}

static int note_done(struct flow *flow, struct active *active, const struct engine_event *event)
{
	struct task *task = active->task;
	bool has_moved = (event->network_bytes && !is_refused(flow, task, event)) ||
		event->offset_bytes > task->offset_bytes;
	/* of a download that ended well nothing is true for the store before SYNCED */
	bool is_saved = event->result.code || event->is_stopped ||
		task->kind != TRANSFER_TASK_DOWNLOAD;
	int r = flow_turn_change(
		flow, active, is_saved ? STORE_SAVE_STATE | STORE_SAVE_PROGRESS : 0);

	if (r)
		return r;
	set_counters(flow, active, event);
	task->network_bytes += event->network_bytes;
	if (has_moved && !event->is_restart_needed)
		task->failures = 0;
	if (task->kind == TRANSFER_TASK_UPLOAD) {
		task->sent_bytes = event->sent_bytes;
		task->body_bytes = event->received_bytes;
	} else {
		task->offset_bytes = event->offset_bytes;
		task->total_bytes = event->expected_receive_bytes;
	}
	if (event->response) {
		r = set_response(task, event->response);
		if (!r)
			r = set_validators(task, event->response);
	}
	if (is_saved && task->is_response_new)
		active->save |= STORE_SAVE_RESPONSE;
	if (!r && task->kind == TRANSFER_TASK_DOWNLOAD)
		r = set_digest_state(task, event);
	if (!r && event->is_restart_needed) {
		task->offset_bytes = 0;
		task->etag = task->last_modified = NULL;
		task->digest_state = NULL;
		task->digest_state_bytes = 0;
	}
	if (!r && event->result.code) {
		task->last_error = event->result;
		active->save |= STORE_SAVE_RESULT;
		r = set_string(
			task, &task->failing_url, event->url ? event->url : task->failing_url);
	}
	return r;
}

/* This machine has no memory for it, again and again (BT-47). */
static bool is_starved(const struct task *task, const struct engine_event *event)
{
	return event->result.code == TRANSFER_ERROR_UNKNOWN &&
		event->result.library_code == ENGINE_LIBRARY_CODE_NO_MEMORY &&
		task->failures >= STARVED_MAX;
}

/* What the end of the attempt means for the task. */
static enum task_event judge_done(
	const struct flow *flow, const struct task *task, const struct engine_event *event)
{
	if (event->is_stopped)
		return TASK_EVENT_DONE_STOPPED;
	if (!event->result.code)
		return is_refused(flow, task, event) ? TASK_EVENT_DONE_AGAIN : TASK_EVENT_DONE_OK;
	if (event->is_disk_full)
		return TASK_EVENT_DONE_DISK;
	if (is_starved(task, event))
		return TASK_EVENT_DONE_FAIL;
	/* restarting from 0 is wanted; but for ever in a circle it is a failure */
	if (!event->is_retryable && !(event->is_restart_needed && task->failures < 3))
		return TASK_EVENT_DONE_FAIL;
	return flow_schedule_reaches(flow, task) ? TASK_EVENT_DONE_AGAIN : TASK_EVENT_DONE_STOPPED;
}

/* It never began: as if it had not been started. */
static int on_unbegun(struct flow *flow, struct active *active)
{
	struct task *task = active->task;
	struct transfer_result wish = task->result;
	bool is_cancelled = task->state == TASK_STATE_CANCELING;
	int r = flow_turn_change(flow, active, STORE_SAVE_STATE);

	if (r)
		return r;
	if (task->attempts == 1)
		task->started_wall_us = 0;
	else
		flow->n_retries--;
	task->attempts--;
	flow->n_attempts--;
	return step(flow, active, TASK_EVENT_DONE_STOPPED, is_cancelled ? &wish : NULL);
}

/* Its error page is nobody's partial file; its answer is what the task waits for, not the error of an attempt before. */
static void note_refusal(struct active *active)
{
	struct task *task = active->task;

	task->offset_bytes = task->received_bytes = 0;
	if (task->kind == TRANSFER_TASK_DOWNLOAD)
		task->total_bytes = task->expected_receive_bytes = -1;
	task->etag = task->last_modified = NULL;
	task->digest_state = NULL;
	task->digest_state_bytes = 0;
	task->last_error = (struct transfer_result){ 0 };
	task->failing_url = NULL;
	active->save |= STORE_SAVE_RESPONSE | STORE_SAVE_RESULT | STORE_SAVE_PROGRESS;
}

static int on_done(struct flow *flow, struct active *active, const struct engine_event *event)
{
	struct task *task = active->task;
	const struct transfer_result *result = event->result.code ? &event->result : NULL;
	enum task_event what;
	struct transfer_result wish;
	int r;

	if (event->is_unbegun)
		return on_unbegun(flow, active);
	r = note_done(flow, active, event);
	if (r)
		return r;
	what = judge_done(flow, task, event);
	/* what only stops here may come to no other report for long */
	if (what == TASK_EVENT_DONE_OK ||
		(active->told.due_us && task->state != TASK_STATE_CANCELING))
		tell_progress(flow, active, true);
	if (task->state == TASK_STATE_CANCELING) {
		wish = task->result;
		result = &wish;
	}
	if (what == TASK_EVENT_DONE_FAIL && is_starved(task, event)) {
		wish = flow_quit_result(FLOW_CANCELLED_RESOURCES);
		result = &wish;
	}
	/* answered, then stopped: what is recorded counts */
	if (task->state == TASK_STATE_ANSWERED && event->is_stopped)
		result = NULL;
	if (what == TASK_EVENT_DONE_AGAIN && !event->result.code)
		note_refusal(active);
	/* the answer came together with the end */
	if (what == TASK_EVENT_DONE_OK && task->kind == TRANSFER_TASK_UPLOAD) {
		r = flow_step(flow, active, TASK_EVENT_ANSWER, NULL);
		if (r < 0)
			return r;
	}
	flow->retry_after_us = event->response ? event->response->retry_after_us : 0;
	r = flow_step(flow, active, what, result);
	flow->retry_after_us = 0;
	if (what == TASK_EVENT_DONE_OK)
		sched_note_end(flow->sched, task->lane);
	if (r == TASK_FSM_E_IGNORED)
		log_error("task %llu: attempt %u ended when it could not",
			(unsigned long long)task->id, event->attempt);
	return r < 0 ? r : 0;
}

/* ---- after the end: durable, checked, in place ---- */

static int fail_after(struct flow *flow, struct active *active, const struct engine_event *event)
{
	struct task *task = active->task;
	enum task_event what = TASK_EVENT_DONE_FAIL;
	int r = flow_turn_change(flow, active, STORE_SAVE_RESULT | STORE_SAVE_PROGRESS);

	if (r)
		return r;
	if (task->is_response_new)
		active->save |= STORE_SAVE_RESPONSE;
	task->last_error = event->result;
	if (event->is_disk_full)
		what = TASK_EVENT_DONE_DISK;
	else if (event->is_retryable)
		what = TASK_EVENT_DONE_AGAIN;
	/* what could not be made durable is not trusted (F-8): the last checkpoint counts */
	if (task->offset_bytes > event->offset_bytes)
		task->offset_bytes = event->offset_bytes;
	return step(flow, active, what, &event->result);
}

static int on_synced(struct flow *flow, struct active *active, const struct engine_event *event)
{
	struct task *task = active->task;
	const char *want = task->request.checksum_hex;
	struct transfer_result result;
	int r;

	if (!task->is_syncing)
		return 0;
	if (event->result.code)
		return fail_after(flow, active, event);
	r = flow_turn_change(flow, active, STORE_SAVE_RESULT | STORE_SAVE_PROGRESS);
	if (!r)
		r = set_string(task, &task->digest_hex, event->digest_hex);
	if (r)
		return r;
	if (task->is_response_new)
		active->save |= STORE_SAVE_RESPONSE;
	task->file_ino = event->file_ino;
	task->file_size_bytes = event->file_size_bytes;
	task->file_mtime_ns = event->is_unnamed ? event->file_mtime_ns : 0;
	task->offset_bytes = event->file_size_bytes;
	task->received_bytes = event->file_size_bytes;
	if (want && (!event->digest_hex || strcasecmp(want, event->digest_hex) != 0)) {
		result = flow_step_result(TRANSFER_ERROR_CHECKSUM_MISMATCH,
			"the file's digest is not the one that was asked for");
		task->can_resume = false;
		return step(flow, active, TASK_EVENT_DONE_FAIL, &result);
	}
	return step(flow, active,
		task->request.destination ? TASK_EVENT_SYNCED_PLACE : TASK_EVENT_SYNCED, NULL);
}

static int wait_again(struct flow *flow, struct active *active, const struct engine_event *event)
{
	const struct flow_session *s = flow_session_lookup(flow, active->task->session);
	int r = step(flow, active,
		event->is_disk_full ? TASK_EVENT_DONE_DISK : TASK_EVENT_DONE_AGAIN, NULL);

	/* cancelled with all others of its session, while it could not be */
	if (!r && s && s->session->state == TRANSFER_SESSION_STATE_INVALID)
		r = flow_command_cancel(flow, active, &(struct flow_cancel){ 0 });
	return r;
}

/* It went with the process that had it open, or somebody removed its part. */
static void forget_file(struct active *active)
{
	struct task *task = active->task;

	flow_step_forget_part(active);
	task->file_ino = task->file_size_bytes = task->file_mtime_ns = 0;
	task->digest_hex = NULL;
}

static int on_published(struct flow *flow, struct active *active, const struct engine_event *event)
{
	struct transfer_result result = event->result;
	bool had_name = !active->task->file_mtime_ns;
	int r;

	if (!result.code)
		return step(flow, active, TASK_EVENT_PUBLISHED, NULL);
	r = flow_turn_change(flow, active, STORE_SAVE_RESULT);
	if (r)
		return r;
	active->task->last_error = result;
	if (event->is_restart_needed)
		forget_file(active);
	/* fetched again, once: the next attempt has a part; or without room for a name, for which the file waits in its part */
	if ((event->is_restart_needed && !had_name) || event->is_disk_full)
		return wait_again(flow, active, event);
	if (result.code == TRANSFER_ERROR_UNKNOWN)
		result.code = TRANSFER_ERROR_CANNOT_MOVE_FILE;
	return step(flow, active, TASK_EVENT_DONE_FAIL, &result);
}

typedef int (*handler_fn)(struct flow *, struct active *, const struct engine_event *);

static void apply(struct flow *flow, const struct engine_event *event)
{
	static const handler_fn handlers[] = {
		[ENGINE_EVENT_CONNECTED] = on_connected,
		[ENGINE_EVENT_REDIRECTED] = on_redirected,
		[ENGINE_EVENT_RESPONSE] = on_response,
		[ENGINE_EVENT_RESUMED] = on_resumed,
		[ENGINE_EVENT_PROGRESS] = on_progress,
		[ENGINE_EVENT_CHECKPOINT] = on_checkpoint,
		[ENGINE_EVENT_DONE] = on_done,
		[ENGINE_EVENT_SYNCED] = on_synced,
		[ENGINE_EVENT_PUBLISHED] = on_published,
	};
	struct active *active;
	int r;

	active = registry_find_attempt(&flow->registry, event->task, event->attempt);
	if (!active || (size_t)event->type >= sizeof(handlers) / sizeof(handlers[0]) ||
		!handlers[event->type])
		return;
	/* an attempt that ended well says no more but how its file fares */
	if (event->type != ENGINE_EVENT_SYNCED && event->type != ENGINE_EVENT_PUBLISHED &&
		(active->task->is_syncing || active->task->state == TASK_STATE_FINISHING))
		return;
	r = handlers[event->type](flow, active, event);
	if (r < 0)
		flow_turn_poison(flow, r);
}

void flow_event_apply(struct flow *flow, const struct engine_event *event)
{
	if (event->type == ENGINE_EVENT_SNAPSHOT) {
		flow_birth_event(flow, event);
		return;
	}
	/* whatever became of the task */
	if (event->type == ENGINE_EVENT_COOKIES) {
		int r = flow_cookie_event(flow, event);

		if (r < 0)
			flow_turn_poison(flow, r);
		return;
	}
	if (event->type == ENGINE_EVENT_BEGUN) {
		flow_ahead_begun(flow, event);
		return;
	}
	apply(flow, event);
	/* after the place is free */
	if (event->type == ENGINE_EVENT_DONE && event->next_task)
		(void)flow_ahead_follow(flow, event);
}
