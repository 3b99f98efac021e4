/* SPDX-License-Identifier: MIT */
/*
 * One connection to a message bus, folded into one pollable descriptor. The daemon serves on it (ipc/object.h, ipc_reply_…
 * of ipc/proto.h), the library calls on it (ipc_call_…, ipc_start_… of ipc/proto.h).
 *
 * Thread: a bus belongs to one thread at a time; the caller has the lock if there are several. Callbacks run only
 * inside ipc_bus_dispatch(), except those of pending calls that ipc_bus_free() ends. A callback must not free the bus.
 */
#ifndef IPC_BUS_H
#define IPC_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "ipc/types.h"

struct ipc_bus;
struct ipc_signal;

enum ipc_bus_kind {
	IPC_BUS_USER, /* DBUS_SESSION_BUS_ADDRESS or its default */
	IPC_BUS_SYSTEM,
	IPC_BUS_ADDRESS, /* the address that is given */
};

/* Any member may be NULL. */
struct ipc_bus_events {
	/* The connection is gone and stays gone; calls under way have ended with -ENOTCONN. Free the bus later. Once. */
	void (*lost)(void *user);
	/* A name that was requested became ours (after waiting in the queue), or was taken from us. */
	void (*name_acquired)(void *user, const char *name);
	void (*name_lost)(void *user, const char *name);
	/* A caller whose credentials we know left the bus: everything under its unique name ends. */
	void (*peer_left)(void *user, const char *unique_name);
	/* The watched service (ipc_bus_watch_service) has a new owner, or none: owner is NULL. */
	void (*service_changed)(void *user, const char *owner);
	/* A signal of the watched service's present owner; read it with ipc_signal_… and ipc_read_… of ipc/proto.h. */
	void (*signal)(void *user, struct ipc_signal *signal);
};

/* 0 or -errno (-ECONNREFUSED: no such bus). Blocks for the connection's hello. @address: for IPC_BUS_ADDRESS, else NULL. */
int ipc_bus_new(enum ipc_bus_kind kind, const char *address, struct ipc_bus **ret_bus);
/* Ends pending calls with -ECANCELED, makes unanswered struct ipc_call harmless, closes. NULL is fine. */
void ipc_bus_free(struct ipc_bus *bus);
void ipc_bus_set_events(struct ipc_bus *bus, const struct ipc_bus_events *events, void *user);

/* Readable when ipc_bus_dispatch() has something to do; always the same descriptor. */
int ipc_bus_fd(const struct ipc_bus *bus);
/*
 * Reads and writes what can be at once; bounded. Is there a whole message for ipc_bus_dispatch(), or the connection gone?
 * A loop whose turns cost something need not have one for each part of a long message.
 */
bool ipc_bus_read(struct ipc_bus *bus);
/* Reads, writes, answers, calls back; bounded work per call. 0, or -ENOTCONN when the connection is gone. */
int ipc_bus_dispatch(struct ipc_bus *bus);
/* poll() on the descriptor, then dispatch: for programs without a loop. 0, -ETIMEDOUT, -ENOTCONN. timeout_ms -1: no limit. */
int ipc_bus_wait(struct ipc_bus *bus, int timeout_ms);
bool ipc_bus_is_connected(const struct ipc_bus *bus);

/* Borrowed, "" when not connected. */
const char *ipc_bus_unique_name(const struct ipc_bus *bus);
/* How long an answer to a call may take, from now on: 25 s if never set, 0: as before, -1: without end. Returns what it was. */
int ipc_bus_set_timeout(struct ipc_bus *bus, int timeout_ms);
/* The bus starts no service for a call of ours: without one it ends with IPC_E_SERVICE_UNKNOWN. */
void ipc_bus_never_start(struct ipc_bus *bus, bool is_never);
/* Bytes that wait to be written: hold back while this is large. */
size_t ipc_bus_outgoing_bytes(const struct ipc_bus *bus);
/* Writes what waits, blocking for at most timeout_ms: before exit. */
int ipc_bus_flush(struct ipc_bus *bus, int timeout_ms);

enum ipc_name_mode {
	IPC_NAME_NOW, /* ours at once, or IPC_E_BUSY */
	IPC_NAME_QUEUE, /* when taken, wait: IPC_DEFERRED, then name_acquired */
};
/* Nobody can take a name from us once it is ours. 0, IPC_E_BUSY, IPC_DEFERRED, IPC_E_ACCESS_DENIED, -errno. Blocks. */
int ipc_bus_request_name(struct ipc_bus *bus, const char *name, enum ipc_name_mode mode);
int ipc_bus_release_name(struct ipc_bus *bus, const char *name);

/* Whether programs could own it: a well-known name. */
bool ipc_bus_is_name(const char *name);
/*
 * Asks who owns a well-known name for an action (org.freedesktop.Application, the object that the name stands for), with a text as
 * its parameter. The bus starts the owner if it knows how. Nobody hears whether it worked. 0, -EINVAL: no such name, -errno.
 */
int ipc_bus_activate(struct ipc_bus *bus, const char *name, const char *action, const char *text);

/*
 * Client side. Watches the daemon's name (IPC_NAME in general): service_changed is called for each change, signals of others
 * than its owner are dropped. Does not start the daemon; the first call does, if the bus knows how.
 */
int ipc_bus_watch_service(struct ipc_bus *bus, const char *name);
/* The owner known now, or NULL. */
const char *ipc_bus_service_owner(const struct ipc_bus *bus);
/* PropertiesChanged of the service is delivered too (match rule on the root path's namespace). */
int ipc_bus_watch_properties(struct ipc_bus *bus);

/*
 * What surrounds a blocking call. Zero-initialise; ipc_exchange_done() frees all that the results point to.
 * One exchange serves many calls; done in between frees the results of the earlier ones.
 */
struct ipc_exchange {
	int timeout_ms; /* 0: the bus's */
	struct arena arena; /* holds the results and text */
	const char *name; /* D-Bus error name of the last failed call, or NULL */
	const char *text; /* its message, or NULL */
};
void ipc_exchange_done(struct ipc_exchange *exchange);

/* The end of a call without results that did not wait: 0, IPC_E_… or -errno. */
typedef void (*ipc_done_fn)(void *user, int r, const char *text);

#endif
