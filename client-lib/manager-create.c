/* SPDX-License-Identifier: MIT */
/*
 * New tasks of a manager, in calls of a thousand; uploads go in calls of 16, because each needs a descriptor. The calls of a long batch
 * do not wait for each other: a few are under way at once. Each names the one before it, and transferd refuses it when that one made
 * nothing, so what is made is always the beginning of the batch.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "client-lib/error.h"
#include "client-lib/manager.h"
#include "client-lib/request.h"
#include "client-lib/token.h"
#include "ipc/proto.h"

#define CREATE_TOKEN_MAX_BYTES  100
#define CREATE_NUMBER_MAX_BYTES 32
/* Calls under way: one is being sent, one worked on, one waits for both. */
#define CREATE_FLIGHTS          3

/* One CreateTasks: rows[0..n) of the batch, from index `first`. */
struct step {
	const struct transfer_batch *batch;
	struct ipc_path session;
	const char *token;
	size_t first, n;
	struct arena arena;
	struct ipc_request *rows;
	int fds[IPC_MAX_FDS];
	size_t n_fds;
	size_t failed; /* spec that could not be read, when */
	bool is_unread;
};

static void step_done(struct step *step)
{
	for (size_t i = 0; i < step->n_fds; i++)
		close(step->fds[i]);
	step->n_fds = 0;
	arena_done(&step->arena);
}

static int open_source(struct step *step, const char *path, struct ipc_request *row)
{
	char *absolute;
	int fd;

	if (!path)
		return -EINVAL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	step->fds[step->n_fds++] = fd;
	absolute = realpath(path, NULL);
	row->body_file = fd;
	row->has_body_file = true;
	row->body_path = absolute ? arena_strdup(&step->arena, absolute) : NULL;
	free(absolute);
	return 0;
}

static int read_spec(
	struct step *step, const struct transfer_task_spec *spec, struct ipc_request *row)
{
	int r = 0;

	if (spec->size < sizeof(*spec) || (!spec->request && !spec->resume_data) ||
		(spec->kind != TRANSFER_TASK_DOWNLOAD && spec->kind != TRANSFER_TASK_UPLOAD))
		return -EINVAL;
	if (spec->request)
		r = request_to_ipc(spec->request, &step->arena, row);
	if (r)
		return r;
	row->kind = transfer_task_kind_get_name(spec->kind);
	if (spec->resume_data) {
		row->resume_data = transfer_data_get_bytes(spec->resume_data);
		row->n_resume_data = transfer_data_get_size(spec->resume_data);
	}
	return spec->kind == TRANSFER_TASK_UPLOAD ? open_source(step, spec->source_path, row) : 0;
}

/* As many specs as fit into one call. */
static int step_read(struct step *step)
{
	size_t left = step->batch->n_specs - step->first;
	int r = 0;

	if (left > TRANSFER_MANAGER_MAX_TASKS)
		left = TRANSFER_MANAGER_MAX_TASKS;
	step->n = 0;
	step->rows = arena_alloc(&step->arena, left, sizeof(*step->rows));
	step->failed = step->first;
	step->is_unread = !step->rows;
	if (!step->rows)
		return -ENOMEM;
	while (!r && step->n < left) {
		const struct transfer_task_spec *spec = &step->batch->specs[step->first + step->n];

		if (spec->kind == TRANSFER_TASK_UPLOAD && step->n_fds == IPC_MAX_FDS)
			break;
		step->failed = step->first + step->n;
		r = read_spec(step, spec, &step->rows[step->n]);
		step->n++;
	}
	step->is_unread = r != 0;
	return r;
}

/* What a call says beside the requests. */
struct words {
	char token[CREATE_TOKEN_MAX_BYTES + CREATE_NUMBER_MAX_BYTES];
	char after[CREATE_TOKEN_MAX_BYTES + CREATE_NUMBER_MAX_BYTES];
};

static struct ipc_session_create_tasks_in step_input(const struct step *step, struct words *words)
{
	struct ipc_session_create_tasks_in in = {
		.requests = step->rows,
		.n_requests = step->n,
		.options = { .start = step->batch->start ? "running" : "suspended",
			.token = words->token },
	};

	snprintf(words->token, sizeof(words->token), "%s.%zu", step->token, step->first);
	return in;
}

static int step_send(struct step *step, struct manager_call *call, uint64_t *ids)
{
	struct words words;
	struct ipc_session_create_tasks_in in = step_input(step, &words);
	struct ipc_session_create_tasks_out out;
	int r;

	do
		r = ipc_call_session_create_tasks(
			call->manager->bus, step->session, &call->exchange, &in, &out);
	while (manager_again(call, r));
	if (r)
		return r;
	if (out.n_tasks != step->n)
		return -EBADMSG;
	for (size_t i = 0; i < out.n_tasks; i++)
		ids[step->first + i] = out.tasks[i].id;
	call->n_tries = 0;
	return 0;
}

static int fault_of(const struct transfer_batch *batch)
{
	if (batch->size < sizeof(*batch) || !batch->session)
		return -EINVAL;
	return batch->token && strlen(batch->token) > CREATE_TOKEN_MAX_BYTES ? -EINVAL : 0;
}

/* Why reading a spec failed, said with the code that a task would have ended with. */
static transfer_error *spec_error(const struct step *step, int error_no)
{
	const struct transfer_task_spec *spec = &step->batch->specs[step->failed];
	enum transfer_error_code code = TRANSFER_ERROR_CANNOT_OPEN_FILE;

	if (error_no == -EINVAL || error_no == -ENOMEM || error_no == -E2BIG)
		return error_new_errno(error_no, error_no == -EINVAL ? "a request is wrong" : NULL);
	if (error_no == -ENOENT || error_no == -ENOTDIR)
		code = TRANSFER_ERROR_FILE_DOES_NOT_EXIST;
	else if (error_no == -EACCES || error_no == -EPERM)
		code = TRANSFER_ERROR_NO_PERMISSIONS_TO_READ_FILE;
	return error_new(&(struct error_init){
		.domain = TRANSFER_DOMAIN_URL,
		.code = (int)code,
		.message = spec->source_path,
		.failing_url = spec->request ? spec->request->url : NULL,
		.underlying = error_new_errno(error_no, NULL),
	});
}

/* Ends the call with what went wrong in reading or sending. */
static int finish(
	struct manager_call *call, const struct step *step, int r, transfer_error **ret_error)
{
	if (step->is_unread) {
		manager_end(call, 0, NULL);
		return error_give(r, spec_error(step, r), ret_error);
	}
	return manager_end(call, r, ret_error);
}

/* ---- one call after the other ---- */

static int create_steps(struct manager_call *call, struct step *step, uint64_t *ids)
{
	int r = 0;

	while (!r && step->first < step->batch->n_specs) {
		r = step_read(step);
		if (!r)
			r = step_send(step, call, ids);
		if (!r)
			step->first += step->n;
		step_done(step);
	}
	return r;
}

/* ---- several calls at once ---- */

struct stream;

struct flight {
	struct stream *stream;
	size_t first, n;
	bool is_over;
	int r;
	char *text; /* of the error */
};

/* Goes with the last flight, for the answer to a call that nobody waits for any more still comes. */
struct stream {
	uint64_t *ids; /* NULL: nobody waits */
	size_t n_started, n_ended; /* flights; number i is flights[i % CREATE_FLIGHTS] */
	size_t n_sent; /* specs */
	unsigned n_in_air;
	int r; /* what the first that failed came to */
	struct flight flights[CREATE_FLIGHTS];
};

static void on_landed(
	void *user, int r, const char *text, const struct ipc_session_create_tasks_out *out)
{
	struct flight *flight = user;
	struct stream *stream = flight->stream;

	stream->n_in_air--;
	if (!stream->ids) {
		if (!stream->n_in_air)
			free(stream);
		return;
	}
	flight->is_over = true;
	flight->r = !r && out->n_tasks != flight->n ? -EBADMSG : r;
	flight->text = flight->r && text ? strdup(text) : NULL;
	for (size_t i = 0; !flight->r && i < flight->n; i++)
		stream->ids[flight->first + i] = out->tasks[i].id;
}

static int take_off(struct stream *stream, struct manager_call *call, struct step *step)
{
	struct flight *flight = &stream->flights[stream->n_started % CREATE_FLIGHTS];
	struct ipc_session_create_tasks_in in;
	size_t made = step->first;
	struct words words;
	int r;

	step->first = stream->n_sent;
	r = step_read(step);
	if (!r) {
		in = step_input(step, &words);
		if (step->first) {
			snprintf(words.after, sizeof(words.after), "%s.%zu", step->token,
				step->first - TRANSFER_MANAGER_MAX_TASKS);
			in.options.after = words.after;
		}
		*flight = (struct flight){ .stream = stream, .first = step->first, .n = step->n };
		r = ipc_start_session_create_tasks(
			call->manager->bus, step->session, &in, on_landed, flight);
	}
	if (!r) {
		stream->n_started++;
		stream->n_in_air++;
		stream->n_sent += step->n;
	}
	step_done(step);
	step->first = made;
	return r;
}

/* Those that have landed, in order: what was made is the beginning of the batch. */
static void collect(struct stream *stream, struct manager_call *call, struct step *step)
{
	while (stream->n_ended < stream->n_started) {
		struct flight *flight = &stream->flights[stream->n_ended % CREATE_FLIGHTS];

		if (!flight->is_over)
			return;
		if (!stream->r && !flight->r) {
			step->first += flight->n;
			call->n_tries = 0;
		} else if (!stream->r) {
			stream->r = flight->r;
			if (flight->text)
				call->exchange.text = arena_strdup(
					&call->exchange.arena, flight->text);
		}
		free(flight->text);
		flight->text = NULL;
		stream->n_ended++;
	}
}

static int fly(struct stream *stream, struct manager_call *call, struct step *step)
{
	int r = 0, waited;

	for (;;) {
		while (!r && !stream->r && stream->n_sent < step->batch->n_specs &&
			stream->n_started - stream->n_ended < CREATE_FLIGHTS)
			r = take_off(stream, call, step);
		if (stream->n_started == stream->n_ended)
			break;
		waited = ipc_bus_wait(call->manager->bus, -1);
		collect(stream, call, step);
		if (waited && !stream->r &&
			(stream->n_in_air || stream->n_sent < step->batch->n_specs))
			stream->r = waited;
		if (waited)
			break;
	}
	step->is_unread = step->is_unread && !stream->r;
	return stream->r ? stream->r : r;
}

static void stream_leave(struct stream *stream)
{
	for (size_t i = 0; i < CREATE_FLIGHTS; i++)
		free(stream->flights[i].text);
	stream->ids = NULL;
	if (!stream->n_in_air)
		free(stream);
}

static int create_stream(struct manager_call *call, struct step *step, uint64_t *ids)
{
	int usual_ms = ipc_bus_set_timeout(call->manager->bus, call->exchange.timeout_ms);
	struct stream *stream;
	int r;

	do {
		stream = calloc(1, sizeof(*stream));
		r = stream ? 0 : -ENOMEM;
		if (stream) {
			stream->ids = ids;
			stream->n_sent = step->first;
			r = fly(stream, call, step);
			stream_leave(stream);
		}
	} while (manager_again(call, r));
	ipc_bus_set_timeout(call->manager->bus, usual_ms);
	return r;
}

/* Descriptors are few, and their tasks are born later than the call's answer: one call after the other. */
static bool is_long(const struct transfer_batch *batch)
{
	if (batch->n_specs <= TRANSFER_MANAGER_MAX_TASKS)
		return false;
	for (size_t i = 0; i < batch->n_specs; i++)
		if (batch->specs[i].kind == TRANSFER_TASK_UPLOAD)
			return false;
	return true;
}

int transfer_manager_create_tasks(transfer_manager *manager, const struct transfer_batch *batch,
	uint64_t *ids, size_t *ret_n_ids, transfer_error **ret_error)
{
	char token[TOKEN_BYTES];
	struct manager_call call;
	struct step step = { .batch = batch };
	int r = fault_of(batch);

	*ret_n_ids = 0;
	if (r)
		return error_give(r, error_new_errno(r, "the batch is wrong"), ret_error);
	r = manager_begin(manager, &call, ret_error);
	if (r)
		return r;
	r = manager_find_session(&call, batch->session, &step.session);
	if (r)
		return manager_end(&call, r, ret_error);
	token_new("manager", token);
	step.token = batch->token ? batch->token : token;
	r = is_long(batch) ? create_stream(&call, &step, ids) : create_steps(&call, &step, ids);
	*ret_n_ids = step.first;
	return finish(&call, &step, r, ret_error);
}
