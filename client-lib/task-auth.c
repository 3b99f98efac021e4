/* SPDX-License-Identifier: MIT */
/*
 * A credential that was said waits here for what the server says next. The same challenge again refuses it; any other answer accepts
 * it, but for those that say nothing about who asks. A challenge of another server comes behind a redirect, so it accepts, too.
 */
#include "client-lib/task-auth.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "client-lib/configuration.h"
#include "client-lib/credential-store.h"
#include "client-lib/delivery.h"
#include "client-lib/live.h"
#include "client-lib/request.h"
#include "client-lib/session.h"
#include "client-lib/task.h"

/* Answered in vain so often, a task takes nothing from the store any more: spaces that take turns would have no end. */
#define TASK_AUTH_REFUSED_MAX 16

/* references */
struct said {
	transfer_protection_space *space;
	transfer_credential *credential;
};

struct task_auth {
	struct said last; /* waits for the server's opinion; all NULL: none does */
	bool is_new; /* last: it did not come from the store */
	unsigned int attempt; /* of the last challenge */
	uint64_t n_removals; /* last: of the store when it was said */
	struct said refused[TASK_AUTH_REFUSED_MAX];
	size_t n_refused;
	unsigned int n_in_vain;
};

static void said_done(struct said *said)
{
	transfer_protection_space_unref(said->space);
	transfer_credential_unref(said->credential);
	*said = (struct said){ 0 };
}

void task_auth_free(struct task_auth *auth)
{
	if (!auth)
		return;
	said_done(&auth->last);
	while (auth->n_refused)
		said_done(&auth->refused[--auth->n_refused]);
	free(auth);
}

static bool was_refused(const struct task_auth *auth, const transfer_protection_space *space,
	const transfer_credential *credential)
{
	for (size_t i = 0; i < auth->n_refused; i++) {
		if (transfer_protection_space_is_equal(auth->refused[i].space, space) &&
			credential_store_is_same(auth->refused[i].credential, credential))
			return true;
	}
	return false;
}

static void refuse(struct task_auth *auth)
{
	if (auth->n_refused == TASK_AUTH_REFUSED_MAX)
		said_done(&auth->refused[--auth->n_refused]);
	auth->refused[auth->n_refused++] = auth->last;
	auth->last = (struct said){ 0 };
}

/* A method whose name is not known here: there is nothing to say to it, and no telling what was meant. */
static bool is_known(const transfer_protection_space *space)
{
	return transfer_protection_space_get_method(space) != TRANSFER_AUTH_DEFAULT;
}

/* To the store in the session's turn, where observers may be called. Without memory it is not kept. */
static void accept_last(transfer_task *task)
{
	struct task_auth *auth = task->auth;
	transfer_credential_store *store = task->session->credentials;
	transfer_auto(transfer_credential) current = NULL;
	struct delivery *delivery;

	if (!auth->is_new || !store || !is_known(auth->last.space) ||
		transfer_credential_get_persistence(auth->last.credential) == TRANSFER_PERSIST_NONE)
		return;
	delivery = delivery_new(DELIVERY_CREDENTIAL, task);
	if (!delivery)
		return;
	current = transfer_credential_store_copy_default(store, auth->last.space);
	if (current && was_refused(auth, auth->last.space, current))
		delivery->accepted.refused = take_ptr(current);
	delivery->accepted.space = take_ptr(auth->last.space);
	delivery->accepted.credential = take_ptr(auth->last.credential);
	delivery->accepted.n_removals = auth->n_removals;
	delivery_push_take(task->session, delivery);
}

/* Who asks is said by the application itself: what it wrote goes before all else. */
static bool is_said_by_hand(const transfer_task *task)
{
	return text_headers_get(&task->request->headers, "Authorization") ||
		text_headers_get(&task->session->config->headers, "Authorization");
}

transfer_credential *task_auth_stored(
	const transfer_task *task, const transfer_protection_space *space)
{
	const transfer_credential_store *store = task->session->credentials;
	const struct task_auth *auth = task->auth;
	transfer_credential *stored;

	if (!store || !auth || auth->n_in_vain >= TASK_AUTH_REFUSED_MAX || !is_known(space) ||
		is_said_by_hand(task))
		return NULL;
	stored = transfer_credential_store_copy_default(store, space);
	if (!stored || !was_refused(auth, space, stored))
		return stored;
	transfer_credential_unref(stored);
	return NULL;
}

transfer_credential *task_auth_propose(
	const transfer_task *task, const transfer_protection_space *space)
{
	const struct task_auth *auth = task->auth;
	transfer_credential *stored = task_auth_stored(task, space);

	if (!auth || !is_known(space))
		return NULL;
	for (size_t i = auth->n_refused; !stored && i > 0; i--) {
		if (transfer_protection_space_is_equal(auth->refused[i - 1].space, space))
			stored = transfer_credential_ref(auth->refused[i - 1].credential);
	}
	return stored;
}

/* What the next challenge says of the one that was said. */
static void judge_last(transfer_task *task, const struct delivery *challenge)
{
	struct task_auth *auth = task->auth;

	if (!protection_space_is_same_origin(auth->last.space, challenge->space)) {
		accept_last(task);
		return;
	}
	auth->n_in_vain++;
	/* another realm has not said what the first one thinks of it */
	if (transfer_protection_space_is_equal(auth->last.space, challenge->space))
		refuse(auth);
}

static void take_challenge(transfer_task *task, struct delivery *delivery)
{
	if (!task->auth)
		task->auth = calloc(1, sizeof(*task->auth));
	if (!task->auth) {
		delivery->kind = DELIVERY_ACK_ONLY;
		live_fail(task->session, task);
		return;
	}
	/* one of another attempt: the request was begun anew, and the server need not have heard what was said */
	if (task->auth->last.space && task->auth->attempt == delivery->attempt)
		judge_last(task, delivery);
	task->auth->attempt = delivery->attempt;
	said_done(&task->auth->last);
}

/* Not: proxies, requests that came too late, too early, too often or elsewhere, and servers that are out of order. */
static bool is_accepted(const transfer_response *response)
{
	static const int silent[] = { 401, 407, 408, 421, 425, 429, 431 };
	int status = response ? transfer_response_get_status(response) : 0;

	for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++) {
		if (status == silent[i])
			return false;
	}
	return status >= 200 && status < 500;
}

void task_auth_take_in(transfer_task *task, struct delivery *delivery)
{
	struct task_auth *auth = task->auth;

	if (delivery->kind == DELIVERY_CHALLENGE) {
		take_challenge(task, delivery);
		return;
	}
	if (!auth || !auth->last.space ||
		(delivery->kind != DELIVERY_COMPLETE && delivery->kind != DELIVERY_RESPONSE &&
			delivery->kind != DELIVERY_REDIRECT))
		return;
	if (is_accepted(delivery->response ? delivery->response : task->response))
		accept_last(task);
	said_done(&auth->last);
}

void task_auth_say(transfer_task *task, const transfer_protection_space *space,
	const transfer_credential *credential, bool is_new)
{
	transfer_credential_store *store = task->session->credentials;
	struct task_auth *auth = task->auth;

	said_done(&auth->last);
	auth->last.space = transfer_protection_space_ref(space);
	auth->last.credential = transfer_credential_ref(credential);
	auth->is_new = is_new;
	auth->n_removals = store ? credential_store_n_removals(store) : 0;
	if (store && !is_new)
		credential_store_note_use(store, space, credential);
}
