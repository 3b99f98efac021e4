/* SPDX-License-Identifier: MIT */
/*
 * Attempts ahead: how many, who gets the slots, when they give way; never more at work than slots
 * (checked by the sim at each step), nothing lost by a crash or a commit that fails.
 */
#include <string.h>

#include <transfer/error.h>

#include "daemon/flow-state.h"
#include "engine/engine.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

#define S         UINT64_C(1000000)
#define N_TASKS   100
#define N_RUNNING 6

static uint64_t ids[N_TASKS];

static struct sim *start(uint64_t *ret_session)
{
	struct sim *sim = sim_new(1);

	*ret_session = sim_session(sim, "app", "one");
	for (size_t i = 0; i < N_TASKS; i++)
		ids[i] = sim_download(sim, *ret_session, "h");
	ck_assert_uint_eq(fake_engine_n_running(sim->engine), N_RUNNING);
	ck_assert_uint_eq(fake_engine_n_ahead(sim->engine), 0);
	return sim;
}

/* The first n that run end well; one turn. */
static void end(struct sim *sim, size_t n)
{
	uint64_t ended[N_TASKS];

	for (size_t i = 0, k = 0; k < n; i++)
		if (!fake_engine_get(sim->engine, i)->is_done)
			ended[k++] = fake_engine_get(sim->engine, i)->task;
	for (size_t i = 0; i < n; i++)
		sim_post_done(sim, ended[i], 10);
	for (size_t i = 0; i < n; i++)
		sim_post_synced(sim, ended[i], NULL);
	ck_assert_int_eq(sim_turn(sim), 0);
}

static void set_slots(struct sim *sim, uint32_t n)
{
	struct flow_limits l;

	flow_limits_get(sim->flow, &l);
	l.max_active_tasks = n;
	sim_begin(sim);
	ck_assert_int_eq(flow_limits_set(sim->flow, &l), 0);
	ck_assert_int_eq(sim_end(sim), 0);
}

static size_t n_begun(const struct sim *sim)
{
	return fake_engine_n_running(sim->engine);
}

static void run_to_the_end(struct sim *sim)
{
	for (unsigned i = 0; i < 1000 && n_begun(sim); i++) {
		end(sim, n_begun(sim) > 3 ? 3 : n_begun(sim));
		sim_settle(sim);
	}
	for (size_t i = 0; i < N_TASKS; i++)
		ck_assert_int_eq(sim_state(sim, ids[i]), TASK_STATE_COMPLETED);
	ck_assert_uint_eq(fake_engine_n_ahead(sim->engine), 0);
	ck_assert_uint_eq(sched_n_running(sim->flow->sched), 0);
}

/* Four times as many as ended in the turn; one alone is no crowd. */
START_TEST(as_many_as_end)
{
	uint64_t session;
	struct sim *sim = start(&session);
	struct flow_statistics st;

	end(sim, 1);
	ck_assert_uint_eq(fake_engine_n_ahead(sim->engine), 0);
	end(sim, N_RUNNING);
	ck_assert_uint_eq(fake_engine_n_ahead(sim->engine), 4 * N_RUNNING);
	ck_assert_uint_eq(n_begun(sim), N_RUNNING);
	/* the first one ahead: queued for whoever asks */
	ck_assert_int_eq(sim_sub_state(sim, ids[13]), TRANSFER_SUB_STATE_QUEUED);
	sim_begin(sim);
	ck_assert_int_eq(flow_statistics(sim->flow, &st), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(st.n_active, N_RUNNING);
	ck_assert_uint_eq(st.n_queued, N_TASKS - 7 - N_RUNNING);
	run_to_the_end(sim);
	sim_free(sim);
}
END_TEST

/* Another application waits for a slot: they give way, and it gets the next one. */
START_TEST(others_get_their_turn)
{
	uint64_t session, other;
	struct sim *sim;
	struct task *task;

	sim = start(&session);
	set_slots(sim, N_RUNNING);
	end(sim, N_RUNNING);
	ck_assert_uint_eq(fake_engine_n_ahead(sim->engine), 4 * N_RUNNING);
	other = sim_download(sim, sim_session(sim, "other", "one"), "elsewhere");
	ck_assert_uint_eq(fake_engine_n_ahead(sim->engine), 0);
	sim_settle(sim);
	end(sim, 1);
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, other));
	/* as if it had not been started */
	task = sim_task(sim, ids[20]);
	ck_assert_uint_eq(task->attempts, 0);
	ck_assert_uint_eq(task->started_wall_us, 0);
	task_free(task);
	run_to_the_end(sim);
	sim_free(sim);
}
END_TEST

/* The engine has begun one that is still ahead for all that is known here: it goes on, and the next slot is the other's. */
START_TEST(who_has_begun_is_not_called_back)
{
	uint64_t session, elsewhere, ended, begun, other;
	struct sim *sim = start(&session);

	set_slots(sim, N_RUNNING);
	elsewhere = sim_session(sim, "other", "one");
	end(sim, N_RUNNING);
	ended = fake_engine_get(sim->engine, 0)->task;
	sim_post_done(sim, ended, 10);
	begun = fake_engine_get(sim->engine, fake_engine_n(sim->engine) - 1)->task;
	other = sim_download(sim, elsewhere, "elsewhere");
	ck_assert_uint_eq(fake_engine_n_ahead(sim->engine), 0);
	ck_assert(!fake_engine_find(sim->engine, begun)->is_stopping);
	sim_post_synced(sim, ended, NULL);
	sim_settle(sim);
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, begun));
	ck_assert_ptr_null(fake_engine_find(sim->engine, other));
	end(sim, 1);
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, other));
	run_to_the_end(sim);
	sim_free(sim);
}
END_TEST

START_TEST(urgent_ones_come_first)
{
	uint64_t session, urgent;
	struct sim *sim = start(&session);
	struct flow_request request;

	end(sim, N_RUNNING);
	flow_request_init(&request);
	request.request.url = "https://h/urgent";
	request.request.priority = 1;
	urgent = sim_create(sim, session, &request, true);
	ck_assert_uint_eq(fake_engine_n_ahead(sim->engine), 0);
	sim_settle(sim);
	end(sim, 1);
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, urgent));
	run_to_the_end(sim);
	sim_free(sim);
}
END_TEST

/* Suspended and cancelled before they began. */
START_TEST(taken_back)
{
	uint64_t session;
	struct sim *sim = start(&session);
	struct task *task;

	end(sim, N_RUNNING);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_SUSPEND, ids[13]), 0);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_CANCEL, ids[14]), 0);
	sim_settle(sim);
	task = sim_task(sim, ids[13]);
	ck_assert_int_eq(task->state, TASK_STATE_SUSPENDED);
	ck_assert_uint_eq(task->attempts, 0);
	task_free(task);
	ck_assert_int_eq(sim_result(sim, ids[14]), TRANSFER_ERROR_CANCELLED);
	ck_assert_uint_eq(n_begun(sim), N_RUNNING);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RESUME, ids[13]), 0);
	run_to_the_end(sim);
	sim_free(sim);
}
END_TEST

/* More connections than before: those ahead get the free slots, and more come. */
START_TEST(promoted)
{
	uint64_t session;
	struct sim *sim = start(&session);

	sim->max_per_lane = SCHED_LANE_HTTP2;
	end(sim, N_RUNNING);
	sim_post_connected(sim, fake_engine_get(sim->engine, 0)->task, true);
	sim_settle(sim);
	ck_assert_uint_eq(fake_engine_n_ahead(sim->engine), 0);
	ck_assert_uint_eq(n_begun(sim), SCHED_SLOTS);
	run_to_the_end(sim);
	sim_free(sim);
}
END_TEST

/* One ends while the flow gives the slot that is free to the first ahead: the engine has begun that one by then. */
struct race {
	struct sim *sim;
	uint64_t ended;
};

static void end_one_more(void *user)
{
	struct race *race = user;

	if (race->ended)
		return;
	race->ended = fake_engine_get(race->sim->engine, 0)->task;
	sim_post_done(race->sim, race->ended, 10);
}

START_TEST(a_new_slot_is_never_wasted)
{
	uint64_t session;
	struct sim *sim = start(&session);
	struct race race = { .sim = sim };

	end(sim, N_RUNNING);
	ck_assert_uint_gt(fake_engine_n_ahead(sim->engine), N_RUNNING + 1);
	set_slots(sim, 2 * N_RUNNING);
	sim->max_per_lane = SCHED_LANE_HTTP2;
	fake_engine_on_command(sim->engine, end_one_more, &race);
	sim_post_connected(sim, fake_engine_get(sim->engine, 1)->task, true);
	ck_assert_int_eq(sim_turn(sim), 0);
	ck_assert_uint_ne(race.ended, 0);
	ck_assert_uint_eq(n_begun(sim), 2 * N_RUNNING);
	fake_engine_on_command(sim->engine, NULL, NULL);
	sim_post_synced(sim, race.ended, NULL);
	sim_settle(sim);
	ck_assert_uint_eq(n_begun(sim), 2 * N_RUNNING);
	ck_assert_uint_eq(sched_n_running(sim->flow->sched), 2 * N_RUNNING);
	run_to_the_end(sim);
	sim_free(sim);
}
END_TEST

START_TEST(crash)
{
	uint64_t session;
	struct sim *sim = start(&session);

	end(sim, N_RUNNING);
	end(sim, 3);
	sim_crash(sim);
	ck_assert_uint_eq(n_begun(sim), N_RUNNING);
	run_to_the_end(sim);
	sim_free(sim);
}
END_TEST

/* The turn in which places were passed on cannot be saved: it is the same later. */
START_TEST(commit_fails)
{
	uint64_t session;
	struct sim *sim = start(&session);

	end(sim, N_RUNNING);
	sim->is_commit_failing = true;
	for (size_t i = 0; i < 3; i++)
		sim_post_done(sim, fake_engine_get(sim->engine, i)->task, 10);
	for (size_t i = 0; i < 3; i++)
		sim_post_synced(sim, fake_engine_get(sim->engine, 0)->task, NULL);
	ck_assert_int_ne(sim_turn(sim), 0);
	sim->is_commit_failing = false;
	sim_pass(sim, 2 * S);
	sim_settle(sim);
	ck_assert_uint_eq(n_begun(sim), N_RUNNING);
	run_to_the_end(sim);
	sim_free(sim);
}
END_TEST

START_TEST(paused)
{
	uint64_t session;
	struct sim *sim = start(&session);
	struct flow_limits l;

	end(sim, N_RUNNING);
	flow_limits_get(sim->flow, &l);
	l.is_paused = true;
	sim_begin(sim);
	ck_assert_int_eq(flow_limits_set(sim->flow, &l), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(fake_engine_n_ahead(sim->engine), 0);
	while (fake_engine_n(sim->engine))
		sim_post_stopped(sim, fake_engine_get(sim->engine, 0)->task, 0);
	sim_settle(sim);
	ck_assert_uint_eq(flow_n_running(sim->flow), 0);
	l.is_paused = false;
	sim_begin(sim);
	ck_assert_int_eq(flow_limits_set(sim->flow, &l), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	run_to_the_end(sim);
	sim_free(sim);
}
END_TEST

/* Those ahead come back at once, the others as the engine finds out. */
START_TEST(no_network)
{
	uint64_t session;
	struct sim *sim = start(&session);

	end(sim, N_RUNNING);
	sim_begin(sim);
	flow_set_network(sim->flow, false);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(fake_engine_n_ahead(sim->engine), 0);
	while (fake_engine_n(sim->engine))
		sim_post_failed(sim, fake_engine_get(sim->engine, 0)->task,
			TRANSFER_ERROR_NOT_CONNECTED, true);
	sim_settle(sim);
	ck_assert_uint_eq(flow_n_running(sim->flow), 0);
	sim_begin(sim);
	flow_set_network(sim->flow, true);
	ck_assert_int_eq(sim_end(sim), 0);
	run_to_the_end(sim);
	sim_free(sim);
}
END_TEST

RUN_TESTS_WITHIN("daemon/flow-ahead", 60, TEST(as_many_as_end), TEST(others_get_their_turn),
	TEST(who_has_begun_is_not_called_back), TEST(urgent_ones_come_first), TEST(taken_back),
	TEST(promoted), TEST(a_new_slot_is_never_wasted), TEST(crash), TEST(commit_fails),
	TEST(paused), TEST(no_network))
