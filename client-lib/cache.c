/* SPDX-License-Identifier: MIT */
/* Caches: what is looked for, kept, replaced and removed. */
#include "client-lib/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "client-lib/cache-store.h"
#include "client-lib/request.h"
#include "client-lib/session.h"

void cache_lock(const transfer_cache *cache)
{
	(void)cache;
	fork_lock();
}

void cache_unlock(transfer_cache *cache)
{
	struct cache_entry *garbage = cache_index_take_garbage(&cache->index);

	fork_unlock();
	cache_garbage_free(garbage);
}

/* ---- looking ---- */

enum cache_found cache_look(
	transfer_cache *cache, const struct cache_request *request, struct cache_entry **ret_entry)
{
	cleanup_(cleanup_free) char *url = cache_url(request->url);
	struct cache_node *node = NULL, *found = NULL;
	struct cache_id id;

	*ret_entry = NULL;
	if (!url)
		return CACHE_MISS;
	id = cache_id(url, NULL);
	cache_lock(cache);
	while ((node = cache_index_next(&cache->index, &id, node))) {
		if (node->entry && (!found || node->stored_wall_usec > found->stored_wall_usec) &&
			!strcmp(node->entry->url, url) &&
			cache_entry_matches(node->entry, request->fields))
			found = node;
	}
	if (found) {
		cache_index_touch(&cache->index, found);
		*ret_entry = cache_entry_ref(found->entry);
	}
	cache_unlock(cache);
	return found ? CACHE_FOUND : CACHE_MISS;
}

enum cache_found cache_read(
	transfer_cache *cache, const struct cache_request *request, struct cache_entry **ret_entry)
{
	return cache_look(cache, request, ret_entry);
}

/* ---- keeping ---- */

/* What request would have found goes, and of the others of its URL those that are too many. With the lock held. */
static void make_way(transfer_cache *cache, const struct cache_entry *entry,
	const struct cache_id *id, const struct text_headers *fields)
{
	struct cache_node *node = cache_index_next(&cache->index, id, NULL), *next, *oldest = NULL;
	size_t n = 0;

	for (; node; node = next) {
		next = cache_index_next(&cache->index, id, node);
		if (node->id.vary == id->vary ||
			(node->entry && !strcmp(node->entry->url, entry->url) &&
				cache_entry_matches(node->entry, fields))) {
			cache_index_remove(&cache->index, node);
			continue;
		}
		n++;
		if (!oldest || node->stored_wall_usec < oldest->stored_wall_usec)
			oldest = node;
	}
	if (n >= CACHE_VARIANTS_MAX)
		cache_index_remove(&cache->index, oldest);
}

/* Takes entry; with the lock held. */
static int put_take(transfer_cache *cache, const struct cache_id *id, struct cache_entry *entry)
{
	struct cache_index *index = &cache->index;
	struct cache_node *node;

	if (index->n_nodes >= CACHE_ENTRIES_MAX && !TAILQ_EMPTY(&index->in_memory))
		cache_index_remove(index, TAILQ_FIRST(&index->in_memory));
	node = cache_index_add(index, id);
	if (!node) {
		entry->next = index->garbage;
		index->garbage = entry;
		return -ENOMEM;
	}
	node->stored_wall_usec = entry->stored_wall_usec;
	cache_index_hold_take(index, node, entry);
	if (!node->memory_bytes)
		cache_index_remove(index, node);
	return 0;
}

/* Whatever its size. 0, 1: it may not be kept, or -errno. */
static int keep(transfer_cache *cache, const struct cache_request *request,
	const transfer_cached_response *cached, struct cache_times times)
{
	cleanup_(cleanup_free) char *url = cache_url(request->url), *vary = NULL;
	struct cache_entry *entry;
	struct cache_id id;
	int r;

	if (!url)
		return -EINVAL;
	if (transfer_cached_response_get_storage_policy(cached) == TRANSFER_STORAGE_NOT_ALLOWED)
		return 1;
	r = cache_vary(
		transfer_cached_response_get_response(cached), request->fields, &vary);
	if (r)
		return r;
	entry = cache_entry_new(url, vary, cached, times);
	if (!entry)
		return -ENOMEM;
	id = cache_id(url, vary);
	cache_lock(cache);
	make_way(cache, entry, &id, request->fields);
	r = put_take(cache, &id, entry);
	cache_unlock(cache);
	return r;
}

int cache_keep(transfer_cache *cache, const struct cache_request *request,
	const transfer_cached_response *cached, struct cache_times times, enum cache_place place)
{
	int r;

	(void)place;
	if (transfer_data_get_size(transfer_cached_response_get_body(cached)) > cache_room(cache))
		return 0;
	r = keep(cache, request, cached, times);
	return r > 0 ? 0 : r;
}

int cache_renew(transfer_cache *cache, const struct cache_entry *entry,
	const transfer_response *response, struct cache_times times, struct cache_entry **ret_entry)
{
	transfer_auto(transfer_cached_response) cached = transfer_cached_response_new(response,
		transfer_cached_response_get_body(entry->cached),
		transfer_cached_response_get_storage_policy(entry->cached));
	struct cache_entry *new;
	struct cache_node *node;
	struct cache_id id;

	*ret_entry = cached ? cache_entry_new(entry->url, entry->vary, cached, times) : NULL;
	if (!*ret_entry)
		return -ENOMEM;
	id = cache_id(entry->url, entry->vary);
	cache_lock(cache);
	node = cache_index_find(&cache->index, &id);
	if (node && node->entry == entry) {
		new = cache_entry_ref(*ret_entry);
		cache_index_remove(&cache->index, node);
		put_take(cache, &id, new);
	}
	cache_unlock(cache);
	return 0;
}

uint64_t cache_room(const transfer_cache *cache)
{
	uint64_t capacity;

	cache_lock(cache);
	capacity = cache->index.file_max ? cache->index.file_max : cache->index.memory_max;
	fork_unlock();
	return capacity / 20;
}

/* ---- removing ---- */

void cache_forget_url(transfer_cache *cache, const char *url)
{
	cleanup_(cleanup_free) char *normal = cache_url(url);
	struct cache_node *node, *next;
	struct cache_id id;

	if (!normal)
		return;
	id = cache_id(normal, NULL);
	cache_lock(cache);
	for (node = cache_index_next(&cache->index, &id, NULL); node; node = next) {
		next = cache_index_next(&cache->index, &id, node);
		cache_index_remove(&cache->index, node);
	}
	cache_unlock(cache);
}

void cache_clear(transfer_cache *cache)
{
	struct cache_node *node;

	if (!cache)
		return;
	cache_lock(cache);
	while ((node = TAILQ_FIRST(&cache->index.in_memory)))
		cache_index_remove(&cache->index, node);
	cache_unlock(cache);
}

void cache_leave(transfer_cache *cache)
{
	if (cache && cache->is_private)
		cache_clear(cache);
}

void cache_flush(transfer_cache *cache)
{
	(void)cache;
}

/* ---- for programs ---- */

static bool is_get(const transfer_request *request)
{
	return !request->method || !strcmp(request->method, "GET");
}

static struct cache_request asked(const transfer_request *request)
{
	return (struct cache_request){ .url = request->url, .fields = &request->headers };
}

transfer_cached_response *transfer_cache_find(
	transfer_cache *cache, const transfer_request *request)
{
	const struct cache_request wanted = asked(request);
	transfer_cached_response *cached;
	struct cache_entry *entry;

	if (!is_get(request) || cache_read(cache, &wanted, &entry) != CACHE_FOUND)
		return NULL;
	cached = transfer_cached_response_ref(entry->cached);
	cache_entry_unref(entry);
	return cached;
}

int transfer_cache_store(transfer_cache *cache, const transfer_request *request,
	const transfer_cached_response *cached)
{
	const struct cache_request wanted = asked(request);
	uint64_t now = clock_wall_us();
	int r;

	if (!is_get(request))
		return -EINVAL;
	r = keep(cache, &wanted, cached, (struct cache_times){ now, now });
	return r > 0 ? 0 : r;
}

void transfer_cache_remove(transfer_cache *cache, const transfer_request *request)
{
	if (is_get(request))
		cache_forget_url(cache, request->url);
}

void transfer_cache_remove_all(transfer_cache *cache)
{
	cache_clear(cache);
}

void transfer_cache_remove_since(transfer_cache *cache, uint64_t since_usec)
{
	struct cache_node *node, *next;

	cache_lock(cache);
	for (node = TAILQ_FIRST(&cache->index.in_memory); node; node = next) {
		next = TAILQ_NEXT(node, memory_link);
		if (node->stored_wall_usec >= since_usec)
			cache_index_remove(&cache->index, node);
	}
	cache_unlock(cache);
}

void transfer_cache_set_memory_capacity(transfer_cache *cache, uint64_t capacity_bytes)
{
	cache_lock(cache);
	cache->index.memory_max = capacity_bytes;
	cache_index_shrink_memory(&cache->index, 0);
	cache_unlock(cache);
}

uint64_t transfer_cache_get_memory_capacity(const transfer_cache *cache)
{
	uint64_t capacity;

	cache_lock(cache);
	capacity = cache->index.memory_max;
	fork_unlock();
	return capacity;
}

void transfer_cache_set_disk_capacity(transfer_cache *cache, uint64_t capacity_bytes)
{
	(void)cache;
	(void)capacity_bytes;
}

uint64_t transfer_cache_get_disk_capacity(const transfer_cache *cache)
{
	uint64_t capacity;

	cache_lock(cache);
	capacity = cache->index.file_max;
	fork_unlock();
	return capacity;
}

uint64_t transfer_cache_get_memory_usage(const transfer_cache *cache)
{
	uint64_t usage;

	cache_lock(cache);
	usage = cache->index.memory_bytes;
	fork_unlock();
	return usage;
}

uint64_t transfer_cache_get_disk_usage(transfer_cache *cache)
{
	uint64_t usage;

	cache_lock(cache);
	usage = cache->index.file_bytes;
	fork_unlock();
	return usage;
}

transfer_cache *transfer_session_get_cache(const transfer_session *session)
{
	return session->cache;
}
