/* SPDX-License-Identifier: MIT */
/*
 * Who starts now. Run at the end of each turn: waiting tasks whose time has come join the queue,
 * lanes whose window ran dry are filled from the store (I5), free slots are given away. Nothing
 * starts without network, while paused, or while stopping; then nothing here asks for a wake-up
 * either, but for the end of a resource limit. Also what people and the network change: limits,
 * mode, up and down.
 */
#include <errno.h>
#include <stdlib.h>

#include <transfer/error.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "daemon/core/retry.h"
#include "daemon/core/request.h"
#include "daemon/flow-state.h"
#include "engine/engine.h"

#define PRUNE_US   UINT64_C(3600000000)
#define PRUNE_PAGE 256

bool flow_schedule_is_open(const struct flow *flow)
{
	return (flow->is_network_up || flow->has_local) && !flow->limits.is_paused &&
		!flow->is_stopping;
}

static uint32_t lane_limit(const struct flow *flow, const struct session *session)
{
	uint32_t own = session->config.max_connections_per_host;

	/* "where the session says nothing": the default value is that */
	if (!own || own == SESSION_CONNECTIONS_PER_HOST)
		return flow->limits.max_connections_per_host;
	return own;
}

static int offer(struct flow *flow, const struct store_lane *lane)
{
	const struct flow_session *s = flow_session_lookup(flow, lane->session);
	struct sched_lane_spec spec = { .lane = lane->lane,
		.is_local = request_is_local(lane->host) };

	if (!s)
		return err_raise(-ENOTRECOVERABLE);
	flow->has_local |= spec.is_local;
	spec.app = s->app;
	spec.limit = lane_limit(flow, s->session);
	return sched_lane_offer(flow->sched, &spec, lane->n_queued > 0);
}

static int offer_task(struct flow *flow, const struct task *task)
{
	const struct store_lane lane = {
		.lane = task->lane, .session = task->session, .host = task->request.host
	};

	return offer(flow, &lane);
}

int flow_schedule_enqueue(struct flow *flow, const struct task *task)
{
	const struct sched_candidate candidate = { task->id, task->request.priority };
	int r;

	/* the row of its session is damaged: it has nothing to run for */
	if (!flow_session_lookup(flow, task->session))
		return 0;
	r = offer_task(flow, task);
	if (!r)
		sched_enqueue(flow->sched, task->lane, &candidate);
	return r;
}

/* ---- from scratch ---- */

static int on_lane(const struct store_lane *lane, void *user)
{
	struct flow *flow = user;

	/* a lane whose session is not there any more has nothing to run */
	if (!flow_session_lookup(flow, lane->session))
		return 0;
	return offer(flow, lane);
}

/* Without network a task that waits for another try on this machine still needs its wake-up. */
static int on_waiting(struct task *task_take, void *user)
{
	struct flow *flow = user;

	flow->has_local |= request_is_local(task_take->request.host);
	task_free(task_take);
	return 0;
}

static void look_for_local(struct flow *flow)
{
	const struct store_filter filter = {
		.uid = (uid_t)-1, .states_mask = 1u << TASK_STATE_WAITING, .limit = FLOW_PAGE
	};

	if (flow_turn_flush(flow) || store_task_each(flow->store, &filter, on_waiting, flow))
		flow->has_local = true; /* not known: better a wake-up too many */
}

int flow_schedule_rebuild(struct flow *flow)
{
	struct active *active;
	size_t cursor = 0;
	int r;

	sched_reset(flow->sched);
	flow_apply_slots(flow);
	r = flow_turn_flush(flow);
	if (!r)
		r = err_fold(store_lane_each(flow->store, on_lane, flow));
	while (!r && (active = registry_next(&flow->registry, &cursor))) {
		if (active->is_gone || (!active->task->has_slot && !active->task->is_ahead))
			continue;
		r = offer_task(flow, active->task);
		if (!r && active->task->has_slot)
			sched_occupy(flow->sched, active->task->lane);
		else if (!r)
			sched_ahead_add(flow->sched, active->task->lane);
	}
	if (!r && !flow->is_network_up)
		look_for_local(flow);
	flow->is_sched_stale = r;
	return r;
}

/* ---- waiting tasks ---- */

struct due_list {
	struct flow *flow;
	size_t n;
	struct {
		uint64_t task, lane;
	} rows[FLOW_PAGE];
};

static int on_due(uint64_t task, uint64_t lane, void *user)
{
	struct due_list *list = user;

	if (list->n < FLOW_PAGE) {
		list->rows[list->n].task = task;
		list->rows[list->n].lane = lane;
		list->n++;
	}
	return 0;
}

/* The store has queued them; the scheduler hears of their lanes and reads them from there. */
static int take_due(struct flow *flow)
{
	cleanup_(cleanup_free) struct due_list *list = calloc(1, sizeof(*list));
	struct active *active;
	struct task *task;
	int r;

	if (!list)
		return err_raise(-ENOMEM);
	r = err_fold(store_due_take(
		flow->store, flow_turn_steady_wall_us(flow), FLOW_PAGE, on_due, list));
	for (size_t i = 0; !r && i < list->n; i++) {
		active = registry_find(&flow->registry, list->rows[i].task);
		if (active && !active->is_gone) {
			r = flow_step(flow, active, TASK_EVENT_DUE, NULL);
			r = r < 0 ? r : 0;
			continue;
		}
		r = store_task_load(flow->store, list->rows[i].task, &task);
		if (r == STORE_E_NOT_FOUND) {
			/* it could not be read and had to go */
			r = 0;
			continue;
		}
		if (r)
			return err_fold(r);
		r = flow_schedule_enqueue(flow, task);
		task->generation = ++flow->generation;
		flow_query_note_recent(flow, task);
		task_free(task);
	}
	if (list->n == FLOW_PAGE)
		flow->has_more = true;
	flow->is_due_known = false;
	return r;
}

/* A date that has come counts once: a later attempt is nobody's question any more. */
static int begin(struct flow *flow, struct active *active)
{
	struct task *task = active->task;
	int r = 0;

	if (task->request.not_before_wall_us && !task->is_begun) {
		r = flow_turn_change(flow, active, STORE_SAVE_STATE);
		task->is_begun |= !r;
	}
	return r ? r : flow_step(flow, active, TASK_EVENT_START, NULL);
}

/* Did the server say when to come again? What it answered is kept with the task; a failed attempt since is our own matter. */
static bool is_told_when(const struct task *task)
{
	return !task->last_error.code &&
		request_has_header(task->response.headers, task->response.n_headers, "Retry-After");
}

/*
 * The network is back: who waits for another try need not wait on, unless the server said until when. One that did and broke
 * off then is known by a time that is longer than any back-off.
 */
static int wake_retries(struct flow *flow)
{
	const struct store_filter filter = {
		.uid = (uid_t)-1,
		.states_mask = 1u << TASK_STATE_WAITING,
		.after_id = flow->wake_after_id,
		.limit = FLOW_PAGE,
	};
	uint64_t ids[FLOW_PAGE], wall_us = flow_turn_steady_wall_us(flow), longest_us;
	struct active *active;
	size_t n;
	int r = flow_turn_flush(flow);

	if (!r)
		r = err_fold(store_task_ids(flow->store, &filter, ids, &n));
	for (size_t i = 0; !r && i < n; i++) {
		flow->wake_after_id = ids[i];
		r = flow_turn_task(flow, ids[i], &active);
		if (r == FLOW_E_NO_SUCH_TASK) {
			r = 0;
			continue;
		}
		if (r)
			break;
		longest_us = retry_delay_us(active->task->failures, 0, 0) * 3 / 2;
		if (active->task->wait_reason == TASK_WAIT_RETRY && !is_told_when(active->task) &&
			active->task->due_wall_us < wall_us + longest_us) {
			r = flow_step(flow, active, TASK_EVENT_DUE, NULL);
			r = r < 0 ? r : 0;
		}
	}
	if (r)
		return r;
	flow->is_waking = n == FLOW_PAGE;
	flow->has_more |= flow->is_waking;
	return 0;
}

static int run_due(struct flow *flow)
{
	int r;

	/* writes of this turn may have added one */
	if (!flow->is_due_known || flow->registry.first_touched) {
		r = flow_turn_flush(flow);
		if (!r)
			r = err_fold(store_due_next(flow->store, &flow->next_due_wall_us));
		if (r)
			return r;
		flow->is_due_known = true;
	}
	if (flow->next_due_wall_us > flow_turn_steady_wall_us(flow))
		return 0;
	r = take_due(flow);
	if (r)
		return flow_turn_poison(flow, r);
	return err_fold(store_due_next(flow->store, &flow->next_due_wall_us));
}

/* ---- slots ---- */

/*
 * Reads on in the lane's queue; tasks that run, or whose last attempt is still ending, are in it and
 * left out.
 */
int flow_schedule_refill(struct flow *flow, uint64_t lane)
{
	struct sched_candidate chosen[SCHED_WINDOW], from = sched_refill_from(flow->sched, lane);
	struct store_candidate rows[SCHED_WINDOW];
	size_t n = 0, n_rows;

	do {
		const struct store_window window = { lane, SCHED_WINDOW,
			{ from.id, from.priority } };
		int r = err_fold(store_lane_window(flow->store, &window, rows, &n_rows));

		if (r)
			return r;
		for (size_t i = 0; i < n_rows; i++) {
			const struct active *active = registry_find(&flow->registry, rows[i].id);

			from = (struct sched_candidate){ rows[i].id, rows[i].priority };
			if (!active || (!active->task->attempt && !active->is_gone))
				chosen[n++] = from;
		}
	} while (!n && n_rows == SCHED_WINDOW);
	sched_fill(flow->sched, lane, chosen, n, n_rows < SCHED_WINDOW);
	return 0;
}

static void give_back(struct flow *flow, uint64_t lane)
{
	if (flow->is_starting_ahead)
		sched_ahead_drop(flow->sched, lane);
	else
		sched_release(flow->sched, lane);
}

/* The file is there and durable, there was no room for its name. */
static bool is_whole(const struct task *task)
{
	return task->kind == TRANSFER_TASK_DOWNLOAD && task->request.destination && task->file_ino;
}

/*
 * The slot was given; the task may turn out not to be startable: then it moves on without an
 * attempt.
 */
int flow_schedule_start(struct flow *flow, uint64_t lane, uint64_t id)
{
	struct transfer_result result;
	struct active *active;
	struct task *task;
	int r = flow_turn_task(flow, id, &active);

	if (r == FLOW_E_NO_SUCH_TASK || (!r && task_fsm_phase(active->task) != TASK_PHASE_QUEUED)) {
		give_back(flow, lane);
		return 0;
	}
	if (r) {
		give_back(flow, lane);
		return r;
	}
	task = active->task;
	if (!flow_session_lookup(flow, task->session)) {
		/* its session's row is damaged: the task rests, or it would be picked for ever */
		task->suspend_count = 1;
		r = flow_step(flow, active, TASK_EVENT_SUSPEND, NULL);
	} else if (task->request.not_before_wall_us > flow->now.wall_us) {
		r = flow_step(flow, active, TASK_EVENT_LATER, NULL);
	} else if (task->result.code) {
		result = task->result; /* doomed from its creation */
		r = flow_step(flow, active, TASK_EVENT_FAIL, &result);
	} else if (flow_attempt_left_us(flow, task) == 1) {
		result = flow_step_result(TRANSFER_ERROR_TIMED_OUT, "the resource time is over");
		r = flow_step(flow, active, TASK_EVENT_FAIL, &result);
	} else if (is_whole(task)) {
		r = flow_step(flow, active, TASK_EVENT_RETRY_PLACE, NULL);
	} else if (flow_question_is_due(flow, task)) {
		r = flow_question_ask(flow, active, QUESTION_DELAYED_REQUEST);
	} else {
		r = begin(flow, active);
	}
	if (!task->has_slot && !task->is_ahead)
		give_back(flow, lane);
	return r < 0 ? r : 0;
}

static int fill_slots(struct flow *flow)
{
	uint64_t lane, id;
	int r = flow_ahead_promote(flow);

	/* the queue is read from the store; what starts here is in front of what is still to be read */
	if (!r)
		r = flow_turn_flush(flow);
	if (r)
		return r;
	for (;;) {
		while (sched_next_refill(flow->sched, &lane)) {
			r = flow_schedule_refill(flow, lane);
			if (r)
				return r;
		}
		if (!sched_pick(flow->sched, &lane, &id))
			return flow_ahead_fill(flow);
		r = flow_schedule_start(flow, lane, id);
		if (r)
			return r;
	}
}

/* ---- what has been kept long enough ---- */

static int on_pruned(uint64_t task, uint64_t lane, void *user)
{
	struct flow *flow = user;
	struct task *row = NULL;
	char path[FLOW_PATH_BYTES];
	int r = 0;

	(void)lane;
	for (enum flow_attempt_file file = FLOW_FILE_PART; !r && file <= FLOW_FILE_BODY; file++) {
		flow_attempt_spool_path(flow, task, file, path);
		r = flow_attempt_remove(flow, path);
	}
	/* a hidden part beside a destination, while the row can still be read */
	if (!r && !store_task_load(flow->store, task, &row)) {
		if (row->result.code && row->request.destination &&
			!flow_attempt_path(flow, row, FLOW_FILE_PART, path))
			r = flow_attempt_remove(flow, path);
		task_free(row);
	}
	return r;
}

/* Events went with their tasks. */
static int recount_events(struct flow *flow)
{
	struct flow_session *s;
	size_t cursor = 0;
	int r = 0;

	while (!r && (s = map_next(&flow->sessions, &cursor))) {
		if (s->is_gone || !s->session->n_events)
			continue;
		r = flow_session_touch(flow, s);
		if (!r)
			r = err_fold(store_session_events(
				flow->store, s->session->id, &s->session->n_events));
	}
	return r;
}

/* Only in turns that happen anyway: an idle daemon does not wake up for it. */
static int prune(struct flow *flow)
{
	uint64_t wall_us = flow_turn_age_wall_us(flow);
	int r;

	if (flow->now.boot_us - flow->pruned_boot_us < PRUNE_US || wall_us < flow->retention_us)
		return 0;
	flow->pruned_boot_us = flow->now.boot_us;
	r = flow_age_save(flow);
	if (!r)
		r = flow_kept_sweep(flow, false);
	if (!r)
		r = flow_turn_flush(flow);
	if (r)
		return r;
	r = err_fold(store_prune(
		flow->store, wall_us - flow->retention_us, PRUNE_PAGE, on_pruned, flow));
	return r ? r : recount_events(flow);
}

/* ---- whose time is over ---- */

static int look_for_expiry(struct flow *flow)
{
	int r;

	if (flow->is_expiry_known)
		return 0;
	r = flow_turn_flush(flow);
	if (!r)
		r = err_fold(store_expiry_next(flow->store, &flow->next_expiry_boot_us));
	flow->is_expiry_known = !r;
	return r;
}

/* Also without network and while paused: the resource limit of who was started once runs on. */
static int expire(struct flow *flow)
{
	const struct transfer_result result = flow_step_result(
		TRANSFER_ERROR_TIMED_OUT, "the resource time is over");
	uint64_t ids[FLOW_PAGE];
	struct active *active;
	size_t n;
	int r = flow->is_stopping ? 0 : look_for_expiry(flow);

	if (r || flow->is_stopping || flow->next_expiry_boot_us > flow->now.boot_us)
		return r;
	r = flow_turn_flush(flow);
	if (!r)
		r = err_fold(store_expiry_ids(flow->store, flow->now.boot_us, FLOW_PAGE, ids, &n));
	for (size_t i = 0; !r && i < n; i++) {
		r = flow_turn_task(flow, ids[i], &active);
		if (!r && flow_session_lookup(flow, active->task->session))
			r = flow_step(flow, active, TASK_EVENT_FAIL, &result);
		else if (!r) /* a session that cannot be read: it has nothing to run */
			r = flow_turn_change(flow, active, STORE_SAVE_STATE);
		if (!r)
			active->task->expires_boot_us = 0;
		r = r < 0 ? r : 0;
	}
	if (r)
		return r;
	flow->has_more |= n == FLOW_PAGE;
	flow->is_due_known = flow->is_expiry_known = false;
	return 0;
}

static int run_open(struct flow *flow)
{
	int r = flow->is_waking ? wake_retries(flow) : 0;

	if (!r)
		r = run_due(flow);
	if (!r)
		r = fill_slots(flow);
	if (r || !flow->registry.first_touched)
		return r;
	/* what was just made to wait */
	r = flow_turn_flush(flow);
	return r ? r : err_fold(store_due_next(flow->store, &flow->next_due_wall_us));
}

int flow_schedule_run(struct flow *flow)
{
	int r = flow_session_empty(flow);

	if (!r)
		r = flow_quit_run(flow);
	if (!r)
		r = flow_question_default(flow);
	if (!r)
		r = flow_sweep_more(flow);
	if (!r)
		r = flow_age_shorten_waits(flow);
	if (!r)
		r = prune(flow);
	if (!r)
		r = expire(flow);
	if (!r && !flow->is_sched_stale)
		r = flow_ahead_recall(flow);
	if (!r && flow_schedule_is_open(flow) && !flow->is_sched_stale)
		r = run_open(flow);
	return r ? r : look_for_expiry(flow);
}

/* ---- limits, mode, network ---- */

void flow_limits_get(const struct flow *flow, struct flow_limits *ret_limits)
{
	*ret_limits = flow->limits;
}

bool flow_schedule_reaches(const struct flow *flow, const struct task *task)
{
	return flow->is_network_up || request_is_local(task->request.host);
}

bool flow_network_is_up(const struct flow *flow)
{
	return flow->is_network_up;
}

/* Running tasks give way: they keep their bytes and wait in the queue. */
static int stop_all(struct flow *flow)
{
	struct active *active;
	size_t cursor = 0;
	int r = 0;

	while (r >= 0 && (active = registry_next(&flow->registry, &cursor)))
		if (!active->is_gone)
			r = flow_step(flow, active, TASK_EVENT_STOP, NULL);
	return r < 0 ? r : 0;
}

struct limits_item {
	struct flow *flow;
	struct flow_limits limits;
};

static void on_limits_release(void *data, int error)
{
	struct limits_item *item = data;

	if (!error)
		engine_set_limits(item->flow->engine, item->limits.max_download_bps,
			item->limits.max_upload_bps, item->limits.max_connections_per_host);
	free(item);
}

static int tell_engine(struct flow *flow)
{
	struct limits_item *item = malloc(sizeof(*item));

	if (!item)
		return err_raise(-ENOMEM);
	*item = (struct limits_item){ flow, flow->limits };
	if (outbox_add_take(&flow->outbox, on_limits_release, item)) {
		free(item);
		return err_raise(-ENOMEM);
	}
	return 0;
}

int flow_limits_set(struct flow *flow, const struct flow_limits *limits)
{
	const uint64_t words[5] = { limits->is_paused, limits->max_download_bps,
		limits->max_upload_bps, limits->max_active_tasks,
		limits->max_connections_per_host };
	bool was_paused = flow->limits.is_paused;
	int r;

	if (!limits->max_active_tasks || limits->max_active_tasks > SCHED_SLOTS_MAX ||
		!limits->max_connections_per_host ||
		limits->max_connections_per_host > SESSION_CONNECTIONS_MAX)
		return FLOW_E_INVALID_REQUEST;
	r = err_fold(store_setting_put(flow->store, "limits", words, sizeof(words)));
	if (r)
		return flow_turn_poison(flow, r);
	if (flow->limits.max_connections_per_host != limits->max_connections_per_host)
		flow->is_sched_stale =
			true; /* lanes get their new limits when they are built anew */
	flow->limits = *limits;
	flow->is_limits_told = true;
	flow_apply_slots(flow);
	r = tell_engine(flow);
	if (!r && limits->is_paused && !was_paused)
		r = stop_all(flow);
	if (!r && flow->is_sched_stale)
		r = flow_schedule_rebuild(flow);
	return r ? flow_turn_poison(flow, r) : 0;
}

void flow_set_network(struct flow *flow, bool is_up)
{
	if (flow->is_network_up == is_up)
		return;
	flow->is_network_up = is_up;
	sched_set_network(flow->sched, is_up);
	flow->is_limits_told = true;
	flow->is_due_known = false;
	if (!is_up)
		look_for_local(flow);
	flow->is_waking = is_up;
	flow->wake_after_id = 0;
	log_info("network is %s", is_up ? "up" : "down");
}
