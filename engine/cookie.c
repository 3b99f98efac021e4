/* SPDX-License-Identifier: MIT */
/* RFC 6265bis, sections 5.1 and 5.5 to 5.7: parsing, judging, matching. */
#include "engine/cookie.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include <transfer/types.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/cookie-match.h"
#include "base/err.h"
#include "engine/cookie-date.h"
#include "engine/url.h"

#define REPLACEMENT "\xef\xbf\xbd" /* stands for bytes that were no UTF-8 */
#define WALL_S_MAX  ((int64_t)(INT64_MAX / 2 / (int64_t)CLOCK_US_PER_S))

/* A part of the line, not terminated. */
struct span {
	const char *at;
	size_t n;
};

/* What the attributes say; the last one of a name counts. */
struct attributes {
	struct span domain, path;
	bool has_domain, has_expires, has_max_age, is_secure, is_http_only;
	int64_t expires_wall_s, max_age_s;
	enum transfer_cookie_same_site same_site;
};

/* ---- words ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct span trim(struct span s)
{
	while (s.n && is_blank(s.at[0])) {
		s.at++;
		s.n--;
	}
	while (s.n && is_blank(s.at[s.n - 1]))
		s.n--;
	return s;
}

/* Up to the separator or the end; *rest is what follows the separator, at NULL: nothing does. */
static struct span cut(struct span *rest, char separator)
{
	const char *end = memchr(rest->at, separator, rest->n);
	struct span s = { rest->at, end ? (size_t)(end - rest->at) : rest->n };

	if (end)
		*rest = (struct span){ end + 1, rest->n - s.n - 1 };
	else
		*rest = (struct span){ NULL, 0 };
	return s;
}

static bool is_word(struct span s, const char *word)
{
	return s.n == strlen(word) && !strncasecmp(s.at, word, s.n);
}

static bool has_prefix(struct span s, const char *prefix)
{
	size_t n = strlen(prefix);

	return s.n >= n && !strncasecmp(s.at, prefix, n);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* ---- attributes ---- */

static void read_max_age(struct span value, struct attributes *a)
{
	bool is_negative = value.n && value.at[0] == '-';
	int64_t age_s = 0;

	if (is_negative)
		value = (struct span){ value.at + 1, value.n - 1 };
	if (!value.n)
		return;
	for (size_t i = 0; i < value.n; i++) {
		if (!is_digit(value.at[i]))
			return;
		if (age_s < WALL_S_MAX)
			age_s = age_s * 10 + (value.at[i] - '0');
	}
	a->has_max_age = true;
	a->max_age_s = is_negative ? 0 : age_s;
}

static void read_expires(struct span value, struct attributes *a)
{
	char text[COOKIE_ATTRIBUTE_MAX_BYTES + 1];
	int64_t wall_s;

	memcpy(text, value.at, value.n);
	text[value.n] = 0;
	if (cookie_date_parse(text, &wall_s))
		return;
	a->has_expires = true;
	a->expires_wall_s = wall_s;
}

static void read_same_site(struct span value, struct attributes *a)
{
	if (is_word(value, "None"))
		a->same_site = TRANSFER_COOKIE_SAME_SITE_NONE;
	else if (is_word(value, "Lax"))
		a->same_site = TRANSFER_COOKIE_SAME_SITE_LAX;
	else if (is_word(value, "Strict"))
		a->same_site = TRANSFER_COOKIE_SAME_SITE_STRICT;
	else
		a->same_site = TRANSFER_COOKIE_SAME_SITE_UNSET;
}

static void read_attribute(struct span name, struct span value, struct attributes *a)
{
	if (value.n > COOKIE_ATTRIBUTE_MAX_BYTES)
		return;
	if (is_word(name, "Secure")) {
		a->is_secure = true; /* whatever its value */
	} else if (is_word(name, "HttpOnly")) {
		a->is_http_only = true;
	} else if (is_word(name, "Domain")) {
		a->domain = value;
		a->has_domain = true;
	} else if (is_word(name, "Path")) {
		a->path = value;
	} else if (is_word(name, "Expires")) {
		read_expires(value, a);
	} else if (is_word(name, "Max-Age")) {
		read_max_age(value, a);
	} else if (is_word(name, "SameSite")) {
		read_same_site(value, a);
	}
}

static void read_attributes(struct span rest, struct attributes *a)
{
	while (rest.at) {
		struct span value = cut(&rest, ';');
		struct span name = cut(&value, '=');

		if (!value.at)
			value = (struct span){ name.at + name.n, 0 };
		read_attribute(trim(name), trim(value), a);
	}
}

/* ---- domain and path ---- */

static bool is_public_suffix(const struct cookie_from *from, const char *domain)
{
	const psl_ctx_t *suffixes = from->suffixes ? from->suffixes : psl_builtin();

	/* without a list at least nobody sets a cookie for all of "com" */
	return suffixes ? psl_is_public_suffix(suffixes, domain) : !strchr(domain, '.');
}

/* The attribute in lower case, without its first dot; NULL: no memory, "": it cannot be a domain. */
static char *canonical(struct arena *arena, struct span domain)
{
	char *copy;

	if (domain.n && domain.at[0] == '.')
		domain = (struct span){ domain.at + 1, domain.n - 1 };
	copy = arena_strndup(arena, domain.at, domain.n);
	if (!copy)
		return NULL;
	for (char *c = copy; *c; c++) {
		*c = lower(*c);
		if ((unsigned char)*c > 126 || (unsigned char)*c <= ' ')
			return memset(copy, 0, 1);
	}
	return copy;
}

static int judge_domain(struct arena *arena, const struct cookie_from *from,
	const struct attributes *a, struct transfer_cookie *cookie)
{
	const char *host = from->url->host, *domain;

	cookie->is_host_only = true;
	cookie->domain = arena_strdup(arena, host);
	if (!cookie->domain)
		return err_raise(-ENOMEM);
	if (!a->has_domain || !a->domain.n)
		return 0;
	domain = canonical(arena, a->domain);
	if (!domain)
		return err_raise(-ENOMEM);
	if (!domain[0] || !cookie_match_domain(host, domain))
		return COOKIE_E_REFUSED;
	/* an address, or a suffix that is a host itself: for nobody else */
	if (cookie_match_is_address(host))
		return 0;
	if (is_public_suffix(from, domain))
		return strcmp(host, domain) ? COOKIE_E_REFUSED : 0;
	cookie->is_host_only = false;
	cookie->domain = domain;
	return 0;
}

static int judge_path(struct arena *arena, const struct cookie_from *from,
	const struct attributes *a, struct transfer_cookie *cookie)
{
	const char *path = from->url->path, *last;
	size_t n;

	if (a->path.n && a->path.at[0] == '/') {
		cookie->path = arena_strndup(arena, a->path.at, a->path.n);
	} else {
		last = strrchr(path, '/');
		n = last ? (size_t)(last - path) : 0;
		cookie->path = n ? arena_strndup(arena, path, n) : arena_strdup(arena, "/");
	}
	return cookie->path ? 0 : err_raise(-ENOMEM);
}

/* ---- a whole line ---- */

/* Control characters other than the tab, and what was no UTF-8, cannot be given back as they came. */
static bool is_clean(const char *line)
{
	for (const char *c = line; *c; c++)
		if (((unsigned char)*c < ' ' && *c != '\t') || *c == 127)
			return false;
	return !strstr(line, REPLACEMENT);
}

static void set_expiry(
	struct transfer_cookie *cookie, const struct attributes *a, uint64_t now_wall_us)
{
	int64_t wall_s = 0;

	if (a->has_max_age && a->max_age_s > 0)
		wall_s = (int64_t)(now_wall_us / CLOCK_US_PER_S) + a->max_age_s;
	else if (!a->has_max_age && a->has_expires)
		wall_s = a->expires_wall_s;
	else if (!a->has_max_age)
		return;
	if (wall_s > WALL_S_MAX)
		wall_s = WALL_S_MAX;
	/* over, but not 0: that would be for the session */
	cookie->expires_wall_usec = wall_s > 0 ? (uint64_t)wall_s * CLOCK_US_PER_S : 1;
}

/* Names that promise something, and Secure, which only https may say. */
static bool is_kept_promise(
	struct span name, const struct attributes *a, const struct cookie_from *from)
{
	if (a->is_secure && !url_is_https(from->url))
		return false;
	if (has_prefix(name, "__Secure-"))
		return a->is_secure;
	if (has_prefix(name, "__Host-"))
		return a->is_secure && !a->has_domain && a->path.n == 1 && a->path.at[0] == '/';
	return true;
}

int cookie_parse(struct arena *arena, const char *line, const struct cookie_from *from,
	struct transfer_cookie *ret_cookie)
{
	struct transfer_cookie cookie = { .size = sizeof(cookie) };
	struct span rest = { line, strlen(line) };
	struct attributes a = { 0 };
	struct span value = cut(&rest, ';'), name = cut(&value, '=');
	int r;

	name = trim(name);
	if (!value.at || !name.n || !is_clean(line))
		return COOKIE_E_REFUSED;
	value = trim(value);
	if (name.n + value.n > COOKIE_PAIR_MAX_BYTES)
		return COOKIE_E_REFUSED;
	read_attributes(rest, &a);
	if (!is_kept_promise(name, &a, from))
		return COOKIE_E_REFUSED;
	r = judge_domain(arena, from, &a, &cookie);
	if (!r)
		r = judge_path(arena, from, &a, &cookie);
	if (r)
		return r;
	cookie.name = arena_strndup(arena, name.at, name.n);
	cookie.value = arena_strndup(arena, value.at, value.n);
	if (!cookie.name || !cookie.value)
		return err_raise(-ENOMEM);
	cookie.created_wall_usec = from->now_wall_us;
	cookie.is_secure = a.is_secure;
	cookie.is_http_only = a.is_http_only;
	cookie.same_site = a.same_site;
	set_expiry(&cookie, &a, from->now_wall_us);
	*ret_cookie = cookie;
	return 0;
}

/* ---- matching ---- */

bool cookie_is_expired(const struct transfer_cookie *cookie, uint64_t now_wall_us)
{
	return cookie->expires_wall_usec && cookie->expires_wall_usec <= now_wall_us;
}

bool cookie_is_same(const struct transfer_cookie *a, const struct transfer_cookie *b)
{
	return a->is_host_only == b->is_host_only && !strcmp(a->name, b->name) &&
		!strcmp(a->domain, b->domain) && !strcmp(a->path, b->path);
}

bool cookie_is_equal(const struct transfer_cookie *a, const struct transfer_cookie *b)
{
	return cookie_is_same(a, b) && !strcmp(a->value, b->value) &&
		a->expires_wall_usec == b->expires_wall_usec && a->same_site == b->same_site &&
		a->is_secure == b->is_secure && a->is_http_only == b->is_http_only;
}

bool cookie_matches(
	const struct transfer_cookie *cookie, const struct url *url, uint64_t now_wall_us)
{
	if (cookie_is_expired(cookie, now_wall_us) || (cookie->is_secure && !url_is_https(url)))
		return false;
	if (cookie->is_host_only ? strcmp(cookie->domain, url->host) != 0
				 : !cookie_match_domain(url->host, cookie->domain))
		return false;
	return cookie_match_path(url->path, cookie->path);
}
