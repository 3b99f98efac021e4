/* SPDX-License-Identifier: MIT */
/*
 * Cookie dates (RFC 6265, section 5.1.1): tokens in any order and with any separators, of which the
 * first that looks like a time, a day, a month and a year counts.
 */
#include "engine/cookie-date.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define YEAR_MIN 1601

struct found {
	bool has_time, has_day, has_month, has_year;
	int hour, minute, second, day, month, year;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_delimiter(char c)
{
	unsigned char u = (unsigned char)c;

	return u == 9 || (u >= 0x20 && u <= 0x2f) || (u >= 0x3b && u <= 0x40) ||
		(u >= 0x5b && u <= 0x60) || (u >= 0x7b && u <= 0x7e);
}

/* At least @least, at most @most digits, and then none more; returns how many, 0: not so. */
static size_t read_digits(const char *p, size_t least, size_t most, int *ret_value)
{
	size_t n = 0;
	int value = 0;

	while (n < most && is_digit(p[n]))
		value = value * 10 + (p[n++] - '0');
	if (n < least || is_digit(p[n]))
		return 0;
	*ret_value = value;
	return n;
}

static bool read_time(const char *p, struct found *f)
{
	int hour, minute, second;
	size_t n = read_digits(p, 1, 2, &hour);

	if (!n || p[n] != ':')
		return false;
	p += n + 1;
	n = read_digits(p, 1, 2, &minute);
	if (!n || p[n] != ':' || !read_digits(p + n + 1, 1, 2, &second))
		return false;
	f->hour = hour;
	f->minute = minute;
	f->second = second;
	return true;
}

static bool read_month(const char *p, int *ret_month)
{
	static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";

	for (int i = 0; i < 12; i++) {
		if (!strncasecmp(p, names + i * 3, 3)) {
			*ret_month = i + 1;
			return true;
		}
	}
	return false;
}

static void read_token(const char *p, struct found *f)
{
	if (!f->has_time && read_time(p, f))
		f->has_time = true;
	else if (!f->has_day && read_digits(p, 1, 2, &f->day))
		f->has_day = true;
	else if (!f->has_month && read_month(p, &f->month))
		f->has_month = true;
	else if (!f->has_year && read_digits(p, 2, 4, &f->year))
		f->has_year = true;
}

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool is_possible(const struct found *f)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int n;

	if (!f->has_time || !f->has_day || !f->has_month || !f->has_year)
		return false;
	n = days[f->month - 1] + (f->month == 2 && is_leap(f->year));
	return f->year >= YEAR_MIN && f->day >= 1 && f->day <= n && f->hour <= 23 &&
		f->minute <= 59 && f->second <= 59;
}

/* Days since 1970 in the calendar of today, for any year from 1601. */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t era = y / 400, in_era = y - era * 400;
	int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

int cookie_date_parse(const char *text, int64_t *ret_wall_s)
{
	struct found f = { 0 };

	while (*text) {
		while (is_delimiter(*text))
			text++;
		if (*text)
			read_token(text, &f);
		while (*text && !is_delimiter(*text))
			text++;
	}
	if (f.has_year && f.year >= 70 && f.year <= 99)
		f.year += 1900;
	else if (f.has_year && f.year <= 69)
		f.year += 2000;
	if (!is_possible(&f))
		return -EINVAL;
	*ret_wall_s = ((days_of(f.year, f.month, f.day) * 24 + f.hour) * 60 + f.minute) * 60 +
		f.second;
	return 0;
}
