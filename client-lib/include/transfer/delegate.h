/* SPDX-License-Identifier: MIT */
/*
 * Sessions, tasks, and what they tell: the delegate of a session or of one task.
 *
 * Callbacks of one session run on its queue, one after the other, never inside another call of this library
 * and never with one of its locks held; any of them may call every function of the library but those that
 * wait for the queue. The one exception is task_did_create, which runs inside the call that makes the task.
 * For a task they come in this order: created; then, again for each request that it needs: body asked for,
 * bytes sent, informational responses, redirect or challenge; then waiting for a network, resumed at an offset,
 * response, data or bytes written, file; whether to cache; metrics; and the end, after which nothing comes.
 */
#ifndef TRANSFER_DELEGATE_H
#define TRANSFER_DELEGATE_H

#include <transfer/answer.h>
#include <transfer/metrics.h>
#include <transfer/response.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * transfer_session - tasks with one configuration and one delegate; shared, never copied
 *
 * The last transfer_session_unref() detaches: tasks go on, and events wait in transferd for the next
 * attach. Callbacks that are queued by then are not run any more; one that is running in another
 * thread is waited for. Of a session that is not a background one (but not of the shared one) it cancels
 * the tasks that have not ended, and nobody is told: to be told, invalidate it first.
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
 * A task goes on without references. One that was never resumed, of a session that is not a background
 * one, completes with TRANSFER_ERROR_CANCELLED when its last reference goes: nobody could resume it.
 *
 * Returns:  transfer_task_ref: its argument; transfer_task_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask
 */
TRANSFER_OBJECT(transfer_task);

/* Counters of a task. Set size before asking. Expected sizes are TRANSFER_SIZE_UNKNOWN until they are known; without a body 0 is sent. */
struct transfer_progress {
	size_t size;
	int64_t received_bytes, expected_receive_bytes;
	int64_t sent_bytes, expected_send_bytes;
	uint64_t receive_rate_bps, send_rate_bps;
};

struct transfer_cached_response;

/*
 * What a session tells its owner. Members that are NULL are not told; a question that is not there has its default.
 * Everything handed in is borrowed for the duration of the call. New members are added at the end.
 * Source: NSURLSessionDelegate, NSURLSessionTaskDelegate, NSURLSessionDataDelegate, NSURLSessionDownloadDelegate
 */
struct transfer_session_delegate {
	size_t size; /* set by TRANSFER_SESSION_DELEGATE_INIT */

	/* The last call of the delegate; handlers of what is asked later are still called. error: NULL when the session was invalidated as asked. */
	void (*did_become_invalid)(
		transfer_session *session, const transfer_error *error, void *userdata);
	/* Everything that happened while nobody was attached has been delivered. */
	void (*did_finish_background_events)(transfer_session *session, void *userdata);
	/* An upload moved on: bytes since the last call, in all, and expected. At most four times a second. */
	void (*task_did_send)(transfer_session *session, transfer_task *task, int64_t bytes,
		int64_t total_bytes, int64_t expected_bytes, void *userdata);
	/* Not of a task that has ended before transferd, or a protocol of the program, had begun with it, or when transferd went away. */
	void (*task_did_collect_metrics)(transfer_session *session, transfer_task *task,
		const struct transfer_metrics *metrics, void *userdata);
	/* The last call about a task, exactly once. error: NULL after success; an HTTP status is not an error. */
	void (*task_did_complete)(transfer_session *session, transfer_task *task,
		const transfer_error *error, void *userdata);
	/* The body of the answer, or what comes next of it; pieces are at most 256 KiB. */
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

	/* ---- sessions that are not background ones; their questions stand in <transfer/answer.h> ---- */

	/* The first call about a task; not on the queue, but inside the function that makes it. */
	void (*task_did_create)(transfer_session *session, transfer_task *task, void *userdata);
	/* The answer leads elsewhere, where request would go. Asked for tasks with a handler, too. */
	void (*task_will_redirect)(transfer_session *session, transfer_task *task,
		const transfer_response *response, const transfer_request *request,
		transfer_redirect *answer, void *userdata);
	/* The body of the request is needed, for the first time or again. Without this member: -1021. */
	void (*task_need_body)(transfer_session *session, transfer_task *task,
		transfer_body_request *answer, void *userdata);
	/* A 1xx answer but 101. */
	void (*task_did_receive_informational_response)(transfer_session *session,
		transfer_task *task, const transfer_response *response, void *userdata);
	/* There is no network, and the session waits for one; at most once. */
	void (*task_is_waiting_for_connectivity)(
		transfer_session *session, transfer_task *task, void *userdata);
	/* The answer has come; once for each part of a multipart/x-mixed-replace. Not for tasks with a handler. */
	void (*data_did_receive_response)(transfer_session *session, transfer_task *task,
		const transfer_response *response, transfer_disposition *answer, void *userdata);
	/* Nothing more is told of task; download goes on in its place, with what had come. */
	void (*data_did_become_download)(transfer_session *session, transfer_task *task,
		transfer_task *download, void *userdata);
	/*
	 * The server wants to know who asks. Asked for tasks with a handler, too. Without this member it is answered with
	 * transfer_challenge_default(); where the server asks in no way that is known here, its answer (401) is the result.
	 *
	 * Basic and Digest of a server only. Not asked yet: server trust (certificates are judged by the CAs of the system, or of
	 * transfer_request_set_ca_file(); a bad one fails the task), client certificates (a server that insists fails it),
	 * proxies (their 407 fails it, or is the result), NTLM and Negotiate (the 401 is the result).
	 */
	void (*task_did_receive_challenge)(transfer_session *session, transfer_task *task,
		transfer_challenge *challenge, void *userdata);
	/*
	 * All of an answer has come that may be kept (<transfer/cache.h>), and will be as it is proposed, unless this says
	 * something else: it returns a reference to what is kept, the same (transfer_cached_response_ref()) or another one,
	 * or NULL: nothing is. Asked only then, and not of tasks with a handler; not the way to get a body.
	 */
	struct transfer_cached_response *(*data_will_cache_response)(transfer_session *session,
		transfer_task *task, const struct transfer_cached_response *proposed,
		void *userdata);
};

/* First in every initialiser of a delegate. */
#define TRANSFER_SESSION_DELEGATE_INIT .size = sizeof(struct transfer_session_delegate)

#ifdef __cplusplus
}
#endif
#endif
