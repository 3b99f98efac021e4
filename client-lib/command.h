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
#include <transfer/credential.h>

#include "client-lib/delivery.h"

struct arena;
struct delivery;
struct cookie_question;

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
	COMMAND_GET_COOKIES,
	COMMAND_SET_COOKIES,
	COMMAND_CLEAR_COOKIES,
	/* live sessions only */
	COMMAND_ANSWER_REDIRECT,
	COMMAND_ANSWER_RESPONSES,
	COMMAND_ANSWER_BODY,
	COMMAND_ANSWER_CHALLENGE,
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
	char *text; /* description; GET_TASKS, GET_COOKIES: cursor */
	double priority;
	uint64_t max_rate_bps;
	bool has_priority, has_text, has_max_rate;
	struct delivery *reply; /* a question's answer, there before it is asked; NULL: given */
	uint64_t question; /* ANSWER */
	enum command_answer answer;
	struct transfer_request *request; /* with COMMAND_ANSWER_REPLACE, or action "replace" */
	const char *action; /* ANSWER_REDIRECT, ANSWER_CHALLENGE */
	transfer_credential *credential; /* ANSWER_CHALLENGE; NULL: none */
	enum transfer_response_disposition disposition; /* ANSWER_RESPONSES */
	struct cookie_question *cookies; /* …_COOKIES */
	int fd; /* ANSWER_BODY, with length_bytes; -1: there is no body */
	int64_t length_bytes;
};

TAILQ_HEAD(command_list, command);

/* NULL: out of memory. @task: borrowed, may be NULL. */
struct command *command_new(enum command_kind kind, transfer_task *task);
/* One whose handler waits for an answer, which is delivered as that kind and cannot fail for want of memory any more. */
struct command *command_new_question(
	enum command_kind kind, transfer_task *task, enum delivery_kind reply);
void command_free(struct command *command);
void command_list_clear(struct command_list *list);

/* Takes command; fails it at once when the session is over. Takes and releases the client's lock. */
void command_push_take(transfer_session *session, struct command *command);
/* The same with the lock held. */
void command_push_locked_take(transfer_session *session, struct command *command);
/*
 * command-end.c: one about a task, with the lock held. Who resumes, suspends or cancels hears of no error: for want of
 * memory the session's spare command goes, and the next that has memory leaves a new one. 0, or -ENOMEM: it is not said.
 */
int command_push_task(transfer_session *session, enum command_kind kind, transfer_task *task);
/* False: there is no memory for it. */
bool command_keep_spare(transfer_session *session);
/* Sends the next call if none is under way. I/O context, with the lock held. */
void command_pump(transfer_session *session);
/* command-create.c: the flight, which creates; r as ipc_start_…(). */
int command_create_send(transfer_session *session, struct arena *arena);
/* It made nothing: its tasks go another time, or end with that. */
void command_create_failed(transfer_session *session, int r, const char *text);
/* command-live.c: their calls; r as ipc_start_…(), replies as any. */
int command_live_send(transfer_session *session, struct arena *arena);
/* It could not be sent: an answer that is never given ends its task. */
void command_live_send_failed(transfer_session *session, const struct command *command, int r);
/* command-cookie.c: the flight, which is about cookies; r as ipc_start_…(). */
int command_cookie_send(transfer_session *session, struct arena *arena);
/* Such a command waits: tasks that were resumed after it go after it. */
bool command_cookie_waits(transfer_session *session);
void command_cookie_free(struct cookie_question *question);
/* The next CreateTasks of a live session becomes the flight, if there is one. */
void command_live_gather(transfer_session *session);
/* A call of the flight has its reply: how replies begin and end. */
transfer_session *command_reply_begin(void *user);
void command_reply_end(transfer_session *session);
/* The call has ended. True: nothing is left to be done for it. */
bool command_has_ended_in_vain(transfer_session *session, int r);
/* The flight was answered. */
void command_drop_flight(transfer_session *session);
size_t command_count_flight(const transfer_session *session);
/* command-end.c: to the handler of a command that has its answer; with the lock held. error_take NULL: it is done. */
void command_answer_resume_data(
	transfer_session *session, struct command *command, transfer_data *data_take);
/* error_take: they are not known; NULL: as the session has them. */
void command_answer_tasks(
	transfer_session *session, struct command *command, transfer_error *error_take);
void command_answer_done(
	transfer_session *session, struct command *command, transfer_error *error_take);
/* Ends a command that will never be sent: handlers are called, tasks complete. With the lock held; command: taken. */
void command_fail_take(transfer_session *session, struct command *command);
/* The same with an error for those that wait for one; why: borrowed, NULL: none of its own. */
void command_fail_with_take(
	transfer_session *session, struct command *command, const transfer_error *why);

#endif
