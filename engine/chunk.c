/* SPDX-License-Identifier: MIT */
/* One state a byte, except in chunk data, which is skipped in one step. */
#include "engine/chunk.h"

enum chunk_step {
	CHUNK_STEP_SIZE,
	CHUNK_STEP_EXTENSION,
	CHUNK_STEP_SIZE_LF,
	CHUNK_STEP_DATA,
	CHUNK_STEP_DATA_CR,
	CHUNK_STEP_DATA_LF,
	CHUNK_STEP_TRAILER_START,
	CHUNK_STEP_TRAILER,
	CHUNK_STEP_TRAILER_LF,
	CHUNK_STEP_LAST_LF,
	CHUNK_STEP_END,
	CHUNK_STEP_BAD,
};

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static enum chunk_step after_size(struct chunk *k, char c)
{
	int value = digit(c);

	if (value >= 0) {
		if (k->left_bytes >> 59)
			return CHUNK_STEP_BAD;
		k->left_bytes = k->left_bytes << 4 | (unsigned)value;
		/* zeros in front are legal, without end they are not */
		return ++k->n_digits > 16 ? CHUNK_STEP_BAD : CHUNK_STEP_SIZE;
	}
	if (!k->n_digits)
		return CHUNK_STEP_BAD;
	k->n_digits = 0;
	if (c == ';')
		return CHUNK_STEP_EXTENSION;
	return c == '\r' ? CHUNK_STEP_SIZE_LF : CHUNK_STEP_BAD;
}

static enum chunk_step after_extension(struct chunk *k, char c)
{
	if (c == '\r')
		return CHUNK_STEP_SIZE_LF;
	if (c == '\n' || !c || ++k->extension_bytes > CHUNK_EXTENSIONS_MAX_BYTES)
		return CHUNK_STEP_BAD;
	return CHUNK_STEP_EXTENSION;
}

static enum chunk_step after_trailer(struct chunk *k, char c)
{
	if (c == '\r') {
		k->line_bytes = 0;
		return CHUNK_STEP_TRAILER_LF;
	}
	if (c == '\n' || !c || ++k->trailer_bytes > CHUNK_TRAILERS_MAX_BYTES ||
		++k->line_bytes > CHUNK_TRAILER_LINE_MAX_BYTES)
		return CHUNK_STEP_BAD;
	return CHUNK_STEP_TRAILER;
}

static enum chunk_step after(struct chunk *k, char c)
{
	switch ((enum chunk_step)k->step) {
	case CHUNK_STEP_SIZE:
		return after_size(k, c);
	case CHUNK_STEP_EXTENSION:
		return after_extension(k, c);
	case CHUNK_STEP_SIZE_LF:
		if (c != '\n')
			return CHUNK_STEP_BAD;
		return k->left_bytes ? CHUNK_STEP_DATA : CHUNK_STEP_TRAILER_START;
	case CHUNK_STEP_DATA_CR:
		return c == '\r' ? CHUNK_STEP_DATA_LF : CHUNK_STEP_BAD;
	case CHUNK_STEP_DATA_LF:
		return c == '\n' ? CHUNK_STEP_SIZE : CHUNK_STEP_BAD;
	case CHUNK_STEP_TRAILER_START:
		return c == '\r' ? CHUNK_STEP_LAST_LF : after_trailer(k, c);
	case CHUNK_STEP_TRAILER:
		return after_trailer(k, c);
	case CHUNK_STEP_TRAILER_LF:
		return c == '\n' ? CHUNK_STEP_TRAILER_START : CHUNK_STEP_BAD;
	case CHUNK_STEP_LAST_LF:
		return c == '\n' ? CHUNK_STEP_END : CHUNK_STEP_BAD;
	case CHUNK_STEP_DATA:
	case CHUNK_STEP_END:
	case CHUNK_STEP_BAD:
		break;
	}
	return CHUNK_STEP_BAD;
}

int chunk_feed(struct chunk *chunk, const char *bytes, size_t size)
{
	while (size && chunk->step != CHUNK_STEP_END && chunk->step != CHUNK_STEP_BAD) {
		if (chunk->step == CHUNK_STEP_DATA) {
			size_t n = chunk->left_bytes < size ? (size_t)chunk->left_bytes : size;

			bytes += n;
			size -= n;
			chunk->left_bytes -= n;
			if (!chunk->left_bytes)
				chunk->step = CHUNK_STEP_DATA_CR;
			continue;
		}
		chunk->step = (int)after(chunk, *bytes);
		bytes++;
		size--;
	}
	if (chunk->step == CHUNK_STEP_BAD)
		return CHUNK_E_BAD;
	return size ? CHUNK_E_EXCESS : 0;
}
