/* SPDX-License-Identifier: MIT */
/* From a task to its end, as the bus would see it: what is told when, in one row or in many. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <transfer/error.h>

#include "tests/daemon/live-rig.h"
#include "tests/lib/run.h"

/* Nobody is asked, nothing was told: one row. */
START_TEST(folded)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, LIVE_TELL_RESPONSE | LIVE_TELL_METRICS, true);
	uint64_t id = rig_task(rig, session, TRANSFER_TASK_DATA);
	const struct fake_attempt *a = rig_attempt(rig, id);

	ck_assert(a && a->live.is_live);
	ck_assert_int_eq(a->live.body, ENGINE_BODY_COLLECT);
	ck_assert_int_eq(a->live.source, ENGINE_SOURCE_NONE);
	ck_assert(a->live.wants_transactions && a->live.decodes && a->live.is_retry_safe);
	ck_assert_uint_eq(a->live.asks, 0);
	ck_assert_uint_eq(a->weight, 16);
	rig_post_done(rig, id, 200, "hello");
	ck_assert_str_eq(rig_told(rig, session), "COMPLETED 200 hello folded 0");
	ck_assert(!rig_find(rig, id));
	ck_assert_uint_eq(live_n_running(rig->live), 0);
	rig_free(rig);
}
END_TEST

/* The same for who wants each by itself. */
START_TEST(unfolded)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, RIG_TELLS, false);
	uint64_t id = rig_task(rig, session, TRANSFER_TASK_DATA);

	ck_assert_int_eq(rig_attempt(rig, id)->live.body, ENGINE_BODY_FLOW);
	rig_post_done(rig, id, 200, "hello");
	ck_assert_str_eq(rig_told(rig, session), "RESPONSE 200, DATA hello, METRICS, COMPLETED 0");
	rig_free(rig);
}
END_TEST

/* What was told is not told again with the end. */
START_TEST(piece_by_piece)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, RIG_TELLS, true);
	uint64_t id = rig_task(rig, session, TRANSFER_TASK_DATA);

	rig_post_response(rig, id, 200);
	ck_assert_str_eq(rig_told(rig, session), "RESPONSE 200");
	rig_post_data(rig, id, "he");
	rig_post_data(rig, id, "llo");
	ck_assert_str_eq(rig_told(rig, session), "DATA he, DATA llo");
	rig_post_done(rig, id, 0, NULL);
	ck_assert_str_eq(rig_told(rig, session), "METRICS, COMPLETED 0");
	rig_free(rig);
}
END_TEST

/* multipart/x-mixed-replace: each part has its own response. */
START_TEST(parts)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, RIG_TELLS, true);
	uint64_t id = rig_task(rig, session, TRANSFER_TASK_DATA);

	for (unsigned i = 0; i < 2; i++) {
		const struct engine_response response = rig_response(200);
		struct engine_event event = rig_event(rig, id, ENGINE_EVENT_RESPONSE);

		event.response = &response;
		event.live.is_part = true;
		rig_post(rig, &event);
		rig_post_data(rig, id, i ? "b" : "a");
	}
	rig_post_done(rig, id, 0, NULL);
	ck_assert_str_eq(rig_told(rig, session),
		"RESPONSE 200, DATA a, RESPONSE 200, DATA b, METRICS, COMPLETED 0");
	rig_free(rig);
}
END_TEST

/* A task without listeners for the response is told of it before its body all the same. */
START_TEST(response_before_data)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, LIVE_TELL_DATA, true);
	uint64_t id = rig_task(rig, session, TRANSFER_TASK_DATA);

	rig_post_response(rig, id, 200);
	ck_assert_str_eq(rig_told(rig, session), "RESPONSE 200");
	rig_post_data(rig, id, "he");
	ck_assert_str_eq(rig_told(rig, session), "DATA he");
	rig_free(rig);
}
END_TEST

/* A body in one file waits for the end. */
START_TEST(whole_body)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, 0, true);
	uint64_t id = rig_task(rig, session, TRANSFER_TASK_DATA);
	struct engine_event event = rig_event(rig, id, ENGINE_EVENT_DATA);
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], "whole", 5), 5);
	close(fds[1]);
	event.live.data_fd = fds[0];
	event.live.data_is_whole = true;
	rig_post(rig, &event);
	ck_assert_str_eq(rig_told(rig, session), "");
	rig_post_done(rig, id, 200, NULL);
	ck_assert_str_eq(rig_told(rig, session), "COMPLETED 200 file(whole) folded 0");
	rig_free(rig);
}
END_TEST

START_TEST(pipe_of_a_body)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, RIG_TELLS, true);
	uint64_t id = rig_task(rig, session, TRANSFER_TASK_DATA);
	struct engine_event event = rig_event(rig, id, ENGINE_EVENT_DATA);
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	rig_post_response(rig, id, 200);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], "stream", 6), 6);
	event.live.data_fd = fds[0];
	rig_post(rig, &event);
	ck_assert_str_eq(rig_told(rig, session), "RESPONSE 200, DATA pipe(stream)");
	/* the row was taken: our end is closed */
	ck_assert_int_eq(write(fds[1], "x", 1), -1);
	close(fds[1]);
	rig_free(rig);
}
END_TEST

/* Half of what was wanted whole is nothing. */
START_TEST(failed_in_the_middle)
{
	static const struct {
		unsigned tells;
		const char *told;
	} rows[] = {
		{ 0, "COMPLETED 0 folded -1001" },
		{ RIG_TELLS, "COMPLETED 0 ha folded -1001" },
	};

	for (size_t i = 0; i < 2; i++) {
		struct rig *rig = rig_new();
		uint64_t session = rig_session(rig, 0, rows[i].tells, true);
		uint64_t id = rig_task(rig, session, TRANSFER_TASK_DATA);
		struct engine_event event = rig_event(rig, id, ENGINE_EVENT_DONE);

		event.result = live_result(TRANSFER_ERROR_TIMED_OUT, "");
		event.live.body = "ha";
		event.live.n_body = 2;
		rig_post(rig, &event);
		ck_assert_str_eq(rig_told(rig, session), rows[i].told);
		rig_free(rig);
	}
}
END_TEST

/* The file is there until its event is acknowledged. */
START_TEST(download)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, RIG_TELLS, false);
	uint64_t id = rig_task(rig, session, TRANSFER_TASK_DOWNLOAD);
	const struct fake_attempt *a = rig_attempt(rig, id);
	uint64_t seq;

	ck_assert_int_eq(a->live.body, ENGINE_BODY_FILE);
	ck_assert(!a->live.decodes && !a->live.is_synced);
	ck_assert(fake_engine_has_file(rig->engine, a->part_path));
	rig_post_done(rig, id, 200, NULL);
	ck_assert_str_eq(
		rig_told(rig, session), "RESPONSE 200, FINISHED path, METRICS, COMPLETED 0");
	ck_assert(fake_engine_has_file(rig->engine, rig->path));
	seq = rig->last_seq;
	ck_assert_int_eq(live_ack(rig->live, session, seq + 1), FLOW_E_INVALID_REQUEST);
	ck_assert_int_eq(live_ack(rig->live, session, 1), 0);
	ck_assert(fake_engine_has_file(rig->engine, rig->path));
	ck_assert_int_eq(live_ack(rig->live, session, seq), 0);
	ck_assert(!fake_engine_has_file(rig->engine, rig->path));
	rig_free(rig);
}
END_TEST

START_TEST(download_folded)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, LIVE_TELL_PROGRESS, true);
	uint64_t id = rig_task(rig, session, TRANSFER_TASK_DOWNLOAD);

	rig_post_done(rig, id, 200, NULL);
	ck_assert_str_eq(rig_told(rig, session), "COMPLETED 200 path folded 0");
	rig_free(rig);
}
END_TEST

/* Put in place: durable first, as for background sessions. */
START_TEST(download_with_destination)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, 0, true), id;
	struct live_request request = rig_request(TRANSFER_TASK_DOWNLOAD, "https://host/file");
	struct engine_event event;
	char destination[LIVE_PATH_BYTES];

	snprintf(destination, sizeof(destination), "%s/there", rig->sim->spool_dir);
	request.request.destination = destination;
	id = rig_create(rig, session, &request);
	ck_assert(rig_attempt(rig, id)->live.is_synced);
	event = rig_event(rig, id, ENGINE_EVENT_SYNCED);
	rig_post_done(rig, id, 200, NULL);
	ck_assert_int_eq(rig_find(rig, id)->phase, LIVE_PHASE_FINISHING);
	ck_assert_uint_eq(fake_engine_n_jobs(rig->engine), 0);
	rig_post(rig, &event);
	ck_assert_uint_eq(fake_engine_n_jobs(rig->engine), 1);
	ck_assert_str_eq(fake_engine_job(rig->engine, 0)->destination, destination);
	ck_assert_str_eq(rig_told(rig, session), "");
	event.type = ENGINE_EVENT_PUBLISHED;
	rig_post(rig, &event);
	ck_assert_str_eq(rig_told(rig, session), "COMPLETED 200 path folded 0");
	ck_assert_str_eq(rig->path, destination);
	rig_free(rig);
}
END_TEST

/* Progress that waits is joined, and the last of what is sent comes before the answer. */
START_TEST(progress)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, RIG_TELLS, true), id;
	struct live_request request = rig_request(TRANSFER_TASK_UPLOAD, "https://host/file");
	struct engine_event event;

	request.body = "0123456789";
	request.n_body = 10;
	id = rig_create(rig, session, &request);
	ck_assert_str_eq(rig_attempt(rig, id)->source_bytes, "0123456789");
	ck_assert_str_eq(rig_attempt(rig, id)->method, "PUT");
	event = rig_event(rig, id, ENGINE_EVENT_PROGRESS);
	rig->is_full = true;
	event.sent_bytes = 2;
	rig_post(rig, &event);
	event.sent_bytes = 5;
	rig_pass(rig, 200000);
	rig_post(rig, &event);
	rig->is_full = false;
	ck_assert_str_eq(rig_told(rig, session), "SENT 5/5");
	event.sent_bytes = 10;
	rig_post(rig, &event);
	rig_post_response(rig, id, 200);
	ck_assert_str_eq(rig_told(rig, session), "SENT 5/10, RESPONSE 200");
	rig_free(rig);
}
END_TEST

RUN_TESTS("daemon/live", TEST(folded), TEST(unfolded), TEST(piece_by_piece), TEST(parts),
	TEST(response_before_data), TEST(whole_body), TEST(pipe_of_a_body),
	TEST(failed_in_the_middle), TEST(download), TEST(download_folded),
	TEST(download_with_destination), TEST(progress))
