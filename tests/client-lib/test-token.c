/* SPDX-License-Identifier: MIT */
#include "client-lib/token.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "tests/lib/run.h"

static int is_random = 1;

/* stands for the system's */
ssize_t getrandom(void *bytes, size_t size, unsigned flags)
{
	(void)flags;
	if (!is_random) {
		errno = ENOSYS;
		return -1;
	}
	for (size_t i = 0; i < size; i++)
		((unsigned char *)bytes)[i] = (unsigned char)is_random++;
	return (ssize_t)size;
}

/* With random numbers, and where the system has none. */
START_TEST(never_repeats)
{
	char before[TOKEN_BYTES] = "", token[TOKEN_BYTES];

	is_random = _i;
	for (int i = 0; i < 1000; i++) {
		token_new("manager", token);
		ck_assert_int_eq(strncmp(token, "manager-", 8), 0);
		ck_assert_uint_eq(strlen(token), 8 + 32);
		ck_assert_str_ne(token, before);
		memcpy(before, token, sizeof(before));
	}
}
END_TEST

RUN_TESTS("client-lib/token", TEST_LOOP(never_repeats, 2))
