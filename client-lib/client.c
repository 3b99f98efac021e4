/* SPDX-License-Identifier: MIT */
/*
 * The connection to transferd and its I/O context: one epoll descriptor over the bus, an eventfd with which other threads
 * say "look again", and a timer for the next attempt to attach. One step waits, lets ipc dispatch (which calls the
 * handlers in wire.c, command.c and event.c) and then looks at every session.
 *
 * Callbacks of the application never run here: they are posted to queues after the lock has been released.
 */
#include "client-lib/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "client-lib/error.h"
#include "client-lib/event.h"
#include "client-lib/fork.h"
#include "client-lib/litter.h"
#include "client-lib/live.h"
#include "client-lib/queue.h"
#include "client-lib/segment.h"
#include "client-lib/session.h"
#include "client-lib/wire.h"
#include "ipc/bus.h"
#include "ipc/proto.h"

#define CLIENT_ALL_FLAGS \
	((uint64_t)TRANSFER_CLIENT_SYSTEM | TRANSFER_CLIENT_NO_THREAD | \
		TRANSFER_CLIENT_NO_AUTOSTART)
/* How long the last unref waits for answers. */
#define CLIENT_CLOSE_MS      10000
/* When there was no thread for callbacks. */
#define CLIENT_POST_AGAIN_US (100 * CLOCK_US_PER_MS)
/* What is taken from epoll at once. */
#define CLIENT_EVENTS        32

bool client_is_forked(const transfer_client *client)
{
	return fork_count() != client->n_forks;
}

void client_lock(transfer_client *client)
{
	/* in a forked child the other threads are gone, and the lock may be theirs for ever */
	if (client_is_forked(client))
		return;
	pthread_mutex_lock(&client->lock);
	litter_begin();
}

static transfer_session *find_to_post(transfer_client *client)
{
	transfer_session *session;

	TAILQ_FOREACH (session, &client->sessions, link) {
		if (session->needs_post)
			return session;
	}
	return NULL;
}

/* The work of all sessions that have some, with a reference of each one's queue. With the lock held. */
static struct transfer_work *take_posts(transfer_client *client)
{
	struct transfer_work *first = NULL, **end = &first;
	transfer_session *session;

	while ((session = find_to_post(client))) {
		session->needs_post = false;
		session->is_posted = true;
		session->post_due_us = 0;
		session_memory_ref(session); /* of the work; dropped by delivery_run() */
		transfer_queue_ref(session->queue);
		session->work.next = NULL;
		*end = &session->work;
		end = &session->work.next;
	}
	return first;
}

/* Once more, later. */
static void put_off(transfer_session *session)
{
	transfer_client *client = session->client;

	pthread_mutex_lock(&client->lock);
	session->is_posted = false;
	session->post_due_us = clock_now_us() + CLIENT_POST_AGAIN_US;
	client_wake(client);
	pthread_mutex_unlock(&client->lock);
	session_memory_unref(session); /* of the work */
}

static void post(struct transfer_work *work)
{
	transfer_session *session = session_of_work(work);
	transfer_queue *queue = session->queue; /* both may be gone once it is posted */

	if (queue_post(queue, work))
		put_off(session);
	transfer_queue_unref(queue);
}

void client_unlock(transfer_client *client)
{
	struct session_list garbage = TAILQ_HEAD_INITIALIZER(garbage);
	struct transfer_work *work, *next;
	transfer_session *session;

	if (client_is_forked(client))
		return;
	TAILQ_CONCAT(&garbage, &client->garbage, link);
	work = take_posts(client);
	pthread_mutex_unlock(&client->lock);
	for (; work; work = next) {
		next = work->next;
		post(work);
	}
	while ((session = TAILQ_FIRST(&garbage))) {
		TAILQ_REMOVE(&garbage, session, link);
		session_memory_unref(session);
	}
	litter_end();
}

void client_wake(transfer_client *client)
{
	if (!atomic_exchange(&client->is_woken, true))
		eventfd_write(client->wake_fd, 1);
}

void client_changed(transfer_client *client)
{
	pthread_cond_broadcast(&client->changed);
	/* who waits may be the one that does the I/O */
	if (client->is_stepping && !pthread_equal(client->stepper, pthread_self()))
		client_wake(client);
}

bool client_is_lost(transfer_client *client)
{
	bool is_lost;

	client_lock(client);
	is_lost = client->is_lost;
	client_unlock(client);
	return is_lost;
}

uint64_t client_deadline_us(int timeout_ms)
{
	return timeout_ms < 0 ? CLIENT_FOREVER
			      : clock_now_us() + (uint64_t)timeout_ms * CLOCK_US_PER_MS;
}

/* ---- I/O context ---- */

static void on_signal(void *user, struct ipc_signal *signal)
{
	transfer_client *client = user;
	const struct ipc_event *events;
	transfer_session *session;
	size_t n;
	int r = ipc_read_events(signal, &events, &n);

	if (r && r != -ENOMEM)
		return;
	client_lock(client);
	TAILQ_FOREACH (session, &client->sessions, link) {
		if (session->path.session == ipc_signal_path(signal).session)
			break;
	}
	if (session && r && live_is(session))
		live_lost(session);
	else if (session && r)
		wire_reopen(session); /* nothing is lost: the next attach brings it again */
	else if (session && live_is(session))
		live_take_in(session, signal, events, n);
	else if (session)
		event_take_in(session, signal, events, n);
	client_unlock(client);
}

static void on_service_changed(void *user, const char *owner)
{
	transfer_client *client = user;
	transfer_session *session;

	client_lock(client);
	TAILQ_FOREACH (session, &client->sessions, link)
		wire_owner_changed(session, owner);
	client_unlock(client);
}

static void on_lost(void *user)
{
	transfer_client *client = user;
	transfer_session *session;

	client_lock(client);
	client->is_lost = true;
	TAILQ_FOREACH (session, &client->sessions, link)
		wire_lost(session);
	client_changed(client);
	client_unlock(client);
}

/* Blocks for the answer; without the lock, because only this context uses the bus. */
static void ask_version(transfer_client *client)
{
	struct ipc_exchange exchange = { 0 };
	struct ipc_manager_properties properties;
	char *version = NULL;

	if (!ipc_get_manager_properties(
		    client->bus, (struct ipc_path){ 0 }, &exchange, &properties) &&
		properties.version)
		version = strdup(properties.version);
	ipc_exchange_done(&exchange);
	client_lock(client);
	free(client->version);
	client->version = version;
	client->wants_version = false;
	client->has_version = true;
	client_changed(client);
	client_unlock(client);
}

static void arm_timer(transfer_client *client, uint64_t due_us)
{
	struct itimerspec spec = { 0 };

	if (due_us != CLIENT_FOREVER) {
		if (!due_us)
			due_us = 1;
		spec.it_value.tv_sec = (time_t)(due_us / CLOCK_US_PER_S);
		spec.it_value.tv_nsec = (long)(due_us % CLOCK_US_PER_S * 1000);
	}
	timerfd_settime(client->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* When a session is to be looked at again though nothing happens. */
static uint64_t due_of(const transfer_session *session)
{
	uint64_t due_us = session->post_due_us ? session->post_due_us : CLIENT_FOREVER;

	if ((session->phase == SESSION_LOST || session->is_refused) && session->retry_us < due_us)
		due_us = session->retry_us;
	return due_us;
}

static void pump(transfer_client *client)
{
	transfer_session *session, *next;
	uint64_t due_us = CLIENT_FOREVER;
	bool wants_version;

	client_lock(client);
	for (session = TAILQ_FIRST(&client->sessions); session; session = next) {
		next = TAILQ_NEXT(session, link);
		wire_pump(session);
	}
	TAILQ_FOREACH (session, &client->sessions, link) {
		if (session->post_due_us && clock_now_us() >= session->post_due_us)
			session->needs_post = true;
		else if (due_of(session) < due_us)
			due_us = due_of(session);
	}
	wants_version = client->wants_version;
	client_unlock(client);
	arm_timer(client, due_us);
	if (wants_version)
		ask_version(client);
}

void client_retire(transfer_client *client, struct client_watch *watch)
{
	watch->is_retired = true;
	TAILQ_INSERT_TAIL(&client->retired, watch, link);
	client_wake(client);
}

static void free_retired(transfer_client *client)
{
	struct client_watch *watch;

	while ((watch = TAILQ_FIRST(&client->retired))) {
		TAILQ_REMOVE(&client->retired, watch, link);
		watch->free(watch);
	}
}

static void serve_watches(transfer_client *client, const struct epoll_event *events, int n)
{
	client_lock(client);
	for (int i = 0; i < n; i++) {
		struct client_watch *watch = events[i].data.ptr;

		if (watch && !watch->is_retired)
			watch->ready(watch);
	}
	free_retired(client);
	client_unlock(client);
}

static void io_step(transfer_client *client, int timeout_ms)
{
	struct epoll_event events[CLIENT_EVENTS];
	eventfd_t count;
	uint64_t ticks;
	ssize_t ignored;
	int n = epoll_wait(client->epoll_fd, events, CLIENT_EVENTS, timeout_ms);

	eventfd_read(client->wake_fd, &count);
	atomic_store(&client->is_woken, false); /* what changes from here on wakes again */
	ignored = read(client->timer_fd, &ticks, sizeof(ticks));
	(void)ignored;
	fork_bus_enter();
	/* a long message comes in many parts */
	if (ipc_bus_is_connected(client->bus) && ipc_bus_read(client->bus))
		ipc_bus_dispatch(client->bus);
	serve_watches(client, events, n);
	pump(client);
	fork_bus_leave();
}

static bool is_stopping(transfer_client *client)
{
	bool stopping;

	client_lock(client);
	stopping = client->is_stopping;
	client_unlock(client);
	return stopping;
}

static void run_io(void *user)
{
	transfer_client *client = user;

	while (!is_stopping(client))
		io_step(client, -1);
}

static void sleep_until(transfer_client *client, uint64_t deadline_us)
{
	struct timespec until = {
		.tv_sec = (time_t)(deadline_us / CLOCK_US_PER_S),
		.tv_nsec = (long)(deadline_us % CLOCK_US_PER_S * 1000),
	};

	if (deadline_us == CLIENT_FOREVER)
		pthread_cond_wait(&client->changed, &client->lock);
	else
		pthread_cond_timedwait(&client->changed, &client->lock, &until);
}

/* One step, or until who does the I/O has done one. With the lock held, which is released meanwhile. */
static void step_without_thread(transfer_client *client, uint64_t deadline_us)
{
	uint64_t now_us = clock_now_us();
	int timeout_ms = -1;

	if (client->is_stepping) {
		sleep_until(client, deadline_us);
		return;
	}
	if (deadline_us != CLIENT_FOREVER)
		timeout_ms = deadline_us > now_us
			? (int)((deadline_us - now_us + CLOCK_US_PER_MS - 1) / CLOCK_US_PER_MS)
			: 0;
	client->is_stepping = true;
	client->stepper = pthread_self();
	client_unlock(client);
	io_step(client, timeout_ms);
	client_lock(client);
	client->is_stepping = false;
	client_changed(client);
}

int client_wait(transfer_client *client, bool (*done)(void *arg), void *arg, uint64_t deadline_us)
{
	if (client_is_forked(client))
		return -ECHILD;
	while (!done(arg)) {
		if (deadline_us != CLIENT_FOREVER && clock_now_us() >= deadline_us)
			return -ETIMEDOUT;
		if (client->thread)
			sleep_until(client, deadline_us);
		else
			step_without_thread(client, deadline_us);
	}
	return 0;
}

/* ---- life ---- */

static void client_destroy(transfer_client *client)
{
	int fds[] = { client->epoll_fd, client->wake_fd, client->timer_fd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	free(client->version);
	segment_pool_free(client->segment_pool);
	pthread_cond_destroy(&client->changed);
	pthread_mutex_destroy(&client->lock);
	free(client);
}

void client_memory_unref(transfer_client *client)
{
	if (ref_put(&client->memory))
		client_destroy(client);
}

static bool has_no_session(void *arg)
{
	transfer_client *client = arg;
	transfer_session *session;

	TAILQ_FOREACH (session, &client->sessions, link) {
		if (session != client->shared)
			return false;
	}
	return true;
}

/* The last of the shared session; what the application kept of it finds it closed. */
static void close_shared(transfer_client *client)
{
	transfer_session *session;

	client_lock(client);
	session = client->shared;
	client->shared = NULL;
	client_unlock(client);
	transfer_session_unref(session);
}

/* No handle is left: answers are awaited, then the I/O ends. */
static void client_close(transfer_client *client)
{
	transfer_session *session;

	if (client_is_forked(client))
		return; /* everything belongs to the parent's threads; the memory stays */
	client_wake(client);
	client_lock(client);
	client_wait(client, has_no_session, client, client_deadline_us(CLIENT_CLOSE_MS));
	client->is_stopping = true;
	client_unlock(client);
	client_wake(client);
	thread_join(client->thread);
	client->thread = NULL;
	client_lock(client);
	while ((session = TAILQ_FIRST(&client->sessions)))
		session_remove(session);
	free_retired(client);
	client_unlock(client);
	close_shared(client);
	fork_bus_enter();
	if (client->bus)
		ipc_bus_flush(client->bus, 1000);
	ipc_bus_free(client->bus);
	fork_bus_leave();
	client->bus = NULL;
	transfer_queue_unref(client->own_queue);
	client->own_queue = NULL;
	client_memory_unref(client);
}

REF_DEFINE(transfer_client, client_close)

static int watch_fd(transfer_client *client, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };

	if (fd < 0)
		return -errno;
	return epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int open_fds(transfer_client *client)
{
	int r;

	client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (client->epoll_fd < 0)
		return -errno;
	client->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = watch_fd(client, client->wake_fd);
	if (r)
		return r;
	client->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	r = watch_fd(client, client->timer_fd);
	if (r || !(client->flags & TRANSFER_CLIENT_NO_THREAD))
		return r;
	client->own_queue = transfer_queue_new_manual();
	if (!client->own_queue)
		return -ENOMEM;
	return watch_fd(client, transfer_queue_get_fd(client->own_queue));
}

static int connect_bus(transfer_client *client)
{
	static const struct ipc_bus_events events = {
		.lost = on_lost,
		.service_changed = on_service_changed,
		.signal = on_signal,
	};
	int r = ipc_bus_new(client->flags & TRANSFER_CLIENT_SYSTEM ? IPC_BUS_SYSTEM : IPC_BUS_USER,
		NULL, &client->bus);

	if (r)
		return r;
	ipc_bus_set_events(client->bus, &events, client);
	ipc_bus_never_start(client->bus, client->flags & TRANSFER_CLIENT_NO_AUTOSTART);
	r = ipc_bus_watch_service(client->bus, IPC_NAME);
	if (r)
		return r;
	return watch_fd(client, ipc_bus_fd(client->bus));
}

static transfer_client *client_alloc(uint64_t flags)
{
	transfer_client *client = calloc(1, sizeof(*client));
	pthread_condattr_t attr;

	if (!client)
		return NULL;
	ref_init(&client->ref);
	ref_init(&client->memory);
	client->n_forks = fork_count();
	client->flags = flags;
	client->segment_pool = segment_pool_new();
	if (!client->segment_pool || fork_status()) {
		segment_pool_free(client->segment_pool);
		free(client);
		return NULL;
	}
	client->epoll_fd = client->wake_fd = client->timer_fd = -1;
	TAILQ_INIT(&client->sessions);
	TAILQ_INIT(&client->garbage);
	TAILQ_INIT(&client->retired);
	pthread_mutex_init(&client->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&client->changed, &attr);
	pthread_condattr_destroy(&attr);
	return client;
}

int transfer_client_new(transfer_client **ret_client, uint64_t flags, transfer_error **ret_error)
{
	transfer_client *client;
	int r;

	if (flags & ~CLIENT_ALL_FLAGS)
		return error_give(-EINVAL, error_new_errno(EINVAL, "unknown flags"), ret_error);
	if (fork_bus_is_stuck())
		return error_give(-ECHILD, error_new_errno(ECHILD, FORK_STUCK), ret_error);
	client = client_alloc(flags);
	if (!client)
		return error_give(-ENOMEM, error_new_errno(ENOMEM, NULL), ret_error);
	r = open_fds(client);
	fork_bus_enter();
	if (!r)
		r = connect_bus(client);
	fork_bus_leave();
	if (!r && !(flags & TRANSFER_CLIENT_NO_THREAD))
		r = thread_start("transfer-io", run_io, client, &client->thread);
	if (r) {
		ipc_bus_free(client->bus);
		transfer_queue_unref(client->own_queue);
		client_destroy(client);
		return error_give(
			r < 0 ? r : error_to_errno(r), error_new_ipc(r, NULL, NULL), ret_error);
	}
	*ret_client = client;
	return 0;
}

int transfer_client_get_fd(transfer_client *client)
{
	return client->flags & TRANSFER_CLIENT_NO_THREAD ? client->epoll_fd : -EOPNOTSUPP;
}

/* A callback may drop the last handle: the struct is kept, the bus may be gone afterwards. */
static int dispatch(transfer_client *client, int timeout_ms)
{
	int n = transfer_queue_dispatch(client->own_queue, 0);
	int more;

	if (n < 0 || !client->bus)
		return n;
	client_lock(client);
	step_without_thread(client, client_deadline_us(n ? 0 : timeout_ms));
	client_unlock(client);
	more = transfer_queue_dispatch(client->own_queue, 0);
	return more < 0 ? more : n + more;
}

int transfer_client_dispatch(transfer_client *client, int timeout_ms)
{
	int n;

	if (!(client->flags & TRANSFER_CLIENT_NO_THREAD))
		return -EOPNOTSUPP;
	if (client_is_forked(client))
		return -ECHILD;
	ref_get(&client->memory);
	n = dispatch(client, timeout_ms);
	client_memory_unref(client);
	return n;
}

static bool has_no_command(void *arg)
{
	transfer_client *client = arg;
	transfer_session *session;

	TAILQ_FOREACH (session, &client->sessions, link) {
		if (!TAILQ_EMPTY(&session->commands) || !TAILQ_EMPTY(&session->flight) ||
			live_has_to_send(session))
			return false;
	}
	return true;
}

int transfer_client_flush(transfer_client *client, int timeout_ms)
{
	int r;

	if (client_is_forked(client))
		return -ECHILD;
	client_lock(client);
	r = client_wait(client, has_no_command, client, client_deadline_us(timeout_ms));
	client_unlock(client);
	return r;
}

static bool has_version(void *arg)
{
	return ((transfer_client *)arg)->has_version;
}

char *transfer_client_copy_daemon_version(transfer_client *client)
{
	char *version;

	if (client_is_forked(client))
		return NULL;
	client_lock(client);
	client->wants_version = true;
	client->has_version = client->is_lost;
	client_wake(client);
	client_wait(client, has_version, client, CLIENT_FOREVER);
	version = client->version ? strdup(client->version) : NULL;
	client_unlock(client);
	return version;
}
