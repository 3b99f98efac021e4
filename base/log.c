/* SPDX-License-Identifier: MIT */
/* One escaped line per message on stderr, with a priority prefix when stderr is the journal. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"

#define LOG_LINE_MAX_BYTES 2048

static _Atomic int level_now = LOG_LEVEL_INFO;

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

void log_line(enum log_level level, const char *format, ...)
{
	char raw[LOG_LINE_MAX_BYTES], safe[LOG_LINE_MAX_BYTES * 2], line[sizeof(safe) + 16];
	va_list args;
	int n;

	if ((int)level > atomic_load(&level_now))
		return;
	va_start(args, format);
	vsnprintf(raw, sizeof(raw), format, args);
	va_end(args);
	utf8_escape_controls(raw, safe, sizeof(safe));
	if (getenv("JOURNAL_STREAM"))
		n = snprintf(line, sizeof(line), "<%d>%s\n", (int)level, safe);
	else
		n = snprintf(line, sizeof(line), "transferd: %s\n", safe);
	if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0)
		return; /* nobody listens on stderr; nothing better to do with a log line */
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
	if (at) {
		end -= (size_t)(at - start);
		start = at;
	}
	snprintf(buf, size, "%.*s%.*s", (int)scheme, url, (int)end, start);
	return buf;
}
