/* SPDX-License-Identifier: MIT */
/* Users and passwords: nothing of them stays in memory that was given back. */
#include "client-lib/credential.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "base/utf8.h"

/* The bus takes no longer ones. */
#define CREDENTIAL_MAX_BYTES 1024

static bool is_good(const char *text)
{
	return text && strnlen(text, CREDENTIAL_MAX_BYTES + 1) <= CREDENTIAL_MAX_BYTES &&
		utf8_is_valid(text);
}

static void credential_free(transfer_credential *credential)
{
	secret_free(credential->user);
	secret_free(credential->password);
	free(credential);
}

REF_DEFINE(transfer_credential, credential_free)

transfer_credential *transfer_credential_new_password(
	const char *user, const char *password, enum transfer_persistence persistence)
{
	transfer_credential *credential;

	if (!is_good(user) || !is_good(password) || utf8_has_controls(user) ||
		(unsigned int)persistence > TRANSFER_PERSIST_PERMANENT)
		return NULL;
	credential = calloc(1, sizeof(*credential));
	if (!credential)
		return NULL;
	ref_init(&credential->ref);
	credential->persistence = persistence;
	credential->user = strdup(user);
	credential->password = strdup(password);
	if (credential->user && credential->password)
		return credential;
	credential_free(credential);
	return NULL;
}

const char *transfer_credential_get_user(const transfer_credential *credential)
{
	return credential->user;
}

const char *transfer_credential_get_password(const transfer_credential *credential)
{
	return credential->password;
}

enum transfer_persistence transfer_credential_get_persistence(const transfer_credential *credential)
{
	return credential->persistence;
}
