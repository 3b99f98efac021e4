/* SPDX-License-Identifier: MIT */
/* What one file of a cache holds: a head, texts, and the body as it is. No disk here. */
#ifndef CLIENT_LIB_CACHE_FILE_H
#define CLIENT_LIB_CACHE_FILE_H

#include <stddef.h>

#include "client-lib/cache-entry.h"

struct buf;

#define CACHE_FILE_TEXTS_MAX_BYTES (1024u * 1024)

/* All that comes before the body. 0, -ENOMEM, or -EMSGSIZE: it does not fit. */
int cache_file_head(const struct cache_entry *entry, struct buf *ret_head);
/* The entry of a whole file. bytes: from malloc(), taken; the body stays in them. NULL: it is damaged, or out of memory. */
struct cache_entry *cache_file_parse_take(void *bytes, size_t size);

#endif
