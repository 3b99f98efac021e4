/* SPDX-License-Identifier: MIT */
/* File calls that finish what they begin: short writes and EINTR are dealt with here. All return 0 or -errno. */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

int io_write_all(int fd, const void *bytes, size_t size);
int io_pwrite_all(int fd, const void *bytes, size_t size, uint64_t offset);
/* Reads up to size bytes, fewer only at the end of the file. */
int io_pread_all(int fd, void *bytes, size_t size, uint64_t offset, size_t *ret_size);
/* Creates every missing folder of path with mode; an existing one is fine. */
int io_mkdir_all(const char *path, mode_t mode);
/* The same for a folder that nobody else may enter: -EPERM or -ENOTDIR when what is there is not ours, or no folder. */
int io_mkdir_private(const char *path);
/* Makes names in the folder durable. */
int io_sync_dir_fd(int dir_fd);

#endif
