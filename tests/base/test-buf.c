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

/* What is reserved is not there yet; what is appended then stays in its place. */
START_TEST(has_room)
{
	struct buf b = { .max_bytes = 1000 };
	const char *at;
	char *more;

	ck_assert_int_eq(buf_reserve(&b, 1001), -EMSGSIZE);
	ck_assert_ptr_null(b.bytes);
	ck_assert_int_eq(buf_reserve(&b, 1000), 0);
	ck_assert_uint_eq(b.room_bytes, b.size_bytes + 1001); /* and not twice as much */
	ck_assert_str_eq(b.bytes, "");
	ck_assert_uint_eq(b.size_bytes, 0);
	at = b.bytes;
	for (int i = 0; i < 500; i++)
		ck_assert_int_eq(buf_append(&b, "x", 1), 0);
	ck_assert_int_eq(buf_extend(&b, 500, &more), 0);
	ck_assert_ptr_eq(b.bytes, at);
	ck_assert_ptr_eq(more, at + 500);
	ck_assert_int_eq(b.bytes[1000], 0);
	ck_assert_int_eq(buf_extend(&b, 1, &more), -EMSGSIZE);
	ck_assert_uint_eq(b.size_bytes, 1000);
	buf_done(&b);
}
END_TEST

RUN_TESTS("base/buf", TEST(grows_and_hands_over), TEST(stops_at_its_bound), TEST(has_room))
