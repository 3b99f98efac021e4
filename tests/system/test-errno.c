/* SPDX-License-Identifier: MIT */
/*
 * Each place where the daemon asks the system for something durable fails once (ENOSPC, EIO). The daemon lives, says
 * what it waits for, and in the end, at the latest after a restart with a good disk, every file is right (F-6 to F-8).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

#define SIZE (2u << 20)

static struct rig rig;

static const struct {
	const char *name;
	unsigned pass;
	int error;
} faults[] = {
	{ "sink.allocate", 1, ENOSPC },
	{ "sink.write", 4, EDQUOT },
	{ "sink.write", 2, EIO },
	{ "disk.sync.before", 1, EIO },
	{ "disk.sync.data", 1, EIO },
	{ "disk.sync.after", 1, EIO },
	{ "disk.publish.before", 1, EIO },
	{ "disk.publish.renamed", 1, EIO },
	{ "disk.publish.after", 1, EIO },
	{ "disk.snapshot.before", 1, ENOSPC },
	{ "disk.snapshot.after", 1, EIO },
	{ "disk.remove.before", 1, EIO },
	{ "engine.part.open", 1, EIO },
	{ "engine.source.open", 1, EIO },
	{ "store.begin", 3, EIO },
	{ "store.commit.before", 3, ENOSPC },
	{ "store.commit.before", 4, ENOSPC },
	{ "store.commit.before", 5, ENOSPC },
	{ "store.commit.before", 6, EIO },
	{ "store.commit.before", 8, EIO },
};

static const char *base;

struct pair {
	char *source;
	char *destination;
};

/* 1: the calls were refused with an error, which is fine as long as it is said */
static void start_both(struct rig *r, void *user)
{
	const struct app_config config = { .base = base };
	const struct pair *pair = user;
	transfer_error *error = NULL;
	transfer_request *request;
	transfer_task *task;
	struct app *app;

	if (app_try_open(r, &config, &app, &error))
		_exit(1);
	request = app_request(app, "/file?size=2M&seed=1&key=d");
	transfer_request_set_destination(request, pair->destination, false);
	task = app_make(app, request);
	transfer_task_resume(task);
	request = app_request(app, "/store/a?key=u");
	transfer_request_set_method(request, "PUT");
	transfer_task_resume(app_make_upload(app, request, pair->source));
	app_flush(app);
	_exit(transfer_task_get_id(task) ? 0 : 1);
}

START_TEST(lives_through_a_fault)
{
	struct pair pair;
	char line[128];
	int code;

	rig_new(&rig);
	base = origin_base(rig.origin);
	pair.source = tmpdir_path("source");
	pair.destination = tmpdir_path("out/file");
	ck_assert_int_eq(origin_bytes_write(pair.source, 5, 300000), 0);
	snprintf(line, sizeof(line), "TRANSFERD_FAILPOINT=%s:%u=%d", faults[_i].name,
		faults[_i].pass, faults[_i].error);
	bus_set_daemon_env(rig.bus, line);
	code = rig_join(rig_fork(&rig, start_both, &pair));
	ck_assert_int_ge(code, 0);
	RIG_CTL(&rig, NULL, "wait", "--all", "--timeout=2s");
	ck_assert_uint_eq(bus_daemon_starts(rig.bus), 1);
	ck_assert_int_ne(bus_daemon_pid(rig.bus), 0);
	/* the disk is good again: what was refused is asked for again, what waits goes on */
	bus_set_daemon_env(rig.bus, "");
	ck_assert_int_eq(bus_stop_daemon(rig.bus, RIG_DEADLINE_MS), 0);
	if (code)
		ck_assert_int_eq(rig_join(rig_fork(&rig, start_both, &pair)), 0);
	RIG_CTL(&rig, NULL, "resume", "--all", "--yes");
	/* a full disk is looked at again each half minute */
	ck_assert_int_ne(RIG_CTL(&rig, NULL, "wait", "--all", "--timeout=38s"), 3);
	if (origin_bytes_check(pair.destination, 1, SIZE)) {
		char *output;

		/* it ended with an error that says so; retry goes on */
		RIG_CTL(&rig, &output, "list", "--all", "--json=short");
		ck_assert_msg(strstr(output, "\"error\":{") != NULL, "%s", output);
		free(output);
		RIG_CTL(&rig, NULL, "retry", "--all", "--yes");
		RIG_CTL(&rig, NULL, "wait", "--all", "--timeout=20s");
		ck_assert_int_eq(origin_bytes_check(pair.destination, 1, SIZE), 0);
	}
	free(pair.source);
	free(pair.destination);
	rig_done(&rig);
}
END_TEST

/* Files may not be larger than so much: a signal, which ends who does not ignore it. What cannot be saved is refused. */
START_TEST(lives_with_a_limit_of_files)
{
	struct rlimit limit = { 4096, RLIM_INFINITY };
	struct app *app;
	transfer_task *task;
	pid_t daemon;

	/* who started us may ignore it, and the daemon would, too */
	signal(SIGXFSZ, SIG_DFL);
	rig_new(&rig);
	app = app_open(&rig, &(struct app_config){ 0 });
	daemon = bus_daemon_pid(rig.bus);
	ck_assert_int_eq(prlimit(daemon, RLIMIT_FSIZE, &limit, NULL), 0);
	ck_assert_int_ne(RIG_CTL(&rig, NULL, "limit", "tasks=7"), 0);
	limit.rlim_cur = RLIM_INFINITY;
	ck_assert_int_eq(prlimit(daemon, RLIMIT_FSIZE, &limit, NULL), 0);
	task = app_download(app, "/file?size=2M&seed=1");
	app_check_download(app, task, "file done:0", 1, SIZE);
	ck_assert_uint_eq(bus_daemon_starts(rig.bus), 1);
	app_close(app);
	rig_done(&rig);
}
END_TEST

static volatile sig_atomic_t disturbed; /* the daemon; 0: nobody */

static void disturb(int signal_number)
{
	(void)signal_number;
	if (disturbed)
		kill((pid_t)disturbed, SIGHUP);
}

/* EINTR: a signal each two milliseconds that nothing begins again after, in the program and in the daemon. */
START_TEST(lives_with_signals)
{
	const struct sigaction action = { .sa_handler = disturb };
	const struct itimerval often = { { 0, 2000 }, { 0, 2000 } }, never = { 0 };
	transfer_request *request;
	transfer_task *down, *up;
	struct app *app;
	char *source;

	rig_new(&rig);
	source = tmpdir_path("source");
	ck_assert_int_eq(origin_bytes_write(source, 5, 300000), 0);
	ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
	app = app_open(&rig, NULL);
	disturbed = bus_daemon_pid(rig.bus);
	request = app_request(app, "/file?size=2M&seed=1&rate_bps=8M");
	transfer_request_set_want_digest(request, "sha256");
	down = app_start(app, request);
	up = app_upload(app, "PUT", "/store/a?recv_bps=1M", source);
	app_check_download(app, down, "file done:0", 1, SIZE);
	ck_assert_int_eq(app_wait(app, up), 0);
	ck_assert_int_eq(app_status(up), 201);
	ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
	ck_assert_uint_eq(bus_daemon_starts(rig.bus), 1);
	free(source);
	app_close(app);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/errno", 90, TEST(lives_with_a_limit_of_files), TEST(lives_with_signals),
	TEST_EACH(lives_through_a_fault, faults))
