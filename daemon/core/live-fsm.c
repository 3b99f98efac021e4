/* SPDX-License-Identifier: MIT */
/* The table of live-fsm.h as an array over (phase, event), and what is different for downloads. */
#include "daemon/core/live-fsm.h"

#include <stdint.h>

struct cell {
	bool is_defined;
	uint8_t next;
	uint16_t effects;
};

static const struct cell cells[LIVE_PHASE_COUNT][LIVE_EVENT_COUNT] = {
#define CELL(from, event, to, what) \
	[LIVE_PHASE_##from][LIVE_EVENT_##event] = { true, LIVE_PHASE_##to, (uint16_t)(what) },
	LIVE_TRANSITIONS(CELL)
#undef CELL
};

/* The bytes that are there are kept in a file: nothing is lost when the connection goes. */
static bool suspend_download(
	enum live_phase phase, enum live_event event, struct live_step *ret_step)
{
	if (event != LIVE_EVENT_SUSPEND ||
		(phase != LIVE_PHASE_RUNNING && phase != LIVE_PHASE_ASKING))
		return false;
	ret_step->next = LIVE_PHASE_STOPPING;
	ret_step->effects = LIVE_EFFECT_STOP;
	if (phase == LIVE_PHASE_ASKING)
		ret_step->effects |= LIVE_EFFECT_WITHDRAW;
	return true;
}

int live_fsm_step(
	enum live_phase phase, enum live_event event, bool is_download, struct live_step *ret_step)
{
	const struct cell *cell;

	if (is_download && suspend_download(phase, event, ret_step))
		return 0;
	if (event == LIVE_EVENT_RESUME_ASKED && phase != LIVE_PHASE_HELD)
		event = LIVE_EVENT_RESUME;
	cell = &cells[phase][event];
	if (!cell->is_defined)
		return LIVE_FSM_E_IGNORED;
	ret_step->next = (enum live_phase)cell->next;
	ret_step->effects = cell->effects;
	return 0;
}

const char *live_phase_name(enum live_phase phase)
{
	static const char *const names[LIVE_PHASE_COUNT] = {
#define NAME(symbol, name) [LIVE_PHASE_##symbol] = (name),
		LIVE_PHASES(NAME)
#undef NAME
	};

	return names[phase];
}
