/* SPDX-License-Identifier: MIT */
/*
 * A private dbus-daemon. It starts transferd through a script that notes the process id and reads
 * the environment file, so a test can arm a failpoint for the next start and find the process.
 */
#include "tests/lib/bus.h"

#include <dbus/dbus.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/proc.h"
#include "tests/lib/tmpdir.h"

#define DEADLINE_MS 20000

struct bus {
	struct proc *proc;
	DBusConnection *connection;
	char address[512];
	char *pids;
	char *env;
};

static const char *build_folder(void)
{
	static char path[4096];
	const char *top = getenv("top_builddir");

	if (!realpath(top ? top : ".", path))
		return ".";
	return path;
}

const char *bus_built(const char *program)
{
	static char path[4200];
	char libraries[4200];

	snprintf(libraries, sizeof(libraries), "%s/.libs", build_folder());
	setenv("LD_LIBRARY_PATH", libraries, 1);
	snprintf(path, sizeof(path), "%s/.libs/%s", build_folder(), program);
	if (access(path, X_OK))
		snprintf(path, sizeof(path), "%s/%s", build_folder(), program);
	return path;
}

static int write_config(const struct bus_config *config)
{
	char *path = tmpdir_path("bus.conf");
	char *folder = tmpdir_path("services");
	char *text = NULL;
	int r = -ENOMEM;

	if (path && folder &&
		asprintf(&text,
			"<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration "
			"1.0//EN\" \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
			"<busconfig><type>session</type><listen>unix:tmpdir=%s</listen>\n"
			"<auth>EXTERNAL</auth><servicedir>%s</servicedir>\n"
			"<policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>"
			"<allow eavesdrop=\"true\"/><allow own=\"*\"/></policy>\n"
			"<limit name=\"max_replies_per_connection\">50000</limit>\n"
			"<limit name=\"service_start_timeout\">25000</limit>\n%s</busconfig>\n",
			getenv("TMPDIR"), folder, config->extra ? config->extra : "") > 0)
		r = tmpdir_write(path, text);
	if (!r && mkdir(folder, 0700) && errno != EEXIST)
		r = -errno;
	free(path);
	free(folder);
	free(text);
	return r;
}

static int write_service(const struct bus_config *config)
{
	const char *program = config->program ? config->program : bus_built("transferd");
	char *service = tmpdir_path("services/" BUS_NAME ".service");
	char *script = tmpdir_path("start-transferd");
	char *folder = tmpdir_path("%s", "");
	char *text = NULL;
	int r = -ENOMEM;

	if (!service || !script || !folder)
		goto out;
	if (asprintf(&text,
		    "#!/bin/sh\nset -a\n. '%sdaemon.env'\necho $$ >>'%sdaemon.pids'\n"
		    "exec '%s' --user >>'%stransferd.log' 2>&1\n",
		    folder, folder, program, folder) < 0)
		goto out;
	r = tmpdir_write(script, text);
	free(text);
	text = NULL;
	if (!r && chmod(script, 0700))
		r = -errno;
	if (!r && asprintf(&text, "[D-BUS Service]\nName=" BUS_NAME "\nExec=%s\n", script) > 0)
		r = tmpdir_write(service, text);
out:
	free(service);
	free(script);
	free(folder);
	free(text);
	return r;
}

/* At the address that it had, where it had one. */
static int start_bus(struct bus *b)
{
	char *config = tmpdir_path("bus.conf");
	const char *argv[] = { "dbus-daemon", "--nofork", "--nopidfile", "--config-file", config,
		"--print-address=3", NULL, NULL, NULL };
	char *log = tmpdir_path("bus.log");
	struct proc_config start = { .argv = argv, .output = log };
	ssize_t n = 0;
	int fds[2];
	int r;

	if (!config || !log || pipe2(fds, O_CLOEXEC))
		return -ENOMEM;
	if (b->address[0]) {
		argv[6] = "--address";
		argv[7] = b->address;
	}
	start.pass_fd = fds[1];
	r = proc_start(&start, &b->proc);
	close(fds[1]);
	if (!r)
		r = proc_wait_fd(fds[0], DEADLINE_MS);
	if (!r)
		n = read(fds[0], b->address, sizeof(b->address) - 1);
	close(fds[0]);
	free(config);
	free(log);
	if (!r && n <= 0)
		r = -EIO;
	if (r)
		return r;
	/* without its id: the next bus has another one */
	b->address[strcspn(b->address, ",\n")] = '\0';
	return setenv("DBUS_SESSION_BUS_ADDRESS", b->address, 1) ? -ENOMEM : 0;
}

static int connect_bus(struct bus *b)
{
	DBusError error = DBUS_ERROR_INIT;

	b->connection = dbus_connection_open_private(b->address, &error);
	if (!b->connection || !dbus_bus_register(b->connection, &error)) {
		dbus_error_free(&error);
		return -ECONNREFUSED;
	}
	dbus_connection_set_exit_on_disconnect(b->connection, FALSE);
	return 0;
}

int bus_new(const struct bus_config *config, struct bus **ret_bus)
{
	static const struct bus_config usual;
	struct bus *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	if (!config)
		config = &usual;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("DBUS_STARTER_ADDRESS");
	unsetenv("DBUS_STARTER_BUS_TYPE");
	b->pids = tmpdir_path("daemon.pids");
	b->env = tmpdir_path("daemon.env");
	r = b->pids && b->env ? write_config(config) : -ENOMEM;
	if (!r)
		r = bus_set_daemon_env(b, "");
	if (!r && !config->no_activation)
		r = write_service(config);
	if (!r)
		r = start_bus(b);
	if (!r)
		r = connect_bus(b);
	if (r) {
		bus_free(b);
		return r;
	}
	*ret_bus = b;
	return 0;
}

struct bus *bus_free(struct bus *b)
{
	if (!b)
		return NULL;
	if (b->pids && bus_daemon_pid(b) && bus_stop_daemon(b, 10000))
		bus_kill_daemon(b);
	if (b->connection) {
		dbus_connection_close(b->connection);
		dbus_connection_unref(b->connection);
	}
	proc_free(b->proc);
	free(b->pids);
	free(b->env);
	free(b);
	return NULL;
}

int bus_restart(struct bus *b)
{
	int status, r = proc_kill(b->proc, SIGKILL);

	if (!r)
		r = proc_wait(b->proc, DEADLINE_MS, &status);
	dbus_connection_close(b->connection);
	dbus_connection_unref(b->connection);
	b->connection = NULL;
	b->proc = proc_free(b->proc);
	if (!r)
		r = start_bus(b);
	return r ? r : connect_bus(b);
}

const char *bus_address(const struct bus *b)
{
	return b->address;
}

int bus_set_daemon_env(struct bus *b, const char *lines)
{
	char *text = NULL;
	int r;

	if (asprintf(&text, "%s\n", lines) < 0)
		return -ENOMEM;
	r = tmpdir_write(b->env, text);
	free(text);
	return r;
}

int bus_start_daemon(struct bus *b, unsigned timeout_ms)
{
	DBusError error = DBUS_ERROR_INIT;
	DBusMessage *call, *reply;
	const char *name = BUS_NAME;
	dbus_uint32_t flags = 0;
	int r;

	call = dbus_message_new_method_call("org.freedesktop.DBus", "/org/freedesktop/DBus",
		"org.freedesktop.DBus", "StartServiceByName");
	if (!call)
		return -ENOMEM;
	dbus_message_append_args(
		call, DBUS_TYPE_STRING, &name, DBUS_TYPE_UINT32, &flags, DBUS_TYPE_INVALID);
	reply = dbus_connection_send_with_reply_and_block(
		b->connection, call, (int)timeout_ms, &error);
	dbus_message_unref(call);
	r = reply ? 0 : -EIO;
	if (!reply)
		fprintf(stderr, "bus: %s\n", error.message);
	else
		dbus_message_unref(reply);
	dbus_error_free(&error);
	return r;
}

bool bus_has_daemon(struct bus *b)
{
	return dbus_bus_name_has_owner(b->connection, BUS_NAME, NULL);
}

static unsigned read_pids(struct bus *b, pid_t *ret_last)
{
	char *text = tmpdir_read(b->pids);
	unsigned n = 0;
	char *end;

	*ret_last = 0;
	for (char *p = text; p && *p; p = *end ? end + 1 : end) {
		long pid = strtol(p, &end, 10);

		if (end == p)
			break;
		*ret_last = (pid_t)pid;
		n++;
	}
	free(text);
	return n;
}

unsigned bus_daemon_starts(struct bus *b)
{
	pid_t pid;

	return read_pids(b, &pid);
}

pid_t bus_daemon_pid(struct bus *b)
{
	pid_t pid;

	read_pids(b, &pid);
	/* one that is dead and not yet buried does not count */
	return pid && proc_wait_pid(pid, 0) == -ETIMEDOUT ? pid : 0;
}

/* Whose the name is, as the bus knows it; 0: nobody's. */
static pid_t owner_of_name(struct bus *b)
{
	const char *name = BUS_NAME;
	dbus_uint32_t pid = 0;
	DBusMessage *reply,
		*call = dbus_message_new_method_call("org.freedesktop.DBus",
			"/org/freedesktop/DBus", "org.freedesktop.DBus",
			"GetConnectionUnixProcessID");

	if (!call)
		return 0;
	dbus_message_append_args(call, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID);
	reply = dbus_connection_send_with_reply_and_block(b->connection, call, DEADLINE_MS, NULL);
	dbus_message_unref(call);
	if (!reply)
		return 0;
	dbus_message_get_args(reply, NULL, DBUS_TYPE_UINT32, &pid, DBUS_TYPE_INVALID);
	dbus_message_unref(reply);
	return (pid_t)pid;
}

/* A process can be gone before the bus has noticed: it would say that it runs already, and hand calls to the dead. */
static int wait_for_bus(struct bus *b, pid_t pid, int r)
{
	uint64_t until_ms = proc_now_ms() + DEADLINE_MS;

	while (!r && owner_of_name(b) == pid)
		if (!proc_left_ms(until_ms))
			r = -ETIMEDOUT;
	return r;
}

int bus_kill_daemon(struct bus *b)
{
	pid_t pid = bus_daemon_pid(b);

	return pid ? wait_for_bus(b, pid, proc_kill_pid(pid, DEADLINE_MS)) : 0;
}

int bus_stop_daemon(struct bus *b, unsigned timeout_ms)
{
	pid_t pid = bus_daemon_pid(b);

	if (!pid)
		return 0;
	kill(pid, SIGTERM);
	return wait_for_bus(b, pid, proc_wait_pid(pid, timeout_ms));
}

int bus_wait_daemon_end(struct bus *b, unsigned timeout_ms)
{
	pid_t pid = bus_daemon_pid(b);

	return pid ? wait_for_bus(b, pid, proc_wait_pid(pid, timeout_ms)) : 0;
}
