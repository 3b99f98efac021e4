/* SPDX-License-Identifier: MIT */
/* RFC 9111 for a private cache: sections are named where they speak. No state, no clock of its own. */
#include "client-lib/cache-rules.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/date.h"
#include "client-lib/text.h"

#define US_PER_S       INT64_C(1000000)
#define ETAG_MAX_BYTES 1024 /* a longer one, or one that no request may hold, is none */
#define SECONDS_MAX    (INT64_C(1) << 31) /* what is more counts as this (section 1.2.2) */

/* ---- lists ---- */

struct span {
	const char *text;
	size_t n;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct span trim(struct span s)
{
	while (s.n && is_blank(s.text[0])) {
		s.text++;
		s.n--;
	}
	while (s.n && is_blank(s.text[s.n - 1]))
		s.n--;
	return s;
}

static bool is(struct span s, const char *word)
{
	return strlen(word) == s.n && !strncasecmp(s.text, word, s.n);
}

/* The next member, commas in quotes being part of it; false: there is none. An open quote takes all that follows. */
static bool take_member(const char **p, struct span *ret_member)
{
	const char *begin = *p;
	bool is_quoted = false;

	if (!*begin)
		return false;
	for (; **p && (is_quoted || **p != ','); (*p)++) {
		if (**p == '"')
			is_quoted = !is_quoted;
		else if (is_quoted && **p == '\\' && (*p)[1])
			(*p)++;
	}
	*ret_member = trim((struct span){ begin, (size_t)(*p - begin) });
	if (**p)
		(*p)++;
	return true;
}

/* ---- Cache-Control ---- */

/* Digits, in quotes or not; -1: it is no number. */
static int64_t seconds_of(struct span value)
{
	int64_t seconds = 0;

	if (value.n >= 2 && value.text[0] == '"' && value.text[value.n - 1] == '"')
		value = (struct span){ value.text + 1, value.n - 2 };
	if (!value.n)
		return -1;
	for (size_t i = 0; i < value.n; i++) {
		if (value.text[i] < '0' || value.text[i] > '9')
			return -1;
		seconds = seconds * 10 + (value.text[i] - '0');
		if (seconds > SECONDS_MAX)
			seconds = SECONDS_MAX;
	}
	return seconds;
}

static void keep_smaller(int64_t *to, int64_t seconds)
{
	if (*to < 0 || seconds < *to)
		*to = seconds;
}

static void keep_larger(int64_t *to, int64_t seconds)
{
	if (seconds > *to)
		*to = seconds;
}

static void read_seconds(struct span name, struct span value, struct cache_control *control)
{
	int64_t seconds = seconds_of(value);

	if (is(name, "max-age")) {
		control->has_freshness = true;
		keep_smaller(&control->max_age_s, seconds < 0 ? 0 : seconds);
	} else if (is(name, "max-stale")) {
		keep_smaller(&control->max_stale_s,
			seconds >= 0         ? seconds
				: value.text ? 0
					     : INT64_MAX);
	} else if (is(name, "min-fresh")) {
		keep_larger(&control->min_fresh_s, seconds < 0 ? SECONDS_MAX : seconds);
	}
}

static void read_directive(struct span member, struct cache_control *control)
{
	const char *equals = memchr(member.text, '=', member.n);
	struct span name = member, value = { NULL, 0 };

	if (equals) {
		name.n = (size_t)(equals - member.text);
		value = trim((struct span){ equals + 1, member.n - name.n - 1 });
		name = trim(name);
	}
	if (is(name, "no-store"))
		control->no_store = true;
	else if (is(name, "no-cache"))
		control->no_cache = true;
	else if (is(name, "must-revalidate"))
		control->must_revalidate = true;
	else if (is(name, "only-if-cached"))
		control->only_if_cached = true;
	else if (is(name, "private") || is(name, "public"))
		control->has_freshness = true;
	else
		read_seconds(name, value, control);
}

static void read_pragma(const struct text_headers *fields, struct cache_control *control)
{
	const char *p = text_headers_get(fields, "Pragma");
	struct span member;

	while (p && take_member(&p, &member)) {
		if (is(member, "no-cache"))
			control->no_cache = true;
	}
}

void cache_rules_control(const struct text_headers *fields, struct cache_control *ret_control)
{
	struct cache_control control = { .max_age_s = -1, .max_stale_s = -1, .min_fresh_s = -1 };
	bool has_any = false;

	for (size_t i = 0; i < fields->n_fields; i++) {
		const char *p = fields->fields[i].value;
		struct span member;

		if (strcasecmp(fields->fields[i].name, "Cache-Control") != 0)
			continue;
		has_any = true;
		while (take_member(&p, &member))
			read_directive(member, &control);
	}
	if (!has_any)
		read_pragma(fields, &control);
	*ret_control = control;
}

/* ---- what is kept ---- */

static bool has_one_of(const struct text_headers *fields, const char *const *names, size_t n_names)
{
	for (size_t i = 0; i < n_names; i++) {
		if (text_headers_get(fields, names[i]))
			return true;
	}
	return false;
}

bool cache_rules_concerns(const struct text_headers *asked)
{
	static const char *const names[] = { "Authorization", "Cookie", "If-Match",
		"If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Range" };
	struct cache_control control;

	if (has_one_of(asked, names, sizeof(names) / sizeof(names[0])))
		return false;
	cache_rules_control(asked, &control);
	return !control.no_store;
}

/* What an answer may depend on, but for what transferd adds and cannot be known here: who asks, and what a cookie says. */
static bool varies_too_much(const struct text_headers *fields)
{
	struct span member;

	for (size_t i = 0; i < fields->n_fields; i++) {
		const char *p = fields->fields[i].value;

		if (strcasecmp(fields->fields[i].name, "Vary") != 0)
			continue;
		while (take_member(&p, &member)) {
			if (is(member, "*") || is(member, "Cookie") || is(member, "Authorization"))
				return true;
		}
	}
	return false;
}

/* RFC 9110, section 15.1, of those that are kept at all. */
static bool is_usual(int status)
{
	return status == 200 || status == 203 || status == 204;
}

bool cache_rules_is_explicit(const struct text_headers *fields)
{
	struct cache_control control;

	cache_rules_control(fields, &control);
	return control.max_age_s >= 0 || text_headers_get(fields, "Expires");
}

bool cache_rules_may_keep(const struct cache_exchange *exchange)
{
	static const char *const names[] = { "WWW-Authenticate", "Proxy-Authenticate",
		"Content-Range" };
	const struct text_headers *fields = exchange->fields;
	struct cache_control control;

	/* transferd leaves out fields where there are too many: one of them may have forbidden it */
	if (exchange->status < 200 || exchange->status > 299 || exchange->status == 206 ||
		!fields->n_fields || fields->n_fields >= TEXT_HEADERS_MAX)
		return false;
	if (!cache_rules_concerns(exchange->asked) || varies_too_much(fields) ||
		has_one_of(fields, names, sizeof(names) / sizeof(names[0])))
		return false;
	cache_rules_control(fields, &control);
	return !control.no_store &&
		(is_usual(exchange->status) || control.has_freshness ||
			text_headers_get(fields, "Expires"));
}

/* ---- what is good ---- */

/* -1: there is none, or it is no date. */
static int64_t date_of(const struct text_headers *fields, const char *name, uint64_t now_wall_usec)
{
	const char *text = text_headers_get(fields, name);
	int64_t wall_s;

	return text && !date_parse(text, now_wall_usec, &wall_s) && wall_s >= 0 ? wall_s : -1;
}

/* When it was made, as the server says, or when it came. */
static int64_t made_s(const struct cache_exchange *stored)
{
	int64_t wall_s = date_of(stored->fields, "Date", stored->answered_wall_usec);

	return wall_s >= 0 ? wall_s : (int64_t)stored->answered_wall_usec / US_PER_S;
}

/* The earliest of them; one that is no date has passed (section 5.3). */
static int64_t expires_s(const struct cache_exchange *stored)
{
	const struct text_headers *fields = stored->fields;
	int64_t earliest = INT64_MAX, wall_s;

	for (size_t i = 0; i < fields->n_fields; i++) {
		if (strcasecmp(fields->fields[i].name, "Expires") != 0)
			continue;
		if (date_parse(fields->fields[i].value, stored->answered_wall_usec, &wall_s))
			return 0;
		if (wall_s < earliest)
			earliest = wall_s;
	}
	return earliest;
}

/* Only where nothing is said, and only of what this is usual for (section 4.2.2). */
static int64_t guess_s(const struct cache_exchange *stored)
{
	int64_t modified_s = date_of(stored->fields, "Last-Modified", stored->answered_wall_usec);
	int64_t old_s = made_s(stored) - modified_s;

	if (modified_s < 0 || old_s <= 0 || !is_usual(stored->status))
		return 0;
	return old_s / 10 < CACHE_RULES_GUESS_MAX_S ? old_s / 10 : CACHE_RULES_GUESS_MAX_S;
}

int64_t cache_rules_lifetime_s(const struct cache_exchange *stored)
{
	struct cache_control control;
	int64_t lifetime_s;

	cache_rules_control(stored->fields, &control);
	if (control.no_cache)
		return 0;
	if (control.max_age_s >= 0)
		return control.max_age_s;
	if (!text_headers_get(stored->fields, "Expires"))
		return guess_s(stored);
	lifetime_s = expires_s(stored) - made_s(stored);
	return lifetime_s > 0 ? lifetime_s : 0;
}

/* The first member of Age; one that is no number is ignored (section 5.1). */
static int64_t said_age_s(const struct text_headers *fields)
{
	const char *p = text_headers_get(fields, "Age");
	struct span member;
	int64_t seconds = p && take_member(&p, &member) ? seconds_of(member) : -1;

	return seconds > 0 ? seconds : 0;
}

int64_t cache_rules_age_s(const struct cache_exchange *stored, uint64_t now_wall_usec)
{
	int64_t asked_us = (int64_t)stored->asked_wall_usec;
	int64_t answered_us = (int64_t)stored->answered_wall_usec, now_us = (int64_t)now_wall_usec;
	int64_t apparent_s, corrected_s;

	if (asked_us > answered_us || answered_us > now_us)
		return -1;
	apparent_s = answered_us / US_PER_S - made_s(stored);
	corrected_s = said_age_s(stored->fields) + (answered_us - asked_us) / US_PER_S;
	if (apparent_s > corrected_s)
		corrected_s = apparent_s;
	return corrected_s + (now_us - answered_us) / US_PER_S;
}

static bool is_good(const struct cache_exchange *stored, const struct cache_control *asked,
	uint64_t now_wall_usec)
{
	int64_t lifetime_s = cache_rules_lifetime_s(stored);
	int64_t age_s = cache_rules_age_s(stored, now_wall_usec), stale_s;
	struct cache_control said;

	if (asked->no_cache || age_s < 0 || (asked->max_age_s >= 0 && age_s > asked->max_age_s))
		return false;
	if (asked->min_fresh_s > 0 && lifetime_s - age_s < asked->min_fresh_s)
		return false;
	if (age_s < lifetime_s)
		return true;
	cache_rules_control(stored->fields, &said);
	stale_s = age_s - lifetime_s;
	return !said.must_revalidate && !said.no_cache && asked->max_stale_s >= 0 &&
		stale_s <= asked->max_stale_s;
}

bool cache_rules_looks(enum transfer_cache_policy policy)
{
	return policy != TRANSFER_CACHE_RELOAD && policy != TRANSFER_CACHE_RELOAD_EVERYWHERE;
}

static enum cache_use revalidate(const struct cache_exchange *stored)
{
	return stored &&
			(cache_rules_etag(stored->fields) ||
				cache_rules_last_modified(stored->fields))
		? CACHE_USE_IF_VALID
		: CACHE_USE_NONE;
}

enum cache_use cache_rules_judge(const struct cache_exchange *stored,
	const struct text_headers *asked, enum transfer_cache_policy policy, uint64_t now_wall_usec)
{
	struct cache_control control;

	cache_rules_control(asked, &control);
	switch (policy) {
	case TRANSFER_CACHE_RETURN_DONT_LOAD:
		return stored ? CACHE_USE : CACHE_USE_FAIL;
	case TRANSFER_CACHE_RETURN_ELSE_LOAD:
		return stored ? CACHE_USE : CACHE_USE_NONE;
	case TRANSFER_CACHE_RELOAD:
	case TRANSFER_CACHE_RELOAD_EVERYWHERE:
		return CACHE_USE_NONE;
	case TRANSFER_CACHE_REVALIDATE:
		return revalidate(stored);
	case TRANSFER_CACHE_USE_PROTOCOL:
		break;
	}
	if (stored && is_good(stored, &control, now_wall_usec))
		return CACHE_USE;
	return control.only_if_cached ? CACHE_USE_FAIL : revalidate(stored);
}

/* ---- asking whether it still is ---- */

const char *cache_rules_etag(const struct text_headers *stored)
{
	const char *etag = text_headers_get(stored, "ETag");

	if (!etag || !*etag || strlen(etag) > ETAG_MAX_BYTES)
		return NULL;
	for (const unsigned char *p = (const unsigned char *)etag; *p; p++) {
		if (*p < ' ' || *p == 0x7f)
			return NULL;
	}
	return etag;
}

const char *cache_rules_last_modified(const struct text_headers *stored)
{
	return date_of(stored, "Last-Modified", 0) >= 0 ? text_headers_get(stored, "Last-Modified")
							: NULL;
}

static const char *without_weakness(const char *etag)
{
	return etag && !strncmp(etag, "W/", 2) ? etag + 2 : etag;
}

bool cache_rules_is_confirmed(const struct text_headers *stored, const struct text_headers *fields)
{
	const char *theirs = cache_rules_etag(fields), *ours = cache_rules_etag(stored);

	if (theirs)
		return ours && !strcmp(without_weakness(theirs), without_weakness(ours));
	theirs = ours ? NULL : text_headers_get(fields, "Last-Modified");
	ours = text_headers_get(stored, "Last-Modified");
	return !theirs || (ours && !strcmp(theirs, ours));
}

/* Of the connection (section 3.1), or of the body as it is here, which has been decoded (section 3.2). */
static bool stays(const struct text_headers *fields, const char *name)
{
	static const char *const names[] = { "Connection", "Content-Encoding", "Content-Length",
		"Content-Range", "Content-Type", "Keep-Alive", "Proxy-Authenticate",
		"Proxy-Authentication-Info", "Proxy-Authorization", "Proxy-Connection", "TE",
		"Trailer", "Transfer-Encoding", "Upgrade" };
	struct span member;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcasecmp(name, names[i]))
			return true;
	}
	for (size_t i = 0; i < fields->n_fields; i++) {
		const char *p = fields->fields[i].value;

		if (strcasecmp(fields->fields[i].name, "Connection") != 0)
			continue;
		while (take_member(&p, &member)) {
			if (is(member, name))
				return true;
		}
	}
	return false;
}

static int add_all(struct text_headers *to, const struct text_headers *from,
	bool (*is_wanted)(const char *name, const struct text_headers *renewed),
	const struct text_headers *renewed)
{
	int r = 0;

	for (size_t i = 0; !r && i < from->n_fields; i++) {
		if (!is_wanted(from->fields[i].name, renewed))
			continue;
		r = text_headers_add(to, from->fields[i].name, from->fields[i].value);
		r = r == -EINVAL ? 0
				 : r; /* as of a name that servers may use and programs may not */
	}
	return r;
}

static bool is_old(const char *name, const struct text_headers *renewed)
{
	return stays(renewed, name) || !text_headers_get(renewed, name);
}

static bool is_new(const char *name, const struct text_headers *renewed)
{
	return !stays(renewed, name);
}

int cache_rules_renew(const struct text_headers *stored, const struct text_headers *fields,
	struct text_headers *ret)
{
	int r = add_all(ret, stored, is_old, fields);

	if (!r)
		r = add_all(ret, fields, is_new, fields);
	if (r)
		text_headers_done(ret);
	return r;
}

/* ---- what others do to it ---- */

/* Methods that nobody knows count as unsafe (section 4.4), and so does what they did, unless it failed. */
bool cache_rules_invalidates(const char *method, int status)
{
	static const char *const safe[] = { "GET", "HEAD", "OPTIONS", "TRACE" };

	for (size_t i = 0; i < sizeof(safe) / sizeof(safe[0]); i++) {
		if (!method || !strcmp(method, safe[i]))
			return false;
	}
	return status >= 200 && status < 400;
}
