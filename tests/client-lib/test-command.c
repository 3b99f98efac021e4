/* SPDX-License-Identifier: MIT */
/* What travels together, and what a refusal does to its neighbours. */
#include "client-lib/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/client-lib/rig.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

START_TEST(makes_many_in_few_calls)
{
	struct rig rig;
	transfer_task *tasks[3000];

	rig_init(&rig, 0);
	rig_open(&rig);
	peer_stop(rig.peer);
	for (int i = 0; i < 3000; i++)
		tasks[i] = rig_download(&rig, "https://example.org/a");
	peer_start(rig.peer);
	rig_flush(&rig);
	ck_assert_uint_eq(peer_n_tasks(rig.peer), 3000);
	ck_assert_uint_le(peer_n_create_calls(rig.peer), 4);
	for (int i = 0; i < 3000; i++) {
		ck_assert_uint_eq(transfer_task_get_id(tasks[i]), 100 + (uint64_t)i);
		transfer_task_unref(tasks[i]);
	}
	rig_done(&rig);
}
END_TEST

/* One bad task among good ones fails alone. */
START_TEST(fails_only_the_bad_one)
{
	struct rig rig;
	transfer_task *tasks[10];

	rig_init(&rig, 0);
	rig_open(&rig);
	peer_stop(rig.peer);
	for (int i = 0; i < 10; i++) {
		tasks[i] = rig_download(&rig, i == 4 ? "https://bad/" : "https://example.org/a");
		transfer_task_resume(tasks[i]);
	}
	peer_start(rig.peer);
	rig_flush(&rig);
	rig_expect(&rig, "complete 0 ");
	ck_assert_uint_eq(peer_n_tasks(rig.peer), 9);
	ck_assert_uint_eq(rig_count(&rig, "complete"), 1);
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(transfer_task_get_id(tasks[i]) != 0, i != 4);
		ck_assert(i == 4 || !peer_is_suspended(rig.peer, transfer_task_get_id(tasks[i])));
		transfer_task_unref(tasks[i]);
	}
	rig_done(&rig);
}
END_TEST

/* Descriptors bound a call: 16 files at most, none is lost. */
START_TEST(sends_many_files)
{
	transfer_auto(transfer_request) request = transfer_request_new("https://example.org/in");
	struct rig rig;
	char *path;

	rig_init(&rig, 0);
	rig_open(&rig);
	path = tmpdir_path("source");
	ck_assert_int_eq(tmpdir_write(path, "x"), 0);
	peer_stop(rig.peer);
	for (int i = 0; i < 40; i++)
		transfer_task_unref(
			transfer_session_upload_task_file(rig.session, request, path, NULL, NULL));
	peer_start(rig.peer);
	rig_flush(&rig);
	ck_assert_uint_eq(peer_n_tasks(rig.peer), 40);
	ck_assert_uint_ge(peer_n_create_calls(rig.peer), 3);
	ck_assert_str_eq(peer_describe(rig.peer, 139), "upload https://example.org/in - - - x");
	free(path);
	rig_done(&rig);
}
END_TEST

/* What need not be said to the daemon is off the line as well, and whoever waits for that hears of it. */
START_TEST(flushes_what_nobody_is_told)
{
	transfer_auto(transfer_request) request = transfer_request_new("https://example.org/in");
	struct rig rig;
	transfer_task *task;

	rig_init(&rig, 0);
	rig_open(&rig);
	task = transfer_session_upload_task_file(rig.session, request, "/nowhere", NULL, NULL);
	ck_assert_int_eq(transfer_task_wait(task, 0, NULL), -EIO);
	for (int i = 0; i < 2000; i++) {
		transfer_task_resume(task);
		ck_assert_int_eq(transfer_client_flush(rig.client, 5000), 0);
	}
	transfer_task_unref(task);
	rig_done(&rig);
}
END_TEST

RUN_TESTS("client-lib/command", TEST(makes_many_in_few_calls), TEST(fails_only_the_bad_one),
	TEST(sends_many_files), TEST(flushes_what_nobody_is_told))
