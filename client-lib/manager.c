/* SPDX-License-Identifier: MIT */
/*
 * The manager: its connection, the frame around each call, and the watching of changes. It has no thread. Signals that
 * arrive while a call waits are kept as notes and told by the next transfer_manager_dispatch(), so that the handler never
 * runs inside another call.
 */
#include "client-lib/manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "client-lib/error.h"
#include "client-lib/fork.h"
#include "client-lib/words.h"
#include "ipc/proto.h"

#define MANAGER_ALL_FLAGS ((uint64_t)TRANSFER_CLIENT_SYSTEM | TRANSFER_CLIENT_NO_AUTOSTART)

struct manager_note {
	struct manager_note *next;
	struct transfer_change change;
	char path[IPC_PATH_BYTES];
	char session_state[16];
};

static void drop_notes(struct transfer_manager *manager)
{
	struct manager_note *note;

	while ((note = manager->notes)) {
		manager->notes = note->next;
		free(note);
	}
	manager->notes_end = &manager->notes;
}

static bool manager_is_forked(const struct transfer_manager *manager)
{
	return fork_count() != manager->n_forks;
}

static void manager_free(struct transfer_manager *manager)
{
	fork_bus_enter();
	if (!manager_is_forked(manager))
		ipc_bus_free(manager->bus);
	fork_bus_leave();
	drop_notes(manager);
	if (manager->epoll_fd >= 0)
		close(manager->epoll_fd);
	if (manager->note_fd >= 0)
		close(manager->note_fd);
	pthread_mutex_destroy(&manager->lock);
	free(manager);
}

REF_DEFINE(transfer_manager, manager_free)

/* ---- what is heard ---- */

static struct manager_note *note_new(struct transfer_manager *manager, struct ipc_path path)
{
	struct manager_note *note = manager->handler ? calloc(1, sizeof(*note)) : NULL;

	if (!note)
		return NULL;
	note->change.size = sizeof(note->change);
	note->change.object_path = ipc_path_format(path, note->path, sizeof(note->path));
	note->change.session_number = path.session;
	note->change.task = path.task;
	*manager->notes_end = note;
	manager->notes_end = &note->next;
	eventfd_write(manager->note_fd, 1);
	return note;
}

static bool has_bit(uint64_t bits, int property)
{
	return bits >> property & 1;
}

static void on_task_changed(struct transfer_manager *manager, struct ipc_signal *signal)
{
	struct ipc_task_properties values;
	struct manager_note *note;
	uint64_t changed, invalid;

	if (ipc_read_task_changed(signal, &values, &changed, &invalid))
		return;
	note = note_new(manager, ipc_signal_path(signal));
	if (!note)
		return;
	note->change.has_state = has_bit(changed, IPC_TASK_STATE);
	if (note->change.has_state)
		note->change.state = words_task_state(values.state);
	note->change.has_sub_state = has_bit(changed, IPC_TASK_SUB_STATE);
	if (note->change.has_sub_state)
		note->change.sub_state = words_task_sub_state(values.sub_state, NULL);
	if (has_bit(changed, IPC_TASK_ATTEMPTS))
		note->change.n_attempts = values.attempts;
}

static void on_session_changed(struct transfer_manager *manager, struct ipc_signal *signal)
{
	struct ipc_session_properties values;
	struct manager_note *note;
	uint64_t changed, invalid;

	if (ipc_read_session_changed(signal, &values, &changed, &invalid))
		return;
	note = note_new(manager, ipc_signal_path(signal));
	if (!note || !has_bit(changed, IPC_SESSION_STATE) || !values.state)
		return;
	strncpy(note->session_state, values.state, sizeof(note->session_state) - 1);
	note->change.session_state = note->session_state;
}

static void on_signal(void *user, struct ipc_signal *signal)
{
	struct ipc_path path = ipc_signal_path(signal);

	if (path.task)
		on_task_changed(user, signal);
	else if (path.session)
		on_session_changed(user, signal);
}

static void on_service_changed(void *user, const char *owner)
{
	struct manager_note *note = note_new(user, (struct ipc_path){ 0 });

	if (!note)
		return;
	note->change.has_service = true;
	note->change.is_running = owner != NULL;
}

/* ---- life ---- */

static int watch_fd(struct transfer_manager *manager, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (fd < 0)
		return -errno;
	return epoll_ctl(manager->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int manager_open(struct transfer_manager *manager, uint64_t flags)
{
	static const struct ipc_bus_events events = {
		.service_changed = on_service_changed,
		.signal = on_signal,
	};
	int r;

	manager->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (manager->epoll_fd < 0)
		return -errno;
	manager->note_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = watch_fd(manager, manager->note_fd);
	if (!r)
		r = ipc_bus_new(flags & TRANSFER_CLIENT_SYSTEM ? IPC_BUS_SYSTEM : IPC_BUS_USER,
			NULL, &manager->bus);
	if (r)
		return r;
	ipc_bus_set_events(manager->bus, &events, manager);
	r = ipc_bus_watch_service(manager->bus, IPC_NAME);
	return r ? r : watch_fd(manager, ipc_bus_fd(manager->bus));
}

int transfer_manager_new(transfer_manager **ret_manager, uint64_t flags, transfer_error **ret_error)
{
	struct transfer_manager *manager;
	int r;

	if (flags & ~MANAGER_ALL_FLAGS)
		return error_give(-EINVAL, error_new_errno(EINVAL, "unknown flags"), ret_error);
	if (fork_bus_is_stuck())
		return error_give(-ECHILD, error_new_errno(ECHILD, FORK_STUCK), ret_error);
	manager = fork_status() ? NULL : calloc(1, sizeof(*manager));
	if (!manager)
		return error_give(-ENOMEM, error_new_errno(ENOMEM, NULL), ret_error);
	ref_init(&manager->ref);
	pthread_mutex_init(&manager->lock, NULL);
	manager->n_forks = fork_count();
	manager->epoll_fd = manager->note_fd = -1;
	manager->notes_end = &manager->notes;
	manager->may_start = !(flags & TRANSFER_CLIENT_NO_AUTOSTART);
	fork_bus_enter();
	r = manager_open(manager, flags);
	fork_bus_leave();
	if (r) {
		manager_free(manager);
		return error_give(error_to_errno(r), error_new_ipc(r, NULL, NULL), ret_error);
	}
	*ret_manager = manager;
	return 0;
}

void transfer_manager_set_timeout(transfer_manager *manager, uint64_t timeout_usec)
{
	if (manager_is_forked(manager))
		return;
	pthread_mutex_lock(&manager->lock);
	manager->timeout_us = timeout_usec;
	pthread_mutex_unlock(&manager->lock);
}

void transfer_manager_set_autostart(transfer_manager *manager, bool autostart)
{
	if (manager_is_forked(manager))
		return;
	pthread_mutex_lock(&manager->lock);
	manager->may_start = autostart;
	pthread_mutex_unlock(&manager->lock);
}

/* ---- the frame of a call ---- */

int manager_begin(
	struct transfer_manager *manager, struct manager_call *call, transfer_error **ret_error)
{
	*call = (struct manager_call){ .manager = manager };
	if (manager_is_forked(manager))
		return error_give(
			-ECHILD, error_new_errno(ECHILD, "the process was forked"), ret_error);
	pthread_mutex_lock(&manager->lock);
	fork_bus_enter();
	call->exchange.timeout_ms =
		(int)((manager->timeout_us < (uint64_t)INT32_MAX * CLOCK_US_PER_MS
				      ? manager->timeout_us
				      : (uint64_t)INT32_MAX * CLOCK_US_PER_MS) /
			CLOCK_US_PER_MS);
	if (manager->timeout_us && !call->exchange.timeout_ms)
		call->exchange.timeout_ms = 1;
	ipc_bus_dispatch(manager->bus);
	if (!ipc_bus_is_connected(manager->bus))
		return manager_end(call, -ENOTCONN, ret_error);
	if (!manager->may_start && !ipc_bus_service_owner(manager->bus))
		return manager_end(call, IPC_E_SERVICE_UNKNOWN, ret_error);
	return 0;
}

bool manager_again(struct manager_call *call, int r)
{
	if (r != -ECONNRESET || call->n_tries++)
		return false;
	ipc_exchange_done(&call->exchange);
	return true;
}

int manager_end(struct manager_call *call, int r, transfer_error **ret_error)
{
	int error_no = error_give_ipc(r, &call->exchange, ret_error);

	ipc_exchange_done(&call->exchange);
	fork_bus_leave();
	pthread_mutex_unlock(&call->manager->lock);
	return error_no;
}

int manager_end_errno(struct manager_call *call, int error_no, transfer_error **ret_error)
{
	manager_end(call, 0, NULL);
	if (error_no)
		return error_give(error_no, error_new_errno(error_no, NULL), ret_error);
	return 0;
}

int manager_find_session(
	struct manager_call *call, const char *identifier, struct ipc_path *ret_path)
{
	struct ipc_manager_get_session_in in = { .identifier = identifier };
	struct ipc_manager_get_session_out out;
	struct ipc_path path;
	int r;

	if (identifier && !ipc_path_parse(identifier, &path) && path.session && !path.task) {
		*ret_path = path;
		return 0;
	}
	do
		r = ipc_call_manager_get_session(
			call->manager->bus, (struct ipc_path){ 0 }, &call->exchange, &in, &out);
	while (manager_again(call, r));
	if (!r)
		*ret_path = out.session;
	return r;
}

int transfer_manager_is_running(transfer_manager *manager, transfer_error **ret_error)
{
	struct manager_call call;
	bool may_start;
	int r;

	if (manager_is_forked(manager))
		return manager_begin(manager, &call, ret_error);
	pthread_mutex_lock(&manager->lock);
	may_start = manager->may_start;
	manager->may_start = true; /* nothing is called here */
	pthread_mutex_unlock(&manager->lock);
	r = manager_begin(manager, &call, ret_error);
	if (!r) {
		r = ipc_bus_service_owner(manager->bus) != NULL;
		manager_end(&call, 0, NULL);
	}
	transfer_manager_set_autostart(manager, may_start);
	return r;
}

/* ---- watching ---- */

int transfer_manager_watch(transfer_manager *manager, transfer_change_handler handler,
	void *userdata, transfer_error **ret_error)
{
	int r = 0;

	if (manager_is_forked(manager))
		return error_give(
			-ECHILD, error_new_errno(ECHILD, "the process was forked"), ret_error);
	pthread_mutex_lock(&manager->lock);
	fork_bus_enter();
	if (handler && !manager->is_watching)
		r = ipc_bus_watch_properties(manager->bus);
	fork_bus_leave();
	if (!r) {
		manager->is_watching = manager->is_watching || handler;
		manager->handler = handler;
		manager->userdata = userdata;
	}
	if (!handler)
		drop_notes(manager);
	pthread_mutex_unlock(&manager->lock);
	if (r)
		return error_give(error_to_errno(r), error_new_ipc(r, NULL, NULL), ret_error);
	return 0;
}

int transfer_manager_get_fd(transfer_manager *manager)
{
	return manager->epoll_fd;
}

/* The notes so far; the handler is called without the lock, so it may call the manager. */
static int tell(struct transfer_manager *manager)
{
	transfer_change_handler handler;
	struct manager_note *note, *notes;
	void *userdata;
	eventfd_t count;
	int n = 0;

	pthread_mutex_lock(&manager->lock);
	notes = manager->notes;
	manager->notes = NULL;
	manager->notes_end = &manager->notes;
	eventfd_read(manager->note_fd, &count);
	handler = manager->handler;
	userdata = manager->userdata;
	pthread_mutex_unlock(&manager->lock);
	while ((note = notes)) {
		notes = note->next;
		if (handler) {
			handler(&note->change, userdata);
			n++;
		}
		free(note);
	}
	return n;
}

int transfer_manager_dispatch(transfer_manager *manager, int timeout_ms)
{
	struct epoll_event events[2];
	int r;

	if (manager_is_forked(manager))
		return -ECHILD;
	if (epoll_wait(manager->epoll_fd, events, 2, timeout_ms) < 0)
		return -errno;
	pthread_mutex_lock(&manager->lock);
	fork_bus_enter();
	r = ipc_bus_dispatch(manager->bus);
	fork_bus_leave();
	pthread_mutex_unlock(&manager->lock);
	if (r)
		return r;
	return tell(manager);
}
