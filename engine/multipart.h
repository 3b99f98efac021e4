/* SPDX-License-Identifier: MIT */
/*
 * multipart/x-mixed-replace taken apart as it comes (RFC 2046, section 5.1). Pure; keeps at most a boundary and one block of
 * fields (MULTIPART_FIELDS_BYTES). Bytes before the first boundary and after the last are dropped. A part without its
 * boundary at the end of the stream counts as whole: that is how cameras end. Lines may end with LF alone, and a boundary
 * whose name begins with the two dashes may come without two more.
 */
#ifndef ENGINE_MULTIPART_H
#define ENGINE_MULTIPART_H

#include <stddef.h>

struct head;
struct multipart;

#define MULTIPART_FIELDS_BYTES   (16u * 1024)
#define MULTIPART_FIELDS_MAX     64
#define MULTIPART_BOUNDARY_BYTES 70

enum { MULTIPART_E_BAD = 1 }; /* fields too long or malformed: CANNOT_PARSE_RESPONSE */

/*
 * What is found, in order; not 0 ends multipart_feed() with it. What body() and end() refuse comes again with the next
 * multipart_feed(); begin() is not repeated. fields and bytes are borrowed for the call; of the head only the fields count.
 */
struct multipart_sink {
	int (*begin)(const struct head *fields, void *user);
	int (*body)(const void *bytes, size_t size, void *user);
	int (*end)(void *user);
	void *user;
};

/*
 * From the value of Content-Type; NULL: it is no such type or has no boundary (then the body is delivered as it is), or no
 * memory.
 */
struct multipart *multipart_new(const char *content_type, const struct multipart_sink *sink);
struct multipart *multipart_free(struct multipart *multipart); /* NULL is fine; returns NULL */
/*
 * 0, MULTIPART_E_BAD, -ENOMEM, or what the sink returned. *ret_used: so many of the bytes are dealt with, all of them with a
 * 0; the rest is for the next call.
 */
int multipart_feed(struct multipart *multipart, const void *bytes, size_t size, size_t *ret_used);
/* The stream has ended. As multipart_feed(); when the sink refused something, to be called again. */
int multipart_finish(struct multipart *multipart);

#endif
