/* SPDX-License-Identifier: MIT */
/* Words shared by applications, the bus and the daemon: kinds and states of sessions and tasks. */
#ifndef TRANSFER_TYPES_H
#define TRANSFER_TYPES_H

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
	X(CANCELLED, 13, "cancelled")

#define TRANSFER_SESSION_KINDS(X) \
	X(SHARED, 1, "shared") \
	X(DEFAULT, 2, "default") \
	X(EPHEMERAL, 3, "ephemeral") \
	X(BACKGROUND, 4, "background")

#define TRANSFER_SESSION_STATES(X) \
	X(ACTIVE, 1, "active") \
	X(FINISHING, 2, "finishing") \
	X(INVALID, 3, "invalid")

#define TRANSFER_TYPES_ENUM(prefix, symbol, value) TRANSFER_##prefix##_##symbol = (value),
#define TRANSFER_TYPES_TASK_KIND(s, v, n)          TRANSFER_TYPES_ENUM(TASK, s, v)
#define TRANSFER_TYPES_TASK_STATE(s, v, n)         TRANSFER_TYPES_ENUM(TASK_STATE, s, v)
#define TRANSFER_TYPES_TASK_SUB_STATE(s, v, n)     TRANSFER_TYPES_ENUM(SUB_STATE, s, v)
#define TRANSFER_TYPES_SESSION_KIND(s, v, n)       TRANSFER_TYPES_ENUM(SESSION, s, v)
#define TRANSFER_TYPES_SESSION_STATE(s, v, n)      TRANSFER_TYPES_ENUM(SESSION_STATE, s, v)

enum transfer_task_kind { TRANSFER_TASK_KINDS(TRANSFER_TYPES_TASK_KIND) };
enum transfer_task_state { TRANSFER_TASK_STATES(TRANSFER_TYPES_TASK_STATE) };
enum transfer_task_sub_state { TRANSFER_TASK_SUB_STATES(TRANSFER_TYPES_TASK_SUB_STATE) };
enum transfer_session_kind { TRANSFER_SESSION_KINDS(TRANSFER_TYPES_SESSION_KIND) };
enum transfer_session_state { TRANSFER_SESSION_STATES(TRANSFER_TYPES_SESSION_STATE) };

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
