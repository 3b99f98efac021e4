/* SPDX-License-Identifier: MIT */
/*
 * Redirects are followed by us, never by libcurl: each hop is judged like a new request, and what
 * may hold a secret stays with the origin it was meant for.
 */
#include "engine/redirect.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include <transfer/error.h>

#include "base/cleanup.h"
#include "engine/head.h"
#include "engine/url.h"

#define REDIRECTS_MAX 16

static bool is_redirect(const struct head *head)
{
	switch (head->status) {
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		return head->location && head->location[0];
	}
	return false;
}

static void refuse(struct redirect *redirect, int32_t code, const char *detail)
{
	redirect->verdict = REDIRECT_REFUSE;
	redirect->code = code;
	redirect->detail = detail;
}

/* 303 turns everything but HEAD into GET; 301 and 302 only POST, as everybody does it. */
static void choose_method(const struct redirect_from *from, struct redirect *redirect)
{
	uint16_t status = from->head->status;
	bool is_head = strcmp(from->method, "HEAD") == 0;
	bool is_post = strcmp(from->method, "POST") == 0;

	redirect->method = from->method;
	redirect->keeps_body = true;
	if ((status == 303 && !is_head) || ((status == 301 || status == 302) && is_post)) {
		redirect->method = "GET";
		redirect->keeps_body = false;
	}
}

int redirect_decide(const struct redirect_from *from, struct redirect *ret_redirect)
{
	struct redirect redirect = { .verdict = REDIRECT_NONE };
	cleanup_(url_freep) struct url *url = NULL;
	unsigned n_max = from->n_max ? from->n_max : REDIRECTS_MAX;
	int r;

	if (!is_redirect(from->head)) {
		*ret_redirect = redirect;
		return 0;
	}
	r = url_resolve(from->url, from->head->location, &url);
	if (r < 0)
		return r;
	if (r == URL_E_SCHEME) {
		refuse(&redirect, TRANSFER_ERROR_UNSUPPORTED_URL, "redirect to another scheme");
	} else if (r) {
		refuse(&redirect, TRANSFER_ERROR_BAD_URL, "redirect to a malformed URL");
	} else if (from->n_done >= n_max) {
		refuse(&redirect, TRANSFER_ERROR_TOO_MANY_REDIRECTS, "too many redirects");
	} else if (!url_is_https(url) && !from->allow_insecure) {
		refuse(&redirect, TRANSFER_ERROR_INSECURE_TRANSPORT, "redirect to plain http");
	} else {
		redirect.verdict = REDIRECT_FOLLOW;
		choose_method(from, &redirect);
		redirect.is_same_origin = url_is_same_origin(from->url, url);
	}
	redirect.url = take_ptr(url);
	*ret_redirect = redirect;
	return 0;
}

static bool is_in(const char *name, const char *const *names, size_t n_names)
{
	for (size_t i = 0; i < n_names; i++) {
		if (strcasecmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

bool redirect_header_may_cross(const char *name)
{
	static const char *const names[] = { "Accept", "Accept-Language", "Content-Language",
		"Content-Type", "If-Range", "Range", "User-Agent" };

	return is_in(name, names, sizeof(names) / sizeof(names[0]));
}

bool redirect_header_is_of_body(const char *name)
{
	static const char *const names[] = { "Content-Encoding", "Content-Language",
		"Content-Length", "Content-Location", "Content-Type", "Expect",
		"Transfer-Encoding" };

	return is_in(name, names, sizeof(names) / sizeof(names[0]));
}
