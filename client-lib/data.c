/* SPDX-License-Identifier: MIT */
/* Immutable bytes: allocated together with their object, mapped from a file, or handed over by the application. */
#include "client-lib/data.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "client-lib/litter.h"
#include "client-lib/ref.h"

struct transfer_data {
	struct litter litter;
	struct ref ref;
	size_t size_bytes;
	void *map; /* to be unmapped */
	const void *taken; /* the application's */
	transfer_destroy destroy; /* ... with user, when the last reference goes */
	void (*release)(transfer_data *data, void *user);
	void *user;
	char bytes[];
};

/* litter is its first member. */
static void destroy_taken(struct litter *litter)
{
	struct transfer_data *data = (struct transfer_data *)(void *)litter;

	data->destroy(data->user);
	free(data);
}

static void data_free(struct transfer_data *data)
{
	if (data->release) {
		data->release(data, data->user);
		return;
	}
	if (data->map)
		munmap(data->map, data->size_bytes);
	if (!data->destroy)
		free(data);
	else if (!litter_put_off(&data->litter, destroy_taken))
		destroy_taken(&data->litter);
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
	memset(data, 0, sizeof(*data));
	ref_init(&data->ref);
	data->size_bytes = size_bytes;
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

transfer_data *transfer_data_new_take(
	void *bytes, size_t size_bytes, transfer_destroy destroy, void *userdata)
{
	struct transfer_data *data = size_bytes && !bytes ? NULL : data_alloc(size_bytes, 0);

	if (!data)
		return NULL;
	data->taken = bytes;
	data->destroy = destroy;
	data->user = userdata;
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

transfer_data *data_new_room(size_t room_bytes, void (*release)(transfer_data *data, void *user),
	void *user, void **ret_bytes)
{
	struct transfer_data *data = data_alloc(0, room_bytes);

	if (!data)
		return NULL;
	data->release = release;
	data->user = user;
	*ret_bytes = data->bytes;
	return data;
}

void data_room_set_size(transfer_data *data, size_t size_bytes)
{
	data->size_bytes = size_bytes;
}

void *data_room_renew(transfer_data *data)
{
	ref_init(&data->ref);
	data->size_bytes = 0;
	return data->bytes;
}

void data_room_free(transfer_data *data)
{
	free(data);
}

const void *transfer_data_get_bytes(const transfer_data *data)
{
	if (!data || !data->size_bytes)
		return NULL;
	if (data->map)
		return data->map;
	return data->taken ? data->taken : data->bytes;
}

size_t transfer_data_get_size(const transfer_data *data)
{
	return data ? data->size_bytes : 0;
}
