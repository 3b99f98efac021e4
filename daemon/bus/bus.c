/* SPDX-License-Identifier: MIT */
/*
 * The daemon's end of the bus: the connection, who may see which object, and how the flow's errors and commits become replies.
 *
 * Every handler that changes or shows what a turn may still take back defers its reply to the commit (bus_defer); the reply
 * lies in the call's arena until then. A caller sees its own user's objects only: others and missing ones get the same answer.
 */
#include "daemon/bus/bus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "daemon/bus/bus-private.h"

/* ---- errors and replies ---- */

int bus_error(int flow_error)
{
	static const int errors[] = {
#define ERROR(symbol, text) [FLOW_E_##symbol] = IPC_E_##symbol,
		FLOW_ERRORS(ERROR)
#undef ERROR
	};

	if (flow_error <= 0)
		return flow_error;
	if ((size_t)flow_error < sizeof(errors) / sizeof(errors[0]))
		return errors[flow_error];
	return IPC_E_FAILED;
}

void bus_reply_error(struct ipc_call *call, int flow_error)
{
	ipc_reply_error(
		call, bus_error(flow_error), flow_error > 0 ? flow_error_text(flow_error) : NULL);
}

int bus_refuse(struct ipc_call *call, int flow_error)
{
	int r = bus_error(flow_error);

	return r > 0 ? ipc_call_error(call, r, "%s", flow_error_text(flow_error)) : r;
}

int bus_defer(struct bus *bus, struct ipc_call *call, flow_reply_fn fn, void *reply)
{
	int r = flow_reply_take(bus->flow, fn, reply);

	(void)call;
	return r ? bus_error(r) : IPC_DEFERRED;
}

static void on_done(void *reply, int error)
{
	struct ipc_call *call = reply;

	if (error)
		bus_reply_error(call, error);
	else
		ipc_reply_done(call);
}

int bus_defer_done(struct bus *bus, struct ipc_call *call)
{
	return bus_defer(bus, call, on_done, call);
}

void *bus_alloc(struct ipc_call *call, size_t size)
{
	return arena_alloc(ipc_call_arena(call), 1, size);
}

const struct task_header *bus_headers(
	struct ipc_call *call, const struct ipc_header *from, size_t n)
{
	struct task_header *headers = arena_alloc(ipc_call_arena(call), n + 1, sizeof(*headers));

	for (size_t i = 0; headers && i < n; i++)
		headers[i] = (struct task_header){ from[i].name, from[i].value };
	return headers;
}

/* ---- who may see what ---- */

struct wanted_task {
	uint64_t session;
	bool is_there;
};

static int on_wanted(const struct task *task, void *user)
{
	struct wanted_task *wanted = user;

	wanted->is_there = task->session == wanted->session;
	return 0;
}

static int check_task(struct bus *bus, struct ipc_path path)
{
	struct wanted_task wanted = { path.session, false };
	int r = bus_task_look(bus, path.task, on_wanted, &wanted);

	if (r < 0 && r != -EBADMSG)
		return r;
	return r == 0 && wanted.is_there ? 0 : FLOW_E_NO_SUCH_TASK;
}

static int check_object(struct bus *bus, const struct ipc_caller *caller, struct ipc_path path)
{
	const struct session *session;

	if (path.session == 0)
		return 0;
	session = bus_session_get(bus, path.session);
	if (!session || session->uid != caller->uid)
		return path.task ? FLOW_E_NO_SUCH_TASK : FLOW_E_NO_SUCH_SESSION;
	return path.task ? check_task(bus, path) : 0;
}

static int check(struct ipc_call *call, void *user, enum ipc_access access)
{
	const struct ipc_caller *caller = ipc_call_caller(call);
	struct bus *bus = user;

	bus->last_call_us = clock_now_us();
	if (access == IPC_ACCESS_ADMIN && caller->uid != 0 && caller->uid != geteuid())
		return IPC_E_ACCESS_DENIED;
	return bus_refuse(call, check_object(bus, caller, ipc_call_path(call)));
}

struct children {
	uid_t uid;
	uint64_t *ids;
	size_t max, n;
};

static int on_child_session(const struct session *session, void *user)
{
	struct children *children = user;

	if (session->uid == children->uid && children->n < children->max)
		children->ids[children->n++] = session->id;
	return 0;
}

static int on_child_task(const struct task *task, void *user)
{
	struct children *children = user;

	if (children->n < children->max)
		children->ids[children->n++] = task->id;
	return 0;
}

static int list_children(
	struct ipc_call *call, void *user, uint64_t *ids, size_t max, size_t *ret_n)
{
	struct children children = { ipc_call_caller(call)->uid, ids, max, 0 };
	struct ipc_path path = ipc_call_path(call);
	struct flow_query query = { .uid = children.uid, .session = path.session, .limit = max };
	struct bus *bus = user;
	uint64_t next;
	int r;

	if (live_owns(path.session))
		r = live_tasks_each(bus->live, &query, on_child_task, &children, &next);
	else if (path.session)
		r = flow_tasks_each(bus->flow, &query, on_child_task, &children, &next);
	else
		r = flow_sessions_each(bus->flow, on_child_session, &children);
	*ret_n = children.n;
	return r < 0 ? r : 0;
}

static const struct ipc_object_ops object_ops = {
	.check = check,
	.children = list_children,
	.manager = &bus_manager_ops,
	.session = &bus_session_ops,
	.task = &bus_task_ops,
	.log_control1 = &bus_log_ops,
};

/* ---- what happens to the connection ---- */

static void on_lost(void *user)
{
	struct bus *bus = user;

	bus->is_lost = true;
}

static void on_name_lost(void *user, const char *name)
{
	struct bus *bus = user;

	if (bus->is_stopped)
		return;
	log_warn("the name %s was taken from us", name);
	bus->is_name_lost = true;
}

static void on_peer_left(void *user, const char *unique_name)
{
	bus_event_peer_left(user, unique_name);
	bus_live_peer_left(user, unique_name);
}

static const struct ipc_bus_events bus_events = {
	.lost = on_lost,
	.name_lost = on_name_lost,
	.peer_left = on_peer_left,
};

static const struct flow_observer observer = {
	.events = bus_event_stored,
	.questions = bus_question_new,
	.question_withdrawn = bus_question_withdrawn,
	.task_changed = bus_change_task,
	.task_set = bus_change_task_set,
	.progress = bus_event_progress,
	.session_changed = bus_change_session,
	.session_gone = bus_change_session_gone,
	.limits_changed = bus_change_limits,
};

const struct flow_observer *bus_observer(void)
{
	return &observer;
}

int bus_new(const struct bus_config *config, struct bus **ret_bus)
{
	struct bus *bus = calloc(1, sizeof(*bus));
	int r;

	if (!bus)
		return err_raise(-ENOMEM);
	r = ipc_bus_new(config->kind, config->address, &bus->ipc);
	if (r) {
		free(bus);
		return r;
	}
	bus->spool_dir = config->spool_dir;
	bus->launches = config->kind != IPC_BUS_SYSTEM;
	bus->last_call_us = clock_now_us();
	ipc_bus_set_events(bus->ipc, &bus_events, bus);
	*ret_bus = bus;
	return 0;
}

void bus_set_flow(struct bus *bus, struct flow *flow)
{
	bus->flow = flow;
}

void bus_set_live(struct bus *bus, struct live *live)
{
	bus->live = live;
}

void bus_set_scouts(struct bus *bus, struct scouts *scouts)
{
	bus->scouts = scouts;
}

int bus_start(struct bus *bus)
{
	int r = ipc_object_serve(bus->ipc, &object_ops, bus);

	if (r)
		return err_fold(r);
	r = ipc_bus_request_name(bus->ipc, IPC_NAME, IPC_NAME_NOW);
	if (r == 0)
		bus_launch_start(bus);
	return r == IPC_E_BUSY ? BUS_E_NAME_TAKEN : err_fold(r);
}

struct bus *bus_free(struct bus *bus)
{
	struct bus_attachment *attachment, *next;

	if (!bus)
		return NULL;
	HASH_ITER (hh, bus->attachments, attachment, next)
		bus_event_detach(bus, attachment);
	bus_live_done(bus);
	bus_change_done(bus);
	bus_launch_done(bus);
	ipc_bus_free(bus->ipc);
	free(bus);
	return NULL;
}

void bus_stop(struct bus *bus)
{
	bus->is_stopped = true;
	ipc_bus_release_name(bus->ipc, IPC_NAME);
}

int bus_fd(const struct bus *bus)
{
	return ipc_bus_fd(bus->ipc);
}

bool bus_read(struct bus *bus)
{
	return bus->is_lost || ipc_bus_read(bus->ipc);
}

int bus_dispatch(struct bus *bus)
{
	int r = ipc_bus_dispatch(bus->ipc);

	return bus->is_lost ? -ENOTCONN : r;
}

void bus_flush(struct bus *bus)
{
	bus_event_flush(bus);
	bus_live_flush(bus);
}

uint64_t bus_next_timer(const struct bus *bus)
{
	uint64_t change_us = bus_change_next_timer(bus), launch_us = bus_launch_next_timer(bus);

	if (bus->live_retry_us && bus->live_retry_us < change_us)
		change_us = bus->live_retry_us;
	return change_us < launch_us ? change_us : launch_us;
}

void bus_tick(struct bus *bus, uint64_t now_us)
{
	bus_change_tick(bus, now_us);
	bus_launch_tick(bus, now_us);
}

void bus_drain(struct bus *bus, int timeout_ms)
{
	ipc_bus_flush(bus->ipc, timeout_ms);
}

uint64_t bus_last_call_us(const struct bus *bus)
{
	return bus->last_call_us;
}

bool bus_is_name_lost(const struct bus *bus)
{
	return bus->is_name_lost;
}
