/* SPDX-License-Identifier: MIT */
/* Stores of credentials inside the library. The lock of the process guards all of them; observers are called without it. */
#ifndef CLIENT_LIB_CREDENTIAL_STORE_H
#define CLIENT_LIB_CREDENTIAL_STORE_H

#include <transfer/credential-store.h>

/* A reference to the store of sessions with this configuration, NULL where they have none. 0 or -ENOMEM. */
int credential_store_open(const transfer_config *config, transfer_credential_store **ret_store);
/* Nothing is in it any more. Without a lock. */
void credential_store_clear(transfer_credential_store *store);
/* Same user and same password. */
bool credential_store_is_same(const transfer_credential *a, const transfer_credential *b);

#endif
