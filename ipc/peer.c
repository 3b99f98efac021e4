/* SPDX-License-Identifier: MIT */
/*
 * Who a caller is. The bus knows its uid, pid and security label; it is asked once per unique name, without blocking, and
 * the answer is kept until the name leaves the bus. Until it is known the caller's calls wait, in order; then they
 * are handled as if they came then, some in each turn.
 * The match rule is added before the question, so a caller that leaves in between is noticed either way: the bus tells of that
 * before it says that it does not know the name. Its calls are then dropped, all of them, as if they had not come. Once the bus
 * has said who it is, all of them are run: they are late for as long as they wait, and no message is looked at meanwhile.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "ipc/inner.h"

/* A message bus allows 512 match rules; each peer needs one. */
#define MAX_PEERS   448
#define MAX_WAITING 256
#define N_BUCKETS   64
#define RULE_BYTES  256

struct peer {
	LIST_ENTRY(peer) link, late_link;
	struct peers *peers;
	struct ipc_caller who; /* name and label are ours */
	bool is_known;
	bool is_late; /* known, and calls wait for the next turn */
	DBusPendingCall *asking;
	struct ipc_calls waiting;
	unsigned n_waiting;
};
LIST_HEAD(peer_bucket, peer);

struct peers {
	struct ipc_bus *bus;
	struct peer_bucket buckets[N_BUCKETS];
	struct peer_bucket late;
	unsigned n;
};

static struct peer_bucket *bucket_of(struct peers *peers, const char *name)
{
	uint32_t h = 5381;

	while (*name)
		h = h * 33 + (unsigned char)*name++;
	return &peers->buckets[h % N_BUCKETS];
}

static struct peer *find(struct peers *peers, const char *name)
{
	struct peer *p;

	LIST_FOREACH (p, bucket_of(peers, name), link) {
		if (strcmp(p->who.name, name) == 0)
			return p;
	}
	return NULL;
}

static void match(struct peer *p, void (*change)(struct ipc_bus *bus, const char *rule))
{
	char rule[RULE_BYTES + DBUS_MAXIMUM_NAME_LENGTH];

	snprintf(rule, sizeof(rule),
		"type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
		"member='NameOwnerChanged',arg0='%s'",
		p->who.name);
	change(p->peers->bus, rule);
}

static void peer_free(struct peer *p)
{
	struct ipc_call *call;

	if (p->asking) {
		dbus_pending_call_cancel(p->asking);
		dbus_pending_call_unref(p->asking);
	}
	while ((call = TAILQ_FIRST(&p->waiting))) {
		TAILQ_REMOVE(&p->waiting, call, link);
		TAILQ_INSERT_TAIL(&call->bus->calls, call, link);
		call_free(call);
	}
	match(p, bus_remove_match);
	LIST_REMOVE(p, link);
	if (p->is_late)
		LIST_REMOVE(p, late_link);
	p->peers->n--;
	free((char *)p->who.security_label);
	free((char *)p->who.name);
	free(p);
}

int peers_new(struct ipc_bus *bus, struct peers **ret_peers)
{
	struct peers *peers = calloc(1, sizeof(*peers));

	if (!peers)
		return err_raise(-ENOMEM);
	peers->bus = bus;
	for (unsigned i = 0; i < N_BUCKETS; i++)
		LIST_INIT(&peers->buckets[i]);
	LIST_INIT(&peers->late);
	*ret_peers = peers;
	return 0;
}

void peers_free(struct peers *peers)
{
	if (!peers)
		return;
	for (unsigned i = 0; i < N_BUCKETS; i++) {
		while (!LIST_EMPTY(&peers->buckets[i]))
			peer_free(LIST_FIRST(&peers->buckets[i]));
	}
	free(peers);
}

bool peers_drop(struct peers *peers, const char *name)
{
	struct peer *p = find(peers, name);

	if (!p)
		return false;
	assert(!p->is_late);
	peer_free(p);
	return true;
}

/* ---- credentials ---- */

static int copy_label(struct wire_iter *value, const char **ret_label)
{
	const void *bytes = NULL;
	size_t n;
	char *label;
	int r = wire_has_signature(value, "ay");

	if (r <= 0)
		return r;
	wire_get_fixed(value, &bytes, &n);
	if (!n)
		return 0;
	label = strndup(bytes, n);
	if (!label)
		return -ENOMEM;
	free((char *)*ret_label);
	*ret_label = label;
	return 0;
}

static int read_credentials(DBusMessage *reply, struct ipc_caller *who)
{
	struct wire_iter it, dict, entry, value;
	bool has_uid = false;
	int r = 0;

	if (!dbus_message_has_signature(reply, "a{sv}"))
		return -EBADMSG;
	wire_begin_read(reply, &it);
	wire_recurse(&it, &dict);
	for (; wire_type(&dict) == DBUS_TYPE_DICT_ENTRY && !r; wire_next(&dict)) {
		const char *key;

		wire_recurse(&dict, &entry);
		key = wire_get_string(&entry);
		wire_next(&entry);
		wire_recurse(&entry, &value);
		if (strcmp(key, "UnixUserID") == 0 && wire_type(&value) == DBUS_TYPE_UINT32) {
			wire_get(&value, &who->uid);
			has_uid = true;
		} else if (strcmp(key, "ProcessID") == 0 && wire_type(&value) == DBUS_TYPE_UINT32) {
			wire_get(&value, &who->pid);
		} else if (strcmp(key, "LinuxSecurityLabel") == 0) {
			r = copy_label(&value, &who->security_label);
		}
	}
	if (r)
		return r;
	return has_uid ? 0 : -EBADMSG;
}

static int set_caller(struct ipc_call *call, const struct ipc_caller *who)
{
	call->caller = *who;
	call->caller.name = dbus_message_get_sender(call->message);
	if (!who->security_label)
		return 0;
	call->caller.security_label = arena_strdup(&call->arena, who->security_label);
	return call->caller.security_label ? 0 : -ENOMEM;
}

static void run_take(struct ipc_call *call, const struct ipc_caller *who)
{
	int r = set_caller(call, who);

	if (r)
		call_end(call, r);
	else
		object_run_take(call);
}

static struct ipc_call *take_waiting(struct peer *p)
{
	struct ipc_call *call = TAILQ_FIRST(&p->waiting);

	if (!call)
		return NULL;
	TAILQ_REMOVE(&p->waiting, call, link);
	p->n_waiting--;
	TAILQ_INSERT_TAIL(&call->bus->calls, call, link);
	return call;
}

/* As many as have their turn. */
static void run_late(struct peer *p)
{
	while (p->peers->bus->n_turn > 0 && !TAILQ_EMPTY(&p->waiting)) {
		p->peers->bus->n_turn--;
		run_take(take_waiting(p), &p->who);
	}
	p->is_late = !TAILQ_EMPTY(&p->waiting);
	if (!p->is_late)
		LIST_REMOVE(p, late_link);
}

static void on_credentials(DBusPendingCall *pending, void *user)
{
	struct peer *p = user;
	DBusMessage *reply = dbus_pending_call_steal_reply(pending);
	struct ipc_call *call;
	int r = -EBADMSG;

	dbus_pending_call_unref(p->asking);
	p->asking = NULL;
	if (reply) {
		if (dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_METHOD_RETURN)
			r = read_credentials(reply, &p->who);
		dbus_message_unref(reply);
	}
	p->is_known = r == 0;
	p->is_late = p->is_known;
	if (p->is_late) {
		LIST_INSERT_HEAD(&p->peers->late, p, late_link);
		run_late(p);
		return;
	}
	while ((call = take_waiting(p)))
		call_end(call, IPC_E_ACCESS_DENIED);
	peer_free(p);
}

void peers_run_late(struct peers *peers)
{
	while (peers->bus->n_turn > 0 && !LIST_EMPTY(&peers->late))
		run_late(LIST_FIRST(&peers->late));
}

bool peers_are_late(const struct peers *peers)
{
	return !LIST_EMPTY(&peers->late);
}

static int ask(struct peer *p)
{
	DBusConnection *connection = p->peers->bus->connection;
	DBusMessage *message = dbus_message_new_method_call(
		DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "GetConnectionCredentials");
	int r = -ENOMEM;

	if (!message)
		return r;
	if (dbus_message_append_args(message, DBUS_TYPE_STRING, &p->who.name, DBUS_TYPE_INVALID) &&
		dbus_connection_send_with_reply(
			connection, message, &p->asking, DBUS_TIMEOUT_USE_DEFAULT))
		r = p->asking ? 0 : -ENOTCONN;
	dbus_message_unref(message);
	if (!r && !dbus_pending_call_set_notify(p->asking, on_credentials, p, NULL))
		r = -ENOMEM;
	return r;
}

static int add(struct peers *peers, const char *name, struct peer **ret_peer)
{
	struct peer *p;
	int r;

	if (peers->n >= MAX_PEERS)
		return IPC_E_LIMITS_EXCEEDED;
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_raise(-ENOMEM);
	p->who.name = strdup(name);
	if (!p->who.name) {
		free(p);
		return err_raise(-ENOMEM);
	}
	p->peers = peers;
	TAILQ_INIT(&p->waiting);
	LIST_INSERT_HEAD(bucket_of(peers, name), p, link);
	peers->n++;
	match(p, bus_add_match);
	r = ask(p);
	if (r) {
		peer_free(p);
		return r;
	}
	*ret_peer = p;
	return 0;
}

void peers_submit_take(struct peers *peers, struct ipc_call *call)
{
	const char *name = dbus_message_get_sender(call->message);
	struct peer *p = find(peers, name);
	int r = 0;

	if (!p)
		r = add(peers, name, &p);
	else if (p->n_waiting >= MAX_WAITING)
		r = IPC_E_LIMITS_EXCEEDED;
	if (r) {
		call_end(call, r);
		return;
	}
	if (p->is_known && !p->is_late) {
		run_take(call, &p->who);
		return;
	}
	TAILQ_REMOVE(&call->bus->calls, call, link);
	TAILQ_INSERT_TAIL(&p->waiting, call, link);
	p->n_waiting++;
}
