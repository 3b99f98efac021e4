/* SPDX-License-Identifier: MIT */
/* org.transferd.Transfer1.Manager: opening sessions, lists, verbs on many tasks, limits and counters of the caller's user. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "daemon/bus/bus-private.h"
#include "daemon/look.h"

#ifndef VERSION
#	define VERSION "0"
#endif
#define API_VERSION 2

/* ---- sessions ---- */

struct open_reply {
	struct ipc_call *call;
	struct bus *bus;
	struct ipc_manager_open_session_out out;
};

static void on_opened(void *user, int error)
{
	struct open_reply *reply = user;
	struct bus *bus = reply->bus;
	uint64_t session = reply->out.session.session;
	bool is_new = strcmp(reply->out.info.disposition, "created") == 0;

	if (error) {
		bus_reply_error(reply->call, error);
		return;
	}
	if (is_new) {
		log_info("session %" PRIu64 " created", session);
		bus_change_session_added(bus, session);
	}
	ipc_reply_manager_open_session(reply->call, &reply->out);
}

static int read_cookie_keys(
	struct ipc_call *call, const struct ipc_configuration *from, struct session_config *config)
{
	const char *policy = from->cookie_accept_policy;

	/* what it is called when none is named */
	if (from->cookie_store && strcmp(from->cookie_store, "shared") != 0)
		config->cookie_store = from->cookie_store;
	if (from->has_should_set_cookies)
		config->sends_cookies = from->should_set_cookies;
	if (policy && bus_words_cookie_accept(policy, &config->accepts_cookies))
		return ipc_call_error(call, IPC_E_INVALID_REQUEST,
			"unknown cookie-accept-policy '%.40s'", policy);
	return 0;
}

static int read_configuration(
	struct ipc_call *call, const struct ipc_configuration *from, struct flow_open *to)
{
	const struct {
		uint32_t key;
		bool is_given;
	} given[] = {
		{ FLOW_SESSION_KEY_REQUEST_TIMEOUT, from->has_request_timeout_usec },
		{ FLOW_SESSION_KEY_RESOURCE_TIMEOUT, from->has_resource_timeout_usec },
		{ FLOW_SESSION_KEY_HEADERS, from->headers != NULL },
		{ FLOW_SESSION_KEY_MAX_CONNECTIONS, from->has_max_connections_per_host },
		{ FLOW_SESSION_KEY_DISCRETIONARY, from->has_discretionary },
		{ FLOW_SESSION_KEY_ALLOWS_METERED, from->has_allows_metered },
		{ FLOW_SESSION_KEY_ALLOW_INSECURE, from->has_allow_insecure },
		{ FLOW_SESSION_KEY_CA_FILE, from->ca_file != NULL },
		{ FLOW_SESSION_KEY_RETRY_HTTP_ERRORS, from->has_retry_http_errors },
		{ FLOW_SESSION_KEY_MAX_RATE, from->has_max_rate_bps },
		{ FLOW_SESSION_KEY_LAUNCH, from->launch != NULL },
		{ FLOW_SESSION_KEY_DESCRIPTION, from->description != NULL },
		{ FLOW_SESSION_KEY_UPLOAD_COPY, from->upload_copy != NULL },
		{ FLOW_SESSION_KEY_COOKIE_STORE, from->cookie_store != NULL },
		{ FLOW_SESSION_KEY_SENDS_COOKIES, from->has_should_set_cookies },
		{ FLOW_SESSION_KEY_ACCEPTS_COOKIES, from->cookie_accept_policy != NULL },
	};
	struct session_config *config = &to->config;
	const struct task_header *headers = bus_headers(call, from->headers, from->n_headers);

	if (!headers)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
		to->given |= given[i].is_given ? given[i].key : 0;
	session_config_init(config);
	config->headers = headers;
	config->n_headers = from->n_headers;
	config->ca_file = from->ca_file;
	config->launch = from->launch;
	config->discretionary = from->discretionary;
	config->allow_insecure = from->allow_insecure;
	config->retry_http_errors = from->retry_http_errors;
	config->max_rate_bps = from->max_rate_bps;
	if (from->has_allows_metered)
		config->allows_metered = from->allows_metered;
	if (from->has_request_timeout_usec)
		config->request_timeout_us = from->request_timeout_usec;
	if (from->has_resource_timeout_usec)
		config->resource_timeout_us = from->resource_timeout_usec;
	if (from->has_max_connections_per_host)
		config->max_connections_per_host = from->max_connections_per_host;
	to->description = from->description;
	if (from->upload_copy && bus_words_upload_copy(from->upload_copy, &config->upload_copy))
		return ipc_call_error(call, IPC_E_INVALID_REQUEST, "unknown upload-copy '%.40s'",
			from->upload_copy);
	if (from->launch && *from->launch && !ipc_bus_is_name(from->launch))
		return ipc_call_error(call, IPC_E_INVALID_REQUEST,
			"launch: '%.40s' is no well-known bus name", from->launch);
	return read_cookie_keys(call, from, config);
}

static int view_differences(struct ipc_call *call, uint32_t differences, struct ipc_open_info *info)
{
	const char **names = arena_alloc(ipc_call_arena(call), 32, sizeof(*names));

	if (!names)
		return err_raise(-ENOMEM);
	for (unsigned bit = 0; bit < 32; bit++)
		if (differences >> bit & 1)
			names[info->n_differences++] = flow_session_key_name(UINT32_C(1) << bit);
	info->differences = info->n_differences ? names : NULL;
	return 0;
}

static int look(struct bus *bus, struct ipc_call *call, struct flow_open *open)
{
	const struct look_names names = { .ca_file = open->config.ca_file };
	const struct bus_look what = { open->app_id, &names, 1 };
	struct look_answer *seen;
	int r = bus_look(bus, call, &what, &seen);

	open->seen = seen;
	return r;
}

static int open_session(struct ipc_call *call, void *user,
	const struct ipc_manager_open_session_in *in, struct ipc_manager_open_session_out *out)
{
	struct open_reply *reply = bus_alloc(call, sizeof(*reply));
	struct flow_open request = { .uid = ipc_call_caller(call)->uid,
		.app_id = in->options.app_id ? in->options.app_id : BUS_APP_ID_UNNAMED,
		.identifier = in->identifier,
		.update = in->options.update };
	struct flow_opened opened;
	struct bus *bus = user;
	int r;

	if (!reply)
		return err_raise(-ENOMEM);
	if (bus_words_session_kind(in->kind, &request.kind))
		return ipc_call_error(
			call, IPC_E_INVALID_REQUEST, "unknown kind '%.40s'", in->kind);
	r = read_configuration(call, &in->configuration, &request);
	if (!r)
		r = look(bus, call, &request);
	if (r)
		return r;
	if (request.kind != TRANSFER_SESSION_BACKGROUND && bus->live) {
		struct live_open open = { .kind = request.kind,
			.config = request.config,
			.description = request.description,
			.seen = request.seen };

		return bus_live_open(bus, call, in, &open, out);
	}
	if (bus_live_is_configuration(&in->configuration) || bus_live_is_options(&in->options))
		return bus_refuse(call, FLOW_E_NOT_SUPPORTED_IN_SESSION);
	r = flow_session_open(bus->flow, &request, &opened);
	if (r)
		return bus_refuse(call, r);
	*reply = (struct open_reply){ .call = call, .bus = bus };
	reply->out.session = (struct ipc_path){ opened.session, 0 };
	reply->out.info.disposition = opened.is_reassociated ? "reassociated" : "created";
	reply->out.info.pending_events = opened.n_events;
	reply->out.info.active_tasks = opened.n_tasks > UINT32_MAX ? UINT32_MAX
								   : (uint32_t)opened.n_tasks;
	reply->out.info.has_pending_events = reply->out.info.has_active_tasks = true;
	r = view_differences(call, opened.differences, &reply->out.info);
	return r ? r : bus_defer(bus, call, on_opened, reply);
}

static int get_session(struct ipc_call *call, void *user,
	const struct ipc_manager_get_session_in *in, struct ipc_manager_get_session_out *out)
{
	struct bus *bus = user;
	uid_t uid = ipc_call_caller(call)->uid;
	const struct session *session = flow_session_find(bus->flow, uid, NULL, in->identifier);

	if (!session)
		return bus_refuse(call, FLOW_E_NO_SUCH_SESSION);
	if (flow_session_is_ambiguous(bus->flow, uid, in->identifier))
		return ipc_call_error(call, IPC_E_INVALID_ARGS, "%s", BUS_AMBIGUOUS_SESSION);
	out->session = (struct ipc_path){ session->id, 0 };
	return 0;
}

struct owner {
	struct bus *bus;
	uid_t uid;
	uint64_t session; /* found */
};

static int on_owned(const struct task *task, void *user)
{
	struct owner *owner = user;
	const struct session *session = bus_session_get(owner->bus, task->session);

	owner->session = session && session->uid == owner->uid ? task->session : 0;
	return 0;
}

static int get_task(struct ipc_call *call, void *user, const struct ipc_manager_get_task_in *in,
	struct ipc_manager_get_task_out *out)
{
	struct bus *bus = user;
	struct owner owner = { bus, ipc_call_caller(call)->uid, 0 };
	int r = bus_task_look(bus, in->id, on_owned, &owner);

	if (r < 0 && r != -EBADMSG)
		return r;
	if (r || !owner.session)
		return bus_refuse(call, FLOW_E_NO_SUCH_TASK);
	out->task = (struct ipc_path){ owner.session, in->id };
	return 0;
}

struct session_list {
	struct ipc_call *call;
	struct bus *bus;
	const struct ipc_session_filter *filter;
	struct ipc_manager_list_sessions_out out;
	struct ipc_session_info *rows;
};

static bool is_wanted(const struct session *session, const struct session_list *list)
{
	const struct ipc_session_filter *filter = list->filter;
	bool is_kind = filter->n_kinds == 0;

	for (size_t i = 0; i < filter->n_kinds; i++)
		is_kind = is_kind ||
			strcmp(filter->kinds[i], bus_words_session_kind_name(session->kind)) == 0;
	return is_kind && session->uid == ipc_call_caller(list->call)->uid &&
		(!filter->identifier || strcmp(filter->identifier, session->identifier) == 0) &&
		(!filter->app_id || strcmp(filter->app_id, session->app_id) == 0);
}

static int on_session(const struct session *session, void *user)
{
	struct session_list *list = user;
	struct arena *arena = ipc_call_arena(list->call);
	struct ipc_session_properties properties = { 0 };
	struct ipc_session_info *row = &list->rows[list->out.n_sessions];
	uint64_t n_tasks = 0;
	int r;

	if (list->out.n_sessions == FLOW_SESSIONS_PER_UID_MAX || !is_wanted(session, list))
		return 0;
	r = bus_session_properties(list->bus, session, arena, &properties);
	if (r == 0)
		r = flow_session_count(list->bus->flow, session->id, &n_tasks);
	*row = (struct ipc_session_info){
		.path = { session->id, 0 },
		.has_path = true,
		.identifier = properties.identifier,
		.kind = properties.kind,
		.state = properties.state,
		.app_id = properties.app_id,
		.owner_uid = properties.owner_uid,
		.has_owner_uid = true,
		.description = properties.description,
		.created_usec = properties.created_usec,
		.has_created_usec = true,
		.client_name = properties.client_name[0] ? properties.client_name : NULL,
		.active_tasks = properties.n_tasks,
		.has_active_tasks = true,
		.tasks = n_tasks > UINT32_MAX ? UINT32_MAX : (uint32_t)n_tasks,
		.has_tasks = true,
		.pending_events = properties.pending_events,
		.has_pending_events = true,
	};
	if (r == 0)
		r = bus_view_text(arena, row->client_name, &row->client_name);
	list->out.n_sessions += r == 0;
	return r;
}

static void on_sessions_listed(void *user, int error)
{
	struct session_list *list = user;

	if (error)
		bus_reply_error(list->call, error);
	else
		ipc_reply_manager_list_sessions(list->call, &list->out);
}

static int list_sessions(struct ipc_call *call, void *user,
	const struct ipc_manager_list_sessions_in *in, struct ipc_manager_list_sessions_out *out)
{
	struct session_list *list = bus_alloc(call, sizeof(*list));
	struct bus *bus = user;
	int r;

	(void)out;
	if (!list)
		return err_raise(-ENOMEM);
	*list = (struct session_list){ .call = call, .bus = bus, .filter = &in->filter };
	list->rows = arena_alloc(
		ipc_call_arena(call), FLOW_SESSIONS_PER_UID_MAX, sizeof(*list->rows));
	if (!list->rows)
		return err_raise(-ENOMEM);
	list->out.sessions = list->rows;
	r = flow_sessions_each(bus->flow, on_session, list);
	return r ? err_fold(r) : bus_defer(bus, call, on_sessions_listed, list);
}

/* ---- verbs ---- */

struct failures {
	struct ipc_call *call;
	struct ipc_failure *rows;
	size_t n, max;
	enum flow_verb verb;
};

static void on_failure(uint64_t id, int error, void *user)
{
	struct failures *failures = user;

	if (failures->n < failures->max)
		failures->rows[failures->n++] = (struct ipc_failure){
			.id = id,
			.error = ipc_error_name(bus_error(error)),
			.message = flow_error_text(error),
		};
}

static struct failures *failures_new(struct ipc_call *call, size_t max)
{
	struct failures *failures = bus_alloc(call, sizeof(*failures));
	struct ipc_failure *rows = arena_alloc(ipc_call_arena(call), max + 1, sizeof(*rows));

	if (!failures || !rows)
		return NULL;
	*failures = (struct failures){ .call = call, .rows = rows, .max = max };
	return failures;
}

static void on_steered(void *user, int error)
{
	struct failures *failures = user;
	struct ipc_manager_resume_tasks_out out = { failures->rows, failures->n };

	/* the five replies look alike */
	if (error)
		bus_reply_error(failures->call, error);
	else if (failures->verb == FLOW_VERB_SUSPEND)
		ipc_reply_manager_suspend_tasks(failures->call,
			&(struct ipc_manager_suspend_tasks_out){ failures->rows, failures->n });
	else if (failures->verb == FLOW_VERB_CANCEL)
		ipc_reply_manager_cancel_tasks(failures->call,
			&(struct ipc_manager_cancel_tasks_out){ failures->rows, failures->n });
	else if (failures->verb == FLOW_VERB_RETRY)
		ipc_reply_manager_retry_tasks(failures->call,
			&(struct ipc_manager_retry_tasks_out){ failures->rows, failures->n });
	else if (failures->verb == FLOW_VERB_REMOVE)
		ipc_reply_manager_remove_tasks(failures->call,
			&(struct ipc_manager_remove_tasks_out){ failures->rows, failures->n });
	else
		ipc_reply_manager_resume_tasks(failures->call, &out);
}

struct ids {
	const uint64_t *ids;
	size_t n;
};

static int steer(struct bus *bus, struct ipc_call *call, enum flow_verb verb, struct ids ids,
	const struct ipc_steer_options *options)
{
	struct failures *failures = failures_new(call, ids.n);
	struct flow_steer request = { .verb = verb,
		.uid = ipc_call_caller(call)->uid,
		.ids = ids.ids,
		.n_ids = ids.n,
		.is_forced = options->force,
		.delete_partial = options->delete_partial,
		.from_start = options->from_start,
		.cancelled_reason = options->cancelled_reason };
	int r;

	if (!failures)
		return err_raise(-ENOMEM);
	failures->verb = verb;
	r = bus_task_steer(bus, &request, on_failure, failures);
	return r ? bus_refuse(call, r) : bus_defer(bus, call, on_steered, failures);
}

#define DEFINE_VERB(name, verb) \
	static int name(struct ipc_call *call, void *user, \
		const struct ipc_manager_##name##_in *in, struct ipc_manager_##name##_out *out) \
	{ \
		(void)out; \
		return steer(user, call, FLOW_VERB_##verb, (struct ids){ in->ids, in->n_ids }, \
			&in->options); \
	}
DEFINE_VERB(resume_tasks, RESUME)
DEFINE_VERB(suspend_tasks, SUSPEND)
DEFINE_VERB(cancel_tasks, CANCEL)
DEFINE_VERB(retry_tasks, RETRY)
DEFINE_VERB(remove_tasks, REMOVE)

static void on_set(void *user, int error)
{
	struct failures *failures = user;
	struct ipc_manager_set_tasks_out out = { failures->rows, failures->n };

	if (error)
		bus_reply_error(failures->call, error);
	else
		ipc_reply_manager_set_tasks(failures->call, &out);
}

static int set_tasks(struct ipc_call *call, void *user, const struct ipc_manager_set_tasks_in *in,
	struct ipc_manager_set_tasks_out *out)
{
	struct failures *failures = failures_new(call, in->n_ids);
	const struct ipc_task_changes *from = &in->changes;
	struct flow_changes changes = {
		.uid = ipc_call_caller(call)->uid,
		.ids = in->ids,
		.n_ids = in->n_ids,
		.has_priority = from->has_priority,
		.priority = from->priority,
		.has_description = from->description != NULL,
		.description = from->description,
		.has_max_rate = from->has_max_rate_bps,
		.max_rate_bps = from->max_rate_bps,
		.has_not_before = from->has_not_before_usec,
		.not_before_wall_us = from->not_before_usec,
	};
	struct bus *bus = user;
	int r;

	(void)out;
	if (!failures)
		return err_raise(-ENOMEM);
	r = bus_task_set(bus, &changes, on_failure, failures);
	return r ? bus_refuse(call, r) : bus_defer(bus, call, on_set, failures);
}

/* ---- events and counters ---- */

struct peek {
	struct ipc_call *call;
	struct ipc_manager_peek_events_out out;
	struct bus_rows rows;
};

static void on_peeked(void *user, int error)
{
	struct peek *peek = user;

	if (error)
		bus_reply_error(peek->call, error);
	else
		ipc_reply_manager_peek_events(peek->call, &peek->out);
}

static int peek_events(struct ipc_call *call, void *user,
	const struct ipc_manager_peek_events_in *in, struct ipc_manager_peek_events_out *out)
{
	struct peek *peek = bus_alloc(call, sizeof(*peek));
	struct bus *bus = user;
	const struct session *session = bus_session_get(bus, in->session.session);
	size_t limit = in->limit && in->limit < FLOW_LIST_MAX ? in->limit : FLOW_LIST_MAX;
	int r;

	(void)out;
	if (!session || session->uid != ipc_call_caller(call)->uid || in->session.task)
		return bus_refuse(call, FLOW_E_NO_SUCH_SESSION);
	if (live_owns(session->id)) /* what is told is not stored */
		return bus_refuse(call, FLOW_E_NOT_SUPPORTED_IN_SESSION);
	if (!peek)
		return err_raise(-ENOMEM);
	*peek = (struct peek){ .call = call };
	peek->rows = (struct bus_rows){ .bus = bus, .arena = ipc_call_arena(call), .max = limit };
	peek->rows.rows = arena_alloc(ipc_call_arena(call), limit, sizeof(*peek->rows.rows));
	if (!peek->rows.rows)
		return err_raise(-ENOMEM);
	r = flow_events_each(bus->flow,
		&(struct flow_event_range){ session->id, in->after, limit, 0 }, bus_event_row,
		&peek->rows);
	if (r && r != 1) /* 1: enough for one message */
		return bus_refuse(call, r);
	peek->out.events = peek->rows.rows;
	peek->out.n_events = peek->rows.n;
	return bus_defer(bus, call, on_peeked, peek);
}

static uint64_t memory_bytes(void)
{
	unsigned long long size, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file)
		return 0;
	if (fscanf(file, "%llu %llu", &size, &resident) != 2)
		resident = 0;
	fclose(file);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int get_statistics(
	struct ipc_call *call, void *user, struct ipc_manager_get_statistics_out *out)
{
	struct flow_statistics *from = bus_alloc(call, sizeof(*from));
	struct ipc_statistics *to = &out->statistics;
	struct bus *bus = user;
	struct statvfs fs;
	int r;

	if (!from)
		return err_raise(-ENOMEM);
	r = flow_statistics(bus->flow, from);
	if (r)
		return err_fold(r);
#define STATISTIC(name, value) (to->name = (value), to->has_##name = true)
	STATISTIC(started_usec, from->started_wall_us);
	STATISTIC(sessions, from->n_sessions);
	STATISTIC(clients, (uint32_t)from->n_clients);
	STATISTIC(tasks_total, from->n_total);
	STATISTIC(tasks_queued, from->n_queued);
	STATISTIC(tasks_active, (uint32_t)from->n_active);
	STATISTIC(tasks_waiting, from->n_waiting);
	STATISTIC(tasks_suspended, from->n_suspended);
	STATISTIC(tasks_completed, from->n_completed);
	STATISTIC(tasks_failed, from->n_failed);
	STATISTIC(tasks_cancelled, from->n_cancelled);
	STATISTIC(bytes_received, from->received_bytes);
	STATISTIC(bytes_sent, from->sent_bytes);
	STATISTIC(receive_rate, from->receive_bps);
	STATISTIC(send_rate, from->send_bps);
	STATISTIC(attempts, from->n_attempts);
	STATISTIC(retries, from->n_retries);
	STATISTIC(commits, from->n_commits);
	STATISTIC(events_pending, from->n_events);
	STATISTIC(database_bytes, from->database_bytes);
	STATISTIC(memory_bytes, memory_bytes());
	if (bus->spool_dir && statvfs(bus->spool_dir, &fs) == 0)
		STATISTIC(disk_free_bytes, (uint64_t)fs.f_bavail * fs.f_frsize);
#undef STATISTIC
	to->receive_samples = from->receive_samples_bps;
	to->send_samples = from->send_samples_bps;
	to->n_receive_samples = to->n_send_samples = FLOW_RATE_SAMPLES;
	return 0;
}

/* ---- properties ---- */

int bus_manager_properties(struct bus *bus, struct ipc_manager_properties *ret)
{
	static const char *const features[] = { "background", "download", "upload", "resume",
		"checksum", "batch", "in-app", "ftp" };
	struct flow_statistics statistics;
	struct flow_limits limits;
	int r = flow_statistics(bus->flow, &statistics);

	if (r)
		return err_fold(r);
	flow_limits_get(bus->flow, &limits);
	*ret = (struct ipc_manager_properties){
		.version = VERSION,
		.api_version = API_VERSION,
		.features = features,
		.n_features = sizeof(features) / sizeof(features[0]),
		.mode = limits.is_paused ? "paused" : "running",
		.max_download_rate = limits.max_download_bps,
		.max_upload_rate = limits.max_upload_bps,
		.max_active_tasks = limits.max_active_tasks,
		.max_connections_per_host = limits.max_connections_per_host,
		.network_state = flow_network_is_up(bus->flow) ? "online" : "offline",
		.metered = "unknown",
		.n_active_tasks = (uint32_t)statistics.n_active,
		.n_queued_tasks = statistics.n_queued > UINT32_MAX ? UINT32_MAX
								   : (uint32_t)statistics.n_queued,
	};
	return 0;
}

static int get(struct ipc_call *call, void *user, struct ipc_path path, uint64_t wanted,
	struct ipc_manager_properties *ret)
{
	(void)call;
	(void)path;
	(void)wanted;
	return bus_manager_properties(user, ret);
}

static int set_limits(struct bus *bus, struct ipc_call *call, const struct flow_limits *limits)
{
	int r = flow_limits_set(bus->flow, limits);

	if (r == FLOW_E_INVALID_REQUEST)
		return ipc_call_error(call, IPC_E_INVALID_ARGS, "out of range");
	return r ? bus_refuse(call, r) : bus_defer_done(bus, call);
}

static int set_mode(struct ipc_call *call, void *user, const char *value)
{
	struct bus *bus = user;
	struct flow_limits limits;

	flow_limits_get(bus->flow, &limits);
	limits.is_paused = strcmp(value, "paused") == 0;
	if (!limits.is_paused && strcmp(value, "running") != 0)
		return ipc_call_error(call, IPC_E_INVALID_ARGS, "mode is running or paused");
	return set_limits(bus, call, &limits);
}

#define DEFINE_LIMIT(name, type, member) \
	static int set_##name(struct ipc_call *call, void *user, type value) \
	{ \
		struct bus *bus = user; \
		struct flow_limits limits; \
\
		flow_limits_get(bus->flow, &limits); \
		limits.member = value; \
		return set_limits(bus, call, &limits); \
	}
DEFINE_LIMIT(max_download_rate, uint64_t, max_download_bps)
DEFINE_LIMIT(max_upload_rate, uint64_t, max_upload_bps)
DEFINE_LIMIT(max_active_tasks, uint32_t, max_active_tasks)
DEFINE_LIMIT(max_connections_per_host, uint32_t, max_connections_per_host)

const struct ipc_manager_ops bus_manager_ops = {
	.open_session = open_session,
	.get_session = get_session,
	.get_task = get_task,
	.list_tasks = bus_list_tasks,
	.list_sessions = list_sessions,
	.quit_application = bus_quit_application,
	.resume_tasks = resume_tasks,
	.suspend_tasks = suspend_tasks,
	.cancel_tasks = cancel_tasks,
	.retry_tasks = retry_tasks,
	.remove_tasks = remove_tasks,
	.set_tasks = set_tasks,
	.get_progress = bus_list_progress,
	.peek_events = peek_events,
	.get_statistics = get_statistics,
	.get = get,
	.set_mode = set_mode,
	.set_max_download_rate = set_max_download_rate,
	.set_max_upload_rate = set_max_upload_rate,
	.set_max_active_tasks = set_max_active_tasks,
	.set_max_connections_per_host = set_max_connections_per_host,
};
