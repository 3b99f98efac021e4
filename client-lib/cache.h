/* SPDX-License-Identifier: MIT */
/*
 * Caches inside the library: what tasks look in and put into. What may be kept, and what is still good, is not known here
 * (cache-rules.h). The lock of the process guards all that is in memory and is never held while a disk works or while
 * something is freed; so all but cache_read() and cache_flush() may be called with a client's lock held.
 */
#ifndef CLIENT_LIB_CACHE_H
#define CLIENT_LIB_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include <transfer/cache.h>

#include "client-lib/ref.h"

struct text_headers;

#define CACHE_MEMORY_BYTES   (UINT64_C(4) << 20) /* of a named one, and of an ephemeral session's */
#define CACHE_DISK_BYTES     (UINT64_C(20) << 20)
#define CACHE_VARIANTS_MAX   8 /* of a URL; the one used longest ago goes */
#define CACHE_ENTRIES_MAX    65536 /* of a cache */
#define CACHE_URL_MAX_BYTES  65536
#define CACHE_VARY_MAX_BYTES 65536 /* of all fields that Vary names */

/* When the exchange took place, by the wall clock: what an age is reckoned from. */
struct cache_times {
	uint64_t asked_wall_usec;
	uint64_t answered_wall_usec;
};

/* An answer that is kept. Immutable and counted: who has a reference goes on having it when it is replaced or removed. */
struct cache_entry {
	struct ref ref;
	transfer_cached_response *cached;
	struct cache_times times;
	uint64_t stored_wall_usec;
	const char *url; /* as cache_url() writes it */
	const char *
		vary; /* fields of the request that Vary names, "name: value\n" or "name\n" where it had none; "": no Vary */
	uint64_t size_bytes; /* what it counts in memory */
	struct cache_entry *next; /* the cache's own: of those that go when the lock is released */
};

struct cache_entry *cache_entry_ref(const struct cache_entry *entry);
/* Any thread, no lock but a client's: the last one frees the body, which may be the program's. NULL: nothing happens. */
void cache_entry_unref(struct cache_entry *entry);

/* The cache of sessions with this configuration, a reference; NULL where they have none. 0 or -ENOMEM. Never blocks. */
int cache_open(const transfer_config *config, transfer_cache **ret_cache);
/* A session that uses it is over: its own is emptied, another one is not. NULL: nothing happens. */
void cache_leave(transfer_cache *cache);
/* Nothing is in it any more; the files go soon. NULL: nothing happens. Never blocks. */
void cache_clear(transfer_cache *cache);

/* What is looked for: the request as it is sent, or would be. Borrowed. */
struct cache_request {
	const char *url; /* http or https; any way of writing it */
	const struct text_headers *
		fields; /* what Vary may name: the session's and the request's. Fields that transferd
					      adds (Cookie, Accept-Encoding, …) are unknown here; NULL: none */
};

enum cache_found {
	CACHE_MISS,
	CACHE_FOUND,
	CACHE_ON_DISK, /* perhaps: cache_read() knows */
};

/*
 * Looks in memory alone. CACHE_FOUND: *ret_entry is a reference; of several that would do the newest. Fresh or not. Never blocks;
 * a miss costs the hash of the URL. CACHE_ON_DISK also before this process has read its folder.
 */
enum cache_found cache_look(
	transfer_cache *cache, const struct cache_request *request, struct cache_entry **ret_entry);
/* The same, and reads the file where that is needed: CACHE_MISS or CACHE_FOUND. Blocks on the disk: not with a lock held. */
enum cache_found cache_read(
	transfer_cache *cache, const struct cache_request *request, struct cache_entry **ret_entry);

/* Where an answer is kept. It is always in memory, too, where it fits. */
enum cache_place {
	CACHE_IN_MEMORY,
	CACHE_IN_FILE, /* written soon, by the cache's own thread; where too much waits already it is not */
};

/*
 * Keeps the answer of an exchange, in place of those that request would have found. cached: a reference is kept; what its body
 * holds should be what it counts: no small piece of a large buffer. Its storage policy wins over place. "Vary: *" and what is larger than
 * cache_room() is not kept, and what was there stays. 0, -EINVAL (URL) or -ENOMEM. Never blocks.
 */
int cache_keep(transfer_cache *cache, const struct cache_request *request,
	const transfer_cached_response *cached, struct cache_times times, enum cache_place place);
/*
 * After a 304: response is what entry's has become, with the same body. It takes the place of entry, in memory and in its
 * file if it has one, unless entry was removed or replaced meanwhile. *ret_entry: a reference to the new one, either way.
 * 0 or -ENOMEM. Never blocks.
 */
int cache_renew(transfer_cache *cache, const struct cache_entry *entry,
	const transfer_response *response, struct cache_times times,
	struct cache_entry **ret_entry);
/* Something unsafe was done to this URL: all its answers go, the files soon. Never blocks. */
void cache_forget_url(transfer_cache *cache, const char *url);
/* The largest body worth gathering: 5 % of the capacity of the disk, of the memory's without one. */
uint64_t cache_room(const transfer_cache *cache);
/* What waits to be written or removed is, when it returns. Blocks on the disk: not with a lock held. NULL: nothing happens. */
void cache_flush(transfer_cache *cache);

/*
 * The form in which URLs are compared: scheme and host in lower case, no default port, "/" for no path, no fragment; the
 * caller frees it. NULL: no URL of this kind, too long, or out of memory.
 */
char *cache_url(const char *url);

#endif
