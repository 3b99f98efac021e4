/* SPDX-License-Identifier: MIT */
/* The handlers of the peer: as much of transferd as libtransfer can tell from the real one. */
#include "tests/client-lib/peer-state.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "ipc/past.h"

/* ---- Manager ---- */

static int on_check(struct ipc_call *call, void *user, enum ipc_access access)
{
	struct peer *p = user;
	struct ipc_path path = ipc_call_path(call);

	(void)access;
	if (peer_is_live(path.session))
		return 0;
	if (path.session && (path.session != SESSION || !p->has_session))
		return IPC_E_NO_SUCH_SESSION;
	return path.task && !peer_find(p, path.task) ? IPC_E_NO_SUCH_TASK : 0;
}

static int on_children(struct ipc_call *call, void *user, uint64_t *ids, size_t max, size_t *ret_n)
{
	(void)call;
	(void)user;
	(void)ids;
	(void)max;
	*ret_n = 0;
	return 0;
}

static int on_open_session(struct ipc_call *call, void *user,
	const struct ipc_manager_open_session_in *in, struct ipc_manager_open_session_out *out)
{
	struct peer *p = user;

	if (p->fail_open)
		return ipc_call_error(call, p->fail_open, "not now");
	if (strcmp(in->kind, "background") != 0)
		return peer_live_open(p, call, in, out);
	pthread_mutex_lock(&p->lock);
	out->info.disposition = p->has_session ? "reassociated" : "created";
	if (p->is_invalid) {
		p->is_invalid = false;
		out->info.disposition = "created";
	}
	p->has_session = true;
	snprintf(p->identifier, sizeof(p->identifier), "%s", in->identifier);
	out->session = peer_session_path();
	pthread_mutex_unlock(&p->lock);
	return 0;
}

static int on_get_session(struct ipc_call *call, void *user,
	const struct ipc_manager_get_session_in *in, struct ipc_manager_get_session_out *out)
{
	struct peer *p = user;

	if (!p->has_session || strcmp(in->identifier, p->identifier))
		return ipc_call_error(
			call, IPC_E_NO_SUCH_SESSION, "no session '%s'", in->identifier);
	out->session = peer_session_path();
	return 0;
}

static int on_get_task(struct ipc_call *call, void *user, const struct ipc_manager_get_task_in *in,
	struct ipc_manager_get_task_out *out)
{
	if (!peer_find(user, in->id))
		return ipc_call_error(
			call, IPC_E_NO_SUCH_TASK, "no task %llu", (unsigned long long)in->id);
	out->task = (struct ipc_path){ .session = SESSION, .task = in->id };
	return 0;
}

static bool is_wanted(
	const struct peer_task *task, uint64_t id, const struct ipc_task_filter *filter)
{
	if ((task->is_done && !filter->include_finished) || task->is_hidden)
		return false;
	for (size_t i = 0; i < filter->n_ids; i++) {
		if (filter->ids[i] == id)
			return true;
	}
	return !filter->ids;
}

static void fill_row(struct ipc_call *call, const struct peer_task *task, struct ipc_task *row)
{
	struct ipc_header *header = arena_alloc(ipc_call_arena(call), 1, sizeof(*header));
	struct ipc_response *response = arena_alloc(ipc_call_arena(call), 1, sizeof(*response));
	const char **reasons = arena_alloc(ipc_call_arena(call), 2, sizeof(*reasons));

	reasons[0] = "suspended";
	reasons[1] = "mode";
	*header = (struct ipc_header){ "X-Old", task->headers };
	*response = (struct ipc_response){
		.status = 200, .has_status = true, .mime_type = "text/plain"
	};
	row->session = peer_session_path();
	row->has_session = true;
	row->session_identifier = "com.example.test";
	row->session_kind = "background";
	row->kind = task->kind;
	row->state = task->is_done ? "completed" : task->suspensions ? "suspended" : "running";
	row->sub_state = task->is_done ? "done" : task->suspensions ? "suspended" : "queued";
	row->url = task->url;
	row->description = task->description;
	row->priority = task->priority;
	row->has_priority = true;
	row->suspend_count = task->suspensions;
	row->has_suspend_count = true;
	row->bytes_received = 5;
	row->has_bytes_received = true;
	row->bytes_expected_to_receive = 50;
	row->has_bytes_expected_to_receive = true;
	row->request_headers = header;
	row->n_request_headers = 1;
	row->response = response;
	row->reasons = reasons;
	row->n_reasons = task->suspensions ? 2 : 0;
}

/* In pages of three when the cursor is used at all, so that paging is seen. */
static int list(struct peer *p, struct ipc_call *call, const struct ipc_manager_list_tasks_in *in,
	struct ipc_manager_list_tasks_out *out)
{
	struct ipc_task *rows = arena_alloc(ipc_call_arena(call), p->n_tasks + 1, sizeof(*rows));
	unsigned int i = (unsigned int)strtoul(in->cursor, NULL, 10);
	unsigned int limit = in->filter.ids || !in->limit ? 1000 : 3;

	for (; i < p->n_tasks && out->n_tasks < limit; i++) {
		if (!is_wanted(&p->tasks[i], FIRST_ID + i, &in->filter))
			continue;
		rows[out->n_tasks].id = FIRST_ID + i;
		rows[out->n_tasks].has_id = true;
		fill_row(call, &p->tasks[i], &rows[out->n_tasks++]);
	}
	out->tasks = rows;
	if (i < p->n_tasks) {
		char cursor[16];

		snprintf(cursor, sizeof(cursor), "%u", i);
		out->next_cursor = arena_strdup(ipc_call_arena(call), cursor);
	}
	return 0;
}

static int on_list_tasks(struct ipc_call *call, void *user,
	const struct ipc_manager_list_tasks_in *in, struct ipc_manager_list_tasks_out *out)
{
	struct peer *p = user;
	int r;

	pthread_mutex_lock(&p->lock);
	r = list(p, call, in, out);
	pthread_mutex_unlock(&p->lock);
	return r;
}

static int on_list_sessions(struct ipc_call *call, void *user,
	const struct ipc_manager_list_sessions_in *in, struct ipc_manager_list_sessions_out *out)
{
	static struct ipc_session_info row = {
		.path = { .session = SESSION },
		.has_path = true,
		.kind = "background",
		.state = "active",
		.client_name = ":1.1",
		.tasks = 3,
		.has_tasks = true,
	};
	struct peer *p = user;

	(void)call;
	(void)in;
	row.identifier = p->identifier;
	out->sessions = &row;
	out->n_sessions = p->has_session;
	return 0;
}

/* Does fn to each task; the ones that do not exist are failures. */
struct id_set {
	const uint64_t *ids;
	size_t n;
	struct ipc_failure *failures;
	size_t n_failures;
};

/* With the lock held: the error that was wanted for one call. */
static int take_fault(int *fault)
{
	int r = *fault;

	*fault = 0;
	return r;
}

static int each(struct peer *p, struct ipc_call *call, struct id_set *set,
	void (*fn)(struct peer *p, struct peer_task *task, uint64_t id))
{
	int r;

	set->failures = arena_alloc(ipc_call_arena(call), set->n + 1, sizeof(*set->failures));
	pthread_mutex_lock(&p->lock);
	r = take_fault(&p->fail_next_verb);
	for (size_t i = 0; !r && i < set->n; i++) {
		struct peer_task *task = peer_find(p, set->ids[i]);

		if (task)
			fn(p, task, set->ids[i]);
		else
			set->failures[set->n_failures++] = (struct ipc_failure){ set->ids[i],
				ipc_error_name(IPC_E_NO_SUCH_TASK), "no such task" };
	}
	peer_changed(p);
	pthread_mutex_unlock(&p->lock);
	return r;
}

/* Tasks of live sessions that have ended are forgotten. */
static void note_ended(struct peer *p, struct ipc_call *call, struct id_set *set)
{
	set->failures = arena_alloc(ipc_call_arena(call), set->n + 1, sizeof(*set->failures));
	for (size_t i = 0; i < set->n; i++) {
		if (peer_live_is_ended(p, set->ids[i]))
			set->failures[set->n_failures++] = (struct ipc_failure){ set->ids[i],
				ipc_error_name(IPC_E_NO_SUCH_TASK), "no such task" };
	}
}

static void do_resume(struct peer *p, struct peer_task *task, uint64_t id)
{
	task->suspensions = 0;
	peer_run_task(p, id);
}

static void do_suspend(struct peer *p, struct peer_task *task, uint64_t id)
{
	(void)p;
	(void)id;
	task->suspensions++;
}

static void do_cancel(struct peer *p, struct peer_task *task, uint64_t id)
{
	task->is_cancelled = true;
	peer_complete_locked(p, id, -999);
}

static void do_nothing(struct peer *p, struct peer_task *task, uint64_t id)
{
	(void)p;
	(void)task;
	(void)id;
}

#define STEER(verb, fn) \
	static int on_##verb##_tasks(struct ipc_call *call, void *user, \
		const struct ipc_manager_##verb##_tasks_in *in, \
		struct ipc_manager_##verb##_tasks_out *out) \
	{ \
		struct id_set set = { .ids = in->ids, .n = in->n_ids }; \
		int r = 0; \
\
		note_ended(user, call, &set); \
		if (!peer_live_steer(user, #verb, in->ids, in->n_ids)) \
			r = each(user, call, &set, fn); \
\
		out->failures = set.failures; \
		out->n_failures = set.n_failures; \
		return r; \
	}
STEER(resume, do_resume)
STEER(suspend, do_suspend)
STEER(cancel, do_cancel)
STEER(retry, do_nothing)
STEER(remove, do_nothing)

static int on_set_tasks(struct ipc_call *call, void *user,
	const struct ipc_manager_set_tasks_in *in, struct ipc_manager_set_tasks_out *out)
{
	struct id_set set = { .ids = in->ids, .n = in->n_ids };
	struct peer *p = user;
	int r = 0;

	note_ended(p, call, &set);
	if (!peer_live_steer(p, "set", in->ids, in->n_ids))
		r = each(p, call, &set, do_nothing);
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < in->n_ids; i++) {
		struct peer_task *task = peer_find(p, in->ids[i]);

		if (task && in->changes.has_priority)
			task->priority = in->changes.priority;
		if (task && in->changes.description)
			snprintf(task->description, sizeof(task->description), "%s",
				in->changes.description);
	}
	pthread_mutex_unlock(&p->lock);
	out->failures = set.failures;
	out->n_failures = set.n_failures;
	return r;
}

static int on_get_progress(struct ipc_call *call, void *user,
	const struct ipc_manager_get_progress_in *in, struct ipc_manager_get_progress_out *out)
{
	static const struct ipc_progress row = { FIRST_ID, "transferring", 1, 2, 3, -1, 5, 6 };

	(void)call;
	(void)user;
	out->generation = in->since + 1;
	out->changed = &row;
	out->n_changed = in->since < 10;
	return 0;
}

static int on_peek_events(struct ipc_call *call, void *user,
	const struct ipc_manager_peek_events_in *in, struct ipc_manager_peek_events_out *out)
{
	struct peer *p = user;
	struct ipc_event *rows = arena_alloc(ipc_call_arena(call), p->n_events + 1, sizeof(*rows));

	for (unsigned int i = 0; i < p->n_events; i++) {
		if (p->events[i].seq <= p->acked || p->events[i].seq <= in->after)
			continue;
		rows[out->n_events++] = (struct ipc_event){
			.seq = p->events[i].seq,
			.task = { .session = SESSION, .task = p->events[i].task },
			.wall_usec = 1,
			.name = ipc_event_name(p->events[i].kind),
		};
	}
	out->events = rows;
	return 0;
}

static int on_get_statistics(
	struct ipc_call *call, void *user, struct ipc_manager_get_statistics_out *out)
{
	static const uint64_t samples[60] = { 1, [59] = 9 };

	(void)call;
	(void)user;
	out->statistics.tasks_active = 3;
	out->statistics.has_tasks_active = true;
	out->statistics.receive_samples = samples;
	out->statistics.n_receive_samples = 60;
	return 0;
}

static struct ipc_manager_properties service = {
	.version = "9.9",
	.mode = "running",
	.max_active_tasks = 32,
	.network_state = "online",
	.metered = "no",
};

static int on_manager_get(struct ipc_call *call, void *user, struct ipc_path path, uint64_t wanted,
	struct ipc_manager_properties *ret)
{
	(void)call;
	(void)user;
	(void)path;
	(void)wanted;
	*ret = service;
	return 0;
}

static int on_set_mode(struct ipc_call *call, void *user, const char *value)
{
	(void)call;
	(void)user;
	service.mode = strcmp(value, "paused") ? "running" : "paused";
	return 0;
}

static int on_set_download_rate(struct ipc_call *call, void *user, uint64_t value)
{
	(void)call;
	(void)user;
	service.max_download_rate = value;
	return 0;
}

static int on_set_upload_rate(struct ipc_call *call, void *user, uint64_t value)
{
	(void)call;
	(void)user;
	service.max_upload_rate = value;
	return 0;
}

static int on_set_count(struct ipc_call *call, void *user, uint32_t value)
{
	(void)user;
	service.max_active_tasks = value;
	return value ? 0 : ipc_call_error(call, IPC_E_INVALID_ARGS, "not 0");
}

/* ---- Session ---- */

static void on_attach_sent(struct peer *p, void *user)
{
	struct peer_event drained = { .kind = IPC_EVENT_DID_FINISH_BACKGROUND_EVENTS };

	(void)user;
	for (unsigned int i = 0; i < p->n_events; i++) {
		if (p->events[i].seq > p->acked)
			peer_send(p, &p->events[i]);
	}
	peer_send(p, &drained);
	peer_ask_locked(p);
}

static int on_attach(struct ipc_call *call, void *user, const struct ipc_session_attach_in *in,
	struct ipc_session_attach_out *out)
{
	struct peer *p = user;
	int r;

	ck_assert(in->options.batch);
	if (p->fail_attach)
		return ipc_call_error(call, p->fail_attach, "someone else");
	pthread_mutex_lock(&p->lock);
	r = take_fault(&p->fail_next_attach);
	if (r) {
		pthread_mutex_unlock(&p->lock);
		return r;
	}
	out->last_acked = p->acked;
	out->last_seq = p->last_seq;
	snprintf(p->client, sizeof(p->client), "%s", ipc_call_caller(call)->name);
	p->n_attached++;
	ipc_reply_session_attach(call, out);
	on_attach_sent(p, NULL);
	peer_changed(p);
	pthread_mutex_unlock(&p->lock);
	return IPC_DEFERRED;
}

static int on_acknowledge(
	struct ipc_call *call, void *user, const struct ipc_session_acknowledge_in *in)
{
	struct peer *p = user;
	int r;

	if (peer_is_live(ipc_call_path(call).session)) {
		peer_live_note(p, "ack %llu\n", (unsigned long long)in->seq);
		pthread_mutex_lock(&p->lock);
		r = take_fault(&p->fail_next_acknowledge);
		pthread_mutex_unlock(&p->lock);
		return r;
	}
	pthread_mutex_lock(&p->lock);
	ck_assert_uint_le(in->seq, p->last_seq);
	r = take_fault(&p->fail_next_acknowledge);
	if (!r && in->seq > p->acked)
		p->acked = in->seq;
	if (!r && p->swallow_acknowledge) {
		p->swallow_acknowledge--;
		peer_swallow(p, call);
		r = IPC_DEFERRED;
	}
	peer_changed(p);
	pthread_mutex_unlock(&p->lock);
	return r;
}

static int on_detach(struct ipc_call *call, void *user)
{
	struct peer *p = user;

	(void)call;
	pthread_mutex_lock(&p->lock);
	p->client[0] = '\0';
	peer_changed(p);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

static void read_request(struct peer_task *task, const struct ipc_request *request)
{
	char body[64] = "";
	ssize_t n;

	snprintf(task->kind, sizeof(task->kind), "%s", request->kind);
	snprintf(task->url, sizeof(task->url), "%s", request->url ? request->url : "resumed");
	snprintf(task->description, sizeof(task->description), "%s",
		request->description ? request->description : "-");
	snprintf(task->destination, sizeof(task->destination), "%s",
		request->destination ? request->destination : "-");
	snprintf(task->headers, sizeof(task->headers), "%s",
		request->n_headers ? request->headers[0].value : "-");
	if (request->has_body_file) {
		n = pread(request->body_file, body, sizeof(body) - 1, 0);
		body[n > 0 ? n : 0] = '\0';
	}
	snprintf(task->source, sizeof(task->source), "%s", request->has_body_file ? body : "-");
	task->priority = request->has_priority ? request->priority : 0.5;
}

static int refusal(struct ipc_call *call, const struct ipc_session_create_tasks_in *in)
{
	for (size_t i = 0; i < in->n_requests; i++) {
		const char *url = in->requests[i].url;

		if (url && !strncmp(url, "ftp:", 4))
			return ipc_call_error(
				call, IPC_E_UNSUPPORTED_SCHEME, "requests[%zu]: ftp", i);
		if (url && strstr(url, "bad"))
			return ipc_call_error(call, IPC_E_INVALID_REQUEST, "requests[%zu]: bad", i);
	}
	return 0;
}

static unsigned int find_token(const struct peer *p, const char *token)
{
	unsigned int i;

	for (i = 0; i < p->n_tasks; i++) {
		if (token && !strcmp(p->tasks[i].token, token))
			break;
	}
	return i;
}

static void create(struct peer *p, const struct ipc_session_create_tasks_in *in)
{
	bool running = in->options.start && !strcmp(in->options.start, "running");

	for (size_t i = 0; i < in->n_requests; i++) {
		struct peer_task *task = &p->tasks[p->n_tasks++];

		ck_assert_uint_lt(p->n_tasks, MAX_TASKS);
		*task = (struct peer_task){ .suspensions = !running };
		read_request(task, &in->requests[i]);
		snprintf(task->token, sizeof(task->token), "%s",
			in->options.token ? in->options.token : "");
	}
}

static int on_create_tasks(struct ipc_call *call, void *user,
	const struct ipc_session_create_tasks_in *in, struct ipc_session_create_tasks_out *out)
{
	struct ipc_task_ref *refs = arena_alloc(
		ipc_call_arena(call), in->n_requests, sizeof(*refs));
	struct peer *p = user;
	size_t n = in->n_requests; /* in is gone after the reply */
	int r = refusal(call, in);
	unsigned int first;

	if (peer_is_live(ipc_call_path(call).session))
		return r ? r : peer_live_create(p, call, in, out);
	pthread_mutex_lock(&p->lock);
	p->n_create_calls++;
	if (!r && in->options.after && find_token(p, in->options.after) == p->n_tasks)
		r = ipc_call_error(call, IPC_E_INVALID_REQUEST, "the call before made nothing");
	first = find_token(p, in->options.token);
	if (!r && first == p->n_tasks)
		create(p, in);
	for (size_t i = 0; !r && i < in->n_requests; i++)
		refs[i] = (struct ipc_task_ref){ FIRST_ID + first + i,
			{ SESSION, FIRST_ID + first + i } };
	out->tasks = refs;
	out->n_tasks = in->n_requests;
	if (!r && p->swallow_create) {
		p->swallow_create--;
		peer_swallow(p, call);
		r = IPC_DEFERRED;
	} else if (!r) {
		ipc_reply_session_create_tasks(call, out);
		r = IPC_DEFERRED;
		for (size_t i = 0; i < n; i++)
			peer_run_task(p, FIRST_ID + first + i);
	}
	peer_changed(p);
	pthread_mutex_unlock(&p->lock);
	return r;
}

static int on_create_tasks_file(struct ipc_call *call, void *user,
	const struct ipc_session_create_tasks_file_in *in,
	struct ipc_session_create_tasks_file_out *out)
{
	struct ipc_session_create_tasks_in tasks;
	int r = ipc_read_create_tasks(call, &tasks);

	(void)in;
	ck_assert(peer_is_live(ipc_call_path(call).session));
	if (!r)
		r = refusal(call, &tasks);
	return r ? r : peer_live_create_file(user, call, &tasks, out);
}

static int on_plain(struct ipc_call *call, void *user)
{
	(void)call;
	(void)user;
	return 0;
}

static int on_flush(struct ipc_call *call, void *user)
{
	(void)call;
	peer_live_note(user, "flush\n");
	return 0;
}

static int on_reset(struct ipc_call *call, void *user)
{
	(void)call;
	peer_live_note(user, "reset\n");
	return 0;
}

static int on_invalidate(struct ipc_call *call, void *user)
{
	struct peer *p = user;

	pthread_mutex_lock(&p->lock);
	ipc_reply_done(call);
	peer_invalidate_locked(p);
	pthread_mutex_unlock(&p->lock);
	return IPC_DEFERRED;
}

static int on_answer(
	struct ipc_call *call, void *user, const struct ipc_session_answer_delayed_request_in *in)
{
	struct peer *p = user;
	size_t used;
	int r = 0;

	pthread_mutex_lock(&p->lock);
	used = strlen(p->answers);
	snprintf(p->answers + used, sizeof(p->answers) - used, "%llu %s %s\n",
		(unsigned long long)in->question, in->action,
		in->request.url ? in->request.url : "-");
	if (p->fail_answer) {
		r = ipc_call_error(call, p->fail_answer, "no");
		p->fail_answer = 0;
	} else if (p->question != in->question) {
		r = ipc_call_error(call, IPC_E_NO_SUCH_QUESTION, "no such question");
	} else {
		/* a crash after the call, before the commit: it is open still */
		if (!p->swallow_answer)
			p->question = 0;
		if (p->swallow_answer) {
			p->swallow_answer = 0;
			peer_swallow(p, call);
			r = IPC_DEFERRED;
		}
	}
	peer_changed(p);
	pthread_mutex_unlock(&p->lock);
	return r;
}

static int on_session_get(struct ipc_call *call, void *user, struct ipc_path path, uint64_t wanted,
	struct ipc_session_properties *ret)
{
	(void)call;
	(void)path;
	(void)wanted;
	ret->identifier = ((struct peer *)user)->identifier;
	return 0;
}

static int on_describe_session(struct ipc_call *call, void *user, const char *value)
{
	struct peer *p = user;

	(void)call;
	pthread_mutex_lock(&p->lock);
	snprintf(p->description, sizeof(p->description), "%s", value);
	peer_changed(p);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

/* ---- Task ---- */

static int on_cancel(struct ipc_call *call, void *user, const struct ipc_task_cancel_in *in)
{
	(void)call;
	(void)user;
	(void)in;
	return 0;
}

static int on_resume_data(
	struct ipc_call *call, void *user, struct ipc_task_cancel_producing_resume_data_out *out)
{
	struct peer *p = user;
	uint64_t id = ipc_call_path(call).task;
	struct peer_task *task = peer_find(p, id);

	if (peer_is_live(id))
		return peer_live_resume_data(p, call, out);
	if (!strncmp(task->url, "https://example.org/whole", 25))
		return ipc_call_error(call, IPC_E_NO_RESUME_DATA, "no ranges");
	pthread_mutex_lock(&p->lock);
	out->resume_data = (const uint8_t *)"r\0d";
	out->n_resume_data = 3;
	ipc_reply_task_cancel_producing_resume_data(call, out);
	task->is_cancelled = true;
	peer_complete_locked(p, id, -999);
	pthread_mutex_unlock(&p->lock);
	return IPC_DEFERRED;
}

static int on_task_get(struct ipc_call *call, void *user, struct ipc_path path, uint64_t wanted,
	struct ipc_task_properties *ret)
{
	(void)call;
	(void)user;
	(void)wanted;
	ret->id = path.task;
	return 0;
}

static int on_set_text(struct ipc_call *call, void *user, const char *value)
{
	(void)call;
	(void)user;
	(void)value;
	return 0;
}

static int on_set_priority(struct ipc_call *call, void *user, double value)
{
	(void)call;
	(void)user;
	(void)value;
	return 0;
}

/* Three cookies in two pages. */
static int on_list_cookies(struct ipc_call *call, void *user,
	const struct ipc_session_list_cookies_in *in, struct ipc_session_list_cookies_out *out)
{
	static const struct ipc_cookie cookies[] = {
		{ .name = "a", .value = "1", .domain = "x.org", .path = "/" },
		{ .name = "b",
			.value = "2",
			.domain = "y.org",
			.path = "/p",
			.expires_usec = 7,
			.has_expires_usec = true,
			.created_usec = 5,
			.has_created_usec = true,
			.host_only = true,
			.has_host_only = true,
			.secure = true,
			.has_secure = true,
			.http_only = true,
			.has_http_only = true,
			.same_site = "lax" },
		{ .name = "c", .domain = "z.org", .path = "/", .same_site = "unheard of" },
	};
	bool is_first = !in->cursor[0];

	(void)call;
	(void)user;
	out->cookies = is_first ? cookies : cookies + 2;
	out->n_cookies = is_first ? 2 : 1;
	out->next_cursor = is_first ? "2" : "";
	return 0;
}

/* Noted for peer_cookies(). */
static int on_set_cookies(
	struct ipc_call *call, void *user, const struct ipc_session_set_cookies_in *in)
{
	struct peer *p = user;
	size_t used = 0;

	(void)call;
	pthread_mutex_lock(&p->lock);
	p->cookies[0] = 0;
	for (size_t i = 0; i < in->n_cookies && used < sizeof(p->cookies); i++)
		used += (size_t)snprintf(p->cookies + used, sizeof(p->cookies) - used,
			"%s=%s@%s%s%s %s %llu;", in->cookies[i].name, in->cookies[i].value,
			in->cookies[i].host_only ? "" : ".", in->cookies[i].domain,
			in->cookies[i].path,
			in->cookies[i].same_site ? in->cookies[i].same_site : "-",
			(unsigned long long)in->cookies[i].expires_usec);
	pthread_mutex_unlock(&p->lock);
	peer_live_note(user, "cookies\n");
	return 0;
}

static int on_quit_application(struct ipc_call *call, void *user,
	const struct ipc_manager_quit_application_in *in,
	struct ipc_manager_quit_application_out *out)
{
	struct peer *p = user;

	if (strcmp(in->app_id, "no.body") == 0)
		return ipc_call_error(call, IPC_E_NO_SUCH_SESSION, "it has no session");
	out->tasks = p->n_tasks;
	return 0;
}

static const struct ipc_manager_ops manager_ops = {
	.quit_application = on_quit_application,
	.open_session = on_open_session,
	.get_session = on_get_session,
	.get_task = on_get_task,
	.list_tasks = on_list_tasks,
	.list_sessions = on_list_sessions,
	.resume_tasks = on_resume_tasks,
	.suspend_tasks = on_suspend_tasks,
	.cancel_tasks = on_cancel_tasks,
	.retry_tasks = on_retry_tasks,
	.remove_tasks = on_remove_tasks,
	.set_tasks = on_set_tasks,
	.get_progress = on_get_progress,
	.peek_events = on_peek_events,
	.get_statistics = on_get_statistics,
	.get = on_manager_get,
	.set_mode = on_set_mode,
	.set_max_download_rate = on_set_download_rate,
	.set_max_upload_rate = on_set_upload_rate,
	.set_max_active_tasks = on_set_count,
	.set_max_connections_per_host = on_set_count,
};

static const struct ipc_session_ops session_ops = {
	.attach = on_attach,
	.acknowledge = on_acknowledge,
	.detach = on_detach,
	.create_tasks = on_create_tasks,
	.create_tasks_file = on_create_tasks_file,
	.answer_challenge = peer_on_answer_challenge,
	.answer_redirect = peer_on_answer_redirect,
	.answer_responses = peer_on_answer_responses,
	.answer_body_stream = peer_on_answer_body,
	.close = peer_on_close,
	.finish_tasks_and_invalidate = on_plain,
	.invalidate_and_cancel = on_invalidate,
	.list_cookies = on_list_cookies,
	.set_cookies = on_set_cookies,
	.clear_cookies = on_plain,
	.answer_delayed_request = on_answer,
	.flush = on_flush,
	.reset = on_reset,
	.get = on_session_get,
	.set_description = on_describe_session,
};

static const struct ipc_task_ops task_ops = {
	.resume = on_plain,
	.suspend = on_plain,
	.cancel = on_cancel,
	.cancel_producing_resume_data = on_resume_data,
	.retry = on_plain,
	.remove = on_plain,
	.get = on_task_get,
	.set_description = on_set_text,
	.set_priority = on_set_priority,
};

const struct ipc_object_ops peer_object_ops = {
	.check = on_check,
	.children = on_children,
	.manager = &manager_ops,
	.session = &session_ops,
	.task = &task_ops,
};
