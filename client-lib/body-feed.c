/* SPDX-License-Identifier: MIT */
/*
 * Readers: what the program makes goes into a socket of packets while it is sent. The reader runs without any lock, in
 * whatever thread calls body_feed_run(); a packet that found no room waits here. What is over is closed at once, so that
 * the other end sees it.
 */
#include "client-lib/body.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

enum {
	PACKET_PIECE = 0,
	PACKET_END = 1,
};

struct body_feed {
	struct ref ref;
	transfer_body *body; /* a reference */
	int fd, peer_fd;
	int source_fd; /* of its own, because the body may be read for more than one task; -1: a reader */
	void (*on_more)(void *userdata);
	void *userdata;
	transfer_destroy destroy;
	atomic_bool is_stopped;
	atomic_bool has_more; /* transfer_body_more() came since the reader was asked last */
	size_t n_packet; /* waits for room; 0: none */
	unsigned char packet[1 + BODY_FEED_PACKET];
};

static void forget(struct body_feed *feed)
{
	if (body_is_forked(feed->body))
		return;
	pthread_mutex_lock(&feed->body->lock);
	if (feed->body->feed == feed)
		feed->body->feed = NULL;
	pthread_mutex_unlock(&feed->body->lock);
}

static void feed_free(struct body_feed *feed)
{
	forget(feed);
	close(feed->fd);
	close(feed->peer_fd);
	if (feed->source_fd >= 0)
		close(feed->source_fd);
	transfer_body_unref(feed->body);
	if (feed->destroy)
		feed->destroy(feed->userdata);
	free(feed);
}

void body_feed_unref(struct body_feed *feed)
{
	if (feed && ref_put(&feed->ref))
		feed_free(feed);
}

struct body_feed *body_feed_ref(struct body_feed *feed)
{
	ref_get(&feed->ref);
	return feed;
}

int body_feed_new(transfer_body *body, void (*on_more)(void *userdata), void *userdata,
	transfer_destroy destroy, struct body_feed **ret_feed)
{
	cleanup_(cleanup_close) int source_fd = -1;
	struct body_feed *feed;
	int fds[2];

	if (!body_is_pumped(body))
		return -EINVAL;
	if (body_is_forked(body))
		return -ECHILD;
	if (body->is_device) {
		source_fd = fcntl(body->fd, F_DUPFD_CLOEXEC, 3);
		if (source_fd < 0)
			return -errno;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds))
		return -errno;
	feed = calloc(1, sizeof(*feed));
	if (!feed) {
		close(fds[0]);
		close(fds[1]);
		return -ENOMEM;
	}
	ref_init(&feed->ref);
	feed->body = transfer_body_ref(body);
	feed->fd = fds[0];
	feed->peer_fd = fds[1];
	feed->source_fd = take_fd(&source_fd);
	feed->on_more = on_more;
	feed->userdata = userdata;
	feed->destroy = destroy;
	pthread_mutex_lock(&body->lock);
	body->feed = feed;
	pthread_mutex_unlock(&body->lock);
	*ret_feed = feed;
	return 0;
}

int body_feed_peer_fd(const struct body_feed *feed)
{
	return feed->peer_fd;
}

int body_feed_fd(const struct body_feed *feed)
{
	return feed->fd;
}

int body_feed_source_fd(const struct body_feed *feed)
{
	return feed->source_fd;
}

void body_feed_stop(struct body_feed *feed)
{
	atomic_store(&feed->is_stopped, true);
	forget(feed);
	shutdown(feed->fd, SHUT_RDWR);
}

void transfer_body_more(transfer_body *body)
{
	struct body_feed *feed = NULL;

	if (body_is_forked(body))
		return;
	pthread_mutex_lock(&body->lock);
	if (body->feed && !atomic_load(&body->feed->is_stopped))
		feed = body_feed_ref(body->feed);
	pthread_mutex_unlock(&body->lock);
	if (!feed)
		return;
	atomic_store(&feed->has_more, true);
	if (feed->on_more)
		feed->on_more(feed->userdata);
	body_feed_unref(feed);
}

static enum body_feed_state over(struct body_feed *feed)
{
	body_feed_stop(feed);
	return BODY_FEED_OVER;
}

/* Sends the packet that waits. AGAIN: it went. */
static enum body_feed_state send_packet(struct body_feed *feed)
{
	ssize_t n = send(feed->fd, feed->packet, feed->n_packet, MSG_DONTWAIT | MSG_NOSIGNAL);
	bool is_end = feed->packet[0] == PACKET_END;

	if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS))
		return BODY_FEED_FULL;
	feed->n_packet = 0;
	return n < 0 || is_end ? over(feed) : BODY_FEED_AGAIN;
}

/* What is there, as a reader gives it. Who shares a terminal may have read it first, or have told it not to wait. */
static ssize_t read_device(int fd, void *bytes, size_t size)
{
	struct pollfd there = { .fd = fd, .events = POLLIN };
	ssize_t n = poll(&there, 1, 0);

	if (n > 0)
		n = read(fd, bytes, size);
	else if (!n)
		return -EAGAIN;
	if (n >= 0)
		return n;
	return errno == EINTR ? -EAGAIN : -errno;
}

/* Asks the reader for the next packet. AGAIN: it waits to be sent. */
static enum body_feed_state make_packet(struct body_feed *feed)
{
	const struct transfer_body *body = feed->body;
	ssize_t n;

	atomic_store(&feed->has_more, false);
	if (feed->source_fd >= 0)
		n = read_device(feed->source_fd, feed->packet + 1, BODY_FEED_PACKET);
	else
		n = body->reader(feed->packet + 1, BODY_FEED_PACKET, body->userdata);
	if (n == -EAGAIN)
		return atomic_load(&feed->has_more) ? BODY_FEED_AGAIN : BODY_FEED_EMPTY;
	if (n < 0 || n > (ssize_t)BODY_FEED_PACKET)
		return over(feed);
	feed->packet[0] = n ? PACKET_PIECE : PACKET_END;
	feed->n_packet = 1 + (size_t)n;
	return BODY_FEED_AGAIN;
}

enum body_feed_state body_feed_run(struct body_feed *feed)
{
	size_t n_sent = 0;

	while (n_sent < BODY_FEED_BURST) {
		enum body_feed_state state = BODY_FEED_AGAIN;

		if (atomic_load(&feed->is_stopped))
			return BODY_FEED_OVER;
		if (!feed->n_packet)
			state = make_packet(feed);
		if (state != BODY_FEED_AGAIN)
			return state;
		if (!feed->n_packet)
			return state;
		n_sent += feed->n_packet;
		state = send_packet(feed);
		if (state != BODY_FEED_AGAIN)
			return state;
	}
	return BODY_FEED_AGAIN;
}
