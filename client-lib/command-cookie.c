/* SPDX-License-Identifier: MIT */
/*
 * What is asked of the session's store of cookies. A list comes in pages, and each page is a call of the one command; what is
 * removed since a time is listed first, and then set anew with a time that is over, so many in one call as may be.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "client-lib/client.h"
#include "client-lib/command.h"
#include "client-lib/cookie-list.h"
#include "client-lib/error.h"
#include "client-lib/live.h"
#include "client-lib/session.h"
#include "client-lib/text.h"
#include "ipc/proto.h"

/* Of one call. */
#define COOKIES_MAX 1000

struct cookie_question {
	transfer_cookie_list *list; /* what has come; what is set */
	char *url; /* only what goes there; NULL: all */
	bool removes; /* what is listed, of since_wall_us and later */
	uint64_t since_wall_us;
	size_t n_set; /* of the list, so far */
	size_t n_sent; /* by the call under way */
};

void command_cookie_free(struct cookie_question *question)
{
	if (!question)
		return;
	transfer_cookie_list_unref(question->list);
	free(question->url);
	free(question);
}

/* ---- replies ---- */

/* The command has its answer; r: 0, IPC_E_… or -errno. */
static void answer(transfer_session *session, int r, const char *text)
{
	struct command *command = TAILQ_FIRST(&session->flight);

	if (!r && command->reply->cookies_handler)
		command->reply->cookies = take_ptr(command->cookies->list);
	command_answer_done(session, command, r ? error_new_ipc(r, NULL, text) : NULL);
	command_drop_flight(session);
	live_check_end(session);
}

/* All pages are here. True: nothing is left to be asked. */
static bool has_listed(struct command *command, int *r)
{
	struct cookie_question *q = command->cookies;

	if (!*r && q->url)
		*r = cookie_list_choose(q->list, q->url, clock_wall_us());
	if (*r || !q->removes)
		return true;
	cookie_list_end_since(q->list, q->since_wall_us);
	command->kind = COMMAND_SET_COOKIES;
	return !q->list->n_rows;
}

static void on_listed(
	void *user, int r, const char *text, const struct ipc_session_list_cookies_out *out)
{
	transfer_session *session = command_reply_begin(user);
	struct command *command = TAILQ_FIRST(&session->flight);
	struct cookie_question *q;

	if (command_has_ended_in_vain(session, r)) {
		command_reply_end(session);
		return;
	}
	q = command->cookies;
	if (!r)
		r = cookie_list_add(q->list, out->cookies, out->n_cookies);
	if (!r)
		r = text_set(&command->text, out->next_cursor, SIZE_MAX);
	session->n_flight_tries = 0;
	if (r || !command->text || !*command->text || q->list->n_rows >= TRANSFER_COOKIES_MAX) {
		if (has_listed(command, &r))
			answer(session, r, text);
	}
	command_reply_end(session);
}

static void on_changed(void *user, int r, const char *text)
{
	transfer_session *session = command_reply_begin(user);
	struct cookie_question *q;

	if (command_has_ended_in_vain(session, r)) {
		command_reply_end(session);
		return;
	}
	q = TAILQ_FIRST(&session->flight)->cookies;
	q->n_set += q->n_sent;
	session->n_flight_tries = 0;
	if (r || !q->list || q->n_set >= q->list->n_rows)
		answer(session, r, text);
	command_reply_end(session);
}

/* ---- sending ---- */

static int send_list(transfer_session *session, const struct command *command)
{
	struct ipc_session_list_cookies_in in = { .cursor = command->text ? command->text : "" };

	return ipc_start_session_list_cookies(
		session->client->bus, session->path, &in, on_listed, session);
}

static int send_set(transfer_session *session, struct cookie_question *q, struct arena *arena)
{
	size_t left = q->list->n_rows - q->n_set, n = left < COOKIES_MAX ? left : COOKIES_MAX;
	struct ipc_cookie *rows = arena_alloc(arena, n + 1, sizeof(*rows));
	struct ipc_session_set_cookies_in in = { .cookies = rows, .n_cookies = n };
	int r = rows ? cookie_list_write(q->list->rows + q->n_set, n, rows) : -ENOMEM;

	if (r)
		return r;
	q->n_sent = n;
	return ipc_start_session_set_cookies(
		session->client->bus, session->path, &in, on_changed, session);
}

int command_cookie_send(transfer_session *session, struct arena *arena)
{
	struct command *command = TAILQ_FIRST(&session->flight);

	if (command->kind == COMMAND_GET_COOKIES)
		return send_list(session, command);
	if (command->kind == COMMAND_SET_COOKIES)
		return send_set(session, command->cookies, arena);
	return ipc_start_session_clear_cookies(
		session->client->bus, session->path, on_changed, session);
}

bool command_cookie_waits(transfer_session *session)
{
	const struct command *command;

	if (!session->asks_cookies)
		return false;
	TAILQ_FOREACH (command, &session->commands, link) {
		if (command->cookies)
			return true;
	}
	session->asks_cookies = false;
	return false;
}

/* ---- asking ---- */

static struct command *question_new(enum command_kind kind)
{
	struct command *command = command_new_question(kind, NULL, DELIVERY_COOKIES);

	if (!command)
		return NULL;
	command->cookies = calloc(1, sizeof(*command->cookies));
	if (command->cookies && kind != COMMAND_CLEAR_COOKIES)
		command->cookies->list = cookie_list_new();
	if (command->cookies && (kind == COMMAND_CLEAR_COOKIES || command->cookies->list))
		return command;
	command_free(command);
	return NULL;
}

/* r: 0, or what is wrong with it. */
static void ask_take(transfer_session *session, struct command *command, int r)
{
	client_lock(session->client);
	if (r) {
		command_answer_done(session, command, error_new_errno(-r, "a cookie is wrong"));
		command_free(command);
	} else {
		session->asks_cookies = true;
		command_push_locked_take(session, command);
	}
	client_unlock(session->client);
}

/* There is no memory for the question. */
static void refuse(transfer_done_handler handler, void *userdata)
{
	transfer_auto(transfer_error) error = error_new_errno(ENOMEM, NULL);

	if (handler)
		handler(error, userdata);
}

void transfer_session_get_cookies(transfer_session *session, const char *url,
	transfer_cookies_handler handler, void *userdata)
{
	struct command *command = question_new(COMMAND_GET_COOKIES);
	transfer_auto(transfer_error) error = NULL;

	if (command && url)
		command->cookies->url = strdup(url);
	if (!command || (url && !command->cookies->url)) {
		command_free(command);
		error = error_new_errno(ENOMEM, NULL);
		if (handler)
			handler(NULL, error, userdata);
		return;
	}
	command->reply->cookies_handler = handler;
	command->reply->userdata = userdata;
	ask_take(session, command, 0);
}

/* 0, -EINVAL or -ENOMEM. */
static int copy_cookies(
	transfer_cookie_list *list, const struct transfer_cookie *cookies, size_t n_cookies)
{
	struct ipc_cookie *rows;
	int r;

	if (n_cookies > COOKIES_MAX)
		return -EINVAL;
	rows = calloc(n_cookies + 1, sizeof(*rows));
	r = rows ? cookie_list_write(cookies, n_cookies, rows) : -ENOMEM;
	if (!r)
		r = cookie_list_add(list, rows, n_cookies);
	free(rows);
	return r;
}

void transfer_session_set_cookies(transfer_session *session, const struct transfer_cookie *cookies,
	size_t n_cookies, transfer_done_handler handler, void *userdata)
{
	struct command *command = question_new(COMMAND_SET_COOKIES);
	int r = command ? copy_cookies(command->cookies->list, cookies, n_cookies) : -ENOMEM;

	if (r == -ENOMEM) {
		command_free(command);
		refuse(handler, userdata);
		return;
	}
	command->reply->done_handler = handler;
	command->reply->userdata = userdata;
	ask_take(session, command, r);
}

void transfer_session_remove_cookies(transfer_session *session, uint64_t since_wall_usec,
	transfer_done_handler handler, void *userdata)
{
	struct command *command = question_new(
		since_wall_usec ? COMMAND_GET_COOKIES : COMMAND_CLEAR_COOKIES);

	if (!command) {
		refuse(handler, userdata);
		return;
	}
	command->cookies->removes = true;
	command->cookies->since_wall_us = since_wall_usec;
	command->reply->done_handler = handler;
	command->reply->userdata = userdata;
	ask_take(session, command, 0);
}
