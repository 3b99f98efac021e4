/* SPDX-License-Identifier: MIT */
/*
 * What a cache does on its disk. Everything that changes the folder is on one list (cache_index.todo) and is done in its order by
 * whoever has the disk's lock: the thread of the cache's queue, or a function that promises that it is done. So an older file
 * never takes the place of a newer one, and none comes back that was removed. Files are read without that lock.
 */
#include "client-lib/cache-store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "client-lib/cache-disk.h"

/* The folder is read again when so much of its capacity was written: others may write there, too. */
#define WORK_SCAN_PART 4
#define WORK_FINISH_US (CLOCK_US_PER_S / 2)

static LIST_HEAD(, transfer_cache) with_files = LIST_HEAD_INITIALIZER(with_files);

void cache_lock(transfer_cache *cache)
{
	fork_lock();
	if (cache->n_forks == fork_count())
		return;
	cache->n_forks = fork_count();
	cache->has_files = false;
	cache_index_forget_files(&cache->index);
}

void cache_unlock(transfer_cache *cache)
{
	struct cache_entry *garbage = cache_index_take_garbage(&cache->index);

	fork_unlock();
	cache_garbage_free(garbage);
}

/* With the disk's lock, too, nothing is freed: that may call the program, which may use the cache. */
static void unlock_only(void)
{
	fork_unlock();
}

static void unlock_disk(transfer_cache *cache)
{
	pthread_mutex_unlock(&cache->disk_lock);
	cache_lock(cache);
	cache_unlock(cache);
}

/* ---- reading the folder, with the disk's lock held ---- */

/* With the lock held. */
static void note_file(transfer_cache *cache, const struct cache_disk_file *file)
{
	struct cache_index *index = &cache->index;
	struct cache_node *node = cache_index_find(index, &file->id);
	bool is_new;

	if (node && (node->file_bytes || node->is_todo) &&
		file->stored_wall_usec <= node->stored_wall_usec) {
		node->is_seen = true;
		return;
	}
	if (node && file->stored_wall_usec > node->stored_wall_usec && !node->is_todo) {
		cache_index_set_file(index, node, 0); /* another process has written it anew */
		cache_index_remove(index, node);
		node = NULL;
	}
	is_new = !node;
	if (is_new)
		node = cache_index_add(index, &file->id);
	if (!node || node->is_todo)
		return;
	node->is_seen = true;
	cache_index_set_file(index, node, file->bytes);
	if (is_new)
		node->stored_wall_usec = file->stored_wall_usec;
	if (!is_new || cache->is_clearing)
		cache_index_give_file_up(index, node); /* what is in memory is newer */
}

/* Files that others have removed. With the lock held. */
static void forget_unseen(struct cache_index *index)
{
	struct cache_node *node, *next;

	for (node = TAILQ_FIRST(&index->in_files); node; node = next) {
		next = TAILQ_NEXT(node, file_link);
		if (node->is_seen) {
			node->is_seen = false;
			continue;
		}
		cache_index_set_file(index, node, 0);
		if (!node->entry)
			cache_index_remove(index, node);
	}
}

static void scan(transfer_cache *cache)
{
	cleanup_(cleanup_free) struct cache_disk_file *files = NULL;
	size_t n_files;

	/* a folder that cannot be read has none */
	(void)cache_disk_scan(cache->directory, &files, &n_files);
	cache_lock(cache);
	for (size_t i = 0; i < n_files; i++)
		note_file(cache, &files[i]);
	forget_unseen(&cache->index);
	cache_index_shrink_files(&cache->index);
	cache->is_scanned = true;
	cache->is_clearing = false;
	cache->n_bytes_written = 0;
	unlock_only();
}

/* ---- what is to be done, with the disk's lock held ---- */

/* With the lock held, and not when it returns. The node is busy: its entry stays. */
static void write_file(transfer_cache *cache, struct cache_node *node)
{
	const struct cache_id id = node->id;
	uint64_t bytes = 0;
	bool is_gone;
	int r;

	unlock_only();
	r = cache_disk_write(cache->directory, &id, node->entry, &bytes);
	cache_lock(cache);
	cache->n_bytes_written += r ? 0 : bytes;
	cache->file_result = r;
	is_gone = cache_index_done(&cache->index, node, r ? 0 : bytes);
	cache_index_shrink_files(&cache->index);
	unlock_only();
	if (is_gone)
		cache_disk_remove(cache->directory, &id);
}

/* A file that is to go, and was found by a scan before it went. With the lock held. */
static void forget_found(struct cache_index *index, const struct cache_id *id, bool is_url)
{
	struct cache_node *node, *next;

	for (node = cache_index_next(index, id, NULL); node; node = next) {
		next = cache_index_next(index, id, node);
		if (!node->file_bytes || node->entry)
			continue;
		if (is_url || node->id.vary == id->vary)
			cache_index_remove(index, node);
	}
}

/* With the lock held, and not when it returns. */
static void remove_file(transfer_cache *cache, struct cache_node *node)
{
	const struct cache_id id = node->id;
	bool is_url = node->is_url;

	free(node);
	if (is_url && !cache->is_scanned) {
		unlock_only();
		scan(cache);
		cache_lock(cache);
	}
	forget_found(&cache->index, &id, is_url);
	unlock_only();
	cache_disk_remove(cache->directory, &id);
}

/* False: there is nothing to be done. */
static bool do_first(transfer_cache *cache)
{
	struct cache_node *node;

	cache_lock(cache);
	node = cache->has_files ? cache_index_take_todo(&cache->index) : NULL;
	if (!node)
		unlock_only();
	else if (node->is_listed)
		write_file(cache, node);
	else
		remove_file(cache, node);
	return node;
}

static bool must_scan(transfer_cache *cache)
{
	bool must;

	cache_lock(cache);
	must = cache->has_files &&
		(!cache->is_scanned || cache->is_clearing ||
			cache->n_bytes_written > cache->index.file_max / WORK_SCAN_PART);
	unlock_only();
	return must;
}

static bool has_files(transfer_cache *cache)
{
	bool has;

	cache_lock(cache);
	has = cache->has_files;
	cache_unlock(cache);
	return has;
}

void cache_work_scan(transfer_cache *cache, bool is_again)
{
	if (!cache || !has_files(cache))
		return;
	pthread_mutex_lock(&cache->disk_lock);
	while (do_first(cache))
		;
	if (is_again || must_scan(cache))
		scan(cache);
	while (do_first(cache))
		;
	unlock_disk(cache);
}

void cache_flush(transfer_cache *cache)
{
	cache_work_scan(cache, false);
}

/* ---- later ---- */

static int run(struct transfer_work *work)
{
	transfer_cache *cache = (void *)((char *)work - offsetof(struct transfer_cache, work));

	cache_lock(cache);
	cache->is_posted = false;
	cache_unlock(cache);
	cache_flush(cache);
	transfer_cache_unref(cache);
	return 0;
}

void cache_work_post(transfer_cache *cache)
{
	bool must;

	cache_lock(cache);
	must = cache->has_files && !cache->is_posted &&
		(!TAILQ_EMPTY(&cache->index.todo) || cache->is_clearing);
	cache->is_posted = cache->is_posted || must;
	cache_unlock(cache);
	if (!must)
		return;
	transfer_cache_ref(cache);
	if (!queue_post(cache->queue, &cache->work))
		return;
	/* no thread to be had: with the next one */
	cache_lock(cache);
	cache->is_posted = false;
	cache_unlock(cache);
	transfer_cache_unref(cache);
}

int cache_work_init(transfer_cache *cache, const char *directory)
{
	cache->n_forks = fork_count();
	pthread_mutex_init(&cache->disk_lock, NULL);
	if (!directory || fork_status())
		return 0;
	cache->directory = strdup(directory);
	cache->queue = queue_new_serial_later();
	if (!cache->directory || !cache->queue)
		return -ENOMEM;
	cache->work.run = run;
	cache->has_files = true;
	cache->is_scanned = access(directory, F_OK) &&
		errno == ENOENT; /* no task need wait for it */
	fork_lock();
	LIST_INSERT_HEAD(&with_files, cache, file_link);
	fork_unlock();
	return 0;
}

void cache_work_done(transfer_cache *cache)
{
	if (cache->work.run) {
		fork_lock();
		LIST_REMOVE(cache, file_link);
		fork_unlock();
	}
	cache_index_forget_files(&cache->index);
	transfer_queue_unref(cache->queue);
	pthread_mutex_destroy(&cache->disk_lock);
	free(cache->directory);
}

/* ---- at the end of the process ---- */

/* A reference to one that has something to be done, each once; NULL: there is no other. */
static transfer_cache *take_unfinished(void)
{
	transfer_cache *cache;

	fork_lock();
	LIST_FOREACH (cache, &with_files, file_link) {
		if (cache->has_files && cache->n_forks == fork_count() && !cache->is_finished &&
			(!TAILQ_EMPTY(&cache->index.todo) || cache->is_clearing) &&
			ref_try(&cache->ref))
			break;
	}
	if (cache)
		cache->is_finished = true;
	fork_unlock();
	return cache;
}

/* What waits is written, unless that takes long: it may be lost. */
__attribute__((destructor)) static void finish(void)
{
	uint64_t until_us = clock_wall_us() + WORK_FINISH_US;
	struct timespec until = { .tv_sec = (time_t)(until_us / CLOCK_US_PER_S),
		.tv_nsec = (long)(until_us % CLOCK_US_PER_S) * 1000 };
	transfer_cache *cache;

	while ((cache = take_unfinished())) {
		if (!pthread_mutex_timedlock(&cache->disk_lock, &until)) {
			if (cache->is_clearing)
				scan(cache);
			while (clock_wall_us() < until_us && do_first(cache))
				;
			pthread_mutex_unlock(&cache->disk_lock);
		}
		transfer_cache_unref(cache);
	}
}
