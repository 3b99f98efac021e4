/* SPDX-License-Identifier: MIT */
/* The three kinds of queue, by themselves. */
#include "client-lib/queue.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

#include "tests/lib/run.h"

struct job {
	struct transfer_work work; /* first */
	transfer_queue *queue;
	sem_t *done;
	int *log, number, result;
	char thread[16];
};

static int run_job(struct transfer_work *work)
{
	struct job *job = (struct job *)(void *)work;

	pthread_getname_np(pthread_self(), job->thread, sizeof(job->thread));
	if (job->log)
		job->log[job->log[0]++] = job->number;
	if (job->result == -EDEADLK)
		job->result = transfer_queue_dispatch(job->queue, 0);
	if (job->done)
		sem_post(job->done);
	return 1;
}

START_TEST(serial_runs_in_order)
{
	transfer_queue *queue = transfer_queue_new_serial("jobs");
	int log[101] = { 1 };
	struct job jobs[100];
	sem_t done;

	sem_init(&done, 0, 0);
	for (int i = 0; i < 100; i++) {
		jobs[i] =
			(struct job){ .work.run = run_job, .done = &done, .log = log, .number = i };
		queue_post(queue, &jobs[i].work);
	}
	/* what was posted runs although the last reference is gone */
	transfer_queue_unref(queue);
	for (int i = 0; i < 100; i++)
		sem_wait(&done);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(log[i + 1], i);
	ck_assert_str_eq(jobs[0].thread, "jobs");
	sem_destroy(&done);
}
END_TEST

START_TEST(manual_runs_when_told)
{
	transfer_queue *queue = transfer_queue_new_manual();
	int log[4] = { 1 };
	struct job jobs[3];
	struct pollfd wait = { .fd = transfer_queue_get_fd(queue), .events = POLLIN };

	ck_assert_int_eq(transfer_queue_dispatch(queue, 0), 0);
	ck_assert_int_eq(poll(&wait, 1, 0), 0);
	for (int i = 0; i < 3; i++) {
		jobs[i] = (struct job){
			.work.run = run_job, .queue = queue, .log = log, .number = i
		};
		queue_post(queue, &jobs[i].work);
	}
	jobs[1].result = -EDEADLK;
	ck_assert_int_eq(poll(&wait, 1, 0), 1);
	ck_assert_int_eq(log[0], 1);
	ck_assert_int_eq(transfer_queue_dispatch(queue, -1), 3);
	ck_assert_int_eq(jobs[1].result, -EDEADLK);
	ck_assert_int_eq(log[3], 2);
	ck_assert_int_eq(poll(&wait, 1, 0), 0);
	transfer_queue_unref(queue);
}
END_TEST

START_TEST(takes_back)
{
	transfer_queue *queue = transfer_queue_new_manual();
	int log[4] = { 1 };
	struct job jobs[3];

	for (int i = 0; i < 3; i++) {
		jobs[i] = (struct job){
			.work.run = run_job, .queue = queue, .log = log, .number = i
		};
		queue_post(queue, &jobs[i].work);
	}
	ck_assert(queue_cancel(queue, &jobs[2].work));
	ck_assert(!queue_cancel(queue, &jobs[2].work));
	ck_assert(queue_cancel(queue, &jobs[0].work));
	queue_post(queue, &jobs[0].work);
	ck_assert_int_eq(transfer_queue_dispatch(queue, 0), 2);
	ck_assert_int_eq(log[1], 1);
	ck_assert_int_eq(log[2], 0);
	ck_assert(!queue_cancel(queue, &jobs[0].work));
	transfer_queue_unref(queue);
}
END_TEST

static struct transfer_work *posted;
static int destroyed;

static void on_post(transfer_work *work, void *user)
{
	posted = work;
	++*(int *)user;
}

static void on_destroy(void *user)
{
	(void)user;
	destroyed++;
}

START_TEST(executor_hands_out)
{
	int n = 0;
	struct transfer_executor executor = {
		.size = sizeof(executor),
		.post = on_post,
		.userdata = &n,
		.destroy = on_destroy,
	};
	transfer_queue *queue = transfer_queue_new_executor(&executor);
	int log[2] = { 1 };
	struct job job = { .work.run = run_job, .log = log, .number = 5 };

	queue_post(queue, &job.work);
	ck_assert_int_eq(n, 1);
	ck_assert_int_eq(log[0], 1);
	transfer_work_run(posted);
	ck_assert_int_eq(log[1], 5);
	ck_assert_int_eq(transfer_queue_get_fd(queue), -EOPNOTSUPP);
	ck_assert_int_eq(transfer_queue_dispatch(queue, 0), -EOPNOTSUPP);
	transfer_queue_unref(queue);
	ck_assert_int_eq(destroyed, 1);
	executor.size = 4;
	ck_assert_ptr_null(transfer_queue_new_executor(&executor));
	ck_assert_ptr_null(transfer_queue_new_executor(NULL));
}
END_TEST

RUN_TESTS("client-lib/queue", TEST(serial_runs_in_order), TEST(manual_runs_when_told),
	TEST(takes_back), TEST(executor_hands_out))
