/* SPDX-License-Identifier: MIT */
/* Bars with and without UTF-8; colour only where it is wanted. */
#include "cli/term.h"

#include <string.h>

#include "tests/lib/run.h"

static const struct {
	bool is_utf8;
	double share;
	const char *want;
} bars[] = {
	{ true, 0, "────" },
	{ true, 0.5, "━━──" },
	{ true, 0.4, "━╸──" },
	{ true, 1, "━━━━" },
	{ true, 7, "━━━━" },
	{ true, -1, "····" },
	{ false, 0.5, "[#-]" },
	{ false, -1, "[..]" },
};

START_TEST(draws_bars)
{
	struct term term = { .is_utf8 = bars[_i].is_utf8 };
	char *got = term_bar_text(&term, bars[_i].share, 4);

	ck_assert_str_eq(got, bars[_i].want);
	free(got);
}
END_TEST

START_TEST(colours_only_when_asked)
{
	struct options options = { .color = OPTIONS_NEVER };
	struct term term;

	term_init(&term, &options);
	ck_assert_str_eq(term_color(&term, TERM_RED), "");
	options.color = OPTIONS_ALWAYS;
	term_init(&term, &options);
	ck_assert_str_ne(term_color(&term, TERM_RED), "");
}
END_TEST

START_TEST(believes_columns_first)
{
	setenv("COLUMNS", "123", 1);
	ck_assert_uint_eq(term_columns(stdout), 123);
	setenv("COLUMNS", "nonsense", 1);
	ck_assert_uint_gt(term_columns(stdout), 0);
}
END_TEST

RUN_TESTS("cli/term", TEST_EACH(draws_bars, bars), TEST(colours_only_when_asked),
	TEST(believes_columns_first))
