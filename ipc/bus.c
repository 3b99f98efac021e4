/* SPDX-License-Identifier: MIT */
/*
 * The connection. It is private to its owner (never shared with other users of libdbus in the process), never ends the
 * process when it breaks, and leaves SIGPIPE alone. Each incoming message passes one filter that routes it: what the bus
 * itself says is handled here, calls go to object.c, signals of the watched service to signal.c.
 */
#include "ipc/bus.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "ipc/inner.h"
#include "ipc/loop.h"

#define DEFAULT_TIMEOUT_MS 25000
/* Messages per ipc_bus_dispatch(): the loop's other work has its turn too. */
#define DISPATCH_BUDGET    64
/* Times that libdbus may read, 2 KiB each, per ipc_bus_read(). */
#define READ_BUDGET        512
/* Unhandled incoming bytes at which libdbus stops reading the socket. */
#define MAX_RECEIVED_BYTES (64 << 20)

#define RULE_BYTES 400
#define OWNER_RULE \
	"type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus'," \
	"member='NameOwnerChanged',arg0='%s'"

DEFINE_CLEANUP(struct ipc_bus *, ipc_bus_free)

/* ---- routing ---- */

static void set_owner(struct ipc_bus *bus, const char *owner)
{
	free(bus->service_owner);
	bus->service_owner = owner && *owner ? strdup(owner) : NULL;
}

static void on_owner_changed(struct ipc_bus *bus, DBusMessage *message)
{
	const char *name, *from, *to;

	if (!dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING, &from,
		    DBUS_TYPE_STRING, &to, DBUS_TYPE_INVALID))
		return;
	if (bus->service && strcmp(name, bus->service) == 0) {
		set_owner(bus, to);
		if (bus->events.service_changed)
			bus->events.service_changed(bus->events_user, bus->service_owner);
	}
	if (bus->peers && !*to && peers_drop(bus->peers, name) && bus->events.peer_left)
		bus->events.peer_left(bus->events_user, name);
}

static void on_name(struct ipc_bus *bus, DBusMessage *message, void (*event)(void *, const char *))
{
	const char *name;

	if (!event ||
		!dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID))
		return;
	if (name[0] != ':')
		event(bus->events_user, name);
}

static void on_bus_signal(struct ipc_bus *bus, DBusMessage *message)
{
	if (dbus_message_is_signal(message, DBUS_INTERFACE_DBUS, "NameOwnerChanged"))
		on_owner_changed(bus, message);
	else if (dbus_message_is_signal(message, DBUS_INTERFACE_DBUS, "NameAcquired"))
		on_name(bus, message, bus->events.name_acquired);
	else if (dbus_message_is_signal(message, DBUS_INTERFACE_DBUS, "NameLost"))
		on_name(bus, message, bus->events.name_lost);
}

static void on_lost(struct ipc_bus *bus)
{
	if (bus->is_lost)
		return;
	bus->is_lost = true;
	/* libdbus forgets pending calls of a broken connection without a word. */
	client_end_all(bus, -ENOTCONN);
	if (bus->events.lost)
		bus->events.lost(bus->events_user);
}

static DBusHandlerResult on_message(DBusConnection *connection, DBusMessage *message, void *user)
{
	struct ipc_bus *bus = user;
	const char *sender = dbus_message_get_sender(message);

	(void)connection;
	switch (dbus_message_get_type(message)) {
	case DBUS_MESSAGE_TYPE_METHOD_CALL:
		if (!bus->ops || !sender)
			return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
		object_on_call(bus, message);
		return DBUS_HANDLER_RESULT_HANDLED;
	case DBUS_MESSAGE_TYPE_SIGNAL:
		if (dbus_message_is_signal(message, DBUS_INTERFACE_LOCAL, "Disconnected"))
			on_lost(bus);
		else if (sender && strcmp(sender, DBUS_SERVICE_DBUS) == 0)
			on_bus_signal(bus, message);
		else if (sender && bus->service_owner && strcmp(sender, bus->service_owner) == 0)
			signal_deliver(bus, message);
		return DBUS_HANDLER_RESULT_HANDLED;
	default:
		return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
	}
}

/* ---- the connection ---- */

static int connect_error(const DBusError *error)
{
	if (dbus_error_has_name(error, DBUS_ERROR_NO_MEMORY))
		return -ENOMEM;
	if (dbus_error_has_name(error, DBUS_ERROR_ACCESS_DENIED) ||
		dbus_error_has_name(error, DBUS_ERROR_AUTH_FAILED))
		return -EACCES;
	if (dbus_error_has_name(error, DBUS_ERROR_BAD_ADDRESS))
		return -EINVAL;
	return -ECONNREFUSED;
}

static DBusConnection *open_connection(
	enum ipc_bus_kind kind, const char *address, DBusError *error)
{
	DBusConnection *connection;

	if (kind != IPC_BUS_ADDRESS)
		return dbus_bus_get_private(
			kind == IPC_BUS_SYSTEM ? DBUS_BUS_SYSTEM : DBUS_BUS_SESSION, error);
	connection = dbus_connection_open_private(address, error);
	if (!connection)
		return NULL;
	if (dbus_bus_register(connection, error))
		return connection;
	dbus_connection_close(connection);
	dbus_connection_unref(connection);
	return NULL;
}

int ipc_bus_new(enum ipc_bus_kind kind, const char *address, struct ipc_bus **ret_bus)
{
	cleanup_(ipc_bus_freep) struct ipc_bus *bus = calloc(1, sizeof(*bus));
	DBusError error = DBUS_ERROR_INIT;
	int r;

	if (!bus)
		return err_raise(-ENOMEM);
	LIST_INIT(&bus->pendings);
	TAILQ_INIT(&bus->calls);
	bus->timeout_ms = DEFAULT_TIMEOUT_MS;
	r = loop_new(&bus->loop);
	if (r)
		return r;
	dbus_connection_set_change_sigpipe(FALSE);
	bus->connection = open_connection(kind, address, &error);
	if (!bus->connection) {
		r = connect_error(&error);
		dbus_error_free(&error);
		return err_raise(r);
	}
	dbus_connection_set_exit_on_disconnect(bus->connection, FALSE);
	dbus_connection_set_max_received_size(bus->connection, MAX_RECEIVED_BYTES);
	if (!dbus_connection_add_filter(bus->connection, on_message, bus, NULL)) {
		/* libdbus ends the process when a filter is taken away that is not there */
		dbus_connection_close(bus->connection);
		dbus_connection_unref(take_ptr(bus->connection));
		return err_raise(-ENOMEM);
	}
	r = loop_attach(bus->loop, bus->connection);
	if (r)
		return r;
	*ret_bus = take_ptr(bus);
	return 0;
}

void ipc_bus_free(struct ipc_bus *bus)
{
	struct ipc_call *call;

	if (!bus)
		return;
	bus->is_lost = true;
	client_end_all(bus, -ECANCELED);
	peers_free(bus->peers);
	while ((call = TAILQ_FIRST(&bus->calls))) {
		TAILQ_REMOVE(&bus->calls, call, link);
		call->bus = NULL;
	}
	if (bus->connection) {
		dbus_connection_remove_filter(bus->connection, on_message, bus);
		loop_detach(bus->loop, bus->connection);
		dbus_connection_close(bus->connection);
		dbus_connection_unref(bus->connection);
	}
	loop_free(bus->loop);
	free(bus->service_owner);
	free(bus->service);
	free(bus);
}

void ipc_bus_set_events(struct ipc_bus *bus, const struct ipc_bus_events *events, void *user)
{
	bus->events = *events;
	bus->events_user = user;
}

int ipc_bus_fd(const struct ipc_bus *bus)
{
	return loop_fd(bus->loop);
}

/* Something is left for the next turn, whatever comes. */
static bool has_queue(const struct ipc_bus *bus)
{
	return (bus->peers && peers_are_late(bus->peers)) ||
		dbus_connection_get_dispatch_status(bus->connection) == DBUS_DISPATCH_DATA_REMAINS;
}

void bus_check_queue(struct ipc_bus *bus)
{
	if (has_queue(bus))
		loop_poke(bus->loop);
}

bool ipc_bus_read(struct ipc_bus *bus)
{
	int n = 1;

	for (int i = 0; i < READ_BUDGET && n > 0 && ipc_bus_is_connected(bus); i++) {
		if (has_queue(bus))
			return true;
		n = loop_process(bus->loop);
	}
	return n < 0 || !ipc_bus_is_connected(bus);
}

int ipc_bus_dispatch(struct ipc_bus *bus)
{
	int r = loop_process(bus->loop);

	r = r < 0 ? r : 0;
	bus->n_turn = DISPATCH_BUDGET;
	if (bus->peers && !r)
		peers_run_late(bus->peers);
	while (bus->n_turn > 0 && !r) {
		bus->n_turn--;
		if (dbus_connection_dispatch(bus->connection) != DBUS_DISPATCH_DATA_REMAINS)
			break;
	}
	client_hear(bus);
	bus_check_queue(bus);
	return bus->is_lost ? -ENOTCONN : r;
}

static int wait_readable(const struct ipc_bus *bus, int timeout_ms)
{
	struct pollfd p = { .fd = loop_fd(bus->loop), .events = POLLIN };
	int n = poll(&p, 1, timeout_ms);

	if (n < 0)
		return errno == EINTR ? 0 : err_raise(-errno);
	return n == 0 ? -ETIMEDOUT : 0;
}

int ipc_bus_wait(struct ipc_bus *bus, int timeout_ms)
{
	int r = wait_readable(bus, timeout_ms);

	return r ? r : ipc_bus_dispatch(bus);
}

void ipc_bus_never_start(struct ipc_bus *bus, bool is_never)
{
	bus->never_starts = is_never;
}

int ipc_bus_set_timeout(struct ipc_bus *bus, int timeout_ms)
{
	int before_ms = bus->timeout_ms;

	if (timeout_ms)
		bus->timeout_ms = timeout_ms;
	return before_ms;
}

bool ipc_bus_is_connected(const struct ipc_bus *bus)
{
	return !bus->is_lost && dbus_connection_get_is_connected(bus->connection);
}

const char *ipc_bus_unique_name(const struct ipc_bus *bus)
{
	const char *name = dbus_bus_get_unique_name(bus->connection);

	return name ? name : "";
}

size_t ipc_bus_outgoing_bytes(const struct ipc_bus *bus)
{
	long n = dbus_connection_get_outgoing_size(bus->connection);

	return n > 0 ? (size_t)n : 0;
}

int ipc_bus_flush(struct ipc_bus *bus, int timeout_ms)
{
	uint64_t end_us = clock_now_us() + (uint64_t)timeout_ms * CLOCK_US_PER_MS;

	while (dbus_connection_has_messages_to_send(bus->connection)) {
		uint64_t now_us = clock_now_us();
		int r;

		if (!ipc_bus_is_connected(bus))
			return -ENOTCONN;
		if (now_us >= end_us)
			return -ETIMEDOUT;
		r = wait_readable(bus, (int)((end_us - now_us) / CLOCK_US_PER_MS) + 1);
		if (!r)
			r = loop_process(bus->loop);
		if (r < 0 && r != -ETIMEDOUT)
			return r;
	}
	bus_check_queue(bus);
	return 0;
}

int bus_send(struct ipc_bus *bus, DBusMessage *message)
{
	if (!ipc_bus_is_connected(bus))
		return -ENOTCONN;
	return dbus_connection_send(bus->connection, message, NULL) ? 0 : -ENOMEM;
}

void bus_add_match(struct ipc_bus *bus, const char *rule)
{
	if (ipc_bus_is_connected(bus))
		dbus_bus_add_match(bus->connection, rule, NULL);
}

void bus_remove_match(struct ipc_bus *bus, const char *rule)
{
	if (ipc_bus_is_connected(bus))
		dbus_bus_remove_match(bus->connection, rule, NULL);
}

/* ---- names ---- */

/* Frees error; a broken connection and a refusing bus are told apart. */
static int name_error(DBusError *error)
{
	int r = ipc_error_from_name(error->name);

	if (dbus_error_has_name(error, DBUS_ERROR_DISCONNECTED) ||
		dbus_error_has_name(error, DBUS_ERROR_NO_REPLY))
		r = -ENOTCONN;
	else if (r != IPC_E_ACCESS_DENIED)
		r = dbus_error_has_name(error, DBUS_ERROR_NO_MEMORY) ? -ENOMEM : -EIO;
	dbus_error_free(error);
	return r;
}

int ipc_bus_request_name(struct ipc_bus *bus, const char *name, enum ipc_name_mode mode)
{
	DBusError error = DBUS_ERROR_INIT;
	int r;

	if (!dbus_validate_bus_name(name, NULL) || name[0] == ':')
		return -EINVAL;
	if (!ipc_bus_is_connected(bus))
		return -ENOTCONN;
	r = dbus_bus_request_name(bus->connection, name,
		mode == IPC_NAME_NOW ? DBUS_NAME_FLAG_DO_NOT_QUEUE : 0, &error);
	bus_check_queue(bus);
	switch (r) {
	case DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER:
	case DBUS_REQUEST_NAME_REPLY_ALREADY_OWNER:
		return 0;
	case DBUS_REQUEST_NAME_REPLY_IN_QUEUE:
		return IPC_DEFERRED;
	case DBUS_REQUEST_NAME_REPLY_EXISTS:
		return IPC_E_BUSY;
	default:
		return name_error(&error);
	}
}

int ipc_bus_release_name(struct ipc_bus *bus, const char *name)
{
	DBusError error = DBUS_ERROR_INIT;
	int r;

	if (!dbus_validate_bus_name(name, NULL) || name[0] == ':')
		return -EINVAL;
	if (!ipc_bus_is_connected(bus))
		return -ENOTCONN;
	r = dbus_bus_release_name(bus->connection, name, &error);
	bus_check_queue(bus);
	return r < 0 ? name_error(&error) : 0;
}

bool ipc_bus_is_name(const char *name)
{
	return strlen(name) <= DBUS_MAXIMUM_NAME_LENGTH && name[0] != ':' &&
		dbus_validate_bus_name(name, NULL);
}

static int append_action(DBusMessage *message, const char *action, const char *text)
{
	DBusMessageIter args, list, variant;

	dbus_message_iter_init_append(message, &args);
	if (!dbus_message_iter_append_basic(&args, DBUS_TYPE_STRING, &action) ||
		!dbus_message_iter_open_container(&args, DBUS_TYPE_ARRAY, "v", &list) ||
		!dbus_message_iter_open_container(&list, DBUS_TYPE_VARIANT, "s", &variant) ||
		!dbus_message_iter_append_basic(&variant, DBUS_TYPE_STRING, &text) ||
		!dbus_message_iter_close_container(&list, &variant) ||
		!dbus_message_iter_close_container(&args, &list) ||
		!dbus_message_iter_open_container(&args, DBUS_TYPE_ARRAY, "{sv}", &list) ||
		!dbus_message_iter_close_container(&args, &list))
		return -ENOMEM;
	return 0;
}

int ipc_bus_activate(struct ipc_bus *bus, const char *name, const char *action, const char *text)
{
	char path[DBUS_MAXIMUM_NAME_LENGTH + 2] = "/";
	DBusMessage *message;
	int r;

	if (!ipc_bus_is_name(name))
		return -EINVAL;
	for (size_t i = 0; name[i]; i++)
		path[i + 1] = name[i] == '.' ? '/' : name[i] == '-' ? '_' : name[i];
	message = dbus_message_new_method_call(
		name, path, "org.freedesktop.Application", "ActivateAction");
	if (!message)
		return -ENOMEM;
	dbus_message_set_no_reply(message, TRUE);
	r = append_action(message, action, text);
	if (!r)
		r = bus_send(bus, message);
	dbus_message_unref(message);
	return r;
}

static int ask_owner(struct ipc_bus *bus)
{
	DBusMessage *call, *reply;
	const char *owner;

	call = dbus_message_new_method_call(
		DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "GetNameOwner");
	if (!call)
		return -ENOMEM;
	if (!dbus_message_append_args(call, DBUS_TYPE_STRING, &bus->service, DBUS_TYPE_INVALID)) {
		dbus_message_unref(call);
		return -ENOMEM;
	}
	reply = dbus_connection_send_with_reply_and_block(
		bus->connection, call, DEFAULT_TIMEOUT_MS, NULL);
	dbus_message_unref(call);
	bus_check_queue(bus);
	if (!reply) /* nobody owns it */
		return ipc_bus_is_connected(bus) ? 0 : -ENOTCONN;
	if (dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &owner, DBUS_TYPE_INVALID))
		set_owner(bus, owner);
	dbus_message_unref(reply);
	return 0;
}

int ipc_bus_watch_service(struct ipc_bus *bus, const char *name)
{
	char rule[RULE_BYTES];

	if (!dbus_validate_bus_name(name, NULL) || bus->service)
		return -EINVAL;
	bus->service = strdup(name);
	if (!bus->service)
		return err_raise(-ENOMEM);
	snprintf(rule, sizeof(rule), OWNER_RULE, name);
	bus_add_match(bus, rule);
	return ask_owner(bus);
}

const char *ipc_bus_service_owner(const struct ipc_bus *bus)
{
	return bus->service_owner;
}

int ipc_bus_watch_properties(struct ipc_bus *bus)
{
	char rule[RULE_BYTES];

	if (!bus->service)
		return -EINVAL;
	snprintf(rule, sizeof(rule),
		"type='signal',sender='%s',interface='org.freedesktop.DBus.Properties',"
		"member='PropertiesChanged',path_namespace='" IPC_ROOT_PATH "'",
		bus->service);
	bus_add_match(bus, rule);
	return 0;
}
