/* SPDX-License-Identifier: MIT */
/* Reads Content-Range. Strict: what is not exactly one byte range is no answer to our request. */
#include "engine/range.h"

#include <errno.h>
#include <stddef.h>
#include <strings.h>

/* 1*DIGIT up to 2^63-1; moves *p behind it. */
static int read_number(const char **p, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (**p < '0' || **p > '9')
		return -EINVAL;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		uint64_t digit = (uint64_t)(**p - '0');

		if (number > (INT64_MAX - digit) / 10)
			return -EINVAL;
		number = number * 10 + digit;
	}
	*ret_number = number;
	return 0;
}

static int read_total(const char **p, int64_t *ret_total_bytes)
{
	uint64_t total;

	if (*(*p)++ != '/')
		return -EINVAL;
	if (**p == '*') {
		(*p)++;
		*ret_total_bytes = -1;
		return 0;
	}
	if (read_number(p, &total))
		return -EINVAL;
	*ret_total_bytes = (int64_t)total;
	return 0;
}

int range_parse(const char *text, struct range *ret_range)
{
	struct range range = { .total_bytes = -1 };
	const char *p = text;

	if (strncasecmp(p, "bytes", 5) != 0)
		return -EINVAL;
	p += 5;
	if (*p != ' ')
		return -EINVAL;
	while (*p == ' ')
		p++;
	if (*p == '*') {
		p++;
		range.is_unsatisfied = true;
	} else if (read_number(&p, &range.first_bytes) || *p++ != '-' ||
		read_number(&p, &range.last_bytes)) {
		return -EINVAL;
	}
	if (read_total(&p, &range.total_bytes) || *p)
		return -EINVAL;
	if (range.is_unsatisfied) {
		if (range.total_bytes < 0)
			return -EINVAL;
	} else if (range.last_bytes < range.first_bytes ||
		(range.total_bytes >= 0 && range.last_bytes >= (uint64_t)range.total_bytes)) {
		return -EINVAL;
	}
	*ret_range = range;
	return 0;
}
