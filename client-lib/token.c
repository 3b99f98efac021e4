/* SPDX-License-Identifier: MIT */
/* Random, or at least never the same twice: who got an old one would be answered with the tasks of another call. */
#include "client-lib/token.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"

void token_new(const char *prefix, char ret_token[TOKEN_BYTES])
{
	static atomic_uint n_made;
	uint64_t bits[2];

	if (getrandom(bits, sizeof(bits), 0) != (ssize_t)sizeof(bits)) {
		bits[0] = clock_wall_us();
		bits[1] = (uint64_t)getpid() << 32 | atomic_fetch_add(&n_made, 1);
	}
	snprintf(
		ret_token, TOKEN_BYTES, "%.8s-%016" PRIx64 "%016" PRIx64, prefix, bits[0], bits[1]);
}
