/* SPDX-License-Identifier: MIT */
/*
 * Calls that name files: what is there is asked by scouts (daemon/scouts.h), for this thread waits for no disk. A handler that names
 * some leaves, and is run again from its beginning when they are back, with what they have found.
 */
#include <errno.h>

#include "base/err.h"
#include "daemon/bus/bus-private.h"
#include "daemon/look.h"
#include "daemon/scouts.h"

static bool names_any(const struct bus_look *names)
{
	for (size_t i = 0; i < names->n; i++) {
		const struct look_names *n = &names->names[i];

		if (n->destination || n->ca_file || n->source_path)
			return true;
	}
	return false;
}

static int fill(struct look *look, const struct bus_look *names)
{
	int r = 0;

	for (size_t i = 0; !r && i < names->n; i++)
		r = look_add(look, &names->names[i]);
	return r;
}

static int send(struct bus *bus, struct ipc_call *call, const struct bus_look *names)
{
	struct look *look = look_new(names->n);
	const struct scouts_who who = { ipc_call_caller(call)->uid, names->app_id };
	uint64_t ticket;
	int r = look ? fill(look, names) : err_raise(-ENOMEM);

	if (r) {
		look_free(look);
		return r;
	}
	if (scouts_send_take(bus->scouts, look, &who, &ticket))
		return ipc_call_error(call, IPC_E_BUSY, "too many calls wait for a file system");
	return ipc_call_hold(call, ticket);
}

int bus_look(struct bus *bus, struct ipc_call *call, const struct bus_look *names,
	struct look_answer **ret_seen)
{
	*ret_seen = NULL;
	if (bus->is_looked && !bus->seen)
		return ipc_call_error(
			call, IPC_E_BUSY, "the file system of a path does not answer");
	if (bus->is_looked) {
		*ret_seen = bus->seen->answers;
		return 0;
	}
	/* without scouts nobody else is kept waiting */
	if (!bus->scouts)
		return 0;
	if (names_any(names))
		return send(bus, call, names);
	*ret_seen = arena_alloc(ipc_call_arena(call), names->n + 1, sizeof(**ret_seen));
	if (!*ret_seen)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < names->n; i++)
		(*ret_seen)[i].source_fd = -1;
	return 0;
}

void bus_looked(uint64_t ticket, struct look *look, void *user)
{
	struct bus *bus = user;

	bus->is_looked = true;
	bus->seen = look;
	(void)ipc_call_go_on(bus->ipc, ticket);
	bus->is_looked = false;
	bus->seen = NULL;
}
