/* SPDX-License-Identifier: MIT */
/*
 * Who a caller is. The bus knows its uid, pid and security label; it is asked once per unique name, without blocking, and
 * the answer is kept until the name leaves the bus. Until it is known the caller's calls wait, in order; then they
 * are handled as if they came then, some in each turn.
 * The match rule is added before the question, so a caller that leaves in between is noticed either way: the bus tells of that
 * before it says that it does not know the name. Its calls are then dropped, all of them, as if they had not come. Once the bus
 * has said who it is, all of them are run: they are late for as long as they wait, and no message is looked at meanwhile.
 * A call whose handler cannot go on yet is held here, too, with the later ones of its caller to the same session behind it; those
 * are dropped when it leaves. When it goes on they are late: before another message is looked at, all of them have run.
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
#define MAX_PEERS           448
#define MAX_WAITING         256
#define N_BUCKETS           64
/* Messages of calls that are held: libdbus stops reading for everybody when all that is not handled is 64 MiB. */
#define HELD_BYTES_PER_PEER (8u << 20)
#define HELD_BYTES_MAX      (32u << 20)
#define SMALL_BYTES         (4u << 10) /* a verb: it may wait behind what fills the room of its peer */
/* Descriptors of such messages: libdbus stops reading at 4096 of them. */
#define HELD_FILES_PER_PEER 256
#define HELD_FILES_MAX      1024
#define RULE_BYTES          256

struct peer {
	LIST_ENTRY(peer) link, late_link;
	struct peers *peers;
	struct ipc_caller who; /* name and label are ours */
	bool is_known;
	bool is_late; /* known, and calls wait for the next turn */
	DBusPendingCall *asking;
	struct ipc_calls waiting;
	unsigned n_waiting; /* there, held and behind those */
	struct call_load held;
};
LIST_HEAD(peer_bucket, peer);

/* One of a peer to a session. */
struct hold {
	LIST_ENTRY(hold) link;
	struct peer *peer;
	uint64_t session, ticket;
	struct ipc_calls calls; /* the first is held, the others wait behind it */
};
LIST_HEAD(holds, hold);

struct peers {
	struct ipc_bus *bus;
	struct peer_bucket buckets[N_BUCKETS];
	struct peer_bucket late;
	struct holds holds;
	struct call_load held;
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

/* ---- calls that are kept ---- */

static void keep_take(struct peer *p, struct ipc_calls *calls, struct ipc_call *call)
{
	TAILQ_REMOVE(&call->bus->calls, call, link);
	TAILQ_INSERT_TAIL(calls, call, link);
	p->n_waiting++;
}

static void exchange(struct call_load *sum, struct call_load out, struct call_load in)
{
	sum->bytes += in.bytes - out.bytes;
	sum->files += in.files - out.files;
}

static void note_held(struct peer *p, struct ipc_call *call, struct call_load load)
{
	exchange(&p->held, call->held, load);
	exchange(&p->peers->held, call->held, load);
	call->held = load;
}

static struct ipc_call *take_first(struct peer *p, struct ipc_calls *calls)
{
	struct ipc_call *call = TAILQ_FIRST(calls);

	if (!call)
		return NULL;
	TAILQ_REMOVE(calls, call, link);
	p->n_waiting--;
	TAILQ_INSERT_TAIL(&call->bus->calls, call, link);
	note_held(p, call, (struct call_load){ 0 });
	return call;
}

static void drop_all(struct peer *p, struct ipc_calls *calls)
{
	struct ipc_call *call;

	while ((call = take_first(p, calls)))
		call_free(call);
}

static void drop_holds(struct peer *p)
{
	struct hold *h, *next;

	for (h = LIST_FIRST(&p->peers->holds); h; h = next) {
		next = LIST_NEXT(h, link);
		if (h->peer != p)
			continue;
		LIST_REMOVE(h, link);
		drop_all(p, &h->calls);
		free(h);
	}
}

static void peer_free(struct peer *p)
{
	if (p->asking) {
		dbus_pending_call_cancel(p->asking);
		dbus_pending_call_unref(p->asking);
	}
	drop_holds(p);
	drop_all(p, &p->waiting);
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
	LIST_INIT(&peers->holds);
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

/* What waits for no session, as the opening of one, holds up nothing: who opens one names it when it has the reply. */
static struct hold *find_hold(const struct peer *p, uint64_t session)
{
	struct hold *h;

	if (!session)
		return NULL;
	LIST_FOREACH (h, &p->peers->holds, link)
		if (h->peer == p && h->session == session)
			return h;
	return NULL;
}

static struct hold *find_hold_before(const struct peer *p, const struct ipc_call *call)
{
	struct ipc_path path;

	if (LIST_EMPTY(&p->peers->holds))
		return NULL;
	(void)object_node(dbus_message_get_path(call->message), &path);
	return find_hold(p, path.session);
}

static struct call_load load_of(const struct ipc_call *call)
{
	struct call_load load = { HELD_BYTES_MAX,
		dbus_message_contains_unix_fds(call->message) ? IPC_MAX_FDS : 0 };
	char *bytes;
	int n;

	if (!dbus_message_marshal(call->message, &bytes, &n))
		return load;
	dbus_free(bytes);
	load.bytes = (size_t)n > call->file_bytes ? (size_t)n : call->file_bytes;
	return load;
}

static bool has_room(const struct peer *p)
{
	return p->n_waiting < MAX_WAITING;
}

/* Their number is bounded by who hands out tickets. */
static bool may_hold(const struct peer *p, struct call_load load)
{
	return p->peers->held.bytes + load.bytes <= HELD_BYTES_MAX &&
		p->held.files + load.files <= HELD_FILES_PER_PEER &&
		p->peers->held.files + load.files <= HELD_FILES_MAX;
}

static void wait_behind_take(struct hold *h, struct ipc_call *call)
{
	struct call_load load = load_of(call);

	if (!has_room(h->peer) || !may_hold(h->peer, load) ||
		(load.bytes > SMALL_BYTES &&
			h->peer->held.bytes + load.bytes > HELD_BYTES_PER_PEER)) {
		call_end(call, IPC_E_LIMITS_EXCEEDED);
		return;
	}
	keep_take(h->peer, &h->calls, call);
	note_held(h->peer, call, load);
}

static void run_take(struct peer *p, struct ipc_call *call)
{
	struct hold *h = find_hold_before(p, call);
	int r;

	if (h) {
		wait_behind_take(h, call);
		return;
	}
	r = set_caller(call, &p->who);
	if (r)
		call_end(call, r);
	else
		object_run_take(call);
}

int peers_hold(struct peers *peers, struct ipc_call *call, uint64_t ticket)
{
	struct peer *p = find(peers, call->caller.name);
	struct call_load load = load_of(call);
	struct hold *h;

	if (!p || !may_hold(p, load))
		return ipc_call_error(call, IPC_E_BUSY, "too many calls wait for a file system");
	h = calloc(1, sizeof(*h));
	if (!h)
		return err_raise(-ENOMEM);
	h->peer = p;
	h->session = call->path.session;
	h->ticket = ticket;
	TAILQ_INIT(&h->calls);
	keep_take(p, &h->calls, call);
	note_held(p, call, load);
	LIST_INSERT_HEAD(&peers->holds, h, link);
	return IPC_DEFERRED;
}

/* Before those that came later. */
static void give_back(struct peer *p, struct ipc_calls *calls)
{
	TAILQ_CONCAT(calls, &p->waiting, link);
	TAILQ_CONCAT(&p->waiting, calls, link);
	if (p->is_late || TAILQ_EMPTY(&p->waiting))
		return;
	p->is_late = true;
	LIST_INSERT_HEAD(&p->peers->late, p, late_link);
}

bool peers_go_on(struct peers *peers, uint64_t ticket)
{
	struct hold *h, *again;
	struct peer *p;

	LIST_FOREACH (h, &peers->holds, link)
		if (h->ticket == ticket)
			break;
	if (!h)
		return false;
	p = h->peer;
	LIST_REMOVE(h, link);
	object_run_again_take(take_first(p, &h->calls));
	again = find_hold(p, h->session);
	if (again)
		TAILQ_CONCAT(&again->calls, &h->calls, link);
	else
		give_back(p, &h->calls);
	free(h);
	return true;
}

/* As many as have their turn. */
static void run_late(struct peer *p)
{
	while (p->peers->bus->n_turn > 0 && !TAILQ_EMPTY(&p->waiting)) {
		p->peers->bus->n_turn--;
		run_take(p, take_first(p, &p->waiting));
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
	while ((call = take_first(p, &p->waiting)))
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
	if (r)
		call_end(call, r);
	else if (p->is_known && !p->is_late)
		run_take(p, call); /* only what waits needs room */
	else if (!has_room(p))
		call_end(call, IPC_E_LIMITS_EXCEEDED);
	else
		keep_take(p, &p->waiting, call);
}
