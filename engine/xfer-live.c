/* SPDX-License-Identifier: MIT */
/*
 * Attempts of sessions in memory: a body that somebody reads as it comes, and why libcurl waits.
 *
 * What was received and cannot be handed on is kept (rest, at most one buffer of libcurl's), and
 * then libcurl waits till the reader has taken it. What is told of an answer is put off for as long
 * as its end may still say it all in one go (response_due_us), but RESPONSE always comes before DATA.
 */
#include "engine/xfer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/decode.h"
#include "engine/multi.h"
#include "engine/outlet.h"
#include "engine/post.h"
#include "engine/worker.h"

static bool is_flow(const struct xfer *x)
{
	return x->spec.live.body == ENGINE_BODY_FLOW;
}

/* Who has read so far does not want any more: it ends as if it had been stopped. */
static void give_up(struct xfer *x)
{
	if (x->fault.code)
		return;
	x->is_stopped = true;
	xfer_fault(x, TRANSFER_ERROR_CANCELLED, NULL);
}

/* ---- telling ---- */

static struct post *post_data(struct xfer *x)
{
	struct post *p = post_new(ENGINE_EVENT_DATA, x->key.task, (uint32_t)x->key.attempt);

	if (!p)
		xfer_fault_memory(x);
	return p;
}

/* fd: taken over. */
static void tell_data(struct xfer *x, int fd_take, bool is_whole)
{
	struct post *p;

	if (x->is_response_due)
		xfer_post_response(x);
	p = post_data(x);
	if (!p) {
		close(fd_take);
		return;
	}
	p->event.live.data_fd = fd_take;
	p->event.live.data_is_whole = is_whole;
	x->live.is_told = true;
	xfer_post(x, p);
}

/* In a message. */
static void attach(struct xfer *x, struct engine_event_live *event, const struct outlet_end *end)
{
	void *copy = malloc(end->n_bytes);

	if (!copy) {
		xfer_fault_memory(x);
		return;
	}
	event->body = memcpy(copy, end->bytes, end->n_bytes);
	event->n_body = end->n_bytes;
}

static void tell_bytes(struct xfer *x, const struct outlet_end *end)
{
	struct post *p = post_data(x);

	if (!p)
		return;
	attach(x, &p->event.live, end);
	if (p->event.live.body)
		xfer_post(x, p);
	else
		post_free(p);
}

static void tell_stalled(struct xfer *x, bool is_stalled)
{
	struct post *p;

	if (x->live.is_stall_told == is_stalled)
		return;
	p = post_new(ENGINE_EVENT_STALLED, x->key.task, (uint32_t)x->key.attempt);
	/* without memory it keeps its place */
	if (!p)
		return;
	p->event.live.is_stalled = is_stalled;
	x->live.is_stall_told = is_stalled;
	xfer_post(x, p);
}

/* ---- the reader ---- */

static void on_room(struct xfer *x);

/* The worker waits for room as long as something waits for it. */
static void watch(struct xfer *x)
{
	struct outlet *o = x->live.outlet;

	if (!outlet_stalled_since_us(o)) {
		x->live.outlet_watch = worker_watch_free(x->live.outlet_watch);
		return;
	}
	worker_due_sooner(x->env->owner, outlet_stalled_since_us(o) + ENGINE_STALL_US);
	if (x->live.outlet_watch)
		return;
	x->live.outlet_watch = worker_watch_new(x->env->owner, x, outlet_fd(o), true, on_room);
	if (!x->live.outlet_watch)
		xfer_fault_memory(x);
}

/*
 * A stream that must not be paused brings more than may be kept: what nobody has heard of, and may be asked for twice, comes
 * anew over HTTP/1.1, where it can wait.
 */
static bool change_protocol(struct xfer *x)
{
	if (!x->spec.live.is_retry_safe || x->live.is_told || x->upload.is_wanted)
		return false;
	x->is_http1_only = true;
	x->next = XFER_NEXT_AGAIN;
	x->body = XFER_BODY_DROP;
	x->is_response_due = false;
	x->received_bytes = 0;
	x->network_bytes = 0;
	x->live.is_decode_behind = false;
	x->live.outlet = outlet_free(x->live.outlet);
	return true;
}

static void fail(struct xfer *x, int r)
{
	if (r == OUTLET_E_GONE)
		give_up(x);
	else if (r == OUTLET_E_TOO_LONG && change_protocol(x))
		return;
	else if (r == OUTLET_E_TOO_LONG)
		xfer_fault(x, TRANSFER_ERROR_DATA_LENGTH_EXCEEDS_MAXIMUM,
			"the body is too long to be kept");
	else
		xfer_fault_file(x, FAULT_FILE_WRITE, r);
}

/* From now on it flows. Not 0: it cannot yet, or a fault was noted. */
static int open_flow(struct xfer *x)
{
	int fd = -1;
	int r = outlet_open_flow(x->live.outlet, &fd);

	if (r == -EMFILE || r == -ENFILE) {
		x->receive_pause |= XFER_PAUSE_FILE;
		return OUTLET_E_FULL; /* the worker's tick tries again */
	}
	if (r) {
		fail(x, r);
		return r;
	}
	tell_data(x, fd, false);
	watch(x);
	return x->fault.code ? -ENOMEM : 0;
}

/* 0: the next bytes will be taken. OUTLET_E_FULL: libcurl has to wait. Else a fault was noted. */
static int make_room(struct xfer *x)
{
	struct outlet *o = x->live.outlet;
	int r = outlet_due_us(o) ? 0 : open_flow(x);

	if (r)
		return r;
	r = outlet_stalled_since_us(o) ? outlet_flush(o) : 0;
	if (r == OUTLET_E_FULL) {
		x->receive_pause |= XFER_PAUSE_READER;
		watch(x);
	} else if (r) {
		fail(x, r);
	}
	return r;
}

/* At the end of a turn. */
static void flush(struct xfer *x)
{
	int r = outlet_flush(x->live.outlet);

	if (r && r != OUTLET_E_FULL)
		fail(x, r);
	else
		watch(x);
}

/* It flows, and something is kept that nothing waits with. */
static bool is_flush_due(const struct xfer *x)
{
	const struct outlet *o = x->live.outlet;

	return outlet_has_flow(o) && outlet_has_kept(o) && !x->live.outlet_watch;
}

static int deliver(struct xfer *x, const char *bytes, size_t n)
{
	struct outlet *o = x->live.outlet;
	int r = outlet_write(o, bytes, n, clock_now_us());
	uint64_t due_us;

	if (r) {
		fail(x, r);
		return r;
	}
	x->received_bytes += n;
	due_us = outlet_due_us(o);
	if (!due_us)
		return open_flow(x) == OUTLET_E_FULL || !x->fault.code ? 0 : -ENOMEM;
	if (outlet_stalled_since_us(o))
		watch(x);
	else if (is_flush_due(x))
		due_us = 0;
	worker_due_sooner(x->env->owner, due_us);
	return x->fault.code ? -ENOMEM : 0;
}

/* ---- what libcurl hands on ---- */

int xfer_live_put(struct xfer *xfer, const char *bytes, size_t n)
{
	int r = make_room(xfer);

	return r ? r : deliver(xfer, bytes, n);
}

static int take_coded(struct xfer *x, const char *bytes, size_t n, size_t *used)
{
	char out[DECODE_BUFFER_BYTES];
	struct decode_io io = { .out = out, .room_bytes = sizeof(out) };
	int r;

	do {
		r = x->live.multipart ? xfer_part_put_rest(x) : make_room(x);
		if (r)
			return r;
		io.in = bytes + *used;
		io.in_bytes = n - *used;
		r = xfer_decode_some(x, &io);
		if (r)
			return r;
		*used += io.used_bytes;
		x->live.is_decode_behind = io.made_bytes == io.room_bytes;
		if (io.made_bytes)
			r = x->live.multipart ? xfer_part_put_decoded(x, out, io.made_bytes)
					      : deliver(x, out, io.made_bytes);
	} while (!r && (*used < n || x->live.is_decode_behind));
	return r;
}

/* As much as its reader has room for. 0: all; OUTLET_E_FULL: used says; else a fault was noted. */
static int take(struct xfer *x, const char *bytes, size_t n, size_t *used)
{
	int r;

	if (x->decode)
		return take_coded(x, bytes, n, used);
	if (x->live.multipart)
		return xfer_part_put(x, bytes, n, used);
	r = xfer_live_put(x, bytes, n);
	if (!r)
		*used = n;
	return r;
}

static int keep_rest(struct xfer *x, const char *bytes, size_t n)
{
	int r = n ? buf_append(&x->live.rest, bytes, n) : 0;

	if (r)
		xfer_fault_memory(x);
	return r;
}

size_t xfer_live_receive(struct xfer *xfer, const char *bytes, size_t n)
{
	size_t used = 0;
	int r = xfer->live.is_late ? OUTLET_E_FULL : take(xfer, bytes, n, &used);

	if (r && r != OUTLET_E_FULL)
		return 0;
	if (r && !used && !xfer->live.is_late && !xfer->decode)
		return CURL_WRITEFUNC_PAUSE;
	xfer->network_bytes += n;
	return r && keep_rest(xfer, bytes + used, n - used) ? 0 : n;
}

/* What was left over comes first. */
static void take_rest(struct xfer *x)
{
	struct buf rest = x->live.rest;
	size_t used = 0;
	int r;

	x->live.rest = (struct buf){ 0 };
	if (!x->live.outlet) {
		(void)xfer_body_keep(x, rest.bytes, rest.size_bytes);
		buf_done(&rest);
		return;
	}
	r = take(x, rest.bytes ? rest.bytes : "", rest.size_bytes, &used);
	if (r == OUTLET_E_FULL && used < rest.size_bytes)
		(void)keep_rest(x, rest.bytes + used, rest.size_bytes - used);
	buf_done(&rest);
}

void xfer_live_begin_body(struct xfer *xfer)
{
	const struct outlet_spec spec = {
		.collects = !is_flow(xfer),
		.must_not_wait = xfer->is_http2 && !xfer_request_can_pause_http2(),
	};

	assert(!xfer->live.outlet);
	if (spec.collects && spec.must_not_wait &&
		xfer->total_bytes > (int64_t)OUTLET_COLLECT_MAX_BYTES && change_protocol(xfer))
		return;
	xfer->live.outlet = outlet_new(&spec);
	if (is_flow(xfer))
		xfer_part_begin(xfer);
	if (!xfer->live.outlet)
		xfer_fault_memory(xfer);
	else if (xfer->live.multipart)
		xfer_note_response(xfer);
	else if (xfer->spec.live.asks & ENGINE_ASK_RESPONSE)
		xfer_live_ask_response(xfer);
	else
		xfer_live_put_off_response(xfer);
}

void xfer_live_put_off_response(struct xfer *xfer)
{
	/* who wants the whole hears of it with the whole */
	bool can_wait = xfer->spec.live.body == ENGINE_BODY_COLLECT;

	xfer->is_response_due = true;
	xfer->live.response_due_us = can_wait ? UINT64_MAX : clock_now_us() + ENGINE_GATHER_US;
	xfer_note_response(xfer);
	if (!can_wait)
		worker_due_sooner(xfer->env->owner, xfer->live.response_due_us);
}

/* ---- the end ---- */

/* 0, and end is what was never told; OUTLET_E_FULL: its reader is behind; else a fault was noted. */
static int end_outlet(struct xfer *x, struct outlet_end *end)
{
	struct outlet *o = x->live.outlet;
	int r = outlet_due_us(o) ? 0 : open_flow(x);

	if (r && r != OUTLET_E_FULL)
		return r;
	if (!r) {
		/* closed when it is empty, and nobody may watch it then */
		x->live.outlet_watch = worker_watch_free(x->live.outlet_watch);
		r = outlet_end(o, end);
	}
	if (r == OUTLET_E_FULL) {
		if (outlet_has_flow(o))
			x->receive_pause |= XFER_PAUSE_READER;
		watch(x);
		return x->fault.code ? -ENOMEM : r;
	}
	if (r)
		fail(x, r);
	return r;
}

int xfer_live_end_part(struct xfer *xfer)
{
	struct outlet_end end = { .memfd = -1 };
	int r = end_outlet(xfer, &end);

	if (!r && end.bytes)
		tell_bytes(xfer, &end);
	return xfer->fault.code ? -ENOMEM : r;
}

bool xfer_live_end(struct xfer *xfer)
{
	struct outlet_end end = { .memfd = -1 };
	int r = 0;

	if (!xfer->live.outlet)
		return false;
	if (xfer->live.multipart)
		r = xfer_part_finish(xfer);
	if (!r)
		r = end_outlet(xfer, &end);
	if (r)
		return r == OUTLET_E_FULL;
	if (end.memfd >= 0)
		tell_data(xfer, end.memfd, true);
	else if (end.bytes)
		attach(xfer, &xfer->done->event.live, &end);
	return false;
}

void xfer_live_fill_done(struct xfer *xfer, struct engine_event *done)
{
	done->live.was_told = xfer->live.is_told;
}

/* It is not what is left that was wrong, or what is done with it. */
static bool is_rest_good(const struct xfer *x)
{
	return x->fault.code != TRANSFER_ERROR_CANNOT_DECODE_RAW_DATA &&
		x->fault.code != TRANSFER_ERROR_CANNOT_PARSE_RESPONSE &&
		x->fault.code != TRANSFER_ERROR_CANNOT_CREATE_FILE;
}

static bool has_more(const struct xfer *x)
{
	return x->live.rest.size_bytes || x->live.is_decode_behind ||
		x->live.part_rest.size_bytes || x->live.is_part_behind;
}

static bool has_late_bytes(const struct xfer *x)
{
	return outlet_has_kept(x->live.outlet) || has_more(x) ||
		(x->easy && x->receive_pause & XFER_PAUSE_READER) ||
		(x->live.multipart && is_rest_good(x));
}

bool xfer_live_is_late(struct xfer *xfer)
{
	struct xfer_live *live = &xfer->live;

	if (live->is_late) {
		/* the first thing that went wrong is the cause */
		if (!xfer->is_stopped) {
			xfer->fault = live->late;
			xfer->is_retryable = live->is_late_retryable && !live->is_told;
		}
		return false;
	}
	if (!live->outlet || !is_flow(xfer) || xfer->is_over || !xfer->fault.code ||
		xfer->is_stopped || xfer->fault.code == TRANSFER_ERROR_CANCELLED ||
		live->question != XFER_QUESTION_NONE || !has_late_bytes(xfer))
		return false;
	if (!is_rest_good(xfer)) {
		buf_done(&live->rest);
		xfer_part_done(xfer);
		live->is_decode_behind = false;
		live->is_part_behind = false;
	}
	live->is_late = true;
	live->is_late_retryable = xfer->is_retryable;
	live->late = xfer->fault;
	xfer->fault = (struct transfer_result){ 0 };
	xfer->receive_pause = 0;
	xfer->send_pause = 0;
	/* what libcurl has kept meanwhile comes now */
	if (xfer->easy && !xfer->is_end_held)
		(void)curl_easy_pause(xfer->easy, CURLPAUSE_CONT);
	xfer->is_end_held = true;
	xfer->end_code = CURLE_OK;
	return true;
}

void xfer_live_done(struct xfer *xfer)
{
	xfer->live.outlet_watch = worker_watch_free(xfer->live.outlet_watch);
	xfer->live.outlet = outlet_free(xfer->live.outlet);
	xfer_part_done(xfer);
	xfer->decode = decode_free(xfer->decode);
	buf_done(&xfer->live.rest);
	buf_done(&xfer->live.aside);
}

/* ---- going on ---- */

/* There is room in the pipe again. */
static void on_room(struct xfer *x)
{
	struct outlet *o = x->live.outlet;
	int r;

	/* closed when it is empty, and nobody may watch it then */
	if (x->is_end_held || x->live.is_part_behind)
		x->live.outlet_watch = worker_watch_free(x->live.outlet_watch);
	tell_stalled(x, false);
	r = outlet_flush(o);
	if (r && r != OUTLET_E_FULL)
		fail(x, r);
	if (x->fault.code)
		xfer_finish(x);
	else if (!r)
		xfer_go_on(x, XFER_PAUSE_READER, 0);
	if (x->state < XFER_STATE_FINISH)
		watch(x);
}

bool xfer_is_waiting(const struct xfer *xfer)
{
	return xfer->receive_pause || (xfer->send_pause & ~(unsigned)XFER_PAUSE_INLET) ||
		xfer_live_sets_aside(xfer);
}

static void unpause(struct xfer *x)
{
	int still = (x->receive_pause ? CURLPAUSE_RECV : CURLPAUSE_RECV_CONT) |
		(x->send_pause ? CURLPAUSE_SEND : CURLPAUSE_SEND_CONT);
	CURLcode code = curl_easy_pause(x->easy, still);

	if (code || x->fault.code) {
		xfer_fault_curl(x, code);
		xfer_finish(x);
		return;
	}
	multi_kick(x->pool->multi);
}

void xfer_go_on(struct xfer *xfer, unsigned receive, unsigned send)
{
	bool is_over = !(xfer->receive_pause & receive) && !(xfer->send_pause & send);

	xfer->receive_pause &= ~receive;
	xfer->send_pause &= ~send;
	if (!is_over)
		xfer_live_resume(xfer);
}

void xfer_live_resume(struct xfer *xfer)
{
	if (xfer->state >= XFER_STATE_FINISH)
		return;
	if (!xfer->fault.code && !xfer->receive_pause && has_more(xfer))
		take_rest(xfer);
	if (xfer->fault.code)
		xfer_finish(xfer);
	else if (xfer->is_end_held && !xfer_is_waiting(xfer))
		xfer_on_end(xfer, xfer->end_code);
	else if (xfer->easy && !xfer->is_end_held)
		unpause(xfer);
}

uint64_t xfer_live_due_us(const struct xfer *xfer)
{
	const struct outlet *o = xfer->live.outlet;
	uint64_t due_us = xfer->is_response_due ? xfer->live.response_due_us : UINT64_MAX;
	uint64_t other_us;

	if (!o)
		return due_us;
	if (is_flush_due(xfer))
		return 0;
	other_us = xfer->receive_pause & XFER_PAUSE_FILE ? UINT64_MAX : outlet_due_us(o);
	if (other_us < due_us)
		due_us = other_us;
	other_us = outlet_stalled_since_us(o);
	if (other_us && !xfer->live.is_stall_told && other_us + ENGINE_STALL_US < due_us)
		due_us = other_us + ENGINE_STALL_US;
	return due_us;
}

void xfer_live_tick(struct xfer *xfer, uint64_t now_us)
{
	const struct outlet *o = xfer->live.outlet;

	if (xfer->is_response_due && xfer->live.response_due_us <= now_us)
		xfer_post_response(xfer);
	if (!o)
		return;
	if (!(xfer->receive_pause & XFER_PAUSE_FILE) && outlet_due_us(o) <= now_us)
		(void)open_flow(xfer);
	if (is_flush_due(xfer))
		flush(xfer);
	if (outlet_stalled_since_us(o) && outlet_stalled_since_us(o) + ENGINE_STALL_US <= now_us)
		tell_stalled(xfer, true);
}
