/* SPDX-License-Identifier: MIT */
/* A file system that never answers holds up the one who brought it, and nobody else (S-12). */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/lib/stuck.h"
#include "tests/system/rig.h"

#define SEED       5
#define STUCK_MAX  6
#define ANSWERS    50
#define QUICK_MS   1000 /* on a machine with much else to do */
#define SIZE_BYTES 300000

static struct rig rig;
static struct stuck *stuck;

/* false: no such file system can be made here */
static bool stuck_rig(void)
{
	char *folder;
	int r;

	rig_new(&rig);
	folder = tmpdir_path("stuck");
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	r = stuck_new(folder, SIZE_BYTES, &stuck);
	free(folder);
	if (r) {
		printf("# no such file system here: %s\n", strerror(-r));
		rig_done(&rig);
	}
	return !r;
}

static struct app *app_named(const char *name)
{
	struct app_config config = { .identifier = name, .app_id = name };

	return app_open(&rig, &config);
}

/* tasks whose file does not answer, until the daemon has asked for it */
static void upload_stuck(struct app *app, unsigned n)
{
	transfer_task *tasks[STUCK_MAX];

	for (unsigned i = 0; i < n; i++) {
		transfer_request *request = app_request(app, "/store/stuck");

		transfer_request_set_method(request, "PUT");
		tasks[i] = app_make_upload(app, request, stuck_path(stuck));
	}
	stuck_freeze(stuck);
	for (unsigned i = 0; i < n; i++)
		transfer_task_resume(tasks[i]);
	ck_assert_int_eq(stuck_wait(stuck, 1, RIG_DEADLINE_MS), 0);
}

static void check_quick_answers(struct app *app)
{
	uint64_t worst_ms = 0;

	for (unsigned i = 0; i < ANSWERS; i++) {
		uint64_t begun_ms = proc_now_ms();

		app_tasks(app, NULL, 0);
		if (proc_now_ms() - begun_ms > worst_ms)
			worst_ms = proc_now_ms() - begun_ms;
	}
	printf("# the slowest of %u answers: %llu ms\n", ANSWERS, (unsigned long long)worst_ms);
	ck_assert_uint_lt(worst_ms, QUICK_MS);
}

/*
 * No signal ends the thread that is inside the file, so the process lingers. But it gives up the bus and its files, and
 * another can take over.
 */
static void replace_daemon(void)
{
	uint64_t until_ms = proc_now_ms() + 5000;
	pid_t pid = bus_daemon_pid(rig.bus);

	ck_assert_int_eq(kill(pid, SIGTERM), 0);
	while (bus_has_daemon(rig.bus) && proc_left_ms(until_ms) && proc_wait_pid(pid, 20))
		;
	ck_assert(!bus_has_daemon(rig.bus));
	ck_assert_int_eq(bus_start_daemon(rig.bus, RIG_DEADLINE_MS), 0);
	ck_assert_int_ne(bus_daemon_pid(rig.bus), pid);
}

static const unsigned n_stuck[] = { 1, STUCK_MAX };

START_TEST(holds_up_nobody_else)
{
	struct app *bad, *good;
	transfer_task *download, *upload;
	char *path;

	if (!stuck_rig())
		return;
	path = tmpdir_path("source");
	ck_assert_int_eq(origin_bytes_write(path, SEED, SIZE_BYTES), 0);
	bad = app_named("org.example.Bad");
	good = app_named("org.example.Good");
	upload_stuck(bad, n_stuck[_i]);
	check_quick_answers(good);
	download = app_download(good, "/file?size=300K&seed=5");
	app_check_download(good, download, "file done:0", SEED, 300 << 10);
	upload = app_upload(good, "PUT", "/store/good", path);
	ck_assert_int_eq(app_wait(good, upload), 0);
	replace_daemon();
	check_quick_answers(good);
	stuck = stuck_free(stuck);
	app_close(bad);
	app_close(good);
	free(path);
	rig_done(&rig);
}
END_TEST

/* A folder of which nobody learns whether it is there: who names it waits alone, and not for ever. */
START_TEST(a_name_holds_up_nobody_else)
{
	transfer_request *request;
	transfer_task *task, *download;
	struct app *bad, *good;
	char *path;

	if (!stuck_rig())
		return;
	bad = app_named("org.example.Bad");
	good = app_named("org.example.Good");
	request = app_request(bad, "/file?size=300K&seed=5");
	ck_assert_int_gt(
		asprintf(&path, "%.*s/dead/file",
			(int)(strlen(stuck_path(stuck)) - strlen("/file")), stuck_path(stuck)),
		0);
	transfer_request_set_destination(request, path, false);
	task = app_make(bad, request);
	transfer_task_resume(task);
	ck_assert_int_eq(stuck_wait(stuck, 1, RIG_DEADLINE_MS), 0);
	check_quick_answers(good);
	download = app_download(good, "/file?size=300K&seed=5");
	app_check_download(good, download, "file done:0", SEED, 300 << 10);
	/* refused, after the ten seconds that a call may wait for a disk */
	ck_assert_int_ne(app_wait(bad, task), 0);
	check_quick_answers(good);
	replace_daemon();
	check_quick_answers(good);
	stuck = stuck_free(stuck);
	app_close(bad);
	app_close(good);
	free(path);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/stuck", 60, TEST_EACH(holds_up_nobody_else, n_stuck),
	TEST(a_name_holds_up_nobody_else))
