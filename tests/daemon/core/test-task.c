/* SPDX-License-Identifier: MIT */
/* A new task's values, and Apple's four states for each of ours. */
#include "daemon/core/task.h"

#include "tests/lib/run.h"

START_TEST(new_task)
{
	struct task *task = task_new();

	ck_assert_ptr_nonnull(task);
	ck_assert_int_eq(task->total_bytes, TRANSFER_SIZE_UNKNOWN);
	ck_assert_int_eq(task->expected_receive_bytes, TRANSFER_SIZE_UNKNOWN);
	ck_assert_int_eq(task->expected_send_bytes, TRANSFER_SIZE_UNKNOWN);
	ck_assert_int_eq(task->response.expected_bytes, TRANSFER_SIZE_UNKNOWN);
	ck_assert_double_eq(task->request.priority, 0.5);
	ck_assert_ptr_nonnull(arena_strdup(&task->arena, "x"));
	task_free(task);
	task_free(NULL);
}
END_TEST

static const struct {
	enum task_state state;
	enum transfer_task_state want;
} states[] = {
	{ TASK_STATE_SUSPENDED, TRANSFER_TASK_STATE_SUSPENDED },
	{ TASK_STATE_QUEUED, TRANSFER_TASK_STATE_RUNNING },
	{ TASK_STATE_WAITING, TRANSFER_TASK_STATE_RUNNING },
	{ TASK_STATE_FINISHING, TRANSFER_TASK_STATE_RUNNING },
	{ TASK_STATE_ANSWERED, TRANSFER_TASK_STATE_RUNNING },
	{ TASK_STATE_CANCELING, TRANSFER_TASK_STATE_CANCELING },
	{ TASK_STATE_COMPLETED, TRANSFER_TASK_STATE_COMPLETED },
};

START_TEST(public_state)
{
	const struct task task = { .state = states[_i].state };

	ck_assert_int_eq(task_public_state(&task), states[_i].want);
}
END_TEST

RUN_TESTS("daemon/core/task", TEST(new_task), TEST_EACH(public_state, states))
