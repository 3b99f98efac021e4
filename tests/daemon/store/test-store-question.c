/* SPDX-License-Identifier: MIT */
/* Questions outlive the daemon, keep their numbers, are closed once, and go with their task. */
#include "tests/daemon/store/fixture.h"

static struct question put(struct fixture *f, uint64_t task)
{
	struct question question = { .session = f->session,
		.task = task,
		.kind = QUESTION_DELAYED_REQUEST,
		.asked_wall_us = 77 };

	ck_ok(store_question_put(f->store, &question));
	ck_assert_uint_gt(question.id, 0);
	return question;
}

START_TEST(outlives_the_daemon)
{
	struct question asked, found;
	struct fixture f;
	uint64_t task;

	fixture_init(&f);
	task = fixture_put(&f, TASK_STATE_WAITING);
	asked = put(&f, task);
	ck_ok(store_commit(f.store));
	fixture_reopen(&f);
	ck_ok(store_question_load(f.store, asked.id, &found));
	ck_assert_uint_eq(found.session, f.session);
	ck_assert_uint_eq(found.task, task);
	ck_assert_int_eq(found.kind, QUESTION_DELAYED_REQUEST);
	ck_assert_int_eq(found.state, QUESTION_STATE_OPEN);
	ck_assert_uint_eq(found.asked_wall_us, 77);
	ck_ok(store_question_of_task(f.store, task, &found));
	ck_assert_uint_eq(found.id, asked.id);
	ck_assert_int_eq(store_question_load(f.store, asked.id + 1, &found), STORE_E_NOT_FOUND);
	fixture_done(&f);
}
END_TEST

START_TEST(open_ones_in_order)
{
	struct question asked[5], found;
	struct fixture f;
	uint64_t n, other;

	fixture_init(&f);
	for (int i = 0; i < 5; i++)
		asked[i] = put(&f, fixture_put(&f, TASK_STATE_WAITING));
	ck_ok(store_question_close(f.store, asked[1].id, QUESTION_STATE_ANSWERED));
	ck_ok(store_question_close(f.store, asked[3].id, QUESTION_STATE_WITHDRAWN));
	ck_ok(store_question_next(f.store, f.session, 0, &found));
	ck_assert_uint_eq(found.id, asked[0].id);
	ck_ok(store_question_next(f.store, f.session, asked[0].id, &found));
	ck_assert_uint_eq(found.id, asked[2].id);
	ck_assert_int_eq(
		store_question_next(f.store, f.session, asked[4].id, &found), STORE_E_NOT_FOUND);
	ck_assert_int_eq(store_question_of_task(f.store, asked[1].task, &found), STORE_E_NOT_FOUND);
	ck_ok(store_question_load(f.store, asked[1].id, &found));
	ck_assert_int_eq(found.state, QUESTION_STATE_ANSWERED);
	ck_ok(store_question_count(f.store, f.session, asked[2].id, &n));
	ck_assert_uint_eq(n, 2);
	other = fixture_session(&f, 1, "other", "one");
	ck_ok(store_question_count(f.store, other, UINT32_MAX, &n));
	ck_assert_uint_eq(n, 0);
	ck_ok(store_question_count_all(f.store, &n));
	ck_assert_uint_eq(n, 3);
	fixture_done(&f);
}
END_TEST

START_TEST(goes_with_its_task_and_is_not_numbered_again)
{
	struct question asked, found;
	struct fixture f;

	fixture_init(&f);
	asked = put(&f, fixture_put(&f, TASK_STATE_WAITING));
	ck_ok(store_task_del(f.store, asked.task));
	ck_assert_int_eq(store_question_load(f.store, asked.id, &found), STORE_E_NOT_FOUND);
	ck_ok(store_commit(f.store));
	fixture_reopen(&f);
	ck_assert_uint_gt(put(&f, fixture_put(&f, TASK_STATE_WAITING)).id, asked.id);
	fixture_done(&f);
}
END_TEST

static const char *const damages[] = {
	"UPDATE question SET kind = 30 WHERE id = 1",
	"UPDATE question SET asked_wall_us = -1 WHERE id = 1",
};

START_TEST(passes_a_damaged_one_over)
{
	struct question first, second, found;
	struct fixture f;

	fixture_init(&f);
	first = put(&f, fixture_put(&f, TASK_STATE_WAITING));
	second = put(&f, fixture_put(&f, TASK_STATE_WAITING));
	ck_assert_uint_eq(first.id, 1);
	fixture_sql(&f, damages[_i]);
	ck_ok(store_question_next(f.store, f.session, 0, &found));
	ck_assert_uint_eq(found.id, second.id);
	ck_assert_int_eq(store_question_load(f.store, first.id, &found), STORE_E_NOT_FOUND);
	fixture_done(&f);
}
END_TEST

/* A task that gets another request before it begins moves to the lane of its new host. */
START_TEST(keeps_a_replaced_request)
{
	static const struct task_header header = { "X-New", "yes" };
	struct task *task;
	struct fixture f;
	uint64_t id;

	fixture_init(&f);
	id = fixture_put(&f, TASK_STATE_WAITING);
	task = fixture_load(&f, id);
	ck_ok(store_lane_get(f.store, f.session, "https://elsewhere.example:443", &task->lane));
	task->request.url = "https://elsewhere.example/new";
	task->request.method = "POST";
	task->request.headers = &header;
	task->request.n_headers = 1;
	task->request.timeout_us = 5;
	task->state = TASK_STATE_QUEUED;
	task->is_begun = true;
	ck_ok(store_task_save(f.store, task, STORE_SAVE_STATE | STORE_SAVE_REPLACED));
	ck_ok(store_commit(f.store));
	task_free(task);
	fixture_reopen(&f);
	task = fixture_load(&f, id);
	ck_assert_str_eq(task->request.url, "https://elsewhere.example/new");
	ck_assert_str_eq(task->request.host, "https://elsewhere.example:443");
	ck_assert_str_eq(task->request.method, "POST");
	ck_assert_uint_eq(task->request.n_headers, 1);
	ck_assert_str_eq(task->request.headers[0].value, "yes");
	ck_assert_uint_eq(task->request.timeout_us, 5);
	ck_assert(task->is_begun);
	ck_assert_int_eq(
		fixture_number(&f, "SELECT n_queued FROM lane WHERE host LIKE '%elsewhere%'"), 1);
	task_free(task);
	fixture_done(&f);
}
END_TEST

RUN_TESTS("daemon/store/store-question", TEST(outlives_the_daemon), TEST(open_ones_in_order),
	TEST(goes_with_its_task_and_is_not_numbered_again),
	TEST_EACH(passes_a_damaged_one_over, damages), TEST(keeps_a_replaced_request))
