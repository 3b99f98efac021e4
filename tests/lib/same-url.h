/* SPDX-License-Identifier: MIT */
/* Are two parsed URLs the same in all they say, to us and to libcurl? */
#ifndef TESTS_LIB_SAME_URL_H
#define TESTS_LIB_SAME_URL_H

#include <stdbool.h>
#include <string.h>

#include "engine/url.h"

static inline bool same_url_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static inline bool same_url_part(const struct url *a, const struct url *b, CURLUPart part)
{
	char *a_text = NULL, *b_text = NULL;
	CURLUcode a_code = curl_url_get(a->handle, part, &a_text, 0);
	CURLUcode b_code = curl_url_get(b->handle, part, &b_text, 0);
	bool is_same = a_code == b_code && same_url_text(a_text, b_text);

	curl_free(a_text);
	curl_free(b_text);
	return is_same;
}

/* What differs, or NULL. */
static inline const char *same_url_difference(const struct url *a, const struct url *b)
{
	static const CURLUPart parts[] = { CURLUPART_URL, CURLUPART_SCHEME, CURLUPART_USER,
		CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_HOST, CURLUPART_PORT,
		CURLUPART_PATH, CURLUPART_QUERY, CURLUPART_FRAGMENT, CURLUPART_ZONEID };

	if (!same_url_text(a->scheme, b->scheme))
		return "scheme";
	if (!same_url_text(a->host, b->host))
		return "host";
	if (a->port != b->port)
		return "port";
	if (!same_url_text(a->path, b->path))
		return "path";
	if (!same_url_text(a->text, b->text))
		return "text";
	if (!same_url_text(a->fragment, b->fragment))
		return "fragment";
	if (!same_url_text(a->full, b->full))
		return "full";
	if (!same_url_text(a->user, b->user) || !same_url_text(a->password, b->password))
		return "user";
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!same_url_part(a, b, parts[i]))
			return "handle";
	}
	return NULL;
}

#endif
