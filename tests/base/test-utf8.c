/* SPDX-License-Identifier: MIT */
/* Every kind of byte that libdbus would abort on, or that would garble a terminal or the journal. */
#include "base/utf8.h"

#include <string.h>

#include "tests/lib/run.h"

#define REPLACEMENT "\xef\xbf\xbd"

static const struct {
	const char *bytes;
	size_t size;
	const char *want;
	bool is_valid;
} cases[] = {
	{ "plain", 5, "plain", true },
	{ "", 0, "", true },
	{ "gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc\xc3\x9f", true },
	{ "\xe2\x82\xac\xf0\x9f\x98\x80", 7, "\xe2\x82\xac\xf0\x9f\x98\x80", true },
	{ "x\xff\xfey", 4, "x" REPLACEMENT REPLACEMENT "y", false },
	{ "\xc0\xaf", 2, REPLACEMENT REPLACEMENT, false }, /* overlong */
	{ "\xe0\x80\xaf", 3, REPLACEMENT REPLACEMENT REPLACEMENT, false }, /* overlong */
	{ "\xed\xa0\x80", 3, REPLACEMENT REPLACEMENT REPLACEMENT, false }, /* surrogate */
	{ "\xf4\x90\x80\x80", 4, REPLACEMENT REPLACEMENT REPLACEMENT REPLACEMENT, false },
	{ "\xe2\x82", 2, REPLACEMENT REPLACEMENT, false }, /* cut short */
	{ "a\0b", 3, "a" REPLACEMENT "b", true }, /* valid up to its NUL */
	/* plain letters are skipped by words */
	{ "12345678\xc3\xa9", 10, "12345678\xc3\xa9", true },
	{ "1234567\xc3\xa9"
	  "12345678",
		17,
		"1234567\xc3\xa9"
		"12345678",
		true },
	{ "12345678\xff", 9, "12345678" REPLACEMENT, false },
	{ "1234567\xff"
	  "12345678",
		16, "1234567" REPLACEMENT "12345678", false },
	{ "1234567890123456"
	  "1234\xc3",
		21,
		"1234567890123456"
		"1234" REPLACEMENT,
		false },
};

START_TEST(sanitises)
{
	char *got = utf8_sanitise(cases[_i].bytes, cases[_i].size);

	ck_assert_str_eq(got, cases[_i].want);
	ck_assert(utf8_is_valid(got));
	free(got);
	ck_assert_int_eq(utf8_is_valid(cases[_i].bytes), cases[_i].is_valid);
	ck_assert_int_eq(utf8_is_valid_bytes(cases[_i].bytes, cases[_i].size), cases[_i].is_valid);
}
END_TEST

START_TEST(every_pair_of_bytes_becomes_valid)
{
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			char in[] = { (char)a, (char)b, (char)(a ^ b), 'z' };
			char *got = utf8_sanitise(in, sizeof(in));

			ck_assert(utf8_is_valid(got));
			free(got);
		}
	}
}
END_TEST

static const struct {
	const char *in, *want, *start; /* start: of 8 bytes */
} escapes[] = {
	{ "plain", "plain", "plain" },
	{ "a long line", "a long line", "a long " },
	{ "two\nlines\r", "two\\x0alines\\x0d", "two\\x0a" },
	{ "\033[31mred", "\\x1b[31mred", "\\x1b[31" },
	{ "\x7f", "\\x7f", "\\x7f" },
	{ "\xc2\x9b", "\\x9b", "\\x9b" },
	{ "gr\xc3\xbc\xc3\x9f"
	  "e",
		"gr\xc3\xbc\xc3\x9f"
		"e",
		"gr\xc3\xbc\xc3\x9f"
		"e" },
	{ "abc\xe2\x80\xaegpj.exe", "abc\\u{202e}gpj.exe", "abc" },
	{ "\xff", "\\xff", "\\xff" },
};

START_TEST(escapes_controls)
{
	char buf[64], small[8];

	utf8_escape_controls(escapes[_i].in, buf, sizeof(buf));
	ck_assert_str_eq(buf, escapes[_i].want);
	memset(small, 'x', sizeof(small));
	utf8_escape_controls(escapes[_i].in, small, sizeof(small));
	/* as much as there is room for, and no half of an escape */
	ck_assert_str_eq(small, escapes[_i].start);
}
END_TEST

START_TEST(finds_controls)
{
	char text[] = "a?b";

	ck_assert(!utf8_has_controls(""));
	ck_assert(!utf8_has_controls("gr\xc3\xbc\xc3\x9f"));
	for (int c = 1; c < 0x100; c++) {
		text[1] = (char)c;
		ck_assert_int_eq(utf8_has_controls(text), c < ' ' || c == 0x7f);
	}
}
END_TEST

RUN_TESTS("base/utf8", TEST_EACH(sanitises, cases), TEST(every_pair_of_bytes_becomes_valid),
	TEST_EACH(escapes_controls, escapes), TEST(finds_controls))
