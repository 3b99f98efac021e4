/* SPDX-License-Identifier: MIT */
/*
 * HTTP dates in their three forms and Retry-After (RFC 9110, sections 5.6.7 and 10.2.3). Pure,
 * 64-bit, strict.
 */
#ifndef BASE_DATE_H
#define BASE_DATE_H

#include <stdint.h>

#define DATE_RETRY_AFTER_MAX_US (UINT64_C(24) * 3600 * 1000 * 1000)

/*
 * @now_wall_us settles the century of two-digit years. 0 or -EINVAL. Seconds since the epoch,
 * negative before 1970.
 */
int date_parse(const char *text, uint64_t now_wall_us, int64_t *ret_wall_s);

/*
 * How long a server asks us to wait; 0: not at all or not understood; at most 24 h.
 * @text: Retry-After or NULL; @date: the response's Date or NULL, taken as the server's clock when
 * @text is a date.
 */
uint64_t date_retry_after_us(const char *text, const char *date, uint64_t now_wall_us);

#endif
