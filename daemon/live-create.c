/* SPDX-License-Identifier: MIT */
/*
 * New tasks: judged as those of background sessions are, all or none. What cannot be sent, but is well-formed, makes a task
 * that ends in this turn: its application hears of it where it hears of every other failure.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <transfer/error.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "daemon/core/request.h"
#include "daemon/live-state.h"

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

struct live_task *live_task_find(const struct live *live, uint64_t id)
{
	return map_find(&live->tasks, id);
}

/* ---- descriptors ---- */

/* Its file system is not asked: it may not answer. */
static int check_readable(int fd, struct statx *ret_stx)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY || (flags & O_PATH) ||
		statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, ret_stx) < 0)
		return FLOW_E_INVALID_REQUEST;
	return 0;
}

int live_create_check_stream(int fd)
{
	struct statx stx;
	int r = check_readable(fd, &stx);

	if (!r && !S_ISFIFO(stx.stx_mode) && !S_ISSOCK(stx.stx_mode) && !S_ISREG(stx.stx_mode))
		r = FLOW_E_INVALID_REQUEST;
	return r;
}

/* What nobody can change any more need not be looked at again; any other file is, when it begins and when it ends. */
static int check_file(int fd, struct task_request *request)
{
	struct statx stx;
	int r = check_readable(fd, &stx), seals;

	if (r || !S_ISREG(stx.stx_mode))
		return FLOW_E_INVALID_REQUEST;
	seals = fcntl(fd, F_GET_SEALS);
	request->source_size_bytes = stx.stx_size;
	request->source_mtime_ns = (uint64_t)stx.stx_mtime.tv_sec * 1000000000 +
		stx.stx_mtime.tv_nsec;
	request->source_ino = seals >= 0 && (seals & SEALS) == SEALS ? 0 : stx.stx_ino;
	return 0;
}

static int keep_body(struct live_task *task, const struct live_request *from)
{
	struct task *t = &task->task;
	void *copy;
	int r = 0;

	task->body_is_stream = from->body_is_stream && from->body_fd >= 0;
	task->body_is_asked = from->body_is_stream && from->body_fd < 0;
	task->body_length = from->body_is_stream ? from->body_length : TRANSFER_SIZE_UNKNOWN;
	if ((from->body && (from->body_fd >= 0 || from->body_is_stream)) || from->body_length < -1)
		return FLOW_E_INVALID_REQUEST;
	if (from->body) {
		if (from->n_body > LIVE_INLINE_BODY_BYTES)
			return FLOW_E_INVALID_REQUEST;
		copy = arena_alloc(&t->arena, from->n_body + 1, 1);
		if (!copy)
			return err_raise(-ENOMEM);
		memcpy(copy, from->body, from->n_body);
		task->body = copy;
		task->n_body = from->n_body;
		t->expected_send_bytes = (int64_t)from->n_body;
		return 0;
	}
	if (from->body_is_stream)
		t->expected_send_bytes = from->body_length;
	if (from->body_fd < 0)
		return 0;
	r = from->body_is_stream ? live_create_check_stream(from->body_fd)
				 : check_file(from->body_fd, &t->request);
	if (r)
		return r;
	if (!from->body_is_stream)
		t->expected_send_bytes = (int64_t)t->request.source_size_bytes;
	task->body_fd = fcntl(from->body_fd, F_DUPFD_CLOEXEC, 3);
	return task->body_fd < 0 ? FLOW_E_LIMIT_REACHED
				 : 0; /* the client waits until some have ended */
}

/* ---- copying ---- */

/* Methods are case-sensitive, but nobody means another one with these. */
static const char *method_of(const struct live_request *from)
{
	static const char *const known[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH",
		"OPTIONS" };
	const char *method = from->request.method;

	if (!method)
		return from->kind == TRANSFER_TASK_UPLOAD ? "PUT" : "GET";
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcasecmp(method, known[i]))
			return known[i];
	return method;
}

static int copy_headers(struct task *task, const struct task_request *from)
{
	struct task_header *headers = arena_alloc(
		&task->arena, from->n_headers + 1, sizeof(*headers));
	size_t n = 0;

	if (!headers)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < from->n_headers; i++) {
		if (request_check_header(&from->headers[i]) == REQUEST_HEADER_RESERVED)
			continue;
		headers[n].name = arena_strdup(&task->arena, from->headers[i].name);
		headers[n].value = arena_strdup(&task->arena, from->headers[i].value);
		if (!headers[n].name || !headers[n].value)
			return err_raise(-ENOMEM);
		n++;
	}
	task->request.headers = headers;
	task->request.n_headers = n;
	return 0;
}

static int copy_request(struct task *task, const struct live_request *from)
{
	struct task_request *to = &task->request;
	const char **strings[] = { &to->url, &to->method, &to->destination, &to->source_path,
		&to->ca_file, &to->description, &to->main_document_url };
	void *userdata;

	*to = from->request;
	to->host = to->checksum_name = to->checksum_hex = to->want_digest = NULL;
	to->method = method_of(from);
	if (!to->url)
		to->url = ""; /* resume data knows it */
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		if (*strings[i] && !(*strings[i] = arena_strdup(&task->arena, *strings[i])))
			return err_raise(-ENOMEM);
	to->userdata = NULL;
	if (to->userdata_bytes) {
		userdata = arena_alloc(&task->arena, to->userdata_bytes, 1);
		if (!userdata)
			return err_raise(-ENOMEM);
		memcpy(userdata, from->request.userdata, to->userdata_bytes);
		to->userdata = userdata;
	}
	return copy_headers(task, &from->request);
}

/* ---- judging ---- */

static void doom(struct live_task *task, int32_t code, const char *why)
{
	if (!task->task.result.code)
		task->task.result = live_result(code, why);
}

static bool has_body(const struct live_task *task)
{
	return task->body || task->body_fd >= 0 || task->body_is_stream || task->body_is_asked;
}

static int check_sense(const struct live_request *from)
{
	const struct task_request *request = &from->request;

	if (from->kind != TRANSFER_TASK_DATA && from->kind != TRANSFER_TASK_UPLOAD &&
		from->kind != TRANSFER_TASK_DOWNLOAD)
		return FLOW_E_NOT_SUPPORTED_IN_SESSION;
	if (request->not_before_wall_us || request->checksum_name || request->checksum_hex ||
		request->want_digest || request->retry_http_errors)
		return FLOW_E_NOT_SUPPORTED_IN_SESSION;
	if (!request->url && !from->resume_data)
		return FLOW_E_INVALID_REQUEST;
	if (from->resume_data && from->kind != TRANSFER_TASK_DOWNLOAD)
		return FLOW_E_INVALID_REQUEST;
	if (request->destination &&
		(from->kind != TRANSFER_TASK_DOWNLOAD || request->destination[0] != '/'))
		return FLOW_E_INVALID_REQUEST;
	return 0;
}

/* The request is the task's by now; its URL may have come from resume data. */
static int judge(
	struct live_task *task, const struct live_request *from, struct flow_judgement *judgement)
{
	const struct session_config *config = &task->session->session->config;
	struct task *t = &task->task;
	int r;

	*judgement =
		(struct flow_judgement){ .kind = t->kind, .allows_ftp = true, .seen = from->seen };
	r = flow_request_judge(config, &t->request, judgement);
	if (r)
		return r;
	if (judgement->doom.code && !t->result.code)
		t->result = judgement->doom;
	if (!strcmp(t->request.method, "GET") && has_body(task))
		doom(task, TRANSFER_ERROR_DATA_LENGTH_EXCEEDS_MAXIMUM, "GET has no body");
	if (task->cache_policy == TRANSFER_CACHE_RETURN_DONT_LOAD)
		doom(task, TRANSFER_ERROR_CANNOT_LOAD_FROM_NETWORK,
			"there is no stored answer, and the network may not be used");
	if (t->result.code)
		t->failing_url = t->request.url;
	return 0;
}

static int adopt(struct live *live, struct live_task *task, const struct live_request *from)
{
	struct task *t = &task->task;
	char path[LIVE_PATH_BYTES];
	struct flow_kept kept = { .uid = task->session->session->uid,
		.app_id = task->session->session->app_id,
		.part_path = path };
	int r;

	if (!from->resume_data)
		return 0;
	r = live_attempt_path(live, t, path);
	if (!r)
		r = flow_kept_adopt(
			live->flow, from->resume_data, from->n_resume_data, &kept, &t->arena);
	if (r == FLOW_E_NO_RESUME_DATA) {
		doom(task, TRANSFER_ERROR_CANNOT_WRITE_TO_FILE, "the resume data cannot be used");
		return 0;
	}
	if (r)
		return r;
	if (!t->request.url[0])
		t->request.url = kept.url;
	t->etag = kept.etag;
	t->last_modified = kept.last_modified;
	t->offset_bytes = t->received_bytes = kept.offset_bytes;
	t->total_bytes = kept.total_bytes;
	memcpy(task->kept_nonce, kept.nonce, sizeof(task->kept_nonce));
	t->can_resume = t->is_resumed_by_client = true;
	t->attempts = 1; /* it has a part */
	return request_carry_read(kept.carried, &t->arena, &t->request);
}

/* ---- one task ---- */

static struct live_task *task_make(struct live *live, struct live_session *session, uint64_t id)
{
	struct live_task *task = calloc(1, sizeof(*task));

	if (!task)
		return NULL;
	task->session = session;
	task->phase = LIVE_PHASE_QUEUED;
	task->body_fd = -1;
	task->engine_id = id;
	task->task.id = id;
	task->task.session = session->session->id;
	task->task.state = TASK_STATE_QUEUED;
	task->task.created_wall_us = live->now.wall_us;
	task->task.total_bytes = TRANSFER_SIZE_UNKNOWN;
	task->task.expected_receive_bytes = TRANSFER_SIZE_UNKNOWN;
	task->task.expected_send_bytes = TRANSFER_SIZE_UNKNOWN;
	task->task.response.expected_bytes = TRANSFER_SIZE_UNKNOWN;
	return task;
}

static void task_free_live(struct live *live, struct live_task *task)
{
	if (!task)
		return;
	if (task->body_fd >= 0)
		close(task->body_fd);
	live_event_drop_take(live, task->done);
	live_event_drop_take(live, task->whole);
	arena_done(&task->response_arena);
	arena_done(&task->task.arena);
	free(task);
}

static void fill_words(struct live_task *task, const struct live_request *from)
{
	const struct session_config *config = &task->session->session->config;

	task->task.kind = from->kind;
	task->asks = from->has_asks ? from->asks : task->session->asks;
	task->tells = from->has_tells ? from->tells : task->session->tells;
	if (from->kind == TRANSFER_TASK_DOWNLOAD)
		task->asks &= ~(unsigned)LIVE_ASK_RESPONSE;
	task->prefers_whole = from->prefers_whole;
	task->service_type = from->service_type ? (enum transfer_service_type)from->service_type
						: config->service_type;
	task->cache_policy = from->cache_policy ? (enum transfer_cache_policy)from->cache_policy
						: config->cache_policy;
	task->forbids_metered = from->forbids_metered || !config->allows_metered;
}

static int task_fill(struct live *live, struct live_task *task, const struct live_request *from)
{
	struct flow_judgement judgement;
	struct task *t = &task->task;
	uint64_t limit_us;
	int r = check_sense(from);

	if (r)
		return r;
	fill_words(task, from);
	r = copy_request(t, from);
	if (!r)
		r = keep_body(task, from);
	if (!r)
		r = adopt(live, task, from);
	if (!r)
		r = judge(task, from, &judgement);
	if (r)
		return r;
	task->lane = live_schedule_lane(live, task->session, judgement.host);
	if (!task->lane)
		return err_raise(-ENOMEM);
	task->lane->n_tasks++;
	t->lane = task->lane->id;
	t->request.host = task->lane->host;
	limit_us = t->request.resource_timeout_us;
	if (!limit_us)
		limit_us = task->session->session->config.resource_timeout_us;
	t->deadline_boot_us = live->now.boot_us + limit_us;
	return 0;
}

/* ---- in and out ---- */

static int add(struct live *live, struct live_task *task)
{
	int r = map_put(&live->tasks, task->task.id, task);

	if (!r)
		r = map_put(&live->by_engine_id, task->engine_id, task);
	if (r)
		return r;
	TAILQ_INSERT_TAIL(&live->all, task, in_all);
	task->session->n_tasks++;
	task->session->n_unended++;
	task->is_counted = true;
	return 0;
}

static void unmap(struct live *live, struct live_task *task)
{
	if (map_find(&live->tasks, task->task.id) == task)
		map_remove(&live->tasks, task->task.id);
	if (map_find(&live->by_engine_id, task->engine_id) == task)
		map_remove(&live->by_engine_id, task->engine_id);
	if (task->question)
		map_remove(&live->questions, task->question);
}

void live_task_forget(struct live *live, struct live_task *task)
{
	struct live_session *session = task->session;

	unmap(live, task);
	if (task->resume_fn)
		live_command_reply(live, task, NULL, 0);
	TAILQ_REMOVE(&live->all, task, in_all);
	live_schedule_note_untold(live, task, false);
	live_schedule_leave(live, task);
	session->n_tasks--;
	session->n_unended -= task->is_counted;
	live_session_touch(live, session);
	task_free_live(live, task);
}

static size_t count_of_user(const struct live *live, uid_t uid)
{
	const struct live_session *s;
	size_t n = 0, cursor = 0;

	while ((s = map_next(&live->sessions, &cursor)))
		n += s->session->uid == uid ? s->n_tasks : 0;
	return n;
}

/* Who is refused may come again with the same resume data. */
static void give_back(struct live *live, const struct live_task *task)
{
	char path[LIVE_PATH_BYTES];
	struct flow_kept kept = { .part_path = path };

	if (!task->task.is_resumed_by_client)
		return;
	memcpy(kept.nonce, task->kept_nonce, sizeof(kept.nonce));
	if (live_attempt_path(live, &task->task, path) || flow_kept_return(live->flow, &kept))
		live_attempt_remove_part(live, task);
}

static void drop(struct live *live, struct live_task **drafts, size_t n)
{
	for (size_t i = 0; i < n && drafts[i]; i++) {
		unmap(live, drafts[i]);
		give_back(live, drafts[i]);
		if (drafts[i]->is_counted) {
			live_task_forget(live, drafts[i]);
			continue;
		}
		live_schedule_leave(live, drafts[i]);
		task_free_live(live, drafts[i]);
	}
}

static void begin(struct live *live, struct live_task *task)
{
	const struct transfer_result result = task->task.result;

	if (result.code) {
		task->task.result = (struct transfer_result){ 0 };
		(void)live_step(live, task, LIVE_EVENT_CANCEL, &result);
		return;
	}
	live_schedule_note_limit(live, task);
	live_schedule_enqueue(live, task);
}

int live_tasks_create(struct live *live, uint64_t session, const struct live_request *requests,
	size_t n_requests, uint64_t *ret_first)
{
	struct live_session *s = live_session_lookup(live, session);
	cleanup_(cleanup_free) struct live_task **drafts = NULL;
	uint64_t first = live->last_id + 1;
	int r = 0;

	if (!s)
		return FLOW_E_NO_SUCH_SESSION;
	if (s->is_broken || live->is_stopping)
		return FLOW_E_SESSION_INVALID;
	if (!n_requests)
		return FLOW_E_INVALID_REQUEST;
	if (n_requests > FLOW_CREATE_MAX ||
		count_of_user(live, s->session->uid) + n_requests > LIVE_TASKS_PER_UID_MAX)
		return FLOW_E_LIMIT_REACHED;
	drafts = calloc(n_requests, sizeof(struct live_task *));
	if (!drafts)
		return err_raise(-ENOMEM);
	live->last_id += n_requests;
	for (size_t i = 0; !r && i < n_requests; i++) {
		drafts[i] = task_make(live, s, first + i);
		r = drafts[i] ? task_fill(live, drafts[i], &requests[i]) : err_raise(-ENOMEM);
	}
	for (size_t i = 0; !r && i < n_requests; i++)
		r = add(live, drafts[i]);
	if (r) {
		drop(live, drafts, n_requests);
		return r;
	}
	for (size_t i = 0; i < n_requests; i++)
		begin(live, drafts[i]);
	*ret_first = first;
	return 0;
}
