/* SPDX-License-Identifier: MIT */
/*
 * The chunked coding of HTTP/1.1 (RFC 9112, section 7.1), checked only: libcurl decodes it, but
 * takes blanks in sizes, bare line feeds and extensions without end. Pure.
 */
#ifndef ENGINE_CHUNK_H
#define ENGINE_CHUNK_H

#include <stddef.h>
#include <stdint.h>

#define CHUNK_EXTENSIONS_MAX_BYTES   (64u * 1024)
#define CHUNK_TRAILERS_MAX_BYTES     (64u * 1024)
/* libcurl takes no longer ones, and says that the connection broke */
#define CHUNK_TRAILER_LINE_MAX_BYTES 4093u

enum {
	CHUNK_E_BAD = 1,
	CHUNK_E_EXCESS, /* the body is whole, and what follows belongs to nobody */
};

/* Zero-initialise to start. */
struct chunk {
	int step;
	unsigned n_digits;
	uint64_t left_bytes;
	size_t extension_bytes, trailer_bytes; /* of the whole body */
	size_t line_bytes; /* of the trailer's present line */
};

/* The next bytes of the body as they came. 0, CHUNK_E_EXCESS or CHUNK_E_BAD, then always that. */
int chunk_feed(struct chunk *chunk, const char *bytes, size_t size);

#endif
