/* SPDX-License-Identifier: MIT */
/*
 * What a server says it wants to know (WWW-Authenticate, RFC 9110), and what is said to it: Basic (RFC 7617) and Digest
 * (RFC 7616: MD5, SHA-256, SHA-512-256, with and without a session, qop auth or none). Pure but for OpenSSL.
 *
 * Whatever is no whole challenge of a method that is known here is passed over. What holds a password is wiped.
 */
#ifndef ENGINE_AUTH_H
#define ENGINE_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <transfer/types.h>

struct arena;
struct engine_header;

enum { AUTH_E_NONE = 1 };

/* in the order of their strength */
enum auth_hash { AUTH_HASH_MD5, AUTH_HASH_SHA256, AUTH_HASH_SHA512_256 };

struct auth_challenge {
	enum transfer_auth_method method; /* BASIC, DIGEST */
	const char *realm;
	/* DIGEST */
	const char *nonce, *opaque; /* opaque NULL: none */
	enum auth_hash hash;
	bool is_session; /* "-sess" */
	bool has_qop;
	bool is_stale; /* the nonce was too old, the password is not known to be wrong */
};

/*
 * The challenge that counts: the Digest of the best hash, else Basic, of several the first; none of a method whose bit is in rejected. 0, AUTH_E_NONE or
 * -ENOMEM. Its strings are in the arena.
 */
int auth_choose(const struct engine_header *fields, size_t n_fields, unsigned rejected,
	struct arena *arena, struct auth_challenge *ret_challenge);

/* Only the nonce of what was said was too old: not asked anew. Of another realm, or said in another way, it would be. */
bool auth_is_renewed(const struct auth_challenge *challenge, const struct auth_challenge *said);

#define AUTH_CNONCE_BYTES 33
/* ret_cnonce: of AUTH_CNONCE_BYTES. 0 or -EIO. */
int auth_make_cnonce(char *ret_cnonce);

struct auth_words {
	const char *user, *password;
	const char *method, *target; /* of the request */
	const char *cnonce; /* one and the same with a nonce; NULL: a random one */
	uint32_t count; /* of the requests with this nonce, from 1 on */
};

/* Can that user be named? Nothing that would end a line, or in Basic the user's name. */
bool auth_can_say(const struct auth_challenge *challenge, const char *user);
/* The header line, without its end; given back with secret_free(). NULL: no memory, or no such digest in OpenSSL. */
char *auth_line(const struct auth_challenge *challenge, const struct auth_words *words);

#endif
