/* SPDX-License-Identifier: MIT */
/* The recording application. Callbacks run where the manual queue is dispatched, so the log needs no lock. */
#include "tests/client-lib/rig.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/proc.h"

#define DEADLINE_MS 10000

__attribute__((format(printf, 2, 3))) static void note(struct rig *rig, const char *format, ...)
{
	size_t used = strlen(rig->log);
	va_list args;

	va_start(args, format);
	vsnprintf(rig->log + used, sizeof(rig->log) - used, format, args);
	va_end(args);
	rig->n_calls++;
}

static void on_invalid(transfer_session *session, const transfer_error *error, void *user)
{
	(void)session;
	note(user, "invalid %d\n", error ? transfer_error_get_code(error) : 0);
}

static void on_drained(transfer_session *session, void *user)
{
	(void)session;
	note(user, "drained\n");
}

static void on_sent(transfer_session *session, transfer_task *task, int64_t bytes, int64_t total,
	int64_t expected, void *user)
{
	(void)session;
	(void)task;
	(void)expected;
	note(user, "sent %lld/%lld\n", (long long)bytes, (long long)total);
}

static void on_metrics(transfer_session *session, transfer_task *task,
	const struct transfer_metrics *metrics, void *user)
{
	(void)session;
	(void)task;
	note(user, "metrics %u\n", metrics->n_attempts);
}

static void on_complete(
	transfer_session *session, transfer_task *task, const transfer_error *error, void *user)
{
	struct rig *rig = user;

	(void)session;
	transfer_task_unref(rig->kept);
	rig->kept = transfer_task_ref(task);
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_COMPLETED);
	note(rig, "complete %llu %d\n", (unsigned long long)transfer_task_get_id(task),
		error ? transfer_error_get_code(error) : 0);
}

static void on_data(
	transfer_session *session, transfer_task *task, const transfer_data *data, void *user)
{
	(void)session;
	(void)task;
	note(user, "data '%.*s'\n", (int)transfer_data_get_size(data),
		(const char *)transfer_data_get_bytes(data));
}

static void on_finish(
	transfer_session *session, transfer_task *task, const char *path, int fd, void *user)
{
	struct rig *rig = user;
	char text[64] = "";
	ssize_t n = read(fd, text, sizeof(text) - 1);

	(void)session;
	(void)task;
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(access(path, R_OK), 0);
	if (rig->stop_at_finish)
		_exit(42);
	note(rig, "finished %s", text);
}

static void on_write(transfer_session *session, transfer_task *task, int64_t bytes, int64_t total,
	int64_t expected, void *user)
{
	(void)session;
	(void)task;
	(void)expected;
	note(user, "write %lld/%lld\n", (long long)bytes, (long long)total);
}

static void on_resumed(transfer_session *session, transfer_task *task, int64_t offset,
	int64_t expected, void *user)
{
	(void)session;
	(void)task;
	(void)expected;
	note(user, "resumed at %lld\n", (long long)offset);
}

static void on_delayed(transfer_session *session, transfer_task *task,
	const transfer_request *request, transfer_delayed_request *answer, void *user)
{
	struct rig *rig = user;

	(void)session;
	if (rig->answers_later)
		rig->answer = transfer_delayed_request_ref(answer);
	note(rig, "asked %llu %s\n", (unsigned long long)transfer_task_get_id(task),
		transfer_request_get_url(request));
}

const struct transfer_session_delegate rig_delegate = {
	TRANSFER_SESSION_DELEGATE_INIT,
	.did_become_invalid = on_invalid,
	.did_finish_background_events = on_drained,
	.task_did_send = on_sent,
	.task_did_collect_metrics = on_metrics,
	.task_did_complete = on_complete,
	.data_did_receive = on_data,
	.download_did_finish = on_finish,
	.download_did_write = on_write,
	.download_did_resume = on_resumed,
	.task_will_begin_delayed_request = on_delayed,
};

void rig_init(struct rig *rig, uint64_t flags)
{
	transfer_error *error = NULL;

	*rig = (struct rig){ .peer = peer_new() };
	rig->queue = transfer_queue_new_manual();
	ck_assert_ptr_nonnull(rig->queue);
	ck_assert_msg(transfer_client_new(&rig->client, flags, &error) == 0, "%s",
		error ? transfer_error_get_message(error) : "");
}

int rig_try_open(struct rig *rig, transfer_error **ret_error)
{
	transfer_auto(transfer_config) config = transfer_config_new_background(RIG_IDENTIFIER);
	const struct transfer_owner owner = {
		TRANSFER_OWNER_INIT,
		.delegate = &rig_delegate,
		.userdata = rig,
		.queue = rig->queue,
	};

	return transfer_session_new(&rig->session, rig->client, config, &owner, ret_error);
}

void rig_open(struct rig *rig)
{
	transfer_auto(transfer_error) error = NULL;

	ck_assert_msg(rig_try_open(rig, &error) == 0, "%s",
		error ? transfer_error_get_message(error) : "");
}

void rig_close_session(struct rig *rig)
{
	transfer_session_unref(rig->session);
	rig->session = NULL;
}

void rig_done(struct rig *rig)
{
	transfer_task_unref(rig->kept);
	transfer_delayed_request_unref(rig->answer);
	transfer_session_unref(rig->session);
	transfer_client_unref(rig->client);
	transfer_queue_unref(rig->queue);
	peer_free(rig->peer);
}

void rig_expect(struct rig *rig, const char *text)
{
	uint64_t until_ms = proc_now_ms() + DEADLINE_MS;

	while (!strstr(rig->log, text)) {
		ck_assert_msg(proc_left_ms(until_ms) > 0, "no '%s' in: %s", text, rig->log);
		ck_assert_int_ge(transfer_queue_dispatch(rig->queue, proc_left_ms(until_ms)), 0);
	}
}

unsigned int rig_count(const struct rig *rig, const char *text)
{
	unsigned int n = 0;

	for (const char *at = rig->log; (at = strstr(at, text)); at++)
		n++;
	return n;
}

transfer_task *rig_download(struct rig *rig, const char *url)
{
	transfer_auto(transfer_request) request = transfer_request_new(url);
	transfer_task *task = transfer_session_download_task(rig->session, request, NULL, NULL);

	ck_assert_ptr_nonnull(task);
	return task;
}

void rig_flush(struct rig *rig)
{
	ck_assert_int_eq(transfer_client_flush(rig->client, DEADLINE_MS), 0);
}

transfer_task *rig_begin(struct rig *rig)
{
	transfer_task *task;

	rig_init(rig, 0);
	rig_open(rig);
	task = rig_download(rig, "https://example.org/a");
	rig_flush(rig);
	return task;
}
