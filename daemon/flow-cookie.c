/* SPDX-License-Identifier: MIT */
/*
 * Cookies of sessions. A store (a jar) belongs to a user's application and has a name; sessions that
 * name the same one share it, as all of an application's do that name none.
 *
 * What a jar holds is in the database alone. The engine has a copy of those that a task was started
 * with: it is read once, before the first such start, and follows every change after its commit. It
 * goes with the last session, whose name may be used again with other ones.
 * So a session without cookies costs one look into the database, and one without a jar nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "base/utf8.h"
#include "daemon/flow-state.h"
#include "engine/engine.h"

#define STORE_SHARED   "shared" /* the name of the store of those that name none */
#define PAIR_MAX_BYTES 4096
#define PATH_MAX_BYTES 1024

struct flow_jar {
	struct flow_jar *next;
	uint64_t id; /* for the engine; of this run of the daemon */
	struct store_jar key;
	bool is_told; /* the engine has what is in it */
	size_t n_holders; /* besides sessions */
	char texts[];
};

/* Cookies that belong to us. */
struct list {
	struct arena arena;
	struct transfer_cookie *cookies;
	size_t n, room;
};

/* ---- jars ---- */

static const char *jar_name(const struct session *session)
{
	return session->config.cookie_store ? session->config.cookie_store : STORE_SHARED;
}

static struct store_jar key_of(const struct session *session)
{
	return (struct store_jar){ session->uid, session->app_id, jar_name(session) };
}

static bool is_jar_of(const struct flow_jar *jar, const struct store_jar *key)
{
	return jar->key.uid == key->uid && !strcmp(jar->key.name, key->name) &&
		!strcmp(jar->key.app_id, key->app_id);
}

static struct flow_jar *new_jar(struct flow *flow, const struct store_jar *key)
{
	size_t n_app = strlen(key->app_id) + 1, n_name = strlen(key->name) + 1;
	struct flow_jar *jar = malloc(sizeof(*jar) + n_app + n_name);

	if (!jar)
		return NULL;
	*jar = (struct flow_jar){ .next = flow->jars, .id = ++flow->n_jars };
	memcpy(jar->texts, key->app_id, n_app);
	memcpy(jar->texts + n_app, key->name, n_name);
	jar->key = (struct store_jar){ key->uid, jar->texts, jar->texts + n_app };
	flow->jars = jar;
	return jar;
}

/* The one that is there, or a new one; NULL: no memory. */
static struct flow_jar *find_jar(struct flow *flow, const struct store_jar *key)
{
	struct flow_jar *jar = flow->jars;

	while (jar && !is_jar_of(jar, key))
		jar = jar->next;
	return jar ? jar : new_jar(flow, key);
}

/* 0 or -ENOMEM; NULL: the session has none. */
static int get_jar(struct flow *flow, struct flow_session *s, struct flow_jar **ret_jar)
{
	const struct store_jar key = key_of(s->session);
	struct flow_jar *jar = s->jar;

	*ret_jar = NULL;
	if (!jar_name(s->session)[0])
		return 0;
	if (!jar || !is_jar_of(jar, &key))
		jar = find_jar(flow, &key);
	if (!jar)
		return err_raise(-ENOMEM);
	flow->has_spare_jars |= s->jar && s->jar != jar;
	s->jar = *ret_jar = jar;
	return 0;
}

static bool has_session(const struct flow *flow, const struct flow_jar *jar)
{
	const struct flow_session *s;
	size_t cursor = 0;

	if (jar->n_holders)
		return true;
	while ((s = map_next(&flow->sessions, &cursor)))
		if (s->jar == jar)
			return true;
	return false;
}

/* Of a session that has another store by now. */
static bool has_attempt(const struct flow *flow, const struct flow_jar *jar)
{
	const struct active *active;
	size_t cursor = 0;

	while ((active = registry_next(&flow->registry, &cursor)))
		if (active->task->attempt && active->task->jar == jar->id)
			return true;
	return false;
}

void flow_cookie_sweep(struct flow *flow)
{
	struct flow_jar **at = &flow->jars, *jar;

	if (!flow->has_spare_jars)
		return;
	flow->has_spare_jars = false;
	while ((jar = *at)) {
		if (has_session(flow, jar)) {
			at = &jar->next;
			continue;
		}
		if (has_attempt(flow, jar)) {
			flow->has_spare_jars = true; /* looked at again when it has ended */
			at = &jar->next;
			continue;
		}
		*at = jar->next;
		if (jar->is_told)
			engine_clear_cookies(flow->engine, jar->id);
		free(jar);
	}
}

size_t flow_cookie_count(const struct flow *flow)
{
	size_t n = 0;

	for (const struct flow_jar *jar = flow->jars; jar; jar = jar->next)
		n++;
	return n;
}

void flow_cookie_free_all(struct flow *flow)
{
	struct flow_jar *jar;

	while ((jar = flow->jars)) {
		flow->jars = jar->next;
		free(jar);
	}
}

/* ---- lists ---- */

static void list_done(struct list *list)
{
	arena_done(&list->arena);
	free(list->cookies);
}

static int list_add(struct list *list, const struct transfer_cookie *cookie)
{
	struct transfer_cookie copy = *cookie;
	const char **texts[] = { &copy.name, &copy.value, &copy.domain, &copy.path };

	if (list->n == list->room) {
		size_t room = list->room ? list->room * 2 : 8;
		struct transfer_cookie *cookies = reallocarray(
			list->cookies, room, sizeof(*cookies));

		if (!cookies)
			return err_raise(-ENOMEM);
		list->cookies = cookies;
		list->room = room;
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		*texts[i] = arena_strdup(&list->arena, *texts[i]);
		if (!*texts[i])
			return err_raise(-ENOMEM);
	}
	list->cookies[list->n++] = copy;
	return 0;
}

static int on_loaded(uint64_t id, const struct transfer_cookie *cookie, void *user)
{
	(void)id;
	return list_add(user, cookie);
}

/* ---- what an attempt needs ---- */

static int tell(struct flow *flow, struct flow_jar *jar)
{
	const struct store_cookie_range range = {
		.now_wall_us = flow->now.wall_us,
		.limit = TRANSFER_COOKIES_MAX,
	};
	cleanup_(list_done) struct list list = { 0 };
	int r;

	if (jar->is_told)
		return 0;
	r = err_fold(store_cookie_each(flow->store, &jar->key, &range, on_loaded, &list));
	if (!r)
		r = engine_put_cookies(flow->engine, jar->id, list.cookies, list.n);
	jar->is_told = !r;
	return r;
}

int flow_cookie_fill(struct flow *flow, const struct task *task, struct engine_spec *spec)
{
	struct flow_session *s = flow_session_lookup(flow, task->session);
	const struct session_config *config;
	struct flow_jar *jar;
	int r;

	if (!s || task->request.ignores_cookies)
		return 0;
	config = &s->session->config;
	if (!config->sends_cookies && config->accepts_cookies == TRANSFER_COOKIE_ACCEPT_NEVER)
		return 0;
	r = get_jar(flow, s, &jar);
	if (r || !jar)
		return r;
	r = tell(flow, jar);
	if (r)
		return r;
	spec->jar = jar->id;
	spec->sends_cookies = config->sends_cookies;
	spec->accepts_cookies = config->accepts_cookies;
	spec->main_document_url = task->request.main_document_url;
	return 0;
}

/* ---- changes; the engine hears of them after the commit ---- */

struct change {
	struct flow *flow;
	struct flow_jar *jar;
	bool is_clear;
	struct list list;
};

static void on_change_release(void *data, int error)
{
	struct change *change = data;
	struct flow_jar *jar = change->jar;
	int r = 0;

	/* one that was not told yet will be read as it is then */
	if (!error && jar->is_told && change->is_clear)
		engine_clear_cookies(change->flow->engine, jar->id);
	else if (!error && jar->is_told)
		r = engine_put_cookies(
			change->flow->engine, jar->id, change->list.cookies, change->list.n);
	if (r) {
		/* what it has is out of date: with the next start it gets all of it */
		engine_clear_cookies(change->flow->engine, jar->id);
		jar->is_told = false;
		log_warn("no memory to hand out cookies");
	}
	list_done(&change->list);
	free(change);
}

static int announce(struct flow *flow, const struct change *from)
{
	struct change *change = malloc(sizeof(*change));
	int r = change ? 0 : err_raise(-ENOMEM);

	if (!r) {
		*change = *from;
		change->flow = flow;
		r = outbox_add_take(&flow->outbox, on_change_release, change);
	}
	if (r)
		free(change);
	return r;
}

/* Takes the list's content over when it goes well. */
static int put_take(struct flow *flow, struct flow_jar *jar, struct list *list)
{
	struct change change = { .jar = jar };
	int r = 0;

	for (size_t i = 0; !r && i < list->n; i++)
		r = store_cookie_put(flow->store, &jar->key, &list->cookies[i], flow->now.wall_us);
	if (r == STORE_E_NOT_FOUND)
		return FLOW_E_LIMIT_REACHED;
	if (r)
		return err_fold(r);
	change.list = *list;
	r = announce(flow, &change);
	if (!r)
		*list = (struct list){ 0 };
	return r;
}

static struct flow_jar *jar_by_id(const struct flow *flow, uint64_t id)
{
	struct flow_jar *jar = flow->jars;

	while (jar && jar->id != id)
		jar = jar->next;
	return jar;
}

int flow_cookie_event(struct flow *flow, const struct engine_event *event)
{
	cleanup_(list_done) struct list list = { 0 };
	struct flow_jar *jar = jar_by_id(flow, event->jar);
	int r = 0;

	/* without room a cookie is not worth what else must be written */
	if (!jar || store_is_full(flow->store))
		return 0;
	for (size_t i = 0; !r && i < event->n_cookies; i++)
		r = list_add(&list, &event->cookies[i]);
	if (!r)
		r = put_take(flow, jar, &list);
	if (r == FLOW_E_LIMIT_REACHED) {
		log_info("user %u has too many cookie stores: cookies are not kept",
			(unsigned)jar->key.uid);
		return 0;
	}
	return r;
}

/* ---- what clients ask ---- */

static bool is_clean(const char *text, const char *forbidden, size_t max_bytes)
{
	if (!text || strlen(text) > max_bytes || !utf8_is_valid(text) || strpbrk(text, forbidden))
		return false;
	for (; *text; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == 127)
			return false;
	return true;
}

/* A first dot says what is_host_only says, too. */
static int canonical(
	struct arena *arena, const struct transfer_cookie *from, struct transfer_cookie *to)
{
	const char *domain = from->domain;
	char *copy;

	if (!is_clean(domain, " \t;,/\\@?#%", 255))
		return FLOW_E_INVALID_REQUEST;
	if (domain[0] == '.')
		to->is_host_only = false;
	copy = arena_strdup(arena, domain + (domain[0] == '.'));
	if (!copy)
		return err_raise(-ENOMEM);
	for (char *c = copy; *c; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 32);
		if ((unsigned char)*c > 126)
			return FLOW_E_INVALID_REQUEST;
	}
	to->domain = copy;
	return *copy && *copy != '.' ? 0 : FLOW_E_INVALID_REQUEST;
}

static int check(const struct transfer_cookie *c)
{
	if (!is_clean(c->name, "=;", PAIR_MAX_BYTES) || !c->name[0] ||
		!is_clean(c->value, ";", PAIR_MAX_BYTES) ||
		!is_clean(c->path, ";", PATH_MAX_BYTES) || c->path[0] != '/')
		return FLOW_E_INVALID_REQUEST;
	if (strlen(c->name) + strlen(c->value) > PAIR_MAX_BYTES || c->expires_wall_usec > INT64_MAX)
		return FLOW_E_INVALID_REQUEST;
	/* spaces around would be lost on the way */
	return strchr(" \t", c->name[0]) || strchr(" \t", c->name[strlen(c->name) - 1])
		? FLOW_E_INVALID_REQUEST
		: 0;
}

int flow_cookie_judge(struct flow *flow, const struct transfer_cookie *from, struct arena *arena,
	struct transfer_cookie *ret_cookie)
{
	int r = check(from);

	*ret_cookie = *from;
	ret_cookie->size = sizeof(*ret_cookie);
	ret_cookie->created_wall_usec = flow->now.wall_us;
	return r ? r : canonical(arena, from, ret_cookie);
}

static int read_cookie(struct flow *flow, const struct transfer_cookie *from, struct list *list)
{
	struct transfer_cookie cookie;
	int r = flow_cookie_judge(flow, from, &list->arena, &cookie);

	return r ? r : list_add(list, &cookie);
}

static int set(
	struct flow *flow, struct flow_jar *jar, const struct transfer_cookie *cookies, size_t n)
{
	cleanup_(list_done) struct list list = { 0 };
	int r = 0;

	for (size_t i = 0; !r && i < n; i++)
		r = read_cookie(flow, &cookies[i], &list);
	if (r)
		return r;
	if (!jar)
		return FLOW_E_NOT_SUPPORTED_IN_SESSION;
	if (store_is_full(flow->store))
		return FLOW_E_NO_SPACE;
	r = put_take(flow, jar, &list);
	return r < 0 ? flow_turn_poison(flow, r) : r;
}

static int clear(struct flow *flow, struct flow_jar *jar)
{
	int r = err_fold(store_cookie_clear(flow->store, &jar->key));

	if (!r)
		r = announce(flow, &(struct change){ .jar = jar, .is_clear = true });
	return r ? flow_turn_poison(flow, r) : 0;
}

int flow_session_set_cookies(struct flow *flow, uint64_t session,
	const struct transfer_cookie *cookies, size_t n_cookies)
{
	struct flow_session *s = flow_session_lookup(flow, session);
	struct flow_jar *jar;
	int r;

	if (!s)
		return FLOW_E_NO_SUCH_SESSION;
	r = get_jar(flow, s, &jar);
	return r ? r : set(flow, jar, cookies, n_cookies);
}

int flow_session_clear_cookies(struct flow *flow, uint64_t session)
{
	struct flow_session *s = flow_session_lookup(flow, session);
	struct flow_jar *jar;
	int r;

	if (!s)
		return FLOW_E_NO_SUCH_SESSION;
	r = get_jar(flow, s, &jar);
	return r || !jar ? r : clear(flow, jar);
}

int flow_session_reset(struct flow *flow, uint64_t session)
{
	int r = flow_session_clear_cookies(flow, session);

	return r ? r : flow_session_flush(flow, session);
}

struct look {
	flow_cookie_fn fn;
	void *user;
	uint64_t last_id;
	size_t n;
};

static int on_look(uint64_t id, const struct transfer_cookie *cookie, void *user)
{
	struct look *look = user;

	look->last_id = id;
	look->n++;
	return look->fn(cookie, look->user);
}

static int each(struct flow *flow, const struct flow_jar *jar,
	const struct flow_cookie_query *query, struct look *look, uint64_t *ret_next)
{
	const struct store_cookie_range range = {
		.after_id = query->after_id,
		.now_wall_us = flow->now.wall_us,
		.limit = query->limit ? query->limit : FLOW_LIST_MAX,
	};
	int r = jar ? store_cookie_each(flow->store, &jar->key, &range, on_look, look) : 0;

	if (!r)
		*ret_next = look->n == range.limit ? look->last_id : 0;
	return r;
}

int flow_session_cookies_each(struct flow *flow, const struct flow_cookie_query *query,
	flow_cookie_fn fn, void *user, uint64_t *ret_next)
{
	struct flow_session *s = flow_session_lookup(flow, query->session);
	struct look look = { .fn = fn, .user = user };
	struct flow_jar *jar;
	int r;

	if (!s)
		return FLOW_E_NO_SUCH_SESSION;
	r = get_jar(flow, s, &jar);
	return r ? r : each(flow, jar, query, &look, ret_next);
}

/* ---- by name, for sessions of others ---- */

int flow_jar_hold(struct flow *flow, const struct flow_jar_key *from, uint64_t *ret_jar)
{
	const struct store_jar key = { from->uid, from->app_id,
		from->name ? from->name : STORE_SHARED };
	struct flow_jar *jar = find_jar(flow, &key);
	int r = jar ? tell(flow, jar) : err_raise(-ENOMEM);

	if (r) {
		flow->has_spare_jars = true;
		return r;
	}
	jar->n_holders++;
	*ret_jar = jar->id;
	return 0;
}

void flow_jar_release(struct flow *flow, uint64_t id)
{
	struct flow_jar *jar = jar_by_id(flow, id);

	if (!jar || !jar->n_holders)
		return;
	jar->n_holders--;
	flow->has_spare_jars |= !jar->n_holders;
}

int flow_jar_set(struct flow *flow, uint64_t id, const struct transfer_cookie *cookies, size_t n)
{
	return set(flow, jar_by_id(flow, id), cookies, n);
}

int flow_jar_clear(struct flow *flow, uint64_t id)
{
	struct flow_jar *jar = jar_by_id(flow, id);

	return jar ? clear(flow, jar) : 0;
}

int flow_jar_each(struct flow *flow, const struct flow_cookie_query *query, flow_cookie_fn fn,
	void *user, uint64_t *ret_next)
{
	struct look look = { .fn = fn, .user = user };

	return each(flow, jar_by_id(flow, query->jar), query, &look, ret_next);
}
