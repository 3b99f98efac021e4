/* SPDX-License-Identifier: MIT */
/* Clients: with and without a thread, without a bus, after fork, at the end. */
#include "client-lib/client.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/client-lib/rig.h"
#include "tests/lib/proc.h"
#include "tests/lib/run.h"

START_TEST(needs_a_bus)
{
	transfer_auto(transfer_error) error = NULL;
	transfer_client *client = NULL;

	setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
	ck_assert_int_eq(transfer_client_new(&client, 1 << 20, NULL), -EINVAL);
	ck_assert_int_lt(transfer_client_new(&client, 0, &error), 0);
	ck_assert_ptr_null(client);
	ck_assert_int_eq(transfer_error_get_domain(error), TRANSFER_DOMAIN_BUS);
	ck_assert_int_eq(transfer_error_get_code(error), TRANSFER_BUS_ERROR_UNREACHABLE);
	ck_assert_ptr_nonnull(transfer_error_get_hint(error));
}
END_TEST

/* Everything by one thread: open, make, call back. */
START_TEST(works_without_a_thread)
{
	transfer_auto(transfer_config) config = transfer_config_new_background(RIG_IDENTIFIER);
	struct transfer_owner owner = { TRANSFER_OWNER_INIT, .delegate = &rig_delegate };
	struct rig rig;
	transfer_task *task;
	uint64_t until_ms = proc_now_ms() + 10000;

	rig_init(&rig, TRANSFER_CLIENT_NO_THREAD);
	owner.userdata = &rig;
	peer_finish_by_itself(rig.peer, true);
	ck_assert_int_eq(transfer_session_new(&rig.session, rig.client, config, &owner, NULL), 0);
	task = rig_download(&rig, "https://example.org/a");
	transfer_task_resume(task);
	while (!strstr(rig.log, "complete")) {
		struct pollfd wait = { .fd = transfer_client_get_fd(rig.client), .events = POLLIN };

		ck_assert_int_eq(poll(&wait, 1, proc_left_ms(until_ms)), 1);
		ck_assert_int_ge(transfer_client_dispatch(rig.client, 0), 0);
	}
	ck_assert_ptr_nonnull(strstr(rig.log, "finished task 100\ncomplete 100 0\n"));
	transfer_task_unref(task);
	task = rig_download(&rig, "https://example.org/b");
	transfer_task_resume(task);
	ck_assert_int_eq(transfer_task_wait(task, 10000, NULL), 0);
	ck_assert_int_eq(transfer_client_flush(rig.client, 10000), 0);
	transfer_task_unref(task);
	rig_done(&rig);
}
END_TEST

struct loop {
	transfer_client *client;
	sem_t begun;
	atomic_bool is_over;
};

static void *run_loop(void *userdata)
{
	struct loop *loop = userdata;

	sem_post(&loop->begun);
	while (!loop->is_over)
		ck_assert_int_ge(transfer_client_dispatch(loop->client, -1), 0);
	return NULL;
}

/* Who waits does not hang on whoever does the I/O, and sees what others do. */
START_TEST(waits_beside_a_loop)
{
	struct rig rig;
	struct loop loop = { 0 };
	transfer_task *task;
	pthread_t thread;

	rig_init(&rig, TRANSFER_CLIENT_NO_THREAD);
	rig_open(&rig);
	loop.client = rig.client;
	sem_init(&loop.begun, 0, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, run_loop, &loop), 0);
	sem_wait(&loop.begun);
	task = rig_download(&rig, "https://example.org/a");
	ck_assert_int_eq(transfer_task_wait(task, 200, NULL), -ETIMEDOUT);
	peer_finish_by_itself(rig.peer, true);
	transfer_task_resume(task);
	ck_assert_int_eq(transfer_task_wait(task, 10000, NULL), 0);
	ck_assert_int_eq(transfer_client_flush(rig.client, 10000), 0);
	loop.is_over = true;
	transfer_session_set_description(rig.session, "wakes it");
	pthread_join(thread, NULL);
	sem_destroy(&loop.begun);
	transfer_task_unref(task);
	rig_done(&rig);
}
END_TEST

START_TEST(says_which_calls_are_not_for_it)
{
	struct rig rig;

	rig_init(&rig, 0);
	ck_assert_int_eq(transfer_client_get_fd(rig.client), -EOPNOTSUPP);
	ck_assert_int_eq(transfer_client_dispatch(rig.client, 0), -EOPNOTSUPP);
	rig_done(&rig);
}
END_TEST

START_TEST(asks_for_the_version)
{
	char *version;
	struct rig rig;

	rig_init(&rig, _i ? TRANSFER_CLIENT_NO_THREAD : 0);
	version = transfer_client_copy_daemon_version(rig.client);
	ck_assert_str_eq(version, "9.9");
	free(version);
	rig_done(&rig);
}
END_TEST

START_TEST(does_not_start_transferd_when_told_so)
{
	transfer_auto(transfer_error) error = NULL;
	struct rig rig;

	rig_init(&rig, TRANSFER_CLIENT_NO_AUTOSTART);
	rig_open(&rig);
	rig_close_session(&rig);
	ck_assert(peer_wait(rig.peer, peer_has_detached, 0));
	transfer_client_unref(rig.client);
	peer_stop(rig.peer);
	ck_assert_int_eq(transfer_client_new(&rig.client, TRANSFER_CLIENT_NO_AUTOSTART, NULL), 0);
	ck_assert_int_eq(rig_try_open(&rig, &error), -ENOTCONN);
	ck_assert_int_eq(transfer_error_get_domain(error), TRANSFER_DOMAIN_BUS);
	ck_assert_int_eq(transfer_error_get_code(error), TRANSFER_BUS_ERROR_NOT_RUNNING);
	peer_start(rig.peer);
	rig_done(&rig);
}
END_TEST

/* A program that makes tasks and ends loses none of them. */
START_TEST(sends_everything_before_it_ends)
{
	struct rig rig;

	rig_init(&rig, 0);
	rig_open(&rig);
	for (int i = 0; i < 2500; i++) {
		transfer_auto(transfer_task) task = rig_download(&rig, "https://example.org/a");

		transfer_task_resume(task);
	}
	rig_close_session(&rig);
	transfer_client_unref(rig.client);
	rig.client = NULL;
	ck_assert_uint_eq(peer_n_tasks(rig.peer), 2500);
	for (uint64_t id = 100; id < 2600; id++)
		ck_assert(!peer_is_suspended(rig.peer, id));
	rig_done(&rig);
}
END_TEST

static void run_child(struct rig *rig, transfer_task *task)
{
	transfer_auto(transfer_error) error = NULL;
	transfer_session *session = rig->session;

	alarm(10);
	if (transfer_client_flush(rig->client, -1) != -ECHILD ||
		rig_try_open(rig, &error) != -ECHILD ||
		transfer_task_wait(task, -1, NULL) != -ECHILD || transfer_task_get_id(task) != 100)
		_exit(1);
	transfer_task_suspend(task);
	transfer_task_unref(task);
	transfer_session_unref(session);
	transfer_client_unref(rig->client);
	_exit(0);
}

START_TEST(is_dead_in_a_child)
{
	struct rig rig;
	transfer_task *task;
	int status;
	pid_t pid;

	task = rig_begin(&rig);
	pid = fork();
	if (pid == 0)
		run_child(&rig, task);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	transfer_task_resume(task);
	rig_flush(&rig);
	ck_assert(!peer_is_suspended(rig.peer, 100));
	transfer_task_unref(task);
	rig_done(&rig);
}
END_TEST

static void on_drop(transfer_session *session, void *user)
{
	struct rig *rig = user;

	(void)session;
	transfer_session_unref(rig->session);
	transfer_client_unref(rig->client);
	rig->session = NULL;
	rig->client = NULL;
	rig->n_calls++;
}

/* The last handles may go in a callback. */
START_TEST(is_dropped_in_a_callback)
{
	const uint64_t flags = _i ? TRANSFER_CLIENT_NO_THREAD : 0;
	transfer_auto(transfer_config) config = transfer_config_new_background(RIG_IDENTIFIER);
	const struct transfer_session_delegate delegate = {
		TRANSFER_SESSION_DELEGATE_INIT,
		.did_finish_background_events = on_drop,
	};
	struct transfer_owner owner = { TRANSFER_OWNER_INIT, .delegate = &delegate };
	uint64_t until_ms = proc_now_ms() + 10000;
	struct rig rig;

	rig_init(&rig, flags);
	owner.userdata = &rig;
	owner.queue = _i == 1 ? NULL : rig.queue;
	ck_assert_int_eq(transfer_session_new(&rig.session, rig.client, config, &owner, NULL), 0);
	while (!rig.n_calls && proc_left_ms(until_ms)) {
		if (_i == 1)
			transfer_client_dispatch(rig.client, 100);
		else
			transfer_queue_dispatch(rig.queue, 100);
	}
	ck_assert_int_eq(rig.n_calls, 1);
	ck_assert(peer_wait(rig.peer, peer_has_detached, 0));
	rig_done(&rig);
}
END_TEST

RUN_TESTS("client-lib/client", TEST(needs_a_bus), TEST(works_without_a_thread),
	TEST(waits_beside_a_loop), TEST(says_which_calls_are_not_for_it),
	TEST_LOOP(asks_for_the_version, 2), TEST(does_not_start_transferd_when_told_so),
	TEST(sends_everything_before_it_ends), TEST(is_dead_in_a_child),
	TEST_LOOP(is_dropped_in_a_callback, 2))
