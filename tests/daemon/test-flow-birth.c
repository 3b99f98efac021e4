/* SPDX-License-Identifier: MIT */
/*
 * Uploads between the call and their snapshots: answered when durable, gone when anything fails,
 * forgotten by a crash (BT-20).
 */
#include <stdio.h>
#include <string.h>

#include <transfer/error.h>

#include "daemon/flow-state.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

/* Two uploads and a download in one call. */
static struct sim *begin(struct sim_created *answer, uint64_t *ret_session, const char *token)
{
	struct sim *sim = sim_new(1);
	struct flow_request requests[3];
	struct flow_create create = { 0, requests, 3, true, token, NULL };
	char source[300];
	FILE *f;

	snprintf(source, sizeof(source), "%s/source", sim->state_dir);
	f = fopen(source, "w");
	ck_assert_ptr_nonnull(f);
	fputs("content", f);
	fclose(f);
	for (size_t i = 0; i < 3; i++) {
		flow_request_init(&requests[i]);
		requests[i].request.url = i == 2 ? "http://h/doomed" : "https://h/x";
		if (i == 2)
			continue;
		requests[i].kind = TRANSFER_TASK_UPLOAD;
		requests[i].request.source_path = source;
	}
	*ret_session = create.session = sim_session(sim, "app", "one");
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_create(sim->flow, &create, sim_on_created, answer, NULL), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(answer->n_calls, 0);
	ck_assert_uint_eq(fake_engine_n_jobs(sim->engine), 2);
	ck_assert_uint_eq(fake_engine_n(sim->engine), 0);
	return sim;
}

static int on_task(const struct task *task, void *user)
{
	(void)task;
	(*(unsigned *)user)++;
	return 0;
}

static unsigned n_listed(struct sim *sim)
{
	const struct flow_query query = { .uid = 1000, .include_finished = true };
	unsigned n = 0;
	uint64_t next;

	ck_assert_int_eq(flow_tasks_each(sim->flow, &query, on_task, &n, &next), 0);
	return n;
}

START_TEST(answered_when_all_are_durable)
{
	struct sim_created answer = { 0 };
	uint64_t session, first;
	struct sim *sim = begin(&answer, &session, NULL);

	first = fake_engine_job(sim->engine, 0)->task;
	/* nobody knows them yet */
	ck_assert_uint_eq(n_listed(sim), 0);
	ck_assert_int_eq(
		flow_task_look(sim->flow, first, on_task, &(unsigned){ 0 }), FLOW_E_NO_SUCH_TASK);
	ck_assert_int_eq(sim_steer(sim, FLOW_VERB_CANCEL, first), FLOW_E_NO_SUCH_TASK);
	sim_post_snapshot(sim, first, 0);
	sim_settle(sim);
	ck_assert_uint_eq(answer.n_calls, 0);
	sim_post_snapshot(sim, fake_engine_job(sim->engine, 0)->task, 0);
	sim_settle(sim);
	ck_assert_uint_eq(answer.n_calls, 1);
	ck_assert_int_eq(answer.error, 0);
	ck_assert_uint_eq(answer.n, 3);
	ck_assert_uint_eq(answer.ids[0], first);
	ck_assert_uint_eq(fake_engine_n(sim->engine), 2);
	ck_assert_int_eq(sim_result(sim, answer.ids[2]), TRANSFER_ERROR_INSECURE_TRANSPORT);
	ck_assert_uint_eq(n_listed(sim), 3);
	sim_free(sim);
}
END_TEST

START_TEST(one_fails_none_is_made)
{
	struct sim_created answer = { 0 };
	uint64_t session;
	struct sim *sim = begin(&answer, &session, NULL);

	sim_post_snapshot(sim, fake_engine_job(sim->engine, 0)->task, 0);
	sim_post_snapshot(
		sim, fake_engine_job(sim->engine, 0)->task, TRANSFER_ERROR_CANNOT_OPEN_FILE);
	sim_settle(sim);
	ck_assert_uint_eq(answer.n_calls, 1);
	ck_assert_int_eq(answer.error, FLOW_E_BUSY);
	ck_assert_uint_eq(n_listed(sim), 0);
	ck_assert_uint_eq(flow_session_get(sim->flow, session)->n_tasks, 0);
	ck_assert_uint_eq(fake_engine_n_files(sim->engine), 0);
	ck_assert_str_eq(sim_events(sim, session), "");
	ck_assert_uint_eq(registry_count(&sim->flow->registry), 0);
	sim_free(sim);
}
END_TEST

START_TEST(crash_forgets)
{
	struct sim_created answer = { 0 };
	uint64_t session;
	struct sim *sim = begin(&answer, &session, "t");

	sim_post_snapshot(sim, fake_engine_job(sim->engine, 0)->task, 0);
	sim_settle(sim);
	sim_crash(sim);
	ck_assert_int_eq(
		answer.error, FLOW_E_BUSY); /* the caller's reply was lost with the daemon */
	ck_assert_uint_eq(n_listed(sim), 0);
	ck_assert_uint_eq(flow_session_get(sim->flow, session)->n_tasks, 0);
	ck_assert_uint_eq(fake_engine_n_files(sim->engine), 0);
	sim_free(sim);
}
END_TEST

START_TEST(session_ends_meanwhile)
{
	struct sim_created answer = { 0 };
	uint64_t session;
	struct sim *sim = begin(&answer, &session, NULL);

	sim_begin(sim);
	ck_assert_int_eq(flow_session_cancel(sim->flow, session), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	sim_settle(sim);
	ck_assert_str_eq(sim_events(sim, session), "");
	while (fake_engine_n_jobs(sim->engine))
		sim_post_snapshot(sim, fake_engine_job(sim->engine, 0)->task, 0);
	sim_settle(sim);
	ck_assert_int_eq(answer.error, FLOW_E_SESSION_INVALID);
	ck_assert_str_eq(sim_events(sim, session), "INVALID");
	sim_free(sim);
}
END_TEST

/* The commit that would make them live fails twice: the answer waits, and comes once. */
START_TEST(commit_fails_at_the_end)
{
	struct sim_created answer = { 0 };
	uint64_t session;
	struct sim *sim = begin(&answer, &session, "t");

	while (fake_engine_n_jobs(sim->engine))
		sim_post_snapshot(sim, fake_engine_job(sim->engine, 0)->task, 0);
	sim->is_commit_failing = true;
	ck_assert_int_ne(sim_turn(sim), 0);
	sim_pass(sim, 1000000);
	ck_assert_int_ne(sim_turn(sim), 0);
	ck_assert_uint_eq(answer.n_calls, 0);
	ck_assert_uint_eq(fake_engine_n_started(sim->engine), 0);
	sim->is_commit_failing = false;
	sim_pass(sim, 1000000);
	sim_settle(sim);
	ck_assert_uint_eq(answer.n_calls, 1);
	ck_assert_int_eq(answer.error, 0);
	ck_assert_uint_eq(fake_engine_n_started(sim->engine), 2);
	sim_free(sim);
}
END_TEST

/* The first commit fails: the call is answered with that, and nothing is copied. */
START_TEST(commit_fails_at_the_beginning)
{
	struct sim *sim = sim_new(1);
	struct flow_request request;
	struct flow_create create = { sim_session(sim, "app", "one"), &request, 1, true, NULL,
		NULL };
	struct sim_created answer = { 0 };
	char source[300];
	FILE *f;

	snprintf(source, sizeof(source), "%s/source", sim->state_dir);
	f = fopen(source, "w");
	ck_assert_ptr_nonnull(f);
	fclose(f);
	flow_request_init(&request);
	request.kind = TRANSFER_TASK_UPLOAD;
	request.request.url = "https://h/x";
	request.request.source_path = source;
	sim->is_commit_failing = true;
	sim_begin(sim);
	ck_assert_int_eq(flow_tasks_create(sim->flow, &create, sim_on_created, &answer, NULL), 0);
	ck_assert_int_ne(sim_end(sim), 0);
	ck_assert_uint_eq(answer.n_calls, 1);
	ck_assert(answer.error == FLOW_E_BUSY || answer.error == FLOW_E_NO_SPACE);
	ck_assert_uint_eq(fake_engine_n_jobs(sim->engine), 0);
	sim_free(sim);
}
END_TEST

/* Copies that never end hold descriptors: one application gets so many and no more, another is not concerned. */
START_TEST(bounded_while_nothing_is_copied)
{
	struct sim_created answer = { 0 };
	uint64_t session, other;
	struct sim *sim = begin(&answer, &session, NULL);
	struct flow_request request;
	char source[300];
	unsigned n = 3;
	int r = 0;

	snprintf(source, sizeof(source), "%s/source", sim->state_dir);
	flow_request_init(&request);
	request.kind = TRANSFER_TASK_UPLOAD;
	request.request.url = "https://h/x";
	request.request.source_path = source;
	for (; !r && n < 1000; n++) {
		struct flow_create create = { session, &request, 1, true, NULL, NULL };

		sim_begin(sim);
		r = flow_tasks_create(sim->flow, &create, sim_on_created, &answer, NULL);
		ck_assert_int_eq(sim_end(sim), 0);
	}
	ck_assert_int_eq(r, FLOW_E_LIMIT_REACHED);
	ck_assert_uint_eq(n - 1, 256);
	other = sim_session(sim, "another", "one");
	sim_begin(sim);
	r = flow_tasks_create(sim->flow,
		&(struct flow_create){ other, &request, 1, true, NULL, NULL }, sim_on_created,
		&answer, NULL);
	ck_assert_int_eq(r, 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_gt(sim_download(sim, session, "h"), 0);
	sim_free(sim);
}
END_TEST

RUN_TESTS("daemon/flow-birth", TEST(answered_when_all_are_durable), TEST(one_fails_none_is_made),
	TEST(crash_forgets), TEST(session_ends_meanwhile), TEST(commit_fails_at_the_end),
	TEST(commit_fails_at_the_beginning), TEST(bounded_while_nothing_is_copied))
