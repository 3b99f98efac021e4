/* SPDX-License-Identifier: MIT */
/* Resume data: what comes back is what was sealed, and nothing else opens. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/utf8.h"
#include "engine/blob.h"
#include "tests/fuzz/fuzz.h"

static const uint8_t key[BLOB_KEY_BYTES] = { 1, 2, 3 };
static const struct blob_owner owner = { .uid = 1000, .app = "org.example", .key = key };

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct blob blob = { .url = "https://u:p@example.org/f", .total_bytes = -1 };
	struct buf sealed = { 0 };
	char *etag = fuzz_string(data, size);
	int r;

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
