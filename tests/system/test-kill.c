/* SPDX-License-Identifier: MIT */
/* The daemon dies, is stopped, or finds its files damaged: tasks go on, and nothing is told twice (BT-10, F-4, F-9, F-22). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

#define SIZE    (4u << 20)
#define HALF    (2u << 20)
#define STOP_MS 10000 /* five seconds, and what a busy machine adds */

static struct rig rig;

/* in the middle of a body, again and again, with the client attached all the time */
START_TEST(goes_on_after_each_death)
{
	transfer_task *task;
	struct app *app;
	uint64_t id;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_download(app, "/file?size=4M&seed=1&gate=g&gate_after=2M");
	id = transfer_task_get_id(task);
	for (unsigned i = 1; i <= 4; i++) {
		ck_assert_int_eq(origin_wait_arrived(rig.origin, "/file", i, RIG_DEADLINE_MS), 0);
		rig_restart_daemon(&rig);
	}
	origin_release(rig.origin, "g");
	app_check_download(app, task, NULL, 1, SIZE);
	ck_assert_uint_eq(transfer_task_get_id(task), id);
	ck_assert_uint_eq(bus_daemon_starts(rig.bus), 5);
	ck_assert_uint_eq(app_tasks(app, NULL, 0), 0);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* F-4: of what was received before the death hardly a byte is fetched again; a checkpoint need not be near */
START_TEST(goes_on_from_the_last_bytes)
{
	struct origin_entry entry;
	transfer_request *request;
	transfer_task *task;
	struct app *app;
	unsigned long long from;
	char hex[65], *digest;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	request = app_request(app, "/file?size=16M&seed=1&gate=g&gate_after=9M&rate_bps=16M");
	origin_bytes_sha256(1, 16 << 20, hex);
	/* loops: without a digest, with one to be told, with one to be checked */
	if (_i == 1)
		transfer_request_set_want_digest(request, "sha256");
	if (_i == 2)
		transfer_request_set_checksum(request, "sha256", hex);
	task = app_start(app, request);
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/file", 1, 9 << 20, RIG_DEADLINE_MS), 0);
	app_wait_bytes(app, task, 9 << 20);
	rig_restart_daemon(&rig);
	origin_release(rig.origin, "g");
	app_check_download(app, task, "file done:0", 1, 16 << 20);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 2, &entry), 0);
	ck_assert_int_eq(sscanf(entry.range, "bytes=%llu-", &from), 1);
	ck_assert_uint_ge(from, (9 << 20) - (512 << 10));
	digest = transfer_task_copy_digest(task, "sha256");
	if (_i)
		ck_assert_str_eq(digest, hex);
	free(digest);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* More than 32 bits count: of a file over 4 GiB the most is a hole that stands for what had come before the death. */
START_TEST(goes_on_behind_4_gib)
{
	const uint64_t size = (UINT64_C(4) << 30) + 20000, kept = size - (2 << 20);
	char range[64], want[10000], got[sizeof(want)];
	struct origin_entry entry;
	transfer_request *request;
	transfer_task *task;
	struct app *app;
	int64_t total, expected;
	char *place, *part;
	int fd;

	rig_new(&rig);
	place = tmpdir_path("out/big");
	app = app_open(&rig, NULL);
	/* without a length at first: no room is made for so much */
	request = app_request(app, "/file?size=4294987296&seed=1&chunked&gate=g&gate_after=1M");
	transfer_request_set_destination(request, place, false);
	task = app_start(app, request);
	app_wait_bytes(app, task, 1 << 20);
	ck_assert_int_eq(bus_kill_daemon(rig.bus), 0);
	ck_assert_int_gt(asprintf(&part, "%s/out/.big.%llu.part", rig.folder,
				 (unsigned long long)transfer_task_get_id(task)),
		0);
	ck_assert_int_eq(truncate(part, (off_t)kept), 0);
	ck_assert_int_eq(bus_start_daemon(rig.bus, RIG_DEADLINE_MS), 0);
	app_wait_bytes(app, task, (int64_t)kept + (1 << 20));
	app_settle(app);
	origin_release(rig.origin, "g");
	ck_assert_int_eq(app_wait(app, task), 0);
	snprintf(range, sizeof(range), "bytes=%llu-", (unsigned long long)kept);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 2, &entry), 0);
	ck_assert_str_eq(entry.range, range);
	ck_assert(app_progress(app, transfer_task_get_id(task), &total, &expected));
	ck_assert_int_eq(total, (int64_t)size);
	ck_assert_int_eq(expected, (int64_t)size);
	fd = open(place, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(pread(fd, got, sizeof(got), (off_t)kept), sizeof(got));
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), (off_t)size);
	close(fd);
	origin_bytes(1, kept, want, sizeof(want));
	ck_assert_mem_eq(got, want, sizeof(want));
	free(part);
	free(place);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/*
 * F-8: the kernel tells of a lost write once, and whoever was told may die of something else before it can say so. A sync
 * that did not end well is a failed one.
 */
static const struct {
	const char *at; /* of the first daemon */
	const char *range; /* of the second request */
} syncs[] = {
	{ "disk.sync.data:1", "" },
	{ "disk.sync.data:1=5", "" },
	{ "disk.sync.after:1", "bytes=4194304-" },
};

START_TEST(believes_no_sync_that_did_not_end)
{
	struct origin_entry entry;
	struct app *app;
	char *env;

	rig_new(&rig);
	ck_assert_int_gt(asprintf(&env, "[ -s '%s/daemon.pids' ] || TRANSFERD_FAILPOINT=%s",
				 rig.folder, syncs[_i].at),
		0);
	bus_set_daemon_env(rig.bus, env);
	free(env);
	app = app_open(&rig, NULL);
	app_check_download(app, app_download(app, "/file?size=4M&seed=1"), NULL, 1, SIZE);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 2, &entry), 0);
	ck_assert_str_eq(entry.range, syncs[_i].range);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* what a reply has promised is there after a death right behind it (I1) */
START_TEST(keeps_its_promises)
{
	transfer_task *tasks[50];
	struct app *app;
	uint64_t ids[64];

	rig_new(&rig);
	app = app_open(&rig, NULL);
	for (unsigned i = 0; i < 50; i++)
		tasks[i] = app_make(app, app_request(app, "/file?size=5&seed=1"));
	app_flush(app);
	ck_assert_int_eq(bus_kill_daemon(rig.bus), 0);
	ck_assert_int_eq(bus_start_daemon(rig.bus, RIG_DEADLINE_MS), 0);
	ck_assert_uint_eq(app_tasks(app, ids, 64), 50);
	for (unsigned i = 0; i < 50; i++)
		transfer_task_resume(tasks[i]);
	app_flush(app);
	ck_assert_int_eq(bus_kill_daemon(rig.bus), 0);
	ck_assert_int_eq(bus_start_daemon(rig.bus, RIG_DEADLINE_MS), 0);
	for (unsigned i = 0; i < 50; i++)
		app_check_download(app, tasks[i], "file done:0", 1, 5);
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
	app_download(app, "/file?size=1M&seed=1");
	app_close(app);
}

/* finished, not taken yet: file and events outlive the daemon; then it is told once */
START_TEST(keeps_finished_files)
{
	struct app *app;

	rig_new(&rig);
	base = origin_base(rig.origin);
	ck_assert_int_eq(rig_join(rig_fork(&rig, start_and_leave, NULL)), 0);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "wait", "--all", "--timeout=20s"), 0);
	for (unsigned i = 0; i < 3; i++)
		rig_restart_daemon(&rig);
	app = app_open(&rig, NULL);
	ck_assert(app_wait_caught_up(app));
	ck_assert_str_eq(app_events(app, 1), "file done:0");
	ck_assert_int_eq(origin_bytes_check(app_file(app, 1), 1, 1 << 20), 0);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file"), 1);
	/* the same program stays and the daemon dies: nothing is told again */
	rig_restart_daemon(&rig);
	ck_assert_uint_eq(app_tasks(app, NULL, 0), 0);
	ck_assert_str_eq(app_events(app, 1), "file done:0");
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* F-22: a clean stop is quick and loses no byte that was there */
START_TEST(stops_in_peace)
{
	struct origin_entry entry;
	transfer_task *task;
	struct app *app;
	unsigned long long from;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_download(app, "/file?size=4M&seed=1&gate=g&gate_after=2M");
	app_wait_bytes(app, task, 2 << 20);
	ck_assert_int_eq(bus_stop_daemon(rig.bus, STOP_MS), 0);
	origin_release(rig.origin, "g");
	ck_assert_int_eq(bus_start_daemon(rig.bus, RIG_DEADLINE_MS), 0);
	app_check_download(app, task, NULL, 1, SIZE);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 2, &entry), 0);
	ck_assert_int_eq(sscanf(entry.range, "bytes=%llu-", &from), 1);
	ck_assert_uint_gt(from, 0);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* I4: who ends in order has saved how long each part is; what somebody puts behind that is not taken for the file */
START_TEST(believes_nothing_behind_an_end_in_order)
{
	static const char junk[512 << 10] = "junk";
	transfer_task *task;
	struct app *app;
	char *path;
	FILE *part;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_download(app, "/file?size=4M&seed=1&gate=g&gate_after=2M");
	app_wait_bytes(app, task, 2 << 20);
	ck_assert_int_eq(bus_stop_daemon(rig.bus, STOP_MS), 0);
	path = tmpdir_path("state/transferd/spool/1.part");
	part = fopen(path, "r+");
	ck_assert_ptr_nonnull(part);
	ck_assert_int_eq(fseek(part, 0, SEEK_END), 0);
	ck_assert_uint_eq(fwrite(junk, sizeof(junk), 1, part), 1);
	ck_assert_int_eq(fclose(part), 0);
	free(path);
	origin_release(rig.origin, "g");
	ck_assert_int_eq(bus_start_daemon(rig.bus, RIG_DEADLINE_MS), 0);
	app_check_download(app, task, NULL, 1, SIZE);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* a second daemon for the same user gives up with an error and disturbs nothing */
START_TEST(is_alone)
{
	const char *argv[] = { bus_built("transferd"), "--user", NULL };
	transfer_task *task;
	struct app *app;
	char *output;
	int status;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_download(app, "/file?size=1M&seed=1&gate=g&gate_after=500K");
	ck_assert_int_eq(proc_run(argv, RIG_DEADLINE_MS, &output, &status), 0);
	ck_assert(WIFEXITED(status));
	ck_assert_int_ne(WEXITSTATUS(status), 0);
	ck_assert_uint_gt(strlen(output), 0);
	free(output);
	origin_release(rig.origin, "g");
	app_check_download(app, task, "file done:0", 1, 1 << 20);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* F-9: a damaged database is set aside; the daemon starts and works, and does not start over and over */
static const struct {
	const char *what;
	const char *script;
} damages[] = {
	{ "overwritten", "dd if=/dev/urandom of=\"$1\" bs=4096 count=4 conv=notrunc status=none" },
	{ "cut", "truncate -s 5000 \"$1\"" },
	{ "empty", "truncate -s 0 \"$1\"" },
	{ "text", "echo hello >\"$1\"" },
	{ "gone", "rm -f \"$1\" \"$1-wal\" \"$1-shm\"" },
};

START_TEST(sets_a_damaged_database_aside)
{
	const char *argv[] = { "sh", "-c", damages[_i].script, "sh", NULL, NULL };
	transfer_task *task;
	struct app *app;
	char *path;
	int status;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	app_make(app, app_request(app, "/file?size=1"));
	app_flush(app);
	app_close(app);
	ck_assert_int_eq(bus_stop_daemon(rig.bus, RIG_DEADLINE_MS), 0);
	path = tmpdir_path("state/transferd/queue.db");
	ck_assert_int_eq(access(path, F_OK), 0);
	argv[4] = path;
	ck_assert_int_eq(proc_run(argv, RIG_DEADLINE_MS, NULL, &status), 0);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(bus_start_daemon(rig.bus, 10000), 0);
	app = app_open(&rig, NULL);
	task = app_download(app, "/file?size=9&seed=2");
	app_check_download(app, task, "file done:0", 2, 9);
	ck_assert_uint_eq(bus_daemon_starts(rig.bus), 2);
	app_close(app);
	free(path);
	rig_done(&rig);
}
END_TEST

/* N-18: what is secret in URL and headers is in no log; and the files are private (S-26) */
START_TEST(keeps_secrets_out_of_the_log)
{
	const char *argv[] = { "sh", "-c",
		"find \"$1/state\" \\( -type d -perm /077 -o -type f -perm /077 \\)", "sh", NULL,
		NULL };
	static const char *const targets[] = {
		"/file?size=9&seed=1&token=SECRET-1",
		"/file?redirect_to=/file?token=SECRET-2",
		"/file?drop_after=0&drop_times=1&token=SECRET-3",
		"/file?status=500&header=Set-Cookie:%20SECRET-4",
	};
	transfer_request *request;
	struct app *app;
	char *output;
	int status;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
		transfer_task *task;

		request = app_request(app, targets[i]);
		transfer_request_set_header(request, "Authorization", "Bearer SECRET-5");
		transfer_request_set_description(request, "line\nSECRET-6\x1b[31m");
		task = app_start(app, request);
		ck_assert_int_eq(app_wait(app, task), 0);
	}
	argv[4] = rig.folder;
	ck_assert_int_eq(proc_run(argv, RIG_DEADLINE_MS, &output, &status), 0);
	ck_assert_str_eq(output, "");
	free(output);
	app_close(app);
	rig_done(&rig);
	ck_assert_uint_eq(rig_log_count(&rig, "SECRET"), 0);
}
END_TEST

RUN_TESTS_WITHIN("system/kill", 60, TEST(goes_on_after_each_death),
	TEST_LOOP(goes_on_from_the_last_bytes, 3), TEST(goes_on_behind_4_gib),
	TEST_EACH(believes_no_sync_that_did_not_end, syncs), TEST(keeps_its_promises),
	TEST(keeps_finished_files), TEST(stops_in_peace),
	TEST(believes_nothing_behind_an_end_in_order), TEST(is_alone),
	TEST_EACH(sets_a_damaged_database_aside, damages), TEST(keeps_secrets_out_of_the_log))
