/* SPDX-License-Identifier: MIT */
/* The door itself: what means nothing changes nothing, waits are charged, an error half way voids the turn. */
#include <string.h>

#include <transfer/error.h>

#include "daemon/flow-state.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

#define S UINT64_C(1000000)

START_TEST(what_means_nothing_changes_nothing)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = sim_download(sim, session, "h"),
		 commits = sim->flow->n_commits;
	struct active *active = registry_find(&sim->flow->registry, id);
	enum task_phase next;
	unsigned effects;

	for (int event = 0; event < TASK_EVENT_COUNT; event++) {
		if (!task_fsm_step(TASK_PHASE_RUNNING, (enum task_event)event, &next, &effects))
			continue;
		sim_begin(sim);
		ck_assert_int_eq(flow_step(sim->flow, active, (enum task_event)event, NULL),
			TASK_FSM_E_IGNORED);
		ck_assert(!active->is_touched);
		ck_assert_int_eq(sim_end(sim), 0);
	}
	ck_assert_uint_eq(sim->flow->n_commits, commits);
	sim_free(sim);
}
END_TEST

/* A wait costs the resource limit its length, and no more than what was waited. */
START_TEST(waits_are_charged)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id, left_us;
	struct flow_request request;
	struct task *task;

	flow_request_init(&request);
	request.request.url = "https://h/x";
	request.request.resource_timeout_us = 1000 * S;
	request.request.retry_http_errors = true;
	id = sim_create(sim, session, &request, true);
	sim_post_done_status(sim, id, 503, 300 * S);
	sim_turn(sim);
	fake_engine_drop(sim->engine, fake_engine_find(sim->engine, id));
	task = sim_task(sim, id);
	ck_assert_uint_le(task->expires_boot_us - sim->now.boot_us, 1000 * S);
	ck_assert_uint_ge(task->expires_boot_us - sim->now.boot_us, 999 * S);
	task_free(task);
	/* cut short after 100 s */
	sim_pass(sim, 100 * S);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RETRY, id), 0);
	left_us = fake_engine_find(sim->engine, id)->deadline_boot_us - sim->now.boot_us;
	ck_assert_uint_le(left_us, 900 * S);
	ck_assert_uint_ge(left_us, 899 * S);
	/* the engine watches over it now */
	task = sim_task(sim, id);
	ck_assert_uint_eq(task->expires_boot_us, 0);
	ck_assert_uint_le(task->resource_left_us, 900 * S);
	task_free(task);
	sim_free(sim);
}
END_TEST

START_TEST(results)
{
	struct transfer_result result = flow_step_result(TRANSFER_ERROR_TIMED_OUT, "a detail");
	char text[500];

	ck_assert_int_eq(result.code, TRANSFER_ERROR_TIMED_OUT);
	ck_assert_str_eq(result.detail, "a detail");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	result = flow_step_result(-1, text);
	ck_assert_uint_eq(strlen(result.detail), TRANSFER_RESULT_DETAIL_BYTES - 1);
}
END_TEST

/* Something went wrong in the middle: nothing of the turn is kept, and the next one is sound. */
START_TEST(poison)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = sim_download(sim, session, "h");
	const struct flow_steer steer = {
		.verb = FLOW_VERB_SUSPEND, .uid = 1000, .ids = &id, .n_ids = 1
	};

	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_steer(sim->flow, &steer, NULL, NULL), 0);
	ck_assert_int_eq(flow_turn_poison(sim->flow, -5), -5);
	ck_assert_int_eq(flow_turn_poison(sim->flow, -6), -6);
	ck_assert_int_eq(sim_end(sim), -5);
	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_QUEUED);
	ck_assert(!fake_engine_find(sim->engine, id)->is_stopping);
	sim_pass(sim, S);
	sim_settle(sim);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_SUSPEND, id), 0);
	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_SUSPENDED);
	sim_free(sim);
}
END_TEST

RUN_TESTS("daemon/flow-step", TEST(what_means_nothing_changes_nothing), TEST(waits_are_charged),
	TEST(results), TEST(poison))
