/* SPDX-License-Identifier: MIT */
/* Stores of credentials inside the library. The lock of the process guards all of them; observers are called without it. */
#ifndef CLIENT_LIB_CREDENTIAL_STORE_H
#define CLIENT_LIB_CREDENTIAL_STORE_H

#include <stdint.h>

#include <transfer/credential-store.h>

/* A reference to the store of sessions with this configuration, NULL where they have none. 0 or -ENOMEM. */
int credential_store_open(const transfer_config *config, transfer_credential_store **ret_store);
/* Nothing is in it any more. Without a lock. */
void credential_store_clear(transfer_credential_store *store);
/* A session that uses it is over: its own is emptied, one with a name is not. NULL: nothing happens. Without a lock. */
void credential_store_leave(transfer_credential_store *store);

/* A credential that a server accepted, and what was known of the store meanwhile. References. */
struct accepted {
	transfer_protection_space *space;
	transfer_credential *credential;
	transfer_credential *refused; /* the default that was no good; NULL: none */
	uint64_t n_removals; /* of the store when it was said */
};

/* How often something was taken out of it. */
uint64_t credential_store_n_removals(const transfer_credential_store *store);
/*
 * Keeps it, unless something of its space was taken out since: that may have been meant for this one, too. It becomes the default
 * where there is none, or the one that was refused. There are so many of a host, and what was so kept makes room; what the program
 * has set does not. Without a lock.
 */
void credential_store_accept(transfer_credential_store *store, const struct accepted *accepted);
/* A task says it: of what was kept, what was used longest ago goes first. */
void credential_store_note_use(transfer_credential_store *store,
	const transfer_protection_space *space, const transfer_credential *credential);
/* Same user and same password. */
bool credential_store_is_same(const transfer_credential *a, const transfer_credential *b);

#endif
