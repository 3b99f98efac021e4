/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target: one function that eats any bytes. With --enable-fuzz libFuzzer drives it; in every other build
 * replay.c does, over the corpus and a fixed set of mutations of it, as a test.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern unsigned fuzz_n_runs; /* of replay.c; a slow target has its own */

/* libcurl 7.88 forgets the copy of a host name that is no valid international name (some bytes each time). */
#define FUZZ_FORGIVE_LIBCURL \
	const char *__lsan_default_suppressions(void); \
	__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void) \
	{ \
		return "leak:libcurl.so"; \
	}

/* What must hold for every input; kept where NDEBUG is set. */
#define FUZZ_MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

/* The bytes as a string of their own length, so that reading too far is seen. To be freed. */
static inline char *fuzz_string(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	FUZZ_MUST(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* Cuts a line off *data; NULL: nothing left. To be freed. */
static inline char *fuzz_line(const uint8_t **data, size_t *size)
{
	const uint8_t *end;
	size_t n;
	char *line;

	if (!*size)
		return NULL;
	end = memchr(*data, '\n', *size);
	n = end ? (size_t)(end - *data) : *size;
	line = fuzz_string(*data, n);
	*data += end ? n + 1 : n;
	*size -= end ? n + 1 : n;
	return line;
}

/* Choices drawn from the front of the input; zeros when it is used up. */
struct fuzz_choices {
	const uint8_t *data;
	size_t size;
};

static inline uint8_t fuzz_byte(struct fuzz_choices *c)
{
	if (!c->size)
		return 0;
	c->size--;
	return *c->data++;
}

static inline uint64_t fuzz_number(struct fuzz_choices *c, unsigned n_bytes)
{
	uint64_t n = 0;

	while (n_bytes--)
		n = n << 8 | fuzz_byte(c);
	return n;
}

/* At most n bytes; fewer when the input ends. */
static inline size_t fuzz_piece(struct fuzz_choices *c, size_t n, const uint8_t **ret_piece)
{
	if (n > c->size)
		n = c->size;
	*ret_piece = c->data;
	c->data += n;
	c->size -= n;
	return n;
}

#endif
