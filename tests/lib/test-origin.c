/* SPDX-License-Identifier: MIT */
/* The origin does what its query says, seen by a client that reads raw bytes. */
#include "tests/lib/origin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/run.h"

#define DEADLINE_MS 5000

struct reply {
	char bytes[512 * 1024];
	size_t used;
	int error; /* errno that ended it, 0: end of file or complete */
};

static struct origin *origin;
static struct reply reply;

static void start(const struct origin_config *config)
{
	ck_assert_int_eq(origin_new(config, &origin), 0);
}

static int dial(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

static void say(int fd, const char *text)
{
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void receive(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	reply.used = 0;
	reply.error = 0;
	while (reply.used + 1 < sizeof(reply.bytes)) {
		if (poll(&p, 1, DEADLINE_MS) <= 0) {
			reply.error = ETIMEDOUT;
			break;
		}
		n = recv(fd, reply.bytes + reply.used, sizeof(reply.bytes) - 1 - reply.used, 0);
		if (n <= 0) {
			reply.error = n ? errno : 0;
			break;
		}
		reply.used += (size_t)n;
	}
	reply.bytes[reply.used] = '\0';
}

/* one request on a connection of its own */
static void ask(const char *method, const char *target, const char *fields, const char *body)
{
	int fd = dial(origin_port(origin));
	char text[4096];

	ck_assert_int_ge(fd, 0);
	snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n%s",
		method, target, fields, body);
	say(fd, text);
	receive(fd);
	close(fd);
}

static size_t body_size(void)
{
	const char *end = memmem(reply.bytes, reply.used, "\r\n\r\n", 4);

	return end ? reply.used - (size_t)(end + 4 - reply.bytes) : 0;
}

static const struct {
	const char *method;
	const char *target;
	const char *fields;
	const char *body;
	const char *want; /* the reply begins with */
	const char *want_part; /* and contains */
	int want_body; /* -1: any */
} cases[] = {
	{ "GET", "/file?size=1000&seed=3", "", "", "HTTP/1.1 200 ", "ETag: \"v3-1000\"\r\n", 1000 },
	{ "HEAD", "/file?size=1000", "", "", "HTTP/1.1 200 ", "Content-Length: 1000\r\n", 0 },
	{ "GET", "/file?size=1000", "Range: bytes=10-19\r\n", "", "HTTP/1.1 206 ",
		"Content-Range: bytes 10-19/1000\r\n", 10 },
	{ "GET", "/file?size=1000", "Range: bytes=990-\r\n", "", "HTTP/1.1 206 ",
		"Content-Range: bytes 990-999/1000\r\n", 10 },
	{ "GET", "/file?size=1000", "Range: bytes=-5\r\n", "", "HTTP/1.1 206 ",
		"Content-Range: bytes 995-999/1000\r\n", 5 },
	{ "GET", "/file?size=1000", "Range: bytes=1000-\r\n", "", "HTTP/1.1 416 ",
		"Content-Range: bytes */1000\r\n", 0 },
	{ "GET", "/file?size=1000", "Range: bytes=5-\r\nIf-Range: \"v0-1000\"\r\n", "",
		"HTTP/1.1 206 ", "bytes 5-999/1000", 995 },
	{ "GET", "/file?size=1000", "Range: bytes=5-\r\nIf-Range: \"other\"\r\n", "",
		"HTTP/1.1 200 ", "Content-Length: 1000", 1000 },
	{ "GET", "/file?size=1000&etag=none&lastmod=1000000000",
		"Range: bytes=5-\r\nIf-Range: Sun, 09 Sep 2001 01:46:40 GMT\r\n", "",
		"HTTP/1.1 206 ", "Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT", 995 },
	{ "GET", "/file?size=1000&weak", "Range: bytes=5-\r\nIf-Range: W/\"v0-1000\"\r\n", "",
		"HTTP/1.1 200 ", "ETag: W/\"v0-1000\"", 1000 },
	{ "GET", "/file?size=1000&noranges", "Range: bytes=5-\r\n", "", "HTTP/1.1 200 ",
		"Accept-Ranges: none", 1000 },
	{ "GET", "/file?size=1000&wrong_start=1", "Range: bytes=5-\r\n", "", "HTTP/1.1 206 ",
		"bytes 6-999/1000", 995 },
	{ "GET", "/file?size=1000&wrong_total=1", "Range: bytes=5-\r\n", "", "HTTP/1.1 206 ",
		"bytes 5-999/1001", 995 },
	{ "GET", "/file?size=1000&other_etag", "Range: bytes=5-\r\n", "", "HTTP/1.1 206 ",
		"ETag: \"another\"", 995 },
	{ "GET", "/file?size=1000&multipart", "Range: bytes=5-\r\n", "", "HTTP/1.1 206 ",
		"multipart/byteranges", 995 },
	{ "GET", "/file?size=1000&always_416", "Range: bytes=5-\r\n", "", "HTTP/1.1 416 ", "*/1000",
		0 },
	{ "GET", "/file?size=10&ifrange_200", "Range: bytes=5-\r\nIf-Range: \"v0-10\"\r\n", "",
		"HTTP/1.1 200 ", "", 10 },
	{ "GET", "/file?size=10", "If-None-Match: \"v0-10\"\r\n", "", "HTTP/1.1 304 ", "", 0 },
	{ "GET", "/file?size=10", "If-Match: \"other\"\r\n", "", "HTTP/1.1 412 ", "", 0 },
	{ "GET", "/file?size=1000&drop_after=100", "", "", "HTTP/1.1 200 ", "Content-Length: 1000",
		100 },
	{ "GET", "/file?size=1000&length_lie=5,%206", "", "", "HTTP/1.1 200 ",
		"Content-Length: 5, 6\r\n", 1000 },
	{ "GET", "/file?size=100&no_length", "", "", "HTTP/1.1 200 ", "Connection: close", 100 },
	{ "GET", "/file?size=3&chunked&trailer=1", "", "", "HTTP/1.1 200 ", "X-Trailer-0: ", -1 },
	{ "GET", "/file?size=5&coding=gzip", "", "", "HTTP/1.1 200 ", "Content-Encoding: gzip",
		-1 },
	{ "GET", "/file?size=5&status=503&retry_after=7", "", "", "HTTP/1.1 503 ",
		"Retry-After: 7\r\n", -1 },
	{ "GET", "/file?redirect_to=/Nepal&status=307", "", "", "HTTP/1.1 307 ",
		"Location: /Nepal\r\n", -1 },
	{ "GET", "/file?size=1&header=X-A:%20b&header=X-C:%20d", "", "", "HTTP/1.1 200 ",
		"X-A: b\r\nX-C: d\r\n", 1 },
	{ "GET", "/file?size=1&interim=2", "", "", "HTTP/1.1 103 ", "HTTP/1.1 200 OK", -1 },
	{ "GET", "/file?size=1&head_headers=300", "", "", "HTTP/1.1 200 ", "X-Flood-299: 299", 1 },
	{ "PUT", "/store/a", "Content-Length: 3\r\n", "abc", "HTTP/1.1 201 ",
		"X-Body-SHA256: ba7816bf", -1 },
	{ "POST", "/upload", "Transfer-Encoding: chunked\r\n", "1\r\na\r\n2;x=y\r\nbc\r\n0\r\n\r\n",
		"HTTP/1.1 200 ", "X-Body-SHA256: ba7816bf", -1 },
	{ "POST", "/upload", "", "", "HTTP/1.1 400 ", "", -1 },
	{ "GET", "/Nepal", "", "", "HTTP/1.1 200 ", "Kathmandu", 9 },
	{ "GET", "/put", "", "", "HTTP/1.1 405 ", "\"uri\":\"GET /put HTTP/1.1\"", -1 },
	{ "PUT", "/put", "Content-Length: 3\r\n", "abc", "HTTP/1.1 200 ",
		"\"x-base64-body\":\"YWJj\"", -1 },
	{ "GET", "/redirect/3", "", "", "HTTP/1.1 302 ", "Location: /redirect/2\r\n", -1 },
	{ "GET", "/redirect/1", "", "", "HTTP/1.1 302 ", "Location: /jsonBody\r\n", -1 },
	{ "GET", "/307?location=/Peru", "", "", "HTTP/1.1 307 ", "Location: /Peru\r\n", -1 },
	{ "DELETE", "/301", "", "", "HTTP/1.1 301 ", "Location: /delete\r\n", -1 },
	{ "GET", "/404", "", "", "HTTP/1.1 404 ", "GET /404", -1 },
	{ "GET", "/404/withoutauth", "", "", "HTTP/1.1 404 ", "", -1 },
	{ "GET", "/auth/x", "", "", "HTTP/1.1 401 ", "WWW-Authenticate: Basic", 0 },
	{ "GET", "/auth/x", "Authorization: Basic dXNlcjpwYXNzd2Q=\r\n", "", "HTTP/1.1 200 ", "",
		-1 },
	{ "GET", "/echo-query?param=f%20oo", "", "", "HTTP/1.1 200 ", "param=f oo", -1 },
	{ "GET", "/setCookiesOK", "Cookie: RequestCookie=1234\r\n", "", "HTTP/1.1 200 ",
		"sessionId", 13 },
	{ "GET", "/Gomorrah", "", "", "HTTP/1.1\r\n", "", 0 },
	{ "GET", "/nothing", "", "", "HTTP/1.1 404 ", "", -1 },
	{ "GET", "/file?size=1&interim_status=102&interim_header=X-A:%20b", "", "",
		"HTTP/1.1 102 Processing\r\nX-A: b\r\n\r\nHTTP/1.1 200 ", "", -1 },
	{ "GET", "/file?redirect_raw=/echo-query?a=%20b&status=303", "", "", "HTTP/1.1 303 ",
		"Location: /echo-query?a=%20b\r\n", -1 },
	{ "PATCH", "/jsonBody?only_method=PATCH", "Content-Length: 3\r\n", "abc", "HTTP/1.1 200 ",
		"\"x-base64-body\":\"YWJj\"", -1 },
	{ "PATCH", "/jsonBody?only_method=POST", "Content-Length: 3\r\n", "abc", "HTTP/1.1 405 ",
		"", -1 },
	{ "GET", "/file?status=401&header=WWW-Authenticate:%20Basic%20realm%3Da", "", "",
		"HTTP/1.1 401 ", "WWW-Authenticate: Basic realm=a\r\n", -1 },
	{ "GET", "/file?parts=2&size=3&part_type=text/plain&boundary=b%20c&part_lengths", "", "",
		"HTTP/1.1 200 ",
		"\r\n--b c\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\n", -1 },
	{ "HEAD", "/file?parts=2&size=3", "", "", "HTTP/1.1 200 ",
		"multipart/x-mixed-replace; boundary=\"next-part\"\r\n", 0 },
};

START_TEST(answers)
{
	start(NULL);
	ask(cases[_i].method, cases[_i].target, cases[_i].fields, cases[_i].body);
	ck_assert_int_eq(reply.error, 0);
	ck_assert_msg(!strncmp(reply.bytes, cases[_i].want, strlen(cases[_i].want)), "%s: got %s",
		cases[_i].target, reply.bytes);
	ck_assert_msg(
		memmem(reply.bytes, reply.used, cases[_i].want_part, strlen(cases[_i].want_part)),
		"%s: got %s", cases[_i].target, reply.bytes);
	if (cases[_i].want_body >= 0)
		ck_assert_int_eq((int)body_size(), cases[_i].want_body);
	origin_free(origin);
}
END_TEST

START_TEST(content_is_a_function_of_the_seed)
{
	unsigned char whole[100], part[10];
	char hex[65];

	origin_bytes(5, 0, whole, sizeof(whole));
	for (unsigned at = 0; at <= 90; at++) {
		origin_bytes(5, at, part, sizeof(part));
		ck_assert(!memcmp(part, whole + at, sizeof(part)));
	}
	origin_bytes(6, 0, part, sizeof(part));
	ck_assert(memcmp(part, whole, sizeof(part)));
	start(NULL);
	ask("GET", "/file?size=100&seed=5", "", "");
	ck_assert(!memcmp(reply.bytes + reply.used - 100, whole, 100));
	origin_bytes_sha256(5, 0, hex);
	ck_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	origin_free(origin);
}
END_TEST

START_TEST(keeps_connections_alive)
{
	struct origin_entry a, b;
	int fd;

	start(NULL);
	fd = dial(origin_port(origin));
	say(fd,
		"GET /Nepal HTTP/1.1\r\n\r\nPUT /store/x HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"
		"GET /Peru HTTP/1.1\r\nConnection: close\r\n\r\n");
	receive(fd);
	close(fd);
	ck_assert_int_eq(reply.error, 0);
	ck_assert_ptr_nonnull(strstr(reply.bytes, "Kathmandu"));
	ck_assert_ptr_nonnull(strstr(reply.bytes, "Lima"));
	ck_assert_int_eq(origin_log_find(origin, "/Nepal", 1, &a), 0);
	ck_assert_int_eq(origin_log_find(origin, "/Peru", 1, &b), 0);
	ck_assert_uint_eq(a.connection, b.connection);
	ck_assert_uint_lt(a.number, b.number);
	origin_free(origin);
}
END_TEST

START_TEST(logs_what_arrived)
{
	struct origin_entry e;
	struct origin_stats stats;
	char value[32];

	start(NULL);
	ask("GET", "/file?size=10&key=k", "Range: bytes=4-\r\nIf-Range: \"v0-10\"\r\nX-Mark: m\r\n",
		"");
	ck_assert_int_eq(origin_wait_ended(origin, "/file", 1, DEADLINE_MS), 0);
	ck_assert_int_eq(origin_log_find(origin, "/file", 1, &e), 0);
	ck_assert_str_eq(e.method, "GET");
	ck_assert_str_eq(e.range, "bytes=4-");
	ck_assert_str_eq(e.if_range, "\"v0-10\"");
	ck_assert(origin_entry_header(&e, "x-mark", value, sizeof(value)));
	ck_assert_str_eq(value, "m");
	ck_assert(!origin_entry_header(&e, "X-None", value, sizeof(value)));
	ck_assert_uint_eq(e.body_sent_bytes, 6);
	ck_assert_uint_eq(e.body_start_bytes, 4);
	ck_assert_uint_eq(e.status, 206);
	ck_assert(e.whole);
	origin_stats_get(origin, "k", &stats);
	ck_assert_uint_eq(stats.requests, 1);
	ck_assert_uint_eq(stats.whole_answers, 1);
	ck_assert_uint_eq(stats.body_sent_bytes, 6);
	ask("GET", "/_log", "", "");
	ck_assert_ptr_nonnull(strstr(reply.bytes, "\"range\":\"bytes=4-\""));
	origin_log_clear(origin);
	ck_assert_uint_eq(origin_log_count(origin, ""), 0);
	origin_free(origin);
}
END_TEST

START_TEST(counts_change_failures_and_drops)
{
	start(NULL);
	ask("GET", "/file?size=10&fail_times=1&status=500", "", "");
	ck_assert(!strncmp(reply.bytes, "HTTP/1.1 500", 12));
	ask("GET", "/file?size=10&fail_times=1&status=500", "", "");
	ck_assert(!strncmp(reply.bytes, "HTTP/1.1 200", 12));
	ask("GET", "/file?size=10&changed_after=1&seed=1", "", "");
	ck_assert_ptr_nonnull(strstr(reply.bytes, "\"v1-10\""));
	ask("GET", "/file?size=10&changed_after=1&seed=1", "", "");
	ck_assert_ptr_null(strstr(reply.bytes, "\"v1-10\""));
	ask("GET", "/file?size=10&drop_after=5&drop_times=1&drop=rst", "", "");
	ck_assert_uint_lt(body_size(), 10);
	ask("GET", "/file?size=10&drop_after=5&drop_times=1&drop=rst", "", "");
	ck_assert_uint_eq(body_size(), 10);
	origin_free(origin);
}
END_TEST

START_TEST(gates_hold_until_released)
{
	struct pollfd p = { .events = POLLIN };
	int fd;

	start(NULL);
	fd = dial(origin_port(origin));
	say(fd, "GET /file?size=1000&gate=g&gate_after=300 HTTP/1.1\r\nConnection: close\r\n\r\n");
	ck_assert_int_eq(origin_wait_bytes(origin, "/file", 1, 300, DEADLINE_MS), 0);
	ck_assert_int_eq(origin_wait_bytes(origin, "/file", 1, 301, 50), -ETIMEDOUT);
	ck_assert_int_eq(origin_release(origin, "g"), 0);
	receive(fd);
	ck_assert_uint_eq(body_size(), 1000);
	close(fd);
	/* an upload, and one whose client vanishes at the gate */
	fd = dial(origin_port(origin));
	say(fd, "PUT /store/a?gate=h HTTP/1.1\r\nContent-Length: 2\r\n\r\nx");
	ck_assert_int_eq(origin_wait_bytes(origin, "/store/a", 1, 1, DEADLINE_MS), 0);
	p.fd = fd;
	ck_assert_int_eq(poll(&p, 1, 50), 0);
	close(fd);
	ck_assert_int_eq(origin_wait_ended(origin, "/store/a", 1, DEADLINE_MS), 0);
	origin_free(origin);
}
END_TEST

START_TEST(ends_while_clients_hang)
{
	int fds[3];

	start(NULL);
	for (unsigned i = 0; i < 3; i++)
		fds[i] = dial(origin_port(origin));
	say(fds[0], "GET /file?hang HTTP/1.1\r\n\r\n");
	say(fds[1], "GET /file?size=5&hang_after=2 HTTP/1.1\r\n\r\n");
	ck_assert_int_eq(origin_wait_arrived(origin, "/file", 2, DEADLINE_MS), 0);
	origin_free(origin);
	for (unsigned i = 0; i < 3; i++) {
		receive(fds[i]);
		ck_assert_int_ne(reply.error, ETIMEDOUT);
		close(fds[i]);
	}
}
END_TEST

/* parts are bytes of seeds that follow each other, and each but the first waits */
START_TEST(sends_parts_one_by_one)
{
	static const char between[] = "\r\n--next-part\r\nContent-Type: "
				      "application/octet-stream\r\n\r\n";
	char want[512];
	size_t n = 0;
	int fd;

	start(NULL);
	for (unsigned i = 0; i < 2; i++) {
		memcpy(want + n, between, sizeof(between) - 1);
		n += sizeof(between) - 1;
		origin_bytes(5 + i, 0, want + n, 40);
		n += 40;
	}
	memcpy(want + n, "\r\n--next-part--\r\n", 17);
	n += 17;
	fd = dial(origin_port(origin));
	say(fd, "GET /file?parts=2&size=40&seed=5&part_gate=g HTTP/1.1\r\n\r\n");
	ck_assert_int_eq(origin_wait_bytes(origin, "/file", 1, 40, DEADLINE_MS), 0);
	ck_assert_int_eq(origin_wait_bytes(origin, "/file", 1, 41, 50), -ETIMEDOUT);
	ck_assert_int_eq(origin_release(origin, "g1"), 0);
	receive(fd);
	ck_assert_uint_eq(body_size(), n);
	ck_assert_mem_eq(reply.bytes + reply.used - n, want, n);
	close(fd);
	origin_free(origin);
}
END_TEST

/* the answer comes while the body does, and the connection goes on */
START_TEST(answers_amid_a_body)
{
	struct pollfd p = { .events = POLLIN };
	char bytes[256];
	ssize_t n;
	int fd;

	start(NULL);
	fd = dial(origin_port(origin));
	say(fd, "POST /upload?reply_after=4 HTTP/1.1\r\nContent-Length: 8\r\n\r\nabcd");
	p.fd = fd;
	ck_assert_int_eq(poll(&p, 1, DEADLINE_MS), 1);
	n = recv(fd, bytes, sizeof(bytes) - 1, MSG_PEEK);
	ck_assert_int_gt(n, 0);
	bytes[n] = '\0';
	ck_assert(!strncmp(bytes, "HTTP/1.1 200 ", 13));
	say(fd, "efghGET /Nepal HTTP/1.1\r\nConnection: close\r\n\r\n");
	receive(fd);
	ck_assert_ptr_nonnull(strstr(reply.bytes, "X-Body-Length: 4\r\n"));
	ck_assert_ptr_nonnull(strstr(reply.bytes, "Kathmandu"));
	close(fd);
	origin_free(origin);
}
END_TEST

/* a connection that was used before dies with the request on it; a fresh one does not */
START_TEST(kills_kept_connections)
{
	int fd;

	start(NULL);
	fd = dial(origin_port(origin));
	say(fd, "GET /Nepal?kill_kept=2 HTTP/1.1\r\n\r\nGET /Peru?kill_kept=2 HTTP/1.1\r\n\r\n");
	receive(fd);
	ck_assert_ptr_nonnull(strstr(reply.bytes, "Kathmandu"));
	ck_assert_ptr_null(strstr(reply.bytes, "Lima"));
	ck_assert_uint_eq(origin_log_count(origin, "/Peru"), 1);
	close(fd);
	ask("GET", "/Peru?kill_kept=2", "", "");
	ck_assert_ptr_nonnull(strstr(reply.bytes, "Lima"));
	origin_free(origin);
}
END_TEST

START_TEST(answers_raw_bytes)
{
	start(NULL);
	ck_assert_int_eq(origin_raw(origin, "/r", "HT\0TP", 5), 0);
	ask("GET", "/r?x", "", "");
	ck_assert_uint_eq(reply.used, 5);
	ck_assert(!memcmp(reply.bytes, "HT\0TP", 5));
	origin_free(origin);
}
END_TEST

START_TEST(refuses_when_told)
{
	int fd;

	start(NULL);
	ck_assert_int_eq(dial(origin_dead_port(origin)), -ECONNREFUSED);
	ck_assert_int_eq(origin_listen(origin, false), 0);
	ck_assert_int_eq(dial(origin_port(origin)), -ECONNREFUSED);
	ck_assert_int_eq(origin_listen(origin, true), 0);
	ask("GET", "/Nepal", "", "");
	ck_assert_uint_eq(body_size(), 9);
	fd = dial(origin_port(origin));
	say(fd, "GET /file?hang HTTP/1.1\r\n\r\n");
	ck_assert_int_eq(origin_wait_arrived(origin, "/file", 1, DEADLINE_MS), 0);
	origin_cut(origin);
	receive(fd);
	ck_assert_int_eq(reply.error, ECONNRESET);
	close(fd);
	origin_free(origin);
}
END_TEST

START_TEST(paces)
{
	struct origin_entry e;
	int fd;

	start(NULL);
	fd = dial(origin_port(origin));
	say(fd, "GET /file?size=1000K&rate_bps=100K HTTP/1.1\r\n\r\n");
	ck_assert_int_eq(origin_wait_bytes(origin, "/file", 1, 10000, DEADLINE_MS), 0);
	ck_assert_int_eq(origin_log_find(origin, "/file", 1, &e), 0);
	ck_assert_uint_lt(e.body_sent_bytes, 100000);
	close(fd);
	origin_free(origin);
}
END_TEST

RUN_TESTS("lib/origin", TEST_EACH(answers, cases), TEST(content_is_a_function_of_the_seed),
	TEST(keeps_connections_alive), TEST(logs_what_arrived),
	TEST(counts_change_failures_and_drops), TEST(gates_hold_until_released),
	TEST(ends_while_clients_hang), TEST(sends_parts_one_by_one), TEST(answers_amid_a_body),
	TEST(kills_kept_connections), TEST(answers_raw_bytes), TEST(refuses_when_told), TEST(paces))
