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
struct request_property;

/* X(name, preset): properties that are on or off and need no check; transfer_request_set_… and …_get_… of each. */
#define REQUEST_SWITCHES(X) \
	X(allows_cellular, true) \
	X(allows_expensive, true) \
	X(allows_constrained, true) \
	X(allows_ultra_constrained, true) \
	X(assumes_http3, false) \
	X(persistent_dns, false) \
	X(pipelining, false)

#define REQUEST_SWITCH_MEMBER(name, preset) bool name;

struct transfer_request {
	struct ref ref;
	int status; /* first failure of a setter */
	char *url, *method, *destination, *description, *ca_file;
	char *checksum_algorithm, *checksum_hex, *want_digest;
	struct text_headers headers;
	transfer_data *userdata;
	transfer_data *body; /* this, or the next, or neither */
	transfer_body *body_stream;
	uint64_t timeout_us, resource_timeout_us, not_before_wall_us, max_rate_bps;
	double priority;
	enum transfer_upload_copy upload_copy;
	char *main_document_url, *cookie_partition;
	enum transfer_cache_policy cache_policy;
	enum transfer_service_type service_type;
	int attribution;
	bool ignores_cookies;
	bool has_priority, has_upload_copy, may_overwrite, allow_insecure, retry_http_errors;
	REQUEST_SWITCHES(REQUEST_SWITCH_MEMBER)
	struct request_property **properties; /* shared with copies */
	size_t n_properties;
};

/* Keeps the first failure; returns r. */
int request_stick(struct transfer_request *request, int r);
/* Replaces *to, within the bound of such URLs: 0, -EINVAL (NULL and "", too), -ENOMEM. */
int request_set_url_text(char **to, const char *url);
/* False: its URL is too long for transferd: a long one is of data:. */
bool request_fits(const struct transfer_request *request);
/* The row borrows from the request; its header rows are in the arena. 0, -ENOMEM, or the request's failed setter. */
int request_to_ipc(
	const struct transfer_request *request, struct arena *arena, struct ipc_request *ret_row);
/* The request of a task that an earlier program made. */
int request_from_ipc(const struct ipc_task *task, struct transfer_request **ret_request);

/* ---- request-policy.c ---- */
int request_properties_copy(struct transfer_request *to, const struct transfer_request *from);
void request_properties_done(struct transfer_request *request);

#endif
