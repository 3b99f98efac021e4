/* SPDX-License-Identifier: MIT */
/*
 * multipart/x-mixed-replace taken apart as it comes (RFC 2046, section 5.1). Pure; keeps at most a boundary and one block of
 * fields (MULTIPART_FIELDS_BYTES). Bytes before the first boundary and after the last are dropped. A part without its
 * boundary at the end of the stream counts as whole: that is how cameras end.
 */
#ifndef ENGINE_MULTIPART_H
#define ENGINE_MULTIPART_H

#include <stddef.h>

struct engine_header;
struct multipart;

#define MULTIPART_FIELDS_BYTES   (16u * 1024)
#define MULTIPART_FIELDS_MAX     64
#define MULTIPART_BOUNDARY_BYTES 70

enum { MULTIPART_E_BAD = 1 }; /* fields too long or malformed: CANNOT_PARSE_RESPONSE */

/* What is found, in order; not 0 ends multipart_feed() with it. Fields and bytes are borrowed for the call. */
struct multipart_sink {
	int (*begin)(const struct engine_header *fields, size_t n_fields, void *user);
	int (*body)(const void *bytes, size_t size, void *user);
	int (*end)(void *user);
	void *user;
};

/* From the value of Content-Type; NULL: it is no such type or has no boundary (then the body is delivered as it is), or no memory. */
struct multipart *multipart_new(const char *content_type, const struct multipart_sink *sink);
struct multipart *multipart_free(struct multipart *multipart);
/* 0, MULTIPART_E_BAD, -ENOMEM, or what the sink returned. */
int multipart_feed(struct multipart *multipart, const void *bytes, size_t size);
int multipart_finish(struct multipart *multipart);

#endif
