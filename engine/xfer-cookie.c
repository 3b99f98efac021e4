/* SPDX-License-Identifier: MIT */
/*
 * Cookies of one attempt: what its requests send, what its answers set. Nothing happens here for an
 * attempt without a cookie store; for one whose store is empty, no more than a look.
 *
 * The copy of the store is never changed from here: the caller is told, and tells all workers. What
 * this attempt was given lies over it.
 */
#include "engine/xfer.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/cookie-match.h"
#include "engine/cookie.h"
#include "engine/post.h"
#include "engine/url.h"

int xfer_cookie_header(const struct xfer *xfer, struct buf *buf)
{
	const struct jar *store = jar_of_list(xfer->env->jars, xfer->spec.jar);
	const struct jar *jars[2] = { &xfer->given, store };

	if (!store && !xfer->given.n_entries)
		return 0;
	return jar_header(jars, xfer->url, clock_wall_us(), buf);
}

/*
 * The document's host is that of the answer, or lies below it. A request that names no document is
 * its own, wherever it is sent.
 */
static bool is_accepted(const struct xfer *x)
{
	cleanup_(url_freep) struct url *document = NULL;

	switch (x->spec.accepts_cookies) {
	case TRANSFER_COOKIE_ACCEPT_ALWAYS:
		return true;
	case TRANSFER_COOKIE_ACCEPT_NEVER:
		return false;
	case TRANSFER_COOKIE_ACCEPT_ONLY_FROM_MAIN_DOCUMENT_DOMAIN:
		break;
	}
	if (!x->spec.main_document_url)
		return true;
	return !url_parse(x->spec.main_document_url, &document) &&
		cookie_match_domain(document->host, x->url->host);
}

/* Would it change anything? May it? */
static bool is_news(
	const struct xfer *x, const struct jar *store, const struct transfer_cookie *cookie)
{
	const struct transfer_cookie *have = jar_find(&x->given, cookie);
	bool is_plain = !url_is_https(x->url);

	if (is_plain && (jar_guards(&x->given, cookie) || (store && jar_guards(store, cookie))))
		return false;
	if (!have && store)
		have = jar_find(store, cookie);
	if (!have)
		return !cookie_is_expired(cookie, clock_wall_us());
	return !cookie_is_equal(have, cookie);
}

/* 0 or negative; *post is made for the first cookie that counts. */
static int take_line(struct xfer *x, const char *line, struct post **post)
{
	const struct jar *store = jar_of_list(x->env->jars, x->spec.jar);
	const struct cookie_from from = {
		.url = x->url,
		.now_wall_us = clock_wall_us(),
		.suffixes = x->env->suffixes,
	};
	struct transfer_cookie cookie;
	struct arena arena = { 0 };
	int r = cookie_parse(&arena, line, &from, &cookie);

	if (r || !is_news(x, store, &cookie)) {
		arena_done(&arena);
		return r < 0 ? r : 0;
	}
	arena_done(&arena);
	if (!*post)
		*post = post_new(ENGINE_EVENT_COOKIES, x->key.task, (uint32_t)x->key.attempt);
	r = *post ? cookie_parse(&(*post)->arena, line, &from, &cookie) : -ENOMEM;
	if (!r)
		r = post_add_cookie(*post, &cookie, x->head.n_fields);
	return r ? r : jar_put(&x->given, &cookie, from.now_wall_us);
}

void xfer_cookie_take(struct xfer *xfer)
{
	cleanup_(post_freep) struct post *post = NULL;
	const struct head *head = &xfer->head;
	bool is_judged = false;
	int r = 0;

	for (size_t i = 0; !r && i < head->n_fields; i++) {
		if (strcasecmp(head->fields[i].name, "Set-Cookie") != 0)
			continue;
		if (!is_judged && !is_accepted(xfer))
			return;
		is_judged = true;
		if (!xfer->env->suffixes)
			xfer->env->suffixes = psl_latest(NULL);
		r = take_line(xfer, head->fields[i].value, &post);
	}
	if (r) {
		xfer_fault_memory(xfer);
	} else if (post) {
		post->event.jar = xfer->spec.jar;
		xfer_post(xfer, take_ptr(post));
	}
}
