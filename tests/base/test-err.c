/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/run.h"

START_TEST(remembers_where_it_was_raised)
{
	ck_assert_int_eq(err_raise(-ENOSPC), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(err_text(-ENOSPC), "test-err.c"));
	ck_assert_ptr_nonnull(strstr(err_text(-ENOSPC), "No space left"));
	ck_assert_ptr_null(strstr(err_text(-EIO), "test-err.c"));
}
END_TEST

START_TEST(folds_forgotten_outcomes)
{
	ck_assert_int_eq(err_fold(0), 0);
	ck_assert_int_eq(err_fold(-EIO), -EIO);
	ck_assert_int_eq(err_fold(3), -ENOTRECOVERABLE);
}
END_TEST

RUN_TESTS("base/err", TEST(remembers_where_it_was_raised), TEST(folds_forgotten_outcomes))
