/* SPDX-License-Identifier: MIT */
/* One load from its start to its end: what it says, what holds it up, what the delegate answers. */
#include "client-lib/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "client-lib/cache-load.h"
#include "client-lib/client.h"
#include "client-lib/command.h"
#include "client-lib/error.h"
#include "client-lib/live.h"
#include "client-lib/request.h"
#include "client-lib/session.h"
#include "client-lib/task.h"

static void load_free(struct transfer_load *load)
{
	if (load->source_fd >= 0)
		close(load->source_fd);
	load_sink_done(load);
	load_body_done(load);
	delivery_line_clear(&load->held);
	transfer_request_unref(load->request);
	transfer_request_unref(load->asked);
	transfer_request_unref(load->proposed);
	transfer_response_unref(load->redirect);
	session_memory_unref(load->session);
	free(load);
}

REF_DEFINE(transfer_load, load_free)

/* protocol NULL: to be chosen when it starts. request: taken. NULL: no memory. */
static transfer_load *load_new(const transfer_task *task, const struct transfer_protocol *protocol,
	transfer_request *request)
{
	transfer_load *load = calloc(1, sizeof(*load));

	if (!load) {
		transfer_request_unref(request);
		return NULL;
	}
	ref_init(&load->ref);
	TAILQ_INIT(&load->held);
	session_memory_ref(task->session);
	load->session = task->session;
	load->asked = transfer_request_ref(task->request);
	load->request = request;
	load->sink_fd = load->source_fd = load->body_fd = -1;
	pthread_mutex_init(&load->sink_lock, NULL);
	if (protocol)
		load->protocol = *protocol;
	return load;
}

/* A request of its own in the form that the class wants; NULL: no memory. */
static transfer_request *canonical(
	const struct transfer_protocol *protocol, const transfer_request *request)
{
	transfer_request *form = protocol->canonical
		? protocol->canonical(request, protocol->userdata)
		: NULL;

	return form ? form : transfer_request_copy(request);
}

static transfer_error *refuse(const transfer_request *request)
{
	return load_is_for_transferd(request->url)
		? NULL
		: error_new_url(TRANSFER_ERROR_UNSUPPORTED_URL, request->url);
}

transfer_error *load_prepare(transfer_task *task)
{
	const transfer_request *request = task->request;
	struct transfer_protocol protocol;
	transfer_request *form;
	int r;

	if (request->status || task->resume_data)
		return NULL;
	if (!load_find(task->session, request, &protocol))
		return refuse(request);
	form = canonical(&protocol, request);
	task->load = form ? load_new(task, &protocol, form) : NULL;
	if (!task->load)
		return error_new_errno(ENOMEM, NULL);
	r = load_body_take_from(task->load, task);
	return r ? task_open_failed(-r) : NULL;
}

int load_make(transfer_task *task, const struct transfer_protocol *protocol)
{
	transfer_request *form = transfer_request_copy(task->request);

	task->load = form ? load_new(task, protocol, form) : NULL;
	return task->load ? 0 : -ENOMEM;
}

static int push(transfer_load *load, enum delivery_kind kind)
{
	struct delivery *delivery = delivery_new(kind, NULL);

	if (!delivery)
		return -ENOMEM;
	delivery->load = transfer_load_ref(load);
	delivery_push_take(load->session, delivery);
	return 0;
}

/* It starts with the answer. */
static int ask_body(transfer_load *load)
{
	struct delivery *delivery = delivery_new(DELIVERY_NEED_BODY, load->task);

	if (!delivery)
		return -ENOMEM;
	delivery->reason = TRANSFER_BODY_REASON_START;
	load->awaits = true;
	live_tell(load->session, load->task, delivery);
	return 0;
}

int load_begin(transfer_task *task)
{
	task->is_loaded = true;
	task->stage = TASK_STAGE_LIVE;
	task->load->task = transfer_task_ref(task);
	return task->is_body_asked ? ask_body(task->load) : push(task->load, DELIVERY_LOAD_START);
}

void load_stop(transfer_task *task)
{
	transfer_load *load = task->load;

	if (!load || !load->task)
		return;
	load->task = NULL;
	load->is_over = true;
	load->awaits = false;
	delivery_line_clear(&load->held);
	/* without memory it is not told; what it says is refused all the same */
	if (load->was_started)
		push(load, DELIVERY_LOAD_STOP);
	transfer_task_unref(task);
}

void load_give_up(transfer_load *load)
{
	transfer_task *task = load->task;

	task->load = NULL;
	task->is_loaded = false;
	load->task = NULL;
	load->is_over = true;
	delivery_line_clear(&load->held);
	live_put_back(load->session, task);
	transfer_task_unref(task);
	transfer_load_unref(load);
}

/* ---- what it says ---- */

static bool is_held_up(const transfer_load *load)
{
	return load->awaits || load->task->n_suspensions;
}

static void pass(transfer_load *load, struct delivery *delivery)
{
	transfer_task *task = load->task;

	load->awaits = delivery->kind == DELIVERY_REDIRECT ||
		(delivery->kind == DELIVERY_RESPONSE && delivery->is_question);
	live_tell(load->session, task, delivery);
}

static void say(transfer_load *load, struct delivery *delivery)
{
	if (is_held_up(load))
		TAILQ_INSERT_TAIL(&load->held, delivery, link);
	else
		pass(load, delivery);
}

/* error: taken, NULL after success. */
static int end(transfer_load *load, transfer_error *error)
{
	struct delivery *delivery = task_end(load->task), *metrics;

	if (!delivery) {
		transfer_error_unref(error);
		return -ENOMEM;
	}
	delivery->error = error;
	load->is_over = true;
	metrics = load_metrics_new(load);
	if (metrics)
		say(load, metrics);
	say(load, delivery);
	return 0;
}

/* Behind what was told so far, or when nothing holds it up; with a reader, when it has read. */
static void go_on(transfer_load *load)
{
	bool is_full = load->task->reader &&
		atomic_load(&load->waiting_bytes) >= LOAD_WAITING_MAX_BYTES;

	load->is_parked = is_full || is_held_up(load);
	if (!load->is_parked && push(load, DELIVERY_LOAD_START))
		end(load, error_new_errno(ENOMEM, NULL));
}

void load_go_on(transfer_task *task)
{
	transfer_load *load = transfer_load_ref(task->load);
	struct delivery *delivery;

	while (load && load->task && !is_held_up(load) && (delivery = TAILQ_FIRST(&load->held))) {
		TAILQ_REMOVE(&load->held, delivery, link);
		pass(load, delivery);
	}
	if (load && load->task && load->is_parked)
		go_on(load);
	transfer_load_unref(load);
}

void load_continue(transfer_load *load)
{
	client_lock(load->session->client);
	if (load->task)
		go_on(load);
	client_unlock(load->session->client);
}

/* 0 or -ESTALE: nobody listens. */
int load_check(const transfer_load *load)
{
	return load->task && !load->is_over && !client_is_forked(load->session->client) ? 0
											: -ESTALE;
}

static bool asks_about_responses(const transfer_task *task)
{
	void *userdata;

	return task->kind == TRANSFER_TASK_DATA && !task_has_handler(task) && !task->reader &&
		DELIVERY_PICK(task, data_did_receive_response, &userdata);
}

static int respond(transfer_load *load, const transfer_response *response, bool asks)
{
	struct delivery *delivery = delivery_new(DELIVERY_RESPONSE, load->task);

	if (!delivery)
		return -ENOMEM;
	delivery->response = transfer_response_ref(response);
	delivery->is_question = asks;
	load->has_response = true;
	load->response_wall_usec = clock_wall_us();
	load->status = transfer_response_get_status(response);
	load->expected_bytes = transfer_response_get_expected_length(response);
	say(load, delivery);
	return 0;
}

int transfer_load_respond(
	transfer_load *load, const transfer_response *response, enum transfer_storage_policy policy)
{
	int r;

	(void)policy; /* nothing is stored */
	client_lock(load->session->client);
	r = load_check(load);
	if (!r && load->has_response)
		r = -EPROTO;
	if (!r)
		r = respond(load, response, asks_about_responses(load->task));
	client_unlock(load->session->client);
	return r;
}

/* Bytes of a download stand in its file already: how far it is. */
static int say_bytes(transfer_load *load, const transfer_data *data, int64_t n_written)
{
	bool is_download = load->task->kind == TRANSFER_TASK_DOWNLOAD;
	int64_t n = (int64_t)transfer_data_get_size(data);
	struct delivery *delivery = delivery_new(
		is_download ? DELIVERY_WRITE : DELIVERY_DATA, load->task);

	if (!delivery)
		return -ENOMEM;
	if (is_download) {
		delivery->bytes = n;
		delivery->total_bytes = n_written;
		delivery->expected_bytes = load->expected_bytes;
	} else {
		delivery->data = transfer_data_ref(data);
		delivery->load = transfer_load_ref(load);
		atomic_fetch_add(&load->waiting_bytes, (size_t)n);
	}
	load->given_bytes += (uint64_t)n;
	say(load, delivery);
	return 0;
}

static int check_give(transfer_load *load, bool *ret_is_download)
{
	int r;

	client_lock(load->session->client);
	r = load_check(load);
	if (!r && !load->has_response)
		r = -EPROTO;
	if (!r)
		*ret_is_download = load->task->kind == TRANSFER_TASK_DOWNLOAD;
	client_unlock(load->session->client);
	return r;
}

int transfer_load_give(transfer_load *load, const transfer_data *data)
{
	bool is_download;
	int r = check_give(load, &is_download);

	if (r || !transfer_data_get_size(data))
		return r;
	pthread_mutex_lock(&load->sink_lock);
	if (is_download)
		r = load_sink_write(load, data);
	client_lock(load->session->client);
	if (r)
		load->sink_errno = -r; /* its end says so */
	r = load_check(load);
	if (!r)
		r = say_bytes(load, data, load->n_written);
	if (r == -ENOMEM)
		load->sink_errno = ENOMEM;
	client_unlock(load->session->client);
	pthread_mutex_unlock(&load->sink_lock);
	return r;
}

bool transfer_load_is_wanted(const transfer_load *load)
{
	bool is_wanted;

	client_lock(load->session->client);
	is_wanted = !load_check(load) && atomic_load(&load->waiting_bytes) < LOAD_WAITING_MAX_BYTES;
	client_unlock(load->session->client);
	return is_wanted;
}

/* ---- its end ---- */

static transfer_error *sink_error(int error_no)
{
	return error_new(&(struct error_init){
		.domain = TRANSFER_DOMAIN_URL,
		.code = error_no == EEXIST ? TRANSFER_ERROR_CANNOT_CREATE_FILE
					   : TRANSFER_ERROR_CANNOT_WRITE_TO_FILE,
		.underlying = error_new_errno(error_no, NULL),
	});
}

/* path: taken. */
static int say_file(transfer_load *load, char *path, int fd)
{
	struct delivery *delivery = delivery_new(DELIVERY_FINISHED, load->task);

	if (!delivery) {
		free(path);
		close(fd);
		return -ENOMEM;
	}
	delivery->path = path;
	delivery->fd = fd;
	say(load, delivery);
	return 0;
}

/* The file is whole: its happening and the end, or why it cannot be had. */
static int finish_download(transfer_load *load)
{
	char *path = NULL;
	int fd = -1, r;

	pthread_mutex_lock(&load->sink_lock);
	r = load->sink_errno ? -load->sink_errno : load_sink_finish(load, &path, &fd);
	pthread_mutex_unlock(&load->sink_lock);
	client_lock(load->session->client);
	if (!r && load->task)
		r = say_file(load, path, fd);
	else if (!r) {
		free(path);
		close(fd);
	}
	r = load->task ? end(load, r ? sink_error(-r) : NULL) : -ESTALE;
	client_unlock(load->session->client);
	return r;
}

/* NULL: nothing. */
static transfer_error *what_was_wrong(const transfer_load *load)
{
	if (load->sink_errno) /* bytes are missing */
		return error_new_errno(load->sink_errno, NULL);
	return load->has_response
		? NULL
		: error_new_url(TRANSFER_ERROR_BAD_SERVER_RESPONSE, load->request->url);
}

int transfer_load_finish(transfer_load *load)
{
	bool is_download;
	int r;

	client_lock(load->session->client);
	r = load_check(load);
	is_download = !r && load->has_response && load->task->kind == TRANSFER_TASK_DOWNLOAD;
	if (is_download)
		load->is_over = true;
	else if (!r)
		r = end(load, what_was_wrong(load));
	client_unlock(load->session->client);
	return is_download ? finish_download(load) : r;
}

int transfer_load_fail(transfer_load *load, const transfer_error *error)
{
	int r;

	client_lock(load->session->client);
	r = load_check(load);
	if (!r)
		r = end(load,
			error ? transfer_error_ref(error)
			      : error_new_url(TRANSFER_ERROR_UNKNOWN, load->request->url));
	client_unlock(load->session->client);
	return r;
}

int transfer_load_use_cached(
	transfer_load *load, const transfer_response *response, const transfer_data *body)
{
	int r = transfer_load_respond(load, response, TRANSFER_STORAGE_ALLOWED);

	if (!r && body)
		r = transfer_load_give(load, body);
	return r ? r : transfer_load_finish(load);
}

/* ---- redirects and answers ---- */

/* The task goes on with another load; which class takes it is seen where application code may run. */
static void follow(transfer_load *load, const transfer_request *request)
{
	transfer_task *task = load->task;
	transfer_load *next;
	transfer_request *copy = transfer_request_copy(request);

	next = copy ? load_new(task, NULL, copy) : NULL;
	if (!next || load_body_set(next, copy)) {
		transfer_load_unref(next);
		end(load, error_new_errno(ENOMEM, NULL));
		return;
	}
	transfer_task_ref(task);
	load_stop(task);
	task->load = next;
	next->task = task;
	task_set_current_url(task, request->url);
	if (push(next, DELIVERY_LOAD_START))
		end(next, error_new_errno(ENOMEM, NULL));
	transfer_load_unref(load);
}

/* The answer that leads elsewhere is the result; the file of a download is made where files are written. */
static void stay(transfer_load *load)
{
	int r = respond(load, load->redirect, false);

	load->stays = !r && load->task->kind == TRANSFER_TASK_DOWNLOAD;
	if (load->stays)
		r = push(load, DELIVERY_LOAD_START);
	if (r || !load->stays)
		end(load, r ? error_new_errno(-r, NULL) : NULL);
}

static int redirect(
	transfer_load *load, const transfer_response *response, const transfer_request *request)
{
	struct delivery *delivery;
	void *userdata;

	if (++load->task->n_load_redirects > LOAD_REDIRECTS_MAX)
		return end(
			load, error_new_url(TRANSFER_ERROR_TOO_MANY_REDIRECTS, load->request->url));
	delivery = delivery_new(DELIVERY_REDIRECT, load->task);
	load->proposed = transfer_request_copy(request);
	if (!delivery || !load->proposed) {
		delivery_free(delivery);
		return -ENOMEM;
	}
	load->redirect = transfer_response_ref(response);
	load->is_over = true;
	if (!DELIVERY_PICK(load->task, task_will_redirect, &userdata)) {
		delivery_free(delivery);
		follow(load, load->proposed);
		return 0;
	}
	delivery->response = transfer_response_ref(response);
	delivery->request = transfer_request_ref(load->proposed);
	say(load, delivery);
	return 0;
}

int transfer_load_redirect(
	transfer_load *load, const transfer_response *response, const transfer_request *request)
{
	int r;

	if (!request || request->status)
		return -EINVAL;
	client_lock(load->session->client);
	r = load_check(load);
	if (!r && load->has_response)
		r = -EPROTO;
	if (!r)
		r = redirect(load, response, request);
	client_unlock(load->session->client);
	return r;
}

bool load_awaits(const transfer_task *task)
{
	return task->load && task->load->awaits;
}

static void take_disposition(transfer_load *load, enum transfer_response_disposition disposition)
{
	transfer_task *task = load->task;

	switch (disposition) {
	case TRANSFER_RESPONSE_ALLOW:
		load_go_on(task);
		break;
	case TRANSFER_RESPONSE_CANCEL:
		live_cancel(load->session, task);
		break;
	case TRANSFER_RESPONSE_BECOME_DOWNLOAD:
		if (cache_load_become_download(task)) {
			load_give_up(load);
			break;
		}
		/* fall through */
	case TRANSFER_RESPONSE_BECOME_STREAM:
		session_complete_locally(load->session, task,
			error_new_bus(TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION));
		break;
	}
}

/* Its stream has come, or none. */
static void take_body(transfer_load *load)
{
	if (!load->body)
		end(load,
			error_new_url(
				TRANSFER_ERROR_REQUEST_BODY_STREAM_EXHAUSTED, load->request->url));
	else if (push(load, DELIVERY_LOAD_START))
		end(load, error_new_errno(ENOMEM, NULL));
}

void load_answer_take(transfer_task *task, struct command *command)
{
	transfer_load *load = transfer_load_ref(task->load);

	load->awaits = false;
	if (command->kind == COMMAND_ANSWER_BODY)
		take_body(load);
	else if (command->kind != COMMAND_ANSWER_REDIRECT)
		take_disposition(load, command->disposition);
	else if (!strcmp(command->action, "stop"))
		stay(load);
	else
		follow(load, command->request ? command->request : load->proposed);
	command_free(command);
	transfer_load_unref(load);
}

/* ---- functions of the class ---- */

/* After a redirect; false: nobody takes it, which is said. */
static bool choose(transfer_load *load)
{
	transfer_error *error = NULL;
	transfer_request *form;

	if (load_find(load->session, load->request, &load->protocol)) {
		form = canonical(&load->protocol, load->request);
		if (form) {
			transfer_request_unref(load->request);
			load->request = form;
			return true;
		}
		error = error_new_errno(ENOMEM, NULL);
	} else {
		error = error_new_url(TRANSFER_ERROR_UNSUPPORTED_URL, load->request->url);
	}
	transfer_load_fail(load, error);
	transfer_error_unref(error);
	return false;
}

static bool start(transfer_load *load)
{
	bool was_started, is_over, may_start, stays;

	client_lock(load->session->client);
	is_over = load_check(load) != 0;
	was_started = load->was_started;
	stays = load->stays;
	client_unlock(load->session->client);
	if (stays)
		finish_download(load);
	if (is_over || (!load->protocol.size && !choose(load)))
		return false;
	if (was_started) {
		load->more(load);
		return true;
	}
	client_lock(load->session->client);
	load->was_started = may_start = !load_check(load);
	load->started_wall_usec = clock_wall_us();
	client_unlock(load->session->client);
	if (may_start)
		load->protocol.start(load, load->protocol.userdata);
	return may_start;
}

bool load_call(const struct delivery *delivery)
{
	transfer_load *load = delivery->load;

	if (delivery->kind == DELIVERY_LOAD_START)
		return start(load);
	load_sink_remove(load);
	if (load->protocol.stop)
		load->protocol.stop(load, load->protocol.userdata);
	return load->protocol.stop;
}

void load_let_go(transfer_load *load, const transfer_data *data)
{
	atomic_fetch_sub(&load->waiting_bytes, transfer_data_get_size(data));
	transfer_load_unref(load);
}

void load_was_read(transfer_load *load, const transfer_data *data)
{
	transfer_client *client = load->session->client;

	atomic_fetch_sub(&load->waiting_bytes, transfer_data_get_size(data));
	client_lock(client);
	if (load->task && load->is_parked)
		go_on(load);
	client_unlock(client);
	transfer_load_unref(load);
}
