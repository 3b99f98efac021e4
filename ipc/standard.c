/* SPDX-License-Identifier: MIT */
/*
 * The standard interfaces of every object: Properties, Introspectable, and ObjectManager at the root for sessions only
 * (clients want nearly all of those; tasks are listed, not managed). Peer is libdbus' own.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "ipc/call.h"
#include "ipc/codec.h"
#include "ipc/inner.h"
#include "ipc/proto.h"
#include "ipc/table.h"

#define PROPERTIES     "org.freedesktop.DBus.Properties"
#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"

/* What checks and getters may return besides 0 and -errno. */
static const uint8_t property_errors[] = { IPC_E_NO_SUCH_SESSION, IPC_E_NO_SUCH_TASK,
	IPC_E_ACCESS_DENIED, IPC_E_INVALID_ARGS, IPC_E_INVALID_REQUEST, IPC_E_LIMIT_REACHED,
	IPC_E_NOT_SUPPORTED, IPC_E_TASK_FINISHED, IPC_E_SESSION_INVALID, IPC_E_BUSY, IPC_E_NO_SPACE,
	IPC_E_NO_MEMORY, 0 };

static const char standard_xml[] =
	" <interface name=\"org.freedesktop.DBus.Properties\">\n"
	"  <method name=\"Get\">\n"
	"   <arg name=\"interface_name\" type=\"s\" direction=\"in\"/>\n"
	"   <arg name=\"property_name\" type=\"s\" direction=\"in\"/>\n"
	"   <arg name=\"value\" type=\"v\" direction=\"out\"/>\n"
	"  </method>\n"
	"  <method name=\"GetAll\">\n"
	"   <arg name=\"interface_name\" type=\"s\" direction=\"in\"/>\n"
	"   <arg name=\"properties\" type=\"a{sv}\" direction=\"out\"/>\n"
	"  </method>\n"
	"  <method name=\"Set\">\n"
	"   <arg name=\"interface_name\" type=\"s\" direction=\"in\"/>\n"
	"   <arg name=\"property_name\" type=\"s\" direction=\"in\"/>\n"
	"   <arg name=\"value\" type=\"v\" direction=\"in\"/>\n"
	"  </method>\n"
	"  <signal name=\"PropertiesChanged\">\n"
	"   <arg name=\"interface_name\" type=\"s\"/>\n"
	"   <arg name=\"changed_properties\" type=\"a{sv}\"/>\n"
	"   <arg name=\"invalidated_properties\" type=\"as\"/>\n"
	"  </signal>\n"
	" </interface>\n"
	" <interface name=\"org.freedesktop.DBus.Introspectable\">\n"
	"  <method name=\"Introspect\">\n"
	"   <arg name=\"xml_data\" type=\"s\" direction=\"out\"/>\n"
	"  </method>\n"
	" </interface>\n"
	" <interface name=\"org.freedesktop.DBus.Peer\">\n"
	"  <method name=\"Ping\"/>\n"
	"  <method name=\"GetMachineId\">\n"
	"   <arg name=\"machine_uuid\" type=\"s\" direction=\"out\"/>\n"
	"  </method>\n"
	" </interface>\n";

static const char object_manager_xml[] =
	" <interface name=\"org.freedesktop.DBus.ObjectManager\">\n"
	"  <method name=\"GetManagedObjects\">\n"
	"   <arg name=\"objects\" type=\"a{oa{sa{sv}}}\" direction=\"out\"/>\n"
	"  </method>\n"
	"  <signal name=\"InterfacesAdded\">\n"
	"   <arg name=\"object_path\" type=\"o\"/>\n"
	"   <arg name=\"interfaces_and_properties\" type=\"a{sa{sv}}\"/>\n"
	"  </signal>\n"
	"  <signal name=\"InterfacesRemoved\">\n"
	"   <arg name=\"object_path\" type=\"o\"/>\n"
	"   <arg name=\"interfaces\" type=\"as\"/>\n"
	"  </signal>\n"
	" </interface>\n";

/* The object of a call, as the standard interfaces see it. */
struct target {
	enum node_kind node;
	const struct table_interface *interface; /* ours at the node; NULL */
	const void *ops;
};

static int check(struct ipc_call *call, enum ipc_access access)
{
	return call_check_result(
		call, property_errors, call->bus->ops->check(call, call->bus->ops_user, access));
}

/* ---- Introspectable ---- */

/* The next part of path below text, which is above it. */
static void append_step(struct buf *xml, const char *text, const char *path)
{
	size_t skip = strcmp(text, "/") == 0 ? 1 : strlen(text) + 1;
	const char *step = path + skip;

	buf_printf(xml, " <node name=\"%.*s\"/>\n", (int)strcspn(step, "/"), step);
}

static void append_parents(struct buf *xml, const char *text)
{
	bool root = object_is_above(text, IPC_ROOT_PATH), log = object_is_above(text, IPC_LOG_PATH);

	if (root)
		append_step(xml, text, IPC_ROOT_PATH);
	if (log && (!root || strcmp(text, "/org") == 0))
		append_step(xml, text, IPC_LOG_PATH);
}

static int find_children(struct ipc_call *call, uint64_t **ret_ids, size_t *ret_n)
{
	uint64_t *ids = arena_alloc(&call->arena, IPC_MAX_CHILDREN, sizeof(*ids));
	int r;

	if (!ids)
		return -ENOMEM;
	*ret_n = 0;
	r = call->bus->ops->children(call, call->bus->ops_user, ids, IPC_MAX_CHILDREN, ret_n);
	*ret_ids = ids;
	return call_check_result(call, property_errors, r);
}

static int append_children(struct ipc_call *call, struct buf *xml)
{
	uint64_t *ids;
	size_t n;
	int r = find_children(call, &ids, &n);

	for (size_t i = 0; i < n && !r; i++)
		r = buf_printf(xml, " <node name=\"%" PRIu64 "\"/>\n", ids[i]);
	return r;
}

static int append_node(struct ipc_call *call, const struct target *target, struct buf *xml)
{
	if (target->interface)
		buf_append_str(xml, target->interface->xml);
	switch (target->node) {
	case NODE_PARENT:
		append_parents(xml, dbus_message_get_path(call->message));
		return 0;
	case NODE_ROOT:
		buf_append_str(xml, object_manager_xml);
		return buf_append_str(xml, " <node name=\"session\"/>\n");
	case NODE_SESSION:
		return buf_append_str(xml, " <node name=\"task\"/>\n");
	case NODE_SESSIONS:
	case NODE_TASKS:
		return append_children(call, xml);
	case NODE_TASK:
	case NODE_LOG:
	case NODE_NONE:
		break;
	}
	return 0;
}

static int introspect(struct ipc_call *call, const struct target *target, struct wire_iter *it)
{
	cleanup_(buf_done) struct buf xml = { 0 };
	struct wire_writer w = { 0 };
	int r = check(call, target->interface ? target->interface->access : IPC_ACCESS_ANY);

	if (r)
		return r;
	r = buf_append_str(&xml, DBUS_INTROSPECT_1_0_XML_DOCTYPE_DECL_NODE "<node>\n");
	if (!r)
		r = buf_append_str(&xml, standard_xml);
	if (!r)
		r = append_node(call, target, &xml);
	if (!r)
		r = buf_append_str(&xml, "</node>\n");
	return r ? r : wire_append_string(&w, it, xml.bytes);
}

/* ---- Properties ---- */

static int get_values(
	struct ipc_call *call, const struct target *target, uint64_t wanted, void **ret_values)
{
	const struct codec_type *type = target->interface->properties_type;
	struct table_get get = { call->path, wanted,
		arena_alloc(&call->arena, 1, type->size_bytes) };
	int r;

	if (!get.ret)
		return -ENOMEM;
	r = target->interface->get(target->ops, call, call->bus->ops_user, &get);
	*ret_values = get.ret;
	if (r == IPC_DEFERRED) /* a getter has nothing to wait for */
		return err_raise(-ENOTRECOVERABLE);
	return call_check_result(call, property_errors, r);
}

/* Reads the interface's name; NULL in *ret_type when it is a standard one, which has no properties. */
static int read_interface(struct ipc_call *call, const struct target *target, struct wire_iter *in,
	const struct codec_type **ret_type)
{
	const char *name = wire_get_string(in);

	wire_next(in);
	*ret_type = NULL;
	if (target->interface && (!*name || strcmp(name, target->interface->name) == 0))
		*ret_type = target->interface->properties_type;
	else if (strncmp(name, "org.freedesktop.DBus.", strlen("org.freedesktop.DBus.")))
		return ipc_call_error(
			call, IPC_E_UNKNOWN_INTERFACE, "not an interface of this object");
	return 0;
}

static int read_property(
	struct ipc_call *call, const struct target *target, struct wire_iter *in, int *ret_number)
{
	const struct codec_type *type;
	const char *name;
	int r = read_interface(call, target, in, &type);

	if (r)
		return r;
	name = wire_get_string(in);
	wire_next(in);
	*ret_number = type ? codec_find(type, name) : -1;
	if (*ret_number < 0)
		return ipc_call_error(call, IPC_E_UNKNOWN_PROPERTY, "no property '%.100s'", name);
	return 0;
}

static int properties_get(struct ipc_call *call, const struct target *target, struct wire_iter *it)
{
	struct wire_writer w = { 0 };
	struct wire_iter in;
	int number, r;
	void *values;

	wire_begin_read(call->message, &in);
	r = read_property(call, target, &in, &number);
	if (!r)
		r = check(call, target->interface->access);
	if (!r)
		r = get_values(call, target, UINT64_C(1) << number, &values);
	if (r)
		return r;
	return codec_append_variant(
		&w, it, &target->interface->properties_type->fields[number], values);
}

static uint64_t all_bits(const struct codec_type *type)
{
	return type->n_fields == 64 ? UINT64_MAX : (UINT64_C(1) << type->n_fields) - 1;
}

static int append_empty(struct wire_iter *it)
{
	struct wire_writer w = { 0 };
	struct wire_iter sub;
	int r = wire_open(&w, it, DBUS_TYPE_ARRAY, "{sv}", &sub);

	return r ? r : wire_close(&w, it, &sub, 0);
}

static int properties_get_all(
	struct ipc_call *call, const struct target *target, struct wire_iter *it)
{
	struct wire_writer w = { 0 };
	const struct codec_type *type;
	struct wire_iter in;
	void *values;
	int r;

	wire_begin_read(call->message, &in);
	r = read_interface(call, target, &in, &type);
	if (r)
		return r;
	if (!type)
		return append_empty(it);
	r = check(call, target->interface->access);
	if (!r)
		r = get_values(call, target, all_bits(type), &values);
	return r ? r : codec_append_dict(&w, it, type, values, UINT64_MAX);
}

static int read_new_value(
	struct ipc_call *call, const struct codec_field *field, struct wire_iter *in, void *values)
{
	struct wire_reader rd = call_reader(call);
	int r = codec_read_variant(&rd, in, field, values);

	if (r > 0)
		return ipc_call_error(call, IPC_E_INVALID_ARGS, "%s", rd.text);
	return r;
}

static int properties_set(struct ipc_call *call, const struct target *target, struct wire_iter *it)
{
	const struct table_property *property;
	const struct codec_type *type;
	struct wire_iter in;
	void *values;
	int number, r;

	(void)it;
	wire_begin_read(call->message, &in);
	r = read_property(call, target, &in, &number);
	if (r)
		return r;
	type = target->interface->properties_type;
	property = &target->interface->properties[number];
	if (!property->set)
		return ipc_call_error(call, IPC_E_PROPERTY_READ_ONLY, "%s is read-only",
			type->fields[number].name);
	r = check(call, property->access);
	if (r)
		return r;
	values = arena_alloc(&call->arena, 1, type->size_bytes);
	if (!values)
		return -ENOMEM;
	r = read_new_value(call, &type->fields[number], &in, values);
	if (r)
		return r;
	r = property->set(target->ops, call, call->bus->ops_user, values);
	return r == IPC_DEFERRED ? r : call_check_result(call, property_errors, r);
}

/* ---- ObjectManager ---- */

/* "{sa{sv}}" of a session: its one interface with its properties. */
static int append_session(struct wire_writer *w, struct wire_iter *it, const void *values)
{
	struct wire_iter array, entry;
	int r = wire_open(w, it, DBUS_TYPE_ARRAY, "{sa{sv}}", &array);

	if (r)
		return r;
	r = wire_open(w, &array, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
	if (!r) {
		r = wire_append_string(w, &entry, ipc_table_session.name);
		if (!r)
			r = codec_append_dict(
				w, &entry, ipc_table_session.properties_type, values, UINT64_MAX);
		r = wire_close(w, &array, &entry, r);
	}
	return wire_close(w, it, &array, r);
}

static int append_managed(
	struct ipc_call *call, struct wire_writer *w, struct wire_iter *array, uint64_t id)
{
	struct target target = { .node = NODE_SESSION };
	struct ipc_path root = call->path;
	struct wire_iter entry;
	void *values;
	int r;

	target.interface = object_interface(call->bus, NODE_SESSION, &target.ops);
	call->path = (struct ipc_path){ id, 0 };
	r = get_values(call, &target, all_bits(target.interface->properties_type), &values);
	call->path = root;
	if (r) /* gone since it was listed */
		return r < 0 ? r : 0;
	r = wire_open(w, array, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
	if (r)
		return r;
	r = wire_append_path(w, &entry, (struct ipc_path){ id, 0 });
	if (!r)
		r = append_session(w, &entry, values);
	return wire_close(w, array, &entry, r);
}

static int get_managed_objects(
	struct ipc_call *call, const struct target *target, struct wire_iter *it)
{
	struct wire_writer w = { 0 };
	struct wire_iter array;
	uint64_t *ids;
	size_t n;
	int r = check(call, target->interface->access);

	if (!r)
		r = find_children(call, &ids, &n);
	if (!r)
		r = wire_open(&w, it, DBUS_TYPE_ARRAY, "{oa{sa{sv}}}", &array);
	if (r)
		return r;
	for (size_t i = 0; i < n && !r; i++)
		r = append_managed(call, &w, &array, ids[i]);
	return wire_close(&w, it, &array, r);
}

static DBusMessage *manager_signal(const char *name, struct wire_iter *ret_it)
{
	DBusMessage *signal = dbus_message_new_signal(IPC_ROOT_PATH, OBJECT_MANAGER, name);

	if (signal)
		wire_begin_append(signal, ret_it);
	return signal;
}

/* Takes signal. */
static int send_take(struct ipc_bus *bus, DBusMessage *signal, int r)
{
	if (!r)
		r = bus_send(bus, signal);
	dbus_message_unref(signal);
	return r;
}

int ipc_object_session_added(
	struct ipc_bus *bus, struct ipc_path path, const struct ipc_session_properties *all)
{
	struct wire_writer w = { 0 };
	struct wire_iter it;
	DBusMessage *signal = manager_signal("InterfacesAdded", &it);
	int r;

	if (!signal)
		return err_raise(-ENOMEM);
	r = wire_append_path(&w, &it, path);
	if (!r)
		r = append_session(&w, &it, all);
	return send_take(bus, signal, r);
}

int ipc_object_session_removed(struct ipc_bus *bus, struct ipc_path path)
{
	struct wire_writer w = { 0 };
	struct wire_iter it, array;
	DBusMessage *signal = manager_signal("InterfacesRemoved", &it);
	int r;

	if (!signal)
		return err_raise(-ENOMEM);
	r = wire_append_path(&w, &it, path);
	if (!r)
		r = wire_open(&w, &it, DBUS_TYPE_ARRAY, "s", &array);
	if (!r)
		r = wire_close(
			&w, &it, &array, wire_append_string(&w, &array, ipc_table_session.name));
	return send_take(bus, signal, r);
}

/* ---- PropertiesChanged ---- */

static uint64_t bits_with(const struct emit_changed *changed, enum table_emits emits)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < changed->interface->properties_type->n_fields; i++) {
		if (changed->interface->properties[i].emits == emits)
			bits |= UINT64_C(1) << i;
	}
	return bits & changed->changed;
}

static int append_names(
	struct wire_writer *w, struct wire_iter *it, const struct codec_type *type, uint64_t bits)
{
	struct wire_iter array;
	int r = wire_open(w, it, DBUS_TYPE_ARRAY, "s", &array);

	if (r)
		return r;
	for (unsigned i = 0; i < type->n_fields && !r; i++) {
		if (bits >> i & 1)
			r = wire_append_string(w, &array, type->fields[i].name);
	}
	return wire_close(w, it, &array, r);
}

int emit_changed(struct ipc_bus *bus, const struct emit_changed *changed)
{
	uint64_t with_value = bits_with(changed, TABLE_EMITS_VALUE),
		 by_name = bits_with(changed, TABLE_EMITS_NAME);
	const struct codec_type *type = changed->interface->properties_type;
	struct wire_writer w = { 0 };
	char path[IPC_PATH_BYTES];
	DBusMessage *signal;
	struct wire_iter it;
	int r;

	if (!with_value && !by_name)
		return 0;
	signal = dbus_message_new_signal(ipc_path_format(changed->path, path, sizeof(path)),
		PROPERTIES, "PropertiesChanged");
	if (!signal)
		return err_raise(-ENOMEM);
	wire_begin_append(signal, &it);
	r = wire_append_string(&w, &it, changed->interface->name);
	if (!r)
		r = codec_append_dict(&w, &it, type, changed->values, with_value);
	if (!r)
		r = append_names(&w, &it, type, by_name);
	return send_take(bus, signal, r);
}

/* ---- dispatch ---- */

static const struct standard_method {
	const char *interface, *name, *in_signature;
	int (*run)(struct ipc_call *call, const struct target *target, struct wire_iter *it);
} methods[] = {
	{ "org.freedesktop.DBus.Introspectable", "Introspect", "", introspect },
	{ PROPERTIES, "Get", "ss", properties_get },
	{ PROPERTIES, "GetAll", "s", properties_get_all },
	{ PROPERTIES, "Set", "ssv", properties_set },
	{ OBJECT_MANAGER, "GetManagedObjects", "", get_managed_objects },
};

static const struct standard_method *find_standard(struct ipc_call *call, enum node_kind node)
{
	const char *interface = dbus_message_get_interface(call->message);

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (interface && strcmp(methods[i].interface, interface))
			continue;
		if (strcmp(methods[i].name, ipc_call_member(call)))
			continue;
		return methods[i].run == get_managed_objects && node != NODE_ROOT ? NULL
										  : &methods[i];
	}
	return NULL;
}

bool standard_run_take(struct ipc_call *call, enum node_kind node)
{
	const struct standard_method *method = find_standard(call, node);
	struct target target = { .node = node };
	struct wire_iter it;
	DBusMessage *reply;
	int r;

	if (!method)
		return false;
	target.interface = object_interface(call->bus, node, &target.ops);
	reply = call_begin_reply(call, &it);
	if (!reply)
		r = -ENOMEM;
	else if (!dbus_message_has_signature(call->message, method->in_signature))
		r = ipc_call_error(call, IPC_E_INVALID_ARGS, "%s takes '%s'", method->name,
			method->in_signature);
	else
		r = method->run(call, &target, &it);
	if (r == IPC_DEFERRED)
		dbus_message_unref(reply);
	else
		call_finish(call, reply, r);
	return true;
}
