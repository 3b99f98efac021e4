/* SPDX-License-Identifier: MIT */
/* Challenges as servers write them, and what is said to them. */
#include "engine/auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/arena.h"
#include "base/secret.h"
#include "engine/engine.h"
#include "tests/lib/run.h"

#define BASIC              (1u << TRANSFER_AUTH_BASIC)
#define OFFER(realm, hash) "Digest realm=\"" realm "\", nonce=\"n\", algorithm=" hash ", "
#define MD5(realm)         OFFER(realm, "MD5")
#define SHA256(realm)      OFFER(realm, "SHA-256-sess")
#define SHA512_256(realm)  OFFER(realm, "SHA-512-256")
#define DIGEST             (1u << TRANSFER_AUTH_DIGEST)

/* SW-142..144; realm NULL: there is no challenge */
static const struct {
	const char *text;
	unsigned rejected;
	enum transfer_auth_method method;
	const char *realm;
} challenges[] = {
	{ "", 0, TRANSFER_AUTH_DEFAULT, NULL },
	{ "Basic", 0, TRANSFER_AUTH_DEFAULT, NULL },
	{ "Basic realm=\"\"", 0, TRANSFER_AUTH_BASIC, "" },
	{ "bAsIc Realm=\"A Realm\"", 0, TRANSFER_AUTH_BASIC, "A Realm" },
	{ "Basic realm=token", 0, TRANSFER_AUTH_BASIC, "token" },
	{ "Basic realm = \"a \\\"b\\\" \\\\c\" , charset=\"UTF-8\"", 0, TRANSFER_AUTH_BASIC,
		"a \"b\" \\c" },
	{ "Basic realm=\"a\"charset=x", 0, TRANSFER_AUTH_BASIC, "a" },
	{ "Basic realm=\"a\" realm=\"b\"", 0, TRANSFER_AUTH_BASIC, "a" },
	{ "Basic charset=x, other=\"y\", REALM=\"a\"", 0, TRANSFER_AUTH_BASIC, "a" },
	{ "Basic realm=\"no end", 0, TRANSFER_AUTH_BASIC, "no end" },
	{ "Basic realm=\"bell\a\"", 0, TRANSFER_AUTH_DEFAULT, NULL },
	{ "\"garbage\", ==; Basic realm=\"a\"", 0, TRANSFER_AUTH_BASIC, "a" },
	{ "Digest, Basic, basic realm = \"First \\\" realm\", Basic realm=\"Second realm\"", 0,
		TRANSFER_AUTH_BASIC, "First \" realm" },
	{ "Negotiate, NTLM TlRMTVNT==, Basic realm=\"a\"", 0, TRANSFER_AUTH_BASIC, "a" },
	{ "NT LM realm=\"a\"", 0, TRANSFER_AUTH_DEFAULT, NULL },
	{ "Bearer realm=\"a\"", 0, TRANSFER_AUTH_DEFAULT, NULL },
	{ "Basic realm=\"a\", Digest realm=\"d\", nonce=\"n\"", 0, TRANSFER_AUTH_DIGEST, "d" },
	{ "Basic realm=\"a\", Digest realm=\"d\", nonce=\"n\"", DIGEST, TRANSFER_AUTH_BASIC, "a" },
	{ "Basic realm=\"a\", Digest realm=\"d\", nonce=\"n\"", DIGEST | BASIC,
		TRANSFER_AUTH_DEFAULT, NULL },
	/* the best hash, of equals the first */
	{ MD5("a") SHA256("b") SHA512_256("c") SHA512_256("d") MD5("e"), 0, TRANSFER_AUTH_DIGEST,
		"c" },
	{ SHA256("a") "Basic realm=\"b\", " MD5("c") SHA256("d"), 0, TRANSFER_AUTH_DIGEST, "a" },
	{ MD5("a") "Digest realm=\"b\", nonce=\"n\", algorithm=SHA-1", 0, TRANSFER_AUTH_DIGEST,
		"a" },
	{ "Digest realm=\"d\", nonce=\"n\", qop=\"auth-int, auth\"", 0, TRANSFER_AUTH_DIGEST, "d" },
	/* ways that are not known */
	{ "Digest realm=\"d\", nonce=\"n\", qop=\"auth-int\"", 0, TRANSFER_AUTH_DEFAULT, NULL },
	{ "Digest realm=\"d\", nonce=\"n\", algorithm=SHA-1", 0, TRANSFER_AUTH_DEFAULT, NULL },
	{ "Digest realm=\"d\"", 0, TRANSFER_AUTH_DEFAULT, NULL },
	{ "Digest realm=\"d\", nonce=\"n\", algorithm=SHA-1, Digest realm=\"e\", nonce=\"n\"", 0,
		TRANSFER_AUTH_DIGEST, "e" },
};

START_TEST(reads)
{
	const struct engine_header fields[] = {
		{ "Server", "Basic realm=\"not this\"" },
		{ "www-authenticate", challenges[_i].text },
	};
	struct auth_challenge found = { .method = TRANSFER_AUTH_DEFAULT };
	struct arena arena = { 0 };
	int r = auth_choose(fields, 2, challenges[_i].rejected, &arena, &found);

	ck_assert_int_eq(r, challenges[_i].realm ? 0 : AUTH_E_NONE);
	ck_assert_int_eq(found.method, challenges[_i].method);
	if (challenges[_i].realm)
		ck_assert_str_eq(found.realm, challenges[_i].realm);
	arena_done(&arena);
}
END_TEST

/* several fields are one list, and none goes on in the next */
START_TEST(reads_several_fields)
{
	const struct engine_header fields[] = {
		{ "WWW-Authenticate", "Negotiate" },
		{ "WWW-Authenticate", "Basic" },
		{ "WWW-Authenticate", "realm=\"a\"" },
		{ "WWW-Authenticate", "Basic realm=\"b\"" },
		{ "WWW-Authenticate", "Digest realm=\"d\", nonce=\"n\", stale=TRUE, opaque=o" },
	};
	struct auth_challenge found;
	struct arena arena = { 0 };

	ck_assert_int_eq(auth_choose(fields, 3, 0, &arena, &found), AUTH_E_NONE);
	ck_assert_int_eq(auth_choose(fields, 4, 0, &arena, &found), 0);
	ck_assert_str_eq(found.realm, "b");
	ck_assert_int_eq(auth_choose(fields, 5, 0, &arena, &found), 0);
	ck_assert_int_eq(found.method, TRANSFER_AUTH_DIGEST);
	ck_assert(found.is_stale && !found.has_qop && !found.is_session);
	ck_assert_str_eq(found.opaque, "o");
	arena_done(&arena);
}
END_TEST

/* What is read of a field takes no more room than it is long, however many words it has. */
START_TEST(a_long_field_costs_little)
{
	enum { N = 25000 };
	char *text = calloc(1, 20 + 4 * N), *at = text;
	const struct engine_header field = { "WWW-Authenticate", text };
	struct auth_challenge found;
	struct arena arena = { 0 };
	struct rusage before, after;

	ck_assert_ptr_nonnull(text);
	at = stpcpy(at, "Basic realm=\"r\",");
	for (size_t i = 0; i < N; i++)
		at = stpcpy(at, "a=\"\"");
	getrusage(RUSAGE_SELF, &before);
	ck_assert_int_eq(auth_choose(&field, 1, 0, &arena, &found), 0);
	getrusage(RUSAGE_SELF, &after);
	ck_assert_str_eq(found.realm, "r");
	ck_assert_int_lt(after.ru_maxrss - before.ru_maxrss, 32 * 1024);
	arena_done(&arena);
	free(text);
}
END_TEST

/* Only a new nonce for what was said is not asked about. */
START_TEST(what_else_is_new_is_asked_about)
{
	const struct auth_challenge said = {
		.method = TRANSFER_AUTH_DIGEST, .realm = "r", .nonce = "n", .has_qop = true
	};
	struct auth_challenge next[5];

	for (size_t i = 0; i < 5; i++) {
		next[i] = said;
		next[i].nonce = "other";
		next[i].is_stale = true;
	}
	ck_assert(auth_is_renewed(&next[0], &said));
	next[0].is_stale = false;
	next[1].realm = "R";
	next[2].hash = AUTH_HASH_SHA256;
	next[3].has_qop = false;
	next[4].is_session = true;
	for (size_t i = 0; i < 5; i++)
		ck_assert(!auth_is_renewed(&next[i], &said));
}
END_TEST

#define RFC7616_CHALLENGE \
	"realm=\"http-auth@example.org\", qop=\"auth, auth-int\", " \
	"nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\""
#define RFC7616_WORDS \
	{ \
		.user = "Mufasa", .password = "Circle of Life", .method = "GET", \
		.target = "/dir/index.html", \
		.cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", .count = 1 \
	}

/* RFC 7617, section 2 and 2.1; RFC 7616, section 3.9.1; RFC 2069 as corrected, RFC 2617 */
static const struct {
	const char *text;
	struct auth_words words;
	const char *want;
} sayings[] = {
	{ "Basic realm=\"WallyWorld\"", { .user = "Aladdin", .password = "open sesame" },
		"Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==" },
	{ "Basic realm=\"foo\", charset=\"UTF-8\"", { .user = "test", .password = "123\xc2\xa3" },
		"Authorization: Basic dGVzdDoxMjPCow==" },
	{ "Basic realm=\"e\"", { .user = "", .password = "" }, "Authorization: Basic Og==" },
	{ "Digest algorithm=SHA-256, " RFC7616_CHALLENGE
	  ", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
		RFC7616_WORDS,
		"response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\"" },
	{ "Digest algorithm=MD5, " RFC7616_CHALLENGE, RFC7616_WORDS,
		"response=\"8ca523f5e9506fed4657c9700eebdbec\"" },
	{ "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"",
		{ .user = "Mufasa",
			.password = "CircleOfLife",
			.method = "GET",
			.target = "/dir/index.html",
			.count = 1 },
		"response=\"1949323746fe6a43ef61f9606e7febea\"" },
	{ "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
	  "qop=\"auth\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
		{ .user = "Mufasa",
			.password = "Circle Of Life",
			.method = "GET",
			.target = "/dir/index.html",
			.cnonce = "0a4f113b",
			.count = 1 },
		"Authorization: Digest username=\"Mufasa\", realm=\"testrealm@host.com\", "
		"nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", "
		"algorithm=MD5, response=\"6629fae49393a05397450978507c4ef1\", "
		"opaque=\"5ccc069c403ebaf9f0171e9517f40e41\", cnonce=\"0a4f113b\", qop=auth, "
		"nc=00000001" },
	{ "Digest realm=\"a\\\"b\", nonce=\"n\\\\\"",
		{ .user = "u\"\\", .password = "p", .method = "GET", .target = "/", .count = 1 },
		"Authorization: Digest username=\"u\\\"\\\\\", realm=\"a\\\"b\", nonce=\"n\\\\\", " },
};

START_TEST(says)
{
	const struct engine_header field = { "WWW-Authenticate", sayings[_i].text };
	struct auth_challenge challenge;
	struct arena arena = { 0 };
	char *line;

	ck_assert_int_eq(auth_choose(&field, 1, 0, &arena, &challenge), 0);
	line = auth_line(&challenge, &sayings[_i].words);
	ck_assert_ptr_nonnull(line);
	ck_assert_msg(strstr(line, sayings[_i].want), "%s", line);
	secret_free(line);
	arena_done(&arena);
}
END_TEST

/* computed apart from this with Python's hashlib */
START_TEST(says_in_all_hashes)
{
	static const struct {
		const char *algorithm, *response;
	} hashes[] = {
		{ "MD5-sess", "e57ec9bc902bd12e8aa6fab8e430d97e" },
		{ "SHA-256-sess",
			"ea24ae1a4b8869056cdc2cf9f456a9662ea0827bc7320b8b40eec9cf68d7cb6b" },
		{ "SHA-512-256",
			"50c814d30479abaef6e8a2c2b107f919bb999d8e429ad43de4657f94bce029a2" },
		{ "SHA-512-256-sess",
			"9949492845a8a3aa0cfe97d683830589d1189c8fa822046283145d5470629691" },
	};
	const struct auth_words words = { "user", "passwd", "POST", "/a?b=c", "cn", 10 };

	for (size_t i = 0; i < sizeof(hashes) / sizeof(*hashes); i++) {
		struct auth_challenge challenge;
		struct arena arena = { 0 };
		char text[128], *line;
		struct engine_header field = { "WWW-Authenticate", text };

		snprintf(text, sizeof(text), "Digest realm=r, nonce=n, qop=auth, algorithm=%s",
			hashes[i].algorithm);
		ck_assert_int_eq(auth_choose(&field, 1, 0, &arena, &challenge), 0);
		line = auth_line(&challenge, &words);
		ck_assert_ptr_nonnull(line);
		ck_assert_msg(strstr(line, hashes[i].response), "%s", line);
		ck_assert_ptr_nonnull(strstr(line, hashes[i].algorithm));
		ck_assert_ptr_nonnull(strstr(line, "nc=0000000a"));
		secret_free(line);
		arena_done(&arena);
	}
}
END_TEST

/* each time another one of our own */
START_TEST(makes_nonces)
{
	const struct auth_challenge challenge = {
		.method = TRANSFER_AUTH_DIGEST, .realm = "r", .nonce = "n", .has_qop = true
	};
	const struct auth_words words = { "u", "p", "GET", "/", NULL, 1 };
	char *first = auth_line(&challenge, &words), *second = auth_line(&challenge, &words);

	ck_assert_str_ne(first, second);
	secret_free(first);
	secret_free(second);
	ck_assert(auth_can_say(&challenge, "user"));
	ck_assert(!auth_can_say(&challenge, "user\r\nX: y"));
	ck_assert(auth_can_say(&challenge, "user:name"));
	ck_assert(!auth_can_say(&(struct auth_challenge){ .method = TRANSFER_AUTH_BASIC }, "a:b"));
}
END_TEST

RUN_TESTS("engine/auth", TEST_EACH(reads, challenges), TEST(reads_several_fields),
	TEST(a_long_field_costs_little), TEST(what_else_is_new_is_asked_about),
	TEST_EACH(says, sayings), TEST(says_in_all_hashes), TEST(makes_nonces))
