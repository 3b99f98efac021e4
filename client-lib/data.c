/* SPDX-License-Identifier: MIT */
/* Immutable bytes, allocated together with their object. */
#include <transfer/object.h>

#include <stdlib.h>
#include <string.h>

#include "client-lib/ref.h"

struct transfer_data {
	struct ref ref;
	size_t size_bytes;
	char bytes[];
};

REF_DEFINE(transfer_data, free)

transfer_data *transfer_data_new_copy(const void *bytes, size_t size_bytes)
{
	transfer_data *data;

	if (size_bytes > SIZE_MAX - sizeof(*data) || (size_bytes && !bytes))
		return NULL;
	data = malloc(sizeof(*data) + size_bytes);
	if (!data)
		return NULL;
	ref_init(&data->ref);
	data->size_bytes = size_bytes;
	if (size_bytes)
		memcpy(data->bytes, bytes, size_bytes);
	return data;
}

const void *transfer_data_get_bytes(const transfer_data *data)
{
	return data && data->size_bytes ? data->bytes : NULL;
}

size_t transfer_data_get_size(const transfer_data *data)
{
	return data ? data->size_bytes : 0;
}
