/* SPDX-License-Identifier: MIT */
/*
 * Who somebody is to a server: a user and a password, the answer to a challenge. Its memory is wiped when the last reference
 * goes. What is kept of them for later tasks is in <transfer/credential-store.h>.
 */
#ifndef TRANSFER_CREDENTIAL_H
#define TRANSFER_CREDENTIAL_H

#include <stdbool.h>

#include <transfer/object.h>
#include <transfer/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * transfer_credential - user and password; immutable
 *
 * Returns:  transfer_credential_ref: its argument; transfer_credential_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCredential
 */
TRANSFER_OBJECT(transfer_credential);

/**
 * transfer_credential_new_password - a user and a password
 *
 * @user:        name, UTF-8 without control characters, at most 1024 bytes; copied
 * @password:    UTF-8, at most 1024 bytes; copied. "" is one, too
 * @persistence: how long a store may keep it; permanent is kept as for the session is, while the program runs
 *
 * Returns:  a new credential, or NULL: an argument is none of these, or there is no memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCredential.credentialWithUser:password:persistence:
 */
TRANSFER_PUBLIC transfer_credential *transfer_credential_new_password(
	const char *user, const char *password, enum transfer_persistence persistence);

/**
 * transfer_credential_get_user - whose it is
 *
 * @credential: the credential
 *
 * Returns:  the name; the credential's
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCredential.user
 */
TRANSFER_PUBLIC const char *transfer_credential_get_user(const transfer_credential *credential);

/**
 * transfer_credential_get_password - its password
 *
 * @credential: the credential
 *
 * Returns:  the password; the credential's
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCredential.password
 */
TRANSFER_PUBLIC const char *transfer_credential_get_password(const transfer_credential *credential);

/**
 * transfer_credential_get_persistence - how long it may be kept
 *
 * @credential: the credential
 *
 * Returns:  what it was made with
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLCredential.persistence
 */
TRANSFER_PUBLIC enum transfer_persistence transfer_credential_get_persistence(
	const transfer_credential *credential);

#ifdef __cplusplus
}
#endif
#endif
