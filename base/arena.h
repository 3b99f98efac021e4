/* SPDX-License-Identifier: MIT */
/* Memory that lives and dies together: all that one decoded message or one loaded row points to. Not thread-safe. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;

/* Zero-initialise to start; arena_done() frees everything and leaves it empty again. */
struct arena {
	struct arena_block *blocks;
};

/* Zeroed memory, aligned for any type; NULL when memory is short or size*count overflows. */
void *arena_alloc(struct arena *arena, size_t count, size_t size);
/* The same, not zeroed: for what is written over at once. */
void *arena_room(struct arena *arena, size_t size);
char *arena_strdup(struct arena *arena, const char *s);
char *arena_strndup(struct arena *arena, const char *s, size_t n);
void arena_done(struct arena *arena);

#endif
