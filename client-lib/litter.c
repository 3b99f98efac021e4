/* SPDX-License-Identifier: MIT */
/* One list for each thread, so there is nothing to be locked. */
#include "client-lib/litter.h"

#include <stddef.h>

static _Thread_local bool is_held;
static _Thread_local struct litter *first;

void litter_begin(void)
{
	is_held = true;
}

void litter_end(void)
{
	struct litter *litter;

	is_held = false;
	while ((litter = first)) {
		first = litter->next;
		litter->free(litter);
	}
}

bool litter_put_off(struct litter *litter, void (*free)(struct litter *litter))
{
	if (!is_held)
		return false;
	litter->free = free;
	litter->next = first;
	first = litter;
	return true;
}
