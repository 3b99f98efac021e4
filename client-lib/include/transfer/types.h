/* SPDX-License-Identifier: MIT */
/* Words shared by applications, the bus and the daemon: kinds and states of sessions and tasks. */
#ifndef TRANSFER_TYPES_H
#define TRANSFER_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A size that is not known (yet). Source: NSURLSessionTransferSizeUnknown. */
#define TRANSFER_SIZE_UNKNOWN ((int64_t)-1)

/* X(symbol, value, name on the bus). Values are stored in the database: never renumber. */
#define TRANSFER_TASK_KINDS(X) \
	X(DATA, 1, "data") \
	X(UPLOAD, 2, "upload") \
	X(DOWNLOAD, 3, "download") \
	X(STREAM, 4, "stream")

/* Source: NSURLSessionTaskState, same numbers. */
#define TRANSFER_TASK_STATES(X) \
	X(RUNNING, 0, "running") \
	X(SUSPENDED, 1, "suspended") \
	X(CANCELING, 2, "canceling") \
	X(COMPLETED, 3, "completed")

/* The truth behind the four states: what a task does or waits for. */
#define TRANSFER_TASK_SUB_STATES(X) \
	X(SUSPENDED, 0, "suspended") \
	X(QUEUED, 1, "queued") \
	X(CONNECTING, 2, "connecting") \
	X(TRANSFERRING, 3, "transferring") \
	X(FINISHING, 4, "finishing") \
	X(WAITING_NETWORK, 5, "waiting-network") \
	X(WAITING_RETRY, 6, "waiting-retry") \
	X(WAITING_DATE, 7, "waiting-date") \
	X(WAITING_DISK, 8, "waiting-disk") \
	X(WAITING_MODE, 9, "waiting-mode") \
	X(CANCELING, 10, "canceling") \
	X(DONE, 11, "done") \
	X(FAILED, 12, "failed") \
	X(CANCELLED, 13, "cancelled") \
	X(WAITING_ANSWER, 14, "waiting-answer")

#define TRANSFER_SESSION_KINDS(X) \
	X(SHARED, 1, "shared") \
	X(DEFAULT, 2, "default") \
	X(EPHEMERAL, 3, "ephemeral") \
	X(BACKGROUND, 4, "background")

#define TRANSFER_SESSION_STATES(X) \
	X(ACTIVE, 1, "active") \
	X(FINISHING, 2, "finishing") \
	X(INVALID, 3, "invalid")

/* Which cookies of answers are kept. Source: NSHTTPCookieAcceptPolicy, same numbers. */
#define TRANSFER_COOKIE_ACCEPTS(X) \
	X(ALWAYS, 0, "always") \
	X(NEVER, 1, "never") \
	X(ONLY_FROM_MAIN_DOCUMENT_DOMAIN, 2, "only-from-main-document-domain")

/* How a request may be served from stored answers. Source: NSURLRequestCachePolicy, same numbers. */
#define TRANSFER_CACHE_POLICIES(X) \
	X(USE_PROTOCOL, 0, "use-protocol") \
	X(RELOAD, 1, "reload") \
	X(RETURN_ELSE_LOAD, 2, "return-else-load") \
	X(RETURN_DONT_LOAD, 3, "return-dont-load") \
	X(RELOAD_EVERYWHERE, 4, "reload-everywhere") \
	X(REVALIDATE, 5, "revalidate")

/* Where an answer may be kept. Source: NSURLCacheStoragePolicy, same numbers. */
#define TRANSFER_STORAGE_POLICIES(X) \
	X(ALLOWED, 0, "allowed") \
	X(IN_MEMORY_ONLY, 1, "in-memory-only") \
	X(NOT_ALLOWED, 2, "not-allowed")

/* What the bytes are for; becomes the mark of their packets. Source: NSURLRequestNetworkServiceType, same numbers. */
#define TRANSFER_SERVICE_TYPES(X) \
	X(DEFAULT, 0, "default") \
	X(VOIP, 1, "voip") \
	X(VIDEO, 2, "video") \
	X(BACKGROUND, 3, "background") \
	X(VOICE, 4, "voice") \
	X(RESPONSIVE_DATA, 6, "responsive-data") \
	X(AV_STREAMING, 8, "av-streaming") \
	X(RESPONSIVE_AV, 9, "responsive-av") \
	X(CALL_SIGNALING, 11, "call-signaling")

/* What becomes of an answer. Source: NSURLSessionResponseDisposition, same numbers. */
#define TRANSFER_RESPONSE_DISPOSITIONS(X) \
	X(CANCEL, 0, "cancel") \
	X(ALLOW, 1, "allow") \
	X(BECOME_DOWNLOAD, 2, "become-download") \
	X(BECOME_STREAM, 3, "become-stream")

/* Why the body of a request is asked for. */
#define TRANSFER_BODY_REASONS(X) \
	X(START, 0, "start") \
	X(REDIRECT, 1, "redirect") \
	X(AUTHENTICATION, 2, "authentication") \
	X(RETRY, 3, "retry")

/* How a server wants to know who asks. Source: NSURLAuthenticationMethod…; more will follow. */
#define TRANSFER_AUTH_METHODS(X) \
	X(DEFAULT, 0, "default") \
	X(BASIC, 1, "basic") \
	X(DIGEST, 2, "digest")

/* How long a credential may be kept. Source: NSURLCredentialPersistence, same numbers. */
#define TRANSFER_PERSISTENCES(X) \
	X(NONE, 0, "none") \
	X(SESSION, 1, "session") \
	X(PERMANENT, 2, "permanent")

/* Versions of TLS, as they are on the wire. Source: tls_protocol_version_t, same numbers. */
#define TRANSFER_TLS_VERSIONS(X) \
	X(DEFAULT, 0, "") \
	X(1_0, 0x0301, "1.0") \
	X(1_1, 0x0302, "1.1") \
	X(1_2, 0x0303, "1.2") \
	X(1_3, 0x0304, "1.3")

/* What a cookie's SameSite said; kept, and left to the application. Source: NSHTTPCookieSameSitePolicy. */
#define TRANSFER_COOKIE_SAME_SITES(X) \
	X(UNSET, 0, "") \
	X(NONE, 1, "none") \
	X(LAX, 2, "lax") \
	X(STRICT, 3, "strict")

#define TRANSFER_TYPES_ENUM(prefix, symbol, value) TRANSFER_##prefix##_##symbol = (value),
#define TRANSFER_TYPES_TASK_KIND(s, v, n)          TRANSFER_TYPES_ENUM(TASK, s, v)
#define TRANSFER_TYPES_TASK_STATE(s, v, n)         TRANSFER_TYPES_ENUM(TASK_STATE, s, v)
#define TRANSFER_TYPES_TASK_SUB_STATE(s, v, n)     TRANSFER_TYPES_ENUM(SUB_STATE, s, v)
#define TRANSFER_TYPES_SESSION_KIND(s, v, n)       TRANSFER_TYPES_ENUM(SESSION, s, v)
#define TRANSFER_TYPES_SESSION_STATE(s, v, n)      TRANSFER_TYPES_ENUM(SESSION_STATE, s, v)
#define TRANSFER_TYPES_COOKIE_ACCEPT(s, v, n)      TRANSFER_TYPES_ENUM(COOKIE_ACCEPT, s, v)
#define TRANSFER_TYPES_COOKIE_SAME_SITE(s, v, n)   TRANSFER_TYPES_ENUM(COOKIE_SAME_SITE, s, v)
#define TRANSFER_TYPES_CACHE_POLICY(s, v, n)       TRANSFER_TYPES_ENUM(CACHE, s, v)
#define TRANSFER_TYPES_STORAGE_POLICY(s, v, n)     TRANSFER_TYPES_ENUM(STORAGE, s, v)
#define TRANSFER_TYPES_SERVICE_TYPE(s, v, n)       TRANSFER_TYPES_ENUM(SERVICE, s, v)
#define TRANSFER_TYPES_RESPONSE(s, v, n)           TRANSFER_TYPES_ENUM(RESPONSE, s, v)
#define TRANSFER_TYPES_BODY_REASON(s, v, n)        TRANSFER_TYPES_ENUM(BODY_REASON, s, v)
#define TRANSFER_TYPES_AUTH(s, v, n)               TRANSFER_TYPES_ENUM(AUTH, s, v)
#define TRANSFER_TYPES_PERSIST(s, v, n)            TRANSFER_TYPES_ENUM(PERSIST, s, v)
#define TRANSFER_TYPES_TLS_VERSION(s, v, n)        TRANSFER_TYPES_ENUM(TLS, s, v)

enum transfer_task_kind { TRANSFER_TASK_KINDS(TRANSFER_TYPES_TASK_KIND) };
enum transfer_task_state { TRANSFER_TASK_STATES(TRANSFER_TYPES_TASK_STATE) };
enum transfer_task_sub_state { TRANSFER_TASK_SUB_STATES(TRANSFER_TYPES_TASK_SUB_STATE) };
enum transfer_session_kind { TRANSFER_SESSION_KINDS(TRANSFER_TYPES_SESSION_KIND) };
enum transfer_session_state { TRANSFER_SESSION_STATES(TRANSFER_TYPES_SESSION_STATE) };
enum transfer_cookie_accept { TRANSFER_COOKIE_ACCEPTS(TRANSFER_TYPES_COOKIE_ACCEPT) };
enum transfer_cookie_same_site { TRANSFER_COOKIE_SAME_SITES(TRANSFER_TYPES_COOKIE_SAME_SITE) };
enum transfer_cache_policy { TRANSFER_CACHE_POLICIES(TRANSFER_TYPES_CACHE_POLICY) };
enum transfer_storage_policy { TRANSFER_STORAGE_POLICIES(TRANSFER_TYPES_STORAGE_POLICY) };
enum transfer_service_type { TRANSFER_SERVICE_TYPES(TRANSFER_TYPES_SERVICE_TYPE) };
enum transfer_response_disposition { TRANSFER_RESPONSE_DISPOSITIONS(TRANSFER_TYPES_RESPONSE) };
enum transfer_body_reason { TRANSFER_BODY_REASONS(TRANSFER_TYPES_BODY_REASON) };
enum transfer_auth_method { TRANSFER_AUTH_METHODS(TRANSFER_TYPES_AUTH) };
enum transfer_persistence { TRANSFER_PERSISTENCES(TRANSFER_TYPES_PERSIST) };
enum transfer_tls_version { TRANSFER_TLS_VERSIONS(TRANSFER_TYPES_TLS_VERSION) };

/* More cookies than these push the oldest out of a store. */
#define TRANSFER_COOKIES_PER_DOMAIN_MAX 180
#define TRANSFER_COOKIES_MAX            3000

/* One cookie. Name, domain, path and is_host_only together tell it from others. Source: NSHTTPCookie. */
struct transfer_cookie {
	size_t size; /* of this struct */
	const char *name, *value;
	const char *domain; /* lower case, without a leading dot */
	const char *path; /* begins with "/" */
	uint64_t expires_wall_usec; /* 0: it lasts until the machine is started anew */
	uint64_t created_wall_usec;
	enum transfer_cookie_same_site same_site;
	bool is_host_only; /* false: sub-domains get it, too */
	bool is_secure; /* https only */
	bool is_http_only;
};

/*
 * What a transfer failed with. A value, not a C error: made once where it is seen, stored, sent, handed to the delegate.
 * Public so that every layer shares it; applications meet it as transfer_error objects.
 */
#define TRANSFER_RESULT_DETAIL_BYTES 192
struct transfer_result {
	int32_t code; /* enum transfer_error_code; 0: success */
	int32_t os_errno; /* 0: none */
	int32_t library_code; /* CURLcode or OpenSSL verify result; 0: none */
	char detail
		[TRANSFER_RESULT_DETAIL_BYTES]; /* underlying library's words, valid UTF-8, no URL and no secret; may be "" */
};

#ifdef __cplusplus
}
#endif
#endif
