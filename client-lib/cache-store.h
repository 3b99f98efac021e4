/* SPDX-License-Identifier: MIT */
/* A cache, for the files that it is made of. */
#ifndef CLIENT_LIB_CACHE_STORE_H
#define CLIENT_LIB_CACHE_STORE_H

#include <pthread.h>

#include "client-lib/cache-index.h"
#include "client-lib/fork.h"
#include "client-lib/queue.h"

/* Answers of the network that wait for their file: more get none. What is to be removed is not counted. */
#define CACHE_TODO_MAX       256
#define CACHE_TODO_MAX_BYTES (UINT64_C(8) << 20)

struct transfer_cache {
	struct ref ref;
	SLIST_ENTRY(transfer_cache) link; /* of a named one, under lock */
	char *app_id, *name; /* of a named one; constant */
	bool is_private; /* of an ephemeral session; constant */
	char *directory; /* NULL: no files; constant */
	LIST_ENTRY(transfer_cache) file_link; /* of one with files, under lock */

	/* ---- under the lock of the process ---- */
	struct cache_index index;
	unsigned int n_forks; /* when it was made, or seen in a child */
	bool has_files; /* false: no folder, or it is the parent's */
	bool is_scanned; /* the files of the folder are known */
	bool is_clearing; /* and those that are found next are to go */
	uint64_t n_bytes_written; /* since then */
	int file_result; /* of what was written last */
	bool is_posted; /* its work is in the queue */
	bool is_finished; /* the process ends, and it was its turn */

	/* ---- files ---- */
	pthread_mutex_t
		disk_lock; /* whoever has it does what is to be done, in order; never taken in a child */
	transfer_queue *queue; /* has a thread once something was written late */
	struct transfer_work work;
};

/* The lock of the process; what was dropped meanwhile is freed when it is released. In a child the files are forgotten. */
void cache_lock(transfer_cache *cache);
void cache_unlock(transfer_cache *cache);

/* ---- cache-work.c ---- */

/* 0 or -ENOMEM: it has files below directory. */
int cache_work_init(transfer_cache *cache, const char *directory);
void cache_work_done(transfer_cache *cache);
/* What is to be done is done soon, by the thread of the queue. Without a lock, but a client's. */
void cache_work_post(transfer_cache *cache);
/* Whether what is on the disk is not all known. With the lock held. */
static inline bool cache_has_unknown_files(const transfer_cache *cache)
{
	return cache->has_files && !cache->is_scanned;
}

/* What is to be done is done, and the folder was read; is_again: though it was before. Blocks on the disk. */
void cache_work_scan(transfer_cache *cache, bool is_again);

#endif
