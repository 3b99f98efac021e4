/* SPDX-License-Identifier: MIT */
/* Each message is one line without controls; URLs lose what is secret. */
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/run.h"

static const struct {
	const char *url, *want;
} urls[] = {
	{ "https://example.org/a/b", "https://example.org/a/b" },
	{ "https://user:secret@example.org/a?token=secret#secret", "https://example.org/a" },
	{ "https://a@b@example.org/", "https://example.org/" },
	{ "https://example.org?q=secret", "https://example.org" },
	{ "https://example.org/p@th?x", "https://example.org/p@th" },
	{ "nonsense?secret", "nonsense" },
};

START_TEST(hides_secrets_of_urls)
{
	char buf[128];

	ck_assert_str_eq(log_url(urls[_i].url, buf, sizeof(buf)), urls[_i].want);
}
END_TEST

/* What log_line() wrote to stderr. */
static void capture(enum log_level level, const char *text, char *buf, size_t size)
{
	int ends[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	ck_assert_int_eq(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	log_line(level, "%s", text);
	dup2(saved, STDERR_FILENO);
	close(ends[1]);
	n = read(ends[0], buf, size - 1);
	buf[n > 0 ? n : 0] = 0;
	close(ends[0]);
	close(saved);
}

START_TEST(writes_one_escaped_line)
{
	char got[256];

	unsetenv("JOURNAL_STREAM");
	capture(LOG_LEVEL_INFO, "one\ntwo\033[1m", got, sizeof(got));
	ck_assert_str_eq(got, "transferd: one\\x0atwo\\x1b[1m\n");
	setenv("JOURNAL_STREAM", "1:2", 1);
	capture(LOG_LEVEL_WARNING, "x", got, sizeof(got));
	ck_assert_str_eq(got, "<4>x\n");
	capture(LOG_LEVEL_DEBUG, "hidden", got, sizeof(got));
	ck_assert_str_eq(got, "");
}
END_TEST

START_TEST(names_its_levels)
{
	enum log_level level;

	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		ck_assert_int_eq(log_level_parse(log_level_name((enum log_level)i), &level), 0);
		ck_assert_int_eq((int)level, i);
	}
	ck_assert_int_eq(log_level_parse("loud", &level), -EINVAL);
}
END_TEST

RUN_TESTS("base/log", TEST_EACH(hides_secrets_of_urls, urls), TEST(writes_one_escaped_line),
	TEST(names_its_levels))
