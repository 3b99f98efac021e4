/* SPDX-License-Identifier: MIT */
#include "base/date.h"

#include "tests/lib/run.h"

/* 2025-06-01 00:00:00 UTC */
#define NOW_S  UINT64_C(1748736000)
#define NOW_US (NOW_S * 1000000)
#define BAD    INT64_MIN

static const struct {
	const char *text;
	int64_t wall_s;
} dates[] = {
	{ "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
	{ "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
	{ "Sun Nov  6 08:49:37 1994", 784111777 },
	{ "Sun Nov 16 08:49:37 1994", 784975777 },
	{ "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
	{ "Wed, 31 Dec 1969 23:59:59 GMT", -1 },
	{ "Mon, 01 Jan 0001 00:00:00 GMT", INT64_C(-62135596800) },
	{ "Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(253402300799) },
	{ "Tue, 29 Feb 2000 12:00:00 GMT", 951825600 },
	{ "Sat, 31 Dec 2016 23:59:60 GMT", 1483228800 },
	{ "Tue, 19 Jan 2038 03:14:08 GMT", INT64_C(2147483648) },
	/* fifty years ahead of 2025 at most */
	{ "Sunday, 01-Jan-75 00:00:00 GMT", INT64_C(3313526400) },
	{ "Sunday, 01-Jan-76 00:00:00 GMT", 189302400 },
	{ "Mon, 29 Feb 2100 12:00:00 GMT", BAD },
	{ "Tue, 29 Feb 2023 12:00:00 GMT", BAD },
	{ "Sun, 00 Nov 1994 08:49:37 GMT", BAD },
	{ "Sun, 31 Nov 1994 08:49:37 GMT", BAD },
	{ "Sun, 06 Nov 1994 24:00:00 GMT", BAD },
	{ "Sun, 06 Nov 1994 08:60:00 GMT", BAD },
	{ "Sun, 06 Nov 1994 08:49:61 GMT", BAD },
	{ "Sun, 6 Nov 1994 08:49:37 GMT", BAD },
	{ "Sun, 06 Nov 94 08:49:37 GMT", BAD },
	{ "Sun, 06 Nov 1994 08:49:37 UTC", BAD },
	{ "Sun, 06 Nov 1994 08:49:37 GMT ", BAD },
	{ "Sun, 06 Nov 1994 08:49:37", BAD },
	{ "Sun, 06 nov 1994 08:49:37 GMT", BAD },
	{ "Xyz, 06 Nov 1994 08:49:37 GMT", BAD },
	{ "Sun,06 Nov 1994 08:49:37 GMT", BAD },
	{ "Sun Nov 6 08:49:37 1994", BAD },
	{ "Sun", BAD },
	{ "0", BAD },
	{ "", BAD },
};

START_TEST(parses_dates)
{
	int64_t wall_s = BAD;
	int r = date_parse(dates[_i].text, NOW_US, &wall_s);

	ck_assert_int_eq(r != 0, dates[_i].wall_s == BAD);
	ck_assert_int_eq(wall_s, dates[_i].wall_s);
}
END_TEST

#define DAY_S 86400

static const struct {
	const char *text, *date;
	uint64_t want_s;
} waits[] = {
	{ NULL, NULL, 0 },
	{ "", NULL, 0 },
	{ "0", NULL, 0 },
	{ "120", NULL, 120 },
	{ "86399", NULL, 86399 },
	{ "86401", NULL, DAY_S },
	{ "99999999999999999999999999999999", NULL, DAY_S },
	{ "-1", NULL, 0 },
	{ "+5", NULL, 0 },
	{ "5s", NULL, 0 },
	{ "1.5", NULL, 0 },
	{ "Sun, 01 Jun 2025 00:02:00 GMT", NULL, 120 },
	{ "Sat, 31 May 2025 23:59:59 GMT", NULL, 0 },
	{ "Fri, 31 Dec 9999 23:59:59 GMT", NULL, DAY_S },
	/* the server's own clock counts, however wrong it goes */
	{ "Sun, 01 Jan 2023 00:02:00 GMT", "Sun, 01 Jan 2023 00:00:00 GMT", 120 },
	{ "Sun, 01 Jun 2025 00:02:00 GMT", "nonsense", 120 },
	{ "Sun, 01 Jan 2023 00:00:00 GMT", "Sun, 01 Jan 2023 00:00:00 GMT", 0 },
};

START_TEST(waits_as_asked)
{
	ck_assert_uint_eq(date_retry_after_us(waits[_i].text, waits[_i].date, NOW_US),
		waits[_i].want_s * 1000000);
}
END_TEST

RUN_TESTS("base/date", TEST_EACH(parses_dates, dates), TEST_EACH(waits_as_asked, waits))
