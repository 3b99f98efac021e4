/* SPDX-License-Identifier: MIT */
/*
 * Wakes the application of a background session that nobody is attached to: when its last task has ended and events wait, or when one
 * of them needs an answer, the bus name of the configuration key "launch" gets the action "transfer-events"; the bus starts who is to
 * own it. Nobody waits for an answer. An application that does not attach is woken by later events, but after a time that doubles;
 * so is one that attaches and acknowledges and answers nothing, for it may end each time before it could.
 *
 * Not on the system bus: what that would start are services of other users.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/bus/bus-private.h"

/* Further tasks may end, and who has just detached may come back. */
#define LAUNCH_GRACE_US (1 * CLOCK_US_PER_S)
#define LAUNCH_AGAIN_US (30 * CLOCK_US_PER_S)
#define LAUNCH_MOST_US  (3600 * CLOCK_US_PER_S)
#define LAUNCH_ACTION   "transfer-events"

static bool can_launch(const struct bus *bus, const struct session *session)
{
	return bus->launches && session && session->kind == TRANSFER_SESSION_BACKGROUND &&
		session->config.launch && *session->config.launch;
}

static struct bus_launch *find(struct bus *bus, uint64_t session)
{
	struct bus_launch *launch;

	HASH_FIND(hh, bus->launches_wanted, &session, sizeof(session), launch);
	return launch;
}

static struct bus_launch *find_or_add(struct bus *bus, uint64_t session)
{
	struct bus_launch *launch = find(bus, session);

	if (launch)
		return launch;
	launch = calloc(1, sizeof(*launch));
	if (!launch)
		return NULL;
	launch->session = session;
	launch->wait_us = LAUNCH_AGAIN_US;
	HASH_ADD(hh, bus->launches_wanted, session, sizeof(session), launch);
	if (launch->is_unlisted) {
		free(launch);
		return NULL;
	}
	return launch;
}

void bus_launch_want(struct bus *bus, uint64_t session, bool is_asked)
{
	uint64_t now_us = clock_now_us();
	struct bus_launch *launch;

	if (bus_event_find(bus, session) || !can_launch(bus, flow_session_get(bus->flow, session)))
		return;
	launch = find_or_add(bus, session);
	if (!launch)
		return;
	launch->is_asked |= is_asked;
	if (launch->is_wanted)
		return;
	launch->is_wanted = true;
	launch->due_us = now_us + LAUNCH_GRACE_US;
	if (launch->due_us < launch->allowed_us)
		launch->due_us = launch->allowed_us;
}

static void drop(struct bus *bus, struct bus_launch *launch)
{
	HASH_DEL(bus->launches_wanted, launch);
	free(launch);
}

void bus_launch_forget(struct bus *bus, uint64_t session)
{
	struct bus_launch *launch = find(bus, session);

	if (launch)
		drop(bus, launch);
}

void bus_launch_attached(struct bus *bus, uint64_t session)
{
	struct bus_launch *launch = find(bus, session);

	if (!launch)
		return;
	launch->is_wanted = launch->is_asked = false;
	if (!launch->allowed_us)
		drop(bus, launch);
}

void bus_launch_served(struct bus *bus, uint64_t session)
{
	struct bus_launch *launch = find(bus, session);

	if (launch && !launch->is_wanted)
		drop(bus, launch);
}

static int want_what_waits(const struct session *session, void *user)
{
	if (session->n_events)
		bus_launch_want(user, session->id, false);
	return 0;
}

void bus_launch_start(struct bus *bus)
{
	flow_sessions_each(bus->flow, want_what_waits, bus);
}

static void launch_now(struct bus *bus, struct bus_launch *launch, uint64_t now_us)
{
	const struct session *session = flow_session_get(bus->flow, launch->session);
	bool is_due = session && (launch->is_asked || (session->n_events && !session->n_tasks));

	launch->is_wanted = launch->is_asked = false;
	if (!is_due || !can_launch(bus, session) || bus_event_find(bus, launch->session))
		return;
	launch->allowed_us = now_us + launch->wait_us;
	if (ipc_bus_activate(
		    bus->ipc, session->config.launch, LAUNCH_ACTION, session->identifier)) {
		log_warn("session %" PRIu64 ": cannot wake its application", launch->session);
		return;
	}
	log_info("session %" PRIu64 ": woke %s, again in %" PRIu64 " s at the earliest",
		launch->session, session->config.launch, launch->wait_us / CLOCK_US_PER_S);
	launch->wait_us = launch->wait_us < LAUNCH_MOST_US / 2 ? 2 * launch->wait_us
							       : LAUNCH_MOST_US;
}

uint64_t bus_launch_next_timer(const struct bus *bus)
{
	uint64_t due_us = UINT64_MAX;

	for (const struct bus_launch *l = bus->launches_wanted; l; l = l->hh.next)
		if (l->is_wanted && l->due_us < due_us)
			due_us = l->due_us;
	return due_us;
}

void bus_launch_tick(struct bus *bus, uint64_t now_us)
{
	struct bus_launch *launch, *next;

	HASH_ITER (hh, bus->launches_wanted, launch, next)
		if (launch->is_wanted && launch->due_us <= now_us)
			launch_now(bus, launch, now_us);
}

void bus_launch_done(struct bus *bus)
{
	struct bus_launch *launch, *next;

	HASH_ITER (hh, bus->launches_wanted, launch, next)
		drop(bus, launch);
}
