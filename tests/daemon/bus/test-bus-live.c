/* SPDX-License-Identifier: MIT */
/* Sessions that live in memory, on the bus: opened, given tasks, told, asked, acknowledged, left. */
#include <fcntl.h>
#include <sys/mman.h>

#include <transfer/error.h>

#include "ipc/past.h"
#include "tests/daemon/bus/rig.h"
#include "tests/lib/run.h"

static const char *const all_names[] = { "WillPerformRedirect", "DidReceiveResponse",
	"DidReceiveData", "NeedNewBodyStream", "DidFinishCollectingMetrics" };

struct opened {
	struct rig_answer answer;
	uint64_t session;
};

static void on_opened(
	void *user, int r, const char *text, const struct ipc_manager_open_session_out *out)
{
	struct opened *opened = user;

	rig_note(&opened->answer, r, text);
	opened->session = out ? out->session.session : 0;
}

static uint64_t open_live(
	struct rig *rig, struct rig_client *client, const struct ipc_open_options *options)
{
	struct ipc_manager_open_session_in in = { .kind = "default", .identifier = "" };
	struct opened opened = { 0 };

	in.options = *options;
	ck_ok(ipc_start_manager_open_session(
		client->bus, (struct ipc_path){ 0, 0 }, &in, on_opened, &opened));
	rig_pump(rig, rig_is_answered, &opened.answer);
	ck_assert_msg(opened.answer.r == 0, "%s", opened.answer.text);
	ck_assert(live_owns(opened.session));
	return opened.session;
}

static uint64_t open_asking(struct rig *rig, struct rig_client *client)
{
	return open_live(rig, client,
		&(struct ipc_open_options){ .implements = all_names, .n_implements = 5 });
}

static uint64_t data_task(struct rig *rig, struct rig_client *client, uint64_t session)
{
	return rig_create(rig, client, session,
		&(struct ipc_request){ .kind = "data", .url = "https://example.org/x" });
}

/* ---- what the engine says ---- */

struct wanted {
	struct rig *rig;
	uint64_t task;
};

static bool is_running(void *user)
{
	const struct wanted *wanted = user;

	return fake_engine_find(wanted->rig->engine, wanted->task) != NULL;
}

static struct engine_event event_of(struct rig *rig, uint64_t task, enum engine_event_type type)
{
	struct wanted wanted = { rig, task };
	const struct fake_attempt *a;

	rig_pump(rig, is_running, &wanted);
	a = fake_engine_find(rig->engine, task);
	return (struct engine_event){
		.type = type,
		.task = a->task,
		.attempt = a->attempt,
		.expected_receive_bytes = -1,
		.expected_send_bytes = -1,
		.live.data_fd = -1,
	};
}

static const struct engine_response answer_of = { .status = 200,
	.http_version = "1.1",
	.url = "https://example.org/x",
	.suggested_name = "x",
	.expected_bytes = -1 };

static void post(struct rig *rig, const struct engine_event *event)
{
	fake_engine_post(rig->engine, event);
	if (event->type == ENGINE_EVENT_DONE)
		fake_engine_drop(rig->engine, fake_engine_find(rig->engine, event->task));
	rig_turn(rig);
}

static void finish(struct rig *rig, uint64_t task, const char *body)
{
	static const struct engine_transaction transaction = { .url = "https://example.org/x",
		.method = "GET",
		.status = 200,
		.remote_address = "127.0.0.1",
		.remote_port = 443 };
	struct engine_event e = event_of(rig, task, ENGINE_EVENT_DONE);

	e.response = &answer_of;
	e.live.body = body;
	e.live.n_body = strlen(body);
	e.live.transactions = &transaction;
	e.live.n_transactions = 1;
	post(rig, &e);
}

static void on_responses(
	void *user, int r, const char *text, const struct ipc_session_answer_responses_out *out)
{
	rig_note(user, r, out && out->n_failures ? out->failures[0].error : text);
}

START_TEST(one_row_tells_a_small_task)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = open_live(
		rig, client, &(struct ipc_open_options){ .batch = _i == 0, .has_batch = true });
	const struct rig_event *e;

	finish(rig, data_task(rig, client, session), "hello");
	rig_wait_event(rig, client, "DidComplete", 1);
	e = rig_find(client, "DidComplete");
	ck_assert_int_eq(e->code, 0);
	ck_assert_int_eq(e->is_in_batch, _i == 0);
	ck_assert_int_eq(e->is_folded, _i == 0);
	if (_i == 0) {
		ck_assert_uint_eq(client->n_events, 1);
		ck_assert_uint_eq(e->seq, 1);
		ck_assert_str_eq(e->text, "hello");
		ck_assert_uint_eq(e->status, 200);
	} else {
		ck_assert_str_eq(rig_find(client, "DidReceiveData")->text, "hello");
	}
	ck_ok(rig_ack(rig, client, session, e->seq));
	ck_assert_int_eq(rig_ack(rig, client, session, e->seq + 1), IPC_E_INVALID_ARGS);
	rig_free(rig);
}
END_TEST

/* In order; what is asked waits for its answer. */
START_TEST(tells_a_story)
{
	static const char *const names[] = { "WillPerformRedirect", "DidReceiveResponse",
		"DidReceiveData", "DidFinishCollectingMetrics", "DidComplete" };
	static const struct engine_request proposed = { .url = "https://example.org/y",
		.method = "GET" };
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = open_asking(rig, client), task = data_task(rig, client, session);
	struct ipc_session_answer_redirect_in redirect = { .action = "follow" };
	struct ipc_response_answer response = { .disposition = "allow" };
	struct ipc_session_answer_responses_in responses = { &response, 1 };
	struct engine_event e = event_of(rig, task, ENGINE_EVENT_ASK_REDIRECT);
	struct rig_answer answer = { 0 };
	int fds[2];

	e.response = &answer_of;
	e.live.proposed = &proposed;
	post(rig, &e);
	rig_wait_event(rig, client, names[0], 1);
	ck_assert_str_eq(rig_find(client, names[0])->text, "https://example.org/y");
	redirect.question = rig_find(client, names[0])->question;
	ck_ok(ipc_start_session_answer_redirect(
		client->bus, (struct ipc_path){ session, 0 }, &redirect, rig_on_done, &answer));
	rig_pump(rig, rig_is_answered, &answer);
	ck_ok(answer.r);
	ck_assert_uint_eq(fake_engine_find(rig->engine, task)->n_redirect_answers, 1);
	answer.is_there = false;
	ck_ok(ipc_start_session_answer_redirect(
		client->bus, (struct ipc_path){ session, 0 }, &redirect, rig_on_done, &answer));
	rig_pump(rig, rig_is_answered, &answer);
	ck_assert_int_eq(answer.r, IPC_E_ALREADY_ANSWERED);

	e = event_of(rig, task, ENGINE_EVENT_ASK_RESPONSE);
	e.response = &answer_of;
	post(rig, &e);
	rig_wait_event(rig, client, names[1], 1);
	response.question = rig_find(client, names[1])->question;
	ck_assert_uint_ne(response.question, 0);
	ck_ok(ipc_start_session_answer_responses(
		client->bus, (struct ipc_path){ session, 0 }, &responses, on_responses, &answer));
	answer.is_there = false;
	rig_pump(rig, rig_is_answered, &answer);
	ck_ok(answer.r);
	ck_assert_str_eq(answer.text, "");
	ck_assert_int_eq(
		fake_engine_find(rig->engine, task)->response_answer, ENGINE_RESPONSE_ALLOW);

	e = event_of(rig, task, ENGINE_EVENT_DATA);
	ck_ok(pipe2(fds, O_CLOEXEC));
	e.live.data_fd = fds[0];
	post(rig, &e);
	finish(rig, task, "");
	rig_wait_event(rig, client, names[4], 1);
	for (size_t i = 0; i < 5; i++)
		ck_assert_str_eq(client->events[i].name, names[i]);
	ck_assert_uint_eq(client->n_events, 5);
	ck_assert(client->events[2].has_pipe);
	ck_assert_uint_eq(client->events[3].n_transactions, 1);
	close(fds[1]);
	rig_free(rig);
}
END_TEST

/* A client that does not acknowledge gets no more than a window. */
START_TEST(keeps_to_the_window)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = open_live(rig, client,
			 &(struct ipc_open_options){ .batch = true,
				 .has_batch = true,
				 .window = 2,
				 .has_window = true }),
		 tasks[5];

	for (size_t i = 0; i < 5; i++)
		tasks[i] = data_task(rig, client, session);
	for (size_t i = 0; i < 5; i++)
		finish(rig, tasks[i], "x");
	rig_wait_event(rig, client, "DidComplete", 2);
	rig_settle(rig);
	ck_assert_uint_eq(rig_count(client, "DidComplete"), 2);
	ck_ok(rig_ack(rig, client, session, 1));
	rig_wait_event(rig, client, "DidComplete", 3);
	rig_settle(rig);
	ck_assert_uint_eq(rig_count(client, "DidComplete"), 3);
	ck_ok(rig_ack(rig, client, session, 3));
	rig_wait_event(rig, client, "DidComplete", 5);
	rig_free(rig);
}
END_TEST

/* Nor more than a megabyte of bodies. */
START_TEST(keeps_to_the_bytes)
{
	enum { N = 20, FIT = LIVE_WINDOW_BYTES / BUS_BODY_MAX_BYTES };
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = open_live(rig, client,
			 &(struct ipc_open_options){ .batch = true, .has_batch = true }),
		 tasks[N];
	char *body = calloc(BUS_BODY_MAX_BYTES + 1, 1);

	ck_assert_ptr_nonnull(body);
	memset(body, 'x', BUS_BODY_MAX_BYTES);
	for (size_t i = 0; i < N; i++)
		tasks[i] = data_task(rig, client, session);
	for (size_t i = 0; i < N; i++)
		finish(rig, tasks[i], body);
	rig_wait_event(rig, client, "DidComplete", FIT);
	rig_settle(rig);
	ck_assert_uint_eq(rig_count(client, "DidComplete"), FIT);
	ck_ok(rig_ack(rig, client, session, 2));
	rig_wait_event(rig, client, "DidComplete", FIT + 2);
	rig_settle(rig);
	ck_assert_uint_eq(rig_count(client, "DidComplete"), FIT + 2);
	ck_ok(rig_ack(rig, client, session, FIT + 2));
	rig_wait_event(rig, client, "DidComplete", N);
	free(body);
	rig_free(rig);
}
END_TEST

/* What is too large for a message goes without the fields of its answer. */
START_TEST(an_answer_too_large_is_cut)
{
	enum { N = 3000 };
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = open_live(
		rig, client, &(struct ipc_open_options){ .batch = _i == 0, .has_batch = true });
	uint64_t task = data_task(rig, client, session);
	struct engine_header *headers = calloc(N, sizeof(*headers));
	struct engine_response response = answer_of;
	char *value = calloc(4096, 1);
	struct engine_event e;

	ck_assert(headers && value);
	memset(value, 'v', 4095);
	for (size_t i = 0; i < N; i++)
		headers[i] = (struct engine_header){ "X-Long", value };
	response.headers = headers;
	response.n_headers = N;
	e = event_of(rig, task, ENGINE_EVENT_DONE);
	e.response = &response;
	post(rig, &e);
	rig_wait_event(rig, client, "DidComplete", 1);
	ck_assert_uint_eq(rig_find(client, "DidComplete")->status, 200);
	free(headers);
	free(value);
	rig_free(rig);
}
END_TEST

/* What is too large even so is not kept quiet about: the client hears that the session is lost. */
START_TEST(what_cannot_be_told_ends_the_session)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = open_live(
		rig, client, &(struct ipc_open_options){ .batch = _i == 0, .has_batch = true });
	char *body = calloc(4 * IPC_MAX_MESSAGE_BYTES + 1, 1);

	ck_assert_ptr_nonnull(body);
	memset(body, 'x', 4 * IPC_MAX_MESSAGE_BYTES);
	finish(rig, data_task(rig, client, session), body);
	rig_wait_event(rig, client, "DidBecomeInvalid", 1);
	ck_assert_uint_eq(rig_count(client, "DidComplete"), 0);
	ck_assert_int_ne(rig_ack(rig, client, session, 1), 0);
	free(body);
	rig_free(rig);
}
END_TEST

static bool is_stopped(void *user)
{
	const struct wanted *wanted = user;
	const struct fake_attempt *a = fake_engine_find(wanted->rig->engine, wanted->task);

	return !a || a->is_stopping;
}

/* Closed, or left: what runs is stopped, and the session is nobody's any more. */
START_TEST(ends_with_its_client)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig), *other = rig_connect(rig);
	uint64_t session = open_asking(rig, client), task = data_task(rig, client, session);
	struct wanted wanted = { rig, task };
	struct rig_answer answer = { 0 };

	rig_pump(rig, is_running, &wanted);
	if (_i == 0) {
		ck_ok(ipc_start_session_close(
			other->bus, (struct ipc_path){ session, 0 }, rig_on_done, &answer));
		rig_pump(rig, rig_is_answered, &answer);
		ck_assert_int_eq(answer.r, IPC_E_NOT_ATTACHED);
		answer.is_there = false;
		ck_ok(ipc_start_session_close(
			client->bus, (struct ipc_path){ session, 0 }, rig_on_done, &answer));
		rig_pump(rig, rig_is_answered, &answer);
		ck_ok(answer.r);
	} else {
		rig_disconnect(rig, client);
	}
	rig_pump(rig, is_stopped, &wanted);
	ck_assert_int_ne(rig_attach(rig, other, session, NULL), 0);
	rig_free(rig);
}
END_TEST

/* Neither attached to, nor ended as a background session is; others of the user may not give it tasks. */
START_TEST(is_no_background_session)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig), *other = rig_connect(rig);
	uint64_t session = open_asking(rig, client);
	struct ipc_path path = { session, 0 };
	struct ipc_request request = { .url = "https://example.org/" };
	struct rig_answer answers[3] = { 0 }, answer;

	ck_assert_int_eq(rig_attach(rig, client, session, NULL), IPC_E_NOT_SUPPORTED_IN_SESSION);
	ck_ok(ipc_start_session_detach(client->bus, path, rig_on_done, &answers[0]));
	ck_ok(ipc_start_session_finish_tasks_and_invalidate(
		client->bus, path, rig_on_done, &answers[1]));
	ck_ok(ipc_start_session_invalidate_and_cancel(client->bus, path, rig_on_done, &answers[2]));
	for (size_t i = 0; i < 3; i++) {
		rig_pump(rig, rig_is_answered, &answers[i]);
		ck_assert_int_eq(answers[i].r, IPC_E_NOT_SUPPORTED_IN_SESSION);
	}
	ck_assert_int_eq(
		rig_create_error(rig, other, session, &request, &answer), IPC_E_NOT_ATTACHED);
	rig_free(rig);
}
END_TEST

struct listed {
	struct rig_answer answer;
	uint64_t ids[8];
	size_t n;
	char cursor[32], sub_state[32];
};

static void on_listed(
	void *user, int r, const char *text, const struct ipc_manager_list_tasks_out *out)
{
	struct listed *listed = user;

	rig_note(&listed->answer, r, text);
	for (size_t i = 0; out && i < out->n_tasks; i++) {
		ck_assert_uint_lt(listed->n, 8);
		listed->ids[listed->n++] = out->tasks[i].id;
		snprintf(listed->sub_state, sizeof(listed->sub_state), "%s",
			out->tasks[i].sub_state);
	}
	snprintf(listed->cursor, sizeof(listed->cursor), "%s", out ? out->next_cursor : "");
}

static void list(struct rig *rig, struct rig_client *client,
	const struct ipc_manager_list_tasks_in *in, struct listed *listed)
{
	struct ipc_manager_list_tasks_in page = *in;

	do {
		page.cursor = listed->cursor;
		listed->answer.is_there = false;
		ck_ok(ipc_start_manager_list_tasks(
			client->bus, (struct ipc_path){ 0, 0 }, &page, on_listed, listed));
		rig_pump(rig, rig_is_answered, &listed->answer);
		ck_ok(listed->answer.r);
	} while (listed->cursor[0]);
}

/* Last, and when they are asked for; or those of a session, by its path. */
START_TEST(lists_when_asked)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig), *other = rig_connect(rig);
	uint64_t background = rig_open(rig, client, "s"), session = open_asking(rig, client);
	uint64_t tasks[4] = { rig_download(rig, client, background),
		rig_download(rig, client, background), data_task(rig, client, session),
		data_task(rig, client, session) };
	struct ipc_manager_list_tasks_in in = { .limit = (uint32_t)_i };
	struct listed all = { 0 }, plain = { 0 }, of_session = { 0 }, by_number = { 0 };

	rig_settle(rig);
	list(rig, other, &in, &plain);
	ck_assert_uint_eq(plain.n, 2);
	in.filter.include_in_app = in.filter.has_include_in_app = true;
	list(rig, other, &in, &all);
	ck_assert_uint_eq(all.n, 4);
	for (size_t i = 0; i < 4; i++)
		ck_assert_uint_eq(all.ids[i], tasks[i]);
	ck_assert_str_eq(all.sub_state, "connecting");
	in.filter = (struct ipc_task_filter){ .session_path = { session, 0 },
		.has_session_path = true };
	list(rig, other, &in, &of_session);
	ck_assert_uint_eq(of_session.n, 2);
	in.filter = (struct ipc_task_filter){ .ids = &tasks[3], .n_ids = 1 };
	list(rig, other, &in, &by_number);
	ck_assert_uint_eq(by_number.n, 1);
	ck_assert_uint_eq(by_number.ids[0], tasks[3]);
	ck_assert_uint_eq(of_session.ids[0], tasks[2]);
	rig_free(rig);
}
END_TEST

static void on_cancelled(
	void *user, int r, const char *text, const struct ipc_manager_cancel_tasks_out *out)
{
	rig_note(user, r, text);
	ck_assert_uint_eq(out->n_failures, 1);
	ck_assert_uint_eq(out->failures[0].id, LIVE_ID_FIRST * 2);
}

struct counted {
	uint64_t ids[8], generation;
	size_t n;
	bool is_done;
};

static void on_counted(
	void *user, int r, const char *text, const struct ipc_manager_get_progress_out *out)
{
	struct counted *counted = user;

	ck_assert_msg(r == 0, "%d: %s", r, text);
	ck_assert_uint_le(out->n_changed, 8);
	for (counted->n = 0; counted->n < out->n_changed; counted->n++)
		counted->ids[counted->n] = out->changed[counted->n].id;
	counted->generation = out->generation;
	counted->is_done = true;
}

static bool is_counted(void *arg)
{
	return ((struct counted *)arg)->is_done;
}

static void count(struct rig *rig, struct rig_client *client, const struct ipc_task_filter *filter,
	struct counted *counted)
{
	struct ipc_manager_get_progress_in in = { .filter = *filter, .since = counted->generation };

	counted->is_done = false;
	ck_ok(ipc_start_manager_get_progress(
		client->bus, (struct ipc_path){ 0, 0 }, &in, on_counted, counted));
	rig_pump(rig, is_counted, counted);
}

static void on_peeked(
	void *user, int r, const char *text, const struct ipc_manager_peek_events_out *out)
{
	(void)out;
	rig_note(user, r, text);
}

/* Their counters, with those of background sessions or alone; and there are no events to look at. */
START_TEST(counts_when_asked)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig), *other = rig_connect(rig);
	uint64_t background = rig_open(rig, client, "s"), session = open_asking(rig, client);
	uint64_t task = rig_download(rig, client, background),
		 live = data_task(rig, client, session);
	struct ipc_manager_peek_events_in peek = { .session = { session, 0 } };
	struct rig_answer answer = { 0 };
	struct counted counted = { 0 };

	rig_settle(rig);
	count(rig, other, &(struct ipc_task_filter){ 0 }, &counted);
	ck_assert(counted.n == 1 && counted.ids[0] == task);
	count(rig, other,
		&(struct ipc_task_filter){ .include_in_app = true, .has_include_in_app = true },
		&counted);
	ck_assert(counted.n == 1 && counted.ids[0] == live); /* of the other, nothing changed */
	count(rig, other,
		&(struct ipc_task_filter){
			.session_path = { session, 0 }, .has_session_path = true },
		&counted);
	ck_assert(counted.n == 1 && counted.ids[0] == live);
	count(rig, other, &(struct ipc_task_filter){ .ids = &live, .n_ids = 1 }, &counted);
	ck_assert(counted.n == 1 && counted.ids[0] == live);
	ck_ok(ipc_start_manager_peek_events(
		other->bus, (struct ipc_path){ 0, 0 }, &peek, on_peeked, &answer));
	rig_pump(rig, rig_is_answered, &answer);
	ck_assert_int_eq(answer.r, IPC_E_NOT_SUPPORTED_IN_SESSION);
	rig_free(rig);
}
END_TEST

/* Verbs of the manager reach both kinds, whoever of the user says them. */
START_TEST(verbs_reach_both)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig), *other = rig_connect(rig);
	uint64_t background = rig_open(rig, client, "s"), session = open_asking(rig, client);
	uint64_t ids[] = { data_task(rig, client, session), rig_download(rig, client, background),
		LIVE_ID_FIRST * 2 };
	struct ipc_manager_cancel_tasks_in in = { .ids = ids, .n_ids = 3 };
	struct wanted wanted[2] = { { rig, ids[0] }, { rig, ids[1] } };
	struct rig_answer answer = { 0 };

	rig_settle(rig);
	ck_ok(ipc_start_manager_cancel_tasks(
		other->bus, (struct ipc_path){ 0, 0 }, &in, on_cancelled, &answer));
	rig_pump(rig, rig_is_answered, &answer);
	ck_ok(answer.r);
	rig_pump(rig, is_stopped, &wanted[0]);
	rig_pump(rig, is_stopped, &wanted[1]);
	rig_free(rig);
}
END_TEST

/* What may be read as a body: S-11. */
static const struct {
	enum { OF_FILE, OF_PIPE, OF_WRITE_ONLY, OF_FOLDER, OF_MEMORY, OF_SEALED } kind;
	bool is_stream;
	int want;
} bodies[] = {
	{ OF_FILE, false, 0 },
	{ OF_PIPE, false, IPC_E_INVALID_REQUEST },
	{ OF_WRITE_ONLY, false, IPC_E_INVALID_REQUEST },
	{ OF_FOLDER, false, IPC_E_INVALID_REQUEST },
	{ OF_FILE, true, 0 },
	{ OF_PIPE, true, 0 },
	{ OF_FOLDER, true, IPC_E_INVALID_REQUEST },
	{ OF_MEMORY, false, IPC_E_INVALID_REQUEST },
	{ OF_SEALED, false, 0 },
};

static int make_memory(bool is_sealed)
{
	int fd = memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_ge(fd, 0);
	if (is_sealed)
		ck_ok(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW));
	return fd;
}

START_TEST(looks_at_descriptors)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = open_asking(rig, client);
	struct ipc_request request = { .kind = "upload", .url = "https://example.org/" };
	struct rig_answer answer;
	int fds[2] = { -1, -1 };

	if (bodies[_i].kind == OF_MEMORY || bodies[_i].kind == OF_SEALED)
		fds[0] = make_memory(bodies[_i].kind == OF_SEALED);
	else if (bodies[_i].kind == OF_PIPE)
		ck_ok(pipe2(fds, O_CLOEXEC));
	else if (bodies[_i].kind == OF_FOLDER)
		fds[0] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	else if (bodies[_i].kind == OF_WRITE_ONLY)
		fds[0] = open("/dev/null", O_WRONLY | O_CLOEXEC);
	else
		fds[0] = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (bodies[_i].is_stream) {
		request.body_stream = fds[0];
		request.has_body_stream = true;
	} else {
		request.body_file = fds[0];
		request.has_body_file = true;
	}
	ck_assert_int_eq(
		rig_create_error(rig, client, session, &request, &answer), bodies[_i].want);
	close(fds[0]);
	if (fds[1] >= 0)
		close(fds[1]);
	rig_free(rig);
}
END_TEST

struct made {
	struct rig_answer answer;
	uint64_t first;
};

static void on_made(
	void *user, int r, const char *text, const struct ipc_session_create_tasks_file_out *out)
{
	struct made *made = user;

	made->first = out ? out->first : 0;
	rig_note(&made->answer, r, text);
}

static struct made create_past(struct rig *rig, struct rig_client *client, uint64_t session)
{
	static const struct ipc_request requests[] = {
		{ .kind = "data", .url = "https://example.org/1" },
		{ .kind = "data", .url = "https://example.org/2" },
	};
	const struct ipc_session_create_tasks_in in = { .requests = requests, .n_requests = 2 };
	int files[IPC_MAX_FDS];
	struct ipc_session_create_tasks_file_in past = { .files = files };
	struct made made = { 0 };

	ck_ok(ipc_pack_create_tasks(client->bus, &in, files, &past.n_files));
	ck_ok(ipc_start_session_create_tasks_file(
		client->bus, (struct ipc_path){ session, 0 }, &past, on_made, &made));
	close(files[0]);
	rig_pump(rig, rig_is_answered, &made.answer);
	return made;
}

START_TEST(takes_tasks_past_the_bus)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig), *other = rig_connect(rig);
	uint64_t session = open_asking(rig, client);
	uint64_t background = rig_open(rig, client, "background");
	struct made made = create_past(rig, client, session);

	ck_ok(made.answer.r);
	finish(rig, made.first, "one");
	finish(rig, made.first + 1, "two");
	rig_wait_event(rig, client, "DidComplete", 2);
	ck_assert_uint_eq(rig_find(client, "DidComplete")->task, made.first);
	ck_assert_int_eq(create_past(rig, other, session).answer.r, IPC_E_NOT_ATTACHED);
	ck_ok(rig_attach(rig, client, background, NULL));
	ck_assert_int_eq(
		create_past(rig, client, background).answer.r, IPC_E_NOT_SUPPORTED_IN_SESSION);
	rig_free(rig);
}
END_TEST

RUN_TESTS_WITHIN("daemon/bus/bus-live", 60, TEST_LOOP(one_row_tells_a_small_task, 2),
	TEST(tells_a_story), TEST(keeps_to_the_window), TEST(keeps_to_the_bytes),
	TEST_LOOP(an_answer_too_large_is_cut, 2),
	TEST_LOOP(what_cannot_be_told_ends_the_session, 2), TEST_LOOP(ends_with_its_client, 2),
	TEST_LOOP(lists_when_asked, 4), TEST(counts_when_asked), TEST(verbs_reach_both),
	TEST(is_no_background_session), TEST(takes_tasks_past_the_bus),
	TEST_EACH(looks_at_descriptors, bodies))
