/* SPDX-License-Identifier: MIT */
/* What a manager reads: service, sessions, tasks, progress, events. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "client-lib/error.h"
#include "client-lib/manager.h"
#include "client-lib/rows.h"
#include "ipc/proto.h"

#define LOOK_EVENTS 256

static const struct ipc_path root = { 0 };

int transfer_manager_get_service(
	transfer_manager *manager, struct transfer_service *service, transfer_error **ret_error)
{
	struct ipc_manager_properties values;
	struct manager_call call;
	size_t size = service->size;
	int r;

	if (size < sizeof(*service))
		return error_give(
			-EINVAL, error_new_errno(EINVAL, "the struct has no size"), ret_error);
	r = manager_begin(manager, &call, ret_error);
	if (r)
		return r;
	do
		r = ipc_get_manager_properties(manager->bus, root, &call.exchange, &values);
	while (manager_again(&call, r));
	if (r)
		return manager_end(&call, r, ret_error);
	*service = (struct transfer_service){
		.size = size,
		.is_paused = values.mode && !strcmp(values.mode, "paused"),
		.max_download_rate_bps = values.max_download_rate,
		.max_upload_rate_bps = values.max_upload_rate,
		.max_active_tasks = values.max_active_tasks,
		.max_connections_per_host = values.max_connections_per_host,
		.n_active_tasks = values.n_active_tasks,
		.n_queued_tasks = values.n_queued_tasks,
	};
	snprintf(service->network_state, sizeof(service->network_state), "%s",
		values.network_state ? values.network_state : "unknown");
	snprintf(service->metered, sizeof(service->metered), "%s",
		values.metered ? values.metered : "unknown");
	snprintf(service->version, sizeof(service->version), "%s",
		values.version ? values.version : "");
	return manager_end(&call, 0, NULL);
}

int transfer_manager_get_statistics(
	transfer_manager *manager, transfer_statistics **ret_statistics, transfer_error **ret_error)
{
	struct ipc_manager_get_statistics_out out;
	transfer_statistics *statistics;
	struct manager_call call;
	int r = manager_begin(manager, &call, ret_error);

	if (r)
		return r;
	do
		r = ipc_call_manager_get_statistics(manager->bus, root, &call.exchange, &out);
	while (manager_again(&call, r));
	if (r)
		return manager_end(&call, r, ret_error);
	statistics = rows_new_statistics(&out.statistics);
	if (statistics)
		*ret_statistics = statistics;
	return manager_end_errno(&call, statistics ? 0 : -ENOMEM, ret_error);
}

int transfer_manager_list_sessions(
	transfer_manager *manager, transfer_session_list **ret_list, transfer_error **ret_error)
{
	struct ipc_manager_list_sessions_in in = { 0 };
	struct ipc_manager_list_sessions_out out;
	transfer_session_list *list;
	struct manager_call call;
	int r = manager_begin(manager, &call, ret_error);

	if (r)
		return r;
	do
		r = ipc_call_manager_list_sessions(manager->bus, root, &call.exchange, &in, &out);
	while (manager_again(&call, r));
	if (r)
		return manager_end(&call, r, ret_error);
	list = rows_new_sessions(&out);
	if (list)
		*ret_list = list;
	return manager_end_errno(&call, list ? 0 : -ENOMEM, ret_error);
}

/* ---- filters ---- */

struct bit_name {
	unsigned int bit;
	const char *name;
};

/* The names of the bits that are set; ret_n 0 and NULL: no bit, which does not restrict. */
static int name_bits(struct arena *arena, uint32_t bits, const struct bit_name *names,
	const char *const **ret_names)
{
	const char **list;
	int n = 0;

	if (!bits)
		return 0;
	list = arena_alloc(arena, 32, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (; names->name; names++) {
		if (bits >> names->bit & 1)
			list[n++] = names->name;
	}
	*ret_names = list;
	return n;
}

#define LOOK_BIT(symbol, value, name) { value, name },
static const struct bit_name kind_bits[] = { TRANSFER_TASK_KINDS(LOOK_BIT){ 0, NULL } };
static const struct bit_name state_bits[] = { TRANSFER_TASK_STATES(LOOK_BIT){ 0, NULL } };
static const struct bit_name sub_state_bits[] = { TRANSFER_TASK_SUB_STATES(LOOK_BIT){ 0, NULL } };

static int read_words(
	const struct transfer_task_filter *filter, struct arena *arena, struct ipc_task_filter *ret)
{
	int r = name_bits(arena, filter->kinds, kind_bits, &ret->kinds);

	if (r < 0)
		return r;
	ret->n_kinds = (size_t)r;
	r = name_bits(arena, filter->states, state_bits, &ret->states);
	if (r < 0)
		return r;
	ret->n_states = (size_t)r;
	r = name_bits(arena, filter->sub_states, sub_state_bits, &ret->sub_states);
	if (r < 0)
		return r;
	ret->n_sub_states = (size_t)r;
	return 0;
}

static const char *const id_field[] = { "id" };

static int read_filter(
	const struct transfer_task_filter *filter, struct arena *arena, struct ipc_task_filter *ret)
{
	*ret = (struct ipc_task_filter){ 0 };
	if (!filter)
		return 0;
	if (filter->size < sizeof(*filter) || filter->n_ids > TRANSFER_MANAGER_MAX_TASKS)
		return -EINVAL;
	ret->session = filter->session;
	ret->app_id = filter->app_id;
	ret->name_glob = filter->name_glob;
	ret->ids = filter->n_ids ? filter->ids : NULL;
	ret->n_ids = filter->n_ids;
	ret->first_id = filter->first_id;
	ret->has_first_id = filter->first_id != 0;
	ret->last_id = filter->last_id;
	ret->has_last_id = filter->last_id != 0;
	ret->include_finished = ret->has_include_finished = filter->include_finished;
	ret->include_in_app = ret->has_include_in_app = filter->include_in_app;
	if (filter->ids_only) {
		ret->fields = id_field;
		ret->n_fields = sizeof(id_field) / sizeof(id_field[0]);
	}
	return read_words(filter, arena, ret);
}

int transfer_manager_list_tasks(transfer_manager *manager,
	const struct transfer_task_filter *filter, const char *cursor,
	transfer_task_list **ret_list, transfer_error **ret_error)
{
	struct ipc_manager_list_tasks_in in = { .cursor = cursor,
		.limit = TRANSFER_MANAGER_MAX_TASKS };
	struct ipc_manager_list_tasks_out out;
	transfer_task_list *list;
	struct manager_call call;
	struct arena arena = { 0 };
	int r = manager_begin(manager, &call, ret_error);

	if (r)
		return r;
	r = read_filter(filter, &arena, &in.filter);
	if (r) {
		arena_done(&arena);
		return manager_end_errno(&call, r, ret_error);
	}
	do
		r = ipc_call_manager_list_tasks(manager->bus, root, &call.exchange, &in, &out);
	while (manager_again(&call, r));
	arena_done(&arena);
	if (r)
		return manager_end(&call, r, ret_error);
	list = rows_new_tasks(&out);
	if (list)
		*ret_list = list;
	return manager_end_errno(&call, list ? 0 : -ENOMEM, ret_error);
}

int transfer_manager_get_progress(transfer_manager *manager,
	const struct transfer_task_filter *filter, uint64_t since,
	transfer_progress_list **ret_list, transfer_error **ret_error)
{
	struct ipc_manager_get_progress_in in = { .since = since };
	struct ipc_manager_get_progress_out out;
	transfer_progress_list *list;
	struct manager_call call;
	struct arena arena = { 0 };
	int r = manager_begin(manager, &call, ret_error);

	if (r)
		return r;
	r = read_filter(filter, &arena, &in.filter);
	if (r) {
		arena_done(&arena);
		return manager_end_errno(&call, r, ret_error);
	}
	do
		r = ipc_call_manager_get_progress(manager->bus, root, &call.exchange, &in, &out);
	while (manager_again(&call, r));
	arena_done(&arena);
	if (r)
		return manager_end(&call, r, ret_error);
	list = rows_new_progress(&out);
	if (list)
		*ret_list = list;
	return manager_end_errno(&call, list ? 0 : -ENOMEM, ret_error);
}

/* Files that came with the events: looking needs none. */
static void close_files(const struct ipc_manager_peek_events_out *out)
{
	for (size_t i = 0; i < out->n_events; i++) {
		const struct ipc_event_args *args = out->events[i].args;

		if (args && args->has_file)
			close(args->file);
		if (args && args->has_body_file)
			close(args->body_file);
	}
}

int transfer_manager_peek_events(transfer_manager *manager, const char *identifier,
	uint64_t after_seq, transfer_event_list **ret_list, transfer_error **ret_error)
{
	struct ipc_manager_peek_events_in in = { .after = after_seq, .limit = LOOK_EVENTS };
	struct ipc_manager_peek_events_out out;
	transfer_event_list *list;
	struct manager_call call;
	int r = manager_begin(manager, &call, ret_error);

	if (r)
		return r;
	r = manager_find_session(&call, identifier, &in.session);
	if (r)
		return manager_end(&call, r, ret_error);
	do
		r = ipc_call_manager_peek_events(manager->bus, root, &call.exchange, &in, &out);
	while (manager_again(&call, r));
	if (r)
		return manager_end(&call, r, ret_error);
	list = rows_new_events(&out);
	close_files(&out);
	if (list)
		*ret_list = list;
	return manager_end_errno(&call, list ? 0 : -ENOMEM, ret_error);
}
