/* SPDX-License-Identifier: MIT */
/*
 * The state folder around the database: who may use it (lock), whether the last run ended in order (clean mark), whether damage was
 * seen (suspect mark), the copy of what could not be trusted, and 1 MiB of ballast.
 *
 *   queue.lock     locked as long as a daemon lives
 *   queue.clean    inode, size and mtime of the database as the last daemon left it; taken away at start. While it fits, nothing can
 *                  have happened to the file and nothing is checked.
 *   queue.suspect  SQLite reported damage while running; the next start checks everything, the second time in a row it starts anew
 *   queue.ballast  given up when the disk is full so that a cancel or a result can still be written
 */
#include "daemon/store/store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "schema/migrations.h"

#define DB_NAME             "queue.db"
#define LOCK_NAME           "queue.lock"
#define CLEAN_NAME          "queue.clean"
#define SUSPECT_NAME        "queue.suspect"
#define BALLAST_NAME        "queue.ballast"
#define BALLAST_BYTES       (1 << 20)
#define SPACE_LOW_BYTES     (UINT64_C(512) << 10)
#define SPACE_GOOD_BYTES    (UINT64_C(4) << 20)
#define SQLITE_HEADER_BYTES 100

static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };

static int open_own(struct store_file *file, const char *name, int flags)
{
	/* whatever else has the name: a pipe is not waited for */
	int fd = openat(
		file->dir_fd, name, flags | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0)
		return err_raise(-errno);
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return err_raise(-ENXIO);
}

/* What is in the way of a file that holds nothing goes. */
static void make_way(struct store_file *file, const char *name)
{
	struct stat st;

	if (!fstatat(file->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) && !S_ISREG(st.st_mode))
		unlinkat(file->dir_fd, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
}

static int check_dir(int dir_fd)
{
	struct stat st;

	if (fstat(dir_fd, &st))
		return err_raise(-errno);
	if (st.st_uid != geteuid() || (st.st_mode & 077))
		return err_raise(-EPERM);
	return 0;
}

int store_file_open(struct store_file *file, const char *state_dir)
{
	struct stat st;
	int r;

	if (state_dir[0] != '/')
		return err_raise(-EINVAL);
	file->dir = strdup(state_dir);
	if (!file->dir || asprintf(&file->path, "%s/%s", state_dir, DB_NAME) < 0) {
		file->path = NULL;
		return err_raise(-ENOMEM);
	}
	file->dir_fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (file->dir_fd < 0)
		return err_raise(-errno);
	r = check_dir(file->dir_fd);
	if (r)
		return r;
	r = open_own(file, LOCK_NAME, O_RDWR);
	if (r < 0)
		return r;
	file->lock_fd = r;
	if (flock(file->lock_fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? STORE_E_LOCKED : err_raise(-errno);
	file->was_suspect = fstatat(file->dir_fd, SUSPECT_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0;
	file->is_suspect = file->was_suspect;
	file->is_hopeless = file->was_suspect && st.st_size > 0;
	return 0;
}

void store_file_close(struct store_file *file)
{
	if (file->lock_fd >= 0)
		close(file->lock_fd);
	if (file->dir_fd >= 0)
		close(file->dir_fd);
	file->lock_fd = file->dir_fd = -1;
	free(file->dir);
	free(file->path);
	file->dir = file->path = NULL;
}

static uint32_t big_endian(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The header as SQLite defines it: magic at 0, who may write and read at 18, user_version at 60, application_id at 68. */
static int probe_header(int fd, size_t size)
{
	unsigned char header[SQLITE_HEADER_BYTES];
	size_t got;
	int r = io_pread_all(fd, header, sizeof(header), 0, &got);

	if (r)
		return r;
	if (size < sizeof(header) || got < sizeof(header) ||
		memcmp(header, "SQLite format 3", 16) != 0)
		return STORE_E_DAMAGED;
	if (big_endian(header + 68) != STORE_APPLICATION_ID)
		return STORE_E_DAMAGED;
	/* 1 and 2 there are; with more SQLite would only read it, for ever */
	if (header[18] - 1u > 1 || header[19] - 1u > 1)
		return STORE_E_DAMAGED;
	if (big_endian(header + 60) > SCHEMA_VERSION && big_endian(header + 60) <= INT32_MAX)
		return STORE_E_NEWER_SCHEMA;
	return 0;
}

static bool is_there(const struct store_file *file, const char *name)
{
	struct stat st;

	return fstatat(file->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0;
}

/* What SQLite would open, or wait for, are files of ours. */
static bool are_files(const struct store_file *file)
{
	char name[32];
	struct stat st;

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(name, sizeof(name), DB_NAME "%s", suffixes[i]);
		if (!fstatat(file->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) && !S_ISREG(st.st_mode))
			return false;
	}
	return true;
}

int store_file_probe(struct store_file *file)
{
	cleanup_(cleanup_close) int fd = -1;
	struct stat st;

	if (!are_files(file))
		return STORE_E_DAMAGED;
	if (fstatat(file->dir_fd, DB_NAME, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno != ENOENT)
			return err_raise(-errno);
		/* all that is left of the queue; SQLite would throw it away */
		if (is_there(file, DB_NAME "-wal"))
			return STORE_E_DAMAGED;
		fd = open_own(file, DB_NAME, O_RDWR | O_EXCL);
		if (fd < 0)
			return fd;
		return fchmod(fd, 0600) ? err_raise(-errno) : 0;
	}
	if (st.st_uid != geteuid() || st.st_nlink != 1)
		return STORE_E_DAMAGED;
	fd = open_own(file, DB_NAME, O_RDWR);
	if (fd < 0)
		return fd;
	if ((st.st_mode & 0777) != 0600 && fchmod(fd, 0600))
		return err_raise(-errno);
	if (st.st_size == 0)
		return is_there(file, DB_NAME "-wal") || is_there(file, CLEAN_NAME)
			? STORE_E_DAMAGED
			: 0;
	/* a first start that was cut short: SQLite undoes it */
	if (faccessat(file->dir_fd, DB_NAME "-journal", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return probe_header(fd, (size_t)st.st_size);
}

/* ---- marks ---- */

static int describe(const struct store_file *file, char *buf, size_t size)
{
	struct stat st;

	if (fstatat(file->dir_fd, DB_NAME, &st, AT_SYMLINK_NOFOLLOW))
		return err_raise(-errno);
	snprintf(buf, size, "%" PRIuMAX " %" PRIdMAX " %" PRIdMAX ".%09ld\n", (uintmax_t)st.st_ino,
		(intmax_t)st.st_size, (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	return 0;
}

bool store_file_take_clean_mark(struct store_file *file)
{
	cleanup_(cleanup_close) int fd = -1;
	char is[128], was[128];
	size_t n = 0;
	bool is_clean;

	make_way(file, CLEAN_NAME);
	fd = openat(file->dir_fd, CLEAN_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (io_pread_all(fd, was, sizeof(was) - 1, 0, &n))
		n = 0;
	was[n] = 0;
	is_clean = describe(file, is, sizeof(is)) == 0 && strcmp(is, was) == 0 && !file->is_suspect;
	/* durable before the first write: a crash after this must not look like a clean end */
	if (unlinkat(file->dir_fd, CLEAN_NAME, 0) || io_sync_dir_fd(file->dir_fd))
		return false;
	return is_clean;
}

int store_file_put_clean_mark(struct store_file *file)
{
	cleanup_(cleanup_close) int fd = -1;
	char text[128];
	int r = describe(file, text, sizeof(text));

	if (r)
		return r;
	fd = open_own(file, CLEAN_NAME, O_WRONLY | O_TRUNC);
	if (fd < 0)
		return fd;
	r = io_write_all(fd, text, strlen(text));
	if (r == 0 && fdatasync(fd))
		r = -errno;
	if (r) {
		unlinkat(file->dir_fd, CLEAN_NAME, 0);
		return r;
	}
	unlinkat(file->dir_fd, SUSPECT_NAME, 0);
	return io_sync_dir_fd(file->dir_fd);
}

void store_file_mark_suspect(struct store_file *file)
{
	int fd;

	if (file->is_suspect || file->dir_fd < 0)
		return;
	file->is_suspect = true;
	fd = open_own(file, SUSPECT_NAME, O_WRONLY);
	if (fd < 0)
		return;
	/* a byte in it: not for the first time; nobody is told when even that cannot be written */
	if (file->was_suspect && io_write_all(fd, "2", 1))
		file->is_hopeless = true;
	close(fd);
}

/* ---- what cannot be trusted ---- */

int store_file_set_aside(struct store_file *file, char *ret_path, size_t size)
{
	char name[64], from[32], to[80];
	uint64_t wall_s = clock_wall_us() / CLOCK_US_PER_S;

	/* two in one second, or a clock that stands still: take the next free name */
	do {
		snprintf(name, sizeof(name), DB_NAME ".corrupt-%" PRIu64, wall_s++);
	} while (faccessat(file->dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(from, sizeof(from), DB_NAME "%s", suffixes[i]);
		snprintf(to, sizeof(to), "%s%s", name, suffixes[i]);
		if (renameat(file->dir_fd, from, file->dir_fd, to) && errno != ENOENT)
			return err_raise(-errno);
	}
	unlinkat(file->dir_fd, SUSPECT_NAME, 0);
	file->is_suspect = file->was_suspect = file->is_hopeless = false;
	snprintf(ret_path, size, "%s/%s", file->dir, name);
	return io_sync_dir_fd(file->dir_fd);
}

/* ---- identity and space ---- */

int store_file_remember(struct store_file *file)
{
	struct stat st;

	if (fstatat(file->dir_fd, DB_NAME, &st, AT_SYMLINK_NOFOLLOW))
		return err_raise(-errno);
	file->db_dev = st.st_dev;
	file->db_ino = st.st_ino;
	file->wal_ino = 0;
	return 0;
}

static int check_identity(struct store_file *file)
{
	struct stat st;

	if (fstatat(file->dir_fd, DB_NAME, &st, AT_SYMLINK_NOFOLLOW) || st.st_dev != file->db_dev ||
		st.st_ino != file->db_ino || st.st_size < SQLITE_HEADER_BYTES)
		return err_raise(-ESTALE);
	if (fstatat(file->dir_fd, DB_NAME "-wal", &st, AT_SYMLINK_NOFOLLOW))
		return file->wal_ino ? err_raise(-ESTALE) : 0;
	if (file->wal_ino && st.st_ino != file->wal_ino)
		return err_raise(-ESTALE);
	file->wal_ino = st.st_ino;
	return 0;
}

static void check_space(struct store_file *file)
{
	struct statvfs fs;
	uint64_t free_bytes;

	if (fstatvfs(file->dir_fd, &fs))
		return;
	free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (!file->has_ballast && free_bytes > SPACE_GOOD_BYTES)
		store_file_make_ballast(file);
	/* the room that the ballast has left is not for new tasks */
	file->is_space_low = free_bytes < SPACE_LOW_BYTES || !file->has_ballast;
}

int store_file_check(struct store_file *file)
{
	uint64_t now_us = clock_now_us();

	if (file->db_ino == 0)
		return -ESTALE;
	/* each time: the ballast must go before the commit that would fail, and work goes on at once when there is room */
	check_space(file);
	if (!file->is_space_low && file->checked_us && now_us - file->checked_us < CLOCK_US_PER_S)
		return 0;
	file->checked_us = now_us;
	return check_identity(file);
}

bool store_file_is_space_low(const struct store_file *file)
{
	return file->is_space_low;
}

void store_file_make_ballast(struct store_file *file)
{
	cleanup_(cleanup_close) int fd = -1;

	make_way(file, BALLAST_NAME);
	fd = open_own(file, BALLAST_NAME, O_WRONLY);
	if (fd < 0)
		return;
	file->has_ballast = posix_fallocate(fd, 0, BALLAST_BYTES) == 0;
	if (!file->has_ballast)
		unlinkat(file->dir_fd, BALLAST_NAME, 0);
}

void store_file_drop_ballast(struct store_file *file)
{
	if (file->has_ballast)
		unlinkat(file->dir_fd, BALLAST_NAME, 0);
	file->has_ballast = false;
	file->is_space_low = true; /* until it is back */
}
