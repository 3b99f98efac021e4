/* SPDX-License-Identifier: MIT */
/* org.transferd.Transfer1.Task: the verbs of one task, and its properties. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "daemon/bus/bus-private.h"

static void on_failure(uint64_t id, int error, void *user)
{
	int *failure = user;

	(void)id;
	*failure = error;
}

/* ---- of whichever kind ---- */

int bus_task_look(struct bus *bus, uint64_t id, flow_task_fn fn, void *user)
{
	if (!live_owns(id))
		return flow_task_look(bus->flow, id, fn, user);
	return bus->live ? live_task_look(bus->live, id, fn, user) : FLOW_E_NO_SUCH_TASK;
}

/* The ids that are the live layer's come last. 0 or -ENOMEM; *ret_n_flow of them are not. */
static int sort_ids(const uint64_t *ids, size_t n, uint64_t **ret_ids, size_t *ret_n_flow)
{
	uint64_t *sorted = reallocarray(NULL, n + 1, sizeof(*sorted));
	size_t n_flow = 0, at;

	if (!sorted)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < n; i++)
		if (!live_owns(ids[i]))
			sorted[n_flow++] = ids[i];
	at = n_flow;
	for (size_t i = 0; i < n; i++)
		if (live_owns(ids[i]))
			sorted[at++] = ids[i];
	*ret_ids = sorted;
	*ret_n_flow = n_flow;
	return 0;
}

static bool has_live(const struct bus *bus, const uint64_t *ids, size_t n)
{
	for (size_t i = 0; bus->live && i < n; i++)
		if (live_owns(ids[i]))
			return true;
	return false;
}

int bus_task_steer(struct bus *bus, const struct flow_steer *steer, flow_failure_fn fn, void *user)
{
	cleanup_(cleanup_free) uint64_t *ids = NULL;
	struct flow_steer part = *steer;
	size_t n_flow = 0;
	int r;

	if (!has_live(bus, steer->ids, steer->n_ids))
		return flow_tasks_steer(bus->flow, steer, fn, user);
	r = sort_ids(steer->ids, steer->n_ids, &ids, &n_flow);
	part.ids = ids;
	part.n_ids = n_flow;
	if (!r && n_flow)
		r = flow_tasks_steer(bus->flow, &part, fn, user);
	if (r)
		return r;
	part.ids = ids + n_flow;
	part.n_ids = steer->n_ids - n_flow;
	return live_tasks_steer(bus->live, &part, fn, user);
}

int bus_task_set(
	struct bus *bus, const struct flow_changes *changes, flow_failure_fn fn, void *user)
{
	cleanup_(cleanup_free) uint64_t *ids = NULL;
	struct flow_changes part = *changes;
	size_t n_flow = 0;
	int r;

	if (!has_live(bus, changes->ids, changes->n_ids))
		return flow_tasks_set(bus->flow, changes, fn, user);
	r = sort_ids(changes->ids, changes->n_ids, &ids, &n_flow);
	part.ids = ids;
	part.n_ids = n_flow;
	if (!r && n_flow)
		r = flow_tasks_set(bus->flow, &part, fn, user);
	if (r)
		return r;
	part.ids = ids + n_flow;
	part.n_ids = changes->n_ids - n_flow;
	return live_tasks_set(bus->live, &part, fn, user);
}

/* ---- verbs ---- */

static int steer(struct bus *bus, struct ipc_call *call, struct flow_steer request)
{
	uint64_t id = ipc_call_path(call).task;
	int failure = 0, r;

	request.uid = (uid_t)-1; /* the check knows whose task it is */
	request.ids = &id;
	request.n_ids = 1;
	r = bus_task_steer(bus, &request, on_failure, &failure);
	/* ending what has ended changes nothing */
	if (request.verb == FLOW_VERB_CANCEL && failure == FLOW_E_TASK_FINISHED)
		failure = 0;
	/* suspending or resuming while it ends comes too late */
	if ((request.verb == FLOW_VERB_RESUME || request.verb == FLOW_VERB_SUSPEND) &&
		(failure == FLOW_E_BUSY || failure == FLOW_E_SESSION_INVALID))
		failure = FLOW_E_TASK_FINISHED;
	if (r == 0)
		r = failure;
	return r ? bus_refuse(call, r) : bus_defer_done(bus, call);
}

static int resume(struct ipc_call *call, void *user)
{
	return steer(user, call, (struct flow_steer){ .verb = FLOW_VERB_RESUME });
}

static int suspend(struct ipc_call *call, void *user)
{
	return steer(user, call, (struct flow_steer){ .verb = FLOW_VERB_SUSPEND });
}

static int cancel(struct ipc_call *call, void *user, const struct ipc_task_cancel_in *in)
{
	return steer(user, call,
		(struct flow_steer){ .verb = FLOW_VERB_CANCEL,
			.delete_partial = in->options.delete_partial,
			.cancelled_reason = in->options.cancelled_reason });
}

static int retry(struct ipc_call *call, void *user)
{
	return steer(user, call, (struct flow_steer){ .verb = FLOW_VERB_RETRY });
}

static int remove_task(struct ipc_call *call, void *user)
{
	return steer(user, call, (struct flow_steer){ .verb = FLOW_VERB_REMOVE });
}

static void on_resume_data(void *user, int error, const void *data, size_t size)
{
	struct ipc_task_cancel_producing_resume_data_out out = { data, size };
	struct ipc_call *call = user;

	if (error)
		bus_reply_error(call, error);
	else
		ipc_reply_task_cancel_producing_resume_data(call, &out);
}

static int cancel_producing_resume_data(
	struct ipc_call *call, void *user, struct ipc_task_cancel_producing_resume_data_out *out)
{
	struct bus *bus = user;
	uint64_t id = ipc_call_path(call).task;
	int r;

	(void)out;
	if (live_owns(id))
		r = live_task_cancel_resumable(bus->live, id, on_resume_data, call);
	else
		r = flow_task_cancel_resumable(bus->flow, id, on_resume_data, call);
	return r ? bus_refuse(call, r) : IPC_DEFERRED;
}

/* ---- properties ---- */

struct reading {
	struct bus *bus;
	struct arena *arena;
	uint64_t wanted;
	struct ipc_task_properties *ret;
};

static bool wants(const struct reading *reading, enum ipc_task_property property)
{
	return reading->wanted >> property & 1;
}

static int read_large(const struct task *task, const struct reading *reading)
{
	struct ipc_task_properties *ret = reading->ret;
	struct bus_view_error error = { .result = &task->result,
		.failing_url = task->failing_url,
		.is_resumable = flow_task_is_resumable(task) };
	int r = 0;

	if (wants(reading, IPC_TASK_ORIGINAL_REQUEST))
		r = bus_view_request(task, false, reading->arena, &ret->original_request);
	if (r == 0 && wants(reading, IPC_TASK_CURRENT_REQUEST))
		r = bus_view_request(task, true, reading->arena, &ret->current_request);
	if (r == 0 && wants(reading, IPC_TASK_RESPONSE))
		r = bus_view_response(task, reading->arena, &ret->response);
	if (r == 0 && wants(reading, IPC_TASK_ERROR) && task->state == TASK_STATE_COMPLETED)
		r = bus_view_error(&error, reading->arena, &ret->error);
	if (r == 0 && wants(reading, IPC_TASK_METRICS))
		r = bus_view_metrics(task, reading->arena, &ret->metrics);
	return r;
}

static int on_task(const struct task *task, void *user)
{
	struct reading *reading = user;
	struct ipc_task_properties *ret = reading->ret;
	struct ipc_task row;
	int r = bus_view_task(reading->bus, task, bus_view_all_fields(), reading->arena, &row);

	if (r)
		return r;
	ret->id = task->id;
	ret->session = (struct ipc_path){ task->session, 0 };
	ret->created_usec = task->created_wall_us;
	ret->kind = row.kind;
	ret->state = row.state;
	ret->sub_state = row.sub_state;
	ret->attempts = task->attempts;
	ret->next_retry_usec = task->state == TASK_STATE_WAITING ? task->due_wall_us : 0;
	ret->description = row.description ? row.description : "";
	ret->priority = task->request.priority;
	ret->bytes_received = row.bytes_received;
	ret->bytes_expected_to_receive = row.bytes_expected_to_receive;
	ret->bytes_sent = row.bytes_sent;
	ret->bytes_expected_to_send = row.bytes_expected_to_send;
	ret->receive_rate = row.receive_rate;
	ret->send_rate = row.send_rate;
	return read_large(task, reading);
}

static int get(struct ipc_call *call, void *user, struct ipc_path path, uint64_t wanted,
	struct ipc_task_properties *ret)
{
	struct bus *bus = user;
	struct reading reading = { bus, ipc_call_arena(call), wanted, ret };
	int r = bus_task_look(bus, path.task, on_task, &reading);

	return r == FLOW_E_NO_SUCH_TASK ? IPC_E_NO_SUCH_TASK : err_fold(r);
}

static int set(struct bus *bus, struct ipc_call *call, struct flow_changes changes)
{
	uint64_t id = ipc_call_path(call).task;
	int failure = 0, r;

	changes.uid = (uid_t)-1;
	changes.ids = &id;
	changes.n_ids = 1;
	r = bus_task_set(bus, &changes, on_failure, &failure);
	if (r == 0)
		r = failure;
	if (r)
		return bus_refuse(call, r == FLOW_E_BUSY ? FLOW_E_TASK_FINISHED : r);
	return bus_defer_done(bus, call);
}

static int set_description(struct ipc_call *call, void *user, const char *value)
{
	return set(
		user, call, (struct flow_changes){ .has_description = true, .description = value });
}

static int set_priority(struct ipc_call *call, void *user, double value)
{
	return set(user, call, (struct flow_changes){ .has_priority = true, .priority = value });
}

const struct ipc_task_ops bus_task_ops = {
	.resume = resume,
	.suspend = suspend,
	.cancel = cancel,
	.cancel_producing_resume_data = cancel_producing_resume_data,
	.retry = retry,
	.remove = remove_task,
	.get = get,
	.set_description = set_description,
	.set_priority = set_priority,
};
