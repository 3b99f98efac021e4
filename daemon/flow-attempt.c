/* SPDX-License-Identifier: MIT */
/*
 * Commands to the engine. All of them go through the outbox: nothing is started, stopped, put in
 * place or removed before the commit that made it true. An item carries ids; the task is looked up
 * when its turn comes (I2).
 *
 * Files: spool/ID.part, or .NAME.ID.part beside the destination; spool/ID.src for a snapshot;
 * spool/ID.body for an upload's answer.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <transfer/error.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/log.h"
#include "daemon/core/request.h"
#include "daemon/flow-state.h"
#include "engine/engine.h"

enum command {
	COMMAND_START,
	COMMAND_BEGIN,
	COMMAND_RECALL,
	COMMAND_STOP,
	COMMAND_GIVE_UP,
	COMMAND_PUBLISH,
	COMMAND_SNAPSHOT,
	COMMAND_REMOVE
};

struct item {
	struct flow *flow;
	enum command command;
	uint64_t task;
	uint32_t attempt;
	uint64_t lane; /* BEGIN */
	int fd;
	/*
	 * PUBLISH, of a file without a name: borrowed from the turn, which ends after this. The descriptor stays the event's until
	 * the engine has it, for a turn that fails is done again.
	 */
	struct engine_event *synced;
	char *path;
	struct engine_event *refusal; /* of a command that is answered by an event */
};

/* ---- where files are ---- */

void flow_attempt_spool_path(const struct flow *flow, uint64_t id, enum flow_attempt_file file,
	char buf[FLOW_PATH_BYTES])
{
	static const char *const suffixes[] = {
		[FLOW_FILE_PART] = "part",
		[FLOW_FILE_SOURCE] = "src",
		[FLOW_FILE_BODY] = "body",
	};

	snprintf(buf, FLOW_PATH_BYTES, "%s/%llu.%s", flow->spool_dir, (unsigned long long)id,
		suffixes[file]);
}

int flow_attempt_path(const struct flow *flow, const struct task *task, enum flow_attempt_file file,
	char buf[FLOW_PATH_BYTES])
{
	if (file == FLOW_FILE_PART && task->request.destination)
		return request_part_path(task->request.destination, task->id, buf, FLOW_PATH_BYTES);
	flow_attempt_spool_path(flow, task->id, file, buf);
	return 0;
}

uint64_t flow_attempt_left_us(const struct flow *flow, const struct task *task)
{
	uint64_t end_us = task->deadline_boot_us ? task->deadline_boot_us : task->expires_boot_us;

	if (!end_us)
		return task->resource_left_us;
	return end_us > flow->now.boot_us + 1 ? end_us - flow->now.boot_us : 1;
}

/* ---- one attempt's spec ---- */

struct spec_room {
	char part[FLOW_PATH_BYTES], source[FLOW_PATH_BYTES], body[FLOW_PATH_BYTES];
	struct engine_header *headers;
};

/*
 * The session's fields where the request has none of that name, then the request's; order and
 * repeats kept.
 */
static int merge_headers(const struct task *task, const struct session *session,
	struct spec_room *room, struct engine_spec *spec)
{
	const struct task_request *request = &task->request;
	size_t n = 0, total = session->config.n_headers + request->n_headers;

	if (!total)
		return 0;
	room->headers = calloc(total, sizeof(*room->headers));
	if (!room->headers)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < session->config.n_headers; i++) {
		const struct task_header *h = &session->config.headers[i];

		if (!request_has_header(request->headers, request->n_headers, h->name))
			room->headers[n++] = (struct engine_header){ h->name, h->value };
	}
	for (size_t i = 0; i < request->n_headers; i++)
		room->headers[n++] = (struct engine_header){ request->headers[i].name,
			request->headers[i].value };
	spec->headers = room->headers;
	spec->n_headers = n;
	return 0;
}

static void fill_download(
	const struct flow *flow, const struct task *task, struct engine_spec *spec)
{
	bool can_continue = task->etag || task->last_modified;

	/* a request that must not be repeated has its answer in a part, which outlives us */
	spec->may_be_unnamed = task->request.destination && task->attempt == 1 && !can_continue &&
		!task->is_resumed_by_client && !strcmp(task->request.method, "GET");
	spec->resume_offset_bytes = can_continue ? task->offset_bytes : 0;
	/* what a failed write of ours left is newer than we are, and not trusted */
	spec->tail_before_wall_us = flow->is_same_boot ? flow->started_file_wall_us : 0;
	spec->etag = task->etag;
	spec->last_modified = task->last_modified;
	spec->known_total_bytes = can_continue ? task->total_bytes : TRANSFER_SIZE_UNKNOWN;
	spec->digest_name = task->request.checksum_name ? task->request.checksum_name
							: task->request.want_digest;
	if (can_continue) {
		spec->digest_state = task->digest_state;
		spec->digest_state_bytes = task->digest_state_bytes;
	}
	spec->is_resumed_by_client = task->is_resumed_by_client;
}

static void fill_upload(const struct flow *flow, const struct task *task, struct spec_room *room,
	struct engine_spec *spec)
{
	const struct task_request *request = &task->request;
	bool is_copy = request->upload_copy == TASK_UPLOAD_COPY_SNAPSHOT;

	flow_attempt_spool_path(flow, task->id, FLOW_FILE_SOURCE, room->source);
	flow_attempt_spool_path(flow, task->id, FLOW_FILE_BODY, room->body);
	spec->source_path = is_copy ? room->source : request->source_path;
	spec->source_ino = is_copy ? 0 : request->source_ino;
	spec->source_size_bytes = request->source_size_bytes;
	spec->source_mtime_ns = request->source_mtime_ns;
	spec->body_path = room->body;
	spec->is_resumable = flow->resumes_uploads;
	spec->upload_url = task->upload_url;
	spec->upload_offset_bytes = task->upload_offset_bytes;
	spec->known_total_bytes = TRANSFER_SIZE_UNKNOWN;
}

static uint64_t lower_rate(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

static int fill_spec(struct flow *flow, const struct task *task, struct spec_room *room,
	struct engine_spec *spec)
{
	const struct flow_session *s = flow_session_lookup(flow, task->session);
	const struct task_request *request = &task->request;
	const struct session_config *config;
	int r;

	if (!s)
		return err_raise(-ENOTRECOVERABLE);
	config = &s->session->config;
	r = merge_headers(task, s->session, room, spec);
	if (!r)
		r = flow_attempt_path(flow, task, FLOW_FILE_PART, room->part);
	if (r)
		return r;
	spec->kind = task->kind;
	spec->session = task->session;
	spec->lane = task->lane;
	spec->is_ahead = task->is_ahead;
	spec->url = request->url;
	spec->method = request->method;
	spec->allow_insecure = request->allow_insecure || config->allow_insecure;
	spec->ca_file = request->ca_file ? request->ca_file : config->ca_file;
	spec->idle_timeout_us = request->timeout_us ? request->timeout_us
						    : config->request_timeout_us;
	spec->deadline_boot_us = task->deadline_boot_us;
	spec->floor_bps = flow->floor_bps;
	spec->floor_window_us = flow->floor_window_us;
	spec->max_rate_bps = lower_rate(request->max_rate_bps, config->max_rate_bps);
	spec->part_path = room->part;
	spec->source_fd = -1;
	if (task->kind == TRANSFER_TASK_UPLOAD)
		fill_upload(flow, task, room, spec);
	else
		fill_download(flow, task, spec);
	return flow_cookie_fill(flow, task, spec);
}

/* ---- carrying out, after the commit ---- */

/*
 * Somebody took the spool away while the daemon runs: what was in it is lost, what comes next is not. Looked at once in a turn
 * that makes a file in it. When it cannot be made again the engine's error says that the file cannot be made, and this where.
 */
static void need_spool(struct flow *flow)
{
	struct stat st;
	int r;

	if (flow->spool_turn == flow->turn)
		return;
	flow->spool_turn = flow->turn;
	if (lstat(flow->spool_dir, &st) == 0 || errno != ENOENT)
		return;
	r = io_mkdir_private(flow->spool_dir);
	if (r)
		log_error("the spool folder %s is gone and cannot be made again: %s",
			flow->spool_dir, strerror(-r));
	else
		log_warn("the spool folder %s was gone and is made again; what was in it is lost",
			flow->spool_dir);
}

/*
 * The engine refused at once, so no event will come: the one that was made beforehand is handled in
 * the next turn.
 */
static void report_refusal(struct item *item, int error)
{
	struct flow *flow = item->flow;
	struct engine_event *event = take_ptr(item->refusal);
	struct active *active = registry_find(&flow->registry, item->task);

	event->is_retryable = error == -ENOMEM;
	/* its descriptor goes with the turn, and the file with it */
	event->is_restart_needed = item->synced;
	event->at_us = flow->now.now_us;
	if (active)
		event->offset_bytes = active->task->offset_bytes;
	event->result = flow_step_result(TRANSFER_ERROR_UNKNOWN, strerror(-error));
	event->result.os_errno = -error;
	flow_turn_keep_take(flow, event);
	flow->has_more = true;
}

static void do_start(struct item *item)
{
	struct flow *flow = item->flow;
	struct active *active = registry_find_attempt(&flow->registry, item->task, item->attempt);
	struct engine_spec spec = { 0 };
	struct spec_room room; /* three paths, too long to be cleared for each small file */
	int r;

	if (!active)
		return;
	if (active->task->kind == TRANSFER_TASK_UPLOAD || !active->task->request.destination)
		need_spool(flow);
	room.headers = NULL;
	r = fill_spec(flow, active->task, &room, &spec);
	if (!r)
		r = engine_start(flow->engine, item->task, item->attempt, &spec);
	active->task->jar = r ? 0 : spec.jar;
	free(room.headers);
	if (r)
		report_refusal(item, r);
}

static void do_publish(struct item *item)
{
	struct flow *flow = item->flow;
	struct active *active = registry_find_attempt(&flow->registry, item->task, item->attempt);
	struct engine_event *synced = item->synced;
	const struct task *task;
	char part[FLOW_PATH_BYTES];
	int r;

	if (!active)
		return;
	task = active->task;
	r = flow_attempt_path(flow, task, FLOW_FILE_PART, part);
	if (!r) {
		const struct engine_publish publish = {
			.part_path = part,
			.destination = task->request.destination,
			.file_ino = task->file_ino,
			.file_size_bytes = task->file_size_bytes,
			.file_mtime_ns = task->file_mtime_ns,
			.may_overwrite = task->request.may_overwrite,
			.is_unnamed = synced,
			.unnamed_fd = synced ? synced->unnamed_fd : -1,
			.folder_ino = synced ? synced->folder_ino : 0,
		};

		r = engine_publish(flow->engine, item->task, item->attempt, &publish);
	}
	if (r)
		report_refusal(item, r);
	else if (synced)
		synced->is_unnamed = false;
}

static void carry_out(struct item *item)
{
	struct flow *flow = item->flow;
	int r = 0;

	switch (item->command) {
	case COMMAND_START:
		do_start(item);
		break;
	case COMMAND_BEGIN:
		r = engine_begin(flow->engine, item->task, item->attempt);
		if (r)
			report_refusal(item, r);
		break;
	case COMMAND_RECALL:
		engine_recall(flow->engine, item->task, item->attempt);
		break;
	case COMMAND_STOP:
		engine_stop(flow->engine, item->task, item->attempt);
		break;
	case COMMAND_GIVE_UP:
		engine_give_up(flow->engine, item->task, item->attempt);
		break;
	case COMMAND_PUBLISH:
		do_publish(item);
		break;
	case COMMAND_SNAPSHOT:
		need_spool(flow);
		r = engine_snapshot(
			flow->engine, item->task, item->attempt, take_fd(&item->fd), item->path);
		if (r)
			report_refusal(item, r);
		break;
	case COMMAND_REMOVE:
		r = engine_remove_file(flow->engine, item->path);
		if (r)
			log_warn("a file that is no longer needed stays: %s", strerror(-r));
		break;
	}
}

static void on_release(void *data, int error)
{
	struct item *item = data;

	if (!error)
		carry_out(item);
	if (item->fd >= 0)
		close(item->fd);
	engine_event_free(item->refusal);
	free(item->path);
	free(item);
}

static int prepare(struct item *item)
{
	static const enum engine_event_type answers[] = {
		[COMMAND_START] = ENGINE_EVENT_DONE,
		[COMMAND_BEGIN] = ENGINE_EVENT_BEGUN,
		[COMMAND_PUBLISH] = ENGINE_EVENT_PUBLISHED,
		[COMMAND_SNAPSHOT] = ENGINE_EVENT_SNAPSHOT,
	};

	if (item->command != COMMAND_START && item->command != COMMAND_BEGIN &&
		item->command != COMMAND_PUBLISH && item->command != COMMAND_SNAPSHOT)
		return 0;
	item->refusal = engine_event_new(answers[item->command], item->task, item->attempt);
	if (item->refusal)
		item->refusal->lane = item->lane;
	return item->refusal ? 0 : -ENOMEM;
}

/* Takes fd over in any case. */
static int add(struct flow *flow, const struct item *from, const char *path)
{
	struct item *item = malloc(sizeof(*item));
	int r = -ENOMEM;

	if (item) {
		*item = *from;
		item->flow = flow;
		item->path = path ? strdup(path) : NULL;
		if (!path || item->path)
			r = prepare(item);
		if (!r)
			r = outbox_add_take(&flow->outbox, on_release, item);
		if (r) {
			engine_event_free(item->refusal);
			free(item->path);
		}
	}
	if (r) {
		free(item);
		if (from->fd >= 0)
			close(from->fd);
		return err_raise(r);
	}
	return 0;
}

/* ---- asking ---- */

int flow_attempt_start(struct flow *flow, struct active *active)
{
	struct task *task = active->task;
	const struct flow_session *s = flow_session_lookup(flow, task->session);
	uint64_t limit_us = task->request.resource_timeout_us;

	if (!s)
		return err_raise(-ENOTRECOVERABLE);
	if (!limit_us)
		limit_us = s->session->config.resource_timeout_us;
	if (!task->resource_left_us)
		task->resource_left_us = limit_us;
	task->deadline_boot_us = flow->now.boot_us + task->resource_left_us;
	task->attempt = ++task->attempts;
	task->has_slot = !flow->is_starting_ahead;
	task->is_ahead = flow->is_starting_ahead;
	task->received_bytes = task->offset_bytes;
	task->live_sent_bytes = task->upload_offset_bytes;
	if (task->kind == TRANSFER_TASK_UPLOAD)
		task->expected_send_bytes = (int64_t)task->request.source_size_bytes;
	if (!task->started_wall_us)
		task->started_wall_us = flow->now.wall_us;
	active->received = active->sent = (struct progress_meter){ 0 };
	active->told =
		(struct progress_told){ .bytes = task->offset_bytes + task->upload_offset_bytes };
	flow->n_attempts++;
	if (task->attempts > 1)
		flow->n_retries++;
	return add(flow,
		&(struct item){ .command = COMMAND_START,
			.task = task->id,
			.attempt = task->attempt,
			.fd = -1 },
		NULL);
}

int flow_attempt_begin(struct flow *flow, const struct task *task)
{
	return add(flow,
		&(struct item){ .command = COMMAND_BEGIN,
			.task = task->id,
			.attempt = task->attempt,
			.lane = task->lane,
			.fd = -1 },
		NULL);
}

int flow_attempt_recall(struct flow *flow, const struct task *task)
{
	return add(flow,
		&(struct item){ .command = COMMAND_RECALL,
			.task = task->id,
			.attempt = task->attempt,
			.fd = -1 },
		NULL);
}

int flow_attempt_stop(struct flow *flow, const struct task *task)
{
	return add(flow,
		&(struct item){ .command = task->state == TASK_STATE_CANCELING ? COMMAND_GIVE_UP
									       : COMMAND_STOP,
			.task = task->id,
			.attempt = task->attempt,
			.fd = -1 },
		NULL);
}

int flow_attempt_publish(struct flow *flow, struct task *task)
{
	struct engine_event *synced = flow->synced;
	bool is_synced;

	/* one that only puts the file in place */
	if (!task->attempt)
		task->attempt = ++task->attempts;
	is_synced = synced && synced->task == task->id && synced->attempt == task->attempt;

	return add(flow,
		&(struct item){ .command = COMMAND_PUBLISH,
			.task = task->id,
			.attempt = task->attempt,
			.fd = -1,
			.synced = is_synced ? synced : NULL },
		NULL);
}

int flow_attempt_snapshot(struct flow *flow, uint64_t task, int fd_take)
{
	char path[FLOW_PATH_BYTES];

	flow_attempt_spool_path(flow, task, FLOW_FILE_SOURCE, path);
	return add(flow,
		&(struct item){ .command = COMMAND_SNAPSHOT,
			.task = task,
			.attempt = FLOW_SNAPSHOT_ATTEMPT,
			.fd = fd_take },
		path);
}

int flow_attempt_remove(struct flow *flow, const char *path)
{
	return add(flow, &(struct item){ .command = COMMAND_REMOVE, .fd = -1 }, path);
}
