/* SPDX-License-Identifier: MIT */
/*
 * A credential that was said waits here for what the server says next: another challenge of the same server refuses it, any
 * other answer accepts it, but for a 401 that does not ask and for errors of the server (5xx), which say nothing about it.
 */
#include "client-lib/task-auth.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "client-lib/credential-store.h"
#include "client-lib/delivery.h"
#include "client-lib/session.h"
#include "client-lib/task.h"

/* Refused so often, a task takes nothing from the store any more: spaces that take turns would have no end. */
#define TASK_AUTH_REFUSED_MAX 16

/* references */
struct said {
	transfer_protection_space *space;
	transfer_credential *credential;
};

struct task_auth {
	struct said last; /* waits for the server's opinion; all NULL: none does */
	bool is_new; /* last: it did not come from the store */
	unsigned int n_failures; /* last: credentials that were refused before it */
	struct said refused[TASK_AUTH_REFUSED_MAX];
	size_t n_refused;
};

static void said_done(struct said *said)
{
	transfer_protection_space_unref(said->space);
	transfer_credential_unref(said->credential);
	*said = (struct said){ 0 };
}

static void forget(struct task_auth *auth)
{
	said_done(&auth->last);
	while (auth->n_refused)
		said_done(&auth->refused[--auth->n_refused]);
}

void task_auth_free(struct task_auth *auth)
{
	if (auth)
		forget(auth);
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
	return auth->n_refused == TASK_AUTH_REFUSED_MAX;
}

static void refuse(struct task_auth *auth)
{
	if (auth->n_refused == TASK_AUTH_REFUSED_MAX)
		said_done(&auth->refused[--auth->n_refused]);
	auth->refused[auth->n_refused++] = auth->last;
	auth->last = (struct said){ 0 };
}

/* To the store in the session's turn, where observers may be called. Without memory it is not kept. */
static void accept_last(transfer_task *task)
{
	struct task_auth *auth = task->auth;
	transfer_credential_store *store = task->session->credentials;
	transfer_auto(transfer_credential) current = NULL;
	struct delivery *delivery;

	if (!auth->is_new || !store ||
		transfer_credential_get_persistence(auth->last.credential) == TRANSFER_PERSIST_NONE)
		return;
	delivery = delivery_new(DELIVERY_CREDENTIAL, task);
	if (!delivery)
		return;
	current = transfer_credential_store_copy_default(store, auth->last.space);
	delivery->makes_default = !current || was_refused(auth, auth->last.space, current);
	delivery->space = take_ptr(auth->last.space);
	delivery->credential = take_ptr(auth->last.credential);
	delivery_push_take(task->session, delivery);
}

transfer_credential *task_auth_stored(
	const transfer_task *task, const transfer_protection_space *space)
{
	const transfer_credential_store *store = task->session->credentials;
	transfer_credential *stored;

	stored = store ? transfer_credential_store_copy_default(store, space) : NULL;
	if (!stored || !was_refused(task->auth, space, stored))
		return stored;
	transfer_credential_unref(stored);
	return NULL;
}

/* Else the one that was refused last. */
static transfer_credential *propose(
	const transfer_task *task, const transfer_protection_space *space)
{
	const struct task_auth *auth = task->auth;
	transfer_credential *stored = task_auth_stored(task, space);

	for (size_t i = auth->n_refused; !stored && i > 0; i--) {
		if (transfer_protection_space_is_equal(auth->refused[i - 1].space, space))
			stored = transfer_credential_ref(auth->refused[i - 1].credential);
	}
	return stored;
}

static void take_challenge(transfer_task *task, struct delivery *delivery)
{
	struct task_auth *auth = task->auth;

	if (!auth)
		auth = task->auth = calloc(1, sizeof(*auth));
	if (!auth)
		return;
	/* with no more failures than before, the request was begun anew and the server has not heard of it */
	if (auth->last.space && delivery->previous_failures > auth->n_failures &&
		protection_space_is_same_origin(auth->last.space, delivery->space))
		refuse(auth);
	said_done(&auth->last);
	delivery->credential = propose(task, delivery->space);
}

static bool is_accepted(const transfer_response *response)
{
	int status = response ? transfer_response_get_status(response) : 0;

	return status >= 200 && status < 500 && status != 401;
}

void task_auth_take_in(transfer_task *task, struct delivery *delivery)
{
	struct task_auth *auth = task->auth;
	bool is_end = delivery->kind == DELIVERY_COMPLETE;

	if (delivery->kind == DELIVERY_CHALLENGE) {
		take_challenge(task, delivery);
		return;
	}
	if (!auth)
		return;
	if (auth->last.space &&
		(is_end || delivery->kind == DELIVERY_RESPONSE ||
			delivery->kind == DELIVERY_REDIRECT)) {
		if (is_accepted(delivery->response ? delivery->response : task->response))
			accept_last(task);
		said_done(&auth->last);
	}
	if (is_end)
		forget(auth);
}

void task_auth_say(transfer_task *task, const transfer_protection_space *space,
	const transfer_credential *credential, unsigned int n_failures, bool is_new)
{
	struct task_auth *auth = task->auth;

	said_done(&auth->last);
	auth->last.space = transfer_protection_space_ref(space);
	auth->last.credential = transfer_credential_ref(credential);
	auth->n_failures = n_failures;
	auth->is_new = is_new;
}
