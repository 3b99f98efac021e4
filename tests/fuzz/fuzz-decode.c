/* SPDX-License-Identifier: MIT */
/*
 * A coded body: one line of Content-Encoding, then what a server may send. In one piece or byte by
 * byte, into much room or little, it is the same body or the same refusal.
 */
#include <stdbool.h>

#include "engine/decode.h"
#include "tests/fuzz/fuzz.h"

#define BODY_MAX_BYTES ((size_t)4 << 20)

struct pieces {
	const uint8_t *data;
	size_t size;
	size_t piece, room;
};

/* Made once: making room of this size for each run takes most of the time, under AddressSanitizer above all. */
static uint8_t room_of_one[BODY_MAX_BYTES], room_of_two[BODY_MAX_BYTES];

struct body {
	uint8_t *bytes;
	size_t size;
	int code;
};

static void decode(const char *field, struct pieces in, struct body *body)
{
	struct decode *d = NULL;
	bool is_full = false;

	FUZZ_MUST(decode_new(field, &d) == 0);
	while (!body->code && (in.size || is_full) && body->size + in.room <= BODY_MAX_BYTES) {
		struct decode_io io = {
			.in = in.data,
			.in_bytes = in.size < in.piece ? in.size : in.piece,
			.out = body->bytes + body->size,
			.room_bytes = in.room,
		};

		body->code = decode_step(d, &io);
		FUZZ_MUST(io.used_bytes <= io.in_bytes && io.made_bytes <= in.room);
		is_full = io.made_bytes == in.room;
		FUZZ_MUST(body->code || is_full || io.used_bytes == io.in_bytes);
		in.data += io.used_bytes;
		in.size -= io.used_bytes;
		body->size += io.made_bytes;
	}
	if (!body->code)
		body->code = decode_end(d);
	FUZZ_MUST(body->code == 0 || body->code == DECODE_E_BAD);
	FUZZ_MUST(!body->code == !decode_why(d));
	decode_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *field = fuzz_line(&data, &size);
	struct decode *d = NULL;
	struct body one = { .bytes = room_of_one }, two = { .bytes = room_of_two };
	int r;

	if (!field)
		return 0;
	r = decode_new(field, &d);
	FUZZ_MUST(r == 0 || r == DECODE_E_UNKNOWN);
	FUZZ_MUST((!r && !d) == decode_is_identity(field) || r);
	if (d) {
		decode_free(d);
		decode(field, (struct pieces){ data, size, 1 << 20, 1 << 16 }, &one);
		decode(field, (struct pieces){ data, size, 1, 1 << 12 }, &two);
		/* the bound on growth is looked at after each step, so it may be met a little earlier or later */
		FUZZ_MUST(one.code || two.code || one.size == two.size);
		FUZZ_MUST(!memcmp(one.bytes, two.bytes, one.size < two.size ? one.size : two.size));
	}
	free(field);
	return 0;
}
