/* SPDX-License-Identifier: MIT */
/*
 * The manager inside the library: a bus of its own, one call at a time. manager.c has its life and the watching,
 * manager-look.c what reads, manager-create.c what makes tasks, manager-steer.c what changes, manager-cookie.c
 * both for cookies.
 *
 *	struct manager_call call;
 *	int r = manager_begin(manager, &call, ret_error);
 *	if (r)
 *		return r;
 *	do
 *		r = ipc_call_…(manager->bus, path, &call.exchange, …);
 *	while (manager_again(&call, r));
 *	return manager_end(&call, r, ret_error);
 */
#ifndef CLIENT_LIB_MANAGER_H
#define CLIENT_LIB_MANAGER_H

#include <pthread.h>

#include <transfer/manager.h>

#include "client-lib/ref.h"
#include "ipc/bus.h"

struct manager_note;

struct transfer_manager {
	struct ref ref;
	unsigned int n_forks; /* when it was made */
	pthread_mutex_t lock;
	struct ipc_bus *bus;
	int epoll_fd, note_fd;
	uint64_t timeout_us; /* 0: the default */
	bool may_start;
	bool is_watching;
	transfer_change_handler handler;
	void *userdata;
	struct manager_note *notes, **notes_end; /* changes that were not told yet */
};

struct manager_call {
	struct transfer_manager *manager;
	struct ipc_exchange exchange;
	unsigned int n_tries;
};

/* Takes the lock, unless it fails. */
int manager_begin(
	struct transfer_manager *manager, struct manager_call *call, transfer_error **ret_error);
/* Whether the call is to be made once more: transferd went away while it was under way. */
bool manager_again(struct manager_call *call, int r);
/* Stores the error, releases the results and the lock; the errno of r. */
int manager_end(struct manager_call *call, int r, transfer_error **ret_error);
/* The same for a reason of ours: 0 or -errno. */
int manager_end_errno(struct manager_call *call, int error_no, transfer_error **ret_error);
/* The object of a session by its identifier or path; within a call. 0, IPC_E_… or -errno. */
int manager_find_session(
	struct manager_call *call, const char *identifier, struct ipc_path *ret_path);

/* A whole call that says nothing but which session: manager-steer.c. */
typedef int (*manager_verb_fn)(
	struct ipc_bus *bus, struct ipc_path path, struct ipc_exchange *exchange);
int manager_steer_session(struct transfer_manager *manager, const char *identifier,
	manager_verb_fn verb, transfer_error **ret_error);

#endif
