/* SPDX-License-Identifier: MIT */
/*
 * A whole small file that has no name before it is put in place (O_TMPFILE): there is no part to make, rename and clean
 * up, which is a third of what a file of some KiB costs. It lives by its descriptor, so it goes with the process that made it.
 */
#ifndef ENGINE_UNNAMED_H
#define ENGINE_UNNAMED_H

#include <stdbool.h>

/*
 * 0; UNNAMED_E_NOT_HERE: the file system has none, or too many are open (each waits for the disk with its descriptor);
 * -errno. Its folder is that of @path, its mode what the umask leaves of 0666.
 */
enum { UNNAMED_E_NOT_HERE = 1 };
int unnamed_open(const char *path, int *ret_fd);

/* Gives it a name that must be free: 0 or -errno. What was synced before is durable with the folder's next sync. */
int unnamed_link(int fd, const char *path);
/*
 * A sync of a file without a name and later one of the folder that it was linked into are all that it needs there (type is that of
 * statfs(2)). Not so where a sync is a log of names: btrfs leaves out what has none, and logs a new name in a folder without content.
 */
bool unnamed_is_journaled(unsigned long type);

#endif
