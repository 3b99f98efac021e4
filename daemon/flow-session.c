/* SPDX-License-Identifier: MIT */
/*
 * Sessions: found again by (user, application, identifier), ended by finishing or cancelling.
 *
 * States: ACTIVE; FINISHING takes no new tasks; INVALID is being emptied while it has tasks, and
 * over once it has none. BECAME_INVALID is put in the transaction that makes the last task end, so
 * it is there exactly when the session is INVALID and empty. The row goes when that event is
 * acknowledged.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/utf8.h"
#include "daemon/core/request.h"
#include "daemon/flow-state.h"
#include "engine/engine.h"

#define TEXT_MAX_BYTES 1024

struct flow_session *flow_session_lookup(const struct flow *flow, uint64_t id)
{
	struct flow_session *s = map_find(&flow->sessions, id);

	return s && !s->is_gone ? s : NULL;
}

int flow_session_touch(struct flow *flow, struct flow_session *session)
{
	struct flow_session *before;

	if (session->before || session->is_new)
		return 0;
	before = malloc(sizeof(*before));
	if (!before)
		return err_raise(-ENOMEM);
	*before = *session;
	before->before_session = *session->session;
	session->before = before;
	TAILQ_INSERT_TAIL(&flow->touched_sessions, session, touched);
	return 0;
}

void flow_session_free(struct flow_session *session)
{
	if (!session)
		return;
	free(session->before);
	session_free(session->session);
	free(session);
}

/* Sessions of one application share a turn in the round robin. */
static uint64_t app_number(struct flow *flow, const struct session *session)
{
	struct flow_session *s;
	size_t cursor = 0;

	while ((s = map_next(&flow->sessions, &cursor)))
		if (s->session->uid == session->uid && !strcmp(s->session->app_id, session->app_id))
			return s->app;
	return ++flow->n_apps;
}

static int add_take(
	struct flow *flow, struct session *session_take, struct flow_session **ret_session)
{
	struct flow_session *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_raise(-ENOMEM);
	s->app = app_number(flow, session_take);
	r = map_put(&flow->sessions, session_take->id, s);
	if (r) {
		free(s);
		return r;
	}
	s->session = session_take;
	*ret_session = s;
	return 0;
}

static int on_load(struct session *session_take, void *user)
{
	struct flow *flow = user;
	struct flow_session *s;
	int r = add_take(flow, session_take, &s);

	if (r) {
		session_free(session_take);
		return r;
	}
	s->is_emptying = session_take->state == TRANSFER_SESSION_STATE_INVALID &&
		session_take->n_tasks;
	s->is_defaulting = true;
	return 0;
}

int flow_session_load_all(struct flow *flow)
{
	struct flow_session *s;
	size_t cursor = 0;
	int r = err_fold(store_session_each(flow->store, on_load, flow));

	while (!r && (s = map_next(&flow->sessions, &cursor))) {
		r = err_fold(store_event_last_seq(flow->store, s->session->id, &s->last_seq));
		if (s->last_seq < s->session->last_acked_seq)
			s->last_seq = s->session->last_acked_seq;
		if (!r)
			r = flow_quit_load(flow, s);
	}
	return r;
}

/* ---- configuration ---- */

bool flow_session_is_text(const char *s, size_t max_bytes)
{
	return s && *s && strlen(s) <= max_bytes && utf8_is_valid(s);
}

static int check_headers(const struct session_config *config)
{
	if (request_headers_bytes(config->headers, config->n_headers) > FLOW_HEADERS_MAX_BYTES)
		return FLOW_E_INVALID_REQUEST;
	for (size_t i = 0; i < config->n_headers; i++)
		if (request_check_header(&config->headers[i]) == REQUEST_HEADER_INVALID)
			return FLOW_E_INVALID_REQUEST;
	return 0;
}

int flow_config_judge(const struct session_config *c, const struct look_answer *seen)
{
	int r = flow_judge_ca_file(c->ca_file, seen);

	if (!c->request_timeout_us || !c->resource_timeout_us ||
		c->request_timeout_us > INT64_MAX || c->resource_timeout_us > INT64_MAX / 4 ||
		c->max_rate_bps > INT64_MAX)
		return FLOW_E_INVALID_REQUEST;
	if (!c->max_connections_per_host || c->max_connections_per_host > SESSION_CONNECTIONS_MAX)
		return FLOW_E_INVALID_REQUEST;
	if (c->launch && strlen(c->launch) > 255)
		return FLOW_E_INVALID_REQUEST;
	if (c->cookie_store && *c->cookie_store &&
		!flow_session_is_text(c->cookie_store, SESSION_IDENTIFIER_MAX_BYTES))
		return FLOW_E_INVALID_REQUEST;
	return r ? r : check_headers(c);
}

static int check_open(const struct flow_open *open)
{
	if (open->description && strlen(open->description) > TEXT_MAX_BYTES)
		return FLOW_E_INVALID_REQUEST;
	return flow_config_judge(&open->config, open->seen);
}

static int copy_text(struct arena *arena, const char **slot, const char *value)
{
	const char *copy = value ? arena_strdup(arena, value) : NULL;

	if (value && !copy)
		return err_raise(-ENOMEM);
	*slot = copy;
	return 0;
}

static int copy_headers(
	struct arena *arena, struct session_config *to, const struct session_config *from)
{
	struct task_header *headers = arena_alloc(arena, from->n_headers + 1, sizeof(*headers));
	size_t n = 0;
	int r;

	if (!headers)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < from->n_headers; i++) {
		if (request_check_header(&from->headers[i]) != REQUEST_HEADER_OK)
			continue;
		r = copy_text(arena, &headers[n].name, from->headers[i].name);
		if (!r)
			r = copy_text(arena, &headers[n].value, from->headers[i].value);
		if (r)
			return r;
		n++;
	}
	to->headers = headers;
	to->n_headers = n;
	return 0;
}

static bool is_same_text(const char *a, const char *b)
{
	return (!a || !b) ? a == b : !strcmp(a, b);
}

/* Fields that the engine owns do not count: they were not stored. */
static bool is_same_headers(const struct session_config *have, const struct session_config *want)
{
	size_t n = 0;

	for (size_t i = 0; i < want->n_headers; i++) {
		if (request_check_header(&want->headers[i]) != REQUEST_HEADER_OK)
			continue;
		if (n >= have->n_headers ||
			strcmp(have->headers[n].name, want->headers[i].name) != 0 ||
			strcmp(have->headers[n].value, want->headers[i].value) != 0)
			return false;
		n++;
	}
	return n == have->n_headers;
}

static uint32_t differences_of(const struct session *session, const struct flow_open *open)
{
	const struct session_config *a = &session->config, *b = &open->config;
	uint32_t d = 0;

	d |= a->request_timeout_us != b->request_timeout_us ? FLOW_SESSION_KEY_REQUEST_TIMEOUT : 0;
	d |= a->resource_timeout_us != b->resource_timeout_us ? FLOW_SESSION_KEY_RESOURCE_TIMEOUT
							      : 0;
	d |= !is_same_headers(a, b) ? FLOW_SESSION_KEY_HEADERS : 0;
	d |= a->max_connections_per_host != b->max_connections_per_host
		? FLOW_SESSION_KEY_MAX_CONNECTIONS
		: 0;
	d |= a->discretionary != b->discretionary ? FLOW_SESSION_KEY_DISCRETIONARY : 0;
	d |= a->allows_metered != b->allows_metered ? FLOW_SESSION_KEY_ALLOWS_METERED : 0;
	d |= a->allow_insecure != b->allow_insecure ? FLOW_SESSION_KEY_ALLOW_INSECURE : 0;
	d |= !is_same_text(a->ca_file, b->ca_file) ? FLOW_SESSION_KEY_CA_FILE : 0;
	d |= a->retry_http_errors != b->retry_http_errors ? FLOW_SESSION_KEY_RETRY_HTTP_ERRORS : 0;
	d |= a->max_rate_bps != b->max_rate_bps ? FLOW_SESSION_KEY_MAX_RATE : 0;
	d |= !is_same_text(a->launch, b->launch) ? FLOW_SESSION_KEY_LAUNCH : 0;
	d |= !is_same_text(session->description, open->description) ? FLOW_SESSION_KEY_DESCRIPTION
								    : 0;
	d |= a->upload_copy != b->upload_copy ? FLOW_SESSION_KEY_UPLOAD_COPY : 0;
	d |= !is_same_text(a->cookie_store, b->cookie_store) ? FLOW_SESSION_KEY_COOKIE_STORE : 0;
	d |= a->sends_cookies != b->sends_cookies ? FLOW_SESSION_KEY_SENDS_COOKIES : 0;
	d |= a->accepts_cookies != b->accepts_cookies ? FLOW_SESSION_KEY_ACCEPTS_COOKIES : 0;
	return d & open->given;
}

/* Takes the keys in mask over; strings are copied. */
static int take_config(struct session *session, const struct flow_open *open, uint32_t mask)
{
	struct session_config *to = &session->config;
	const struct session_config *from = &open->config;
	int r = 0;

	if (mask & FLOW_SESSION_KEY_REQUEST_TIMEOUT)
		to->request_timeout_us = from->request_timeout_us;
	if (mask & FLOW_SESSION_KEY_RESOURCE_TIMEOUT)
		to->resource_timeout_us = from->resource_timeout_us;
	if (mask & FLOW_SESSION_KEY_MAX_CONNECTIONS)
		to->max_connections_per_host = from->max_connections_per_host;
	if (mask & FLOW_SESSION_KEY_DISCRETIONARY)
		to->discretionary = from->discretionary;
	if (mask & FLOW_SESSION_KEY_ALLOWS_METERED)
		to->allows_metered = from->allows_metered;
	if (mask & FLOW_SESSION_KEY_ALLOW_INSECURE)
		to->allow_insecure = from->allow_insecure;
	if (mask & FLOW_SESSION_KEY_RETRY_HTTP_ERRORS)
		to->retry_http_errors = from->retry_http_errors;
	if (mask & FLOW_SESSION_KEY_MAX_RATE)
		to->max_rate_bps = from->max_rate_bps;
	if (mask & FLOW_SESSION_KEY_UPLOAD_COPY)
		to->upload_copy = from->upload_copy;
	if (mask & FLOW_SESSION_KEY_SENDS_COOKIES)
		to->sends_cookies = from->sends_cookies;
	if (mask & FLOW_SESSION_KEY_ACCEPTS_COOKIES)
		to->accepts_cookies = from->accepts_cookies;
	if (mask & FLOW_SESSION_KEY_HEADERS)
		r = copy_headers(&session->arena, to, from);
	if (!r && (mask & FLOW_SESSION_KEY_CA_FILE))
		r = copy_text(&session->arena, &to->ca_file, from->ca_file);
	if (!r && (mask & FLOW_SESSION_KEY_LAUNCH))
		r = copy_text(&session->arena, &to->launch, from->launch);
	if (!r && (mask & FLOW_SESSION_KEY_COOKIE_STORE))
		r = copy_text(&session->arena, &to->cookie_store, from->cookie_store);
	if (!r && (mask & FLOW_SESSION_KEY_DESCRIPTION))
		r = copy_text(&session->arena, &session->description, open->description);
	return r;
}

/* ---- opening ---- */

static struct flow_session *find(
	const struct flow *flow, uid_t uid, const char *app_id, const char *identifier)
{
	struct flow_session *s;
	size_t cursor = 0;

	while ((s = map_next(&flow->sessions, &cursor)))
		if (!s->is_gone && s->session->uid == uid &&
			(!app_id || !strcmp(s->session->app_id, app_id)) &&
			!strcmp(s->session->identifier, identifier))
			return s;
	return NULL;
}

static int put(struct flow *flow, struct session *session)
{
	int r = store_session_put(flow->store, session);

	/* nobody has that name here: it is that of a row which could not be read */
	if (r == STORE_E_DUPLICATE) {
		r = store_session_unname(flow->store, session);
		if (!r)
			r = store_session_put(flow->store, session);
	}
	return r == STORE_E_DUPLICATE ? FLOW_E_IDENTIFIER_IN_USE : err_fold(r);
}

static int create(
	struct flow *flow, const struct flow_open *open, struct flow_session **ret_session)
{
	struct session *session = session_new();
	struct flow_session *s;
	int r;

	if (!session)
		return err_raise(-ENOMEM);
	if (store_is_full(flow->store)) {
		session_free(session);
		return FLOW_E_NO_SPACE;
	}
	session->kind = open->kind;
	session->uid = open->uid;
	session->created_wall_us = flow->now.wall_us;
	r = copy_text(&session->arena, &session->app_id, open->app_id);
	if (!r)
		r = copy_text(&session->arena, &session->identifier, open->identifier);
	if (!r)
		r = take_config(session, open, open->given);
	if (!r)
		r = put(flow, session);
	if (!r)
		r = add_take(flow, session, &s);
	if (r) {
		session_free(session);
		return r < 0 ? flow_turn_poison(flow, r) : r;
	}
	s->is_new = true;
	TAILQ_INSERT_TAIL(&flow->touched_sessions, s, touched);
	*ret_session = s;
	return 0;
}

static int reopen(struct flow *flow, const struct flow_open *open, struct flow_session *s,
	uint32_t *ret_differences)
{
	uint32_t differences = differences_of(s->session, open);
	int r;

	/* who ended it and left may come back to hear its end (BT-06 refuses while somebody is there) */
	if (s->session->state != TRANSFER_SESSION_STATE_ACTIVE) {
		*ret_differences = 0;
		return s->client ? FLOW_E_SESSION_INVALID : 0;
	}
	if (!differences || !open->update) {
		*ret_differences = differences;
		return 0;
	}
	r = flow_session_touch(flow, s);
	if (!r)
		r = take_config(s->session, open, differences);
	if (!r && (differences & FLOW_SESSION_KEY_MAX_CONNECTIONS))
		r = flow_schedule_rebuild(flow);
	s->is_told = true;
	*ret_differences = 0;
	return r ? flow_turn_poison(flow, r) : 0;
}

static size_t count_of_user(const struct flow *flow, uid_t uid)
{
	const struct flow_session *s;
	size_t cursor = 0, n = 0;

	while ((s = map_next(&flow->sessions, &cursor)))
		n += !s->is_gone && s->session->uid == uid;
	return n;
}

int flow_session_open(
	struct flow *flow, const struct flow_open *open, struct flow_opened *ret_opened)
{
	struct flow_session *s;
	uint32_t differences = 0;
	bool is_found;
	int r;

	if (open->kind != TRANSFER_SESSION_BACKGROUND)
		return FLOW_E_NOT_SUPPORTED_IN_SESSION;
	if (!flow_session_is_text(open->identifier, SESSION_IDENTIFIER_MAX_BYTES) ||
		!flow_session_is_text(open->app_id, SESSION_IDENTIFIER_MAX_BYTES))
		return FLOW_E_INVALID_REQUEST;
	r = check_open(open);
	if (r)
		return r;
	s = find(flow, open->uid, open->app_id, open->identifier);
	is_found = s;
	if (!s && count_of_user(flow, open->uid) >= FLOW_SESSIONS_PER_UID_MAX)
		return FLOW_E_LIMIT_REACHED;
	r = s ? reopen(flow, open, s, &differences) : create(flow, open, &s);
	if (r)
		return r;
	*ret_opened = (struct flow_opened){
		.session = s->session->id,
		.is_reassociated = is_found,
		.differences = differences,
		.n_events = s->session->n_events,
		.n_tasks = s->session->n_tasks,
	};
	return 0;
}

int flow_session_set_description(struct flow *flow, uint64_t session, const char *description)
{
	struct flow_session *s = flow_session_lookup(flow, session);
	int r;

	if (!s)
		return FLOW_E_NO_SUCH_SESSION;
	if (description && (strlen(description) > TEXT_MAX_BYTES || !utf8_is_valid(description)))
		return FLOW_E_INVALID_REQUEST;
	r = flow_session_touch(flow, s);
	if (!r)
		r = copy_text(&s->session->arena, &s->session->description,
			description && *description ? description : NULL);
	s->is_told = true;
	return r ? flow_turn_poison(flow, r) : 0;
}

/* ---- ending ---- */

static int end(struct flow *flow, struct flow_session *s, enum transfer_session_state state)
{
	int r = flow_session_touch(flow, s);

	if (r)
		return flow_turn_poison(flow, r);
	s->session->state = state;
	s->is_emptying = state == TRANSFER_SESSION_STATE_INVALID;
	s->is_told = true;
	r = flow_step_settle_session(flow, s);
	return r ? flow_turn_poison(flow, r) : 0;
}

int flow_session_finish(struct flow *flow, uint64_t session)
{
	struct flow_session *s = flow_session_lookup(flow, session);

	if (!s)
		return FLOW_E_NO_SUCH_SESSION;
	switch (s->session->state) {
	case TRANSFER_SESSION_STATE_ACTIVE:
		return end(flow, s, TRANSFER_SESSION_STATE_FINISHING);
	case TRANSFER_SESSION_STATE_FINISHING:
		return 0;
	case TRANSFER_SESSION_STATE_INVALID:
		break;
	}
	return FLOW_E_SESSION_INVALID;
}

int flow_session_cancel(struct flow *flow, uint64_t session)
{
	struct flow_session *s = flow_session_lookup(flow, session);

	if (!s)
		return FLOW_E_NO_SUCH_SESSION;
	if (s->session->state == TRANSFER_SESSION_STATE_INVALID)
		return s->session->n_tasks ? 0 : FLOW_E_SESSION_INVALID;
	return end(flow, s, TRANSFER_SESSION_STATE_INVALID);
}

static int empty_page(struct flow *flow, struct flow_session *s)
{
	const struct flow_cancel how = { .delete_partial = true };
	bool has_more;
	int r = flow_command_cancel_page(flow, s, &how, &has_more);

	if (!r)
		s->is_emptying = has_more;
	return r;
}

int flow_session_empty(struct flow *flow)
{
	struct flow_session *s;
	size_t cursor = 0;
	int r = 0;

	while (!r && (s = map_next(&flow->sessions, &cursor)))
		if (s->is_emptying && !s->is_gone)
			r = empty_page(flow, s);
	return r;
}

struct flush_item {
	struct flow *flow;
	uint64_t session;
};

static void on_flush_release(void *data, int error)
{
	struct flush_item *item = data;

	if (!error)
		engine_drop_connections(item->flow->engine, item->session);
	free(item);
}

int flow_session_flush(struct flow *flow, uint64_t session)
{
	struct flush_item *item;

	if (!flow_session_lookup(flow, session))
		return FLOW_E_NO_SUCH_SESSION;
	item = malloc(sizeof(*item));
	if (!item)
		return err_raise(-ENOMEM);
	*item = (struct flush_item){ flow, session };
	if (outbox_add_take(&flow->outbox, on_flush_release, item)) {
		free(item);
		return err_raise(-ENOMEM);
	}
	return 0;
}

/* ---- looking ---- */

const struct session *flow_session_get(struct flow *flow, uint64_t session)
{
	const struct flow_session *s = flow_session_lookup(flow, session);

	return s ? s->session : NULL;
}

const struct session *flow_session_find(
	struct flow *flow, uid_t uid, const char *app_id, const char *identifier)
{
	const struct flow_session *s = find(flow, uid, app_id, identifier);

	return s ? s->session : NULL;
}

bool flow_session_is_ambiguous(struct flow *flow, uid_t uid, const char *identifier)
{
	const struct flow_session *s;
	size_t cursor = 0, n = 0;

	while (n < 2 && (s = map_next(&flow->sessions, &cursor)))
		n += !s->is_gone && s->session->uid == uid &&
			!strcmp(s->session->identifier, identifier);
	return n > 1;
}

int flow_sessions_each(struct flow *flow, flow_session_fn fn, void *user)
{
	const struct flow_session *s;
	size_t cursor = 0;
	int r = 0;

	while (!r && (s = map_next(&flow->sessions, &cursor)))
		if (!s->is_gone)
			r = fn(s->session, user);
	return r;
}

uint64_t flow_session_client(const struct flow *flow, uint64_t session)
{
	const struct flow_session *s = flow_session_lookup(flow, session);

	return s ? s->client : 0;
}

uint64_t flow_session_app_tasks(const struct flow *flow, const struct flow_session *session)
{
	const struct flow_session *s;
	size_t cursor = 0;
	uint64_t n = 0;

	while ((s = map_next(&flow->sessions, &cursor)))
		if (s->app == session->app && !s->is_gone)
			n += s->session->n_tasks;
	return n;
}
