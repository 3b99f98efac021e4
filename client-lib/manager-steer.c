/* SPDX-License-Identifier: MIT */
/*
 * What a manager changes: sessions, tasks, limits. Sets of any size go in calls of 1000 numbers.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/arena.h"
#include "client-lib/configuration.h"
#include "client-lib/error.h"
#include "client-lib/manager.h"
#include "client-lib/request.h"
#include "client-lib/rows.h"
#include "ipc/proto.h"

static const struct ipc_path root = { 0 };

/* ---- service ---- */

static int set_member(
	struct manager_call *call, const struct transfer_service *service, uint32_t member)
{
	struct ipc_bus *bus = call->manager->bus;
	struct ipc_exchange *exchange = &call->exchange;

	if (member == TRANSFER_SERVICE_MODE)
		return ipc_set_manager_mode(
			bus, root, exchange, service->is_paused ? "paused" : "running");
	if (member == TRANSFER_SERVICE_MAX_DOWNLOAD_RATE)
		return ipc_set_manager_max_download_rate(
			bus, root, exchange, service->max_download_rate_bps);
	if (member == TRANSFER_SERVICE_MAX_UPLOAD_RATE)
		return ipc_set_manager_max_upload_rate(
			bus, root, exchange, service->max_upload_rate_bps);
	if (member == TRANSFER_SERVICE_MAX_ACTIVE_TASKS)
		return ipc_set_manager_max_active_tasks(
			bus, root, exchange, service->max_active_tasks);
	return ipc_set_manager_max_connections_per_host(
		bus, root, exchange, service->max_connections_per_host);
}

int transfer_manager_set_service(transfer_manager *manager, const struct transfer_service *service,
	uint32_t members, transfer_error **ret_error)
{
	const uint32_t all = 2 * TRANSFER_SERVICE_MAX_CONNECTIONS_PER_HOST - 1;
	struct manager_call call;
	int r;

	if (service->size < sizeof(*service) || members & ~all)
		return error_give(-EINVAL, error_new_errno(EINVAL, "unknown members"), ret_error);
	r = manager_begin(manager, &call, ret_error);
	if (r)
		return r;
	for (uint32_t member = 1; !r && member <= members; member <<= 1) {
		if (!(members & member))
			continue;
		do
			r = set_member(&call, service, member);
		while (manager_again(&call, r));
	}
	return manager_end(&call, r, ret_error);
}

/* ---- sessions ---- */

int transfer_manager_open_session(
	transfer_manager *manager, const transfer_config *config, transfer_error **ret_error)
{
	struct ipc_manager_open_session_out out;
	struct ipc_manager_open_session_in in;
	struct manager_call call;
	struct arena arena = { 0 };
	bool created = false;
	int r = manager_begin(manager, &call, ret_error);

	if (r)
		return r;
	r = configuration_to_ipc(config, &arena, &in);
	if (r) {
		arena_done(&arena);
		return manager_end_errno(&call, r, ret_error);
	}
	do
		r = ipc_call_manager_open_session(manager->bus, root, &call.exchange, &in, &out);
	while (manager_again(&call, r));
	if (!r)
		created = out.info.disposition && !strcmp(out.info.disposition, "created");
	arena_done(&arena);
	r = manager_end(&call, r, ret_error);
	return r ? r : created;
}

int manager_steer_session(transfer_manager *manager, const char *identifier, manager_verb_fn verb,
	transfer_error **ret_error)
{
	struct manager_call call;
	struct ipc_path path;
	int r = manager_begin(manager, &call, ret_error);

	if (r)
		return r;
	r = manager_find_session(&call, identifier, &path);
	if (r)
		return manager_end(&call, r, ret_error);
	do
		r = verb(manager->bus, path, &call.exchange);
	while (manager_again(&call, r));
	return manager_end(&call, r, ret_error);
}

int transfer_manager_invalidate_session(
	transfer_manager *manager, const char *identifier, bool cancel, transfer_error **ret_error)
{
	return manager_steer_session(manager, identifier,
		cancel ? ipc_call_session_invalidate_and_cancel
		       : ipc_call_session_finish_tasks_and_invalidate,
		ret_error);
}

int transfer_manager_flush_session(
	transfer_manager *manager, const char *identifier, transfer_error **ret_error)
{
	return manager_steer_session(manager, identifier, ipc_call_session_flush, ret_error);
}

int transfer_manager_reset_session(
	transfer_manager *manager, const char *identifier, transfer_error **ret_error)
{
	return manager_steer_session(manager, identifier, ipc_call_session_reset, ret_error);
}

int transfer_manager_quit_application(transfer_manager *manager, const char *app_id,
	uint64_t *ret_n_tasks, transfer_error **ret_error)
{
	const struct ipc_manager_quit_application_in in = { .app_id = app_id };
	struct ipc_manager_quit_application_out out = { 0 };
	struct manager_call call;
	int r = manager_begin(manager, &call, ret_error);

	if (r)
		return r;
	do
		r = ipc_call_manager_quit_application(
			manager->bus, root, &call.exchange, &in, &out);
	while (manager_again(&call, r));
	if (!r && ret_n_tasks)
		*ret_n_tasks = out.tasks;
	return manager_end(&call, r, ret_error);
}

/* ---- steering tasks ---- */

struct failures {
	const struct ipc_failure *rows;
	size_t n;
};

static int call_verb(struct manager_call *call, const struct transfer_steering *steering,
	const struct ipc_manager_resume_tasks_in *set, struct failures *ret)
{
	struct ipc_bus *bus = call->manager->bus;
	struct ipc_exchange *exchange = &call->exchange;
	struct ipc_manager_resume_tasks_out resumed = { 0 };
	struct ipc_manager_suspend_tasks_out suspended = { 0 };
	struct ipc_manager_cancel_tasks_out cancelled = { 0 };
	struct ipc_manager_retry_tasks_out retried = { 0 };
	struct ipc_manager_remove_tasks_out removed = { 0 };
	int r = -EINVAL;

	switch (steering->verb) {
	case TRANSFER_VERB_RESUME:
		r = ipc_call_manager_resume_tasks(bus, root, exchange, set, &resumed);
		*ret = (struct failures){ resumed.failures, resumed.n_failures };
		break;
	case TRANSFER_VERB_SUSPEND:
		r = ipc_call_manager_suspend_tasks(bus, root, exchange,
			&(struct ipc_manager_suspend_tasks_in){
				set->ids, set->n_ids, set->options },
			&suspended);
		*ret = (struct failures){ suspended.failures, suspended.n_failures };
		break;
	case TRANSFER_VERB_CANCEL:
		r = ipc_call_manager_cancel_tasks(bus, root, exchange,
			&(struct ipc_manager_cancel_tasks_in){ set->ids, set->n_ids, set->options },
			&cancelled);
		*ret = (struct failures){ cancelled.failures, cancelled.n_failures };
		break;
	case TRANSFER_VERB_RETRY:
		r = ipc_call_manager_retry_tasks(bus, root, exchange,
			&(struct ipc_manager_retry_tasks_in){ set->ids, set->n_ids, set->options },
			&retried);
		*ret = (struct failures){ retried.failures, retried.n_failures };
		break;
	case TRANSFER_VERB_REMOVE:
		r = ipc_call_manager_remove_tasks(bus, root, exchange,
			&(struct ipc_manager_remove_tasks_in){ set->ids, set->n_ids, set->options },
			&removed);
		*ret = (struct failures){ removed.failures, removed.n_failures };
		break;
	}
	return r;
}

static struct ipc_steer_options steer_options(uint32_t flags)
{
	return (struct ipc_steer_options){
		.force = flags & TRANSFER_STEER_FORCE,
		.has_force = flags & TRANSFER_STEER_FORCE,
		.delete_partial = flags & TRANSFER_STEER_DELETE_PARTIAL,
		.has_delete_partial = flags & TRANSFER_STEER_DELETE_PARTIAL,
		.from_start = flags & TRANSFER_STEER_FROM_START,
		.has_from_start = flags & TRANSFER_STEER_FROM_START,
	};
}

/* Hands the list over, or drops it, with the call. */
static int end_with_failures(struct manager_call *call, int r, transfer_failure_list *list,
	transfer_failure_list **ret_failures, transfer_error **ret_error)
{
	r = r == -ENOMEM ? manager_end_errno(call, r, ret_error) : manager_end(call, r, ret_error);
	if (!r && ret_failures)
		*ret_failures = list;
	else
		transfer_failure_list_unref(list);
	return r;
}

static size_t part_of(size_t n, size_t begun)
{
	return n - begun < TRANSFER_MANAGER_MAX_TASKS ? n - begun : TRANSFER_MANAGER_MAX_TASKS;
}

int transfer_manager_steer(transfer_manager *manager, const struct transfer_steering *steering,
	transfer_failure_list **ret_failures, transfer_error **ret_error)
{
	transfer_failure_list *list;
	struct manager_call call;
	int r;

	if (steering->size < sizeof(*steering) || steering->verb < TRANSFER_VERB_RESUME ||
		steering->verb > TRANSFER_VERB_REMOVE)
		return error_give(-EINVAL, error_new_errno(EINVAL, "unknown verb"), ret_error);
	r = manager_begin(manager, &call, ret_error);
	if (r)
		return r;
	list = rows_new_failures();
	r = list ? 0 : -ENOMEM;
	for (size_t i = 0; !r && i < steering->n_ids; i += TRANSFER_MANAGER_MAX_TASKS) {
		struct ipc_manager_resume_tasks_in set = {
			.ids = steering->ids + i,
			.n_ids = part_of(steering->n_ids, i),
			.options = steer_options(steering->flags),
		};
		struct failures failures = { 0 };

		do
			r = call_verb(&call, steering, &set, &failures);
		while (manager_again(&call, r));
		if (!r)
			r = rows_add_failures(list, failures.rows, failures.n);
	}
	return end_with_failures(&call, r, list, ret_failures, ret_error);
}

static struct ipc_task_changes read_changes(const struct transfer_task_changes *changes)
{
	uint32_t which = changes->change;

	return (struct ipc_task_changes){
		.priority = changes->priority,
		.has_priority = which & TRANSFER_CHANGE_PRIORITY,
		.description = which & TRANSFER_CHANGE_DESCRIPTION
			? changes->description ? changes->description : ""
			: NULL,
		.max_rate_bps = changes->max_rate_bps,
		.has_max_rate_bps = which & TRANSFER_CHANGE_MAX_RATE,
		.not_before_usec = changes->not_before_wall_usec,
		.has_not_before_usec = which & TRANSFER_CHANGE_NOT_BEFORE,
	};
}

int transfer_manager_set_tasks(transfer_manager *manager,
	const struct transfer_task_changes *changes, transfer_failure_list **ret_failures,
	transfer_error **ret_error)
{
	const uint32_t all = 2 * TRANSFER_CHANGE_NOT_BEFORE - 1;
	transfer_failure_list *list;
	struct manager_call call;
	int r;

	if (changes->size < sizeof(*changes) || changes->change & ~all)
		return error_give(-EINVAL, error_new_errno(EINVAL, "unknown changes"), ret_error);
	r = manager_begin(manager, &call, ret_error);
	if (r)
		return r;
	list = rows_new_failures();
	r = list ? 0 : -ENOMEM;
	for (size_t i = 0; !r && i < changes->n_ids; i += TRANSFER_MANAGER_MAX_TASKS) {
		struct ipc_manager_set_tasks_in in = {
			.ids = changes->ids + i,
			.n_ids = part_of(changes->n_ids, i),
			.changes = read_changes(changes),
		};
		struct ipc_manager_set_tasks_out out = { 0 };

		do
			r = ipc_call_manager_set_tasks(
				manager->bus, root, &call.exchange, &in, &out);
		while (manager_again(&call, r));
		if (!r)
			r = rows_add_failures(list, out.failures, out.n_failures);
	}
	return end_with_failures(&call, r, list, ret_failures, ret_error);
}

int transfer_manager_cancel_producing_resume_data(transfer_manager *manager, uint64_t id,
	transfer_data **ret_resume_data, transfer_error **ret_error)
{
	struct ipc_manager_get_task_in in = { .id = id };
	struct ipc_manager_get_task_out found;
	struct ipc_task_cancel_producing_resume_data_out out;
	struct manager_call call;
	transfer_data *data;
	int r = manager_begin(manager, &call, ret_error);

	if (r)
		return r;
	do
		r = ipc_call_manager_get_task(manager->bus, root, &call.exchange, &in, &found);
	while (manager_again(&call, r));
	if (!r)
		r = ipc_call_task_cancel_producing_resume_data(
			manager->bus, found.task, &call.exchange, &out);
	if (r)
		return manager_end(&call, r, ret_error);
	data = transfer_data_new_copy(out.resume_data, out.n_resume_data);
	if (data)
		*ret_resume_data = data;
	return manager_end_errno(&call, data ? 0 : -ENOMEM, ret_error);
}
