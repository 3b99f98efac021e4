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
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/failpoint.h"

#define FDS_MAX 2048

DEFINE_CLEANUP(struct unnamed_folder *, unnamed_close_folder)

struct unnamed_folder *unnamed_close_folder(struct unnamed_folder *folder)
{
	if (!folder || --folder->n_users)
		return NULL;
	close(folder->fd);
	free(folder);
	return NULL;
}

void unnamed_forget_folders(struct unnamed_folders *folders)
{
	for (unsigned i = 0; i < UNNAMED_FOLDERS; i++)
		unnamed_close_folder(take_ptr(folders->kept[i]));
}

/* Is it what has that name? */
static bool is_there(const struct unnamed_folders *folders, struct unnamed_folder *folder)
{
	struct stat st;

	if (folder->seen == folders->moment)
		return true;
	folder->seen = folders->moment;
	return stat(folder->path, &st) == 0 && st.st_ino == folder->ino &&
		st.st_dev == folder->device;
}

static struct unnamed_folder *find(struct unnamed_folders *folders, const char *path, size_t size)
{
	for (unsigned i = 0; i < UNNAMED_FOLDERS; i++) {
		struct unnamed_folder *folder = folders->kept[i];

		if (!folder || folder->size != size || memcmp(folder->path, path, size) != 0)
			continue;
		if (is_there(folders, folder))
			return folder;
		folders->kept[i] = unnamed_close_folder(folder);
	}
	return NULL;
}

static int open_new(const char *path, size_t size, struct unnamed_folder **ret_folder)
{
	cleanup_(cleanup_close) int fd = -1;
	struct unnamed_folder *folder;
	char name[PATH_MAX];
	struct stat st;

	if (size >= sizeof(name))
		return -ENAMETOOLONG;
	memcpy(name, path, size);
	name[size] = '\0';
	fd = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	folder = malloc(sizeof(*folder) + size + 1);
	if (!folder)
		return err_raise(-ENOMEM);
	*folder = (struct unnamed_folder){
		.n_users = 1,
		.fd = take_fd(&fd),
		.ino = st.st_ino,
		.device = st.st_dev,
		.files_max = -1,
		.size = size,
	};
	memcpy(folder->path, name, size + 1);
	*ret_folder = folder;
	return 0;
}

static void keep(struct unnamed_folders *folders, struct unnamed_folder *folder)
{
	unsigned i;

	if (!folders)
		return;
	i = folders->next++ % UNNAMED_FOLDERS;
	unnamed_close_folder(folders->kept[i]);
	folders->kept[i] = folder;
	folder->seen = folders->moment;
	folder->n_users++;
}

int unnamed_open_folder(
	struct unnamed_folders *folders, const char *path, struct unnamed_folder **ret_folder)
{
	const char *slash = strrchr(path, '/');
	size_t size = slash ? (size_t)(slash - path) + 1 : 0;
	struct unnamed_folder *folder = folders ? find(folders, path, size) : NULL;
	int r;

	if (!folder) {
		r = open_new(path, size, &folder);
		if (r)
			return r;
		keep(folders, folder);
	} else {
		folder->n_users++;
	}
	*ret_folder = folder;
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

/* How many files without a name there may be at a time, in a folder of such a file system. */
static int files_max(const struct unnamed_folder *folder)
{
	struct rlimit limit;
	struct statfs fs;

	if (fstatfs(folder->fd, &fs) || !unnamed_is_journaled((unsigned long)fs.f_type))
		return 0;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur / 4 >= FDS_MAX)
		return FDS_MAX;
	return (int)(limit.rlim_cur / 4);
}

int unnamed_open(struct unnamed_folder *folder, int *ret_fd)
{
	cleanup_(cleanup_close) int fd = -1;

	if (folder->files_max < 0)
		folder->files_max = files_max(folder);
	if (FAILPOINT("unnamed.open") || !folder->files_max)
		return UNNAMED_E_NOT_HERE;
	fd = openat(folder->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
	/* what it is called where there is none: EOPNOTSUPP, EISDIR (old kernels), EINVAL */
	if (fd < 0)
		return errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL ||
				errno == EMFILE || errno == ENFILE
			? UNNAMED_E_NOT_HERE
			: -errno;
	if (fd >= folder->files_max)
		return UNNAMED_E_NOT_HERE;
	*ret_fd = take_fd(&fd);
	return 0;
}

/*
 * By the descriptor alone, which the kernel lets those do who may read everything, and since Linux 6.10 whoever opened it; it
 * says ENOENT to others, as it does of a folder that is gone. By its name in /proc anybody may.
 */
static int link_at(int fd, int folder_fd, const char *name)
{
	static atomic_bool needs_proc;
	char self[64];

	if (!atomic_load(&needs_proc)) {
		if (linkat(fd, "", folder_fd, name, AT_EMPTY_PATH) == 0)
			return 0;
		if (errno != ENOENT)
			return -errno;
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, self, folder_fd, name, AT_SYMLINK_FOLLOW))
		return -errno;
	atomic_store(&needs_proc, true);
	return 0;
}

int unnamed_link(struct unnamed_folders *folders, int fd, uint64_t folder_ino, const char *path)
{
	cleanup_(unnamed_close_folderp) struct unnamed_folder *folder = NULL;
	int r = unnamed_open_folder(folders, path, &folder);

	if (r)
		return r;
	/* in another file system the link fails */
	return folder->ino == folder_ino ? link_at(fd, folder->fd, strrchr(path, '/') + 1)
					 : -ESTALE;
}
