/* SPDX-License-Identifier: MIT */
/*
 * A final head is complete: is it a redirect, a challenge, a resume gone wrong, or the answer? Runs inside the
 * header callback, so it only notes what is to be done with the body (xfer->body) and after the
 * end (xfer->next), and tells the caller. The caller hears of the answer here, before any byte of
 * its body is handed on.
 */
#include "engine/xfer.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/sink.h"
#include "engine/url.h"

static bool is_download(const struct xfer *x)
{
	return x->spec.kind == TRANSFER_TASK_DOWNLOAD;
}

/* True when the head is dealt with. */
static bool judge_redirect(struct xfer *x)
{
	bool is_apart = xfer_upload_is_apart(x);
	const struct redirect_from from = {
		.url = x->url,
		.method = x->method,
		.head = &x->head,
		.n_done = x->n_redirects,
		.n_max = x->spec.redirects_max,
		.allow_insecure = x->spec.allow_insecure && !(is_apart && url_is_https(x->url)),
	};

	/* of an upload resource only those that keep the method; nothing else is deleted in its stead */
	if (is_apart &&
		((x->head.status != 307 && x->head.status != 308) ||
			x->upload.leg == UPLOAD_LEG_DROP))
		return false;
	url_free(take_ptr(x->redirect.url));
	if (redirect_decide(&from, &x->redirect)) {
		xfer_fault_memory(x);
		return true;
	}
	switch (x->redirect.verdict) {
	case REDIRECT_NONE:
		return false;
	case REDIRECT_FOLLOW:
		x->next = XFER_NEXT_FOLLOW;
		x->body = XFER_BODY_DROP;
		(void)xfer_live_judge_redirect(x);
		return true;
	case REDIRECT_REFUSE:
		xfer_fault(x, (enum transfer_error_code)x->redirect.code, x->redirect.detail);
		return true;
	}
	return false;
}

/* Space for the whole file, before the first byte of it. */
static void expect(struct xfer *xfer)
{
	int r;

	if (xfer->total_bytes < 0 || xfer->head.status >= 300)
		return;
	r = sink_expect(xfer->sink, (uint64_t)xfer->total_bytes);
	if (r)
		xfer_fault_file(xfer, FAULT_FILE_WRITE, r);
}

static void accept_part(struct xfer *x)
{
	x->can_resume = true;
	xfer_post_resumed(x, x->resume.offset_bytes, false);
	xfer_post_response(x);
	expect(x);
}

/*
 * Only when the part is empty may the caller give it the validators of this answer: from then on they are taken for those
 * of whatever is in it. What is written in one go needs no such promise.
 */
void xfer_judge_begin(struct xfer *xfer)
{
	/* a small file is over before anybody asks, and its end carries the response: said before only when it lasts */
	if (xfer->spec.live.is_live) {
		xfer_live_put_off_response(xfer);
	} else if (xfer->spec.may_be_unnamed && xfer->total_bytes >= 0 &&
		xfer->total_bytes <= SINK_UNNAMED_BYTES) {
		xfer->is_response_due = true;
		xfer_note_response(xfer);
	} else {
		xfer_post_response(xfer);
	}
	if (xfer->can_resume && !xfer->spec.live.is_live &&
		(xfer->total_bytes < 0 || xfer->total_bytes > (int64_t)SINK_GATHER_BYTES))
		xfer_post_begun(xfer);
	expect(xfer);
}

/* From now on the file is what this answer says it is. */
static void note_validators(struct xfer *x)
{
	const char *etag = x->can_resume ? resume_etag(&x->head) : NULL;
	const char *last_modified = x->can_resume ? resume_last_modified(&x->head) : NULL;

	x->resume.etag = etag ? arena_strdup(&x->arena, etag) : NULL;
	x->resume.last_modified = last_modified ? arena_strdup(&x->arena, last_modified) : NULL;
	x->resume.known_total_bytes = x->total_bytes;
	x->can_resume = x->resume.etag || x->resume.last_modified;
}

/*
 * The body is the whole file. Kept bytes, and validators of some that may be, are given up only when the caller knows it:
 * till then libcurl waits.
 */
static void accept_whole(struct xfer *x)
{
	note_validators(x);
	if (sink_offset_bytes(x->sink) > 0 || x->is_claimed) {
		xfer_post_resumed(x, 0, true);
		x->is_held = true;
		return;
	}
	if (x->spec.is_resumed_by_client)
		xfer_post_resumed(x, 0, false);
	xfer_judge_begin(x);
}

/*
 * 416 and the like: all bytes are there. The caller asked for the file and has it, so it is told
 * 200.
 */
static void accept_complete(struct xfer *x)
{
	x->body = XFER_BODY_DROP;
	x->head.status = 200;
	x->head.content_length_bytes = x->total_bytes;
	x->head.content_type = NULL;
	xfer_post_resumed(x, x->resume.offset_bytes, false);
	xfer_post_response(x);
}

static bool is_passing_status(unsigned status)
{
	return status == 408 || status == 425 || status == 429 || status == 500 || status == 502 ||
		status == 503 || status == 504;
}

/* Another answer than bytes, while there are bytes to keep: the attempt ends, they stay. */
static void refuse_final(struct xfer *x)
{
	char detail[64];

	x->body = XFER_BODY_DROP;
	x->can_resume = true;
	xfer_post_response(x);
	snprintf(detail, sizeof(detail), "status %u in answer to a resume",
		(unsigned)x->head.status);
	xfer_fault(x, TRANSFER_ERROR_BAD_SERVER_RESPONSE, detail);
	x->is_retryable = is_passing_status(x->head.status);
}

bool xfer_has_no_body(const struct xfer *xfer)
{
	return !strcmp(xfer->method, "HEAD") || xfer->head.status == 204 ||
		xfer->head.status == 304;
}

static void judge_download(struct xfer *x)
{
	struct resume_answer answer;

	resume_judge(&x->resume, &x->head, &answer);
	x->can_resume = !x->resume.has_caller_range && resume_is_possible(&x->head, x->method);
	x->total_bytes = xfer_has_no_body(x) ? 0 : answer.total_bytes;
	x->body = XFER_BODY_DROP;
	switch (answer.verdict) {
	case RESUME_APPEND:
		x->body = XFER_BODY_KEEP;
		accept_part(x);
		break;
	case RESUME_REPLACE:
		x->body = XFER_BODY_KEEP;
		xfer_decode_start(x);
		accept_whole(x);
		break;
	case RESUME_COMPLETE:
		accept_complete(x);
		break;
	case RESUME_RESTART:
		x->next = XFER_NEXT_AGAIN;
		x->resume.was_restarted = true;
		xfer_post_resumed(x, 0, true);
		x->is_held = true;
		break;
	case RESUME_RETRY_WITHOUT_IF_RANGE:
		x->next = XFER_NEXT_AGAIN;
		x->resume.is_without_if_range = true;
		break;
	case RESUME_FINAL:
		refuse_final(x);
		break;
	case RESUME_BROKEN:
		xfer_fault(x, TRANSFER_ERROR_BAD_SERVER_RESPONSE, answer.why);
		x->is_restart_needed = true;
		break;
	}
}

static void judge_upload(struct xfer *x)
{
	if (x->head.status == 417 && x->has_body && !x->is_expect_refused) {
		x->is_expect_refused = true;
		x->body = XFER_BODY_DROP;
		x->next = XFER_NEXT_AGAIN;
		return;
	}
	if (xfer_upload_judge(x))
		return;
	x->body = XFER_BODY_KEEP;
	x->total_bytes = x->head.is_chunked ? -1 : x->head.content_length_bytes;
	if (xfer_has_no_body(x))
		x->total_bytes = 0;
	xfer_decode_start(x);
	if (x->spec.live.body == ENGINE_BODY_FILE)
		xfer_post_response(x);
	else if (x->fault.code)
		xfer_note_response(x); /* nobody is asked about what cannot be read */
	else
		xfer_live_begin_body(x);
	if (x->upload.is_answered)
		xfer_upload_forget(x);
}

void xfer_judge_answer(struct xfer *xfer)
{
	if (is_download(xfer))
		judge_download(xfer);
	else
		judge_upload(xfer);
}

void xfer_judge_become_download(struct xfer *xfer)
{
	xfer->can_resume = !xfer->decode && !xfer->has_body && !xfer->resume.has_caller_range &&
		resume_is_possible(&xfer->head, xfer->method);
	note_validators(xfer);
	xfer_note_response(xfer);
	expect(xfer);
}

void xfer_judge(struct xfer *xfer)
{
	xfer->next = XFER_NEXT_END;
	xfer->dropped_bytes = 0;
	if (xfer->spec.jar)
		xfer_cookie_take(xfer);
	if (!judge_redirect(xfer) && !xfer_auth_judge(xfer))
		xfer_judge_answer(xfer);
}
