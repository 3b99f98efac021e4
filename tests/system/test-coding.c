/* SPDX-License-Identifier: MIT */
/*
 * Answers with a content coding, seen from an application: it gets the decoded file or a named
 * error, and nothing to go on with.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

#define RAW  TRANSFER_ERROR_CANNOT_DECODE_RAW_DATA
#define DATA TRANSFER_ERROR_CANNOT_DECODE_CONTENT_DATA

static struct rig rig;

static void check_counters(transfer_task *task, int64_t size_bytes)
{
	struct transfer_progress progress = { .size = sizeof(progress) };

	ck_assert_int_eq(transfer_task_get_progress(task, &progress), 0);
	ck_assert_int_eq(progress.received_bytes, size_bytes);
	ck_assert_int_eq(progress.expected_receive_bytes, TRANSFER_SIZE_UNKNOWN);
}

/* BT-91, UDM-22: written is what was decoded, expected is unknown, the file is the decoded body */
static const char *const codings[] = { "gzip", "deflate", "raw", "br", "zstd", "gzip&chunked",
	"gzip&no_length" };

START_TEST(delivers_the_decoded_file)
{
	transfer_response *response;
	int64_t total, expected;
	transfer_task *task;
	char target[128];
	struct app *app;
	uint64_t id;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	snprintf(target, sizeof(target), "/file?size=1M&seed=1&gate=g&gate_after=512K&coding=%s",
		codings[_i]);
	task = app_download(app, target);
	id = transfer_task_get_id(task);
	ck_assert_int_eq(app_wait_event(app, id, "progress", 1, RIG_DEADLINE_MS), 0);
	origin_release(rig.origin, "g");
	app_check_download(app, task, "file done:0", 1, 1 << 20);
	ck_assert(app_progress(app, id, &total, &expected));
	ck_assert_int_eq(total, 1 << 20);
	ck_assert_int_eq(expected, TRANSFER_SIZE_UNKNOWN);
	check_counters(task, 1 << 20);
	response = transfer_task_copy_response(task);
	ck_assert_int_eq(transfer_response_get_expected_length(response), TRANSFER_SIZE_UNKNOWN);
	ck_assert_ptr_nonnull(transfer_response_get_header(response, "Content-Encoding"));
	transfer_response_unref(response);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* SW-11, SW-12, SW-26: "Hello World!" */
START_TEST(delivers_hello)
{
	static const char *const targets[] = { "/gzipped-response", "/brotli-response" };
	transfer_task *task;
	char text[32] = "";
	struct app *app;
	FILE *f;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	for (unsigned i = 0; i < 2; i++) {
		task = app_download(app, targets[i]);
		ck_assert_int_eq(app_wait(app, task), 0);
		f = fopen(app_file(app, transfer_task_get_id(task)), "re");
		ck_assert_ptr_nonnull(f);
		ck_assert_uint_eq(fread(text, 1, sizeof(text), f), 12);
		ck_assert_str_eq(text, "Hello World!");
		fclose(f);
		check_counters(task, 12);
	}
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* a coding is named for what is empty, and no byte of it comes: an empty file, as browsers have it */
static const char *const nothings[] = { "gzip", "deflate", "br", "zstd" };

START_TEST(takes_nothing_for_nothing)
{
	transfer_task *task;
	char target[128];
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	snprintf(target, sizeof(target), "/file?size=9K&coding=%s&coded_permille=0", nothings[_i]);
	task = app_download(app, target);
	app_check_download(app, task, "file done:0", 1, 0);
	check_counters(task, 0);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* N-9, N-10: no file, no second request, nothing to go on with */
static const struct {
	const char *knobs;
	int want_code;
} refused[] = {
	{ "size=30K&coding=gzip&coded_permille=1", RAW },
	{ "size=30K&coding=gzip&coded_permille=500", RAW },
	{ "size=30K&coding=gzip&coded_permille=999", RAW },
	{ "size=30K&coding=br&coded_permille=500", RAW },
	{ "size=30K&coding=zstd&coded_permille=500", RAW },
	{ "size=30K&coding=raw&coded_permille=999", RAW },
	{ "size=200M&zeros&coding=gzip", RAW },
	{ "size=30K&coding=gzip&coded_junk=junk", RAW },
	{ "size=30K&coding=gzip&coded_as=br", RAW },
	{ "size=30K&coding=gzip&coded_as=compress", DATA },
	{ "size=30K&coding=gzip,gzip,gzip,gzip,gzip,gzip", DATA },
};

START_TEST(refuses)
{
	transfer_auto(transfer_error) error = NULL;
	transfer_task *task;
	char target[256];
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	snprintf(target, sizeof(target), "/file?seed=1&%s", refused[_i].knobs);
	task = app_download(app, target);
	ck_assert_int_eq(app_wait(app, task), refused[_i].want_code);
	app_check_failed(app, task, refused[_i].want_code);
	error = transfer_task_copy_error(task);
	ck_assert_ptr_null(transfer_error_get_resume_data(error));
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file"), 1);
	ck_assert_uint_eq(bus_daemon_starts(rig.bus), 1);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* the digest is of the file, not of what the network carried */
START_TEST(checks_the_digest_of_the_file)
{
	transfer_auto(transfer_request) request = NULL;
	char hex[65], *digest;
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	origin_bytes_sha256(1, 3 << 20, hex);
	app = app_open(&rig, NULL);
	request = app_request(app, "/file?size=3M&seed=1&coding=br");
	ck_assert_int_eq(transfer_request_set_checksum(request, "sha256", hex), 0);
	task = app_start(app, transfer_request_ref(request));
	app_check_download(app, task, "file done:0", 1, 3 << 20);
	digest = transfer_task_copy_digest(task, "sha256");
	ck_assert_str_eq(digest, hex);
	free(digest);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* the daemon dies in the middle: nothing of a coded body was promised, all of it comes again */
START_TEST(starts_anew_after_a_death)
{
	struct origin_entry entry;
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_download(app, "/file?size=8M&seed=1&coding=gzip&gate=g&gate_after=6M&key=one");
	ck_assert_int_eq(origin_wait_bytes(rig.origin, "/file", 1, 6 << 20, RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(
		app_wait_event(app, transfer_task_get_id(task), "progress", 1, RIG_DEADLINE_MS), 0);
	rig_restart_daemon(&rig);
	origin_release(rig.origin, "g");
	app_check_download(app, task, NULL, 1, 8 << 20);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 2, &entry), 0);
	ck_assert_str_eq(entry.range, "");
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* what a request says itself goes out */
START_TEST(asks_for_what_the_request_says)
{
	transfer_request *request;
	struct origin_entry entry;
	transfer_task *task;
	struct app *app;
	char value[64];

	rig_new(&rig);
	app = app_open(&rig, NULL);
	request = app_request(app, "/file?size=100K&seed=1&coding=br");
	transfer_request_set_header(request, "Accept-Encoding", "br;q=1, gzip;q=0.5");
	task = app_start(app, request);
	app_check_download(app, task, "file done:0", 1, 100 << 10);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 1, &entry), 0);
	ck_assert(origin_entry_header(&entry, "Accept-Encoding", value, sizeof(value)));
	ck_assert_str_eq(value, "br;q=1, gzip;q=0.5");
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* the answer to an upload comes decoded to the delegate */
START_TEST(decodes_the_answer_to_an_upload)
{
	char *path, want[2001] = "";
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	ck_assert_int_gt(asprintf(&path, "%s/source", rig.folder), 0);
	ck_assert_int_eq(origin_bytes_write(path, 3, 1000), 0);
	app = app_open(&rig, NULL);
	task = app_upload(app, "PUT", "/upload?reply_size=2000&seed=5&coding=gzip", path);
	ck_assert_int_eq(app_wait(app, task), 0);
	ck_assert_str_eq(APP_EVENTS(app, task), "data:2000 done:0");
	origin_bytes(5, 0, want, 2000);
	ck_assert_mem_eq(app_data(app, transfer_task_get_id(task)), want, 2000);
	free(path);
	app_close(app);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/coding", 60, TEST_EACH(delivers_the_decoded_file, codings),
	TEST(delivers_hello), TEST_EACH(takes_nothing_for_nothing, nothings),
	TEST_EACH(refuses, refused), TEST(checks_the_digest_of_the_file),
	TEST(starts_anew_after_a_death), TEST(asks_for_what_the_request_says),
	TEST(decodes_the_answer_to_an_upload))
