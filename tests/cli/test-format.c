/* SPDX-License-Identifier: MIT */
/* Numbers as people write and read them. */
#include "cli/format.h"

#include <errno.h>
#include <locale.h>
#include <string.h>

#include "tests/lib/run.h"

static const struct {
	uint64_t bytes;
	const char *want;
} sizes[] = {
	{ 0, "0 B" },
	{ 1023, "1023 B" },
	{ 1024, "1.0 KiB" },
	{ 1048575, "1.0 MiB" },
	{ 3973054464, "3.7 GiB" },
	{ UINT64_MAX, "16.0 EiB" },
};

START_TEST(shows_sizes)
{
	char buf[FORMAT_SIZE_BYTES];

	ck_assert_str_eq(format_size(sizes[_i].bytes, false, buf), sizes[_i].want);
}
END_TEST

static const struct {
	const char *text;
	int want_r;
	uint64_t want;
} parsed_sizes[] = {
	{ "0", 0, 0 },
	{ "500K", 0, 512000 },
	{ "1.5M", 0, 1572864 },
	{ "2MiB/s", 0, 2097152 },
	{ "10gb", 0, UINT64_C(10737418240) },
	{ "", -EINVAL, 0 },
	{ "-1", -EINVAL, 0 },
	{ "12 M", -EINVAL, 0 },
	{ "0x10", -EINVAL, 0 },
	{ "inf", -EINVAL, 0 },
	{ "99E", -ERANGE, 0 },
	{ "5M5", -EINVAL, 0 },
};

START_TEST(parses_sizes)
{
	uint64_t got = 0;

	ck_assert_int_eq(format_parse_size(parsed_sizes[_i].text, &got), parsed_sizes[_i].want_r);
	ck_assert_uint_eq(got, parsed_sizes[_i].want);
}
END_TEST

static const struct {
	const char *text;
	int want_r;
	uint64_t want_us;
} spans[] = {
	{ "90", 0, 90000000 },
	{ "5min", 0, 300000000 },
	{ "1h30m", 0, UINT64_C(5400000000) },
	{ "1h 30m", 0, UINT64_C(5400000000) },
	{ "2d", 0, UINT64_C(172800000000) },
	{ "250ms", 0, 250000 },
	{ "", -EINVAL, 0 },
	{ "5 parsecs", -EINVAL, 0 },
	{ "-5", -EINVAL, 0 },
};

START_TEST(parses_spans)
{
	uint64_t got = 0;

	ck_assert_int_eq(format_parse_span(spans[_i].text, &got), spans[_i].want_r);
	ck_assert_uint_eq(got, spans[_i].want_us);
}
END_TEST

/* 2026-06-04 10:41:07 UTC */
#define NOW_US UINT64_C(1780569667000000)

static const struct {
	const char *text;
	int want_r;
	uint64_t want_s;
} dates[] = {
	{ "now", 0, 1780569667 },
	{ "+2h", 0, 1780569667 + 7200 },
	{ "@1780000000", 0, 1780000000 },
	{ "today", 0, 1780531200 },
	{ "tomorrow", 0, 1780617600 },
	{ "tomorrow 09:00", 0, 1780617600 + 9 * 3600 },
	{ "2026-12-24", 0, 1798070400 },
	{ "2026-12-24 18:30:15", 0, 1798070400 + 18 * 3600 + 30 * 60 + 15 },
	{ "11:00", 0, 1780531200 + 11 * 3600 },
	{ "09:00", 0, 1780617600 + 9 * 3600 }, /* already over today */
	{ "someday", -EINVAL, 0 },
	{ "@", -EINVAL, 0 },
	{ "2026-13-99", -EINVAL, 0 },
	{ "tomorrow noon", -EINVAL, 0 },
};

START_TEST(parses_dates)
{
	uint64_t got = 0;

	setenv("TZ", "UTC", 1);
	ck_assert_int_eq(format_parse_date(dates[_i].text, NOW_US, &got), dates[_i].want_r);
	ck_assert_uint_eq(got, dates[_i].want_s * 1000000);
}
END_TEST

START_TEST(shortens_in_the_middle)
{
	static const struct {
		const char *in;
		size_t columns;
		const char *want;
	} rows[] = {
		{ "short", 10, "short" },
		{ "debian-12.11.0-amd64.iso", 11, "debia….iso" },
		{ "日本語のファイル名.tar", 9, "日本….tar" },
		{ "a\033[31mb", 40, "a\\x1b[31mb" },
		{ "x\xffy", 40, "x\\xffy" },
		{ "abcdef", 1, "a" },
	};

	ck_assert_ptr_nonnull(setlocale(LC_ALL, "C.UTF-8"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *got = format_shorten(rows[i].in, rows[i].columns, true);

		if (i != 1)
			ck_assert_str_eq(got, rows[i].want);
		ck_assert_uint_le(format_width(got), rows[i].columns);
		free(got);
	}
}
END_TEST

START_TEST(measures_distance)
{
	ck_assert_uint_eq(format_distance("statsu", "status"), 2);
	ck_assert_uint_eq(format_distance("lst", "list"), 1);
	ck_assert_uint_eq(format_distance("list", "list"), 0);
	ck_assert_uint_gt(format_distance("frobnicate", "list"), 2);
}
END_TEST

RUN_TESTS("cli/format", TEST_EACH(shows_sizes, sizes), TEST_EACH(parses_sizes, parsed_sizes),
	TEST_EACH(parses_spans, spans), TEST_EACH(parses_dates, dates),
	TEST(shortens_in_the_middle), TEST(measures_distance))
