/* SPDX-License-Identifier: MIT */
/*
 * Logging for the speaking layers (daemon, cli). Silent layers use log_debug() at most.
 * Lines go to stderr; under the journal ($JOURNAL_STREAM) with a "<N>" priority prefix, so that levels survive.
 * Control characters, ESC, newlines and bidi overrides are escaped here, in one place. Thread-safe.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* "debug", "info", "notice", "warning", "err" as in org.freedesktop.LogControl1; parse returns -EINVAL on other words. */
const char *log_level_name(enum log_level level);
int log_level_parse(const char *name, enum log_level *ret_level);

/*
 * From now on no line waits for whoever reads stderr: what a full pipe, a terminal that is held or a journal that is behind does
 * not take is dropped and counted, and the next line that gets through tells how many. Once, before other threads start.
 */
void log_never_wait(void);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)  log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)   log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)   log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)  log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Writes url without user-info, query and fragment into buf (always terminated) and returns buf. */
const char *log_url(const char *url, char *buf, size_t size);

#endif
