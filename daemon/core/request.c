/* SPDX-License-Identifier: MIT */
/*
 * The daemon's own view of a request. The engine parses the URL again with its own parser before it
 * connects; what is refused here never gets that far, what is accepted here may still be refused
 * there.
 */
#include "daemon/core/request.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

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
	if (strncmp(name, "[::1]", 5) == 0 || strncmp(name, "127.", 4) == 0)
		return true;
	len = strcspn(name, ":");
	return (len == 9 && strncmp(name, "localhost", len) == 0) ||
		(len > 10 && strncmp(name + len - 10, ".localhost", 10) == 0);
}
