/* SPDX-License-Identifier: MIT */
/*
 * Lists for the manager: each owns an arena with its rows and texts, and references to the objects the rows point to.
 * Immutable once they are handed out.
 */
#include "client-lib/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "client-lib/error.h"
#include "client-lib/ref.h"
#include "client-lib/response.h"
#include "client-lib/words.h"
#include "ipc/proto.h"

struct transfer_task_list {
	struct ref ref;
	struct arena arena;
	struct transfer_task_row *rows;
	size_t n_rows;
	const char *next_cursor;
};

struct transfer_session_list {
	struct ref ref;
	struct arena arena;
	struct transfer_session_row *rows;
	size_t n_rows;
};

struct transfer_progress_list {
	struct ref ref;
	struct arena arena;
	struct transfer_progress_row *rows;
	size_t n_rows;
	uint64_t generation;
};

struct transfer_event_list {
	struct ref ref;
	struct arena arena;
	struct transfer_event_row *rows;
	size_t n_rows;
};

struct transfer_failure_list {
	struct ref ref;
	struct transfer_failure_row *rows;
	size_t n_rows;
};

/* A text that could not be copied is missing from its row; the row stays. */
static const char *keep(struct arena *arena, const char *text)
{
	return text && *text ? arena_strdup(arena, text) : NULL;
}

/* ---- tasks ---- */

static void task_list_free(struct transfer_task_list *list)
{
	for (size_t i = 0; i < list->n_rows; i++) {
		transfer_response_unref((transfer_response *)list->rows[i].response);
		transfer_error_unref((transfer_error *)list->rows[i].error);
		transfer_error_unref((transfer_error *)list->rows[i].last_error);
		transfer_data_unref((transfer_data *)list->rows[i].userdata);
	}
	arena_done(&list->arena);
	free(list);
}

REF_DEFINE(transfer_task_list, task_list_free)

static void read_reasons(
	struct arena *arena, struct transfer_task_row *row, const struct ipc_task *from)
{
	const char **reasons = from->n_reasons
		? arena_alloc(arena, from->n_reasons, sizeof(*reasons))
		: NULL;

	for (size_t i = 0; reasons && i < from->n_reasons; i++) {
		const char *reason = keep(arena, from->reasons[i]);

		if (reason)
			reasons[row->n_reasons++] = reason;
	}
	row->reasons = reasons;
}

static void read_words(
	struct arena *arena, struct transfer_task_row *row, const struct ipc_task *from)
{
	row->session = keep(arena, from->session_identifier);
	row->session_kind = words_session_kind(from->session_kind);
	row->app_id = keep(arena, from->app_id);
	row->kind = words_task_kind(from->kind);
	row->state = words_task_state(from->state);
	row->sub_state = words_task_sub_state(from->sub_state, NULL);
	row->sub_state_name = keep(arena, from->sub_state);
	row->url = keep(arena, from->url);
	row->current_url = keep(arena, from->current_url);
	row->name = keep(arena, from->name);
	row->method = keep(arena, from->method);
	row->description = keep(arena, from->description);
	row->destination = keep(arena, from->destination);
	row->path = keep(arena, from->path);
	row->source = keep(arena, from->source);
	if (from->has_checksum) {
		row->checksum_algorithm = keep(arena, from->checksum.algorithm);
		row->checksum_hex = keep(arena, from->checksum.hex);
	}
	if (from->has_digest) {
		row->digest_algorithm = keep(arena, from->digest.algorithm);
		row->digest_hex = keep(arena, from->digest.hex);
	}
}

static void read_numbers(struct transfer_task_row *row, const struct ipc_task *from)
{
	row->id = from->id;
	row->waiting_until_wall_usec = from->waiting_until_usec;
	row->priority = from->has_priority ? from->priority : 0.5;
	row->received_bytes = (int64_t)from->bytes_received;
	row->expected_receive_bytes = from->has_bytes_expected_to_receive
		? from->bytes_expected_to_receive
		: TRANSFER_SIZE_UNKNOWN;
	row->sent_bytes = (int64_t)from->bytes_sent;
	row->expected_send_bytes = from->has_bytes_expected_to_send ? from->bytes_expected_to_send
								    : TRANSFER_SIZE_UNKNOWN;
	row->receive_rate_bps = from->receive_rate;
	row->send_rate_bps = from->send_rate;
	row->max_rate_bps = from->max_rate_bps;
	row->eta_usec = from->has_eta_usec ? from->eta_usec : UINT64_MAX;
	row->n_attempts = from->attempts;
	row->n_suspensions = from->suspend_count;
	row->next_retry_wall_usec = from->next_retry_usec;
	row->not_before_wall_usec = from->not_before_usec;
	row->created_wall_usec = from->created_usec;
	row->started_wall_usec = from->started_usec;
	row->finished_wall_usec = from->finished_usec;
	row->is_resumable = from->is_resumable;
}

transfer_task_list *rows_new_tasks(const struct ipc_manager_list_tasks_out *out)
{
	struct transfer_task_list *list = calloc(1, sizeof(*list));

	if (!list)
		return NULL;
	ref_init(&list->ref);
	list->rows = arena_alloc(&list->arena, out->n_tasks + 1, sizeof(*list->rows));
	list->next_cursor = keep(&list->arena, out->next_cursor);
	if (!list->rows || (out->next_cursor && *out->next_cursor && !list->next_cursor)) {
		task_list_free(list);
		return NULL;
	}
	for (size_t i = 0; i < out->n_tasks; i++) {
		struct transfer_task_row *row = &list->rows[list->n_rows++];
		const struct ipc_task *from = &out->tasks[i];

		row->size = sizeof(*row);
		read_words(&list->arena, row, from);
		read_numbers(row, from);
		read_reasons(&list->arena, row, from);
		row->response = response_new_ipc(from->response);
		row->error = error_new_task(from->error);
		row->last_error = error_new_task(from->last_error);
		row->userdata = from->userdata
			? transfer_data_new_copy(from->userdata, from->n_userdata)
			: NULL;
	}
	return list;
}

size_t transfer_task_list_get_size(const transfer_task_list *list)
{
	return list ? list->n_rows : 0;
}

const struct transfer_task_row *transfer_task_list_get(const transfer_task_list *list, size_t index)
{
	return index < transfer_task_list_get_size(list) ? &list->rows[index] : NULL;
}

const char *transfer_task_list_get_next_cursor(const transfer_task_list *list)
{
	return list->next_cursor;
}

/* ---- sessions ---- */

static void session_list_free(struct transfer_session_list *list)
{
	arena_done(&list->arena);
	free(list);
}

REF_DEFINE(transfer_session_list, session_list_free)

transfer_session_list *rows_new_sessions(const struct ipc_manager_list_sessions_out *out)
{
	struct transfer_session_list *list = calloc(1, sizeof(*list));
	char path[IPC_PATH_BYTES];

	if (!list)
		return NULL;
	ref_init(&list->ref);
	list->rows = arena_alloc(&list->arena, out->n_sessions + 1, sizeof(*list->rows));
	if (!list->rows) {
		session_list_free(list);
		return NULL;
	}
	for (size_t i = 0; i < out->n_sessions; i++) {
		struct transfer_session_row *row = &list->rows[list->n_rows++];
		const struct ipc_session_info *from = &out->sessions[i];

		row->size = sizeof(*row);
		row->identifier = keep(&list->arena, from->identifier);
		row->kind = words_session_kind(from->kind);
		row->state = words_session_state(from->state);
		row->app_id = keep(&list->arena, from->app_id);
		row->description = keep(&list->arena, from->description);
		row->client_name = keep(&list->arena, from->client_name);
		row->owner_uid = from->owner_uid;
		row->created_wall_usec = from->created_usec;
		row->n_active_tasks = from->active_tasks;
		row->n_tasks = from->tasks;
		row->n_pending_events = from->pending_events;
		row->object_path = keep(
			&list->arena, ipc_path_format(from->path, path, sizeof(path)));
	}
	return list;
}

size_t transfer_session_list_get_size(const transfer_session_list *list)
{
	return list ? list->n_rows : 0;
}

const struct transfer_session_row *transfer_session_list_get(
	const transfer_session_list *list, size_t index)
{
	return index < transfer_session_list_get_size(list) ? &list->rows[index] : NULL;
}

/* ---- progress ---- */

static void progress_list_free(struct transfer_progress_list *list)
{
	arena_done(&list->arena);
	free(list);
}

REF_DEFINE(transfer_progress_list, progress_list_free)

transfer_progress_list *rows_new_progress(const struct ipc_manager_get_progress_out *out)
{
	struct transfer_progress_list *list = calloc(1, sizeof(*list));

	if (!list)
		return NULL;
	ref_init(&list->ref);
	list->generation = out->generation;
	list->rows = arena_alloc(&list->arena, out->n_changed + 1, sizeof(*list->rows));
	if (!list->rows) {
		progress_list_free(list);
		return NULL;
	}
	for (size_t i = 0; i < out->n_changed; i++) {
		struct transfer_progress_row *row = &list->rows[list->n_rows++];
		const struct ipc_progress *from = &out->changed[i];

		row->size = sizeof(*row);
		row->id = from->id;
		row->sub_state = words_task_sub_state(from->sub_state, NULL);
		row->received_bytes = (int64_t)from->received;
		row->expected_receive_bytes = from->expected_to_receive;
		row->sent_bytes = (int64_t)from->sent;
		row->expected_send_bytes = from->expected_to_send;
		row->receive_rate_bps = from->receive_rate;
		row->send_rate_bps = from->send_rate;
	}
	return list;
}

size_t transfer_progress_list_get_size(const transfer_progress_list *list)
{
	return list ? list->n_rows : 0;
}

const struct transfer_progress_row *transfer_progress_list_get(
	const transfer_progress_list *list, size_t index)
{
	return index < transfer_progress_list_get_size(list) ? &list->rows[index] : NULL;
}

uint64_t transfer_progress_list_get_generation(const transfer_progress_list *list)
{
	return list->generation;
}

/* ---- events ---- */

static void event_list_free(struct transfer_event_list *list)
{
	for (size_t i = 0; i < list->n_rows; i++) {
		transfer_response_unref((transfer_response *)list->rows[i].response);
		transfer_error_unref((transfer_error *)list->rows[i].error);
	}
	arena_done(&list->arena);
	free(list);
}

REF_DEFINE(transfer_event_list, event_list_free)

static void read_event(
	struct arena *arena, struct transfer_event_row *row, const struct ipc_event *from)
{
	static const struct ipc_event_args none = { 0 };
	const struct ipc_event_args *args = from->args ? from->args : &none;

	row->size = sizeof(*row);
	row->seq = from->seq;
	row->task = from->task.task;
	row->wall_usec = from->wall_usec;
	row->name = keep(arena, from->name);
	row->path = keep(arena, args->path);
	if (args->has_digest) {
		row->digest_algorithm = keep(arena, args->digest.algorithm);
		row->digest_hex = keep(arena, args->digest.hex);
	}
	row->error = error_new_task(args->error);
	row->response = response_new_ipc(args->response);
	row->offset_bytes = args->has_offset ? (int64_t)args->offset : TRANSFER_SIZE_UNKNOWN;
	row->bytes = args->has_bytes ? (int64_t)args->bytes : TRANSFER_SIZE_UNKNOWN;
	row->total_bytes = args->has_total ? (int64_t)args->total : TRANSFER_SIZE_UNKNOWN;
	row->expected_bytes = args->has_expected ? args->expected : TRANSFER_SIZE_UNKNOWN;
}

transfer_event_list *rows_new_events(const struct ipc_manager_peek_events_out *out)
{
	struct transfer_event_list *list = calloc(1, sizeof(*list));

	if (!list)
		return NULL;
	ref_init(&list->ref);
	list->rows = arena_alloc(&list->arena, out->n_events + 1, sizeof(*list->rows));
	if (!list->rows) {
		event_list_free(list);
		return NULL;
	}
	for (size_t i = 0; i < out->n_events; i++)
		read_event(&list->arena, &list->rows[list->n_rows++], &out->events[i]);
	return list;
}

size_t transfer_event_list_get_size(const transfer_event_list *list)
{
	return list ? list->n_rows : 0;
}

const struct transfer_event_row *transfer_event_list_get(
	const transfer_event_list *list, size_t index)
{
	return index < transfer_event_list_get_size(list) ? &list->rows[index] : NULL;
}

/* ---- failures ---- */

static void failure_list_free(struct transfer_failure_list *list)
{
	for (size_t i = 0; i < list->n_rows; i++)
		transfer_error_unref((transfer_error *)list->rows[i].error);
	free(list->rows);
	free(list);
}

REF_DEFINE(transfer_failure_list, failure_list_free)

transfer_failure_list *rows_new_failures(void)
{
	struct transfer_failure_list *list = calloc(1, sizeof(*list));

	if (list)
		ref_init(&list->ref);
	return list;
}

int rows_add_failures(transfer_failure_list *list, const struct ipc_failure *failures, size_t n)
{
	struct transfer_failure_row *rows;

	if (!n)
		return 0;
	rows = realloc(list->rows, (list->n_rows + n) * sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	list->rows = rows;
	for (size_t i = 0; i < n; i++) {
		int r = ipc_error_from_name(failures[i].error);

		rows[list->n_rows++] = (struct transfer_failure_row){
			.size = sizeof(*rows),
			.id = failures[i].id,
			.error = error_new_ipc(r, failures[i].error, failures[i].message),
		};
	}
	return 0;
}

size_t transfer_failure_list_get_size(const transfer_failure_list *list)
{
	return list ? list->n_rows : 0;
}

const struct transfer_failure_row *transfer_failure_list_get(
	const transfer_failure_list *list, size_t index)
{
	return index < transfer_failure_list_get_size(list) ? &list->rows[index] : NULL;
}
