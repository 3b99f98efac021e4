/* SPDX-License-Identifier: MIT */
/* One row of an Events signal: what is copied of it, and what it tells about its task. */
#include "client-lib/event.h"

#include <stdlib.h>
#include <string.h>

#include "client-lib/data.h"
#include "client-lib/delivery.h"
#include "client-lib/error.h"
#include "client-lib/live.h"
#include "client-lib/protection-space.h"
#include "client-lib/response.h"
#include "client-lib/task.h"
#include "ipc/proto.h"

static const enum delivery_kind kinds[] = {
	[IPC_EVENT_UNKNOWN] = DELIVERY_ACK_ONLY,
	[IPC_EVENT_DID_WRITE_DATA] = DELIVERY_WRITE,
	[IPC_EVENT_DID_SEND_BODY_DATA] = DELIVERY_SEND,
	[IPC_EVENT_DID_RECEIVE_DATA] = DELIVERY_DATA,
	[IPC_EVENT_DID_RESUME_AT_OFFSET] = DELIVERY_RESUMED,
	[IPC_EVENT_DID_FINISH_DOWNLOADING] = DELIVERY_FINISHED,
	[IPC_EVENT_DID_FINISH_COLLECTING_METRICS] = DELIVERY_METRICS,
	[IPC_EVENT_DID_COMPLETE] = DELIVERY_COMPLETE,
	[IPC_EVENT_WILL_BEGIN_DELAYED_REQUEST] = DELIVERY_DELAYED,
	[IPC_EVENT_DID_FINISH_BACKGROUND_EVENTS] = DELIVERY_DRAINED,
	[IPC_EVENT_DID_BECOME_INVALID] = DELIVERY_INVALID,
	[IPC_EVENT_DID_RECEIVE_INFORMATIONAL_RESPONSE] = DELIVERY_INFORMATIONAL,
	[IPC_EVENT_WILL_PERFORM_REDIRECT] = DELIVERY_REDIRECT,
	[IPC_EVENT_DID_RECEIVE_CHALLENGE] = DELIVERY_CHALLENGE,
	[IPC_EVENT_NEED_NEW_BODY_STREAM] = DELIVERY_NEED_BODY,
	[IPC_EVENT_DID_RECEIVE_RESPONSE] = DELIVERY_RESPONSE,
	[IPC_EVENT_DID_BECOME_DOWNLOAD_TASK] = DELIVERY_BECAME_DOWNLOAD,
	[IPC_EVENT_IS_WAITING_FOR_CONNECTIVITY] = DELIVERY_WAITING,
};

static bool copy_text(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return !from || *to;
}

static const char *keep_text(struct arena *arena, const char *text)
{
	return text ? arena_strdup(arena, text) : NULL;
}

static void read_times(struct transfer_transaction *to, const struct ipc_transaction *from)
{
	uint64_t *const times[] = { &to->fetch_start_wall_usec, &to->lookup_start_wall_usec,
		&to->lookup_end_wall_usec, &to->connect_start_wall_usec,
		&to->secure_start_wall_usec, &to->secure_end_wall_usec, &to->connect_end_wall_usec,
		&to->request_start_wall_usec, &to->request_end_wall_usec,
		&to->response_start_wall_usec, &to->response_end_wall_usec };
	uint64_t *const bytes[] = { &to->request_header_bytes, &to->request_body_bytes,
		&to->response_header_bytes, &to->response_body_bytes,
		&to->decoded_response_body_bytes };

	for (size_t i = 0; i < from->n_times_usec && i < sizeof(times) / sizeof(times[0]); i++)
		*times[i] = from->times_usec[i];
	for (size_t i = 0; i < from->n_bytes && i < sizeof(bytes) / sizeof(bytes[0]); i++)
		*bytes[i] = from->bytes[i];
}

static const struct transfer_transaction *read_transaction(
	struct arena *arena, const struct ipc_transaction *from)
{
	struct transfer_transaction *to = arena_alloc(arena, 1, sizeof(*to));

	if (!to)
		return NULL;
	to->size = sizeof(*to);
	to->url = keep_text(arena, from->url);
	to->method = keep_text(arena, from->method);
	to->status = (int)from->status;
	to->protocol = keep_text(arena, from->protocol);
	to->is_reused_connection = from->reused;
	to->is_proxy = from->proxy;
	read_times(to, from);
	/* ftp has no status */
	to->fetch_type = from->has_status || to->response_start_wall_usec ? TRANSFER_FETCH_NETWORK
									  : TRANSFER_FETCH_UNKNOWN;
	to->local_address = keep_text(arena, from->has_local ? from->local.address : NULL);
	to->local_port = (uint16_t)from->local.port;
	to->remote_address = keep_text(arena, from->has_remote ? from->remote.address : NULL);
	to->remote_port = (uint16_t)from->remote.port;
	to->tls_version = keep_text(arena, from->tls_version);
	to->tls_cipher = keep_text(arena, from->tls_cipher);
	return to;
}

/* Without memory there are fewer of them. */
static void read_transactions(struct delivery *delivery, const struct ipc_metrics *from)
{
	const struct transfer_transaction **rows = from->n_transactions
		? arena_alloc(&delivery->arena, from->n_transactions, sizeof(*rows))
		: NULL;
	size_t n = 0;

	for (size_t i = 0; rows && i < from->n_transactions; i++) {
		rows[n] = read_transaction(&delivery->arena, &from->transactions[i]);
		n += rows[n] != NULL;
	}
	delivery->metrics.transactions = rows;
	delivery->metrics.n_transactions = n;
	/* transferd tells it with the answer that it is of */
	if (n && !delivery->metrics.response_wall_usec)
		delivery->metrics.response_wall_usec = rows[n - 1]->response_start_wall_usec;
}

static void read_metrics(struct transfer_metrics *to, const struct ipc_metrics *from)
{
	to->size = sizeof(*to);
	if (!from)
		return;
	to->created_wall_usec = from->created_usec;
	to->started_wall_usec = from->started_usec;
	to->response_wall_usec = from->response_usec;
	to->finished_wall_usec = from->finished_usec;
	to->network_bytes = from->network_bytes;
	to->n_attempts = from->attempts;
	to->n_redirects = from->redirects;
}

static enum transfer_body_reason reason_of(const char *word)
{
#define REASON(symbol, value, name) { (enum transfer_body_reason)(value), name },
	static const struct {
		enum transfer_body_reason reason;
		const char *word;
	} reasons[] = { TRANSFER_BODY_REASONS(REASON) };

	for (size_t i = 0; word && i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (!strcmp(word, reasons[i].word))
			return reasons[i].reason;
	}
	return TRANSFER_BODY_REASON_START;
}

/* None: an older transferd, which knows one only. Default: a word of a newer one. */
static enum transfer_auth_method auth_method_of(const char *word)
{
#define METHOD(symbol, value, name) { (enum transfer_auth_method)(value), name },
	static const struct {
		enum transfer_auth_method method;
		const char *word;
	} methods[] = { TRANSFER_AUTH_METHODS(METHOD) };

	if (!word)
		return TRANSFER_AUTH_BASIC;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (!strcmp(word, methods[i].word))
			return methods[i].method;
	}
	return TRANSFER_AUTH_DEFAULT;
}

static bool read_challenge(struct delivery *delivery, const struct ipc_challenge *from)
{
	const struct protection_space_words words = {
		.method = auth_method_of(from ? from->method : NULL),
		.protocol = from && from->protocol ? from->protocol : "",
		.host = from && from->host ? from->host : "",
		.realm = from && from->realm ? from->realm : "",
		.port = from ? from->port : 0,
	};

	if (delivery->kind != DELIVERY_CHALLENGE)
		return true;
	delivery->previous_failures = from ? from->previous_failures : 0;
	delivery->attempt = from ? from->attempt : 0;
	delivery->space = protection_space_new_asked(&words);
	return delivery->space;
}

static bool read_args(
	struct delivery *delivery, struct ipc_signal *signal, const struct ipc_event_args *args)
{
	delivery->question = args->question;
	delivery->bytes = (int64_t)args->bytes;
	delivery->total_bytes = (int64_t)(args->has_offset ? args->offset : args->total);
	delivery->expected_bytes = args->has_expected ? args->expected : TRANSFER_SIZE_UNKNOWN;
	delivery->error = error_new_task(args->error);
	delivery->response = response_new_ipc(args->response);
	read_metrics(&delivery->metrics, args->metrics);
	delivery->has_metrics = args->metrics != NULL;
	if (args->metrics)
		read_transactions(delivery, args->metrics);
	delivery->is_folded = args->folded;
	delivery->is_question = args->has_question;
	delivery->is_pipe = args->has_body_pipe;
	delivery->reason = reason_of(args->reason);
	if (args->has_body_pipe)
		delivery->fd = ipc_signal_take_fd(signal, args->body_pipe);
	else if (args->has_file)
		delivery->fd = ipc_signal_take_fd(signal, args->file);
	if (args->has_body_file)
		delivery->data = data_new_fd(args->body_file);
	else if (args->body)
		delivery->data = transfer_data_new_copy(args->body, args->n_body);
	delivery->row_bytes = args->n_body;
	if (((args->has_body_file || args->body) && !delivery->data) ||
		(args->response && !delivery->response) ||
		!read_challenge(delivery, args->challenge))
		return false;
	return copy_text(&delivery->path, args->path) &&
		copy_text(&delivery->digest_algorithm,
			args->has_digest ? args->digest.algorithm : NULL) &&
		copy_text(&delivery->digest_hex, args->has_digest ? args->digest.hex : NULL);
}

struct delivery *event_read(struct ipc_signal *signal, const struct ipc_event *event)
{
	enum ipc_event_kind kind = ipc_event_kind(event->name);
	struct delivery *delivery;

	delivery = delivery_new(
		(size_t)kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[kind] : DELIVERY_ACK_ONLY,
		NULL);
	if (!delivery)
		return NULL;
	delivery->seq = event->seq;
	delivery->task_id = delivery->kind == DELIVERY_ACK_ONLY ? 0 : event->task.task;
	if (event->args && !read_args(delivery, signal, event->args)) {
		delivery_free(delivery);
		return NULL;
	}
	return delivery;
}

static void apply_counters(transfer_task *task, const struct delivery *delivery)
{
	struct transfer_progress *progress = &task->progress;

	if (delivery->kind == DELIVERY_WRITE || delivery->kind == DELIVERY_RESUMED) {
		progress->received_bytes = delivery->total_bytes;
		progress->expected_receive_bytes = delivery->expected_bytes;
	} else if (delivery->kind == DELIVERY_SEND) {
		progress->sent_bytes = delivery->total_bytes;
		progress->expected_send_bytes = delivery->expected_bytes;
	} else {
		return;
	}
	task_changed(task, TRANSFER_TASK_CHANGED_COUNTERS);
}

void event_apply(transfer_task *task, struct delivery *delivery)
{
	apply_counters(task, delivery);
	/* transferd hears of a live task when it is resumed */
	if (delivery->kind == DELIVERY_METRICS && live_is(task->session))
		delivery->metrics.created_wall_usec = task->made_wall_us;
	if (delivery->kind == DELIVERY_FINISHED && delivery->digest_hex) {
		free(task->digest_algorithm);
		free(task->digest_hex);
		task->digest_algorithm = delivery->digest_algorithm;
		task->digest_hex = delivery->digest_hex;
		delivery->digest_algorithm = delivery->digest_hex = NULL;
	}
	if (delivery->response) {
		transfer_response_unref(task->response);
		task->response = transfer_response_ref(delivery->response);
		task_changed(task, TRANSFER_TASK_CHANGED_RESPONSE);
	}
}
