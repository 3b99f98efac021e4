/* SPDX-License-Identifier: MIT */
/* A delegate event of the flow as a row of the bus, with the file that it hands over. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/failpoint.h"
#include "base/io.h"
#include "base/log.h"
#include "daemon/bus/bus-private.h"

static enum ipc_event_kind kind_of(enum flow_event_type type)
{
	switch (type) {
	case FLOW_EVENT_RESUMED:
		return IPC_EVENT_DID_RESUME_AT_OFFSET;
	case FLOW_EVENT_RECEIVED_DATA:
		return IPC_EVENT_DID_RECEIVE_DATA;
	case FLOW_EVENT_FINISHED_DOWNLOADING:
		return IPC_EVENT_DID_FINISH_DOWNLOADING;
	case FLOW_EVENT_METRICS:
		return IPC_EVENT_DID_FINISH_COLLECTING_METRICS;
	case FLOW_EVENT_COMPLETED:
		return IPC_EVENT_DID_COMPLETE;
	case FLOW_EVENT_FINISHED_EVENTS:
		return IPC_EVENT_DID_FINISH_BACKGROUND_EVENTS;
	case FLOW_EVENT_BECAME_INVALID:
		return IPC_EVENT_DID_BECOME_INVALID;
	}
	return IPC_EVENT_UNKNOWN;
}

/* A file of the spool: ours, and a file. -1 when it cannot be opened: the path says where it was. */
static int open_file(const char *path)
{
	cleanup_(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return -1;
	return take_fd(&fd);
}

static int add_finished(
	const struct flow_event *event, struct bus_rows *rows, struct ipc_event_args *args)
{
	const struct task *task = event->task;
	int r = bus_view_text(rows->arena, event->path ? event->path : "", &args->path);

	/* what has a destination is the user's; what is in the spool is handed over */
	if (rows->with_files && event->path && task && !task->request.destination) {
		args->file = open_file(event->path);
		args->has_file = args->file >= 0;
		rows->n_fds += args->has_file;
	}
	if (r == 0 && task && task->digest_hex) {
		const char *name = task->request.want_digest ? task->request.want_digest
							     : task->request.checksum_name;

		r = bus_view_text(rows->arena, name, &args->digest.algorithm);
		if (r == 0)
			r = bus_view_text(rows->arena, task->digest_hex, &args->digest.hex);
		args->has_digest = name != NULL;
	}
	return r;
}

static int read_body(int fd, size_t size, struct bus_rows *rows, struct ipc_event_args *args)
{
	uint8_t *body = arena_alloc(rows->arena, size + 1, 1);
	int r = FAILPOINT("bus.body.read");

	if (!body)
		return err_raise(-ENOMEM);
	if (!r)
		r = io_pread_all(fd, body, size, 0, &args->n_body);
	/* lost like a file that is gone: the events behind this one must not wait for it for ever */
	if (r) {
		log_warn("the answer to an upload cannot be read: %s", strerror(-r));
		args->n_body = 0;
		return 0;
	}
	args->body = body;
	rows->size_bytes += size;
	return 0;
}

static int add_body(
	const struct flow_event *event, struct bus_rows *rows, struct ipc_event_args *args)
{
	cleanup_(cleanup_close) int fd = -1;
	struct stat st;

	args->bytes = (uint64_t)event->a;
	args->has_bytes = true;
	if (!rows->with_files || !event->path)
		return 0;
	fd = open_file(event->path);
	if (fd < 0 || fstat(fd, &st))
		return 0;
	if (st.st_size <= (off_t)BUS_BODY_MAX_BYTES)
		return read_body(fd, (size_t)st.st_size, rows, args);
	args->body_file = take_fd(&fd);
	args->has_body_file = true;
	rows->n_fds++;
	return bus_view_text(rows->arena, event->path, &args->path);
}

/* The record of a task that cannot be read any more still ends. */
static const struct transfer_result lost_record = { -1, 0, 0,
	"the stored record of the task is damaged" };

static int add_end(
	const struct flow_event *event, struct bus_rows *rows, struct ipc_event_args *args)
{
	struct bus_view_error error = {
		.result = event->task ? &event->task->result : &lost_record,
		.failing_url = event->task ? event->task->failing_url : NULL,
		.is_resumable = event->resume_data != NULL,
		.resume_data = event->resume_data,
		.resume_data_bytes = event->resume_data_bytes,
	};

	rows->size_bytes += event->resume_data_bytes;
	return bus_view_error(&error, rows->arena, &args->error);
}

static int add_task(
	const struct flow_event *event, struct bus_rows *rows, struct ipc_event_args *args)
{
	const struct task *task = event->task;
	const struct task_request *request = &task->request;
	uint8_t *copy;

	if (request->userdata_bytes) {
		copy = arena_alloc(rows->arena, request->userdata_bytes, 1);
		if (!copy)
			return err_raise(-ENOMEM);
		memcpy(copy, request->userdata, request->userdata_bytes);
		args->userdata = copy;
		args->n_userdata = request->userdata_bytes;
		rows->size_bytes += request->userdata_bytes;
	}
	for (size_t i = 0; i < task->response.n_headers; i++)
		rows->size_bytes += strlen(task->response.headers[i].name) +
			strlen(task->response.headers[i].value);
	return bus_view_response(task, rows->arena, &args->response);
}

static int fill(const struct flow_event *event, struct bus_rows *rows, struct ipc_event_args *args)
{
	switch (event->type) {
	case FLOW_EVENT_RESUMED:
		args->offset = (uint64_t)event->a;
		args->expected = event->b;
		args->has_offset = args->has_expected = true;
		return 0;
	case FLOW_EVENT_RECEIVED_DATA:
		return add_body(event, rows, args);
	case FLOW_EVENT_FINISHED_DOWNLOADING:
		return add_finished(event, rows, args);
	case FLOW_EVENT_METRICS:
		return event->task ? bus_view_metrics(event->task, rows->arena, &args->metrics) : 0;
	case FLOW_EVENT_COMPLETED:
		return add_end(event, rows, args);
	case FLOW_EVENT_FINISHED_EVENTS:
	case FLOW_EVENT_BECAME_INVALID:
		return 0;
	}
	return 0;
}

int bus_event_row(const struct flow_event *event, void *user)
{
	struct bus_rows *rows = user;
	struct ipc_event_args *args;
	struct ipc_event *row;
	int r = 0;

	/* one event hands over one file at most */
	if (rows->n == rows->max || rows->n_fds == IPC_MAX_FDS ||
		(rows->n && rows->size_bytes > BUS_ROWS_MAX_BYTES))
		return 1;
	row = &rows->rows[rows->n];
	args = arena_alloc(rows->arena, 1, sizeof(*args));
	if (!args)
		return err_raise(-ENOMEM);
	args->file = args->body_file = args->body_pipe = -1;
	rows->size_bytes += 512;
	if (event->task &&
		(event->type == FLOW_EVENT_COMPLETED ||
			event->type == FLOW_EVENT_FINISHED_DOWNLOADING))
		r = add_task(event, rows, args);
	if (r == 0)
		r = fill(event, rows, args);
	*row = (struct ipc_event){
		.seq = event->seq,
		.task = { event->session, event->task_id },
		.wall_usec = event->wall_us,
		.name = ipc_event_name(kind_of(event->type)),
		.args = args,
	};
	rows->n++;
	return r;
}

void bus_event_rows_close(struct bus_rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		const struct ipc_event_args *args = rows->rows[i].args;

		if (args->has_file)
			close(args->file);
		if (args->has_body_file)
			close(args->body_file);
		if (args->has_body_pipe)
			close(args->body_pipe);
	}
	rows->n = rows->n_fds = 0;
}
