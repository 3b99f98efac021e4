/* SPDX-License-Identifier: MIT */
/*
 * Who the attempt says it is to the server that asks with a 401: what was answered to a challenge, or the user of the URL. It is made
 * here and not in libcurl, which would repeat requests behind our back. What is known of one origin is forgotten at the next.
 */
#include "engine/xfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "engine/auth.h"
#include "engine/post.h"
#include "engine/spec.h"
#include "engine/url.h"

/* New nonces for one and the same password. */
#define AUTH_STALE_MAX 2

static void forget_credential(struct xfer_auth *a)
{
	secret_free(take_ptr(a->user));
	secret_free(take_ptr(a->password));
	a->n_requests = 0;
	a->n_stale = 0;
	a->is_said = false;
}

void xfer_auth_done(struct xfer *xfer)
{
	struct xfer_auth *a = &xfer->auth;

	forget_credential(a);
	arena_done(&a->arena);
	*a = (struct xfer_auth){ 0 };
}

void xfer_auth_leave(struct xfer *xfer, const struct url *to)
{
	if (!url_is_same_origin(xfer->url, to))
		xfer_auth_done(xfer);
}

void xfer_auth_forget(struct xfer *xfer)
{
	forget_credential(&xfer->auth);
}

bool xfer_auth_is_known(const struct xfer *xfer)
{
	return xfer->auth.user;
}

/* RFC 7617: no user of Basic has a colon. The server would take what is behind it for the password. */
static bool can_be_basic(const struct xfer *x)
{
	return xfer_ftp_is(x) || !strchr(x->url->user, ':');
}

bool xfer_auth_has_url(const struct xfer *xfer)
{
	return xfer->url->user && can_be_basic(xfer) && !xfer->has_crossed &&
		!spec_has_header(&xfer->spec, "Authorization") && !xfer_auth_is_known(xfer);
}

int xfer_auth_use(struct xfer *xfer, const char *user, const char *password)
{
	struct xfer_auth *a = &xfer->auth;

	forget_credential(a);
	a->user = strdup(user);
	a->password = strdup(password);
	if (a->user && a->password)
		return 0;
	forget_credential(a);
	return -ENOMEM;
}

/* Path and query: what stands behind the authority. */
static const char *target_of(const struct url *url)
{
	const char *at = strstr(url->text, "://");

	at = at ? strchr(at + 3, '/') : NULL;
	return at ? at : "/";
}

char *xfer_auth_line(struct xfer *xfer)
{
	struct xfer_auth *a = &xfer->auth;
	const struct auth_words words = {
		.user = a->user,
		.password = a->password,
		.method = xfer->method,
		.target = target_of(xfer->url),
		.cnonce = a->cnonce,
		.count = a->n_requests + 1,
	};

	if (!a->n_requests++ && auth_make_cnonce(a->cnonce))
		return NULL;
	a->is_said = true;
	return auth_line(&a->challenge, &words);
}

/* ---- the answer asks ---- */

bool xfer_auth_choose(struct xfer *xfer)
{
	struct xfer_auth *a = &xfer->auth;
	struct auth_challenge challenge;
	struct arena arena = { 0 };
	int r = auth_choose(
		xfer->head.fields, xfer->head.n_fields, a->rejected, &arena, &challenge);

	if (r) {
		arena_done(&arena);
		if (r < 0)
			xfer_fault_memory(xfer);
		return false;
	}
	a->is_renewed = a->is_said && auth_is_renewed(&challenge, &a->challenge);
	arena_done(&a->arena);
	a->arena = arena;
	a->challenge = challenge;
	return true;
}

void xfer_auth_reject(struct xfer *xfer)
{
	xfer->auth.rejected |= 1u << xfer->auth.challenge.method;
}

/* What was said was not good enough. True: it was only said with an old nonce. */
static bool was_stale(struct xfer *x)
{
	struct xfer_auth *a = &x->auth;

	if (xfer_auth_has_url(x) && a->challenge.method == TRANSFER_AUTH_BASIC) {
		a->has_tried_url = true;
		a->n_failures++;
	}
	if (!a->is_said)
		return false;
	if (a->is_renewed && a->n_stale < AUTH_STALE_MAX) {
		a->n_stale++;
		a->n_requests = 0;
		return true;
	}
	a->n_failures++;
	forget_credential(a);
	return false;
}

/* The user of the URL has not been named in this way. */
static bool try_url(struct xfer *x)
{
	if (!x->url->user || x->has_crossed || x->auth.has_tried_url ||
		spec_has_header(&x->spec, "Authorization"))
		return false;
	x->auth.has_tried_url = true;
	if (!auth_can_say(&x->auth.challenge, x->url->user))
		return false;
	if (xfer_auth_use(x, x->url->user, x->url->password ? x->url->password : ""))
		xfer_fault_memory(x);
	return true;
}

bool xfer_auth_judge(struct xfer *xfer)
{
	if (!xfer->spec.live.is_live || xfer->head.status != 401)
		return false;
	if (!xfer_auth_choose(xfer))
		return xfer->fault.code;
	if (!was_stale(xfer) && !try_url(xfer) && !xfer_live_ask_challenge(xfer))
		return xfer->fault.code;
	xfer->next = XFER_NEXT_AUTHENTICATE;
	xfer->body = XFER_BODY_DROP;
	return true;
}

int xfer_auth_fill(const struct xfer *xfer, struct post *post)
{
	const struct xfer_auth *a = &xfer->auth;
	const struct engine_challenge challenge = {
		.method = a->challenge.method,
		.protocol = xfer->url->scheme,
		.host = xfer->url->host,
		.port = xfer->url->port,
		.realm = a->challenge.realm,
		.n_failures = a->n_failures,
	};

	return post_set_challenge(post, &challenge);
}
