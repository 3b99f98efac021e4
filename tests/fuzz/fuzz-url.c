/* SPDX-License-Identifier: MIT */
/* A URL in the first line, a reference in the second. */
#include "engine/url.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/same-url.h"

FUZZ_FORGIVE_LIBCURL

static void check(const struct url *url)
{
	struct url *again = NULL;

	FUZZ_MUST(!strcmp(url->scheme, "https") || !strcmp(url->scheme, "http"));
	FUZZ_MUST(url->host[0] && url->port && url->path[0] == '/');
	for (const char *c = url->full; *c; c++)
		FUZZ_MUST((unsigned char)*c > ' ' && (unsigned char)*c < 127);
	if (strlen(url->text) >= URL_MAX_BYTES)
		return;
	/* what we connect to is what we have checked: the canonical form means the same */
	FUZZ_MUST(url_parse(url->text, &again) == 0);
	FUZZ_MUST(!strcmp(url->text, again->text) && url_is_same_origin(url, again));
	url_free(again);
}

/* What is plain is cut without libcurl; with its scheme in capitals it never is. */
static void check_plain(const char *text)
{
	struct url *url = NULL, *by_curl = NULL;
	char *capitals;

	if (strncmp(text, "http", 4) != 0)
		return;
	capitals = strdup(text);
	FUZZ_MUST(capitals);
	memcpy(capitals, "HTTP", 4);
	FUZZ_MUST(url_parse(text, &url) == url_parse(capitals, &by_curl));
	FUZZ_MUST(!url == !by_curl && (!url || !same_url_difference(url, by_curl)));
	url_free(url);
	url_free(by_curl);
	free(capitals);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_line(&data, &size);
	char *reference = fuzz_line(&data, &size);
	struct url *url = NULL, *next = NULL;

	if (text)
		check_plain(text);
	if (text && url_parse(text, &url) == 0) {
		check(url);
		if (reference && url_resolve(url, reference, &next) == 0) {
			check(next);
			FUZZ_MUST(!next->user && !next->password);
		}
	}
	url_free(next);
	url_free(url);
	free(reference);
	free(text);
	return 0;
}
