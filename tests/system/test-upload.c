/* SPDX-License-Identifier: MIT */
/* Background uploads: every byte of the file as it was, once per attempt, and never again after an answer. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

#define SEED 21

static struct rig rig;

static char *new_source(uint64_t size)
{
	char *path = tmpdir_path("source");

	ck_assert_int_eq(origin_bytes_write(path, SEED, size), 0);
	return path;
}

/* SW-67, GS-14, BT-21, BT-22: methods, sizes, answers */
static const struct {
	const char *method;
	const char *target;
	uint64_t size;
	int want_status;
	int64_t want_data; /* bytes of the answer; -1: as it comes */
} cases[] = {
	{ "PUT", "/store/a", 16384, 201, -1 },
	{ "POST", "/upload", 10926, 200, -1 },
	{ "PUT", "/store/a", 0, 201, -1 },
	{ "PUT", "/store/a", 30 << 20, 201, -1 },
	{ "PUT", "/store/a?no_continue", 3 << 20, 201, -1 },
	{ "PUT", "/store/a?reply_size=200000&seed=4", 1000, 201, 200000 },
	{ "PUT", "/store/a?answer=204", 1000, 204, 0 },
	{ "PUT", "/store/a?status=403", 1000, 403, -1 },
	{ "PUT", "/store/a?status=500", 3 << 20, 500, -1 },
	{ "PUT", "/store/a?status=413&early", 3 << 20, 413, -1 },
};

START_TEST(sends_the_file)
{
	const char *events;
	struct origin_entry entry;
	transfer_task *task;
	struct app *app;
	char hex[65];
	char *path;
	long long n = 0;

	rig_new(&rig);
	path = new_source(cases[_i].size);
	origin_bytes_sha256(SEED, cases[_i].size, hex);
	app = app_open(&rig, NULL);
	task = app_upload(app, cases[_i].method, cases[_i].target, path);
	ck_assert_int_eq(app_wait(app, task), 0);
	ck_assert_int_eq(app_status(task), cases[_i].want_status);
	events = APP_EVENTS(app, task);
	if (cases[_i].want_data == 0) {
		ck_assert_str_eq(events, "done:0");
	} else {
		ck_assert_msg(sscanf(events, "data:%lld done:0", &n) == 1, "events: '%s'", events);
		ck_assert_ptr_nonnull(strstr(events, "done:0"));
		if (cases[_i].want_data > 0)
			ck_assert_int_eq(n, cases[_i].want_data);
	}
	ck_assert_int_eq(origin_log_find(rig.origin, "/", 1, &entry), 0);
	ck_assert_str_eq(entry.method, cases[_i].method);
	if (!strstr(cases[_i].target, "early"))
		ck_assert_str_eq(entry.body_sha256, hex);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 1);
	/* the source is never touched (BT-21) */
	ck_assert_int_eq(origin_bytes_check(path, SEED, cases[_i].size), 0);
	free(path);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* SW-09, GS-14: Content-Type and length are what the caller and the file say; the answer has a header and no body */
START_TEST(sends_headers)
{
	transfer_auto(transfer_response) response = NULL;
	struct origin_entry entry;
	transfer_request *request;
	transfer_task *task;
	struct app *app;
	char value[64];
	char *path;

	rig_new(&rig);
	path = new_source(1234);
	app = app_open(&rig, NULL);
	request = app_request(app, "/file?size=0&header=X-Reply:%20yes");
	transfer_request_set_method(request, "POST");
	transfer_request_set_header(request, "Content-Type", "text/plain");
	transfer_request_set_header(request, "X-Mark", "m");
	transfer_request_set_header(request, "Content-Length", "7");
	task = app_make_upload(app, request, path);
	transfer_task_resume(task);
	app_flush(app);
	ck_assert_int_eq(app_wait(app, task), 0);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 1, &entry), 0);
	ck_assert(origin_entry_header(&entry, "Content-Type", value, sizeof(value)));
	ck_assert_str_eq(value, "text/plain");
	ck_assert(origin_entry_header(&entry, "X-Mark", value, sizeof(value)));
	ck_assert(origin_entry_header(&entry, "Content-Length", value, sizeof(value)));
	ck_assert_str_eq(value, "1234");
	ck_assert_str_eq(APP_EVENTS(app, task), "done:0");
	response = transfer_task_copy_response(task);
	ck_assert_int_eq(transfer_response_get_status(response), 200);
	ck_assert_str_eq(transfer_response_get_header(response, "x-reply"), "yes");
	free(path);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* BT-20: what happens to the source after the task was made does not matter with a snapshot */
static const char *const fates[] = { "removed", "overwritten", "grown", "replaced" };

static void befall(const char *fate, const char *path, uint64_t size)
{
	char *other = tmpdir_path("other");

	if (!strcmp(fate, "removed"))
		unlink(path);
	else if (!strcmp(fate, "overwritten"))
		origin_bytes_write(path, SEED + 1, size);
	else if (!strcmp(fate, "grown"))
		origin_bytes_write(path, SEED, size + 1000);
	else if (!origin_bytes_write(other, SEED + 1, size))
		rename(other, path);
	free(other);
}

START_TEST(sends_what_was_there)
{
	struct origin_entry entry;
	transfer_request *request;
	transfer_task *task;
	struct app *app;
	char hex[65];
	char *path;

	rig_new(&rig);
	path = new_source(2 << 20);
	origin_bytes_sha256(SEED, 2 << 20, hex);
	app = app_open(&rig, NULL);
	request = app_request(app, "/store/a");
	transfer_request_set_method(request, "PUT");
	task = app_make_upload(app, request, path);
	app_flush(app);
	befall(fates[_i], path, 2 << 20);
	transfer_task_resume(task);
	ck_assert_int_eq(app_wait(app, task), 0);
	ck_assert_int_eq(origin_log_find(rig.origin, "/store/a", 1, &entry), 0);
	ck_assert_str_eq(entry.body_sha256, hex);
	free(path);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* F-20: without a copy a changed source is an error, and the server never gets a whole body of mixed content */
START_TEST(refuses_a_changed_source)
{
	struct origin_entry entry;
	transfer_request *request;
	transfer_task *task;
	struct app *app;
	char *path;
	int code;

	rig_new(&rig);
	path = new_source(64 << 20);
	app = app_open(&rig, NULL);
	request = app_request(app, "/store/a?gate=g&gate_after=100K");
	transfer_request_set_method(request, "PUT");
	transfer_request_set_upload_copy(request, TRANSFER_UPLOAD_COPY_NONE);
	task = app_make_upload(app, request, path);
	transfer_task_resume(task);
	app_flush(app);
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/store/a", 1, 1, RIG_DEADLINE_MS), 0);
	befall(fates[_i], path, 64 << 20);
	origin_release(rig.origin, "g");
	code = app_wait(app, task);
	ck_assert_int_eq(origin_log_find(rig.origin, "/store/a", 1, &entry), 0);
	ck_assert_int_eq(code, TRANSFER_ERROR_SOURCE_CHANGED);
	ck_assert_str_eq(entry.body_sha256, "");
	ck_assert_str_eq(APP_EVENTS(app, task), "done:-3101");
	free(path);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* BT-23, BT-48b: broken in the middle, sent again from byte 0 */
static const char *const cuts[] = {
	"/store/a?drop_after=500K&drop_times=1",
	"/store/a?drop_after=500K&drop_times=1&drop=rst",
	"/store/a?drop_after=0&drop_times=1",
};

START_TEST(sends_again_after_a_cut)
{
	struct origin_entry entry;
	transfer_request *request;
	transfer_task *task;
	struct app *app;
	char hex[65], value[64];
	char *path;

	rig_new(&rig);
	path = new_source(8 << 20);
	origin_bytes_sha256(SEED, 8 << 20, hex);
	app = app_open(&rig, NULL);
	request = app_request(app, cuts[_i]);
	transfer_request_set_method(request, "POST");
	transfer_request_set_header(request, "Idempotency-Key", "k1");
	task = app_make_upload(app, request, path);
	transfer_task_resume(task);
	app_flush(app);
	ck_assert_int_eq(app_wait(app, task), 0);
	ck_assert_int_eq(app_status(task), 201);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/store/a"), 2);
	ck_assert_int_eq(origin_log_find(rig.origin, "/store/a", 2, &entry), 0);
	ck_assert_str_eq(entry.body_sha256, hex);
	ck_assert(origin_entry_header(&entry, "Idempotency-Key", value, sizeof(value)));
	ck_assert_str_eq(value, "k1");
	free(path);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* BT-25: after a final answer the daemon dies, in every phase of telling; the server sees one request */
START_TEST(never_sends_again_after_an_answer)
{
	transfer_task *task;
	struct app *app;
	uint64_t id;
	char *path;

	rig_new(&rig);
	path = new_source(100000);
	app = app_open(&rig, NULL);
	task = app_upload(app, "POST", "/upload?reply_size=3M&gate=g", path);
	id = transfer_task_get_id(task);
	origin_release(rig.origin, "g");
	ck_assert_int_eq(origin_wait_ended(rig.origin, "/upload", 1, RIG_DEADLINE_MS), 0);
	rig_restart_daemon(&rig);
	ck_assert_int_eq(app_wait_id(app, id), 0);
	rig_restart_daemon(&rig);
	ck_assert_uint_le(origin_log_count(rig.origin, "/upload"), 2);
	ck_assert_str_eq(strstr(app_events(app, id), "done"), "done:0");
	free(path);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* sources that cannot be sent */
static const struct {
	const char *name;
	int want_code;
} wrong[] = {
	{ "nowhere", TRANSFER_ERROR_FILE_DOES_NOT_EXIST },
	{ "out", TRANSFER_ERROR_FILE_IS_DIRECTORY },
};

/* BT-82: what cannot be resumed starts over, with totals from 0 */
START_TEST(starts_over_after_a_suspension)
{
	struct origin_entry entry;
	transfer_task *task;
	struct app *app;
	char hex[65];
	char *path;

	rig_new(&rig);
	path = new_source(8 << 20);
	origin_bytes_sha256(SEED, 8 << 20, hex);
	app = app_open(&rig, NULL);
	task = app_upload(app, "PUT", "/store/a?gate=g&gate_after=1M", path);
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/store/a", 1, 1 << 20, RIG_DEADLINE_MS), 0);
	transfer_task_suspend(task);
	app_flush(app);
	transfer_task_resume(task);
	app_flush(app);
	ck_assert_int_eq(origin_wait_arrived(rig.origin, "/store/a", 2, RIG_DEADLINE_MS), 0);
	origin_release(rig.origin, "g");
	ck_assert_int_eq(app_wait(app, task), 0);
	ck_assert_int_eq(origin_log_find(rig.origin, "/store/a", 2, &entry), 0);
	ck_assert_uint_eq(entry.body_received_bytes, 8 << 20);
	ck_assert_str_eq(entry.body_sha256, hex);
	free(path);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* It was there when the task was made, and is not when the task begins. */
START_TEST(a_source_that_has_gone)
{
	transfer_request *request;
	transfer_task *task;
	struct app *app;
	char *path;

	rig_new(&rig);
	path = new_source(1000);
	app = app_open(&rig, NULL);
	request = app_request(app, "/store/a");
	transfer_request_set_method(request, "PUT");
	transfer_request_set_upload_copy(request, TRANSFER_UPLOAD_COPY_NONE);
	task = app_make_upload(app, request, path);
	app_flush(app);
	ck_assert_int_eq(unlink(path), 0);
	transfer_task_resume(task);
	app_check_failed(app, task, TRANSFER_ERROR_FILE_DOES_NOT_EXIST);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 0);
	free(path);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* BT-21: whatever comes of the task, the source stays what it is, with a copy and without one */
static const struct {
	const char *target;
	enum transfer_upload_copy copy;
	bool is_cancelled;
	int want_code;
} outcomes[] = {
	{ "/store/a?gate=g&gate_after=1", TRANSFER_UPLOAD_COPY_SNAPSHOT, true,
		TRANSFER_ERROR_CANCELLED },
	{ "/store/a?gate=g&gate_after=1", TRANSFER_UPLOAD_COPY_NONE, true,
		TRANSFER_ERROR_CANCELLED },
	{ "/store/a", TRANSFER_UPLOAD_COPY_NONE, false, 0 },
	{ "/Gomorrah", TRANSFER_UPLOAD_COPY_NONE, false, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
	{ "/Gomorrah", TRANSFER_UPLOAD_COPY_SNAPSHOT, false, TRANSFER_ERROR_BAD_SERVER_RESPONSE },
};

START_TEST(leaves_the_source_alone)
{
	transfer_request *request;
	struct stat before, after;
	transfer_task *task;
	struct app *app;
	char *path;

	rig_new(&rig);
	path = new_source(5 << 20);
	ck_assert_int_eq(stat(path, &before), 0);
	app = app_open(&rig, NULL);
	request = app_request(app, outcomes[_i].target);
	transfer_request_set_method(request, "PUT");
	transfer_request_set_upload_copy(request, outcomes[_i].copy);
	task = app_make_upload(app, request, path);
	transfer_task_resume(task);
	app_flush(app);
	if (outcomes[_i].is_cancelled) {
		ck_assert_int_eq(
			origin_wait_bytes(rig.origin, "/store/a", 1, 1, RIG_DEADLINE_MS), 0);
		transfer_task_cancel(task);
	}
	ck_assert_int_eq(app_wait(app, task), outcomes[_i].want_code);
	ck_assert_int_eq(stat(path, &after), 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	ck_assert_int_eq(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
	ck_assert_int_eq(origin_bytes_check(path, SEED, 5 << 20), 0);
	free(path);
	app_close(app);
	rig_done(&rig);
}
END_TEST

START_TEST(refuses_what_is_no_file)
{
	transfer_task *task;
	struct app *app;
	char *path;

	rig_new(&rig);
	path = tmpdir_path("%s", wrong[_i].name);
	app = app_open(&rig, NULL);
	task = app_upload(app, "PUT", "/store/a", path);
	ck_assert_int_eq(transfer_task_wait(task, RIG_DEADLINE_MS, NULL), -EIO);
	{
		transfer_auto(transfer_error) error = transfer_task_copy_error(task);

		ck_assert_int_eq(transfer_error_get_code(error), wrong[_i].want_code);
	}
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 0);
	free(path);
	app_close(app);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/upload", 60, TEST_EACH(sends_the_file, cases), TEST(sends_headers),
	TEST_EACH(sends_what_was_there, fates), TEST_EACH(refuses_a_changed_source, fates),
	TEST_EACH(sends_again_after_a_cut, cuts), TEST(never_sends_again_after_an_answer),
	TEST_EACH(refuses_what_is_no_file, wrong), TEST(starts_over_after_a_suspension),
	TEST(a_source_that_has_gone), TEST_EACH(leaves_the_source_alone, outcomes))
