/* SPDX-License-Identifier: MIT */
/* A cache, for the files that it is made of. */
#ifndef CLIENT_LIB_CACHE_STORE_H
#define CLIENT_LIB_CACHE_STORE_H

#include "client-lib/cache-index.h"
#include "client-lib/fork.h"

struct transfer_cache {
	struct ref ref;
	SLIST_ENTRY(transfer_cache) link; /* of a named one, under lock */
	char *app_id, *name; /* of a named one; constant */
	bool is_private; /* of an ephemeral session; constant */
	struct cache_index index; /* under lock */
};

/* The lock is the process's; what was dropped meanwhile is freed when it is released. */
void cache_lock(const transfer_cache *cache);
void cache_unlock(transfer_cache *cache);

#endif
