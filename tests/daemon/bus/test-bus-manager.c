/* SPDX-License-Identifier: MIT */
/* Opening, verbs on many tasks, what is peeked at and counted. */
#include "tests/daemon/bus/rig.h"
#include "tests/lib/run.h"

struct opened {
	struct rig_answer answer;
	uint64_t session;
	char disposition[32], difference[64];
	size_t n_differences;
};

static void on_opened(
	void *user, int r, const char *text, const struct ipc_manager_open_session_out *out)
{
	struct opened *opened = user;

	rig_note(&opened->answer, r, text);
	if (!out)
		return;
	opened->session = out->session.session;
	snprintf(opened->disposition, sizeof(opened->disposition), "%s", out->info.disposition);
	opened->n_differences = out->info.n_differences;
	if (out->info.n_differences)
		snprintf(opened->difference, sizeof(opened->difference), "%s",
			out->info.differences[0]);
}

static struct opened open_with(
	struct rig *rig, struct rig_client *client, const struct ipc_manager_open_session_in *in)
{
	struct opened opened = { 0 };

	ck_ok(ipc_start_manager_open_session(
		client->bus, (struct ipc_path){ 0, 0 }, in, on_opened, &opened));
	rig_pump(rig, rig_is_answered, &opened.answer);
	return opened;
}

START_TEST(opens_once_and_reassociates)
{
	struct ipc_manager_open_session_in in = { .kind = "background",
		.identifier = "s",
		.configuration = { .max_rate_bps = 100, .has_max_rate_bps = true } };
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	struct opened first = open_with(rig, client, &in), again, other;

	ck_ok(first.answer.r);
	ck_assert_str_eq(first.disposition, "created");
	in.configuration.max_rate_bps = 200;
	again = open_with(rig, client, &in);
	ck_assert_str_eq(again.disposition, "reassociated");
	ck_assert_uint_eq(again.session, first.session);
	ck_assert_uint_eq(again.n_differences, 1);
	ck_assert_str_eq(again.difference, "max-rate-bps");
	in.options.update = in.options.has_update = true;
	ck_assert_uint_eq(open_with(rig, client, &in).n_differences, 0);
	in.options = (struct ipc_open_options){ .app_id = "org.example.Other" };
	other = open_with(rig, client, &in);
	ck_assert_uint_ne(other.session, first.session);
	rig_free(rig);
}
END_TEST

static const struct {
	struct ipc_manager_open_session_in in;
	int want;
} refused[] = {
	{ { .kind = "background", .identifier = "" }, IPC_E_INVALID_REQUEST },
	{ { .kind = "sideground", .identifier = "x" }, IPC_E_INVALID_REQUEST },
	{ { .kind = "background", .identifier = "x", .options.has_batch = true },
		IPC_E_NOT_SUPPORTED_IN_SESSION },
	{ { .kind = "background",
		  .identifier = "x",
		  .configuration.has_waits_for_connectivity = true },
		IPC_E_NOT_SUPPORTED_IN_SESSION },
	{ { .kind = "default",
		  .identifier = "",
		  .options = { .window = 1025, .has_window = true } },
		IPC_E_INVALID_REQUEST },
	{ { .kind = "default",
		  .identifier = "",
		  .configuration = { .tls_minimum = "1.3", .tls_maximum = "1.2" } },
		IPC_E_INVALID_REQUEST },
	{ { .kind = "shared", .identifier = "", .configuration.cache_policy = "sometimes" },
		IPC_E_INVALID_REQUEST },
	{ { .kind = "ephemeral", .identifier = "", .configuration.ca_file = "/nonexistent.pem" },
		IPC_E_FILE_NOT_FOUND },
	{ { .kind = "background", .identifier = "x", .configuration.upload_copy = "?" },
		IPC_E_INVALID_REQUEST },
	{ { .kind = "background", .identifier = "x", .configuration.ca_file = "/nonexistent.pem" },
		IPC_E_FILE_NOT_FOUND },
};

START_TEST(refuses_by_name)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	struct opened opened = open_with(rig, client, &refused[_i].in);

	ck_assert_msg(opened.answer.r == refused[_i].want, "%s: %s",
		ipc_error_name(opened.answer.r), opened.answer.text);
	ck_assert_str_ne(opened.answer.text, "");
	rig_free(rig);
}
END_TEST

struct steered {
	struct rig_answer answer;
	size_t n;
	uint64_t id;
	char error[96];
};

static void on_suspended(
	void *user, int r, const char *text, const struct ipc_manager_suspend_tasks_out *out)
{
	struct steered *steered = user;

	rig_note(&steered->answer, r, text);
	if (!out)
		return;
	steered->n = out->n_failures;
	if (!out->n_failures)
		return;
	steered->id = out->failures[0].id;
	snprintf(steered->error, sizeof(steered->error), "%s", out->failures[0].error);
}

START_TEST(steers_each_task_for_itself)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s");
	const uint64_t ids[] = { rig_download(rig, client, session), 4711 };
	const struct ipc_manager_suspend_tasks_in in = { .ids = ids, .n_ids = 2 };
	struct steered steered = { 0 };
	struct flow_statistics statistics;

	ck_ok(ipc_start_manager_suspend_tasks(
		client->bus, (struct ipc_path){ 0, 0 }, &in, on_suspended, &steered));
	rig_pump(rig, rig_is_answered, &steered.answer);
	ck_ok(steered.answer.r);
	ck_assert_uint_eq(steered.n, 1);
	ck_assert_uint_eq(steered.id, 4711);
	ck_assert_str_eq(steered.error, IPC_NAME ".Error.NoSuchTask");
	ck_ok(flow_statistics(rig->flow, &statistics));
	ck_assert_uint_eq(statistics.n_suspended, 1);
	rig_free(rig);
}
END_TEST

struct peeked {
	struct rig_answer answer;
	size_t n;
	char last[40];
	bool has_file;
};

static void on_peeked(
	void *user, int r, const char *text, const struct ipc_manager_peek_events_out *out)
{
	struct peeked *peeked = user;

	rig_note(&peeked->answer, r, text);
	if (!out || !out->n_events)
		return;
	peeked->n = out->n_events;
	snprintf(peeked->last, sizeof(peeked->last), "%s", out->events[out->n_events - 1].name);
	for (size_t i = 0; i < out->n_events; i++)
		peeked->has_file |= out->events[i].args->has_file;
}

START_TEST(peeking_takes_nothing)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s");
	struct ipc_manager_peek_events_in in = { .session = { session, 0 } };

	rig_finish(rig, rig_download(rig, client, session), 10);
	rig_settle(rig);
	for (int i = 0; i < 2; i++) {
		struct peeked peeked = { 0 };

		ck_ok(ipc_start_manager_peek_events(
			client->bus, (struct ipc_path){ 0, 0 }, &in, on_peeked, &peeked));
		rig_pump(rig, rig_is_answered, &peeked.answer);
		ck_ok(peeked.answer.r);
		ck_assert_uint_eq(peeked.n, 3);
		ck_assert_str_eq(peeked.last, "DidComplete");
		ck_assert(!peeked.has_file);
	}
	ck_ok(rig_attach(rig, client, session, NULL));
	rig_wait_event(rig, client, "DidComplete", 1);
	rig_free(rig);
}
END_TEST

static void on_statistics(
	void *user, int r, const char *text, const struct ipc_manager_get_statistics_out *out)
{
	struct ipc_statistics *copy = user;

	ck_assert_msg(r == 0, "%s", text);
	*copy = out->statistics;
	copy->receive_samples = NULL;
}

static bool is_counted(void *user)
{
	return ((struct ipc_statistics *)user)->has_started_usec;
}

START_TEST(counts)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s");
	struct ipc_statistics statistics = { 0 };

	rig_finish(rig, rig_download(rig, client, session), 10);
	rig_fail(rig, rig_download(rig, client, session), -1011);
	rig_fail(rig, rig_download(rig, client, session), -999);
	rig_settle(rig);
	ck_ok(ipc_start_manager_get_statistics(
		client->bus, (struct ipc_path){ 0, 0 }, on_statistics, &statistics));
	rig_pump(rig, is_counted, &statistics);
	ck_assert_uint_eq(statistics.sessions, 1);
	ck_assert_uint_eq(statistics.tasks_total, 3);
	ck_assert_uint_eq(statistics.tasks_failed, 1);
	ck_assert_uint_eq(statistics.tasks_cancelled, 1);
	ck_assert_uint_eq(statistics.tasks_completed, 1);
	ck_assert_uint_gt(statistics.memory_bytes, 1 << 20);
	ck_assert_uint_gt(statistics.disk_free_bytes, 0);
	ck_assert_uint_gt(statistics.events_pending, 0);
	rig_free(rig);
}
END_TEST

struct listed {
	unsigned n;
	uint32_t active_tasks, tasks;
};

static void on_listed(
	void *user, int r, const char *text, const struct ipc_manager_list_sessions_out *out)
{
	struct listed *listed = user;

	ck_assert_msg(r == 0, "%s", text);
	ck_assert_uint_eq(out->n_sessions, 1);
	listed->active_tasks = out->sessions[0].active_tasks;
	listed->tasks = out->sessions[0].has_tasks ? out->sessions[0].tasks : 0;
	listed->n++;
}

static bool is_listed(void *user)
{
	return ((struct listed *)user)->n;
}

START_TEST(counts_a_sessions_tasks)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s");
	const struct ipc_manager_list_sessions_in in = { 0 };
	struct listed listed = { 0 };

	rig_finish(rig, rig_download(rig, client, session), 10);
	rig_download(rig, client, session);
	rig_settle(rig);
	ck_ok(ipc_start_manager_list_sessions(
		client->bus, (struct ipc_path){ 0, 0 }, &in, on_listed, &listed));
	rig_pump(rig, is_listed, &listed);
	ck_assert_uint_eq(listed.active_tasks, 1);
	ck_assert_uint_eq(listed.tasks, 2);
	rig_free(rig);
}
END_TEST

struct quit {
	bool is_there;
	int r;
	uint64_t tasks;
};

static void on_quit(
	void *user, int r, const char *text, const struct ipc_manager_quit_application_out *out)
{
	struct quit *quit = user;

	(void)text;
	*quit = (struct quit){ true, r, r ? 0 : out->tasks };
}

static bool has_quit(void *user)
{
	return ((struct quit *)user)->is_there;
}

static struct quit quit_application(struct rig *rig, struct rig_client *client, const char *app_id)
{
	const struct ipc_manager_quit_application_in in = { .app_id = app_id };
	struct quit quit = { 0 };

	ck_ok(ipc_start_manager_quit_application(
		client->bus, (struct ipc_path){ 0, 0 }, &in, on_quit, &quit));
	rig_pump(rig, has_quit, &quit);
	return quit;
}

/* BT-83: told at the next attach, with the reason */
START_TEST(quits_an_application)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s"), task = rig_download(rig, client, session);
	const struct session *row = flow_session_get(rig->flow, session);
	const struct rig_event *event;
	char app_id[256];

	snprintf(app_id, sizeof(app_id), "%s", row->app_id);
	ck_assert_int_eq(quit_application(rig, client, "no.body").r, IPC_E_NO_SUCH_SESSION);
	ck_assert_uint_eq(quit_application(rig, client, app_id).tasks, 1);
	rig_stopped(rig, task);
	rig_settle(rig);
	ck_assert_uint_eq(client->n_events, 0);
	ck_ok(rig_attach(rig, client, session, NULL));
	rig_wait_event(rig, client, "DidComplete", 1);
	event = rig_find(client, "DidComplete");
	ck_assert_int_eq(event->code, -999);
	ck_assert(event->has_reason);
	ck_assert_int_eq(event->reason, 0);
	rig_free(rig);
}
END_TEST

static void on_session(
	void *user, int r, const char *text, const struct ipc_manager_get_session_out *out)
{
	struct opened *opened = user;

	rig_note(&opened->answer, r, text);
	if (out)
		opened->session = out->session.session;
}

static struct opened get_session(struct rig *rig, struct rig_client *client, const char *identifier)
{
	const struct ipc_manager_get_session_in in = { .identifier = identifier };
	struct opened opened = { 0 };

	ck_ok(ipc_start_manager_get_session(
		client->bus, (struct ipc_path){ 0, 0 }, &in, on_session, &opened));
	rig_pump(rig, rig_is_answered, &opened.answer);
	return opened;
}

/* Never the first of two applications. */
START_TEST(finds_a_session_by_a_name_of_its_own)
{
	const struct ipc_manager_open_session_in in = {
		.kind = "background", .identifier = "s", .options.app_id = "org.example.Other"
	};
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s");

	ck_assert_int_eq(get_session(rig, client, "t").answer.r, IPC_E_NO_SUCH_SESSION);
	ck_assert_uint_eq(get_session(rig, client, "s").session, session);
	ck_ok(open_with(rig, client, &in).answer.r);
	ck_assert_int_eq(get_session(rig, client, "s").answer.r, IPC_E_INVALID_ARGS);
	rig_free(rig);
}
END_TEST

RUN_TESTS_WITHIN("daemon/bus/bus-manager", 60, TEST(opens_once_and_reassociates),
	TEST(finds_a_session_by_a_name_of_its_own), TEST_EACH(refuses_by_name, refused),
	TEST(steers_each_task_for_itself), TEST(peeking_takes_nothing), TEST(counts),
	TEST(counts_a_sessions_tasks), TEST(quits_an_application))
