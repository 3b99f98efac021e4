/* SPDX-License-Identifier: MIT */
/* Open addressing, linear probing, deletion by moving the followers back: no tombstones. */
#include "daemon/core/map.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"

#define MAP_MIN_SLOTS 16

static size_t home_of(const struct map *map, uint64_t key)
{
	return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (map->n_slots - 1);
}

/* Index of the key or of the empty slot where it would be. */
static size_t probe(const struct map *map, uint64_t key)
{
	size_t i = home_of(map, key);

	while (map->slots[i].key && map->slots[i].key != key)
		i = (i + 1) & (map->n_slots - 1);
	return i;
}

static int resize(struct map *map, size_t n_slots)
{
	struct map grown = { .n_slots = n_slots, .n_used = map->n_used };

	grown.slots = calloc(n_slots, sizeof(*grown.slots));
	if (!grown.slots)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < map->n_slots; i++)
		if (map->slots[i].key)
			grown.slots[probe(&grown, map->slots[i].key)] = map->slots[i];
	free(map->slots);
	*map = grown;
	return 0;
}

void *map_find(const struct map *map, uint64_t key)
{
	size_t i;

	if (!map->n_slots)
		return NULL;
	i = probe(map, key);
	return map->slots[i].key ? map->slots[i].value : NULL;
}

int map_put(struct map *map, uint64_t key, void *value)
{
	size_t i;
	int r;

	if ((map->n_used + 1) * 4 > map->n_slots * 3) {
		r = resize(map, map->n_slots ? map->n_slots * 2 : MAP_MIN_SLOTS);
		if (r)
			return r;
	}
	i = probe(map, key);
	if (!map->slots[i].key)
		map->n_used++;
	map->slots[i] = (struct map_slot){ key, value };
	return 0;
}

void *map_remove(struct map *map, uint64_t key)
{
	size_t i, j;
	void *value;

	if (!map->n_slots)
		return NULL;
	i = probe(map, key);
	if (!map->slots[i].key)
		return NULL;
	value = map->slots[i].value;
	for (j = (i + 1) & (map->n_slots - 1); map->slots[j].key;
		j = (j + 1) & (map->n_slots - 1)) {
		size_t home = home_of(map, map->slots[j].key);

		if (((j - home) & (map->n_slots - 1)) >= ((j - i) & (map->n_slots - 1))) {
			map->slots[i] = map->slots[j];
			i = j;
		}
	}
	map->slots[i] = (struct map_slot){ 0 };
	map->n_used--;
	/* A table that is mostly empty is given back; failing to do so is no error. */
	if (map->n_slots > MAP_MIN_SLOTS * 4 && map->n_used * 8 < map->n_slots)
		(void)resize(map, map->n_slots / 4);
	return value;
}

void *map_next(const struct map *map, size_t *cursor)
{
	while (*cursor < map->n_slots) {
		const struct map_slot *slot = &map->slots[(*cursor)++];

		if (slot->key)
			return slot->value;
	}
	return NULL;
}

void map_done(struct map *map)
{
	free(map->slots);
	*map = (struct map){ 0 };
}
