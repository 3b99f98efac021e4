/* SPDX-License-Identifier: MIT */
/* Which cache is whose: those of the process by name, one of an ephemeral session, one of the program's own. */
#include "client-lib/cache.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <transfer/configuration-store.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/utf8.h"
#include "client-lib/cache-store.h"
#include "client-lib/configuration.h"

static SLIST_HEAD(, transfer_cache) named = SLIST_HEAD_INITIALIZER(named);

static void cache_free(transfer_cache *cache)
{
	cache_work_done(cache);
	cache_index_clear(&cache->index);
	cache_garbage_free(cache_index_take_garbage(&cache->index));
	free(cache->index.chains);
	free(cache->app_id);
	free(cache->name);
	free(cache);
}

REF_DEFINE(transfer_cache, cache_free)

int transfer_cache_new(transfer_cache **ret_cache, uint64_t memory_capacity_bytes,
	uint64_t disk_capacity_bytes, const char *directory)
{
	transfer_cache *cache;

	if (directory &&
		(*directory != '/' || strlen(directory) >= PATH_MAX || !utf8_is_valid(directory)))
		return -EINVAL;
	cache = calloc(1, sizeof(*cache));
	if (!cache)
		return -ENOMEM;
	ref_init(&cache->ref);
	cache_index_init(&cache->index, memory_capacity_bytes, directory ? disk_capacity_bytes : 0);
	if (cache_work_init(cache, directory)) {
		cache_free(cache);
		return -ENOMEM;
	}
	*ret_cache = cache;
	return 0;
}

/* ---- folders ---- */

/* A name that can be one of a folder: as it is, or a number for it. */
static bool append_name(struct buf *path, const char *before, const char *name)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t size = strlen(name);

	if (*name != '.' && size && size <= 128 && strspn(name, plain) == size)
		return !buf_printf(path, "%s%s", before, name);
	return !buf_printf(path, "%s%016" PRIx64, before, cache_hash(6, name, size));
}

/* Where the files of a named cache are; NULL: nowhere, or out of memory. */
static char *folder_of(const char *app_id, const char *name)
{
	const char *cache = secure_getenv("XDG_CACHE_HOME"), *home = secure_getenv("HOME");
	struct buf path = { .max_bytes = PATH_MAX };
	int r = -ENOENT;

	if (cache && *cache == '/')
		r = buf_append_str(&path, cache);
	else if (home && *home == '/')
		r = buf_printf(&path, "%s/.cache", home);
	if (!r && append_name(&path, "/", app_id) &&
		(strcmp(name, "shared") ? append_name(&path, "/transferd-", name)
					: !buf_append_str(&path, "/transferd")) &&
		utf8_is_valid(path.bytes))
		return buf_take(&path);
	buf_done(&path);
	return NULL;
}

/* ---- names ---- */

/* With the lock held. */
static transfer_cache *find_named(const char *app_id, const char *name)
{
	transfer_cache *cache;

	SLIST_FOREACH (cache, &named, link) {
		if (!strcmp(cache->app_id, app_id) && !strcmp(cache->name, name))
			return cache;
	}
	return NULL;
}

static transfer_cache *new_named(const char *app_id, const char *name)
{
	cleanup_(cleanup_free) char *folder = folder_of(app_id, name);
	transfer_cache *cache;

	if (transfer_cache_new(&cache, CACHE_MEMORY_BYTES, CACHE_DISK_BYTES, folder))
		return NULL;
	cache->app_id = strdup(app_id);
	cache->name = strdup(name);
	if (cache->app_id && cache->name)
		return cache;
	transfer_cache_unref(cache);
	return NULL;
}

static transfer_cache *get_named(const char *app_id, const char *name)
{
	transfer_cache *cache, *extra;

	fork_lock();
	cache = find_named(app_id, name);
	fork_unlock();
	if (cache)
		return cache;
	extra = new_named(app_id, name);
	if (!extra)
		return NULL;
	fork_lock();
	cache = find_named(app_id, name);
	if (!cache) {
		cache = take_ptr(extra);
		SLIST_INSERT_HEAD(&named, cache, link);
	}
	fork_unlock();
	transfer_cache_unref(extra); /* another thread was first */
	return cache;
}

transfer_cache *transfer_cache_get(const char *name)
{
	if (!name || !*name || strlen(name) > CONFIGURATION_NAME_MAX_BYTES || !utf8_is_valid(name))
		return NULL;
	return get_named(program_invocation_short_name, name);
}

int cache_open(const transfer_config *config, transfer_cache **ret_cache)
{
	const char *name = transfer_config_get_cache(config);
	int r;

	*ret_cache = NULL;
	if (config->kind == TRANSFER_SESSION_BACKGROUND)
		return 0;
	if (config->cache_object) {
		*ret_cache = transfer_cache_ref(config->cache_object);
		return 0;
	}
	if (!name)
		return 0;
	if (!*name) {
		r = transfer_cache_new(ret_cache, CACHE_MEMORY_BYTES, 0, NULL);
		if (!r)
			(*ret_cache)->is_private = true;
		return r;
	}
	*ret_cache = transfer_cache_ref(
		get_named(config->app_id ? config->app_id : program_invocation_short_name, name));
	return *ret_cache ? 0 : -ENOMEM;
}
