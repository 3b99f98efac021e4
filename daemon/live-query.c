/* SPDX-License-Identifier: MIT */
/* Looks at live tasks: as the flow shows its own, from memory. Those that have ended are there until their end was told. */
#include <fnmatch.h>
#include <string.h>

#include <transfer/error.h>

#include "base/err.h"
#include "daemon/core/request.h"
#include "daemon/live-state.h"

static enum task_state state_of(enum live_phase phase)
{
	switch (phase) {
	case LIVE_PHASE_QUEUED:
	case LIVE_PHASE_RUNNING:
	case LIVE_PHASE_ASKING:
	case LIVE_PHASE_OFFLINE:
		return TASK_STATE_QUEUED;
	case LIVE_PHASE_HELD:
	case LIVE_PHASE_STOPPING:
	case LIVE_PHASE_SUSPENDED:
		return TASK_STATE_SUSPENDED;
	case LIVE_PHASE_FINISHING:
		return TASK_STATE_FINISHING;
	case LIVE_PHASE_CANCELING:
		return TASK_STATE_CANCELING;
	case LIVE_PHASE_ENDED:
	case LIVE_PHASE_COUNT:
		break;
	}
	return TASK_STATE_COMPLETED;
}

static enum transfer_task_sub_state end_of(const struct task *task)
{
	if (!task->result.code)
		return TRANSFER_SUB_STATE_DONE;
	return task->result.code == TRANSFER_ERROR_CANCELLED ? TRANSFER_SUB_STATE_CANCELLED
							     : TRANSFER_SUB_STATE_FAILED;
}

static enum transfer_task_sub_state sub_state(const struct live *live, const struct live_task *task)
{
	switch (task->phase) {
	case LIVE_PHASE_QUEUED:
		return live_schedule_reaches(live, task) ? TRANSFER_SUB_STATE_QUEUED
							 : TRANSFER_SUB_STATE_WAITING_NETWORK;
	case LIVE_PHASE_RUNNING:
		if (task->is_ahead)
			return TRANSFER_SUB_STATE_QUEUED;
		return task->task.is_transferring ? TRANSFER_SUB_STATE_TRANSFERRING
						  : TRANSFER_SUB_STATE_CONNECTING;
	case LIVE_PHASE_ASKING:
		return TRANSFER_SUB_STATE_WAITING_ANSWER;
	case LIVE_PHASE_OFFLINE:
		return TRANSFER_SUB_STATE_WAITING_NETWORK;
	case LIVE_PHASE_HELD:
	case LIVE_PHASE_STOPPING:
	case LIVE_PHASE_SUSPENDED:
		return TRANSFER_SUB_STATE_SUSPENDED;
	case LIVE_PHASE_FINISHING:
		return TRANSFER_SUB_STATE_FINISHING;
	case LIVE_PHASE_CANCELING:
		return TRANSFER_SUB_STATE_CANCELING;
	case LIVE_PHASE_ENDED:
	case LIVE_PHASE_COUNT:
		break;
	}
	return end_of(&task->task);
}

enum transfer_task_sub_state live_task_sub_state(const struct live *live, const struct task *task)
{
	const struct live_task *found = live_task_find(live, task->id);

	return found ? sub_state(live, found) : end_of(task);
}

/* As it is at this moment. */
static const struct task *refresh(const struct live *live, struct live_task *task)
{
	task->task.state = state_of(task->phase);
	task->task.receive_bps = progress_meter_bps(&task->received, live->now.now_us);
	task->task.send_bps = progress_meter_bps(&task->sent, live->now.now_us);
	return &task->task;
}

int live_task_look(struct live *live, uint64_t id, flow_task_fn fn, void *user)
{
	struct live_task *task = live_task_find(live, id);

	if (!task || task->session->is_silent)
		return FLOW_E_NO_SUCH_TASK;
	return fn(refresh(live, task), user);
}

static bool is_listed(const struct flow_query *query, uint64_t id)
{
	for (size_t i = 0; i < query->n_ids; i++)
		if (query->ids[i] == id)
			return true;
	return !query->n_ids;
}

static bool matches(
	const struct live *live, const struct flow_query *query, const struct live_task *task)
{
	const struct session *session = task->session->session;
	const struct task *t = &task->task;
	char name[REQUEST_NAME_MAX_BYTES + 1];

	if (task->session->is_silent || task->phase == LIVE_PHASE_ENDED)
		return false;
	if (t->id <= query->after_id || !is_listed(query, t->id) ||
		(query->uid != (uid_t)-1 && query->uid != session->uid))
		return false;
	if ((query->session && query->session != t->session) ||
		(query->first_id && t->id < query->first_id) ||
		(query->last_id && t->id > query->last_id))
		return false;
	if ((query->kinds_mask && !(query->kinds_mask & 1u << t->kind)) ||
		(query->states_mask && !(query->states_mask & 1u << task_public_state(t))) ||
		(query->sub_states_mask && !(query->sub_states_mask & 1u << sub_state(live, task))))
		return false;
	if (query->app_id && strcmp(query->app_id, session->app_id) != 0)
		return false;
	return !query->name_glob ||
		fnmatch(query->name_glob, request_display_name(t, name, sizeof(name)), 0) == 0;
}

int live_tasks_each(struct live *live, const struct flow_query *query, flow_task_fn fn, void *user,
	uint64_t *ret_next)
{
	size_t limit = query->limit && query->limit < FLOW_LIST_MAX ? query->limit : FLOW_LIST_MAX;
	struct live_task *task;
	size_t n = 0;
	int r;

	*ret_next = 0;
	TAILQ_FOREACH (task, &live->all, in_all) {
		(void)refresh(live, task);
		if (!matches(live, query, task))
			continue;
		if (n++ == limit)
			return 0;
		r = fn(&task->task, user);
		if (r)
			return r;
		*ret_next = task->task.id;
	}
	*ret_next = 0;
	return 0;
}
