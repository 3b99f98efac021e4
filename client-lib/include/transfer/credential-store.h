/* SPDX-License-Identifier: MIT */
/*
 * Users and passwords that are kept, by protection space, for sessions that are not background ones.
 *
 * A store has for each space a list of credentials, one per user, and at most one of them is the default: what a task says
 * when the space asks (transfer_challenge_default()), once, and what its delegate is proposed. The first credential
 * of a space is its default until another one is made it; the default that is removed leaves none.
 *
 * A store is in the memory of the program. Nothing of it is written anywhere, and transferd gets a credential only as the
 * answer to a challenge. TRANSFER_PERSIST_PERMANENT is therefore kept as TRANSFER_PERSIST_SESSION is: while the program
 * runs, or, in the store of an ephemeral session, until that session has become invalid or was dropped. There is no service of the
 * desktop behind it yet. What leaves a store is wiped when its last reference goes.
 *
 * The named stores belong to the process, and all its clients and sessions share them; "shared" is what sessions use by
 * default (transfer_config_set_credential_store()). An ephemeral session has a store of its own. transfer_session_reset()
 * empties the store of its session.
 *
 * There are no variants per task: a store never has to ask anybody, so the store of a task is that of its session,
 * transfer_session_get_credential_store().
 */
#ifndef TRANSFER_CREDENTIAL_STORE_H
#define TRANSFER_CREDENTIAL_STORE_H

#include <transfer/credential.h>
#include <transfer/protection-space.h>
#include <transfer/session.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Credentials of a store, and observers of one. */
#define TRANSFER_CREDENTIALS_MAX          1000
#define TRANSFER_CREDENTIAL_OBSERVERS_MAX 16

/**
 * transfer_credential_store - credentials by protection space; shared, never copied
 *
 * Returns:  transfer_credential_store_ref: its argument; transfer_credential_store_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCredentialStorage
 */
TRANSFER_OBJECT(transfer_credential_store);

/**
 * transfer_credential_store_get - a store of the process
 *
 * @name: "shared", or as in transfer_config_set_credential_store(); not "". It is made when it is first asked for
 *
 * Returns:  the same store each time, lent, and there until the program ends; NULL: no such name, or out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCredentialStorage.sharedCredentialStorage
 */
TRANSFER_PUBLIC transfer_credential_store *transfer_credential_store_get(const char *name);

/**
 * transfer_session_get_credential_store - the store that a session uses
 *
 * @session: the session; borrowed
 *
 * Returns:  the store, lent; NULL: none, as its configuration says, or a background session
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.URLCredentialStorage
 */
TRANSFER_PUBLIC transfer_credential_store *transfer_session_get_credential_store(
	const transfer_session *session);

/**
 * transfer_credential_store_set - keep a credential
 *
 * @store:      the store
 * @space:      what it is for; a reference is kept
 * @credential: who; a reference is kept. One of the same user is replaced; with TRANSFER_PERSIST_NONE nothing happens
 *
 * Returns:  0, or
 *           -ENOSPC  the store has TRANSFER_CREDENTIALS_MAX, and all were set so; nothing was changed
 *           -ENOMEM  out of memory; nothing was changed
 * Blocks:   no; observers are called before it returns
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCredentialStorage.setCredential:forProtectionSpace:
 */
TRANSFER_PUBLIC int transfer_credential_store_set(transfer_credential_store *store,
	const transfer_protection_space *space, const transfer_credential *credential);

/**
 * transfer_credential_store_set_default - keep a credential, and make it the default of its space
 *
 * @store:      the store
 * @space:      what it is for; a reference is kept
 * @credential: who; a reference is kept. One of the same user is replaced; with TRANSFER_PERSIST_NONE nothing happens
 *
 * Returns:  0, or
 *           -ENOSPC  the store has TRANSFER_CREDENTIALS_MAX, and all were set so; nothing was changed
 *           -ENOMEM  out of memory; nothing was changed
 * Blocks:   no; observers are called before it returns
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCredentialStorage.setDefaultCredential:forProtectionSpace:
 */
TRANSFER_PUBLIC int transfer_credential_store_set_default(transfer_credential_store *store,
	const transfer_protection_space *space, const transfer_credential *credential);

/**
 * transfer_credential_store_remove - keep a credential no longer
 *
 * @store:      the store
 * @space:      what it is for
 * @credential: the one that goes: same user and same password. One that is not there is no error
 *
 * Returns:  nothing
 * Blocks:   no; observers are called before it returns
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCredentialStorage.removeCredential:forProtectionSpace:
 */
TRANSFER_PUBLIC void transfer_credential_store_remove(transfer_credential_store *store,
	const transfer_protection_space *space, const transfer_credential *credential);

/**
 * transfer_credential_store_copy_default - who a task says it is in a space
 *
 * @store: the store
 * @space: the space
 *
 * Returns:  a reference of the caller's, or NULL: there is no default
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCredentialStorage.defaultCredentialForProtectionSpace:
 */
TRANSFER_PUBLIC transfer_credential *transfer_credential_store_copy_default(
	const transfer_credential_store *store, const transfer_protection_space *space);

/* One of the credentials of a store; all is lent for the call. A value other than 0 ends the visit. */
typedef int (*transfer_credential_visitor)(const transfer_protection_space *space,
	const transfer_credential *credential, bool is_default, void *userdata);

/**
 * transfer_credential_store_foreach - visit the credentials of a space, or all
 *
 * @store:    the store
 * @space:    the space; NULL: all spaces
 * @each:     called for each credential that was there when the visit began, in no order; it may change the store
 * @userdata: handed to each
 *
 * Returns:  0, or what each returned, or
 *           -ENOMEM  out of memory; nobody was visited
 * Blocks:   as long as each does
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCredentialStorage.credentialsForProtectionSpace:
 */
TRANSFER_PUBLIC int transfer_credential_store_foreach(const transfer_credential_store *store,
	const transfer_protection_space *space, transfer_credential_visitor each, void *userdata);

/*
 * A store has changed: a credential came, went, was replaced by another one, or became the default. Called once for each
 * change, after it, in the thread that made it: the one in the function that changes a store, or in the session's
 * queue where an answer is kept (transfer_challenge_use()). It may call everything.
 */
typedef void (*transfer_credential_observer)(transfer_credential_store *store, void *userdata);

/**
 * transfer_credential_store_observe - be told of each change
 *
 * @store:    the store
 * @observer: called; what changes nothing is not told: an equal credential, an equal default, one to be removed that is
 *            not there
 * @userdata: handed to observer; with it, it is known to transfer_credential_store_unobserve()
 * @destroy:  called with userdata when observer will not be called any more and no call of it runs; may be NULL
 *
 * Returns:  0, or
 *           -ENOSPC  there are TRANSFER_CREDENTIAL_OBSERVERS_MAX
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCredentialStorageChangedNotification
 */
TRANSFER_PUBLIC int transfer_credential_store_observe(transfer_credential_store *store,
	transfer_credential_observer observer, void *userdata, transfer_destroy destroy);

/**
 * transfer_credential_store_unobserve - be told no longer
 *
 * @store:    the store
 * @observer: what was observed with; one that is not there is no error
 * @userdata: what it was observed with
 *
 * A call that has begun in another thread may still run; destroy is called after it.
 *
 * Returns:  nothing
 * Blocks:   as long as destroy does
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCredentialStorageChangedNotification
 */
TRANSFER_PUBLIC void transfer_credential_store_unobserve(
	transfer_credential_store *store, transfer_credential_observer observer, void *userdata);

#ifdef __cplusplus
}
#endif
#endif
