/* SPDX-License-Identifier: MIT */
/* The turn is the daemon's: live sessions first, then the flow. */
#include "tests/daemon/live-rig.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <transfer/error.h>

static void append(struct rig *rig, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append(struct rig *rig, const char *format, ...)
{
	size_t n = strlen(rig->text);
	va_list args;

	va_start(args, format);
	vsnprintf(rig->text + n, sizeof(rig->text) - n, format, args);
	va_end(args);
}

/* ---- the client ---- */

static void say_body(struct rig *rig, const struct live_row *row)
{
	char bytes[64] = "";

	if (row->body)
		append(rig, " %.*s", (int)row->n_body, (const char *)row->body);
	if (row->fd >= 0 && !row->path) {
		ck_assert(read(row->fd, bytes, sizeof(bytes) - 1) >= 0);
		append(rig, " %s(%s)", row->fd_is_pipe ? "pipe" : "file", bytes);
	}
	if (row->path) {
		append(rig, " path");
		free(rig->path);
		rig->path = strdup(row->path);
	}
}

static void say(struct rig *rig, const struct live_row *row)
{
	static const char *const names[] = {
		[LIVE_EVENT_INFORMATIONAL] = "INFORMATIONAL",
		[LIVE_EVENT_REDIRECT] = "REDIRECT",
		[LIVE_EVENT_CHALLENGE] = "CHALLENGE",
		[LIVE_EVENT_NEED_BODY] = "NEED_BODY",
		[LIVE_EVENT_RESPONSE] = "RESPONSE",
		[LIVE_EVENT_BECAME_DOWNLOAD] = "BECAME_DOWNLOAD",
		[LIVE_EVENT_DATA] = "DATA",
		[LIVE_EVENT_SENT] = "SENT",
		[LIVE_EVENT_WRITTEN] = "WRITTEN",
		[LIVE_EVENT_RESUMED] = "RESUMED",
		[LIVE_EVENT_WAITING] = "WAITING",
		[LIVE_EVENT_FINISHED] = "FINISHED",
		[LIVE_EVENT_METRICS] = "METRICS",
		[LIVE_EVENT_COMPLETED] = "COMPLETED",
		[LIVE_EVENT_WITHDRAWN] = "WITHDRAWN",
		[LIVE_EVENT_BECAME_INVALID] = "BECAME_INVALID",
	};

	append(rig, "%s%s", rig->text[0] ? ", " : "", names[row->type]);
	if (row->type == LIVE_EVENT_RESPONSE || row->type == LIVE_EVENT_INFORMATIONAL ||
		row->type == LIVE_EVENT_REDIRECT || row->type == LIVE_EVENT_CHALLENGE ||
		row->is_folded)
		append(rig, " %u", row->view->response.status);
	if (row->type == LIVE_EVENT_REDIRECT)
		append(rig, " %s", row->request->url);
	if (row->type == LIVE_EVENT_NEED_BODY)
		append(rig, " %d", (int)row->reason);
	if (row->type == LIVE_EVENT_RESUMED)
		append(rig, " %llu", (unsigned long long)row->offset);
	if (row->type == LIVE_EVENT_SENT || row->type == LIVE_EVENT_WRITTEN)
		append(rig, " %llu/%llu", (unsigned long long)row->bytes,
			(unsigned long long)row->total);
	if (row->question && row->type != LIVE_EVENT_WITHDRAWN)
		append(rig, " ?");
	say_body(rig, row);
	if (row->type != LIVE_EVENT_COMPLETED)
		return;
	append(rig, "%s %d%s", row->is_folded ? " folded" : "", row->view->result.code,
		row->resume_data ? " resumable" : "");
	rig->code = row->view->result.code;
}

static int on_row(const struct live_row *row, void *user)
{
	struct rig *rig = user;

	if (row->session == rig->last_session)
		ck_assert_uint_gt(row->seq, rig->last_seq);
	rig->last_session = row->session;
	ck_assert(live_owns(row->task) || row->type == LIVE_EVENT_BECAME_INVALID);
	rig->last_seq = row->seq;
	if (row->question && row->type != LIVE_EVENT_WITHDRAWN)
		rig->question = row->question;
	if (row->type == LIVE_EVENT_CHALLENGE)
		rig->asked_attempt = row->attempt;
	if (row->type == LIVE_EVENT_BECAME_DOWNLOAD)
		rig->other_task = row->other_task;
	rig->n_told++;
	if (rig->on_row)
		rig->on_row(row, rig->user);
	else
		say(rig, row);
	return 0;
}

static void on_events(uint64_t session, void *user)
{
	const struct live_take take = {
		.session = session, .max_rows = 1000, .max_fds = 1000, .max_bytes = SIZE_MAX
	};
	struct rig *rig = user;

	if (!rig->is_full)
		ck_assert_int_eq(live_events_take(rig->live, &take, on_row, rig), 0);
}

static void on_gone(uint64_t session, void *user)
{
	struct rig *rig = user;

	rig->gone = session;
	rig->n_gone++;
}

static const struct live_observer observer = { .events = on_events, .session_gone = on_gone };

/* ---- the world ---- */

struct rig *rig_new(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct live_config config = { .observer = &observer };

	ck_assert(rig);
	rig->sim = sim_new(1);
	rig->engine = rig->sim->engine;
	config.observer_user = rig;
	config.engine = rig->engine;
	config.flow = rig->sim->flow;
	config.spool_dir = rig->sim->spool_dir;
	ck_assert_int_eq(live_new(&config, &rig->live), 0);
	rig_turn(rig);
	return rig;
}

void rig_free(struct rig *rig)
{
	live_free(rig->live);
	sim_free(rig->sim);
	free(rig->path);
	free(rig);
}

static void on_report(const struct engine_event *event, void *user)
{
	struct rig *rig = user;
	bool is_live = event->type == ENGINE_EVENT_COOKIES ? live_owns(event->jar)
							   : live_owns(event->task);
	struct fake_attempt *a = fake_engine_find(rig->engine, event->task);

	if (event->type == ENGINE_EVENT_DONE && a && a->attempt == event->attempt)
		fake_engine_drop(rig->engine, a);
	if (is_live)
		live_engine_event(event, rig->live);
	else
		flow_engine_event(event, rig->sim->flow);
}

static void begin(struct rig *rig)
{
	sim_begin(rig->sim);
	live_turn_begin(rig->live, &rig->sim->now);
}

static void check_slots(struct rig *rig)
{
	const struct live_task *task;
	size_t n = 0, n_attempts = 0;

	TAILQ_FOREACH (task, &rig->live->all, in_all) {
		n += task->has_slot;
		n_attempts += task->task.attempt && task->phase != LIVE_PHASE_FINISHING;
		ck_assert(task->phase != LIVE_PHASE_ENDED || task->n_rows);
	}
	ck_assert_uint_eq(
		n + sched_n_promised(rig->live->sched), sched_n_running(rig->live->sched));
	ck_assert_uint_eq(n_attempts, live_n_running(rig->live));
}

static void end(struct rig *rig)
{
	live_turn_end(rig->live);
	ck_assert_int_eq(sim_end(rig->sim), 0);
	check_slots(rig);
}

void rig_turn(struct rig *rig)
{
	begin(rig);
	ck_assert_int_eq(engine_dispatch(rig->engine, on_report, rig), 0);
	end(rig);
}

void rig_pass(struct rig *rig, uint64_t us)
{
	sim_pass(rig->sim, us);
	rig_turn(rig);
}

void rig_take(struct rig *rig, uint64_t session)
{
	if (!live_has_events(rig->live, session))
		return;
	begin(rig);
	on_events(session, rig);
	end(rig);
}

const char *rig_told(struct rig *rig, uint64_t session)
{
	static char told[sizeof(rig->text)];

	/* what was left when the client was full */
	rig_take(rig, session);
	memcpy(told, rig->text, sizeof(told));
	rig->text[0] = '\0';
	return told;
}

/* ---- the application ---- */

struct live_open rig_open(enum transfer_session_kind kind)
{
	struct live_open open = { .uid = RIG_UID,
		.client = RIG_CLIENT,
		.app_id = "app",
		.kind = kind,
		.progress_interval_us = 100000 };

	session_config_init(&open.config);
	return open;
}

uint64_t rig_session_with(struct rig *rig, const struct live_open *open)
{
	uint64_t id = 0;

	begin(rig);
	ck_assert_int_eq(live_session_open(rig->live, open, &id), 0);
	end(rig);
	ck_assert(live_owns(id));
	return id;
}

uint64_t rig_session(struct rig *rig, unsigned asks, unsigned tells, bool folds)
{
	struct live_open open = rig_open(TRANSFER_SESSION_EPHEMERAL);

	open.asks = asks;
	open.tells = tells;
	open.folds = folds;
	return rig_session_with(rig, &open);
}

struct live_request rig_request(enum transfer_task_kind kind, const char *url)
{
	struct live_request request = { .kind = kind, .body_fd = -1, .body_length = -1 };

	request.request.url = url;
	request.request.priority = 0.5;
	return request;
}

int rig_create_error(struct rig *rig, uint64_t session, const struct live_request *request)
{
	uint64_t first;
	int r;

	begin(rig);
	r = live_tasks_create(rig->live, session, request, 1, &first);
	end(rig);
	return r;
}

uint64_t rig_create(struct rig *rig, uint64_t session, const struct live_request *request)
{
	uint64_t first = 0;

	begin(rig);
	ck_assert_int_eq(live_tasks_create(rig->live, session, request, 1, &first), 0);
	end(rig);
	return first;
}

uint64_t rig_task(struct rig *rig, uint64_t session, enum transfer_task_kind kind)
{
	const struct live_request request = rig_request(kind, "https://host/file");

	return rig_create(rig, session, &request);
}

static void on_failure(uint64_t id, int error, void *user)
{
	(void)id;
	*(int *)user = error;
}

int rig_steer(struct rig *rig, enum flow_verb verb, uint64_t id)
{
	const struct flow_steer steer = { .verb = verb, .uid = RIG_UID, .ids = &id, .n_ids = 1 };
	int error = 0;

	begin(rig);
	ck_assert_int_eq(live_tasks_steer(rig->live, &steer, on_failure, &error), 0);
	end(rig);
	return error;
}

struct live_task *rig_find(struct rig *rig, uint64_t id)
{
	return live_task_find(rig->live, id);
}

/* ---- the engine ---- */

struct fake_attempt *rig_attempt(struct rig *rig, uint64_t id)
{
	const struct live_task *task = rig_find(rig, id);

	return task ? fake_engine_find(rig->engine, task->engine_id) : NULL;
}

struct engine_event rig_event(struct rig *rig, uint64_t id, enum engine_event_type type)
{
	const struct live_task *task = rig_find(rig, id);
	struct engine_event event = {
		.type = type, .expected_receive_bytes = -1, .expected_send_bytes = -1
	};

	ck_assert(task);
	event.task = task->engine_id;
	event.attempt = task->task.attempt;
	event.received_bytes = task->task.received_bytes;
	event.sent_bytes = task->task.live_sent_bytes;
	return event;
}

void rig_post(struct rig *rig, const struct engine_event *event)
{
	fake_engine_post(rig->engine, event);
	rig_turn(rig);
}

struct engine_response rig_response(uint16_t status)
{
	return (struct engine_response){ .status = status,
		.http_version = "1.1",
		.url = "https://host/file",
		.mime_type = "text/plain",
		.suggested_name = "file",
		.etag = "\"one\"",
		.can_resume = true,
		.expected_bytes = -1 };
}

void rig_post_response(struct rig *rig, uint64_t id, uint16_t status)
{
	const struct engine_response response = rig_response(status);
	struct engine_event event = rig_event(rig, id, ENGINE_EVENT_RESPONSE);

	event.response = &response;
	rig_post(rig, &event);
}

void rig_post_data(struct rig *rig, uint64_t id, const char *bytes)
{
	struct engine_event event = rig_event(rig, id, ENGINE_EVENT_DATA);

	event.live.body = bytes;
	event.live.n_body = strlen(bytes);
	rig_post(rig, &event);
}

void rig_post_done(struct rig *rig, uint64_t id, uint16_t status, const char *body)
{
	const struct engine_response response = rig_response(status);
	struct engine_event event = rig_event(rig, id, ENGINE_EVENT_DONE);

	event.response = status ? &response : NULL;
	event.live.body = body;
	event.live.n_body = body ? strlen(body) : 0;
	event.received_bytes = event.live.n_body;
	rig_post(rig, &event);
}

void rig_post_failed(struct rig *rig, uint64_t id, int32_t code)
{
	struct engine_event event = rig_event(rig, id, ENGINE_EVENT_DONE);

	event.result = live_result(code, "as the test says");
	event.is_retryable = true;
	rig_post(rig, &event);
}

void rig_post_stopped(struct rig *rig, uint64_t id, uint64_t offset)
{
	struct engine_event event = rig_event(rig, id, ENGINE_EVENT_DONE);

	event.result = live_result(TRANSFER_ERROR_CANCELLED, "stopped");
	event.is_stopped = true;
	event.offset_bytes = event.received_bytes = offset;
	rig_post(rig, &event);
}

void rig_post_ask(struct rig *rig, uint64_t id, enum engine_event_type type)
{
	static const struct engine_request proposed = { .url = "https://host/next",
		.method = "GET" };
	const struct engine_response response = rig_response(type == ENGINE_EVENT_ASK_REDIRECT ? 302
			: type == ENGINE_EVENT_ASK_CHALLENGE                                   ? 401
							     : 200);
	static const struct engine_challenge challenge = { .method = TRANSFER_AUTH_DIGEST,
		.protocol = "https",
		.host = "host",
		.realm = "realm",
		.port = 443,
		.n_failures = 1 };
	struct engine_event event = rig_event(rig, id, type);

	if (type != ENGINE_EVENT_ASK_BODY)
		event.response = &response;
	if (type == ENGINE_EVENT_ASK_REDIRECT)
		event.live.proposed = &proposed;
	if (type == ENGINE_EVENT_ASK_CHALLENGE)
		event.live.challenge = &challenge;
	event.live.reason = ENGINE_BODY_REASON_REDIRECT;
	rig_post(rig, &event);
}
