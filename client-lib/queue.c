/* SPDX-License-Identifier: MIT */
/*
 * Where callbacks run. Three kinds with one way in, queue_post(): a serial queue has a thread, a manual queue has an
 * eventfd and a dispatch call, an executor hands the work to the program. Order within a session does not depend on the
 * queue: a session never has two pieces of work under way (delivery.c).
 *
 * The thread of a serial queue is detached and owns the queue's memory once the last reference is gone, because that last
 * reference is often dropped by work that runs on this very thread.
 */
#include "client-lib/queue.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "client-lib/fork.h"
#include "client-lib/ref.h"

enum queue_kind {
	QUEUE_SERIAL,
	QUEUE_MANUAL,
	QUEUE_EXECUTOR,
};

struct transfer_queue {
	struct ref ref;
	enum queue_kind kind;
	unsigned int n_forks; /* when it was made */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct transfer_work *first, **end; /* under lock */
	bool is_stopping; /* under lock */
	bool is_started; /* under lock; serial: it has its thread */
	bool is_dispatching; /* under lock; manual */
	pthread_t dispatcher; /* valid while is_dispatching */
	int event_fd; /* manual: readable while work waits */
	char label[16];
	struct transfer_executor executor;
};

static struct transfer_queue *queue_new(enum queue_kind kind)
{
	struct transfer_queue *queue = fork_status() ? NULL : calloc(1, sizeof(*queue));

	if (!queue)
		return NULL;
	ref_init(&queue->ref);
	queue->n_forks = fork_count();
	queue->kind = kind;
	queue->end = &queue->first;
	queue->event_fd = -1;
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->changed, NULL);
	return queue;
}

static void queue_free(struct transfer_queue *queue)
{
	if (queue->event_fd >= 0)
		close(queue->event_fd);
	if (queue->executor.destroy)
		queue->executor.destroy(queue->executor.userdata);
	pthread_cond_destroy(&queue->changed);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

bool queue_is_forked(const transfer_queue *queue)
{
	return fork_count() != queue->n_forks;
}

static void queue_end(struct transfer_queue *queue)
{
	bool is_started;

	if (queue_is_forked(queue))
		return; /* it is the parent's; the memory stays */
	pthread_mutex_lock(&queue->lock);
	is_started = queue->is_started;
	queue->is_stopping = true;
	pthread_cond_signal(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
	if (!is_started)
		queue_free(queue);
}

REF_DEFINE(transfer_queue, queue_end)

/* With the lock held. */
static struct transfer_work *take_first(struct transfer_queue *queue)
{
	struct transfer_work *work = queue->first;

	if (!work)
		return NULL;
	queue->first = work->next;
	if (!queue->first)
		queue->end = &queue->first;
	work->next = NULL;
	return work;
}

static void *serve(void *arg)
{
	struct transfer_queue *queue = arg;
	struct transfer_work *work;

	pthread_setname_np(pthread_self(), queue->label);
	pthread_mutex_lock(&queue->lock);
	for (;;) {
		work = take_first(queue);
		if (!work && queue->is_stopping)
			break;
		if (!work) {
			pthread_cond_wait(&queue->changed, &queue->lock);
			continue;
		}
		pthread_mutex_unlock(&queue->lock);
		work->run(work);
		/* the callback of a child went on instead of ending it */
		if (queue_is_forked(queue))
			return NULL;
		pthread_mutex_lock(&queue->lock);
	}
	pthread_mutex_unlock(&queue->lock);
	queue_free(queue);
	return NULL;
}

static int start_thread(struct transfer_queue *queue)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, &attr, serve, queue);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return -r;
}

transfer_queue *transfer_queue_new_serial(const char *label)
{
	struct transfer_queue *queue = queue_new(QUEUE_SERIAL);

	if (!queue)
		return NULL;
	snprintf(queue->label, sizeof(queue->label), "%s", label ? label : "transfer-queue");
	queue->is_started = true;
	if (start_thread(queue)) {
		queue_free(queue);
		return NULL;
	}
	return queue;
}

transfer_queue *queue_new_serial_later(void)
{
	struct transfer_queue *queue = queue_new(QUEUE_SERIAL);

	if (queue)
		snprintf(queue->label, sizeof(queue->label), "transfer-queue");
	return queue;
}

transfer_queue *transfer_queue_new_manual(void)
{
	struct transfer_queue *queue = queue_new(QUEUE_MANUAL);

	if (!queue)
		return NULL;
	queue->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (queue->event_fd < 0) {
		queue_free(queue);
		return NULL;
	}
	return queue;
}

transfer_queue *transfer_queue_new_executor(const struct transfer_executor *executor)
{
	struct transfer_queue *queue;

	if (!executor || executor->size < sizeof(*executor) || !executor->post)
		return NULL;
	queue = queue_new(QUEUE_EXECUTOR);
	if (queue)
		queue->executor = *executor;
	return queue;
}

/* With the lock held. */
static void append(struct transfer_queue *queue, struct transfer_work *work)
{
	bool was_empty = !queue->first;

	work->next = NULL;
	*queue->end = work;
	queue->end = &work->next;
	/* inside the lock: what empties the queue finds it readable */
	if (was_empty && queue->event_fd >= 0)
		eventfd_write(queue->event_fd, 1);
}

int queue_post(transfer_queue *queue, struct transfer_work *work)
{
	int r = 0;

	if (queue->kind == QUEUE_EXECUTOR) {
		queue->executor.post(work, queue->executor.userdata);
		return 0;
	}
	if (queue_is_forked(queue))
		return -ECHILD;
	pthread_mutex_lock(&queue->lock);
	if (queue->kind == QUEUE_SERIAL && !queue->is_started) {
		r = start_thread(queue);
		queue->is_started = !r;
	}
	if (!r)
		append(queue, work);
	pthread_mutex_unlock(&queue->lock);
	/* who is woken finds the lock free */
	pthread_cond_signal(&queue->changed);
	return r;
}

bool queue_cancel(transfer_queue *queue, struct transfer_work *work)
{
	struct transfer_work **at;
	bool found;

	if (queue_is_forked(queue))
		return false;
	pthread_mutex_lock(&queue->lock);
	for (at = &queue->first; *at && *at != work; at = &(*at)->next)
		;
	found = *at != NULL;
	if (found) {
		*at = work->next;
		if (!*at)
			queue->end = at;
		work->next = NULL;
	}
	pthread_mutex_unlock(&queue->lock);
	return found;
}

void transfer_work_run(transfer_work *work)
{
	work->run(work);
}

int transfer_queue_get_fd(transfer_queue *queue)
{
	return queue->kind == QUEUE_MANUAL ? queue->event_fd : -EOPNOTSUPP;
}

/* Everything that waits now; the descriptor is not readable after that. */
static struct transfer_work *take_all(struct transfer_queue *queue)
{
	struct transfer_work *work;
	eventfd_t count;

	pthread_mutex_lock(&queue->lock);
	work = queue->first;
	queue->first = NULL;
	queue->end = &queue->first;
	eventfd_read(queue->event_fd, &count);
	pthread_mutex_unlock(&queue->lock);
	return work;
}

static bool is_inside(struct transfer_queue *queue)
{
	bool inside;

	pthread_mutex_lock(&queue->lock);
	inside = queue->is_dispatching && pthread_equal(queue->dispatcher, pthread_self());
	pthread_mutex_unlock(&queue->lock);
	return inside;
}

static void set_dispatching(struct transfer_queue *queue, bool dispatching)
{
	pthread_mutex_lock(&queue->lock);
	queue->is_dispatching = dispatching;
	queue->dispatcher = pthread_self();
	pthread_mutex_unlock(&queue->lock);
}

int transfer_queue_dispatch(transfer_queue *queue, int timeout_ms)
{
	struct pollfd wait = { .fd = queue->event_fd, .events = POLLIN };
	struct transfer_work *work;
	int n = 0;
	int r;

	if (queue->kind != QUEUE_MANUAL)
		return -EOPNOTSUPP;
	if (queue_is_forked(queue))
		return -ECHILD;
	if (is_inside(queue))
		return -EDEADLK;
	r = poll(&wait, 1, timeout_ms);
	if (r <= 0)
		return r < 0 ? -errno : 0;
	transfer_queue_ref(queue);
	set_dispatching(queue, true);
	for (work = take_all(queue); work;) {
		struct transfer_work *next = work->next;

		work->next = NULL;
		n += work->run(work);
		if (queue_is_forked(queue))
			return -ECHILD;
		work = next;
	}
	set_dispatching(queue, false);
	transfer_queue_unref(queue);
	return n;
}
