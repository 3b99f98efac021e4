/* SPDX-License-Identifier: MIT */
/*
 * How many there are is seen by the number that open() gives, for the kernel gives the lowest that is free: nobody has to
 * count who closes which.
 */
#include "engine/unnamed.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/failpoint.h"

#define FDS_MAX 2048

static int fds_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur / 4 >= FDS_MAX)
		return FDS_MAX;
	return (int)(limit.rlim_cur / 4);
}

int unnamed_open(const char *path, int *ret_fd)
{
	cleanup_(cleanup_close) int fd = -1;
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) + 1 : 0;

	if (n >= sizeof(folder) || FAILPOINT("unnamed.open"))
		return UNNAMED_E_NOT_HERE;
	memcpy(folder, path, n);
	folder[n] = '\0';
	fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
	/* what it is called where there is none: EOPNOTSUPP, EISDIR (old kernels), EINVAL */
	if (fd < 0)
		return errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL ||
				errno == EMFILE || errno == ENFILE
			? UNNAMED_E_NOT_HERE
			: -errno;
	if (fd >= fds_max())
		return UNNAMED_E_NOT_HERE;
	*ret_fd = take_fd(&fd);
	return 0;
}

bool unnamed_is_journaled(unsigned long type)
{
	static const unsigned long types[] = { EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
		TMPFS_MAGIC };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i] == type)
			return true;
	return false;
}

/* Synced while it had no name, and then its folder: elsewhere that may leave an empty file after a loss of power. */
static int keep_content(int fd)
{
	struct statfs fs;

	if (!fstatfs(fd, &fs) && unnamed_is_journaled((unsigned long)fs.f_type))
		return 0;
	while (fsync(fd)) {
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int unnamed_link(int fd, const char *path)
{
	char self[64];
	int r;

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW))
		return -errno;
	r = keep_content(fd);
	if (r)
		(void)unlink(path);
	return r;
}
