/* SPDX-License-Identifier: MIT */
/*
 * libdbus wants to be told which of its watches are ready and which of its timeouts are due. An epoll descriptor holds its
 * sockets, a timerfd for the nearest timeout and an eventfd for "messages are queued"; an epoll descriptor
 * is itself pollable, so that is all the outside needs to know.
 *
 * Two watches may share one socket (reading and writing) and may be switched on and off at any time, also while one of
 * them is being handled: sockets are kept by number with the union of their enabled watches, and watches are found anew
 * for each one that is handled. Messages are never dispatched from a callback of libdbus.
 */
#include "ipc/loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/timerfd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"

#define MAX_WATCHES 8
#define MAX_READY   8

struct timeout {
	LIST_ENTRY(timeout) link;
	DBusTimeout *timeout;
	uint64_t due_us; /* UINT64_MAX: disabled */
};

struct loop {
	int epoll_fd, timer_fd, poke_fd;
	DBusWatch *watches[MAX_WATCHES];
	LIST_HEAD(, timeout) timeouts;
	uint64_t armed_us; /* what timer_fd is set to; UINT64_MAX: off */
};

int loop_fd(const struct loop *loop)
{
	return loop->epoll_fd;
}

void loop_poke(struct loop *loop)
{
	const uint64_t one = 1;

	/* Fails only when it is readable anyway. */
	if (write(loop->poke_fd, &one, sizeof(one)) < 0)
		return;
}

static int add_own(struct loop *loop, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (fd < 0 || epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return err_raise(-errno);
	return 0;
}

DEFINE_CLEANUP(struct loop *, loop_free)

int loop_new(struct loop **ret_loop)
{
	cleanup_(loop_freep) struct loop *loop = calloc(1, sizeof(*loop));
	int r;

	if (!loop)
		return err_raise(-ENOMEM);
	LIST_INIT(&loop->timeouts);
	loop->armed_us = UINT64_MAX;
	loop->timer_fd = loop->poke_fd = -1;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return err_raise(-errno);
	loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	r = add_own(loop, loop->timer_fd);
	if (r)
		return r;
	loop->poke_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r = add_own(loop, loop->poke_fd);
	if (r)
		return r;
	*ret_loop = take_ptr(loop);
	return 0;
}

void loop_free(struct loop *loop)
{
	struct timeout *t;

	if (!loop)
		return;
	while ((t = LIST_FIRST(&loop->timeouts))) {
		LIST_REMOVE(t, link);
		free(t);
	}
	if (loop->poke_fd >= 0)
		close(loop->poke_fd);
	if (loop->timer_fd >= 0)
		close(loop->timer_fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	free(loop);
}

/* ---- watches ---- */

static uint32_t wanted_events(const struct loop *loop, int fd)
{
	uint32_t events = 0;

	for (unsigned i = 0; i < MAX_WATCHES; i++) {
		DBusWatch *w = loop->watches[i];
		unsigned flags;

		if (!w || dbus_watch_get_unix_fd(w) != fd || !dbus_watch_get_enabled(w))
			continue;
		flags = dbus_watch_get_flags(w);
		events |= (flags & DBUS_WATCH_READABLE ? EPOLLIN : 0u) |
			(flags & DBUS_WATCH_WRITABLE ? EPOLLOUT : 0u);
	}
	return events;
}

/* Makes epoll hold what the watches of fd want. A socket nobody wants leaves epoll: it would report hang-ups for ever. */
static int sync_fd(struct loop *loop, int fd)
{
	struct epoll_event event = { .events = wanted_events(loop, fd), .data.fd = fd };
	int op = event.events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;

	if (epoll_ctl(loop->epoll_fd, op, fd, &event) == 0)
		return 0;
	if (op == EPOLL_CTL_DEL || errno != ENOENT)
		return op == EPOLL_CTL_DEL ? 0 : -errno;
	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static dbus_bool_t on_add_watch(DBusWatch *watch, void *user)
{
	struct loop *loop = user;

	for (unsigned i = 0; i < MAX_WATCHES; i++) {
		if (loop->watches[i])
			continue;
		loop->watches[i] = watch;
		if (sync_fd(loop, dbus_watch_get_unix_fd(watch)) == 0)
			return TRUE;
		loop->watches[i] = NULL;
		return FALSE;
	}
	return FALSE;
}

static void on_remove_watch(DBusWatch *watch, void *user)
{
	struct loop *loop = user;

	for (unsigned i = 0; i < MAX_WATCHES; i++) {
		if (loop->watches[i] == watch)
			loop->watches[i] = NULL;
	}
	sync_fd(loop, dbus_watch_get_unix_fd(watch));
}

static void on_toggle_watch(DBusWatch *watch, void *user)
{
	sync_fd(user, dbus_watch_get_unix_fd(watch));
}

static unsigned ready_flags(uint32_t events, unsigned watch_flags)
{
	unsigned flags = 0;

	if (events & EPOLLIN)
		flags |= DBUS_WATCH_READABLE;
	if (events & EPOLLOUT)
		flags |= DBUS_WATCH_WRITABLE;
	flags &= watch_flags;
	if (events & EPOLLHUP)
		flags |= DBUS_WATCH_HANGUP;
	if (events & EPOLLERR)
		flags |= DBUS_WATCH_ERROR;
	return flags;
}

static int handle_fd(struct loop *loop, int fd, uint32_t events)
{
	for (unsigned i = 0; i < MAX_WATCHES; i++) {
		DBusWatch *w = loop->watches[i];
		unsigned flags;

		if (!w || dbus_watch_get_unix_fd(w) != fd || !dbus_watch_get_enabled(w))
			continue;
		flags = ready_flags(events, dbus_watch_get_flags(w));
		if (flags && !dbus_watch_handle(w, flags))
			return err_raise(-ENOMEM);
	}
	return 0;
}

/* ---- timeouts ---- */

static void arm(struct loop *loop)
{
	struct itimerspec spec = { 0 };
	uint64_t due_us = UINT64_MAX;
	struct timeout *t;

	LIST_FOREACH (t, &loop->timeouts, link) {
		if (t->due_us < due_us)
			due_us = t->due_us;
	}
	if (due_us == loop->armed_us)
		return;
	loop->armed_us = due_us;
	if (due_us != UINT64_MAX) {
		spec.it_value.tv_sec = (time_t)(due_us / CLOCK_US_PER_S);
		spec.it_value.tv_nsec = (long)(due_us % CLOCK_US_PER_S) * 1000 + 1;
	}
	timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static void set_due(struct timeout *t)
{
	t->due_us = UINT64_MAX;
	if (dbus_timeout_get_enabled(t->timeout))
		t->due_us = clock_now_us() +
			(uint64_t)dbus_timeout_get_interval(t->timeout) * CLOCK_US_PER_MS;
}

static dbus_bool_t on_add_timeout(DBusTimeout *timeout, void *user)
{
	struct loop *loop = user;
	struct timeout *t = calloc(1, sizeof(*t));

	if (!t)
		return FALSE;
	t->timeout = timeout;
	set_due(t);
	dbus_timeout_set_data(timeout, t, NULL);
	LIST_INSERT_HEAD(&loop->timeouts, t, link);
	arm(loop);
	return TRUE;
}

static void on_remove_timeout(DBusTimeout *timeout, void *user)
{
	struct loop *loop = user;
	struct timeout *t = dbus_timeout_get_data(timeout);

	if (!t)
		return;
	dbus_timeout_set_data(timeout, NULL, NULL);
	LIST_REMOVE(t, link);
	free(t);
	arm(loop);
}

static void on_toggle_timeout(DBusTimeout *timeout, void *user)
{
	struct timeout *t = dbus_timeout_get_data(timeout);

	if (!t)
		return;
	set_due(t);
	arm(user);
}

static struct timeout *find_due(struct loop *loop, uint64_t now_us)
{
	struct timeout *t;

	LIST_FOREACH (t, &loop->timeouts, link) {
		if (t->due_us <= now_us)
			return t;
	}
	return NULL;
}

static void expire(struct loop *loop)
{
	uint64_t now_us = clock_now_us(), n_passed;
	struct timeout *t;

	if (read(loop->timer_fd, &n_passed, sizeof(n_passed)) < 0 && errno != EAGAIN)
		return;
	loop->armed_us = UINT64_MAX;
	/* Handling may remove any timeout: look from the start each time. One that stays gets its next date first. */
	while ((t = find_due(loop, now_us))) {
		DBusTimeout *timeout = t->timeout;

		set_due(t);
		if (t->due_us <= now_us)
			t->due_us = now_us + 1;
		dbus_timeout_handle(timeout);
	}
	arm(loop);
}

/* ---- both ---- */

static void on_wakeup(void *user)
{
	loop_poke(user);
}

static void on_dispatch_status(DBusConnection *connection, DBusDispatchStatus status, void *user)
{
	(void)connection;
	if (status == DBUS_DISPATCH_DATA_REMAINS)
		loop_poke(user);
}

int loop_attach(struct loop *loop, DBusConnection *connection)
{
	if (!dbus_connection_set_watch_functions(
		    connection, on_add_watch, on_remove_watch, on_toggle_watch, loop, NULL) ||
		!dbus_connection_set_timeout_functions(connection, on_add_timeout,
			on_remove_timeout, on_toggle_timeout, loop, NULL)) {
		loop_detach(loop, connection);
		return err_raise(-ENOMEM);
	}
	dbus_connection_set_wakeup_main_function(connection, on_wakeup, loop, NULL);
	dbus_connection_set_dispatch_status_function(connection, on_dispatch_status, loop, NULL);
	if (dbus_connection_get_dispatch_status(connection) == DBUS_DISPATCH_DATA_REMAINS)
		loop_poke(loop);
	return 0;
}

void loop_detach(struct loop *loop, DBusConnection *connection)
{
	(void)loop;
	dbus_connection_set_dispatch_status_function(connection, NULL, NULL, NULL);
	dbus_connection_set_wakeup_main_function(connection, NULL, NULL, NULL);
	/* Taking functions away needs no memory. */
	dbus_connection_set_watch_functions(connection, NULL, NULL, NULL, NULL, NULL);
	dbus_connection_set_timeout_functions(connection, NULL, NULL, NULL, NULL, NULL);
}

int loop_process(struct loop *loop)
{
	struct epoll_event ready[MAX_READY];
	int n = epoll_wait(loop->epoll_fd, ready, MAX_READY, 0);

	if (n < 0)
		return errno == EINTR ? 0 : err_raise(-errno);
	for (int i = 0; i < n; i++) {
		int fd = ready[i].data.fd, r = 0;
		uint64_t n_pokes;

		if (fd == loop->timer_fd)
			expire(loop);
		else if (fd == loop->poke_fd)
			r = read(fd, &n_pokes, sizeof(n_pokes)) < 0 && errno != EAGAIN ? -errno : 0;
		else
			r = handle_fd(loop, fd, ready[i].events);
		if (r)
			return r;
	}
	return n;
}
