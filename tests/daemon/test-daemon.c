/* SPDX-License-Identifier: MIT */
/* The built program as a process: how it starts, what it tells the service manager, how it ends, and with which status. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/lib/bus.h"
#include "tests/lib/proc.h"
#include "tests/lib/refuse.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

#define ck_ok(expression) ck_assert_int_eq((expression), 0)
#define DEADLINE_MS       15000

struct fixture {
	struct bus *bus;
	struct proc *daemon;
	int notify_fd;
	char notify[64], watchdog[64];
};

/* A service manager that listens, and a bus that starts nothing by itself. */
static void fixture_init(struct fixture *f)
{
	const struct bus_config config = { .no_activation = true };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int n;

	memset(f, 0, sizeof(*f));
	ck_assert_ptr_nonnull(tmpdir_new());
	ck_ok(bus_new(&config, &f->bus));
	f->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	n = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "transferd-test-%ld",
		(long)getpid());
	ck_ok(bind(f->notify_fd, (struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)));
	snprintf(f->notify, sizeof(f->notify), "NOTIFY_SOCKET=@transferd-test-%ld", (long)getpid());
}

static void fixture_done(struct fixture *f)
{
	proc_free(f->daemon);
	close(f->notify_fd);
	bus_free(f->bus);
}

static void start(struct fixture *f, struct proc **ret_proc, const char *option)
{
	const char *argv[] = { bus_built("transferd"), "--user", option, NULL };
	const char *env[] = { f->notify, f->watchdog[0] ? f->watchdog : NULL, NULL };
	char *log = tmpdir_path("log");
	const struct proc_config config = { .argv = argv, .env = env, .output = log };

	ck_ok(proc_start(&config, ret_proc));
	free(log);
}

/* The next datagram begins with this. */
static void expect(struct fixture *f, const char *text)
{
	char got[256] = "";

	ck_assert_msg(proc_wait_fd(f->notify_fd, DEADLINE_MS) == 0, "no %s", text);
	ck_assert_int_gt(recv(f->notify_fd, got, sizeof(got) - 1, 0), 0);
	ck_assert_msg(strncmp(got, text, strlen(text)) == 0, "%s, not %s", got, text);
}

static int exit_status(struct proc *proc)
{
	int status;

	ck_ok(proc_wait(proc, DEADLINE_MS, &status));
	ck_assert_msg(WIFEXITED(status), "signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static bool has_logged(const char *text)
{
	char *path = tmpdir_path("log"), *log = tmpdir_read(path);
	bool is_there = log && strstr(log, text);

	free(path);
	free(log);
	return is_there;
}

START_TEST(starts_and_stops_in_order)
{
	static const int signals[] = { SIGTERM, SIGINT };
	struct fixture f;
	struct stat st;
	char *path;

	fixture_init(&f);
	start(&f, &f.daemon, NULL);
	expect(&f, "READY=1");
	ck_assert(bus_has_daemon(f.bus));
	path = tmpdir_path("state/transferd/spool");
	ck_ok(stat(path, &st));
	ck_assert_uint_eq(st.st_mode & 0777, 0700);
	free(path);
	ck_ok(proc_kill(f.daemon, signals[_i]));
	expect(&f, "STOPPING=1");
	ck_assert_int_eq(exit_status(f.daemon), 0);
	ck_assert(!bus_has_daemon(f.bus));
	path = tmpdir_path("state/transferd/queue.clean");
	ck_ok(access(path, F_OK));
	free(path);
	fixture_done(&f);
}
END_TEST

START_TEST(starts_without_timers_of_the_kernel)
{
	struct fixture f;

	fixture_init(&f);
	ck_ok(refuse(REFUSE_BOOT_TIMER | REFUSE_CLOCK_WATCH));
	start(&f, &f.daemon, NULL);
	expect(&f, "READY=1");
	ck_assert(has_logged("may be late"));
	ck_ok(proc_kill(f.daemon, SIGTERM));
	ck_assert_int_eq(exit_status(f.daemon), 0);
	fixture_done(&f);
}
END_TEST

START_TEST(pings_the_watchdog)
{
	struct fixture f;

	fixture_init(&f);
	snprintf(f.watchdog, sizeof(f.watchdog), "WATCHDOG_USEC=200000");
	start(&f, &f.daemon, NULL);
	expect(&f, "READY=1");
	for (int i = 0; i < 3; i++)
		expect(&f, "WATCHDOG=1");
	fixture_done(&f);
}
END_TEST

static void configure(const char *text)
{
	char *folder = tmpdir_path("config/transferd"),
	     *path = tmpdir_path("config/transferd/transferd.conf");
	char *parent = tmpdir_path("config");

	mkdir(parent, 0700);
	mkdir(folder, 0700);
	ck_ok(tmpdir_write(path, text));
	free(parent);
	free(folder);
	free(path);
}

START_TEST(leaves_when_idle)
{
	struct fixture f;

	fixture_init(&f);
	configure("[service]\nidle-exit = 100ms\n");
	start(&f, &f.daemon, NULL);
	expect(&f, "READY=1");
	expect(&f, "STOPPING=1");
	ck_assert_int_eq(exit_status(f.daemon), 0);
	ck_assert(has_logged("nothing to do"));
	fixture_done(&f);
}
END_TEST

START_TEST(stays_when_told_and_reads_again)
{
	struct fixture f;

	fixture_init(&f);
	configure("[service]\nidle-exit = 10ms\nlog-level = nonsense\n");
	start(&f, &f.daemon, "--no-idle-exit");
	expect(&f, "READY=1");
	ck_assert(has_logged("transferd.conf:3: log-level: expected"));
	configure("[service]\nlog-level = debug\n");
	ck_ok(proc_kill(f.daemon, SIGHUP));
	ck_ok(proc_kill(f.daemon, SIGTERM));
	expect(&f, "STOPPING=1");
	ck_assert_int_eq(exit_status(f.daemon), 0);
	ck_assert(has_logged("read again"));
	fixture_done(&f);
}
END_TEST

START_TEST(one_per_bus)
{
	struct proc *second;
	struct fixture f;
	char option[256], *folder;

	fixture_init(&f);
	start(&f, &f.daemon, NULL);
	expect(&f, "READY=1");
	folder = tmpdir_path("elsewhere");
	snprintf(option, sizeof(option), "--state-dir=%s", folder);
	start(&f, &second, option);
	ck_assert_int_eq(exit_status(second), 5);
	proc_free(second);
	start(&f, &second, NULL); /* waits for the lock, in vain */
	ck_assert_int_eq(exit_status(second), 4);
	proc_free(second);
	free(folder);
	fixture_done(&f);
}
END_TEST

START_TEST(the_next_waits_for_the_lock)
{
	struct proc *second;
	struct fixture f;

	fixture_init(&f);
	start(&f, &f.daemon, NULL);
	expect(&f, "READY=1");
	ck_ok(proc_kill(f.daemon, SIGSTOP));
	start(&f, &second, NULL);
	ck_ok(proc_kill(f.daemon, SIGTERM));
	ck_ok(proc_kill(f.daemon, SIGCONT));
	expect(&f, "STOPPING=1");
	expect(&f, "READY=1");
	ck_assert_int_eq(exit_status(f.daemon), 0);
	proc_free(second);
	fixture_done(&f);
}
END_TEST

/* Runs it once, so that there is a database, then changes that. */
static void make_database(struct fixture *f, const char *sql)
{
	char *path = tmpdir_path("state/transferd/queue.db");
	sqlite3 *db;

	start(f, &f->daemon, NULL);
	expect(f, "READY=1");
	ck_ok(proc_kill(f->daemon, SIGTERM));
	expect(f, "STOPPING=1");
	ck_assert_int_eq(exit_status(f->daemon), 0);
	proc_free(f->daemon);
	f->daemon = NULL;
	ck_ok(sqlite3_open(path, &db));
	ck_ok(sqlite3_exec(db, sql, NULL, NULL, NULL));
	ck_ok(sqlite3_close(db));
	free(path);
}

START_TEST(leaves_a_newer_database_alone)
{
	struct fixture f;

	fixture_init(&f);
	make_database(&f, "PRAGMA user_version = 99");
	start(&f, &f.daemon, NULL);
	ck_assert_int_eq(exit_status(f.daemon), 3);
	ck_assert(has_logged("newer transferd"));
	fixture_done(&f);
}
END_TEST

START_TEST(starts_empty_after_damage)
{
	struct fixture f;

	fixture_init(&f);
	make_database(&f, "DROP TABLE task");
	start(&f, &f.daemon, NULL);
	expect(&f, "READY=1");
	ck_assert(has_logged("queue.db.corrupt-"));
	fixture_done(&f);
}
END_TEST

START_TEST(needs_a_folder_of_its_own)
{
	struct fixture f;
	char *path;

	fixture_init(&f);
	path = tmpdir_path("state/transferd");
	ck_ok(symlink("/tmp", path));
	start(&f, &f.daemon, NULL);
	ck_assert_int_eq(exit_status(f.daemon), 7);
	free(path);
	fixture_done(&f);
}
END_TEST

START_TEST(needs_a_bus)
{
	const char *argv[] = { bus_built("transferd"), NULL };
	const char *env[] = { "DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent", NULL };
	struct proc_config config = { .argv = argv, .env = env };
	struct proc *proc;

	ck_assert_ptr_nonnull(tmpdir_new());
	ck_ok(proc_start(&config, &proc));
	ck_assert_int_eq(exit_status(proc), 6);
	proc_free(proc);
}
END_TEST

START_TEST(leaves_when_the_bus_does)
{
	struct fixture f;

	fixture_init(&f);
	start(&f, &f.daemon, NULL);
	expect(&f, "READY=1");
	bus_free(f.bus);
	f.bus = NULL;
	ck_assert_int_eq(exit_status(f.daemon), 1);
	proc_free(f.daemon);
	close(f.notify_fd);
}
END_TEST

/* One change after another, until a commit sees it: it looks once a second. */
START_TEST(leaves_when_the_database_goes)
{
	const char *argv[] = { "busctl", NULL, "call", BUS_NAME, "/org/transferd/Transfer1",
		"org.transferd.Transfer1.Manager", "OpenSession", "ssa{sv}a{sv}", "background",
		NULL, "0", "0", NULL };
	char address[256], identifier[32], *path, *output;
	struct fixture f;
	int status, status_of_call;

	fixture_init(&f);
	snprintf(address, sizeof(address), "--address=%s", bus_address(f.bus));
	argv[1] = address;
	argv[9] = identifier;
	start(&f, &f.daemon, NULL);
	expect(&f, "READY=1");
	path = tmpdir_path("state/transferd/queue.db");
	ck_ok(unlink(path));
	for (int i = 0; proc_wait(f.daemon, 50, &status); i++) {
		ck_assert_int_lt(i, 1000);
		snprintf(identifier, sizeof(identifier), "s%d", i);
		ck_ok(proc_run(argv, DEADLINE_MS, &output, &status_of_call));
		free(output);
	}
	ck_assert_int_eq(WEXITSTATUS(status), 1);
	ck_assert(has_logged("was taken away or replaced"));
	proc_free(f.daemon);
	start(&f, &f.daemon, NULL);
	while (!bus_has_daemon(f.bus))
		ck_assert_int_eq(proc_wait(f.daemon, 20, &status), -ETIMEDOUT);
	free(path);
	fixture_done(&f);
}
END_TEST

static const struct {
	const char *option;
	int status;
	const char *output;
} options[] = {
	{ "--version", 0, "transferd " },
	{ "--help", 0, "--no-idle-exit" },
	{ "--nonsense", 2, "nonsense" },
	{ "word", 2, "word" },
};

START_TEST(takes_options)
{
	const char *argv[] = { bus_built("transferd"), options[_i].option, NULL };
	char *output = NULL;
	int status;

	ck_ok(proc_run(argv, DEADLINE_MS, &output, &status));
	ck_assert_int_eq(WEXITSTATUS(status), options[_i].status);
	ck_assert_ptr_nonnull(strstr(output, options[_i].output));
	free(output);
}
END_TEST

RUN_TESTS_WITHIN("daemon/daemon", 60, TEST_LOOP(starts_and_stops_in_order, 2),
	TEST(starts_without_timers_of_the_kernel), TEST(pings_the_watchdog), TEST(leaves_when_idle),
	TEST(stays_when_told_and_reads_again), TEST(one_per_bus), TEST(the_next_waits_for_the_lock),
	TEST(leaves_a_newer_database_alone), TEST(starts_empty_after_damage),
	TEST(needs_a_folder_of_its_own), TEST(needs_a_bus), TEST(leaves_when_the_bus_does),
	TEST(leaves_when_the_database_goes), TEST_EACH(takes_options, options))
