/* SPDX-License-Identifier: MIT */
/* One escaped line per message on stderr, with a priority prefix when stderr is the journal. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.h"

#define LOG_LINE_MAX_BYTES 2048

static _Atomic int level_now = LOG_LEVEL_INFO;

/* How a line goes to stderr. A file of ours takes it at once; who reads a pipe, a socket or a terminal may have stopped. */
enum way {
	WAY_WRITE,
	WAY_OPENED_ANEW, /* by quick_fd, which alone does not wait: the flags of stderr are others' as well */
	WAY_SEND,
	WAY_POLL,
};

static _Atomic int way_now = WAY_WRITE;
static _Atomic int quick_fd = -1;
static atomic_uint n_lost;

static const struct {
	enum log_level level;
	const char *name;
} names[] = {
	{ LOG_LEVEL_ERROR, "err" },
	{ LOG_LEVEL_WARNING, "warning" },
	{ LOG_LEVEL_NOTICE, "notice" },
	{ LOG_LEVEL_INFO, "info" },
	{ LOG_LEVEL_DEBUG, "debug" },
};

void log_set_level(enum log_level level)
{
	atomic_store(&level_now, (int)level);
}

enum log_level log_get_level(void)
{
	return (enum log_level)atomic_load(&level_now);
}

const char *log_level_name(enum log_level level)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].level == level)
			return names[i].name;
	return "info";
}

int log_level_parse(const char *name, enum log_level *ret_level)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i].name, name) == 0) {
			*ret_level = names[i].level;
			return 0;
		}
	}
	return -EINVAL;
}

void log_never_wait(void)
{
	enum way way = WAY_WRITE;
	struct stat st;

	if (fstat(STDERR_FILENO, &st))
		return;
	if (S_ISSOCK(st.st_mode)) {
		way = WAY_SEND;
	} else if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
		int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

		/* a pipe that somebody else made: between the look and the write another thread may fill it */
		way = fd < 0 ? WAY_POLL : WAY_OPENED_ANEW;
		atomic_store(&quick_fd, fd);
	}
	atomic_store(&way_now, (int)way);
}

static ssize_t put(const char *line, size_t size)
{
	struct pollfd pollfd = { .fd = STDERR_FILENO, .events = POLLOUT };

	switch ((enum way)atomic_load(&way_now)) {
	case WAY_OPENED_ANEW:
		return write(atomic_load(&quick_fd), line, size);
	case WAY_SEND:
		return send(STDERR_FILENO, line, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	case WAY_POLL:
		if (poll(&pollfd, 1, 0) == 0)
			return -1;
		break;
	case WAY_WRITE:
		break;
	}
	return write(STDERR_FILENO, line, size);
}

static bool put_all(enum log_level level, const char *text)
{
	char line[LOG_LINE_MAX_BYTES * 2 + 16];
	int n;

	if (getenv("JOURNAL_STREAM"))
		n = snprintf(line, sizeof(line), "<%d>%s\n", (int)level, text);
	else
		n = snprintf(line, sizeof(line), "transferd: %s\n", text);
	/* a longer one could go into a pipe in part */
	if (n > PIPE_BUF) {
		n = PIPE_BUF;
		line[n - 1] = '\n';
	}
	return n <= 0 || put(line, (size_t)n) >= 0;
}

/* What was lost is said as soon as somebody reads again. */
static void tell_lost(void)
{
	unsigned n = atomic_exchange(&n_lost, 0);
	char text[64];

	if (!n)
		return;
	snprintf(text, sizeof(text), "%u lines of the log were lost: nobody read them", n);
	if (!put_all(LOG_LEVEL_WARNING, text))
		atomic_fetch_add(&n_lost, n);
}

void log_line(enum log_level level, const char *format, ...)
{
	char raw[LOG_LINE_MAX_BYTES], safe[LOG_LINE_MAX_BYTES * 2];
	va_list args;

	if ((int)level > atomic_load(&level_now))
		return;
	va_start(args, format);
	vsnprintf(raw, sizeof(raw), format, args);
	va_end(args);
	utf8_escape_controls(raw, safe, sizeof(safe));
	tell_lost();
	if (!put_all(level, safe))
		atomic_fetch_add(&n_lost, 1);
}

const char *log_url(const char *url, char *buf, size_t size)
{
	const char *authority = strstr(url, "://");
	const char *start = authority ? authority + 3 : url;
	size_t scheme = (size_t)(start - url);
	size_t host_end = strcspn(start, "/?#");
	size_t end = strcspn(start, "?#");
	const char *at = NULL;

	for (size_t i = 0; i < host_end; i++)
		if (start[i] == '@')
			at = start + i + 1;
	/* no port that somebody meant: a user, and "/?#" in the password */
	if (strchr(start + host_end, '@') &&
		strcspn(at ? at : start, ":") < strcspn(at ? at : start, "/?#"))
		end = (size_t)(at ? at - start : 0);
	if (at) {
		end -= (size_t)(at - start);
		start = at;
	}
	snprintf(buf, size, "%.*s%.*s", (int)scheme, url, (int)end, start);
	return buf;
}
