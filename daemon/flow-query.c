/* SPDX-License-Identifier: MIT */
/*
 * What can be asked: tasks one by one and in pages, what changed since a generation, counters, and
 * why a task waits. Rows come from the store; where a task is in memory its live object answers
 * instead. Nothing here changes anything.
 */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <transfer/error.h>

#include "base/err.h"
#include "daemon/core/request.h"
#include "daemon/flow-state.h"

/* ---- words ---- */

static enum transfer_task_sub_state queued_sub_state(
	const struct flow *flow, const struct task *task)
{
	if (flow->limits.is_paused)
		return TRANSFER_SUB_STATE_WAITING_MODE;
	return flow_schedule_reaches(flow, task) ? TRANSFER_SUB_STATE_QUEUED
						 : TRANSFER_SUB_STATE_WAITING_NETWORK;
}

static enum transfer_task_sub_state waiting_sub_state(
	const struct flow *flow, const struct task *task)
{
	switch (task->wait_reason) {
	case TASK_WAIT_DATE:
		return TRANSFER_SUB_STATE_WAITING_DATE;
	case TASK_WAIT_DISK:
		return TRANSFER_SUB_STATE_WAITING_DISK;
	case TASK_WAIT_ANSWER:
		return TRANSFER_SUB_STATE_WAITING_ANSWER;
	case TASK_WAIT_RETRY:
	case TASK_WAIT_NONE:
		break;
	}
	return flow_schedule_reaches(flow, task) ? TRANSFER_SUB_STATE_WAITING_RETRY
						 : TRANSFER_SUB_STATE_WAITING_NETWORK;
}

enum transfer_task_sub_state flow_task_sub_state(const struct flow *flow, const struct task *task)
{
	switch (task_fsm_phase(task)) {
	case TASK_PHASE_BORN:
	case TASK_PHASE_SUSPENDED:
	case TASK_PHASE_PARKING:
		return TRANSFER_SUB_STATE_SUSPENDED;
	case TASK_PHASE_QUEUED:
	case TASK_PHASE_REQUEUING:
		return queued_sub_state(flow, task);
	case TASK_PHASE_WAITING:
		return waiting_sub_state(flow, task);
	case TASK_PHASE_RUNNING:
		if (task->is_ahead)
			return queued_sub_state(flow, task);
		return task->is_transferring ? TRANSFER_SUB_STATE_TRANSFERRING
					     : TRANSFER_SUB_STATE_CONNECTING;
	case TASK_PHASE_ANSWERED:
		return TRANSFER_SUB_STATE_TRANSFERRING;
	case TASK_PHASE_SYNCING:
	case TASK_PHASE_FINISHING:
		return TRANSFER_SUB_STATE_FINISHING;
	case TASK_PHASE_CANCELING:
		return TRANSFER_SUB_STATE_CANCELING;
	case TASK_PHASE_COMPLETED:
	case TASK_PHASE_COUNT:
		break;
	}
	if (!task->result.code)
		return TRANSFER_SUB_STATE_DONE;
	return task->result.code == TRANSFER_ERROR_CANCELLED ? TRANSFER_SUB_STATE_CANCELLED
							     : TRANSFER_SUB_STATE_FAILED;
}

static const char *wait_word(enum task_wait_reason reason)
{
	switch (reason) {
	case TASK_WAIT_RETRY:
		return "retry";
	case TASK_WAIT_DATE:
		return "date";
	case TASK_WAIT_DISK:
		return "disk";
	case TASK_WAIT_ANSWER:
		return "answer";
	case TASK_WAIT_NONE:
		break;
	}
	return NULL;
}

size_t flow_task_reasons(
	const struct flow *flow, const struct task *task, const char *reasons[FLOW_REASONS_MAX])
{
	enum task_phase phase = task_fsm_phase(task);
	size_t n = 0;

	if (!task->is_ahead && phase != TASK_PHASE_QUEUED && phase != TASK_PHASE_REQUEUING &&
		phase != TASK_PHASE_WAITING)
		return 0;
	if (flow->limits.is_paused)
		reasons[n++] = "mode";
	if (!flow_schedule_reaches(flow, task))
		reasons[n++] = "network";
	if (phase == TASK_PHASE_WAITING && wait_word(task->wait_reason))
		reasons[n++] = wait_word(task->wait_reason);
	if (phase == TASK_PHASE_WAITING || n)
		return n;
	if (sched_n_running(flow->sched) >= sched_n_slots(flow->sched))
		reasons[n++] = "slot";
	else if (sched_lane_n_running(flow->sched, task->lane) >=
		sched_lane_limit(flow->sched, task->lane))
		reasons[n++] = "host";
	else
		reasons[n++] = "turn";
	return n;
}

uint64_t flow_task_waiting_until_wall_us(const struct flow *flow, const struct task *task)
{
	if (task->state != TASK_STATE_WAITING || task->wait_reason == TASK_WAIT_ANSWER ||
		!flow_schedule_is_open(flow))
		return 0;
	return task->due_wall_us;
}

const char *flow_task_file(const struct flow *flow, const struct task *task, char *buf, size_t size)
{
	char path[FLOW_PATH_BYTES];
	bool is_done = task->state == TASK_STATE_COMPLETED && !task->result.code;

	if (task->kind == TRANSFER_TASK_UPLOAD) {
		if (!is_done || !task->body_bytes)
			return NULL;
		flow_attempt_spool_path(flow, task->id, FLOW_FILE_BODY, path);
	} else if (is_done && task->request.destination) {
		snprintf(path, sizeof(path), "%s", task->request.destination);
	} else {
		if (!is_done && !task->offset_bytes && !task->attempts)
			return NULL;
		if (flow_attempt_path(flow, task, FLOW_FILE_PART, path))
			return NULL;
	}
	snprintf(buf, size, "%s", path);
	return buf;
}

/* ---- one task ---- */

/* In a turn what is not yet written comes first. */
static int settle_writes(struct flow *flow)
{
	return flow->is_in_turn ? flow_turn_flush(flow) : 0;
}

static void age_rates(const struct flow *flow, struct active *active)
{
	active->task->receive_bps = progress_meter_bps(&active->received, flow->now.now_us);
	active->task->send_bps = progress_meter_bps(&active->sent, flow->now.now_us);
}

/* The live object, when there is one; NULL and is_gone when it was removed in this turn. */
static const struct task *live(const struct flow *flow, uint64_t id, bool *ret_is_gone)
{
	struct active *active = registry_find(&flow->registry, id);

	*ret_is_gone = active && active->is_gone;
	if (!active || active->is_gone)
		return NULL;
	age_rates(flow, active);
	return active->task;
}

/* Rows know what is durable; these counters are shown as they would be live. */
static void fill_counters(struct task *task)
{
	task->received_bytes = task->kind == TRANSFER_TASK_UPLOAD ? task->body_bytes
								  : task->offset_bytes;
	task->live_sent_bytes = task->sent_bytes;
	if (task->state == TASK_STATE_COMPLETED && !task->result.code && task->file_size_bytes)
		task->received_bytes = task->file_size_bytes;
	task->expected_receive_bytes = task->total_bytes;
	/* what an error page has is no size of what is tried again */
	if (task->total_bytes < 0 &&
		(task->state != TASK_STATE_WAITING || task->response.status < 400))
		task->expected_receive_bytes = task->response.expected_bytes;
	if (task->kind == TRANSFER_TASK_UPLOAD)
		task->expected_send_bytes = (int64_t)task->request.source_size_bytes;
}

int flow_task_look(struct flow *flow, uint64_t id, flow_task_fn fn, void *user)
{
	bool is_gone;
	const struct task *task = id ? live(flow, id, &is_gone) : NULL;
	struct task *row;
	int r;

	if (!id || (!task && is_gone) || (task && task_fsm_phase(task) == TASK_PHASE_BORN))
		return FLOW_E_NO_SUCH_TASK;
	if (task)
		return fn(task, user);
	r = store_task_load(flow->store, id, &row);
	if (r == STORE_E_NOT_FOUND)
		return FLOW_E_NO_SUCH_TASK;
	if (r)
		return err_fold(r);
	fill_counters(row);
	r = task_fsm_phase(row) == TASK_PHASE_BORN ? FLOW_E_NO_SUCH_TASK : fn(row, user);
	task_free(row);
	return r;
}

/* ---- pages ---- */

/* sub-states */
#define ENDED \
	(1u << TRANSFER_SUB_STATE_DONE | 1u << TRANSFER_SUB_STATE_FAILED | \
		1u << TRANSFER_SUB_STATE_CANCELLED)

struct page {
	struct flow *flow;
	const struct flow_query *query;
	flow_task_fn fn;
	void *user;
	uint64_t last_id;
	size_t n_rows;
};

static uint32_t stored_states(const struct flow_query *query)
{
	static const struct {
		enum transfer_task_state public;
		uint32_t stored;
	} map[] = {
		{ TRANSFER_TASK_STATE_RUNNING,
			1u << TASK_STATE_QUEUED | 1u << TASK_STATE_WAITING |
				1u << TASK_STATE_FINISHING | 1u << TASK_STATE_ANSWERED },
		{ TRANSFER_TASK_STATE_SUSPENDED, 1u << TASK_STATE_SUSPENDED },
		{ TRANSFER_TASK_STATE_CANCELING, 1u << TASK_STATE_CANCELING },
		{ TRANSFER_TASK_STATE_COMPLETED, 1u << TASK_STATE_COMPLETED },
	};
	uint32_t mask = 0;

	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if (query->states_mask & 1u << map[i].public)
			mask |= map[i].stored;
	/* who asks for ends by name wants to see them */
	if (!mask && query->sub_states_mask && !(query->sub_states_mask & ~ENDED))
		mask = 1u << TASK_STATE_COMPLETED;
	return mask;
}

static int on_row(struct task *task_take, void *user)
{
	struct page *page = user;
	const struct flow_query *query = page->query;
	bool is_gone;
	const struct task *task = live(page->flow, task_take->id, &is_gone);
	int r = 0;

	page->last_id = task_take->id;
	page->n_rows++;
	if (!task)
		fill_counters(task_take);
	if (!task)
		task = task_take;
	if (!is_gone && task_fsm_phase(task) != TASK_PHASE_BORN &&
		(!query->sub_states_mask ||
			query->sub_states_mask & 1u << flow_task_sub_state(page->flow, task)))
		r = page->fn(task, page->user);
	task_free(task_take);
	return r;
}

static struct store_filter filter_of(const struct flow_query *query)
{
	return (struct store_filter){
		.session = query->session,
		.ids = query->ids,
		.n_ids = query->n_ids,
		.first_id = query->first_id,
		.last_id = query->last_id,
		.kinds_mask = query->kinds_mask,
		.states_mask = stored_states(query),
		.include_finished = query->include_finished || (query->sub_states_mask & ENDED),
		.uid = query->uid,
		.app_id = query->app_id,
		.name_glob = query->name_glob,
		.after_id = query->after_id,
		.limit = query->limit && query->limit < FLOW_LIST_MAX ? query->limit
								      : FLOW_LIST_MAX,
	};
}

int flow_tasks_each(struct flow *flow, const struct flow_query *query, flow_task_fn fn, void *user,
	uint64_t *ret_next)
{
	struct page page = { flow, query, fn, user, 0, 0 };
	const struct store_filter filter = filter_of(query);
	int r = settle_writes(flow);

	if (r)
		return r;
	r = store_task_each(flow->store, &filter, on_row, &page);
	if (!r)
		*ret_next = page.n_rows == filter.limit ? page.last_id : 0;
	return r;
}

/* ---- what changed ---- */

/* Tasks that left the memory are remembered for a while, so that a poller sees their last state. */
void flow_query_note_recent(struct flow *flow, const struct task *task)
{
	flow->recent[flow->n_recent++ % FLOW_RECENT] = (struct flow_recent){ task->id,
		task->generation };
}

static bool matches(
	const struct flow *flow, const struct flow_query *query, const struct task *task)
{
	const struct flow_session *s = flow_session_lookup(flow, task->session);
	char name[REQUEST_NAME_MAX_BYTES + 1];
	bool is_listed = !query->n_ids;

	for (size_t i = 0; !is_listed && i < query->n_ids; i++)
		is_listed = query->ids[i] == task->id;
	if (!s || !is_listed || task_fsm_phase(task) == TASK_PHASE_BORN)
		return false;
	if (query->uid != (uid_t)-1 && query->uid != s->session->uid)
		return false;
	if ((query->session && query->session != task->session) ||
		(query->first_id && task->id < query->first_id) ||
		(query->last_id && task->id > query->last_id))
		return false;
	if ((query->kinds_mask && !(query->kinds_mask & 1u << task->kind)) ||
		(query->states_mask && !(query->states_mask & 1u << task_public_state(task))) ||
		(query->sub_states_mask &&
			!(query->sub_states_mask & 1u << flow_task_sub_state(flow, task))))
		return false;
	if (query->app_id && strcmp(query->app_id, s->session->app_id) != 0)
		return false;
	return !query->name_glob ||
		fnmatch(query->name_glob, request_display_name(task, name, sizeof(name)), 0) == 0;
}

struct changed {
	struct flow *flow;
	const struct flow_query *query;
	flow_task_fn fn;
	void *user;
};

static int on_changed(const struct task *task, void *user)
{
	struct changed *changed = user;

	return matches(changed->flow, changed->query, task) ? changed->fn(task, changed->user) : 0;
}

/* The i-th from the newest is told by a newer one of the same task. */
static bool has_newer(const struct flow *flow, size_t i)
{
	uint64_t id = flow->recent[(flow->n_recent - 1 - i) % FLOW_RECENT].id;

	for (size_t k = 0; k < i; k++)
		if (flow->recent[(flow->n_recent - 1 - k) % FLOW_RECENT].id == id)
			return true;
	return false;
}

static int each_recent(struct flow *flow, struct changed *changed, uint64_t since)
{
	size_t n = flow->n_recent < FLOW_RECENT ? flow->n_recent : FLOW_RECENT;
	bool is_gone;
	int r;

	for (size_t i = 0; i < n; i++) {
		const struct flow_recent *recent =
			&flow->recent[(flow->n_recent - 1 - i) % FLOW_RECENT];

		if (recent->generation <= since || live(flow, recent->id, &is_gone) ||
			has_newer(flow, i))
			continue;
		r = flow_task_look(flow, recent->id, on_changed, changed);
		if (r && r != FLOW_E_NO_SUCH_TASK)
			return r;
	}
	return 0;
}

/* Everything since then is still known here. */
static bool is_covered(const struct flow *flow, uint64_t since)
{
	uint64_t oldest = 0;

	if (flow->n_recent < FLOW_RECENT)
		return true;
	oldest = flow->recent[flow->n_recent % FLOW_RECENT].generation;
	return oldest <= since;
}

int flow_progress_each(struct flow *flow, const struct flow_query *query,
	uint64_t *inout_generation, flow_task_fn fn, void *user)
{
	struct changed changed = { flow, query, fn, user };
	uint64_t since = *inout_generation, next;
	struct active *active;
	size_t cursor = 0;
	int r = settle_writes(flow);

	*inout_generation = flow->generation;
	if (r)
		return r;
	if (!since || since > flow->generation || !is_covered(flow, since))
		return flow_tasks_each(flow, query, fn, user, &next);
	while ((active = registry_next(&flow->registry, &cursor))) {
		if (active->is_gone || active->task->generation <= since ||
			!matches(flow, query, active->task))
			continue;
		age_rates(flow, active);
		r = fn(active->task, user);
		if (r)
			return r;
	}
	return each_recent(flow, &changed, since);
}

/* ---- counters ---- */

static void count_sessions(const struct flow *flow, struct flow_statistics *ret_statistics)
{
	const struct flow_session *s;
	size_t cursor = 0;

	while ((s = map_next(&flow->sessions, &cursor))) {
		ret_statistics->n_sessions += !s->is_gone;
		ret_statistics->n_clients += s->client != 0;
	}
}

/* Attempts that have begun, and files on their way to their place. */
static uint64_t count_active(const struct flow *flow)
{
	const struct active *active;
	uint64_t n = 0;
	size_t cursor = 0;

	while ((active = registry_next(&flow->registry, &cursor)))
		n += active->task->attempt && !active->task->is_ahead &&
			task_fsm_phase(active->task) != TASK_PHASE_BORN;
	return n;
}

int flow_statistics(struct flow *flow, struct flow_statistics *ret_statistics)
{
	struct flow_statistics st = { .started_wall_us = flow->started_wall_us };
	struct store_counts counts;
	uint64_t n_active = count_active(flow);
	int r = settle_writes(flow);

	if (!r)
		r = err_fold(store_counts(flow->store, &counts));
	if (r)
		return r;
	for (size_t i = 0; i <= TASK_STATE_COMPLETED; i++)
		st.n_total += counts.by_state[i];
	count_sessions(flow, &st);
	st.n_active = n_active;
	st.n_queued = counts.by_state[TASK_STATE_QUEUED] > n_active
		? counts.by_state[TASK_STATE_QUEUED] - n_active
		: 0;
	st.n_waiting = counts.by_state[TASK_STATE_WAITING];
	st.n_suspended = counts.by_state[TASK_STATE_SUSPENDED];
	st.n_failed = counts.n_failed;
	st.n_cancelled = counts.n_cancelled;
	st.n_completed = counts.by_state[TASK_STATE_COMPLETED] - counts.n_failed -
		counts.n_cancelled;
	st.n_events = counts.n_events;
	st.database_bytes = counts.database_bytes;
	st.received_bytes = flow->received_bytes;
	st.sent_bytes = flow->sent_bytes;
	st.receive_bps = progress_meter_bps(&flow->received_meter, flow->now.now_us);
	st.send_bps = progress_meter_bps(&flow->sent_meter, flow->now.now_us);
	st.n_attempts = flow->n_attempts;
	st.n_retries = flow->n_retries;
	st.n_commits = flow->n_commits;
	progress_samples_get(&flow->received_samples, flow->now.now_us, st.receive_samples_bps);
	progress_samples_get(&flow->sent_samples, flow->now.now_us, st.send_samples_bps);
	*ret_statistics = st;
	return 0;
}

int flow_session_count(struct flow *flow, uint64_t session, uint64_t *ret_n_tasks)
{
	int r = settle_writes(flow);

	return r ? r : err_fold(store_session_tasks(flow->store, session, ret_n_tasks));
}

uint32_t flow_n_running(const struct flow *flow)
{
	const struct active *active;
	size_t cursor = 0;
	uint32_t n = 0;

	while ((active = registry_next(&flow->registry, &cursor)))
		n += active->task->attempt && task_fsm_phase(active->task) != TASK_PHASE_BORN;
	return n;
}

bool flow_has_slots_taken(const struct flow *flow)
{
	return sched_n_running(flow->sched) > 0;
}

bool flow_can_exit(const struct flow *flow)
{
	const struct flow_session *s;
	struct store_counts counts;
	uint64_t n_questions;
	size_t cursor = 0;

	while ((s = map_next(&flow->sessions, &cursor)))
		if (s->client || s->is_emptying || s->is_defaulting || s->is_quitting)
			return false;
	if (registry_count(&flow->registry) || !TAILQ_EMPTY(&flow->births) ||
		!TAILQ_EMPTY(&flow->kept_events))
		return false;
	if (flow->is_failing || store_counts(flow->store, &counts) ||
		store_question_count_all(flow->store, &n_questions))
		return false;
	/* whose client was asked and is not there does not go on by itself */
	return !counts.by_state[TASK_STATE_QUEUED] &&
		counts.by_state[TASK_STATE_WAITING] <= n_questions &&
		!counts.by_state[TASK_STATE_FINISHING] && !counts.by_state[TASK_STATE_ANSWERED] &&
		!counts.by_state[TASK_STATE_CANCELING];
}
