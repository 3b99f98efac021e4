/* SPDX-License-Identifier: MIT */
/* Files without a name: they leave nothing behind, and get only a name that is free. */
#include "engine/unnamed.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

START_TEST(has_no_name_until_it_gets_one)
{
	char *path, *content;
	struct stat st;
	struct unnamed_folder *folder = NULL;
	int fd = -1;

	umask(027);
	ck_assert_ptr_nonnull(tmpdir_new());
	path = tmpdir_path("file");
	ck_assert_int_eq(unnamed_open_folder(NULL, path, &folder), 0);
	ck_assert_int_eq(unnamed_open(folder, &fd), 0);
	ck_assert_int_eq(write(fd, "text", 4), 4);
	ck_assert_int_ne(access(path, F_OK), 0);
	ck_assert_int_eq(unnamed_link(NULL, fd, folder->ino, path), 0);
	ck_assert_int_eq(unnamed_link(NULL, fd, folder->ino, path), -EEXIST);
	close(fd);
	unnamed_close_folder(folder);
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
	struct unnamed_folder *folder = NULL;
	int fd = -1;

	ck_assert_ptr_nonnull(tmpdir_new());
	path = tmpdir_path("no-folder/file");
	ck_assert_int_eq(unnamed_open_folder(NULL, path, &folder), -ENOENT);
	ck_assert_ptr_null(folder);
	/* a file system that has none */
	ck_assert_int_eq(unnamed_open_folder(NULL, "/proc/file", &folder), 0);
	ck_assert_int_eq(unnamed_open(folder, &fd), UNNAMED_E_NOT_HERE);
	ck_assert_int_eq(fd, -1);
	unnamed_close_folder(folder);
	free(path);
}
END_TEST

/* Its folder was moved, and another one has its name. */
START_TEST(stays_in_its_folder)
{
	char *name, *path, *moved;
	struct unnamed_folder *folder = NULL;
	int fd = -1;

	ck_assert_ptr_nonnull(tmpdir_new());
	name = tmpdir_path("folder");
	moved = tmpdir_path("moved");
	path = tmpdir_path("folder/file");
	ck_assert_int_eq(mkdir(name, 0700), 0);
	ck_assert_int_eq(unnamed_open_folder(NULL, path, &folder), 0);
	ck_assert_int_eq(unnamed_open(folder, &fd), 0);
	ck_assert_int_eq(rename(name, moved), 0);
	ck_assert_int_eq(mkdir(name, 0700), 0);
	ck_assert_int_eq(unnamed_link(NULL, fd, folder->ino, path), -ESTALE);
	ck_assert_int_eq(rmdir(name), 0);
	ck_assert_int_eq(symlink("moved", name), 0);
	ck_assert_int_eq(unnamed_link(NULL, fd, folder->ino, path), 0);
	close(fd);
	unnamed_close_folder(folder);
	free(name);
	free(moved);
	free(path);
}
END_TEST

/* A crowd that goes to one folder opens it once; what has its name since is another. */
START_TEST(shares_its_folder)
{
	struct unnamed_folders folders = { 0 };
	struct unnamed_folder *a, *b, *c, *d;
	char *name, *moved, *path, *other;
	uint64_t ino;
	int fd = -1;

	ck_assert_ptr_nonnull(tmpdir_new());
	name = tmpdir_path("folder");
	moved = tmpdir_path("moved");
	path = tmpdir_path("folder/file");
	other = tmpdir_path("folder/other");
	ck_assert_int_eq(mkdir(name, 0700), 0);
	ck_assert_int_eq(unnamed_open_folder(&folders, path, &a), 0);
	ck_assert_int_eq(unnamed_open_folder(&folders, other, &b), 0);
	ck_assert_ptr_eq(a, b);
	ino = a->ino;
	ck_assert_int_eq(unnamed_open(a, &fd), 0);
	ck_assert_int_eq(rename(name, moved), 0);
	/* nothing is there, which is seen at the next look */
	if (!_i)
		unnamed_look_again(&folders);
	ck_assert_int_eq(unnamed_open_folder(&folders, path, &c), _i ? 0 : -ENOENT);
	ck_assert_int_eq(mkdir(name, 0700), 0);
	if (!_i)
		unnamed_look_again(&folders);
	ck_assert_int_eq(unnamed_open_folder(&folders, path, &d), 0);
	ck_assert(_i ? d == a && c == a : d != a);
	ck_assert_int_eq(unnamed_link(&folders, fd, ino, path), _i ? 0 : -ESTALE);
	unnamed_forget_folders(&folders);
	ck_assert_int_eq(unnamed_link(&folders, fd, ino, path), -ESTALE);
	unnamed_close_folder(d);
	if (_i)
		unnamed_close_folder(c);
	/* whoever has it open still has it */
	unnamed_close_folder(b);
	ck_assert_int_eq(faccessat(a->fd, "file", F_OK, 0), _i ? 0 : -1);
	unnamed_close_folder(a);
	unnamed_forget_folders(&folders);
	close(fd);
	free(name);
	free(moved);
	free(path);
	free(other);
}
END_TEST

static int n_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Where the kernel does not link what another (as its rights were once) has opened: by its name in /proc. */
START_TEST(gets_its_name_without_rights)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];
	struct unnamed_folder *folder;
	char *path, *other, *content;
	int fd = -1;

	ck_assert_ptr_nonnull(tmpdir_new());
	path = tmpdir_path("file");
	other = tmpdir_path("other");
	ck_assert_int_eq(unnamed_open_folder(NULL, path, &folder), 0);
	ck_assert_int_eq(unnamed_open(folder, &fd), 0);
	ck_assert_int_eq(write(fd, "text", 4), 4);
	ck_assert_int_eq(syscall(SYS_capget, &header, caps), 0);
	caps[0].effective &= ~(1u << CAP_DAC_READ_SEARCH);
	ck_assert_int_eq(syscall(SYS_capset, &header, caps), 0);
	ck_assert_int_ne(linkat(fd, "", AT_FDCWD, path, AT_EMPTY_PATH), 0);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(unnamed_link(NULL, fd, folder->ino, path), 0);
	ck_assert_int_eq(unnamed_link(NULL, fd, folder->ino, path), -EEXIST);
	ck_assert_int_eq(unnamed_link(NULL, fd, folder->ino, other), 0);
	content = tmpdir_read(other);
	ck_assert_str_eq(content, "text");
	close(fd);
	unnamed_close_folder(folder);
	free(content);
	free(other);
	free(path);
}
END_TEST

/* However many folders there are, the last few are kept, and all of their descriptors come back. */
START_TEST(keeps_few_folders)
{
	struct unnamed_folders folders = { 0 };
	struct unnamed_folder *folder;
	char *path;
	int before;

	ck_assert_ptr_nonnull(tmpdir_new());
	before = n_descriptors();
	for (int i = 0; i < 3 * UNNAMED_FOLDERS; i++) {
		path = tmpdir_path("%d", i);
		ck_assert_int_eq(mkdir(path, 0700), 0);
		free(path);
		path = tmpdir_path("%d/file", i);
		ck_assert_int_eq(unnamed_open_folder(&folders, path, &folder), 0);
		unnamed_close_folder(folder);
		free(path);
	}
	ck_assert_int_eq(n_descriptors(), before + UNNAMED_FOLDERS);
	unnamed_forget_folders(&folders);
	ck_assert_int_eq(n_descriptors(), before);
}
END_TEST

/* Most descriptors are for connections and parts. */
START_TEST(leaves_descriptors_to_others)
{
	const struct rlimit limit = { 64, 64 };
	char *path;
	struct unnamed_folder *folder = NULL;
	int fd = -1, n = 0, next, after;

	ck_assert_ptr_nonnull(tmpdir_new());
	path = tmpdir_path("file");
	ck_assert_int_eq(unnamed_open_folder(NULL, path, &folder), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while (unnamed_open(folder, &fd) == 0)
		n++;
	ck_assert_int_ge(n, 1);
	ck_assert_int_lt(fd, 16);
	/* and keeps none that it does not give */
	next = open("/dev/null", O_RDONLY);
	close(next);
	ck_assert_int_eq(unnamed_open(folder, &fd), UNNAMED_E_NOT_HERE);
	after = open("/dev/null", O_RDONLY);
	ck_assert_int_eq(after, next);
	unnamed_close_folder(folder);
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
	TEST(stays_in_its_folder), TEST_LOOP(shares_its_folder, 2),
	TEST(gets_its_name_without_rights), TEST(keeps_few_folders),
	TEST(leaves_descriptors_to_others), TEST(knows_who_keeps_the_content))
