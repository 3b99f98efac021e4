/* SPDX-License-Identifier: MIT */
/*
 * The daemon's own view of a request. The engine parses the URL again with its own parser before it
 * connects; what is refused here never gets that far, what is accepted here may still be refused
 * there.
 */
#include "daemon/core/request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/utf8.h"

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Length of the scheme, 0 when there is none. */
static size_t scheme_length(const char *url)
{
	size_t n = 0;

	if (!is_alpha(url[0]))
		return 0;
	while (is_alpha(url[n]) || is_digit(url[n]) || url[n] == '+' || url[n] == '-' ||
		url[n] == '.')
		n++;
	return url[n] == ':' ? n : 0;
}

/* authority without user information; false: no usable host. */
static bool split_authority(const char *from, size_t n, size_t *ret_host, size_t *ret_port)
{
	size_t host_end, port = 0;

	if (n && from[0] == '[') {
		const char *end = memchr(from, ']', n);

		if (!end || end == from + 1)
			return false;
		host_end = (size_t)(end - from) + 1;
	} else {
		host_end = 0;
		while (host_end < n && from[host_end] != ':')
			host_end++;
	}
	if (!host_end || host_end > REQUEST_NAME_MAX_BYTES)
		return false;
	if (host_end < n) {
		if (from[host_end] != ':')
			return false;
		for (size_t i = host_end + 1; i < n; i++) {
			if (!is_digit(from[i]))
				return false;
			port = port * 10 + (size_t)(from[i] - '0');
			if (port > 65535)
				return false;
		}
		if (host_end + 1 < n && !port)
			return false;
	}
	*ret_host = host_end;
	*ret_port = port;
	return true;
}

enum request_url request_check_url(const char *url, char host[REQUEST_HOST_MAX_BYTES])
{
	static const struct {
		const char *name;
		size_t port;
		enum request_url is;
	} schemes[] = {
		{ "https", 443, REQUEST_URL_OK },
		{ "http", 80, REQUEST_URL_INSECURE },
		{ "ftps", 990, REQUEST_URL_FTPS },
		{ "ftp", 21, REQUEST_URL_FTP },
	};
	size_t scheme = scheme_length(url), n, host_bytes, port, at, which = 0;
	const char *authority, *user;

	for (n = 0; url[n]; n++)
		if ((unsigned char)url[n] <= 0x20 || url[n] == 0x7f)
			return REQUEST_URL_MALFORMED;
	if (!scheme || n > REQUEST_URL_MAX_BYTES)
		return REQUEST_URL_MALFORMED;
	while (which < sizeof(schemes) / sizeof(schemes[0]) &&
		(strlen(schemes[which].name) != scheme ||
			strncasecmp(url, schemes[which].name, scheme) != 0))
		which++;
	if (which == sizeof(schemes) / sizeof(schemes[0]))
		return REQUEST_URL_UNSUPPORTED;
	if (strncmp(url + scheme, "://", 3) != 0)
		return REQUEST_URL_MALFORMED;
	authority = url + scheme + 3;
	n = strcspn(authority, "/?#\\");
	user = memrchr(authority, '@', n);
	if (user) {
		n -= (size_t)(user + 1 - authority);
		authority = user + 1;
	}
	if (!split_authority(authority, n, &host_bytes, &port))
		return REQUEST_URL_MALFORMED;
	if (!port)
		port = schemes[which].port;
	at = (size_t)snprintf(host, REQUEST_HOST_MAX_BYTES, "%s://", schemes[which].name);
	for (size_t i = 0; i < host_bytes; i++)
		host[at++] = lower(authority[i]);
	snprintf(host + at, REQUEST_HOST_MAX_BYTES - at, ":%zu", port);
	return schemes[which].is;
}

bool request_is_token(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (!is_alpha(*s) && !is_digit(*s) && !strchr("!#$%&'*+-.^_`|~", *s))
			return false;
	return true;
}

enum request_header request_check_header(const struct task_header *header)
{
	static const char *const reserved[] = {
		"Host",
		"Content-Length",
		"Transfer-Encoding",
		"Connection",
		"Keep-Alive",
		"Upgrade",
		"TE",
		"Trailer",
		"Expect",
		"Range",
		"If-Range",
	};

	if (!request_is_token(header->name))
		return REQUEST_HEADER_INVALID;
	for (const char *c = header->value; *c; c++)
		if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
			return REQUEST_HEADER_INVALID;
	if (!strncasecmp(header->name, "Proxy-", 6))
		return REQUEST_HEADER_RESERVED;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (!strcasecmp(header->name, reserved[i]))
			return REQUEST_HEADER_RESERVED;
	return REQUEST_HEADER_OK;
}

bool request_has_header(const struct task_header *headers, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcasecmp(headers[i].name, name))
			return true;
	return false;
}

size_t request_headers_bytes(const struct task_header *headers, size_t n)
{
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += strlen(headers[i].name) + strlen(headers[i].value) + 4;
	return bytes;
}

int request_part_path(const char *destination, uint64_t id, char *buf, size_t size)
{
	const char *slash = strrchr(destination, '/'), *name = slash ? slash + 1 : destination;
	size_t dir_bytes = (size_t)(name - destination), name_bytes = strlen(name), room;
	char suffix[32], *at;
	size_t suffix_bytes = (size_t)snprintf(
		suffix, sizeof(suffix), ".%llu.part", (unsigned long long)id);

	room = REQUEST_NAME_MAX_BYTES - 1 - suffix_bytes;
	if (name_bytes > room) {
		/* not in the middle of a character */
		name_bytes = room;
		while (name_bytes && ((unsigned char)name[name_bytes] & 0xc0) == 0x80)
			name_bytes--;
	}
	if (dir_bytes + 1 + name_bytes + suffix_bytes >= size)
		return -ENAMETOOLONG;
	at = mempcpy(buf, destination, dir_bytes);
	*at++ = '.';
	at = mempcpy(at, name, name_bytes);
	memcpy(at, suffix, suffix_bytes + 1);
	return 0;
}

const char *request_display_name(const struct task *task, char *buf, size_t size)
{
	const char *s = task->request.destination, *slash, *end;
	size_t n;

	if (task->kind == TRANSFER_TASK_UPLOAD && task->request.source_path)
		s = task->request.source_path;
	if (s && (slash = strrchr(s, '/')) && slash[1]) {
		snprintf(buf, size, "%s", slash + 1);
		return buf;
	}
	s = strstr(task->request.url, "://");
	s = s ? s + 3 : task->request.url;
	end = s + strcspn(s, "?#");
	while (end > s && end[-1] == '/')
		end--;
	n = (size_t)(end - s);
	slash = memrchr(s, '/', n);
	if (slash)
		s = slash + 1;
	snprintf(buf, size, "%.*s", (int)(end - s), s);
	return buf;
}

bool request_is_local(const char *host)
{
	const char *name = strstr(host, "://");
	size_t len;

	name = name ? name + 3 : host;
	if (strncmp(name, "[::1]", 5) == 0)
		return true;
	len = strcspn(name, ":");
	return (strncmp(name, "127.", 4) == 0 && strspn(name, "0123456789.") == len) ||
		(len == 9 && strncmp(name, "localhost", len) == 0) ||
		(len > 10 && strncmp(name + len - 10, ".localhost", 10) == 0);
}

/* ---- carried by resume data: a letter, and what it is about, to the end of the line ---- */

enum {
	CARRY_HEADER = 'h', /* Name: value */
	CARRY_CA_FILE = 'c',
	CARRY_INSECURE = 'i',
	CARRY_TIMEOUT = 't', /* us */
	CARRY_RESOURCE_TIMEOUT = 'r', /* us */
};

static int write_time(char what, uint64_t us, struct buf *text)
{
	return us ? buf_printf(text, "%c%" PRIu64 "\n", what, us) : 0;
}

int request_carry_write(const struct task_request *request, struct buf *ret_text)
{
	int r = 0;

	for (size_t i = 0; !r && i < request->n_headers; i++)
		r = buf_printf(ret_text, "%c%s: %s\n", CARRY_HEADER, request->headers[i].name,
			request->headers[i].value);
	if (!r && request->ca_file && utf8_is_valid(request->ca_file) &&
		!strchr(request->ca_file, '\n'))
		r = buf_printf(ret_text, "%c%s\n", CARRY_CA_FILE, request->ca_file);
	if (!r && request->allow_insecure)
		r = buf_printf(ret_text, "%c\n", CARRY_INSECURE);
	if (!r)
		r = write_time(CARRY_TIMEOUT, request->timeout_us, ret_text);
	if (!r)
		r = write_time(CARRY_RESOURCE_TIMEOUT, request->resource_timeout_us, ret_text);
	return r;
}

static void read_header(
	char *line, size_t n_own, struct task_header *headers, struct task_request *inout)
{
	struct task_header header = { .name = line };
	char *end = strstr(line, ": ");

	if (!end)
		return;
	*end = '\0';
	header.value = end + 2;
	/* fields that are there twice are carried twice */
	if (request_check_header(&header) == REQUEST_HEADER_OK &&
		!request_has_header(headers, n_own, header.name))
		headers[inout->n_headers++] = header;
}

static void read_line(char *line, struct task_request *inout)
{
	switch (line[0]) {
	case CARRY_CA_FILE:
		if (!inout->ca_file)
			inout->ca_file = line + 1;
		return;
	case CARRY_INSECURE:
		inout->allow_insecure = true;
		return;
	case CARRY_TIMEOUT:
		if (!inout->timeout_us)
			inout->timeout_us = strtoull(line + 1, NULL, 10);
		return;
	case CARRY_RESOURCE_TIMEOUT:
		if (!inout->resource_timeout_us)
			inout->resource_timeout_us = strtoull(line + 1, NULL, 10);
		return;
	}
}

static size_t count_lines(const char *text)
{
	size_t n = 1;

	while ((text = strchr(text, '\n'))) {
		text++;
		n++;
	}
	return n;
}

int request_carry_read(const char *text, struct arena *arena, struct task_request *inout)
{
	struct task_header *headers;
	size_t n_own = inout->n_headers;
	char *rest, *line;

	if (!text || !*text)
		return 0;
	rest = arena_strdup(arena, text);
	headers = arena_alloc(arena, n_own + count_lines(text), sizeof(*headers));
	if (!rest || !headers)
		return err_raise(-ENOMEM);
	if (n_own)
		memcpy(headers, inout->headers, n_own * sizeof(*headers));
	inout->headers = headers;
	while ((line = strsep(&rest, "\n")))
		if (line[0] == CARRY_HEADER)
			read_header(line + 1, n_own, headers, inout);
		else
			read_line(line, inout);
	return 0;
}
