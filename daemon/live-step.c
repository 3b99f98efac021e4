/* SPDX-License-Identifier: MIT */
/*
 * The one door into the life of a live task: an event of the table, its next phase, its effects. Every command, report and
 * timer comes through here; an event that means nothing in the task's phase does nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <transfer/error.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon/live-state.h"

struct transfer_result live_result(int32_t code, const char *detail)
{
	struct transfer_result result = { .code = code };

	snprintf(result.detail, sizeof(result.detail), "%s", detail);
	return result;
}

/* ---- the resource limit: it stands still while the task is suspended ---- */

static bool is_resting(enum live_phase phase)
{
	return phase == LIVE_PHASE_HELD || phase == LIVE_PHASE_STOPPING ||
		phase == LIVE_PHASE_SUSPENDED;
}

static void run_limit(struct live *live, struct live_task *task)
{
	if (is_resting(task->phase) == (task->suspended_boot_us != 0))
		return;
	if (!task->suspended_boot_us) {
		task->suspended_boot_us = live->now.boot_us;
		return;
	}
	task->task.deadline_boot_us += live->now.boot_us - task->suspended_boot_us;
	task->suspended_boot_us = 0;
	live_schedule_note_limit(live, task);
}

/* ---- the end ---- */

/* A failed download may be gone on with; so may one that was cancelled for that. */
static void seal(struct live *live, struct live_task *task, void **ret_data, size_t *ret_size)
{
	const struct task *t = &task->task;
	bool is_wanted = t->result.code != TRANSFER_ERROR_CANCELLED || task->wants_resume_data;

	*ret_data = NULL;
	*ret_size = 0;
	if (t->kind == TRANSFER_TASK_DOWNLOAD && t->result.code && is_wanted && t->offset_bytes &&
		t->can_resume && !task->session->is_silent)
		live_command_seal(live, task, ret_data, ret_size);
}

static void end(struct live *live, struct live_task *task)
{
	struct task *t = &task->task;
	cleanup_(cleanup_free) void *data = NULL;
	size_t n_data;

	t->finished_wall_us = live->now.wall_us;
	t->state = TASK_STATE_COMPLETED;
	task->session->n_unended--;
	task->is_counted = false;
	live_attempt_drop_stream(task);
	seal(live, task, &data, &n_data);
	if (t->kind == TRANSFER_TASK_DOWNLOAD && t->result.code && !data)
		live_attempt_remove_part(live, task);
	live_command_reply(live, task, data, n_data);
	if (!task->session->is_silent)
		live_row_end(live, task, data, n_data);
	else if (t->kind == TRANSFER_TASK_DOWNLOAD && !t->result.code && !t->request.destination)
		live_attempt_remove_part(live, task);
	live_session_touch(live, task->session);
}

/* ---- effects ---- */

static void command(struct live *live, struct live_task *task, unsigned effects)
{
	const struct task *t = &task->task;

	if (effects & LIVE_EFFECT_WITHDRAW)
		live_answer_withdraw(live, task);
	if (effects & LIVE_EFFECT_STOP) {
		bool is_for_good = task->phase == LIVE_PHASE_CANCELING && !task->wants_resume_data;

		if (is_for_good)
			engine_give_up(live->engine, task->engine_id, t->attempt);
		else
			engine_stop(live->engine, task->engine_id, t->attempt);
	}
	if (effects & LIVE_EFFECT_HOLD) {
		engine_hold_attempt(live->engine, task->engine_id, t->attempt, true);
		if (task->is_ahead)
			live_schedule_release(live, task);
		live_schedule_yield(live, task);
		task->is_yielding = task->is_stalled;
	}
	if (effects & LIVE_EFFECT_LET_GO) {
		live_schedule_unyield(live, task);
		live_schedule_occupy(live, task);
		engine_hold_attempt(live->engine, task->engine_id, t->attempt, false);
	}
	if (effects & LIVE_EFFECT_DEQUEUE)
		live_schedule_dequeue(live, task);
	/* LIVE_EFFECT_PUBLISH waits for the file to be durable: live-event.c */
	task->is_waiting_sync |= effects & LIVE_EFFECT_PUBLISH;
}

static void start(struct live *live, struct live_task *task)
{
	struct transfer_result result;
	int r = live_attempt_start(live, task);

	if (!r)
		return;
	result = live_result(TRANSFER_ERROR_UNKNOWN, strerror(-r));
	result.os_errno = -r;
	(void)live_step(live, task, LIVE_EVENT_DONE, &result);
}

/* The task may be gone afterwards. */
static void carry_out(struct live *live, struct live_task *task, unsigned effects)
{
	bool ends = effects & LIVE_EFFECT_END;

	command(live, task, effects);
	if (ends)
		end(live, task);
	if (effects & LIVE_EFFECT_RELEASE)
		live_schedule_release(live, task);
	if (ends && task->n_rows)
		live_schedule_note_untold(live, task, true);
	if (effects & LIVE_EFFECT_ENQUEUE)
		live_schedule_enqueue(live, task);
	if ((effects & LIVE_EFFECT_TELL_OFFLINE) && !task->is_offline_told) {
		task->is_offline_told = true;
		if (task->tells & LIVE_TELL_WAITING)
			live_row_tell(live, task, LIVE_EVENT_WAITING);
	}
	if (effects & LIVE_EFFECT_START)
		start(live, task);
	else if (ends && !task->n_rows)
		live_task_forget(live, task);
}

int live_step(struct live *live, struct live_task *task, enum live_event event,
	const struct transfer_result *result)
{
	bool is_download = task->task.kind == TRANSFER_TASK_DOWNLOAD;
	struct live_step step;

	if (live_fsm_step(task->phase, event, is_download, &step))
		return LIVE_FSM_E_IGNORED;
	/* the first reason to end counts: what was cancelled stays cancelled, also when it came through */
	if (event == LIVE_EVENT_CANCEL)
		task->task.result = result
			? *result
			: live_result(TRANSFER_ERROR_CANCELLED, "the task was cancelled");
	else if (step.next == LIVE_PHASE_ENDED && task->phase != LIVE_PHASE_CANCELING)
		task->task.result = result ? *result : (struct transfer_result){ 0 };
	task->phase = step.next;
	run_limit(live, task);
	carry_out(live, task, step.effects);
	return 0;
}
