/* SPDX-License-Identifier: MIT */
/* A file gets a name that must be free, on whatever file system. */
#ifndef BASE_RENAME_H
#define BASE_RENAME_H

#include <stdbool.h>

/*
 * rename_no_replace - gives the file @from the name @to, unless something has it
 *
 * One step where the file system can do it in one. Where it cannot, the name is first kept by a small file that names @from:
 * whoever dies there finds it at the next call for the same two names, and goes on. Others never see a part of the file. While
 * that one is made, a file with the name of @from and ".name" behind it says so.
 *
 * Returns 0; -EEXIST: the name is taken; -EOPNOTSUPP: this file system has no way that is safe; other -errno. Blocks on the disk.
 */
int rename_no_replace(const char *from, const char *to);
/* The same where both are names in a folder that is open (O_PATH will do): whatever has its path meanwhile. */
int rename_no_replace_at(int folder_fd, const char *from, const char *to);

/* Is that what link() says where a file cannot have a second name? */
bool rename_has_no_links(int error_no);

#endif
