/* SPDX-License-Identifier: MIT */
/*
 * Pipes with bodies. A segment is awaited in the epoll set, with EPOLLONESHOT, when all that was read of it is delivered and
 * nothing more was there; who has delivered a piece looks himself whether there is another, so that a body that comes quickly
 * wakes nobody.
 */
#include "client-lib/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/err.h"
#include "client-lib/client.h"
#include "client-lib/data.h"
#include "client-lib/delivery.h"
#include "client-lib/fork.h"
#include "client-lib/live.h"
#include "client-lib/ref.h"
#include "client-lib/session.h"
#include "client-lib/task.h"

/* Pieces that are gathered from one pipe before the others have their turn. */
#define SEGMENT_TURN   4
/* A piece that is smaller is copied: a whole buffer would wait with it. */
#define SEGMENT_COPIED (32u * 1024)

struct segment {
	struct client_watch watch;
	transfer_task *task; /* a reference */
	int fd;
	bool is_armed, is_pumped;
};

/* ---- buffers ---- */

struct segment_pool {
	struct ref ref; /* the client's, and one of each buffer that is out */
	unsigned int n_forks; /* when it was made */
	pthread_mutex_t lock;
	transfer_data *spare[SEGMENT_POOL]; /* under lock */
	size_t n_spare;
	bool is_closed;
};

struct segment_pool *segment_pool_new(void)
{
	struct segment_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	ref_init(&pool->ref);
	pool->n_forks = fork_count();
	pthread_mutex_init(&pool->lock, NULL);
	return pool;
}

static void pool_unref(struct segment_pool *pool)
{
	if (!ref_put(&pool->ref))
		return;
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

void segment_pool_free(struct segment_pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->is_closed = true;
	while (pool->n_spare)
		data_room_free(pool->spare[--pool->n_spare]);
	pthread_mutex_unlock(&pool->lock);
	pool_unref(pool);
}

static void give_back(transfer_data *data, void *user)
{
	struct segment_pool *pool = user;
	bool is_kept;

	if (fork_count() != pool->n_forks)
		return; /* the parent's; the memory stays */
	pthread_mutex_lock(&pool->lock);
	is_kept = !pool->is_closed && pool->n_spare < SEGMENT_POOL;
	if (is_kept)
		pool->spare[pool->n_spare++] = data;
	pthread_mutex_unlock(&pool->lock);
	if (!is_kept)
		data_room_free(data);
	pool_unref(pool);
}

transfer_data *segment_buffer(struct segment_pool *pool, void **ret_bytes)
{
	transfer_data *data = NULL;

	pthread_mutex_lock(&pool->lock);
	if (pool->n_spare)
		data = pool->spare[--pool->n_spare];
	pthread_mutex_unlock(&pool->lock);
	if (data)
		*ret_bytes = data_room_renew(data);
	else
		data = data_new_room(SEGMENT_BYTES, give_back, pool, ret_bytes);
	if (data)
		ref_get(&pool->ref);
	return data;
}

void segment_buffer_set_size(transfer_data *data, size_t size)
{
	data_room_set_size(data, size);
}

/* ---- reading ---- */

/* To the task as a piece of its body; false: no memory. */
static bool tell(transfer_task *task, transfer_data *buffer, void *bytes, size_t n)
{
	struct delivery *delivery = delivery_new(DELIVERY_DATA, task);
	transfer_data *copy = n < SEGMENT_COPIED ? transfer_data_new_copy(bytes, n) : NULL;

	if (!delivery) {
		transfer_data_unref(copy);
		return false;
	}
	if (!copy)
		segment_buffer_set_size(buffer, n);
	delivery->data = copy ? copy : transfer_data_ref(buffer);
	delivery->is_piece = true;
	task->has_piece = true;
	live_tell(task->session, task, delivery);
	return true;
}

/* More than 0: a piece was read; 0: nothing for now; -EPIPE: it has ended; -errno. */
static int read_piece(struct segment *segment)
{
	transfer_task *task = segment->task;
	void *bytes;
	transfer_data *buffer = segment_buffer(task->session->client->segment_pool, &bytes);
	ssize_t n;
	int r;

	if (!buffer)
		return err_raise(-ENOMEM);
	do {
		n = read(segment->fd, bytes, SEGMENT_BYTES);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		r = tell(task, buffer, bytes, (size_t)n) ? 1 : -ENOMEM;
	else if (n == 0)
		r = -EPIPE;
	else
		r = errno == EAGAIN ? 0 : -errno;
	transfer_data_unref(buffer);
	return r;
}

static void arm(struct segment *segment)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT,
		.data.ptr = &segment->watch };

	segment->is_armed = true;
	epoll_ctl(segment->task->session->client->epoll_fd, EPOLL_CTL_MOD, segment->fd, &event);
}

/* Reads what there is, up to a piece that has to be delivered first. */
static void pump(struct segment *segment)
{
	transfer_task *task = segment->task;
	transfer_session *session = task->session;
	int r = 1;

	segment->is_pumped = true;
	for (int i = 0; i < SEGMENT_TURN && r > 0 && task->segment == segment && !task->has_piece;
		i++)
		r = read_piece(segment);
	segment->is_pumped = false;
	if (task->segment != segment)
		return;
	if (r >= 0 && !task->has_piece)
		arm(segment);
	if (r >= 0)
		return;
	segment_close(task);
	if (r != -EPIPE)
		task->is_cut = true; /* the end that comes cannot be a success */
	live_go_on(session, task);
}

void segment_delivered(transfer_task *task)
{
	struct segment *segment = task->segment;

	task->has_piece = false;
	if (segment && !segment->is_armed && !segment->is_pumped)
		pump(segment);
}

/* ---- pipes ---- */

static struct segment *segment_of(struct client_watch *watch)
{
	return (struct segment *)(void *)((char *)watch - offsetof(struct segment, watch));
}

static void on_ready(struct client_watch *watch)
{
	struct segment *segment = segment_of(watch);

	segment->is_armed = false;
	pump(segment);
}

static void segment_free(struct client_watch *watch)
{
	struct segment *segment = segment_of(watch);

	transfer_task_unref(segment->task);
	free(segment);
}

int segment_open(transfer_task *task, int fd_take)
{
	transfer_client *client = task->session->client;
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT };
	struct segment *segment = calloc(1, sizeof(*segment));
	int r = segment ? 0 : -ENOMEM;

	if (segment)
		*segment = (struct segment){
			.watch = { .ready = on_ready, .free = segment_free },
			.fd = fd_take,
			.is_armed = true,
		};
	event.data.ptr = segment ? &segment->watch : NULL;
	if (!r && fcntl(fd_take, F_SETFL, O_NONBLOCK))
		r = -errno;
	if (!r && epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, fd_take, &event))
		r = -errno;
	if (r) {
		close(fd_take);
		free(segment);
		return err_raise(r);
	}
	segment->task = transfer_task_ref(task);
	task->segment = segment;
	return 0;
}

void segment_close(transfer_task *task)
{
	struct segment *segment = task->segment;
	transfer_client *client = task->session->client;

	if (!segment)
		return;
	task->segment = NULL;
	if (!client_is_forked(client)) /* a child has the same set as its parent */
		epoll_ctl(client->epoll_fd, EPOLL_CTL_DEL, segment->fd, NULL);
	close(segment->fd);
	client_retire(client, &segment->watch);
}
