/* SPDX-License-Identifier: MIT */
/*
 * Everything that may wait for a disk, away from the network loops. Jobs are mail: posted by any
 * thread, done here, handed to answer().
 *
 * Three threads ("lanes"): small syncs and publishing; checkpoints and syncs of big files; digests and
 * removals. So neither a big file nor a digest delays a small one. Copies of files that are not ours have threads of
 * their own (disk-copy.h). A lone small file is
 * synced at once by its own fdatasync; where several wait, one syncfs does for all that arrive
 * within 50 ms, and each file is then asked for its own write errors.
 * A failed sync is never tried again on the same bytes: the job fails, and what was not durable
 * before does not count.
 */
#ifndef ENGINE_DISK_H
#define ENGINE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <transfer/types.h>

#include "base/mailbox.h"
#include "engine/digest.h"
#include "engine/fault.h"

enum disk_job_type {
	DISK_CHECKPOINT, /* fd; path: its folder too, NULL: data only */
	DISK_SYNC, /* fd, path: the finished file: data and name durable, identity, digest */
	DISK_PUBLISH, /* path -> to_path, file_ino, may_overwrite; or fd, is_unnamed -> to_path */
	DISK_SNAPSHOT, /* fd -> to_path: copy, durable, identity of the copy */
	DISK_REMOVE, /* path; a missing file is fine */
	DISK_WRITE_OUT, /* see disk_start_writing() */
};

/*
 * Allocate with disk_job_new(); whoever holds it frees it with disk_job_free(). All strings and the
 * descriptor belong to it.
 */
struct disk_job {
	struct mail mail;
	enum disk_job_type type;
	uint64_t task;
	uint32_t attempt;
	void *user; /* the poster's; untouched */
	unsigned worker; /* the poster's: where the answer goes on to; untouched */

	int fd; /* owned, closed by disk_job_free(); -1: none */
	char *path, *to_path; /* absolute */
	/* CHECKPOINT: durable when the answer is a success; SYNC: the size the file must have */
	uint64_t offset_bytes;
	/* CHECKPOINT: belongs to offset_bytes; untouched */
	uint8_t digest_state[DIGEST_STATE_MAX_BYTES];
	size_t digest_state_bytes;
	char *digest_name; /* SYNC: hash the whole file here, by this algorithm; NULL: no */
	char digest_hex[DIGEST_HEX_BYTES]; /* SYNC: result, or filled by the poster from its sink */
	uint64_t file_ino; /* PUBLISH: what path must be; SYNC, SNAPSHOT: result */
	uint64_t file_size_bytes, file_mtime_ns; /* SYNC, SNAPSHOT: result */
	bool may_overwrite; /* PUBLISH */
	/* SYNC, PUBLISH: fd has no name; file_size_bytes and file_mtime_ns are what to_path must be to count as placed before */
	bool is_unnamed;
	uint64_t folder_ino; /* is_unnamed: the folder of path and to_path must be this one */
	bool is_lost; /* PUBLISH, result: there is no such file any more, under neither name */

	bool is_last; /* SYNC: no attempt is left, so it waits for no company */

	struct transfer_result result; /* code 0: done */
	bool is_disk_full;
	bool is_retryable;

	uint64_t device; /* SYNC: that of the file; 0: find out */
	bool is_folder_synced; /* inside disk*.c only, as the rest */
	int error_no;
};

struct disk;

/* Runs on a disk thread; takes over a list of jobs by mail.next, those done together (usually: posts them to a mailbox). */
typedef void (*disk_answer_fn)(struct disk_job *first, void *user);

/* Call before other threads start: it reads the umask that published files get. */
int disk_new(disk_answer_fn answer, void *user, struct disk **ret_disk);
/*
 * Ends copies and digests early (they answer CANCELLED), does the other waiting jobs, joins, frees.
 * NULL is fine. answer() runs until this returns.
 */
struct disk *disk_free(struct disk *disk);
/* By one thread: what is posted between the two wakes each lane once. */
void disk_hold(struct disk *disk);
void disk_release(struct disk *disk);
/* Takes the job over; every job but REMOVE is answered exactly once. SNAPSHOT: by one thread only. */
void disk_post_take(struct disk *disk, struct disk_job *job);
/* Those who post say how many attempts more, or fewer, they have than before. Returns how many all have. */
unsigned disk_count_attempts(struct disk *disk, int n_more);
/*
 * Has the kernel begin to write what is in the file, so that its next sync is short. Only a hint: nobody is told, and it is
 * dropped when too many wait.
 */
void disk_start_writing(struct disk *disk, int fd);

/* NULL: no memory. */
struct disk_job *disk_job_new(enum disk_job_type type, uint64_t task, uint32_t attempt);
/* 0 or -ENOMEM. NULL path stays NULL. */
int disk_job_set_paths(struct disk_job *job, const char *path, const char *to_path);
int disk_job_set_digest(struct disk_job *job, const char *digest_name);
struct disk_job *disk_job_free(struct disk_job *job);
/* Inside disk*.c: what an error of the operating system (r < 0) is, and what the result means for whoever asked. */
void disk_job_fail(struct disk_job *job, enum fault_file what, int r);
void disk_job_judge(struct disk_job *job);

#endif
