/* SPDX-License-Identifier: MIT */
/* Events are numbered over all sessions, read in order, acknowledged once; an end is one row; what is old goes. */
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

/* The end of a task, as it is put: with all that comes after its first event. */
static uint64_t put_end(struct fixture *f, uint64_t task, enum store_event_type first)
{
	struct store_event event = { .session = f->session,
		.task = task,
		.type = first,
		.wall_us = 5,
		.a = first == STORE_EVENT_RECEIVED_DATA ? 44 : 0,
		.n_after = first == STORE_EVENT_METRICS ? 1 : 2 };

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

/* ---- ends ---- */

struct said {
	char text[256];
	size_t used;
};

static int say(const struct store_event *event, void *user)
{
	struct said *said = user;

	ck_assert_uint_eq(event->n_after, 0);
	ck_assert_uint_eq(event->wall_us, 5);
	said->used += (size_t)snprintf(said->text + said->used, sizeof(said->text) - said->used,
		"%s%" PRIu64 ":%d:%" PRId64, said->used ? " " : "", event->seq, (int)event->type,
		event->a);
	return 0;
}

static const char *events_of(struct fixture *f, struct store_event_range range)
{
	static struct said said;

	memset(&said, 0, sizeof(said));
	range.session = f->session;
	ck_ok(store_event_each(f->store, &range, say, &said));
	return said.text;
}

static const char *all_of(struct fixture *f)
{
	return events_of(f, (struct store_event_range){ .limit = SIZE_MAX });
}

/* What is kept in mind is what counting gives. */
static uint64_t n_events_of(struct fixture *f)
{
	uint64_t before, after;

	ck_ok(store_session_events(f->store, f->session, &before));
	ck_ok(store_tally_recount(f->store));
	ck_ok(store_session_events(f->store, f->session, &after));
	ck_assert_uint_eq(before, after);
	return after;
}

/* A download, an upload with an answer, and one that failed: 1-3, 4-6, 7-8; then 9. */
static void put_ends(struct fixture *f)
{
	fixture_init(f);
	ck_assert_uint_eq(put_end(f, 1, STORE_EVENT_FINISHED_DOWNLOADING), 3);
	ck_assert_uint_eq(put_end(f, 2, STORE_EVENT_RECEIVED_DATA), 6);
	ck_assert_uint_eq(put_end(f, 3, STORE_EVENT_METRICS), 8);
	ck_assert_uint_eq(put(f, f->session, 0, 5), 9);
}

#define ALL_ENDS "1:3:0 2:4:0 3:5:0 4:2:44 5:4:0 6:5:0 7:4:0 8:5:0 9:1:7"

START_TEST(an_end_is_one_row)
{
	static const struct {
		struct store_event_range range;
		const char *events;
	} cases[] = {
		{ { .limit = SIZE_MAX }, ALL_ENDS },
		{ { .after_seq = 1, .limit = SIZE_MAX, .last_seq = 4 }, "2:4:0 3:5:0 4:2:44" },
		{ { .after_seq = 2, .limit = 2 }, "3:5:0 4:2:44" },
		{ { .after_seq = 3, .limit = 1 }, "4:2:44" },
		{ { .after_seq = 4, .limit = 9, .last_seq = 5 }, "5:4:0" },
		{ { .after_seq = 5, .limit = 9, .last_seq = 5 }, "" },
		{ { .after_seq = 7, .limit = 9, .last_seq = UINT64_MAX }, "8:5:0 9:1:7" },
		{ { .limit = 1, .last_seq = 1 }, "1:3:0" },
		{ { .after_seq = 9, .limit = 9 }, "" },
	};
	uint64_t last;
	struct fixture f;

	put_ends(&f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_str_eq(events_of(&f, cases[i].range), cases[i].events);
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM event"), 4);
	ck_assert_uint_eq(n_events_of(&f), 9);
	ck_ok(store_event_last_seq(f.store, f.session, &last));
	ck_assert_uint_eq(last, 9);
	ck_ok(store_commit(f.store));
	fixture_reopen(&f);
	ck_assert_str_eq(all_of(&f), ALL_ENDS);
	ck_assert_uint_eq(put_end(&f, 4, STORE_EVENT_METRICS), 11);
	fixture_done(&f);
}
END_TEST

/* However the window cuts them: nothing is told twice, nothing is lost, a restart changes nothing. */
START_TEST(an_end_is_acknowledged_in_part)
{
	static const char all[] = ALL_ENDS;
	struct said said = { 0 };
	const char *rest = all;
	struct fixture f;
	uint64_t last;

	put_ends(&f);
	for (uint64_t seq = 1; seq <= 9; seq++) {
		ck_ok(store_event_ack(f.store, f.session, seq, say, &said));
		if (seq == 5) {
			ck_ok(store_commit(f.store));
			fixture_reopen(&f);
		}
		ck_ok(store_event_ack(f.store, f.session, seq, say, &said));
		rest = strchr(rest, ' ');
		rest = rest ? rest + 1 : "";
		ck_assert_str_eq(all_of(&f), rest);
		ck_assert_uint_eq(n_events_of(&f), 9 - seq);
		ck_ok(store_event_last_seq(f.store, f.session, &last));
		ck_assert_uint_eq(last, seq < 9 ? 9 : 0);
	}
	ck_assert_str_eq(said.text, all);
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM event"), 0);
	fixture_done(&f);
}
END_TEST

/* More than one batch, and one that ends in the middle of a row. */
START_TEST(many_ends_are_read_in_order)
{
	struct store_event_range range = { .limit = SIZE_MAX };
	struct heard heard = { 0 };
	struct fixture f;

	fixture_init(&f);
	for (uint64_t i = 0; i < 300; i++)
		put_end(&f, 1 + i, STORE_EVENT_FINISHED_DOWNLOADING);
	range.session = f.session;
	ck_ok(store_event_each(f.store, &range, hear, &heard));
	ck_assert_uint_eq(heard.n, 900);
	ck_assert_uint_eq(heard.last.seq, 900);
	ck_assert_uint_eq(heard.last.task, 300);
	memset(&heard, 0, sizeof(heard));
	ck_ok(store_event_ack(f.store, f.session, 599, hear, &heard));
	ck_assert_uint_eq(heard.n, 599);
	ck_assert_uint_eq(n_events_of(&f), 301);
	fixture_done(&f);
}
END_TEST

/* Rows as nobody wrote them are passed over, and go with those around them. */
START_TEST(ends_that_make_no_sense_are_passed_over)
{
	static const char *const damages[] = {
		"UPDATE event SET n = 2 WHERE seq = 6", /* an answer, and COMPLETED without METRICS */
		"UPDATE event SET type = 1 WHERE seq = 6",
		"UPDATE event SET type = 4 WHERE seq = 6",
		"UPDATE event SET n = 0 WHERE seq = 6",
		"UPDATE event SET n = 4 WHERE seq = 6",
		"UPDATE event SET n = -9223372036854775807 WHERE seq = 6",
		"UPDATE event SET n = 9223372036854775807 WHERE seq = 6",
		"UPDATE event SET task = -1 WHERE seq = 6",
	};
	struct fixture f;
	uint64_t n;

	put_ends(&f);
	fixture_sql(&f, "PRAGMA ignore_check_constraints = ON");
	fixture_sql(&f, damages[_i]);
	ck_assert_str_eq(all_of(&f), "1:3:0 2:4:0 3:5:0 7:4:0 8:5:0 9:1:7");
	ck_assert_str_eq(
		events_of(&f, (struct store_event_range){ .limit = 4 }), "1:3:0 2:4:0 3:5:0 7:4:0");
	ck_ok(store_tally_recount(f.store));
	ck_ok(store_event_ack(f.store, f.session, 7, NULL, NULL));
	ck_assert_str_eq(all_of(&f), "8:5:0 9:1:7");
	ck_assert_uint_eq(n_events_of(&f), 2);
	ck_ok(store_event_ack(f.store, f.session, UINT64_MAX, NULL, NULL));
	ck_ok(store_session_events(f.store, f.session, &n));
	ck_assert_uint_eq(n, 0);
	fixture_done(&f);
}
END_TEST

/* One whose first row is longer than all the numbers before it. */
START_TEST(an_end_begins_with_a_number)
{
	struct fixture f;

	put_ends(&f);
	fixture_sql(&f, "UPDATE event SET seq = 2 WHERE seq = 3");
	ck_assert_str_eq(all_of(&f), "4:2:44 5:4:0 6:5:0 7:4:0 8:5:0 9:1:7");
	fixture_done(&f);
}
END_TEST

/* All that a task has told, in whatever row it is, and nothing of others. */
START_TEST(ends_go_with_their_task)
{
	struct fixture f;
	struct task *task;

	fixture_init(&f);
	task = fixture_task(&f, TASK_STATE_COMPLETED);
	ck_ok(store_task_put(f.store, task));
	task->finished_wall_us = 5;
	put(&f, f.session, task->id, 5); /* 1 */
	put_end(&f, task->id, STORE_EVENT_METRICS); /* 2-3: tried again */
	put_end(&f, task->id + 1, STORE_EVENT_FINISHED_DOWNLOADING); /* 4-6 */
	task->end_seq = put_end(&f, task->id, STORE_EVENT_FINISHED_DOWNLOADING); /* 7-9 */
	ck_ok(store_task_save(f.store, task, STORE_SAVE_STATE));
	if (_i)
		ck_ok(store_event_ack(f.store, f.session, 7, NULL, NULL));
	ck_assert_uint_eq(n_events_of(&f), _i ? 2 : 9);
	ck_ok(store_task_del(f.store, task->id));
	ck_assert_str_eq(all_of(&f), _i ? "" : "4:3:0 5:4:0 6:5:0");
	ck_assert_uint_eq(n_events_of(&f), _i ? 0 : 3);
	task_free(task);
	fixture_done(&f);
}
END_TEST

/* Somebody else's row is not taken for the task's end. */
START_TEST(an_end_is_its_tasks_own)
{
	struct fixture f;
	struct task *task;

	put_ends(&f);
	task = fixture_task(&f, TASK_STATE_COMPLETED);
	ck_ok(store_task_put(f.store, task));
	ck_ok(store_task_put(f.store, task));
	ck_assert_uint_eq(task->id, 2);
	task->end_seq = 3;
	task->finished_wall_us = 5;
	ck_ok(store_task_save(f.store, task, STORE_SAVE_STATE));
	ck_ok(store_task_del(f.store, task->id));
	ck_assert_str_eq(all_of(&f), ALL_ENDS);
	task_free(task);
	fixture_done(&f);
}
END_TEST

/* A task stays as long as its end is not old, by its number alone; then both go at once. */
START_TEST(an_end_keeps_its_task)
{
	uint64_t sum = 0;
	struct fixture f;
	struct task *task;

	fixture_init(&f);
	task = fixture_task(&f, TASK_STATE_COMPLETED);
	ck_ok(store_task_put(f.store, task));
	task->finished_wall_us = 4;
	put(&f, f.session, 0, 9);
	task->end_seq = put_end(&f, task->id, STORE_EVENT_FINISHED_DOWNLOADING);
	ck_ok(store_task_save(f.store, task, STORE_SAVE_STATE));
	ck_ok(store_prune(f.store, 5, 100, hear_task, &sum));
	ck_assert_uint_eq(sum, 0);
	ck_assert_uint_eq(n_events_of(&f), 4);
	ck_ok(store_prune(f.store, 6, 100, hear_task, &sum));
	ck_assert_uint_eq(sum, task->id);
	ck_assert_uint_eq(n_events_of(&f), 1);
	task_free(task);
	fixture_done(&f);
}
END_TEST

RUN_TESTS("daemon/store/store-event", TEST(are_read_in_order), TEST(are_acknowledged_once),
	TEST(last_is_the_acknowledged_one_when_none_waits), TEST(the_old_go),
	TEST(an_end_is_one_row), TEST(an_end_is_acknowledged_in_part),
	TEST(many_ends_are_read_in_order), TEST_LOOP(ends_that_make_no_sense_are_passed_over, 8),
	TEST(an_end_begins_with_a_number), TEST_LOOP(ends_go_with_their_task, 2),
	TEST(an_end_is_its_tasks_own), TEST(an_end_keeps_its_task))
