/* SPDX-License-Identifier: MIT */
/*
 * The fixed routes: the servers that the acceptance cases of other implementations describe, as a
 * table from path to handler. What a handler needs beyond the path is in the row.
 */
#include "tests/lib/origin-internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/lib/coding.h"

struct text {
	char *bytes;
	size_t used;
};

static void add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *format, ...)
{
	va_list arguments;
	char *more = NULL;
	char *bytes;
	int n;

	va_start(arguments, format);
	n = vasprintf(&more, format, arguments);
	va_end(arguments);
	if (n < 0)
		return;
	bytes = realloc(t->bytes, t->used + (size_t)n + 1);
	if (bytes) {
		memcpy(bytes + t->used, more, (size_t)n + 1);
		t->bytes = bytes;
		t->used += (size_t)n;
	}
	free(more);
}

static void add_json_string(struct text *t, const char *s)
{
	add(t, "\"");
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			add(t, "\\%c", c);
		else if (c < 32 || c > 126)
			add(t, "\\u%04x", c);
		else
			add(t, "%c", c);
	}
	add(t, "\"");
}

static void add_base64(struct text *t, const struct origin_request *r)
{
	size_t n = r->body_kept_bytes;
	char *out = malloc(4 * (n + 2) / 3 + 4);

	if (!out)
		return;
	EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)r->body, (int)n);
	add(t, ",\"x-base64-body\":\"%s\"", n ? out : "");
	free(out);
}

/* R3: what arrived, as JSON */
static int serve_json(struct origin_request *r, unsigned status, const char *fields)
{
	struct text t = { 0 };
	char *head = NULL;
	int result = origin_request_body(r);

	if (result)
		return result;
	add(&t, "{\"uri\":");
	add_json_string(&t, r->line);
	for (unsigned i = 0; i < r->n_fields; i++) {
		add(&t, ",");
		add_json_string(&t, r->fields[i].name);
		add(&t, ":");
		add_json_string(&t, r->fields[i].value);
	}
	add_base64(&t, r);
	add(&t, "}");
	if (asprintf(&head, "Content-Type: application/json%s%s", fields ? "\r\n" : "",
		    fields ? fields : "") < 0)
		return -ENOMEM;
	result = origin_answer_bytes(r, status, head, t.bytes, t.used);
	free(head);
	free(t.bytes);
	return result;
}

static int on_text(struct origin_request *r, const char *text)
{
	return origin_answer_text(r, 200, "Content-Type: text/plain; charset=utf-8", "%s", text);
}

static int on_json(struct origin_request *r, const char *text)
{
	(void)text;
	return serve_json(r, 200, NULL);
}

/* R4: the path names the only method */
static int on_method(struct origin_request *r, const char *text)
{
	(void)text;
	return serve_json(r, strcasecmp(r->path + 1, r->method) ? 405 : 200, NULL);
}

/* R5 */
static int on_redirects(struct origin_request *r, const char *text)
{
	unsigned n = (unsigned)strtoul(r->path + strlen("/redirect/"), NULL, 10);
	char field[64];

	(void)text;
	if (n > 1)
		snprintf(field, sizeof(field), "Location: /redirect/%u", n - 1);
	else
		snprintf(field, sizeof(field), "Location: /jsonBody");
	return origin_answer_text(r, 302, field, "Redirecting to %s", field + 10);
}

/* R6 */
static int serve_status(struct origin_request *r, unsigned status)
{
	bool moved = (status >= 300 && status <= 303) || (status >= 305 && status <= 308);
	char *location, *field = NULL;
	int result = origin_request_body(r);

	if (result)
		return result;
	if (status == 401)
		return serve_json(r, 401, "WWW-Authenticate: Basic realm=\"origin\"");
	if (!moved)
		return serve_json(r, status, NULL);
	location = origin_knob(r, "location");
	if (!location && asprintf(&location, "/%s", r->method) > 0)
		for (char *p = location; *p; p++)
			*p = (char)tolower((unsigned char)*p);
	if (!location || asprintf(&field, "Location: %s", location) < 0)
		result = -ENOMEM;
	else
		result = origin_answer_text(
			r, status, field, "Redirecting to %s %s", r->method, location);
	free(location);
	free(field);
	return result;
}

/* R7 */
static int on_upload(struct origin_request *r, const char *text)
{
	(void)text;
	if (!r->has_length && !r->chunked)
		return origin_answer_text(r, 400, NULL, "no body\n");
	return origin_upload_serve(r, 200);
}

static int on_store(struct origin_request *r, const char *text)
{
	(void)text;
	return origin_upload_serve(r, 201);
}

/* R8 */
static int on_tight_fields(struct origin_request *r, const char *text)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length:13\r\n"
				     "Content-Type:text/plain\r\n\r\nHello, world!";

	(void)text;
	origin_note_status(r, 200, 0);
	return origin_conn_send(r->conn, answer, sizeof(answer) - 1);
}

/* R9 */
static int on_headers(struct origin_request *r, const char *text)
{
	struct text t = { 0 };
	int result;

	(void)text;
	add(&t, "%s\n", r->line);
	for (unsigned i = 0; i < r->n_fields; i++)
		add(&t, "%s: %s\n", r->fields[i].name, r->fields[i].value);
	result = origin_answer_bytes(r, 200, "Content-Type: text/plain", t.bytes, t.used);
	free(t.bytes);
	return result;
}

/* R10 */
static int on_empty_post(struct origin_request *r, const char *text)
{
	(void)text;
	return origin_answer_text(
		r, origin_request_field(r, "Content-Type") ? 404 : 200, NULL, "%s", "");
}

/* R13, R15 and other redirects whose target depends on the server */
static int on_moved(struct origin_request *r, const char *text)
{
	struct origin *o = r->conn->origin;
	char field[256];
	unsigned status = 302;

	if (!strcmp(text, "dead"))
		snprintf(field, sizeof(field), "Location: http://127.0.0.1:%u/UnitedStates",
			origin_dead_port(o));
	else if (!strcmp(text, "default-port"))
		snprintf(field, sizeof(field),
			"Location: http://127.0.0.1/redirected-with-default-port");
	else if (!strcmp(text, "absolute"))
		snprintf(field, sizeof(field), "Location: %s/contentOK", origin_base(o));
	else
		snprintf(field, sizeof(field), "%s", text);
	if (strstr(r->path, "tmp"))
		status = 307;
	return origin_answer_text(r, status, field, "%s", "");
}

/* R16 */
static int on_echo(struct origin_request *r, const char *text)
{
	int result = origin_request_body(r);

	(void)text;
	if (result)
		return result;
	return origin_answer_bytes(
		r, 200, "Content-Type: application/octet-stream", r->body, r->body_kept_bytes);
}

static int on_echo_query(struct origin_request *r, const char *text)
{
	char *query = origin_decode(r->query, strlen(r->query));
	int result;

	(void)text;
	result = origin_answer_text(r, 200, "Content-Type: text/plain", "%s", query ? query : "");
	free(query);
	return result;
}

/* R17 */
static int on_coded(struct origin_request *r, const char *text)
{
	struct coding_bytes coded = { NULL, 0 };
	char field[96];
	int result = coding_encode(text, "Hello World!", 12, &coded);

	snprintf(field, sizeof(field), "Content-Encoding: %s\r\nContent-Type: text/plain", text);
	if (!result)
		result = origin_answer_bytes(r, 200, field, coded.bytes, coded.size);
	free(coded.bytes);
	return result;
}

/* R18 */
static int on_accept_encoding(struct origin_request *r, const char *text)
{
	const char *value = origin_request_field(r, "Accept-Encoding");

	(void)text;
	return on_text(r, value ? value : "");
}

/* R19: user:passwd; R28: login:password */
static int on_auth(struct origin_request *r, const char *text)
{
	const char *value = origin_request_field(r, "Authorization");

	if (value && !strcmp(value, text))
		return serve_json(r, 200, NULL);
	return origin_answer_text(r, 401, "WWW-Authenticate: Basic realm=\"Realm\"", "%s", "");
}

/* R20 */
static int on_unauthorized(struct origin_request *r, const char *text)
{
	(void)text;
	return origin_answer_text(r, 401, NULL, "%s", "");
}

/* R25 */
static int on_set_cookies(struct origin_request *r, const char *text)
{
	const char *cookie = origin_request_field(r, "Cookie");

	(void)text;
	if (!cookie || !strstr(cookie, "RequestCookie=1234"))
		return origin_answer_text(r, 400, NULL, "no cookie\n");
	return origin_answer_text(r, 200,
		"Set-Cookie: sessionId=abc123; "
		"Expires=Fri, 01 Jan 2100 00:00:00 GMT; Path=/",
		"Hello, world!");
}

static int on_fields(struct origin_request *r, const char *text)
{
	return origin_answer_text(r, 200, text, "Hello World!");
}

/* exactly these bytes, then close */
static int on_verbatim(struct origin_request *r, const char *text)
{
	r->conn->close = true;
	origin_note_status(r, 0, 0);
	return origin_conn_send(r->conn, text, strlen(text));
}

static int on_pompeii(struct origin_request *r, const char *text)
{
	static const char frames[] = "\0\0\0\4\0\0\0\0\0"
				     "\0\0\10\7\0\0\0\0\0\0\0\0\0\0\0\0\1";

	(void)text;
	r->conn->close = true;
	return origin_conn_send(r->conn, frames, sizeof(frames) - 1);
}

/* the server's own: its log, its numbers, its gates */
static int on_log(struct origin_request *r, const char *text)
{
	char *json = origin_log_json(r->conn->origin);
	int result;

	(void)text;
	result = origin_answer_text(
		r, 200, "Content-Type: application/json", "%s", json ? json : "");
	free(json);
	return result;
}

static int on_stats(struct origin_request *r, const char *text)
{
	char *key = origin_knob(r, "of");
	char *json = origin_stats_json(r->conn->origin, key);
	int result;

	(void)text;
	result = origin_answer_text(
		r, 200, "Content-Type: application/json", "%s", json ? json : "");
	free(json);
	free(key);
	return result;
}

static int on_release(struct origin_request *r, const char *text)
{
	char *gate = origin_knob(r, "gate");
	int result = gate ? origin_release(r->conn->origin, gate) : -EINVAL;

	(void)text;
	free(gate);
	return origin_answer_text(r, result ? 400 : 200, NULL, "%d\n", result);
}

static int on_clear(struct origin_request *r, const char *text)
{
	(void)text;
	origin_log_clear(r->conn->origin);
	return origin_answer_text(r, 200, NULL, "cleared\n");
}

static int on_file(struct origin_request *r, const char *text)
{
	int result = 0;

	(void)text;
	r->ignores_knobs = true;
	if (r->has_length || r->chunked)
		result = origin_request_body(r);
	return result ? result : origin_file_serve(r);
}

static int on_resource(struct origin_request *r, const char *text)
{
	(void)text;
	return origin_upload_resource_serve(r);
}

struct route {
	const char *path; /* ending in '/': a prefix */
	int (*serve)(struct origin_request *r, const char *text);
	const char *text;
};

static const struct route routes[] = {
	{ "/file", on_file, NULL },
	{ "/file/", on_file, NULL },
	{ "/upload", on_upload, NULL },
	{ "/store/", on_store, NULL },
	{ "/resource/", on_resource, NULL },
	{ "/Nepal", on_text, "Kathmandu" },
	{ "/Peru", on_text, "Lima" },
	{ "/Italy", on_text, "Rome" },
	{ "/USA", on_text, "Washington, D.C." },
	{ "/UK", on_text, "London" },
	{ "/country.txt", on_text,
		"A country is a region that is identified as a distinct entity." },
	{ "/jsonBody", on_json, NULL },
	{ "/head", on_method, NULL },
	{ "/get", on_method, NULL },
	{ "/put", on_method, NULL },
	{ "/post", on_method, NULL },
	{ "/delete", on_method, NULL },
	{ "/redirect/", on_redirects, NULL },
	{ "/response-header-without-whitespace", on_tight_fields, NULL },
	{ "/requestHeaders", on_headers, NULL },
	{ "/echoHeaders", on_headers, NULL },
	{ "/emptyPost", on_empty_post, NULL },
	{ "/requestCookies", on_fields,
		"Set-Cookie: fr=anjd&232; Max-Age=7776000; path=/\r\n"
		"Set-Cookie: nm=sddf&232; Max-Age=7776000; path=/; domain=.swift.org; secure; httponly" },
	{ "/redirectToEchoHeaders", on_moved,
		"location: /echoHeaders\r\nSet-Cookie: redirect=true; Max-Age=7776000; path=/" },
	{ "/UnitedStates", on_moved, "dead" },
	{ "/UnitedKingdom", on_moved, "Location: UK" },
	{ "/redirect-with-default-port", on_moved, "default-port" },
	{ "/echo", on_echo, NULL },
	{ "/echo-query", on_echo_query, NULL },
	{ "/gzipped-response", on_coded, "gzip" },
	{ "/brotli-response", on_coded, "br" },
	{ "/accept-encoding", on_accept_encoding, NULL },
	{ "/auth/", on_auth, "Basic dXNlcjpwYXNzd2Q=" },
	{ "/index", on_auth, "Basic bG9naW46cGFzc3dvcmQ=" },
	{ "/unauthorized", on_unauthorized, NULL },
	{ "/Pompeii", on_pompeii, NULL },
	{ "/Sodom", on_verbatim, "technically speaking, this is an answer\r\n" },
	{ "/Gomorrah", on_verbatim, "HTTP/1.1\r\n\r\n" },
	{ "/Myndus", on_verbatim,
		"HTTP/1.1 200 OK\r\n\r\nthis is a body that isn't supposed to be here" },
	{ "/Kameiros", on_verbatim, "HTTP/1.1 999 Too Far\r\nContent-Length: 2\r\n\r\nhi" },
	{ "/Dinavar", on_verbatim, "HTTP/1.1 20 Too Few Digits\r\n\r\n" },
	{ "/Kuhikugu", on_verbatim, "HTTP/1.1 2000 Too Many Digits\r\n\r\n" },
	{ "/contentOK", on_text, "Hello World!" },
	{ "/tmpRedirectToOK", on_moved, "absolute" },
	{ "/tmpRelativeRedirectToOK", on_moved, "Location: contentOK" },
	{ "/setCookiesOK", on_set_cookies, NULL },
	{ "/foldedHeaders", on_verbatim,
		"HTTP/1.1 200 OK\r\nConnection: close\r\n"
		"Folded-Header-SP: Test\r\n ing\r\nFolded-Header-TAB: Test\r\n\ting\r\n"
		"Content-Length: 12\r\n\r\nHello World!" },
	{ "/incorrectFoldedHeaders", on_verbatim,
		"HTTP/1.1 200 OK\r\n Folded-Header-SP: Test\r\n ing\r\n"
		"Connection: close\r\nContent-Length: 12\r\n\r\nHello World!" },
	{ "/smallUploadOK", on_upload, NULL },
	{ "/largeUploadOK", on_upload, NULL },
	{ "/_log", on_log, NULL },
	{ "/_stats", on_stats, NULL },
	{ "/_release", on_release, NULL },
	{ "/_clear", on_clear, NULL },
};

static bool matches(const struct route *route, const char *path)
{
	size_t n = strlen(route->path);

	if (route->path[n - 1] == '/' && n > 1)
		return !strncmp(route->path, path, n);
	return !strcmp(route->path, path);
}

/* the value of a knob as the query has it */
static char *raw_knob(const struct origin_request *r, const char *name)
{
	const char *at = strstr(r->query, name);

	return at ? strndup(at + strlen(name), strcspn(at + strlen(name), "&")) : NULL;
}

/* kill_kept, only_method; 1: answered */
static int refuse_scripted(struct origin_request *r)
{
	char *method = origin_knob(r, "only_method");
	bool other = method && strcmp(method, r->method) != 0;
	int result = 0;

	free(method);
	if (r->conn->served + 1 >= origin_knob_u64(r, "kill_kept", UINT64_MAX))
		return origin_cut_scripted(r);
	if (other)
		result = origin_request_body(r);
	if (!result && other)
		result = origin_answer_text(r, 405, NULL, "another method\n");
	return result || !other ? result : 1;
}

/* all www= as header fields; to be freed */
static char *challenges(const struct origin_request *r)
{
	char *fields = NULL, *value;

	for (unsigned i = 0; (value = origin_knob_nth(r, "www", i)); i++) {
		char *before = fields;

		if (asprintf(&fields, "%s%sWWW-Authenticate: %s", before ? before : "",
			    before ? "\r\n" : "", value) < 0)
			fields = NULL;
		free(before);
		free(value);
	}
	return fields;
}

/* auth=, www=; 1: answered */
static int ask_who(struct origin_request *r)
{
	const char *said = origin_request_field(r, "Authorization");
	char *want = origin_knob(r, "auth"), *fields = NULL;
	size_t size_bytes = origin_knob_u64(r, "auth_size", 4);
	char *body;
	int result = 0;

	if (want && (!said || strncmp(said, want, strlen(want)) != 0)) {
		fields = challenges(r);
		body = malloc(size_bytes + 1);
		if (body)
			memset(body, 'w', size_bytes);
		result = !body ? -ENOMEM : origin_has(r, "auth_early") ? 0 : origin_request_body(r);
		if (!result)
			result = origin_answer_bytes(r, 401, fields, body, size_bytes);
		free(body);
		result = result ? result : 1;
	}
	free(fields);
	free(want);
	return result;
}

/* delay_ms, X-Pause, hang, status (fail_times), redirect_to; 1: answered */
int origin_common_serve(struct origin_request *r)
{
	const char *pause = origin_request_field(r, "X-Pause");
	uint64_t delay_ms = origin_knob_u64(r, "delay_ms", 0) +
		(pause ? strtoull(pause, NULL, 10) * 1000 : 0);
	uint64_t status = origin_knob_u64(r, "status", 0);
	bool fails = status && r->nth <= origin_knob_u64(r, "fail_times", UINT64_MAX);
	char *target = origin_knob(r, "redirect_to");
	char *field = NULL;
	int result = refuse_scripted(r);

	if (!result)
		result = ask_who(r);
	if (!target)
		target = raw_knob(r, "redirect_raw=");
	if (!result && delay_ms)
		result = origin_conn_wait(r->conn, delay_ms);
	if (!result && origin_has(r, "hang"))
		result = origin_conn_wait(r->conn, 24 * 3600 * 1000);
	if (!result && (target || fails) && !origin_has(r, "early"))
		result = origin_request_body(r);
	if (!result && target && asprintf(&field, "Location: %s", target) > 0) {
		result = origin_answer_text(r, status ? (unsigned)status : 302, field, "moved\n");
		result = result ? result : 1;
	} else if (!result && fails) {
		result = origin_answer_text(r, (unsigned)status, "Content-Type: text/plain",
			"status %u\n", (unsigned)status);
		result = result ? result : 1;
	}
	free(target);
	free(field);
	return result;
}

int origin_route_serve(struct origin_request *r)
{
	const char *p = r->path;
	int result = origin_raw_serve(r);

	if (result)
		return result < 0 ? result : 0;
	result = origin_common_serve(r);
	if (result)
		return result < 0 ? result : 0;
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++)
		if (matches(&routes[i], p))
			return routes[i].serve(r, routes[i].text);
	if (p[0] == '/' && isdigit((unsigned char)p[1]) && isdigit((unsigned char)p[2]) &&
		isdigit((unsigned char)p[3]) && (!p[4] || p[4] == '/'))
		return serve_status(r, (unsigned)strtoul(p + 1, NULL, 10));
	if (origin_www(r->conn->origin)) {
		result = origin_folder_serve(r, origin_www(r->conn->origin));
		if (result <= 0)
			return result;
	}
	return origin_answer_text(r, 404, "Content-Type: text/plain", "no such route\n");
}
