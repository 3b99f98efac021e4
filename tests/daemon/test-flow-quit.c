/* SPDX-License-Identifier: MIT */
/*
 * The end of all work of an application: a force quit (BT-83), background work that is disabled
 * (BT-84), and resources that run out (BT-47). All end with -999 and the reason; what can be resumed
 * is kept; the application hears of it when it attaches next.
 */
#include <string.h>

#include <transfer/error.h>

#include "daemon/flow-state.h"
#include "engine/engine.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

#define S   UINT64_C(1000000)
#define UID 1000

static int quit(struct sim *sim, uid_t uid, const char *app_id, uint64_t *ret_n)
{
	int r;

	sim_begin(sim);
	r = flow_app_quit(sim->flow, uid, app_id, ret_n);
	ck_assert_int_eq(sim_end(sim), 0);
	return r;
}

static void check_reason(struct sim *sim, uint64_t id, int32_t reason)
{
	struct task *task = sim_task(sim, id);

	ck_assert_int_eq(task->state, TASK_STATE_COMPLETED);
	ck_assert_int_eq(task->result.code, TRANSFER_ERROR_CANCELLED);
	ck_assert_int_eq(task->result.library_code, reason);
	task_free(task);
}

static int on_event(const struct flow_event *event, void *user)
{
	size_t *n = user;

	*n += event->type == FLOW_EVENT_COMPLETED && event->resume_data;
	return 0;
}

static size_t count_resumable(struct sim *sim, uint64_t session)
{
	const struct flow_event_range range = { session, 0, 1000, 0 };
	size_t n = 0;

	ck_assert_int_eq(flow_events_each(sim->flow, &range, on_event, &n), 0);
	return n;
}

/* A download that could go on: its server said so and some of it is durable. */
static uint64_t resumable(struct sim *sim, uint64_t session)
{
	uint64_t id = sim_download(sim, session, "h");

	sim_post_connected(sim, id, false);
	sim_post_response(sim, id, 200);
	sim_post_checkpoint(sim, id, 500, 1000);
	sim_settle(sim);
	return id;
}

START_TEST(a_force_quit)
{
	struct sim *sim = sim_new(1);
	uint64_t first = sim_session(sim, "app", "one"), second = sim_session(sim, "app", "two");
	uint64_t other = sim_session(sim, "other", "one"), n = 0;
	uint64_t running = resumable(sim, first), queued = sim_download(sim, second, "h");
	uint64_t untouched = sim_download(sim, other, "h");

	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_SUSPEND, queued), 0);
	sim_post_stopped(sim, queued, 0);
	sim_settle(sim);
	ck_assert_int_eq(quit(sim, UID, "nobody", &n), FLOW_E_NO_SUCH_SESSION);
	ck_assert_int_eq(quit(sim, UID + 1, "app", &n), FLOW_E_NO_SUCH_SESSION);
	ck_assert_int_eq(quit(sim, UID, "app", &n), 0);
	ck_assert_uint_eq(n, 2);
	sim_post_stopped(sim, running, 500);
	sim_settle(sim);
	check_reason(sim, running, FLOW_CANCELLED_BY_USER);
	check_reason(sim, queued, FLOW_CANCELLED_BY_USER);
	ck_assert_int_eq(sim_sub_state(sim, untouched), TRANSFER_SUB_STATE_CONNECTING);
	ck_assert_str_eq(sim_events(sim, first), "METRICS COMPLETED");
	ck_assert_uint_eq(count_resumable(sim, first), 1);
	/* its sessions are there, and work */
	ck_assert_int_eq(flow_session_get(sim->flow, first)->state, TRANSFER_SESSION_STATE_ACTIVE);
	sim_finish(sim, sim_download(sim, first, "h"), 10);
	/* nothing to quit is fine, too */
	ck_assert_int_eq(quit(sim, UID, "app", &n), 0);
	ck_assert_uint_eq(n, 0);
	sim_free(sim);
}
END_TEST

/* More than a page of tasks, and a crash before they have all ended. */
START_TEST(a_quit_outlives_a_crash)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), n = 0, left;
	struct flow_request request;

	flow_request_init(&request);
	request.request.url = "https://h/file";
	for (size_t i = 0; i < FLOW_PAGE + 50; i++)
		sim_create(sim, session, &request, false);
	ck_assert_int_eq(quit(sim, UID, "app", &n), 0);
	ck_assert_uint_eq(n, FLOW_PAGE + 50);
	left = flow_session_get(sim->flow, session)->n_tasks;
	ck_assert_uint_eq(left, 50);
	ck_assert(!flow_can_exit(sim->flow));
	sim_crash(sim);
	sim_settle(sim);
	ck_assert_uint_eq(flow_session_get(sim->flow, session)->n_tasks, 0);
	/* it is over: a new task after another start is nobody's business */
	sim_crash(sim);
	sim_finish(sim, sim_download(sim, session, "h"), 10);
	sim_free(sim);
}
END_TEST

static const struct {
	const char *disabled;
	bool is_ended;
} lists[] = {
	{ "app", true },
	{ "x app y", true },
	{ "apple ap", false },
	{ "", false },
	{ NULL, false },
};

START_TEST(disabled_in_the_background)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), before = sim_download(sim, session, "h");
	uint64_t after;

	sim->disabled_apps = lists[_i].disabled;
	sim_crash(sim);
	sim_settle(sim);
	after = sim_download(sim, session, "h");
	sim_settle(sim);
	if (lists[_i].is_ended) {
		check_reason(sim, before, FLOW_CANCELLED_DISABLED);
		check_reason(sim, after, FLOW_CANCELLED_DISABLED);
		ck_assert_str_eq(sim_events(sim, session), "METRICS COMPLETED METRICS COMPLETED");
		ck_assert_ptr_null(fake_engine_find(sim->engine, after));
	} else {
		ck_assert_int_eq(sim_sub_state(sim, before), TRANSFER_SUB_STATE_CONNECTING);
		ck_assert_int_eq(sim_sub_state(sim, after), TRANSFER_SUB_STATE_CONNECTING);
	}
	sim_free(sim);
}
END_TEST

static void starve(struct sim *sim, uint64_t id)
{
	struct fake_attempt *a = fake_engine_find(sim->engine, id);
	const struct engine_event event = { .type = ENGINE_EVENT_DONE,
		.task = id,
		.attempt = a->attempt,
		.result = { .code = TRANSFER_ERROR_UNKNOWN,
			.library_code = ENGINE_LIBRARY_CODE_NO_MEMORY },
		.is_retryable = true };

	fake_engine_post(sim->engine, &event);
	a->is_done = true;
	fake_engine_drop(sim->engine, a);
	sim_settle(sim);
}

START_TEST(no_memory_again_and_again)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = sim_download(sim, session, "h");
	unsigned n = 0;

	for (; n < 20 && sim_state(sim, id) != TASK_STATE_COMPLETED; n++) {
		starve(sim, id);
		if (sim_state(sim, id) == TASK_STATE_WAITING)
			ck_assert(sim_wake(sim, 3600 * S));
	}
	ck_assert_uint_eq(n, 9);
	check_reason(sim, id, FLOW_CANCELLED_RESOURCES);
	sim_free(sim);
}
END_TEST

RUN_TESTS("daemon/flow-quit", TEST(a_force_quit), TEST(a_quit_outlives_a_crash),
	TEST_EACH(disabled_in_the_background, lists), TEST(no_memory_again_and_again))
