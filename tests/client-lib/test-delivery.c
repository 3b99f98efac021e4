/* SPDX-License-Identifier: MIT */
/* Callbacks: one after the other on every kind of queue, joined progress, acknowledged after they return. */
#include "client-lib/delivery.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "tests/client-lib/rig.h"
#include "tests/lib/run.h"

#define N_TASKS 50

struct watch {
	atomic_int running, overlaps, completed, out_of_order;
	uint64_t last_id;
	sem_t done, entered, leave;
	struct rig *rig;
	transfer_session *session;
};

static void enter(struct watch *watch)
{
	if (atomic_fetch_add(&watch->running, 1))
		watch->overlaps++;
}

static void leave(struct watch *watch)
{
	atomic_fetch_sub(&watch->running, 1);
}

static void on_finish(
	transfer_session *session, transfer_task *task, const char *path, int fd, void *user)
{
	(void)session;
	(void)task;
	(void)path;
	(void)fd;
	enter(user);
	leave(user);
}

static void on_complete(
	transfer_session *session, transfer_task *task, const transfer_error *error, void *user)
{
	struct watch *watch = user;

	(void)session;
	(void)error;
	enter(watch);
	if (transfer_task_get_id(task) <= watch->last_id)
		watch->out_of_order++;
	watch->last_id = transfer_task_get_id(task);
	leave(watch);
	if (atomic_fetch_add(&watch->completed, 1) + 1 == N_TASKS)
		sem_post(&watch->done);
}

static const struct transfer_session_delegate delegate = {
	TRANSFER_SESSION_DELEGATE_INIT,
	.task_did_complete = on_complete,
	.download_did_finish = on_finish,
};

/* A pool of two threads that would run works side by side if they were handed out so. */
struct pool {
	pthread_t threads[2];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	transfer_work *works[64];
	int n_works;
	bool is_ending;
};

static void pool_post(transfer_work *work, void *user)
{
	struct pool *pool = user;

	pthread_mutex_lock(&pool->lock);
	pool->works[pool->n_works++] = work;
	pthread_cond_signal(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
}

static void *pool_run(void *user)
{
	struct pool *pool = user;

	pthread_mutex_lock(&pool->lock);
	while (pool->n_works || !pool->is_ending) {
		transfer_work *work;

		if (!pool->n_works) {
			pthread_cond_wait(&pool->changed, &pool->lock);
			continue;
		}
		work = pool->works[--pool->n_works];
		pthread_mutex_unlock(&pool->lock);
		transfer_work_run(work);
		pthread_mutex_lock(&pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static void pool_end(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->is_ending = true;
	pthread_cond_broadcast(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
	pthread_join(pool->threads[0], NULL);
	pthread_join(pool->threads[1], NULL);
}

static void open_session(struct watch *watch, struct rig *rig,
	const struct transfer_session_delegate *to, transfer_queue *queue)
{
	transfer_auto(transfer_config) config = transfer_config_new_background(RIG_IDENTIFIER);
	const struct transfer_owner owner = { TRANSFER_OWNER_INIT, .delegate = to,
		.userdata = watch, .queue = queue };

	ck_assert_int_eq(transfer_session_new(&rig->session, rig->client, config, &owner, NULL), 0);
	watch->rig = rig;
	watch->session = rig->session;
}

static void run_tasks(struct watch *watch, struct rig *rig)
{
	for (int i = 0; i < N_TASKS; i++) {
		transfer_auto(transfer_task) task = rig_download(rig, "https://example.org/a");

		transfer_task_resume(task);
	}
	sem_wait(&watch->done);
	ck_assert_int_eq(watch->overlaps, 0);
	ck_assert_int_eq(watch->out_of_order, 0);
	ck_assert(peer_wait(rig->peer, peer_has_acked, 2 * N_TASKS));
}

START_TEST(serial_queue_keeps_the_order)
{
	struct watch watch = { .last_id = 0 };
	struct rig rig;

	sem_init(&watch.done, 0, 0);
	rig_init(&rig, 0);
	peer_finish_by_itself(rig.peer, true);
	open_session(&watch, &rig, &delegate, NULL);
	run_tasks(&watch, &rig);
	rig_done(&rig);
}
END_TEST

START_TEST(executor_keeps_the_order)
{
	struct watch watch = { .last_id = 0 };
	struct pool pool = { .n_works = 0 };
	const struct transfer_executor executor = {
		.size = sizeof(executor), .post = pool_post, .userdata = &pool
	};
	transfer_queue *queue = transfer_queue_new_executor(&executor);
	struct rig rig;

	sem_init(&watch.done, 0, 0);
	pthread_mutex_init(&pool.lock, NULL);
	pthread_cond_init(&pool.changed, NULL);
	rig_init(&rig, 0);
	peer_finish_by_itself(rig.peer, true);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&pool.threads[i], NULL, pool_run, &pool), 0);
	open_session(&watch, &rig, &delegate, queue);
	run_tasks(&watch, &rig);
	rig_close_session(&rig);
	pool_end(&pool);
	transfer_queue_unref(queue);
	rig_done(&rig);
}
END_TEST

/* Progress that waits is one call with the newest numbers; other events keep their place. */
START_TEST(joins_progress)
{
	struct rig rig;
	uint64_t sum = 0;

	rig_init(&rig, 0);
	rig_open(&rig);
	transfer_task_unref(rig_download(&rig, "https://example.org/a"));
	rig_flush(&rig);
	rig_expect(&rig, "drained\n");
	for (uint64_t i = 1; i <= 100; i++)
		peer_write(rig.peer, 100, 10, i * 10);
	peer_finish(rig.peer, 100);
	peer_complete(rig.peer, 100, 0);
	/* the answer to this comes after the events */
	transfer_session_set_description(rig.session, "x");
	rig_flush(&rig);
	rig_expect(&rig, "complete 100 0\n");
	/* joined as far as the queue was behind; nothing is lost or counted twice */
	for (const char *line = rig.log; (line = strstr(line, "write ")); line += 6) {
		unsigned long long more, all;

		ck_assert_int_eq(sscanf(line, "write %llu/%llu\n", &more, &all), 2);
		sum += more;
		ck_assert_uint_eq(sum, all);
	}
	ck_assert_uint_eq(sum, 1000);
	ck_assert_ptr_nonnull(strstr(rig.log, "/1000\nfinished task 100\ncomplete 100 0\n"));
	rig_done(&rig);
}
END_TEST

static void on_slow_complete(
	transfer_session *session, transfer_task *task, const transfer_error *error, void *user)
{
	struct watch *watch = user;

	(void)session;
	(void)task;
	(void)error;
	sem_post(&watch->entered);
	sem_wait(&watch->leave);
	watch->completed++;
}

static void *let_go(void *user)
{
	struct watch *watch = user;

	sem_post(&watch->leave);
	return NULL;
}

/* Nothing is acknowledged while its callback runs, and the last unref waits for the callback. */
START_TEST(acknowledges_after_the_callback)
{
	const struct transfer_session_delegate slow = {
		TRANSFER_SESSION_DELEGATE_INIT,
		.task_did_complete = on_slow_complete,
	};
	struct watch watch = { .last_id = 0 };
	pthread_t thread;
	struct rig rig;

	sem_init(&watch.entered, 0, 0);
	sem_init(&watch.leave, 0, 0);
	rig_init(&rig, 0);
	open_session(&watch, &rig, &slow, NULL);
	transfer_task_unref(rig_download(&rig, "https://example.org/a"));
	rig_flush(&rig);
	peer_complete(rig.peer, 100, 0);
	sem_wait(&watch.entered);
	transfer_session_set_description(rig.session, "x");
	rig_flush(&rig);
	ck_assert_uint_eq(peer_acked(rig.peer), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, let_go, &watch), 0);
	rig_close_session(&rig);
	ck_assert_int_eq(watch.completed, 1);
	ck_assert(peer_wait(rig.peer, peer_has_acked, 1));
	pthread_join(thread, NULL);
	rig_done(&rig);
}
END_TEST

/* The library may be called from callbacks, also to wait. */
static void on_busy_complete(
	transfer_session *session, transfer_task *task, const transfer_error *error, void *user)
{
	struct watch *watch = user;

	(void)error;
	if (transfer_task_get_id(task) == 100) {
		transfer_task *next = rig_download(watch->rig, "https://example.org/next");

		transfer_task_resume(next);
		transfer_session_set_description(session, "again");
		ck_assert_int_eq(transfer_client_flush(watch->rig->client, 10000), 0);
		ck_assert_uint_eq(transfer_task_get_id(next), 101);
		transfer_task_unref(next);
	}
	if (atomic_fetch_add(&watch->completed, 1) == 1)
		sem_post(&watch->done);
}

START_TEST(may_be_called_from_callbacks)
{
	const struct transfer_session_delegate busy = {
		TRANSFER_SESSION_DELEGATE_INIT,
		.task_did_complete = on_busy_complete,
	};
	struct watch watch = { .last_id = 0 };
	transfer_task *task;
	struct rig rig;

	sem_init(&watch.done, 0, 0);
	rig_init(&rig, 0);
	peer_finish_by_itself(rig.peer, true);
	open_session(&watch, &rig, &busy, NULL);
	task = rig_download(&rig, "https://example.org/a");
	transfer_task_resume(task);
	sem_wait(&watch.done);
	transfer_task_unref(task);
	rig_done(&rig);
}
END_TEST

RUN_TESTS("client-lib/delivery", TEST(serial_queue_keeps_the_order), TEST(executor_keeps_the_order),
	TEST(joins_progress), TEST(acknowledges_after_the_callback),
	TEST(may_be_called_from_callbacks))
