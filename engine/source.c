/* SPDX-License-Identifier: MIT */
/*
 * The file that an upload sends. It is checked after each read and before the bytes go on, so a
 * server never gets the last byte of a body that is a mixture.
 */
#include "engine/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"

struct identity {
	uint64_t ino, size_bytes, mtime_ns;
};

struct source {
	int fd;
	char *path; /* must go on naming it; NULL: does not matter */
	struct stat opened;
	uint64_t device;
	struct identity identity;
	uint64_t offset_bytes;
};

static struct identity identity_of(const struct stat *st)
{
	return (struct identity){
		.ino = st->st_ino,
		.size_bytes = (uint64_t)st->st_size,
		.mtime_ns = (uint64_t)st->st_mtim.tv_sec * 1000000000 +
			(uint64_t)st->st_mtim.tv_nsec,
	};
}

static bool is_same(const struct identity *a, const struct identity *b)
{
	return a->ino == b->ino && a->size_bytes == b->size_bytes && a->mtime_ns == b->mtime_ns;
}

static int open_file(const struct source_spec *spec, struct stat *ret_st, int *ret_fd)
{
	cleanup_(cleanup_close) int fd = -1;

	/* O_NONBLOCK: opening a FIFO must not stop the worker; a regular file does not care */
	if (spec->fd >= 0)
		fd = fcntl(spec->fd, F_DUPFD_CLOEXEC, 3);
	else
		fd = open(spec->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, ret_st))
		return -errno;
	if (S_ISDIR(ret_st->st_mode))
		return -EISDIR;
	if (!S_ISREG(ret_st->st_mode))
		return -ENOTSUP;
	*ret_fd = take_fd(&fd);
	return 0;
}

int source_open(const struct source_spec *spec, struct source **ret_source)
{
	const struct identity want = { spec->ino, spec->size_bytes, spec->mtime_ns };
	cleanup_(source_freep) struct source *source = NULL;
	struct stat st;
	int r;

	source = calloc(1, sizeof(*source));
	if (!source)
		return err_raise(-ENOMEM);
	source->fd = -1;
	r = open_file(spec, &st, &source->fd);
	if (r)
		return r;
	source->identity = identity_of(&st);
	source->device = st.st_dev;
	source->opened = st;
	if (spec->ino && spec->fd < 0) {
		source->path = strdup(spec->path);
		if (!source->path)
			return err_raise(-ENOMEM);
	}
	if (spec->ino && !is_same(&source->identity, &want))
		return SOURCE_E_CHANGED;
	if (!spec->ino && want.size_bytes && source->identity.size_bytes != want.size_bytes)
		return SOURCE_E_CHANGED;
	(void)posix_fadvise(source->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	*ret_source = take_ptr(source);
	return 0;
}

struct source *source_free(struct source *source)
{
	if (!source)
		return NULL;
	if (source->fd >= 0)
		close(source->fd);
	free(source->path);
	free(source);
	return NULL;
}

void source_freep(struct source **source)
{
	source_free(*source);
}

/*
 * The moment of the last change cannot be put back, as that of the last write can. It may be one of names or permissions, too:
 * where those can be seen to differ nothing is known, and a file that is not watched by its name may have been given another.
 */
static bool is_touched(const struct source *source, const struct stat *st)
{
	const struct stat *opened = &source->opened;

	if (!source->path || opened->st_nlink != st->st_nlink || opened->st_mode != st->st_mode ||
		opened->st_uid != st->st_uid || opened->st_gid != st->st_gid)
		return false;
	return opened->st_ctim.tv_sec != st->st_ctim.tv_sec ||
		opened->st_ctim.tv_nsec != st->st_ctim.tv_nsec;
}

/* The open file; what its name means by now is not looked at. */
static int check_file(const struct source *source)
{
	struct identity now;
	struct stat st;

	if (fstat(source->fd, &st))
		return -errno;
	now = identity_of(&st);
	return is_same(&source->identity, &now) && !is_touched(source, &st) ? 0 : SOURCE_E_CHANGED;
}

int source_read(struct source *source, void *bytes, size_t size, size_t *ret_size)
{
	uint64_t left_bytes = source->identity.size_bytes - source->offset_bytes;
	size_t got;
	int r;

	if (size > left_bytes)
		size = (size_t)left_bytes;
	r = io_pread_all(source->fd, bytes, size, source->offset_bytes, &got);
	if (r)
		return r;
	if (got < size)
		return SOURCE_E_CHANGED;
	r = check_file(source);
	if (r)
		return r;
	source->offset_bytes += got;
	*ret_size = got;
	return 0;
}

void source_seek(struct source *source, uint64_t offset_bytes)
{
	source->offset_bytes = offset_bytes;
}

int source_check(const struct source *source)
{
	struct identity now;
	struct stat st;
	int r = check_file(source);

	if (r || !source->path)
		return r;
	if (fstatat(AT_FDCWD, source->path, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT || errno == ENOTDIR ? SOURCE_E_CHANGED : -errno;
	now = identity_of(&st);
	return st.st_dev == source->device && is_same(&source->identity, &now) ? 0
									       : SOURCE_E_CHANGED;
}

uint64_t source_size_bytes(const struct source *source)
{
	return source->identity.size_bytes;
}

uint64_t source_offset_bytes(const struct source *source)
{
	return source->offset_bytes;
}
