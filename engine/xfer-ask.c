/* SPDX-License-Identifier: MIT */
/*
 * What the caller is asked about an answer, and what follows from what it says. Asked is inside the
 * header callback; the answer comes in the worker's turn, never inside a callback.
 *
 * While a redirect or a challenge is asked about, its own body is set aside: it is the result if the caller stops
 * there. While it is asked about the answer, nothing of the body is taken from libcurl. An end that
 * libcurl reports meanwhile is kept, as it is for a slow reader.
 */
#include "engine/xfer.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "engine/outlet.h"
#include "engine/post.h"
#include "engine/spec.h"
#include "engine/url.h"

/* ---- asking ---- */

static void ask_take(struct xfer *x, struct post *p, enum xfer_question question)
{
	x->live.question = question;
	x->live.is_told = true;
	x->is_response_due = false;
	xfer_post(x, p);
}

void xfer_live_ask_take(struct xfer *xfer, struct post *post)
{
	xfer->receive_pause |= XFER_PAUSE_ASK;
	ask_take(xfer, post, XFER_QUESTION_RESPONSE);
}

void xfer_live_ask_response(struct xfer *xfer)
{
	struct post *p = xfer_post_new_answer(xfer, ENGINE_EVENT_ASK_RESPONSE);

	if (p)
		xfer_live_ask_take(xfer, p);
}

void xfer_live_tell_informational(struct xfer *xfer)
{
	struct post *p = xfer_post_new_answer(xfer, ENGINE_EVENT_INFORMATIONAL);

	if (p)
		xfer_post(xfer, p);
}

/* A field that was set by hand, and would go along. */
static bool goes_along(const struct xfer *x, const char *name)
{
	bool has_crossed = x->has_crossed || !x->redirect.is_same_origin;

	if (has_crossed && !redirect_header_may_cross(name))
		return false;
	/* an answer to a challenge has taken its place */
	if (xfer_auth_is_known(x) && !strcasecmp(name, "Authorization"))
		return false;
	return !x->has_body || x->redirect.keeps_body || !redirect_header_is_of_body(name);
}

static int propose(struct xfer *x, struct post *p)
{
	struct engine_request request = {
		.url = x->redirect.url->full,
		.method = x->redirect.method,
		.keeps_body = x->has_body && x->redirect.keeps_body,
	};
	struct engine_header *headers;

	headers = arena_alloc(&p->arena, x->spec.n_headers + 1, sizeof(*headers));
	if (!headers)
		return -ENOMEM;
	for (size_t i = 0; i < x->spec.n_headers; i++) {
		if (goes_along(x, x->spec.headers[i].name))
			headers[request.n_headers++] = x->spec.headers[i];
	}
	request.headers = headers;
	return post_set_proposed(p, &request);
}

bool xfer_live_judge_redirect(struct xfer *xfer)
{
	struct post *p;

	if (!(xfer->spec.live.asks & ENGINE_ASK_REDIRECT))
		return false;
	p = xfer_post_new_answer(xfer, ENGINE_EVENT_ASK_REDIRECT);
	if (!p)
		return true;
	if (propose(xfer, p)) {
		xfer_fault_memory(xfer);
		post_free(p);
		return true;
	}
	ask_take(xfer, p, XFER_QUESTION_REDIRECT);
	return true;
}

size_t xfer_live_set_aside(struct xfer *xfer, const char *bytes, size_t n)
{
	struct buf *aside = &xfer->live.aside;

	if (aside->size_bytes + n > ENGINE_INLINE_BYTES) {
		xfer->receive_pause |= XFER_PAUSE_ASK;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (!buf_append(aside, bytes, n))
		return n;
	xfer_fault_memory(xfer);
	return 0;
}

bool xfer_live_sets_aside(const struct xfer *xfer)
{
	return xfer->live.question == XFER_QUESTION_REDIRECT ||
		xfer->live.question == XFER_QUESTION_CHALLENGE;
}

bool xfer_live_ask_challenge(struct xfer *xfer)
{
	struct post *p;

	if (!(xfer->spec.live.asks & ENGINE_ASK_CHALLENGE))
		return false;
	p = xfer_post_new_answer(xfer, ENGINE_EVENT_ASK_CHALLENGE);
	if (!p)
		return true;
	if (xfer_auth_fill(xfer, p)) {
		xfer_fault_memory(xfer);
		post_free(p);
		return true;
	}
	ask_take(xfer, p, XFER_QUESTION_CHALLENGE);
	return true;
}

/* ---- a redirect's answer ---- */

static void replace(struct xfer *x, const struct engine_request *request)
{
	cleanup_(url_freep) struct url *url = NULL;
	bool keeps_method = !strcmp(request->method, x->redirect.method);
	int r = url_parse(request->url, &url);

	if (r > 0)
		xfer_fault(x,
			r == URL_E_SCHEME ? TRANSFER_ERROR_UNSUPPORTED_URL : TRANSFER_ERROR_BAD_URL,
			NULL);
	else if (!r && !url_is_https(url) && !x->spec.allow_insecure)
		xfer_fault(x, TRANSFER_ERROR_INSECURE_TRANSPORT, NULL);
	if (!r)
		r = spec_copy_request(&x->arena, request, &x->spec);
	if (r == -EINVAL)
		xfer_fault(x, TRANSFER_ERROR_BAD_URL, "a method or field that cannot be sent");
	else if (r < 0)
		xfer_fault_memory(x);
	if (x->fault.code)
		return;
	if (spec_has_header(&x->spec, "Authorization"))
		xfer_auth_forget(x);
	url_free(x->redirect.url);
	x->redirect.url = take_ptr(url);
	x->redirect.method = x->spec.method;
	x->redirect.keeps_body = x->redirect.keeps_body && keeps_method && request->keeps_body;
	/* the caller has said itself what goes there */
	x->redirect.is_same_origin = true;
	x->has_crossed = false;
}

/* What was asked about is the answer. */
static void stop_here(struct xfer *x)
{
	x->next = XFER_NEXT_END;
	x->redirect.verdict = REDIRECT_NONE;
	url_free(take_ptr(x->redirect.url));
	xfer_judge_answer(x);
	if (x->body != XFER_BODY_KEEP)
		return;
	buf_done(&x->live.rest);
	x->live.rest = x->live.aside;
	x->live.aside = (struct buf){ 0 };
	x->network_bytes += x->live.rest.size_bytes;
}

void xfer_live_answer_redirect(
	struct xfer *xfer, enum engine_redirect_answer answer, const struct engine_request *request)
{
	if (xfer->live.question != XFER_QUESTION_REDIRECT || xfer->state >= XFER_STATE_FINISH)
		return;
	xfer->live.question = XFER_QUESTION_NONE;
	xfer->receive_pause &= ~(unsigned)XFER_PAUSE_ASK;
	switch (answer) {
	case ENGINE_REDIRECT_FOLLOW:
		break;
	case ENGINE_REDIRECT_REPLACE:
		replace(xfer, request);
		break;
	case ENGINE_REDIRECT_STOP:
		stop_here(xfer);
		break;
	}
	buf_done(&xfer->live.aside);
	xfer_live_resume(xfer);
}

/* ---- a challenge's answer ---- */

static void authenticate(struct xfer *x, const struct engine_credential *credential)
{
	if (!auth_can_say(&x->auth.challenge, credential->user))
		stop_here(x);
	else if (xfer_auth_use(x, credential->user, credential->password))
		xfer_fault_memory(x);
}

/* True: another method is asked about. */
static bool asks_next_method(struct xfer *x)
{
	xfer_auth_reject(x);
	return xfer_auth_choose(x) && xfer_live_ask_challenge(x) && !x->fault.code;
}

void xfer_live_answer_challenge(struct xfer *xfer, enum engine_challenge_answer answer,
	const struct engine_credential *credential)
{
	if (xfer->live.question != XFER_QUESTION_CHALLENGE || xfer->state >= XFER_STATE_FINISH)
		return;
	if (answer == ENGINE_CHALLENGE_REJECT && asks_next_method(xfer))
		return;
	xfer->live.question = XFER_QUESTION_NONE;
	xfer->receive_pause &= ~(unsigned)XFER_PAUSE_ASK;
	switch (answer) {
	case ENGINE_CHALLENGE_USE:
		authenticate(xfer, credential);
		break;
	case ENGINE_CHALLENGE_CANCEL:
		xfer_fault(xfer, TRANSFER_ERROR_CANCELLED, NULL);
		break;
	case ENGINE_CHALLENGE_DEFAULT:
	case ENGINE_CHALLENGE_REJECT:
		if (!xfer->fault.code)
			stop_here(xfer);
		break;
	}
	buf_done(&xfer->live.aside);
	xfer_live_resume(xfer);
}

/* ---- a response's answer ---- */

static void to_file(struct xfer *x, const char *part_path)
{
	if (x->live.multipart) {
		xfer_fault(x, TRANSFER_ERROR_CANNOT_CREATE_FILE,
			"a part of an answer becomes no download");
		return;
	}
	x->spec.part_path = arena_strdup(&x->arena, part_path);
	if (!x->spec.part_path) {
		xfer_fault_memory(x);
		return;
	}
	x->live.outlet = outlet_free(x->live.outlet);
	x->spec.kind = TRANSFER_TASK_DOWNLOAD;
	x->spec.live.body = ENGINE_BODY_FILE;
	if (!xfer_disk_open_part(x))
		xfer_judge_become_download(x);
}

void xfer_live_answer_response(
	struct xfer *xfer, enum engine_response_answer answer, const char *part_path)
{
	if (xfer->live.question != XFER_QUESTION_RESPONSE || xfer->state >= XFER_STATE_FINISH)
		return;
	xfer->live.question = XFER_QUESTION_NONE;
	xfer->receive_pause &= ~(unsigned)XFER_PAUSE_ASK;
	switch (answer) {
	case ENGINE_RESPONSE_ALLOW:
		break;
	case ENGINE_RESPONSE_CANCEL:
		xfer_fault(xfer, TRANSFER_ERROR_CANCELLED, NULL);
		break;
	case ENGINE_RESPONSE_TO_FILE:
		to_file(xfer, part_path);
		break;
	}
	xfer_live_resume(xfer);
}

/* ---- holding ---- */

void xfer_live_hold(struct xfer *xfer, bool is_held)
{
	const unsigned held = XFER_PAUSE_HELD;
	bool can_pause = !xfer->is_http2 || xfer_request_can_pause_http2();

	if (xfer->state >= XFER_STATE_FINISH)
		return;
	if (!is_held) {
		xfer_time_hold(xfer, false);
		xfer_go_on(xfer, held, held);
		return;
	}
	/* what nobody has heard of begins anew; a file goes on where it ends */
	if (!xfer->live.is_told || !can_pause || xfer->spec.kind == TRANSFER_TASK_DOWNLOAD) {
		xfer_stop(xfer, false);
		return;
	}
	xfer_time_hold(xfer, true);
	xfer->receive_pause |= held;
	xfer->send_pause |= held;
}
