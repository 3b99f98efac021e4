/* SPDX-License-Identifier: MIT */
/*
 * Tasks: made at once, known to transferd later. Making one cannot be seen to fail: what is wrong with it (a setter that
 * failed, a file that cannot be opened, a kind that background sessions refuse) ends it with an error in its turn; in live
 * sessions that is when it is resumed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client-lib/body.h"
#include "client-lib/client.h"
#include "client-lib/command.h"
#include "client-lib/error.h"
#include "client-lib/live.h"
#include "client-lib/load.h"
#include "client-lib/request.h"
#include "client-lib/session.h"
#include "client-lib/task.h"

/* What a task that goes on from resume data, or was made without a request, is said to have been asked. */
static struct transfer_request *copy_request(const transfer_request *request)
{
	return request ? transfer_request_copy(request) : transfer_request_new(NULL);
}

/* Hands the task to the I/O context; refusal (taken, may be NULL) ends it at once instead. */
static void submit_background(
	transfer_session *session, transfer_task *task, transfer_error *refusal)
{
	struct command *command;

	if (!refusal && client_is_forked(session->client))
		refusal = error_new_errno(ECHILD, "the process was forked");
	command = refusal ? NULL : command_new(COMMAND_CREATE, task);
	if (!refusal && !command)
		refusal = error_new_errno(ENOMEM, NULL);
	client_lock(session->client);
	if (refusal)
		session_complete_locally(session, task, refusal);
	else
		command_push_locked_take(session, command);
	client_unlock(session->client);
}

/* refused: the session takes no more, so the task ends, unless the delegate has ended it. With the lock held. */
static void made(transfer_session *session, transfer_task *task, bool is_refused)
{
	session->n_making--;
	if (is_refused)
		session_complete_locally(
			session, task, error_new_bus(TRANSFER_BUS_ERROR_SESSION_INVALID));
	live_check_end(session);
}

/*
 * It waits for its first resume, unless the session takes no more. The delegate hears of it first, and nothing after the
 * session's end: its userdata is gone then.
 */
static void submit_live(transfer_session *session, transfer_task *task, transfer_error *refusal)
{
	bool is_dead, is_over;

	client_lock(session->client);
	is_dead = session->is_dead;
	is_over = is_dead || session->is_finishing;
	if (is_over) {
		transfer_error_unref(refusal);
		refusal = error_new_bus(TRANSFER_BUS_ERROR_SESSION_INVALID);
	}
	live_add(session, task);
	task->refusal = refusal;
	session->n_making++;
	client_unlock(session->client);
	if (!is_dead && session->delegate.task_did_create)
		session->delegate.task_did_create(session, task, session->userdata);
	client_lock(session->client);
	made(session, task, is_over);
	client_unlock(session->client);
}

/* What is wrong with a request since it was made. One without a URL is one of no protocol, as in NSURLSession. */
static transfer_error *refuse_request(
	const transfer_session *session, const struct transfer_request *request)
{
	if (!live_is(session) && !request_fits(request))
		return error_new_url(TRANSFER_ERROR_UNSUPPORTED_URL, request->url);
	if (!request->status)
		return NULL;
	if (!request->url && request->status == -EINVAL)
		return error_new_url(TRANSFER_ERROR_UNSUPPORTED_URL, NULL);
	return error_new_errno(request->status, "the request is wrong");
}

static transfer_task *submit(
	transfer_session *session, transfer_task *task, transfer_error *refusal)
{
	if (!task) {
		transfer_error_unref(refusal);
		return NULL;
	}
	if (!refusal && !task->resume_data)
		refusal = refuse_request(session, task->request);
	if (live_is(session) && !refusal)
		refusal = load_prepare(task);
	if (live_is(session))
		submit_live(session, task, refusal);
	else
		submit_background(session, task, refusal);
	return task;
}

/* What only live sessions have: handlers, data tasks, bytes that are sent from memory. */
static transfer_error *refuse_live(const transfer_session *session, bool is_wanted)
{
	return is_wanted && !live_is(session)
		? error_new_bus(TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION)
		: NULL;
}

static transfer_task *make(
	transfer_session *session, enum transfer_task_kind kind, const transfer_request *request)
{
	struct transfer_request *copy = copy_request(request);

	return copy ? task_new(session, kind, copy) : NULL;
}

static void set_file_handler(transfer_task *task, transfer_file_handler handler, void *userdata)
{
	if (!task || !live_is(task->session))
		return;
	task->file_handler = handler;
	task->handler_userdata = userdata;
}

static void set_data_handler(transfer_task *task, transfer_data_handler handler, void *userdata)
{
	if (!task || !live_is(task->session))
		return;
	task->data_handler = handler;
	task->handler_userdata = userdata;
}

/* The body that the request has, as what is sent. A task without memory for it is none. */
static transfer_task *with_body(transfer_task *task, const transfer_data *data)
{
	if (!task || (!data && !task->request->body_stream))
		return task;
	task->body = data ? transfer_body_new_data(data)
			  : transfer_body_ref(task->request->body_stream);
	if (task->body) {
		task->progress.expected_send_bytes = body_length(task->body);
		return task;
	}
	transfer_task_unref(task);
	return NULL;
}

transfer_task *transfer_session_download_task(transfer_session *session, transfer_request *request,
	transfer_file_handler handler, void *userdata)
{
	transfer_task *task = make(session, TRANSFER_TASK_DOWNLOAD, request);

	if (live_is(session))
		task = with_body(task, request ? request->body : NULL);
	set_file_handler(task, handler, userdata);
	return submit(session, task, refuse_live(session, handler != NULL));
}

transfer_task *transfer_session_download_task_resume(transfer_session *session,
	const transfer_data *resume_data, transfer_file_handler handler, void *userdata)
{
	transfer_task *task = make(session, TRANSFER_TASK_DOWNLOAD, NULL);
	transfer_error *refusal = refuse_live(session, handler != NULL);

	set_file_handler(task, handler, userdata);
	if (task)
		task->resume_data = transfer_data_ref(resume_data);
	if (!refusal && !transfer_data_get_size(resume_data))
		refusal = error_new_bus(TRANSFER_BUS_ERROR_NO_RESUME_DATA);
	return submit(session, task, refusal);
}

transfer_error *task_open_failed(int error_no)
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
		return task_open_failed(ENOENT);
	task->source_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (task->source_fd < 0 || fstat(task->source_fd, &st))
		return task_open_failed(errno);
	if (S_ISDIR(st.st_mode))
		return task_open_failed(EISDIR);
	task->source_path = realpath(path, NULL);
	task->progress.expected_send_bytes = (int64_t)st.st_size;
	return NULL;
}

transfer_task *transfer_session_upload_task_file(transfer_session *session,
	transfer_request *request, const char *path, transfer_data_handler handler, void *userdata)
{
	transfer_task *task = make(session, TRANSFER_TASK_UPLOAD, request);
	transfer_error *refusal = refuse_live(session, handler != NULL);

	set_data_handler(task, handler, userdata);
	if (task && !refusal)
		refusal = open_source(task, path);
	return submit(session, task, refusal);
}

transfer_task *transfer_session_upload_task_data(transfer_session *session,
	transfer_request *request, const transfer_data *body, transfer_data_handler handler,
	void *userdata)
{
	transfer_task *task = make(session, TRANSFER_TASK_UPLOAD, request);

	if (body && live_is(session))
		task = with_body(task, body);
	else if (task && !body)
		task->progress.expected_send_bytes = 0;
	set_data_handler(task, handler, userdata);
	return submit(session, task, refuse_live(session, true));
}

transfer_task *transfer_session_data_task(transfer_session *session, transfer_request *request,
	transfer_data_handler handler, void *userdata)
{
	transfer_task *task = make(session, TRANSFER_TASK_DATA, request);

	if (live_is(session))
		task = with_body(task, request ? request->body : NULL);
	set_data_handler(task, handler, userdata);
	return submit(session, task, refuse_live(session, true));
}

transfer_task *transfer_session_upload_task_streamed(
	transfer_session *session, transfer_request *request)
{
	transfer_task *task = make(session, TRANSFER_TASK_UPLOAD, request);

	if (task)
		task->is_body_asked = true;
	return submit(session, task, refuse_live(session, true));
}
