/* SPDX-License-Identifier: MIT */
/* The model as rows of the bus. Rows outlive the callback in which a task is shown, so everything is copied to an arena. */
#include <errno.h>
#include <string.h>

#include <transfer/error.h>

#include "base/err.h"
#include "daemon/bus/bus-private.h"

/* X(symbol, key): what a client may ask for in `fields`; the rest of a row goes with these. */
#define FIELDS(X) \
	X(ID, "id") \
	X(SESSION, "session") \
	X(SESSION_IDENTIFIER, "session-identifier") \
	X(SESSION_KIND, "session-kind") \
	X(APP_ID, "app-id") \
	X(KIND, "kind") \
	X(STATE, "state") \
	X(SUB_STATE, "sub-state") \
	X(REASONS, "reasons") \
	X(WAITING_UNTIL, "waiting-until-usec") \
	X(URL, "url") \
	X(CURRENT_URL, "current-url") \
	X(NAME, "name") \
	X(METHOD, "method") \
	X(DESCRIPTION, "description") \
	X(PRIORITY, "priority") \
	X(DESTINATION, "destination") \
	X(PATH, "path") \
	X(SOURCE, "source") \
	X(BYTES_RECEIVED, "bytes-received") \
	X(BYTES_EXPECTED_TO_RECEIVE, "bytes-expected-to-receive") \
	X(BYTES_SENT, "bytes-sent") \
	X(BYTES_EXPECTED_TO_SEND, "bytes-expected-to-send") \
	X(RECEIVE_RATE, "receive-rate") \
	X(SEND_RATE, "send-rate") \
	X(ETA, "eta-usec") \
	X(ATTEMPTS, "attempts") \
	X(NEXT_RETRY, "next-retry-usec") \
	X(NOT_BEFORE, "not-before-usec") \
	X(CREATED, "created-usec") \
	X(STARTED, "started-usec") \
	X(FINISHED, "finished-usec") \
	X(SUSPEND_COUNT, "suspend-count") \
	X(MAX_RATE, "max-rate-bps") \
	X(RESPONSE, "response") \
	X(ERROR, "error") \
	X(LAST_ERROR, "last-error") \
	X(IS_RESUMABLE, "is-resumable") \
	X(CHECKSUM, "checksum") \
	X(DIGEST, "digest") \
	X(USERDATA, "userdata") \
	X(REQUEST_HEADERS, "request-headers")

enum field {
#define FIELD_ENUM(symbol, key) FIELD_##symbol,
	FIELDS(FIELD_ENUM)
#undef FIELD_ENUM
		N_FIELDS,
};

#define FIELD_KEY(symbol, key) key,
static const char *const field_names[] = { FIELDS(FIELD_KEY) };

#define BIT(symbol) (UINT64_C(1) << FIELD_##symbol)

uint64_t bus_view_all_fields(void)
{
	return (UINT64_C(1) << N_FIELDS) - 1 - BIT(REQUEST_HEADERS);
}

int bus_view_fields(const char *const *names, size_t n, uint64_t *ret_fields, const char **ret_bad)
{
	uint64_t fields = BIT(ID);

	for (size_t i = 0; i < n; i++) {
		int field = 0;

		while (field < N_FIELDS && strcmp(field_names[field], names[i]) != 0)
			field++;
		if (field == N_FIELDS) {
			*ret_bad = names[i];
			return IPC_E_INVALID_REQUEST;
		}
		fields |= UINT64_C(1) << field;
	}
	*ret_fields = n ? fields : bus_view_all_fields();
	return 0;
}

int bus_view_text(struct arena *arena, const char *text, const char **ret)
{
	*ret = text ? arena_strdup(arena, text) : NULL;
	return text && !*ret ? err_raise(-ENOMEM) : 0;
}

static int copy_bytes(struct arena *arena, const void *bytes, size_t size, const uint8_t **ret)
{
	uint8_t *copy;

	*ret = NULL;
	if (!bytes || size == 0)
		return 0;
	copy = arena_alloc(arena, size, 1);
	if (!copy)
		return err_raise(-ENOMEM);
	memcpy(copy, bytes, size);
	*ret = copy;
	return 0;
}

int bus_view_headers(const struct task_header *headers, size_t n, struct arena *arena,
	const struct ipc_header **ret)
{
	struct ipc_header *copy;
	int r = 0;

	*ret = NULL;
	if (n == 0)
		return 0;
	copy = arena_alloc(arena, n, sizeof(*copy));
	if (!copy)
		return err_raise(-ENOMEM);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = bus_view_text(arena, headers[i].name, &copy[i].name);
		if (r == 0)
			r = bus_view_text(arena, headers[i].value, &copy[i].value);
	}
	*ret = copy;
	return r;
}

int bus_view_response(const struct task *task, struct arena *arena, const struct ipc_response **ret)
{
	const struct task_response *response = &task->response;
	struct ipc_response *copy;
	int r;

	*ret = NULL;
	if (response->status == 0 && !response->suggested_name)
		return 0;
	copy = arena_alloc(arena, 1, sizeof(*copy));
	if (!copy)
		return err_raise(-ENOMEM);
	copy->status = response->status;
	copy->expected_length = response->expected_bytes;
	copy->has_status = copy->has_expected_length = true;
	copy->n_headers = response->n_headers;
	r = bus_view_text(arena, response->url, &copy->url);
	if (r == 0)
		r = bus_view_text(arena, response->mime_type, &copy->mime_type);
	if (r == 0)
		r = bus_view_text(arena, response->text_encoding, &copy->text_encoding);
	if (r == 0)
		r = bus_view_text(arena, response->http_version, &copy->http_version);
	if (r == 0)
		r = bus_view_text(arena, response->suggested_name, &copy->suggested_name);
	if (r == 0)
		r = bus_view_headers(response->headers, response->n_headers, arena, &copy->headers);
	*ret = copy;
	return r;
}

int bus_view_error(
	const struct bus_view_error *error, struct arena *arena, const struct ipc_error **ret)
{
	const struct transfer_result *result = error->result;
	struct ipc_error *copy;
	int r = 0;

	*ret = NULL;
	if (result->code == 0)
		return 0;
	copy = arena_alloc(arena, 1, sizeof(*copy));
	if (!copy)
		return err_raise(-ENOMEM);
	copy->domain = "NSURLErrorDomain";
	copy->code = result->code;
	copy->has_code = true;
	copy->name = bus_words_error(result->code);
	copy->os_errno = result->os_errno;
	copy->has_os_errno = result->os_errno != 0;
	if (result->code == TRANSFER_ERROR_CANCELLED) {
		copy->cancelled_reason = result->library_code;
		copy->has_cancelled_reason = true;
	} else {
		copy->library_code = result->library_code;
		copy->has_library_code = result->library_code != 0;
	}
	copy->is_resumable = error->is_resumable;
	copy->has_is_resumable = true;
	copy->n_resume_data = error->resume_data_bytes;
	r = copy_bytes(arena, error->resume_data, error->resume_data_bytes, &copy->resume_data);
	if (r == 0 && result->detail[0])
		r = bus_view_text(arena, result->detail, &copy->detail);
	if (r == 0)
		r = bus_view_text(arena, error->failing_url, &copy->failing_url);
	*ret = copy;
	return r;
}

int bus_view_metrics(const struct task *task, struct arena *arena, const struct ipc_metrics **ret)
{
	struct ipc_metrics *copy = arena_alloc(arena, 1, sizeof(*copy));

	if (!copy)
		return err_raise(-ENOMEM);
	copy->attempts = task->attempts;
	copy->created_usec = task->created_wall_us;
	copy->started_usec = task->started_wall_us;
	copy->finished_usec = task->finished_wall_us;
	copy->redirects = task->redirects;
	copy->network_bytes = task->network_bytes;
	copy->has_attempts = copy->has_created_usec = copy->has_redirects =
		copy->has_network_bytes = true;
	copy->has_started_usec = task->started_wall_us != 0;
	copy->has_finished_usec = task->finished_wall_us != 0;
	*ret = copy;
	return bus_view_text(arena, task->response.http_version, &copy->http_version);
}

static int copy_request_texts(
	const struct task_request *request, struct arena *arena, struct ipc_request *copy)
{
	const struct {
		const char *from;
		const char **to;
	} texts[] = {
		{ request->method, &copy->method },
		{ request->destination, &copy->destination },
		{ request->source_path, &copy->body_path },
		{ request->ca_file, &copy->ca_file },
		{ request->want_digest, &copy->want_digest },
		{ request->description, &copy->description },
		{ request->checksum_name, &copy->checksum.algorithm },
		{ request->checksum_hex, &copy->checksum.hex },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(texts) / sizeof(texts[0]); i++)
		r = bus_view_text(arena, texts[i].from, texts[i].to);
	copy->has_checksum = copy->checksum.algorithm && copy->checksum.hex;
	return r;
}

int bus_view_request(const struct task *task, bool is_current, struct arena *arena,
	const struct ipc_request **ret)
{
	const struct task_request *request = &task->request;
	struct ipc_request *copy = arena_alloc(arena, 1, sizeof(*copy));
	int r;

	if (!copy)
		return err_raise(-ENOMEM);
	copy->body_file = copy->destination_dir = -1;
	copy->kind = bus_words_task_kind(task->kind);
	copy->overwrite = request->may_overwrite;
	copy->timeout_usec = request->timeout_us;
	copy->resource_timeout_usec = request->resource_timeout_us;
	copy->priority = request->priority;
	copy->not_before_usec = request->not_before_wall_us;
	copy->allow_insecure = request->allow_insecure;
	copy->max_rate_bps = request->max_rate_bps;
	copy->retry_http_errors = request->retry_http_errors;
	copy->has_overwrite = copy->has_priority = copy->has_allow_insecure =
		copy->has_retry_http_errors = true;
	copy->has_timeout_usec = request->timeout_us != 0;
	copy->has_resource_timeout_usec = request->resource_timeout_us != 0;
	copy->has_not_before_usec = request->not_before_wall_us != 0;
	copy->has_max_rate_bps = request->max_rate_bps != 0;
	copy->n_headers = request->n_headers;
	copy->n_userdata = request->userdata_bytes;
	r = bus_view_text(arena,
		is_current && task->response.url ? task->response.url : request->url, &copy->url);
	if (r == 0)
		r = copy_request_texts(request, arena, copy);
	if (r == 0)
		r = bus_view_headers(request->headers, request->n_headers, arena, &copy->headers);
	if (r == 0)
		r = copy_bytes(arena, request->userdata, request->userdata_bytes, &copy->userdata);
	*ret = copy;
	return r;
}

/* ---- a task in a list ---- */

/* What a row is filled from and into. */
struct view {
	struct bus *bus;
	const struct task *task;
	uint64_t fields;
	struct arena *arena;
	struct ipc_task *row;
};

static bool wants(const struct view *view, enum field field)
{
	return view->fields >> field & 1;
}

/* The name for people: of the file, wherever it is known from. */
static int view_name(const struct view *view)
{
	const struct task_request *request = &view->task->request;
	const char *from = request->destination ? request->destination : request->source_path;
	const char *slash;
	size_t len;

	if (!from)
		from = view->task->response.suggested_name;
	if (!from) {
		const char *rest = strstr(request->url, "://");

		from = rest ? rest + 3 : request->url;
		len = strcspn(from, "?#");
		while (len && from[len - 1] == '/')
			len--;
		for (slash = from + len; slash > from && slash[-1] != '/'; slash--)
			;
		view->row->name = arena_strndup(view->arena, slash, (size_t)(from + len - slash));
		return view->row->name ? 0 : err_raise(-ENOMEM);
	}
	slash = strrchr(from, '/');
	return bus_view_text(view->arena, slash ? slash + 1 : from, &view->row->name);
}

static int view_texts(const struct view *view)
{
	const struct task_request *request = &view->task->request;
	struct ipc_task *row = view->row;
	const struct {
		enum field field;
		const char *from;
		const char **to;
	} texts[] = {
		{ FIELD_URL, request->url, &row->url },
		{ FIELD_CURRENT_URL, view->task->response.url, &row->current_url },
		{ FIELD_METHOD, request->method, &row->method },
		{ FIELD_DESCRIPTION, request->description, &row->description },
		{ FIELD_DESTINATION, request->destination, &row->destination },
		{ FIELD_SOURCE, request->source_path, &row->source },
		{ FIELD_CHECKSUM, request->checksum_name, &row->checksum.algorithm },
		{ FIELD_CHECKSUM, request->checksum_hex, &row->checksum.hex },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(texts) / sizeof(texts[0]); i++)
		if (wants(view, texts[i].field))
			r = bus_view_text(view->arena, texts[i].from, texts[i].to);
	row->has_checksum = row->checksum.algorithm && row->checksum.hex;
	if (r == 0 && wants(view, FIELD_NAME))
		r = view_name(view);
	return r;
}

static int view_session(const struct view *view)
{
	const struct session *session = bus_session_get(view->bus, view->task->session);
	int r = 0;

	view->row->session = (struct ipc_path){ view->task->session, 0 };
	view->row->has_session = wants(view, FIELD_SESSION);
	if (!session)
		return 0;
	if (wants(view, FIELD_SESSION_KIND))
		view->row->session_kind = bus_words_session_kind_name(session->kind);
	if (wants(view, FIELD_SESSION_IDENTIFIER))
		r = bus_view_text(view->arena, session->identifier, &view->row->session_identifier);
	if (r == 0 && wants(view, FIELD_APP_ID))
		r = bus_view_text(view->arena, session->app_id, &view->row->app_id);
	return r;
}

static int view_waiting(const struct view *view)
{
	const char *reasons[FLOW_REASONS_MAX];
	bool is_live = live_owns(view->task->session);
	uint64_t until_wall_us = is_live
		? 0
		: flow_task_waiting_until_wall_us(view->bus->flow, view->task);
	size_t n = is_live ? 0 : flow_task_reasons(view->bus->flow, view->task, reasons);
	const char **copy;

	view->row->waiting_until_usec = until_wall_us;
	view->row->has_waiting_until_usec = until_wall_us && wants(view, FIELD_WAITING_UNTIL);
	view->row->next_retry_usec = view->task->due_wall_us;
	view->row->has_next_retry_usec = view->task->state == TASK_STATE_WAITING &&
		wants(view, FIELD_NEXT_RETRY);
	if (n == 0 || !wants(view, FIELD_REASONS))
		return 0;
	copy = arena_alloc(view->arena, n, sizeof(*copy));
	if (!copy)
		return err_raise(-ENOMEM);
	memcpy(copy, reasons, n * sizeof(*copy)); /* constants of the flow */
	view->row->reasons = copy;
	view->row->n_reasons = n;
	return 0;
}

static void view_counters(const struct view *view)
{
	const struct task *task = view->task;
	struct ipc_task *row = view->row;
	int64_t left_bytes = task->expected_receive_bytes - (int64_t)task->received_bytes;
	uint64_t rate_bps = task->receive_bps;

	row->bytes_received = task->received_bytes > task->offset_bytes ? task->received_bytes
									: task->offset_bytes;
	row->bytes_expected_to_receive = task->expected_receive_bytes;
	row->bytes_sent = task->live_sent_bytes > task->sent_bytes ? task->live_sent_bytes
								   : task->sent_bytes;
	row->bytes_expected_to_send = task->expected_send_bytes;
	if (task->expected_receive_bytes < 0 && task->kind == TRANSFER_TASK_DOWNLOAD)
		row->bytes_expected_to_receive = task->total_bytes;
	if (task->expected_send_bytes < 0 && task->kind == TRANSFER_TASK_UPLOAD)
		row->bytes_expected_to_send = (int64_t)task->request.source_size_bytes;
	row->has_bytes_received = wants(view, FIELD_BYTES_RECEIVED);
	row->has_bytes_expected_to_receive = wants(view, FIELD_BYTES_EXPECTED_TO_RECEIVE);
	row->has_bytes_sent = wants(view, FIELD_BYTES_SENT);
	row->has_bytes_expected_to_send = wants(view, FIELD_BYTES_EXPECTED_TO_SEND);
	row->receive_rate = task->receive_bps;
	row->send_rate = task->send_bps;
	row->has_receive_rate = wants(view, FIELD_RECEIVE_RATE);
	row->has_send_rate = wants(view, FIELD_SEND_RATE);
	if (task->kind == TRANSFER_TASK_UPLOAD) {
		left_bytes = row->bytes_expected_to_send - (int64_t)row->bytes_sent;
		rate_bps = task->send_bps;
	}
	row->has_eta_usec = task->attempt && rate_bps && left_bytes > 0 && wants(view, FIELD_ETA);
	if (row->has_eta_usec)
		row->eta_usec = (uint64_t)((double)left_bytes / (double)rate_bps * 1e6);
}

const char *bus_view_sub_state(struct bus *bus, const struct task *task)
{
	return bus_words_sub_state(live_owns(task->session) ? live_task_sub_state(bus->live, task)
							    : flow_task_sub_state(bus->flow, task));
}

static void view_life(const struct view *view)
{
	const struct task *task = view->task;
	struct ipc_task *row = view->row;

	row->id = task->id;
	row->has_id = true;
	if (wants(view, FIELD_KIND))
		row->kind = bus_words_task_kind(task->kind);
	if (wants(view, FIELD_STATE))
		row->state = bus_words_task_state(task_public_state(task));
	if (wants(view, FIELD_SUB_STATE))
		row->sub_state = bus_view_sub_state(view->bus, task);
	row->priority = task->request.priority;
	row->has_priority = wants(view, FIELD_PRIORITY);
	row->attempts = task->attempts;
	row->has_attempts = wants(view, FIELD_ATTEMPTS);
	row->not_before_usec = task->request.not_before_wall_us;
	row->has_not_before_usec = row->not_before_usec && wants(view, FIELD_NOT_BEFORE);
	row->created_usec = task->created_wall_us;
	row->has_created_usec = wants(view, FIELD_CREATED);
	row->started_usec = task->started_wall_us;
	row->has_started_usec = row->started_usec && wants(view, FIELD_STARTED);
	row->finished_usec = task->finished_wall_us;
	row->has_finished_usec = row->finished_usec && wants(view, FIELD_FINISHED);
	row->suspend_count = task->suspend_count;
	row->has_suspend_count = wants(view, FIELD_SUSPEND_COUNT);
	row->max_rate_bps = task->request.max_rate_bps;
	row->has_max_rate_bps = wants(view, FIELD_MAX_RATE);
	row->is_resumable = flow_task_is_resumable(task);
	row->has_is_resumable = wants(view, FIELD_IS_RESUMABLE);
}

static int view_end(const struct view *view)
{
	const struct task *task = view->task;
	struct bus_view_error error = { .result = &task->result,
		.failing_url = task->failing_url,
		.is_resumable = flow_task_is_resumable(task) };
	int r = 0;

	if (wants(view, FIELD_RESPONSE))
		r = bus_view_response(task, view->arena, &view->row->response);
	if (r == 0 && wants(view, FIELD_ERROR) && task->state == TASK_STATE_COMPLETED)
		r = bus_view_error(&error, view->arena, &view->row->error);
	error.result = &task->last_error;
	if (r == 0 && wants(view, FIELD_LAST_ERROR) && task->state != TASK_STATE_COMPLETED)
		r = bus_view_error(&error, view->arena, &view->row->last_error);
	if (r == 0 && wants(view, FIELD_DIGEST) && task->digest_hex) {
		const char *name = task->request.want_digest ? task->request.want_digest
							     : task->request.checksum_name;

		r = bus_view_text(view->arena, task->digest_hex, &view->row->digest.hex);
		if (r == 0)
			r = bus_view_text(view->arena, name, &view->row->digest.algorithm);
		view->row->has_digest = name != NULL;
	}
	return r;
}

static int view_files(const struct view *view)
{
	const struct task_request *request = &view->task->request;
	char path[4352];
	int r = 0;

	if (wants(view, FIELD_PATH) && !live_owns(view->task->session))
		r = bus_view_text(view->arena,
			flow_task_file(view->bus->flow, view->task, path, sizeof(path)),
			&view->row->path);
	if (r == 0 && wants(view, FIELD_USERDATA)) {
		view->row->n_userdata = request->userdata_bytes;
		r = copy_bytes(view->arena, request->userdata, request->userdata_bytes,
			&view->row->userdata);
	}
	if (r == 0 && wants(view, FIELD_REQUEST_HEADERS)) {
		view->row->n_request_headers = request->n_headers;
		r = bus_view_headers(request->headers, request->n_headers, view->arena,
			&view->row->request_headers);
	}
	return r;
}

int bus_view_task(struct bus *bus, const struct task *task, uint64_t fields, struct arena *arena,
	struct ipc_task *ret)
{
	static int (*const parts[])(const struct view *view) = { view_texts, view_session,
		view_waiting, view_end, view_files };
	struct view view = { bus, task, fields, arena, ret };
	int r = 0;

	memset(ret, 0, sizeof(*ret));
	view_life(&view);
	view_counters(&view);
	for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(parts[0]); i++)
		r = parts[i](&view);
	return r;
}
