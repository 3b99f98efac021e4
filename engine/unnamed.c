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
#include <sys/stat.h>
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

int unnamed_open_folder(const char *path, int *ret_fd, uint64_t *ret_ino)
{
	cleanup_(cleanup_close) int fd = -1;
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) + 1 : 0;
	char folder[PATH_MAX];
	struct stat st;

	if (n >= sizeof(folder))
		return -ENAMETOOLONG;
	memcpy(folder, path, n);
	folder[n] = '\0';
	fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	*ret_ino = st.st_ino;
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

int unnamed_open(int folder_fd, int *ret_fd)
{
	cleanup_(cleanup_close) int fd = -1;
	struct statfs fs;

	if (FAILPOINT("unnamed.open") || fstatfs(folder_fd, &fs) ||
		!unnamed_is_journaled((unsigned long)fs.f_type))
		return UNNAMED_E_NOT_HERE;
	fd = openat(folder_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
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

int unnamed_link(int fd, uint64_t folder_ino, const char *path)
{
	cleanup_(cleanup_close) int folder_fd = -1;
	char self[64];
	uint64_t ino;
	/* in another file system the link fails */
	int r = unnamed_open_folder(path, &folder_fd, &ino);

	if (r)
		return r;
	if (ino != folder_ino)
		return -ESTALE;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, folder_fd, strrchr(path, '/') + 1, AT_SYMLINK_FOLLOW) ? -errno
											    : 0;
}
