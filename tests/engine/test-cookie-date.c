/* SPDX-License-Identifier: MIT */
#include "engine/cookie-date.h"

#include <errno.h>

#include "tests/lib/run.h"

static const struct {
	const char *text;
	int64_t wall_s;
} good[] = {
	{ "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
	{ "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
	{ "Sun Nov  6 08:49:37 1994", 784111777 },
	{ "06-Nov-1994 08:49:37", 784111777 },
	{ "8:49:37 6 november 94 whatever", 784111777 },
	{ "Fri, 01 Jan 2100 00:00:00 GMT", INT64_C(4102444800) },
	{ "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
	{ "Wed, 31 Dec 1969 23:59:59 GMT", -1 },
	{ "Mon, 01 Jan 1601 00:00:00 GMT", INT64_C(-11644473600) },
	{ "Tue, 29 Feb 2000 12:00:00 GMT", 951825600 },
	{ "Thu, 29-Feb-24 12:00:00 GMT", 1709208000 },
	{ "Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(253402300799) },
	{ "01 Jan 69 00:00:00", INT64_C(3124224000) },
	{ "01 Jan 70 00:00:00", 0 },
	{ "Sat, 15-Apr-17 21:01:22 GMT", 1492290082 },
	{ "Mon, 10-Dec-2007 17:02:24 GMT", 1197306144 },
	{ "2007 Dec 10 17:02:24zone", 1197306144 },
	{ "10 Dec 2007 17:02:24.5", 1197306144 },
};

static const char *const bad[] = {
	"",
	"not a date",
	"Sun, 06 Nov 1994",
	"06 1994 08:49:37",
	"Sun, 32 Nov 1994 08:49:37 GMT",
	"Sun, 00 Nov 1994 08:49:37 GMT",
	"Sun, 29 Feb 1900 08:49:37 GMT",
	"Sun, 30 Feb 2000 08:49:37 GMT",
	"Sun, 06 Nov 1994 24:49:37 GMT",
	"Sun, 06 Nov 1994 08:60:37 GMT",
	"Sun, 06 Nov 1994 08:49:60 GMT",
	"Sun, 06 Nov 1600 08:49:37 GMT",
	"Sun, 06 Nov 19940 08:49:37 GMT",
	"Sun, 06 Nov 1994 08:49:370",
	"Sun, 06 Nov 1994 008:49:37",
	"Sun, 06 Nov 1994 08:49",
	"Sun, 06 Nev 1994 08:49:37 GMT",
};

START_TEST(parses)
{
	int64_t wall_s = 5;

	ck_assert_int_eq(cookie_date_parse(good[_i].text, &wall_s), 0);
	ck_assert_int_eq(wall_s, good[_i].wall_s);
}
END_TEST

START_TEST(refuses)
{
	int64_t wall_s = 5;

	ck_assert_int_eq(cookie_date_parse(bad[_i], &wall_s), -EINVAL);
	ck_assert_int_eq(wall_s, 5);
}
END_TEST

RUN_TESTS("engine/cookie-date", TEST_EACH(parses, good), TEST_EACH(refuses, bad))
