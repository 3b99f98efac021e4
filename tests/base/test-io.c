/* SPDX-License-Identifier: MIT */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/run.h"

START_TEST(writes_and_reads_whole)
{
	char path[] = "/tmp/transferd-io-XXXXXX", got[16];
	int fd = mkstemp(path);
	size_t n;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(io_write_all(fd, "hello", 5), 0);
	ck_assert_int_eq(io_pwrite_all(fd, "HE", 2, 0), 0);
	ck_assert_int_eq(io_pread_all(fd, got, sizeof(got), 0, &n), 0);
	ck_assert_uint_eq(n, 5);
	ck_assert_mem_eq(got, "HEllo", 5);
	ck_assert_int_eq(io_pread_all(fd, got, 2, 3, &n), 0);
	ck_assert_mem_eq(got, "lo", 2);
	close(fd);
	unlink(path);
	ck_assert_int_eq(io_write_all(fd, "x", 1), -EBADF);
	fd = open("/dev/full", O_WRONLY);
	ck_assert_int_eq(io_write_all(fd, "x", 1), -ENOSPC);
	close(fd);
}
END_TEST

START_TEST(makes_folders)
{
	char base[] = "/tmp/transferd-io-XXXXXX", path[64];
	struct stat st;
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(base));
	snprintf(path, sizeof(path), "%s/a/b/c", base);
	ck_assert_int_eq(io_mkdir_all(path, 0700), 0);
	ck_assert_int_eq(io_mkdir_all(path, 0700), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0700);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(io_sync_dir_fd(fd), 0);
	close(fd);
	ck_assert_int_eq(io_sync_dir_fd(fd), -EBADF);
	while (strlen(path) >= strlen(base)) {
		ck_assert_int_eq(rmdir(path), 0);
		*strrchr(path, '/') = 0;
	}
}
END_TEST

START_TEST(makes_a_private_folder)
{
	char base[] = "/tmp/transferd-io-XXXXXX", path[64], other[64];
	struct stat st;

	ck_assert_ptr_nonnull(mkdtemp(base));
	snprintf(path, sizeof(path), "%s/a", base);
	snprintf(other, sizeof(other), "%s/b", base);
	ck_assert_int_eq(io_mkdir_private(path), 0);
	ck_assert_int_eq(chmod(path, 0755), 0);
	ck_assert_int_eq(io_mkdir_private(path), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0700);
	ck_assert_int_eq(symlink(path, other), 0);
	ck_assert_int_eq(io_mkdir_private(other), -ENOTDIR);
	ck_assert_int_eq(unlink(other), 0);
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(rmdir(base), 0);
}
END_TEST

RUN_TESTS(
	"base/io", TEST(writes_and_reads_whole), TEST(makes_folders), TEST(makes_a_private_folder))
