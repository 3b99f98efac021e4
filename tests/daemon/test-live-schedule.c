/* SPDX-License-Identifier: MIT */
/* Slots, lanes, networks and limits of time. */
#include "tests/daemon/live-rig.h"

#include <string.h>

#include <transfer/error.h>

#include "tests/lib/run.h"

START_TEST(per_host)
{
	struct rig *rig = rig_new();
	struct live_open open = rig_open(TRANSFER_SESSION_EPHEMERAL);
	const struct live_request other = rig_request(TRANSFER_TASK_DATA, "https://other/");
	struct engine_event event;
	uint64_t session, first;

	open.config.max_connections_per_host = 2;
	session = rig_session_with(rig, &open);
	first = rig_task(rig, session, TRANSFER_TASK_DATA);
	for (unsigned i = 1; i < 4; i++)
		(void)rig_task(rig, session, TRANSFER_TASK_DATA);
	ck_assert_uint_eq(live_n_running(rig->live), 2);
	(void)rig_create(rig, session, &other);
	ck_assert_uint_eq(live_n_running(rig->live), 3);
	/* streams of one connection */
	event = rig_event(rig, first, ENGINE_EVENT_CONNECTED);
	event.is_http2 = true;
	rig_post(rig, &event);
	ck_assert_uint_eq(live_n_running(rig->live), 5);
	rig_free(rig);
}
END_TEST

/* All slots, and more of them when a reader does not read; their number comes back. */
START_TEST(stalled_readers)
{
	struct rig *rig = rig_new();
	struct live_open open = rig_open(TRANSFER_SESSION_EPHEMERAL);
	uint64_t session, first, second;
	struct engine_event event;

	open.config.max_connections_per_host = 1;
	session = rig_session_with(rig, &open);
	first = rig_task(rig, session, TRANSFER_TASK_DATA);
	second = rig_task(rig, session, TRANSFER_TASK_DATA);
	ck_assert(!rig_attempt(rig, second));
	event = rig_event(rig, first, ENGINE_EVENT_STALLED);
	event.live.is_stalled = true;
	rig_post(rig, &event);
	ck_assert(rig_attempt(rig, second));
	ck_assert_uint_eq(rig->live->n_stalled, 1);
	event.live.is_stalled = false;
	rig_post(rig, &event);
	ck_assert_uint_eq(rig->live->n_stalled, 0);
	ck_assert_uint_eq(sched_n_running(rig->live->sched), 2);
	event.live.is_stalled = true;
	rig_post(rig, &event);
	rig_post_done(rig, first, 200, "x");
	ck_assert_uint_eq(rig->live->n_stalled, 0);
	ck_assert_uint_eq(sched_n_running(rig->live->sched), 1);
	rig_free(rig);
}
END_TEST

/* Many tasks of one host: the window is filled again and again, in order. */
START_TEST(long_queue)
{
	struct rig *rig = rig_new();
	struct live_open open = rig_open(TRANSFER_SESSION_EPHEMERAL);
	struct live_request requests[200];
	uint64_t session, first;

	open.config.max_connections_per_host = 1;
	session = rig_session_with(rig, &open);
	for (size_t i = 0; i < 200; i++)
		requests[i] = rig_request(TRANSFER_TASK_DATA, "https://host/");
	ck_assert_int_eq(live_tasks_create(rig->live, session, requests, 200, &first), 0);
	rig_turn(rig);
	for (size_t i = 0; i < 200; i++) {
		ck_assert_uint_eq(live_n_running(rig->live), 1);
		ck_assert(rig_attempt(rig, first + i));
		rig_post_done(rig, first + i, 200, NULL);
	}
	ck_assert_uint_eq(live_n_running(rig->live), 0);
	rig_free(rig);
}
END_TEST

static uint64_t offline_session(struct rig *rig, bool waits)
{
	struct live_open open = rig_open(TRANSFER_SESSION_EPHEMERAL);

	open.config.waits_for_connectivity = waits;
	open.tells = LIVE_TELL_WAITING;
	return rig_session_with(rig, &open);
}

START_TEST(no_network)
{
	struct rig *rig = rig_new();
	uint64_t fails = offline_session(rig, false), waits = offline_session(rig, true), id;
	const struct live_request local = rig_request(TRANSFER_TASK_DATA, "https://127.0.0.1/");

	live_set_network(rig->live, false);
	(void)rig_task(rig, fails, TRANSFER_TASK_DATA);
	ck_assert_str_eq(rig_told(rig, fails), "COMPLETED -1009");
	id = rig_task(rig, waits, TRANSFER_TASK_DATA);
	ck_assert_str_eq(rig_told(rig, waits), "WAITING");
	ck_assert_int_eq(live_task_sub_state(rig->live, &rig_find(rig, id)->task),
		TRANSFER_SUB_STATE_WAITING_NETWORK);
	/* this machine is always there */
	ck_assert(rig_attempt(rig, rig_create(rig, fails, &local)));
	live_set_network(rig->live, true);
	rig_turn(rig);
	ck_assert(rig_attempt(rig, id));
	/* it went while the attempt ran: told once only */
	live_set_network(rig->live, false);
	rig_post_failed(rig, id, TRANSFER_ERROR_CANNOT_FIND_HOST);
	ck_assert_str_eq(rig_told(rig, waits), "");
	ck_assert_int_eq(rig_find(rig, id)->phase, LIVE_PHASE_OFFLINE);
	live_set_network(rig->live, true);
	rig_turn(rig);
	rig_post_failed(rig, id, TRANSFER_ERROR_CANNOT_FIND_HOST);
	ck_assert_str_eq(rig_told(rig, waits), "COMPLETED -1003");
	rig_free(rig);
}
END_TEST

/* One silent attempt more: when it may, and nobody has heard of it. */
START_TEST(again)
{
	static const struct {
		const char *method;
		int32_t code;
		bool is_told, is_again;
	} rows[] = {
		{ "GET", TRANSFER_ERROR_NETWORK_CONNECTION_LOST, false, true },
		{ "DELETE", TRANSFER_ERROR_NETWORK_CONNECTION_LOST, false, true },
		{ "POST", TRANSFER_ERROR_NETWORK_CONNECTION_LOST, false, false },
		{ "PATCH", TRANSFER_ERROR_NETWORK_CONNECTION_LOST, false, false },
		{ "GET", TRANSFER_ERROR_TIMED_OUT, false, false },
		{ "GET", TRANSFER_ERROR_NETWORK_CONNECTION_LOST, true, false },
	};
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, RIG_TELLS, true), id;
	struct live_request request = rig_request(TRANSFER_TASK_DATA, "https://host/");

	request.request.method = rows[_i].method;
	id = rig_create(rig, session, &request);
	if (rows[_i].is_told)
		rig_post_response(rig, id, 200);
	(void)rig_told(rig, session);
	rig_post_failed(rig, id, rows[_i].code);
	ck_assert_int_eq(rig_find(rig, id) != NULL, rows[_i].is_again);
	if (rows[_i].is_again) {
		ck_assert_str_eq(rig_told(rig, session), "");
		ck_assert_uint_eq(rig_attempt(rig, id)->attempt, 2);
		rig_post_failed(rig, id, rows[_i].code);
	}
	ck_assert_int_eq(rig->code, rows[_i].code);
	ck_assert_uint_eq(live_n_running(rig->live), 0);
	rig_free(rig);
}
END_TEST

/* The resource limit runs while a task waits, and stands still while it is suspended. */
START_TEST(resource_limit)
{
	struct rig *rig = rig_new();
	uint64_t session = offline_session(rig, true), id;
	struct live_request request = rig_request(TRANSFER_TASK_DATA, "https://host/");

	live_set_network(rig->live, false);
	request.request.resource_timeout_us = 10000000;
	id = rig_create(rig, session, &request);
	(void)rig_told(rig, session);
	rig_pass(rig, 6000000);
	ck_assert_int_eq(rig_steer(rig, FLOW_VERB_SUSPEND, id), 0);
	rig_pass(rig, 60000000);
	ck_assert_int_eq(rig_steer(rig, FLOW_VERB_RESUME, id), 0);
	ck_assert_uint_le(live_next_timer(rig->live), rig->sim->now.now_us + 4000000);
	rig_pass(rig, 3900000);
	ck_assert(rig_find(rig, id));
	rig_pass(rig, 200000);
	ck_assert_str_eq(rig_told(rig, session), "COMPLETED -1001");
	ck_assert_uint_eq(live_next_timer(rig->live), UINT64_MAX);
	rig_free(rig);
}
END_TEST

/* The engine knows the limit of an attempt. */
START_TEST(limit_of_an_attempt)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, 0, true), id;
	struct live_request request = rig_request(TRANSFER_TASK_DATA, "https://host/");

	request.request.resource_timeout_us = 10000000;
	request.request.timeout_us = 3000000;
	id = rig_create(rig, session, &request);
	ck_assert_uint_eq(rig_attempt(rig, id)->deadline_boot_us, rig->sim->now.boot_us + 10000000);
	ck_assert_uint_eq(rig_attempt(rig, id)->idle_timeout_us, 3000000);
	rig_pass(rig, 11000000);
	ck_assert(!rig_attempt(rig, id)->is_stopping);
	ck_assert_uint_eq(live_next_timer(rig->live), UINT64_MAX);
	rig_free(rig);
}
END_TEST

/* What the engine refuses ends as a failure of the task. */
START_TEST(refused_by_the_engine)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, 0, true);

	fake_engine_refuse(rig->engine, 1, -12);
	(void)rig_task(rig, session, TRANSFER_TASK_DATA);
	ck_assert_str_eq(rig_told(rig, session), "COMPLETED 0 folded -1");
	(void)rig_task(rig, session, TRANSFER_TASK_DATA);
	ck_assert_uint_eq(live_n_running(rig->live), 1);
	rig_free(rig);
}
END_TEST

RUN_TESTS("daemon/live-schedule", TEST(per_host), TEST(stalled_readers), TEST(long_queue),
	TEST(no_network), TEST_LOOP(again, 6), TEST(resource_limit), TEST(limit_of_an_attempt),
	TEST(refused_by_the_engine))
