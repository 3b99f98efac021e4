/* SPDX-License-Identifier: MIT */
/* Questions on the wire: after what came first, once an attachment, answered by name, taken back. */
#include "tests/daemon/bus/rig.h"
#include "tests/lib/run.h"

static const char *const methods[] = { "DidComplete", "WillBeginDelayedRequest" };

static uint64_t soon_us(void)
{
	return clock_wall_us() + 20000;
}

static int answer(struct rig *rig, struct rig_client *client, uint64_t session, uint64_t question,
	const char *action)
{
	const struct ipc_session_answer_delayed_request_in in = { .question = question,
		.action = action,
		.request = { .url = "https://example.org/new" } };
	struct rig_answer answer = { 0 };

	ck_ok(ipc_start_session_answer_delayed_request(
		client->bus, (struct ipc_path){ session, 0 }, &in, rig_on_done, &answer));
	rig_pump(rig, rig_is_answered, &answer);
	return answer.r;
}

static uint64_t ask(struct rig *rig, struct rig_client *client, uint64_t session)
{
	const struct ipc_request request = { .url = "https://example.org/old",
		.kind = "download",
		.not_before_usec = soon_us(),
		.has_not_before_usec = true };

	return rig_create(rig, client, session, &request);
}

START_TEST(asks_and_is_answered)
{
	const struct ipc_attach_options options = {
		.implements = methods, .n_implements = 2, .batch = _i, .has_batch = true
	};
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig), *other = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s"), task;
	const struct rig_event *event;

	ck_ok(rig_attach(rig, client, session, &options));
	task = ask(rig, client, session);
	rig_wait_event(rig, client, "WillBeginDelayedRequest", 1);
	event = rig_find(client, "WillBeginDelayedRequest");
	ck_assert_uint_eq(event->seq, 0);
	ck_assert_uint_eq(event->task, task);
	ck_assert_int_eq(event->is_in_batch, _i);
	ck_assert_str_eq(event->text, "https://example.org/old");
	ck_assert_int_eq(answer(rig, client, session, 77, "continue"), IPC_E_NO_SUCH_QUESTION);
	ck_assert_int_eq(
		answer(rig, client, session, event->total, "perhaps"), IPC_E_INVALID_REQUEST);
	ck_assert_int_eq(answer(rig, other, session, event->total, "continue"), IPC_E_NOT_ATTACHED);
	ck_assert_int_eq(answer(rig, client, session, event->total, "replace"), 0);
	ck_assert_int_eq(
		answer(rig, client, session, event->total, "continue"), IPC_E_ALREADY_ANSWERED);
	ck_assert_str_eq(fake_engine_find(rig->engine, task)->url, "https://example.org/new");
	rig_finish(rig, task, 10);
	rig_wait_event(rig, client, "DidComplete", 1);
	ck_assert_uint_eq(rig_count(client, "WillBeginDelayedRequest"), 1);
	ck_assert_uint_eq(rig_count(client, "QuestionWithdrawn"), 0);
	rig_free(rig);
}
END_TEST

START_TEST(asks_again_after_what_waited)
{
	const struct ipc_attach_options options = { .implements = methods, .n_implements = 2 };
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig), *next;
	uint64_t session = rig_open(rig, client, "s"), question;

	ck_ok(rig_attach(rig, client, session, &options));
	ask(rig, client, session);
	rig_wait_event(rig, client, "WillBeginDelayedRequest", 1);
	question = rig_find(client, "WillBeginDelayedRequest")->total;
	rig_disconnect(rig, client);
	next = rig_connect(rig);
	rig_settle(rig);
	rig_fail(rig, rig_download(rig, next, session), -1011);
	ck_ok(rig_attach(rig, next, session, &options));
	rig_wait_event(rig, next, "WillBeginDelayedRequest", 1);
	ck_assert_uint_eq(rig_find(next, "WillBeginDelayedRequest")->total, question);
	ck_assert_str_eq(next->events[next->n_events - 1].name, "WillBeginDelayedRequest");
	ck_assert_uint_eq(rig_count(next, "DidFinishBackgroundEvents"), 1);
	rig_free(rig);
}
END_TEST

START_TEST(takes_a_question_back)
{
	const struct ipc_attach_options options = { .implements = methods, .n_implements = 2 };
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s"), task;
	struct rig_answer done = { 0 };

	ck_ok(rig_attach(rig, client, session, &options));
	task = ask(rig, client, session);
	rig_wait_event(rig, client, "WillBeginDelayedRequest", 1);
	ck_ok(ipc_start_task_suspend(
		client->bus, (struct ipc_path){ session, task }, rig_on_done, &done));
	rig_wait_event(rig, client, "QuestionWithdrawn", 1);
	ck_assert_uint_eq(rig_find(client, "QuestionWithdrawn")->total,
		rig_find(client, "WillBeginDelayedRequest")->total);
	rig_free(rig);
}
END_TEST

/* So many at a client; the next when one was answered. */
START_TEST(keeps_to_the_bound)
{
	const struct ipc_attach_options options = { .implements = methods, .n_implements = 2 };
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s");

	ck_ok(rig_attach(rig, client, session, &options));
	for (int i = 0; i < FLOW_QUESTIONS_MAX + 3; i++)
		ask(rig, client, session);
	rig_wait_event(rig, client, "WillBeginDelayedRequest", FLOW_QUESTIONS_MAX);
	rig_settle(rig);
	ck_assert_uint_eq(rig_count(client, "WillBeginDelayedRequest"), FLOW_QUESTIONS_MAX);
	ck_assert_int_eq(answer(rig, client, session,
				 rig_find(client, "WillBeginDelayedRequest")->total, "cancel"),
		0);
	rig_wait_event(rig, client, "WillBeginDelayedRequest", FLOW_QUESTIONS_MAX + 1);
	rig_settle(rig);
	ck_assert_uint_eq(rig_count(client, "WillBeginDelayedRequest"), FLOW_QUESTIONS_MAX + 1);
	rig_free(rig);
}
END_TEST

struct started {
	struct rig *rig;
	uint64_t task;
};

static bool is_started(void *user)
{
	const struct started *started = user;

	return fake_engine_find(started->rig->engine, started->task);
}

START_TEST(asks_nobody_without_the_method)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s"), task;

	ck_ok(rig_attach(rig, client, session, NULL));
	task = ask(rig, client, session);
	rig_pump(rig, is_started, &(struct started){ rig, task });
	rig_finish(rig, task, 10);
	rig_wait_event(rig, client, "DidComplete", 1);
	ck_assert_uint_eq(rig_count(client, "WillBeginDelayedRequest"), 0);
	rig_free(rig);
}
END_TEST

RUN_TESTS_WITHIN("daemon/bus/bus-question", 60, TEST_LOOP(asks_and_is_answered, 2),
	TEST(asks_again_after_what_waited), TEST(takes_a_question_back), TEST(keeps_to_the_bound),
	TEST(asks_nobody_without_the_method))
