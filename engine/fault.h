/* SPDX-License-Identifier: MIT */
/*
 * The one place where what curl, the kernel and OpenSSL say becomes a struct transfer_result. Pure.
 * detail is the library's fixed text, never its error buffer: no URL, host or secret gets in,
 * always valid UTF-8.
 */
#ifndef ENGINE_FAULT_H
#define ENGINE_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>
#include <transfer/error.h>
#include <transfer/types.h>

/* What was being done to a file when errno came. */
enum fault_file {
	FAULT_FILE_CREATE,
	FAULT_FILE_OPEN,
	FAULT_FILE_CLOSE,
	FAULT_FILE_WRITE, /* write, allocate, truncate, sync */
	FAULT_FILE_REMOVE,
	FAULT_FILE_MOVE,
	FAULT_FILE_READ_SOURCE, /* an upload's file: -1100, -1101, -1102 */
};

/* @detail: NULL or text that may be shown; repaired and cut to fit. */
void fault_set(struct transfer_result *result, enum transfer_error_code code, const char *detail);
/*
 * @os_errno: CURLINFO_OS_ERRNO or 0; @verify: CURLINFO_SSL_VERIFYRESULT (an X509_V_ERR number) or
 * 0. CURLE_OK clears.
 */
void fault_from_curl(CURLcode code, long os_errno, long verify, struct transfer_result *ret_result);
/* @error_no: positive or negative errno; 0 clears. */
void fault_from_file(enum fault_file what, int error_no, struct transfer_result *ret_result);

/*
 * Transport trouble, timeouts, a server that broke off: trying later may help. Disk-full has its
 * own answer and is not retryable.
 */
bool fault_is_retryable(const struct transfer_result *result);
/* ENOSPC or EDQUOT. */
bool fault_is_disk_full(const struct transfer_result *result);

#endif
