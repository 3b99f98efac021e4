/* SPDX-License-Identifier: MIT */
/*
 * Calls to the daemon, blocking and not. Both send the same message and read the same reply; a blocking call only waits for
 * it here, and what else arrives meanwhile stays queued for ipc_bus_dispatch(). Replies are read leniently: a newer daemon
 * may send keys this client does not know.
 */
#include "ipc/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "ipc/bus.h"
#include "ipc/codec.h"
#include "ipc/inner.h"
#include "ipc/table.h"

#define PROPERTIES       "org.freedesktop.DBus.Properties"
/* What one reply may become in memory. */
#define MAX_RESULT_BYTES (256u << 20)

struct pending {
	LIST_ENTRY(pending) link;
	struct ipc_bus *bus;
	DBusPendingCall *call;
	struct client_start start;
	bool is_deaf; /* libdbus had no memory to tell of its reply: client_hear() looks for it */
};

void ipc_exchange_done(struct ipc_exchange *exchange)
{
	arena_done(&exchange->arena);
	exchange->name = exchange->text = NULL;
}

/* ---- requests ---- */

static int append_request(DBusMessage *message, const struct table_method *method, const void *in)
{
	struct wire_writer w = { .max_bytes = WIRE_MAX_CALL_BYTES };
	struct wire_iter it;

	if (!method->in)
		return 0;
	wire_begin_append(message, &it);
	return codec_append_args(&w, &it, method->in, in);
}

static int new_message(
	struct ipc_path path, const char *interface, const char *member, DBusMessage **ret_message)
{
	char text[IPC_PATH_BYTES];

	*ret_message = dbus_message_new_method_call(
		IPC_NAME, ipc_path_format(path, text, sizeof(text)), interface, member);
	return *ret_message ? 0 : err_raise(-ENOMEM);
}

static int new_request(struct ipc_path path, const struct table_method *method, const void *in,
	DBusMessage **ret_message)
{
	DBusMessage *message;
	int r = new_message(path, method->interface, method->name, &message);

	if (r)
		return r;
	r = append_request(message, method, in);
	if (r) {
		dbus_message_unref(message);
		return r;
	}
	*ret_message = message;
	return 0;
}

/* Takes message. */
static int send_take(
	struct ipc_bus *bus, DBusMessage *message, int timeout_ms, DBusPendingCall **ret_call)
{
	dbus_bool_t ok;

	if (timeout_ms < 0)
		timeout_ms = DBUS_TIMEOUT_INFINITE;
	*ret_call = NULL;
	dbus_message_set_auto_start(message, !bus->never_starts);
	ok = dbus_connection_send_with_reply(bus->connection, message, ret_call, timeout_ms);
	dbus_message_unref(message);
	if (!ok)
		return err_raise(-ENOMEM);
	return *ret_call ? 0 : -ENOTCONN;
}

/* ---- replies ---- */

static const char *error_text(DBusMessage *reply)
{
	const char *text;

	if (dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID))
		return text;
	return NULL;
}

/* 0 when reply is an answer; else what the error means here. */
static int reply_result(struct ipc_bus *bus, DBusMessage *reply)
{
	const char *name = dbus_message_get_error_name(reply);
	const char *sender = dbus_message_get_sender(reply);

	if (dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_METHOD_RETURN)
		return 0;
	if (!name)
		return -EBADMSG;
	if (strcmp(name, DBUS_ERROR_DISCONNECTED) == 0 || !ipc_bus_is_connected(bus))
		return -ENOTCONN;
	if (strcmp(name, DBUS_ERROR_NO_REPLY) == 0 || strcmp(name, DBUS_ERROR_TIMEOUT) == 0 ||
		strcmp(name, DBUS_ERROR_TIMED_OUT) == 0)
		/* From the bus: who should have answered is gone. From libdbus itself: nobody answered in time. */
		return sender && strcmp(sender, DBUS_SERVICE_DBUS) == 0 ? -ECONNRESET : -ETIMEDOUT;
	if (strncmp(name, "org.freedesktop.DBus.Error.Spawn.", 33) == 0)
		return IPC_E_SPAWN_FAILED;
	if (strcmp(name, DBUS_ERROR_NAME_HAS_NO_OWNER) == 0)
		return IPC_E_SERVICE_UNKNOWN;
	return ipc_error_from_name(name);
}

static struct wire_reader reply_reader(struct arena *arena, struct wire_fds *fds)
{
	struct wire_reader rd = {
		.arena = arena, .fds = fds, .max_bytes = MAX_RESULT_BYTES, .copy_strings = true
	};

	return rd;
}

/* Descriptors in out are the caller's on success. */
static int read_reply(
	DBusMessage *reply, const struct table_method *method, struct arena *arena, void *out)
{
	struct wire_fds fds = { .n = 0 };
	struct wire_reader rd = reply_reader(arena, &fds);
	struct wire_iter it;
	int r;

	if (!dbus_message_has_signature(reply, method->out_signature))
		return -EBADMSG;
	if (!method->out)
		return 0;
	memset(out, 0, method->out->size_bytes);
	wire_begin_read(reply, &it);
	r = codec_read_args(&rd, &it, method->out, out);
	if (r)
		wire_fds_close(&fds);
	return r > 0 ? -EBADMSG : r;
}

/* ---- blocking ---- */

static void note_error(struct ipc_exchange *exchange, DBusMessage *reply)
{
	const char *name = dbus_message_get_error_name(reply), *text = error_text(reply);

	exchange->name = name ? arena_strdup(&exchange->arena, name) : NULL;
	exchange->text = text ? arena_strdup(&exchange->arena, text) : NULL;
}

/* Takes message. 0 and a reply, or what went wrong. */
static int ask_take(struct ipc_bus *bus, struct ipc_exchange *exchange, DBusMessage *message,
	DBusMessage **ret_reply)
{
	DBusPendingCall *call;
	DBusMessage *reply;
	int r;

	exchange->name = exchange->text = NULL;
	r = send_take(
		bus, message, exchange->timeout_ms ? exchange->timeout_ms : bus->timeout_ms, &call);
	if (r)
		return r;
	dbus_pending_call_block(call);
	reply = dbus_pending_call_steal_reply(call);
	dbus_pending_call_unref(call);
	bus_check_queue(bus);
	if (!reply)
		return err_raise(-ENOMEM);
	r = reply_result(bus, reply);
	if (r) {
		note_error(exchange, reply);
		dbus_message_unref(reply);
		return r;
	}
	*ret_reply = reply;
	return 0;
}

int client_call(struct ipc_bus *bus, struct ipc_path path, struct ipc_exchange *exchange,
	const struct table_method *method, const struct client_io *io)
{
	DBusMessage *message, *reply;
	int r = new_request(path, method, io->in, &message);

	if (r)
		return r;
	r = ask_take(bus, exchange, message, &reply);
	if (r)
		return r;
	r = read_reply(reply, method, &exchange->arena, io->out);
	dbus_message_unref(reply);
	return r;
}

int client_get_all(struct ipc_bus *bus, struct ipc_path path, struct ipc_exchange *exchange,
	const struct table_interface *interface, void *ret)
{
	struct wire_fds fds = { .n = 0 };
	struct wire_reader rd = reply_reader(&exchange->arena, &fds);
	DBusMessage *message, *reply;
	struct wire_iter it;
	int r = new_message(path, PROPERTIES, "GetAll", &message);

	if (r)
		return r;
	if (!dbus_message_append_args(
		    message, DBUS_TYPE_STRING, &interface->name, DBUS_TYPE_INVALID)) {
		dbus_message_unref(message);
		return err_raise(-ENOMEM);
	}
	r = ask_take(bus, exchange, message, &reply);
	if (r)
		return r;
	r = -EBADMSG;
	if (dbus_message_has_signature(reply, "a{sv}")) {
		memset(ret, 0, interface->properties_type->size_bytes);
		wire_begin_read(reply, &it);
		r = codec_read_dict(&rd, &it, interface->properties_type, ret, NULL);
	}
	dbus_message_unref(reply);
	wire_fds_close(&fds);
	return r > 0 ? -EBADMSG : r;
}

int client_set(struct ipc_bus *bus, struct ipc_path path, struct ipc_exchange *exchange,
	const struct client_set *set)
{
	const struct codec_field *field = &set->interface->properties_type->fields[set->property];
	struct wire_writer w = { 0 };
	DBusMessage *message, *reply;
	struct wire_iter it;
	int r = new_message(path, PROPERTIES, "Set", &message);

	if (r)
		return r;
	wire_begin_append(message, &it);
	r = wire_append_string(&w, &it, set->interface->name);
	if (!r)
		r = wire_append_string(&w, &it, field->name);
	if (!r)
		r = codec_append_variant(&w, &it, field, set->properties);
	if (r) {
		dbus_message_unref(message);
		return r;
	}
	r = ask_take(bus, exchange, message, &reply);
	if (!r)
		dbus_message_unref(reply);
	return r;
}

/* ---- not blocking ---- */

static void pending_free(struct pending *p)
{
	LIST_REMOVE(p, link);
	p->bus->n_deaf -= p->is_deaf;
	dbus_pending_call_unref(p->call);
	free(p);
}

static void deliver(const struct client_start *start, int r, const char *text, const void *out)
{
	start->deliver(start->fn, start->user, r, text, out);
}

static void deliver_reply(struct ipc_bus *bus, const struct client_start *start, DBusMessage *reply)
{
	struct arena arena = { NULL };
	void *out = NULL;
	int r = reply_result(bus, reply);

	if (r) {
		deliver(start, r, error_text(reply), NULL);
		return;
	}
	if (start->method && start->method->out) {
		out = arena_alloc(&arena, 1, start->method->out->size_bytes);
		r = out ? read_reply(reply, start->method, &arena, out) : -ENOMEM;
	}
	deliver(start, r, NULL, r ? NULL : out);
	arena_done(&arena);
}

static void on_reply(DBusPendingCall *call, void *user)
{
	struct pending *p = user;
	DBusMessage *reply = dbus_pending_call_steal_reply(call);
	struct client_start start = p->start;
	struct ipc_bus *bus = p->bus;

	pending_free(p);
	if (!reply) {
		deliver(&start, -ENOMEM, NULL, NULL);
		return;
	}
	deliver_reply(bus, &start, reply);
	dbus_message_unref(reply);
}

static struct pending *find_heard(const struct ipc_bus *bus)
{
	struct pending *p;

	LIST_FOREACH (p, &bus->pendings, link) {
		if (p->is_deaf && dbus_pending_call_get_completed(p->call))
			return p;
	}
	return NULL;
}

void client_hear(struct ipc_bus *bus)
{
	struct pending *p;

	while (bus->n_deaf && (p = find_heard(bus)))
		on_reply(p->call, p);
}

/* Takes message. Once it is sent there is no failure: who was told of one would ask for the same again. */
static int start_take(struct ipc_bus *bus, DBusMessage *message, const struct client_start *start)
{
	struct pending *p = calloc(1, sizeof(*p));
	int r;

	if (!p) {
		dbus_message_unref(message);
		return err_raise(-ENOMEM);
	}
	p->bus = bus;
	p->start = *start;
	r = send_take(bus, message, bus->timeout_ms, &p->call);
	if (r) {
		free(p);
		return r;
	}
	LIST_INSERT_HEAD(&bus->pendings, p, link);
	p->is_deaf = !dbus_pending_call_set_notify(p->call, on_reply, p, NULL);
	bus->n_deaf += p->is_deaf;
	return 0;
}

int client_start(struct ipc_bus *bus, struct ipc_path path, const struct client_start *start)
{
	DBusMessage *message;
	int r = new_request(path, start->method, start->in, &message);

	return r ? r : start_take(bus, message, start);
}

void client_end_all(struct ipc_bus *bus, int r)
{
	struct pending *p;

	while ((p = LIST_FIRST(&bus->pendings))) {
		struct client_start start = p->start;

		dbus_pending_call_cancel(p->call);
		pending_free(p);
		deliver(&start, r, NULL, NULL);
	}
}
