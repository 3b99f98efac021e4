/* SPDX-License-Identifier: MIT */
/* Where files go, and what becomes of a file that others touch, want too, or that changes on the server. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

static struct rig rig;

static transfer_task *start_to(struct app *app, const char *target, const char *path)
{
	transfer_request *request = app_request(app, target);

	ck_assert_int_eq(transfer_request_set_destination(request, path, false), 0);
	return app_start(app, request);
}

/* UDM-20, BT-19: a place where no file can be made, before any traffic; the path is under the test's folder */
static const struct {
	const char *path;
	int want_code;
} places[] = {
	{ "nowhere/x", TRANSFER_ERROR_BACKGROUND_SESSION_REQUIRES_SHARED_CONTAINER },
	{ "file/x", TRANSFER_ERROR_BACKGROUND_SESSION_REQUIRES_SHARED_CONTAINER },
	{ "out", TRANSFER_ERROR_CANNOT_CREATE_FILE },
	{ "file", TRANSFER_ERROR_CANNOT_CREATE_FILE },
	{ "link", TRANSFER_ERROR_CANNOT_CREATE_FILE },
	{ "pipe", TRANSFER_ERROR_CANNOT_CREATE_FILE },
};

START_TEST(refuses_a_bad_place)
{
	char *path, *file, *link, *fifo, *text;
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	file = tmpdir_path("file");
	link = tmpdir_path("link");
	fifo = tmpdir_path("pipe");
	path = tmpdir_path("%s", places[_i].path);
	ck_assert_int_eq(tmpdir_write(file, "mine"), 0);
	ck_assert_int_eq(symlink("nothing-there", link), 0);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	app = app_open(&rig, NULL);
	task = start_to(app, "/contentOK", path);
	app_check_failed(app, task, places[_i].want_code);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 0);
	text = tmpdir_read(file);
	ck_assert_str_eq(text, "mine");
	free(text);
	free(path);
	free(file);
	free(link);
	free(fifo);
	app_close(app);
	rig_done(&rig);
}
END_TEST

static const char *const no_paths[] = { "x", "./x", "out/x", "", "/", "/tmp/", "/tmp/..",
	"/tmp/." };

START_TEST(wants_an_absolute_path)
{
	transfer_request *request = transfer_request_new("http://127.0.0.1/");

	ck_assert_int_eq(transfer_request_set_destination(request, no_paths[_i], false), -EINVAL);
	transfer_request_unref(request);
}
END_TEST

/* UDM-16, UDM-19, S-10: of those who want the same place the first has it; it is free again when its file is gone */
START_TEST(one_place_has_one_file)
{
	transfer_task *tasks[3];
	struct app *app;
	char *path;

	rig_new(&rig);
	path = tmpdir_path("out/same");
	app = app_open(&rig, NULL);
	tasks[0] = start_to(app, "/file?size=100K&seed=1&gate=g&gate_after=50K&n=0", path);
	tasks[1] = start_to(app, "/file?size=100K&seed=2&gate=h&gate_after=50K&n=1", path);
	ck_assert_int_eq(origin_wait_arrived(rig.origin, "/file", 2, RIG_DEADLINE_MS), 0);
	ck_assert_int_ne(access(path, F_OK), 0);
	origin_release(rig.origin, "g");
	app_check_download(app, tasks[0], "file done:0", 1, 100 << 10);
	ck_assert_str_eq(app_file(app, transfer_task_get_id(tasks[0])), path);
	origin_release(rig.origin, "h");
	app_check_failed(app, tasks[1], TRANSFER_ERROR_CANNOT_MOVE_FILE);
	ck_assert_int_eq(origin_bytes_check(path, 1, 100 << 10), 0);
	ck_assert_int_eq(unlink(path), 0);
	tasks[2] = start_to(app, "/file?size=100K&seed=3", path);
	app_check_download(app, tasks[2], "file done:0", 3, 100 << 10);
	free(path);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* any name that the file system takes, although the part beside it has a longer one; also when it breaks off in between */
START_TEST(takes_any_name)
{
	static const char *const names[] = { " a b ", "\xc3\xa4\xe2\x80\xae%2F?#", "-rf", ".hidden",
		"a\nb", "~", "$(x)" };
	char longest[256], *path;
	transfer_task *task;
	struct app *app;

	memset(longest, 'n', 255);
	longest[255] = '\0';
	rig_new(&rig);
	app = app_open(&rig, NULL);
	for (size_t i = 0; i <= sizeof(names) / sizeof(*names); i++) {
		path = tmpdir_path(
			"out/%s", i < sizeof(names) / sizeof(*names) ? names[i] : longest);
		task = start_to(app, "/file?size=900K&seed=1&drop_after=300K&drop_times=1", path);
		app_check_download(app, task, "file done:0", 1, 900 << 10);
		ck_assert_str_eq(app_file(app, transfer_task_get_id(task)), path);
		ck_assert_int_eq(unlink(path), 0);
		free(path);
	}
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* the folder goes away while the file comes: an error, and no other folder is made */
START_TEST(its_folder_goes)
{
	const char *argv[] = { "sh", "-c", "rm -r \"$1/out/d\"", "sh", NULL, NULL };
	char *folder, *path;
	transfer_task *task;
	struct app *app;
	int status, code;

	rig_new(&rig);
	folder = tmpdir_path("out/d");
	path = tmpdir_path("out/d/x");
	argv[4] = rig.folder;
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	app = app_open(&rig, NULL);
	task = start_to(app, "/file?size=900K&seed=1&gate=g&gate_after=300K", path);
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/file", 1, 300 << 10, RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(proc_run(argv, RIG_DEADLINE_MS, NULL, &status), 0);
	origin_release(rig.origin, "g");
	code = app_wait(app, task);
	ck_assert_msg(code == TRANSFER_ERROR_CANNOT_CREATE_FILE ||
			code == TRANSFER_ERROR_CANNOT_WRITE_TO_FILE ||
			code == TRANSFER_ERROR_CANNOT_MOVE_FILE,
		"%d", code);
	ck_assert_int_ne(access(folder, F_OK), 0);
	free(folder);
	free(path);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* UDM-19: cancelled or failed, a task leaves nothing at its place, and nothing beside it when it is removed */
static const struct {
	const char *target;
	bool cancel;
	int want_code;
} leavings[] = {
	{ "/file?size=100K&hang_after=50K", true, TRANSFER_ERROR_CANCELLED },
	{ "/redirect/99", false, TRANSFER_ERROR_TOO_MANY_REDIRECTS },
	{ "/Gomorrah", false, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
};

START_TEST(leaves_its_place_empty)
{
	const char *argv[] = { "sh", "-c", "ls -A \"$1/out\"", "sh", NULL, NULL };
	transfer_task *task;
	struct app *app;
	char *path, *output;
	int status;

	rig_new(&rig);
	path = tmpdir_path("out/x");
	app = app_open(&rig, NULL);
	task = start_to(app, leavings[_i].target, path);
	if (leavings[_i].cancel) {
		ck_assert_int_eq(
			origin_wait_bytes(rig.origin, "/file", 1, 50 << 10, RIG_DEADLINE_MS), 0);
		transfer_task_cancel(task);
	}
	app_check_failed(app, task, leavings[_i].want_code);
	ck_assert_int_ne(access(path, F_OK), 0);
	app_settle(app);
	app_close(app);
	/* until then a cancelled one could be tried again */
	RIG_CTL(&rig, NULL, "remove", "--all", "--yes");
	ck_assert_int_eq(bus_stop_daemon(rig.bus, RIG_DEADLINE_MS), 0);
	argv[4] = rig.folder;
	ck_assert_int_eq(proc_run(argv, RIG_DEADLINE_MS, &output, &status), 0);
	ck_assert_str_eq(output, "");
	free(output);
	free(path);
	rig_done(&rig);
}
END_TEST

static const struct {
	const char *target;
	uint64_t first_bytes;
} follows[] = {
	{ "/file?size=100K&seed=1&gate=g&gate_after=50K", 50 << 10 },
	{ "/file?size=400K&seed=1&gate=g&gate_after=300K", 300 << 10 },
	{ "/file?size=20K&seed=1&gate=g&gate_after=10K", 10 << 10 },
};

/* S-9: the folder is swapped for a link to another one while the file comes: that one is not touched */
START_TEST(follows_nobody_elsewhere)
{
	const char *argv[] = { "sh", "-c",
		"mv \"$1/out/d\" \"$1/out/e\" && ln -s ../victim \"$1/out/d\"", "sh", NULL, NULL };
	const char *list[] = { "sh", "-c", "cd \"$1/victim\" && ls -A && cat y", "sh", NULL, NULL };
	char *path, *folder, *victim, *y, *output;
	transfer_task *task;
	struct app *app;
	int status;

	rig_new(&rig);
	folder = tmpdir_path("out/d");
	victim = tmpdir_path("victim");
	path = tmpdir_path("out/d/x");
	y = tmpdir_path("victim/y");
	argv[4] = list[4] = rig.folder;
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	ck_assert_int_eq(mkdir(victim, 0700), 0);
	ck_assert_int_eq(tmpdir_write(y, "theirs"), 0);
	app = app_open(&rig, NULL);
	task = start_to(app, follows[_i].target, path);
	ck_assert_int_eq(
		origin_wait_bytes(rig.origin, "/file", 1, follows[_i].first_bytes, RIG_DEADLINE_MS),
		0);
	ck_assert_int_eq(proc_run(argv, RIG_DEADLINE_MS, NULL, &status), 0);
	ck_assert_int_eq(status, 0);
	origin_release(rig.origin, "g");
	app_check_failed(app, task, TRANSFER_ERROR_CANNOT_MOVE_FILE);
	ck_assert_int_eq(proc_run(list, RIG_DEADLINE_MS, &output, &status), 0);
	ck_assert_str_eq(output, "y\ntheirs");
	free(output);
	free(y);
	free(path);
	free(folder);
	free(victim);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* UDM-10: a Range of the caller's is dropped, and what goes on asks for its own */
START_TEST(asks_for_its_own_range)
{
	struct origin_entry entry;
	transfer_request *request;
	unsigned long long from;
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	request = app_request(app, "/file?size=900K&seed=1&drop_after=300K&drop_times=1");
	transfer_request_set_header(request, "Range", "bytes=7-9");
	transfer_request_set_header(request, "If-Range", "\"mine\"");
	task = app_start(app, request);
	app_check_download(app, task, "file done:0", 1, 900 << 10);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 1, &entry), 0);
	ck_assert_str_eq(entry.range, "");
	ck_assert_str_eq(entry.if_range, "");
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 2, &entry), 0);
	ck_assert_int_eq(sscanf(entry.range, "bytes=%llu-", &from), 1);
	ck_assert_uint_gt(from, 9);
	ck_assert(strcmp(entry.if_range, "\"mine\"") != 0);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* N-21: a server that changes the content and not the validator is found out by the digest */
START_TEST(the_digest_finds_a_liar)
{
	char *path = NULL, hex[65];
	transfer_request *request;
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	path = tmpdir_path("out/x");
	origin_bytes_sha256(1, 900 << 10, hex);
	app = app_open(&rig, NULL);
	request = app_request(app,
		"/file?size=900K&seed=1&etag=none&lastmod=1000000000&drop_after=300K&drop_times=1"
		"&changed_after=1");
	transfer_request_set_destination(request, path, false);
	transfer_request_set_checksum(request, "sha256", hex);
	task = app_start(app, request);
	app_check_failed(app, task, TRANSFER_ERROR_CHECKSUM_MISMATCH);
	ck_assert_int_ne(access(path, F_OK), 0);
	free(path);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* F-10: the part is taken away or cut while it is written: it is fetched again */
static const char *const damages[] = {
	"find \"$1\" -type f -size +100k -path '*transferd*' -not -name '*.db*' -not -name 'ballast*' "
	"-delete -print",
	"find \"$1\" -type f -size +100k -path '*transferd*' -not -name '*.db*' -not -name 'ballast*' "
	"-exec truncate -s 1000 {} + -print",
	"find \"$1\" -type d -name spool -prune -print -exec rm -r {} +",
};

START_TEST(survives_damage_while_it_runs)
{
	const char *argv[] = { "sh", "-c", damages[_i], "sh", NULL, NULL };
	transfer_task *task;
	struct app *app;
	char *output;
	int status;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_download(app, "/file?size=4M&seed=1&gate=g&gate_after=2M");
	app_wait_bytes(app, task, 2 << 20);
	argv[4] = rig.folder;
	ck_assert_int_eq(proc_run(argv, RIG_DEADLINE_MS, &output, &status), 0);
	ck_assert_int_eq(status, 0);
	ck_assert_str_ne(output, "");
	free(output);
	origin_release(rig.origin, "g");
	app_check_download(app, task, "file done:0", 1, 4 << 20);
	ck_assert_uint_eq(bus_daemon_starts(rig.bus), 1);
	app_close(app);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/places", 60, TEST_EACH(refuses_a_bad_place, places),
	TEST_EACH(wants_an_absolute_path, no_paths), TEST(one_place_has_one_file),
	TEST(takes_any_name), TEST(its_folder_goes), TEST_EACH(leaves_its_place_empty, leavings),
	TEST_EACH(follows_nobody_elsewhere, follows), TEST(asks_for_its_own_range),
	TEST(the_digest_finds_a_liar), TEST_EACH(survives_damage_while_it_runs, damages))
