/* SPDX-License-Identifier: MIT */
/*
 * The daemon as a service: its bus goes and comes back (F-19), it leaves when there is nothing to do and comes back when
 * somebody asks, and servers that drip hold up nobody else (N-17).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

#define SIZE     (3u << 20)
#define SIZE_ARG "size=3M"

static struct rig rig;
static const char *base;

static void configure(const char *text)
{
	char *path = tmpdir_path("config/transferd");

	ck_assert_int_eq(mkdir(path, 0700), 0);
	free(path);
	path = tmpdir_path("config/transferd/transferd.conf");
	ck_assert_int_eq(tmpdir_write(path, text), 0);
	free(path);
}

/* ---- the bus is restarted ---- */

/* the delay: the first does not end before the program has left */
static const char *const targets[] = { "/file?size=9&seed=2&delay_ms=1000",
	"/file?" SIZE_ARG "&seed=1&gate=g&gate_after=2M", NULL };

static void start_and_leave(struct rig *r, void *user)
{
	const struct app_config config = { .base = base };
	struct app *app = app_open(r, &config);

	(void)user;
	for (const char *const *target = targets; *target; target++)
		app_download(app, *target);
	app_close(app);
}

/* F-19: what ran goes on from its bytes, what nobody has heard yet is told */
START_TEST(goes_on_after_a_restart_of_the_bus)
{
	const struct app_config config = { .identifier = "watcher" };
	struct origin_entry entry;
	struct app *app;
	pid_t first;

	rig_new(&rig);
	base = origin_base(rig.origin);
	/* an application that is there all the time is told that its session is cut off */
	ck_assert_int_eq(rig_join(rig_fork(&rig, start_and_leave, NULL)), 0);
	app = app_open(&rig, &config);
	ck_assert_int_eq(
		origin_wait_bytes(rig.origin, "/file?" SIZE_ARG, 1, 2 << 20, RIG_DEADLINE_MS), 0);
	rig_wait_listed(&rig, "\"sub_state\":\"done\"", 1);
	first = bus_daemon_pid(rig.bus);
	ck_assert_int_eq(bus_restart(rig.bus), 0);
	ck_assert_int_eq(bus_wait_daemon_end(rig.bus, RIG_DEADLINE_MS), 0);
	ck_assert(app_wait_invalid(app));
	ck_assert_str_eq(app_events(app, 0), "events invalid:-997");
	app_close(app);
	ck_assert_uint_eq(rig_log_count(&rig, "the bus is gone"), 1);

	/* the new bus starts it again, and it has its name */
	app = app_open(&rig, NULL);
	ck_assert(transfer_session_was_reassociated(app_session(app)));
	ck_assert_int_ne(bus_daemon_pid(rig.bus), first);
	ck_assert(bus_has_daemon(rig.bus));
	ck_assert_int_eq(app_wait_id(app, 1), 0);
	ck_assert_str_eq(app_events(app, 1), "file done:0");
	origin_release(rig.origin, "g");
	ck_assert_int_eq(app_wait_id(app, 2), 0);
	ck_assert_int_eq(origin_bytes_check(app_file(app, 2), 1, SIZE), 0);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file?" SIZE_ARG, 2, &entry), 0);
	/* as in any clean stop: what had arrived is not fetched again */
	ck_assert_msg(atoll(entry.range + strlen("bytes=")) >= (2 << 20) - (512 << 10), "%s",
		entry.range);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* ---- idle ---- */

START_TEST(leaves_when_idle_and_comes_back)
{
	struct app *app;
	pid_t first;

	rig_new(&rig);
	configure("[service]\nidle-exit = 300ms\n");
	app = app_open(&rig, NULL);
	first = bus_daemon_pid(rig.bus);
	app_check_download(app, app_download(app, "/file?size=9&seed=1"), "file done:0", 1, 9);
	/* a client is there: it stays, however long nothing happens */
	ck_assert_int_ne(bus_wait_daemon_end(rig.bus, 1500), 0);
	app_close(app);
	ck_assert_int_eq(bus_wait_daemon_end(rig.bus, RIG_DEADLINE_MS), 0);
	ck_assert(!bus_has_daemon(rig.bus));
	/* asked again it is there, and knows what it was told */
	app = app_open(&rig, NULL);
	ck_assert(transfer_session_was_reassociated(app_session(app)));
	ck_assert_uint_eq(bus_daemon_starts(rig.bus), 2);
	ck_assert_int_ne(bus_daemon_pid(rig.bus), first);
	app_check_download(app, app_download(app, "/file?size=9&seed=2"), "file done:0", 2, 9);
	app_close(app);
	rig_done(&rig);
}
END_TEST

static void leave_a_download(struct rig *r, void *user)
{
	const struct app_config config = { .base = base };
	struct app *app = app_open(r, &config);

	app_download(app, user);
	app_close(app);
}

/* Work that waits for a server keeps it there without any client. */
START_TEST(stays_while_there_is_work)
{
	static char target[] = "/file?size=9&seed=1&gate=g&gate_after=4";

	rig_new(&rig);
	base = origin_base(rig.origin);
	configure("[service]\nidle-exit = 100ms\n");
	ck_assert_int_eq(rig_join(rig_fork(&rig, leave_a_download, target)), 0);
	ck_assert_int_ne(bus_wait_daemon_end(rig.bus, 1000), 0);
	origin_release(rig.origin, "g");
	ck_assert_int_eq(bus_wait_daemon_end(rig.bus, RIG_DEADLINE_MS), 0);
	ck_assert_uint_eq(bus_daemon_starts(rig.bus), 1);
	rig_done(&rig);
}
END_TEST

/* ---- servers that drip ---- */

/* N-17: six drips take all connections of their host and are cut at the window; another host is as fast as ever */
START_TEST(a_drip_holds_up_nobody_else)
{
	uint64_t begin_ms, took_ms;
	char target[512];
	const char *port;
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	configure("[limits]\nthroughput-floor = 1K\nthroughput-window = 5s\n");
	app = app_open(&rig, NULL);
	begin_ms = proc_now_ms();
	for (int i = 0; i < 6; i++) {
		snprintf(target, sizeof(target), "/file?size=1M&seed=%d&rate_bps=10", i + 1);
		app_download(app, target);
	}
	ck_assert_int_eq(origin_wait_arrived(rig.origin, "/file?size=1M", 6, RIG_DEADLINE_MS), 0);
	/* the same server under another name: another host */
	port = strrchr(origin_base(rig.origin), ':');
	snprintf(target, sizeof(target), "http://localhost%s/file?" SIZE_ARG "&seed=9", port);
	task = app_download(app, target);
	app_check_download(app, task, "file done:0", 9, SIZE);
	ck_assert_uint_lt(proc_now_ms() - begin_ms, 5000);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file?size=1M"), 6);
	/* cut in its time, not before and not much later */
	ck_assert_int_eq(origin_wait_ended(rig.origin, "/file?size=1M", 6, RIG_DEADLINE_MS), 0);
	took_ms = proc_now_ms() - begin_ms;
	ck_assert_uint_ge(took_ms, 4900);
	ck_assert_uint_le(took_ms, 5000 + RIG_DEADLINE_MS / 4);
	/* queued again, not failed */
	ck_assert_int_eq(origin_wait_arrived(rig.origin, "/file?size=1M", 7, RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "cancel", "--all", "--yes"), 0);
	app_close(app);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/service", 60, TEST(goes_on_after_a_restart_of_the_bus),
	TEST(leaves_when_idle_and_comes_back), TEST(stays_while_there_is_work),
	TEST(a_drip_holds_up_nobody_else))
