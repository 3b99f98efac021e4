/* SPDX-License-Identifier: MIT */
/* Each message is one line without controls; URLs lose what is secret. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
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
	{ "https://example.org/@scope/name?x", "https://example.org/@scope/name" },
	{ "http://user:sec/ret@example.org/x", "http://" },
	{ "http://user:sec#ret@example.org/x", "http://" },
	{ "http://user:1234/ret?@example.org/x", "http://" },
	{ "http://a:b@c:sec/ret@example.org/x", "http://" },
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

#define FLOOD 5000

static void drain(int fd, const char *text)
{
	char buf[65536 + 1], last[sizeof(buf)] = "";
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf) - 1)) > 0) {
		buf[n] = 0;
		memcpy(last, buf, (size_t)n + 1);
	}
	ck_assert_msg(!text || strstr(last, text), "%s", last);
}

/* A pipe, and the socket of a journal, that nobody reads: no line waits, and what was lost is told. */
START_TEST(waits_for_no_reader)
{
	int ends[2], saved = dup(STDERR_FILENO);

	unsetenv("JOURNAL_STREAM");
	ck_assert_int_eq(_i ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends), 0);
	ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	dup2(ends[1], STDERR_FILENO);
	log_never_wait();
	for (unsigned i = 0; i < FLOOD; i++)
		log_line(LOG_LEVEL_INFO, "%0200u", i);
	drain(ends[0], NULL);
	log_line(LOG_LEVEL_INFO, "heard");
	/* others that have stderr wait as they like */
	ck_assert(!(fcntl(ends[1], F_GETFL) & O_NONBLOCK));
	dup2(saved, STDERR_FILENO);
	drain(ends[0], " lines of the log were lost: nobody read them\ntransferd: heard\n");
	close(saved);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

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
	TEST_LOOP(waits_for_no_reader, 2), TEST(names_its_levels))
