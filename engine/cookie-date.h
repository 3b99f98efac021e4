/* SPDX-License-Identifier: MIT */
/* The dates of cookies, which are read more leniently than those of HTTP (RFC 6265, section 5.1.1). Pure. */
#ifndef ENGINE_COOKIE_DATE_H
#define ENGINE_COOKIE_DATE_H

#include <stdint.h>

/* 0 or -EINVAL. Seconds since the epoch, negative before 1970. */
int cookie_date_parse(const char *text, int64_t *ret_wall_s);

#endif
