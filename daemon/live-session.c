/* SPDX-License-Identifier: MIT */
/*
 * Sessions in memory. One belongs to the connection that opened it: when that is gone, or says so, nothing more is told, its
 * attempts end, its files go, and so does it when the last attempt has ended.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "daemon/live-state.h"

#define APP_MAX_BYTES 255

/* ---- configuration ---- */

static int copy_headers(struct session *session, const struct session_config *from)
{
	struct task_header *headers;

	headers = arena_alloc(&session->arena, from->n_headers + 1, sizeof(*headers));
	if (!headers)
		return err_raise(-ENOMEM);
	for (size_t i = 0; i < from->n_headers; i++) {
		headers[i].name = arena_strdup(&session->arena, from->headers[i].name);
		headers[i].value = arena_strdup(&session->arena, from->headers[i].value);
		if (!headers[i].name || !headers[i].value)
			return err_raise(-ENOMEM);
	}
	session->config.headers = headers;
	return 0;
}

static int copy_config(struct session *session, const struct live_open *open)
{
	struct session_config *config = &session->config;
	const char **strings[] = { &config->ca_file, &config->launch, &config->cookie_store,
		&config->proxy, &config->proxy_exceptions, &session->app_id, &session->identifier,
		&session->description };

	session->config = open->config;
	session->kind = open->kind;
	session->uid = open->uid;
	session->app_id = open->app_id;
	session->identifier = "";
	session->description = open->description;
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		if (*strings[i] && !(*strings[i] = arena_strdup(&session->arena, *strings[i])))
			return err_raise(-ENOMEM);
	return copy_headers(session, &open->config);
}

/* ---- opening ---- */

/* Sessions of one application share a turn in the round robin. */
static uint64_t app_number(struct live *live, const struct live_open *open)
{
	struct live_session *s;
	size_t cursor = 0;

	while ((s = map_next(&live->sessions, &cursor)))
		if (s->session->uid == open->uid && !strcmp(s->session->app_id, open->app_id))
			return s->app;
	return ++live->n_apps;
}

static size_t count_of_user(const struct live *live, uid_t uid)
{
	const struct live_session *s;
	size_t n = 0, cursor = 0;

	while ((s = map_next(&live->sessions, &cursor)))
		n += s->session->uid == uid && !s->is_silent;
	return n;
}

static int judge(struct live *live, const struct live_open *open)
{
	if (open->kind == TRANSFER_SESSION_BACKGROUND)
		return FLOW_E_NOT_SUPPORTED_IN_SESSION;
	if (!open->client || !open->app_id || !open->app_id[0] ||
		strlen(open->app_id) > APP_MAX_BYTES)
		return FLOW_E_INVALID_REQUEST;
	if (open->progress_interval_us && open->progress_interval_us < PROGRESS_INTERVAL_MIN_US)
		return FLOW_E_INVALID_REQUEST;
	if (count_of_user(live, open->uid) >= LIVE_SESSIONS_PER_UID_MAX)
		return FLOW_E_LIMIT_REACHED;
	return flow_config_judge(&open->config, open->seen);
}

static int add(struct live *live, struct live_session *s, const struct live_open *open)
{
	int r;

	s->session = session_new();
	if (!s->session)
		return err_raise(-ENOMEM);
	r = copy_config(s->session, open);
	if (r)
		return r;
	s->app = app_number(live, open);
	s->session->id = live_next_id(live);
	s->session->created_wall_us = live->now.wall_us;
	r = live_row_prepare_last(s);
	if (!r)
		r = live_cookie_open(live, s);
	return r ? r : map_put(&live->sessions, s->session->id, s);
}

int live_session_open(struct live *live, const struct live_open *open, uint64_t *ret_session)
{
	struct live_session *s;
	int r = judge(live, open);

	if (r)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_raise(-ENOMEM);
	s->client = open->client;
	s->progress_interval_us = open->progress_interval_us;
	s->asks = open->asks;
	s->tells = open->tells;
	s->folds = open->folds;
	TAILQ_INIT(&s->line);
	TAILQ_INIT(&s->files);
	r = add(live, s, open);
	if (r) {
		live_session_free(live, s);
		return r;
	}
	*ret_session = s->session->id;
	return 0;
}

/* ---- the end ---- */

void live_session_free(struct live *live, struct live_session *s)
{
	struct live_task *task, *next;

	live_row_clear(live, s);
	for (task = TAILQ_FIRST(&live->all); s->n_tasks && task; task = next) {
		next = TAILQ_NEXT(task, in_all);
		if (task->session == s)
			live_task_forget(live, task);
	}
	live_row_drop_files(live, s, UINT64_MAX);
	live_row_free(live, s->last);
	live_cookie_close(live, s);
	if (s->is_touched)
		TAILQ_REMOVE(&live->touched_sessions, s, touched);
	if (s->session && map_find(&live->sessions, s->session->id) == s)
		map_remove(&live->sessions, s->session->id);
	session_free(s->session);
	free(s);
}

void live_session_settle(struct live *live, struct live_session *s)
{
	const struct live_observer *o = live->config.observer;
	uint64_t id = s->session->id;

	if (!s->is_closing || s->n_tasks || !TAILQ_EMPTY(&s->line))
		return;
	engine_drop_connections(live->engine, id);
	live_session_free(live, s);
	if (o && o->session_gone)
		o->session_gone(id, live->config.observer_user);
}

/* Nobody listens: rows go, tasks that have ended go, those with an attempt when it has. */
void live_session_end(struct live *live, struct live_session *s)
{
	struct live_task *task, *next;

	if (s->is_silent) {
		live_row_clear(live, s); /* not even that it is lost */
		live_session_touch(live, s);
		return;
	}
	s->is_silent = s->is_closing = true;
	s->session->state = TRANSFER_SESSION_STATE_INVALID;
	live_row_clear(live, s);
	for (task = TAILQ_FIRST(&live->all); task; task = next) {
		next = TAILQ_NEXT(task, in_all);
		if (task->session != s)
			continue;
		if (task->phase == LIVE_PHASE_ENDED)
			live_task_forget(live, task);
		else
			(void)live_step(live, task, LIVE_EVENT_CANCEL, NULL);
	}
	live_row_drop_files(live, s, UINT64_MAX);
	live_session_touch(live, s);
}

void live_session_break(struct live *live, struct live_session *s)
{
	if (s->is_broken || s->is_silent)
		return;
	log_error("no memory for events of session %llu: it is lost, and its client is told",
		(unsigned long long)s->session->id);
	/* inside of something that still looks at its tasks: it ends with the turn */
	s->is_broken = true;
	live_session_touch(live, s);
}

void live_session_lost(struct live *live, uint64_t session)
{
	struct live_session *s = map_find(&live->sessions, session);

	if (s && s->is_broken && s->is_silent)
		live_row_put_last(live, s);
	else if (s)
		live_session_break(live, s);
}

int live_session_close(struct live *live, uint64_t session)
{
	struct live_session *s = map_find(&live->sessions, session);

	if (!s || (s->is_silent && !s->is_broken))
		return FLOW_E_NO_SUCH_SESSION;
	live_session_end(live, s);
	return 0;
}

void live_client_left(struct live *live, uint64_t client)
{
	struct live_session *s;
	size_t cursor = 0;

	while ((s = map_next(&live->sessions, &cursor)))
		if (s->client == client)
			live_session_end(live, s);
}

int live_session_flush(struct live *live, uint64_t session, bool resets)
{
	struct live_session *s = live_session_lookup(live, session);
	int r;

	if (!s)
		return FLOW_E_NO_SUCH_SESSION;
	r = resets ? live_session_clear_cookies(live, session) : 0;
	if (r && r != FLOW_E_NOT_SUPPORTED_IN_SESSION)
		return r;
	engine_drop_connections(live->engine, session);
	return 0;
}

/* ---- looks ---- */

struct live_session *live_session_lookup(const struct live *live, uint64_t id)
{
	struct live_session *s = map_find(&live->sessions, id);

	return s && !s->is_silent ? s : NULL;
}

const struct session *live_session_get(const struct live *live, uint64_t session)
{
	const struct live_session *s = live_session_lookup(live, session);

	if (!s)
		return NULL;
	s->session->n_tasks = s->n_unended;
	s->session->n_events = s->last_seq - s->taken_seq;
	return s->session;
}

uint64_t live_session_client(const struct live *live, uint64_t session)
{
	const struct live_session *s = live_session_lookup(live, session);

	return s ? s->client : 0;
}

void live_session_touch(struct live *live, struct live_session *s)
{
	if (s->is_touched)
		return;
	s->is_touched = true;
	TAILQ_INSERT_TAIL(&live->touched_sessions, s, touched);
}
