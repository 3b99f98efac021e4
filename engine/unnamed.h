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
#include <stdint.h>

/* The folder that @path is in, for the *at() calls: 0 or -errno. Its number tells it from others of its file system. */
int unnamed_open_folder(const char *path, int *ret_fd, uint64_t *ret_ino);

/*
 * 0; UNNAMED_E_NOT_HERE: the file system has none that are safe, or too many are open (each waits for the disk with its descriptor);
 * -errno. Its mode is what the umask leaves of 0666.
 */
enum { UNNAMED_E_NOT_HERE = 1 };
int unnamed_open(int folder_fd, int *ret_fd);
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
int unnamed_link(int fd, uint64_t folder_ino, const char *path);

#endif
