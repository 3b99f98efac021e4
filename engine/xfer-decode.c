/* SPDX-License-Identifier: MIT */
/*
 * Answers whose body is coded, although identity was asked for (or because the caller asked for more).
 * The file is what the coding says: its length is not known before its end, a digest is of the decoded
 * bytes, and nothing of it is ever continued, for a range is one of the coded bytes. A plain body does
 * not come this way.
 */
#include "engine/decode.h"
#include "engine/xfer.h"

void xfer_decode_start(struct xfer *xfer)
{
	int r;

	xfer->decode = decode_free(xfer->decode);
	if (xfer_has_no_body(xfer))
		return;
	r = decode_new(xfer->head.content_encoding, &xfer->decode);
	if (r == DECODE_E_UNKNOWN)
		xfer_fault(xfer, TRANSFER_ERROR_CANNOT_DECODE_CONTENT_DATA, NULL);
	else if (r)
		xfer_fault_memory(xfer);
	if (xfer->decode)
		xfer->total_bytes = TRANSFER_SIZE_UNKNOWN;
}

static void note(struct xfer *x, int r)
{
	if (r == DECODE_E_BAD)
		xfer_fault(x, TRANSFER_ERROR_CANNOT_DECODE_RAW_DATA, decode_why(x->decode));
	else if (r)
		xfer_fault_memory(x);
}

int xfer_decode_some(struct xfer *xfer, struct decode_io *io)
{
	int r = decode_step(xfer->decode, io);

	note(xfer, r);
	return r;
}

int xfer_decode_put(struct xfer *xfer, const char *bytes, size_t size, xfer_put_fn put)
{
	char out[DECODE_BUFFER_BYTES];
	struct decode_io io = {
		.in = bytes,
		.in_bytes = size,
		.out = out,
		.room_bytes = sizeof(out),
	};
	int r;

	do {
		r = decode_step(xfer->decode, &io);
		note(xfer, r);
		if (!r && io.made_bytes)
			r = put(xfer, out, io.made_bytes);
		io.in = (const char *)io.in + io.used_bytes;
		io.in_bytes -= io.used_bytes;
	} while (!r && io.made_bytes == io.room_bytes);
	return r;
}

/*
 * Servers name a coding for what is empty and send no byte of it. All clients take that for a body
 * of no bytes. So is it here where the framing says that this is all of it; a connection that just
 * ended says nothing.
 */
static bool is_nothing(const struct xfer *x)
{
	if (x->network_bytes)
		return false;
	return x->spec.kind != TRANSFER_TASK_DOWNLOAD || x->is_http2 || x->head.is_chunked ||
		x->head.content_length_bytes == 0;
}

void xfer_decode_end(struct xfer *xfer)
{
	if (xfer->decode && !is_nothing(xfer))
		note(xfer, decode_end(xfer->decode));
}
