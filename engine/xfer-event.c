/* SPDX-License-Identifier: MIT */
/*
 * What an attempt tells its caller, and the one place where it notes what went wrong. May run
 * inside curl callbacks.
 */
#include "engine/xfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/date.h"
#include "base/failpoint.h"
#include "base/filename.h"
#include "base/mime.h"
#include "engine/digest.h"
#include "engine/post.h"
#include "engine/sink.h"
#include "engine/source.h"
#include "engine/url.h"
#include "engine/worker.h"

__attribute__((unused)) static const char *const failpoints[] = {
	[ENGINE_EVENT_CONNECTED] = "engine.post.connected",
	[ENGINE_EVENT_REDIRECTED] = "engine.post.redirected",
	[ENGINE_EVENT_RESPONSE] = "engine.post.response",
	[ENGINE_EVENT_RESUMED] = "engine.post.resumed",
	[ENGINE_EVENT_PROGRESS] = "engine.post.progress",
	[ENGINE_EVENT_CHECKPOINT] = "engine.post.checkpoint",
	[ENGINE_EVENT_COOKIES] = "engine.post.cookies",
	[ENGINE_EVENT_INFORMATIONAL] = "engine.post.informational",
	[ENGINE_EVENT_ASK_REDIRECT] = "engine.post.ask-redirect",
	[ENGINE_EVENT_ASK_RESPONSE] = "engine.post.ask-response",
	[ENGINE_EVENT_ASK_BODY] = "engine.post.ask-body",
	[ENGINE_EVENT_ASK_CHALLENGE] = "engine.post.ask-challenge",
	[ENGINE_EVENT_DATA] = "engine.post.data",
	[ENGINE_EVENT_STALLED] = "engine.post.stalled",
	[ENGINE_EVENT_DONE] = "engine.post.done",
};

static bool is_download(const struct xfer *x)
{
	return x->spec.kind == TRANSFER_TASK_DOWNLOAD;
}

/* Fills in the numbers and hands the message over. */
void xfer_post(struct xfer *xfer, struct post *post)
{
	struct engine_event *e = &post->event;

	if (xfer->is_over) {
		post_free(post);
		return;
	}
	if (xfer->sink && !xfer->is_held)
		xfer->received_bytes = sink_offset_bytes(xfer->sink);
	e->is_http2 = xfer->is_http2;
	e->received_bytes = xfer->received_bytes;
	e->expected_receive_bytes = xfer->total_bytes;
	e->network_bytes = xfer->network_bytes;
	e->sent_bytes = xfer->sent_bytes;
	if (xfer->spec.live.is_live)
		e->expected_send_bytes = xfer_send_length(xfer);
	else if (!is_download(xfer))
		e->expected_send_bytes = xfer->source ? (int64_t)source_size_bytes(xfer->source)
						      : (int64_t)xfer->spec.source_size_bytes;
	e->at_us = clock_now_us();
	post->worker = xfer->env->worker;
	(void)FAILPOINT(failpoints[e->type]);
	worker_tell_take(xfer->env->owner, &post->mail);
}

static struct post *post_for(struct xfer *x, enum engine_event_type type)
{
	struct post *p = post_new(type, x->key.task, (uint32_t)x->key.attempt);

	if (!p)
		xfer_fault_memory(x);
	return p;
}

void xfer_post_simple(struct xfer *xfer, enum engine_event_type type)
{
	struct post *p = post_for(xfer, type);

	if (!p)
		return;
	if (type == ENGINE_EVENT_REDIRECTED && post_set_url(p, xfer->url->full)) {
		xfer_fault_memory(xfer);
		post_free(p);
		return;
	}
	xfer_post(xfer, p);
}

/* wants_turn: the worker waits until the caller has made this event durable. */
void xfer_post_resumed(struct xfer *xfer, uint64_t offset_bytes, bool wants_turn)
{
	struct post *p = post_for(xfer, ENGINE_EVENT_RESUMED);

	if (!p)
		return;
	xfer->received_bytes = offset_bytes;
	p->event.offset_bytes = offset_bytes;
	p->wants_turn = wants_turn;
	xfer_post(xfer, p);
}

/* Sets it in DONE, and in p, where there is one. */
static int set_response(struct xfer *x, struct post *p, bool is_final)
{
	const struct head *h = &x->head;
	char name[FILENAME_BYTES];
	struct mime mime;
	struct engine_response r = {
		.status = h->status,
		.http_version = h->version,
		/* the application has asked for the one, and knows nothing of the other */
		.url = xfer_upload_is_apart(x) ? x->spec.url : x->url->full,
		.suggested_name = name,
		.etag = x->resume.etag,
		.last_modified = x->resume.last_modified,
		.expected_bytes = h->is_chunked || x->decode ? TRANSFER_SIZE_UNKNOWN
							     : h->content_length_bytes,
		.can_resume = x->can_resume,
		.headers = h->fields,
		.n_headers = h->n_fields,
	};

	mime_parse(h->content_type, &mime);
	r.mime_type = mime.type[0] ? mime.type : NULL;
	r.text_encoding = mime.charset[0] ? mime.charset : NULL;
	filename_suggest(h->content_disposition, x->url->path, x->url->host, r.mime_type, name);
	if (h->retry_after)
		r.retry_after_us = date_retry_after_us(h->retry_after, h->date, clock_wall_us());
	if (p && post_set_response(p, &r))
		return -ENOMEM;
	return x->done && is_final ? post_set_response(x->done, &r) : 0;
}

struct post *xfer_post_new_answer(struct xfer *xfer, enum engine_event_type type)
{
	/* DONE carries it once more */
	bool is_final = type == ENGINE_EVENT_RESPONSE || type == ENGINE_EVENT_ASK_RESPONSE;
	struct post *p = post_for(xfer, type);

	if (!p || !set_response(xfer, p, is_final))
		return p;
	xfer_fault_memory(xfer);
	post_free(p);
	return NULL;
}

/* What says of the whole how it comes is not said of its parts. */
static bool is_of_part(const struct engine_header *field, const struct head *part)
{
	static const char *const wholes[] = { "Content-Type", "Content-Length", "Content-Encoding",
		"Content-Disposition", "Transfer-Encoding" };

	for (size_t i = 0; i < sizeof(wholes) / sizeof(wholes[0]); i++) {
		if (!strcasecmp(field->name, wholes[i]))
			return false;
	}
	return !head_find(part, field->name);
}

static int set_part(struct xfer *x, struct post *p, const struct head *part)
{
	const struct head *h = &x->head;
	char name[FILENAME_BYTES];
	struct engine_header *fields;
	struct mime mime;
	struct engine_response r = {
		.status = h->status,
		.http_version = h->version,
		.url = x->url->full,
		.suggested_name = name,
		.expected_bytes = part->content_length_bytes,
	};

	fields = arena_alloc(&p->arena, h->n_fields + part->n_fields + 1, sizeof(*fields));
	if (!fields)
		return -ENOMEM;
	for (size_t i = 0; i < h->n_fields; i++) {
		if (is_of_part(&h->fields[i], part))
			fields[r.n_headers++] = h->fields[i];
	}
	for (size_t i = 0; i < part->n_fields; i++)
		fields[r.n_headers++] = part->fields[i];
	r.headers = fields;
	mime_parse(part->content_type, &mime);
	r.mime_type = mime.type[0] ? mime.type : NULL;
	r.text_encoding = mime.charset[0] ? mime.charset : NULL;
	filename_suggest(part->content_disposition, x->url->path, x->url->host, r.mime_type, name);
	p->event.live.is_part = true;
	return post_set_response(p, &r);
}

struct post *xfer_post_new_part(
	struct xfer *xfer, enum engine_event_type type, const struct head *fields)
{
	struct post *p = post_for(xfer, type);

	if (!p || !set_part(xfer, p, fields))
		return p;
	xfer_fault_memory(xfer);
	post_free(p);
	return NULL;
}

void xfer_post_response(struct xfer *xfer)
{
	struct post *p = xfer_post_new_answer(xfer, ENGINE_EVENT_RESPONSE);

	if (!p)
		return;
	xfer->is_response_due = false;
	xfer->live.is_told = true;
	xfer->is_claimed = xfer->is_claimed || xfer->resume.etag || xfer->resume.last_modified;
	xfer_post(xfer, p);
}

void xfer_note_response(struct xfer *xfer)
{
	if (set_response(xfer, NULL, true))
		xfer_fault_memory(xfer);
}

/* What failed: the address that was asked for, or the one that a redirect led to in vain. */
static const char *failing_url(const struct xfer *xfer)
{
	bool is_refused = xfer->redirect.verdict == REDIRECT_REFUSE && xfer->redirect.url;

	if (is_refused)
		return xfer->redirect.url->full;
	return xfer_upload_is_apart(xfer) ? xfer->spec.url : xfer->url->full;
}

void xfer_post_begun(struct xfer *xfer)
{
	struct post *p = post_for(xfer, ENGINE_EVENT_CHECKPOINT);

	if (p)
		xfer_post(xfer, p);
}

void xfer_post_done(struct xfer *xfer)
{
	struct post *p = take_ptr(xfer->done);
	struct engine_event *e = &p->event;
	uint8_t state[DIGEST_STATE_MAX_BYTES];
	size_t n;

	e->result = xfer->fault;
	/* without memory for it the event goes without */
	if (xfer->fault.code && xfer->url)
		(void)post_set_url(p, failing_url(xfer));
	/*
	 * while held the caller was told that the kept bytes do not count, although they are
	 * still there
	 */
	e->offset_bytes = xfer->is_held || xfer->is_restart_needed ? 0 : xfer->durable_bytes;
	e->is_retryable = xfer->fault.code && !xfer->is_stopped && xfer->is_retryable;
	e->is_stopped = xfer->is_stopped;
	e->is_disk_full = xfer->fault.code && fault_is_disk_full(&xfer->fault);
	e->is_restart_needed = xfer->is_restart_needed;
	e->is_unbegun = xfer->wait != XFER_WAIT_NONE;
	if (xfer->spec.live.is_live)
		xfer_live_fill_done(xfer, e);
	xfer->ended = p;
	if (xfer->sink && is_download(xfer) &&
		sink_flushed_bytes(xfer->sink) == xfer->durable_bytes) {
		n = sink_save_digest(xfer->sink, state, sizeof(state));
		/* without it the part is read once more */
		(void)post_set_digest_state(p, state, n);
	}
	xfer_post(xfer, p);
}

/* The first fault is the cause, later ones follow from it. */
void xfer_fault(struct xfer *xfer, enum transfer_error_code code, const char *detail)
{
	if (xfer->fault.code)
		return;
	fault_set(&xfer->fault, code, detail);
	xfer->is_retryable = fault_is_retryable(&xfer->fault);
}

void xfer_fault_file(struct xfer *xfer, enum fault_file what, int error_no)
{
	if (xfer->fault.code)
		return;
	fault_from_file(what, error_no, &xfer->fault);
	xfer->is_retryable = fault_is_retryable(&xfer->fault);
}

void xfer_fault_curl(struct xfer *xfer, CURLcode code)
{
	long os_errno = 0, verify = 0;

	if (xfer->fault.code)
		return;
	if (xfer->easy) {
		curl_easy_getinfo(xfer->easy, CURLINFO_OS_ERRNO, &os_errno);
		curl_easy_getinfo(xfer->easy, CURLINFO_SSL_VERIFYRESULT, &verify);
	}
	fault_from_curl(code, os_errno, verify, &xfer->fault);
	xfer->is_retryable = fault_is_retryable(&xfer->fault);
}

void xfer_fault_memory(struct xfer *xfer)
{
	if (xfer->fault.code)
		return;
	fault_from_curl(CURLE_OUT_OF_MEMORY, 0, 0, &xfer->fault);
	xfer->is_retryable = true;
}
