/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/run.h"

START_TEST(grows_and_hands_over)
{
	struct buf b = { 0 };
	char *text;

	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(buf_printf(&b, "%03d,", i), 0);
	ck_assert_uint_eq(b.size_bytes, 4000);
	ck_assert_int_eq(strncmp(b.bytes + 3996, "999,", 5), 0);
	text = buf_take(&b);
	ck_assert_uint_eq(strlen(text), 4000);
	free(text);
	text = buf_take(&b);
	ck_assert_str_eq(text, "");
	free(text);
}
END_TEST

START_TEST(stops_at_its_bound)
{
	struct buf b = { .max_bytes = 8 };

	ck_assert_int_eq(buf_append_str(&b, "12345678"), 0);
	ck_assert_int_eq(buf_append_str(&b, "9"), -EMSGSIZE);
	ck_assert_str_eq(b.bytes, "12345678");
	buf_done(&b);
	ck_assert_uint_eq(b.max_bytes, 8);
}
END_TEST

RUN_TESTS("base/buf", TEST(grows_and_hands_over), TEST(stops_at_its_bound))
