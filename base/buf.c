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

int buf_reserve(struct buf *buf, size_t size)
{
	size_t need, room = buf->room_bytes ? buf->room_bytes : 128;
	char *grown;

	if (__builtin_add_overflow(buf->size_bytes, size, &need) || need >= SIZE_MAX / 2)
		return err_raise(-EMSGSIZE);
	if (buf->max_bytes && need > buf->max_bytes)
		return -EMSGSIZE;
	if (buf->bytes && need < buf->room_bytes)
		return 0;
	while (room < need + 1)
		room *= 2;
	grown = realloc(buf->bytes, room);
	if (!grown)
		return err_raise(-ENOMEM);
	if (!buf->bytes)
		grown[0] = 0;
	buf->bytes = grown;
	buf->room_bytes = room;
	return 0;
}

int buf_extend(struct buf *buf, size_t size, char **ret_bytes)
{
	int r = buf_reserve(buf, size);

	if (r)
		return r;
	*ret_bytes = buf->bytes + buf->size_bytes;
	buf->size_bytes += size;
	buf->bytes[buf->size_bytes] = 0;
	return 0;
}

int buf_append(struct buf *buf, const void *bytes, size_t size)
{
	char *to;
	int r = buf_extend(buf, size, &to);

	if (!r && size)
		memcpy(to, bytes, size);
	return r;
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
