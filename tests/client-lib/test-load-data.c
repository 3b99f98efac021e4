/* SPDX-License-Identifier: MIT */
/*
 * data: URLs: the cases of web-platform-tests, as a package of the distribution has them, and rows of our own. Without the
 * package only those; CI has it.
 */
#include "client-lib/load-data.h"

#include <glob.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/run.h"

#define CASES "/usr/share/cargo/registry/data-url-*/tests/"

/* The cases of a file, or NULL: they are not installed. */
static json_t *load_cases(const char *pattern)
{
	json_t *cases = NULL;
	json_error_t error;
	glob_t found;

	if (!glob(pattern, 0, NULL, &found)) {
		cases = json_load_file(found.gl_pathv[0], JSON_ALLOW_NUL, &error);
		ck_assert_msg(cases != NULL, "%s: %s", found.gl_pathv[0], error.text);
	}
	globfree(&found);
	ck_assert_msg(cases || !getenv("CI"), "%s is not installed", pattern);
	return cases;
}

static void has_bytes(const char *url, const transfer_data *body, const json_t *want)
{
	const unsigned char *bytes = transfer_data_get_bytes(body);

	ck_assert_msg(transfer_data_get_size(body) == json_array_size(want), "%s: %zu bytes", url,
		transfer_data_get_size(body));
	for (size_t i = 0; i < json_array_size(want); i++)
		ck_assert_msg(bytes[i] == json_integer_value(json_array_get(want, i)),
			"%s: byte %zu", url, i);
}

/* An empty value in quotes is one; the cases of older packages drop it. */
static const char *wanted_type(const char *url, const json_t *value)
{
	if (!strcmp(url, "data:text/plain;a=\",\",X"))
		return "text/plain;a=\"\"";
	return json_string_value(value);
}

START_TEST(does_as_browsers_do)
{
	json_t *cases = load_cases(CASES "data-urls.json"), *row;
	struct load_data_url data;
	size_t i, n = 0;

	json_array_foreach(cases, i, row)
	{
		const char *url = json_string_value(json_array_get(row, 0));
		const json_t *type = json_array_get(row, 1);

		/* a text here ends at a zero byte */
		if (strlen(url) < json_string_length(json_array_get(row, 0)))
			continue;
		n++;
		if (json_is_null(type)) {
			ck_assert_msg(load_data_parse(url, &data) == LOAD_DATA_E_BAD, "%s", url);
			continue;
		}
		ck_assert_msg(load_data_parse(url, &data) == 0, "%s", url);
		ck_assert_msg(!strcmp(data.full_type, wanted_type(url, type)), "%s: %s", url,
			data.full_type);
		has_bytes(url, data.body, json_array_get(row, 2));
		load_data_done(&data);
	}
	ck_assert(!cases || n > 60);
	json_decref(cases);
}
END_TEST

START_TEST(forgives_base64)
{
	json_t *cases = load_cases(CASES "base64.json"), *row;
	struct load_data_url data;
	char url[128];
	size_t i, n = 0;

	json_array_foreach(cases, i, row)
	{
		const char *text = json_string_value(json_array_get(row, 0));
		const json_t *want = json_array_get(row, 1);

		if (strlen(text) < json_string_length(json_array_get(row, 0)))
			continue;
		n++;
		snprintf(url, sizeof(url), "data:;base64,%s", text);
		if (json_is_null(want)) {
			ck_assert_msg(load_data_parse(url, &data) == LOAD_DATA_E_BAD, "%s", url);
			continue;
		}
		ck_assert_msg(load_data_parse(url, &data) == 0, "%s", url);
		has_bytes(url, data.body, want);
		load_data_done(&data);
	}
	ck_assert(!cases || n > 60);
	json_decref(cases);
}
END_TEST

static const struct {
	const char *url, *type, *charset, *body; /* type NULL: malformed */
} cases[] = {
	{ "data:,123", "text/plain", "us-ascii", "123" },
	{ "data:;charset=UTF-8;base64,VGVzdA==", "text/plain", "utf-8", "Test" },
	{ "data:text/plain;charset=utf-16le;base64,QUI=", "text/plain", "utf-16le", "AB" },
	{ "data:text/plain;charset=utf-8,%E4%B8%83", "text/plain", "utf-8", "\xe4\xb8\x83" },
	{ "data:application/json;charset=iso-8859-1;key=value,,123", "application/json",
		"iso-8859-1", ",123" },
	{ "data:;charset=utf-8;charset=utf-16;image/png,abc", "text/plain", "utf-8", "abc" },
	{ "data:a/b;key=value;charset=macroman,blahblah", "a/b", "macroman", "blahblah" },
	{ "data:a/b,", "a/b", NULL, "" },
	{ "DATA:A/B,X", "a/b", NULL, "X" },
	{ "  data:,X  ", "text/plain", "us-ascii", "X" },
	{ "data:,a\tb\r\nc", "text/plain", "us-ascii", "abc" },
	{ "data:,a?b=%", "text/plain", "us-ascii", "a?b=%" },
	{ "data:,%4", "text/plain", "us-ascii", "%4" },
	{ "data:,%4g", "text/plain", "us-ascii", "%4g" },
	{ "data:,%41%4a%4A", "text/plain", "us-ascii", "AJJ" },
	{ "data:,a#b,c", "text/plain", "us-ascii", "a" },
	{ "data:a/b;x=\";charset=utf-8\";charset=koi8-r,X", "a/b", "koi8-r", "X" },
	/* a type that is none is text/plain */
	{ "data:application_json;charset=iso-8859-%31;key=value,123,", "text/plain", "us-ascii",
		"123," },
	{ "data:appli/cation/json%3bcharset=ISO-8859-1;key=value,,123,", "text/plain", "us-ascii",
		",123," },
	{ "data://host:80/,X", "text/plain", "us-ascii", "X" },
	{ "data://host:65536/,X", NULL, NULL, NULL },
	{ "data:text/plain#,X", NULL, NULL, NULL },
	{ "data:;base64,A", NULL, NULL, NULL },
	{ "data:;base64,A=A=", NULL, NULL, NULL },
	{ "data:;base64,%00", NULL, NULL, NULL },
	{ "data://blah", NULL, NULL, NULL },
	{ "data:%2c123", NULL, NULL, NULL },
	{ "data", NULL, NULL, NULL },
	{ "", NULL, NULL, NULL },
	{ "file:///,X", NULL, NULL, NULL },
};

START_TEST(parses)
{
	struct load_data_url data = { NULL, NULL, NULL, NULL };
	int r = load_data_parse(cases[_i].url, &data);

	ck_assert_int_eq(r, cases[_i].type ? 0 : LOAD_DATA_E_BAD);
	if (!r) {
		ck_assert_str_eq(data.mime_type, cases[_i].type);
		ck_assert_msg(!data.charset == !cases[_i].charset, "%s", data.charset);
		ck_assert(!data.charset || !strcmp(data.charset, cases[_i].charset));
		ck_assert_uint_eq(transfer_data_get_size(data.body), strlen(cases[_i].body));
		if (cases[_i].body[0])
			ck_assert_mem_eq(transfer_data_get_bytes(data.body), cases[_i].body,
				strlen(cases[_i].body));
	}
	load_data_done(&data);
}
END_TEST

static char *long_url(const char *begin, char c, size_t n, const char *end)
{
	char *url = NULL, *many = malloc(n + 1);

	ck_assert_ptr_nonnull(many);
	memset(many, c, n);
	many[n] = '\0';
	ck_assert_int_ge(asprintf(&url, "%s%s%s", begin, many, end), 0);
	free(many);
	return url;
}

/* The bytes may be many, the type may not: each parameter is looked for among all before it. */
START_TEST(parses_much)
{
	struct load_data_url data = { NULL, NULL, NULL, NULL };
	char *url = long_url("data:;base64,", 'A', 4 << 20, "");
	char *type = long_url("data:a/b;", 'x', 65536, "=y,Z");

	ck_assert_int_eq(load_data_parse(url, &data), 0);
	ck_assert_uint_eq(transfer_data_get_size(data.body), 3 << 20);
	load_data_done(&data);
	ck_assert_int_eq(load_data_parse(type, &data), LOAD_DATA_E_BAD);
	free(type);
	free(url);
}
END_TEST

RUN_TESTS("client-lib/load-data", TEST(does_as_browsers_do), TEST(forgives_base64),
	TEST_EACH(parses, cases), TEST(parses_much))
