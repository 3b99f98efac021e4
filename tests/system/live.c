/* SPDX-License-Identifier: MIT */
/*
 * Each callback appends a word to the record of its task and wakes who waits. The rules that hold for every task are
 * checked right there, so that no test can forget them.
 */
#include "tests/system/live.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LIVE_TASKS_MAX 8192

struct live_record {
	struct live_app *app;
	transfer_task *task; /* a reference */
	transfer_task *download; /* that took its place; its own record has the reference */
	char events[1024];
	char *file;
	char *data;
	size_t data_bytes, run_bytes; /* run: of the pieces that the last word sums up */
	size_t run_at; /* where that word begins in events; 0: the last one is another */
	size_t largest_bytes;
	unsigned n_pieces, n_sent, n_wrote, n_metrics, n_done;
	int64_t sent_bytes, wrote_bytes;
	int64_t to_send_bytes; /* as told last; -1: not known */
	int code;
};

struct live_app {
	struct live_app_config config;
	struct transfer_session_delegate delegate;
	transfer_client *client;
	transfer_session *session;
	char *base;

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	struct live_record *records[LIVE_TASKS_MAX];
	unsigned n_records;
	char session_events[64];
	char copy[1024]; /* what live_events() hands out */
	bool is_called; /* a callback is running */
	const char *wrong; /* a rule was broken */
	char where[1200]; /* by what, and what was told before */
};

/* ---- the record; with the lock held ---- */

static struct live_record *find(struct live_app *app, const transfer_task *task)
{
	for (unsigned i = app->n_records; i > 0; i--)
		if (app->records[i - 1]->task == task)
			return app->records[i - 1];
	return NULL;
}

static struct live_record *record_of(struct live_app *app, const transfer_task *task)
{
	struct live_record *r = find(app, task);

	if (r)
		return r;
	r = calloc(1, sizeof(*r));
	if (!r || app->n_records == LIVE_TASKS_MAX)
		abort();
	r->app = app;
	r->task = transfer_task_ref((transfer_task *)(uintptr_t)task);
	return app->records[app->n_records++] = r;
}

static void blame(struct live_app *app, const struct live_record *r, const char *wrong)
{
	if (app->wrong)
		return;
	app->wrong = wrong;
	snprintf(app->where, sizeof(app->where), "task %llu after: %s",
		(unsigned long long)(r ? transfer_task_get_id(r->task) : 0), r ? r->events : "");
}

static void add_word(struct live_record *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add_word(struct live_record *r, const char *format, ...)
{
	size_t used = strlen(r->events);
	va_list arguments;

	if (used && used + 1 < sizeof(r->events))
		r->events[used++] = ' ';
	va_start(arguments, format);
	vsnprintf(r->events + used, sizeof(r->events) - used, format, arguments);
	va_end(arguments);
	r->run_at = 0;
}

/* ---- callbacks ---- */

/* the record, with the lock held */
static struct live_record *begin(struct live_app *app, transfer_task *task)
{
	struct live_record *r;

	pthread_mutex_lock(&app->lock);
	r = record_of(app, task);
	if (app->is_called)
		blame(app, r, "two callbacks at once");
	app->is_called = true;
	if (r->n_done)
		blame(app, r, "an event after the end of its task");
	if (*app->session_events)
		blame(app, r, "an event after the end of the session");
	if (!app->config.no_delegate && strncmp(r->events, "created", 7) != 0)
		blame(app, r, "an event before created");
	return r;
}

static void end(struct live_app *app, transfer_task *task, const char *what)
{
	pthread_cond_broadcast(&app->changed);
	pthread_mutex_unlock(&app->lock);
	if (app->config.on_event)
		app->config.on_event(app, task, what, app->config.user);
	pthread_mutex_lock(&app->lock);
	app->is_called = false;
	pthread_mutex_unlock(&app->lock);
}

/*
 * A question is answered, or its answer kept, before its word is there: who waits for the word finds all that done. The
 * next callback cannot come before this one has returned.
 */
static struct live_app *begin_asking(struct live_app *app, transfer_task *task)
{
	begin(app, task);
	pthread_mutex_unlock(&app->lock);
	return app;
}

static void end_asking(struct live_app *app, transfer_task *task, const char *what, int status)
{
	struct live_record *r;

	pthread_mutex_lock(&app->lock);
	r = record_of(app, task);
	if (status)
		add_word(r, "%s:%d", what, status);
	else
		add_word(r, "%s", what);
	end(app, task, what);
}

static int code_of(const transfer_error *error)
{
	return error ? transfer_error_get_code(error) : 0;
}

/* inside the call that makes the task, maybe inside a callback */
static void on_created(transfer_session *session, transfer_task *task, void *userdata)
{
	struct live_app *app = userdata;
	struct live_record *r;

	(void)session;
	pthread_mutex_lock(&app->lock);
	r = record_of(app, task);
	if (*r->events)
		blame(app, r, "created is not the first");
	add_word(r, "created");
	pthread_mutex_unlock(&app->lock);
}

static void on_invalid(transfer_session *session, const transfer_error *error, void *userdata)
{
	struct live_app *app = userdata;
	size_t used;

	(void)session;
	pthread_mutex_lock(&app->lock);
	if (*app->session_events || app->is_called)
		blame(app, NULL, "the end of the session is not the last");
	app->is_called = true;
	used = strlen(app->session_events);
	snprintf(app->session_events + used, sizeof(app->session_events) - used,
		error ? "inval:%d" : "inval", code_of(error));
	end(app, NULL, "inval");
}

static void on_sent(transfer_session *session, transfer_task *task, int64_t bytes, int64_t total,
	int64_t expected, void *userdata)
{
	struct live_record *r = begin(userdata, task);

	(void)session;
	if (total < r->sent_bytes)
		r->sent_bytes = 0; /* the body went again */
	if (bytes <= 0 || total != r->sent_bytes + bytes || (expected >= 0 && total > expected))
		blame(r->app, r, "a sum of sent bytes that cannot be");
	r->sent_bytes = total;
	r->to_send_bytes = expected;
	r->n_sent++;
	end(r->app, task, "sent");
}

static void on_wrote(transfer_session *session, transfer_task *task, int64_t bytes, int64_t total,
	int64_t expected, void *userdata)
{
	struct live_record *r = begin(userdata, task);

	(void)session;
	if (bytes <= 0 || total < r->wrote_bytes + bytes || (expected >= 0 && total > expected))
		blame(r->app, r, "a sum of written bytes that cannot be");
	r->wrote_bytes = total;
	r->n_wrote++;
	end(r->app, task, "wrote");
}

static void on_metrics(transfer_session *session, transfer_task *task,
	const struct transfer_metrics *metrics, void *userdata)
{
	struct live_record *r = begin(userdata, task);

	(void)session;
	if (++r->n_metrics > 1)
		blame(r->app, r, "two metrics of one task");
	if (metrics->finished_wall_usec < metrics->created_wall_usec)
		blame(r->app, r, "metrics that cannot be");
	if (r->app->config.on_metrics)
		r->app->config.on_metrics(metrics);
	end(r->app, task, "metrics");
}

static void on_done(
	transfer_session *session, transfer_task *task, const transfer_error *error, void *userdata)
{
	struct live_record *r = begin(userdata, task);

	(void)session;
	r->n_done++;
	r->code = code_of(error);
	add_word(r, "done:%d", r->code);
	if (r->n_sent && !error && r->to_send_bytes >= 0 && r->sent_bytes != r->to_send_bytes)
		blame(r->app, r, "a body that went, and the last total is less");
	if (!error && !r->n_metrics)
		blame(r->app, r, "a good end without metrics");
	if (transfer_task_get_state(task) != TRANSFER_TASK_STATE_COMPLETED)
		blame(r->app, r, "an ended task that is not completed");
	end(r->app, task, "done");
}

static void keep_data(struct live_record *r, const transfer_data *data)
{
	size_t n = transfer_data_get_size(data);
	char *bytes = r->data;

	if (!r->app->config.discards) {
		/* room by doubling, so that a large body is not copied for each piece */
		if (!bytes || (r->data_bytes + n + 1) / 65536 != r->data_bytes / 65536)
			bytes = realloc(bytes, 2 * (r->data_bytes + n) + 65537);
		if (!bytes)
			abort();
		if (n)
			memcpy(bytes + r->data_bytes, transfer_data_get_bytes(data), n);
		bytes[r->data_bytes + n] = '\0';
		r->data = bytes;
	}
	r->data_bytes += n;
	r->n_pieces++;
	if (n > r->largest_bytes)
		r->largest_bytes = n;
}

static void on_data(
	transfer_session *session, transfer_task *task, const transfer_data *data, void *userdata)
{
	struct live_record *r = begin(userdata, task);
	size_t n = transfer_data_get_size(data), at = r->run_at;

	(void)session;
	if (!n || (n > 256 * 1024 && transfer_task_get_prefers_incremental(task)))
		blame(r->app, r, "a piece that is empty or too large");
	if (!strstr(r->events, " resp") && !r->app->config.unasked)
		blame(r->app, r, "data before the response");
	keep_data(r, data);
	if (at)
		r->events[at - 1] = '\0';
	else
		at = strlen(r->events) + 1;
	r->run_bytes = r->run_at ? r->run_bytes + n : n;
	add_word(r, "data:%zu", r->run_bytes);
	r->run_at = at;
	end(r->app, task, "data");
}

/* takes the file as an application would: by renaming it */
static void take_file(struct live_record *r, const char *path, int fd)
{
	char *out = tmpdir_path("out/live-%p", (void *)r);
	if (fd < 0 || access(path, R_OK) || rename(path, out))
		blame(r->app, r, "a finished file that is not there");
	free(r->file);
	r->file = out;
	add_word(r, "file");
}

static void on_file(
	transfer_session *session, transfer_task *task, const char *path, int fd, void *userdata)
{
	struct live_record *r = begin(userdata, task);
	struct stat st;

	(void)session;
	if (fstat(fd, &st) || st.st_size != r->wrote_bytes)
		blame(r->app, r, "a file, and the last total of what was written is another");
	take_file(r, path, fd);
	end(r->app, task, "file");
}

static void on_resumed(transfer_session *session, transfer_task *task, int64_t offset,
	int64_t expected, void *userdata)
{
	struct live_record *r = begin(userdata, task);

	(void)session;
	if (expected >= 0 && offset > expected)
		blame(r->app, r, "resumed behind the end");
	r->wrote_bytes = offset;
	add_word(r, "resumed:%lld", (long long)offset);
	end(r->app, task, "resumed");
}

static void on_informational(transfer_session *session, transfer_task *task,
	const transfer_response *response, void *userdata)
{
	struct live_record *r = begin(userdata, task);

	(void)session;
	add_word(r, "info:%d", transfer_response_get_status(response));
	end(r->app, task, "info");
}

static void on_waiting(transfer_session *session, transfer_task *task, void *userdata)
{
	struct live_record *r = begin(userdata, task);

	(void)session;
	add_word(r, "waiting");
	end(r->app, task, "waiting");
}

static void on_redirect(transfer_session *session, transfer_task *task,
	const transfer_response *response, const transfer_request *request,
	transfer_redirect *answer, void *userdata)
{
	struct live_app *app = begin_asking(userdata, task);

	(void)session;
	app->config.on_redirect(task, request, answer, app->config.user);
	end_asking(app, task, "redir", transfer_response_get_status(response));
}

static void on_response(transfer_session *session, transfer_task *task,
	const transfer_response *response, transfer_disposition *answer, void *userdata)
{
	struct live_app *app = begin_asking(userdata, task);
	int r = 0;

	(void)session;
	if (app->config.on_response)
		app->config.on_response(task, response, answer, app->config.user);
	else
		r = transfer_disposition_set(answer, TRANSFER_RESPONSE_ALLOW);
	if (r) {
		pthread_mutex_lock(&app->lock);
		blame(app, find(app, task), "an answer that nobody needs");
		pthread_mutex_unlock(&app->lock);
	}
	end_asking(app, task, "resp", transfer_response_get_status(response));
}

static void on_challenge(transfer_session *session, transfer_task *task,
	transfer_challenge *challenge, void *userdata)
{
	struct live_app *app = begin_asking(userdata, task);
	unsigned n = transfer_challenge_get_previous_failures(challenge);
	char word[16];

	(void)session;
	app->config.on_challenge(task, challenge, app->config.user);
	snprintf(word, sizeof(word), "chal:%u", n);
	end_asking(app, task, word, 0);
}

static void on_need_body(transfer_session *session, transfer_task *task,
	transfer_body_request *answer, void *userdata)
{
	struct live_app *app = begin_asking(userdata, task);

	(void)session;
	app->config.on_need_body(task, answer, app->config.user);
	end_asking(app, task, "body?", 0);
}

static void on_became(
	transfer_session *session, transfer_task *task, transfer_task *download, void *userdata)
{
	struct live_record *r = begin(userdata, task), *other;

	(void)session;
	add_word(r, "became");
	r->n_done++; /* nothing more is told of it */
	r->download = download;
	other = record_of(r->app, download);
	if (!*other->events)
		add_word(other, "created");
	end(r->app, task, "became");
}

static transfer_cached_response *on_will_cache(transfer_session *session, transfer_task *task,
	const transfer_cached_response *proposed, void *userdata)
{
	struct live_record *r = begin(userdata, task);
	struct live_app *app = r->app;
	transfer_cached_response *kept;

	(void)session;
	add_word(r, "cache?");
	if (r->n_metrics)
		blame(app, r, "metrics came first");
	end(app, task, "cache?");
	kept = app->config.on_will_cache(task, proposed, app->config.user);
	return kept;
}

static const struct transfer_session_delegate usual = {
	TRANSFER_SESSION_DELEGATE_INIT,
	.did_become_invalid = on_invalid,
	.task_did_create = on_created,
	.task_did_send = on_sent,
	.task_did_collect_metrics = on_metrics,
	.task_did_complete = on_done,
	.task_did_receive_informational_response = on_informational,
	.task_is_waiting_for_connectivity = on_waiting,
	.data_did_receive = on_data,
	.data_did_receive_response = on_response,
	.data_did_become_download = on_became,
	.download_did_finish = on_file,
	.download_did_write = on_wrote,
	.download_did_resume = on_resumed,
};

/* ---- handlers ---- */

static void end_handled(struct live_record *r, const transfer_response *response,
	const transfer_error *error, size_t n_bytes)
{
	r->n_done++;
	r->code = code_of(error);
	add_word(r, "handler:%d:%d:%zu", r->code,
		response ? transfer_response_get_status(response) : 0, n_bytes);
	end(r->app, r->task, "handler");
}

/* userdata: the application; the tasks of handlers are told apart by what they were given */
struct handled {
	struct live_app *app;
	transfer_task *task;
};

static struct live_record *begin_handled(struct handled *h)
{
	struct live_record *r = begin(h->app, h->task);

	free(h);
	return r;
}

static void on_handled(const transfer_data *body, const transfer_response *response,
	const transfer_error *error, void *userdata)
{
	struct live_record *r = begin_handled(userdata);

	if (error && body)
		blame(r->app, r, "a body and an error");
	if (body)
		keep_data(r, body);
	end_handled(r, response, error, body ? transfer_data_get_size(body) : 0);
}

static void on_handled_file(const char *path, int fd, const transfer_response *response,
	const transfer_error *error, void *userdata)
{
	struct live_record *r = begin_handled(userdata);

	if (!path != !!error)
		blame(r->app, r, "neither a file nor an error, or both");
	if (path)
		take_file(r, path, fd);
	end_handled(r, response, error, 0);
}

/* ---- the application ---- */

static transfer_config *new_config(struct live_app *app)
{
	bool ephemeral = app->config.kind == TRANSFER_SESSION_EPHEMERAL;
	transfer_config *config = ephemeral ? transfer_config_new_ephemeral()
					    : transfer_config_new_default();

	ck_assert_ptr_nonnull(config);
	transfer_config_set_app_id(config, "org.example.Test");
	transfer_config_set_allow_insecure(config, !app->config.secure);
	if (app->config.caches)
		transfer_config_set_cache(config, ephemeral ? "" : "shared");
	if (app->config.tune)
		app->config.tune(config);
	return config;
}

static void open_session(struct live_app *app)
{
	struct transfer_owner owner = { TRANSFER_OWNER_INIT, .userdata = app,
		.queue = app->config.queue };
	transfer_auto(transfer_error) error = NULL;
	transfer_auto(transfer_config) config = NULL;
	int r;

	if (app->config.kind == TRANSFER_SESSION_SHARED) {
		app->session = transfer_session_get_shared(app->client);
		ck_assert_ptr_nonnull(app->session);
		transfer_session_ref(app->session);
		app->config.no_delegate = true;
		return;
	}
	config = new_config(app);
	app->delegate = usual;
	if (app->config.unasked)
		app->delegate.data_did_receive_response = NULL;
	if (app->config.on_redirect)
		app->delegate.task_will_redirect = on_redirect;
	if (app->config.on_challenge)
		app->delegate.task_did_receive_challenge = on_challenge;
	if (app->config.on_need_body)
		app->delegate.task_need_body = on_need_body;
	if (app->config.on_will_cache)
		app->delegate.data_will_cache_response = on_will_cache;
	owner.delegate = app->config.no_delegate ? NULL : &app->delegate;
	r = transfer_session_new(&app->session, app->client, config, &owner, &error);
	ck_assert_msg(!r, "no session: %s: %s", strerror(-r),
		error ? transfer_error_get_message(error) : "");
}

struct live_app *live_open(struct rig *rig, const struct live_app_config *config)
{
	struct live_app *app = calloc(1, sizeof(*app));
	transfer_auto(transfer_error) error = NULL;
	pthread_condattr_t attributes;
	int r;

	ck_assert_ptr_nonnull(app);
	if (config)
		app->config = *config;
	app->base = strdup(app->config.base ? app->config.base : origin_base(rig->origin));
	pthread_mutex_init(&app->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&app->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	r = transfer_client_new(&app->client, 0, &error);
	ck_assert_msg(!r, "no client: %s", error ? transfer_error_get_message(error) : "");
	open_session(app);
	return app;
}

struct live_app *live_close(struct live_app *app)
{
	for (unsigned i = 0; i < app->n_records; i++)
		transfer_task_unref(app->records[i]->task);
	transfer_session_unref(app->session);
	transfer_client_unref(app->client);
	ck_assert_msg(!app->wrong, "%s: %s", app->wrong, app->where);
	for (unsigned i = 0; i < app->n_records; i++) {
		free(app->records[i]->file);
		free(app->records[i]->data);
		free(app->records[i]);
	}
	pthread_cond_destroy(&app->changed);
	pthread_mutex_destroy(&app->lock);
	free(app->base);
	free(app);
	return NULL;
}

transfer_session *live_session(struct live_app *app)
{
	return app->session;
}

transfer_client *live_client(struct live_app *app)
{
	return app->client;
}

transfer_request *live_request(struct live_app *app, const char *method, const char *target)
{
	transfer_request *request;
	char *url = NULL;

	ck_assert_int_ge(asprintf(&url, "%s%s", *target == '/' ? app->base : "", target), 0);
	request = transfer_request_new(url);
	ck_assert_ptr_nonnull(request);
	if (method)
		transfer_request_set_method(request, method);
	free(url);
	return request;
}

transfer_task *live_keep(struct live_app *app, transfer_task *task_take)
{
	ck_assert_ptr_nonnull(task_take);
	pthread_mutex_lock(&app->lock);
	record_of(app, task_take);
	pthread_mutex_unlock(&app->lock);
	transfer_task_unref(task_take);
	return task_take;
}

static transfer_task *start(
	struct live_app *app, transfer_request *request_take, transfer_task *task_take)
{
	transfer_request_unref(request_take);
	live_keep(app, task_take);
	transfer_task_resume(task_take);
	return task_take;
}

transfer_task *live_data(struct live_app *app, transfer_request *request_take)
{
	return start(app, request_take,
		transfer_session_data_task(app->session, request_take, NULL, NULL));
}

transfer_task *live_download(struct live_app *app, transfer_request *request_take)
{
	return start(app, request_take,
		transfer_session_download_task(app->session, request_take, NULL, NULL));
}

transfer_task *live_upload(
	struct live_app *app, transfer_request *request_take, const void *bytes, size_t n_bytes)
{
	transfer_auto(transfer_data) body = transfer_data_new_copy(bytes, n_bytes);

	ck_assert_ptr_nonnull(body);
	return start(app, request_take,
		transfer_session_upload_task_data(app->session, request_take, body, NULL, NULL));
}

static struct handled *new_handled(struct live_app *app)
{
	struct handled *h = calloc(1, sizeof(*h));

	ck_assert_ptr_nonnull(h);
	h->app = app;
	return h;
}

transfer_task *live_handled(struct live_app *app, transfer_request *request_take)
{
	struct handled *h = new_handled(app);

	h->task = transfer_session_data_task(app->session, request_take, on_handled, h);
	return start(app, request_take, h->task);
}

transfer_task *live_handled_download(struct live_app *app, transfer_request *request_take)
{
	struct handled *h = new_handled(app);

	h->task = transfer_session_download_task(app->session, request_take, on_handled_file, h);
	return start(app, request_take, h->task);
}

/* ---- waiting ---- */

struct want {
	const transfer_task *task;
	const char *what; /* NULL: the end */
	unsigned n;
	size_t n_bytes;
};

static unsigned n_told(const struct live_record *r, const char *what)
{
	size_t n = strlen(what);
	unsigned count = 0;

	if (!strcmp(what, "sent"))
		return r->n_sent;
	if (!strcmp(what, "wrote"))
		return r->n_wrote;
	if (!strcmp(what, "data"))
		return r->n_pieces;
	for (const char *at = r->events; *at; at += strcspn(at, " "), at += *at == ' ')
		if (!strncmp(at, what, n) && strchr(" :", at[n]))
			count++;
	return count;
}

static bool is_there(struct live_app *app, const struct want *want)
{
	const struct live_record *r = want->task ? find(app, want->task) : NULL;

	if (!want->task)
		return *app->session_events;
	if (!r)
		return false;
	if (want->n_bytes)
		return r->data_bytes >= want->n_bytes;
	return want->what ? n_told(r, want->what) >= want->n : r->n_done > 0;
}

static void wait_for(struct live_app *app, const struct want *want)
{
	const struct live_record *r;
	struct timespec until;
	int error = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += RIG_DEADLINE_MS / 1000;
	pthread_mutex_lock(&app->lock);
	while (!is_there(app, want) && !app->wrong && !error)
		error = pthread_cond_timedwait(&app->changed, &app->lock, &until);
	r = want->task ? find(app, want->task) : NULL;
	ck_assert_msg(!error, "waited for '%s', told: %s %s", want->what ? want->what : "the end",
		r ? r->events : "", app->session_events);
	ck_assert_msg(!app->wrong, "%s: %s", app->wrong, app->where);
	pthread_mutex_unlock(&app->lock);
}

int live_wait(struct live_app *app, const transfer_task *task)
{
	int code;

	wait_for(app, &(struct want){ .task = task });
	pthread_mutex_lock(&app->lock);
	code = find(app, task)->code;
	pthread_mutex_unlock(&app->lock);
	return code;
}

void live_wait_event(struct live_app *app, const transfer_task *task, const char *what, unsigned n)
{
	wait_for(app, &(struct want){ .task = task, .what = what, .n = n });
}

void live_wait_invalid(struct live_app *app)
{
	wait_for(app, &(struct want){ .what = "inval" });
}

void live_wait_bytes(struct live_app *app, const transfer_task *task, size_t n_bytes)
{
	wait_for(app, &(struct want){ .task = task, .what = "bytes", .n_bytes = n_bytes });
}

/* ---- what was told ---- */

static struct live_record *look(struct live_app *app, const transfer_task *task)
{
	struct live_record *r;

	pthread_mutex_lock(&app->lock);
	r = record_of(app, task);
	pthread_mutex_unlock(&app->lock);
	return r;
}

const char *live_events(struct live_app *app, const transfer_task *task)
{
	pthread_mutex_lock(&app->lock);
	memcpy(app->copy, record_of(app, task)->events, sizeof(app->copy));
	pthread_mutex_unlock(&app->lock);
	return app->copy;
}

const char *live_session_events(struct live_app *app)
{
	pthread_mutex_lock(&app->lock);
	memcpy(app->copy, app->session_events, sizeof(app->session_events));
	pthread_mutex_unlock(&app->lock);
	return app->copy;
}

const char *live_body(struct live_app *app, const transfer_task *task, size_t *ret_size_bytes)
{
	const struct live_record *r = look(app, task);

	if (ret_size_bytes)
		*ret_size_bytes = r->data_bytes;
	return r->data ? r->data : "";
}

const char *live_file(struct live_app *app, const transfer_task *task)
{
	return look(app, task)->file;
}

unsigned live_pieces(struct live_app *app, const transfer_task *task, size_t *ret_largest_bytes)
{
	const struct live_record *r = look(app, task);

	if (ret_largest_bytes)
		*ret_largest_bytes = r->largest_bytes;
	return r->n_pieces;
}

transfer_task *live_download_of(struct live_app *app, const transfer_task *task)
{
	return look(app, task)->download;
}

int live_status(const transfer_task *task)
{
	transfer_auto(transfer_response) response = transfer_task_copy_response(task);

	return response ? transfer_response_get_status(response) : 0;
}

static const char *url_of(const transfer_task *task)
{
	static _Thread_local char url[256];
	const transfer_request *request = transfer_task_get_original_request(task);

	snprintf(url, sizeof(url), "%s", request ? transfer_request_get_url(request) : "a task");
	return url;
}

void live_check(struct live_app *app, const transfer_task *task, const char *want)
{
	const char *told;

	live_wait(app, task);
	told = live_events(app, task);
	ck_assert_msg(!strcmp(told, want), "%s: told '%s', wanted '%s'", url_of(task), told, want);
}

/* ---- sizes ---- */

unsigned live_n_fds(pid_t pid, const char *kind)
{
	char path[64], target[64];
	unsigned n = 0;
	ssize_t size;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)(pid ? pid : getpid()));
	dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	for (const struct dirent *entry; (entry = readdir(dir));) {
		size = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target));
		n += size >= (ssize_t)strlen(kind) && !strncmp(target, kind, strlen(kind));
	}
	closedir(dir);
	return n;
}
