/* SPDX-License-Identifier: MIT */
/*
 * Who a task has said it is to servers that asked, and what they said to that. What was refused is not taken from the
 * store again for this task; what was answered and accepted goes to it. All with the client's lock held.
 */
#ifndef CLIENT_LIB_TASK_AUTH_H
#define CLIENT_LIB_TASK_AUTH_H

#include <stdbool.h>

#include <transfer/task.h>

#include "client-lib/protection-space.h"

struct delivery;
struct task_auth;

/* Something has happened to the task. A challenge ends it when there is no memory for one, and is nothing then. */
void task_auth_take_in(transfer_task *task, struct delivery *delivery);
/*
 * The default of the session's store, if the task was not refused with it, and does not say by itself who it is. A reference; NULL:
 * none. The task may have ended.
 */
transfer_credential *task_auth_stored(
	const transfer_task *task, const transfer_protection_space *space);
/* The same, else the one that was refused last. */
transfer_credential *task_auth_propose(
	const transfer_task *task, const transfer_protection_space *space);
/*
 * It is on its way, as the answer to the last challenge. is_new: it did not come from the store, and goes there when it is
 * accepted.
 */
void task_auth_say(transfer_task *task, const transfer_protection_space *space,
	const transfer_credential *credential, bool is_new);
void task_auth_free(struct task_auth *auth);

#endif
