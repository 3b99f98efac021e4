/* SPDX-License-Identifier: MIT */
/*
 * Three threads with a mailbox each. A job is posted to the lane where it delays nobody it should
 * not delay, done there, and answered from there.
 *
 * Small finished files are what there can be thousands of, and a flush of the disk costs the same
 * for one as for many. So the sync lane takes what has piled up while it was busy; if that is more
 * than one, it waits a moment for more, while there may be more, and lets one syncfs do for all. syncfs tells of write errors
 * of the file system, not of which file: so each file is asked afterwards with sync_file_range,
 * which waits for nothing then, and reports the errors of that file since it was opened.
 *
 * While many small files wait, their descriptors are closed and opened again by path: the number of
 * files that wait must not be bounded by the number of descriptors. The kernel keeps a write error
 * that nobody has seen for the next one who opens the file.
 */
#include "engine/disk.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/failpoint.h"
#include "base/io.h"
#include "base/thread.h"
#include "engine/disk-copy.h"
#include "engine/disk-file.h"
#include "engine/fault.h"
#include "engine/sink.h"
#include "engine/unnamed.h"

/* A file above this has its own fdatasync, away from the small ones. */
#define SMALL_BYTES          (UINT64_C(4) * 1024 * 1024)
#define WINDOW_US            (UINT64_C(50) * CLOCK_US_PER_MS)
/* When nobody has come for so long, nobody is coming: perhaps all wait for us. */
#define GAP_MS               4
/* So many waiting need no company. */
#define BATCH_FULL           256
#define FILE_SYSTEMS_MAX     8
/* From so many on, one syncfs is cheaper than their own syncs. */
#define SYNCFS_MIN           3
#define HELD_FDS_MAX         1024
#define HINTS_MAX            16
/* at most 10 s for what is published together */
#define DESCRIPTOR_WAIT_NS   20000000
#define DESCRIPTOR_WAITS_MAX 500

enum lane_kind { LANE_SYNC, LANE_BIG, LANE_BULK, LANE_COUNT };

struct lane {
	struct disk *disk;
	enum lane_kind kind;
	struct mailbox *box;
	struct thread *thread;
	struct mail stop; /* posted once, by disk_free() */
};

struct disk {
	disk_answer_fn answer;
	void *user;
	mode_t publish_mode;
	int spare_fd; /* of the sync lane */
	unsigned held_fds_max;
	atomic_uint held_fds; /* descriptors of waiting small files */
	atomic_uint attempts; /* under way */
	atomic_uint hints; /* DISK_WRITE_OUT that wait */
	atomic_bool is_stopping;
	struct disk_copy *copy;
	struct lane lanes[LANE_COUNT];
};

/* Jobs taken together, in order of arrival. */
struct batch {
	struct mail *first, **last_next;
	size_t n_jobs, n_syncs;
	bool is_last; /* the lane ends */
	bool is_whole; /* nobody else comes */
};

struct disk_job *disk_job_new(enum disk_job_type type, uint64_t task, uint32_t attempt)
{
	struct disk_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->type = type;
	job->task = task;
	job->attempt = attempt;
	job->fd = -1;
	return job;
}

static int set_text(char **text, const char *value)
{
	char *copy = value ? strdup(value) : NULL;

	if (value && !copy)
		return err_raise(-ENOMEM);
	free(*text);
	*text = copy;
	return 0;
}

int disk_job_set_paths(struct disk_job *job, const char *path, const char *to_path)
{
	int r = set_text(&job->path, path);

	return r ? r : set_text(&job->to_path, to_path);
}

int disk_job_set_digest(struct disk_job *job, const char *digest_name)
{
	return set_text(&job->digest_name, digest_name);
}

struct disk_job *disk_job_free(struct disk_job *job)
{
	if (!job)
		return NULL;
	if (job->fd >= 0)
		close(job->fd);
	free(job->path);
	free(job->to_path);
	free(job->digest_name);
	free(job);
	return NULL;
}

void disk_job_fail(struct disk_job *job, enum fault_file what, int r)
{
	if (r < 0 && !job->result.code)
		fault_from_file(what, r, &job->result);
}

void disk_job_judge(struct disk_job *job)
{
	job->is_disk_full = fault_is_disk_full(&job->result);
	job->is_retryable = fault_is_retryable(&job->result);
}

static bool is_held(const struct disk_job *job)
{
	return job->type == DISK_SYNC && job->fd >= 0 && job->path;
}

static enum lane_kind lane_of(const struct disk_job *job)
{
	switch (job->type) {
	case DISK_PUBLISH:
		return LANE_SYNC;
	case DISK_SYNC:
		if (job->digest_name)
			return LANE_BULK;
		return job->offset_bytes > SMALL_BYTES ? LANE_BIG : LANE_SYNC;
	case DISK_CHECKPOINT:
	case DISK_WRITE_OUT:
		return LANE_BIG;
	case DISK_SNAPSHOT:
	case DISK_REMOVE:
		return LANE_BULK;
	}
	assert(false);
	return LANE_BULK;
}

void disk_post_take(struct disk *disk, struct disk_job *job)
{
	enum lane_kind kind = lane_of(job);
	bool is_last;

	if (job->type == DISK_SNAPSHOT) {
		disk_copy_post_take(disk->copy, job);
		return;
	}
	if (kind == LANE_SYNC && is_held(job) &&
		atomic_fetch_add(&disk->held_fds, 1) >= disk->held_fds_max) {
		atomic_fetch_sub(&disk->held_fds, 1);
		close(take_fd(&job->fd));
	}
	is_last = job->is_last; /* it is the lane's from here on */
	mailbox_post_take(disk->lanes[kind].box, &job->mail);
	if (is_last)
		mailbox_press(disk->lanes[kind].box);
}

void disk_hold(struct disk *disk)
{
	for (int i = 0; i < LANE_COUNT; i++)
		mailbox_hold(disk->lanes[i].box);
}

void disk_release(struct disk *disk)
{
	for (int i = 0; i < LANE_COUNT; i++)
		mailbox_release(disk->lanes[i].box);
}

unsigned disk_count_attempts(struct disk *disk, int n_more)
{
	return atomic_fetch_add(&disk->attempts, (unsigned)n_more) + (unsigned)n_more;
}

void disk_start_writing(struct disk *disk, int fd)
{
	struct disk_job *job = disk_job_new(DISK_WRITE_OUT, 0, 0);

	if (job)
		job->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (!job || job->fd < 0 || atomic_load(&disk->hints) >= HINTS_MAX) {
		disk_job_free(job);
		return;
	}
	atomic_fetch_add(&disk->hints, 1);
	disk_post_take(disk, job);
}

static struct disk_job *next_of(struct disk_job *job)
{
	return (struct disk_job *)job->mail.next;
}

static void answer_all(struct disk *disk, struct disk_job *first)
{
	for (struct disk_job *job = first; job; job = next_of(job)) {
		if (lane_of(job) == LANE_SYNC && is_held(job)) {
			atomic_fetch_sub(&disk->held_fds, 1);
			close(take_fd(&job->fd));
		}
		disk_job_judge(job);
	}
	disk->answer(first, disk->user);
}

/* Adds what waits in the box; the stop mail ends the batch and the lane. */
static void gather(struct lane *lane, struct batch *batch)
{
	struct mail *mail = mailbox_take_all(lane->box);

	while (mail) {
		struct mail *next = mail->next;

		if (mail == &lane->stop) {
			batch->is_last = true;
		} else {
			mail->next = NULL;
			*batch->last_next = mail;
			batch->last_next = &mail->next;
			batch->n_jobs++;
			batch->n_syncs += ((struct disk_job *)mail)->type == DISK_SYNC;
			batch->is_whole |= ((struct disk_job *)mail)->is_last;
		}
		mail = next;
	}
}

/* Asleep meanwhile: to be woken by each of a crowd costs those that post, too. Only the last of all wakes. */
static bool more_comes(struct lane *lane, struct batch *batch)
{
	size_t n_before = batch->n_jobs;

	if (mailbox_doze(lane->box))
		mailbox_wait(lane->box, GAP_MS);
	gather(lane, batch);
	return batch->n_jobs > n_before;
}

/* One job is taken alone and at once; several wait for the rest of the crowd. */
static void take_batch(struct lane *lane, struct batch *batch)
{
	uint64_t until_us;

	*batch = (struct batch){ .last_next = &batch->first };
	while (!batch->n_jobs && !batch->is_last) {
		mailbox_wait(lane->box, -1);
		gather(lane, batch);
	}
	if (lane->kind != LANE_SYNC || batch->n_syncs < SYNCFS_MIN)
		return;
	until_us = clock_now_us() + WINDOW_US;
	while (!batch->is_last && !batch->is_whole && batch->n_syncs < BATCH_FULL &&
		clock_now_us() < until_us && more_comes(lane, batch))
		;
}

/* The descriptor that was closed while the job waited. */
static int open_again(struct disk_job *job)
{
	if (job->fd >= 0)
		return 0;
	if (!job->path)
		return -EBADF;
	job->fd = open(job->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return job->fd < 0 ? -errno : 0;
}

static void close_again(struct disk_job *job, bool was_closed)
{
	if (was_closed && job->fd >= 0)
		close(take_fd(&job->fd));
}

/* What a finished file is; it must be there, and its size what was received. */
static void identify(struct disk_job *job)
{
	struct stat st;

	if (fstat(job->fd, &st)) {
		disk_job_fail(job, FAULT_FILE_WRITE, -errno);
		return;
	}
	if ((!st.st_nlink && !job->is_unnamed) || (uint64_t)st.st_size != job->offset_bytes) {
		disk_job_fail(job, FAULT_FILE_WRITE, -ESTALE);
		return;
	}
	job->file_ino = st.st_ino;
	job->file_size_bytes = (uint64_t)st.st_size;
	job->file_mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000 +
		(uint64_t)st.st_mtim.tv_nsec;
}

/*
 * Small finished files go without the mark, for speed: the sink never keeps what a dead process left of them unsynced.
 */
static bool needs_mark(const struct disk_job *job)
{
	return job->type == DISK_CHECKPOINT || job->offset_bytes > SINK_GATHER_BYTES;
}

/* Data, then the name. */
static void sync_alone(struct disk *disk, struct disk_job *job)
{
	bool was_closed = job->fd < 0;
	int r = open_again(job);

	if (!r)
		r = FAILPOINT("disk.sync.before");
	if (!r)
		r = needs_mark(job) ? disk_file_sync_marked(job->fd) : disk_file_sync(job->fd);
	if (!r && job->path)
		r = disk_file_sync_folder_of(job->path, NULL);
	if (!r)
		r = FAILPOINT("disk.sync.after");
	disk_job_fail(job, FAULT_FILE_WRITE, r);
	if (!r && job->type == DISK_SYNC)
		identify(job);
	if (!r && !job->result.code && job->digest_name) {
		r = disk_file_digest(
			job->fd, job->digest_name, &disk->is_stopping, job->digest_hex);
		if (r == DISK_FILE_E_STOPPED)
			fault_set(&job->result, TRANSFER_ERROR_CANCELLED, "stopping");
		else
			disk_job_fail(job, FAULT_FILE_OPEN, r);
	}
	close_again(job, was_closed);
}

/* After a syncfs: did this file lose a write? */
static void check_synced(struct disk_job *job)
{
	bool was_closed = job->fd < 0;
	int r = open_again(job);

	if (!r && needs_mark(job))
		disk_file_mark(job->fd, true);
	if (!r &&
		sync_file_range(job->fd, 0, 0,
			SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
				SYNC_FILE_RANGE_WAIT_AFTER))
		r = errno == ESPIPE || errno == ENOSYS ? disk_file_sync(job->fd) : -errno;
	disk_job_fail(job, FAULT_FILE_WRITE, r);
	if (!r && needs_mark(job))
		disk_file_mark(job->fd, false);
	if (!r)
		identify(job);
	close_again(job, was_closed);
}

/* Starts nothing new when the file system of the job was synced by this call already. */
static int sync_file_system_of(struct disk_job *job, uint64_t *synced, size_t *n_synced)
{
	bool was_closed = job->fd < 0;
	struct stat st = { .st_dev = job->device };
	int r = open_again(job);

	if (!r && !job->device && fstat(job->fd, &st))
		r = -errno;
	for (size_t i = 0; !r && i < *n_synced; i++) {
		if (synced[i] == st.st_dev)
			goto out;
	}
	if (!r && *n_synced == FILE_SYSTEMS_MAX)
		r = -E2BIG;
	if (!r && syncfs(job->fd))
		r = -errno;
	if (!r)
		synced[(*n_synced)++] = st.st_dev;
out:
	close_again(job, was_closed);
	return r;
}

/* One syncfs for each file system in the list; false: do it file by file. */
static bool sync_file_systems(struct disk_job *first)
{
	const struct disk_job *last = NULL;
	uint64_t synced[FILE_SYSTEMS_MAX];
	size_t n_synced = 0;

	if (FAILPOINT("disk.sync.before"))
		return false;
	for (struct disk_job *job = first; job; job = next_of(job)) {
		/* neighbours are usually in one folder: then there is nothing to ask */
		if (last && job->path && last->path &&
			disk_file_is_same_folder(job->path, last->path))
			continue;
		if (sync_file_system_of(job, synced, &n_synced))
			return false;
		last = job;
	}
	return !FAILPOINT("disk.sync.after");
}

/* Finished files that wait together. */
static void sync_together(struct disk *disk, struct disk_job *first, size_t n_jobs)
{
	bool is_synced = n_jobs >= SYNCFS_MIN && sync_file_systems(first);

	for (struct disk_job *job = first; job; job = next_of(job)) {
		if (is_synced)
			check_synced(job);
		else
			sync_alone(disk, job);
	}
	answer_all(disk, first);
}

/* Takes what is to be synced, or all the rest, out of the batch. */
static struct disk_job *take_jobs(struct batch *batch, bool is_sync)
{
	struct mail *taken = NULL, **last_taken = &taken, *mail = batch->first, *next;

	batch->first = NULL;
	batch->last_next = &batch->first;
	for (; mail; mail = next) {
		struct mail ***last = (((struct disk_job *)mail)->type == DISK_SYNC) == is_sync
			? &last_taken
			: &batch->last_next;

		next = mail->next;
		mail->next = NULL;
		**last = mail;
		*last = &mail->next;
	}
	return (struct disk_job *)taken;
}

static void sync_batch(struct disk *disk, struct batch *batch)
{
	size_t n_syncs = batch->n_syncs;
	struct disk_job *first = take_jobs(batch, true);

	batch->n_syncs = 0;
	if (first)
		sync_together(disk, first, n_syncs);
}

/* What is put in place together. */
struct publishing {
	struct lane *lane;
	struct batch *batch;
	struct unnamed_folders folders;
	unsigned n_waits;
};

/*
 * A whole file is not given up for want of a descriptor: first goes the spare one, then those of files that wait to be
 * synced behind this, and others come back as transfers end.
 */
static bool finds_descriptor(struct publishing *p, int r)
{
	const struct timespec pause = { .tv_nsec = DESCRIPTOR_WAIT_NS };
	struct disk *disk = p->lane->disk;

	if ((r != -EMFILE && r != -ENFILE) || p->n_waits >= DESCRIPTOR_WAITS_MAX ||
		atomic_load(&disk->is_stopping))
		return false;
	unnamed_forget_folders(&p->folders);
	if (disk->spare_fd >= 0) {
		close(take_fd(&disk->spare_fd));
		return true;
	}
	gather(p->lane, p->batch);
	if (p->batch->n_syncs) {
		sync_batch(disk, p->batch);
		return true;
	}
	p->n_waits++;
	nanosleep(&pause, NULL);
	return true;
}

static void open_spare(struct disk *disk)
{
	if (disk->spare_fd < 0)
		disk->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int publish_one(struct publishing *p, struct disk_job *job)
{
	int r;

	do
		r = disk_file_publish(job, p->lane->disk->publish_mode, &p->folders);
	while (finds_descriptor(p, r));
	open_spare(p->lane->disk);
	return r;
}

/* The folder of this file, which is that of others behind it, too. */
static void sync_folder(struct publishing *p, struct disk_job *job)
{
	uint64_t ino = 0;
	int r;

	do
		r = disk_file_sync_folder_of(job->to_path, &ino);
	while (finds_descriptor(p, r));
	open_spare(p->lane->disk);
	for (struct disk_job *other = job; other; other = next_of(other)) {
		if (other->result.code || !disk_file_is_same_folder(job->to_path, other->to_path))
			continue;
		other->is_folder_synced = true;
		/* another has its name since: what was synced is not where the file is */
		if (!r && other->is_unnamed && other->folder_ino != ino)
			disk_job_fail(other, FAULT_FILE_MOVE, -ESTALE);
		else if (other != job)
			disk_job_fail(other, FAULT_FILE_MOVE, r);
	}
	disk_job_fail(job, FAULT_FILE_MOVE, r ? r : FAILPOINT("disk.publish.after"));
}

/* All renames, then one sync for each folder, then the answers. */
static void publish_together(struct lane *lane, struct batch *batch, struct disk_job *first)
{
	struct publishing p = { .lane = lane, .batch = batch };

	for (struct disk_job *job = first; job; job = next_of(job)) {
		int r = FAILPOINT("disk.publish.before");

		if (!r)
			r = publish_one(&p, job);
		if (!r)
			r = FAILPOINT("disk.publish.renamed");
		disk_job_fail(job, FAULT_FILE_MOVE, r);
	}
	unnamed_forget_folders(&p.folders);
	for (struct disk_job *job = first; job; job = next_of(job)) {
		if (!job->result.code && !job->is_folder_synced)
			sync_folder(&p, job);
	}
	answer_all(lane->disk, first);
}

/* Publishing, then syncs; either keeps its order. What publishing has gathered meanwhile is next. */
static void do_sync_lane(struct lane *lane, struct batch *batch)
{
	while (batch->first) {
		struct disk_job *publishes = take_jobs(batch, false);

		if (publishes)
			publish_together(lane, batch, publishes);
		sync_batch(lane->disk, batch);
	}
}

static void do_one(struct disk *disk, struct disk_job *job)
{
	job->mail.next = NULL;
	switch (job->type) {
	case DISK_CHECKPOINT:
	case DISK_SYNC:
		sync_alone(disk, job);
		answer_all(disk, job);
		return;
	case DISK_REMOVE:
		if (!FAILPOINT("disk.remove.before"))
			(void)unlink(job->path);
		break;
	case DISK_WRITE_OUT:
		/* this takes no error from the kernel: the sync will be told */
		(void)sync_file_range(job->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
		atomic_fetch_sub(&disk->hints, 1);
		break;
	case DISK_PUBLISH:
	case DISK_SNAPSHOT:
		assert(false);
		break;
	}
	disk_job_free(job);
}

static void run_lane(void *user)
{
	struct lane *lane = user;
	struct batch batch;

	do {
		take_batch(lane, &batch);
		if (lane->kind == LANE_SYNC) {
			do_sync_lane(lane, &batch);
			continue;
		}
		for (struct mail *mail = batch.first, *next; mail; mail = next) {
			next = mail->next;
			do_one(lane->disk, (struct disk_job *)mail);
		}
	} while (!batch.is_last);
}

static unsigned choose_held_fds_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur / 4 >= HELD_FDS_MAX)
		return HELD_FDS_MAX;
	return (unsigned)(limit.rlim_cur / 4);
}

static void disk_freep(struct disk **disk)
{
	disk_free(*disk);
}

int disk_new(disk_answer_fn answer_fn, void *user, struct disk **ret_disk)
{
	static const char *const names[] = { "disk-sync", "disk-big", "disk-bulk" };
	cleanup_(disk_freep) struct disk *disk = NULL;
	mode_t mask = umask(077);
	int r;

	umask(mask);
	disk = calloc(1, sizeof(*disk));
	if (!disk)
		return err_raise(-ENOMEM);
	disk->spare_fd = -1;
	open_spare(disk);
	disk->answer = answer_fn;
	disk->user = user;
	disk->publish_mode = 0666 & ~mask;
	disk->held_fds_max = choose_held_fds_max();
	r = disk_copy_new(answer_fn, user, &disk->copy);
	for (int i = 0; i < LANE_COUNT && !r; i++) {
		struct lane *lane = &disk->lanes[i];

		lane->disk = disk;
		lane->kind = (enum lane_kind)i;
		r = mailbox_new(&lane->box);
		if (!r)
			r = thread_start(names[i], run_lane, lane, &lane->thread);
	}
	if (r)
		return r;
	*ret_disk = take_ptr(disk);
	return 0;
}

struct disk *disk_free(struct disk *disk)
{
	if (!disk)
		return NULL;
	atomic_store(&disk->is_stopping, true);
	disk_copy_free(disk->copy);
	for (int i = 0; i < LANE_COUNT; i++) {
		if (disk->lanes[i].thread)
			mailbox_post_take(disk->lanes[i].box, &disk->lanes[i].stop);
	}
	for (int i = 0; i < LANE_COUNT; i++) {
		thread_join(disk->lanes[i].thread);
		mailbox_free(disk->lanes[i].box);
	}
	if (disk->spare_fd >= 0)
		close(disk->spare_fd);
	free(disk);
	return NULL;
}
