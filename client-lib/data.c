/* SPDX-License-Identifier: MIT */
/* Immutable bytes: allocated together with their object, or mapped from a file. */
#include "client-lib/data.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "client-lib/ref.h"

struct transfer_data {
	struct ref ref;
	size_t size_bytes;
	void *map; /* NULL: the bytes follow */
	char bytes[];
};

static void data_free(struct transfer_data *data)
{
	if (data->map)
		munmap(data->map, data->size_bytes);
	free(data);
}

REF_DEFINE(transfer_data, data_free)

static struct transfer_data *data_alloc(size_t size_bytes, size_t room_bytes)
{
	struct transfer_data *data;

	if (room_bytes > SIZE_MAX - sizeof(*data))
		return NULL;
	data = malloc(sizeof(*data) + room_bytes);
	if (!data)
		return NULL;
	ref_init(&data->ref);
	data->size_bytes = size_bytes;
	data->map = NULL;
	return data;
}

transfer_data *transfer_data_new_copy(const void *bytes, size_t size_bytes)
{
	struct transfer_data *data = size_bytes && !bytes ? NULL
							  : data_alloc(size_bytes, size_bytes);

	if (data && size_bytes)
		memcpy(data->bytes, bytes, size_bytes);
	return data;
}

transfer_data *data_new_fd(int fd)
{
	struct transfer_data *data;
	struct stat st;
	void *map;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return NULL;
	if (!st.st_size)
		return transfer_data_new_copy(NULL, 0);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return NULL;
	data = data_alloc((size_t)st.st_size, 0);
	if (!data) {
		munmap(map, (size_t)st.st_size);
		return NULL;
	}
	data->map = map;
	return data;
}

const void *transfer_data_get_bytes(const transfer_data *data)
{
	if (!data || !data->size_bytes)
		return NULL;
	return data->map ? data->map : data->bytes;
}

size_t transfer_data_get_size(const transfer_data *data)
{
	return data ? data->size_bytes : 0;
}
