/* SPDX-License-Identifier: MIT */
/*
 * How a session behaves. What is special to networks stands in <transfer/configuration-network.h>, to stores, wake-ups and
 * protocols in <transfer/configuration-store.h>.
 *
 * Setters return 0 or -errno. That may be ignored: the first failure sticks to the configuration and is reported by
 * transfer_session_new(). Texts are copied. A session takes a copy: changing the configuration later changes nothing.
 */
#ifndef TRANSFER_CONFIGURATION_H
#define TRANSFER_CONFIGURATION_H

#include <transfer/object.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How the file of a background upload is kept until it is sent. */
enum transfer_upload_copy {
	/* copied (shared blocks where the file system can): the file may go away */
	TRANSFER_UPLOAD_COPY_SNAPSHOT = 0,
	/* read in place: a file that changed is TRANSFER_ERROR_SOURCE_CHANGED */
	TRANSFER_UPLOAD_COPY_NONE = 1,
};

/**
 * transfer_config - how a session behaves; mutable, copied when used
 *
 * Returns:  transfer_config_ref: its argument; transfer_config_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration
 */
TRANSFER_OBJECT(transfer_config);

/* ---- configuration ---- */

/**
 * transfer_config_new_background - configuration of a session that outlives the program
 *
 * @identifier: name of the session, unique per application; 1 to 255 bytes of UTF-8
 *
 * Returns:  the configuration, or NULL: out of memory. A wrong identifier sticks as -EINVAL.
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.backgroundSessionConfigurationWithIdentifier:
 */
TRANSFER_PUBLIC transfer_config *transfer_config_new_background(const char *identifier);

/**
 * transfer_config_new_default - configuration of a session that ends with the program
 *
 * Such a session shares the cookies of the application with its other sessions. Each call makes a new one.
 *
 * Returns:  the configuration, or NULL: out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.defaultSessionConfiguration
 */
TRANSFER_PUBLIC transfer_config *transfer_config_new_default(void);

/**
 * transfer_config_new_ephemeral - configuration of a session that keeps nothing
 *
 * Cookies are in the memory of transferd, belong to the one session and go with it. Nothing of the session
 * touches a disk but files that the program asks for.
 *
 * Returns:  the configuration, or NULL: out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.ephemeralSessionConfiguration
 */
TRANSFER_PUBLIC transfer_config *transfer_config_new_ephemeral(void);

/**
 * transfer_config_copy - an independent copy
 *
 * @config: the configuration; borrowed
 *
 * Returns:  the copy, or NULL: out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration, NSCopying
 */
TRANSFER_PUBLIC transfer_config *transfer_config_copy(const transfer_config *config);

/**
 * transfer_config_get_identifier - name of the background session
 *
 * @config: the configuration; borrowed
 *
 * Returns:  the name, or NULL: not a background session's
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.identifier
 */
TRANSFER_PUBLIC const char *transfer_config_get_identifier(const transfer_config *config);

/**
 * transfer_config_get_kind - kind of the sessions that it makes
 *
 * @config: the configuration; borrowed
 *
 * Returns:  TRANSFER_SESSION_DEFAULT, TRANSFER_SESSION_EPHEMERAL or TRANSFER_SESSION_BACKGROUND
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration
 */
TRANSFER_PUBLIC enum transfer_session_kind transfer_config_get_kind(const transfer_config *config);

/**
 * transfer_config_set_app_id - application to which the session belongs
 *
 * @config: the configuration; borrowed
 * @app_id: such as "org.example.Mirror"; NULL: the name of the program
 *
 * Sessions of one user are found by application and identifier. Inside a sandbox the sandbox tells the
 * name instead.
 *
 * Returns:  0, or
 *           -EINVAL  empty, too long or not UTF-8
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.OpenSession
 */
TRANSFER_PUBLIC int transfer_config_set_app_id(transfer_config *config, const char *app_id);

/**
 * transfer_config_get_app_id - application to which the session belongs
 *
 * @config: the configuration; borrowed
 *
 * Returns:  the id, or NULL: the name of the program
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.OpenSession
 */
TRANSFER_PUBLIC const char *transfer_config_get_app_id(const transfer_config *config);

/**
 * transfer_config_set_header - a header field for every request of the session
 *
 * @config: the configuration; borrowed
 * @name:   field name; an earlier one of this name is replaced
 * @value:  field value; NULL removes the field
 *
 * Fields of the request win.
 *
 * Returns:  0, or
 *           -EINVAL  not a header field
 *           -E2BIG   more than 256 fields
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.HTTPAdditionalHeaders
 */
TRANSFER_PUBLIC int transfer_config_set_header(
	transfer_config *config, const char *name, const char *value);

/**
 * transfer_config_get_header - header field for every request of the session
 *
 * @config: the configuration; borrowed
 * @name:   field name; letter case is ignored
 *
 * Returns:  the value, or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.HTTPAdditionalHeaders
 */
TRANSFER_PUBLIC const char *transfer_config_get_header(
	const transfer_config *config, const char *name);

/**
 * transfer_config_foreach_header - visit the header fields for every request
 *
 * @config:   the configuration; borrowed
 * @each:     called for each field; a value other than 0 ends the visit
 * @userdata: handed to handler
 *
 * Returns:  0, or what each returned
 * Blocks:   as long as each does
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.HTTPAdditionalHeaders
 */
TRANSFER_PUBLIC int transfer_config_foreach_header(const transfer_config *config,
	int (*each)(const char *name, const char *value, void *userdata), void *userdata);

/**
 * transfer_config_set_request_timeout - longest time without a byte before an attempt fails
 *
 * @config:       the configuration; borrowed
 * @timeout_usec: microseconds; 0: the default of 60 seconds
 *
 * In a background session the attempt is repeated.
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.timeoutIntervalForRequest
 */
TRANSFER_PUBLIC int transfer_config_set_request_timeout(
	transfer_config *config, uint64_t timeout_usec);

/**
 * transfer_config_get_request_timeout - longest time without a byte
 *
 * @config: the configuration; borrowed
 *
 * Returns:  microseconds; 60 seconds when it was never set
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.timeoutIntervalForRequest
 */
TRANSFER_PUBLIC uint64_t transfer_config_get_request_timeout(const transfer_config *config);

/**
 * transfer_config_set_resource_timeout - longest life of a task from its first resume
 *
 * @config:       the configuration; borrowed
 * @timeout_usec: microseconds; 0: the default of 7 days
 *
 * Waiting and repeated attempts count, time in which the task is suspended does not.
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.timeoutIntervalForResource
 */
TRANSFER_PUBLIC int transfer_config_set_resource_timeout(
	transfer_config *config, uint64_t timeout_usec);

/**
 * transfer_config_get_resource_timeout - longest life of a task
 *
 * @config: the configuration; borrowed
 *
 * Returns:  microseconds; 7 days when it was never set
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.timeoutIntervalForResource
 */
TRANSFER_PUBLIC uint64_t transfer_config_get_resource_timeout(const transfer_config *config);

/**
 * transfer_config_set_max_connections_per_host - connections of the session to one host at a time
 *
 * @config:        the configuration; borrowed
 * @n_connections: 1 to 64; 0: the default of 6
 *
 * Connections are counted, not tasks: over HTTP/2 many tasks share one.
 *
 * Returns:  0, or -EINVAL for more
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.HTTPMaximumConnectionsPerHost
 */
TRANSFER_PUBLIC int transfer_config_set_max_connections_per_host(
	transfer_config *config, unsigned int n_connections);

/**
 * transfer_config_get_max_connections_per_host - connections to one host at a time
 *
 * @config: the configuration; borrowed
 *
 * Returns:  how many; 6 when it was never set
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.HTTPMaximumConnectionsPerHost
 */
TRANSFER_PUBLIC unsigned int transfer_config_get_max_connections_per_host(
	const transfer_config *config);

/**
 * transfer_config_set_max_rate - bound on the speed of each task of the session
 *
 * @config:   the configuration; borrowed
 * @rate_bps: bytes per second; 0: none
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_config_set_max_rate(transfer_config *config, uint64_t rate_bps);

/**
 * transfer_config_get_max_rate - bound on the speed of each task
 *
 * @config: the configuration; borrowed
 *
 * Returns:  bytes per second; 0: none
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC uint64_t transfer_config_get_max_rate(const transfer_config *config);

/**
 * transfer_config_set_allow_insecure - allow plain http
 *
 * @config: the configuration; borrowed
 * @allow:  false is the default: such a task fails with TRANSFER_ERROR_INSECURE_TRANSPORT
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSAllowsArbitraryLoads
 */
TRANSFER_PUBLIC int transfer_config_set_allow_insecure(transfer_config *config, bool allow);

/**
 * transfer_config_get_allow_insecure - whether plain http is allowed
 *
 * @config: the configuration; borrowed
 *
 * Returns:  true: it is
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSAllowsArbitraryLoads
 */
TRANSFER_PUBLIC bool transfer_config_get_allow_insecure(const transfer_config *config);

/**
 * transfer_config_set_ca_file - roots to trust instead of the system's
 *
 * @config: the configuration; borrowed
 * @path:   absolute path of a PEM file; NULL: the system's
 *
 * Returns:  0, or
 *           -EINVAL  not an absolute path
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_config_set_ca_file(transfer_config *config, const char *path);

/**
 * transfer_config_get_ca_file - roots to trust
 *
 * @config: the configuration; borrowed
 *
 * Returns:  the path, or NULL: the system's
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC const char *transfer_config_get_ca_file(const transfer_config *config);

/**
 * transfer_config_set_retry_http_errors - repeat requests answered with 408, 429 or 5xx
 *
 * @config: the configuration; borrowed
 * @retry:  false is the default: every answer is a result
 *
 * Background sessions only; without effect in the others.
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_config_set_retry_http_errors(transfer_config *config, bool retry);

/**
 * transfer_config_get_retry_http_errors - whether 408, 429 and 5xx are repeated
 *
 * @config: the configuration; borrowed
 *
 * Returns:  true: they are
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC bool transfer_config_get_retry_http_errors(const transfer_config *config);

/**
 * transfer_config_set_upload_copy - whether files to upload are copied when the task is made
 *
 * @config: the configuration; borrowed
 * @copy:   snapshot is the default
 *
 * Background sessions only: the others read the file in place.
 *
 * Returns:  0, or
 *           -EINVAL  not one of the two
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_config_set_upload_copy(
	transfer_config *config, enum transfer_upload_copy copy);

/**
 * transfer_config_get_upload_copy - whether files to upload are copied
 *
 * @config: the configuration; borrowed
 *
 * Returns:  the word
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC enum transfer_upload_copy transfer_config_get_upload_copy(
	const transfer_config *config);

/**
 * transfer_config_set_cookie_store - where the session's cookies are kept
 *
 * @config: the configuration; borrowed
 * @name:   "shared" is the default, one store for all sessions of the application; another name: one
 *          for those that name it; NULL: no cookies are sent or kept. In an ephemeral session "" is the
 *          default: one of its own, in memory
 *
 * Returns:  0, or
 *           -EINVAL  longer than 255 bytes or not UTF-8
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.HTTPCookieStorage
 */
TRANSFER_PUBLIC int transfer_config_set_cookie_store(transfer_config *config, const char *name);

/**
 * transfer_config_get_cookie_store - where the session's cookies are kept
 *
 * @config: the configuration; borrowed
 *
 * Returns:  the name, "": the ephemeral session's own, or NULL: no cookies
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.HTTPCookieStorage
 */
TRANSFER_PUBLIC const char *transfer_config_get_cookie_store(const transfer_config *config);

/**
 * transfer_config_set_should_set_cookies - whether stored cookies are sent
 *
 * @config: the configuration; borrowed
 * @should: true is the default; false: those of answers are kept all the same, as the policy says
 *
 * A Cookie header that a request sets by hand is sent instead of stored ones, and never to another
 * origin.
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.HTTPShouldSetCookies
 */
TRANSFER_PUBLIC int transfer_config_set_should_set_cookies(transfer_config *config, bool should);

/**
 * transfer_config_get_should_set_cookies - whether stored cookies are sent
 *
 * @config: the configuration; borrowed
 *
 * Returns:  true: they are
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.HTTPShouldSetCookies
 */
TRANSFER_PUBLIC bool transfer_config_get_should_set_cookies(const transfer_config *config);

/**
 * transfer_config_set_cookie_accept_policy - which cookies of answers are kept
 *
 * @config: the configuration; borrowed
 * @policy: only those from the main document's domain is the default; a request that names no main
 *          document accepts them all
 *
 * Returns:  0, or
 *           -EINVAL  not one of the three
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.HTTPCookieAcceptPolicy
 */
TRANSFER_PUBLIC int transfer_config_set_cookie_accept_policy(
	transfer_config *config, enum transfer_cookie_accept policy);

/**
 * transfer_config_get_cookie_accept_policy - which cookies of answers are kept
 *
 * @config: the configuration; borrowed
 *
 * Returns:  the policy
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.HTTPCookieAcceptPolicy
 */
TRANSFER_PUBLIC enum transfer_cookie_accept transfer_config_get_cookie_accept_policy(
	const transfer_config *config);

/**
 * transfer_config_get_status - first failure of a setter
 *
 * @config: the configuration; borrowed
 *
 * Returns:  0 or the negative errno of that setter
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_config_get_status(const transfer_config *config);

#ifdef __cplusplus
}
#endif
#endif
