/* SPDX-License-Identifier: MIT */
#include "engine/url.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/run.h"
#include "tests/lib/same-url.h"

static const struct {
	const char *text, *full, *host;
	uint16_t port;
} good[] = {
	{ "http://example.com", "http://example.com/", "example.com", 80 },
	{ "HTTPS://Example.COM:443/a?b#c", "https://example.com/a?b#c", "example.com", 443 },
	{ "http://example.com:8080/a/../b/./c", "http://example.com:8080/b/c", "example.com",
		8080 },
	{ "https://example.com:80/", "https://example.com:80/", "example.com", 80 },
	{ "http://user:p%40ss@example.com/x", "http://example.com/x", "example.com", 80 },
	{ "http://127.0.0.1:1/", "http://127.0.0.1:1/", "127.0.0.1", 1 },
	{ "http://[::1]:65535/", "http://[::1]:65535/", "[::1]", 65535 },
	{ "http://example.com/a b\"c", "http://example.com/a%20b%22c", "example.com", 80 },
	{ "http://example.com/\xc3\xa9?\xc3\xa9", "http://example.com/%C3%A9?%C3%A9", "example.com",
		80 },
	{ "http://b\xc3\xbc"
	  "cher.example/",
		"http://xn--bcher-kva.example/", "xn--bcher-kva.example", 80 },
	{ "http://example.com/a@b:c", "http://example.com/a@b:c", "example.com", 80 },
	{ "http://example.com?x", "http://example.com/?x", "example.com", 80 },
	{ "http://example.com./", "http://example.com./", "example.com.", 80 },
};

START_TEST(parses)
{
	struct url *url = NULL;

	ck_assert_int_eq(url_parse(good[_i].text, &url), 0);
	ck_assert_str_eq(url->full, good[_i].full);
	ck_assert_str_eq(url->host, good[_i].host);
	ck_assert_uint_eq(url->port, good[_i].port);
	url_free(url);
}
END_TEST

static const struct {
	const char *text;
	int r;
} bad[] = {
	{ "", URL_E_BAD },
	{ "example.com", URL_E_BAD },
	{ "/path", URL_E_BAD },
	{ "http:", URL_E_BAD },
	{ "http:/example.com", URL_E_BAD },
	{ "http:example.com", URL_E_BAD },
	{ "http://", URL_E_BAD },
	{ "http:///example.com", URL_E_BAD },
	{ "http://?x", URL_E_BAD },
	{ "http://:80/", URL_E_BAD },
	{ "http://user@/", URL_E_BAD },
	{ " http://example.com/", URL_E_BAD },
	/* where parsers disagree about the host */
	{ "http://good.example\\@evil.example/", URL_E_BAD },
	{ "http://good.example@evil.example@x/", URL_E_BAD },
	{ "http://good.example\t.evil.example/", URL_E_BAD },
	{ "http://exa mple.com/", URL_E_BAD },
	{ "http://example.com\r\nX: y/", URL_E_BAD },
	{ "http://%65xample.com/", URL_E_BAD },
	{ "http://example.com/\x7f", URL_E_BAD },
	{ "http://example.com/\xff", URL_E_BAD },
	{ "http://0177.0.0.1/", URL_E_BAD },
	{ "http://0x7f.0.0.1/", URL_E_BAD },
	{ "http://0x7f000001/", URL_E_BAD },
	{ "http://2130706433/", URL_E_BAD },
	{ "http://127.1/", URL_E_BAD },
	{ "http://127.0.0.1./", URL_E_BAD },
	{ "http://127.0.0.256/", URL_E_BAD },
	{ "http://1.2.3.4.5/", URL_E_BAD },
	{ "http://example.1/", URL_E_BAD },
	{ "http://example.0x1f/", URL_E_BAD },
	{ "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/", URL_E_BAD },
	{ "http://[fe80::1%25eth0]/", URL_E_BAD },
	{ "http://[::1/", URL_E_BAD },
	{ "http://[::g]/", URL_E_BAD },
	{ "http://example.com:0/", URL_E_BAD },
	{ "http://example.com:65536/", URL_E_BAD },
	{ "http://example.com:8o/", URL_E_BAD },
	{ "http://example.com:-1/", URL_E_BAD },
	/* other schemes */
	{ "ftp://example.com/", URL_E_SCHEME },
	{ "file:///etc/passwd", URL_E_SCHEME },
	{ "data:text/plain,x", URL_E_SCHEME },
	{ "javascript:alert(1)", URL_E_SCHEME },
	{ "httpx://example.com/", URL_E_SCHEME },
	{ "dict://example.com/", URL_E_SCHEME },
};

START_TEST(refuses)
{
	struct url *url = NULL;

	ck_assert_int_eq(url_parse(bad[_i].text, &url), bad[_i].r);
	ck_assert_ptr_null(url);
}
END_TEST

START_TEST(refuses_length)
{
	static char text[URL_MAX_BYTES + 2];
	struct url *url = NULL;

	memset(text, 'a', sizeof(text) - 1);
	memcpy(text, "http://h/", 9);
	ck_assert_int_eq(url_parse(text, &url), URL_E_BAD);
	text[URL_MAX_BYTES] = 0;
	ck_assert_int_eq(url_parse(text, &url), 0);
	url_free(url);
}
END_TEST

START_TEST(keeps_credentials_apart)
{
	struct url *url = NULL, *target = NULL;

	ck_assert_int_eq(url_parse("https://us%65r:p%40ss@example.com/x#f", &url), 0);
	ck_assert_str_eq(url->user, "user");
	ck_assert_str_eq(url->password, "p@ss");
	ck_assert_str_eq(url->text, "https://example.com/x");
	ck_assert_int_eq(url_resolve(url, "https://a:b@example.com/y", &target), 0);
	ck_assert_ptr_null(target->user);
	ck_assert_ptr_null(target->password);
	ck_assert_str_eq(target->full, "https://example.com/y#f");
	url_free(url);
	url_free(target);
}
END_TEST

/* RFC 3986, section 5.4, where http cannot tell them apart left out */
static const struct {
	const char *reference, *full;
} references[] = {
	{ "g", "http://a/b/c/g" },
	{ "./g", "http://a/b/c/g" },
	{ "g/", "http://a/b/c/g/" },
	{ "/g", "http://a/g" },
	{ "//g", "http://g/" },
	{ "?y", "http://a/b/c/d;p?y" },
	{ "g?y", "http://a/b/c/g?y" },
	{ "#s", "http://a/b/c/d;p?q#s" },
	{ "g#s", "http://a/b/c/g#s" },
	{ "g?y#s", "http://a/b/c/g?y#s" },
	{ ";x", "http://a/b/c/;x" },
	{ "g;x", "http://a/b/c/g;x" },
	{ "", "http://a/b/c/d;p?q" },
	{ ".", "http://a/b/c/" },
	{ "./", "http://a/b/c/" },
	{ "..", "http://a/b/" },
	{ "../", "http://a/b/" },
	{ "../g", "http://a/b/g" },
	{ "../..", "http://a/" },
	{ "../../g", "http://a/g" },
	{ "../../../g", "http://a/g" },
	{ "/./g", "http://a/g" },
	{ "/../g", "http://a/g" },
	{ "g.", "http://a/b/c/g." },
	{ "..g", "http://a/b/c/..g" },
	{ "./../g", "http://a/b/g" },
	{ "g;x=1/../y", "http://a/b/c/y" },
	{ "g?y/../x", "http://a/b/c/g?y/../x" },
	{ "g#s/../x", "http://a/b/c/g#s/../x" },
	{ "https://h/x", "https://h/x" },
};

START_TEST(resolves)
{
	struct url *base = NULL, *url = NULL;

	ck_assert_int_eq(url_parse("http://a/b/c/d;p?q", &base), 0);
	ck_assert_int_eq(url_resolve(base, references[_i].reference, &url), 0);
	ck_assert_str_eq(url->full, references[_i].full);
	url_free(url);
	url_free(base);
}
END_TEST

static const struct {
	const char *reference;
	int r;
} bad_references[] = {
	{ "http:x", URL_E_BAD },
	{ "//", URL_E_BAD },
	{ "\\\\evil.example/", URL_E_BAD },
	{ "/a\tb", URL_E_BAD },
	{ "//0x7f.1/", URL_E_BAD },
	{ "//b\xc3\xbc"
	  "cher.example/",
		URL_E_BAD },
	{ "ftp://h/", URL_E_SCHEME },
	{ "javascript:x", URL_E_SCHEME },
};

START_TEST(refuses_references)
{
	struct url *base = NULL, *url = NULL;

	ck_assert_int_eq(url_parse("http://a/b", &base), 0);
	ck_assert_int_eq(
		url_resolve(base, bad_references[_i].reference, &url), bad_references[_i].r);
	ck_assert_ptr_null(url);
	url_free(base);
}
END_TEST

static const struct {
	const char *a, *b;
	bool is_same;
} origins[] = {
	{ "http://h/a", "http://H:80/b", true },
	{ "https://h/", "https://h:443/", true },
	{ "http://h/", "https://h/", false },
	{ "http://h/", "http://h:81/", false },
	{ "http://h/", "http://i/", false },
	{ "http://h/", "http://x.h/", false },
	{ "http://h:443/", "https://h/", false },
};

START_TEST(compares_origins)
{
	struct url *a = NULL, *b = NULL;

	ck_assert_int_eq(url_parse(origins[_i].a, &a), 0);
	ck_assert_int_eq(url_parse(origins[_i].b, &b), 0);
	ck_assert_int_eq(url_is_same_origin(a, b), origins[_i].is_same);
	url_free(a);
	url_free(b);
}
END_TEST

/* Before libcurl 8 only plain dots are folded; either way policy and transfer see the same text. */
START_TEST(folds_encoded_dots_or_keeps_them)
{
	struct url *url = NULL;

	ck_assert_int_eq(url_parse("http://example.com/%2e%2e/x%2Fy", &url), 0);
	ck_assert(!strcmp(url->full, "http://example.com/%2e%2e/x%2Fy") ||
		!strcmp(url->full, "http://example.com/x%2Fy"));
	url_free(url);
}
END_TEST

/* What is plain is cut without libcurl, what is nearly so is not; both must be as libcurl says. */
static const char *const nearly_plain[] = {
	"http://h/",
	"https://h/",
	"http://h",
	"http://h?q",
	"http://127.0.0.1:8080/downloads/2024/000001.bin?token=0123456789abcdef",
	"https://www.example.org/a/b.tar.gz",
	"https://xn--bcher-kva.example/",
	"http://h.:81/",
	"http://./",
	"http://../",
	"http://a..b/",
	"http://-/",
	"http://.a/",
	"http://a-b.c-/",
	"http://1a.2b/",
	"http://0x/",
	"http://a.0x/",
	"http://a.0x1/",
	"http://0x1.a/",
	"http://1.2.3.4/",
	"http://01.2.3.4/",
	"http://1.2.3.4.:1/",
	"http://1.2.3/",
	"http://12345/",
	"http://h_h/",
	"http://h~h/",
	"http://H/",
	"http://h@i/",
	"http://h:@i/",
	"http://[::1]/",
	"http://h:80/",
	"http://h:443/",
	"https://h:443/",
	"https://h:80/",
	"http://h:/",
	"http://h:/x",
	"http://h:0/",
	"http://h:0081/",
	"http://h:1/",
	"http://h:65535/",
	"http://h:65536/",
	"http://h:4294967377/",
	"http://h:18446744073709551697/",
	"http://h:8a/",
	"http://h:+81/",
	"http://h:81",
	"http://h:81?q",
	"http://h//",
	"http://h//a",
	"http://h/a//b",
	"http://h/.",
	"http://h/..",
	"http://h/./a",
	"http://h/a/../b",
	"http://h/.a",
	"http://h/...",
	"http://h/a.",
	"http://h/a./b..",
	"http://h/a/",
	"http://h/~a_B-c!$&()*+,;=:@/x",
	"http://h/'",
	"http://h/a%20b",
	"http://h/%2e%2E/",
	"http://h/a|b^c[d]",
	"http://h/{a}",
	"http://h/a b",
	"http://h/?",
	"http://h/??",
	"http://h/?a=b&c=d/../e//f?g",
	"http://h/?a%3Db",
	"http://h/?a+b",
	"http://h/#",
	"http://h/#f",
	"http://h/?q#f",
	"http://h/?#f",
	"http:/h/",
	"http:///",
	"http://:81/",
	"https:h",
	"httpss://h/",
	"httpx://h/",
};

START_TEST(cuts_plain_as_libcurl_does)
{
	char text[128];
	struct url *url = NULL, *by_curl = NULL;
	int r = url_parse(nearly_plain[_i], &url);

	/* in capitals it is never plain */
	snprintf(text, sizeof(text), "HTTP%s", nearly_plain[_i] + 4);
	ck_assert_int_eq(url_parse(text, &by_curl), r);
	ck_assert((r == 0) == (url != NULL) && (r == 0) == (by_curl != NULL));
	if (!r)
		ck_assert_ptr_null(same_url_difference(url, by_curl));
	url_free(url);
	url_free(by_curl);
}
END_TEST

static const struct {
	const char *text, *host, *path, *shown, *user;
	uint16_t port;
	bool is_secure;
} ftp_urls[] = {
	{ "ftp://h/", "h", "/", "ftp://h/", NULL, 21, false },
	{ "FTP://H:21", "h", "/", "ftp://h/", NULL, 21, false },
	{ "ftps://h/a b;type=i", "h", "/a%20b;type=i", "ftps://h/a%20b;type=i", NULL, 990, true },
	{ "ftp://u:p%40@h:2121/d/", "h", "/d/", "ftp://h:2121/d/", "u", 2121, false },
	{ "ftp://h/%41%2F#x", "h", "/%41%2F", "ftp://h/%41%2F#x", NULL, 21, false },
	{ "https://h/%0d", "h", "/%0d", "https://h/%0d", NULL, 443, true },
};

START_TEST(knows_ftp_when_asked_for)
{
	struct url *url = NULL;
	bool is_ftp = ftp_urls[_i].text[0] != 'h';

	ck_assert_int_eq(url_parse_with_ftp(ftp_urls[_i].text, &url), 0);
	ck_assert_str_eq(url->host, ftp_urls[_i].host);
	ck_assert_str_eq(url->path, ftp_urls[_i].path);
	ck_assert_str_eq(url->full, ftp_urls[_i].shown);
	ck_assert_pstr_eq(url->user, ftp_urls[_i].user);
	ck_assert_uint_eq(url->port, ftp_urls[_i].port);
	ck_assert(url_is_ftp(url) == is_ftp);
	ck_assert(url_is_secure(url) == ftp_urls[_i].is_secure);
	url_free(url);
	url = NULL;
	ck_assert_int_eq(url_parse(ftp_urls[_i].text, &url), is_ftp ? URL_E_SCHEME : 0);
	url_free(url);
}
END_TEST

/* Each would end a command of ftp early, and begin another. */
static const char *const bad_ftp_urls[] = { "ftp://h/a%0D%0ADELE%20b", "ftp://h/a%0ab",
	"ftp://h/%00", "ftp://h/%1f", "ftp://h/%7F", "ftp://u%0d%0aDELE@h/", "ftp://u:p%0A@h/",
	"ftp://h/a\rb", "ftps://h/%0D", "ftp://a@b@c/", "ftp:///x", "ftp://h:0/", "ftp://0x7f.1/" };

START_TEST(no_line_ends_in_ftp)
{
	struct url *url = NULL;

	ck_assert_int_eq(url_parse_with_ftp(bad_ftp_urls[_i], &url), URL_E_BAD);
	ck_assert_ptr_null(url);
}
END_TEST

/* A server does not send anybody there. */
START_TEST(no_reference_leads_to_ftp)
{
	static const char *const to[] = { "ftp://h/", "//h/", "x" };
	struct url *base = NULL, *url = NULL;

	ck_assert_int_eq(url_parse_with_ftp(_i ? "ftp://b/" : "http://b/", &base), 0);
	ck_assert_int_eq(url_resolve(base, to[_i], &url), URL_E_SCHEME);
	ck_assert_ptr_null(url);
	url_free(base);
}
END_TEST

RUN_TESTS("engine/url", TEST_EACH(knows_ftp_when_asked_for, ftp_urls),
	TEST_EACH(no_line_ends_in_ftp, bad_ftp_urls), TEST_LOOP(no_reference_leads_to_ftp, 3),
	TEST_EACH(cuts_plain_as_libcurl_does, nearly_plain), TEST_EACH(parses, good),
	TEST_EACH(refuses, bad), TEST(refuses_length), TEST(keeps_credentials_apart),
	TEST_EACH(resolves, references), TEST_EACH(refuses_references, bad_references),
	TEST_EACH(compares_origins, origins), TEST(folds_encoded_dots_or_keeps_them))
