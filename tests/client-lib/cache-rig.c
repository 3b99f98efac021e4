/* SPDX-License-Identifier: MIT */
/* A cache in a temporary folder, and a look into that folder. */
#include "tests/client-lib/cache-rig.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#include "tests/lib/tmpdir.h"

transfer_cache *cache;
char *folder;

void cache_begin(uint64_t memory_bytes)
{
	ck_assert_int_eq(transfer_cache_new(&cache, memory_bytes, 0, NULL), 0);
}

void cache_begin_disk(uint64_t memory_bytes, uint64_t disk_bytes)
{
	ck_assert_ptr_nonnull(tmpdir_new());
	folder = tmpdir_path("deep/cache");
	ck_assert_int_eq(transfer_cache_new(&cache, memory_bytes, disk_bytes, folder), 0);
}

transfer_cache *cache_again(void)
{
	transfer_cache *again;

	ck_assert_int_eq(transfer_cache_new(&again, MIB, MIB, folder), 0);
	return again;
}

void cache_end(void)
{
	transfer_cache_unref(cache);
	free(folder);
	folder = NULL;
}

transfer_request *cache_request_of(const char *path)
{
	char url[256];

	snprintf(url, sizeof(url), "http://a.example/%s", path);
	return transfer_request_new(url);
}

transfer_cached_response *cache_answer_of(
	const char *body, const char *vary, enum transfer_storage_policy policy)
{
	struct transfer_field row = { "Vary", vary };
	transfer_auto(transfer_response)
		response = transfer_response_new_http("http://a.example/", 200, &row, vary ? 1 : 0);
	transfer_auto(transfer_data) data = transfer_data_new_copy(body, strlen(body));

	return transfer_cached_response_new(response, data, policy);
}

int cache_put(const char *path, const char *body)
{
	transfer_auto(transfer_request) request = cache_request_of(path);
	transfer_auto(transfer_cached_response)
		cached = cache_answer_of(body, NULL, TRANSFER_STORAGE_ALLOWED);

	return transfer_cache_store(cache, request, cached);
}

const char *cache_get(transfer_cache *from, const char *path)
{
	static char body[64 * KIB];
	transfer_auto(transfer_request) request = cache_request_of(path);
	transfer_auto(transfer_cached_response) cached = transfer_cache_find(from, request);
	const transfer_data *data;

	if (!cached)
		return NULL;
	data = transfer_cached_response_get_body(cached);
	snprintf(body, sizeof(body), "%.*s", (int)transfer_data_get_size(data),
		transfer_data_get_size(data) ? (const char *)transfer_data_get_bytes(data) : "");
	return body;
}

/* Each file of the folder; gives how many. */
static unsigned int each_file(void (*each)(const char *path))
{
	DIR *dir = opendir(folder);
	const struct dirent *row;
	unsigned int n = 0;

	while (dir && (row = readdir(dir))) {
		char path[4096];

		if (row->d_name[0] == '.')
			continue;
		n++;
		snprintf(path, sizeof(path), "%s/%s", folder, row->d_name);
		if (each)
			each(path);
	}
	if (dir)
		closedir(dir);
	return n;
}

unsigned int cache_n_files(void)
{
	return each_file(NULL);
}

static char *the_file;

static void note_file(const char *path)
{
	free(the_file);
	the_file = strdup(path);
}

char *cache_only_file(void)
{
	char *path;

	ck_assert_uint_eq(each_file(note_file), 1);
	path = the_file;
	the_file = NULL;
	return path;
}

static void remove_file(const char *path)
{
	ck_assert_int_eq(unlink(path), 0);
}

void cache_remove_files(void)
{
	each_file(remove_file);
}
