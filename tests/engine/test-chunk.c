/* SPDX-License-Identifier: MIT */
/* Chunked bodies, whole and byte by byte: the same verdict. */
#include "engine/chunk.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/run.h"

static const struct {
	const char *body;
	int want;
} cases[] = {
	{ "5\r\nhello\r\n0\r\n\r\n", 0 },
	{ "000005\r\nhello\r\n0\r\n\r\n", 0 },
	{ "A\r\n0123456789\r\n00\r\nX: y\r\nZ:\r\n\r\n", 0 },
	{ "5;a=\"b c\"\r\nhello\r\n0;x\r\n\r\n", 0 },
	{ "5\r\nhel", 0 },
	{ "0\r\n\r\nwhatever follows", CHUNK_E_EXCESS },
	{ "\r\n", CHUNK_E_BAD },
	{ "5 \r\nhello\r\n", CHUNK_E_BAD },
	{ " 5\r\nhello\r\n", CHUNK_E_BAD },
	{ "0x5\r\nhello\r\n", CHUNK_E_BAD },
	{ "-5\r\nhello\r\n", CHUNK_E_BAD },
	{ "5\nhello\r\n", CHUNK_E_BAD },
	{ "5\r\nhello\n0\r\n\r\n", CHUNK_E_BAD },
	{ "5\r\nhelloo\r\n", CHUNK_E_BAD },
	{ "5;a\n\r\nhello", CHUNK_E_BAD },
	{ ";\r\n", CHUNK_E_BAD },
	{ "ffffffffffffffff\r\n", CHUNK_E_BAD },
	{ "00000000000000005\r\n", CHUNK_E_BAD },
	{ "0\r\nX: y\n\r\n", CHUNK_E_BAD },
	{ "0\r\n\rx", CHUNK_E_BAD },
};

START_TEST(judges)
{
	struct chunk whole = { 0 }, single = { 0 };
	const char *body = cases[_i].body;
	int r = 0;

	ck_assert_int_eq(chunk_feed(&whole, body, strlen(body)), cases[_i].want);
	for (const char *c = body; *c; c++)
		r = chunk_feed(&single, c, 1);
	ck_assert_int_eq(r, cases[_i].want);
	/* bad stays bad */
	if (cases[_i].want)
		ck_assert_int_eq(chunk_feed(&whole, "0\r\n\r\n", 5), cases[_i].want);
}
END_TEST

static const struct {
	const char *before, *again;
	size_t counted_bytes, max_bytes;
} floods[] = {
	{ "5;", "x", 1, CHUNK_EXTENSIONS_MAX_BYTES },
	{ "0\r\nX:", "x", 1, CHUNK_TRAILER_LINE_MAX_BYTES },
	{ "0\r\n", "X: yz\r\n", 5, CHUNK_TRAILERS_MAX_BYTES },
};

START_TEST(floods_end)
{
	const char *again = floods[_i].again;
	struct chunk k = { 0 };
	size_t n = 0;

	ck_assert_int_eq(chunk_feed(&k, floods[_i].before, strlen(floods[_i].before)), 0);
	while (!chunk_feed(&k, again, strlen(again)))
		ck_assert_uint_le(n += floods[_i].counted_bytes, floods[_i].max_bytes);
	ck_assert_uint_ge(n + 5, floods[_i].max_bytes);
}
END_TEST

RUN_TESTS("engine/chunk", TEST_EACH(judges, cases), TEST_EACH(floods_end, floods))
