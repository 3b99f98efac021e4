/* SPDX-License-Identifier: MIT */
/* One thread serves the bus; the state is under one lock, so that tests can look while it runs. */
#include "tests/client-lib/peer.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/thread.h"
#include "tests/client-lib/peer-state.h"
#include "tests/lib/bus.h"
#include "tests/lib/tmpdir.h"

#define DEADLINE_S 10

struct ipc_path peer_session_path(void)
{
	return (struct ipc_path){ .session = SESSION };
}

struct peer_task *peer_find(struct peer *p, uint64_t id)
{
	return id >= FIRST_ID && id < FIRST_ID + p->n_tasks ? &p->tasks[id - FIRST_ID] : NULL;
}

void peer_changed(struct peer *p)
{
	pthread_cond_broadcast(&p->changed);
}

/* ---- events ---- */

void peer_send(struct peer *p, struct peer_event *event)
{
	struct ipc_error error = {
		.code = event->code, .has_code = true, .failing_url = "https://example.org/x"
	};
	struct ipc_event_args args = { .path = event->path[0] ? event->path : NULL };
	struct ipc_event row = {
		.seq = event->seq,
		.task = { .session = SESSION, .task = event->task },
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
	args.question = p->question;
	args.has_question = event->kind == IPC_EVENT_WILL_BEGIN_DELAYED_REQUEST ||
		event->kind == IPC_EVENT_QUESTION_WITHDRAWN;
	ck_assert_int_eq(
		ipc_send_events(p->bus,
			&(struct ipc_audience){ p->client, peer_session_path(), true }, &row, 1),
		0);
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
	peer_send(p, event);
}

static void make_file(struct peer_event *event, const char *text)
{
	char *path = tmpdir_path("file-%llu-%d", (unsigned long long)event->task, (int)event->kind);

	ck_assert_int_eq(tmpdir_write(path, text), 0);
	snprintf(event->path, sizeof(event->path), "%s", path);
	free(path);
}

void peer_finish_locked(struct peer *p, uint64_t id)
{
	struct peer_event event = {
		.task = id, .kind = IPC_EVENT_DID_FINISH_DOWNLOADING, .has_file = true
	};
	char text[64];

	snprintf(text, sizeof(text), "task %llu\n", (unsigned long long)id);
	make_file(&event, text);
	add_event(p, &event, true);
}

void peer_complete_locked(struct peer *p, uint64_t id, int code)
{
	struct peer_event event = { .task = id, .kind = IPC_EVENT_DID_COMPLETE, .code = code };
	struct peer_task *task = peer_find(p, id);

	if (task && task->is_done)
		return;
	if (task)
		task->is_done = true;
	add_event(p, &event, true);
}

void peer_write_locked(struct peer *p, uint64_t id, uint64_t bytes, uint64_t total)
{
	struct peer_event event = {
		.task = id, .kind = IPC_EVENT_DID_WRITE_DATA, .bytes = bytes, .total = total
	};

	add_event(p, &event, false);
}

void peer_run_task(struct peer *p, uint64_t id)
{
	struct peer_task *task = peer_find(p, id);

	if (!p->finishes || !task || task->is_done || task->suspensions)
		return;
	peer_write_locked(p, id, 8, 8);
	if (!strcmp(task->kind, "download"))
		peer_finish_locked(p, id);
	peer_complete_locked(p, id, 0);
}

void peer_invalidate_locked(struct peer *p)
{
	struct peer_event event = { .kind = IPC_EVENT_DID_BECOME_INVALID };

	for (unsigned int i = 0; i < p->n_tasks; i++) {
		if (!p->tasks[i].is_done)
			peer_complete_locked(p, FIRST_ID + i, -999);
	}
	p->is_invalid = true;
	add_event(p, &event, true);
}

/* ---- the thread ---- */

static void on_peer_left(void *user, const char *unique_name)
{
	struct peer *p = user;

	pthread_mutex_lock(&p->lock);
	if (!strcmp(p->client, unique_name))
		p->client[0] = '\0';
	peer_changed(p);
	pthread_mutex_unlock(&p->lock);
}

static void run(void *user)
{
	struct peer *p = user;

	while (!p->is_ending) {
		struct pollfd fds[2] = { { .fd = p->wake_fd, .events = POLLIN },
			{ .fd = p->bus ? ipc_bus_fd(p->bus) : -1, .events = POLLIN } };
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

void peer_do(struct peer *p, void (*fn)(struct peer *p, void *user), void *user)
{
	p->work_user = user;
	p->work = fn;
	eventfd_write(p->wake_fd, 1);
	while (sem_wait(&p->done) < 0)
		continue;
}

void peer_swallow(struct peer *p, struct ipc_call *call)
{
	ck_assert_uint_lt(p->n_swallowed, 8);
	p->swallowed[p->n_swallowed++] = call;
}

static void end_swallowed(struct peer *p)
{
	while (p->n_swallowed)
		ipc_reply_error(p->swallowed[--p->n_swallowed], IPC_E_BUSY, NULL);
}

static void do_stop(struct peer *p, void *user)
{
	struct ipc_bus *bus = p->bus;

	(void)user;
	pthread_mutex_lock(&p->lock);
	p->bus = NULL;
	p->client[0] = '\0';
	peer_live_forget(p);
	pthread_mutex_unlock(&p->lock);
	ipc_bus_free(bus);
	end_swallowed(p);
}

static void do_start(struct peer *p, void *user)
{
	static const struct ipc_bus_events events = { .peer_left = on_peer_left };

	(void)user;
	ck_assert_int_eq(ipc_bus_new(IPC_BUS_ADDRESS, bus_address(p->private_bus), &p->bus), 0);
	ipc_bus_set_events(p->bus, &events, p);
	ck_assert_int_eq(ipc_object_serve(p->bus, &peer_object_ops, p), 0);
	ck_assert_int_eq(ipc_bus_request_name(p->bus, IPC_NAME, IPC_NAME_NOW), 0);
}

struct peer *peer_new(void)
{
	static const struct bus_config config = { .no_activation = true };
	struct peer *p = calloc(1, sizeof(*p));
	pthread_condattr_t attr;

	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_nonnull(tmpdir_new());
	ck_assert_int_eq(bus_new(&config, &p->private_bus), 0);
	p->tasks = calloc(MAX_TASKS, sizeof(*p->tasks));
	p->events = calloc(MAX_EVENTS, sizeof(*p->events));
	p->live = peer_live_new();
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
	end_swallowed(p);
	bus_free(p->private_bus);
	close(p->wake_fd);
	free(p->tasks);
	free(p->events);
	peer_live_free(p->live);
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
	peer_write_locked(p, o->task, o->a, o->b);
	pthread_mutex_unlock(&p->lock);
}

static void do_finish(struct peer *p, void *user)
{
	pthread_mutex_lock(&p->lock);
	peer_finish_locked(p, ((const struct order *)user)->task);
	pthread_mutex_unlock(&p->lock);
}

static void do_complete(struct peer *p, void *user)
{
	const struct order *o = user;

	pthread_mutex_lock(&p->lock);
	peer_complete_locked(p, o->task, o->code);
	pthread_mutex_unlock(&p->lock);
}

static void do_body(struct peer *p, void *user)
{
	const struct order *o = user;
	struct peer_event event = {
		.task = o->task, .kind = IPC_EVENT_DID_RECEIVE_DATA, .body_in_file = o->flag
	};

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
	peer_invalidate_locked(p);
	pthread_mutex_unlock(&p->lock);
}

static void do_tell_state(struct peer *p, void *user)
{
	struct ipc_path path = { .session = SESSION, .task = ((const struct order *)user)->task };
	struct ipc_task_properties values = { .state = "running", .sub_state = "transferring" };

	ipc_emit_task_changed(
		p->bus, path, 1ull << IPC_TASK_STATE | 1ull << IPC_TASK_SUB_STATE, &values);
}

void peer_write(struct peer *p, uint64_t task, uint64_t bytes, uint64_t total)
{
	peer_do(p, do_write, &(struct order){ .task = task, .a = bytes, .b = total });
}

void peer_finish(struct peer *p, uint64_t task)
{
	peer_do(p, do_finish, &(struct order){ .task = task });
}

void peer_body(struct peer *p, uint64_t task, const char *text, bool in_file)
{
	peer_do(p, do_body, &(struct order){ .task = task, .text = text, .flag = in_file });
}

void peer_complete(struct peer *p, uint64_t task, int code)
{
	peer_do(p, do_complete, &(struct order){ .task = task, .code = code });
}

void peer_ask_locked(struct peer *p)
{
	struct peer_event event = { .task = p->asked_task,
		.kind = IPC_EVENT_WILL_BEGIN_DELAYED_REQUEST };

	if (p->question)
		add_event(p, &event, false);
}

static void do_ask(struct peer *p, void *user)
{
	const struct order *o = user;

	pthread_mutex_lock(&p->lock);
	p->asked_task = o->task;
	p->question = o->a;
	peer_ask_locked(p);
	pthread_mutex_unlock(&p->lock);
}

static void do_withdraw(struct peer *p, void *user)
{
	struct peer_event event = { .kind = IPC_EVENT_QUESTION_WITHDRAWN };

	(void)user;
	pthread_mutex_lock(&p->lock);
	event.task = p->asked_task;
	add_event(p, &event, false);
	p->question = 0;
	pthread_mutex_unlock(&p->lock);
}

void peer_ask(struct peer *p, uint64_t task, uint64_t question)
{
	peer_do(p, do_ask, &(struct order){ .task = task, .a = question });
}

void peer_withdraw(struct peer *p)
{
	peer_do(p, do_withdraw, NULL);
}

void peer_fail_answer(struct peer *p, int error)
{
	pthread_mutex_lock(&p->lock);
	p->fail_answer = error;
	pthread_mutex_unlock(&p->lock);
}

void peer_swallow_answer(struct peer *p)
{
	pthread_mutex_lock(&p->lock);
	p->swallow_answer = 1;
	pthread_mutex_unlock(&p->lock);
}

static unsigned int count_lines(const char *text)
{
	unsigned int n = 0;

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

const char *peer_answers(struct peer *p, unsigned int n)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += DEADLINE_S;
	pthread_mutex_lock(&p->lock);
	while (count_lines(p->answers) < n &&
		pthread_cond_timedwait(&p->changed, &p->lock, &until) == 0)
		;
	pthread_mutex_unlock(&p->lock);
	return p->answers;
}

void peer_invalidate(struct peer *p)
{
	peer_do(p, do_invalidate, NULL);
}

void peer_tell_state(struct peer *p, uint64_t task)
{
	peer_do(p, do_tell_state, &(struct order){ .task = task });
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
	*task = (struct peer_task){
		.kind = "download", .description = "old", .headers = "value", .priority = 0.25
	};
	snprintf(task->url, sizeof(task->url), "%s", url);
	pthread_mutex_unlock(&p->lock);
	return id;
}

void peer_fail_once(struct peer *p, int error)
{
	pthread_mutex_lock(&p->lock);
	p->fail_next_attach = p->fail_next_acknowledge = p->fail_next_verb = error;
	pthread_mutex_unlock(&p->lock);
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
GETTER(n_file_calls, unsigned int, p->n_file_calls)
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
		task = peer_find(p, id); \
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
	task = peer_find(p, id);
	snprintf(p->shown, sizeof(p->shown), "none");
	if (task)
		snprintf(p->shown, sizeof(p->shown), "%s %s %s %s %s %s", task->kind, task->url,
			task->description, task->destination, task->headers, task->source);
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

bool peer_has_created(struct peer *p, uint64_t n_calls)
{
	return p->n_create_calls >= n_calls;
}

const char *peer_cookies(struct peer *p)
{
	pthread_mutex_lock(&p->lock);
	snprintf(p->shown, sizeof(p->shown), "%s", p->cookies);
	pthread_mutex_unlock(&p->lock);
	return p->shown;
}
