/* SPDX-License-Identifier: MIT */
/* Tasks of sessions that take no more: what is told of them, and what is not. */
#include <string.h>

#include <transfer/transfer.h>

#include "tests/client-lib/live-rig.h"
#include "tests/lib/run.h"

static struct live_rig rig;

static void check_error(const transfer_task *task)
{
	transfer_auto(transfer_error) error = transfer_task_copy_error(task);

	ck_assert_int_eq(transfer_error_get_domain(error), TRANSFER_DOMAIN_BUS);
	ck_assert_int_eq(transfer_error_get_code(error), TRANSFER_BUS_ERROR_SESSION_INVALID);
}

/* All that waits is told before it returns. */
static void on_created(transfer_session *session, transfer_task *task, void *user)
{
	(void)session;
	live_rig_dispatch(user);
	live_rig_note(user, "first %llu\n", (unsigned long long)transfer_task_get_id(task));
}

static void on_created_resume(transfer_session *session, transfer_task *task, void *user)
{
	on_created(session, task, user);
	transfer_task_resume(task);
}

static void (*const creates[])(transfer_session *session, transfer_task *task, void *user) = {
	on_created,
	on_created_resume,
};

START_TEST(its_making_is_told_first)
{
	struct transfer_session_delegate delegate = live_rig_delegate;
	transfer_task *running, *late;

	delegate.task_did_create = creates[_i];
	live_rig_init(&rig, &delegate);
	running = live_rig_make(&rig, "a", false);
	transfer_session_finish_and_invalidate(rig.session);
	late = live_rig_make(&rig, "late", false);
	live_rig_expect(&rig, "done 2 ");
	ck_assert_ptr_nonnull(strstr(rig.log, "first 1\nfirst 2\ndone 2 "));
	check_error(late);
	ck_assert_ptr_null(strstr(peer_live_log(rig.peer), "late"));
	transfer_task_unref(late);
	transfer_task_unref(running);
	live_rig_done(&rig);
}
END_TEST

/* The last of all, also when the session is ended while a task is made, and what waits is told. */
static void on_created_invalidate(transfer_session *session, transfer_task *task, void *user)
{
	transfer_session_invalidate_and_cancel(session);
	on_created(session, task, user);
}

START_TEST(the_end_waits_for_the_making)
{
	struct transfer_session_delegate delegate = live_rig_delegate;
	transfer_task *task;

	delegate.task_did_create = on_created_invalidate;
	live_rig_init(&rig, &delegate);
	task = live_rig_make(&rig, "a", false);
	live_rig_expect(&rig, "inval 0\ndestroyed\n");
	ck_assert_str_eq(rig.log, "done 1 -999\nfirst 1\ninval 0\ndestroyed\n");
	transfer_task_unref(task);
	live_rig_done(&rig);
}
END_TEST

/* Also of a request that is wrong: the end of the session comes first. */
static const char *const names[] = { "late", "bad\nname" };

START_TEST(nothing_is_told_after_the_end)
{
	transfer_task *late;

	live_rig_init(&rig, &live_rig_delegate);
	transfer_session_invalidate_and_cancel(rig.session);
	live_rig_expect(&rig, "inval 0\ndestroyed\n");
	late = live_rig_get(&rig, names[_i]);
	check_error(late);
	live_rig_dispatch(&rig);
	ck_assert_str_eq(rig.log, "inval 0\ndestroyed\n");
	transfer_task_unref(late);
	live_rig_done(&rig);
}
END_TEST

static void on_flushed(const transfer_error *error, void *userdata)
{
	(void)userdata;
	live_rig_note(&rig, "flushed %d\n", error ? transfer_error_get_code(error) : 0);
}

/* And so is a question. */
START_TEST(a_handler_is_answered_after_the_end)
{
	transfer_task *late;

	live_rig_init(&rig, &live_rig_delegate);
	transfer_session_invalidate_and_cancel(rig.session);
	live_rig_expect(&rig, "inval 0\ndestroyed\n");
	late = live_rig_fetch(&rig, "late");
	check_error(late);
	transfer_task_unref(late);
	live_rig_expect(&rig, "handler 0 ");
	ck_assert_uint_eq(live_rig_count(&rig, "handler"), 1);
	ck_assert_uint_eq(live_rig_count(&rig, "created"), 0);
	transfer_session_flush(rig.session, on_flushed, NULL);
	live_rig_expect(&rig, "flushed -997");
	live_rig_done(&rig);
}
END_TEST

static int64_t expected(transfer_task *task_take)
{
	transfer_auto(transfer_task) task = task_take;
	struct transfer_progress progress = { .size = sizeof(progress) };

	ck_assert_int_eq(transfer_task_get_progress(task, &progress), 0);
	return progress.expected_send_bytes;
}

/* Known from the beginning where there is nothing to send. */
START_TEST(what_it_sends_is_known)
{
	transfer_auto(transfer_request) request = transfer_request_new(URL);
	transfer_auto(transfer_data) body = transfer_data_new_copy("four", 4);
	transfer_session *s;

	live_rig_init(&rig, &live_rig_delegate);
	s = rig.session;
	ck_assert(request && body);
	ck_assert_int_eq(expected(transfer_session_data_task(s, request, NULL, NULL)), 0);
	ck_assert_int_eq(expected(transfer_session_download_task(s, request, NULL, NULL)), 0);
	ck_assert_int_eq(
		expected(transfer_session_upload_task_data(s, request, NULL, NULL, NULL)), 0);
	ck_assert_int_eq(
		expected(transfer_session_upload_task_data(s, request, body, NULL, NULL)), 4);
	ck_assert_int_eq(expected(transfer_session_upload_task_streamed(s, request)), -1);
	ck_assert_int_eq(transfer_request_set_body(request, body), 0);
	ck_assert_int_eq(expected(transfer_session_data_task(s, request, NULL, NULL)), 4);
	live_rig_done(&rig);
}
END_TEST

RUN_TESTS("client-lib/task-make",
	TEST_LOOP(its_making_is_told_first, sizeof(creates) / sizeof(creates[0])),
	TEST(the_end_waits_for_the_making),
	TEST_LOOP(nothing_is_told_after_the_end, sizeof(names) / sizeof(names[0])),
	TEST(a_handler_is_answered_after_the_end), TEST(what_it_sends_is_known))
