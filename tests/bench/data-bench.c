/* SPDX-License-Identifier: MIT */
/*
 * Small answers to a running program: data-bench BASE N SIZE fetches BASE/file?size=SIZE N times, each by a task with a handler of
 * one session, and says how long that took.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <transfer/transfer.h>

struct bench {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t n_left, n_failed, size;
};

static void on_end(const transfer_data *body, const transfer_response *response,
	const transfer_error *error, void *userdata)
{
	struct bench *bench = userdata;

	(void)response;
	pthread_mutex_lock(&bench->lock);
	if (error && !bench->n_failed)
		fprintf(stderr, "data-bench: %s\n", transfer_error_get_message(error));
	bench->n_failed += error || transfer_data_get_size(body) != bench->size;
	if (!--bench->n_left)
		pthread_cond_signal(&bench->changed);
	pthread_mutex_unlock(&bench->lock);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int start(struct bench *bench, transfer_session *session, const char *base)
{
	for (size_t i = bench->n_left; i > 0; i--) {
		char url[512];

		snprintf(url, sizeof(url), "%s/file?size=%zu&seed=%zu", base, bench->size, i);
		transfer_auto(transfer_request) request = transfer_request_new(url);
		transfer_auto(transfer_task)
			task = transfer_session_data_task(session, request, on_end, bench);

		if (!task)
			return -1;
		transfer_task_resume(task);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct bench bench = { .lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER };
	transfer_auto(transfer_config) config = transfer_config_new_default();
	transfer_auto(transfer_client) client = NULL;
	transfer_auto(transfer_session) session = NULL;
	transfer_auto(transfer_error) error = NULL;
	double began_s = now_s();

	if (argc != 4) {
		fprintf(stderr, "usage: data-bench BASE N SIZE\n");
		return 2;
	}
	bench.n_left = (size_t)strtoull(argv[2], NULL, 10);
	bench.size = (size_t)strtoull(argv[3], NULL, 10);
	transfer_config_set_allow_insecure(config, true);
	if (transfer_client_new(&client, 0, &error) ||
		transfer_session_new(&session, client, config, NULL, &error)) {
		fprintf(stderr, "data-bench: %s\n", transfer_error_get_message(error));
		return 1;
	}
	if (start(&bench, session, argv[1]))
		return 1;
	pthread_mutex_lock(&bench.lock);
	while (bench.n_left)
		pthread_cond_wait(&bench.changed, &bench.lock);
	pthread_mutex_unlock(&bench.lock);
	printf("%.3f s, %zu failed\n", now_s() - began_s, bench.n_failed);
	return bench.n_failed != 0;
}
