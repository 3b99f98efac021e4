/* SPDX-License-Identifier: MIT */
/* Finding the way back: from every state in which a crash can leave a task, and with what is set up anew (BT-02, BT-08…BT-10). */
#include "daemon/flow.h"

#include <stdio.h>
#include <string.h>

#include <transfer/error.h>

#include "daemon/flow-state.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

/* Ten times in a row changes nothing more than once does. */
START_TEST(crashes_in_a_row)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = sim_download(sim, session, "h"),
		 other = sim_download(sim, session, "h");
	struct task *task;

	sim_post_response(sim, id, 200);
	sim_post_checkpoint(sim, id, 40, 100);
	sim_finish(sim, other, 10);
	for (unsigned i = 0; i < 10; i++)
		sim_crash(sim);
	task = sim_task(sim, id);
	ck_assert_int_eq(task->state, TASK_STATE_QUEUED);
	ck_assert_uint_eq(task->offset_bytes, 40);
	ck_assert_str_eq(task->etag, "\"v1\"");
	ck_assert_uint_eq(task->digest_state_bytes, 5);
	ck_assert_uint_eq(task->attempts, 11);
	task_free(task);
	ck_assert_uint_eq(fake_engine_find(sim->engine, id)->resume_offset_bytes, 40);
	ck_assert_str_eq(sim_events(sim, session), "FINISHED METRICS COMPLETED");
	sim_finish(sim, id, 100);
	ck_assert_str_eq(
		sim_events(sim, session), "FINISHED METRICS COMPLETED FINISHED METRICS COMPLETED");
	sim_free(sim);
}
END_TEST

/* The end was reported, the turn was not committed: it never happened. */
START_TEST(crash_before_the_commit)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = sim_download(sim, session, "h");

	sim_post_done(sim, id, 100);
	sim_turn(sim);
	sim_post_synced(sim, id, NULL);
	sim->is_commit_failing = true;
	ck_assert_int_ne(sim_turn(sim), 0);
	sim->is_commit_failing = false;
	sim_crash(sim);
	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_QUEUED);
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, id));
	sim_finish(sim, id, 100);
	ck_assert_str_eq(sim_events(sim, session), "FINISHED METRICS COMPLETED");
	sim_free(sim);
}
END_TEST

/* Numbers of tasks and events are never given twice. */
START_TEST(numbers_grow)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), last = 0;

	for (unsigned i = 0; i < 5; i++) {
		uint64_t id = sim_download(sim, session, "h");

		ck_assert_uint_gt(id, last);
		last = id;
		sim_finish(sim, id, 1);
		ck_assert_int_eq(sim_steer(sim, FLOW_VERB_REMOVE, id), 0);
		sim_crash(sim);
	}
	sim_free(sim);
}
END_TEST

/* Nothing to do: no wake-up, free to leave. */
START_TEST(idle)
{
	struct sim *sim = sim_new(1);

	ck_assert_uint_eq(flow_next_timer(sim->flow), UINT64_MAX);
	ck_assert(flow_can_exit(sim->flow));
	ck_assert_uint_eq(flow_n_running(sim->flow), 0);
	ck_assert(flow_network_is_up(sim->flow));
	ck_assert_ptr_null(flow_free(NULL));
	sim_free(sim);
}
END_TEST

RUN_TESTS("daemon/flow", TEST(crashes_in_a_row), TEST(crash_before_the_commit), TEST(numbers_grow),
	TEST(idle))
