/* SPDX-License-Identifier: MIT */
/*
 * Power cuts: the daemon's state lies on a disk of its own, an ext4 file system in a file, which writes nothing by itself
 * within the time of a test. A cut takes what has reached that disk and nothing else: a copy of the file, mounted in place
 * of it, under another boot id. Needs root and loop devices.
 */
#ifndef TESTS_CRASH_POWER_H
#define TESTS_CRASH_POWER_H

#include <sys/types.h>

struct power;

/* Mounts of this process and its children are their own from now on. 0; -EPERM and the like: not possible here. */
int power_enter(void);
/* A new disk at $XDG_STATE_HOME. 0 or -EIO: a program said why. */
int power_new(struct power **ret_power);
/* NULL is fine. No process may be using the disk. */
struct power *power_free(struct power *p);
/*
 * The machine of this daemon loses its power: at the next instruction of each of its threads, or at the end of the system
 * call that it is in. The daemon is gone when this returns, and the disk is as the machine would find it.
 */
int power_cut(struct power *p, pid_t daemon);

#endif
