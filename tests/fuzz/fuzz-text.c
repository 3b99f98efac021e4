/* SPDX-License-Identifier: MIT */
/* The small parsers of the engine; the first byte chooses which. */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/utf8.h"
#include "engine/blob.h"
#include "engine/date.h"
#include "engine/filename.h"
#include "engine/range.h"
#include "engine/url.h"
#include "engine/validator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_ascii(const char *text)
{
	while (*text && !((unsigned char)*text & 0x80))
		text++;
	return !*text;
}

/* What is accepted must be read the same way again. */
static void try_url(const char *text)
{
	struct url *url = NULL, *again = NULL, *target = NULL;
	char name[FILENAME_BYTES];

	/* libcurl 7.88 loses a few bytes over each bad international name, see url.c */
	if (!is_ascii(text))
		return;
	if (url_parse(text, &url))
		return;
	if (strlen(url->text) < URL_MAX_BYTES) {
		assert(url_parse(url->text, &again) == 0);
		assert(strcmp(again->text, url->text) == 0);
		assert(url_is_same_origin(again, url));
	}
	filename_suggest(NULL, url, NULL, name);
	assert(name[0] && name[0] != '.' && !strchr(name, '/') && utf8_is_valid(name));
	if (url_resolve(url, "../x?y#z", &target) == 0)
		assert(url_is_same_origin(target, url));
	url_free(url);
	url_free(again);
	url_free(target);
}

static void try_reference(const char *text)
{
	struct url *base = NULL, *url = NULL;

	if (url_parse("http://user:pass@a/b/c/d;p?q", &base))
		return;
	if (url_resolve(base, text, &url) == 0)
		assert(!url->user && !url->password && utf8_is_valid(url->full));
	url_free(base);
	url_free(url);
}

static void try_disposition(const char *text)
{
	char name[FILENAME_BYTES];
	struct url *url = NULL;

	if (url_parse("http://host.example/", &url))
		return;
	filename_suggest(text, url, "text/html", name);
	assert(name[0] && name[0] != '.' && !strchr(name, '/') && utf8_is_valid(name));
	url_free(url);
}

static void try_blob(const uint8_t *data, size_t size)
{
	static const uint8_t key[BLOB_KEY_BYTES];
	const struct blob_owner owner = { 0, "", key };
	struct arena arena = { 0 };
	struct blob blob;

	assert(blob_open(data, size, &owner, &arena, &blob) != 0);
	arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct range range;
	int64_t wall_s;
	char *text;

	if (!size)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	if (!text)
		return 0;
	switch (data[0] % 7) {
	case 0:
		if (range_parse(text, &range) == 0 && !range.is_unsatisfied)
			assert(range.first_bytes <= range.last_bytes);
		break;
	case 1:
		(void)date_parse(text, UINT64_C(1748736000000000), &wall_s);
		assert(date_retry_after_us(text, NULL, 0) <= DATE_RETRY_AFTER_MAX_US);
		break;
	case 2:
		try_url(text);
		break;
	case 3:
		try_reference(text);
		break;
	case 4:
		try_disposition(text);
		break;
	case 5:
		(void)validator_etag_is_strong(text);
		break;
	case 6:
		try_blob(data + 1, size - 1);
		break;
	}
	free(text);
	return 0;
}
