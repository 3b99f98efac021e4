/* SPDX-License-Identifier: MIT */
/* Every cell of the table for both sorts of tasks, and what must hold of any table. */
#include "daemon/core/live-fsm.h"

#include "tests/lib/run.h"

struct row {
	enum live_phase from;
	enum live_event event;
	enum live_phase to;
	unsigned effects;
};

static const struct row rows[] = {
#define ROW(from, event, to, effects) \
	{ LIVE_PHASE_##from, LIVE_EVENT_##event, LIVE_PHASE_##to, (effects) },
	LIVE_TRANSITIONS(ROW)
#undef ROW
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct row *find(enum live_phase from, enum live_event event)
{
	const struct row *found = NULL;

	if (event == LIVE_EVENT_RESUME_ASKED && from != LIVE_PHASE_HELD)
		event = LIVE_EVENT_RESUME;
	for (size_t i = 0; i < N_ROWS; i++) {
		if (rows[i].from != from || rows[i].event != event)
			continue;
		ck_assert_msg(!found, "%s, %d is in the table twice", live_phase_name(from), event);
		found = &rows[i];
	}
	return found;
}

START_TEST(every_cell)
{
	for (int from = 0; from < LIVE_PHASE_COUNT; from++) {
		for (int event = 0; event < LIVE_EVENT_COUNT; event++) {
			const struct row *row = find((enum live_phase)from, (enum live_event)event);
			struct live_step step = { LIVE_PHASE_COUNT, ~0u };
			int r = live_fsm_step(
				(enum live_phase)from, (enum live_event)event, false, &step);

			ck_assert_int_eq(r, row ? 0 : LIVE_FSM_E_IGNORED);
			ck_assert_int_eq(step.next, row ? row->to : LIVE_PHASE_COUNT);
			ck_assert_uint_eq(step.effects, row ? row->effects : ~0u);
		}
	}
}
END_TEST

/* A download is stopped where others are held; nothing else differs. */
START_TEST(downloads)
{
	for (int from = 0; from < LIVE_PHASE_COUNT; from++) {
		for (int event = 0; event < LIVE_EVENT_COUNT; event++) {
			struct live_step data = { LIVE_PHASE_COUNT, 0 }, file = data;
			int r = live_fsm_step(
				(enum live_phase)from, (enum live_event)event, false, &data);
			bool is_held = data.effects & LIVE_EFFECT_HOLD;

			ck_assert_int_eq(live_fsm_step((enum live_phase)from,
						 (enum live_event)event, true, &file),
				r);
			ck_assert_uint_eq(file.effects & LIVE_EFFECT_HOLD, 0);
			if (is_held) {
				ck_assert_int_eq(file.next, LIVE_PHASE_STOPPING);
				ck_assert_uint_ne(file.effects & LIVE_EFFECT_STOP, 0);
				ck_assert_int_eq((file.effects & LIVE_EFFECT_WITHDRAW) != 0,
					from == LIVE_PHASE_ASKING);
			} else {
				ck_assert_int_eq(file.next, data.next);
				ck_assert_uint_eq(file.effects, data.effects);
			}
		}
	}
}
END_TEST

static bool has_attempt(enum live_phase phase)
{
	return phase == LIVE_PHASE_RUNNING || phase == LIVE_PHASE_ASKING ||
		phase == LIVE_PHASE_HELD || phase == LIVE_PHASE_STOPPING ||
		phase == LIVE_PHASE_CANCELING;
}

START_TEST(rules)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		const struct row *r = &rows[i];
		bool ends = r->to == LIVE_PHASE_ENDED;
		bool leaves_queue = r->from == LIVE_PHASE_QUEUED && r->event != LIVE_EVENT_START;

		/* the end is the end, told once */
		ck_assert(r->from != LIVE_PHASE_ENDED);
		ck_assert_int_eq((r->effects & LIVE_EFFECT_END) != 0, ends);
		/* a slot comes with START and goes with the attempt */
		ck_assert_int_eq((r->effects & LIVE_EFFECT_RELEASE) != 0,
			has_attempt(r->from) && !has_attempt(r->to));
		ck_assert_int_eq((r->effects & LIVE_EFFECT_ENQUEUE) != 0,
			r->from != LIVE_PHASE_QUEUED && r->to == LIVE_PHASE_QUEUED);
		ck_assert_int_eq((r->effects & LIVE_EFFECT_DEQUEUE) != 0, leaves_queue);
		/* no question survives its attempt */
		if (r->from == LIVE_PHASE_ASKING && r->event != LIVE_EVENT_ANSWER &&
			r->to != LIVE_PHASE_HELD)
			ck_assert_uint_ne(r->effects & LIVE_EFFECT_WITHDRAW, 0);
		if (r->event == LIVE_EVENT_CANCEL)
			ck_assert_int_eq(r->to,
				has_attempt(r->from) ? LIVE_PHASE_CANCELING : LIVE_PHASE_ENDED);
	}
}
END_TEST

/* Whatever happens, an attempt that ends takes its task out of the phases that have one. */
START_TEST(ends_of_attempts)
{
	static const enum live_event ends[] = { LIVE_EVENT_DONE, LIVE_EVENT_DONE_STOPPED };

	for (int from = 0; from < LIVE_PHASE_COUNT; from++) {
		for (size_t i = 0; has_attempt((enum live_phase)from) && i < 2; i++) {
			struct live_step step;

			ck_assert_int_eq(
				live_fsm_step((enum live_phase)from, ends[i], false, &step), 0);
			ck_assert(!has_attempt(step.next));
		}
	}
}
END_TEST

START_TEST(names)
{
	for (int a = 0; a < LIVE_PHASE_COUNT; a++)
		for (int b = 0; b < a; b++)
			ck_assert_str_ne(live_phase_name((enum live_phase)a),
				live_phase_name((enum live_phase)b));
}
END_TEST

RUN_TESTS("daemon/core/live-fsm", TEST(every_cell), TEST(downloads), TEST(rules),
	TEST(ends_of_attempts), TEST(names))
