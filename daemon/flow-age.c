/* SPDX-License-Identifier: MIT */
/*
 * The clock of the machine may be wrong when the daemon starts: behind, where none ran while the power was off, or years ahead. What
 * would be done for it that cannot be undone, or not for years, is bounded here:
 *
 * Age. What is thrown away because it is old, is so by a clock that is saved. It never goes back, and is never ahead of the wall
 * clock by more than was believed of it: over a start of the machine a day, and while it runs and the wall clock is ahead, eight hours
 * for each. So a clock that is wrong for some hours makes nothing old, and a machine that was off for months catches up in days.
 *
 * Waits. A try that is due later than any that we or a server would put off was put off by a clock that was ahead: it is due now.
 * So that a clock that is months behind makes none of them late, they are held against the saved one, too.
 *
 * A clock that is set while the daemon runs needs nothing: see flow_turn_age_wall_us() and flow_turn_steady_wall_us().
 */
#include <string.h>

#include "base/err.h"
#include "daemon/core/retry.h"
#include "daemon/flow-state.h"

#define AGE         "age" /* setting: the clock, and the boot clock then */
#define AGE_OFF_US  (UINT64_C(86400) * CLOCK_US_PER_S) /* that the machine may have been off */
#define AGE_SAVE_US (UINT64_C(3600) * CLOCK_US_PER_S)
#define AGE_RATE    8 /* how fast it goes while the wall clock is ahead */
#define WAITS_PAGE  2048 /* looked at in one turn */
#define WAIT_MAX_US (RETRY_FLOOR_MAX_US + 2 * RETRY_MAX_US)

struct age {
	uint64_t wall_us, boot_us;
};

static uint64_t later(uint64_t a_us, uint64_t b_us)
{
	return a_us > b_us ? a_us : b_us;
}

static bool is_known(uint64_t wall_us)
{
	return wall_us >= FLOW_NOT_BEFORE_WALL_US && wall_us <= INT64_MAX;
}

static uint64_t now_of(const struct flow *flow)
{
	uint64_t passed_us = flow->now.boot_us - flow->age_boot_us;

	if (!is_known(flow->age_wall_us))
		return flow->now.wall_us;
	return later(flow->age_wall_us + passed_us,
		clock_earlier_us(flow->age_wall_us + AGE_RATE * passed_us, flow->now.wall_us));
}

static int save(struct flow *flow)
{
	const struct age age = { now_of(flow), flow->now.boot_us };

	flow->age_wall_us = age.wall_us;
	flow->age_boot_us = age.boot_us;
	if (!is_known(age.wall_us))
		return 0;
	return err_fold(store_setting_put(flow->store, AGE, &age, sizeof(age)));
}

static int meet_age(struct flow *flow)
{
	struct age age = { 0 };
	size_t size = 0;
	int r = store_setting_load(flow->store, AGE, &age, sizeof(age), &size);

	flow->age_wall_us = flow->now.wall_us;
	flow->age_boot_us = flow->now.boot_us;
	if (r && r != STORE_E_NOT_FOUND)
		return err_fold(r);
	/* a machine that does not say when it was started is believed */
	if (!flow->boot_id[0])
		return 0;
	if (r || size != sizeof(age) || !is_known(age.wall_us))
		return save(flow);
	flow->age_wall_us = age.wall_us;
	if (flow->is_same_boot && age.boot_us <= flow->now.boot_us) {
		flow->age_boot_us = age.boot_us;
		return flow_age_save(flow);
	}
	flow->age_wall_us = later(
		age.wall_us, clock_earlier_us(age.wall_us + AGE_OFF_US, flow->now.wall_us));
	return save(flow);
}

int flow_age_start(struct flow *flow)
{
	int r = meet_age(flow);

	/* a clock that is behind the saved one cannot tell what is far away */
	flow->waits_after.wall_us = later(flow->now.wall_us, now_of(flow)) + WAIT_MAX_US;
	flow->waits_after.id = INT64_MAX;
	if (flow->now.wall_us < FLOW_NOT_BEFORE_WALL_US)
		flow->waits_after.wall_us = UINT64_MAX;
	return r;
}

int flow_age_shorten_waits(struct flow *flow)
{
	int r;

	if (flow->waits_after.wall_us == UINT64_MAX)
		return 0;
	/* what this turn saves of a task that it has read before does not undo it */
	r = flow_turn_flush(flow);
	if (r)
		return r;
	r = store_due_lower(flow->store, &flow->waits_after, flow->now.wall_us, WAITS_PAGE);
	flow->is_due_known = false;
	flow->has_more |= r == 0;
	if (r != STORE_E_NOT_FOUND)
		return err_fold(r);
	flow->waits_after.wall_us = UINT64_MAX;
	return 0;
}

int flow_age_save(struct flow *flow)
{
	if (!flow->boot_id[0] || flow->now.boot_us - flow->age_boot_us < AGE_SAVE_US)
		return 0;
	return save(flow);
}

uint64_t flow_age_wall_us(const struct flow *flow)
{
	return now_of(flow);
}
