/* SPDX-License-Identifier: MIT */
#include "engine/resume.h"

#include <stdio.h>
#include <string.h>

#include "engine/head.h"
#include "tests/lib/run.h"

#define DATE  "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define OLD   "Sat, 05 Nov 1994 08:49:37 GMT"
#define OTHER "Sat, 05 Nov 1994 08:49:38 GMT"
#define ETAG  "ETag: \"v1\"\r\n"
#define RANGE "Content-Range: bytes 100-999/1000\r\n"

enum known { BY_ETAG, BY_DATE, BY_BOTH };

static void read_head(struct head *head, const char *status, const char *fields)
{
	char text[1024], *p = text;
	int r = 0;

	snprintf(text, sizeof(text), "HTTP/1.1 %s\r\n%s\r\n", status, fields);
	head_init(head, false, false);
	while (*p && !r) {
		size_t n = strcspn(p, "\n") + 1;

		r = head_line(head, p, n);
		p += n;
	}
	ck_assert_int_eq(r, 0);
	ck_assert(head->is_complete);
}

static struct resume a_part(enum known known)
{
	return (struct resume){
		.offset_bytes = 100,
		.known_total_bytes = 1000,
		.etag = known == BY_DATE ? NULL : "\"v1\"",
		.last_modified = known == BY_ETAG ? NULL : OLD,
	};
}

static const struct {
	const char *status, *fields;
	enum known known;
	enum resume_verdict verdict, after_restart;
} cases[] = {
	/* what continues */
	{ "206 P", RANGE ETAG, BY_ETAG, RESUME_APPEND, RESUME_APPEND },
	{ "206 P", RANGE ETAG "Content-Length: 900\r\n", BY_ETAG, RESUME_APPEND, RESUME_APPEND },
	{ "206 P", RANGE, BY_ETAG, RESUME_APPEND, RESUME_APPEND },
	{ "206 P", RANGE "Last-Modified: " OLD "\r\n", BY_DATE, RESUME_APPEND, RESUME_APPEND },
	{ "206 P", "Content-Range: bytes 100-999/*\r\n", BY_ETAG, RESUME_APPEND, RESUME_APPEND },
	{ "206 P", RANGE "Content-Encoding: identity\r\n", BY_ETAG, RESUME_APPEND, RESUME_APPEND },
	{ "206 P", RANGE "Transfer-Encoding: chunked\r\n", BY_ETAG, RESUME_APPEND, RESUME_APPEND },
	/* 206 that does not */
	{ "206 P", ETAG, BY_ETAG, RESUME_RESTART, RESUME_BROKEN },
	{ "206 P", RANGE "Content-Range: bytes 101-999/1000\r\n", BY_ETAG, RESUME_RESTART,
		RESUME_BROKEN },
	{ "206 P", RANGE RANGE, BY_ETAG, RESUME_RESTART, RESUME_BROKEN },
	{ "206 P", "Content-Range: bytes 99-999/1000\r\n", BY_ETAG, RESUME_RESTART, RESUME_BROKEN },
	{ "206 P", "Content-Range: bytes 0-999/1000\r\n", BY_ETAG, RESUME_RESTART, RESUME_BROKEN },
	{ "206 P", "Content-Range: bytes 101-999/1000\r\n", BY_ETAG, RESUME_RESTART,
		RESUME_BROKEN },
	{ "206 P", "Content-Range: bytes 100-998/1000\r\n", BY_ETAG, RESUME_RESTART,
		RESUME_BROKEN },
	{ "206 P", "Content-Range: bytes 100-1000/*\r\n", BY_ETAG, RESUME_RESTART, RESUME_BROKEN },
	{ "206 P", "Content-Range: bytes 100-1000/1001\r\n", BY_ETAG, RESUME_RESTART,
		RESUME_BROKEN },
	{ "206 P", "Content-Range: bytes 100-199/200\r\n", BY_ETAG, RESUME_RESTART, RESUME_BROKEN },
	{ "206 P", "Content-Range: bytes */1000\r\n", BY_ETAG, RESUME_RESTART, RESUME_BROKEN },
	{ "206 P", "Content-Range: nonsense\r\n", BY_ETAG, RESUME_RESTART, RESUME_BROKEN },
	{ "206 P", RANGE "Content-Length: 899\r\n", BY_ETAG, RESUME_RESTART, RESUME_BROKEN },
	{ "206 P", RANGE "Content-Type: multipart/byteranges; boundary=x\r\n", BY_ETAG,
		RESUME_RESTART, RESUME_BROKEN },
	{ "206 P", RANGE "ETag: \"v2\"\r\n", BY_ETAG, RESUME_RESTART, RESUME_BROKEN },
	{ "206 P", RANGE "ETag: W/\"v1\"\r\n", BY_ETAG, RESUME_RESTART, RESUME_BROKEN },
	{ "206 P", RANGE ETAG "ETag: \"v2\"\r\n", BY_ETAG, RESUME_RESTART, RESUME_BROKEN },
	{ "206 P", RANGE "Last-Modified: " OTHER "\r\n", BY_DATE, RESUME_RESTART, RESUME_BROKEN },
	{ "206 P", RANGE ETAG "Last-Modified: " OTHER "\r\n", BY_BOTH, RESUME_RESTART,
		RESUME_BROKEN },
	{ "206 P", RANGE "Content-Encoding: gzip\r\n", BY_ETAG, RESUME_RESTART, RESUME_BROKEN },
	/* the whole file */
	{ "200 OK", "ETag: \"v2\"\r\nContent-Length: 50\r\n", BY_ETAG, RESUME_REPLACE,
		RESUME_REPLACE },
	{ "200 OK", "", BY_ETAG, RESUME_REPLACE, RESUME_REPLACE },
	{ "200 OK", "Accept-Ranges: none\r\n" ETAG, BY_ETAG, RESUME_REPLACE, RESUME_REPLACE },
	{ "200 OK", ETAG "Content-Encoding: gzip\r\n", BY_ETAG, RESUME_REPLACE, RESUME_REPLACE },
	{ "203 N", "ETag: \"v2\"\r\nContent-Length: 50\r\n", BY_ETAG, RESUME_REPLACE,
		RESUME_REPLACE },
	/* no file at all */
	{ "202 Accepted", "Content-Length: 50\r\n", BY_ETAG, RESUME_FINAL, RESUME_FINAL },
	{ "204 No Content", "", BY_ETAG, RESUME_FINAL, RESUME_FINAL },
	/* the whole file although ours would do */
	{ "200 OK", ETAG, BY_ETAG, RESUME_RETRY_WITHOUT_IF_RANGE, RESUME_RETRY_WITHOUT_IF_RANGE },
	{ "200 OK", "Last-Modified: " OLD "\r\n", BY_DATE, RESUME_RETRY_WITHOUT_IF_RANGE,
		RESUME_RETRY_WITHOUT_IF_RANGE },
	/* ranges that are not there */
	{ "416 R", "Content-Range: bytes */100\r\n" ETAG, BY_ETAG, RESUME_RESTART, RESUME_BROKEN },
	{ "416 R", "Content-Range: bytes */1000\r\n" ETAG, BY_ETAG, RESUME_RESTART, RESUME_BROKEN },
	{ "416 R", ETAG, BY_ETAG, RESUME_RESTART, RESUME_BROKEN },
	{ "412 F", ETAG, BY_ETAG, RESUME_RESTART, RESUME_BROKEN },
	/* not about the range */
	{ "403 F", "", BY_ETAG, RESUME_FINAL, RESUME_FINAL },
	{ "404 N", ETAG, BY_ETAG, RESUME_FINAL, RESUME_FINAL },
	{ "503 U", "Retry-After: 5\r\n", BY_ETAG, RESUME_FINAL, RESUME_FINAL },
	{ "304 N", ETAG, BY_ETAG, RESUME_FINAL, RESUME_FINAL },
};

START_TEST(judges)
{
	struct resume resume = a_part(cases[_i].known);
	struct resume_answer answer;
	struct head head;

	read_head(&head, cases[_i].status, cases[_i].fields);
	resume_judge(&resume, &head, &answer);
	ck_assert_int_eq(answer.verdict, cases[_i].verdict);
	if (answer.verdict == RESUME_APPEND)
		ck_assert_int_eq(answer.total_bytes, 1000);
	if (answer.verdict == RESUME_RESTART)
		ck_assert_ptr_nonnull(answer.why);
	resume.was_restarted = true;
	resume_judge(&resume, &head, &answer);
	ck_assert_int_eq(answer.verdict, cases[_i].after_restart);
	head_done(&head);
}
END_TEST

/* All bytes are there, only the end was not noticed. */
static const struct {
	const char *fields;
	int64_t known_total;
	enum resume_verdict verdict;
} ends[] = {
	{ "Content-Range: bytes */1000\r\n" ETAG, 1000, RESUME_COMPLETE },
	{ "Content-Range: bytes */1000\r\n" ETAG, -1, RESUME_COMPLETE },
	{ "Content-Range: bytes */1000\r\n", 1000, RESUME_RESTART },
	{ "Content-Range: bytes */1000\r\nETag: \"v2\"\r\n", 1000, RESUME_RESTART },
	{ "Content-Range: bytes */1001\r\n" ETAG, -1, RESUME_RESTART },
	{ "Content-Range: bytes */1001\r\n" ETAG, 1000, RESUME_RESTART },
	{ "Content-Range: bytes 0-999/1000\r\n" ETAG, 1000, RESUME_RESTART },
};

START_TEST(knows_a_whole_file)
{
	struct resume resume = a_part(BY_ETAG);
	struct resume_answer answer;
	struct head head;

	resume.offset_bytes = 1000;
	resume.known_total_bytes = ends[_i].known_total;
	read_head(&head, "416 R", ends[_i].fields);
	resume_judge(&resume, &head, &answer);
	ck_assert_int_eq(answer.verdict, ends[_i].verdict);
	if (answer.verdict == RESUME_COMPLETE)
		ck_assert_int_eq(answer.total_bytes, 1000);
	head_done(&head);
}
END_TEST

/* Nobody has said how long the file is: the end of what came may not be its end. */
static const struct {
	const char *fields;
	enum resume_verdict verdict;
} of_unknown_size[] = {
	{ RANGE ETAG, RESUME_APPEND },
	{ "Content-Range: bytes 100-999/*\r\n" ETAG, RESUME_RESTART },
	{ "Content-Range: bytes 100-998/1000\r\n" ETAG, RESUME_RESTART },
};

START_TEST(judges_a_part_of_unknown_size)
{
	struct resume resume = a_part(BY_ETAG);
	struct resume_answer answer;
	struct head head;

	resume.known_total_bytes = -1;
	read_head(&head, "206 P", of_unknown_size[_i].fields);
	resume_judge(&resume, &head, &answer);
	ck_assert_int_eq(answer.verdict, of_unknown_size[_i].verdict);
	if (answer.verdict == RESUME_APPEND)
		ck_assert_int_eq(answer.total_bytes, 1000);
	head_done(&head);
}
END_TEST

/* Without If-Range the answer itself must prove what it continues. */
static const struct {
	const char *status, *fields;
	enum resume_verdict verdict;
} bare[] = {
	{ "206 P", RANGE ETAG, RESUME_APPEND },
	{ "206 P", RANGE, RESUME_RESTART },
	{ "206 P", RANGE "ETag: \"v2\"\r\n", RESUME_RESTART },
	{ "200 OK", ETAG, RESUME_REPLACE },
	{ "503 U", "", RESUME_FINAL },
};

START_TEST(judges_without_if_range)
{
	struct resume resume = a_part(BY_ETAG);
	struct resume_answer answer;
	struct head head;

	resume.is_without_if_range = true;
	read_head(&head, bare[_i].status, bare[_i].fields);
	resume_judge(&resume, &head, &answer);
	ck_assert_int_eq(answer.verdict, bare[_i].verdict);
	head_done(&head);
}
END_TEST

static const struct {
	struct resume resume;
	const char *range, *if_range;
} requests[] = {
	{ { .offset_bytes = 7, .etag = "\"v1\"", .last_modified = OLD }, "bytes=7-", "\"v1\"" },
	{ { .offset_bytes = 7, .etag = "W/\"v1\"", .last_modified = OLD }, "bytes=7-", OLD },
	{ { .offset_bytes = 7, .last_modified = OLD }, "bytes=7-", OLD },
	{ { .offset_bytes = UINT64_MAX, .etag = "\"\"" }, "bytes=18446744073709551615-", "\"\"" },
	{ { .offset_bytes = 7, .etag = "\"v1\"", .is_without_if_range = true }, "bytes=7-", NULL },
	{ { .offset_bytes = 0, .etag = "\"v1\"" }, "", NULL },
	{ { .offset_bytes = 7 }, "", NULL },
	{ { .offset_bytes = 7, .etag = "W/\"v1\"" }, "", NULL },
	{ { .offset_bytes = 7, .etag = "\"v\r\nX: y\"" }, "", NULL },
	{ { .offset_bytes = 7, .last_modified = OLD "\r\nX: y" }, "", NULL },
	{ { .offset_bytes = 7, .etag = "\"v1\"", .has_caller_range = true }, "", NULL },
};

START_TEST(asks)
{
	struct resume_request request;

	resume_request(&requests[_i].resume, &request);
	ck_assert_str_eq(request.range, requests[_i].range);
	ck_assert_pstr_eq(request.if_range, requests[_i].if_range);
}
END_TEST

/* Nothing on disk: whatever comes is the file, but a part that nobody asked for is not. */
static const struct {
	const char *status, *fields;
	bool has_caller_range;
	enum resume_verdict verdict;
	int64_t total;
} fresh[] = {
	{ "200 OK", "Content-Length: 5\r\n", false, RESUME_REPLACE, 5 },
	{ "200 OK", "Transfer-Encoding: chunked\r\n", false, RESUME_REPLACE, -1 },
	{ "404 N", "Content-Length: 5\r\n", false, RESUME_REPLACE, 5 },
	{ "416 R", "", true, RESUME_REPLACE, -1 },
	{ "206 P", RANGE "Content-Length: 900\r\n", true, RESUME_REPLACE, 900 },
	{ "206 P", RANGE, false, RESUME_BROKEN, -1 },
};

START_TEST(judges_a_fresh_start)
{
	struct resume resume = { .known_total_bytes = -1,
		.etag = "\"v1\"",
		.has_caller_range = fresh[_i].has_caller_range };
	struct resume_answer answer;
	struct head head;

	read_head(&head, fresh[_i].status, fresh[_i].fields);
	resume_judge(&resume, &head, &answer);
	ck_assert_int_eq(answer.verdict, fresh[_i].verdict);
	ck_assert_int_eq(answer.total_bytes, fresh[_i].total);
	head_done(&head);
}
END_TEST

static const struct {
	const char *method, *status, *fields;
	bool is_possible;
} offers[] = {
	{ "GET", "200 OK", ETAG, true },
	{ "GET", "206 P", ETAG "Accept-Ranges: bytes\r\n", true },
	{ "GET", "200 OK", DATE "Last-Modified: " OLD "\r\n", true },
	{ "GET", "200 OK", "Last-Modified: " OLD "\r\n", false },
	{ "GET", "200 OK", "", false },
	{ "GET", "200 OK", "ETag: W/\"v1\"\r\n", false },
	{ "GET", "200 OK", ETAG "Accept-Ranges: none\r\n", false },
	{ "GET", "200 OK", ETAG "Content-Encoding: gzip\r\n", false },
	{ "GET", "404 N", ETAG, false },
	{ "POST", "200 OK", ETAG, false },
	{ "HEAD", "200 OK", ETAG, false },
};

START_TEST(offers_to_resume)
{
	struct head head;

	read_head(&head, offers[_i].status, offers[_i].fields);
	ck_assert_int_eq(resume_is_possible(&head, offers[_i].method), offers[_i].is_possible);
	head_done(&head);
}
END_TEST

RUN_TESTS("engine/resume", TEST_EACH(judges, cases), TEST_EACH(knows_a_whole_file, ends),
	TEST_EACH(judges_a_part_of_unknown_size, of_unknown_size),
	TEST_EACH(judges_without_if_range, bare), TEST_EACH(asks, requests),
	TEST_EACH(judges_a_fresh_start, fresh), TEST_EACH(offers_to_resume, offers))
