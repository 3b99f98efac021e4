/* SPDX-License-Identifier: MIT */
/* A hash table from a number (not 0) to a pointer. Grows and shrinks with its contents. */
#ifndef CORE_MAP_H
#define CORE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map_slot {
	uint64_t key; /* 0: empty */
	void *value;
};

/* Zero-initialise to start. */
struct map {
	struct map_slot *slots;
	size_t n_slots, n_used;
};

void *map_find(const struct map *map, uint64_t key);
int map_put(struct map *map, uint64_t key, void *value); /* 0 or -ENOMEM; replaces */
void *map_remove(struct map *map, uint64_t key); /* what was there, or NULL */
/*
 * Iterates in no order: start with *cursor = 0; NULL at the end. The map must not change meanwhile.
 */
void *map_next(const struct map *map, size_t *cursor);
void map_done(struct map *map); /* values are the caller's */

#endif
