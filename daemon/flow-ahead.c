/* SPDX-License-Identifier: MIT */
/*
 * Attempts ahead. A small file takes less time than a turn with its commit, so slots that are filled
 * again by the next turn stand empty most of the time. Where attempts end fast (core/sched.h) some
 * more are handed to the engine without a slot; when one of their lane ends, the engine begins the next
 * by itself and says so in the DONE. So no more run than there are slots: one is passed on, not made. A slot
 * that is free all the same is promised to the lane: the engine takes whichever has not begun, and says who.
 */
#include "base/err.h"
#include "daemon/flow-state.h"
#include "engine/engine.h"

static bool is_waiting(const struct active *active, uint64_t lane)
{
	const struct task *task = active->task;

	return task->is_ahead && task->lane == lane && !active->is_gone &&
		task_fsm_phase(task) == TASK_PHASE_RUNNING;
}

/*
 * They end as stopped, and are queued again. Of those that are ahead for all that is known here the engine may have begun some:
 * these go on, with the slot that its DONE tells of.
 */
int flow_ahead_recall(struct flow *flow)
{
	const struct active *active;
	uint64_t lane;
	size_t cursor;
	int r = 0;

	while (!r && sched_next_recall(flow->sched, &lane)) {
		cursor = 0;
		while (!r && (active = registry_next(&flow->registry, &cursor)))
			if (is_waiting(active, lane))
				r = flow_attempt_recall(flow, active->task);
	}
	return r;
}

static struct active *find_waiting(const struct flow *flow, uint64_t lane)
{
	struct active *active;
	size_t cursor = 0;

	while ((active = registry_next(&flow->registry, &cursor)))
		if (is_waiting(active, lane))
			return active;
	return NULL;
}

static int give_slot(struct flow *flow, struct active *active)
{
	struct task *task = active->task;
	int r = flow_turn_change(flow, active, 0);

	if (r)
		return flow_turn_poison(flow, r);
	task->is_ahead = false;
	task->has_slot = true;
	sched_ahead_occupy(flow->sched, task->lane);
	return 0;
}

int flow_ahead_promote(struct flow *flow)
{
	const struct active *active;
	uint64_t lane;
	int r = 0;

	while (!r && sched_next_promotion(flow->sched, &lane)) {
		active = find_waiting(flow, lane);
		if (!active)
			return 0; /* those that are left are being stopped */
		r = flow_attempt_begin(flow, active->task);
		if (!r)
			sched_promise(flow->sched, lane);
	}
	return r;
}

/* The engine knows better who is the first that has not begun. */
void flow_ahead_begun(struct flow *flow, const struct engine_event *event)
{
	sched_keep_promise(flow->sched, event->lane);
	if (event->next_task)
		(void)flow_ahead_follow(flow, event);
}

int flow_ahead_follow(struct flow *flow, const struct engine_event *event)
{
	struct active *next = registry_find_attempt(
		&flow->registry, event->next_task, event->next_attempt);

	/* with a slot of its own it leaves this one to others */
	return next && next->task->is_ahead ? give_slot(flow, next) : 0;
}

static int fill_lane(struct flow *flow, uint64_t lane)
{
	bool is_refilled = false;
	enum sched_ahead what;
	uint64_t id;
	int r = 0;

	while (!r && (what = sched_pick_ahead(flow->sched, lane, &id))) {
		if (what == SCHED_AHEAD_PICKED) {
			r = flow_schedule_start(flow, lane, id);
			is_refilled = false;
			continue;
		}
		if (is_refilled)
			return 0;
		is_refilled = true;
		r = flow_schedule_refill(flow, lane);
	}
	return r;
}

int flow_ahead_fill(struct flow *flow)
{
	uint64_t lane;
	int r = 0;

	flow->is_starting_ahead = true;
	while (!r && sched_next_ahead(flow->sched, &lane))
		r = fill_lane(flow, lane);
	flow->is_starting_ahead = false;
	return r;
}
