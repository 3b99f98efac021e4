/* SPDX-License-Identifier: MIT */
/* Complete reads and writes, folders, and folder syncs. */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

int io_write_all(int fd, const void *bytes, size_t size)
{
	const char *p = bytes;

	while (size) {
		ssize_t n = write(fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

int io_pwrite_all(int fd, const void *bytes, size_t size, uint64_t offset)
{
	const char *p = bytes;

	while (size) {
		ssize_t n = pwrite(fd, p, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		p += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

int io_pread_all(int fd, void *bytes, size_t size, uint64_t offset, size_t *ret_size)
{
	char *p = bytes;
	size_t got = 0;

	while (got < size) {
		ssize_t n = pread(fd, p + got, size - got, (off_t)(offset + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	*ret_size = got;
	return 0;
}

int io_mkdir_all(const char *path, mode_t mode)
{
	char partial[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(partial))
		return -ENAMETOOLONG;
	memcpy(partial, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (partial[i] != '/' && partial[i] != 0)
			continue;
		partial[i] = 0;
		if (mkdir(partial, mode) && errno != EEXIST)
			return -errno;
		if (i < len)
			partial[i] = '/';
	}
	return 0;
}

int io_mkdir_private(const char *path)
{
	struct stat st;
	int r = io_mkdir_all(path, 0700);

	if (r)
		return r;
	if (lstat(path, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (st.st_uid != geteuid())
		return -EPERM;
	return (st.st_mode & 0777) != 0700 && chmod(path, 0700) ? -errno : 0;
}

int io_sync_dir_fd(int dir_fd)
{
	while (fsync(dir_fd)) {
		if (errno == EINTR)
			continue;
		/* some file systems cannot sync a folder; there a rename is as durable as it gets */
		if (errno == EINVAL || errno == ENOTSUP)
			return 0;
		return -errno;
	}
	return 0;
}
