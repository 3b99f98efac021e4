/* SPDX-License-Identifier: MIT */
/*
 * What a request may look like: URLs, methods and header fields are judged here, before anything is
 * stored. Pure.
 */
#ifndef CORE_REQUEST_H
#define CORE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/core/task.h"

#define REQUEST_URL_MAX_BYTES  65536
#define REQUEST_HOST_MAX_BYTES 300 /* "https://" + name + ":65535" and NUL */
#define REQUEST_NAME_MAX_BYTES 255

struct arena;
struct buf;

enum request_url {
	REQUEST_URL_OK, /* https */
	REQUEST_URL_INSECURE, /* http */
	REQUEST_URL_FTPS,
	REQUEST_URL_FTP,
	REQUEST_URL_UNSUPPORTED, /* well-formed, another scheme */
	REQUEST_URL_MALFORMED,
};
/*
 * host: "https://example.org:443" in lower case, of a scheme that is known. Neither path nor query is
 * looked at but for controls.
 */
enum request_url request_check_url(const char *url, char host[REQUEST_HOST_MAX_BYTES]);
/* The host of a lane is this machine (127.0.0.0/8, ::1, localhost): reached without any network. */
bool request_is_local(const char *host);

bool request_is_token(const char *s); /* RFC 9110 5.6.2: methods, names of fields */

enum request_header {
	REQUEST_HEADER_OK,
	REQUEST_HEADER_RESERVED, /* the engine's own: dropped */
	REQUEST_HEADER_INVALID, /* no token, or CR, LF, NUL or another control in the value */
};
enum request_header request_check_header(const struct task_header *header);
bool request_has_header(const struct task_header *headers, size_t n, const char *name);
/* Sum of names and values, four bytes for the colon, space and line end. */
size_t request_headers_bytes(const struct task_header *headers, size_t n);

/*
 * What a request says besides method and URL, as lines of text for resume data: header fields, whom it trusts, its limits of
 * time. Reading adds what @inout does not say itself. NULL or "": nothing. 0 or -ENOMEM.
 */
int request_carry_write(const struct task_request *request, struct buf *ret_text);
int request_carry_read(const char *text, struct arena *arena, struct task_request *inout);

/*
 * dir/.name.ID.part beside the destination, shortened to what a folder takes; 0 or -ENAMETOOLONG.
 */
int request_part_path(const char *destination, uint64_t id, char *buf, size_t size);
/*
 * A name for people: last part of the destination, of the URL's path, else its host. Borrowed from
 * buf.
 */
const char *request_display_name(const struct task *task, char *buf, size_t size);

#endif
