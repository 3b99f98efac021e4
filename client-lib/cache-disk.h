/* SPDX-License-Identifier: MIT */
/*
 * The folder of a cache: a file for each entry, whose name is its id. Each call finds the folder anew, for it may have gone.
 * Everything here blocks on the disk. All return 0 or -errno.
 */
#ifndef CLIENT_LIB_CACHE_DISK_H
#define CLIENT_LIB_CACHE_DISK_H

#include <stddef.h>

#include "client-lib/cache-entry.h"

#define CACHE_DISK_BLOCK_BYTES 4096 /* files count in these */

/* What a file counts, that has so many bytes. */
uint64_t cache_disk_bytes(uint64_t file_bytes);

/* Writes the file, whole or not at all; the folder is made when it is not there. */
int cache_disk_write(const char *directory, const struct cache_id *id,
	const struct cache_entry *entry, uint64_t *ret_bytes);
/* -EBADMSG: it is damaged; -ENOENT: there is none. It counts as used. */
int cache_disk_read(
	const char *directory, const struct cache_id *id, struct cache_entry **ret_entry);
void cache_disk_remove(const char *directory, const struct cache_id *id);

struct cache_disk_file {
	struct cache_id id;
	uint64_t bytes; /* as it counts */
	uint64_t stored_wall_usec, used_wall_usec;
};

/*
 * The files of the folder, the one used longest ago first, for the caller to free; of more than CACHE_ENTRIES_MAX the rest goes.
 * What others left half written long ago goes, too. None is no error.
 */
int cache_disk_scan(const char *directory, struct cache_disk_file **ret_files, size_t *ret_n_files);

#endif
