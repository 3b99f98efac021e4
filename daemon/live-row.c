/* SPDX-License-Identifier: MIT */
/*
 * The line of events of each session. Rows wait in memory until the bus takes them, as its window allows; a task stays for as
 * long as it has rows, so they point into it: all but those with a response that another one may follow, which have a copy.
 *
 * When nothing of a task was told before its end, and its client wants it so, one row says all there is to say.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <transfer/error.h>

#include "base/err.h"
#include "base/log.h"
#include "daemon/live-state.h"

/* ---- one row ---- */

struct live_line_row *live_row_new(
	struct live *live, struct live_task *task, enum live_event_type type)
{
	struct live_line_row *row = calloc(1, sizeof(*row));

	if (!row) {
		live_session_break(live, task->session);
		return NULL;
	}
	row->task = task;
	row->row = (struct live_row){
		.session = task->session->session->id,
		.task = task->task.id,
		.type = type,
		.wall_us = live->now.wall_us,
		.view = &task->task,
		.expected = TRANSFER_SIZE_UNKNOWN,
		.fd = -1,
	};
	return row;
}

void live_row_free(struct live *live, struct live_line_row *row)
{
	if (!row)
		return;
	if (row->row.fd >= 0)
		close(row->row.fd);
	live_event_drop_take(live, row->event);
	arena_done(&row->arena);
	free(row);
}

static int keep_strings(struct arena *arena, struct task_response *response)
{
	const char **strings[] = { &response->url, &response->mime_type, &response->text_encoding,
		&response->http_version, &response->suggested_name };
	const struct task_header *from = response->headers;
	struct task_header *headers = arena_alloc(arena, response->n_headers + 1, sizeof(*headers));

	if (!headers)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		if (*strings[i] && !(*strings[i] = arena_strdup(arena, *strings[i])))
			return err_raise(-ENOMEM);
	for (size_t i = 0; i < response->n_headers; i++) {
		headers[i].name = arena_strdup(arena, from[i].name);
		headers[i].value = arena_strdup(arena, from[i].value);
		if (!headers[i].name || !headers[i].value)
			return err_raise(-ENOMEM);
	}
	response->headers = headers;
	return 0;
}

int live_row_keep_response(struct live_line_row *row)
{
	struct task *view = arena_alloc(&row->arena, 1, sizeof(*view));

	if (!view)
		return err_raise(-ENOMEM);
	*view = row->task->task;
	row->row.view = view;
	return keep_strings(&row->arena, &view->response);
}

int live_row_prepare_last(struct live_session *session)
{
	struct live_line_row *row = calloc(1, sizeof(*row));

	if (!row)
		return err_raise(-ENOMEM);
	row->row = (struct live_row){ .session = session->session->id,
		.type = LIVE_EVENT_BECAME_INVALID,
		.expected = TRANSFER_SIZE_UNKNOWN,
		.fd = -1 };
	session->last = row;
	return 0;
}

void live_row_put_last(struct live *live, struct live_session *session)
{
	struct live_line_row *row = session->last;

	session->last = NULL;
	if (!row)
		return;
	row->row.seq = ++session->last_seq;
	row->row.wall_us = live->now.wall_us;
	TAILQ_INSERT_TAIL(&session->line, row, entry);
}

/* ---- the line ---- */

/* A server with a part for each byte, and a client that does not read: the server waits. */
static void crowd(struct live *live, struct live_task *task, bool is_crowded)
{
	bool is_held = task->phase == LIVE_PHASE_HELD;

	task->is_crowded = is_crowded;
	if (task->task.attempt && task->phase != LIVE_PHASE_ENDED && !is_held)
		engine_hold_attempt(live->engine, task->engine_id, task->task.attempt, is_crowded);
}

bool live_row_put_take(struct live *live, struct live_line_row *row)
{
	struct live_session *session = row->task->session;

	if (session->is_silent || session->is_broken) {
		live_row_free(live, row);
		return false;
	}
	row->row.seq = ++session->last_seq;
	TAILQ_INSERT_TAIL(&session->line, row, entry);
	if (++row->task->n_rows % LIVE_ROWS_MAX == 0)
		crowd(live, row->task, true);
	live_session_touch(live, session);
	return true;
}

/* Its task may be gone afterwards. */
static void leave(struct live *live, struct live_session *session, struct live_line_row *row)
{
	struct live_task *task = row->task;

	TAILQ_REMOVE(&session->line, row, entry);
	if (task && task->progress == row)
		task->progress = NULL;
	if (!task) {
		session->last = row; /* it may not arrive, and be told again */
		return;
	}
	live_row_free(live, row);
	if (--task->n_rows <= LIVE_ROWS_MAX / 4 && task->is_crowded)
		crowd(live, task, false);
	if (task->n_rows || task->phase != LIVE_PHASE_ENDED)
		return;
	live_task_forget(live, task);
	live_session_touch(live, session);
}

void live_row_clear(struct live *live, struct live_session *session)
{
	struct live_line_row *row;

	while ((row = TAILQ_FIRST(&session->line)))
		leave(live, session, row);
}

/* One that is lost is told that. */
static struct live_session *find_listening(const struct live *live, uint64_t id)
{
	struct live_session *s = map_find(&live->sessions, id);

	return s && (!s->is_silent || s->is_broken) ? s : NULL;
}

int live_events_take(struct live *live, const struct live_take *take, live_row_fn fn, void *user)
{
	struct live_session *session = find_listening(live, take->session);
	size_t n_rows = 0, n_fds = 0, n_bytes = 0;
	struct live_line_row *row;
	int r;

	if (!session)
		return FLOW_E_NO_SUCH_SESSION;
	while (n_rows < take->max_rows && (row = TAILQ_FIRST(&session->line))) {
		n_fds += row->row.fd >= 0;
		n_bytes += row->row.n_body;
		if (n_rows && (n_fds > take->max_fds || n_bytes > take->max_bytes))
			break;
		r = fn(&row->row, user);
		if (r)
			return r;
		session->taken_seq = row->row.seq;
		n_rows++;
		leave(live, session, row);
	}
	if (session->is_silent)
		live_session_touch(live, session); /* it may go */
	return 0;
}

bool live_has_events(const struct live *live, uint64_t session)
{
	const struct live_session *s = find_listening(live, session);

	return s && !TAILQ_EMPTY(&s->line);
}

void live_row_drop_files(struct live *live, struct live_session *session, uint64_t seq)
{
	struct live_file *file;

	while ((file = TAILQ_FIRST(&session->files)) && file->seq <= seq) {
		TAILQ_REMOVE(&session->files, file, entry);
		if (engine_remove_file(live->engine, file->path))
			log_warn("a file that was handed over stays: no memory");
		free(file);
	}
}

int live_ack(struct live *live, uint64_t session, uint64_t seq)
{
	struct live_session *s = live_session_lookup(live, session);

	if (!s)
		return FLOW_E_NO_SUCH_SESSION;
	if (seq > s->taken_seq)
		return FLOW_E_INVALID_REQUEST;
	live_row_drop_files(live, s, seq);
	return 0;
}

/* ---- what is told ---- */

void live_row_tell(struct live *live, struct live_task *task, enum live_event_type type)
{
	struct live_line_row *row = live_row_new(live, task, type);

	if (row)
		(void)live_row_put_take(live, row);
}

static bool tells_sent(const struct live_task *task)
{
	return task->task.kind != TRANSFER_TASK_DOWNLOAD;
}

static uint64_t moved_bytes(const struct live_task *task)
{
	return tells_sent(task) ? task->task.live_sent_bytes : task->task.received_bytes;
}

static int64_t expected_bytes(const struct live_task *task)
{
	return tells_sent(task) ? task->task.expected_send_bytes
				: task->task.expected_receive_bytes;
}

static bool wants_progress(const struct live_task *task)
{
	return (task->tells & LIVE_TELL_PROGRESS) && task->session->progress_interval_us;
}

void live_row_progress(struct live *live, struct live_task *task, bool is_last)
{
	struct live_line_row *row = task->progress;
	uint64_t delta;

	if (!wants_progress(task))
		return;
	if (is_last)
		task->told.at_us = 0;
	if (!progress_tell(&task->told, live->now.now_us, task->session->progress_interval_us,
		    moved_bytes(task), &delta)) {
		if (task->told.due_us)
			live_note_due(live, task->told.due_us);
		return;
	}
	if (!row) {
		row = live_row_new(
			live, task, tells_sent(task) ? LIVE_EVENT_SENT : LIVE_EVENT_WRITTEN);
		if (!row || !live_row_put_take(live, row))
			return;
		task->progress = row;
	}
	row->row.bytes += delta;
	row->row.total = moved_bytes(task);
	row->row.expected = expected_bytes(task);
}

void live_row_response(struct live *live, struct live_task *task)
{
	struct live_line_row *row;

	if (tells_sent(task))
		live_row_progress(live, task, true);
	row = live_row_new(live, task, LIVE_EVENT_RESPONSE);
	if (!row)
		return;
	if (live_row_keep_response(row)) {
		live_row_free(live, row);
		live_session_break(live, task->session);
		return;
	}
	task->was_told = task->is_response_told = true;
	(void)live_row_put_take(live, row);
}

/* Of DATA or DONE: bytes or a descriptor, which is the row's then. */
static void set_body(struct live_line_row *row, struct engine_event *event)
{
	row->row.body = event->live.body;
	row->row.n_body = event->live.body ? event->live.n_body : 0;
	row->row.fd = event->live.data_fd;
	row->row.fd_is_pipe = event->live.data_fd >= 0 && !event->live.data_is_whole;
	event->live.data_fd = -1;
}

static bool has_body(const struct engine_event *event)
{
	return event && (event->live.n_body || event->live.data_fd >= 0);
}

static struct live_line_row *put_data(
	struct live *live, struct live_task *task, struct engine_event *event)
{
	struct live_line_row *row;

	if (!task->is_response_told && task->task.response.status)
		live_row_response(live, task);
	row = live_row_new(live, task, LIVE_EVENT_DATA);
	if (!row)
		return NULL;
	set_body(row, event);
	task->was_told = true;
	return row;
}

void live_row_data_take(struct live *live, struct live_task *task, struct engine_event *event_take)
{
	struct live_line_row *row = put_data(live, task, event_take);

	if (!row) {
		live_event_drop_take(live, event_take);
		return;
	}
	row->event = event_take;
	(void)live_row_put_take(live, row);
}

/* ---- the end ---- */

/*
 * The file of a download: where it is, and opened, so that its name need not be believed. The destination that the client named is
 * where it believes it to be, and may be on a disk that does not answer: this thread does not open it.
 */
static void set_file(struct live *live, struct live_line_row *row)
{
	const struct task *t = &row->task->task;
	struct live_session *session = row->task->session;
	char path[LIVE_PATH_BYTES];
	struct live_file *file;
	const char *where = t->request.destination;

	if (!where) {
		if (live_attempt_path(live, t, path))
			return;
		where = path;
	}
	row->row.path = arena_strdup(&row->arena, where);
	if (!row->row.path) {
		live_session_break(live, session);
		return;
	}
	if (t->request.destination)
		return;
	row->row.fd = open(where, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	file = malloc(sizeof(*file) + strlen(where) + 1);
	if (!file)
		return; /* the spool is swept at the next start */
	file->seq = session->last_seq + 1; /* the row is put next */
	memcpy(file->path, where, strlen(where) + 1);
	TAILQ_INSERT_TAIL(&session->files, file, entry);
}

static void set_transactions(struct live_line_row *row)
{
	const struct engine_event *done = row->task->done;

	row->row.transactions = done ? done->live.transactions : NULL;
	row->row.n_transactions = done ? done->live.n_transactions : 0;
}

static bool has_file(const struct live_task *task)
{
	return task->task.kind == TRANSFER_TASK_DOWNLOAD && !task->task.result.code;
}

/* What the whole of a body is in; a part of what was wanted whole is nothing. */
static struct engine_event *body_of(const struct live_task *task)
{
	if (task->task.result.code && !(task->tells & LIVE_TELL_DATA))
		return NULL;
	if (task->whole)
		return task->whole;
	return has_body(task->done) ? task->done : NULL;
}

static void tell_rest(struct live *live, struct live_task *task, bool is_cancelled)
{
	struct engine_event *body = is_cancelled ? NULL : body_of(task);
	struct live_line_row *row;

	if (!is_cancelled && tells_sent(task))
		live_row_progress(live, task, true);
	if (!is_cancelled && task->task.response.status && !task->is_response_told &&
		(task->was_challenged || (task->tells & LIVE_TELL_RESPONSE)))
		live_row_response(live, task);
	row = body ? put_data(live, task, body) : NULL;
	if (row)
		(void)live_row_put_take(live, row);
	if (!is_cancelled && !tells_sent(task))
		live_row_progress(live, task, true);
	if (has_file(task)) {
		row = live_row_new(live, task, LIVE_EVENT_FINISHED);
		if (row)
			set_file(live, row);
		if (row)
			(void)live_row_put_take(live, row);
	}
	row = task->tells & LIVE_TELL_METRICS ? live_row_new(live, task, LIVE_EVENT_METRICS) : NULL;
	if (!row)
		return;
	set_transactions(row);
	(void)live_row_put_take(live, row);
}

static void fold(struct live *live, struct live_line_row *row)
{
	struct live_task *task = row->task;
	uint64_t moved = moved_bytes(task);
	struct engine_event *body = body_of(task);

	row->row.has_metrics = task->tells & LIVE_TELL_METRICS;
	row->row.is_folded = true;
	row->row.bytes = moved > task->told.bytes ? moved - task->told.bytes : 0;
	row->row.total = moved;
	row->row.expected = expected_bytes(task);
	if (body)
		set_body(row, body);
	if (has_file(task))
		set_file(live, row);
	set_transactions(row);
}

void live_row_end(
	struct live *live, struct live_task *task, const void *resume_data, size_t n_resume_data)
{
	bool is_cancelled = task->task.result.code == TRANSFER_ERROR_CANCELLED;
	bool is_folded = task->session->folds && !task->was_told && !is_cancelled;
	struct live_line_row *row;
	void *copy;

	task->told.due_us = 0;
	if (!is_folded)
		tell_rest(live, task, is_cancelled);
	row = live_row_new(live, task, LIVE_EVENT_COMPLETED);
	if (!row)
		return;
	if (is_folded)
		fold(live, row);
	copy = resume_data ? arena_alloc(&row->arena, n_resume_data, 1) : NULL;
	if (copy) {
		memcpy(copy, resume_data, n_resume_data);
		row->row.resume_data = copy;
		row->row.n_resume_data = n_resume_data;
	}
	(void)live_row_put_take(live, row);
}
