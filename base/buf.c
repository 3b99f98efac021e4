/* SPDX-License-Identifier: MIT */
/* Grows by doubling up to its bound, unless it is told how much comes. */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"

/* More than is needed now: who appends goes on appending. */
static size_t doubled(size_t room, size_t need)
{
	room = room ? room : 128;
	while (room < need)
		room *= 2;
	return room;
}

static int make_room(struct buf *buf, size_t size, bool doubles)
{
	size_t need, room;
	char *grown;

	if (__builtin_add_overflow(buf->size_bytes, size, &need) || need >= SIZE_MAX / 2)
		return err_raise(-EMSGSIZE);
	if (buf->max_bytes && need > buf->max_bytes)
		return -EMSGSIZE;
	if (buf->bytes && need < buf->room_bytes)
		return 0;
	room = doubles ? doubled(buf->room_bytes, need + 1) : need + 1;
	grown = realloc(buf->bytes, room);
	if (!grown)
		return err_raise(-ENOMEM);
	if (!buf->bytes)
		grown[0] = 0;
	buf->bytes = grown;
	buf->room_bytes = room;
	return 0;
}

int buf_reserve(struct buf *buf, size_t size)
{
	return make_room(buf, size, false);
}

int buf_extend(struct buf *buf, size_t size, char **ret_bytes)
{
	int r = make_room(buf, size, true);

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
