/* SPDX-License-Identifier: MIT */
/*
 * What a session keeps for servers: open connections and cookies. Lists of cookies and changes of them are the manager's
 * (<transfer/manager.h>); which a session uses is in its configuration. Credentials are in <transfer/credential-store.h>.
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
 * @handler:  called once, when everything the session has stored is on the disk; not any more once
 *            the session has become invalid; NULL: not wanted
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
 * @handler:  called once, not any more once the session has become invalid; NULL: not wanted
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

#ifdef __cplusplus
}
#endif
#endif
