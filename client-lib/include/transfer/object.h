/* SPDX-License-Identifier: MIT */
/*
 * What every part of libtransfer shares: counted objects, bytes, and error objects.
 *
 * Objects are opaque, counted atomically and usable from any thread. new_ and copy_ give the caller a reference of
 * its own; get_ lends something that lives as long as the object it came from. A NULL object is fine for _ref and
 * _unref. Texts are UTF-8; in_usec and _usec are microseconds, wall clock times count from the epoch.
 */
#ifndef TRANSFER_OBJECT_H
#define TRANSFER_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <transfer/error.h>
#include <transfer/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Grows when functions are added; programs built against 1 go on working. */
#define TRANSFER_API_VERSION 1

#if defined(__GNUC__)
#	define TRANSFER_PUBLIC __attribute__((visibility("default")))
#else
#	define TRANSFER_PUBLIC
#endif

/* Declares an object type T with T_ref (returns its argument, counted once more), T_unref, and T_unrefp for transfer_auto. */
#define TRANSFER_OBJECT(T) \
	typedef struct T T; \
	TRANSFER_PUBLIC T *T##_ref(const T *obj); \
	TRANSFER_PUBLIC void T##_unref(T *obj); \
	static inline void T##_unrefp(T **obj) \
	{ \
		if (*obj) \
			T##_unref(*obj); \
	} \
	struct T

/* transfer_auto(transfer_task) t = NULL; drops the reference when t goes out of scope (GCC and clang). */
#define transfer_auto(T) __attribute__((cleanup(T##_unrefp))) T *

/*
 * Called once with the userdata that it was registered with, when that is needed no more. It may call any function of the
 * library; only that of an executor may not.
 */
typedef void (*transfer_destroy)(void *userdata);

/**
 * transfer_data - immutable bytes: resume data, the body of a response
 *
 * Returns:  transfer_data_ref: its argument; transfer_data_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSData
 */
TRANSFER_OBJECT(transfer_data);

/**
 * transfer_error - why something failed; immutable
 *
 * Returns:  transfer_error_ref: its argument; transfer_error_unref: nothing
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSError
 */
TRANSFER_OBJECT(transfer_error);

/* ---- errors ---- */

/* What the code of an error object counts. */
enum transfer_error_domain {
	TRANSFER_DOMAIN_URL = 1, /* enum transfer_error_code */
	TRANSFER_DOMAIN_POSIX = 2, /* errno, positive */
	/* enum transfer_bus_error: transferd cannot be reached or refused the call */
	TRANSFER_DOMAIN_BUS = 3,
	/* only as underlying error: a number of the library that saw the failure */
	TRANSFER_DOMAIN_LIBRARY = 4,
};

/*
 * X(symbol, number, name, English text): what transferd or the bus answered instead of doing what was asked.
 * Source: org.transferd.Transfer1.Error.*
 */
#define TRANSFER_BUS_ERRORS(X) \
	X(FAILED, 1, "failed", "transferd failed") \
	X(UNREACHABLE, 2, "unreachable", "the bus cannot be reached") \
	X(NOT_RUNNING, 3, "not-running", "transferd is not running") \
	X(NO_REPLY, 4, "no-reply", "transferd did not answer") \
	X(BAD_REPLY, 5, "bad-reply", "transferd answered something unexpected") \
	X(ACCESS_DENIED, 6, "access-denied", "not permitted") \
	X(INVALID_ARGS, 7, "invalid-args", "the arguments are wrong") \
	X(LIMITS_EXCEEDED, 8, "limits-exceeded", "a limit of the bus was reached") \
	X(NO_MEMORY, 9, "no-memory", "out of memory") \
	X(FILE_NOT_FOUND, 10, "file-not-found", "a file does not exist") \
	X(NO_SUCH_SESSION, 20, "no-such-session", "there is no such session") \
	X(NO_SUCH_TASK, 21, "no-such-task", "there is no such task") \
	X(SESSION_INVALID, 22, "session-invalid", "the session has been invalidated") \
	X(NOT_ATTACHED, 23, "not-attached", "the session is not attached to this connection") \
	X(IDENTIFIER_IN_USE, 24, "identifier-in-use", \
		"a session of this name has another configuration") \
	X(NOT_SUPPORTED_IN_SESSION, 25, "not-supported-in-session", \
		"this kind of session does not offer that") \
	X(INVALID_REQUEST, 26, "invalid-request", "the request is wrong") \
	X(LIMIT_REACHED, 27, "limit-reached", "a limit of transferd was reached") \
	X(QUOTA_EXCEEDED, 28, "quota-exceeded", "too many tasks are queued") \
	X(STALE_CURSOR, 29, "stale-cursor", "the list changed; start over") \
	X(TASK_FINISHED, 30, "task-finished", "the task has ended") \
	X(NO_RESUME_DATA, 32, "no-resume-data", "the download cannot be resumed") \
	X(BUSY, 34, "busy", "transferd is busy; try again") \
	X(NO_SPACE, 35, "no-space", "no room on the disk of transferd's state folder")

/* Codes of TRANSFER_DOMAIN_BUS. */
enum transfer_bus_error {
	TRANSFER_BUS_ERROR_NONE = 0,
#define TRANSFER_BUS_ERROR_ENUM(symbol, number, name, text) TRANSFER_BUS_ERROR_##symbol = (number),
	TRANSFER_BUS_ERRORS(TRANSFER_BUS_ERROR_ENUM)
#undef TRANSFER_BUS_ERROR_ENUM
};

/**
 * transfer_error_get_domain - tell what the code of an error counts
 *
 * @error: the error; borrowed
 *
 * Returns:  the domain
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSError.domain
 */
TRANSFER_PUBLIC enum transfer_error_domain transfer_error_get_domain(const transfer_error *error);

/**
 * transfer_error_get_code - number of the error in its domain
 *
 * @error: the error; borrowed
 *
 * Returns:  an enum transfer_error_code, an errno (positive) or an enum transfer_bus_error; never 0
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSError.code
 */
TRANSFER_PUBLIC int transfer_error_get_code(const transfer_error *error);

/**
 * transfer_error_get_name - short stable word for programs, such as "timed-out"
 *
 * @error: the error; borrowed
 *
 * Returns:  the name; for an errno its symbol ("ENOSPC")
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer, see transfer-errors(7)
 */
TRANSFER_PUBLIC const char *transfer_error_get_name(const transfer_error *error);

/**
 * transfer_error_get_message - one English line for people, without full stop
 *
 * @error: the error; borrowed
 *
 * Returns:  the text; never NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSError.localizedDescription
 */
TRANSFER_PUBLIC const char *transfer_error_get_message(const transfer_error *error);

/**
 * transfer_error_get_hint - what could be done about it
 *
 * @error: the error; borrowed
 *
 * Returns:  one line, or NULL when there is nothing to suggest
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSError.localizedRecoverySuggestion
 */
TRANSFER_PUBLIC const char *transfer_error_get_hint(const transfer_error *error);

/**
 * transfer_error_get_failing_url - URL that failed, after redirects
 *
 * @error: the error; borrowed
 *
 * Returns:  the URL, or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLErrorFailingURLErrorKey
 */
TRANSFER_PUBLIC const char *transfer_error_get_failing_url(const transfer_error *error);

/**
 * transfer_error_get_bus_name - D-Bus error name that was answered
 *
 * @error: the error; borrowed
 *
 * Returns:  such as "org.transferd.Transfer1.Error.NoSuchTask", or NULL when the bus had no part in it
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   libtransfer, the error names of org.transferd.Transfer1(5)
 */
TRANSFER_PUBLIC const char *transfer_error_get_bus_name(const transfer_error *error);

/**
 * transfer_error_get_resume_data - what a failed download can be continued with
 *
 * @error: the error; borrowed
 *
 * Returns:  data for transfer_session_download_task_resume(), or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLSessionDownloadTaskResumeData
 */
TRANSFER_PUBLIC const transfer_data *transfer_error_get_resume_data(const transfer_error *error);

/* Source: NSURLErrorBackgroundTaskCancelledReasonKey, same numbers. */
enum transfer_cancelled_reason {
	TRANSFER_CANCELLED_BY_USER = 0, /* or by the application; a force quit */
	TRANSFER_CANCELLED_DISABLED = 1, /* it may not work in the background */
	TRANSFER_CANCELLED_RESOURCES = 2, /* the system had not enough resources */
};

/**
 * transfer_error_get_cancelled_reason - why a task was cancelled
 *
 * @error: the error; borrowed
 *
 * Returns:  an enum transfer_cancelled_reason, or -1 when the error is not TRANSFER_ERROR_CANCELLED of a task
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLErrorBackgroundTaskCancelledReasonKey
 */
TRANSFER_PUBLIC int transfer_error_get_cancelled_reason(const transfer_error *error);

/* Source: NSURLErrorNetworkUnavailableReasonKey, same numbers. */
enum transfer_unavailable_reason {
	TRANSFER_UNAVAILABLE_CELLULAR = 0,
	TRANSFER_UNAVAILABLE_EXPENSIVE =
		1, /* only a metered network, which the request may not use */
	TRANSFER_UNAVAILABLE_CONSTRAINED = 2,
	TRANSFER_UNAVAILABLE_ULTRA_CONSTRAINED = 3,
};

/**
 * transfer_error_get_unavailable_reason - why there was no network that the request may use
 *
 * @error: the error; borrowed
 *
 * Returns:  an enum transfer_unavailable_reason, or -1: there was none at all, or the error is another
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSURLErrorNetworkUnavailableReasonKey
 */
TRANSFER_PUBLIC int transfer_error_get_unavailable_reason(const transfer_error *error);

/**
 * transfer_error_get_underlying - error of the operating system or of a library behind this one
 *
 * @error: the error; borrowed
 *
 * Returns:  the error, or NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSUnderlyingErrorKey
 */
TRANSFER_PUBLIC const transfer_error *transfer_error_get_underlying(const transfer_error *error);

/**
 * transfer_error_new - an error of the application itself: for custom protocols
 *
 * @domain:      what code counts
 * @code:        not 0
 * @message:     one line for people; NULL: the usual text of the code
 * @failing_url: what failed; NULL: nothing
 *
 * Returns:  the error; when memory is short one that says so. Never NULL
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSError.errorWithDomain:code:userInfo:
 */
TRANSFER_PUBLIC transfer_error *transfer_error_new(
	enum transfer_error_domain domain, int code, const char *message, const char *failing_url);

/* ---- bytes ---- */

/**
 * transfer_data_new_copy - bytes copied from memory
 *
 * @bytes:      the bytes; borrowed for the call; NULL is fine when there are none
 * @size_bytes: how many
 *
 * Returns:  the data, or NULL: out of memory
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSData.dataWithBytes:length:
 */
TRANSFER_PUBLIC transfer_data *transfer_data_new_copy(const void *bytes, size_t size_bytes);

/**
 * transfer_data_new_take - bytes of the caller that are handed over
 *
 * @bytes:      the bytes; must not change any more
 * @size_bytes: how many
 * @destroy:    called with userdata when the last reference goes, in any thread; NULL: they live for ever
 * @userdata:   handed to destroy
 *
 * Returns:  the data, or NULL: out of memory; then the bytes stay the caller's
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSData.initWithBytesNoCopy:length:deallocator:
 */
TRANSFER_PUBLIC transfer_data *transfer_data_new_take(
	void *bytes, size_t size_bytes, transfer_destroy destroy, void *userdata);

/**
 * transfer_data_get_bytes - the bytes
 *
 * @data: the data; borrowed
 *
 * Returns:  the first byte, or NULL when there are none
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSData.bytes
 */
TRANSFER_PUBLIC const void *transfer_data_get_bytes(const transfer_data *data);

/**
 * transfer_data_get_size - number of bytes
 *
 * @data: the data; borrowed
 *
 * Returns:  the number of bytes
 * Blocks:   no
 * Thread:   any
 * Since:    0.1
 * Source:   NSData.length
 */
TRANSFER_PUBLIC size_t transfer_data_get_size(const transfer_data *data);

#ifdef __cplusplus
}
#endif
#endif
