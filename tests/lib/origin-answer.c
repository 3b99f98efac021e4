/* SPDX-License-Identifier: MIT */
/* Collects the head of an answer, with the headers and floods the query asks for, and sends it. */
#include "tests/lib/origin-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *origin_reason(unsigned status)
{
	static const struct {
		unsigned status;
		const char *reason;
	} reasons[] = {
		{ 102, "Processing" },
		{ 103, "Early Hints" },
		{ 200, "OK" },
		{ 201, "Created" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 412, "Precondition Failed" },
		{ 416, "Range Not Satisfiable" },
		{ 417, "Expectation Failed" },
		{ 429, "Too Many Requests" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Status";
}

static void append(struct origin_answer *a, const char *text, size_t size_bytes)
{
	if (a->head_used + size_bytes + 1 > a->head_size) {
		size_t size = (a->head_used + size_bytes + 1) * 2;
		char *head = realloc(a->head, size);

		if (!head)
			return;
		a->head = head;
		a->head_size = size;
	}
	memcpy(a->head + a->head_used, text, size_bytes);
	a->head_used += size_bytes;
	a->head[a->head_used] = '\0';
}

static void append_format(
	struct origin_answer *a, const char *end, const char *format, va_list arguments)
{
	char *text = NULL;
	int n = vasprintf(&text, format, arguments);

	if (n < 0)
		return;
	append(a, text, (size_t)n);
	append(a, end, strlen(end));
	free(text);
}

void origin_answer_field(struct origin_answer *a, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	append_format(a, "\r\n", format, arguments);
	va_end(arguments);
}

static void add_date(struct origin_answer *a)
{
	time_t now = time(NULL);
	struct tm tm;
	char text[64];

	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
	origin_answer_field(a, "Date: %s", text);
}

/* header=Name:Value, cookie=…, disposition=…, interim=, head_headers=, head_bytes= */
static void add_scripted(struct origin_answer *a)
{
	struct origin_request *r = a->request;
	uint64_t n = origin_knob_u64(r, "head_headers", 0);
	char *value;

	for (unsigned i = 0; (value = origin_knob_nth(r, "header", i)); i++) {
		origin_answer_field(a, "%s", value);
		free(value);
	}
	for (unsigned i = 0; (value = origin_knob_nth(r, "cookie", i)); i++) {
		origin_answer_field(a, "Set-Cookie: %s", value);
		free(value);
	}
	value = origin_knob(r, "disposition");
	if (value)
		origin_answer_field(a, "Content-Disposition: %s", value);
	free(value);
	for (uint64_t i = 0; i < n; i++)
		origin_answer_field(
			a, "X-Flood-%llu: %llu", (unsigned long long)i, (unsigned long long)i);
	n = origin_knob_u64(r, "head_bytes", 0);
	if (n && n <= (64u << 20)) {
		value = malloc(n + 1);
		if (value) {
			memset(value, 'a', n);
			value[n] = '\0';
			origin_answer_field(a, "X-Long: %s", value);
			free(value);
		}
	}
}

/* interim=, interim_status=, interim_header= */
static void add_interim(struct origin_answer *a)
{
	struct origin_request *r = a->request;
	unsigned status = (unsigned)origin_knob_u64(r, "interim_status", 103);
	uint64_t n = origin_knob_u64(r, "interim", origin_has(r, "interim_status"));
	char *field = n ? origin_knob(r, "interim_header") : NULL;

	for (; n; n--) {
		origin_answer_field(a, "HTTP/1.1 %u %s", status, origin_reason(status));
		origin_answer_field(a, "%s\r\n", field ? field : "Link: </a>");
	}
	free(field);
}

void origin_answer_init(struct origin_answer *a, struct origin_request *r, unsigned status)
{
	char *retry_after = origin_knob(r, "retry_after");

	*a = (struct origin_answer){ .request = r, .status = status };
	add_interim(a);
	origin_answer_field(a, "HTTP/1.1 %u %s", status, origin_reason(status));
	add_date(a);
	origin_answer_field(a, "Server: origin");
	if (retry_after && status >= 300)
		origin_answer_field(a, "Retry-After: %s", retry_after);
	free(retry_after);
	a->no_body = !strcmp(r->method, "HEAD") || status == 204 || status == 304;
	if (origin_has(r, "close"))
		r->conn->close = true;
	add_scripted(a);
}

void origin_answer_done(struct origin_answer *a)
{
	free(a->head);
	a->head = NULL;
}

int origin_answer_head(struct origin_answer *a)
{
	struct origin_request *r = a->request;
	uint64_t drip_ms = origin_knob_u64(r, "drip_ms", 0);
	int result;

	/* what was not read of the request would be taken for the next one */
	if (!r->body_done && !r->replies_amid)
		r->conn->close = true;
	origin_answer_field(a, "Connection: %s", r->conn->close ? "close" : "keep-alive");
	append(a, "\r\n", 2);
	if (!a->head)
		return -ENOMEM;
	origin_note_status(r, a->status, 0);
	if (!drip_ms)
		return origin_conn_send(r->conn, a->head, a->head_used);
	for (size_t i = 0; i < a->head_used; i++) {
		result = origin_conn_send(r->conn, a->head + i, 1);
		if (!result)
			result = origin_conn_wait(r->conn, drip_ms);
		if (result)
			return result;
	}
	return 0;
}

int origin_answer_bytes(struct origin_request *r, unsigned status, const char *fields,
	const void *bytes, size_t size_bytes)
{
	struct origin_answer a;
	int result;

	origin_answer_init(&a, r, status);
	if (fields && *fields)
		origin_answer_field(&a, "%s", fields);
	if (status != 204 && status != 304)
		origin_answer_field(&a, "Content-Length: %zu", size_bytes);
	result = origin_answer_head(&a);
	if (!result && !a.no_body && size_bytes) {
		result = origin_conn_send(r->conn, bytes, size_bytes);
		if (!result)
			origin_note_sent(r, size_bytes);
	}
	origin_answer_done(&a);
	return result;
}

int origin_answer_text(
	struct origin_request *r, unsigned status, const char *fields, const char *format, ...)
{
	va_list arguments;
	char *text = NULL;
	int result;

	va_start(arguments, format);
	result = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (result < 0)
		return -ENOMEM;
	result = origin_answer_bytes(r, status, fields, text, (size_t)result);
	free(text);
	return result;
}
