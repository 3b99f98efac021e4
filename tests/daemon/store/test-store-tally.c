/* SPDX-License-Identifier: MIT */
/* The counts that are kept are the counts that counting would give, after any walk. */
#include "tests/daemon/store/fixture.h"

#define TASKS 40

static void check(struct fixture *f)
{
	struct store_counts counts;
	uint64_t n;
	char sql[128];

	ck_ok(store_counts(f->store, &counts));
	for (int state = 0; state <= TASK_STATE_COMPLETED; state++) {
		snprintf(sql, sizeof(sql), "SELECT count(*) FROM task WHERE state = %d", state);
		ck_assert_int_eq((int64_t)counts.by_state[state], fixture_number(f, sql));
	}
	ck_assert_int_eq((int64_t)counts.n_failed,
		fixture_number(f,
			"SELECT count(*) FROM task WHERE state = 6 AND result_code NOT IN (0, -999)"));
	ck_assert_int_eq((int64_t)counts.n_cancelled,
		fixture_number(
			f, "SELECT count(*) FROM task WHERE state = 6 AND result_code = -999"));
	ck_assert_int_eq(
		(int64_t)counts.n_events, fixture_number(f, "SELECT ifnull(sum(n), 0) FROM event"));
	ck_assert_uint_gt(counts.database_bytes, 4096);
	ck_ok(store_session_unfinished(f->store, f->session, &n));
	ck_assert_int_eq(
		(int64_t)n, fixture_number(f, "SELECT count(*) FROM task WHERE state < 6"));
	ck_ok(store_session_tasks(f->store, f->session, &n));
	ck_assert_int_eq((int64_t)n, fixture_number(f, "SELECT count(*) FROM task"));
	ck_assert_int_eq(fixture_number(f, "SELECT n_queued FROM lane"),
		fixture_number(f, "SELECT count(*) FROM task WHERE state = 1"));
}

static void put_event(struct fixture *f, struct task *task, unsigned random)
{
	static const struct store_event events[] = {
		{ .type = STORE_EVENT_COMPLETED },
		{ .type = STORE_EVENT_METRICS, .n_after = 1 },
		{ .type = STORE_EVENT_FINISHED_DOWNLOADING, .n_after = 2 },
	};
	struct store_event event = events[random % 3];

	event.session = f->session;
	event.task = task->id;
	ck_ok(store_event_put(f->store, &event));
	task->end_seq = event.seq;
	ck_ok(store_task_save(f->store, task, STORE_SAVE_STATE));
	if (random / 3 % 4 == 0)
		ck_ok(store_event_ack(
			f->store, f->session, event.seq - random / 12 % 9, NULL, NULL));
}

static void step(struct fixture *f, unsigned random)
{
	static const int32_t codes[] = { 0, TRANSFER_ERROR_CANCELLED, TRANSFER_ERROR_TIMED_OUT };
	uint64_t id = 1 + random % TASKS;
	struct task *task;

	if (random % 13 == 0)
		store_rollback(f->store);
	if (random % 11 == 0)
		ck_ok(store_commit(f->store));
	if (random % 7 == 0 || store_task_load(f->store, id, &task)) {
		fixture_put(f, (enum task_state)(random / 7 % 7));
		return;
	}
	task->state = (enum task_state)(random / 64 % 7);
	task->result.code = codes[random / 512 % 3];
	switch (random / 8 % 5) {
	case 0:
		ck_ok(store_task_del(f->store, id));
		break;
	case 1:
		ck_ok(store_task_save(f->store, task, STORE_SAVE_RESULT));
		break;
	case 2:
		ck_ok(store_task_save(f->store, task, STORE_SAVE_STATE));
		break;
	case 3:
		put_event(f, task, random / 40);
		break;
	case 4:
		ck_ok(store_task_save(f->store, task, STORE_SAVE_STATE | STORE_SAVE_RESULT));
		break;
	}
	task_free(task);
}

START_TEST(is_what_counting_gives)
{
	unsigned random = 12345u + (unsigned)_i;
	struct fixture f;

	fixture_init(&f);
	for (int i = 0; i < 600; i++) {
		random = random * 1103515245u + 12345u;
		step(&f, random >> 8);
		if (i % 50 == 0)
			check(&f);
	}
	ck_ok(store_commit(f.store));
	fixture_reopen(&f);
	check(&f);
	fixture_done(&f);
}
END_TEST

/* A row that says neither whose it is nor what it is: dropped, and all is counted anew. */
START_TEST(is_right_after_a_row_was_dropped)
{
	struct fixture f;
	struct task *task;

	fixture_init(&f);
	for (int state = 0; state <= TASK_STATE_COMPLETED; state++)
		fixture_put(&f, (enum task_state)state);
	fixture_put(&f, TASK_STATE_QUEUED);
	ck_ok(store_commit(f.store));
	fixture_sql(&f, "PRAGMA ignore_check_constraints = 1");
	fixture_sql(&f, "UPDATE task SET state = 99 WHERE id = 2");
	ck_assert_int_eq(store_task_load(f.store, 2, &task), STORE_E_NOT_FOUND);
	ck_assert_uint_eq(store_n_repaired(f.store), 1);
	check(&f);
	ck_ok(store_commit(f.store));
	fixture_reopen(&f);
	check(&f);
	fixture_done(&f);
}
END_TEST

RUN_TESTS("daemon/store/store-tally", TEST_LOOP(is_what_counting_gives, 4),
	TEST(is_right_after_a_row_was_dropped))
