/* SPDX-License-Identifier: MIT */
/*
 * OpenSSL's plain contexts behind one name. They are deprecated in favour of EVP, but EVP keeps its
 * state to itself, and a state that cannot be saved means reading a whole part again after each
 * restart. They run the same assembly.
 *
 * A saved state is: magic, algorithm, number of bytes hashed, the context. It is only ever read
 * back on the machine that wrote it; still it comes from a database file, so nothing in it is trusted:
 * size, magic and byte count must agree, and the one field that is an index must be in range.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "engine/digest.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/md5.h>
#include <openssl/sha.h>

#include "base/cleanup.h"
#include "base/err.h"

#define STATE_MAGIC UINT32_C(0x74644431) /* "tdD1" */

/* Part of what is saved: never renumber. */
enum algorithm {
	ALGORITHM_MD5 = 0,
	ALGORITHM_SHA1 = 1,
	ALGORITHM_SHA256 = 3,
	ALGORITHM_SHA512 = 5,
};

union context {
	MD5_CTX md5;
	SHA_CTX sha1;
	SHA256_CTX sha256;
	SHA512_CTX sha512;
};

static const struct {
	const char *name; /* NULL: none of ours */
	size_t digest_bytes, context_bytes;
} algorithms[] = {
	[ALGORITHM_MD5] = { "md5", MD5_DIGEST_LENGTH, sizeof(MD5_CTX) },
	[ALGORITHM_SHA1] = { "sha1", SHA_DIGEST_LENGTH, sizeof(SHA_CTX) },
	[ALGORITHM_SHA256] = { "sha256", SHA256_DIGEST_LENGTH, sizeof(SHA256_CTX) },
	[ALGORITHM_SHA512] = { "sha512", SHA512_DIGEST_LENGTH, sizeof(SHA512_CTX) },
};

struct digest {
	enum algorithm algorithm;
	uint64_t bytes;
	union context context;
};

struct state_head {
	uint32_t magic;
	uint32_t algorithm;
	uint64_t bytes;
};

_Static_assert(sizeof(struct state_head) + sizeof(union context) <= DIGEST_STATE_MAX_BYTES,
	"a state fits");

static int find_algorithm(const char *name, enum algorithm *ret_algorithm)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		if (algorithms[i].name && strcmp(name, algorithms[i].name) == 0) {
			*ret_algorithm = (enum algorithm)i;
			return 0;
		}
	}
	return DIGEST_E_UNKNOWN;
}

static void start(struct digest *d)
{
	switch (d->algorithm) {
	case ALGORITHM_MD5:
		MD5_Init(&d->context.md5);
		break;
	case ALGORITHM_SHA1:
		SHA1_Init(&d->context.sha1);
		break;
	case ALGORITHM_SHA256:
		SHA256_Init(&d->context.sha256);
		break;
	case ALGORITHM_SHA512:
		SHA512_Init(&d->context.sha512);
		break;
	}
}

int digest_new(const char *name, struct digest **ret_digest)
{
	enum algorithm algorithm;
	struct digest *d;

	if (find_algorithm(name, &algorithm))
		return DIGEST_E_UNKNOWN;
	d = calloc(1, sizeof(*d));
	if (!d)
		return err_raise(-ENOMEM);
	d->algorithm = algorithm;
	start(d);
	*ret_digest = d;
	return 0;
}

/* Counters and buffer index as they must be after so many bytes. */
static bool is_consistent(const struct digest *d)
{
	const union context *c = &d->context;
	uint64_t bits = d->bytes << 3;

	switch (d->algorithm) {
	case ALGORITHM_MD5:
		return c->md5.num == d->bytes % MD5_CBLOCK &&
			((uint64_t)c->md5.Nh << 32 | c->md5.Nl) == bits;
	case ALGORITHM_SHA1:
		return c->sha1.num == d->bytes % SHA_CBLOCK &&
			((uint64_t)c->sha1.Nh << 32 | c->sha1.Nl) == bits;
	case ALGORITHM_SHA256:
		return c->sha256.num == d->bytes % SHA256_CBLOCK &&
			((uint64_t)c->sha256.Nh << 32 | c->sha256.Nl) == bits &&
			c->sha256.md_len == algorithms[d->algorithm].digest_bytes;
	case ALGORITHM_SHA512:
		return c->sha512.num == d->bytes % SHA512_CBLOCK && c->sha512.Nl == bits &&
			c->sha512.Nh == d->bytes >> 61 &&
			c->sha512.md_len == algorithms[d->algorithm].digest_bytes;
	}
	return false;
}

int digest_restore(const char *name, const void *state, size_t size, uint64_t offset_bytes,
	struct digest **ret_digest)
{
	cleanup_(digest_freep) struct digest *d = NULL;
	struct state_head head;
	size_t context_bytes;
	int r;

	r = digest_new(name, &d);
	if (r)
		return r;
	assert(d);
	context_bytes = algorithms[d->algorithm].context_bytes;
	if (!state || size != sizeof(head) + context_bytes)
		return DIGEST_E_BAD_STATE;
	memcpy(&head, state, sizeof(head));
	if (head.magic != STATE_MAGIC || head.algorithm != (uint32_t)d->algorithm ||
		head.bytes != offset_bytes)
		return DIGEST_E_BAD_STATE;
	d->bytes = head.bytes;
	memcpy(&d->context, (const uint8_t *)state + sizeof(head), context_bytes);
	if (!is_consistent(d))
		return DIGEST_E_BAD_STATE;
	*ret_digest = take_ptr(d);
	return 0;
}

struct digest *digest_free(struct digest *digest)
{
	free(digest);
	return NULL;
}

void digest_freep(struct digest **digest)
{
	digest_free(*digest);
}

void digest_update(struct digest *digest, const void *bytes, size_t size)
{
	digest->bytes += size;
	switch (digest->algorithm) {
	case ALGORITHM_MD5:
		MD5_Update(&digest->context.md5, bytes, size);
		break;
	case ALGORITHM_SHA1:
		SHA1_Update(&digest->context.sha1, bytes, size);
		break;
	case ALGORITHM_SHA256:
		SHA256_Update(&digest->context.sha256, bytes, size);
		break;
	case ALGORITHM_SHA512:
		SHA512_Update(&digest->context.sha512, bytes, size);
		break;
	}
}

uint64_t digest_bytes(const struct digest *digest)
{
	return digest->bytes;
}

size_t digest_save(const struct digest *digest, uint8_t state[DIGEST_STATE_MAX_BYTES])
{
	struct state_head head = { STATE_MAGIC, (uint32_t)digest->algorithm, digest->bytes };
	size_t context_bytes = algorithms[digest->algorithm].context_bytes;

	memcpy(state, &head, sizeof(head));
	memcpy(state + sizeof(head), &digest->context, context_bytes);
	return sizeof(head) + context_bytes;
}

void digest_hex(const struct digest *digest, char ret_hex[DIGEST_HEX_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[SHA512_DIGEST_LENGTH] = { 0 };
	struct digest d = *digest;
	size_t n = algorithms[d.algorithm].digest_bytes;

	switch (d.algorithm) {
	case ALGORITHM_MD5:
		MD5_Final(bytes, &d.context.md5);
		break;
	case ALGORITHM_SHA1:
		SHA1_Final(bytes, &d.context.sha1);
		break;
	case ALGORITHM_SHA256:
		SHA256_Final(bytes, &d.context.sha256);
		break;
	case ALGORITHM_SHA512:
		SHA512_Final(bytes, &d.context.sha512);
		break;
	}
	for (size_t i = 0; i < n; i++) {
		ret_hex[2 * i] = digits[bytes[i] >> 4];
		ret_hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret_hex[2 * n] = 0;
}
