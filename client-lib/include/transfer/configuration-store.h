/* SPDX-License-Identifier: MIT */
/*
 * What a session keeps and whom it asks: caching, stores, wake-ups and custom protocols. Properties of
 * configurations; setters return 0 or -errno, and the first failure sticks, as in
 * <transfer/configuration.h>. Cookies are there.
 */
#ifndef TRANSFER_CONFIGURATION_STORE_H
#define TRANSFER_CONFIGURATION_STORE_H

#include <transfer/cache.h>
#include <transfer/configuration.h>
#include <transfer/protocol.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * transfer_config_set_cache_policy - whether stored answers may be used
 *
 * @config: the configuration; borrowed
 * @policy: TRANSFER_CACHE_USE_PROTOCOL is the default
 *
 * Of data tasks with GET, over http and https, in sessions with a cache (transfer_config_set_cache()):
 *
 *     USE_PROTOCOL       what is stored, while it is good (RFC 9111); else the server is asked whether it still is, with the
 *                        ETag and the Last-Modified of it, or for an answer. A 304 that says so is not told of
 *     RELOAD             goes past the cache; the answer is stored
 *     RETURN_ELSE_LOAD   what is stored, however old; else an answer
 *     RETURN_DONT_LOAD   the same, but never an answer: TRANSFER_ERROR_CANNOT_LOAD_FROM_NETWORK
 *     RELOAD_EVERYWHERE  RELOAD, and asks proxies not to answer from their caches
 *     REVALIDATE         the server is asked, good or not
 *
 * A request that says who asks (Authorization, or a user in its URL), asks for a part, or has conditions of its own or no-store
 * is neither answered from the cache nor its answer stored; nor is the answer to a challenge. Stored are answers of 200 to 299
 * but 206, whole, of which nothing forbids it, with a known end, and not larger than a twentieth of the cache. One that depends
 * on cookies (Vary) is not, as they are transferd's. Other tasks behave as with an empty cache. A request's own policy wins.
 *
 * Returns:  0, or
 *           -EINVAL  not one of them
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.requestCachePolicy
 */
TRANSFER_PUBLIC int transfer_config_set_cache_policy(
	transfer_config *config, enum transfer_cache_policy policy);

/**
 * transfer_config_get_cache_policy - whether stored answers may be used
 *
 * @config: the configuration; borrowed
 *
 * Returns:  the policy
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.requestCachePolicy
 */
TRANSFER_PUBLIC enum transfer_cache_policy transfer_config_get_cache_policy(
	const transfer_config *config);

/**
 * transfer_config_set_cache - which of the application's stores of answers is used
 *
 * @config: the configuration; borrowed
 * @name:   NULL is the default: none; "shared" or another name: a cache of the process, with files; "": one of the session's own, in
 *          memory
 *
 * Caches are the process's (<transfer/cache.h>); transferd has none. Without effect in a background session. Apple's sessions have
 * one by default; here a program asks for it, until it has proven itself. What is not right yet: an answer on its way while its URL is
 * forgotten (POST, reset) may be kept all the same; a waiting call of a program without a thread of the library's own
 * (TRANSFER_CLIENT_NO_THREAD) may wait for a stored answer that only the session's queue can give; an answer that may not be
 * kept leaves an older one, which is good for as long as it says.
 *
 * Returns:  0, or
 *           -EINVAL  too long or not UTF-8
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.URLCache
 */
TRANSFER_PUBLIC int transfer_config_set_cache(transfer_config *config, const char *name);

/**
 * transfer_config_get_cache - which of the application's stores of answers is used
 *
 * @config: the configuration; borrowed
 *
 * Returns:  the name, or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.URLCache
 */
TRANSFER_PUBLIC const char *transfer_config_get_cache(const transfer_config *config);

/**
 * transfer_config_set_cache_object - a cache of the program's own for the session's answers
 *
 * @config: the configuration; borrowed
 * @cache:  a reference is kept; NULL is the default: the one that transfer_config_set_cache() names
 *
 * It goes before a name. Without effect in a background session.
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.URLCache
 */
TRANSFER_PUBLIC int transfer_config_set_cache_object(
	transfer_config *config, const transfer_cache *cache);

/**
 * transfer_config_get_cache_object - a cache of the program's own for the session's answers
 *
 * @config: the configuration; borrowed
 *
 * Returns:  the cache, lent, or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.URLCache
 */
TRANSFER_PUBLIC transfer_cache *transfer_config_get_cache_object(const transfer_config *config);

/**
 * transfer_config_set_credential_store - which of the application's stores of credentials is used
 *
 * @config: the configuration; borrowed
 * @name:   "shared" is the default ("" in an ephemeral session: its own); NULL: none
 *
 * Stores are the process's (<transfer/credential-store.h>); transferd has none. With none, only what is in a URL or is
 * answered to a challenge is used, and nothing is kept. Without effect in a background session.
 *
 * Returns:  0, or
 *           -EINVAL  too long or not UTF-8
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.URLCredentialStorage
 */
TRANSFER_PUBLIC int transfer_config_set_credential_store(transfer_config *config, const char *name);

/**
 * transfer_config_get_credential_store - which of the application's stores of credentials is used
 *
 * @config: the configuration; borrowed
 *
 * Returns:  the name, or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.URLCredentialStorage
 */
TRANSFER_PUBLIC const char *transfer_config_get_credential_store(const transfer_config *config);

/**
 * transfer_config_set_shared_container - where an extension's files are
 *
 * @config: the configuration; borrowed
 * @name:   NULL is the default
 *
 * Without effect on Linux: a destination is a path that transferd opens.
 *
 * Returns:  0, or
 *           -EINVAL  too long or not UTF-8
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.sharedContainerIdentifier
 */
TRANSFER_PUBLIC int transfer_config_set_shared_container(transfer_config *config, const char *name);

/**
 * transfer_config_get_shared_container - where an extension's files are
 *
 * @config: the configuration; borrowed
 *
 * Returns:  the name, or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.sharedContainerIdentifier
 */
TRANSFER_PUBLIC const char *transfer_config_get_shared_container(const transfer_config *config);

/**
 * transfer_config_set_sends_launch_events - wake the application when its tasks have ended
 *
 * @config: the configuration; borrowed
 * @sends:  true is the default
 *
 * Only in background sessions, and only with a bus name (transfer_config_set_launch()).
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.sessionSendsLaunchEvents
 */
TRANSFER_PUBLIC int transfer_config_set_sends_launch_events(transfer_config *config, bool sends);

/**
 * transfer_config_get_sends_launch_events - wake the application when its tasks have ended
 *
 * @config: the configuration; borrowed
 *
 * Returns:  true: asked for
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.sessionSendsLaunchEvents
 */
TRANSFER_PUBLIC bool transfer_config_get_sends_launch_events(const transfer_config *config);

/**
 * transfer_config_set_launch - who is woken
 *
 * @config:   the configuration; borrowed
 * @bus_name: well-known D-Bus name of the application; NULL is the default: none
 *
 * Only in background sessions: when the last task has ended and events wait, or a task needs an answer, and
 * no program is attached, the application gets org.freedesktop.Application.ActivateAction with
 * "transfer-events" and the identifier, for which the bus starts it.
 *
 * Returns:  0, or
 *           -EINVAL  no bus name
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.OpenSession
 */
TRANSFER_PUBLIC int transfer_config_set_launch(transfer_config *config, const char *bus_name);

/**
 * transfer_config_get_launch - who is woken
 *
 * @config: the configuration; borrowed
 *
 * Returns:  the name, or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.OpenSession
 */
TRANSFER_PUBLIC const char *transfer_config_get_launch(const transfer_config *config);

/**
 * transfer_config_add_protocol - a custom protocol for the session's tasks
 *
 * @config:   the configuration; borrowed
 * @protocol: the class; copied; its userdata must live as long as any session that was made with it
 *
 * The one added last is asked first, before the built-in ones for data:, file:, ftp:, ftps:, http: and
 * https:.
 *
 * Returns:  0, or
 *           -EINVAL      a struct without size, or a member that must be there is NULL
 *           -EOPNOTSUPP  a background session's
 *           -ENOMEM      out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.protocolClasses
 */
TRANSFER_PUBLIC int transfer_config_add_protocol(
	transfer_config *config, const struct transfer_protocol *protocol);

/**
 * transfer_config_clear_protocols - forget the custom protocols
 *
 * @config: the configuration; borrowed
 *
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.protocolClasses
 */
TRANSFER_PUBLIC void transfer_config_clear_protocols(transfer_config *config);

/**
 * transfer_config_get_n_protocols - number of custom protocols
 *
 * @config: the configuration; borrowed
 *
 * Returns:  how many were added
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.protocolClasses
 */
TRANSFER_PUBLIC size_t transfer_config_get_n_protocols(const transfer_config *config);

#ifdef __cplusplus
}
#endif
#endif
