/* SPDX-License-Identifier: MIT */
/*
 * A file system with one file that opens and then never answers: reads wait for ever, and from some moment on so does who
 * asks for its attributes. Nor does anybody learn whether there is something of a name that begins with
 * "dead". In user space, so that it needs /dev/fuse and the right to mount.
 */
#ifndef TESTS_LIB_STUCK_H
#define TESTS_LIB_STUCK_H

#include <stdint.h>

struct stuck;

/* Mounts it on an empty folder. -EPERM, -ENOENT, -ENODEV…: not here. */
int stuck_new(const char *folder, uint64_t size_bytes, struct stuck **ret_stuck);
/* Those who wait get an error. */
struct stuck *stuck_free(struct stuck *s);
/* of the file */
const char *stuck_path(const struct stuck *s);
/* attributes are not told any more */
void stuck_freeze(struct stuck *s);
/* waits until there were so many requests that are not answered; -ETIMEDOUT */
int stuck_wait(struct stuck *s, unsigned n, unsigned timeout_ms);

#endif
