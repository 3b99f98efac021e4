/* SPDX-License-Identifier: MIT */
/*
 * The rules of resumable uploads (draft-ietf-httpbis-resumable-upload, interop version 8): which
 * fields a request carries and what an answer means. Pure.
 *
 *   CREATE  the request itself; a 104 on the way names an upload resource that outlives a break
 *   ASK     HEAD of that resource: how much has arrived?
 *   APPEND  PATCH of it: the rest. Its answer is the answer to the upload
 *   DROP    DELETE of it: it cannot be completed, or is not wanted any more
 */
#ifndef ENGINE_UPLOAD_H
#define ENGINE_UPLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine_header;
struct head;
struct url;

#define UPLOAD_INTEROP_VERSION "8"
#define UPLOAD_CONTENT_TYPE    "application/partial-upload"

enum upload_leg { UPLOAD_LEG_CREATE, UPLOAD_LEG_ASK, UPLOAD_LEG_APPEND, UPLOAD_LEG_DROP };

enum upload_verdict {
	UPLOAD_FINAL, /* the answer to the whole upload */
	UPLOAD_ASK, /* the offset is not known */
	UPLOAD_APPEND, /* goes on at offset_bytes */
	UPLOAD_AFRESH, /* the resource is gone or cannot be trusted: all of it again */
	UPLOAD_LATER, /* passing trouble; the resource stays */
	UPLOAD_REFUSE, /* cannot be completed, why says it */
};

struct upload_state {
	enum upload_leg leg;
	uint64_t size_bytes; /* of the whole */
	uint64_t acked_bytes; /* the server said that it has them; never fewer afterwards */
	uint64_t end_bytes; /* APPEND: of this request's part; less than size: not the last */
};

struct upload_answer {
	enum upload_verdict verdict;
	uint64_t offset_bytes; /* APPEND */
	uint64_t append_max_bytes; /* ASK, APPEND: of one request; 0: not limited */
	const char *why; /* static text */
};

/* Does the caller speak such a protocol itself? Then its requests are left alone. */
bool upload_is_callers(const struct engine_header *headers, size_t n_headers);
/*
 * An interim answer to CREATE: the URL of the upload resource it names, for a request to from that
 * had been sent to first at the beginning. ret_url NULL: it names none that may be used. 0 or
 * -ENOMEM.
 */
int upload_resource(const struct head *head, const struct url *from, const struct url *first,
	struct url **ret_url);
/* May the resource be used for a request to first? Never from https to http. */
bool upload_may_use(const struct url *resource, const struct url *first);
/* The offset in an answer, interim or final; -1: none, or malformed. */
int64_t upload_offset(const struct head *head);
/* The answer to ASK or APPEND. */
void upload_judge(const struct upload_state *state, const struct head *head,
	struct upload_answer *ret_answer);
/* True when what a final answer to CREATE says is the end of the resource, too. */
bool upload_ends_resource(const struct head *head, bool is_whole);
/*
 * May a header that the caller set go along to the upload resource? Not what describes the whole
 * body, nor what is a condition on the resource that was asked for first.
 */
bool upload_header_may_go(const char *name);

#endif
