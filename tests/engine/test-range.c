/* SPDX-License-Identifier: MIT */
#include "engine/range.h"

#include "tests/lib/run.h"

static const struct {
	const char *text;
	int r;
	uint64_t first, last;
	int64_t total;
	bool is_unsatisfied;
} cases[] = {
	{ "bytes 0-0/1", 0, 0, 0, 1, false },
	{ "bytes 5-9/10", 0, 5, 9, 10, false },
	{ "Bytes 5-9/*", 0, 5, 9, -1, false },
	{ "bytes  5-9/10", 0, 5, 9, 10, false },
	{ "bytes */10", 0, 0, 0, 10, true },
	{ "bytes 0-9223372036854775806/9223372036854775807", 0, 0, INT64_MAX - 1, INT64_MAX,
		false },
	{ "bytes 0-1/9223372036854775808", -1, 0, 0, 0, false },
	{ "bytes 0-99999999999999999999/*", -1, 0, 0, 0, false },
	{ "bytes */*", -1, 0, 0, 0, false },
	{ "bytes 9-5/10", -1, 0, 0, 0, false },
	{ "bytes 5-10/10", -1, 0, 0, 0, false },
	{ "bytes 5-9", -1, 0, 0, 0, false },
	{ "bytes 5-9/", -1, 0, 0, 0, false },
	{ "bytes 5-9/10 ", -1, 0, 0, 0, false },
	{ "bytes 5-9/10,20-29/30", -1, 0, 0, 0, false },
	{ "bytes -5/10", -1, 0, 0, 0, false },
	{ "bytes 5-/10", -1, 0, 0, 0, false },
	{ "bytes +5-9/10", -1, 0, 0, 0, false },
	{ "bytes=5-9/10", -1, 0, 0, 0, false },
	{ "bytes5-9/10", -1, 0, 0, 0, false },
	{ "items 5-9/10", -1, 0, 0, 0, false },
	{ "bytes", -1, 0, 0, 0, false },
	{ "byte", -1, 0, 0, 0, false },
	{ "", -1, 0, 0, 0, false },
};

START_TEST(parses)
{
	struct range range = { .total_bytes = -7 };
	int r = range_parse(cases[_i].text, &range);

	if (cases[_i].r) {
		ck_assert_int_lt(r, 0);
		ck_assert_int_eq(range.total_bytes, -7);
		return;
	}
	ck_assert_int_eq(r, 0);
	ck_assert_uint_eq(range.first_bytes, cases[_i].first);
	ck_assert_uint_eq(range.last_bytes, cases[_i].last);
	ck_assert_int_eq(range.total_bytes, cases[_i].total);
	ck_assert_int_eq(range.is_unsatisfied, cases[_i].is_unsatisfied);
}
END_TEST

RUN_TESTS("engine/range", TEST_EACH(parses, cases))
