/* SPDX-License-Identifier: MIT */
/*
 * Tasks: made at once, known to transferd later. Making one cannot be seen to fail: what is wrong with it (a setter that
 * failed, a file that cannot be opened, a kind that background sessions refuse) ends it with an error in its turn.
 */
#include "client-lib/task.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client-lib/client.h"
#include "client-lib/error.h"
#include "client-lib/request.h"
#include "client-lib/response.h"
#include "client-lib/session.h"
#include "client-lib/words.h"
#include "ipc/proto.h"

static void task_free(struct transfer_task *task)
{
	transfer_session *session = task->session;

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

	if (!task) {
		transfer_request_unref(request);
		return NULL;
	}
	ref_init(&task->ref);
	session_memory_ref(session);
	task->session = session;
	task->kind = kind;
	task->request = request;
	task->source_fd = -1;
	task->n_suspensions = 1;
	task->priority = request->has_priority ? request->priority : 0.5;
	task->description = request->description ? strdup(request->description) : NULL;
	task->progress.size = sizeof(task->progress);
	task->progress.expected_receive_bytes = TRANSFER_SIZE_UNKNOWN;
	task->progress.expected_send_bytes = TRANSFER_SIZE_UNKNOWN;
	return task;
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

/* ---- making ---- */

/* What a task that goes on from resume data, or was made without a request, is said to have been asked. */
static struct transfer_request *copy_request(const transfer_request *request)
{
	return request ? transfer_request_copy(request) : transfer_request_new(NULL);
}

/* Hands the task to the I/O context; refusal (taken, may be NULL) ends it at once instead. */
static transfer_task *submit(
	transfer_session *session, transfer_task *task, transfer_error *refusal)
{
	transfer_client *client = session->client;
	struct command *command;

	if (!task) {
		transfer_error_unref(refusal);
		return NULL;
	}
	if (!refusal && task->request->status && !task->resume_data)
		refusal = error_new_errno(task->request->status, "the request is wrong");
	if (!refusal && client_is_forked(client))
		refusal = error_new_errno(ECHILD, "the process was forked");
	command = refusal ? NULL : command_new(COMMAND_CREATE, task);
	if (!refusal && !command)
		refusal = error_new_errno(ENOMEM, NULL);
	client_lock(client);
	if (refusal)
		session_complete_locally(session, task, refusal);
	else
		command_push_locked_take(session, command);
	client_unlock(client);
	return task;
}

static transfer_error *refuse_handler(bool has_handler)
{
	return has_handler ? error_new_bus(TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION) : NULL;
}

static transfer_task *make(
	transfer_session *session, enum transfer_task_kind kind, const transfer_request *request)
{
	struct transfer_request *copy = copy_request(request);

	return copy ? task_new(session, kind, copy) : NULL;
}

transfer_task *transfer_session_download_task(transfer_session *session, transfer_request *request,
	transfer_file_handler handler, void *userdata)
{
	(void)userdata;
	return submit(session, make(session, TRANSFER_TASK_DOWNLOAD, request),
		refuse_handler(handler != NULL));
}

transfer_task *transfer_session_download_task_resume(transfer_session *session,
	const transfer_data *resume_data, transfer_file_handler handler, void *userdata)
{
	transfer_task *task = make(session, TRANSFER_TASK_DOWNLOAD, NULL);
	transfer_error *refusal = refuse_handler(handler != NULL);

	(void)userdata;
	if (task)
		task->resume_data = transfer_data_ref(resume_data);
	if (!refusal && !transfer_data_get_size(resume_data))
		refusal = error_new_bus(TRANSFER_BUS_ERROR_NO_RESUME_DATA);
	return submit(session, task, refusal);
}

static transfer_error *open_failed(int error_no)
{
	enum transfer_error_code code = TRANSFER_ERROR_CANNOT_OPEN_FILE;

	if (error_no == ENOENT || error_no == ENOTDIR)
		code = TRANSFER_ERROR_FILE_DOES_NOT_EXIST;
	else if (error_no == EISDIR)
		code = TRANSFER_ERROR_FILE_IS_DIRECTORY;
	else if (error_no == EACCES || error_no == EPERM)
		code = TRANSFER_ERROR_NO_PERMISSIONS_TO_READ_FILE;
	return error_new(&(struct error_init){
		.domain = TRANSFER_DOMAIN_URL,
		.code = (int)code,
		.underlying = error_new_errno(error_no, NULL),
	});
}

/* O_NONBLOCK: a FIFO must not hold up the caller; transferd refuses what is not a plain file. */
static transfer_error *open_source(transfer_task *task, const char *path)
{
	struct stat st;

	if (!path)
		return open_failed(ENOENT);
	task->source_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (task->source_fd < 0 || fstat(task->source_fd, &st))
		return open_failed(errno);
	if (S_ISDIR(st.st_mode))
		return open_failed(EISDIR);
	task->source_path = realpath(path, NULL);
	task->progress.expected_send_bytes = (int64_t)st.st_size;
	return NULL;
}

transfer_task *transfer_session_upload_task_file(transfer_session *session,
	transfer_request *request, const char *path, transfer_data_handler handler, void *userdata)
{
	transfer_task *task = make(session, TRANSFER_TASK_UPLOAD, request);
	transfer_error *refusal = refuse_handler(handler != NULL);

	(void)userdata;
	if (task && !refusal)
		refusal = open_source(task, path);
	return submit(session, task, refusal);
}

transfer_task *transfer_session_upload_task_data(transfer_session *session,
	transfer_request *request, const transfer_data *body, transfer_data_handler handler,
	void *userdata)
{
	(void)body;
	(void)handler;
	(void)userdata;
	return submit(session, make(session, TRANSFER_TASK_UPLOAD, request), refuse_handler(true));
}

transfer_task *transfer_session_data_task(transfer_session *session, transfer_request *request,
	transfer_data_handler handler, void *userdata)
{
	(void)handler;
	(void)userdata;
	return submit(session, make(session, TRANSFER_TASK_DATA, request), refuse_handler(true));
}

/* ---- steering ---- */

static void push(transfer_task *task, enum command_kind kind)
{
	struct command *command = command_new(kind, task);

	if (command)
		command_push_locked_take(task->session, command);
}

void transfer_task_resume(transfer_task *task)
{
	transfer_client *client = task->session->client;

	client_lock(client);
	if (task->n_suspensions)
		task->n_suspensions--;
	if (!task->n_suspensions && task->stage != TASK_STAGE_NEW)
		push(task, COMMAND_RESUME);
	client_unlock(client);
}

void transfer_task_suspend(transfer_task *task)
{
	transfer_client *client = task->session->client;

	client_lock(client);
	task->n_suspensions++;
	if (task->stage != TASK_STAGE_NEW)
		push(task, COMMAND_SUSPEND);
	client_unlock(client);
}

void transfer_task_cancel(transfer_task *task)
{
	transfer_client *client = task->session->client;

	client_lock(client);
	if (!task->is_cancelled && task->stage != TASK_STAGE_ENDED) {
		task->is_cancelled = true;
		push(task, COMMAND_CANCEL);
	}
	client_unlock(client);
}

void transfer_task_cancel_by_producing_resume_data(
	transfer_task *task, transfer_resume_data_handler handler, void *userdata)
{
	struct command *command = command_new(COMMAND_CANCEL_RESUMABLE, task);

	if (!command)
		return;
	command->resume_data_handler = handler;
	command->userdata = userdata;
	command_push_take(task->session, command);
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
	command_push_locked_take(task->session, command);
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
	(void)task;
	(void)delegate;
	(void)userdata;
	return -EOPNOTSUPP;
}

/* ---- looking ---- */

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
	id = task->id;
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
		r = text_set(&copy->url, task->current_url, TEXT_URL_MAX_BYTES);
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
