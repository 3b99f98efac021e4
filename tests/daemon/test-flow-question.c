/* SPDX-License-Identifier: MIT */
/*
 * Delayed requests and the question before they begin (BT-29, BT-30): asked once when the date has
 * come, answered once, asked again at the next attach, taken back when the task moves on by itself.
 */
#include <stdio.h>
#include <string.h>

#include <transfer/error.h>

#include "daemon/flow-state.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

#define S      UINT64_C(1000000)
#define CLIENT 5

static void attach(struct sim *sim, uint64_t session, bool has_method)
{
	const struct flow_attach how = { .session = session,
		.client = CLIENT,
		.implements = has_method ? question_bit(QUESTION_DELAYED_REQUEST) : 0 };
	struct flow_attached attached;

	sim_begin(sim);
	ck_assert_int_eq(flow_attach(sim->flow, &how, &attached), 0);
	ck_assert_int_eq(sim_end(sim), 0);
}

static void detach(struct sim *sim, uint64_t session)
{
	sim_begin(sim);
	ck_assert_int_eq(flow_detach(sim->flow, session, CLIENT), 0);
	ck_assert_int_eq(sim_end(sim), 0);
}

/* A running task that may begin in ten seconds. */
static uint64_t delayed(struct sim *sim, uint64_t session)
{
	struct flow_request request;

	flow_request_init(&request);
	request.request.url = "https://h.example/old";
	request.request.not_before_wall_us = sim->now.wall_us + 10 * S;
	request.request.max_rate_bps = 1000;
	return sim_create(sim, session, &request, true);
}

static void pass_the_date(struct sim *sim)
{
	sim_pass(sim, 11 * S);
	sim_settle(sim);
}

struct seen {
	unsigned n;
	uint64_t question, task;
};

static int on_question(const struct question *question, const struct task *task, void *user)
{
	struct seen *seen = user;

	ck_assert_uint_eq(question->task, task->id);
	ck_assert_int_eq(question->state, QUESTION_STATE_OPEN);
	seen->n++;
	seen->question = question->id;
	seen->task = task->id;
	return 0;
}

static struct seen look(struct sim *sim, uint64_t session)
{
	const struct flow_event_range range = { session, 0, FLOW_QUESTIONS_MAX, 0 };
	struct seen seen = { 0 };

	ck_assert_int_eq(flow_questions_each(sim->flow, &range, on_question, &seen), 0);
	return seen;
}

static int answer(
	struct sim *sim, uint64_t session, uint64_t question, enum flow_delayed_action action)
{
	static const struct task_header header = { "X-Token", "fresh" };
	const struct task_request request = {
		.url = "https://new.example/new", .headers = &header, .n_headers = 1
	};
	const struct flow_delayed_answer how = { session, CLIENT, question, action, &request };
	int r;

	sim_begin(sim);
	r = flow_question_answer_delayed(sim->flow, &how);
	ck_assert_int_eq(sim_end(sim), 0);
	return r;
}

/* A session with a client that has the method, one delayed task, and its question. */
struct asked {
	struct sim *sim;
	uint64_t session, task, question;
};

static struct asked asked(void)
{
	struct asked a = { .sim = sim_new(1) };

	a.session = sim_session(a.sim, "app", "one");
	attach(a.sim, a.session, true);
	a.task = delayed(a.sim, a.session);
	ck_assert_int_eq(sim_sub_state(a.sim, a.task), TRANSFER_SUB_STATE_WAITING_DATE);
	ck_assert_uint_eq(look(a.sim, a.session).n, 0);
	pass_the_date(a.sim);
	ck_assert_uint_eq(look(a.sim, a.session).n, 1);
	ck_assert_uint_eq(look(a.sim, a.session).task, a.task);
	a.question = look(a.sim, a.session).question;
	return a;
}

START_TEST(nothing_starts_before_the_answer)
{
	struct asked a = asked();

	ck_assert_uint_eq(a.sim->n_asked, 1);
	ck_assert_int_eq(sim_sub_state(a.sim, a.task), TRANSFER_SUB_STATE_WAITING_ANSWER);
	sim_pass(a.sim, 86400 * S);
	sim_settle(a.sim);
	ck_assert_int_eq(sim_sub_state(a.sim, a.task), TRANSFER_SUB_STATE_WAITING_ANSWER);
	ck_assert_uint_eq(a.sim->n_asked, 1);
	ck_assert_uint_eq(flow_next_timer(a.sim->flow), UINT64_MAX);
	ck_assert_int_eq(sim_steer(a.sim, FLOW_VERB_RETRY, a.task), FLOW_E_BUSY);

	ck_assert_int_eq(answer(a.sim, a.session, a.question, FLOW_DELAYED_CONTINUE), 0);
	ck_assert_int_eq(sim_sub_state(a.sim, a.task), TRANSFER_SUB_STATE_CONNECTING);
	ck_assert_int_eq(answer(a.sim, a.session, a.question, FLOW_DELAYED_CONTINUE),
		FLOW_E_ALREADY_ANSWERED);
	/* another attempt asks nothing */
	sim_post_failed(a.sim, a.task, TRANSFER_ERROR_TIMED_OUT, true);
	sim_settle(a.sim);
	ck_assert(sim_wake(a.sim, 3600 * S));
	ck_assert_int_eq(sim_sub_state(a.sim, a.task), TRANSFER_SUB_STATE_CONNECTING);
	ck_assert_uint_eq(look(a.sim, a.session).n, 0);
	sim_finish(a.sim, a.task, 10);
	ck_assert_int_eq(sim_result(a.sim, a.task), 0);
	ck_assert_uint_eq(a.sim->n_withdrawn, 0);
	sim_free(a.sim);
}
END_TEST

START_TEST(another_request_begins)
{
	struct asked a = asked();
	struct task *task;

	ck_assert_int_eq(answer(a.sim, a.session, a.question, FLOW_DELAYED_REPLACE), 0);
	ck_assert_int_eq(sim_sub_state(a.sim, a.task), TRANSFER_SUB_STATE_CONNECTING);
	ck_assert_str_eq(fake_engine_find(a.sim->engine, a.task)->url, "https://new.example/new");
	task = sim_task(a.sim, a.task);
	ck_assert_str_eq(task->request.url, "https://new.example/new");
	ck_assert_str_eq(task->request.host, "https://new.example:443");
	ck_assert_str_eq(task->request.method, "GET");
	ck_assert_uint_eq(task->request.n_headers, 1);
	/* what it may use is what it was made with */
	ck_assert_uint_eq(task->request.max_rate_bps, 1000);
	task_free(task);
	sim_finish(a.sim, a.task, 10);
	sim_free(a.sim);
}
END_TEST

/* What one server has of an upload is no beginning of what another gets. */
START_TEST(another_request_is_sent_whole)
{
	struct asked a = { .sim = sim_new(1) };
	struct flow_changes changes = {
		.uid = 1000, .ids = &a.task, .n_ids = 1, .has_not_before = true
	};
	struct flow_request request;
	char source[300];
	FILE *f;

	snprintf(source, sizeof(source), "%s/source", a.sim->state_dir);
	f = fopen(source, "w");
	ck_assert_ptr_nonnull(f);
	fputs("content", f);
	fclose(f);
	a.session = sim_session(a.sim, "app", "one");
	attach(a.sim, a.session, true);
	flow_request_init(&request);
	request.kind = TRANSFER_TASK_UPLOAD;
	request.request.url = "https://h.example/old";
	request.request.source_path = source;
	a.task = sim_create(a.sim, a.session, &request, true);
	fake_engine_post(a.sim->engine,
		&(struct engine_event){ .type = ENGINE_EVENT_CHECKPOINT,
			.task = a.task,
			.attempt = fake_engine_find(a.sim->engine, a.task)->attempt,
			.url = "https://h.example/resource",
			.offset_bytes = 5,
			.expected_receive_bytes = -1,
			.at_us = 1 });
	sim_post_failed(a.sim, a.task, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, true);
	sim_turn(a.sim);
	changes.not_before_wall_us = a.sim->now.wall_us + 10 * S;
	sim_begin(a.sim);
	ck_assert_int_eq(flow_tasks_set(a.sim->flow, &changes, NULL, NULL), 0);
	ck_assert_int_eq(sim_end(a.sim), 0);
	sim_settle(a.sim);
	pass_the_date(a.sim);
	a.question = look(a.sim, a.session).question;
	ck_assert_int_eq(answer(a.sim, a.session, a.question, FLOW_DELAYED_REPLACE), 0);
	ck_assert_str_eq(fake_engine_find(a.sim->engine, a.task)->url, "https://new.example/new");
	ck_assert_ptr_null(fake_engine_find(a.sim->engine, a.task)->upload_url);
	ck_assert_uint_eq(fake_engine_find(a.sim->engine, a.task)->upload_offset_bytes, 0);
	sim_free(a.sim);
}
END_TEST

static const struct {
	const char *url, *header;
	int r;
	int32_t code;
	const char *method, *name;
} bad[] = {
	{ NULL, "x", FLOW_E_INVALID_REQUEST, 0, NULL, NULL },
	{ "", "x", FLOW_E_INVALID_REQUEST, 0, NULL, NULL },
	{ "https://h.example/\xff", "x", FLOW_E_INVALID_REQUEST, 0, NULL, NULL },
	{ "https://h.example/", "a\r\nb", FLOW_E_INVALID_REQUEST, 0, NULL, NULL },
	{ "https://h.example/", "x", FLOW_E_INVALID_REQUEST, 0, NULL, "X\r\nY" },
	{ "https://h.example/", "x", FLOW_E_INVALID_REQUEST, 0, NULL, "" },
	{ "https://h.example/", "x", FLOW_E_INVALID_REQUEST, 0, "", NULL },
	{ "https://h.example/", "x", FLOW_E_INVALID_REQUEST, 0, "GET / HTTP/1.1\r\n", NULL },
	{ "ftp://h.example/", "x", FLOW_E_UNSUPPORTED_SCHEME, 0, NULL, NULL },
	{ "file:///etc/passwd", "x", FLOW_E_UNSUPPORTED_SCHEME, 0, NULL, NULL },
	/* the exception for plain http is the task's, not the new request's */
	{ "http://h.example/", "x", 0, TRANSFER_ERROR_INSECURE_TRANSPORT, NULL, NULL },
	{ "https://h h.example/", "x", 0, TRANSFER_ERROR_BAD_URL, NULL, NULL },
};

START_TEST(a_bad_request_is_judged_as_ever)
{
	struct asked a = asked();
	const struct task_header header = { bad[_i].name ? bad[_i].name : "X-Token",
		bad[_i].header };
	const struct task_request request = {
		.url = bad[_i].url, .method = bad[_i].method, .headers = &header, .n_headers = 1
	};
	const struct flow_delayed_answer how = { a.session, CLIENT, a.question,
		FLOW_DELAYED_REPLACE, &request };

	sim_begin(a.sim);
	ck_assert_int_eq(flow_question_answer_delayed(a.sim->flow, &how), bad[_i].r);
	ck_assert_int_eq(sim_end(a.sim), 0);
	if (bad[_i].r) {
		ck_assert_int_eq(sim_sub_state(a.sim, a.task), TRANSFER_SUB_STATE_WAITING_ANSWER);
		ck_assert_uint_eq(look(a.sim, a.session).n, 1);
		ck_assert_int_eq(answer(a.sim, a.session, a.question, FLOW_DELAYED_CONTINUE), 0);
		ck_assert_str_eq(
			fake_engine_find(a.sim->engine, a.task)->url, "https://h.example/old");
	} else {
		ck_assert_int_eq(sim_result(a.sim, a.task), bad[_i].code);
	}
	sim_free(a.sim);
}
END_TEST

START_TEST(cancelled_by_the_answer)
{
	struct asked a = asked();

	ck_assert_int_eq(answer(a.sim, a.session, a.question, FLOW_DELAYED_CANCEL), 0);
	ck_assert_int_eq(sim_result(a.sim, a.task), TRANSFER_ERROR_CANCELLED);
	ck_assert_str_eq(sim_events(a.sim, a.session), "METRICS COMPLETED");
	ck_assert_uint_eq(a.sim->n_withdrawn, 0);
	sim_free(a.sim);
}
END_TEST

START_TEST(asked_again_at_the_next_attach)
{
	struct asked a = asked();
	struct seen seen;

	detach(a.sim, a.session);
	sim_crash(a.sim);
	sim_settle(a.sim);
	ck_assert_int_eq(sim_sub_state(a.sim, a.task), TRANSFER_SUB_STATE_WAITING_ANSWER);
	/* nobody is there: nothing goes on by itself, the daemon may leave */
	ck_assert(flow_can_exit(a.sim->flow));
	ck_assert_int_eq(
		answer(a.sim, a.session, a.question, FLOW_DELAYED_CONTINUE), FLOW_E_NOT_ATTACHED);
	attach(a.sim, a.session, true);
	seen = look(a.sim, a.session);
	ck_assert_uint_eq(seen.n, 1);
	ck_assert_uint_eq(seen.question, a.question);
	ck_assert_int_eq(answer(a.sim, a.session, a.question, FLOW_DELAYED_CONTINUE), 0);
	ck_assert_int_eq(sim_sub_state(a.sim, a.task), TRANSFER_SUB_STATE_CONNECTING);
	sim_free(a.sim);
}
END_TEST

/* Its date comes while nobody is there: what its last client could be asked decides. */
START_TEST(the_date_comes_while_nobody_is_there)
{
	struct sim *sim = sim_new(1);
	uint64_t with = sim_session(sim, "app", "with"), without = sim_session(sim, "app", "no");
	uint64_t waits, goes;

	attach(sim, with, true);
	waits = delayed(sim, with);
	goes = delayed(sim, without); /* never had a client */
	detach(sim, with);
	sim_crash(sim);
	pass_the_date(sim);
	ck_assert_int_eq(sim_sub_state(sim, waits), TRANSFER_SUB_STATE_WAITING_ANSWER);
	ck_assert_int_eq(sim_sub_state(sim, goes), TRANSFER_SUB_STATE_CONNECTING);
	/* a client without the method: the request as it was */
	attach(sim, with, false);
	sim_settle(sim);
	ck_assert_int_eq(sim_sub_state(sim, waits), TRANSFER_SUB_STATE_CONNECTING);
	ck_assert_uint_eq(look(sim, with).n, 0);
	sim_free(sim);
}
END_TEST

static const struct {
	enum flow_verb verb;
	enum transfer_task_sub_state then;
} moves[] = {
	{ FLOW_VERB_CANCEL, TRANSFER_SUB_STATE_CANCELLED },
	{ FLOW_VERB_SUSPEND, TRANSFER_SUB_STATE_SUSPENDED },
};

START_TEST(withdrawn_when_the_task_moves_on)
{
	struct asked a = asked();

	ck_assert_int_eq(sim_steer(a.sim, moves[_i].verb, a.task), 0);
	ck_assert_int_eq(sim_sub_state(a.sim, a.task), moves[_i].then);
	ck_assert_uint_eq(a.sim->n_withdrawn, 1);
	ck_assert_uint_eq(a.sim->withdrawn, a.question);
	ck_assert_uint_eq(look(a.sim, a.session).n, 0);
	ck_assert_int_eq(answer(a.sim, a.session, a.question, FLOW_DELAYED_CONTINUE),
		FLOW_E_NO_SUCH_QUESTION);
	if (moves[_i].verb == FLOW_VERB_SUSPEND) {
		/* not answered: asked anew, with another number */
		ck_assert_int_eq(sim_steer(a.sim, FLOW_VERB_RESUME, a.task), 0);
		ck_assert_uint_gt(look(a.sim, a.session).question, a.question);
		ck_assert_uint_eq(a.sim->n_asked, 2);
	}
	sim_free(a.sim);
}
END_TEST

START_TEST(another_date_is_another_question)
{
	struct asked a = asked();
	struct flow_changes changes = { .uid = (uid_t)-1,
		.ids = &a.task,
		.n_ids = 1,
		.has_not_before = true,
		.not_before_wall_us = a.sim->now.wall_us + 10 * S };

	sim_begin(a.sim);
	ck_assert_int_eq(flow_tasks_set(a.sim->flow, &changes, NULL, NULL), 0);
	ck_assert_int_eq(sim_end(a.sim), 0);
	ck_assert_int_eq(sim_sub_state(a.sim, a.task), TRANSFER_SUB_STATE_WAITING_DATE);
	ck_assert_uint_eq(a.sim->withdrawn, a.question);
	pass_the_date(a.sim);
	ck_assert_int_eq(sim_sub_state(a.sim, a.task), TRANSFER_SUB_STATE_WAITING_ANSWER);
	/* no date at all: nobody is asked */
	changes.not_before_wall_us = 0;
	sim_begin(a.sim);
	ck_assert_int_eq(flow_tasks_set(a.sim->flow, &changes, NULL, NULL), 0);
	ck_assert_int_eq(sim_end(a.sim), 0);
	ck_assert_int_eq(sim_sub_state(a.sim, a.task), TRANSFER_SUB_STATE_CONNECTING);
	ck_assert_uint_eq(a.sim->n_withdrawn, 2);
	sim_free(a.sim);
}
END_TEST

START_TEST(wrong_questions)
{
	struct asked a = asked();
	uint64_t other = sim_session(a.sim, "app", "two");
	const struct flow_delayed_answer foreign = { a.session, CLIENT + 1, a.question,
		FLOW_DELAYED_CONTINUE, NULL };

	attach(a.sim, other, true);
	ck_assert_int_eq(
		answer(a.sim, other, a.question, FLOW_DELAYED_CONTINUE), FLOW_E_NO_SUCH_QUESTION);
	ck_assert_int_eq(answer(a.sim, a.session, a.question + 1, FLOW_DELAYED_CONTINUE),
		FLOW_E_NO_SUCH_QUESTION);
	ck_assert_int_eq(
		answer(a.sim, 99, a.question, FLOW_DELAYED_CONTINUE), FLOW_E_NO_SUCH_SESSION);
	sim_begin(a.sim);
	ck_assert_int_eq(flow_question_answer_delayed(a.sim->flow, &foreign), FLOW_E_NOT_ATTACHED);
	ck_assert_int_eq(sim_end(a.sim), 0);
	sim_free(a.sim);
}
END_TEST

/* An answer whose commit fails was not given. */
START_TEST(the_answer_is_durable_or_was_not_given)
{
	struct asked a = asked();
	const struct task_request request = { .url = "https://new.example/new" };
	const struct flow_delayed_answer how = { a.session, CLIENT, a.question,
		FLOW_DELAYED_REPLACE, &request };

	a.sim->is_commit_failing = true;
	sim_begin(a.sim);
	ck_assert_int_eq(flow_question_answer_delayed(a.sim->flow, &how), 0);
	ck_assert_int_ne(sim_end(a.sim), 0);
	a.sim->is_commit_failing = false;
	sim_pass(a.sim, 2 * S);
	sim_settle(a.sim);
	ck_assert_int_eq(sim_sub_state(a.sim, a.task), TRANSFER_SUB_STATE_WAITING_ANSWER);
	ck_assert_uint_eq(look(a.sim, a.session).question, a.question);
	ck_assert_int_eq(answer(a.sim, a.session, a.question, FLOW_DELAYED_CONTINUE), 0);
	ck_assert_str_eq(fake_engine_find(a.sim->engine, a.task)->url, "https://h.example/old");
	sim_free(a.sim);
}
END_TEST

/* More than one page of them, and a client that cannot be asked any of it. */
START_TEST(many_take_the_default)
{
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one");
	struct store_counts counts;

	attach(sim, session, true);
	for (size_t i = 0; i < FLOW_PAGE + 100; i++)
		delayed(sim, session);
	pass_the_date(sim);
	/* so many at a client at once, the others wait their turn */
	ck_assert_uint_eq(look(sim, session).n, FLOW_QUESTIONS_MAX);
	detach(sim, session);
	attach(sim, session, false);
	sim_settle(sim);
	ck_assert_uint_eq(look(sim, session).n, 0);
	ck_assert_int_eq(store_counts(sim->store, &counts), 0);
	ck_assert_uint_eq(counts.by_state[TASK_STATE_WAITING], 0);
	sim_free(sim);
}
END_TEST

RUN_TESTS("daemon/flow-question", TEST(nothing_starts_before_the_answer),
	TEST(another_request_begins), TEST(another_request_is_sent_whole),
	TEST_EACH(a_bad_request_is_judged_as_ever, bad), TEST(cancelled_by_the_answer),
	TEST(asked_again_at_the_next_attach), TEST(the_date_comes_while_nobody_is_there),
	TEST_EACH(withdrawn_when_the_task_moves_on, moves), TEST(another_date_is_another_question),
	TEST(wrong_questions), TEST(the_answer_is_durable_or_was_not_given),
	TEST(many_take_the_default))
