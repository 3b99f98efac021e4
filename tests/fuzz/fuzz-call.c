/* SPDX-License-Identifier: MIT */
/*
 * Calls as any program on the bus can send them, to the real handlers over the real flow: each is answered once, with an error that
 * its interface declares (the daemon's test build ends itself otherwise), and the daemon goes on. Input: choices of an object, a method
 * and of its arguments, whose dictionaries have known keys more often than others; or the bytes of the arguments themselves.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/utf8.h"
#include "daemon/bus/bus-private.h"
#include "ipc/codec.h"
#include "ipc/inner.h"
#include "ipc/table.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/world.h"

#define CALLS_MAX 6
#define DEPTH_MAX 6
#define TURN_US   1000

unsigned fuzz_n_runs = 3000;

static struct world world;
static struct bus *bus;
static unsigned n_replies, n_asked;
static int file_fd = -1;

/* ---- linked with --wrap: the connection ---- */

int __wrap_ipc_bus_new(enum ipc_bus_kind kind, const char *address, struct ipc_bus **ret_bus);
int __wrap_ipc_bus_new(enum ipc_bus_kind kind, const char *address, struct ipc_bus **ret_bus)
{
	struct ipc_bus *made = calloc(1, sizeof(*made));

	(void)kind;
	(void)address;
	FUZZ_MUST(made);
	LIST_INIT(&made->pendings);
	TAILQ_INIT(&made->calls);
	*ret_bus = made;
	return 0;
}

void __wrap_ipc_bus_free(struct ipc_bus *made);
void __wrap_ipc_bus_free(struct ipc_bus *made)
{
	FUZZ_MUST(TAILQ_EMPTY(&made->calls));
	peers_free(made->peers);
	free(made);
}

int __wrap_ipc_bus_request_name(struct ipc_bus *to, const char *name, enum ipc_name_mode mode);
int __wrap_ipc_bus_request_name(struct ipc_bus *to, const char *name, enum ipc_name_mode mode)
{
	(void)to;
	(void)name;
	(void)mode;
	return 0;
}

bool __wrap_ipc_bus_is_connected(const struct ipc_bus *to);
bool __wrap_ipc_bus_is_connected(const struct ipc_bus *to)
{
	(void)to;
	return true;
}

size_t __wrap_ipc_bus_outgoing_bytes(const struct ipc_bus *to);
size_t __wrap_ipc_bus_outgoing_bytes(const struct ipc_bus *to)
{
	(void)to;
	return 0;
}

int __wrap_bus_send(struct ipc_bus *to, DBusMessage *message);
int __wrap_bus_send(struct ipc_bus *to, DBusMessage *message)
{
	int type = dbus_message_get_type(message);

	(void)to;
	if (type == DBUS_MESSAGE_TYPE_SIGNAL)
		return 0;
	FUZZ_MUST(type == DBUS_MESSAGE_TYPE_METHOD_RETURN || type == DBUS_MESSAGE_TYPE_ERROR);
	n_replies++;
	return 0;
}

/* ---- arguments ---- */

static const char *const words[] = { "", "download", "upload", "data", "background",
	"https://example.org/a", "http://example.org/a",
	"https://user:secret@example.org:8443/b?c#d", "ftp://example.org/", "GET", "PUT",
	"org.example.App", "main", "running", "suspended", "snapshot", "none", "sha256",
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "/tmp/fuzz-file",
	"/nowhere/file", "/etc/hostname", "continue", "replace", "cancel", "example.org", "/", "n",
	"lax", "always", "never", "resume", "remove", "org.transferd.Transfer1.Session",
	"Description", "completed", "url", "1", "WillBeginDelayedRequest", "paused", "debug" };

static const char *some_text(struct fuzz_choices *c, char **ret_own)
{
	uint8_t how = fuzz_byte(c);
	const uint8_t *piece;
	size_t n;

	*ret_own = NULL;
	if (how < sizeof(words) / sizeof(words[0]))
		return words[how];
	if (how == 255) {
		/* longer than most may be */
		*ret_own = malloc(70001);
		FUZZ_MUST(*ret_own);
		memset(*ret_own, 'x', 70000);
		(*ret_own)[70000] = 0;
		return *ret_own;
	}
	n = fuzz_piece(c, how - 32, &piece);
	*ret_own = utf8_sanitise(piece, n);
	FUZZ_MUST(*ret_own);
	return *ret_own;
}

static void append_any(struct fuzz_choices *c, DBusMessageIter *it, const char *signature,
	const struct codec_type *type, int depth);

static void append_number(struct fuzz_choices *c, DBusMessageIter *it, int type)
{
	static const uint64_t marks[] = { 0, 1, 2, UINT64_MAX, INT64_MAX, 1000, 1000000,
		UINT32_MAX };
	static const double reals[] = { 0, 1, 0.5, -1, 1e300, 0.0 / 0.0, 1.0 / 0.0, 0.25 };
	uint8_t how = fuzz_byte(c);
	uint64_t n = how < 128 ? marks[how % 8] : how < 192 ? how - 128u : fuzz_number(c, 8);
	DBusBasicValue value = { .u64 = n };

	if (type == DBUS_TYPE_BOOLEAN)
		value.bool_val = n & 1;
	if (type == DBUS_TYPE_DOUBLE)
		value.dbl = reals[how % 8];
	FUZZ_MUST(dbus_message_iter_append_basic(it, type, &value));
}

static void append_text(struct fuzz_choices *c, DBusMessageIter *it, int type)
{
	static const char *const paths[] = { "/", "/org/transferd/Transfer1",
		"/org/transferd/Transfer1/session/1", "/org/transferd/Transfer1/session/1/task/1",
		"/org/transferd/Transfer1/session/1/task/2", "/x" };
	static const char *const signatures[] = { "", "s", "a{sv}" };
	const char *text;
	char *own = NULL;

	if (type == DBUS_TYPE_OBJECT_PATH)
		text = paths[fuzz_byte(c) % 6];
	else if (type == DBUS_TYPE_SIGNATURE)
		text = signatures[fuzz_byte(c) % 3];
	else
		text = some_text(c, &own);
	FUZZ_MUST(dbus_message_iter_append_basic(it, type, &text));
	free(own);
}

/* One entry of a dictionary: a key, and a value of its type or of another one. */
static void append_entry(
	struct fuzz_choices *c, DBusMessageIter *array, const struct codec_type *type, int depth)
{
	static const char *const others[] = { "s", "t", "as", "a{sv}", "v", "(ss)", "d", "ay" };
	uint8_t how = fuzz_byte(c);
	const struct codec_field *field = type && type->n_fields && how < 240
		? &type->fields[how % type->n_fields]
		: NULL;
	const char *signature = field ? field->signature : others[how % 8], *key;
	DBusMessageIter entry, variant;
	char *own = NULL;

	if (fuzz_byte(c) >= 248)
		signature = others[fuzz_byte(c) % 8];
	key = field ? field->name : some_text(c, &own);
	FUZZ_MUST(dbus_message_iter_open_container(array, DBUS_TYPE_DICT_ENTRY, NULL, &entry));
	FUZZ_MUST(dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key));
	FUZZ_MUST(dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, signature, &variant));
	append_any(c, &variant, signature, field ? field->type : NULL, depth + 1);
	FUZZ_MUST(dbus_message_iter_close_container(&entry, &variant));
	FUZZ_MUST(dbus_message_iter_close_container(array, &entry));
	free(own);
}

static void append_array(struct fuzz_choices *c, DBusMessageIter *it, const char *element,
	const struct codec_type *type, int depth)
{
	unsigned n = fuzz_byte(c);
	DBusMessageIter array;

	FUZZ_MUST(dbus_message_iter_open_container(it, DBUS_TYPE_ARRAY, element, &array));
	n = depth > DEPTH_MAX || !c->size ? 0 : n < 250 ? n % 8 : 300;
	for (unsigned i = 0; i < n && (c->size || i < 3); i++) {
		if (!strcmp(element, "{sv}"))
			append_entry(c, &array, type, depth);
		else
			append_any(c, &array, element, type, depth + 1);
	}
	FUZZ_MUST(dbus_message_iter_close_container(it, &array));
}

static void append_struct(struct fuzz_choices *c, DBusMessageIter *it, const char *signature,
	const struct codec_type *type, int depth)
{
	DBusSignatureIter outer, inner;
	DBusMessageIter sub;
	unsigned i = 0;

	dbus_signature_iter_init(&outer, signature);
	dbus_signature_iter_recurse(&outer, &inner);
	FUZZ_MUST(dbus_message_iter_open_container(it, DBUS_TYPE_STRUCT, NULL, &sub));
	do {
		char *one = dbus_signature_iter_get_signature(&inner);

		append_any(c, &sub, one, type && i < type->n_fields ? type->fields[i].type : NULL,
			depth + 1);
		dbus_free(one);
		i++;
	} while (dbus_signature_iter_next(&inner));
	FUZZ_MUST(dbus_message_iter_close_container(it, &sub));
}

/* One complete type. */
static void append_any(struct fuzz_choices *c, DBusMessageIter *it, const char *signature,
	const struct codec_type *type, int depth)
{
	DBusMessageIter variant;

	switch (signature[0]) {
	case 's':
	case 'o':
	case 'g':
		append_text(c, it, signature[0]);
		break;
	case 'h':
		FUZZ_MUST(dbus_message_iter_append_basic(it, DBUS_TYPE_UNIX_FD, &file_fd));
		break;
	case 'a':
		append_array(c, it, signature + 1, type, depth);
		break;
	case '(':
		append_struct(c, it, signature, type, depth);
		break;
	case 'v':
		FUZZ_MUST(dbus_message_iter_open_container(it, DBUS_TYPE_VARIANT, "s", &variant));
		append_text(c, &variant, 's');
		FUZZ_MUST(dbus_message_iter_close_container(it, &variant));
		break;
	default: /* D-Bus' letters, not ours */
		append_number(c, it, signature[0]);
		break;
	}
}

static void append_arguments(struct fuzz_choices *c, DBusMessage *message, const char *signature,
	const struct codec_type *type)
{
	DBusSignatureIter types;
	DBusMessageIter it;
	unsigned i = 0;

	dbus_message_iter_init_append(message, &it);
	if (!*signature)
		return;
	dbus_signature_iter_init(&types, signature);
	do {
		char *one = dbus_signature_iter_get_signature(&types);

		append_any(
			c, &it, one, type && i < type->n_fields ? type->fields[i].type : NULL, 0);
		dbus_free(one);
		i++;
	} while (dbus_signature_iter_next(&types));
}

/* The same message with other bytes for its arguments; NULL: they are none of this signature. */
static DBusMessage *with_bytes(DBusMessage *message, struct fuzz_choices *c)
{
	uint32_t body_bytes;
	DBusMessage *made;
	size_t header_bytes;
	char *bytes;
	int size;

	FUZZ_MUST(dbus_message_marshal(message, &bytes, &size));
	/* in its fixed part: the size of what follows the header */
	memcpy(&body_bytes, bytes + 4, sizeof(body_bytes));
	header_bytes = (size_t)size - body_bytes;
	bytes = dbus_realloc(bytes, header_bytes + c->size + 1);
	FUZZ_MUST(bytes);
	memcpy(bytes + header_bytes, c->data, c->size);
	body_bytes = (uint32_t)c->size;
	memcpy(bytes + 4, &body_bytes, sizeof(body_bytes));
	made = dbus_message_demarshal(bytes, (int)(header_bytes + c->size), NULL);
	dbus_free(bytes);
	return made;
}

/* ---- calls ---- */

static const struct standard_method {
	const char *interface, *name, *signature;
} standard[] = {
	{ "org.freedesktop.DBus.Properties", "Get", "ss" },
	{ "org.freedesktop.DBus.Properties", "GetAll", "s" },
	{ "org.freedesktop.DBus.Properties", "Set", "ssv" },
	{ "org.freedesktop.DBus.Introspectable", "Introspect", "" },
	{ "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", "" },
	{ "org.freedesktop.DBus.Peer", "Ping", "" },
};
#define N_PROPERTY_METHODS 3 /* the first of them */
static const struct table_interface *const interfaces[] = { &ipc_table_session, &ipc_table_manager,
	&ipc_table_task };
static const char *const nodes[] = { "/org/transferd/Transfer1/session/1",
	"/org/transferd/Transfer1", "/org/transferd/Transfer1/session/1/task/1", IPC_LOG_PATH,
	"/org/transferd/Transfer1/session", "/org/transferd/Transfer1/session/1/task",
	"/org/transferd/Transfer1/session/1/task/2", "/x" };

/* A property of this interface, mostly with a value of its type. */
static void append_property(struct fuzz_choices *c, DBusMessage *message,
	const struct table_interface *table, const char *method)
{
	const struct codec_type *type = table->properties_type;
	const struct codec_field *field = &type->fields[fuzz_byte(c) % type->n_fields];
	const char *signature = fuzz_byte(c) < 248 ? field->signature : "as";
	DBusMessageIter it, variant;

	dbus_message_iter_init_append(message, &it);
	FUZZ_MUST(dbus_message_iter_append_basic(&it, DBUS_TYPE_STRING, &table->name));
	if (!strcmp(method, "GetAll"))
		return;
	FUZZ_MUST(dbus_message_iter_append_basic(&it, DBUS_TYPE_STRING, &field->name));
	if (!strcmp(method, "Get"))
		return;
	FUZZ_MUST(dbus_message_iter_open_container(&it, DBUS_TYPE_VARIANT, signature, &variant));
	append_any(c, &variant, signature, NULL, 1);
	FUZZ_MUST(dbus_message_iter_close_container(&it, &variant));
}

static DBusMessage *make_standard_call(struct fuzz_choices *c, const char *path, unsigned which,
	const struct table_interface *table)
{
	const struct standard_method *m = &standard[which % 6];
	DBusMessage *message = dbus_message_new_method_call(IPC_NAME, path, m->interface, m->name);

	FUZZ_MUST(message);
	if (which % 6 < N_PROPERTY_METHODS && fuzz_byte(c) < 224)
		append_property(c, message, table, m->name);
	else
		append_arguments(c, message, m->signature, NULL);
	return message;
}

static DBusMessage *make_method_call(struct fuzz_choices *c, const char *path, unsigned which,
	const struct table_interface *table, bool is_odd)
{
	const struct table_method *m = &table->methods[which % table->n_methods];
	DBusMessage *message = dbus_message_new_method_call(IPC_NAME, path, m->interface, m->name);
	/* or other arguments than it takes */
	const char *signature = is_odd ? "sas" : m->in_signature;

	FUZZ_MUST(message);
	append_arguments(c, message, signature, is_odd ? NULL : m->in);
	return message;
}

static DBusMessage *make_call(struct fuzz_choices *c)
{
	uint8_t where = fuzz_byte(c), which = fuzz_byte(c);
	const struct table_interface *table = interfaces[where % 4 == 3 ? where % 3 : where % 4];
	const char *path = nodes[where < 200 ? where % 4 : where % 8];
	DBusMessage *message, *raw = NULL;

	if (which >= 200)
		message = make_standard_call(
			c, path, which, where % 4 == 3 ? &ipc_table_log_control1 : table);
	else
		message = make_method_call(c, path, which, table, where % 16 == 15);
	dbus_message_set_serial(message, 1);
	if (which % 8 == 7 && !strchr(dbus_message_get_signature(message), 'h'))
		raw = with_bytes(message, c);
	if (raw) {
		dbus_message_unref(message);
		message = raw;
	}
	FUZZ_MUST(dbus_message_set_sender(message, ":1.1"));
	return message;
}

/* As object.c does when the caller is known. */
static void run_call(DBusMessage *message)
{
	struct ipc_call *call = calloc(1, sizeof(*call));

	FUZZ_MUST(call);
	call->bus = bus->ipc;
	call->message = dbus_message_ref(message);
	call->caller = (struct ipc_caller){ .name = ":1.1", .uid = (uint32_t)geteuid(), .pid = 1 };
	TAILQ_INSERT_TAIL(&bus->ipc->calls, call, link);
	bus->ipc->n_calls++;
	n_asked++;
	object_run_take(call);
}

static void run_turn(struct fuzz_choices *c, unsigned n_calls)
{
	world_pass(&world, TURN_US);
	flow_turn_begin(world.flow, &world.now);
	FUZZ_MUST(engine_dispatch(world.engine, flow_engine_event, world.flow) == 0);
	for (unsigned i = 0; i < n_calls && c->size; i++) {
		DBusMessage *message = make_call(c);

		run_call(message);
		dbus_message_unref(message);
	}
	FUZZ_MUST(flow_turn_end(world.flow) == 0);
	bus_flush(bus);
	bus_tick(bus, world.now.now_us);
}

static void on_created(void *user, int error, const uint64_t *ids, size_t n_ids)
{
	(void)user;
	FUZZ_MUST(!error && n_ids == 1 && ids[0] >= 1);
}

static void make_task(uint64_t not_before_wall_us, bool is_running)
{
	struct flow_request request;
	const struct flow_create create = {
		.session = 1, .requests = &request, .n_requests = 1, .start_running = is_running
	};
	size_t bad;

	flow_request_init(&request);
	request.request.url = "https://example.org/a";
	request.request.not_before_wall_us = not_before_wall_us;
	FUZZ_MUST(flow_tasks_create(world.flow, &create, on_created, NULL, &bad) == 0);
}

/* Session 1 with the suspended task 1, and task 2, of which a client that has attached by then is asked. */
static void make_something(void)
{
	struct flow_open open = { .uid = geteuid(),
		.app_id = "org.example.App",
		.identifier = "main",
		.kind = TRANSFER_SESSION_BACKGROUND };
	struct flow_opened opened;

	session_config_init(&open.config);
	flow_turn_begin(world.flow, &world.now);
	FUZZ_MUST(flow_session_open(world.flow, &open, &opened) == 0 && opened.session == 1);
	make_task(0, false);
	make_task(world.now.wall_us + 2 * TURN_US, true);
	FUZZ_MUST(flow_turn_end(world.flow) == 0);
}

static void begin(void)
{
	static const struct bus_config config = { .kind = IPC_BUS_ADDRESS };

	if (!world.store) {
		world_init(&world);
		world_open(&world, NULL);
		file_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	}
	world_empty(&world);
	FUZZ_MUST(bus_new(&config, &bus) == 0);
	bus->spool_dir = world.spool_dir;
	FUZZ_MUST(world_start(&world, bus_observer(), bus) == 0);
	bus_set_flow(bus, world.flow);
	FUZZ_MUST(bus_start(bus) == 0);
	make_something();
	n_replies = n_asked = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_choices c = { data, size };
	enum log_level level;

	begin();
	level = log_get_level();
	for (unsigned i = 0; i < CALLS_MAX && c.size; i++) {
		run_turn(&c, 1 + i % 2);
		if (i % 2)
			world_report(&world, fuzz_byte(&c));
	}
	/* an answer that waits for a file to be copied */
	for (unsigned i = 0; i < 4; i++) {
		world_report(&world, 0);
		FUZZ_MUST(world_settle(&world) == 0);
	}
	FUZZ_MUST(n_replies == n_asked);
	log_set_level(level);
	world_stop(&world);
	bus = bus_free(bus);
	return 0;
}
