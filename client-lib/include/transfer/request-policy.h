/* SPDX-License-Identifier: MIT */
/*
 * How a request may be served: caching, networks, hints; and what an application hangs on it. Setters
 * return 0 or -errno, and the first failure sticks, as in <transfer/request.h>. The stricter word of
 * session and request holds for what may be used.
 */
#ifndef TRANSFER_REQUEST_POLICY_H
#define TRANSFER_REQUEST_POLICY_H

#include <transfer/request.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * transfer_request_set_cache_policy - whether stored answers may be used
 *
 * @request: the request; borrowed
 * @policy:  TRANSFER_CACHE_USE_PROTOCOL is the default: the session's
 *
 * See transfer_config_set_cache_policy().
 *
 * Returns:  0, or
 *           -EINVAL  not one of them
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.cachePolicy
 */
TRANSFER_PUBLIC int transfer_request_set_cache_policy(
	transfer_request *request, enum transfer_cache_policy policy);

/**
 * transfer_request_get_cache_policy - whether stored answers may be used
 *
 * @request: the request; borrowed
 *
 * Returns:  the policy
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.cachePolicy
 */
TRANSFER_PUBLIC enum transfer_cache_policy transfer_request_get_cache_policy(
	const transfer_request *request);

/**
 * transfer_request_set_service_type - what the bytes are for
 *
 * @request: the request; borrowed
 * @type:    TRANSFER_SERVICE_DEFAULT is the default: the session's
 *
 * See transfer_config_set_service_type().
 *
 * Returns:  0, or
 *           -EINVAL  not one of them
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.networkServiceType
 */
TRANSFER_PUBLIC int transfer_request_set_service_type(
	transfer_request *request, enum transfer_service_type type);

/**
 * transfer_request_get_service_type - what the bytes are for
 *
 * @request: the request; borrowed
 *
 * Returns:  the type
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.networkServiceType
 */
TRANSFER_PUBLIC enum transfer_service_type transfer_request_get_service_type(
	const transfer_request *request);

/**
 * transfer_request_set_allows_cellular - whether networks of a modem may be used
 *
 * @request: the request; borrowed
 * @allow:   true is the default
 *
 * See transfer_config_set_allows_cellular().
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.allowsCellularAccess
 */
TRANSFER_PUBLIC int transfer_request_set_allows_cellular(transfer_request *request, bool allow);

/**
 * transfer_request_get_allows_cellular - whether networks of a modem may be used
 *
 * @request: the request; borrowed
 *
 * Returns:  true: they may
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.allowsCellularAccess
 */
TRANSFER_PUBLIC bool transfer_request_get_allows_cellular(const transfer_request *request);

/**
 * transfer_request_set_allows_expensive - whether metered networks may be used
 *
 * @request: the request; borrowed
 * @allow:   true is the default
 *
 * See transfer_config_set_allows_expensive().
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.allowsExpensiveNetworkAccess
 */
TRANSFER_PUBLIC int transfer_request_set_allows_expensive(transfer_request *request, bool allow);

/**
 * transfer_request_get_allows_expensive - whether metered networks may be used
 *
 * @request: the request; borrowed
 *
 * Returns:  true: they may
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.allowsExpensiveNetworkAccess
 */
TRANSFER_PUBLIC bool transfer_request_get_allows_expensive(const transfer_request *request);

/**
 * transfer_request_set_allows_constrained - whether networks that are to be used sparingly may be used
 *
 * @request: the request; borrowed
 * @allow:   true is the default
 *
 * See transfer_config_set_allows_constrained().
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.allowsConstrainedNetworkAccess
 */
TRANSFER_PUBLIC int transfer_request_set_allows_constrained(transfer_request *request, bool allow);

/**
 * transfer_request_get_allows_constrained - whether networks that are to be used sparingly may be used
 *
 * @request: the request; borrowed
 *
 * Returns:  true: they may
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.allowsConstrainedNetworkAccess
 */
TRANSFER_PUBLIC bool transfer_request_get_allows_constrained(const transfer_request *request);

/**
 * transfer_request_set_allows_ultra_constrained - whether very narrow networks may be used
 *
 * @request: the request; borrowed
 * @allow:   true is the default
 *
 * See transfer_config_set_allows_ultra_constrained().
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.allowsUltraConstrainedNetworkAccess
 */
TRANSFER_PUBLIC int transfer_request_set_allows_ultra_constrained(
	transfer_request *request, bool allow);

/**
 * transfer_request_get_allows_ultra_constrained - whether very narrow networks may be used
 *
 * @request: the request; borrowed
 *
 * Returns:  true: they may
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.allowsUltraConstrainedNetworkAccess
 */
TRANSFER_PUBLIC bool transfer_request_get_allows_ultra_constrained(const transfer_request *request);

/**
 * transfer_request_set_requires_dnssec - fail a name lookup that is not validated
 *
 * @request: the request; borrowed
 * @require: false is the default
 *
 * See transfer_config_set_requires_dnssec().
 *
 * Returns:  0, or
 *           -EOPNOTSUPP  true
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.requiresDNSSECValidation
 */
TRANSFER_PUBLIC int transfer_request_set_requires_dnssec(transfer_request *request, bool require);

/**
 * transfer_request_get_requires_dnssec - fail a name lookup that is not validated
 *
 * @request: the request; borrowed
 *
 * Returns:  true: it fails
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.requiresDNSSECValidation
 */
TRANSFER_PUBLIC bool transfer_request_get_requires_dnssec(const transfer_request *request);

/**
 * transfer_request_set_assumes_http3 - try HTTP/3 at once
 *
 * @request: the request; borrowed
 * @allow:   false is the default
 *
 * Without effect on Linux: libcurl is built without HTTP/3.
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.assumesHTTP3Capable
 */
TRANSFER_PUBLIC int transfer_request_set_assumes_http3(transfer_request *request, bool allow);

/**
 * transfer_request_get_assumes_http3 - try HTTP/3 at once
 *
 * @request: the request; borrowed
 *
 * Returns:  true: asked for
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.assumesHTTP3Capable
 */
TRANSFER_PUBLIC bool transfer_request_get_assumes_http3(const transfer_request *request);

/**
 * transfer_request_set_persistent_dns - use stored answers of the name service for longer
 *
 * @request: the request; borrowed
 * @allow:   false is the default
 *
 * Without effect on Linux: the resolver of the system decides.
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.allowsPersistentDNS
 */
TRANSFER_PUBLIC int transfer_request_set_persistent_dns(transfer_request *request, bool allow);

/**
 * transfer_request_get_persistent_dns - use stored answers of the name service for longer
 *
 * @request: the request; borrowed
 *
 * Returns:  true: asked for
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.allowsPersistentDNS
 */
TRANSFER_PUBLIC bool transfer_request_get_persistent_dns(const transfer_request *request);

/**
 * transfer_request_set_pipelining - send it before the answers before it have come
 *
 * @request: the request; borrowed
 * @allow:   false is the default
 *
 * Without effect on Linux, see transfer_config_set_pipelining().
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.HTTPShouldUsePipelining
 */
TRANSFER_PUBLIC int transfer_request_set_pipelining(transfer_request *request, bool allow);

/**
 * transfer_request_get_pipelining - send it before the answers before it have come
 *
 * @request: the request; borrowed
 *
 * Returns:  true: asked for
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.HTTPShouldUsePipelining
 */
TRANSFER_PUBLIC bool transfer_request_get_pipelining(const transfer_request *request);

/**
 * transfer_request_set_attribution - who caused the request
 *
 * @request: the request; borrowed
 * @who:     0, the program itself, is the default; 1: the user
 *
 * Without effect on Linux; kept.
 *
 * Returns:  0, or
 *           -EINVAL  neither
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.attribution
 */
TRANSFER_PUBLIC int transfer_request_set_attribution(transfer_request *request, int who);

/**
 * transfer_request_get_attribution - who caused the request
 *
 * @request: the request; borrowed
 *
 * Returns:  the number
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.attribution
 */
TRANSFER_PUBLIC int transfer_request_get_attribution(const transfer_request *request);

/**
 * transfer_request_set_cookie_partition - which part of the cookie store is used
 *
 * @request: the request; borrowed
 * @name:    NULL is the default
 *
 * Without effect: stores have no parts. A store of its own (transfer_config_set_cookie_store()) does it.
 *
 * Returns:  0, or
 *           -EINVAL  too long or not UTF-8
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.cookiePartitionIdentifier
 */
TRANSFER_PUBLIC int transfer_request_set_cookie_partition(
	transfer_request *request, const char *name);

/**
 * transfer_request_get_cookie_partition - which part of the cookie store is used
 *
 * @request: the request; borrowed
 *
 * Returns:  the name, or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.cookiePartitionIdentifier
 */
TRANSFER_PUBLIC const char *transfer_request_get_cookie_partition(const transfer_request *request);

/**
 * transfer_request_set_property - hang something on the request, for custom protocols
 *
 * @request: the request; borrowed
 * @key:     its name
 * @value:   what; NULL removes it
 * @destroy: called with value when it is replaced, removed, or the request and its copies are gone; NULL:
 *           nothing
 *
 * Copies of the request share it. transferd never sees it.
 *
 * Returns:  0, or
 *           -EINVAL  no key, or not UTF-8
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtocol.setProperty:forKey:inRequest:
 */
TRANSFER_PUBLIC int transfer_request_set_property(
	transfer_request *request, const char *key, void *value, transfer_destroy destroy);

/**
 * transfer_request_get_property - what hangs on the request
 *
 * @request: the request; borrowed
 * @key:     its name
 *
 * Returns:  the value, or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtocol.propertyForKey:inRequest:
 */
TRANSFER_PUBLIC void *transfer_request_get_property(
	const transfer_request *request, const char *key);

#ifdef __cplusplus
}
#endif
#endif
