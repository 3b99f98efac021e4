/* SPDX-License-Identifier: MIT */
/*
 * The resume ladder. Its one aim: a file is never put together from two versions. So bytes are
 * appended only where the answer proves that it continues ours, and every doubt costs at most one
 * fresh start. Runs anywhere; no state of its own.
 */
#include "engine/resume.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/date.h"
#include "engine/decode.h"
#include "engine/head.h"
#include "engine/range.h"
#include "engine/validator.h"

static const char *strong_etag(const struct resume *resume)
{
	return validator_etag_is_strong(resume->etag) ? resume->etag : NULL;
}

/* Stored only when strong; checked again because it comes back from disk and goes into a header. */
static const char *strong_date(const struct resume *resume)
{
	int64_t wall_s;

	if (!resume->last_modified || date_parse(resume->last_modified, 0, &wall_s))
		return NULL;
	return resume->last_modified;
}

/* What proves that the file is the same; NULL: nothing does. */
static const char *validator(const struct resume *resume)
{
	const char *etag = strong_etag(resume);

	return etag ? etag : strong_date(resume);
}

static bool asks_for_part(const struct resume *resume)
{
	return resume->offset_bytes > 0 && !resume->has_caller_range && validator(resume);
}

void resume_request(const struct resume *resume, struct resume_request *ret_request)
{
	ret_request->range[0] = 0;
	ret_request->if_range = NULL;
	if (!asks_for_part(resume))
		return;
	snprintf(ret_request->range, sizeof(ret_request->range), "bytes=%llu-",
		(unsigned long long)resume->offset_bytes);
	if (!resume->is_without_if_range)
		ret_request->if_range = validator(resume);
}

/* Nothing in the answer speaks against the stored validators. */
static bool is_unchanged(const struct resume *resume, const struct head *head)
{
	const char *etag = strong_etag(resume);

	if (etag && head->etag && strcmp(etag, head->etag) != 0)
		return false;
	if (resume->last_modified && head->last_modified &&
		strcmp(resume->last_modified, head->last_modified) != 0)
		return false;
	return true;
}

/* The answer carries the very validator that our bytes were stored with. */
static bool is_proven(const struct resume *resume, const struct head *head)
{
	const char *etag = strong_etag(resume);

	if (!is_unchanged(resume, head))
		return false;
	return etag ? head->etag != NULL : head->last_modified && resume->last_modified;
}

static bool is_identity(const struct head *head)
{
	return decode_is_identity(head->content_encoding);
}

static bool refuses_ranges(const struct head *head)
{
	return head->accept_ranges && strcasecmp(head->accept_ranges, "none") == 0;
}

/* Why a 206 does not continue our bytes; NULL: it does. */
static const char *objection(
	const struct resume *resume, const struct head *head, int64_t *ret_total_bytes)
{
	struct range range;

	if (head->content_type && strncasecmp(head->content_type, "multipart/byteranges", 20) == 0)
		return "206 with several ranges";
	if (!head->content_range)
		return "206 without Content-Range";
	if (range_parse(head->content_range, &range) || range.is_unsatisfied)
		return "206 with a malformed Content-Range";
	if (range.first_bytes != resume->offset_bytes)
		return "206 starts elsewhere";
	if (resume->known_total_bytes >= 0 && range.total_bytes >= 0 &&
		range.total_bytes != resume->known_total_bytes)
		return "206 of a file of another size";
	if (resume->known_total_bytes >= 0 &&
		range.last_bytes >= (uint64_t)resume->known_total_bytes)
		return "206 goes beyond the end";
	if (head->content_length_bytes >= 0 &&
		(uint64_t)head->content_length_bytes != range.last_bytes - range.first_bytes + 1)
		return "206 with a length that is not its range's";
	if (!is_identity(head))
		return "206 with a content coding";
	if (!is_unchanged(resume, head))
		return "206 with another validator";
	if (resume->is_without_if_range && !is_proven(resume, head))
		return "206 without a validator";
	*ret_total_bytes = range.total_bytes >= 0 ? range.total_bytes : resume->known_total_bytes;
	/*
	 * we asked for all that is left: a server may send less, but then the end is not ours to
	 * guess
	 */
	if (*ret_total_bytes < 0)
		return "206 of a file of unknown size";
	if (range.last_bytes + 1 != (uint64_t)*ret_total_bytes)
		return "206 ends early";
	return NULL;
}

static void start_over(const struct resume *resume, const char *why, struct resume_answer *answer)
{
	answer->verdict = resume->was_restarted ? RESUME_BROKEN : RESUME_RESTART;
	answer->total_bytes = -1;
	answer->why = why;
}

static void judge_416(
	const struct resume *resume, const struct head *head, struct resume_answer *answer)
{
	struct range range;
	bool is_whole = head->content_range && !range_parse(head->content_range, &range) &&
		range.is_unsatisfied && (uint64_t)range.total_bytes == resume->offset_bytes &&
		(resume->known_total_bytes < 0 || resume->known_total_bytes == range.total_bytes);

	if (!is_whole || !is_proven(resume, head)) {
		start_over(resume, "416: the range is not there", answer);
		return;
	}
	answer->verdict = RESUME_COMPLETE;
	answer->total_bytes = range.total_bytes;
}

static void judge_whole(
	const struct resume *resume, const struct head *head, struct resume_answer *answer)
{
	answer->verdict = RESUME_REPLACE;
	answer->total_bytes = head->is_chunked ? -1 : head->content_length_bytes;
	if (!asks_for_part(resume) || resume->is_without_if_range || head->status != 200)
		return;
	if (is_proven(resume, head) && !refuses_ranges(head) && is_identity(head)) {
		answer->verdict = RESUME_RETRY_WITHOUT_IF_RANGE;
		answer->why = "200 although nothing changed";
	}
}

/* 206 where no part was asked for: fine when the caller asked, else nothing can be made of it. */
static void judge_unasked_206(
	const struct resume *resume, const struct head *head, struct resume_answer *answer)
{
	judge_whole(resume, head, answer);
	if (!resume->has_caller_range) {
		answer->verdict = RESUME_BROKEN;
		answer->why = "206 without being asked for a range";
	}
}

void resume_judge(
	const struct resume *resume, const struct head *head, struct resume_answer *ret_answer)
{
	bool is_part = asks_for_part(resume);
	const char *why;

	*ret_answer = (struct resume_answer){ .verdict = RESUME_FINAL, .total_bytes = -1 };
	if (head->status == 206 && is_part) {
		why = objection(resume, head, &ret_answer->total_bytes);
		if (why)
			start_over(resume, why, ret_answer);
		else
			ret_answer->verdict = RESUME_APPEND;
	} else if (head->status == 206) {
		judge_unasked_206(resume, head, ret_answer);
	} else if (head->status == 416 && is_part) {
		judge_416(resume, head, ret_answer);
	} else if (head->status == 412 && is_part) {
		start_over(resume, "412: the file has changed", ret_answer);
	} else if (!is_part || head->status == 200 || head->status == 203) {
		/* what else succeeds is not the file (RFC 9110, 15.3): our bytes are worth more */
		judge_whole(resume, head, ret_answer);
	}
}

bool resume_is_possible(const struct head *head, const char *method)
{
	if (strcmp(method, "GET") != 0 || (head->status != 200 && head->status != 206))
		return false;
	return is_identity(head) && !refuses_ranges(head) &&
		(resume_etag(head) || resume_last_modified(head));
}

const char *resume_etag(const struct head *head)
{
	return validator_etag_is_strong(head->etag) ? head->etag : NULL;
}

const char *resume_last_modified(const struct head *head)
{
	return validator_last_modified_is_strong(head->last_modified, head->date)
		? head->last_modified
		: NULL;
}
