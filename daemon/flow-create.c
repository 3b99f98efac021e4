/* SPDX-License-Identifier: MIT */
/*
 * New tasks: judged one by one before anything is stored, then put in one transaction, all or none.
 * Decided here:
 *
 *  - a scheme other than http and https refuses the call (UnsupportedScheme): such a task could never run (BT-15, S-17);
 *  - a malformed URL, http without the exception, a destination folder that cannot be used, a destination that exists and may not be
 *    overwritten, and bad resume data make a task that fails when it is resumed, before any network (SW-29, BT-60, BT-19, BT-81):
 *    the application hears of it where it hears of every other failure. The destination is checked again when the file is put in
 *    place, without a gap;
 *  - header fields that the engine owns are dropped, fields with CR, LF or NUL refuse the call.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <transfer/error.h>

#include "base/checksum.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/utf8.h"
#include "daemon/core/request.h"
#include "daemon/flow-state.h"
#include "daemon/look.h"

#define TOKEN_MAX_BYTES 128

/* One request on its way to a task. */
struct draft {
	struct task *task;
	char host[REQUEST_HOST_MAX_BYTES];
	struct flow_resume resume;
	int fd; /* a snapshot is made of it; -1: none */
	struct look_answer *seen; /* that it was taken from; NULL */
};

struct creation {
	struct flow_session *session;
	struct draft *drafts;
	size_t n;
	bool has_snapshots;
	uint64_t *ids;
	uint64_t lane; /* of the draft that was put last */
};

void flow_request_init(struct flow_request *request)
{
	*request = (struct flow_request){ .kind = TRANSFER_TASK_DOWNLOAD, .source_fd = -1 };
	request->request.priority = 0.5;
}

/* ---- judging ---- */

static int check_words(const struct flow_request *from)
{
	const struct task_request *request = &from->request;

	if (from->kind != TRANSFER_TASK_DOWNLOAD && from->kind != TRANSFER_TASK_UPLOAD)
		return FLOW_E_NOT_SUPPORTED_IN_SESSION;
	if (!request->url && !from->resume_data)
		return FLOW_E_INVALID_REQUEST;
	if (from->resume_data &&
		(from->kind != TRANSFER_TASK_DOWNLOAD ||
			(request->method && strcmp(request->method, "GET") != 0)))
		return FLOW_E_INVALID_REQUEST;
	return flow_judge_words(from->kind, request, from->seen);
}

/* host: of the URL; a task that can only fail has its result at once. */
static int judge(const struct flow_session *session, struct task *task,
	const struct look_answer *seen, char ret_host[REQUEST_HOST_MAX_BYTES])
{
	struct flow_judgement judgement = { .kind = task->kind, .seen = seen };
	int r = flow_judge_url(&session->session->config, &task->request, &judgement);

	if (!r)
		r = flow_judge_destination(&task->request, &judgement);
	memcpy(ret_host, judgement.host, REQUEST_HOST_MAX_BYTES);
	if (!task->result.code)
		task->result = judgement.doom;
	return r;
}

/* ---- the file to upload ---- */

static int judge_errno(int error)
{
	switch (error) {
	case 0:
		return 0;
	case ENOENT:
	case ENOTDIR:
		return FLOW_E_FILE_NOT_FOUND;
	case EMFILE:
	case ENFILE:
		return FLOW_E_BUSY;
	default:
		return FLOW_E_ACCESS_DENIED;
	}
}

/* The caller passed it open. */
static int look_at_source(int source_fd, struct look_answer *ret_seen)
{
	int flags = fcntl(source_fd, F_GETFL);

	*ret_seen = (struct look_answer){ .source_fd = -1 };
	if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY || (flags & O_PATH) ||
		look_at_fd(source_fd, ret_seen))
		return FLOW_E_INVALID_REQUEST;
	return 0;
}

static int find_source(
	const struct flow_request *from, bool is_wanted, struct look_answer *ret_seen)
{
	const struct look_names names = { .source_path = from->request.source_path,
		.keeps_source = is_wanted };
	int r;

	if (from->source_fd < 0) {
		if (from->seen)
			*ret_seen = *from->seen;
		else
			look_ask_one(&names, ret_seen);
		if (from->seen && is_wanted)
			from->seen->source_fd = -1;
		/* the session began to want one meanwhile */
		if (is_wanted && !ret_seen->source_errno && ret_seen->source_fd < 0)
			return FLOW_E_BUSY;
		return judge_errno(ret_seen->source_errno);
	}
	r = look_at_source(from->source_fd, ret_seen);
	if (r || !is_wanted)
		return r;
	ret_seen->source_fd = fcntl(from->source_fd, F_DUPFD_CLOEXEC, 3);
	return ret_seen->source_fd < 0 ? judge_errno(errno) : 0;
}

static int check_source(
	const struct flow_session *session, const struct flow_request *from, struct draft *draft)
{
	struct task_request *request = &draft->task->request;
	struct look_answer seen;
	bool is_wanted;
	int r;

	if (from->kind != TRANSFER_TASK_UPLOAD)
		return from->source_fd >= 0 || from->request.source_path ? FLOW_E_INVALID_REQUEST
									 : 0;
	request->upload_copy = from->has_upload_copy ? from->request.upload_copy
						     : session->session->config.upload_copy;
	if (from->source_fd < 0 && !request->source_path)
		return FLOW_E_NOT_SUPPORTED_IN_SESSION; /* from a file only (BT-13) */
	if (request->source_path &&
		(request->source_path[0] != '/' || strlen(request->source_path) >= PATH_MAX ||
			!utf8_is_valid(request->source_path)))
		return FLOW_E_INVALID_REQUEST;
	/* read in place again and again: by its name */
	if (request->upload_copy == TASK_UPLOAD_COPY_NONE && !request->source_path)
		return FLOW_E_INVALID_REQUEST;
	is_wanted = request->upload_copy == TASK_UPLOAD_COPY_SNAPSHOT && !draft->task->result.code;
	r = find_source(from, is_wanted, &seen);
	draft->fd = !r && is_wanted ? seen.source_fd : -1;
	draft->seen = from->source_fd < 0 ? from->seen : NULL;
	if (r)
		return r;
	if (!seen.is_source_file)
		return FLOW_E_INVALID_REQUEST;
	request->source_size_bytes = seen.source_size_bytes;
	request->source_mtime_ns = seen.source_mtime_ns;
	request->source_ino = request->upload_copy == TASK_UPLOAD_COPY_NONE ? seen.source_ino : 0;
	return 0;
}

/* ---- copying ---- */

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

static int copy_request(struct task *task, const struct task_request *from)
{
	struct task_request *to = &task->request;
	const char **strings[] = { &to->url, &to->method, &to->destination, &to->source_path,
		&to->ca_file, &to->checksum_name, &to->checksum_hex, &to->want_digest,
		&to->description, &to->main_document_url };
	void *userdata;

	*to = *from;
	to->host = NULL;
	if (!to->method)
		to->method = task->kind == TRANSFER_TASK_UPLOAD ? "PUT" : "GET";
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		if (*strings[i] && !(*strings[i] = arena_strdup(&task->arena, *strings[i])))
			return err_raise(-ENOMEM);
	to->userdata = NULL;
	if (from->userdata_bytes) {
		userdata = arena_alloc(&task->arena, from->userdata_bytes, 1);
		if (!userdata)
			return err_raise(-ENOMEM);
		memcpy(userdata, from->userdata, from->userdata_bytes);
		to->userdata = userdata;
	}
	return copy_headers(task, from);
}

/* Its destination is what it was. */
static int judge_again(const struct flow_session *session, struct task *task,
	char ret_host[REQUEST_HOST_MAX_BYTES])
{
	struct flow_judgement judgement = { .kind = task->kind };
	int r = flow_judge_url(&session->session->config, &task->request, &judgement);

	memcpy(ret_host, judgement.host, REQUEST_HOST_MAX_BYTES);
	if (!task->result.code)
		task->result = judgement.doom;
	return r;
}

int flow_create_replace(struct flow *flow, struct task *task, const struct task_request *with,
	char ret_host[REQUEST_HOST_MAX_BYTES])
{
	const struct flow_session *session = flow_session_lookup(flow, task->session);
	struct flow_request from = { .kind = task->kind, .source_fd = -1 };
	const struct task_request before = task->request;
	int r;

	if (!session)
		return FLOW_E_NO_SUCH_SESSION;
	from.request = *with;
	from.request.priority = task->request.priority;
	from.request.ca_file = NULL; /* what is not taken is not asked for */
	r = check_words(&from);
	if (!r && (!with->url[0] || with->timeout_us > INT64_MAX))
		r = FLOW_E_INVALID_REQUEST;
	if (r)
		return r;
	task->request.url = arena_strdup(&task->arena, with->url);
	if (with->method)
		task->request.method = arena_strdup(&task->arena, with->method);
	else
		task->request.method = task->kind == TRANSFER_TASK_UPLOAD ? "PUT" : "GET";
	task->request.timeout_us = with->timeout_us;
	if (!task->request.url || !task->request.method)
		r = err_raise(-ENOMEM);
	if (!r)
		r = judge_again(session, task, ret_host);
	if (!r)
		r = copy_headers(task, with);
	if (r)
		task->request = before;
	return r;
}

static int draft_make(struct flow *flow, struct flow_session *session,
	const struct flow_request *from, struct draft *draft)
{
	struct task *task;
	int r = check_words(from);

	if (r)
		return r;
	task = draft->task = task_new();
	if (!task)
		return err_raise(-ENOMEM);
	task->kind = from->kind;
	task->session = session->session->id;
	task->created_wall_us = flow->now.wall_us;
	task->suspend_count = 1;
	task->state = TASK_STATE_SUSPENDED;
	r = copy_request(task, &from->request);
	if (!r && from->resume_data) {
		draft->resume = (struct flow_resume){ .data = from->resume_data,
			.size = from->resume_data_bytes,
			.session = session };
		r = flow_resume_open(flow, &draft->resume, task);
	}
	if (!r)
		r = judge(session, task, from->seen, draft->host);
	if (!r && flow_quit_is_disabled(flow, session->session->app_id))
		task->result = flow_quit_result(FLOW_CANCELLED_DISABLED);
	if (!r)
		r = check_source(session, from, draft);
	task->request.host = draft->host;
	return r;
}

/* ---- storing ---- */

/* Most calls are for one host: its lane is the one before. */
static int find_lane(struct flow *flow, struct creation *creation, size_t i)
{
	struct draft *draft = &creation->drafts[i];
	int r = 0;

	if (!i || strcmp(draft->host, creation->drafts[i - 1].host) != 0)
		r = err_fold(store_lane_get(
			flow->store, draft->task->session, draft->host, &creation->lane));
	draft->task->lane = creation->lane;
	return r;
}

/* With a snapshot on its way every task of the call is born later. */
static int put_one(
	struct flow *flow, struct creation *creation, size_t i, struct transfer_result *ret_doom)
{
	struct draft *draft = &creation->drafts[i];
	struct task *task = draft->task;
	struct active *active;
	int r;

	if (creation->has_snapshots) {
		*ret_doom = task->result;
		task->result = (struct transfer_result){ 0 };
		task->state = TASK_STATE_CANCELING;
		task->attempt = FLOW_SNAPSHOT_ATTEMPT;
	}
	task->request.host = arena_strdup(&task->arena, draft->host);
	if (!task->request.host)
		return err_raise(-ENOMEM);
	r = find_lane(flow, creation, i);
	if (!r)
		r = err_fold(store_task_number(flow->store, task));
	if (!r)
		r = registry_add_take(&flow->registry, task, &active);
	if (r)
		return r;
	active->save |= STORE_SAVE_NEW;
	draft->task = NULL;
	creation->ids[i] = task->id;
	creation->session->session->n_tasks++;
	task->generation = ++flow->generation;
	if (task->result.code)
		active->save |= STORE_SAVE_RESULT;
	r = flow_resume_take_part(flow, &draft->resume, active);
	if (!r && draft->fd >= 0)
		r = flow_attempt_snapshot(flow, task->id, take_fd(&draft->fd));
	return r;
}

struct created_item {
	flow_created_fn fn;
	void *user;
	size_t n;
	uint64_t ids[];
};

static void on_created_release(void *data, int error)
{
	struct created_item *item = data;

	item->fn(item->user, error, error ? NULL : item->ids, error ? 0 : item->n);
	free(item);
}

static int answer(struct flow *flow, const uint64_t *ids, size_t n, flow_created_fn fn, void *user)
{
	struct created_item *item = calloc(1, sizeof(*item) + n * sizeof(item->ids[0]));

	if (!item)
		return err_raise(-ENOMEM);
	item->fn = fn;
	item->user = user;
	item->n = n;
	memcpy(item->ids, ids, n * sizeof(item->ids[0]));
	if (outbox_add_take(&flow->outbox, on_created_release, item)) {
		free(item);
		return err_raise(-ENOMEM);
	}
	return 0;
}

static int put_all(struct flow *flow, struct creation *creation, const struct flow_create *create,
	struct flow_birth_spec *birth)
{
	cleanup_(cleanup_free) struct transfer_result *dooms = calloc(creation->n, sizeof(*dooms));
	cleanup_(cleanup_free) bool *has_snapshot = calloc(creation->n, sizeof(*has_snapshot));
	struct active *active;
	int r;

	if (!dooms || !has_snapshot)
		return err_raise(-ENOMEM);
	r = flow_session_touch(flow, creation->session);
	for (size_t i = 0; !r && i < creation->n; i++) {
		has_snapshot[i] = creation->drafts[i].fd >= 0;
		r = put_one(flow, creation, i, &dooms[i]);
	}
	if (r)
		return r;
	if (creation->has_snapshots) {
		birth->ids = creation->ids;
		birth->n_ids = creation->n;
		birth->has_snapshot = has_snapshot;
		birth->dooms = dooms;
		return flow_birth_begin(flow, birth);
	}
	for (size_t i = 0; !r && create->start_running && i < creation->n; i++) {
		active = registry_find(&flow->registry, creation->ids[i]);
		r = flow_command_resume(flow, active, true);
		active->is_told = false;
	}
	if (!r && create->token)
		r = err_fold(store_token_put(
			flow->store, create->session, create->token, creation->ids, creation->n));
	return r ? r : answer(flow, creation->ids, creation->n, birth->fn, birth->user);
}

/* Of what was refused. Who found the file closes it, on a thread that may wait for its disk. */
static void leave_source(struct draft *draft)
{
	if (draft->seen && draft->fd >= 0)
		draft->seen->source_fd = draft->fd;
	else if (draft->fd >= 0)
		close(draft->fd);
}

static void creation_done(struct creation *creation)
{
	for (size_t i = 0; creation->drafts && i < creation->n; i++) {
		task_free(creation->drafts[i].task);
		leave_source(&creation->drafts[i]);
	}
	free(creation->drafts);
	free(creation->ids);
}

static int make_drafts(struct flow *flow, const struct flow_create *create,
	struct creation *creation, size_t *ret_bad)
{
	int r;

	creation->n = create->n_requests;
	creation->drafts = calloc(creation->n, sizeof(*creation->drafts));
	creation->ids = calloc(creation->n, sizeof(*creation->ids));
	if (!creation->drafts || !creation->ids)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < creation->n; i++)
		creation->drafts[i].fd = -1;
	for (size_t i = 0; i < creation->n; i++) {
		r = draft_make(flow, creation->session, &create->requests[i], &creation->drafts[i]);
		if (r) {
			if (ret_bad)
				*ret_bad = i;
			return r;
		}
		creation->has_snapshots |= creation->drafts[i].fd >= 0;
	}
	return 0;
}

/* A call that is repeated after its reply was lost is answered with what the first one made. */
static int answer_again(
	struct flow *flow, const struct flow_create *create, flow_created_fn fn, void *user)
{
	struct arena arena = { 0 };
	struct store_ids ids;
	int r;

	if (!flow_session_is_text(create->token, TOKEN_MAX_BYTES))
		return FLOW_E_INVALID_REQUEST;
	if (flow_birth_has_token(flow, create->session, create->token))
		return FLOW_E_BUSY;
	r = store_token_load(flow->store, create->session, create->token, &arena, &ids);
	if (!r)
		r = answer(flow, ids.ids, ids.n, fn, user);
	arena_done(&arena);
	return r;
}

/* The calls of a long batch follow each other without waiting: after one that made nothing comes nothing. */
static int check_after(struct flow *flow, const struct flow_create *create)
{
	struct arena arena = { 0 };
	struct store_ids ids;
	int r;

	if (!flow_session_is_text(create->after, TOKEN_MAX_BYTES))
		return FLOW_E_INVALID_REQUEST;
	r = store_token_load(flow->store, create->session, create->after, &arena, &ids);
	arena_done(&arena);
	return r == STORE_E_NOT_FOUND ? FLOW_E_INVALID_REQUEST : r;
}

int flow_tasks_create(struct flow *flow, const struct flow_create *create, flow_created_fn fn,
	void *user, size_t *ret_bad)
{
	struct flow_birth_spec birth = {
		.session = create->session,
		.start_running = create->start_running,
		.token = create->token,
		.fn = fn,
		.user = user,
	};
	struct creation creation = { .session = flow_session_lookup(flow, create->session) };
	int r;

	if (!creation.session)
		return FLOW_E_NO_SUCH_SESSION;
	if (create->token) {
		r = answer_again(flow, create, fn, user);
		if (r != STORE_E_NOT_FOUND)
			return r;
	}
	if (create->after) {
		r = check_after(flow, create);
		if (r)
			return r;
	}
	if (creation.session->session->state != TRANSFER_SESSION_STATE_ACTIVE)
		return FLOW_E_SESSION_INVALID;
	if (!create->n_requests)
		return FLOW_E_INVALID_REQUEST;
	if (create->n_requests > FLOW_CREATE_MAX)
		return FLOW_E_LIMIT_REACHED;
	if (flow_session_app_tasks(flow, creation.session) + create->n_requests >
		FLOW_TASKS_PER_APP_MAX)
		return FLOW_E_QUOTA_EXCEEDED;
	if (store_is_full(flow->store))
		return FLOW_E_NO_SPACE;
	r = make_drafts(flow, create, &creation, ret_bad);
	if (!r && creation.has_snapshots && flow_birth_is_full(flow, creation.session->app))
		r = FLOW_E_LIMIT_REACHED;
	else if (!r) {
		r = put_all(flow, &creation, create, &birth);
		if (r)
			flow_turn_poison(flow, err_fold(r));
	}
	creation_done(&creation);
	return r;
}
