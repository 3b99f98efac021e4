/* SPDX-License-Identifier: MIT */
/*
 * What an upload sends: a regular file read from its start with pread, so that a shared descriptor
 * keeps its place. Never mapped: a file cut short is an error, not a signal. The file must stay
 * what it was when the task was made (inode, size, time of change), and its name must go on
 * meaning it: a file that was replaced by another is a changed source, too.
 */
#ifndef ENGINE_SOURCE_H
#define ENGINE_SOURCE_H

#include <stddef.h>
#include <stdint.h>

enum { SOURCE_E_CHANGED = 1 };

struct source;

struct source_spec {
	int fd; /* duplicated; -1: open path */
	const char *path;
	/* ino 0: a private snapshot; only its size is held on to, and its name does not matter */
	uint64_t ino, size_bytes, mtime_ns;
};

/*
 * 0, SOURCE_E_CHANGED, or -errno (-ENOENT, -EACCES, -EISDIR, -ELOOP: symlink, -ENOTSUP: not a
 * regular file).
 */
int source_open(const struct source_spec *spec, struct source **ret_source);
struct source *source_free(struct source *source);
void source_freep(struct source **source);

/* Fills up to @size bytes, 0 only at the end; a file that ends too early is SOURCE_E_CHANGED. */
int source_read(struct source *source, void *bytes, size_t size, size_t *ret_size);
/* What is read next; not behind the end. */
void source_seek(struct source *source, uint64_t offset_bytes);
/*
 * Still the same file, under the same name? Call after the last byte is read and before success is
 * believed. 0, SOURCE_E_CHANGED or -errno.
 */
int source_check(const struct source *source);
uint64_t source_size_bytes(const struct source *source);
uint64_t source_offset_bytes(const struct source *source);

#endif
