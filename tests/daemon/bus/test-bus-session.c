/* SPDX-License-Identifier: MIT */
/* Attaching, acknowledging, making tasks and ending, seen from a client. */
#include "tests/daemon/bus/rig.h"
#include "tests/lib/run.h"

#include <errno.h>
#include <fcntl.h>

START_TEST(only_the_attached_one_may_acknowledge)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig), *other = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s");
	struct rig_answer answer = { 0 };

	ck_assert_int_eq(rig_ack(rig, client, session, 0), IPC_E_NOT_ATTACHED);
	ck_ok(rig_attach(rig, client, session, NULL));
	ck_ok(rig_attach(rig, client, session, NULL)); /* twice is fine */
	ck_assert_int_eq(rig_attach(rig, other, session, NULL), IPC_E_ALREADY_ATTACHED);
	ck_assert_int_eq(rig_ack(rig, other, session, 0), IPC_E_NOT_ATTACHED);
	ck_ok(rig_ack(rig, client, session, 0));
	ck_assert_int_eq(rig_ack(rig, client, session, 4711), IPC_E_INVALID_ARGS);
	ck_ok(ipc_start_session_detach(
		client->bus, (struct ipc_path){ session, 0 }, rig_on_done, &answer));
	rig_pump(rig, rig_is_answered, &answer);
	ck_ok(answer.r);
	ck_ok(rig_attach(rig, other, session, NULL));
	rig_free(rig);
}
END_TEST

static const struct {
	uint32_t window;
	int want;
} windows[] = { { 0, IPC_E_INVALID_REQUEST }, { 1, 0 }, { 1024, 0 },
	{ 1025, IPC_E_INVALID_REQUEST } };

START_TEST(checks_the_window)
{
	const struct ipc_attach_options options = { .window = windows[_i].window,
		.has_window = true };
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);

	ck_assert_int_eq(
		rig_attach(rig, client, rig_open(rig, client, "s"), &options), windows[_i].want);
	rig_free(rig);
}
END_TEST

/* What a request is refused with, and that the reason names the request. */
static const struct {
	struct ipc_request request;
	int want;
} refused[] = {
	{ { .url = "ftp://example.org/x" }, IPC_E_UNSUPPORTED_SCHEME },
	{ { .url = NULL }, IPC_E_INVALID_REQUEST },
	{ { .url = "https://example.org/", .kind = "sideload" }, IPC_E_INVALID_REQUEST },
	{ { .url = "https://example.org/", .kind = "stream" }, IPC_E_NOT_SUPPORTED_IN_SESSION },
	{ { .url = "https://example.org/", .kind = "upload" }, IPC_E_NOT_SUPPORTED_IN_SESSION },
	{ { .url = "https://example.org/", .kind = "upload", .body_path = "/nonexistent" },
		IPC_E_FILE_NOT_FOUND },
	{ { .url = "https://example.org/", .upload_copy = "both" }, IPC_E_INVALID_REQUEST },
	{ { .url = "https://example.org/", .priority = 7, .has_priority = true },
		IPC_E_INVALID_REQUEST },
	{ { .url = "https://example.org/", .destination = "relative" }, IPC_E_INVALID_REQUEST },
	{ { .url = "https://example.org/", .body = (const uint8_t *)"x", .n_body = 1 },
		IPC_E_NOT_SUPPORTED_IN_SESSION },
	{ { .url = "https://example.org/", .has_body_asked = true },
		IPC_E_NOT_SUPPORTED_IN_SESSION },
	{ { .url = "https://example.org/", .has_whole_body = true },
		IPC_E_NOT_SUPPORTED_IN_SESSION },
	{ { .url = "https://example.org/", .service_type = "voip" },
		IPC_E_NOT_SUPPORTED_IN_SESSION },
};

START_TEST(says_what_is_wrong_with_a_request)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s");
	struct rig_answer answer;

	ck_assert_msg(rig_create_error(rig, client, session, &refused[_i].request, &answer) ==
			refused[_i].want,
		"%s: %s, not %s (%s)", refused[_i].request.url, ipc_error_name(answer.r),
		ipc_error_name(refused[_i].want), answer.text);
	ck_assert_str_ne(answer.text, "");
	rig_free(rig);
}
END_TEST

static void on_responses_answered(
	void *user, int r, const char *text, const struct ipc_session_answer_responses_out *out)
{
	(void)out;
	rig_note(user, r, text);
}

/* A background session neither asks such questions nor ends with its client. */
START_TEST(is_a_background_session)
{
	struct ipc_session_answer_redirect_in redirect = { .question = 1, .action = "follow" };
	struct ipc_session_answer_body_stream_in body = { .question = 1 };
	struct ipc_session_answer_responses_in responses = { 0 };
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	struct ipc_path path = { rig_open(rig, client, "s"), 0 };
	struct rig_answer answers[4] = { 0 };

	ck_ok(rig_attach(rig, client, path.session, NULL));
	ck_ok(ipc_start_session_answer_redirect(
		client->bus, path, &redirect, rig_on_done, &answers[0]));
	ck_ok(ipc_start_session_answer_responses(
		client->bus, path, &responses, on_responses_answered, &answers[1]));
	ck_ok(ipc_start_session_answer_body_stream(
		client->bus, path, &body, rig_on_done, &answers[2]));
	ck_ok(ipc_start_session_close(client->bus, path, rig_on_done, &answers[3]));
	for (size_t i = 0; i < 4; i++) {
		rig_pump(rig, rig_is_answered, &answers[i]);
		ck_assert_int_eq(answers[i].r, IPC_E_NOT_SUPPORTED_IN_SESSION);
	}
	rig_free(rig);
}
END_TEST

static const struct {
	const char *name;
	int want;
} names[] = { { "plain.iso", 0 }, { "../up", IPC_E_INVALID_REQUEST },
	{ "..", IPC_E_INVALID_REQUEST }, { "", IPC_E_INVALID_REQUEST },
	{ NULL, IPC_E_INVALID_REQUEST } };

START_TEST(takes_a_folder_and_a_name)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s");
	struct ipc_request request = { .url = "https://example.org/x",
		.destination_name = names[_i].name,
		.has_destination_dir = true };
	struct rig_answer answer;

	request.destination_dir = open(rig->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(request.destination_dir, 0);
	ck_assert_int_eq(rig_create_error(rig, client, session, &request, &answer), names[_i].want);
	if (names[_i].want == 0) {
		struct fake_attempt *attempt;

		rig_settle(rig);
		attempt = fake_engine_get(rig->engine, 0);
		ck_assert_int_eq(strncmp(attempt->part_path, rig->folder, strlen(rig->folder)), 0);
	}
	close(request.destination_dir);
	rig_free(rig);
}
END_TEST

struct created {
	struct rig_answer answer;
	uint64_t ids[3];
	size_t n;
};

static void on_created(
	void *user, int r, const char *text, const struct ipc_session_create_tasks_out *out)
{
	struct created *created = user;

	rig_note(&created->answer, r, text);
	created->n = out ? out->n_tasks : 0;
	for (size_t i = 0; i < created->n && i < 3; i++)
		created->ids[i] = out->tasks[i].id;
}

static struct created create(struct rig *rig, struct rig_client *client, uint64_t session,
	const struct ipc_session_create_tasks_in *in)
{
	struct created created = { 0 };

	ck_ok(ipc_start_session_create_tasks(
		client->bus, (struct ipc_path){ session, 0 }, in, on_created, &created));
	rig_pump(rig, rig_is_answered, &created.answer);
	return created;
}

START_TEST(makes_all_or_none_and_once)
{
	const struct ipc_request good[] = { { .url = "https://a.example/" },
		{ .url = "https://b.example/" } };
	const struct ipc_request mixed[] = { { .url = "https://a.example/" },
		{ .url = "gopher://b.example/" } };
	struct ipc_session_create_tasks_in in = {
		.requests = good, .n_requests = 2, .options.token = "once"
	};
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s");
	struct created first = create(rig, client, session, &in),
		       again = create(rig, client, session, &in), bad;
	struct flow_statistics statistics;

	ck_ok(first.answer.r);
	ck_assert_uint_eq(first.n, 2);
	ck_assert_uint_eq(again.n, 2);
	ck_assert_uint_eq(first.ids[0], again.ids[0]);
	ck_assert_uint_eq(first.ids[1], again.ids[1]);
	in = (struct ipc_session_create_tasks_in){ .requests = mixed, .n_requests = 2 };
	bad = create(rig, client, session, &in);
	ck_assert_int_eq(bad.answer.r, IPC_E_UNSUPPORTED_SCHEME);
	ck_assert_ptr_nonnull(strstr(bad.answer.text, "requests[1]"));
	in = (struct ipc_session_create_tasks_in){
		.requests = good, .n_requests = 2, .options.start = "sometime"
	};
	ck_assert_int_eq(create(rig, client, session, &in).answer.r, IPC_E_INVALID_REQUEST);
	ck_ok(flow_statistics(rig->flow, &statistics));
	ck_assert_uint_eq(statistics.n_total, 2);
	ck_assert_uint_eq(statistics.n_suspended, 2);
	rig_free(rig);
}
END_TEST

START_TEST(ends_when_its_tasks_have)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s"), task;
	const struct ipc_request request = { .url = "https://example.org/" };
	struct rig_answer answer = { 0 };

	ck_ok(rig_attach(rig, client, session, NULL));
	task = rig_download(rig, client, session);
	ck_ok(ipc_start_session_finish_tasks_and_invalidate(
		client->bus, (struct ipc_path){ session, 0 }, rig_on_done, &answer));
	rig_pump(rig, rig_is_answered, &answer);
	ck_ok(answer.r);
	ck_assert_int_eq(
		rig_create_error(rig, client, session, &request, &answer), IPC_E_SESSION_INVALID);
	ck_assert_uint_eq(rig_count(client, "DidBecomeInvalid"), 0);
	rig_finish(rig, task, 10);
	rig_wait_event(rig, client, "DidBecomeInvalid", 1);
	ck_assert_uint_eq(rig_count(client, "DidComplete"), 1);
	ck_ok(rig_ack(rig, client, session, client->events[client->n_events - 1].seq));
	rig_settle(rig);
	ck_assert_int_eq(rig_attach(rig, client, session, NULL), IPC_E_NO_SUCH_SESSION);
	rig_free(rig);
}
END_TEST

static bool is_commit_failing;

int __real_store_commit(struct store *store);
int __wrap_store_commit(struct store *store);
int __wrap_store_commit(struct store *store)
{
	return is_commit_failing ? -EIO : __real_store_commit(store);
}

/*
 * While nothing can be saved a client leaves (its connection ends, or it says so), or attaches once more: the session is
 * not held by who is gone.
 */
START_TEST(is_left_although_nothing_is_saved)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig), *other = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s");
	struct rig_answer answer = { 0 };

	ck_ok(rig_attach(rig, client, session, NULL));
	rig->may_fail = is_commit_failing = true;
	if (_i == 0) {
		rig_disconnect(rig, client);
	} else if (_i == 1) {
		ck_ok(ipc_start_session_detach(
			client->bus, (struct ipc_path){ session, 0 }, rig_on_done, &answer));
		rig_pump(rig, rig_is_answered, &answer);
		ck_assert_int_ne(answer.r, 0);
	} else {
		ck_assert_int_ne(rig_attach(rig, client, session, NULL), 0);
	}
	rig_settle(rig);
	is_commit_failing = false;
	if (_i == 2) {
		ck_ok(rig_attach(rig, client, session, NULL));
		rig_finish(rig, rig_download(rig, client, session), 10);
		rig_wait_event(rig, client, "DidComplete", 1);
		rig_disconnect(rig, client);
		rig_settle(rig);
	}
	ck_ok(rig_attach(rig, other, session, NULL));
	rig_free(rig);
}
END_TEST

RUN_TESTS_WITHIN("daemon/bus/bus-session", 60, TEST(only_the_attached_one_may_acknowledge),
	TEST_EACH(checks_the_window, windows),
	TEST_EACH(says_what_is_wrong_with_a_request, refused), TEST(is_a_background_session),
	TEST_EACH(takes_a_folder_and_a_name, names), TEST(makes_all_or_none_and_once),
	TEST(ends_when_its_tasks_have), TEST_LOOP(is_left_although_nothing_is_saved, 3))
