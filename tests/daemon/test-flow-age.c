/* SPDX-License-Identifier: MIT */
/* A clock that is wrong when the daemon starts destroys nothing, and keeps nobody waiting for years. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <transfer/error.h>

#include "daemon/flow-state.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

#define DAY  (UINT64_C(86400) * 1000000)
#define YEAR (365 * DAY)
#define KEPT "00112233445566778899aabbccddeeff.kept"

static void make_kept(struct sim *sim)
{
	const time_t at = (time_t)(sim->now.wall_us / 1000000);
	const struct timespec times[2] = { { .tv_sec = at }, { .tv_sec = at } };
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", sim->spool_dir, KEPT);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(futimens(fd, times), 0);
	close(fd);
	fake_engine_add_file(sim->engine, path);
}

static bool is_kept(struct sim *sim)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", sim->spool_dir, KEPT);
	return fake_engine_has_file(sim->engine, path);
}

static void pass(struct sim *sim, uint64_t us)
{
	sim_pass(sim, us);
	sim_turn(sim);
}

static void pass_days(struct sim *sim, unsigned n)
{
	while (n--)
		pass(sim, DAY);
}

/* The daemon starts anew, in this run of the machine, with this clock. */
static void restart(struct sim *sim, const char *boot_id, uint64_t wall_us)
{
	sim->boot_id = boot_id;
	sim->now.wall_us = wall_us;
	sim_crash(sim);
}

static struct sim *sim_of_today(void)
{
	struct sim *sim = sim_new(1);

	ck_assert_uint_gt(sim->now.wall_us, UINT64_C(1672531200) * 1000000);
	sim->boot_id = "first";
	sim_crash(sim);
	return sim;
}

static const char *const boots[] = { "first", "second" };

/* Years ahead, in the same run of the machine or the next; then right again. */
START_TEST(ahead_it_throws_nothing_away)
{
	struct sim *sim = sim_of_today();

	make_kept(sim);
	restart(sim, boots[_i], sim->now.wall_us + 20 * YEAR);
	pass(sim, 2 * 3600 * UINT64_C(1000000));
	ck_assert(is_kept(sim));
	sim->now.wall_us -= 20 * YEAR;
	sim_crash(sim);
	ck_assert(is_kept(sim));
	/* its time comes */
	pass_days(sim, 8);
	ck_assert(!is_kept(sim));
	sim_free(sim);
}
END_TEST

/* A machine that is off each night: the days count. */
START_TEST(days_count_over_boots)
{
	struct sim *sim = sim_of_today();
	char boot_id[16];

	make_kept(sim);
	sim->boot_id = boot_id;
	for (unsigned i = 0; i < 7; i++) {
		ck_assert(is_kept(sim));
		snprintf(boot_id, sizeof(boot_id), "boot %u", i);
		sim->now.wall_us += DAY;
		sim_crash(sim);
	}
	ck_assert(!is_kept(sim));
	sim_free(sim);
}
END_TEST

/* 1970, and months ago. */
static const uint64_t clocks[] = { 1000 * UINT64_C(1000000), 0 };

/* One start with a clock that is behind, and the next with the right one. */
START_TEST(behind_once_it_is_right_again)
{
	struct sim *sim = sim_of_today();
	uint64_t wall_us = sim->now.wall_us;

	make_kept(sim);
	restart(sim, "second", clocks[_i] ? clocks[_i] : wall_us - 200 * DAY);
	pass(sim, 2 * 3600 * UINT64_C(1000000));
	ck_assert(is_kept(sim));
	restart(sim, "third", wall_us);
	pass_days(sim, 8);
	ck_assert(!is_kept(sim));
	sim_free(sim);
}
END_TEST

/* It is behind at the very first start: nothing is believed of it. */
START_TEST(a_first_clock_that_is_behind_is_forgotten)
{
	struct sim *sim = sim_new(1);
	uint64_t wall_us = sim->now.wall_us;

	restart(sim, "first", 1000 * UINT64_C(1000000));
	pass(sim, 2 * 3600 * UINT64_C(1000000));
	sim->boot_id = "second";
	sim->now.wall_us = wall_us;
	make_kept(sim);
	sim_crash(sim);
	for (unsigned i = 0; i < 8; i++) {
		ck_assert(is_kept(sim) || i == 7);
		pass(sim, DAY);
	}
	ck_assert(!is_kept(sim));
	sim_free(sim);
}
END_TEST

/* Two months off: that is believed when the clock has stood so for a while. */
START_TEST(catches_up_with_months)
{
	struct sim *sim = sim_of_today();
	unsigned n_days = 0;

	make_kept(sim);
	restart(sim, "second", sim->now.wall_us + 60 * DAY);
	pass(sim, 12 * 3600 * UINT64_C(1000000));
	ck_assert(is_kept(sim));
	pass(sim, 12 * 3600 * UINT64_C(1000000));
	ck_assert(!is_kept(sim));
	/* and all of it in the end */
	make_kept(sim);
	sim_crash(sim);
	for (; is_kept(sim) && n_days < 30; n_days++)
		pass(sim, DAY);
	ck_assert_uint_le(n_days, 14);
	ck_assert_uint_ge(n_days, 7);
	sim_free(sim);
}
END_TEST

/* A try that was put off by a clock that was ahead. */
START_TEST(nobody_waits_for_years)
{
	struct sim *sim = sim_of_today();
	uint64_t id;

	sim->now.wall_us += 20 * YEAR;
	sim_crash(sim);
	id = sim_download(sim, sim_session(sim, "app", "one"), "h");
	sim_post_failed(sim, id, TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST, true);
	sim_turn(sim);
	ck_assert_int_eq(sim_sub_state(sim, id), TRANSFER_SUB_STATE_WAITING_RETRY);
	sim->now.wall_us -= 20 * YEAR;
	sim_crash(sim);
	sim_settle(sim);
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, id));
	sim_free(sim);
}
END_TEST

static void put_waiting(
	struct sim *sim, uint64_t like, enum task_wait_reason reason, uint64_t due_wall_us)
{
	struct task *task = sim_task(sim, like);

	task->id = 0;
	task->state = TASK_STATE_WAITING;
	task->wait_reason = reason;
	task->due_wall_us = due_wall_us;
	ck_assert_int_eq(store_task_put(sim->store, task), 0);
	task_free(task);
}

/* A page of them each turn, also when a turn fails; who waits for a date does so still. */
START_TEST(thousands_wait_for_years_no_longer)
{
	const unsigned n = 2100;
	struct sim *sim = sim_of_today();
	uint64_t id = sim_download(sim, sim_session(sim, "app", "one"), "h");
	uint64_t year_us = sim->now.wall_us + YEAR;
	struct store_counts counts;

	for (unsigned i = 0; i < n; i++) {
		put_waiting(sim, id, TASK_WAIT_DATE, year_us);
		put_waiting(sim, id, TASK_WAIT_RETRY, year_us + 1 + i / 100);
	}
	ck_assert_int_eq(store_commit(sim->store), 0);
	sim_crash(sim);
	/* the first page was of dates, and nothing else is due */
	ck_assert_uint_eq(flow_next_timer(sim->flow), sim->now.now_us);
	sim->is_commit_failing = true;
	ck_assert_int_ne(sim_turn(sim), 0);
	sim->is_commit_failing = false;
	pass(sim, 2 * 1000000);
	sim_settle(sim);
	ck_assert_int_eq(store_counts(sim->store, &counts), 0);
	ck_assert_uint_eq(counts.by_state[TASK_STATE_WAITING], n);
	sim_free(sim);
}
END_TEST

/* Behind, as where no clock runs while the power is off: what is put off stays so until the clock is set. */
START_TEST(behind_it_hurries_nothing)
{
	struct sim *sim = sim_of_today();
	uint64_t id = sim_download(sim, sim_session(sim, "app", "one"), "h"), wall_us;

	sim_post_failed(sim, id, TRANSFER_ERROR_CANNOT_CONNECT_TO_HOST, true);
	sim_turn(sim);
	wall_us = sim->now.wall_us;
	sim->now.wall_us = clocks[_i] ? clocks[_i] : wall_us - 200 * DAY;
	sim_crash(sim);
	sim_settle(sim);
	ck_assert_int_eq(sim_sub_state(sim, id), TRANSFER_SUB_STATE_WAITING_RETRY);
	sim->now.wall_us = wall_us + 3600 * UINT64_C(1000000);
	sim_turn(sim);
	sim_settle(sim);
	ck_assert_ptr_nonnull(fake_engine_find(sim->engine, id));
	sim_free(sim);
}
END_TEST

RUN_TESTS("daemon/flow-age", TEST_EACH(ahead_it_throws_nothing_away, boots),
	TEST(days_count_over_boots), TEST_EACH(behind_once_it_is_right_again, clocks),
	TEST(a_first_clock_that_is_behind_is_forgotten), TEST(catches_up_with_months),
	TEST(nobody_waits_for_years), TEST(thousands_wait_for_years_no_longer),
	TEST_EACH(behind_it_hurries_nothing, clocks))
