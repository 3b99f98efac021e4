/* SPDX-License-Identifier: MIT */
/* Sessions that live in memory: their tasks from the making to the end. */
#include "client-lib/live.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/client-lib/live-rig.h"
#include "tests/lib/run.h"

static struct live_rig rig;

static void done(transfer_task *task)
{
	transfer_task_unref(task);
	live_rig_done(&rig);
}

/* ---- bodies ---- */

START_TEST(a_handler_gets_the_body)
{
	transfer_task *task;

	live_rig_init(&rig, NULL);
	task = live_rig_fetch(&rig, "a");
	ck_assert_uint_eq(transfer_task_get_id(task), 1);
	peer_live_expect(rig.peer, "create data " URL "a - -\n");
	live_rig_answer(&rig, 1, "hello");
	live_rig_expect(&rig, "handler 200 0 'hello'\n");
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_COMPLETED);
	ck_assert_int_eq(transfer_task_wait(task, 0, NULL), 0);
	ck_assert_ptr_nonnull(strstr(peer_live_log(rig.peer), "open default"));
	done(task);
}
END_TEST

static void in_pieces(const struct peer_row *body, size_t n)
{
	transfer_task *task;

	live_rig_init(&rig, NULL);
	task = live_rig_fetch(&rig, "a");
	peer_live_expect(rig.peer, "create data");
	peer_live_send(rig.peer, body, n);
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_COMPLETE });
	live_rig_expect(&rig, "handler 200 0 'onetwothree'\n");
	done(task);
}

START_TEST(a_handler_gets_all_pieces)
{
	const struct peer_row rows[] = {
		{ .task = 1, .kind = IPC_EVENT_DID_RECEIVE_RESPONSE, .status = 200 },
		{ .task = 1, .kind = IPC_EVENT_DID_RECEIVE_DATA, .body = "one" },
		{ .task = 1,
			.kind = IPC_EVENT_DID_RECEIVE_DATA,
			.body = "two",
			.body_in_file = true },
		{ .task = 1, .kind = IPC_EVENT_DID_RECEIVE_DATA, .body = "three" },
	};

	in_pieces(rows, 4);
}
END_TEST

START_TEST(a_handler_gets_a_failure)
{
	transfer_task *task;

	live_rig_init(&rig, NULL);
	task = live_rig_fetch(&rig, "a");
	peer_live_expect(rig.peer, "create data");
	PEER_LIVE(rig.peer,
		{ .task = 1,
			.kind = IPC_EVENT_DID_COMPLETE,
			.folded = true,
			.status = 200,
			.body = "cut",
			.code = -1005 });
	live_rig_expect(&rig, "handler 200 -1005 ''\n");
	ck_assert_int_eq(transfer_task_wait(task, 0, NULL), -EIO);
	done(task);
}
END_TEST

START_TEST(what_follows_a_pipe_waits_for_its_end)
{
	transfer_task *task;
	int fd;

	live_rig_init(&rig, &live_rig_delegate);
	task = live_rig_get(&rig, "a");
	peer_live_expect(rig.peer, "create data");
	fd = live_rig_send_pipe(&rig, 1);
	live_rig_put(fd, "one");
	live_rig_expect(&rig, "data 'one'\n");
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_COMPLETE });
	/* a second task shows that the row was read */
	transfer_task_unref(live_rig_get(&rig, "b"));
	peer_live_expect(rig.peer, URL "b");
	PEER_LIVE(rig.peer, { .task = 2, .kind = IPC_EVENT_DID_COMPLETE });
	live_rig_expect(&rig, "done 2 0\n");
	ck_assert_ptr_null(strstr(rig.log, "done 1"));
	live_rig_put(fd, "two");
	close(fd);
	live_rig_expect(&rig, "data 'two'\ndone 1 0\n");
	done(task);
}
END_TEST

START_TEST(a_slow_delegate_holds_up_the_pipe)
{
	static char block[4096];
	transfer_task *task;
	size_t written = 0;
	int fd;

	live_rig_init(&rig, &live_rig_delegate);
	rig.is_quiet = true;
	task = live_rig_get(&rig, "a");
	peer_live_expect(rig.peer, "create data");
	fd = live_rig_send_pipe(&rig, 1);
	/* nobody dispatches: what fits is a piece, and what the pipe holds */
	for (int quiet = 0; quiet < 20;) {
		struct pollfd wait = { .fd = fd, .events = POLLOUT };

		if (poll(&wait, 1, 10) <= 0) {
			quiet++;
			continue;
		}
		quiet = 0;
		written += (size_t)write(fd, block, sizeof(block));
		ck_assert_uint_le(written, 512u * 1024);
	}
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_COMPLETE });
	close(fd);
	live_rig_expect(&rig, "done 1 0\n");
	ck_assert_uint_eq(rig.n_data_bytes, written);
	done(task);
}
END_TEST

START_TEST(a_whole_body_is_told_once)
{
	transfer_task *task;
	int fd;

	live_rig_init(&rig, &live_rig_delegate);
	task = live_rig_make(&rig, "a", false);
	ck_assert(transfer_task_get_prefers_incremental(task));
	ck_assert_int_eq(transfer_task_set_prefers_incremental(task, false), 0);
	transfer_task_resume(task);
	ck_assert_int_eq(transfer_task_set_prefers_incremental(task, true), -EBUSY);
	peer_live_expect(rig.peer, "create data " URL "a - - whole");
	fd = live_rig_send_pipe(&rig, 1);
	live_rig_put(fd, "one");
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_COMPLETE });
	live_rig_put(fd, "two");
	close(fd);
	live_rig_expect(&rig, "data 'onetwo'\ndone 1 0\n");
	done(task);
}
END_TEST

START_TEST(a_download_has_a_file)
{
	transfer_auto(transfer_request) request = transfer_request_new(URL "f");
	transfer_task *task;

	live_rig_init(&rig, &live_rig_delegate);
	task = transfer_session_download_task(rig.session, request, live_rig_on_file, &rig);
	transfer_task_resume(task);
	peer_live_expect(rig.peer, "create download");
	PEER_LIVE(rig.peer,
		{ .task = 1,
			.kind = IPC_EVENT_DID_COMPLETE,
			.folded = true,
			.status = 200,
			.file = "whole",
			.bytes = 5,
			.total = 5 });
	live_rig_expect(&rig, "handler 200 0\nfile 'whole'\n");
	/* what was handed over is not needed any more */
	peer_live_expect(rig.peer, "ack 1\n");
	done(task);
}
END_TEST

/* ---- the life of tasks ---- */

START_TEST(counts_suspensions)
{
	transfer_task *task;

	live_rig_init(&rig, &live_rig_delegate);
	task = live_rig_make(&rig, "a", false);
	transfer_task_suspend(task);
	transfer_task_suspend(task);
	transfer_task_resume(task);
	transfer_task_resume(task);
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_SUSPENDED);
	transfer_task_unref(live_rig_get(&rig, "other"));
	peer_live_expect(rig.peer, URL "other");
	ck_assert_ptr_null(strstr(peer_live_log(rig.peer), URL "a "));
	transfer_task_resume(task);
	transfer_task_resume(task); /* one too many */
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_RUNNING);
	peer_live_expect(rig.peer, URL "a ");
	transfer_task_suspend(task);
	peer_live_expect(rig.peer, "suspend 2\n");
	transfer_task_resume(task);
	peer_live_expect(rig.peer, "resume 2\n");
	done(task);
}
END_TEST

START_TEST(an_unsent_task_is_cancelled_here)
{
	transfer_task *task;

	live_rig_init(&rig, &live_rig_delegate);
	task = live_rig_make(&rig, "a", false);
	transfer_task_cancel(task);
	live_rig_expect(&rig, "done 1 -999\n");
	transfer_task_resume(task);
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_COMPLETED);
	transfer_task_unref(live_rig_get(&rig, "other"));
	peer_live_expect(rig.peer, URL "other");
	ck_assert_ptr_null(strstr(peer_live_log(rig.peer), URL "a "));
	done(task);
}
END_TEST

START_TEST(a_running_task_is_cancelled_once)
{
	transfer_task *task;
	int fd;

	live_rig_init(&rig, &live_rig_delegate);
	task = live_rig_get(&rig, "a");
	peer_live_expect(rig.peer, "create data");
	fd = live_rig_send_pipe(&rig, 1);
	live_rig_put(fd, "one");
	live_rig_expect(&rig, "data 'one'\n");
	transfer_task_cancel(task);
	transfer_task_cancel(task);
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_CANCELING);
	peer_live_expect(rig.peer, "cancel 1\n");
	live_rig_expect(&rig, "done 1 -999\n");
	ck_assert_uint_eq(live_rig_count(&rig, "done"), 1);
	close(fd);
	done(task);
}
END_TEST

START_TEST(an_end_that_waits_becomes_cancelled)
{
	transfer_task *task;

	live_rig_init(&rig, NULL);
	task = live_rig_fetch(&rig, "a");
	peer_live_expect(rig.peer, "create data");
	live_rig_answer(&rig, 1, "hello");
	ck_assert_int_eq(transfer_task_wait(task, 10000, NULL), 0);
	transfer_task_cancel(task);
	live_rig_expect(&rig, "handler 200 -999 ''\n");
	done(task);
}
END_TEST

START_TEST(a_task_that_nobody_can_resume_ends)
{
	live_rig_init(&rig, &live_rig_delegate);
	transfer_task_unref(live_rig_make(&rig, "a", false));
	live_rig_expect(&rig, "created 1\ndone 1 -999\n");
	live_rig_done(&rig);
}
END_TEST

START_TEST(what_was_wrong_is_told_when_it_is_resumed)
{
	transfer_auto(transfer_request) request = transfer_request_new(URL);
	transfer_task *task;

	live_rig_init(&rig, &live_rig_delegate);
	ck_assert_int_ne(transfer_request_set_header(request, "bad name", "x"), 0);
	task = transfer_session_data_task(rig.session, request, NULL, NULL);
	live_rig_dispatch(&rig);
	ck_assert_str_eq(rig.log, "created 1\n");
	transfer_task_resume(task);
	live_rig_expect(&rig, "done 1 22\n");
	done(task);
}
END_TEST

/* ---- lists ---- */

static void on_lists(const struct transfer_task_lists *lists, void *userdata)
{
	live_rig_note(userdata, "lists %zu %zu %zu\n", lists->n_data, lists->n_uploads,
		lists->n_downloads);
	for (size_t i = 0; i < lists->n_data; i++)
		live_rig_note(userdata, "listed %llu\n",
			(unsigned long long)transfer_task_get_id(lists->data[i]));
}

static void on_tasks(transfer_task *const *tasks, size_t n, void *userdata)
{
	(void)tasks;
	live_rig_note(userdata, "tasks %zu\n", n);
}

START_TEST(lists_tasks)
{
	transfer_auto(transfer_request) request = transfer_request_new(URL "f");
	transfer_task *never, *running, *download, *cancelled;

	live_rig_init(&rig, &live_rig_delegate);
	never = live_rig_make(&rig, "a", false);
	download = transfer_session_download_task(rig.session, request, NULL, NULL);
	running = live_rig_get(&rig, "b");
	cancelled = live_rig_make(&rig, "c", false);
	transfer_task_cancel(cancelled);
	transfer_session_get_task_lists(rig.session, on_lists, &rig);
	transfer_session_get_tasks(rig.session, on_tasks, &rig);
	live_rig_expect(&rig, "lists 2 0 1\nlisted 1\nlisted 3\ntasks 3\n");
	transfer_session_invalidate_and_cancel(rig.session);
	live_rig_expect(&rig, "inval 0\n");
	transfer_session_get_tasks(rig.session, on_tasks, &rig);
	live_rig_expect(&rig, "tasks 0\n");
	transfer_task_unref(never);
	transfer_task_unref(download);
	transfer_task_unref(cancelled);
	done(running);
}
END_TEST

/* ---- where they run ---- */

static void on_body(const transfer_data *body, const transfer_response *response,
	const transfer_error *error, void *userdata)
{
	(void)body;
	(void)response;
	(void)error;
	sem_post(userdata);
}

/* While none can be had: its stack would be larger than there are addresses. */
START_TEST(callbacks_wait_for_a_thread)
{
	transfer_auto(transfer_request) request = transfer_request_new("data:,x");
	struct timespec until;
	transfer_session *session;
	transfer_task *task;
	pthread_attr_t usual, large;
	sem_t is_told;

	live_rig_init(&rig, NULL);
	sem_init(&is_told, 0, 0);
	ck_assert_int_eq(transfer_session_new(&session, rig.client, NULL, NULL, NULL), 0);
	task = transfer_session_data_task(session, request, on_body, &is_told);
	ck_assert_int_eq(pthread_getattr_default_np(&usual), 0);
	large = usual;
	ck_assert_int_eq(pthread_attr_setstacksize(&large, SIZE_MAX >> 2), 0);
	ck_assert_int_eq(pthread_setattr_default_np(&large), 0);
	transfer_task_resume(task);
	ck_assert_int_eq(pthread_setattr_default_np(&usual), 0);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	ck_assert_int_eq(sem_timedwait(&is_told, &until), 0);
	transfer_session_unref(session);
	sem_destroy(&is_told);
	done(task);
}
END_TEST

/* ---- resume data ---- */

static void on_resume_data(const transfer_data *data, void *userdata)
{
	live_rig_note(userdata, "resume data %zu\n", transfer_data_get_size(data));
}

START_TEST(cancels_with_resume_data)
{
	transfer_auto(transfer_request) request = transfer_request_new(URL "f");
	transfer_task *task, *never;

	live_rig_init(&rig, &live_rig_delegate);
	task = transfer_session_download_task(rig.session, request, NULL, NULL);
	never = transfer_session_download_task(rig.session, request, NULL, NULL);
	transfer_task_resume(task);
	peer_live_expect(rig.peer, "create download");
	transfer_task_cancel_by_producing_resume_data(task, on_resume_data, &rig);
	live_rig_expect(&rig, "resume data 3\n");
	live_rig_expect(&rig, "done 1 -999\n");
	transfer_task_cancel_by_producing_resume_data(never, on_resume_data, &rig);
	live_rig_expect(&rig, "resume data 0\ndone 2 -999\n");
	transfer_task_unref(never);
	done(task);
}
END_TEST

static void step_until(const char *(*log)(void), const char *text)
{
	for (int i = 0; i < 1000 && !strstr(log(), text); i++) {
		transfer_client_dispatch(rig.client, 10);
		live_rig_dispatch(&rig);
	}
	ck_assert_msg(strstr(log(), text) != NULL, "no %s in %s", text, log());
}

static const char *what_was_asked(void)
{
	return peer_live_log(rig.peer);
}

static const char *what_was_told(void)
{
	return rig.log;
}

/* The task ends before transferd could be asked for its resume data: the session ends all the same. */
START_TEST(a_void_question_holds_up_no_end)
{
	transfer_auto(transfer_request) request = transfer_request_new(URL "f");
	struct pollfd readable = { .events = POLLIN };
	transfer_task *task;

	live_rig_init(&rig, &live_rig_delegate);
	transfer_session_unref(rig.session);
	transfer_client_unref(rig.client);
	/* without a thread, nothing is asked between two steps */
	ck_assert_int_eq(transfer_client_new(&rig.client, TRANSFER_CLIENT_NO_THREAD, NULL), 0);
	rig.session = live_rig_open(&rig, NULL, &live_rig_delegate);
	task = transfer_session_download_task(rig.session, request, NULL, NULL);
	transfer_task_resume(task);
	step_until(what_was_asked, "create download");
	ck_assert_int_eq(transfer_client_flush(rig.client, 10000), 0);
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_COMPLETE });
	readable.fd = transfer_client_get_fd(rig.client);
	ck_assert_int_eq(poll(&readable, 1, 10000), 1);
	transfer_task_cancel_by_producing_resume_data(task, on_resume_data, &rig);
	transfer_session_finish_and_invalidate(rig.session);
	step_until(what_was_told, "inval 0\n");
	ck_assert_ptr_nonnull(strstr(rig.log, "resume data 0\n"));
	transfer_task_unref(task);
	live_rig_done(&rig);
}
END_TEST

RUN_TESTS("client-lib/live", TEST(a_handler_gets_the_body), TEST(a_handler_gets_all_pieces),
	TEST(a_handler_gets_a_failure), TEST(what_follows_a_pipe_waits_for_its_end),
	TEST(a_slow_delegate_holds_up_the_pipe), TEST(a_whole_body_is_told_once),
	TEST(a_download_has_a_file), TEST(counts_suspensions),
	TEST(an_unsent_task_is_cancelled_here), TEST(a_running_task_is_cancelled_once),
	TEST(an_end_that_waits_becomes_cancelled), TEST(a_task_that_nobody_can_resume_ends),
	TEST(what_was_wrong_is_told_when_it_is_resumed), TEST(lists_tasks),
	TEST(callbacks_wait_for_a_thread), TEST(cancels_with_resume_data),
	TEST(a_void_question_holds_up_no_end))
