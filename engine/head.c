/* SPDX-License-Identifier: MIT */
/*
 * Checks and takes apart the lines of a response head. Whatever two parsers could read differently
 * (lengths, codings, folded lines, stray CRs) is refused here, because libcurl lets it through.
 * What is not about framing is only made safe: bytes that are not UTF-8 become U+FFFD.
 * Runs in worker threads, one head per request.
 */
#include "engine/head.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/utf8.h"
#include "engine/engine.h"

/* What becomes of a field that comes again with another value. */
enum repeat { REPEAT_FIRST_WINS, REPEAT_VOIDS, REPEAT_REFUSED, REPEAT_JOINS };

static const struct known_field {
	const char *name;
	size_t offset;
	enum repeat repeat;
} known_fields[] = {
	{ "Accept-Ranges", offsetof(struct head, accept_ranges), REPEAT_FIRST_WINS },
	{ "Content-Disposition", offsetof(struct head, content_disposition), REPEAT_FIRST_WINS },
	{ "Content-Encoding", offsetof(struct head, content_encoding), REPEAT_JOINS },
	{ "Content-Range", offsetof(struct head, content_range), REPEAT_JOINS },
	{ "Content-Type", offsetof(struct head, content_type), REPEAT_FIRST_WINS },
	{ "Date", offsetof(struct head, date), REPEAT_FIRST_WINS },
	{ "ETag", offsetof(struct head, etag), REPEAT_VOIDS },
	{ "Last-Modified", offsetof(struct head, last_modified), REPEAT_VOIDS },
	{ "Location", offsetof(struct head, location), REPEAT_REFUSED },
	{ "Retry-After", offsetof(struct head, retry_after), REPEAT_FIRST_WINS },
};

static int refuse(struct head *head, const char *why)
{
	head->why = why;
	head->is_complete = false;
	return HEAD_E_BAD;
}

void head_init(struct head *head, bool may_be_http2, bool is_tunnelled)
{
	memset(head, 0, sizeof(*head));
	head->may_be_http2 = may_be_http2;
	head->is_tunnelled = is_tunnelled;
	head->content_length_bytes = -1;
}

void head_done(struct head *head)
{
	arena_done(&head->arena);
	memset(head, 0, sizeof(*head));
}

/* Forgets the response, keeps what is counted over all of them. */
static void next_response(struct head *head)
{
	struct head next;

	head_init(&next, head->may_be_http2, head->is_tunnelled);
	next.counts_104 = head->counts_104;
	next.n_interim = head->n_interim;
	next.n_104 = head->n_104;
	next.block_bytes = head->block_bytes;
	arena_done(&head->arena);
	*head = next;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool count_interim(struct head *head, unsigned status)
{
	if (status >= 200)
		return true;
	if (status == 104 && head->counts_104)
		return ++head->n_104 <= HEAD_104_MAX;
	return ++head->n_interim <= HEAD_INTERIM_MAX;
}

/* "HTTP/1.1 200 OK", "HTTP/2 200 " */
static int status_line(struct head *head, const char *line, size_t size)
{
	static const struct {
		const char *prefix, *version;
	} versions[] = { { "HTTP/1.1 ", "1.1" }, { "HTTP/1.0 ", "1.0" }, { "HTTP/2 ", "2" } };
	const char *p = NULL, *end = line + size;
	unsigned status;

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		size_t n = strlen(versions[i].prefix);

		if (size >= n && memcmp(line, versions[i].prefix, n) == 0) {
			head->version = versions[i].version;
			p = line + n;
			break;
		}
	}
	if (!p)
		return refuse(head, "malformed status line");
	if (head->version[0] == '2' && !head->may_be_http2)
		return refuse(head, "HTTP/2 status line on an HTTP/1 connection");
	if (end - p < 3 || !is_digit(p[0]) || !is_digit(p[1]) || !is_digit(p[2]) ||
		(end - p > 3 && p[3] != ' '))
		return refuse(head, "malformed status code");
	status = (unsigned)(p[0] - '0') * 100 + (unsigned)(p[1] - '0') * 10 +
		(unsigned)(p[2] - '0');
	if (status < 100)
		return refuse(head, "status code out of range");
	if (status == 101)
		return refuse(head, "switching protocols was not asked for");
	if (!count_interim(head, status))
		return refuse(head, "too many interim responses");
	head->status = (uint16_t)status;
	head->stage = HEAD_STAGE_FIELDS;
	return 0;
}

/* One member of a Content-Length list: 1*DIGIT below 2^63, equal to what was seen before. */
static int length_member(struct head *head, const char *p, size_t size)
{
	int64_t length = 0;

	if (size == 0)
		return refuse(head, "empty Content-Length");
	for (size_t i = 0; i < size; i++) {
		if (!is_digit(p[i]))
			return refuse(head, "malformed Content-Length");
		if (length > (INT64_MAX - (p[i] - '0')) / 10)
			return refuse(head, "Content-Length out of range");
		length = length * 10 + (p[i] - '0');
	}
	if (head->content_length_bytes >= 0 && head->content_length_bytes != length)
		return refuse(head, "contradicting Content-Length");
	head->content_length_bytes = length;
	return 0;
}

static int content_length(struct head *head, const char *value)
{
	for (;;) {
		size_t n = strcspn(value, ","), used = n;
		int r;

		while (used && (value[used - 1] == ' ' || value[used - 1] == '\t'))
			used--;
		r = length_member(head, value, used);
		if (r || !value[n])
			return r;
		value += n + 1;
		value += strspn(value, " \t");
	}
}

static int transfer_encoding(struct head *head, const char *value)
{
	if (head->has_transfer_encoding)
		return refuse(head, "repeated Transfer-Encoding");
	if (strcasecmp(value, "chunked") != 0)
		return refuse(head, "unknown Transfer-Encoding");
	head->has_transfer_encoding = true;
	head->is_chunked = true;
	return 0;
}

/* Two fields are one list (RFC 9110, section 5.3). */
static int join(struct head *head, const char **slot, const char *value)
{
	size_t size = strlen(*slot) + 2 + strlen(value) + 1;
	char *both;

	if (size > HEAD_LIST_MAX_BYTES)
		return refuse(head, "a list in header fields is too long");
	both = arena_alloc(&head->arena, size, 1);
	if (!both)
		return err_raise(-ENOMEM);
	stpcpy(stpcpy(stpcpy(both, *slot), ", "), value);
	*slot = both;
	return 0;
}

/* Most names differ in their first letter. */
static bool is_named(const char *name, const char *wanted)
{
	return (name[0] | 0x20) == (wanted[0] | 0x20) && strcasecmp(name, wanted) == 0;
}

static int known_field(struct head *head, const char *name, const char *value)
{
	if (is_named(name, "Content-Length"))
		return content_length(head, value);
	if (is_named(name, "Transfer-Encoding"))
		return transfer_encoding(head, value);
	for (size_t i = 0; i < sizeof(known_fields) / sizeof(known_fields[0]); i++) {
		const struct known_field *known = &known_fields[i];
		const char **slot = (const char **)(void *)((char *)head + known->offset);

		if (!is_named(name, known->name))
			continue;
		if (!*slot)
			*slot = value;
		else if (known->repeat == REPEAT_REFUSED && strcmp(*slot, value) != 0)
			return refuse(head, "contradicting header fields");
		else if (known->repeat == REPEAT_VOIDS && strcmp(*slot, value) != 0)
			*slot = "";
		else if (known->repeat == REPEAT_JOINS)
			return join(head, slot, value);
		return 0;
	}
	return 0;
}

static int add_field(struct head *head, const char *name, const char *value)
{
	if (head->n_fields == head->room_fields) {
		size_t room = head->room_fields ? head->room_fields * 2 : 16;
		struct engine_header *fields = arena_alloc(&head->arena, room, sizeof(*fields));

		if (!fields)
			return err_raise(-ENOMEM);
		if (head->n_fields)
			memcpy(fields, head->fields, head->n_fields * sizeof(*fields));
		head->fields = fields;
		head->room_fields = room;
	}
	head->fields[head->n_fields++] = (struct engine_header){ name, value };
	return 0;
}

/* A copy in the arena that is valid UTF-8; most values are already. No NUL is inside. */
static char *copy_text(struct head *head, const char *p, size_t size)
{
	cleanup_(cleanup_free) char *repaired = NULL;
	char *copy = arena_strndup(&head->arena, p, size);

	if (!copy || utf8_is_valid(copy))
		return copy;
	repaired = utf8_sanitise(p, size);
	return repaired ? arena_strdup(&head->arena, repaired) : NULL;
}

/* The syntax of "name: value"; @ret_name_size: up to the colon. */
static int check_field(struct head *head, const char *line, size_t size, size_t *ret_name_size)
{
	const char *colon = memchr(line, ':', size);
	size_t n;

	if (line[0] == ' ' || line[0] == '\t')
		return refuse(head, "folded header line");
	if (!colon)
		return refuse(head, "header line without a colon");
	n = (size_t)(colon - line);
	if (n == 0)
		return refuse(head, "header field without a name");
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)line[i];

		if (c <= 0x20 || c >= 0x7f)
			return refuse(head, "malformed header field name");
	}
	*ret_name_size = n;
	return 0;
}

static int field_line(struct head *head, const char *line, size_t size)
{
	const char *end = line + size, *p;
	char *name, *value;
	size_t name_size;
	int r;

	r = check_field(head, line, size, &name_size);
	if (r)
		return r;
	if (head->n_fields == HEAD_FIELDS_MAX)
		return refuse(head, "too many header fields");
	p = line + name_size + 1;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	name = arena_strndup(&head->arena, line, name_size);
	value = copy_text(head, p, (size_t)(end - p));
	if (!name || !value)
		return err_raise(-ENOMEM);
	r = add_field(head, name, value);
	return r ? r : known_field(head, name, value);
}

static int trailer_line(struct head *head, const char *line, size_t size)
{
	size_t name_size;

	if (size == 0)
		return 0;
	if (++head->n_trailers > HEAD_FIELDS_MAX)
		return refuse(head, "too many trailer fields");
	return check_field(head, line, size, &name_size);
}

static int end_of_fields(struct head *head)
{
	if (head->has_transfer_encoding && head->content_length_bytes >= 0)
		return refuse(head, "both Content-Length and Transfer-Encoding");
	if (head->has_transfer_encoding && strcmp(head->version, "1.1") != 0)
		return refuse(head, "Transfer-Encoding outside HTTP/1.1");
	if (head->has_transfer_encoding && (head->status < 200 || head->status == 204))
		return refuse(head, "Transfer-Encoding without a body");
	if (head->status < 200) {
		head->is_interim = true;
		return 0;
	}
	head->stage = HEAD_STAGE_TRAILERS;
	head->is_complete = true;
	return 0;
}

/* The line without its end; what may not be in any line. */
static int strip_line(struct head *head, const char *line, size_t size, size_t *ret_size)
{
	if (size > HEAD_LINE_MAX_BYTES)
		return refuse(head, "header line too long");
	head->block_bytes += size;
	if (head->block_bytes > HEAD_BLOCK_MAX_BYTES)
		return refuse(head, "response head too large");
	if (size == 0 || line[size - 1] != '\n')
		return refuse(head, "header line without an end");
	size--;
	if (size && line[size - 1] == '\r')
		size--;
	if (memchr(line, '\r', size) || memchr(line, '\n', size))
		return refuse(head, "line break inside a header line");
	if (memchr(line, 0, size))
		return refuse(head, "NUL in a header line");
	*ret_size = size;
	return 0;
}

int head_line(struct head *head, const char *line, size_t size)
{
	bool is_answer_to_connect;
	int r;

	if (head->why)
		return HEAD_E_BAD;
	if (head->is_interim) {
		if (head->status == 104 && head->counts_104)
			head->block_bytes = head->before_bytes;
		next_response(head);
	}
	if (head->stage == HEAD_STAGE_STATUS)
		head->before_bytes = head->block_bytes;
	r = strip_line(head, line, size, &size);
	if (r)
		return r;
	switch (head->stage) {
	case HEAD_STAGE_STATUS:
		return status_line(head, line, size);
	case HEAD_STAGE_FIELDS:
		return size ? field_line(head, line, size) : end_of_fields(head);
	case HEAD_STAGE_TRAILERS:
		is_answer_to_connect = head->is_tunnelled && head->status < 300;
		if (!is_answer_to_connect || size < 5 || memcmp(line, "HTTP/", 5) != 0)
			return trailer_line(head, line, size);
		next_response(head);
		head->is_tunnelled = false;
		return status_line(head, line, size);
	}
	assert(false);
	return -EINVAL;
}

const char *head_find(const struct head *head, const char *name)
{
	for (size_t i = 0; i < head->n_fields; i++) {
		if (strcasecmp(head->fields[i].name, name) == 0)
			return head->fields[i].value;
	}
	return NULL;
}
