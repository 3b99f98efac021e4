/* SPDX-License-Identifier: MIT */
/*
 * May bytes on disk be continued? Decides what to ask for and what the answer means (RFC 9110,
 * sections 13.1.5, 14 and 15.3.7). Pure: the caller keeps the state over the few requests of one
 * attempt and carries the verdicts out.
 */
#ifndef ENGINE_RESUME_H
#define ENGINE_RESUME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct head;

/* What is known about the bytes on disk; strings borrowed. */
struct resume {
	uint64_t offset_bytes; /* durable bytes; 0: nothing to continue */
	int64_t known_total_bytes; /* -1: unknown */
	const char *etag; /* stored with the bytes; weak or malformed ones are ignored */
	const char *last_modified; /* stored only when it was strong */
	/* the caller's own Range header: then we never ask for a part ourselves */
	bool has_caller_range;
	bool is_without_if_range; /* set after RESUME_RETRY_WITHOUT_IF_RANGE */
	bool was_restarted; /* set after RESUME_RESTART */
};

/* What to send: an empty string means no such header. */
struct resume_request {
	char range[40]; /* value of Range: "bytes=123-" */
	const char *if_range; /* value of If-Range, borrowed from struct resume; NULL: none */
};

enum resume_verdict {
	RESUME_APPEND, /* body continues at offset_bytes */
	/* body is whole: truncate to 0, report offset 0, write from 0 */
	RESUME_REPLACE,
	/* nothing is missing: drop the body, the bytes on disk are the file */
	RESUME_COMPLETE,
	/* drop the body and the bytes, set was_restarted, ask again from 0 (at once, once) */
	RESUME_RESTART,
	/* drop the body, keep the bytes, set is_without_if_range, ask again */
	RESUME_RETRY_WITHOUT_IF_RANGE,
	/*
	 * another status (403, 503, …): the bytes stay, this body never enters the part, the daemon
	 * judges
	 */
	RESUME_FINAL,
	/* wrong again after a restart: BAD_SERVER_RESPONSE, is_restart_needed */
	RESUME_BROKEN,
};

struct resume_answer {
	enum resume_verdict verdict;
	int64_t total_bytes; /* APPEND, COMPLETE, REPLACE: whole file; -1 unknown */
	const char *why; /* static text for the log and BROKEN's detail; NULL: none */
};

/* Nothing is asked for without bytes and a strong validator. */
void resume_request(const struct resume *resume, struct resume_request *ret_request);
/* @head: a complete final head that is not a redirect to be followed. */
void resume_judge(
	const struct resume *resume, const struct head *head, struct resume_answer *ret_answer);
/*
 * Could bytes of this response be continued later? GET, 200 or 206, strong validator, identity
 * coding, ranges not refused.
 */
bool resume_is_possible(const struct head *head, const char *method);
/* The validators worth storing: NULL unless strong. */
const char *resume_etag(const struct head *head);
const char *resume_last_modified(const struct head *head);

#endif
