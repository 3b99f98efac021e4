/* SPDX-License-Identifier: MIT */
/* A thread that blocks all signals and has a name. With mailbox.c, and failpoint.c in test builds, the only place that knows pthreads in the daemon. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

struct thread;

/* @name: at most 15 bytes are shown. @run ends the thread by returning. */
int thread_start(const char *name, void (*run)(void *user), void *user, struct thread **ret_thread);
/* Waits for the end and frees; NULL is fine. */
void thread_join(struct thread *thread);

#endif
