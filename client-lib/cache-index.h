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
	bool is_url; /* not listed: all files of its URL are to go */
	bool is_seen; /* by the scan under way */
};

LIST_HEAD(cache_chain, cache_node);
TAILQ_HEAD(cache_nodes, cache_node);

struct cache_index {
	struct cache_chain *chains; /* made with the first node */
	struct cache_nodes in_memory, in_files; /* the one used longest ago first */
	struct cache_nodes todo; /* in the order in which it is to be done */
	size_t n_nodes;
	size_t n_to_write; /* of todo */
	uint64_t to_write_bytes; /* in memory, not on the disk */
	uint64_t memory_bytes, file_bytes;
	uint64_t memory_max, file_max;
	struct cache_node *busy; /* the one that is */
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
/* NULL: there is nothing. A listed one is busy then, until cache_index_done(); another one is the caller's to free. */
struct cache_node *cache_index_take_todo(struct cache_index *index);
/*
 * The file of a busy node was written, and counts so much; 0: it was not. True: the node was removed meanwhile and is gone, so
 * the file must go, too.
 */
bool cache_index_done(struct cache_index *index, struct cache_node *node, uint64_t file_bytes);
/* The file of a node is to go, and the node with it, unless it is in memory. */
void cache_index_give_file_up(struct cache_index *index, struct cache_node *node);
/* A file that no node has is to go, if it is there; is_url: with all others of its URL. False: out of memory. */
bool cache_index_put_away(struct cache_index *index, const struct cache_id *id, bool is_url);
/* The files are within their capacity: what is too much is to go. */
void cache_index_shrink_files(struct cache_index *index);
/* Nothing is known of files any more, and nothing is to be done: in a child. */
void cache_index_forget_files(struct cache_index *index);
/* What was stored then or later goes; all of it. */
void cache_index_remove_since(struct cache_index *index, uint64_t since_usec);
void cache_index_clear(struct cache_index *index);
/* What is to be freed without the lock, by cache_garbage_free(). */
struct cache_entry *cache_index_take_garbage(struct cache_index *index);
void cache_garbage_free(struct cache_entry *garbage);

#endif
