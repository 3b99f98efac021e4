/* SPDX-License-Identifier: MIT */
/*
 * Who starts when: slots, applications, dates, mode, network, clocks that jump, what is kept
 * (BT-28, BT-34, BT-35, BT-38, BT-42, F-11).
 */
#include <stdio.h>
#include <string.h>

#include <transfer/error.h>

#include "daemon/flow-state.h"
#include "engine/engine.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

#define S   UINT64_C(1000000)
#define DAY (86400 * S)

static void network(struct sim *sim, bool is_up)
{
	sim_begin(sim);
	flow_set_network(sim->flow, is_up);
	ck_assert_int_eq(sim_end(sim), 0);
}

static void pause_all(struct sim *sim, bool is_paused)
{
	struct flow_limits limits;

	sim_begin(sim);
	flow_limits_get(sim->flow, &limits);
	limits.is_paused = is_paused;
	ck_assert_int_eq(flow_limits_set(sim->flow, &limits), 0);
	ck_assert_int_eq(sim_end(sim), 0);
}

static void on_created(void *user, int error, const uint64_t *ids, size_t n_ids)
{
	(void)ids;
	ck_assert_int_eq(error, 0);
	*(size_t *)user += n_ids;
}

static void create_many(struct sim *sim, uint64_t session, size_t n, const char *url)
{
	static struct flow_request requests[FLOW_CREATE_MAX];
	const struct flow_create create = { session, requests, n, true, NULL, NULL };
	size_t n_made = 0;

	for (size_t i = 0; i < n; i++) {
		flow_request_init(&requests[i]);
		requests[i].request.url = url;
	}
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_create(sim->flow, &create, on_created, &n_made, NULL), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(n_made, n);
}

/* BT-34, BT-35 */
START_TEST(limits)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), last;
	struct flow_limits l;
	const char *reasons[FLOW_REASONS_MAX];
	char host[32];
	struct task *task;

	for (unsigned h = 0; h < 8; h++) {
		snprintf(host, sizeof(host), "host%u", h);
		for (unsigned i = 0; i < 8; i++)
			last = sim_download(sim, session, host);
	}
	ck_assert_uint_eq(fake_engine_n_running(sim->engine), 32);
	ck_assert_int_eq(sim_sub_state(sim, last), TRANSFER_SUB_STATE_QUEUED);
	task = sim_task(sim, last);
	ck_assert_uint_eq(flow_task_reasons(sim->flow, task, reasons), 1);
	ck_assert_str_eq(reasons[0], "slot");
	task_free(task);
	flow_limits_get(sim->flow, &l);
	l.max_active_tasks = 40;
	sim_begin(sim);
	ck_assert_int_eq(flow_limits_set(sim->flow, &l), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(fake_engine_n_running(sim->engine), 40);
	/* kept over a restart */
	sim_crash(sim);
	ck_assert_uint_eq(fake_engine_n_running(sim->engine), 40);
	l.max_active_tasks = 0;
	sim_begin(sim);
	ck_assert_int_eq(flow_limits_set(sim->flow, &l), FLOW_E_INVALID_REQUEST);
	ck_assert_int_eq(sim_end(sim), 0);
	sim_free(sim);
}
END_TEST

START_TEST(connections_per_host)
{
	struct sim *sim = sim_new(1);
	struct flow_open open = sim_open("app", "one");
	uint64_t session, ids[10];
	const char *reasons[FLOW_REASONS_MAX];
	struct task *task;

	open.config.max_connections_per_host = 1;
	open.given = FLOW_SESSION_KEY_MAX_CONNECTIONS;
	session = sim_session_with(sim, &open);
	for (size_t i = 0; i < 3; i++)
		ids[i] = sim_download(sim, session, "h");
	ids[3] = sim_download(sim, session, "other");
	ck_assert_uint_eq(fake_engine_n_running(sim->engine), 2);
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, ids[3]));
	task = sim_task(sim, ids[1]);
	ck_assert_uint_eq(flow_task_reasons(sim->flow, task, reasons), 1);
	ck_assert_str_eq(reasons[0], "host");
	task_free(task);
	/* a connection that carries many at once */
	sim->max_per_lane = SCHED_LANE_HTTP2;
	sim_post_connected(sim, ids[0], true);
	sim_turn(sim);
	ck_assert_uint_eq(fake_engine_n_running(sim->engine), 4);
	sim_free(sim);
}
END_TEST

/* One application with very many tasks delays another's single one by at most one slot. */
START_TEST(applications_in_turn)
{
	struct sim *sim = sim_new(1);
	uint64_t many = sim_session(sim, "many", "one"), one = sim_session(sim, "one", "one"), id,
		 started = 0;

	for (unsigned i = 0; i < 20; i++) {
		char url[64];

		snprintf(url, sizeof(url), "https://host%u/x", i);
		create_many(sim, many, FLOW_CREATE_MAX, url);
	}
	ck_assert_uint_eq(fake_engine_n_running(sim->engine), 32);
	id = sim_download(sim, one, "h");
	ck_assert_ptr_null(fake_engine_find(sim->engine, id));
	started = fake_engine_n_started(sim->engine);
	while (!fake_engine_find(sim->engine, id)) {
		sim_post_failed(sim, fake_engine_get(sim->engine, 0)->task,
			TRANSFER_ERROR_BAD_SERVER_RESPONSE, false);
		sim_turn(sim);
	}
	ck_assert_uint_le(fake_engine_n_started(sim->engine) - started, 2);
	/* memory follows what runs, not what waits (I5) */
	ck_assert_uint_le(registry_count(&sim->flow->registry), 32);
	sim_free(sim);
}
END_TEST

/* The whole queue gets its turn, in order, through windows far smaller than it. */
START_TEST(long_queue)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), last = 0;
	unsigned n = 0;

	for (unsigned i = 0; i < 3; i++)
		create_many(sim, session, FLOW_CREATE_MAX, "https://h/x");
	for (unsigned i = 0; i < 100; i++)
		sim_turn(sim);
	while (fake_engine_n(sim->engine)) {
		uint64_t id = fake_engine_get(sim->engine, 0)->task;

		if (n % 1000 == 500)
			sim_crash(sim);
		ck_assert_uint_ge(id, last);
		last = id;
		sim_post_failed(sim, id, TRANSFER_ERROR_BAD_SERVER_RESPONSE, false);
		sim_turn(sim);
		ck_assert_uint_le(++n, 4000);
	}
	ck_assert_uint_eq(flow_session_get(sim->flow, session)->n_tasks, 0);
	sim_free(sim);
}
END_TEST

/* BT-28 */
START_TEST(not_before)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id;
	struct flow_request request;

	flow_request_init(&request);
	request.request.url = "https://h/x";
	request.request.not_before_wall_us = sim->now.wall_us + 100 * S;
	id = sim_create(sim, session, &request, true);
	ck_assert_int_eq(sim_sub_state(sim, id), TRANSFER_SUB_STATE_WAITING_DATE);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RETRY, id), FLOW_E_BUSY);
	sim_crash(sim);
	ck_assert_uint_eq(fake_engine_n(sim->engine), 0);
	ck_assert(sim_wake(sim, 50 * S));
	ck_assert_uint_eq(fake_engine_n(sim->engine), 0);
	ck_assert(sim_wake(sim, UINT64_MAX));
	ck_assert_uint_eq(fake_engine_n(sim->engine), 1);
	ck_assert_uint_ge(sim->now.wall_us, request.request.not_before_wall_us);
	sim_free(sim);
}
END_TEST

/*
 * F-11: ten years back and forth. Retries keep their intervals, dates follow the clock on the wall.
 */
START_TEST(clock_jumps)
{
	const uint64_t years_us = 10 * 365 * 86400 * S;
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"),
		 retried = sim_download(sim, session, "h"), dated, running;
	struct flow_request request;

	flow_request_init(&request);
	request.request.url = "https://h/x";
	request.request.not_before_wall_us = sim->now.wall_us + 100 * S;
	dated = sim_create(sim, session, &request, true);
	running = sim_download(sim, session, "h");
	sim_pass(sim, S); /* its start is saved by then */
	sim_post_failed(sim, retried, TRANSFER_ERROR_TIMED_OUT, true);
	sim_turn(sim);
	sim->now.wall_us -= years_us;
	sim_turn(sim);
	ck_assert(sim_wake(sim, 2 * S));
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, retried));
	/* the date is not there, and asking for it is no loop */
	for (unsigned i = 0; i < 5; i++)
		ck_assert(sim_wake(sim, 1000 * S));
	ck_assert_ptr_null(fake_engine_find(sim->engine, dated));
	sim->now.wall_us += 2 * years_us;
	sim_turn(sim);
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, dated));
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, running));
	ck_assert_int_eq(sim_state(sim, running), TASK_STATE_QUEUED);
	/* no resource limit runs out with the clock on the wall */
	sim_post_failed(sim, retried, TRANSFER_ERROR_TIMED_OUT, true);
	sim_turn(sim);
	ck_assert_int_eq(sim_state(sim, retried), TASK_STATE_WAITING);
	sim->now.wall_us += years_us;
	sim_settle(sim);
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, retried));
	sim_free(sim);
}
END_TEST

/* Paused: nothing starts, what runs keeps its bytes and waits, nothing wakes up for it. */
START_TEST(paused)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = sim_download(sim, session, "h"),
		 other;

	pause_all(sim, true);
	ck_assert_uint_ge(sim->n_limits_changes, 1);
	ck_assert(fake_engine_find(sim->engine, id)->is_stopping);
	sim_post_stopped(sim, id, 30);
	sim_settle(sim);
	other = sim_download(sim, session, "h");
	ck_assert_uint_eq(fake_engine_n(sim->engine), 0);
	ck_assert_int_eq(sim_sub_state(sim, id), TRANSFER_SUB_STATE_WAITING_MODE);
	ck_assert_int_eq(sim_sub_state(sim, other), TRANSFER_SUB_STATE_WAITING_MODE);
	/* but for the end of the resource limit of the one that was started */
	ck_assert_uint_ge(flow_next_timer(sim->flow) - sim->now.now_us, 6 * DAY);
	sim_crash(sim);
	ck_assert_uint_eq(fake_engine_n(sim->engine), 0);
	pause_all(sim, false);
	ck_assert_uint_eq(fake_engine_find(sim->engine, id)->resume_offset_bytes, 30);
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, other));
	sim_free(sim);
}
END_TEST

/* BT-38: no network, no timer for an attempt, no attempt, no failure counted; then everything goes on. */
START_TEST(no_network)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), a = sim_download(sim, session, "h"),
		 b = sim_download(sim, session, "h"), c;
	struct task *task;

	/* one already waits a long time */
	sim_pass(sim, S);
	for (unsigned i = 0; i < 8; i++) {
		sim_post_failed(sim, a, TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST, true);
		sim_turn(sim);
		if (i < 7)
			ck_assert(sim_wake(sim, UINT64_MAX));
	}
	network(sim, false);
	ck_assert(!flow_network_is_up(sim->flow));
	sim_post_failed(sim, b, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, true);
	sim_turn(sim);
	c = sim_download(sim, session, "h");
	ck_assert_uint_eq(fake_engine_n(sim->engine), 0);
	ck_assert_int_eq(sim_sub_state(sim, a), TRANSFER_SUB_STATE_WAITING_NETWORK);
	ck_assert_int_eq(sim_sub_state(sim, b), TRANSFER_SUB_STATE_WAITING_NETWORK);
	ck_assert_int_eq(sim_sub_state(sim, c), TRANSFER_SUB_STATE_WAITING_NETWORK);
	/* but for the end of the resource limits of those that were started */
	ck_assert_uint_ge(flow_next_timer(sim->flow) - sim->now.now_us, 6 * DAY);
	task = sim_task(sim, b);
	ck_assert_uint_eq(task->failures, 0);
	task_free(task);
	network(sim, true);
	sim_settle(sim);
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, a));
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, b));
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, c));
	sim_free(sim);
}
END_TEST

static const struct {
	unsigned failures; /* before it said so */
	uint64_t after_s;
} told[] = { { 0, 500 }, { 0, 1 }, { 8, 5 }, { 8, 150 } };

/* What the server asked for is kept when the network comes and goes, however long our own wait would be. */
START_TEST(retry_after_survives_network)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id, until_us;
	struct flow_request request;

	flow_request_init(&request);
	request.request.url = "https://h/x";
	request.request.retry_http_errors = true;
	id = sim_create(sim, session, &request, true);
	for (unsigned i = 0; i < told[_i].failures; i++) {
		sim_post_failed(sim, id, TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST, true);
		sim_turn(sim);
		ck_assert(sim_wake(sim, UINT64_MAX));
	}
	sim_post_done_status(sim, id, 503, told[_i].after_s * S);
	sim_turn(sim);
	until_us = sim->now.now_us + told[_i].after_s * S;
	fake_engine_drop(sim->engine, fake_engine_find(sim->engine, id));
	if (_i % 2)
		sim_crash(sim);
	network(sim, false);
	network(sim, true);
	sim_settle(sim);
	ck_assert_uint_eq(fake_engine_n(sim->engine), 0);
	ck_assert_uint_ge(flow_next_timer(sim->flow), until_us);
	ck_assert(sim_wake(sim, UINT64_MAX));
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, id));
	sim_free(sim);
}
END_TEST

/* This machine needs no network. */
START_TEST(local_hosts)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id;

	network(sim, false);
	id = sim_download(sim, session, "127.0.0.1:8080");
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, id));
	sim_post_failed(sim, id, TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST, true);
	sim_turn(sim);
	ck_assert_int_eq(sim_sub_state(sim, id), TRANSFER_SUB_STATE_WAITING_RETRY);
	ck_assert(sim_wake(sim, UINT64_MAX));
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, id));
	sim_free(sim);
}
END_TEST

START_TEST(stops)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), a = sim_download(sim, session, "h"), b;
	struct task *task;

	sim_begin(sim);
	flow_stop(sim->flow);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert(fake_engine_find(sim->engine, a)->is_stopping);
	ck_assert_uint_eq(flow_n_running(sim->flow), 1);
	b = sim_download(sim, session, "h");
	sim_post_stopped(sim, a, 77);
	sim_settle(sim);
	ck_assert_uint_eq(flow_n_running(sim->flow), 0);
	ck_assert_uint_eq(fake_engine_n_started(sim->engine), 1);
	task = sim_task(sim, a);
	ck_assert_uint_eq(task->offset_bytes, 77);
	task_free(task);
	sim_crash(sim);
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, a));
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, b));
	sim_free(sim);
}
END_TEST

/* Finished tasks are forgotten after their time, with the files that failed ones had kept. */
START_TEST(prunes)
{
	const uint64_t years_us = 10 * 365 * 86400 * S;
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), a = sim_download(sim, session, "h"),
		 b = sim_download(sim, session, "h");
	struct task *task;

	sim_finish(sim, a, 10);
	sim_post_response(sim, b, 200);
	sim_post_checkpoint(sim, b, 5, 10);
	sim_post_failed(sim, b, TRANSFER_ERROR_BAD_SERVER_RESPONSE, false);
	sim_settle(sim);
	ck_assert_uint_eq(fake_engine_n_files(sim->engine), 2);
	ck_assert(flow_can_exit(sim->flow));
	/* F-11: nothing is old because somebody has set the clock */
	sim->now.wall_us += years_us;
	sim_pass(sim, 7200 * S);
	sim_settle(sim);
	ck_assert_uint_eq(fake_engine_n_files(sim->engine), 2);
	ck_assert_uint_ne(flow_session_get(sim->flow, session)->n_events, 0);
	sim->now.wall_us -= years_us;
	sim_pass(sim, UINT64_C(15) * 86400 * S);
	sim_settle(sim);
	ck_assert_int_eq(store_task_load(sim->store, a, &task), STORE_E_NOT_FOUND);
	ck_assert_int_eq(store_task_load(sim->store, b, &task), STORE_E_NOT_FOUND);
	ck_assert_uint_eq(fake_engine_n_files(sim->engine), 0);
	ck_assert_str_eq(sim_events(sim, session), "");
	ck_assert_uint_eq(flow_session_get(sim->flow, session)->n_events, 0);
	sim_free(sim);
}
END_TEST

/* ---- the resource limit between two attempts (BT-42) ---- */

#define LIMIT_S 100

/* A download that has run for 10 s of its 100 and has 40 bytes. */
static uint64_t limited(struct sim *sim, uint64_t session)
{
	struct flow_request request;
	uint64_t id;

	flow_request_init(&request);
	request.request.url = "https://h/x";
	request.request.resource_timeout_us = LIMIT_S * S;
	id = sim_create(sim, session, &request, true);
	sim_post_response(sim, id, 200);
	sim_pass(sim, 10 * S);
	sim_post_checkpoint(sim, id, 40, 100);
	sim_turn(sim);
	return id;
}

/* It ends at that moment, by a timer of its own, and can go on from its bytes. */
static void check_expires(struct sim *sim, uint64_t id, uint64_t at_boot_us)
{
	struct task *task;
	char part[FLOW_PATH_BYTES];

	for (unsigned i = 0; i < 20 && sim_state(sim, id) != TASK_STATE_COMPLETED; i++)
		ck_assert(sim_wake(sim, UINT64_MAX));
	ck_assert_uint_ge(sim->now.boot_us + 1000, at_boot_us);
	ck_assert_uint_le(sim->now.boot_us, at_boot_us + 1000);
	task = sim_task(sim, id);
	ck_assert_int_eq(task->state, TASK_STATE_COMPLETED);
	ck_assert_int_eq(task->result.code, TRANSFER_ERROR_TIMED_OUT);
	ck_assert_uint_eq(task->offset_bytes, 40);
	ck_assert_uint_eq(task->expires_boot_us, 0);
	ck_assert(flow_task_is_resumable(task));
	ck_assert(!flow_attempt_path(sim->flow, task, FLOW_FILE_PART, part));
	ck_assert(fake_engine_has_file(sim->engine, part));
	task_free(task);
	sim_settle(sim);
	ck_assert_uint_eq(flow_next_timer(sim->flow), UINT64_MAX);
}

static void go_paused(struct sim *sim, uint64_t id)
{
	pause_all(sim, true);
	sim_post_stopped(sim, id, 40);
	sim_settle(sim);
	ck_assert_int_eq(sim_sub_state(sim, id), TRANSFER_SUB_STATE_WAITING_MODE);
}

static void go_offline(struct sim *sim, uint64_t id)
{
	network(sim, false);
	sim_post_failed(sim, id, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, true);
	sim_settle(sim);
	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_QUEUED);
}

/* longer than what is left; with network */
static void go_waiting(struct sim *sim, uint64_t id)
{
	const struct engine_response response = { .status = 503, .retry_after_us = 500 * S };
	struct fake_attempt *a = fake_engine_find(sim->engine, id);
	const struct engine_event event = {
		.type = ENGINE_EVENT_DONE,
		.task = id,
		.attempt = a->attempt,
		.result.code = TRANSFER_ERROR_NETWORK_CONNECTION_LOST,
		.is_retryable = true,
		.offset_bytes = 40,
		.expected_receive_bytes = 100,
		.response = &response,
	};

	fake_engine_post(sim->engine, &event);
	fake_engine_drop(sim->engine, a);
	sim_turn(sim);
	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_WAITING);
}

static void go_waiting_offline(struct sim *sim, uint64_t id)
{
	go_waiting(sim, id);
	network(sim, false);
}

/* a short wait whose end comes while nothing may start */
static void go_waiting_paused(struct sim *sim, uint64_t id)
{
	sim_post_failed(sim, id, TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST, true);
	sim_turn(sim);
	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_WAITING);
	pause_all(sim, true);
}

static void (*const ways[])(struct sim *sim, uint64_t id) = { go_paused, go_offline, go_waiting,
	go_waiting_offline, go_waiting_paused };

START_TEST(limit_runs_out)
{
	struct sim *sim = sim_new(1);
	uint64_t begin_us = sim->now.boot_us, session = sim_session(sim, "app", "one"),
		 id = limited(sim, session);

	ways[_i](sim, id);
	check_expires(sim, id, begin_us + LIMIT_S * S);
	ck_assert_str_eq(sim_events(sim, session), "METRICS COMPLETED");
	/* retry begins with a limit of its own, and with the bytes */
	network(sim, true);
	pause_all(sim, false);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RETRY, id), 0);
	ck_assert_uint_eq(fake_engine_find(sim->engine, id)->resume_offset_bytes, 40);
	ck_assert_uint_eq(fake_engine_find(sim->engine, id)->deadline_boot_us - sim->now.boot_us,
		LIMIT_S * S);
	sim_free(sim);
}
END_TEST

/* It rests meanwhile: that does not count. */
START_TEST(limit_rests_with_the_task)
{
	struct sim *sim = sim_new(1);
	uint64_t begin_us = sim->now.boot_us, session = sim_session(sim, "app", "one"),
		 id = limited(sim, session);

	ways[_i](sim, id);
	sim_pass(sim, 20 * S);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_SUSPEND, id), 0);
	ck_assert_uint_eq(flow_next_timer(sim->flow), UINT64_MAX);
	sim_pass(sim, 1000 * S);
	sim_settle(sim);
	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_SUSPENDED);
	network(sim, false);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RESUME, id), 0);
	check_expires(sim, id, begin_us + (1000 + LIMIT_S) * S);
	sim_free(sim);
}
END_TEST

/* A crash while it waits, and while the daemon is away: the clock since the boot counts on. */
START_TEST(limit_survives_crash)
{
	struct sim *sim = sim_new(1);
	uint64_t begin_us = sim->now.boot_us, session = sim_session(sim, "app", "one"),
		 id = limited(sim, session);

	ways[_i](sim, id);
	pause_all(sim, true);
	sim_pass(sim, 20 * S);
	sim_crash(sim);
	check_expires(sim, id, begin_us + LIMIT_S * S);
	sim_free(sim);
}
END_TEST

/* The attempt died with the daemon: what was left at the last checkpoint is left. */
START_TEST(limit_after_crash_of_an_attempt)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = limited(sim, session), at_us;

	/* paused, and killed before the attempt could end */
	pause_all(sim, true);
	sim_pass(sim, 1000 * S);
	sim_crash(sim);
	at_us = sim->now.boot_us + (LIMIT_S - 10) * S;
	check_expires(sim, id, at_us);
	sim_free(sim);
}
END_TEST

/* The machine was started anew: its clock began again, so what was left is left. */
START_TEST(limit_after_boot)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id;

	sim_pass(sim, 5000 * S);
	id = limited(sim, session);
	go_paused(sim, id);
	sim->now.boot_us = 7 * S;
	sim->now.now_us = 7 * S;
	sim_crash(sim);
	check_expires(sim, id, (7 + LIMIT_S - 10) * S);
	sim_free(sim);
}
END_TEST

/* All slots are taken; who was never started has no limit yet. */
START_TEST(limit_without_slot)
{
	struct sim *sim = sim_new(1);
	uint64_t begin_us = sim->now.boot_us, session = sim_session(sim, "app", "one"), id, fresh;
	struct flow_limits l;

	flow_limits_get(sim->flow, &l);
	l.max_active_tasks = 1;
	sim_begin(sim);
	ck_assert_int_eq(flow_limits_set(sim->flow, &l), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	id = limited(sim, session);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_SUSPEND, id), 0);
	sim_download(sim, session, "other");
	sim_post_stopped(sim, id, 40);
	sim_settle(sim);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RESUME, id), 0);
	fresh = sim_download(sim, session, "other");
	ck_assert_int_eq(sim_sub_state(sim, id), TRANSFER_SUB_STATE_QUEUED);
	check_expires(sim, id, begin_us + LIMIT_S * S);
	ck_assert_int_eq(sim_state(sim, fresh), TASK_STATE_QUEUED);
	ck_assert_uint_eq(fake_engine_n_running(sim->engine), 1);
	sim_free(sim);
}
END_TEST

/* The commit fails at that moment: it ends when it can be saved, once. */
START_TEST(limit_while_failing)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = limited(sim, session);

	go_paused(sim, id);
	sim->is_commit_failing = true;
	sim_pass(sim, LIMIT_S * S);
	sim_turn(sim);
	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_QUEUED);
	sim->is_commit_failing = false;
	sim_pass(sim, 2 * S);
	sim_settle(sim);
	ck_assert_int_eq(sim_result(sim, id), TRANSFER_ERROR_TIMED_OUT);
	ck_assert_str_eq(sim_events(sim, session), "METRICS COMPLETED");
	sim_free(sim);
}
END_TEST

RUN_TESTS_WITHIN("daemon/flow-schedule", 60, TEST(limits), TEST(connections_per_host),
	TEST(applications_in_turn), TEST(long_queue), TEST(not_before), TEST(clock_jumps),
	TEST(paused), TEST(no_network), TEST_EACH(retry_after_survives_network, told),
	TEST(local_hosts), TEST(stops), TEST(prunes), TEST_LOOP(limit_runs_out, 5),
	TEST_LOOP(limit_rests_with_the_task, 5), TEST_LOOP(limit_survives_crash, 5),
	TEST(limit_after_crash_of_an_attempt), TEST(limit_after_boot), TEST(limit_without_slot),
	TEST(limit_while_failing))
