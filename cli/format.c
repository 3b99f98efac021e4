/* SPDX-License-Identifier: MIT */
/* Turns numbers into text for people, and people's text into numbers. */
#include "cli/format.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#define US_PER_S  UINT64_C(1000000)
#define S_PER_DAY UINT64_C(86400)

const char *format_size(uint64_t bytes, bool is_exact, char buf[FORMAT_SIZE_BYTES])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	size_t unit = 0;

	if (is_exact) {
		snprintf(buf, FORMAT_SIZE_BYTES, "%llu", (unsigned long long)bytes);
		return buf;
	}
	while (value >= 1023.95 && unit < 6) {
		value /= 1024;
		unit++;
	}
	snprintf(buf, FORMAT_SIZE_BYTES, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return buf;
}

const char *format_rate(uint64_t bps, bool is_exact, char buf[FORMAT_SIZE_BYTES])
{
	size_t len;

	if (!bps) {
		snprintf(buf, FORMAT_SIZE_BYTES, "-");
		return buf;
	}
	format_size(bps, is_exact, buf);
	len = strlen(buf);
	if (!is_exact)
		snprintf(buf + len, FORMAT_SIZE_BYTES - len, "/s");
	return buf;
}

const char *format_span(uint64_t us, char buf[FORMAT_SPAN_BYTES])
{
	uint64_t s = (us + US_PER_S / 2) / US_PER_S;

	if (s >= 2 * S_PER_DAY)
		snprintf(buf, FORMAT_SPAN_BYTES, "%llu d %llu h",
			(unsigned long long)(s / S_PER_DAY),
			(unsigned long long)(s % S_PER_DAY / 3600));
	else if (s >= 3600)
		snprintf(buf, FORMAT_SPAN_BYTES, "%llu:%02llu:%02llu",
			(unsigned long long)(s / 3600), (unsigned long long)(s / 60 % 60),
			(unsigned long long)(s % 60));
	else
		snprintf(buf, FORMAT_SPAN_BYTES, "%llu:%02llu", (unsigned long long)(s / 60),
			(unsigned long long)(s % 60));
	return buf;
}

const char *format_date(uint64_t wall_us, char buf[FORMAT_DATE_BYTES])
{
	time_t t = (time_t)(wall_us / US_PER_S);
	struct tm tm;

	if (!wall_us || !localtime_r(&t, &tm) ||
		!strftime(buf, FORMAT_DATE_BYTES, "%a %Y-%m-%d %H:%M", &tm))
		snprintf(buf, FORMAT_DATE_BYTES, "-");
	return buf;
}

const char *format_ago(uint64_t then_wall_us, uint64_t now_wall_us, char buf[FORMAT_SPAN_BYTES])
{
	static const struct {
		uint64_t s;
		const char *one, *many;
	} units[] = {
		{ 365 * S_PER_DAY, "year", "years" },
		{ 30 * S_PER_DAY, "month", "months" },
		{ S_PER_DAY, "day", "days" },
		{ 3600, "h", "h" },
		{ 60, "min", "min" },
	};
	uint64_t s = now_wall_us > then_wall_us ? (now_wall_us - then_wall_us) / US_PER_S : 0;

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		unsigned long long n = s / units[i].s;

		if (!n)
			continue;
		snprintf(buf, FORMAT_SPAN_BYTES, "%llu %s ago", n,
			n == 1 ? units[i].one : units[i].many);
		return buf;
	}
	snprintf(buf, FORMAT_SPAN_BYTES, "%llu s ago", (unsigned long long)s);
	return buf;
}

/* One character at p: its bytes, and its columns (0 for what must not be printed, which sets *is_safe to false). */
static size_t next_char(const char *p, size_t *ret_columns, bool *ret_is_safe)
{
	mbstate_t state = { 0 };
	wchar_t wc = 0;
	size_t n = mbrtowc(&wc, p, MB_CUR_MAX, &state);
	int columns;

	*ret_is_safe = false;
	*ret_columns = 4; /* shown as \xNN */
	if (n == (size_t)-1 || n == (size_t)-2 || n == 0)
		return 1;
	columns = wcwidth(wc);
	if (columns < 0 || (wc >= 0x200e && wc <= 0x200f) || (wc >= 0x2028 && wc <= 0x202e) ||
		(wc >= 0x2066 && wc <= 0x2069)) {
		*ret_columns = 4 * n;
		return n;
	}
	*ret_is_safe = true;
	*ret_columns = (size_t)columns;
	return n;
}

size_t format_width(const char *s)
{
	size_t width = 0, columns;
	bool is_safe;

	while (*s) {
		s += next_char(s, &columns, &is_safe);
		width += columns;
	}
	return width;
}

char *format_safe(const char *s)
{
	char *out = malloc(strlen(s) * 4 + 1), *o = out;
	size_t columns;
	bool is_safe;

	if (!out)
		return NULL;
	while (*s) {
		size_t n = next_char(s, &columns, &is_safe);

		if (is_safe) {
			memcpy(o, s, n);
			o += n;
		} else {
			for (size_t i = 0; i < n; i++)
				o += snprintf(o, 5, "\\x%02x", (unsigned char)s[i]);
		}
		s += n;
	}
	*o = 0;
	return out;
}

char *format_plain(const char *s, bool is_utf8)
{
	const char *mark = is_utf8 ? "\xef\xbf\xbd" : "?";
	char *out = malloc(strlen(s) * 3 + 1), *o = out;
	size_t columns;
	bool is_safe;

	if (!out)
		return NULL;
	while (*s) {
		size_t n = next_char(s, &columns, &is_safe);

		o = is_safe ? mempcpy(o, s, n) : stpcpy(o, mark);
		s += n;
	}
	*o = 0;
	return out;
}

size_t format_prefix(const char *s, size_t columns)
{
	size_t used = 0, bytes = 0, width;
	bool is_safe;

	while (s[bytes]) {
		size_t n = next_char(s + bytes, &width, &is_safe);

		if (used + width > columns)
			break;
		used += width;
		bytes += n;
	}
	return bytes;
}

/* Byte offset where a suffix of at most columns begins. */
static size_t suffix_start(const char *s, size_t columns)
{
	size_t start = 0, total = format_width(s), width;
	bool is_safe;

	while (s[start] && total > columns) {
		start += next_char(s + start, &width, &is_safe);
		total -= width;
	}
	return start;
}

char *format_shorten(const char *s, size_t columns, bool is_utf8)
{
	char *safe = format_safe(s), *out = NULL;
	const char *dots = is_utf8 ? "…" : "..";
	size_t dots_columns = is_utf8 ? 1 : 2, head, tail;

	if (!safe || format_width(safe) <= columns)
		return safe;
	if (columns <= dots_columns) {
		safe[format_prefix(safe, columns)] = 0;
		return safe;
	}
	head = format_prefix(safe, (columns - dots_columns + 1) / 2);
	tail = suffix_start(safe, (columns - dots_columns) / 2);
	if (asprintf(&out, "%.*s%s%s", (int)head, safe, dots, safe + tail) < 0)
		out = NULL;
	free(safe);
	return out;
}

int format_parse_size(const char *text, uint64_t *ret_bytes)
{
	static const char letters[] = "kmgtpe";
	char *end;
	double value;
	const char *unit;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	value = strtod(text, &end);
	if (!isfinite(value) || strspn(text, "0123456789.") != (size_t)(end - text))
		return -EINVAL;
	unit = *end ? strchr(letters, tolower((unsigned char)*end)) : NULL;
	if (unit && *unit) {
		for (const char *l = letters; l <= unit; l++)
			value *= 1024;
		end++;
		if (*end == 'i')
			end++;
	}
	if (*end == 'B' || *end == 'b')
		end++;
	if (strcmp(end, "/s") == 0)
		end += 2;
	if (*end)
		return -EINVAL;
	if (value >= 9.2e18)
		return -ERANGE;
	*ret_bytes = (uint64_t)value;
	return 0;
}

int format_parse_span(const char *text, uint64_t *ret_us)
{
	static const struct {
		const char *name;
		uint64_t us;
	} units[] = {
		{ "ms", 1000 },
		{ "us", 1 },
		{ "min", 60 * US_PER_S },
		{ "m", 60 * US_PER_S },
		{ "sec", US_PER_S },
		{ "s", US_PER_S },
		{ "h", 3600 * US_PER_S },
		{ "d", S_PER_DAY * US_PER_S },
		{ "", US_PER_S },
	};
	double total = 0;

	if (!*text)
		return -EINVAL;
	while (*text) {
		char *end;
		double value;
		size_t i = 0, len;

		if (!isdigit((unsigned char)*text))
			return -EINVAL;
		value = strtod(text, &end);
		while (*end == ' ')
			end++;
		len = strcspn(end, " 0123456789");
		while (i < sizeof(units) / sizeof(units[0]) &&
			(strlen(units[i].name) != len || strncmp(end, units[i].name, len) != 0))
			i++;
		if (i == sizeof(units) / sizeof(units[0]))
			return -EINVAL;
		total += value * (double)units[i].us;
		text = end + len;
		while (*text == ' ')
			text++;
	}
	if (!(total < 9.2e18))
		return -ERANGE;
	*ret_us = (uint64_t)total;
	return 0;
}

/* Fills the clock part "HH:MM[:SS]" of tm. */
static int parse_clock(const char *text, struct tm *tm)
{
	const char *rest;

	tm->tm_sec = 0;
	rest = strptime(text, "%H:%M", tm);
	if (rest && *rest == ':')
		rest = strptime(text, "%H:%M:%S", tm);
	return rest && !*rest ? 0 : -EINVAL;
}

int format_parse_date(const char *text, uint64_t now_wall_us, uint64_t *ret_wall_us)
{
	time_t now = (time_t)(now_wall_us / US_PER_S), t;
	struct tm tm, today;
	const char *rest;
	uint64_t span_us;
	int r = 0;

	if (*text == '+') {
		r = format_parse_span(text + 1, &span_us);
		if (r == 0)
			*ret_wall_us = now_wall_us + span_us;
		return r;
	}
	if (strcmp(text, "now") == 0) {
		*ret_wall_us = now_wall_us;
		return 0;
	}
	if (*text == '@') {
		if (!isdigit((unsigned char)text[1]) ||
			strspn(text + 1, "0123456789") != strlen(text + 1) || strlen(text) > 12)
			return -EINVAL;
		*ret_wall_us = strtoull(text + 1, NULL, 10) * US_PER_S;
		return 0;
	}
	if (!localtime_r(&now, &tm))
		return -EINVAL;
	today = tm;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	if (strncmp(text, "today", 5) == 0) {
		rest = text + 5;
	} else if (strncmp(text, "tomorrow", 8) == 0) {
		tm.tm_mday++;
		rest = text + 8;
	} else if (strlen(text) >= 10 && text[4] == '-') {
		rest = strptime(text, "%Y-%m-%d", &tm);
		if (!rest)
			return -EINVAL;
	} else {
		r = parse_clock(text, &tm);
		if (r)
			return r;
		if (tm.tm_hour * 60 + tm.tm_min <= today.tm_hour * 60 + today.tm_min)
			tm.tm_mday++;
		rest = "";
	}
	if (*rest == ' ' || *rest == 'T')
		r = parse_clock(rest + 1, &tm);
	else if (*rest)
		r = -EINVAL;
	if (r)
		return r;
	t = mktime(&tm);
	if (t < 0)
		return -EINVAL;
	*ret_wall_us = (uint64_t)t * US_PER_S;
	return 0;
}

unsigned format_distance(const char *a, const char *b)
{
	unsigned row[32];
	size_t m = strlen(b);

	if (m >= sizeof(row) / sizeof(row[0]))
		return ~0u;
	for (size_t j = 0; j <= m; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (row[j] + 1 < best)
				best = row[j] + 1;
			row[j] = best;
		}
	}
	return row[m];
}
