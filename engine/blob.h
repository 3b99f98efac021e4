/* SPDX-License-Identifier: MIT */
/*
 * Resume data as an application holds it: versioned, self-contained, sealed with HMAC-SHA-256 under
 * a key of the daemon's, bound to one owner. Names no file of ours: the bytes on disk are
 * found by the nonce, in the daemon's own records. What the request said besides its URL is in it as the application
 * gave it, for the application: it can be read, and not changed. Pure but for OpenSSL.
 */
#ifndef ENGINE_BLOB_H
#define ENGINE_BLOB_H

#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;

#define BLOB_MAX_BYTES   (64u * 1024)
#define BLOB_KEY_BYTES   32
#define BLOB_NONCE_BYTES 16

/*
 * Cannot be used: damaged, cut, too long, another version, another owner, another key. There is
 * deliberately only one outcome.
 */
enum { BLOB_E_INVALID = 1 };

/* Who may use it; not stored in the blob, only sealed with it. */
struct blob_owner {
	uint32_t uid;
	const char *app; /* application id */
	const uint8_t *key; /* BLOB_KEY_BYTES, secret */
};

struct blob {
	const char *url; /* absolute; user information is removed when sealing */
	const char *etag, *last_modified; /* NULL: none */
	uint64_t offset_bytes;
	int64_t total_bytes; /* -1: unknown */
	const char *request; /* request_carry_write(); NULL: nothing but the URL */
	uint8_t nonce[BLOB_NONCE_BYTES]; /* random; names the kept bytes */
};

/* Appends the sealed bytes. 0, -EINVAL (URL that cannot be parsed), -EMSGSIZE, -ENOMEM. */
int blob_seal(const struct blob *blob, const struct blob_owner *owner, struct buf *ret_sealed);
/*
 * Strings of @ret_blob live in @arena. The URL must still pass policy. 0, BLOB_E_INVALID, -ENOMEM.
 */
int blob_open(const void *sealed, size_t size, const struct blob_owner *owner, struct arena *arena,
	struct blob *ret_blob);
/* Do the bytes belong to that URL? 1, 0 or -ENOMEM. */
int blob_is_of(const struct blob *blob, const char *url);

#endif
