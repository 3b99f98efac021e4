/* SPDX-License-Identifier: MIT */
/*
 * Cookies of live sessions. An ephemeral one has a store of its own, in memory, that goes with it; the others use stores that
 * are kept, which are the flow's. The engine has a copy of either and is told of every change.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "daemon/live-state.h"

/* Each cookie in one piece of memory, the oldest first. */
struct cookie {
	struct cookie *next;
	uint64_t id;
	struct transfer_cookie cookie;
	char texts[];
};

struct live_jar {
	struct cookie *first;
	uint64_t last_id;
	size_t n;
};

/* ---- the store of an ephemeral session ---- */

static bool is_same(const struct transfer_cookie *a, const struct transfer_cookie *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->domain, b->domain) &&
		!strcmp(a->path, b->path) && a->is_host_only == b->is_host_only;
}

static char *add_text(char *at, const char **slot)
{
	size_t n = strlen(*slot) + 1;

	memcpy(at, *slot, n);
	*slot = at;
	return at + n;
}

static struct cookie *copy_of(const struct transfer_cookie *from)
{
	size_t n = strlen(from->name) + strlen(from->value) + strlen(from->domain) +
		strlen(from->path) + 4;
	struct cookie *c = malloc(sizeof(*c) + n);
	char *at;

	if (!c)
		return NULL;
	c->cookie = *from;
	at = add_text(c->texts, &c->cookie.name);
	at = add_text(at, &c->cookie.value);
	at = add_text(at, &c->cookie.domain);
	(void)add_text(at, &c->cookie.path);
	return c;
}

static struct cookie **slot_of(struct live_jar *jar, const struct transfer_cookie *cookie)
{
	struct cookie **at = &jar->first;

	while (*at && !is_same(&(*at)->cookie, cookie))
		at = &(*at)->next;
	return at;
}

static void drop(struct live_jar *jar, struct cookie **at)
{
	struct cookie *c = *at;

	*at = c->next;
	jar->n--;
	free(c);
}

static bool is_over(const struct transfer_cookie *cookie, uint64_t wall_us)
{
	return cookie->expires_wall_usec && cookie->expires_wall_usec <= wall_us;
}

/* One that replaces another keeps when it was made, and its place. */
static int put(struct live_jar *jar, const struct transfer_cookie *from, uint64_t wall_us)
{
	struct cookie **at = slot_of(jar, from), *c;

	if (is_over(from, wall_us)) {
		if (*at)
			drop(jar, at);
		return 0;
	}
	c = copy_of(from);
	if (!c)
		return err_raise(-ENOMEM);
	c->next = NULL;
	if (*at) {
		c->id = (*at)->id;
		c->cookie.created_wall_usec = (*at)->cookie.created_wall_usec;
		c->next = (*at)->next;
		free(*at);
		*at = c;
		return 0;
	}
	c->id = ++jar->last_id;
	if (!c->cookie.created_wall_usec)
		c->cookie.created_wall_usec = wall_us;
	*at = c;
	if (++jar->n > TRANSFER_COOKIES_MAX)
		drop(jar, &jar->first);
	return 0;
}

static void empty(struct live_jar *jar)
{
	while (jar->first)
		drop(jar, &jar->first);
}

/* ---- life ---- */

static bool has_none(const struct session_config *config)
{
	return config->cookie_store && !config->cookie_store[0];
}

int live_cookie_open(struct live *live, struct live_session *session)
{
	const struct session *s = session->session;
	const struct flow_jar_key key = { s->uid, s->app_id, s->config.cookie_store };

	if (has_none(&s->config))
		return 0;
	if (s->kind != TRANSFER_SESSION_EPHEMERAL)
		return flow_jar_hold(live->flow, &key, &session->jar);
	session->memory_jar = calloc(1, sizeof(*session->memory_jar));
	if (!session->memory_jar)
		return err_raise(-ENOMEM);
	session->jar = live_next_id(live);
	return 0;
}

void live_cookie_close(struct live *live, struct live_session *session)
{
	if (!session->jar)
		return;
	if (session->memory_jar) {
		engine_clear_cookies(live->engine, session->jar);
		empty(session->memory_jar);
		free(session->memory_jar);
		session->memory_jar = NULL;
	} else {
		flow_jar_release(live->flow, session->jar);
	}
	session->jar = 0;
}

void live_cookie_fill(const struct live_task *task, struct engine_spec *spec)
{
	const struct live_session *session = task->session;
	const struct session_config *config = &session->session->config;

	if (!session->jar || task->task.request.ignores_cookies ||
		(!config->sends_cookies && config->accepts_cookies == TRANSFER_COOKIE_ACCEPT_NEVER))
		return;
	spec->jar = session->jar;
	spec->sends_cookies = config->sends_cookies;
	spec->accepts_cookies = config->accepts_cookies;
	spec->main_document_url = task->task.request.main_document_url;
}

/* ---- changes ---- */

static int apply(struct live *live, struct live_session *session,
	const struct transfer_cookie *cookies, size_t n_cookies)
{
	int r = 0;

	for (size_t i = 0; !r && i < n_cookies; i++)
		r = put(session->memory_jar, &cookies[i], live->now.wall_us);
	return r ? r : engine_put_cookies(live->engine, session->jar, cookies, n_cookies);
}

void live_cookie_event(struct live *live, const struct engine_event *event)
{
	struct live_session *session;
	size_t cursor = 0;

	while ((session = map_next(&live->sessions, &cursor)))
		if (session->memory_jar && session->jar == event->jar)
			break;
	if (session && apply(live, session, event->cookies, event->n_cookies))
		log_warn("no memory to keep cookies");
}

static int set(struct live *live, struct live_session *session,
	const struct transfer_cookie *cookies, size_t n_cookies)
{
	struct transfer_cookie *judged;
	struct arena arena = { 0 };
	int r = 0;

	judged = arena_alloc(&arena, n_cookies + 1, sizeof(*judged));
	if (!judged)
		return err_raise(-ENOMEM);
	for (size_t i = 0; !r && i < n_cookies; i++)
		r = flow_cookie_judge(live->flow, &cookies[i], &arena, &judged[i]);
	if (!r)
		r = apply(live, session, judged, n_cookies);
	arena_done(&arena);
	return r;
}

int live_session_set_cookies(struct live *live, uint64_t session,
	const struct transfer_cookie *cookies, size_t n_cookies)
{
	struct live_session *s = live_session_lookup(live, session);

	if (!s)
		return FLOW_E_NO_SUCH_SESSION;
	if (!s->jar)
		return FLOW_E_NOT_SUPPORTED_IN_SESSION;
	if (!s->memory_jar)
		return flow_jar_set(live->flow, s->jar, cookies, n_cookies);
	return set(live, s, cookies, n_cookies);
}

int live_session_clear_cookies(struct live *live, uint64_t session)
{
	struct live_session *s = live_session_lookup(live, session);

	if (!s)
		return FLOW_E_NO_SUCH_SESSION;
	if (!s->jar)
		return FLOW_E_NOT_SUPPORTED_IN_SESSION;
	if (!s->memory_jar)
		return flow_jar_clear(live->flow, s->jar);
	empty(s->memory_jar);
	engine_clear_cookies(live->engine, s->jar);
	return 0;
}

static void drop_over(struct live_jar *jar, uint64_t wall_us)
{
	struct cookie **at = &jar->first;

	while (*at)
		if (is_over(&(*at)->cookie, wall_us))
			drop(jar, at);
		else
			at = &(*at)->next;
}

static int each(const struct live_jar *jar, const struct flow_cookie_query *query,
	flow_cookie_fn fn, void *user, uint64_t *ret_next)
{
	size_t limit = query->limit && query->limit < FLOW_LIST_MAX ? query->limit : FLOW_LIST_MAX;
	uint64_t last = 0;
	size_t n = 0;
	int r;

	*ret_next = 0;
	for (const struct cookie *c = jar->first; c; c = c->next) {
		if (c->id <= query->after_id)
			continue;
		if (n++ == limit) {
			*ret_next = last;
			return 0;
		}
		r = fn(&c->cookie, user);
		if (r)
			return r;
		last = c->id;
	}
	return 0;
}

int live_session_cookies_each(struct live *live, const struct flow_cookie_query *query,
	flow_cookie_fn fn, void *user, uint64_t *ret_next)
{
	struct live_session *s = live_session_lookup(live, query->session);
	struct flow_cookie_query of_jar = *query;

	if (!s)
		return FLOW_E_NO_SUCH_SESSION;
	if (!s->jar)
		return FLOW_E_NOT_SUPPORTED_IN_SESSION;
	if (!s->memory_jar) {
		of_jar.jar = s->jar;
		return flow_jar_each(live->flow, &of_jar, fn, user, ret_next);
	}
	drop_over(s->memory_jar, live->now.wall_us);
	return each(s->memory_jar, query, fn, user, ret_next);
}
