/* SPDX-License-Identifier: MIT */
/*
 * Servers and URLs that mean harm, beyond framing: bytes that are no text, heads and cookies without
 * end, URLs that two parsers read differently, redirects that fish for secrets. The daemon lives, and
 * nothing goes where it was not meant to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

#define BAD     TRANSFER_ERROR_BAD_SERVER_RESPONSE
#define BAD_URL TRANSFER_ERROR_BAD_URL
#define OK      "HTTP/1.1 200 OK\r\n"
#define LENGTH  "Content-Length: 5\r\n\r\nhello"

static struct rig rig;

/* N-1: no UTF-8, a lone surrogate, an overlong zero, wherever a server can put a byte */
#define ODD "\xff\xfe\xed\xa0\x80\xc0\x80"

static const char *const odd_answers[] = {
	"HTTP/1.1 200 " ODD "\r\n" LENGTH,
	OK "X-A: " ODD "\r\n" LENGTH,
	OK "Content-Type: text/" ODD "; charset=" ODD "\r\n" LENGTH,
	OK "Content-Disposition: attachment; filename=\"" ODD "\"\r\n" LENGTH,
	OK "Content-Disposition: attachment; filename*=UTF-8''%ff%fe%ed%a0%80\r\n" LENGTH,
	OK "ETag: \"" ODD "\"\r\n" LENGTH,
	OK "Last-Modified: " ODD "\r\n" LENGTH,
	OK "Retry-After: " ODD "\r\n" LENGTH,
	OK "Set-Cookie: a=" ODD "; path=/" ODD "\r\n" LENGTH,
	OK "Accept-Ranges: " ODD "\r\n" LENGTH,
	"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"" ODD "\"\r\n" LENGTH,
	"HTTP/1.1 404 " ODD "\r\n" LENGTH,
	OK "Transfer-Encoding: chunked\r\n\r\n5;" ODD "\r\nhello\r\n0\r\nX-T: " ODD "\r\n\r\n",
	"HTTP/1.1 103 " ODD "\r\nLink: " ODD "\r\n\r\n" OK LENGTH,
};

START_TEST(lives_with_bytes_that_are_no_text)
{
	transfer_auto(transfer_response) response = NULL;
	transfer_task *task;
	struct app *app;
	char *output;

	rig_new(&rig);
	ck_assert_int_eq(
		origin_raw(rig.origin, "/raw", odd_answers[_i], strlen(odd_answers[_i])), 0);
	app = app_open(&rig, NULL);
	task = app_download(app, "/raw");
	ck_assert_int_eq(app_wait(app, task), 0);
	ck_assert_str_eq(APP_EVENTS(app, task), "file done:0");
	response = transfer_task_copy_response(task);
	ck_assert_ptr_nonnull(response);
	ck_assert_int_eq(RIG_CTL(&rig, &output, "list", "--json=short"), 0);
	free(output);
	ck_assert_uint_eq(bus_daemon_starts(rig.bus), 1);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* N-1: a Location of such bytes is asked for as bytes, or refused; nothing aborts */
START_TEST(lives_with_such_a_location)
{
	static const char answer[] = "HTTP/1.1 302 F\r\nLocation: /" ODD
				     "\r\nContent-Length: 0\r\n\r\n";
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	ck_assert_int_eq(origin_raw(rig.origin, "/raw", answer, sizeof(answer) - 1), 0);
	app = app_open(&rig, NULL);
	task = app_download(app, "/raw");
	(void)app_wait(app, task);
	ck_assert_uint_le(origin_log_count(rig.origin, "/"), 2);
	task = app_download(app, "/file?size=9&seed=1");
	app_check_download(app, task, "file done:0", 1, 9);
	ck_assert_uint_eq(bus_daemon_starts(rig.bus), 1);
	app_close(app);
	rig_done(&rig);
}
END_TEST

static long resident_kb(pid_t pid)
{
	char path[64], line[256];
	long kb = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	while (kb < 0 && fgets(line, sizeof(line), f))
		(void)sscanf(line, "VmRSS: %ld kB", &kb);
	fclose(f);
	ck_assert_int_gt(kb, 0);
	return kb;
}

/* 300 KB of cookies, each of them small */
static size_t make_cookies(char *answer, size_t size)
{
	size_t n = (size_t)snprintf(answer, size, OK);

	for (unsigned i = 0; n < 300 << 10; i++)
		n += (size_t)snprintf(
			answer + n, size - n, "Set-Cookie: c%u=%02000u; Path=/\r\n", i, i);
	return n + (size_t)snprintf(answer + n, size - n, LENGTH);
}

/* N-2, N-3: a flood costs no memory */
START_TEST(floods_cost_no_memory)
{
	static const char *const floods[] = {
		"/cookies",
		"/file?size=5&head_bytes=1M",
		"/file?size=5&head_headers=10000",
		"/file?size=5&interim=20000",
		"/file?size=5&chunked&trailer=64M",
		"/file?size=5&chunked&chunk_ext=64M",
	};
	size_t room = 310 << 10;
	char *answer = malloc(room);
	struct app *app;
	long before_kb = 0;

	rig_new(&rig);
	ck_assert_int_eq(origin_raw(rig.origin, "/cookies", answer, make_cookies(answer, room)), 0);
	app = app_open(&rig, NULL);
	/* twice: the first time fills what is kept for good */
	for (unsigned i = 0; i < 2 * sizeof(floods) / sizeof(floods[0]); i++) {
		const char *target = floods[i % (sizeof(floods) / sizeof(floods[0]))];
		transfer_task *task;

		if (i == sizeof(floods) / sizeof(floods[0]))
			before_kb = resident_kb(bus_daemon_pid(rig.bus));
		task = app_download(app, target);
		ck_assert_msg(app_wait(app, task) == BAD, "%s", target);
	}
	ck_assert_int_gt(before_kb, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	ck_assert_int_lt(resident_kb(bus_daemon_pid(rig.bus)) - before_kb, 2048);
#endif
	ck_assert_uint_eq(bus_daemon_starts(rig.bus), 1);
	free(answer);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* N-11: what two parsers could read differently never opens a socket; PORT is the origin's */
static const struct {
	const char *url;
	int want_code; /* 0: the origin is asked, and the host it sees is 127.0.0.1 */
} urls[] = {
	{ "http://127.0.0.1:PORT/file?size=1", 0 },
	{ "http://user:secret@127.0.0.1:PORT/file?size=1", 0 },
	{ "http://127.0.0.1:PORT/file?size=1#@evil.example/", 0 },
	{ "http://127.0.0.1:PORT/file@evil.example/../../file?size=1", 0 },
	{ "http://evil.example\\@127.0.0.1:PORT/", BAD_URL },
	{ "http://127.0.0.1:PORT\\@evil.example/", BAD_URL },
	{ "http://evil.example@evil.example@127.0.0.1:PORT/", BAD_URL },
	{ "http://127.0.0.1\t:PORT/", BAD_URL },
	{ "http://127.0.0.1 :PORT/", BAD_URL },
	{ "http://0177.0.0.1:PORT/", BAD_URL },
	{ "http://0x7f.0.0.1:PORT/", BAD_URL },
	{ "http://2130706433:PORT/", BAD_URL },
	{ "http://127.1:PORT/", BAD_URL },
	{ "http://127.0.0.1.:PORT/", BAD_URL },
	{ "http://%31%32%37.0.0.1:PORT/", BAD_URL },
	{ "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1:PORT/", BAD_URL },
	{ "http://[::1%25lo]:PORT/", BAD_URL },
	{ "http://[::ffff:127.0.0.1:PORT/", BAD_URL },
	{ "http://127.0.0.1:0/", BAD_URL },
	{ "http://127.0.0.1:65536/", BAD_URL },
	{ "http://127.0.0.1:+PORT/", BAD_URL },
	{ "http:/127.0.0.1:PORT/", BAD_URL },
	{ "http:127.0.0.1:PORT/", BAD_URL },
};

static char *with_port(const char *url)
{
	const char *hole = strstr(url, "PORT");
	char *text;

	if (hole)
		ck_assert_int_gt(asprintf(&text, "%.*s%u%s", (int)(hole - url), url,
					 origin_port(rig.origin), hole + 4),
			0);
	else
		text = strdup(url);
	return text;
}

START_TEST(asks_the_host_that_was_meant)
{
	struct origin_entry entry;
	char value[64], want[64];
	transfer_task *task;
	struct app *app;
	char *url;

	rig_new(&rig);
	url = with_port(urls[_i].url);
	app = app_open(&rig, NULL);
	task = app_download(app, url);
	ck_assert_msg(app_wait(app, task) == urls[_i].want_code, "%s: %s", urls[_i].url,
		APP_EVENTS(app, task));
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), urls[_i].want_code ? 0 : 1);
	if (!urls[_i].want_code) {
		ck_assert_int_eq(origin_log_find(rig.origin, "/", 1, &entry), 0);
		ck_assert(origin_entry_header(&entry, "Host", value, sizeof(value)));
		snprintf(want, sizeof(want), "127.0.0.1:%u", origin_port(rig.origin));
		ck_assert_str_eq(value, want);
		ck_assert_ptr_null(strstr(entry.target, "evil.example"));
	}
	free(url);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* N-11, N-14: the same of a Location; two that differ, a socket's path, an empty one */
static const struct {
	const char *location;
	int want_code;
} locations[] = {
	{ "http://evil.example\\@127.0.0.1/", BAD_URL },
	{ "\\\\127.0.0.1\\x", BAD_URL },
	{ "//0x7f.1/", BAD_URL },
	{ "http://127.0.0.1:0/", BAD_URL },
	{ "/a\r\nLocation: /b", BAD },
	{ "/a\r\nX: y\r\nLocation: http://127.0.0.1/", BAD },
	{ "http+unix://%2frun%2fx.sock/", TRANSFER_ERROR_UNSUPPORTED_URL },
	{ "unix:/run/x.sock", TRANSFER_ERROR_UNSUPPORTED_URL },
	{ "gopher://127.0.0.1/", TRANSFER_ERROR_UNSUPPORTED_URL },
	{ "ldap://127.0.0.1/", TRANSFER_ERROR_UNSUPPORTED_URL },
	{ "", 0 },
};

START_TEST(leads_nowhere_else)
{
	transfer_task *task;
	char answer[256];
	struct app *app;

	rig_new(&rig);
	snprintf(answer, sizeof(answer),
		"HTTP/1.1 302 F\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
		locations[_i].location);
	ck_assert_int_eq(origin_raw(rig.origin, "/raw", answer, strlen(answer)), 0);
	app = app_open(&rig, NULL);
	task = app_download(app, "/raw");
	ck_assert_msg(app_wait(app, task) == locations[_i].want_code, "%s: %s",
		locations[_i].location, APP_EVENTS(app, task));
	ck_assert_uint_eq(origin_log_count(rig.origin, "/"), 1);
	if (!locations[_i].want_code)
		ck_assert_int_eq(app_status(task), 302);
	app_close(app);
	rig_done(&rig);
}
END_TEST

/* N-12, N-13: another port, another name of the host, another scheme: no secret arrives there */
static const struct {
	bool from_tls, by_name, has_url_credentials;
} crossings[] = {
	{ false, false, false },
	{ false, false, true },
	{ false, true, false },
	{ true, false, false },
	{ true, false, true },
};

START_TEST(keeps_secrets_from_other_origins)
{
	transfer_request *request;
	struct origin_entry entry;
	struct origin *other;
	transfer_task *task;
	char target[512];
	struct app *app;
	char value[64];

	if (crossings[_i].from_tls)
		rig_new_tls(&rig, ORIGIN_TLS_GOOD);
	else
		rig_new(&rig);
	ck_assert_int_eq(origin_new(NULL, &other), 0);
	app = app_open(&rig, NULL);
	snprintf(target, sizeof(target),
		"http%s://%s127.0.0.1:%u/file?redirect_to=http://%s:%u/Nepal",
		crossings[_i].from_tls ? "s" : "",
		crossings[_i].has_url_credentials ? "user:secret-4711@" : "",
		origin_port(rig.origin), crossings[_i].by_name ? "localhost" : "127.0.0.1",
		origin_port(other));
	request = app_request(app, target);
	if (crossings[_i].from_tls)
		transfer_request_set_ca_file(request, origin_ca_path(rig.origin));
	transfer_request_set_allow_insecure(request, true);
	if (!crossings[_i].has_url_credentials)
		transfer_request_set_header(request, "Authorization", "Basic secret-4711");
	transfer_request_set_header(request, "Cookie", "a=secret-4711");
	transfer_request_set_header(request, "X-Api-Key", "secret-4711");
	transfer_request_set_header(request, "Accept-Encoding", "gzip");
	task = app_start(app, request);
	ck_assert_int_eq(app_wait(app, task), 0);
	ck_assert_int_eq(origin_log_find(rig.origin, "/file", 1, &entry), 0);
	ck_assert_ptr_nonnull(strstr(entry.headers, "secret-4711"));
	ck_assert(origin_entry_header(&entry, "Authorization", value, sizeof(value)));
	ck_assert_int_eq(origin_log_find(other, "/Nepal", 1, &entry), 0);
	ck_assert_ptr_null(strstr(entry.headers, "secret-4711"));
	ck_assert(!origin_entry_header(&entry, "Authorization", value, sizeof(value)));
	ck_assert(!origin_entry_header(&entry, "Cookie", value, sizeof(value)));
	ck_assert(origin_entry_header(&entry, "Accept-Encoding", value, sizeof(value)));
	app_close(app);
	origin_free(other);
	rig_done(&rig);
}
END_TEST

/* N-15: a large body goes out again from its start; a circle ends */
START_TEST(sends_a_large_body_again)
{
	struct origin_entry entry;
	transfer_task *task;
	struct app *app;
	char hex[65];
	char *path;

	rig_new(&rig);
	path = tmpdir_path("source");
	ck_assert_int_eq(origin_bytes_write(path, 3, 64 << 20), 0);
	origin_bytes_sha256(3, 64 << 20, hex);
	app = app_open(&rig, NULL);
	task = app_upload(
		app, "PUT", _i ? "/308?location=/store/a" : "/307?location=/store/a", path);
	ck_assert_int_eq(app_wait(app, task), 0);
	ck_assert_int_eq(app_status(task), 201);
	ck_assert_int_eq(origin_log_find(rig.origin, "/store/a", 1, &entry), 0);
	ck_assert_str_eq(entry.body_sha256, hex);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/store/a"), 1);
	free(path);
	app_close(app);
	rig_done(&rig);
}
END_TEST

START_TEST(a_circle_ends)
{
	static const char answer[] =
		"HTTP/1.1 307 T\r\nLocation: /circle\r\nContent-Length: 0\r\n\r\n";
	transfer_task *task;
	struct app *app;

	rig_new(&rig);
	ck_assert_int_eq(origin_raw(rig.origin, "/circle", answer, sizeof(answer) - 1), 0);
	app = app_open(&rig, NULL);
	task = app_download(app, "/circle");
	app_check_failed(app, task, TRANSFER_ERROR_TOO_MANY_REDIRECTS);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/circle"), 17);
	app_close(app);
	rig_done(&rig);
}
END_TEST

RUN_TESTS_WITHIN("system/hostile", 60, TEST_EACH(lives_with_bytes_that_are_no_text, odd_answers),
	TEST(lives_with_such_a_location), TEST(floods_cost_no_memory),
	TEST_EACH(asks_the_host_that_was_meant, urls), TEST_EACH(leads_nowhere_else, locations),
	TEST_EACH(keeps_secrets_from_other_origins, crossings),
	TEST_LOOP(sends_a_large_body_again, 2), TEST(a_circle_ends))
