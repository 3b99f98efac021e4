/* SPDX-License-Identifier: MIT */
/*
 * ftp and ftps: there is no head, so what a head would have said is made up when the body begins, or
 * has ended. Passive only, to the host that was asked for, whatever address the server names; nothing
 * of ftp is redirected or resumed. A path that ends in a slash is listed.
 */
#include "engine/xfer.h"

#include <errno.h>

#include "base/err.h"
#include "engine/multi.h"
#include "engine/url.h"

bool xfer_ftp_is(const struct xfer *xfer)
{
	return xfer->url && url_is_ftp(xfer->url);
}

int xfer_ftp_set(struct xfer *xfer)
{
	CURL *e = xfer->easy;

	if (curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "ftp,ftps"))
		return err_raise(-ENOMEM);
	curl_easy_setopt(e, CURLOPT_FTP_SKIP_PASV_IP, 1L);
	curl_easy_setopt(e, CURLOPT_FTP_USE_EPSV, 1L);
	/* through a proxy for HTTP, if through one at all, as a tunnel: it would answer in HTTP else */
	curl_easy_setopt(e, CURLOPT_HTTPPROXYTUNNEL, 1L);
	return 0;
}

static int64_t find_length(const struct xfer *x)
{
	curl_off_t length = -1;

	if (x->has_body)
		return 0;
	if (curl_easy_getinfo(x->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) || length < 0)
		return -1;
	return (int64_t)length;
}

/*
 * libcurl 7.88 that has read the answer to EPSV in the call that sent it (on a kept connection, when the server is quick) goes
 * on only when somebody comes by, and asks nobody to: no socket, no timer. A pause that is over makes it look at its state,
 * and is nothing else to what does not send.
 */
void xfer_ftp_tick(struct xfer *xfer)
{
	bool is_stuck = xfer_ftp_is(xfer) && xfer->easy && xfer->is_connected &&
		xfer->state == XFER_STATE_SEND && !xfer_is_paused(xfer) && !xfer->fault.code &&
		!xfer_send_count(xfer);

	if (!is_stuck)
		return;
	(void)curl_easy_pause(xfer->easy, CURLPAUSE_SEND);
	(void)curl_easy_pause(xfer->easy, CURLPAUSE_CONT);
	multi_kick(xfer->pool->multi);
}

void xfer_ftp_begin(struct xfer *xfer)
{
	if (xfer->head.is_complete)
		return;
	xfer_enter(xfer, XFER_STATE_HEAD);
	xfer->head.is_complete = true;
	xfer->head.content_length_bytes = find_length(xfer);
	xfer_enter(xfer, XFER_STATE_BODY);
	xfer->has_moved = true;
	xfer->next = XFER_NEXT_END;
	xfer->body = XFER_BODY_KEEP;
	xfer->total_bytes = xfer->head.content_length_bytes;
	if (xfer->spec.kind == TRANSFER_TASK_DOWNLOAD)
		xfer_judge_begin(xfer);
	else if (xfer->spec.live.body != ENGINE_BODY_FILE)
		xfer_live_begin_body(xfer);
	else
		xfer_post_response(xfer);
}
