/* SPDX-License-Identifier: MIT */
/*
 * The flow's life: what it is made of, how it finds its way back after a crash, how it stops; words
 * for errors and keys.
 */
#include "daemon/flow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/err.h"
#include "base/log.h"
#include "daemon/flow-state.h"
#include "engine/engine.h"

const char *flow_error_text(int error)
{
	static const char *const texts[] = { [FLOW_E_NONE] = "done",
#define TEXT(symbol, text) [FLOW_E_##symbol] = (text),
		FLOW_ERRORS(TEXT)
#undef TEXT
	};

	if (error < 0 || (size_t)error >= sizeof(texts) / sizeof(texts[0]))
		return "internal error";
	return texts[error];
}

const char *flow_session_key_name(uint32_t key)
{
	switch ((enum flow_session_key)key) {
#define NAME(symbol, bit, name) \
	case FLOW_SESSION_KEY_##symbol: \
		return name;
		FLOW_SESSION_KEYS(NAME)
#undef NAME
	}
	return "";
}

void flow_apply_slots(struct flow *flow)
{
	uint32_t n = flow->limits.max_active_tasks;

	if (flow->n_attempts_max && n > flow->n_attempts_max)
		n = flow->n_attempts_max;
	sched_set_slots(flow->sched, n);
}

static int init(struct flow *flow, const struct flow_config *config)
{
	flow->store = config->store;
	flow->engine = config->engine;
	flow->observer = config->observer;
	flow->observer_user = config->observer_user;
	flow->floor_bps = config->floor_bps ? config->floor_bps : FLOW_FLOOR_BPS;
	if (flow->floor_bps == UINT64_MAX)
		flow->floor_bps = 0;
	flow->floor_window_us = config->floor_window_us ? config->floor_window_us
							: FLOW_FLOOR_WINDOW_US;
	flow->retention_us = config->retention_us ? config->retention_us : FLOW_RETENTION_US;
	flow->resumes_uploads = !config->never_resumes_uploads;
	flow->random = config->jitter_seed;
	snprintf(
		flow->boot_id, sizeof(flow->boot_id), "%s", config->boot_id ? config->boot_id : "");
	flow->started_file_wall_us = config->started_file_wall_us;
	if (!flow->random &&
		getrandom(&flow->random, sizeof(flow->random), 0) != sizeof(flow->random))
		return err_raise(-EIO);
	flow->is_network_up = !config->is_offline;
	flow->limits = config->first_limits;
	flow->n_attempts_max = config->n_attempts_max;
	if (!flow->limits.max_active_tasks)
		flow->limits.max_active_tasks = SCHED_SLOTS;
	if (!flow->limits.max_connections_per_host)
		flow->limits.max_connections_per_host = SESSION_CONNECTIONS_PER_HOST;
	flow->disabled_apps = config->disabled_apps ? strdup(config->disabled_apps) : NULL;
	if (config->disabled_apps && !flow->disabled_apps)
		return err_raise(-ENOMEM);
	flow->spool_dir = strdup(config->spool_dir);
	flow->sched = sched_new(flow->limits.max_active_tasks);
	if (!flow->spool_dir || !flow->sched)
		return err_raise(-ENOMEM);
	flow_apply_slots(flow);
	sched_set_network(flow->sched, flow->is_network_up);
	return 0;
}

int flow_new(const struct flow_config *config, struct flow **ret_flow)
{
	struct flow *flow = calloc(1, sizeof(*flow));
	int r;

	if (!flow)
		return err_raise(-ENOMEM);
	registry_init(&flow->registry);
	outbox_init(&flow->outbox);
	TAILQ_INIT(&flow->births);
	TAILQ_INIT(&flow->turn_events);
	TAILQ_INIT(&flow->kept_events);
	TAILQ_INIT(&flow->touched_sessions);
	flow->next_due_wall_us = flow->next_expiry_boot_us = UINT64_MAX;
	flow->waits_after.wall_us = UINT64_MAX;
	flow->starts_due_us = flow->late_due_us = UINT64_MAX;
	flow->generation = 1;
	r = init(flow, config);
	if (r) {
		flow_free(flow);
		return r;
	}
	*ret_flow = flow;
	return 0;
}

static void free_kept(struct engine_event_list *list)
{
	struct engine_event *event;

	while ((event = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, event, entry);
		engine_event_free(event);
	}
}

static void free_answers(struct flow *flow)
{
	struct active *active;
	size_t cursor = 0;

	while ((active = registry_next(&flow->registry, &cursor))) {
		struct flow_answer *answer = active->answer;

		if (!answer)
			continue;
		answer->fn(answer->user, FLOW_E_BUSY, NULL, 0);
		free(answer);
		active->answer = NULL;
	}
}

struct flow *flow_free(struct flow *flow)
{
	struct flow_session *session;
	size_t cursor = 0;

	if (!flow)
		return NULL;
	outbox_release(&flow->outbox, FLOW_E_BUSY);
	flow_birth_free_all(flow);
	free_answers(flow);
	free_kept(&flow->turn_events);
	free_kept(&flow->kept_events);
	flow_sweep_done(flow);
	registry_done(&flow->registry);
	sched_free(flow->sched);
	while ((session = map_next(&flow->sessions, &cursor)))
		flow_session_free(session);
	map_done(&flow->sessions);
	flow_cookie_free_all(flow);
	free(flow->spool_dir);
	free(flow->disabled_apps);
	free(flow);
	return NULL;
}

/* ---- finding the way back ---- */

/*
 * A task that a crash left between two durable states. Its attempt, if any, died with the daemon.
 */
static int on_unsettled(struct task *task_take, void *user)
{
	struct flow *flow = user;
	struct active *active;
	int r;

	r = registry_add_take(&flow->registry, task_take, &active);
	if (r) {
		task_free(task_take);
		return r;
	}
	return 0;
}

static int settle(struct flow *flow, struct active *active)
{
	struct task *task = active->task;
	struct transfer_result result;

	switch (task_fsm_phase(task)) {
	case TASK_PHASE_BORN:
		/* nobody was told that it exists */
		task->attempt = FLOW_SNAPSHOT_ATTEMPT;
		return flow_step(flow, active, TASK_EVENT_SNAPSHOT_FAILED, NULL);
	case TASK_PHASE_FINISHING:
		task->attempt = task->attempts ? task->attempts : 1;
		return flow_attempt_publish(flow, task);
	case TASK_PHASE_ANSWERED:
		/* what is recorded counts; the body is what had arrived */
		return flow_step(flow, active, TASK_EVENT_DONE_OK, NULL);
	case TASK_PHASE_CANCELING:
		result = task->result;
		return flow_step(flow, active, TASK_EVENT_DONE_STOPPED, &result);
	case TASK_PHASE_SUSPENDED:
	case TASK_PHASE_QUEUED:
	case TASK_PHASE_WAITING:
	case TASK_PHASE_RUNNING:
	case TASK_PHASE_PARKING:
	case TASK_PHASE_REQUEUING:
	case TASK_PHASE_SYNCING:
	case TASK_PHASE_COMPLETED:
	case TASK_PHASE_COUNT:
		break;
	}
	return 0;
}

static int settle_all(struct flow *flow)
{
	struct active *active;
	size_t cursor = 0;
	int r;

	r = store_task_each_unsettled(flow->store, on_unsettled, flow);
	if (r)
		return err_fold(r);
	while ((active = registry_next(&flow->registry, &cursor))) {
		r = settle(flow, active);
		if (r < 0)
			return r;
	}
	return 0;
}

static int load_limits(struct flow *flow)
{
	uint64_t words[5];
	size_t size;
	int r = store_setting_load(flow->store, "limits", words, sizeof(words), &size);

	if (r == STORE_E_NOT_FOUND)
		return 0;
	if (r)
		return err_fold(r);
	if (size != sizeof(words))
		return 0;
	flow->limits = (struct flow_limits){
		.is_paused = words[0] != 0,
		.max_download_bps = words[1],
		.max_upload_bps = words[2],
		.max_active_tasks = words[3] && words[3] <= SCHED_SLOTS_MAX ? (uint32_t)words[3]
									    : SCHED_SLOTS,
		.max_connections_per_host = words[4] && words[4] <= SESSION_CONNECTIONS_MAX
			? (uint32_t)words[4]
			: SESSION_CONNECTIONS_PER_HOST,
	};
	flow_apply_slots(flow);
	engine_set_limits(flow->engine, flow->limits.max_download_bps, flow->limits.max_upload_bps,
		flow->limits.max_connections_per_host);
	return 0;
}

/* Has the machine been down since the last start? Without a name for this run of it: maybe. */
static int meet_boot(struct flow *flow)
{
	char before[FLOW_BOOT_ID_BYTES] = "";
	size_t size = 0;
	int r;

	if (!flow->boot_id[0])
		return 0;
	r = store_setting_load(flow->store, "boot-id", before, sizeof(before), &size);
	if (r && r != STORE_E_NOT_FOUND)
		return err_fold(r);
	flow->is_same_boot = !r && size == sizeof(before) &&
		memcmp(before, flow->boot_id, sizeof(before)) == 0;
	if (flow->is_same_boot)
		return 0;
	return err_fold(
		store_setting_put(flow->store, "boot-id", flow->boot_id, sizeof(flow->boot_id)));
}

/* Cookies of a run of the machine that is over, and those whose time is. */
static int sweep_cookies(struct flow *flow)
{
	if (!flow->boot_id[0] || flow->is_same_boot)
		return 0;
	return err_fold(store_cookie_sweep(flow->store, flow_turn_age_wall_us(flow)));
}

static int start(struct flow *flow)
{
	int r = load_limits(flow);

	if (!r)
		r = meet_boot(flow);
	if (!r)
		r = flow_age_start(flow);
	if (!r)
		r = sweep_cookies(flow);
	if (!r)
		r = flow_resume_load_key(flow);
	if (!r)
		r = flow_session_load_all(flow);
	if (!r)
		r = settle_all(flow);
	if (!r)
		r = flow_sweep(flow);
	if (!r)
		r = err_fold(store_expiry_renew(flow->store, flow->now.boot_us));
	if (!r)
		r = flow_schedule_rebuild(flow);
	return r;
}

int flow_start(struct flow *flow, const struct clock_now *now)
{
	int r, end;

	flow->base_boot_us = now->boot_us;
	flow->base_wall_us = now->wall_us;
	flow->started_wall_us = now->wall_us;
	flow->pruned_boot_us = now->boot_us;
	flow_turn_begin(flow, now);
	if (!flow->is_network_up)
		log_info("network is down");
	r = start(flow);
	end = flow_turn_end(flow);
	return r ? r : end;
}

void flow_stop(struct flow *flow)
{
	struct active *active;
	size_t cursor = 0;

	flow->is_stopping = true;
	while ((active = registry_next(&flow->registry, &cursor))) {
		if (!active->is_gone && flow_step(flow, active, TASK_EVENT_STOP, NULL) < 0)
			log_error("cannot stop task %llu in order",
				(unsigned long long)active->task->id);
	}
}
