/* SPDX-License-Identifier: MIT */
/* Tasks: what is known of them, and how they are steered. How they are made stands in task-make.c. */
#include "client-lib/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "client-lib/client.h"
#include "client-lib/command.h"
#include "client-lib/error.h"
#include "client-lib/fetch.h"
#include "client-lib/live.h"
#include "client-lib/load.h"
#include "client-lib/meter.h"
#include "client-lib/request.h"
#include "client-lib/response.h"
#include "client-lib/session.h"
#include "client-lib/task-auth.h"
#include "client-lib/words.h"
#include "ipc/proto.h"

static void task_free(struct transfer_task *task)
{
	transfer_session *session = task->session;

	/* nobody can resume it any more */
	if (task->stage == TASK_STAGE_NEW && task->number && live_abandoned(task))
		return;
	delivery_line_clear(&task->hold);
	delivery_free(task->file);
	delivery_free(task->last);
	free(task->gathered);
	transfer_data_unref(task->whole);
	transfer_body_unref(task->body);
	transfer_load_unref(task->load);
	task_auth_free(task->auth);
	fetch_let_go(task->reader);
	meter_free(task->meter);
	transfer_error_unref(task->refusal);
	if (task->source_fd >= 0)
		close(task->source_fd);
	free(task->source_path);
	free(task->description);
	free(task->current_url);
	free(task->digest_algorithm);
	free(task->digest_hex);
	transfer_data_unref(task->resume_data);
	transfer_request_unref(task->request);
	transfer_response_unref(task->response);
	transfer_error_unref(task->error);
	free(task);
	session_memory_unref(session);
}

REF_DEFINE(transfer_task, task_free)

transfer_task *task_new(
	transfer_session *session, enum transfer_task_kind kind, struct transfer_request *request)
{
	transfer_task *task = calloc(1, sizeof(*task));

	if (task && live_is(session))
		task->last = delivery_new(DELIVERY_COMPLETE, NULL);
	if (!task || (live_is(session) && !task->last)) {
		free(task);
		transfer_request_unref(request);
		return NULL;
	}
	ref_init(&task->ref);
	session_memory_ref(session);
	task->session = session;
	task->kind = kind;
	task->request = request;
	task->source_fd = -1;
	task->made_wall_us = clock_wall_us();
	TAILQ_INIT(&task->hold);
	task->client_send_bytes = task->client_receive_bytes = TRANSFER_SIZE_UNKNOWN;
	task->n_suspensions = 1;
	task->priority = request->has_priority ? request->priority : 0.5;
	task->description = request->description ? strdup(request->description) : NULL;
	task->progress.size = sizeof(task->progress);
	task->progress.expected_receive_bytes = TRANSFER_SIZE_UNKNOWN;
	/* nothing, unless the request turns out to have a body */
	if (kind == TRANSFER_TASK_UPLOAD)
		task->progress.expected_send_bytes = TRANSFER_SIZE_UNKNOWN;
	return task;
}

struct delivery *task_end(transfer_task *task)
{
	struct delivery *end = task->last ? take_ptr(task->last)
					  : delivery_new(DELIVERY_COMPLETE, NULL);

	if (end)
		end->task = transfer_task_ref(task);
	return end;
}

bool task_has_handler(const transfer_task *task)
{
	return task->data_handler || task->file_handler;
}

transfer_task *task_new_download_of(transfer_task *task, uint64_t id)
{
	transfer_request *request = transfer_request_copy(task->request);
	transfer_task *download = request ? task_new(task->session, TRANSFER_TASK_DOWNLOAD, request)
					  : NULL;

	if (!download)
		return NULL;
	download->id = id;
	download->made_wall_us = task->made_wall_us;
	download->stage = TASK_STAGE_LIVE;
	download->n_suspensions = task->n_suspensions;
	download->priority = task->priority;
	download->delegate = task->delegate;
	download->delegate_userdata = task->delegate_userdata;
	download->response = transfer_response_ref(task->response);
	download->progress.expected_receive_bytes = task->progress.expected_receive_bytes;
	if (task->current_url)
		task_set_current_url(download, task->current_url);
	return download;
}

void task_changed(transfer_task *task, unsigned int changes)
{
	struct delivery *delivery;

	meter_changed(task->meter, changes);
	if (!task->observer)
		return;
	task->changes |= changes;
	if (task->waiting_observe || task->session->is_closing || task->session->is_dead)
		return;
	delivery = delivery_new(DELIVERY_OBSERVE, task);
	if (!delivery)
		return;
	task->waiting_observe = delivery;
	delivery_push_take(task->session, delivery);
}

static void update_progress(transfer_task *task, const struct ipc_task *row)
{
	struct transfer_progress *progress = &task->progress;

	progress->received_bytes = (int64_t)row->bytes_received;
	progress->sent_bytes = (int64_t)row->bytes_sent;
	progress->receive_rate_bps = row->receive_rate;
	progress->send_rate_bps = row->send_rate;
	if (row->has_bytes_expected_to_receive)
		progress->expected_receive_bytes = row->bytes_expected_to_receive;
	if (row->has_bytes_expected_to_send)
		progress->expected_send_bytes = row->bytes_expected_to_send;
}

static void replace_text(char **to, const char *from)
{
	char *copy = from ? strdup(from) : NULL;

	if (from && !copy)
		return;
	free(*to);
	*to = copy;
}

void task_set_current_url(transfer_task *task, const char *url)
{
	replace_text(&task->current_url, url);
	task_changed(task, TRANSFER_TASK_CHANGED_REQUEST);
}

void task_update(transfer_task *task, const struct ipc_task *row)
{
	transfer_response *response = response_new_ipc(row->response);

	update_progress(task, row);
	if (row->has_suspend_count)
		task->n_suspensions = row->suspend_count;
	if (row->has_priority)
		task->priority = row->priority;
	replace_text(&task->description, row->description);
	replace_text(&task->current_url, row->current_url);
	if (row->has_digest) {
		replace_text(&task->digest_algorithm, row->digest.algorithm);
		replace_text(&task->digest_hex, row->digest.hex);
	}
	task->is_cancelled = words_task_state(row->state) == TRANSFER_TASK_STATE_CANCELING;
	if (response) {
		transfer_response_unref(task->response);
		task->response = response;
	}
}

transfer_task *task_new_from_row(transfer_session *session, const struct ipc_task *row)
{
	struct transfer_request *request;
	transfer_task *task;

	if (request_from_ipc(row, &request))
		return NULL;
	task = task_new(session, words_task_kind(row->kind), request);
	if (!task)
		return NULL;
	task->id = row->id;
	task->stage = TASK_STAGE_LIVE;
	task->n_suspensions = 0;
	replace_text(&task->source_path, row->source);
	task_update(task, row);
	return task;
}

/* ---- steering ---- */

/* Things that are told with the task: not once it was resumed. With the lock held. */
static int check_unresumed(const transfer_task *task)
{
	return task->was_resumed || task->stage != TASK_STAGE_NEW ? -EBUSY : 0;
}

/* The first that opens it wins. With the lock held; a reader begins here. */
static void keep_body(transfer_task *task, struct body_sent *sent, int r)
{
	if (task->is_body_open) {
		if (!r && sent->fd >= 0)
			close(sent->fd);
		return;
	}
	if (!r && body_is_pumped(task->body))
		r = body_pump_start(task, task->body, sent);
	task->is_body_open = true;
	task->source_fd = r ? -1 : sent->fd;
	task->sent = *sent;
	if (r && !task->refusal)
		task->refusal = task_open_failed(-r);
}

/* Takes time: a file is opened, many bytes are copied; so without the lock. */
static void open_body(transfer_task *task)
{
	transfer_client *client = task->session->client;
	struct body_sent sent = { .fd = -1 };
	bool is_wanted;
	int r = 0;

	client_lock(client);
	is_wanted = task->body && !task->is_body_open && !task->load && task->n_suspensions == 1 &&
		check_unresumed(task) == 0;
	client_unlock(client);
	if (!is_wanted)
		return;
	if (!body_is_pumped(task->body))
		r = body_open(task->body, &sent);
	client_lock(client);
	keep_body(task, &sent, r);
	client_unlock(client);
}

void transfer_task_resume(transfer_task *task)
{
	transfer_client *client = task->session->client;

	if (live_is(task->session))
		open_body(task);
	client_lock(client);
	if (live_is(task->session)) {
		live_resume(task->session, task);
	} else {
		if (task->n_suspensions && !--task->n_suspensions)
			task_changed(task, TRANSFER_TASK_CHANGED_STATE);
		if (!task->n_suspensions && task->stage != TASK_STAGE_NEW)
			command_push_task(task->session, COMMAND_RESUME, task);
	}
	client_unlock(client);
}

void transfer_task_suspend(transfer_task *task)
{
	transfer_client *client = task->session->client;

	client_lock(client);
	if (live_is(task->session)) {
		live_suspend(task->session, task);
	} else {
		if (!task->n_suspensions++)
			task_changed(task, TRANSFER_TASK_CHANGED_STATE);
		if (task->stage != TASK_STAGE_NEW)
			command_push_task(task->session, COMMAND_SUSPEND, task);
	}
	client_unlock(client);
}

void transfer_task_cancel(transfer_task *task)
{
	transfer_client *client = task->session->client;

	client_lock(client);
	if (live_is(task->session)) {
		live_cancel(task->session, task);
	} else if (!task->is_cancelled && task->stage != TASK_STAGE_ENDED) {
		task->is_cancelled = true;
		task_changed(task, TRANSFER_TASK_CHANGED_STATE);
		command_push_task(task->session, COMMAND_CANCEL, task);
	}
	client_unlock(client);
}

void transfer_task_cancel_by_producing_resume_data(
	transfer_task *task, transfer_resume_data_handler handler, void *userdata)
{
	struct command *command = command_new_question(
		COMMAND_CANCEL_RESUMABLE, task, DELIVERY_RESUME_DATA);
	transfer_client *client = task->session->client;

	if (!command) {
		if (handler)
			handler(NULL, userdata);
		transfer_task_cancel(task);
		return;
	}
	command->reply->resume_data_handler = handler;
	command->reply->userdata = userdata;
	client_lock(client);
	if (live_is(task->session))
		live_cancel_resumable(task->session, command);
	else
		command_push_locked_take(task->session, command);
	client_unlock(client);
}

/* What transferd was not told yet goes with the task; a description stays here. */
static void set_live_take(transfer_task *task, struct command *command)
{
	live_reorder(task->session, task);
	if (task->stage == TASK_STAGE_NEW && command->has_max_rate)
		task->request->max_rate_bps = command->max_rate_bps;
	if (task->stage == TASK_STAGE_NEW || task->stage == TASK_STAGE_ENDED || task->is_loaded ||
		command->has_text)
		command_free(command);
	else
		command_push_locked_take(task->session, command);
}

static int set(transfer_task *task, const struct command *values)
{
	struct command *command = command_new(COMMAND_SET, task);
	transfer_client *client = task->session->client;
	int r = 0;

	if (!command)
		return -ENOMEM;
	command->priority = values->priority;
	command->has_priority = values->has_priority;
	command->max_rate_bps = values->max_rate_bps;
	command->has_max_rate = values->has_max_rate;
	command->has_text = values->has_text;
	if (values->has_text)
		r = text_set(&command->text, values->text ? values->text : "",
			TEXT_DESCRIPTION_MAX_BYTES);
	if (r) {
		command_free(command);
		return r;
	}
	client_lock(client);
	if (command->has_priority)
		task->priority = command->priority;
	if (command->has_text)
		replace_text(&task->description, values->text);
	if (!live_is(task->session))
		command_push_locked_take(task->session, command);
	else
		set_live_take(task, command);
	client_unlock(client);
	return 0;
}

int transfer_task_set_description(transfer_task *task, const char *text)
{
	return set(task, &(struct command){ .has_text = true, .text = (char *)text });
}

int transfer_task_set_priority(transfer_task *task, double priority)
{
	if (!(priority >= 0.0 && priority <= 1.0))
		return -EINVAL;
	return set(task, &(struct command){ .has_priority = true, .priority = priority });
}

int transfer_task_set_max_rate(transfer_task *task, uint64_t rate_bps)
{
	return set(task, &(struct command){ .has_max_rate = true, .max_rate_bps = rate_bps });
}

int transfer_task_set_delegate(
	transfer_task *task, const struct transfer_session_delegate *delegate, void *userdata)
{
	const size_t least = offsetof(
		struct transfer_session_delegate, did_finish_background_events);
	int r;

	if (!live_is(task->session))
		return -EOPNOTSUPP;
	if (delegate && delegate->size < least)
		return -EINVAL;
	client_lock(task->session->client);
	r = check_unresumed(task);
	if (!r) {
		task->delegate = (struct transfer_session_delegate){ 0 };
		task->delegate_userdata = userdata;
	}
	if (!r && delegate)
		memcpy(&task->delegate, delegate,
			delegate->size < sizeof(*delegate) ? delegate->size : sizeof(*delegate));
	client_unlock(task->session->client);
	return r;
}

int transfer_task_set_prefers_incremental(transfer_task *task, bool prefers)
{
	int r;

	client_lock(task->session->client);
	r = check_unresumed(task);
	if (!r)
		task->wants_whole = !prefers;
	client_unlock(task->session->client);
	return r;
}

int transfer_task_set_expected_bytes(transfer_task *task, int64_t send_bytes, int64_t receive_bytes)
{
	if ((send_bytes < 0 && send_bytes != TRANSFER_SIZE_UNKNOWN) ||
		(receive_bytes < 0 && receive_bytes != TRANSFER_SIZE_UNKNOWN))
		return -EINVAL;
	client_lock(task->session->client);
	task->client_send_bytes = send_bytes;
	task->client_receive_bytes = receive_bytes;
	client_unlock(task->session->client);
	return 0;
}

int transfer_task_observe(transfer_task *task, transfer_task_observer observer, void *userdata)
{
	client_lock(task->session->client);
	task->observer = observer;
	task->observer_userdata = userdata;
	task->changes = 0;
	client_unlock(task->session->client);
	return 0;
}

/* ---- looking ---- */

bool transfer_task_get_prefers_incremental(const transfer_task *task)
{
	bool is_whole;

	client_lock(task->session->client);
	is_whole = task->wants_whole || task->kind == TRANSFER_TASK_DOWNLOAD ||
		task_has_handler(task);
	client_unlock(task->session->client);
	return !is_whole;
}

void transfer_task_get_expected_bytes(
	const transfer_task *task, int64_t *ret_send_bytes, int64_t *ret_receive_bytes)
{
	client_lock(task->session->client);
	if (ret_send_bytes)
		*ret_send_bytes = task->client_send_bytes;
	if (ret_receive_bytes)
		*ret_receive_bytes = task->client_receive_bytes;
	client_unlock(task->session->client);
}

transfer_session *transfer_task_get_session(const transfer_task *task)
{
	transfer_session *session = task->session;
	bool is_gone;

	client_lock(session->client);
	is_gone = session->is_closing;
	client_unlock(session->client);
	return is_gone ? NULL : session;
}

enum transfer_task_kind transfer_task_get_kind(const transfer_task *task)
{
	return task->kind;
}

const transfer_request *transfer_task_get_original_request(const transfer_task *task)
{
	return task->request;
}

uint64_t transfer_task_get_id(const transfer_task *task)
{
	uint64_t id;

	client_lock(task->session->client);
	id = task->number ? task->number : task->id;
	client_unlock(task->session->client);
	return id;
}

enum transfer_task_state transfer_task_get_state(const transfer_task *task)
{
	enum transfer_task_state state = TRANSFER_TASK_STATE_RUNNING;

	client_lock(task->session->client);
	if (task->stage == TASK_STAGE_ENDED)
		state = TRANSFER_TASK_STATE_COMPLETED;
	else if (task->is_cancelled)
		state = TRANSFER_TASK_STATE_CANCELING;
	else if (task->n_suspensions)
		state = TRANSFER_TASK_STATE_SUSPENDED;
	client_unlock(task->session->client);
	return state;
}

int transfer_task_get_progress(const transfer_task *task, struct transfer_progress *progress)
{
	size_t size = progress->size;

	if (size < sizeof(*progress))
		return -EINVAL;
	client_lock(task->session->client);
	*progress = task->progress;
	client_unlock(task->session->client);
	progress->size = size;
	return 0;
}

transfer_request *transfer_task_copy_current_request(const transfer_task *task)
{
	transfer_request *copy = transfer_request_copy(task->request);
	int r = 0;

	if (!copy)
		return NULL;
	client_lock(task->session->client);
	if (task->current_url)
		r = request_set_url_text(&copy->url, task->current_url);
	client_unlock(task->session->client);
	if (r) {
		transfer_request_unref(copy);
		return NULL;
	}
	return copy;
}

transfer_response *transfer_task_copy_response(const transfer_task *task)
{
	transfer_response *response;

	client_lock(task->session->client);
	response = transfer_response_ref(task->response);
	client_unlock(task->session->client);
	return response;
}

transfer_error *transfer_task_copy_error(const transfer_task *task)
{
	transfer_error *error;

	client_lock(task->session->client);
	error = transfer_error_ref(task->error);
	client_unlock(task->session->client);
	return error;
}

char *transfer_task_copy_digest(const transfer_task *task, const char *algorithm)
{
	char *hex = NULL;

	client_lock(task->session->client);
	if (algorithm && task->digest_algorithm && task->digest_hex &&
		!strcmp(task->digest_algorithm, algorithm))
		hex = strdup(task->digest_hex);
	client_unlock(task->session->client);
	return hex;
}

transfer_data *transfer_task_copy_userdata(const transfer_task *task)
{
	return transfer_data_ref(task->request->userdata);
}

char *transfer_task_copy_description(const transfer_task *task)
{
	char *text;

	client_lock(task->session->client);
	text = task->description ? strdup(task->description) : NULL;
	client_unlock(task->session->client);
	return text;
}

double transfer_task_get_priority(const transfer_task *task)
{
	double priority;

	client_lock(task->session->client);
	priority = task->priority;
	client_unlock(task->session->client);
	return priority;
}

static bool has_ended(void *arg)
{
	transfer_task *task = arg;

	return task->stage == TASK_STAGE_ENDED || task->session->is_dead ||
		task->session->is_closing;
}

int transfer_task_wait(transfer_task *task, int timeout_ms, transfer_error **ret_error)
{
	transfer_client *client = task->session->client;
	transfer_error *error;
	int r;

	if (client_is_forked(client))
		return -ECHILD;
	client_lock(client);
	r = client_wait(client, has_ended, task, client_deadline_us(timeout_ms));
	if (!r && task->stage != TASK_STAGE_ENDED)
		r = -ENOTCONN;
	error = r ? NULL : transfer_error_ref(task->error);
	client_unlock(client);
	if (error)
		return error_give(-EIO, error, ret_error);
	return r;
}
