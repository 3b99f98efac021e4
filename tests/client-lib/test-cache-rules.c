/* SPDX-License-Identifier: MIT */
/* RFC 9111 for a private cache, clause by clause; sections stand beside their rows. */
#include "client-lib/cache-rules.h"

#include <stdlib.h>
#include <string.h>

#include "client-lib/text.h"
#include "tests/lib/run.h"

/* Wed, 01 Jan 2025 00:00:00 GMT */
#define NOW_S  INT64_C(1735689600)
#define NOW_US ((uint64_t)NOW_S * 1000000)
#define DATE   "Date: Wed, 01 Jan 2025 00:00:00 GMT\n"
#define MANY   "\1" /* as many fields as there may be */

/* "Name: value\n…" */
static struct text_headers fields_of(const char *lines)
{
	struct text_headers fields = { 0 };
	char *copy = strdup(lines), *save = NULL;

	if (!strcmp(lines, MANY)) {
		for (int i = 0; i < TEXT_HEADERS_MAX; i++)
			ck_assert_int_eq(text_headers_add(&fields, "X", "1"), 0);
	} else {
		for (char *line = strtok_r(copy, "\n", &save); line;
			line = strtok_r(NULL, "\n", &save)) {
			char *value = strstr(line, ": ");

			*value = '\0';
			ck_assert_int_eq(text_headers_add(&fields, line, value + 2), 0);
		}
	}
	free(copy);
	return fields;
}

static const struct {
	const char *fields;
	struct cache_control
		want; /* seconds: what is not said is 0 here, and -1 there; 0 is written -2 */
} controls[] = {
	{ "", { 0 } },
	{ "Cache-Control: max-age=60\n", { .max_age_s = 60, .has_freshness = true } }, /* 5.2.2.1 */
	{ "cache-control: MAX-AGE=60\n", { .max_age_s = 60, .has_freshness = true } }, /* 5.2 */
	{ "Cache-Control: max-age=\"60\"\n", { .max_age_s = 60, .has_freshness = true } }, /* 5.2 */
	{ "Cache-Control:  , max-age=60 ,,\n", { .max_age_s = 60, .has_freshness = true } },
	/* 4.2.1: several, or one that is none: the stricter */
	{ "Cache-Control: max-age=60, max-age=5\n", { .max_age_s = 5, .has_freshness = true } },
	{ "Cache-Control: max-age=5\nCache-Control: max-age=60\n",
		{ .max_age_s = 5, .has_freshness = true } },
	{ "Cache-Control: max-age=-1\n", { .max_age_s = -2, .has_freshness = true } },
	{ "Cache-Control: max-age=1.5\n", { .max_age_s = -2, .has_freshness = true } },
	{ "Cache-Control: max-age\n", { .max_age_s = -2, .has_freshness = true } },
	{ "Cache-Control: max-age=\n", { .max_age_s = -2, .has_freshness = true } },
	{ "Cache-Control: max-age=60, max-age=x\n", { .max_age_s = -2, .has_freshness = true } },
	/* 1.2.2: too large a number */
	{ "Cache-Control: max-age=99999999999999999999999\n",
		{ .max_age_s = INT64_C(1) << 31, .has_freshness = true } },
	/* a private cache has no use for it: 5.2.2.10 */
	{ "Cache-Control: s-maxage=60\n", { 0 } },
	{ "Cache-Control: no-store\n", { .no_store = true } }, /* 5.2.2.5 */
	{ "Cache-Control: public, no-store\n", { .no_store = true, .has_freshness = true } },
	{ "Cache-Control: must-understand, no-store\n", { .no_store = true } }, /* 5.2.2.3 */
	{ "Cache-Control: no-cache\n", { .no_cache = true } }, /* 5.2.2.4 */
	{ "Cache-Control: no-cache=\"Set-Cookie, X\", max-age=9\n",
		{ .no_cache = true, .max_age_s = 9, .has_freshness = true } },
	/* what stands in quotes is no directive */
	{ "Cache-Control: x=\"no-store, max-age=9\"\n", { 0 } },
	{ "Cache-Control: x=\"a\\\", no-store\"\n", { 0 } },
	{ "Cache-Control: x=\"open, no-store\n", { 0 } },
	{ "Cache-Control: no-storex, xno-cache\n", { 0 } },
	{ "Cache-Control: must-revalidate\n", { .must_revalidate = true } }, /* 5.2.2.2 */
	{ "Cache-Control: proxy-revalidate\n", { 0 } }, /* 5.2.2.8 */
	{ "Cache-Control: private\n", { .has_freshness = true } }, /* 5.2.2.7 */
	{ "Cache-Control: only-if-cached\n", { .only_if_cached = true } }, /* 5.2.1.7 */
	{ "Cache-Control: max-stale\n", { .max_stale_s = INT64_MAX } }, /* 5.2.1.2 */
	{ "Cache-Control: max-stale=7\n", { .max_stale_s = 7 } },
	{ "Cache-Control: max-stale=x\n", { .max_stale_s = -2 } },
	{ "Cache-Control: min-fresh=7\n", { .min_fresh_s = 7 } }, /* 5.2.1.3 */
	{ "Pragma: no-cache\n", { .no_cache = true } }, /* 5.4 */
	{ "Pragma: x, No-Cache\n", { .no_cache = true } },
	{ "Pragma: no-cache\nCache-Control: max-age=9\n",
		{ .max_age_s = 9, .has_freshness = true } },
};

static int64_t wanted(int64_t seconds)
{
	return seconds == 0 ? -1 : seconds == -2 ? 0 : seconds;
}

START_TEST(reads_directives)
{
	const struct cache_control *want = &controls[_i].want;
	struct text_headers fields = fields_of(controls[_i].fields);
	struct cache_control control;

	cache_rules_control(&fields, &control);
	ck_assert_int_eq(control.no_store, want->no_store);
	ck_assert_int_eq(control.no_cache, want->no_cache);
	ck_assert_int_eq(control.must_revalidate, want->must_revalidate);
	ck_assert_int_eq(control.only_if_cached, want->only_if_cached);
	ck_assert_int_eq(control.has_freshness, want->has_freshness);
	ck_assert_int_eq(control.max_age_s, wanted(want->max_age_s));
	ck_assert_int_eq(control.max_stale_s, wanted(want->max_stale_s));
	ck_assert_int_eq(control.min_fresh_s, wanted(want->min_fresh_s));
	text_headers_done(&fields);
}
END_TEST

static const struct {
	const char *asked;
	int status;
	const char *fields;
	bool is_kept;
} answers[] = {
	{ "", 200, DATE, true }, /* 3: a status of which that is usual */
	{ "", 203, DATE, true },
	{ "", 204, DATE, true },
	{ "", 201, DATE, false },
	{ "", 201, DATE "Cache-Control: max-age=9\n", true },
	{ "", 201, DATE "Expires: Wed, 01 Jan 2025 00:00:09 GMT\n", true },
	{ "", 201, DATE "Cache-Control: private\n", true },
	{ "", 206, DATE "Cache-Control: max-age=9\n", false }, /* 3.3 */
	{ "", 200, DATE "Content-Range: bytes 0-1/2\n", false },
	/* what Apple does not keep */
	{ "", 199, DATE "Cache-Control: max-age=9\n", false },
	{ "", 300, DATE "Cache-Control: max-age=9\n", false },
	{ "", 301, DATE "Cache-Control: max-age=9\n", false },
	{ "", 404, DATE "Cache-Control: max-age=9\n", false },
	{ "", 500, DATE "Cache-Control: max-age=9\n", false },
	{ "", 200, DATE "Cache-Control: no-store\n", false }, /* 5.2.2.5 */
	{ "", 200, DATE "Cache-Control: max-age=9, no-store\n", false },
	{ "", 200, DATE "Cache-Control: no-cache\n", true }, /* 5.2.2.4 */
	{ "", 200, DATE "Cache-Control: private\n", true }, /* 5.2.2.7 */
	{ "", 200, DATE "Set-Cookie: a=b\n", true }, /* 7.3 */
	{ "Cache-Control: no-store\n", 200, DATE, false }, /* 5.2.1.5 */
	{ "Cache-Control: no-cache\n", 200, DATE, true },
	{ "Authorization: Basic eA==\n", 200, DATE "Cache-Control: public\n", false },
	{ "Range: bytes=0-1\n", 200, DATE, false },
	{ "If-None-Match: \"a\"\n", 200, DATE, false },
	{ "If-Modified-Since: x\n", 200, DATE, false },
	{ "If-Match: \"a\"\n", 200, DATE, false },
	{ "If-Unmodified-Since: x\n", 200, DATE, false },
	{ "If-Range: \"a\"\n", 200, DATE, false },
	{ "Accept: a/b\n", 200, DATE, true },
	{ "", 200, DATE "WWW-Authenticate: Basic\n", false },
	{ "", 200, DATE "Proxy-Authenticate: Basic\n", false },
	{ "", 200, DATE "Vary: Accept\n", true }, /* 4.1 */
	{ "", 200, DATE "Vary: Accept, *\n", false },
	{ "", 200, DATE "Vary: Accept\nVary: *\n", false },
	{ "", 200, DATE "Vary: cookie\n", false },
	{ "", 200, DATE "Vary: Accept, Authorization\n", false },
	/* transferd has left out some, or all */
	{ "", 200, "", false },
	{ "", 200, MANY, false },
};

START_TEST(keeps)
{
	struct text_headers asked = fields_of(answers[_i].asked);
	struct text_headers fields = fields_of(answers[_i].fields);
	const struct cache_exchange exchange = { .asked = &asked,
		.status = answers[_i].status,
		.fields = &fields,
		.asked_wall_usec = NOW_US,
		.answered_wall_usec = NOW_US };

	ck_assert_int_eq(cache_rules_may_keep(&exchange), answers[_i].is_kept);
	text_headers_done(&asked);
	text_headers_done(&fields);
}
END_TEST

static const struct {
	int status;
	const char *fields;
	int64_t lifetime_s;
	bool is_explicit;
} lifetimes[] = {
	{ 200, DATE, 0, false },
	{ 200, DATE "Cache-Control: max-age=60\n", 60, true }, /* 4.2.1 */
	{ 200, DATE "Cache-Control: max-age=60\nExpires: Thu, 02 Jan 2025 00:00:00 GMT\n", 60,
		true },
	{ 200, DATE "Cache-Control: s-maxage=60\nExpires: Wed, 01 Jan 2025 00:00:09 GMT\n", 9,
		true },
	{ 200, DATE "Expires: Wed, 01 Jan 2025 00:01:00 GMT\n", 60, true }, /* 5.3 */
	{ 200, "Date: Tue, 31 Dec 2024 23:59:00 GMT\nExpires: Wed, 01 Jan 2025 00:01:00 GMT\n", 120,
		true },
	{ 200, "Expires: Wed, 01 Jan 2025 00:01:00 GMT\n", 60, true },
	{ 200, DATE "Expires: Tue, 31 Dec 2024 23:00:00 GMT\n", 0, true },
	{ 200, DATE "Expires: 0\n", 0, true },
	{ 200, DATE "Expires: soon\n", 0, true },
	{ 200, DATE "Expires: Wed, 01 Jan 2025 00:01:00 GMT\nExpires: 0\n", 0, true },
	{ 200,
		DATE "Expires: Wed, 01 Jan 2025 00:01:00 GMT\n"
		     "Expires: Wed, 01 Jan 2025 00:00:30 GMT\n",
		30, true },
	{ 200, DATE "Cache-Control: max-age=60, no-cache\n", 0, true }, /* 5.2.2.4 */
	{ 200, DATE "Pragma: no-cache\nExpires: Wed, 01 Jan 2025 00:01:00 GMT\n", 0, true },
	/* 4.2.2 */
	{ 200, DATE "Last-Modified: Tue, 31 Dec 2024 23:50:00 GMT\n", 60, false },
	{ 200, DATE "Last-Modified: Sat, 01 Jan 2000 00:00:00 GMT\n", CACHE_RULES_GUESS_MAX_S,
		false },
	{ 200, DATE "Last-Modified: Thu, 02 Jan 2025 00:00:00 GMT\n", 0, false },
	{ 200, DATE "Last-Modified: lately\n", 0, false },
	{ 201, DATE "Last-Modified: Tue, 31 Dec 2024 23:50:00 GMT\nCache-Control: private\n", 0,
		false },
	{ 200, DATE "Last-Modified: Tue, 31 Dec 2024 23:50:00 GMT\nExpires: 0\n", 0, true },
	{ 200, DATE "Last-Modified: Tue, 31 Dec 2024 23:50:00 GMT\nCache-Control: max-age=x\n", 0,
		true },
};

START_TEST(is_good_for)
{
	struct text_headers fields = fields_of(lifetimes[_i].fields), none = { 0 };
	const struct cache_exchange exchange = { .asked = &none,
		.status = lifetimes[_i].status,
		.fields = &fields,
		.asked_wall_usec = NOW_US,
		.answered_wall_usec = NOW_US };

	ck_assert_int_eq(cache_rules_lifetime_s(&exchange), lifetimes[_i].lifetime_s);
	ck_assert_int_eq(cache_rules_is_explicit(&fields), lifetimes[_i].is_explicit);
	text_headers_done(&fields);
}
END_TEST

/* 4.2.3; seconds from NOW_S */
static const struct {
	const char *fields;
	int64_t asked_s, answered_s, now_s, age_s;
} ages[] = {
	{ DATE, 0, 0, 0, 0 },
	{ DATE, 0, 0, 7, 7 },
	{ DATE, 0, 2, 7, 7 },
	{ DATE "Age: 10\n", 0, 2, 7, 17 },
	{ DATE "Age: 10, 900\n", 0, 0, 7, 17 }, /* 5.1 */
	{ DATE "Age: x\n", 0, 0, 7, 7 },
	{ DATE "Age: -5\n", 0, 0, 7, 7 },
	{ DATE "Age: 99999999999999\n", 0, 0, 0, INT64_C(1) << 31 },
	{ "Date: Tue, 31 Dec 2024 23:59:00 GMT\n", 0, 0, 0, 60 },
	{ "Date: Tue, 31 Dec 2024 23:59:00 GMT\nAge: 100\n", 0, 0, 0, 100 },
	{ "Date: Thu, 02 Jan 2025 00:00:00 GMT\n", 0, 0, 7, 7 }, /* its clock is ahead of ours */
	{ "Server: x\n", 0, 0, 7, 7 },
	{ DATE, 0, 5, 4, -1 }, /* ours went back */
	{ DATE, 5, 0, 7, -1 },
	{ DATE, 0, 0, -315360000, -1 },
	{ DATE, 0, 0, 315360000, 315360000 },
};

START_TEST(is_so_old)
{
	struct text_headers fields = fields_of(ages[_i].fields), none = { 0 };
	const struct cache_exchange exchange = { .asked = &none,
		.status = 200,
		.fields = &fields,
		.asked_wall_usec = (uint64_t)(NOW_S + ages[_i].asked_s) * 1000000,
		.answered_wall_usec = (uint64_t)(NOW_S + ages[_i].answered_s) * 1000000 };

	ck_assert_int_eq(cache_rules_age_s(&exchange, (uint64_t)(NOW_S + ages[_i].now_s) * 1000000),
		ages[_i].age_s);
	text_headers_done(&fields);
}
END_TEST

#define GOOD    DATE "Cache-Control: max-age=60\nETag: \"a\"\n"
#define OLD     DATE "Cache-Control: max-age=20\nETag: \"a\"\n"
#define OLD_BAD DATE "Cache-Control: max-age=20\n"

/* Thirty seconds after the answer; stored NULL: nothing is. */
static const struct {
	const char *stored, *asked;
	enum transfer_cache_policy policy;
	enum cache_use use;
} uses[] = {
	{ NULL, "", TRANSFER_CACHE_USE_PROTOCOL, CACHE_USE_NONE },
	{ GOOD, "", TRANSFER_CACHE_USE_PROTOCOL, CACHE_USE },
	{ OLD, "", TRANSFER_CACHE_USE_PROTOCOL, CACHE_USE_IF_VALID }, /* 4.2, 4.3 */
	{ OLD_BAD, "", TRANSFER_CACHE_USE_PROTOCOL, CACHE_USE_NONE },
	{ DATE "Cache-Control: max-age=30\n", "", TRANSFER_CACHE_USE_PROTOCOL, CACHE_USE_NONE },
	{ DATE "Cache-Control: max-age=31\n", "", TRANSFER_CACHE_USE_PROTOCOL, CACHE_USE },
	{ OLD_BAD "Last-Modified: Tue, 31 Dec 2024 00:00:00 GMT\n", "", TRANSFER_CACHE_USE_PROTOCOL,
		CACHE_USE_IF_VALID },
	{ OLD_BAD "Last-Modified: lately\n", "", TRANSFER_CACHE_USE_PROTOCOL, CACHE_USE_NONE },
	{ DATE "Cache-Control: max-age=60, no-cache\nETag: \"a\"\n", "",
		TRANSFER_CACHE_USE_PROTOCOL, CACHE_USE_IF_VALID },
	{ GOOD, "Cache-Control: no-cache\n", TRANSFER_CACHE_USE_PROTOCOL,
		CACHE_USE_IF_VALID }, /* 5.2.1.4 */
	{ GOOD, "Pragma: no-cache\n", TRANSFER_CACHE_USE_PROTOCOL, CACHE_USE_IF_VALID },
	{ GOOD, "Cache-Control: max-age=30\n", TRANSFER_CACHE_USE_PROTOCOL,
		CACHE_USE }, /* 5.2.1.1 */
	{ GOOD, "Cache-Control: max-age=29\n", TRANSFER_CACHE_USE_PROTOCOL, CACHE_USE_IF_VALID },
	{ OLD, "Cache-Control: max-age=60\n", TRANSFER_CACHE_USE_PROTOCOL, CACHE_USE_IF_VALID },
	{ GOOD, "Cache-Control: min-fresh=30\n", TRANSFER_CACHE_USE_PROTOCOL,
		CACHE_USE }, /* 5.2.1.3 */
	{ GOOD, "Cache-Control: min-fresh=31\n", TRANSFER_CACHE_USE_PROTOCOL, CACHE_USE_IF_VALID },
	{ OLD, "Cache-Control: max-stale\n", TRANSFER_CACHE_USE_PROTOCOL, CACHE_USE }, /* 5.2.1.2 */
	{ OLD, "Cache-Control: max-stale=10\n", TRANSFER_CACHE_USE_PROTOCOL, CACHE_USE },
	{ OLD, "Cache-Control: max-stale=9\n", TRANSFER_CACHE_USE_PROTOCOL, CACHE_USE_IF_VALID },
	{ OLD, "Cache-Control: max-stale, max-age=29\n", TRANSFER_CACHE_USE_PROTOCOL,
		CACHE_USE_IF_VALID },
	/* 4.2.4, 5.2.2.2 */
	{ OLD "Cache-Control: must-revalidate\n", "Cache-Control: max-stale\n",
		TRANSFER_CACHE_USE_PROTOCOL, CACHE_USE_IF_VALID },
	{ OLD "Cache-Control: no-cache\n", "Cache-Control: max-stale\n",
		TRANSFER_CACHE_USE_PROTOCOL, CACHE_USE_IF_VALID },
	{ NULL, "Cache-Control: only-if-cached\n", TRANSFER_CACHE_USE_PROTOCOL,
		CACHE_USE_FAIL }, /* 5.2.1.7 */
	{ OLD, "Cache-Control: only-if-cached\n", TRANSFER_CACHE_USE_PROTOCOL, CACHE_USE_FAIL },
	{ GOOD, "Cache-Control: only-if-cached\n", TRANSFER_CACHE_USE_PROTOCOL, CACHE_USE },
	/* NSURLRequestCachePolicy */
	{ GOOD, "", TRANSFER_CACHE_RELOAD, CACHE_USE_NONE },
	{ GOOD, "", TRANSFER_CACHE_RELOAD_EVERYWHERE, CACHE_USE_NONE },
	{ OLD_BAD, "", TRANSFER_CACHE_RETURN_ELSE_LOAD, CACHE_USE },
	{ NULL, "", TRANSFER_CACHE_RETURN_ELSE_LOAD, CACHE_USE_NONE },
	{ OLD_BAD, "", TRANSFER_CACHE_RETURN_DONT_LOAD, CACHE_USE },
	{ NULL, "", TRANSFER_CACHE_RETURN_DONT_LOAD, CACHE_USE_FAIL },
	{ GOOD, "", TRANSFER_CACHE_REVALIDATE, CACHE_USE_IF_VALID },
	{ OLD_BAD, "", TRANSFER_CACHE_REVALIDATE, CACHE_USE_NONE },
	{ NULL, "", TRANSFER_CACHE_REVALIDATE, CACHE_USE_NONE },
};

START_TEST(is_used)
{
	struct text_headers asked = fields_of(uses[_i].asked);
	struct text_headers fields = fields_of(uses[_i].stored ? uses[_i].stored : "");
	const struct cache_exchange stored = { .asked = &asked,
		.status = 200,
		.fields = &fields,
		.asked_wall_usec = NOW_US,
		.answered_wall_usec = NOW_US };

	ck_assert_int_eq(cache_rules_judge(uses[_i].stored ? &stored : NULL, &asked,
				 uses[_i].policy, NOW_US + UINT64_C(30000000)),
		uses[_i].use);
	text_headers_done(&asked);
	text_headers_done(&fields);
}
END_TEST

/* Ten years forth and back. */
START_TEST(is_stale_after_a_jump)
{
	struct text_headers fields = fields_of(GOOD), none = { 0 };
	const struct cache_exchange stored = { .asked = &none,
		.status = 200,
		.fields = &fields,
		.asked_wall_usec = NOW_US,
		.answered_wall_usec = NOW_US };
	uint64_t jump_usec = UINT64_C(315360000) * 1000000;

	ck_assert_int_eq(
		cache_rules_judge(&stored, &none, TRANSFER_CACHE_USE_PROTOCOL, NOW_US), CACHE_USE);
	ck_assert_int_eq(
		cache_rules_judge(&stored, &none, TRANSFER_CACHE_USE_PROTOCOL, NOW_US + jump_usec),
		CACHE_USE_IF_VALID);
	ck_assert_int_eq(
		cache_rules_judge(&stored, &none, TRANSFER_CACHE_USE_PROTOCOL, NOW_US - jump_usec),
		CACHE_USE_IF_VALID);
	text_headers_done(&fields);
}
END_TEST

/* 4.3.4 */
static const struct {
	const char *stored, *fields;
	bool is_confirmed;
} confirmations[] = {
	{ "ETag: \"a\"\n", DATE, true },
	{ "ETag: \"a\"\n", "ETag: \"a\"\n", true },
	{ "ETag: W/\"a\"\n", "ETag: \"a\"\n", true },
	{ "ETag: \"a\"\n", "ETag: \"b\"\n", false },
	{ "Last-Modified: x\n", "ETag: \"b\"\n", false },
	{ "Last-Modified: x\n", DATE, true },
	{ "Last-Modified: x\n", "Last-Modified: x\n", true },
	{ "Last-Modified: x\n", "Last-Modified: y\n", false },
	{ "ETag: \"a\"\nLast-Modified: x\n", "ETag: \"a\"\nLast-Modified: y\n", true },
};

START_TEST(is_confirmed)
{
	struct text_headers stored = fields_of(confirmations[_i].stored);
	struct text_headers fields = fields_of(confirmations[_i].fields);

	ck_assert_int_eq(
		cache_rules_is_confirmed(&stored, &fields), confirmations[_i].is_confirmed);
	text_headers_done(&stored);
	text_headers_done(&fields);
}
END_TEST

/* 3.2 */
static const struct {
	const char *stored, *fields, *want;
} renewals[] = {
	{ "A: 1\nB: 2\n", "", "A: 1\nB: 2\n" },
	{ "A: 1\nB: 2\n", "B: 3\nC: 4\n", "A: 1\nB: 3\nC: 4\n" },
	{ "A: 1\nA: 2\n", "a: 3\na: 4\n", "a: 3\na: 4\n" },
	{ "Content-Length: 9\n", "Content-Length: 0\n", "Content-Length: 9\n" },
	{ "Content-Encoding: gzip\nContent-Type: a/b\n",
		"Content-Encoding: br\nContent-Type: c/d\n",
		"Content-Encoding: gzip\nContent-Type: a/b\n" },
	{ "X: 1\n", "Connection: close, x\nX: 2\nProxy-Connection: a\nUpgrade: b\n", "X: 1\n" },
	{ "X: 1\n", "Transfer-Encoding: chunked\nKeep-Alive: a\n", "X: 1\n" },
	{ "Warning: 110\nETag: \"a\"\n", "ETag: W/\"a\"\n", "Warning: 110\nETag: W/\"a\"\n" },
};

START_TEST(renews)
{
	struct text_headers stored = fields_of(renewals[_i].stored);
	struct text_headers fields = fields_of(renewals[_i].fields);
	struct text_headers want = fields_of(renewals[_i].want), got = { 0 };

	ck_assert_int_eq(cache_rules_renew(&stored, &fields, &got), 0);
	ck_assert_uint_eq(got.n_fields, want.n_fields);
	for (size_t i = 0; i < got.n_fields; i++) {
		ck_assert_str_eq(got.fields[i].name, want.fields[i].name);
		ck_assert_str_eq(got.fields[i].value, want.fields[i].value);
	}
	text_headers_done(&stored);
	text_headers_done(&fields);
	text_headers_done(&want);
	text_headers_done(&got);
}
END_TEST

/* 4.4 */
static const struct {
	const char *method;
	int status;
	bool invalidates;
} methods[] = {
	{ NULL, 200, false },
	{ "GET", 200, false },
	{ "HEAD", 200, false },
	{ "OPTIONS", 200, false },
	{ "POST", 200, true },
	{ "PUT", 204, true },
	{ "PATCH", 201, true },
	{ "DELETE", 303, true },
	{ "M-SEARCH", 200, true },
	{ "POST", 400, false },
	{ "POST", 500, false },
	{ "POST", 0, false },
};

START_TEST(invalidates)
{
	ck_assert_int_eq(cache_rules_invalidates(methods[_i].method, methods[_i].status),
		methods[_i].invalidates);
}
END_TEST

RUN_TESTS("client-lib/cache-rules", TEST_EACH(reads_directives, controls),
	TEST_EACH(keeps, answers), TEST_EACH(is_good_for, lifetimes), TEST_EACH(is_so_old, ages),
	TEST_EACH(is_used, uses), TEST(is_stale_after_a_jump),
	TEST_EACH(is_confirmed, confirmations), TEST_EACH(renews, renewals),
	TEST_EACH(invalidates, methods))
