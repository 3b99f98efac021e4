/* SPDX-License-Identifier: MIT */
/* Lanes are found again, windows are in order, what is due moves once. */
#include <math.h>

#include "tests/daemon/store/fixture.h"

static uint64_t put(struct fixture *f, double priority, enum task_state state, uint64_t due_wall_us)
{
	struct task *task = fixture_task(f, state);
	uint64_t id;

	task->request.priority = priority;
	task->due_wall_us = due_wall_us;
	ck_ok(store_task_put(f->store, task));
	id = task->id;
	task_free(task);
	return id;
}

START_TEST(finds_a_lane_again)
{
	struct fixture f;
	uint64_t again, other;

	fixture_init(&f);
	ck_ok(store_lane_get(f.store, f.session, "https://example.org:443", &again));
	ck_assert_uint_eq(again, f.lane);
	ck_ok(store_lane_get(f.store, f.session, "http://example.org:80", &other));
	ck_assert_uint_ne(other, f.lane);
	fixture_done(&f);
}
END_TEST

START_TEST(shows_the_head_in_order)
{
	struct store_candidate c[3];
	struct fixture f;
	uint64_t low, first, second, high;
	size_t n;

	fixture_init(&f);
	low = put(&f, 0.1, TASK_STATE_QUEUED, 0);
	first = put(&f, 0.5, TASK_STATE_QUEUED, 0);
	second = put(&f, 0.5, TASK_STATE_QUEUED, 0);
	high = put(&f, 0.9, TASK_STATE_QUEUED, 0);
	put(&f, 1.0, TASK_STATE_SUSPENDED, 0);
	ck_ok(store_lane_window(f.store, &(struct store_window){ f.lane, 3, { 0 } }, c, &n));
	ck_assert_uint_eq(n, 3);
	ck_assert_uint_eq(c[0].id, high);
	ck_assert_uint_eq(c[1].id, first);
	ck_assert_uint_eq(c[2].id, second);
	ck_assert(c[0].priority > 0.89 && c[0].priority < 0.91);
	/* on from there */
	ck_ok(store_lane_window(f.store, &(struct store_window){ f.lane, 3, c[1] }, c, &n));
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(c[0].id, second);
	ck_assert_uint_eq(c[1].id, low);
	ck_ok(store_lane_window(
		f.store, &(struct store_window){ f.lane, 1, { first, 0.5 } }, c, &n));
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(c[0].id, second);
	ck_ok(store_task_del(f.store, high));
	ck_ok(store_lane_window(f.store, &(struct store_window){ f.lane, 3, { 0 } }, c, &n));
	ck_assert_uint_eq(c[2].id, low);
	/* what is no priority is found, too: its task is ended when it is looked at */
	fixture_sql(&f, "PRAGMA ignore_check_constraints = ON");
	fixture_sql(&f, "UPDATE task SET priority = 7.5 WHERE priority = 0.1");
	for (uint64_t id = 0; id < 2; id++) {
		ck_ok(store_lane_window(
			f.store, &(struct store_window){ f.lane, 3, { id, INFINITY } }, c, &n));
		ck_assert_uint_eq(n, 3);
		ck_assert_uint_eq(c[0].id, low);
		ck_assert_uint_eq(c[1].id, first);
	}
	ck_ok(store_lane_window(f.store, &(struct store_window){ f.lane, 3, c[0] }, c, &n));
	ck_assert_uint_eq(c[0].id, first);
	fixture_done(&f);
}
END_TEST

struct heard {
	size_t n;
	uint64_t ids[16];
	uint64_t n_queued;
};

static int hear_lane(const struct store_lane *lane, void *user)
{
	struct heard *heard = user;

	heard->ids[heard->n++] = lane->lane;
	heard->n_queued += lane->n_queued;
	ck_assert_int_eq(strncmp(lane->host, "https://", 8), 0);
	return 0;
}

START_TEST(lists_lanes_with_work)
{
	struct heard heard = { 0 };
	struct fixture f;
	uint64_t empty, id;

	fixture_init(&f);
	ck_ok(store_lane_get(f.store, f.session, "https://idle:443", &empty));
	put(&f, 0.5, TASK_STATE_QUEUED, 0);
	id = put(&f, 0.5, TASK_STATE_QUEUED, 0);
	ck_ok(store_lane_each(f.store, hear_lane, &heard));
	ck_assert_uint_eq(heard.n, 1);
	ck_assert_uint_eq(heard.ids[0], f.lane);
	ck_assert_uint_eq(heard.n_queued, 2);
	ck_ok(store_commit(f.store));
	ck_ok(store_task_set_state(f.store, id, TASK_STATE_SUSPENDED));
	store_rollback(f.store);
	memset(&heard, 0, sizeof(heard));
	fixture_reopen(&f);
	ck_ok(store_lane_each(f.store, hear_lane, &heard));
	ck_assert_uint_eq(heard.n_queued, 2);
	fixture_done(&f);
}
END_TEST

static int hear_due(uint64_t task, uint64_t lane, void *user)
{
	struct heard *heard = user;

	(void)lane;
	heard->ids[heard->n++] = task;
	return 0;
}

START_TEST(takes_what_is_due)
{
	struct heard heard = { 0 };
	struct fixture f;
	uint64_t late, early, due_wall_us;
	struct task *task;

	fixture_init(&f);
	ck_ok(store_due_next(f.store, &due_wall_us));
	ck_assert(due_wall_us == UINT64_MAX);
	late = put(&f, 0.5, TASK_STATE_WAITING, 300);
	early = put(&f, 0.5, TASK_STATE_WAITING, 100);
	put(&f, 0.5, TASK_STATE_WAITING, 500);
	ck_ok(store_due_next(f.store, &due_wall_us));
	ck_assert_uint_eq(due_wall_us, 100);
	ck_ok(store_due_take(f.store, 99, 10, hear_due, &heard));
	ck_assert_uint_eq(heard.n, 0);
	ck_ok(store_due_take(f.store, 400, 1, hear_due, &heard));
	ck_ok(store_due_take(f.store, 400, 10, hear_due, &heard));
	ck_assert_uint_eq(heard.n, 2);
	ck_assert_uint_eq(heard.ids[0], early);
	ck_assert_uint_eq(heard.ids[1], late);
	task = fixture_load(&f, late);
	ck_assert_int_eq(task->state, TASK_STATE_QUEUED);
	ck_assert_uint_eq(task->due_wall_us, 0);
	task_free(task);
	ck_ok(store_due_next(f.store, &due_wall_us));
	ck_assert_uint_eq(due_wall_us, 500);
	fixture_done(&f);
}
END_TEST

/* When each of them is due, in order of id. */
static const char *dues(struct fixture *f, const uint64_t *ids, size_t n)
{
	static char text[100];
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		struct task *task = fixture_load(f, ids[i]);

		used += (size_t)snprintf(
			text + used, sizeof(text) - used, "%" PRIu64 " ", task->due_wall_us);
		task_free(task);
	}
	return text;
}

/* A page at a time: also among those that are due at one moment, and those that wait for their date count. */
START_TEST(lowers_what_is_due_too_late)
{
	static const uint64_t at[] = { 500, 100, 500, 500, 900, 101, INT64_MAX };
	struct store_due after = { 100, INT64_MAX };
	struct fixture f;
	uint64_t ids[7];

	fixture_init(&f);
	for (size_t i = 0; i < 7; i++)
		ids[i] = put(&f, 0.5, TASK_STATE_WAITING, at[i]);
	fixture_sql(
		&f, "UPDATE task SET wait_reason = CASE id WHEN 3 THEN 2 WHEN 4 THEN 3 ELSE 1 END");
	ck_ok(store_due_lower(f.store, &after, 7, 2));
	ck_assert_str_eq(dues(&f, ids, 7), "7 100 500 500 900 7 9223372036854775807 ");
	ck_ok(store_due_lower(f.store, &after, 7, 2));
	ck_assert_str_eq(dues(&f, ids, 7), "7 100 500 7 900 7 9223372036854775807 ");
	ck_assert_int_eq(store_due_lower(f.store, &after, 7, 2), STORE_E_NOT_FOUND);
	ck_assert_str_eq(dues(&f, ids, 7), "7 100 500 7 7 7 9223372036854775807 ");
	ck_assert_int_eq(store_due_lower(f.store, &after, 7, 2), STORE_E_NOT_FOUND);
	ck_ok(store_commit(f.store));
	fixture_done(&f);
}
END_TEST

static uint64_t put_limited(
	struct fixture *f, enum task_state state, uint64_t left_us, uint64_t expires_boot_us)
{
	struct task *task = fixture_task(f, state);
	uint64_t id;

	ck_ok(store_task_put(f->store, task));
	task->resource_left_us = left_us;
	task->expires_boot_us = expires_boot_us;
	ck_ok(store_task_save(f->store, task, STORE_SAVE_STATE));
	id = task->id;
	task_free(task);
	return id;
}

static uint64_t expires(struct fixture *f, uint64_t id)
{
	struct task *task = fixture_load(f, id);
	uint64_t boot_us = task->expires_boot_us;

	task_free(task);
	return boot_us;
}

START_TEST(knows_whose_time_is_over)
{
	uint64_t queued, waiting, ids[4], boot_us;
	struct fixture f;
	size_t n;

	fixture_init(&f);
	put(&f, 0.5, TASK_STATE_QUEUED, 0);
	ck_ok(store_expiry_next(f.store, &boot_us));
	ck_assert(boot_us == UINT64_MAX);
	queued = put_limited(&f, TASK_STATE_QUEUED, 50, 300);
	waiting = put_limited(&f, TASK_STATE_WAITING, 50, 200);
	put_limited(&f, TASK_STATE_QUEUED, 50, 0); /* runs */
	put_limited(&f, TASK_STATE_SUSPENDED, 50, 100);
	put_limited(&f, TASK_STATE_COMPLETED, 50, 100);
	ck_ok(store_expiry_next(f.store, &boot_us));
	ck_assert_uint_eq(boot_us, 200);
	ck_ok(store_expiry_ids(f.store, 199, 4, ids, &n));
	ck_assert_uint_eq(n, 0);
	ck_ok(store_expiry_ids(f.store, 300, 1, ids, &n));
	ck_assert_uint_eq(n, 1);
	ck_ok(store_expiry_ids(f.store, 300, 4, ids, &n));
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(ids[0], waiting);
	ck_assert_uint_eq(ids[1], queued);
	/* what is due is queued, and its limit runs on */
	ck_ok(store_task_set_state(f.store, waiting, TASK_STATE_QUEUED));
	ck_assert_uint_eq(expires(&f, waiting), 200);
	fixture_done(&f);
}
END_TEST

START_TEST(renews_what_a_crash_or_a_boot_took)
{
	uint64_t near, far, none, fresh, resting, endless;
	struct fixture f;

	fixture_init(&f);
	near = put_limited(&f, TASK_STATE_QUEUED, 50, 120);
	far = put_limited(&f, TASK_STATE_WAITING, 50, 9000);
	none = put_limited(&f, TASK_STATE_QUEUED, 70, 0);
	fresh = put_limited(&f, TASK_STATE_QUEUED, 0, 0);
	resting = put_limited(&f, TASK_STATE_SUSPENDED, 50, 0);
	endless = put_limited(&f, TASK_STATE_QUEUED, INT64_MAX, 0);
	ck_ok(store_expiry_renew(f.store, 100));
	ck_assert_uint_eq(expires(&f, near), 120);
	ck_assert_uint_eq(expires(&f, far), 150);
	ck_assert_uint_eq(expires(&f, none), 170);
	ck_assert_uint_eq(expires(&f, fresh), 0);
	ck_assert_uint_eq(expires(&f, resting), 0);
	ck_assert_uint_eq(expires(&f, endless), 100 + (UINT64_C(1) << 61));
	fixture_done(&f);
}
END_TEST

RUN_TESTS("daemon/store/store-lane", TEST(finds_a_lane_again), TEST(shows_the_head_in_order),
	TEST(lists_lanes_with_work), TEST(takes_what_is_due), TEST(lowers_what_is_due_too_late),
	TEST(knows_whose_time_is_over), TEST(renews_what_a_crash_or_a_boot_took))
