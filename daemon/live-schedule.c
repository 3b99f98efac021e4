/* SPDX-License-Identifier: MIT */
/*
 * Lanes, slots and time. The scheduler is the one of background tasks, with slots of its own; a lane's queue is in memory, so
 * its window is filled from a list. Without a network a task either waits for one or ends at once, as its session wants it;
 * hosts on this machine need none.
 */
#include <stdlib.h>
#include <string.h>

#include <transfer/error.h>

#include "base/err.h"
#include "daemon/core/request.h"
#include "daemon/live-state.h"

/* ---- lanes ---- */

static struct live_lane *find_lane(struct live_session *session, const char *host)
{
	struct live_lane *lane;

	HASH_FIND_STR(session->lanes, host, lane);
	return lane;
}

struct live_lane *live_schedule_lane(
	struct live *live, struct live_session *session, const char *host)
{
	struct live_lane *lane = find_lane(session, host);
	size_t n = strlen(host) + 1;

	if (lane)
		return lane;
	lane = calloc(1, sizeof(*lane) + n);
	if (!lane)
		return NULL;
	lane->id = live_next_id(live);
	lane->session = session;
	lane->is_local = request_is_local(host);
	TAILQ_INIT(&lane->queue);
	TAILQ_INIT(&lane->ahead);
	memcpy(lane->host, host, n);
	if (map_put(&live->lanes, lane->id, lane)) {
		free(lane);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, session->lanes, lane->host, n - 1, lane);
	if (!lane->is_unlisted)
		return lane;
	map_remove(&live->lanes, lane->id);
	free(lane);
	return NULL;
}

void live_schedule_leave(struct live *live, struct live_task *task)
{
	struct live_lane *lane = task->lane;

	if (!lane)
		return;
	live_schedule_dequeue(live, task);
	live_schedule_release(live, task);
	task->lane = NULL;
	if (--lane->n_tasks)
		return;
	HASH_DEL(lane->session->lanes, lane);
	map_remove(&live->lanes, lane->id);
	free(lane);
}

static int offer(struct live *live, const struct live_lane *lane)
{
	const struct sched_lane_spec spec = {
		.lane = lane->id,
		.app = lane->session->app,
		.limit = lane->session->session->config.max_connections_per_host,
		.is_local = lane->is_local,
		.is_blocked = lane->session->is_blocked,
	};

	return sched_lane_offer(live->sched, &spec, false);
}

/* ---- the queue of a lane ---- */

static bool is_before(const struct live_task *a, const struct live_task *b)
{
	double pa = a->task.request.priority, pb = b->task.request.priority;

	return pa > pb || (!(pa < pb) && a->task.id < b->task.id);
}

static void insert(struct live_lane *lane, struct live_task *task)
{
	struct live_task *last = TAILQ_LAST(&lane->queue, live_tasks);

	while (last && is_before(task, last))
		last = TAILQ_PREV(last, live_tasks, queued);
	if (last)
		TAILQ_INSERT_AFTER(&lane->queue, last, task, queued);
	else
		TAILQ_INSERT_HEAD(&lane->queue, task, queued);
	task->is_queued = true;
}

void live_schedule_enqueue(struct live *live, struct live_task *task)
{
	const struct sched_candidate candidate = { task->task.id, task->task.request.priority };

	if (task->is_queued)
		return;
	insert(task->lane, task);
	if (offer(live, task->lane)) {
		live_session_break(live, task->session);
		return;
	}
	sched_enqueue(live->sched, task->lane->id, &candidate);
}

void live_schedule_dequeue(struct live *live, struct live_task *task)
{
	if (!task->is_queued)
		return;
	TAILQ_REMOVE(&task->lane->queue, task, queued);
	task->is_queued = false;
	sched_dequeue(live->sched, task->lane->id, task->task.id);
}

void live_schedule_refill(struct live *live, uint64_t id)
{
	struct sched_candidate chosen[SCHED_WINDOW];
	const struct live_lane *lane = map_find(&live->lanes, id);
	const struct live_task *task;
	size_t n = 0;

	/* those that run are not in the queue */
	task = lane ? TAILQ_FIRST(&lane->queue) : NULL;
	for (; task && n < SCHED_WINDOW; task = TAILQ_NEXT(task, queued))
		chosen[n++] = (struct sched_candidate){ task->task.id,
			task->task.request.priority };
	sched_fill(live->sched, id, chosen, n, !task);
}

/* ---- slots ---- */

void live_schedule_occupy(struct live *live, struct live_task *task)
{
	if (task->has_slot || offer(live, task->lane))
		return;
	task->has_slot = true;
	sched_occupy(live->sched, task->lane->id);
}

void live_schedule_release(struct live *live, struct live_task *task)
{
	live_ahead_leave(live, task);
	if (task->is_stalled)
		live->n_stalled--;
	task->is_stalled = task->is_yielding = false;
	if (!task->has_slot)
		return;
	task->has_slot = false;
	sched_release(live->sched, task->lane->id);
}

void live_schedule_yield(struct live *live, struct live_task *task)
{
	if (!task->has_slot || live->n_stalled >= LIVE_STALLED_MAX)
		return;
	live_schedule_release(live, task);
	task->is_stalled = true;
	live->n_stalled++;
}

void live_schedule_unyield(struct live *live, struct live_task *task)
{
	if (!task->is_stalled)
		return;
	task->is_stalled = task->is_yielding = false;
	live->n_stalled--;
	live_schedule_occupy(live, task);
}

/* ---- who does not take what is told of his tasks gets no more slots, and keeps none ---- */

static void block(struct live *live, struct live_session *session)
{
	size_t n_max = live->n_untold < LIVE_UNTOLD_MAX ? LIVE_UNTOLD_SESSION_MAX : 1;
	bool is_blocked = session->n_untold >= (session->is_blocked ? (n_max + 1) / 2 : n_max);
	struct live_lane *lane, *next;

	if (session->is_blocked == is_blocked)
		return;
	session->is_blocked = is_blocked;
	HASH_ITER (hh, session->lanes, lane, next)
		sched_lane_set_blocked(live->sched, lane->id, is_blocked);
}

void live_schedule_note_untold(struct live *live, struct live_task *task, bool is_untold)
{
	if (task->is_untold == is_untold)
		return;
	task->is_untold = is_untold;
	if (is_untold) {
		live->n_untold++;
		task->session->n_untold++;
	} else {
		live->n_untold--;
		task->session->n_untold--;
	}
	block(live, task->session);
}

bool live_schedule_reaches(const struct live *live, const struct live_task *task)
{
	return live->is_network_up || task->lane->is_local;
}

/* It has a slot, or is ahead, and is out of the window. */
void live_schedule_start(struct live *live, struct live_task *task)
{
	struct transfer_result result;

	TAILQ_REMOVE(&task->lane->queue, task, queued);
	task->is_queued = false;
	if (live->is_starting_ahead)
		live_ahead_join(task);
	else
		task->has_slot = true;
	if (live_schedule_reaches(live, task)) {
		(void)live_step(live, task, LIVE_EVENT_START, NULL);
		return;
	}
	live_schedule_release(live, task);
	if (task->session->session->config.waits_for_connectivity) {
		(void)live_step(live, task, LIVE_EVENT_NO_NETWORK, NULL);
		return;
	}
	result = live_result(TRANSFER_ERROR_NOT_CONNECTED, "there is no network");
	(void)live_step(live, task, LIVE_EVENT_CANCEL, &result);
}

void live_schedule_run(struct live *live)
{
	struct live_task *task;
	uint64_t lane, id;

	if (live->is_stopping)
		return;
	engine_hold(live->engine);
	for (;;) {
		while (sched_next_refill(live->sched, &lane))
			live_schedule_refill(live, lane);
		if (!sched_pick(live->sched, &lane, &id))
			break;
		task = live_task_find(live, id);
		if (task && task->is_queued)
			live_schedule_start(live, task);
		else
			sched_release(live->sched, lane);
	}
	engine_release(live->engine);
}

/* ---- time ---- */

static bool has_begun(const struct live_task *task)
{
	return task->task.attempt && !task->is_ahead;
}

/* The engine knows the limit of an attempt that has begun. */
static bool is_over(const struct live *live, const struct live_task *task)
{
	return task->is_counted && !task->suspended_boot_us && !has_begun(task) &&
		task->task.deadline_boot_us <= live->now.boot_us;
}

/* The task may be gone afterwards. */
static void expire_one(struct live *live, struct live_task *task)
{
	struct transfer_result result;
	uint64_t id = task->task.id;

	if (task->question && task->question_due_us <= live->now.now_us) {
		live_answer_default(live, task);
		if (live_task_find(live, id) != task)
			return;
	}
	if (task->yield_due_us && task->yield_due_us <= live->now.now_us) {
		task->yield_due_us = 0;
		live_schedule_yield(live, task);
		task->is_yielding = task->is_stalled;
	}
	if (task->told.due_us && task->told.due_us <= live->now.now_us) {
		task->told.due_us = 0;
		live_row_progress(live, task, true);
	}
	if (!is_over(live, task))
		return;
	result = live_result(TRANSFER_ERROR_TIMED_OUT, "the resource time is over");
	(void)live_step(live, task, LIVE_EVENT_CANCEL, &result);
}

void live_schedule_note_limit(struct live *live, const struct live_task *task)
{
	uint64_t at_us = task->task.deadline_boot_us, boot_us = live->now.boot_us;

	live_note_due(live, live->now.now_us + (at_us > boot_us ? at_us - boot_us : 0));
}

static void note_dues(struct live *live, const struct live_task *task)
{
	if (task->question)
		live_note_due(live, task->question_due_us);
	if (task->yield_due_us)
		live_note_due(live, task->yield_due_us);
	if (task->told.due_us)
		live_note_due(live, task->told.due_us);
	if (task->is_counted && !task->suspended_boot_us && !has_begun(task) &&
		task->phase != LIVE_PHASE_CANCELING && task->phase != LIVE_PHASE_FINISHING)
		live_schedule_note_limit(live, task);
}

void live_schedule_expire(struct live *live)
{
	struct live_task *task, *next;

	live->next_due_us = UINT64_MAX;
	for (task = TAILQ_FIRST(&live->all); task; task = next) {
		next = TAILQ_NEXT(task, in_all);
		expire_one(live, task);
	}
	TAILQ_FOREACH (task, &live->all, in_all)
		note_dues(live, task);
}
