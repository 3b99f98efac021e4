/* SPDX-License-Identifier: MIT */
/*
 * Everything about an attempt that depends on time, looked at by the worker's tick: connect, idle
 * and resource limits, the throughput floor, progress and checkpoints, and the rate limits'
 * buckets. Only payload counts as movement: neither header bytes nor interim answers nor chunk
 * extensions keep an attempt alive.
 */
#include "engine/xfer.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "engine/sink.h"

#define TIME_CONNECT_US  (UINT64_C(60) * 1000 * 1000)
/* a little under a quarter of a second, so that a tick that comes early still reports */
#define TIME_PROGRESS_US (UINT64_C(240) * 1000)

static bool is_download(const struct xfer *x)
{
	return x->spec.kind == TRANSFER_TASK_DOWNLOAD;
}

static struct bucket *shared_bucket(const struct xfer *x)
{
	return x->spec.kind != TRANSFER_TASK_UPLOAD ? &x->env->download : &x->env->upload;
}

bool xfer_time_is_limited(const struct xfer *xfer)
{
	return bucket_is_limited(&xfer->bucket) || bucket_is_limited(shared_bucket(xfer));
}

uint64_t xfer_time_room_bytes(struct xfer *xfer, uint64_t now_us)
{
	uint64_t own_bytes = bucket_room_bytes(&xfer->bucket, now_us);
	uint64_t shared_bytes = bucket_room_bytes(shared_bucket(xfer), now_us);

	return own_bytes < shared_bytes ? own_bytes : shared_bytes;
}

void xfer_time_take(struct xfer *xfer, uint64_t bytes)
{
	bucket_take(&xfer->bucket, bytes);
	bucket_take(shared_bucket(xfer), bytes);
}

void xfer_set_rate(struct xfer *xfer, uint64_t max_rate_bps)
{
	xfer->spec.max_rate_bps = max_rate_bps; /* it may not have begun */
	bucket_set_rate(&xfer->bucket, max_rate_bps, clock_now_us());
}

void xfer_unpause(struct xfer *xfer, uint64_t now_us)
{
	if (xfer_is_paced(xfer) && xfer_time_room_bytes(xfer, now_us))
		xfer_go_on(xfer, XFER_PAUSE_RATE | XFER_PAUSE_FILE, XFER_PAUSE_RATE);
}

/* Sent bytes count when they leave the socket's buffer, not when libcurl takes them from us. */
static void note_sent(struct xfer *x)
{
	curl_off_t sent = 0;
	int waiting = 0;

	if (!x->has_body || !x->easy)
		return;
	if (curl_easy_getinfo(x->easy, CURLINFO_SIZE_UPLOAD_T, &sent))
		return;
	x->sent_bytes = x->upload.base_bytes + xfer_send_count(x);
	if (x->socket_fd >= 0 && ioctl(x->socket_fd, SIOCOUTQ, &waiting))
		waiting = 0;
	if ((uint64_t)sent - (uint64_t)waiting == x->left_socket_bytes)
		return;
	x->left_socket_bytes = (uint64_t)sent - (uint64_t)waiting;
	x->has_moved = true;
	x->moved_us = clock_now_us();
}

static void note_movement(struct xfer *x, uint64_t now_us)
{
	note_sent(x);
	if (x->has_moved)
		x->pool->moved_us = now_us;
	/* of a live one xfer_body_on_receive() says it exactly */
	if ((x->has_moved && !x->spec.live.is_live) || x->is_held || xfer_is_paused(x))
		x->moved_us = now_us;
	x->has_moved = false;
}

static void restart_floor(struct xfer *x, uint64_t now_us)
{
	x->floor_us = now_us;
	x->floor_bytes = x->network_bytes + x->sent_bytes;
	x->was_paced = false;
}

bool xfer_is_at_rest(const struct xfer *xfer)
{
	/* who has more to send seldom has an answer yet: its first line ends the rest */
	bool receives = !xfer->receive_pause && xfer->live.question == XFER_QUESTION_NONE &&
		!(xfer->send_pause & XFER_PAUSE_INLET && xfer->state < XFER_STATE_BODY);
	bool sends = xfer->easy && !xfer->send_pause && !xfer->is_end_held &&
		!xfer_send_is_over(xfer);

	if (xfer->wait != XFER_WAIT_NONE)
		return true;
	return xfer->spec.live.is_live && xfer->state < XFER_STATE_FINISH && !receives && !sends &&
		!xfer_is_paced(xfer) && !xfer->fault.code && (!xfer->easy || xfer->is_connected) &&
		xfer->progress_bytes == xfer->network_bytes + xfer->sent_bytes;
}

void xfer_wake(struct xfer *xfer)
{
	xfer->is_at_rest = false;
	xfer->moved_us = clock_now_us();
	restart_floor(xfer, xfer->moved_us);
}

static bool is_over(uint64_t since_us, uint64_t limit_us, uint64_t now_us)
{
	return now_us > since_us && now_us - since_us >= limit_us;
}

void xfer_time_hold(struct xfer *xfer, bool is_held)
{
	uint64_t boot_us = clock_now().boot_us;

	if (is_held == (xfer->live.held_boot_us != 0))
		return;
	if (!is_held && xfer->spec.deadline_boot_us)
		xfer->spec.deadline_boot_us += boot_us - xfer->live.held_boot_us;
	xfer->live.held_boot_us = is_held ? boot_us : 0;
}

/* There is a limit of the whole, and it runs. */
static bool has_deadline(const struct xfer *x)
{
	return x->spec.deadline_boot_us && !x->live.is_late && !x->live.held_boot_us;
}

/* When it has been idle for too long, if nothing comes till then. */
static uint64_t idle_due_us(const struct xfer *x)
{
	uint64_t limit_us = x->spec.idle_timeout_us, since_us = x->phase_us;

	if (x->is_connected)
		return x->moved_us + limit_us;
	if (x->is_connecting)
		return since_us + (limit_us < TIME_CONNECT_US ? limit_us : TIME_CONNECT_US);
	/* waits for one of the connections to its host, and those move */
	if (x->pool->moved_us > since_us)
		since_us = x->pool->moved_us;
	return since_us + limit_us;
}

/* The whole request has gone, and nothing of the answer counts yet: the idle limit is for that. */
static bool waits_for_answer(const struct xfer *x)
{
	return x->state < XFER_STATE_BODY && xfer_send_is_over(x);
}

static bool is_below_floor(struct xfer *x, uint64_t now_us)
{
	uint64_t bytes = x->network_bytes + x->sent_bytes - x->floor_bytes;

	if (!x->spec.floor_bps || !x->spec.floor_window_us || !x->is_connected)
		return false;
	/* our own limit has held it up, or our own wait; a limit that it never reached makes nothing slow */
	if (x->was_paced || x->is_held || xfer_is_paused(x) || waits_for_answer(x)) {
		restart_floor(x, now_us);
		return false;
	}
	if (!is_over(x->floor_us, x->spec.floor_window_us, now_us))
		return false;
	restart_floor(x, now_us);
	return bytes < x->spec.floor_bps * (x->spec.floor_window_us / CLOCK_US_PER_MS) / 1000;
}

/* True: its time is up, fault says how. */
static bool is_overdue(struct xfer *x, const struct clock_now *now)
{
	if (has_deadline(x) && now->boot_us >= x->spec.deadline_boot_us) {
		xfer_fault(x, TRANSFER_ERROR_TIMED_OUT, "the time for the whole transfer is up");
		x->is_retryable = false;
	} else if (!x->easy || x->live.is_late) {
		return false;
	} else if (now->now_us >= idle_due_us(x)) {
		xfer_fault(x, TRANSFER_ERROR_TIMED_OUT,
			x->is_connected ? "no data for too long" : "no connection in time");
	} else if (is_below_floor(x, now->now_us)) {
		xfer_fault(x, TRANSFER_ERROR_TIMED_OUT, "slower than the least rate");
	}
	return x->fault.code != 0;
}

static void report(struct xfer *x, uint64_t now_us)
{
	uint64_t bytes;

	if (x->is_progress_out || !is_over(x->progress_us, TIME_PROGRESS_US, now_us))
		return;
	bytes = x->network_bytes + x->sent_bytes;
	if (bytes == x->progress_bytes)
		return;
	x->progress_us = now_us;
	x->progress_bytes = bytes;
	x->is_progress_out = true;
	xfer_post_simple(x, ENGINE_EVENT_PROGRESS);
}

void xfer_on_progress_seen(struct xfer *xfer)
{
	xfer->is_progress_out = false;
}

static void checkpoint(struct xfer *x, uint64_t now_us)
{
	if (!is_download(x) || x->is_held)
		return;
	/* what was gathered before the stream stood still */
	if (sink_flush(x->sink))
		return; /* the next write says so too */
	if (!is_over(x->checkpoint_us, x->spec.checkpoint_us, now_us))
		return;
	x->checkpoint_us = now_us;
	xfer_disk_checkpoint(x);
}

/*
 * A limit was set while the body comes over a stream that must not be paused: go on over
 * HTTP/1.1.
 */
static bool must_change_protocol(const struct xfer *x)
{
	return x->is_http2 && x->body == XFER_BODY_KEEP && is_download(x) && !x->is_held &&
		xfer_time_is_limited(x) && !xfer_request_can_pause_http2();
}

uint64_t xfer_due_us(const struct xfer *xfer, const struct clock_now *now)
{
	uint64_t due_us, left_us;

	if (xfer->wait != XFER_WAIT_NONE || xfer->state >= XFER_STATE_FINISH)
		return UINT64_MAX;
	due_us = xfer_live_due_us(xfer);
	if (xfer->easy && !xfer->is_at_rest && idle_due_us(xfer) < due_us)
		due_us = idle_due_us(xfer);
	if (!has_deadline(xfer))
		return due_us;
	left_us = xfer->spec.deadline_boot_us > now->boot_us
		? xfer->spec.deadline_boot_us - now->boot_us
		: 0;
	return now->now_us + left_us < due_us ? now->now_us + left_us : due_us;
}

void xfer_on_due(struct xfer *xfer, const struct clock_now *now)
{
	if (xfer->wait != XFER_WAIT_NONE || xfer->state >= XFER_STATE_FINISH)
		return;
	xfer_live_tick(xfer, now->now_us);
	if (xfer->easy)
		note_movement(xfer, now->now_us);
	if (xfer->fault.code || is_overdue(xfer, now))
		xfer_finish(xfer);
}

void xfer_tick(struct xfer *xfer, const struct clock_now *now)
{
	if (xfer->state == XFER_STATE_FINISH || xfer->state == XFER_STATE_DONE)
		return;
	if (xfer->easy)
		note_movement(xfer, now->now_us);
	/* a fault that no callback could hand on */
	if (xfer->fault.code || is_overdue(xfer, now)) {
		xfer_finish(xfer);
		return;
	}
	if (xfer->is_response_due && !xfer->spec.live.is_live)
		xfer_post_response(xfer);
	report(xfer, now->now_us);
	xfer_ftp_tick(xfer);
	if (xfer->state != XFER_STATE_BODY || !xfer->easy)
		return;
	checkpoint(xfer, now->now_us);
	if (must_change_protocol(xfer)) {
		xfer->is_http1_only = true;
		xfer_fetch_rest(xfer);
	}
}
