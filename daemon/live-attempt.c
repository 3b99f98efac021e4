/* SPDX-License-Identifier: MIT */
/*
 * What the engine is told of one attempt. Nothing waits for a commit here, so commands go out at once. Files: spool/ID.live,
 * or .NAME.ID.part beside the destination.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "daemon/core/request.h"
#include "daemon/live-state.h"

#define FORM_TYPE "application/x-www-form-urlencoded"
#define EXTRAS    3 /* fields of ours, at most */

int live_attempt_path(const struct live *live, const struct task *task, char buf[LIVE_PATH_BYTES])
{
	int n;

	if (task->request.destination)
		return request_part_path(task->request.destination, task->id, buf, LIVE_PATH_BYTES);
	n = snprintf(buf, LIVE_PATH_BYTES, "%s/%llu.live", live->spool_dir,
		(unsigned long long)task->id);
	return n < LIVE_PATH_BYTES ? 0 : -ENAMETOOLONG;
}

void live_attempt_remove_part(struct live *live, const struct live_task *task)
{
	char path[LIVE_PATH_BYTES];

	if (!task->task.attempts || live_attempt_path(live, &task->task, path))
		return;
	if (engine_remove_file(live->engine, path))
		log_warn("a file that is no longer needed stays: no memory");
}

/* 1, 16 and 256 for 0, 0.5 and 1 */
unsigned live_attempt_weight(double priority)
{
	static const unsigned weights[] = { 1, 2, 3, 4, 6, 9, 12, 16, 24, 36, 54, 81, 108, 144, 192,
		256 };

	return weights[(size_t)(priority * 15.0 + 0.25)];
}

/* ---- header fields ---- */

struct fields {
	struct engine_header *headers;
	size_t n;
};

static void add_field(struct fields *fields, const char *name, const char *value)
{
	fields->headers[fields->n++] = (struct engine_header){ name, value };
}

static bool is_set(const struct fields *fields, const char *name)
{
	for (size_t i = 0; i < fields->n; i++)
		if (!strcasecmp(fields->headers[i].name, name))
			return true;
	return false;
}

static bool sends_body(const struct live_task *task)
{
	return task->body || task->body_fd >= 0 || task->body_is_stream || task->body_is_asked;
}

/* The session's fields where the request has none of that name, then the request's, then ours where nobody has them. */
static int merge_fields(const struct live_task *task, struct fields *fields)
{
	const struct session_config *config = &task->session->session->config;
	const struct task_request *request = &task->task.request;

	fields->headers = calloc(
		config->n_headers + request->n_headers + EXTRAS, sizeof(*fields->headers));
	if (!fields->headers)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < config->n_headers; i++)
		if (!request_has_header(
			    request->headers, request->n_headers, config->headers[i].name))
			add_field(fields, config->headers[i].name, config->headers[i].value);
	for (size_t i = 0; i < request->n_headers; i++)
		add_field(fields, request->headers[i].name, request->headers[i].value);
	if (sends_body(task) && !strcmp(request->method, "POST") && !is_set(fields, "Content-Type"))
		add_field(fields, "Content-Type", FORM_TYPE);
	if (task->cache_policy == TRANSFER_CACHE_RELOAD_EVERYWHERE) {
		if (!is_set(fields, "Cache-Control"))
			add_field(fields, "Cache-Control", "no-cache");
		if (!is_set(fields, "Pragma"))
			add_field(fields, "Pragma", "no-cache");
	}
	return 0;
}

/* ---- the spec ---- */

/* As RFC 4594 has them. */
static uint8_t dscp_of(enum transfer_service_type type)
{
	switch (type) {
	case TRANSFER_SERVICE_DEFAULT:
		return 0;
	case TRANSFER_SERVICE_VOIP:
	case TRANSFER_SERVICE_VOICE:
		return 46; /* EF */
	case TRANSFER_SERVICE_VIDEO:
		return 34; /* AF41 */
	case TRANSFER_SERVICE_BACKGROUND:
		return 8; /* CS1 */
	case TRANSFER_SERVICE_RESPONSIVE_DATA:
		return 18; /* AF21 */
	case TRANSFER_SERVICE_AV_STREAMING:
		return 26; /* AF31 */
	case TRANSFER_SERVICE_RESPONSIVE_AV:
		return 36; /* AF42 */
	case TRANSFER_SERVICE_CALL_SIGNALING:
		return 40; /* CS5 */
	}
	return 0;
}

bool live_attempt_is_idempotent(const char *method)
{
	static const char *const methods[] = { "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE" };

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (!strcmp(method, methods[i]))
			return true;
	return false;
}

static void fill_live(const struct live_task *task, struct engine_spec_live *live)
{
	const struct session_config *config = &task->session->session->config;
	const struct task *t = &task->task;
	bool is_download = t->kind == TRANSFER_TASK_DOWNLOAD;

	live->is_live = true;
	live->body = ENGINE_BODY_FLOW;
	if (is_download)
		live->body = ENGINE_BODY_FILE;
	else if (task->prefers_whole || !(task->tells & LIVE_TELL_DATA))
		live->body = ENGINE_BODY_COLLECT;
	if (task->asks & LIVE_ASK_REDIRECT)
		live->asks |= ENGINE_ASK_REDIRECT;
	if ((task->asks & LIVE_ASK_RESPONSE) && !is_download)
		live->asks |= ENGINE_ASK_RESPONSE;
	if (task->asks & LIVE_ASK_BODY)
		live->asks |= ENGINE_ASK_BODY;
	if (task->asks & LIVE_ASK_CHALLENGE)
		live->asks |= ENGINE_ASK_CHALLENGE;
	live->is_synced = is_download && t->request.destination;
	live->decodes = !is_download;
	live->wants_transactions = task->tells & LIVE_TELL_METRICS;
	live->wants_informational = task->tells & LIVE_TELL_INFORMATIONAL;
	live->is_retry_safe = live_attempt_is_idempotent(t->request.method);
	live->weight = live_attempt_weight(t->request.priority);
	live->dscp = dscp_of(task->service_type);
	live->max_connections_per_host = config->max_connections_per_host;
	live->tls_min = config->tls_min;
	live->tls_max = config->tls_max;
	live->proxy = config->proxy;
	live->no_proxy = config->proxy_exceptions;
	live->allows_ftp = true;
}

static void fill_source(const struct live_task *task, struct engine_spec *spec)
{
	const struct task_request *request = &task->task.request;

	spec->source_fd = -1;
	spec->live.source = ENGINE_SOURCE_NONE;
	spec->live.source_length = task->body_length;
	if (task->body) {
		spec->live.source = ENGINE_SOURCE_BYTES;
		spec->live.source_bytes = task->body;
		spec->live.n_source_bytes = task->n_body;
	} else if (task->body_is_stream || task->body_is_asked) {
		spec->live.source = ENGINE_SOURCE_STREAM;
		spec->source_fd = task->body_fd;
	} else if (task->body_fd >= 0) {
		spec->live.source = ENGINE_SOURCE_FILE;
		spec->source_fd = task->body_fd;
		spec->source_ino = request->source_ino;
		spec->source_size_bytes = request->source_size_bytes;
		spec->source_mtime_ns = request->source_mtime_ns;
	}
}

static void fill_download(const struct task *task, struct engine_spec *spec)
{
	bool can_continue = task->etag || task->last_modified;

	spec->resume_offset_bytes = can_continue ? task->offset_bytes : 0;
	spec->etag = task->etag;
	spec->last_modified = task->last_modified;
	spec->known_total_bytes = can_continue ? task->total_bytes : TRANSFER_SIZE_UNKNOWN;
	spec->is_resumed_by_client = task->is_resumed_by_client;
}

uint64_t live_attempt_rate(const struct live_task *task)
{
	uint64_t a = task->task.request.max_rate_bps,
		 b = task->session->session->config.max_rate_bps;

	return !a || (b && b < a) ? b : a;
}

static void fill(const struct live_task *task, struct engine_spec *spec)
{
	const struct session_config *config = &task->session->session->config;
	const struct task *t = &task->task;
	const struct task_request *request = &t->request;

	spec->kind = t->kind;
	spec->session = t->session;
	spec->lane = task->lane->id;
	spec->is_ahead = task->is_ahead;
	spec->url = request->url;
	spec->method = request->method;
	spec->allow_insecure = request->allow_insecure || config->allow_insecure;
	spec->ca_file = request->ca_file ? request->ca_file : config->ca_file;
	spec->idle_timeout_us = request->timeout_us ? request->timeout_us
						    : config->request_timeout_us;
	spec->deadline_boot_us = t->deadline_boot_us;
	spec->max_rate_bps = live_attempt_rate(task);
	spec->known_total_bytes = TRANSFER_SIZE_UNKNOWN;
	fill_source(task, spec);
	fill_live(task, &spec->live);
	if (t->kind == TRANSFER_TASK_DOWNLOAD)
		fill_download(t, spec);
	live_cookie_fill(task, spec);
}

/* ---- commands ---- */

static void note_start(struct live *live, struct live_task *task)
{
	struct task *t = &task->task;

	t->attempt = ++t->attempts;
	t->received_bytes = t->offset_bytes;
	t->live_sent_bytes = 0;
	t->redirects = 0;
	t->is_transferring = false;
	live_event_forget_response(task);
	if (!t->started_wall_us)
		t->started_wall_us = live->now.wall_us;
	task->received = task->sent = (struct progress_meter){ 0 };
	task->told = (struct progress_told){
		.bytes = t->kind == TRANSFER_TASK_DOWNLOAD ? t->offset_bytes : 0
	};
	live->n_attempts++;
}

int live_attempt_start(struct live *live, struct live_task *task)
{
	struct engine_spec spec = { 0 };
	struct fields fields = { 0 };
	char part[LIVE_PATH_BYTES];
	int r;

	note_start(live, task);
	fill(task, &spec);
	r = merge_fields(task, &fields);
	if (!r && task->task.kind == TRANSFER_TASK_DOWNLOAD) {
		r = live_attempt_path(live, &task->task, part);
		spec.part_path = part;
	}
	spec.headers = fields.headers;
	spec.n_headers = fields.n;
	if (!r)
		r = engine_start(live->engine, task->engine_id, task->task.attempt, &spec);
	free(fields.headers);
	if (r) {
		task->task.attempt = 0;
		live->n_attempts--;
	}
	return r;
}

void live_attempt_drop_stream(struct live_task *task)
{
	if (task->body_is_stream && task->body_fd >= 0)
		close(take_fd(&task->body_fd));
}

int live_attempt_publish(
	struct live *live, struct live_task *task, const struct engine_event *synced)
{
	const struct task *t = &task->task;
	char part[LIVE_PATH_BYTES];
	struct engine_publish publish = {
		.part_path = part,
		.destination = t->request.destination,
		.file_ino = synced->file_ino,
		.may_overwrite = t->request.may_overwrite,
		.unnamed_fd = -1,
	};
	int r = live_attempt_path(live, t, part);

	return r ? r : engine_publish(live->engine, task->engine_id, t->attempt, &publish);
}
