/* SPDX-License-Identifier: MIT */
/*
 * Tasks are loaded and deleted. What changes often is apart from what is large and from what few tasks have, so that a step in the
 * life of a small file rewrites a narrow row. A row that does not parse is taken out of the queue as a failed task: it cannot be met
 * again and again.
 */
#include "daemon/store/store-task.h"

#include <errno.h>

#include <transfer/error.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"

DEFINE_CLEANUP(struct task *, task_free)

struct store_statement *store_task_statement(struct store *store, int index)
{
	return store_statement(store, STORE_NOUN_TASK, index);
}

static sqlite3_stmt *get(struct store *store, int index)
{
	return store_task_statement(store, index)->stmt;
}

int store_task_run_on(struct store *store, int index, uint64_t id)
{
	sqlite3_stmt *stmt = get(store, index);

	store_bind_u64(stmt, 1, id);
	return store_run(store, stmt);
}

/* Adds to *n how many events they were. */
static int del_events(struct store *store, int index, uint64_t id, int64_t *n)
{
	sqlite3_stmt *stmt = get(store, index);
	int r;

	store_bind_u64(stmt, 1, id);
	while ((r = store_step(store, stmt)) == 0)
		*n += store_event_n(stmt, 0);
	return r == STORE_E_NOT_FOUND ? 0 : r;
}

int store_task_del(struct store *store, uint64_t id)
{
	sqlite3_stmt *stmt = get(store, TASK_DEL);
	struct store_standing standing;
	int64_t n_events = 0;
	bool is_counted;
	int r = store_begin(store);

	store_fresh_drop(store, id);
	if (r == 0)
		r = store_task_save_standing(store, id, &standing);
	if (r && r != -EBADMSG)
		return r;
	is_counted = r == 0;
	r = del_events(store, TASK_DEL_EVENTS, id, &n_events);
	if (r == 0)
		r = del_events(store, TASK_DEL_END, id, &n_events);
	if (r == 0 && is_counted)
		r = store_tally_add(store, standing.session, STORE_TALLY_EVENTS, -n_events);
	if (r == 0 && is_counted)
		r = store_tally_task(store, &standing, -1);
	if (r)
		return r;
	store_placing_end(store, id);
	store_bind_u64(stmt, 1, id);
	return store_run(store, stmt);
}

/* ---- loading ---- */

static int fail_row(struct store *store, uint64_t id, uint64_t wall_us)
{
	sqlite3_stmt *stmt = get(store, TASK_FAIL);
	int r;

	store_placing_end(store, id);
	store_bind_u64(stmt, 2, wall_us);
	sqlite3_bind_int(stmt, 3, TRANSFER_ERROR_UNKNOWN);
	r = store_task_run_on(store, TASK_FAIL, id);
	if (r == 0)
		r = store_task_run_on(store, TASK_DEL_EXTRA, id);
	if (r)
		return r;
	sqlite3_bind_text(get(store, TASK_FAIL_OUTCOME), 2,
		"the stored record of the task is damaged", -1, SQLITE_STATIC);
	return store_task_run_on(store, TASK_FAIL_OUTCOME, id);
}

static int end_row(struct store *store, uint64_t id)
{
	struct store_event event = {
		.task = id, .type = STORE_EVENT_COMPLETED, .wall_us = clock_wall_us()
	};
	struct store_standing before, after;
	int r = store_task_save_standing(store, id, &before);

	if (r == 0)
		r = fail_row(store, id, event.wall_us);
	if (r)
		return r;
	after = before;
	after.state = TASK_STATE_COMPLETED;
	after.result_code = TRANSFER_ERROR_UNKNOWN;
	event.session = before.session;
	r = store_task_save_recount(store, &before, &after);
	/* one that had ended has told so already */
	return r || before.state == TASK_STATE_COMPLETED ? r : store_event_put(store, &event);
}

static int drop_row(struct store *store, uint64_t id)
{
	int r = store_task_del(store, id);

	if (r == 0)
		r = store_tally_recount(store);
	return r ? r : STORE_E_NOT_FOUND;
}

/*
 * A task that cannot be read ends as failed, with its event. If not even that can be written (it belongs to no session,
 * say) its row goes.
 */
static int quarantine(struct store *store, uint64_t id)
{
	int r = store_begin(store);

	if (r)
		return r;
	store->n_repaired++;
	r = end_row(store, id);
	if (r != -EBADMSG && r != -EINVAL && r != -EMSGSIZE)
		return r;
	return drop_row(store, id);
}

static int read_row(struct store *store, int index, uint64_t id, struct task *task)
{
	struct store_statement *statement = store_task_statement(store, index);
	int r;

	store_bind_u64(statement->stmt, 1, id);
	r = store_step(store, statement->stmt);
	if (r)
		return r;
	r = store_row_read(&store_task_statements, statement, task, &task->arena);
	sqlite3_reset(statement->stmt);
	return r;
}

static int read_rows(struct store *store, uint64_t id, struct task *task)
{
	int r = read_row(store, TASK_LOAD, id, task);

	if (r == 0 && task->has_extra)
		r = read_row(store, TASK_LOAD_EXTRA, id, task);
	if (r == 0 && task->has_outcome)
		r = read_row(store, TASK_LOAD_OUTCOME, id, task);
	return r;
}

static int load_row(struct store *store, uint64_t id, struct task **ret_task)
{
	cleanup_(task_freep) struct task *task = task_new();
	int r;

	if (!task)
		return err_raise(-ENOMEM);
	r = read_rows(store, id, task);
	task->is_row_untouched = r == 0 && !task->has_outcome && store_fresh_is_untouched(task);
	if (r == 0 && task->has_outcome && store_fresh_is_untouched(task))
		store_placing_fill(store, task);
	if (r == 0 && !task->kind)
		return -EBADMSG;
	/* its lane is gone: it can never run */
	if (r == 0 && !task->request.host[0] && task->state != TASK_STATE_COMPLETED)
		return -EBADMSG;
	/* only a file with a name to come gets that far */
	if (r == 0 && task->state == TASK_STATE_FINISHING &&
		(task->kind != TRANSFER_TASK_DOWNLOAD || !task->request.destination))
		return -EBADMSG;
	if (r == 0)
		*ret_task = take_ptr(task);
	return r;
}

int store_task_load(struct store *store, uint64_t id, struct task **ret_task)
{
	struct task *fresh = store_fresh_take(store, id);
	int r;

	if (fresh) {
		*ret_task = fresh;
		return 0;
	}
	r = load_row(store, id, ret_task);
	if (r != -EBADMSG)
		return r;
	r = quarantine(store, id);
	if (r)
		return r;
	r = load_row(store, id, ret_task);
	/* it is not the row alone: what it belongs to cannot be read */
	return r == -EBADMSG ? drop_row(store, id) : r;
}
