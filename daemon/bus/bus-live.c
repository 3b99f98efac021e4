/* SPDX-License-Identifier: MIT */
/*
 * Sessions that live in memory: how they are opened, get tasks, are acknowledged and closed. Nothing of them waits for a commit,
 * so their replies leave at once, and before anything that is told of what they answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/log.h"
#include "daemon/bus/bus-private.h"
#include "daemon/look.h"
#include "ipc/past.h"

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

static uint64_t session_of(struct ipc_call *call)
{
	return ipc_call_path(call).session;
}

/* 0 when the caller is whose session it is; *ret_client (may be NULL) is its number. */
static int find_client(struct bus *bus, struct ipc_call *call, uint64_t *ret_client)
{
	uint64_t session = session_of(call);

	if (!live_owns(session))
		return bus_refuse(call, FLOW_E_NOT_SUPPORTED_IN_SESSION);
	if (strcmp(bus_live_client_name(bus, session), ipc_call_caller(call)->name) != 0)
		return bus_refuse(call, FLOW_E_NOT_ATTACHED);
	if (ret_client)
		*ret_client = live_session_client(bus->live, session);
	return 0;
}

bool bus_live_is_request(const struct ipc_request *request)
{
	return request->body || request->has_body_stream || request->has_body_length ||
		request->has_body_asked || request->implements || request->has_whole_body ||
		request->cache_policy || request->service_type || request->has_allows_metered;
}

bool bus_live_is_configuration(const struct ipc_configuration *configuration)
{
	return configuration->has_waits_for_connectivity || configuration->cache_policy ||
		configuration->service_type || configuration->tls_minimum ||
		configuration->tls_maximum || configuration->proxy ||
		configuration->proxy_exceptions;
}

bool bus_live_is_options(const struct ipc_open_options *options)
{
	return options->has_window || options->has_batch || options->has_progress_interval_ms ||
		options->implements;
}

/* ---- what is told and asked ---- */

static void read_implements(
	const char *const *names, size_t n, unsigned *ret_asks, unsigned *ret_tells)
{
	static const struct {
		enum ipc_event_kind kind;
		unsigned asks, tells;
	} words[] = {
		{ IPC_EVENT_WILL_PERFORM_REDIRECT, LIVE_ASK_REDIRECT, 0 },
		{ IPC_EVENT_DID_RECEIVE_CHALLENGE, LIVE_ASK_CHALLENGE, 0 },
		{ IPC_EVENT_NEED_NEW_BODY_STREAM, LIVE_ASK_BODY, 0 },
		{ IPC_EVENT_DID_RECEIVE_RESPONSE, LIVE_ASK_RESPONSE, LIVE_TELL_RESPONSE },
		{ IPC_EVENT_DID_RECEIVE_DATA, 0, LIVE_TELL_DATA },
		{ IPC_EVENT_DID_SEND_BODY_DATA, 0, LIVE_TELL_PROGRESS },
		{ IPC_EVENT_DID_WRITE_DATA, 0, LIVE_TELL_PROGRESS },
		{ IPC_EVENT_DID_FINISH_COLLECTING_METRICS, 0, LIVE_TELL_METRICS },
		{ IPC_EVENT_DID_RECEIVE_INFORMATIONAL_RESPONSE, 0, LIVE_TELL_INFORMATIONAL },
		{ IPC_EVENT_IS_WAITING_FOR_CONNECTIVITY, 0, LIVE_TELL_WAITING },
	};

	*ret_asks = *ret_tells = 0;
	for (size_t i = 0; i < n; i++) {
		enum ipc_event_kind kind = ipc_event_kind(names[i]);

		for (size_t j = 0; j < sizeof(words) / sizeof(words[0]); j++) {
			if (words[j].kind != kind)
				continue;
			*ret_asks |= words[j].asks;
			*ret_tells |= words[j].tells;
		}
	}
}

/* ---- opening ---- */

static int read_configuration(
	struct ipc_call *call, const struct ipc_configuration *from, struct session_config *config)
{
	enum transfer_tls_version min = TRANSFER_TLS_DEFAULT, max = TRANSFER_TLS_DEFAULT;

	config->waits_for_connectivity = from->waits_for_connectivity;
	config->proxy = from->proxy;
	config->proxy_exceptions = from->proxy_exceptions;
	if (from->cache_policy && bus_words_cache_policy(from->cache_policy, &config->cache_policy))
		return ipc_call_error(call, IPC_E_INVALID_REQUEST, "unknown cache-policy '%.40s'",
			from->cache_policy);
	if (from->service_type && bus_words_service_type(from->service_type, &config->service_type))
		return ipc_call_error(call, IPC_E_INVALID_REQUEST, "unknown service-type '%.40s'",
			from->service_type);
	if (from->tls_minimum && bus_words_tls_version(from->tls_minimum, &min))
		return ipc_call_error(call, IPC_E_INVALID_REQUEST, "unknown tls-minimum '%.40s'",
			from->tls_minimum);
	if (from->tls_maximum && bus_words_tls_version(from->tls_maximum, &max))
		return ipc_call_error(call, IPC_E_INVALID_REQUEST, "unknown tls-maximum '%.40s'",
			from->tls_maximum);
	if (max && min > max)
		return ipc_call_error(
			call, IPC_E_INVALID_REQUEST, "tls-minimum is above tls-maximum");
	config->tls_min = (uint16_t)min;
	config->tls_max = (uint16_t)max;
	return 0;
}

static int read_open(struct bus *bus, struct ipc_call *call,
	const struct ipc_manager_open_session_in *in, struct live_open *open)
{
	const struct ipc_open_options *options = &in->options;
	uint32_t interval_ms = options->has_progress_interval_ms ? options->progress_interval_ms
								 : BUS_PROGRESS_DEFAULT_MS;

	if (options->has_window && (options->window == 0 || options->window > BUS_WINDOW_MAX))
		return ipc_call_error(
			call, IPC_E_INVALID_REQUEST, "window must be 1 to %d", BUS_WINDOW_MAX);
	if (interval_ms && interval_ms < BUS_PROGRESS_MIN_MS)
		interval_ms = BUS_PROGRESS_MIN_MS;
	open->progress_interval_us = (uint64_t)interval_ms * 1000;
	open->uid = ipc_call_caller(call)->uid;
	open->client = bus_event_client(bus, ipc_call_caller(call)->name);
	open->app_id = options->app_id ? options->app_id : BUS_APP_ID_UNNAMED;
	open->folds = options->batch;
	read_implements(options->implements, options->n_implements, &open->asks, &open->tells);
	return read_configuration(call, &in->configuration, &open->config);
}

int bus_live_open(struct bus *bus, struct ipc_call *call,
	const struct ipc_manager_open_session_in *in, struct live_open *open,
	struct ipc_manager_open_session_out *out)
{
	struct bus_live_client client = { .name = ipc_call_caller(call)->name,
		.is_batch = in->options.batch,
		.takes_files = bus_words_has(
			in->options.implements, in->options.n_implements, IPC_EVENTS_FILE),
		.window = in->options.has_window ? in->options.window : BUS_WINDOW_DEFAULT };
	int r = read_open(bus, call, in, open);

	if (r)
		return r;
	if (strlen(client.name) >= BUS_CLIENT_NAME_MAX_BYTES)
		return IPC_E_INVALID_ARGS;
	r = live_session_open(bus->live, open, &client.session);
	if (r)
		return bus_refuse(call, r);
	client.number = open->client;
	r = bus_live_add(bus, &client);
	if (r) {
		(void)live_session_close(bus->live, client.session);
		return r;
	}
	out->session = (struct ipc_path){ client.session, 0 };
	out->info.disposition = "created";
	out->info.has_pending_events = out->info.has_active_tasks = true;
	return 0;
}

/* ---- tasks ---- */

/* What the body is read from: a file that nobody changes under us, or something that is read once. */
static bool is_good_source(int fd, bool is_stream)
{
	int flags = fcntl(fd, F_GETFL), seals;
	struct statx stx;

	/* its file system is not asked: it may not answer */
	if (flags < 0 || (flags & O_ACCMODE) == O_WRONLY || (flags & O_PATH) ||
		statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &stx))
		return false;
	if (is_stream)
		return S_ISREG(stx.stx_mode) || S_ISFIFO(stx.stx_mode) || S_ISSOCK(stx.stx_mode);
	seals = fcntl(fd, F_GET_SEALS);
	return S_ISREG(stx.stx_mode) && (seals < 0 || stx.stx_nlink || (seals & SEALS) == SEALS);
}

static int read_body(struct ipc_call *call, const struct ipc_request *from, struct live_request *to)
{
	if ((from->body != NULL) + from->has_body_file + from->has_body_stream +
			(from->has_body_asked && from->body_asked) >
		1)
		return ipc_call_error(
			call, IPC_E_INVALID_REQUEST, "a request has one body at most");
	to->body = from->body;
	to->n_body = from->n_body;
	to->body_length = from->has_body_length ? from->body_length : -1;
	to->body_is_stream = from->has_body_stream || from->body_asked;
	if (from->has_body_file)
		to->body_fd = from->body_file;
	else if (from->has_body_stream)
		to->body_fd = from->body_stream;
	if (to->body_fd >= 0 && !is_good_source(to->body_fd, to->body_is_stream))
		return ipc_call_error(call, IPC_E_INVALID_REQUEST,
			to->body_is_stream ? "body-stream is no file, pipe or socket"
					   : "body-file is no file, or may change");
	return 0;
}

static int read_words(
	struct ipc_call *call, const struct ipc_request *from, struct live_request *to)
{
	enum transfer_cache_policy policy = TRANSFER_CACHE_USE_PROTOCOL;
	enum transfer_service_type service = TRANSFER_SERVICE_DEFAULT;

	if (from->cache_policy && bus_words_cache_policy(from->cache_policy, &policy))
		return ipc_call_error(call, IPC_E_INVALID_REQUEST, "unknown cache-policy '%.40s'",
			from->cache_policy);
	if (from->service_type && bus_words_service_type(from->service_type, &service))
		return ipc_call_error(call, IPC_E_INVALID_REQUEST, "unknown service-type '%.40s'",
			from->service_type);
	to->cache_policy = (uint8_t)policy;
	to->service_type = (uint8_t)service;
	to->forbids_metered = from->has_allows_metered && !from->allows_metered;
	to->prefers_whole = from->whole_body;
	to->has_asks = to->has_tells = from->implements != NULL;
	read_implements(from->implements, from->n_implements, &to->asks, &to->tells);
	return 0;
}

static int read_request(
	struct ipc_call *call, const struct ipc_request *from, struct live_request *to)
{
	struct flow_request common;
	int r = bus_session_read_request(call, from, &common);

	if (r)
		return r;
	*to = (struct live_request){
		.kind = from->kind ? common.kind : TRANSFER_TASK_DATA,
		.request = common.request,
		.body_fd = -1,
		.resume_data = common.resume_data,
		.n_resume_data = common.resume_data_bytes,
	};
	r = read_body(call, from, to);
	return r ? r : read_words(call, from, to);
}

static int look(struct bus *bus, struct ipc_call *call, struct live_request *requests, size_t n)
{
	const struct session *session = live_session_get(bus->live, session_of(call));
	struct look_names *names = arena_alloc(ipc_call_arena(call), n + 1, sizeof(*names));
	struct bus_look what = { session ? session->app_id : "", names, n };
	struct look_answer *seen;
	int r;

	if (!names)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < n; i++) {
		names[i].destination = requests[i].request.destination;
		names[i].ca_file = requests[i].request.ca_file;
	}
	r = bus_look(bus, call, &what, &seen);
	for (size_t i = 0; !r && seen && i < n; i++)
		requests[i].seen = &seen[i];
	return r;
}

static int create(struct bus *bus, struct ipc_call *call,
	const struct ipc_session_create_tasks_in *in, uint64_t *ret_first)
{
	struct live_request *requests = arena_alloc(
		ipc_call_arena(call), in->n_requests + 1, sizeof(*requests));
	int r = 0;

	if (!requests)
		return err_raise(-ENOMEM);
	for (size_t i = 0; r == 0 && i < in->n_requests; i++)
		r = read_request(call, &in->requests[i], &requests[i]);
	if (!r)
		r = look(bus, call, requests, in->n_requests);
	if (r)
		return r;
	r = live_tasks_create(bus->live, session_of(call), requests, in->n_requests, ret_first);
	return r ? bus_refuse(call, r) : 0;
}

int bus_live_create(struct ipc_call *call, void *user, const struct ipc_session_create_tasks_in *in,
	struct ipc_session_create_tasks_out *out)
{
	struct ipc_task_ref *refs = arena_alloc(
		ipc_call_arena(call), in->n_requests + 1, sizeof(*refs));
	uint64_t session = session_of(call), first = 0;
	struct bus *bus = user;
	int r = find_client(bus, call, NULL);

	if (!r && !refs)
		r = err_raise(-ENOMEM);
	if (!r)
		r = create(bus, call, in, &first);
	if (r)
		return r;
	for (size_t i = 0; i < in->n_requests; i++)
		refs[i] = (struct ipc_task_ref){ first + i, { session, first + i } };
	out->tasks = refs;
	out->n_tasks = in->n_requests;
	return 0;
}

/* The file is read once, also when the call is run again. */
static int read_file(struct ipc_call *call, const struct ipc_session_create_tasks_in **ret_tasks)
{
	struct ipc_session_create_tasks_in *tasks = *ipc_call_kept(call);
	int r;

	*ret_tasks = tasks;
	if (tasks)
		return 0;
	tasks = bus_alloc(call, sizeof(*tasks));
	r = tasks ? ipc_read_create_tasks(call, tasks) : err_raise(-ENOMEM);
	*ipc_call_kept(call) = r ? NULL : tasks;
	*ret_tasks = tasks;
	return r;
}

/* Who may not ask has no file read. */
int bus_live_create_file(struct ipc_call *call, void *user,
	const struct ipc_session_create_tasks_file_in *in,
	struct ipc_session_create_tasks_file_out *out)
{
	const struct ipc_session_create_tasks_in *tasks;
	struct bus *bus = user;
	int r = find_client(bus, call, NULL);

	(void)in; /* the call has them */
	if (!r)
		r = read_file(call, &tasks);
	return r ? r : create(bus, call, tasks, &out->first);
}

int bus_live_acknowledge(
	struct ipc_call *call, void *user, const struct ipc_session_acknowledge_in *in)
{
	struct bus *bus = user;
	int r = find_client(bus, call, NULL);

	if (r)
		return r;
	r = live_ack(bus->live, session_of(call), in->seq);
	if (r == FLOW_E_INVALID_REQUEST)
		return ipc_call_error(
			call, IPC_E_INVALID_ARGS, "there is no event %" PRIu64 " yet", in->seq);
	if (r)
		return bus_refuse(call, r);
	bus_live_acked(bus, session_of(call), in->seq);
	return 0;
}

int bus_live_close(struct ipc_call *call, void *user)
{
	uint64_t session = session_of(call);
	struct bus *bus = user;
	int r = find_client(bus, call, NULL);

	if (r)
		return r;
	r = live_session_close(bus->live, session);
	bus_live_gone(session, bus);
	return r ? bus_refuse(call, r) : 0;
}

/* ---- answers ---- */

static int find_question(
	struct bus *bus, struct ipc_call *call, uint64_t question, struct live_answer *answer)
{
	*answer = (struct live_answer){ .session = session_of(call), .question = question };
	return find_client(bus, call, &answer->client);
}

/* Which of the words it is; n: none. */
static size_t index_of(const char *const *words, size_t n, const char *word)
{
	size_t i = 0;

	while (i < n && strcmp(words[i], word) != 0)
		i++;
	return i;
}

int bus_live_answer_redirect(
	struct ipc_call *call, void *user, const struct ipc_session_answer_redirect_in *in)
{
	static const char *const actions[] = { [LIVE_REDIRECT_FOLLOW] = "follow",
		[LIVE_REDIRECT_REPLACE] = "replace",
		[LIVE_REDIRECT_STOP] = "stop" };
	const size_t n_actions = sizeof(actions) / sizeof(actions[0]);
	struct task_request request = {
		.url = in->request.url,
		.method = in->request.method,
		.n_headers = in->request.n_headers,
		.headers = bus_headers(call, in->request.headers, in->request.n_headers),
		.priority = 0.5,
	};
	struct bus *bus = user;
	struct live_answer answer;
	size_t what = index_of(actions, n_actions, in->action);
	int r = find_question(bus, call, in->question, &answer);

	if (r)
		return r;
	if (!request.headers)
		return err_raise(-ENOMEM);
	if (what == n_actions || (what == LIVE_REDIRECT_REPLACE && !request.url))
		return ipc_call_error(call, IPC_E_INVALID_REQUEST,
			"action must be follow, replace (with a URL) or stop");
	r = live_answer_redirect(bus->live, &answer, (enum live_redirect)what,
		what == LIVE_REDIRECT_REPLACE ? &request : NULL);
	return r ? bus_refuse(call, r) : 0;
}

static int give_response(struct bus *bus, const struct live_answer *answer,
	enum transfer_response_disposition disposition)
{
	switch (disposition) {
	case TRANSFER_RESPONSE_ALLOW:
		return live_answer_response(bus->live, answer, LIVE_RESPONSE_ALLOW);
	case TRANSFER_RESPONSE_BECOME_DOWNLOAD:
		return live_answer_response(bus->live, answer, LIVE_RESPONSE_BECOME_DOWNLOAD);
	case TRANSFER_RESPONSE_CANCEL:
	case TRANSFER_RESPONSE_BECOME_STREAM: /* nothing makes streams of tasks */
		break;
	}
	return live_answer_response(bus->live, answer, LIVE_RESPONSE_CANCEL);
}

int bus_live_answer_responses(struct ipc_call *call, void *user,
	const struct ipc_session_answer_responses_in *in,
	struct ipc_session_answer_responses_out *out)
{
	struct ipc_failure *failures = arena_alloc(
		ipc_call_arena(call), in->n_answers + 1, sizeof(*failures));
	enum transfer_response_disposition disposition;
	struct bus *bus = user;
	struct live_answer answer;
	int r = find_question(bus, call, 0, &answer);

	if (r)
		return r;
	if (!failures)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < in->n_answers; i++)
		if (bus_words_disposition(in->answers[i].disposition, &disposition))
			return ipc_call_error(call, IPC_E_INVALID_REQUEST,
				"unknown disposition '%.40s'", in->answers[i].disposition);
	for (size_t i = 0; i < in->n_answers; i++) {
		(void)bus_words_disposition(in->answers[i].disposition, &disposition);
		answer.question = in->answers[i].question;
		r = give_response(bus, &answer, disposition);
		if (r)
			failures[out->n_failures++] = (struct ipc_failure){ answer.question,
				ipc_error_name(bus_error(r)), flow_error_text(r) };
	}
	out->failures = failures;
	return 0;
}

int bus_live_answer_body_stream(
	struct ipc_call *call, void *user, const struct ipc_session_answer_body_stream_in *in)
{
	int fd = in->options.has_body ? in->options.body : -1;
	struct bus *bus = user;
	struct live_answer answer;
	int r = find_question(bus, call, in->question, &answer);

	if (r)
		return r;
	if (fd >= 0 && !is_good_source(fd, true))
		return ipc_call_error(call, IPC_E_INVALID_ARGS, "body is no file, pipe or socket");
	r = live_answer_body(
		bus->live, &answer, fd, in->options.has_length ? in->options.length : -1);
	return r ? bus_refuse(call, r) : 0;
}

int bus_live_answer_challenge(
	struct ipc_call *call, void *user, const struct ipc_session_answer_challenge_in *in)
{
	static const char *const dispositions[] = { [ENGINE_CHALLENGE_USE] = "use-credential",
		[ENGINE_CHALLENGE_DEFAULT] = "perform-default",
		[ENGINE_CHALLENGE_CANCEL] = "cancel",
		[ENGINE_CHALLENGE_REJECT] = "reject-protection-space" };
	const size_t n_dispositions = sizeof(dispositions) / sizeof(dispositions[0]);
	const struct engine_credential credential = {
		.user = in->credential.user,
		.password = in->credential.password,
	};
	struct bus *bus = user;
	struct live_answer answer;
	size_t what = index_of(dispositions, n_dispositions, in->disposition);
	int r = find_question(bus, call, in->question, &answer);

	if (r)
		return r;
	if (what == n_dispositions || !credential.user != !credential.password)
		return ipc_call_error(call, IPC_E_INVALID_REQUEST,
			"disposition must be use-credential (with user and password), perform-default, "
			"cancel or reject-protection-space");
	if (what == ENGINE_CHALLENGE_USE && !credential.user)
		what = ENGINE_CHALLENGE_DEFAULT;
	r = live_answer_challenge(
		bus->live, &answer, (enum engine_challenge_answer)what, &credential);
	return r ? bus_refuse(call, r) : 0;
}
