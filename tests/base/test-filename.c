/* SPDX-License-Identifier: MIT */
#include "base/filename.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "tests/lib/run.h"

#define URL "http://host.example/dir/page.html?q=x.txt"

static const struct {
	const char *disposition, *url, *type, *name;
} cases[] = {
	/* where it comes from */
	{ NULL, URL, NULL, "page.html" },
	{ NULL, "http://host.example/", NULL, "host.example" },
	{ NULL, "http://host.example/a/b/", NULL, "b" },
	{ NULL, "http://host.example/%2E%2E", NULL, "host.example" },
	{ NULL, "http://host.example/a%20b%C3%A9", NULL, "a b\xc3\xa9" },
	{ NULL, "http://host.example/100%", NULL, "100%" },
	{ NULL, "http://host.example/a%2Fb%5Cc", NULL, "a_b_c" },
	{ NULL, "http://host.example/x%00y%FF", NULL, "xy\xef\xbf\xbd" },
	{ NULL, "http://[::1]/", NULL, "[::1]" },
	{ "attachment", URL, NULL, "page.html" },
	{ "attachment; filename=", URL, NULL, "page.html" },
	{ "attachment; filename=\"\"", URL, NULL, "page.html" },
	{ "attachment; filename=\"...\"", URL, NULL, "page.html" },
	/* forms */
	{ "attachment; filename=a.bin", URL, NULL, "a.bin" },
	{ "attachment; filename=a.bin ; x=y", URL, NULL, "a.bin" },
	{ "attachment; FileName = \"a b.bin\"", URL, NULL, "a b.bin" },
	{ "inline;filename=\";.ext\"", URL, NULL, ";.ext" },
	{ "attachment; filename=\"a\\\"b\"", URL, NULL, "a\"b" },
	{ "attachment; aa=bb\\; filename=decoy.txt; filename=real.txt", URL, NULL, "real.txt" },
	{ "attachment; x=\"; filename=decoy\"; filename=real", URL, NULL, "real" },
	{ "attachment; filename=first; filename=second", URL, NULL, "first" },
	{ "attachment; filename=\"open", URL, NULL, "open" },
	{ "attachment; filename*=UTF-8''%c3%a9.txt; filename=e.txt", URL, NULL, "\xc3\xa9.txt" },
	{ "attachment; filename=e.txt; filename*=utf-8'fr'%c3%a9.txt", URL, NULL, "\xc3\xa9.txt" },
	{ "attachment; filename*=ISO-8859-1''%e9.txt", URL, NULL, "\xc3\xa9.txt" },
	{ "attachment; filename*=UTF-8''%zz; filename=e.txt", URL, NULL, "e.txt" },
	{ "attachment; filename*=UTF-8''abc%; filename=e.txt", URL, NULL, "e.txt" },
	{ "attachment; filename=e.txt; filename*=UTF-8''abc%zz", URL, NULL, "e.txt" },
	{ "attachment; filename=e.txt; filename*=UTF-8''%zz", URL, NULL, "e.txt" },
	{ "attachment; filename*=koi8''x; filename=e.txt", URL, NULL, "e.txt" },
	{ "attachment; filename*=x; filename=e.txt", URL, NULL, "e.txt" },
	{ "attachment; filename==?utf-8?B?eA==?=", URL, NULL, "=?utf-8?B?eA==?=" },
	/* what a server may not do */
	{ "attachment; filename=../../x", URL, NULL, "_.._x" },
	{ "attachment; filename=/etc/cron.d/x", URL, NULL, "_etc_cron.d_x" },
	{ "attachment; filename=..", URL, NULL, "page.html" },
	{ "attachment; filename=\"C:\\\\x\"", URL, NULL, "C:_x" },
	{ "attachment; filename=.bashrc", URL, NULL, "bashrc" },
	{ "attachment; filename=\" .x. \"", URL, NULL, "x" },
	{ "attachment; filename=\"a\tb\x1b[31m\"", URL, NULL, "ab[31m" },
	{ "attachment; filename=\"a\xe2\x80\xae"
	  "fdp.exe\"",
		URL, NULL, "afdp.exe" },
	{ "attachment; filename=\"a\xc2\x85"
	  "b\xe2\x80\xa8"
	  "c\xe2\x81\xa7\"",
		URL, NULL, "abc" },
	{ "attachment; filename*=UTF-8''a%00%2F%0Ab", URL, NULL, "a_b" },
	{ "attachment; filename*=UTF-8''a%ffb", URL, NULL,
		"a\xef\xbf\xbd"
		"b" },
	{ "attachment; filename=CON", URL, NULL, "_CON" },
	{ "attachment; filename=nul.txt", URL, NULL, "_nul.txt" },
	{ "attachment; filename=\"con .txt\"", URL, NULL, "_con .txt" },
	{ "attachment; filename=com1.log", URL, NULL, "_com1.log" },
	{ "attachment; filename=CONSOLE", URL, NULL, "CONSOLE" },
	/* extensions */
	{ NULL, "http://h/download", "text/html", "download.html" },
	{ NULL, "http://h/download", "application/octet-stream", "download" },
	{ NULL, "http://h/page.php", "text/html", "page.php" },
	{ "attachment; filename=report", URL, "application/pdf", "report.pdf" },
	{ "attachment; filename=CON", URL, "text/plain", "_CON.txt" },
	{ NULL, "http://host.example/", "text/html", "host.example" },
};

/* What filename_suggest() wants of a URL. */
struct place {
	char host[64], path[192];
};

static struct place place_of(const char *url)
{
	struct place place = { .host = "" };
	const char *host = strstr(url, "://") + 3;
	const char *path = host + strcspn(host, "/");

	snprintf(place.host, sizeof(place.host), "%.*s", (int)(path - host), host);
	snprintf(place.path, sizeof(place.path), "%.*s", (int)strcspn(path, "?#"), path);
	return place;
}

static void suggest(
	const char *disposition, const char *url, const char *type, char ret_name[FILENAME_BYTES])
{
	struct place place = place_of(url);

	filename_suggest(disposition, place.path, place.host, type, ret_name);
}

START_TEST(suggests)
{
	char name[FILENAME_BYTES];

	suggest(cases[_i].disposition, cases[_i].url, cases[_i].type, name);
	ck_assert_str_eq(name, cases[_i].name);
}
END_TEST

/* Too long: cut between characters, the extension stays. */
START_TEST(cuts)
{
	char name[FILENAME_BYTES], text[8192] = "attachment; filename=";
	size_t n = strlen(text);

	for (size_t i = 0; i < (size_t)_i; i++)
		text[n++] = 'a';
	for (int i = 0; i < 1400; i++, n += 2)
		memcpy(text + n, "\xc3\xa9", 2);
	memcpy(text + n, ".tar.gz", 8);
	suggest(text, URL, NULL, name);
	ck_assert(utf8_is_valid(name));
	ck_assert_uint_ge(strlen(name), 254);
	ck_assert_str_eq(name + strlen(name) - 3, ".gz");
}
END_TEST

/* Where it is cut there may be what no name ends with. */
START_TEST(cuts_clean)
{
	char name[FILENAME_BYTES], text[512] = "attachment; filename=\"";
	size_t n = strlen(text);

	memset(text + n, 'a', 300);
	memset(text + n + 250, _i ? '.' : ' ', 10);
	memcpy(text + n + 300, "\"", 2);
	suggest(text, URL, NULL, name);
	ck_assert_uint_eq(strlen(name), 250);
	ck_assert_uint_eq(strspn(name, "a"), 250);
}
END_TEST

/* Every single byte, quoted and not: always a safe name. */
START_TEST(survives_any_byte)
{
	char name[FILENAME_BYTES], text[64];

	for (int c = 1; c < 256; c++) {
		snprintf(text, sizeof(text), "attachment; filename=\"%c%c\"", c, c);
		suggest(text, URL, NULL, name);
		ck_assert(utf8_is_valid(name));
		ck_assert(name[0] && name[0] != '.' && !strpbrk(name, "/\\\n\r\t\x1b"));
		snprintf(text, sizeof(text), "%cattachment;%cfilename%c=%ca", c, c, c, c);
		suggest(text, URL, NULL, name);
		ck_assert(name[0] && name[0] != '.' && !strpbrk(name, "/\\\n\r\t\x1b"));
	}
}
END_TEST

RUN_TESTS("engine/filename", TEST_EACH(suggests, cases), TEST_LOOP(cuts, 4),
	TEST_LOOP(cuts_clean, 2), TEST(survives_any_byte))
