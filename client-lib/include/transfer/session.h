/* SPDX-License-Identifier: MIT */
/*
 * Sessions and the making of their tasks.
 *
 * A background session belongs to its application and identifier and outlives the program: the next program
 * that opens it gets the events that were not delivered, in order, then did_finish_background_events, then
 * live ones. An event is delivered when its callback has returned: one whose callback did not return (the
 * program crashed) comes again. When transferd restarts, the session attaches again by itself; tasks keep
 * identifier, request, description and counters.
 *
 * The other sessions (shared, default, ephemeral) belong to the client and live in memory. Making one talks
 * to nobody; what it needs of transferd is asked for when the first task begins. When transferd goes away
 * their tasks complete with TRANSFER_ERROR_BACKGROUND_SESSION_DISCONNECTED, and the next task starts it
 * again; with TRANSFER_CLIENT_NO_AUTOSTART the next task completes with TRANSFER_BUS_ERROR_NOT_RUNNING.
 *
 * Nothing is called for a task after task_did_complete, and nothing of the delegate after did_become_invalid. What the program
 * hands in with a call is its own: of a session in memory that has become invalid the handler of a later task, and of a later
 * question about the session, is still called, on the session's queue and with an error, so that it need not be waited for in vain.
 *
 * A session does not give back its delegate, userdata and queue: the program has them. They never change.
 */
#ifndef TRANSFER_SESSION_H
#define TRANSFER_SESSION_H

#include <transfer/client.h>
#include <transfer/delegate.h>
#include <transfer/request.h>
#include <transfer/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- sessions ---- */

/* Who is told about a session, and where. Set size with TRANSFER_OWNER_INIT. */
struct transfer_owner {
	size_t size;
	/* copied */
	const struct transfer_session_delegate *delegate;
	/* handed to every callback; must live until did_become_invalid or the last unref */
	void *userdata;
	/* where callbacks run; a reference is kept; NULL: a serial queue of its own */
	transfer_queue *queue;
	/* called with userdata, once: after did_become_invalid has returned, or after the last unref; may be NULL */
	transfer_destroy destroy;
};

/* First in every initialiser of an owner. */
#define TRANSFER_OWNER_INIT .size = sizeof(struct transfer_owner)

/**
 * transfer_session_new - open a session, or come back to one
 *
 * @ret_session: the session; untouched on failure
 * @client:      the client; a reference is kept
 * @config:      the configuration; copied. NULL: a new default one
 * @owner:       delegate, its userdata and its queue; copied. NULL, or without delegate: tasks need handlers;
 *               not in a background session
 * @ret_error:   why it failed; NULL: not wanted
 *
 * A session that is not a background one is there at once; the rest of this is about background sessions.
 *
 * A background session that exists keeps its stored configuration; transfer_session_was_reassociated()
 * tells. transferd is started when it is not running.
 *
 * An identifier has one session at a time, in this process, too: a second one is refused and leaves the first as it is.
 *
 * Returns:  0, or
 *           -EINVAL     no delegate in a background session, a struct without size, or a setter of config failed
 *           -EBUSY      TRANSFER_ERROR_BACKGROUND_SESSION_IN_USE: another process, or another session here, is attached
 *           -ESTALE     TRANSFER_BUS_ERROR_SESSION_INVALID: the session was invalidated and is not gone yet
 *           -ENOTCONN   TRANSFER_ERROR_BACKGROUND_SESSION_DISCONNECTED: transferd cannot be reached;
 *                       TRANSFER_BUS_ERROR_NOT_RUNNING: TRANSFER_CLIENT_NO_AUTOSTART, and it does not run
 *           -EREMOTEIO  transferd refused; the error tells why
 *           -ECHILD     the process was forked after the client, or the queue, was made
 *           -ENOMEM     out of memory
 * Blocks:   no; a background session: for two answers, at most 25 seconds each
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.sessionWithConfiguration:delegate:delegateQueue:
 */
TRANSFER_PUBLIC int transfer_session_new(transfer_session **ret_session, transfer_client *client,
	const transfer_config *config, const struct transfer_owner *owner,
	transfer_error **ret_error);

/**
 * transfer_session_get_shared - the one session that needs no making
 *
 * @client: the client; NULL: one of the process, which is made when it is first needed
 *
 * It has no delegate and the default configuration, which cannot be changed; its tasks need handlers. It
 * cannot be invalidated: those calls do nothing.
 *
 * Returns:  the same session each time, lent (with NULL a new one when the bus was gone meanwhile, and in a child of
 *           fork()); NULL: no bus, out of memory, or the process was forked after the client was made
 * Blocks:   no; the first call with NULL for the handshake with the bus
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.sharedSession
 */
TRANSFER_PUBLIC transfer_session *transfer_session_get_shared(transfer_client *client);

/**
 * transfer_session_was_reassociated - tell whether the session was there before
 *
 * @session: the session; borrowed
 *
 * Returns:  true: events and tasks of an earlier program may arrive
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.OpenSession
 */
TRANSFER_PUBLIC bool transfer_session_was_reassociated(const transfer_session *session);

/**
 * transfer_session_get_identifier - name of the session
 *
 * @session: the session; borrowed
 *
 * Returns:  the name, or NULL: not a background session
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.identifier
 */
TRANSFER_PUBLIC const char *transfer_session_get_identifier(const transfer_session *session);

/**
 * transfer_session_get_kind - shared, default, ephemeral or background
 *
 * @session: the session; borrowed
 *
 * Returns:  the kind
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession
 */
TRANSFER_PUBLIC enum transfer_session_kind transfer_session_get_kind(
	const transfer_session *session);

/**
 * transfer_session_copy_config - the configuration that was asked for
 *
 * @session: the session; borrowed
 *
 * Returns:  a copy, or NULL: out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.configuration
 */
TRANSFER_PUBLIC transfer_config *transfer_session_copy_config(const transfer_session *session);

/**
 * transfer_session_set_description - name the session for people
 *
 * @session: the session; borrowed
 * @text:    at most 1024 bytes; NULL: none
 *
 * Returns:  0, or
 *           -EINVAL  not UTF-8 or too long
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.sessionDescription
 */
TRANSFER_PUBLIC int transfer_session_set_description(transfer_session *session, const char *text);

/**
 * transfer_session_copy_description - text for people
 *
 * @session: the session; borrowed
 *
 * Returns:  the text, to be freed with free(); NULL: none, or out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.sessionDescription
 */
TRANSFER_PUBLIC char *transfer_session_copy_description(const transfer_session *session);

/**
 * transfer_session_finish_and_invalidate - take no more tasks and end with the last one
 *
 * @session: the session; borrowed
 *
 * did_become_invalid follows. Tasks that are made from now on complete with
 * TRANSFER_BUS_ERROR_SESSION_INVALID. A task that was never resumed holds the session open while the
 * program has a reference to it. Nothing happens to the shared session.
 *
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.finishTasksAndInvalidate
 */
TRANSFER_PUBLIC void transfer_session_finish_and_invalidate(transfer_session *session);

/**
 * transfer_session_invalidate_and_cancel - cancel all tasks and end
 *
 * @session: the session; borrowed
 *
 * did_become_invalid follows, after the end of every task. Nothing happens to the shared session.
 *
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.invalidateAndCancel
 */
TRANSFER_PUBLIC void transfer_session_invalidate_and_cancel(transfer_session *session);

/*
 * Called on the session's queue with the tasks that have not ended; they are borrowed for the call. tasks NULL: they are not
 * known, for want of memory or because transferd refused; where there are none, it is not NULL.
 */
typedef void (*transfer_tasks_handler)(transfer_task *const *tasks, size_t n_tasks, void *userdata);

/**
 * transfer_session_get_tasks - ask for the tasks that have not ended
 *
 * @session:  the session; borrowed
 * @handler:  called once on the session's queue, in order with the callbacks, behind the events that waited
 * @userdata: handed to handler
 *
 * Without memory for the question the handler is called at once, in this thread. A background session that has become
 * invalid calls it no more.
 *
 * Blocks:   no; the answer comes as a callback
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.getAllTasksWithCompletionHandler:
 */
TRANSFER_PUBLIC void transfer_session_get_tasks(
	transfer_session *session, transfer_tasks_handler handler, void *userdata);

/* Tasks that have not ended, by kind and in the order of their making; borrowed for the call. */
struct transfer_task_lists {
	size_t size;
	transfer_task *const *data, *const *uploads, *const *downloads;
	size_t n_data, n_uploads, n_downloads;
};

/* Called on the session's queue. All lists NULL: the tasks are not known, for want of memory or because transferd refused. */
typedef void (*transfer_task_lists_handler)(
	const struct transfer_task_lists *lists, void *userdata);

/**
 * transfer_session_get_task_lists - ask for the tasks that have not ended, by kind
 *
 * @session:  the session; borrowed
 * @handler:  called once on the session's queue, in order with the callbacks
 * @userdata: handed to handler
 *
 * Tasks that were never resumed are among them. Without memory, and after the end of the session, as for
 * transfer_session_get_tasks().
 *
 * Blocks:   no; the answer comes as a callback
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.getTasksWithCompletionHandler:
 */
TRANSFER_PUBLIC void transfer_session_get_task_lists(
	transfer_session *session, transfer_task_lists_handler handler, void *userdata);

/* ---- creating tasks ---- */

/*
 * End of a download for a program that wants no delegate; not in background sessions. Called once, on the session's queue.
 * path is there until it returns, unless it was renamed or linked away; fd is open for reading and closed after the call.
 * After a failure path is NULL and fd -1; response is there whenever one came.
 */
typedef void (*transfer_file_handler)(const char *path, int fd, const transfer_response *response,
	const transfer_error *error, void *userdata);

/*
 * End of a data or upload task for a program that wants no delegate; not in background sessions. Called once, on the
 * session's queue. After a failure body is NULL; response is there whenever one came.
 */
typedef void (*transfer_data_handler)(const transfer_data *body, const transfer_response *response,
	const transfer_error *error, void *userdata);

/**
 * transfer_session_download_task - a task that fetches into a file
 *
 * @session:  the session; borrowed
 * @request:  what to fetch; copied
 * @handler:  told of the end instead of the delegate, which is still asked about redirects; NULL: the
 *            delegate is told. Must be NULL in a background session, else the task completes with
 *            NOT_SUPPORTED_IN_SESSION
 * @userdata: handed to handler
 *
 * The task is suspended until transfer_task_resume(). A task that could not be made completes with the
 * error, through task_did_complete.
 *
 * Returns:  the task, or NULL: out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.downloadTaskWithRequest:
 */
TRANSFER_PUBLIC transfer_task *transfer_session_download_task(transfer_session *session,
	transfer_request *request, transfer_file_handler handler, void *userdata);

/**
 * transfer_session_download_task_resume - a task that goes on where another one stopped
 *
 * @session:     the session; borrowed
 * @resume_data: from transfer_task_cancel_by_producing_resume_data() or an error; a reference is kept
 * @handler:     must be NULL in a background session
 * @userdata:    handed to handler
 *
 * Resume data is used up by this. The task makes the request of the stopped one: its header fields, timeouts, CA file and
 * permission for plain HTTP. Resume data of an in-app download holds them in clear text, passwords and cookies of header fields
 * included: keep it as you would keep those. That of a background download does not; transferd looks them up.
 *
 * An answer that is neither the rest nor the whole, as 401 or 404, ends the task with TRANSFER_ERROR_BAD_SERVER_RESPONSE and does
 * not take the place of what was there: the answer is the response, and the error has new resume data.
 *
 * Returns:  the task, or NULL: out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.downloadTaskWithResumeData:
 */
TRANSFER_PUBLIC transfer_task *transfer_session_download_task_resume(transfer_session *session,
	const transfer_data *resume_data, transfer_file_handler handler, void *userdata);

/**
 * transfer_session_upload_task_file - a task that sends a file
 *
 * @session:  the session; borrowed
 * @request:  where to send it; copied
 * @path:     the file; opened at once with the rights of the program
 * @handler:  must be NULL in a background session
 * @userdata: handed to handler
 *
 * A file that cannot be opened makes the task complete with TRANSFER_ERROR_FILE_DOES_NOT_EXIST,
 * TRANSFER_ERROR_FILE_IS_DIRECTORY, TRANSFER_ERROR_NO_PERMISSIONS_TO_READ_FILE or
 * TRANSFER_ERROR_CANNOT_OPEN_FILE.
 *
 * Returns:  the task, or NULL: out of memory
 * Blocks:   for the opening of the file
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.uploadTaskWithRequest:fromFile:
 */
TRANSFER_PUBLIC transfer_task *transfer_session_upload_task_file(transfer_session *session,
	transfer_request *request, const char *path, transfer_data_handler handler, void *userdata);

/**
 * transfer_session_upload_task_data - a task that sends bytes from memory
 *
 * @session:  the session; borrowed
 * @request:  where to send them; copied
 * @body:     the bytes; a reference is kept; NULL: none
 * @handler:  told of the end; NULL: the delegate is told
 * @userdata: handed to handler
 *
 * The body of the request itself is ignored. In a background session it completes with
 * TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION: the bytes would not outlive the program.
 *
 * Returns:  the task, or NULL: out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.uploadTaskWithRequest:fromData:
 */
TRANSFER_PUBLIC transfer_task *transfer_session_upload_task_data(transfer_session *session,
	transfer_request *request, const transfer_data *body, transfer_data_handler handler,
	void *userdata);

/**
 * transfer_session_data_task - a task that fetches into memory
 *
 * @session:  the session; borrowed
 * @request:  what to fetch; copied
 * @handler:  told of the end; NULL: the delegate is told
 * @userdata: handed to handler
 *
 * With a handler the body comes whole, and takes as much memory. In a background session it completes
 * with TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION.
 *
 * HTTP/2 of libcurl before 8.14 cannot wait: transferd keeps up to 64 MiB for a handler. What is longer is fetched anew over
 * HTTP/1.1, or, with a method that must not be repeated (POST, PATCH), ends with TRANSFER_ERROR_DATA_LENGTH_EXCEEDS_MAXIMUM. A
 * task with a delegate has no such bound: there it uses HTTP/1.1 from the start.
 *
 * Returns:  the task, or NULL: out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.dataTaskWithRequest:
 */
TRANSFER_PUBLIC transfer_task *transfer_session_data_task(transfer_session *session,
	transfer_request *request, transfer_data_handler handler, void *userdata);

/**
 * transfer_session_upload_task_streamed - a task that sends what the delegate gives
 *
 * @session: the session; borrowed
 * @request: where to send it; copied
 *
 * task_need_body asks for the body when it is needed, and again where it has to go again. In a background
 * session it completes with TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION.
 *
 * Returns:  the task, or NULL: out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.uploadTaskWithStreamedRequest:
 */
TRANSFER_PUBLIC transfer_task *transfer_session_upload_task_streamed(
	transfer_session *session, transfer_request *request);

#ifdef __cplusplus
}
#endif
#endif
