/* SPDX-License-Identifier: MIT */
/*
 * Commit, then act, then tell (I1): what happens when the commit fails, and that it all comes right
 * afterwards (F-7).
 */
#include <string.h>

#include <transfer/error.h>

#include "daemon/flow-state.h"
#include "daemon/store/store-private.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

static int last_error;
static unsigned n_replies;

static void on_reply(void *reply, int error)
{
	ck_assert_ptr_eq(reply, &n_replies);
	n_replies++;
	last_error = error;
}

START_TEST(reply_after_the_commit)
{
	struct sim *sim = sim_new(1);
	const struct flow_open open = sim_open("app", "one");
	struct flow_opened opened;

	sim_begin(sim);
	ck_assert_int_eq(flow_session_open(sim->flow, &open, &opened), 0);
	ck_assert_int_eq(flow_reply_take(sim->flow, on_reply, &n_replies), 0);
	ck_assert_uint_eq(n_replies, 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(n_replies, 1);
	ck_assert_int_eq(last_error, 0);
	/* also for a question that changed nothing */
	sim_begin(sim);
	ck_assert_int_eq(flow_reply_take(sim->flow, on_reply, &n_replies), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(n_replies, 2);
	sim_free(sim);
}
END_TEST

/* A turn that fails leaves no trace: sessions, tasks, limits, attachment, scheduler. */
START_TEST(failed_turn_leaves_no_trace)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = sim_download(sim, session, "h");
	const struct flow_open open = sim_open("app", "two");
	const struct flow_steer steer = {
		.verb = FLOW_VERB_SUSPEND, .uid = 1000, .ids = &id, .n_ids = 1
	};
	struct flow_limits limits, after;
	struct flow_opened opened;
	struct flow_attached attached;

	sim->is_commit_failing = true;
	sim_begin(sim);
	ck_assert_int_eq(flow_session_open(sim->flow, &open, &opened), 0);
	ck_assert_int_eq(flow_tasks_steer(sim->flow, &steer, NULL, NULL), 0);
	ck_assert_int_eq(flow_session_finish(sim->flow, session), 0);
	ck_assert_int_eq(
		flow_attach(sim->flow, &(struct flow_attach){ session, 5, 0, 0 }, &attached), 0);
	flow_limits_get(sim->flow, &limits);
	limits.max_active_tasks = 3;
	limits.is_paused = true;
	ck_assert_int_eq(flow_limits_set(sim->flow, &limits), 0);
	ck_assert_int_eq(flow_reply_take(sim->flow, on_reply, &n_replies), 0);
	ck_assert_int_ne(sim_end(sim), 0);
	ck_assert_uint_eq(n_replies, 1);
	ck_assert(last_error == FLOW_E_BUSY || last_error == FLOW_E_NO_SPACE);

	ck_assert_ptr_null(flow_session_find(sim->flow, 1000, "app", "two"));
	ck_assert_int_eq(
		flow_session_get(sim->flow, session)->state, TRANSFER_SESSION_STATE_ACTIVE);
	ck_assert_uint_eq(flow_session_client(sim->flow, session), 0);
	ck_assert(!fake_engine_find(sim->engine, id)->is_stopping);
	ck_assert_int_eq(sim_sub_state(sim, id), TRANSFER_SUB_STATE_CONNECTING);
	flow_limits_get(sim->flow, &after);
	ck_assert_uint_eq(after.max_active_tasks, 32);
	ck_assert(!after.is_paused);
	ck_assert_uint_eq(flow_next_timer(sim->flow), sim->now.now_us + FLOW_RETRY_US);
	sim->is_commit_failing = false;
	sim_pass(sim, FLOW_RETRY_US);
	sim_settle(sim);
	sim_finish(sim, id, 10);
	ck_assert_str_eq(sim_events(sim, session), "FINISHED METRICS COMPLETED");
	sim_free(sim);
}
END_TEST

/* A start that the store was to hear of is still unsaved then. */
START_TEST(a_start_is_saved_later)
{
	struct sim *sim = sim_new(1);
	uint64_t id = sim_download(sim, sim_session(sim, "app", "one"), "h");
	struct task *task;

	sim->is_commit_failing = true;
	sim_pass(sim, FLOW_UNSAVED_US);
	ck_assert_int_ne(sim_turn(sim), 0);
	sim->is_commit_failing = false;
	task = sim_task(sim, id);
	ck_assert_uint_eq(task->attempts, 0);
	task_free(task);
	sim_pass(sim, FLOW_RETRY_US);
	sim_settle(sim);
	task = sim_task(sim, id);
	ck_assert_uint_eq(task->attempts, 1);
	task_free(task);
	ck_assert_uint_eq(flow_next_timer(sim->flow), UINT64_MAX);
	sim_free(sim);
}
END_TEST

/* Reports are facts: kept, in order, applied when it can be written again, told once. */
START_TEST(reports_are_kept)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), ids[8];

	for (size_t i = 0; i < 8; i++)
		ids[i] = sim_download(sim, session, "h");
	sim->is_commit_failing = true;
	sim_post_response(sim, ids[0], 200);
	sim_post_checkpoint(sim, ids[0], 10, 100);
	ck_assert(flow_is_saved(sim->flow));
	ck_assert_int_ne(sim_turn(sim), 0);
	ck_assert(!flow_is_saved(sim->flow));
	for (uint64_t i = 11; i < 60; i++) {
		sim_post_checkpoint(sim, ids[0], i, 100);
		sim_post_progress(sim, ids[0], i, 100);
		sim_pass(sim, FLOW_RETRY_US / 2);
		sim_turn(sim);
	}
	sim_post_failed(sim, ids[1], TRANSFER_ERROR_BAD_SERVER_RESPONSE, false);
	sim_turn(sim);
	ck_assert_int_eq(sim_state(sim, ids[1]), TASK_STATE_QUEUED);
	ck_assert_str_eq(sim_events(sim, session), "");
	/* nothing starts in the place of what ended */
	ck_assert_ptr_null(fake_engine_find(sim->engine, ids[6]));
	sim->is_commit_failing = false;
	sim_pass(sim, FLOW_RETRY_US);
	sim_settle(sim);
	ck_assert_int_eq(sim_result(sim, ids[1]), TRANSFER_ERROR_BAD_SERVER_RESPONSE);
	ck_assert_str_eq(sim_events(sim, session), "METRICS COMPLETED");
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, ids[6]));
	ck_assert_uint_eq(registry_find(&sim->flow->registry, ids[0])->task->offset_bytes, 59);
	sim_free(sim);
}
END_TEST

#define LONG_TRIES 20

static void sql(struct sim *sim, const char *text)
{
	ck_assert_msg(sqlite3_exec(sim->store->db, text, NULL, NULL, NULL) == SQLITE_OK, "%s",
		sqlite3_errmsg(sim->store->db));
}

/* Also where not even the report itself can be applied, for however long. */
START_TEST(reports_outlast_the_store)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = sim_download(sim, session, "h");

	sql(sim, "PRAGMA query_only = 1");
	sim_post_failed(sim, id, TRANSFER_ERROR_BAD_SERVER_RESPONSE, false);
	for (unsigned i = 0; i < LONG_TRIES; i++) {
		ck_assert_int_ne(sim_turn(sim), 0);
		sim_pass(sim, FLOW_RETRY_US);
	}
	sql(sim, "PRAGMA query_only = 0");
	sim_settle(sim);
	ck_assert_int_eq(sim_result(sim, id), TRANSFER_ERROR_BAD_SERVER_RESPONSE);
	ck_assert_str_eq(sim_events(sim, session), "METRICS COMPLETED");
	sim_free(sim);
}
END_TEST

/* One that alone cannot be applied holds up the others for some seconds only. */
START_TEST(a_report_holds_up_no_others)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), bad = sim_download(sim, session, "h"),
		 good = sim_download(sim, session, "h");
	unsigned n = 0;

	sql(sim, "ALTER TABLE event RENAME TO gone");
	sim_post_failed(sim, bad, TRANSFER_ERROR_BAD_SERVER_RESPONSE, false);
	sim_post_checkpoint(sim, good, 10, 100);
	while (sim_turn(sim) && n++ < LONG_TRIES)
		sim_pass(sim, FLOW_RETRY_US);
	ck_assert_uint_lt(n, LONG_TRIES);
	sql(sim, "ALTER TABLE gone RENAME TO event");
	ck_assert_uint_eq(registry_find(&sim->flow->registry, good)->task->offset_bytes, 10);
	sim_free(sim);
}
END_TEST

/* Cancel gets through as soon as it can be written, without waiting for the second. */
START_TEST(command_between)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), a = sim_download(sim, session, "h"),
		 b = sim_download(sim, session, "h");

	sim->is_commit_failing = true;
	sim_post_failed(sim, a, TRANSFER_ERROR_BAD_SERVER_RESPONSE, false);
	ck_assert_int_ne(sim_turn(sim), 0);
	sim->is_commit_failing = false;
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_CANCEL, b), 0);
	ck_assert(fake_engine_find(sim->engine, b)->is_stopping);
	/* that is saved, but not yet what the engine said before it */
	ck_assert(!flow_is_saved(sim->flow));
	ck_assert_uint_le(flow_next_timer(sim->flow), sim->now.now_us);
	sim_settle(sim);
	ck_assert(flow_is_saved(sim->flow));
	ck_assert_int_eq(sim_result(sim, a), TRANSFER_ERROR_BAD_SERVER_RESPONSE);
	sim_free(sim);
}
END_TEST

/* What was made in such a turn starts in the next, which is at once. */
START_TEST(begun_between)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id;
	struct flow_limits limits;

	flow_limits_get(sim->flow, &limits);
	sim->is_commit_failing = true;
	sim_begin(sim);
	ck_assert_int_eq(flow_limits_set(sim->flow, &limits), 0);
	ck_assert_int_ne(sim_end(sim), 0);
	sim->is_commit_failing = false;
	id = sim_download(sim, session, "h");
	ck_assert_ptr_null(fake_engine_find(sim->engine, id));
	ck_assert_uint_le(flow_next_timer(sim->flow), sim->now.now_us);
	sim_settle(sim);
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, id));
	sim_free(sim);
}
END_TEST

/* A turn in which nothing durable happens costs no commit. */
START_TEST(no_commit_for_nothing)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = sim_download(sim, session, "h"), n;

	n = sim->flow->n_commits;
	for (unsigned i = 1; i < 100; i++) {
		sim_post_progress(sim, id, i, 1000);
		sim_turn(sim);
	}
	ck_assert_uint_eq(sim->flow->n_commits, n);
	sim_free(sim);
}
END_TEST

/* Many things in one turn cost one commit. */
START_TEST(group_commit)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), ids[6], n;

	for (size_t i = 0; i < 6; i++)
		ids[i] = sim_download(sim, session, "h");
	for (size_t i = 0; i < 6; i++) {
		sim_post_response(sim, ids[i], 200);
		sim_post_checkpoint(sim, ids[i], 5, 10);
		sim_post_failed(sim, ids[i], TRANSFER_ERROR_TIMED_OUT, true);
	}
	n = sim->flow->n_commits;
	sim_turn(sim);
	ck_assert_uint_eq(sim->flow->n_commits, n + 1);
	sim_free(sim);
}
END_TEST

/* Changes the database behind the store's back. */
static void damage(struct sim *sim, const char *sql)
{
	sqlite3 *db = sim->store->db;

	ck_assert_int_eq(sqlite3_exec(db, "PRAGMA ignore_check_constraints = 1", NULL, NULL, NULL),
		SQLITE_OK);
	ck_assert_msg(
		sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
}

static const char *const damages[] = {
	/* ended as failed, with its event */
	"UPDATE task SET url = CAST(x'ff' AS TEXT)",
	/* not even that can be written: dropped */
	"UPDATE task SET state = 77",
};

/* B17: a session counts no task that a damaged row was made of, and can end without it. */
START_TEST(a_damaged_row_is_not_counted)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = sim_download(sim, session, "h");
	uint64_t other;

	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_SUSPEND, id), 0);
	sim_post_stopped(sim, id, 0);
	sim_settle(sim);
	damage(sim, damages[_i]);
	other = sim_download(sim, session, "h");
	ck_assert_uint_eq(flow_session_get(sim->flow, session)->n_tasks, 2);
	sim_steer(sim, FLOW_VERB_RESUME, id);
	ck_assert_uint_eq(flow_session_get(sim->flow, session)->n_tasks, 1);
	sim_finish(sim, other, 5);
	ck_assert_uint_eq(flow_session_get(sim->flow, session)->n_tasks, 0);
	sim_begin(sim);
	ck_assert_int_eq(flow_session_finish(sim->flow, session), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_int_eq(
		flow_session_get(sim->flow, session)->state, TRANSFER_SESSION_STATE_INVALID);
	sim_free(sim);
}
END_TEST

/* Nothing of a session can be read: its application gets another one of that name. */
START_TEST(a_damaged_session_holds_no_name)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), next, id;

	sim_download(sim, session, "h");
	damage(sim, "UPDATE session SET description = CAST(x'ff' AS TEXT)");
	sim_crash(sim);
	next = sim_session(sim, "app", "one");
	ck_assert_uint_ne(next, session);
	ck_assert_uint_eq(sim_session(sim, "app", "one"), next);
	id = sim_download(sim, next, "h");
	sim_finish(sim, id, 5);
	sim_settle(sim);
	ck_assert_int_eq(sim_state(sim, id), TASK_STATE_COMPLETED);
	sim_free(sim);
}
END_TEST

/* A session ends, or is quit, over a task of which nothing can be read: it is dropped, and holds nobody up. */
START_TEST(a_task_that_goes_holds_no_end_up)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one"), id = sim_download(sim, session, "h");
	uint64_t other = sim_download(sim, session, "elsewhere"), n;

	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_SUSPEND, id), 0);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_SUSPEND, other), 0);
	sim_post_stopped(sim, id, 0);
	sim_post_stopped(sim, other, 0);
	sim_settle(sim);
	damage(sim, "UPDATE lane SET host = CAST(x'ff' AS TEXT) WHERE host LIKE '%//h%'");
	sim_begin(sim);
	if (_i == 0)
		ck_assert_int_eq(flow_session_cancel(sim->flow, session), 0);
	else
		ck_assert_int_eq(flow_app_quit(sim->flow, 1000, "app", &n), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	sim_settle(sim);
	ck_assert_uint_eq(flow_session_get(sim->flow, session)->n_tasks, 0);
	ck_assert_int_eq(sim_result(sim, other), TRANSFER_ERROR_CANCELLED);
	sim_free(sim);
}
END_TEST

RUN_TESTS("daemon/flow-turn", TEST(reply_after_the_commit), TEST(failed_turn_leaves_no_trace),
	TEST(a_start_is_saved_later), TEST(reports_are_kept), TEST(reports_outlast_the_store),
	TEST(a_report_holds_up_no_others), TEST(command_between), TEST(begun_between),
	TEST(no_commit_for_nothing), TEST(group_commit),
	TEST_EACH(a_damaged_row_is_not_counted, damages), TEST(a_damaged_session_holds_no_name),
	TEST_LOOP(a_task_that_goes_holds_no_end_up, 2))
