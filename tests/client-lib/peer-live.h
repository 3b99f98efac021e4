/* SPDX-License-Identifier: MIT */
/*
 * The peer's sessions that live in memory, from number 2^52+1 on. What is asked is written down, a line each, with the numbers
 * of tasks and sessions counted from 1:
 *
 *	open KIND SIGNALS          create KIND URL METHOD BODY [whole] [asked] [SIGNALS]     resume N   suspend N   cancel N
 *	response Q WORD            redirect Q ACTION URL                                     body Q BYTES
 *	ack SEQ                    flush          reset                                      close N
 *
 * What happens to tasks is said by the test, row by row.
 */
#ifndef TESTS_CLIENT_LIB_PEER_LIVE_H
#define TESTS_CLIENT_LIB_PEER_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/proto.h"

struct peer;

struct peer_row {
	uint64_t task; /* from 1 */
	enum ipc_event_kind kind;
	uint32_t status; /* of a response; 0: none */
	const char *url; /* of the response, or of the proposed request */
	const char *body; /* inline */
	bool body_in_file;
	int pipe_fd; /* 0: none; taken */
	const char *file; /* content of a finished file */
	uint64_t question, bytes, total, download;
	const char *reason;
	const char *
		method; /* of a challenge, from https://example.org, realm "r"; NULL: none is told */
	uint32_t attempt; /* of a challenge */
	int code; /* of the error; 0: none */
	bool folded, has_metrics;
	bool is_ftp; /* its metrics: there is no status, and an answer came */
};

/* In one signal, to the client of the session of the first. */
void peer_live_send(struct peer *p, const struct peer_row *rows, size_t n);
#define PEER_LIVE(p, ...) \
	peer_live_send((p), (const struct peer_row[]){ __VA_ARGS__ }, \
		sizeof((const struct peer_row[]){ __VA_ARGS__ }) / sizeof(struct peer_row))

/* Waits until text was written down; fails the test when it does not come. */
void peer_live_expect(struct peer *p, const char *text);
/* All that was written down; borrowed until the next call of this. */
const char *peer_live_log(struct peer *p);
/* New tasks fail with this error of ipc, so many calls. */
void peer_live_refuse(struct peer *p, int error, unsigned int n_calls);
/* ... or those with more tasks than that, with LimitReached; 0: none. */
void peer_live_refuse_more(struct peer *p, size_t n);
/* CreateTasksFile is not known, from now on. */
void peer_live_forget_files(struct peer *p);
/* What is cancelled does not end: its number is not known. */
void peer_live_keep_cancelled(struct peer *p, bool keep);
/* Those that are made end at once, folded, with the body "N". */
void peer_live_answer_all(struct peer *p, bool answer);
unsigned int peer_live_n_tasks(struct peer *p);

#endif
