/* SPDX-License-Identifier: MIT */
/*
 * A whole small file that has no name before it is put in place (O_TMPFILE): there is no part to make, rename and clean
 * up, which is a third of what a file of some KiB costs. It lives by its descriptor, so it goes with the process that made it.
 *
 * A part that is renamed cannot leave its folder; here the folder is looked at: it must be the same at the end as at the
 * beginning, whoever has put another under its name meanwhile.
 */
#ifndef ENGINE_UNNAMED_H
#define ENGINE_UNNAMED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A folder, opened: counted, so that a crowd of files that go to one opens it once. By one thread. */
struct unnamed_folder {
	unsigned n_users;
	int fd; /* O_PATH, for the *at() calls */
	uint64_t ino; /* tells it from others of its file system */
	uint64_t device;
	unsigned seen; /* the moment at which it last was what has its name */
	int files_max; /* how many files without a name; -1: not asked yet */
	size_t size; /* of path, with the last slash */
	char path[];
};

/*
 * The last few. All zero: none. Kept for a moment only, for a folder that is open keeps its file system from being unmounted:
 * the owner forgets them soon, at the latest when there is nothing left to do.
 */
#define UNNAMED_FOLDERS 4
struct unnamed_folders {
	struct unnamed_folder *kept[UNNAMED_FOLDERS];
	unsigned next;
	unsigned moment; /* of one moment there is one look at what has their name */
};

/* The folder that @path is in; @folders NULL: nothing is kept. 0 or -errno. */
int unnamed_open_folder(
	struct unnamed_folders *folders, const char *path, struct unnamed_folder **ret_folder);
struct unnamed_folder *unnamed_close_folder(struct unnamed_folder *folder); /* NULL is fine */
void unnamed_forget_folders(struct unnamed_folders *folders);
/* What is asked for from now on may count on what has their name now. */
static inline void unnamed_look_again(struct unnamed_folders *folders)
{
	folders->moment++;
}

/*
 * 0; UNNAMED_E_NOT_HERE: the file system has none that are safe, or too many are open (each waits for the disk with its descriptor);
 * -errno. Its mode is what the umask leaves of 0666.
 */
enum { UNNAMED_E_NOT_HERE = 1 };
int unnamed_open(struct unnamed_folder *folder, int *ret_fd);
/*
 * A sync of a file without a name and later one of the folder that it was linked into are all that it needs there (type is that of
 * statfs(2)). Not so where a sync is a log of names: btrfs leaves out what has none, and logs a new name in a folder without
 * content, so that a loss of power may leave an empty file.
 */
bool unnamed_is_journaled(unsigned long type);

/*
 * Gives it a name, which must be free: 0 or -errno; -ESTALE: the folder of @path is not the one with the number @folder_ino
 * any more.
 */
int unnamed_link(struct unnamed_folders *folders, int fd, uint64_t folder_ino, const char *path);

#endif
