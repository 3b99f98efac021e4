/* SPDX-License-Identifier: MIT */
/* Servers that lie about where an answer ends, and what must not come of it. */
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/engine/rig.h"
#include "tests/lib/run.h"

#define OK        "HTTP/1.1 200 OK\r\n"
#define GOOD      OK "Content-Length: 4\r\n\r\ngood"
#define BEGINNING "HTTP/1.1 200 OK\r\nContent-Le" /* of what would be taken for an answer */

static struct rig rig;

static const struct {
	const char *answer;
	int32_t code; /* 0: a finished download of "hello" */
} answers[] = {
	{ OK "Content-Length: 5\r\n\r\nhello", 0 },
	{ OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 0 },
	{ OK "Content-Length: 5, 5\r\n\r\nhello", 0 },
	{ OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 0 },
	{ OK "Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n", 0 },
	{ OK "\r\nhello", 0 },
	{ "HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 5\r\n\r\nhello", 0 },
	{ OK "Content-Length: 5\r\n\r\nhello and more", 0 },
	{ OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", -1011 },
	{ OK "Content-Length: 5, 6\r\n\r\nhello", -1011 },
	{ OK "Content-Length: +5\r\n\r\nhello", -1011 },
	{ OK "Content-Length: -1\r\n\r\nhello", -1011 },
	{ OK "Content-Length: 0x5\r\n\r\nhello", -1011 },
	{ OK "Content-Length: 5x\r\n\r\nhello", -1011 },
	{ OK "Content-Length: \r\n\r\nhello", -1011 },
	{ OK "Content-Length: 18446744073709551621\r\n\r\nhello", -1011 },
	{ OK "Content-Length: 9223372036854775808\r\n\r\nhello", -1011 },
	{ OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		-1011 },
	{ OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", -1011 },
	{ OK "Transfer-Encoding: xchunked\r\n\r\nhello", -1011 },
	{ OK "Transfer-Encoding: chunked, gzip\r\n\r\nhello", -1011 },
	{ "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", -1011 },
	{ OK "Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n", -1011 },
	{ OK "Transfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n", -1011 },
	{ OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\n\r\n", -1011 },
	{ OK "Content-Length : 5\r\n\r\nhello", -1011 },
	{ OK "X: a\r\n b\r\nContent-Length: 5\r\n\r\nhello", -1011 },
	{ OK "X: a\rb\r\nContent-Length: 5\r\n\r\nhello", -1011 },
	{ "HTTP/2 200\r\nContent-Length: 5\r\n\r\nhello", -1011 },
	{ "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nhello", -1011 },
	{ "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/9\r\nContent-Length: "
	  "5\r\n\r\nhello",
		-1011 },
	{ "nonsense\r\n\r\n", -1011 },
	{ OK "Content-Length: 9\r\n\r\nhello", -1005 },
	{ OK "Content-Length: 9\r\n\r\n", -1014 },
	{ OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", -1005 },
	{ "", -1005 },
	{ "HTTP/1.1 302 Found\r\nLocation: ftp://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", -1002 },
	{ "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
		-1002 },
};

START_TEST(lies_are_named_and_never_a_file)
{
	struct engine_spec spec;
	struct rig_task *t;
	char bytes[16];
	FILE *f;

	rig_start(&rig, NULL, NULL);
	ck_assert_int_eq(
		origin_raw(rig.origin, "/raw", answers[_i].answer, strlen(answers[_i].answer)), 0);
	spec = rig_download(&rig, 1, "/raw");
	t = rig_run(&rig, 1, &spec);
	ck_assert_msg(t->done.result.code == answers[_i].code, "case %d: %d %s", _i,
		t->done.result.code, t->done.result.detail);
	if (answers[_i].code)
		ck_assert_uint_eq(t->n_events[ENGINE_EVENT_SYNCED], 0);
	if (!answers[_i].code) {
		f = fopen(spec.part_path, "re");
		ck_assert_ptr_nonnull(f);
		ck_assert_uint_eq(fread(bytes, 1, sizeof(bytes), f), 5);
		ck_assert_int_eq(memcmp(bytes, "hello", 5), 0);
		fclose(f);
	}
	rig_stop(&rig);
}
END_TEST

START_TEST(eight_bit_headers_become_text)
{
	static const char answer[] = OK
		"X-Bad: \xff\xfe\x1b[31m\r\nContent-Disposition: attachment; filename=\"a\xff/b\"\r\n"
		"Content-Length: 5\r\n\r\nhello";
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	origin_raw(rig.origin, "/raw", answer, sizeof(answer) - 1);
	spec = rig_download(&rig, 1, "/raw");
	t = rig_run(&rig, 1, &spec);
	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert_ptr_nonnull(strstr(t->headers, "\xef\xbf\xbd"));
	ck_assert_ptr_null(strchr(t->headers, '\xff'));
	ck_assert_ptr_null(strchr(t->name, '/'));
	ck_assert_ptr_null(strchr(t->name, '\xff'));
	rig_stop(&rig);
}
END_TEST

/* Too much of everything ends soon, and not as "out of memory". */
static const char *const floods[] = {
	"/file?size=1&interim=20000",
	"/file?size=1&head_headers=10000",
	"/file?size=1&head_bytes=1M",
	"/file?size=100K&chunked&chunk_ext=64M",
	"/file?size=100K&chunked&trailer=64M",
};

START_TEST(floods_are_cut)
{
	struct engine_spec spec;
	struct rig_task *t;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, floods[_i]);
	t = rig_run(&rig, 1, &spec);
	ck_assert_msg(t->done.result.code == TRANSFER_ERROR_BAD_SERVER_RESPONSE, "%d %s",
		t->done.result.code, t->done.result.detail);
	rig_stop(&rig);
}
END_TEST

/* An answer that went wrong leaves no connection behind that the next request could use. */
static const char *const tainted[] = {
	"/file?size=1000&length_lie=%2B1000",
	"/file?size=1000&length_lie=1000&extra=50",
	"/file?size=1000&interim=40",
};

START_TEST(no_connection_is_used_after_a_lie)
{
	struct origin_entry first, other;
	struct engine_spec spec;
	bool is_elsewhere = false;

	rig_start(&rig, NULL, NULL);
	spec = rig_download(&rig, 1, tainted[_i]);
	rig_run(&rig, 1, &spec);
	spec = rig_download(&rig, 2, "/file?size=2000&seed=3");
	rig_run(&rig, 2, &spec);
	rig_check_part(&rig, 2, 3, 2000);
	ck_assert_int_eq(origin_log_get(rig.origin, 1, &first), 0);
	/* it may have been asked on the tainted one as well, before or (for the origin) after that */
	for (uint64_t n = 2; n <= origin_log_last(rig.origin); n++) {
		ck_assert_int_eq(origin_log_get(rig.origin, n, &other), 0);
		is_elsewhere |= other.connection != first.connection && other.status == 200;
	}
	ck_assert(is_elsewhere);
	rig_stop(&rig);
}
END_TEST

/* Lines that libcurl takes no more of, and says so as if memory had run out or the connection had broken. */
static const struct {
	const char *before;
	size_t n_bytes;
	const char *after;
} long_lines[] = {
	{ "HTTP/1.1 200 ", 200 << 10, "\r\nContent-Length: 0\r\n\r\n" },
	{ "", 300 << 10, "" },
	{ OK "X-A: ", 300 << 10, "\r\nContent-Length: 0\r\n\r\n" },
	{ OK "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-A: ", 5000, "\r\n\r\n" },
	{ OK "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-A: ", 4094 - 5, "\r\n\r\n" },
};

START_TEST(long_lines_are_the_servers_fault)
{
	size_t n_before = strlen(long_lines[_i].before), n = long_lines[_i].n_bytes;
	size_t n_after = strlen(long_lines[_i].after);
	char *bytes = malloc(n_before + n + n_after);
	struct engine_spec spec;
	struct rig_task *t;

	ck_assert_ptr_nonnull(bytes);
	memcpy(bytes, long_lines[_i].before, n_before);
	memset(bytes + n_before, 'A', n);
	memcpy(bytes + n_before + n, long_lines[_i].after, n_after);
	rig_start(&rig, NULL, NULL);
	ck_assert_int_eq(origin_raw(rig.origin, "/raw", bytes, n_before + n + n_after), 0);
	spec = rig_download(&rig, 1, "/raw");
	t = rig_run(&rig, 1, &spec);
	ck_assert_msg(t->done.result.code == TRANSFER_ERROR_BAD_SERVER_RESPONSE, "%d %s",
		t->done.result.code, t->done.result.detail);
	ck_assert(!t->done.is_retryable);
	free(bytes);
	rig_stop(&rig);
}
END_TEST

static int accept_one(int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };

	ck_assert_int_eq(poll(&p, 1, RIG_DEADLINE_MS), 1);
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static void answer(int fd, const char *text)
{
	char request[4096];

	ck_assert_int_gt(recv(fd, request, sizeof(request), 0), 0);
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static int listen_here(char *url, size_t size)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t to_size = sizeof(to);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&to, sizeof(to)), 0);
	ck_assert_int_eq(listen(listener, 5), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&to, &to_size), 0);
	snprintf(url, size, "http://127.0.0.1:%u/", ntohs(to.sin_port));
	return listener;
}

static void check_good(unsigned task)
{
	struct rig_task *t = rig_wait(&rig, task, ENGINE_EVENT_DONE, 1);

	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert_uint_eq(t->body_bytes, 4);
	ck_assert_int_eq(memcmp(t->body, "good", 4), 0);
}

/* What came on a connection before anything was asked is no answer, however much it looks like one. */
START_TEST(no_answer_comes_before_its_question)
{
	static const char more[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad";
	const struct engine_header range = { "Range", "bytes=0-1" };
	int listener, first, second;
	struct engine_spec spec;
	struct rig_task *t;
	char url[64];

	rig_start(&rig, NULL, NULL);
	listener = listen_here(url, sizeof(url));
	spec = rig_live(&rig, 1, url);
	/* one of those that leave their handle to the next, and one that does not */
	spec.headers = &range;
	spec.n_headers = _i ? 1 : 0;
	rig_begin(&rig, 1, &spec);
	first = accept_one(listener);
	answer(first, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	t = rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert_int_eq(send(first, more, strlen(more), MSG_NOSIGNAL), (ssize_t)strlen(more));
	rig_begin(&rig, 2, &spec);
	second = accept_one(listener);
	answer(second, GOOD);
	check_good(2);
	/* one that holds nothing is used again */
	rig_begin(&rig, 3, &spec);
	answer(second, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	rig_wait(&rig, 3, ENGINE_EVENT_DONE, 1);
	close(first);
	close(second);
	close(listener);
	rig_stop(&rig);
}
END_TEST

/* Read together with an answer that is whole: it is no longer in the socket when the connection is used again. */
static const char *const excessive[] = {
	OK "Content-Length: 2\r\n\r\nok" BEGINNING,
	OK "Content-Length: 0\r\n\r\n" BEGINNING,
	OK "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" BEGINNING,
	"HTTP/1.1 204 No Content\r\n\r\n" BEGINNING,
	"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n" BEGINNING,
	"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n" BEGINNING,
};

START_TEST(no_connection_is_used_after_excess)
{
	bool is_redirect = strstr(excessive[_i], "Location") != NULL;
	int listener, first, second;
	struct engine_spec spec;
	char url[64];

	rig_start(&rig, NULL, NULL);
	listener = listen_here(url, sizeof(url));
	spec = rig_live(&rig, 1, url);
	rig_begin(&rig, 1, &spec);
	first = accept_one(listener);
	answer(first, excessive[_i]);
	if (!is_redirect) {
		rig_wait(&rig, 1, ENGINE_EVENT_DONE, 1);
		rig_begin(&rig, 2, &spec);
	}
	second = accept_one(listener);
	answer(second, GOOD);
	check_good(is_redirect ? 1 : 2);
	close(first);
	close(second);
	close(listener);
	rig_stop(&rig);
}
END_TEST

/* The same over TLS; what TLS itself sends is no reason to give a connection up. */
START_TEST(no_answer_comes_before_its_question_over_tls)
{
	static const char first[] = "/file?size=2&late_gate=late&late=HTTP/1.1%20200%20OK%0D%0A"
				    "Content-Length:%203%0D%0A%0D%0Abad";
	const struct origin_config config = { .tls = ORIGIN_TLS_GOOD };
	struct origin_entry asked[6];
	struct engine_spec spec;

	rig_start(&rig, &config, NULL);
	spec = rig_download(&rig, 1, first);
	rig_run(&rig, 1, &spec);
	ck_assert_int_eq(rig.tasks[1].done.result.code, 0);
	ck_assert_int_eq(origin_release(rig.origin, "late"), 0);
	ck_assert_int_eq(origin_wait_ended(rig.origin, first, 1, RIG_DEADLINE_MS), 0);
	for (uint64_t i = 2; i <= 5; i++) {
		spec = rig_download(&rig, i, "/file?size=2000&seed=3");
		rig_run(&rig, i, &spec);
		rig_check_part(&rig, i, 3, 2000);
	}
	for (uint64_t i = 1; i <= 5; i++)
		ck_assert_int_eq(origin_log_get(rig.origin, i, &asked[i]), 0);
	ck_assert_uint_ne(asked[2].connection, asked[1].connection);
	for (uint64_t i = 3; i <= 5; i++)
		ck_assert_uint_eq(asked[i].connection, asked[2].connection);
	rig_stop(&rig);
}
END_TEST

RUN_TESTS_WITHIN("engine/framing", 40, TEST_EACH(lies_are_named_and_never_a_file, answers),
	TEST(eight_bit_headers_become_text), TEST_EACH(floods_are_cut, floods),
	TEST_EACH(long_lines_are_the_servers_fault, long_lines),
	TEST_EACH(no_connection_is_used_after_a_lie, tainted),
	TEST_LOOP(no_answer_comes_before_its_question, 2),
	TEST(no_answer_comes_before_its_question_over_tls),
	TEST_EACH(no_connection_is_used_after_excess, excessive))
