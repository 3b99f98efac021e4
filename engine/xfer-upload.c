/* SPDX-License-Identifier: MIT */
/*
 * An upload that outlives a broken connection. The request asks for it; a server that can do it
 * names an upload resource in a 104 on the way, and the caller is told at once, to keep it. When
 * the attempt breaks, the next one asks that resource how much has arrived (HEAD) and sends the
 * rest there (PATCH). What cannot be resumed is sent anew from 0, once in an attempt.
 *
 * Everything here runs on the worker; what is called xfer_upload_on_… or …_judge runs inside a curl
 * callback, so it only notes what comes next.
 */
#include "engine/xfer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "engine/post.h"
#include "engine/source.h"
#include "engine/url.h"

/* requests to the resource without a byte gained */
#define UPLOAD_ROUNDS_MAX   8
#define UPLOAD_GIVE_BACK_US (10 * CLOCK_US_PER_S)

static bool is_allowed(const struct xfer *x, const struct url *url)
{
	return url_is_https(url) || x->spec.allow_insecure;
}

int xfer_upload_init(struct xfer *xfer)
{
	struct xfer_upload *u = &xfer->upload;
	const struct engine_spec *spec = &xfer->spec;
	cleanup_(url_freep) struct url *url = NULL;
	int r;

	u->is_wanted = spec->kind == TRANSFER_TASK_UPLOAD && spec->is_resumable &&
		!upload_is_callers(spec->headers, spec->n_headers);
	if (!u->is_wanted || !spec->upload_url || !xfer->url)
		return 0;
	r = url_parse(spec->upload_url, &url);
	if (r)
		return r < 0 ? r : 0;
	if (!is_allowed(xfer, url) || !upload_may_use(url, xfer->url))
		return 0;
	u->url = strdup(url->text);
	if (!u->url)
		return err_raise(-ENOMEM);
	u->acked_bytes = u->told_bytes = spec->upload_offset_bytes;
	return 0;
}

void xfer_upload_done(struct xfer *xfer)
{
	free(take_ptr(xfer->upload.url));
}

bool xfer_upload_is_apart(const struct xfer *xfer)
{
	return xfer->upload.leg != UPLOAD_LEG_CREATE;
}

/* ---- what the caller is told ---- */

static void tell(struct xfer *x)
{
	struct xfer_upload *u = &x->upload;
	struct post *p = post_new(ENGINE_EVENT_CHECKPOINT, x->key.task, (uint32_t)x->key.attempt);

	if (!p || post_set_url(p, u->url)) {
		xfer_fault_memory(x);
		post_free(p);
		return;
	}
	u->told_bytes = u->acked_bytes;
	p->event.offset_bytes = u->acked_bytes;
	xfer_post(x, p);
}

void xfer_upload_forget(struct xfer *xfer)
{
	if (!xfer->upload.url)
		return;
	free(take_ptr(xfer->upload.url));
	xfer->upload.acked_bytes = 0;
	tell(xfer);
}

/* ---- a 104 on the way ---- */

static void take_resource(struct xfer *x)
{
	cleanup_(url_freep) struct url *first = NULL;
	cleanup_(url_freep) struct url *url = NULL;
	int r = url_parse(x->spec.url, &first);

	if (!r)
		r = upload_resource(&x->head, x->url, first, &url);
	if (!r && url && is_allowed(x, url)) {
		x->upload.url = strdup(url->text);
		r = x->upload.url ? 0 : -ENOMEM;
		if (!r)
			tell(x);
	}
	if (r < 0)
		xfer_fault_memory(x);
}

void xfer_upload_on_interim(struct xfer *xfer)
{
	struct xfer_upload *u = &xfer->upload;
	int64_t offset;

	if (!u->is_wanted || xfer->head.status != 104 || !xfer->has_body)
		return;
	if (u->leg == UPLOAD_LEG_CREATE && !u->url)
		take_resource(xfer);
	offset = upload_offset(&xfer->head);
	if (!u->url || offset < 0 || (uint64_t)offset <= u->acked_bytes ||
		(uint64_t)offset > source_offset_bytes(xfer->source))
		return;
	u->acked_bytes = (uint64_t)offset;
	if (u->acked_bytes - u->told_bytes >= xfer->spec.checkpoint_bytes)
		tell(xfer);
}

/* ---- the answer ---- */

static void fail(struct xfer *x, const char *detail, bool is_retryable)
{
	xfer_fault(x, TRANSFER_ERROR_BAD_SERVER_RESPONSE, detail);
	x->is_retryable = is_retryable;
}

static void go_on_with(struct xfer *x, enum upload_leg leg)
{
	x->upload.next_leg = leg;
	x->next = XFER_NEXT_UPLOAD;
}

static void append_next(struct xfer *x, const struct upload_answer *answer)
{
	struct xfer_upload *u = &x->upload;

	if (answer->offset_bytes > u->acked_bytes) {
		u->n_rounds = 0;
		u->acked_bytes = answer->offset_bytes;
		x->sent_bytes = u->acked_bytes;
		tell(x);
	}
	go_on_with(x, UPLOAD_LEG_APPEND);
}

static void start_afresh(struct xfer *x, const char *why)
{
	xfer_upload_forget(x);
	if (x->upload.was_afresh) {
		fail(x, why, true);
		return;
	}
	x->upload.was_afresh = true;
	go_on_with(x, UPLOAD_LEG_CREATE);
}

static void try_later(struct xfer *x)
{
	char detail[64];

	xfer_note_response(x);
	snprintf(detail, sizeof(detail), "status %u in answer to a resumed upload",
		(unsigned)x->head.status);
	fail(x, detail, true);
}

static void carry_out(struct xfer *x, const struct upload_answer *answer)
{
	switch (answer->verdict) {
	case UPLOAD_FINAL:
		break;
	case UPLOAD_ASK:
		go_on_with(x, UPLOAD_LEG_ASK);
		break;
	case UPLOAD_APPEND:
		append_next(x, answer);
		break;
	case UPLOAD_AFRESH:
		start_afresh(x, answer->why);
		break;
	case UPLOAD_LATER:
		try_later(x);
		break;
	case UPLOAD_REFUSE:
		x->upload.refusal = answer->why;
		go_on_with(x, UPLOAD_LEG_DROP);
		break;
	}
}

/* Whatever the server said to that. */
void xfer_upload_on_end(struct xfer *xfer)
{
	if (xfer->upload.leg != UPLOAD_LEG_DROP || xfer->fault.code || xfer->is_over)
		return;
	xfer_upload_forget(xfer);
	fail(xfer, xfer->upload.refusal, false);
}

/*
 * It is forgotten only after the caller has the answer: dying in between, the next attempt asks the
 * resource and hears that all is there.
 */
static void end_resource(struct xfer *x)
{
	if (x->upload.leg == UPLOAD_LEG_ASK)
		x->sent_bytes = source_size_bytes(x->source);
	x->upload.is_answered = true;
}

bool xfer_upload_judge(struct xfer *xfer)
{
	struct xfer_upload *u = &xfer->upload;
	struct upload_answer answer;
	struct upload_state state;

	if (!xfer->source)
		return false;
	state = (struct upload_state){
		.leg = u->leg,
		.size_bytes = source_size_bytes(xfer->source),
		.acked_bytes = u->acked_bytes,
		.end_bytes = u->end_bytes,
	};
	if (u->leg == UPLOAD_LEG_CREATE) {
		if (upload_ends_resource(
			    &xfer->head, source_offset_bytes(xfer->source) == state.size_bytes))
			end_resource(xfer);
		return false;
	}
	xfer->body = XFER_BODY_DROP;
	if (u->leg == UPLOAD_LEG_DROP)
		return true;
	upload_judge(&state, &xfer->head, &answer);
	if (answer.verdict == UPLOAD_FINAL) {
		end_resource(xfer);
		return false;
	}
	if (answer.append_max_bytes)
		u->append_max_bytes = answer.append_max_bytes;
	u->n_rounds++;
	carry_out(xfer, &answer);
	if (u->n_rounds > UPLOAD_ROUNDS_MAX && !xfer->fault.code)
		fail(xfer, "the upload does not advance", true);
	return true;
}

/*
 * The attempt has ended, and none will come that goes on with it: the server need not keep what it has. One try, and a short
 * one; a server that does not hear of it forgets the upload in its own time.
 */
bool xfer_upload_give_back(struct xfer *xfer)
{
	const struct xfer_upload *u = &xfer->upload;

	if (!u->url || u->is_answered || u->leg == UPLOAD_LEG_DROP || !xfer->source ||
		!xfer->pool || xfer->wait != XFER_WAIT_NONE)
		return false;
	xfer->is_over = true;
	xfer->fault = (struct transfer_result){ 0 };
	xfer->is_end_held = false;
	xfer->spec.deadline_boot_us = clock_now().boot_us + UPLOAD_GIVE_BACK_US;
	return true;
}

/* ---- the next request ---- */

/* Where it goes, and whether the credentials of the first origin may go along. */
static int aim_url(struct xfer *x, enum upload_leg leg)
{
	cleanup_(url_freep) struct url *first = NULL;
	cleanup_(url_freep) struct url *url = NULL;
	int r = url_parse(x->spec.url, &first);

	if (!r && leg != UPLOAD_LEG_CREATE)
		r = url_parse(x->upload.url, &url);
	if (r)
		return r < 0 ? r : err_raise(-EINVAL);
	x->has_crossed = url && !url_is_same_origin(url, first);
	if (url && !x->has_crossed) {
		url->user = first->user ? arena_strdup(&url->arena, first->user) : NULL;
		url->password = first->password ? arena_strdup(&url->arena, first->password) : NULL;
		if ((first->user && !url->user) || (first->password && !url->password))
			return err_raise(-ENOMEM);
	}
	xfer_auth_leave(x, url ? url : first);
	url_free(x->url);
	x->url = url ? take_ptr(url) : take_ptr(first);
	return 0;
}

int xfer_upload_aim(struct xfer *xfer, enum upload_leg leg)
{
	static const char *const methods[] = {
		[UPLOAD_LEG_ASK] = "HEAD",
		[UPLOAD_LEG_APPEND] = "PATCH",
		[UPLOAD_LEG_DROP] = "DELETE",
	};
	struct xfer_upload *u = &xfer->upload;
	uint64_t size_bytes = source_size_bytes(xfer->source);
	int r = aim_url(xfer, leg);

	if (r)
		return r;
	u->leg = leg;
	u->base_bytes = leg == UPLOAD_LEG_CREATE ? 0 : u->acked_bytes;
	u->end_bytes = size_bytes;
	if (leg == UPLOAD_LEG_APPEND && u->append_max_bytes &&
		size_bytes - u->base_bytes > u->append_max_bytes)
		u->end_bytes = u->base_bytes + u->append_max_bytes;
	xfer->method = leg == UPLOAD_LEG_CREATE ? xfer->spec.method : methods[leg];
	xfer->has_body = leg == UPLOAD_LEG_CREATE || leg == UPLOAD_LEG_APPEND;
	xfer->n_redirects = 0;
	source_seek(xfer->source, u->base_bytes);
	return 0;
}
