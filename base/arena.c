/* SPDX-License-Identifier: MIT */
/* A chain of blocks that only grows until it is freed whole. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* the first one, doubling to the last: most owners need little; the first two are short enough for what malloc() has at hand */
#define ARENA_FIRST_BYTES 480
#define ARENA_BLOCK_BYTES 4096

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	alignas(max_align_t) char bytes[];
};

/* Not zeroed; align is a power of two. */
static void *take(struct arena *arena, size_t want, size_t align)
{
	struct arena_block *b = arena->blocks;
	size_t start = b ? (b->used + align - 1) & ~(align - 1) : 0;

	if (!b || b->size < start || b->size - start < want) {
		size_t room = b ? b->size * 2 : ARENA_FIRST_BYTES;

		if (room > ARENA_BLOCK_BYTES)
			room = ARENA_BLOCK_BYTES;
		if (room < want)
			room = want;
		b = malloc(sizeof(*b) + room);
		if (!b)
			return NULL;
		b->next = arena->blocks;
		b->size = room;
		arena->blocks = b;
		start = 0;
	}
	b->used = start + want;
	return b->bytes + start;
}

void *arena_alloc(struct arena *arena, size_t count, size_t size)
{
	size_t want;
	void *p;

	if (__builtin_mul_overflow(count, size, &want) || want > SIZE_MAX / 2)
		return NULL;
	p = take(arena, want, alignof(max_align_t));
	return p ? memset(p, 0, want) : NULL;
}

void *arena_room(struct arena *arena, size_t size)
{
	return size > SIZE_MAX / 2 ? NULL : take(arena, size, alignof(max_align_t));
}

char *arena_strndup(struct arena *arena, const char *s, size_t n)
{
	char *copy;

	if (n >= SIZE_MAX / 2)
		return NULL;
	copy = take(arena, n + 1, 1);
	if (copy) {
		memcpy(copy, s, n);
		copy[n] = 0;
	}
	return copy;
}

char *arena_strdup(struct arena *arena, const char *s)
{
	return arena_strndup(arena, s, strlen(s));
}

void arena_done(struct arena *arena)
{
	struct arena_block *b = arena->blocks;

	while (b) {
		struct arena_block *next = b->next;

		free(b);
		b = next;
	}
	arena->blocks = NULL;
}
