/* SPDX-License-Identifier: MIT */
/*
 * Makes a file name out of what a server says. Everything is repaired rather than refused: the
 * result is a label that people see, and one that no shell, terminal or file system trips over.
 */
#include "base/filename.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/mime.h"
#include "base/utf8.h"

#define NAME_MAX_BYTES      (FILENAME_BYTES - 1)
#define EXTENSION_MAX_BYTES 16
#define VALUE_MAX_BYTES     4096

/* One raw parameter value. */
struct value {
	char bytes[VALUE_MAX_BYTES];
	size_t size;
};

/* NUL is left out, and what is too long. */
static void put(struct value *value, char c)
{
	if (c && value->size < sizeof(value->bytes))
		value->bytes[value->size++] = c;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

/* False: a broken escape. */
static bool unescape(const char *text, size_t size, struct value *ret_value)
{
	ret_value->size = 0;
	for (size_t i = 0; i < size; i++) {
		int high, low;

		if (text[i] != '%') {
			put(ret_value, text[i]);
			continue;
		}
		high = i + 2 < size ? hex_digit(text[i + 1]) : -1;
		low = high >= 0 ? hex_digit(text[i + 2]) : -1;
		if (low < 0)
			return false;
		put(ret_value, (char)(high << 4 | low));
		i += 2;
	}
	return true;
}

/* A quoted string, or everything up to the next ";"; a backslash takes the next byte as it is. */
static void take_value(const char **p, struct value *ret_value)
{
	bool is_quoted = **p == '"';

	ret_value->size = 0;
	if (is_quoted)
		(*p)++;
	for (; **p && **p != (is_quoted ? '"' : ';'); (*p)++) {
		if (**p == '\\' && (*p)[1] && (!is_quoted || strchr("\"\\", (*p)[1])))
			(*p)++;
		put(ret_value, **p);
	}
	if (is_quoted) {
		*p += **p == '"';
		*p += strcspn(*p, ";");
	}
	while (!is_quoted && ret_value->size &&
		strchr(" \t", ret_value->bytes[ret_value->size - 1]))
		ret_value->size--;
}

/* charset'language'escaped, in UTF-8 or ISO-8859-1 (RFC 8187). */
static bool decode_extended(const struct value *raw, struct value *ret_value)
{
	const char *quote = memchr(raw->bytes, '\'', raw->size), *text;
	size_t charset_size, left;
	struct value latin;

	if (!quote)
		return false;
	charset_size = (size_t)(quote - raw->bytes);
	left = raw->size - charset_size - 1;
	text = memchr(quote + 1, '\'', left);
	if (!text)
		return false;
	text++;
	left = raw->size - (size_t)(text - raw->bytes);
	if (charset_size == 5 && strncasecmp(raw->bytes, "UTF-8", 5) == 0)
		return unescape(text, left, ret_value);
	if (charset_size != 10 || strncasecmp(raw->bytes, "ISO-8859-1", 10) != 0 ||
		!unescape(text, left, &latin))
		return false;
	ret_value->size = 0;
	for (size_t i = 0; i < latin.size; i++) {
		unsigned char c = (unsigned char)latin.bytes[i];

		if (c >= 0x80)
			put(ret_value, (char)(0xc0 | c >> 6));
		put(ret_value, (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c));
	}
	return true;
}

/* filename* wins over filename; the first of each counts. */
static bool from_disposition(const char *p, struct value *ret_value)
{
	bool has_name = false, has_extended = false;
	struct value raw, extended;

	p += strcspn(p, ";");
	while (*p == ';' && !has_extended) {
		size_t name_size;
		const char *name;

		p++;
		p += strspn(p, " \t");
		name = p;
		name_size = strcspn(p, "=;");
		p += name_size;
		while (name_size && strchr(" \t", name[name_size - 1]))
			name_size--;
		if (*p != '=')
			continue;
		p++;
		p += strspn(p, " \t");
		take_value(&p, &raw);
		if (name_size == 9 && strncasecmp(name, "filename*", 9) == 0)
			has_extended = decode_extended(&raw, &extended);
		else if (name_size == 8 && strncasecmp(name, "filename", 8) == 0 && !has_name) {
			*ret_value = raw;
			has_name = true;
		}
	}
	if (has_extended)
		*ret_value = extended;
	return (has_name || has_extended) && ret_value->size > 0;
}

static bool from_path(const char *path, struct value *ret_value)
{
	size_t end = strlen(path), start;

	while (end && path[end - 1] == '/')
		end--;
	for (start = end; start && path[start - 1] != '/';)
		start--;
	if (start == end)
		return false;
	if (!unescape(path + start, end - start, ret_value)) {
		ret_value->size = 0;
		for (size_t i = start; i < end; i++)
			put(ret_value, path[i]);
	}
	return true;
}

/* Controls, line separators and what turns or hides text. */
static bool is_dropped(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || code == 0xfeff ||
		(code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
		(code >= 0x2060 && code <= 0x206f) || (code >= 0xe0000 && code <= 0xe007f);
}

/* @p: valid UTF-8. Returns its size. */
static size_t take_code(const char *p, uint32_t *ret_code)
{
	const unsigned char *u = (const unsigned char *)p;

	if (u[0] < 0x80) {
		*ret_code = u[0];
		return 1;
	}
	if (u[0] < 0xe0) {
		*ret_code = (uint32_t)(u[0] & 0x1f) << 6 | (u[1] & 0x3f);
		return 2;
	}
	if (u[0] < 0xf0) {
		*ret_code = (uint32_t)(u[0] & 0xf) << 12 | (uint32_t)(u[1] & 0x3f) << 6 |
			(u[2] & 0x3f);
		return 3;
	}
	*ret_code = (uint32_t)(u[0] & 7) << 18 | (uint32_t)(u[1] & 0x3f) << 12 |
		(uint32_t)(u[2] & 0x3f) << 6 | (u[3] & 0x3f);
	return 4;
}

/* Removes in place what may not be in a name; separators become "_". */
static void clean(char *name)
{
	char *out = name;
	size_t size, start;
	uint32_t code;

	for (const char *p = name; *p; p += size) {
		size = take_code(p, &code);
		if (is_dropped(code))
			continue;
		if (code == '/' || code == '\\' || code == 0x2044 || code == 0x2215) {
			*out++ = '_';
			continue;
		}
		memmove(out, p, size);
		out += size;
	}
	*out = 0;
	start = strspn(name, ". ");
	memmove(name, name + start, strlen(name + start) + 1);
	size = strlen(name);
	while (size && strchr(". ", name[size - 1]))
		size--;
	name[size] = 0;
}

/* "CON", "nul.txt", "COM1", "aux .c" */
static bool is_device(const char *name)
{
	static const char *const devices[] = { "AUX", "CON", "NUL", "PRN" };
	size_t size = strcspn(name, ".");

	while (size && name[size - 1] == ' ')
		size--;
	if (size == 4 && (strncasecmp(name, "COM", 3) == 0 || strncasecmp(name, "LPT", 3) == 0))
		return name[3] >= '0' && name[3] <= '9';
	for (size_t i = 0; size == 3 && i < sizeof(devices) / sizeof(devices[0]); i++) {
		if (strncasecmp(name, devices[i], 3) == 0)
			return true;
	}
	return false;
}

/* The extension with its dot; "" when there is none worth keeping. */
static const char *extension_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && dot != name && dot[1] && strlen(dot) <= EXTENSION_MAX_BYTES ? dot : "";
}

/* Writes stem and extension so that they fit, cut between characters and not behind a dot or a space. */
static void fit(const char *name, const char *extension, char ret_name[FILENAME_BYTES])
{
	size_t extension_size = strlen(extension), stem_size = strlen(name);

	if (stem_size > extension_size && strcmp(name + stem_size - extension_size, extension) == 0)
		stem_size -= extension_size;
	if (stem_size > NAME_MAX_BYTES - extension_size) {
		stem_size = NAME_MAX_BYTES - extension_size;
		while (stem_size && ((unsigned char)name[stem_size] & 0xc0) == 0x80)
			stem_size--;
		while (stem_size && strchr(". ", name[stem_size - 1]))
			stem_size--;
	}
	memmove(ret_name, name, stem_size);
	memcpy(ret_name + stem_size, extension, extension_size + 1);
}

/* False: nothing is left of it. */
static bool make_name(
	const struct value *value, const char *mime_type, char ret_name[FILENAME_BYTES])
{
	cleanup_(cleanup_free) char *text = utf8_sanitise(value->bytes, value->size);
	char extension[EXTENSION_MAX_BYTES + 1] = "";
	const char *known;

	if (!text)
		return false;
	clean(text);
	if (!text[0])
		return false;
	memcpy(extension, extension_of(text), strlen(extension_of(text)) + 1);
	known = mime_type && !extension[0] ? mime_extension(mime_type) : NULL;
	if (known && strlen(known) < EXTENSION_MAX_BYTES) {
		extension[0] = '.';
		memcpy(extension + 1, known, strlen(known) + 1);
	}
	fit(text, extension, ret_name);
	if (is_device(ret_name)) {
		/* the repaired copy has three times the room of what it was made from */
		memmove(text + 1, text, strlen(text) + 1);
		text[0] = '_';
		fit(text, extension, ret_name);
	}
	return true;
}

void filename_suggest(const char *disposition, const char *path, const char *host,
	const char *mime_type, char ret_name[FILENAME_BYTES])
{
	struct value value;

	if (disposition && from_disposition(disposition, &value) &&
		make_name(&value, mime_type, ret_name))
		return;
	if (from_path(path, &value) && make_name(&value, mime_type, ret_name))
		return;
	value.size = 0;
	for (const char *p = host; *p; p++)
		put(&value, *p);
	if (!make_name(&value, NULL, ret_name))
		memcpy(ret_name, "unknown", sizeof("unknown"));
}
