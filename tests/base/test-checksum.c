/* SPDX-License-Identifier: MIT */
#include "base/checksum.h"

#include "tests/lib/run.h"

START_TEST(knows_names)
{
	ck_assert_uint_eq(checksum_digits("md5"), 32);
	ck_assert_uint_eq(checksum_digits("sha256"), 64);
	ck_assert_uint_eq(checksum_digits("SHA256"), 0);
	ck_assert_uint_eq(checksum_digits(""), 0);
	ck_assert_uint_eq(checksum_digits(NULL), 0);
}
END_TEST

START_TEST(judges_hex)
{
	ck_assert(checksum_is_valid("md5", "900150983CD24fb0d6963f7d28e17f72"));
	ck_assert(!checksum_is_valid("md5", "900150983cd24fb0d6963f7d28e17f7"));
	ck_assert(!checksum_is_valid("md5", "900150983cd24fb0d6963f7d28e17f7g"));
	ck_assert(!checksum_is_valid("sha256", "900150983cd24fb0d6963f7d28e17f72"));
	ck_assert(!checksum_is_valid("md4", "900150983cd24fb0d6963f7d28e17f72"));
	ck_assert(!checksum_is_valid("md5", NULL));
	ck_assert(!checksum_is_valid(NULL, ""));
}
END_TEST

RUN_TESTS("base/checksum", TEST(knows_names), TEST(judges_hex))
