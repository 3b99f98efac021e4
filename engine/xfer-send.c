/* SPDX-License-Identifier: MIT */
/*
 * The body of the request: where it comes from, and what libcurl is given of it. As in xfer-body.c,
 * nothing that libcurl calls adds, removes or frees a handle, and no option is set.
 *
 * A file and bytes can be sent again from their start. A stream is read once: when it is needed
 * again, and something of it has gone, the caller is asked for another one, and the attempt waits in
 * PREPARE. Nothing of a stream is kept for that.
 */
#include "engine/xfer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/inlet.h"
#include "engine/post.h"
#include "engine/source.h"
#include "engine/worker.h"

static enum engine_source source_of(const struct xfer *x)
{
	return x->spec.live.is_live ? x->spec.live.source : ENGINE_SOURCE_FILE;
}

/* ---- a stream, and another one ---- */

static void exhausted(struct xfer *x, const char *detail)
{
	xfer_fault(x, TRANSFER_ERROR_REQUEST_BODY_STREAM_EXHAUSTED, detail);
}

static void stop_waiting(struct xfer *x)
{
	x->live.inlet_watch = worker_watch_free(x->live.inlet_watch);
	x->send_pause &= ~(unsigned)XFER_PAUSE_INLET;
}

static void drop_inlet(struct xfer *x)
{
	stop_waiting(x);
	x->live.inlet = inlet_free(x->live.inlet);
}

static void ask(struct xfer *x, enum engine_body_reason reason)
{
	struct post *p;

	if (!(x->spec.live.asks & ENGINE_ASK_BODY)) {
		exhausted(x, "the body was read once, and is needed again");
		return;
	}
	p = post_new(ENGINE_EVENT_ASK_BODY, x->key.task, (uint32_t)x->key.attempt);
	if (!p) {
		xfer_fault_memory(x);
		return;
	}
	x->live.question = XFER_QUESTION_BODY;
	x->live.body_reason = reason;
	p->event.live.reason = reason;
	xfer_post(x, p);
}

static void open_inlet(struct xfer *x, int fd_take, int64_t length)
{
	int r = inlet_open(fd_take, length, &x->live.inlet);

	if (r == INLET_E_REFUSED)
		exhausted(x, "what should be read is no stream");
	else if (r)
		xfer_fault_file(x, FAULT_FILE_READ_SOURCE, r);
}

int xfer_send_open(struct xfer *xfer)
{
	int fd;

	/* who has no legs sends all of it */
	if (xfer->source)
		xfer->upload.end_bytes = source_size_bytes(xfer->source);
	if (source_of(xfer) != ENGINE_SOURCE_STREAM)
		return 0;
	fd = take_fd(&xfer->spec.source_fd);
	if (fd >= 0)
		open_inlet(xfer, fd, xfer->spec.live.source_length);
	else
		ask(xfer, ENGINE_BODY_REASON_START);
	return xfer->fault.code ? -EIO : 0;
}

void xfer_send_rewind(struct xfer *xfer, enum engine_body_reason reason)
{
	/* what the request before waited for this one does not */
	stop_waiting(xfer);
	if (!xfer->has_body || xfer->fault.code)
		return;
	switch (source_of(xfer)) {
	case ENGINE_SOURCE_FILE:
		source_seek(xfer->source, xfer->upload.base_bytes);
		break;
	case ENGINE_SOURCE_NONE:
		break;
	case ENGINE_SOURCE_BYTES:
		xfer->live.bytes_offset = 0;
		break;
	case ENGINE_SOURCE_STREAM:
		if (xfer_send_is_waiting(xfer) || !inlet_read_bytes(xfer->live.inlet))
			break;
		drop_inlet(xfer);
		ask(xfer, reason);
		break;
	}
}

bool xfer_send_is_waiting(const struct xfer *xfer)
{
	return xfer->live.question == XFER_QUESTION_BODY;
}

void xfer_send_answer_body(struct xfer *xfer, int fd_take, int64_t length)
{
	cleanup_(cleanup_close) int fd = fd_take;

	if (!xfer_send_is_waiting(xfer) || xfer->state != XFER_STATE_PREPARE)
		return;
	xfer->live.question = XFER_QUESTION_NONE;
	if (fd < 0)
		exhausted(xfer, "there is no body");
	else
		open_inlet(xfer, take_fd(&fd), length);
	xfer_request_go(xfer);
}

void xfer_send_close(struct xfer *xfer)
{
	drop_inlet(xfer);
}

int64_t xfer_send_length(const struct xfer *xfer)
{
	if (!xfer->has_body)
		return 0;
	switch (source_of(xfer)) {
	case ENGINE_SOURCE_FILE:
		return (int64_t)(xfer->upload.end_bytes - xfer->upload.base_bytes);
	case ENGINE_SOURCE_NONE:
		return 0;
	case ENGINE_SOURCE_BYTES:
		return (int64_t)xfer->spec.live.n_source_bytes;
	case ENGINE_SOURCE_STREAM:
		return xfer->live.inlet ? inlet_length(xfer->live.inlet)
					: xfer->spec.live.source_length;
	}
	return 0;
}

uint64_t xfer_send_count(const struct xfer *xfer)
{
	curl_off_t sent = 0;
	uint64_t read_bytes;

	if (!xfer->has_body || !xfer->easy ||
		curl_easy_getinfo(xfer->easy, CURLINFO_SIZE_UPLOAD_T, &sent) || sent < 0)
		return 0;
	read_bytes = xfer->live.inlet ? inlet_read_bytes(xfer->live.inlet) : UINT64_MAX;
	return (uint64_t)sent < read_bytes ? (uint64_t)sent : read_bytes;
}

bool xfer_send_is_over(const struct xfer *xfer)
{
	int64_t length = xfer_send_length(xfer);

	return !xfer->has_body || xfer->live.is_body_over ||
		(length >= 0 && xfer_send_count(xfer) == (uint64_t)length);
}

/* ---- what libcurl is given ---- */

/*
 * The last bytes go only if the file is still the same: the server never gets a whole request of
 * mixed content.
 */
static size_t send_file(struct xfer *x, char *bytes, size_t n)
{
	size_t got = 0;
	int r;

	if (n > x->upload.end_bytes - source_offset_bytes(x->source))
		n = (size_t)(x->upload.end_bytes - source_offset_bytes(x->source));
	r = source_read(x->source, bytes, n, &got);
	if (!r && source_offset_bytes(x->source) == source_size_bytes(x->source))
		r = source_check(x->source);
	if (r == SOURCE_E_CHANGED)
		xfer_fault(x, TRANSFER_ERROR_SOURCE_CHANGED, NULL);
	else if (r)
		xfer_fault_file(x, FAULT_FILE_READ_SOURCE, r);
	return r ? CURL_READFUNC_ABORT : got;
}

static size_t send_bytes(struct xfer *x, char *bytes, size_t n)
{
	const struct engine_spec_live *live = &x->spec.live;

	if (n > live->n_source_bytes - x->live.bytes_offset)
		n = live->n_source_bytes - (size_t)x->live.bytes_offset;
	if (n)
		memcpy(bytes, (const char *)live->source_bytes + x->live.bytes_offset, n);
	x->live.bytes_offset += n;
	return n;
}

/* Nothing there yet: libcurl waits, and we for the descriptor. */
static size_t wait_for_stream(struct xfer *x)
{
	if (!x->live.inlet_watch)
		x->live.inlet_watch = worker_watch_new(
			x->env->owner, x, inlet_fd(x->live.inlet), false, xfer_send_on_readable);
	if (!x->live.inlet_watch) {
		xfer_fault_memory(x);
		return CURL_READFUNC_ABORT;
	}
	x->send_pause |= XFER_PAUSE_INLET;
	return CURL_READFUNC_PAUSE;
}

/* A stream that breaks off breaks the request off: the connection is cut, so it never looks whole. */
static size_t send_stream(struct xfer *x, char *bytes, size_t n)
{
	size_t got = 0;
	int r = inlet_read(x->live.inlet, bytes, n, &got);

	if (!r)
		return got;
	if (r == INLET_E_EMPTY)
		return wait_for_stream(x);
	if (r == INLET_E_SHORT)
		exhausted(x, "the body ended too early");
	else
		xfer_fault_file(x, FAULT_FILE_READ_SOURCE, r);
	return CURL_READFUNC_ABORT;
}

void xfer_send_on_readable(struct xfer *xfer)
{
	xfer->live.inlet_watch = worker_watch_free(xfer->live.inlet_watch);
	xfer_go_on(xfer, 0, XFER_PAUSE_INLET);
}

static size_t send_some(struct xfer *x, char *bytes, size_t n)
{
	switch (source_of(x)) {
	case ENGINE_SOURCE_FILE:
		return send_file(x, bytes, n);
	case ENGINE_SOURCE_NONE:
		return 0;
	case ENGINE_SOURCE_BYTES:
		return send_bytes(x, bytes, n);
	case ENGINE_SOURCE_STREAM:
		return send_stream(x, bytes, n);
	}
	return CURL_READFUNC_ABORT;
}

size_t xfer_send_on_send(char *bytes, size_t one, size_t n, void *user)
{
	struct xfer *x = user;
	size_t got;

	(void)one;
	if (x->send_pause & XFER_PAUSE_HELD)
		return CURL_READFUNC_PAUSE;
	if (xfer_time_is_limited(x)) {
		uint64_t room_bytes = xfer_time_room_bytes(x, clock_now_us());

		if (!room_bytes) {
			x->send_pause |= XFER_PAUSE_RATE;
			x->was_paced = true;
			return CURL_READFUNC_PAUSE;
		}
		if (n > room_bytes)
			n = (size_t)room_bytes;
	}
	got = send_some(x, bytes, n);
	if (got == CURL_READFUNC_PAUSE || got == CURL_READFUNC_ABORT)
		return got;
	x->live.metrics.sent_us = clock_now_us();
	x->live.is_body_over = !got;
	xfer_time_take(x, got);
	return got;
}

int xfer_send_on_seek(void *user, curl_off_t offset, int origin)
{
	struct xfer *x = user;

	if (offset || origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	switch (source_of(x)) {
	case ENGINE_SOURCE_FILE:
		source_seek(x->source, x->upload.base_bytes);
		break;
	case ENGINE_SOURCE_NONE:
		break;
	case ENGINE_SOURCE_BYTES:
		x->live.bytes_offset = 0;
		break;
	case ENGINE_SOURCE_STREAM:
		if (inlet_read_bytes(x->live.inlet))
			return CURL_SEEKFUNC_CANTSEEK;
		break;
	}
	return CURL_SEEKFUNC_OK;
}

bool xfer_send_ends_with_head(const struct xfer *xfer)
{
	return xfer->has_body && xfer->head.is_complete && !strcmp(xfer->method, "HEAD");
}
