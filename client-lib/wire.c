/* SPDX-License-Identifier: MIT */
/*
 * The life of a session on the bus: NEW, OPENING, ATTACHING, ATTACHED, and LOST while transferd is away. A background
 * session outlives transferd, so LOST leads back to OPENING: at once when transferd went away (the call starts it again),
 * later and later when that fails, at once when it appears.
 */
#include "client-lib/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "client-lib/client.h"
#include "client-lib/configuration.h"
#include "client-lib/error.h"
#include "client-lib/event.h"
#include "client-lib/live.h"
#include "client-lib/session.h"
#include "client-lib/task.h"
#include "ipc/bus.h"
#include "ipc/proto.h"

#define WIRE_RETRY_MIN_US (100 * CLOCK_US_PER_MS)
#define WIRE_RETRY_MAX_US (10 * CLOCK_US_PER_S)

static void start_attach(transfer_session *session);

void wire_set_fields(struct ipc_task_filter *filter)
{
	static const char *const fields[] = { "id", "kind", "state", "sub-state", "url",
		"current-url", "method", "description", "priority", "destination", "source",
		"bytes-received", "bytes-expected-to-receive", "bytes-sent",
		"bytes-expected-to-send", "receive-rate", "send-rate", "not-before-usec",
		"suspend-count", "max-rate-bps", "response", "error", "checksum", "digest",
		"userdata", "request-headers" };

	filter->fields = fields;
	filter->n_fields = sizeof(fields) / sizeof(fields[0]);
}

bool wire_is_worth_repeating(int r)
{
	return r == -ECONNRESET || r == -ETIMEDOUT || r == IPC_E_SERVICE_UNKNOWN ||
		r == IPC_E_NOT_ATTACHED || r == IPC_E_NO_SPACE || r == IPC_E_BUSY;
}

static bool is_passing(int r)
{
	static const int passing[] = { -ECONNRESET, -ETIMEDOUT, -EBADMSG, -ENOMEM,
		IPC_E_SERVICE_UNKNOWN, IPC_E_SPAWN_FAILED, IPC_E_FAILED, IPC_E_NO_MEMORY,
		IPC_E_BUSY, IPC_E_NO_SPACE, IPC_E_LIMITS_EXCEEDED, IPC_E_LIMIT_REACHED,
		IPC_E_UNKNOWN_OBJECT, IPC_E_UNKNOWN_METHOD };

	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
		if (passing[i] == r)
			return true;
	}
	return false;
}

void wire_reopen(transfer_session *session)
{
	if (session->phase != SESSION_ATTACHED)
		return;
	if (live_is(session)) {
		live_lost(session);
		return;
	}
	session->phase = SESSION_LOST;
	session->owner[0] = '\0';
	session->retry_us = 0;
}

void wire_owner_changed(transfer_session *session, const char *owner)
{
	if (session->is_dead || (owner && !strcmp(owner, session->owner)))
		return;
	if (live_is(session)) {
		live_lost(session);
		return;
	}
	wire_reopen(session);
	if (session->phase == SESSION_LOST && owner)
		session->retry_us = 0;
}

void wire_lost(transfer_session *session)
{
	transfer_error *error;

	if (session->phase == SESSION_GONE || session->is_dead)
		return;
	if (live_is(session)) {
		session->phase = SESSION_ATTACHED;
		live_lost(session); /* all that it had, wherever it was */
		live_end_rest(session);
	}
	session->phase = SESSION_LOST;
	session->retry_us = CLIENT_FOREVER;
	if (session->is_end_queued)
		return; /* it was invalidated, and waited for its tasks */
	error = error_new_url(TRANSFER_ERROR_BACKGROUND_SESSION_DISCONNECTED, NULL);
	if (session->is_opened) {
		session_die(session, error);
		return;
	}
	session->is_dead = session->is_opened = true;
	session->open_result = -ENOTCONN;
	session->open_error = error;
}

/* ---- opening ---- */

/* The first open failed for good: the thread in transfer_session_new() is told. error: taken. */
static void give_up_open(transfer_session *session, int error_no, transfer_error *error)
{
	session->open_result = error_no;
	session->open_error = error;
	session->is_opened = session->is_dead = true;
	session->phase = SESSION_LOST;
	session->retry_us = CLIENT_FOREVER;
	client_changed(session->client);
}

static void refuse_open(transfer_session *session, int r, const char *text)
{
	int error_no = error_to_errno(r);
	transfer_error *error = error_new_ipc(r, NULL, text);

	if (error_no == -ENOTCONN || error_no == -ETIMEDOUT) {
		error_no = -ENOTCONN;
		error = error_new(&(struct error_init){
			.domain = TRANSFER_DOMAIN_URL,
			.code = TRANSFER_ERROR_BACKGROUND_SESSION_DISCONNECTED,
			.message = transfer_error_get_message(error),
			.hint = transfer_error_get_hint(error),
			.underlying = error,
		});
	}
	give_up_open(session, error_no, error);
}

/* TRANSFER_CLIENT_NO_AUTOSTART: it is tried again when transferd is there. */
static void no_service(transfer_session *session)
{
	session->phase = SESSION_LOST;
	session->retry_us = CLIENT_FOREVER;
	if (live_is(session))
		live_unopened(session, error_new_bus(TRANSFER_BUS_ERROR_NOT_RUNNING));
	else if (!session->is_opened)
		give_up_open(session, -ENOTCONN, error_new_bus(TRANSFER_BUS_ERROR_NOT_RUNNING));
}

static void open_failed(transfer_session *session, int r, const char *text)
{
	uint64_t wait_us;

	if (session->phase == SESSION_GONE || session->is_dead)
		return;
	if (r == IPC_E_SERVICE_UNKNOWN && session->client->flags & TRANSFER_CLIENT_NO_AUTOSTART) {
		no_service(session);
		return;
	}
	if (live_is(session)) {
		live_opened(session, r, text, (struct ipc_path){ 0 });
		return;
	}
	if (!session->is_opened) {
		session->phase = SESSION_NEW;
		client_wake(session->client);
		if (r != -ECONNRESET || session->n_failures++)
			refuse_open(session, r, text);
		return;
	}
	session->phase = SESSION_LOST;
	if (!is_passing(r)) {
		session->retry_us = CLIENT_FOREVER;
		session_die(
			session, r == IPC_E_SESSION_INVALID ? NULL : error_new_ipc(r, NULL, text));
		return;
	}
	wait_us = WIRE_RETRY_MIN_US << (session->n_failures < 7 ? session->n_failures : 7);
	session->n_failures++;
	session->retry_us = clock_now_us() +
		(wait_us < WIRE_RETRY_MAX_US ? wait_us : WIRE_RETRY_MAX_US);
}

/* transferd came back without the session: what was under way will not be told any more. */
static void forget_all(transfer_session *session)
{
	transfer_task *task, *next;

	HASH_ITER (hh, session->tasks, task, next)
		session_complete_locally(session, task,
			error_new_url(TRANSFER_ERROR_BACKGROUND_SESSION_DISCONNECTED,
				transfer_request_get_url(task->request)));
	session->last_seen_seq = session->done_seq = session->acked_seq = 0;
}

static void on_opened(
	void *user, int r, const char *text, const struct ipc_manager_open_session_out *out)
{
	transfer_session *session = user;
	bool created;

	client_lock(session->client);
	if (session->phase != SESSION_OPENING) {
		/* removed, or the bus is gone */
	} else if (r) {
		open_failed(session, r, text);
	} else if (live_is(session)) {
		live_opened(session, 0, NULL, out->session);
		client_wake(session->client);
	} else {
		created = out->info.disposition && !strcmp(out->info.disposition, "created");
		session->path = out->session;
		if (!session->n_attached)
			session->is_reassociated = !created;
		else if (created)
			forget_all(session);
		start_attach(session);
	}
	client_unlock(session->client);
	session_memory_unref(session);
}

static void start_open(transfer_session *session)
{
	bool is_live = live_is(session);

	struct ipc_bus *bus = session->client->bus;
	struct ipc_manager_open_session_in in;
	struct arena arena = { 0 };
	int r;

	session->phase = SESSION_OPENING;
	session_memory_ref(session); /* of the call */
	r = configuration_to_ipc(session->config, &arena, &in);
	if (!r && is_live)
		r = live_fill_open(session, &arena, &in);
	if (!r)
		r = ipc_start_manager_open_session(
			bus, (struct ipc_path){ 0 }, &in, on_opened, session);
	arena_done(&arena);
	if (r) {
		open_failed(session, r, NULL);
		session_memory_unref(session);
	}
}

/* ---- attaching ---- */

static size_t list_implemented(
	const struct transfer_session_delegate *to, const char *names[WIRE_MAX_SIGNALS])
{
	const struct {
		bool has;
		enum ipc_event_kind kind;
	} signals[] = {
		{ to->download_did_write, IPC_EVENT_DID_WRITE_DATA },
		{ to->task_did_send, IPC_EVENT_DID_SEND_BODY_DATA },
		{ to->data_did_receive, IPC_EVENT_DID_RECEIVE_DATA },
		{ to->download_did_resume, IPC_EVENT_DID_RESUME_AT_OFFSET },
		{ to->task_did_collect_metrics, IPC_EVENT_DID_FINISH_COLLECTING_METRICS },
		{ to->task_will_begin_delayed_request, IPC_EVENT_WILL_BEGIN_DELAYED_REQUEST },
		{ true, IPC_EVENT_DID_FINISH_DOWNLOADING },
		{ true, IPC_EVENT_DID_COMPLETE },
		{ true, IPC_EVENT_DID_FINISH_BACKGROUND_EVENTS },
		{ true, IPC_EVENT_DID_BECOME_INVALID },
	};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (signals[i].has)
			names[n++] = ipc_event_name(signals[i].kind);
	}
	names[n++] = IPC_EVENTS_FILE;
	return n;
}

static void take_snapshot(transfer_session *session, const struct ipc_session_attach_out *out)
{
	for (size_t i = 0; i < out->n_tasks; i++) {
		transfer_task *task = session_find_task(session, out->tasks[i].id);

		if (task)
			task_update(task, &out->tasks[i]);
	}
	session->acked_seq = out->last_acked;
	if (!session->n_attached++)
		session->last_seen_seq = session->done_seq = out->last_acked;
}

/* transferd tells the end of what waited only when something did; an application may rely on being told. */
static void tell_nothing_waited(transfer_session *session, const struct ipc_session_attach_out *out)
{
	struct delivery *delivery;

	if (session->is_drained || out->last_seq > out->last_acked)
		return;
	delivery = delivery_new(DELIVERY_DRAINED, NULL);
	if (!delivery)
		return;
	event_drain_take(session, delivery);
}

static void on_attached(
	void *user, int r, const char *text, const struct ipc_session_attach_out *out)
{
	transfer_session *session = user;
	const char *owner;

	client_lock(session->client);
	if (session->phase != SESSION_ATTACHING) {
		/* removed, or the bus is gone */
	} else if (r) {
		open_failed(session, r, text);
	} else {
		take_snapshot(session, out);
		tell_nothing_waited(session, out);
		owner = ipc_bus_service_owner(session->client->bus);
		snprintf(session->owner, sizeof(session->owner), "%s", owner ? owner : "");
		session->phase = SESSION_ATTACHED;
		if (session->n_attached == 1)
			event_meet(session, out->tasks, out->n_tasks);
		session->n_failures = 0;
		session->is_opened = true;
		client_changed(session->client);
	}
	client_unlock(session->client);
	session_memory_unref(session);
}

static void start_attach(transfer_session *session)
{
	const char *names[WIRE_MAX_SIGNALS];
	struct ipc_session_attach_in in = {
		.options = {
			.window = WIRE_WINDOW,
			.has_window = true,
			.batch = true,
			.has_batch = true,
			.implements = names,
			.n_implements = list_implemented(&session->delegate, names),
		},
	};
	int r;

	session->phase = SESSION_ATTACHING;
	session_memory_ref(session); /* of the call */
	r = ipc_start_session_attach(
		session->client->bus, session->path, &in, on_attached, session);
	if (r) {
		open_failed(session, r, NULL);
		session_memory_unref(session);
	}
}

/* ---- attached ---- */

static void on_acknowledged(void *user, int r, const char *text)
{
	transfer_session *session = user;

	(void)text;
	client_lock(session->client);
	session->is_acking = false;
	if (wire_is_worth_repeating(r))
		wire_reopen(session);
	else if (session->acking_seq > session->acked_seq)
		session->acked_seq = session->acking_seq;
	client_changed(session->client);
	client_unlock(session->client);
	session_memory_unref(session);
}

void wire_acknowledge(transfer_session *session)
{
	struct ipc_session_acknowledge_in in = { .seq = session->done_seq };

	if (session->is_acking || session->done_seq <= session->acked_seq ||
		(live_is(session) && !live_is_ack_due(session)))
		return;
	session_memory_ref(session); /* of the call */
	if (ipc_start_session_acknowledge(
		    session->client->bus, session->path, &in, on_acknowledged, session)) {
		session_memory_unref(session);
		wire_reopen(session);
		return;
	}
	session->unacked_bytes = 0;
	session->wants_ack = false;
	session->acking_seq = in.seq;
	session->is_acking = true;
}

static void on_detached(void *user, int r, const char *text)
{
	transfer_session *session = user;

	(void)r;
	(void)text;
	client_lock(session->client);
	session_remove(session);
	client_unlock(session->client);
	session_memory_unref(session);
}

static bool has_something_to_say(const transfer_session *session)
{
	return !TAILQ_EMPTY(&session->commands) || !TAILQ_EMPTY(&session->flight) ||
		session->is_running || session->done_seq > session->acked_seq;
}

static void detach(transfer_session *session)
{
	if (has_something_to_say(session) || session->is_acking || session->is_fetching)
		return;
	session->phase = SESSION_DETACHING;
	session_memory_ref(session); /* of the call */
	if (ipc_start_session_detach(session->client->bus, session->path, on_detached, session)) {
		session_memory_unref(session);
		session_remove(session);
	}
}

static void pump_attached(transfer_session *session)
{
	event_pump(session);
	wire_acknowledge(session);
	if (session->phase == SESSION_ATTACHED)
		command_pump(session);
	if (session->phase == SESSION_ATTACHED && session->is_closing)
		detach(session);
}

void wire_start(transfer_session *session)
{
	start_open(session);
}

void wire_pump(transfer_session *session)
{
	bool is_idle;

	if (live_is(session)) {
		live_pump(session);
		return;
	}
	is_idle = session->is_closing && (session->is_dead || !has_something_to_say(session));

	switch (session->phase) {
	case SESSION_NEW:
		start_open(session);
		break;
	case SESSION_LOST:
		if (is_idle)
			session_remove(session);
		else if (!session->is_dead && clock_now_us() >= session->retry_us)
			start_open(session);
		break;
	case SESSION_ATTACHED:
		pump_attached(session);
		break;
	case SESSION_OPENING:
	case SESSION_ATTACHING:
	case SESSION_DETACHING:
	case SESSION_GONE:
		break;
	}
}
