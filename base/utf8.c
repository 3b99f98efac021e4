/* SPDX-License-Identifier: MIT */
/* Decodes UTF-8 strictly and repairs or escapes what is not fit to show or send. */
#include "base/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Length of the valid sequence at p (1..4) and its code point, or 0. */
static size_t decode(const unsigned char *p, size_t left, uint32_t *ret_code)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code;
	size_t n;

	if (left == 0)
		return 0;
	if (p[0] < 0x80) {
		*ret_code = p[0];
		return 1;
	}
	n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || left < n)
		return 0;
	code = p[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < smallest[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return n;
}

bool utf8_has_controls(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	}
	return false;
}

#define HIGH_BITS UINT64_C(0x8080808080808080)

static uint64_t word_at(const char *s)
{
	uint64_t word;

	memcpy(&word, s, sizeof(word));
	return word;
}

/* How many bytes at s are plain ASCII for sure: most strings are so to their end. */
static size_t ascii_bytes(const char *s, size_t left)
{
	size_t n = 0;

	for (; n + sizeof(uint64_t) <= left; n += sizeof(uint64_t))
		if (word_at(s + n) & HIGH_BITS)
			return n;
	/* the last word overlaps the one before */
	if (n && !(word_at(s + left - sizeof(uint64_t)) & HIGH_BITS))
		return left;
	while (n < left && !(s[n] & 0x80))
		n++;
	return n;
}

bool utf8_is_valid_bytes(const char *s, size_t size)
{
	uint32_t code;

	while (size) {
		size_t n = ascii_bytes(s, size);

		if (n == 0)
			n = decode((const unsigned char *)s, size, &code);
		if (n == 0)
			return false;
		s += n;
		size -= n;
	}
	return true;
}

bool utf8_is_valid(const char *s)
{
	return utf8_is_valid_bytes(s, strlen(s));
}

char *utf8_sanitise(const void *bytes, size_t size)
{
	const unsigned char *p = bytes;
	uint32_t code;
	char *out, *o;

	if (size > (SIZE_MAX - 1) / 3)
		return NULL;
	o = out = malloc(size * 3 + 1);
	if (!out)
		return NULL;
	while (size) {
		size_t n = decode(p, size, &code);

		if (n == 0 || code == 0) {
			memcpy(o, "\xef\xbf\xbd", 3);
			o += 3;
			n = 1;
		} else {
			memcpy(o, p, n);
			o += n;
		}
		p += n;
		size -= n;
	}
	*o = 0;
	return out;
}

/* How many bytes at s are ASCII that may be shown as it is. */
static size_t plain_bytes(const char *s, size_t left)
{
	size_t n = 0;

	while (n < left && s[n] >= 0x20 && s[n] < 0x7f)
		n++;
	return n;
}

static bool is_unsafe(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x061c || code == 0x200e ||
		code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
		(code >= 0x2066 && code <= 0x2069);
}

void utf8_escape_controls(const char *s, char *buf, size_t size)
{
	size_t left = strlen(s), used = 0;

	if (!size)
		return;
	while (left) {
		size_t room = size - used - 1, n = plain_bytes(s, left < room ? left : room);
		size_t len = n;
		const char *piece = s;
		uint32_t code = ' '; /* of plain text: as good as any */
		char made[16];

		if (n == 0)
			n = len = decode((const unsigned char *)s, left, &code);
		if (n == 0) {
			len = (size_t)snprintf(made, sizeof(made), "\\x%02x", (unsigned char)*s);
			piece = made;
			n = 1;
		} else if (is_unsafe(code)) {
			len = (size_t)snprintf(
				made, sizeof(made), code < 0x100 ? "\\x%02x" : "\\u{%04x}", code);
			piece = made;
		}
		if (len > room)
			break;
		memcpy(buf + used, piece, len);
		used += len;
		s += n;
		left -= n;
	}
	buf[used] = 0;
}
