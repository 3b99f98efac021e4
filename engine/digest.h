/* SPDX-License-Identifier: MIT */
/*
 * Running checksums whose state can be kept with a checkpoint. OpenSSL's EVP cannot export one, its
 * older per-algorithm contexts are plain structures and can; a saved state is bound to algorithm
 * and byte count, and checked before it is used again.
 */
#ifndef ENGINE_DIGEST_H
#define ENGINE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_STATE_MAX_BYTES 320
#define DIGEST_HEX_BYTES       129 /* of the longest, with its NUL */

enum {
	DIGEST_E_UNKNOWN = 1, /* no such algorithm */
	/* saved by another build, damaged, or of another length: read the bytes again */
	DIGEST_E_BAD_STATE,
};

struct digest;

/*
 * @name: one of base/checksum.h. 0, DIGEST_E_UNKNOWN, -ENOMEM.
 */
int digest_new(const char *name, struct digest **ret_digest);
/*
 * Goes on where digest_save() was called after @offset_bytes. 0, DIGEST_E_UNKNOWN,
 * DIGEST_E_BAD_STATE, -ENOMEM.
 */
int digest_restore(const char *name, const void *state, size_t size, uint64_t offset_bytes,
	struct digest **ret_digest);
struct digest *digest_free(struct digest *digest);
void digest_freep(struct digest **digest);

void digest_update(struct digest *digest, const void *bytes, size_t size);
/* Bytes hashed so far. */
uint64_t digest_bytes(const struct digest *digest);
/* Returns how many bytes of @state are filled. */
size_t digest_save(const struct digest *digest, uint8_t state[DIGEST_STATE_MAX_BYTES]);
/* Lower-case hex of all bytes so far; the digest may go on. */
void digest_hex(const struct digest *digest, char ret_hex[DIGEST_HEX_BYTES]);

#endif
