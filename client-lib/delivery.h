/* SPDX-License-Identifier: MIT */
/*
 * Callbacks on their way to the delegate. A session's deliveries form one line; a piece of work takes them from its head,
 * one after the other, on the session's queue.
 */
#ifndef CLIENT_LIB_DELIVERY_H
#define CLIENT_LIB_DELIVERY_H

#include <stdint.h>
#include <sys/queue.h>

#include <transfer/cookie.h>

struct transfer_work;

enum delivery_kind {
	DELIVERY_ACK_ONLY, /* nothing is called, its seq is acknowledged in turn */
	DELIVERY_WRITE,
	DELIVERY_SEND,
	DELIVERY_RESUMED,
	DELIVERY_DATA,
	DELIVERY_FINISHED,
	DELIVERY_METRICS,
	DELIVERY_COMPLETE,
	DELIVERY_DELAYED, /* a question */
	DELIVERY_DRAINED,
	DELIVERY_INVALID,
	DELIVERY_TASKS, /* answer of transfer_session_get_tasks() */
	DELIVERY_DONE, /* answer of transfer_session_flush() and transfer_session_reset() */
	DELIVERY_RESUME_DATA, /* answer of transfer_task_cancel_by_producing_resume_data() */
};

struct delivery {
	TAILQ_ENTRY(delivery) link;
	enum delivery_kind kind;
	uint64_t seq; /* acknowledged after the callback; 0: not kept by transferd */
	uint64_t task_id; /* 0: about the session, or a task that was never made */
	transfer_task *task;
	transfer_error *error;
	transfer_response *response;
	transfer_data *data;
	char *path, *digest_algorithm, *digest_hex;
	int fd;
	int64_t bytes, total_bytes, expected_bytes;
	struct transfer_metrics metrics;
	transfer_tasks_handler tasks_handler;
	transfer_resume_data_handler resume_data_handler;
	transfer_done_handler done_handler;
	void *userdata; /* of the handlers */
	transfer_task **tasks;
	size_t n_tasks;
	uint64_t question;
};

TAILQ_HEAD(delivery_line, delivery);

/* NULL: out of memory. @task: borrowed, may be NULL. */
struct delivery *delivery_new(enum delivery_kind kind, transfer_task *task);
void delivery_free(struct delivery *delivery);
void delivery_line_clear(struct delivery_line *line);

/* Takes delivery; joins progress with what waits already. With the client's lock held, which posts the work when released. */
void delivery_push_take(transfer_session *session, struct delivery *delivery);
/* run() of a session's work. */
int delivery_run(struct transfer_work *work);

#endif
