/* SPDX-License-Identifier: MIT */
/*
 * A method call from the wire to its handler and back. The order is fixed: which object, who calls, does the object exist
 * for the caller and may it be used (the daemon's check), is the signature right, are the arguments right, then the
 * handler. So a caller who may not use an object learns nothing about it, and a handler sees only what is well formed.
 *
 * A call lives until it is answered. Its message is kept as long, so arguments are read in place.
 */
#include "ipc/object.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "ipc/call.h"
#include "ipc/codec.h"
#include "ipc/inner.h"
#include "ipc/proto.h"
#include "ipc/table.h"

#define SESSIONS_SUFFIX "/session"
#define TASKS_SUFFIX    "/task"

/* ---- calls ---- */

struct ipc_path ipc_call_path(const struct ipc_call *call)
{
	return call->path;
}

const struct ipc_caller *ipc_call_caller(const struct ipc_call *call)
{
	return &call->caller;
}

const char *ipc_call_member(const struct ipc_call *call)
{
	return dbus_message_get_member(call->message);
}

struct arena *ipc_call_arena(struct ipc_call *call)
{
	return &call->arena;
}

void **ipc_call_kept(struct ipc_call *call)
{
	return &call->kept;
}

int ipc_call_hold(struct ipc_call *call, uint64_t ticket)
{
	return peers_hold(call->bus->peers, call, ticket);
}

bool ipc_call_go_on(struct ipc_bus *bus, uint64_t ticket)
{
	bool was_held = bus->peers && peers_go_on(bus->peers, ticket);

	bus_check_queue(bus);
	return was_held;
}

int ipc_call_error(struct ipc_call *call, int error, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	call->error_text = arena_strdup(&call->arena, text);
	return error;
}

void call_free(struct ipc_call *call)
{
	if (!call)
		return;
	if (call->bus) {
		TAILQ_REMOVE(&call->bus->calls, call, link);
		call->bus->n_calls--;
	}
	wire_fds_close(&call->fds);
	arena_done(&call->arena);
	dbus_message_unref(call->message);
	free(call);
}

DBusMessage *call_begin_reply(struct ipc_call *call, struct wire_iter *ret_it)
{
	DBusMessage *reply = call->bus ? dbus_message_new_method_return(call->message) : NULL;

	if (reply)
		wire_begin_append(reply, ret_it);
	return reply;
}

/* NULL when memory is short: the caller of the method then runs into its timeout. */
static DBusMessage *error_reply(struct ipc_call *call, int r)
{
	struct wire_writer w = { 0 };
	DBusMessage *reply = dbus_message_new_error(call->message, ipc_error_name(r), NULL);
	struct wire_iter it;

	if (!reply)
		return NULL;
	wire_begin_append(reply, &it);
	if (wire_append_string(&w, &it, call->error_text ? call->error_text : "")) {
		dbus_message_unref(reply);
		return NULL;
	}
	return reply;
}

void call_finish(struct ipc_call *call, DBusMessage *reply, int r)
{
	if (!r && !reply)
		r = -ENOMEM;
	if (r && reply) {
		dbus_message_unref(reply);
		reply = NULL;
	}
	if (r == -EMSGSIZE)
		r = ipc_call_error(
			call, IPC_E_LIMIT_REACHED, "the answer does not fit into a message");
	if (call->bus && !dbus_message_get_no_reply(call->message)) {
		if (r)
			reply = error_reply(call, r);
		if (reply)
			bus_send(call->bus, reply);
	}
	if (reply)
		dbus_message_unref(reply);
	call_free(call);
}

void call_end(struct ipc_call *call, int r)
{
	struct wire_iter it;

	call_finish(call, r ? NULL : call_begin_reply(call, &it), r);
}

void ipc_reply_done(struct ipc_call *call)
{
	call_end(call, 0);
}

void ipc_reply_error(struct ipc_call *call, int error, const char *text)
{
	if (text)
		call->error_text = arena_strdup(&call->arena, text);
	call_end(call, error ? error : IPC_E_FAILED);
}

void call_reply(struct ipc_call *call, const struct table_method *method, const void *out)
{
	struct wire_writer w = { 0 };
	struct wire_iter it;
	DBusMessage *reply = call_begin_reply(call, &it);
	int r = reply ? codec_append_args(&w, &it, method->out, out) : -ENOMEM;

	call_finish(call, reply, r);
}

struct wire_reader call_reader(struct ipc_call *call)
{
	struct wire_reader rd = { .arena = &call->arena,
		.fds = &call->fds,
		.max_bytes = IPC_MAX_MESSAGE_BYTES,
		.strict = true };

	return rd;
}

int call_check_result(const struct ipc_call *call, const uint8_t *declared, int r)
{
	if (r <= IPC_DEFERRED) {
		if (r < 0)
			log_error("%s: %s", ipc_call_member(call), err_text(r));
		return r;
	}
	for (; *declared; declared++) {
		if (*declared == r)
			return r;
	}
	log_error("%s: the handler returned %s, which is not declared", ipc_call_member(call),
		ipc_error_name(r));
#ifdef TRANSFERD_FAILPOINTS
	abort();
#endif
	return IPC_E_FAILED;
}

/* ---- objects ---- */

static bool ends_with(const char *text, size_t n, const char *suffix)
{
	size_t m = strlen(suffix);

	return n > m && memcmp(text + n - m, suffix, m) == 0;
}

/* "…/session" and "…/session/7/task": nodes that only have children. */
static enum node_kind collection_node(const char *text, struct ipc_path *ret_path)
{
	char parent[IPC_PATH_BYTES];
	size_t n = strlen(text);
	bool tasks = ends_with(text, n, TASKS_SUFFIX);
	size_t cut = tasks ? strlen(TASKS_SUFFIX) : strlen(SESSIONS_SUFFIX);

	if ((!tasks && !ends_with(text, n, SESSIONS_SUFFIX)) || n - cut >= sizeof(parent))
		return NODE_NONE;
	memcpy(parent, text, n - cut);
	parent[n - cut] = 0;
	if (ipc_path_parse(parent, ret_path) || ret_path->task || tasks != (ret_path->session != 0))
		return NODE_NONE;
	return tasks ? NODE_TASKS : NODE_SESSIONS;
}

bool object_is_above(const char *text, const char *path)
{
	size_t n = strlen(text);

	return strcmp(text, "/") == 0 || (strncmp(path, text, n) == 0 && path[n] == '/');
}

enum node_kind object_node(const char *text, struct ipc_path *ret_path)
{
	*ret_path = (struct ipc_path){ 0, 0 };
	if (ipc_path_parse(text, ret_path) == 0)
		return ret_path->task ? NODE_TASK : ret_path->session ? NODE_SESSION : NODE_ROOT;
	if (strcmp(text, IPC_LOG_PATH) == 0)
		return NODE_LOG;
	if (object_is_above(text, IPC_ROOT_PATH) || object_is_above(text, IPC_LOG_PATH))
		return NODE_PARENT;
	return collection_node(text, ret_path);
}

const struct table_interface *object_interface(
	const struct ipc_bus *bus, enum node_kind node, const void **ret_ops)
{
	switch (node) {
	case NODE_ROOT:
		*ret_ops = bus->ops->manager;
		return &ipc_table_manager;
	case NODE_SESSION:
		*ret_ops = bus->ops->session;
		return &ipc_table_session;
	case NODE_TASK:
		*ret_ops = bus->ops->task;
		return &ipc_table_task;
	case NODE_LOG:
		*ret_ops = bus->ops->log_control1;
		return *ret_ops ? &ipc_table_log_control1 : NULL;
	case NODE_NONE:
	case NODE_PARENT:
	case NODE_SESSIONS:
	case NODE_TASKS:
		break;
	}
	return NULL;
}

/* ---- methods ---- */

static const struct table_method *find_method(
	const struct table_interface *interface, const char *name)
{
	for (unsigned i = 0; i < interface->n_methods; i++) {
		if (strcmp(interface->methods[i].name, name) == 0)
			return &interface->methods[i];
	}
	return NULL;
}

static int read_arguments(
	struct ipc_call *call, const struct table_method *method, void **ret_in, void **ret_out)
{
	struct wire_reader rd = call_reader(call);
	struct wire_iter it;
	int r;

	*ret_in = *ret_out = NULL;
	if (method->out) {
		*ret_out = arena_alloc(&call->arena, 1, method->out->size_bytes);
		if (!*ret_out)
			return -ENOMEM;
	}
	if (!method->in)
		return 0;
	*ret_in = wire_alloc(&rd, 1, method->in->size_bytes, &r);
	if (!*ret_in)
		return r;
	wire_begin_read(call->message, &it);
	r = codec_read_args(&rd, &it, method->in, *ret_in);
	return r > 0 ? ipc_call_error(call, r, "%s", rd.text) : r;
}

static int check_signature(struct ipc_call *call, const struct table_method *method)
{
	const char *signature = dbus_message_get_signature(call->message);

	if (strcmp(signature, method->in_signature) == 0)
		return 0;
	return ipc_call_error(call, IPC_E_INVALID_ARGS, "%s takes '%s', not '%.64s'", method->name,
		method->in_signature, signature);
}

static void invoke_take(struct ipc_call *call)
{
	const struct table_method *method = call->method;
	int r;

	/* From here on a deferred call may be gone: the handler may have answered it already. */
	r = method->invoke(call->ops, call, call->bus->ops_user, call->in, call->out);
	if (r == IPC_DEFERRED)
		return;
	r = call_check_result(call, method->errors, r);
	if (r || !method->out)
		call_end(call, r);
	else
		call_reply(call, method, call->out);
}

static int check_access(struct ipc_call *call, const struct table_method *method)
{
	int r = call->bus->ops->check(call, call->bus->ops_user, method->access);

	return r ? call_check_result(call, method->errors, r) : 0;
}

static void run_method_take(
	struct ipc_call *call, const struct table_method *method, const void *ops)
{
	int r = check_access(call, method);

	if (!r)
		r = check_signature(call, method);
	if (!r)
		r = read_arguments(call, method, &call->in, &call->out);
	if (r) {
		call_end(call, r);
		return;
	}
	call->method = method;
	call->ops = ops;
	invoke_take(call);
}

void object_run_again_take(struct ipc_call *call)
{
	int r = check_access(call, call->method);

	if (r)
		call_end(call, r);
	else
		invoke_take(call);
}

void object_run_take(struct ipc_call *call)
{
	const char *interface = dbus_message_get_interface(call->message);
	enum node_kind node = object_node(dbus_message_get_path(call->message), &call->path);
	const struct table_interface *table;
	const struct table_method *method;
	const void *ops = NULL;

	if (node == NODE_NONE) {
		call_end(call, ipc_call_error(call, IPC_E_UNKNOWN_OBJECT, "no such object"));
		return;
	}
	if (standard_run_take(call, node))
		return;
	table = object_interface(call->bus, node, &ops);
	if (!table || (interface && strcmp(interface, table->name))) {
		call_end(call,
			ipc_call_error(
				call, IPC_E_UNKNOWN_INTERFACE, "not an interface of this object"));
		return;
	}
	method = find_method(table, ipc_call_member(call));
	if (!method) {
		call_end(call,
			ipc_call_error(
				call, IPC_E_UNKNOWN_METHOD, "not a method of %s", table->name));
		return;
	}
	run_method_take(call, method, ops);
}

void object_on_call(struct ipc_bus *bus, DBusMessage *message)
{
	struct ipc_call *call = calloc(1, sizeof(*call));

	if (!call)
		return;
	call->bus = bus;
	call->message = dbus_message_ref(message);
	call->caller.name = dbus_message_get_sender(message);
	TAILQ_INSERT_TAIL(&bus->calls, call, link);
	bus->n_calls++;
	if (bus->n_calls > IPC_MAX_CALLS)
		call_end(call,
			ipc_call_error(call, IPC_E_LIMITS_EXCEEDED, "too many unanswered calls"));
	else
		peers_submit_take(bus->peers, call);
}

/* ---- registration ---- */

/* A handler is a pointer at a known offset of its table; all function pointers look alike here. */
static bool has_handler(const void *ops, size_t offset)
{
	void (*fn)(void);

	memcpy(&fn, (const char *)ops + offset, sizeof(fn));
	return fn != NULL;
}

static bool is_complete(const struct table_interface *interface, const void *ops)
{
	unsigned n = interface->properties_type ? interface->properties_type->n_fields : 0;

	if (!ops)
		return false;
	for (unsigned i = 0; i < interface->n_methods; i++) {
		if (!has_handler(ops, interface->methods[i].ops_offset))
			return false;
	}
	if (n && !has_handler(ops, interface->get_offset))
		return false;
	for (unsigned i = 0; i < n; i++) {
		const struct table_property *p = &interface->properties[i];

		if (p->set && !has_handler(ops, p->ops_offset))
			return false;
	}
	return true;
}

int ipc_object_serve(struct ipc_bus *bus, const struct ipc_object_ops *ops, void *user)
{
	if (bus->ops || !ops->check || !ops->children ||
		!is_complete(&ipc_table_manager, ops->manager) ||
		!is_complete(&ipc_table_session, ops->session) ||
		!is_complete(&ipc_table_task, ops->task))
		return err_raise(-EINVAL);
	if (ops->log_control1 && !is_complete(&ipc_table_log_control1, ops->log_control1))
		return err_raise(-EINVAL);
	if (!bus->peers) {
		int r = peers_new(bus, &bus->peers);

		if (r)
			return r;
	}
	bus->ops = ops;
	bus->ops_user = user;
	return 0;
}
