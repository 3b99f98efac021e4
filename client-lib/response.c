/* SPDX-License-Identifier: MIT */
/* Responses: a copy of the dictionary that transferd sends. */
#include "client-lib/response.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
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

	if (!from || !from->has_status || !from->status)
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
	int r = 0;

	for (size_t i = 0; !r && i < response->headers.n_fields; i++)
		r = each(response->headers.fields[i].name, response->headers.fields[i].value,
			userdata);
	return r;
}
