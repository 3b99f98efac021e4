/* SPDX-License-Identifier: MIT */
/* Events are numbered over all sessions, read in order, acknowledged once; what is old goes. */
#include "tests/daemon/store/fixture.h"

static uint64_t put(struct fixture *f, uint64_t session, uint64_t task, uint64_t wall_us)
{
	struct store_event event = { .session = session,
		.task = task,
		.type = STORE_EVENT_RESUMED,
		.wall_us = wall_us,
		.a = 7,
		.b = -1 };

	ck_ok(store_event_put(f->store, &event));
	return event.seq;
}

struct heard {
	size_t n;
	struct store_event last;
};

static int hear(const struct store_event *event, void *user)
{
	struct heard *heard = user;

	ck_assert_uint_gt(event->seq, heard->last.seq);
	heard->last = *event;
	heard->n++;
	return 0;
}

START_TEST(are_read_in_order)
{
	struct heard heard = { 0 };
	struct store_event_range range = { .limit = SIZE_MAX };
	struct fixture f;
	uint64_t other, first;

	fixture_init(&f);
	other = fixture_session(&f, 1, "o", "o");
	first = put(&f, f.session, 1, 5);
	for (int i = 0; i < 700; i++) {
		put(&f, f.session, 1, 5);
		put(&f, other, 0, 5);
	}
	range.session = f.session;
	ck_ok(store_event_each(f.store, &range, hear, &heard));
	ck_assert_uint_eq(heard.n, 701);
	ck_assert_int_eq(heard.last.a, 7);
	ck_assert_int_eq(heard.last.b, -1);
	ck_assert_int_eq(heard.last.type, STORE_EVENT_RESUMED);
	ck_assert_uint_eq(heard.last.wall_us, 5);
	memset(&heard, 0, sizeof(heard));
	range.after_seq = first;
	range.limit = 300;
	ck_ok(store_event_each(f.store, &range, hear, &heard));
	ck_assert_uint_eq(heard.n, 300);
	ck_assert_uint_eq(heard.last.seq, first + 599);
	fixture_done(&f);
}
END_TEST

START_TEST(are_acknowledged_once)
{
	struct heard heard = { 0 };
	struct store_counts counts;
	struct fixture f;
	uint64_t seq = 0, last;

	fixture_init(&f);
	for (int i = 0; i < 600; i++) {
		uint64_t now = put(&f, f.session, 1, 5);

		seq = i == 499 ? now : seq;
	}
	ck_ok(store_event_last_seq(f.store, f.session, &last));
	ck_assert_uint_eq(last, seq + 100);
	ck_ok(store_event_ack(f.store, f.session, seq, hear, &heard));
	ck_assert_uint_eq(heard.n, 500);
	ck_ok(store_event_ack(f.store, f.session, seq, hear, &heard));
	ck_assert_uint_eq(heard.n, 500);
	ck_ok(store_commit(f.store));
	ck_ok(store_counts(f.store, &counts));
	ck_assert_uint_eq(counts.n_events, 100);
	ck_ok(store_event_ack(f.store, f.session, last, NULL, NULL));
	ck_ok(store_counts(f.store, &counts));
	ck_assert_uint_eq(counts.n_events, 0);
	/* the numbers go on where they were, after a restart, too */
	ck_ok(store_commit(f.store));
	fixture_reopen(&f);
	ck_assert_uint_eq(put(&f, f.session, 1, 5), last + 1);
	fixture_done(&f);
}
END_TEST

START_TEST(last_is_the_acknowledged_one_when_none_waits)
{
	struct session session = {
		.uid = 1, .app_id = "a", .identifier = "a", .last_acked_seq = 33
	};
	struct fixture f;
	uint64_t last;

	fixture_init(&f);
	session.kind = TRANSFER_SESSION_BACKGROUND;
	session.state = TRANSFER_SESSION_STATE_ACTIVE;
	ck_ok(store_session_put(f.store, &session));
	ck_ok(store_event_last_seq(f.store, session.id, &last));
	ck_assert_uint_eq(last, 33);
	fixture_done(&f);
}
END_TEST

static int hear_task(uint64_t task, uint64_t lane, void *user)
{
	uint64_t *sum = user;

	(void)lane;
	*sum += task;
	return 0;
}

START_TEST(the_old_go)
{
	struct store_event_range range = { .limit = 10 };
	struct heard heard = { 0 };
	struct fixture f;
	uint64_t sum = 0, ids[4];

	fixture_init(&f);
	for (int i = 0; i < 4; i++) {
		struct task *task = fixture_task(
			&f, i == 3 ? TASK_STATE_QUEUED : TASK_STATE_COMPLETED);

		ck_ok(store_task_put(f.store, task));
		ids[i] = task->id;
		task->finished_wall_us = i == 0 ? 900 : 100;
		ck_ok(store_task_save(f.store, task, STORE_SAVE_STATE));
		task_free(task);
	}
	put(&f, f.session, ids[1], 150); /* old: goes, and its task */
	put(&f, f.session, ids[2], 1000); /* not old: keeps its task */
	ck_ok(store_prune(f.store, 500, 100, hear_task, &sum));
	ck_assert_uint_eq(sum, ids[1]);
	range.session = f.session;
	ck_ok(store_event_each(f.store, &range, hear, &heard));
	ck_assert_uint_eq(heard.n, 1);
	ck_assert_uint_eq(heard.last.task, ids[2]);
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM task"), 3);
	fixture_done(&f);
}
END_TEST

RUN_TESTS("daemon/store/store-event", TEST(are_read_in_order), TEST(are_acknowledged_once),
	TEST(last_is_the_acknowledged_one_when_none_waits), TEST(the_old_go))
