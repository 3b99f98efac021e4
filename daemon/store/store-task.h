/* SPDX-License-Identifier: MIT */
/* What the files of the store that deal with tasks share: their statements, and what a task counts as. Nobody else includes this. */
#ifndef STORE_STORE_TASK_H
#define STORE_STORE_TASK_H

#include "daemon/store/store-private.h"

/* ---- store-task-row.c: store_task_statements ---- */
enum {
	TASK_PUT,
	TASK_PUT_PLAIN,
	TASK_PUT_MANY,
	TASK_PUT_EXTRA,
	TASK_PUT_OUTCOME,
	TASK_LOAD,
	TASK_LOAD_EXTRA,
	TASK_LOAD_OUTCOME,
	TASK_STANDING,
	TASK_SAVE_STATE,
	TASK_SAVE_END,
	TASK_SAVE_CODE,
	TASK_SAVE_ATTEMPT,
	TASK_SAVE_REQUEST,
	TASK_SAVE_REQUEST_EXTRA,
	TASK_SAVE_REPLACED,
	TASK_SAVE_PROGRESS,
	TASK_SAVE_RESULT,
	TASK_SAVE_RESPONSE,
	TASK_SAVE_OUTCOME,
	TASK_PUT_PLACED,
	TASK_END_PLACED,
	TASK_SAVE_ENDED,
	TASK_SET_STATE,
	TASK_FAIL,
	TASK_DEL_EXTRA,
	TASK_FAIL_OUTCOME,
	TASK_DEL_EVENTS,
	TASK_DEL_END,
	TASK_DEL,
};

/* ---- store-task.c ---- */
struct store_statement *store_task_statement(struct store *store, int index);
int store_task_run_on(struct store *store, int index, uint64_t id); /* ?1: the task */

/* ---- store-task-save.c ---- */
int store_task_save_standing(struct store *store, uint64_t id, struct store_standing *ret_standing);
int store_task_save_recount(struct store *store, const struct store_standing *before,
	const struct store_standing *after);

#endif
