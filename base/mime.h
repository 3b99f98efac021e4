/* SPDX-License-Identifier: MIT */
/* Content-Type taken apart, and the usual file extension of a type. Pure. */
#ifndef BASE_MIME_H
#define BASE_MIME_H

#define MIME_MAX_BYTES 128

struct mime {
	char type[MIME_MAX_BYTES]; /* lower case "type/subtype"; "": none or malformed */
	char charset[MIME_MAX_BYTES]; /* lower case; "": none */
};

/* @content_type may be NULL. Always leaves valid UTF-8 in @ret_mime. */
void mime_parse(const char *content_type, struct mime *ret_mime);
/* "html" for "text/html"; NULL: unknown, or a type that says nothing. */
const char *mime_extension(const char *type);
/* The type that the ending of a file's name or path means; NULL: it has none that is known. */
const char *mime_of_name(const char *name);

#endif
