/* SPDX-License-Identifier: MIT */
/*
 * One connection of the origin: sends and receives with poll, plain or TLS, and notices while it
 * waits that the client has gone. Sockets are non-blocking; each connection has its own thread, and
 * shutting its socket down is what wakes it when the origin ends.
 */
#include "tests/lib/origin-internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

uint64_t origin_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int wait_for(struct origin_conn *c, short events)
{
	struct pollfd p = { .fd = c->fd, .events = events };

	while (poll(&p, 1, -1) < 0)
		if (errno != EINTR)
			return -errno;
	if (p.revents & (POLLERR | POLLNVAL))
		return -ECONNRESET;
	if ((p.revents & POLLHUP) && !(p.revents & POLLIN))
		return -ECONNRESET;
	return 0;
}

/* what to wait for after OpenSSL said no */
static int wait_tls(struct origin_conn *c, int result)
{
	switch (SSL_get_error(c->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		return wait_for(c, POLLIN);
	case SSL_ERROR_WANT_WRITE:
		return wait_for(c, POLLOUT);
	case SSL_ERROR_ZERO_RETURN:
		return 1;
	default:
		ERR_clear_error();
		return -ECONNRESET;
	}
}

int origin_conn_handshake(struct origin_conn *c, SSL_CTX *ctx)
{
	int n, r;

	c->ssl = SSL_new(ctx);
	if (!c->ssl || !SSL_set_fd(c->ssl, c->fd))
		return -ENOMEM;
	while ((n = SSL_accept(c->ssl)) != 1) {
		r = wait_tls(c, n);
		if (r)
			return -ECONNRESET;
	}
	return 0;
}

static ssize_t send_some(struct origin_conn *c, const char *bytes, size_t size_bytes)
{
	ssize_t n;
	int r;

	if (c->ssl) {
		r = SSL_write(c->ssl, bytes, (int)(size_bytes > 16384 ? 16384 : size_bytes));
		if (r > 0)
			return r;
		return wait_tls(c, r) ? -ECONNRESET : 0;
	}
	n = send(c->fd, bytes, size_bytes, MSG_NOSIGNAL);
	if (n >= 0)
		return n;
	if (errno == EINTR)
		return 0;
	if (errno != EAGAIN)
		return -errno;
	r = wait_for(c, POLLOUT);
	return r;
}

int origin_conn_send(struct origin_conn *c, const void *bytes, size_t size_bytes)
{
	size_t sent = 0;
	ssize_t n;

	while (sent < size_bytes) {
		n = send_some(c, (const char *)bytes + sent, size_bytes - sent);
		if (n < 0)
			return (int)n;
		sent += (size_t)n;
	}
	return 0;
}

static ssize_t receive_some(struct origin_conn *c, void *bytes, size_t size_bytes)
{
	ssize_t n;
	int r;

	for (;;) {
		if (c->ssl) {
			r = SSL_read(c->ssl, bytes, (int)size_bytes);
			if (r > 0)
				return r;
			r = wait_tls(c, r);
			if (r)
				return r > 0 ? 0 : r;
			continue;
		}
		n = recv(c->fd, bytes, size_bytes, 0);
		if (n >= 0)
			return n;
		if (errno == EAGAIN) {
			r = wait_for(c, POLLIN);
			if (r)
				return r;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
}

int origin_conn_fill(struct origin_conn *c)
{
	ssize_t n;

	if (!c->in) {
		c->in = malloc(ORIGIN_HEAD_MAX);
		if (!c->in)
			return -ENOMEM;
	}
	if (c->in_start) {
		memmove(c->in, c->in + c->in_start, c->in_used - c->in_start);
		c->in_used -= c->in_start;
		c->in_start = 0;
	}
	if (c->in_used == ORIGIN_HEAD_MAX)
		return -EMSGSIZE;
	n = receive_some(c, c->in + c->in_used, ORIGIN_HEAD_MAX - c->in_used);
	if (n > 0)
		c->in_used += (size_t)n;
	return (int)n;
}

/* 1: the other descriptor is readable; 0: the time passed; < 0: the client has gone */
static int wait_either(struct origin_conn *c, int fd, int ms)
{
	struct pollfd p[2] = {
		{ .fd = c->fd, .events = POLLRDHUP },
		{ .fd = fd, .events = POLLIN },
	};
	int n;

	do
		n = poll(p, 2, ms);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (p[0].revents)
		return -ECONNRESET;
	return p[1].revents ? 1 : 0;
}

int origin_conn_wait(struct origin_conn *c, uint64_t ms)
{
	uint64_t until_us = origin_now_us() + ms * 1000;
	uint64_t now_us;
	int r;

	while ((now_us = origin_now_us()) < until_us) {
		uint64_t left_ms = (until_us - now_us + 999) / 1000;

		r = wait_either(c, -1, left_ms > 3600000 ? 3600000 : (int)left_ms);
		if (r < 0)
			return r;
	}
	return 0;
}

int origin_conn_gate(struct origin_conn *c, const char *gate)
{
	int fd = origin_gate_fd(c->origin, gate);
	int r;

	if (fd < 0)
		return fd;
	r = wait_either(c, fd, -1);
	return r < 0 ? r : 0;
}

void origin_conn_reset(struct origin_conn *c)
{
	struct linger hard = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	c->close = true;
	if (c->ssl)
		SSL_set_quiet_shutdown(c->ssl, 1);
}
