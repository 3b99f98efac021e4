/* SPDX-License-Identifier: MIT */
/* The handlers are as short as they can be; each shows one thing a handler may do. */
#include "tests/ipc/service.h"

#include <check.h>
#include <dbus/dbus.h>
#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/thread.h"
#include "ipc/past.h"
#include "tests/lib/bus.h"
#include "tests/lib/proc.h"
#include "tests/lib/tmpdir.h"

#define DEADLINE_MS 10000

struct service {
	struct ipc_bus *bus;
	struct thread *thread;
	int wake_fd;
	atomic_bool is_ending;
	void (*work)(struct ipc_bus *bus, void *user);
	void *work_user;
	sem_t done;
	struct ipc_call *deferred;
	struct service_seen seen;
	struct service_mode mode;
};

static void see(struct service *s, const struct ipc_call *call, const char *text)
{
	const struct ipc_caller *who = ipc_call_caller(call);

	s->seen.path = ipc_call_path(call);
	s->seen.uid = who->uid;
	s->seen.pid = who->pid;
	snprintf(s->seen.caller, sizeof(s->seen.caller), "%s", who->name);
	snprintf(s->seen.text, sizeof(s->seen.text), "%s", text ? text : "");
	s->seen.n_calls++;
}

static int on_check(struct ipc_call *call, void *user, enum ipc_access access)
{
	struct service *s = user;
	struct ipc_path path = ipc_call_path(call);

	(void)access;
	if (s->mode.deny)
		return IPC_E_ACCESS_DENIED;
	if (path.session && path.session != 7)
		return IPC_E_NO_SUCH_SESSION;
	return path.task && path.task != 412 ? IPC_E_NO_SUCH_TASK : 0;
}

static int on_children(struct ipc_call *call, void *user, uint64_t *ids, size_t max, size_t *ret_n)
{
	(void)user;
	if (max < 1)
		return -EINVAL;
	ids[0] = ipc_call_path(call).session ? 412 : 7;
	*ret_n = 1;
	return 0;
}

/* ---- Manager ---- */

static int on_open_session(struct ipc_call *call, void *user,
	const struct ipc_manager_open_session_in *in, struct ipc_manager_open_session_out *out)
{
	static const char *const differences[] = { "headers", "ca-file" };
	struct service *s = user;

	see(s, call, in->identifier);
	s->seen.n = in->configuration.n_headers;
	s->seen.number = in->configuration.request_timeout_usec;
	out->session = SERVICE_SESSION;
	out->info.disposition = "created";
	out->info.pending_events = 3;
	out->info.has_pending_events = true;
	out->info.differences = differences;
	out->info.n_differences = 2;
	return 0;
}

static int on_get_session(struct ipc_call *call, void *user,
	const struct ipc_manager_get_session_in *in, struct ipc_manager_get_session_out *out)
{
	struct service *s = user;

	see(s, call, in->identifier);
	if (s->mode.fail > 0)
		return ipc_call_error(call, s->mode.fail, "no '%s' \xff here", in->identifier);
	if (s->mode.fail < 0)
		return s->mode.fail;
	out->session = SERVICE_SESSION;
	return 0;
}

static int on_get_task(struct ipc_call *call, void *user, const struct ipc_manager_get_task_in *in,
	struct ipc_manager_get_task_out *out)
{
	see(user, call, NULL);
	out->task = (struct ipc_path){ 7, in->id };
	return 0;
}

static int on_list_tasks(struct ipc_call *call, void *user,
	const struct ipc_manager_list_tasks_in *in, struct ipc_manager_list_tasks_out *out)
{
	static const struct ipc_header headers[] = { { "X-Odd", "caf\xe9" }, { "", NULL } };
	static const struct ipc_response response = {
		.status = 206, .has_status = true, .headers = headers, .n_headers = 2
	};
	struct ipc_task *tasks = arena_alloc(ipc_call_arena(call), in->limit, sizeof(*tasks));

	see(user, call, in->cursor);
	if (!tasks)
		return -ENOMEM;
	for (uint32_t i = 0; i < in->limit; i++) {
		tasks[i].id = i + 1;
		tasks[i].has_id = true;
		tasks[i].name = "\xc3(.bin\x80";
		tasks[i].bytes_expected_to_receive = -1;
		tasks[i].has_bytes_expected_to_receive = true;
		tasks[i].response = &response;
	}
	out->tasks = tasks;
	out->n_tasks = in->limit;
	return 0;
}

static int on_list_sessions(struct ipc_call *call, void *user,
	const struct ipc_manager_list_sessions_in *in, struct ipc_manager_list_sessions_out *out)
{
	(void)in;
	(void)out;
	see(user, call, NULL);
	return 0;
}

static int fail_all(struct ipc_call *call, const uint64_t *ids, size_t n, struct ipc_failure **ret)
{
	struct ipc_failure *failures = arena_alloc(ipc_call_arena(call), n, sizeof(*failures));

	if (!failures)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		failures[i] = (struct ipc_failure){ ids[i], ipc_error_name(IPC_E_NO_SUCH_TASK),
			"gone" };
	*ret = failures;
	return 0;
}

#define STEER(verb) \
	static int on_##verb##_tasks(struct ipc_call *call, void *user, \
		const struct ipc_manager_##verb##_tasks_in *in, \
		struct ipc_manager_##verb##_tasks_out *out) \
	{ \
		struct ipc_failure *failures; \
		int r = fail_all(call, in->ids, in->n_ids, &failures); \
\
		see(user, call, #verb); \
		out->failures = r ? NULL : failures; \
		out->n_failures = in->n_ids; \
		return r; \
	}
STEER(resume)
STEER(suspend)
STEER(cancel)
STEER(retry)
STEER(remove)
STEER(set)

static int on_get_progress(struct ipc_call *call, void *user,
	const struct ipc_manager_get_progress_in *in, struct ipc_manager_get_progress_out *out)
{
	static const struct ipc_progress row = { 412, "transferring", 1, 2, 3, -1, 5, 6 };

	see(user, call, in->filter.session);
	out->generation = in->since + 1;
	out->changed = &row;
	out->n_changed = 1;
	return 0;
}

static int on_peek_events(struct ipc_call *call, void *user,
	const struct ipc_manager_peek_events_in *in, struct ipc_manager_peek_events_out *out)
{
	(void)out;
	see(user, call, NULL);
	((struct service *)user)->seen.path = in->session;
	return 0;
}

static int on_get_statistics(
	struct ipc_call *call, void *user, struct ipc_manager_get_statistics_out *out)
{
	static const uint64_t samples[60] = { 1, [59] = UINT64_MAX };

	see(user, call, NULL);
	out->statistics.receive_samples = samples;
	out->statistics.n_receive_samples = 60;
	return 0;
}

static int on_manager_get(struct ipc_call *call, void *user, struct ipc_path path, uint64_t wanted,
	struct ipc_manager_properties *ret)
{
	static const char *const features[] = { "background" };

	(void)path;
	see(user, call, NULL);
	((struct service *)user)->seen.number = wanted;
	ret->version = "0.1.0";
	ret->features = features;
	ret->n_features = 1;
	ret->mode = "running";
	ret->max_active_tasks = 32;
	return 0;
}

static int on_set_mode(struct ipc_call *call, void *user, const char *value)
{
	see(user, call, value);
	return strcmp(value, "running") && strcmp(value, "paused") ? IPC_E_INVALID_ARGS : 0;
}

static int on_set_rate(struct ipc_call *call, void *user, uint64_t value)
{
	see(user, call, NULL);
	((struct service *)user)->seen.number = value;
	return 0;
}

static int on_set_count(struct ipc_call *call, void *user, uint32_t value)
{
	return on_set_rate(call, user, value);
}

/* ---- Session ---- */

/* Deferred: the next Flush answers it. */
static int on_attach(struct ipc_call *call, void *user, const struct ipc_session_attach_in *in,
	struct ipc_session_attach_out *out)
{
	struct service *s = user;

	(void)out;
	see(s, call, in->options.n_implements ? in->options.implements[0] : NULL);
	s->seen.number = in->options.window;
	s->deferred = call;
	return IPC_DEFERRED;
}

static int on_flush(struct ipc_call *call, void *user)
{
	struct service *s = user;
	struct ipc_session_attach_out out = { .last_acked = 10, .last_seq = 20 };
	struct ipc_call *first = s->deferred;

	see(s, call, NULL);
	s->deferred = NULL;
	if (first)
		ipc_reply_session_attach(first, &out);
	return 0;
}

static int on_list_cookies(struct ipc_call *call, void *user,
	const struct ipc_session_list_cookies_in *in, struct ipc_session_list_cookies_out *out)
{
	static const struct ipc_cookie cookies[] = {
		{ .name = "a",
			.value = "1",
			.domain = "x.org",
			.path = "/",
			.secure = true,
			.has_secure = true },
		{ .name = "b" },
	};

	(void)call;
	(void)user;
	out->cookies = cookies;
	out->n_cookies = 2;
	out->next_cursor = in->cursor;
	return 0;
}

static int on_set_cookies(
	struct ipc_call *call, void *user, const struct ipc_session_set_cookies_in *in)
{
	(void)call;
	(void)user;
	(void)in;
	return 0;
}

static int on_reset(struct ipc_call *call, void *user)
{
	struct service *s = user;
	struct ipc_call *first = s->deferred;

	see(s, call, NULL);
	s->deferred = NULL;
	if (first)
		ipc_reply_error(first, IPC_E_ALREADY_ATTACHED, "someone else");
	return 0;
}

static int on_acknowledge(
	struct ipc_call *call, void *user, const struct ipc_session_acknowledge_in *in)
{
	see(user, call, NULL);
	((struct service *)user)->seen.number = in->seq;
	return 0;
}

static int on_session_plain(struct ipc_call *call, void *user)
{
	see(user, call, NULL);
	return 0;
}

static void read_body(struct service *s, const struct ipc_request *request)
{
	ssize_t n;

	if (!request->has_body_file)
		return;
	n = pread(request->body_file, s->seen.body, sizeof(s->seen.body) - 1, 0);
	s->seen.body[n > 0 ? n : 0] = 0;
}

static int on_create_tasks(struct ipc_call *call, void *user,
	const struct ipc_session_create_tasks_in *in, struct ipc_session_create_tasks_out *out)
{
	struct ipc_task_ref *refs = arena_alloc(
		ipc_call_arena(call), in->n_requests, sizeof(*refs));
	struct service *s = user;

	if (!refs)
		return -ENOMEM;
	see(s, call, in->n_requests ? in->requests[0].url : NULL);
	s->seen.n = in->n_requests;
	for (size_t i = 0; i < in->n_requests; i++)
		refs[i] = (struct ipc_task_ref){ i + 1, { 7, i + 1 } };
	if (in->n_requests)
		read_body(s, &in->requests[0]);
	out->tasks = refs;
	out->n_tasks = in->n_requests;
	return 0;
}

static int on_create_tasks_file(struct ipc_call *call, void *user,
	const struct ipc_session_create_tasks_file_in *in,
	struct ipc_session_create_tasks_file_out *out)
{
	struct ipc_session_create_tasks_in tasks;
	struct ipc_session_create_tasks_out made;
	int r = ipc_read_create_tasks(call, &tasks);

	(void)in;
	if (!r)
		r = on_create_tasks(call, user, &tasks, &made);
	if (!r)
		out->first = made.tasks[0].id;
	return r;
}

static int on_session_get(struct ipc_call *call, void *user, struct ipc_path path, uint64_t wanted,
	struct ipc_session_properties *ret)
{
	static const struct ipc_configuration configuration = { .allows_metered = true,
		.has_allows_metered = true };

	(void)wanted;
	see(user, call, NULL);
	if (path.session != 7)
		return IPC_E_NO_SUCH_SESSION;
	ret->identifier = "music";
	ret->kind = "background";
	ret->state = "active";
	ret->n_tasks = 1;
	ret->configuration = &configuration;
	return 0;
}

/* ---- Task ---- */

static int on_task_plain(struct ipc_call *call, void *user)
{
	see(user, call, NULL);
	return 0;
}

static int on_cancel(struct ipc_call *call, void *user, const struct ipc_task_cancel_in *in)
{
	see(user, call, NULL);
	((struct service *)user)->seen.number = in->options.delete_partial;
	return 0;
}

static int on_resume_data(
	struct ipc_call *call, void *user, struct ipc_task_cancel_producing_resume_data_out *out)
{
	see(user, call, NULL);
	out->resume_data = (const uint8_t *)"r\0d";
	out->n_resume_data = 3;
	return 0;
}

static int on_task_get(struct ipc_call *call, void *user, struct ipc_path path, uint64_t wanted,
	struct ipc_task_properties *ret)
{
	(void)wanted;
	see(user, call, NULL);
	ret->id = path.task;
	ret->session = (struct ipc_path){ path.session, 0 };
	ret->priority = 0.5;
	ret->state = "running";
	return 0;
}

static int on_set_priority(struct ipc_call *call, void *user, double value)
{
	see(user, call, NULL);
	((struct service *)user)->seen.number = (uint64_t)(value * 100);
	return 0;
}

/* Deferred and answered at once: a setter may wait for its commit. */
static int on_set_description(struct ipc_call *call, void *user, const char *value)
{
	see(user, call, value);
	ipc_reply_done(call);
	return IPC_DEFERRED;
}

static int on_log_get(struct ipc_call *call, void *user, struct ipc_path path, uint64_t wanted,
	struct ipc_log_control1_properties *ret)
{
	(void)path;
	(void)wanted;
	see(user, call, NULL);
	ret->log_level = "info";
	return 0;
}

static int on_quit_application(struct ipc_call *call, void *user,
	const struct ipc_manager_quit_application_in *in,
	struct ipc_manager_quit_application_out *out)
{
	(void)call;
	(void)user;
	out->tasks = strlen(in->app_id);
	return 0;
}

static const struct ipc_manager_ops manager_ops = {
	.open_session = on_open_session,
	.get_session = on_get_session,
	.get_task = on_get_task,
	.list_tasks = on_list_tasks,
	.list_sessions = on_list_sessions,
	.quit_application = on_quit_application,
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
	.set_max_download_rate = on_set_rate,
	.set_max_upload_rate = on_set_rate,
	.set_max_active_tasks = on_set_count,
	.set_max_connections_per_host = on_set_count,
};

static int on_answer_delayed_request(
	struct ipc_call *call, void *user, const struct ipc_session_answer_delayed_request_in *in)
{
	(void)user;
	return in->question
		? 0
		: ipc_call_error(call, IPC_E_NO_SUCH_QUESTION, "there is no question 0");
}

static int on_answer_redirect(
	struct ipc_call *call, void *user, const struct ipc_session_answer_redirect_in *in)
{
	(void)user;
	(void)in;
	return ipc_call_error(call, IPC_E_NO_SUCH_QUESTION, "nothing was asked");
}

static int on_answer_challenge(
	struct ipc_call *call, void *user, const struct ipc_session_answer_challenge_in *in)
{
	(void)user;
	(void)in;
	return ipc_call_error(call, IPC_E_NO_SUCH_QUESTION, "nothing was asked");
}

static int on_answer_responses(struct ipc_call *call, void *user,
	const struct ipc_session_answer_responses_in *in,
	struct ipc_session_answer_responses_out *out)
{
	(void)call;
	(void)user;
	(void)in;
	(void)out;
	return 0;
}

static int on_answer_body_stream(
	struct ipc_call *call, void *user, const struct ipc_session_answer_body_stream_in *in)
{
	(void)user;
	(void)in;
	return ipc_call_error(call, IPC_E_NO_SUCH_QUESTION, "nothing was asked");
}

static const struct ipc_session_ops session_ops = {
	.attach = on_attach,
	.acknowledge = on_acknowledge,
	.detach = on_session_plain,
	.create_tasks = on_create_tasks,
	.create_tasks_file = on_create_tasks_file,
	.answer_delayed_request = on_answer_delayed_request,
	.answer_redirect = on_answer_redirect,
	.answer_challenge = on_answer_challenge,
	.answer_responses = on_answer_responses,
	.answer_body_stream = on_answer_body_stream,
	.close = on_session_plain,
	.finish_tasks_and_invalidate = on_session_plain,
	.invalidate_and_cancel = on_session_plain,
	.list_cookies = on_list_cookies,
	.set_cookies = on_set_cookies,
	.clear_cookies = on_session_plain,
	.flush = on_flush,
	.reset = on_reset,
	.get = on_session_get,
	.set_description = on_set_description,
};

static const struct ipc_task_ops task_ops = {
	.resume = on_task_plain,
	.suspend = on_task_plain,
	.cancel = on_cancel,
	.cancel_producing_resume_data = on_resume_data,
	.retry = on_task_plain,
	.remove = on_task_plain,
	.get = on_task_get,
	.set_description = on_set_description,
	.set_priority = on_set_priority,
};

static const struct ipc_log_control1_ops log_ops = {
	.get = on_log_get,
	.set_log_level = on_set_mode,
	.set_log_target = on_set_mode,
};

static const struct ipc_object_ops object_ops = {
	.check = on_check,
	.children = on_children,
	.manager = &manager_ops,
	.session = &session_ops,
	.task = &task_ops,
	.log_control1 = &log_ops,
};

/* ---- the thread ---- */

static void on_peer_left(void *user, const char *unique_name)
{
	struct service *s = user;

	snprintf(s->seen.left, sizeof(s->seen.left), "%s", unique_name);
	s->seen.n_left++;
}

static void run(void *user)
{
	struct service *s = user;
	struct pollfd fds[2] = { { .fd = ipc_bus_fd(s->bus), .events = POLLIN },
		{ .fd = s->wake_fd, .events = POLLIN } };

	while (!s->is_ending) {
		uint64_t n;

		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents && read(s->wake_fd, &n, sizeof(n)) == sizeof(n) && s->work) {
			s->work(s->bus, s->work_user);
			s->work = NULL;
			sem_post(&s->done);
		}
		if (fds[0].revents && ipc_bus_dispatch(s->bus))
			return;
	}
}

static void wake(struct service *s)
{
	const uint64_t one = 1;

	ck_assert_int_eq(write(s->wake_fd, &one, sizeof(one)), sizeof(one));
}

static struct bus *private_bus;

struct service *service_new(void)
{
	static const struct bus_config config = { .no_activation = true };
	struct ipc_bus_events events = { .peer_left = on_peer_left };
	struct service *s = calloc(1, sizeof(*s));

	ck_assert_ptr_nonnull(s);
	if (!private_bus) {
		ck_assert_ptr_nonnull(tmpdir_new());
		ck_assert_int_eq(bus_new(&config, &private_bus), 0);
	}
	s->wake_fd = eventfd(0, EFD_CLOEXEC);
	ck_assert_int_ge(s->wake_fd, 0);
	ck_assert_int_eq(sem_init(&s->done, 0, 0), 0);
	ck_assert_int_eq(ipc_bus_new(IPC_BUS_ADDRESS, bus_address(private_bus), &s->bus), 0);
	ipc_bus_set_events(s->bus, &events, s);
	ck_assert_int_eq(ipc_object_serve(s->bus, &object_ops, s), 0);
	ck_assert_int_eq(ipc_bus_request_name(s->bus, IPC_NAME, IPC_NAME_NOW), 0);
	ck_assert_int_eq(thread_start("service", run, s, &s->thread), 0);
	return s;
}

struct service *service_free(struct service *s)
{
	s->is_ending = true;
	wake(s);
	thread_join(s->thread);
	ipc_bus_free(s->bus);
	if (s->deferred)
		ipc_reply_error(s->deferred, IPC_E_BUSY, NULL);
	close(s->wake_fd);
	sem_destroy(&s->done);
	free(s);
	private_bus = bus_free(private_bus);
	return NULL;
}

struct service_seen *service_seen(struct service *s)
{
	return &s->seen;
}

struct service_mode *service_mode(struct service *s)
{
	return &s->mode;
}

void service_do(struct service *s, void (*fn)(struct ipc_bus *bus, void *user), void *user)
{
	s->work_user = user;
	s->work = fn;
	wake(s);
	while (sem_wait(&s->done) < 0)
		continue;
}

struct ipc_bus *service_client(void)
{
	struct ipc_bus *client = NULL;

	ck_assert_int_eq(ipc_bus_new(IPC_BUS_ADDRESS, bus_address(private_bus), &client), 0);
	return client;
}

void service_pump(struct ipc_bus *client, const int *flag)
{
	uint64_t end_ms = proc_now_ms() + DEADLINE_MS;

	while (!*flag) {
		int r = ipc_bus_wait(client, proc_left_ms(end_ms));

		ck_assert_int_ne(r, -ETIMEDOUT);
		if (r == -ENOTCONN)
			return;
	}
}

static void append_raw(DBusMessage *message, const char *signature)
{
	const char *s = "?";
	unsigned char y = 1;

	for (; *signature; signature++)
		ck_assert(dbus_message_append_args(message, *signature,
			*signature == 'y' ? (void *)&y : (void *)&s, DBUS_TYPE_INVALID));
}

const char *service_raw_call(const struct service_raw *raw)
{
	static char name[256];
	DBusConnection *connection = dbus_connection_open_private(bus_address(private_bus), NULL);
	DBusError error = DBUS_ERROR_INIT;
	DBusMessage *call, *reply;

	ck_assert_ptr_nonnull(connection);
	dbus_connection_set_exit_on_disconnect(connection, FALSE);
	ck_assert(dbus_bus_register(connection, NULL));
	call = dbus_message_new_method_call(IPC_NAME, raw->path, raw->interface, raw->member);
	append_raw(call, raw->signature);
	reply = dbus_connection_send_with_reply_and_block(connection, call, DEADLINE_MS, &error);
	snprintf(name, sizeof(name), "%s", reply ? "" : error.name);
	dbus_error_free(&error);
	if (reply)
		dbus_message_unref(reply);
	dbus_message_unref(call);
	dbus_connection_close(connection);
	dbus_connection_unref(connection);
	return name;
}
