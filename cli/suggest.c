/* SPDX-License-Identifier: MIT */
/* A word that is as far from what was typed as it is long is no suggestion: short words must be nearer. */
#include "cli/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/format.h"

#define SUGGEST_MOST 2

const char *suggest_nearest(const char *word, size_t len, suggest_name_fn name_at)
{
	char *text = strndup(word, len);
	const char *best = NULL, *name;
	unsigned least = SUGGEST_MOST + 1;

	for (size_t i = 0; text && (name = name_at(i)); i++) {
		unsigned n = format_distance(text, name);

		if (n < least && 2 * n <= strlen(name)) {
			least = n;
			best = name;
		}
	}
	free(text);
	return best;
}

const char *suggest_hint(const char *word, size_t len, suggest_name_fn name_at, const char *other,
	char hint[SUGGEST_HINT_BYTES])
{
	const char *near = suggest_nearest(word, len, name_at);

	if (near)
		snprintf(hint, SUGGEST_HINT_BYTES, "did you mean \"%s\"?", near);
	else
		snprintf(hint, SUGGEST_HINT_BYTES, "%s", other);
	return hint;
}
