/* SPDX-License-Identifier: MIT */
/* One thread takes connections, one each relays; all of them look at one descriptor that says when it is over. */
#include "tests/lib/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROXY_TUNNELS_MAX 32
#define PROXY_ASKED_BYTES 1024

struct tunnel {
	struct proxy *proxy;
	pthread_t thread;
	int fd;
};

struct proxy {
	struct proxy_config config;
	int listener, stop_fd;
	uint16_t port;
	pthread_t acceptor;
	struct tunnel tunnels[PROXY_TUNNELS_MAX];
	unsigned n_tunnels; /* the acceptor's */
	pthread_mutex_t lock;
	char asked[PROXY_ASKED_BYTES];
};

/* False: it is over. */
static bool wait_for(const struct proxy *p, int fd)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN },
		{ .fd = p->stop_fd, .events = POLLIN } };

	return poll(fds, 2, -1) > 0 && !fds[1].revents;
}

static bool get(const struct proxy *p, int fd, void *bytes, size_t size)
{
	char *at = bytes;

	while (size) {
		ssize_t n = wait_for(p, fd) ? recv(fd, at, size, 0) : 0;

		if (n <= 0)
			return false;
		at += n;
		size -= (size_t)n;
	}
	return true;
}

static bool put(int fd, const void *bytes, size_t size)
{
	return send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static void note(struct proxy *p, const char *host, unsigned port)
{
	size_t used;

	pthread_mutex_lock(&p->lock);
	used = strlen(p->asked);
	snprintf(p->asked + used, sizeof(p->asked) - used, "%s:%u ", host, port);
	pthread_mutex_unlock(&p->lock);
}

/* -1: nobody there. */
static int connect_to(unsigned port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && !connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int serve_connect(struct proxy *p, int fd)
{
	static const char refused[] = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
	static const char made[] = "HTTP/1.1 200 Connection established\r\nX-Proxy: 1\r\n\r\n";
	char head[2048], host[256];
	unsigned port;
	size_t n = 0;
	int to;

	while (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0) {
		if (n + 1 == sizeof(head) || !get(p, fd, head + n, 1))
			return -1;
		n++;
	}
	head[n] = 0;
	if (sscanf(head, "CONNECT %255[^:]:%u ", host, &port) != 2)
		return -1;
	note(p, host, port);
	to = p->config.refuses ? -1 : connect_to(port);
	if (to < 0)
		(void)put(fd, refused, sizeof(refused) - 1);
	else
		(void)put(fd, made, sizeof(made) - 1);
	return to;
}

/* RFC 1928; the address in bytes or as a name. */
static bool get_address(const struct proxy *p, int fd, unsigned char kind, char host[256])
{
	unsigned char bytes[256], n;

	if (kind == 1) {
		if (!get(p, fd, bytes, 4))
			return false;
		return inet_ntop(AF_INET, bytes, host, 256) != NULL;
	}
	if (kind == 4) {
		if (!get(p, fd, bytes, 16))
			return false;
		return inet_ntop(AF_INET6, bytes, host, 256) != NULL;
	}
	if (kind != 3 || !get(p, fd, &n, 1) || !get(p, fd, host, n))
		return false;
	host[n] = 0;
	return true;
}

static int serve_socks(struct proxy *p, int fd)
{
	unsigned char bytes[300], answer[10] = { 5, 0, 0, 1 };
	char host[256];
	unsigned port;
	int to;

	if (!get(p, fd, bytes, 2) || bytes[0] != 5 || !get(p, fd, bytes + 2, bytes[1]) ||
		!put(fd, "\5\0", 2) || !get(p, fd, bytes, 4) || bytes[1] != 1 ||
		!get_address(p, fd, bytes[3], host) || !get(p, fd, bytes, 2))
		return -1;
	port = (unsigned)bytes[0] << 8 | bytes[1];
	note(p, host, port);
	to = p->config.refuses ? -1 : connect_to(port);
	answer[1] = to < 0 ? 2 : 0;
	(void)put(fd, answer, sizeof(answer));
	return to;
}

static bool pass_on(int from, int to)
{
	char bytes[16384];
	ssize_t n = recv(from, bytes, sizeof(bytes), 0);

	return n > 0 && put(to, bytes, (size_t)n);
}

static void relay(const struct proxy *p, int a, int b)
{
	struct pollfd fds[] = { { .fd = a, .events = POLLIN }, { .fd = b, .events = POLLIN },
		{ .fd = p->stop_fd, .events = POLLIN } };

	while (poll(fds, 3, -1) > 0 && !fds[2].revents) {
		if (fds[0].revents && !pass_on(a, b))
			return;
		if (fds[1].revents && !pass_on(b, a))
			return;
	}
}

static void *run_tunnel(void *user)
{
	struct tunnel *t = user;
	int to = t->proxy->config.is_socks ? serve_socks(t->proxy, t->fd)
					   : serve_connect(t->proxy, t->fd);

	if (to >= 0) {
		relay(t->proxy, t->fd, to);
		close(to);
	}
	close(t->fd);
	return NULL;
}

static void *run_acceptor(void *user)
{
	struct proxy *p = user;

	while (p->n_tunnels < PROXY_TUNNELS_MAX && wait_for(p, p->listener)) {
		struct tunnel *t = &p->tunnels[p->n_tunnels];

		*t = (struct tunnel){ .proxy = p };
		t->fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
		if (t->fd < 0)
			continue;
		if (pthread_create(&t->thread, NULL, run_tunnel, t))
			close(t->fd);
		else
			p->n_tunnels++;
	}
	return NULL;
}

static int listen_at(struct proxy *p)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);

	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (p->listener < 0 || bind(p->listener, (struct sockaddr *)&at, size) ||
		listen(p->listener, PROXY_TUNNELS_MAX) ||
		getsockname(p->listener, (struct sockaddr *)&at, &size))
		return -errno;
	p->port = ntohs(at.sin_port);
	return 0;
}

static void release(struct proxy *p)
{
	if (p->listener >= 0)
		close(p->listener);
	if (p->stop_fd >= 0)
		close(p->stop_fd);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

int proxy_new(const struct proxy_config *config, struct proxy **ret_proxy)
{
	struct proxy *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->config = *config;
	pthread_mutex_init(&p->lock, NULL);
	p->stop_fd = eventfd(0, EFD_CLOEXEC);
	r = listen_at(p);
	if (!r && p->stop_fd < 0)
		r = -EMFILE;
	if (!r)
		r = -pthread_create(&p->acceptor, NULL, run_acceptor, p);
	if (r) {
		release(p);
		return r;
	}
	*ret_proxy = p;
	return 0;
}

struct proxy *proxy_free(struct proxy *proxy)
{
	if (!proxy)
		return NULL;
	(void)eventfd_write(proxy->stop_fd, 1);
	pthread_join(proxy->acceptor, NULL);
	for (unsigned i = 0; i < proxy->n_tunnels; i++)
		pthread_join(proxy->tunnels[i].thread, NULL);
	release(proxy);
	return NULL;
}

uint16_t proxy_port(const struct proxy *proxy)
{
	return proxy->port;
}

void proxy_asked(struct proxy *proxy, char *buf, size_t size)
{
	pthread_mutex_lock(&proxy->lock);
	snprintf(buf, size, "%s", proxy->asked);
	pthread_mutex_unlock(&proxy->lock);
}
