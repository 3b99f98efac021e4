/* SPDX-License-Identifier: MIT */
/* Parts of a stream: each case in one piece, and in pieces of any length, to a taker who refuses now and then. */
#include "engine/multipart.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "engine/engine.h"
#include "engine/head.h"
#include "tests/lib/run.h"

#define TYPE    "multipart/x-mixed-replace"
#define REFUSED 7

/* What was told, as text: {name=value;|body} a part. */
struct story {
	struct buf text;
	unsigned refuse_each; /* 0: never */
	unsigned n_calls;
};

static bool refuses(struct story *story)
{
	return story->refuse_each && ++story->n_calls % story->refuse_each == 0;
}

static int on_begin(const struct head *head, void *user)
{
	struct story *story = user;

	ck_assert_int_eq(buf_append_str(&story->text, "{"), 0);
	for (size_t i = 0; i < head->n_fields; i++)
		ck_assert_int_eq(buf_printf(&story->text, "%s=%s;", head->fields[i].name,
					 head->fields[i].value),
			0);
	ck_assert_int_eq(buf_append_str(&story->text, "|"), 0);
	return refuses(story) ? REFUSED : 0;
}

static int on_body(const void *bytes, size_t size, void *user)
{
	struct story *story = user;

	ck_assert_uint_gt(size, 0);
	if (refuses(story))
		return REFUSED;
	return buf_append(&story->text, bytes, size);
}

static int on_end(void *user)
{
	struct story *story = user;

	if (refuses(story))
		return REFUSED;
	return buf_append_str(&story->text, "}");
}

struct pieces {
	size_t size;
	unsigned refuse_each;
};

/* To be freed; ret_code: of feed or finish. */
static char *tell(
	const char *type, const char *stream, size_t size, struct pieces pieces, int *ret_code)
{
	struct story story = { .refuse_each = pieces.refuse_each };
	const struct multipart_sink sink = { on_begin, on_body, on_end, &story };
	struct multipart *m = multipart_new(type, &sink);
	size_t at = 0;
	int r = 0;

	ck_assert_ptr_nonnull(m);
	while (at < size && (!r || r == REFUSED)) {
		size_t n = size - at < pieces.size ? size - at : pieces.size, used = 0;

		r = multipart_feed(m, stream + at, n, &used);
		ck_assert_uint_le(used, n);
		if (!r)
			ck_assert_uint_eq(used, n);
		at += used;
	}
	while (!r || r == REFUSED) {
		r = multipart_finish(m);
		if (!r)
			break;
	}
	multipart_free(m);
	*ret_code = r;
	return buf_take(&story.text);
}

#define F(b) TYPE "; boundary=" b

static const struct {
	const char *type, *stream, *want;
} streams[] = {
	/* as the RFC says */
	{ F("b"), "--b\r\n\r\none\r\n--b--\r\n", "{|one}" },
	{ F("b"), "--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--", "{|one}{|two}" },
	{ F("b"), "pre\r\n--b\r\nA: 1\r\nB:2 \r\n\r\none\r\n--b--\r\nepi\r\n--b\r\n\r\nx",
		"{A=1;B=2;|one}" },
	{ F("b"), "\r\n--b\r\n\r\n\r\n--b\r\n\r\n\r\n\r\n--b--", "{|}{|\r\n}" },
	{ F("b"), "--b \t \r\n\r\none\r\n--b\t--\r\n--b--", "{|one\r\n--b\t--}" },
	/* not at the beginning of a line, not quite, not only: of the body */
	{ F("b"), "--b\r\n\r\none--b\r\n--c\r\n-b\r\n--bb\r\n--b--",
		"{|one--b\r\n--c\r\n-b\r\n--bb}" },
	{ F("b"), "x--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--", "{|two}" },
	{ F("b"), "--b\r\n\r\n\r\r\n\r\n\n\r\n-\r\n--b--", "{|\r\r\n\r\n\n\r\n-}" },
	{ F("b"), "--b\r\n\r\n\r\n--b\rx\r\n\r\n--b--", "{|\r\n--b\rx\r\n}" },
	/* cameras: line ends, dashes in the name, no end, no body */
	{ F("b"), "--b\nA: 1\n\none\n--b\n\ntwo\n--b--\n", "{A=1;|one}{|two}" },
	{ F("--b"), "--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--", "{|one}{|two}" },
	{ F("--b"), "----b\r\n\r\none\r\n----b\r\n\r\ntwo\r\n----b--", "{|one}{|two}" },
	{ F("-----b"), "-------b\r\n\r\none\r\n-----\r\n-------b--", "{|one\r\n-----}" },
	{ F("b"), "--b\r\n\r\none\r\n--b\r\n\r\ntw", "{|one}{|tw}" },
	{ F("b"), "--b\r\n\r\none\r\n--", "{|one\r\n--}" },
	{ F("b"), "--b\r\n\r\none\r\n", "{|one\r\n}" },
	{ F("b"), "--b\r\n\r\none\r\n--b", "{|one}" },
	{ F("b"), "--b\r\n\r\none\r\n--b\r", "{|one}" },
	{ F("b"), "--b\r\n\r\n--b\r\n\r\n--b--", "{|}{|}" },
	{ F("b"), "--b\r\n\r\none\r\n--b\r\nA: cut", "{|one}" },
	{ F("b"), "--b\r\n\r\none\r\n--b\r\n", "{|one}" },
	{ F("b"), "", "" },
	{ F("b"), "no part at all", "" },
	/* what names the boundary */
	{ "Multipart/X-Mixed-Replace ;\tBoundary=\"a b\"", "--a b\r\n\r\none\r\n--a b--",
		"{|one}" },
	{ TYPE ";boundary=\"a\\\"b\"", "--a\"b\r\n\r\none\r\n--a\"b--", "{|one}" },
	{ TYPE "; x=\"; boundary=no\"; boundary=b; y=z", "--b\r\n\r\none\r\n--b--", "{|one}" },
};

START_TEST(is_taken_apart)
{
	static const struct pieces pieces[] = { { 1 << 20, 0 }, { 1, 0 }, { 2, 0 }, { 3, 0 },
		{ 5, 0 }, { 1 << 20, 2 }, { 1, 2 }, { 3, 3 } };
	size_t size = strlen(streams[_i].stream);

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		int code = -1;
		char *text = tell(streams[_i].type, streams[_i].stream, size, pieces[i], &code);

		ck_assert_int_eq(code, 0);
		ck_assert_msg(!strcmp(text, streams[_i].want), "by %zu: \"%s\" is not \"%s\"",
			pieces[i].size, text, streams[_i].want);
		free(text);
	}
}
END_TEST

static const char *const other_types[] = { NULL, "", "text/plain", TYPE, TYPE ";",
	TYPE "; boundary", TYPE "; boundary=", TYPE "; boundary=\"\"", TYPE "; boundary=\"b",
	TYPE "x; boundary=b", "multipart/mixed; boundary=b", TYPE "; boundary=\"a\tb\"",
	TYPE "; boundary=\xc3\xa4",
	TYPE "; boundary=01234567890123456789012345678901234567890123456789012345678901234567890" };

START_TEST(other_types_are_delivered_as_they_are)
{
	const struct multipart_sink sink = { on_begin, on_body, on_end, NULL };

	ck_assert_ptr_null(multipart_new(other_types[_i], &sink));
}
END_TEST

static const char *const bad_fields[] = { "no colon\r\n", ": no name\r\n", "A: 1\r\n folded\r\n",
	"A: a\rb\r\n", "A b: 1\r\n", "Content-Length: 1\r\nContent-Length: 2\r\n" };

START_TEST(refuses_malformed_fields)
{
	char stream[200];
	int code = 0;
	char *text;

	snprintf(stream, sizeof(stream), "--b\r\n\r\none\r\n--b\r\n%s\r\ntwo\r\n--b--",
		bad_fields[_i]);
	text = tell(F("b"), stream, strlen(stream), (struct pieces){ 7, 0 }, &code);
	ck_assert_int_eq(code, MULTIPART_E_BAD);
	ck_assert_str_eq(text, "{|one}");
	free(text);
}
END_TEST

/* So many fields, and so many bytes of them. */
START_TEST(bounds_the_fields)
{
	static const struct {
		unsigned n;
		int size, want;
	} cases[] = {
		{ MULTIPART_FIELDS_MAX, 1, 0 },
		{ MULTIPART_FIELDS_MAX + 1, 1, MULTIPART_E_BAD },
		{ 1, MULTIPART_FIELDS_BYTES - 7, 0 },
		{ 1, MULTIPART_FIELDS_BYTES - 6, MULTIPART_E_BAD },
	};
	struct buf stream = { 0 };
	int code = -1;

	ck_assert_int_eq(buf_append_str(&stream, "--b\r\n"), 0);
	for (unsigned i = 0; i < cases[_i].n; i++)
		ck_assert_int_eq(buf_printf(&stream, "A: %0*d\r\n", cases[_i].size, 7), 0);
	ck_assert_int_eq(buf_append_str(&stream, "\r\none\r\n--b--"), 0);
	free(tell(F("b"), stream.bytes, stream.size_bytes, (struct pieces){ 1000, 0 }, &code));
	ck_assert_int_eq(code, cases[_i].want);
	buf_done(&stream);
}
END_TEST

/* A body of a megabyte without a boundary goes on in pieces as long as they come. */
START_TEST(keeps_nothing_of_a_long_body)
{
	size_t size = (size_t)1 << 20, used = 0;
	char *body = malloc(size);
	struct story story = { 0 };
	const struct multipart_sink sink = { on_begin, on_body, on_end, &story };
	struct multipart *m = multipart_new(F("b"), &sink);

	ck_assert_ptr_nonnull(body);
	for (size_t i = 0; i < size; i++)
		body[i] = "x\n\r-y"[i % 5];
	ck_assert_int_eq(multipart_feed(m, "--b\r\n\r\n*", 8, &used), 0);
	ck_assert_int_eq(multipart_feed(m, body, size, &used), 0);
	ck_assert_uint_eq(used, size);
	ck_assert_uint_ge(story.text.size_bytes, size);
	ck_assert_int_eq(multipart_finish(m), 0);
	ck_assert_uint_eq(story.text.size_bytes, size + 4);
	ck_assert_mem_eq(story.text.bytes + 3, body, size);
	buf_done(&story.text);
	multipart_free(m);
	free(body);
}
END_TEST

RUN_TESTS("engine/multipart", TEST_EACH(is_taken_apart, streams),
	TEST_EACH(other_types_are_delivered_as_they_are, other_types),
	TEST_EACH(refuses_malformed_fields, bad_fields), TEST_LOOP(bounds_the_fields, 4),
	TEST(keeps_nothing_of_a_long_body))
