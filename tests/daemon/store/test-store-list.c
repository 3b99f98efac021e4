/* SPDX-License-Identifier: MIT */
/* Filters, pages and the merging of sessions. Tasks 1 to 12: odd ones in session A, even ones in B; 9 to 12 are finished. */
#include "tests/daemon/store/fixture.h"

static const uint64_t some_ids[] = { 12, 3, 3, 999, 1 };

static const struct {
	const char *name;
	struct store_filter filter; /* session 1: A, 2: B */
	const char *want;
} cases[] = {
	{ "all", { .uid = (uid_t)-1, .limit = 50 }, "1 2 3 4 5 6 7 8" },
	{ "finished, too", { .uid = (uid_t)-1, .limit = 50, .include_finished = true },
		"1 2 3 4 5 6 7 8 9 10 11 12" },
	{ "first page", { .uid = (uid_t)-1, .limit = 3 }, "1 2 3" },
	{ "next page", { .uid = (uid_t)-1, .limit = 3, .after_id = 3 }, "4 5 6" },
	{ "small pages of all",
		{ .uid = (uid_t)-1, .limit = 2, .after_id = 8, .include_finished = true }, "9 10" },
	{ "one session", { .uid = (uid_t)-1, .limit = 50, .session = 2 }, "2 4 6 8" },
	{ "range", { .uid = (uid_t)-1, .limit = 50, .first_id = 3, .last_id = 6 }, "3 4 5 6" },
	{ "range of a session",
		{ .uid = (uid_t)-1, .limit = 50, .session = 1, .first_id = 3, .last_id = 6 },
		"3 5" },
	{ "user", { .uid = 1001, .limit = 50 }, "2 4 6 8" },
	{ "stranger", { .uid = 4711, .limit = 50 }, "" },
	{ "stranger, by session", { .uid = 1001, .limit = 50, .session = 1 }, "" },
	{ "app", { .uid = (uid_t)-1, .limit = 50, .app_id = "org.example.App" }, "1 3 5 7" },
	{ "completed", { .uid = (uid_t)-1, .limit = 50, .states_mask = 1 << TASK_STATE_COMPLETED },
		"9 10 11 12" },
	{ "suspended", { .uid = (uid_t)-1, .limit = 50, .states_mask = 1 << TASK_STATE_SUSPENDED },
		"7 8" },
	{ "uploads", { .uid = (uid_t)-1, .limit = 50, .kinds_mask = 1 << TRANSFER_TASK_UPLOAD },
		"5 6" },
	{ "ids", { .uid = (uid_t)-1, .limit = 50, .ids = some_ids, .n_ids = 5 }, "1 3" },
	{ "ids, finished, too",
		{ .uid = (uid_t)-1,
			.limit = 50,
			.ids = some_ids,
			.n_ids = 5,
			.include_finished = true },
		"1 3 12" },
	{ "ids of a user",
		{ .uid = 1001, .limit = 50, .ids = some_ids, .n_ids = 5, .include_finished = true },
		"12" },
	{ "ids after",
		{ .uid = (uid_t)-1, .limit = 50, .ids = some_ids, .n_ids = 5, .after_id = 1 },
		"3" },
	{ "name of file", { .uid = (uid_t)-1, .limit = 50, .name_glob = "*.iso" },
		"1 2 3 4 5 6 7 8" },
	{ "description", { .uid = (uid_t)-1, .limit = 50, .name_glob = "four*" }, "4" },
	{ "id by description",
		{ .uid = (uid_t)-1, .limit = 50, .name_glob = "fo*", .ids = some_ids, .n_ids = 5 },
		"" },
	{ "no such name", { .uid = (uid_t)-1, .limit = 50, .name_glob = "*.deb" }, "" },
	{ "nothing wanted", { .uid = (uid_t)-1 }, "" },
};

static void make(struct fixture *f)
{
	uint64_t sessions[2];

	fixture_init(f);
	sessions[0] = f->session;
	sessions[1] = fixture_session(f, 1001, "org.example.Other", "b");
	ck_assert_uint_eq(sessions[0], 1);
	ck_assert_uint_eq(sessions[1], 2);
	for (uint64_t i = 1; i <= 12; i++) {
		struct task *task = fixture_task(f,
			i > 8           ? TASK_STATE_COMPLETED
				: i > 6 ? TASK_STATE_SUSPENDED
					: TASK_STATE_QUEUED);

		task->session = sessions[(i + 1) % 2];
		task->kind = i == 5 || i == 6 ? TRANSFER_TASK_UPLOAD : TRANSFER_TASK_DOWNLOAD;
		task->request.description = i == 4 ? "four leaves" : NULL;
		ck_ok(store_task_put(f->store, task));
		ck_assert_uint_eq(task->id, i);
		task_free(task);
	}
	ck_ok(store_commit(f->store));
}

static void print_ids(const uint64_t *ids, size_t n, char *text, size_t size)
{
	size_t used = 0;

	text[0] = 0;
	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(
			text + used, size - used, "%s%" PRIu64, i ? " " : "", ids[i]);
}

START_TEST(filters)
{
	struct fixture f;
	uint64_t ids[50];
	char text[256];
	size_t n;

	make(&f);
	ck_ok(store_task_ids(f.store, &cases[_i].filter, ids, &n));
	print_ids(ids, n, text, sizeof(text));
	ck_assert_msg(strcmp(text, cases[_i].want) == 0, "%s: %s, not %s", cases[_i].name, text,
		cases[_i].want);
	fixture_done(&f);
}
END_TEST

/* Among queued ones each state is found alone and with others: what an index has apart is one list. */
static const struct {
	uint32_t states_mask;
	const char *want;
} states[] = {
	{ 0, "1 2 3 4 5 6 7 8" },
	{ 1 << TASK_STATE_QUEUED, "1 4 6 8" },
	{ 1 << TASK_STATE_WAITING, "3" },
	{ 1 << TASK_STATE_FINISHING, "2" },
	{ 1 << TASK_STATE_CANCELING, "5" },
	{ 1 << TASK_STATE_ANSWERED, "" },
	{ 1 << TASK_STATE_FINISHING | 1 << TASK_STATE_CANCELING, "2 5" },
	{ 1 << TASK_STATE_QUEUED | 1 << TASK_STATE_FINISHING, "1 2 4 6 8" },
	{ 1 << TASK_STATE_SUSPENDED | 1 << TASK_STATE_WAITING | 1 << TASK_STATE_CANCELING,
		"3 5 7" },
	{ 1 << TASK_STATE_COMPLETED | 1 << TASK_STATE_FINISHING, "2 9" },
	{ 1u << 31, "" },
};

START_TEST(filters_by_state)
{
	static const enum task_state of[] = { TASK_STATE_QUEUED, TASK_STATE_FINISHING,
		TASK_STATE_WAITING, TASK_STATE_QUEUED, TASK_STATE_CANCELING, TASK_STATE_QUEUED,
		TASK_STATE_SUSPENDED, TASK_STATE_QUEUED, TASK_STATE_COMPLETED };
	struct store_filter filter = { .uid = (uid_t)-1, .limit = 50 };
	uint64_t ids[50];
	struct fixture f;
	char text[256];
	size_t n;

	fixture_init(&f);
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		struct task *task = fixture_task(&f, TASK_STATE_QUEUED);

		ck_ok(store_task_put(f.store, task));
		task->state = of[i];
		ck_ok(store_task_save(f.store, task, STORE_SAVE_STATE));
		task_free(task);
	}
	filter.states_mask = states[_i].states_mask;
	ck_ok(store_task_ids(f.store, &filter, ids, &n));
	print_ids(ids, n, text, sizeof(text));
	ck_assert_str_eq(text, states[_i].want);
	filter.name_glob = "file.iso";
	ck_ok(store_task_ids(f.store, &filter, ids, &n));
	print_ids(ids, n, text, sizeof(text));
	ck_assert_str_eq(text, states[_i].want);
	fixture_done(&f);
}
END_TEST

struct heard {
	size_t n;
	uint64_t ids[200];
};

static int take(struct task *task, void *user)
{
	struct heard *heard = user;

	heard->ids[heard->n++] = task->id;
	task_free(task);
	return heard->n == 5 ? 17 : 0;
}

START_TEST(stops_when_told)
{
	struct store_filter filter = { .uid = (uid_t)-1, .limit = 50 };
	struct heard heard = { 0 };
	struct fixture f;

	make(&f);
	ck_assert_int_eq(store_task_each(f.store, &filter, take, &heard), 17);
	ck_assert_uint_eq(heard.n, 5);
	fixture_done(&f);
}
END_TEST

static int take_all(struct task *task, void *user)
{
	struct heard *heard = user;

	heard->ids[heard->n++] = task->id;
	task_free(task);
	return 0;
}

START_TEST(finds_what_is_unsettled)
{
	struct heard heard = { 0 };
	struct fixture f;

	fixture_init(&f);
	for (int i = 0; i < 210; i++)
		fixture_put(&f, (enum task_state)(i % 7));
	ck_ok(store_task_each_unsettled(f.store, take_all, &heard));
	ck_assert_uint_eq(heard.n, 90);
	for (size_t i = 1; i < heard.n; i++)
		ck_assert_uint_gt(heard.ids[i], heard.ids[i - 1]);
	fixture_done(&f);
}
END_TEST

RUN_TESTS("daemon/store/store-list", TEST_EACH(filters, cases), TEST_EACH(filters_by_state, states),
	TEST(stops_when_told), TEST(finds_what_is_unsettled))
