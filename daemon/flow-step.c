/* SPDX-License-Identifier: MIT */
/*
 * The one door (I6): every change of a task's state goes through flow_step(), which asks the table
 * in core/task-fsm.h what comes next and carries out its effects. What must survive goes to the
 * store in this turn; what acts goes to the outbox and happens after the commit. How a task ends is
 * here, too, because it ends in one place only: events in Apple's order, files, the session's
 * count.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <transfer/error.h>

#include "base/err.h"
#include "base/log.h"
#include "daemon/core/retry.h"
#include "daemon/flow-state.h"

#define LIMIT_MAX_US (UINT64_C(1) << 61) /* of a resource limit: for ever, without overflow */

struct transfer_result flow_step_result(int32_t code, const char *detail)
{
	struct transfer_result result = { .code = code };

	snprintf(result.detail, sizeof(result.detail), "%s", detail);
	return result;
}

int flow_step_put_event(struct flow *flow, uint64_t session, struct store_event *event)
{
	struct flow_session *s = flow_session_lookup(flow, session);
	int r;

	/* one that cannot be read has nobody who could be told */
	if (!s)
		return 0;
	event->session = session;
	event->wall_us = flow->now.wall_us;
	r = flow_session_touch(flow, s);
	if (!r)
		r = err_fold(store_event_put(flow->store, event));
	if (r)
		return r;
	s->session->n_events += 1 + event->n_after;
	s->last_seq = event->seq;
	s->has_new_events = true;
	return 0;
}

int flow_step_settle_session(struct flow *flow, struct flow_session *session)
{
	struct store_event event = { .type = STORE_EVENT_BECAME_INVALID };
	int r;

	if (session->session->state == TRANSFER_SESSION_STATE_ACTIVE || session->session->n_tasks)
		return 0;
	r = flow_step_put_event(flow, session->session->id, &event);
	if (r)
		return r;
	session->session->state = TRANSFER_SESSION_STATE_INVALID;
	session->is_emptying = false;
	session->is_told = true;
	return 0;
}

/* One unfinished task less. */
static int count_down(struct flow *flow, const struct task *task)
{
	struct flow_session *session = flow_session_lookup(flow, task->session);
	int r;

	/* one that cannot be read counts nothing */
	if (!session)
		return 0;
	r = flow_session_touch(flow, session);
	if (r)
		return r;
	if (session->session->n_tasks)
		session->session->n_tasks--;
	return flow_step_settle_session(flow, session);
}

static int remove_file(struct flow *flow, const struct task *task, enum flow_attempt_file file)
{
	char path[FLOW_PATH_BYTES];
	int r = flow_attempt_path(flow, task, file, path);

	return r ? r : flow_attempt_remove(flow, path);
}

void flow_step_forget_part(struct active *active)
{
	struct task *task = active->task;

	task->offset_bytes = 0;
	task->received_bytes = 0;
	task->etag = task->last_modified = NULL;
	task->digest_state = NULL;
	task->digest_state_bytes = 0;
	task->can_resume = false;
	task->upload_url = NULL;
	task->upload_offset_bytes = 0;
	active->save |= STORE_SAVE_PROGRESS;
}

int flow_step_drop_part(struct flow *flow, struct active *active)
{
	flow_step_forget_part(active);
	return remove_file(flow, active->task, FLOW_FILE_PART);
}

/* ---- the end ---- */

/* What was cancelled with the wish that nothing is kept: the wish ends here. */
static bool take_delete_wish(struct task *task)
{
	bool is_wished = task->result.code == TRANSFER_ERROR_CANCELLED &&
		task->result.os_errno == FLOW_DELETE_PARTIAL;

	if (is_wished)
		task->result.os_errno = 0;
	return is_wished;
}

static int end_download(struct flow *flow, struct active *active, struct store_event *end)
{
	struct task *task = active->task;

	if (!task->result.code) {
		end->type = STORE_EVENT_FINISHED_DOWNLOADING;
		end->a = task->request.destination != NULL;
		end->n_after = 2;
		return 0;
	}
	if (take_delete_wish(task))
		return flow_step_drop_part(flow, active);
	if (task->result.code == TRANSFER_ERROR_CANNOT_MOVE_FILE && task->file_ino)
		return 0; /* whole, only its place is taken: retry puts it there */
	if (flow_task_is_resumable(task))
		return 0;
	return flow_step_drop_part(flow, active);
}

/* file_ino of an upload that failed says that its snapshot is gone: it cannot be tried again. */
static int end_upload(struct flow *flow, struct active *active, struct store_event *end)
{
	struct task *task = active->task;
	bool is_ok = !task->result.code, is_unwanted = take_delete_wish(task);
	int r = 0;

	if (task->request.upload_copy == TASK_UPLOAD_COPY_SNAPSHOT && (is_ok || is_unwanted)) {
		r = remove_file(flow, task, FLOW_FILE_SOURCE);
		task->file_ino = 1;
	}
	if (r)
		return r;
	if (is_ok && task->body_bytes) {
		end->type = STORE_EVENT_RECEIVED_DATA;
		end->a = (int64_t)task->body_bytes;
		end->n_after = 2;
		return 0;
	}
	return remove_file(flow, task, FLOW_FILE_BODY);
}

static int complete(struct flow *flow, struct active *active, const struct transfer_result *result)
{
	struct task *task = active->task;
	struct store_event end = { .task = task->id, .type = STORE_EVENT_METRICS, .n_after = 1 };
	/* all else of a download was saved when it was synced */
	bool is_plain = task->kind == TRANSFER_TASK_DOWNLOAD && !result && !task->result.code &&
		!task->failing_url;
	int r;

	task->result = result ? *result : (struct transfer_result){ 0 };
	task->finished_wall_us = flow->now.wall_us;
	if (task->result.code && !task->failing_url)
		task->failing_url = task->response.url ? task->response.url : task->request.url;
	if (!is_plain)
		active->save |= STORE_SAVE_PROGRESS | STORE_SAVE_RESULT;
	if (task->is_response_new)
		active->save |= STORE_SAVE_RESPONSE;
	r = task->kind == TRANSFER_TASK_UPLOAD ? end_upload(flow, active, &end)
					       : end_download(flow, active, &end);
	if (!r)
		r = flow_step_put_event(flow, task->session, &end);
	if (r)
		return r;
	task->end_seq = end.seq;
	return count_down(flow, task);
}

static int forget(struct flow *flow, struct active *active)
{
	struct task *task = active->task;
	int r = remove_file(flow, task, FLOW_FILE_SOURCE);

	if (!r)
		r = flow_turn_flush(flow); /* it may be as new as this turn */
	if (!r)
		r = err_fold(store_task_del(flow->store, task->id));
	if (r)
		return r;
	active->is_gone = true;
	return count_down(flow, task);
}

/* ---- waiting ---- */

/*
 * The resource limit begins with the first attempt. The engine watches over it while an attempt
 * runs, the flow while the task is queued or waits; while it rests, what is left is kept (BT-42).
 */
static void move_clock(struct flow *flow, struct task *task, enum task_phase next)
{
	bool is_ours = next == TASK_PHASE_QUEUED || next == TASK_PHASE_WAITING;
	uint64_t left_us;

	if (is_ours && task->resource_left_us && !task->expires_boot_us) {
		left_us = task->resource_left_us < LIMIT_MAX_US ? task->resource_left_us
								: LIMIT_MAX_US;
		task->expires_boot_us = flow->now.boot_us + left_us;
		flow->is_expiry_known = false;
	} else if (!is_ours && task->expires_boot_us) {
		task->resource_left_us = flow_attempt_left_us(flow, task);
		task->expires_boot_us = 0;
		flow->is_expiry_known = false;
	}
}

/* The attempt is over: what it has left; saved, so that it goes on after a restart. */
static void stop_clock(struct flow *flow, struct task *task)
{
	if (!task->deadline_boot_us)
		return;
	task->resource_left_us = flow_attempt_left_us(flow, task);
	task->deadline_boot_us = 0;
}

static void wait_for(struct flow *flow, struct task *task, enum task_event event)
{
	uint64_t wall_us = flow_turn_steady_wall_us(flow), delay_us = 0;

	if (event == TASK_EVENT_LATER || event == TASK_EVENT_RESUME_LATER) {
		task->wait_reason = TASK_WAIT_DATE;
		if (task->request.not_before_wall_us > flow->now.wall_us)
			delay_us = task->request.not_before_wall_us - flow->now.wall_us;
		task->due_wall_us = wall_us + delay_us;
		return;
	}
	if (event == TASK_EVENT_ASK) {
		task->wait_reason = TASK_WAIT_ANSWER;
		task->due_wall_us = TASK_DUE_NEVER;
		return;
	}
	if (event == TASK_EVENT_DONE_DISK) {
		task->wait_reason = TASK_WAIT_DISK;
		delay_us = RETRY_DISK_US;
	} else {
		task->wait_reason = TASK_WAIT_RETRY;
		task->failures++;
		delay_us = retry_delay_us(
			task->failures, flow->retry_after_us, retry_random(&flow->random));
	}
	task->due_wall_us = wall_us + delay_us;
}

/* ---- the door ---- */

static void release(struct flow *flow, struct task *task)
{
	if (task->is_ahead)
		sched_ahead_drop(flow->sched, task->lane);
	if (task->has_slot)
		sched_release(flow->sched, task->lane);
	task->is_ahead = task->has_slot = false;
}

static int carry_out(struct flow *flow, struct active *active, unsigned effects,
	const struct transfer_result *result)
{
	struct task *task = active->task;
	int r = 0;

	if (effects & TASK_EFFECT_RELEASE)
		release(flow, task);
	if (effects & TASK_EFFECT_DEQUEUE)
		sched_dequeue(flow->sched, task->lane, task->id);
	if (effects & TASK_EFFECT_ENQUEUE)
		r = flow_schedule_enqueue(flow, task);
	if (!r && (effects & TASK_EFFECT_START))
		r = flow_attempt_start(flow, active);
	if (!r && (effects & TASK_EFFECT_STOP))
		r = flow_attempt_stop(flow, task);
	if (!r && (effects & TASK_EFFECT_PUBLISH))
		r = flow_attempt_publish(flow, task);
	if (!r && (effects & TASK_EFFECT_COMPLETE))
		r = complete(flow, active, result);
	if (!r && (effects & TASK_EFFECT_FORGET))
		r = forget(flow, active);
	return r;
}

/*
 * Running and syncing are not durable: the store keeps its QUEUED, and what it need not know of it. It hears of a
 * first attempt with the first thing that is saved of the task, at the latest FLOW_UNSAVED_US later: small files
 * are over by then.
 */
static unsigned saves(
	struct flow *flow, struct task *task, enum task_phase from, enum task_phase to)
{
	if (from == TASK_PHASE_QUEUED && to == TASK_PHASE_RUNNING) {
		if (task->attempts || task->resource_left_us)
			return STORE_SAVE_ATTEMPT;
		task->unsaved_since_us = flow->now.now_us;
		flow_turn_note_start(flow, flow->now.now_us);
		return 0;
	}
	return from == TASK_PHASE_RUNNING && to == TASK_PHASE_SYNCING ? 0 : STORE_SAVE_STATE;
}

int flow_step(struct flow *flow, struct active *active, enum task_event event,
	const struct transfer_result *result)
{
	struct task *task = active->task;
	enum task_phase phase = task_fsm_phase(task), next;
	bool was_asked = task->wait_reason == TASK_WAIT_ANSWER;
	unsigned effects;
	int r;

	if (task_fsm_step(phase, event, &next, &effects))
		return TASK_FSM_E_IGNORED;
	r = flow_turn_change(flow, active, 0);
	if (r)
		return flow_turn_poison(flow, r);
	active->save |= saves(flow, task, phase, next);
	log_debug("task %llu: %s, %s -> %s", (unsigned long long)task->id, task_phase_name(phase),
		task_event_name(event), task_phase_name(next));
	if (effects & TASK_EFFECT_RELEASE)
		stop_clock(flow, task);
	if (effects & TASK_EFFECT_WAIT)
		wait_for(flow, task, event);
	task_fsm_enter(task, next);
	move_clock(flow, task, next);
	r = carry_out(flow, active, effects, result);
	if (!r && was_asked && task->wait_reason != TASK_WAIT_ANSWER)
		r = flow_question_withdraw(flow, task);
	if (r)
		return flow_turn_poison(flow, err_fold(r));
	/* suspended meanwhile: it rests instead of waiting or queueing */
	if (task->suspend_count && (next == TASK_PHASE_WAITING || next == TASK_PHASE_QUEUED))
		return flow_step(flow, active, TASK_EVENT_SUSPEND, NULL);
	return 0;
}
