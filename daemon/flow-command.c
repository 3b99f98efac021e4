/* SPDX-License-Identifier: MIT */
/*
 * Verbs on sets of tasks: each task for itself, with a failure of its own. Suspensions nest
 * (BT-27); cancel is final and says so at once while the attempt is still ending; retry goes on
 * from the bytes that are there; remove forgets what has ended.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <transfer/error.h>

#include "base/err.h"
#include "base/utf8.h"
#include "daemon/flow-state.h"
#include "engine/engine.h"

#define SUSPEND_MAX    1000
#define TEXT_MAX_BYTES 1024

/* Loads the task and checks whose it is: another user's does not exist. */
static int find(struct flow *flow, uid_t uid, uint64_t id, struct active **ret_active)
{
	const struct flow_session *s;
	int r = flow_turn_task(flow, id, ret_active);

	if (r)
		return r;
	s = flow_session_lookup(flow, (*ret_active)->task->session);
	if (!s || (uid != (uid_t)-1 && s->session->uid != uid) ||
		task_fsm_phase((*ret_active)->task) == TASK_PHASE_BORN)
		return FLOW_E_NO_SUCH_TASK;
	return 0;
}

static int change(struct flow *flow, struct active *active, unsigned what)
{
	int r = flow_turn_change(flow, active, what);

	return r ? flow_turn_poison(flow, r) : 0;
}

/* A step may mean nothing in the task's phase; that is no failure. */
static int step(struct flow *flow, struct active *active, enum task_event event)
{
	int r = flow_step(flow, active, event, NULL);

	return r < 0 ? r : 0;
}

/* ---- suspend and resume ---- */

int flow_command_resume(struct flow *flow, struct active *active, bool is_forced)
{
	struct task *task = active->task;
	struct transfer_result doom;
	int r;

	if (task->state == TASK_STATE_COMPLETED)
		return FLOW_E_TASK_FINISHED;
	if (!task->suspend_count)
		return 0;
	r = change(flow, active, STORE_SAVE_STATE);
	if (r)
		return r;
	task->suspend_count = is_forced ? 0 : task->suspend_count - 1;
	if (task->suspend_count)
		return 0;
	if (task->is_syncing) {
		task->state = TASK_STATE_QUEUED;
		return 0;
	}
	if (task_fsm_phase(task) == TASK_PHASE_SUSPENDED && task->result.code) {
		doom = task->result; /* since its creation; said before any network */
		r = flow_step(flow, active, TASK_EVENT_FAIL, &doom);
		return r < 0 ? r : 0;
	}
	return step(flow, active,
		task->request.not_before_wall_us > flow->now.wall_us ? TASK_EVENT_RESUME_LATER
								     : TASK_EVENT_RESUME);
}

static int suspend(struct flow *flow, struct active *active)
{
	struct task *task = active->task;
	int r;

	if (task->state == TASK_STATE_COMPLETED)
		return FLOW_E_TASK_FINISHED;
	if (task->suspend_count >= SUSPEND_MAX)
		return FLOW_E_LIMIT_REACHED;
	r = change(flow, active, STORE_SAVE_STATE);
	if (r)
		return r;
	task->suspend_count++;
	/* all bytes are there: it ends as it would, but a crash must not start it again */
	if (task->is_syncing && task->state == TASK_STATE_QUEUED)
		task->state = TASK_STATE_SUSPENDED;
	return task->suspend_count == 1 ? step(flow, active, TASK_EVENT_SUSPEND) : 0;
}

/* ---- cancel ---- */

int flow_command_cancel(struct flow *flow, struct active *active, const struct flow_cancel *how)
{
	struct task *task = active->task;
	struct transfer_result result = flow_step_result(TRANSFER_ERROR_CANCELLED, "");
	enum task_phase next;
	unsigned effects;
	int r;

	if (task_fsm_step(task_fsm_phase(task), TASK_EVENT_CANCEL, &next, &effects))
		return 0;
	r = change(flow, active, STORE_SAVE_STATE | STORE_SAVE_PROGRESS | STORE_SAVE_RESULT);
	if (r)
		return r;
	result.library_code = how->reason;
	/* read and cleared where the task ends, which may be after a crash */
	if (how->delete_partial)
		result.os_errno = FLOW_DELETE_PARTIAL;
	/* what CANCELING means on disk: it ends with this, whatever the attempt says */
	if (next == TASK_PHASE_CANCELING)
		task->result = result;
	r = flow_step(flow, active, TASK_EVENT_CANCEL, &result);
	return r < 0 ? r : 0;
}

int flow_command_cancel_page(struct flow *flow, struct flow_session *session,
	const struct flow_cancel *how, bool *ret_has_more)
{
	const struct store_filter filter = {
		.session = session->session->id,
		.uid = (uid_t)-1,
		.limit = FLOW_PAGE,
		.states_mask = 1u << TASK_STATE_SUSPENDED | 1u << TASK_STATE_QUEUED |
			1u << TASK_STATE_WAITING | 1u << TASK_STATE_ANSWERED,
	};
	uint64_t ids[FLOW_PAGE];
	struct active *active;
	size_t n = 0;
	int r = flow_turn_flush(flow);

	if (!r)
		r = err_fold(store_task_ids(flow->store, &filter, ids, &n));
	for (size_t i = 0; !r && i < n; i++) {
		r = flow_turn_task(flow, ids[i], &active);
		if (!r)
			r = flow_command_cancel(flow, active, how);
		else if (r == FLOW_E_NO_SUCH_TASK) /* nothing of it could be read: dropped */
			r = 0;
	}
	if (!r)
		r = flow_session_touch(flow, session);
	if (r)
		return err_fold(r);
	*ret_has_more = n == FLOW_PAGE;
	flow->has_more |= *ret_has_more;
	return 0;
}

static int cancel(struct flow *flow, struct active *active, const struct flow_steer *steer)
{
	const struct flow_cancel how = { steer->cancelled_reason, steer->delete_partial };

	return flow_command_cancel(flow, active, &how);
}

int flow_task_cancel_resumable(struct flow *flow, uint64_t id, flow_resume_data_fn fn, void *user)
{
	const struct flow_cancel how = { 0 };
	struct flow_answer *answer;
	struct active *active;
	int r = find(flow, (uid_t)-1, id, &active);

	if (r)
		return r;
	switch (active->task->state) {
	case TASK_STATE_COMPLETED:
	case TASK_STATE_FINISHING:
	case TASK_STATE_CANCELING:
		return FLOW_E_TASK_FINISHED;
	case TASK_STATE_SUSPENDED:
	case TASK_STATE_QUEUED:
	case TASK_STATE_WAITING:
	case TASK_STATE_ANSWERED:
		break;
	}
	answer = malloc(sizeof(*answer));
	if (!answer)
		return err_raise(-ENOMEM);
	r = flow_command_cancel(flow, active, &how);
	if (r) {
		free(answer);
		return r;
	}
	*answer = (struct flow_answer){ fn, user, flow->turn };
	active->answer = answer;
	return 0;
}

/* ---- retry and remove ---- */

static int begin_again(struct flow *flow, struct active *active, bool from_start)
{
	struct task *task = active->task;
	struct flow_session *s = flow_session_lookup(flow, task->session);
	bool is_placed_again = task->result.code == TRANSFER_ERROR_CANNOT_MOVE_FILE &&
		task->file_ino && !from_start;
	int r;

	if (s->session->state != TRANSFER_SESSION_STATE_ACTIVE)
		return FLOW_E_SESSION_INVALID;
	if (!task->result.code || task->request.url[0] == '\0')
		return FLOW_E_TASK_FINISHED;
	/* a cancelled upload whose snapshot is gone has nothing to send */
	if (task->kind == TRANSFER_TASK_UPLOAD && task->file_ino)
		return FLOW_E_TASK_FINISHED;
	r = flow_session_touch(flow, s);
	if (!r)
		r = change(flow, active,
			STORE_SAVE_STATE | STORE_SAVE_PROGRESS | STORE_SAVE_RESULT |
				STORE_SAVE_RESPONSE);
	if (r)
		return flow_turn_poison(flow, r);
	/* the file itself stays: removed in the background it could be the next attempt's by then, which empties it */
	if (from_start)
		flow_step_forget_part(active);
	s->session->n_tasks++;
	task->result = (struct transfer_result){ 0 };
	task->failing_url = NULL;
	task->finished_wall_us = 0;
	task->failures = 0;
	task->suspend_count = 0;
	task->resource_left_us = 0;
	task->sent_bytes = 0;
	if (!is_placed_again) {
		task->file_ino = task->file_size_bytes = task->file_mtime_ns = 0;
		return step(flow, active, TASK_EVENT_RETRY);
	}
	/* only its place was taken */
	return step(flow, active, TASK_EVENT_RETRY_PLACE);
}

static int retry(struct flow *flow, struct active *active, bool from_start)
{
	switch (active->task->state) {
	case TASK_STATE_COMPLETED:
		/* whoever has cancelled it is about to hear what can be resumed */
		return active->answer ? FLOW_E_BUSY : begin_again(flow, active, from_start);
	case TASK_STATE_WAITING:
		if (active->task->wait_reason == TASK_WAIT_DATE ||
			active->task->wait_reason == TASK_WAIT_ANSWER)
			return FLOW_E_BUSY;
		return step(flow, active, TASK_EVENT_RETRY);
	case TASK_STATE_SUSPENDED:
	case TASK_STATE_CANCELING:
		return FLOW_E_BUSY;
	case TASK_STATE_QUEUED:
	case TASK_STATE_FINISHING:
	case TASK_STATE_ANSWERED:
		return 0; /* under way already */
	}
	return 0;
}

static int remove_task(struct flow *flow, struct active *active)
{
	struct task *task = active->task;
	struct flow_session *s = flow_session_lookup(flow, task->session);
	char path[FLOW_PATH_BYTES];
	int r;

	if (task->state != TASK_STATE_COMPLETED || active->answer)
		return FLOW_E_BUSY;
	r = flow_session_touch(flow, s);
	if (!r)
		r = flow_turn_touch(flow, active);
	if (!r && active->save)
		r = flow_turn_flush(flow); /* its end may be as new as this turn */
	for (enum flow_attempt_file file = FLOW_FILE_PART; !r && file <= FLOW_FILE_BODY; file++) {
		r = flow_attempt_path(flow, task, file, path);
		if (!r)
			r = flow_attempt_remove(flow, path);
	}
	if (!r)
		r = err_fold(store_task_del(flow->store, task->id));
	if (!r)
		r = err_fold(
			store_session_events(flow->store, task->session, &s->session->n_events));
	if (r)
		return flow_turn_poison(flow, r);
	active->is_gone = true;
	return 0;
}

/* ---- sets ---- */

static int steer_one(struct flow *flow, struct active *active, const struct flow_steer *steer)
{
	switch (steer->verb) {
	case FLOW_VERB_RESUME:
		return flow_command_resume(flow, active, steer->is_forced);
	case FLOW_VERB_SUSPEND:
		return suspend(flow, active);
	case FLOW_VERB_CANCEL:
		return cancel(flow, active, steer);
	case FLOW_VERB_RETRY:
		return retry(flow, active, steer->from_start);
	case FLOW_VERB_REMOVE:
		return remove_task(flow, active);
	}
	return FLOW_E_INVALID_REQUEST;
}

int flow_tasks_steer(
	struct flow *flow, const struct flow_steer *steer, flow_failure_fn fn, void *user)
{
	struct active *active;
	int r;

	if (steer->n_ids > FLOW_CREATE_MAX)
		return FLOW_E_LIMIT_REACHED;
	for (size_t i = 0; i < steer->n_ids; i++) {
		r = find(flow, steer->uid, steer->ids[i], &active);
		if (!r)
			r = steer_one(flow, active, steer);
		if (r < 0)
			return r;
		if (r && fn)
			fn(steer->ids[i], r, user);
	}
	return 0;
}

/* ---- what may be changed ---- */

struct rate_item {
	struct flow *flow;
	uint64_t task, rate_bps;
	uint32_t attempt;
};

static void on_rate_release(void *data, int error)
{
	struct rate_item *item = data;

	if (!error)
		engine_set_rate(item->flow->engine, item->task, item->attempt, item->rate_bps);
	free(item);
}

/* The lower bound of task and session counts. */
static int tell_rate(struct flow *flow, const struct task *task)
{
	const struct flow_session *s = flow_session_lookup(flow, task->session);
	uint64_t rate_bps = task->request.max_rate_bps, other_bps = s->session->config.max_rate_bps;
	struct rate_item *item;

	if (!task->attempt)
		return 0;
	item = malloc(sizeof(*item));
	if (!item)
		return err_raise(-ENOMEM);
	if (!rate_bps || (other_bps && other_bps < rate_bps))
		rate_bps = other_bps;
	*item = (struct rate_item){ flow, task->id, rate_bps, task->attempt };
	if (outbox_add_take(&flow->outbox, on_rate_release, item)) {
		free(item);
		return err_raise(-ENOMEM);
	}
	return 0;
}

static int set_priority(struct flow *flow, struct task *task, double priority)
{
	task->request.priority = priority;
	if (task_fsm_phase(task) != TASK_PHASE_QUEUED)
		return 0;
	sched_dequeue(flow->sched, task->lane, task->id);
	return flow_schedule_enqueue(flow, task);
}

static int set_not_before(struct flow *flow, struct active *active, uint64_t wall_us)
{
	struct task *task = active->task;
	bool is_future = wall_us > flow->now.wall_us;

	task->request.not_before_wall_us = wall_us;
	if (is_future) {
		task->is_begun = false; /* a new date, a new question */
		active->save |= STORE_SAVE_STATE;
		return step(flow, active, TASK_EVENT_LATER);
	}
	/* without a date nobody has to be asked */
	if (task->wait_reason == TASK_WAIT_DATE ||
		(task->wait_reason == TASK_WAIT_ANSWER && !wall_us))
		return step(flow, active, TASK_EVENT_DUE);
	return 0;
}

static int set_one(struct flow *flow, struct active *active, const struct flow_changes *changes)
{
	struct task *task = active->task;
	const char *text = changes->description;
	int r;

	if (task->state == TASK_STATE_COMPLETED &&
		(changes->has_priority || changes->has_max_rate || changes->has_not_before))
		return FLOW_E_TASK_FINISHED;
	r = change(flow, active, STORE_SAVE_REQUEST);
	if (!r && (changes->has_description || changes->has_priority))
		active->is_set = true;
	if (!r && changes->has_description) {
		task->request.description = text && *text ? arena_strdup(&task->arena, text) : NULL;
		if (text && *text && !task->request.description)
			r = err_raise(-ENOMEM);
	}
	if (!r && changes->has_priority)
		r = set_priority(flow, task, changes->priority);
	if (!r && changes->has_max_rate) {
		task->request.max_rate_bps = changes->max_rate_bps;
		r = tell_rate(flow, task);
	}
	if (!r && changes->has_not_before)
		r = set_not_before(flow, active, changes->not_before_wall_us);
	return r ? flow_turn_poison(flow, r) : 0;
}

int flow_tasks_set(
	struct flow *flow, const struct flow_changes *changes, flow_failure_fn fn, void *user)
{
	struct active *active;
	int r;

	if (changes->n_ids > FLOW_CREATE_MAX)
		return FLOW_E_LIMIT_REACHED;
	if (changes->has_priority && !(changes->priority >= 0.0 && changes->priority <= 1.0))
		return FLOW_E_INVALID_REQUEST;
	if (changes->has_description && changes->description &&
		(strlen(changes->description) > TEXT_MAX_BYTES ||
			!utf8_is_valid(changes->description)))
		return FLOW_E_INVALID_REQUEST;
	if (changes->max_rate_bps > INT64_MAX || changes->not_before_wall_us > INT64_MAX)
		return FLOW_E_INVALID_REQUEST;
	for (size_t i = 0; i < changes->n_ids; i++) {
		r = find(flow, changes->uid, changes->ids[i], &active);
		if (!r)
			r = set_one(flow, active, changes);
		if (r < 0)
			return r;
		if (r && fn)
			fn(changes->ids[i], r, user);
	}
	return 0;
}
