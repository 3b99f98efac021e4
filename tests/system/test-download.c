/* SPDX-License-Identifier: MIT */
/* Background downloads: what the delegate is told, what the server is asked, what lies on the disk. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

static struct rig rig;

/* good ends (SW-19, SW-20, GS-01, BT-44, BT-56, BT-61, BT-91) */
static const struct {
	const char *target;
	int want_status;
	uint64_t seed;
	int64_t want_size; /* -1: not computed content, or it does not matter */
	int64_t want_expected; /* of the last progress, if there was one; -2: any */
} good[] = {
	{ "/file?size=1000&seed=1", 200, 1, 1000, 1000 },
	{ "/file?size=0", 200, 0, 0, -2 },
	{ "/file?size=1", 200, 0, 1, -2 },
	{ "/file?size=20M&seed=2", 200, 2, 20 << 20, 20 << 20 },
	{ "/file?size=3M&seed=3&chunked", 200, 3, 3 << 20, -2 },
	{ "/file?size=3M&seed=4&no_length", 200, 4, 3 << 20, -2 },
	{ "/file?size=100&seed=5&close", 200, 5, 100, -2 },
	{ "/file?size=100&seed=5&length_lie=100,%20100", 200, 5, 100, -2 },
	{ "/file?size=100&seed=5&length_lie=100%0d%0aContent-Length:%20100", 200, 5, 100, -2 },
	{ "/file?size=100&seed=6&extra=50&close", 200, 6, 100, -2 },
	{ "/file?size=100&seed=6&interim=3", 200, 6, 100, -2 },
	{ "/file?size=100&seed=6&delay_ms=300&rate_bps=400", 200, 6, 100, -2 },
	{ "/file?size=100&seed=7&etag=none", 200, 7, 100, -2 },
	{ "/404", 404, 0, -1, -2 },
	{ "/500", 500, 0, -1, -2 },
	{ "/file?status=503&retry_after=1", 503, 0, -1, -2 },
	{ "/304", 304, 0, -1, -2 },
	{ "/unauthorized", 401, 0, -1, -2 },
	{ "/response-header-without-whitespace", 200, 0, -1, -2 },
	{ "/Myndus", 200, 0, -1, -2 },
	{ "/Kameiros", 999, 0, -1, -2 },
	{ "/file?size=10&seed=1&header=X-Odd:%20%ff%fe%1b[31m", 200, 1, 10, -2 },
	{ "/file?size=10&seed=1&disposition=attachment;%20filename=%22%ff..%2f..%2fx%22", 200, 1,
		10, -2 },
};

START_TEST(ends_well)
{
	transfer_task *task;
	struct app *app;
	uint64_t id;
	int64_t total, expected;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_download(app, good[_i].target);
	id = transfer_task_get_id(task);
	ck_assert_int_eq(app_wait(app, task), 0);
	ck_assert_str_eq(app_events(app, id), "file done:0");
	ck_assert_int_eq(app_status(task), good[_i].want_status);
	if (good[_i].want_size >= 0)
		app_check_download(app, task, NULL, good[_i].seed, (uint64_t)good[_i].want_size);
	if (app_progress(app, id, &total, &expected)) {
		struct stat st;

		ck_assert_int_eq(stat(app_file(app, id), &st), 0);
		ck_assert_int_le(total, st.st_size);
		if (good[_i].want_expected != -2)
			ck_assert_int_eq(expected, good[_i].want_expected);
	}
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 1);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* bad ends without any help from the server (SW-29, SW-32, BT-15, BT-60, N-11) */
static const struct {
	const char *target;
	int want_code;
	bool secure;
} bad[] = {
	{ "ftp://127.0.0.1/x", TRANSFER_ERROR_UNSUPPORTED_URL, false },
	{ "file:///etc/passwd", TRANSFER_ERROR_UNSUPPORTED_URL, false },
	{ "data:,x", TRANSFER_ERROR_UNSUPPORTED_URL, false },
	{ "foobar://x/", TRANSFER_ERROR_UNSUPPORTED_URL, false },
	{ "http://127.0.0.1:999999/", TRANSFER_ERROR_BAD_URL, false },
	{ "http://", TRANSFER_ERROR_BAD_URL, false },
	{ "no-scheme", TRANSFER_ERROR_BAD_URL, false },
	{ "/file?size=10", TRANSFER_ERROR_INSECURE_TRANSPORT, true },
};

START_TEST(ends_before_the_network)
{
	struct app_config config = { .secure = bad[_i].secure };
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, &config);
	task = app_download(app, bad[_i].target);
	app_check_failed(app, task, bad[_i].want_code);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 0);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* what dooms a task is durable with it */
START_TEST(stays_doomed_over_a_restart)
{
	struct app_config config = { .secure = true };
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, &config);
	task = app_make(app, app_request(app, "/file?size=10"));
	app_flush(app);
	rig_restart_daemon(&rig);
	transfer_task_resume(task);
	app_check_failed(app, task, TRANSFER_ERROR_INSECURE_TRANSPORT);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 0);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* SW-21 */
START_TEST(speaks_ipv6)
{
	transfer_task *task;
	struct app *app;
	char url[256];

	rig_new(&rig);
	app = app_open(&rig, NULL);
	snprintf(url, sizeof(url), "%s/file?size=5&seed=1", origin_base6(rig.origin));
	task = app_download(app, url);
	app_check_download(app, task, "file done:0", 1, 5);
	app_close(app);
	rig_done(&rig);
}
END_TEST

static void two_headers(transfer_config *config)
{
	transfer_config_set_header(config, "X-Session", "session");
	transfer_config_set_header(config, "x-both", "session");
	transfer_config_set_header(config, "Range", "bytes=0-1");
}

static void ck_header(const struct origin_entry *entry, const char *name, const char *want)
{
	char value[256] = "";
	bool has = origin_entry_header(entry, name, value, sizeof(value));

	if (!want)
		ck_assert_msg(!has, "%s: %s was sent", name, value);
	else
		ck_assert_msg(
			has && !strcmp(value, want), "%s is '%s', not '%s'", name, value, want);
}

/* SW-13, SW-14; a Range of the client's is dropped; identity coding for what may be resumed */
START_TEST(sends_the_headers_of_session_and_request)
{
	struct app_config config = { .tune = two_headers };
	transfer_request *request;
	struct origin_entry entry;
	transfer_task *task;
	struct app *app;
	const char *again;

	rig_new(&rig);
	app = app_open(&rig, &config);
	request = app_request(app, "/file?size=5&seed=1");
	transfer_request_set_header(request, "X-Request", "request");
	transfer_request_set_header(request, "X-Both", "request");
	transfer_request_add_header(request, "X-Twice", "a");
	transfer_request_add_header(request, "X-Twice", "b");
	task = app_make(app, transfer_request_copy(request));
	/* a request is copied when the task is made */
	transfer_request_set_header(request, "X-Request", "later");
	transfer_request_unref(request);
	transfer_task_resume(task);
	app_flush(app);
	app_check_download(app, task, "file done:0", 1, 5);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 1, &entry), 0);
	ck_header(&entry, "X-Session", "session");
	ck_header(&entry, "X-Request", "request");
	ck_header(&entry, "X-Both", "request");
	ck_header(&entry, "Range", NULL);
	ck_header(&entry, "Accept-Encoding", "identity");
	ck_header(&entry, "X-Twice", "a");
	ck_assert_ptr_nonnull(strstr(entry.headers, "X-Twice: b\n"));
	again = strcasestr(entry.headers, "x-both:");
	ck_assert_ptr_null(strcasestr(again + 1, "x-both:"));
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* where the file goes: nothing there, something there, something there that may be replaced, no such folder */
static const struct {
	const char *name;
	const char *already;
	bool overwrite;
	int want_code;
} places[] = {
	{ "out/new", NULL, false, 0 },
	{ "out/old", "old", true, 0 },
	{ "out/old", "old", false, TRANSFER_ERROR_CANNOT_CREATE_FILE },
	{ "nowhere/x", NULL, false, TRANSFER_ERROR_BACKGROUND_SESSION_REQUIRES_SHARED_CONTAINER },
};

START_TEST(puts_the_file_in_its_place)
{
	char *path, *text;
	transfer_request *request;
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	path = tmpdir_path("%s", places[_i].name);
	if (places[_i].already)
		ck_assert_int_eq(tmpdir_write(path, places[_i].already), 0);
	app = app_open(&rig, NULL);
	request = app_request(app, "/file?size=100K&seed=8");
	transfer_request_set_destination(request, path, places[_i].overwrite);
	task = app_start(app, request);
	ck_assert_int_eq(app_wait(app, task), places[_i].want_code);
	if (!places[_i].want_code) {
		ck_assert_str_eq(app_file(app, transfer_task_get_id(task)), path);
		ck_assert_int_eq(origin_bytes_check(path, 8, 100 << 10), 0);
	} else if (places[_i].already) {
		text = tmpdir_read(path);
		ck_assert_str_eq(text, places[_i].already);
		free(text);
	}
	app_close(app);
	/* still there when the event is acknowledged and the daemon has gone */
	rig_done(&rig);
	if (!places[_i].want_code)
		ck_assert_int_eq(origin_bytes_check(path, 8, 100 << 10), 0);
	free(path);
}
END_TEST

/* the digest is checked before anything is published, and told where it was asked for */
static const struct {
	const char *target;
	bool right;
	int want_code;
} sums[] = {
	{ "/file?size=3M&seed=9", true, 0 },
	{ "/file?size=3M&seed=9", false, TRANSFER_ERROR_CHECKSUM_MISMATCH },
	{ "/file?size=3M&seed=9&drop_after=1M&drop_times=1", true, 0 },
	{ "/file?size=3M&seed=9&drop_after=1M&drop_times=1", false,
		TRANSFER_ERROR_CHECKSUM_MISMATCH },
};

START_TEST(verifies_the_digest)
{
	char *path, *digest;
	char hex[65];
	transfer_request *request;
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	path = tmpdir_path("out/summed");
	origin_bytes_sha256(sums[_i].right ? 9 : 10, 3 << 20, hex);
	app = app_open(&rig, NULL);
	request = app_request(app, sums[_i].target);
	transfer_request_set_destination(request, path, false);
	transfer_request_set_checksum(request, "sha256", hex);
	task = app_start(app, request);
	ck_assert_int_eq(app_wait(app, task), sums[_i].want_code);
	ck_assert_int_eq(access(path, F_OK), sums[_i].want_code ? -1 : 0);
	digest = transfer_task_copy_digest(task, "sha256");
	if (!sums[_i].want_code)
		ck_assert_str_eq(digest, hex);
	free(digest);
	free(path);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* the event's file is gone after the callback unless it was taken (BT-61) */
START_TEST(lets_go_of_the_file_after_the_callback)
{
	struct app_config config = { .lazy = true };
	transfer_task *task;
	struct app *app;
	char *file;

	rig_new(&rig);
	app = app_open(&rig, &config);
	task = app_download(app, "/file?size=10&seed=1");
	ck_assert_int_eq(app_wait(app, task), 0);
	file = strdup(app_file(app, transfer_task_get_id(task)));
	app_settle(app);
	app_close(app);
	/* what was acknowledged has been removed when the daemon has ended in peace */
	ck_assert_int_eq(bus_stop_daemon(rig.bus, RIG_DEADLINE_MS), 0);
	ck_assert_int_ne(access(file, F_OK), 0);
	free(file);
	rig_done(&rig);
}
END_TEST

/* many at once: each ends once and well (GS-04, SW-17) */
START_TEST(runs_many_at_once)
{
	transfer_task *tasks[60];
	struct app *app;
	char target[64];

	rig_new(&rig);
	app = app_open(&rig, NULL);
	for (unsigned i = 0; i < 60; i++) {
		snprintf(target, sizeof(target), "/file?size=%u&seed=%u", 50000 + i, i);
		tasks[i] = app_make(app, app_request(app, target));
		transfer_task_resume(tasks[i]);
	}
	app_flush(app);
	for (unsigned i = 0; i < 60; i++)
		app_check_download(app, tasks[i], "file done:0", i, 50000 + i);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file"), 60);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* TLS: a server whose certificate is right, and those whose is not (BT-59, part of S-20) */
static const struct {
	enum origin_tls tls;
	bool trusted;
	int want_code;
} certificates[] = {
	{ ORIGIN_TLS_GOOD, true, 0 },
	{ ORIGIN_TLS_GOOD, false, TRANSFER_ERROR_SERVER_CERTIFICATE_HAS_UNKNOWN_ROOT },
	{ ORIGIN_TLS_EXPIRED, true, TRANSFER_ERROR_SERVER_CERTIFICATE_HAS_BAD_DATE },
	{ ORIGIN_TLS_SELF_SIGNED, true, TRANSFER_ERROR_SERVER_CERTIFICATE_HAS_UNKNOWN_ROOT },
	{ ORIGIN_TLS_WRONG_HOST, true, TRANSFER_ERROR_SERVER_CERTIFICATE_UNTRUSTED },
};

static void trust(transfer_config *config)
{
	transfer_config_set_ca_file(config, origin_ca_path(rig.origin));
}

START_TEST(trusts_only_good_certificates)
{
	struct app_config config = { .secure = true,
		.tune = certificates[_i].trusted ? trust : NULL };
	transfer_task *task;
	struct app *app;

	rig_new_tls(&rig, certificates[_i].tls);
	app = app_open(&rig, &config);
	task = app_download(app, "/file?size=3M&seed=1");
	if (!certificates[_i].want_code) {
		app_check_download(app, task, "file done:0", 1, 3 << 20);
	} else {
		app_check_failed(app, task, certificates[_i].want_code);
		ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 0);
	}
	app_close(app);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/download", 60, TEST_EACH(ends_well, good),
	TEST_EACH(ends_before_the_network, bad), TEST(stays_doomed_over_a_restart),
	TEST(speaks_ipv6), TEST(sends_the_headers_of_session_and_request),
	TEST_EACH(puts_the_file_in_its_place, places), TEST_EACH(verifies_the_digest, sums),
	TEST(lets_go_of_the_file_after_the_callback), TEST(runs_many_at_once),
	TEST_EACH(trusts_only_good_certificates, certificates))
