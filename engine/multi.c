/* SPDX-License-Identifier: MIT */
/*
 * libcurl tells through two callbacks which sockets to watch and when to be called again; neither
 * calls back into libcurl. Three entries run it (a socket is ready, the timer fired, a kick), and
 * each is followed by draining the finished handles, so a transfer's end is always handled
 * outside of libcurl.
 *
 * A kick is what the timer does, at the end of this turn of the loop: once, however many handles were
 * added in it. libcurl then asks for its timer anew, so nothing is lost when it comes early.
 * libcurl forgets a socket with the end of each request and before it closes it. The event of a connection that is
 * kept is parked until the next request or the close, all others are deleted: a recycled descriptor is never watched.
 */
#include "engine/multi.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "engine/patient.h"

#define MULTI_STREAMS_MAX          128L
#define MULTI_IDLE_CONNECTIONS_MAX 64L
#define MULTI_EASIES_KEPT          64

struct multi_socket {
	struct event event;
	struct multi *multi;
	bool is_parked; /* still watched, but libcurl does not know it */
};

/* A connection that another request may have. */
struct multi_kept {
	int fd;
	uint16_t port, local_port;
	char address[INET6_ADDRSTRLEN];
	struct multi_socket *parked; /* NULL: not */
};

struct multi {
	CURLM *curl;
	struct event_base *base;
	struct event timer, kick;
	multi_done_fn on_done;
	void *user;
	CURL *kept[MULTI_EASIES_KEPT];
	unsigned n_kept;
	struct multi_kept *connections;
	size_t n_connections, room_connections;
	multi_socket_fn on_socket; /* NULL: nobody wants to know */
	unsigned own_max_connections; /* 0: what multi_set_max_connections() says */
};

/* ---- connections that were kept ---- */

static bool fill_kept(CURL *easy, struct multi_kept *kept)
{
	const char *address = NULL, *scheme = NULL;
	curl_socket_t fd = CURL_SOCKET_BAD;
	long n_new = 0, port = 0, local_port = 0;

	if (curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &n_new) || !n_new ||
		curl_easy_getinfo(easy, CURLINFO_SCHEME, &scheme) || !scheme ||
		(strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0) ||
		curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd) || fd == CURL_SOCKET_BAD ||
		curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address) || !address ||
		curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &port) ||
		curl_easy_getinfo(easy, CURLINFO_LOCAL_PORT, &local_port) ||
		strlen(address) >= sizeof(kept->address))
		return false;
	kept->fd = fd;
	kept->port = (uint16_t)port;
	kept->local_port = (uint16_t)local_port;
	memcpy(kept->address, address, strlen(address) + 1);
	return true;
}

/* What is new, before libcurl forgets whose it was. Without memory nothing is known of it. */
static void note_kept(struct multi *m, CURL *easy)
{
	struct multi_kept kept = { 0 };

	if (!fill_kept(easy, &kept))
		return;
	if (m->n_connections == m->room_connections) {
		size_t room = m->room_connections ? 2 * m->room_connections : 8;
		struct multi_kept *grown = realloc(m->connections, room * sizeof(*grown));

		if (!grown)
			return;
		m->connections = grown;
		m->room_connections = room;
	}
	m->connections[m->n_connections++] = kept;
}

int multi_find_kept(
	const struct multi *multi, const char *address, uint16_t port, uint16_t local_port)
{
	for (size_t i = 0; i < multi->n_connections; i++) {
		const struct multi_kept *kept = &multi->connections[i];

		if (kept->local_port == local_port && kept->port == port &&
			!strcmp(kept->address, address))
			return kept->fd;
	}
	return -1;
}

static struct multi_kept *find_connection(const struct multi *m, int fd)
{
	for (size_t i = 0; i < m->n_connections; i++) {
		if (m->connections[i].fd == fd)
			return &m->connections[i];
	}
	return NULL;
}

static void free_socket(struct multi_socket *s)
{
	if (!s)
		return;
	event_del(&s->event);
	free(s);
}

/* False: the connection is not known to be kept, nor who closes it. */
static bool park(struct multi_socket *s, int fd)
{
	struct multi_kept *kept = find_connection(s->multi, fd);

	if (!kept)
		return false;
	kept->parked = s;
	s->is_parked = true;
	return true;
}

static struct multi_socket *take_parked(struct multi *m, int fd)
{
	struct multi_kept *kept = find_connection(m, fd);

	if (!kept || !kept->parked)
		return NULL;
	kept->parked->is_parked = false;
	return take_ptr(kept->parked);
}

int multi_on_close(void *multi, curl_socket_t fd)
{
	struct multi *m = multi;
	struct multi_kept *kept = find_connection(m, fd);

	if (kept) {
		free_socket(kept->parked);
		*kept = m->connections[--m->n_connections];
	}
	return close(fd);
}

/* ---- the loop ---- */

static void drain(struct multi *m)
{
	CURLMsg *message;
	int n_left;

	while ((message = curl_multi_info_read(m->curl, &n_left))) {
		CURL *easy = message->easy_handle;
		CURLcode code = message->data.result;
		char *private_data = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private_data);
		note_kept(m, easy);
		curl_multi_remove_handle(m->curl, easy);
		m->on_done(easy, code, m->user, private_data);
	}
}

static void on_ready(evutil_socket_t fd, short what, void *user)
{
	struct multi_socket *s = user;
	struct multi *m = s->multi; /* s may be gone after the call */
	int mask = 0, n_running;

	/* most likely its server closes it: libcurl finds out when it is needed */
	if (s->is_parked) {
		free_socket(take_parked(m, fd));
		return;
	}
	if (what & EV_READ)
		mask |= CURL_CSELECT_IN;
	if (what & EV_WRITE)
		mask |= CURL_CSELECT_OUT;
	curl_multi_socket_action(m->curl, fd, mask, &n_running);
	drain(m);
}

static void on_timer(evutil_socket_t fd, short what, void *user)
{
	struct multi *m = user;
	int n_running;

	(void)fd;
	(void)what;
	curl_multi_socket_action(m->curl, CURL_SOCKET_TIMEOUT, 0, &n_running);
	drain(m);
}

static void tell_socket(const struct multi *m, CURL *easy, int fd)
{
	char *private_data = NULL;

	if (m->on_socket && !curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private_data))
		m->on_socket(private_data, fd);
}

/* libcurl's wish: watch a socket, watch it for something else, or forget it. */
static int on_socket_wish(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user)
{
	struct multi *m = user;
	struct multi_socket *s = socket_user;
	short events = EV_PERSIST;

	if (what == CURL_POLL_REMOVE) {
		if (s && !park(s, fd))
			free_socket(s);
		return 0;
	}
	if (what & CURL_POLL_IN)
		events |= EV_READ;
	if (what & CURL_POLL_OUT)
		events |= EV_WRITE;
	if (!s) {
		s = take_parked(m, fd);
		if (!s)
			s = patient_calloc(1, sizeof(*s));
		if (!s)
			return -1;
		s->multi = m;
		curl_multi_assign(m->curl, fd, s);
		tell_socket(m, easy, fd);
	}
	/* each new stream or request of a connection makes the same wish again */
	if (event_get_events(&s->event) == events)
		return 0;
	if (event_initialized(&s->event))
		event_del(&s->event);
	event_assign(&s->event, m->base, fd, events, on_ready, s);
	return event_add(&s->event, NULL);
}

/* libcurl's wish: be called in so many milliseconds, or not at all. Only arms the timer. */
static int on_timer_wish(CURLM *curl, long delay_ms, void *user)
{
	struct multi *m = user;
	struct timeval delay = { .tv_sec = delay_ms / 1000, .tv_usec = delay_ms % 1000 * 1000 };

	(void)curl;
	if (delay_ms < 0)
		return evtimer_del(&m->timer);
	return evtimer_add(&m->timer, &delay);
}

/* They are the first that can be spared where there are few descriptors. */
static long choose_idle_connections(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur / 16 >= MULTI_IDLE_CONNECTIONS_MAX)
		return MULTI_IDLE_CONNECTIONS_MAX;
	return files.rlim_cur >= 16 ? (long)(files.rlim_cur / 16) : 1;
}

int multi_new(struct event_base *base, unsigned max_connections_per_host, multi_done_fn on_done,
	void *user, struct multi **ret_multi)
{
	cleanup_(cleanup_free) struct multi *m = calloc(1, sizeof(*m));

	if (!m)
		return err_raise(-ENOMEM);
	m->curl = curl_multi_init();
	if (!m->curl)
		return err_raise(-ENOMEM);
	m->base = base;
	m->on_done = on_done;
	m->user = user;
	evtimer_assign(&m->timer, base, on_timer, m);
	event_assign(&m->kick, base, -1, 0, on_timer, m);
	curl_multi_setopt(m->curl, CURLMOPT_SOCKETFUNCTION, on_socket_wish);
	curl_multi_setopt(m->curl, CURLMOPT_SOCKETDATA, m);
	curl_multi_setopt(m->curl, CURLMOPT_TIMERFUNCTION, on_timer_wish);
	curl_multi_setopt(m->curl, CURLMOPT_TIMERDATA, m);
	curl_multi_setopt(m->curl, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	curl_multi_setopt(m->curl, CURLMOPT_MAX_CONCURRENT_STREAMS, MULTI_STREAMS_MAX);
	curl_multi_setopt(m->curl, CURLMOPT_MAXCONNECTS, choose_idle_connections());
	multi_set_max_connections(m, max_connections_per_host);
	*ret_multi = take_ptr(m);
	return 0;
}

void multi_free(struct multi *multi)
{
	if (!multi)
		return;
	for (unsigned i = 0; i < multi->n_kept; i++)
		curl_easy_cleanup(multi->kept[i]);
	curl_multi_cleanup(multi->curl);
	free(multi->connections);
	event_del(&multi->timer);
	event_del(&multi->kick);
	free(multi);
}

CURL *multi_take_easy(struct multi *multi)
{
	return multi->n_kept ? multi->kept[--multi->n_kept] : NULL;
}

void multi_keep_easy_take(struct multi *multi, CURL *easy)
{
	if (multi->n_kept == MULTI_EASIES_KEPT)
		curl_easy_cleanup(easy);
	else
		multi->kept[multi->n_kept++] = easy;
}

int multi_add(struct multi *multi, CURL *easy)
{
	CURLMcode code = curl_multi_add_handle(multi->curl, easy);

	if (code)
		return err_raise(code == CURLM_OUT_OF_MEMORY ? -ENOMEM : -EINVAL);
	multi_kick(multi);
	return 0;
}

void multi_remove(struct multi *multi, CURL *easy)
{
	curl_multi_remove_handle(multi->curl, easy);
	multi_kick(multi);
}

void multi_kick(struct multi *multi)
{
	event_active(&multi->kick, EV_TIMEOUT, 0);
}

static void set_max_connections(struct multi *m, unsigned n)
{
	curl_multi_setopt(m->curl, CURLMOPT_MAX_HOST_CONNECTIONS, (long)n);
}

void multi_set_max_connections(struct multi *multi, unsigned max_connections_per_host)
{
	if (!multi->own_max_connections)
		set_max_connections(multi, max_connections_per_host);
}

void multi_set_on_socket(struct multi *multi, multi_socket_fn fn)
{
	multi->on_socket = fn;
}

void multi_raise_max_connections(struct multi *multi, unsigned max_connections_per_host)
{
	if (max_connections_per_host <= multi->own_max_connections)
		return;
	multi->own_max_connections = max_connections_per_host;
	set_max_connections(multi, max_connections_per_host);
}
