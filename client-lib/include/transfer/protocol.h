/* SPDX-License-Identifier: MIT */
/*
 * Custom protocols: URLs that the program itself answers, for a scheme of its own or in place of the
 * network.
 *
 * A class says which requests it takes and is asked to load them; it hands what it has to the load, from
 * any thread, now or later. Classes that were registered are asked for tasks of the shared session, those
 * of a configuration for tasks of its sessions, the last one first, and only then the built-in ones. Never
 * in background sessions.
 *
 * Functions of a class run on the session's queue, in order with its callbacks, except can_init and
 * canonical, which run where the task is made. What a load was told reaches the delegate as if a server had
 * sent it, redirects and the question about the response included; back-pressure does not: a class that
 * loads much asks transfer_load_is_wanted().
 */
#ifndef TRANSFER_PROTOCOL_H
#define TRANSFER_PROTOCOL_H

#include <sys/types.h>

#include <transfer/request.h>
#include <transfer/response.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * transfer_load - one request that a custom protocol answers
 *
 * The library keeps it until the load has ended or was stopped; a class that goes on later keeps a
 * reference.
 *
 * Returns:  transfer_load_ref: its argument; transfer_load_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtocol
 */
TRANSFER_OBJECT(transfer_load);

/* What a custom protocol does. Members may be NULL where it is said. Source: NSURLProtocol */
struct transfer_protocol {
	size_t size; /* set by TRANSFER_PROTOCOL_INIT */
	/* Is this request its? In the thread that makes the task; must not call anything that waits. */
	bool (*can_init)(const transfer_request *request, void *userdata);
	/* The form in which it is loaded: a new request, or NULL: as it is. May be NULL. */
	transfer_request *(*canonical)(const transfer_request *request, void *userdata);
	/* Would both have the same answer? Not asked yet: answers of classes are not stored. May be NULL. */
	bool (*is_cache_equivalent)(
		const transfer_request *a, const transfer_request *b, void *userdata);
	/* Begin to load; the load is borrowed for the call. */
	void (*start)(transfer_load *load, void *userdata);
	/*
	 * Nobody wants it any more, or it has ended: the last call about this load. May be NULL. A session whose last
	 * reference goes without transfer_session_invalidate_and_cancel() calls nobody any more.
	 */
	void (*stop)(transfer_load *load, void *userdata);
	void *userdata;
	/* New members go here. */
};

/* First in every initialiser of a protocol. */
#define TRANSFER_PROTOCOL_INIT .size = sizeof(struct transfer_protocol)

/**
 * transfer_protocol_register - a custom protocol for the shared session
 *
 * @protocol: the class; copied; its userdata must live until it is unregistered and the tasks that it loads
 *            have ended
 *
 * The one registered last is asked first.
 *
 * Returns:  0, or
 *           -EINVAL  a struct without size, or a member that must be there is NULL
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtocol.registerClass:
 */
TRANSFER_PUBLIC int transfer_protocol_register(const struct transfer_protocol *protocol);

/**
 * transfer_protocol_unregister - ask a custom protocol no more
 *
 * @protocol: one with the same functions and userdata
 *
 * Loads that have begun go on.
 *
 * Returns:  0, or
 *           -ENOENT  it is not registered
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtocol.unregisterClass:
 */
TRANSFER_PUBLIC int transfer_protocol_unregister(const struct transfer_protocol *protocol);

/**
 * transfer_load_get_request - what is loaded
 *
 * @load: the load; borrowed
 *
 * Returns:  the request, in its canonical form
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtocol.request
 */
TRANSFER_PUBLIC const transfer_request *transfer_load_get_request(const transfer_load *load);

/**
 * transfer_load_read_body - the next bytes of what is sent
 *
 * @load:  the load; borrowed
 * @bytes: where to
 * @size:  how many at most
 *
 * The body of the task, whatever it is made of: bytes and a file from their beginning, a descriptor from where it is; a reader
 * (transfer_body_new_reader()) is called here, in this thread. A streamed upload asks task_need_body before the load begins. A load
 * that was led here by transfer_load_redirect() has the body of the request that was given there. What is not read is not sent:
 * a class need not read.
 *
 * Returns:  how many bytes; 0: the end, or there is no body; or
 *           -EAGAIN  nothing now, of a descriptor that does not wait or of a reader; to be asked again later
 *           -ESTALE  the load has ended or was stopped; nothing was done
 *           another negative errno: a file cannot be opened or read, the reader failed, or there was less than was said (-EIO)
 * Blocks:   as long as the descriptor, or the reader, does
 * Thread:   one at a time
 * Since:    0.1
 * Source:   NSURLRequest.HTTPBodyStream
 */
TRANSFER_PUBLIC ssize_t transfer_load_read_body(transfer_load *load, void *bytes, size_t size);

/**
 * transfer_load_get_body_length - how long what is sent is
 *
 * @load: the load; borrowed
 *
 * Returns:  bytes; 0: there is none; TRANSFER_SIZE_UNKNOWN: a stream, or a file that cannot be looked at
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLRequest.HTTPBody
 */
TRANSFER_PUBLIC int64_t transfer_load_get_body_length(const transfer_load *load);

/**
 * transfer_load_set_context - keep something with the load
 *
 * @load:    the load; borrowed
 * @context: what; the class frees it in stop
 *
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC void transfer_load_set_context(transfer_load *load, void *context);

/**
 * transfer_load_get_context - what the class keeps with the load
 *
 * @load: the load; borrowed
 *
 * Returns:  what was set last, or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC void *transfer_load_get_context(const transfer_load *load);

/**
 * transfer_load_is_wanted - whether more should come now
 *
 * @load: the load; borrowed
 *
 * Returns:  false: it has ended or was stopped, or 1 MiB waits for the delegate
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC bool transfer_load_is_wanted(const transfer_load *load);

/**
 * transfer_load_redirect - the answer is at another place
 *
 * @load:     the load; borrowed
 * @response: what says so
 * @request:  what to load instead; copied
 *
 * The delegate is asked as for a redirect of HTTP; the new request is offered to all classes, and to the built-in
 * ones for data: and file:. Nobody else is asked: a task that a class has taken does not go to transferd any more,
 * so http:, https:, ftp: and ftps: that no class takes end it with TRANSFER_ERROR_UNSUPPORTED_URL. A class that
 * leads there loads it with a task of another session and hands on what comes. This load is stopped. At most 16
 * in a row, then TRANSFER_ERROR_TOO_MANY_REDIRECTS. What is sent there is the body of the new request. A download goes
 * where the task's own request says.
 *
 * Returns:  0, or
 *           -EINVAL  a setter of the request failed: it has no URL, for one
 *           -ESTALE  the load has ended or was stopped; nothing was done
 *           -EPROTO  not in this order: a second response, or bytes before the first
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtocolClient.URLProtocol:wasRedirectedToRequest:redirectResponse:
 */
TRANSFER_PUBLIC int transfer_load_redirect(
	transfer_load *load, const transfer_response *response, const transfer_request *request);

/**
 * transfer_load_use_cached - a stored answer is still good
 *
 * @load:     the load; borrowed
 * @response: the stored response
 * @body:     its body; NULL: empty
 *
 * The same as response, data and finish in one.
 *
 * Returns:  0, or
 *           -ESTALE  the load has ended or was stopped; nothing was done
 *           -EPROTO  not in this order: a second response, or bytes before the first
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtocolClient.URLProtocol:cachedResponseIsValid:
 */
TRANSFER_PUBLIC int transfer_load_use_cached(
	transfer_load *load, const transfer_response *response, const transfer_data *body);

/**
 * transfer_load_respond - the response has come
 *
 * @load:     the load; borrowed
 * @response: a reference is kept
 * @policy:   whether the answer may be stored; without effect yet: what a class answers goes past the caches
 *
 * Without it, data is refused; a load that finishes without it completes with
 * TRANSFER_ERROR_BAD_SERVER_RESPONSE.
 *
 * Returns:  0, or
 *           -ESTALE  the load has ended or was stopped; nothing was done
 *           -EPROTO  not in this order: a second response, or bytes before the first
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtocolClient.URLProtocol:didReceiveResponse:cacheStoragePolicy:
 */
TRANSFER_PUBLIC int transfer_load_respond(transfer_load *load, const transfer_response *response,
	enum transfer_storage_policy policy);

/**
 * transfer_load_give - bytes of the body have come
 *
 * @load: the load; borrowed
 * @data: a reference is kept
 *
 * Returns:  0, or
 *           -ESTALE  the load has ended or was stopped; nothing was done
 *           -EPROTO  not in this order: a second response, or bytes before the first
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtocolClient.URLProtocol:didLoadData:
 */
TRANSFER_PUBLIC int transfer_load_give(transfer_load *load, const transfer_data *data);

/**
 * transfer_load_finish - the body is whole
 *
 * @load: the load; borrowed
 *
 * The first of finish and fail counts, whatever comes after it.
 *
 * Returns:  0, or
 *           -ESTALE  the load has ended or was stopped; nothing was done
 *           -EPROTO  not in this order: a second response, or bytes before the first
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtocolClient.URLProtocolDidFinishLoading:
 */
TRANSFER_PUBLIC int transfer_load_finish(transfer_load *load);

/**
 * transfer_load_fail - it cannot be loaded
 *
 * @load:  the load; borrowed
 * @error: why; a reference is kept. NULL: TRANSFER_ERROR_UNKNOWN
 *
 * Returns:  0, or
 *           -ESTALE  the load has ended or was stopped; nothing was done
 *           -EPROTO  not in this order: a second response, or bytes before the first
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLProtocolClient.URLProtocol:didFailWithError:
 */
TRANSFER_PUBLIC int transfer_load_fail(transfer_load *load, const transfer_error *error);

#ifdef __cplusplus
}
#endif
#endif
