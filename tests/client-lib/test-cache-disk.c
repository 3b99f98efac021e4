/* SPDX-License-Identifier: MIT */
/* Caches with files: what is on the disk and when, capacities, what other processes do there, and what must not be used. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "client-lib/cache-disk.h"
#include "client-lib/text.h"
#include "tests/client-lib/cache-rig.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

static int put_as(const char *path, const char *body, enum transfer_storage_policy policy)
{
	transfer_auto(transfer_request) request = cache_request_of(path);
	transfer_auto(transfer_cached_response) cached = cache_answer_of(body, NULL, policy);

	return transfer_cache_store(cache, request, cached);
}

static void put_three(void)
{
	ck_assert_int_eq(cache_put("a", "one"), 0);
	ck_assert_int_eq(cache_put("b", "two"), 0);
	ck_assert_int_eq(cache_put("c", "three"), 0);
	ck_assert_uint_eq(cache_n_files(), 3);
}

static void check_three(transfer_cache *from)
{
	ck_assert_str_eq(cache_get(from, "a"), "one");
	ck_assert_str_eq(cache_get(from, "b"), "two");
	ck_assert_str_eq(cache_get(from, "c"), "three");
}

static void check_none(transfer_cache *from)
{
	ck_assert_ptr_null(cache_get(from, "a"));
	ck_assert_ptr_null(cache_get(from, "b"));
	ck_assert_ptr_null(cache_get(from, "c"));
}

/* SW-100, and once more by who was not there */
START_TEST(finds_what_was_stored)
{
	transfer_cache *again;
	struct stat st;

	cache_begin_disk(MIB, MIB);
	ck_assert_ptr_null(cache_get(cache, "a"));
	ck_assert_int_eq(access(folder, F_OK), -1);
	put_three();
	check_three(cache);
	ck_assert_int_eq(stat(folder, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0700);
	again = cache_again();
	check_three(again);
	ck_assert_ptr_null(cache_get(again, "d"));
	ck_assert_uint_eq(transfer_cache_get_disk_usage(again), 3 * CACHE_DISK_BLOCK_BYTES);
	ck_assert_uint_eq(transfer_cache_get_disk_usage(cache), 3 * CACHE_DISK_BLOCK_BYTES);
	transfer_cache_unref(again);
	cache_end();
}
END_TEST

/* SW-101 */
START_TEST(follows_the_policy)
{
	cleanup_(cleanup_free) char *path = NULL;
	struct stat st;

	cache_begin_disk(MIB, MIB);
	ck_assert_int_eq(put_as("a", "one", TRANSFER_STORAGE_NOT_ALLOWED), 0);
	ck_assert_uint_eq(cache_n_files(), 0);
	ck_assert_ptr_null(cache_get(cache, "a"));
	ck_assert_int_eq(put_as("a", "one", TRANSFER_STORAGE_IN_MEMORY_ONLY), 0);
	ck_assert_uint_eq(cache_n_files(), 0);
	ck_assert_str_eq(cache_get(cache, "a"), "one");
	ck_assert_int_eq(put_as("a", "two", TRANSFER_STORAGE_ALLOWED), 0);
	ck_assert_str_eq(cache_get(cache, "a"), "two");
	path = cache_only_file();
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	/* what may not be on the disk takes its file away */
	ck_assert_int_eq(put_as("a", "three", TRANSFER_STORAGE_IN_MEMORY_ONLY), 0);
	ck_assert_uint_eq(cache_n_files(), 0);
	ck_assert_str_eq(cache_get(cache, "a"), "three");
	cache_end();
}
END_TEST

/* SW-102 */
START_TEST(has_no_file_without_capacity)
{
	cache_begin_disk(MIB, 0);
	ck_assert_int_eq(cache_put("a", "one"), 0);
	ck_assert_uint_eq(cache_n_files(), 0);
	ck_assert_str_eq(cache_get(cache, "a"), "one");
	cache_end();
}
END_TEST

/* SW-103 */
START_TEST(less_disk_removes_files)
{
	cache_begin_disk(MIB, MIB);
	put_three();
	transfer_cache_set_disk_capacity(cache, 0);
	ck_assert_uint_eq(cache_n_files(), 0);
	ck_assert_uint_eq(transfer_cache_get_disk_usage(cache), 0);
	check_three(cache);
	cache_end();
}
END_TEST

/* SW-104 */
START_TEST(needs_no_memory)
{
	cache_begin_disk(0, MIB);
	ck_assert_int_eq(cache_put("a", "one"), 0);
	ck_assert_uint_eq(cache_n_files(), 1);
	ck_assert_str_eq(cache_get(cache, "a"), "one");
	ck_assert_str_eq(cache_get(cache, "a"), "one");
	ck_assert_uint_eq(transfer_cache_get_memory_usage(cache), 0);
	tmpdir_remove_all(folder);
	ck_assert_ptr_null(cache_get(cache, "a"));
	ck_assert_uint_eq(transfer_cache_get_disk_usage(cache), 0);
	/* and the folder is made again */
	ck_assert_int_eq(cache_put("a", "two"), 0);
	ck_assert_str_eq(cache_get(cache, "a"), "two");
	cache_end();
}
END_TEST

/* SW-105 */
START_TEST(less_memory_evicts)
{
	cache_begin_disk(MIB, MIB);
	put_three();
	cache_remove_files();
	check_three(cache);
	transfer_cache_set_memory_capacity(cache, 0);
	check_none(cache);
	cache_end();
}
END_TEST

/* SW-106 */
START_TEST(removes_one)
{
	transfer_auto(transfer_request) request = cache_request_of("b");

	cache_begin_disk(MIB, MIB);
	put_three();
	transfer_cache_remove(cache, request);
	ck_assert_uint_eq(cache_n_files(), 2);
	ck_assert_str_eq(cache_get(cache, "a"), "one");
	ck_assert_ptr_null(cache_get(cache, "b"));
	ck_assert_str_eq(cache_get(cache, "c"), "three");
	cache_end();
}
END_TEST

/* SW-107; also what is not known yet */
START_TEST(removes_all)
{
	transfer_cache *again;

	cache_begin_disk(MIB, MIB);
	put_three();
	transfer_cache_remove_all(cache);
	ck_assert_uint_eq(cache_n_files(), 0);
	check_none(cache);
	put_three();
	again = cache_again();
	transfer_cache_remove_all(again);
	ck_assert_uint_eq(cache_n_files(), 0);
	check_none(again);
	transfer_cache_unref(again);
	cache_end();
}
END_TEST

/* SW-108; without memory the files say when they were stored. 1: by who was not there */
START_TEST(removes_since)
{
	transfer_cache *other;
	uint64_t between;

	cache_begin_disk(_i ? 0 : MIB, MIB);
	ck_assert_int_eq(cache_put("a", "one"), 0);
	between = clock_wall_us() + 1;
	while (clock_wall_us() < between)
		;
	ck_assert_int_eq(cache_put("b", "two"), 0);
	ck_assert_int_eq(cache_put("c", "three"), 0);
	other = _i ? cache_again() : transfer_cache_ref(cache);
	transfer_cache_remove_since(other, clock_wall_us() + 1);
	ck_assert_uint_eq(cache_n_files(), 3);
	transfer_cache_remove_since(other, between);
	ck_assert_uint_eq(cache_n_files(), 1);
	ck_assert_str_eq(cache_get(other, "a"), "one");
	ck_assert_ptr_null(cache_get(other, "b"));
	ck_assert_ptr_null(cache_get(other, "c"));
	transfer_cache_unref(other);
	cache_end();
}
END_TEST

/* SW-109 */
START_TEST(has_one_of_each)
{
	transfer_cache *again;

	cache_begin_disk(MIB, MIB);
	ck_assert_int_eq(cache_put("a", "one"), 0);
	ck_assert_int_eq(cache_put("a", "two"), 0);
	ck_assert_uint_eq(cache_n_files(), 1);
	ck_assert_str_eq(cache_get(cache, "a"), "two");
	again = cache_again();
	ck_assert_str_eq(cache_get(again, "a"), "two");
	transfer_cache_unref(again);
	cache_end();
}
END_TEST

/* ---- capacity ---- */

/* what was used longest ago goes, by this process and by the next */
START_TEST(bounds_files)
{
	char body[7 * KIB];
	transfer_cache *again;

	memset(body, 'x', sizeof(body));
	body[sizeof(body) - 1] = '\0';
	cache_begin_disk(0, 25 * KIB); /* three of two blocks */
	ck_assert_int_eq(cache_put("a", body), 0);
	ck_assert_int_eq(cache_put("b", body), 0);
	ck_assert_int_eq(cache_put("c", body), 0);
	ck_assert_uint_eq(cache_n_files(), 3);
	ck_assert_ptr_nonnull(cache_get(cache, "a"));
	ck_assert_int_eq(cache_put("d", body), 0);
	ck_assert_uint_eq(cache_n_files(), 3);
	ck_assert_ptr_null(cache_get(cache, "b"));
	ck_assert_ptr_nonnull(cache_get(cache, "c"));
	ck_assert_ptr_nonnull(cache_get(cache, "d"));
	ck_assert_ptr_nonnull(cache_get(cache, "a"));
	again = cache_again();
	transfer_cache_set_disk_capacity(again, 9 * KIB);
	ck_assert_uint_eq(cache_n_files(), 1);
	ck_assert_ptr_nonnull(cache_get(again, "a"));
	transfer_cache_unref(again);
	cache_end();
}
END_TEST

START_TEST(leaves_out_what_does_not_fit)
{
	char body[16 * KIB];

	memset(body, 'x', sizeof(body));
	body[sizeof(body) - 1] = '\0';
	cache_begin_disk(MIB, 12 * KIB);
	ck_assert_int_eq(cache_put("a", "small"), 0);
	ck_assert_int_eq(cache_put("b", body), 0);
	ck_assert_uint_eq(cache_n_files(), 1);
	ck_assert_str_eq(cache_get(cache, "b"), body);
	transfer_cache_set_memory_capacity(cache, 0);
	ck_assert_ptr_null(cache_get(cache, "b"));
	ck_assert_str_eq(cache_get(cache, "a"), "small");
	cache_end();
}
END_TEST

/* a URL that says who asks is never written down */
START_TEST(writes_no_secret)
{
	transfer_auto(transfer_request) request = transfer_request_new("http://u:p@a.example/");
	transfer_auto(transfer_cached_response)
		cached = cache_answer_of("one", NULL, TRANSFER_STORAGE_ALLOWED);
	transfer_auto(transfer_cached_response) found = NULL;

	cache_begin_disk(MIB, MIB);
	ck_assert_int_eq(transfer_cache_store(cache, request, cached), 0);
	ck_assert_uint_eq(cache_n_files(), 0);
	found = transfer_cache_find(cache, request);
	ck_assert_ptr_eq(found, cached);
	cache_end();
}
END_TEST

/* ---- what tasks use ---- */

static const struct cache_request asked = { .url = "http://a.example/a" };

static void keep(const char *body, enum cache_place place)
{
	transfer_auto(transfer_cached_response)
		cached = cache_answer_of(body, NULL, TRANSFER_STORAGE_ALLOWED);

	ck_assert_int_eq(
		cache_keep(cache, &asked, cached, (struct cache_times){ 11, 12 }, place), 0);
}

static void check_body(const struct cache_entry *entry, const char *want)
{
	const transfer_data *body = transfer_cached_response_get_body(entry->cached);

	ck_assert_uint_eq(transfer_data_get_size(body), strlen(want));
	ck_assert_mem_eq(transfer_data_get_bytes(body), want, strlen(want));
}

/* what is asked by a task: first without the disk */
START_TEST(says_when_the_disk_is_needed)
{
	struct cache_entry *entry;
	transfer_cache *again;

	cache_begin_disk(MIB, MIB);
	ck_assert_int_eq(cache_look(cache, &asked, &entry), CACHE_MISS); /* there is no folder */
	keep("one", CACHE_IN_MEMORY);
	ck_assert_int_eq(cache_look(cache, &asked, &entry), CACHE_FOUND);
	cache_entry_unref(entry);
	cache_flush(cache);
	ck_assert_uint_eq(cache_n_files(), 0);
	keep("two", CACHE_IN_FILE);
	cache_flush(cache);
	ck_assert_uint_eq(cache_n_files(), 1);
	again = cache_again();
	ck_assert_int_eq(cache_look(again, &asked, &entry), CACHE_ON_DISK);
	ck_assert_int_eq(cache_read(again, &asked, &entry), CACHE_FOUND);
	check_body(entry, "two");
	ck_assert_uint_eq(entry->times.asked_wall_usec, 11);
	ck_assert_uint_eq(entry->times.answered_wall_usec, 12);
	cache_entry_unref(entry);
	ck_assert_int_eq(cache_look(again, &asked, &entry), CACHE_FOUND);
	check_body(entry, "two");
	cache_entry_unref(entry);
	transfer_cache_unref(again);
	cache_end();
}
END_TEST

static void wait_for_files(unsigned int n)
{
	uint64_t until = clock_now_us() + 10 * CLOCK_US_PER_S;

	while (cache_n_files() != n && clock_now_us() < until)
		sched_yield();
	ck_assert_uint_eq(cache_n_files(), n);
}

/* nobody has to ask for it */
START_TEST(writes_later)
{
	cache_begin_disk(MIB, MIB);
	keep("one", CACHE_IN_FILE);
	wait_for_files(1);
	cache_forget_url(cache, asked.url);
	wait_for_files(0);
	keep("two", CACHE_IN_FILE);
	wait_for_files(1);
	cache_clear(cache);
	wait_for_files(0);
	cache_end();
}
END_TEST

/* whoever stores what is written meanwhile */
START_TEST(the_last_one_counts)
{
	char body[16];

	cache_begin_disk(_i ? 0 : MIB, MIB);
	for (unsigned int i = 0; i <= 200; i++) {
		snprintf(body, sizeof(body), "%u", i);
		keep(body, CACHE_IN_FILE);
		if (i % 3 == 1)
			cache_forget_url(cache, asked.url);
		if (i % 7 == 1)
			cache_flush(cache);
	}
	cache_flush(cache);
	ck_assert_uint_eq(cache_n_files(), 1);
	ck_assert_str_eq(cache_get(cache, "a"), "200");
	cache_end();
}
END_TEST

/* too much at once: some get no file, none is lost in memory */
START_TEST(lets_little_wait)
{
	char url[64];
	const struct cache_request request = { .url = url };
	transfer_auto(transfer_cached_response)
		cached = cache_answer_of("x", NULL, TRANSFER_STORAGE_ALLOWED);
	struct cache_entry *entry;

	cache_begin_disk(16 * MIB, 64 * MIB);
	for (unsigned int i = 0; i < 5000; i++) {
		snprintf(url, sizeof(url), "http://a.example/%u", i);
		ck_assert_int_eq(cache_keep(cache, &request, cached, (struct cache_times){ 0 },
					 CACHE_IN_FILE),
			0);
	}
	for (unsigned int i = 0; i < 5000; i++) {
		snprintf(url, sizeof(url), "http://a.example/%u", i);
		ck_assert_int_eq(cache_look(cache, &request, &entry), CACHE_FOUND);
		cache_entry_unref(entry);
	}
	cache_flush(cache);
	ck_assert_uint_ge(cache_n_files(), 256);
	cache_end();
}
END_TEST

/* the file has the new head; and what was removed meanwhile does not come back */
START_TEST(renews_the_file)
{
	transfer_auto(transfer_response)
		response = transfer_response_new_http("http://a.example/a", 203, NULL, 0);
	struct cache_entry *entry, *renewed;
	transfer_cache *again;

	cache_begin_disk(_i ? 0 : MIB, MIB);
	keep("one", CACHE_IN_FILE);
	cache_flush(cache);
	ck_assert_int_eq(cache_read(cache, &asked, &entry), CACHE_FOUND);
	ck_assert_int_eq(
		cache_renew(cache, entry, response, (struct cache_times){ 21, 22 }, &renewed), 0);
	cache_flush(cache);
	cache_entry_unref(renewed);
	ck_assert_uint_eq(cache_n_files(), 1);
	again = cache_again();
	ck_assert_int_eq(cache_read(again, &asked, &renewed), CACHE_FOUND);
	check_body(renewed, "one");
	ck_assert_uint_eq(renewed->times.answered_wall_usec, 22);
	ck_assert_int_eq(transfer_response_get_status(
				 transfer_cached_response_get_response(renewed->cached)),
		203);
	cache_entry_unref(renewed);
	transfer_cache_unref(again);
	ck_assert_int_eq(cache_renew(cache, entry, response, (struct cache_times){ 0 }, &renewed),
		0); /* of the one before */
	cache_entry_unref(renewed);
	cache_forget_url(cache, asked.url);
	ck_assert_int_eq(
		cache_renew(cache, entry, response, (struct cache_times){ 0 }, &renewed), 0);
	cache_entry_unref(renewed);
	cache_flush(cache);
	ck_assert_uint_eq(cache_n_files(), 0);
	cache_entry_unref(entry);
	cache_end();
}
END_TEST

static void keep_variant(const char *language, const char *body)
{
	transfer_auto(transfer_cached_response)
		cached = cache_answer_of(body, "Language", TRANSFER_STORAGE_ALLOWED);
	struct text_headers fields = { 0 };
	const struct cache_request request = { .url = asked.url, .fields = &fields };

	ck_assert_int_eq(text_headers_add(&fields, "Language", language), 0);
	ck_assert_int_eq(
		cache_keep(cache, &request, cached, (struct cache_times){ 0 }, CACHE_IN_FILE), 0);
	text_headers_done(&fields);
}

static void check_variant(transfer_cache *from, const char *language, const char *want)
{
	struct text_headers fields = { 0 };
	const struct cache_request request = { .url = asked.url, .fields = &fields };
	struct cache_entry *entry;

	ck_assert_int_eq(text_headers_add(&fields, "Language", language), 0);
	ck_assert_int_eq(cache_read(from, &request, &entry), want ? CACHE_FOUND : CACHE_MISS);
	if (want)
		check_body(entry, want);
	cache_entry_unref(entry);
	text_headers_done(&fields);
}

/* 1: without memory each is read again */
START_TEST(keeps_variants)
{
	transfer_cache *again;

	cache_begin_disk(MIB, MIB);
	keep_variant("de", "hallo");
	keep_variant("en", "hello");
	keep_variant("fr", "salut");
	cache_flush(cache);
	ck_assert_uint_eq(cache_n_files(), 3);
	again = cache_again();
	if (_i)
		transfer_cache_set_memory_capacity(again, 0);
	check_variant(again, "en", "hello");
	check_variant(again, "de", "hallo");
	check_variant(again, "it", NULL);
	check_variant(again, "fr", "salut");
	transfer_cache_unref(again);
	/* one that has not looked at the folder forgets them all */
	again = cache_again();
	cache_forget_url(again, asked.url);
	check_variant(again, "en", NULL);
	cache_flush(again);
	ck_assert_uint_eq(cache_n_files(), 0);
	transfer_cache_unref(again);
	cache_end();
}
END_TEST

/* ---- two processes ---- */

START_TEST(shares_a_folder)
{
	transfer_cache *first, *second;

	cache_begin_disk(0, MIB);
	first = cache;
	ck_assert_int_eq(cache_put("a", "one"), 0);
	second = cache_again();
	transfer_cache_set_memory_capacity(second, 0);
	ck_assert_str_eq(cache_get(second, "a"), "one");
	/* the newer one is there, under the same name */
	cache = second;
	ck_assert_int_eq(cache_put("a", "two"), 0);
	ck_assert_str_eq(cache_get(first, "a"), "two");
	ck_assert_uint_eq(cache_n_files(), 1);
	/* what has gone is a miss */
	transfer_cache_remove_all(second);
	ck_assert_ptr_null(cache_get(first, "a"));
	/* and what came since counts when all is removed */
	ck_assert_int_eq(cache_put("b", "three"), 0);
	transfer_cache_remove_all(first);
	ck_assert_uint_eq(cache_n_files(), 0);
	ck_assert_ptr_null(cache_get(second, "b"));
	cache = first;
	transfer_cache_unref(second);
	cache_end();
}
END_TEST

/* Each writes and reads the same few; 0: all that was found was whole. */
static int fight(unsigned int me)
{
	transfer_cache *own = cache_again();
	char name[16], body[8 * KIB];
	int r = 0;

	cache = own;
	transfer_cache_set_memory_capacity(own, 0);
	for (unsigned int i = 0; !r && i < 300; i++) {
		const char *found;

		snprintf(name, sizeof(name), "%u", i % 5);
		memset(body, (int)('a' + i % 5), sizeof(body));
		body[KIB + (i * 37 + me) % (6 * KIB)] = '\0';
		if (i % 4 == me % 4)
			r = cache_put(name, body);
		found = cache_get(own, name);
		if (found && strspn(found, (char[]){ *body, '\0' }) != strlen(found))
			r = 1;
	}
	transfer_cache_unref(own);
	return r;
}

START_TEST(processes_never_see_a_part)
{
	pid_t children[4];
	int status;

	cache_begin_disk(0, MIB);
	for (unsigned int i = 0; i < 4; i++) {
		children[i] = fork();
		if (!children[i])
			_exit(fight(i) ? 1 : 0);
	}
	for (unsigned int i = 0; i < 4; i++) {
		ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
		ck_assert_int_eq(status, 0);
	}
	ck_assert_uint_le(cache_n_files(), 5);
	cache_end();
}
END_TEST

/* In a child what is in memory is there, and the files are the parent's. */
START_TEST(a_child_has_no_files)
{
	int status;
	pid_t child;

	cache_begin_disk(MIB, MIB);
	keep("one", CACHE_IN_FILE); /* perhaps it is being written now */
	child = fork();
	if (!child) {
		bool is_right = cache_get(cache, "a") && !strcmp(cache_get(cache, "a"), "one") &&
			!cache_put("b", "two") && cache_get(cache, "b") &&
			!transfer_cache_get_disk_usage(cache);

		transfer_cache_remove_all(cache);
		is_right = is_right && !cache_get(cache, "a");
		transfer_cache_unref(cache);
		_exit(is_right ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	cache_flush(cache);
	ck_assert_uint_eq(cache_n_files(), 1);
	ck_assert_str_eq(cache_get(cache, "a"), "one");
	ck_assert_ptr_null(cache_get(cache, "b"));
	cache_end();
}
END_TEST

/* What waits when the program ends is written. */
START_TEST(ends_with_the_program)
{
	int status;
	pid_t child;

	cache_begin_disk(MIB, MIB);
	child = fork();
	if (!child) {
		cache = cache_again();
		for (unsigned int i = 0; i < 20; i++) {
			char name[64];

			snprintf(name, sizeof(name), "http://a.example/%u", i);
			cache_keep(cache, &(struct cache_request){ .url = name },
				cache_answer_of("x", NULL, TRANSFER_STORAGE_ALLOWED),
				(struct cache_times){ 0 }, CACHE_IN_FILE);
		}
		exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(cache_n_files(), 20);
	cache_end();
}
END_TEST

/* ---- what must not be used ---- */

START_TEST(uses_no_folder_of_others)
{
	cleanup_(cleanup_free) char *target = NULL;

	cache_begin_disk(MIB, MIB);
	ck_assert_int_eq(cache_put("a", "one"), 0);
	ck_assert_int_eq(chmod(folder, 0770), 0);
	ck_assert_int_eq(cache_put("b", "two"), -EPERM);
	ck_assert_uint_eq(cache_n_files(), 1);
	ck_assert_str_eq(cache_get(cache, "b"), "two");
	transfer_cache_set_memory_capacity(cache, 0);
	ck_assert_ptr_null(cache_get(cache, "a"));
	/* nor a link to one */
	ck_assert_int_eq(chmod(folder, 0700), 0);
	target = tmpdir_path("other");
	ck_assert_int_eq(rename(folder, target), 0);
	ck_assert_int_eq(symlink(target, folder), 0);
	ck_assert_int_lt(cache_put("c", "three"), 0);
	ck_assert_ptr_null(cache_get(cache, "c"));
	cache_end();
}
END_TEST

/* a link, a folder or a pipe under the name of a file is no file */
START_TEST(uses_no_strange_file)
{
	cleanup_(cleanup_free) char *file = NULL, *aside = NULL;
	transfer_cache *again;

	cache_begin_disk(0, MIB);
	ck_assert_int_eq(cache_put("a", "one"), 0);
	file = cache_only_file();
	aside = tmpdir_path("aside");
	ck_assert_int_eq(rename(file, aside), 0);
	if (_i == 0)
		ck_assert_int_eq(symlink(aside, file), 0);
	else if (_i == 1)
		ck_assert_int_eq(mkfifo(file, 0600), 0);
	else
		ck_assert_int_eq(mkdir(file, 0700), 0);
	again = cache_again();
	ck_assert_ptr_null(cache_get(again, "a"));
	ck_assert_ptr_null(cache_get(cache, "a"));
	ck_assert_int_eq(access(aside, F_OK), 0);
	transfer_cache_unref(again);
	cache_end();
}
END_TEST

/* half written ones of others: left for a while, then they go; what is not ours stays */
START_TEST(sweeps)
{
	cleanup_(cleanup_free) char *left = NULL, *strange = NULL;
	transfer_cache *again;

	cache_begin_disk(MIB, MIB);
	ck_assert_int_eq(cache_put("a", "one"), 0);
	left = tmpdir_path("deep/cache/new-1-2-3");
	strange = tmpdir_path("deep/cache/README");
	ck_assert_int_eq(tmpdir_write(left, "half"), 0);
	ck_assert_int_eq(tmpdir_write(strange, "hello"), 0);
	again = cache_again();
	transfer_cache_remove_all(again);
	ck_assert_int_eq(access(left, F_OK), 0);
	ck_assert_int_eq(access(strange, F_OK), 0);
	ck_assert_uint_eq(cache_n_files(), 2);
	transfer_cache_unref(again);
	cache_end();
}
END_TEST

/* /dev/full cannot be a folder, so the bound is that of a file's size */
START_TEST(lives_with_a_full_disk)
{
	char body[32 * KIB];

	memset(body, 'x', sizeof(body));
	body[sizeof(body) - 1] = '\0';
	cache_begin_disk(MIB, MIB);
	ck_assert_int_eq(cache_put("a", "one"), 0);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 8 * KIB, RLIM_INFINITY }), 0);
	ck_assert_int_eq(cache_put("b", body), -EFBIG);
	ck_assert_uint_eq(cache_n_files(), 1);
	ck_assert_str_eq(cache_get(cache, "b"), body);
	ck_assert_int_eq(cache_put("a", body), -EFBIG);
	ck_assert_uint_eq(cache_n_files(), 0);
	ck_assert_str_eq(cache_get(cache, "a"), body);
	transfer_cache_set_memory_capacity(cache, 0);
	ck_assert_ptr_null(cache_get(cache, "a"));
	ck_assert_int_eq(cache_put("a", "two"), 0);
	ck_assert_str_eq(cache_get(cache, "a"), "two");
	cache_end();
}
END_TEST

START_TEST(refuses_bad_folders)
{
	transfer_cache *is;

	ck_assert_int_eq(transfer_cache_new(&is, 0, 0, "relative"), -EINVAL);
	ck_assert_int_eq(transfer_cache_new(&is, 0, 0, ""), -EINVAL);
	ck_assert_int_eq(transfer_cache_new(&is, 0, 0, "/\xff"), -EINVAL);
}
END_TEST

RUN_TESTS("client-lib/cache-disk", TEST(finds_what_was_stored), TEST(follows_the_policy),
	TEST(has_no_file_without_capacity), TEST(less_disk_removes_files), TEST(needs_no_memory),
	TEST(less_memory_evicts), TEST(removes_one), TEST(removes_all), TEST_LOOP(removes_since, 2),
	TEST(has_one_of_each), TEST(bounds_files), TEST(leaves_out_what_does_not_fit),
	TEST(writes_no_secret), TEST(says_when_the_disk_is_needed), TEST(writes_later),
	TEST_LOOP(the_last_one_counts, 2), TEST(lets_little_wait), TEST_LOOP(renews_the_file, 2),
	TEST_LOOP(keeps_variants, 2), TEST(shares_a_folder), TEST(processes_never_see_a_part),
	TEST(a_child_has_no_files), TEST(ends_with_the_program), TEST(uses_no_folder_of_others),
	TEST_LOOP(uses_no_strange_file, 3), TEST(sweeps), TEST(lives_with_a_full_disk),
	TEST(refuses_bad_folders))
