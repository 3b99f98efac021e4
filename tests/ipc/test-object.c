/* SPDX-License-Identifier: MIT */
/* From the message to the handler and back: refusals that every method shares, errors, deferred answers, descriptors. */
#include "ipc/object.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/ipc/proto-cases.h"
#include "tests/ipc/service.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

/* One bus for all cases: the table is long. */
START_TEST(refuses)
{
	struct service *s = service_new();

	for (size_t i = 0; i < sizeof(proto_cases) / sizeof(proto_cases[0]); i++) {
		const struct proto_case *c = &proto_cases[i];
		const char *wrong = c->signature[0] == 'y' ? "s" : "y";
		struct service_raw raw = { c->path, c->interface, c->member,
			c->what == WRONG_SIGNATURE ? wrong : "" };
		const char *got;

		service_mode(s)->deny = c->what == WRONG_CALLER;
		got = service_raw_call(&raw);
		ck_assert_msg(strcmp(got, c->want) == 0, "%s.%s case %d: '%s', not '%s'",
			c->interface, c->member, c->what, got, c->want);
	}
	ck_assert_int_eq(service_seen(s)->n_calls, 0);
	service_free(s);
}
END_TEST

#define DBUS_ERROR(name) "org.freedesktop.DBus.Error." name

static const struct {
	struct service_raw raw;
	const char *want;
} calls[] = {
	{ { IPC_ROOT_PATH, IPC_NAME ".Manager", "Nothing", "" }, DBUS_ERROR("UnknownMethod") },
	{ { IPC_ROOT_PATH, "org.example.Other", "Flush", "" }, DBUS_ERROR("UnknownInterface") },
	{ { IPC_ROOT_PATH, IPC_NAME ".Session", "Flush", "" }, DBUS_ERROR("UnknownInterface") },
	{ { "/", IPC_NAME ".Manager", "GetStatistics", "" }, DBUS_ERROR("UnknownInterface") },
	{ { "/org/other", IPC_NAME ".Manager", "GetStatistics", "" }, DBUS_ERROR("UnknownObject") },
	{ { IPC_ROOT_PATH "/session/x", IPC_NAME ".Session", "Flush", "" },
		DBUS_ERROR("UnknownObject") },
	{ { IPC_ROOT_PATH "/session", IPC_NAME ".Session", "Flush", "" },
		DBUS_ERROR("UnknownInterface") },
	{ { IPC_ROOT_PATH "/session/99/task/412", IPC_NAME ".Task", "Resume", "" },
		IPC_NAME ".Error.NoSuchSession" },
	{ { IPC_ROOT_PATH "/session/7", NULL, "Flush", "" }, "" },
	{ { IPC_ROOT_PATH "/session/7", "org.freedesktop.DBus.Peer", "Ping", "" }, "" },
};

START_TEST(finds_the_method)
{
	struct service *s = service_new();

	ck_assert_str_eq(service_raw_call(&calls[_i].raw), calls[_i].want);
	service_free(s);
}
END_TEST

static const struct {
	int fail, want;
	const char *text;
} failures[] = {
	{ IPC_E_NO_SUCH_SESSION, IPC_E_NO_SUCH_SESSION, "no 'x' \xef\xbf\xbd here" },
	{ IPC_E_INVALID_ARGS, IPC_E_INVALID_ARGS, "no 'x' \xef\xbf\xbd here" },
	{ -EIO, IPC_E_FAILED, "" }, { -ENOMEM, IPC_E_NO_MEMORY, "" },
#ifndef TRANSFERD_FAILPOINTS
	{ IPC_E_QUOTA_EXCEEDED, IPC_E_FAILED, NULL }, /* not declared */
#endif
};

START_TEST(passes_errors_on)
{
	const struct ipc_manager_get_session_in in = { "x" };
	struct ipc_manager_get_session_out out = { { 1, 1 } };
	struct ipc_exchange exchange = { 0 };
	struct service *s = service_new();
	struct ipc_bus *client = service_client();

	service_mode(s)->fail = failures[_i].fail;
	ck_assert_int_eq(
		ipc_call_manager_get_session(client, (struct ipc_path){ 0 }, &exchange, &in, &out),
		failures[_i].want);
	ck_assert_str_eq(exchange.name, ipc_error_name(failures[_i].want));
	if (failures[_i].text)
		ck_assert_str_eq(exchange.text, failures[_i].text);
	ck_assert_uint_eq(out.session.session, 1);
	ipc_exchange_done(&exchange);
	ipc_bus_free(client);
	service_free(s);
}
END_TEST

#ifdef TRANSFERD_FAILPOINTS
START_TEST(aborts_on_what_is_not_declared)
{
	const struct ipc_manager_get_session_in in = { "x" };
	struct ipc_manager_get_session_out out;
	struct ipc_exchange exchange = { 0 };
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct service *s = service_new();
		struct ipc_bus *client = service_client();

		service_mode(s)->fail = IPC_E_QUOTA_EXCEEDED;
		ipc_call_manager_get_session(client, (struct ipc_path){ 0 }, &exchange, &in, &out);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGABRT);
}
END_TEST
#endif

struct answer {
	int r, is_done;
	uint64_t last_seq;
};

static void on_attached(
	void *user, int r, const char *text, const struct ipc_session_attach_out *out)
{
	struct answer *answer = user;

	(void)text;
	ck_assert((r == 0) == (out != NULL));
	answer->r = r;
	answer->last_seq = out ? out->last_seq : 0;
	answer->is_done = 1;
}

/* The answer comes when the daemon is ready, after that of a later call. */
START_TEST(answers_later)
{
	static const char *const implements[] = { "DidComplete" };
	const struct ipc_session_attach_in in = { .options = { .window = 16,
							  .has_window = true,
							  .implements = implements,
							  .n_implements = 1 } };
	struct ipc_exchange exchange = { 0 };
	struct service *s = service_new();
	struct ipc_bus *client = service_client();
	struct answer answer = { 0 };

	ck_assert_int_eq(
		ipc_start_session_attach(client, SERVICE_SESSION, &in, on_attached, &answer), 0);
	ck_assert_int_eq(ipc_call_session_acknowledge(client, SERVICE_SESSION, &exchange,
				 &(struct ipc_session_acknowledge_in){ 5 }),
		0);
	ck_assert_int_eq(answer.is_done, 0);
	ck_assert_int_eq(ipc_call_session_flush(client, SERVICE_SESSION, &exchange), 0);
	service_pump(client, &answer.is_done);
	ck_assert_int_eq(answer.r, 0);
	ck_assert_uint_eq(answer.last_seq, 20);
	answer.is_done = 0;
	ck_assert_int_eq(
		ipc_start_session_attach(client, SERVICE_SESSION, &in, on_attached, &answer), 0);
	ck_assert_int_eq(ipc_call_session_reset(client, SERVICE_SESSION, &exchange), 0);
	service_pump(client, &answer.is_done);
	ck_assert_int_eq(answer.r, IPC_E_ALREADY_ATTACHED);
	ipc_bus_free(client);
	service_free(s);
}
END_TEST

/* A call may outlive its caller and its bus: the answer then goes nowhere. */
START_TEST(answers_nobody)
{
	const struct ipc_session_attach_in in = { 0 };
	struct ipc_exchange exchange = { 0 };
	struct service *s = service_new();
	struct ipc_bus *client = service_client();
	struct answer answer = { 0 };

	ck_assert_int_eq(
		ipc_start_session_attach(client, SERVICE_SESSION, &in, on_attached, &answer), 0);
	ck_assert_int_eq(ipc_call_session_acknowledge(client, SERVICE_SESSION, &exchange,
				 &(struct ipc_session_acknowledge_in){ 5 }),
		0);
	ipc_bus_free(client);
	ck_assert_int_eq(answer.r, -ECANCELED);
	service_free(s);
}
END_TEST

static const bool is_by_path[] = { false, true };

START_TEST(hands_descriptors_over)
{
	struct ipc_request request = { .url = "https://example.org/",
		.has_body_file = !is_by_path[_i] };
	const struct ipc_session_create_tasks_in in = { .requests = &request, .n_requests = 1 };
	struct ipc_session_create_tasks_out out;
	struct ipc_exchange exchange = { 0 };
	struct service *s = service_new();
	struct ipc_bus *client = service_client();
	FILE *file = tmpfile();

	fputs("the body", file);
	fflush(file);
	request.body_file = fileno(file);
	ck_assert_int_eq(
		ipc_call_session_create_tasks(client, SERVICE_SESSION, &exchange, &in, &out), 0);
	ck_assert_uint_eq(out.n_tasks, 1);
	ck_assert_uint_eq(out.tasks[0].path.task, 1);
	ck_assert_str_eq(service_seen(s)->body, is_by_path[_i] ? "" : "the body");
	fclose(file);
	ipc_exchange_done(&exchange);
	ipc_bus_free(client);
	service_free(s);
}
END_TEST

/* What an application may send at once: a thousand full requests. */
START_TEST(takes_a_thousand)
{
	static uint8_t userdata[4096];
	static struct ipc_request requests[1001];
	static const struct ipc_header headers[] = { { "Accept", "*/*" },
		{ "X-Token", "0123456789abcdef" } };
	struct ipc_session_create_tasks_in in = { .requests = requests, .n_requests = 1000 };
	struct ipc_session_create_tasks_out out;
	struct ipc_exchange exchange = { 0 };
	struct service *s = service_new();
	struct ipc_bus *client = service_client();

	for (int i = 0; i < 1001; i++)
		requests[i] = (struct ipc_request){ .kind = "download",
			.url = "https://example.org/some/path/file.bin",
			.headers = headers,
			.n_headers = 2,
			.userdata = userdata,
			.n_userdata = sizeof(userdata) };
	ck_assert_int_eq(
		ipc_call_session_create_tasks(client, SERVICE_SESSION, &exchange, &in, &out), 0);
	ck_assert_uint_eq(out.n_tasks, 1000);
	ck_assert_uint_eq(out.tasks[999].id, 1000);
	in.n_requests = 1001;
	ck_assert_int_eq(
		ipc_call_session_create_tasks(client, SERVICE_SESSION, &exchange, &in, &out),
		IPC_E_LIMIT_REACHED);
	in.n_requests = 1000;
	requests[500].n_headers = 0;
	requests[500].userdata = userdata;
	requests[500].kind = "a kind that is longer than any kind there is";
	ck_assert_int_eq(
		ipc_call_session_create_tasks(client, SERVICE_SESSION, &exchange, &in, &out),
		IPC_E_INVALID_REQUEST);
	ck_assert_str_eq(
		exchange.text, "requests[500]: key 'kind' must be a string of at most 32 bytes");
	ipc_exchange_done(&exchange);
	ipc_bus_free(client);
	service_free(s);
}
END_TEST

START_TEST(refuses_an_incomplete_table)
{
	static const struct ipc_manager_ops manager;
	static const struct ipc_session_ops session;
	static const struct ipc_task_ops task;
	static const struct ipc_object_ops ops = {
		.manager = &manager, .session = &session, .task = &task
	};
	struct service *s = service_new();
	struct ipc_bus *client = service_client();

	ck_assert_int_eq(ipc_object_serve(client, &ops, NULL), -EINVAL);
	ipc_bus_free(client);
	service_free(s);
}
END_TEST

RUN_TESTS_WITHIN("ipc/object", 60, TEST(refuses), TEST_EACH(finds_the_method, calls),
	TEST_EACH(passes_errors_on, failures),
#ifdef TRANSFERD_FAILPOINTS
	TEST(aborts_on_what_is_not_declared),
#endif
	TEST(answers_later), TEST(answers_nobody), TEST_EACH(hands_descriptors_over, is_by_path),
	TEST(takes_a_thousand), TEST(refuses_an_incomplete_table))
