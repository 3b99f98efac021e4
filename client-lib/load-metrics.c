/* SPDX-License-Identifier: MIT */
/*
 * What the delegate is told of a load when it has ended: one transaction, of the last load of a task, behind those of the
 * question whether a stored answer is still good.
 */
#include "base/clock.h"
#include "client-lib/cache-load.h"
#include "client-lib/load.h"
#include "client-lib/request.h"
#include "client-lib/session.h"
#include "client-lib/task.h"

/* Behind those of transferd, if it was asked first. */
static void fill_metrics(const transfer_load *load, struct transfer_metrics *metrics,
	struct transfer_transaction *transaction)
{
	uint64_t now_wall_usec = clock_wall_us();
	size_t n_before = metrics->n_transactions;

	*transaction = (struct transfer_transaction){
		.size = sizeof(*transaction),
		.status = load->status,
		.fetch_type = load->has_response ? TRANSFER_FETCH_LOCAL : TRANSFER_FETCH_UNKNOWN,
		.fetch_start_wall_usec = load->started_wall_usec,
		.response_start_wall_usec = load->response_wall_usec,
		.response_end_wall_usec = load->response_wall_usec ? now_wall_usec : 0,
		.response_body_bytes = load->given_bytes,
		.decoded_response_body_bytes = load->given_bytes,
	};
	if (n_before) {
		metrics->finished_wall_usec = now_wall_usec;
		metrics->n_transactions = n_before + 1;
		return;
	}
	*metrics = (struct transfer_metrics){
		.size = sizeof(*metrics),
		.created_wall_usec = load->task->made_wall_us,
		.started_wall_usec = load->started_wall_usec,
		.response_wall_usec = load->response_wall_usec,
		.finished_wall_usec = now_wall_usec,
		.n_attempts = 1,
		.n_redirects = load->task->n_load_redirects,
		.n_transactions = 1,
	};
}

struct delivery *load_metrics_new(const transfer_load *load)
{
	const struct transfer_transaction **rows;
	struct transfer_transaction *transaction;
	const char *method = transfer_request_get_method(load->request);
	struct delivery *delivery;
	size_t n_before;
	void *userdata;

	if (!DELIVERY_PICK(load->task, task_did_collect_metrics, &userdata))
		return NULL;
	delivery = cache_load_take_metrics(load->task);
	if (!delivery)
		delivery = delivery_new(DELIVERY_METRICS, load->task);
	if (!delivery)
		return NULL;
	n_before = delivery->metrics.n_transactions;
	rows = arena_alloc(
		&delivery->arena, n_before + 1, sizeof(const struct transfer_transaction *));
	transaction = arena_alloc(&delivery->arena, 1, sizeof(*transaction));
	if (rows && transaction) {
		fill_metrics(load, &delivery->metrics, transaction);
		transaction->url = arena_strdup(&delivery->arena, load->request->url);
		transaction->method = arena_strdup(&delivery->arena, method ? method : "GET");
	}
	if (!rows || !transaction || !transaction->url || !transaction->method) {
		delivery_free(delivery);
		return NULL;
	}
	for (size_t i = 0; i < n_before; i++)
		rows[i] = delivery->metrics.transactions[i];
	rows[n_before] = transaction;
	delivery->metrics.transactions = rows;
	return delivery;
}
