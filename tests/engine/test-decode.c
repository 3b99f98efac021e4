/* SPDX-License-Identifier: MIT */
/* Content codings: whole, byte by byte, cut, damaged, nested, growing without end. */
#include "engine/decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "tests/lib/coding.h"
#include "tests/lib/run.h"

#define TEXT_BYTES ((size_t)40000)

/* Repeats enough to be compressed, and not so much that little is left to cut. */
static char *make_text(size_t size)
{
	char *text = malloc(size);
	unsigned draw = 12345;

	ck_assert_ptr_nonnull(text);
	for (size_t i = 0; i < size; i++) {
		draw = draw * 1103515245 + 12345;
		text[i] = (char)('a' + (draw >> 16) % 17);
	}
	return text;
}

struct result {
	int code; /* of step or end */
	const char *why;
	size_t made_bytes;
	bool is_right; /* all that was made is the beginning of the text */
};

/* Feeds in pieces, takes out in pieces; NULL text: what comes out is only counted. */
static struct result decode(const char *field, const struct coding_bytes *in, size_t feed,
	size_t room, const char *text)
{
	struct result result = { .is_right = true };
	struct decode *d = NULL;
	char *out = malloc(room);
	bool is_bounded = true; /* asserted once: there are many steps */
	size_t at = 0;

	ck_assert_int_eq(decode_new(field, &d), 0);
	ck_assert_ptr_nonnull(d);
	while (!result.code) {
		struct decode_io io = {
			.in = in->bytes + at,
			.in_bytes = in->size - at < feed ? in->size - at : feed,
			.out = out,
			.room_bytes = room,
		};

		result.code = decode_step(d, &io);
		is_bounded &= io.made_bytes <= room && io.used_bytes <= io.in_bytes &&
			(result.code || io.made_bytes == room || io.used_bytes == io.in_bytes);
		if (text &&
			(result.made_bytes + io.made_bytes > TEXT_BYTES ||
				memcmp(text + result.made_bytes, out, io.made_bytes) != 0))
			result.is_right = false;
		result.made_bytes += io.made_bytes;
		at += io.used_bytes;
		if (at == in->size && io.made_bytes < room)
			break;
	}
	if (!result.code)
		result.code = decode_end(d);
	ck_assert(is_bounded);
	result.why = decode_why(d);
	ck_assert_int_eq(result.code == DECODE_E_BAD, result.why != NULL);
	decode_free(d);
	free(out);
	return result;
}

static const char *const codings[] = { "gzip", "x-gzip", "deflate", "raw", "br", "zstd", "gzip,br",
	"br,gzip", "zstd,gzip", "deflate,raw,gzip,zstd,gzip" };

START_TEST(gives_what_was_encoded)
{
	static const size_t pieces[][2] = { { 1, 1 }, { 1, 100 }, { 3, 7 }, { 100, 1 },
		{ 1000, 1 << 16 }, { 1 << 20, 16 }, { 1 << 20, 1 << 20 } };
	char *text = make_text(TEXT_BYTES), *field = coding_field(codings[_i]);
	struct coding_bytes coded;

	ck_assert_int_eq(coding_encode(codings[_i], text, TEXT_BYTES, &coded), 0);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct result r = decode(field, &coded, pieces[i][0], pieces[i][1], text);

		ck_assert_msg(!r.code && r.is_right && r.made_bytes == TEXT_BYTES,
			"%s by %zu into %zu: %d %s, %zu bytes", codings[_i], pieces[i][0],
			pieces[i][1], r.code, r.why ? r.why : "", r.made_bytes);
	}
	free(coded.bytes);
	free(field);
	free(text);
}
END_TEST

START_TEST(gives_an_empty_body)
{
	char *field = coding_field(codings[_i]);
	struct coding_bytes coded;
	struct result r;

	ck_assert_int_eq(coding_encode(codings[_i], "", 0, &coded), 0);
	r = decode(field, &coded, 1, 1, NULL);
	ck_assert_int_eq(r.code, 0);
	ck_assert_uint_eq(r.made_bytes, 0);
	free(coded.bytes);
	free(field);
}
END_TEST

/* N-9: never well with a part, wherever it is cut; what came out before is right */
START_TEST(a_cut_never_ends_well)
{
	char *text = make_text(TEXT_BYTES), *field = coding_field(codings[_i]);
	struct coding_bytes coded, cut;

	ck_assert_int_eq(coding_encode(codings[_i], text, TEXT_BYTES, &coded), 0);
	cut = coded;
	for (unsigned place = 0; place < 50; place++) {
		struct result r;

		cut.size = coded.size * place / 50;
		r = decode(field, &cut, 1000, 4096, text);
		ck_assert_msg(r.code == DECODE_E_BAD && r.is_right, "%s cut at %zu: %d",
			codings[_i], cut.size, r.code);
	}
	for (unsigned less = 1; less < 12; less++) {
		cut.size = coded.size - less;
		ck_assert_int_eq(decode(field, &cut, 1000, 4096, text).code, DECODE_E_BAD);
	}
	free(coded.bytes);
	free(field);
	free(text);
}
END_TEST

/* N-10: what is behind the end is no part of the body */
START_TEST(junk_behind_the_end_is_refused)
{
	static const char *const junks[] = { "x", "junk", "\0", "\0\0\0\0\0\0\0\0" };
	static const size_t sizes[] = { 1, 4, 1, 8 };
	char *text = make_text(TEXT_BYTES), *field = coding_field(codings[_i]);
	struct coding_bytes coded, longer;

	ck_assert_int_eq(coding_encode(codings[_i], text, TEXT_BYTES, &coded), 0);
	for (size_t i = 0; i < sizeof(junks) / sizeof(junks[0]); i++) {
		longer.size = coded.size + sizes[i];
		longer.bytes = malloc(longer.size);
		memcpy(longer.bytes, coded.bytes, coded.size);
		memcpy(longer.bytes + coded.size, junks[i], sizes[i]);
		ck_assert_int_eq(decode(field, &longer, 1 << 20, 4096, text).code, DECODE_E_BAD);
		ck_assert_int_eq(decode(field, &longer, 1, 1 << 20, text).code, DECODE_E_BAD);
		free(longer.bytes);
	}
	free(coded.bytes);
	free(field);
	free(text);
}
END_TEST

/* N-10: two members are one body where the format says so, else junk */
static const struct {
	const char *coding;
	int want;
} members[] = { { "gzip", 0 }, { "zstd", 0 }, { "deflate", DECODE_E_BAD }, { "raw", DECODE_E_BAD },
	{ "br", DECODE_E_BAD } };

START_TEST(two_members)
{
	char *text = make_text(TEXT_BYTES), *field = coding_field(members[_i].coding);
	size_t half = TEXT_BYTES / 2;
	struct coding_bytes first, second, both;
	struct result r;

	ck_assert_int_eq(coding_encode(members[_i].coding, text, half, &first), 0);
	ck_assert_int_eq(coding_encode(members[_i].coding, text + half, half, &second), 0);
	both.size = first.size + second.size;
	both.bytes = malloc(both.size);
	memcpy(both.bytes, first.bytes, first.size);
	memcpy(both.bytes + first.size, second.bytes, second.size);
	for (size_t feed = 1; feed < 1 << 20; feed *= 37) {
		r = decode(field, &both, feed, 5000, text);
		ck_assert_int_eq(r.code, members[_i].want);
		ck_assert(r.code || (r.is_right && r.made_bytes == TEXT_BYTES));
	}
	/* the second is cut in its first bytes */
	both.size = first.size + 3;
	ck_assert_int_eq(decode(field, &both, 1000, 5000, text).code, DECODE_E_BAD);
	free(first.bytes);
	free(second.bytes);
	free(both.bytes);
	free(field);
	free(text);
}
END_TEST

/* N-10: little becomes much only so far */
START_TEST(a_bomb_is_refused)
{
	static const char *const bombs[] = { "gzip", "br", "zstd", "gzip,gzip", "deflate,br" };
	size_t size = (size_t)200 << 20;
	char *zeros = calloc(1, size);
	struct coding_bytes coded;

	ck_assert_ptr_nonnull(zeros);
	for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
		char *field = coding_field(bombs[i]);
		struct result r;

		ck_assert_int_eq(coding_encode(bombs[i], zeros, size, &coded), 0);
		ck_assert_uint_le(coded.size, 210 << 10);
		r = decode(field, &coded, 16 << 10, 64 << 10, NULL);
		ck_assert_int_eq(r.code, DECODE_E_BAD);
		ck_assert_str_eq(r.why, "the body grows too much when it is decoded");
		ck_assert_uint_le(r.made_bytes, 64 << 20);
		free(coded.bytes);
		free(field);
	}
	free(zeros);
}
END_TEST

/* a small file that compresses as well as can be is no bomb */
START_TEST(a_megabyte_of_nothing_is_fine)
{
	size_t size = (size_t)1 << 20;
	char *zeros = calloc(1, size);
	struct coding_bytes coded;
	char *field = coding_field(codings[_i]);
	struct result r;

	ck_assert_int_eq(coding_encode(codings[_i], zeros, size, &coded), 0);
	r = decode(field, &coded, 1000, 64 << 10, NULL);
	ck_assert_int_eq(r.code, 0);
	ck_assert_uint_eq(r.made_bytes, size);
	free(coded.bytes);
	free(field);
	free(zeros);
}
END_TEST

/* one bit wrong: never another text without an error, where the format has a checksum */
START_TEST(damage_is_seen)
{
	static const char *const checked[] = { "gzip", "deflate", "gzip,br" };
	char *text = make_text(TEXT_BYTES), *field = coding_field(checked[_i]);
	struct coding_bytes coded;

	ck_assert_int_eq(coding_encode(checked[_i], text, TEXT_BYTES, &coded), 0);
	for (size_t at = 0; at < coded.size; at += coded.size / 400 + 1) {
		struct result r;

		coded.bytes[at] ^= 0x10;
		r = decode(field, &coded, 1000, 4096, text);
		ck_assert(r.code || (r.is_right && r.made_bytes == TEXT_BYTES));
		coded.bytes[at] ^= 0x10;
	}
	free(coded.bytes);
	free(field);
	free(text);
}
END_TEST

static const struct {
	const char *field;
	int want;
	bool is_coded;
} fields[] = {
	{ NULL, 0, false },
	{ "", 0, false },
	{ " , ", 0, false },
	{ "identity", 0, false },
	{ "IDENTITY, identity", 0, false },
	{ "gzip", 0, true },
	{ "GZip", 0, true },
	{ "identity, gzip", 0, true },
	{ ",gzip,,br,", 0, true },
	{ "gzip, gzip, gzip, gzip, gzip", 0, true },
	{ "gzip, gzip, gzip, gzip, gzip, gzip", DECODE_E_UNKNOWN, true },
	{ "gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip, "
	  "gzip, gzip, gzip, gzip, gzip, gzip",
		DECODE_E_UNKNOWN, true },
	{ "br, br", DECODE_E_UNKNOWN, true },
	{ "br, zstd", DECODE_E_UNKNOWN, true },
	{ "compress", DECODE_E_UNKNOWN, true },
	{ "gzip, rot13", DECODE_E_UNKNOWN, true },
	{ "gzipx", DECODE_E_UNKNOWN, true },
	{ "gz", DECODE_E_UNKNOWN, true },
	{ "gzip;q=1", DECODE_E_UNKNOWN, true },
	{ "\xef\xbf\xbd", DECODE_E_UNKNOWN, true },
};

START_TEST(knows_its_names)
{
	struct decode *d = NULL;

	ck_assert_int_eq(decode_new(fields[_i].field, &d), fields[_i].want);
	ck_assert_int_eq(d != NULL, fields[_i].is_coded && !fields[_i].want);
	ck_assert_int_eq(decode_is_identity(fields[_i].field), !fields[_i].is_coded);
	decode_free(d);
}
END_TEST

START_TEST(refuses_a_value_without_end)
{
	char field[DECODE_VALUE_MAX_BYTES + 2];
	struct decode *d = NULL;

	memset(field, ',', sizeof(field) - 1);
	field[sizeof(field) - 1] = '\0';
	ck_assert_int_eq(decode_new(field, &d), DECODE_E_UNKNOWN);
	field[sizeof(field) - 2] = '\0';
	ck_assert_int_eq(decode_new(field, &d), 0);
	ck_assert_ptr_null(d);
}
END_TEST

/* a zstd frame of 16 MiB of window, which nobody has to offer */
START_TEST(refuses_a_window_without_end)
{
	static char frame[] = "\x28\xb5\x2f\xfd\x00\x70\x01\x00\x00";
	struct coding_bytes coded = { frame, sizeof(frame) - 1 };
	struct result r = decode("zstd", &coded, 100, 100, NULL);

	ck_assert_int_eq(r.code, DECODE_E_BAD);
	ck_assert_str_eq(r.why, "the content coding asks for too much memory");
	frame[5] = 0x68;
	ck_assert_int_eq(decode("zstd", &coded, 100, 100, NULL).code, 0);
}
END_TEST

START_TEST(stays_bad)
{
	struct decode_io io = {
		.in = "nonsense", .in_bytes = 8, .out = (char[8]){ 0 }, .room_bytes = 8
	};
	struct decode *d = NULL;

	ck_assert_int_eq(decode_new("gzip", &d), 0);
	ck_assert_int_eq(decode_step(d, &io), DECODE_E_BAD);
	ck_assert_int_eq(decode_step(d, &io), DECODE_E_BAD);
	ck_assert_uint_eq(io.used_bytes + io.made_bytes, 0);
	ck_assert_int_eq(decode_end(d), DECODE_E_BAD);
	ck_assert_str_eq(decode_why(d), "the content coding is damaged");
	decode_free(d);
	decode_free(NULL);
}
END_TEST

RUN_TESTS_WITHIN("engine/decode", 60, TEST_EACH(gives_what_was_encoded, codings),
	TEST_EACH(gives_an_empty_body, codings), TEST_EACH(a_cut_never_ends_well, codings),
	TEST_EACH(junk_behind_the_end_is_refused, codings), TEST_EACH(two_members, members),
	TEST(a_bomb_is_refused), TEST_EACH(a_megabyte_of_nothing_is_fine, codings),
	TEST_LOOP(damage_is_seen, 3), TEST_EACH(knows_its_names, fields),
	TEST(refuses_a_value_without_end), TEST(refuses_a_window_without_end), TEST(stays_bad))
