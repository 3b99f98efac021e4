/* SPDX-License-Identifier: MIT */
/* A URL in the first line, then Set-Cookie lines of its answer; all that goes back fits the host it goes to. */
#include <strings.h>

#include <transfer/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cookie-match.h"
#include "engine/cookie.h"
#include "engine/jar.h"
#include "engine/url.h"
#include "tests/fuzz/fuzz.h"

FUZZ_FORGIVE_LIBCURL

#define NOW_WALL_US (UINT64_C(1700000000) * 1000000)

static void check(const struct transfer_cookie *c, const struct url *url)
{
	FUZZ_MUST(c->name[0] && !strpbrk(c->name, "=;\r\n") && !strpbrk(c->value, ";\r\n"));
	FUZZ_MUST(strlen(c->name) + strlen(c->value) <= COOKIE_PAIR_MAX_BYTES);
	FUZZ_MUST(c->path[0] == '/' && c->domain[0]);
	FUZZ_MUST(cookie_match_domain(url->host, c->domain));
	FUZZ_MUST(!c->is_host_only || !strcmp(c->domain, url->host));
	FUZZ_MUST(c->is_host_only || !psl_is_public_suffix(psl_builtin(), c->domain));
	FUZZ_MUST(!c->is_secure || url_is_https(url));
	FUZZ_MUST(strncasecmp(c->name, "__Host-", 7) != 0 ||
		(c->is_secure && c->is_host_only && !strcmp(c->path, "/")));
}

static void give_back(const struct jar *jar, const struct url *url)
{
	const struct jar *jars[2] = { jar, NULL };
	struct buf buf = { 0 };

	FUZZ_MUST(jar_header(jars, url, NOW_WALL_US, &buf) == 0);
	FUZZ_MUST(buf.size_bytes <= JAR_HEADER_MAX_BYTES);
	for (size_t i = 0; i < buf.size_bytes; i++)
		FUZZ_MUST((unsigned char)buf.bytes[i] >= ' ' || buf.bytes[i] == '\t');
	buf_done(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cookie_from from = { .now_wall_us = NOW_WALL_US };
	char *text = fuzz_line(&data, &size);
	struct arena arena = { 0 };
	struct url *url = NULL;
	struct jar jar = { 0 };

	if (text && url_parse(text, &url))
		FUZZ_MUST(url_parse("https://www.example.org/a/b", &url) == 0);
	free(text);
	from.url = url;
	while (url && (text = fuzz_line(&data, &size))) {
		struct transfer_cookie cookie;
		int r = cookie_parse(&arena, text, &from, &cookie);

		FUZZ_MUST(r == 0 || r == COOKIE_E_REFUSED);
		if (!r) {
			check(&cookie, url);
			FUZZ_MUST(jar_put(&jar, &cookie, NOW_WALL_US) == 0);
		}
		free(text);
	}
	if (url)
		give_back(&jar, url);
	jar_done(&jar);
	arena_done(&arena);
	url_free(url);
	return 0;
}
