/* SPDX-License-Identifier: MIT */
/* Starts threads with every signal blocked, so that signals stay with the main thread. */
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"

struct thread {
	pthread_t id;
	void (*run)(void *user);
	void *user;
	char name[16];
};

static void *on_start(void *arg)
{
	struct thread *t = arg;

	pthread_setname_np(pthread_self(), t->name);
	t->run(t->user);
	return NULL;
}

int thread_start(const char *name, void (*run)(void *user), void *user, struct thread **ret_thread)
{
	struct thread *t = calloc(1, sizeof(*t));
	sigset_t all, before;
	int r;

	if (!t)
		return err_raise(-ENOMEM);
	t->run = run;
	t->user = user;
	snprintf(t->name, sizeof(t->name), "%s", name);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&t->id, NULL, on_start, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r) {
		free(t);
		return err_raise(-r);
	}
	*ret_thread = t;
	return 0;
}

void thread_join(struct thread *thread)
{
	if (!thread)
		return;
	pthread_join(thread->id, NULL);
	free(thread);
}
