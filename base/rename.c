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
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/failpoint.h"
#include "base/io.h"

#define TEXT_BYTES (NAME_MAX + 64)

/* What a file system says that does not know the call, or the flag. */
static bool is_unknown(int error_no)
{
	return error_no == EINVAL || error_no == ENOSYS || error_no == EOPNOTSUPP;
}

/* ---- the placeholder ---- */

static void describe(const char *from, char text[TEXT_BYTES])
{
	const char *slash = strrchr(from, '/');

	snprintf(text, TEXT_BYTES, "This name is kept for %s\n", slash ? slash + 1 : from);
}

static bool is_placeholder(const char *path, const char *text)
{
	cleanup_(cleanup_close) int fd = -1;
	char found[TEXT_BYTES];
	size_t size = strlen(text), got;
	struct stat st;

	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		(size_t)st.st_size == size && io_pread_all(fd, found, size, 0, &got) == 0 &&
		got == size && memcmp(found, text, size) == 0;
}

static int keep_name(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), r;

	if (fd < 0 && errno == EEXIST)
		return is_placeholder(path, text) ? 0 : -EEXIST;
	if (fd < 0)
		return -errno;
	r = io_write_all(fd, text, strlen(text));
	/* a network mount may say only now that it has no room */
	if (close(fd) && !r && errno != EINTR)
		r = -errno;
	if (r)
		(void)unlink(path);
	return r;
}

static int rename_over_placeholder(const char *from, const char *to)
{
	char text[TEXT_BYTES];
	int r;

	describe(from, text);
	r = keep_name(to, text);
	if (!r)
		r = FAILPOINT("rename.kept");
	if (r)
		return r;
	/* somebody may have put a file there since */
	if (!is_placeholder(to, text))
		return -EEXIST;
	if (rename(from, to) == 0)
		return 0;
	r = -errno;
	if (is_placeholder(to, text))
		(void)unlink(to);
	/* a file system that renames over nothing */
	return r == -EEXIST || is_unknown(-r) ? -EOPNOTSUPP : r;
}

/* ---- all ways ---- */

int rename_no_replace(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (!is_unknown(errno))
		return -errno;
	if (link(from, to) == 0)
		return unlink(from) ? -errno : 0;
	/* EPERM is what link(2) says where there are none, EMLINK where a file has one name at most */
	if (!is_unknown(errno) && errno != EPERM && errno != EMLINK)
		return -errno;
	return rename_over_placeholder(from, to);
}
