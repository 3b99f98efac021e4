/* SPDX-License-Identifier: MIT */
/* Content-Range of a single byte range (RFC 9110, section 14.4). Pure. */
#ifndef ENGINE_RANGE_H
#define ENGINE_RANGE_H

#include <stdbool.h>
#include <stdint.h>

struct range {
	uint64_t first_bytes, last_bytes; /* positions, both inclusive; 0 when unsatisfied */
	int64_t total_bytes; /* -1: "*" */
	bool is_unsatisfied; /* the form of a 416: an asterisk in place of the range */
};

/* 0, or -EINVAL when @text is anything but one well-formed byte range; numbers end at 2^63-1. */
int range_parse(const char *text, struct range *ret_range);

#endif
