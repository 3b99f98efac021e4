/* SPDX-License-Identifier: MIT */
/* Content codings the other way round: what a server makes of a body. */
#ifndef TESTS_LIB_CODING_H
#define TESTS_LIB_CODING_H

#include <stdbool.h>
#include <stddef.h>

struct coding_bytes {
	char *bytes; /* to be freed */
	size_t size;
};

/*
 * @names: "gzip", "deflate", "raw" (deflate without zlib's wrapper), "br", "zstd", or several with
 * commas between, applied in order. -EINVAL: unknown.
 */
int coding_encode(const char *names, const void *in, size_t size, struct coding_bytes *ret);
/* The value of Content-Encoding for these names; to be freed. */
char *coding_field(const char *names);

#endif
