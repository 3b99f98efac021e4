/* SPDX-License-Identifier: MIT */
/*
 * Who this program is to servers, in memory. A store is one list: there are few credentials, and they are looked for only when a
 * server asks. What is allocated, given back or called is so without the lock, but for the copies of a visit.
 *
 * A server may name as many realms as it likes: what tasks have kept makes room, the least recently used first, for what others
 * keep and for what the program sets, which stays.
 */
#include "client-lib/credential-store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <transfer/configuration-store.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "client-lib/configuration.h"
#include "client-lib/fork.h"
#include "client-lib/ref.h"
#include "client-lib/session.h"

/* What tasks may keep for one host. */
#define KEPT_PER_HOST_MAX 16
/* Removals whose space is remembered; what is older counts as one of all. */
#define REMOVALS_KNOWN    32

/* references */
struct entry {
	TAILQ_ENTRY(entry) link;
	transfer_protection_space *space;
	transfer_credential *credential;
	bool is_default;
	bool is_kept; /* by a task, and not set by the program */
	uint64_t used; /* the highest was used last */
};

TAILQ_HEAD(entries, entry);

struct watcher {
	struct ref ref; /* of the store, and of each call */
	transfer_credential_observer observer;
	void *userdata;
	transfer_destroy destroy;
};

/* ---- under lock ---- */
struct transfer_credential_store {
	struct ref ref;
	struct entries entries;
	size_t n_entries;
	uint64_t n_removals, n_uses;
	transfer_protection_space
		*removed[REMOVALS_KNOWN]; /* ring of the last ones; NULL: all spaces */
	struct watcher *watchers[TRANSFER_CREDENTIAL_OBSERVERS_MAX];
	size_t n_watchers;
	char *name; /* NULL: of an ephemeral session; constant */
	SLIST_ENTRY(transfer_credential_store) link; /* of a named one */
};

static SLIST_HEAD(, transfer_credential_store) named = SLIST_HEAD_INITIALIZER(named);

/* ---- parts ---- */

static void entry_free(struct entry *entry)
{
	if (!entry)
		return;
	transfer_protection_space_unref(entry->space);
	transfer_credential_unref(entry->credential);
	free(entry);
}

static struct entry *entry_new(
	const transfer_protection_space *space, const transfer_credential *credential)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->space = transfer_protection_space_ref(space);
	entry->credential = transfer_credential_ref(credential);
	return entry;
}

static void entries_free(struct entries *entries)
{
	struct entry *entry;

	while ((entry = TAILQ_FIRST(entries))) {
		TAILQ_REMOVE(entries, entry, link);
		entry_free(entry);
	}
}

static void watcher_put(struct watcher *watcher)
{
	if (!ref_put(&watcher->ref))
		return;
	if (watcher->destroy)
		watcher->destroy(watcher->userdata);
	free(watcher);
}

bool credential_store_is_same(const transfer_credential *a, const transfer_credential *b)
{
	return !strcmp(transfer_credential_get_user(a), transfer_credential_get_user(b)) &&
		!strcmp(transfer_credential_get_password(a), transfer_credential_get_password(b));
}

/* ---- stores ---- */

static void store_free(transfer_credential_store *store)
{
	entries_free(&store->entries);
	for (size_t i = 0; i < REMOVALS_KNOWN; i++)
		transfer_protection_space_unref(store->removed[i]);
	for (size_t i = 0; i < store->n_watchers; i++)
		watcher_put(store->watchers[i]);
	free(store->name);
	free(store);
}

REF_DEFINE(transfer_credential_store, store_free)

/* name: NULL for one without. NULL: out of memory. */
static transfer_credential_store *store_new(const char *name)
{
	transfer_credential_store *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	ref_init(&store->ref);
	TAILQ_INIT(&store->entries);
	store->name = name ? strdup(name) : NULL;
	if (!name || store->name)
		return store;
	store_free(store);
	return NULL;
}

/* With the lock held. */
static transfer_credential_store *find_named(const char *name)
{
	transfer_credential_store *store;

	SLIST_FOREACH (store, &named, link) {
		if (!strcmp(store->name, name))
			return store;
	}
	return NULL;
}

transfer_credential_store *transfer_credential_store_get(const char *name)
{
	transfer_credential_store *store, *extra;

	if (!name || !*name || strlen(name) > CONFIGURATION_NAME_MAX_BYTES || !utf8_is_valid(name))
		return NULL;
	fork_lock();
	store = find_named(name);
	fork_unlock();
	if (store)
		return store;
	extra = store_new(name);
	if (!extra)
		return NULL;
	fork_lock();
	store = find_named(name);
	if (!store) {
		store = take_ptr(extra);
		SLIST_INSERT_HEAD(&named, store, link);
	}
	fork_unlock();
	transfer_credential_store_unref(extra); /* another thread was first */
	return store;
}

int credential_store_open(const transfer_config *config, transfer_credential_store **ret_store)
{
	const char *name = transfer_config_get_credential_store(config);

	*ret_store = NULL;
	if (!name)
		return 0;
	*ret_store = *name ? transfer_credential_store_ref(transfer_credential_store_get(name))
			   : store_new(NULL);
	return *ret_store ? 0 : -ENOMEM;
}

/* ---- telling ---- */

static void tell(transfer_credential_store *store)
{
	struct watcher *watchers[TRANSFER_CREDENTIAL_OBSERVERS_MAX];
	size_t n;

	fork_lock();
	n = store->n_watchers;
	for (size_t i = 0; i < n; i++) {
		watchers[i] = store->watchers[i];
		ref_get(&watchers[i]->ref);
	}
	fork_unlock();
	transfer_credential_store_ref(store); /* an observer may drop the session that has it */
	for (size_t i = 0; i < n; i++) {
		watchers[i]->observer(store, watchers[i]->userdata);
		watcher_put(watchers[i]);
	}
	transfer_credential_store_unref(store);
}

int transfer_credential_store_observe(transfer_credential_store *store,
	transfer_credential_observer observer, void *userdata, transfer_destroy destroy)
{
	struct watcher *watcher = calloc(1, sizeof(*watcher));
	int r = 0;

	if (!watcher)
		return -ENOMEM;
	ref_init(&watcher->ref);
	watcher->observer = observer;
	watcher->userdata = userdata;
	watcher->destroy = destroy;
	fork_lock();
	if (store->n_watchers < TRANSFER_CREDENTIAL_OBSERVERS_MAX)
		store->watchers[store->n_watchers++] = watcher;
	else
		r = -ENOSPC;
	fork_unlock();
	if (r)
		free(watcher);
	return r;
}

/* With the lock held: the store's reference; NULL: there is none. */
static struct watcher *take_watcher(transfer_credential_store *store,
	transfer_credential_observer observer, const void *userdata)
{
	struct watcher *watcher;

	for (size_t i = 0; i < store->n_watchers; i++) {
		watcher = store->watchers[i];
		if (watcher->observer != observer || watcher->userdata != userdata)
			continue;
		store->n_watchers--;
		memmove(&store->watchers[i], &store->watchers[i + 1],
			(store->n_watchers - i) * sizeof(struct watcher *));
		return watcher;
	}
	return NULL;
}

void transfer_credential_store_unobserve(
	transfer_credential_store *store, transfer_credential_observer observer, void *userdata)
{
	struct watcher *watcher;

	fork_lock();
	watcher = take_watcher(store, observer, userdata);
	fork_unlock();
	if (watcher)
		watcher_put(watcher);
}

/* ---- changing ---- */

/* The next of this space after an entry, NULL: the first. With the lock held. */
static struct entry *next_of(const transfer_credential_store *store,
	const transfer_protection_space *space, const struct entry *after)
{
	struct entry *entry = after ? TAILQ_NEXT(after, link) : TAILQ_FIRST(&store->entries);

	while (entry && !transfer_protection_space_is_equal(entry->space, space))
		entry = TAILQ_NEXT(entry, link);
	return entry;
}

static struct entry *find_user(const transfer_credential_store *store,
	const transfer_protection_space *space, const char *user)
{
	struct entry *entry = next_of(store, space, NULL);

	while (entry && strcmp(transfer_credential_get_user(entry->credential), user) != 0)
		entry = next_of(store, space, entry);
	return entry;
}

static void make_default(const transfer_credential_store *store, struct entry *chosen)
{
	for (struct entry *entry = next_of(store, chosen->space, NULL); entry;
		entry = next_of(store, chosen->space, entry))
		entry->is_default = entry == chosen;
}

/* True: an equal one is there. Else new takes its place, and is what was there. */
static bool replace(struct entry *old, struct entry *new)
{
	transfer_credential *was = old->credential;

	if (credential_store_is_same(was, new->credential) &&
		transfer_credential_get_persistence(was) ==
			transfer_credential_get_persistence(new->credential))
		return true;
	old->credential = new->credential;
	new->credential = was;
	return false;
}

/* The least recently used of those that tasks have kept for a host, NULL: for all. NULL: there is none. */
static struct entry *find_oldest(
	const transfer_credential_store *store, const char *host, size_t *ret_n)
{
	struct entry *entry, *oldest = NULL;

	*ret_n = 0;
	TAILQ_FOREACH (entry, &store->entries, link) {
		if (!entry->is_kept ||
			(host && strcmp(transfer_protection_space_get_host(entry->space), host)))
			continue;
		++*ret_n;
		if (!oldest || entry->used < oldest->used)
			oldest = entry;
	}
	return oldest;
}

static void take_out(transfer_credential_store *store, struct entry *entry)
{
	TAILQ_REMOVE(&store->entries, entry, link);
	store->n_entries--;
}

/* With the lock held: room for one more. *ret_gone: what had to go for it, NULL: nothing. */
static int make_room(
	transfer_credential_store *store, const struct entry *new, struct entry **ret_gone)
{
	struct entry *oldest = NULL;
	size_t n = 0;

	if (new->is_kept)
		oldest = find_oldest(store, transfer_protection_space_get_host(new->space), &n);
	if (n < KEPT_PER_HOST_MAX) {
		if (store->n_entries < TRANSFER_CREDENTIALS_MAX)
			return 0;
		oldest = find_oldest(store, NULL, &n);
	}
	if (!oldest)
		return -ENOSPC;
	take_out(store, oldest);
	*ret_gone = oldest;
	return 0;
}

/*
 * With the lock held. *entry: taken when it is NULL then, else to be given back, as is *ret_gone. 0, -ENOSPC or -EALREADY: nothing
 * changes.
 */
static int put(transfer_credential_store *store, struct entry **entry, struct entry **ret_gone)
{
	struct entry *new = *entry;
	struct entry *old = find_user(
		store, new->space, transfer_credential_get_user(new->credential));
	bool is_default = new->is_default;
	int r = old ? 0 : make_room(store, new, ret_gone);

	if (r)
		return r;
	new->used = ++store->n_uses;
	if (old) {
		old->used = new->used;
		old->is_kept = old->is_kept && new->is_kept;
		if (replace(old, new) && (old->is_default || !is_default))
			return -EALREADY;
		new = old;
	} else {
		is_default = is_default || !next_of(store, new->space, NULL);
		TAILQ_INSERT_TAIL(&store->entries, new, link);
		store->n_entries++;
		*entry = NULL;
	}
	if (is_default)
		make_default(store, new);
	return 0;
}

/* entry: taken, NULL: out of memory. */
static int put_take(transfer_credential_store *store, struct entry *entry)
{
	struct entry *gone = NULL;
	int r;

	if (!entry)
		return -ENOMEM;
	fork_lock();
	r = put(store, &entry, &gone);
	fork_unlock();
	entry_free(entry);
	entry_free(gone);
	if (!r)
		tell(store);
	return r == -EALREADY ? 0 : r;
}

int transfer_credential_store_set(transfer_credential_store *store,
	const transfer_protection_space *space, const transfer_credential *credential)
{
	if (transfer_credential_get_persistence(credential) == TRANSFER_PERSIST_NONE)
		return 0;
	return put_take(store, entry_new(space, credential));
}

int transfer_credential_store_set_default(transfer_credential_store *store,
	const transfer_protection_space *space, const transfer_credential *credential)
{
	struct entry *entry;

	if (transfer_credential_get_persistence(credential) == TRANSFER_PERSIST_NONE)
		return 0;
	entry = entry_new(space, credential);
	if (entry)
		entry->is_default = true;
	return put_take(store, entry);
}

/* With the lock held. space: a reference that is taken, NULL: all. One to be given back. */
static transfer_protection_space *note_removal_take(
	transfer_credential_store *store, transfer_protection_space *space)
{
	transfer_protection_space **slot = &store->removed[store->n_removals++ % REMOVALS_KNOWN],
				  *before = *slot;

	*slot = space;
	return before;
}

/* With the lock held: since there had been n_before of them. */
static bool was_removed(const transfer_credential_store *store,
	const transfer_protection_space *space, uint64_t n_before)
{
	if (store->n_removals - n_before > REMOVALS_KNOWN)
		return true;
	for (uint64_t i = n_before; i < store->n_removals; i++) {
		const transfer_protection_space *removed = store->removed[i % REMOVALS_KNOWN];

		if (!removed || transfer_protection_space_is_equal(removed, space))
			return true;
	}
	return false;
}

void transfer_credential_store_remove(transfer_credential_store *store,
	const transfer_protection_space *space, const transfer_credential *credential)
{
	transfer_protection_space *noted = transfer_protection_space_ref(space);
	struct entry *entry;

	fork_lock();
	noted = note_removal_take(store, noted);
	entry = find_user(store, space, transfer_credential_get_user(credential));
	if (entry && !credential_store_is_same(entry->credential, credential))
		entry = NULL;
	if (entry)
		take_out(store, entry);
	fork_unlock();
	transfer_protection_space_unref(noted);
	if (!entry)
		return;
	entry_free(entry);
	tell(store);
}

void credential_store_clear(transfer_credential_store *store)
{
	struct entries entries = TAILQ_HEAD_INITIALIZER(entries);
	transfer_protection_space *noted;
	size_t n;

	fork_lock();
	n = store->n_entries;
	store->n_entries = 0;
	noted = note_removal_take(store, NULL);
	TAILQ_CONCAT(&entries, &store->entries, link);
	fork_unlock();
	transfer_protection_space_unref(noted);
	entries_free(&entries);
	if (n)
		tell(store);
}

void credential_store_leave(transfer_credential_store *store)
{
	if (store && !store->name)
		credential_store_clear(store);
}

uint64_t credential_store_n_removals(const transfer_credential_store *store)
{
	uint64_t n;

	fork_lock();
	n = store->n_removals;
	fork_unlock();
	return n;
}

static struct entry *find_default(
	const transfer_credential_store *store, const transfer_protection_space *space)
{
	struct entry *entry = next_of(store, space, NULL);

	while (entry && !entry->is_default)
		entry = next_of(store, space, entry);
	return entry;
}

void credential_store_accept(transfer_credential_store *store, const struct accepted *accepted)
{
	struct entry *entry = entry_new(accepted->space, accepted->credential), *gone = NULL;
	const struct entry *current;
	int r = -ESTALE;

	if (!entry)
		return;
	entry->is_kept = true;
	fork_lock();
	current = find_default(store, accepted->space);
	entry->is_default = !current ||
		(accepted->refused &&
			credential_store_is_same(current->credential, accepted->refused));
	if (!was_removed(store, accepted->space, accepted->n_removals))
		r = put(store, &entry, &gone);
	fork_unlock();
	entry_free(entry);
	entry_free(gone);
	if (!r)
		tell(store);
}

void credential_store_note_use(transfer_credential_store *store,
	const transfer_protection_space *space, const transfer_credential *credential)
{
	struct entry *entry;

	fork_lock();
	entry = find_user(store, space, transfer_credential_get_user(credential));
	if (entry)
		entry->used = ++store->n_uses;
	fork_unlock();
}

/* ---- looking ---- */

transfer_credential *transfer_credential_store_copy_default(
	const transfer_credential_store *store, const transfer_protection_space *space)
{
	transfer_credential *credential;
	const struct entry *entry;

	fork_lock();
	entry = find_default(store, space);
	credential = entry ? transfer_credential_ref(entry->credential) : NULL;
	fork_unlock();
	return credential;
}

/* With the lock held. -ENOMEM: some are missing. */
static int copy_entries(const transfer_credential_store *store,
	const transfer_protection_space *space, struct entries *ret_copies)
{
	const struct entry *entry;

	TAILQ_FOREACH (entry, &store->entries, link) {
		struct entry *copy;

		if (space && !transfer_protection_space_is_equal(entry->space, space))
			continue;
		copy = entry_new(entry->space, entry->credential);
		if (!copy)
			return -ENOMEM;
		copy->is_default = entry->is_default;
		TAILQ_INSERT_TAIL(ret_copies, copy, link);
	}
	return 0;
}

int transfer_credential_store_foreach(const transfer_credential_store *store,
	const transfer_protection_space *space, transfer_credential_visitor each, void *userdata)
{
	struct entries copies = TAILQ_HEAD_INITIALIZER(copies);
	const struct entry *entry;
	int r;

	fork_lock();
	r = copy_entries(store, space, &copies);
	fork_unlock();
	for (entry = TAILQ_FIRST(&copies); !r && entry; entry = TAILQ_NEXT(entry, link))
		r = each(entry->space, entry->credential, entry->is_default, userdata);
	entries_free(&copies);
	return r;
}

transfer_credential_store *transfer_session_get_credential_store(const transfer_session *session)
{
	return session->credentials;
}
