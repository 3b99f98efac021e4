/* SPDX-License-Identifier: MIT */
/* Texts of the application: valid, bounded, nothing that ends a header field. */
#include "client-lib/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "ipc/proto.h"
#include "tests/lib/run.h"

START_TEST(replaces_only_by_what_is_right)
{
	char *text = NULL;

	ck_assert_int_eq(text_set(&text, "four", 4), 0);
	ck_assert_int_eq(text_set(&text, "five!", 4), -EINVAL);
	ck_assert_int_eq(text_set(&text, "\xc0\x80", 4), -EINVAL);
	ck_assert_str_eq(text, "four");
	ck_assert_int_eq(text_set(&text, NULL, 4), 0);
	ck_assert_ptr_null(text);
	ck_assert_int_eq(text_set_path(&text, "/a/b"), 0);
	ck_assert_int_eq(text_set_path(&text, "a/b"), -EINVAL);
	free(text);
}
END_TEST

static const struct {
	const char *name, *value;
	int want;
} fields[] = {
	{ "Accept", "*/*", 0 },
	{ "A", "", 0 },
	{ "A", "tab\there", 0 },
	{ "A:", "x", -EINVAL },
	{ "A B", "x", -EINVAL },
	{ "", "x", -EINVAL },
	{ NULL, "x", -EINVAL },
	{ "A", "x\ny", -EINVAL },
	{ "A", "x\ry", -EINVAL },
	{ "A", "x\x7fy", -EINVAL },
	{ "A", NULL, -EINVAL },
	{ "\xc3\xa9", "x", -EINVAL },
};

START_TEST(checks_header_fields)
{
	struct text_headers headers = { 0 };

	ck_assert_int_eq(
		text_headers_add(&headers, fields[_i].name, fields[_i].value), fields[_i].want);
	ck_assert_uint_eq(headers.n_fields, fields[_i].want == 0);
	text_headers_done(&headers);
}
END_TEST

/* What is lent may be given back: the value of a field, and its name, of which there are two. */
START_TEST(sets_what_it_has_lent)
{
	struct text_headers headers = { 0 };
	const char *value = "a value that is longer than what a free block keeps of it";

	ck_assert_int_eq(text_headers_add(&headers, "X-Name-Of-A-Field", value), 0);
	ck_assert_int_eq(text_headers_set(&headers, "X-Name-Of-A-Field",
				 text_headers_get(&headers, "X-Name-Of-A-Field")),
		0);
	ck_assert_uint_eq(headers.n_fields, 1);
	ck_assert_str_eq(headers.fields[0].value, value);
	ck_assert_int_eq(text_headers_add(&headers, "X-Name-Of-A-Field", "2"), 0);
	ck_assert_int_eq(text_headers_set(&headers, headers.fields[0].name, NULL), 0);
	ck_assert_uint_eq(headers.n_fields, 0);
	text_headers_done(&headers);
}
END_TEST

START_TEST(takes_rows_as_they_are)
{
	const struct ipc_header rows[] = { { "X", "1" }, { NULL, NULL } };
	struct text_headers headers = { 0 }, copy = { 0 };
	const struct ipc_header *back;
	struct arena arena = { 0 };

	ck_assert_int_eq(text_headers_from_ipc(&headers, rows, 2), 0);
	ck_assert_int_eq(text_headers_copy(&copy, &headers), 0);
	text_headers_done(&headers);
	ck_assert_int_eq(text_headers_to_ipc(&copy, &arena, &back), 0);
	ck_assert_str_eq(back[0].value, "1");
	ck_assert_str_eq(back[1].name, "");
	text_headers_done(&copy);
	ck_assert_int_eq(text_headers_to_ipc(&copy, &arena, &back), 0);
	ck_assert_ptr_null(back);
	arena_done(&arena);
}
END_TEST

RUN_TESTS("client-lib/text", TEST(replaces_only_by_what_is_right),
	TEST_EACH(checks_header_fields, fields), TEST(sets_what_it_has_lent),
	TEST(takes_rows_as_they_are))
