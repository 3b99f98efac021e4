/* SPDX-License-Identifier: MIT */
#include "engine/blob.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "tests/lib/run.h"

static const uint8_t key[BLOB_KEY_BYTES] = { 1, 2, 3 };
static const struct blob_owner owner = { 1000, "org.example.App", key };

static const struct blob whole = {
	.url = "https://user:secret@example.com/file.iso?x=1#f",
	.etag = "\"v1\"",
	.last_modified = "Sat, 05 Nov 1994 08:49:37 GMT",
	.offset_bytes = 123,
	.total_bytes = 1000,
	.nonce = { 9, 8, 7 },
};

static void seal(const struct blob *blob, struct buf *sealed)
{
	ck_assert_int_eq(blob_seal(blob, &owner, sealed), 0);
}

START_TEST(opens_what_it_sealed)
{
	struct buf sealed = { 0 };
	struct arena arena = { 0 };
	struct blob blob = { 0 };

	seal(&whole, &sealed);
	ck_assert_int_eq(blob_open(sealed.bytes, sealed.size_bytes, &owner, &arena, &blob), 0);
	ck_assert_str_eq(blob.url, "https://example.com/file.iso?x=1#f");
	ck_assert_str_eq(blob.etag, whole.etag);
	ck_assert_str_eq(blob.last_modified, whole.last_modified);
	ck_assert_uint_eq(blob.offset_bytes, 123);
	ck_assert_int_eq(blob.total_bytes, 1000);
	ck_assert_mem_eq(blob.nonce, whole.nonce, BLOB_NONCE_BYTES);
	ck_assert_ptr_null(memmem(sealed.bytes, sealed.size_bytes, "secret", 6));
	arena_done(&arena);
	buf_done(&sealed);
}
END_TEST

START_TEST(opens_the_least)
{
	const struct blob least = { .url = "http://h/", .total_bytes = -1 };
	struct buf sealed = { 0 };
	struct arena arena = { 0 };
	struct blob blob = { .etag = "x" };

	seal(&least, &sealed);
	ck_assert_int_eq(blob_open(sealed.bytes, sealed.size_bytes, &owner, &arena, &blob), 0);
	ck_assert_ptr_null(blob.etag);
	ck_assert_ptr_null(blob.last_modified);
	ck_assert_int_eq(blob.total_bytes, -1);
	arena_done(&arena);
	buf_done(&sealed);
}
END_TEST

static int try_open(const void *bytes, size_t size, const struct blob_owner *who)
{
	struct arena arena = { 0 };
	struct blob blob = { .url = NULL };
	int r = blob_open(bytes, size, who, &arena, &blob);

	ck_assert_int_eq(r == 0, blob.url != NULL);
	arena_done(&arena);
	return r;
}

START_TEST(refuses_every_flipped_bit)
{
	struct buf sealed = { 0 };

	seal(&whole, &sealed);
	for (size_t i = 0; i < sealed.size_bytes * 8; i++) {
		sealed.bytes[i / 8] ^= (char)(1 << i % 8);
		ck_assert_int_eq(try_open(sealed.bytes, sealed.size_bytes, &owner), BLOB_E_INVALID);
		sealed.bytes[i / 8] ^= (char)(1 << i % 8);
	}
	ck_assert_int_eq(try_open(sealed.bytes, sealed.size_bytes, &owner), 0);
	buf_done(&sealed);
}
END_TEST

START_TEST(carries_the_request)
{
	struct blob with = whole, blob = { 0 };
	struct buf sealed = { 0 };
	struct arena arena = { 0 };

	with.request = "hAuthorization: Basic eDp5\ni\n";
	seal(&with, &sealed);
	ck_assert_int_eq(blob_open(sealed.bytes, sealed.size_bytes, &owner, &arena, &blob), 0);
	ck_assert_str_eq(blob.request, with.request);
	ck_assert_str_eq(blob.last_modified, whole.last_modified);
	for (size_t i = 0; i < sealed.size_bytes; i++)
		ck_assert_int_eq(try_open(sealed.bytes, i, &owner), BLOB_E_INVALID);
	arena_done(&arena);
	buf_done(&sealed);
}
END_TEST

START_TEST(refuses_every_length)
{
	struct buf sealed = { 0 };
	size_t whole_bytes;

	seal(&whole, &sealed);
	whole_bytes = sealed.size_bytes;
	for (size_t i = 0; i < whole_bytes; i++)
		ck_assert_int_eq(try_open(sealed.bytes, i, &owner), BLOB_E_INVALID);
	ck_assert_int_eq(buf_append(&sealed, "", 1), 0);
	ck_assert_int_eq(try_open(sealed.bytes, sealed.size_bytes, &owner), BLOB_E_INVALID);
	buf_done(&sealed);
}
END_TEST

START_TEST(refuses_huge)
{
	size_t size = 10 * 1024 * 1024;
	char *bytes = calloc(1, size);

	ck_assert_ptr_nonnull(bytes);
	ck_assert_int_eq(try_open(bytes, size, &owner), BLOB_E_INVALID);
	free(bytes);
}
END_TEST

START_TEST(refuses_others)
{
	static const uint8_t other_key[BLOB_KEY_BYTES] = { 1, 2, 4 };
	static const struct blob_owner others[] = {
		{ 1001, "org.example.App", key },
		{ 1000, "org.example.Ap", key },
		{ 1000, "org.example.Other", key },
		{ 1000, "", key },
		{ 1000, "org.example.App", other_key },
	};
	struct buf sealed = { 0 };

	seal(&whole, &sealed);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ck_assert_int_eq(
			try_open(sealed.bytes, sealed.size_bytes, &others[i]), BLOB_E_INVALID);
	buf_done(&sealed);
}
END_TEST

START_TEST(does_not_seal_nonsense)
{
	static char etag[BLOB_MAX_BYTES];
	struct blob blob = whole;
	struct buf sealed = { 0 };

	blob.url = "nonsense";
	ck_assert_int_eq(blob_seal(&blob, &owner, &sealed), -EINVAL);
	memset(etag, 'x', sizeof(etag) - 1);
	blob.url = whole.url;
	blob.etag = etag;
	ck_assert_int_eq(blob_seal(&blob, &owner, &sealed), -EMSGSIZE);
	ck_assert_uint_eq(sealed.size_bytes, 0);
	/* sealed, but not sense: an offset behind the end */
	blob.etag = NULL;
	blob.offset_bytes = 1001;
	seal(&blob, &sealed);
	ck_assert_int_eq(try_open(sealed.bytes, sealed.size_bytes, &owner), BLOB_E_INVALID);
	buf_done(&sealed);
}
END_TEST

RUN_TESTS("engine/blob", TEST(carries_the_request), TEST(opens_what_it_sealed),
	TEST(opens_the_least), TEST(refuses_every_flipped_bit), TEST(refuses_every_length),
	TEST(refuses_huge), TEST(refuses_others), TEST(does_not_seal_nonsense))
