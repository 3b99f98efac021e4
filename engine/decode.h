/* SPDX-License-Identifier: MIT */
/*
 * Content codings: from what a server sent to what the file is. A streaming decoder for the value of
 * one Content-Encoding field; no I/O, no thread of its own.
 *
 *   decode_new(value, &d)   NULL: nothing is coded, the body is to be used as it comes
 *   decode_step(d, &io)     as often as one likes: takes coded bytes, gives at most io.room bytes
 *   decode_end(d)           the body has ended: has the coding?
 *   decode_free(d)
 *
 * gzip (x-gzip), deflate, br, zstd and identity, in any order, DECODE_CODINGS_MAX at most and one of
 * br and zstd at most (each may need a window of 8 or 16 MiB). deflate is zlib's format, and the
 * bare one that some servers mean by it. Several gzip members, and several zstd frames, are one body
 * (RFC 1952, section 2.2; RFC 8878, section 3); anything else after the end is an error. A body of
 * no bytes is a cut one, unless the caller knows better. Nothing that ends before its end marker ends
 * well.
 *
 * Back-pressure: a step stops when its room is used up and keeps at most DECODE_BUFFER_BYTES a coding
 * besides the codings' own windows.
 */
#ifndef ENGINE_DECODE_H
#define ENGINE_DECODE_H

#include <stdbool.h>
#include <stddef.h>

#define DECODE_CODINGS_MAX      5
#define DECODE_VALUE_MAX_BYTES  256
#define DECODE_BUFFER_BYTES     (16u * 1024)
/* More than so many bytes out of one is refused, once there are more than these. */
#define DECODE_RATIO_MAX        1000u
#define DECODE_RATIO_FREE_BYTES (1u << 20)

enum {
	DECODE_E_UNKNOWN =
		1, /* a coding that is not known, or too many: CANNOT_DECODE_CONTENT_DATA */
	DECODE_E_BAD, /* damaged, cut, or growing without end: CANNOT_DECODE_RAW_DATA */
};

struct decode;

struct decode_io {
	const void *in;
	size_t in_bytes;
	void *out;
	size_t room_bytes;
	size_t used_bytes; /* of in, by the last step */
	size_t made_bytes; /* in out, by the last step */
};

/* True when the value names no coding but identity; NULL and "" too. */
bool decode_is_identity(const char *content_encoding);
/* 0 (NULL where nothing is coded), DECODE_E_UNKNOWN or -ENOMEM. */
int decode_new(const char *content_encoding, struct decode **ret_decode);
struct decode *decode_free(struct decode *decode);
/*
 * 0, DECODE_E_BAD or -ENOMEM; after a failure each further step fails the same way. made_bytes ==
 * room_bytes: there may be more, step again with what is left of the input. Else all of it is used.
 */
int decode_step(struct decode *decode, struct decode_io *io);
/* 0 or DECODE_E_BAD, after the last step has given all it had. */
int decode_end(struct decode *decode);
/* After DECODE_E_BAD: static text. */
const char *decode_why(const struct decode *decode);

#endif
