/* SPDX-License-Identifier: MIT */
/*
 * Verbs: nesting, cancelling in every state, trying again, forgetting, changing (BT-27, BT-36,
 * BT-72, BT-73, BT-82).
 */
#include <stdio.h>
#include <string.h>

#include <transfer/error.h>

#include "daemon/flow-state.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

static struct sim *world(uint64_t *ret_session, uint64_t *ret_id)
{
	struct sim *sim = sim_new(1);

	*ret_session = sim_session(sim, "app", "one");
	*ret_id = sim_download(sim, *ret_session, "h");
	return sim;
}

static void cancel(struct sim *sim, uint64_t id, bool delete_partial)
{
	const struct flow_steer steer = {
		.verb = FLOW_VERB_CANCEL,
		.uid = 1000,
		.ids = &id,
		.n_ids = 1,
		.delete_partial = delete_partial,
		.cancelled_reason = 2,
	};

	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_steer(sim->flow, &steer, NULL, NULL), 0);
	ck_assert_int_eq(sim_end(sim), 0);
}

START_TEST(suspensions_nest)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);

	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(sim_steer(sim, FLOW_VERB_SUSPEND, id), 0);
	ck_assert_int_eq(sim_sub_state(sim, id), TRANSFER_SUB_STATE_SUSPENDED);
	ck_assert(fake_engine_find(sim->engine, id)->is_stopping);
	sim_post_stopped(sim, id, 50);
	sim_settle(sim);
	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_SUSPENDED);
	sim_crash(sim);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RESUME, id), 0);
		ck_assert_int_eq(sim_state(sim, id), TASK_STATE_SUSPENDED);
	}
	ck_assert_uint_eq(fake_engine_n(sim->engine), 0);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RESUME, id), 0);
	/* it goes on from its bytes (BT-82) */
	ck_assert_uint_eq(fake_engine_find(sim->engine, id)->resume_offset_bytes, 50);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RESUME, id), 0); /* one too many is none */
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_SUSPEND, id), 0);
	ck_assert_int_eq(sim_sub_state(sim, id), TRANSFER_SUB_STATE_SUSPENDED);
	sim_free(sim);
}
END_TEST

/* Resumed before the attempt has ended: the next one begins when it has, not earlier. */
START_TEST(resumed_while_stopping)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);

	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_SUSPEND, id), 0);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RESUME, id), 0);
	ck_assert_uint_eq(fake_engine_n(sim->engine), 1);
	ck_assert_uint_eq(fake_engine_n_started(sim->engine), 1);
	sim_post_stopped(sim, id, 7);
	sim_settle(sim);
	ck_assert_uint_eq(fake_engine_n_started(sim->engine), 2);
	ck_assert_uint_eq(fake_engine_find(sim->engine, id)->attempt, 2);
	sim_free(sim);
}
END_TEST

/* The stop came too late: the bytes were all there. */
START_TEST(finished_while_suspending)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);

	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_SUSPEND, id), 0);
	sim_post_done(sim, id, 100);
	sim_settle(sim);
	ck_assert_int_eq(
		sim_state(sim, id), TASK_STATE_SUSPENDED); /* what a crash now would find */
	sim_post_synced(sim, id, NULL);
	sim_settle(sim);
	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_COMPLETED);
	ck_assert_str_eq(sim_events(sim, session), "FINISHED METRICS COMPLETED");
	sim_free(sim);
}
END_TEST

START_TEST(forced_resume)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);
	const struct flow_steer steer = {
		.verb = FLOW_VERB_RESUME, .uid = 1000, .ids = &id, .n_ids = 1, .is_forced = true
	};

	for (unsigned i = 0; i < 5; i++)
		ck_assert_int_eq(sim_steer(sim, FLOW_VERB_SUSPEND, id), 0);
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_steer(sim->flow, &steer, NULL, NULL), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_QUEUED);
	sim_free(sim);
}
END_TEST

START_TEST(cancel_running)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);
	struct task *task;

	cancel(sim, id, false);
	ck_assert_int_eq(sim_sub_state(sim, id), TRANSFER_SUB_STATE_CANCELING);
	ck_assert_str_eq(sim_events(sim, session), "");
	sim_post_stopped(sim, id, 30);
	sim_settle(sim);
	ck_assert_int_eq(sim_sub_state(sim, id), TRANSFER_SUB_STATE_CANCELLED);
	ck_assert_str_eq(sim_events(sim, session), "METRICS COMPLETED");
	task = sim_task(sim, id);
	ck_assert_int_eq(task->result.code, TRANSFER_ERROR_CANCELLED);
	ck_assert_int_eq(task->result.library_code, 2);
	ck_assert(flow_task_is_resumable(task));
	task_free(task);
	/* nothing happens any more (BT-73) */
	cancel(sim, id, true);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_SUSPEND, id), FLOW_E_TASK_FINISHED);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RESUME, id), FLOW_E_TASK_FINISHED);
	ck_assert_str_eq(sim_events(sim, session), "METRICS COMPLETED");
	ck_assert_uint_eq(fake_engine_n_files(sim->engine), 1);
	sim_free(sim);
}
END_TEST

START_TEST(cancel_deletes)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);

	cancel(sim, id, true);
	sim_post_stopped(sim, id, 30);
	sim_settle(sim);
	ck_assert_uint_eq(fake_engine_n_files(sim->engine), 0);
	sim_free(sim);
}
END_TEST

/* The attempt ended otherwise before it heard of the cancel: -999 all the same (BT-72). */
START_TEST(cancel_wins)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);

	cancel(sim, id, true);
	if (_i == 0)
		sim_post_done(sim, id, 100);
	else if (_i == 1)
		sim_post_failed(sim, id, TRANSFER_ERROR_TIMED_OUT, true);
	else if (_i == 2)
		sim_post_disk_full(sim, id);
	else
		sim_post_failed(sim, id, TRANSFER_ERROR_BAD_SERVER_RESPONSE, false);
	sim_settle(sim);
	ck_assert_int_eq(sim_result(sim, id), TRANSFER_ERROR_CANCELLED);
	if (_i == 0) {
		sim_post_synced(sim, id, NULL);
		sim_settle(sim);
	}
	ck_assert_str_eq(sim_events(sim, session), "METRICS COMPLETED");
	ck_assert_uint_eq(fake_engine_n_files(sim->engine), 0);
	sim_free(sim);
}
END_TEST

START_TEST(cancel_without_attempt)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);
	struct flow_request request;
	uint64_t ids[3];

	sim_post_failed(sim, id, TRANSFER_ERROR_TIMED_OUT, true);
	sim_turn(sim);
	ck_assert_int_eq(sim_sub_state(sim, id), TRANSFER_SUB_STATE_WAITING_RETRY);
	flow_request_init(&request);
	request.request.url = "https://h/x";
	ids[0] = sim_create(sim, session, &request, false);
	request.request.not_before_wall_us = sim->now.wall_us + 1000000000;
	ids[1] = sim_create(sim, session, &request, true);
	ck_assert_int_eq(sim_sub_state(sim, ids[1]), TRANSFER_SUB_STATE_WAITING_DATE);
	ids[2] = id;
	for (size_t i = 0; i < 3; i++) {
		cancel(sim, ids[i], true);
		ck_assert_int_eq(sim_result(sim, ids[i]), TRANSFER_ERROR_CANCELLED);
	}
	ck_assert_uint_eq(flow_next_timer(sim->flow), UINT64_MAX);
	sim_free(sim);
}
END_TEST

START_TEST(cancel_survives_a_crash)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);

	cancel(sim, id, true);
	sim_crash(sim);
	ck_assert_int_eq(sim_result(sim, id), TRANSFER_ERROR_CANCELLED);
	ck_assert_str_eq(sim_events(sim, session), "METRICS COMPLETED");
	ck_assert_uint_eq(fake_engine_n_started(sim->engine), 1);
	ck_assert_uint_eq(fake_engine_n_files(sim->engine), 0);
	sim_free(sim);
}
END_TEST

/* ---- again ---- */

START_TEST(retry_goes_on)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);
	const struct flow_session *s = flow_session_lookup(sim->flow, session);

	sim_post_response(sim, id, 200);
	sim_post_checkpoint(sim, id, 60, 100);
	sim_post_failed(sim, id, TRANSFER_ERROR_BAD_SERVER_RESPONSE, false);
	sim_settle(sim);
	ck_assert_int_eq(sim_result(sim, id), TRANSFER_ERROR_BAD_SERVER_RESPONSE);
	ck_assert_uint_eq(s->session->n_tasks, 0);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RETRY, id), 0);
	ck_assert_uint_eq(s->session->n_tasks, 1);
	ck_assert_uint_eq(fake_engine_find(sim->engine, id)->resume_offset_bytes, 60);
	ck_assert_str_eq(fake_engine_find(sim->engine, id)->etag, "\"v1\"");
	/* the first end was not told yet: it is not told any more */
	ck_assert_str_eq(sim_events(sim, session), "");
	sim_finish(sim, id, 100);
	ck_assert_str_eq(sim_events(sim, session), "FINISHED METRICS COMPLETED");
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RETRY, id), FLOW_E_TASK_FINISHED);
	sim_free(sim);
}
END_TEST

START_TEST(retry_from_start)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);
	const struct flow_steer steer = {
		.verb = FLOW_VERB_RETRY, .uid = 1000, .ids = &id, .n_ids = 1, .from_start = true
	};

	sim_post_response(sim, id, 200);
	sim_post_checkpoint(sim, id, 60, 100);
	sim_post_failed(sim, id, TRANSFER_ERROR_BAD_SERVER_RESPONSE, false);
	sim_settle(sim);
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_steer(sim->flow, &steer, NULL, NULL), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(fake_engine_find(sim->engine, id)->resume_offset_bytes, 0);
	ck_assert_ptr_null(fake_engine_find(sim->engine, id)->etag);
	sim_free(sim);
}
END_TEST

START_TEST(retry_waiting_now)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);

	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RETRY, id), 0); /* runs: nothing to do */
	ck_assert_uint_eq(fake_engine_n_started(sim->engine), 1);
	sim_post_failed(sim, id, TRANSFER_ERROR_TIMED_OUT, true);
	sim_turn(sim);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RETRY, id), 0);
	ck_assert_uint_eq(fake_engine_n_started(sim->engine), 2);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_SUSPEND, id), 0);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RETRY, id), FLOW_E_BUSY);
	sim_free(sim);
}
END_TEST

/* A download that is about to be put in place. */
static uint64_t fetch_to(struct sim *sim, char *ret_destination, size_t size)
{
	struct flow_request request;
	uint64_t id;

	snprintf(ret_destination, size, "%s/file", sim->state_dir);
	flow_request_init(&request);
	request.request.url = "https://h/x";
	request.request.destination = ret_destination;
	id = sim_create(sim, sim_session(sim, "app", "one"), &request, true);
	sim_finish(sim, id, 100);
	return id;
}

/* Its name was taken: retry puts it there without fetching anything. */
START_TEST(retry_in_place)
{
	struct sim *sim = sim_new(1);
	char destination[300];
	uint64_t id = fetch_to(sim, destination, sizeof(destination));

	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_FINISHING);
	ck_assert_int_eq(sim_sub_state(sim, id), TRANSFER_SUB_STATE_FINISHING);
	cancel(sim, id, true); /* too late */
	sim_post_published(sim, id, TRANSFER_ERROR_CANNOT_MOVE_FILE);
	sim_settle(sim);
	ck_assert_int_eq(sim_result(sim, id), TRANSFER_ERROR_CANNOT_MOVE_FILE);
	ck_assert_uint_eq(fake_engine_n_files(sim->engine), 1);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RETRY, id), 0);
	ck_assert_uint_eq(fake_engine_n_started(sim->engine), 1);
	sim_post_published(sim, id, 0);
	sim_settle(sim);
	ck_assert_int_eq(sim_result(sim, id), 0);
	ck_assert(fake_engine_has_file(sim->engine, destination));
	ck_assert_uint_eq(fake_engine_n_files(sim->engine), 1);
	sim_free(sim);
}
END_TEST

/* No room for its name: it waits in its part, through a death of the daemon, and nothing is fetched again. */
START_TEST(waits_for_room_in_place)
{
	struct sim *sim = sim_new(1);
	char destination[300];
	uint64_t id = fetch_to(sim, destination, sizeof(destination));

	for (unsigned i = 0; i < 2; i++) {
		sim_post_no_room(sim, id);
		sim_settle(sim);
		ck_assert_int_eq(sim_sub_state(sim, id), TRANSFER_SUB_STATE_WAITING_DISK);
		if (_i)
			sim_crash(sim);
		ck_assert(sim_wake(sim, UINT64_MAX));
		ck_assert_int_eq(sim_state(sim, id), TASK_STATE_FINISHING);
	}
	sim_post_published(sim, id, 0);
	sim_settle(sim);
	ck_assert_int_eq(sim_result(sim, id), 0);
	ck_assert_ptr_null(fake_engine_find(sim->engine, id));
	ck_assert(fake_engine_has_file(sim->engine, destination));
	sim_free(sim);
}
END_TEST

static void on_error(uint64_t id, int error, void *user)
{
	(void)id;
	*(int *)user = error;
}

/* It is taken away in the turn in which it ends: what it would have told goes, too. */
START_TEST(removes_what_ends_just_now)
{
	struct flow_steer steer = { .verb = FLOW_VERB_REMOVE, .uid = 1000, .n_ids = 1 };
	uint64_t session, id;
	struct sim *sim = world(&session, &id);
	struct store_counts counts;
	int error = 0;

	steer.ids = &id;
	sim_post_done(sim, id, 100);
	sim_turn(sim);
	sim_post_synced(sim, id, NULL);
	sim_begin(sim);
	ck_assert_int_eq(engine_dispatch(sim->engine, flow_engine_event, sim->flow), 0);
	ck_assert_int_eq(flow_tasks_steer(sim->flow, &steer, on_error, &error), 0);
	ck_assert_int_eq(error, 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_str_eq(sim_events(sim, session), "");
	ck_assert_uint_eq(flow_session_get(sim->flow, session)->n_events, 0);
	ck_assert_int_eq(store_counts(sim->store, &counts), 0);
	ck_assert_uint_eq(counts.n_events, 0);
	ck_assert_uint_eq(counts.by_state[TASK_STATE_QUEUED], 0);
	sim_free(sim);
}
END_TEST

START_TEST(removes)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);

	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_REMOVE, id), FLOW_E_BUSY);
	sim_finish(sim, id, 100);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_REMOVE, id), 0);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_REMOVE, id), FLOW_E_NO_SUCH_TASK);
	ck_assert_uint_eq(fake_engine_n_files(sim->engine), 0);
	ck_assert_str_eq(sim_events(sim, session), "");
	ck_assert_uint_eq(flow_session_get(sim->flow, session)->n_events, 0);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_CANCEL, 12345), FLOW_E_NO_SUCH_TASK);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_CANCEL, 0), FLOW_E_NO_SUCH_TASK);
	sim_free(sim);
}
END_TEST

static void on_failure(uint64_t id, int error, void *user)
{
	(void)id;
	*(int *)user = error;
}

START_TEST(other_users_tasks_do_not_exist)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);
	const struct flow_steer steer = {
		.verb = FLOW_VERB_CANCEL, .uid = 1001, .ids = &id, .n_ids = 1
	};
	const struct flow_changes changes = { .uid = 1001, .ids = &id, .n_ids = 1 };
	int error = 0;

	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_steer(sim->flow, &steer, on_failure, &error), 0);
	ck_assert_int_eq(error, FLOW_E_NO_SUCH_TASK);
	error = 0;
	ck_assert_int_eq(flow_tasks_set(sim->flow, &changes, on_failure, &error), 0);
	ck_assert_int_eq(error, FLOW_E_NO_SUCH_TASK);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_QUEUED);
	sim_free(sim);
}
END_TEST

/* ---- changes ---- */

START_TEST(sets)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);
	struct flow_changes changes = {
		.uid = 1000,
		.ids = &id,
		.n_ids = 1,
		.has_priority = true,
		.priority = 0.75,
		.has_description = true,
		.description = "text",
		.has_max_rate = true,
		.max_rate_bps = 100,
	};
	struct task *task;
	int error = 0;

	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_set(sim->flow, &changes, on_failure, &error), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_int_eq(error, 0);
	ck_assert_uint_eq(fake_engine_find(sim->engine, id)->max_rate_bps, 100);
	sim_crash(sim);
	task = sim_task(sim, id);
	ck_assert_double_eq(task->request.priority, 0.75);
	ck_assert_str_eq(task->request.description, "text");
	ck_assert_uint_eq(task->request.max_rate_bps, 100);
	task_free(task);
	changes.priority = 2;
	sim_begin(sim);
	ck_assert_int_eq(
		flow_tasks_set(sim->flow, &changes, on_failure, &error), FLOW_E_INVALID_REQUEST);
	ck_assert_int_eq(sim_end(sim), 0);
	sim_free(sim);
}
END_TEST

/* BT-36: the more urgent one first, also when it became so later and after a crash. */
START_TEST(priority_of_waiting_ones)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), ids[9];
	struct flow_changes changes = {
		.uid = 1000, .ids = &ids[8], .n_ids = 1, .has_priority = true, .priority = 1.0
	};

	for (size_t i = 0; i < 9; i++)
		ids[i] = sim_download(sim, session, "h");
	ck_assert_ptr_null(fake_engine_find(sim->engine, ids[6]));
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_set(sim->flow, &changes, NULL, NULL), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	if (_i)
		sim_crash(sim);
	if (_i)
		ck_assert_ptr_eq(
			fake_engine_get(sim->engine, 0), fake_engine_find(sim->engine, ids[8]));
	sim_finish(sim, ids[0], 10);
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, ids[8]));
	sim_free(sim);
}
END_TEST

START_TEST(date_is_moved)
{
	uint64_t session, id;
	struct sim *sim = sim_new(1);
	struct flow_request request;
	struct flow_changes changes = {
		.uid = 1000, .ids = &id, .n_ids = 1, .has_not_before = true
	};

	session = sim_session(sim, "app", "one");
	flow_request_init(&request);
	request.request.url = "https://h/x";
	request.request.not_before_wall_us = sim->now.wall_us + 50000000;
	id = sim_create(sim, session, &request, true);
	ck_assert_uint_eq(fake_engine_n(sim->engine), 0);
	changes.not_before_wall_us = sim->now.wall_us + 10000000;
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_set(sim->flow, &changes, NULL, NULL), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_le(flow_next_timer(sim->flow), sim->now.now_us + 10000000);
	changes.not_before_wall_us = 0;
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_set(sim->flow, &changes, NULL, NULL), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(fake_engine_n(sim->engine), 1);
	sim_free(sim);
}
END_TEST

RUN_TESTS("daemon/flow-command", TEST(suspensions_nest), TEST(resumed_while_stopping),
	TEST(finished_while_suspending), TEST(forced_resume), TEST(cancel_running),
	TEST(cancel_deletes), TEST_LOOP(cancel_wins, 4), TEST(cancel_without_attempt),
	TEST(cancel_survives_a_crash), TEST(retry_goes_on), TEST(retry_from_start),
	TEST(retry_waiting_now), TEST(retry_in_place), TEST_LOOP(waits_for_room_in_place, 2),
	TEST(removes), TEST(removes_what_ends_just_now), TEST(other_users_tasks_do_not_exist),
	TEST(sets), TEST_LOOP(priority_of_waiting_ones, 2), TEST(date_is_moved))
