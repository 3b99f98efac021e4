/* SPDX-License-Identifier: MIT */
/*
 * A chain of stages, one per coding, the outermost (named last) first. Each reads from the buffer
 * before it and writes into the next; the first reads the caller's bytes, the last writes into the
 * caller's room. A step moves bytes until no stage can go on, which is when the input is used up or
 * the room is.
 *
 * What each stage has made is held against what came from the wire: a few bytes cannot become
 * without bound, neither in the file nor on the way to it.
 */
#include "engine/decode.h"

#include <assert.h>
#include <brotli/decode.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/cleanup.h"
#include "base/err.h"

/* RFC 9659: what a zstd decoder for HTTP has to offer, and no more */
#define ZSTD_WINDOW_LOG_MAX 23
#define WINDOW_BITS_GZIP    (15 + 16)
#define WINDOW_BITS_ZLIB    15
#define WINDOW_BITS_RAW     (-15)

enum coding { CODING_IDENTITY, CODING_GZIP, CODING_DEFLATE, CODING_BROTLI, CODING_ZSTD };

struct stage {
	enum coding coding;
	z_stream z;
	BrotliDecoderState *brotli;
	ZSTD_DStream *zstd;
	bool has_z; /* z is initialised */
	bool is_full; /* stopped for lack of room, holds more */
	bool is_ended; /* is at an end marker */
	uint8_t start[2]; /* deflate: which of the two formats it is */
	size_t start_bytes;
	uint64_t made_bytes;

	/* what is to be decoded; not used by the first stage */
	uint8_t *buffer;
	size_t from, to;
};

struct decode {
	struct stage stages[DECODE_CODINGS_MAX];
	size_t n_stages;
	uint64_t taken_bytes;
	const char *why;
	int failed;
};

/* A piece of input and a piece of room; both move on. */
struct piece {
	const uint8_t *in;
	size_t in_bytes;
	uint8_t *out;
	size_t room_bytes;
};

static const struct {
	const char *name;
	enum coding coding;
} names[] = {
	{ "identity", CODING_IDENTITY },
	{ "gzip", CODING_GZIP },
	{ "x-gzip", CODING_GZIP },
	{ "deflate", CODING_DEFLATE },
	{ "br", CODING_BROTLI },
	{ "zstd", CODING_ZSTD },
};

/* The next member of the list, *at moves behind it; false: there is none. */
static bool next_name(const char **at, const char **ret_name, size_t *ret_size)
{
	const char *p = *at;
	size_t n;

	p += strspn(p, " \t,");
	n = strcspn(p, " \t,");
	*at = p + n;
	*ret_name = p;
	*ret_size = n;
	return n > 0;
}

static bool find_coding(const char *name, size_t size, enum coding *ret_coding)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i].name) == size && !strncasecmp(names[i].name, name, size)) {
			*ret_coding = names[i].coding;
			return true;
		}
	}
	return false;
}

bool decode_is_identity(const char *content_encoding)
{
	enum coding coding;
	const char *name;
	size_t size;

	if (!content_encoding)
		return true;
	while (next_name(&content_encoding, &name, &size)) {
		if (!find_coding(name, size, &coding) || coding != CODING_IDENTITY)
			return false;
	}
	return true;
}

/* In the order in which they were applied; 0 or DECODE_E_UNKNOWN. */
static int parse(const char *value, enum coding *codings, size_t *ret_n)
{
	size_t n = 0, n_wide = 0, size;
	const char *name;
	enum coding coding;

	if (strlen(value) > DECODE_VALUE_MAX_BYTES)
		return DECODE_E_UNKNOWN;
	while (next_name(&value, &name, &size)) {
		if (!find_coding(name, size, &coding))
			return DECODE_E_UNKNOWN;
		if (coding == CODING_IDENTITY)
			continue;
		if (coding == CODING_BROTLI || coding == CODING_ZSTD)
			n_wide++;
		if (n == DECODE_CODINGS_MAX || n_wide > 1)
			return DECODE_E_UNKNOWN;
		codings[n++] = coding;
	}
	*ret_n = n;
	return 0;
}

static int start_zlib(struct stage *stage, int window_bits)
{
	if (inflateInit2(&stage->z, window_bits) != Z_OK)
		return err_raise(-ENOMEM);
	stage->has_z = true;
	return 0;
}

static int start_stage(struct stage *stage, enum coding coding, bool is_first)
{
	stage->coding = coding;
	if (!is_first) {
		stage->buffer = malloc(DECODE_BUFFER_BYTES);
		if (!stage->buffer)
			return err_raise(-ENOMEM);
	}
	switch (coding) {
	case CODING_IDENTITY:
	case CODING_DEFLATE: /* starts with its first bytes */
		return 0;
	case CODING_GZIP:
		return start_zlib(stage, WINDOW_BITS_GZIP);
	case CODING_BROTLI:
		stage->brotli = BrotliDecoderCreateInstance(NULL, NULL, NULL);
		return stage->brotli ? 0 : err_raise(-ENOMEM);
	case CODING_ZSTD:
		stage->zstd = ZSTD_createDStream();
		if (!stage->zstd)
			return err_raise(-ENOMEM);
		ZSTD_DCtx_setParameter(stage->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
		return 0;
	}
	assert(false);
	return -EINVAL;
}

static void decode_freep(struct decode **decode)
{
	decode_free(*decode);
}

int decode_new(const char *content_encoding, struct decode **ret_decode)
{
	cleanup_(decode_freep) struct decode *d = NULL;
	enum coding codings[DECODE_CODINGS_MAX];
	size_t n = 0;
	int r = content_encoding ? parse(content_encoding, codings, &n) : 0;

	if (r)
		return r;
	if (!n) {
		*ret_decode = NULL;
		return 0;
	}
	d = calloc(1, sizeof(*d));
	if (!d)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < n; i++) {
		d->n_stages = i + 1;
		r = start_stage(&d->stages[i], codings[n - 1 - i], i == 0);
		if (r)
			return r;
	}
	*ret_decode = take_ptr(d);
	return 0;
}

struct decode *decode_free(struct decode *decode)
{
	if (!decode)
		return NULL;
	for (size_t i = 0; i < decode->n_stages; i++) {
		struct stage *s = &decode->stages[i];

		if (s->has_z)
			inflateEnd(&s->z);
		if (s->brotli)
			BrotliDecoderDestroyInstance(s->brotli);
		ZSTD_freeDStream(s->zstd);
		free(s->buffer);
	}
	free(decode);
	return NULL;
}

static int bad(struct decode *d, const char *why)
{
	d->why = why;
	return DECODE_E_BAD;
}

/* The first two bytes of zlib's format, which no encoder of the bare one begins with. */
static bool is_zlib(const uint8_t start[2])
{
	return (start[0] & 0x0f) == Z_DEFLATED && (start[0] << 8 | start[1]) % 31 == 0;
}

static unsigned clip(size_t size)
{
	return size > UINT32_MAX ? UINT32_MAX : (unsigned)size;
}

static int run_zlib(struct decode *d, struct stage *s, struct piece *p)
{
	unsigned in = clip(p->in_bytes), room = clip(p->room_bytes);
	int r;

	/* another member */
	if (s->is_ended) {
		if (s->coding != CODING_GZIP)
			return bad(d, "bytes behind the end of the content coding");
		if (inflateReset(&s->z) != Z_OK)
			return bad(d, "the content coding is damaged");
		s->is_ended = false;
	}
	s->z.next_in = (Bytef *)(uintptr_t)p->in;
	s->z.avail_in = in;
	s->z.next_out = p->out;
	s->z.avail_out = room;
	r = inflate(&s->z, Z_NO_FLUSH);
	p->in += in - s->z.avail_in;
	p->in_bytes -= in - s->z.avail_in;
	p->out += room - s->z.avail_out;
	p->room_bytes -= room - s->z.avail_out;
	switch (r) {
	case Z_STREAM_END:
		s->is_ended = true;
		return 0;
	case Z_OK:
	case Z_BUF_ERROR: /* nothing to read or no room */
		return 0;
	case Z_MEM_ERROR:
		return err_raise(-ENOMEM);
	}
	return bad(d, "the content coding is damaged");
}

/* Waits for two bytes to tell the formats apart, then hands them on. */
static int run_deflate(struct decode *d, struct stage *s, struct piece *p)
{
	struct piece start = { s->start, sizeof(s->start), p->out, p->room_bytes };
	int r;

	if (s->has_z)
		return run_zlib(d, s, p);
	while (p->in_bytes && s->start_bytes < sizeof(s->start)) {
		s->start[s->start_bytes++] = *p->in++;
		p->in_bytes--;
	}
	if (s->start_bytes < sizeof(s->start))
		return 0;
	r = start_zlib(s, is_zlib(s->start) ? WINDOW_BITS_ZLIB : WINDOW_BITS_RAW);
	if (r)
		return r;
	/* zlib takes two bytes whatever the room is, or has found an end before them */
	r = run_zlib(d, s, &start);
	if (!r && start.in_bytes)
		return bad(d, "bytes behind the end of the content coding");
	p->out = start.out;
	p->room_bytes = start.room_bytes;
	return r;
}

static int run_brotli(struct decode *d, struct stage *s, struct piece *p)
{
	BrotliDecoderErrorCode code;

	if (s->is_ended)
		return bad(d, "bytes behind the end of the content coding");
	switch (BrotliDecoderDecompressStream(
		s->brotli, &p->in_bytes, &p->in, &p->room_bytes, &p->out, NULL)) {
	case BROTLI_DECODER_RESULT_SUCCESS:
		s->is_ended = true;
		return 0;
	case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
	case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
		return 0;
	case BROTLI_DECODER_RESULT_ERROR:
		break;
	}
	code = BrotliDecoderGetErrorCode(s->brotli);
	if (code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
		code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES)
		return err_raise(-ENOMEM);
	return bad(d, "the content coding is damaged");
}

static int run_zstd(struct decode *d, struct stage *s, struct piece *p)
{
	ZSTD_inBuffer in = { p->in, p->in_bytes, 0 };
	ZSTD_outBuffer out = { p->out, p->room_bytes, 0 };
	size_t left = ZSTD_decompressStream(s->zstd, &out, &in);

	if (ZSTD_isError(left) && ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation)
		return err_raise(-ENOMEM);
	if (ZSTD_isError(left) &&
		ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge)
		return bad(d, "the content coding asks for too much memory");
	if (ZSTD_isError(left))
		return bad(d, "the content coding is damaged");
	s->is_ended = left == 0;
	p->in += in.pos;
	p->in_bytes -= in.pos;
	p->out += out.pos;
	p->room_bytes -= out.pos;
	return 0;
}

static int run_coding(struct decode *d, struct stage *s, struct piece *p)
{
	switch (s->coding) {
	case CODING_IDENTITY:
		return 0;
	case CODING_GZIP:
		return run_zlib(d, s, p);
	case CODING_DEFLATE:
		return run_deflate(d, s, p);
	case CODING_BROTLI:
		return run_brotli(d, s, p);
	case CODING_ZSTD:
		return run_zstd(d, s, p);
	}
	assert(false);
	return -EINVAL;
}

/* One stage, once. Without input only what it still holds comes out. */
static int run(struct decode *d, struct stage *s, struct piece *p, bool *ret_moved)
{
	size_t in_bytes = p->in_bytes, room_bytes = p->room_bytes;
	int r;

	if (!p->room_bytes || (!p->in_bytes && !s->is_full))
		return 0;
	r = run_coding(d, s, p);
	if (r)
		return r;
	s->is_full = !p->room_bytes && !s->is_ended;
	s->made_bytes += room_bytes - p->room_bytes;
	*ret_moved = *ret_moved || p->in_bytes != in_bytes || p->room_bytes != room_bytes;
	return 0;
}

static bool is_too_much(const struct decode *d, const struct stage *s)
{
	return s->made_bytes > DECODE_RATIO_FREE_BYTES &&
		s->made_bytes / DECODE_RATIO_MAX > d->taken_bytes;
}

/* What the stage reads from, and where it writes to. */
static struct piece piece_of(struct decode *d, size_t i, const struct decode_io *io)
{
	struct stage *s = &d->stages[i], *next = s + 1;
	struct piece p = { 0 };

	if (i == 0) {
		p.in = (const uint8_t *)io->in + io->used_bytes;
		p.in_bytes = io->in_bytes - io->used_bytes;
	} else {
		p.in = s->buffer + s->from;
		p.in_bytes = s->to - s->from;
	}
	if (i + 1 == d->n_stages) {
		p.out = (uint8_t *)io->out + io->made_bytes;
		p.room_bytes = io->room_bytes - io->made_bytes;
		return p;
	}
	if (next->from == next->to)
		next->from = next->to = 0;
	p.out = next->buffer + next->to;
	p.room_bytes = DECODE_BUFFER_BYTES - next->to;
	return p;
}

static int pass(struct decode *d, struct decode_io *io, bool *ret_moved)
{
	for (size_t i = 0; i < d->n_stages; i++) {
		struct stage *s = &d->stages[i];
		const struct piece before = piece_of(d, i, io);
		struct piece p = before;
		int r = run(d, s, &p, ret_moved);

		if (r)
			return r;
		if (i == 0) {
			io->used_bytes += before.in_bytes - p.in_bytes;
			d->taken_bytes += before.in_bytes - p.in_bytes;
		} else {
			s->from += before.in_bytes - p.in_bytes;
		}
		if (i + 1 == d->n_stages)
			io->made_bytes += before.room_bytes - p.room_bytes;
		else
			s[1].to += before.room_bytes - p.room_bytes;
		if (is_too_much(d, s))
			return bad(d, "the body grows too much when it is decoded");
	}
	return 0;
}

int decode_step(struct decode *decode, struct decode_io *io)
{
	bool has_moved = true;

	io->used_bytes = 0;
	io->made_bytes = 0;
	while (has_moved && !decode->failed) {
		has_moved = false;
		decode->failed = pass(decode, io, &has_moved);
	}
	return decode->failed;
}

int decode_end(struct decode *decode)
{
	if (decode->failed)
		return decode->failed;
	for (size_t i = 0; i < decode->n_stages; i++) {
		const struct stage *s = &decode->stages[i];

		if (!s->is_ended || s->from != s->to)
			decode->failed = bad(decode, "the content coding ends too early");
	}
	return decode->failed;
}

const char *decode_why(const struct decode *decode)
{
	return decode->why;
}
