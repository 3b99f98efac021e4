/* SPDX-License-Identifier: MIT */
/*
 * The objects of the daemon on the bus. Registers the root, a fallback for everything below it and LogControl1, looks up
 * who called, checks, decodes, calls the typed handlers of ipc/proto.h and answers the standard interfaces
 * (Properties, Introspectable, Peer, ObjectManager for sessions) by itself.
 *
 * A handler returns 0 (out is sent at once), IPC_DEFERRED (it owns the call and ends it later with ipc_reply_…), one of the
 * errors its method declares in the XML, or -errno. Anything else is logged, answered with Failed, and aborts test builds.
 */
#ifndef IPC_OBJECT_H
#define IPC_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/types.h"

struct arena;
struct ipc_bus;
struct ipc_call;
struct ipc_manager_ops;
struct ipc_session_ops;
struct ipc_task_ops;
struct ipc_log_control1_ops;

struct ipc_caller {
	const char *name; /* unique name, ":1.42" */
	const char *security_label; /* AppArmor or the like; NULL when there is none */
	uint32_t uid, pid;
};

/* All members are required; log_control1 may be NULL. */
struct ipc_object_ops {
	/*
	 * Does the call's object exist for this caller, and is the caller allowed what access asks for?
	 * 0, IPC_E_NO_SUCH_SESSION, IPC_E_NO_SUCH_TASK, IPC_E_ACCESS_DENIED, -errno. Runs before every handler.
	 */
	int (*check)(struct ipc_call *call, void *user, enum ipc_access access);
	/*
	 * Numbers of the objects below the call's object that its caller may see: sessions of the root, tasks of a session.
	 * Fills at most max (IPC_MAX_CHILDREN).
	 */
	int (*children)(
		struct ipc_call *call, void *user, uint64_t *ids, size_t max, size_t *ret_n);
	const struct ipc_manager_ops *manager;
	const struct ipc_session_ops *session;
	const struct ipc_task_ops *task;
	const struct ipc_log_control1_ops *log_control1;
};

/* Serves on bus until it is freed. ops and user are borrowed until then. -EINVAL when a handler is missing. Once per bus. */
int ipc_object_serve(struct ipc_bus *bus, const struct ipc_object_ops *ops, void *user);

/* ---- a call, as its handler sees it ---- */

struct ipc_path ipc_call_path(const struct ipc_call *call);
const struct ipc_caller *ipc_call_caller(const struct ipc_call *call);
/* "Session.CreateTasks": for logs. */
const char *ipc_call_member(const struct ipc_call *call);
/* Memory that lives as long as the call: for building out. `in` lives as long, deferred or not. */
struct arena *ipc_call_arena(struct ipc_call *call);
/* The handler's, NULL at first: what it read of the call and wants to find again when it is run again. */
void **ipc_call_kept(struct ipc_call *call);
/*
 * The handler cannot go on yet: it leaves with what this returns, having done nothing, and is run again, access checked anew, by
 * ipc_call_go_on() with the same ticket. Later calls of this caller to this session wait behind it. All are dropped when the caller
 * leaves. IPC_DEFERRED, IPC_E_BUSY (too much is held), -ENOMEM
 */
int ipc_call_hold(struct ipc_call *call, uint64_t ticket);
/* False: nobody waits for it any more. */
bool ipc_call_go_on(struct ipc_bus *bus, uint64_t ticket);
/* The text of the error that the handler is about to return. Returns error, for `return ipc_call_error(…)`. */
int ipc_call_error(struct ipc_call *call, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* End a deferred call; the call is freed. Methods with results have ipc_reply_INTERFACE_METHOD() in ipc/proto.h. */
void ipc_reply_done(struct ipc_call *call);
/* @error: IPC_E_… or -errno; @text may be NULL. */
void ipc_reply_error(struct ipc_call *call, int error, const char *text);

/* ---- ObjectManager ---- */

struct ipc_session_properties;
int ipc_object_session_added(
	struct ipc_bus *bus, struct ipc_path path, const struct ipc_session_properties *all);
int ipc_object_session_removed(struct ipc_bus *bus, struct ipc_path path);

#endif
