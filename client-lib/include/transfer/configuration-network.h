/* SPDX-License-Identifier: MIT */
/*
 * How a session uses networks: properties of configurations.
 *
 * Of every property that NSURLSessionConfiguration has and Linux has nothing for, the comment says so; its
 * value is kept and given back. A background session is refused by transferd with a proxy, a service type or
 * versions of TLS of its own. Setters return 0 or -errno, and the first failure sticks, as in
 * <transfer/configuration.h>.
 */
#ifndef TRANSFER_CONFIGURATION_NETWORK_H
#define TRANSFER_CONFIGURATION_NETWORK_H

#include <transfer/configuration.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * transfer_config_set_waits_for_connectivity - wait for a network when there is none
 *
 * @config: the configuration; borrowed
 * @waits:  false is the default: the task fails with TRANSFER_ERROR_NOT_CONNECTED
 *
 * Only until the connection is made: one that breaks is an error. The longest life of the task goes on, the
 * time without a byte does not. Told once with task_is_waiting_for_connectivity. A background session
 * always waits, and never tells.
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.waitsForConnectivity
 */
TRANSFER_PUBLIC int transfer_config_set_waits_for_connectivity(transfer_config *config, bool waits);

/**
 * transfer_config_get_waits_for_connectivity - wait for a network when there is none
 *
 * @config: the configuration; borrowed
 *
 * Returns:  true: it waits
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.waitsForConnectivity
 */
TRANSFER_PUBLIC bool transfer_config_get_waits_for_connectivity(const transfer_config *config);

/**
 * transfer_config_set_allows_cellular - whether networks of a modem may be used
 *
 * @config: the configuration; borrowed
 * @allow:  true is the default
 *
 * The stricter word of session and request holds. transferd does not know yet which networks are of a
 * modem, so this has no effect on Linux; the value is kept.
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.allowsCellularAccess
 */
TRANSFER_PUBLIC int transfer_config_set_allows_cellular(transfer_config *config, bool allow);

/**
 * transfer_config_get_allows_cellular - whether networks of a modem may be used
 *
 * @config: the configuration; borrowed
 *
 * Returns:  true: they may
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.allowsCellularAccess
 */
TRANSFER_PUBLIC bool transfer_config_get_allows_cellular(const transfer_config *config);

/**
 * transfer_config_set_allows_expensive - whether metered networks may be used
 *
 * @config: the configuration; borrowed
 * @allow:  true is the default
 *
 * The stricter word of session and request holds. transferd does not know yet which networks are metered,
 * so this has no effect on Linux; the value is kept. It is a wish about cost: unlike a promise of safety that
 * cannot be kept (transfer_config_set_requires_dnssec()), false is not refused.
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.allowsExpensiveNetworkAccess
 */
TRANSFER_PUBLIC int transfer_config_set_allows_expensive(transfer_config *config, bool allow);

/**
 * transfer_config_get_allows_expensive - whether metered networks may be used
 *
 * @config: the configuration; borrowed
 *
 * Returns:  true: they may
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.allowsExpensiveNetworkAccess
 */
TRANSFER_PUBLIC bool transfer_config_get_allows_expensive(const transfer_config *config);

/**
 * transfer_config_set_allows_constrained - whether networks that are to be used sparingly may be used
 *
 * @config: the configuration; borrowed
 * @allow:  true is the default
 *
 * The stricter word of session and request holds. transferd does not know yet which networks are to be used
 * sparingly, so this has no effect on Linux; the value is kept.
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.allowsConstrainedNetworkAccess
 */
TRANSFER_PUBLIC int transfer_config_set_allows_constrained(transfer_config *config, bool allow);

/**
 * transfer_config_get_allows_constrained - whether networks that are to be used sparingly may be used
 *
 * @config: the configuration; borrowed
 *
 * Returns:  true: they may
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.allowsConstrainedNetworkAccess
 */
TRANSFER_PUBLIC bool transfer_config_get_allows_constrained(const transfer_config *config);

/**
 * transfer_config_set_allows_ultra_constrained - whether very narrow networks, such as of a satellite, may be used
 *
 * @config: the configuration; borrowed
 * @allow:  true is the default
 *
 * The stricter word of session and request holds. transferd does not know yet which networks are so narrow,
 * so this has no effect on Linux; the value is kept.
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.allowsUltraConstrainedNetworkAccess
 */
TRANSFER_PUBLIC int transfer_config_set_allows_ultra_constrained(
	transfer_config *config, bool allow);

/**
 * transfer_config_get_allows_ultra_constrained - whether very narrow networks, such as of a satellite, may be used
 *
 * @config: the configuration; borrowed
 *
 * Returns:  true: they may
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.allowsUltraConstrainedNetworkAccess
 */
TRANSFER_PUBLIC bool transfer_config_get_allows_ultra_constrained(const transfer_config *config);

/**
 * transfer_config_set_requires_dnssec - fail name lookups that are not validated
 *
 * @config:  the configuration; borrowed
 * @require: false is the default
 *
 * The resolver of Linux that transferd uses cannot tell, and a promise that is not kept is worse than none:
 * true is refused.
 *
 * Returns:  0, or
 *           -EOPNOTSUPP  true
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.requiresDNSSECValidation
 */
TRANSFER_PUBLIC int transfer_config_set_requires_dnssec(transfer_config *config, bool require);

/**
 * transfer_config_get_requires_dnssec - fail name lookups that are not validated
 *
 * @config: the configuration; borrowed
 *
 * Returns:  true: they fail
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.requiresDNSSECValidation
 */
TRANSFER_PUBLIC bool transfer_config_get_requires_dnssec(const transfer_config *config);

/**
 * transfer_config_set_service_type - what the bytes are for
 *
 * @config: the configuration; borrowed
 * @type:   TRANSFER_SERVICE_DEFAULT is the default
 *
 * The packets are marked with its DSCP: voice (and VOIP) EF, call signalling CS5, video AF41, responsive
 * audio and video AF42, streaming AF31, responsive data AF21, background CS1. A request's own type wins.
 *
 * Returns:  0, or
 *           -EINVAL  not one of them
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.networkServiceType
 */
TRANSFER_PUBLIC int transfer_config_set_service_type(
	transfer_config *config, enum transfer_service_type type);

/**
 * transfer_config_get_service_type - what the bytes are for
 *
 * @config: the configuration; borrowed
 *
 * Returns:  the type
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.networkServiceType
 */
TRANSFER_PUBLIC enum transfer_service_type transfer_config_get_service_type(
	const transfer_config *config);

/**
 * transfer_config_set_multipath - use several networks at once
 *
 * @config: the configuration; borrowed
 * @type:   0 (none, the default) to 3
 *
 * Without effect on Linux: Multipath TCP is a matter of the system there.
 *
 * Returns:  0, or
 *           -EINVAL  not 0 to 3
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.multipathServiceType
 */
TRANSFER_PUBLIC int transfer_config_set_multipath(transfer_config *config, int type);

/**
 * transfer_config_get_multipath - use several networks at once
 *
 * @config: the configuration; borrowed
 *
 * Returns:  the number
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.multipathServiceType
 */
TRANSFER_PUBLIC int transfer_config_get_multipath(const transfer_config *config);

/**
 * transfer_config_set_discretionary - let transferd choose the time
 *
 * @config:        the configuration; borrowed
 * @discretionary: false is the default
 *
 * Only in background sessions: their tasks wait for an unmetered network once transferd knows which are;
 * kept for that.
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.discretionary
 */
TRANSFER_PUBLIC int transfer_config_set_discretionary(transfer_config *config, bool discretionary);

/**
 * transfer_config_get_discretionary - let transferd choose the time
 *
 * @config: the configuration; borrowed
 *
 * Returns:  true: it may
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.discretionary
 */
TRANSFER_PUBLIC bool transfer_config_get_discretionary(const transfer_config *config);

/**
 * transfer_config_set_proxy - proxy that requests go through
 *
 * @config: the configuration; borrowed
 * @url:    http://, https://, socks4a:// or socks5h:// and host:port, without user; "": none at all; NULL is
 *          the default: what the environment of transferd says
 *
 * For all schemes. Proxies that want authentication answer 407, which is the result. There is nothing for the keys of
 * the dictionary that find a proxy by a script (PAC) or by themselves, and nothing for the relays and several proxies
 * of proxyConfigurations: they do not exist here.
 *
 * Returns:  0, or
 *           -EINVAL  no such URL
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.connectionProxyDictionary
 */
TRANSFER_PUBLIC int transfer_config_set_proxy(transfer_config *config, const char *url);

/**
 * transfer_config_get_proxy - proxy that requests go through
 *
 * @config: the configuration; borrowed
 *
 * Returns:  the URL, "" or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.connectionProxyDictionary
 */
TRANSFER_PUBLIC const char *transfer_config_get_proxy(const transfer_config *config);

/**
 * transfer_config_set_proxy_exceptions - hosts that are reached without the proxy
 *
 * @config: the configuration; borrowed
 * @hosts:  names and addresses with commas, ".example.org" for all below; NULL: none
 *
 * Returns:  0, or
 *           -EINVAL  too long or not UTF-8
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.connectionProxyDictionary
 */
TRANSFER_PUBLIC int transfer_config_set_proxy_exceptions(
	transfer_config *config, const char *hosts);

/**
 * transfer_config_get_proxy_exceptions - hosts that are reached without the proxy
 *
 * @config: the configuration; borrowed
 *
 * Returns:  the list, or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.connectionProxyDictionary
 */
TRANSFER_PUBLIC const char *transfer_config_get_proxy_exceptions(const transfer_config *config);

/**
 * transfer_config_set_tls_minimum - least version of TLS
 *
 * @config:  the configuration; borrowed
 * @version: TRANSFER_TLS_DEFAULT is the default and means 1.2
 *
 * A server that does not reach it is TRANSFER_ERROR_SECURE_CONNECTION_FAILED.
 *
 * Returns:  0, or
 *           -EOPNOTSUPP  1.0 or 1.1, which are not secure
 *           -EINVAL      not one of them, or greater than the greatest that is set: raise that first
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.TLSMinimumSupportedProtocolVersion
 */
TRANSFER_PUBLIC int transfer_config_set_tls_minimum(
	transfer_config *config, enum transfer_tls_version version);

/**
 * transfer_config_get_tls_minimum - least version of TLS
 *
 * @config: the configuration; borrowed
 *
 * Returns:  the version
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.TLSMinimumSupportedProtocolVersion
 */
TRANSFER_PUBLIC enum transfer_tls_version transfer_config_get_tls_minimum(
	const transfer_config *config);

/**
 * transfer_config_set_tls_maximum - greatest version of TLS
 *
 * @config:  the configuration; borrowed
 * @version: TRANSFER_TLS_DEFAULT is the default and means the newest
 *
 * Returns:  0, or
 *           -EOPNOTSUPP  1.0 or 1.1
 *           -EINVAL      not one of them, or less than the least that is set: lower that first
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.TLSMaximumSupportedProtocolVersion
 */
TRANSFER_PUBLIC int transfer_config_set_tls_maximum(
	transfer_config *config, enum transfer_tls_version version);

/**
 * transfer_config_get_tls_maximum - greatest version of TLS
 *
 * @config: the configuration; borrowed
 *
 * Returns:  the version
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.TLSMaximumSupportedProtocolVersion
 */
TRANSFER_PUBLIC enum transfer_tls_version transfer_config_get_tls_maximum(
	const transfer_config *config);

/**
 * transfer_config_set_pipelining - send requests before answers have come
 *
 * @config: the configuration; borrowed
 * @use:    false is the default
 *
 * Without effect on Linux: libcurl has no HTTP/1.1 pipelining any more, HTTP/2 is used instead.
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.HTTPShouldUsePipelining
 */
TRANSFER_PUBLIC int transfer_config_set_pipelining(transfer_config *config, bool use);

/**
 * transfer_config_get_pipelining - send requests before answers have come
 *
 * @config: the configuration; borrowed
 *
 * Returns:  true: asked for
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.HTTPShouldUsePipelining
 */
TRANSFER_PUBLIC bool transfer_config_get_pipelining(const transfer_config *config);

/**
 * transfer_config_set_early_data - send idempotent requests with the handshake
 *
 * @config: the configuration; borrowed
 * @use:    false is the default
 *
 * Without effect on Linux: libcurl sends no early data.
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.enablesEarlyData
 */
TRANSFER_PUBLIC int transfer_config_set_early_data(transfer_config *config, bool use);

/**
 * transfer_config_get_early_data - send idempotent requests with the handshake
 *
 * @config: the configuration; borrowed
 *
 * Returns:  true: asked for
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.enablesEarlyData
 */
TRANSFER_PUBLIC bool transfer_config_get_early_data(const transfer_config *config);

/**
 * transfer_config_set_classic_loading - use the older of two loaders
 *
 * @config: the configuration; borrowed
 * @use:    true is the default
 *
 * Without effect on Linux: there is one engine. The default is true.
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.usesClassicLoadingMode
 */
TRANSFER_PUBLIC int transfer_config_set_classic_loading(transfer_config *config, bool use);

/**
 * transfer_config_get_classic_loading - use the older of two loaders
 *
 * @config: the configuration; borrowed
 *
 * Returns:  true: asked for
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.usesClassicLoadingMode
 */
TRANSFER_PUBLIC bool transfer_config_get_classic_loading(const transfer_config *config);

/**
 * transfer_config_set_extended_idle - keep connections of a sleeping program open
 *
 * @config: the configuration; borrowed
 * @use:    false is the default
 *
 * Without effect on Linux, where programs are not put to sleep.
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.shouldUseExtendedBackgroundIdleMode
 */
TRANSFER_PUBLIC int transfer_config_set_extended_idle(transfer_config *config, bool use);

/**
 * transfer_config_get_extended_idle - keep connections of a sleeping program open
 *
 * @config: the configuration; borrowed
 *
 * Returns:  true: asked for
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.shouldUseExtendedBackgroundIdleMode
 */
TRANSFER_PUBLIC bool transfer_config_get_extended_idle(const transfer_config *config);

#ifdef __cplusplus
}
#endif
#endif
