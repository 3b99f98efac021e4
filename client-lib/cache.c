/* SPDX-License-Identifier: MIT */
/* Caches: what is looked for, kept, replaced and removed. */
#include "client-lib/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "client-lib/cache-disk.h"
#include "client-lib/cache-store.h"
#include "client-lib/request.h"
#include "client-lib/session.h"

/* ---- looking ---- */

/* What is looked for, and what was found. */
struct search {
	char *url;
	struct cache_id id; /* without Vary */
	const struct text_headers *fields;
	uint64_t before_wall_usec; /* files from then on have been read */
	struct cache_node *found; /* in memory; with the lock held */
	struct cache_node *file; /* not in memory, and newer */
};

/* The newest of each kind. With the lock held. */
static void search_nodes(const transfer_cache *cache, struct search *search)
{
	struct cache_node *node = NULL, *found = NULL, *file = NULL;

	while ((node = cache_index_next(&cache->index, &search->id, node))) {
		uint64_t usec = node->stored_wall_usec;

		if (!node->entry) {
			if (usec < search->before_wall_usec &&
				(!file || usec > file->stored_wall_usec))
				file = node;
			continue;
		}
		if ((!found || usec > found->stored_wall_usec) &&
			!strcmp(node->entry->url, search->url) &&
			cache_entry_matches(node->entry, search->fields))
			found = node;
	}
	if (file && found && file->stored_wall_usec < found->stored_wall_usec)
		file = NULL;
	search->found = found;
	search->file = file;
}

/* A reference to what was found. With the lock held. */
static struct cache_entry *take_found(transfer_cache *cache, const struct search *search)
{
	cache_index_touch(&cache->index, search->found);
	return cache_entry_ref(search->found->entry);
}

/* False: there is no such URL. */
static bool search_begin(struct search *search, const struct cache_request *request)
{
	*search = (struct search){
		.url = cache_url(request->url),
		.fields = request->fields,
		.before_wall_usec = UINT64_MAX,
	};
	if (search->url)
		search->id = cache_id(search->url, NULL);
	return search->url;
}

enum cache_found cache_look(
	transfer_cache *cache, const struct cache_request *request, struct cache_entry **ret_entry)
{
	enum cache_found is = CACHE_MISS;
	struct search search;

	*ret_entry = NULL;
	if (!search_begin(&search, request))
		return CACHE_MISS;
	cache_lock(cache);
	search_nodes(cache, &search);
	if (search.file || (!search.found && cache_has_unknown_files(cache))) {
		is = CACHE_ON_DISK;
	} else if (search.found) {
		*ret_entry = take_found(cache, &search);
		is = CACHE_FOUND;
	}
	cache_unlock(cache);
	free(search.url);
	return is;
}

/* The entry, as far as it can be read, goes to its node; a damaged file goes. With the lock held. */
static void note_read(transfer_cache *cache, const struct cache_id *id, struct cache_entry *entry)
{
	struct cache_node *node = cache_index_find(&cache->index, id);

	if (!node || node->entry || !node->file_bytes)
		return;
	if (!entry) {
		cache_index_remove(&cache->index, node);
		return;
	}
	cache_index_touch(&cache->index, node);
	if (entry->size_bytes <= cache->index.memory_max)
		cache_index_hold_take(&cache->index, node, cache_entry_ref(entry));
}

/* Reads the file of a node: what it has, when it is for this request. With the lock held, but not while it reads. */
static struct cache_entry *read_file(transfer_cache *cache, struct search *search)
{
	const struct cache_id id = search->file->id;
	struct cache_entry *entry;

	search->before_wall_usec = search->file->stored_wall_usec;
	cache_unlock(cache);
	(void)cache_disk_read(cache->directory, &id, &entry); /* whatever it was: there is none */
	cache_lock(cache);
	note_read(cache, &id, entry);
	if (!entry ||
		(!strcmp(entry->url, search->url) && cache_entry_matches(entry, search->fields)))
		return entry;
	cache_unlock(cache);
	cache_entry_unref(entry);
	cache_lock(cache);
	return NULL;
}

enum cache_found cache_read(
	transfer_cache *cache, const struct cache_request *request, struct cache_entry **ret_entry)
{
	struct search search;

	*ret_entry = NULL;
	if (!search_begin(&search, request))
		return CACHE_MISS;
	cache_lock(cache);
	if (cache_has_unknown_files(cache)) {
		cache_unlock(cache);
		cache_flush(cache);
		cache_lock(cache);
	}
	for (search_nodes(cache, &search); search.file && !*ret_entry; search_nodes(cache, &search))
		*ret_entry = read_file(cache, &search);
	if (!*ret_entry && search.found)
		*ret_entry = take_found(cache, &search);
	cache_unlock(cache);
	free(search.url);
	cache_work_post(cache); /* of files that were damaged */
	return *ret_entry ? CACHE_FOUND : CACHE_MISS;
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

/* One exchange whose answer is kept. */
struct exchange {
	const struct cache_request *request;
	const transfer_cached_response *cached;
	struct cache_times times;
	bool may_have_file;
	bool is_urgent; /* its file is written whatever waits */
	bool has_file; /* out: it is to be written */
};

/* Whether it gets a file. With the lock held. */
static bool gets_file(const transfer_cache *cache, const struct cache_entry *entry, bool is_urgent)
{
	const struct cache_index *index = &cache->index;

	return cache->has_files && !cache_url_has_user(entry->url) &&
		transfer_cached_response_get_storage_policy(entry->cached) ==
		TRANSFER_STORAGE_ALLOWED &&
		cache_disk_bytes(entry->size_bytes) <= index->file_max &&
		(is_urgent ||
			(index->n_to_write < CACHE_TODO_MAX &&
				index->to_write_bytes < CACHE_TODO_MAX_BYTES));
}

/* Takes entry; with the lock held. */
static int put_take(
	transfer_cache *cache, const struct cache_id *id, struct cache_entry *entry, bool has_file)
{
	struct cache_index *index = &cache->index;
	struct cache_node *node;

	if (index->n_nodes >= CACHE_ENTRIES_MAX)
		cache_index_remove(index,
			TAILQ_EMPTY(&index->in_memory) ? TAILQ_FIRST(&index->in_files)
						       : TAILQ_FIRST(&index->in_memory));
	node = cache_index_add(index, id);
	if (!node) {
		entry->next = index->garbage;
		index->garbage = entry;
		return -ENOMEM;
	}
	node->stored_wall_usec = entry->stored_wall_usec;
	cache_index_hold_take(index, node, entry);
	if (has_file)
		cache_index_put_todo(index, node);
	else if (!node->memory_bytes)
		cache_index_remove(index, node);
	return 0;
}

/* Whatever its size. 0, 1: it may not be kept, or -errno. */
static int keep(transfer_cache *cache, struct exchange *exchange)
{
	const struct cache_request *request = exchange->request;
	cleanup_(cleanup_free) char *url = cache_url(request->url), *vary = NULL;
	struct cache_entry *entry;
	struct cache_id id;
	int r;

	if (!url)
		return -EINVAL;
	if (transfer_cached_response_get_storage_policy(exchange->cached) ==
		TRANSFER_STORAGE_NOT_ALLOWED)
		return 1;
	r = cache_vary(
		transfer_cached_response_get_response(exchange->cached), request->fields, &vary);
	if (r)
		return r;
	entry = cache_entry_new(url, vary, exchange->cached, exchange->times);
	if (!entry)
		return -ENOMEM;
	id = cache_id(url, vary);
	cache_lock(cache);
	make_way(cache, entry, &id, request->fields);
	exchange->has_file = exchange->may_have_file &&
		gets_file(cache, entry, exchange->is_urgent);
	r = put_take(cache, &id, entry, exchange->has_file);
	cache_unlock(cache);
	return r;
}

int cache_keep(transfer_cache *cache, const struct cache_request *request,
	const transfer_cached_response *cached, struct cache_times times, enum cache_place place)
{
	struct exchange exchange = {
		.request = request,
		.cached = cached,
		.times = times,
		.may_have_file = place == CACHE_IN_FILE,
	};
	int r;

	if (transfer_data_get_size(transfer_cached_response_get_body(cached)) > cache_room(cache))
		return 0;
	r = keep(cache, &exchange);
	cache_work_post(cache);
	return r > 0 ? 0 : r;
}

/* Its node, when it is still what is kept there. With the lock held. */
static struct cache_node *node_of(
	const transfer_cache *cache, const struct cache_id *id, const struct cache_entry *entry)
{
	struct cache_node *node = cache_index_find(&cache->index, id);

	if (!node)
		return NULL;
	if (node->entry)
		return node->entry == entry ? node : NULL;
	return node->stored_wall_usec == entry->stored_wall_usec ? node : NULL;
}

int cache_renew(transfer_cache *cache, const struct cache_entry *entry,
	const transfer_response *response, struct cache_times times, struct cache_entry **ret_entry)
{
	transfer_auto(transfer_cached_response) cached = transfer_cached_response_new(response,
		transfer_cached_response_get_body(entry->cached),
		transfer_cached_response_get_storage_policy(entry->cached));
	struct cache_node *node;
	struct cache_id id;
	bool has_file;

	*ret_entry = cached ? cache_entry_new(entry->url, entry->vary, cached, times) : NULL;
	if (!*ret_entry)
		return -ENOMEM;
	id = cache_id(entry->url, entry->vary);
	cache_lock(cache);
	node = node_of(cache, &id, entry);
	if (node) {
		has_file = (node->file_bytes || node->is_todo || node == cache->index.busy) &&
			gets_file(cache, *ret_entry, true);
		cache_index_remove(&cache->index, node);
		put_take(cache, &id, cache_entry_ref(*ret_entry), has_file);
	}
	cache_unlock(cache);
	cache_work_post(cache);
	return 0;
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
	/* files that this process does not know of */
	if (cache->has_files)
		cache_index_put_away(&cache->index, &id, true);
	cache_unlock(cache);
	cache_work_post(cache);
}

void cache_clear(transfer_cache *cache)
{
	if (!cache)
		return;
	cache_lock(cache);
	cache_index_clear(&cache->index);
	cache->is_clearing = cache->has_files;
	cache_unlock(cache);
	cache_work_post(cache);
}

void cache_leave(transfer_cache *cache)
{
	if (cache && cache->is_private)
		cache_clear(cache);
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
	struct exchange exchange = {
		.request = &wanted,
		.cached = cached,
		.times = { now, now },
		.may_have_file = true,
		.is_urgent = true,
	};
	int r;

	if (!is_get(request))
		return -EINVAL;
	r = keep(cache, &exchange);
	cache_flush(cache);
	if (r || !exchange.has_file)
		return r > 0 ? 0 : r;
	cache_lock(cache);
	r = cache->file_result;
	cache_unlock(cache);
	return r;
}

void transfer_cache_remove(transfer_cache *cache, const transfer_request *request)
{
	if (!is_get(request))
		return;
	cache_forget_url(cache, request->url);
	cache_flush(cache);
}

void transfer_cache_remove_all(transfer_cache *cache)
{
	cache_clear(cache);
	cache_flush(cache);
}

void transfer_cache_remove_since(transfer_cache *cache, uint64_t since_usec)
{
	cache_work_scan(cache, true);
	cache_lock(cache);
	cache_index_remove_since(&cache->index, since_usec);
	cache_unlock(cache);
	cache_flush(cache);
}

/* ---- numbers ---- */

/* One of the cache's own, as it is now. */
static uint64_t read_number(const uint64_t *number)
{
	uint64_t value;

	fork_lock();
	value = *number;
	fork_unlock();
	return value;
}

uint64_t cache_room(const transfer_cache *cache)
{
	uint64_t capacity;

	fork_lock();
	capacity = cache->has_files && cache->index.file_max ? cache->index.file_max
							     : cache->index.memory_max;
	fork_unlock();
	return capacity / 20;
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
	return read_number(&cache->index.memory_max);
}

void transfer_cache_set_disk_capacity(transfer_cache *cache, uint64_t capacity_bytes)
{
	if (!cache->directory)
		return;
	cache_flush(cache); /* what is there is known then */
	cache_lock(cache);
	cache->index.file_max = capacity_bytes;
	cache_index_shrink_files(&cache->index);
	cache_unlock(cache);
	cache_flush(cache);
}

uint64_t transfer_cache_get_disk_capacity(const transfer_cache *cache)
{
	return read_number(&cache->index.file_max);
}

uint64_t transfer_cache_get_memory_usage(const transfer_cache *cache)
{
	return read_number(&cache->index.memory_bytes);
}

uint64_t transfer_cache_get_disk_usage(transfer_cache *cache)
{
	cache_flush(cache);
	return read_number(&cache->index.file_bytes);
}

transfer_cache *transfer_session_get_cache(const transfer_session *session)
{
	return session->cache;
}
