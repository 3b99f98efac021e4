/* SPDX-License-Identifier: MIT */
/* Cases of RFC 6265, its successor, and of Foundation's tests for NSHTTPCookie (SW-160 and on). */
#include "engine/cookie.h"

#include <stdio.h>
#include <string.h>

#include <transfer/types.h>

#include "base/arena.h"
#include "engine/url.h"
#include "tests/lib/run.h"

#define NOW_WALL_US (UINT64_C(1000000000) * 1000000)
#define HTTPS       "https://www.example.org/dir/file"
#define HTTP        "http://www.example.org/dir/file"

/* "name|value|domain|path|flags|expires": h ost-only, s ecure, H ttpOnly, L ax, S trict, N one. */
static const struct {
	const char *url, *line, *want; /* NULL: refused */
} cases[] = {
	{ HTTPS, "a=b", "a|b|www.example.org|/dir|h|0" },
	{ HTTPS, "a=", "a||www.example.org|/dir|h|0" },
	{ HTTPS, "  a  =  b c  ", "a|b c|www.example.org|/dir|h|0" },
	{ HTTPS, "a=b=c==", "a|b=c==|www.example.org|/dir|h|0" },
	{ HTTPS, "a=\"b c\"", "a|\"b c\"|www.example.org|/dir|h|0" },
	{ HTTPS, "a=b, c=d", "a|b, c=d|www.example.org|/dir|h|0" },
	{ HTTPS, "fr=anjd&232; Max-Age=7776000; path=/",
		"fr|anjd&232|www.example.org|/|h|1007776000" },
	/* no cookie */
	{ HTTPS, "", NULL },
	{ HTTPS, ";attr", NULL },
	{ HTTPS, "=value", NULL },
	{ HTTPS, "   =value", NULL },
	{ HTTPS, "name;attr", NULL },
	{ HTTPS, "name", NULL },
	{ HTTPS, "; a=b", NULL },
	/* control characters and what is no UTF-8 */
	{ HTTPS, "a=b\x01", NULL },
	{ HTTPS, "a=b\x7f", NULL },
	{ HTTPS, "a=b; path=/\r\nX: y", NULL },
	{ HTTPS, "a\x1b=b", NULL },
	{ HTTPS, "a=b\tc", "a|b\tc|www.example.org|/dir|h|0" },
	{ HTTPS, "a=\xef\xbf\xbd", NULL },
	{ HTTPS, "a=\xc3\xa4", "a|\xc3\xa4|www.example.org|/dir|h|0" },
	/* attributes: no name, no value, unknown, repeated */
	{ HTTPS, "a=b;;; ;=x;HttpOnly", "a|b|www.example.org|/dir|hH|0" },
	{ HTTPS, "a=b; Secure", "a|b|www.example.org|/dir|hs|0" },
	{ HTTPS, "a=b; SECURE=1; httponly=Yes", "a|b|www.example.org|/dir|hsH|0" },
	{ HTTPS, "a=b; Secure=aaaa", "a|b|www.example.org|/dir|hs|0" },
	{ HTTPS, "a=b; Secured; xHttpOnly", "a|b|www.example.org|/dir|h|0" },
	{ HTTPS, "a=b; SameSite=lax", "a|b|www.example.org|/dir|hL|0" },
	{ HTTPS, "a=b; SameSite=Strict", "a|b|www.example.org|/dir|hS|0" },
	{ HTTPS, "a=b; SameSite=None; Secure", "a|b|www.example.org|/dir|hsN|0" },
	{ HTTPS, "a=b; SameSite=Strict; SameSite=x", "a|b|www.example.org|/dir|h|0" },
	{ HTTPS, "a=b; Version=1; Comment; CommentURL; Discard; Port=80",
		"a|b|www.example.org|/dir|h|0" },
	/* Secure is for https to set */
	{ HTTP, "a=b", "a|b|www.example.org|/dir|h|0" },
	{ HTTP, "a=b; Secure", NULL },
	{ HTTP, "a=b; Secure=no", NULL },
	/* prefixes */
	{ HTTPS, "__Secure-a=b; Secure", "__Secure-a|b|www.example.org|/dir|hs|0" },
	{ HTTPS, "__Secure-a=b", NULL },
	{ HTTPS, "__SECURE-a=b", NULL },
	{ HTTP, "__Secure-a=b; Secure", NULL },
	{ HTTPS, "__Host-a=b; Secure; Path=/", "__Host-a|b|www.example.org|/|hs|0" },
	{ HTTPS, "__Host-a=b; Secure", NULL },
	{ HTTPS, "__Host-a=b; Path=/", NULL },
	{ HTTPS, "__host-a=b; Secure; Path=/dir", NULL },
	{ HTTPS, "__Host-a=b; Secure; Path=/; Domain=www.example.org", NULL },
	{ HTTPS, "__Host-a=b; Secure; Path=/; Domain=", NULL },
	/* domains */
	{ HTTPS, "a=b; Domain=example.org", "a|b|example.org|/dir||0" },
	{ HTTPS, "a=b; Domain=.example.org", "a|b|example.org|/dir||0" },
	{ HTTPS, "a=b; Domain=EXAMPLE.Org", "a|b|example.org|/dir||0" },
	{ HTTPS, "a=b; Domain=www.example.org", "a|b|www.example.org|/dir||0" },
	{ HTTPS, "a=b; Domain=", "a|b|www.example.org|/dir|h|0" },
	{ HTTPS, "a=b; Domain", "a|b|www.example.org|/dir|h|0" },
	{ HTTPS, "a=b; Domain=x.org; Domain=example.org", "a|b|example.org|/dir||0" },
	{ HTTPS, "a=b; Domain=.", NULL },
	{ HTTPS, "a=b; Domain=..example.org", NULL },
	{ HTTPS, "a=b; Domain=ample.org", NULL },
	{ HTTPS, "a=b; Domain=sub.www.example.org", NULL },
	{ HTTPS, "a=b; Domain=ftp.example.org", NULL },
	{ HTTPS, "a=b; Domain=example.com", NULL },
	{ HTTPS, "a=b; Domain=example.org.", NULL },
	{ HTTPS, "a=b; Domain=example.org/x", NULL },
	{ HTTPS, "a=b; Domain=ex\xc3\xa4mple.org", NULL },
	{ "https://superswift.org/", "a=b; Domain=swift.org", NULL },
	/* public suffixes */
	{ HTTPS, "a=b; Domain=org", NULL },
	{ HTTPS, "a=b; Domain=.org", NULL },
	{ "https://shop.example.co.uk/", "a=b; Domain=co.uk", NULL },
	{ "https://shop.example.co.uk/", "a=b; Domain=example.co.uk", "a|b|example.co.uk|/||0" },
	{ "https://me.github.io/", "a=b; Domain=github.io", NULL },
	{ "https://github.io/", "a=b; Domain=github.io", "a|b|github.io|/|h|0" },
	{ "https://www.city.kawasaki.jp/", "a=b; Domain=city.kawasaki.jp",
		"a|b|city.kawasaki.jp|/||0" },
	{ "https://a.b.kawasaki.jp/", "a=b; Domain=b.kawasaki.jp", NULL },
	{ "https://localhost/", "a=b; Domain=localhost", "a|b|localhost|/|h|0" },
	{ "https://pc.internal/", "a=b; Domain=internal", NULL },
	/* addresses */
	{ "http://127.0.0.1:8080/", "a=b; Domain=127.0.0.1", "a|b|127.0.0.1|/|h|0" },
	{ "http://127.0.0.1:8080/", "a=b; Domain=0.0.1", NULL },
	{ "http://127.0.0.1:8080/", "a=b; Domain=.swift.org", NULL },
	{ "http://[::1]/", "a=b", "a|b|[::1]|/|h|0" },
	{ "http://[::1]/", "a=b; Domain=[::1]", "a|b|[::1]|/|h|0" },
	/* paths */
	{ "https://x.org", "a=b", "a|b|x.org|/|h|0" },
	{ "https://x.org/", "a=b", "a|b|x.org|/|h|0" },
	{ "https://x.org/a", "a=b", "a|b|x.org|/|h|0" },
	{ "https://x.org/a/", "a=b", "a|b|x.org|/a|h|0" },
	{ "https://x.org/a/b/c?d=/e/", "a=b", "a|b|x.org|/a/b|h|0" },
	{ "https://x.org/a/b", "a=b; path=/c", "a|b|x.org|/c|h|0" },
	{ "https://x.org/a/b", "a=b; path=/a/", "a|b|x.org|/a/|h|0" },
	{ "https://x.org/", "a=b; path=nonsense", "a|b|x.org|/|h|0" },
	{ "https://x.org/a/b", "a=b; path=", "a|b|x.org|/a|h|0" },
	{ "https://x.org/a/b", "a=b; path=\"/\"", "a|b|x.org|/a|h|0" },
	{ "https://x.org/a/b", "a=b; path=/x; path", "a|b|x.org|/a|h|0" },
	/* lifetimes */
	{ "https://x.org/", "a=b; Expires=Sun, 09 Sep 2001 01:46:50 GMT",
		"a|b|x.org|/|h|1000000010" },
	{ "https://x.org/", "a=b; expires=Sunday, 09-Sep-01 01:46:50 GMT",
		"a|b|x.org|/|h|1000000010" },
	{ "https://x.org/", "a=b; expires=Sun Sep  9 01:46:50 2001", "a|b|x.org|/|h|1000000010" },
	{ "https://x.org/", "a=b; Expires=Fri, 01 Jan 2100 00:00:00 GMT",
		"a|b|x.org|/|h|4102444800" },
	{ "https://x.org/", "a=b; Expires=tomorrow", "a|b|x.org|/|h|0" },
	{ "https://x.org/", "a=b; Max-Age=60", "a|b|x.org|/|h|1000000060" },
	{ "https://x.org/", "a=b; Max-Age=60; Expires=Fri, 01 Jan 2100 00:00:00 GMT",
		"a|b|x.org|/|h|1000000060" },
	{ "https://x.org/", "a=b; Expires=Fri, 01 Jan 2100 00:00:00 GMT; Max-Age=60",
		"a|b|x.org|/|h|1000000060" },
	{ "https://x.org/", "a=b; Max-Age=x; Expires=Fri, 01 Jan 2100 00:00:00 GMT",
		"a|b|x.org|/|h|4102444800" },
	{ "https://x.org/", "a=b; Max-Age=1x", "a|b|x.org|/|h|0" },
	{ "https://x.org/", "a=b; Max-Age=", "a|b|x.org|/|h|0" },
	{ "https://x.org/", "a=b; Max-Age=-", "a|b|x.org|/|h|0" },
	{ "https://x.org/", "a=b; Max-Age=+5", "a|b|x.org|/|h|0" },
	{ "https://x.org/", "a=b; Max-Age=0", "a|b|x.org|/|h|over" },
	{ "https://x.org/", "a=b; Max-Age=-10", "a|b|x.org|/|h|over" },
	{ "https://x.org/", "a=b; Max-Age=0; Expires=Fri, 01 Jan 2100 00:00:00 GMT",
		"a|b|x.org|/|h|over" },
	{ "https://x.org/", "a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "a|b|x.org|/|h|over" },
	{ "https://x.org/", "a=b; Expires=Mon, 01 Jan 1601 00:00:00 GMT", "a|b|x.org|/|h|over" },
	{ "https://x.org/", "a=b; Max-Age=99999999999999999999999", "a|b|x.org|/|h|4611686018427" },
};

static void describe(const struct transfer_cookie *c, char *buf, size_t size)
{
	char expires[32] = "over";

	if (!cookie_is_expired(c, NOW_WALL_US))
		snprintf(expires, sizeof(expires), "%llu",
			(unsigned long long)(c->expires_wall_usec / 1000000));
	snprintf(buf, size, "%s|%s|%s|%s|%s%s%s%s|%s", c->name, c->value, c->domain, c->path,
		c->is_host_only ? "h" : "", c->is_secure ? "s" : "", c->is_http_only ? "H" : "",
		c->same_site == TRANSFER_COOKIE_SAME_SITE_LAX              ? "L"
			: c->same_site == TRANSFER_COOKIE_SAME_SITE_STRICT ? "S"
			: c->same_site == TRANSFER_COOKIE_SAME_SITE_NONE   ? "N"
									   : "",
		expires);
}

static int parse(struct arena *arena, const char *where, const char *line,
	struct transfer_cookie *ret_cookie)
{
	struct cookie_from from = { .now_wall_us = NOW_WALL_US };
	struct url *url;
	int r;

	ck_assert_int_eq(url_parse(where, &url), 0);
	from.url = url;
	r = cookie_parse(arena, line, &from, ret_cookie);
	url_free(url);
	return r;
}

START_TEST(parses)
{
	struct transfer_cookie cookie = { 0 };
	struct arena arena = { 0 };
	char text[512];
	int r = parse(&arena, cases[_i].url, cases[_i].line, &cookie);

	if (cases[_i].want) {
		ck_assert_int_eq(r, 0);
		describe(&cookie, text, sizeof(text));
		ck_assert_str_eq(text, cases[_i].want);
		ck_assert_uint_eq(cookie.created_wall_usec, NOW_WALL_US);
	} else {
		ck_assert_int_eq(r, COOKIE_E_REFUSED);
	}
	arena_done(&arena);
}
END_TEST

/* Name and value have 4096 bytes together, an attribute 1024: a longer one is as if it were not there. */
START_TEST(bounds_sizes)
{
	static char line[COOKIE_PAIR_MAX_BYTES + 2 * COOKIE_ATTRIBUTE_MAX_BYTES];
	struct transfer_cookie cookie;
	struct arena arena = { 0 };
	int n = snprintf(line, sizeof(line), "ab=%0*d", COOKIE_PAIR_MAX_BYTES - 2, 1);

	ck_assert_int_eq(parse(&arena, HTTPS, line, &cookie), 0);
	ck_assert_uint_eq(strlen(cookie.value), COOKIE_PAIR_MAX_BYTES - 2);
	snprintf(line + n, sizeof(line) - (size_t)n, "; path=/%0*d", COOKIE_ATTRIBUTE_MAX_BYTES - 1,
		1);
	ck_assert_int_eq(parse(&arena, HTTPS, line, &cookie), 0);
	ck_assert_uint_eq(strlen(cookie.path), COOKIE_ATTRIBUTE_MAX_BYTES);
	snprintf(line + n, sizeof(line) - (size_t)n, "; path=/%0*d", COOKIE_ATTRIBUTE_MAX_BYTES, 1);
	ck_assert_int_eq(parse(&arena, HTTPS, line, &cookie), 0);
	ck_assert_str_eq(cookie.path, "/dir");
	snprintf(line, sizeof(line), "ab=%0*d", COOKIE_PAIR_MAX_BYTES - 1, 1);
	ck_assert_int_eq(parse(&arena, HTTPS, line, &cookie), COOKIE_E_REFUSED);
	arena_done(&arena);
}
END_TEST

static const struct {
	const char *set_by, *line, *url;
	bool goes;
} matches[] = {
	{ HTTPS, "a=b", HTTPS, true },
	{ HTTPS, "a=b", HTTP, true },
	{ HTTPS, "a=b", "https://www.example.org:8443/dir/x", true },
	{ HTTPS, "a=b", "https://WWW.EXAMPLE.ORG/dir", true },
	{ HTTPS, "a=b; Secure", HTTPS, true },
	{ HTTPS, "a=b; Secure", HTTP, false },
	{ HTTPS, "a=b; path=/", "https://example.org/", false },
	{ HTTPS, "a=b; path=/", "https://sub.www.example.org/", false },
	{ HTTPS, "a=b; path=/; domain=example.org", "https://example.org/", true },
	{ HTTPS, "a=b; path=/; domain=example.org", "https://x.y.example.org/", true },
	{ HTTPS, "a=b; path=/; domain=example.org", "https://superexample.org/", false },
	{ HTTPS, "a=b; path=/; domain=example.org", "https://example.org.com/", false },
	{ HTTPS, "a=b", "https://www.example.org/dir/", true },
	{ HTTPS, "a=b", "https://www.example.org/dir/sub/x", true },
	{ HTTPS, "a=b", "https://www.example.org/directory", false },
	{ HTTPS, "a=b", "https://www.example.org/", false },
	{ HTTPS, "a=b; path=/a/", "https://www.example.org/a/b", true },
	{ HTTPS, "a=b; path=/a/", "https://www.example.org/a", false },
	{ HTTPS, "a=b; path=/A", "https://www.example.org/a", false },
	{ HTTPS, "a=b; max-age=0", HTTPS, false },
	{ HTTPS, "a=b; max-age=1", HTTPS, true },
	{ "http://127.0.0.1/", "a=b", "http://1.127.0.0.1.example.org/", false },
};

START_TEST(goes_where_it_belongs)
{
	struct transfer_cookie cookie;
	struct arena arena = { 0 };
	struct url *url;

	ck_assert_int_eq(parse(&arena, matches[_i].set_by, matches[_i].line, &cookie), 0);
	ck_assert_int_eq(url_parse(matches[_i].url, &url), 0);
	ck_assert_int_eq(cookie_matches(&cookie, url, NOW_WALL_US), matches[_i].goes);
	if (matches[_i].goes)
		ck_assert(!cookie.expires_wall_usec ||
			!cookie_matches(&cookie, url, cookie.expires_wall_usec));
	url_free(url);
	arena_done(&arena);
}
END_TEST

START_TEST(knows_the_same)
{
	static const struct {
		const char *line;
		bool is_same, is_equal;
	} others[] = {
		{ "a=b; path=/", true, true },
		{ "a=c; path=/", true, false },
		{ "a=b; path=/; httponly", true, false },
		{ "a=b; path=/; secure", true, false },
		{ "a=b; path=/; samesite=lax", true, false },
		{ "a=b; path=/; max-age=1", true, false },
		{ "A=b; path=/", false, false },
		{ "a=b; path=/x", false, false },
		{ "a=b; path=/; domain=www.example.org", false, false },
	};
	struct transfer_cookie cookie, other;
	struct arena arena = { 0 };

	ck_assert_int_eq(parse(&arena, HTTPS, "a=b; path=/", &cookie), 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		ck_assert_int_eq(parse(&arena, HTTPS, others[i].line, &other), 0);
		ck_assert_int_eq(cookie_is_same(&cookie, &other), others[i].is_same);
		ck_assert_int_eq(cookie_is_equal(&cookie, &other), others[i].is_equal);
	}
	arena_done(&arena);
}
END_TEST

RUN_TESTS("engine/cookie", TEST_EACH(parses, cases), TEST(bounds_sizes),
	TEST_EACH(goes_where_it_belongs, matches), TEST(knows_the_same))
