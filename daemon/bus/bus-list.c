/* SPDX-License-Identifier: MIT */
/* ListTasks and GetProgress: pages of tasks that match a filter. Rows are made when the flow shows a task, and sent after the commit. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "daemon/bus/bus-private.h"

static int read_words(
	struct ipc_call *call, const struct ipc_task_filter *filter, struct flow_query *query)
{
	const char *bad = "";
	int r = bus_words_task_kinds(filter->kinds, filter->n_kinds, &query->kinds_mask, &bad);

	if (r == 0)
		r = bus_words_task_states(
			filter->states, filter->n_states, &query->states_mask, &bad);
	if (r == 0)
		r = bus_words_sub_states(
			filter->sub_states, filter->n_sub_states, &query->sub_states_mask, &bad);
	return r ? ipc_call_error(call, r, "unknown word '%.40s' in the filter", bad) : 0;
}

static int read_filter(struct bus *bus, struct ipc_call *call, const struct ipc_task_filter *filter,
	struct flow_query *query)
{
	uid_t uid = ipc_call_caller(call)->uid;
	const struct session *session = NULL;

	*query = (struct flow_query){
		.uid = uid,
		.ids = filter->ids,
		.n_ids = filter->n_ids,
		.first_id = filter->first_id,
		.last_id = filter->last_id,
		.include_finished = filter->include_finished,
		.app_id = filter->app_id,
		.name_glob = filter->name_glob,
		.limit = FLOW_LIST_MAX,
	};
	if (filter->session && !filter->app_id && !filter->has_session_path &&
		flow_session_is_ambiguous(bus->flow, uid, filter->session))
		return ipc_call_error(call, IPC_E_INVALID_REQUEST, "%s", BUS_AMBIGUOUS_SESSION);
	if (filter->session)
		session = flow_session_find(bus->flow, uid, filter->app_id, filter->session);
	if (filter->has_session_path)
		session = bus_session_get(bus, filter->session_path.session);
	if ((filter->session || filter->has_session_path) && (!session || session->uid != uid))
		return bus_refuse(call, FLOW_E_NO_SUCH_SESSION);
	query->session = session ? session->id : 0;
	return read_words(call, filter, query);
}

struct task_list {
	struct ipc_call *call;
	struct bus *bus;
	uint64_t fields;
	struct ipc_manager_list_tasks_out out;
	struct ipc_task *rows;
	char cursor[24];
};

static int on_listed_task(const struct task *task, void *user)
{
	struct task_list *list = user;
	int r;

	if (list->out.n_tasks == FLOW_LIST_MAX)
		return 0;
	r = bus_view_task(list->bus, task, list->fields, ipc_call_arena(list->call),
		&list->rows[list->out.n_tasks]);
	list->out.n_tasks += r == 0;
	return r;
}

/* Who names one wants it. */
static bool names_live(const struct flow_query *query)
{
	for (size_t i = 0; i < query->n_ids; i++)
		if (live_owns(query->ids[i]))
			return true;
	return live_owns(query->session) || live_owns(query->first_id);
}

/* Those in memory come last: their numbers are behind all others. */
static int each(
	struct task_list *list, struct flow_query *query, bool includes_live, uint64_t *ret_next)
{
	bool is_live_only = live_owns(query->session) || live_owns(query->after_id);
	struct bus *bus = list->bus;
	int r = 0;

	*ret_next = 0;
	if (!is_live_only)
		r = flow_tasks_each(bus->flow, query, on_listed_task, list, ret_next);
	if (r || *ret_next || !bus->live || !(includes_live || names_live(query)))
		return r;
	if (list->out.n_tasks >= query->limit) {
		*ret_next = LIVE_ID_FIRST;
		return 0;
	}
	query->limit -= list->out.n_tasks;
	query->after_id = live_owns(query->after_id) ? query->after_id : LIVE_ID_FIRST;
	return live_tasks_each(bus->live, query, on_listed_task, list, ret_next);
}

static void on_tasks_listed(void *user, int error)
{
	struct task_list *list = user;

	if (error)
		bus_reply_error(list->call, error);
	else
		ipc_reply_manager_list_tasks(list->call, &list->out);
}

/* A cursor is the last id of the page before, and opaque to clients. */
int bus_list_cursor(struct ipc_call *call, const char *cursor, uint64_t *ret_after_id)
{
	char *end;

	*ret_after_id = 0;
	if (!cursor[0])
		return 0;
	errno = 0;
	*ret_after_id = strtoull(cursor, &end, 10);
	if (errno || *end || cursor[0] < '0' || cursor[0] > '9')
		return ipc_call_error(call, IPC_E_STALE_CURSOR, "not a cursor of ours");
	return 0;
}

int bus_list_tasks(struct ipc_call *call, void *user, const struct ipc_manager_list_tasks_in *in,
	struct ipc_manager_list_tasks_out *out)
{
	struct task_list *list = bus_alloc(call, sizeof(*list));
	struct bus *bus = user;
	struct flow_query query;
	const char *bad = "";
	uint64_t next = 0;
	int r;

	(void)out;
	if (!list)
		return err_raise(-ENOMEM);
	*list = (struct task_list){ .call = call, .bus = bus };
	list->rows = arena_alloc(ipc_call_arena(call), FLOW_LIST_MAX, sizeof(*list->rows));
	if (!list->rows)
		return err_raise(-ENOMEM);
	r = read_filter(bus, call, &in->filter, &query);
	if (r == 0)
		r = bus_list_cursor(call, in->cursor, &query.after_id);
	if (r)
		return r;
	if (bus_view_fields(in->filter.fields, in->filter.n_fields, &list->fields, &bad))
		return ipc_call_error(call, IPC_E_INVALID_REQUEST, "unknown field '%.40s'", bad);
	if (in->limit && in->limit < FLOW_LIST_MAX)
		query.limit = in->limit;
	r = each(list, &query, in->filter.include_in_app, &next);
	if (r)
		return bus_refuse(call, r);
	if (next)
		snprintf(list->cursor, sizeof(list->cursor), "%" PRIu64, next);
	list->out.tasks = list->rows;
	list->out.next_cursor = list->cursor;
	return bus_defer(bus, call, on_tasks_listed, list);
}

struct progress_list {
	struct ipc_call *call;
	struct bus *bus;
	struct ipc_manager_get_progress_out out;
	struct ipc_progress *rows;
};

static int on_progress_task(const struct task *task, void *user)
{
	struct progress_list *list = user;
	struct ipc_task row;
	int r;

	if (list->out.n_changed == FLOW_LIST_MAX)
		return 0;
	r = bus_view_task(list->bus, task, 0, ipc_call_arena(list->call), &row);
	if (r)
		return r;
	list->rows[list->out.n_changed++] = (struct ipc_progress){
		.id = task->id,
		.sub_state = bus_view_sub_state(list->bus, task),
		.received = row.bytes_received,
		.expected_to_receive = row.bytes_expected_to_receive,
		.sent = row.bytes_sent,
		.expected_to_send = row.bytes_expected_to_send,
		.receive_rate = row.receive_rate,
		.send_rate = row.send_rate,
	};
	return 0;
}

static void on_progress_listed(void *user, int error)
{
	struct progress_list *list = user;

	if (error)
		bus_reply_error(list->call, error);
	else
		ipc_reply_manager_get_progress(list->call, &list->out);
}

/* Those in memory have no generations: all that match. */
static int each_changed(struct progress_list *list, struct flow_query *query, bool includes_live)
{
	struct bus *bus = list->bus;
	uint64_t next;
	int r = 0;

	if (!live_owns(query->session))
		r = flow_progress_each(
			bus->flow, query, &list->out.generation, on_progress_task, list);
	if (r || !bus->live || !(includes_live || names_live(query)))
		return r;
	query->after_id = LIVE_ID_FIRST;
	return live_tasks_each(bus->live, query, on_progress_task, list, &next);
}

int bus_list_progress(struct ipc_call *call, void *user,
	const struct ipc_manager_get_progress_in *in, struct ipc_manager_get_progress_out *out)
{
	struct progress_list *list = bus_alloc(call, sizeof(*list));
	struct bus *bus = user;
	struct flow_query query;
	int r;

	(void)out;
	if (!list)
		return err_raise(-ENOMEM);
	*list = (struct progress_list){ .call = call, .bus = bus };
	list->rows = arena_alloc(ipc_call_arena(call), FLOW_LIST_MAX, sizeof(*list->rows));
	if (!list->rows)
		return err_raise(-ENOMEM);
	r = read_filter(bus, call, &in->filter, &query);
	if (r)
		return r;
	list->out.generation = in->since;
	r = each_changed(list, &query, in->filter.include_in_app);
	if (r)
		return bus_refuse(call, r);
	list->out.changed = list->rows;
	return bus_defer(bus, call, on_progress_listed, list);
}
