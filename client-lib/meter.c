/* SPDX-License-Identifier: MIT */
/*
 * Meters. All that one says is worked out of its task when it is asked, so there is nothing to keep up to date; what
 * changes is told in the session's line, where one waits at most.
 */
#include "client-lib/meter.h"

#include <stdlib.h>

#include "base/clock.h"
#include "client-lib/client.h"
#include "client-lib/delivery.h"
#include "client-lib/request.h"
#include "client-lib/session.h"
#include "client-lib/task.h"

#define METER_INTERVAL_US 100000

struct transfer_meter {
	struct transfer_task *task; /* whose part it is */

	/* ---- under the client's lock ---- */
	transfer_meter_observer observer;
	void *userdata;
	const struct delivery *waiting; /* in the line */
	uint64_t told_us;
	bool has_paused;
};

/* ---- its life is the task's ---- */

transfer_meter *transfer_meter_ref(const transfer_meter *meter)
{
	if (meter)
		transfer_task_ref(meter->task);
	return (transfer_meter *)meter;
}

void transfer_meter_unref(transfer_meter *meter)
{
	if (meter)
		transfer_task_unref(meter->task);
}

transfer_meter *transfer_task_get_meter(transfer_task *task)
{
	transfer_meter *meter;

	client_lock(task->session->client);
	if (!task->meter)
		task->meter = calloc(1, sizeof(*task->meter));
	meter = task->meter;
	if (meter)
		meter->task = task;
	client_unlock(task->session->client);
	return meter;
}

void meter_free(transfer_meter *meter)
{
	free(meter);
}

/* ---- what it says; with the lock held ---- */

static int64_t known_of(int64_t told, int64_t expected_by_program)
{
	return told >= 0 ? told : expected_by_program;
}

static int64_t to_send(const transfer_task *task)
{
	return known_of(task->progress.expected_send_bytes, task->client_send_bytes);
}

static int64_t to_receive(const transfer_task *task)
{
	return known_of(task->progress.expected_receive_bytes, task->client_receive_bytes);
}

static bool is_finished(const transfer_task *task)
{
	return task->stage == TASK_STAGE_ENDED && !task->error;
}

static int64_t completed(const transfer_task *task)
{
	return task->progress.sent_bytes + task->progress.received_bytes;
}

static int64_t total(const transfer_task *task)
{
	int64_t send = to_send(task), receive = to_receive(task), all;

	if (is_finished(task))
		return completed(task);
	if (send < 0 || receive < 0)
		return TRANSFER_SIZE_UNKNOWN;
	/* what a server says, or the program, may be any number */
	return __builtin_add_overflow(send, receive, &all) ? INT64_MAX : all;
}

static double fraction(const transfer_task *task)
{
	int64_t send = to_send(task), receive = to_receive(task);
	double done = 0, all = 0;

	if (is_finished(task))
		return 1;
	if (send > 0) {
		all += (double)send;
		done += (double)task->progress.sent_bytes;
	}
	if (receive > 0) {
		all += (double)receive;
		done += (double)task->progress.received_bytes;
	}
	if (!(all > 0))
		return -1;
	return done < all ? done / all : 1;
}

#define METER_GETTER(type, name, expression) \
	type transfer_meter_##name(const transfer_meter *meter) \
	{ \
		const transfer_task *task = meter->task; \
		type value; \
\
		client_lock(task->session->client); \
		value = (expression); \
		client_unlock(task->session->client); \
		return value; \
	}

METER_GETTER(int64_t, get_total, total(task))
METER_GETTER(int64_t, get_completed, completed(task))
METER_GETTER(double, get_fraction, fraction(task))
METER_GETTER(bool, is_finished, is_finished(task))
METER_GETTER(bool, is_cancelled, task->is_cancelled)
METER_GETTER(bool, is_paused, task->n_suspensions && task->stage != TASK_STAGE_ENDED)

/* ---- the hand on it ---- */

void transfer_meter_cancel(transfer_meter *meter)
{
	transfer_task_cancel(meter->task);
}

static bool set_paused(transfer_meter *meter, bool is_paused)
{
	transfer_client *client = meter->task->session->client;
	bool was_paused;

	client_lock(client);
	was_paused = meter->has_paused;
	meter->has_paused = is_paused;
	client_unlock(client);
	return was_paused;
}

void transfer_meter_pause(transfer_meter *meter)
{
	if (!set_paused(meter, true))
		transfer_task_suspend(meter->task);
}

void transfer_meter_resume(transfer_meter *meter)
{
	if (set_paused(meter, false))
		transfer_task_resume(meter->task);
}

int transfer_meter_observe(transfer_meter *meter, transfer_meter_observer observer, void *userdata)
{
	client_lock(meter->task->session->client);
	meter->observer = observer;
	meter->userdata = userdata;
	client_unlock(meter->task->session->client);
	return 0;
}

/* ---- telling ---- */

void meter_changed(transfer_meter *meter, unsigned int changes)
{
	transfer_session *session;
	struct delivery *delivery;
	uint64_t now_us;

	if (!meter || !meter->observer || meter->waiting)
		return;
	session = meter->task->session;
	if (session->is_closing || session->is_dead)
		return;
	now_us = clock_now_us();
	if (changes == TRANSFER_TASK_CHANGED_COUNTERS &&
		now_us - meter->told_us < METER_INTERVAL_US)
		return;
	delivery = delivery_new(DELIVERY_METER, meter->task);
	if (!delivery)
		return;
	meter->told_us = now_us;
	meter->waiting = delivery;
	delivery_push_take(session, delivery);
}

void meter_forget(transfer_meter *meter, const struct delivery *delivery)
{
	if (meter && meter->waiting == delivery)
		meter->waiting = NULL;
}

bool meter_call(transfer_meter *meter)
{
	transfer_client *client = meter->task->session->client;
	transfer_meter_observer observer;
	void *userdata;

	client_lock(client);
	observer = meter->observer;
	userdata = meter->userdata;
	client_unlock(client);
	if (observer)
		observer(meter, userdata);
	return observer;
}
