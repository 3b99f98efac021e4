/* SPDX-License-Identifier: MIT */
/*
 * fork(): the child has the memory of its parent and none of the other threads. A lock that one of those held is held
 * for ever, and what it guarded may be half done. So what has a lock notes fork_count() when it is made; in a child its
 * lock is not taken any more and it is of no use there. What the whole process shares has the one lock here.
 */
#ifndef CLIENT_LIB_FORK_H
#define CLIENT_LIB_FORK_H

#include <stdbool.h>

/* How often this process was forked from one with the library in it: cheaper to look at than its number. */
unsigned int fork_count(void);
/* 0, or -errno: forks cannot be seen, so nothing may be made that has a lock. */
int fork_status(void);

/* The lock of what the whole process shares: free, and that whole, in a child. Nothing that waits is called with it. */
void fork_lock(void);
void fork_unlock(void);

/*
 * libdbus has locks of the whole process, which nobody can make free again: whoever goes into it says so, and a child that
 * was made meanwhile cannot use it.
 */
void fork_bus_enter(void);
void fork_bus_leave(void);
bool fork_bus_is_stuck(void);
#define FORK_STUCK "the process was forked while another thread used the bus"

#endif
