/* SPDX-License-Identifier: MIT */
/* Numbers and names as people read them: sizes, rates, spans, dates, names cut to a width. Pure; buffers are the caller's. */
#ifndef CLI_FORMAT_H
#define CLI_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORMAT_SIZE_BYTES 32
#define FORMAT_SPAN_BYTES 32
#define FORMAT_DATE_BYTES 48

/* "1.2 GiB", or "1288490188" when is_exact. */
const char *format_size(uint64_t bytes, bool is_exact, char buf[FORMAT_SIZE_BYTES]);
/* "12.4 MiB/s", "-" for 0. */
const char *format_rate(uint64_t bps, bool is_exact, char buf[FORMAT_SIZE_BYTES]);
/* "1:32", "2:05:09", "3 d 4 h" */
const char *format_span(uint64_t us, char buf[FORMAT_SPAN_BYTES]);
/* "Thu 2026-06-04 10:41" in local time; "-" for 0. */
const char *format_date(uint64_t wall_us, char buf[FORMAT_DATE_BYTES]);
/* "4 min ago", "2 days ago" */
const char *format_ago(uint64_t then_wall_us, uint64_t now_wall_us, char buf[FORMAT_SPAN_BYTES]);

/* Columns s takes on the terminal; controls count as none. */
size_t format_width(const char *s);
/* Bytes of the longest beginning of s that fits into columns. */
size_t format_prefix(const char *s, size_t columns);
/* s with what format_safe() would escape as one mark each, for tables; the caller frees; NULL: no memory. */
char *format_plain(const char *s, bool is_utf8);
/* s safe to print and cut in the middle to at most columns ("photos…07.tar"); the caller frees; NULL: no memory. */
char *format_shorten(const char *s, size_t columns, bool is_utf8);
/* s with controls, ESC and bidi overrides shown as \xNN; the caller frees; NULL: no memory. */
char *format_safe(const char *s);

/* "10MiB", "500k", "1.5G", "0" -> bytes (units are powers of 1024); -EINVAL, -ERANGE. */
int format_parse_size(const char *text, uint64_t *ret_bytes);
/* "90", "90s", "5min", "1h30m", "2d" -> microseconds. */
int format_parse_span(const char *text, uint64_t *ret_us);
/* "+2h", "now", "tomorrow", "tomorrow 09:00", "09:00", "2026-06-04", "2026-06-04 09:00[:30]", "@SECONDS" -> wall clock. */
int format_parse_date(const char *text, uint64_t now_wall_us, uint64_t *ret_wall_us);

/* Number of edits between two words, for suggestions. */
unsigned format_distance(const char *a, const char *b);

#endif
