/* SPDX-License-Identifier: MIT */
/*
 * Resume data: what comes back is what was sealed, and nothing else opens. The input is read as what a client
 * hands in, as a validator to be sealed, and as contents that have a right seal, so that the reader behind the
 * seal meets any bytes too.
 */
#include <endian.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "engine/blob.h"
#include "tests/fuzz/fuzz.h"

FUZZ_FORGIVE_LIBCURL

#define MAC_BYTES    32
#define LAYOUT_BYTES 44

static const uint8_t key[BLOB_KEY_BYTES] = { 1, 2, 3 };
static const struct blob_owner owner = { .uid = 1000, .app = "org.example", .key = key };

static size_t length(const char *text)
{
	return text ? strlen(text) : 0;
}

static int open_sealed(const void *bytes, size_t size, const struct blob *want)
{
	struct arena arena = { 0 };
	struct blob blob = { 0 };
	int r = blob_open(bytes, size, &owner, &arena, &blob);

	FUZZ_MUST(r == 0 || r == BLOB_E_INVALID);
	if (r == 0 && want) {
		FUZZ_MUST(blob.offset_bytes == want->offset_bytes);
		/* an empty string is none */
		FUZZ_MUST(!strcmp(blob.etag ? blob.etag : "", want->etag));
		FUZZ_MUST(!strchr(blob.url, '@'));
	}
	arena_done(&arena);
	return r;
}

/* Contents and seal as engine/blob.c lays them out. To be freed. */
static uint8_t *with_seal(const uint8_t *data, size_t size)
{
	static const char purpose[] = "transferd resume data";
	uint32_t uid = htobe32(owner.uid), app_bytes = htobe32((uint32_t)strlen(owner.app));
	struct buf text = { 0 };
	uint8_t *sealed = malloc(size + MAC_BYTES);
	unsigned mac_size = MAC_BYTES;

	FUZZ_MUST(sealed);
	if (size)
		memcpy(sealed, data, size);
	FUZZ_MUST(buf_append(&text, purpose, sizeof(purpose)) == 0);
	FUZZ_MUST(buf_append(&text, &uid, sizeof(uid)) == 0);
	FUZZ_MUST(buf_append(&text, &app_bytes, sizeof(app_bytes)) == 0);
	FUZZ_MUST(buf_append_str(&text, owner.app) == 0);
	FUZZ_MUST(buf_append(&text, sealed, size) == 0);
	FUZZ_MUST(HMAC(EVP_sha256(), key, sizeof(key), (const unsigned char *)text.bytes,
		text.size_bytes, sealed + size, &mac_size));
	buf_done(&text);
	return sealed;
}

/* What opens can be used, and means the same when it is sealed again. */
static void check_contents(const uint8_t *data, size_t size)
{
	uint8_t *sealed = with_seal(data, size);
	struct arena arena = { 0 };
	struct buf again = { 0 };
	struct blob blob = { 0 }, same = { 0 };
	int r = blob_open(sealed, size + MAC_BYTES, &owner, &arena, &blob);

	FUZZ_MUST(r == 0 || r == BLOB_E_INVALID);
	FUZZ_MUST(r ||
		size ==
			LAYOUT_BYTES + length(blob.url) + length(blob.etag) +
				length(blob.last_modified) + length(blob.request));
	if (r == 0) {
		FUZZ_MUST(blob.url[0] && blob.total_bytes >= -1);
		FUZZ_MUST(
			blob.total_bytes == -1 || blob.offset_bytes <= (uint64_t)blob.total_bytes);
		FUZZ_MUST(!blob.etag || utf8_is_valid(blob.etag));
		FUZZ_MUST(!blob.last_modified || utf8_is_valid(blob.last_modified));
	}
	/* the canonical form of the URL may be longer than there is room */
	if (r == 0 && blob_seal(&blob, &owner, &again) == 0) {
		FUZZ_MUST(blob_open(again.bytes, again.size_bytes, &owner, &arena, &same) == 0);
		FUZZ_MUST(same.offset_bytes == blob.offset_bytes);
		FUZZ_MUST(same.total_bytes == blob.total_bytes);
		FUZZ_MUST(!memcmp(same.nonce, blob.nonce, sizeof(same.nonce)));
		FUZZ_MUST(!same.etag == !blob.etag);
		FUZZ_MUST(!blob.etag || !strcmp(same.etag, blob.etag));
		FUZZ_MUST(!same.request == !blob.request);
		FUZZ_MUST(!blob.request || !strcmp(same.request, blob.request));
	}
	buf_done(&again);
	arena_done(&arena);
	free(sealed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct blob blob = { .url = "https://u:p@example.org/f", .total_bytes = -1 };
	struct buf sealed = { 0 };
	char *etag = fuzz_string(data, size);
	int r;

	check_contents(data, size);
	FUZZ_MUST(open_sealed(data, size, NULL) == BLOB_E_INVALID);
	blob.etag = etag;
	blob.offset_bytes = size;
	r = blob_seal(&blob, &owner, &sealed);
	if (r == 0) {
		/* what is not text was no validator of ours */
		FUZZ_MUST(!open_sealed(sealed.bytes, sealed.size_bytes, &blob) ==
			utf8_is_valid(etag));
		FUZZ_MUST(open_sealed(sealed.bytes, sealed.size_bytes - 1, &blob) != 0);
		sealed.bytes[size % sealed.size_bytes] ^= 1;
		FUZZ_MUST(open_sealed(sealed.bytes, sealed.size_bytes, &blob) != 0);
	}
	buf_done(&sealed);
	free(etag);
	return 0;
}
