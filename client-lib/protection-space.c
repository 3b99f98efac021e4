/* SPDX-License-Identifier: MIT */
/* Protection spaces: equal ones have equal texts, so names lose their letter case here, and addresses get their brackets. */
#include "client-lib/protection-space.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "client-lib/ref.h"

#define SPACE_NAME_MAX_BYTES  1024
#define SPACE_REALM_MAX_BYTES 4096
#define SPACE_PORT_MAX        65535

struct transfer_protection_space {
	struct ref ref;
	char *host, *protocol, *realm;
	unsigned int port;
	enum transfer_auth_method method;
	bool is_proxy;
};

static void space_free(transfer_protection_space *space)
{
	free(space->host);
	free(space->protocol);
	free(space->realm);
	free(space);
}

REF_DEFINE(transfer_protection_space, space_free)

static void to_lower(char *text)
{
	for (; *text; text++) {
		if (*text >= 'A' && *text <= 'Z')
			*text = (char)(*text - 'A' + 'a');
	}
}

/* An IPv6 address stands in brackets, as in a URL. NULL: out of memory. */
static char *copy_host(const char *host)
{
	bool is_bare = strchr(host, ':') && *host != '[';
	size_t room = strlen(host) + sizeof("[]");
	char *copy = malloc(room);

	if (copy)
		snprintf(copy, room, is_bare ? "[%s]" : "%s", host);
	return copy;
}

static unsigned int port_of(const char *protocol)
{
	static const struct {
		const char *protocol;
		unsigned int port;
	} ports[] = { { "http", 80 }, { "https", 443 }, { "ftp", 21 } };

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		if (!strcmp(protocol, ports[i].protocol))
			return ports[i].port;
	}
	return 0;
}

/* NULL: out of memory. */
static transfer_protection_space *make(const struct protection_space_words *from)
{
	transfer_protection_space *space = calloc(1, sizeof(*space));

	if (!space)
		return NULL;
	ref_init(&space->ref);
	space->host = copy_host(from->host);
	space->protocol = strdup(from->protocol);
	space->realm = strdup(from->realm);
	if (!space->host || !space->protocol || !space->realm) {
		space_free(space);
		return NULL;
	}
	to_lower(space->host);
	to_lower(space->protocol);
	space->port = from->port ? from->port : port_of(space->protocol);
	space->method = from->method;
	return space;
}

transfer_protection_space *protection_space_new_asked(const struct protection_space_words *asked)
{
	return make(asked);
}

static bool is_good(const char *text, size_t max_bytes)
{
	return text && strnlen(text, max_bytes + 1) <= max_bytes && utf8_is_valid(text);
}

transfer_protection_space *transfer_protection_space_new(const char *host, unsigned int port,
	const char *protocol, const char *realm, enum transfer_auth_method method)
{
	const struct protection_space_words from = {
		.method = method == TRANSFER_AUTH_DEFAULT ? TRANSFER_AUTH_BASIC : method,
		.protocol = protocol,
		.host = host,
		.realm = realm ? realm : "",
		.port = port,
	};

	if (!is_good(host, SPACE_NAME_MAX_BYTES) || !*host ||
		!is_good(protocol, SPACE_NAME_MAX_BYTES) || !*protocol ||
		!is_good(from.realm, SPACE_REALM_MAX_BYTES) || port > SPACE_PORT_MAX ||
		(unsigned int)method > TRANSFER_AUTH_DIGEST)
		return NULL;
	return make(&from);
}

transfer_protection_space *transfer_protection_space_new_proxy(const char *host, unsigned int port,
	const char *type, const char *realm, enum transfer_auth_method method)
{
	transfer_protection_space *space = transfer_protection_space_new(
		host, port, type, realm, method);

	if (space)
		space->is_proxy = true;
	return space;
}

const char *transfer_protection_space_get_host(const transfer_protection_space *space)
{
	return space->host;
}

unsigned int transfer_protection_space_get_port(const transfer_protection_space *space)
{
	return space->port;
}

const char *transfer_protection_space_get_protocol(const transfer_protection_space *space)
{
	return space->protocol;
}

const char *transfer_protection_space_get_realm(const transfer_protection_space *space)
{
	return space->realm;
}

enum transfer_auth_method transfer_protection_space_get_method(
	const transfer_protection_space *space)
{
	return space->method;
}

bool transfer_protection_space_is_proxy(const transfer_protection_space *space)
{
	return space->is_proxy;
}

bool protection_space_is_same_origin(
	const transfer_protection_space *space, const transfer_protection_space *other)
{
	return space->port == other->port && space->is_proxy == other->is_proxy &&
		!strcmp(space->host, other->host) && !strcmp(space->protocol, other->protocol);
}

bool transfer_protection_space_is_equal(
	const transfer_protection_space *space, const transfer_protection_space *other)
{
	return protection_space_is_same_origin(space, other) && space->method == other->method &&
		!strcmp(space->realm, other->realm);
}
