/* SPDX-License-Identifier: MIT */
/* Requests: checked setters whose first failure sticks. Not locked: a request belongs to one thread until it is used. */
#include "client-lib/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/checksum.h"
#include "client-lib/load-data.h"
#include "client-lib/words.h"
#include "ipc/proto.h"

#define REQUEST_USERDATA_MAX_BYTES 4096
#define REQUEST_METHOD_MAX_BYTES   64

#define REQUEST_TEXTS(X) \
	X(url) \
	X(method) \
	X(destination) \
	X(description) \
	X(ca_file) \
	X(checksum_algorithm) \
	X(checksum_hex) \
	X(want_digest) \
	X(main_document_url) \
	X(cookie_partition)

static void request_free(struct transfer_request *request)
{
#define TEXT_FREE(name) free(request->name);
	REQUEST_TEXTS(TEXT_FREE)
	text_headers_done(&request->headers);
	request_properties_done(request);
	transfer_data_unref(request->userdata);
	transfer_data_unref(request->body);
	transfer_body_unref(request->body_stream);
	free(request);
}

REF_DEFINE(transfer_request, request_free)

int request_stick(struct transfer_request *request, int r)
{
	if (r && !request->status)
		request->status = r;
	return r;
}

int request_set_url_text(char **to, const char *url)
{
	if (!url || !*url)
		return -EINVAL;
	return text_set(
		to, url, load_data_is_url(url) ? TEXT_DATA_URL_MAX_BYTES : TEXT_URL_MAX_BYTES);
}

bool request_fits(const struct transfer_request *request)
{
	return !request->url || strlen(request->url) <= TEXT_URL_MAX_BYTES;
}

transfer_request *transfer_request_new(const char *url)
{
	struct transfer_request *request = calloc(1, sizeof(*request));
	int r;

	if (!request)
		return NULL;
	ref_init(&request->ref);
#define SWITCH_PRESET(name, preset) request->name = (preset);
	REQUEST_SWITCHES(SWITCH_PRESET)
	r = request_set_url_text(&request->url, url);
	if (r == -ENOMEM) {
		request_free(request);
		return NULL;
	}
	request_stick(request, r);
	return request;
}

transfer_request *transfer_request_copy(const transfer_request *request)
{
	struct transfer_request *copy = malloc(sizeof(*copy));
	bool is_whole = true;

	if (!copy)
		return NULL;
	memcpy(copy, request, sizeof(*copy));
	ref_init(&copy->ref);
	copy->headers = (struct text_headers){ 0 };
	copy->properties = NULL;
	copy->n_properties = 0;
	transfer_data_ref(copy->userdata);
	transfer_data_ref(copy->body);
	transfer_body_ref(copy->body_stream);
#define TEXT_COPY(name) \
	copy->name = request->name ? strdup(request->name) : NULL; \
	is_whole = is_whole && (!request->name || copy->name);
	REQUEST_TEXTS(TEXT_COPY)
	if (!is_whole || text_headers_copy(&copy->headers, &request->headers) ||
		request_properties_copy(copy, request)) {
		request_free(copy);
		return NULL;
	}
	return copy;
}

const char *transfer_request_get_url(const transfer_request *request)
{
	return request->url;
}

int transfer_request_set_url(transfer_request *request, const char *url)
{
	return request_stick(request, request_set_url_text(&request->url, url));
}

/* Methods of this list are the same in any case; all others are told apart by it. */
static const char *usual_method(const char *method)
{
	static const char *const usual[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT" };

	for (size_t i = 0; method && i < sizeof(usual) / sizeof(usual[0]); i++) {
		if (!strcasecmp(method, usual[i]))
			return usual[i];
	}
	return method;
}

int transfer_request_set_method(transfer_request *request, const char *method)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789"
				    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	if (method && (!*method || method[strspn(method, token)]))
		return request_stick(request, -EINVAL);
	return request_stick(request,
		text_set(&request->method, usual_method(method), REQUEST_METHOD_MAX_BYTES));
}

const char *transfer_request_get_method(const transfer_request *request)
{
	return request->method;
}

int transfer_request_set_header(transfer_request *request, const char *name, const char *value)
{
	return request_stick(request, text_headers_set(&request->headers, name, value));
}

int transfer_request_add_header(transfer_request *request, const char *name, const char *value)
{
	return request_stick(request, text_headers_add(&request->headers, name, value));
}

const char *transfer_request_get_header(const transfer_request *request, const char *name)
{
	return text_headers_get(&request->headers, name);
}

int transfer_request_foreach_header(const transfer_request *request,
	int (*each)(const char *name, const char *value, void *userdata), void *userdata)
{
	return text_headers_each(&request->headers, each, userdata);
}

static void set_bodies(
	struct transfer_request *request, const transfer_data *body, transfer_body *stream)
{
	transfer_data *old_body = request->body;
	transfer_body *old_stream = request->body_stream;

	request->body = transfer_data_ref(body);
	request->body_stream = transfer_body_ref(stream);
	transfer_data_unref(old_body);
	transfer_body_unref(old_stream);
}

int transfer_request_set_body(transfer_request *request, const transfer_data *body)
{
	set_bodies(request, body, NULL);
	return 0;
}

const transfer_data *transfer_request_get_body(const transfer_request *request)
{
	return request->body;
}

int transfer_request_set_body_stream(transfer_request *request, transfer_body *body)
{
	set_bodies(request, NULL, body);
	return 0;
}

transfer_body *transfer_request_get_body_stream(const transfer_request *request)
{
	return request->body_stream;
}

int transfer_request_set_timeout(transfer_request *request, uint64_t timeout_usec)
{
	request->timeout_us = timeout_usec;
	return 0;
}

uint64_t transfer_request_get_timeout(const transfer_request *request)
{
	return request->timeout_us;
}

int transfer_request_set_resource_timeout(transfer_request *request, uint64_t timeout_usec)
{
	request->resource_timeout_us = timeout_usec;
	return 0;
}

int transfer_request_set_destination(transfer_request *request, const char *path, bool overwrite)
{
	request->may_overwrite = overwrite;
	return request_stick(request, text_set_path(&request->destination, path));
}

const char *transfer_request_get_destination(const transfer_request *request)
{
	return request->destination;
}

int transfer_request_set_checksum(transfer_request *request, const char *algorithm, const char *hex)
{
	size_t n = checksum_digits(algorithm);
	int r;

	if (algorithm && !checksum_is_valid(algorithm, hex))
		return request_stick(request, -EINVAL);
	r = text_set(&request->checksum_hex, algorithm ? hex : NULL, n);
	if (!r)
		r = text_set(&request->checksum_algorithm, algorithm, n);
	return request_stick(request, r);
}

int transfer_request_set_want_digest(transfer_request *request, const char *algorithm)
{
	size_t n = checksum_digits(algorithm);

	if (algorithm && !n)
		return request_stick(request, -EINVAL);
	return request_stick(request, text_set(&request->want_digest, algorithm, n));
}

int transfer_request_set_not_before(transfer_request *request, uint64_t wall_usec)
{
	request->not_before_wall_us = wall_usec;
	return 0;
}

int transfer_request_set_max_rate(transfer_request *request, uint64_t rate_bps)
{
	request->max_rate_bps = rate_bps;
	return 0;
}

int transfer_request_set_priority(transfer_request *request, double priority)
{
	if (!(priority >= 0.0 && priority <= 1.0))
		return request_stick(request, -EINVAL);
	request->priority = priority;
	request->has_priority = true;
	return 0;
}

int transfer_request_set_description(transfer_request *request, const char *text)
{
	return request_stick(
		request, text_set(&request->description, text, TEXT_DESCRIPTION_MAX_BYTES));
}

int transfer_request_set_userdata(transfer_request *request, const void *bytes, size_t size_bytes)
{
	transfer_data *data = NULL;

	if (size_bytes > REQUEST_USERDATA_MAX_BYTES)
		return request_stick(request, -E2BIG);
	if (size_bytes) {
		data = transfer_data_new_copy(bytes, size_bytes);
		if (!data)
			return request_stick(request, -ENOMEM);
	}
	transfer_data_unref(request->userdata);
	request->userdata = data;
	return 0;
}

int transfer_request_set_allow_insecure(transfer_request *request, bool allow)
{
	request->allow_insecure = allow;
	return 0;
}

int transfer_request_set_ca_file(transfer_request *request, const char *path)
{
	return request_stick(request, text_set_path(&request->ca_file, path));
}

int transfer_request_set_retry_http_errors(transfer_request *request, bool retry)
{
	request->retry_http_errors = retry;
	return 0;
}

int transfer_request_set_upload_copy(transfer_request *request, enum transfer_upload_copy copy)
{
	if (copy != TRANSFER_UPLOAD_COPY_SNAPSHOT && copy != TRANSFER_UPLOAD_COPY_NONE)
		return request_stick(request, -EINVAL);
	request->upload_copy = copy;
	request->has_upload_copy = true;
	return 0;
}

int transfer_request_set_handles_cookies(transfer_request *request, bool handles)
{
	request->ignores_cookies = !handles;
	return 0;
}

bool transfer_request_get_handles_cookies(const transfer_request *request)
{
	return !request->ignores_cookies;
}

int transfer_request_set_main_document_url(transfer_request *request, const char *url)
{
	return request_stick(
		request, text_set(&request->main_document_url, url, TEXT_URL_MAX_BYTES));
}

const char *transfer_request_get_main_document_url(const transfer_request *request)
{
	return request->main_document_url;
}

int transfer_request_get_status(const transfer_request *request)
{
	return request->status;
}

/* Numbers and switches: what is unset is left out, so that the session's word holds. */
static void options_to_ipc(const struct transfer_request *request, struct ipc_request *row)
{
	row->timeout_usec = request->timeout_us;
	row->has_timeout_usec = request->timeout_us != 0;
	row->resource_timeout_usec = request->resource_timeout_us;
	row->has_resource_timeout_usec = request->resource_timeout_us != 0;
	row->not_before_usec = request->not_before_wall_us;
	row->has_not_before_usec = request->not_before_wall_us != 0;
	row->max_rate_bps = request->max_rate_bps;
	row->has_max_rate_bps = request->max_rate_bps != 0;
	row->priority = request->priority;
	row->has_priority = request->has_priority;
	row->allow_insecure = row->has_allow_insecure = request->allow_insecure;
	row->retry_http_errors = row->has_retry_http_errors = request->retry_http_errors;
	row->has_handles_cookies = request->ignores_cookies;
	row->main_document_url = request->main_document_url;
	row->overwrite = row->has_overwrite = request->may_overwrite && request->destination;
}

/* The rest of what only sessions of a connection have; bodies are put in by whoever can open and seal them. */
static void policy_to_ipc(const struct transfer_request *request, struct ipc_request *row)
{
	if (request->cache_policy != TRANSFER_CACHE_USE_PROTOCOL)
		row->cache_policy = words_cache_policy(request->cache_policy);
	if (request->service_type != TRANSFER_SERVICE_DEFAULT)
		row->service_type = words_service_type(request->service_type);
}

int request_to_ipc(
	const struct transfer_request *request, struct arena *arena, struct ipc_request *ret_row)
{
	struct ipc_request row = {
		.url = request->url,
		.method = request->method,
		.destination = request->destination,
		.description = request->description,
		.ca_file = request->ca_file,
		.want_digest = request->want_digest,
		.has_checksum = request->checksum_algorithm != NULL,
		.checksum = { .algorithm = request->checksum_algorithm,
			.hex = request->checksum_hex },
		.userdata = transfer_data_get_bytes(request->userdata),
		.n_userdata = transfer_data_get_size(request->userdata),
		.n_headers = request->headers.n_fields,
	};
	int r = request->status;

	if (r || !request_fits(request))
		return r ? r : -EINVAL;
	r = text_headers_to_ipc(&request->headers, arena, &row.headers);
	if (r)
		return r;
	options_to_ipc(request, &row);
	policy_to_ipc(request, &row);
	if (request->has_upload_copy)
		row.upload_copy = request->upload_copy == TRANSFER_UPLOAD_COPY_NONE ? "none"
										    : "snapshot";
	*ret_row = row;
	return 0;
}

static int texts_from_ipc(struct transfer_request *request, const struct ipc_task *task)
{
	int r = text_set(&request->method, task->method, REQUEST_METHOD_MAX_BYTES);

	if (!r)
		r = text_set(&request->destination, task->destination, TEXT_URL_MAX_BYTES);
	if (!r)
		r = text_set(&request->description, task->description, TEXT_URL_MAX_BYTES);
	if (!r && task->has_checksum)
		r = text_set(
			&request->checksum_algorithm, task->checksum.algorithm, TEXT_URL_MAX_BYTES);
	if (!r && task->has_checksum)
		r = text_set(&request->checksum_hex, task->checksum.hex, TEXT_URL_MAX_BYTES);
	if (!r)
		r = text_headers_from_ipc(
			&request->headers, task->request_headers, task->n_request_headers);
	return r;
}

int request_from_ipc(const struct ipc_task *task, struct transfer_request **ret_request)
{
	struct transfer_request *request = transfer_request_new(task->url);
	int r;

	if (!request)
		return -ENOMEM;
	r = texts_from_ipc(request, task);
	if (!r && task->userdata)
		r = transfer_request_set_userdata(request, task->userdata, task->n_userdata);
	if (r) {
		transfer_request_unref(request);
		return r;
	}
	request->priority = task->priority;
	request->has_priority = task->has_priority;
	request->not_before_wall_us = task->not_before_usec;
	request->max_rate_bps = task->max_rate_bps;
	*ret_request = request;
	return 0;
}
