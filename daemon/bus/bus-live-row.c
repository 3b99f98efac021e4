/* SPDX-License-Identifier: MIT */
/* An event of a session in memory as a row of the bus. The row of the live layer goes with its callback: all is copied. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <transfer/error.h>

#include "base/err.h"
#include "daemon/bus/bus-private.h"

static enum ipc_event_kind kind_of(enum live_event_type type)
{
	switch (type) {
	case LIVE_EVENT_INFORMATIONAL:
		return IPC_EVENT_DID_RECEIVE_INFORMATIONAL_RESPONSE;
	case LIVE_EVENT_REDIRECT:
		return IPC_EVENT_WILL_PERFORM_REDIRECT;
	case LIVE_EVENT_CHALLENGE:
		return IPC_EVENT_DID_RECEIVE_CHALLENGE;
	case LIVE_EVENT_NEED_BODY:
		return IPC_EVENT_NEED_NEW_BODY_STREAM;
	case LIVE_EVENT_RESPONSE:
		return IPC_EVENT_DID_RECEIVE_RESPONSE;
	case LIVE_EVENT_BECAME_DOWNLOAD:
		return IPC_EVENT_DID_BECOME_DOWNLOAD_TASK;
	case LIVE_EVENT_DATA:
		return IPC_EVENT_DID_RECEIVE_DATA;
	case LIVE_EVENT_SENT:
		return IPC_EVENT_DID_SEND_BODY_DATA;
	case LIVE_EVENT_WRITTEN:
		return IPC_EVENT_DID_WRITE_DATA;
	case LIVE_EVENT_RESUMED:
		return IPC_EVENT_DID_RESUME_AT_OFFSET;
	case LIVE_EVENT_WAITING:
		return IPC_EVENT_IS_WAITING_FOR_CONNECTIVITY;
	case LIVE_EVENT_FINISHED:
		return IPC_EVENT_DID_FINISH_DOWNLOADING;
	case LIVE_EVENT_METRICS:
		return IPC_EVENT_DID_FINISH_COLLECTING_METRICS;
	case LIVE_EVENT_COMPLETED:
		return IPC_EVENT_DID_COMPLETE;
	case LIVE_EVENT_WITHDRAWN:
		return IPC_EVENT_QUESTION_WITHDRAWN;
	case LIVE_EVENT_BECAME_INVALID:
		return IPC_EVENT_DID_BECOME_INVALID;
	}
	return IPC_EVENT_UNKNOWN;
}

/* ---- what it took ---- */

static int add_numbers(
	const struct engine_transaction *from, struct arena *arena, struct ipc_transaction *to)
{
	const uint64_t times[] = { from->fetch_wall_us, from->lookup_start_wall_us,
		from->lookup_end_wall_us, from->connect_start_wall_us, from->secure_start_wall_us,
		from->secure_end_wall_us, from->connect_end_wall_us, from->request_start_wall_us,
		from->request_end_wall_us, from->response_start_wall_us,
		from->response_end_wall_us };
	const uint64_t bytes[] = { from->request_head_bytes, from->request_body_bytes,
		from->response_head_bytes, from->response_body_bytes, from->decoded_bytes };
	uint64_t *copy = arena_alloc(
		arena, sizeof(times) / sizeof(times[0]) + sizeof(bytes) / sizeof(bytes[0]), 8);

	if (!copy)
		return err_raise(-ENOMEM);
	memcpy(copy, times, sizeof(times));
	to->times_usec = copy;
	to->n_times_usec = sizeof(times) / sizeof(times[0]);
	memcpy(copy + to->n_times_usec, bytes, sizeof(bytes));
	to->bytes = copy + to->n_times_usec;
	to->n_bytes = sizeof(bytes) / sizeof(bytes[0]);
	return 0;
}

static int add_transaction(
	const struct engine_transaction *from, struct arena *arena, struct ipc_transaction *to)
{
	const struct {
		const char *from;
		const char **to;
	} texts[] = {
		{ from->url, &to->url },
		{ from->method, &to->method },
		{ from->http_version, &to->protocol },
		{ from->local_address, &to->local.address },
		{ from->remote_address, &to->remote.address },
		{ from->tls_version, &to->tls_version },
		{ from->tls_cipher, &to->tls_cipher },
	};
	int r = add_numbers(from, arena, to);

	for (size_t i = 0; r == 0 && i < sizeof(texts) / sizeof(texts[0]); i++)
		r = bus_view_text(arena, texts[i].from, texts[i].to);
	to->status = from->status;
	to->has_status = from->status != 0;
	to->reused = from->is_reused_connection;
	to->proxy = from->is_proxy;
	to->has_reused = to->has_proxy = true;
	to->local.port = from->local_port;
	to->has_local = to->local.address != NULL;
	to->remote.port = from->remote_port;
	to->has_remote = to->remote.address != NULL;
	return r;
}

static int add_metrics(const struct live_row *row, struct arena *arena, struct ipc_event_args *args)
{
	struct ipc_transaction *transactions;
	const struct ipc_metrics *metrics;
	struct ipc_metrics *copy;
	int r = bus_view_metrics(row->view, arena, &metrics);

	if (r || !row->n_transactions) {
		args->metrics = metrics;
		return r;
	}
	copy = arena_alloc(arena, 1, sizeof(*copy));
	transactions = arena_alloc(arena, row->n_transactions, sizeof(*transactions));
	if (!copy || !transactions)
		return err_raise(-ENOMEM);
	*copy = *metrics;
	for (size_t i = 0; r == 0 && i < row->n_transactions; i++)
		r = add_transaction(&row->transactions[i], arena, &transactions[i]);
	copy->transactions = transactions;
	copy->n_transactions = row->n_transactions;
	args->metrics = copy;
	return r;
}

/* ---- the other parts ---- */

static int add_body(const struct live_row *row, struct bus_rows *rows, struct ipc_event_args *args)
{
	uint8_t *copy;

	if (!row->body)
		return 0;
	copy = arena_room(rows->arena, row->n_body + 1);
	if (!copy)
		return err_raise(-ENOMEM);
	memcpy(copy, row->body, row->n_body);
	args->body = copy;
	args->n_body = row->n_body;
	rows->size_bytes += row->n_body;
	return 0;
}

/* The row closes its own. Last of all, so that nothing is left open when the row is not made. */
static int add_fd(const struct live_row *row, struct bus_rows *rows, struct ipc_event_args *args)
{
	int fd;

	if (row->fd < 0)
		return 0;
	fd = fcntl(row->fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return err_raise(-errno);
	if (row->fd_is_pipe) {
		args->body_pipe = fd;
		args->has_body_pipe = true;
	} else if (row->path) {
		args->file = fd;
		args->has_file = true;
	} else {
		args->body_file = fd;
		args->has_body_file = true;
	}
	rows->n_fds++;
	return 0;
}

static int add_request(const struct live_row *row, struct arena *arena, struct ipc_event_args *args)
{
	struct ipc_request *copy = arena_alloc(arena, 1, sizeof(*copy));
	int r;

	if (!copy)
		return err_raise(-ENOMEM);
	copy->body_file = copy->body_stream = copy->destination_dir = -1;
	copy->n_headers = row->request->n_headers;
	r = bus_view_text(arena, row->request->url, &copy->url);
	if (r == 0)
		r = bus_view_text(arena, row->request->method, &copy->method);
	if (r == 0)
		r = bus_view_headers(
			row->request->headers, row->request->n_headers, arena, &copy->headers);
	args->request = copy;
	return r;
}

static int add_challenge(
	const struct live_row *row, struct arena *arena, struct ipc_event_args *args)
{
	const struct engine_challenge *from = row->challenge;
	struct ipc_challenge *copy = arena_alloc(arena, 1, sizeof(*copy));
	int r;

	if (!copy)
		return err_raise(-ENOMEM);
	copy->method = bus_words_auth_method(from->method);
	copy->port = from->port;
	copy->previous_failures = from->n_failures;
	copy->attempt = row->attempt;
	copy->has_port = copy->has_previous_failures = copy->has_attempt = true;
	r = bus_view_text(arena, from->protocol, &copy->protocol);
	if (r == 0)
		r = bus_view_text(arena, from->host, &copy->host);
	if (r == 0)
		r = bus_view_text(arena, from->realm, &copy->realm);
	args->challenge = copy;
	return r;
}

static int add_end(const struct live_row *row, struct bus_rows *rows, struct ipc_event_args *args)
{
	struct bus_view_error error = {
		.result = &row->view->result,
		.failing_url = row->view->failing_url,
		.is_resumable = row->resume_data != NULL,
		.resume_data = row->resume_data,
		.resume_data_bytes = row->n_resume_data,
	};
	int r = bus_view_response(row->view, rows->arena, &args->response);

	rows->size_bytes += row->n_resume_data;
	if (r == 0)
		r = bus_view_error(&error, rows->arena, &args->error);
	args->folded = args->has_folded = row->is_folded;
	if (r == 0 && row->is_folded && row->has_metrics)
		r = add_metrics(row, rows->arena, args);
	return r;
}

static int add_loss(struct arena *arena, struct ipc_event_args *args)
{
	static const struct transfer_result result = {
		.code = TRANSFER_ERROR_BACKGROUND_SESSION_DISCONNECTED,
		.detail = "there was no memory for what was to be told of its tasks",
	};

	return bus_view_error(&(struct bus_view_error){ .result = &result }, arena, &args->error);
}

static void add_counts(const struct live_row *row, struct ipc_event_args *args)
{
	args->bytes = row->bytes;
	args->total = row->total;
	args->expected = row->expected;
	args->has_bytes = args->has_total = args->has_expected = true;
}

static int fill(const struct live_row *row, struct bus_rows *rows, struct ipc_event_args *args)
{
	switch (row->type) {
	case LIVE_EVENT_REDIRECT:
		return add_request(row, rows->arena, args);
	case LIVE_EVENT_CHALLENGE:
		return add_challenge(row, rows->arena, args);
	case LIVE_EVENT_NEED_BODY:
		args->reason = bus_words_body_reason(row->reason);
		return 0;
	case LIVE_EVENT_BECAME_DOWNLOAD:
		args->download = (struct ipc_path){ row->session, row->other_task };
		args->has_download = true;
		return 0;
	case LIVE_EVENT_SENT:
	case LIVE_EVENT_WRITTEN:
		add_counts(row, args);
		return 0;
	case LIVE_EVENT_RESUMED:
		args->offset = row->offset;
		args->expected = row->expected;
		args->has_offset = args->has_expected = true;
		return 0;
	case LIVE_EVENT_METRICS:
		return add_metrics(row, rows->arena, args);
	case LIVE_EVENT_COMPLETED:
		if (row->is_folded && row->total) /* nothing was counted, else */
			add_counts(row, args);
		return add_end(row, rows, args);
	case LIVE_EVENT_INFORMATIONAL:
	case LIVE_EVENT_RESPONSE:
	case LIVE_EVENT_DATA:
	case LIVE_EVENT_WAITING:
	case LIVE_EVENT_FINISHED:
	case LIVE_EVENT_WITHDRAWN:
		return 0;
	case LIVE_EVENT_BECAME_INVALID:
		return add_loss(rows->arena, args);
	}
	return 0;
}

static bool has_response(enum live_event_type type)
{
	return type == LIVE_EVENT_INFORMATIONAL || type == LIVE_EVENT_REDIRECT ||
		type == LIVE_EVENT_CHALLENGE || type == LIVE_EVENT_RESPONSE ||
		type == LIVE_EVENT_FINISHED;
}

static int add_response(
	const struct live_row *row, struct bus_rows *rows, struct ipc_event_args *args)
{
	const struct task_response *response = &row->view->response;

	for (size_t i = 0; i < response->n_headers; i++)
		rows->size_bytes += strlen(response->headers[i].name) +
			strlen(response->headers[i].value);
	return bus_view_response(row->view, rows->arena, &args->response);
}

int bus_live_row(const struct live_row *row, void *user)
{
	struct bus_rows *rows = user;
	struct ipc_event_args *args;
	int r = 0;

	if (rows->n == rows->max || (row->fd >= 0 && rows->n_fds == IPC_MAX_FDS) ||
		(rows->n && rows->size_bytes > BUS_ROWS_MAX_BYTES))
		return 1;
	args = arena_alloc(rows->arena, 1, sizeof(*args));
	if (!args)
		return err_raise(-ENOMEM);
	args->file = args->body_file = args->body_pipe = -1;
	args->question = row->question;
	args->has_question = row->question != 0;
	rows->size_bytes += 512;
	if (has_response(row->type))
		r = add_response(row, rows, args);
	if (r == 0)
		r = bus_view_text(rows->arena, row->path, &args->path);
	if (r == 0)
		r = fill(row, rows, args);
	if (r == 0)
		r = add_body(row, rows, args);
	if (r == 0)
		r = add_fd(row, rows, args);
	if (r)
		return r;
	rows->rows[rows->n++] = (struct ipc_event){
		.seq = row->seq,
		.task = { row->session, row->task },
		.wall_usec = row->wall_us,
		.name = ipc_event_name(kind_of(row->type)),
		.args = args,
	};
	return 0;
}
