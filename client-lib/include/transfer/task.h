/* SPDX-License-Identifier: MIT */
/*
 * Tasks: steering and looking at them.
 *
 * A task is suspended when it is made: transfer_task_resume() lets it begin. Suspending nests. Cancelling
 * is a wish that returns at once; the end is told with task_did_complete or the handler.
 */
#ifndef TRANSFER_TASK_H
#define TRANSFER_TASK_H

#include <transfer/delegate.h>
#include <transfer/meter.h>
#include <transfer/request.h>

#ifdef __cplusplus
extern "C" {
#endif

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
 * Bytes that are there are kept. In sessions that are not background ones a data or upload task of which nothing has been
 * told yet starts over when it is resumed; any other stands still with its connection, which the server may close in the
 * meantime. No time runs: neither that without a byte nor the longest life of the task. A body that was read
 * from a descriptor or a reader is asked for again where the task starts over (task_need_body); without it the
 * task completes with TRANSFER_ERROR_REQUEST_BODY_STREAM_EXHAUSTED.
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
 * @handler:  called once, on the session's queue; before task_did_complete, whose error has the same data
 * @userdata: handed to handler
 *
 * There is none, and what came is removed, without ETag and Last-Modified, without ranges, for another method than
 * GET, and in sessions that are not background ones when the destination is on another file system than the folder
 * that transferd keeps its files in. Without memory for the question the handler is called at once, in this thread,
 * with NULL, and the task is cancelled.
 *
 * Blocks:   no; the answer comes as a callback
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionDownloadTask.cancelByProducingResumeData:
 */
TRANSFER_PUBLIC void transfer_task_cancel_by_producing_resume_data(
	transfer_task *task, transfer_resume_data_handler handler, void *userdata);

/**
 * transfer_task_get_id - number of the task, unique in its session
 *
 * @task: the task; borrowed
 *
 * In a background session unique for the life of transferd's database.
 *
 * Returns:  the number; in a background session 0 until transferd has answered, see transfer_client_flush()
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
 * Orders what waits, and is the weight of what runs over HTTP/2. May be called at any time.
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
 * transfer_task_set_delegate - a delegate for one task
 *
 * @task:     the task; borrowed
 * @delegate: copied; members that are NULL fall through to the session's delegate. NULL: none
 * @userdata: handed to its callbacks; must live until the task has ended
 *
 * Returns:  0, or
 *           -EBUSY       the task was resumed before
 *           -EINVAL      a struct without size
 *           -ENOMEM      out of memory
 *           -EOPNOTSUPP  a background session: a delegate of a task would not outlive the program
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

/* What of a task has changed; an observer is told of several at once. */
enum {
	TRANSFER_TASK_CHANGED_STATE = 1 << 0,
	TRANSFER_TASK_CHANGED_COUNTERS = 1 << 1,
	TRANSFER_TASK_CHANGED_RESPONSE = 1 << 2,
	TRANSFER_TASK_CHANGED_REQUEST = 1 << 3, /* the current one: a redirect */
	TRANSFER_TASK_CHANGED_ERROR = 1 << 4,
};

/* On the session's queue; changes that come while one waits join it. The last one is before task_did_complete. */
typedef void (*transfer_task_observer)(transfer_task *task, unsigned int changes, void *userdata);

/**
 * transfer_task_observe - be told what changes in a task
 *
 * @task:     the task; borrowed
 * @observer: called; NULL: nobody any more
 * @userdata: handed to observer
 *
 * Returns:  0, or
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSKeyValueObserving
 */
TRANSFER_PUBLIC int transfer_task_observe(
	transfer_task *task, transfer_task_observer observer, void *userdata);

/**
 * transfer_task_set_prefers_incremental - whether data is told as it comes
 *
 * @task:    the task; borrowed
 * @prefers: true is the default; false: once, when the body is whole. Ignored for downloads and tasks with a
 *           handler
 *
 * Returns:  0, or
 *           -EBUSY  the task was resumed before
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.prefersIncrementalDelivery
 */
TRANSFER_PUBLIC int transfer_task_set_prefers_incremental(transfer_task *task, bool prefers);

/**
 * transfer_task_get_prefers_incremental - whether data is told as it comes
 *
 * @task: the task; borrowed
 *
 * Returns:  true: it is; false for downloads and tasks with a handler
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.prefersIncrementalDelivery
 */
TRANSFER_PUBLIC bool transfer_task_get_prefers_incremental(const transfer_task *task);

/**
 * transfer_task_set_expected_bytes - what the program expects the task to move, headers included
 *
 * @task:          the task; borrowed
 * @send_bytes:    at most; TRANSFER_SIZE_UNKNOWN is the default
 * @receive_bytes: at most; TRANSFER_SIZE_UNKNOWN is the default
 *
 * A hint for the order of work; kept, and used by nothing yet.
 *
 * Returns:  0, or
 *           -EINVAL  negative and not unknown
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.countOfBytesClientExpectsToSend
 */
TRANSFER_PUBLIC int transfer_task_set_expected_bytes(
	transfer_task *task, int64_t send_bytes, int64_t receive_bytes);

/**
 * transfer_task_get_expected_bytes - what the program expects the task to move
 *
 * @task:              the task; borrowed
 * @ret_send_bytes:    NULL: not wanted
 * @ret_receive_bytes: NULL: not wanted
 *
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.countOfBytesClientExpectsToReceive
 */
TRANSFER_PUBLIC void transfer_task_get_expected_bytes(
	const transfer_task *task, int64_t *ret_send_bytes, int64_t *ret_receive_bytes);

/**
 * transfer_task_get_session - session of the task
 *
 * @task: the task; borrowed
 *
 * Returns:  the session, lent while the program has a reference to it; else NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC transfer_session *transfer_task_get_session(const transfer_task *task);

/**
 * transfer_task_get_meter - progress of the task as a whole
 *
 * @task: the task; borrowed
 *
 * Who asks for it before the first resume sees the body of an upload, and a file, grow; else it may move at the
 * end only.
 *
 * Returns:  the meter, the same each time, lent; lives as long as the task; NULL: out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.progress
 */
TRANSFER_PUBLIC transfer_meter *transfer_task_get_meter(transfer_task *task);

#ifdef __cplusplus
}
#endif
#endif
