/* SPDX-License-Identifier: MIT */
/* The recording application. Callbacks run where the manual queue is dispatched, so the log needs no lock. */
#include "tests/client-lib/live-rig.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/bus.h"
#include "tests/lib/proc.h"

#define DEADLINE_MS 10000

void live_rig_note(struct live_rig *rig, const char *format, ...)
{
	size_t used = strlen(rig->log);
	va_list args;

	ck_assert_uint_lt(used + 256, sizeof(rig->log));
	va_start(args, format);
	vsnprintf(rig->log + used, sizeof(rig->log) - used, format, args);
	va_end(args);
}

static int code_of(const transfer_error *error)
{
	return error ? transfer_error_get_code(error) : 0;
}

static int status_of(const transfer_response *response)
{
	return response ? transfer_response_get_status(response) : 0;
}

static void called(struct live_rig *rig, transfer_task *task, const char *what)
{
	if (rig->in_callback)
		rig->in_callback(rig, task, what);
}

static void on_invalid(transfer_session *session, const transfer_error *error, void *user)
{
	(void)session;
	live_rig_note(user, "inval %d\n", code_of(error));
	called(user, NULL, "inval");
}

static void on_created(transfer_session *session, transfer_task *task, void *user)
{
	(void)session;
	live_rig_note(user, "created %llu\n", (unsigned long long)transfer_task_get_id(task));
}

static void on_redirect(transfer_session *session, transfer_task *task,
	const transfer_response *response, const transfer_request *request,
	transfer_redirect *answer, void *user)
{
	struct live_rig *rig = user;

	(void)session;
	live_rig_note(rig, "redir %d %s\n", status_of(response), transfer_request_get_url(request));
	if (rig->keeps_answers)
		rig->redirect = transfer_redirect_ref(answer);
	called(rig, task, "redir");
}

static void on_challenge(
	transfer_session *session, transfer_task *task, transfer_challenge *challenge, void *user)
{
	struct live_rig *rig = user;

	(void)session;
	live_rig_note(rig, "challenge %d\n", status_of(transfer_challenge_get_response(challenge)));
	if (rig->keeps_answers)
		rig->challenge = transfer_challenge_ref(challenge);
	called(rig, task, "challenge");
}

static void on_body(
	transfer_session *session, transfer_task *task, transfer_body_request *answer, void *user)
{
	struct live_rig *rig = user;

	(void)session;
	live_rig_note(rig, "body? %d\n", (int)transfer_body_request_get_reason(answer));
	if (rig->keeps_answers)
		rig->body = transfer_body_request_ref(answer);
	called(rig, task, "body?");
}

static void on_info(transfer_session *session, transfer_task *task,
	const transfer_response *response, void *user)
{
	(void)session;
	live_rig_note(user, "info %d\n", status_of(response));
	called(user, task, "info");
}

static void on_waiting(transfer_session *session, transfer_task *task, void *user)
{
	(void)session;
	live_rig_note(user, "waiting\n");
	called(user, task, "waiting");
}

static void on_response(transfer_session *session, transfer_task *task,
	const transfer_response *response, transfer_disposition *answer, void *user)
{
	struct live_rig *rig = user;

	(void)session;
	live_rig_note(rig, "resp %d\n", status_of(response));
	if (rig->keeps_answers)
		rig->disposition = transfer_disposition_ref(answer);
	called(rig, task, "resp");
}

static void on_became(
	transfer_session *session, transfer_task *task, transfer_task *download, void *user)
{
	struct live_rig *rig = user;

	(void)session;
	live_rig_note(rig, "became %llu\n", (unsigned long long)transfer_task_get_id(download));
	rig->download = transfer_task_ref(download);
	called(rig, task, "became");
}

static void on_sent(transfer_session *session, transfer_task *task, int64_t bytes, int64_t total,
	int64_t expected, void *user)
{
	(void)session;
	(void)expected;
	live_rig_note(user, "sent %lld/%lld\n", (long long)bytes, (long long)total);
	called(user, task, "sent");
}

static void on_wrote(transfer_session *session, transfer_task *task, int64_t bytes, int64_t total,
	int64_t expected, void *user)
{
	(void)session;
	(void)expected;
	live_rig_note(user, "wrote %lld/%lld\n", (long long)bytes, (long long)total);
	called(user, task, "wrote");
}

static void on_data(
	transfer_session *session, transfer_task *task, const transfer_data *data, void *user)
{
	struct live_rig *rig = user;

	(void)session;
	rig->n_data_bytes += transfer_data_get_size(data);
	if (!rig->is_quiet)
		live_rig_note(rig, "data '%.*s'\n", (int)transfer_data_get_size(data),
			(const char *)transfer_data_get_bytes(data));
	called(rig, task, "data");
}

static void on_resumed(transfer_session *session, transfer_task *task, int64_t offset,
	int64_t expected, void *user)
{
	(void)session;
	(void)expected;
	live_rig_note(user, "resumed %lld\n", (long long)offset);
	called(user, task, "resumed");
}

static void note_file(struct live_rig *rig, const char *path, int fd)
{
	char text[64] = "";
	ssize_t n = read(fd, text, sizeof(text) - 1);

	ck_assert_int_ge(n, 0);
	ck_assert_int_eq(access(path, R_OK), 0);
	live_rig_note(rig, "file '%s'\n", text);
}

static void on_file(
	transfer_session *session, transfer_task *task, const char *path, int fd, void *user)
{
	(void)session;
	note_file(user, path, fd);
	called(user, task, "file");
}

static void on_metrics(transfer_session *session, transfer_task *task,
	const struct transfer_metrics *metrics, void *user)
{
	(void)session;
	live_rig_note(user, "metrics %zu %s\n", metrics->n_transactions,
		metrics->n_transactions ? metrics->transactions[0]->url : "-");
	called(user, task, "metrics");
}

static void on_done(
	transfer_session *session, transfer_task *task, const transfer_error *error, void *user)
{
	(void)session;
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_COMPLETED);
	live_rig_note(user, "done %llu %d\n", (unsigned long long)transfer_task_get_id(task),
		code_of(error));
	called(user, task, "done");
}

const struct transfer_session_delegate live_rig_delegate = {
	TRANSFER_SESSION_DELEGATE_INIT,
	.did_become_invalid = on_invalid,
	.task_did_create = on_created,
	.task_will_redirect = on_redirect,
	.task_did_receive_challenge = on_challenge,
	.task_need_body = on_body,
	.task_did_receive_informational_response = on_info,
	.task_is_waiting_for_connectivity = on_waiting,
	.data_did_receive_response = on_response,
	.data_did_become_download = on_became,
	.task_did_send = on_sent,
	.task_did_collect_metrics = on_metrics,
	.task_did_complete = on_done,
	.data_did_receive = on_data,
	.download_did_finish = on_file,
	.download_did_write = on_wrote,
	.download_did_resume = on_resumed,
};

void live_rig_on_data(const transfer_data *body, const transfer_response *response,
	const transfer_error *error, void *userdata)
{
	ck_assert_int_eq(!body, error != NULL);
	live_rig_note(userdata, "handler %d %d '%.*s'\n", status_of(response), code_of(error),
		(int)transfer_data_get_size(body), (const char *)transfer_data_get_bytes(body));
	called(userdata, NULL, "handler");
}

void live_rig_on_file(const char *path, int fd, const transfer_response *response,
	const transfer_error *error, void *userdata)
{
	ck_assert_int_eq(!path, error != NULL);
	live_rig_note(userdata, "handler %d %d\n", status_of(response), code_of(error));
	if (path)
		note_file(userdata, path, fd);
}

static void on_destroy(void *userdata)
{
	live_rig_note(userdata, "destroyed\n");
}

transfer_session *live_rig_open(struct live_rig *rig, transfer_config *config,
	const struct transfer_session_delegate *delegate)
{
	const struct transfer_owner owner = {
		TRANSFER_OWNER_INIT,
		.delegate = delegate,
		.userdata = rig,
		.queue = rig->queue,
		.destroy = on_destroy,
	};
	transfer_auto(transfer_error) error = NULL;
	transfer_session *session = NULL;

	ck_assert_msg(transfer_session_new(&session, rig->client, config, &owner, &error) == 0,
		"%s", error ? transfer_error_get_message(error) : "");
	return session;
}

void live_rig_init(struct live_rig *rig, const struct transfer_session_delegate *delegate)
{
	*rig = (struct live_rig){ .peer = peer_new() };
	rig->queue = transfer_queue_new_manual();
	ck_assert_ptr_nonnull(rig->queue);
	ck_assert_int_eq(transfer_client_new(&rig->client, 0, NULL), 0);
	rig->session = live_rig_open(rig, NULL, delegate);
}

void live_rig_done(struct live_rig *rig)
{
	transfer_redirect_unref(rig->redirect);
	transfer_challenge_unref(rig->challenge);
	transfer_disposition_unref(rig->disposition);
	transfer_body_request_unref(rig->body);
	transfer_task_unref(rig->download);
	transfer_session_unref(rig->session);
	transfer_client_unref(rig->client);
	transfer_queue_unref(rig->queue);
	if (rig->peer)
		peer_free(rig->peer);
}

void live_rig_lose_bus(struct live_rig *rig)
{
	bus_free(peer_bus(rig->peer));
	rig->peer = NULL;
}

transfer_task *live_rig_make(struct live_rig *rig, const char *name, bool handled)
{
	char url[256];
	transfer_task *task;

	snprintf(url, sizeof(url), URL "%s", name);
	transfer_auto(transfer_request) request = transfer_request_new(url);
	task = transfer_session_data_task(
		rig->session, request, handled ? live_rig_on_data : NULL, rig);
	ck_assert_ptr_nonnull(task);
	return task;
}

transfer_task *live_rig_get(struct live_rig *rig, const char *name)
{
	transfer_task *task = live_rig_make(rig, name, false);

	transfer_task_resume(task);
	return task;
}

transfer_task *live_rig_fetch(struct live_rig *rig, const char *name)
{
	transfer_task *task = live_rig_make(rig, name, true);

	transfer_task_resume(task);
	return task;
}

void live_rig_answer(struct live_rig *rig, uint64_t task, const char *body)
{
	PEER_LIVE(rig->peer,
		{ .task = task,
			.kind = IPC_EVENT_DID_COMPLETE,
			.folded = true,
			.status = 200,
			.body = body });
}

int live_rig_send_pipe(struct live_rig *rig, uint64_t task)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	PEER_LIVE(
		rig->peer, { .task = task, .kind = IPC_EVENT_DID_RECEIVE_DATA, .pipe_fd = fds[0] });
	return fds[1];
}

void live_rig_put(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

void live_rig_expect(struct live_rig *rig, const char *text)
{
	uint64_t until_ms = proc_now_ms() + DEADLINE_MS;

	while (!strstr(rig->log, text)) {
		ck_assert_msg(proc_left_ms(until_ms) > 0, "no '%s' in: %s", text, rig->log);
		ck_assert_int_ge(transfer_queue_dispatch(rig->queue, proc_left_ms(until_ms)), 0);
	}
}

unsigned int live_rig_count(const struct live_rig *rig, const char *text)
{
	unsigned int n = 0;

	for (const char *at = rig->log; (at = strstr(at, text)); at++)
		n++;
	return n;
}

void live_rig_dispatch(struct live_rig *rig)
{
	while (transfer_queue_dispatch(rig->queue, 0) > 0)
		;
}
