/* SPDX-License-Identifier: MIT */
/*
 * The life of downloads and uploads as the engine reports it (BT-22…BT-25, BT-40…BT-48, BT-69,
 * BT-76, BT-77, F-8).
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <transfer/error.h>

#include "daemon/flow-state.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

#define S UINT64_C(1000000)

static struct sim *world(uint64_t *ret_session, uint64_t *ret_id)
{
	struct sim *sim = sim_new(1);

	*ret_session = sim_session(sim, "app", "one");
	*ret_id = sim_download(sim, *ret_session, "h");
	return sim;
}

static struct sim *world_with(
	const struct flow_request *request, uint64_t *ret_session, uint64_t *ret_id)
{
	struct sim *sim = sim_new(1);

	*ret_session = sim_session(sim, "app", "one");
	*ret_id = sim_create(sim, *ret_session, request, true);
	return sim;
}

static struct sim *upload_world(uint64_t *ret_session, uint64_t *ret_id)
{
	struct sim *sim = sim_new(1);
	struct flow_request request;
	char source[300];
	FILE *f;

	snprintf(source, sizeof(source), "%s/source", sim->state_dir);
	f = fopen(source, "w");
	ck_assert_ptr_nonnull(f);
	fputs("content", f);
	fclose(f);
	flow_request_init(&request);
	request.kind = TRANSFER_TASK_UPLOAD;
	request.request.url = "https://h/x";
	request.request.source_path = source;
	*ret_session = sim_session(sim, "app", "one");
	*ret_id = sim_create(sim, *ret_session, &request, true);
	return sim;
}

/* The next attempt begins between least and most seconds after the last one failed. */
static void check_retry(struct sim *sim, uint64_t id, double least_s, double most_s)
{
	uint64_t n = fake_engine_n_started(sim->engine),
		 wait_us = flow_next_timer(sim->flow) - sim->now.now_us;

	ck_assert_ptr_null(fake_engine_find(sim->engine, id));
	ck_assert_double_ge((double)wait_us / 1e6, least_s - 0.1);
	ck_assert_double_le((double)wait_us / 1e6, most_s);
	ck_assert(sim_wake(sim, UINT64_MAX));
	ck_assert_uint_eq(fake_engine_n_started(sim->engine), n + 1);
}

/* ---- downloads ---- */

START_TEST(download_life)
{
	uint64_t session, id, commits;
	struct sim *sim = world(&session, &id);
	struct flow_statistics st;
	struct task *task;

	sim_post_connected(sim, id, false);
	sim_turn(sim);
	ck_assert_int_eq(sim_sub_state(sim, id), TRANSFER_SUB_STATE_TRANSFERRING);
	commits = sim->flow->n_commits;
	sim_finish(sim, id, 1000);
	/* nothing is written for what can be fetched again: one commit ends it */
	ck_assert_uint_le(sim->flow->n_commits - commits, 2);
	task = sim_task(sim, id);
	ck_assert_int_eq(task->state, TASK_STATE_COMPLETED);
	ck_assert_int_eq(task->result.code, 0);
	ck_assert_uint_eq(task->response.status, 200);
	ck_assert_uint_eq(task->file_size_bytes, 1000);
	ck_assert_uint_eq(task->network_bytes, 1000);
	ck_assert_uint_eq(task->attempts, 1);
	ck_assert_uint_ne(task->started_wall_us, 0);
	ck_assert_uint_ge(task->finished_wall_us, task->started_wall_us);
	task_free(task);
	ck_assert_str_eq(sim_events(sim, session), "FINISHED METRICS COMPLETED");
	ck_assert_uint_eq(registry_count(&sim->flow->registry), 0);
	sim_begin(sim);
	ck_assert_int_eq(flow_statistics(sim->flow, &st), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(st.received_bytes, 1000);
	ck_assert_uint_eq(st.n_completed, 1);
	ck_assert_uint_eq(st.n_attempts, 1);
	sim_free(sim);
}
END_TEST

/* BT-44: an error page is a finished download. */
START_TEST(statuses_are_results)
{
	static const uint16_t statuses[] = { 404, 500, 503, 429 };
	uint64_t session, id;
	struct sim *sim = world(&session, &id);

	sim_post_done_status(sim, id, statuses[_i], 0);
	sim_turn(sim);
	sim_post_synced(sim, id, NULL);
	sim_turn(sim);
	ck_assert_int_eq(sim_result(sim, id), 0);
	ck_assert_str_eq(sim_events(sim, session), "FINISHED METRICS COMPLETED");
	sim_free(sim);
}
END_TEST

static int on_look(const struct task *task, void *user)
{
	*(int64_t *)user = task->expected_receive_bytes;
	return 0;
}

/* The row of a task that waits says what the server answered: to who asks later, too. */
static void check_refused(struct sim *sim, uint64_t id, unsigned status)
{
	struct task *task;
	int64_t expected = 0;

	ck_assert_int_eq(flow_task_look(sim->flow, id, on_look, &expected), 0);
	ck_assert_int_eq(expected, -1); /* not that of the error page */
	ck_assert_int_eq(store_task_load(sim->store, id, &task), 0);
	ck_assert_int_eq(task->state, TASK_STATE_WAITING);
	ck_assert_uint_eq(task->response.status, status);
	ck_assert_int_eq(task->last_error.code, 0);
	ck_assert_ptr_null(task->failing_url);
	ck_assert_uint_eq(task->offset_bytes, 0);
	ck_assert_int_eq(task->total_bytes, -1);
	ck_assert_ptr_null(task->etag);
	task_free(task);
}

/* BT-45: tried again where that was asked for, not before the server says so. */
START_TEST(statuses_are_retried)
{
	struct flow_request request;
	uint64_t session, id;
	struct sim *sim;

	flow_request_init(&request);
	request.request.url = "https://h/x";
	request.request.retry_http_errors = true;
	sim = world_with(&request, &session, &id);
	sim_post_done_status(sim, id, 503, 0);
	sim_turn(sim);
	sim_post_synced(sim, id, NULL); /* of the error page: nobody wants it */
	sim_turn(sim);
	ck_assert_int_eq(sim_sub_state(sim, id), TRANSFER_SUB_STATE_WAITING_RETRY);
	check_refused(sim, id, 503);
	check_retry(sim, id, 0.8, 1.2);
	ck_assert_uint_eq(fake_engine_find(sim->engine, id)->resume_offset_bytes, 0);
	/* what comes last is what it waits for */
	sim_post_failed(sim, id, TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST, true);
	sim_turn(sim);
	check_retry(sim, id, 1.6, 2.4);
	/* an error page is no progress */
	sim_post_done_status(sim, id, 503, 0);
	sim_turn(sim);
	sim_post_synced(sim, id, NULL);
	sim_turn(sim);
	check_retry(sim, id, 3.2, 4.8);
	sim_post_done_status(sim, id, 429, 100 * S);
	sim_turn(sim);
	sim_post_synced(sim, id, NULL);
	sim_turn(sim);
	check_refused(sim, id, 429);
	check_retry(sim, id, 100, 100.1);
	sim_post_done_status(sim, id, 404, 0);
	sim_turn(sim);
	sim_post_synced(sim, id, NULL);
	sim_turn(sim);
	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_COMPLETED);
	sim_free(sim);
}
END_TEST

/*
 * BT-40, BT-41: the client sees no failure, the bytes are kept, the waits grow and fall back with
 * progress.
 */
START_TEST(transport_errors_are_retried)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);
	struct task *task;

	sim_post_response(sim, id, 200);
	sim_post_checkpoint(sim, id, 40, 100);
	sim_post_failed(sim, id, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, true);
	sim_turn(sim);
	task = sim_task(sim, id);
	ck_assert_int_eq(task->last_error.code, TRANSFER_ERROR_NETWORK_CONNECTION_LOST);
	ck_assert_int_eq(task->result.code, 0);
	ck_assert_uint_eq(task->offset_bytes, 40);
	task_free(task);
	check_retry(sim, id, 0.8, 1.2);
	ck_assert_uint_eq(fake_engine_find(sim->engine, id)->resume_offset_bytes, 40);
	ck_assert_str_eq(fake_engine_find(sim->engine, id)->etag, "\"v1\"");
	sim_post_failed(sim, id, TRANSFER_ERROR_TIMED_OUT, true);
	sim_turn(sim);
	check_retry(sim, id, 1.6, 2.4);
	sim_post_failed(sim, id, TRANSFER_ERROR_TIMED_OUT, true);
	sim_turn(sim);
	check_retry(sim, id, 3.2, 4.8);
	sim_post_checkpoint(sim, id, 50, 100);
	sim_post_failed(sim, id, TRANSFER_ERROR_TIMED_OUT, true);
	sim_turn(sim);
	check_retry(sim, id, 0.8, 1.2);
	ck_assert_str_eq(sim_events(sim, session), "");
	sim_finish(sim, id, 100);
	ck_assert_str_eq(sim_events(sim, session), "FINISHED METRICS COMPLETED");
	sim_free(sim);
}
END_TEST

START_TEST(permanent_error_ends)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);

	sim_post_failed(sim, id, TRANSFER_ERROR_SERVER_CERTIFICATE_UNTRUSTED, false);
	sim_settle(sim);
	ck_assert_int_eq(sim_result(sim, id), TRANSFER_ERROR_SERVER_CERTIFICATE_UNTRUSTED);
	ck_assert_str_eq(sim_events(sim, session), "METRICS COMPLETED");
	ck_assert_uint_eq(fake_engine_n_files(sim->engine), 0); /* nothing could go on from it */
	sim_free(sim);
}
END_TEST

/* BT-42: the limit counts waiting and attempts, not suspension. */
START_TEST(resource_limit)
{
	struct flow_request request;
	uint64_t session, id, at_us;
	struct sim *sim;

	flow_request_init(&request);
	request.request.url = "https://h/x";
	request.request.resource_timeout_us = 20 * S;
	sim = world_with(&request, &session, &id);
	sim_pass(sim, 5 * S);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_SUSPEND, id), 0);
	sim_post_stopped(sim, id, 0);
	sim_settle(sim);
	sim_pass(sim, 1000 * S);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RESUME, id), 0);
	at_us = fake_engine_find(sim->engine, id)->deadline_boot_us;
	ck_assert_uint_ge(at_us - sim->now.boot_us, 14900000);
	ck_assert_uint_le(at_us - sim->now.boot_us, 15 * S);
	sim_crash(sim);
	ck_assert_uint_ge(
		fake_engine_find(sim->engine, id)->deadline_boot_us - sim->now.boot_us, 14900000);
	/* fails again and again: the end comes when the time is over, not later */
	at_us = sim->now.boot_us + 15 * S;
	while (sim_state(sim, id) != TASK_STATE_COMPLETED) {
		if (fake_engine_find(sim->engine, id))
			sim_post_failed(sim, id, TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST, true);
		sim_turn(sim);
		if (sim_state(sim, id) != TASK_STATE_COMPLETED)
			ck_assert(sim_wake(sim, UINT64_MAX));
		ck_assert_uint_le(sim->now.boot_us, at_us + S);
	}
	ck_assert_uint_ge(sim->now.boot_us, at_us - S);
	ck_assert_int_eq(sim_result(sim, id), TRANSFER_ERROR_TIMED_OUT);
	sim_free(sim);
}
END_TEST

START_TEST(disk_full_waits)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);
	struct task *task;

	sim_post_response(sim, id, 200);
	sim_post_checkpoint(sim, id, 40, 100);
	for (unsigned i = 0; i < 3; i++) {
		sim_post_disk_full(sim, id);
		sim_turn(sim);
		ck_assert_int_eq(sim_sub_state(sim, id), TRANSFER_SUB_STATE_WAITING_DISK);
		check_retry(sim, id, 30, 30.1);
		ck_assert_uint_eq(fake_engine_find(sim->engine, id)->resume_offset_bytes, 40);
	}
	task = sim_task(sim, id);
	ck_assert_uint_eq(task->failures, 0);
	task_free(task);
	sim_finish(sim, id, 100);
	ck_assert_int_eq(sim_result(sim, id), 0);
	sim_free(sim);
}
END_TEST

START_TEST(bytes_that_cannot_be_used)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);
	struct engine_event e = { .type = ENGINE_EVENT_DONE,
		.attempt = 1,
		.is_restart_needed = true,
		.result.code = TRANSFER_ERROR_BAD_SERVER_RESPONSE };

	sim_post_response(sim, id, 200);
	sim_post_checkpoint(sim, id, 40, 100);
	e.task = id;
	fake_engine_post(sim->engine, &e);
	fake_engine_drop(sim->engine, fake_engine_find(sim->engine, id));
	sim_turn(sim);
	check_retry(sim, id, 0.8, 1.2);
	ck_assert_uint_eq(fake_engine_find(sim->engine, id)->resume_offset_bytes, 0);
	/* not for ever in a circle */
	for (e.attempt = 2; sim_state(sim, id) != TASK_STATE_COMPLETED; e.attempt++) {
		ck_assert_uint_lt(e.attempt, 6);
		fake_engine_post(sim->engine, &e);
		fake_engine_drop(sim->engine, fake_engine_find(sim->engine, id));
		sim_turn(sim);
		sim_wake(sim, UINT64_MAX);
	}
	ck_assert_int_eq(sim_result(sim, id), TRANSFER_ERROR_BAD_SERVER_RESPONSE);
	sim_free(sim);
}
END_TEST

/* A file that could not be made durable is not trusted (F-8). */
START_TEST(sync_fails)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);
	struct engine_event e = { .type = ENGINE_EVENT_SYNCED,
		.attempt = 1,
		.is_retryable = true,
		.result.code = TRANSFER_ERROR_CANNOT_WRITE_TO_FILE };

	sim_post_done(sim, id, 100);
	sim_turn(sim);
	e.task = id;
	fake_engine_post(sim->engine, &e);
	fake_engine_drop(sim->engine, fake_engine_find(sim->engine, id));
	sim_turn(sim);
	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_WAITING);
	ck_assert_str_eq(sim_events(sim, session), "");
	check_retry(sim, id, 0.8, 1.2);
	ck_assert_uint_eq(fake_engine_find(sim->engine, id)->resume_offset_bytes, 0);
	sim_free(sim);
}
END_TEST

static const struct {
	const char *got;
	int32_t want;
} digests[] = {
	{ "0123456789abcdef0123456789abcdef", 0 },
	{ "0123456789ABCDEF0123456789ABCDEF", 0 },
	{ "1123456789abcdef0123456789abcdef", TRANSFER_ERROR_CHECKSUM_MISMATCH },
	{ NULL, TRANSFER_ERROR_CHECKSUM_MISMATCH },
};

START_TEST(checksum)
{
	struct flow_request request;
	uint64_t session, id;
	struct sim *sim;
	struct task *task;

	flow_request_init(&request);
	request.request.url = "https://h/x";
	request.request.checksum_name = "md5";
	request.request.checksum_hex = "0123456789abcdef0123456789abcdef";
	sim = world_with(&request, &session, &id);
	sim_post_response(sim, id, 200);
	sim_post_done(sim, id, 100);
	sim_turn(sim);
	sim_post_synced(sim, id, digests[_i].got);
	sim_turn(sim);
	task = sim_task(sim, id);
	ck_assert_int_eq(task->state, TASK_STATE_COMPLETED);
	ck_assert_int_eq(task->result.code, digests[_i].want);
	ck_assert_uint_eq(fake_engine_n_files(sim->engine), digests[_i].want ? 0 : 1);
	ck_assert_int_eq(flow_task_is_resumable(task) && digests[_i].want, false);
	task_free(task);
	sim_free(sim);
}
END_TEST

START_TEST(destination)
{
	struct sim *sim = sim_new(1);
	struct flow_request request;
	uint64_t session = sim_session(sim, "app", "one"), id;
	char path[300], buf[FLOW_PATH_BYTES];
	struct task *task;

	snprintf(path, sizeof(path), "%s/file", sim->state_dir);
	flow_request_init(&request);
	request.request.url = "https://h/x";
	request.request.destination = path;
	id = sim_create(sim, session, &request, true);
	sim_finish(sim, id, 100);
	ck_assert_str_eq(sim_events(sim, session), "");
	ck_assert_uint_eq(sched_n_running(sim->flow->sched), 0);
	/* a crash between the commit and the rename, and one after the rename */
	for (unsigned i = 0; i < 2; i++) {
		sim_crash(sim);
		ck_assert_int_eq(sim_state(sim, id), TASK_STATE_FINISHING);
		ck_assert_uint_eq(fake_engine_n_jobs(sim->engine), 1);
	}
	ck_assert_str_eq(fake_engine_job(sim->engine, 0)->destination, path);
	sim_post_published(sim, id, 0);
	sim_settle(sim);
	ck_assert_str_eq(sim_events(sim, session), "FINISHED METRICS COMPLETED");
	ck_assert_uint_eq(fake_engine_n_started(sim->engine), 1);
	task = sim_task(sim, id);
	ck_assert_str_eq(flow_task_file(sim->flow, task, buf, sizeof(buf)), path);
	task_free(task);
	sim_free(sim);
}
END_TEST

/* Reports of attempts that are over mean nothing (I2, I6). */
/* A file that had no name is gone with the daemon that died before it was in place: it is fetched again, once. */
START_TEST(lost_before_its_place)
{
	struct sim *sim = sim_new(1);
	struct flow_request request;
	uint64_t session = sim_session(sim, "app", "one"), id;
	char path[300];

	snprintf(path, sizeof(path), "%s/file", sim->state_dir);
	flow_request_init(&request);
	request.request.url = "https://h/x";
	request.request.destination = path;
	id = sim_create(sim, session, &request, true);
	ck_assert(fake_engine_find(sim->engine, id)->may_be_unnamed);
	sim_finish(sim, id, 100);
	sim_crash(sim);
	sim_post_lost(sim, id);
	sim_turn(sim);
	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_WAITING);
	ck_assert_str_eq(sim_events(sim, session), "");
	ck_assert(sim_wake(sim, UINT64_MAX));
	/* this one has a part */
	ck_assert(!fake_engine_find(sim->engine, id)->may_be_unnamed);
	ck_assert_uint_eq(fake_engine_find(sim->engine, id)->resume_offset_bytes, 0);
	sim_finish(sim, id, 100);
	sim_post_lost(sim, id);
	sim_turn(sim);
	ck_assert_int_eq(sim_result(sim, id), TRANSFER_ERROR_CANNOT_MOVE_FILE);
	/* there is nothing to put in place: retry begins anew */
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RETRY, id), 0);
	ck_assert_uint_eq(fake_engine_find(sim->engine, id)->resume_offset_bytes, 0);
	sim_finish(sim, id, 100);
	sim_post_published(sim, id, 0);
	sim_turn(sim);
	ck_assert_int_eq(sim_result(sim, id), 0);
	sim_free(sim);
}
END_TEST

static uint64_t create_unnamed(struct sim *sim, uint64_t *ret_session)
{
	struct flow_request request;
	char path[300];
	uint64_t id;

	snprintf(path, sizeof(path), "%s/file", sim->state_dir);
	flow_request_init(&request);
	request.request.url = "https://h/x";
	request.request.destination = path;
	*ret_session = sim_session(sim, "app", "one");
	id = sim_create(sim, *ret_session, &request, true);
	ck_assert(fake_engine_find(sim->engine, id)->may_be_unnamed);
	return id;
}

static unsigned n_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

/* Its only descriptor stays with the report while its turn fails, and is gone when the file has its place. */
START_TEST(unnamed_while_turns_fail)
{
	struct sim *sim = sim_new(1);
	uint64_t session, id = create_unnamed(sim, &session);
	unsigned n_before = n_descriptors();

	sim_post_connected(sim, id, false);
	sim_post_response(sim, id, 200);
	sim_post_done(sim, id, 100);
	ck_assert_int_eq(sim_turn(sim), 0);
	sim->is_commit_failing = true;
	sim_post_synced(sim, id, NULL);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_ne(sim_turn(sim), 0);
		sim_pass(sim, FLOW_RETRY_US);
		ck_assert_uint_eq(fake_engine_n_jobs(sim->engine), 0);
		ck_assert_uint_eq(n_descriptors(), n_before + 1);
	}
	sim->is_commit_failing = false;
	ck_assert_int_eq(sim_turn(sim), 0);
	ck_assert_uint_eq(fake_engine_n_jobs(sim->engine), 1);
	ck_assert_int_ge(fcntl(fake_engine_job(sim->engine, 0)->unnamed_fd, F_GETFD), 0);
	ck_assert_uint_eq(n_descriptors(), n_before + 1);
	sim_post_published(sim, id, 0);
	sim_turn(sim);
	ck_assert_int_eq(sim_result(sim, id), 0);
	ck_assert_uint_eq(n_descriptors(), n_before);
	sim_free(sim);
}
END_TEST

/* No descriptor more is needed to put it in place. */
START_TEST(unnamed_without_descriptors)
{
	struct sim *sim = sim_new(1);
	uint64_t session, id = create_unnamed(sim, &session);
	struct rlimit limit;
	int fd;

	sim_post_connected(sim, id, false);
	sim_post_response(sim, id, 200);
	sim_post_done(sim, id, 100);
	ck_assert_int_eq(sim_turn(sim), 0);
	sim_post_synced(sim, id, NULL);
	fd = dup(STDERR_FILENO);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = (rlim_t)fd;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_lt(dup(STDERR_FILENO), 0);
	ck_assert_int_eq(sim_turn(sim), 0);
	ck_assert_uint_eq(fake_engine_n_jobs(sim->engine), 1);
	ck_assert_int_ge(fcntl(fake_engine_job(sim->engine, 0)->unnamed_fd, F_GETFD), 0);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	sim_free(sim);
}
END_TEST

/* What cannot even be asked for, for want of a descriptor or memory, is not the end of it. */
START_TEST(lost_where_placing_is_refused)
{
	struct sim *sim = sim_new(1);
	uint64_t session, id = create_unnamed(sim, &session);

	fake_engine_refuse_publish(sim->engine, _i ? -EMFILE : -ENOMEM);
	sim_finish(sim, id, 100);
	sim_turn(sim);
	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_WAITING);
	fake_engine_refuse_publish(sim->engine, 0);
	ck_assert(sim_wake(sim, UINT64_MAX));
	sim_finish(sim, id, 100);
	sim_post_published(sim, id, 0);
	sim_turn(sim);
	ck_assert_int_eq(sim_result(sim, id), 0);
	sim_free(sim);
}
END_TEST

/* Nobody wants the file of a session that was cancelled as a whole: it is not fetched once more. */
START_TEST(lost_in_an_invalid_session)
{
	struct sim *sim = sim_new(1);
	uint64_t session, id = create_unnamed(sim, &session);

	sim_finish(sim, id, 100);
	ck_assert_int_eq(flow_session_cancel(sim->flow, session), 0);
	sim_turn(sim);
	sim_crash(sim);
	sim_post_lost(sim, id);
	sim_turn(sim);
	ck_assert_int_eq(sim_result(sim, id), TRANSFER_ERROR_CANCELLED);
	sim_free(sim);
}
END_TEST

START_TEST(late_reports)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);
	struct engine_event e = {
		.task = id, .attempt = 1, .result.code = TRANSFER_ERROR_TIMED_OUT
	};

	sim_finish(sim, id, 100);
	for (int type = ENGINE_EVENT_CONNECTED; type <= ENGINE_EVENT_SNAPSHOT; type++) {
		for (uint32_t attempt = 0; attempt < 3; attempt++) {
			e.type = (enum engine_event_type)type;
			e.attempt = attempt;
			fake_engine_post(sim->engine, &e);
		}
	}
	sim_settle(sim);
	ck_assert_int_eq(sim_result(sim, id), 0);
	ck_assert_str_eq(sim_events(sim, session), "FINISHED METRICS COMPLETED");
	sim_free(sim);
}
END_TEST

START_TEST(engine_refuses_to_start)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id;

	fake_engine_refuse(sim->engine, 1, _i ? -EINVAL : -ENOMEM);
	id = sim_download(sim, session, "h");
	sim_settle(sim);
	ck_assert_int_eq(sim_state(sim, id), _i ? TASK_STATE_COMPLETED : TASK_STATE_WAITING);
	ck_assert_uint_eq(sched_n_running(sim->flow->sched), 0);
	sim_free(sim);
}
END_TEST

/* A validator without a durable byte is kept for what a dead daemon left, and never outlives those bytes. */
START_TEST(begun_parts_have_validators)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);
	struct engine_event event = { .type = ENGINE_EVENT_RESUMED,
		.task = id,
		.expected_receive_bytes = -1,
		.expected_send_bytes = -1 };
	struct task *task;

	sim_post_response(sim, id, 200);
	sim_post_checkpoint(sim, id, 0, 100);
	sim_turn(sim);
	task = sim_task(sim, id);
	ck_assert_str_eq(task->etag, "\"v1\"");
	ck_assert_uint_eq(task->offset_bytes, 0);
	task_free(task);
	sim_post_failed(sim, id, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, true);
	sim_turn(sim);
	check_retry(sim, id, 0.8, 1.2);
	ck_assert_str_eq(fake_engine_find(sim->engine, id)->etag, "\"v1\"");
	ck_assert_uint_eq(fake_engine_find(sim->engine, id)->resume_offset_bytes, 0);
	event.attempt = fake_engine_find(sim->engine, id)->attempt;
	fake_engine_post(sim->engine, &event);
	sim_turn(sim);
	task = sim_task(sim, id);
	ck_assert_ptr_null(task->etag);
	ck_assert_ptr_null(task->last_modified);
	task_free(task);
	sim_free(sim);
}
END_TEST

/* Weeks of checkpoints do not fill the memory. */
START_TEST(arena_stays_small)
{
	uint64_t session, id;
	struct sim *sim = world(&session, &id);
	const struct active *active = registry_find(&sim->flow->registry, id);
	size_t most = 0;

	sim_post_response(sim, id, 200);
	for (uint64_t i = 1; i <= 10000; i++) {
		sim_post_checkpoint(sim, id, i, 100000);
		sim_turn(sim);
		most = active->task->stale_bytes > most ? active->task->stale_bytes : most;
	}
	ck_assert_uint_le(most, FLOW_STALE_BYTES + 1000);
	ck_assert_uint_eq(active->task->attempt, 1);
	ck_assert_str_eq(active->task->etag, "\"v1\"");
	sim_finish(sim, id, 100000);
	ck_assert_int_eq(sim_result(sim, id), 0);
	sim_free(sim);
}
END_TEST

/* ---- uploads ---- */

START_TEST(upload_life)
{
	uint64_t session, id;
	struct sim *sim = upload_world(&session, &id);
	char path[FLOW_PATH_BYTES];

	sim_post_response(sim, id, 201);
	sim_turn(sim);
	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_ANSWERED);
	sim_post_done(sim, id, 50);
	sim_settle(sim);
	ck_assert_int_eq(sim_result(sim, id), 0);
	/* BT-22: the body by DidReceiveData */
	ck_assert_str_eq(sim_events(sim, session), "DATA METRICS COMPLETED");
	flow_attempt_spool_path(sim->flow, id, FLOW_FILE_SOURCE, path);
	ck_assert(!fake_engine_has_file(sim->engine, path));
	sim_free(sim);
}
END_TEST

/* BT-25: answered is never sent again, whatever happens then. */
START_TEST(answered_is_final)
{
	uint64_t session, id;
	struct sim *sim = upload_world(&session, &id);

	sim_post_response(sim, id, 201);
	sim_turn(sim);
	switch (_i) {
	case 0:
		sim_crash(sim);
		break;
	case 1:
		sim_post_failed(sim, id, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, true);
		break;
	case 2:
		ck_assert_int_eq(sim_steer(sim, FLOW_VERB_SUSPEND, id), 0);
		sim_post_stopped(sim, id, 0);
		break;
	case 3:
		sim_post_disk_full(sim, id);
		break;
	default:
		break;
	}
	sim_settle(sim);
	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_COMPLETED);
	ck_assert_uint_eq(fake_engine_n_started(sim->engine), 1);
	ck_assert_uint_eq(flow_next_timer(sim->flow), UINT64_MAX);
	sim_free(sim);
}
END_TEST

/* The answer and the end in one turn, and an end that brings the answer. */
START_TEST(answer_at_the_end)
{
	uint64_t session, id;
	struct sim *sim = upload_world(&session, &id);

	if (_i)
		sim_post_response(sim, id, 201);
	sim_post_done(sim, id, 0);
	sim_settle(sim);
	ck_assert_int_eq(sim_result(sim, id), 0);
	ck_assert_str_eq(sim_events(sim, session), "METRICS COMPLETED");
	sim_free(sim);
}
END_TEST

/* BT-23: from byte 0 again; the snapshot is kept for that, over a failure, too. */
START_TEST(upload_again)
{
	uint64_t session, id;
	struct sim *sim = upload_world(&session, &id);
	char path[FLOW_PATH_BYTES];

	flow_attempt_spool_path(sim->flow, id, FLOW_FILE_SOURCE, path);
	sim_post_failed(sim, id, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, true);
	sim_turn(sim);
	check_retry(sim, id, 0.8, 1.2);
	sim_post_failed(sim, id, TRANSFER_ERROR_SECURE_CONNECTION_FAILED, false);
	sim_settle(sim);
	ck_assert(fake_engine_has_file(sim->engine, path));
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_RETRY, id), 0);
	sim_post_done(sim, id, 0);
	sim_settle(sim);
	ck_assert_int_eq(sim_result(sim, id), 0);
	ck_assert(!fake_engine_has_file(sim->engine, path));
	sim_free(sim);
}
END_TEST

static void post_resource(struct sim *sim, uint64_t id, const char *url, uint64_t offset_bytes)
{
	const struct fake_attempt *a = fake_engine_find(sim->engine, id);

	ck_assert_ptr_nonnull(a);
	fake_engine_post(sim->engine,
		&(struct engine_event){ .type = ENGINE_EVENT_CHECKPOINT,
			.task = id,
			.attempt = a->attempt,
			.url = url,
			.offset_bytes = offset_bytes,
			.expected_receive_bytes = -1,
			.at_us = 1 });
	sim_turn(sim);
}

static void check_resource(
	struct sim *sim, uint64_t id, const char *want_url, uint64_t want_offset_bytes)
{
	const struct fake_attempt *a = fake_engine_find(sim->engine, id);

	ck_assert_ptr_nonnull(a);
	ck_assert(a->is_resumable);
	if (want_url)
		ck_assert_str_eq(a->upload_url, want_url);
	else
		ck_assert_ptr_null(a->upload_url);
	ck_assert_uint_eq(a->upload_offset_bytes, want_offset_bytes);
}

/*
 * BT-24: where the upload goes on is there for the next attempt, over failures and deaths, and
 * the client hears nothing of it.
 */
START_TEST(upload_goes_on)
{
	static const char url[] = "https://h/resource/1";
	uint64_t session, id;
	struct sim *sim = upload_world(&session, &id);

	check_resource(sim, id, NULL, 0);
	post_resource(sim, id, url, 0);
	sim_crash(sim);
	sim_turn(sim);
	check_resource(sim, id, url, 0);
	post_resource(sim, id, url, 5);
	sim_post_failed(sim, id, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, true);
	sim_turn(sim);
	check_retry(sim, id, 0.8, 1.2);
	check_resource(sim, id, url, 5);
	sim_crash(sim);
	sim_turn(sim);
	check_resource(sim, id, url, 5);
	/* the server has lost it */
	post_resource(sim, id, NULL, 0);
	sim_crash(sim);
	sim_turn(sim);
	check_resource(sim, id, NULL, 0);
	ck_assert_str_eq(sim_events(sim, session), "");
	sim_post_response(sim, id, 201);
	sim_post_done(sim, id, 0);
	sim_settle(sim);
	ck_assert_str_eq(sim_events(sim, session), "METRICS COMPLETED");
	sim_free(sim);
}
END_TEST

/* What a server has of it is no beginning of what is asked of another, or asked for anew. */
START_TEST(upload_begins_anew_from_the_start)
{
	uint64_t session, id;
	struct sim *sim = upload_world(&session, &id);
	const struct flow_steer steer = {
		.verb = FLOW_VERB_RETRY, .uid = 1000, .ids = &id, .n_ids = 1, .from_start = true
	};

	post_resource(sim, id, "https://h/resource/1", 5);
	sim_post_failed(sim, id, TRANSFER_ERROR_BAD_SERVER_RESPONSE, false);
	sim_settle(sim);
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_steer(sim->flow, &steer, NULL, NULL), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	check_resource(sim, id, NULL, 0);
	sim_crash(sim);
	sim_turn(sim);
	check_resource(sim, id, NULL, 0);
	sim_free(sim);
}
END_TEST

RUN_TESTS_WITHIN("daemon/flow-event", 60, TEST(download_life), TEST_LOOP(statuses_are_results, 4),
	TEST(statuses_are_retried), TEST(transport_errors_are_retried), TEST(permanent_error_ends),
	TEST(resource_limit), TEST(disk_full_waits), TEST(bytes_that_cannot_be_used),
	TEST(sync_fails), TEST_EACH(checksum, digests), TEST(destination),
	TEST(lost_before_its_place), TEST(unnamed_while_turns_fail),
	TEST(unnamed_without_descriptors), TEST_LOOP(lost_where_placing_is_refused, 2),
	TEST(lost_in_an_invalid_session), TEST(late_reports), TEST_LOOP(engine_refuses_to_start, 2),
	TEST(begun_parts_have_validators), TEST(arena_stays_small), TEST(upload_life),
	TEST_LOOP(answered_is_final, 4), TEST_LOOP(answer_at_the_end, 2), TEST(upload_again),
	TEST(upload_goes_on), TEST(upload_begins_anew_from_the_start))
