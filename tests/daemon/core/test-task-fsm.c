/* SPDX-License-Identifier: MIT */
/* Every cell of the table: those that are written down, and all others as "nothing happens". */
#include "daemon/core/task-fsm.h"

#include <string.h>

#include "tests/lib/run.h"

struct row {
	enum task_phase from;
	enum task_event event;
	enum task_phase to;
	unsigned effects;
};

static const struct row rows[] = {
#define ROW(from, event, to, effects) \
	{ TASK_PHASE_##from, TASK_EVENT_##event, TASK_PHASE_##to, (effects) },
	TASK_TRANSITIONS(ROW)
#undef ROW
};

static const struct row *find(enum task_phase from, enum task_event event)
{
	const struct row *found = NULL;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].from != from || rows[i].event != event)
			continue;
		ck_assert_msg(!found, "%s, %s is in the table twice", task_phase_name(from),
			task_event_name(event));
		found = &rows[i];
	}
	return found;
}

START_TEST(every_cell)
{
	for (int from = 0; from < TASK_PHASE_COUNT; from++) {
		for (int event = 0; event < TASK_EVENT_COUNT; event++) {
			const struct row *row = find((enum task_phase)from, (enum task_event)event);
			enum task_phase next = TASK_PHASE_COUNT;
			unsigned effects = ~0u;
			int r = task_fsm_step(
				(enum task_phase)from, (enum task_event)event, &next, &effects);

			ck_assert_int_eq(r, row ? 0 : TASK_FSM_E_IGNORED);
			ck_assert_int_eq(next, row ? row->to : TASK_PHASE_COUNT);
			ck_assert_uint_eq(effects, row ? row->effects : ~0u);
		}
	}
}
END_TEST

/* What must hold of any table. */
START_TEST(rules)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		bool has_slot = r->from == TASK_PHASE_RUNNING || r->from == TASK_PHASE_PARKING ||
			r->from == TASK_PHASE_REQUEUING || r->from == TASK_PHASE_ANSWERED ||
			r->from == TASK_PHASE_CANCELING;
		bool keeps = r->to == TASK_PHASE_RUNNING || r->to == TASK_PHASE_PARKING ||
			r->to == TASK_PHASE_REQUEUING || r->to == TASK_PHASE_ANSWERED ||
			r->to == TASK_PHASE_CANCELING;

		/* a slot is given back exactly when the attempt is over */
		ck_assert_int_eq(!!(r->effects & TASK_EFFECT_RELEASE), has_slot && !keeps);
		/* the end happens once, and whoever gets there ends */
		ck_assert_int_eq(!!(r->effects & (TASK_EFFECT_COMPLETE | TASK_EFFECT_FORGET)),
			r->to == TASK_PHASE_COMPLETED);
		/* only the queue starts */
		ck_assert_int_eq(!!(r->effects & TASK_EFFECT_START), r->to == TASK_PHASE_RUNNING);
		ck_assert(!(r->effects & TASK_EFFECT_START) || r->from == TASK_PHASE_QUEUED);
		ck_assert_int_eq(!!(r->effects & TASK_EFFECT_ENQUEUE), r->to == TASK_PHASE_QUEUED);
		ck_assert_int_eq(!!(r->effects & TASK_EFFECT_DEQUEUE),
			r->from == TASK_PHASE_QUEUED && r->to != TASK_PHASE_RUNNING);
		ck_assert_int_eq(!!(r->effects & TASK_EFFECT_WAIT), r->to == TASK_PHASE_WAITING);
		ck_assert_int_eq(
			!!(r->effects & TASK_EFFECT_PUBLISH), r->to == TASK_PHASE_FINISHING);
		/* answered is never queued again (BT-25) */
		ck_assert(r->from != TASK_PHASE_ANSWERED || r->to == TASK_PHASE_COMPLETED ||
			r->to == TASK_PHASE_CANCELING);
		/* the end is final but for a retry (BT-73) */
		ck_assert(r->from != TASK_PHASE_COMPLETED || r->event == TASK_EVENT_RETRY ||
			r->event == TASK_EVENT_RETRY_PLACE);
	}
}
END_TEST

/* Into each phase and back: state and flags say which it is. */
START_TEST(phase_round_trip)
{
	for (int phase = 0; phase < TASK_PHASE_COUNT; phase++) {
		struct task task = { .attempt = 3, .is_transferring = true, .due_wall_us = 5 };

		if (phase == TASK_PHASE_CANCELING)
			task.result.code = -999;
		task_fsm_enter(&task, (enum task_phase)phase);
		if (phase == TASK_PHASE_PARKING)
			ck_assert(task.is_stopping);
		ck_assert_str_eq(task_phase_name(task_fsm_phase(&task)),
			task_phase_name((enum task_phase)phase));
		ck_assert_uint_eq(task.due_wall_us, phase == TASK_PHASE_WAITING ? 5 : 0);
	}
}
END_TEST

/* What a crash makes of each: the row has neither attempt nor flags. */
START_TEST(crash)
{
	static const struct {
		enum task_phase before, after;
	} cases[] = {
		{ TASK_PHASE_BORN, TASK_PHASE_BORN },
		{ TASK_PHASE_SUSPENDED, TASK_PHASE_SUSPENDED },
		{ TASK_PHASE_QUEUED, TASK_PHASE_QUEUED },
		{ TASK_PHASE_WAITING, TASK_PHASE_WAITING },
		{ TASK_PHASE_RUNNING, TASK_PHASE_QUEUED },
		{ TASK_PHASE_PARKING, TASK_PHASE_SUSPENDED },
		{ TASK_PHASE_REQUEUING, TASK_PHASE_QUEUED },
		{ TASK_PHASE_SYNCING, TASK_PHASE_QUEUED },
		{ TASK_PHASE_ANSWERED, TASK_PHASE_ANSWERED },
		{ TASK_PHASE_FINISHING, TASK_PHASE_FINISHING },
		{ TASK_PHASE_CANCELING, TASK_PHASE_CANCELING },
		{ TASK_PHASE_COMPLETED, TASK_PHASE_COMPLETED },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct task task = { .state = TASK_STATE_QUEUED, .attempt = 1 };
		struct task row = { 0 };

		task_fsm_enter(&task, cases[i].before);
		row.state = task.state;
		row.result.code = cases[i].before == TASK_PHASE_CANCELING ? -999 : 0;
		ck_assert_str_eq(
			task_phase_name(task_fsm_phase(&row)), task_phase_name(cases[i].after));
	}
}
END_TEST

/* Suspended while its file was being made durable: it stays suspended for the store. */
START_TEST(syncing_keeps_suspension)
{
	struct task task = { .state = TASK_STATE_SUSPENDED, .attempt = 1, .is_stopping = true };

	task_fsm_enter(&task, TASK_PHASE_SYNCING);
	ck_assert_int_eq(task.state, TASK_STATE_SUSPENDED);
	ck_assert_int_eq(task_fsm_phase(&task), TASK_PHASE_SYNCING);
}
END_TEST

START_TEST(names)
{
	for (int i = 0; i < TASK_PHASE_COUNT; i++)
		ck_assert_uint_gt(strlen(task_phase_name((enum task_phase)i)), 0);
	for (int i = 0; i < TASK_EVENT_COUNT; i++)
		ck_assert_uint_gt(strlen(task_event_name((enum task_event)i)), 0);
}
END_TEST

RUN_TESTS("daemon/core/task-fsm", TEST(every_cell), TEST(rules), TEST(phase_round_trip),
	TEST(crash), TEST(syncing_keeps_suspension), TEST(names))
