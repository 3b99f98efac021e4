/* SPDX-License-Identifier: MIT */
/* The manager's QuitApplication: the explicit command that counts as a force quit. */
#include <errno.h>

#include "base/err.h"
#include "base/log.h"
#include "daemon/bus/bus-private.h"

struct quit_reply {
	struct ipc_call *call;
	struct ipc_manager_quit_application_out out;
};

static void on_quit(void *user, int error)
{
	struct quit_reply *reply = user;

	if (error)
		bus_reply_error(reply->call, error);
	else
		ipc_reply_manager_quit_application(reply->call, &reply->out);
}

int bus_quit_application(struct ipc_call *call, void *user,
	const struct ipc_manager_quit_application_in *in,
	struct ipc_manager_quit_application_out *out)
{
	struct quit_reply *reply = bus_alloc(call, sizeof(*reply));
	struct bus *bus = user;
	int r;

	(void)out;
	if (!reply)
		return err_raise(-ENOMEM);
	reply->call = call;
	r = flow_app_quit(bus->flow, ipc_call_caller(call)->uid, in->app_id, &reply->out.tasks);
	if (r)
		return bus_refuse(call, r);
	log_info("application %s quits: %llu tasks", in->app_id,
		(unsigned long long)reply->out.tasks);
	return bus_defer(bus, call, on_quit, reply);
}
