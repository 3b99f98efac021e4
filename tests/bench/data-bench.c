/* SPDX-License-Identifier: MIT */
/*
 * Answers to a running program. data-bench BASE N SIZE fetches BASE/file?size=SIZE N times, each by a task with a handler of
 * one session; data-bench --count URL SIZE fetches one, by a task whose delegate counts the bytes. Both say how long that took.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <transfer/transfer.h>

struct bench {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t n_left, n_failed, size;
	uint64_t counted; /* of the delegate */
};

static void end(struct bench *bench, const transfer_error *error, uint64_t size)
{
	pthread_mutex_lock(&bench->lock);
	if (error && !bench->n_failed)
		fprintf(stderr, "data-bench: %s\n", transfer_error_get_message(error));
	bench->n_failed += error || size != bench->size;
	if (--bench->n_left == 0)
		pthread_cond_signal(&bench->changed); /* nobody waits for less */
	pthread_mutex_unlock(&bench->lock);
}

static void on_end(const transfer_data *body, const transfer_response *response,
	const transfer_error *error, void *userdata)
{
	(void)response;
	end(userdata, error, body ? transfer_data_get_size(body) : 0);
}

static void on_received(
	transfer_session *session, transfer_task *task, const transfer_data *data, void *userdata)
{
	struct bench *bench = userdata;

	(void)session;
	(void)task;
	bench->counted += transfer_data_get_size(data);
}

static void on_completed(
	transfer_session *session, transfer_task *task, const transfer_error *error, void *userdata)
{
	struct bench *bench = userdata;

	(void)session;
	(void)task;
	end(bench, error, bench->counted);
}

static const struct transfer_session_delegate delegate = {
	TRANSFER_SESSION_DELEGATE_INIT,
	.data_did_receive = on_received,
	.task_did_complete = on_completed,
};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int start_one(
	struct bench *bench, transfer_session *session, const char *url, transfer_data_handler fn)
{
	transfer_auto(transfer_request) request = transfer_request_new(url);
	transfer_auto(transfer_task)
		task = transfer_session_data_task(session, request, fn, fn ? bench : NULL);

	if (!task)
		return -1;
	transfer_task_resume(task);
	return 0;
}

static int start(struct bench *bench, transfer_session *session, const char *base)
{
	char url[512];
	int r = 0;

	for (size_t i = bench->n_left; !r && i > 0; i--) {
		snprintf(url, sizeof(url), "%s/file?size=%zu&seed=%zu", base, bench->size, i);
		r = start_one(bench, session, url, on_end);
	}
	return r;
}

int main(int argc, char **argv)
{
	struct bench bench = { .lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER };
	transfer_auto(transfer_config) config = transfer_config_new_default();
	transfer_auto(transfer_client) client = NULL;
	transfer_auto(transfer_session) session = NULL;
	transfer_auto(transfer_error) error = NULL;
	struct transfer_owner owner = { TRANSFER_OWNER_INIT, .delegate = &delegate,
		.userdata = &bench };
	double began_s = now_s();
	bool counts;

	if (argc != 4) {
		fprintf(stderr, "usage: data-bench BASE N SIZE, or --count URL SIZE\n");
		return 2;
	}
	counts = !strcmp(argv[1], "--count");
	bench.n_left = counts ? 1 : (size_t)strtoull(argv[2], NULL, 10);
	bench.size = (size_t)strtoull(argv[3], NULL, 10);
	transfer_config_set_allow_insecure(config, true);
	if (transfer_client_new(&client, 0, &error) ||
		transfer_session_new(&session, client, config, counts ? &owner : NULL, &error)) {
		fprintf(stderr, "data-bench: %s\n", transfer_error_get_message(error));
		return 1;
	}
	if (counts ? start_one(&bench, session, argv[2], NULL) : start(&bench, session, argv[1]))
		return 1;
	pthread_mutex_lock(&bench.lock);
	while (bench.n_left)
		pthread_cond_wait(&bench.changed, &bench.lock);
	pthread_mutex_unlock(&bench.lock);
	printf("%.3f s, %zu failed\n", now_s() - began_s, bench.n_failed);
	return bench.n_failed != 0;
}
