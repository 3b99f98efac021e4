/* SPDX-License-Identifier: MIT */
/*
 * The life of an attempt: which request comes next, and the one end. The rest of the work is in
 * xfer-*.c; they come back here, and every change of state goes through xfer_enter().
 *
 * Three rules keep files whole. Kept bytes are given up only after the caller has seen RESUMED
 * with offset 0 and has had a turn to make that durable (is_held). What DONE and CHECKPOINT call
 * durable was synced before. An end that libcurl reports while the body waits is kept until the
 * body has been written.
 */
#include "engine/xfer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/failpoint.h"
#include "engine/decode.h"
#include "engine/disk.h"
#include "engine/multi.h"
#include "engine/post.h"
#include "engine/sink.h"
#include "engine/source.h"
#include "engine/spec.h"
#include "engine/url.h"
#include "engine/worker.h"

#define BIT(state) (1u << XFER_STATE_##state)

static const unsigned ways[] = {
	[XFER_STATE_PREPARE] = BIT(SEND) | BIT(FINISH),
	[XFER_STATE_SEND] = BIT(HEAD) | BIT(PREPARE) | BIT(FINISH),
	[XFER_STATE_HEAD] = BIT(BODY) | BIT(FINISH),
	[XFER_STATE_BODY] = BIT(PREPARE) | BIT(FINISH),
	[XFER_STATE_FINISH] = BIT(FINISH) | BIT(DONE) | BIT(PREPARE), /* xfer_upload_give_back() */
	[XFER_STATE_DONE] = 0,
};

void xfer_enter(struct xfer *xfer, enum xfer_state state)
{
	assert(ways[xfer->state] & 1u << state);
	xfer->state = state;
}

static bool is_download(const struct xfer *x)
{
	return x->spec.kind == TRANSFER_TASK_DOWNLOAD;
}

static int parse_url(struct xfer *x)
{
	int r = x->spec.live.allows_ftp ? url_parse_with_ftp(x->spec.url, &x->url)
					: url_parse(x->spec.url, &x->url);

	if (r == URL_E_SCHEME)
		x->url_code = TRANSFER_ERROR_UNSUPPORTED_URL;
	else if (r == URL_E_BAD)
		x->url_code = TRANSFER_ERROR_BAD_URL;
	else
		return r;
	return 0;
}

DEFINE_CLEANUP(struct xfer *, xfer_free)

int xfer_new(
	uint64_t task, uint32_t attempt, const struct engine_spec *spec, struct xfer **ret_xfer)
{
	cleanup_(xfer_freep) struct xfer *x = calloc(1, sizeof(*x));
	int r;

	if (!x)
		return err_raise(-ENOMEM);
	x->spec.source_fd = -1;
	x->socket_fd = -1;
	x->key = (struct xfer_key){ .task = task, .attempt = attempt };
	x->disk_mail = calloc(1, sizeof(*x->disk_mail));
	x->done = post_new(ENGINE_EVENT_DONE, task, attempt);
	x->synced = post_new(ENGINE_EVENT_SYNCED, task, attempt);
	if (!x->disk_mail || !x->done || !x->synced)
		return err_raise(-ENOMEM);
	r = spec_copy(&x->arena, spec, &x->spec);
	if (!r)
		r = parse_url(x);
	if (r)
		return r;
	r = xfer_upload_init(x);
	if (r)
		return r;
	x->method = x->spec.method;
	x->has_body = x->spec.live.is_live ? x->spec.live.source != ENGINE_SOURCE_NONE
					   : !is_download(x);
	x->given.keeps_expired = true;
	x->total_bytes = is_download(x) ? x->spec.known_total_bytes : -1;
	x->resume = (struct resume){
		.known_total_bytes = x->spec.known_total_bytes,
		.etag = x->spec.etag,
		.last_modified = x->spec.last_modified,
		.has_caller_range = spec_has_header(&x->spec, "Range"),
	};
	*ret_xfer = take_ptr(x);
	return 0;
}

void xfer_free(struct xfer *xfer)
{
	if (!xfer)
		return;
	if (xfer->easy) {
		multi_remove(xfer->pool->multi, xfer->easy);
		xfer_request_free(xfer, false);
	}
	/* not into a file that would be new: whoever removes the part may have been here */
	if (xfer->sink && sink_fd(xfer->sink) >= 0)
		(void)sink_flush(xfer->sink);
	xfer_live_done(xfer);
	xfer_send_close(xfer);
	sink_free(xfer->sink);
	source_free(xfer->source);
	url_free(xfer->url);
	url_free(xfer->redirect.url);
	xfer_upload_done(xfer);
	xfer_auth_done(xfer);
	head_done(&xfer->head);
	jar_done(&xfer->given);
	post_free(xfer->done);
	post_free(xfer->synced);
	free(xfer->disk_mail);
	spec_done(&xfer->spec);
	arena_done(&xfer->arena);
	free(xfer);
}

const char *xfer_host(const struct xfer *xfer)
{
	return xfer->url ? xfer->url->host : "";
}

static void send_upload(struct xfer *x, enum upload_leg leg);

static void take_out(struct xfer *x)
{
	if (!x->easy)
		return;
	xfer_metrics_note(x);
	multi_remove(x->pool->multi, x->easy);
	xfer_request_free(x, false);
}

/* Which file it is, for who puts it in its place without waiting for a sync. */
static void note_file(struct xfer *x)
{
	struct engine_event *done = &x->done->event;
	struct stat st;

	if (!x->spec.live.is_live || fstat(sink_fd(x->sink), &st))
		return;
	done->file_ino = st.st_ino;
	done->file_size_bytes = (uint64_t)st.st_size;
	done->file_mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u +
		(uint64_t)st.st_mtim.tv_nsec;
}

/* SYNCED follows DONE. */
static bool has_sync(const struct xfer *x)
{
	return !x->spec.live.is_live || x->spec.live.is_synced;
}

void xfer_finish(struct xfer *xfer)
{
	bool is_late = xfer_live_is_late(xfer);

	take_out(xfer);
	if (is_late) {
		xfer_live_resume(xfer); /* goes on in xfer_on_end() */
		return;
	}
	xfer->receive_pause = 0;
	xfer->send_pause = 0;
	xfer_enter(xfer, XFER_STATE_FINISH);
	if (xfer->is_over) {
		xfer_enter(xfer, XFER_STATE_DONE);
		return;
	}
	/* a lost write is told to one of two syncs: the checkpoint's answer is part of the end */
	if (is_download(xfer) && xfer->is_checkpointing)
		return; /* goes on in xfer_on_disk() */
	if (is_download(xfer) && !xfer->fault.code) {
		int r = sink_finish(xfer->sink);

		if (r)
			xfer_fault_file(xfer, FAULT_FILE_WRITE, r);
	}
	if (is_download(xfer) && !xfer->fault.code) {
		note_file(xfer);
		xfer_post_done(xfer);
		if (has_sync(xfer))
			xfer_disk_sync(xfer);
	} else if (xfer_disk_settle(xfer)) {
		return; /* goes on in xfer_on_disk() */
	} else {
		xfer_post_done(xfer);
		if (xfer->is_given_up && xfer_upload_give_back(xfer)) {
			xfer_enter(xfer, XFER_STATE_PREPARE);
			send_upload(xfer, UPLOAD_LEG_DROP);
			return;
		}
	}
	xfer_enter(xfer, XFER_STATE_DONE);
}

/* A request for what the fields say now. */
static void send_request(struct xfer *x)
{
	int r;

	xfer_enter(x, XFER_STATE_SEND);
	/* the answer before this one is none to it */
	head_done(&x->head);
	head_init(&x->head, x->is_http2, false);
	x->is_response_due = false;
	x->is_connecting = false;
	x->is_connected = false;
	x->socket_fd = -1;
	x->is_tainted = false;
	x->next = XFER_NEXT_END;
	x->body = XFER_BODY_DROP;
	x->sent_bytes = x->upload.base_bytes;
	x->left_socket_bytes = 0;
	x->phase_us = clock_now_us();
	x->moved_us = x->phase_us;
	r = xfer_request_new(x);
	if (!r)
		r = multi_add(x->pool->multi, x->easy);
	if (!r)
		return;
	xfer_fault_memory(x);
	xfer_request_free(x, false);
	xfer_finish(x);
}

static void send_upload(struct xfer *x, enum upload_leg leg)
{
	if (xfer_upload_aim(x, leg)) {
		xfer_fault_memory(x);
		xfer_finish(x);
		return;
	}
	send_request(x);
}

void xfer_request_go(struct xfer *xfer)
{
	if (xfer->fault.code)
		xfer_finish(xfer);
	else if (!xfer_send_is_waiting(xfer))
		send_request(xfer);
}

void xfer_start(struct xfer *xfer, struct xfer_env *env, struct xfer_pool *pool)
{
	uint64_t now_us = clock_now_us();

	xfer->env = env;
	xfer->pool = pool;
	xfer->progress_us = now_us;
	xfer->checkpoint_us = now_us;
	bucket_set_rate(&xfer->bucket, xfer->spec.max_rate_bps, now_us);
	if (!pool || xfer->is_unlisted)
		xfer_fault_memory(xfer);
	else if (!xfer->url)
		xfer_fault(xfer, (enum transfer_error_code)xfer->url_code, NULL);
	else if (!url_is_secure(xfer->url) && !xfer->spec.allow_insecure)
		xfer_fault(xfer, TRANSFER_ERROR_INSECURE_TRANSPORT, NULL);
	if (xfer->fault.code || xfer_disk_open(xfer) || xfer_send_open(xfer))
		xfer_finish(xfer);
	else if (is_download(xfer) || (xfer->spec.live.is_live && !xfer->upload.is_wanted))
		xfer_request_go(xfer);
	else
		send_upload(xfer, xfer->upload.url ? UPLOAD_LEG_ASK : UPLOAD_LEG_CREATE);
}

void xfer_stop(struct xfer *xfer, bool is_given_up)
{
	xfer->is_given_up = is_given_up;
	if (xfer->state == XFER_STATE_FINISH || xfer->state == XFER_STATE_DONE)
		return;
	if (!xfer->fault.code) {
		xfer->is_stopped = true;
		xfer_fault(xfer, TRANSFER_ERROR_CANCELLED, NULL);
	}
	xfer_finish(xfer);
}

static void follow(struct xfer *x)
{
	xfer_enter(x, XFER_STATE_PREPARE);
	xfer_auth_leave(x, x->redirect.url);
	url_free(x->url);
	x->url = take_ptr(x->redirect.url);
	x->method = x->redirect.method;
	x->has_body = x->has_body && x->redirect.keeps_body;
	x->has_crossed = x->has_crossed || !x->redirect.is_same_origin;
	x->n_redirects++;
	if (!xfer_upload_is_apart(x)) {
		/* what another server has begun to take is of no use at this one */
		xfer_upload_forget(x);
		xfer_post_simple(x, ENGINE_EVENT_REDIRECTED);
	}
	xfer_send_rewind(x, ENGINE_BODY_REASON_REDIRECT);
	xfer_request_go(x);
}

/* Once more; with kept bytes to give up only when the caller knows it. */
static void send_again(struct xfer *x, enum engine_body_reason reason)
{
	xfer_enter(x, XFER_STATE_PREPARE);
	xfer_send_rewind(x, reason);
	if (!x->is_held)
		xfer_request_go(x);
}

void xfer_fetch_rest(struct xfer *xfer)
{
	int r = FAILPOINT("engine.part.flush");

	take_out(xfer);
	if (!r)
		r = sink_flush(xfer->sink);
	if (r) {
		xfer_fault_file(xfer, FAULT_FILE_WRITE, r);
		xfer_finish(xfer);
		return;
	}
	if (xfer->can_resume) {
		xfer->resume.offset_bytes = sink_offset_bytes(xfer->sink);
		xfer->resume.is_without_if_range = false;
	} else if (sink_offset_bytes(xfer->sink)) {
		xfer_post_resumed(xfer, 0, true);
		xfer->is_held = true;
	}
	send_again(xfer, ENGINE_BODY_REASON_RETRY);
}

/* The file is empty now: let the body come that has waited. */
static void go_on(struct xfer *x)
{
	CURLcode code;

	xfer_judge_begin(x);
	if (x->fault.code) {
		xfer_finish(x);
		return;
	}
	if (x->is_end_held) {
		xfer_on_end(x, x->end_code);
		return;
	}
	code = curl_easy_pause(x->easy, CURLPAUSE_CONT);
	if (code || x->fault.code) {
		xfer_fault_curl(x, code);
		xfer_finish(x);
		return;
	}
	multi_kick(x->pool->multi);
}

void xfer_on_resumed_seen(struct xfer *xfer)
{
	if (!xfer->is_held || xfer->state == XFER_STATE_FINISH || xfer->state == XFER_STATE_DONE)
		return;
	xfer->is_held = false;
	xfer_disk_restart(xfer);
	if (xfer->fault.code) {
		xfer_finish(xfer);
	} else if (xfer->state == XFER_STATE_PREPARE) {
		send_request(xfer);
	} else if (xfer->next == XFER_NEXT_END) {
		go_on(xfer);
	}
	/* else the request that was refused is still ending */
}

/*
 * Did all of the body come? libcurl has checked it against Content-Length; this is about the
 * whole file.
 */
static void check_length(struct xfer *x)
{
	if (!is_download(x) || x->total_bytes < 0)
		return;
	if (sink_offset_bytes(x->sink) != (uint64_t)x->total_bytes)
		xfer_fault(x, TRANSFER_ERROR_NETWORK_CONNECTION_LOST, "the body is too short");
}

/*
 * The answer to an upload came whole although libcurl could not send all of the body: the server
 * wanted no more.
 */
static bool has_whole_answer(const struct xfer *x, CURLcode code)
{
	uint64_t got_bytes = x->sink ? sink_offset_bytes(x->sink) : x->received_bytes;

	if (code == CURLE_WRITE_ERROR && xfer_send_ends_with_head(x))
		return true;
	if (is_download(x) || (code != CURLE_SEND_ERROR && code != CURLE_RECV_ERROR))
		return false;
	if (x->decode)
		return !x->head.is_chunked &&
			x->head.content_length_bytes == (int64_t)x->network_bytes;
	return x->total_bytes >= 0 && got_bytes == (uint64_t)x->total_bytes;
}

/*
 * libcurl has no memory for a line of a head above its own bound. A line that has not ended is told to nobody, but its first
 * byte has a time.
 */
static bool is_line_too_long(const struct xfer *x, CURLcode code)
{
	curl_off_t first_byte_us = 0;

	return code == CURLE_OUT_OF_MEMORY && x->is_connected &&
		!curl_easy_getinfo(x->easy, CURLINFO_STARTTRANSFER_TIME_T, &first_byte_us) &&
		first_byte_us > 0;
}

static void judge_end(struct xfer *x, CURLcode code)
{
	if (x->fault.code)
		return;
	if (code == CURLE_OK && xfer_ftp_is(x))
		xfer_ftp_begin(x);
	if (!x->head.is_complete) {
		if (code == CURLE_OK)
			xfer_fault(x, TRANSFER_ERROR_BAD_SERVER_RESPONSE, "no response");
		else if (code == CURLE_UNSUPPORTED_PROTOCOL && x->is_connected)
			xfer_fault(x, TRANSFER_ERROR_BAD_SERVER_RESPONSE, "not HTTP");
		else if (is_line_too_long(x, code))
			xfer_fault(x, TRANSFER_ERROR_BAD_SERVER_RESPONSE, "header line too long");
		else
			xfer_fault_curl(x, code);
		return;
	}
	if (x->next != XFER_NEXT_END || x->body == XFER_BODY_DROP)
		return;
	if (code == CURLE_OK || has_whole_answer(x, code)) {
		check_length(x);
		xfer_decode_end(x);
	} else if (code == CURLE_PARTIAL_FILE && !x->network_bytes) {
		xfer_fault(x, TRANSFER_ERROR_ZERO_BYTE_RESOURCE, NULL);
		x->is_retryable = true;
	} else {
		xfer_fault_curl(x, code);
	}
	/* the server has answered: an upload is never sent again; nobody knows of it in a session in memory */
	if (!is_download(x) && (!x->spec.live.is_live || x->live.is_told))
		x->is_retryable = false;
}

static void note_sent(struct xfer *x)
{
	if (x->has_body && x->easy)
		x->sent_bytes = x->upload.base_bytes + xfer_send_count(x);
}

/*
 * What came first on a kept connection was no HTTP: bytes that the answer before left behind. The
 * request is made once more; each time one kept connection fewer is left.
 */
static bool is_stray(const struct xfer *x, CURLcode code)
{
	return code == CURLE_UNSUPPORTED_PROTOCOL && x->state == XFER_STATE_SEND &&
		x->is_connected && !x->is_connecting && is_download(x);
}

/*
 * A kept connection was dead, and libcurl would repeat the request: what was read of a stream it cannot have again. The
 * caller can.
 */
static bool needs_body_again(struct xfer *x, CURLcode code)
{
	if (code != CURLE_SEND_FAIL_REWIND || x->state != XFER_STATE_SEND || !x->live.inlet)
		return false;
	if (x->spec.live.is_retry_safe)
		return true;
	xfer_fault(x, TRANSFER_ERROR_NETWORK_CONNECTION_LOST,
		"the connection broke, and the request may have arrived");
	x->is_retryable = false;
	return false;
}

/*
 * libcurl's bound for the head of a stream is below ours, and it gives up the connection without a word. Once more over
 * HTTP/1.1, where each line is judged.
 */
static bool needs_other_protocol(struct xfer *x, CURLcode code)
{
	long os_errno = 0;

	if (code != CURLE_RECV_ERROR || !x->is_http2 || x->is_http1_only || x->head.is_complete ||
		x->has_body ||
		!(x->spec.live.is_live ? x->spec.live.is_retry_safe : is_download(x)))
		return false;
	curl_easy_getinfo(x->easy, CURLINFO_OS_ERRNO, &os_errno);
	x->is_http1_only = !os_errno;
	return x->is_http1_only;
}

/* An error is told when all that came before it was. */
static void end_late(struct xfer *x)
{
	if (!x->fault.code && xfer_live_end(x))
		x->is_end_held = true;
	else
		xfer_finish(x);
}

void xfer_on_end(struct xfer *xfer, CURLcode code)
{
	bool is_waiting = (xfer->is_held && xfer->next == XFER_NEXT_END) || xfer_is_waiting(xfer);

	if (is_waiting && !xfer->fault.code) {
		xfer->is_end_held = true;
		xfer->end_code = code;
		return;
	}
	xfer->is_end_held = false;
	if (xfer->live.is_late) {
		end_late(xfer);
		return;
	}
	note_sent(xfer);
	if (!xfer->fault.code &&
		(xfer->is_tainted || is_stray(xfer, code) || needs_body_again(xfer, code) ||
			needs_other_protocol(xfer, code))) {
		xfer_metrics_note(xfer);
		xfer_request_free(xfer, false);
		send_again(xfer, ENGINE_BODY_REASON_RETRY);
		return;
	}
	xfer_upload_on_end(xfer);
	judge_end(xfer, code);
	if (!xfer->fault.code && xfer->next == XFER_NEXT_END && xfer_live_end(xfer)) {
		xfer->is_end_held = true;
		xfer->end_code = code;
		return;
	}
	xfer_metrics_note(xfer);
	xfer_request_free(xfer, code == CURLE_OK && !xfer->fault.code);
	if (xfer->fault.code) {
		xfer_finish(xfer);
		return;
	}
	switch (xfer->next) {
	case XFER_NEXT_END:
		xfer_finish(xfer);
		break;
	case XFER_NEXT_FOLLOW:
		follow(xfer);
		break;
	case XFER_NEXT_AUTHENTICATE:
		send_again(xfer, ENGINE_BODY_REASON_AUTHENTICATION);
		break;
	case XFER_NEXT_AGAIN:
		send_again(xfer, ENGINE_BODY_REASON_RETRY);
		break;
	case XFER_NEXT_UPLOAD:
		xfer_enter(xfer, XFER_STATE_PREPARE);
		send_upload(xfer, xfer->upload.next_leg);
		break;
	}
}
