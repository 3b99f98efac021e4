/* SPDX-License-Identifier: MIT */
/* The file work of the disk threads: each call does one thing, waits as long as it takes. */
#ifndef ENGINE_DISK_FILE_H
#define ENGINE_DISK_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "engine/digest.h"

struct disk_job;
struct unnamed_folders;

enum {
	DISK_FILE_E_STOPPED = 1, /* is_stopping was seen */
	DISK_FILE_E_CHANGED, /* the source of a copy is not what it was when the copy began */
	DISK_FILE_E_NO_SOURCE, /* it cannot be read: job->error_no */
};

/* fdatasync. Never call it again after an error: the kernel forgets the bytes it lost. */
int disk_file_sync(int fd);
/*
 * The mark of a part file: a sync of it has begun and not ended well. Whoever finds it trusts nothing behind the bytes that
 * are known to be durable: the kernel tells of a lost write only once, and a process that died in the sync was told.
 */
void disk_file_mark(int fd, bool is_marked);
bool disk_file_is_marked(const struct stat *st);
/* False: its file system keeps no mark, so that a missing one says nothing. Of an unmarked file; leaves it so. */
bool disk_file_takes_mark(int fd);
/* disk_file_sync() inside the mark, which stays after an error. */
int disk_file_sync_marked(int fd);
/* Makes the name durable. The folder that was synced has the number ret_ino (NULL: not asked). */
int disk_file_sync_folder_of(const char *path, uint64_t *ret_ino);
bool disk_file_is_same_folder(const char *a, const char *b);
/* Hashes the whole file. 0, DISK_FILE_E_STOPPED or -errno (-ENOTSUP: no such algorithm). */
int disk_file_digest(
	int fd, const char *name, const atomic_bool *is_stopping, char ret_hex[DIGEST_HEX_BYTES]);
/*
 * Gives job->path its mode and the name job->to_path; the folder is not synced yet. 0 also when
 * to_path is already job->file_ino; -EEXIST: the name is taken; -ESTALE: path is another file; -EOPNOTSUPP: this file
 * system can give no name without risk to what has it. Where files have no modes it keeps the one that it has.
 * @folders are for files without a name.
 */
int disk_file_publish(struct disk_job *job, mode_t mode, struct unnamed_folders *folders);
/*
 * Copies job->fd to job->to_path, durable; fills the identity of the copy. Else there is no copy.
 */
int disk_file_snapshot(struct disk_job *job, const atomic_bool *is_stopping);

#endif
