/* SPDX-License-Identifier: MIT */
/* One thread serves the bus; the state is under one lock, so that tests can look while it runs. */
#include "tests/client-lib/peer.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/thread.h"
#include "ipc/bus.h"
#include "ipc/object.h"
#include "ipc/proto.h"
#include "tests/lib/bus.h"
#include "tests/lib/tmpdir.h"

#define SESSION     7
#define FIRST_ID    100
#define MAX_TASKS   4096
#define MAX_EVENTS  8192
#define DEADLINE_S  10

struct peer_task {
	char kind[16], url[512], description[256], destination[256], headers[256], source[256], token[160];
	unsigned int suspensions;
	bool is_done, is_cancelled, is_hidden;
	double priority;
};

struct peer_event {
	uint64_t seq, task, bytes, total;
	enum ipc_event_kind kind;
	int code;
	char path[256], body[64];
	bool has_file, body_in_file;
};

struct peer {
	struct ipc_bus *bus;
	struct bus *private_bus;
	struct thread *thread;
	int wake_fd;
	atomic_bool is_ending;
	void (*work)(struct peer *p, void *user);
	void *work_user;
	sem_t done;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool has_session, is_invalid, finishes;
	char identifier[64], description[256];
	struct peer_task *tasks;
	unsigned int n_tasks, n_create_calls, n_attached, swallow_create, swallow_acknowledge;
	struct peer_event *events;
	unsigned int n_events;
	uint64_t last_seq, acked;
	char client[64];
	int fail_open, fail_attach;
	char shown[2048];
};

static struct ipc_path session_path(void)
{
	return (struct ipc_path){.session = SESSION};
}

static struct peer_task *find(struct peer *p, uint64_t id)
{
	return id >= FIRST_ID && id < FIRST_ID + p->n_tasks ? &p->tasks[id - FIRST_ID] : NULL;
}

static void changed(struct peer *p)
{
	pthread_cond_broadcast(&p->changed);
}

/* ---- events ---- */

static void send(struct peer *p, struct peer_event *event)
{
	struct ipc_error error = {.code = event->code, .has_code = true, .failing_url = "https://example.org/x"};
	struct ipc_event_args args = {.path = event->path[0] ? event->path : NULL};
	struct ipc_event row = {
		.seq = event->seq,
		.task = {.session = SESSION, .task = event->task},
		.name = ipc_event_name(event->kind),
		.args = &args,
	};
	int fd = -1;

	if (!p->client[0] || !p->bus)
		return;
	if (event->has_file || event->body_in_file) {
		fd = open(event->path, O_RDONLY | O_CLOEXEC);
		args.file = args.body_file = fd;
		args.has_file = event->has_file;
		args.has_body_file = event->body_in_file;
	} else if (event->body[0]) {
		args.body = (const uint8_t *)event->body;
		args.n_body = strlen(event->body);
	}
	args.bytes = event->bytes;
	args.total = event->total;
	args.has_bytes = args.has_total = event->total != 0;
	args.error = event->code ? &error : NULL;
	ck_assert_int_eq(ipc_send_events(p->bus, p->client, session_path(), &row, 1), 0);
	if (fd >= 0)
		close(fd);
}

static void add_event(struct peer *p, struct peer_event *event, bool durable)
{
	if (durable) {
		ck_assert_uint_lt(p->n_events, MAX_EVENTS);
		event->seq = ++p->last_seq;
		p->events[p->n_events++] = *event;
	}
	send(p, event);
}

static void make_file(struct peer_event *event, const char *text)
{
	char *path = tmpdir_path("file-%llu-%d", (unsigned long long)event->task, (int)event->kind);

	ck_assert_int_eq(tmpdir_write(path, text), 0);
	snprintf(event->path, sizeof(event->path), "%s", path);
	free(path);
}

static void finish_locked(struct peer *p, uint64_t id)
{
	struct peer_event event = {.task = id, .kind = IPC_EVENT_DID_FINISH_DOWNLOADING, .has_file = true};
	char text[64];

	snprintf(text, sizeof(text), "task %llu\n", (unsigned long long)id);
	make_file(&event, text);
	add_event(p, &event, true);
}

static void complete_locked(struct peer *p, uint64_t id, int code)
{
	struct peer_event event = {.task = id, .kind = IPC_EVENT_DID_COMPLETE, .code = code};
	struct peer_task *task = find(p, id);

	if (task && task->is_done)
		return;
	if (task)
		task->is_done = true;
	add_event(p, &event, true);
}

static void write_locked(struct peer *p, uint64_t id, uint64_t bytes, uint64_t total)
{
	struct peer_event event = {.task = id, .kind = IPC_EVENT_DID_WRITE_DATA, .bytes = bytes, .total = total};

	add_event(p, &event, false);
}

static void run_task(struct peer *p, uint64_t id)
{
	struct peer_task *task = find(p, id);

	if (!p->finishes || !task || task->is_done || task->suspensions)
		return;
	write_locked(p, id, 8, 8);
	if (!strcmp(task->kind, "download"))
		finish_locked(p, id);
	complete_locked(p, id, 0);
}

/* ---- Manager ---- */

static int on_check(struct ipc_call *call, void *user, enum ipc_access access)
{
	struct peer *p = user;
	struct ipc_path path = ipc_call_path(call);

	(void)access;
	if (path.session && (path.session != SESSION || !p->has_session))
		return IPC_E_NO_SUCH_SESSION;
	return path.task && !find(p, path.task) ? IPC_E_NO_SUCH_TASK : 0;
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

static int on_open_session(struct ipc_call *call, void *user, const struct ipc_manager_open_session_in *in,
	struct ipc_manager_open_session_out *out)
{
	struct peer *p = user;

	if (p->fail_open)
		return ipc_call_error(call, p->fail_open, "not now");
	pthread_mutex_lock(&p->lock);
	out->info.disposition = p->has_session ? "reassociated" : "created";
	if (p->is_invalid) {
		p->is_invalid = false;
		out->info.disposition = "created";
	}
	p->has_session = true;
	snprintf(p->identifier, sizeof(p->identifier), "%s", in->identifier);
	out->session = session_path();
	pthread_mutex_unlock(&p->lock);
	return 0;
}

static int on_get_session(struct ipc_call *call, void *user, const struct ipc_manager_get_session_in *in,
	struct ipc_manager_get_session_out *out)
{
	struct peer *p = user;

	if (!p->has_session || strcmp(in->identifier, p->identifier))
		return ipc_call_error(call, IPC_E_NO_SUCH_SESSION, "no session '%s'", in->identifier);
	out->session = session_path();
	return 0;
}

static int on_get_task(struct ipc_call *call, void *user, const struct ipc_manager_get_task_in *in,
	struct ipc_manager_get_task_out *out)
{
	if (!find(user, in->id))
		return ipc_call_error(call, IPC_E_NO_SUCH_TASK, "no task %llu", (unsigned long long)in->id);
	out->task = (struct ipc_path){.session = SESSION, .task = in->id};
	return 0;
}

static bool is_wanted(const struct peer_task *task, uint64_t id, const struct ipc_task_filter *filter)
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
	*header = (struct ipc_header){"X-Old", task->headers};
	*response = (struct ipc_response){.status = 200, .has_status = true, .mime_type = "text/plain"};
	row->session = session_path();
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

static int on_list_tasks(struct ipc_call *call, void *user, const struct ipc_manager_list_tasks_in *in,
	struct ipc_manager_list_tasks_out *out)
{
	struct peer *p = user;
	int r;

	pthread_mutex_lock(&p->lock);
	r = list(p, call, in, out);
	pthread_mutex_unlock(&p->lock);
	return r;
}

static int on_list_sessions(struct ipc_call *call, void *user, const struct ipc_manager_list_sessions_in *in,
	struct ipc_manager_list_sessions_out *out)
{
	static struct ipc_session_info row = {
		.path = {.session = SESSION},
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

static int each(struct peer *p, struct ipc_call *call, struct id_set *set,
	void (*fn)(struct peer *p, struct peer_task *task, uint64_t id))
{
	set->failures = arena_alloc(ipc_call_arena(call), set->n + 1, sizeof(*set->failures));
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < set->n; i++) {
		struct peer_task *task = find(p, set->ids[i]);

		if (task)
			fn(p, task, set->ids[i]);
		else
			set->failures[set->n_failures++] = (struct ipc_failure){set->ids[i],
				ipc_error_name(IPC_E_NO_SUCH_TASK), "no such task"};
	}
	changed(p);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

static void do_resume(struct peer *p, struct peer_task *task, uint64_t id)
{
	task->suspensions = 0;
	run_task(p, id);
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
	complete_locked(p, id, -999);
}

static void do_nothing(struct peer *p, struct peer_task *task, uint64_t id)
{
	(void)p;
	(void)task;
	(void)id;
}

#define STEER(verb, fn) \
	static int on_##verb##_tasks(struct ipc_call *call, void *user, \
		const struct ipc_manager_##verb##_tasks_in *in, struct ipc_manager_##verb##_tasks_out *out) \
	{ \
		struct id_set set = {.ids = in->ids, .n = in->n_ids}; \
		int r = each(user, call, &set, fn); \
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

static int on_set_tasks(struct ipc_call *call, void *user, const struct ipc_manager_set_tasks_in *in,
	struct ipc_manager_set_tasks_out *out)
{
	struct id_set set = {.ids = in->ids, .n = in->n_ids};
	struct peer *p = user;
	int r = each(p, call, &set, do_nothing);

	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < in->n_ids; i++) {
		struct peer_task *task = find(p, in->ids[i]);

		if (task && in->changes.has_priority)
			task->priority = in->changes.priority;
		if (task && in->changes.description)
			snprintf(task->description, sizeof(task->description), "%s", in->changes.description);
	}
	pthread_mutex_unlock(&p->lock);
	out->failures = set.failures;
	out->n_failures = set.n_failures;
	return r;
}

static int on_get_progress(struct ipc_call *call, void *user, const struct ipc_manager_get_progress_in *in,
	struct ipc_manager_get_progress_out *out)
{
	static const struct ipc_progress row = {FIRST_ID, "transferring", 1, 2, 3, -1, 5, 6};

	(void)call;
	(void)user;
	out->generation = in->since + 1;
	out->changed = &row;
	out->n_changed = in->since < 10;
	return 0;
}

static int on_peek_events(struct ipc_call *call, void *user, const struct ipc_manager_peek_events_in *in,
	struct ipc_manager_peek_events_out *out)
{
	struct peer *p = user;
	struct ipc_event *rows = arena_alloc(ipc_call_arena(call), p->n_events + 1, sizeof(*rows));

	for (unsigned int i = 0; i < p->n_events; i++) {
		if (p->events[i].seq <= p->acked || p->events[i].seq <= in->after)
			continue;
		rows[out->n_events++] = (struct ipc_event){
			.seq = p->events[i].seq,
			.task = {.session = SESSION, .task = p->events[i].task},
			.wall_usec = 1,
			.name = ipc_event_name(p->events[i].kind),
		};
	}
	out->events = rows;
	return 0;
}

static int on_get_statistics(struct ipc_call *call, void *user, struct ipc_manager_get_statistics_out *out)
{
	static const uint64_t samples[60] = {1, [59] = 9};

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
	struct peer_event drained = {.kind = IPC_EVENT_DID_FINISH_BACKGROUND_EVENTS};

	(void)user;
	for (unsigned int i = 0; i < p->n_events; i++) {
		if (p->events[i].seq > p->acked)
			send(p, &p->events[i]);
	}
	send(p, &drained);
}

static int on_attach(struct ipc_call *call, void *user, const struct ipc_session_attach_in *in,
	struct ipc_session_attach_out *out)
{
	struct peer *p = user;

	ck_assert(in->options.batch);
	if (p->fail_attach)
		return ipc_call_error(call, p->fail_attach, "someone else");
	pthread_mutex_lock(&p->lock);
	out->last_acked = p->acked;
	out->last_seq = p->last_seq;
	snprintf(p->client, sizeof(p->client), "%s", ipc_call_caller(call)->name);
	p->n_attached++;
	ipc_reply_session_attach(call, out);
	on_attach_sent(p, NULL);
	changed(p);
	pthread_mutex_unlock(&p->lock);
	return IPC_DEFERRED;
}

static int on_acknowledge(struct ipc_call *call, void *user, const struct ipc_session_acknowledge_in *in)
{
	struct peer *p = user;
	int r = 0;

	pthread_mutex_lock(&p->lock);
	ck_assert_uint_le(in->seq, p->last_seq);
	if (in->seq > p->acked)
		p->acked = in->seq;
	if (p->swallow_acknowledge) {
		p->swallow_acknowledge--;
		r = IPC_DEFERRED;
	}
	changed(p);
	pthread_mutex_unlock(&p->lock);
	(void)call;
	return r;
}

static int on_detach(struct ipc_call *call, void *user)
{
	struct peer *p = user;

	(void)call;
	pthread_mutex_lock(&p->lock);
	p->client[0] = '\0';
	changed(p);
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
			return ipc_call_error(call, IPC_E_UNSUPPORTED_SCHEME, "requests[%zu]: ftp", i);
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
		*task = (struct peer_task){.suspensions = !running};
		read_request(task, &in->requests[i]);
		snprintf(task->token, sizeof(task->token), "%s", in->options.token ? in->options.token : "");
	}
}

static int on_create_tasks(struct ipc_call *call, void *user, const struct ipc_session_create_tasks_in *in,
	struct ipc_session_create_tasks_out *out)
{
	struct ipc_task_ref *refs = arena_alloc(ipc_call_arena(call), in->n_requests, sizeof(*refs));
	struct peer *p = user;
	int r = refusal(call, in);
	unsigned int first;

	pthread_mutex_lock(&p->lock);
	p->n_create_calls++;
	first = find_token(p, in->options.token);
	if (!r && first == p->n_tasks)
		create(p, in);
	for (size_t i = 0; !r && i < in->n_requests; i++)
		refs[i] = (struct ipc_task_ref){FIRST_ID + first + i, {SESSION, FIRST_ID + first + i}};
	out->tasks = refs;
	out->n_tasks = in->n_requests;
	if (!r && p->swallow_create) {
		p->swallow_create--;
		r = IPC_DEFERRED;
	} else if (!r) {
		ipc_reply_session_create_tasks(call, out);
		r = IPC_DEFERRED;
		for (size_t i = 0; i < in->n_requests; i++)
			run_task(p, FIRST_ID + first + i);
	}
	changed(p);
	pthread_mutex_unlock(&p->lock);
	return r;
}

static int on_plain(struct ipc_call *call, void *user)
{
	(void)call;
	(void)user;
	return 0;
}

static void invalidate_locked(struct peer *p)
{
	struct peer_event event = {.kind = IPC_EVENT_DID_BECOME_INVALID};

	for (unsigned int i = 0; i < p->n_tasks; i++) {
		if (!p->tasks[i].is_done)
			complete_locked(p, FIRST_ID + i, -999);
	}
	p->is_invalid = true;
	add_event(p, &event, true);
}

static int on_invalidate(struct ipc_call *call, void *user)
{
	struct peer *p = user;

	pthread_mutex_lock(&p->lock);
	ipc_reply_done(call);
	invalidate_locked(p);
	pthread_mutex_unlock(&p->lock);
	return IPC_DEFERRED;
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
	changed(p);
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

static int on_resume_data(struct ipc_call *call, void *user, struct ipc_task_cancel_producing_resume_data_out *out)
{
	struct peer *p = user;
	uint64_t id = ipc_call_path(call).task;
	struct peer_task *task = find(p, id);

	if (!strncmp(task->url, "https://example.org/whole", 25))
		return ipc_call_error(call, IPC_E_NO_RESUME_DATA, "no ranges");
	pthread_mutex_lock(&p->lock);
	out->resume_data = (const uint8_t *)"r\0d";
	out->n_resume_data = 3;
	ipc_reply_task_cancel_producing_resume_data(call, out);
	task->is_cancelled = true;
	complete_locked(p, id, -999);
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

static const struct ipc_manager_ops manager_ops = {
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
	.finish_tasks_and_invalidate = on_plain,
	.invalidate_and_cancel = on_invalidate,
	.flush = on_plain,
	.reset = on_plain,
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

static const struct ipc_object_ops object_ops = {
	.check = on_check,
	.children = on_children,
	.manager = &manager_ops,
	.session = &session_ops,
	.task = &task_ops,
};

/* ---- the thread ---- */

static void on_peer_left(void *user, const char *unique_name)
{
	struct peer *p = user;

	pthread_mutex_lock(&p->lock);
	if (!strcmp(p->client, unique_name))
		p->client[0] = '\0';
	changed(p);
	pthread_mutex_unlock(&p->lock);
}

static void run(void *user)
{
	struct peer *p = user;

	while (!p->is_ending) {
		struct pollfd fds[2] = {{.fd = p->wake_fd, .events = POLLIN},
			{.fd = p->bus ? ipc_bus_fd(p->bus) : -1, .events = POLLIN}};
		eventfd_t n;

		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents && !eventfd_read(p->wake_fd, &n) && p->work) {
			p->work(p, p->work_user);
			p->work = NULL;
			sem_post(&p->done);
		} else if (fds[1].revents) {
			ipc_bus_dispatch(p->bus);
		}
	}
}

static void peer_do(struct peer *p, void (*fn)(struct peer *p, void *user), void *user)
{
	p->work_user = user;
	p->work = fn;
	eventfd_write(p->wake_fd, 1);
	while (sem_wait(&p->done) < 0)
		continue;
}

static void do_stop(struct peer *p, void *user)
{
	struct ipc_bus *bus = p->bus;

	(void)user;
	pthread_mutex_lock(&p->lock);
	p->bus = NULL;
	p->client[0] = '\0';
	pthread_mutex_unlock(&p->lock);
	ipc_bus_free(bus);
}

static void do_start(struct peer *p, void *user)
{
	static const struct ipc_bus_events events = {.peer_left = on_peer_left};

	(void)user;
	ck_assert_int_eq(ipc_bus_new(IPC_BUS_ADDRESS, bus_address(p->private_bus), &p->bus), 0);
	ipc_bus_set_events(p->bus, &events, p);
	ck_assert_int_eq(ipc_object_serve(p->bus, &object_ops, p), 0);
	ck_assert_int_eq(ipc_bus_request_name(p->bus, IPC_NAME, IPC_NAME_NOW), 0);
}

struct peer *peer_new(void)
{
	static const struct bus_config config = {.no_activation = true};
	struct peer *p = calloc(1, sizeof(*p));
	pthread_condattr_t attr;

	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_nonnull(tmpdir_new());
	ck_assert_int_eq(bus_new(&config, &p->private_bus), 0);
	p->tasks = calloc(MAX_TASKS, sizeof(*p->tasks));
	p->events = calloc(MAX_EVENTS, sizeof(*p->events));
	ck_assert(p->tasks && p->events);
	p->wake_fd = eventfd(0, EFD_CLOEXEC);
	ck_assert_int_ge(p->wake_fd, 0);
	sem_init(&p->done, 0, 0);
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->changed, &attr);
	do_start(p, NULL);
	ck_assert_int_eq(thread_start("peer", run, p, &p->thread), 0);
	return p;
}

struct peer *peer_free(struct peer *p)
{
	p->is_ending = true;
	eventfd_write(p->wake_fd, 1);
	thread_join(p->thread);
	ipc_bus_free(p->bus);
	bus_free(p->private_bus);
	close(p->wake_fd);
	free(p->tasks);
	free(p->events);
	sem_destroy(&p->done);
	free(p);
	return NULL;
}

struct bus *peer_bus(struct peer *p)
{
	return p->private_bus;
}

void peer_stop(struct peer *p)
{
	peer_do(p, do_stop, NULL);
}

void peer_start(struct peer *p)
{
	peer_do(p, do_start, NULL);
}

void peer_restart(struct peer *p)
{
	peer_stop(p);
	peer_start(p);
}

/* ---- what tests say; in the peer's thread where something is sent ---- */

struct order {
	uint64_t task, a, b;
	int code;
	const char *text;
	bool flag;
};

static void do_write(struct peer *p, void *user)
{
	const struct order *o = user;

	pthread_mutex_lock(&p->lock);
	write_locked(p, o->task, o->a, o->b);
	pthread_mutex_unlock(&p->lock);
}

static void do_finish(struct peer *p, void *user)
{
	pthread_mutex_lock(&p->lock);
	finish_locked(p, ((const struct order *)user)->task);
	pthread_mutex_unlock(&p->lock);
}

static void do_complete(struct peer *p, void *user)
{
	const struct order *o = user;

	pthread_mutex_lock(&p->lock);
	complete_locked(p, o->task, o->code);
	pthread_mutex_unlock(&p->lock);
}

static void do_body(struct peer *p, void *user)
{
	const struct order *o = user;
	struct peer_event event = {.task = o->task, .kind = IPC_EVENT_DID_RECEIVE_DATA, .body_in_file = o->flag};

	if (o->flag)
		make_file(&event, o->text);
	else
		snprintf(event.body, sizeof(event.body), "%s", o->text);
	pthread_mutex_lock(&p->lock);
	add_event(p, &event, true);
	pthread_mutex_unlock(&p->lock);
}

static void do_invalidate(struct peer *p, void *user)
{
	(void)user;
	pthread_mutex_lock(&p->lock);
	invalidate_locked(p);
	pthread_mutex_unlock(&p->lock);
}

static void do_tell_state(struct peer *p, void *user)
{
	struct ipc_path path = {.session = SESSION, .task = ((const struct order *)user)->task};
	struct ipc_task_properties values = {.state = "running", .sub_state = "transferring"};

	ipc_emit_task_changed(p->bus, path, 1ull << IPC_TASK_STATE | 1ull << IPC_TASK_SUB_STATE, &values);
}

void peer_write(struct peer *p, uint64_t task, uint64_t bytes, uint64_t total)
{
	peer_do(p, do_write, &(struct order){.task = task, .a = bytes, .b = total});
}

void peer_finish(struct peer *p, uint64_t task)
{
	peer_do(p, do_finish, &(struct order){.task = task});
}

void peer_body(struct peer *p, uint64_t task, const char *text, bool in_file)
{
	peer_do(p, do_body, &(struct order){.task = task, .text = text, .flag = in_file});
}

void peer_complete(struct peer *p, uint64_t task, int code)
{
	peer_do(p, do_complete, &(struct order){.task = task, .code = code});
}

void peer_invalidate(struct peer *p)
{
	peer_do(p, do_invalidate, NULL);
}

void peer_tell_state(struct peer *p, uint64_t task)
{
	peer_do(p, do_tell_state, &(struct order){.task = task});
}

uint64_t peer_add_task(struct peer *p, const char *url)
{
	struct peer_task *task;
	uint64_t id;

	pthread_mutex_lock(&p->lock);
	p->has_session = true;
	snprintf(p->identifier, sizeof(p->identifier), "com.example.test");
	id = FIRST_ID + p->n_tasks;
	task = &p->tasks[p->n_tasks++];
	*task = (struct peer_task){.kind = "download", .description = "old", .headers = "value", .priority = 0.25};
	snprintf(task->url, sizeof(task->url), "%s", url);
	pthread_mutex_unlock(&p->lock);
	return id;
}

void peer_forget(struct peer *p)
{
	pthread_mutex_lock(&p->lock);
	p->has_session = false;
	p->n_tasks = p->n_events = 0;
	p->last_seq = p->acked = 0;
	pthread_mutex_unlock(&p->lock);
}

#define SETTER(name, type, member) \
	void peer_##name(struct peer *p, type value) \
	{ \
		pthread_mutex_lock(&p->lock); \
		p->member = value; \
		pthread_mutex_unlock(&p->lock); \
	}
SETTER(swallow_create, unsigned int, swallow_create)
SETTER(swallow_acknowledge, unsigned int, swallow_acknowledge)
SETTER(fail_open, int, fail_open)
SETTER(fail_attach, int, fail_attach)
SETTER(finish_by_itself, bool, finishes)

#define GETTER(name, type, value) \
	type peer_##name(struct peer *p) \
	{ \
		type got; \
\
		pthread_mutex_lock(&p->lock); \
		got = value; \
		pthread_mutex_unlock(&p->lock); \
		return got; \
	}
GETTER(n_tasks, unsigned int, p->n_tasks)
GETTER(n_create_calls, unsigned int, p->n_create_calls)
GETTER(n_attached, unsigned int, p->n_attached)
GETTER(acked, uint64_t, p->acked)
GETTER(is_attached, bool, p->client[0] != '\0')

#define TASK_GETTER(name, type, value, none) \
	type peer_##name(struct peer *p, uint64_t id) \
	{ \
		struct peer_task *task; \
		type got; \
\
		pthread_mutex_lock(&p->lock); \
		task = find(p, id); \
		got = task ? value : none; \
		pthread_mutex_unlock(&p->lock); \
		return got; \
	}
TASK_GETTER(is_suspended, bool, task->suspensions != 0, false)
TASK_GETTER(is_cancelled, bool, task->is_cancelled, false)
TASK_GETTER(priority, double, task->priority, -1)

const char *peer_describe(struct peer *p, uint64_t id)
{
	struct peer_task *task;

	pthread_mutex_lock(&p->lock);
	task = find(p, id);
	snprintf(p->shown, sizeof(p->shown), "none");
	if (task)
		snprintf(p->shown, sizeof(p->shown), "%s %s %s %s %s %s", task->kind, task->url, task->description,
			task->destination, task->headers, task->source);
	pthread_mutex_unlock(&p->lock);
	return p->shown;
}

const char *peer_session_description(struct peer *p)
{
	pthread_mutex_lock(&p->lock);
	snprintf(p->shown, sizeof(p->shown), "%s", p->description);
	pthread_mutex_unlock(&p->lock);
	return p->shown;
}

bool peer_has_acked(struct peer *p, uint64_t seq)
{
	return p->acked >= seq;
}

bool peer_has_detached(struct peer *p, uint64_t ignored)
{
	(void)ignored;
	return !p->client[0];
}

bool peer_wait(struct peer *p, bool (*done)(struct peer *p, uint64_t arg), uint64_t arg)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += DEADLINE_S;
	pthread_mutex_lock(&p->lock);
	while (!r && !done(p, arg))
		r = pthread_cond_timedwait(&p->changed, &p->lock, &until);
	pthread_mutex_unlock(&p->lock);
	return !r;
}
