/* SPDX-License-Identifier: MIT */
/*
 * A client with a session in memory: small tasks of every kind, some at a time, some of them cancelled; every byte that it gets is
 * checked, and that each task ends once.
 */
#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/soak/live.h"

#define PATIENCE_S 60
#define SLOW_MS    2

enum kind { HANDLED, STREAMED, UPLOAD, DOWNLOAD };

struct client;

struct want {
	struct client *client;
	uint64_t seed;
	uint32_t size_bytes, got_bytes;
	enum kind kind;
	bool is_made, is_cancelled, has_ended, is_wrong;
};

struct client {
	const struct live_shift *shift;
	uint64_t random_state;
	transfer_client *client;
	transfer_session *session;
	struct want *wants; /* of this phase, by number of the task behind first_id */
	uint64_t first_id; /* 0: none was made */
	unsigned n_ended, n_made;
	pthread_mutex_t lock;
	pthread_cond_t changed;
};

static unsigned draw(struct client *c, unsigned n)
{
	c->random_state = c->random_state * 6364136223846793005u + 1442695040888963407u;
	return n ? (unsigned)(c->random_state >> 33) % n : 0;
}

static void complain(const struct want *w, const char *what, int code)
{
	struct live_books *books = w->client->shift->books;

	if (atomic_exchange(&books->has_message, true))
		return;
	snprintf(books->message, LIVE_MESSAGE, "kind %d, size %u, seed %llu: %s, code %d", w->kind,
		w->size_bytes, (unsigned long long)w->seed, what, code);
}

/* ---- what is told ---- */

static bool is_same(const struct want *w, uint64_t offset, const void *bytes, size_t n)
{
	char *right = malloc(n + 1);
	bool is_right;

	if (!right)
		_exit(3);
	origin_bytes(w->seed, offset, right, n);
	is_right = !memcmp(right, bytes, n);
	free(right);
	return is_right;
}

static void end(struct want *w, const transfer_error *error, bool is_right)
{
	struct client *c = w->client;
	struct live_books *books = c->shift->books;
	int code = error ? transfer_error_get_code(error) : 0;
	bool is_good = w->is_cancelled && code == TRANSFER_ERROR_CANCELLED;

	is_good = is_good || (!code && is_right && !w->is_wrong);
	pthread_mutex_lock(&c->lock);
	if (!is_good)
		complain(w, is_right ? "failed" : "wrong bytes", code);
	books->n_wrong += !is_good;
	books->n_twice += w->has_ended;
	books->n_cancelled += code == TRANSFER_ERROR_CANCELLED;
	books->n_ended++;
	w->has_ended = true;
	c->n_ended++;
	if (c->shift->kill_after && c->n_ended >= c->shift->kill_after)
		kill(getpid(), SIGKILL);
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

static void on_data_end(const transfer_data *body, const transfer_response *response,
	const transfer_error *error, void *userdata)
{
	struct want *w = userdata;
	size_t n = body ? transfer_data_get_size(body) : 0;
	const char *bytes = n ? transfer_data_get_bytes(body) : "";
	bool is_right = false;
	char hex[65], *text;

	(void)response;
	if (w->kind == UPLOAD && !error) {
		text = strndup(bytes, n);
		origin_bytes_sha256(w->seed, w->size_bytes, hex);
		is_right = text && strstr(text, hex);
		free(text);
	} else if (!error) {
		is_right = n == w->size_bytes && is_same(w, 0, bytes, n);
	}
	end(w, error, is_right);
}

static void on_file_end(const char *path, int fd, const transfer_response *response,
	const transfer_error *error, void *userdata)
{
	struct want *w = userdata;

	(void)response;
	(void)fd;
	end(w, error, path && !origin_bytes_check(path, w->seed, w->size_bytes));
}

/* Only tasks without a handler are told of here; their numbers begin anew with each session. */
static struct want *find(struct client *c, const transfer_task *task)
{
	uint64_t id = transfer_task_get_id(task);
	struct want *w;

	pthread_mutex_lock(&c->lock);
	w = id >= c->first_id && id < c->first_id + c->shift->n_tasks ? &c->wants[id - c->first_id]
								      : NULL;
	pthread_mutex_unlock(&c->lock);
	if (!w)
		_exit(4);
	return w;
}

static void on_received(
	transfer_session *session, transfer_task *task, const transfer_data *data, void *userdata)
{
	struct want *w = find(userdata, task);
	size_t n = transfer_data_get_size(data);

	(void)session;
	if (!is_same(w, w->got_bytes, transfer_data_get_bytes(data), n))
		w->is_wrong = true;
	w->got_bytes += (uint32_t)n;
	if (w->client->shift->is_slow)
		poll(NULL, 0, SLOW_MS);
}

static void on_completed(
	transfer_session *session, transfer_task *task, const transfer_error *error, void *userdata)
{
	struct want *w = find(userdata, task);

	(void)session;
	end(w, error, w->got_bytes == w->size_bytes);
}

static const struct transfer_session_delegate delegate = {
	TRANSFER_SESSION_DELEGATE_INIT,
	.data_did_receive = on_received,
	.task_did_complete = on_completed,
};

/* ---- what is asked for ---- */

static uint32_t draw_size(struct client *c)
{
	unsigned kind = draw(c, 100);

	if (kind < 1)
		return 300000 + draw(c, 1000000);
	if (kind < 5)
		return 60000 + draw(c, 100000);
	return draw(c, 8000);
}

static transfer_task *make_upload(struct client *c, transfer_request *request, struct want *w)
{
	char *bytes = malloc(w->size_bytes + 1);
	transfer_auto(transfer_data) body = NULL;

	if (!bytes)
		return NULL;
	origin_bytes(w->seed, 0, bytes, w->size_bytes);
	body = transfer_data_new_copy(bytes, w->size_bytes);
	free(bytes);
	return transfer_session_upload_task_data(c->session, request, body, on_data_end, w);
}

static transfer_task *make(struct client *c, struct want *w)
{
	transfer_auto(transfer_request) request = NULL;
	char url[256];

	if (w->kind == UPLOAD)
		snprintf(url, sizeof(url), "%s/upload?key=live", c->shift->base);
	else
		snprintf(url, sizeof(url), "%s/file?key=live&size=%u&seed=%llu", c->shift->base,
			w->size_bytes, (unsigned long long)w->seed);
	request = transfer_request_new(url);
	switch (w->kind) {
	case HANDLED:
		return transfer_session_data_task(c->session, request, on_data_end, w);
	case STREAMED:
		return transfer_session_data_task(c->session, request, NULL, NULL);
	case UPLOAD:
		return make_upload(c, request, w);
	case DOWNLOAD:
		return transfer_session_download_task(c->session, request, on_file_end, w);
	}
	return NULL;
}

static void start(struct client *c, unsigned i)
{
	static const enum kind kinds[] = { HANDLED, HANDLED, HANDLED, STREAMED, STREAMED, STREAMED,
		UPLOAD, UPLOAD, DOWNLOAD, DOWNLOAD };
	struct want *w = &c->wants[i];
	transfer_auto(transfer_task) task = NULL;

	*w = (struct want){ .client = c,
		.seed = ((uint64_t)draw(c, 1u << 20) << 20) + i,
		.size_bytes = draw_size(c),
		.kind = kinds[draw(c, 10)],
		.is_cancelled = !draw(c, 30) };
	task = make(c, w);
	if (!task)
		_exit(5);
	pthread_mutex_lock(&c->lock);
	if (!i)
		c->first_id = transfer_task_get_id(task);
	c->n_made++;
	pthread_mutex_unlock(&c->lock);
	transfer_task_resume(task);
	if (w->is_cancelled)
		transfer_task_cancel(task);
}

/* false: nothing has ended for too long */
static bool wait_until(struct client *c, unsigned n_open)
{
	struct timespec until;
	int r = 0;

	pthread_mutex_lock(&c->lock);
	while (!r && c->n_made - c->n_ended > n_open) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += PATIENCE_S;
		r = pthread_cond_timedwait(&c->changed, &c->lock, &until);
	}
	pthread_mutex_unlock(&c->lock);
	return !r;
}

static void run_phase(struct client *c)
{
	c->wants = calloc(c->shift->n_tasks, sizeof(*c->wants));
	if (!c->wants)
		_exit(3);
	for (unsigned i = 0; i < c->shift->n_tasks; i++) {
		if (!wait_until(c, LIVE_FLIGHT - 1))
			_exit(2);
		start(c, i);
	}
	if (!wait_until(c, 0))
		_exit(2);
	free(c->wants);
	c->wants = NULL;
}

static void stay(struct client *c)
{
	struct live_books *books = c->shift->books;
	char go;

	close(c->shift->parent_fds[0]);
	close(c->shift->parent_fds[1]);
	for (unsigned i = 0; read(c->shift->go_fd, &go, 1) == 1; i++) {
		run_phase(c);
		books->stayer[i] = sample_take(getpid(), "/nonexistent");
		if (write(c->shift->done_fd, "x", 1) != 1)
			_exit(6);
	}
}

void live_client(struct rig *rig, void *user)
{
	struct live_shift *shift = user;
	struct client c = { .shift = shift,
		.random_state = shift->seed,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER };
	transfer_auto(transfer_config) config = shift->seed % 2 ? transfer_config_new_default()
								: transfer_config_new_ephemeral();
	transfer_error *error = NULL;

	(void)rig;
	transfer_config_set_allow_insecure(config, true);
	if (transfer_client_new(&c.client, 0, &error) ||
		transfer_session_new(&c.session, c.client, config,
			&(struct transfer_owner){ .size = sizeof(struct transfer_owner),
				.delegate = &delegate,
				.userdata = &c },
			&error))
		_exit(7);
	if (shift->go_fd >= 0)
		stay(&c);
	else
		run_phase(&c);
	transfer_session_unref(c.session);
	transfer_client_unref(c.client);
}
