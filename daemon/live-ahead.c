/* SPDX-License-Identifier: MIT */
/*
 * Attempts ahead, as flow-ahead.c has them: where small tasks end faster than turns come, the engine has some more of a lane and
 * begins the next by itself. Looked after when the bus has taken what it takes: a task that ended has its slot until then, and a
 * client that does not read gets nothing ahead.
 */
#include "daemon/live-state.h"

void live_ahead_join(struct live_task *task)
{
	task->is_ahead = true;
	TAILQ_INSERT_TAIL(&task->lane->ahead, task, queued);
}

static void unlist(struct live_task *task)
{
	TAILQ_REMOVE(&task->lane->ahead, task, queued);
	task->is_ahead = task->is_recalled = false;
}

void live_ahead_leave(struct live *live, struct live_task *task)
{
	if (!task->is_ahead)
		return;
	unlist(task);
	sched_ahead_drop(live->sched, task->lane->id);
}

/* They end as stopped, and are queued again; not those that have begun, of which something may have been told. */
static void recall(struct live *live)
{
	const struct live_lane *lane;
	struct live_task *task;
	uint64_t id;

	while (sched_next_recall(live->sched, &id)) {
		lane = map_find(&live->lanes, id);
		if (!lane)
			continue;
		TAILQ_FOREACH (task, &lane->ahead, queued) {
			if (task->is_recalled || task->phase != LIVE_PHASE_RUNNING)
				continue;
			task->is_recalled = true;
			engine_recall(live->engine, task->engine_id, task->task.attempt);
		}
	}
}

static const struct live_task *find_waiting(const struct live *live, uint64_t id)
{
	const struct live_lane *lane = map_find(&live->lanes, id);
	const struct live_task *task = lane ? TAILQ_FIRST(&lane->ahead) : NULL;

	while (task && (task->is_recalled || task->phase != LIVE_PHASE_RUNNING))
		task = TAILQ_NEXT(task, queued);
	return task;
}

static void promote(struct live *live)
{
	const struct live_task *task;
	uint64_t lane;

	while (sched_next_promotion(live->sched, &lane)) {
		task = find_waiting(live, lane);
		if (!task || engine_begin(live->engine, task->engine_id, task->task.attempt))
			return; /* those that are left are ending */
		sched_promise(live->sched, lane);
	}
}

void live_ahead_follow(struct live *live, const struct engine_event *event)
{
	struct live_task *next = map_find(&live->by_engine_id, event->next_task);

	/* with a slot of its own it leaves this one to others */
	if (!next || next->task.attempt != event->next_attempt || !next->is_ahead)
		return;
	unlist(next);
	next->has_slot = true;
	sched_ahead_occupy(live->sched, next->lane->id);
}

void live_ahead_begun(struct live *live, const struct engine_event *event)
{
	sched_keep_promise(live->sched, event->lane);
	if (event->next_task)
		live_ahead_follow(live, event);
}

static void fill(struct live *live, uint64_t id)
{
	const struct live_lane *lane = map_find(&live->lanes, id);
	bool is_refilled = false;
	struct live_task *task;
	enum sched_ahead what;
	uint64_t picked;

	if (!lane || !TAILQ_EMPTY(&lane->session->line))
		return;
	while ((what = sched_pick_ahead(live->sched, id, &picked))) {
		if (what == SCHED_AHEAD_PICKED) {
			task = live_task_find(live, picked);
			if (task && task->is_queued)
				live_schedule_start(live, task);
			else
				sched_ahead_drop(live->sched, id);
			is_refilled = false;
			continue;
		}
		if (is_refilled)
			return;
		is_refilled = true;
		live_schedule_refill(live, id);
	}
}

void live_ahead_settle(struct live *live)
{
	if (live->is_stopping)
		return;
	recall(live);
	promote(live);
}

void live_ahead_fill(struct live *live)
{
	uint64_t lane;

	if (live->is_stopping)
		return;
	live->is_starting_ahead = true;
	while (sched_next_ahead(live->sched, &lane))
		fill(live, lane);
	live->is_starting_ahead = false;
}
