/* SPDX-License-Identifier: MIT */
/*
 * What is asked: requests. More of their properties stand in <transfer/request-policy.h>.
 *
 * Setters return 0 or -errno. That may be ignored: the first failure sticks to the request and is reported where the
 * request is used, as the error with which the task completes. Texts are copied. A request handed to a task is copied:
 * changing it later changes nothing.
 */
#ifndef TRANSFER_REQUEST_H
#define TRANSFER_REQUEST_H

#include <transfer/body.h>
#include <transfer/configuration.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * transfer_request - what to fetch or to send; mutable, copied when used
 *
 * Returns:  transfer_request_ref: its argument; transfer_request_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest
 */
TRANSFER_OBJECT(transfer_request);

/* ---- request ---- */

/**
 * transfer_request_new - a request for a URL
 *
 * @url: absolute URL, UTF-8: https (or http); in sessions that are not background ones also ftp, ftps, file, data,
 *       and those of custom protocols; at most 64 KiB, of data: 16 MiB
 *
 * A malformed one makes the task complete with TRANSFER_ERROR_BAD_URL, another scheme with
 * TRANSFER_ERROR_UNSUPPORTED_URL.
 *
 * Returns:  the request, or NULL: out of memory. NULL, "", text that is not UTF-8 or that is too long sticks as -EINVAL;
 *           a task of such a request ends with TRANSFER_ERROR_UNSUPPORTED_URL.
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLRequest.requestWithURL:
 */
TRANSFER_PUBLIC transfer_request *transfer_request_new(const char *url);

/**
 * transfer_request_copy - an independent copy
 *
 * @request: the request; borrowed
 *
 * Returns:  the copy, or NULL: out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLRequest, NSMutableCopying
 */
TRANSFER_PUBLIC transfer_request *transfer_request_copy(const transfer_request *request);

/**
 * transfer_request_get_url - the URL
 *
 * @request: the request; borrowed
 *
 * Returns:  the URL, or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLRequest.URL
 */
TRANSFER_PUBLIC const char *transfer_request_get_url(const transfer_request *request);

/**
 * transfer_request_set_url - change the URL
 *
 * @request: the request; borrowed
 * @url:     as for transfer_request_new()
 *
 * Returns:  0, or
 *           -EINVAL  too long or not UTF-8
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.URL
 */
TRANSFER_PUBLIC int transfer_request_set_url(transfer_request *request, const char *url);

/**
 * transfer_request_set_method - HTTP method
 *
 * @request: the request; borrowed
 * @method:  such as "POST"; NULL: GET, for an upload PUT
 *
 * GET, HEAD, POST, PUT, DELETE and CONNECT are put into capitals; others stay as they are.
 *
 * Returns:  0, or
 *           -EINVAL  not a token
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.HTTPMethod
 */
TRANSFER_PUBLIC int transfer_request_set_method(transfer_request *request, const char *method);

/**
 * transfer_request_get_method - HTTP method that was set
 *
 * @request: the request; borrowed
 *
 * Returns:  the method, or NULL: the default
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLRequest.HTTPMethod
 */
TRANSFER_PUBLIC const char *transfer_request_get_method(const transfer_request *request);

/**
 * transfer_request_set_header - set a header field
 *
 * @request: the request; borrowed
 * @name:    field name; earlier ones of this name are replaced
 * @value:   field value; NULL removes them
 *
 * Fields of framing, routing and connections are transferd's; these are taken and not sent: Connection, Content-Length, Expect,
 * Host, HTTP2-Settings, Keep-Alive, Proxy-Authorization, Proxy-Connection, TE, Trailer, Transfer-Encoding, Upgrade. An
 * Authorization gives way to the credential that answers a challenge. A Range asks for that part. Downloads ask
 * for "Accept-Encoding: identity" unless the request has a field of that name; gzip, deflate, br and
 * zstd are decoded whether they were asked for or not. A coded body has no known length and cannot
 * be continued after a break: it is fetched from its start. Data and upload tasks ask for those codings.
 *
 * Returns:  0, or
 *           -EINVAL  not a header field
 *           -E2BIG   more than 256 fields
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.setValue:forHTTPHeaderField:
 */
TRANSFER_PUBLIC int transfer_request_set_header(
	transfer_request *request, const char *name, const char *value);

/**
 * transfer_request_add_header - add a header field beside those of the same name
 *
 * @request: the request; borrowed
 * @name:    field name
 * @value:   field value
 *
 * Returns:  0, or
 *           -EINVAL  not a header field
 *           -E2BIG   more than 256 fields
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.addValue:forHTTPHeaderField:
 */
TRANSFER_PUBLIC int transfer_request_add_header(
	transfer_request *request, const char *name, const char *value);

/**
 * transfer_request_get_header - first header field of a name, letter case ignored
 *
 * @request: the request; borrowed
 * @name:    field name
 *
 * Returns:  the value, or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLRequest.valueForHTTPHeaderField:
 */
TRANSFER_PUBLIC const char *transfer_request_get_header(
	const transfer_request *request, const char *name);

/**
 * transfer_request_foreach_header - visit all header fields in their order
 *
 * @request:  the request; borrowed
 * @each:     called for each field; a value other than 0 ends the visit
 * @userdata: handed to handler
 *
 * Returns:  0, or what each returned
 * Blocks:   as long as each does
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLRequest.allHTTPHeaderFields
 */
TRANSFER_PUBLIC int transfer_request_foreach_header(const transfer_request *request,
	int (*each)(const char *name, const char *value, void *userdata), void *userdata);

/**
 * transfer_request_set_body - body of the request
 *
 * @request: the request; borrowed
 * @body:    a reference is kept; NULL: none
 *
 * Clears a body stream. Upload tasks ignore it, background sessions refuse it; a GET with a body completes
 * with TRANSFER_ERROR_DATA_LENGTH_EXCEEDS_MAXIMUM. A POST with a body and without Content-Type is sent as
 * application/x-www-form-urlencoded.
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.HTTPBody
 */
TRANSFER_PUBLIC int transfer_request_set_body(transfer_request *request, const transfer_data *body);

/**
 * transfer_request_get_body - body of the request
 *
 * @request: the request; borrowed
 *
 * Returns:  the body, or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLRequest.HTTPBody
 */
TRANSFER_PUBLIC const transfer_data *transfer_request_get_body(const transfer_request *request);

/**
 * transfer_request_set_body_stream - body of the request, as it comes
 *
 * @request: the request; borrowed
 * @body:    a reference is kept; NULL: none
 *
 * Clears a body in memory. Else as transfer_request_set_body().
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.HTTPBodyStream
 */
TRANSFER_PUBLIC int transfer_request_set_body_stream(
	transfer_request *request, transfer_body *body);

/**
 * transfer_request_get_body_stream - body of the request, as it comes
 *
 * @request: the request; borrowed
 *
 * Returns:  the body, or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLRequest.HTTPBodyStream
 */
TRANSFER_PUBLIC transfer_body *transfer_request_get_body_stream(const transfer_request *request);

/**
 * transfer_request_set_timeout - longest time without a byte
 *
 * @request:      the request; borrowed
 * @timeout_usec: microseconds; 0: the session's
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.timeoutInterval
 */
TRANSFER_PUBLIC int transfer_request_set_timeout(transfer_request *request, uint64_t timeout_usec);

/**
 * transfer_request_get_timeout - longest time without a byte
 *
 * @request: the request; borrowed
 *
 * Returns:  microseconds; 0: the session's
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLRequest.timeoutInterval
 */
TRANSFER_PUBLIC uint64_t transfer_request_get_timeout(const transfer_request *request);

/**
 * transfer_request_set_resource_timeout - longest life of the task from its first resume
 *
 * @request:      the request; borrowed
 * @timeout_usec: microseconds; 0: the session's
 *
 * Time in which it is suspended does not count.
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionConfiguration.timeoutIntervalForResource
 */
TRANSFER_PUBLIC int transfer_request_set_resource_timeout(
	transfer_request *request, uint64_t timeout_usec);

/**
 * transfer_request_set_destination - where a finished download is put
 *
 * @request:   the request; borrowed
 * @path:      absolute path of the file; NULL: kept by transferd and handed over by
 *             download_did_finish
 * @overwrite: false: an existing file makes the task fail with TRANSFER_ERROR_CANNOT_CREATE_FILE,
 *             one that appears while it runs with TRANSFER_ERROR_CANNOT_MOVE_FILE
 *
 * Returns:  0, or
 *           -EINVAL  not an absolute path of a file
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_request_set_destination(
	transfer_request *request, const char *path, bool overwrite);

/**
 * transfer_request_get_destination - where the finished download is put
 *
 * @request: the request; borrowed
 *
 * Returns:  the path, or NULL: kept by transferd
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC const char *transfer_request_get_destination(const transfer_request *request);

/**
 * transfer_request_set_checksum - digest that the file must have
 *
 * @request:   the request; borrowed
 * @algorithm: "sha256", "sha512", "sha1" or "md5"; NULL: no check
 * @hex:       the digest in hexadecimal
 *
 * A download with another digest fails with TRANSFER_ERROR_CHECKSUM_MISMATCH and nothing is put in
 * place. The digest is of the file as it is kept, after a content coding was undone.
 * Background sessions only: a download of another session completes with
 * TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION, and one of data:, file: or a custom protocol is not looked at.
 *
 * Returns:  0, or
 *           -EINVAL  unknown algorithm, or not its number of hexadecimal digits
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_request_set_checksum(
	transfer_request *request, const char *algorithm, const char *hex);

/**
 * transfer_request_set_want_digest - compute a digest of the file on the way
 *
 * @request:   the request; borrowed
 * @algorithm: "sha256", "sha512", "sha1" or "md5"; NULL: none, which is faster
 *
 * transfer_task_copy_digest() tells it.
 * Background sessions only: a download of another session completes with
 * TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION, and one of data:, file: or a custom protocol is not looked at.
 *
 * Returns:  0, or
 *           -EINVAL  unknown algorithm
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_request_set_want_digest(
	transfer_request *request, const char *algorithm);

/**
 * transfer_request_set_not_before - earliest time at which the transfer begins
 *
 * @request:   the request; borrowed
 * @wall_usec: microseconds since the epoch; 0: at once
 *
 * Background sessions only; without effect in the others.
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.earliestBeginDate
 */
TRANSFER_PUBLIC int transfer_request_set_not_before(transfer_request *request, uint64_t wall_usec);

/**
 * transfer_request_set_max_rate - bound on the speed of the task
 *
 * @request:  the request; borrowed
 * @rate_bps: bytes per second; 0: the session's
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_request_set_max_rate(transfer_request *request, uint64_t rate_bps);

/**
 * transfer_request_set_priority - how the task compares with others of the application when it is made
 *
 * @request:  the request; borrowed
 * @priority: 0.0 to 1.0; 0.5 is the default
 *
 * Returns:  0, or
 *           -EINVAL  outside 0.0 to 1.0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.priority
 */
TRANSFER_PUBLIC int transfer_request_set_priority(transfer_request *request, double priority);

/**
 * transfer_request_set_description - text for people that the task starts with
 *
 * @request: the request; borrowed
 * @text:    at most 1024 bytes; NULL: none
 *
 * Returns:  0, or
 *           -EINVAL  not UTF-8 or too long
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionTask.taskDescription
 */
TRANSFER_PUBLIC int transfer_request_set_description(transfer_request *request, const char *text);

/**
 * transfer_request_set_userdata - bytes that transferd keeps with the task and gives back
 *
 * @request:    the request; borrowed
 * @bytes:      the bytes; copied
 * @size_bytes: how many, at most 4096; 0: none
 *
 * In sessions that are not background ones the library keeps them, as long as the task.
 *
 * Returns:  0, or
 *           -E2BIG   too many
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   org.transferd.Transfer1.Session.CreateTasks
 */
TRANSFER_PUBLIC int transfer_request_set_userdata(
	transfer_request *request, const void *bytes, size_t size_bytes);

/**
 * transfer_request_set_allow_insecure - allow plain http for this task
 *
 * @request: the request; borrowed
 * @allow:   true: allowed; false: the session decides
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSExceptionAllowsInsecureHTTPLoads
 */
TRANSFER_PUBLIC int transfer_request_set_allow_insecure(transfer_request *request, bool allow);

/**
 * transfer_request_set_ca_file - roots to trust instead of the session's
 *
 * @request: the request; borrowed
 * @path:    absolute path of a PEM file; NULL: the session's
 *
 * Returns:  0, or
 *           -EINVAL  not an absolute path
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_request_set_ca_file(transfer_request *request, const char *path);

/**
 * transfer_request_set_retry_http_errors - repeat the request when it is answered with 408, 429 or 5xx
 *
 * @request: the request; borrowed
 * @retry:   true: repeated; false: the session decides
 *
 * Background sessions only; without effect in the others.
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_request_set_retry_http_errors(transfer_request *request, bool retry);

/**
 * transfer_request_set_handles_cookies - whether stored cookies are sent and those of the answer kept
 *
 * @request: the request; borrowed
 * @handles: true is the default
 *
 * Returns:  0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.HTTPShouldHandleCookies
 */
TRANSFER_PUBLIC int transfer_request_set_handles_cookies(transfer_request *request, bool handles);

/**
 * transfer_request_get_handles_cookies - whether stored cookies are sent and those of the answer kept
 *
 * @request: the request; borrowed
 *
 * Returns:  true: they are
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLRequest.HTTPShouldHandleCookies
 */
TRANSFER_PUBLIC bool transfer_request_get_handles_cookies(const transfer_request *request);

/**
 * transfer_request_set_main_document_url - the document that the request is made for
 *
 * @request: the request; borrowed
 * @url:     its URL; NULL: none
 *
 * Only the policy TRANSFER_COOKIE_ACCEPT_ONLY_FROM_MAIN_DOCUMENT_DOMAIN looks at it: an answer's
 * cookies are kept when the document's host is that of the answer, or lies below it.
 *
 * Returns:  0, or
 *           -EINVAL  too long or not UTF-8
 *           -ENOMEM  out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSMutableURLRequest.mainDocumentURL
 */
TRANSFER_PUBLIC int transfer_request_set_main_document_url(
	transfer_request *request, const char *url);

/**
 * transfer_request_get_main_document_url - the document that the request is made for
 *
 * @request: the request; borrowed
 *
 * Returns:  the URL, or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLRequest.mainDocumentURL
 */
TRANSFER_PUBLIC const char *transfer_request_get_main_document_url(const transfer_request *request);

/**
 * transfer_request_set_upload_copy - whether the file to upload is copied when the task is made
 *
 * @request: the request; borrowed
 * @copy:    the session's word holds when this is never called
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
TRANSFER_PUBLIC int transfer_request_set_upload_copy(
	transfer_request *request, enum transfer_upload_copy copy);

/**
 * transfer_request_get_status - first failure of a setter
 *
 * @request: the request; borrowed
 *
 * Returns:  0 or the negative errno of that setter
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer
 */
TRANSFER_PUBLIC int transfer_request_get_status(const transfer_request *request);

#ifdef __cplusplus
}
#endif
#endif
