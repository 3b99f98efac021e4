/* SPDX-License-Identifier: MIT */
/*
 * Three ways, the best first: RENAME_NOREPLACE; a second name for a moment, for link() replaces nothing; and where there are no
 * links either (FUSE, network mounts), a placeholder that only we can have made, and a rename over it.
 */
#include "base/rename.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/failpoint.h"
#include "base/io.h"

#define TEXT_BYTES (NAME_MAX + 64)
#define MOMENT_S   10 /* between the marker and what it is made for */

/* What a file system says that does not know the call, or the flag. */
static bool is_unknown(int error_no)
{
	return error_no == EINVAL || error_no == ENOSYS || error_no == EOPNOTSUPP;
}

/* EPERM is what link(2) says where there are none, EMLINK where a file has one name at most. */
bool rename_has_no_links(int error_no)
{
	return is_unknown(error_no) || error_no == EPERM || error_no == EMLINK;
}

/* ---- the placeholder ---- */

/*
 * It is made in two steps, and a death between them leaves a file of which nobody can say whose it is. So a marker beside @from is
 * there before it and until it is whole: what then is empty, or a beginning of our text, and as old as the marker, is ours.
 */
struct placeholder {
	int folder_fd;
	const char *to;
	char text[TEXT_BYTES];
	char marker[PATH_MAX];
};

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The marker's name fits where that of @from does. */
static int describe(int folder_fd, const char *from, const char *to, struct placeholder *p)
{
	static const char suffix[] = ".name";
	size_t n = strlen(from), n_name = strlen(name_of(from));

	if (n_name + sizeof(suffix) - 1 > NAME_MAX)
		n -= sizeof(suffix) - 1;
	if (n + sizeof(suffix) > sizeof(p->marker))
		return -ENAMETOOLONG;
	memcpy(p->marker, from, n);
	memcpy(p->marker + n, suffix, sizeof(suffix));
	snprintf(p->text, sizeof(p->text), "This name is kept for %s\n", name_of(from));
	p->folder_fd = folder_fd;
	p->to = to;
	return 0;
}

static int open_to_look(int folder_fd, const char *path, int flags)
{
	return openat(folder_fd, path, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* The file begins like text, and has no more than that. */
static bool begins(int fd, const char *text, struct stat *ret_st)
{
	char found[PATH_MAX];
	size_t got;

	return fd >= 0 && fstat(fd, ret_st) == 0 && S_ISREG(ret_st->st_mode) &&
		(size_t)ret_st->st_size <= strlen(text) &&
		io_pread_all(fd, found, (size_t)ret_st->st_size, 0, &got) == 0 &&
		got == (size_t)ret_st->st_size && memcmp(found, text, got) == 0;
}

static bool holds(int folder_fd, const char *path, const char *text, struct stat *ret_st)
{
	cleanup_(cleanup_close) int fd = open_to_look(folder_fd, path, O_RDONLY);

	return begins(fd, text, ret_st) && (size_t)ret_st->st_size == strlen(text);
}

static bool is_placeholder(const struct placeholder *p)
{
	struct stat st;

	return holds(p->folder_fd, p->to, p->text, &st);
}

/* Made after the marker, in the same moment, and by the same user with the same permissions, which few others give. */
static bool is_akin(const struct stat *st, const struct stat *marker)
{
	int64_t s = (int64_t)st->st_mtim.tv_sec - marker->st_mtim.tv_sec;

	return st->st_uid == marker->st_uid && st->st_mode == marker->st_mode && s >= 0 &&
		s <= MOMENT_S && (s > 0 || st->st_mtim.tv_nsec >= marker->st_mtim.tv_nsec);
}

/* What we have begun and did not end; -1: there is none. */
static int open_begun(const struct placeholder *p)
{
	struct stat marker, st;
	int fd;

	if (!holds(p->folder_fd, p->marker, p->to, &marker))
		return -1;
	fd = open_to_look(p->folder_fd, p->to, O_RDWR);
	if (begins(fd, p->text, &st) && is_akin(&st, &marker))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* All of it, on the disk. */
static int write_text_take(int fd, const char *text)
{
	int r = io_pwrite_all(fd, text, strlen(text), 0);

	if (!r && fsync(fd) && !is_unknown(errno))
		r = -errno;
	/* a network mount may say only now that it has no room */
	if (close(fd) && !r && errno != EINTR)
		r = -errno;
	return r;
}

static int mark(const struct placeholder *p)
{
	int fd = openat(p->folder_fd, p->marker,
		O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : write_text_take(fd, p->to);
}

/* A descriptor, or -errno. */
static int begin(const struct placeholder *p)
{
	struct stat st;
	int r, fd;

	/* what is there already is never taken for ours, whatever becomes of us */
	if (fstatat(p->folder_fd, p->to, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	r = mark(p);
	if (!r)
		r = FAILPOINT("rename.marked");
	if (r)
		return r;
	fd = openat(
		p->folder_fd, p->to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

static int keep_name(const struct placeholder *p)
{
	int fd, r;

	if (is_placeholder(p))
		return 0;
	fd = open_begun(p);
	if (fd < 0)
		fd = begin(p);
	if (fd < 0)
		return fd;
	r = FAILPOINT("rename.begun");
	if (r)
		close(fd);
	else
		r = write_text_take(fd, p->text);
	if (r)
		(void)unlinkat(p->folder_fd, p->to, 0);
	return r;
}

static int rename_over_placeholder(int folder_fd, const char *from, const char *to)
{
	struct placeholder p;
	int r = describe(folder_fd, from, to, &p);

	if (r)
		return r;
	r = keep_name(&p);
	(void)unlinkat(folder_fd, p.marker, 0);
	if (!r)
		r = FAILPOINT("rename.kept");
	if (r)
		return r;
	/* somebody may have put a file there since */
	if (!is_placeholder(&p))
		return -EEXIST;
	if (renameat(folder_fd, from, folder_fd, to) == 0)
		return 0;
	r = -errno;
	if (is_placeholder(&p))
		(void)unlinkat(folder_fd, to, 0);
	/* a file system that renames over nothing */
	return r == -EEXIST || is_unknown(-r) ? -EOPNOTSUPP : r;
}

/* ---- all ways ---- */

int rename_no_replace_at(int folder_fd, const char *from, const char *to)
{
	if (renameat2(folder_fd, from, folder_fd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (!is_unknown(errno))
		return -errno;
	if (linkat(folder_fd, from, folder_fd, to, 0) == 0)
		return unlinkat(folder_fd, from, 0) ? -errno : 0;
	if (!rename_has_no_links(errno))
		return -errno;
	return rename_over_placeholder(folder_fd, from, to);
}

int rename_no_replace(const char *from, const char *to)
{
	return rename_no_replace_at(AT_FDCWD, from, to);
}
