/* SPDX-License-Identifier: MIT */
/* Properties, introspection and the list of sessions, also as other programs see them. */
#include <dbus/dbus.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/ipc/service.h"
#include "tests/lib/bus.h"
#include "tests/lib/proc.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

#define DEADLINE_MS 10000
#define ROOT        ((struct ipc_path){ 0, 0 })

START_TEST(gets_properties)
{
	struct ipc_exchange exchange = { 0 };
	struct service *s = service_new();
	struct ipc_bus *client = service_client();
	struct ipc_manager_properties manager;
	struct ipc_session_properties session;
	struct ipc_task_properties task;

	ck_assert_int_eq(ipc_get_manager_properties(client, ROOT, &exchange, &manager), 0);
	ck_assert_str_eq(manager.version, "0.1.0");
	ck_assert_str_eq(manager.features[0], "background");
	ck_assert_str_eq(manager.network_state, "");
	ck_assert_uint_eq(manager.max_active_tasks, 32);
	ck_assert_int_eq(
		ipc_get_session_properties(client, SERVICE_SESSION, &exchange, &session), 0);
	ck_assert_str_eq(session.identifier, "music");
	ck_assert(session.configuration->allows_metered);
	ck_assert_int_eq(ipc_get_task_properties(client, SERVICE_TASK, &exchange, &task), 0);
	ck_assert_uint_eq(task.id, 412);
	ck_assert_uint_eq(task.session.session, 7);
	ck_assert(task.priority > 0.4 && task.priority < 0.6);
	ck_assert_int_eq(
		ipc_get_task_properties(client, (struct ipc_path){ 7, 99 }, &exchange, &task),
		IPC_E_NO_SUCH_TASK);
	ipc_exchange_done(&exchange);
	ipc_bus_free(client);
	service_free(s);
}
END_TEST

START_TEST(sets_properties)
{
	struct ipc_exchange exchange = { 0 };
	struct service *s = service_new();
	struct ipc_bus *client = service_client();

	ck_assert_int_eq(ipc_set_manager_mode(client, ROOT, &exchange, "paused"), 0);
	ck_assert_str_eq(service_seen(s)->text, "paused");
	ck_assert_int_eq(
		ipc_set_manager_mode(client, ROOT, &exchange, "sideways"), IPC_E_INVALID_ARGS);
	ck_assert_int_eq(ipc_set_manager_max_download_rate(client, ROOT, &exchange, 1000), 0);
	ck_assert_uint_eq(service_seen(s)->number, 1000);
	ck_assert_int_eq(ipc_set_task_priority(client, SERVICE_TASK, &exchange, 0.75), 0);
	ck_assert_uint_eq(service_seen(s)->number, 75);
	/* deferred by the handler */
	ck_assert_int_eq(
		ipc_set_session_description(client, SERVICE_SESSION, &exchange, "for \xff people"),
		0);
	ck_assert_str_eq(service_seen(s)->text, "for \xef\xbf\xbd people");
	service_mode(s)->deny = true;
	ck_assert_int_eq(
		ipc_set_manager_mode(client, ROOT, &exchange, "paused"), IPC_E_ACCESS_DENIED);
	ipc_exchange_done(&exchange);
	ipc_bus_free(client);
	service_free(s);
}
END_TEST

#define PROPERTIES "org.freedesktop.DBus.Properties"
#define ERROR      "org.freedesktop.DBus.Error."

static const struct {
	struct service_raw raw;
	const char *want;
} calls[] = {
	{ { IPC_ROOT_PATH, PROPERTIES, "Get", "ss" }, ERROR "UnknownInterface" },
	{ { IPC_ROOT_PATH, PROPERTIES, "GetAll", "s" }, ERROR "UnknownInterface" },
	{ { IPC_ROOT_PATH, PROPERTIES, "GetAll", "y" }, ERROR "InvalidArgs" },
	{ { IPC_ROOT_PATH, PROPERTIES, "Set", "ss" }, ERROR "InvalidArgs" },
	{ { IPC_ROOT_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", "" }, "" },
	{ { IPC_ROOT_PATH "/session/7", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects",
		  "" },
		ERROR "UnknownInterface" },
	{ { IPC_ROOT_PATH "/session/9", "org.freedesktop.DBus.Introspectable", "Introspect", "" },
		IPC_NAME ".Error.NoSuchSession" },
	{ { "/", "org.freedesktop.DBus.Introspectable", "Introspect", "" }, "" },
	{ { "/nothing", "org.freedesktop.DBus.Introspectable", "Introspect", "" },
		ERROR "UnknownObject" },
};

START_TEST(refuses)
{
	struct service *s = service_new();

	ck_assert_str_eq(service_raw_call(&calls[_i].raw), calls[_i].want);
	service_free(s);
}
END_TEST

/* ---- ObjectManager ---- */

static void come_and_go(struct ipc_bus *bus, void *user)
{
	const struct ipc_session_properties properties = { .identifier = "music" };
	int *r = user;

	r[0] = ipc_object_session_added(bus, SERVICE_SESSION, &properties);
	r[1] = ipc_object_session_removed(bus, SERVICE_SESSION);
}

/* The next signal of that name, whose first argument must be the session's path. */
static void expect_signal(DBusConnection *c, const char *name, const char *signature)
{
	uint64_t end_ms = proc_now_ms() + DEADLINE_MS;
	DBusMessage *m = NULL;
	const char *path;

	while (!m || !dbus_message_is_signal(m, "org.freedesktop.DBus.ObjectManager", name)) {
		if (m)
			dbus_message_unref(m);
		ck_assert_int_gt(proc_left_ms(end_ms), 0);
		dbus_connection_read_write(c, 100);
		m = dbus_connection_pop_message(c);
	}
	ck_assert_str_eq(dbus_message_get_signature(m), signature);
	ck_assert(dbus_message_get_args(m, NULL, DBUS_TYPE_OBJECT_PATH, &path, DBUS_TYPE_INVALID));
	ck_assert_str_eq(path, IPC_ROOT_PATH "/session/7");
	dbus_message_unref(m);
}

START_TEST(tells_sessions)
{
	struct service *s = service_new();
	DBusConnection *c = dbus_bus_get_private(DBUS_BUS_SESSION, NULL);
	int r[2] = { -1, -1 };

	ck_assert_ptr_nonnull(c);
	dbus_connection_set_exit_on_disconnect(c, FALSE);
	dbus_bus_add_match(c, "type='signal',interface='org.freedesktop.DBus.ObjectManager'", NULL);
	/* a round trip: the match rule is in force after it */
	ck_assert(dbus_bus_name_has_owner(c, IPC_NAME, NULL));
	service_do(s, come_and_go, r);
	ck_assert_int_eq(r[0], 0);
	ck_assert_int_eq(r[1], 0);
	expect_signal(c, "InterfacesAdded", "oa{sa{sv}}");
	expect_signal(c, "InterfacesRemoved", "oas");
	dbus_connection_close(c);
	dbus_connection_unref(c);
	service_free(s);
}
END_TEST

/* ---- as others see it ---- */

static bool is_installed(const char *program)
{
	const char *const argv[] = { "sh", "-c", "command -v \"$0\" >/dev/null", program, NULL };
	int status = 1;

	ck_assert_int_eq(proc_run(argv, DEADLINE_MS, NULL, &status), 0);
	return status == 0;
}

static const struct {
	const char *const argv[14];
	const char *want;
} programs[] = {
	{ { "busctl", "--address=BUS", "tree", "--list", IPC_NAME },
		IPC_ROOT_PATH "/session/7/task/412\n" },
	{ { "busctl", "--address=BUS", "introspect", IPC_NAME, IPC_ROOT_PATH "/session/7" },
		".CreateTasks" },
	{ { "busctl", "--address=BUS", "get-property", IPC_NAME, "/org/freedesktop/LogControl1",
		  "org.freedesktop.LogControl1", "LogLevel" },
		"s \"info\"\n" },
	{ { "busctl", "--address=BUS", "set-property", IPC_NAME, IPC_ROOT_PATH, IPC_NAME ".Manager",
		  "Version", "s", "1" },
		"Version is read-only" },
	{ { "busctl", "--address=BUS", "call", IPC_NAME, IPC_ROOT_PATH, IPC_NAME ".Manager",
		  "GetProgress", "a{sv}t", "0", "41" },
		"ta(tstxtxtt) 42 1 412 \"transferring\" 1 2 3 -1 5 6\n" },
	{ { "gdbus", "introspect", "--address", "BUS", "--dest", IPC_NAME, "--object-path",
		  IPC_ROOT_PATH, "--recurse" },
		"interface org.transferd.Transfer1.Task" },
	{ { "gdbus", "call", "--address", "BUS", "--dest", IPC_NAME, "--object-path", IPC_ROOT_PATH,
		  "--method", "org.freedesktop.DBus.ObjectManager.GetManagedObjects" },
		"'Identifier': <'music'>" },
};

START_TEST(is_seen_by_programs)
{
	struct service *s = service_new();
	const char *argv[15] = { NULL };
	char option[600], *output = NULL;
	int status;

	if (!is_installed(programs[_i].argv[0])) {
		service_free(s);
		return;
	}
	for (int i = 0; programs[_i].argv[i]; i++) {
		argv[i] = programs[_i].argv[i];
		if (strcmp(argv[i], "BUS") == 0)
			argv[i] = getenv("DBUS_SESSION_BUS_ADDRESS");
		if (strcmp(argv[i], "--address=BUS") == 0) {
			snprintf(option, sizeof(option), "--address=%s",
				getenv("DBUS_SESSION_BUS_ADDRESS"));
			argv[i] = option;
		}
	}
	ck_assert_int_eq(proc_run(argv, DEADLINE_MS, &output, &status), 0);
	ck_assert_msg(strstr(output, programs[_i].want), "%s", output);
	free(output);
	service_free(s);
}
END_TEST

static const char *const objects[] = { "/", "/org", IPC_ROOT_PATH, IPC_ROOT_PATH "/session",
	IPC_ROOT_PATH "/session/7", IPC_ROOT_PATH "/session/7/task/412",
	"/org/freedesktop/LogControl1" };

/* What Introspect says is valid by the DTD of D-Bus. */
START_TEST(is_valid_xml)
{
	static const char dtd[] = "/usr/share/xml/dbus-1/introspect.dtd";
	const char *const get[] = { "busctl", "--user", "--xml-interface", "introspect", IPC_NAME,
		objects[_i], NULL };
	char *path, *xml = NULL, *output = NULL;
	int status = 1;

	if (!is_installed("busctl") || !is_installed("xmllint") || access(dtd, R_OK))
		return;
	struct service *s = service_new();

	ck_assert_int_eq(proc_run(get, DEADLINE_MS, &xml, &status), 0);
	ck_assert_int_eq(status, 0);
	ck_assert_ptr_nonnull(strstr(xml, "<node>"));
	path = tmpdir_path("introspect.xml");
	ck_assert_int_eq(tmpdir_write(path, xml), 0);
	const char *const lint[] = { "xmllint", "--noout", "--nonet", "--dtdvalid", dtd, path,
		NULL };

	ck_assert_int_eq(proc_run(lint, DEADLINE_MS, &output, &status), 0);
	ck_assert_msg(status == 0, "%s", output);
	free(output);
	free(xml);
	free(path);
	service_free(s);
}
END_TEST

RUN_TESTS("ipc/standard", TEST(gets_properties), TEST(sets_properties), TEST_EACH(refuses, calls),
	TEST(tells_sessions), TEST_EACH(is_seen_by_programs, programs),
	TEST_EACH(is_valid_xml, objects))
