/* SPDX-License-Identifier: MIT */
/* Checked copies of what an application hands in: texts and lists of header fields. All return 0, -EINVAL, -E2BIG, -ENOMEM. */
#ifndef CLIENT_LIB_TEXT_H
#define CLIENT_LIB_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct ipc_header;

/* Replaces *to by a copy of text; NULL clears it. */
int text_set(char **to, const char *text, size_t max_bytes);
int text_set_path(char **to, const char *path);

#define TEXT_DESCRIPTION_MAX_BYTES 1024
#define TEXT_URL_MAX_BYTES         65536
#define TEXT_DATA_URL_MAX_BYTES    (16u * 1024 * 1024) /* of data:, which nobody else gets to see */
#define TEXT_HEADERS_MAX           256

struct text_header {
	char *name, *value;
};

/* Header fields in order; zero-initialise. */
struct text_headers {
	struct text_header *fields;
	size_t n_fields;
};

/* Replaces all of that name; value NULL removes them. */
int text_headers_set(struct text_headers *headers, const char *name, const char *value);
int text_headers_add(struct text_headers *headers, const char *name, const char *value);
/* First value, letter case ignored; or NULL. */
const char *text_headers_get(const struct text_headers *headers, const char *name);
/* Visits all in order; what each returns other than 0 ends it and is returned. */
int text_headers_each(const struct text_headers *headers,
	int (*each)(const char *name, const char *value, void *userdata), void *userdata);
int text_headers_copy(struct text_headers *to, const struct text_headers *from);
int text_headers_from_ipc(struct text_headers *to, const struct ipc_header *from, size_t n);
/* Rows that borrow the texts. */
int text_headers_to_ipc(const struct text_headers *headers, struct arena *arena,
	const struct ipc_header **ret_rows);
void text_headers_done(struct text_headers *headers);

#endif
