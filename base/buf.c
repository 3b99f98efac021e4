/* SPDX-License-Identifier: MIT */
/* Grows by doubling up to its bound. */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"

int buf_append(struct buf *buf, const void *bytes, size_t size)
{
	size_t need, room = buf->room_bytes ? buf->room_bytes : 128;
	char *grown;

	if (__builtin_add_overflow(buf->size_bytes, size, &need) || need >= SIZE_MAX / 2)
		return err_raise(-EMSGSIZE);
	if (buf->max_bytes && need > buf->max_bytes)
		return -EMSGSIZE;
	if (!buf->bytes || need + 1 > buf->room_bytes) {
		while (room < need + 1)
			room *= 2;
		grown = realloc(buf->bytes, room);
		if (!grown)
			return err_raise(-ENOMEM);
		buf->bytes = grown;
		buf->room_bytes = room;
	}
	if (size)
		memcpy(buf->bytes + buf->size_bytes, bytes, size);
	buf->size_bytes = need;
	buf->bytes[need] = 0;
	return 0;
}

int buf_append_str(struct buf *buf, const char *s)
{
	return buf_append(buf, s, strlen(s));
}

int buf_printf(struct buf *buf, const char *format, ...)
{
	cleanup_(cleanup_free) char *text = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0) {
		text = NULL;
		return err_raise(-ENOMEM);
	}
	return buf_append(buf, text, (size_t)n);
}

char *buf_take(struct buf *buf)
{
	char *bytes;

	if (!buf->bytes && buf_append(buf, "", 0))
		return NULL;
	bytes = buf->bytes;
	*buf = (struct buf){ .max_bytes = buf->max_bytes };
	return bytes;
}

void buf_done(struct buf *buf)
{
	free(buf->bytes);
	*buf = (struct buf){ .max_bytes = buf->max_bytes };
}
