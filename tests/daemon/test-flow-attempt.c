/* SPDX-License-Identifier: MIT */
/* What an attempt is told: where its files are, how much time and rate it has, which bytes it may keep. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <transfer/error.h>

#include "daemon/flow-state.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

#define S UINT64_C(1000000)

START_TEST(paths)
{
	struct sim *sim = sim_new(1);
	struct task task = { .id = 42, .request = { .destination = "/d/name" } };
	char path[FLOW_PATH_BYTES], want[FLOW_PATH_BYTES];
	static const char *const suffixes[] = { "part", "src", "body" };

	for (enum flow_attempt_file f = FLOW_FILE_PART; f <= FLOW_FILE_BODY; f++) {
		flow_attempt_spool_path(sim->flow, 42, f, path);
		snprintf(want, sizeof(want), "%s/42.%s", sim->spool_dir, suffixes[f]);
		ck_assert_str_eq(path, want);
	}
	ck_assert_int_eq(flow_attempt_path(sim->flow, &task, FLOW_FILE_PART, path), 0);
	ck_assert_str_eq(path, "/d/.name.42.part");
	task.request.destination = NULL;
	ck_assert_int_eq(flow_attempt_path(sim->flow, &task, FLOW_FILE_PART, path), 0);
	ck_assert_ptr_nonnull(strstr(path, "/42.part"));
	sim_free(sim);
}
END_TEST

START_TEST(time_left)
{
	struct sim *sim = sim_new(1);
	struct task task = { .resource_left_us = 5 };

	sim->flow->now.boot_us = 100;
	ck_assert_uint_eq(flow_attempt_left_us(sim->flow, &task), 5);
	task.deadline_boot_us = 160;
	ck_assert_uint_eq(flow_attempt_left_us(sim->flow, &task), 60);
	task.deadline_boot_us = 100;
	ck_assert_uint_eq(
		flow_attempt_left_us(sim->flow, &task), 1); /* over, but not "not started" */
	task.deadline_boot_us = 50;
	ck_assert_uint_eq(flow_attempt_left_us(sim->flow, &task), 1);
	task.deadline_boot_us = 0;
	task.expires_boot_us = 130; /* between two attempts */
	ck_assert_uint_eq(flow_attempt_left_us(sim->flow, &task), 30);
	task.expires_boot_us = 100;
	ck_assert_uint_eq(flow_attempt_left_us(sim->flow, &task), 1);
	sim_free(sim);
}
END_TEST

static const struct {
	uint64_t session_bps, task_bps, want_bps;
} rates[] = { { 0, 0, 0 }, { 5, 0, 5 }, { 0, 7, 7 }, { 5, 7, 5 }, { 9, 7, 7 } };

START_TEST(rate)
{
	struct sim *sim = sim_new(1);
	struct flow_open open = sim_open("app", "one");
	struct flow_request request;
	struct flow_changes changes = {
		.uid = 1000, .n_ids = 1, .has_max_rate = true, .max_rate_bps = 6
	};
	uint64_t id;

	open.config.max_rate_bps = rates[_i].session_bps;
	open.given = FLOW_SESSION_KEY_MAX_RATE;
	flow_request_init(&request);
	request.request.url = "https://h/x";
	request.request.max_rate_bps = rates[_i].task_bps;
	id = sim_create(sim, sim_session_with(sim, &open), &request, true);
	ck_assert_uint_eq(fake_engine_find(sim->engine, id)->max_rate_bps, rates[_i].want_bps);
	changes.ids = &id;
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_set(sim->flow, &changes, NULL, NULL), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(fake_engine_find(sim->engine, id)->max_rate_bps,
		rates[_i].session_bps && rates[_i].session_bps < 6 ? rates[_i].session_bps : 6);
	sim_free(sim);
}
END_TEST

/* Bytes without a validator are not offered: they could be of another version. */
START_TEST(no_validator_no_offset)
{
	struct sim *sim = sim_new(1);
	uint64_t id = sim_download(sim, sim_session(sim, "app", "one"), "h");

	sim_post_checkpoint(sim, id, 40, 100);
	sim_post_failed(sim, id, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, true);
	sim_turn(sim);
	ck_assert(sim_wake(sim, UINT64_MAX));
	ck_assert_uint_eq(fake_engine_find(sim->engine, id)->resume_offset_bytes, 0);
	sim_free(sim);
}
END_TEST

/* Most attempts are over by then, and save more than their start. */
START_TEST(a_first_start_is_saved_within_a_second)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), n = sim->flow->n_commits,
		 id = sim_download(sim, session, "h");
	struct task *task = sim_task(sim, id);

	ck_assert_uint_eq(sim->flow->n_commits, n + 1); /* of the task itself */
	ck_assert_uint_eq(task->attempts, 0);
	task_free(task);
	sim_crash(sim);
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, id));
	n = sim->flow->n_commits;
	ck_assert_uint_le(flow_next_timer(sim->flow), sim->now.now_us + S);
	ck_assert(sim_wake(sim, UINT64_MAX));
	ck_assert_uint_eq(sim->flow->n_commits, n + 1);
	task = sim_task(sim, id);
	ck_assert_uint_eq(task->attempts, 1);
	ck_assert_uint_ne(task->started_wall_us, 0);
	ck_assert_uint_ne(task->resource_left_us, 0);
	task_free(task);
	ck_assert_uint_eq(flow_next_timer(sim->flow), UINT64_MAX);
	/* the next one at once: that it was tried counts */
	sim_post_failed(sim, id, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, true);
	sim_turn(sim);
	ck_assert(sim_wake(sim, UINT64_MAX));
	task = sim_task(sim, id);
	ck_assert_uint_eq(task->attempts, 2);
	task_free(task);
	sim_free(sim);
}
END_TEST

/* Somebody took the spool away: what makes a file in it makes it anew, the user's own folders are left as they are. */
START_TEST(spool_is_made_again)
{
	struct sim *sim = sim_new(1);
	struct flow_request request;
	char destination[320];
	uint64_t session = sim_session(sim, "app", "one");
	struct stat st;

	ck_assert_int_eq(rmdir(sim->spool_dir), 0);
	flow_request_init(&request);
	request.request.url = "https://h/x";
	snprintf(destination, sizeof(destination), "%s/x", sim->state_dir);
	request.request.destination = destination;
	sim_create(sim, session, &request, true);
	ck_assert_uint_eq(fake_engine_n_started(sim->engine), 1);
	ck_assert_int_eq(stat(sim->spool_dir, &st), -1);
	sim_download(sim, session, "h");
	ck_assert_uint_eq(fake_engine_n_started(sim->engine), 2);
	ck_assert_int_eq(stat(sim->spool_dir, &st), 0);
	ck_assert(S_ISDIR(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	sim_free(sim);
}
END_TEST

RUN_TESTS("daemon/flow-attempt", TEST(a_first_start_is_saved_within_a_second), TEST(paths),
	TEST(time_left), TEST_EACH(rate, rates), TEST(no_validator_no_offset),
	TEST(spool_is_made_again))
