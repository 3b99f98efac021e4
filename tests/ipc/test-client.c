/* SPDX-License-Identifier: MIT */
/* Calls to the daemon: arguments and results arrive whole, failures are told apart, strange bytes do no harm. */
#include "ipc/client.h"

#include <dbus/dbus.h>
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "tests/ipc/service.h"
#include "tests/lib/bus.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

#define ROOT ((struct ipc_path){ 0, 0 })

START_TEST(opens_a_session)
{
	static const struct ipc_header headers[] = { { "A", "1" }, { "A", "2" } };
	const struct ipc_manager_open_session_in in = { .kind = "background",
		.identifier = "music",
		.configuration = { .headers = headers,
			.n_headers = 2,
			.request_timeout_usec = 5,
			.has_request_timeout_usec = true } };
	struct ipc_manager_open_session_out out;
	struct ipc_exchange exchange = { 0 };
	struct service *s = service_new();
	struct ipc_bus *client = service_client();

	ck_assert_int_eq(ipc_call_manager_open_session(client, ROOT, &exchange, &in, &out), 0);
	ck_assert_uint_eq(out.session.session, 7);
	ck_assert_str_eq(out.info.disposition, "created");
	ck_assert_uint_eq(out.info.pending_events, 3);
	ck_assert(!out.info.has_active_tasks);
	ck_assert_uint_eq(out.info.n_differences, 2);
	ck_assert_str_eq(out.info.differences[1], "ca-file");
	ck_assert_str_eq(service_seen(s)->text, "music");
	ck_assert_uint_eq(service_seen(s)->n, 2);
	ck_assert_uint_eq(service_seen(s)->number, 5);
	ipc_exchange_done(&exchange);
	ipc_bus_free(client);
	service_free(s);
}
END_TEST

START_TEST(lists_strange_bytes)
{
	const struct ipc_manager_list_tasks_in in = { .cursor = "c", .limit = 1000 };
	struct ipc_manager_list_tasks_out out;
	struct ipc_exchange exchange = { 0 };
	struct service *s = service_new();
	struct ipc_bus *client = service_client();

	ck_assert_int_eq(ipc_call_manager_list_tasks(client, ROOT, &exchange, &in, &out), 0);
	ck_assert_uint_eq(out.n_tasks, 1000);
	ck_assert_str_eq(out.next_cursor, "");
	for (size_t i = 0; i < out.n_tasks; i++) {
		const struct ipc_task *t = &out.tasks[i];

		ck_assert_uint_eq(t->id, i + 1);
		ck_assert_str_eq(t->name, "\xef\xbf\xbd(.bin\xef\xbf\xbd");
		ck_assert_int_eq(t->bytes_expected_to_receive, -1);
		ck_assert_ptr_null(t->url);
		ck_assert_ptr_null(t->error);
		ck_assert_uint_eq(t->response->status, 206);
		ck_assert_str_eq(t->response->headers[0].value, "caf\xef\xbf\xbd");
		ck_assert_str_eq(t->response->headers[1].value, "");
	}
	ipc_exchange_done(&exchange);
	ipc_bus_free(client);
	service_free(s);
}
END_TEST

START_TEST(steers_tasks)
{
	static const uint64_t ids[] = { 1, UINT64_MAX };
	const struct ipc_manager_cancel_tasks_in in = { .ids = ids, .n_ids = 2 };
	struct ipc_task_cancel_producing_resume_data_out data;
	struct ipc_manager_cancel_tasks_out out;
	struct ipc_exchange exchange = { 0 };
	struct service *s = service_new();
	struct ipc_bus *client = service_client();

	ck_assert_int_eq(ipc_call_manager_cancel_tasks(client, ROOT, &exchange, &in, &out), 0);
	ck_assert_uint_eq(out.n_failures, 2);
	ck_assert_uint_eq(out.failures[1].id, UINT64_MAX);
	ck_assert_str_eq(out.failures[1].error, "org.transferd.Transfer1.Error.NoSuchTask");
	ck_assert_int_eq(
		ipc_call_task_cancel_producing_resume_data(client, SERVICE_TASK, &exchange, &data),
		0);
	ck_assert_uint_eq(data.n_resume_data, 3);
	ck_assert_mem_eq(data.resume_data, "r\0d", 3);
	ck_assert_uint_eq(service_seen(s)->path.task, 412);
	ck_assert_int_eq(ipc_call_task_resume(client, (struct ipc_path){ 7, 99 }, &exchange),
		IPC_E_NO_SUCH_TASK);
	ipc_exchange_done(&exchange);
	ipc_bus_free(client);
	service_free(s);
}
END_TEST

START_TEST(times_out)
{
	const struct ipc_session_attach_in in = { 0 };
	struct ipc_session_attach_out out;
	struct ipc_exchange exchange = { .timeout_ms = 50 };
	struct service *s = service_new();
	struct ipc_bus *client = service_client();

	ck_assert_int_eq(
		ipc_call_session_attach(client, SERVICE_SESSION, &exchange, &in, &out), -ETIMEDOUT);
	exchange.timeout_ms = 0;
	ck_assert_int_eq(ipc_call_session_reset(client, SERVICE_SESSION, &exchange), 0);
	ipc_exchange_done(&exchange);
	ipc_bus_free(client);
	service_free(s);
}
END_TEST

START_TEST(finds_no_daemon)
{
	static const struct bus_config config = { .no_activation = true };
	struct ipc_exchange exchange = { 0 };
	struct ipc_bus *client;
	struct bus *bus;

	ck_assert_ptr_nonnull(tmpdir_new());
	ck_assert_int_eq(bus_new(&config, &bus), 0);
	ck_assert_int_eq(ipc_bus_new(IPC_BUS_USER, NULL, &client), 0);
	ck_assert_int_eq(
		ipc_call_session_flush(client, SERVICE_SESSION, &exchange), IPC_E_SERVICE_UNKNOWN);
	ck_assert_ptr_nonnull(exchange.text);
	ipc_exchange_done(&exchange);
	ipc_bus_free(client);
	bus_free(bus);
}
END_TEST

struct list_answer {
	int is_done, r;
	size_t n;
};

static void on_listed(
	void *user, int r, const char *text, const struct ipc_manager_list_tasks_out *out)
{
	struct list_answer *answer = user;

	(void)text;
	answer->r = r;
	answer->n = out ? out->n_tasks : 0;
	answer->is_done = 1;
}

START_TEST(does_not_wait)
{
	struct ipc_manager_list_tasks_in in = { .limit = 3 };
	struct list_answer answer = { 0 };
	struct service *s = service_new();
	struct ipc_bus *client = service_client();

	ck_assert_int_eq(ipc_start_manager_list_tasks(client, ROOT, &in, on_listed, &answer), 0);
	service_pump(client, &answer.is_done);
	ck_assert_int_eq(answer.r, 0);
	ck_assert_uint_eq(answer.n, 3);
	service_mode(s)->deny = true;
	answer.is_done = 0;
	ck_assert_int_eq(ipc_start_manager_list_tasks(client, ROOT, &in, on_listed, &answer), 0);
	service_pump(client, &answer.is_done);
	ck_assert_int_eq(answer.r, IPC_E_ACCESS_DENIED);
	ipc_bus_free(client);
	service_free(s);
}
END_TEST

static _Thread_local int n_deaf; /* the service has its own thread */

/* In the place of libdbus': without memory, as often as n_deaf says. */
dbus_bool_t dbus_pending_call_set_notify(DBusPendingCall *call,
	DBusPendingCallNotifyFunction function, void *user, DBusFreeFunction free_user)
{
	dbus_bool_t (*real)(DBusPendingCall *, DBusPendingCallNotifyFunction, void *,
		DBusFreeFunction) = dlsym(RTLD_NEXT, "dbus_pending_call_set_notify");

	if (n_deaf) {
		n_deaf--;
		return FALSE;
	}
	return real(call, function, user, free_user);
}

/* What was sent has not failed: its answer is heard. */
START_TEST(is_heard_without_memory)
{
	struct ipc_manager_list_tasks_in in = { .limit = 3 };
	struct list_answer answers[3] = { 0 };
	struct service *s = service_new();
	struct ipc_bus *client = service_client();

	n_deaf = 2;
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
			ipc_start_manager_list_tasks(client, ROOT, &in, on_listed, &answers[i]), 0);
	ck_assert_int_eq(n_deaf, 0);
	for (int i = 0; i < 3; i++) {
		service_pump(client, &answers[i].is_done);
		ck_assert_int_eq(answers[i].r, 0);
		ck_assert_uint_eq(answers[i].n, 3);
	}
	n_deaf = 1;
	answers[0] = (struct list_answer){ 0 };
	ck_assert_int_eq(
		ipc_start_manager_list_tasks(client, ROOT, &in, on_listed, &answers[0]), 0);
	ipc_bus_free(client);
	ck_assert_int_eq(answers[0].r, -ECANCELED);
	service_free(s);
}
END_TEST

RUN_TESTS("ipc/client", TEST(opens_a_session), TEST(lists_strange_bytes), TEST(steers_tasks),
	TEST(times_out), TEST(finds_no_daemon), TEST(does_not_wait), TEST(is_heard_without_memory))
