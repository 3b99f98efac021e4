/* SPDX-License-Identifier: MIT */
/* The end of sessions that live in memory: their own, and transferd's. */
#include "client-lib/live.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/types.h"
#include "tests/client-lib/live-rig.h"
#include "tests/lib/run.h"

static struct live_rig rig;

static void done(transfer_task *task)
{
	transfer_task_unref(task);
	live_rig_done(&rig);
}

/* ---- the end of a session ---- */

START_TEST(finishes_with_its_last_task)
{
	transfer_task *task;

	live_rig_init(&rig, &live_rig_delegate);
	task = live_rig_get(&rig, "a");
	peer_live_expect(rig.peer, "create data");
	transfer_session_finish_and_invalidate(rig.session);
	transfer_task_unref(live_rig_get(&rig, "late"));
	live_rig_expect(&rig, "done 2 ");
	ck_assert_ptr_null(strstr(rig.log, "inval"));
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_COMPLETE });
	live_rig_expect(&rig, "done 1 0\ninval 0\ndestroyed\n");
	peer_live_expect(rig.peer, "close 1\n");
	done(task);
}
END_TEST

START_TEST(waits_for_a_task_that_may_be_resumed)
{
	transfer_task *task;

	live_rig_init(&rig, &live_rig_delegate);
	task = live_rig_make(&rig, "a", false);
	transfer_session_finish_and_invalidate(rig.session);
	live_rig_dispatch(&rig);
	ck_assert_str_eq(rig.log, "created 1\n");
	transfer_task_unref(task);
	live_rig_expect(&rig, "done 1 -999\ninval 0\ndestroyed\n");
	live_rig_done(&rig);
}
END_TEST

START_TEST(cancels_all_and_ends)
{
	transfer_task *sent, *never;

	live_rig_init(&rig, &live_rig_delegate);
	sent = live_rig_get(&rig, "a");
	never = live_rig_make(&rig, "b", false);
	peer_live_expect(rig.peer, "create data");
	transfer_session_invalidate_and_cancel(rig.session);
	live_rig_expect(&rig, "inval 0\ndestroyed\n");
	ck_assert_ptr_nonnull(strstr(rig.log, "done 1 -999\n"));
	ck_assert_ptr_nonnull(strstr(rig.log, "done 2 -999\n"));
	ck_assert_uint_eq(live_rig_count(&rig, "inval"), 1);
	transfer_task_unref(never);
	done(sent);
}
END_TEST

START_TEST(a_session_that_did_nothing_ends_at_once)
{
	live_rig_init(&rig, &live_rig_delegate);
	transfer_session_finish_and_invalidate(rig.session);
	live_rig_expect(&rig, "inval 0\ndestroyed\n");
	ck_assert_str_eq(peer_live_log(rig.peer), "");
	live_rig_done(&rig);
	ck_assert_uint_eq(live_rig_count(&rig, "destroyed"), 1);
}
END_TEST

START_TEST(a_dropped_session_tells_nobody)
{
	transfer_task *task;

	live_rig_init(&rig, &live_rig_delegate);
	task = live_rig_get(&rig, "a");
	peer_live_expect(rig.peer, "create data");
	transfer_session_unref(rig.session);
	rig.session = NULL;
	ck_assert_str_eq(rig.log, "created 1\ndestroyed\n");
	peer_live_expect(rig.peer, "close 1\n");
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_COMPLETED);
	ck_assert_ptr_null(transfer_task_get_session(task));
	live_rig_dispatch(&rig);
	ck_assert_str_eq(rig.log, "created 1\ndestroyed\n");
	done(task);
}
END_TEST

START_TEST(the_shared_session_is_one)
{
	transfer_auto(transfer_request) request = transfer_request_new(URL "a");
	transfer_auto(transfer_config) config = NULL;
	transfer_session *shared;
	transfer_task *task;

	live_rig_init(&rig, NULL);
	shared = transfer_session_get_shared(rig.client);
	ck_assert_ptr_nonnull(shared);
	ck_assert_ptr_eq(transfer_session_get_shared(rig.client), shared);
	ck_assert_int_eq(transfer_session_get_kind(shared), TRANSFER_SESSION_SHARED);
	config = transfer_session_copy_config(shared);
	ck_assert_int_eq(transfer_config_get_kind(config), TRANSFER_SESSION_DEFAULT);
	transfer_session_invalidate_and_cancel(shared);
	transfer_session_finish_and_invalidate(shared);
	peer_live_answer_all(rig.peer, true);
	task = transfer_session_data_task(shared, request, NULL, NULL);
	transfer_task_resume(task);
	ck_assert_int_eq(transfer_task_wait(task, 10000, NULL), 0);
	ck_assert_ptr_nonnull(strstr(peer_live_log(rig.peer), "open shared"));
	done(task);
}
END_TEST

static void on_flushed(const transfer_error *error, void *userdata)
{
	live_rig_note(userdata, "flushed %d\n", error ? transfer_error_get_code(error) : 0);
}

START_TEST(flushes_and_resets)
{
	live_rig_init(&rig, &live_rig_delegate);
	transfer_session_flush(rig.session, on_flushed, &rig);
	transfer_session_reset(rig.session, on_flushed, &rig);
	transfer_session_finish_and_invalidate(rig.session);
	live_rig_expect(&rig, "inval 0\n");
	ck_assert_str_eq(rig.log, "flushed 0\nflushed 0\ninval 0\ndestroyed\n");
	peer_live_expect(rig.peer, "flush\nreset\nclose 1\n");
	live_rig_done(&rig);
}
END_TEST

START_TEST(has_a_description)
{
	char *text;

	live_rig_init(&rig, NULL);
	ck_assert_ptr_null(transfer_session_copy_description(rig.session));
	ck_assert_int_eq(transfer_session_set_description(rig.session, "mine"), 0);
	text = transfer_session_copy_description(rig.session);
	ck_assert_str_eq(text, "mine");
	free(text);
	ck_assert_int_eq(transfer_session_set_description(rig.session, "\xff"), -EINVAL);
	ck_assert_int_eq(transfer_session_set_description(rig.session, NULL), 0);
	ck_assert_ptr_null(transfer_session_copy_description(rig.session));
	ck_assert_ptr_null(transfer_session_get_identifier(rig.session));
	live_rig_done(&rig);
}
END_TEST

/* ---- the end of transferd ---- */

START_TEST(tasks_end_when_transferd_goes)
{
	transfer_task *task;
	int fd;

	live_rig_init(&rig, &live_rig_delegate);
	task = live_rig_get(&rig, "a");
	transfer_task_unref(live_rig_fetch(&rig, "b"));
	peer_live_expect(rig.peer, URL "b");
	fd = live_rig_send_pipe(&rig, 1);
	live_rig_put(fd, "one");
	live_rig_expect(&rig, "data 'one'\n");
	peer_stop(rig.peer);
	live_rig_expect(&rig, "done 1 -997\n");
	live_rig_expect(&rig, "handler 0 -997 ''\n");
	close(fd);
	peer_start(rig.peer);
	peer_live_answer_all(rig.peer, true);
	transfer_task_unref(live_rig_fetch(&rig, "c"));
	live_rig_expect(&rig, "handler 200 0 '3'\n");
	ck_assert_uint_eq(live_rig_count(&rig, "done 1"), 1);
	done(task);
}
END_TEST

/* It had no memory for what it was to tell: nobody waits for that. */
START_TEST(tasks_end_when_transferd_loses_the_session)
{
	transfer_task *task;

	live_rig_init(&rig, &live_rig_delegate);
	task = live_rig_get(&rig, "a");
	peer_live_expect(rig.peer, URL "a");
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_RECEIVE_RESPONSE, .status = 200 },
		{ .kind = IPC_EVENT_DID_BECOME_INVALID });
	live_rig_expect(&rig, "done 1 -997\n");
	ck_assert_ptr_null(strstr(rig.log, "inval"));
	peer_live_answer_all(rig.peer, true);
	transfer_task_unref(live_rig_fetch(&rig, "c"));
	live_rig_expect(&rig, "handler 200 0 '2'\n");
	done(task);
}
END_TEST

/* What cannot be acknowledged is lost, and transferd, which is still there, is told to drop it. */
START_TEST(a_session_that_is_lost_is_closed)
{
	transfer_auto(transfer_request) request = transfer_request_new(URL "f");
	transfer_task *task, *download;

	live_rig_init(&rig, &live_rig_delegate);
	task = live_rig_get(&rig, "a");
	download = transfer_session_download_task(rig.session, request, live_rig_on_file, &rig);
	transfer_task_resume(download);
	peer_live_expect(rig.peer, "create download");
	peer_fail_once(rig.peer, IPC_E_BUSY);
	PEER_LIVE(rig.peer,
		{ .task = 2,
			.kind = IPC_EVENT_DID_COMPLETE,
			.folded = true,
			.status = 200,
			.file = "whole" });
	live_rig_expect(&rig, "done 1 -997\n");
	peer_live_expect(rig.peer, "ack 1\nclose 1\n");
	transfer_task_unref(download);
	done(task);
}
END_TEST

/* One end, also of a session that waits for its last task. */
START_TEST(a_finishing_session_ends_once_with_the_bus)
{
	transfer_task *task;

	live_rig_init(&rig, &live_rig_delegate);
	task = live_rig_get(&rig, "a");
	peer_live_expect(rig.peer, "create data");
	transfer_session_finish_and_invalidate(rig.session);
	live_rig_lose_bus(&rig);
	live_rig_expect(&rig, "inval");
	live_rig_dispatch(&rig);
	ck_assert_str_eq(rig.log, "created 1\ndone 1 -997\ninval 0\ndestroyed\n");
	done(task);
}
END_TEST

/* In the queue of the shared session: not into the log, which has no lock. */
static void on_shared(const transfer_data *data, const transfer_response *response,
	const transfer_error *error, void *userdata)
{
	(void)data;
	(void)response;
	(void)userdata;
	ck_assert_ptr_nonnull(error);
}

/* The one of the process is made anew, if it can be. */
START_TEST(a_shared_session_without_its_bus_is_not_lent_again)
{
	transfer_auto(transfer_request) request = transfer_request_new(URL "a");
	transfer_session *shared;
	transfer_task *task;

	live_rig_init(&rig, NULL);
	shared = transfer_session_get_shared(NULL);
	ck_assert_ptr_nonnull(shared);
	ck_assert_ptr_eq(transfer_session_get_shared(NULL), shared);
	task = transfer_session_data_task(shared, request, on_shared, NULL);
	live_rig_lose_bus(&rig);
	ck_assert_int_eq(transfer_task_wait(task, 10000, NULL), -EIO);
	ck_assert_ptr_null(transfer_session_get_shared(NULL));
	done(task);
}
END_TEST

START_TEST(tasks_end_when_nobody_serves)
{
	live_rig_init(&rig, &live_rig_delegate);
	peer_stop(rig.peer);
	transfer_task_unref(live_rig_get(&rig, "a"));
	live_rig_expect(&rig, "done 1 -997\n");
	peer_start(rig.peer);
	live_rig_done(&rig);
}
END_TEST

static void on_not_done(const transfer_error *error, void *userdata)
{
	live_rig_note(userdata, "not done %d of %d\n", transfer_error_get_code(error),
		(int)transfer_error_get_domain(error));
}

/* TRANSFER_CLIENT_NO_AUTOSTART, and no transferd. */
START_TEST(says_that_transferd_does_not_run)
{
	transfer_auto(transfer_request) request = transfer_request_new(URL "a");
	transfer_auto(transfer_config) ephemeral = transfer_config_new_ephemeral();
	transfer_session *sessions[3];

	live_rig_init(&rig, &live_rig_delegate);
	transfer_session_unref(rig.session);
	transfer_client_unref(rig.client);
	peer_stop(rig.peer);
	ck_assert_int_eq(transfer_client_new(&rig.client, TRANSFER_CLIENT_NO_AUTOSTART, NULL), 0);
	rig.session = sessions[0] = live_rig_open(&rig, NULL, &live_rig_delegate);
	sessions[1] = live_rig_open(&rig, ephemeral, &live_rig_delegate);
	sessions[2] = transfer_session_get_shared(rig.client);
	for (size_t i = 0; i < 3; i++) {
		transfer_auto(transfer_error) error = NULL;

		ck_assert_int_eq(transfer_fetch(sessions[i], request, NULL, NULL, &error), -EIO);
		ck_assert_int_eq(transfer_error_get_domain(error), TRANSFER_DOMAIN_BUS);
		ck_assert_int_eq(transfer_error_get_code(error), TRANSFER_BUS_ERROR_NOT_RUNNING);
	}
	transfer_session_flush(rig.session, on_not_done, &rig);
	live_rig_expect(&rig, "not done 3 of 3\n");
	peer_start(rig.peer);
	transfer_task_unref(live_rig_get(&rig, "b"));
	peer_live_expect(rig.peer, URL "b");
	transfer_session_unref(sessions[1]);
	live_rig_done(&rig);
}
END_TEST

RUN_TESTS("client-lib/live-end", TEST(finishes_with_its_last_task),
	TEST(waits_for_a_task_that_may_be_resumed), TEST(cancels_all_and_ends),
	TEST(a_session_that_did_nothing_ends_at_once), TEST(a_dropped_session_tells_nobody),
	TEST(the_shared_session_is_one), TEST(flushes_and_resets), TEST(has_a_description),
	TEST(tasks_end_when_transferd_goes), TEST(tasks_end_when_transferd_loses_the_session),
	TEST(a_session_that_is_lost_is_closed), TEST(a_finishing_session_ends_once_with_the_bus),
	TEST(a_shared_session_without_its_bus_is_not_lent_again),
	TEST(tasks_end_when_nobody_serves), TEST(says_that_transferd_does_not_run))
