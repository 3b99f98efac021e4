/* SPDX-License-Identifier: MIT */
/*
 * What a session keeps for servers: open connections and cookies. Which store of cookies a session uses is in its configuration
 * (transfer_config_set_cookie_store()); the functions here are about that store, whoever else uses it. A manager reaches the
 * stores of other programs, too (<transfer/manager.h>). Credentials are in <transfer/credential-store.h>.
 *
 * transferd has the stores: it is started where it does not run, and its answers come as callbacks on the session's queue. What is
 * asked of one session is done in order, and before its tasks that are resumed later begin: they go with the cookies that were
 * set before. The store of an ephemeral session goes with the session, and when transferd goes away. Values are secrets.
 */
#ifndef TRANSFER_COOKIE_H
#define TRANSFER_COOKIE_H

#include <transfer/session.h>

#ifdef __cplusplus
extern "C" {
#endif

/* error: NULL when it is done; borrowed for the call. On the session's queue. */
typedef void (*transfer_done_handler)(const transfer_error *error, void *userdata);

/**
 * transfer_session_flush - let new requests use new connections
 *
 * @session:  the session; borrowed
 * @handler:  called once, when everything the session has stored is on the disk; of a session in memory also after its end,
 *            with an error; of a background session that has become invalid no more; NULL: not wanted
 * @userdata: handed to handler
 *
 * Without memory for the question the handler is called at once, in this thread, with ENOMEM.
 *
 * Blocks:   no; the answer comes as a callback
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.flushWithCompletionHandler:
 */
TRANSFER_PUBLIC void transfer_session_flush(
	transfer_session *session, transfer_done_handler handler, void *userdata);

/**
 * transfer_session_reset - empty the session's cache and its stores of cookies and credentials, and flush
 *
 * @session:  the session; borrowed
 * @handler:  called once, as in transfer_session_flush(); NULL: not wanted
 * @userdata: handed to handler
 *
 * Without memory for the question the handler is called at once, in this thread, with ENOMEM.
 *
 * Credentials, and what the cache has in memory, are gone when the call returns, its files when handler is called. Transfers that run
 * go on. A background session has no cache and keeps no credentials.
 *
 * Blocks:   no; the answer comes as a callback
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.resetWithCompletionHandler:
 */
TRANSFER_PUBLIC void transfer_session_reset(
	transfer_session *session, transfer_done_handler handler, void *userdata);

/**
 * transfer_cookie_list - cookies of a session's store; immutable
 *
 * Returns:  transfer_cookie_list_ref: its argument; transfer_cookie_list_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Session.ListCookies
 */
TRANSFER_OBJECT(transfer_cookie_list);

/**
 * transfer_cookie_list_get_size - number of cookies
 *
 * @list: the list; borrowed; NULL has none
 *
 * Returns:  the number
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC size_t transfer_cookie_list_get_size(const transfer_cookie_list *list);

/**
 * transfer_cookie_list_get - one cookie
 *
 * @list:  the list; borrowed
 * @index: counted from 0
 *
 * Returns:  the cookie; lives as long as the list. NULL: past the end.
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC const struct transfer_cookie *transfer_cookie_list_get(
	const transfer_cookie_list *list, size_t index);

/* Called once on the session's queue. cookies: borrowed, to be kept with transfer_cookie_list_ref(); NULL: error tells why. */
typedef void (*transfer_cookies_handler)(
	const transfer_cookie_list *cookies, const transfer_error *error, void *userdata);

/**
 * transfer_session_get_cookies - ask for the cookies of the session's store
 *
 * @session:  the session; borrowed
 * @url:      those that a request to this http or https URL would send, longer paths first, then the older; its host is as
 *            requests have it, in ASCII. NULL: all of the store, the oldest first
 * @handler:  called once, after the end of a session that is in memory, too; with TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION
 *            where the session uses no store
 * @userdata: handed to handler
 *
 * Without memory for the question the handler is called at once, in this thread, with ENOMEM. A background session that has become
 * invalid calls it no more.
 *
 * Blocks:   no; the answer comes as a callback
 * Thread:   any
 * Since:    0.1
 * Source:   NSHTTPCookieStorage.cookiesForURL:
 */
TRANSFER_PUBLIC void transfer_session_get_cookies(transfer_session *session, const char *url,
	transfer_cookies_handler handler, void *userdata);

/**
 * transfer_session_set_cookies - put cookies into the session's store, all or none
 *
 * @session:   the session; borrowed
 * @cookies:   with their size set; copied. A first dot in a domain means that sub-domains get it, too, whatever is_host_only
 *             says; one whose time is over removes the one that is there; created_wall_usec is not read
 * @n_cookies: at most 1000
 * @handler:   called once, when they are in the store; as in transfer_session_get_cookies(); EINVAL: a cookie is wrong, or
 *             there are too many; NULL: not wanted
 * @userdata:  handed to handler
 *
 * Name, domain, path and is_host_only together tell a cookie from others. The accept policy of the session is for answers: it
 * is not asked here.
 *
 * Blocks:   no; the answer comes as a callback
 * Thread:   any
 * Since:    0.1
 * Source:   NSHTTPCookieStorage.setCookie:
 */
TRANSFER_PUBLIC void transfer_session_set_cookies(transfer_session *session,
	const struct transfer_cookie *cookies, size_t n_cookies, transfer_done_handler handler,
	void *userdata);

/**
 * transfer_session_remove_cookies - remove what came into the session's store since a time
 *
 * @session:         the session; borrowed
 * @since_wall_usec: cookies that were made then or later go; 0: all
 * @handler:         called once, when they are gone; as in transfer_session_get_cookies(); NULL: not wanted
 * @userdata:        handed to handler
 *
 * A cookie that took the place of another counts as made when that was.
 *
 * Blocks:   no; the answer comes as a callback
 * Thread:   any
 * Since:    0.1
 * Source:   NSHTTPCookieStorage.removeCookiesSinceDate:
 */
TRANSFER_PUBLIC void transfer_session_remove_cookies(transfer_session *session,
	uint64_t since_wall_usec, transfer_done_handler handler, void *userdata);

#ifdef __cplusplus
}
#endif
#endif
