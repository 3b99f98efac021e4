/* SPDX-License-Identifier: MIT */
/*
 * Callbacks on their way to the delegate. A session's deliveries form one line; a piece of work takes them from its head,
 * one after the other, on the session's queue.
 */
#ifndef CLIENT_LIB_DELIVERY_H
#define CLIENT_LIB_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <transfer/cookie.h>
#include <transfer/session.h>

#include "base/arena.h"
#include "client-lib/credential-store.h"

struct task_cache;
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
	DELIVERY_COOKIES, /* answer of transfer_session_…_cookies() */
	DELIVERY_RESUME_DATA, /* answer of transfer_task_cancel_by_producing_resume_data() */
	/* live sessions only */
	DELIVERY_TASK_LISTS, /* answer of transfer_session_get_task_lists() */
	DELIVERY_INFORMATIONAL,
	DELIVERY_REDIRECT, /* a question, as the next three */
	DELIVERY_CHALLENGE,
	DELIVERY_NEED_BODY,
	DELIVERY_RESPONSE,
	DELIVERY_BECAME_DOWNLOAD,
	DELIVERY_WAITING,
	DELIVERY_HANDLER, /* the end of a task with one */
	DELIVERY_OBSERVE,
	DELIVERY_METER,
	DELIVERY_LOAD_START, /* of a loader: its class begins, or goes on */
	DELIVERY_LOAD_STOP,
	DELIVERY_BODY_PULL, /* a reader is asked for more */
	DELIVERY_CREDENTIAL, /* one that was accepted is kept */
	DELIVERY_WILL_CACHE, /* may an answer be kept? */
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
	transfer_cookies_handler cookies_handler;
	transfer_cookie_list *cookies;
	void *userdata; /* of the handlers */
	transfer_task **tasks;
	size_t n_tasks;
	uint64_t question; /* 0: none, or of a loader */
	/* live sessions only */
	transfer_task_lists_handler lists_handler;
	transfer_request *request; /* proposed */
	transfer_task *other; /* the download */
	enum transfer_body_reason reason;
	transfer_protection_space *space; /* CHALLENGE; a reference */
	unsigned int previous_failures, attempt; /* CHALLENGE */
	struct accepted accepted; /* CREDENTIAL */
	size_t row_bytes; /* of a body that came in the row itself */
	bool is_question; /* RESPONSE: an answer is waited for */
	bool is_piece; /* of a pipe that is read on when this was delivered */
	bool is_pipe; /* fd is a body that begins; never in a line */
	bool is_folded; /* stands for all that happened; never in a line */
	bool has_metrics;
	struct transfer_load *load; /* whose start or stop it is, or whose data */
	struct body_feed *feed; /* BODY_PULL */
	struct task_cache *cache; /* WILL_CACHE */
	struct arena arena; /* of metrics.transactions */
};

TAILQ_HEAD(delivery_line, delivery);

/*
 * The member of the task's own delegate, else of its session's, with the userdata that goes with it. For what is told of
 * tasks only.
 */
#define DELIVERY_PICK(task, member, ret_userdata) \
	((task)->delegate.size && (task)->delegate.member \
			? (*(ret_userdata) = (task)->delegate_userdata, (task)->delegate.member) \
			: (*(ret_userdata) = (task)->session->userdata, \
				  (task)->session->delegate.member))

/* NULL: out of memory. @task: borrowed, may be NULL. */
struct delivery *delivery_new(enum delivery_kind kind, transfer_task *task);
void delivery_free(struct delivery *delivery);
void delivery_line_clear(struct delivery_line *line);

/* Takes delivery; joins progress with what waits already. With the client's lock held, which posts the work when released. */
void delivery_push_take(transfer_session *session, struct delivery *delivery);
/* run() of a session's work. */
int delivery_run(struct transfer_work *work);

#endif
