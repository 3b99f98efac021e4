/* SPDX-License-Identifier: MIT */
/*
 * Questions (BT-29): told once, answered once, from any thread, now or later; dropped means the default; asked again
 * after a reconnect is not told again, and an answer whose reply was lost is given again.
 */
#include "client-lib/answer.h"

#include <pthread.h>

#include "ipc/types.h"
#include "tests/client-lib/rig.h"
#include "tests/lib/run.h"

#define OLD "https://example.org/old"

/* A task that another program made, whose date has come. */
static uint64_t asked(struct rig *rig, bool answers_later)
{
	uint64_t task;

	rig_init(rig, 0);
	rig->answers_later = answers_later;
	task = peer_add_task(rig->peer, OLD);
	rig_open(rig);
	rig_expect(rig, "drained\n");
	peer_ask(rig->peer, task, 9);
	rig_expect(rig, "asked 100 " OLD "\n");
	return task;
}

START_TEST(dropped_is_the_default)
{
	struct rig rig;

	asked(&rig, false);
	ck_assert_str_eq(peer_answers(rig.peer, 1), "9 continue -\n");
	rig_done(&rig);
}
END_TEST

static void *answer_elsewhere(void *user)
{
	transfer_delayed_request_continue(user);
	return NULL;
}

START_TEST(answered_once_from_any_thread)
{
	struct rig rig;
	pthread_t threads[4];

	asked(&rig, true);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, answer_elsewhere, rig.answer), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	transfer_delayed_request_cancel(rig.answer); /* too late */
	peer_answers(rig.peer, 1);
	rig_flush(&rig);
	ck_assert_str_eq(peer_answers(rig.peer, 1), "9 continue -\n");
	rig_done(&rig);
}
END_TEST

START_TEST(another_request)
{
	transfer_auto(transfer_request) request = transfer_request_new("https://example.org/new");
	struct rig rig;

	asked(&rig, true);
	transfer_delayed_request_replace(rig.answer, request);
	ck_assert_str_eq(peer_answers(rig.peer, 1), "9 replace https://example.org/new\n");
	rig_done(&rig);
}
END_TEST

static const struct {
	const char *url; /* NULL: no request */
	bool is_wrong; /* a setter failed */
	int error;
	unsigned int n;
	const char *answers;
} refused[] = {
	{ NULL, false, 0, 1, "9 cancel -\n" },
	{ "https://example.org/new", true, 0, 1, "9 cancel -\n" },
	{ "ftp://example.org/", false, IPC_E_UNSUPPORTED_SCHEME, 2,
		"9 replace ftp://example.org/\n9 cancel -\n" },
};

START_TEST(a_request_that_cannot_be_used_cancels)
{
	transfer_auto(transfer_request)
		request = refused[_i].url ? transfer_request_new(refused[_i].url) : NULL;
	struct rig rig;

	asked(&rig, true);
	if (refused[_i].is_wrong)
		ck_assert_int_ne(transfer_request_add_header(request, "a b", "c"), 0);
	if (refused[_i].error)
		peer_fail_answer(rig.peer, refused[_i].error);
	transfer_delayed_request_replace(rig.answer, request);
	ck_assert_str_eq(peer_answers(rig.peer, refused[_i].n), refused[_i].answers);
	rig_done(&rig);
}
END_TEST

START_TEST(not_told_again_after_a_reconnect)
{
	struct rig rig;

	asked(&rig, true);
	peer_restart(rig.peer);
	while (peer_n_attached(rig.peer) < 2)
		transfer_queue_dispatch(rig.queue, 10);
	rig_flush(&rig);
	ck_assert_uint_eq(rig_count(&rig, "asked"), 1);
	transfer_delayed_request_continue(rig.answer);
	ck_assert_str_eq(peer_answers(rig.peer, 1), "9 continue -\n");
	rig_done(&rig);
}
END_TEST

START_TEST(a_lost_answer_is_given_again)
{
	struct rig rig;

	asked(&rig, true);
	peer_swallow_answer(rig.peer);
	transfer_delayed_request_cancel(rig.answer);
	peer_answers(rig.peer, 1);
	peer_restart(rig.peer);
	ck_assert_str_eq(peer_answers(rig.peer, 2), "9 cancel -\n9 cancel -\n");
	rig_flush(&rig);
	ck_assert_uint_eq(rig_count(&rig, "asked"), 1);
	rig_done(&rig);
}
END_TEST

START_TEST(withdrawn)
{
	struct rig rig;
	uint64_t task = asked(&rig, true);

	peer_withdraw(rig.peer);
	/* what comes behind it has arrived */
	peer_complete(rig.peer, task, -999);
	rig_expect(&rig, "complete 100 -999\n");
	transfer_delayed_request_continue(rig.answer);
	rig_flush(&rig);
	ck_assert_str_eq(peer_answers(rig.peer, 0), "");
	rig_done(&rig);
}
END_TEST

/* The session is over before the answer: nothing happens, and nothing is leaked. */
START_TEST(outlives_the_session)
{
	struct rig rig;

	asked(&rig, true);
	rig_close_session(&rig);
	transfer_delayed_request_continue(rig.answer);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("client-lib/answer", 60, TEST(dropped_is_the_default),
	TEST(answered_once_from_any_thread), TEST(another_request),
	TEST_EACH(a_request_that_cannot_be_used_cancels, refused),
	TEST(not_told_again_after_a_reconnect), TEST(a_lost_answer_is_given_again), TEST(withdrawn),
	TEST(outlives_the_session))
