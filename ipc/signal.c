/* SPDX-License-Identifier: MIT */
/*
 * Signals: delegate events to one client, as single typed signals or in batches, and what a client reads of them. Both
 * forms are made from the same row, and are read back into the same row: the table of the generator says which
 * argument of a typed signal is which key of EventArgs.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "ipc/client.h"
#include "ipc/codec.h"
#include "ipc/file.h"
#include "ipc/inner.h"
#include "ipc/proto.h"
#include "ipc/table.h"

#define SESSION_INTERFACE IPC_NAME ".Session"
#define PROPERTIES        "org.freedesktop.DBus.Properties"
#define MAX_SIGNAL_BYTES  (256u << 20)
#define EVENTS_SIGNATURE  "a(totsa{sv})"
/* One alone goes in a message: a client that does not read has at most half as many files open as its window has events. */
#define FILE_MIN_EVENTS   2

/* ---- sending ---- */

static const struct table_event *find_event(const char *name)
{
	enum ipc_event_kind kind = ipc_event_kind(name);

	return kind == IPC_EVENT_UNKNOWN ? NULL : &ipc_table_events[kind - 1];
}

static int append_event(
	struct wire_iter *it, const struct table_event *table, const struct ipc_event *event)
{
	static const struct ipc_event_args none;
	const struct ipc_event_args *args = event->args ? event->args : &none;
	struct wire_writer w = { 0 };
	int r = wire_append(&w, it, DBUS_TYPE_UINT64, &event->seq);

	if (!r)
		r = wire_append_path(&w, it, event->task);
	for (unsigned i = 0; i < table->n_fields && !r; i++) {
		if (table->fields[i] == TABLE_EVENT_REST)
			r = codec_append_dict(&w, it, &ipc_type_event_args, args, table->rest_mask);
		else
			r = codec_append_field(
				&w, it, &ipc_type_event_args.fields[table->fields[i]], args);
	}
	return r;
}

static int new_signal(const struct ipc_audience *to, const char *name, DBusMessage **ret_signal)
{
	char text[IPC_PATH_BYTES];
	DBusMessage *signal;

	if (!dbus_validate_bus_name(to->name, NULL))
		return -EINVAL;
	signal = dbus_message_new_signal(
		ipc_path_format(to->session, text, sizeof(text)), SESSION_INTERFACE, name);
	if (!signal)
		return err_raise(-ENOMEM);
	if (!dbus_message_set_destination(signal, to->name)) {
		dbus_message_unref(signal);
		return err_raise(-ENOMEM);
	}
	*ret_signal = signal;
	return 0;
}

/* Takes signal. */
static int send_take(struct ipc_bus *bus, DBusMessage *signal, int r)
{
	if (!r)
		r = bus_send(bus, signal);
	dbus_message_unref(signal);
	return r;
}

int ipc_send_event(
	struct ipc_bus *bus, const struct ipc_audience *to, const struct ipc_event *event)
{
	const struct table_event *table = find_event(event->name);
	struct wire_iter it;
	DBusMessage *signal;
	int r;

	if (!table)
		return err_raise(-EINVAL);
	r = new_signal(to, table->name, &signal);
	if (r)
		return r;
	wire_begin_append(signal, &it);
	return send_take(bus, signal, append_event(&it, table, event));
}

static int send_args(struct ipc_bus *bus, const struct ipc_audience *to, const char *name,
	const struct codec_type *type, const void *args)
{
	struct wire_writer w = { 0 };
	struct wire_iter it;
	DBusMessage *signal;
	int r = new_signal(to, name, &signal);

	if (r)
		return r;
	wire_begin_append(signal, &it);
	return send_take(bus, signal, codec_append_args(&w, &it, type, args));
}

static int send_file(
	struct ipc_bus *bus, const struct ipc_audience *to, const struct ipc_session_events *events)
{
	int fds[IPC_MAX_FDS], r;
	struct ipc_session_events_file args = { .files = fds };

	r = file_pack(&ipc_type_session_events, events, WIRE_MAX_SEND_BYTES, fds, &args.n_files);
	if (r)
		return r;
	r = send_args(bus, to, IPC_EVENTS_FILE, &ipc_type_session_events_file, &args);
	close(fds[0]);
	return r;
}

int ipc_send_events(struct ipc_bus *bus, const struct ipc_audience *to,
	const struct ipc_event *events, size_t n)
{
	struct ipc_session_events args = { events, n };

	if (n > IPC_MAX_BATCH)
		return -EMSGSIZE;
	/* what makes it impossible to have a file need not be in the way of a message */
	if (to->takes_files && n >= FILE_MIN_EVENTS && send_file(bus, to, &args) == 0)
		return 0;
	return send_args(bus, to, "Events", &ipc_type_session_events, &args);
}

/* ---- receiving ---- */

struct ipc_signal {
	DBusMessage *message;
	struct ipc_path path;
	struct arena arena;
	struct wire_fds fds;
};

void signal_deliver(struct ipc_bus *bus, DBusMessage *message)
{
	struct ipc_signal signal = { .message = message };
	const char *path = dbus_message_get_path(message);

	if (!bus->events.signal || !path || ipc_path_parse(path, &signal.path))
		return;
	bus->events.signal(bus->events_user, &signal);
	wire_fds_close(&signal.fds);
	arena_done(&signal.arena);
}

struct ipc_path ipc_signal_path(const struct ipc_signal *signal)
{
	return signal->path;
}

const char *ipc_signal_member(const struct ipc_signal *signal)
{
	return dbus_message_get_member(signal->message);
}

int ipc_signal_take_fd(struct ipc_signal *signal, int fd)
{
	return wire_fds_take(&signal->fds, fd);
}

static struct wire_reader signal_reader(struct ipc_signal *signal)
{
	struct wire_reader rd = {
		.arena = &signal->arena, .fds = &signal->fds, .max_bytes = MAX_SIGNAL_BYTES
	};

	return rd;
}

/* An empty dictionary stands for "none" in a typed signal. */
static bool is_none(struct wire_iter *it, const struct codec_field *field)
{
	return field->kind == CODEC_DICT_REF && wire_count(it) == 0;
}

static int read_event_args(struct wire_reader *rd, struct wire_iter *it,
	const struct table_event *table, struct ipc_event_args *args)
{
	int r = 0;

	args->file = args->body_file = args->body_pipe = -1;
	for (unsigned i = 0; i < table->n_fields && !r; i++) {
		const struct codec_field *field;

		if (table->fields[i] == TABLE_EVENT_REST) {
			r = codec_read_dict(rd, it, &ipc_type_event_args, args, NULL);
		} else {
			field = &ipc_type_event_args.fields[table->fields[i]];
			r = is_none(it, field) ? 0 : codec_read_field(rd, it, field, args);
		}
		wire_next(it);
	}
	return r;
}

static int read_single(struct ipc_signal *signal, const struct table_event *table,
	const struct ipc_event **ret_events)
{
	struct wire_reader rd = signal_reader(signal);
	struct ipc_event *event;
	struct ipc_event_args *args;
	struct wire_iter it;
	int r;

	if (!dbus_message_has_signature(signal->message, table->signature))
		return -EBADMSG;
	event = arena_alloc(&signal->arena, 1, sizeof(*event));
	args = arena_alloc(&signal->arena, 1, sizeof(*args));
	if (!event || !args)
		return err_raise(-ENOMEM);
	event->name = table->name;
	event->args = args;
	wire_begin_read(signal->message, &it);
	wire_get(&it, &event->seq);
	wire_next(&it);
	r = wire_read_path(&rd, &it, &event->task);
	wire_next(&it);
	if (!r)
		r = read_event_args(&rd, &it, table, args);
	if (!r)
		*ret_events = event;
	return r;
}

static int read_batch(struct ipc_signal *signal, const struct ipc_event **ret_events, size_t *ret_n)
{
	struct wire_reader rd = signal_reader(signal);
	struct ipc_session_events events = { NULL, 0 };
	struct wire_iter it;
	int r;

	if (!dbus_message_has_signature(signal->message, EVENTS_SIGNATURE))
		return -EBADMSG;
	wire_begin_read(signal->message, &it);
	r = codec_read_args(&rd, &it, &ipc_type_session_events, &events);
	if (r)
		return r;
	*ret_events = events.events;
	*ret_n = events.n_events;
	return 0;
}

static int read_file(struct ipc_signal *signal, const struct ipc_event **ret_events, size_t *ret_n)
{
	struct wire_fds files = { .n = 0 };
	struct wire_reader rd = signal_reader(signal);
	struct ipc_session_events_file args = { NULL, 0 };
	struct ipc_session_events events = { NULL, 0 };
	struct wire_iter it;
	int r;

	if (!dbus_message_has_signature(signal->message, "ah"))
		return -EBADMSG;
	wire_begin_read(signal->message, &it);
	rd.fds = &files;
	r = codec_read_args(&rd, &it, &ipc_type_session_events_file, &args);
	rd.fds = &signal->fds;
	if (!r)
		r = file_unpack(&rd, &files, &ipc_type_session_events, EVENTS_SIGNATURE, &events);
	wire_fds_close(&files);
	if (r)
		return r;
	*ret_events = events.events;
	*ret_n = events.n_events;
	return 0;
}

int ipc_read_events(struct ipc_signal *signal, const struct ipc_event **ret_events, size_t *ret_n)
{
	const struct table_event *table;
	int r;

	if (!dbus_message_has_interface(signal->message, SESSION_INTERFACE))
		return IPC_E_UNKNOWN_METHOD;
	if (dbus_message_has_member(signal->message, "Events")) {
		r = read_batch(signal, ret_events, ret_n);
		return r > 0 ? -EBADMSG : r;
	}
	if (dbus_message_has_member(signal->message, IPC_EVENTS_FILE)) {
		r = read_file(signal, ret_events, ret_n);
		return r > 0 ? -EBADMSG : r;
	}
	table = find_event(dbus_message_get_member(signal->message));
	if (!table)
		return IPC_E_UNKNOWN_METHOD;
	r = read_single(signal, table, ret_events);
	if (r)
		return r > 0 ? -EBADMSG : r;
	*ret_n = 1;
	return 0;
}

/* ---- PropertiesChanged ---- */

static uint64_t read_names(struct wire_iter *it, const struct codec_type *type)
{
	struct wire_iter array;
	uint64_t bits = 0;

	wire_recurse(it, &array);
	for (; wire_type(&array) == DBUS_TYPE_STRING; wire_next(&array)) {
		int i = codec_find(type, wire_get_string(&array));

		if (i >= 0)
			bits |= UINT64_C(1) << i;
	}
	return bits;
}

int client_read_changed(struct ipc_signal *signal, const struct client_changed *changed)
{
	const struct codec_type *type = changed->interface->properties_type;
	struct wire_reader rd = signal_reader(signal);
	const char *interface;
	uint64_t with_value;
	struct wire_iter it;
	int r;

	if (!dbus_message_is_signal(signal->message, PROPERTIES, "PropertiesChanged"))
		return IPC_E_UNKNOWN_METHOD;
	if (!dbus_message_has_signature(signal->message, "sa{sv}as"))
		return -EBADMSG;
	wire_begin_read(signal->message, &it);
	interface = wire_get_string(&it);
	if (strcmp(interface, changed->interface->name))
		return IPC_E_UNKNOWN_METHOD;
	wire_next(&it);
	memset(changed->ret, 0, type->size_bytes);
	r = codec_read_dict(&rd, &it, type, changed->ret, &with_value);
	if (r)
		return r > 0 ? -EBADMSG : r;
	wire_next(&it);
	*changed->ret_invalid = read_names(&it, type);
	*changed->ret_changed = with_value | *changed->ret_invalid;
	return 0;
}
