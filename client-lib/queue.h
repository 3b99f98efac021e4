/* SPDX-License-Identifier: MIT */
/* Queues inside the library: whoever has callbacks to run posts work; the queue decides where it runs. */
#ifndef CLIENT_LIB_QUEUE_H
#define CLIENT_LIB_QUEUE_H

#include <transfer/client.h>

/* Embedded in what it works for; may be posted again once run() was called. */
struct transfer_work {
	struct transfer_work *next;
	/* Runs callbacks; returns how many. The work may be posted again, or gone, when it returns. */
	int (*run)(struct transfer_work *work);
};

/* It was made before this process was forked: of no use here. */
bool queue_is_forked(const transfer_queue *queue);
/* A serial queue without its thread, which is started by the first work. NULL: out of memory. */
transfer_queue *queue_new_serial_later(void);
/*
 * Any thread, no lock held; the caller keeps a reference of the queue meanwhile. 0 or -errno: there is no thread to be had for
 * it now; it was not posted.
 */
int queue_post(transfer_queue *queue, struct transfer_work *work);
/* Takes back work that has not begun; false: it has, or the program's executor has it. */
bool queue_cancel(transfer_queue *queue, struct transfer_work *work);

#endif
