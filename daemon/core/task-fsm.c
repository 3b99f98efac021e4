/* SPDX-License-Identifier: MIT */
/*
 * The table of task-fsm.h as an array over (phase, event), and the way from a task to its phase and
 * back. A running task is QUEUED in the store: a crash puts it back into the queue without any
 * clean-up. "Syncing" is not durable either, for the same reason.
 */
#include "daemon/core/task-fsm.h"

#include <stdbool.h>

struct cell {
	bool is_defined;
	uint8_t next;
	uint16_t effects;
};

static const struct cell cells[TASK_PHASE_COUNT][TASK_EVENT_COUNT] = {
#define CELL(from, event, to, what) \
	[TASK_PHASE_##from][TASK_EVENT_##event] = { true, TASK_PHASE_##to, (uint16_t)(what) },
	TASK_TRANSITIONS(CELL)
#undef CELL
};

int task_fsm_step(enum task_phase phase, enum task_event event, enum task_phase *ret_next,
	unsigned *ret_effects)
{
	const struct cell *cell = &cells[phase][event];

	if (!cell->is_defined)
		return TASK_FSM_E_IGNORED;
	*ret_next = (enum task_phase)cell->next;
	*ret_effects = cell->effects;
	return 0;
}

enum task_phase task_fsm_phase(const struct task *task)
{
	switch (task->state) {
	case TASK_STATE_SUSPENDED:
		if (task->is_syncing)
			return TASK_PHASE_SYNCING;
		return task->attempt ? TASK_PHASE_PARKING : TASK_PHASE_SUSPENDED;
	case TASK_STATE_QUEUED:
		if (task->is_syncing)
			return TASK_PHASE_SYNCING;
		if (!task->attempt)
			return TASK_PHASE_QUEUED;
		return task->is_stopping ? TASK_PHASE_REQUEUING : TASK_PHASE_RUNNING;
	case TASK_STATE_WAITING:
		return TASK_PHASE_WAITING;
	case TASK_STATE_FINISHING:
		return TASK_PHASE_FINISHING;
	case TASK_STATE_ANSWERED:
		return TASK_PHASE_ANSWERED;
	case TASK_STATE_CANCELING:
		return task->result.code ? TASK_PHASE_CANCELING : TASK_PHASE_BORN;
	case TASK_STATE_COMPLETED:
		return TASK_PHASE_COMPLETED;
	}
	return TASK_PHASE_COMPLETED;
}

void task_fsm_enter(struct task *task, enum task_phase phase)
{
	static const enum task_state states[TASK_PHASE_COUNT] = {
#define STATE(symbol, name, state) [TASK_PHASE_##symbol] = TASK_STATE_##state,
		TASK_PHASES(STATE)
#undef STATE
	};
	bool is_ending = phase == TASK_PHASE_PARKING || phase == TASK_PHASE_REQUEUING ||
		phase == TASK_PHASE_CANCELING;
	bool has_attempt = is_ending || phase == TASK_PHASE_RUNNING ||
		phase == TASK_PHASE_SYNCING || phase == TASK_PHASE_ANSWERED ||
		phase == TASK_PHASE_FINISHING || phase == TASK_PHASE_BORN;

	if (phase != TASK_PHASE_SYNCING || task->state != TASK_STATE_SUSPENDED)
		task->state = states[phase];
	task->is_syncing = phase == TASK_PHASE_SYNCING;
	task->is_stopping = is_ending;
	if (!has_attempt)
		task->attempt = 0;
	if (phase != TASK_PHASE_RUNNING && phase != TASK_PHASE_ANSWERED)
		task->is_transferring = false;
	if (phase != TASK_PHASE_WAITING) {
		task->wait_reason = TASK_WAIT_NONE;
		task->due_wall_us = 0;
	}
}

const char *task_phase_name(enum task_phase phase)
{
	static const char *const names[TASK_PHASE_COUNT] = {
#define NAME(symbol, name, state) [TASK_PHASE_##symbol] = (name),
		TASK_PHASES(NAME)
#undef NAME
	};

	return names[phase];
}

const char *task_event_name(enum task_event event)
{
	static const char *const names[TASK_EVENT_COUNT] = {
#define NAME(symbol, name) [TASK_EVENT_##symbol] = (name),
		TASK_EVENTS(NAME)
#undef NAME
	};

	return names[event];
}
