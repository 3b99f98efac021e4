/* SPDX-License-Identifier: MIT */
/*
 * What the application asked of a session, in order. Commands wait here until the session is attached; one call is under
 * way at a time, and neighbours of one kind travel together in it. A call whose reply was lost because transferd died
 * is repeated as it was: creation carries a token, the verbs do no harm twice.
 */
#ifndef CLIENT_LIB_COMMAND_H
#define CLIENT_LIB_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <transfer/cookie.h>

enum command_kind {
	COMMAND_CREATE,
	COMMAND_RESUME,
	COMMAND_SUSPEND,
	COMMAND_CANCEL,
	COMMAND_CANCEL_RESUMABLE,
	COMMAND_SET,
	COMMAND_DESCRIBE_SESSION,
	COMMAND_GET_TASKS,
	COMMAND_FINISH,
	COMMAND_INVALIDATE,
	COMMAND_FLUSH,
	COMMAND_RESET,
	COMMAND_ANSWER,
};

enum command_answer {
	COMMAND_ANSWER_CONTINUE,
	COMMAND_ANSWER_REPLACE,
	COMMAND_ANSWER_CANCEL,
};

struct command {
	TAILQ_ENTRY(command) link;
	enum command_kind kind;
	transfer_task *task;
	char *text; /* description; GET_TASKS: cursor */
	double priority;
	uint64_t max_rate_bps;
	bool has_priority, has_text, has_max_rate;
	transfer_tasks_handler tasks_handler;
	transfer_resume_data_handler resume_data_handler;
	transfer_done_handler done_handler;
	void *userdata;
	uint64_t question; /* ANSWER */
	enum command_answer answer;
	struct transfer_request *request; /* with COMMAND_ANSWER_REPLACE */
};

TAILQ_HEAD(command_list, command);

/* NULL: out of memory. @task: borrowed, may be NULL. */
struct command *command_new(enum command_kind kind, transfer_task *task);
void command_free(struct command *command);
void command_list_clear(struct command_list *list);

/* Takes command; fails it at once when the session is over. Takes and releases the client's lock. */
void command_push_take(transfer_session *session, struct command *command);
/* The same with the lock held. */
void command_push_locked_take(transfer_session *session, struct command *command);
/* Sends the next call if none is under way. I/O context, with the lock held. */
void command_pump(transfer_session *session);
/* command-end.c: to the handler of a command that has its answer; with the lock held. error_take NULL: it is done. */
void command_answer_resume_data(
	transfer_session *session, const struct command *command, transfer_data *data_take);
void command_answer_tasks(transfer_session *session, const struct command *command);
void command_answer_done(
	transfer_session *session, const struct command *command, transfer_error *error_take);
/* Ends a command that will never be sent: handlers are called, tasks complete. With the lock held; command: taken. */
void command_fail_take(transfer_session *session, struct command *command);

#endif
