/* SPDX-License-Identifier: MIT */
/*
 * Events of sessions in memory, to the connection that opened each: in order, at most a window of them and a megabyte of bodies
 * unacknowledged. The rest waits with the live layer, whose tasks then wait, too.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "daemon/bus/bus-private.h"

#define RETRY_US UINT64_C(100000)

/* One per session in memory. */
struct bus_pump {
	uint64_t session, client;
	char name[BUS_CLIENT_NAME_MAX_BYTES]; /* unique name */
	bool is_batch, takes_files;
	uint32_t window, first, n_in_flight;
	size_t in_flight_bytes;
	struct bus_sent {
		uint64_t seq;
		size_t body_bytes;
	} in_flight[BUS_WINDOW_MAX]; /* ring of what was sent and not acknowledged */
	bool is_unlisted;
	UT_hash_handle hh;
};

static struct bus_pump *find(const struct bus *bus, uint64_t session)
{
	struct bus_pump *pump;

	HASH_FIND(hh, bus->pumps, &session, sizeof(session), pump);
	return pump;
}

uint64_t bus_live_client(const struct bus *bus, const char *name)
{
	for (const struct bus_pump *p = bus->pumps; p; p = p->hh.next)
		if (strcmp(p->name, name) == 0)
			return p->client;
	return 0;
}

const char *bus_live_client_name(const struct bus *bus, uint64_t session)
{
	const struct bus_pump *pump = find(bus, session);

	return pump ? pump->name : "";
}

int bus_live_add(struct bus *bus, const struct bus_live_client *client)
{
	struct bus_pump *pump = calloc(1, sizeof(*pump));

	if (!pump)
		return err_raise(-ENOMEM);
	pump->session = client->session;
	pump->client = client->number;
	pump->is_batch = client->is_batch;
	pump->takes_files = client->takes_files;
	pump->window = client->window;
	memcpy(pump->name, client->name, strlen(client->name) + 1);
	HASH_ADD(hh, bus->pumps, session, sizeof(pump->session), pump);
	if (!pump->is_unlisted)
		return 0;
	free(pump);
	return err_raise(-ENOMEM);
}

static void drop(struct bus *bus, struct bus_pump *pump)
{
	HASH_DEL(bus->pumps, pump);
	free(pump);
}

void bus_live_gone(uint64_t session, void *user)
{
	struct bus *bus = user;
	struct bus_pump *pump = find(bus, session);

	if (pump)
		drop(bus, pump);
}

void bus_live_done(struct bus *bus)
{
	struct bus_pump *pump, *next;

	HASH_ITER (hh, bus->pumps, pump, next)
		drop(bus, pump);
}

void bus_live_peer_left(struct bus *bus, const char *name)
{
	struct bus_pump *pump, *next;
	uint64_t client = bus_live_client(bus, name);

	if (!client)
		return;
	HASH_ITER (hh, bus->pumps, pump, next)
		if (pump->client == client)
			drop(bus, pump);
	live_client_left(bus->live, client);
}

/* ---- sending ---- */

static void note_sent(struct bus_pump *pump, const struct ipc_event *row)
{
	struct bus_sent *sent =
		&pump->in_flight[(pump->first + pump->n_in_flight) % BUS_WINDOW_MAX];

	*sent = (struct bus_sent){ row->seq, row->args->n_body };
	pump->n_in_flight++;
	pump->in_flight_bytes += sent->body_bytes;
}

static int try_send(
	struct bus *bus, const struct bus_pump *pump, const struct ipc_event *rows, size_t n)
{
	const struct ipc_audience to = { .name = pump->name,
		.session = { pump->session, 0 },
		.takes_files = pump->takes_files };

	if (pump->is_batch)
		return ipc_send_events(bus->ipc, &to, rows, n);
	return n == 1 ? ipc_send_event(bus->ipc, &to, rows) : -EMSGSIZE;
}

/* What is too large for a message goes without the fields of its answer. */
static int send_stripped(struct bus *bus, const struct bus_pump *pump, const struct ipc_event *row)
{
	struct ipc_event_args args = *row->args;
	struct ipc_response response;
	struct ipc_event copy = *row;

	if (args.response) {
		response = *args.response;
		response.headers = NULL;
		response.n_headers = 0;
		args.response = &response;
	}
	args.request = NULL;
	copy.args = &args;
	return try_send(bus, pump, &copy, 1);
}

/* At once, or one by one where that is too much or not wanted. */
static int send_rows(
	struct bus *bus, const struct bus_pump *pump, const struct ipc_event *rows, size_t n)
{
	int r = try_send(bus, pump, rows, n);

	if (r != -EMSGSIZE)
		return r;
	r = 0;
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = try_send(bus, pump, &rows[i], 1);
		if (r == -EMSGSIZE)
			r = send_stripped(bus, pump, &rows[i]);
	}
	return r;
}

static bool has_room(const struct bus *bus, const struct bus_pump *pump)
{
	return pump->n_in_flight < pump->window && pump->in_flight_bytes < LIVE_WINDOW_BYTES &&
		ipc_bus_outgoing_bytes(bus->ipc) < BUS_OUTGOING_MAX_BYTES;
}

/* What was taken did not leave: the client must not wait for it for ever. */
static void lose(struct bus *bus, struct bus_pump *pump)
{
	pump->n_in_flight = 0;
	pump->in_flight_bytes = 0;
	live_session_lost(bus->live, pump->session);
}

/* One message. */
static int pump_once(struct bus *bus, struct bus_pump *pump)
{
	struct ipc_event events[IPC_MAX_BATCH];
	struct arena arena = { 0 };
	struct bus_rows rows = { .bus = bus, .arena = &arena, .rows = events };
	struct live_take take = { .session = pump->session,
		.max_fds = IPC_MAX_FDS,
		.max_bytes = LIVE_WINDOW_BYTES - pump->in_flight_bytes };
	int r, sent = 0;

	rows.max = pump->window - pump->n_in_flight;
	if (rows.max > IPC_MAX_BATCH)
		rows.max = IPC_MAX_BATCH;
	take.max_rows = rows.max;
	r = live_events_take(bus->live, &take, bus_live_row, &rows);
	if (rows.n) {
		sent = send_rows(bus, pump, events, rows.n);
		for (size_t i = 0; i < rows.n; i++)
			note_sent(pump, &events[i]);
	}
	if (sent < 0 && sent != -ENOTCONN)
		lose(bus, pump);
	bus_event_rows_close(&rows);
	arena_done(&arena);
	return r < 0 ? r : sent;
}

void bus_live_events(uint64_t session, void *user)
{
	struct bus *bus = user;
	struct bus_pump *pump = find(bus, session);
	int r = 0;

	while (pump && r == 0 && has_room(bus, pump) && live_has_events(bus->live, session))
		r = pump_once(bus, pump);
	if (r < 0 && r != -ENOTCONN)
		log_warn("cannot send events of session %" PRIu64 ": %s", session, err_text(r));
	if (r < 0)
		bus->live_retry_us = clock_now_us() + RETRY_US;
}

void bus_live_acked(struct bus *bus, uint64_t session, uint64_t seq)
{
	struct bus_pump *pump = find(bus, session);

	if (!pump)
		return;
	while (pump->n_in_flight && pump->in_flight[pump->first].seq <= seq) {
		pump->in_flight_bytes -= pump->in_flight[pump->first].body_bytes;
		pump->first = (pump->first + 1) % BUS_WINDOW_MAX;
		pump->n_in_flight--;
	}
	bus_live_events(session, bus);
}

/* What waits for room on the connection; when nothing else would bring it on. */
void bus_live_flush(struct bus *bus)
{
	struct bus_pump *pump, *next;

	bus->live_retry_us = 0;
	HASH_ITER (hh, bus->pumps, pump, next)
		if (has_room(bus, pump) && live_has_events(bus->live, pump->session))
			bus_live_events(pump->session, bus);
}

static const struct live_observer observer = {
	.events = bus_live_events,
	.session_gone = bus_live_gone,
};

const struct live_observer *bus_live_observer(void)
{
	return &observer;
}
