/* SPDX-License-Identifier: MIT */
#include "base/mime.h"

#include <stddef.h>
#include <string.h>

#include "tests/lib/run.h"

static const struct {
	const char *text, *type, *charset;
} cases[] = {
	{ "text/html", "text/html", "" },
	{ "Text/HTML; Charset=UTF-8", "text/html", "utf-8" },
	{ "text/html;charset=\"utf-8\"", "text/html", "utf-8" },
	{ "text/html; x=y; charset=iso-8859-1", "text/html", "iso-8859-1" },
	{ "text/html; charset=", "text/html", "" },
	{ "text/html; charset=\"utf-8", "text/html", "" },
	{ "  application/json  ", "application/json", "" },
	{ "application/vnd.a+json;v=1", "application/vnd.a+json", "" },
	{ "text", "", "" },
	{ "text/", "", "" },
	{ "/html", "", "" },
	{ "a/b/c", "", "" },
	{ "text/html, text/plain", "", "" },
	{ "text/\xef\xbf\xbd", "", "" },
	{ "", "", "" },
	{ NULL, "", "" },
	{ "text/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
		"", "" },
};

START_TEST(parses)
{
	struct mime mime;

	mime_parse(cases[_i].text, &mime);
	ck_assert_str_eq(mime.type, cases[_i].type);
	ck_assert_str_eq(mime.charset, cases[_i].charset);
}
END_TEST

START_TEST(knows_extensions)
{
	ck_assert_str_eq(mime_extension("application/gzip"), "gz");
	ck_assert_str_eq(mime_extension("application/vnd.debian.binary-package"), "deb");
	ck_assert_str_eq(mime_extension("application/x-7z-compressed"), "7z");
	ck_assert_str_eq(mime_extension("application/x-xz"), "xz");
	ck_assert_str_eq(mime_extension("application/xhtml+xml"), "xhtml");
	ck_assert_str_eq(mime_extension("application/zstd"), "zst");
	ck_assert_str_eq(mime_extension("audio/flac"), "flac");
	ck_assert_str_eq(mime_extension("image/svg+xml"), "svg");
	ck_assert_str_eq(mime_extension("text/html"), "html");
	ck_assert_str_eq(mime_extension("text/plain"), "txt");
	ck_assert_str_eq(mime_extension("video/webm"), "webm");
	ck_assert_ptr_null(mime_extension("application/octet-stream"));
	ck_assert_ptr_null(mime_extension(""));
}
END_TEST

static const struct {
	const char *name, *want;
} files[] = {
	{ "a.html", "text/html" },
	{ "/x/a.HTM", "text/html" },
	{ "a.tar.gz", "application/gzip" },
	{ "a.jpeg", "image/jpeg" },
	{ "a.jpg", "image/jpeg" },
	{ "a.xml", "application/xml" },
	{ "a.", NULL },
	{ ".html", NULL },
	{ "/x.html/.txt", NULL },
	{ "/x.html/a", NULL },
	{ "html", NULL },
	{ "a.unknown", NULL },
};

START_TEST(guesses_by_the_ending)
{
	const char *type = mime_of_name(files[_i].name);

	ck_assert_msg(!type == !files[_i].want && (!type || !strcmp(type, files[_i].want)),
		"%s: %s", files[_i].name, type);
}
END_TEST

RUN_TESTS("engine/mime", TEST_EACH(guesses_by_the_ending, files), TEST_EACH(parses, cases),
	TEST(knows_extensions))
