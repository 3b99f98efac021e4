/* SPDX-License-Identifier: MIT */
/*
 * What a cache has, by URL: nodes, each an entry in memory, a file, or both. Everything here is called with the lock of the
 * process held, and does no more than move pointers; what goes is collected and freed without it.
 */
#ifndef CLIENT_LIB_CACHE_INDEX_H
#define CLIENT_LIB_CACHE_INDEX_H

#include <sys/queue.h>

#include "client-lib/cache-entry.h"

struct cache_node {
	LIST_ENTRY(cache_node) chain; /* of its bucket */
	TAILQ_ENTRY(cache_node) memory_link; /* while it has memory_bytes */
	TAILQ_ENTRY(cache_node) file_link; /* while it has file_bytes */
	TAILQ_ENTRY(cache_node) todo_link; /* while is_todo */
	struct cache_id id;
	struct cache_entry *entry; /* in memory, or to be written; NULL: only its file knows */
	uint64_t stored_wall_usec;
	uint64_t memory_bytes; /* counted; 0: not in memory */
	uint64_t file_bytes; /* counted; 0: no file */
	bool is_listed; /* false: replaced or removed, and its file is to go */
	bool is_todo; /* its file is to be written, or to go */
	bool is_busy; /* its file is being written: who does that frees it when it is not listed any more */
	bool is_seen; /* by the scan under way */
};

LIST_HEAD(cache_chain, cache_node);
TAILQ_HEAD(cache_nodes, cache_node);

struct cache_index {
	struct cache_chain *chains; /* made with the first node */
	struct cache_nodes in_memory, in_files; /* the one used longest ago first */
	struct cache_nodes todo; /* in the order in which it is to be done */
	size_t n_nodes, n_todo;
	uint64_t todo_bytes;
	uint64_t memory_bytes, file_bytes;
	uint64_t memory_max, file_max;
	struct cache_entry *garbage; /* to be freed when the lock is released */
};

void cache_index_init(struct cache_index *index, uint64_t memory_max, uint64_t file_max);
/* The first of a URL, or after one. NULL: there is no other. */
struct cache_node *cache_index_next(
	const struct cache_index *index, const struct cache_id *id, const struct cache_node *after);
struct cache_node *cache_index_find(const struct cache_index *index, const struct cache_id *id);
/* A new node, listed and empty; NULL: out of memory, or there are too many. */
struct cache_node *cache_index_add(struct cache_index *index, const struct cache_id *id);
/* It is forgotten: freed, or on the list of what is to be done when it has a file. */
void cache_index_remove(struct cache_index *index, struct cache_node *node);
/* The entry, a reference that is taken, is the node's, and held in memory where it fits; others go for it. */
void cache_index_hold_take(
	struct cache_index *index, struct cache_node *node, struct cache_entry *entry);
/* Its file counts so much; 0: it has none. */
void cache_index_set_file(struct cache_index *index, struct cache_node *node, uint64_t file_bytes);
/* It was used: it goes last. */
void cache_index_touch(struct cache_index *index, struct cache_node *node);
/* The memory is within its capacity with so much more. */
void cache_index_shrink_memory(struct cache_index *index, uint64_t more_bytes);
/* Its file is to be written (listed, with its entry) or to go. */
void cache_index_put_todo(struct cache_index *index, struct cache_node *node);
/* NULL: there is nothing. */
struct cache_node *cache_index_take_todo(struct cache_index *index);
/* What is to be freed without the lock, by cache_garbage_free(). */
struct cache_entry *cache_index_take_garbage(struct cache_index *index);
void cache_garbage_free(struct cache_entry *garbage);

#endif
