/* SPDX-License-Identifier: MIT */
/* Commands into arrays, reports out of a queue. One thread. */
#include "tests/lib/fake-engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fake_event {
	struct engine_event event;
	bool is_taken;
	struct engine_response response;
	char *url, *digest_hex;
	void *body;
	struct fake_event *next;
};

struct engine {
	struct fake_attempt **attempts;
	size_t n_attempts;
	struct fake_attempt **ahead; /* have not begun */
	size_t n_ahead;
	struct fake_job **jobs;
	size_t n_jobs;
	struct fake_event *first, **last;
	size_t n_events;
	char **files;
	size_t n_files;
	void (*on_command)(void *user);
	void *user;
	unsigned n_refusals;
	int refusal, publish_refusal;
	uint64_t n_started;
	size_t n_cookies_put, n_cookie_clears;
};

static char *dup_or_null(const char *s)
{
	return s ? strdup(s) : NULL;
}

/* Room for one more pointer; a test that has no memory may end. */
static void *grow(void *array, size_t n)
{
	void *grown = reallocarray(array, n + 1, sizeof(void *));

	if (!grown)
		abort();
	return grown;
}

static void attempt_free(struct fake_attempt *a)
{
	free(a->url);
	free(a->method);
	free(a->part_path);
	free(a->source_path);
	free(a->body_path);
	free(a->upload_url);
	free(a->etag);
	for (size_t i = 0; i < a->n_headers; i++) {
		free((char *)a->headers[i].name);
		free((char *)a->headers[i].value);
	}
	free(a->headers);
	free(a->proxy);
	free(a->source_bytes);
	free(a->answer_url);
	free(a->answer_user);
	free(a->answer_password);
	free(a->answer_method);
	free(a->answer_path);
	if (a->source_fd >= 0)
		close(a->source_fd);
	if (a->answer_fd >= 0)
		close(a->answer_fd);
	free(a);
}

static void job_free(struct fake_job *job)
{
	free(job->path);
	free(job->destination);
	if (job->unnamed_fd >= 0)
		close(job->unnamed_fd);
	free(job);
}

static void event_free(struct fake_event *e)
{
	if (e->event.is_unnamed)
		close(e->event.unnamed_fd);
	if (e->event.live.data_fd >= 0)
		close(e->event.live.data_fd);
	free(e->body);
	free(e->url);
	free(e->digest_hex);
	free(e);
}

int engine_new(const struct engine_config *config, struct engine **ret_engine)
{
	struct engine *e = calloc(1, sizeof(*e));

	(void)config;
	if (!e)
		return -ENOMEM;
	e->last = &e->first;
	*ret_engine = e;
	return 0;
}

void engine_free(struct engine *e)
{
	struct fake_event *event;

	if (!e)
		return;
	for (size_t i = 0; i < e->n_attempts; i++)
		attempt_free(e->attempts[i]);
	fake_engine_drop_ahead(e);
	for (size_t i = 0; i < e->n_jobs; i++)
		job_free(e->jobs[i]);
	for (size_t i = 0; i < e->n_files; i++)
		free(e->files[i]);
	while ((event = e->first)) {
		e->first = event->next;
		event_free(event);
	}
	free(e->attempts);
	free(e->ahead);
	free(e->jobs);
	free(e->files);
	free(e);
}

int engine_fd(struct engine *e)
{
	(void)e;
	return -1;
}

struct engine_event *engine_event_take(const struct engine_event *event)
{
	struct fake_event *e = (struct fake_event *)event; /* its first member */

	e->is_taken = true;
	return &e->event;
}

struct engine_event *engine_event_new(enum engine_event_type type, uint64_t task, uint32_t attempt)
{
	struct fake_event *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->event = (struct engine_event){
		.type = type,
		.task = task,
		.attempt = attempt,
		.expected_receive_bytes = -1,
		.expected_send_bytes = -1,
		.live.data_fd = -1,
	};
	return &e->event;
}

void engine_event_free(struct engine_event *event)
{
	if (event)
		event_free((struct fake_event *)event);
}

int engine_dispatch(struct engine *e, engine_event_fn fn, void *user)
{
	struct fake_event *event;

	while ((event = e->first)) {
		e->first = event->next;
		if (!e->first)
			e->last = &e->first;
		e->n_events--;
		fn(&event->event, user);
		if (!event->is_taken)
			event_free(event);
	}
	return 0;
}

static void command(struct engine *e)
{
	if (e->on_command)
		e->on_command(e->user);
}

static struct fake_attempt *find(struct engine *e, uint64_t task, uint32_t attempt)
{
	for (size_t i = 0; i < e->n_attempts; i++)
		if (e->attempts[i]->task == task && e->attempts[i]->attempt == attempt)
			return e->attempts[i];
	return NULL;
}

static struct fake_attempt *take_ahead(struct engine *e, size_t i)
{
	struct fake_attempt *a = e->ahead[i];

	memmove(e->ahead + i, e->ahead + i + 1, (e->n_ahead - i - 1) * sizeof(void *));
	e->n_ahead--;
	return a;
}

static void begin(struct engine *e, struct fake_attempt *a)
{
	if (a->kind == TRANSFER_TASK_DOWNLOAD)
		fake_engine_add_file(e, a->part_path);
	e->attempts = grow(e->attempts, e->n_attempts);
	e->attempts[e->n_attempts++] = a;
}

/* The first of the lane has the place now. */
static void pass_place(struct engine *e, uint64_t lane, struct engine_event *event)
{
	for (size_t i = 0; i < e->n_ahead; i++) {
		if (e->ahead[i]->lane != lane)
			continue;
		event->next_task = e->ahead[i]->task;
		event->next_attempt = e->ahead[i]->attempt;
		begin(e, take_ahead(e, i));
		return;
	}
}

static void keep_live(struct fake_attempt *a, const struct engine_spec *spec)
{
	a->live = spec->live;
	a->live.source_bytes = NULL;
	a->live.proxy = a->live.no_proxy = NULL;
	a->proxy = dup_or_null(spec->live.proxy);
	a->weight = spec->live.weight;
	a->answer_fd = a->source_fd = -1;
	if (spec->live.source_bytes) {
		a->source_bytes = calloc(1, spec->live.n_source_bytes + 1);
		if (!a->source_bytes)
			abort();
		memcpy(a->source_bytes, spec->live.source_bytes, spec->live.n_source_bytes);
	}
	if (spec->live.is_live && spec->source_fd >= 0)
		a->source_fd = dup(spec->source_fd);
}

int engine_start(struct engine *e, uint64_t task, uint32_t attempt, const struct engine_spec *spec)
{
	struct fake_attempt *a;

	command(e);
	if (e->n_refusals) {
		e->n_refusals--;
		return e->refusal;
	}
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	*a = (struct fake_attempt){
		.task = task,
		.attempt = attempt,
		.session = spec->session,
		.lane = spec->lane,
		.kind = spec->kind,
		.url = dup_or_null(spec->url),
		.method = dup_or_null(spec->method),
		.part_path = dup_or_null(spec->part_path),
		.source_path = dup_or_null(spec->source_path),
		.body_path = dup_or_null(spec->body_path),
		.upload_url = dup_or_null(spec->upload_url),
		.upload_offset_bytes = spec->upload_offset_bytes,
		.is_resumable = spec->is_resumable,
		.etag = dup_or_null(spec->etag),
		.resume_offset_bytes = spec->resume_offset_bytes,
		.may_be_unnamed = spec->may_be_unnamed,
		.deadline_boot_us = spec->deadline_boot_us,
		.idle_timeout_us = spec->idle_timeout_us,
		.source_ino = spec->source_ino,
		.max_rate_bps = spec->max_rate_bps,
		.is_resumed_by_client = spec->is_resumed_by_client,
		.allow_insecure = spec->allow_insecure,
		.jar = spec->jar,
		.sends_cookies = spec->sends_cookies,
		.accepts_cookies = spec->accepts_cookies,
		.received_bytes = spec->resume_offset_bytes,
		.durable_bytes = spec->resume_offset_bytes,
		.headers = calloc(spec->n_headers + 1, sizeof(*a->headers)),
		.n_headers = spec->n_headers,
	};
	keep_live(a, spec);
	for (size_t i = 0; i < spec->n_headers; i++) {
		a->headers[i].name = strdup(spec->headers[i].name);
		a->headers[i].value = strdup(spec->headers[i].value);
	}
	e->n_started++;
	if (!spec->is_ahead) {
		begin(e, a);
		return 0;
	}
	e->ahead = grow(e->ahead, e->n_ahead);
	e->ahead[e->n_ahead++] = a;
	return 0;
}

void engine_hold(struct engine *e)
{
	(void)e;
}

void engine_release(struct engine *e)
{
	(void)e;
}

int engine_begin(struct engine *e, uint64_t task, uint32_t attempt)
{
	struct engine_event begun = {
		.type = ENGINE_EVENT_BEGUN, .task = task, .attempt = attempt
	};
	const struct fake_attempt *a = find(e, task, attempt);

	command(e);
	for (size_t i = 0; !a && i < e->n_ahead; i++)
		if (e->ahead[i]->task == task && e->ahead[i]->attempt == attempt)
			a = e->ahead[i];
	if (!a)
		return -ENOENT;
	begun.lane = a->lane;
	pass_place(e, a->lane, &begun);
	fake_engine_post(e, &begun);
	return 0;
}

static bool stop_ahead(struct engine *e, uint64_t task, uint32_t attempt)
{
	const struct engine_event done = { .type = ENGINE_EVENT_DONE,
		.task = task,
		.attempt = attempt,
		.is_stopped = true,
		.is_unbegun = true };

	for (size_t i = 0; i < e->n_ahead; i++) {
		if (e->ahead[i]->task != task || e->ahead[i]->attempt != attempt)
			continue;
		attempt_free(take_ahead(e, i));
		fake_engine_post(e, &done);
		return true;
	}
	return false;
}

void engine_recall(struct engine *e, uint64_t task, uint32_t attempt)
{
	command(e);
	(void)stop_ahead(e, task, attempt);
}

void engine_stop(struct engine *e, uint64_t task, uint32_t attempt)
{
	struct fake_attempt *a = find(e, task, attempt);

	command(e);
	if (stop_ahead(e, task, attempt))
		return;
	if (a)
		a->is_stopping = true;
}

void engine_give_up(struct engine *e, uint64_t task, uint32_t attempt)
{
	struct fake_attempt *a = find(e, task, attempt);

	if (a)
		a->is_given_up = true;
	engine_stop(e, task, attempt);
}

static void replace_text(char **slot, const char *text)
{
	free(*slot);
	*slot = dup_or_null(text);
}

int engine_answer_redirect(struct engine *e, uint64_t task, uint32_t attempt,
	enum engine_redirect_answer answer, const struct engine_request *request)
{
	struct fake_attempt *a = find(e, task, attempt);

	command(e);
	if (!a)
		return 0;
	a->n_redirect_answers++;
	a->redirect_answer = answer;
	if (request) {
		replace_text(&a->answer_url, request->url);
		replace_text(&a->answer_method, request->method);
	}
	return 0;
}

int engine_answer_challenge(struct engine *e, uint64_t task, uint32_t attempt,
	enum engine_challenge_answer answer, const struct engine_credential *credential)
{
	struct fake_attempt *a = find(e, task, attempt);

	command(e);
	if (!a)
		return 0;
	a->n_challenge_answers++;
	a->challenge_answer = answer;
	if (answer == ENGINE_CHALLENGE_USE) {
		replace_text(&a->answer_user, credential->user);
		replace_text(&a->answer_password, credential->password);
	}
	return 0;
}

int engine_answer_response(struct engine *e, uint64_t task, uint32_t attempt,
	enum engine_response_answer answer, const char *part_path)
{
	struct fake_attempt *a = find(e, task, attempt);

	command(e);
	if (!a)
		return 0;
	a->n_response_answers++;
	a->response_answer = answer;
	replace_text(&a->answer_path, part_path);
	if (part_path)
		fake_engine_add_file(e, part_path);
	return 0;
}

int engine_answer_body(
	struct engine *e, uint64_t task, uint32_t attempt, int fd_take, int64_t length)
{
	struct fake_attempt *a = find(e, task, attempt);

	command(e);
	if (!a) {
		if (fd_take >= 0)
			close(fd_take);
		return 0;
	}
	a->n_body_answers++;
	if (a->answer_fd >= 0)
		close(a->answer_fd);
	a->answer_fd = fd_take;
	a->answer_length = length;
	return 0;
}

void engine_hold_attempt(struct engine *e, uint64_t task, uint32_t attempt, bool is_held)
{
	struct fake_attempt *a = find(e, task, attempt);

	command(e);
	if (a)
		a->is_held = is_held;
}

void engine_set_weight(struct engine *e, uint64_t task, uint32_t attempt, unsigned weight)
{
	struct fake_attempt *a = find(e, task, attempt);

	command(e);
	if (a)
		a->weight = weight;
}

void engine_set_rate(struct engine *e, uint64_t task, uint32_t attempt, uint64_t max_rate_bps)
{
	struct fake_attempt *a = find(e, task, attempt);

	command(e);
	if (a)
		a->max_rate_bps = max_rate_bps;
}

void engine_set_limits(struct engine *e, uint64_t down_bps, uint64_t up_bps, unsigned per_host)
{
	(void)e;
	(void)down_bps;
	(void)up_bps;
	(void)per_host;
}

void engine_drop_connections(struct engine *e, uint64_t session)
{
	(void)session;
	command(e);
}

int engine_put_cookies(
	struct engine *e, uint64_t jar, const struct transfer_cookie *cookies, size_t n_cookies)
{
	(void)jar;
	(void)cookies;
	command(e);
	e->n_cookies_put += n_cookies;
	return 0;
}

void engine_clear_cookies(struct engine *e, uint64_t jar)
{
	(void)jar;
	command(e);
	e->n_cookie_clears++;
}

size_t fake_engine_n_cookies(const struct engine *e, size_t *ret_n_clears)
{
	*ret_n_clears = e->n_cookie_clears;
	return e->n_cookies_put;
}

static void add_job(struct engine *e, const struct fake_job *from)
{
	struct fake_job *job = malloc(sizeof(*job));

	if (!job)
		abort();
	*job = *from;
	e->jobs = grow(e->jobs, e->n_jobs);
	e->jobs[e->n_jobs++] = job;
}

int engine_publish(
	struct engine *e, uint64_t task, uint32_t attempt, const struct engine_publish *p)
{
	command(e);
	if (e->publish_refusal)
		return e->publish_refusal;
	add_job(e,
		&(struct fake_job){ FAKE_JOB_PUBLISH, task, attempt, strdup(p->part_path),
			strdup(p->destination), p->may_overwrite, 0,
			p->is_unnamed ? p->unnamed_fd : -1 });
	return 0;
}

int engine_snapshot(
	struct engine *e, uint64_t task, uint32_t attempt, int source_fd, const char *to_path)
{
	struct stat st = { 0 };

	command(e);
	(void)fstat(source_fd, &st);
	close(source_fd); /* it is taken over */
	add_job(e,
		&(struct fake_job){ FAKE_JOB_SNAPSHOT, task, attempt, strdup(to_path), NULL, false,
			(uint64_t)st.st_size, -1 });
	return 0;
}

static size_t file_index(const struct engine *e, const char *path)
{
	size_t i;

	for (i = 0; i < e->n_files && strcmp(e->files[i], path) != 0; i++)
		;
	return i;
}

int engine_remove_file(struct engine *e, const char *path)
{
	size_t i = file_index(e, path);

	command(e);
	if (i < e->n_files) {
		free(e->files[i]);
		e->files[i] = e->files[--e->n_files];
	}
	return 0;
}

/* ---- the test's side ---- */

size_t fake_engine_n(const struct engine *e)
{
	return e->n_attempts;
}

struct fake_attempt *fake_engine_get(struct engine *e, size_t i)
{
	return e->attempts[i];
}

void fake_engine_drop_ahead(struct engine *e)
{
	while (e->n_ahead)
		attempt_free(e->ahead[--e->n_ahead]);
}

size_t fake_engine_n_ahead(const struct engine *e)
{
	return e->n_ahead;
}

struct fake_attempt *fake_engine_find(struct engine *e, uint64_t task)
{
	for (size_t i = e->n_attempts; i-- > 0;)
		if (e->attempts[i]->task == task)
			return e->attempts[i];
	return NULL;
}

size_t fake_engine_n_running(const struct engine *e)
{
	size_t n = 0;

	for (size_t i = 0; i < e->n_attempts; i++)
		n += !e->attempts[i]->is_done;
	return n;
}

void fake_engine_drop(struct engine *e, struct fake_attempt *a)
{
	for (size_t i = 0; i < e->n_attempts; i++) {
		if (e->attempts[i] != a)
			continue;
		memmove(e->attempts + i, e->attempts + i + 1,
			(e->n_attempts - i - 1) * sizeof(void *));
		e->n_attempts--;
		attempt_free(a);
		return;
	}
}

size_t fake_engine_n_jobs(const struct engine *e)
{
	return e->n_jobs;
}

struct fake_job *fake_engine_job(struct engine *e, size_t i)
{
	return e->jobs[i];
}

void fake_engine_drop_job(struct engine *e, struct fake_job *job)
{
	for (size_t i = 0; i < e->n_jobs; i++) {
		if (e->jobs[i] != job)
			continue;
		memmove(e->jobs + i, e->jobs + i + 1, (e->n_jobs - i - 1) * sizeof(void *));
		e->n_jobs--;
		job_free(job);
		return;
	}
}

void fake_engine_post(struct engine *e, const struct engine_event *event)
{
	struct fake_event *copy = calloc(1, sizeof(*copy));
	const struct fake_attempt *ended;

	if (!copy)
		abort();
	copy->event = *event;
	/* 0 is what an initializer that says nothing of it leaves */
	if (event->type != ENGINE_EVENT_DATA || !event->live.data_fd)
		copy->event.live.data_fd = -1;
	if (event->live.body) {
		copy->body = malloc(event->live.n_body + 1);
		if (!copy->body)
			abort();
		memcpy(copy->body, event->live.body, event->live.n_body);
		copy->event.live.body = copy->body;
	}
	if (event->response) {
		/* strings of responses are the test's constants */
		copy->response = *event->response;
		copy->event.response = &copy->response;
	}
	copy->url = dup_or_null(event->url);
	copy->event.url = copy->url;
	copy->digest_hex = dup_or_null(event->digest_hex);
	copy->event.digest_hex = copy->digest_hex;
	ended = event->type == ENGINE_EVENT_DONE ? find(e, event->task, event->attempt) : NULL;
	if (ended)
		pass_place(e, ended->lane, &copy->event);
	*e->last = copy;
	e->last = &copy->next;
	e->n_events++;
}

size_t fake_engine_n_events(const struct engine *e)
{
	return e->n_events;
}

bool fake_engine_has_file(const struct engine *e, const char *path)
{
	return file_index(e, path) < e->n_files;
}

void fake_engine_add_file(struct engine *e, const char *path)
{
	if (fake_engine_has_file(e, path))
		return;
	e->files = grow(e->files, e->n_files);
	e->files[e->n_files++] = strdup(path);
}

size_t fake_engine_n_files(const struct engine *e)
{
	return e->n_files;
}

void fake_engine_on_command(struct engine *e, void (*fn)(void *user), void *user)
{
	e->on_command = fn;
	e->user = user;
}

void fake_engine_refuse_publish(struct engine *e, int error)
{
	e->publish_refusal = error;
}

void fake_engine_refuse(struct engine *e, unsigned n, int error)
{
	e->n_refusals = n;
	e->refusal = error;
}

uint64_t fake_engine_n_started(const struct engine *e)
{
	return e->n_started;
}
