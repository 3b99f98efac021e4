/* SPDX-License-Identifier: MIT */
/* The exit codes of transferctl; scripts rely on them. */
#ifndef CLI_EXIT_CODE_H
#define CLI_EXIT_CODE_H

enum exit_code {
	EXIT_CODE_OK = 0,
	EXIT_CODE_FAILED = 1, /* failed, or several tasks failed for different reasons */
	EXIT_CODE_USAGE = 2,
	EXIT_CODE_TIMEOUT = 3,
	EXIT_CODE_NOT_FOUND = 4, /* no such task, session or property */
	EXIT_CODE_NETWORK = 5, /* DNS, connect, TLS, stall, protocol */
	EXIT_CODE_REFUSED = 6, /* HTTP 4xx or 5xx */
	EXIT_CODE_UNFINISHED = 7, /* cancelled or suspended while waiting */
	EXIT_CODE_NO_DAEMON = 8,
	EXIT_CODE_FILE = 9, /* disk full, exists, permission, vanished source */
	EXIT_CODE_CREDENTIAL = 10,
	EXIT_CODE_NOT_PERMITTED = 11,
	EXIT_CODE_CHECKSUM = 12,
	EXIT_CODE_INTERRUPTED = 130,
};

#endif
