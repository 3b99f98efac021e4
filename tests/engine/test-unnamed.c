/* SPDX-License-Identifier: MIT */
/* Files without a name: they leave nothing behind, and get only a name that is free. */
#include "engine/unnamed.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

START_TEST(has_no_name_until_it_gets_one)
{
	char *path, *content;
	struct stat st;
	int fd = -1, folder_fd = -1;
	uint64_t ino;

	umask(027);
	ck_assert_ptr_nonnull(tmpdir_new());
	path = tmpdir_path("file");
	ck_assert_int_eq(unnamed_open_folder(path, &folder_fd, &ino), 0);
	ck_assert_int_eq(unnamed_open(folder_fd, &fd), 0);
	ck_assert_int_eq(write(fd, "text", 4), 4);
	ck_assert_int_ne(access(path, F_OK), 0);
	ck_assert_int_eq(unnamed_link(fd, ino, path), 0);
	ck_assert_int_eq(unnamed_link(fd, ino, path), -EEXIST);
	close(fd);
	close(folder_fd);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	content = tmpdir_read(path);
	ck_assert_str_eq(content, "text");
	free(content);
	free(path);
}
END_TEST

START_TEST(says_what_is_wrong)
{
	char *path;
	int fd = -1, folder_fd = -1;
	uint64_t ino;

	ck_assert_ptr_nonnull(tmpdir_new());
	path = tmpdir_path("no-folder/file");
	ck_assert_int_eq(unnamed_open_folder(path, &folder_fd, &ino), -ENOENT);
	ck_assert_int_eq(folder_fd, -1);
	/* a file system that has none */
	ck_assert_int_eq(unnamed_open_folder("/proc/file", &folder_fd, &ino), 0);
	ck_assert_int_eq(unnamed_open(folder_fd, &fd), UNNAMED_E_NOT_HERE);
	ck_assert_int_eq(fd, -1);
	close(folder_fd);
	free(path);
}
END_TEST

/* Its folder was moved, and another one has its name. */
START_TEST(stays_in_its_folder)
{
	char *folder, *path, *moved;
	int fd = -1, folder_fd = -1;
	uint64_t ino;

	ck_assert_ptr_nonnull(tmpdir_new());
	folder = tmpdir_path("folder");
	moved = tmpdir_path("moved");
	path = tmpdir_path("folder/file");
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	ck_assert_int_eq(unnamed_open_folder(path, &folder_fd, &ino), 0);
	ck_assert_int_eq(unnamed_open(folder_fd, &fd), 0);
	ck_assert_int_eq(rename(folder, moved), 0);
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	ck_assert_int_eq(unnamed_link(fd, ino, path), -ESTALE);
	ck_assert_int_eq(rmdir(folder), 0);
	ck_assert_int_eq(symlink("moved", folder), 0);
	ck_assert_int_eq(unnamed_link(fd, ino, path), 0);
	close(fd);
	close(folder_fd);
	free(folder);
	free(moved);
	free(path);
}
END_TEST

/* Most descriptors are for connections and parts. */
START_TEST(leaves_descriptors_to_others)
{
	const struct rlimit limit = { 64, 64 };
	char *path;
	int fd = -1, folder_fd = -1, n = 0, next, after;
	uint64_t ino;

	ck_assert_ptr_nonnull(tmpdir_new());
	path = tmpdir_path("file");
	ck_assert_int_eq(unnamed_open_folder(path, &folder_fd, &ino), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while (unnamed_open(folder_fd, &fd) == 0)
		n++;
	ck_assert_int_ge(n, 1);
	ck_assert_int_lt(fd, 16);
	/* and keeps none that it does not give */
	next = open("/dev/null", O_RDONLY);
	close(next);
	ck_assert_int_eq(unnamed_open(folder_fd, &fd), UNNAMED_E_NOT_HERE);
	after = open("/dev/null", O_RDONLY);
	ck_assert_int_eq(after, next);
	free(path);
}
END_TEST

/* Elsewhere a sync before the name says nothing of the content under it. */
START_TEST(knows_who_keeps_the_content)
{
	static const struct {
		unsigned long type;
		bool is_journaled;
	} types[] = {
		{ EXT4_SUPER_MAGIC, true },
		{ XFS_SUPER_MAGIC, true },
		{ TMPFS_MAGIC, true },
		{ F2FS_SUPER_MAGIC, true },
		{ BTRFS_SUPER_MAGIC, false },
		{ OVERLAYFS_SUPER_MAGIC, false },
		{ 0, false },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		ck_assert_int_eq(unnamed_is_journaled(types[i].type), types[i].is_journaled);
}
END_TEST

RUN_TESTS("engine/unnamed", TEST(has_no_name_until_it_gets_one), TEST(says_what_is_wrong),
	TEST(stays_in_its_folder), TEST(leaves_descriptors_to_others),
	TEST(knows_who_keeps_the_content))
