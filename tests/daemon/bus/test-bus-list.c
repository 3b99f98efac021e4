/* SPDX-License-Identifier: MIT */
/* Lists: filters, fields, pages, progress since a generation. */
#include "tests/daemon/bus/rig.h"
#include "tests/lib/run.h"

struct listed {
	struct rig_answer answer;
	size_t n;
	uint64_t first, last;
	char cursor[32], name[64], url[128], sub_state[32];
	bool has_state, has_priority;
};

static void on_listed(
	void *user, int r, const char *text, const struct ipc_manager_list_tasks_out *out)
{
	struct listed *listed = user;

	rig_note(&listed->answer, r, text);
	if (!out || !out->n_tasks)
		return;
	listed->n = out->n_tasks;
	listed->first = out->tasks[0].id;
	listed->last = out->tasks[out->n_tasks - 1].id;
	listed->has_state = out->tasks[0].state != NULL;
	listed->has_priority = out->tasks[0].has_priority;
	snprintf(listed->cursor, sizeof(listed->cursor), "%s", out->next_cursor);
	snprintf(listed->name, sizeof(listed->name), "%s",
		out->tasks[0].name ? out->tasks[0].name : "");
	snprintf(
		listed->url, sizeof(listed->url), "%s", out->tasks[0].url ? out->tasks[0].url : "");
	snprintf(listed->sub_state, sizeof(listed->sub_state), "%s",
		out->tasks[0].sub_state ? out->tasks[0].sub_state : "");
}

static struct listed list(
	struct rig *rig, struct rig_client *client, const struct ipc_manager_list_tasks_in *in)
{
	struct ipc_manager_list_tasks_in copy = *in;
	struct listed listed = { 0 };

	copy.cursor = copy.cursor ? copy.cursor : "";
	ck_ok(ipc_start_manager_list_tasks(
		client->bus, (struct ipc_path){ 0, 0 }, &copy, on_listed, &listed));
	rig_pump(rig, rig_is_answered, &listed.answer);
	return listed;
}

/* Session one: tasks 1 to 3, of which 3 has failed; session two: task 4. */
static struct rig *make(struct rig_client **ret_client)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t one = rig_open(rig, client, "one"), two = rig_open(rig, client, "two");

	rig_download(rig, client, one);
	rig_download(rig, client, one);
	rig_fail(rig, rig_download(rig, client, one), -1011);
	rig_download(rig, client, two);
	rig_settle(rig);
	*ret_client = client;
	return rig;
}

static void on_opened(
	void *user, int r, const char *text, const struct ipc_manager_open_session_out *out)
{
	(void)out;
	rig_note(user, r, text);
}

static const uint64_t some_ids[] = { 3, 1 };
static const char *const completed[] = { "completed" }, *const uploads[] = { "upload" },
			 *const wrong[] = { "x" };

static const struct {
	struct ipc_manager_list_tasks_in in;
	int r;
	size_t n;
	uint64_t first, last;
} cases[] = {
	{ { .limit = 0 }, 0, 3, 1, 4 },
	{ { .filter = { .include_finished = true, .has_include_finished = true } }, 0, 4, 1, 4 },
	{ { .filter = { .session = "two" } }, 0, 1, 4, 4 },
	{ { .filter = { .session_path = { 1, 0 }, .has_session_path = true } }, 0, 2, 1, 2 },
	{ { .filter = { .session = "three" } }, IPC_E_NO_SUCH_SESSION, 0, 0, 0 },
	{ { .filter = { .ids = some_ids, .n_ids = 2 } }, 0, 1, 1, 1 },
	{ { .filter = { .states = completed, .n_states = 1 } }, 0, 1, 3, 3 },
	{ { .filter = { .kinds = uploads, .n_kinds = 1 } }, 0, 0, 0, 0 },
	{ { .filter = { .kinds = wrong, .n_kinds = 1 } }, IPC_E_INVALID_REQUEST, 0, 0, 0 },
	{ { .filter = { .fields = wrong, .n_fields = 1 } }, IPC_E_INVALID_REQUEST, 0, 0, 0 },
	{ { .filter = { .app_id = "org.example.Other" } }, 0, 0, 0, 0 },
	{ { .cursor = "2" }, 0, 1, 4, 4 },
	{ { .cursor = "nonsense" }, IPC_E_STALE_CURSOR, 0, 0, 0 },
	{ { .cursor = "-1" }, IPC_E_STALE_CURSOR, 0, 0, 0 },
};

START_TEST(filters)
{
	struct rig_client *client;
	struct rig *rig = make(&client);
	struct listed listed = list(rig, client, &cases[_i].in);

	ck_assert_msg(
		listed.answer.r == cases[_i].r, "%d: %s", listed.answer.r, listed.answer.text);
	ck_assert_uint_eq(listed.n, cases[_i].n);
	ck_assert_uint_eq(listed.first, cases[_i].first);
	ck_assert_uint_eq(listed.last, cases[_i].last);
	rig_free(rig);
}
END_TEST

/* A name that two applications use is none of one session. */
START_TEST(a_name_of_two_applications)
{
	const struct ipc_manager_open_session_in other = {
		.kind = "background", .identifier = "one", .options.app_id = "org.example.Other"
	};
	struct ipc_manager_list_tasks_in in = { .filter = { .session = "one" } };
	struct rig_client *client;
	struct rig *rig = make(&client);
	struct rig_answer answer = { 0 };

	ck_assert_uint_eq(list(rig, client, &in).n, 2);
	ck_ok(ipc_start_manager_open_session(
		client->bus, (struct ipc_path){ 0, 0 }, &other, on_opened, &answer));
	rig_pump(rig, rig_is_answered, &answer);
	ck_ok(answer.r);
	ck_assert_int_eq(list(rig, client, &in).answer.r, IPC_E_INVALID_REQUEST);
	in.filter.app_id = "org.example.Test";
	ck_assert_uint_eq(list(rig, client, &in).n, 2);
	in.filter.app_id = "org.example.Other";
	ck_assert_uint_eq(list(rig, client, &in).n, 0);
	in.filter.app_id = NULL;
	in.filter.session_path = (struct ipc_path){ 1, 0 };
	in.filter.has_session_path = true;
	ck_assert_uint_eq(list(rig, client, &in).n, 2);
	rig_free(rig);
}
END_TEST

START_TEST(goes_on_at_the_cursor)
{
	struct rig_client *client;
	struct rig *rig = make(&client);
	struct ipc_manager_list_tasks_in in = { .limit = 2 };
	struct listed page = list(rig, client, &in);

	ck_assert_uint_eq(page.n, 2);
	ck_assert_str_ne(page.cursor, "");
	in.cursor = page.cursor;
	page = list(rig, client, &in);
	ck_assert_uint_eq(page.n, 1);
	ck_assert_uint_eq(page.first, 4);
	ck_assert_str_eq(page.cursor, "");
	rig_free(rig);
}
END_TEST

START_TEST(shows_what_is_asked_for)
{
	static const char *const fields[] = { "name", "sub-state" };
	struct rig_client *client;
	struct rig *rig = make(&client);
	struct ipc_manager_list_tasks_in in = { .filter = { .fields = fields, .n_fields = 2 } };
	struct listed some = list(rig, client, &in), all;

	in.filter.fields = NULL;
	in.filter.n_fields = 0;
	all = list(rig, client, &in);
	ck_assert_str_eq(some.name, "file.iso");
	ck_assert_str_eq(some.url, "");
	ck_assert(!some.has_state && !some.has_priority);
	ck_assert_str_ne(some.sub_state, "");
	ck_assert_str_eq(all.name, "file.iso");
	ck_assert_str_eq(all.url, "https://example.org/dir/file.iso?token=secret");
	ck_assert(all.has_state && all.has_priority);
	rig_free(rig);
}
END_TEST

struct progress {
	struct rig_answer answer;
	uint64_t generation, received;
	size_t n;
};

static void on_progress(
	void *user, int r, const char *text, const struct ipc_manager_get_progress_out *out)
{
	struct progress *progress = user;

	rig_note(&progress->answer, r, text);
	if (!out)
		return;
	progress->generation = out->generation;
	progress->n = out->n_changed;
	progress->received = out->n_changed ? out->changed[0].received : 0;
}

static struct progress ask(struct rig *rig, struct rig_client *client, uint64_t since)
{
	const struct ipc_manager_get_progress_in in = { .since = since };
	struct progress progress = { 0 };

	ck_ok(ipc_start_manager_get_progress(
		client->bus, (struct ipc_path){ 0, 0 }, &in, on_progress, &progress));
	rig_pump(rig, rig_is_answered, &progress.answer);
	ck_ok(progress.answer.r);
	return progress;
}

START_TEST(tells_progress_since)
{
	struct rig_client *client;
	struct rig *rig = make(&client);
	struct progress all = ask(rig, client, 0), next;

	ck_assert_uint_ge(all.n, 3);
	ck_assert_uint_eq(ask(rig, client, all.generation).n, 0);
	rig_progress(rig, 2, 300, 1000);
	next = ask(rig, client, all.generation);
	ck_assert_uint_eq(next.n, 1);
	ck_assert_uint_eq(next.received, 300);
	ck_assert_uint_gt(next.generation, all.generation);
	rig_free(rig);
}
END_TEST

RUN_TESTS_WITHIN("daemon/bus/bus-list", 60, TEST_EACH(filters, cases),
	TEST(a_name_of_two_applications), TEST(goes_on_at_the_cursor),
	TEST(shows_what_is_asked_for), TEST(tells_progress_since))
