/* SPDX-License-Identifier: MIT */
/*
 * The server itself: it listens, gives each connection a thread, and keeps what a test may ask for:
 * gates, raw answers, and (in origin-log.c) the request log and the counters. One mutex guards all
 * of that. A connection belongs to its thread; others only shut its socket down, under the mutex.
 */
#include "tests/lib/origin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/origin-state.h"

/* serves requests until one ends the connection; 0: it ended in peace */
static int serve_connection(struct origin_conn *c)
{
	struct origin *o = c->origin;
	struct origin_request r;
	int result;

	if (o->ctx && origin_conn_handshake(c, o->ctx))
		return -ECONNRESET;
	do {
		result = origin_request_read(c, &r);
		if (!result) {
			if (o->config.one_request)
				c->close = true;
			origin_note_start(&r);
			origin_request_trim(&r);
			result = origin_route_serve(&r);
			origin_note_end(&r, !result);
			if (!r.body_done)
				c->close = true;
			c->served++;
		}
		origin_request_done(&r);
	} while (!result && !c->close);
	return result < 0 ? result : 0;
}

/* lets the peer read what was sent before the socket goes */
static void linger(struct origin_conn *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	uint64_t until_us = origin_now_us() + 1000000;
	char waste[16384];

	if (c->ssl)
		SSL_shutdown(c->ssl);
	shutdown(c->fd, SHUT_WR);
	while (origin_now_us() < until_us && poll(&p, 1, 1000) > 0)
		if (recv(c->fd, waste, sizeof(waste), 0) <= 0)
			return;
}

static void forget_connection(struct origin_conn *c)
{
	struct origin *o = c->origin;
	struct origin_conn **p;

	pthread_mutex_lock(&o->lock);
	for (p = &o->conns; *p != c; p = &(*p)->next)
		;
	*p = c->next;
	close(c->fd);
	free(c->in);
	free(c);
	o->n_conns--;
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->lock);
}

static void *connection_main(void *argument)
{
	struct origin_conn *c = argument;

	if (!serve_connection(c))
		linger(c);
	SSL_free(c->ssl);
	c->ssl = NULL;
	/* now, not when the thread ends: nobody waits for that */
	OPENSSL_thread_stop();
	forget_connection(c);
	return NULL;
}

static int start_thread(struct origin_conn *c)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int r;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, 512 * 1024);
	r = pthread_create(&thread, &attributes, connection_main, c);
	pthread_attr_destroy(&attributes);
	return -r;
}

static void take_connection(struct origin *o, int fd)
{
	struct origin_conn *c = calloc(1, sizeof(*c));
	int one = 1;

	if (!c) {
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c->origin = o;
	c->fd = fd;
	pthread_mutex_lock(&o->lock);
	c->number = ++o->last_conn;
	c->next = o->conns;
	o->conns = c;
	o->n_conns++;
	pthread_mutex_unlock(&o->lock);
	if (start_thread(c))
		forget_connection(c);
}

/* waits for room; false: the origin ends */
static bool wait_for_room(struct origin *o)
{
	unsigned room = o->config.serial ? 1 : ORIGIN_CONNS_MAX;
	bool go_on;

	pthread_mutex_lock(&o->lock);
	while (!o->stopping && o->n_conns >= room)
		pthread_cond_wait(&o->changed, &o->lock);
	go_on = !o->stopping;
	pthread_mutex_unlock(&o->lock);
	return go_on;
}

static void *listen_main(void *argument)
{
	struct origin *o = argument;
	uint64_t count;

	while (wait_for_room(o)) {
		struct pollfd p[3] = { { .fd = o->wake_fd, .events = POLLIN } };

		pthread_mutex_lock(&o->lock);
		for (unsigned i = 0; i < 2; i++) {
			p[i + 1].fd = o->listening ? o->listen_fds[i] : -1;
			p[i + 1].events = POLLIN;
		}
		pthread_mutex_unlock(&o->lock);
		if (poll(p, 3, -1) < 0 && errno != EINTR)
			break;
		if (p[0].revents && read(o->wake_fd, &count, sizeof(count)) < 0)
			continue;
		for (unsigned i = 1; i < 3; i++) {
			int fd = p[i].revents
				? accept4(p[i].fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)
				: -1;

			if (fd >= 0)
				take_connection(o, fd);
		}
	}
	return NULL;
}

static int bind_to(int fd, int family, uint16_t port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int one = 1;
	int r;

	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (port)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	r = family == AF_INET6 ? bind(fd, (struct sockaddr *)&v6, sizeof(v6))
			       : bind(fd, (struct sockaddr *)&v4, sizeof(v4));
	if (r < 0)
		return -errno;
	/* not before: with any port, that could be one that somebody else has; its connections do not keep us from it later */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return 0;
}

static int bind_loopback(int family, uint16_t port, int *ret_fd)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1;
	int r;

	if (fd < 0)
		return -errno;
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	r = bind_to(fd, family, port);
	if (r) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in address = { 0 };
	socklen_t n = sizeof(address);

	getsockname(fd, (struct sockaddr *)&address, &n);
	return ntohs(address.sin_port);
}

/* the same port on both loopback addresses */
static int open_sockets(struct origin *o)
{
	uint16_t port = o->config.port;
	int backlog = o->config.backlog ? (int)o->config.backlog : 128;
	int r = -EADDRINUSE;

	for (unsigned tries = 0; tries < 50 && r == -EADDRINUSE; tries++) {
		r = bind_loopback(AF_INET, port, &o->listen_fds[0]);
		if (r)
			continue;
		o->port = port_of(o->listen_fds[0]);
		r = bind_loopback(AF_INET6, o->port, &o->listen_fds[1]);
		if (r == -EADDRINUSE) {
			close(o->listen_fds[0]);
			o->listen_fds[0] = -1;
		}
	}
	if (o->listen_fds[0] < 0)
		return r;
	if (listen(o->listen_fds[0], backlog) < 0)
		return -errno;
	if (o->listen_fds[1] >= 0 && listen(o->listen_fds[1], backlog) < 0)
		return -errno;
	r = bind_loopback(AF_INET, 0, &o->dead_fd);
	if (r)
		return r;
	o->dead_port = port_of(o->dead_fd);
	return 0;
}

static int make_names(struct origin *o)
{
	const char *scheme = o->ctx ? "https" : "http";

	if (asprintf(&o->base, "%s://127.0.0.1:%u", scheme, o->port) < 0)
		return -ENOMEM;
	if (asprintf(&o->base6, "%s://[::1]:%u", scheme, o->port) < 0)
		return -ENOMEM;
	return 0;
}

static int start(struct origin *o)
{
	sigset_t all, before;
	int r;

	o->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	o->entries = calloc(ORIGIN_LOG_MAX, sizeof(*o->entries));
	if (o->wake_fd < 0 || !o->entries)
		return -ENOMEM;
	if (o->config.tls != ORIGIN_TLS_OFF) {
		r = origin_tls_new(&o->config, &o->ctx, &o->ca_path);
		if (r)
			return r;
	}
	r = open_sockets(o);
	if (!r)
		r = make_names(o);
	if (r)
		return r;
	o->listening = true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = -pthread_create(&o->thread, NULL, listen_main, o);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	o->started = !r;
	return r;
}

int origin_new(const struct origin_config *config, struct origin **ret_origin)
{
	static const struct origin_config plain;
	struct origin *o = calloc(1, sizeof(*o));
	pthread_condattr_t attributes;
	int r;

	if (!o)
		return -ENOMEM;
	o->config = config ? *config : plain;
	o->wake_fd = o->dead_fd = o->listen_fds[0] = o->listen_fds[1] = -1;
	o->first_entry = 1;
	pthread_mutex_init(&o->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&o->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	signal(SIGPIPE, SIG_IGN);
	r = start(o);
	if (r) {
		origin_free(o);
		return r;
	}
	*ret_origin = o;
	return 0;
}

static void stop(struct origin *o)
{
	uint64_t one = 1;

	pthread_mutex_lock(&o->lock);
	o->stopping = true;
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->lock);
	if (o->started && write(o->wake_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(o->thread, NULL);
	pthread_mutex_lock(&o->lock);
	for (struct origin_conn *c = o->conns; c; c = c->next)
		shutdown(c->fd, SHUT_RDWR);
	while (o->n_conns)
		pthread_cond_wait(&o->changed, &o->lock);
	pthread_mutex_unlock(&o->lock);
}

struct origin *origin_free(struct origin *o)
{
	int fds[4];

	if (!o)
		return NULL;
	stop(o);
	fds[0] = o->wake_fd;
	fds[1] = o->dead_fd;
	fds[2] = o->listen_fds[0];
	fds[3] = o->listen_fds[1];
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	origin_log_done(o);
	origin_resources_free(o);
	for (unsigned i = 0; i < o->n_gates; i++) {
		close(o->gates[i].fd);
		free(o->gates[i].name);
	}
	for (unsigned i = 0; i < o->n_raws; i++) {
		free(o->raws[i].path);
		free(o->raws[i].bytes);
	}
	SSL_CTX_free(o->ctx);
	free(o->ca_path);
	free(o->base);
	free(o->base6);
	pthread_cond_destroy(&o->changed);
	pthread_mutex_destroy(&o->lock);
	free(o);
	return NULL;
}

uint16_t origin_port(const struct origin *o)
{
	return o->port;
}

uint16_t origin_dead_port(const struct origin *o)
{
	return o->dead_port;
}

const char *origin_www(const struct origin *o)
{
	return o->config.www;
}

const char *origin_base(const struct origin *o)
{
	return o->base;
}

const char *origin_base6(const struct origin *o)
{
	return o->base6;
}

const char *origin_ca_path(const struct origin *o)
{
	return o->ca_path;
}

char *origin_url(const struct origin *o, const char *format, ...)
{
	char *rest = NULL;
	char *url = NULL;
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vasprintf(&rest, format, arguments);
	va_end(arguments);
	if (n < 0)
		return NULL;
	if (asprintf(&url, "%s%s", o->base, rest) < 0)
		url = NULL;
	free(rest);
	return url;
}

static int add_raw(struct origin *o, const char *path, const void *bytes, size_t size_bytes)
{
	struct origin_raw raw = {
		.path = strdup(path), .bytes = malloc(size_bytes + 1), .size_bytes = size_bytes
	};

	if (!raw.path || !raw.bytes || o->n_raws == ORIGIN_RAWS_MAX) {
		free(raw.path);
		free(raw.bytes);
		return -ENOMEM;
	}
	memcpy(raw.bytes, bytes, size_bytes);
	pthread_mutex_lock(&o->lock);
	o->raws[o->n_raws++] = raw;
	pthread_mutex_unlock(&o->lock);
	return 0;
}

int origin_raw(struct origin *o, const char *path, const void *bytes, size_t size_bytes)
{
	return add_raw(o, path, bytes, size_bytes);
}

int origin_raw_hold(struct origin *o, const char *path, const void *bytes, size_t size_bytes)
{
	int r = add_raw(o, path, bytes, size_bytes);

	pthread_mutex_lock(&o->lock);
	if (!r)
		o->raws[o->n_raws - 1].hold = true;
	pthread_mutex_unlock(&o->lock);
	return r;
}

int origin_raw_serve(struct origin_request *r)
{
	struct origin *o = r->conn->origin;
	struct origin_raw raw = { 0 };
	int result;

	pthread_mutex_lock(&o->lock);
	for (unsigned i = 0; i < o->n_raws; i++)
		if (!strcmp(o->raws[i].path, r->path))
			raw = o->raws[i]; /* the newest; never removed before the threads end */
	pthread_mutex_unlock(&o->lock);
	if (!raw.path)
		return 0;
	r->conn->close = true;
	result = origin_request_body(r);
	if (!result)
		result = origin_conn_send(r->conn, raw.bytes, raw.size_bytes);
	if (!result)
		origin_note_sent(r, raw.size_bytes);
	if (!result && raw.hold)
		result = origin_conn_wait(r->conn, 24 * 3600 * 1000);
	return result ? result : 1;
}

static struct origin_gate *find_gate(struct origin *o, const char *name)
{
	struct origin_gate *gate;

	for (unsigned i = 0; i < o->n_gates; i++)
		if (!strcmp(o->gates[i].name, name))
			return &o->gates[i];
	if (o->n_gates == ORIGIN_GATES_MAX)
		return NULL;
	gate = &o->gates[o->n_gates];
	gate->name = strdup(name);
	gate->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!gate->name || gate->fd < 0)
		return NULL;
	o->n_gates++;
	return gate;
}

int origin_gate_fd(struct origin *o, const char *name)
{
	struct origin_gate *gate;

	pthread_mutex_lock(&o->lock);
	gate = find_gate(o, name);
	pthread_mutex_unlock(&o->lock);
	return gate ? gate->fd : -ENOSPC;
}

/* the descriptor stays readable, so all that wait and all that come pass */
int origin_release(struct origin *o, const char *name)
{
	int fd = origin_gate_fd(o, name);
	uint64_t one = 1;

	if (fd < 0)
		return fd;
	return write(fd, &one, sizeof(one)) == sizeof(one) ? 0 : -errno;
}

/* A listening socket that is shut down loses its port unless it was asked for by number: ask now. */
static int stop_listening(struct origin *o, unsigned i)
{
	int r;

	if (shutdown(o->listen_fds[i], SHUT_RDWR))
		return -errno;
	r = bind_to(o->listen_fds[i], i ? AF_INET6 : AF_INET, o->port);
	return r == -EINVAL ? 0 : r;
}

int origin_listen(struct origin *o, bool on)
{
	int backlog = o->config.backlog ? (int)o->config.backlog : 128;
	uint64_t one = 1;
	int r = 0;

	pthread_mutex_lock(&o->lock);
	for (unsigned i = 0; i < 2 && o->listening != on && !r; i++) {
		if (o->listen_fds[i] < 0)
			continue;
		if (!on)
			r = stop_listening(o, i);
		else if (listen(o->listen_fds[i], backlog))
			r = -errno;
	}
	o->listening = on;
	if (!r && write(o->wake_fd, &one, sizeof(one)) < 0)
		r = -errno;
	pthread_mutex_unlock(&o->lock);
	return r;
}

void origin_cut(struct origin *o)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	pthread_mutex_lock(&o->lock);
	for (struct origin_conn *c = o->conns; c; c = c->next)
		if (connect(c->fd, &none, sizeof(none)))
			shutdown(c->fd, SHUT_RDWR);
	pthread_mutex_unlock(&o->lock);
}
