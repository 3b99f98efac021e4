/* SPDX-License-Identifier: MIT */
/*
 * A stream of parts, each of which replaces the one before: what cameras send. Bytes that could be the beginning of a boundary
 * are held (at most a line with the boundary in it) until the next byte says what they are; all others go on at once, in
 * pieces as long as they come.
 *
 * A boundary line is: CR LF or LF (or the beginning of the stream), two dashes, the boundary, two dashes when it is the last,
 * blanks, CR LF or LF. The line end before it belongs to it.
 */
#include "engine/multipart.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "engine/head.h"

#define MULTIPART_PADDING_MAX 64
/* line end, dashes, boundary, dashes, padding, line end */
#define MULTIPART_HELD_BYTES  (2 + 2 + MULTIPART_BOUNDARY_BYTES + 2 + MULTIPART_PADDING_MAX + 2)

enum stage { STAGE_PREAMBLE, STAGE_FIELDS, STAGE_BODY, STAGE_EPILOGUE };

enum match {
	MATCH_NONE, /* no boundary begins here */
	MATCH_OPEN, /* one may */
	MATCH_PART,
	MATCH_LAST,
};

struct multipart {
	struct multipart_sink sink;
	enum stage stage;
	char boundary[MULTIPART_BOUNDARY_BYTES + 1];
	size_t n_boundary;
	bool has_dashes; /* its name begins with two */
	bool is_begun; /* a part is */
	bool is_end_due; /* end() has refused */
	bool is_first_line;
	char held[MULTIPART_HELD_BYTES];
	size_t n_held;
	size_t n_due; /* of held: they are no boundary, and body() has not taken them yet */
	struct buf fields;
	size_t line_at; /* in fields: where the present line begins */
};

/* ---- Content-Type ---- */

/* The value of the parameter at p; false: none, too long, or not closed. */
static bool take_boundary(struct multipart *m, const char *p)
{
	bool is_quoted = *p == '"';
	size_t n = 0;

	for (p += is_quoted; *p && (is_quoted ? *p != '"' : !strchr("; \t", *p)); p++) {
		if (is_quoted && *p == '\\' && p[1])
			p++;
		if (n == MULTIPART_BOUNDARY_BYTES || *p < ' ' || *p > '~')
			return false;
		m->boundary[n++] = *p;
	}
	m->n_boundary = n;
	m->has_dashes = n > 2 && m->boundary[0] == '-' && m->boundary[1] == '-';
	return n && (!is_quoted || *p == '"');
}

/* Behind the next ';' that is in no quoted string; NULL: none. */
static const char *next_parameter(const char *p)
{
	bool is_quoted = false;

	for (; *p; p++) {
		if (*p == '"')
			is_quoted = !is_quoted;
		else if (is_quoted && *p == '\\' && p[1])
			p++;
		else if (*p == ';' && !is_quoted)
			return p + 1;
	}
	return NULL;
}

static bool parse_type(struct multipart *m, const char *content_type)
{
	static const char type[] = "multipart/x-mixed-replace";
	const char *p = content_type ? content_type + strspn(content_type, " \t") : "";

	if (strncasecmp(p, type, sizeof(type) - 1) != 0)
		return false;
	p += sizeof(type) - 1;
	if (!strchr("; \t", *p))
		return false;
	while ((p = next_parameter(p))) {
		p += strspn(p, " \t");
		if (!strncasecmp(p, "boundary=", 9))
			return take_boundary(m, p + 9);
	}
	return false;
}

struct multipart *multipart_new(const char *content_type, const struct multipart_sink *sink)
{
	cleanup_(cleanup_free) struct multipart *m = calloc(1, sizeof(*m));

	if (!m || !parse_type(m, content_type))
		return NULL;
	m->sink = *sink;
	m->is_first_line = true;
	m->fields.max_bytes = MULTIPART_FIELDS_BYTES;
	return take_ptr(m);
}

struct multipart *multipart_free(struct multipart *multipart)
{
	if (!multipart)
		return NULL;
	buf_done(&multipart->fields);
	free(multipart);
	return NULL;
}

/* ---- what held bytes are ---- */

struct scan {
	const char *p, *end;
};

/* Skips text. MATCH_PART: it was there; MATCH_OPEN: the bytes end in it. */
static enum match skip(struct scan *s, const char *text, size_t size)
{
	size_t there = (size_t)(s->end - s->p);
	size_t n = there < size ? there : size;

	if (memcmp(s->p, text, n) != 0)
		return MATCH_NONE;
	s->p += n;
	return n == size ? MATCH_PART : MATCH_OPEN;
}

static enum match skip_line_end(struct scan *s)
{
	if (s->p < s->end && *s->p == '\r')
		return skip(s, "\r\n", 2);
	return skip(s, "\n", 1);
}

/* What follows the boundary. */
static enum match match_tail(struct scan *s)
{
	enum match match;
	size_t n_blanks = 0;

	if (s->p < s->end && *s->p == '-') {
		match = skip(s, "--", 2);
		return match == MATCH_PART ? MATCH_LAST : match;
	}
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t')) {
		s->p++;
		if (++n_blanks > MULTIPART_PADDING_MAX)
			return MATCH_NONE;
	}
	return skip_line_end(s);
}

/* is_bare: as those write it who took the dashes into the name */
static enum match match_line(
	const struct multipart *m, struct scan s, bool has_line_end, bool is_bare)
{
	enum match match = MATCH_PART;

	if (has_line_end)
		match = skip_line_end(&s);
	if (match == MATCH_PART && !is_bare)
		match = skip(&s, "--", 2);
	if (match == MATCH_PART)
		match = skip(&s, m->boundary, m->n_boundary);
	return match == MATCH_PART ? match_tail(&s) : match;
}

static enum match match_held(const struct multipart *m, size_t from)
{
	const struct scan s = { m->held + from, m->held + m->n_held };
	bool is_first = m->is_first_line && !from;
	enum match match = MATCH_NONE;

	if (is_first)
		match = match_line(m, s, false, false);
	if (match == MATCH_NONE && is_first && m->has_dashes)
		match = match_line(m, s, false, true);
	if (match == MATCH_NONE)
		match = match_line(m, s, true, false);
	if (match == MATCH_NONE && m->has_dashes)
		match = match_line(m, s, true, true);
	return match;
}

/* ---- what comes of it ---- */

static int give(struct multipart *m, const char *bytes, size_t size)
{
	return m->stage == STAGE_BODY && size ? m->sink.body(bytes, size, m->sink.user) : 0;
}

static void drop_held(struct multipart *m, size_t n)
{
	m->n_held -= n;
	memmove(m->held, m->held + n, m->n_held);
	if (n)
		m->is_first_line = false;
}

/* What was refused before. */
static int give_due(struct multipart *m)
{
	int r = give(m, m->held, m->n_due);

	if (r)
		return r;
	drop_held(m, m->n_due);
	m->n_due = 0;
	return 0;
}

static int end_part(struct multipart *m)
{
	int r = m->is_begun ? m->sink.end(m->sink.user) : 0;

	m->is_end_due = r != 0;
	if (!r)
		m->is_begun = false;
	return r;
}

static int give_again(struct multipart *m)
{
	int r = give_due(m);

	return !r && m->is_end_due ? end_part(m) : r;
}

/* Bytes are held: what are they by now? */
static int judge_held(struct multipart *m)
{
	enum match match = match_held(m, 0);
	bool is_in_part = m->stage == STAGE_BODY;

	if (match == MATCH_OPEN)
		return 0;
	if (match == MATCH_NONE) {
		do
			m->n_due++;
		while (m->n_due < m->n_held && match_held(m, m->n_due) == MATCH_NONE);
		return give_due(m);
	}
	drop_held(m, m->n_held);
	m->stage = match == MATCH_LAST ? STAGE_EPILOGUE : STAGE_FIELDS;
	return is_in_part ? end_part(m) : 0;
}

/*
 * Where in bytes a boundary may begin, or size. Only what follows the line end is looked at, so most of what is none costs
 * no more than finding the line end.
 */
static size_t find_candidate(const char *bytes, size_t size)
{
	const char *from = bytes, *end = bytes + size, *p;

	while ((p = memchr(from, '\n', (size_t)(end - from)))) {
		if (p + 1 == end || (p[1] == '-' && (p + 2 == end || p[2] == '-')))
			return (size_t)(p - bytes) - (p > bytes && p[-1] == '\r');
		from = p + 1;
	}
	return size && end[-1] == '\r' ? size - 1 : size;
}

/* Preamble or body. */
static int feed_body(struct multipart *m, const char *bytes, size_t size, size_t *ret_used)
{
	int r;

	if (!m->n_held && !m->is_first_line) {
		size_t n = find_candidate(bytes, size);

		r = give(m, bytes, n);
		if (r || n == size) {
			*ret_used = r ? 0 : n;
			return r;
		}
		m->held[m->n_held++] = bytes[n];
		*ret_used = n + 1;
		return 0;
	}
	m->held[m->n_held++] = *bytes;
	*ret_used = 1;
	return judge_held(m);
}

/* ---- the fields of a part ---- */

static int begin_part(struct multipart *m, const struct head *head)
{
	m->stage = STAGE_BODY;
	m->is_begun = true;
	m->is_first_line = true; /* of an empty part */
	return m->sink.begin(head, m->sink.user);
}

static int parse_fields(struct multipart *m, struct head *head)
{
	static const char status[] = "HTTP/1.1 200 \r\n";
	const char *p = m->fields.bytes, *end = p + m->fields.size_bytes;
	int r = head_line(head, status, sizeof(status) - 1);

	while (!r && p < end) {
		const char *next = (const char *)memchr(p, '\n', (size_t)(end - p)) + 1;

		r = head_line(head, p, (size_t)(next - p));
		p = next;
	}
	if (r)
		return r < 0 ? r : MULTIPART_E_BAD;
	return head->n_fields > MULTIPART_FIELDS_MAX ? MULTIPART_E_BAD : 0;
}

static int end_fields(struct multipart *m)
{
	struct head head;
	int r;

	head_init(&head, false, false);
	r = parse_fields(m, &head);
	m->fields.size_bytes = 0;
	m->line_at = 0;
	if (!r)
		r = begin_part(m, &head);
	head_done(&head);
	return r;
}

static bool is_blank_line(const struct multipart *m)
{
	const char *line = m->fields.bytes + m->line_at;
	size_t n = m->fields.size_bytes - m->line_at;

	return n == 1 || (n == 2 && line[0] == '\r');
}

static int feed_fields(struct multipart *m, const char *bytes, size_t size, size_t *ret_used)
{
	const char *line_end = memchr(bytes, '\n', size);
	size_t n = line_end ? (size_t)(line_end - bytes) + 1 : size;
	int r = buf_append(&m->fields, bytes, n);

	*ret_used = n;
	if (r)
		return r == -EMSGSIZE ? MULTIPART_E_BAD : r;
	if (!line_end)
		return 0;
	if (is_blank_line(m))
		return end_fields(m);
	m->line_at = m->fields.size_bytes;
	return 0;
}

/* ---- the door ---- */

static int feed(struct multipart *m, const char *bytes, size_t size, size_t *ret_used)
{
	switch (m->stage) {
	case STAGE_PREAMBLE:
	case STAGE_BODY:
		return feed_body(m, bytes, size, ret_used);
	case STAGE_FIELDS:
		return feed_fields(m, bytes, size, ret_used);
	case STAGE_EPILOGUE:
		*ret_used = size;
		return 0;
	}
	return -EINVAL;
}

int multipart_feed(struct multipart *multipart, const void *bytes, size_t size, size_t *ret_used)
{
	const char *p = bytes, *end = p + size;
	int r = give_again(multipart);

	while (!r && p < end) {
		size_t used = 0;

		r = feed(multipart, p, (size_t)(end - p), &used);
		p += used;
	}
	*ret_used = (size_t)(p - (const char *)bytes);
	return r;
}

/* Held bytes that are a whole boundary but for their line end are one. */
static bool is_boundary_at_end(struct multipart *m)
{
	enum match match;

	if (!m->n_held || m->n_held == sizeof(m->held) || m->held[m->n_held - 1] == '\n')
		return false;
	m->held[m->n_held++] = '\n';
	match = match_held(m, 0);
	m->n_held--;
	return match == MATCH_PART;
}

int multipart_finish(struct multipart *multipart)
{
	struct multipart *m = multipart;
	int r = give_again(m);

	if (r)
		return r;
	if (m->stage == STAGE_BODY && m->n_held && !is_boundary_at_end(m)) {
		m->n_due = m->n_held;
		r = give_due(m);
		if (r)
			return r;
	}
	m->n_held = 0;
	m->stage = STAGE_EPILOGUE;
	return end_part(m);
}
