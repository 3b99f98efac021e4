/* SPDX-License-Identifier: MIT */
/* Caches in memory: what is found, what goes when it is full, and whose cache it is. */
#include "client-lib/cache.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <transfer/configuration-store.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "client-lib/text.h"
#include "tests/client-lib/cache-rig.h"
#include "tests/lib/run.h"

/* SW-100 */
START_TEST(finds_what_was_stored)
{
	transfer_auto(transfer_request) request = cache_request_of("a");
	transfer_auto(transfer_cached_response)
		cached = cache_answer_of("one", NULL, TRANSFER_STORAGE_ALLOWED);
	transfer_cached_response *is;

	cache_begin(64 * KIB);
	ck_assert_ptr_null(transfer_cache_find(cache, request));
	ck_assert_int_eq(transfer_cache_store(cache, request, cached), 0);
	is = transfer_cache_find(cache, request);
	ck_assert_ptr_eq(is, cached);
	transfer_cached_response_unref(is);
	ck_assert_ptr_null(cache_get(cache, "b"));
	ck_assert_str_eq(cache_get(cache, "a#f"), "one");
	ck_assert_uint_gt(transfer_cache_get_memory_usage(cache), 3);
	ck_assert_uint_eq(transfer_cache_get_disk_usage(cache), 0);
	cache_end();
}
END_TEST

START_TEST(replaces)
{
	uint64_t usage;

	cache_begin(64 * KIB);
	ck_assert_int_eq(cache_put("a", "one"), 0);
	usage = transfer_cache_get_memory_usage(cache);
	ck_assert_int_eq(cache_put("a", "two"), 0);
	ck_assert_str_eq(cache_get(cache, "a"), "two");
	ck_assert_uint_eq(transfer_cache_get_memory_usage(cache), usage);
	cache_end();
}
END_TEST

START_TEST(knows_get_only)
{
	transfer_auto(transfer_request) request = cache_request_of("a");
	transfer_auto(transfer_cached_response)
		cached = cache_answer_of("one", NULL, TRANSFER_STORAGE_ALLOWED);

	cache_begin(64 * KIB);
	ck_assert_int_eq(cache_put("a", "one"), 0);
	ck_assert_int_eq(transfer_request_set_method(request, "POST"), 0);
	ck_assert_ptr_null(transfer_cache_find(cache, request));
	ck_assert_int_eq(transfer_cache_store(cache, request, cached), -EINVAL);
	transfer_cache_remove(cache, request);
	ck_assert_str_eq(cache_get(cache, "a"), "one");
	ck_assert_int_eq(transfer_request_set_method(request, "GET"), 0);
	transfer_cache_remove(cache, request);
	ck_assert_ptr_null(cache_get(cache, "a"));
	ck_assert_uint_eq(transfer_cache_get_memory_usage(cache), 0);
	cache_end();
}
END_TEST

START_TEST(keeps_what_may_be_kept)
{
	transfer_auto(transfer_request) request = cache_request_of("a");
	transfer_auto(transfer_cached_response)
		star = cache_answer_of("one", "*", TRANSFER_STORAGE_ALLOWED);
	transfer_auto(transfer_cached_response) refused = transfer_cached_response_new(
		transfer_cached_response_get_response(star), NULL, TRANSFER_STORAGE_NOT_ALLOWED);

	cache_begin(64 * KIB);
	ck_assert_int_eq(transfer_cache_store(cache, request, star), 0);
	ck_assert_int_eq(transfer_cache_store(cache, request, refused), 0);
	ck_assert_ptr_null(cache_get(cache, "a"));
	ck_assert_ptr_null(transfer_cached_response_new(transfer_cached_response_get_response(star),
		NULL, TRANSFER_STORAGE_NOT_ALLOWED + 1));
	ck_assert_ptr_null(transfer_cached_response_new(NULL, NULL, TRANSFER_STORAGE_ALLOWED));
	cache_end();
}
END_TEST

/* what was used longest ago goes first */
START_TEST(is_bounded)
{
	char body[10 * KIB];

	memset(body, 'x', sizeof(body));
	body[sizeof(body) - 1] = '\0';
	cache_begin(33 * KIB);
	ck_assert_int_eq(cache_put("a", body), 0);
	ck_assert_int_eq(cache_put("b", body), 0);
	ck_assert_int_eq(cache_put("c", body), 0);
	ck_assert_ptr_nonnull(cache_get(cache, "a"));
	ck_assert_int_eq(cache_put("d", body), 0);
	ck_assert_ptr_null(cache_get(cache, "b"));
	ck_assert_ptr_nonnull(cache_get(cache, "c"));
	ck_assert_ptr_nonnull(cache_get(cache, "a"));
	ck_assert_uint_le(transfer_cache_get_memory_usage(cache), 33 * KIB);
	transfer_cache_set_memory_capacity(cache, 22 * KIB);
	ck_assert_uint_eq(transfer_cache_get_memory_capacity(cache), 22 * KIB);
	ck_assert_uint_le(transfer_cache_get_memory_usage(cache), 22 * KIB);
	ck_assert_ptr_null(cache_get(cache, "d"));
	ck_assert_ptr_nonnull(cache_get(cache, "a"));
	transfer_cache_set_memory_capacity(cache, 0);
	ck_assert_uint_eq(transfer_cache_get_memory_usage(cache), 0);
	ck_assert_ptr_null(cache_get(cache, "a"));
	ck_assert_int_eq(cache_put("e", ""), 0);
	ck_assert_ptr_null(cache_get(cache, "e"));
	cache_end();
}
END_TEST

START_TEST(removes_by_time)
{
	uint64_t between;

	cache_begin(64 * KIB);
	ck_assert_int_eq(cache_put("a", "one"), 0);
	between = clock_wall_us() + 1;
	while (clock_wall_us() < between)
		;
	ck_assert_int_eq(cache_put("b", "two"), 0);
	ck_assert_int_eq(cache_put("c", "three"), 0);
	transfer_cache_remove_since(cache, between);
	ck_assert_str_eq(cache_get(cache, "a"), "one");
	ck_assert_ptr_null(cache_get(cache, "b"));
	ck_assert_ptr_null(cache_get(cache, "c"));
	transfer_cache_remove_all(cache);
	ck_assert_ptr_null(cache_get(cache, "a"));
	cache_end();
}
END_TEST

/* ---- what tasks use ---- */

struct asked {
	struct cache_request request;
	struct text_headers fields;
};

static void ask(struct asked *asked, const char *language)
{
	*asked = (struct asked){ .request.url = "http://a.example/v" };
	ck_assert_int_eq(text_headers_add(&asked->fields, "Language", language), 0);
	asked->request.fields = &asked->fields;
}

static void keep(const char *language, const char *body, const char *vary)
{
	transfer_auto(transfer_cached_response)
		cached = cache_answer_of(body, vary, TRANSFER_STORAGE_ALLOWED);
	struct cache_times times = { 1, 2 };
	struct asked asked;

	ask(&asked, language);
	ck_assert_int_eq(cache_keep(cache, &asked.request, cached, times, CACHE_IN_MEMORY), 0);
	text_headers_done(&asked.fields);
}

/* a reference, or NULL */
static struct cache_entry *look(const char *language)
{
	struct cache_entry *entry;
	struct asked asked;

	ask(&asked, language);
	ck_assert_int_eq(
		cache_look(cache, &asked.request, &entry), entry ? CACHE_FOUND : CACHE_MISS);
	text_headers_done(&asked.fields);
	return entry;
}

static void check_look(const char *language, const char *want)
{
	struct cache_entry *entry = look(language);
	const transfer_data *body;

	ck_assert_int_eq(entry != NULL, want != NULL);
	if (!want)
		return;
	body = transfer_cached_response_get_body(entry->cached);
	ck_assert_uint_eq(transfer_data_get_size(body), strlen(want));
	ck_assert_mem_eq(transfer_data_get_bytes(body), want, strlen(want));
	ck_assert_uint_eq(entry->times.answered_wall_usec, 2);
	cache_entry_unref(entry);
}

START_TEST(keeps_variants)
{
	cache_begin(64 * KIB);
	keep("de", "hallo", "Language");
	keep("en", "hello", "language");
	check_look("de", "hallo");
	check_look("en", "hello");
	check_look("fr", NULL);
	keep("en", "hi", "Language");
	check_look("en", "hi");
	/* it depends on nothing any more: what this request would have found goes, and the newest wins */
	keep("de", "all", NULL);
	check_look("de", "all");
	check_look("fr", "all");
	cache_forget_url(cache, "HTTP://A.example:80/v");
	check_look("en", NULL);
	check_look("de", NULL);
	ck_assert_uint_eq(transfer_cache_get_memory_usage(cache), 0);
	cache_end();
}
END_TEST

START_TEST(bounds_variants)
{
	char language[16];

	cache_begin(64 * KIB);
	for (int i = 0; i < 3 * CACHE_VARIANTS_MAX; i++) {
		snprintf(language, sizeof(language), "%d", i);
		keep(language, language, "Language");
	}
	for (int i = 0; i < 3 * CACHE_VARIANTS_MAX; i++) {
		snprintf(language, sizeof(language), "%d", i);
		check_look(language, i < 2 * CACHE_VARIANTS_MAX ? NULL : language);
	}
	cache_end();
}
END_TEST

static struct cache_entry *renew(const struct cache_entry *entry, int status)
{
	transfer_auto(transfer_response)
		response = transfer_response_new_http("http://a.example/v", status, NULL, 0);
	struct cache_entry *renewed;

	ck_assert_int_eq(
		cache_renew(cache, entry, response, (struct cache_times){ 3, 2 }, &renewed), 0);
	ck_assert_int_eq(transfer_response_get_status(
				 transfer_cached_response_get_response(renewed->cached)),
		status);
	ck_assert_ptr_eq(transfer_cached_response_get_body(renewed->cached),
		transfer_cached_response_get_body(entry->cached));
	return renewed;
}

/* and nothing that went meanwhile comes back */
START_TEST(renews)
{
	struct cache_entry *old, *renewed, *is;

	cache_begin(64 * KIB);
	keep("de", "hallo", "Language");
	old = look("de");
	renewed = renew(old, 201);
	is = look("de");
	ck_assert_ptr_eq(is, renewed);
	cache_entry_unref(is);
	cache_entry_unref(renew(old, 202)); /* of what was replaced */
	check_look("de", "hallo");
	is = look("de");
	ck_assert_ptr_eq(is, renewed);
	cache_clear(cache);
	cache_entry_unref(renew(is, 203));
	check_look("de", NULL);
	cache_entry_unref(is);
	cache_entry_unref(renewed);
	cache_entry_unref(old);
	cache_end();
}
END_TEST

START_TEST(has_room_for_a_part)
{
	char body[11 * KIB];

	memset(body, 'x', sizeof(body));
	body[sizeof(body) - 1] = '\0';
	cache_begin(200 * KIB);
	ck_assert_uint_eq(cache_room(cache), 10 * KIB);
	keep("de", body, NULL);
	check_look("de", NULL);
	body[10 * KIB] = '\0';
	keep("de", body, NULL);
	check_look("de", body);
	cache_end();
}
END_TEST

/* ---- whose ---- */

START_TEST(has_names)
{
	transfer_cache *shared = transfer_cache_get("shared");

	ck_assert_ptr_nonnull(shared);
	ck_assert_ptr_eq(transfer_cache_get("shared"), shared);
	ck_assert_ptr_ne(transfer_cache_get("other"), shared);
	ck_assert_ptr_null(transfer_cache_get(""));
	ck_assert_ptr_null(transfer_cache_get(NULL));
	ck_assert_ptr_null(transfer_cache_get("\xff"));
	ck_assert_uint_eq(transfer_cache_get_memory_capacity(shared), CACHE_MEMORY_BYTES);
}
END_TEST

static transfer_cache *opened(const transfer_config *config)
{
	transfer_cache *is;

	ck_assert_int_eq(cache_open(config, &is), 0);
	transfer_cache_unref(is); /* whoever it is; compared only */
	return is;
}

START_TEST(configurations_choose)
{
	transfer_auto(transfer_config) config = transfer_config_new_default();
	transfer_auto(transfer_config) ephemeral = transfer_config_new_ephemeral();
	transfer_auto(transfer_config) background = transfer_config_new_background("b");
	transfer_cache *own;

	cache_begin(64 * KIB);
	ck_assert_ptr_null(opened(config));
	ck_assert_int_eq(transfer_config_set_cache(config, "shared"), 0);
	ck_assert_ptr_eq(opened(config), transfer_cache_get("shared"));
	ck_assert_int_eq(transfer_config_set_cache(config, "other"), 0);
	ck_assert_ptr_eq(opened(config), transfer_cache_get("other"));
	ck_assert_int_eq(transfer_config_set_app_id(config, "org.example.App"), 0);
	ck_assert_ptr_nonnull(opened(config));
	ck_assert_ptr_ne(opened(config), transfer_cache_get("other"));
	ck_assert_int_eq(transfer_config_set_cache_object(config, cache), 0);
	ck_assert_ptr_eq(opened(config), cache);
	ck_assert_ptr_eq(transfer_config_get_cache_object(config), cache);
	ck_assert_int_eq(transfer_config_set_cache_object(config, NULL), 0);
	ck_assert_int_eq(transfer_config_set_cache(config, NULL), 0);
	ck_assert_ptr_null(opened(config));
	ck_assert_int_eq(transfer_config_set_cache(background, "other"), 0);
	ck_assert_int_eq(transfer_config_set_cache_object(background, cache), 0);
	ck_assert_ptr_null(opened(background));
	ck_assert_ptr_null(opened(ephemeral));
	ck_assert_int_eq(transfer_config_set_cache(ephemeral, ""), 0);
	ck_assert_int_eq(cache_open(ephemeral, &own), 0);
	ck_assert_uint_eq(transfer_cache_get_disk_capacity(own), 0);
	ck_assert_uint_eq(transfer_cache_get_memory_capacity(own), CACHE_MEMORY_BYTES);
	transfer_cache_unref(own);
	cache_end();
}
END_TEST

/* an ephemeral session's is emptied with it, one of the process is not */
START_TEST(its_own_is_emptied)
{
	transfer_auto(transfer_config) ephemeral = transfer_config_new_ephemeral();

	ck_assert_int_eq(transfer_config_set_cache(ephemeral, ""), 0);
	ck_assert_int_eq(cache_open(ephemeral, &cache), 0);
	ck_assert_int_eq(cache_put("a", "one"), 0);
	cache_leave(cache);
	ck_assert_ptr_null(cache_get(cache, "a"));
	transfer_cache_unref(cache);
	cache_begin(64 * KIB);
	ck_assert_int_eq(cache_put("a", "one"), 0);
	cache_leave(cache);
	ck_assert_str_eq(cache_get(cache, "a"), "one");
	cache_leave(NULL);
	cache_end();
}
END_TEST

static void look_into(void *userdata)
{
	ck_assert_ptr_null(cache_get(cache, "a"));
	++*(unsigned int *)userdata;
}

/* what goes may be the program's, and that may use the cache */
START_TEST(frees_without_its_lock)
{
	transfer_auto(transfer_request) request = cache_request_of("a");
	transfer_auto(transfer_response)
		response = transfer_response_new_http("http://a.example/", 200, NULL, 0);
	static char bytes[] = "mine";
	unsigned int n_freed = 0;
	transfer_data *body = transfer_data_new_take(bytes, 4, look_into, &n_freed);
	transfer_cached_response *cached = transfer_cached_response_new(
		response, body, TRANSFER_STORAGE_ALLOWED);

	transfer_data_unref(body);
	cache_begin(64 * KIB);
	ck_assert_int_eq(transfer_cache_store(cache, request, cached), 0);
	transfer_cached_response_unref(cached);
	ck_assert_uint_eq(n_freed, 0);
	transfer_cache_set_memory_capacity(cache, 0);
	ck_assert_uint_eq(n_freed, 1);
	cache_end();
}
END_TEST

RUN_TESTS("client-lib/cache", TEST(finds_what_was_stored), TEST(replaces), TEST(knows_get_only),
	TEST(keeps_what_may_be_kept), TEST(is_bounded), TEST(removes_by_time), TEST(keeps_variants),
	TEST(bounds_variants), TEST(renews), TEST(has_room_for_a_part), TEST(has_names),
	TEST(configurations_choose), TEST(its_own_is_emptied), TEST(frees_without_its_lock))
