/* SPDX-License-Identifier: MIT */
/*
 * What a server or proxy protects: a place that asks who comes, and how. Credentials belong to one.
 */
#ifndef TRANSFER_PROTECTION_SPACE_H
#define TRANSFER_PROTECTION_SPACE_H

#include <stdbool.h>

#include <transfer/object.h>
#include <transfer/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * transfer_protection_space - host, port, protocol, realm and method; immutable
 *
 * Returns:  transfer_protection_space_ref: its argument; transfer_protection_space_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtectionSpace
 */
TRANSFER_OBJECT(transfer_protection_space);

/**
 * transfer_protection_space_new - what a server protects
 *
 * @host:     its name, without letter case; an international one in its ASCII spelling (xn--…), an IPv6 address with or without
 *            brackets in its shortest spelling ([2001:db8::1]): as challenges name them, for two spellings are two spaces.
 *            At most 1024 bytes; copied
 * @port:     its port; 0: the protocol's own (http, https, ftp)
 * @protocol: scheme of its URLs, without letter case, at most 1024 bytes; copied
 * @realm:    what the server calls it, with letter case, at most 4096 bytes; copied. NULL is ""
 * @method:   how it asks; default is basic, for that is what it is for http
 *
 * Returns:  a new space, or NULL: an argument is none of these or not UTF-8, or there is no memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtectionSpace.initWithHost:port:protocol:realm:authenticationMethod:
 */
TRANSFER_PUBLIC transfer_protection_space *transfer_protection_space_new(const char *host,
	unsigned int port, const char *protocol, const char *realm,
	enum transfer_auth_method method);

/**
 * transfer_protection_space_new_proxy - what a proxy protects
 *
 * @host:   as in transfer_protection_space_new(), and so are the others; copied
 * @port:   its port
 * @type:   what it is a proxy for: "http", "https" or another scheme; copied
 * @realm:  what the proxy calls it; copied
 * @method: how it asks
 *
 * Proxies do not ask yet: what is stored for one is kept and not used.
 *
 * Returns:  a new space, or NULL: an argument is none of these or not UTF-8, or there is no memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtectionSpace.initWithProxyHost:port:type:realm:authenticationMethod:
 */
TRANSFER_PUBLIC transfer_protection_space *transfer_protection_space_new_proxy(const char *host,
	unsigned int port, const char *type, const char *realm, enum transfer_auth_method method);

/**
 * transfer_protection_space_get_host - the server or proxy
 *
 * @space: the space
 *
 * Returns:  its name in lower case, an IPv6 address in brackets; the space's
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtectionSpace.host
 */
TRANSFER_PUBLIC const char *transfer_protection_space_get_host(
	const transfer_protection_space *space);

/**
 * transfer_protection_space_get_port - port of the server or proxy
 *
 * @space: the space
 *
 * Returns:  its number; 0: none was given, and the protocol is not known here
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtectionSpace.port
 */
TRANSFER_PUBLIC unsigned int transfer_protection_space_get_port(
	const transfer_protection_space *space);

/**
 * transfer_protection_space_get_protocol - scheme of the server, or what the proxy is for
 *
 * @space: the space
 *
 * Returns:  the name in lower case; the space's
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtectionSpace.protocol
 */
TRANSFER_PUBLIC const char *transfer_protection_space_get_protocol(
	const transfer_protection_space *space);

/**
 * transfer_protection_space_get_realm - what the server calls it
 *
 * @space: the space
 *
 * Returns:  its words, "" for none; the space's
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtectionSpace.realm
 */
TRANSFER_PUBLIC const char *transfer_protection_space_get_realm(
	const transfer_protection_space *space);

/**
 * transfer_protection_space_get_method - how it asks
 *
 * @space: the space
 *
 * Returns:  basic or digest; default: of a challenge only, transfer_challenge_get_method()
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtectionSpace.authenticationMethod
 */
TRANSFER_PUBLIC enum transfer_auth_method transfer_protection_space_get_method(
	const transfer_protection_space *space);

/**
 * transfer_protection_space_is_proxy - whether it is a proxy that asks
 *
 * @space: the space
 *
 * Returns:  true: a proxy; false: a server
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtectionSpace.isProxy
 */
TRANSFER_PUBLIC bool transfer_protection_space_is_proxy(const transfer_protection_space *space);

/**
 * transfer_protection_space_is_equal - whether two are one and the same
 *
 * @space: the space
 * @other: another one
 *
 * Returns:  true: all of the above is equal
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtectionSpace.isEqual:
 */
TRANSFER_PUBLIC bool transfer_protection_space_is_equal(
	const transfer_protection_space *space, const transfer_protection_space *other);

#ifdef __cplusplus
}
#endif
#endif
