/* SPDX-License-Identifier: MIT */
/* The tasks of a session that wait to be sent: a heap, the most urgent first. */
#include <errno.h>
#include <stdlib.h>

#include "client-lib/live.h"
#include "client-lib/task.h"

static bool is_before(const transfer_task *a, const transfer_task *b)
{
	if (a->priority > b->priority || a->priority < b->priority)
		return a->priority > b->priority;
	return a->number < b->number;
}

static void place(transfer_session *session, size_t i, transfer_task *task)
{
	session->waiting[i] = task;
	task->wait_index = i;
}

static void sift(transfer_session *session, size_t i)
{
	transfer_task *task = session->waiting[i];
	size_t child;

	for (; i && is_before(task, session->waiting[(i - 1) / 2]); i = (i - 1) / 2)
		place(session, i, session->waiting[(i - 1) / 2]);
	while ((child = 2 * i + 1) < session->n_waiting) {
		if (child + 1 < session->n_waiting &&
			is_before(session->waiting[child + 1], session->waiting[child]))
			child++;
		if (!is_before(session->waiting[child], task))
			break;
		place(session, i, session->waiting[child]);
		i = child;
	}
	place(session, i, task);
}

int live_wait_add(transfer_session *session, transfer_task *task)
{
	size_t room = session->waiting_room ? session->waiting_room * 2 : 64;
	transfer_task **waiting;

	if (session->n_waiting == session->waiting_room) {
		waiting = realloc(session->waiting, room * sizeof(transfer_task *));
		if (!waiting)
			return -ENOMEM;
		session->waiting = waiting;
		session->waiting_room = room;
	}
	session->waiting[session->n_waiting] = task;
	task->is_waiting = true;
	sift(session, session->n_waiting++);
	return 0;
}

void live_wait_remove(transfer_session *session, transfer_task *task)
{
	size_t i = task->wait_index;

	if (!task->is_waiting)
		return;
	task->is_waiting = false;
	session->n_waiting--;
	if (i == session->n_waiting)
		return;
	place(session, i, session->waiting[session->n_waiting]);
	sift(session, i);
}

void live_reorder(transfer_session *session, transfer_task *task)
{
	if (task->is_waiting)
		sift(session, task->wait_index);
}

bool live_has_to_send(const transfer_session *session)
{
	return session->n_waiting && session->n_sent < LIVE_SENT_MAX && !session->is_refused &&
		!session->is_dead && !session->is_closing;
}
