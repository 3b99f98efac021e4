/* SPDX-License-Identifier: MIT */
/* The cookie methods of org.transferd.Transfer1.Session. Values are secrets: nothing of them is logged. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "daemon/bus/bus-private.h"

struct cookie_list {
	struct ipc_call *call;
	struct ipc_cookie *rows;
	struct ipc_session_list_cookies_out out;
	char cursor[24];
};

static void on_listed(void *user, int error)
{
	struct cookie_list *list = user;

	if (error)
		bus_reply_error(list->call, error);
	else
		ipc_reply_session_list_cookies(list->call, &list->out);
}

static int on_cookie(const struct transfer_cookie *cookie, void *user)
{
	struct cookie_list *list = user;
	struct arena *arena = ipc_call_arena(list->call);
	struct ipc_cookie *row = &list->rows[list->out.n_cookies];
	int r;

	*row = (struct ipc_cookie){
		.expires_usec = cookie->expires_wall_usec,
		.has_expires_usec = cookie->expires_wall_usec != 0,
		.created_usec = cookie->created_wall_usec,
		.has_created_usec = true,
		.host_only = cookie->is_host_only,
		.has_host_only = true,
		.secure = cookie->is_secure,
		.has_secure = true,
		.http_only = cookie->is_http_only,
		.has_http_only = true,
	};
	if (cookie->same_site != TRANSFER_COOKIE_SAME_SITE_UNSET)
		row->same_site = bus_words_same_site_name(cookie->same_site);
	r = bus_view_text(arena, cookie->name, &row->name);
	if (r == 0)
		r = bus_view_text(arena, cookie->value, &row->value);
	if (r == 0)
		r = bus_view_text(arena, cookie->domain, &row->domain);
	if (r == 0)
		r = bus_view_text(arena, cookie->path, &row->path);
	list->out.n_cookies += r == 0;
	return r;
}

int bus_cookie_list(struct ipc_call *call, void *user, const struct ipc_session_list_cookies_in *in,
	struct ipc_session_list_cookies_out *out)
{
	struct flow_cookie_query query = { .session = ipc_call_path(call).session };
	struct cookie_list *list = bus_alloc(call, sizeof(*list));
	struct bus *bus = user;
	uint64_t next = 0;
	int r;

	(void)out;
	if (!list)
		return err_raise(-ENOMEM);
	list->call = call;
	list->rows = arena_alloc(ipc_call_arena(call), FLOW_LIST_MAX, sizeof(*list->rows));
	if (!list->rows)
		return err_raise(-ENOMEM);
	r = bus_list_cursor(call, in->cursor, &query.after_id);
	if (r)
		return r;
	r = live_owns(query.session)
		? live_session_cookies_each(bus->live, &query, on_cookie, list, &next)
		: flow_session_cookies_each(bus->flow, &query, on_cookie, list, &next);
	if (r)
		return bus_refuse(call, r);
	if (next)
		snprintf(list->cursor, sizeof(list->cursor), "%" PRIu64, next);
	list->out.cookies = list->rows;
	list->out.next_cursor = list->cursor;
	return bus_defer(bus, call, on_listed, list);
}

static int read_cookie(
	struct ipc_call *call, const struct ipc_cookie *from, struct transfer_cookie *to)
{
	if (!from->name || !from->domain || !from->path)
		return ipc_call_error(
			call, IPC_E_INVALID_REQUEST, "a cookie needs name, domain and path");
	*to = (struct transfer_cookie){
		.size = sizeof(*to),
		.name = from->name,
		.value = from->value ? from->value : "",
		.domain = from->domain,
		.path = from->path,
		/* 0 would be for ever */
		.expires_wall_usec =
			from->has_expires_usec && !from->expires_usec ? 1 : from->expires_usec,
		.is_host_only = from->host_only,
		.is_secure = from->secure,
		.is_http_only = from->http_only,
	};
	if (from->same_site && bus_words_same_site(from->same_site, &to->same_site))
		return ipc_call_error(
			call, IPC_E_INVALID_REQUEST, "unknown same-site '%.40s'", from->same_site);
	return 0;
}

int bus_cookie_set(struct ipc_call *call, void *user, const struct ipc_session_set_cookies_in *in)
{
	struct transfer_cookie *cookies = arena_alloc(
		ipc_call_arena(call), in->n_cookies + 1, sizeof(*cookies));
	uint64_t session = ipc_call_path(call).session;
	struct bus *bus = user;
	int r = 0;

	if (!cookies)
		return err_raise(-ENOMEM);
	for (size_t i = 0; r == 0 && i < in->n_cookies; i++)
		r = read_cookie(call, &in->cookies[i], &cookies[i]);
	if (r)
		return r;
	if (live_owns(session))
		r = live_session_set_cookies(bus->live, session, cookies, in->n_cookies);
	else
		r = flow_session_set_cookies(bus->flow, session, cookies, in->n_cookies);
	return r ? bus_refuse(call, r) : bus_defer_done(bus, call);
}

int bus_cookie_clear(struct ipc_call *call, void *user)
{
	struct bus *bus = user;
	uint64_t session = ipc_call_path(call).session;
	int r = live_owns(session) ? live_session_clear_cookies(bus->live, session)
				   : flow_session_clear_cookies(bus->flow, session);

	return r ? bus_refuse(call, r) : bus_defer_done(bus, call);
}
