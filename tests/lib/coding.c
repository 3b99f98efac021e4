/* SPDX-License-Identifier: MIT */
/* Whole bodies in memory; each coding by its own library. */
#include "tests/lib/coding.h"

#include <brotli/encode.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

static int by_zlib(int window_bits, const void *in, size_t size, struct coding_bytes *ret)
{
	z_stream z = { 0 };
	uLong bound;
	int r;

	if (deflateInit2(&z, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	bound = deflateBound(&z, size);
	ret->bytes = malloc(bound);
	z.next_in = (Bytef *)(uintptr_t)in;
	z.avail_in = (uInt)size;
	z.next_out = (Bytef *)ret->bytes;
	z.avail_out = (uInt)bound;
	r = ret->bytes && deflate(&z, Z_FINISH) == Z_STREAM_END ? 0 : -ENOMEM;
	ret->size = z.total_out;
	deflateEnd(&z);
	return r;
}

static int gzip(const void *in, size_t size, struct coding_bytes *ret)
{
	return by_zlib(15 + 16, in, size, ret);
}

static int zlib(const void *in, size_t size, struct coding_bytes *ret)
{
	return by_zlib(15, in, size, ret);
}

static int raw(const void *in, size_t size, struct coding_bytes *ret)
{
	return by_zlib(-15, in, size, ret);
}

static int brotli(const void *in, size_t size, struct coding_bytes *ret)
{
	ret->size = BrotliEncoderMaxCompressedSize(size);
	ret->bytes = malloc(ret->size);
	if (!ret->bytes)
		return -ENOMEM;
	return BrotliEncoderCompress(
		       5, 22, BROTLI_MODE_GENERIC, size, in, &ret->size, (uint8_t *)ret->bytes)
		? 0
		: -EIO;
}

static int zstd(const void *in, size_t size, struct coding_bytes *ret)
{
	size_t bound = ZSTD_compressBound(size);

	ret->bytes = malloc(bound);
	if (!ret->bytes)
		return -ENOMEM;
	ret->size = ZSTD_compress(ret->bytes, bound, in, size, 3);
	return ZSTD_isError(ret->size) ? -EIO : 0;
}

static const struct {
	const char *name, *field;
	int (*encode)(const void *in, size_t size, struct coding_bytes *ret);
} codings[] = {
	{ "gzip", "gzip", gzip },
	{ "x-gzip", "x-gzip", gzip },
	{ "deflate", "deflate", zlib },
	{ "raw", "deflate", raw },
	{ "br", "br", brotli },
	{ "zstd", "zstd", zstd },
};

#define N_CODINGS (sizeof(codings) / sizeof(codings[0]))

/* N_CODINGS: unknown */
static size_t find(const char *name, size_t size)
{
	size_t i = 0;

	while (i < N_CODINGS &&
		(strlen(codings[i].name) != size || memcmp(codings[i].name, name, size) != 0))
		i++;
	return i;
}

int coding_encode(const char *names, const void *in, size_t size, struct coding_bytes *ret)
{
	struct coding_bytes last = { NULL, 0 };

	while (*names) {
		size_t n = strcspn(names, ","), i = find(names, n);
		struct coding_bytes next = { NULL, 0 };
		int r = i < N_CODINGS ? codings[i].encode(in, size, &next) : -EINVAL;

		free(last.bytes);
		if (r) {
			free(next.bytes);
			return r;
		}
		last = next;
		in = last.bytes;
		size = last.size;
		names += n + (names[n] == ',');
	}
	*ret = last;
	return last.bytes ? 0 : -EINVAL;
}

char *coding_field(const char *names)
{
	char *field = calloc(1, strlen(names) * 2 + 16), *end = field;

	while (field && *names) {
		size_t n = strcspn(names, ","), i = find(names, n);

		if (i < N_CODINGS)
			end = stpcpy(stpcpy(end, end > field ? ", " : ""), codings[i].field);
		names += n + (names[n] == ',');
	}
	return field;
}
