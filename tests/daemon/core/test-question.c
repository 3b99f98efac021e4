/* SPDX-License-Identifier: MIT */
/* Which methods ask, and that no two share a bit. */
#include "daemon/core/question.h"

#include <check.h>
#include <stddef.h>

#include "tests/lib/run.h"

START_TEST(known_methods)
{
	ck_assert_int_eq(question_kind_of("WillBeginDelayedRequest"), QUESTION_DELAYED_REQUEST);
	ck_assert_int_eq(question_kind_of("DidComplete"), QUESTION_NONE);
	ck_assert_int_eq(question_kind_of(""), QUESTION_NONE);
}
END_TEST

START_TEST(bits_are_their_own)
{
	static const enum question_kind kinds[] = {
#define KIND(symbol, number, method) QUESTION_##symbol,
		QUESTION_KINDS(KIND)
#undef KIND
	};
	uint32_t seen = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		ck_assert_int_gt(kinds[i], 0);
		ck_assert_int_le(kinds[i], QUESTION_KIND_MAX);
		ck_assert_uint_ne(question_bit(kinds[i]), 0);
		ck_assert_uint_eq(seen & question_bit(kinds[i]), 0);
		seen |= question_bit(kinds[i]);
	}
}
END_TEST

RUN_TESTS("daemon/core/question", TEST(known_methods), TEST(bits_are_their_own))
