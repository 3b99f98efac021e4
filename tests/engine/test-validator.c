/* SPDX-License-Identifier: MIT */
#include "engine/validator.h"

#include <stddef.h>

#include "tests/lib/run.h"

static const struct {
	const char *etag;
	bool is_strong;
} etags[] = {
	{ "\"abc\"", true },
	{ "\"\"", true },
	{ "\"a-b:c/1\\\"", true },
	{ "\"\xc3\xa9\"", true },
	{ "W/\"abc\"", false },
	{ "w/\"abc\"", false },
	{ "abc", false },
	{ "\"abc", false },
	{ "abc\"", false },
	{ "\"", false },
	{ "", false },
	{ "\"a\"b\"", false },
	{ "\"a b\"", false },
	{ "\"a\r\nX: y\"", false },
	{ "\"a\x7f\"", false },
	{ "\"a\", \"b\"", false },
	{ NULL, false },
};

START_TEST(judges_etags)
{
	ck_assert_int_eq(validator_etag_is_strong(etags[_i].etag), etags[_i].is_strong);
}
END_TEST

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"

static const struct {
	const char *modified, *date;
	bool is_strong;
} dates[] = {
	{ "Sun, 06 Nov 1994 08:48:37 GMT", DATE, true },
	{ "Sat, 05 Nov 1994 08:49:37 GMT", DATE, true },
	{ "Sun, 06 Nov 1994 08:48:38 GMT", DATE, false },
	{ DATE, DATE, false },
	{ "Mon, 07 Nov 1994 08:49:37 GMT", DATE, false },
	{ "yesterday", DATE, false },
	{ "Sat, 05 Nov 1994 08:49:37 GMT", "now", false },
	{ "Sat, 05 Nov 1994 08:49:37 GMT", NULL, false },
	{ NULL, DATE, false },
};

START_TEST(judges_dates)
{
	ck_assert_int_eq(validator_last_modified_is_strong(dates[_i].modified, dates[_i].date),
		dates[_i].is_strong);
}
END_TEST

RUN_TESTS("engine/validator", TEST_EACH(judges_etags, etags), TEST_EACH(judges_dates, dates))
