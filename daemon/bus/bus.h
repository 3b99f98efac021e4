/* SPDX-License-Identifier: MIT */
/*
 * The daemon on the message bus: one handler per method (bus-manager.c, bus-list.c, bus-session.c, bus-task.c, …), delegate events to attached
 * clients (bus-event.c), property changes to whoever listens (bus-change.c). It decides nothing: it asks the flow.
 *
 * Main thread. bus_dispatch() and bus_tick() run inside a turn of the flow; bus_flush() after it.
 */
#ifndef BUS_BUS_H
#define BUS_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "ipc/bus.h"

struct bus;
struct flow;
struct flow_observer;
struct live;
struct live_observer;
struct look;
struct scouts;

enum {
	BUS_E_NAME_TAKEN = 1, /* another transferd serves this bus */
};

struct bus_config {
	enum ipc_bus_kind kind;
	const char *address; /* for IPC_BUS_ADDRESS */
	const char *spool_dir; /* for statistics; borrowed */
};

/* Connects. 0 or -errno. */
int bus_new(const struct bus_config *config, struct bus **ret_bus);
struct bus *bus_free(struct bus *bus); /* NULL is fine */

/* What the flow tells us; user is the bus. */
const struct flow_observer *bus_observer(void);
/* Before the flow tells anything, which it does from flow_start() on: what it tells is looked up there. Borrowed. */
void bus_set_flow(struct bus *bus, struct flow *flow);
/* The same for sessions in memory; NULL while it is taken down. user is the bus. */
void bus_set_live(struct bus *bus, struct live *live);
const struct live_observer *bus_live_observer(void);
/* Who is sent to look at files that calls name; without them it is done here. Borrowed. */
void bus_set_scouts(struct bus *bus, struct scouts *scouts);
/* A scouts_fn: the call that waits for this goes on. Inside a turn. */
void bus_looked(uint64_t ticket, struct look *look, void *user);
/* Serves the objects and takes the name. 0, BUS_E_NAME_TAKEN, -errno. */
int bus_start(struct bus *bus);

/* Gives the name back: new calls go to the next transferd, those that came are still answered. */
void bus_stop(struct bus *bus);

int bus_fd(const struct bus *bus);
bool bus_read(struct bus *bus); /* is there anything for bus_dispatch()? */
int bus_dispatch(struct bus *bus); /* 0, or -ENOTCONN: the bus is gone */
/* Sends what was gathered in the turn. */
void bus_flush(struct bus *bus);
/* When bus_tick() is due, CLOCK_MONOTONIC; UINT64_MAX: not at all. */
uint64_t bus_next_timer(const struct bus *bus);
void bus_tick(struct bus *bus, uint64_t now_us);
/* Writes what waits, for at most timeout_ms: before exit. */
void bus_drain(struct bus *bus, int timeout_ms);
/* Last method call, CLOCK_MONOTONIC: somebody uses us. */
uint64_t bus_last_call_us(const struct bus *bus);
bool bus_is_name_lost(const struct bus *bus);

#endif
