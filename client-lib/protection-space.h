/* SPDX-License-Identifier: MIT */
/* Protection spaces inside the library. */
#ifndef CLIENT_LIB_PROTECTION_SPACE_H
#define CLIENT_LIB_PROTECTION_SPACE_H

#include <transfer/protection-space.h>

struct protection_space_words {
	enum transfer_auth_method method; /* default: one that is not known here */
	const char *protocol, *host, *realm;
	unsigned int port;
};

/* Of a server that asks, whatever it calls its realm. NULL: out of memory. */
transfer_protection_space *protection_space_new_asked(const struct protection_space_words *asked);
/* Whether both are of one server: scheme, host and port. */
bool protection_space_is_same_origin(
	const transfer_protection_space *space, const transfer_protection_space *other);

#endif
