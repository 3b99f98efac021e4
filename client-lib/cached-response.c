/* SPDX-License-Identifier: MIT */
/* An answer with its body and where it may be kept: two references and a number. */
#include <transfer/cache.h>

#include <stdlib.h>

#include "client-lib/ref.h"

struct transfer_cached_response {
	struct ref ref;
	transfer_response *response;
	transfer_data *body; /* NULL: none */
	enum transfer_storage_policy policy;
};

static void cached_response_free(struct transfer_cached_response *cached)
{
	transfer_response_unref(cached->response);
	transfer_data_unref(cached->body);
	free(cached);
}

REF_DEFINE(transfer_cached_response, cached_response_free)

transfer_cached_response *transfer_cached_response_new(const transfer_response *response,
	const transfer_data *body, enum transfer_storage_policy policy)
{
	struct transfer_cached_response *cached;

	if (!response || (unsigned int)policy > TRANSFER_STORAGE_NOT_ALLOWED)
		return NULL;
	cached = calloc(1, sizeof(*cached));
	if (!cached)
		return NULL;
	ref_init(&cached->ref);
	cached->response = transfer_response_ref(response);
	cached->body = transfer_data_ref(body);
	cached->policy = policy;
	return cached;
}

const transfer_response *transfer_cached_response_get_response(
	const transfer_cached_response *cached)
{
	return cached->response;
}

const transfer_data *transfer_cached_response_get_body(const transfer_cached_response *cached)
{
	return cached->body;
}

enum transfer_storage_policy transfer_cached_response_get_storage_policy(
	const transfer_cached_response *cached)
{
	return cached->policy;
}
