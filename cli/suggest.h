/* SPDX-License-Identifier: MIT */
/* "did you mean …?" for words that are not known: edit distance of at most 2. */
#ifndef CLI_SUGGEST_H
#define CLI_SUGGEST_H

#include <stddef.h>

#define SUGGEST_HINT_BYTES 160

/* The i-th word that there is; NULL: there are no more. */
typedef const char *(*suggest_name_fn)(size_t i);

/* The nearest of the names to the first len bytes of word; NULL: none is near. */
const char *suggest_nearest(const char *word, size_t len, suggest_name_fn name_at);
/* A hint that names the nearest, or other when none is near. Returns hint. */
const char *suggest_hint(const char *word, size_t len, suggest_name_fn name_at, const char *other,
	char hint[SUGGEST_HINT_BYTES]);

#endif
