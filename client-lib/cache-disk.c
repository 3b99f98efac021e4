/* SPDX-License-Identifier: MIT */
/*
 * Files are written under a name of their own and then renamed, and never changed: who reads one reads all of one version. They
 * are not synced. When a file was stored is the time of its content, when it was used that of its last access.
 */
#include "client-lib/cache-disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "client-lib/cache-file.h"

#define DISK_FILE_MAX_BYTES (UINT64_C(1) << 30) /* no more is read */
#define DISK_NAME_BYTES     50 /* three numbers, a dash and a zero */
#define DISK_NEW_PREFIX     "new-"
#define DISK_NEW_BYTES      64
#define DISK_LEFT_US        (UINT64_C(3600) * CLOCK_US_PER_S) /* nobody writes for so long */

uint64_t cache_disk_bytes(uint64_t file_bytes)
{
	return (file_bytes / CACHE_DISK_BLOCK_BYTES + 1) * CACHE_DISK_BLOCK_BYTES;
}

static void write_name(const struct cache_id *id, char name[DISK_NAME_BYTES])
{
	snprintf(name, DISK_NAME_BYTES, "%016" PRIx64 "%016" PRIx64 "-%016" PRIx64, id->url[0],
		id->url[1], id->vary);
}

static bool read_name(const char *name, struct cache_id *ret_id)
{
	char again[DISK_NAME_BYTES];

	if (sscanf(name, "%16" SCNx64 "%16" SCNx64 "-%16" SCNx64, &ret_id->url[0], &ret_id->url[1],
		    &ret_id->vary) != 3)
		return false;
	write_name(ret_id, again);
	return !strcmp(name, again);
}

/* A folder that is ours alone to change. */
static int open_folder(const char *directory)
{
	cleanup_(cleanup_close) int fd = open(
		directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return -EPERM;
	return take_fd(&fd);
}

/* ---- writing ---- */

static int make_folder(const char *directory)
{
	int fd = open_folder(directory);
	int r;

	if (fd != -ENOENT)
		return fd;
	r = io_mkdir_all(directory, 0700);
	return r ? r : open_folder(directory);
}

static int write_all(int fd, const struct cache_entry *entry, const struct buf *head)
{
	const transfer_data *body = transfer_cached_response_get_body(entry->cached);
	struct timespec times[2] = { { .tv_nsec = UTIME_NOW },
		{ .tv_sec = (time_t)(entry->stored_wall_usec / CLOCK_US_PER_S),
			.tv_nsec = (long)(entry->stored_wall_usec % CLOCK_US_PER_S) * 1000 } };
	int r = io_write_all(fd, head->bytes, head->size_bytes);

	if (!r)
		r = io_write_all(fd, transfer_data_get_bytes(body), transfer_data_get_size(body));
	if (!r && futimens(fd, times))
		r = -errno;
	return r;
}

/* The file under a name that nobody else uses; gone when it cannot be written. */
static int write_new(int dir_fd, const struct cache_entry *entry, const struct buf *head,
	char name[DISK_NEW_BYTES])
{
	static atomic_uint n_written;
	cleanup_(cleanup_close) int fd = -1;
	int r;

	snprintf(name, DISK_NEW_BYTES, DISK_NEW_PREFIX "%d-%u-%" PRIx64, (int)getpid(),
		atomic_fetch_add(&n_written, 1), clock_wall_us());
	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, entry, head);
	if (r)
		unlinkat(dir_fd, name, 0);
	return r;
}

int cache_disk_write(const char *directory, const struct cache_id *id,
	const struct cache_entry *entry, uint64_t *ret_bytes)
{
	cleanup_(cleanup_close) int dir_fd = -1;
	char name[DISK_NAME_BYTES], new_name[DISK_NEW_BYTES];
	struct buf head;
	int r = cache_file_head(entry, &head);

	if (r)
		return r;
	*ret_bytes = cache_disk_bytes(head.size_bytes +
		transfer_data_get_size(transfer_cached_response_get_body(entry->cached)));
	dir_fd = make_folder(directory);
	r = dir_fd < 0 ? dir_fd : write_new(dir_fd, entry, &head, new_name);
	buf_done(&head);
	if (r)
		return r;
	write_name(id, name);
	if (!renameat(dir_fd, new_name, dir_fd, name))
		return 0;
	r = -errno;
	unlinkat(dir_fd, new_name, 0);
	return r;
}

void cache_disk_remove(const char *directory, const struct cache_id *id)
{
	cleanup_(cleanup_close) int dir_fd = open_folder(directory);
	char name[DISK_NAME_BYTES];

	if (dir_fd < 0)
		return;
	write_name(id, name);
	unlinkat(dir_fd, name, 0);
}

/* ---- reading ---- */

static int read_all(int fd, void **ret_bytes, size_t *ret_size)
{
	const struct timespec used[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_OMIT } };
	cleanup_(cleanup_free) char *bytes = NULL;
	struct stat st;
	int r;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
		(uint64_t)st.st_size > DISK_FILE_MAX_BYTES)
		return -EBADMSG;
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes)
		return -ENOMEM;
	r = io_pread_all(fd, bytes, (size_t)st.st_size, 0, ret_size);
	if (r)
		return r;
	futimens(fd, used);
	*ret_bytes = take_ptr(bytes);
	return 0;
}

int cache_disk_read(
	const char *directory, const struct cache_id *id, struct cache_entry **ret_entry)
{
	cleanup_(cleanup_close) int dir_fd = open_folder(directory);
	cleanup_(cleanup_close) int fd = -1;
	char name[DISK_NAME_BYTES];
	struct cache_id is;
	size_t size = 0;
	void *bytes = NULL;
	int r;

	*ret_entry = NULL;
	if (dir_fd < 0)
		return dir_fd;
	write_name(id, name);
	fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ELOOP ? -EBADMSG : -errno;
	r = read_all(fd, &bytes, &size);
	if (r)
		return r;
	*ret_entry = cache_file_parse_take(bytes, size);
	if (!*ret_entry)
		return -EBADMSG;
	is = cache_id((*ret_entry)->url, (*ret_entry)->vary);
	if (!memcmp(&is, id, sizeof(is)))
		return 0;
	cache_entry_unref(take_ptr(*ret_entry));
	return -EBADMSG;
}

/* ---- looking around ---- */

static uint64_t usec_of(const struct timespec *time)
{
	return time->tv_sec < 0
		? 0
		: (uint64_t)time->tv_sec * CLOCK_US_PER_S + (uint64_t)time->tv_nsec / 1000;
}

static bool is_left(const char *name, const struct stat *st)
{
	return !strncmp(name, DISK_NEW_PREFIX, strlen(DISK_NEW_PREFIX)) &&
		usec_of(&st->st_ctim) + DISK_LEFT_US < clock_wall_us();
}

struct list {
	struct cache_disk_file *files;
	size_t n, room;
};

/* False: out of memory, or too many. */
static bool make_room(struct list *list)
{
	size_t room = list->room ? 2 * list->room : 64;
	struct cache_disk_file *files;

	if (list->n < list->room)
		return true;
	if (list->n >= CACHE_ENTRIES_MAX)
		return false;
	files = realloc(list->files, room * sizeof(*files));
	if (!files)
		return false;
	list->files = files;
	list->room = room;
	return true;
}

static void look_at(int dir_fd, const char *name, struct list *list)
{
	struct cache_disk_file file;
	struct stat st;
	bool is_ours = read_name(name, &file.id);

	if (*name == '.' || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW))
		return;
	if (is_left(name, &st) || (is_ours && (!S_ISREG(st.st_mode) || !make_room(list)))) {
		unlinkat(dir_fd, name, 0);
		return;
	}
	if (!is_ours)
		return;
	file.bytes = cache_disk_bytes((uint64_t)st.st_size);
	file.stored_wall_usec = usec_of(&st.st_mtim);
	file.used_wall_usec = usec_of(&st.st_atim);
	list->files[list->n++] = file;
}

static int by_use(const void *a, const void *b)
{
	uint64_t left = ((const struct cache_disk_file *)a)->used_wall_usec;
	uint64_t right = ((const struct cache_disk_file *)b)->used_wall_usec;

	return (left > right) - (left < right);
}

int cache_disk_scan(const char *directory, struct cache_disk_file **ret_files, size_t *ret_n_files)
{
	int dir_fd = open_folder(directory);
	struct list list = { 0 };
	const struct dirent *row;
	DIR *dir;

	*ret_files = NULL;
	*ret_n_files = 0;
	if (dir_fd < 0)
		return dir_fd == -ENOENT ? 0 : dir_fd;
	dir = fdopendir(dir_fd);
	if (!dir) {
		close(dir_fd);
		return -ENOMEM;
	}
	while ((row = readdir(dir)))
		look_at(dir_fd, row->d_name, &list);
	closedir(dir);
	if (list.n)
		qsort(list.files, list.n, sizeof(*list.files), by_use);
	*ret_files = list.files;
	*ret_n_files = list.n;
	return 0;
}
