/* SPDX-License-Identifier: MIT */
/*
 * An answer of several parts, each of which takes the place of the one before (multipart/x-mixed-replace): to who reads it as
 * it comes, each part is an answer of its own, and the whole is none. Where a part is asked about, or its reader is behind at
 * its end, the bytes after it wait.
 */
#include "engine/xfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/multipart.h"
#include "engine/outlet.h"
#include "engine/post.h"

/* what the sink says to the parser, besides -errno after a fault was noted */
enum { PART_E_WAIT = MULTIPART_E_BAD + 1 };

static int on_begin(const struct head *fields, void *user)
{
	struct xfer *x = user;
	bool is_asked = x->spec.live.asks & ENGINE_ASK_RESPONSE;
	struct post *p;

	p = xfer_post_new_part(
		x, is_asked ? ENGINE_EVENT_ASK_RESPONSE : ENGINE_EVENT_RESPONSE, fields);
	if (!p)
		return -ENOMEM;
	/* the end says nothing that was not told: the last part is the answer */
	x->done->event.response = NULL;
	x->live.is_told = true;
	if (!is_asked) {
		xfer_post(x, p);
		return 0;
	}
	xfer_live_ask_take(x, p);
	return PART_E_WAIT;
}

static int translate(int r)
{
	return r == OUTLET_E_FULL ? PART_E_WAIT : r ? -EIO : 0;
}

static int on_body(const void *bytes, size_t size, void *user)
{
	return translate(xfer_live_put(user, bytes, size));
}

static int on_end(void *user)
{
	return translate(xfer_live_end_part(user));
}

void xfer_part_begin(struct xfer *xfer)
{
	const struct multipart_sink sink = {
		.begin = on_begin,
		.body = on_body,
		.end = on_end,
		.user = xfer,
	};

	if (!xfer_has_no_body(xfer))
		xfer->live.multipart = multipart_new(xfer->head.content_type, &sink);
	if (xfer->live.multipart)
		xfer->total_bytes = TRANSFER_SIZE_UNKNOWN;
}

static int judge(struct xfer *x, int r)
{
	x->live.is_part_behind = r == PART_E_WAIT;
	if (r == PART_E_WAIT)
		return OUTLET_E_FULL;
	if (r == MULTIPART_E_BAD)
		xfer_fault(x, TRANSFER_ERROR_CANNOT_PARSE_RESPONSE, "a part's header fields");
	else if (r)
		xfer_fault_memory(x);
	return r ? -EIO : 0;
}

int xfer_part_put(struct xfer *xfer, const char *bytes, size_t n, size_t *ret_used)
{
	return judge(xfer, multipart_feed(xfer->live.multipart, bytes, n, ret_used));
}

int xfer_part_put_decoded(struct xfer *xfer, const char *bytes, size_t n)
{
	size_t used = 0;
	int r = xfer_part_put(xfer, bytes, n, &used);

	if (r != OUTLET_E_FULL || used == n)
		return r;
	if (!buf_append(&xfer->live.part_rest, bytes + used, n - used))
		return r;
	xfer_fault_memory(xfer);
	return -ENOMEM;
}

int xfer_part_put_rest(struct xfer *xfer)
{
	struct buf rest = xfer->live.part_rest;
	int r;

	if (!rest.size_bytes && !xfer->live.is_part_behind)
		return 0;
	xfer->live.part_rest = (struct buf){ 0 };
	r = xfer_part_put_decoded(xfer, rest.bytes ? rest.bytes : "", rest.size_bytes);
	buf_done(&rest);
	return r;
}

int xfer_part_finish(struct xfer *xfer)
{
	return judge(xfer, multipart_finish(xfer->live.multipart));
}

void xfer_part_done(struct xfer *xfer)
{
	xfer->live.multipart = multipart_free(xfer->live.multipart);
	buf_done(&xfer->live.part_rest);
}
