/* SPDX-License-Identifier: MIT */
/* Life of all that lives in memory: the turn, what time does, the stop. */
#include "daemon/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "daemon/live-state.h"
#include "daemon/store/store.h"

#if STORE_NUMBER_END > LIVE_ID_FIRST
#	error "what the store gives must not look like ours"
#endif

int live_new(const struct live_config *config, struct live **ret_live)
{
	struct live *live = calloc(1, sizeof(*live));

	if (!live)
		return err_raise(-ENOMEM);
	live->config = *config;
	live->engine = config->engine;
	live->flow = config->flow;
	live->last_id = LIVE_ID_FIRST;
	live->is_network_up = !config->is_offline;
	live->next_due_us = UINT64_MAX;
	TAILQ_INIT(&live->all);
	TAILQ_INIT(&live->touched_sessions);
	TAILQ_INIT(&live->replies);
	TAILQ_INIT(&live->spent);
	live->sched = sched_new(config->n_slots ? config->n_slots : LIVE_SLOTS);
	live->spool_dir = strdup(config->spool_dir);
	if (!live->sched || !live->spool_dir) {
		live_free(live);
		return err_raise(-ENOMEM);
	}
	*ret_live = live;
	return 0;
}

struct live *live_free(struct live *live)
{
	struct live_session *session;
	size_t cursor;

	if (!live)
		return NULL;
	live->config.observer = NULL;
	for (;;) {
		cursor = 0;
		session = map_next(&live->sessions, &cursor);
		if (!session)
			break;
		live_session_free(live, session);
	}
	live_command_flush(live);
	live_event_free_dropped(live);
	map_done(&live->sessions);
	map_done(&live->tasks);
	map_done(&live->by_engine_id);
	map_done(&live->lanes);
	map_done(&live->questions);
	sched_free(live->sched);
	free(live->spool_dir);
	free(live);
	return NULL;
}

uint64_t live_next_id(struct live *live)
{
	return ++live->last_id;
}

void live_note_due(struct live *live, uint64_t due_us)
{
	if (due_us < live->next_due_us)
		live->next_due_us = due_us;
}

void live_turn_begin(struct live *live, const struct clock_now *now)
{
	live->now = *now;
}

/* Sessions that are over go after they were told of. */
static void tell(struct live *live)
{
	const struct live_observer *o = live->config.observer;
	struct live_session *session;

	while ((session = TAILQ_FIRST(&live->touched_sessions))) {
		TAILQ_REMOVE(&live->touched_sessions, session, touched);
		session->is_touched = false;
		if (session->is_broken && !session->is_silent) {
			live_session_end(live, session);
			live_row_put_last(live, session);
		}
		if (o && o->events && live_has_events(live, session->session->id))
			o->events(session->session->id, live->config.observer_user);
		live_session_settle(live, session);
	}
}

void live_turn_end(struct live *live)
{
	if (live->next_due_us <= live->now.now_us)
		live_schedule_expire(live);
	live_schedule_run(live);
	live_command_flush(live);
	tell(live);
	/* what was taken may have left slots */
	live_ahead_settle(live);
	live_schedule_run(live);
	live_ahead_fill(live);
	tell(live);
	live_event_free_dropped(live);
}

uint64_t live_next_timer(const struct live *live)
{
	return live->next_due_us;
}

void live_set_network(struct live *live, bool is_up)
{
	struct live_task *task;

	if (live->is_network_up == is_up)
		return;
	live->is_network_up = is_up;
	if (!is_up)
		return;
	TAILQ_FOREACH (task, &live->all, in_all)
		if (task->phase == LIVE_PHASE_OFFLINE)
			(void)live_step(live, task, LIVE_EVENT_NETWORK, NULL);
}

void live_stop(struct live *live)
{
	struct live_session *session;
	struct live_task *task, *next;
	size_t cursor = 0;

	live->is_stopping = true;
	while ((session = map_next(&live->sessions, &cursor)))
		session->is_silent = session->is_closing = true;
	for (task = TAILQ_FIRST(&live->all); task; task = next) {
		next = TAILQ_NEXT(task, in_all);
		(void)live_step(live, task, LIVE_EVENT_CANCEL, NULL);
	}
}

uint32_t live_n_running(const struct live *live)
{
	return (uint32_t)live->n_attempts;
}

bool live_can_exit(const struct live *live)
{
	size_t cursor = 0;

	return !map_next(&live->sessions, &cursor);
}
