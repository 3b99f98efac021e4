/* SPDX-License-Identifier: MIT */
/* When a task runs, and what it says while it waits: dates, limits, modes, the throughput floor. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

static struct rig rig;

static uint64_t wall_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* BT-28, BT-37: not a packet before the date; it is said why; the date survives the daemon */
START_TEST(waits_for_its_date)
{
	transfer_request *request;
	transfer_task *task;
	struct app *app;
	uint64_t due_us;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	request = app_request(app, "/file?size=9&seed=1");
	due_us = wall_us() + 3000000;
	transfer_request_set_not_before(request, due_us);
	task = app_start(app, request);
	rig_wait_listed(&rig, "waiting-date", 1);
	rig_restart_daemon(&rig);
	rig_wait_listed(&rig, "waiting-date", 1);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 0);
	ck_assert_int_eq(origin_wait_arrived(rig.origin, "/file", 1, RIG_DEADLINE_MS), 0);
	ck_assert_uint_ge(wall_us(), due_us);
	app_check_download(app, task, "file done:0", 1, 9);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* Seconds that the daemon's timer of this kind has left; 0: there is none. */
static unsigned long timer_s(pid_t pid, const char *kind)
{
	unsigned long seconds = 0;
	char path[64], text[512];

	for (int fd = 3; fd < 64 && !seconds; fd++) {
		const char *value;
		size_t n;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%ld/fdinfo/%d", (long)pid, fd);
		f = fopen(path, "re");
		if (!f)
			continue;
		n = fread(text, 1, sizeof(text) - 1, f);
		text[n] = 0;
		fclose(f);
		value = strstr(text, "it_value: (");
		if (value && strstr(text, kind))
			seconds = strtoul(value + strlen("it_value: ("), NULL, 10);
	}
	return seconds;
}

/* A date that comes while the machine is suspended: the timer has gone on. */
START_TEST(its_timer_counts_a_suspend)
{
	transfer_request *request;
	struct app *app;
	uint64_t until_ms;
	unsigned long left_s;

	rig_new(&rig);
	until_ms = proc_now_ms() + RIG_DEADLINE_MS;
	app = app_open(&rig, NULL);
	request = app_request(app, "/file?size=9&seed=1");
	transfer_request_set_not_before(request, wall_us() + UINT64_C(3600) * 1000000);
	app_start(app, request);
	rig_wait_listed(&rig, "waiting-date", 1);
	/* it is set when the turn that has answered is over */
	while ((left_s = timer_s(bus_daemon_pid(rig.bus), "clockid: 7\n")) <= 3500)
		ck_assert_msg(proc_left_ms(until_ms) > 0, "%lu s", left_s);
	ck_assert_uint_le(left_s, 3600);
	/* and one hears of a clock that is set */
	ck_assert_uint_gt(timer_s(bus_daemon_pid(rig.bus), "settime flags: 03\n"), 0);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* BT-37: what is listed while a task waits */
static const struct {
	const char *target;
	const char *want;
} waits[] = {
	{ "/file?size=9&drop_after=0", "\"sub_state\":\"waiting-retry\"" },
	{ "/file?size=9&hang", "\"sub_state\":\"transferring\"" },
	{ "/file?size=3M&rate_bps=1K", "\"sub_state\":\"transferring\"" },
};

START_TEST(says_what_it_does)
{
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	app_download(app, waits[_i].target);
	rig_wait_listed(&rig, waits[_i].want, 1);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* BT-34: the limit of the whole daemon; what waits for a slot is running for the application, and queued in truth */
START_TEST(bounds_what_runs_at_once)
{
	transfer_task *tasks[3];
	struct app *app;
	char target[64];

	rig_new(&rig);
	app = app_open(&rig, NULL);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "limit", "tasks=1"), 0);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(target, sizeof(target), "/file?size=9&seed=1&gate=g%u&n=%u", i, i);
		tasks[i] = app_download(app, target);
	}
	ck_assert_int_eq(origin_wait_arrived(rig.origin, "/file", 1, RIG_DEADLINE_MS), 0);
	rig_wait_listed(&rig, "\"sub_state\":\"queued\"", 1);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(transfer_task_get_state(tasks[i]), TRANSFER_TASK_STATE_RUNNING);
		ck_assert_uint_eq(origin_log_count(rig.origin, "/file"), i + 1);
		snprintf(target, sizeof(target), "g%u", i);
		origin_release(rig.origin, target);
		app_check_download(app, tasks[i], "file done:0", 1, 9);
		if (i < 2)
			ck_assert_int_eq(
				origin_wait_arrived(rig.origin, "/file", i + 2, RIG_DEADLINE_MS),
				0);
	}
	app_close(app);
	rig_done(&rig);
}
END_TEST

static void slow(transfer_config *config)
{
	transfer_config_set_max_rate(config, 1 << 20);
}

/* a bound on the rate holds, for the daemon and for a task, and is lifted while it runs */
START_TEST(bounds_the_rate)
{
	const struct app_config config = { .tune = slow };
	transfer_request *request;
	transfer_task *task;
	struct app *app;
	uint64_t begun_ms;

	rig_new(&rig);
	app = app_open(&rig, &config);
	begun_ms = proc_now_ms();
	task = app_download(app, "/file?size=3M&seed=1");
	app_check_download(app, task, "file done:0", 1, 3 << 20);
	ck_assert_uint_ge(proc_now_ms() - begun_ms, 1500);
	begun_ms = proc_now_ms();
	app_close(app);
	app = app_open(&rig, &(struct app_config){ .identifier = "other" });
	request = app_request(app, "/file?size=60M&seed=1");
	transfer_request_set_max_rate(request, 1 << 20);
	task = app_start(app, request);
	ck_assert_int_eq(
		app_wait_event(app, transfer_task_get_id(task), "progress", 1, RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(transfer_task_set_max_rate(task, 0), 0);
	app_check_download(app, task, "file done:0", 1, 60 << 20);
	ck_assert_uint_lt(proc_now_ms() - begun_ms, 15000);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* BT-46: too slow for too long: stopped, queued again, and continued from its bytes */
START_TEST(does_not_put_up_with_a_trickle)
{
	struct origin_entry entry;
	transfer_task *task;
	struct app *app;
	char *path;

	rig_new(&rig);
	path = tmpdir_path("config/transferd");
	ck_assert_int_eq(mkdir(path, 0700), 0);
	free(path);
	path = tmpdir_path("config/transferd/transferd.conf");
	ck_assert_int_eq(tmpdir_write(path,
				 "[limits]\nthroughput-floor = 100K\n"
				 "throughput-window = 2s\n"),
		0);
	free(path);
	app = app_open(&rig, NULL);
	task = app_download(app, "/file?size=900K&seed=1&gate=g&gate_after=600K&rate_bps=1M");
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/file", 1, 600 << 10, RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(origin_wait_ended(rig.origin, "/file", 1, RIG_DEADLINE_MS), 0);
	origin_release(rig.origin, "g");
	app_check_download(app, task, "file done:0", 1, 900 << 10);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 2, &entry), 0);
	ck_assert(!strncmp(entry.range, "bytes=", 6));
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* BT-17: there is no delegate of one task in a background session */
START_TEST(has_no_delegate_of_a_task)
{
	const struct transfer_session_delegate delegate = { TRANSFER_SESSION_DELEGATE_INIT };
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_make(app, app_request(app, "/file?size=9"));
	ck_assert_int_eq(transfer_task_set_delegate(task, &delegate, NULL), -EOPNOTSUPP);
	app_close(app);
	rig_done(&rig);
}
END_TEST

static const char *base;

static void start_and_leave(struct rig *r, void *user)
{
	const struct app_config config = { .base = base };
	struct app *app = app_open(r, &config);

	(void)user;
	app_download(app, "/file?size=9&seed=1&gate=g");
	app_close(app);
}

/* BT-09: the daemon is started by something else than the application, and goes on without it */
START_TEST(goes_on_without_any_client)
{
	rig_new(&rig);
	base = origin_base(rig.origin);
	ck_assert_int_eq(rig_join(rig_fork(&rig, start_and_leave, NULL)), 0);
	ck_assert_int_eq(origin_wait_arrived(rig.origin, "/file", 1, RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(bus_kill_daemon(rig.bus), 0);
	origin_release(rig.origin, "g");
	ck_assert_int_eq(bus_start_daemon(rig.bus, RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(origin_wait_arrived(rig.origin, "/file", 2, RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "wait", "--all", "--timeout=20s"), 0);
	rig_done(&rig);
}
END_TEST

/* BT-25: the final answer is durable before its body is; the request is never sent again */
START_TEST(never_asks_again_after_an_answer)
{
	transfer_task *task;
	struct app *app;
	char *path;

	rig_new(&rig);
	path = tmpdir_path("source");
	ck_assert_int_eq(origin_bytes_write(path, 1, 1000), 0);
	app = app_open(&rig, NULL);
	task = app_upload(app, "POST", "/file?size=3M&seed=1&gate=g&gate_after=1M", path);
	rig_wait_listed(&rig, "\"status\":200", 1);
	rig_restart_daemon(&rig);
	origin_release(rig.origin, "g");
	ck_assert_int_eq(app_wait(app, task), 0);
	ck_assert_int_eq(app_status(task), 200);
	rig_restart_daemon(&rig);
	ck_assert_uint_eq(app_tasks(app, NULL, 0), 0);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file"), 1);
	free(path);
	app_close(app);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/policy", 60, TEST(waits_for_its_date), TEST(its_timer_counts_a_suspend),
	TEST_EACH(says_what_it_does, waits), TEST(bounds_what_runs_at_once), TEST(bounds_the_rate),
	TEST(does_not_put_up_with_a_trickle), TEST(has_no_delegate_of_a_task),
	TEST(goes_on_without_any_client), TEST(never_asks_again_after_an_answer))
