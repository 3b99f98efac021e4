/* SPDX-License-Identifier: MIT */
/*
 * New tasks whose turn comes soon. What was just put would be read back a moment later, which costs as much as putting it: so the
 * first of them stay in memory as they are. Each is given out once, by store_task_load(), instead of its row; whatever else changes
 * the row lets go of it. They are few, so the queue is still the database (I5), and losing one costs a reading.
 */
#include "daemon/store/store-private.h"

#include <string.h>

/* About two kilobytes each. */
#define FRESH_MAX 2048
#define TEXT_MAX  1024

bool store_fresh_is_untouched(const struct task *task)
{
	bool has_begun = task->attempts || task->failures || task->started_wall_us ||
		task->finished_wall_us || task->resource_left_us || task->expires_boot_us ||
		task->is_begun;

	return task->state == TASK_STATE_QUEUED && !has_begun && !task->suspend_count &&
		!task->wait_reason && !task->due_wall_us && !task->end_seq && !task->result.code;
}

static bool is_short(const char *text)
{
	return !text || strlen(text) < TEXT_MAX;
}

/* A plain one, as those are of which there are many. */
static bool is_small(const struct task_request *q)
{
	return !q->n_headers && !q->userdata && is_short(q->url) && is_short(q->destination) &&
		is_short(q->description);
}

/* As one that was just loaded. */
static void forget_memory_only(struct task *task)
{
	const size_t from = offsetof(struct task, attempt), to = offsetof(struct task, arena);

	memset((char *)task + from, 0, to - from);
	task->expected_receive_bytes = TRANSFER_SIZE_UNKNOWN;
	task->expected_send_bytes = TRANSFER_SIZE_UNKNOWN;
	task->is_row_untouched = true;
}

void store_task_keep_take(struct store *store, struct task *task_take)
{
	bool is_fresh = task_take->is_row_untouched && !task_take->attempt &&
		task_take->kind == TRANSFER_TASK_DOWNLOAD && is_small(&task_take->request) &&
		store_fresh_is_untouched(task_take);

	if (!is_fresh || store->fresh.n_used >= FRESH_MAX ||
		map_find(&store->fresh, task_take->id) ||
		map_put(&store->fresh, task_take->id, task_take)) {
		task_free(task_take);
		return;
	}
	forget_memory_only(task_take);
}

struct task *store_fresh_take(struct store *store, uint64_t id)
{
	return map_remove(&store->fresh, id);
}

void store_fresh_drop(struct store *store, uint64_t id)
{
	task_free(map_remove(&store->fresh, id));
}

void store_fresh_drop_all(struct store *store)
{
	struct task *task;
	size_t cursor = 0;

	while ((task = map_next(&store->fresh, &cursor)))
		task_free(task);
	map_done(&store->fresh);
}
