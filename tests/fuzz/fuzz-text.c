/* SPDX-License-Identifier: MIT */
/* The small grammars of HTTP: dates, ranges, validators, media types. Two lines. */
#include "base/date.h"
#include "base/mime.h"
#include "base/utf8.h"
#include "engine/range.h"
#include "engine/validator.h"
#include "tests/fuzz/fuzz.h"

#define NOW_US (UINT64_C(1780394467) * 1000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *one = fuzz_line(&data, &size);
	char *other = fuzz_line(&data, &size);
	struct range range = { 0 };
	struct mime mime;
	int64_t wall_s;

	if (one) {
		if (range_parse(one, &range) == 0 && !range.is_unsatisfied) {
			FUZZ_MUST(range.first_bytes <= range.last_bytes);
			FUZZ_MUST(range.total_bytes == -1 ||
				range.last_bytes < (uint64_t)range.total_bytes);
		}
		date_parse(one, NOW_US, &wall_s);
		FUZZ_MUST(date_retry_after_us(one, other, NOW_US) <= DATE_RETRY_AFTER_MAX_US);
		mime_parse(one, &mime);
		FUZZ_MUST(utf8_is_valid(mime.type));
		FUZZ_MUST(utf8_is_valid(mime.charset));
		mime_extension(mime.type);
		validator_etag_is_strong(one);
		validator_last_modified_is_strong(one, other);
	}
	free(other);
	free(one);
	return 0;
}
