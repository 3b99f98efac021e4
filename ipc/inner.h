/* SPDX-License-Identifier: MIT */
/*
 * What the files of ipc share about a connection and the calls on it. Private to ipc.
 *
 *   bus.c     the connection: routes each message to one of the others
 *   peer.c    who a caller is; holds calls back until that is known
 *   object.c  our methods;  standard.c  the standard interfaces
 *   client.c  calls we make;  signal.c  signals we send and receive
 */
#ifndef IPC_INNER_H
#define IPC_INNER_H

#include <dbus/dbus.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/arena.h"
#include "ipc/bus.h"
#include "ipc/object.h"
#include "ipc/wire.h"

struct peers;
struct table_interface;
struct table_method;

/* Calls that wait for credentials or for their handler's answer, all callers together. */
#define IPC_MAX_CALLS 8192

struct call_load {
	size_t bytes;
	unsigned files; /* descriptors, as many as there may be */
};

struct ipc_call {
	TAILQ_ENTRY(ipc_call) link;
	struct ipc_bus *bus; /* NULL: freed before the call was answered */
	DBusMessage *message;
	struct ipc_path path;
	struct ipc_caller caller;
	struct arena arena;
	struct wire_fds fds;
	const char *error_text; /* of the arena; NULL */
	/* once its arguments are read: what is to be run, again if it is held */
	const struct table_method *method;
	const void *ops;
	void *in, *out;
	void *kept; /* the handler's, between its runs */
	size_t file_bytes; /* of a file that was read for it; its message does not know them */
	struct call_load held; /* while it is held or waits behind one that is */
};
TAILQ_HEAD(ipc_calls, ipc_call);

struct pending;
LIST_HEAD(pendings, pending);

struct ipc_bus {
	DBusConnection *connection;
	struct loop *loop;
	struct ipc_bus_events events;
	void *events_user;
	bool is_lost;
	int n_turn; /* messages that this ipc_bus_dispatch() may still handle; a large one leaves none */
	/* client */
	int timeout_ms;
	bool never_starts;
	char *service, *service_owner; /* watched name and its owner; NULL */
	struct pendings pendings;
	unsigned n_deaf; /* of them */
	/* server */
	const struct ipc_object_ops *ops; /* NULL: we serve nothing */
	void *ops_user;
	struct peers *peers;
	struct ipc_calls calls;
	unsigned n_calls;
};

/* bus.c: sends and forgets. -ENOTCONN when the connection is gone. */
int bus_send(struct ipc_bus *bus, DBusMessage *message);
/* Adds a match rule without waiting. */
void bus_add_match(struct ipc_bus *bus, const char *rule);
void bus_remove_match(struct ipc_bus *bus, const char *rule);
/* After libdbus was let run outside ipc_bus_dispatch(): what it queued must wake the loop. */
void bus_check_queue(struct ipc_bus *bus);

/* peer.c */
int peers_new(struct ipc_bus *bus, struct peers **ret_peers);
void peers_free(struct peers *peers);
/* Runs the call through object_run(), at once or when its caller is known. Takes the call. */
void peers_submit_take(struct peers *peers, struct ipc_call *call);
/* Those that waited until their caller was known, as many as have their turn; are there more? */
void peers_run_late(struct peers *peers);
bool peers_are_late(const struct peers *peers);
/* Keeps the call, and those of its caller to the same session that come after it; one to no session keeps back no other. IPC_DEFERRED; IPC_E_BUSY, -ENOMEM: it is not kept. */
int peers_hold(struct peers *peers, struct ipc_call *call, uint64_t ticket);
/* Runs it again, then the others in later turns. False: there is none any more. */
bool peers_go_on(struct peers *peers, uint64_t ticket);
/* The name has no owner any more. True when it was a peer. */
bool peers_drop(struct peers *peers, const char *name);

/* object.c: calls */
void object_on_call(struct ipc_bus *bus, DBusMessage *message);
/* The caller is known. Takes the call. */
void object_run_take(struct ipc_call *call);
/* The same for one that was held; its arguments are as they were. */
void object_run_again_take(struct ipc_call *call);
/* Ends the call without an answer. NULL is fine. */
void call_free(struct ipc_call *call);
/* An empty reply to fill; NULL: no memory, or the bus is gone. */
DBusMessage *call_begin_reply(struct ipc_call *call, struct wire_iter *ret_it);
/* Sends reply (taken; NULL is an error as well) if r is 0, else the error. Frees the call. */
void call_finish(struct ipc_call *call, DBusMessage *reply, int r);
/* Answers with r: 0 (done), IPC_E_… or -errno. Frees the call. */
void call_end(struct ipc_call *call, int r);
/* A reader for the call's arguments: strict, borrowing. */
struct wire_reader call_reader(struct ipc_call *call);
/* The handler's r, when the interface promises it; else it is logged and becomes IPC_E_FAILED. */
int call_check_result(const struct ipc_call *call, const uint8_t *declared, int r);

enum node_kind {
	NODE_NONE, /* not ours */
	NODE_PARENT, /* above ours, or between: only to be looked through */
	NODE_ROOT,
	NODE_SESSIONS, /* …/session */
	NODE_SESSION,
	NODE_TASKS, /* …/session/7/task */
	NODE_TASK,
	NODE_LOG,
};
/* text is the root or a parent of path. */
bool object_is_above(const char *text, const char *path);
enum node_kind object_node(const char *text, struct ipc_path *ret_path);
/* The interface of ours at such a node, and the daemon's handlers for it; NULL. */
const struct table_interface *object_interface(
	const struct ipc_bus *bus, enum node_kind node, const void **ret_ops);

/* standard.c: answers the call when interface.member is a standard one (taken), else false. */
bool standard_run_take(struct ipc_call *call, enum node_kind node);

/* client.c: ends all calls under way with r. */
void client_end_all(struct ipc_bus *bus, int r);
/* After libdbus was let run: replies that it could not tell of. */
void client_hear(struct ipc_bus *bus);

/* signal.c */
void signal_deliver(struct ipc_bus *bus, DBusMessage *message);

#endif
