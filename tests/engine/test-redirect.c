/* SPDX-License-Identifier: MIT */
#include "engine/redirect.h"

#include <stddef.h>

#include <transfer/error.h>

#include "engine/head.h"
#include "engine/url.h"
#include "tests/lib/run.h"

#define NONE     REDIRECT_NONE
#define FOLLOW   REDIRECT_FOLLOW
#define REFUSE   REDIRECT_REFUSE
#define ERROR(x) TRANSFER_ERROR_##x

static const struct {
	const char *url, *method;
	uint16_t status;
	const char *location;
	unsigned n_done;
	bool allow_insecure;
	enum redirect_verdict verdict;
	const char *to, *to_method;
	bool keeps_body, is_same_origin;
	int32_t code;
} cases[] = {
	{ "https://h/a", "GET", 301, "/b", 0, false, FOLLOW, "https://h/b", "GET", true, true, 0 },
	{ "https://h/a#f", "GET", 302, "b", 0, false, FOLLOW, "https://h/b#f", "GET", true, true,
		0 },
	{ "https://h/a#f", "GET", 302, "b#g", 0, false, FOLLOW, "https://h/b#g", "GET", true, true,
		0 },
	{ "https://h/a", "GET", 307, "//i/b", 0, false, FOLLOW, "https://i/b", "GET", true, false,
		0 },
	{ "https://h/a", "GET", 308, "https://h:444/", 0, false, FOLLOW, "https://h:444/", "GET",
		true, false, 0 },
	{ "http://h/a", "GET", 301, "https://h/", 0, false, FOLLOW, "https://h/", "GET", true,
		false, 0 },
	/* methods */
	{ "https://h/a", "POST", 301, "/b", 0, false, FOLLOW, "https://h/b", "GET", false, true,
		0 },
	{ "https://h/a", "POST", 302, "/b", 0, false, FOLLOW, "https://h/b", "GET", false, true,
		0 },
	{ "https://h/a", "POST", 303, "/b", 0, false, FOLLOW, "https://h/b", "GET", false, true,
		0 },
	{ "https://h/a", "POST", 307, "/b", 0, false, FOLLOW, "https://h/b", "POST", true, true,
		0 },
	{ "https://h/a", "POST", 308, "/b", 0, false, FOLLOW, "https://h/b", "POST", true, true,
		0 },
	{ "https://h/a", "PUT", 301, "/b", 0, false, FOLLOW, "https://h/b", "PUT", true, true, 0 },
	{ "https://h/a", "PUT", 303, "/b", 0, false, FOLLOW, "https://h/b", "GET", false, true, 0 },
	{ "https://h/a", "HEAD", 303, "/b", 0, false, FOLLOW, "https://h/b", "HEAD", true, true,
		0 },
	/* final responses */
	{ "https://h/a", "GET", 200, "/b", 0, false, NONE, NULL, NULL, false, false, 0 },
	{ "https://h/a", "GET", 201, "/b", 0, false, NONE, NULL, NULL, false, false, 0 },
	{ "https://h/a", "GET", 300, "/b", 0, false, NONE, NULL, NULL, false, false, 0 },
	{ "https://h/a", "GET", 304, "/b", 0, false, NONE, NULL, NULL, false, false, 0 },
	{ "https://h/a", "GET", 302, NULL, 0, false, NONE, NULL, NULL, false, false, 0 },
	{ "https://h/a", "GET", 302, "", 0, false, NONE, NULL, NULL, false, false, 0 },
	/* refused */
	{ "https://h/a", "GET", 302, "http://h/", 0, false, REFUSE, "http://h/", NULL, false, false,
		ERROR(INSECURE_TRANSPORT) },
	{ "https://h/a", "GET", 302, "http://h/", 0, true, FOLLOW, "http://h/", "GET", true, false,
		0 },
	{ "https://h/a", "GET", 302, "file:///etc/passwd", 0, true, REFUSE, NULL, NULL, false,
		false, ERROR(UNSUPPORTED_URL) },
	{ "https://h/a", "GET", 302, "ftp://h/", 0, true, REFUSE, NULL, NULL, false, false,
		ERROR(UNSUPPORTED_URL) },
	{ "https://h/a", "GET", 302, "javascript:x", 0, true, REFUSE, NULL, NULL, false, false,
		ERROR(UNSUPPORTED_URL) },
	{ "https://h/a", "GET", 302, "https://[", 0, true, REFUSE, NULL, NULL, false, false,
		ERROR(BAD_URL) },
	{ "https://h/a", "GET", 302, "/b", 15, false, FOLLOW, "https://h/b", "GET", true, true, 0 },
	{ "https://h/a", "GET", 302, "/b", 16, false, REFUSE, "https://h/b", NULL, false, false,
		ERROR(TOO_MANY_REDIRECTS) },
};

START_TEST(decides)
{
	struct head head = { .status = cases[_i].status, .location = cases[_i].location };
	struct redirect redirect;
	struct url *url = NULL;
	struct redirect_from from = { NULL, cases[_i].method, &head, cases[_i].n_done, 0,
		cases[_i].allow_insecure };

	ck_assert_int_eq(url_parse(cases[_i].url, &url), 0);
	from.url = url;
	ck_assert_int_eq(redirect_decide(&from, &redirect), 0);
	ck_assert_int_eq(redirect.verdict, cases[_i].verdict);
	ck_assert_int_eq(redirect.code, cases[_i].code);
	ck_assert_int_eq(redirect.detail != NULL, cases[_i].code != 0);
	ck_assert_pstr_eq(redirect.url ? redirect.url->full : NULL, cases[_i].to);
	ck_assert_pstr_eq(redirect.method, cases[_i].to_method);
	ck_assert_int_eq(redirect.keeps_body, cases[_i].keeps_body);
	ck_assert_int_eq(redirect.is_same_origin, cases[_i].is_same_origin);
	url_free(redirect.url);
	url_free(url);
}
END_TEST

static const struct {
	const char *name;
	bool may_cross, is_of_body;
} headers[] = {
	{ "Accept", true, false },
	{ "accept-language", true, false },
	{ "User-Agent", true, false },
	{ "RANGE", true, false },
	{ "If-Range", true, false },
	{ "Content-Type", true, true },
	{ "Content-Language", true, true },
	{ "Content-Encoding", false, true },
	{ "Authorization", false, false },
	{ "Cookie", false, false },
	{ "Proxy-Authorization", false, false },
	{ "X-Api-Key", false, false },
	{ "Idempotency-Key", false, false },
	{ "Referer", false, false },
	{ "Accept-", false, false },
	{ "", false, false },
};

START_TEST(filters_headers)
{
	ck_assert_int_eq(redirect_header_may_cross(headers[_i].name), headers[_i].may_cross);
	ck_assert_int_eq(redirect_header_is_of_body(headers[_i].name), headers[_i].is_of_body);
}
END_TEST

RUN_TESTS("engine/redirect", TEST_EACH(decides, cases), TEST_EACH(filters_headers, headers))
