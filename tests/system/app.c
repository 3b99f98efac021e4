/* SPDX-License-Identifier: MIT */
/*
 * An application of a system test. Each callback appends a word to the record of its task and wakes who waits; the
 * rules that hold for every task (one end, nothing after it) are checked right there, so that no test can forget them.
 */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "tests/system/rig.h"

#define APP_TASKS_MAX 2048

struct record {
	uint64_t id;
	char events[256];
	char *file;
	char *data;
	size_t data_bytes;
	int64_t total, expected;
	unsigned n_progress, n_metrics, n_done;
	int code;
};

struct app {
	struct app_config config;
	struct rig *rig;
	transfer_client *client;
	transfer_session *session;
	transfer_queue *queue;
	pthread_t pump; /* runs the callbacks; joined at the end, so that none is left running */
	int stop_fd;
	bool has_pump;
	transfer_task *tasks[APP_TASKS_MAX]; /* that this program made or asked for */
	unsigned n_tasks;
	char *base;

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	struct record *records[APP_TASKS_MAX];
	unsigned n_records;
	char session_events[256];
	const char *wrong; /* a rule was broken */
	char where[320]; /* the task that broke it, and what it was told before */
	uint64_t listed[APP_TASKS_MAX];
	unsigned n_listed;
	bool has_listed;
};

/* a task that could not be made has no number; then it is known by its address */
static uint64_t key_of(const transfer_task *task)
{
	uint64_t id = transfer_task_get_id(task);

	return id ? id : (uint64_t)(uintptr_t)task;
}

/* with the lock held */
static struct record *record_of(struct app *app, uint64_t id)
{
	struct record *r;

	for (unsigned i = 0; i < app->n_records; i++)
		if (app->records[i]->id == id)
			return app->records[i];
	if (app->n_records == APP_TASKS_MAX)
		abort();
	r = calloc(1, sizeof(*r));
	if (!r)
		abort();
	r->id = id;
	r->expected = -2;
	return app->records[app->n_records++] = r;
}

static void add_word(char events[256], const char *word)
{
	size_t used = strlen(events);

	snprintf(events + used, 256 - used, "%s%s", used ? " " : "", word);
}

/* writes down one event of a task; the record is returned with the lock held */
static struct record *begin(struct app *app, transfer_task *task, const char *what)
{
	struct record *r;

	pthread_mutex_lock(&app->lock);
	r = record_of(app, key_of(task));
	if (r->n_done)
		app->wrong = "an event after the end of its task";
	if (strstr(app->session_events, "invalid"))
		app->wrong = "an event after the end of the session";
	if (app->wrong && !app->where[0])
		snprintf(app->where, sizeof(app->where), "%s of task %llu after: %s", what,
			(unsigned long long)r->id, r->events);
	return r;
}

static void end(struct app *app, uint64_t id, const char *what)
{
	pthread_cond_broadcast(&app->changed);
	pthread_mutex_unlock(&app->lock);
	if (app->config.on_event)
		app->config.on_event(app, id, what, app->config.user);
}

static int code_of(const transfer_error *error)
{
	return error ? transfer_error_get_code(error) : 0;
}

static void on_invalid(transfer_session *session, const transfer_error *error, void *userdata)
{
	struct app *app = userdata;
	char word[64];

	(void)session;
	pthread_mutex_lock(&app->lock);
	snprintf(word, sizeof(word), "invalid:%d", code_of(error));
	if (strstr(app->session_events, "invalid"))
		app->wrong = "two ends of the session";
	add_word(app->session_events, word);
	end(app, 0, "invalid");
}

static void on_caught_up(transfer_session *session, void *userdata)
{
	struct app *app = userdata;

	(void)session;
	pthread_mutex_lock(&app->lock);
	add_word(app->session_events, "events");
	end(app, 0, "events");
}

static void note_progress(
	struct app *app, transfer_task *task, int64_t bytes, int64_t total, int64_t expected)
{
	struct record *r = begin(app, task, "progress");

	if (bytes < 0 || total < 0 || (expected >= 0 && total > expected))
		app->wrong = "progress that cannot be";
	r->total = total;
	r->expected = expected;
	r->n_progress++;
	end(app, r->id, "progress");
}

static void on_sent(transfer_session *session, transfer_task *task, int64_t bytes, int64_t total,
	int64_t expected, void *userdata)
{
	(void)session;
	note_progress(userdata, task, bytes, total, expected);
}

static void on_wrote(transfer_session *session, transfer_task *task, int64_t bytes, int64_t total,
	int64_t expected, void *userdata)
{
	(void)session;
	note_progress(userdata, task, bytes, total, expected);
}

static void on_metrics(transfer_session *session, transfer_task *task,
	const struct transfer_metrics *metrics, void *userdata)
{
	struct app *app = userdata;
	struct record *r = begin(app, task, "metrics");

	(void)session;
	if (++r->n_metrics > 1)
		app->wrong = "two metrics of one task";
	if (metrics->finished_wall_usec < metrics->created_wall_usec)
		app->wrong = "metrics that cannot be";
	end(app, r->id, "metrics");
}

static void on_done(
	transfer_session *session, transfer_task *task, const transfer_error *error, void *userdata)
{
	struct app *app = userdata;
	struct record *r = begin(app, task, "done");
	char word[64];

	(void)session;
	r->n_done++;
	r->code = code_of(error);
	snprintf(word, sizeof(word), "done:%d", r->code);
	add_word(r->events, word);
	if (transfer_task_get_state(task) != TRANSFER_TASK_STATE_COMPLETED)
		app->wrong = "an ended task that is not completed";
	end(app, r->id, "done");
}

static void on_data(
	transfer_session *session, transfer_task *task, const transfer_data *data, void *userdata)
{
	struct app *app = userdata;
	struct record *r = begin(app, task, "data");
	size_t n = transfer_data_get_size(data);
	char word[64];

	(void)session;
	r->data = realloc(r->data, r->data_bytes + n + 1);
	if (n)
		memcpy(r->data + r->data_bytes, transfer_data_get_bytes(data), n);
	r->data_bytes += n;
	r->data[r->data_bytes] = '\0';
	snprintf(word, sizeof(word), "data:%zu", n);
	add_word(r->events, word);
	end(app, r->id, "data");
}

/* takes the file as an application would: by renaming it, unless it is where it was asked to be */
static void on_file(
	transfer_session *session, transfer_task *task, const char *path, int fd, void *userdata)
{
	struct app *app = userdata;
	struct record *r = begin(app, task, "file");
	char *out = NULL;

	(void)session;
	add_word(r->events, "file");
	if (access(path, R_OK))
		app->wrong = "a finished file that is not there";
	/* one that is where the application wanted it comes without */
	if (fd < 0 && !strstr(path, "/out/"))
		app->wrong = "a finished file without a descriptor";
	free(r->file);
	if (app->config.lazy || strstr(path, "/out/")) {
		r->file = strdup(path);
	} else {
		out = tmpdir_path("out/taken-%llu-%d", (unsigned long long)r->id, (int)getpid());
		if (rename(path, out))
			app->wrong = "a finished file that cannot be renamed";
		r->file = out;
	}
	end(app, r->id, "file");
}

static void on_resumed(transfer_session *session, transfer_task *task, int64_t offset,
	int64_t expected, void *userdata)
{
	struct app *app = userdata;
	struct record *r = begin(app, task, "resume");
	char word[64];

	(void)session;
	snprintf(word, sizeof(word), "resume:%lld:%lld", (long long)offset, (long long)expected);
	add_word(r->events, word);
	end(app, r->id, "resume");
}

static void on_delayed(transfer_session *session, transfer_task *task,
	const transfer_request *request, transfer_delayed_request *answer, void *userdata)
{
	struct app *app = userdata;
	struct record *r = begin(app, task, "asked");

	(void)session;
	add_word(r->events, "asked");
	if (!transfer_request_get_url(request))
		app->wrong = "a question without a request";
	end(app, r->id, "asked");
	app->config.on_delayed(app, task, answer, app->config.user);
}

static const struct transfer_session_delegate delegate = {
	TRANSFER_SESSION_DELEGATE_INIT,
	.did_become_invalid = on_invalid,
	.did_finish_background_events = on_caught_up,
	.task_did_send = on_sent,
	.task_did_collect_metrics = on_metrics,
	.task_did_complete = on_done,
	.data_did_receive = on_data,
	.download_did_finish = on_file,
	.download_did_write = on_wrote,
	.download_did_resume = on_resumed,
};

static void *pump_main(void *argument)
{
	struct app *app = argument;
	struct pollfd p[2] = {
		{ .fd = app->stop_fd, .events = POLLIN },
		{ .fd = transfer_queue_get_fd(app->queue), .events = POLLIN },
	};

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (p[0].revents)
			return NULL;
		if (p[1].revents)
			transfer_queue_dispatch(app->queue, 0);
	}
}

static void start_pump(struct app *app)
{
	app->queue = transfer_queue_new_manual();
	app->stop_fd = eventfd(0, EFD_CLOEXEC);
	ck_assert_ptr_nonnull(app->queue);
	ck_assert_int_ge(app->stop_fd, 0);
	ck_assert_int_eq(pthread_create(&app->pump, NULL, pump_main, app), 0);
	app->has_pump = true;
}

static void stop_pump(struct app *app)
{
	uint64_t one = 1;

	if (app->has_pump && write(app->stop_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(app->pump, NULL);
	if (app->queue)
		transfer_queue_unref(app->queue);
	close(app->stop_fd);
}

static struct app *new_app(struct rig *rig, const struct app_config *config)
{
	static const struct app_config usual;
	struct app *app = calloc(1, sizeof(*app));
	pthread_condattr_t attributes;

	ck_assert_ptr_nonnull(app);
	app->config = config ? *config : usual;
	app->rig = rig;
	app->base = strdup(app->config.base ? app->config.base : origin_base(rig->origin));
	pthread_mutex_init(&app->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&app->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return app;
}

static transfer_config *new_config(struct app *app)
{
	const char *name = app->config.identifier ? app->config.identifier : "test";
	const char *app_id = app->config.app_id ? app->config.app_id : "org.example.Test";
	transfer_config *config = transfer_config_new_background(name);

	ck_assert_ptr_nonnull(config);
	transfer_config_set_app_id(config, app_id);
	transfer_config_set_allow_insecure(config, !app->config.secure);
	if (app->config.tune)
		app->config.tune(config);
	return config;
}

int app_try_open(struct rig *rig, const struct app_config *config, struct app **ret_app,
	transfer_error **ret_error)
{
	struct app *app = new_app(rig, config);
	struct transfer_session_delegate told = delegate;
	struct transfer_owner owner = { TRANSFER_OWNER_INIT, .delegate = &told, .userdata = app };
	transfer_auto(transfer_config) settings = new_config(app);
	transfer_error *error = NULL;
	int r = transfer_client_new(&app->client, 0, &error);

	ck_assert_msg(!r, "no client: %s", error ? transfer_error_get_message(error) : "");
	start_pump(app);
	owner.queue = app->queue;
	if (config && config->on_delayed)
		told.task_will_begin_delayed_request = on_delayed;
	r = transfer_session_new(&app->session, app->client, settings, &owner, ret_error);
	if (r)
		app_close(app);
	else
		*ret_app = app;
	return r;
}

struct app *app_open(struct rig *rig, const struct app_config *config)
{
	transfer_error *error = NULL;
	struct app *app = NULL;
	int r = app_try_open(rig, config, &app, &error);

	ck_assert_msg(!r, "no session: %s: %s", strerror(-r),
		error ? transfer_error_get_message(error) : "");
	return app;
}

struct app *app_close(struct app *app)
{
	for (unsigned i = 0; i < app->n_tasks; i++)
		transfer_task_unref(app->tasks[i]);
	if (app->session)
		transfer_session_unref(app->session);
	if (app->client)
		transfer_client_unref(app->client);
	stop_pump(app);
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

transfer_session *app_session(struct app *app)
{
	return app->session;
}

transfer_client *app_client(struct app *app)
{
	return app->client;
}

const char *app_base(struct app *app)
{
	return app->base;
}

transfer_request *app_request(struct app *app, const char *target)
{
	transfer_request *request;
	char *url = NULL;

	ck_assert_int_gt(asprintf(&url, "%s%s", *target == '/' ? app->base : "", target), 0);
	request = transfer_request_new(url);
	ck_assert_ptr_nonnull(request);
	free(url);
	return request;
}

static transfer_task *keep(struct app *app, transfer_task *task)
{
	ck_assert_ptr_nonnull(task);
	ck_assert_uint_lt(app->n_tasks, APP_TASKS_MAX);
	app->tasks[app->n_tasks++] = task;
	return task;
}

void app_settle(struct app *app)
{
	/* the answer comes on the queue, behind all callbacks; then what they acknowledged is on its way */
	app_tasks(app, NULL, 0);
	app_flush(app);
}

transfer_task *app_make(struct app *app, transfer_request *request)
{
	transfer_task *task = transfer_session_download_task(app->session, request, NULL, NULL);

	transfer_request_unref(request);
	return keep(app, task);
}

void app_flush(struct app *app)
{
	ck_assert_int_eq(transfer_client_flush(app->client, RIG_DEADLINE_MS), 0);
}

transfer_task *app_start(struct app *app, transfer_request *request)
{
	transfer_task *task = app_make(app, request);

	transfer_task_resume(task);
	app_flush(app);
	return task;
}

transfer_task *app_download(struct app *app, const char *target)
{
	return app_start(app, app_request(app, target));
}

transfer_task *app_make_upload(struct app *app, transfer_request *request, const char *path)
{
	transfer_task *task = transfer_session_upload_task_file(
		app->session, request, path, NULL, NULL);

	transfer_request_unref(request);
	return keep(app, task);
}

transfer_task *app_upload(struct app *app, const char *method, const char *target, const char *path)
{
	transfer_request *request = app_request(app, target);
	transfer_task *task;

	transfer_request_set_method(request, method);
	task = app_make_upload(app, request, path);
	transfer_task_resume(task);
	app_flush(app);
	return task;
}

static void deadline(struct timespec *ret_until, unsigned timeout_ms)
{
	clock_gettime(CLOCK_MONOTONIC, ret_until);
	ret_until->tv_sec += timeout_ms / 1000;
	ret_until->tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (ret_until->tv_nsec >= 1000000000) {
		ret_until->tv_sec++;
		ret_until->tv_nsec -= 1000000000;
	}
}

static unsigned count_words(const char *events, const char *what)
{
	size_t size = strlen(what);
	unsigned n = 0;

	for (const char *p = events; *p; p += strcspn(p, " "), p += *p == ' ')
		if (!strncmp(p, what, size))
			n++;
	return n;
}

int app_wait_event(struct app *app, uint64_t id, const char *what, unsigned n, unsigned timeout_ms)
{
	struct timespec until;
	int r = 0;

	deadline(&until, timeout_ms);
	pthread_mutex_lock(&app->lock);
	for (;;) {
		unsigned have;

		if (!id)
			have = count_words(app->session_events, what);
		else if (!strcmp(what, "progress"))
			have = record_of(app, id)->n_progress;
		else
			have = count_words(record_of(app, id)->events, what);
		if (have >= n || r)
			break;
		r = pthread_cond_timedwait(&app->changed, &app->lock, &until);
	}
	pthread_mutex_unlock(&app->lock);
	return -r;
}

int app_wait_id(struct app *app, uint64_t id)
{
	int code;

	ck_assert_uint_ne(id, 0);
	ck_assert_msg(!app_wait_event(app, id, "done", 1, RIG_DEADLINE_MS),
		"task %llu has not ended, told: '%s'", (unsigned long long)id, app_events(app, id));
	pthread_mutex_lock(&app->lock);
	code = record_of(app, id)->code;
	pthread_mutex_unlock(&app->lock);
	ck_assert_msg(!app->wrong, "%s: %s", app->wrong, app->where);
	return code;
}

int app_wait(struct app *app, transfer_task *task)
{
	return app_wait_id(app, key_of(task));
}

bool app_wait_invalid(struct app *app)
{
	return !app_wait_event(app, 0, "invalid", 1, RIG_DEADLINE_MS);
}

bool app_wait_caught_up(struct app *app)
{
	return !app_wait_event(app, 0, "events", 1, RIG_DEADLINE_MS);
}

const char *app_task_events(struct app *app, const transfer_task *task)
{
	return app_events(app, key_of(task));
}

const char *app_events(struct app *app, uint64_t id)
{
	const char *events;

	pthread_mutex_lock(&app->lock);
	events = id ? record_of(app, id)->events : app->session_events;
	pthread_mutex_unlock(&app->lock);
	return events;
}

bool app_progress(struct app *app, uint64_t id, int64_t *ret_total, int64_t *ret_expected)
{
	struct record *r;
	bool has;

	pthread_mutex_lock(&app->lock);
	r = record_of(app, id);
	has = r->n_progress > 0;
	*ret_total = r->total;
	*ret_expected = r->expected;
	pthread_mutex_unlock(&app->lock);
	return has;
}

/* Not what the application was told: the last of it may stay untold while nothing follows. */
void app_wait_bytes(struct app *app, const transfer_task *task, int64_t n_bytes)
{
	uint64_t end_ms = proc_now_ms() + RIG_DEADLINE_MS;
	char id[24], *said = NULL;
	long long total = -1;

	while (total < n_bytes) {
		snprintf(id, sizeof(id), "%llu", (unsigned long long)transfer_task_get_id(task));
		ck_assert_msg(
			proc_left_ms(end_ms) > 0, "%lld bytes of %lld", total, (long long)n_bytes);
		if (!RIG_CTL(app->rig, &said, "show", id, "-p", "BytesReceived", "--value"))
			total = strtoll(said, NULL, 10);
		free(said);
		said = NULL;
	}
}

const char *app_file(struct app *app, uint64_t id)
{
	const char *file;

	pthread_mutex_lock(&app->lock);
	file = record_of(app, id)->file;
	pthread_mutex_unlock(&app->lock);
	return file;
}

const char *app_data(struct app *app, uint64_t id)
{
	const char *data;

	pthread_mutex_lock(&app->lock);
	data = record_of(app, id)->data;
	pthread_mutex_unlock(&app->lock);
	return data ? data : "";
}

static void on_tasks(transfer_task *const *tasks, size_t n_tasks, void *userdata)
{
	struct app *app = userdata;

	pthread_mutex_lock(&app->lock);
	app->n_listed = 0;
	for (size_t i = 0; i < n_tasks && i < APP_TASKS_MAX; i++) {
		app->listed[app->n_listed++] = transfer_task_get_id(tasks[i]);
		if (app->n_tasks < APP_TASKS_MAX)
			app->tasks[app->n_tasks++] = transfer_task_ref(tasks[i]);
	}
	app->has_listed = true;
	pthread_cond_broadcast(&app->changed);
	pthread_mutex_unlock(&app->lock);
}

unsigned app_tasks(struct app *app, uint64_t *ids, unsigned room)
{
	struct timespec until;
	unsigned n;

	app->has_listed = false;
	transfer_session_get_tasks(app->session, on_tasks, app);
	deadline(&until, RIG_DEADLINE_MS);
	pthread_mutex_lock(&app->lock);
	while (!app->has_listed)
		ck_assert_int_eq(pthread_cond_timedwait(&app->changed, &app->lock, &until), 0);
	n = app->n_listed;
	for (unsigned i = 0; i < n && i < room; i++)
		ids[i] = app->listed[i];
	pthread_mutex_unlock(&app->lock);
	return n;
}

transfer_task *app_find_task(struct app *app, uint64_t id)
{
	app_tasks(app, NULL, 0);
	for (unsigned i = app->n_tasks; i-- > 0;)
		if (transfer_task_get_id(app->tasks[i]) == id)
			return app->tasks[i];
	return NULL;
}

int app_status(transfer_task *task)
{
	transfer_auto(transfer_response) response = transfer_task_copy_response(task);

	return response ? transfer_response_get_status(response) : 0;
}

void app_check_download(struct app *app, transfer_task *task, const char *events, uint64_t seed,
	uint64_t size_bytes)
{
	uint64_t id = key_of(task);
	int r;

	ck_assert_int_eq(app_wait_id(app, id), 0);
	if (events)
		ck_assert_str_eq(app_events(app, id), events);
	ck_assert_ptr_nonnull(app_file(app, id));
	r = origin_bytes_check(app_file(app, id), seed, size_bytes);
	ck_assert_msg(!r, "%s: %s", app_file(app, id), strerror(-r));
}

void app_check_failed(struct app *app, transfer_task *task, int code)
{
	char events[64];

	snprintf(events, sizeof(events), "done:%d", code);
	ck_assert_int_eq(app_wait(app, task), code);
	ck_assert_str_eq(APP_EVENTS(app, task), events);
	ck_assert_ptr_null(app_file(app, key_of(task)));
}
