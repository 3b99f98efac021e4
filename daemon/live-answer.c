/* SPDX-License-Identifier: MIT */
/*
 * Questions to the client: one of a task at a time, answered once, with a default when nobody answers in time. They are part of
 * the line of events, so that what came before is told before.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <transfer/error.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/utf8.h"
#include "daemon/live-state.h"

/* ---- asking ---- */

void live_answer_ask_take(struct live *live, struct live_task *task, struct live_line_row *row)
{
	uint64_t id = live_next_id(live);

	if (map_put(&live->questions, id, task)) {
		live_row_free(live, row);
		live_session_break(live, task->session);
		return;
	}
	task->question = row->row.question = id;
	task->question_type = row->row.type;
	task->question_due_us = live->now.now_us + LIVE_ANSWER_US;
	live_note_due(live, task->question_due_us);
	task->yield_due_us = live->now.now_us + LIVE_YIELD_US;
	live_note_due(live, task->yield_due_us);
	if (row->row.type != LIVE_EVENT_NEED_BODY)
		task->was_told = true;
	if (row->row.type == LIVE_EVENT_RESPONSE)
		task->is_response_told = true;
	if (row->row.type == LIVE_EVENT_CHALLENGE)
		task->was_challenged = true;
	(void)live_row_put_take(live, row);
}

/* It goes on, unless it was suspended meanwhile. */
static void go_on(struct live *live, struct live_task *task)
{
	task->question = task->yield_due_us = 0;
	if (task->is_yielding && task->phase == LIVE_PHASE_ASKING)
		live_schedule_unyield(live, task);
}

void live_answer_withdraw(struct live *live, struct live_task *task)
{
	struct live_line_row *row;

	if (!task->question)
		return;
	map_remove(&live->questions, task->question);
	row = live_row_new(live, task, LIVE_EVENT_WITHDRAWN);
	if (row) {
		row->row.question = task->question;
		(void)live_row_put_take(live, row);
	}
	go_on(live, task);
}

/* ---- what the engine hears ---- */

static void answer_response(
	struct live *live, const struct live_task *task, enum engine_response_answer what)
{
	(void)engine_answer_response(live->engine, task->engine_id, task->task.attempt, what, NULL);
}

static void answer_redirect(
	struct live *live, const struct live_task *task, enum engine_redirect_answer what)
{
	(void)engine_answer_redirect(live->engine, task->engine_id, task->task.attempt, what, NULL);
}

static int answer_challenge(struct live *live, const struct live_task *task,
	enum engine_challenge_answer what, const struct engine_credential *credential)
{
	return engine_answer_challenge(
		live->engine, task->engine_id, task->task.attempt, what, credential);
}

void live_answer_default(struct live *live, struct live_task *task)
{
	enum live_event_type type = task->question_type;

	live_answer_withdraw(live, task);
	if (type == LIVE_EVENT_REDIRECT)
		answer_redirect(live, task, ENGINE_REDIRECT_FOLLOW);
	else if (type == LIVE_EVENT_RESPONSE)
		answer_response(live, task, ENGINE_RESPONSE_ALLOW);
	else if (type == LIVE_EVENT_CHALLENGE)
		(void)answer_challenge(live, task, ENGINE_CHALLENGE_DEFAULT, NULL);
	else
		(void)engine_answer_body(live->engine, task->engine_id, task->task.attempt, -1,
			TRANSFER_SIZE_UNKNOWN);
	(void)live_step(live, task, LIVE_EVENT_ANSWER, NULL);
}

/* ---- answers ---- */

static bool was_answered(const struct live_session *s, uint64_t question)
{
	for (size_t i = 0; i < LIVE_ANSWERED_MAX; i++)
		if (question && s->answered[i] == question)
			return true;
	return false;
}

static int find(const struct live *live, const struct live_answer *answer,
	enum live_event_type type, struct live_task **ret_task)
{
	const struct live_session *s = live_session_lookup(live, answer->session);
	struct live_task *task;

	if (!s || s->client != answer->client)
		return FLOW_E_NOT_ATTACHED;
	task = map_find(&live->questions, answer->question);
	if (!task && was_answered(s, answer->question))
		return FLOW_E_ALREADY_ANSWERED;
	if (!task || task->session != s || task->question_type != type)
		return FLOW_E_NO_SUCH_QUESTION;
	*ret_task = task;
	return 0;
}

static void settle(struct live *live, struct live_task *task)
{
	struct live_session *s = task->session;

	map_remove(&live->questions, task->question);
	s->answered[s->n_answered++ % LIVE_ANSWERED_MAX] = task->question;
	go_on(live, task);
	(void)live_step(live, task, LIVE_EVENT_ANSWER, NULL);
}

static int replace(struct live *live, const struct live_task *task, const struct task_request *with)
{
	cleanup_(cleanup_free) struct engine_header *headers = NULL;
	struct flow_judgement judgement = { .kind = task->task.kind, .allows_ftp = true };
	struct engine_request request = { .url = with->url,
		.method = with->method ? with->method : "GET",
		.n_headers = with->n_headers };
	struct task_request judged = *with;
	int r;

	judged.ca_file = judged.destination = NULL; /* what is not taken is not asked for */
	r = flow_request_judge(&task->session->session->config, &judged, &judgement);
	if (r)
		return r;
	headers = calloc(with->n_headers + 1, sizeof(*headers));
	if (!headers)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < with->n_headers; i++)
		headers[i] = (struct engine_header){ with->headers[i].name,
			with->headers[i].value };
	request.headers = headers;
	return engine_answer_redirect(live->engine, task->engine_id, task->task.attempt,
		ENGINE_REDIRECT_REPLACE, &request);
}

int live_answer_redirect(struct live *live, const struct live_answer *answer,
	enum live_redirect what, const struct task_request *request)
{
	struct live_task *task;
	int r = find(live, answer, LIVE_EVENT_REDIRECT, &task);

	if (r)
		return r;
	switch (what) {
	case LIVE_REDIRECT_FOLLOW:
		answer_redirect(live, task, ENGINE_REDIRECT_FOLLOW);
		break;
	case LIVE_REDIRECT_REPLACE:
		r = request && request->url ? replace(live, task, request) : FLOW_E_INVALID_REQUEST;
		if (r)
			return r;
		break;
	case LIVE_REDIRECT_STOP:
		answer_redirect(live, task, ENGINE_REDIRECT_STOP);
		break;
	}
	settle(live, task);
	return 0;
}

/* From now on it has another number; the engine goes on with the one it knows. */
static int become_download(struct live *live, struct live_task *task)
{
	struct live_line_row *row = live_row_new(live, task, LIVE_EVENT_BECAME_DOWNLOAD);
	uint64_t before = task->task.id, id = live_next_id(live);
	char path[LIVE_PATH_BYTES];
	int r;

	if (!row)
		return err_raise(-ENOMEM);
	row->row.other_task = task->task.id = id;
	r = live_attempt_path(live, &task->task, path);
	if (!r)
		r = map_put(&live->tasks, id, task);
	if (!r)
		r = engine_answer_response(live->engine, task->engine_id, task->task.attempt,
			ENGINE_RESPONSE_TO_FILE, path);
	if (r) {
		map_remove(&live->tasks, id);
		task->task.id = before;
		live_row_free(live, row);
		return r;
	}
	map_remove(&live->tasks, before);
	TAILQ_REMOVE(&live->all, task, in_all);
	TAILQ_INSERT_TAIL(&live->all, task, in_all);
	task->task.kind = TRANSFER_TASK_DOWNLOAD;
	task->asks &= ~(unsigned)LIVE_ASK_RESPONSE;
	task->task.expected_receive_bytes = task->task.response.expected_bytes;
	task->told = (struct progress_told){ 0 };
	task->progress = NULL; /* that was of what is sent */
	(void)live_row_put_take(live, row);
	return 0;
}

int live_answer_response(
	struct live *live, const struct live_answer *answer, enum live_response what)
{
	struct live_task *task;
	int r = find(live, answer, LIVE_EVENT_RESPONSE, &task);

	if (r)
		return r;
	switch (what) {
	case LIVE_RESPONSE_ALLOW:
		answer_response(live, task, ENGINE_RESPONSE_ALLOW);
		break;
	case LIVE_RESPONSE_CANCEL:
		answer_response(live, task, ENGINE_RESPONSE_CANCEL);
		break;
	case LIVE_RESPONSE_BECOME_DOWNLOAD:
		r = become_download(live, task);
		if (r)
			return r;
		break;
	}
	settle(live, task);
	return 0;
}

int live_answer_challenge(struct live *live, const struct live_answer *answer,
	enum engine_challenge_answer what, const struct engine_credential *credential)
{
	struct live_task *task;
	int r = find(live, answer, LIVE_EVENT_CHALLENGE, &task);

	if (!r && what == ENGINE_CHALLENGE_USE && utf8_has_controls(credential->user))
		r = FLOW_E_INVALID_REQUEST;
	if (!r)
		r = answer_challenge(live, task, what, credential);
	if (r)
		return r;
	settle(live, task);
	return 0;
}

int live_answer_body(struct live *live, const struct live_answer *answer, int fd, int64_t length)
{
	struct live_task *task;
	int r = find(live, answer, LIVE_EVENT_NEED_BODY, &task), copy_fd = -1;

	if (!r && length < -1)
		r = FLOW_E_INVALID_REQUEST;
	if (!r && fd >= 0)
		r = live_create_check_stream(fd);
	if (r)
		return r;
	if (fd >= 0) {
		copy_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (copy_fd < 0)
			return FLOW_E_BUSY;
	}
	r = engine_answer_body(live->engine, task->engine_id, task->task.attempt, copy_fd, length);
	if (r)
		return r;
	settle(live, task);
	return 0;
}
