/* SPDX-License-Identifier: MIT */
/* A request inside the library: what the setters collected, and how it becomes a row of CreateTasks. */
#ifndef CLIENT_LIB_REQUEST_H
#define CLIENT_LIB_REQUEST_H

#include <transfer/request.h>

#include "client-lib/ref.h"
#include "client-lib/text.h"

struct arena;
struct ipc_request;
struct ipc_task;

struct transfer_request {
	struct ref ref;
	int status; /* first failure of a setter */
	char *url, *method, *destination, *description, *ca_file;
	char *checksum_algorithm, *checksum_hex, *want_digest;
	struct text_headers headers;
	transfer_data *userdata;
	uint64_t timeout_us, resource_timeout_us, not_before_wall_us, max_rate_bps;
	double priority;
	enum transfer_upload_copy upload_copy;
	char *main_document_url;
	bool ignores_cookies;
	bool has_priority, has_upload_copy, may_overwrite, allow_insecure, retry_http_errors;
};

/* The row borrows from the request; its header rows are in the arena. 0, -ENOMEM, or the request's failed setter. */
int request_to_ipc(
	const struct transfer_request *request, struct arena *arena, struct ipc_request *ret_row);
/* The request of a task that an earlier program made. */
int request_from_ipc(const struct ipc_task *task, struct transfer_request **ret_request);

#endif
