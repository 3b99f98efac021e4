/* SPDX-License-Identifier: MIT */
/*
 * The name a server suggests: Content-Disposition in the first line, the reference of the URL in the second, a media
 * type in the third. What comes out is one safe component, and as a suggestion of its own it would be the same.
 */
#include <stdio.h>

#include "base/filename.h"
#include "base/mime.h"
#include "base/utf8.h"
#include "engine/url.h"
#include "tests/fuzz/fuzz.h"

FUZZ_FORGIVE_LIBCURL

static void check(const char *name)
{
	size_t size = strlen(name);

	FUZZ_MUST(size && size < FILENAME_BYTES && utf8_is_valid(name));
	FUZZ_MUST(!strpbrk(name, "/\\"));
	FUZZ_MUST(!strchr(". ", name[0]) && !strchr(". ", name[size - 1]));
	for (const char *c = name; *c; c++)
		FUZZ_MUST((unsigned char)*c >= ' ' && *c != 127);
	FUZZ_MUST(!strstr(name, "\xe2\x80\xae")); /* turns what follows it around */
}

static void check_again(const char *name, const struct url *url, const char *type)
{
	char again[FILENAME_BYTES], text[64 + 3 * FILENAME_BYTES] = "inline; filename*=UTF-8''";
	size_t n = strlen(text);

	for (const char *c = name; *c; c++, n += 3)
		snprintf(text + n, sizeof(text) - n, "%%%02x", (unsigned char)*c);
	filename_suggest(text, url->path, url->host, type, again);
	FUZZ_MUST(!strcmp(name, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *disposition = fuzz_line(&data, &size);
	char *reference = fuzz_line(&data, &size);
	char *type = fuzz_line(&data, &size);
	struct url *base = NULL, *url = NULL;
	char name[FILENAME_BYTES];
	struct mime mime;

	FUZZ_MUST(url_parse("https://example.org/a/page?c", &base) == 0);
	if (!reference || url_resolve(base, reference, &url))
		FUZZ_MUST(url_parse("https://example.org/", &url) == 0);
	mime_parse(type, &mime);
	filename_suggest(disposition, url->path, url->host, mime.type, name);
	check(name);
	/* what has its extension gets no other; a host alone gets none */
	check_again(name, url, NULL);
	filename_suggest(disposition, url->path, url->host, NULL, name);
	check(name);
	check_again(name, url, NULL);
	url_free(url);
	url_free(base);
	free(type);
	free(reference);
	free(disposition);
	return 0;
}
