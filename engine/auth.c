/* SPDX-License-Identifier: MIT */
/* Challenges are read leniently, for servers write them in many ways, and what is made of them is strict. */
#include "engine/auth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/utf8.h"
#include "engine/engine.h"

#define HEX_MAX_BYTES (2 * EVP_MAX_MD_SIZE + 1)

/* ---- reading ---- */

/* One challenge as it is read; text of the parameters that count. */
struct draft {
	char *scheme; /* NULL: none began yet */
	char *realm, *nonce, *opaque, *algorithm, *qop, *stale;
};

struct reader {
	const char *at;
	struct arena *arena;
	struct draft draft;
	unsigned rejected;
	struct auth_challenge *best; /* method DEFAULT: none yet */
};

static bool is_token_char(char c)
{
	return c &&
		(strchr("!#$%&'*+-.^_`|~", c) || (c >= '0' && c <= '9') ||
			((c | 0x20) >= 'a' && (c | 0x20) <= 'z'));
}

static void skip_space(struct reader *reader)
{
	reader->at += strspn(reader->at, " \t");
}

/* NULL: no memory. */
static char *read_token(struct reader *reader)
{
	size_t n = 0;

	while (is_token_char(reader->at[n]))
		n++;
	reader->at += n;
	return arena_strndup(reader->arena, reader->at - n, n);
}

/* After its first quote; one that does not end is read to the end of the field. NULL: no memory. */
static char *read_quoted(struct reader *reader)
{
	char *text, *to;
	size_t n = 0;

	while (reader->at[n] && reader->at[n] != '"')
		n += reader->at[n] == '\\' && reader->at[n + 1] ? 2 : 1;
	text = to = arena_room(reader->arena, n + 1);
	if (!text)
		return NULL;
	while (*reader->at && *reader->at != '"') {
		if (*reader->at == '\\' && reader->at[1])
			reader->at++;
		*to++ = *reader->at++;
	}
	*to = '\0';
	if (*reader->at)
		reader->at++;
	return text;
}

static bool lists(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = list; *at; at += strcspn(at, ", \t")) {
		at += strspn(at, ", \t");
		if (!strncasecmp(at, word, n) && (!at[n] || strchr(", \t", at[n])))
			return true;
	}
	return false;
}

static bool read_algorithm(const char *text, struct auth_challenge *to)
{
	static const struct {
		const char *name;
		enum auth_hash hash;
		bool is_session;
	} names[] = {
		{ "MD5", AUTH_HASH_MD5, false },
		{ "MD5-sess", AUTH_HASH_MD5, true },
		{ "SHA-256", AUTH_HASH_SHA256, false },
		{ "SHA-256-sess", AUTH_HASH_SHA256, true },
		{ "SHA-512-256", AUTH_HASH_SHA512_256, false },
		{ "SHA-512-256-sess", AUTH_HASH_SHA512_256, true },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(text ? text : "MD5", names[i].name) != 0)
			continue;
		to->hash = names[i].hash;
		to->is_session = names[i].is_session;
		return true;
	}
	return false;
}

static bool is_digest(const struct draft *draft, struct auth_challenge *to)
{
	if (!draft->nonce || utf8_has_controls(draft->nonce) ||
		(draft->opaque && utf8_has_controls(draft->opaque)) ||
		(draft->qop && !lists(draft->qop, "auth")))
		return false;
	to->method = TRANSFER_AUTH_DIGEST;
	to->nonce = draft->nonce;
	to->opaque = draft->opaque;
	to->has_qop = draft->qop;
	to->is_stale = draft->stale && !strcasecmp(draft->stale, "true");
	return read_algorithm(draft->algorithm, to);
}

/* Of one method and hash the first. */
static bool is_better(const struct auth_challenge *a, const struct auth_challenge *b)
{
	return a->method > b->method || (a->method == b->method && a->hash > b->hash);
}

/* A challenge has ended: is it one, and better than what there was? */
static void end_challenge(struct reader *reader)
{
	const struct draft draft = reader->draft;
	struct auth_challenge found = { .method = TRANSFER_AUTH_BASIC, .realm = draft.realm };

	reader->draft = (struct draft){ 0 };
	if (!draft.scheme || !draft.realm || utf8_has_controls(draft.realm))
		return;
	if (!strcasecmp(draft.scheme, "Digest") ? !is_digest(&draft, &found)
						: strcasecmp(draft.scheme, "Basic") != 0)
		return;
	if (!(reader->rejected & 1u << found.method) && is_better(&found, reader->best))
		*reader->best = found;
}

/* The first of a name counts. */
static void keep(struct draft *draft, const char *name, char *value)
{
	const struct {
		const char *name;
		char **slot;
	} slots[] = {
		{ "realm", &draft->realm },
		{ "nonce", &draft->nonce },
		{ "opaque", &draft->opaque },
		{ "algorithm", &draft->algorithm },
		{ "qop", &draft->qop },
		{ "stale", &draft->stale },
	};

	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
		if (!strcasecmp(name, slots[i].name) && !*slots[i].slot)
			*slots[i].slot = value;
	}
}

static int read_value(struct reader *reader, const char *name)
{
	char *value;

	reader->at++;
	skip_space(reader);
	if (*reader->at == '"') {
		reader->at++;
		value = read_quoted(reader);
	} else {
		value = read_token(reader);
	}
	if (!value)
		return err_raise(-ENOMEM);
	keep(&reader->draft, name, value);
	return 0;
}

/* One word: with "=" behind it a parameter, else the next challenge begins. */
static int read_word(struct reader *reader)
{
	char *word = read_token(reader);

	if (!word)
		return err_raise(-ENOMEM);
	skip_space(reader);
	if (*reader->at == '=')
		return read_value(reader, word);
	end_challenge(reader);
	reader->draft.scheme = word;
	return 0;
}

static int read_fields(struct reader *reader, const struct engine_header *fields, size_t n_fields)
{
	int r = 0;

	for (size_t i = 0; i < n_fields; i++) {
		if (strcasecmp(fields[i].name, "WWW-Authenticate") != 0)
			continue;
		reader->at = fields[i].value;
		while (*reader->at && !r) {
			if (is_token_char(*reader->at))
				r = read_word(reader);
			else
				reader->at++;
		}
		if (r)
			return r;
		end_challenge(reader);
	}
	return 0;
}

static int copy_text(struct arena *arena, const char **text)
{
	if (*text)
		*text = arena_strdup(arena, *text);
	return *text ? 0 : -ENOMEM;
}

/* What was read of all the others is let go. */
int auth_choose(const struct engine_header *fields, size_t n_fields, unsigned rejected,
	struct arena *arena, struct auth_challenge *ret_challenge)
{
	struct auth_challenge best = { .method = TRANSFER_AUTH_DEFAULT };
	cleanup_(arena_done) struct arena scratch = { 0 };
	struct reader reader = { .arena = &scratch, .rejected = rejected, .best = &best };
	int r = read_fields(&reader, fields, n_fields);

	if (r)
		return r;
	if (best.method == TRANSFER_AUTH_DEFAULT)
		return AUTH_E_NONE;
	r = copy_text(arena, &best.realm);
	if (!r && best.nonce)
		r = copy_text(arena, &best.nonce);
	if (!r && best.opaque)
		r = copy_text(arena, &best.opaque);
	if (r)
		return err_raise(r);
	*ret_challenge = best;
	return 0;
}

bool auth_is_renewed(const struct auth_challenge *challenge, const struct auth_challenge *said)
{
	return challenge->is_stale && challenge->method == said->method &&
		challenge->hash == said->hash && challenge->is_session == said->is_session &&
		challenge->has_qop == said->has_qop && !strcmp(challenge->realm, said->realm);
}

/* ---- saying ---- */

bool auth_can_say(const struct auth_challenge *challenge, const char *user)
{
	return challenge->method == TRANSFER_AUTH_BASIC ? !strchr(user, ':')
							: !utf8_has_controls(user);
}

/* Of one size from the start: a text that grows leaves copies behind. NULL: no memory. */
static char *join(const char *const *parts, size_t n_parts)
{
	size_t n = 0;
	char *text, *at;

	for (size_t i = 0; i < n_parts; i++)
		n += strlen(parts[i]) + 1;
	at = text = malloc(n + 1);
	if (!text)
		return NULL;
	for (size_t i = 0; i < n_parts; i++) {
		if (i)
			*at++ = ':';
		at = stpcpy(at, parts[i]);
	}
	return text;
}

static char *basic_line(const struct auth_words *words)
{
	static const char name[] = "Authorization: Basic ";
	const char *const parts[] = { words->user, words->password };
	cleanup_(secret_freep) char *both = join(parts, 2);
	size_t n = both ? strlen(both) : 0;
	char *line = both ? malloc(sizeof(name) + 4 * ((n + 2) / 3) + 1) : NULL;

	if (!line)
		return NULL;
	memcpy(line, name, sizeof(name));
	EVP_EncodeBlock(
		(unsigned char *)line + sizeof(name) - 1, (const unsigned char *)both, (int)n);
	return line;
}

static void to_hex(const unsigned char *bytes, size_t n, char *ret_hex)
{
	for (size_t i = 0; i < n; i++)
		snprintf(ret_hex + 2 * i, 3, "%02x", bytes[i]);
}

/* The hash of the parts with colons between them. */
static int hash(enum auth_hash how, const char *const *parts, size_t n_parts,
	char ret_hex[static HEX_MAX_BYTES])
{
	static const char *const names[] = { [AUTH_HASH_MD5] = "MD5",
		[AUTH_HASH_SHA256] = "SHA256",
		[AUTH_HASH_SHA512_256] = "SHA512-256" };
	cleanup_(secret_freep) char *text = join(parts, n_parts);
	unsigned char digest[EVP_MAX_MD_SIZE];
	size_t n = 0;

	if (!text || !EVP_Q_digest(NULL, names[how], NULL, text, strlen(text), digest, &n))
		return err_raise(-ENOMEM);
	to_hex(digest, n, ret_hex);
	explicit_bzero(digest, sizeof(digest));
	return 0;
}

static int respond(const struct auth_challenge *c, const struct auth_words *words,
	const char *count, char ret_hex[static HEX_MAX_BYTES])
{
	char secret[HEX_MAX_BYTES], request[HEX_MAX_BYTES];
	const char *const first[] = { words->user, c->realm, words->password };
	const char *const session[] = { secret, c->nonce, words->cnonce };
	const char *const second[] = { words->method, words->target };
	const char *const with_qop[] = { secret, c->nonce, count, words->cnonce, "auth", request };
	const char *const without[] = { secret, c->nonce, request };
	int r = hash(c->hash, first, 3, secret);

	if (!r && c->is_session)
		r = hash(c->hash, session, 3, secret);
	if (!r)
		r = hash(c->hash, second, 2, request);
	if (!r && c->has_qop)
		r = hash(c->hash, with_qop, 6, ret_hex);
	else if (!r)
		r = hash(c->hash, without, 3, ret_hex);
	explicit_bzero(secret, sizeof(secret));
	return r;
}

static int put_quoted(struct buf *line, const char *name, const char *value)
{
	int r = buf_printf(line, "%s=\"", name);

	for (; !r && *value; value++) {
		if (*value == '"' || *value == '\\')
			r = buf_append_str(line, "\\");
		if (!r)
			r = buf_append(line, value, 1);
	}
	return r ? r : buf_append_str(line, "\"");
}

/* Nothing of it is secret. */
static int put_digest(struct buf *line, const struct auth_challenge *c,
	const struct auth_words *words, const char *count)
{
	static const char *const names[] = { [AUTH_HASH_MD5] = "MD5",
		[AUTH_HASH_SHA256] = "SHA-256",
		[AUTH_HASH_SHA512_256] = "SHA-512-256" };
	char hex[HEX_MAX_BYTES];
	int r = respond(c, words, count, hex);

	if (!r)
		r = put_quoted(line, "Authorization: Digest username", words->user);
	if (!r)
		r = put_quoted(line, ", realm", c->realm);
	if (!r)
		r = put_quoted(line, ", nonce", c->nonce);
	if (!r)
		r = put_quoted(line, ", uri", words->target);
	if (!r)
		r = buf_printf(line, ", algorithm=%s%s, response=\"%s\"", names[c->hash],
			c->is_session ? "-sess" : "", hex);
	if (!r && c->opaque)
		r = put_quoted(line, ", opaque", c->opaque);
	if (!r && (c->has_qop || c->is_session))
		r = put_quoted(line, ", cnonce", words->cnonce);
	if (!r && c->has_qop)
		r = buf_printf(line, ", qop=auth, nc=%s", count);
	return r;
}

int auth_make_cnonce(char *ret_cnonce)
{
	unsigned char random[AUTH_CNONCE_BYTES / 2];

	if (RAND_bytes(random, sizeof(random)) != 1)
		return err_raise(-EIO);
	to_hex(random, sizeof(random), ret_cnonce);
	return 0;
}

static char *digest_line(const struct auth_challenge *challenge, const struct auth_words *words)
{
	cleanup_(buf_done) struct buf line = { 0 };
	struct auth_words all = *words;
	char cnonce[AUTH_CNONCE_BYTES], count[9];

	if (!all.cnonce) {
		if (auth_make_cnonce(cnonce))
			return NULL;
		all.cnonce = cnonce;
	}
	snprintf(count, sizeof(count), "%08x", (unsigned)all.count);
	return put_digest(&line, challenge, &all, count) ? NULL : buf_take(&line);
}

char *auth_line(const struct auth_challenge *challenge, const struct auth_words *words)
{
	return challenge->method == TRANSFER_AUTH_DIGEST ? digest_line(challenge, words)
							 : basic_line(words);
}
