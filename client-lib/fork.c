/* SPDX-License-Identifier: MIT */
/* Forks are counted, and the lock of the process is taken around each. Its constructor runs before there are threads. */
#include "client-lib/fork.h"

#include <pthread.h>
#include <stdatomic.h>

static pthread_mutex_t process_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint n_forks;
static int watch_result;
static atomic_uint n_inside; /* threads in libdbus; those of a parent count for ever */
static bool is_stuck; /* set before a child has a second thread */

static void on_forked(void)
{
	atomic_fetch_add_explicit(&n_forks, 1, memory_order_relaxed);
	is_stuck = atomic_load(&n_inside) > 0;
	fork_unlock();
}

__attribute__((constructor)) static void watch(void)
{
	watch_result = -pthread_atfork(fork_lock, fork_unlock, on_forked);
}

unsigned int fork_count(void)
{
	return atomic_load_explicit(&n_forks, memory_order_relaxed);
}

int fork_status(void)
{
	return watch_result;
}

void fork_lock(void)
{
	pthread_mutex_lock(&process_lock);
}

void fork_unlock(void)
{
	pthread_mutex_unlock(&process_lock);
}

void fork_bus_enter(void)
{
	atomic_fetch_add(&n_inside, 1);
}

void fork_bus_leave(void)
{
	atomic_fetch_sub(&n_inside, 1);
}

bool fork_bus_is_stuck(void)
{
	return is_stuck;
}
