/* SPDX-License-Identifier: MIT */
/* Questions: told in their place, answered once and by the right one, with a default when nobody answers. */
#include "tests/daemon/live-rig.h"

#include <string.h>
#include <unistd.h>

#include <transfer/error.h>

#include "tests/lib/run.h"

static struct live_answer answer_of(const struct rig *rig, uint64_t session)
{
	return (struct live_answer){ session, RIG_CLIENT, rig->question };
}

static struct rig *asked(enum engine_event_type type, uint64_t *ret_session, uint64_t *ret_id)
{
	struct rig *rig = rig_new();

	*ret_session = rig_session(rig, RIG_ASKS, RIG_TELLS, true);
	*ret_id = rig_task(rig, *ret_session, TRANSFER_TASK_DATA);
	ck_assert_uint_eq(rig_attempt(rig, *ret_id)->live.asks,
		ENGINE_ASK_REDIRECT | ENGINE_ASK_RESPONSE | ENGINE_ASK_BODY | ENGINE_ASK_CHALLENGE);
	rig_post_ask(rig, *ret_id, type);
	ck_assert_int_eq(rig_find(rig, *ret_id)->phase, LIVE_PHASE_ASKING);
	ck_assert_int_eq(live_task_sub_state(rig->live, &rig_find(rig, *ret_id)->task),
		TRANSFER_SUB_STATE_WAITING_ANSWER);
	return rig;
}

START_TEST(allow)
{
	uint64_t session, id;
	struct rig *rig = asked(ENGINE_EVENT_ASK_RESPONSE, &session, &id);
	struct live_answer answer = answer_of(rig, session);

	ck_assert_str_eq(rig_told(rig, session), "RESPONSE 200 ?");
	ck_assert_int_eq(live_answer_redirect(rig->live, &answer, LIVE_REDIRECT_FOLLOW, NULL),
		FLOW_E_NO_SUCH_QUESTION);
	answer.client++;
	ck_assert_int_eq(
		live_answer_response(rig->live, &answer, LIVE_RESPONSE_ALLOW), FLOW_E_NOT_ATTACHED);
	answer.client--;
	ck_assert_int_eq(live_answer_response(rig->live, &answer, LIVE_RESPONSE_ALLOW), 0);
	ck_assert_int_eq(live_answer_response(rig->live, &answer, LIVE_RESPONSE_ALLOW),
		FLOW_E_ALREADY_ANSWERED);
	ck_assert_uint_eq(rig_attempt(rig, id)->n_response_answers, 1);
	ck_assert_int_eq(rig_attempt(rig, id)->response_answer, ENGINE_RESPONSE_ALLOW);
	ck_assert_int_eq(rig_find(rig, id)->phase, LIVE_PHASE_RUNNING);
	/* the response is not told again */
	rig_post_done(rig, id, 200, "x");
	ck_assert_str_eq(rig_told(rig, session), "DATA x, METRICS, COMPLETED 0");
	answer.question++;
	ck_assert_int_eq(live_answer_response(rig->live, &answer, LIVE_RESPONSE_ALLOW),
		FLOW_E_NO_SUCH_QUESTION);
	rig_free(rig);
}
END_TEST

/* What was sent is told before the answer, also what no progress had said. */
START_TEST(sent_before)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, LIVE_ASK_RESPONSE, RIG_TELLS, true), id;
	struct live_request request = rig_request(TRANSFER_TASK_UPLOAD, "https://host/");
	const struct engine_response response = rig_response(200);
	struct live_answer answer;
	struct engine_event event;

	request.body = "0123456789";
	request.n_body = 10;
	id = rig_create(rig, session, &request);
	event = rig_event(rig, id, ENGINE_EVENT_ASK_RESPONSE);
	event.response = &response;
	event.sent_bytes = 10;
	rig_post(rig, &event);
	answer = answer_of(rig, session);
	ck_assert_int_eq(live_answer_response(rig->live, &answer, LIVE_RESPONSE_ALLOW), 0);
	rig_post_data(rig, id, "x");
	rig_post_done(rig, id, 0, NULL);
	ck_assert_str_eq(
		rig_told(rig, session), "SENT 10/10, RESPONSE 200 ?, DATA x, METRICS, COMPLETED 0");
	rig_free(rig);
}
END_TEST

START_TEST(refuse)
{
	uint64_t session, id;
	struct rig *rig = asked(ENGINE_EVENT_ASK_RESPONSE, &session, &id);
	const struct live_answer answer = answer_of(rig, session);

	ck_assert_int_eq(live_answer_response(rig->live, &answer, LIVE_RESPONSE_CANCEL), 0);
	ck_assert_int_eq(rig_attempt(rig, id)->response_answer, ENGINE_RESPONSE_CANCEL);
	rig_post_failed(rig, id, TRANSFER_ERROR_CANCELLED);
	ck_assert_str_eq(rig_told(rig, session), "RESPONSE 200 ?, METRICS, COMPLETED -999");
	rig_free(rig);
}
END_TEST

/* Another number, another kind; the engine goes on with what it knows. */
START_TEST(become_download)
{
	uint64_t session, id, other;
	struct rig *rig = asked(ENGINE_EVENT_ASK_RESPONSE, &session, &id);
	const struct live_answer answer = answer_of(rig, session);
	struct fake_attempt *a = rig_attempt(rig, id);

	ck_assert_int_eq(
		live_answer_response(rig->live, &answer, LIVE_RESPONSE_BECOME_DOWNLOAD), 0);
	rig_turn(rig);
	ck_assert_str_eq(rig_told(rig, session), "RESPONSE 200 ?, BECAME_DOWNLOAD");
	other = rig->other_task;
	ck_assert(!rig_find(rig, id));
	ck_assert_int_eq(rig_find(rig, other)->task.kind, TRANSFER_TASK_DOWNLOAD);
	ck_assert_ptr_eq(rig_attempt(rig, other), a);
	ck_assert_int_eq(a->response_answer, ENGINE_RESPONSE_TO_FILE);
	ck_assert(fake_engine_has_file(rig->engine, a->answer_path));
	rig_post_done(rig, other, 0, NULL);
	ck_assert_str_eq(rig_told(rig, session), "FINISHED path, METRICS, COMPLETED 0");
	ck_assert(fake_engine_has_file(rig->engine, rig->path));
	rig_free(rig);
}
END_TEST

/* Who steers it has not heard of its new number: what is said to the old one is said to it. 0: suspend; 1: cancel. */
START_TEST(steered_by_its_old_number)
{
	uint64_t session, id, other;
	struct rig *rig = asked(ENGINE_EVENT_ASK_RESPONSE, &session, &id);
	const struct live_answer answer = answer_of(rig, session);

	ck_assert_int_eq(
		live_answer_response(rig->live, &answer, LIVE_RESPONSE_BECOME_DOWNLOAD), 0);
	ck_assert_int_eq(rig_steer(rig, _i ? FLOW_VERB_CANCEL : FLOW_VERB_SUSPEND, id), 0);
	rig_turn(rig);
	ck_assert_str_eq(rig_told(rig, session), "RESPONSE 200 ?, BECAME_DOWNLOAD");
	other = rig->other_task;
	ck_assert(rig_attempt(rig, other)->is_stopping);
	rig_post_stopped(rig, other, 0);
	if (_i)
		ck_assert_str_eq(rig_told(rig, session), "METRICS, COMPLETED -999");
	else
		ck_assert_int_eq(rig_find(rig, other)->phase, LIVE_PHASE_SUSPENDED);
	rig_free(rig);
}
END_TEST

START_TEST(redirects)
{
	static const struct task_request next = { .url = "https://other/x", .method = "PUT" };
	static const struct task_request bad = { .url = "https://other/x", .method = "P T" };
	static const struct {
		enum live_redirect what;
		const struct task_request *request;
		int error;
		enum engine_redirect_answer answer;
	} rows[] = {
		{ LIVE_REDIRECT_FOLLOW, NULL, 0, ENGINE_REDIRECT_FOLLOW },
		{ LIVE_REDIRECT_STOP, NULL, 0, ENGINE_REDIRECT_STOP },
		{ LIVE_REDIRECT_REPLACE, &next, 0, ENGINE_REDIRECT_REPLACE },
		{ LIVE_REDIRECT_REPLACE, NULL, FLOW_E_INVALID_REQUEST, 0 },
		{ LIVE_REDIRECT_REPLACE, &bad, FLOW_E_INVALID_REQUEST, 0 },
	};
	uint64_t session, id;
	struct rig *rig = asked(ENGINE_EVENT_ASK_REDIRECT, &session, &id);
	const struct live_answer answer = answer_of(rig, session);
	struct fake_attempt *a = rig_attempt(rig, id);

	ck_assert_str_eq(rig_told(rig, session), "REDIRECT 302 https://host/next ?");
	ck_assert_int_eq(live_answer_redirect(rig->live, &answer, rows[_i].what, rows[_i].request),
		rows[_i].error);
	ck_assert_uint_eq(a->n_redirect_answers, !rows[_i].error);
	if (!rows[_i].error)
		ck_assert_int_eq(a->redirect_answer, rows[_i].answer);
	if (rows[_i].what == LIVE_REDIRECT_REPLACE && !rows[_i].error) {
		ck_assert_str_eq(a->answer_url, next.url);
		ck_assert_str_eq(a->answer_method, next.method);
	}
	/* an answer that was refused leaves the question open */
	ck_assert_int_eq(
		rig_find(rig, id)->phase, rows[_i].error ? LIVE_PHASE_ASKING : LIVE_PHASE_RUNNING);
	rig_free(rig);
}
END_TEST

/* What comes behind a redirect fails: its answer was never the task's. */
START_TEST(fails_behind_a_redirect)
{
	uint64_t session, id;
	struct rig *rig = asked(ENGINE_EVENT_ASK_REDIRECT, &session, &id);
	const struct live_answer answer = answer_of(rig, session);

	if (_i)
		ck_assert_int_eq(
			live_answer_redirect(rig->live, &answer, LIVE_REDIRECT_FOLLOW, NULL), 0);
	(void)rig_told(rig, session);
	rig_post_failed(rig, id, TRANSFER_ERROR_TIMED_OUT);
	ck_assert_str_eq(rig_told(rig, session),
		_i ? "METRICS, COMPLETED -1001" : "WITHDRAWN, METRICS, COMPLETED -1001");
	rig_free(rig);
}
END_TEST

START_TEST(body)
{
	uint64_t session, id;
	struct rig *rig = asked(ENGINE_EVENT_ASK_BODY, &session, &id);
	const struct live_answer answer = answer_of(rig, session);
	int fds[2];

	ck_assert_str_eq(rig_told(rig, session), "NEED_BODY 1 ?");
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(live_answer_body(rig->live, &answer, fds[1], -1), FLOW_E_INVALID_REQUEST);
	ck_assert_int_eq(live_answer_body(rig->live, &answer, fds[0], 5), 0);
	ck_assert_int_ge(rig_attempt(rig, id)->answer_fd, 0);
	ck_assert_int_ne(rig_attempt(rig, id)->answer_fd, fds[0]);
	ck_assert_int_eq(rig_attempt(rig, id)->answer_length, 5);
	close(fds[0]);
	close(fds[1]);
	rig_free(rig);
}
END_TEST

/* After five minutes the default is taken, and the question is void. */
/* Each answer reaches the engine once, from who was asked. */
START_TEST(challenges)
{
	static const struct engine_credential good = { "user", "passwd" }, bad = { "us\ner", "" };
	enum engine_challenge_answer what = (enum engine_challenge_answer)_i;
	uint64_t session, id;
	struct rig *rig = asked(ENGINE_EVENT_ASK_CHALLENGE, &session, &id);
	struct live_answer answer = answer_of(rig, session);
	const struct fake_attempt *a = rig_attempt(rig, id);

	ck_assert_str_eq(rig_told(rig, session), "CHALLENGE 401 ?");
	ck_assert_uint_eq(rig->asked_attempt, a->attempt);
	ck_assert_int_eq(live_answer_response(rig->live, &answer, LIVE_RESPONSE_ALLOW),
		FLOW_E_NO_SUCH_QUESTION);
	if (what == ENGINE_CHALLENGE_USE)
		ck_assert_int_eq(live_answer_challenge(rig->live, &answer, what, &bad),
			FLOW_E_INVALID_REQUEST);
	ck_assert_uint_eq(a->n_challenge_answers, 0);
	ck_assert_int_eq(live_answer_challenge(rig->live, &answer, what, &good), 0);
	ck_assert_int_eq(
		live_answer_challenge(rig->live, &answer, what, &good), FLOW_E_ALREADY_ANSWERED);
	ck_assert_uint_eq(a->n_challenge_answers, 1);
	ck_assert_int_eq(a->challenge_answer, what);
	if (what == ENGINE_CHALLENGE_USE)
		ck_assert_str_eq(a->answer_password, "passwd");
	/* the 401 is the task's answer only when it comes again as that */
	rig_post_done(rig, id, 200, "x");
	ck_assert_str_eq(rig_told(rig, session), "RESPONSE 200, DATA x, METRICS, COMPLETED 0");
	rig_free(rig);
}
END_TEST

START_TEST(asks_again)
{
	static const struct engine_credential credential = { "user", "guess" };
	uint64_t session, id;
	struct rig *rig = asked(ENGINE_EVENT_ASK_CHALLENGE, &session, &id);
	struct live_answer answer = answer_of(rig, session);

	ck_assert_int_eq(
		live_answer_challenge(rig->live, &answer, ENGINE_CHALLENGE_USE, &credential), 0);
	rig_post_ask(rig, id, ENGINE_EVENT_ASK_CHALLENGE);
	ck_assert_str_eq(rig_told(rig, session), "CHALLENGE 401 ?, CHALLENGE 401 ?");
	answer = answer_of(rig, session);
	ck_assert_int_eq(
		live_answer_challenge(rig->live, &answer, ENGINE_CHALLENGE_CANCEL, NULL), 0);
	rig_post_failed(rig, id, TRANSFER_ERROR_CANCELLED);
	ck_assert_str_eq(rig_told(rig, session), "METRICS, COMPLETED -999");
	rig_free(rig);
}
END_TEST

/* Who answered hears what the server says to it before the file is there, whatever else it wants to hear. */
START_TEST(tells_who_answered)
{
	static const struct engine_credential credential = { "user", "passwd" };
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, LIVE_ASK_CHALLENGE, 0, true);
	uint64_t id = rig_task(rig, session, TRANSFER_TASK_DOWNLOAD);
	bool is_in_pieces = _i;
	struct live_answer answer;

	rig_post_ask(rig, id, ENGINE_EVENT_ASK_CHALLENGE);
	ck_assert_str_eq(rig_told(rig, session), "CHALLENGE 401 ?");
	answer = answer_of(rig, session);
	ck_assert_int_eq(
		live_answer_challenge(rig->live, &answer, ENGINE_CHALLENGE_USE, &credential), 0);
	if (is_in_pieces) {
		rig_post_response(rig, id, 200);
		ck_assert_str_eq(rig_told(rig, session), "RESPONSE 200");
	}
	rig_post_done(rig, id, 200, NULL);
	ck_assert_str_eq(rig_told(rig, session),
		is_in_pieces ? "FINISHED path, COMPLETED 0"
			     : "RESPONSE 200, FINISHED path, COMPLETED 0");
	rig_free(rig);
}
END_TEST

START_TEST(nobody_answers)
{
	static const enum engine_event_type types[] = { ENGINE_EVENT_ASK_RESPONSE,
		ENGINE_EVENT_ASK_REDIRECT, ENGINE_EVENT_ASK_BODY, ENGINE_EVENT_ASK_CHALLENGE };
	uint64_t session, id;
	struct rig *rig = asked(types[_i], &session, &id);
	struct live_answer answer = answer_of(rig, session);
	const struct fake_attempt *a = rig_attempt(rig, id);

	(void)rig_told(rig, session);
	/* its slot is for others meanwhile */
	ck_assert_uint_eq(live_next_timer(rig->live), rig->sim->now.now_us + LIVE_YIELD_US);
	ck_assert(rig_find(rig, id)->has_slot);
	rig_pass(rig, LIVE_YIELD_US);
	ck_assert(!rig_find(rig, id)->has_slot);
	ck_assert_uint_eq(live_next_timer(rig->live), rig_find(rig, id)->question_due_us);
	rig_pass(rig, LIVE_ANSWER_US - 2 * LIVE_YIELD_US);
	ck_assert_str_eq(rig_told(rig, session), "");
	rig_pass(rig, LIVE_YIELD_US);
	ck_assert(rig_find(rig, id)->has_slot);
	ck_assert_uint_eq(rig->live->n_stalled, 0);
	ck_assert_str_eq(rig_told(rig, session), "WITHDRAWN");
	ck_assert_uint_eq(a->n_response_answers, types[_i] == ENGINE_EVENT_ASK_RESPONSE);
	ck_assert_uint_eq(a->n_redirect_answers, types[_i] == ENGINE_EVENT_ASK_REDIRECT);
	ck_assert_uint_eq(a->n_body_answers, types[_i] == ENGINE_EVENT_ASK_BODY);
	ck_assert_uint_eq(a->n_challenge_answers, types[_i] == ENGINE_EVENT_ASK_CHALLENGE);
	if (a->n_challenge_answers)
		ck_assert_int_eq(a->challenge_answer, ENGINE_CHALLENGE_DEFAULT);
	ck_assert_int_eq(a->answer_fd, -1);
	ck_assert_int_eq(live_answer_response(rig->live, &answer, LIVE_RESPONSE_ALLOW),
		FLOW_E_NO_SUCH_QUESTION);
	ck_assert_int_eq(rig_find(rig, id)->phase, LIVE_PHASE_RUNNING);
	rig_free(rig);
}
END_TEST

START_TEST(cancelled_while_asking)
{
	uint64_t session, id;
	struct rig *rig = asked(ENGINE_EVENT_ASK_RESPONSE, &session, &id);

	(void)rig_told(rig, session);
	ck_assert_int_eq(rig_steer(rig, FLOW_VERB_CANCEL, id), 0);
	ck_assert_str_eq(rig_told(rig, session), "WITHDRAWN");
	rig_post_stopped(rig, id, 0);
	ck_assert_str_eq(rig_told(rig, session), "METRICS, COMPLETED -999");
	rig_free(rig);
}
END_TEST

/* Suspended with a question: it stays open, and may be answered meanwhile. */
START_TEST(held_while_asking)
{
	uint64_t session, id;
	struct rig *rig = asked(ENGINE_EVENT_ASK_RESPONSE, &session, &id);
	const struct live_answer answer = answer_of(rig, session);
	const struct fake_attempt *a = rig_attempt(rig, id);

	ck_assert_int_eq(rig_steer(rig, FLOW_VERB_SUSPEND, id), 0);
	ck_assert(a->is_held && !rig_find(rig, id)->has_slot);
	if (_i)
		ck_assert_int_eq(live_answer_response(rig->live, &answer, LIVE_RESPONSE_ALLOW), 0);
	ck_assert_int_eq(rig_steer(rig, FLOW_VERB_RESUME, id), 0);
	ck_assert(!a->is_held && rig_find(rig, id)->has_slot);
	ck_assert_int_eq(rig_find(rig, id)->phase, _i ? LIVE_PHASE_RUNNING : LIVE_PHASE_ASKING);
	rig_free(rig);
}
END_TEST

/* Who did not say that he wants to be asked is not. */
START_TEST(own_words)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, RIG_ASKS, RIG_TELLS, true), id;
	struct live_request request = rig_request(TRANSFER_TASK_DATA, "https://host/");

	request.has_asks = request.has_tells = true;
	id = rig_create(rig, session, &request);
	ck_assert_uint_eq(rig_attempt(rig, id)->live.asks, 0);
	ck_assert_int_eq(rig_attempt(rig, id)->live.body, ENGINE_BODY_COLLECT);
	/* a download is not asked about its response */
	id = rig_task(rig, session, TRANSFER_TASK_DOWNLOAD);
	ck_assert_uint_eq(rig_attempt(rig, id)->live.asks,
		ENGINE_ASK_REDIRECT | ENGINE_ASK_BODY | ENGINE_ASK_CHALLENGE);
	rig_free(rig);
}
END_TEST

RUN_TESTS("daemon/live-answer", TEST(allow), TEST(sent_before), TEST(refuse), TEST(become_download),
	TEST_LOOP(steered_by_its_old_number, 2), TEST_LOOP(redirects, 5),
	TEST_LOOP(fails_behind_a_redirect, 2), TEST(body), TEST_LOOP(nobody_answers, 4),
	TEST_LOOP(challenges, 4), TEST(asks_again), TEST_LOOP(tells_who_answered, 2),
	TEST(cancelled_while_asking), TEST_LOOP(held_while_asking, 2), TEST(own_words))
