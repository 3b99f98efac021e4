/* SPDX-License-Identifier: MIT */
/* Servers that break the rules of framing: a named error, no file, no connection used again, the daemon lives. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/run.h"
#include "tests/system/live.h"

#define BAD     TRANSFER_ERROR_BAD_SERVER_RESPONSE
#define OK      "HTTP/1.1 200 OK\r\n"
#define TEXT(s) s, sizeof(s) - 1

static struct rig rig;

/* answered with exactly these bytes; N-1, N-4, N-5, N-6, N-7, N-8, SW-63, SW-66, GS-20 */
static const struct {
	const char *name;
	const char *bytes;
	size_t size;
	int want_code; /* 0: accepted */
} raws[] = {
	{ "two lengths", TEXT(OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"), BAD },
	{ "list of lengths", TEXT(OK "Content-Length: 5, 6\r\n\r\nhello!"), BAD },
	{ "plus", TEXT(OK "Content-Length: +5\r\n\r\nhello"), BAD },
	{ "minus", TEXT(OK "Content-Length: -1\r\n\r\nhello"), BAD },
	{ "hex", TEXT(OK "Content-Length: 0x5\r\n\r\nhello"), BAD },
	{ "letters", TEXT(OK "Content-Length: 5x\r\n\r\nhello"), BAD },
	{ "empty length", TEXT(OK "Content-Length: \r\n\r\nhello"), BAD },
	{ "2^64+5", TEXT(OK "Content-Length: 18446744073709551621\r\n\r\nhello"), BAD },
	{ "2^63", TEXT(OK "Content-Length: 9223372036854775808\r\n\r\nhello"), BAD },
	{ "same list", TEXT(OK "Content-Length: 5, 5\r\n\r\nhello"), 0 },
	{ "same twice", TEXT(OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"), 0 },
	{ "both framings",
		TEXT(OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
		BAD },
	{ "chunked twice",
		TEXT(OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
		BAD },
	{ "chunked in 1.0",
		TEXT("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
		BAD },
	{ "xchunked", TEXT(OK "Transfer-Encoding: xchunked\r\n\r\nhello"), BAD },
	{ "identity coding", TEXT(OK "Transfer-Encoding: identity\r\n\r\nhello"), BAD },
	{ "chunked not last", TEXT(OK "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"), BAD },
	{ "bare CR", TEXT(OK "X-A: a\rb\r\nContent-Length: 5\r\n\r\nhello"), BAD },
	{ "fold", TEXT(OK "X-A: a\r\n b\r\nContent-Length: 5\r\n\r\nhello"), BAD },
	{ "fold by tab", TEXT(OK "X-A: a\r\n\tb\r\nContent-Length: 5\r\n\r\nhello"), BAD },
	{ "fold first", TEXT(OK " X-A: a\r\nContent-Length: 5\r\n\r\nhello"), BAD },
	{ "space before colon", TEXT(OK "Content-Length : 5\r\n\r\nhello"), BAD },
	{ "no colon", TEXT(OK "Content-Length 5\r\n\r\nhello"), BAD },
	{ "no name", TEXT(OK ": 5\r\nContent-Length: 5\r\n\r\nhello"), BAD },
	{ "NUL", TEXT(OK "X-A: a\0b\r\nContent-Length: 5\r\n\r\nhello"), BAD },
	{ "HTTP/2 in clear", TEXT("HTTP/2 200\r\nContent-Length: 5\r\n\r\nhello"), BAD },
	{ "101 unasked", TEXT("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), BAD },
	{ "status 099", TEXT("HTTP/1.1 099 X\r\nContent-Length: 5\r\n\r\nhello"), BAD },
	{ "status 1000", TEXT("HTTP/1.1 1000 X\r\nContent-Length: 5\r\n\r\nhello"), BAD },
	{ "status 20", TEXT("HTTP/1.1 20 X\r\n\r\n"), BAD },
	{ "HTTP/0.9", TEXT("technically this is an answer\r\n"), BAD },
	{ "only the version", TEXT("HTTP/1.1\r\n\r\n"), BAD },
	{ "HTTP/2 frames", TEXT("\0\0\0\4\0\0\0\0\0\0\0\10\7\0\0\0\0\0\0\0\0\0\0\0\0\1"), BAD },
	{ "chunk size garbage",
		TEXT(OK "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n"), BAD },
	{ "chunk size negative",
		TEXT(OK "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n"), BAD },
	{ "chunk size huge",
		TEXT(OK "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
		BAD },
	{ "two locations",
		TEXT("HTTP/1.1 302 F\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"),
		BAD },
	{ "8-bit field",
		TEXT(OK "X-A: \xff\xfe\xc0\x80\xed\xa0\x80\r\nContent-Length: 5\r\n\r\nhello"), 0 },
	{ "8-bit reason", TEXT("HTTP/1.1 200 \xff\xfe\r\nContent-Length: 5\r\n\r\nhello"), 0 },
	{ "escape", TEXT(OK "X-A: \x1b]0;x\x07\r\nContent-Length: 5\r\n\r\nhello"), 0 },
	{ "no space", TEXT(OK "Content-Length:5\r\nContent-Type:text/plain\r\n\r\nhello"), 0 },
	{ "longer than said", TEXT(OK "Content-Length: 5\r\n\r\nhello and more"), 0 },
	{ "until close", TEXT(OK "\r\nhello"), 0 },
};

START_TEST(judges_framing)
{
	transfer_task *task, *next;
	struct app *app;

	rig_new(&rig);
	ck_assert_int_eq(origin_raw(rig.origin, "/raw", raws[_i].bytes, raws[_i].size), 0);
	app = app_open(&rig, NULL);
	task = app_download(app, "/raw");
	ck_assert_msg(app_wait(app, task) == raws[_i].want_code, "%s: '%s'", raws[_i].name,
		APP_EVENTS(app, task));
	if (raws[_i].want_code) {
		app_check_failed(app, task, raws[_i].want_code);
		ck_assert_uint_eq(origin_log_count(rig.origin, "/raw"), 1);
	} else {
		ck_assert_str_eq(APP_EVENTS(app, task), "file done:0");
	}
	next = app_download(app, "/file?size=9&seed=1");
	app_check_download(app, next, "file done:0", 1, 9);
	ck_assert_uint_eq(bus_daemon_starts(rig.bus), 1);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* the same for sessions in memory: a delegate and a handler get the body that is one, or the error and no body */
static void check_in_memory(struct live_app *app, unsigned i)
{
	transfer_task *told, *handled;
	char path[16];
	size_t n;

	snprintf(path, sizeof(path), "/raw%u", i);
	ck_assert_int_eq(origin_raw(rig.origin, path, raws[i].bytes, raws[i].size), 0);
	told = live_data(app, live_request(app, NULL, path));
	handled = live_handled(app, live_request(app, NULL, path));
	ck_assert_msg(live_wait(app, handled) == raws[i].want_code, "%s: '%s'", raws[i].name,
		live_events(app, handled));
	ck_assert_msg(live_wait(app, told) == raws[i].want_code, "%s: '%s'", raws[i].name,
		live_events(app, told));
	if (raws[i].want_code) {
		live_body(app, handled, &n);
		ck_assert_uint_eq(n, 0);
	} else {
		ck_assert_str_eq(live_body(app, told, NULL), "hello");
		ck_assert_str_eq(live_body(app, handled, NULL), "hello");
	}
	/* each was asked for once */
	ck_assert_uint_eq(origin_log_count(rig.origin, path), 2);
	origin_log_clear(rig.origin);
}

START_TEST(judges_framing_in_memory)
{
	struct live_app *app;

	rig_new(&rig);
	/* a bad body may end the task while somebody thinks about its response */
	app = live_open(&rig, &(struct live_app_config){ .unasked = true });
	for (unsigned i = 0; i < sizeof(raws) / sizeof(*raws); i++)
		check_in_memory(app, i);
	ck_assert_uint_eq(bus_daemon_starts(rig.bus), 1);
	live_close(app);
	rig_done(&rig);
}
END_TEST

/* floods (N-2, N-3) */
static const struct {
	const char *target;
	int want_code;
} floods[] = {
	{ "/file?size=5&head_bytes=1M", BAD },
	{ "/file?size=5&head_headers=10000", BAD },
	{ "/file?size=5&head_bytes=290K", BAD },
	{ "/file?size=5&interim=20000", BAD },
	{ "/file?size=5&interim=33", BAD },
	{ "/file?size=5&interim=31", 0 },
	{ "/file?size=5&chunked&trailer=64M", BAD },
	{ "/file?size=5&chunked&chunk_ext=64M", BAD },
	{ "/file?size=5&head_headers=200", 0 },
	{ "/file?size=5&chunked&trailer=200", 0 },
};

START_TEST(withstands_floods)
{
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_download(app, floods[_i].target);
	ck_assert_int_eq(app_wait(app, task), floods[_i].want_code);
	ck_assert_uint_eq(bus_daemon_starts(rig.bus), 1);
	app_close(app);
	rig_done(&rig);
}
END_TEST

START_TEST(withstands_floods_in_memory)
{
	transfer_task *tasks[sizeof(floods) / sizeof(*floods)];
	struct live_app *app;

	rig_new(&rig);
	app = live_open(&rig, NULL);
	for (unsigned i = 0; i < sizeof(floods) / sizeof(*floods); i++)
		tasks[i] = live_handled(app, live_request(app, NULL, floods[i].target));
	for (unsigned i = 0; i < sizeof(floods) / sizeof(*floods); i++)
		ck_assert_msg(live_wait(app, tasks[i]) == floods[i].want_code, "%s: '%s'",
			floods[i].target, live_events(app, tasks[i]));
	ck_assert_uint_eq(bus_daemon_starts(rig.bus), 1);
	live_close(app);
	rig_done(&rig);
}
END_TEST

/* bodies shorter than said, without a last chunk, cut by RST: tried again, and whole in the end (N-8) */
static const char *const cuts[] = {
	"/file?size=200K&seed=2&drop_after=0&drop_times=1",
	"/file?size=200K&seed=2&drop_after=100K&drop_times=1",
	"/file?size=200K&seed=2&drop_after=100K&drop_times=1&drop=rst",
	"/file?size=200K&seed=2&drop_after=100K&drop_times=1&chunked",
	"/file?size=200K&seed=2&drop_after=100K&drop_times=1&chunked&etag=none",
	"/file?size=200K&seed=2&drop_after=100K&drop_times=1&etag=none",
};

START_TEST(asks_again_after_a_cut)
{
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	task = app_download(app, cuts[_i]);
	app_check_download(app, task, NULL, 2, 200 << 10);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file"), 2);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/*
 * Where only the end of the connection ends the body, a cut cannot be seen; it is said so (N-8). What
 * knows its end better sees it: a reset, a coding, a digest.
 */
static const struct {
	const char *knobs;
	const char *digest_of_all; /* NULL: none asked for */
	int want_code;
	bool want_verified;
	uint64_t want_size;
} ends[] = {
	{ "", NULL, 0, true, 50000 },
	{ "&chunked", NULL, 0, true, 50000 },
	{ "&no_length", NULL, 0, false, 50000 },
	{ "&no_length&drop_after=20000", NULL, 0, false, 20000 },
	{ "&no_length&drop_after=20000&drop_times=1&drop=rst", NULL, 0, false, 50000 },
	{ "&no_length&coding=gzip", NULL, 0, false, 50000 },
	{ "&no_length&coding=gzip&drop_after=20000", NULL, TRANSFER_ERROR_CANNOT_DECODE_RAW_DATA,
		false, 0 },
	{ "&no_length&drop_after=20000", "sha256", TRANSFER_ERROR_CHECKSUM_MISMATCH, false, 0 },
	{ "&no_length", "sha256", 0, false, 50000 },
};

static void check_shown(uint64_t id, bool is_verified)
{
	char number[24], *output;

	snprintf(number, sizeof(number), "%llu", (unsigned long long)id);
	ck_assert_int_eq(RIG_CTL(&rig, &output, "show", "--json=short", number), 0);
	ck_assert_msg(strstr(output,
			      is_verified ? "\"length_verified\":true"
					  : "\"length_verified\":false") != NULL,
		"%s", output);
	free(output);
	ck_assert_int_eq(RIG_CTL(&rig, &output, "status", number), 0);
	ck_assert_int_eq(strstr(output, "length unverified") == NULL, is_verified);
	free(output);
}

START_TEST(flags_what_ends_with_its_connection)
{
	transfer_auto(transfer_response) response = NULL;
	transfer_request *request;
	transfer_task *task;
	char target[256], hex[65];
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	snprintf(target, sizeof(target), "/file?size=50000&seed=1%s", ends[_i].knobs);
	request = app_request(app, target);
	origin_bytes_sha256(1, 50000, hex);
	if (ends[_i].digest_of_all)
		transfer_request_set_checksum(request, ends[_i].digest_of_all, hex);
	task = app_start(app, request);
	ck_assert_int_eq(app_wait(app, task), ends[_i].want_code);
	if (!ends[_i].want_code)
		app_check_download(app, task, NULL, 1, ends[_i].want_size);
	response = transfer_task_copy_response(task);
	ck_assert_int_eq(transfer_response_is_length_verified(response), ends[_i].want_verified);
	app_close(app);
	rig_done(&rig);
}
END_TEST

START_TEST(shows_an_unverified_length)
{
	transfer_task *plain, *open;
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, NULL);
	plain = app_download(app, "/file?size=4M&seed=1&gate=g&gate_after=3M");
	open = app_download(app, "/file?size=4M&seed=1&gate=h&gate_after=3M&no_length");
	ck_assert_int_eq(
		app_wait_event(app, transfer_task_get_id(plain), "progress", 1, RIG_DEADLINE_MS),
		0);
	ck_assert_int_eq(
		app_wait_event(app, transfer_task_get_id(open), "progress", 1, RIG_DEADLINE_MS), 0);
	check_shown(transfer_task_get_id(plain), true);
	check_shown(transfer_task_get_id(open), false);
	origin_release(rig.origin, "g");
	origin_release(rig.origin, "h");
	app_check_download(app, plain, NULL, 1, 4 << 20);
	app_check_download(app, open, NULL, 1, 4 << 20);
	app_close(app);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/framing", 60, TEST_EACH(judges_framing, raws),
	TEST(judges_framing_in_memory), TEST(withstands_floods_in_memory),
	TEST_EACH(withstands_floods, floods), TEST_EACH(asks_again_after_a_cut, cuts),
	TEST_EACH(flags_what_ends_with_its_connection, ends), TEST(shows_an_unverified_length))
