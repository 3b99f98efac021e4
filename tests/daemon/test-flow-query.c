/* SPDX-License-Identifier: MIT */
/* Lists with filters and pages, what changed since a moment, words and counters (BT-37, BT-89). */
#include <stdio.h>
#include <string.h>

#include <transfer/error.h>

#include "daemon/flow-state.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

struct seen {
	uint64_t ids[64];
	size_t n;
	uint64_t received_bytes;
};

static int on_task(const struct task *task, void *user)
{
	struct seen *seen = user;

	ck_assert_uint_lt(seen->n, 64);
	seen->ids[seen->n++] = task->id;
	seen->received_bytes = task->received_bytes;
	return 0;
}

static struct seen list(struct sim *sim, const struct flow_query *query)
{
	struct seen seen = { 0 };
	uint64_t next;

	ck_assert_int_eq(flow_tasks_each(sim->flow, query, on_task, &seen, &next), 0);
	return seen;
}

/* suspended, running, waiting for a retry, finished, failed, cancelled */
static struct sim *world(uint64_t ids[6])
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one");
	struct flow_request request;

	flow_request_init(&request);
	request.request.url = "https://h/suspended.zip";
	ids[0] = sim_create(sim, session, &request, false);
	for (size_t i = 1; i < 6; i++)
		ids[i] = sim_download(sim, session, "h");
	sim_post_failed(sim, ids[2], TRANSFER_ERROR_TIMED_OUT, true);
	sim_finish(sim, ids[3], 10);
	sim_post_failed(sim, ids[4], TRANSFER_ERROR_BAD_SERVER_RESPONSE, false);
	sim_turn(sim);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_CANCEL, ids[5]), 0);
	sim_post_stopped(sim, ids[5], 0);
	sim_settle(sim);
	return sim;
}

static const struct {
	struct flow_query query;
	unsigned want; /* bits of the tasks */
} filters[] = {
	{ { .uid = 1000 }, 0x07 }, /* BT-89: ended ones are absent, never resumed ones present */
	{ { .uid = (uid_t)-1 }, 0x07 },
	{ { .uid = 1001 }, 0 },
	{ { .uid = 1000, .include_finished = true }, 0x3f },
	{ { .uid = 1000, .states_mask = 1u << TRANSFER_TASK_STATE_RUNNING }, 0x06 },
	{ { .uid = 1000, .states_mask = 1u << TRANSFER_TASK_STATE_SUSPENDED }, 0x01 },
	{ { .uid = 1000, .states_mask = 1u << TRANSFER_TASK_STATE_COMPLETED }, 0x38 },
	{ { .uid = 1000, .sub_states_mask = 1u << TRANSFER_SUB_STATE_CONNECTING }, 0x02 },
	{ { .uid = 1000, .sub_states_mask = 1u << TRANSFER_SUB_STATE_WAITING_RETRY }, 0x04 },
	{ { .uid = 1000, .sub_states_mask = 1u << TRANSFER_SUB_STATE_DONE }, 0x08 },
	{ { .uid = 1000, .sub_states_mask = 1u << TRANSFER_SUB_STATE_FAILED }, 0x10 },
	{ { .uid = 1000, .sub_states_mask = 1u << TRANSFER_SUB_STATE_CANCELLED }, 0x20 },
	{ { .uid = 1000,
		  .sub_states_mask = 1u << TRANSFER_SUB_STATE_FAILED |
			  1u << TRANSFER_SUB_STATE_CONNECTING },
		0x12 },
	{ { .uid = 1000, .kinds_mask = 1u << TRANSFER_TASK_UPLOAD }, 0 },
	{ { .uid = 1000, .kinds_mask = 1u << TRANSFER_TASK_DOWNLOAD }, 0x07 },
	{ { .uid = 1000, .app_id = "app" }, 0x07 },
	{ { .uid = 1000, .app_id = "other" }, 0 },
	{ { .uid = 1000, .session = 99 }, 0 },
	{ { .uid = 1000, .name_glob = "*.zip" }, 0x01 },
};

START_TEST(filter)
{
	uint64_t ids[6];
	struct sim *sim = world(ids);
	struct seen seen = list(sim, &filters[_i].query);
	unsigned got = 0;

	for (size_t i = 0; i < seen.n; i++)
		for (size_t k = 0; k < 6; k++)
			got |= seen.ids[i] == ids[k] ? 1u << k : 0;
	ck_assert_uint_eq(got, filters[_i].want);
	sim_free(sim);
}
END_TEST

START_TEST(pages)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), next = 0;
	struct flow_query query = { .uid = 1000, .limit = 4 };
	struct seen seen = { 0 };
	unsigned n_pages = 0;

	for (size_t i = 0; i < 11; i++)
		sim_download(sim, session, "h");
	do {
		query.after_id = next;
		ck_assert_int_eq(flow_tasks_each(sim->flow, &query, on_task, &seen, &next), 0);
		n_pages++;
	} while (next);
	ck_assert_uint_eq(n_pages, 3);
	ck_assert_uint_eq(seen.n, 11);
	for (size_t i = 1; i < seen.n; i++)
		ck_assert_uint_gt(seen.ids[i], seen.ids[i - 1]);
	sim_free(sim);
}
END_TEST

/* A list in the turn that changed something shows the change; live numbers are shown. */
START_TEST(live)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = sim_download(sim, session, "h");
	const struct flow_query suspended = { .uid = 1000,
		.states_mask = 1u << TRANSFER_TASK_STATE_SUSPENDED };
	const struct flow_query all = { .uid = 1000 };
	const struct flow_steer steer = {
		.verb = FLOW_VERB_SUSPEND, .uid = 1000, .ids = &id, .n_ids = 1
	};

	sim_post_progress(sim, id, 1234, 5000);
	sim_turn(sim);
	ck_assert_uint_eq(list(sim, &all).received_bytes, 1234);
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_steer(sim->flow, &steer, NULL, NULL), 0);
	ck_assert_uint_eq(list(sim, &suspended).n, 1);
	ck_assert_int_eq(sim_end(sim), 0);
	sim_free(sim);
}
END_TEST

static struct seen changed(struct sim *sim, uint64_t *generation)
{
	const struct flow_query query = { .uid = 1000, .include_finished = true };
	struct seen seen = { 0 };

	ck_assert_int_eq(flow_progress_each(sim->flow, &query, generation, on_task, &seen), 0);
	return seen;
}

START_TEST(progress_since)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), a = sim_download(sim, session, "h"),
		 b = sim_download(sim, session, "h");
	uint64_t generation = 0;
	struct seen seen = changed(sim, &generation);

	ck_assert_uint_eq(seen.n, 2);
	ck_assert_uint_eq(changed(sim, &generation).n, 0);
	sim_post_progress(sim, b, 10, 100);
	sim_turn(sim);
	seen = changed(sim, &generation);
	ck_assert_uint_eq(seen.n, 1);
	ck_assert_uint_eq(seen.ids[0], b);
	ck_assert_uint_eq(changed(sim, &generation).n, 0);
	/* the last state of one that left the memory */
	sim_finish(sim, a, 10);
	seen = changed(sim, &generation);
	ck_assert_uint_eq(seen.n, 1);
	ck_assert_uint_eq(seen.ids[0], a);
	ck_assert_uint_eq(seen.received_bytes, 10);
	/* a generation of another life of the daemon: everything */
	generation = 1u << 30;
	ck_assert_uint_eq(changed(sim, &generation).n, 2);
	/* more has changed than is remembered: everything */
	generation = sim->flow->generation;
	for (unsigned i = 0; i < 300; i++) {
		ck_assert_int_eq(sim_steer(sim, FLOW_VERB_SUSPEND, b), 0);
		if (!i)
			sim_post_stopped(sim, b, 0);
		sim_turn(sim);
	}
	ck_assert_uint_eq(changed(sim, &generation).n, 2);
	sim_free(sim);
}
END_TEST

START_TEST(statistics)
{
	uint64_t ids[6];
	struct sim *sim = world(ids);
	struct flow_statistics st;

	sim_begin(sim);
	ck_assert_int_eq(flow_statistics(sim->flow, &st), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(st.n_sessions, 1);
	ck_assert_uint_eq(st.n_clients, 0);
	ck_assert_uint_eq(st.n_total, 6);
	ck_assert_uint_eq(st.n_active, 1);
	ck_assert_uint_eq(st.n_queued, 0);
	ck_assert_uint_eq(st.n_waiting, 1);
	ck_assert_uint_eq(st.n_suspended, 1);
	ck_assert_uint_eq(st.n_completed, 1);
	ck_assert_uint_eq(st.n_failed, 1);
	ck_assert_uint_eq(st.n_cancelled, 1);
	ck_assert_uint_eq(st.n_attempts, 5);
	ck_assert_uint_eq(st.n_retries, 0);
	ck_assert_uint_eq(st.n_events, 3 + 2 + 2);
	ck_assert_uint_gt(st.database_bytes, 0);
	ck_assert_uint_gt(st.n_commits, 3);
	ck_assert_uint_eq(flow_n_running(sim->flow), 1);
	ck_assert(!flow_can_exit(sim->flow));
	sim_free(sim);
}
END_TEST

START_TEST(words)
{
	uint64_t ids[6];
	struct sim *sim = world(ids);
	static const enum transfer_task_sub_state want[] = { TRANSFER_SUB_STATE_SUSPENDED,
		TRANSFER_SUB_STATE_CONNECTING, TRANSFER_SUB_STATE_WAITING_RETRY,
		TRANSFER_SUB_STATE_DONE, TRANSFER_SUB_STATE_FAILED, TRANSFER_SUB_STATE_CANCELLED };
	const char *reasons[FLOW_REASONS_MAX];
	struct task *task = sim_task(sim, ids[2]);

	for (size_t i = 0; i < 6; i++)
		ck_assert_int_eq(sim_sub_state(sim, ids[i]), want[i]);
	ck_assert_uint_eq(flow_task_reasons(sim->flow, task, reasons), 1);
	ck_assert_str_eq(reasons[0], "retry");
	ck_assert_uint_gt(flow_task_waiting_until_wall_us(sim->flow, task), sim->now.wall_us);
	task_free(task);
	task = sim_task(sim, ids[3]);
	ck_assert_uint_eq(flow_task_reasons(sim->flow, task, reasons), 0);
	ck_assert_uint_eq(flow_task_waiting_until_wall_us(sim->flow, task), 0);
	task_free(task);
	for (int e = 0; e <= FLOW_E_ACCESS_DENIED; e++)
		ck_assert_uint_gt(strlen(flow_error_text(e)), 0);
	ck_assert_str_eq(flow_error_text(-5), "internal error");
	ck_assert_str_eq(flow_error_text(9999), "internal error");
	sim_free(sim);
}
END_TEST

RUN_TESTS("daemon/flow-query", TEST_EACH(filter, filters), TEST(pages), TEST(live),
	TEST(progress_since), TEST(statistics), TEST(words))
