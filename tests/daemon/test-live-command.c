/* SPDX-License-Identifier: MIT */
/* Verbs: nesting, holding and stopping, cancelling everywhere, priority, resume data. */
#include "tests/daemon/live-rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <transfer/error.h>

#include "tests/lib/run.h"

/* 0: a data task is held. 1: a download is stopped, and goes on from its bytes. */
START_TEST(suspend_resume)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, RIG_TELLS, true);
	uint64_t id = rig_task(rig, session, _i ? TRANSFER_TASK_DOWNLOAD : TRANSFER_TASK_DATA);

	rig_post_response(rig, id, 200);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(rig_steer(rig, FLOW_VERB_SUSPEND, id), 0);
	ck_assert_int_eq(rig_attempt(rig, id)->is_held, !_i);
	ck_assert_int_eq(rig_attempt(rig, id)->is_stopping, _i);
	if (_i)
		rig_post_stopped(rig, id, 50);
	ck_assert_int_eq(live_task_sub_state(rig->live, &rig_find(rig, id)->task),
		TRANSFER_SUB_STATE_SUSPENDED);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(rig_steer(rig, FLOW_VERB_RESUME, id), 0);
	ck_assert(!rig_find(rig, id)->has_slot);
	ck_assert_int_eq(rig_steer(rig, FLOW_VERB_RESUME, id), 0);
	ck_assert_int_eq(rig_find(rig, id)->phase, LIVE_PHASE_RUNNING);
	ck_assert_uint_eq(fake_engine_n_started(rig->engine), 1 + (unsigned)_i);
	if (_i) {
		ck_assert_uint_eq(rig_attempt(rig, id)->resume_offset_bytes, 50);
		ck_assert_str_eq(rig_attempt(rig, id)->etag, "\"one\"");
		/* its response is told once */
		rig_post_response(rig, id, 206);
		ck_assert_str_eq(rig_told(rig, session), "RESPONSE 200");
	} else {
		ck_assert(!rig_attempt(rig, id)->is_held);
	}
	rig_free(rig);
}
END_TEST

/* An attempt of which nothing was told is not held but begun again. */
START_TEST(stopped_instead_of_held)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, RIG_TELLS, true);
	uint64_t id = rig_task(rig, session, TRANSFER_TASK_DATA);

	ck_assert_int_eq(rig_steer(rig, FLOW_VERB_SUSPEND, id), 0);
	if (_i) /* taken back before the engine has said so */
		ck_assert_int_eq(rig_steer(rig, FLOW_VERB_RESUME, id), 0);
	rig_post_stopped(rig, id, 0);
	ck_assert_int_eq(rig_find(rig, id)->phase, _i ? LIVE_PHASE_RUNNING : LIVE_PHASE_SUSPENDED);
	ck_assert_int_eq(rig_steer(rig, FLOW_VERB_RESUME, id), 0);
	ck_assert_uint_eq(rig_attempt(rig, id)->attempt, 2);
	rig_post_done(rig, id, 200, "x");
	ck_assert_str_eq(rig_told(rig, session), "COMPLETED 200 x folded 0");
	rig_free(rig);
}
END_TEST

START_TEST(cancel)
{
	struct rig *rig = rig_new();
	struct live_open open = rig_open(TRANSFER_SESSION_EPHEMERAL);
	uint64_t session, running, queued;

	open.config.max_connections_per_host = 1;
	session = rig_session_with(rig, &open);
	running = rig_task(rig, session, TRANSFER_TASK_DATA);
	queued = rig_task(rig, session, TRANSFER_TASK_DATA);
	ck_assert_int_eq(rig_steer(rig, FLOW_VERB_CANCEL, queued), 0);
	ck_assert_str_eq(rig_told(rig, session), "COMPLETED -999");
	ck_assert_int_eq(rig_steer(rig, FLOW_VERB_CANCEL, queued), FLOW_E_NO_SUCH_TASK);
	ck_assert_int_eq(rig_steer(rig, FLOW_VERB_CANCEL, running), 0);
	ck_assert_int_eq(rig_steer(rig, FLOW_VERB_CANCEL, running), 0);
	ck_assert(rig_attempt(rig, running)->is_given_up);
	ck_assert_str_eq(rig_told(rig, session), "");
	/* it came through after all: it is cancelled all the same */
	rig_post_done(rig, running, 200, "x");
	ck_assert_str_eq(rig_told(rig, session), "COMPLETED -999");
	rig_free(rig);
}
END_TEST

START_TEST(refused)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, 0, true);
	uint64_t id = rig_task(rig, session, TRANSFER_TASK_DATA);

	ck_assert_int_eq(rig_steer(rig, FLOW_VERB_RETRY, id), FLOW_E_NOT_SUPPORTED_IN_SESSION);
	ck_assert_int_eq(rig_steer(rig, FLOW_VERB_REMOVE, id), FLOW_E_NOT_SUPPORTED_IN_SESSION);
	ck_assert_int_eq(rig_steer(rig, FLOW_VERB_CANCEL, id + 100), FLOW_E_NO_SUCH_TASK);
	/* another user's */
	rig_find(rig, id)->session->session->uid++;
	ck_assert_int_eq(rig_steer(rig, FLOW_VERB_CANCEL, id), FLOW_E_NO_SUCH_TASK);
	/* one that has ended and was not told yet */
	rig_find(rig, id)->session->session->uid--;
	rig->is_full = true;
	rig_post_done(rig, id, 200, "x");
	ck_assert_int_eq(rig_steer(rig, FLOW_VERB_CANCEL, id), FLOW_E_TASK_FINISHED);
	rig_free(rig);
}
END_TEST

static void set_priority(struct rig *rig, uint64_t id, double priority)
{
	const struct flow_changes changes = {
		.uid = RIG_UID, .ids = &id, .n_ids = 1, .has_priority = true, .priority = priority
	};

	ck_assert_int_eq(live_tasks_set(rig->live, &changes, NULL, NULL), 0);
}

START_TEST(priority)
{
	struct rig *rig = rig_new();
	struct live_open open = rig_open(TRANSFER_SESSION_EPHEMERAL);
	struct flow_changes bad = { .has_priority = true, .priority = 1.5 };
	uint64_t session, running, ids[3];

	open.config.max_connections_per_host = 1;
	session = rig_session_with(rig, &open);
	running = rig_task(rig, session, TRANSFER_TASK_DATA);
	for (size_t i = 0; i < 3; i++)
		ids[i] = rig_task(rig, session, TRANSFER_TASK_DATA);
	ck_assert_int_eq(live_tasks_set(rig->live, &bad, NULL, NULL), FLOW_E_INVALID_REQUEST);
	set_priority(rig, running, 1.0);
	ck_assert_uint_eq(rig_attempt(rig, running)->weight, 256);
	set_priority(rig, ids[2], 0.9);
	set_priority(rig, ids[0], 0.1);
	rig_post_done(rig, running, 200, NULL);
	ck_assert(rig_attempt(rig, ids[2]));
	rig_post_done(rig, ids[2], 200, NULL);
	ck_assert(rig_attempt(rig, ids[1]));
	rig_post_done(rig, ids[1], 200, NULL);
	ck_assert(rig_attempt(rig, ids[0]));
	ck_assert_uint_lt(rig_attempt(rig, ids[0])->weight, 16);
	rig_free(rig);
}
END_TEST

START_TEST(other_changes)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, 0, true);
	uint64_t id = rig_task(rig, session, TRANSFER_TASK_DATA);
	const char *where;
	struct flow_changes changes = { .uid = RIG_UID,
		.ids = &id,
		.n_ids = 1,
		.has_description = true,
		.description = "for people",
		.has_max_rate = true,
		.max_rate_bps = 1000 };

	ck_assert_int_eq(live_tasks_set(rig->live, &changes, NULL, NULL), 0);
	ck_assert_str_eq(rig_find(rig, id)->task.request.description, "for people");
	ck_assert_uint_eq(rig_attempt(rig, id)->max_rate_bps, 1000);
	/* changed in place: not more memory each time */
	where = rig_find(rig, id)->task.request.description;
	changes.description = "for others";
	ck_assert_int_eq(live_tasks_set(rig->live, &changes, NULL, NULL), 0);
	ck_assert_str_eq(rig_find(rig, id)->task.request.description, "for others");
	ck_assert_ptr_eq(rig_find(rig, id)->task.request.description, where);
	rig_free(rig);
}
END_TEST

/* The session's bound stands, whatever its tasks ask for. */
START_TEST(rate_below_the_bound)
{
	static const struct {
		uint64_t asked_bps, rate_bps;
	} rows[] = { { 0, 500 }, { 100, 100 }, { 1000, 500 } };
	struct rig *rig = rig_new();
	struct live_open open = rig_open(TRANSFER_SESSION_EPHEMERAL);
	struct flow_changes changes = { .uid = RIG_UID, .n_ids = 1, .has_max_rate = true };
	uint64_t id;

	open.config.max_rate_bps = 500;
	id = rig_task(rig, rig_session_with(rig, &open), TRANSFER_TASK_DATA);
	ck_assert_uint_eq(rig_attempt(rig, id)->max_rate_bps, 500);
	changes.ids = &id;
	changes.max_rate_bps = rows[_i].asked_bps;
	ck_assert_int_eq(live_tasks_set(rig->live, &changes, NULL, NULL), 0);
	ck_assert_uint_eq(rig_attempt(rig, id)->max_rate_bps, rows[_i].rate_bps);
	rig_free(rig);
}
END_TEST

struct answer {
	unsigned n;
	int error;
	char *data;
	size_t size;
};

static void on_data(void *user, int error, const void *data, size_t size)
{
	struct answer *answer = user;

	answer->n++;
	answer->error = error;
	answer->size = size;
	answer->data = data ? memcpy(malloc(size), data, size) : NULL;
}

/* A call that is refused for the sake of another task has used up nothing. */
static void refuse_one_with(struct rig *rig, uint64_t session, const struct live_request *good)
{
	struct live_request both[2] = { *good, rig_request(TRANSFER_TASK_DATA, "https://host/") };
	uint64_t first;

	both[1].request.priority = -1;
	ck_assert_int_eq(
		live_tasks_create(rig->live, session, both, 2, &first), FLOW_E_INVALID_REQUEST);
	rig_turn(rig);
}

/* The bytes so far are kept, and a new task goes on from them. */
START_TEST(resume_data)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, RIG_TELLS, true);
	static const struct task_header key = { "Authorization", "Basic eDp5" };
	struct live_request request = rig_request(TRANSFER_TASK_DOWNLOAD, "http://host/file");
	struct engine_event event;
	struct answer answer = { 0 };
	uint64_t id;
	FILE *part;

	request.request.headers = &key;
	request.request.n_headers = 1;
	request.request.allow_insecure = true;
	id = rig_create(rig, session, &request);
	part = fopen(rig_attempt(rig, id)->part_path, "w");
	ck_assert(part);
	request = rig_request(TRANSFER_TASK_DOWNLOAD, NULL);
	fputs("0123456789", part);
	fclose(part);
	rig_post_response(rig, id, 200);
	ck_assert_int_eq(live_task_cancel_resumable(rig->live, id, on_data, &answer), 0);
	ck_assert_int_eq(
		live_task_cancel_resumable(rig->live, id, on_data, &answer), FLOW_E_TASK_FINISHED);
	ck_assert(rig_attempt(rig, id)->is_stopping && !rig_attempt(rig, id)->is_given_up);
	ck_assert_uint_eq(answer.n, 0);
	rig_post_stopped(rig, id, 10);
	ck_assert_uint_eq(answer.n, 1);
	ck_assert_int_eq(answer.error, 0);
	ck_assert_str_eq(rig_told(rig, session), "RESPONSE 200, METRICS, COMPLETED -999 resumable");
	request.resume_data = answer.data;
	request.n_resume_data = answer.size;
	refuse_one_with(rig, session, &request);
	id = rig_create(rig, session, &request);
	ck_assert_str_eq(rig_attempt(rig, id)->url, "http://host/file");
	/* it is the request that it was */
	ck_assert(rig_attempt(rig, id)->allow_insecure);
	ck_assert_uint_eq(rig_attempt(rig, id)->n_headers, 1);
	ck_assert_str_eq(rig_attempt(rig, id)->headers[0].value, key.value);
	ck_assert_uint_eq(rig_attempt(rig, id)->resume_offset_bytes, 10);
	ck_assert(rig_attempt(rig, id)->is_resumed_by_client);
	event = rig_event(rig, id, ENGINE_EVENT_RESUMED);
	event.offset_bytes = 10;
	rig_post(rig, &event);
	ck_assert_str_eq(rig_told(rig, session), "RESUMED 10");
	/* they are used once */
	id = rig_create(rig, session, &request);
	ck_assert_str_eq(rig_told(rig, session), "COMPLETED 0 folded -3003");
	free(answer.data);
	rig_free(rig);
}
END_TEST

START_TEST(no_resume_data)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, 0, true);
	uint64_t id = rig_task(rig, session, TRANSFER_TASK_DATA);
	struct answer answer = { 0 };

	ck_assert_int_eq(live_task_cancel_resumable(rig->live, id, on_data, &answer), 0);
	rig_post_stopped(rig, id, 0);
	ck_assert_uint_eq(answer.n, 1);
	ck_assert_int_eq(answer.error, FLOW_E_NO_RESUME_DATA);
	/* without an attempt: not inside of the call all the same */
	id = rig_task(rig, session, TRANSFER_TASK_DOWNLOAD);
	ck_assert_int_eq(rig_steer(rig, FLOW_VERB_SUSPEND, id), 0);
	rig_post_stopped(rig, id, 0);
	ck_assert_int_eq(live_task_cancel_resumable(rig->live, id, on_data, &answer), 0);
	ck_assert_uint_eq(answer.n, 1);
	rig_turn(rig);
	ck_assert_uint_eq(answer.n, 2);
	/* and when its session goes */
	id = rig_task(rig, session, TRANSFER_TASK_DOWNLOAD);
	ck_assert_int_eq(live_task_cancel_resumable(rig->live, id, on_data, &answer), 0);
	live_client_left(rig->live, RIG_CLIENT);
	rig_post_stopped(rig, id, 10);
	ck_assert_uint_eq(answer.n, 3);
	ck_assert_int_eq(answer.error, FLOW_E_NO_RESUME_DATA);
	rig_free(rig);
}
END_TEST

RUN_TESTS("daemon/live-command", TEST_LOOP(suspend_resume, 2),
	TEST_LOOP(stopped_instead_of_held, 2), TEST(cancel), TEST(refused), TEST(priority),
	TEST(other_changes), TEST_LOOP(rate_below_the_bound, 3), TEST(resume_data),
	TEST(no_resume_data))
