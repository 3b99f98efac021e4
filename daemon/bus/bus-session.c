/* SPDX-License-Identifier: MIT */
/* org.transferd.Transfer1.Session: attaching, acknowledging, making tasks, ending. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "daemon/bus/bus-private.h"
#include "daemon/look.h"

static uint64_t session_of(struct ipc_call *call)
{
	return ipc_call_path(call).session;
}

/* 0 when the caller is attached to the session; *ret_client is its number. */
static int find_attached(struct bus *bus, struct ipc_call *call, uint64_t *ret_client)
{
	struct bus_attachment *attachment = bus_event_find(bus, session_of(call));

	if (live_owns(session_of(call)))
		return bus_refuse(call, FLOW_E_NOT_SUPPORTED_IN_SESSION);
	if (!attachment || strcmp(attachment->name, ipc_call_caller(call)->name) != 0)
		return bus_refuse(call, FLOW_E_NOT_ATTACHED);
	*ret_client = attachment->client;
	return 0;
}

/* ---- attaching ---- */

struct attach_reply {
	struct ipc_call *call;
	struct bus *bus;
	struct ipc_session_attach_out out;
	struct ipc_task *rows;
	size_t n_rows;
	uint64_t session;
};

static void on_attached(void *user, int error)
{
	struct attach_reply *reply = user;
	struct bus *bus = reply->bus;
	uint64_t session = reply->session;
	struct bus_attachment *attachment = bus_event_find(bus, session);

	if (error) {
		/* who was attached before still is: by this number it comes back, or is seen to leave */
		if (attachment && flow_session_client(bus->flow, session) != attachment->client)
			bus_event_detach(bus, attachment);
		bus_reply_error(reply->call, error);
		return;
	}
	ipc_reply_session_attach(reply->call, &reply->out); /* frees the reply, too */
	if (attachment)
		bus_event_open(bus, attachment);
}

static int on_attach_task(const struct task *task, void *user)
{
	struct attach_reply *reply = user;
	int r;

	if (reply->n_rows == FLOW_LIST_MAX)
		return 0;
	r = bus_view_task(reply->bus, task, bus_view_all_fields(), ipc_call_arena(reply->call),
		&reply->rows[reply->n_rows]);
	reply->n_rows += r == 0;
	return r;
}

static int snapshot(struct bus *bus, struct attach_reply *reply)
{
	struct flow_query query = {
		.uid = (uid_t)-1, .session = reply->session, .limit = FLOW_LIST_MAX
	};
	uint64_t next;
	int r;

	reply->rows = arena_alloc(ipc_call_arena(reply->call), FLOW_LIST_MAX, sizeof(*reply->rows));
	if (!reply->rows)
		return err_raise(-ENOMEM);
	r = flow_tasks_each(bus->flow, &query, on_attach_task, reply, &next);
	reply->out.tasks = reply->rows;
	reply->out.n_tasks = reply->n_rows;
	return r;
}

static int read_options(
	struct ipc_call *call, const struct ipc_attach_options *options, struct flow_attach *attach)
{
	uint32_t interval_ms = options->has_progress_interval_ms ? options->progress_interval_ms
								 : BUS_PROGRESS_DEFAULT_MS;

	if (options->has_window && (options->window == 0 || options->window > BUS_WINDOW_MAX))
		return ipc_call_error(
			call, IPC_E_INVALID_REQUEST, "window must be 1 to %d", BUS_WINDOW_MAX);
	if (interval_ms && interval_ms < BUS_PROGRESS_MIN_MS)
		interval_ms = BUS_PROGRESS_MIN_MS;
	attach->progress_interval_us = (uint64_t)interval_ms * 1000;
	attach->implements = bus_question_mask(options->implements, options->n_implements);
	return 0;
}

static int attach(struct ipc_call *call, void *user, const struct ipc_session_attach_in *in,
	struct ipc_session_attach_out *out)
{
	struct bus *bus = user;
	const char *name = ipc_call_caller(call)->name;
	struct flow_attach request = { .session = session_of(call),
		.client = bus_event_client(bus, name) };
	struct attach_reply *reply = bus_alloc(call, sizeof(*reply));
	struct bus_attachment *attachment;
	struct flow_attached attached;
	int r;

	(void)out;
	if (live_owns(request.session))
		return bus_refuse(call, FLOW_E_NOT_SUPPORTED_IN_SESSION);
	if (!reply)
		return err_raise(-ENOMEM);
	r = read_options(call, &in->options, &request);
	if (r)
		return r;
	r = flow_attach(bus->flow, &request, &attached);
	if (r)
		return bus_refuse(call, r);
	attachment = bus_event_attach(bus, request.session, request.client, name);
	if (!attachment)
		return err_raise(-ENOMEM);
	attachment->window = in->options.has_window ? in->options.window : BUS_WINDOW_DEFAULT;
	attachment->is_batch = in->options.batch;
	attachment->takes_files = bus_words_has(
		in->options.implements, in->options.n_implements, IPC_EVENTS_FILE);
	attachment->sent_seq = attached.last_acked;
	attachment->last_seq = attached.last_seq;
	attachment->has_questions = request.implements != 0;
	*reply = (struct attach_reply){ .call = call, .bus = bus, .session = request.session };
	reply->out.last_acked = attached.last_acked;
	reply->out.last_seq = attached.last_seq;
	r = snapshot(bus, reply);
	return r ? bus_refuse(call, r) : bus_defer(bus, call, on_attached, reply);
}

struct ack_reply {
	struct ipc_call *call;
	struct bus *bus;
	uint64_t session, seq;
};

static void on_acked(void *user, int error)
{
	struct ack_reply reply = *(struct ack_reply *)user; /* it goes with the call */

	if (error) {
		bus_reply_error(reply.call, error);
		return;
	}
	ipc_reply_done(reply.call);
	bus_launch_served(reply.bus, reply.session);
	bus_event_acked(reply.bus, reply.session, reply.seq);
}

static int acknowledge(
	struct ipc_call *call, void *user, const struct ipc_session_acknowledge_in *in)
{
	struct ack_reply *reply = bus_alloc(call, sizeof(*reply));
	struct bus *bus = user;
	uint64_t client;
	int r;

	if (live_owns(session_of(call)))
		return bus_live_acknowledge(call, user, in);
	r = find_attached(bus, call, &client);
	if (r)
		return r;
	if (!reply)
		return err_raise(-ENOMEM);
	r = flow_ack(bus->flow, session_of(call), client, in->seq);
	if (r == FLOW_E_INVALID_REQUEST)
		return ipc_call_error(
			call, IPC_E_INVALID_ARGS, "there is no event %" PRIu64 " yet", in->seq);
	if (r)
		return bus_refuse(call, r);
	*reply = (struct ack_reply){ call, bus, session_of(call), in->seq };
	return bus_defer(bus, call, on_acked, reply);
}

static int detach(struct ipc_call *call, void *user)
{
	struct bus *bus = user;
	uint64_t client;
	int r = find_attached(bus, call, &client);

	if (r)
		return r;
	r = flow_detach(bus->flow, session_of(call), client);
	if (r)
		return bus_refuse(call, r);
	bus_event_detach(bus, bus_event_find(bus, session_of(call)));
	return bus_defer_done(bus, call);
}

/* ---- making tasks ---- */

struct create_reply {
	struct ipc_call *call;
	uint64_t session;
};

static void on_created(void *user, int error, const uint64_t *ids, size_t n_ids)
{
	struct create_reply *reply = user;
	struct ipc_session_create_tasks_out out = { .n_tasks = n_ids };
	struct ipc_task_ref *refs;

	if (error) {
		bus_reply_error(reply->call, error);
		return;
	}
	refs = arena_alloc(ipc_call_arena(reply->call), n_ids + 1, sizeof(*refs));
	if (!refs) {
		bus_reply_error(reply->call, -ENOMEM);
		return;
	}
	for (size_t i = 0; i < n_ids; i++)
		refs[i] = (struct ipc_task_ref){ ids[i], { reply->session, ids[i] } };
	out.tasks = refs;
	if (n_ids)
		log_info("session %" PRIu64 ": %zu tasks from %" PRIu64, reply->session, n_ids,
			ids[0]);
	ipc_reply_session_create_tasks(reply->call, &out);
}

/* A folder that was passed open, and a name in it, as the path that the engine publishes to. */
static int read_folder(
	struct ipc_call *call, const struct ipc_request *from, struct task_request *to)
{
	char link[64], folder[PATH_MAX];
	const char *name = from->destination_name;
	char *path;
	size_t size;
	ssize_t n;

	if (!name || !name[0] || strchr(name, '/') || strcmp(name, ".") == 0 ||
		strcmp(name, "..") == 0)
		return ipc_call_error(call, IPC_E_INVALID_REQUEST,
			"destination-dir needs a plain destination-name");
	snprintf(link, sizeof(link), "/proc/self/fd/%d", from->destination_dir);
	n = readlink(link, folder, sizeof(folder) - 1);
	if (n <= 0 || folder[0] != '/')
		return ipc_call_error(
			call, IPC_E_INVALID_REQUEST, "destination-dir is not a folder");
	folder[n] = 0;
	size = (size_t)n + strlen(name) + 2;
	path = bus_alloc(call, size);
	if (!path)
		return err_raise(-ENOMEM);
	snprintf(path, size, "%s/%s", folder, name);
	to->destination = path;
	return 0;
}

static int read_words(
	struct ipc_call *call, const struct ipc_request *from, struct flow_request *to)
{
	if (from->kind && bus_words_task_kind_parse(from->kind, &to->kind))
		return ipc_call_error(
			call, IPC_E_INVALID_REQUEST, "unknown kind '%.40s'", from->kind);
	to->has_upload_copy = from->upload_copy != NULL;
	if (from->upload_copy && bus_words_upload_copy(from->upload_copy, &to->request.upload_copy))
		return ipc_call_error(call, IPC_E_INVALID_REQUEST, "unknown upload-copy '%.40s'",
			from->upload_copy);
	return 0;
}

int bus_session_read_request(
	struct ipc_call *call, const struct ipc_request *from, struct flow_request *to)
{
	struct task_request *request = &to->request;
	int r;

	flow_request_init(to);
	r = read_words(call, from, to);
	if (r)
		return r;
	request->url = from->url;
	request->method = from->method;
	request->destination = from->destination;
	request->source_path = from->body_path;
	request->ca_file = from->ca_file;
	request->description = from->description;
	request->want_digest = from->want_digest;
	request->userdata = from->userdata;
	request->userdata_bytes = from->n_userdata;
	request->timeout_us = from->timeout_usec;
	request->resource_timeout_us = from->resource_timeout_usec;
	request->not_before_wall_us = from->not_before_usec;
	request->max_rate_bps = from->max_rate_bps;
	request->may_overwrite = from->overwrite;
	request->allow_insecure = from->allow_insecure;
	request->retry_http_errors = from->retry_http_errors;
	request->ignores_cookies = from->has_handles_cookies && !from->handles_cookies;
	request->main_document_url = from->main_document_url;
	if (from->has_priority)
		request->priority = from->priority;
	if (from->has_checksum) {
		request->checksum_name = from->checksum.algorithm;
		request->checksum_hex = from->checksum.hex;
	}
	if (from->has_body_file)
		to->source_fd = from->body_file;
	to->resume_data = from->resume_data;
	to->resume_data_bytes = from->n_resume_data;
	request->n_headers = from->n_headers;
	request->headers = bus_headers(call, from->headers, from->n_headers);
	if (!request->headers)
		return err_raise(-ENOMEM);
	return from->has_destination_dir ? read_folder(call, from, request) : 0;
}

static int read_request(
	struct ipc_call *call, const struct ipc_request *from, struct flow_request *to)
{
	if (bus_live_is_request(from))
		return bus_refuse(call, FLOW_E_NOT_SUPPORTED_IN_SESSION);
	return bus_session_read_request(call, from, to);
}

static int look(struct bus *bus, struct ipc_call *call, const struct flow_create *create,
	struct flow_request *requests)
{
	const struct session *session = bus_session_get(bus, create->session);
	struct look_names *names = arena_alloc(
		ipc_call_arena(call), create->n_requests + 1, sizeof(*names));
	struct bus_look what = { session->app_id, names, create->n_requests };
	struct look_answer *seen;
	int r;

	if (!names)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < create->n_requests; i++) {
		const struct flow_request *from = &requests[i];
		enum task_upload_copy copy = from->has_upload_copy ? from->request.upload_copy
								   : session->config.upload_copy;

		names[i].destination = from->request.destination;
		names[i].ca_file = from->request.ca_file;
		if (from->kind == TRANSFER_TASK_UPLOAD && from->source_fd < 0)
			names[i].source_path = from->request.source_path;
		names[i].keeps_source = copy == TASK_UPLOAD_COPY_SNAPSHOT;
	}
	r = bus_look(bus, call, &what, &seen);
	for (size_t i = 0; !r && seen && i < create->n_requests; i++)
		requests[i].seen = &seen[i];
	return r;
}

static int refuse_request(struct ipc_call *call, int error, size_t bad)
{
	int r = bus_error(error);

	if (r <= 0)
		return r;
	return ipc_call_error(call, r, "requests[%zu]: %s", bad, flow_error_text(error));
}

static int create_tasks(struct ipc_call *call, void *user,
	const struct ipc_session_create_tasks_in *in, struct ipc_session_create_tasks_out *out)
{
	struct flow_request *requests = arena_alloc(
		ipc_call_arena(call), in->n_requests + 1, sizeof(*requests));
	struct create_reply *reply = bus_alloc(call, sizeof(*reply));
	struct flow_create create = { .session = session_of(call),
		.requests = requests,
		.n_requests = in->n_requests,
		.token = in->options.token,
		.after = in->options.after };
	struct bus *bus = user;
	size_t bad = 0;
	int r = 0;

	if (live_owns(create.session))
		return bus_live_create(call, user, in, out);
	if (!requests || !reply)
		return err_raise(-ENOMEM);
	if (in->options.start && strcmp(in->options.start, "running") == 0)
		create.start_running = true;
	else if (in->options.start && strcmp(in->options.start, "suspended") != 0)
		return ipc_call_error(
			call, IPC_E_INVALID_REQUEST, "start must be suspended or running");
	for (size_t i = 0; r == 0 && i < in->n_requests; i++)
		r = read_request(call, &in->requests[i], &requests[i]);
	if (!r)
		r = look(bus, call, &create, requests);
	if (r)
		return r;
	*reply = (struct create_reply){ call, create.session };
	r = flow_tasks_create(bus->flow, &create, on_created, reply, &bad);
	return r ? refuse_request(call, r, bad) : IPC_DEFERRED;
}

/* ---- ending ---- */

static int finish_tasks_and_invalidate(struct ipc_call *call, void *user)
{
	struct bus *bus = user;
	int r = FLOW_E_NOT_SUPPORTED_IN_SESSION;

	if (!live_owns(session_of(call)))
		r = flow_session_finish(bus->flow, session_of(call));
	return r ? bus_refuse(call, r) : bus_defer_done(bus, call);
}

static int invalidate_and_cancel(struct ipc_call *call, void *user)
{
	struct bus *bus = user;
	int r = FLOW_E_NOT_SUPPORTED_IN_SESSION;

	if (!live_owns(session_of(call)))
		r = flow_session_cancel(bus->flow, session_of(call));
	return r ? bus_refuse(call, r) : bus_defer_done(bus, call);
}

/* The commit before the answer has made everything durable. */
static int flush(struct ipc_call *call, void *user)
{
	struct bus *bus = user;
	uint64_t session = session_of(call);
	int r = live_owns(session) ? live_session_flush(bus->live, session, false)
				   : flow_session_flush(bus->flow, session);

	return r ? bus_refuse(call, r) : bus_defer_done(bus, call);
}

static int reset(struct ipc_call *call, void *user)
{
	struct bus *bus = user;
	uint64_t session = session_of(call);
	int r = live_owns(session) ? live_session_flush(bus->live, session, true)
				   : flow_session_reset(bus->flow, session);

	return r ? bus_refuse(call, r) : bus_defer_done(bus, call);
}

/* ---- properties ---- */

/* "": nobody. */
static const char *client_name(struct bus *bus, uint64_t session)
{
	struct bus_attachment *attachment = bus_event_find(bus, session);

	if (live_owns(session))
		return bus_live_client_name(bus, session);
	return attachment ? attachment->name : "";
}

static int view_configuration(
	const struct session *session, struct arena *arena, const struct ipc_configuration **ret)
{
	const struct session_config *config = &session->config;
	struct ipc_configuration *copy = arena_alloc(arena, 1, sizeof(*copy));
	int r;

	if (!copy)
		return err_raise(-ENOMEM);
	*copy = (struct ipc_configuration){
		.request_timeout_usec = config->request_timeout_us,
		.has_request_timeout_usec = true,
		.resource_timeout_usec = config->resource_timeout_us,
		.has_resource_timeout_usec = true,
		.n_headers = config->n_headers,
		.max_connections_per_host = config->max_connections_per_host,
		.has_max_connections_per_host = true,
		.discretionary = config->discretionary,
		.has_discretionary = true,
		.allows_metered = config->allows_metered,
		.has_allows_metered = true,
		.allow_insecure = config->allow_insecure,
		.has_allow_insecure = true,
		.retry_http_errors = config->retry_http_errors,
		.has_retry_http_errors = true,
		.max_rate_bps = config->max_rate_bps,
		.has_max_rate_bps = true,
		.upload_copy = bus_words_upload_copy_name(config->upload_copy),
		.should_set_cookies = config->sends_cookies,
		.has_should_set_cookies = true,
		.cookie_accept_policy = bus_words_cookie_accept_name(config->accepts_cookies),
	};
	r = bus_view_headers(config->headers, config->n_headers, arena, &copy->headers);
	if (r == 0)
		r = bus_view_text(arena, config->ca_file, &copy->ca_file);
	if (r == 0)
		r = bus_view_text(arena, config->launch, &copy->launch);
	if (r == 0)
		r = bus_view_text(arena, config->cookie_store ? config->cookie_store : "shared",
			&copy->cookie_store);
	*ret = copy;
	return r;
}

const struct session *bus_session_get(const struct bus *bus, uint64_t id)
{
	if (live_owns(id))
		return bus->live ? live_session_get(bus->live, id) : NULL;
	return flow_session_get(bus->flow, id);
}

int bus_session_properties(struct bus *bus, const struct session *session, struct arena *arena,
	struct ipc_session_properties *ret)
{
	int r;

	ret->kind = bus_words_session_kind_name(session->kind);
	ret->owner_uid = session->uid;
	ret->created_usec = session->created_wall_us;
	ret->state = bus_words_session_state(session->state);
	ret->client_name = client_name(bus, session->id);
	ret->n_tasks = session->n_tasks > UINT32_MAX ? UINT32_MAX : (uint32_t)session->n_tasks;
	ret->pending_events = session->n_events;
	r = bus_view_text(arena, session->identifier, &ret->identifier);
	if (r == 0)
		r = bus_view_text(arena, session->app_id, &ret->app_id);
	if (r == 0)
		r = bus_view_text(
			arena, session->description ? session->description : "", &ret->description);
	return r ? r : view_configuration(session, arena, &ret->configuration);
}

static int get(struct ipc_call *call, void *user, struct ipc_path path, uint64_t wanted,
	struct ipc_session_properties *ret)
{
	struct bus *bus = user;
	const struct session *session = bus_session_get(bus, path.session);

	(void)wanted;
	if (!session)
		return bus_refuse(call, FLOW_E_NO_SUCH_SESSION);
	return bus_session_properties(bus, session, ipc_call_arena(call), ret);
}

static int set_description(struct ipc_call *call, void *user, const char *value)
{
	struct bus *bus = user;
	int r = FLOW_E_NOT_SUPPORTED_IN_SESSION;

	if (!live_owns(session_of(call)))
		r = flow_session_set_description(bus->flow, session_of(call), value);
	return r ? bus_refuse(call, r) : bus_defer_done(bus, call);
}

const struct ipc_session_ops bus_session_ops = {
	.attach = attach,
	.acknowledge = acknowledge,
	.detach = detach,
	.create_tasks = create_tasks,
	.create_tasks_file = bus_live_create_file,
	.answer_delayed_request = bus_question_answer_delayed,
	.answer_redirect = bus_live_answer_redirect,
	.answer_challenge = bus_live_answer_challenge,
	.answer_responses = bus_live_answer_responses,
	.answer_body_stream = bus_live_answer_body_stream,
	.close = bus_live_close,
	.finish_tasks_and_invalidate = finish_tasks_and_invalidate,
	.invalidate_and_cancel = invalidate_and_cancel,
	.list_cookies = bus_cookie_list,
	.set_cookies = bus_cookie_set,
	.clear_cookies = bus_cookie_clear,
	.flush = flush,
	.reset = reset,
	.get = get,
	.set_description = set_description,
};
