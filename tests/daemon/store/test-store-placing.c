/* SPDX-License-Identifier: MIT */
/* The list of small files on their way to their places: what it says is as durable as a row, and gone with the turn that ends them. */
#include "tests/daemon/store/fixture.h"

#define ALL (STORE_SAVE_STATE | STORE_SAVE_PROGRESS | STORE_SAVE_RESULT | STORE_SAVE_RESPONSE)

static uint64_t put(struct fixture *f)
{
	struct task *task = fixture_task(f, TASK_STATE_QUEUED);
	uint64_t id;

	task->request.destination = "/d/file";
	ck_ok(store_task_put(f->store, task));
	id = task->id;
	task_free(task);
	ck_ok(store_commit(f->store));
	return id;
}

/* As it is when the file was synced; not committed. */
static struct task *place(struct fixture *f, uint64_t id)
{
	struct task *task = fixture_load(f, id);

	ck_assert(task->is_row_untouched);
	task->state = TASK_STATE_FINISHING;
	task->attempts = 1;
	task->started_wall_us = 2000;
	task->file_ino = 4711;
	task->file_mtime_ns = 5;
	task->offset_bytes = task->file_size_bytes = 4096;
	task->response.status = 200;
	ck_ok(store_task_save(f->store, task, ALL));
	return task;
}

static void end(struct fixture *f, struct task *task)
{
	task->state = TASK_STATE_COMPLETED;
	task->finished_wall_us = 3000;
	task->end_seq = 9;
	ck_ok(store_task_save(f->store, task, STORE_SAVE_STATE));
}

/* The daemon died: what was not committed is lost, and nothing is closed in order. */
static void crash(struct fixture *f)
{
	store_rollback(f->store);
	fixture_reopen(f);
}

static void check_finishing(struct fixture *f, uint64_t id)
{
	struct task *task = fixture_load(f, id);

	ck_assert_int_eq(task->state, TASK_STATE_FINISHING);
	ck_assert_uint_eq(task->attempts, 1);
	ck_assert_uint_eq(task->started_wall_us, 2000);
	ck_assert_uint_eq(task->file_ino, 4711);
	ck_assert_uint_eq(task->file_mtime_ns, 5);
	ck_assert_uint_eq(task->response.status, 200);
	ck_assert(!task->is_row_untouched);
	task_free(task);
}

static enum task_state state_of(struct fixture *f, uint64_t id)
{
	struct task *task = fixture_load(f, id);
	enum task_state state = task->state;

	task_free(task);
	return state;
}

struct heard {
	uint64_t ids[16];
	size_t n;
};

static int on_task(struct task *task_take, void *user)
{
	struct heard *heard = user;

	ck_assert_uint_lt(heard->n, 16);
	ck_assert_int_eq(task_take->state, TASK_STATE_FINISHING);
	heard->ids[heard->n++] = task_take->id;
	task_free(task_take);
	return 0;
}

static size_t count_unsettled(struct fixture *f)
{
	struct heard heard = { .n = 0 };

	ck_ok(store_task_each_unsettled(f->store, on_task, &heard));
	return heard.n;
}

/* How many bytes of a list were saved. */
static int64_t listed(struct fixture *f)
{
	return fixture_number(f, "SELECT coalesce((SELECT length(tasks) FROM placing), 0)");
}

START_TEST(outlives_a_crash)
{
	struct fixture f;
	uint64_t ids[3];

	fixture_init(&f);
	for (int i = 0; i < 3; i++)
		ids[i] = put(&f);
	task_free(place(&f, ids[2]));
	task_free(place(&f, ids[0]));
	check_finishing(&f, ids[0]);
	ck_ok(store_commit(f.store));
	ck_assert_int_eq(listed(&f), 48);
	/* the row itself was not changed */
	ck_assert_int_eq(fixture_number(&f, "SELECT sum(state + attempts) FROM task"), 3);
	crash(&f);
	check_finishing(&f, ids[0]);
	check_finishing(&f, ids[2]);
	ck_assert_int_eq(state_of(&f, ids[1]), TASK_STATE_QUEUED);
	ck_assert_uint_eq(count_unsettled(&f), 2);
	fixture_done(&f);
}
END_TEST

START_TEST(ends_with_its_task)
{
	struct store_counts counts;
	struct fixture f;
	struct task *task;

	fixture_init(&f);
	task = place(&f, put(&f));
	ck_ok(store_commit(f.store));
	end(&f, task);
	ck_ok(store_commit(f.store));
	ck_assert_int_eq(listed(&f), 0);
	task_free(task);
	crash(&f);
	ck_assert_uint_eq(count_unsettled(&f), 0);
	ck_ok(store_counts(f.store, &counts));
	ck_assert_uint_eq(counts.by_state[TASK_STATE_COMPLETED], 1);
	ck_assert_uint_eq(counts.by_state[TASK_STATE_QUEUED], 0);
	ck_assert_int_eq(
		fixture_number(&f,
			"SELECT count(*) FROM task WHERE state = 6 AND shelf = 6 AND attempts = 1"
			" AND started_wall_us = 2000 AND finished_wall_us = 3000 AND end_seq = 9"),
		1);
	ck_assert_int_eq(fixture_number(&f, "SELECT n_queued FROM lane"), 0);
	fixture_done(&f);
}
END_TEST

/* It ends after a crash: of the row that was loaded everything is saved. */
START_TEST(ends_after_a_crash)
{
	struct store_counts counts;
	struct fixture f;
	struct task *task;
	uint64_t id;

	fixture_init(&f);
	id = put(&f);
	task_free(place(&f, id));
	ck_ok(store_commit(f.store));
	crash(&f);
	task = fixture_load(&f, id);
	end(&f, task);
	task_free(task);
	ck_ok(store_commit(f.store));
	ck_assert_int_eq(listed(&f), 0);
	ck_ok(store_counts(f.store, &counts));
	ck_assert_uint_eq(counts.by_state[TASK_STATE_COMPLETED], 1);
	ck_assert_uint_eq(counts.by_state[TASK_STATE_QUEUED], 0);
	ck_assert_uint_eq(counts.by_state[TASK_STATE_FINISHING], 0);
	ck_assert_int_eq(fixture_number(&f, "SELECT n_queued FROM lane"), 0);
	ck_assert_int_eq(fixture_number(&f, "SELECT attempts FROM task"), 1);
	fixture_done(&f);
}
END_TEST

/* Whatever becomes of the task instead, its row says it and the list does not. */
START_TEST(goes_back_to_waiting)
{
	struct fixture f;
	struct task *task;
	uint64_t id;

	fixture_init(&f);
	id = put(&f);
	task = place(&f, id);
	ck_ok(store_commit(f.store));
	task->state = TASK_STATE_WAITING;
	task->wait_reason = TASK_WAIT_DISK;
	task->due_wall_us = 7;
	ck_ok(store_task_save(f.store, task, STORE_SAVE_STATE | STORE_SAVE_RESULT));
	task_free(task);
	ck_ok(store_commit(f.store));
	ck_assert_int_eq(listed(&f), 0);
	crash(&f);
	ck_assert_int_eq(state_of(&f, id), TASK_STATE_WAITING);
	ck_assert_int_eq(fixture_number(&f, "SELECT attempts FROM task"), 1);
	fixture_done(&f);
}
END_TEST

START_TEST(a_turn_that_fails_changes_nothing)
{
	struct fixture f;
	struct task *task;
	uint64_t ids[2];

	fixture_init(&f);
	ids[0] = put(&f);
	ids[1] = put(&f);
	task = place(&f, ids[0]);
	ck_ok(store_commit(f.store));
	end(&f, task);
	task_free(place(&f, ids[1]));
	store_rollback(f.store);
	check_finishing(&f, ids[0]);
	ck_assert_int_eq(state_of(&f, ids[1]), TASK_STATE_QUEUED);
	/* and once more */
	end(&f, task);
	task_free(task);
	task_free(place(&f, ids[1]));
	ck_ok(store_commit(f.store));
	ck_assert_int_eq(listed(&f), 24);
	crash(&f);
	ck_assert_int_eq(state_of(&f, ids[0]), TASK_STATE_COMPLETED);
	check_finishing(&f, ids[1]);
	fixture_done(&f);
}
END_TEST

START_TEST(goes_with_its_row)
{
	struct fixture f;
	uint64_t id;

	fixture_init(&f);
	id = put(&f);
	task_free(place(&f, id));
	ck_ok(store_commit(f.store));
	ck_ok(store_task_del(f.store, id));
	ck_ok(store_commit(f.store));
	ck_assert_int_eq(listed(&f), 0);
	ck_assert_uint_eq(count_unsettled(&f), 0);
	fixture_done(&f);
}
END_TEST

/* Who asks for what is queued, to end it, does not get what cannot be ended any more, and the page is full all the same. */
START_TEST(is_not_listed_as_queued)
{
	struct store_filter filter = {
		.uid = (uid_t)-1, .states_mask = 1u << TASK_STATE_QUEUED, .limit = 2
	};
	struct fixture f;
	uint64_t ids[5], found[2];
	size_t n;

	fixture_init(&f);
	filter.session = f.session;
	for (int i = 0; i < 5; i++)
		ids[i] = put(&f);
	for (int i = 0; i < 3; i++)
		task_free(place(&f, ids[i]));
	ck_ok(store_task_ids(f.store, &filter, found, &n));
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(found[0], ids[3]);
	ck_assert_uint_eq(found[1], ids[4]);
	filter.states_mask |= 1u << TASK_STATE_FINISHING;
	ck_ok(store_task_ids(f.store, &filter, found, &n));
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(found[0], ids[0]);
	fixture_done(&f);
}
END_TEST

/* There is no room for more than two thousand or so: their rows say it, as those of other tasks do. */
START_TEST(a_full_list_is_no_loss)
{
	struct fixture f;
	size_t n = 0;
	uint64_t id;

	fixture_init(&f);
	for (int i = 0; i < 2054; i++) {
		id = put(&f);
		task_free(place(&f, id));
	}
	ck_ok(store_commit(f.store));
	crash(&f);
	ck_assert_int_eq(listed(&f), 2048 * 24);
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM task WHERE state = 3"), 6);
	check_finishing(&f, id);
	for (id = store_placing_next(f.store, 0); id; id = store_placing_next(f.store, id))
		n++;
	ck_assert_uint_eq(n, 2048);
	fixture_done(&f);
}
END_TEST

/* A list that we have not written makes nothing of tasks that they are not. */
static const char *const forgeries[] = {
	"INSERT INTO placing VALUES (1, x'')",
	"INSERT INTO placing VALUES (1, x'0100')",
	/* no number; one that has no file, one that is over, one that says itself what it is, twice; one that is no download; */
	/* one that nobody has; nonsense */
	"INSERT INTO placing VALUES (1, CAST(zeroblob(24) || x'010000000000000001000000000000000100000000000000'"
	" || x'020000000000000001000000000000000100000000000000'"
	" || x'030000000000000001000000000000000100000000000000'"
	" || x'030000000000000001000000000000000100000000000000'"
	" || x'040000000000000001000000000000000100000000000000'"
	" || x'ffffffffffffffff01000000000000000100000000000000'"
	" || x'010000000000000000000000010000000100000000000000' AS BLOB))",
};

START_TEST(believes_no_forged_list)
{
	struct fixture f;
	struct task *task;

	fixture_init(&f);
	ck_assert_uint_eq(put(&f), 1);
	ck_assert_uint_eq(put(&f), 2);
	ck_assert_uint_eq(put(&f), 3);
	task = place(&f, 2);
	end(&f, task);
	task_free(task);
	ck_ok(store_task_set_state(f.store, 3, TASK_STATE_FINISHING));
	ck_assert_uint_eq(put(&f), 4);
	task_free(place(&f, 4));
	ck_ok(store_commit(f.store));
	fixture_sql(&f, "UPDATE task SET kind = 2 WHERE id = 4");
	fixture_sql(&f, "DELETE FROM placing");
	fixture_sql(&f, forgeries[_i]);
	fixture_reopen(&f);
	ck_assert_uint_eq(count_unsettled(&f), 1);
	ck_assert_int_eq(state_of(&f, 1), TASK_STATE_QUEUED);
	ck_assert_int_eq(state_of(&f, 2), TASK_STATE_COMPLETED);
	ck_assert_int_eq(state_of(&f, 3), TASK_STATE_FINISHING);
	ck_assert_int_eq(state_of(&f, 4), TASK_STATE_QUEUED);
	ck_ok(store_begin(f.store));
	ck_ok(store_commit(f.store));
	fixture_done(&f);
}
END_TEST

RUN_TESTS("daemon/store/store-placing", TEST(outlives_a_crash), TEST(ends_with_its_task),
	TEST(ends_after_a_crash), TEST(goes_back_to_waiting),
	TEST(a_turn_that_fails_changes_nothing), TEST(goes_with_its_row),
	TEST(is_not_listed_as_queued), TEST(a_full_list_is_no_loss),
	TEST_EACH(believes_no_forged_list, forgeries))
