/* SPDX-License-Identifier: MIT */
/* Strength of ETag and Last-Modified. */
#include "engine/validator.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/date.h"

/* RFC 7232 asked for a minute, RFC 9110 for a second; the stricter rule stands. */
#define STRONG_AGE_S 60

bool validator_etag_is_strong(const char *etag)
{
	size_t n = etag ? strlen(etag) : 0;

	if (n < 2 || etag[0] != '"' || etag[n - 1] != '"')
		return false;
	for (size_t i = 1; i < n - 1; i++) {
		unsigned char c = (unsigned char)etag[i];

		if (c <= 0x20 || c == '"' || c == 0x7f)
			return false;
	}
	return true;
}

bool validator_last_modified_is_strong(const char *last_modified, const char *date)
{
	int64_t modified_s, date_s;

	/*
	 * only two-digit years need to know what year it is, and those servers are from before 2000
	 */
	if (!last_modified || !date || date_parse(last_modified, 0, &modified_s) ||
		date_parse(date, 0, &date_s))
		return false;
	return date_s - modified_s >= STRONG_AGE_S;
}
