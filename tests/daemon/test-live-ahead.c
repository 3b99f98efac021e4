/* SPDX-License-Identifier: MIT */
/* Attempts ahead: small tasks in crowds, slots that are passed on, those that are called back. */
#include "tests/daemon/live-rig.h"

#include <transfer/error.h>

#include "tests/lib/run.h"

#define N 300

static uint64_t crowd(struct rig *rig, uint64_t *ret_session)
{
	struct live_open open = rig_open(TRANSFER_SESSION_EPHEMERAL);
	struct live_request requests[N];
	uint64_t first;

	open.folds = true;
	open.config.max_connections_per_host = 4;
	*ret_session = rig_session_with(rig, &open);
	for (size_t i = 0; i < N; i++)
		requests[i] = rig_request(TRANSFER_TASK_DATA, "https://host/");
	ck_assert_int_eq(live_tasks_create(rig->live, *ret_session, requests, N, &first), 0);
	rig_turn(rig);
	ck_assert_uint_eq(fake_engine_n_running(rig->engine), 4);
	return first;
}

/* All that run end in one turn. */
static void end_all(struct rig *rig)
{
	const struct engine_response response = rig_response(200);
	size_t n = fake_engine_n(rig->engine);

	for (size_t i = 0; i < n; i++) {
		struct fake_attempt *a = fake_engine_get(rig->engine, i);
		const struct engine_event event = { .type = ENGINE_EVENT_DONE,
			.task = a->task,
			.attempt = a->attempt,
			.expected_receive_bytes = -1,
			.expected_send_bytes = -1,
			.response = &response };

		if (a->is_done)
			continue;
		a->is_done = true;
		fake_engine_post(rig->engine, &event);
	}
	rig_turn(rig);
}

START_TEST(passed_on)
{
	struct rig *rig = rig_new();
	uint64_t session, first = crowd(rig, &session);
	unsigned n_turns = 0;
	bool had_ahead = false;

	while (rig_find(rig, first + N - 1)) {
		ck_assert_uint_lt(n_turns++, N);
		end_all(rig);
		had_ahead |= fake_engine_n_ahead(rig->engine) > 0;
		/* no more run than there are places */
		ck_assert_uint_le(fake_engine_n_running(rig->engine), 4);
		if (fake_engine_n_ahead(rig->engine))
			ck_assert_uint_eq(fake_engine_n_running(rig->engine), 4);
	}
	ck_assert(had_ahead);
	while (live_n_running(rig->live))
		end_all(rig);
	ck_assert_uint_eq(rig->n_told, N);
	ck_assert_uint_eq(sched_n_running(rig->live->sched), 0);
	rig_free(rig);
}
END_TEST

static uint64_t find_ahead(struct rig *rig)
{
	const struct live_task *task;

	TAILQ_FOREACH (task, &rig->live->all, in_all)
		if (task->is_ahead)
			return task->task.id;
	ck_abort_msg("nothing is ahead");
	return 0;
}

/* Something more urgent has come: they give way. */
START_TEST(called_back)
{
	struct rig *rig = rig_new();
	struct live_request urgent = rig_request(TRANSFER_TASK_DATA, "https://host/");
	uint64_t session, id;

	(void)crowd(rig, &session);
	end_all(rig);
	ck_assert_int_eq(live_task_sub_state(rig->live, &rig_find(rig, find_ahead(rig))->task),
		TRANSFER_SUB_STATE_QUEUED);
	urgent.request.priority = 1.0;
	id = rig_create(rig, session, &urgent);
	rig_turn(rig);
	ck_assert_uint_eq(fake_engine_n_ahead(rig->engine), 0);
	end_all(rig);
	ck_assert(rig_attempt(rig, id));
	rig_free(rig);
}
END_TEST

/* 0: cancelled. 1: suspended. Before they have begun. */
START_TEST(steered)
{
	struct rig *rig = rig_new();
	uint64_t session, id;

	(void)crowd(rig, &session);
	end_all(rig);
	id = find_ahead(rig);
	(void)rig_told(rig, session);
	if (_i) {
		struct engine_event event = rig_event(rig, id, ENGINE_EVENT_DONE);

		ck_assert_int_eq(rig_steer(rig, FLOW_VERB_SUSPEND, id), 0);
		event.is_stopped = event.is_unbegun = true;
		rig_post(rig, &event);
		ck_assert_int_eq(rig_find(rig, id)->phase, LIVE_PHASE_SUSPENDED);
		ck_assert_str_eq(rig_told(rig, session), "");
	} else {
		ck_assert_int_eq(rig_steer(rig, FLOW_VERB_CANCEL, id), 0);
		rig_turn(rig);
		ck_assert_str_eq(rig_told(rig, session), "COMPLETED -999");
	}
	rig_free(rig);
}
END_TEST

/* A client that does not read has nothing ahead for long, and starts nothing when many have ended. */
START_TEST(full)
{
	struct rig *rig = rig_new();
	uint64_t session;

	(void)crowd(rig, &session);
	end_all(rig);
	ck_assert_uint_gt(fake_engine_n_ahead(rig->engine), 0);
	rig->is_full = true;
	for (size_t i = 0; i < N && fake_engine_n_running(rig->engine); i++)
		end_all(rig);
	ck_assert_uint_eq(fake_engine_n_running(rig->engine), 0);
	ck_assert_uint_eq(fake_engine_n_ahead(rig->engine), 0);
	ck_assert_uint_ge(rig->live->n_untold, LIVE_UNTOLD_SESSION_MAX);
	ck_assert_uint_lt(rig->live->n_untold, 2 * LIVE_UNTOLD_SESSION_MAX);
	rig->is_full = false;
	rig_take(rig, session);
	ck_assert_uint_eq(fake_engine_n_running(rig->engine), 4);
	rig_free(rig);
}
END_TEST

RUN_TESTS(
	"daemon/live-ahead", TEST(passed_on), TEST(called_back), TEST_LOOP(steered, 2), TEST(full))
