/* SPDX-License-Identifier: MIT */
/*
 * Delegate events to attached clients. Durable ones go out in order, at most a window of them unacknowledged; the rest waits in the
 * store, so a client that does not read costs a window. Progress is live only: it is merged per task, sent after the turn, never before
 * the durable events that came first, and held back while the connection's queue is long. Nothing is sent before the Attach reply.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "daemon/bus/bus-private.h"

/* ---- who is attached ---- */

struct bus_attachment *bus_event_find(struct bus *bus, uint64_t session)
{
	struct bus_attachment *attachment;

	HASH_FIND(hh, bus->attachments, &session, sizeof(session), attachment);
	return attachment;
}

uint64_t bus_event_client(struct bus *bus, const char *name)
{
	uint64_t client;

	for (struct bus_attachment *a = bus->attachments; a; a = a->hh.next)
		if (strcmp(a->name, name) == 0)
			return a->client;
	client = bus_live_client(bus, name);
	return client ? client : ++bus->next_client;
}

static void drop_progress(struct bus_attachment *attachment)
{
	struct bus_progress *progress, *next;

	HASH_ITER (hh, attachment->progress, progress, next) {
		HASH_DEL(attachment->progress, progress);
		free(progress);
	}
}

struct bus_attachment *bus_event_attach(
	struct bus *bus, uint64_t session, uint64_t client, const char *name)
{
	struct bus_attachment *attachment = bus_event_find(bus, session);

	if (attachment)
		bus_event_detach(bus, attachment);
	bus_launch_attached(bus, session);
	if (strlen(name) >= sizeof(attachment->name))
		return NULL;
	attachment = calloc(1, sizeof(*attachment));
	if (!attachment)
		return NULL;
	attachment->session = session;
	attachment->client = client;
	memcpy(attachment->name, name, strlen(name) + 1);
	HASH_ADD(hh, bus->attachments, session, sizeof(session), attachment);
	if (attachment->is_unlisted) {
		free(attachment);
		return NULL;
	}
	return attachment;
}

void bus_event_detach(struct bus *bus, struct bus_attachment *attachment)
{
	HASH_DEL(bus->attachments, attachment);
	drop_progress(attachment);
	free(attachment);
}

void bus_event_peer_left(struct bus *bus, const char *name)
{
	struct bus_attachment *attachment, *next;

	HASH_ITER (hh, bus->attachments, attachment, next) {
		int r;

		if (strcmp(attachment->name, name) != 0)
			continue;
		r = flow_detach(bus->flow, attachment->session, attachment->client);
		if (r < 0)
			log_warn("cannot detach %s: %s", name, err_text(r));
		bus_event_detach(bus, attachment);
	}
}

/* ---- durable events ---- */

static void note_sent(struct bus_attachment *attachment, uint64_t seq)
{
	attachment->in_flight[(attachment->first + attachment->n_in_flight) % BUS_WINDOW_MAX] = seq;
	attachment->n_in_flight++;
	attachment->sent_seq = seq;
}

static struct ipc_audience audience_of(const struct bus_attachment *attachment)
{
	return (struct ipc_audience){ .name = attachment->name,
		.session = { attachment->session, 0 },
		.takes_files = attachment->takes_files };
}

/* A row too large for a message goes without what a client can ask for. */
static int send_stripped(
	struct bus *bus, struct bus_attachment *attachment, const struct ipc_event *event)
{
	const struct ipc_audience to = audience_of(attachment);
	struct ipc_event_args args = *event->args;
	struct ipc_event copy = *event;

	args.response = NULL;
	args.request = NULL;
	args.userdata = NULL;
	args.n_userdata = 0;
	copy.args = &args;
	return ipc_send_event(bus->ipc, &to, &copy);
}

static int send_singly(
	struct bus *bus, struct bus_attachment *attachment, const struct ipc_event *rows, size_t n)
{
	const struct ipc_audience to = audience_of(attachment);
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = ipc_send_event(bus->ipc, &to, &rows[i]);
		if (r == -EMSGSIZE)
			r = send_stripped(bus, attachment, &rows[i]);
		if (r == 0 && rows[i].seq)
			note_sent(attachment, rows[i].seq);
	}
	return r;
}

int bus_event_send(
	struct bus *bus, struct bus_attachment *attachment, const struct ipc_event *rows, size_t n)
{
	const struct ipc_audience to = audience_of(attachment);
	int r;

	if (!attachment->is_batch)
		return send_singly(bus, attachment, rows, n);
	r = ipc_send_events(bus->ipc, &to, rows, n);
	if (r == -EMSGSIZE)
		return send_singly(bus, attachment, rows, n);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (rows[i].seq)
			note_sent(attachment, rows[i].seq);
	return r;
}

/* Progress that could not be told before the task's end is not told after it. */
static void forget_progress_of(struct bus_attachment *attachment, uint64_t task)
{
	struct bus_progress *progress;

	HASH_FIND(hh, attachment->progress, &task, sizeof(task), progress);
	if (!progress)
		return;
	HASH_DEL(attachment->progress, progress);
	free(progress);
}

static void flush_progress(struct bus *bus, struct bus_attachment *attachment);

/* One message of events. 1: there was nothing to send. */
static int pump_once(struct bus *bus, struct bus_attachment *attachment)
{
	struct ipc_event events[IPC_MAX_BATCH];
	struct arena arena = { 0 };
	struct bus_rows rows = { .bus = bus, .arena = &arena, .rows = events, .with_files = true };
	/* no further than it was told of: what is told before an event goes before it */
	struct flow_event_range range = { attachment->session, attachment->sent_seq, 0,
		attachment->last_seq };
	int r;

	rows.max = attachment->window - attachment->n_in_flight;
	if (rows.max > IPC_MAX_BATCH)
		rows.max = IPC_MAX_BATCH;
	range.limit = rows.max;
	r = flow_events_each(bus->flow, &range, bus_event_row, &rows);
	if (rows.n == 0)
		r = r < 0 ? r : 1;
	else if (r >= 0)
		r = bus_event_send(bus, attachment, events, rows.n);
	if (r == 0)
		for (size_t i = 0; i < rows.n; i++)
			if (strcmp(events[i].name, ipc_event_name(IPC_EVENT_DID_COMPLETE)) == 0)
				forget_progress_of(attachment, events[i].task.task);
	bus_event_rows_close(&rows);
	arena_done(&arena);
	return r;
}

static void pump(struct bus *bus, struct bus_attachment *attachment)
{
	int r = 0;

	if (!attachment->is_open)
		return;
	flush_progress(bus, attachment);
	while (r == 0 && attachment->sent_seq < attachment->last_seq &&
		attachment->n_in_flight < attachment->window &&
		ipc_bus_outgoing_bytes(bus->ipc) < BUS_OUTGOING_MAX_BYTES)
		r = pump_once(bus, attachment);
	/* rows that could not be read are passed over, so the newest may never come */
	if (r == 1 && attachment->n_in_flight < attachment->window)
		attachment->sent_seq = attachment->last_seq;
	if (r >= 0)
		bus_question_pump(bus, attachment);
	if (r < 0 && r != -ENOTCONN)
		log_warn("cannot send events of session %llu: %s",
			(unsigned long long)attachment->session, err_text(r));
}

void bus_event_open(struct bus *bus, struct bus_attachment *attachment)
{
	attachment->is_open = true;
	pump(bus, attachment);
}

void bus_event_acked(struct bus *bus, uint64_t session, uint64_t seq)
{
	struct bus_attachment *attachment = bus_event_find(bus, session);

	if (!attachment)
		return;
	while (attachment->n_in_flight && attachment->in_flight[attachment->first] <= seq) {
		attachment->first = (attachment->first + 1) % BUS_WINDOW_MAX;
		attachment->n_in_flight--;
	}
	pump(bus, attachment);
}

void bus_event_stored(uint64_t session, uint64_t last_seq, void *user)
{
	struct bus *bus = user;
	struct bus_attachment *attachment = bus_event_find(bus, session);

	if (!attachment) {
		bus_launch_want(bus, session, false);
		return;
	}
	/* what was told before these events goes before them */
	if (attachment->is_open)
		flush_progress(bus, attachment);
	if (last_seq > attachment->last_seq)
		attachment->last_seq = last_seq;
	pump(bus, attachment);
}

/* ---- progress ---- */

void bus_event_progress(const struct flow_progress *progress, void *user)
{
	struct bus *bus = user;
	struct bus_attachment *attachment = bus_event_find(bus, progress->session);
	struct bus_progress *held;
	uint64_t delta_bytes = progress->delta_bytes;

	if (!attachment)
		return;
	HASH_FIND(hh, attachment->progress, &progress->task, sizeof(progress->task), held);
	if (held) {
		delta_bytes += held->progress.delta_bytes;
	} else {
		held = calloc(1, sizeof(*held));
		if (!held)
			return;
		held->task = progress->task;
		HASH_ADD(hh, attachment->progress, task, sizeof(held->task), held);
		if (held->is_unlisted) {
			free(held);
			return;
		}
	}
	held->progress = *progress;
	held->progress.delta_bytes = delta_bytes;
}

static void fill_progress(
	const struct bus_progress *held, struct ipc_event *row, struct ipc_event_args *args)
{
	const struct flow_progress *progress = &held->progress;

	*args = (struct ipc_event_args){
		.file = -1,
		.body_file = -1,
		.body_pipe = -1,
		.bytes = progress->delta_bytes,
		.has_bytes = true,
		.total = progress->total_bytes,
		.has_total = true,
		.expected = progress->expected_bytes,
		.has_expected = true,
	};
	*row = (struct ipc_event){
		.task = { progress->session, progress->task },
		.name = ipc_event_name(progress->kind == TRANSFER_TASK_UPLOAD
				? IPC_EVENT_DID_SEND_BODY_DATA
				: IPC_EVENT_DID_WRITE_DATA),
		.args = args,
	};
}

static void flush_progress(struct bus *bus, struct bus_attachment *attachment)
{
	struct ipc_event_args args[64];
	struct ipc_event rows[64];

	/* not before the durable events that came first */
	while (attachment->progress && attachment->sent_seq >= attachment->last_seq &&
		ipc_bus_outgoing_bytes(bus->ipc) < BUS_OUTGOING_HIGH_BYTES) {
		struct bus_progress *held, *next;
		size_t n = 0;

		HASH_ITER (hh, attachment->progress, held, next) {
			if (n == 64)
				break;
			fill_progress(held, &rows[n], &args[n]);
			n++;
			HASH_DEL(attachment->progress, held);
			free(held);
		}
		if (bus_event_send(bus, attachment, rows, n))
			return;
	}
}

void bus_event_flush(struct bus *bus)
{
	struct bus_attachment *attachment, *next;

	HASH_ITER (hh, bus->attachments, attachment, next)
		pump(bus, attachment);
}
