/* SPDX-License-Identifier: MIT */
/* What a cache holds of one answer, and for which requests it is the answer. No lock, no disk. */
#ifndef CLIENT_LIB_CACHE_ENTRY_H
#define CLIENT_LIB_CACHE_ENTRY_H

#include "client-lib/cache.h"

/* Names an entry, and its file: entries with the same one take each other's place. */
struct cache_id {
	uint64_t url[2];
	uint64_t vary;
};

/* For names and against damage, not against people. */
uint64_t cache_hash(uint64_t seed, const void *bytes, size_t size);
/* vary: as in an entry; NULL: "". url: as cache_url() writes it. */
struct cache_id cache_id(const char *url, const char *vary);
/* A URL of cache_url() names who asks. */
bool cache_url_has_user(const char *url);

/*
 * The texts are copied. vary: as in an entry. NULL: out of memory.
 */
struct cache_entry *cache_entry_new(const char *url, const char *vary,
	const transfer_cached_response *cached, struct cache_times times);
/* The fields of a request that the response's Vary names, for the caller to free. 0, -ENOMEM, or 1: no request will ever match. */
int cache_vary(
	const transfer_response *response, const struct text_headers *fields, char **ret_vary);
/* It would answer a request with these fields for its URL. */
bool cache_entry_matches(const struct cache_entry *entry, const struct text_headers *fields);

#endif
