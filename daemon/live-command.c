/* SPDX-License-Identifier: MIT */
/* Verbs and changes of live tasks, by whoever the user lets; resume data for who cancels a download to go on later. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <transfer/error.h>

#include "base/err.h"
#include "base/utf8.h"
#include "daemon/live-state.h"

#define TEXT_MAX_BYTES 1024

/* ---- verbs ---- */

static int find(const struct live *live, uint64_t id, uid_t uid, struct live_task **ret_task)
{
	struct live_task *task = live_task_find(live, id);

	/* one that became a download: who asks has not heard of its new number yet */
	if (!task)
		task = map_find(&live->by_engine_id, id);
	if (!task || task->session->is_silent ||
		(uid != (uid_t)-1 && uid != task->session->session->uid))
		return FLOW_E_NO_SUCH_TASK;
	if (task->phase == LIVE_PHASE_ENDED)
		return FLOW_E_TASK_FINISHED;
	*ret_task = task;
	return 0;
}

static void suspend(struct live *live, struct live_task *task)
{
	if (!task->task.suspend_count++)
		(void)live_step(live, task, LIVE_EVENT_SUSPEND, NULL);
}

static void resume(struct live *live, struct live_task *task, bool is_forced)
{
	if (!task->task.suspend_count)
		return;
	task->task.suspend_count = is_forced ? 0 : task->task.suspend_count - 1;
	if (!task->task.suspend_count)
		(void)live_step(live, task,
			task->question ? LIVE_EVENT_RESUME_ASKED : LIVE_EVENT_RESUME, NULL);
}

static int steer_one(struct live *live, const struct flow_steer *steer, uint64_t id)
{
	struct transfer_result result;
	struct live_task *task;
	int r = find(live, id, steer->uid, &task);

	if (r)
		return r;
	switch (steer->verb) {
	case FLOW_VERB_RESUME:
		resume(live, task, steer->is_forced);
		return 0;
	case FLOW_VERB_SUSPEND:
		suspend(live, task);
		return 0;
	case FLOW_VERB_CANCEL:
		result = live_result(TRANSFER_ERROR_CANCELLED, "the task was cancelled");
		result.library_code = steer->cancelled_reason;
		(void)live_step(live, task, LIVE_EVENT_CANCEL, &result);
		return 0;
	case FLOW_VERB_RETRY:
	case FLOW_VERB_REMOVE:
		return FLOW_E_NOT_SUPPORTED_IN_SESSION;
	}
	return FLOW_E_INVALID_REQUEST;
}

int live_tasks_steer(
	struct live *live, const struct flow_steer *steer, flow_failure_fn fn, void *user)
{
	for (size_t i = 0; i < steer->n_ids; i++) {
		int r = steer_one(live, steer, steer->ids[i]);

		if (r && fn)
			fn(steer->ids[i], r, user);
	}
	return 0;
}

/* ---- changes ---- */

static void set_priority(struct live *live, struct live_task *task, double priority)
{
	bool was_queued = task->is_queued;

	live_schedule_dequeue(live, task);
	task->task.request.priority = priority;
	if (was_queued)
		live_schedule_enqueue(live, task);
	else if (task->task.attempt)
		engine_set_weight(live->engine, task->engine_id, task->task.attempt,
			live_attempt_weight(priority));
}

/* In place: whoever changes it again and again takes no more memory. */
static int set_description(struct live_task *task, const char *text)
{
	if (!task->description)
		task->description = arena_alloc(&task->task.arena, TEXT_MAX_BYTES + 1, 1);
	if (!task->description)
		return err_raise(-ENOMEM);
	snprintf(task->description, TEXT_MAX_BYTES + 1, "%s", text ? text : "");
	task->task.request.description = task->description;
	return 0;
}

static int set_one(struct live *live, const struct flow_changes *changes, uint64_t id)
{
	struct live_task *task;
	int r = find(live, id, changes->uid, &task);

	if (!r && changes->has_not_before)
		r = FLOW_E_NOT_SUPPORTED_IN_SESSION;
	if (r)
		return r;
	if (changes->has_description && set_description(task, changes->description))
		return FLOW_E_BUSY;
	if (changes->has_priority)
		set_priority(live, task, changes->priority);
	if (changes->has_max_rate) {
		task->task.request.max_rate_bps = changes->max_rate_bps;
		if (task->task.attempt)
			engine_set_rate(live->engine, task->engine_id, task->task.attempt,
				live_attempt_rate(task));
	}
	return 0;
}

int live_tasks_set(
	struct live *live, const struct flow_changes *changes, flow_failure_fn fn, void *user)
{
	if ((changes->has_priority && !(changes->priority >= 0.0 && changes->priority <= 1.0)) ||
		(changes->has_max_rate && changes->max_rate_bps > INT64_MAX) ||
		(changes->has_description && changes->description &&
			(strlen(changes->description) > TEXT_MAX_BYTES ||
				!utf8_is_valid(changes->description))))
		return FLOW_E_INVALID_REQUEST;
	for (size_t i = 0; i < changes->n_ids; i++) {
		int r = set_one(live, changes, changes->ids[i]);

		if (r && fn)
			fn(changes->ids[i], r, user);
	}
	return 0;
}

/* ---- resume data ---- */

int live_task_cancel_resumable(struct live *live, uint64_t id, flow_resume_data_fn fn, void *user)
{
	struct transfer_result result = live_result(
		TRANSFER_ERROR_CANCELLED, "the task was cancelled");
	struct live_task *task;
	int r = find(live, id, (uid_t)-1, &task);

	if (r)
		return r;
	if (task->resume_fn || task->phase == LIVE_PHASE_CANCELING)
		return FLOW_E_TASK_FINISHED;
	if (task->phase == LIVE_PHASE_FINISHING)
		return FLOW_E_BUSY;
	task->wants_resume_data = true;
	task->resume_fn = fn;
	task->resume_user = user;
	(void)live_step(live, task, LIVE_EVENT_CANCEL, &result);
	return 0;
}

void live_command_seal(struct live *live, struct live_task *task, void **ret_data, size_t *ret_size)
{
	const struct task *t = &task->task;
	char path[LIVE_PATH_BYTES];
	const struct flow_kept kept = {
		.uid = task->session->session->uid,
		.app_id = task->session->session->app_id,
		.url = t->request.url,
		.etag = t->etag,
		.last_modified = t->last_modified,
		.offset_bytes = t->offset_bytes,
		.total_bytes = t->total_bytes,
		.part_path = path,
		.request = &t->request,
	};

	if ((!t->etag && !t->last_modified) || live_attempt_path(live, t, path) ||
		flow_kept_seal(live->flow, &kept, ret_data, ret_size)) {
		*ret_data = NULL;
		*ret_size = 0;
	}
}

static void reply_take(struct live_reply *reply)
{
	reply->fn(reply->user, reply->data ? 0 : FLOW_E_NO_RESUME_DATA, reply->data, reply->n_data);
	free(reply->data);
	free(reply);
}

void live_command_reply(struct live *live, struct live_task *task, const void *data, size_t size)
{
	flow_resume_data_fn fn = task->resume_fn;
	struct live_reply *reply;

	task->resume_fn = NULL;
	if (!fn)
		return;
	reply = calloc(1, sizeof(*reply));
	if (!reply) {
		fn(task->resume_user, FLOW_E_BUSY, NULL, 0);
		return;
	}
	*reply = (struct live_reply){ .fn = fn, .user = task->resume_user };
	reply->data = data ? malloc(size) : NULL;
	if (reply->data) {
		memcpy(reply->data, data, size);
		reply->n_data = size;
	}
	TAILQ_INSERT_TAIL(&live->replies, reply, entry);
}

void live_command_flush(struct live *live)
{
	struct live_reply *reply;

	while ((reply = TAILQ_FIRST(&live->replies))) {
		TAILQ_REMOVE(&live->replies, reply, entry);
		reply_take(reply);
	}
}
