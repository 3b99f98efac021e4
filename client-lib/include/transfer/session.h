/* SPDX-License-Identifier: MIT */
/*
 * Sessions, their delegates and their tasks.
 *
 * A background session belongs to its application and identifier and outlives the program: the next program that opens
 * it gets the events that were not delivered, in order, then did_finish_background_events, then live ones. An event is
 * delivered when its callback has returned: one whose callback did not return (the program crashed) comes again.
 * Nothing is called for a task after task_did_complete, and nothing for a session after did_become_invalid.
 * When transferd restarts, the session attaches again by itself; tasks keep identifier, request, description and counters.
 */
#ifndef TRANSFER_SESSION_H
#define TRANSFER_SESSION_H

#include <transfer/answer.h>
#include <transfer/client.h>
#include <transfer/request.h>
#include <transfer/response.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * transfer_session - tasks with one configuration and one delegate; shared, never copied
 *
 * The last transfer_session_unref() detaches: tasks go on, and events wait in transferd for the next
 * attach. Callbacks that are queued by then are not run any more; one that is running in another
 * thread is waited for.
 *
 * Returns:  transfer_session_ref: its argument; transfer_session_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession
 */
TRANSFER_OBJECT(transfer_session);

/**
 * transfer_task - one transfer; shared, never copied
 *
 * A task goes on without references.
 *
 * Returns:  transfer_task_ref: its argument; transfer_task_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask
 */
TRANSFER_OBJECT(transfer_task);

/* Counters of a task. Set size before asking. Expected sizes are TRANSFER_SIZE_UNKNOWN until they are known. */
struct transfer_progress {
	size_t size;
	int64_t received_bytes, expected_receive_bytes;
	int64_t sent_bytes, expected_send_bytes;
	uint64_t receive_rate_bps, send_rate_bps;
};

/* What a transfer took. size tells how much of it the library filled. Times count from the epoch; 0: not reached. */
struct transfer_metrics {
	size_t size;
	uint64_t created_wall_usec, started_wall_usec, response_wall_usec, finished_wall_usec;
	uint64_t network_bytes; /* on the wire, headers and repeated parts included */
	uint32_t n_attempts, n_redirects;
};

/*
 * What a session tells its owner. Members that are NULL are not told. Callbacks of one session never overlap, never run
 * inside another call of this library and never with one of its locks held; everything handed in is borrowed for the
 * duration of the call. New members are added at the end.
 * Source: NSURLSessionDelegate, NSURLSessionTaskDelegate, NSURLSessionDataDelegate, NSURLSessionDownloadDelegate
 */
struct transfer_session_delegate {
	size_t size; /* set by TRANSFER_SESSION_DELEGATE_INIT */

	/* The last call of all. error: NULL when the session was invalidated as asked. */
	void (*did_become_invalid)(
		transfer_session *session, const transfer_error *error, void *userdata);
	/* Everything that happened while nobody was attached has been delivered. */
	void (*did_finish_background_events)(transfer_session *session, void *userdata);
	/* An upload moved on: bytes since the last call, in all, and expected. At most four times a second. */
	void (*task_did_send)(transfer_session *session, transfer_task *task, int64_t bytes,
		int64_t total_bytes, int64_t expected_bytes, void *userdata);
	void (*task_did_collect_metrics)(transfer_session *session, transfer_task *task,
		const struct transfer_metrics *metrics, void *userdata);
	/* The last call about a task, exactly once. error: NULL after success; an HTTP status is not an error. */
	void (*task_did_complete)(transfer_session *session, transfer_task *task,
		const transfer_error *error, void *userdata);
	/* Body of the answer to an upload. */
	void (*data_did_receive)(transfer_session *session, transfer_task *task,
		const transfer_data *data, void *userdata);
	/*
	 * The file is whole. Without a destination it is removed after this call, unless it was renamed or linked away;
	 * fd is open for reading and closed after the call, or -1 when the file could not be opened.
	 */
	void (*download_did_finish)(transfer_session *session, transfer_task *task,
		const char *path, int fd, void *userdata);
	/* A download moved on: bytes since the last call, in all, and expected. At most four times a second. */
	void (*download_did_write)(transfer_session *session, transfer_task *task, int64_t bytes,
		int64_t total_bytes, int64_t expected_bytes, void *userdata);
	/* A download goes on from bytes that were there already. */
	void (*download_did_resume)(transfer_session *session, transfer_task *task,
		int64_t offset_bytes, int64_t expected_bytes, void *userdata);
	/*
	 * The date of a task (transfer_request_set_not_before()) has come: it begins when the answer is given. Without
	 * this member it begins by itself. In a background session it may be a later program that is asked.
	 */
	void (*task_will_begin_delayed_request)(transfer_session *session, transfer_task *task,
		const transfer_request *request, transfer_delayed_request *answer, void *userdata);
};

/* First in every initialiser of a delegate. */
#define TRANSFER_SESSION_DELEGATE_INIT .size = sizeof(struct transfer_session_delegate)

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
};

/* First in every initialiser of an owner. */
#define TRANSFER_OWNER_INIT .size = sizeof(struct transfer_owner)

/**
 * transfer_session_new - open a session, or come back to one
 *
 * @ret_session: the session; untouched on failure
 * @client:      the client; a reference is kept
 * @config:      the configuration; copied
 * @owner:       delegate, its userdata and its queue; copied
 * @ret_error:   why it failed; NULL: not wanted
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
 *           -ENOTCONN   TRANSFER_ERROR_BACKGROUND_SESSION_DISCONNECTED: transferd cannot be reached
 *           -EREMOTEIO  transferd refused; the error tells why
 *           -ECHILD     the process was forked after the client was made
 *           -ENOMEM     out of memory
 * Blocks:   for two answers, at most 25 seconds each
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.sessionWithConfiguration:delegate:delegateQueue:
 */
TRANSFER_PUBLIC int transfer_session_new(transfer_session **ret_session, transfer_client *client,
	const transfer_config *config, const struct transfer_owner *owner,
	transfer_error **ret_error);

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
 * Returns:  the name
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.identifier
 */
TRANSFER_PUBLIC const char *transfer_session_get_identifier(const transfer_session *session);

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
 * transfer_session_finish_and_invalidate - take no more tasks and end with the last one
 *
 * @session: the session; borrowed
 *
 * did_become_invalid follows.
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
 * did_become_invalid follows.
 *
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.invalidateAndCancel
 */
TRANSFER_PUBLIC void transfer_session_invalidate_and_cancel(transfer_session *session);

/* Called on the session's queue with the tasks that have not ended; they are borrowed for the call. */
typedef void (*transfer_tasks_handler)(transfer_task *const *tasks, size_t n_tasks, void *userdata);

/**
 * transfer_session_get_tasks - ask for the tasks that have not ended
 *
 * @session:  the session; borrowed
 * @handler:  called once on the session's queue, in order with the callbacks, behind the events that waited
 * @userdata: handed to handler
 *
 * Blocks:   no; the answer comes as a callback
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.getAllTasksWithCompletionHandler:
 */
TRANSFER_PUBLIC void transfer_session_get_tasks(
	transfer_session *session, transfer_tasks_handler handler, void *userdata);

/* ---- creating tasks ---- */

/* End of a download for a program that wants no delegate; not in background sessions. */
typedef void (*transfer_file_handler)(const char *path, int fd, const transfer_response *response,
	const transfer_error *error, void *userdata);

/* End of a data or upload task for a program that wants no delegate; not in background sessions. */
typedef void (*transfer_data_handler)(const transfer_data *body, const transfer_response *response,
	const transfer_error *error, void *userdata);

/**
 * transfer_session_download_task - a task that fetches into a file
 *
 * @session:  the session; borrowed
 * @request:  what to fetch; copied
 * @handler:  must be NULL in a background session, else the task completes with
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
 * Resume data is used up by this.
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
 * transfer_session_upload_task_data - refused in a background session: a task that sends bytes from memory
 *
 * @session:  the session; borrowed
 * @request:  where to send them; copied
 * @body:     the bytes
 * @handler:  must be NULL in a background session
 * @userdata: handed to handler
 *
 * Completes with TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION: the bytes would not outlive the program.
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
 * transfer_session_data_task - refused in a background session: a task that fetches into memory
 *
 * @session:  the session; borrowed
 * @request:  what to fetch; copied
 * @handler:  must be NULL in a background session
 * @userdata: handed to handler
 *
 * Completes with TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION.
 *
 * Returns:  the task, or NULL: out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSession.dataTaskWithRequest:
 */
TRANSFER_PUBLIC transfer_task *transfer_session_data_task(transfer_session *session,
	transfer_request *request, transfer_data_handler handler, void *userdata);

/* ---- tasks ---- */

/**
 * transfer_task_resume - take back one suspension; a new task has one
 *
 * @task: the task; borrowed
 *
 * Blocks:   no; transfer_client_flush() waits until transferd has it
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.resume
 */
TRANSFER_PUBLIC void transfer_task_resume(transfer_task *task);

/**
 * transfer_task_suspend - suspend once more
 *
 * @task: the task; borrowed
 *
 * Bytes that are there are kept.
 *
 * Blocks:   no; transfer_client_flush() waits until transferd has it
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.suspend
 */
TRANSFER_PUBLIC void transfer_task_suspend(transfer_task *task);

/**
 * transfer_task_cancel - end the task with TRANSFER_ERROR_CANCELLED
 *
 * @task: the task; borrowed
 *
 * Nothing happens to a task that has ended.
 *
 * Blocks:   no; transfer_client_flush() waits until transferd has it
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.cancel
 */
TRANSFER_PUBLIC void transfer_task_cancel(transfer_task *task);

/* resume_data: NULL when the download cannot be continued; borrowed for the call. On the session's queue. */
typedef void (*transfer_resume_data_handler)(const transfer_data *resume_data, void *userdata);

/**
 * transfer_task_cancel_by_producing_resume_data - end a download so that it can be continued
 *
 * @task:     the task; borrowed
 * @handler:  called once, on the session's queue
 * @userdata: handed to handler
 *
 * Blocks:   no; the answer comes as a callback
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionDownloadTask.cancelByProducingResumeData:
 */
TRANSFER_PUBLIC void transfer_task_cancel_by_producing_resume_data(
	transfer_task *task, transfer_resume_data_handler handler, void *userdata);

/**
 * transfer_task_get_id - number of the task, unique for the life of transferd's database
 *
 * @task: the task; borrowed
 *
 * Returns:  the number; 0 until transferd has answered, see transfer_client_flush()
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.taskIdentifier
 */
TRANSFER_PUBLIC uint64_t transfer_task_get_id(const transfer_task *task);

/**
 * transfer_task_get_kind - download, upload, data or stream
 *
 * @task: the task; borrowed
 *
 * Returns:  the kind
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask
 */
TRANSFER_PUBLIC enum transfer_task_kind transfer_task_get_kind(const transfer_task *task);

/**
 * transfer_task_get_state - running, suspended, canceling or completed
 *
 * @task: the task; borrowed
 *
 * A running task may be waiting; transferctl and transfer_manager_list_tasks() tell for what.
 *
 * Returns:  the state as this program knows it
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.state
 */
TRANSFER_PUBLIC enum transfer_task_state transfer_task_get_state(const transfer_task *task);

/**
 * transfer_task_get_progress - newest counters of the task
 *
 * @task:     the task; borrowed
 * @progress: filled in as far as its size says
 *
 * Returns:  0, or
 *           -EINVAL  the size is smaller than any this library knew
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.countOfBytesReceived
 */
TRANSFER_PUBLIC int transfer_task_get_progress(
	const transfer_task *task, struct transfer_progress *progress);

/**
 * transfer_task_get_original_request - the request with which the task was made
 *
 * @task: the task; borrowed
 *
 * Returns:  the request; of a task made by an earlier program as transferd keeps it
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.originalRequest
 */
TRANSFER_PUBLIC const transfer_request *transfer_task_get_original_request(
	const transfer_task *task);

/**
 * transfer_task_copy_current_request - the request after redirects
 *
 * @task: the task; borrowed
 *
 * Returns:  a copy, or NULL: out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.currentRequest
 */
TRANSFER_PUBLIC transfer_request *transfer_task_copy_current_request(const transfer_task *task);

/**
 * transfer_task_copy_response - the answer of the server
 *
 * @task: the task; borrowed
 *
 * Returns:  a reference, or NULL: none yet
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.response
 */
TRANSFER_PUBLIC transfer_response *transfer_task_copy_response(const transfer_task *task);

/**
 * transfer_task_copy_error - why the task failed
 *
 * @task: the task; borrowed
 *
 * Returns:  a reference, or NULL: it has not
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.error
 */
TRANSFER_PUBLIC transfer_error *transfer_task_copy_error(const transfer_task *task);

/**
 * transfer_task_copy_digest - digest of the finished file
 *
 * @task:      the task; borrowed
 * @algorithm: the one asked for with transfer_request_set_want_digest() or
 *             transfer_request_set_checksum()
 *
 * Returns:  hexadecimal digits, to be freed with free(); NULL: not known
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC char *transfer_task_copy_digest(const transfer_task *task, const char *algorithm);

/**
 * transfer_task_copy_userdata - bytes given to transfer_request_set_userdata(), by this program or an earlier one
 *
 * @task: the task; borrowed
 *
 * Returns:  a reference, or NULL: none
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Session.CreateTasks
 */
TRANSFER_PUBLIC transfer_data *transfer_task_copy_userdata(const transfer_task *task);

/**
 * transfer_task_set_description - name the task for people
 *
 * @task: the task; borrowed
 * @text: at most 1024 bytes; NULL: none
 *
 * Returns:  0, or
 *           -EINVAL  not UTF-8 or too long
 *           -ENOMEM  out of memory
 * Blocks:   no; transfer_client_flush() waits until transferd has it
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.taskDescription
 */
TRANSFER_PUBLIC int transfer_task_set_description(transfer_task *task, const char *text);

/**
 * transfer_task_copy_description - text for people
 *
 * @task: the task; borrowed
 *
 * Returns:  the text, to be freed with free(); NULL: none, or out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.taskDescription
 */
TRANSFER_PUBLIC char *transfer_task_copy_description(const transfer_task *task);

/**
 * transfer_task_set_priority - how the task compares with others of the application
 *
 * @task:     the task; borrowed
 * @priority: 0.0 to 1.0; 0.5 is the default
 *
 * Returns:  0, or
 *           -EINVAL  outside 0.0 to 1.0
 *           -ENOMEM  out of memory
 * Blocks:   no; transfer_client_flush() waits until transferd has it
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.priority
 */
TRANSFER_PUBLIC int transfer_task_set_priority(transfer_task *task, double priority);

/**
 * transfer_task_get_priority - priority that was set last
 *
 * @task: the task; borrowed
 *
 * Returns:  0.0 to 1.0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.priority
 */
TRANSFER_PUBLIC double transfer_task_get_priority(const transfer_task *task);

/**
 * transfer_task_set_max_rate - bound how fast the task may move
 *
 * @task:     the task; borrowed
 * @rate_bps: bytes per second; 0: no bound
 *
 * Returns:  0, or
 *           -ENOMEM  out of memory
 * Blocks:   no; transfer_client_flush() waits until transferd has it
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Manager.SetTasks
 */
TRANSFER_PUBLIC int transfer_task_set_max_rate(transfer_task *task, uint64_t rate_bps);

/**
 * transfer_task_set_delegate - refused in a background session: a delegate for one task
 *
 * @task:     the task; borrowed
 * @delegate: the delegate
 * @userdata: handed to its callbacks
 *
 * Returns:  -EOPNOTSUPP: a delegate of a task would not outlive the program
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.delegate
 */
TRANSFER_PUBLIC int transfer_task_set_delegate(
	transfer_task *task, const struct transfer_session_delegate *delegate, void *userdata);

/**
 * transfer_task_wait - wait until transferd has told the end of the task
 *
 * @task:       the task; borrowed
 * @timeout_ms: how long to wait; -1: no limit
 * @ret_error:  the error of the task; NULL: not wanted
 *
 * The callbacks may still be waiting in their queue.
 *
 * Returns:  0: the task completed without error; or
 *           -EIO        it completed with an error
 *           -ETIMEDOUT  the time was up
 *           -ENOTCONN   the session is not attached any more
 *           -ECHILD     the process was forked after the client was made
 * Blocks:   up to the timeout
 * Thread:   any but the queue of the session
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_task_wait(
	transfer_task *task, int timeout_ms, transfer_error **ret_error);

#ifdef __cplusplus
}
#endif
#endif
