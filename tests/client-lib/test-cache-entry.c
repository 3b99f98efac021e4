/* SPDX-License-Identifier: MIT */
/* Entries of a cache: which URLs are the same, and for which requests an answer is one. */
#include "client-lib/cache-entry.h"

#include <string.h>

#include "base/cleanup.h"
#include "client-lib/text.h"
#include "tests/lib/run.h"

static const struct {
	const char *in, *want;
} urls[] = {
	{ "http://a.example/x", "http://a.example/x" },
	{ "HTTP://A.Example/X?Y#z", "http://a.example/X?Y" },
	{ "http://a.example", "http://a.example/" },
	{ "http://a.example?q", "http://a.example/?q" },
	{ "http://a.example#f", "http://a.example/" },
	{ "http://a.example:80", "http://a.example/" },
	{ "http://a.example:/", "http://a.example/" },
	{ "http://a.example:443/", "http://a.example:443/" },
	{ "https://a.example:443/p:443", "https://a.example/p:443" },
	{ "https://a.example:80/", "https://a.example:80/" },
	{ "http://[::1]:80/", "http://[::1]/" },
	{ "http://[2001:DB8::80]/", "http://[2001:db8::80]/" },
	{ "http://U:P@A.example:80/", "http://U:P@a.example/" },
	{ "own://Host:80/", "own://host:80/" },
	{ "own:Whatever#x", "own:Whatever" },
	{ "", "" },
};

START_TEST(writes_urls_in_one_way)
{
	cleanup_(cleanup_free) char *url = cache_url(urls[_i].in);

	ck_assert_ptr_nonnull(url);
	ck_assert_str_eq(url, urls[_i].want);
}
END_TEST

START_TEST(bounds_urls)
{
	char *long_url = malloc(CACHE_URL_MAX_BYTES + 2), *url;

	memset(long_url, 'a', CACHE_URL_MAX_BYTES + 1);
	long_url[CACHE_URL_MAX_BYTES + 1] = '\0';
	ck_assert_ptr_null(cache_url(long_url));
	ck_assert_ptr_null(cache_url(NULL));
	long_url[CACHE_URL_MAX_BYTES] = '\0';
	url = cache_url(long_url);
	ck_assert_str_eq(url, long_url);
	free(url);
	free(long_url);
}
END_TEST

START_TEST(knows_who_asks)
{
	ck_assert(cache_url_has_user("http://u:p@a.example/"));
	ck_assert(cache_url_has_user("http://u@a.example/"));
	ck_assert(!cache_url_has_user("http://a.example/@"));
	ck_assert(!cache_url_has_user("http://a.example/?a@b"));
	ck_assert(!cache_url_has_user("own:a@b"));
}
END_TEST

/* each bit of the input counts, and so does its length */
START_TEST(hashes)
{
	char bytes[40] = { 0 };
	uint64_t all = cache_hash(1, bytes, sizeof(bytes));

	for (size_t i = 0; i < 8 * sizeof(bytes); i++) {
		bytes[i / 8] = (char)(bytes[i / 8] ^ (1 << i % 8));
		ck_assert_uint_ne(cache_hash(1, bytes, sizeof(bytes)), all);
		bytes[i / 8] = 0;
	}
	for (size_t n = 0; n < sizeof(bytes); n++)
		ck_assert_uint_ne(cache_hash(1, bytes, n), all);
	ck_assert_uint_ne(cache_hash(2, bytes, sizeof(bytes)), all);
	ck_assert_uint_eq(cache_hash(1, bytes, sizeof(bytes)), all);
}
END_TEST

/* fields: "name: value" of a request, up to three */
static void set_fields(struct text_headers *fields, const char *const texts[3])
{
	for (size_t i = 0; i < 3 && texts[i]; i++) {
		cleanup_(cleanup_free) char *name = strdup(texts[i]);
		char *colon = strchr(name, ':');

		*colon = '\0';
		ck_assert_int_eq(text_headers_add(fields, name, colon + 2), 0);
	}
}

static const struct {
	const char *vary, *more_vary; /* of the answer */
	const char *kept[3], *asked[3]; /* of the request it was given to, and of another */
	bool matches;
} varies[] = {
	{ NULL, NULL, { "A: 1" }, { "A: 2" }, true },
	{ "", NULL, { "A: 1" }, { "A: 2" }, true },
	{ "A", NULL, { "A: 1" }, { "A: 1" }, true },
	{ "a", NULL, { "A: 1" }, { "a: 1", "B: 2" }, true },
	{ "A", NULL, { "A: 1" }, { "A: 2" }, false },
	{ "A", NULL, { "A: 1" }, { "B: 1" }, false },
	{ "A", NULL, { 0 }, { "A: 1" }, false },
	{ "A", NULL, { 0 }, { "A: " }, false },
	{ "A", NULL, { 0 }, { "B: 1" }, true },
	{ "A", NULL, { "A: 1", "A: 2" }, { "A: 1", "A: 2" }, true },
	{ "A", NULL, { "A: 1", "A: 2" }, { "A: 1, 2" }, true },
	{ "A", NULL, { "A: 1", "A: 2" }, { "A: 1" }, false },
	{ "A", NULL, { "A: 1" }, { "A: 1", "A: 2" }, false },
	{ "A , ,B", NULL, { "A: 1", "B: 2" }, { "B: 2", "A: 1" }, true },
	{ "A, B", NULL, { "A: 1", "B: 2" }, { "A: 1", "B: 3" }, false },
	{ "A", "B", { "A: 1", "B: 2" }, { "A: 1", "B: 3" }, false },
	{ "A", "B", { "A: 1", "B: 2" }, { "A: 1", "B: 2" }, true },
	{ "Ab", NULL, { "A: 1", "Ab: 2" }, { "A: 2", "Ab: 2" }, true },
	{ "A:b", NULL, { "A: 1" }, { "A: 1" }, false },
};

static struct cache_entry *entry_of(
	const char *vary, const char *more_vary, const struct text_headers *fields)
{
	struct transfer_field rows[] = { { "Vary", vary }, { "Vary", more_vary } };
	size_t n = more_vary ? 2 : vary ? 1 : 0;
	transfer_auto(transfer_response)
		response = transfer_response_new_http("http://a.example/", 200, rows, n);
	transfer_auto(transfer_cached_response) cached = NULL;
	cleanup_(cleanup_free) char *named = NULL;

	ck_assert_ptr_nonnull(response);
	cached = transfer_cached_response_new(response, NULL, TRANSFER_STORAGE_ALLOWED);
	ck_assert_int_eq(cache_vary(response, fields, &named), 0);
	return cache_entry_new("http://a.example/", named, cached, (struct cache_times){ 0 });
}

START_TEST(answers_whom_it_may)
{
	struct text_headers kept = { 0 }, asked = { 0 };
	struct cache_entry *entry;

	set_fields(&kept, varies[_i].kept);
	set_fields(&asked, varies[_i].asked);
	entry = entry_of(varies[_i].vary, varies[_i].more_vary, &kept);
	ck_assert(cache_entry_matches(entry, &asked) == varies[_i].matches);
	cache_entry_unref(entry);
	text_headers_done(&kept);
	text_headers_done(&asked);
}
END_TEST

static int vary_of(const char *vary)
{
	struct transfer_field row = { "Vary", vary };
	transfer_auto(transfer_response)
		response = transfer_response_new_http("http://a.example/", 200, &row, 1);
	cleanup_(cleanup_free) char *named = NULL;

	return cache_vary(response, NULL, &named);
}

START_TEST(some_answer_nobody)
{
	ck_assert_int_eq(vary_of("A"), 0);
	ck_assert_int_eq(vary_of("*"), 1);
	ck_assert_int_eq(vary_of("A, *"), 1);
	ck_assert_int_eq(vary_of("A*"), 0);
}
END_TEST

RUN_TESTS("client-lib/cache-entry", TEST_EACH(writes_urls_in_one_way, urls), TEST(bounds_urls),
	TEST(knows_who_asks), TEST(hashes), TEST_EACH(answers_whom_it_may, varies),
	TEST(some_answer_nobody))
