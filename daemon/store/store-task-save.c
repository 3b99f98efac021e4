/* SPDX-License-Identifier: MIT */
/*
 * Tasks are put and saved: the row itself, and what few tasks have or what attempts have brought in rows of their own. The plain
 * download, of which there are many, is three statements from its first row to its end; all else goes the general way.
 */
#include "daemon/store/store-task.h"

#include <errno.h>

#include "base/err.h"

static sqlite3_stmt *get(struct store *store, int index)
{
	return store_task_statement(store, index)->stmt;
}

static int run_with(struct store *store, int index, const struct task *task)
{
	int r = store_row_bind(&store_task_statements, store_task_statement(store, index), task);

	return r ? r : store_run(store, get(store, index));
}

int store_task_number(struct store *store, struct task *task)
{
	if (store_is_full(store))
		return STORE_E_FULL;
	store->is_put_in_turn = true;
	return store_next_id(store, STORE_SEQUENCE_TASK, &task->id);
}

int store_task_number_above(struct store *store, uint64_t id)
{
	return id >= STORE_NUMBER_MAX ? 0 : store_raise_next(store, STORE_SEQUENCE_TASK, id + 1);
}

/* ---- what is said by a row that is not there ---- */

static bool has_extra(const struct task *task)
{
	const struct task_request *q = &task->request;
	bool has_texts = q->source_path || q->checksum_name || q->checksum_hex || q->want_digest ||
		q->main_document_url;
	bool has_numbers = q->timeout_us || q->resource_timeout_us || q->not_before_wall_us ||
		q->max_rate_bps || q->upload_copy || q->source_ino || q->source_size_bytes ||
		q->source_mtime_ns;

	return q->n_headers || q->userdata || has_texts || has_numbers || q->retry_http_errors ||
		q->ignores_cookies;
}

static bool has_progress(const struct task *task)
{
	bool has_texts = task->etag || task->last_modified || task->digest_state ||
		task->upload_url;

	return has_texts || task->offset_bytes || task->total_bytes != -1 || task->sent_bytes ||
		task->network_bytes || task->can_resume || task->is_resumed_by_client ||
		task->upload_offset_bytes;
}

static bool has_failed(const struct task *task)
{
	const struct transfer_result *a = &task->result, *b = &task->last_error;

	return a->os_errno || a->library_code || a->detail[0] || b->code || b->os_errno ||
		b->library_code || b->detail[0] || task->failing_url;
}

/* But for the code, which is in the row itself. */
static bool has_result(const struct task *task)
{
	return has_failed(task) || task->digest_hex || task->file_ino || task->file_size_bytes ||
		task->file_mtime_ns || task->redirects || task->body_bytes;
}

static bool has_response(const struct task *task)
{
	const struct task_response *a = &task->response;

	return a->status || a->expected_bytes != -1 || a->url || a->mime_type || a->text_encoding ||
		a->http_version || a->suggested_name || a->n_headers;
}

int store_task_save_standing(struct store *store, uint64_t id, struct store_standing *ret_standing)
{
	sqlite3_stmt *stmt = get(store, TASK_STANDING);
	uint64_t state;
	int r;

	store_bind_u64(stmt, 1, id);
	r = store_step(store, stmt);
	if (r)
		return r;
	if (store_read_u64(stmt, 0, &ret_standing->session) ||
		store_read_u64(stmt, 1, &ret_standing->lane) || store_read_u64(stmt, 2, &state) ||
		state > TASK_STATE_COMPLETED)
		r = -EBADMSG;
	ret_standing->state = r ? 0 : (unsigned)state;
	ret_standing->result_code = sqlite3_column_int(stmt, 3);
	sqlite3_reset(stmt);
	return r;
}

int store_task_save_recount(struct store *store, const struct store_standing *before,
	const struct store_standing *after)
{
	int r;

	if (before->state == after->state && before->result_code == after->result_code &&
		before->lane == after->lane)
		return 0;
	r = store_tally_task(store, before, -1);
	return r ? r : store_tally_task(store, after, 1);
}

/* ---- saving ---- */

enum {
	SAVE_OUTCOME = STORE_SAVE_PROGRESS | STORE_SAVE_RESULT | STORE_SAVE_RESPONSE,
};

static int save_outcome_part(struct store *store, const struct task *task, int index, bool says)
{
	int r = run_with(store, index, task);

	if (r || !says || sqlite3_changes(store->db))
		return r;
	r = run_with(store, TASK_PUT_OUTCOME, task);
	return r ? r : run_with(store, index, task);
}

static int save_outcome(struct store *store, const struct task *task, unsigned what)
{
	int r = 0;

	if ((what & SAVE_OUTCOME) == SAVE_OUTCOME)
		return save_outcome_part(store, task, TASK_SAVE_OUTCOME,
			has_progress(task) || has_result(task) || has_response(task));
	if (what & STORE_SAVE_PROGRESS)
		r = save_outcome_part(store, task, TASK_SAVE_PROGRESS, has_progress(task));
	if (r == 0 && what & STORE_SAVE_RESULT)
		r = save_outcome_part(store, task, TASK_SAVE_RESULT, has_result(task));
	if (r == 0 && what & STORE_SAVE_RESPONSE)
		r = save_outcome_part(store, task, TASK_SAVE_RESPONSE, has_response(task));
	return r;
}

/* What SetTasks may change of few tasks. */
static int save_request(struct store *store, const struct task *task)
{
	int r = run_with(store, TASK_SAVE_REQUEST, task);

	if (r == 0)
		r = run_with(store, TASK_SAVE_REQUEST_EXTRA, task);
	if (r || sqlite3_changes(store->db) || !has_extra(task))
		return r;
	return run_with(store, TASK_PUT_EXTRA, task);
}

static int save_replaced(struct store *store, const struct task *task)
{
	int r = run_with(store, TASK_SAVE_REPLACED, task);

	if (r)
		return r;
	return has_extra(task) ? run_with(store, TASK_PUT_EXTRA, task)
			       : store_task_run_on(store, TASK_DEL_EXTRA, task->id);
}

/* Of the task's own row. */
static int save_row(struct store *store, const struct task *task, unsigned what, int code_before)
{
	if (what & STORE_SAVE_STATE)
		return run_with(
			store, what & STORE_SAVE_RESULT ? TASK_SAVE_END : TASK_SAVE_STATE, task);
	if (what & STORE_SAVE_RESULT && task->result.code != code_before) {
		int r = run_with(store, TASK_SAVE_CODE, task);

		if (r)
			return r;
	}
	return what & STORE_SAVE_ATTEMPT ? run_with(store, TASK_SAVE_ATTEMPT, task) : 0;
}

static int save_parts(struct store *store, const struct task *task, unsigned what, int code_before)
{
	int r = save_row(store, task, what, code_before);

	if (r == 0 && what & STORE_SAVE_REQUEST)
		r = save_request(store, task);
	if (r == 0 && what & STORE_SAVE_REPLACED)
		r = save_replaced(store, task);
	return r ? r : save_outcome(store, task, what);
}

/* ---- a new row ---- */

static bool is_plain(const struct task *task)
{
	return task->state == TASK_STATE_QUEUED && !task->suspend_count && !task->wait_reason &&
		!task->due_wall_us;
}

/* What is beside the row, which is there. */
static int insert_rest(struct store *store, struct task *task)
{
	const struct store_standing standing = { task->session, task->lane, task->state, 0 };
	int r = 0;

	if (has_extra(task))
		r = run_with(store, TASK_PUT_EXTRA, task);
	if (r == 0 && has_progress(task))
		r = save_outcome(store, task, STORE_SAVE_PROGRESS);
	task->is_row_untouched = is_plain(task) && !has_progress(task);
	return r ? r : store_tally_task(store, &standing, 1);
}

static int insert(struct store *store, struct task *task)
{
	int r = run_with(store, is_plain(task) ? TASK_PUT_PLAIN : TASK_PUT, task);

	return r ? r : insert_rest(store, task);
}

int store_task_put(struct store *store, struct task *task)
{
	int r = store_task_number(store, task);

	return r ? r : insert(store, task);
}

/* The row is new: what else has to be saved. */
static unsigned rest_of(const struct task *task, unsigned what)
{
	bool has_begun = task->attempts || task->failures || task->started_wall_us ||
		task->finished_wall_us || task->resource_left_us || task->expires_boot_us;

	what &= ~(unsigned)(STORE_SAVE_NEW | STORE_SAVE_REQUEST | STORE_SAVE_PROGRESS);
	return has_begun ? what : what & ~(unsigned)(STORE_SAVE_STATE | STORE_SAVE_ATTEMPT);
}

static int insert_many(struct store *store, struct task *const *tasks)
{
	const struct store_map *map = &store_task_statement(store, TASK_PUT_PLAIN)->map;
	sqlite3_stmt *stmt = get(store, TASK_PUT_MANY);
	int r = 0;

	for (int i = 0; r == 0 && i < STORE_MANY; i++)
		r = store_row_bind_at(
			&store_task_statements, map, stmt, 1 + i * map->n_params, tasks[i]);
	if (r == 0)
		r = store_run(store, stmt);
	for (int i = 0; r == 0 && i < STORE_MANY; i++)
		r = insert_rest(store, tasks[i]);
	return r;
}

bool store_task_is_only_new(const struct task *task, unsigned what)
{
	return what & STORE_SAVE_NEW && !rest_of(task, what);
}

int store_task_save_new(struct store *store, struct task *const *tasks, size_t n)
{
	size_t done = 0;
	int r = store_begin(store);

	while (r == 0 && n - done >= STORE_MANY) {
		size_t n_plain = 0;

		while (n_plain < STORE_MANY && is_plain(tasks[done + n_plain]))
			n_plain++;
		if (n_plain == STORE_MANY) {
			r = insert_many(store, &tasks[done]);
			done += STORE_MANY;
			continue;
		}
		/* up to the one that is not, and that */
		for (size_t i = 0; r == 0 && i <= n_plain; i++)
			r = insert(store, tasks[done++]);
	}
	while (r == 0 && done < n)
		r = insert(store, tasks[done++]);
	return r == STORE_E_DUPLICATE ? store_contradicts(store) : r;
}

/* ---- the steps of a plain download ---- */

/* Of an untouched row only that changes what the list of files on their way says, and TASK_PUT_PLACED the rest. */
static bool is_placed(const struct task *task, unsigned what)
{
	bool is_other = task->suspend_count || task->wait_reason || task->due_wall_us ||
		task->is_begun || task->failures || task->finished_wall_us || task->end_seq ||
		task->expires_boot_us || task->result.code;
	bool has_more = task->sent_bytes || task->digest_state || task->upload_url ||
		task->upload_offset_bytes || task->is_resumed_by_client || task->redirects ||
		task->body_bytes;

	what &= ~(unsigned)STORE_SAVE_ATTEMPT;
	return what == (STORE_SAVE_STATE | SAVE_OUTCOME) && task->is_row_untouched &&
		task->state == TASK_STATE_FINISHING && task->file_ino &&
		task->request.destination && !is_other && !has_more && !has_failed(task);
}

/* STORE_E_NOT_FOUND: it has to go the general way. */
static int place(struct store *store, const struct task *task)
{
	int r = run_with(store, TASK_PUT_PLACED, task);

	/* there is no row to be placed */
	if (r == -EINVAL)
		return STORE_E_NOT_FOUND;
	if (r == 0 && !sqlite3_changes(store->db))
		r = save_outcome(store, task, SAVE_OUTCOME);
	return r ? r : store_placing_add(store, task);
}

static bool is_ended(const struct task *task, unsigned what)
{
	return task->state == TASK_STATE_COMPLETED && what & STORE_SAVE_STATE &&
		!(what & STORE_SAVE_RESULT) && !task->due_wall_us && !task->expires_boot_us;
}

/* And its row is as it was put. */
static bool is_placed_end(struct store *store, const struct task *task)
{
	return store_placing_has(store, task->id) && !task->suspend_count && !task->is_begun &&
		!task->failures && task->attempts && task->finished_wall_us;
}

/*
 * The common end names the row as it expects it, so that nobody has to look at it first. Nothing is done when it is another;
 * ret_what is what is still to be saved.
 */
static int save_expected(struct store *store, const struct task *task, unsigned *ret_what,
	struct store_standing *ret_before)
{
	bool is_listed;
	int r;

	if (!is_ended(task, *ret_what))
		return STORE_E_NOT_FOUND;
	is_listed = is_placed_end(store, task);
	r = run_with(store, is_listed ? TASK_END_PLACED : TASK_SAVE_ENDED, task);
	if (r)
		return r;
	if (!sqlite3_changes(store->db))
		return STORE_E_NOT_FOUND;
	*ret_what &= ~(unsigned)(STORE_SAVE_STATE | STORE_SAVE_ATTEMPT);
	*ret_before = (struct store_standing){ task->session, task->lane,
		is_listed ? TASK_STATE_QUEUED : TASK_STATE_FINISHING, 0 };
	return 0;
}

/* What the row counted as before is in ret_before. */
static int save_over(struct store *store, const struct task *task, unsigned what,
	struct store_standing *ret_before)
{
	int r = STORE_E_NOT_FOUND;

	if (what & STORE_SAVE_STATE)
		r = save_expected(store, task, &what, ret_before);
	if (r == STORE_E_NOT_FOUND && what & (STORE_SAVE_STATE | STORE_SAVE_RESULT))
		r = store_task_save_standing(store, task->id, ret_before);
	else if (r == STORE_E_NOT_FOUND)
		r = 0;
	return r ? r : save_parts(store, task, what, ret_before->result_code);
}

static int save(struct store *store, struct task *task, unsigned what)
{
	struct store_standing before = { task->session, task->lane, task->state, 0 }, after;
	int r;

	if (what & STORE_SAVE_NEW) {
		r = insert(store, task);
		what = rest_of(task, what);
		task->is_row_untouched &= !what;
		if (r == 0)
			r = save_parts(store, task, what, 0);
	} else {
		store_fresh_drop(store, task->id);
		r = save_over(store, task, what, &before);
		task->is_row_untouched = false;
		if (what & STORE_SAVE_STATE)
			store_placing_end(store, task->id);
	}
	if (r)
		return r;
	after = before;
	if (what & STORE_SAVE_STATE)
		after.state = task->state;
	if (what & STORE_SAVE_REPLACED)
		after.lane = task->lane;
	if (what & STORE_SAVE_RESULT)
		after.result_code = task->result.code;
	return store_task_save_recount(store, &before, &after);
}

int store_task_save(struct store *store, struct task *task, unsigned what)
{
	int r = store_begin(store);

	if (r)
		return r;
	r = is_placed(task, what) ? place(store, task) : STORE_E_NOT_FOUND;
	if (r == STORE_E_NOT_FOUND)
		r = save(store, task, what);
	else
		task->is_row_untouched = false;
	return r == STORE_E_NOT_FOUND || r == STORE_E_DUPLICATE ? store_contradicts(store) : r;
}

int store_task_set_state(struct store *store, uint64_t id, unsigned state)
{
	sqlite3_stmt *stmt = get(store, TASK_SET_STATE);
	struct store_standing before, after;
	int r = store_begin(store);

	if (r == 0)
		r = store_task_save_standing(store, id, &before);
	if (r)
		return r;
	store_fresh_drop(store, id);
	store_placing_end(store, id);
	store_bind_u64(stmt, 1, id);
	store_bind_u64(stmt, 2, state);
	r = store_run(store, stmt);
	if (r)
		return r;
	after = before;
	after.state = state;
	return store_task_save_recount(store, &before, &after);
}
