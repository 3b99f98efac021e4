/* SPDX-License-Identifier: MIT */
/* What a credential holds, for the call that sends it. */
#ifndef CLIENT_LIB_CREDENTIAL_H
#define CLIENT_LIB_CREDENTIAL_H

#include <transfer/credential.h>

#include "client-lib/ref.h"

struct transfer_credential {
	struct ref ref;
	enum transfer_persistence persistence;
	char *user, *password;
};

#endif
