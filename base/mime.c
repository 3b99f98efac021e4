/* SPDX-License-Identifier: MIT */
/* Content-Type: the type, its charset, and a short table of extensions. */
#include "base/mime.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c && strchr("!#$%&'*+-.^_`|~", c));
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Copies a token (or the inside of a quoted string) in lower case; false: empty or too long. */
static bool take_value(const char **p, char ret_value[MIME_MAX_BYTES])
{
	bool is_quoted = **p == '"';
	size_t n = 0;

	if (is_quoted)
		(*p)++;
	for (; is_token(**p) && n < MIME_MAX_BYTES - 1; (*p)++)
		ret_value[n++] = lower(**p);
	ret_value[n] = 0;
	if (is_quoted && *(*p)++ != '"')
		return false;
	return n > 0 && !is_token(**p);
}

static void find_charset(const char *p, char ret_charset[MIME_MAX_BYTES])
{
	char value[MIME_MAX_BYTES];

	while ((p = strchr(p, ';'))) {
		p++;
		p += strspn(p, " \t");
		if (strncasecmp(p, "charset=", 8) != 0)
			continue;
		p += 8;
		if (take_value(&p, value))
			memcpy(ret_charset, value, sizeof(value));
		return;
	}
}

void mime_parse(const char *content_type, struct mime *ret_mime)
{
	struct mime mime = { 0 };
	const char *p = content_type;
	size_t n = 0;
	unsigned n_slashes = 0;

	memset(ret_mime, 0, sizeof(*ret_mime));
	if (!p)
		return;
	for (p += strspn(p, " \t"); is_token(*p) || *p == '/'; p++) {
		n_slashes += *p == '/';
		if (n == MIME_MAX_BYTES - 1)
			return;
		mime.type[n++] = lower(*p);
	}
	p += strspn(p, " \t");
	if (n_slashes != 1 || mime.type[0] == '/' || mime.type[n - 1] == '/' || (*p && *p != ';'))
		return;
	find_charset(p, mime.charset);
	*ret_mime = mime;
}

static const struct known {
	const char *type, *extension;
} table[] = {
	/* in the order of strcmp() */
	{ "application/gzip", "gz" },
	{ "application/java-archive", "jar" },
	{ "application/json", "json" },
	{ "application/msword", "doc" },
	{ "application/pdf", "pdf" },
	{ "application/postscript", "ps" },
	{ "application/rtf", "rtf" },
	{ "application/vnd.debian.binary-package", "deb" },
	{ "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx" },
	{ "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx" },
	{ "application/x-7z-compressed", "7z" },
	{ "application/x-bittorrent", "torrent" },
	{ "application/x-bzip2", "bz2" },
	{ "application/x-iso9660-image", "iso" },
	{ "application/x-tar", "tar" },
	{ "application/x-xz", "xz" },
	{ "application/xhtml+xml", "xhtml" },
	{ "application/xml", "xml" },
	{ "application/zip", "zip" },
	{ "application/zstd", "zst" },
	{ "audio/flac", "flac" },
	{ "audio/mpeg", "mp3" },
	{ "audio/ogg", "ogg" },
	{ "audio/wav", "wav" },
	{ "image/gif", "gif" },
	{ "image/jpeg", "jpg" },
	{ "image/png", "png" },
	{ "image/svg+xml", "svg" },
	{ "image/webp", "webp" },
	{ "text/calendar", "ics" },
	{ "text/css", "css" },
	{ "text/csv", "csv" },
	{ "text/html", "html" },
	{ "text/javascript", "js" },
	{ "text/markdown", "md" },
	{ "text/plain", "txt" },
	{ "text/xml", "xml" },
	{ "video/mp4", "mp4" },
	{ "video/mpeg", "mpg" },
	{ "video/webm", "webm" },
};

static int compare(const void *type, const void *known)
{
	return strcmp(type, ((const struct known *)known)->type);
}

const char *mime_extension(const char *type)
{
	const struct known *known = bsearch(
		type, table, sizeof(table) / sizeof(table[0]), sizeof(table[0]), compare);

	return known ? known->extension : NULL;
}

const char *mime_of_name(const char *name)
{
	/* endings that the table has another one of the same type for, and types without an ending of their own */
	static const struct known more[] = {
		{ "image/jpeg", "jpeg" },
		{ "text/html", "htm" },
		{ "text/plain", "text" },
		{ "text/plain", "log" },
		{ "video/mpeg", "mpeg" },
	};
	const char *dot = strrchr(name, '.');

	if (!dot || dot == name || dot[-1] == '/')
		return NULL;
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		if (!strcasecmp(dot + 1, more[i].extension))
			return more[i].type;
	}
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (!strcasecmp(dot + 1, table[i].extension))
			return table[i].type;
	}
	return NULL;
}
