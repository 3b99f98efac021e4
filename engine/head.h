/* SPDX-License-Identifier: MIT */
/*
 * The response head, line by line as libcurl hands it on: checked for what libcurl lets through,
 * bounded, taken apart.
 *
 *   head_init(&head, may_be_http2, is_tunnelled)   before each request (each hop, each attempt)
 *   head_line(&head, line, size)                   each call of the header callback, unchanged
 *   head.is_complete                               the final head (>= 200) has ended
 *   head_done(&head)                               frees; a done head may be initialised again
 *
 * Interim responses (1xx) are counted; is_interim says that one has ended, and what it said is there
 * until the next line. Of the 104s of a resumable upload (counts_104) there may be many: they have a
 * bound of their own. Trailers are checked, counted and dropped; with
 * is_tunnelled the 2xx answer to CONNECT gives way to the next status line. "5, 5" and equal
 * repeats of Content-Length are one 5; bare LF line ends are accepted.
 */
#ifndef ENGINE_HEAD_H
#define ENGINE_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct engine_header;

#define HEAD_FIELDS_MAX      256
#define HEAD_INTERIM_MAX     32
#define HEAD_104_MAX         100000
#define HEAD_BLOCK_MAX_BYTES (300u * 1024)
#define HEAD_LINE_MAX_BYTES  (100u * 1024)
#define HEAD_LIST_MAX_BYTES  1024 /* of a list that came in several fields */

/* The response breaks a rule: BAD_SERVER_RESPONSE with head->why; close the connection. */
enum { HEAD_E_BAD = 1 };

enum head_stage { HEAD_STAGE_STATUS, HEAD_STAGE_FIELDS, HEAD_STAGE_TRAILERS };

/*
 * Read-only for users. Strings are valid UTF-8, live until head_done() or the next status line,
 * NULL: field absent.
 */
struct head {
	uint16_t status;
	const char *version; /* "1.0", "1.1", "2" */
	bool is_complete;
	bool is_interim; /* the end of an interim response; gone with the next line */
	bool is_chunked;
	int64_t content_length_bytes; /* -1: none */
	const char *accept_ranges, *content_disposition, *content_encoding, *content_range,
		*content_type, *date, *etag, *last_modified, *location, *retry_after;
	struct engine_header *fields; /* in order, repeats kept */
	size_t n_fields;
	const char *why; /* after HEAD_E_BAD: static text */

	enum head_stage stage;
	bool may_be_http2, is_tunnelled;
	bool counts_104; /* may be set after head_init() */
	bool has_transfer_encoding;
	unsigned n_interim, n_104, n_trailers;
	size_t block_bytes, room_fields;
	size_t before_bytes; /* block_bytes at the beginning of this response */
	struct arena arena;
};

void head_init(struct head *head, bool may_be_http2, bool is_tunnelled);
void head_done(struct head *head);
/* 0, HEAD_E_BAD, or -ENOMEM. After the first failure every further line fails the same way. */
int head_line(struct head *head, const char *line, size_t size);
/* First value of a field, or NULL. */
const char *head_find(const struct head *head, const char *name);

#endif
