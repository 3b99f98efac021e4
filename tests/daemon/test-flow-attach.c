/* SPDX-License-Identifier: MIT */
/*
 * One client per session, events until acknowledged, files until then (BT-04, BT-05, BT-61…BT-64,
 * BT-68).
 */
#include <stdio.h>
#include <string.h>

#include <transfer/error.h>

#include "daemon/flow-state.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

static int attach(
	struct sim *sim, uint64_t session, uint64_t client, struct flow_attached *attached)
{
	const struct flow_attach how = { session, client, 250000, 0 };
	struct flow_attached ignored;
	int r;

	sim_begin(sim);
	r = flow_attach(sim->flow, &how, attached ? attached : &ignored);
	ck_assert_int_eq(sim_end(sim), 0);
	return r;
}

static int detach(struct sim *sim, uint64_t session, uint64_t client)
{
	int r;

	sim_begin(sim);
	r = flow_detach(sim->flow, session, client);
	ck_assert_int_eq(sim_end(sim), 0);
	return r;
}

static int ack(struct sim *sim, uint64_t session, uint64_t client, uint64_t seq)
{
	int r;

	sim_begin(sim);
	r = flow_ack(sim->flow, session, client, seq);
	ck_assert_int_eq(sim_end(sim), 0);
	return r;
}

START_TEST(one_client)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one");

	ck_assert_int_eq(detach(sim, session, 1), FLOW_E_NOT_ATTACHED);
	ck_assert_int_eq(attach(sim, session, 1, NULL), 0);
	ck_assert_int_eq(attach(sim, session, 1, NULL), 0); /* BT-05 */
	ck_assert_int_eq(attach(sim, session, 2, NULL), FLOW_E_ALREADY_ATTACHED); /* BT-04 */
	ck_assert_int_eq(ack(sim, session, 2, 0), FLOW_E_NOT_ATTACHED);
	ck_assert_uint_eq(flow_session_client(sim->flow, session), 1);
	ck_assert(!flow_can_exit(sim->flow));
	ck_assert_int_eq(detach(sim, session, 2), FLOW_E_NOT_ATTACHED);
	ck_assert_int_eq(detach(sim, session, 1), 0);
	ck_assert_int_eq(attach(sim, session, 2, NULL), 0);
	ck_assert_int_eq(attach(sim, 77, 2, NULL), FLOW_E_NO_SUCH_SESSION);
	ck_assert_uint_eq(flow_session_client(sim->flow, 77), 0);
	sim_free(sim);
}
END_TEST

/* BT-62, BT-63: the file stays until its event is acknowledged, however often the client dies. */
START_TEST(file_until_acknowledged)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = sim_download(sim, session, "h");
	struct flow_attached attached;
	char path[FLOW_PATH_BYTES];

	flow_attempt_spool_path(sim->flow, id, FLOW_FILE_PART, path);
	sim_finish(sim, id, 10);
	for (unsigned i = 1; i <= 3; i++) {
		ck_assert_int_eq(attach(sim, session, i, &attached), 0);
		ck_assert_uint_eq(attached.last_acked, 0);
		ck_assert_str_eq(sim_events(sim, session), "FINISHED METRICS COMPLETED EVENTS");
		ck_assert(fake_engine_has_file(sim->engine, path));
		sim_crash(sim);
	}
	ck_assert_int_eq(attach(sim, session, 9, &attached), 0);
	ck_assert_int_eq(ack(sim, session, 9, attached.last_seq + 1), FLOW_E_INVALID_REQUEST);
	ck_assert_int_eq(ack(sim, session, 9, attached.last_seq), 0);
	ck_assert(!fake_engine_has_file(sim->engine, path));
	ck_assert_str_eq(sim_events(sim, session), "");
	ck_assert_int_eq(ack(sim, session, 9, 1), 0); /* again is fine */
	sim_crash(sim);
	ck_assert_int_eq(attach(sim, session, 9, &attached), 0);
	ck_assert_uint_eq(attached.last_acked, attached.last_seq);
	ck_assert_str_eq(sim_events(sim, session), "");
	sim_free(sim);
}
END_TEST

START_TEST(partial_acknowledgement)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), a = sim_download(sim, session, "h"),
		 b = sim_download(sim, session, "h");
	struct flow_attached attached;

	sim_finish(sim, a, 10);
	ck_assert_int_eq(attach(sim, session, 1, &attached), 0);
	ck_assert_int_eq(ack(sim, session, 1, attached.last_seq - 2), 0);
	ck_assert_str_eq(sim_events(sim, session), "COMPLETED EVENTS");
	sim_finish(sim, b, 10);
	ck_assert_str_eq(sim_events(sim, session), "COMPLETED EVENTS FINISHED METRICS COMPLETED");
	ck_assert_uint_eq(flow_session_get(sim->flow, session)->n_events, 5);
	/* once after what had gathered, also when an earlier one was never acknowledged */
	ck_assert_int_eq(detach(sim, session, 1), 0);
	ck_assert_int_eq(attach(sim, session, 2, &attached), 0);
	ck_assert_str_eq(sim_events(sim, session), "COMPLETED FINISHED METRICS COMPLETED EVENTS");
	sim_free(sim);
}
END_TEST

/* Where it is to be is where it stays, and nothing is looked for in the spool. */
START_TEST(file_with_a_place_of_its_own)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id;
	struct flow_attached attached;
	struct flow_request request;
	char destination[300], path[FLOW_PATH_BYTES];

	snprintf(destination, sizeof(destination), "%s/file", sim->state_dir);
	flow_request_init(&request);
	request.request.url = "https://h/x";
	request.request.destination = destination;
	id = sim_create(sim, session, &request, true);
	sim_finish(sim, id, 10);
	sim_post_published(sim, id, 0);
	sim_settle(sim);
	flow_attempt_spool_path(sim->flow, id, FLOW_FILE_PART, path);
	fake_engine_add_file(sim->engine, path);
	sim_crash(sim);
	ck_assert_int_eq(attach(sim, session, 1, &attached), 0);
	ck_assert_str_eq(sim_events(sim, session), "FINISHED METRICS COMPLETED EVENTS");
	ck_assert_int_eq(ack(sim, session, 1, attached.last_seq), 0);
	ck_assert(fake_engine_has_file(sim->engine, destination));
	ck_assert(fake_engine_has_file(sim->engine, path));
	sim_free(sim);
}
END_TEST

/* Wherever among the three it stops to acknowledge, and whoever dies then: the others come, once. */
START_TEST(acknowledged_within_an_end)
{
	static const char *const rest[] = { "FINISHED METRICS COMPLETED", "METRICS COMPLETED",
		"COMPLETED", "" };
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = sim_download(sim, session, "h");
	struct flow_attached attached;
	char path[FLOW_PATH_BYTES], want[64];

	flow_attempt_spool_path(sim->flow, id, FLOW_FILE_PART, path);
	ck_assert_int_eq(attach(sim, session, 1, &attached), 0);
	sim_finish(sim, id, 10);
	ck_assert_uint_eq(sim->told_seq, 3);
	ck_assert_int_eq(ack(sim, session, 1, (uint64_t)_i), 0);
	ck_assert_uint_eq(flow_session_get(sim->flow, session)->n_events, 3 - (unsigned)_i);
	ck_assert_str_eq(sim_events(sim, session), rest[_i]);
	ck_assert_int_eq(fake_engine_has_file(sim->engine, path), !_i);
	sim_crash(sim);
	ck_assert_uint_eq(flow_session_get(sim->flow, session)->n_events, 3 - (unsigned)_i);
	ck_assert_int_eq(attach(sim, session, 2, &attached), 0);
	ck_assert_uint_eq(attached.last_acked, (unsigned)_i);
	snprintf(want, sizeof(want), "%s%s", rest[_i], _i < 3 ? " EVENTS" : "");
	ck_assert_str_eq(sim_events(sim, session), want);
	ck_assert_int_eq(ack(sim, session, 2, attached.last_seq), 0);
	ck_assert_uint_eq(flow_session_get(sim->flow, session)->n_events, 0);
	ck_assert(!fake_engine_has_file(sim->engine, path));
	sim_free(sim);
}
END_TEST

static int take_name(const struct flow_event *event, void *user)
{
	char *names = user;

	snprintf(names + strlen(names), 64 - strlen(names), "%u@%u ", (unsigned)event->type,
		(unsigned)event->task_id);
	return 0;
}

/* Ends that were followed by another try are told no more, and are in nobody's way. */
START_TEST(superseded_ends_take_no_room)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), ids[3];
	struct flow_event_range range = { .session = session, .limit = 2 };
	char names[64] = "", want[64];

	for (size_t i = 0; i < 3; i++) {
		ids[i] = sim_download(sim, session, "h");
		sim_post_failed(sim, ids[i], TRANSFER_ERROR_BAD_SERVER_RESPONSE, false);
		sim_settle(sim);
		if (i < 2)
			ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RETRY, ids[i]), 0);
	}
	range.last_seq = _i ? flow_session_lookup(sim->flow, session)->last_seq : 0;
	ck_assert_int_eq(flow_events_each(sim->flow, &range, take_name, names), 0);
	snprintf(want, sizeof(want), "4@%u 5@%u ", (unsigned)ids[2], (unsigned)ids[2]);
	ck_assert_str_eq(names, want);
	sim_free(sim);
}
END_TEST

START_TEST(nothing_gathered)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one");
	struct flow_attached attached;

	ck_assert_int_eq(attach(sim, session, 1, &attached), 0);
	ck_assert_uint_eq(attached.last_seq, 0);
	ck_assert_str_eq(sim_events(sim, session), "");
	ck_assert_uint_eq(sim->told_seq, 0);
	sim_free(sim);
}
END_TEST

START_TEST(observer_hears_after_the_commit)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = sim_download(sim, session, "h");

	ck_assert_int_eq(attach(sim, session, 1, NULL), 0);
	sim_finish(sim, id, 10);
	ck_assert_uint_eq(sim->told_seq, flow_session_lookup(sim->flow, session)->last_seq);
	sim_free(sim);
}
END_TEST

/* Progress: only to who is attached, at most four a second, whole numbers at the end (BT-68). */
START_TEST(progress)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = sim_download(sim, session, "h");

	sim_post_connected(sim, id, false);
	sim_post_progress(sim, id, 100, 10000);
	sim_turn(sim);
	ck_assert_uint_eq(sim->n_progress, 0);
	ck_assert_int_eq(attach(sim, session, 1, NULL), 0);
	for (unsigned i = 1; i <= 1000; i++) {
		sim_pass(sim, 10000);
		sim_post_progress(sim, id, 100 + i * 5, 10000);
		sim_turn(sim);
	}
	ck_assert_uint_ge(sim->n_progress, 38);
	ck_assert_uint_le(sim->n_progress, 41);
	ck_assert_int_eq(sim->progress.expected_bytes, 10000);
	sim_post_done(sim, id, 10000);
	sim_turn(sim);
	ck_assert_uint_eq(sim->progress.total_bytes, 10000);
	sim_free(sim);
}
END_TEST

/* What comes too soon after the one before is told later, once, when nothing follows it; then nothing wakes the daemon. */
START_TEST(progress_before_it_stands_still)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = sim_download(sim, session, "h");
	uint64_t first_us;

	ck_assert_int_eq(attach(sim, session, 1, NULL), 0);
	sim_post_connected(sim, id, false);
	sim_post_checkpoint(sim, id, 0, 10000); /* saved: nothing else is due */
	sim_post_progress(sim, id, 100, 10000);
	sim_turn(sim);
	first_us = sim->now.now_us;
	ck_assert_uint_eq(sim->n_progress, 1);
	ck_assert_uint_eq(flow_next_timer(sim->flow), UINT64_MAX);
	sim_pass(sim, 1000);
	sim_post_progress(sim, id, 150, 10000);
	sim_turn(sim);
	ck_assert_uint_eq(sim->n_progress, 1);
	ck_assert_uint_ge(flow_next_timer(sim->flow), first_us + PROGRESS_INTERVAL_MIN_US);
	ck_assert(sim_wake(sim, 1000000));
	ck_assert_uint_eq(sim->n_progress, 2);
	ck_assert_uint_eq(sim->progress.total_bytes, 150);
	ck_assert_uint_eq(sim->progress.delta_bytes, 50);
	ck_assert_uint_eq(flow_next_timer(sim->flow), UINT64_MAX);
	/* or when it stops */
	sim_pass(sim, 1000);
	sim_post_progress(sim, id, 170, 10000);
	sim_turn(sim);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_SUSPEND, id), 0);
	sim_post_stopped(sim, id, 170);
	sim_settle(sim);
	ck_assert_uint_eq(sim->n_progress, 3);
	ck_assert_uint_eq(sim->progress.total_bytes, 170);
	ck_assert_uint_eq(flow_next_timer(sim->flow), UINT64_MAX);
	sim_free(sim);
}
END_TEST

/* Who has left is told nothing, and nothing is tried again. */
START_TEST(progress_that_nobody_waits_for)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = sim_download(sim, session, "h");

	ck_assert_int_eq(attach(sim, session, 1, NULL), 0);
	sim_post_checkpoint(sim, id, 0, 10000);
	sim_post_progress(sim, id, 100, 10000);
	sim_turn(sim);
	sim_post_progress(sim, id, 150, 10000);
	sim_turn(sim);
	ck_assert_int_eq(detach(sim, session, 1), 0);
	ck_assert(sim_wake(sim, 1000000));
	ck_assert_uint_eq(sim->n_progress, 1);
	ck_assert_uint_eq(flow_next_timer(sim->flow), UINT64_MAX);
	sim_free(sim);
}
END_TEST

RUN_TESTS("daemon/flow-attach", TEST(one_client), TEST(file_until_acknowledged),
	TEST(partial_acknowledgement), TEST(file_with_a_place_of_its_own),
	TEST_LOOP(acknowledged_within_an_end, 4), TEST_LOOP(superseded_ends_take_no_room, 2),
	TEST(nothing_gathered), TEST(observer_hears_after_the_commit), TEST(progress),
	TEST(progress_before_it_stands_still), TEST(progress_that_nobody_waits_for))
