/* SPDX-License-Identifier: MIT */
#include "engine/head.h"

#include <string.h>

#include "base/utf8.h"
#include "engine/engine.h"
#include "tests/lib/run.h"

/* Feeds text line by line, each with its LF, as libcurl does; stops at the first failure. */
static int feed(struct head *head, const char *text, size_t size)
{
	int r = 0;

	while (size && !r) {
		const char *lf = memchr(text, '\n', size);
		size_t n = lf ? (size_t)(lf - text) + 1 : size;

		r = head_line(head, text, n);
		text += n;
		size -= n;
	}
	return r;
}

static int feed_str(struct head *head, const char *text)
{
	return feed(head, text, strlen(text));
}

#define OK "HTTP/1.1 200 OK\r\n"

static const struct {
	const char *text;
	int64_t length;
	bool is_chunked;
} good[] = {
	{ OK "\r\n", -1, false },
	{ "HTTP/1.1 200\r\n\r\n", -1, false },
	{ OK "Content-Length: 0\r\n\r\n", 0, false },
	{ OK "content-length:5\r\n\r\n", 5, false },
	{ OK "Content-Length: 5 \t\r\n\r\n", 5, false },
	{ OK "Content-Length: 5, 5\r\n\r\n", 5, false },
	{ OK "Content-Length: 5 ,5\r\n\r\n", 5, false },
	{ OK "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 5, false },
	{ OK "Content-Length: 5\r\nContent-Length: 05\r\n\r\n", 5, false },
	{ OK "Content-Length: 9223372036854775807\r\n\r\n", INT64_MAX, false },
	{ OK "Transfer-Encoding: Chunked\r\n\r\n", -1, true },
	{ OK "X: \r\nContent-Length: 5\r\n\r\n", 5, false },
	{ "HTTP/1.1 200 OK\nContent-Length: 5\n\n", 5, false },
	{ "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", 5, false },
	{ "HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 5\r\n\r\n", 5, false },
	/* what an interim response says does not stay */
	{ "HTTP/1.1 103 Early\r\nContent-Length: 7\r\nETag: \"x\"\r\n\r\n" OK
	  "Content-Length: 5\r\n\r\n",
		5, false },
	{ OK "Transfer-Encoding: chunked\r\n\r\nX-Trailer: 1\r\nContent-Length: 9\r\n\r\n", -1,
		true },
};

START_TEST(accepts)
{
	struct head head;

	head_init(&head, false, false);
	ck_assert_int_eq(feed_str(&head, good[_i].text), 0);
	ck_assert(head.is_complete);
	ck_assert_uint_eq(head.status, 200);
	ck_assert_int_eq(head.content_length_bytes, good[_i].length);
	ck_assert_int_eq(head.is_chunked, good[_i].is_chunked);
	ck_assert_ptr_null(head.etag);
	head_done(&head);
}
END_TEST

#define BAD(text) \
	{ \
		text, sizeof(text) - 1 \
	}

static const struct {
	const char *text;
	size_t size;
} bad[] = {
	/* lengths */
	BAD(OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
	BAD(OK "Content-Length: 5, 6\r\n\r\n"),
	BAD(OK "Content-Length: 5,\r\n\r\n"),
	BAD(OK "Content-Length: ,5\r\n\r\n"),
	BAD(OK "Content-Length: +5\r\n\r\n"),
	BAD(OK "Content-Length: -1\r\n\r\n"),
	BAD(OK "Content-Length: 0x5\r\n\r\n"),
	BAD(OK "Content-Length: 5x\r\n\r\n"),
	BAD(OK "Content-Length: 5 5\r\n\r\n"),
	BAD(OK "Content-Length:\r\n\r\n"),
	BAD(OK "Content-Length: 18446744073709551621\r\n\r\n"),
	BAD(OK "Content-Length: 9223372036854775808\r\n\r\n"),
	/* codings */
	BAD(OK "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
	BAD(OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
	BAD(OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
	BAD("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
	BAD("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"),
	BAD("HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n"),
	BAD(OK "Transfer-Encoding: xchunked\r\n\r\n"),
	BAD(OK "Transfer-Encoding: identity\r\n\r\n"),
	BAD(OK "Transfer-Encoding: chunked, gzip\r\n\r\n"),
	BAD(OK "Transfer-Encoding: chunked, chunked\r\n\r\n"),
	BAD(OK "Transfer-Encoding:\r\n\r\n"),
	/* lines */
	BAD(OK "X: a\rb\r\n\r\n"),
	BAD(OK "X: a\r\r\n\r\n"),
	BAD(OK "X: a\r\n b\r\n\r\n"),
	BAD(OK "X: a\r\n\tb\r\n\r\n"),
	BAD(OK "Content-Length : 5\r\n\r\n"),
	BAD(OK "Content Length: 5\r\n\r\n"),
	BAD(OK "X\r\n\r\n"),
	BAD(OK ": x\r\n\r\n"),
	BAD(OK "X: a\0b\r\n\r\n"),
	BAD(OK "X\0: a\r\n\r\n"),
	BAD(OK "X\xff: a\r\n\r\n"),
	BAD(OK "X: a"),
	/* status lines */
	BAD("HTTP/2 200 \r\n\r\n"),
	BAD("HTTP/1.2 200 OK\r\n\r\n"),
	BAD("HTTP/0.9 200 OK\r\n\r\n"),
	BAD("HTTP/1.1  200 OK\r\n\r\n"),
	BAD("HTTP/1.1 099 Low\r\n\r\n"),
	BAD("HTTP/1.1 1000 High\r\n\r\n"),
	BAD("HTTP/1.1 20 Short\r\n\r\n"),
	BAD("HTTP/1.1 -20 OK\r\n\r\n"),
	BAD("HTTP/1.1 2x0 OK\r\n\r\n"),
	BAD("HTTP/1.1 101 Switching\r\n\r\n"),
	BAD("http/1.1 200 OK\r\n\r\n"),
	BAD("ICY 200 OK\r\n\r\n"),
	BAD("\r\n"),
	BAD("X: y\r\n"),
	/* a second response, trailers, contradictions */
	BAD(OK "\r\n" OK "\r\n"),
	BAD(OK "\r\nTrailer without colon\r\n"),
	BAD("HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\n\r\n"),
	BAD("HTTP/1.1 100 Continue\r\nContent-Length: x\r\n\r\n"),
};

START_TEST(refuses)
{
	struct head head;

	head_init(&head, false, false);
	ck_assert_int_eq(feed(&head, bad[_i].text, bad[_i].size), HEAD_E_BAD);
	ck_assert_ptr_nonnull(head.why);
	ck_assert(!head.is_complete);
	/* and stays refused */
	ck_assert_int_eq(feed_str(&head, OK), HEAD_E_BAD);
	head_done(&head);
}
END_TEST

START_TEST(takes_fields_apart)
{
	struct head head;

	head_init(&head, true, false);
	ck_assert_int_eq(
		feed_str(&head,
			"HTTP/2 206 \r\n"
			"accept-ranges: bytes\r\ncontent-disposition: attachment; filename=a\r\n"
			"content-encoding: identity\r\ncontent-range: bytes 1-2/3\r\n"
			"content-type: text/html\r\ndate: D\r\netag: \"e\"\r\nlast-modified: L\r\n"
			"location: /x\r\nretry-after: 5\r\nx-a: 1\r\nx-a:  2 \r\n\r\n"),
		0);
	ck_assert_str_eq(head.version, "2");
	ck_assert_uint_eq(head.status, 206);
	ck_assert_str_eq(head.accept_ranges, "bytes");
	ck_assert_str_eq(head.content_disposition, "attachment; filename=a");
	ck_assert_str_eq(head.content_encoding, "identity");
	ck_assert_str_eq(head.content_range, "bytes 1-2/3");
	ck_assert_str_eq(head.content_type, "text/html");
	ck_assert_str_eq(head.date, "D");
	ck_assert_str_eq(head.etag, "\"e\"");
	ck_assert_str_eq(head.last_modified, "L");
	ck_assert_str_eq(head.location, "/x");
	ck_assert_str_eq(head.retry_after, "5");
	ck_assert_uint_eq(head.n_fields, 12);
	ck_assert_str_eq(head.fields[10].name, "x-a");
	ck_assert_str_eq(head.fields[10].value, "1");
	ck_assert_str_eq(head.fields[11].value, "2");
	ck_assert_str_eq(head_find(&head, "X-A"), "1");
	ck_assert_ptr_null(head_find(&head, "X-B"));
	head_done(&head);
}
END_TEST

START_TEST(voids_contradicting_validators)
{
	struct head head;

	head_init(&head, false, false);
	ck_assert_int_eq(feed_str(&head, OK "ETag: \"a\"\r\nETag: \"b\"\r\n\r\n"), 0);
	ck_assert_str_eq(head.etag, "");
	head_done(&head);
}
END_TEST

/* Codings are a list, wherever its parts stand. */
START_TEST(joins_codings)
{
	struct head head;

	head_init(&head, false, false);
	ck_assert_int_eq(
		feed_str(&head, OK "Content-Encoding: a\r\nX: y\r\ncontent-encoding: b\r\n"), 0);
	ck_assert_int_eq(feed_str(&head, "Content-Encoding: a\r\n\r\n"), 0);
	ck_assert_str_eq(head.content_encoding, "a, b, a");
	ck_assert_uint_eq(head.n_fields, 4);
	head_done(&head);
}
END_TEST

START_TEST(bounds_joined_codings)
{
	unsigned n = 0;
	struct head head;

	head_init(&head, false, false);
	ck_assert_int_eq(feed_str(&head, OK), 0);
	while (!feed_str(&head, "Content-Encoding: identity\r\n"))
		ck_assert_uint_le(++n, HEAD_LIST_MAX_BYTES / 10);
	ck_assert_str_eq(head.why, "a list in header fields is too long");
	ck_assert_uint_ge(n, 100);
	head_done(&head);
}
END_TEST

START_TEST(makes_values_valid_utf8)
{
	struct head head;

	head_init(&head, false, false);
	ck_assert_int_eq(
		feed_str(&head, OK "X: a\xff\xfe\xc0\x80\xed\xa0\x80 b\r\nY: \xc3\xa9\r\n\r\n"), 0);
	ck_assert(utf8_is_valid(head.fields[0].value));
	ck_assert_ptr_nonnull(strstr(head.fields[0].value, "\xef\xbf\xbd"));
	ck_assert_str_eq(head.fields[1].value, "\xc3\xa9");
	head_done(&head);
}
END_TEST

START_TEST(lets_the_answer_to_connect_go)
{
	static const char text[] = "HTTP/1.1 200 Connection established\r\nX: proxy\r\n\r\n";
	struct head head;

	head_init(&head, false, true);
	ck_assert_int_eq(feed_str(&head, text), 0);
	ck_assert_int_eq(feed_str(&head, "HTTP/1.1 404 Not Found\r\nY: 1\r\n\r\n"), 0);
	ck_assert_uint_eq(head.status, 404);
	ck_assert_uint_eq(head.n_fields, 1);
	/* only once */
	ck_assert_int_eq(feed_str(&head, OK), HEAD_E_BAD);
	head_done(&head);
}
END_TEST

START_TEST(bounds_fields)
{
	struct head head;

	head_init(&head, false, false);
	ck_assert_int_eq(feed_str(&head, OK), 0);
	for (int i = 0; i < HEAD_FIELDS_MAX; i++)
		ck_assert_int_eq(feed_str(&head, "X: y\r\n"), 0);
	ck_assert_int_eq(feed_str(&head, "X: y\r\n"), HEAD_E_BAD);
	head_done(&head);
}
END_TEST

START_TEST(bounds_trailers)
{
	struct head head;

	head_init(&head, false, false);
	ck_assert_int_eq(feed_str(&head, OK "\r\n"), 0);
	for (int i = 0; i < HEAD_FIELDS_MAX; i++)
		ck_assert_int_eq(feed_str(&head, "X: y\r\n"), 0);
	ck_assert_int_eq(feed_str(&head, "X: y\r\n"), HEAD_E_BAD);
	head_done(&head);
}
END_TEST

START_TEST(bounds_interim_responses)
{
	struct head head;

	head_init(&head, false, false);
	for (int i = 0; i < HEAD_INTERIM_MAX; i++)
		ck_assert_int_eq(feed_str(&head, "HTTP/1.1 103 Early Hints\r\n\r\n"), 0);
	ck_assert_int_eq(feed_str(&head, "HTTP/1.1 100 Continue\r\n"), HEAD_E_BAD);
	head_done(&head);
}
END_TEST

/* A 104 can be read at its end, and a resumable upload may see many. */
START_TEST(shows_interim_responses)
{
	static const char text[] = "HTTP/1.1 104 Upload Resumption Supported\r\nLocation: /up\r\n"
				   "Upload-Offset: 7\r\n\r\n";
	struct head head;

	head_init(&head, false, false);
	head.counts_104 = true;
	for (int i = 0; i < 10000; i++) {
		ck_assert_int_eq(feed_str(&head, text), 0);
		ck_assert(head.is_interim);
		ck_assert(!head.is_complete);
		ck_assert_uint_eq(head.status, 104);
		ck_assert_str_eq(head.location, "/up");
		ck_assert_str_eq(head_find(&head, "upload-offset"), "7");
	}
	ck_assert_int_eq(feed_str(&head, OK), 0);
	ck_assert(!head.is_interim);
	ck_assert_ptr_null(head.location);
	ck_assert_int_eq(feed_str(&head, "\r\n"), 0);
	ck_assert(head.is_complete);
	ck_assert_uint_eq(head.n_fields, 0);
	head_done(&head);
	/* nobody asked for it: one of 32 */
	head_init(&head, false, false);
	for (int i = 0; i < HEAD_INTERIM_MAX; i++)
		ck_assert_int_eq(feed_str(&head, text), 0);
	ck_assert_int_eq(feed_str(&head, text), HEAD_E_BAD);
	head_done(&head);
}
END_TEST

START_TEST(bounds_line_and_block)
{
	static char line[HEAD_LINE_MAX_BYTES + 1];
	struct head head;

	memset(line, 'x', sizeof(line));
	line[1] = ':';
	line[HEAD_LINE_MAX_BYTES] = '\n';
	head_init(&head, false, false);
	ck_assert_int_eq(feed_str(&head, OK), 0);
	ck_assert_int_eq(head_line(&head, line, sizeof(line)), HEAD_E_BAD);
	head_done(&head);
	line[HEAD_LINE_MAX_BYTES - 1] = '\n';
	head_init(&head, false, false);
	ck_assert_int_eq(feed_str(&head, OK), 0);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(head_line(&head, line, HEAD_LINE_MAX_BYTES), 0);
	ck_assert_int_eq(head_line(&head, line, HEAD_LINE_MAX_BYTES), HEAD_E_BAD);
	head_done(&head);
}
END_TEST

RUN_TESTS("engine/head", TEST_EACH(accepts, good), TEST_EACH(refuses, bad),
	TEST(takes_fields_apart), TEST(voids_contradicting_validators), TEST(joins_codings),
	TEST(bounds_joined_codings), TEST(makes_values_valid_utf8),
	TEST(lets_the_answer_to_connect_go), TEST(bounds_fields), TEST(bounds_trailers),
	TEST(bounds_interim_responses), TEST(shows_interim_responses), TEST(bounds_line_and_block))
