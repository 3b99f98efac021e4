/* SPDX-License-Identifier: MIT */
/* URLs, tokens and header fields that come from anywhere; names of partial files. */
#include "daemon/core/request.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "tests/lib/run.h"

static const struct {
	const char *url;
	enum request_url want;
	const char *host;
} urls[] = {
	{ "https://example.org/", REQUEST_URL_OK, "https://example.org:443" },
	{ "https://example.org", REQUEST_URL_OK, "https://example.org:443" },
	{ "HTTPS://Example.ORG:8443/a?b#c", REQUEST_URL_OK, "https://example.org:8443" },
	{ "https://example.org:/x", REQUEST_URL_OK, "https://example.org:443" },
	{ "http://example.org/x", REQUEST_URL_INSECURE, "http://example.org:80" },
	{ "http://[::1]:8080/x", REQUEST_URL_INSECURE, "http://[::1]:8080" },
	{ "https://[::1]", REQUEST_URL_OK, "https://[::1]:443" },
	{ "https://user:p%40ss@example.org/x", REQUEST_URL_OK, "https://example.org:443" },
	{ "https://a@b@example.org/x", REQUEST_URL_OK, "https://example.org:443" },
	{ "https://example.org?q=@evil", REQUEST_URL_OK, "https://example.org:443" },
	{ "https://example.org\\@evil.example/", REQUEST_URL_OK, "https://example.org:443" },
	{ "ftp://example.org/x", REQUEST_URL_FTP, "ftp://example.org:21" },
	{ "FTPS://a:b@Example.org/x", REQUEST_URL_FTPS, "ftps://example.org:990" },
	{ "sftp://example.org/x", REQUEST_URL_UNSUPPORTED, NULL },
	{ "ft://example.org/x", REQUEST_URL_UNSUPPORTED, NULL },
	{ "ftp:///x", REQUEST_URL_MALFORMED, NULL },
	{ "file:///etc/passwd", REQUEST_URL_UNSUPPORTED, NULL },
	{ "data:,x", REQUEST_URL_UNSUPPORTED, NULL },
	{ "gopher://x/", REQUEST_URL_UNSUPPORTED, NULL },
	{ "httpss://x/", REQUEST_URL_UNSUPPORTED, NULL },
	{ "", REQUEST_URL_MALFORMED, NULL },
	{ "example.org/x", REQUEST_URL_MALFORMED, NULL },
	{ "//example.org/x", REQUEST_URL_MALFORMED, NULL },
	{ "https:example.org", REQUEST_URL_MALFORMED, NULL },
	{ "https:///x", REQUEST_URL_MALFORMED, NULL },
	{ "https://:80/x", REQUEST_URL_MALFORMED, NULL },
	{ "https://user@/x", REQUEST_URL_MALFORMED, NULL },
	{ "https://example.org:70000/", REQUEST_URL_MALFORMED, NULL },
	{ "https://example.org:99999999999999999999/", REQUEST_URL_MALFORMED, NULL },
	{ "https://example.org:0/", REQUEST_URL_MALFORMED, NULL },
	{ "https://example.org:8x/", REQUEST_URL_MALFORMED, NULL },
	{ "https://[::1/", REQUEST_URL_MALFORMED, NULL },
	{ "https://[::1]x/", REQUEST_URL_MALFORMED, NULL },
	{ "https://[]/", REQUEST_URL_MALFORMED, NULL },
	{ "https://example.org/a b", REQUEST_URL_MALFORMED, NULL },
	{ "https://example.org/a\r\nX: y", REQUEST_URL_MALFORMED, NULL },
	{ "https://example.org/\x7f", REQUEST_URL_MALFORMED, NULL },
	{ "1https://example.org/", REQUEST_URL_MALFORMED, NULL },
};

START_TEST(url)
{
	char host[REQUEST_HOST_MAX_BYTES] = "";

	ck_assert_int_eq(request_check_url(urls[_i].url, host), urls[_i].want);
	if (urls[_i].host)
		ck_assert_str_eq(host, urls[_i].host);
}
END_TEST

START_TEST(url_lengths)
{
	static char text[REQUEST_URL_MAX_BYTES + 10];
	char host[REQUEST_HOST_MAX_BYTES];

	memset(text, 'a', sizeof(text) - 1);
	memcpy(text, "https://x/", 10);
	ck_assert_int_eq(request_check_url(text, host), REQUEST_URL_MALFORMED);
	text[REQUEST_URL_MAX_BYTES] = 0;
	ck_assert_int_eq(request_check_url(text, host), REQUEST_URL_OK);
	/* a host of the greatest length fits with scheme and port */
	memset(text, 'a', 300);
	memcpy(text, "https://", 8);
	memcpy(text + 8 + 255, ":65535/", 8);
	ck_assert_int_eq(request_check_url(text, host), REQUEST_URL_OK);
	ck_assert_uint_eq(strlen(host), 8 + 255 + 6);
	memset(text + 8, 'a', 256);
	memcpy(text + 8 + 256, ":65535/", 8);
	ck_assert_int_eq(request_check_url(text, host), REQUEST_URL_MALFORMED);
}
END_TEST

static const struct {
	struct task_header header;
	enum request_header want;
} headers[] = {
	{ { "X-Test", "value" }, REQUEST_HEADER_OK },
	{ { "X-Test", "" }, REQUEST_HEADER_OK },
	{ { "X-Test", "tab\tand \xc3\xa4" }, REQUEST_HEADER_OK },
	{ { "Authorization", "Basic eA==" }, REQUEST_HEADER_OK },
	{ { "Accept", "*/*" }, REQUEST_HEADER_OK },
	{ { "", "x" }, REQUEST_HEADER_INVALID },
	{ { "X Y", "x" }, REQUEST_HEADER_INVALID },
	{ { "X:Y", "x" }, REQUEST_HEADER_INVALID },
	{ { "X\r\nHost", "x" }, REQUEST_HEADER_INVALID },
	{ { "X-\xc3\xa4", "x" }, REQUEST_HEADER_INVALID },
	{ { "X", "a\r\nEvil: 1" }, REQUEST_HEADER_INVALID },
	{ { "X", "a\nb" }, REQUEST_HEADER_INVALID },
	{ { "X", "a\rb" }, REQUEST_HEADER_INVALID },
	{ { "X", "a\x01" }, REQUEST_HEADER_INVALID },
	{ { "X", "a\x7f" }, REQUEST_HEADER_INVALID },
	{ { "Host", "a\r\nb" }, REQUEST_HEADER_INVALID },
	{ { "host", "evil" }, REQUEST_HEADER_RESERVED },
	{ { "Content-Length", "5" }, REQUEST_HEADER_RESERVED },
	{ { "TRANSFER-ENCODING", "chunked" }, REQUEST_HEADER_RESERVED },
	{ { "Connection", "close" }, REQUEST_HEADER_RESERVED },
	{ { "Proxy-Authorization", "x" }, REQUEST_HEADER_RESERVED },
	{ { "proxy-anything", "x" }, REQUEST_HEADER_RESERVED },
	{ { "Upgrade", "h2c" }, REQUEST_HEADER_RESERVED },
	{ { "TE", "trailers" }, REQUEST_HEADER_RESERVED },
	{ { "Trailer", "x" }, REQUEST_HEADER_RESERVED },
	{ { "Range", "bytes=5-" }, REQUEST_HEADER_RESERVED },
	{ { "If-Range", "x" }, REQUEST_HEADER_RESERVED },
	{ { "Accept-Encoding", "gzip" }, REQUEST_HEADER_OK },
};

START_TEST(header)
{
	ck_assert_int_eq(request_check_header(&headers[_i].header), headers[_i].want);
}
END_TEST

START_TEST(header_sets)
{
	static const struct task_header set[] = { { "A", "12" }, { "Bc", "" } };

	ck_assert(request_has_header(set, 2, "a"));
	ck_assert(request_has_header(set, 2, "BC"));
	ck_assert(!request_has_header(set, 2, "B"));
	ck_assert(!request_has_header(set, 0, "A"));
	ck_assert_uint_eq(request_headers_bytes(set, 2), 1 + 2 + 4 + 2 + 4);
}
END_TEST

START_TEST(part_path)
{
	char path[4096], long_name[400];

	ck_assert_int_eq(request_part_path("/home/x/file.iso", 17, path, sizeof(path)), 0);
	ck_assert_str_eq(path, "/home/x/.file.iso.17.part");
	ck_assert_int_eq(request_part_path("/file", 1, path, sizeof(path)), 0);
	ck_assert_str_eq(path, "/.file.1.part");
	/* a name of the greatest length is shortened, not in the middle of a character */
	memset(long_name, 'a', 300);
	memcpy(long_name, "/d/", 3);
	for (size_t i = 3; i < 3 + 254; i += 2)
		memcpy(long_name + i, "\xc3\xa4", 2);
	long_name[3 + 254] = 0;
	ck_assert_int_eq(request_part_path(long_name, 123456, path, sizeof(path)), 0);
	ck_assert_uint_le(strlen(path) - 3, REQUEST_NAME_MAX_BYTES);
	ck_assert_uint_ge(strlen(path) - 3, REQUEST_NAME_MAX_BYTES - 1);
	ck_assert_int_eq((strlen(path) - strlen("/d/.") - strlen(".123456.part")) % 2, 0);
	ck_assert_str_eq(path + strlen(path) - 12, ".123456.part");
	ck_assert_int_lt(request_part_path("/home/x/file.iso", 17, path, 10), 0);
}
END_TEST

static const struct {
	enum transfer_task_kind kind;
	const char *url, *destination, *source, *want;
} names[] = {
	{ TRANSFER_TASK_DOWNLOAD, "https://h/a/b.zip?x=/y", NULL, NULL, "b.zip" },
	{ TRANSFER_TASK_DOWNLOAD, "https://h/a/b.zip", "/d/c.zip", NULL, "c.zip" },
	{ TRANSFER_TASK_DOWNLOAD, "https://h/a/", NULL, NULL, "a" },
	{ TRANSFER_TASK_DOWNLOAD, "https://host.example/", NULL, NULL, "host.example" },
	{ TRANSFER_TASK_DOWNLOAD, "https://host.example", NULL, NULL, "host.example" },
	{ TRANSFER_TASK_DOWNLOAD, "", NULL, NULL, "" },
	{ TRANSFER_TASK_UPLOAD, "https://h/put", NULL, "/s/up.bin", "up.bin" },
	{ TRANSFER_TASK_UPLOAD, "https://h/put", NULL, NULL, "put" },
};

START_TEST(display_name)
{
	const struct task task = {
		.kind = names[_i].kind,
		.request = { .url = names[_i].url,
			.destination = names[_i].destination,
			.source_path = names[_i].source },
	};
	char buf[64];

	ck_assert_str_eq(request_display_name(&task, buf, sizeof(buf)), names[_i].want);
}
END_TEST

static const struct {
	const char *host;
	bool want;
} hosts[] = {
	{ "http://127.0.0.1:80", true },
	{ "https://127.9.9.9:443", true },
	{ "https://[::1]:443", true },
	{ "http://localhost:8080", true },
	{ "http://api.localhost:8080", true },
	{ "https://example.org:443", false },
	{ "https://localhost.example.org:443", false },
	{ "https://notlocalhost:443", false },
	{ "https://[::11]:443", false },
	{ "http://128.0.0.1:80", false },
	{ "http://127.example.com:80", false },
};

START_TEST(knows_this_machine)
{
	ck_assert_int_eq(request_is_local(hosts[_i].host), hosts[_i].want);
}
END_TEST

/* What is written is read again; what the new request says itself stands. */
START_TEST(carried)
{
	static const struct task_header of_old[] = { { "Authorization", "Basic eDp5" },
		{ "X-A", "a: b" }, { "X-B", "" }, { "x-b", "second" } };
	static const struct task_header of_new = { "x-a", "mine" };
	const struct task_request old = { .headers = of_old,
		.n_headers = 4,
		.ca_file = "/etc/a file",
		.allow_insecure = true,
		.timeout_us = 5000000,
		.resource_timeout_us = UINT64_MAX };
	struct task_request request = { .headers = &of_new, .n_headers = 1, .timeout_us = 7 };
	struct arena arena = { 0 };
	struct buf text = { 0 };

	ck_assert_int_eq(request_carry_write(&old, &text), 0);
	ck_assert_int_eq(request_carry_read(text.bytes, &arena, &request), 0);
	ck_assert_uint_eq(request.n_headers, 4);
	ck_assert_str_eq(request.headers[0].value, "mine");
	ck_assert_str_eq(request.headers[1].name, "Authorization");
	ck_assert_str_eq(request.headers[1].value, "Basic eDp5");
	ck_assert_str_eq(request.headers[2].value, "");
	ck_assert_str_eq(request.headers[3].value, "second");
	ck_assert_str_eq(request.ca_file, "/etc/a file");
	ck_assert(request.allow_insecure);
	ck_assert_uint_eq(request.timeout_us, 7);
	ck_assert_uint_eq(request.resource_timeout_us, UINT64_MAX);
	arena_done(&arena);
	buf_done(&text);
}
END_TEST

/* Nothing of it is taken that no request may say. */
START_TEST(carried_nonsense)
{
	static const char *const texts[] = { NULL, "", "\n\n", "h", "hno colon",
		"hRange: bytes=0-\n", "hBad name: x\n", "z\nhX", "t\n" };
	struct task_request request = { 0 };
	struct arena arena = { 0 };

	ck_assert_int_eq(request_carry_read(texts[_i], &arena, &request), 0);
	ck_assert_uint_eq(request.n_headers, 0);
	ck_assert_uint_eq(request.timeout_us, 0);
	arena_done(&arena);
}
END_TEST

RUN_TESTS("daemon/core/request", TEST(carried), TEST_LOOP(carried_nonsense, 9),
	TEST_EACH(url, urls), TEST(url_lengths), TEST_EACH(header, headers), TEST(header_sets),
	TEST(part_path), TEST_EACH(display_name, names), TEST_EACH(knows_this_machine, hosts))
