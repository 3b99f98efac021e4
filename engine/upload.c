/* SPDX-License-Identifier: MIT */
/*
 * Resumable uploads: reads the fields that a server sends about them. They are structured fields
 * (RFC 9651); what does not parse counts as absent. A server that contradicts itself (fewer bytes
 * than it had acknowledged, another length) has lost the upload: it begins anew. One that claims
 * more than there is can only be refused.
 */
#include "engine/upload.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "engine/engine.h"
#include "engine/head.h"
#include "engine/url.h"

/* 15 digits at most (RFC 9651, 3.3.1), so there is no overflow. */
#define INTEGER_DIGITS_MAX 15
/* a limit that would make a request of each few bytes is none */
#define APPEND_LEAST_BYTES (16u * 1024)

enum complete { COMPLETE_UNKNOWN, COMPLETE_NO, COMPLETE_YES };

/* An Integer that is not negative, from *text on, which is moved behind it; -1: it is none. */
static int64_t take_integer(const char **text)
{
	const char *p = *text;
	int64_t value = 0;
	size_t n = strspn(p, "0123456789");

	if (!n || n > INTEGER_DIGITS_MAX)
		return -1;
	for (size_t i = 0; i < n; i++)
		value = value * 10 + (p[i] - '0');
	*text = p + n;
	return value;
}

/* Nothing more, or parameters, which nobody has defined. */
static bool is_item_end(const char *p)
{
	p += strspn(p, " ");
	return !*p || *p == ';';
}

static int64_t integer_field(const struct head *head, const char *name)
{
	const char *text = head_find(head, name);
	int64_t value;

	if (!text)
		return -1;
	text += strspn(text, " ");
	value = take_integer(&text);
	return value >= 0 && is_item_end(text) ? value : -1;
}

static enum complete complete_field(const struct head *head)
{
	const char *text = head_find(head, "Upload-Complete");

	if (!text)
		return COMPLETE_UNKNOWN;
	text += strspn(text, " ");
	if (text[0] != '?' || (text[1] != '0' && text[1] != '1') || !is_item_end(text + 2))
		return COMPLETE_UNKNOWN;
	return text[1] == '1' ? COMPLETE_YES : COMPLETE_NO;
}

/* Behind the present member of a dictionary and its comma; a comma inside quotes is none. */
static const char *next_member(const char *p)
{
	bool is_quoted = false;

	for (; *p && (is_quoted || *p != ','); p++) {
		if (*p == '\\' && is_quoted && p[1])
			p++;
		else if (*p == '"')
			is_quoted = !is_quoted;
	}
	return *p ? p + 1 : p;
}

/* An Integer of the dictionary Upload-Limit; the last one of a key counts. 0: none. */
static uint64_t limit(const struct head *head, const char *key)
{
	const char *p = head_find(head, "Upload-Limit");
	size_t n = strlen(key);
	uint64_t found = 0;

	for (; p && *p; p = next_member(p)) {
		int64_t value;

		p += strspn(p, " \t");
		if (strncmp(p, key, n) != 0 || p[n] != '=')
			continue;
		p += n + 1;
		value = take_integer(&p);
		found = value > 0 && strchr(" \t,;", *p) ? (uint64_t)value : 0;
	}
	return found;
}

bool upload_is_callers(const struct engine_header *headers, size_t n_headers)
{
	for (size_t i = 0; i < n_headers; i++) {
		if (!strncasecmp(headers[i].name, "Upload-", strlen("Upload-")) ||
			!strncasecmp(headers[i].name, "Tus-", strlen("Tus-")) ||
			!strcasecmp(headers[i].name, "Content-Range"))
			return true;
	}
	return false;
}

bool upload_may_use(const struct url *resource, const struct url *first)
{
	return url_is_https(resource) || !url_is_https(first);
}

int upload_resource(const struct head *head, const struct url *from, const struct url *first,
	struct url **ret_url)
{
	const char *version = head_find(head, "Upload-Draft-Interop-Version");
	cleanup_(url_freep) struct url *url = NULL;
	int r;

	*ret_url = NULL;
	if (!version || strcmp(version, UPLOAD_INTEROP_VERSION) != 0 || !head->location)
		return 0;
	r = url_resolve(from, head->location, &url);
	if (r)
		return r < 0 ? r : 0;
	if (!upload_may_use(url, from) || !upload_may_use(url, first))
		return 0;
	/*
	 * Another server must not be able to have the first one's credentials used at a place of
	 * its choice.
	 */
	if (!url_is_same_origin(from, first) && url_is_same_origin(url, first))
		return 0;
	*ret_url = take_ptr(url);
	return 0;
}

int64_t upload_offset(const struct head *head)
{
	return integer_field(head, "Upload-Offset");
}

static bool is_passing(unsigned status)
{
	return status == 408 || status == 425 || status == 429 ||
		(status >= 500 && status <= 599 && status != 501 && status != 505);
}

static void judge_offset(
	const struct upload_state *state, const struct head *head, struct upload_answer *answer)
{
	int64_t offset = upload_offset(head), length = integer_field(head, "Upload-Length");
	bool is_complete = complete_field(head) == COMPLETE_YES;

	answer->verdict = UPLOAD_AFRESH;
	if (length >= 0 && (uint64_t)length != state->size_bytes) {
		answer->why = "the upload resource has another length";
	} else if (offset < 0 && !is_complete) {
		answer->why = "the upload resource says no offset";
	} else if (offset >= 0 && (uint64_t)offset > state->size_bytes) {
		answer->verdict = UPLOAD_REFUSE;
		answer->why = "the server claims more bytes than there are";
	} else if (offset >= 0 && (uint64_t)offset < state->acked_bytes) {
		answer->why = "the server has lost acknowledged bytes";
	} else if (is_complete && (offset < 0 || (uint64_t)offset == state->size_bytes)) {
		answer->verdict = UPLOAD_FINAL;
	} else if (is_complete) {
		answer->why = "the upload resource is complete too early";
	} else {
		answer->verdict = UPLOAD_APPEND;
		answer->offset_bytes = (uint64_t)offset;
	}
}

static void judge_ask(
	const struct upload_state *state, const struct head *head, struct upload_answer *answer)
{
	if (head->status >= 200 && head->status < 300) {
		judge_offset(state, head, answer);
	} else if (is_passing(head->status)) {
		answer->verdict = UPLOAD_LATER;
	} else {
		answer->verdict = UPLOAD_AFRESH;
		answer->why = "the upload resource is gone";
	}
}

/* 409: the server says where it is. */
static void judge_mismatch(
	const struct upload_state *state, const struct head *head, struct upload_answer *answer)
{
	int64_t offset = upload_offset(head);

	answer->verdict = UPLOAD_ASK;
	if (offset < 0 || (uint64_t)offset > state->size_bytes)
		return;
	if ((uint64_t)offset < state->acked_bytes) {
		answer->verdict = UPLOAD_AFRESH;
		answer->why = "the server has lost acknowledged bytes";
		return;
	}
	answer->verdict = UPLOAD_APPEND;
	answer->offset_bytes = (uint64_t)offset;
}

static void judge_append(
	const struct upload_state *state, const struct head *head, struct upload_answer *answer)
{
	if (complete_field(head) == COMPLETE_YES) {
		bool is_early = state->end_bytes < state->size_bytes && head->status < 300;

		/* a part of the file must not pass for the whole */
		answer->verdict = is_early ? UPLOAD_AFRESH : UPLOAD_FINAL;
		answer->why = is_early ? "the upload resource is complete too early" : NULL;
	} else if (head->status >= 200 && head->status < 300) {
		/* the part was taken; the last one is only when the server says so */
		answer->verdict = state->end_bytes < state->size_bytes ? UPLOAD_APPEND : UPLOAD_ASK;
		answer->offset_bytes = state->end_bytes;
	} else if (head->status == 409) {
		judge_mismatch(state, head, answer);
	} else if (is_passing(head->status)) {
		answer->verdict = UPLOAD_LATER;
	} else if (head->status == 404 || head->status == 405 || head->status == 410 ||
		head->status == 415 || head->status == 501) {
		answer->verdict = UPLOAD_AFRESH;
		answer->why = "the upload resource is gone";
	} else {
		answer->verdict = UPLOAD_FINAL;
	}
}

void upload_judge(
	const struct upload_state *state, const struct head *head, struct upload_answer *ret_answer)
{
	struct upload_answer answer = { .append_max_bytes = limit(head, "max-append-size") };

	if (answer.append_max_bytes < APPEND_LEAST_BYTES)
		answer.append_max_bytes = 0;
	if (state->leg == UPLOAD_LEG_ASK)
		judge_ask(state, head, &answer);
	else
		judge_append(state, head, &answer);
	*ret_answer = answer;
}

bool upload_ends_resource(const struct head *head, bool is_whole)
{
	return is_whole || !is_passing(head->status) || complete_field(head) == COMPLETE_YES;
}

bool upload_header_may_go(const char *name)
{
	static const char *const prefixes[] = { "Content-", "If-" };
	static const char *const names[] = { "Digest", "Repr-Digest", "Want-Digest", "Expect",
		"Idempotency-Key", "Transfer-Encoding", "X-HTTP-Method-Override" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (!strncasecmp(name, prefixes[i], strlen(prefixes[i])))
			return false;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcasecmp(name, names[i]))
			return false;
	}
	return true;
}
