/* SPDX-License-Identifier: MIT */
/* Responses: a copy of the dictionary that transferd sends, or made of what a loader says, by the same rules. */
#include "client-lib/response.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/filename.h"
#include "base/mime.h"
#include "base/utf8.h"
#include "client-lib/ref.h"
#include "client-lib/text.h"
#include "ipc/proto.h"

struct transfer_response {
	struct ref ref;
	struct arena arena; /* owns the texts */
	int status;
	const char *url, *mime_type, *text_encoding, *suggested_name, *http_version;
	int64_t expected_bytes;
	struct text_headers headers;
};

static void response_free(struct transfer_response *response)
{
	text_headers_done(&response->headers);
	arena_done(&response->arena);
	free(response);
}

REF_DEFINE(transfer_response, response_free)

static bool copy_text(struct arena *arena, const char **to, const char *from)
{
	*to = from ? arena_strdup(arena, from) : NULL;
	return !from || *to;
}

transfer_response *response_new_ipc(const struct ipc_response *from)
{
	struct transfer_response *response;
	struct arena *arena;

	if (!from || (!from->status && !from->has_expected_length && !from->mime_type))
		return NULL;
	response = calloc(1, sizeof(*response));
	if (!response)
		return NULL;
	ref_init(&response->ref);
	arena = &response->arena;
	response->status = (int)from->status;
	response->expected_bytes = from->has_expected_length ? from->expected_length
							     : TRANSFER_SIZE_UNKNOWN;
	if (!copy_text(arena, &response->url, from->url) ||
		!copy_text(arena, &response->mime_type, from->mime_type) ||
		!copy_text(arena, &response->text_encoding, from->text_encoding) ||
		!copy_text(arena, &response->suggested_name, from->suggested_name) ||
		!copy_text(arena, &response->http_version, from->http_version) ||
		text_headers_from_ipc(&response->headers, from->headers, from->n_headers)) {
		response_free(response);
		return NULL;
	}
	return response;
}

/* Path and host of a URL, as far as its scheme has them; false: no memory. */
static bool split_url(
	struct arena *arena, const char *url, const char **ret_path, const char **ret_host)
{
	size_t n_scheme = strcspn(url, ":/?#");
	const char *host = url + n_scheme, *path, *user;
	size_t n_host;

	*ret_host = *ret_path = "";
	if (strncmp(host, "://", 3))
		return true;
	host += 3;
	path = host + strcspn(host, "/?#");
	user = memrchr(host, '@', (size_t)(path - host));
	host = user ? user + 1 : host;
	n_host = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
	if (n_host > (size_t)(path - host))
		n_host = (size_t)(path - host);
	*ret_host = arena_strndup(arena, host, n_host);
	*ret_path = arena_strndup(arena, path, strcspn(path, "?#"));
	return *ret_host && *ret_path;
}

static bool suggest_name(struct transfer_response *response, const char *disposition)
{
	char name[FILENAME_BYTES];
	const char *path, *host;

	if (!split_url(&response->arena, response->url, &path, &host))
		return false;
	filename_suggest(disposition, path, host, response->mime_type, name);
	return copy_text(&response->arena, &response->suggested_name, name);
}

static struct transfer_response *response_new(const char *url, int status)
{
	struct transfer_response *response;

	if (!url || !utf8_is_valid(url))
		return NULL;
	response = calloc(1, sizeof(*response));
	if (!response)
		return NULL;
	ref_init(&response->ref);
	response->status = status;
	response->expected_bytes = TRANSFER_SIZE_UNKNOWN;
	if (!copy_text(&response->arena, &response->url, url)) {
		response_free(response);
		return NULL;
	}
	return response;
}

transfer_response *transfer_response_new(
	const char *url, const char *mime_type, int64_t expected_length, const char *text_encoding)
{
	struct transfer_response *response;

	if ((mime_type && !utf8_is_valid(mime_type)) ||
		(text_encoding && !utf8_is_valid(text_encoding)))
		return NULL;
	response = response_new(url, 0);
	if (!response)
		return NULL;
	if (expected_length >= 0)
		response->expected_bytes = expected_length;
	if (!copy_text(&response->arena, &response->mime_type, mime_type) ||
		!copy_text(&response->arena, &response->text_encoding, text_encoding) ||
		!suggest_name(response, NULL)) {
		response_free(response);
		return NULL;
	}
	return response;
}

/* Digits only; anything else says nothing about the length. */
static int64_t parse_length(const char *text)
{
	char *end;
	intmax_t length;

	if (!text || text[0] < '0' || text[0] > '9')
		return TRANSFER_SIZE_UNKNOWN;
	errno = 0;
	length = strtoimax(text, &end, 10);
	return *end || errno || length > INT64_MAX ? TRANSFER_SIZE_UNKNOWN : (int64_t)length;
}

/* What the fields say; false: no memory. */
static bool read_fields(struct transfer_response *response)
{
	const struct text_headers *headers = &response->headers;
	struct mime mime;

	mime_parse(text_headers_get(headers, "Content-Type"), &mime);
	response->expected_bytes = parse_length(text_headers_get(headers, "Content-Length"));
	return copy_text(&response->arena, &response->mime_type, mime.type[0] ? mime.type : NULL) &&
		copy_text(&response->arena, &response->text_encoding,
			mime.charset[0] ? mime.charset : NULL) &&
		suggest_name(response, text_headers_get(headers, "Content-Disposition"));
}

transfer_response *transfer_response_new_http(
	const char *url, int status, const struct transfer_field *fields, size_t n_fields)
{
	struct transfer_response *response;
	int r = 0;

	if (status < 100 || status > 999)
		return NULL;
	response = response_new(url, status);
	if (!response)
		return NULL;
	for (size_t i = 0; !r && i < n_fields; i++)
		r = text_headers_add(&response->headers, fields[i].name, fields[i].value);
	if (r || !read_fields(response)) {
		response_free(response);
		return NULL;
	}
	return response;
}

const struct text_headers *response_headers(const transfer_response *response)
{
	return &response->headers;
}

transfer_response *response_new_renewed(
	const transfer_response *from, struct text_headers *headers_take)
{
	struct transfer_response *response = calloc(1, sizeof(*response));
	struct arena *arena;

	if (!response) {
		text_headers_done(headers_take);
		return NULL;
	}
	ref_init(&response->ref);
	arena = &response->arena;
	response->status = from->status;
	response->expected_bytes = from->expected_bytes;
	response->headers = *headers_take;
	*headers_take = (struct text_headers){ 0 };
	if (copy_text(arena, &response->url, from->url) &&
		copy_text(arena, &response->mime_type, from->mime_type) &&
		copy_text(arena, &response->text_encoding, from->text_encoding) &&
		copy_text(arena, &response->suggested_name, from->suggested_name) &&
		copy_text(arena, &response->http_version, from->http_version))
		return response;
	response_free(response);
	return NULL;
}

int transfer_response_get_status(const transfer_response *response)
{
	return response->status;
}

const char *transfer_response_get_url(const transfer_response *response)
{
	return response->url;
}

const char *transfer_response_get_mime_type(const transfer_response *response)
{
	return response->mime_type;
}

const char *transfer_response_get_text_encoding(const transfer_response *response)
{
	return response->text_encoding;
}

const char *transfer_response_get_suggested_filename(const transfer_response *response)
{
	return response->suggested_name;
}

const char *transfer_response_get_http_version(const transfer_response *response)
{
	return response->http_version;
}

int64_t transfer_response_get_expected_length(const transfer_response *response)
{
	return response->expected_bytes;
}

/* Where the version is not known, it is not HTTP/2, in which every body has an end. */
static bool has_framed_bodies(const char *version)
{
	if (!version)
		return false;
	if (strncmp(version, "HTTP/", 5) == 0)
		version += 5;
	return version[0] >= '2' && version[0] <= '9';
}

bool transfer_response_is_length_verified(const transfer_response *response)
{
	int status = response->status;

	if (!status)
		return response->expected_bytes != TRANSFER_SIZE_UNKNOWN;
	return status == 204 || status == 304 || has_framed_bodies(response->http_version) ||
		text_headers_get(&response->headers, "Content-Length") ||
		text_headers_get(&response->headers, "Transfer-Encoding");
}

const char *transfer_response_get_header(const transfer_response *response, const char *name)
{
	return text_headers_get(&response->headers, name);
}

int transfer_response_foreach_header(const transfer_response *response,
	int (*each)(const char *name, const char *value, void *userdata), void *userdata)
{
	return text_headers_each(&response->headers, each, userdata);
}

char *transfer_response_copy_header_list(const transfer_response *response, const char *name)
{
	const struct text_headers *headers = &response->headers;
	size_t size = 0, n = 0;
	char *list = NULL;

	for (size_t i = 0; name && i < headers->n_fields; i++) {
		if (!strcasecmp(headers->fields[i].name, name))
			size += strlen(headers->fields[i].value) + sizeof(", ");
	}
	if (size)
		list = malloc(size);
	for (size_t i = 0; list && i < headers->n_fields; i++) {
		if (strcasecmp(headers->fields[i].name, name))
			continue;
		n += (size_t)snprintf(
			list + n, size - n, "%s%s", n ? ", " : "", headers->fields[i].value);
	}
	return list;
}
