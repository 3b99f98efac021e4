/* SPDX-License-Identifier: MIT */
/*
 * A reader at work for a task: it is asked on the session's queue, in turn with the callbacks, as often as its socket has
 * room or the program says that there is more; a device, when there is something in it. The pump is freed by its feed, which outlives whoever still calls it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "client-lib/body.h"
#include "client-lib/client.h"
#include "client-lib/delivery.h"
#include "client-lib/session.h"
#include "client-lib/task.h"

struct body_pump {
	struct client_watch watch;
	transfer_task *task; /* a reference */
	struct body_feed *feed; /* counted by the watch */
	bool is_queued; /* a call of the reader waits, or runs */
	bool wants_again; /* ... and there was more meanwhile */
	bool is_watched, is_source_watched; /* its socket, its device: on the epoll set */
};

static struct body_pump *pump_of(struct client_watch *watch)
{
	return (struct body_pump *)(void *)((char *)watch - offsetof(struct body_pump, watch));
}

/* With the lock held. */
static void ask(struct body_pump *pump)
{
	struct delivery *delivery;

	if (pump->is_queued || pump->task->pump != pump) {
		pump->wants_again = true;
		return;
	}
	delivery = delivery_new(DELIVERY_BODY_PULL, pump->task);
	if (!delivery) {
		body_feed_stop(pump->feed); /* without its end mark: the task fails */
		return;
	}
	delivery->feed = body_feed_ref(pump->feed);
	pump->is_queued = true;
	pump->wants_again = false;
	delivery_push_take(pump->task->session, delivery);
}

static void on_more(void *userdata)
{
	struct body_pump *pump = userdata;
	transfer_client *client = pump->task->session->client;

	client_lock(client);
	ask(pump);
	client_unlock(client);
}

/* Room in its socket, or something in its device. */
static void on_ready(struct client_watch *watch)
{
	ask(pump_of(watch));
}

static void pump_free(void *userdata)
{
	struct body_pump *pump = userdata;

	transfer_task_unref(pump->task);
	free(pump);
}

static void unwatch(struct client_watch *watch)
{
	body_feed_unref(pump_of(watch)->feed);
}

int body_pump_start(transfer_task *task, transfer_body *body, struct body_sent *ret_sent)
{
	struct body_pump *pump = calloc(1, sizeof(*pump));
	int fd, r = pump ? 0 : -ENOMEM;

	if (!r) {
		pump->task = transfer_task_ref(task);
		r = body_feed_new(body, on_more, pump, pump_free, &pump->feed);
		if (r)
			pump_free(pump);
	}
	if (r)
		return r;
	fd = fcntl(body_feed_peer_fd(pump->feed), F_DUPFD_CLOEXEC, 3);
	if (fd < 0) {
		r = -errno;
		body_feed_unref(pump->feed);
		return r;
	}
	pump->watch = (struct client_watch){ .ready = on_ready, .free = unwatch };
	body_pump_stop(task);
	task->pump = pump;
	*ret_sent = (struct body_sent){
		.fd = fd,
		.is_stream = true,
		.length = body_length(body),
	};
	ask(pump);
	return 0;
}

void body_pump_stop(transfer_task *task)
{
	transfer_client *client = task->session->client;
	struct body_pump *pump = task->pump;

	if (!pump || client_is_forked(client))
		return;
	task->pump = NULL;
	body_feed_stop(pump->feed);
	if (pump->is_watched)
		epoll_ctl(client->epoll_fd, EPOLL_CTL_DEL, body_feed_fd(pump->feed), NULL);
	if (pump->is_source_watched)
		epoll_ctl(client->epoll_fd, EPOLL_CTL_DEL, body_feed_source_fd(pump->feed), NULL);
	client_retire(client, &pump->watch);
}

static void wait_for(struct body_pump *pump, int fd, uint32_t events, bool *is_watched)
{
	transfer_client *client = pump->task->session->client;
	struct epoll_event event = { .events = events | EPOLLONESHOT, .data.ptr = &pump->watch };

	if (epoll_ctl(client->epoll_fd, *is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event))
		body_feed_stop(pump->feed);
	*is_watched = true;
}

static void ran(struct body_pump *pump, enum body_feed_state state)
{
	int source_fd = body_feed_source_fd(pump->feed);

	pump->is_queued = false;
	switch (state) {
	case BODY_FEED_AGAIN:
		ask(pump);
		break;
	case BODY_FEED_FULL:
		wait_for(pump, body_feed_fd(pump->feed), EPOLLOUT, &pump->is_watched);
		break;
	case BODY_FEED_EMPTY:
		if (pump->wants_again)
			ask(pump);
		else if (source_fd >= 0)
			wait_for(pump, source_fd, EPOLLIN, &pump->is_source_watched);
		break;
	case BODY_FEED_OVER:
		break;
	}
}

bool body_pump_call(const struct delivery *delivery)
{
	transfer_task *task = delivery->task;
	transfer_client *client = task->session->client;
	enum body_feed_state state = body_feed_run(delivery->feed);

	client_lock(client);
	if (task->pump && task->pump->feed == delivery->feed)
		ran(task->pump, state);
	client_unlock(client);
	return true;
}
