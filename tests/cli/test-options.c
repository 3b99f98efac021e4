/* SPDX-License-Identifier: MIT */
/* Options in any place, the environment below them, named errors for wrong ones. */
#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "tests/lib/run.h"

#define ARGS_MAX 12

static int parse(const char *const *words, struct options *options, char **ret_first)
{
	char *argv[ARGS_MAX + 1] = { (char *)"transferctl" };
	int argc = 1, index, r;

	while (words[argc - 1]) {
		argv[argc] = (char *)words[argc - 1];
		argc++;
	}
	optind = 0;
	r = options_parse(argc, argv, options, &index);
	*ret_first = r ? NULL : argv[index];
	return r;
}

START_TEST(reads_options_in_any_place)
{
	const char *const words[] = { "get", "-o", "x.iso", "https://example.org/", "-H", "A: 1",
		"-qd", "-H", "B: 2", NULL };
	struct options o;
	char *first;

	ck_assert_int_eq(parse(words, &o, &first), 0);
	ck_assert_str_eq(first, "get");
	ck_assert_uint_eq(o.outputs.n, 1);
	ck_assert_str_eq(o.outputs.items[0], "x.iso");
	ck_assert(o.is_quiet && o.is_detached);
	ck_assert_uint_eq(o.headers.n, 2);
	ck_assert_str_eq(o.headers.items[1], "B: 2");
}
END_TEST

static const struct {
	const char *word;
	int want;
} bad[] = {
	{ "--json=loud", -EINVAL },
	{ "--color=mauve", -EINVAL },
	{ "--output", -EINVAL },
	{ "--nonsense", -EINVAL },
	{ "-Z", -EINVAL },
	{ "--json=short", 0 },
	{ "--progress=plain", 0 },
	{ "--json", 0 },
};

START_TEST(names_what_is_wrong)
{
	const char *const words[] = { "list", bad[_i].word, NULL };
	struct options o;
	char *first;

	ck_assert_int_eq(parse(words, &o, &first), bad[_i].want);
}
END_TEST

START_TEST(lets_options_win_over_the_environment)
{
	const char *const words[] = { "--json=off", "--progress=bar", NULL };
	struct options o;
	char *first;

	setenv("TRANSFER_JSON", "pretty", 1);
	setenv("TRANSFER_PROGRESS", "none", 1);
	setenv("NO_COLOR", "1", 1);
	ck_assert_int_eq(parse(words + 2, &o, &first), 0);
	ck_assert_int_eq((int)o.json, OPTIONS_JSON_PRETTY);
	ck_assert_int_eq((int)o.progress, OPTIONS_PROGRESS_NONE);
	ck_assert_int_eq((int)o.color, OPTIONS_NEVER);
	ck_assert_int_eq(parse(words, &o, &first), 0);
	ck_assert_int_eq((int)o.json, OPTIONS_JSON_OFF);
	ck_assert_int_eq((int)o.progress, OPTIONS_PROGRESS_BAR);
}
END_TEST

START_TEST(has_no_letter_twice)
{
	for (const struct options_def *a = options_table; a->name; a++)
		for (const struct options_def *b = a + 1; b->name; b++) {
			ck_assert_str_ne(a->name, b->name);
			ck_assert(!a->letter || a->letter != b->letter ||
				!(a->commands & b->commands & ~(unsigned)OPTIONS_FOR_ALL));
			for (unsigned bit = 0; bit < 32; bit++)
				ck_assert(!options_has_letter(a, 1u << bit) ||
					!options_has_letter(b, 1u << bit) ||
					a->letter != b->letter);
		}
}
END_TEST

START_TEST(a_letter_is_the_commands)
{
	const char *const fetch[] = { "fetch", "-d", "a=1", "-i", "-f", "data:,", NULL };
	const char *const get[] = { "get", "-d", "https://example.org/", NULL };
	struct options o;
	char *first;

	ck_assert_int_eq(parse(fetch, &o, &first), 0);
	ck_assert_uint_eq(o.data.n, 1);
	ck_assert(o.with_head && o.is_failing && !o.is_detached && !o.is_following);
	ck_assert_int_eq(parse(get, &o, &first), 0);
	ck_assert(o.is_detached && !o.data.n);
}
END_TEST

RUN_TESTS("cli/options", TEST(reads_options_in_any_place), TEST_EACH(names_what_is_wrong, bad),
	TEST(lets_options_win_over_the_environment), TEST(has_no_letter_twice),
	TEST(a_letter_is_the_commands))
