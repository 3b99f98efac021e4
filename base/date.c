/* SPDX-License-Identifier: MIT */
/*
 * Reads the three date forms of HTTP. Strict about digits, names and ranges (a day name that is
 * spelt right but wrong is accepted: RFC 9110 gives it no meaning); no locale, no time_t.
 */
#include "base/date.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define US_PER_S INT64_C(1000000)

struct fields {
	int year, month, day, hour, minute, second; /* month from 1 */
};

/* the first three letters, and the others */
static const struct {
	const char *begin, *rest;
} days[] = { { "Mon", "day" }, { "Tue", "sday" }, { "Wed", "nesday" }, { "Thu", "rsday" },
	{ "Fri", "day" }, { "Sat", "urday" }, { "Sun", "day" } };
static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
	"Oct", "Nov", "Dec" };

/*
 * Days since 1970-01-01 of a proleptic Gregorian date (counted from 1 March, in eras of 400 years).
 */
static int64_t days_from_civil(int64_t year, int month, int day)
{
	int64_t era, day_of_era, day_of_year, year_of_era;

	year -= month <= 2;
	era = (year >= 0 ? year : year - 399) / 400;
	year_of_era = year - era * 400;
	day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

static int year_of(int64_t wall_s)
{
	int64_t day = wall_s / 86400;
	int64_t year = 1970 + day / 366;

	while (days_from_civil(year + 1, 1, 1) <= day)
		year++;
	return (int)year;
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Exactly n digits. */
static bool take_digits(const char **p, int n, int *ret_number)
{
	int number = 0;

	for (int i = 0; i < n; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		number = number * 10 + (**p - '0');
	}
	*ret_number = number;
	return true;
}

static bool take(const char **p, const char *text)
{
	const char *at = *p;

	for (; *text; text++, at++) {
		if (*at != *text)
			return false;
	}
	*p = at;
	return true;
}

static bool take_month(const char **p, int *ret_month)
{
	for (int i = 0; i < 12; i++) {
		if (take(p, months[i])) {
			*ret_month = i + 1;
			return true;
		}
	}
	return false;
}

static bool take_time(const char **p, struct fields *f)
{
	return take_digits(p, 2, &f->hour) && take(p, ":") && take_digits(p, 2, &f->minute) &&
		take(p, ":") && take_digits(p, 2, &f->second);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT", behind the day name */
static bool parse_imf(const char *p, struct fields *f)
{
	return take(&p, ", ") && take_digits(&p, 2, &f->day) && take(&p, " ") &&
		take_month(&p, &f->month) && take(&p, " ") && take_digits(&p, 4, &f->year) &&
		take(&p, " ") && take_time(&p, f) && take(&p, " GMT") && !*p;
}

/* "Sunday, 06-Nov-94 08:49:37 GMT": at most 50 years ahead, else the century before */
static bool parse_rfc850(const char *p, uint64_t now_wall_us, struct fields *f)
{
	int this_year = year_of((int64_t)(now_wall_us / US_PER_S));

	if (!(take(&p, ", ") && take_digits(&p, 2, &f->day) && take(&p, "-") &&
		    take_month(&p, &f->month) && take(&p, "-") && take_digits(&p, 2, &f->year) &&
		    take(&p, " ") && take_time(&p, f) && take(&p, " GMT") && !*p))
		return false;
	f->year += this_year / 100 * 100;
	if (f->year > this_year + 50)
		f->year -= 100;
	return true;
}

/* "Sun Nov  6 08:49:37 1994" */
static bool parse_asctime(const char *p, struct fields *f)
{
	if (!take(&p, " ") || !take_month(&p, &f->month) || !take(&p, " "))
		return false;
	if (!(take(&p, " ") ? take_digits(&p, 1, &f->day) : take_digits(&p, 2, &f->day)))
		return false;
	return take(&p, " ") && take_time(&p, f) && take(&p, " ") && take_digits(&p, 4, &f->year) &&
		!*p;
}

static bool is_possible(const struct fields *f)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int length = lengths[f->month - 1] + (f->month == 2 && is_leap(f->year));

	/* a leap second is allowed and counts as the second after it */
	return f->day >= 1 && f->day <= length && f->hour <= 23 && f->minute <= 59 &&
		f->second <= 60;
}

int date_parse(const char *text, uint64_t now_wall_us, int64_t *ret_wall_s)
{
	struct fields f = { 0 };
	bool is_parsed = false;

	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]) && !is_parsed; i++) {
		const char *p = text;

		if (!take(&p, days[i].begin))
			continue;
		is_parsed = take(&p, days[i].rest) ? parse_rfc850(p, now_wall_us, &f)
						   : parse_imf(p, &f) || parse_asctime(p, &f);
	}
	if (!is_parsed || !is_possible(&f))
		return -EINVAL;
	*ret_wall_s = days_from_civil(f.year, f.month, f.day) * 86400 + f.hour * 3600 +
		f.minute * 60 + f.second;
	return 0;
}

/* Delay seconds: digits only, however many. */
static bool parse_seconds(const char *text, uint64_t *ret_us)
{
	uint64_t us = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		us = us * 10 + (uint64_t)(*text - '0') * US_PER_S;
		if (us > DATE_RETRY_AFTER_MAX_US)
			us = DATE_RETRY_AFTER_MAX_US;
	}
	*ret_us = us;
	return true;
}

uint64_t date_retry_after_us(const char *text, const char *date, uint64_t now_wall_us)
{
	int64_t until_s, from_s;
	uint64_t us;

	if (!text)
		return 0;
	if (parse_seconds(text, &us))
		return us;
	if (date_parse(text, now_wall_us, &until_s))
		return 0;
	if (!date || date_parse(date, now_wall_us, &from_s))
		from_s = (int64_t)(now_wall_us / US_PER_S);
	if (until_s <= from_s)
		return 0;
	if (until_s - from_s > (int64_t)(DATE_RETRY_AFTER_MAX_US / US_PER_S))
		return DATE_RETRY_AFTER_MAX_US;
	return (uint64_t)(until_s - from_s) * US_PER_S;
}
