/* SPDX-License-Identifier: MIT */
/* A process that forks while its other threads are inside the library: the child is never held up by their locks. */
#include "client-lib/fork.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <transfer/manager.h>

#include "tests/client-lib/live-rig.h"
#include "tests/lib/run.h"

#define N_FORKS       100
#define CHILD_SECONDS 10

static struct live_rig rig;
static transfer_manager *manager;
static transfer_body *body;
static atomic_bool is_over;

static bool never(const transfer_request *request, void *userdata)
{
	(void)request;
	(void)userdata;
	return false;
}

static void start(transfer_load *load, void *userdata)
{
	(void)load;
	(void)userdata;
}

static const struct transfer_protocol protocol = {
	TRANSFER_PROTOCOL_INIT,
	.can_init = never,
	.start = start,
};

static ssize_t read_nothing(void *bytes, size_t size, void *userdata)
{
	(void)bytes;
	(void)size;
	(void)userdata;
	return 0;
}

static void *use_classes(void *arg)
{
	(void)arg;
	while (!atomic_load(&is_over)) {
		transfer_protocol_register(&protocol);
		transfer_protocol_unregister(&protocol);
	}
	return NULL;
}

static void *use_queue(void *arg)
{
	(void)arg;
	while (!atomic_load(&is_over))
		transfer_queue_dispatch(rig.queue, 0);
	return NULL;
}

static void *use_manager(void *arg)
{
	(void)arg;
	while (!atomic_load(&is_over))
		transfer_manager_set_timeout(manager, 1000000);
	return NULL;
}

static void *use_body(void *arg)
{
	(void)arg;
	while (!atomic_load(&is_over))
		transfer_body_more(body);
	return NULL;
}

#define CHECK(condition) \
	do { \
		if (!(condition)) \
			_exit(__LINE__ % 200 + 1); \
	} while (0)

/* Whatever it calls comes back. */
static void run_child(transfer_task *task)
{
	transfer_auto(transfer_config) config = transfer_config_new_default();
	transfer_auto(transfer_request) request = transfer_request_new(URL "a");
	struct transfer_owner owner = { TRANSFER_OWNER_INIT, .queue = rig.queue };
	transfer_session *session = NULL;

	alarm(CHILD_SECONDS);
	CHECK(transfer_protocol_register(&protocol) == 0);
	CHECK(transfer_protocol_unregister(&protocol) == 0);
	CHECK(transfer_queue_dispatch(rig.queue, -1) == -ECHILD);
	transfer_manager_set_timeout(manager, 1);
	transfer_manager_set_autostart(manager, false);
	CHECK(transfer_manager_is_running(manager, NULL) == -ECHILD);
	CHECK(transfer_manager_dispatch(manager, -1) == -ECHILD);
	transfer_body_more(body);
	CHECK(transfer_client_flush(rig.client, -1) == -ECHILD);
	CHECK(transfer_session_new(&session, rig.client, config, &owner, NULL) == -ECHILD);
	CHECK(transfer_fetch(rig.session, request, NULL, NULL, NULL) == -ECHILD);
	CHECK(!transfer_session_get_shared(rig.client));
	transfer_task_cancel(task);
	transfer_session_invalidate_and_cancel(rig.session);
	CHECK(transfer_task_wait(task, -1, NULL) == -ECHILD);
	transfer_task_unref(task);
	transfer_body_unref(body);
	transfer_manager_unref(manager);
	transfer_session_unref(rig.session);
	transfer_client_unref(rig.client);
	transfer_queue_unref(rig.queue);
	_exit(0);
}

static void fork_often(void (*run)(transfer_task *task), transfer_task *task)
{
	for (int i = 0; i < N_FORKS; i++) {
		pid_t pid = fork();
		int status;

		if (!pid)
			run(task);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
			"child %d ended with %#x", i, (unsigned int)status);
	}
}

START_TEST(a_child_is_not_held_up)
{
	void *(*const users[])(void *) = { use_classes, use_queue, use_manager, use_body };
	pthread_t threads[4];
	transfer_task *task;

	live_rig_init(&rig, NULL);
	ck_assert_int_eq(transfer_manager_new(&manager, 0, NULL), 0);
	body = transfer_body_new_reader(read_nothing, TRANSFER_SIZE_UNKNOWN, NULL, NULL);
	task = live_rig_fetch(&rig, "a");
	peer_live_expect(rig.peer, "create data");
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, users[i], NULL), 0);
	fork_often(run_child, task);
	atomic_store(&is_over, true);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	/* the parent's task goes on */
	live_rig_answer(&rig, 1, "hello");
	live_rig_expect(&rig, "handler 200 0 'hello'\n");
	transfer_task_unref(task);
	transfer_body_unref(body);
	transfer_manager_unref(manager);
	live_rig_done(&rig);
}
END_TEST

static void *use_bus(void *arg)
{
	(void)arg;
	while (!atomic_load(&is_over)) {
		transfer_client *client = NULL;
		transfer_manager *other = NULL;

		ck_assert_int_eq(transfer_client_new(&client, 0, NULL), 0);
		ck_assert_int_eq(transfer_manager_new(&other, 0, NULL), 0);
		transfer_manager_unref(other);
		transfer_client_unref(client);
	}
	return NULL;
}

/* Its own client works, or cannot be had. Without a thread: ThreadSanitizer lets a child start none. */
static void run_child_with_client(transfer_task *task)
{
	transfer_client *client = NULL;
	transfer_manager *other = NULL;
	int r;

	(void)task;
	alarm(CHILD_SECONDS);
	r = transfer_client_new(&client, TRANSFER_CLIENT_NO_THREAD, NULL);
	CHECK(r == 0 || r == -ECHILD);
	CHECK(transfer_manager_new(&other, 0, NULL) == r);
	transfer_client_unref(client);
	transfer_manager_unref(other);
	_exit(0);
}

START_TEST(a_child_is_not_held_up_by_the_bus)
{
	pthread_t threads[2];

	live_rig_init(&rig, NULL);
	atomic_store(&is_over, false);
	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, use_bus, NULL), 0);
	fork_often(run_child_with_client, NULL);
	atomic_store(&is_over, true);
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	live_rig_done(&rig);
}
END_TEST

/* The parent's thread is at rest most of the time: then a child has a client of its own. */
START_TEST(a_child_makes_a_client)
{
	transfer_client *client = NULL;
	int status = -1;

	live_rig_init(&rig, NULL);
	for (int i = 0; i < N_FORKS && status; i++) {
		pid_t pid = fork();

		if (!pid) {
			alarm(CHILD_SECONDS);
			_exit(transfer_client_new(&client, TRANSFER_CLIENT_NO_THREAD, NULL) != 0);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	}
	ck_assert_int_eq(status, 0);
	live_rig_done(&rig);
}
END_TEST

/* Cancelled in the child, the body that its parent reads goes on. */
START_TEST(a_child_leaves_the_parents_bodies)
{
	transfer_task *task;
	int fd, status;
	pid_t pid;

	live_rig_init(&rig, NULL);
	task = live_rig_fetch(&rig, "a");
	peer_live_expect(rig.peer, "create data");
	fd = live_rig_send_pipe(&rig, 1);
	live_rig_put(fd, "one");
	for (int64_t n = 0; n < 3;) {
		struct transfer_progress progress = { .size = sizeof(progress) };

		ck_assert_int_eq(transfer_task_get_progress(task, &progress), 0);
		n = progress.received_bytes;
	}
	pid = fork();
	if (!pid) {
		transfer_task_cancel(task);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	live_rig_put(fd, "two");
	close(fd);
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_COMPLETE });
	live_rig_expect(&rig, "handler 0 0 'onetwo'\n");
	transfer_task_unref(task);
	live_rig_done(&rig);
}
END_TEST

RUN_TESTS("client-lib/fork", TEST(a_child_is_not_held_up), TEST(a_child_is_not_held_up_by_the_bus),
	TEST(a_child_makes_a_client), TEST(a_child_leaves_the_parents_bodies))
