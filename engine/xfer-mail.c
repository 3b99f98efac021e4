/* SPDX-License-Identifier: MIT */
/* What the caller commands, as it comes to an attempt. */
#include "engine/xfer.h"

#include "base/cleanup.h"
#include "engine/answer.h"
#include "engine/worker.h"

void xfer_on_mail(struct xfer *xfer, struct worker_mail *mail)
{
	if (mail->type == WORKER_MAIL_STOP)
		xfer_stop(xfer, mail->is_given_up);
	else if (mail->type == WORKER_MAIL_RECALL && xfer->wait == XFER_WAIT_AHEAD)
		xfer_stop(xfer, false);
	else if (mail->type == WORKER_MAIL_RATE)
		xfer_set_rate(xfer, mail->rate_bps);
	else if (mail->type == WORKER_MAIL_WEIGHT)
		xfer_request_set_weight(xfer, mail->weight);
	else if (mail->type == WORKER_MAIL_ANSWER_BODY)
		xfer_send_answer_body(xfer, take_fd(&mail->fd), mail->length);
	else if (mail->type == WORKER_MAIL_ANSWER)
		answer_give(mail->answer, xfer);
	else if (mail->type == WORKER_MAIL_HOLD)
		xfer_live_hold(xfer, mail->is_held);
	else if (mail->type == WORKER_MAIL_PROGRESS_SEEN)
		xfer_on_progress_seen(xfer);
	else if (mail->type == WORKER_MAIL_RESUMED_SEEN)
		xfer_on_resumed_seen(xfer);
}
