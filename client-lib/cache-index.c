/* SPDX-License-Identifier: MIT */
/* Chains of nodes by the hash of their URL, and two lists in the order of their use. */
#include "client-lib/cache-index.h"

#include <stdlib.h>

#define INDEX_CHAINS 4096

void cache_index_init(struct cache_index *index, uint64_t memory_max, uint64_t file_max)
{
	*index = (struct cache_index){ .memory_max = memory_max, .file_max = file_max };
	TAILQ_INIT(&index->in_memory);
	TAILQ_INIT(&index->in_files);
	TAILQ_INIT(&index->todo);
}

static bool is_same_url(const struct cache_id *a, const struct cache_id *b)
{
	return a->url[0] == b->url[0] && a->url[1] == b->url[1];
}

struct cache_node *cache_index_next(
	const struct cache_index *index, const struct cache_id *id, const struct cache_node *after)
{
	struct cache_node *node;

	if (!index->chains)
		return NULL;
	node = after ? LIST_NEXT(after, chain)
		     : LIST_FIRST(&index->chains[id->url[0] % INDEX_CHAINS]);
	while (node && !is_same_url(&node->id, id))
		node = LIST_NEXT(node, chain);
	return node;
}

struct cache_node *cache_index_find(const struct cache_index *index, const struct cache_id *id)
{
	struct cache_node *node = cache_index_next(index, id, NULL);

	while (node && node->id.vary != id->vary)
		node = cache_index_next(index, id, node);
	return node;
}

struct cache_node *cache_index_add(struct cache_index *index, const struct cache_id *id)
{
	struct cache_node *node;

	if (!index->chains)
		index->chains = calloc(INDEX_CHAINS, sizeof(*index->chains));
	node = index->chains && index->n_nodes < CACHE_ENTRIES_MAX ? calloc(1, sizeof(*node))
								   : NULL;
	if (!node)
		return NULL;
	node->id = *id;
	node->is_listed = true;
	LIST_INSERT_HEAD(&index->chains[id->url[0] % INDEX_CHAINS], node, chain);
	index->n_nodes++;
	return node;
}

static void drop_entry(struct cache_index *index, struct cache_node *node)
{
	struct cache_entry *entry = node->entry;

	if (!entry)
		return;
	node->entry = NULL;
	entry->next = index->garbage;
	index->garbage = entry;
}

/* Out of memory, unless its file is still to be written. */
static void leave_memory(struct cache_index *index, struct cache_node *node)
{
	if (node->memory_bytes) {
		TAILQ_REMOVE(&index->in_memory, node, memory_link);
		index->memory_bytes -= node->memory_bytes;
		node->memory_bytes = 0;
	}
	if (!node->is_todo && node != index->busy)
		drop_entry(index, node);
}

static void count_todo(struct cache_index *index, const struct cache_node *node, bool is_more)
{
	if (!node->is_listed)
		return;
	index->n_to_write += is_more ? 1 : -(size_t)1;
	index->to_write_bytes += is_more ? node->entry->size_bytes : -node->entry->size_bytes;
}

void cache_index_put_todo(struct cache_index *index, struct cache_node *node)
{
	if (node->is_todo)
		return;
	node->is_todo = true;
	TAILQ_INSERT_TAIL(&index->todo, node, todo_link);
	count_todo(index, node, true);
}

static void leave_todo(struct cache_index *index, struct cache_node *node)
{
	if (!node->is_todo)
		return;
	count_todo(index, node, false);
	TAILQ_REMOVE(&index->todo, node, todo_link);
	node->is_todo = false;
}

struct cache_node *cache_index_take_todo(struct cache_index *index)
{
	struct cache_node *node = TAILQ_FIRST(&index->todo);

	if (!node)
		return NULL;
	leave_todo(index, node);
	if (node->is_listed)
		index->busy = node;
	return node;
}

void cache_index_set_file(struct cache_index *index, struct cache_node *node, uint64_t file_bytes)
{
	if (node->file_bytes)
		TAILQ_REMOVE(&index->in_files, node, file_link);
	index->file_bytes += file_bytes - node->file_bytes;
	node->file_bytes = file_bytes;
	if (file_bytes)
		TAILQ_INSERT_TAIL(&index->in_files, node, file_link);
}

void cache_index_remove(struct cache_index *index, struct cache_node *node)
{
	bool has_file = node->file_bytes;

	if (!node->is_listed)
		return;
	leave_todo(index, node);
	node->is_listed = false;
	LIST_REMOVE(node, chain);
	index->n_nodes--;
	leave_memory(index, node);
	cache_index_set_file(index, node, 0);
	if (node == index->busy)
		return;
	if (has_file)
		cache_index_put_todo(index, node);
	else
		free(node);
}

bool cache_index_done(struct cache_index *index, struct cache_node *node, uint64_t file_bytes)
{
	index->busy = NULL;
	if (!node->is_listed) {
		drop_entry(index, node);
		free(node);
		return true;
	}
	cache_index_set_file(index, node, file_bytes);
	if (!node->memory_bytes)
		leave_memory(index, node);
	if (!node->entry && !node->file_bytes)
		cache_index_remove(index, node);
	return false;
}

bool cache_index_put_away(struct cache_index *index, const struct cache_id *id, bool is_url)
{
	struct cache_node *file = calloc(1, sizeof(*file));

	if (!file)
		return false;
	file->id = *id;
	file->is_url = is_url;
	cache_index_put_todo(index, file);
	return true;
}

void cache_index_give_file_up(struct cache_index *index, struct cache_node *node)
{
	if (!node->entry || !cache_index_put_away(index, &node->id, false))
		cache_index_remove(index, node);
	else
		cache_index_set_file(index, node, 0);
}

void cache_index_shrink_files(struct cache_index *index)
{
	struct cache_node *node;

	while ((node = TAILQ_FIRST(&index->in_files)) && index->file_bytes > index->file_max)
		cache_index_give_file_up(index, node);
}

void cache_index_forget_files(struct cache_index *index)
{
	struct cache_node *node;

	if (index->busy)
		cache_index_done(index, index->busy, 0);
	while ((node = TAILQ_FIRST(&index->in_files))) {
		cache_index_set_file(index, node, 0);
		if (!node->entry)
			cache_index_remove(index, node);
	}
	while ((node = TAILQ_FIRST(&index->todo))) {
		leave_todo(index, node);
		if (!node->is_listed)
			free(node);
		else if (!node->memory_bytes)
			cache_index_remove(index, node);
	}
}

void cache_index_remove_since(struct cache_index *index, uint64_t since_usec)
{
	struct cache_node *node, *next;

	for (size_t i = 0; index->chains && i < INDEX_CHAINS; i++) {
		for (node = LIST_FIRST(&index->chains[i]); node; node = next) {
			next = LIST_NEXT(node, chain);
			if (node->stored_wall_usec >= since_usec)
				cache_index_remove(index, node);
		}
	}
}

void cache_index_clear(struct cache_index *index)
{
	cache_index_remove_since(index, 0);
}

void cache_index_shrink_memory(struct cache_index *index, uint64_t more_bytes)
{
	struct cache_node *node;

	while ((node = TAILQ_FIRST(&index->in_memory)) &&
		(more_bytes > index->memory_max ||
			index->memory_bytes > index->memory_max - more_bytes)) {
		leave_memory(index, node);
		if (!node->entry && !node->file_bytes)
			cache_index_remove(index, node);
	}
}

void cache_index_hold_take(
	struct cache_index *index, struct cache_node *node, struct cache_entry *entry)
{
	if (node->entry != entry) {
		leave_memory(index, node);
		drop_entry(index, node);
		node->entry = entry;
	}
	if (entry->size_bytes > index->memory_max)
		return;
	cache_index_shrink_memory(index, entry->size_bytes);
	node->memory_bytes = entry->size_bytes;
	index->memory_bytes += node->memory_bytes;
	TAILQ_INSERT_TAIL(&index->in_memory, node, memory_link);
}

void cache_index_touch(struct cache_index *index, struct cache_node *node)
{
	if (node->memory_bytes) {
		TAILQ_REMOVE(&index->in_memory, node, memory_link);
		TAILQ_INSERT_TAIL(&index->in_memory, node, memory_link);
	}
	if (node->file_bytes) {
		TAILQ_REMOVE(&index->in_files, node, file_link);
		TAILQ_INSERT_TAIL(&index->in_files, node, file_link);
	}
}

struct cache_entry *cache_index_take_garbage(struct cache_index *index)
{
	struct cache_entry *garbage = index->garbage;

	index->garbage = NULL;
	return garbage;
}

void cache_garbage_free(struct cache_entry *garbage)
{
	struct cache_entry *entry;

	while ((entry = garbage)) {
		garbage = entry->next;
		entry->next = NULL;
		cache_entry_unref(entry);
	}
}
