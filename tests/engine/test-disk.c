/* SPDX-License-Identifier: MIT */
#include "engine/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <transfer/error.h>

#include "base/clock.h"
#include "engine/sink.h"
#include "engine/unnamed.h"
#include "tests/lib/origin.h"
#include "tests/lib/refuse.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

#define DEADLINE_MS 10000

/* A disk whose answers come to one mailbox. */
struct bed {
	struct disk *disk;
	struct mailbox *box;
	struct mail *waiting;
};

static void on_answer(struct disk_job *first, void *user)
{
	struct bed *bed = user;

	mailbox_post_list_take(bed->box, &first->mail);
}

static struct bed *bed_new(void)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	ck_assert_ptr_nonnull(tmpdir_new());
	ck_assert_int_eq(mailbox_new(&bed->box), 0);
	ck_assert_int_eq(disk_new(on_answer, bed, &bed->disk), 0);
	return bed;
}

/* The next answer; NULL: none came in time. */
static struct disk_job *bed_take(struct bed *bed)
{
	struct pollfd pollfd = { .fd = mailbox_fd(bed->box), .events = POLLIN };
	struct disk_job *job;

	if (!bed->waiting && poll(&pollfd, 1, DEADLINE_MS) == 1)
		bed->waiting = mailbox_take_all(bed->box);
	job = (struct disk_job *)bed->waiting;
	if (job)
		bed->waiting = job->mail.next;
	return job;
}

static void bed_free(struct bed *bed)
{
	disk_free(bed->disk);
	if (!bed->waiting)
		bed->waiting = mailbox_take_all(bed->box);
	while (bed->waiting)
		disk_job_free(bed_take(bed));
	mailbox_free(bed->box);
	free(bed);
}

static struct disk_job *job_for(enum disk_job_type type, const char *path, const char *to_path)
{
	struct disk_job *job = disk_job_new(type, 7, 3);

	ck_assert_ptr_nonnull(job);
	ck_assert_int_eq(disk_job_set_paths(job, path, to_path), 0);
	return job;
}

static int open_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static char *make_file(const char *name, const char *text)
{
	char *path = tmpdir_path("%s", name);

	ck_assert_int_eq(tmpdir_write(path, text), 0);
	return path;
}

static uint64_t ino_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) ? 0 : st.st_ino;
}

/* Posts, waits, and returns the answer. */
static struct disk_job *do_job(struct bed *bed, struct disk_job *job)
{
	disk_post_take(bed->disk, job);
	job = bed_take(bed);
	ck_assert_ptr_nonnull(job);
	ck_assert_uint_eq(job->task, 7);
	ck_assert_uint_eq(job->attempt, 3);
	return job;
}

START_TEST(syncs_and_identifies)
{
	struct bed *bed = bed_new();
	char *path = make_file("part", "abc");
	struct disk_job *job = job_for(DISK_SYNC, path, NULL);

	job->fd = open_file(path);
	job->offset_bytes = 3;
	if (_i)
		ck_assert_int_eq(disk_job_set_digest(job, "md5"), 0);
	job = do_job(bed, job);
	ck_assert_int_eq(job->result.code, 0);
	ck_assert_uint_eq(job->file_ino, ino_of(path));
	ck_assert_uint_eq(job->file_size_bytes, 3);
	ck_assert_uint_gt(job->file_mtime_ns, 0);
	ck_assert_str_eq(job->digest_hex, _i ? "900150983cd24fb0d6963f7d28e17f72" : "");
	disk_job_free(job);
	bed_free(bed);
	free(path);
}
END_TEST

START_TEST(notices_a_wrong_size)
{
	struct bed *bed = bed_new();
	char *path = make_file("part", "abc");
	struct disk_job *job = job_for(DISK_SYNC, path, NULL);

	job->fd = open_file(path);
	job->offset_bytes = 4;
	job = do_job(bed, job);
	ck_assert_int_eq(job->result.code, TRANSFER_ERROR_CANNOT_WRITE_TO_FILE);
	disk_job_free(job);
	bed_free(bed);
	free(path);
}
END_TEST

/* Many at once, more than there are descriptors for: each is answered once, the missing one fails. */
START_TEST(syncs_many_together)
{
	enum { N = 200 };
	const struct rlimit limit = { 64, 64 };
	bool is_answered[N] = { false };
	struct bed *bed;
	size_t n_failed = 0;
	char *gone;

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	bed = bed_new();
	gone = make_file("gone", "x");
	for (int i = 0; i < N; i++) {
		char *path = tmpdir_path("%d", i);
		struct disk_job *job = job_for(DISK_SYNC, i == 150 ? gone : path, NULL);

		ck_assert_int_eq(tmpdir_write(path, "0123456789"), 0);
		job->task = (uint64_t)i;
		job->offset_bytes = 10;
		if (i != 150)
			job->fd = open_file(path);
		else
			ck_assert_int_eq(unlink(gone), 0);
		disk_post_take(bed->disk, job);
		free(path);
	}
	for (int i = 0; i < N; i++) {
		struct disk_job *job = bed_take(bed);

		ck_assert_ptr_nonnull(job);
		ck_assert(!is_answered[job->task]);
		is_answered[job->task] = true;
		ck_assert_int_eq(job->result.code != 0, job->task == 150);
		ck_assert_uint_eq(job->file_size_bytes, job->task == 150 ? 0 : 10);
		n_failed += job->result.code != 0;
		disk_job_free(job);
	}
	ck_assert_uint_eq(n_failed, 1);
	bed_free(bed);
	free(gone);
}
END_TEST

/* Does not wait for company. */
START_TEST(syncs_a_lone_file_at_once)
{
	struct bed *bed = bed_new();
	char *path = make_file("part", "abc");
	uint64_t fastest_us = UINT64_MAX;

	for (int i = 0; i < 10; i++) {
		struct disk_job *job = job_for(DISK_SYNC, path, NULL);
		uint64_t start_us = clock_now_us(), took_us;

		job->fd = open_file(path);
		job->offset_bytes = 3;
		disk_job_free(do_job(bed, job));
		took_us = clock_now_us() - start_us;
		fastest_us = took_us < fastest_us ? took_us : fastest_us;
	}
	ck_assert_uint_lt(fastest_us, 45000);
	bed_free(bed);
	free(path);
}
END_TEST

/* For a moment; false: it has answered. */
static bool let_it_wait(struct bed *bed)
{
	struct pollfd pollfd = { .fd = mailbox_fd(bed->box), .events = POLLIN };

	return poll(&pollfd, 1, 1) == 0;
}

static void post_unnamed(struct bed *bed, bool is_last)
{
	struct disk_job *job = job_for(DISK_SYNC, NULL, NULL);

	/* a disk may take long */
	job->fd = memfd_create("part", MFD_CLOEXEC);
	job->is_unnamed = true;
	job->is_last = is_last;
	disk_post_take(bed->disk, job);
}

/* Nor does a crowd of which one is said to be the last; also when it has begun to wait. */
START_TEST(syncs_the_last_crowd_at_once)
{
	enum { N = 5 };
	struct bed *bed = bed_new();
	uint64_t fastest_us = UINT64_MAX;

	for (int i = 0; i < 50; i++) {
		uint64_t start_us = clock_now_us(), took_us;

		disk_hold(bed->disk);
		for (int k = 0; k < N - 1; k++)
			post_unnamed(bed, false);
		if (_i) {
			disk_release(bed->disk);
			(void)let_it_wait(bed);
		}
		post_unnamed(bed, true);
		if (!_i)
			disk_release(bed->disk);
		for (int k = 0; k < N; k++) {
			struct disk_job *job = bed_take(bed);

			ck_assert_ptr_nonnull(job);
			ck_assert_int_eq(job->result.code, 0);
			disk_job_free(job);
		}
		took_us = clock_now_us() - start_us;
		fastest_us = took_us < fastest_us ? took_us : fastest_us;
	}
	/* less than what company is waited for */
	ck_assert_uint_lt(fastest_us, 3000);
	bed_free(bed);
}
END_TEST

/* How often the thread of the sync lane has slept. */
static unsigned long count_sleeps(void)
{
	unsigned long n = 0;
	struct dirent *e;
	DIR *tasks = opendir("/proc/self/task");

	ck_assert_ptr_nonnull(tasks);
	while ((e = readdir(tasks))) {
		char path[300], line[256];
		bool is_lane = false;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/status", e->d_name);
		f = fopen(path, "re");
		while (f && fgets(line, sizeof(line), f)) {
			is_lane = is_lane || !strcmp(line, "Name:\tdisk-sync\n");
			if (is_lane)
				(void)sscanf(line, "voluntary_ctxt_switches: %lu", &n);
		}
		if (f)
			fclose(f);
	}
	closedir(tasks);
	return n;
}

/* A crowd that comes one by one wakes it now and then, not each time. */
START_TEST(sleeps_while_a_crowd_comes)
{
	enum { N_FIRST = 4, N = 40, FEW = 16 };
	struct bed *bed = bed_new();
	unsigned long fewest = ULONG_MAX;

	for (int round = 0; round < 40 && fewest >= FEW; round++) {
		unsigned long n = count_sleeps();
		bool is_one_crowd = true;

		disk_hold(bed->disk);
		for (int i = 0; i < N_FIRST; i++)
			post_unnamed(bed, false);
		disk_release(bed->disk);
		for (int i = N_FIRST; i < N; i++) {
			is_one_crowd = let_it_wait(bed) && is_one_crowd;
			post_unnamed(bed, false);
		}
		for (int i = 0; i < N; i++)
			disk_job_free(bed_take(bed));
		n = count_sleeps() - n;
		fewest = is_one_crowd && n < fewest ? n : fewest;
	}
	ck_assert_uint_gt(fewest, 0);
	ck_assert_uint_lt(fewest, FEW);
	bed_free(bed);
}
END_TEST

START_TEST(makes_a_checkpoint)
{
	struct bed *bed = bed_new();
	char *path = make_file("part", "abc");
	struct disk_job *job = job_for(DISK_CHECKPOINT, _i ? path : NULL, NULL);

	job->fd = open_file(path);
	job->offset_bytes = 2;
	job->worker = 5;
	job->user = bed;
	job = do_job(bed, job);
	ck_assert_int_eq(job->type, DISK_CHECKPOINT);
	ck_assert_int_eq(job->result.code, 0);
	ck_assert_uint_eq(job->offset_bytes, 2);
	ck_assert_uint_eq(job->worker, 5);
	ck_assert_ptr_eq(job->user, bed);
	disk_job_free(job);
	bed_free(bed);
	free(path);
}
END_TEST

/* What is at the destination before, and what comes of it. */
enum taken {
	FREE,
	TAKEN,
	TAKEN_OVERWRITE,
	DONE_BEFORE,
	LINKED_BEFORE,
	IS_FOLDER,
	IS_SOCKET,
	NO_PART,
	OTHER_PART
};

static const struct {
	enum taken taken;
	int32_t code;
	int os_errno;
	const char *content;
} publishes[] = {
	{ FREE, 0, 0, "new" },
	{ TAKEN, TRANSFER_ERROR_CANNOT_MOVE_FILE, EEXIST, "old" },
	{ TAKEN_OVERWRITE, 0, 0, "new" },
	{ DONE_BEFORE, 0, 0, "new" },
	{ LINKED_BEFORE, 0, 0, "new" },
	{ IS_FOLDER, TRANSFER_ERROR_CANNOT_MOVE_FILE, EISDIR, "" },
	{ IS_SOCKET, TRANSFER_ERROR_CANNOT_MOVE_FILE, EEXIST, NULL },
	{ NO_PART, TRANSFER_ERROR_CANNOT_MOVE_FILE, ENOENT, "old" },
	{ OTHER_PART, TRANSFER_ERROR_CANNOT_MOVE_FILE, ESTALE, NULL },
};

static void prepare(enum taken taken, const char *part, const char *destination)
{
	switch (taken) {
	case FREE:
	case OTHER_PART:
		break;
	case TAKEN:
	case TAKEN_OVERWRITE:
		ck_assert_int_eq(tmpdir_write(destination, "old"), 0);
		break;
	case DONE_BEFORE:
		ck_assert_int_eq(rename(part, destination), 0);
		break;
	case LINKED_BEFORE:
		ck_assert_int_eq(link(part, destination), 0);
		break;
	case IS_FOLDER:
		ck_assert_int_eq(mkdir(destination, 0700), 0);
		break;
	case IS_SOCKET:
		ck_assert_int_eq(mknod(destination, S_IFSOCK | 0600, 0), 0);
		break;
	case NO_PART:
		ck_assert_int_eq(tmpdir_write(destination, "old"), 0);
		ck_assert_int_eq(unlink(part), 0);
		break;
	}
}

static void publish(size_t row, unsigned lacks)
{
	enum taken taken = publishes[row].taken;
	struct bed *bed;
	struct disk_job *job;
	char *part, *destination, *content;
	struct stat st;

	umask(027);
	bed = bed_new();
	part = make_file(".part", "new");
	destination = tmpdir_path("destination");
	ck_assert_int_eq(chmod(part, 0600), 0);
	job = job_for(DISK_PUBLISH, part, destination);
	job->file_ino = ino_of(part) + (taken == OTHER_PART);
	job->may_overwrite = taken == TAKEN_OVERWRITE || taken == IS_FOLDER || taken == IS_SOCKET;
	prepare(taken, part, destination);
	ck_assert_int_eq(refuse(lacks), 0);
	job = do_job(bed, job);
	ck_assert_int_eq(job->result.code, publishes[row].code);
	ck_assert_int_eq(job->result.os_errno, publishes[row].os_errno);
	ck_assert_int_eq(job->is_disk_full, false);
	content = tmpdir_read(destination);
	ck_assert_pstr_eq(content, publishes[row].content);
	if (!job->result.code && taken != DONE_BEFORE) {
		ck_assert_int_eq(stat(destination, &st), 0);
		ck_assert_uint_eq(st.st_mode & 0777, lacks & REFUSE_MODES ? 0600 : 0640);
		ck_assert_uint_eq(st.st_nlink, 1);
	}
	ck_assert_int_eq(ino_of(part) != 0, job->result.code && taken != NO_PART);
	disk_job_free(job);
	free(content);
	free(part);
	free(destination);
	bed_free(bed);
}

START_TEST(publishes_once)
{
	publish((size_t)_i, 0);
}
END_TEST

#define LACKS 3

/* FUSE, network mounts, exFAT. */
START_TEST(publishes_on_poor_file_systems)
{
	static const unsigned lacks[LACKS] = { REFUSE_NO_REPLACE | REFUSE_MODES,
		REFUSE_NO_REPLACE | REFUSE_LINKS, REFUSE_MODES };
	size_t row = (size_t)_i / LACKS;

	publish(row, lacks[_i % LACKS]);
}
END_TEST

START_TEST(never_follows_links_when_publishing)
{
	struct bed *bed = bed_new();
	char *victim = make_file("victim", "victim"), *part = tmpdir_path(".part");
	char *destination = tmpdir_path("destination"), *content;
	struct disk_job *job;

	/* the part is a link */
	ck_assert_int_eq(symlink(victim, part), 0);
	job = do_job(bed, job_for(DISK_PUBLISH, part, destination));
	ck_assert_int_eq(job->result.os_errno, ELOOP);
	disk_job_free(job);
	/* the destination is: it is replaced, not written through */
	ck_assert_int_eq(unlink(part), 0);
	ck_assert_int_eq(tmpdir_write(part, "new"), 0);
	ck_assert_int_eq(symlink(victim, destination), 0);
	job = job_for(DISK_PUBLISH, part, destination);
	job->may_overwrite = true;
	job = do_job(bed, job);
	ck_assert_int_eq(job->result.code, 0);
	disk_job_free(job);
	content = tmpdir_read(victim);
	ck_assert_str_eq(content, "victim");
	free(content);
	free(victim);
	free(part);
	free(destination);
	bed_free(bed);
}
END_TEST

/* What changes places with what, when the next file gets its mode. */
static const char *exchanged, *exchanged_with;

int fchmod(int fd, mode_t mode)
{
	if (exchanged) {
		ck_assert_int_eq(syscall(SYS_renameat2, AT_FDCWD, exchanged, AT_FDCWD,
					 exchanged_with, RENAME_EXCHANGE),
			0);
		exchanged = NULL;
	}
	return (int)syscall(SYS_fchmod, fd, mode);
}

static void check_text(const char *path, const char *want)
{
	char *content = tmpdir_read(path);

	ck_assert_pstr_eq(content, want);
	free(content);
}

/* Its folder and a link to another one change places amid it: that one is not touched, whatever lies there under the part's name. */
START_TEST(stays_in_its_folder)
{
	struct bed *bed = bed_new();
	char *folder = tmpdir_path("folder"), *victim = tmpdir_path("victim");
	char *link = tmpdir_path("link"), *part = tmpdir_path("folder/.part");
	char *to = tmpdir_path("folder/to"), *theirs = tmpdir_path("victim/to"), *old, *placed;
	struct disk_job *job;

	ck_assert_int_eq(mkdir(folder, 0700) | mkdir(victim, 0700) | symlink(victim, link), 0);
	old = make_file("victim/.part", "old");
	ck_assert_int_eq(tmpdir_write(theirs, "theirs"), 0);
	ck_assert_int_eq(tmpdir_write(part, "new"), 0);
	exchanged = folder;
	exchanged_with = link;
	job = job_for(DISK_PUBLISH, part, to);
	job->file_ino = ino_of(part);
	job->may_overwrite = _i;
	if (!_i)
		ck_assert_int_eq(unlink(theirs), 0);
	job = do_job(bed, job);
	ck_assert_int_eq(job->result.code, 0);
	check_text(theirs, _i ? "theirs" : NULL);
	check_text(old, "old");
	/* its folder has the other name now */
	placed = tmpdir_path("link/to");
	check_text(placed, "new");
	disk_job_free(job);
	bed_free(bed);
	free(folder);
	free(victim);
	free(link);
	free(part);
	free(to);
	free(theirs);
	free(old);
	free(placed);
}
END_TEST

START_TEST(publishes_many)
{
	enum { N = 100 };
	struct bed *bed = bed_new();
	char *other = tmpdir_path("other");

	ck_assert_int_eq(mkdir(other, 0700), 0);
	for (int i = 0; i < N; i++) {
		char *part = tmpdir_path("%s.%d.part", i % 2 ? "other/" : "", i);
		char *to = tmpdir_path("%s%d", i % 2 ? "other/" : "", i);
		struct disk_job *job;

		ck_assert_int_eq(tmpdir_write(part, "x"), 0);
		job = job_for(DISK_PUBLISH, part, to);
		job->file_ino = ino_of(part);
		disk_post_take(bed->disk, job);
		free(part);
		free(to);
	}
	for (int i = 0; i < N; i++) {
		struct disk_job *job = bed_take(bed);

		ck_assert_ptr_nonnull(job);
		ck_assert_int_eq(job->result.code, 0);
		ck_assert_uint_eq(ino_of(job->to_path), job->file_ino);
		disk_job_free(job);
	}
	free(other);
	bed_free(bed);
}
END_TEST

/* What is rewritten when its copy is there, with the same size and time of its last write; renamed then. */
static const char *rewritten, *its_copy, *renamed_to;

static void rewrite_secretly(const char *path)
{
	struct stat before, now;

	ck_assert_int_eq(stat(path, &before), 0);
	/* the clock of a file system goes in steps */
	do {
		const struct timespec times[2] = { before.st_atim, before.st_mtim };

		ck_assert_int_eq(tmpdir_write(path, "new text"), 0);
		ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
		ck_assert_int_eq(stat(path, &now), 0);
	} while (now.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
	if (renamed_to)
		ck_assert_int_eq(rename(path, renamed_to), 0);
}

int fstat(int fd, struct stat *st)
{
	const char *path = rewritten;
	struct stat copy;

	if (path && !stat(its_copy, &copy) && copy.st_size) {
		rewritten = NULL;
		rewrite_secretly(path);
	}
	return fstatat(fd, "", st, AT_EMPTY_PATH);
}

START_TEST(copies_again_what_was_touched)
{
	struct bed *bed = bed_new();
	char *from = make_file("from", "old text"), *to = tmpdir_path("snapshot");
	char *moved = tmpdir_path("moved");
	struct disk_job *job = job_for(DISK_SNAPSHOT, NULL, to);

	job->fd = open_file(from);
	rewritten = from;
	its_copy = to;
	renamed_to = _i ? moved : NULL;
	job = do_job(bed, job);
	ck_assert_int_eq(job->result.code, 0);
	check_text(to, "new text");
	disk_job_free(job);
	bed_free(bed);
	free(from);
	free(to);
	free(moved);
}
END_TEST

static const size_t snapshot_sizes[] = { 0, 1, 4096, 3 * 1024 * 1024 + 7 };

START_TEST(copies_a_snapshot)
{
	size_t size = snapshot_sizes[_i];
	struct bed *bed = bed_new();
	char *text = malloc(size + 1), *from, *to = tmpdir_path("snapshot"), *copy;
	struct disk_job *job = job_for(DISK_SNAPSHOT, NULL, to);
	struct stat st;

	for (size_t i = 0; i < size; i++)
		text[i] = (char)('a' + (i * 7 + i / 1000) % 26);
	text[size] = 0;
	from = make_file("source", text);
	job->fd = open_file(from);
	/* the position of a shared descriptor neither matters nor moves */
	ck_assert_int_eq(lseek(job->fd, 1, SEEK_SET), 1);
	job = do_job(bed, job);
	ck_assert_int_eq(job->result.code, 0);
	ck_assert_int_eq(lseek(job->fd, 0, SEEK_CUR), 1);
	ck_assert_uint_eq(job->file_size_bytes, size);
	ck_assert_uint_eq(job->file_ino, ino_of(to));
	ck_assert_uint_ne(job->file_ino, ino_of(from));
	ck_assert_int_eq(stat(to, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	copy = tmpdir_read(to);
	ck_assert(strcmp(copy, text) == 0);
	disk_job_free(job);
	free(copy);
	free(text);
	free(from);
	free(to);
	bed_free(bed);
}
END_TEST

/* A pipe is no file; nothing is left behind. */
START_TEST(does_not_copy_odd_files)
{
	struct bed *bed = bed_new();
	char *to = tmpdir_path("snapshot");
	struct disk_job *job = job_for(DISK_SNAPSHOT, NULL, to);
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	job->fd = fds[0];
	job = do_job(bed, job);
	ck_assert_int_eq(job->result.code, TRANSFER_ERROR_CANNOT_OPEN_FILE);
	ck_assert_uint_eq(ino_of(to), 0);
	disk_job_free(job);
	close(fds[1]);
	free(to);
	bed_free(bed);
}
END_TEST

START_TEST(removes)
{
	struct bed *bed = bed_new();
	char *path = make_file("file", "x"), *other = make_file("other", "abc");
	struct disk_job *job;

	disk_post_take(bed->disk, job_for(DISK_REMOVE, path, NULL));
	disk_post_take(bed->disk, job_for(DISK_REMOVE, path, NULL));
	/* a removal has no answer, but the same lane does things in order */
	job = job_for(DISK_SYNC, other, NULL);
	job->fd = open_file(other);
	ck_assert_int_eq(disk_job_set_digest(job, "md5"), 0);
	job = do_job(bed, job);
	ck_assert_int_eq(job->type, DISK_SYNC);
	ck_assert_uint_eq(ino_of(path), 0);
	disk_job_free(job);
	free(other);
	free(path);
	bed_free(bed);
}
END_TEST

static size_t open_files(void)
{
	DIR *folder = opendir("/proc/self/fd");
	size_t n = 0;

	ck_assert_ptr_nonnull(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

/* Asked to begin writing: nobody is told, nothing is kept, however often. */
START_TEST(hints_are_silent)
{
	struct bed *bed = bed_new();
	char *path = make_file("part", "abc");
	int fd = open_file(path);
	size_t before = open_files();

	for (int i = 0; i < 1000; i++)
		disk_start_writing(bed->disk, fd);
	disk_start_writing(bed->disk, -1);
	bed->disk = disk_free(bed->disk);
	ck_assert_ptr_null(mailbox_take_all(bed->box));
	/* the threads' own are gone as well */
	ck_assert_uint_lt(open_files(), before);
	close(fd);
	bed_free(bed);
	free(path);
}
END_TEST

/* What was posted before the end is done, not dropped. */
START_TEST(finishes_before_it_ends)
{
	enum { N = 20 };
	struct bed *bed = bed_new();
	char *path = make_file("part", "abc");
	struct mail *mail;
	size_t n = 0;

	for (int i = 0; i < N; i++) {
		struct disk_job *job = job_for(i % 2 ? DISK_SYNC : DISK_CHECKPOINT, path, NULL);

		job->fd = open_file(path);
		job->offset_bytes = 3;
		disk_post_take(bed->disk, job);
	}
	bed->disk = disk_free(bed->disk);
	for (mail = bed->waiting = mailbox_take_all(bed->box); mail; mail = mail->next) {
		ck_assert_int_eq(((struct disk_job *)mail)->result.code, 0);
		n++;
	}
	ck_assert_uint_eq(n, N);
	bed_free(bed);
	free(path);
}
END_TEST

/* What happens before the next file gets its name by renaming. */
static const char *replaced, *moved_to;

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
	if (replaced) {
		ck_assert_int_eq(rename(replaced, moved_to), 0);
		ck_assert_int_eq(mkdir(replaced, 0700), 0);
		replaced = NULL;
	}
	return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

/* Its folder is replaced after it got its name: what is synced then is not where it is, so it is not in its place. */
START_TEST(a_file_goes_with_its_folder)
{
	struct bed *bed = bed_new();
	char *folder = tmpdir_path("folder"), *moved = tmpdir_path("moved");
	char *first = tmpdir_path("folder/first"), *file = tmpdir_path("moved/first");
	char *part = make_file(".part", "text"), *to = tmpdir_path("to");
	struct unnamed_folder *opened;
	struct disk_job *job;

	ck_assert_int_eq(mkdir(folder, 0700), 0);
	ck_assert_int_eq(unnamed_open_folder(NULL, first, &opened), 0);
	moved_to = moved;
	replaced = folder;
	disk_hold(bed->disk);
	job = job_for(DISK_PUBLISH, part, first);
	job->is_unnamed = true;
	job->folder_ino = opened->ino;
	ck_assert_int_eq(unnamed_open(opened, &job->fd), 0);
	unnamed_close_folder(opened);
	disk_post_take(bed->disk, job);
	disk_post_take(bed->disk, job_for(DISK_PUBLISH, part, to));
	disk_release(bed->disk);
	job = bed_take(bed);
	ck_assert_ptr_nonnull(job);
	ck_assert_int_eq(job->result.code, TRANSFER_ERROR_CANNOT_MOVE_FILE);
	ck_assert_int_eq(job->result.os_errno, ESTALE);
	ck_assert(!job->is_lost);
	ck_assert_int_eq(access(file, F_OK), 0);
	disk_job_free(job);
	job = bed_take(bed);
	ck_assert_ptr_nonnull(job);
	ck_assert_int_eq(job->result.code, 0);
	disk_job_free(job);
	bed_free(bed);
	free(folder);
	free(moved);
	free(first);
	free(file);
	free(part);
	free(to);
}
END_TEST

#ifdef TRANSFERD_FAILPOINTS
/* A failed sync is a failed file, alone or among others, and is not asked twice. */
static const struct {
	const char *points;
	int error_no;
	bool is_disk_full, is_retryable;
} failures[] = {
	{ "disk.sync.before:1=5", EIO, false, true },
	{ "disk.sync.after:1=5", EIO, false, true },
	{ "disk.sync.before:1=28", ENOSPC, true, false },
	{ "disk.sync.before:1=4", EINTR, false, true },
};

START_TEST(reports_a_failed_sync)
{
	struct bed *bed = bed_new();
	char *path = make_file("part", "abc");
	struct disk_job *job = job_for(DISK_SYNC, path, NULL);

	ck_assert_int_eq(setenv("TRANSFERD_FAILPOINT", failures[_i].points, 1), 0);
	job->fd = open_file(path);
	job->offset_bytes = 3;
	job = do_job(bed, job);
	ck_assert_int_eq(job->result.code, TRANSFER_ERROR_CANNOT_WRITE_TO_FILE);
	ck_assert_int_eq(job->result.os_errno, failures[_i].error_no);
	ck_assert_int_eq(job->is_disk_full, failures[_i].is_disk_full);
	ck_assert_int_eq(job->is_retryable, failures[_i].is_retryable);
	ck_assert_uint_eq(job->file_ino, 0);
	disk_job_free(job);
	bed_free(bed);
	free(path);
}
END_TEST

/* A sync that fails, or ends with the process, leaves a mark that says so; small finished files do without. */
static const struct {
	enum disk_job_type type;
	uint64_t size_bytes;
	unsigned n_jobs;
	const char *points;
	unsigned mode;
} marks[] = {
	{ DISK_CHECKPOINT, 3, 1, "disk.sync.data:1=5", 0700 },
	{ DISK_CHECKPOINT, 3, 1, "disk.sync.data:2=5", 0600 },
	{ DISK_SYNC, SINK_GATHER_BYTES + 1, 1, "disk.sync.data:1=5", 0700 },
	{ DISK_SYNC, SINK_GATHER_BYTES + 1, 1, "disk.sync.data:2=5", 0600 },
	{ DISK_SYNC, SINK_GATHER_BYTES, 1, "disk.sync.data:1=5", 0600 },
	/* together, by syncfs, but for the first */
	{ DISK_SYNC, SINK_GATHER_BYTES + 1, 8, "disk.sync.data:9=5", 0600 },
};

START_TEST(marks_what_is_not_synced)
{
	struct bed *bed = bed_new();
	char *paths[8];
	struct stat st;

	ck_assert_int_eq(setenv("TRANSFERD_FAILPOINT", marks[_i].points, 1), 0);
	for (unsigned i = 0; i < marks[_i].n_jobs; i++) {
		struct disk_job *job;

		paths[i] = tmpdir_path("part-%u", i);
		ck_assert_int_eq(origin_bytes_write(paths[i], i, marks[_i].size_bytes), 0);
		ck_assert_int_eq(chmod(paths[i], 0600), 0);
		job = job_for(marks[_i].type, paths[i], NULL);
		job->fd = open_file(paths[i]);
		job->offset_bytes = marks[_i].size_bytes;
		disk_post_take(bed->disk, job);
	}
	bed->disk = disk_free(bed->disk);
	for (struct mail *mail = bed->waiting = mailbox_take_all(bed->box); mail; mail = mail->next)
		ck_assert_int_eq(
			((struct disk_job *)mail)->result.code != 0, marks[_i].mode != 0600);
	for (unsigned i = 0; i < marks[_i].n_jobs; i++) {
		ck_assert_int_eq(stat(paths[i], &st), 0);
		ck_assert_uint_eq(st.st_mode & 0777, marks[_i].mode);
		free(paths[i]);
	}
	bed_free(bed);
}
END_TEST

START_TEST(reports_a_failed_publish)
{
	struct bed *bed = bed_new();
	char *part = make_file(".part", "new"), *to = tmpdir_path("to");
	struct disk_job *job = job_for(DISK_PUBLISH, part, to);
	uint64_t ino = ino_of(part);

	ck_assert_int_eq(setenv("TRANSFERD_FAILPOINT", "disk.publish.renamed:1=5", 1), 0);
	job->file_ino = ino;
	job = do_job(bed, job);
	ck_assert_int_eq(job->result.code, TRANSFER_ERROR_CANNOT_MOVE_FILE);
	ck_assert_int_eq(job->result.os_errno, EIO);
	disk_job_free(job);
	/* the second time it is found done */
	job = job_for(DISK_PUBLISH, part, to);
	job->file_ino = ino;
	job = do_job(bed, job);
	ck_assert_int_eq(job->result.code, 0);
	disk_job_free(job);
	free(part);
	free(to);
	bed_free(bed);
}
END_TEST
#	define FAILPOINT_TESTS \
		, TEST_EACH(reports_a_failed_sync, failures), \
			TEST_EACH(marks_what_is_not_synced, marks), TEST(reports_a_failed_publish)
#else
#	define FAILPOINT_TESTS
#endif

RUN_TESTS("engine/disk", TEST_LOOP(syncs_and_identifies, 2), TEST(notices_a_wrong_size),
	TEST(syncs_many_together), TEST(syncs_a_lone_file_at_once),
	TEST_LOOP(syncs_the_last_crowd_at_once, 2), TEST(sleeps_while_a_crowd_comes),
	TEST_LOOP(makes_a_checkpoint, 2), TEST_EACH(publishes_once, publishes),
	TEST_LOOP(publishes_on_poor_file_systems, sizeof(publishes) / sizeof(publishes[0]) * LACKS),
	TEST(a_file_goes_with_its_folder), TEST(never_follows_links_when_publishing),
	TEST_LOOP(stays_in_its_folder, 2), TEST(publishes_many),
	TEST_LOOP(copies_again_what_was_touched, 2), TEST_EACH(copies_a_snapshot, snapshot_sizes),
	TEST(does_not_copy_odd_files), TEST(removes), TEST(hints_are_silent),
	TEST(finishes_before_it_ends) FAILPOINT_TESTS)
