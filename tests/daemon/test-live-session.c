/* SPDX-License-Identifier: MIT */
/* Sessions in memory: who may open one, what goes with it, and that nothing is told when it has gone. */
#include "tests/daemon/live-rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <transfer/error.h>

#include "tests/lib/run.h"

START_TEST(refused)
{
	struct rig *rig = rig_new();
	struct live_open open = rig_open(TRANSFER_SESSION_BACKGROUND);
	uint64_t id;

	ck_assert_int_eq(live_session_open(rig->live, &open, &id), FLOW_E_NOT_SUPPORTED_IN_SESSION);
	open.kind = TRANSFER_SESSION_DEFAULT;
	open.app_id = "";
	ck_assert_int_eq(live_session_open(rig->live, &open, &id), FLOW_E_INVALID_REQUEST);
	open.app_id = "app";
	open.config.max_connections_per_host = SESSION_CONNECTIONS_MAX + 1;
	ck_assert_int_eq(live_session_open(rig->live, &open, &id), FLOW_E_INVALID_REQUEST);
	open.config.max_connections_per_host = 1;
	open.config.ca_file = "/nonexistent/ca";
	ck_assert_int_eq(live_session_open(rig->live, &open, &id), FLOW_E_FILE_NOT_FOUND);
	ck_assert(live_can_exit(rig->live));
	rig_free(rig);
}
END_TEST

/* What it was opened with is copied. */
START_TEST(opened)
{
	struct rig *rig = rig_new();
	struct live_open open = rig_open(TRANSFER_SESSION_DEFAULT);
	char app[] = "some.app", name[] = "X-Name", value[] = "value";
	const struct task_header header = { name, value };
	const struct session *session;
	uint64_t id;

	open.app_id = app;
	open.config.headers = &header;
	open.config.n_headers = 1;
	id = rig_session_with(rig, &open);
	app[0] = name[0] = value[0] = '?';
	session = live_session_get(rig->live, id);
	ck_assert_str_eq(session->app_id, "some.app");
	ck_assert_str_eq(session->config.headers[0].name, "X-Name");
	ck_assert_str_eq(session->config.headers[0].value, "value");
	ck_assert_uint_eq(session->uid, RIG_UID);
	ck_assert_uint_eq(live_session_client(rig->live, id), RIG_CLIENT);
	ck_assert(!live_can_exit(rig->live));
	ck_assert_ptr_null(live_session_get(rig->live, id + 1));
	rig_free(rig);
}
END_TEST

START_TEST(limit)
{
	struct rig *rig = rig_new();
	struct live_open open = rig_open(TRANSFER_SESSION_EPHEMERAL);
	uint64_t id;

	sim_begin(rig->sim);
	for (unsigned i = 0; i < LIVE_SESSIONS_PER_UID_MAX; i++)
		ck_assert_int_eq(live_session_open(rig->live, &open, &id), 0);
	ck_assert_int_eq(live_session_open(rig->live, &open, &id), FLOW_E_LIMIT_REACHED);
	/* another user's */
	open.uid++;
	ck_assert_int_eq(live_session_open(rig->live, &open, &id), 0);
	open.uid--;
	live_client_left(rig->live, RIG_CLIENT);
	ck_assert_int_eq(live_session_open(rig->live, &open, &id), 0);
	ck_assert_int_eq(sim_end(rig->sim), 0);
	rig_free(rig);
}
END_TEST

/* 0: the client says so. 1: it has left the bus. */
START_TEST(gone)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, RIG_ASKS, RIG_TELLS, false);
	uint64_t running = rig_task(rig, session, TRANSFER_TASK_DATA);
	uint64_t download = rig_task(rig, session, TRANSFER_TASK_DOWNLOAD);
	uint64_t other = rig_session(rig, 0, 0, false);
	char *part = strdup(rig_attempt(rig, download)->part_path);

	rig->is_full = true;
	rig_post_response(rig, running, 200);
	if (_i)
		live_client_left(rig->live, RIG_CLIENT);
	else
		ck_assert_int_eq(live_session_close(rig->live, session), 0);
	rig->is_full = false;
	rig_turn(rig);
	ck_assert_ptr_null(live_session_get(rig->live, session));
	ck_assert_uint_eq(live_session_client(rig->live, session), 0);
	ck_assert_int_eq(live_session_close(rig->live, session), FLOW_E_NO_SUCH_SESSION);
	ck_assert(
		rig_attempt(rig, running)->is_stopping && rig_attempt(rig, download)->is_stopping);
	ck_assert_uint_eq(rig->n_gone, (unsigned)_i); /* the one without tasks */
	ck_assert_int_eq(live_session_get(rig->live, other) != NULL, !_i);
	rig_post_stopped(rig, running, 0);
	rig_post_stopped(rig, download, 10);
	ck_assert_uint_eq(rig->gone, session);
	ck_assert_uint_eq(rig->n_gone, 1 + (unsigned)_i);
	ck_assert_uint_eq(rig->n_told, 0);
	ck_assert(!fake_engine_has_file(rig->engine, part));
	ck_assert_int_eq(live_can_exit(rig->live), _i);
	free(part);
	rig_free(rig);
}
END_TEST

/* A file that was handed over and not acknowledged goes with the client. */
START_TEST(files_go)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, 0, true);
	uint64_t id = rig_task(rig, session, TRANSFER_TASK_DOWNLOAD);

	rig_post_done(rig, id, 200, NULL);
	ck_assert(fake_engine_has_file(rig->engine, rig->path));
	live_client_left(rig->live, RIG_CLIENT);
	rig_turn(rig);
	ck_assert(!fake_engine_has_file(rig->engine, rig->path));
	ck_assert(live_can_exit(rig->live));
	rig_free(rig);
}
END_TEST

/* Whole, but nobody listens any more: the file does not stay. */
START_TEST(finished_too_late)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, 0, true);
	uint64_t id = rig_task(rig, session, TRANSFER_TASK_DOWNLOAD);
	char *part = strdup(rig_attempt(rig, id)->part_path);

	live_client_left(rig->live, RIG_CLIENT);
	rig_post_done(rig, id, 200, NULL);
	ck_assert_uint_eq(rig->n_told, 0);
	ck_assert(!fake_engine_has_file(rig->engine, part));
	free(part);
	rig_free(rig);
}
END_TEST

/*
 * A client that does not read: what it started may end, up to a number, and then nothing more begins; all slots are there
 * for others.
 */
START_TEST(stalled_client)
{
	struct rig *rig = rig_new();
	struct live_open open = rig_open(TRANSFER_SESSION_EPHEMERAL);
	uint64_t session, other, ids[LIVE_UNTOLD_SESSION_MAX + 1], id;

	open.config.max_connections_per_host = 1;
	session = rig_session_with(rig, &open);
	other = rig_session_with(rig, &open);
	for (size_t i = 0; i <= LIVE_UNTOLD_SESSION_MAX; i++)
		ids[i] = rig_task(rig, session, TRANSFER_TASK_DATA);
	rig->is_full = true;
	for (size_t i = 0; i < LIVE_UNTOLD_SESSION_MAX; i++)
		rig_post_done(rig, ids[i], 200, NULL);
	ck_assert(!rig_attempt(rig, ids[LIVE_UNTOLD_SESSION_MAX]));
	ck_assert_int_eq(rig_find(rig, ids[0])->phase, LIVE_PHASE_ENDED);
	ck_assert_uint_eq(sched_n_running(rig->live->sched), 0);
	id = rig_task(rig, other, TRANSFER_TASK_DATA);
	ck_assert(rig_attempt(rig, id));
	rig->is_full = false;
	rig_take(rig, session);
	rig_turn(rig);
	ck_assert(rig_attempt(rig, ids[LIVE_UNTOLD_SESSION_MAX]));
	ck_assert_uint_eq(rig->live->n_untold, 0);
	rig_free(rig);
}
END_TEST

/* Also when each session of it has ended few: together they are many. */
START_TEST(stalled_crowd)
{
	enum { SESSIONS = 18 };
	struct rig *rig = rig_new();
	struct live_open open = rig_open(TRANSFER_SESSION_EPHEMERAL);
	uint64_t sessions[SESSIONS], id;
	size_t n = 0;

	open.config.max_connections_per_host = 1;
	for (size_t i = 0; i < SESSIONS; i++)
		sessions[i] = rig_session_with(rig, &open);
	rig->is_full = true;
	for (size_t i = 0; i < SESSIONS; i++) {
		for (size_t j = 0; j < LIVE_UNTOLD_SESSION_MAX; j++) {
			id = rig_task(rig, sessions[i], TRANSFER_TASK_DATA);
			if (rig_attempt(rig, id))
				rig_post_done(rig, id, 200, NULL);
			n++;
		}
	}
	ck_assert_uint_gt(n, LIVE_UNTOLD_MAX + SESSIONS);
	ck_assert_uint_le(rig->live->n_untold, LIVE_UNTOLD_MAX + SESSIONS);
	/* who reads goes on */
	rig->is_full = false;
	for (size_t i = 0; i < SESSIONS; i++)
		rig_take(rig, sessions[i]);
	rig_turn(rig);
	ck_assert_uint_eq(rig->live->n_untold, 0);
	live_client_left(rig->live, RIG_CLIENT);
	rig_turn(rig);
	rig_free(rig);
}
END_TEST

/* What could not be told for want of memory: the session is lost, and that is told, once more when it did not arrive. */
START_TEST(lost)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, 0, true);
	uint64_t running = rig_task(rig, session, TRANSFER_TASK_DATA);
	const struct live_request request = rig_request(TRANSFER_TASK_DATA, "https://host/");

	if (_i == 2)
		rig->is_full = true;
	live_session_lost(rig->live, session);
	rig_turn(rig);
	ck_assert(rig_attempt(rig, running)->is_stopping);
	ck_assert_int_eq(rig_create_error(rig, session, &request), FLOW_E_NO_SUCH_SESSION);
	if (_i < 2)
		ck_assert_str_eq(rig_told(rig, session), "BECAME_INVALID");
	if (_i == 1) {
		live_session_lost(rig->live, session);
		ck_assert_str_eq(rig_told(rig, session), "BECAME_INVALID");
	}
	rig_post_stopped(rig, running, 0);
	ck_assert_uint_eq(rig->n_gone, _i < 2);
	if (_i == 2) {
		/* or its client is not there any more */
		ck_assert_int_eq(live_session_close(rig->live, session), 0);
		rig_turn(rig);
	}
	ck_assert_uint_eq(rig->n_gone, 1);
	ck_assert_uint_eq(rig->n_told, _i == 2 ? 0 : (size_t)_i + 1);
	ck_assert(live_can_exit(rig->live));
	rig_free(rig);
}
END_TEST

/* A server with a part for each byte is held when its client does not read. */
START_TEST(too_many_rows)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, RIG_TELLS, true);
	uint64_t id = rig_task(rig, session, TRANSFER_TASK_DATA);

	rig->is_full = true;
	rig_post_response(rig, id, 200);
	for (unsigned i = 0; i < LIVE_ROWS_MAX; i++)
		rig_post_data(rig, id, "x");
	ck_assert(rig_attempt(rig, id)->is_held);
	rig->is_full = false;
	rig_take(rig, session);
	ck_assert(!rig_attempt(rig, id)->is_held);
	rig_free(rig);
}
END_TEST

START_TEST(flush)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, 0, true);
	const struct transfer_cookie cookie = { .size = sizeof(cookie),
		.name = "a",
		.value = "b",
		.domain = "example.org",
		.path = "/" };
	size_t n_clears;

	sim_begin(rig->sim);
	ck_assert_int_eq(live_session_set_cookies(rig->live, session, &cookie, 1), 0);
	ck_assert_int_eq(live_session_flush(rig->live, session, false), 0);
	(void)fake_engine_n_cookies(rig->engine, &n_clears);
	ck_assert_uint_eq(n_clears, 0);
	ck_assert_int_eq(live_session_flush(rig->live, session, true), 0);
	(void)fake_engine_n_cookies(rig->engine, &n_clears);
	ck_assert_uint_eq(n_clears, 1);
	ck_assert_int_eq(live_session_flush(rig->live, session + 1, true), FLOW_E_NO_SUCH_SESSION);
	ck_assert_int_eq(sim_end(rig->sim), 0);
	rig_free(rig);
}
END_TEST

START_TEST(clean_stop)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, 0, true);
	uint64_t running = rig_task(rig, session, TRANSFER_TASK_DATA);
	const struct live_request request = rig_request(TRANSFER_TASK_DATA, "https://host/");

	live_stop(rig->live);
	rig_turn(rig);
	ck_assert(rig_attempt(rig, running)->is_stopping);
	ck_assert_int_ne(rig_create_error(rig, session, &request), 0);
	rig_post_stopped(rig, running, 0);
	ck_assert_uint_eq(live_n_running(rig->live), 0);
	ck_assert_uint_eq(rig->n_told, 0);
	rig_free(rig);
}
END_TEST

RUN_TESTS("daemon/live-session", TEST(refused), TEST(opened), TEST(limit), TEST_LOOP(gone, 2),
	TEST(files_go), TEST(finished_too_late), TEST(stalled_client), TEST(stalled_crowd),
	TEST_LOOP(lost, 3), TEST(too_many_rows), TEST(flush), TEST(clean_stop))
