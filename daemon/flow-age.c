/* SPDX-License-Identifier: MIT */
/*
 * The clock of the machine may be wrong when the daemon starts: behind, where none ran while the power was off, or years ahead. What
 * would be done for it that cannot be undone, or not for years, is bounded here:
 *
 * Age. What is thrown away because it is old, is so by a clock that is saved: it goes on with the boot clock, and over a start of the
 * machine by no more than a day, however far the wall clock has come. It is never ahead of that.
 *
 * Waits. A try that is due later than any that we or a server would put off was put off by a clock that was ahead: it is due now.
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
#define NOT_BEFORE_WALL_US \
	(UINT64_C(1672531200) * CLOCK_US_PER_S) /* 2023: a clock before is wrong */
#define WAIT_MAX_US (RETRY_FLOOR_MAX_US + 2 * RETRY_MAX_US)

struct age {
	uint64_t wall_us, boot_us;
};

static uint64_t now_of(const struct flow *flow)
{
	return flow->age_wall_us + (flow->now.boot_us - flow->base_boot_us);
}

static int save(struct flow *flow)
{
	const struct age age = { now_of(flow), flow->now.boot_us };

	flow->age_saved_boot_us = age.boot_us;
	return err_fold(store_setting_put(flow->store, AGE, &age, sizeof(age)));
}

static int meet_age(struct flow *flow)
{
	struct age age = { 0 };
	uint64_t wall_us = flow->now.wall_us, last_us;
	size_t size = 0;
	int r = store_setting_load(flow->store, AGE, &age, sizeof(age), &size);

	flow->age_wall_us = wall_us;
	if (r && r != STORE_E_NOT_FOUND)
		return err_fold(r);
	/* a machine that does not say when it was started is believed */
	if (!flow->boot_id[0])
		return 0;
	if (!r && size == sizeof(age)) {
		last_us = flow->is_same_boot && age.boot_us <= flow->now.boot_us
			? age.wall_us + (flow->now.boot_us - age.boot_us)
			: age.wall_us + AGE_OFF_US;
		if (wall_us < NOT_BEFORE_WALL_US || last_us < wall_us)
			flow->age_wall_us = last_us;
		if (flow->is_same_boot && flow->now.boot_us - age.boot_us < AGE_SAVE_US)
			return 0;
	}
	return save(flow);
}

static int shorten_waits(struct flow *flow)
{
	uint64_t wall_us = flow->now.wall_us;

	if (wall_us < NOT_BEFORE_WALL_US)
		return 0;
	return err_fold(store_due_lower(flow->store, wall_us + WAIT_MAX_US, wall_us));
}

int flow_age_start(struct flow *flow)
{
	int r = meet_age(flow);

	return r ? r : shorten_waits(flow);
}

int flow_age_save(struct flow *flow)
{
	if (!flow->boot_id[0] || flow->now.boot_us - flow->age_saved_boot_us < AGE_SAVE_US)
		return 0;
	return save(flow);
}

uint64_t flow_age_wall_us(const struct flow *flow)
{
	return now_of(flow);
}
