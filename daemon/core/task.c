/* SPDX-License-Identifier: MIT */
/* A task's memory and the state that the public sees. */
#include "daemon/core/task.h"

#include <stdlib.h>

struct task *task_new(void)
{
	struct task *task = calloc(1, sizeof(*task));

	if (!task)
		return NULL;
	task->total_bytes = TRANSFER_SIZE_UNKNOWN;
	task->expected_receive_bytes = TRANSFER_SIZE_UNKNOWN;
	task->expected_send_bytes = TRANSFER_SIZE_UNKNOWN;
	task->response.expected_bytes = TRANSFER_SIZE_UNKNOWN;
	task->request.priority = 0.5;
	return task;
}

void task_free(struct task *task)
{
	if (!task)
		return;
	arena_done(&task->arena);
	free(task);
}

enum transfer_task_state task_public_state(const struct task *task)
{
	switch (task->state) {
	case TASK_STATE_SUSPENDED:
		return TRANSFER_TASK_STATE_SUSPENDED;
	case TASK_STATE_QUEUED:
	case TASK_STATE_WAITING:
	case TASK_STATE_FINISHING:
	case TASK_STATE_ANSWERED:
		return TRANSFER_TASK_STATE_RUNNING;
	case TASK_STATE_CANCELING:
		return TRANSFER_TASK_STATE_CANCELING;
	case TASK_STATE_COMPLETED:
		return TRANSFER_TASK_STATE_COMPLETED;
	}
	return TRANSFER_TASK_STATE_COMPLETED;
}
