/* SPDX-License-Identifier: MIT */
/* Programs with sessions in memory that are killed or stand still: what is left of them, and who notices. */
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/system/live.h"

static struct rig rig;
static struct live_app *app;

/* a program that is killed takes its tasks with it */
static void hang_for_ever(struct rig *unused, void *user)
{
	const char *base = user;
	struct live_app *mine = live_open(unused, &(struct live_app_config){ .base = base });

	live_data(mine, live_request(mine, NULL, "/file?hang"));
	live_download(
		mine, live_request(mine, NULL, "/file?size=3000000&gate=never&gate_after=100000"));
	pause();
}

START_TEST(a_killed_program_leaves_nothing)
{
	char *base, *folder, *listing = NULL;
	pid_t pid;

	rig_new(&rig);
	base = strdup(origin_base(rig.origin));
	pid = rig_fork(&rig, hang_for_ever, base);
	ck_assert_int_eq(origin_wait_arrived(rig.origin, "/file", 2, RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(proc_kill_pid(pid, RIG_DEADLINE_MS), 0);
	rig_join(pid);
	ck_assert_int_eq(origin_wait_ended(rig.origin, "/file", 2, RIG_DEADLINE_MS), 0);
	rig_check_rest(&rig);
	folder = tmpdir_path(".");
	ck_assert_int_eq(proc_run((const char *const[]){ "find", folder, "-name", "*.live", NULL },
				 RIG_DEADLINE_MS, &listing, NULL),
		0);
	ck_assert_str_eq(listing, "");
	free(listing);
	free(folder);
	free(base);
	rig_done(&rig);
}
END_TEST

static sem_t may_go_on;

static void wait_in_data(struct live_app *unused, transfer_task *task, const char *what, void *user)
{
	(void)unused;
	(void)task;
	(void)user;
	if (!strcmp(what, "data"))
		while (sem_wait(&may_go_on) && errno == EINTR)
			;
}

/* a program of which a callback never returns, and that is killed in it: another one does not notice */
static void hang_in_callback(struct rig *unused, void *user)
{
	struct live_app_config config = {
		.on_event = wait_in_data, .base = user, .discards = true
	};
	struct live_app *mine;

	sem_init(&may_go_on, 0, 0);
	mine = live_open(unused, &config);
	for (unsigned i = 0; i < 8; i++)
		live_data(mine, live_request(mine, NULL, "/file?size=50M"));
	pause();
}

START_TEST(a_client_killed_in_a_callback)
{
	transfer_task *task;
	char *base;
	pid_t pid;

	rig_new(&rig);
	base = strdup(origin_base(rig.origin));
	pid = rig_fork(&rig, hang_in_callback, base);
	ck_assert_int_eq(origin_wait_arrived(rig.origin, "/file", 6, RIG_DEADLINE_MS), 0);
	app = live_open(&rig, NULL);
	task = live_data(app, live_request(app, NULL, "/Nepal"));
	live_check(app, task, "created resp:200 data:9 done:0");
	ck_assert_int_eq(proc_kill_pid(pid, RIG_DEADLINE_MS), 0);
	rig_join(pid);
	ck_assert_int_eq(origin_wait_ended(rig.origin, "/file", 6, RIG_DEADLINE_MS), 0);
	task = live_data(app, live_request(app, NULL, "/file?size=300000"));
	live_check(app, task, "created resp:200 data:300000 done:0");
	free(base);
	app = live_close(app);
	rig_done(&rig);
}
END_TEST

#define N_ANSWERS    300
#define ANSWER_BYTES 60000

/* a program that is stopped: another one does not notice, its answers wait in bounds, and all are told when it goes on */
static void ask_often(struct rig *unused, void *user)
{
	struct live_app *mine = live_open(
		unused, &(struct live_app_config){ .base = user, .unasked = true });
	transfer_task *tasks[N_ANSWERS];
	char last[64];

	for (unsigned i = 0; i < N_ANSWERS; i++)
		tasks[i] = live_data(mine, live_request(mine, NULL, "/file?size=60000&gate=still"));
	/* another host's connections are free: when it is asked, all others are known */
	snprintf(last, sizeof(last), "http://localhost%s/last", strrchr(user, ':'));
	live_data(mine, live_request(mine, NULL, last));
	for (unsigned i = 0; i < N_ANSWERS; i++)
		live_check(mine, tasks[i], "created data:60000 done:0");
	live_close(mine);
}

START_TEST(a_stopped_program_goes_on)
{
	transfer_task *task;
	long before_kib;
	pid_t pid, daemon;
	char *base;

	rig_new(&rig);
	base = strdup(origin_base(rig.origin));
	pid = rig_fork(&rig, ask_often, base);
	ck_assert_int_eq(origin_wait_arrived(rig.origin, "/last", 1, RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(kill(pid, SIGSTOP), 0);
	daemon = bus_daemon_pid(rig.bus);
	before_kib = rig_rss_kib(daemon);
	ck_assert_int_eq(origin_release(rig.origin, "still"), 0);
	app = live_open(&rig, NULL);
	task = live_data(app, live_request(app, NULL, "/Nepal"));
	live_check(app, task, "created resp:200 data:9 done:0");
	ck_assert_int_eq(origin_wait_ended(rig.origin, "/file", 40, RIG_DEADLINE_MS), 0);
	task = live_data(app, live_request(app, NULL, "/file?size=300000"));
	live_check(app, task, "created resp:200 data:300000 done:0");
	ck_assert_int_le(rig_rss_kib(daemon) - before_kib, N_ANSWERS * ANSWER_BYTES / 1024 / 2);
	ck_assert_int_eq(kill(pid, SIGCONT), 0);
	ck_assert_int_eq(rig_join(pid), 0);
	free(base);
	app = live_close(app);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/live-kill", 60, TEST(a_killed_program_leaves_nothing),
	TEST(a_client_killed_in_a_callback), TEST(a_stopped_program_goes_on))
