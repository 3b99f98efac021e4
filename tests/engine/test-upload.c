/* SPDX-License-Identifier: MIT */
#include "engine/upload.h"

#include <stdio.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/head.h"
#include "engine/url.h"
#include "tests/lib/run.h"

static void feed(struct head *head, const char *text)
{
	head_init(head, false, false);
	head->counts_104 = true;
	for (const char *lf; (lf = strchr(text, '\n')); text = lf + 1)
		ck_assert_int_eq(head_line(head, text, (size_t)(lf + 1 - text)), 0);
}

#define SIZE  1000
#define ACKED 100

static const struct {
	enum upload_leg leg;
	uint64_t end_bytes;
	unsigned status;
	const char *fields;
	enum upload_verdict want;
	uint64_t want_offset, want_max;
} answers[] = {
	/* the offset */
	{ UPLOAD_LEG_ASK, 0, 204, "Upload-Complete: ?0\nUpload-Offset: 500\nUpload-Length: 1000\n",
		UPLOAD_APPEND, 500, 0 },
	{ UPLOAD_LEG_ASK, 0, 200, "upload-offset: 100\n", UPLOAD_APPEND, 100, 0 },
	{ UPLOAD_LEG_ASK, 0, 204, "Upload-Offset: 1000\n", UPLOAD_APPEND, 1000, 0 },
	{ UPLOAD_LEG_ASK, 0, 204, "Upload-Offset: 500;a=b\n", UPLOAD_APPEND, 500, 0 },
	{ UPLOAD_LEG_ASK, 0, 204, "Upload-Complete: ?1\nUpload-Offset: 1000\n", UPLOAD_FINAL, 0,
		0 },
	{ UPLOAD_LEG_ASK, 0, 204, "Upload-Complete: ?1\n", UPLOAD_FINAL, 0, 0 },
	/* lies */
	{ UPLOAD_LEG_ASK, 0, 204, "Upload-Offset: 1001\n", UPLOAD_REFUSE, 0, 0 },
	{ UPLOAD_LEG_ASK, 0, 204, "Upload-Offset: 99\n", UPLOAD_AFRESH, 0, 0 },
	{ UPLOAD_LEG_ASK, 0, 204, "Upload-Complete: ?1\nUpload-Offset: 500\n", UPLOAD_AFRESH, 0,
		0 },
	{ UPLOAD_LEG_ASK, 0, 204, "Upload-Offset: 500\nUpload-Length: 999\n", UPLOAD_AFRESH, 0, 0 },
	{ UPLOAD_LEG_ASK, 0, 204, "", UPLOAD_AFRESH, 0, 0 },
	{ UPLOAD_LEG_ASK, 0, 204, "Upload-Offset: -1\n", UPLOAD_AFRESH, 0, 0 },
	{ UPLOAD_LEG_ASK, 0, 204, "Upload-Offset: \"500\"\n", UPLOAD_AFRESH, 0, 0 },
	{ UPLOAD_LEG_ASK, 0, 204, "Upload-Offset: 500.0\n", UPLOAD_AFRESH, 0, 0 },
	{ UPLOAD_LEG_ASK, 0, 204, "Upload-Offset: 500, 500\n", UPLOAD_AFRESH, 0, 0 },
	{ UPLOAD_LEG_ASK, 0, 204, "Upload-Offset: 1000000000000000\n", UPLOAD_AFRESH, 0, 0 },
	{ UPLOAD_LEG_ASK, 0, 204, "Upload-Offset: 18446744073709551716\n", UPLOAD_AFRESH, 0, 0 },
	/* no offset to be had */
	{ UPLOAD_LEG_ASK, 0, 404, "Upload-Offset: 500\n", UPLOAD_AFRESH, 0, 0 },
	{ UPLOAD_LEG_ASK, 0, 405, "", UPLOAD_AFRESH, 0, 0 },
	{ UPLOAD_LEG_ASK, 0, 410, "", UPLOAD_AFRESH, 0, 0 },
	{ UPLOAD_LEG_ASK, 0, 501, "", UPLOAD_AFRESH, 0, 0 },
	{ UPLOAD_LEG_ASK, 0, 302, "Location: /x\n", UPLOAD_AFRESH, 0, 0 },
	{ UPLOAD_LEG_ASK, 0, 503, "", UPLOAD_LATER, 0, 0 },
	{ UPLOAD_LEG_ASK, 0, 429, "", UPLOAD_LATER, 0, 0 },
	/* limits */
	{ UPLOAD_LEG_ASK, 0, 204, "Upload-Offset: 500\nUpload-Limit: max-append-size=77000\n",
		UPLOAD_APPEND, 500, 77000 },
	{ UPLOAD_LEG_ASK, 0, 204,
		"Upload-Offset: 500\nUpload-Limit: x=\"max-append-size=1, \\\"\", max-age=3;q=1,max-append-size=78000\n",
		UPLOAD_APPEND, 500, 78000 },
	{ UPLOAD_LEG_ASK, 0, 204, "Upload-Offset: 500\nUpload-Limit: max-append-size=?1\n",
		UPLOAD_APPEND, 500, 0 },
	{ UPLOAD_LEG_ASK, 0, 204, "Upload-Offset: 500\nUpload-Limit: max-append-size=77000.5\n",
		UPLOAD_APPEND, 500, 0 },
	{ UPLOAD_LEG_ASK, 0, 204, "Upload-Offset: 500\nUpload-Limit: max-append-size=1\n",
		UPLOAD_APPEND, 500, 0 },
	/* the rest was sent */
	{ UPLOAD_LEG_APPEND, SIZE, 201, "Upload-Complete: ?1\n", UPLOAD_FINAL, 0, 0 },
	{ UPLOAD_LEG_APPEND, 600, 201, "Upload-Complete: ?1\n", UPLOAD_AFRESH, 0, 0 },
	{ UPLOAD_LEG_APPEND, 600, 413, "Upload-Complete: ?1\n", UPLOAD_FINAL, 0, 0 },
	{ UPLOAD_LEG_APPEND, SIZE, 500, "Upload-Complete: ?1\n", UPLOAD_FINAL, 0, 0 },
	{ UPLOAD_LEG_APPEND, SIZE, 404, "Upload-Complete: ?1\n", UPLOAD_FINAL, 0, 0 },
	{ UPLOAD_LEG_APPEND, SIZE, 200, "", UPLOAD_ASK, 0, 0 },
	{ UPLOAD_LEG_APPEND, SIZE, 200, "Upload-Complete: ?0\n", UPLOAD_ASK, 0, 0 },
	{ UPLOAD_LEG_APPEND, SIZE, 200, "Upload-Complete: 1\n", UPLOAD_ASK, 0, 0 },
	{ UPLOAD_LEG_APPEND, 600, 204, "Upload-Complete: ?0\n", UPLOAD_APPEND, 600, 0 },
	{ UPLOAD_LEG_APPEND, SIZE, 409, "Upload-Offset: 300\n", UPLOAD_APPEND, 300, 0 },
	{ UPLOAD_LEG_APPEND, SIZE, 409, "Upload-Offset: 99\n", UPLOAD_AFRESH, 0, 0 },
	{ UPLOAD_LEG_APPEND, SIZE, 409, "Upload-Offset: 1001\n", UPLOAD_ASK, 0, 0 },
	{ UPLOAD_LEG_APPEND, SIZE, 409, "", UPLOAD_ASK, 0, 0 },
	{ UPLOAD_LEG_APPEND, SIZE, 503, "", UPLOAD_LATER, 0, 0 },
	{ UPLOAD_LEG_APPEND, SIZE, 404, "", UPLOAD_AFRESH, 0, 0 },
	{ UPLOAD_LEG_APPEND, SIZE, 415, "", UPLOAD_AFRESH, 0, 0 },
	{ UPLOAD_LEG_APPEND, SIZE, 403, "", UPLOAD_FINAL, 0, 0 },
	{ UPLOAD_LEG_APPEND, SIZE, 413, "Upload-Complete: ?0\n", UPLOAD_FINAL, 0, 0 },
};

START_TEST(judges)
{
	const struct upload_state state = { .leg = answers[_i].leg,
		.size_bytes = SIZE,
		.acked_bytes = ACKED,
		.end_bytes = answers[_i].end_bytes };
	struct upload_answer answer;
	struct head head;
	char text[512];

	snprintf(text, sizeof(text), "HTTP/1.1 %u X\n%s\n", answers[_i].status, answers[_i].fields);
	feed(&head, text);
	upload_judge(&state, &head, &answer);
	ck_assert_int_eq(answer.verdict, answers[_i].want);
	if (answers[_i].want == UPLOAD_APPEND)
		ck_assert_uint_eq(answer.offset_bytes, answers[_i].want_offset);
	ck_assert_uint_eq(answer.append_max_bytes, answers[_i].want_max);
	if (answer.verdict == UPLOAD_AFRESH || answer.verdict == UPLOAD_REFUSE)
		ck_assert_ptr_nonnull(answer.why);
	head_done(&head);
}
END_TEST

#define V8 "Upload-Draft-Interop-Version: 8\n"
#define A  "https://a.example/files"
#define B  "https://b.example/files"

static const struct {
	const char *fields, *from, *first, *want; /* NULL: none */
} resources[] = {
	{ V8 "Location: /up/1\n", A, A, "https://a.example/up/1" },
	{ V8 "Location: https://c.example/up\n", A, A, "https://c.example/up" },
	{ V8 "Location: https://user:secret@a.example/up\n", A, A, "https://a.example/up" },
	{ V8 "Location: /up/1\n", "http://a.example/", "http://a.example/",
		"http://a.example/up/1" },
	{ V8 "Location: https://a.example/up\n", "http://a.example/", "http://a.example/",
		"https://a.example/up" },
	/* other versions, nothing to go to */
	{ "Location: /up/1\n", A, A, NULL },
	{ "Upload-Draft-Interop-Version: 7\nLocation: /up/1\n", A, A, NULL },
	{ "Upload-Draft-Interop-Version: 80\nLocation: /up/1\n", A, A, NULL },
	{ V8, A, A, NULL },
	{ V8 "Upload-Offset: 7\n", A, A, NULL },
	{ V8 "Location: ftp://a.example/\n", A, A, NULL },
	{ V8 "Location: http://a.example:0/\n", A, A, NULL },
	/* https stays https */
	{ V8 "Location: http://a.example/up\n", A, A, NULL },
	{ V8 "Location: http://b.example/up\n", "http://b.example/", A, NULL },
	/* redirected: the other server does not choose where the first one's credentials go */
	{ V8 "Location: /up/1\n", B, A, "https://b.example/up/1" },
	{ V8 "Location: https://a.example/admin\n", B, A, NULL },
};

START_TEST(takes_the_resource)
{
	struct url *from, *first, *url;
	struct head head;
	char text[512];

	ck_assert_int_eq(url_parse(resources[_i].from, &from), 0);
	ck_assert_int_eq(url_parse(resources[_i].first, &first), 0);
	snprintf(text, sizeof(text), "HTTP/1.1 104 X\n%s\n", resources[_i].fields);
	feed(&head, text);
	ck_assert(head.is_interim);
	ck_assert_int_eq(upload_resource(&head, from, first, &url), 0);
	if (resources[_i].want) {
		ck_assert_ptr_nonnull(url);
		ck_assert_str_eq(url->full, resources[_i].want);
		ck_assert_ptr_null(url->user);
	} else {
		ck_assert_ptr_null(url);
	}
	url_free(url);
	url_free(from);
	url_free(first);
	head_done(&head);
}
END_TEST

static const struct {
	const char *name;
	bool is_callers, may_go;
} headers[] = {
	{ "Authorization", false, true },
	{ "Cookie", false, true },
	{ "X-Mark", false, true },
	{ "User-Agent", false, true },
	{ "Content-Type", false, false },
	{ "Content-Encoding", false, false },
	{ "content-md5", false, false },
	{ "If-None-Match", false, false },
	{ "Repr-Digest", false, false },
	{ "Idempotency-Key", false, false },
	{ "Upload-Offset", true, true },
	{ "upload-incomplete", true, true },
	{ "Tus-Resumable", true, true },
	{ "Content-Range", true, false },
};

START_TEST(knows_headers)
{
	const struct engine_header both[] = { { "Accept", "*" }, { headers[_i].name, "x" } };

	ck_assert_int_eq(upload_is_callers(both, 2), headers[_i].is_callers);
	ck_assert_int_eq(upload_header_may_go(headers[_i].name), headers[_i].may_go);
}
END_TEST

static const struct {
	const char *text;
	bool is_whole, want;
} ends[] = {
	{ "HTTP/1.1 200 X\n\n", true, true },
	{ "HTTP/1.1 413 X\n\n", false, true },
	{ "HTTP/1.1 503 X\n\n", false, false },
	{ "HTTP/1.1 503 X\n\n", true, true },
	{ "HTTP/1.1 503 X\nUpload-Complete: ?1\n\n", false, true },
};

START_TEST(knows_when_a_resource_is_done)
{
	struct head head;

	feed(&head, ends[_i].text);
	ck_assert_int_eq(upload_ends_resource(&head, ends[_i].is_whole), ends[_i].want);
	head_done(&head);
}
END_TEST

RUN_TESTS("engine/upload-rules", TEST_EACH(judges, answers),
	TEST_EACH(takes_the_resource, resources), TEST_EACH(knows_headers, headers),
	TEST_EACH(knows_when_a_resource_is_done, ends))
