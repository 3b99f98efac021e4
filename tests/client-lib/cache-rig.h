/* SPDX-License-Identifier: MIT */
/* A cache in a temporary folder, and answers whose body is a text. */
#ifndef TESTS_CLIENT_LIB_CACHE_RIG_H
#define TESTS_CLIENT_LIB_CACHE_RIG_H

#include <stdint.h>

#include "client-lib/cache.h"

#define KIB 1024u
#define MIB (1024u * 1024u)

extern transfer_cache *cache;
extern char *folder; /* NULL: no files */

/* Without a file; in a new folder that is not there yet; once more in the same one, as another process would. */
void cache_begin(uint64_t memory_bytes);
void cache_begin_disk(uint64_t memory_bytes, uint64_t disk_bytes);
transfer_cache *cache_again(void);
void cache_end(void);

/* of http://a.example/PATH; to be given back */
transfer_request *cache_request_of(const char *path);
/* with Vary unless it is NULL */
transfer_cached_response *cache_answer_of(
	const char *body, const char *vary, enum transfer_storage_policy policy);
int cache_put(const char *path, const char *body);
/* its body, until the next call; NULL: nothing is found */
const char *cache_get(transfer_cache *from, const char *path);

/* Files in the folder; 0 when it is not there. */
unsigned int cache_n_files(void);
/* Path of the only one; to be freed. */
char *cache_only_file(void);
/* All of them go. */
void cache_remove_files(void);

#endif
