/* SPDX-License-Identifier: MIT */
/* The files of a cache: what was written is what is read, and nothing that is damaged in any way is read at all. */
#include "client-lib/cache-file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "tests/client-lib/cache-rig.h"
#include "tests/lib/run.h"

static const struct transfer_field fields[] = {
	{ "Content-Type", "text/plain; charset=utf-8" },
	{ "ETag", "\"x\"" },
	{ "Vary", "A" },
	{ "X-Empty", "" },
};

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

static struct cache_entry *entry_of(const transfer_response *response, const char *body)
{
	transfer_auto(transfer_data) data = body ? transfer_data_new_copy(body, strlen(body))
						 : NULL;
	transfer_auto(transfer_cached_response)
		cached = transfer_cached_response_new(response, data, TRANSFER_STORAGE_ALLOWED);
	struct cache_entry *entry = cache_entry_new(
		"http://a.example/", "a: 1\n", cached, (struct cache_times){ 11, 12 });

	ck_assert_ptr_nonnull(entry);
	entry->stored_wall_usec = 13;
	return entry;
}

static struct cache_entry *usual_entry(void)
{
	transfer_auto(transfer_response)
		response = transfer_response_new_http("http://a.example/x", 200, fields, N_FIELDS);

	return entry_of(response, "the body");
}

/* The whole file. */
static void write_file(const struct cache_entry *entry, struct buf *ret_file)
{
	const transfer_data *body = transfer_cached_response_get_body(entry->cached);

	ck_assert_int_eq(cache_file_head(entry, ret_file), 0);
	ck_assert_int_eq(
		buf_append(ret_file, transfer_data_get_bytes(body), transfer_data_get_size(body)),
		0);
}

static struct cache_entry *parse(const struct buf *file, size_t size)
{
	char *bytes = malloc(size + 1);

	memcpy(bytes, file->bytes, size);
	return cache_file_parse_take(bytes, size);
}

static void check_same_text(const char *is, const char *want)
{
	ck_assert_int_eq(!is, !want);
	if (want)
		ck_assert_str_eq(is, want);
}

static void check_same(const transfer_response *is, const transfer_response *want)
{
	ck_assert_int_eq(transfer_response_get_status(is), transfer_response_get_status(want));
	ck_assert_int_eq(transfer_response_get_expected_length(is),
		transfer_response_get_expected_length(want));
	check_same_text(transfer_response_get_url(is), transfer_response_get_url(want));
	check_same_text(transfer_response_get_mime_type(is), transfer_response_get_mime_type(want));
	check_same_text(
		transfer_response_get_text_encoding(is), transfer_response_get_text_encoding(want));
	check_same_text(transfer_response_get_suggested_filename(is),
		transfer_response_get_suggested_filename(want));
	check_same_text(
		transfer_response_get_http_version(is), transfer_response_get_http_version(want));
	for (size_t i = 0; i < N_FIELDS; i++)
		check_same_text(transfer_response_get_header(is, fields[i].name),
			transfer_response_get_header(want, fields[i].name));
}

static void check_comes_back(struct cache_entry *entry, const char *body)
{
	struct cache_entry *again;
	const transfer_data *is;
	struct buf file;

	write_file(entry, &file);
	again = parse(&file, file.size_bytes);
	ck_assert_ptr_nonnull(again);
	ck_assert_str_eq(again->url, entry->url);
	ck_assert_str_eq(again->vary, entry->vary);
	ck_assert_uint_eq(again->times.asked_wall_usec, 11);
	ck_assert_uint_eq(again->times.answered_wall_usec, 12);
	ck_assert_uint_eq(again->stored_wall_usec, 13);
	check_same(transfer_cached_response_get_response(again->cached),
		transfer_cached_response_get_response(entry->cached));
	is = transfer_cached_response_get_body(again->cached);
	ck_assert_uint_eq(transfer_data_get_size(is), strlen(body));
	if (*body)
		ck_assert_mem_eq(transfer_data_get_bytes(is), body, strlen(body));
	ck_assert_uint_ge(entry->size_bytes, file.size_bytes);
	buf_done(&file);
	cache_entry_unref(again);
	cache_entry_unref(entry);
}

START_TEST(comes_back)
{
	transfer_auto(transfer_response)
		plain = transfer_response_new("http://a.example/y.txt", "text/plain", 5, "utf-8");
	transfer_auto(transfer_response)
		bare = transfer_response_new("http://a.example", NULL, TRANSFER_SIZE_UNKNOWN, NULL);
	transfer_auto(transfer_response)
		empty = transfer_response_new_http("http://a.example/", 204, NULL, 0);

	check_comes_back(usual_entry(), "the body");
	check_comes_back(entry_of(plain, "plain"), "plain");
	check_comes_back(entry_of(bare, "bare"), "bare");
	check_comes_back(entry_of(empty, NULL), "");
}
END_TEST

START_TEST(refuses_what_is_cut)
{
	struct cache_entry *entry = usual_entry();
	struct buf file;

	write_file(entry, &file);
	for (size_t n = 0; n < file.size_bytes; n++)
		ck_assert_ptr_null(parse(&file, n));
	ck_assert_int_eq(buf_append(&file, "x", 1), 0);
	ck_assert_ptr_null(parse(&file, file.size_bytes));
	buf_done(&file);
	cache_entry_unref(entry);
}
END_TEST

/* one bit, and a block of zeros as a file system may leave */
START_TEST(refuses_what_is_changed)
{
	struct cache_entry *entry = usual_entry();
	struct buf file, holed;

	write_file(entry, &file);
	for (size_t i = 0; i < 8 * file.size_bytes; i++) {
		file.bytes[i / 8] = (char)(file.bytes[i / 8] ^ (1 << i % 8));
		ck_assert_ptr_null(parse(&file, file.size_bytes));
		file.bytes[i / 8] = (char)(file.bytes[i / 8] ^ (1 << i % 8));
	}
	holed = (struct buf){ 0 };
	for (size_t i = 0; i + 4 < file.size_bytes; i++) {
		ck_assert_int_eq(buf_append(&holed, file.bytes, file.size_bytes), 0);
		memset(holed.bytes + i, 0, holed.size_bytes - i);
		ck_assert_ptr_null(parse(&holed, holed.size_bytes));
		buf_done(&holed);
		holed = (struct buf){ 0 };
	}
	buf_done(&file);
	cache_entry_unref(entry);
}
END_TEST

START_TEST(bounds_its_head)
{
	static char text[60000];
	struct transfer_field rows[20];
	transfer_auto(transfer_response) response = NULL;
	struct cache_entry *entry;
	struct buf file;

	memset(text, 'x', sizeof(text) - 1);
	for (size_t i = 0; i < 20; i++)
		rows[i] = (struct transfer_field){ "X", text };
	response = transfer_response_new_http("http://a.example/", 200, rows, 20);
	ck_assert_ptr_nonnull(response);
	entry = entry_of(response, "");
	ck_assert_int_eq(cache_file_head(entry, &file), -EMSGSIZE);
	cache_entry_unref(entry);
}
END_TEST

/* a damaged file, or one under another's name, is a miss, and goes */
START_TEST(damaged_files_go)
{
	cleanup_(cleanup_free) char *path = NULL;
	transfer_cache *again;
	struct stat st;

	cache_begin_disk(0, MIB);
	ck_assert_int_eq(cache_put("a", "one"), 0);
	path = cache_only_file();
	ck_assert_int_eq(stat(path, &st), 0);
	again = cache_again();
	if (_i == 0) {
		ck_assert_int_eq(truncate(path, st.st_size - 1), 0);
	} else {
		char *at = strrchr(path, '-') - 1;
		cleanup_(cleanup_free) char *other = strdup(path);

		*at = *at == '0' ? '1' : '0';
		ck_assert_int_eq(rename(other, path), 0);
		ck_assert_int_eq(symlink(path, other), 0); /* a link is not followed */
	}
	ck_assert_ptr_null(cache_get(again, "a"));
	ck_assert_ptr_null(cache_get(cache, "a"));
	cache_flush(cache);
	cache_flush(again);
	ck_assert_uint_eq(cache_n_files(), (unsigned int)_i);
	transfer_cache_unref(again);
	cache_end();
}
END_TEST

RUN_TESTS("client-lib/cache-file", TEST(comes_back), TEST(refuses_what_is_cut),
	TEST(refuses_what_is_changed), TEST(bounds_its_head), TEST_LOOP(damaged_files_go, 2))
