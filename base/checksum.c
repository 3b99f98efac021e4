/* SPDX-License-Identifier: MIT */
/* A table of names and lengths; what computes them is engine/digest.c. */
#include "base/checksum.h"

#include <string.h>

size_t checksum_digits(const char *algorithm)
{
	static const struct {
		const char *name;
		size_t digits;
	} algorithms[] = { { "md5", 32 }, { "sha1", 40 }, { "sha256", 64 }, { "sha512", 128 } };

	for (size_t i = 0; algorithm && i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (!strcmp(algorithms[i].name, algorithm))
			return algorithms[i].digits;
	return 0;
}

bool checksum_is_valid(const char *algorithm, const char *hex)
{
	size_t n = checksum_digits(algorithm);

	return n && hex && strlen(hex) == n && strspn(hex, "0123456789abcdefABCDEF") == n;
}
