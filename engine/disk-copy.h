/* SPDX-License-Identifier: MIT */
/*
 * Threads that copy files which clients handed over. Such a file may be on a file system that never answers, so
 * nothing else is done here, and one file system never gets all of the threads: its copies wait, others go on.
 */
#ifndef ENGINE_DISK_COPY_H
#define ENGINE_DISK_COPY_H

#include "engine/disk.h"

struct disk_copy;

int disk_copy_new(disk_answer_fn answer, void *user, struct disk_copy **ret_copy);
/*
 * Ends copies early and answers what waits with CANCELLED. A thread that is inside a file system that does not answer is left
 * there, and its job with it. NULL is fine.
 */
struct disk_copy *disk_copy_free(struct disk_copy *copy);
/* Takes a SNAPSHOT over. By one thread only. */
void disk_copy_post_take(struct disk_copy *copy, struct disk_job *job);

#endif
