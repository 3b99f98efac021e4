/* SPDX-License-Identifier: MIT */
/*
 * Calls that wait: a whole answer, and an answer that is read piece by piece. A reader has two counts: the handles of the
 * application, of which the last one cancels, and its memory, which its task needs to its end.
 */
#include "client-lib/fetch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/cleanup.h"
#include "client-lib/client.h"
#include "client-lib/delivery.h"
#include "client-lib/error.h"
#include "client-lib/live.h"
#include "client-lib/load.h"
#include "client-lib/segment.h"
#include "client-lib/session.h"
#include "client-lib/task.h"

struct piece {
	TAILQ_ENTRY(piece) link;
	transfer_data *data;
	bool is_piece; /* of a pipe, which is read on when this was read */
	/* whose it is: its bytes wait until they were read; NULL: transferd's */
	struct transfer_load *load;
};

struct transfer_reader {
	struct ref ref;
	struct ref memory;
	transfer_session *session; /* both are references, until the last handle goes */
	transfer_task *task;

	/* ---- under the client's lock ---- */
	transfer_response *response;
	TAILQ_HEAD(, piece) pieces;
	size_t offset; /* in the first one */
	transfer_data *whole;
	transfer_error *error;
	bool is_over;
	bool is_closed; /* no handle is left */
};

static void memory_unref(transfer_reader *reader)
{
	struct piece *piece;

	if (!ref_put(&reader->memory))
		return;
	while ((piece = TAILQ_FIRST(&reader->pieces))) {
		TAILQ_REMOVE(&reader->pieces, piece, link);
		if (piece->load)
			load_let_go(piece->load, piece->data);
		transfer_data_unref(piece->data);
		free(piece);
	}
	transfer_response_unref(reader->response);
	transfer_data_unref(reader->whole);
	transfer_error_unref(reader->error);
	free(reader);
}

void fetch_let_go(transfer_reader *reader)
{
	if (reader)
		memory_unref(reader);
}

static void close_reader(transfer_reader *reader)
{
	transfer_session *session = reader->session;
	transfer_task *task = reader->task;

	client_lock(session->client);
	reader->is_closed = true;
	client_unlock(session->client);
	transfer_task_cancel(task);
	transfer_task_unref(task);
	transfer_session_unref(session);
	memory_unref(reader);
}

REF_DEFINE(transfer_reader, close_reader)

/* ---- what happens to the task ---- */

static void tell(transfer_reader *reader)
{
	client_changed(reader->session->client);
}

void fetch_take_response(transfer_reader *reader, const struct delivery *delivery)
{
	bool is_lent = reader->response && !task_has_handler(reader->task);

	if (reader->is_closed || is_lent)
		return;
	transfer_response_unref(reader->response);
	reader->response = transfer_response_ref(delivery->response);
	tell(reader);
}

bool fetch_take_data(transfer_reader *reader, struct delivery *delivery)
{
	struct piece *piece;

	if (reader->is_closed || !transfer_data_get_size(delivery->data))
		return true;
	piece = calloc(1, sizeof(*piece));
	if (!piece)
		return false;
	piece->data = transfer_data_ref(delivery->data);
	piece->is_piece = delivery->is_piece;
	delivery->is_piece = false;
	piece->load = take_ptr(delivery->load);
	TAILQ_INSERT_TAIL(&reader->pieces, piece, link);
	tell(reader);
	return true;
}

void fetch_take_end(transfer_reader *reader, const struct delivery *end)
{
	reader->is_over = true;
	if (reader->is_closed)
		return;
	reader->error = transfer_error_ref(end->error);
	reader->whole = transfer_data_ref(end->data);
	if (!reader->response)
		reader->response = transfer_response_ref(reader->task->response);
	tell(reader);
}

/* ---- waiting ---- */

static bool is_over(void *arg)
{
	const transfer_reader *reader = arg;

	return reader->is_over || reader->task->stage == TASK_STAGE_ENDED;
}

static bool has_response(void *arg)
{
	return ((const transfer_reader *)arg)->response || is_over(arg);
}

static bool has_bytes(void *arg)
{
	return !TAILQ_EMPTY(&((const transfer_reader *)arg)->pieces) || is_over(arg);
}

/* With the lock held; -EDEADLK: what is waited for would wait for the caller. */
static int wait_for(transfer_reader *reader, bool (*done)(void *arg))
{
	transfer_session *session = reader->session;

	if (session->is_running && pthread_equal(session->runner, pthread_self()))
		return -EDEADLK;
	return client_wait(session->client, done, reader, CLIENT_FOREVER);
}

/* The body goes to the reader: this is only what makes the task one that wants it whole. */
static void on_whole(const transfer_data *body, const transfer_response *response,
	const transfer_error *error, void *userdata)
{
	(void)body;
	(void)response;
	(void)error;
	(void)userdata;
}

static transfer_reader *reader_new(
	transfer_session *session, const transfer_request *request, bool is_whole)
{
	transfer_reader *reader = calloc(1, sizeof(*reader));
	transfer_auto(transfer_request) copy = reader ? transfer_request_copy(request) : NULL;

	if (copy)
		reader->task = transfer_session_data_task(
			session, copy, is_whole ? on_whole : NULL, NULL);
	if (!reader || !reader->task) {
		free(reader);
		return NULL;
	}
	ref_init(&reader->ref);
	ref_init(&reader->memory);
	TAILQ_INIT(&reader->pieces);
	reader->session = transfer_session_ref(session);
	client_lock(session->client);
	ref_get(&reader->memory);
	reader->task->reader = reader;
	client_unlock(session->client);
	return reader;
}

static int refuse(int r, transfer_error **ret_error)
{
	return error_give(r, error_new_errno(-r, NULL), ret_error);
}

/* The reader of a task that runs; 0 or what the function returns. */
static int begin(transfer_session *session, const transfer_request *request, bool is_whole,
	transfer_reader **ret_reader, transfer_error **ret_error)
{
	transfer_reader *reader;

	session = session ? session : transfer_session_get_shared(NULL);
	if (!session)
		return error_give(
			-ENOTCONN, error_new_bus(TRANSFER_BUS_ERROR_UNREACHABLE), ret_error);
	if (client_is_forked(session->client))
		return refuse(-ECHILD, ret_error);
	if (!live_is(session))
		return error_give(-EIO, error_new_bus(TRANSFER_BUS_ERROR_NOT_SUPPORTED_IN_SESSION),
			ret_error);
	reader = reader_new(session, request, is_whole);
	if (!reader)
		return refuse(-ENOMEM, ret_error);
	transfer_task_resume(reader->task);
	*ret_reader = reader;
	return 0;
}

/* Why there is no more: 0 with none after success. With the lock held. */
static int give_end(transfer_reader *reader, transfer_error **ret_error)
{
	transfer_error *error = reader->error ? reader->error : reader->task->error;

	if (!error && reader->is_over)
		return 0;
	return error_give(-EIO,
		error ? transfer_error_ref(error) : live_cancelled_error(reader->task), ret_error);
}

static int finish(transfer_reader *reader, transfer_data **ret_body,
	transfer_response **ret_response, transfer_error **ret_error)
{
	int r = wait_for(reader, is_over);

	if (r)
		return refuse(r, ret_error);
	if (ret_response)
		*ret_response = transfer_response_ref(reader->response);
	r = give_end(reader, ret_error);
	if (!r && ret_body)
		*ret_body = transfer_data_ref(reader->whole);
	return r;
}

int transfer_fetch(transfer_session *session, const transfer_request *request,
	transfer_data **ret_body, transfer_response **ret_response, transfer_error **ret_error)
{
	transfer_reader *reader;
	transfer_client *client;
	int r;

	if (ret_response)
		*ret_response = NULL;
	r = begin(session, request, true, &reader, ret_error);
	if (r)
		return r;
	client = reader->session->client;
	client_lock(client);
	r = finish(reader, ret_body, ret_response, ret_error);
	client_unlock(client);
	transfer_reader_unref(reader);
	return r;
}

int transfer_reader_open(transfer_session *session, const transfer_request *request,
	transfer_reader **ret_reader, transfer_error **ret_error)
{
	transfer_reader *reader;
	transfer_client *client;
	int r = begin(session, request, false, &reader, ret_error);

	if (r)
		return r;
	client = reader->session->client;
	client_lock(client);
	r = wait_for(reader, has_response);
	if (r)
		refuse(r, ret_error);
	else if (!reader->response)
		r = give_end(reader, ret_error);
	client_unlock(client);
	if (r)
		transfer_reader_unref(reader);
	else
		*ret_reader = reader;
	return r;
}

const transfer_response *transfer_reader_get_response(const transfer_reader *reader)
{
	return reader->response;
}

transfer_task *transfer_reader_get_task(const transfer_reader *reader)
{
	return reader->task;
}

/* From the first piece; ret_used: one that was read to its end. With the lock held. */
static size_t read_piece(transfer_reader *reader, void *bytes, size_t size, struct piece **ret_used)
{
	struct piece *piece = TAILQ_FIRST(&reader->pieces);
	size_t n = transfer_data_get_size(piece->data) - reader->offset;

	if (n > size)
		n = size;
	memcpy(bytes, (const char *)transfer_data_get_bytes(piece->data) + reader->offset, n);
	reader->offset += n;
	if (reader->offset < transfer_data_get_size(piece->data))
		return n;
	reader->offset = 0;
	TAILQ_REMOVE(&reader->pieces, piece, link);
	if (piece->is_piece)
		segment_delivered(reader->task);
	*ret_used = piece;
	return n;
}

ssize_t transfer_reader_read(
	transfer_reader *reader, void *bytes, size_t size, transfer_error **ret_error)
{
	transfer_client *client = reader->session->client;
	struct piece *used = NULL;
	ssize_t n;

	client_lock(client);
	n = wait_for(reader, has_bytes);
	if (n)
		refuse((int)n, ret_error);
	else if (!TAILQ_EMPTY(&reader->pieces))
		n = (ssize_t)read_piece(reader, bytes, size, &used);
	else
		n = give_end(reader, ret_error);
	client_unlock(client);
	if (used) {
		if (used->load)
			load_was_read(used->load, used->data);
		transfer_data_unref(used->data);
		free(used);
	}
	return n;
}
