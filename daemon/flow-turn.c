/* SPDX-License-Identifier: MIT */
/*
 * The turn (I1). Commands and events change the model and put what must happen into the outbox; the
 * end of the turn writes what touched objects owe the store, lets the scheduler pick, commits once,
 * and releases the outbox.
 *
 * When the commit fails, touched objects become what they were (registry_rollback: exact), the
 * scheduler is built anew, replies turn into errors, and the engine's events of the turn are kept:
 * they are facts, so they are applied again, in order and before newer ones, one second later.
 * Nothing starts meanwhile. Commands still try a commit of their own, so that cancel gets through
 * when it can.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "daemon/flow-state.h"
#include "engine/engine.h"

#define POISONED_MAX 5 /* that often one report alone cannot be applied: it is dropped */
#define PROBE        "probe" /* setting: written to see whether anything can be */

/* ---- touching ---- */

int flow_turn_poison(struct flow *flow, int error)
{
	if (!flow->poison)
		flow->poison = error;
	return error;
}

int flow_turn_touch(struct flow *flow, struct active *active)
{
	return registry_touch(&flow->registry, active);
}

int flow_turn_change(struct flow *flow, struct active *active, unsigned what)
{
	int r = flow_turn_touch(flow, active);

	if (r)
		return r;
	active->save |= what;
	active->is_told = true;
	active->task->generation = ++flow->generation;
	return 0;
}

int flow_turn_task(struct flow *flow, uint64_t id, struct active **ret_active)
{
	struct active *active = id ? registry_find(&flow->registry, id) : NULL;
	struct task *task;
	int r;

	if (active && active->is_gone)
		return FLOW_E_NO_SUCH_TASK;
	if (!active) {
		r = store_task_load(flow->store, id, &task);
		if (r == STORE_E_NOT_FOUND)
			return FLOW_E_NO_SUCH_TASK;
		if (r)
			return err_fold(r);
		r = registry_add_take(&flow->registry, task, &active);
		if (r) {
			task_free(task);
			return r;
		}
	}
	*ret_active = active;
	return 0;
}

static uint64_t boot_wall_us(const struct flow *flow)
{
	return flow->base_wall_us + (flow->now.boot_us - flow->base_boot_us);
}

uint64_t flow_turn_age_wall_us(const struct flow *flow)
{
	uint64_t age_us = flow_age_wall_us(flow);

	return age_us < flow->now.wall_us ? age_us : flow->now.wall_us;
}

uint64_t flow_turn_steady_wall_us(const struct flow *flow)
{
	uint64_t steady_us = boot_wall_us(flow);

	return steady_us > flow->now.wall_us ? steady_us : flow->now.wall_us;
}

static void lower(uint64_t *at_us, uint64_t us)
{
	if (us < *at_us)
		*at_us = us;
}

/* First attempts that have begun and of which nothing else has been saved: looked for when one may be due, not in every turn. */
static int save_starts(struct flow *flow)
{
	struct active *active;
	size_t cursor = 0;
	int r = 0;

	if (flow->now.now_us < flow->starts_due_us)
		return 0;
	flow->starts_due_us = UINT64_MAX;
	while (!r && (active = registry_next(&flow->registry, &cursor))) {
		uint64_t since_us = active->task->unsaved_since_us;

		if (active->is_gone || !since_us)
			continue;
		if (since_us + FLOW_UNSAVED_US > flow->now.now_us) {
			lower(&flow->starts_due_us, since_us + FLOW_UNSAVED_US);
			continue;
		}
		r = flow_turn_touch(flow, active);
		active->save |= r ? 0 : STORE_SAVE_ATTEMPT;
	}
	return r;
}

void flow_turn_note_start(struct flow *flow, uint64_t since_us)
{
	flow->n_unsaved++;
	lower(&flow->starts_due_us, since_us + FLOW_UNSAVED_US);
}

static void forget_start(struct flow *flow, struct task *task)
{
	flow->n_unsaved -= task->unsaved_since_us != 0;
	task->unsaved_since_us = 0;
}

/* After a turn that failed. */
static void find_starts(struct flow *flow)
{
	const struct active *active;
	size_t cursor = 0;

	flow->n_unsaved = 0;
	flow->starts_due_us = UINT64_MAX;
	while ((active = registry_next(&flow->registry, &cursor)))
		if (active->task->unsaved_since_us)
			flow_turn_note_start(flow, active->task->unsaved_since_us);
}

#define NEW_MAX 64

/* Those of which all is new go together; the rest follows. */
static int flush_new(struct flow *flow)
{
	struct active *a = flow->registry.first_touched;
	int r = 0;

	while (!r && a) {
		struct task *tasks[NEW_MAX];
		size_t n = 0;

		for (; a && n < NEW_MAX; a = a->next_touched) {
			if (a->is_gone || !store_task_is_only_new(a->task, a->save))
				continue;
			tasks[n++] = a->task;
			a->save = 0;
		}
		if (n)
			r = err_fold(store_task_save_new(flow->store, tasks, n));
	}
	return r;
}

static int flush_task(struct flow *flow, struct active *a)
{
	int r = err_fold(store_task_save(flow->store, a->task, a->save));

	if (r)
		return r;
	if (a->save & STORE_SAVE_RESPONSE)
		a->task->is_response_new = false;
	if (a->save & (STORE_SAVE_STATE | STORE_SAVE_ATTEMPT))
		forget_start(flow, a->task);
	a->save = 0;
	return 0;
}

int flow_turn_flush(struct flow *flow)
{
	struct flow_session *session;
	int r = flush_new(flow);

	for (struct active *a = flow->registry.first_touched; !r && a; a = a->next_touched)
		if (a->save && !a->is_gone)
			r = flush_task(flow, a);
	TAILQ_FOREACH (session, &flow->touched_sessions, touched)
		if (!r && !session->is_gone)
			r = err_fold(store_session_save(flow->store, session->session));
	return r ? flow_turn_poison(flow, r) : 0;
}

/* ---- engine events ---- */

static void drop_kept(struct engine_event_list *list, struct engine_event *event)
{
	TAILQ_REMOVE(list, event, entry);
	engine_event_free(event);
}

/*
 * A newer checkpoint makes the older one of the same attempt superfluous: what is kept stays
 * bounded.
 */
static void drop_older_checkpoint(struct engine_event_list *list, const struct engine_event *event)
{
	struct engine_event *kept;

	TAILQ_FOREACH (kept, list, entry) {
		if (kept->type == event->type && kept->task == event->task &&
			kept->attempt == event->attempt) {
			drop_kept(list, kept);
			return;
		}
	}
}

static void note_take(struct engine_event_list *list, struct engine_event *event)
{
	if (event->type == ENGINE_EVENT_CHECKPOINT)
		drop_older_checkpoint(list, event);
	TAILQ_INSERT_TAIL(list, event, entry);
}

void flow_turn_keep_take(struct flow *flow, struct engine_event *event)
{
	note_take(&flow->kept_events, event);
}

static void apply(struct flow *flow, struct engine_event *event)
{
	int before = flow->poison;

	flow->synced = event->is_unnamed ? event : NULL;
	flow_event_apply(flow, event);
	flow->synced = NULL;
	if (before || !flow->poison)
		return;
	flow->poisoned = event;
	log_debug("event %d of task %llu: %s", (int)event->type, (unsigned long long)event->task,
		err_text(flow->poison));
}

void flow_engine_event(const struct engine_event *event, void *data)
{
	struct flow *flow = data;
	struct engine_event *kept;

	if (event->type == ENGINE_EVENT_PROGRESS) {
		if (TAILQ_EMPTY(&flow->kept_events))
			flow_event_apply(flow, event);
		return;
	}
	kept = engine_event_take(event);
	if (!TAILQ_EMPTY(&flow->kept_events)) {
		flow_turn_keep_take(flow, kept);
		return;
	}
	note_take(&flow->turn_events, kept);
	apply(flow, kept);
}

/* Those of a turn that failed, and those that came after it. */
static void apply_kept(struct flow *flow)
{
	struct engine_event *kept;

	if (flow->is_failing && flow->now.now_us < flow->retry_us)
		return;
	while ((kept = TAILQ_FIRST(&flow->kept_events))) {
		TAILQ_REMOVE(&flow->kept_events, kept, entry);
		TAILQ_INSERT_TAIL(&flow->turn_events, kept, entry);
		if (kept->n_tries < POISONED_MAX)
			apply(flow, kept);
		else
			log_error(
				"task %llu: a report of the engine cannot be applied and is dropped",
				(unsigned long long)kept->task);
	}
}

/* ---- the turn ---- */

void flow_turn_begin(struct flow *flow, const struct clock_now *now)
{
	flow->now = *now;
	flow->turn++;
	flow->is_in_turn = true;
	flow->has_more = false;
	flow->limits_before = flow->limits;
	flow->waits_before = flow->waits_after;
	if (flow->is_sched_stale && flow_schedule_rebuild(flow))
		log_debug("the queue cannot be read");
	apply_kept(flow);
}

static bool is_needed(const struct active *active)
{
	return active->task->attempt || active->answer;
}

/* Of new ones some may begin soon. */
static void leave(struct task *task_take, void *user)
{
	struct flow *flow = user;

	if (flow_schedule_is_open(flow))
		store_task_keep_take(flow->store, task_take);
	else
		task_free(task_take);
}

/* Who waited for the end of a cancelled task gets its resume data. */
static void answer(struct flow *flow, struct active *active)
{
	struct flow_answer *a = active->answer;
	void *data = NULL;
	size_t size = 0;
	int r;

	if (!a || (!active->is_gone && active->task->state != TASK_STATE_COMPLETED))
		return;
	active->answer = NULL;
	r = flow_resume_seal(flow, active->task, &data, &size);
	if (r)
		log_error("cannot make resume data: %s", err_text(r));
	a->fn(a->user, data ? 0 : FLOW_E_NO_RESUME_DATA, data, size);
	free(data);
	free(a);
}

static void tell_sessions(struct flow *flow)
{
	const struct flow_observer *o = flow->observer;
	struct flow_session *s;

	while ((s = TAILQ_FIRST(&flow->touched_sessions))) {
		bool has_new = s->has_new_events, is_told = s->is_told;
		bool is_asked = s->has_new_questions;
		uint64_t id = s->session->id;

		TAILQ_REMOVE(&flow->touched_sessions, s, touched);
		free(s->before);
		s->before = NULL;
		s->has_new_events = s->has_new_questions = s->is_told = s->is_new = false;
		if (s->is_gone) {
			map_remove(&flow->sessions, id);
			flow_session_free(s);
			flow->has_spare_jars = true;
			if (o && o->session_gone)
				o->session_gone(id, flow->observer_user);
			continue;
		}
		if (is_told && o && o->session_changed)
			o->session_changed(id, flow->observer_user);
		if (has_new && o && o->events)
			o->events(id, s->last_seq, flow->observer_user);
		if (is_asked && o && o->questions)
			o->questions(id, flow->observer_user);
	}
}

/*
 * Strings that were replaced pile up in the arena: a task that runs for long is loaded anew now and
 * then.
 */
static void compact(struct flow *flow, struct active *active)
{
	const size_t from = offsetof(struct task, attempt), to = offsetof(struct task, arena);
	struct task *fresh;

	if (active->task->stale_bytes < FLOW_STALE_BYTES || active->is_gone ||
		active->task->unsaved_since_us ||
		store_task_load(flow->store, active->task->id, &fresh))
		return;
	active->task->stale_bytes = 0;
	memcpy((char *)fresh + from, (char *)active->task + from, to - from);
	task_free(active->task);
	active->task = fresh;
}

static void tell_task(struct flow *flow, const struct active *active)
{
	const struct flow_observer *o = flow->observer;

	if (!o || !active->is_told || active->is_gone)
		return;
	if (o->task_changed)
		o->task_changed(active->task, flow->observer_user);
	if (o->task_set && active->is_set)
		o->task_set(active->task, flow->observer_user);
}

static void tell(struct flow *flow)
{
	const struct flow_observer *o = flow->observer;

	for (struct active *a = flow->registry.first_touched; a; a = a->next_touched) {
		answer(flow, a);
		tell_task(flow, a);
		if (!is_needed(a) || a->is_gone)
			flow_query_note_recent(flow, a->task);
		if (a->is_gone)
			forget_start(flow, a->task);
	}
	if (flow->is_limits_told && o && o->limits_changed)
		o->limits_changed(flow->observer_user);
	flow->is_limits_told = false;
	tell_sessions(flow);
	for (struct active *a = flow->registry.first_touched; a; a = a->next_touched)
		compact(flow, a);
}

static void succeed(struct flow *flow)
{
	struct engine_event *kept;
	bool was_failing = flow->is_failing;

	if (was_failing)
		log_notice("changes can be saved again");
	flow->is_failing = false;
	engine_hold(flow->engine);
	outbox_release(&flow->outbox, 0);
	engine_release(flow->engine);
	while ((kept = TAILQ_FIRST(&flow->turn_events)))
		drop_kept(&flow->turn_events, kept);
	tell(flow);
	registry_commit(&flow->registry, is_needed, leave, flow);
	flow_cookie_sweep(flow);
	/* what came while the store could not be written waits no longer, nor does what might have begun */
	if (was_failing || !TAILQ_EMPTY(&flow->kept_events) || flow->is_sched_stale)
		flow->has_more = true;
}

static void undo_sessions(struct flow *flow)
{
	struct flow_session *s;

	flow->has_spare_jars = true;
	while ((s = TAILQ_FIRST(&flow->touched_sessions))) {
		TAILQ_REMOVE(&flow->touched_sessions, s, touched);
		if (s->is_new) {
			map_remove(&flow->sessions, s->session->id);
			flow_session_free(s);
			continue;
		}
		if (s->before) {
			struct flow_session *before = s->before;
			struct session *session = s->session;
			struct arena arena = session->arena;

			*s = *before;
			*session = before->before_session;
			session->arena = arena;
			s->session = session;
			s->before = NULL;
			free(before);
		}
	}
}

/* Whoever began to wait in this turn is told that it did not happen. */
static void undo_answers(struct flow *flow, int error)
{
	for (struct active *a = flow->registry.first_touched; a; a = a->next_touched) {
		struct flow_answer *waiting = a->answer;

		if (!waiting || waiting->turn != flow->turn)
			continue;
		a->answer = NULL;
		waiting->fn(waiting->user, error, NULL, 0);
		free(waiting);
	}
}

/* They are facts: once more in a later turn, before newer ones. */
static void keep_events(struct flow *flow)
{
	struct engine_event *kept;

	while ((kept = TAILQ_LAST(&flow->turn_events, engine_event_list))) {
		TAILQ_REMOVE(&flow->turn_events, kept, entry);
		TAILQ_INSERT_HEAD(&flow->kept_events, kept, entry);
	}
}

static bool can_save(struct flow *flow)
{
	int r = store_setting_put(
		flow->store, PROBE, &flow->now.wall_us, sizeof(flow->now.wall_us));

	if (!r)
		r = store_commit(flow->store);
	if (r)
		store_rollback(flow->store);
	return !r;
}

/*
 * A report that no store takes waits as long as the store does. One that alone cannot be applied would hold up all others for
 * ever: it is tried some times.
 */
static void blame(struct flow *flow, int r)
{
	if (flow->poisoned && r != -ENOMEM && can_save(flow))
		flow->poisoned->n_tries++;
	flow->poisoned = NULL;
}

static void fail(struct flow *flow, int r)
{
	int error = r == STORE_E_FULL ? FLOW_E_NO_SPACE : FLOW_E_BUSY;

	if (!flow->is_failing)
		log_warn("changes cannot be saved, trying again each second: %s",
			r == STORE_E_FULL ? "no room on the disk" : err_text(err_fold(r)));
	flow->is_failing = true;
	flow->retry_us = flow->now.now_us + FLOW_RETRY_US;
	store_rollback(flow->store);
	blame(flow, r);
	undo_answers(flow, error);
	undo_sessions(flow);
	registry_rollback(&flow->registry);
	flow->limits = flow->limits_before;
	flow->waits_after = flow->waits_before;
	flow->is_limits_told = false;
	flow_apply_slots(flow);
	keep_events(flow);
	flow->is_due_known = flow->is_expiry_known = false;
	flow->is_sched_stale = true;
	find_starts(flow);
	flow->poison = 0;
	outbox_release(&flow->outbox, error);
}

/* Rows that turned out to be damaged were ended or dropped by the store: it knows the counts. */
static int recount(struct flow *flow)
{
	struct flow_session *s;
	uint64_t seq;
	size_t cursor = 0;
	int r = flow_turn_flush(flow);

	while (!r && (s = map_next(&flow->sessions, &cursor))) {
		if (s->is_gone)
			continue;
		r = flow_session_touch(flow, s);
		if (!r)
			r = err_fold(store_session_unfinished(
				flow->store, s->session->id, &s->session->n_tasks));
		if (!r)
			r = err_fold(store_session_events(
				flow->store, s->session->id, &s->session->n_events));
		if (!r)
			r = err_fold(store_event_last_seq(flow->store, s->session->id, &seq));
		if (!r && seq > s->last_seq) {
			s->last_seq = seq;
			s->has_new_events = true;
		}
		if (!r)
			r = flow_step_settle_session(flow, s);
	}
	return r;
}

static int commit(struct flow *flow)
{
	int r;

	/*
	 * after a failure nothing new begins before its time, commands are committed as they come
	 */
	if (!flow->is_failing || flow->now.now_us >= flow->retry_us) {
		r = flow_schedule_run(flow);
		if (r < 0)
			return r;
	}
	r = flow->poison ? flow->poison : save_starts(flow);
	if (r)
		return r;
	flow_event_tell_late(flow);
	if (store_n_repaired(flow->store) != flow->n_repaired) {
		log_warn("damaged records of the database were ended or dropped");
		flow->n_repaired = store_n_repaired(flow->store);
		r = recount(flow);
		if (r)
			return r;
	}
	r = flow_turn_flush(flow);
	if (r)
		return r;
	if (!store_is_dirty(flow->store))
		return 0;
	r = store_commit(flow->store);
	if (!r)
		flow->n_commits++;
	return r;
}

bool flow_is_saved(const struct flow *flow)
{
	return !flow->is_failing && TAILQ_EMPTY(&flow->kept_events);
}

int flow_turn_end(struct flow *flow)
{
	int r = flow->poison ? flow->poison : commit(flow);

	flow->is_in_turn = false;
	if (!r) {
		succeed(flow);
		return 0;
	}
	fail(flow, r);
	return r < 0 ? r : -ENOSPC;
}

uint64_t flow_next_timer(const struct flow *flow)
{
	uint64_t wall_us = flow_turn_steady_wall_us(flow), at_us = UINT64_MAX, due_us = UINT64_MAX;

	if (flow->is_failing)
		return flow->retry_us;
	if (flow->has_more || !TAILQ_EMPTY(&flow->kept_events))
		return flow->now.now_us;
	if (!flow->is_stopping && flow->next_expiry_boot_us != UINT64_MAX)
		at_us = flow->now.now_us +
			(flow->next_expiry_boot_us > flow->now.boot_us
					? flow->next_expiry_boot_us - flow->now.boot_us
					: 0);
	/* without network, or paused, nothing can come of it: no wake-up */
	if (flow_schedule_is_open(flow) && flow->next_due_wall_us != UINT64_MAX)
		due_us = flow->now.now_us +
			(flow->next_due_wall_us > wall_us ? flow->next_due_wall_us - wall_us : 0);
	if (flow->n_unsaved)
		lower(&at_us, flow->starts_due_us);
	if (registry_count(&flow->registry))
		lower(&at_us, flow->late_due_us);
	lower(&at_us, due_us);
	return at_us;
}

int flow_reply_take(struct flow *flow, flow_reply_fn fn, void *reply)
{
	return outbox_add_take(&flow->outbox, fn, reply);
}
