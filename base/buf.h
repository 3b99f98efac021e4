/* SPDX-License-Identifier: MIT */
/* A byte buffer with a bound: appending past it is -EMSGSIZE, never silent growth. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>

struct buf {
	char *bytes; /* NUL-terminated when not NULL; the NUL is not counted in size_bytes */
	size_t size_bytes;
	size_t room_bytes;
	size_t max_bytes; /* 0: no bound */
};

/* Room for so many more bytes and no more: what is appended next does not grow it step by step. */
int buf_reserve(struct buf *buf, size_t size);
/* So many bytes more, for the caller to write at once. */
int buf_extend(struct buf *buf, size_t size, char **ret_bytes);
int buf_append(struct buf *buf, const void *bytes, size_t size);
int buf_append_str(struct buf *buf, const char *s);
int buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Hands the bytes to the caller (free()), leaves the buffer empty; "" is allocated for an empty one; NULL: no memory. */
char *buf_take(struct buf *buf);
void buf_done(struct buf *buf);

#endif
