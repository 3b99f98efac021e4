/* SPDX-License-Identifier: MIT */
/*
 * Syncing, publishing, copying and hashing files. Disk threads only; nothing here knows the queue.
 */
#include "engine/disk-file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/failpoint.h"
#include "base/io.h"
#include "base/rename.h"
#include "engine/disk.h"
#include "engine/unnamed.h"

/* More at once costs much more where memory is in pieces: the page cache looks for folios as large as one write. */
#define CHUNK_BYTES (256u * 1024)
/* One copy_file_range call: short enough to look at is_stopping between two. */
#define RANGE_BYTES (16u * 1024 * 1024)
#define COPIES_MAX  3

int disk_file_sync(int fd)
{
	while (fdatasync(fd)) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

void disk_file_mark(int fd, bool is_marked)
{
	/* a file system without modes shows all of its files as executable, or none: see disk_file_takes_mark() */
	(void)fchmod(fd, is_marked ? 0700 : 0600);
}

bool disk_file_is_marked(const struct stat *st)
{
	return st->st_mode & S_IXUSR;
}

bool disk_file_takes_mark(int fd)
{
	struct stat st;
	bool takes;

	disk_file_mark(fd, true);
	takes = fstat(fd, &st) == 0 && disk_file_is_marked(&st);
	disk_file_mark(fd, false);
	return takes && fstat(fd, &st) == 0 && !disk_file_is_marked(&st);
}

int disk_file_sync_marked(int fd)
{
	int r;

	/* most of the waiting goes before the mark, so that few deaths come inside it; this takes no error from the kernel */
	(void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	disk_file_mark(fd, true);
	r = FAILPOINT("disk.sync.data");
	if (!r)
		r = disk_file_sync(fd);
	if (!r)
		disk_file_mark(fd, false);
	return r;
}

static size_t folder_size(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

bool disk_file_is_same_folder(const char *a, const char *b)
{
	size_t n = folder_size(a);

	return n == folder_size(b) && memcmp(a, b, n) == 0;
}

static int open_folder_of(const char *path, int *ret_fd)
{
	size_t n = folder_size(path);
	cleanup_(cleanup_free) char *folder = n ? strndup(path, n) : strdup("/");

	if (!folder)
		return err_raise(-ENOMEM);
	*ret_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret_fd < 0 ? -errno : 0;
}

int disk_file_sync_folder_of(const char *path, uint64_t *ret_ino)
{
	cleanup_(cleanup_close) int fd = -1;
	int r = open_folder_of(path, &fd);
	struct stat st;

	if (r)
		return r;
	if (ret_ino) {
		if (fstat(fd, &st))
			return -errno;
		*ret_ino = st.st_ino;
	}
	return io_sync_dir_fd(fd);
}

int disk_file_digest(
	int fd, const char *name, const atomic_bool *is_stopping, char ret_hex[DIGEST_HEX_BYTES])
{
	cleanup_(cleanup_free) char *chunk = NULL;
	cleanup_(digest_freep) struct digest *digest = NULL;
	uint64_t offset = 0;
	size_t got = 0;
	int r = digest_new(name, &digest);

	if (r)
		return r == DIGEST_E_UNKNOWN ? -ENOTSUP : r;
	chunk = malloc(CHUNK_BYTES);
	if (!chunk)
		return err_raise(-ENOMEM);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	do {
		if (atomic_load(is_stopping))
			return DISK_FILE_E_STOPPED;
		r = io_pread_all(fd, chunk, CHUNK_BYTES, offset, &got);
		if (r)
			return r;
		digest_update(digest, chunk, got);
		offset += got;
	} while (got == CHUNK_BYTES);
	digest_hex(digest, ret_hex);
	return 0;
}

static uint64_t mtime_ns(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * 1000000000 + (uint64_t)st->st_mtim.tv_nsec;
}

DEFINE_CLEANUP(struct unnamed_folder *, unnamed_close_folder)

/* Where a file is and where it goes. The folder is opened once: whoever has its path meanwhile, both names are in it. */
struct place {
	int folder_fd;
	const char *from, *to; /* to: the path, where it is in another folder */
};

static const char *name_of(const char *path)
{
	return strrchr(path, '/') + 1;
}

static struct place place_of(const struct disk_job *job, const struct unnamed_folder *folder)
{
	return (struct place){
		.folder_fd = folder->fd,
		.from = name_of(job->path),
		.to = disk_file_is_same_folder(job->path, job->to_path) ? name_of(job->to_path)
									: job->to_path,
	};
}

/*
 * Is what has the destination's name the file of this job? The inode of one that never had another name may be somebody
 * else's since: that one must be of the same size and moment, too.
 */
static bool is_placed(const struct disk_job *job, const struct place *place)
{
	struct stat st;

	if (!job->file_ino || fstatat(place->folder_fd, place->to, &st, AT_SYMLINK_NOFOLLOW) ||
		!S_ISREG(st.st_mode) || st.st_ino != job->file_ino)
		return false;
	return !job->file_mtime_ns ||
		(mtime_ns(&st) == job->file_mtime_ns &&
			(uint64_t)st.st_size == job->file_size_bytes);
}

/* What a file system without modes says; its files have the mode that the mount gives them. */
static bool has_no_modes(int error_no)
{
	return error_no == EPERM || error_no == EACCES || error_no == ENOSYS ||
		error_no == EOPNOTSUPP || error_no == EINVAL;
}

/* The part is ours, and gets the mode of a file that a user made. */
static int prepare_part(const struct disk_job *job, const struct place *place, mode_t mode)
{
	cleanup_(cleanup_close) int fd = -1;
	struct stat st;

	fd = openat(place->folder_fd, place->from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || (job->file_ino && st.st_ino != job->file_ino))
		return -ESTALE;
	if (fchmod(fd, mode) && !has_no_modes(errno))
		return -errno;
	return 0;
}

/* A file may be replaced, and a link to one: never a device, a pipe, a socket. */
static int rename_part(const struct disk_job *job, const struct place *place)
{
	int fd = place->folder_fd;
	struct stat st;

	if (!job->may_overwrite)
		return rename_no_replace_at(fd, place->from, place->to);
	if (!fstatat(fd, place->to, &st, AT_SYMLINK_NOFOLLOW) && !S_ISREG(st.st_mode) &&
		!S_ISLNK(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EEXIST;
	return renameat(fd, place->from, fd, place->to) ? -errno : 0;
}

/* Where the name is taken it becomes a part like any other: to replace what is there, or to wait for its place. */
static int place_unnamed(
	struct disk_job *job, const struct place *place, struct unnamed_folders *folders)
{
	int r = unnamed_link(folders, job->fd, job->folder_ino, job->to_path), p;

	if (!r || (r == -EEXIST && is_placed(job, place)))
		return 0;
	p = unnamed_link(folders, job->fd, job->folder_ino, job->path);
	if (p == -EEXIST) {
		(void)unlinkat(place->folder_fd, place->from, 0);
		p = unnamed_link(folders, job->fd, job->folder_ino, job->path);
	}
	/* a part that has lost its folder ends its task; so does this */
	job->is_lost = p && p != -ESTALE;
	return p || r != -EEXIST || !job->may_overwrite ? r : rename_part(job, place);
}

static int place_part(struct disk_job *job, const struct place *place, mode_t mode)
{
	int r = prepare_part(job, place, mode);

	/* published before, and the answer was lost */
	if (r == -ENOENT && is_placed(job, place))
		return 0;
	job->is_lost = r == -ENOENT;
	if (r)
		return r;
	r = rename_part(job, place);
	/* linked before, and not yet unlinked */
	if (r == -EEXIST && is_placed(job, place))
		return unlinkat(place->folder_fd, place->from, 0) && errno != ENOENT ? -errno : 0;
	return r;
}

int disk_file_publish(struct disk_job *job, mode_t mode, struct unnamed_folders *folders)
{
	cleanup_(unnamed_close_folderp) struct unnamed_folder *folder = NULL;
	struct place place;
	int r = unnamed_open_folder(folders, job->path, &folder);

	job->is_lost = r && (job->is_unnamed || r == -ENOENT);
	if (r)
		return r;
	place = place_of(job, folder);
	return job->is_unnamed ? place_unnamed(job, &place, folders)
			       : place_part(job, &place, mode);
}

/* -EOPNOTSUPP: not possible between these two, copy by hand. */
static int copy_in_kernel(
	int from_fd, int to_fd, uint64_t size_bytes, const atomic_bool *is_stopping)
{
	loff_t from = 0, to = 0;

	if (ioctl(to_fd, FICLONE, from_fd) == 0)
		return 0;
	while ((uint64_t)from < size_bytes) {
		ssize_t n;

		if (atomic_load(is_stopping))
			return DISK_FILE_E_STOPPED;
		n = copy_file_range(from_fd, &from, to_fd, &to, RANGE_BYTES, 0);
		if (n > 0 || (n < 0 && errno == EINTR))
			continue;
		if (n == 0)
			return from ? DISK_FILE_E_CHANGED : -EOPNOTSUPP;
		return errno == ENOSYS || errno == EXDEV || errno == EINVAL ? -EOPNOTSUPP : -errno;
	}
	return 0;
}

static int copy_by_hand(
	struct disk_job *job, int to_fd, uint64_t size_bytes, const atomic_bool *is_stopping)
{
	cleanup_(cleanup_free) char *chunk = NULL;
	uint64_t offset = 0;
	size_t got;
	int r;

	chunk = malloc(CHUNK_BYTES);
	if (!chunk)
		return err_raise(-ENOMEM);
	while (offset < size_bytes) {
		if (atomic_load(is_stopping))
			return DISK_FILE_E_STOPPED;
		r = io_pread_all(job->fd, chunk, CHUNK_BYTES, offset, &got);
		if (r) {
			job->error_no = -r;
			return DISK_FILE_E_NO_SOURCE;
		}
		if (!got)
			return DISK_FILE_E_CHANGED;
		r = io_pwrite_all(to_fd, chunk, got, offset);
		if (r)
			return r;
		offset += got;
	}
	return 0;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
		a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* The moment of the last change cannot be put back, as that of the last write can; but a new name changes it, too. */
static bool is_untouched(const struct stat *a, const struct stat *b)
{
	return a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int no_source(struct disk_job *job, int error_no)
{
	job->error_no = error_no;
	return DISK_FILE_E_NO_SOURCE;
}

/* Copies, then looks whether it was one and the same file all the time. Where nobody can say, it is copied again. */
static int copy(struct disk_job *job, int to_fd, const atomic_bool *is_stopping)
{
	struct stat before, after;
	int r;

	if (fstat(job->fd, &before))
		return no_source(job, errno);
	if (S_ISDIR(before.st_mode) || !S_ISREG(before.st_mode))
		return no_source(job, S_ISDIR(before.st_mode) ? EISDIR : EINVAL);
	for (int i = 0; i < COPIES_MAX; i++) {
		r = copy_in_kernel(job->fd, to_fd, (uint64_t)before.st_size, is_stopping);
		if (r == -EOPNOTSUPP)
			r = copy_by_hand(job, to_fd, (uint64_t)before.st_size, is_stopping);
		if (r)
			return r;
		if (fstat(job->fd, &after))
			return no_source(job, errno);
		if (!is_same(&before, &after))
			return DISK_FILE_E_CHANGED;
		if (is_untouched(&before, &after))
			return 0;
		before = after;
	}
	return DISK_FILE_E_CHANGED;
}

static int finish_copy(struct disk_job *job, int to_fd)
{
	struct stat st;
	int r = disk_file_sync(to_fd);

	if (!r)
		r = disk_file_sync_folder_of(job->to_path, NULL);
	if (!r && fstat(to_fd, &st))
		r = -errno;
	if (r)
		return r;
	job->file_ino = st.st_ino;
	job->file_size_bytes = (uint64_t)st.st_size;
	job->file_mtime_ns = mtime_ns(&st);
	return 0;
}

int disk_file_snapshot(struct disk_job *job, const atomic_bool *is_stopping)
{
	cleanup_(cleanup_close) int fd = -1;
	int r;

	fd = open(job->to_path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		0600);
	if (fd < 0)
		return -errno;
	r = copy(job, fd, is_stopping);
	if (!r)
		r = finish_copy(job, fd);
	if (r)
		(void)unlink(job->to_path);
	return r;
}
