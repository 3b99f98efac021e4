/* SPDX-License-Identifier: MIT */
/* Cookies of sessions: whose they are, that they are durable before anybody has them (BT-87, BT-88). */
#include <stdio.h>
#include <string.h>

#include "daemon/flow-state.h"
#include "engine/engine.h"
#include "tests/lib/run.h"
#include "tests/sim/sim.h"

static struct transfer_cookie cookie_of(const char *name, const char *value)
{
	return (struct transfer_cookie){ .size = sizeof(struct transfer_cookie),
		.name = name,
		.value = value,
		.domain = "x.org",
		.path = "/" };
}

static uint64_t session_with(struct sim *sim, const char *app, const char *name, const char *store)
{
	struct flow_open open = sim_open(app, name);

	open.config.cookie_store = store;
	open.given = store ? FLOW_SESSION_KEY_COOKIE_STORE : 0;
	return sim_session_with(sim, &open);
}

static uint64_t jar_of(struct sim *sim, uint64_t session)
{
	uint64_t task = sim_download(sim, session, "x.org");
	struct fake_attempt *a;

	sim_settle(sim);
	a = fake_engine_find(sim->engine, task);
	ck_assert_ptr_nonnull(a);
	return a->jar;
}

/* An answer to the task sets a cookie; delivered with the next turn. */
static void post(struct sim *sim, uint64_t task, const struct transfer_cookie *cookie)
{
	const struct fake_attempt *a = fake_engine_find(sim->engine, task);
	const struct engine_event e = {
		.type = ENGINE_EVENT_COOKIES,
		.task = task,
		.attempt = a->attempt,
		.jar = a->jar,
		.cookies = cookie,
		.n_cookies = 1,
	};

	fake_engine_post(sim->engine, &e);
}

static int on_cookie(const struct transfer_cookie *c, void *user)
{
	char *text = user;
	size_t used = strlen(text);

	snprintf(text + used, 1024 - used, "%s=%s@%s%s;", c->name, c->value,
		c->is_host_only ? "" : ".", c->domain);
	return 0;
}

static const char *list(struct sim *sim, uint64_t session)
{
	const struct flow_cookie_query query = { .session = session };
	static char text[1024];
	uint64_t next = 1;

	text[0] = 0;
	sim_begin(sim);
	ck_assert_int_eq(flow_session_cookies_each(sim->flow, &query, on_cookie, text, &next), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(next, 0);
	return text;
}

static int set(struct sim *sim, uint64_t session, const struct transfer_cookie *cookie)
{
	int r;

	sim_begin(sim);
	r = flow_session_set_cookies(sim->flow, session, cookie, 1);
	ck_assert_int_eq(sim_end(sim), 0);
	return r;
}

static size_t n_told(struct sim *sim)
{
	size_t n_clears;

	return fake_engine_n_cookies(sim->engine, &n_clears);
}

START_TEST(a_store_belongs_to_the_application)
{
	struct sim *sim = sim_new(1);
	uint64_t one = session_with(sim, "app", "one", NULL);
	uint64_t two = session_with(sim, "app", "two", NULL);
	uint64_t other = session_with(sim, "other", "one", NULL);
	uint64_t own = session_with(sim, "app", "own", "own");
	uint64_t none = session_with(sim, "app", "none", "");
	uint64_t jar = jar_of(sim, one);

	ck_assert_uint_ne(jar, 0);
	ck_assert_uint_eq(jar_of(sim, two), jar);
	ck_assert_uint_ne(jar_of(sim, other), jar);
	ck_assert_uint_ne(jar_of(sim, own), jar);
	ck_assert_uint_ne(jar_of(sim, own), jar_of(sim, other));
	ck_assert_uint_eq(jar_of(sim, none), 0);
	sim_free(sim);
}
END_TEST

START_TEST(what_sessions_and_tasks_say)
{
	struct sim *sim = sim_new(1);
	struct flow_open open = sim_open("app", "one");
	const struct fake_attempt *a;
	struct flow_request request;
	uint64_t session, task;

	open.config.sends_cookies = false;
	open.config.accepts_cookies = TRANSFER_COOKIE_ACCEPT_ALWAYS;
	open.given = FLOW_SESSION_KEY_SENDS_COOKIES | FLOW_SESSION_KEY_ACCEPTS_COOKIES;
	session = sim_session_with(sim, &open);
	sim_crash(sim);
	task = sim_download(sim, session, "x.org");
	sim_settle(sim);
	a = fake_engine_find(sim->engine, task);
	ck_assert(a->jar && !a->sends_cookies);
	ck_assert_int_eq(a->accepts_cookies, TRANSFER_COOKIE_ACCEPT_ALWAYS);
	/* neither sent nor kept: no store at all */
	open.config.accepts_cookies = TRANSFER_COOKIE_ACCEPT_NEVER;
	open.update = true;
	session = sim_session_with(sim, &open);
	ck_assert_uint_eq(jar_of(sim, session), 0);
	session = sim_session(sim, "app", "two");
	flow_request_init(&request);
	request.request.url = "https://x.org/file";
	request.request.ignores_cookies = true;
	request.request.main_document_url = "https://doc.org/";
	task = sim_create(sim, session, &request, true);
	sim_settle(sim);
	ck_assert_uint_eq(fake_engine_find(sim->engine, task)->jar, 0);
	sim_free(sim);
}
END_TEST

START_TEST(cookies_of_answers_are_kept)
{
	struct transfer_cookie c = cookie_of("a", "1");
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one");
	uint64_t other = sim_session(sim, "other", "one");
	uint64_t task = sim_download(sim, session, "x.org");

	sim_settle(sim);
	ck_assert_uint_eq(n_told(sim), 0);
	post(sim, task, &c);
	c.value = "2";
	post(sim, task, &c);
	ck_assert_int_eq(sim_turn(sim), 0);
	ck_assert_uint_eq(n_told(sim), 2);
	ck_assert_str_eq(list(sim, session), "a=2@.x.org;");
	ck_assert_str_eq(list(sim, other), "");
	/* the daemon dies: the next start hands them to the engine, once */
	sim_crash(sim);
	ck_assert_str_eq(list(sim, session), "a=2@.x.org;");
	sim_settle(sim);
	ck_assert_uint_eq(n_told(sim), 3);
	sim_download(sim, session, "x.org");
	sim_settle(sim);
	ck_assert_uint_eq(n_told(sim), 3);
	sim_free(sim);
}
END_TEST

/* Nobody has a cookie that a crash could take back. */
START_TEST(a_commit_that_fails_tells_nobody)
{
	struct transfer_cookie c = cookie_of("a", "1");
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one");
	uint64_t task = sim_download(sim, session, "x.org");

	sim_settle(sim);
	post(sim, task, &c);
	sim->is_commit_failing = true;
	ck_assert_int_ne(sim_turn(sim), 0);
	ck_assert_uint_eq(n_told(sim), 0);
	sim->is_commit_failing = false;
	sim_pass(sim, 1000000);
	ck_assert_int_eq(sim_turn(sim), 0);
	ck_assert_uint_eq(n_told(sim), 1);
	ck_assert_str_eq(list(sim, session), "a=1@.x.org;");
	sim_free(sim);
}
END_TEST

START_TEST(reset_forgets_and_lets_run)
{
	const struct transfer_cookie c = cookie_of("a", "1");
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one");
	uint64_t task = sim_download(sim, session, "x.org");
	size_t n_clears;

	sim_settle(sim);
	ck_assert_int_eq(set(sim, session, &c), 0);
	ck_assert_uint_eq(n_told(sim), 1);
	ck_assert_str_eq(list(sim, session), "a=1@.x.org;");
	sim_begin(sim);
	ck_assert_int_eq(flow_session_reset(sim->flow, session), 0);
	fake_engine_n_cookies(sim->engine, &n_clears);
	ck_assert_uint_eq(n_clears, 0);
	ck_assert_int_eq(sim_end(sim), 0);
	fake_engine_n_cookies(sim->engine, &n_clears);
	ck_assert_uint_eq(n_clears, 1);
	ck_assert_str_eq(list(sim, session), "");
	ck_assert(!fake_engine_find(sim->engine, task)->is_stopping);
	sim_finish(sim, task, 10);
	ck_assert_int_eq(sim_result(sim, task), 0);
	sim_begin(sim);
	ck_assert_int_eq(flow_session_reset(sim->flow, 999), FLOW_E_NO_SUCH_SESSION);
	ck_assert_int_eq(flow_session_clear_cookies(sim->flow, 999), FLOW_E_NO_SUCH_SESSION);
	ck_assert_int_eq(flow_session_set_cookies(sim->flow, 999, &c, 1), FLOW_E_NO_SUCH_SESSION);
	ck_assert_int_eq(sim_end(sim), 0);
	sim_free(sim);
}
END_TEST

static char long_value[4097];

static const struct {
	const char *name, *value, *domain, *path;
	const char *want; /* NULL: refused */
} inputs[] = {
	{ "a", "b", "x.org", "/", "a=b@x.org;" },
	{ "a", "", "X.Org", "/p", "a=@x.org;" },
	{ "a", "b", ".x.org", "/", "a=b@.x.org;" },
	{ "a", "b", "[::1]", "/", "a=b@[::1];" },
	{ "", "b", "x.org", "/", NULL },
	{ " a", "b", "x.org", "/", NULL },
	{ "a=b", "b", "x.org", "/", NULL },
	{ "a;b", "b", "x.org", "/", NULL },
	{ "a", "b\r\nX: y", "x.org", "/", NULL },
	{ "a", "b;c", "x.org", "/", NULL },
	{ "a", "\xff", "x.org", "/", NULL },
	{ "a", long_value, "x.org", "/", NULL },
	{ "a", "b", "", "/", NULL },
	{ "a", "b", ".", "/", NULL },
	{ "a", "b", "..x.org", "/", NULL },
	{ "a", "b", "x.org/", "/", NULL },
	{ "a", "b", "x org", "/", NULL },
	{ "a", "b", "x.org", "", NULL },
	{ "a", "b", "x.org", "p", NULL },
	{ "a", "b", "x.org", "/;domain=y", NULL },
};

START_TEST(checks_what_clients_set)
{
	const struct transfer_cookie c = {
		.size = sizeof(c),
		.name = inputs[_i].name,
		.value = inputs[_i].value,
		.domain = inputs[_i].domain,
		.path = inputs[_i].path,
		.is_host_only = true,
	};
	struct sim *sim = sim_new(1);
	uint64_t session = sim_session(sim, "app", "one");
	uint64_t none = session_with(sim, "app", "none", "");

	memset(long_value, 'v', sizeof(long_value) - 1);
	ck_assert_int_eq(set(sim, session, &c), inputs[_i].want ? 0 : FLOW_E_INVALID_REQUEST);
	ck_assert_str_eq(list(sim, session), inputs[_i].want ? inputs[_i].want : "");
	if (inputs[_i].want)
		ck_assert_int_eq(set(sim, none, &c), FLOW_E_NOT_SUPPORTED_IN_SESSION);
	ck_assert_str_eq(list(sim, none), "");
	sim_free(sim);
}
END_TEST

/* Ends it as its client would: cancelled, told, acknowledged. */
static void end_session(struct sim *sim, uint64_t session, uint64_t running)
{
	const struct flow_attach attach = { .session = session, .client = 1 };
	struct flow_attached attached;

	sim_begin(sim);
	ck_assert_int_eq(flow_session_cancel(sim->flow, session), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	if (running)
		sim_post_stopped(sim, running, 0);
	sim_settle(sim);
	sim_begin(sim);
	ck_assert_int_eq(flow_attach(sim->flow, &attach, &attached), 0);
	ck_assert_int_eq(
		flow_ack(sim->flow, session, 1, flow_session_lookup(sim->flow, session)->last_seq),
		0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_ptr_null(flow_session_lookup(sim->flow, session));
}

static size_t n_jars(const struct sim *sim)
{
	return flow_cookie_count(sim->flow);
}

/* No memory grows with the names that stores once had: not here, not in the workers. */
START_TEST(the_last_session_takes_its_store_along)
{
	const struct transfer_cookie c = cookie_of("a", "1");
	struct sim *sim = sim_new(1);
	char name[32], store[32];
	size_t n_clears;
	uint64_t task, one = session_with(sim, "app", "one", "mine");
	uint64_t two = session_with(sim, "app", "two", "mine");

	ck_assert_int_eq(set(sim, one, &c), 0);
	ck_assert_int_eq(set(sim, two, &c), 0);
	sim_finish(sim, sim_download(sim, one, "x.org"), 1);
	ck_assert_uint_eq(n_jars(sim), 1);
	end_session(sim, one, 0);
	ck_assert_uint_eq(n_jars(sim), 1); /* the other has it, too */
	end_session(sim, two, 0);
	ck_assert_uint_eq(n_jars(sim), 0);
	fake_engine_n_cookies(sim->engine, &n_clears);
	ck_assert_uint_eq(n_clears, 1);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "session %u", i);
		snprintf(store, sizeof(store), "store %u", i % 3);
		one = session_with(sim, "app", name, store);
		task = sim_download(sim, one, "x.org");
		sim_settle(sim);
		end_session(sim, one, task);
	}
	ck_assert_uint_eq(n_jars(sim), 0);
	/* what is in them is kept: it is the application's */
	one = session_with(sim, "app", "again", "mine");
	ck_assert_str_eq(list(sim, one), "a=1@.x.org;");
	sim_free(sim);
}
END_TEST

/* A session that takes another store while it runs: the attempt still has its own. */
START_TEST(an_attempt_keeps_its_store)
{
	struct transfer_cookie c = cookie_of("a", "1");
	struct flow_open open = sim_open("app", "one");
	struct sim *sim = sim_new(1);
	uint64_t session, task;

	open.config.cookie_store = "first";
	open.given = FLOW_SESSION_KEY_COOKIE_STORE;
	session = sim_session_with(sim, &open);
	task = sim_download(sim, session, "x.org");
	sim_settle(sim);
	open.config.cookie_store = "second";
	open.update = true;
	ck_assert_uint_eq(sim_session_with(sim, &open), session);
	ck_assert_int_eq(set(sim, session, &c), 0);
	ck_assert_uint_eq(n_jars(sim), 2);
	post(sim, task, &c);
	sim_turn(sim);
	ck_assert_uint_eq(n_jars(sim), 2);
	sim_finish(sim, task, 1);
	sim_settle(sim);
	ck_assert_uint_eq(n_jars(sim), 1);
	open.config.cookie_store = "first";
	sim_session_with(sim, &open);
	ck_assert_str_eq(list(sim, session), "a=1@.x.org;");
	sim_free(sim);
}
END_TEST

static uint64_t hold(struct sim *sim, const char *app, const char *name)
{
	const struct flow_jar_key key = { sim_open(app, "x").uid, app, name };
	uint64_t jar = 0;

	sim_begin(sim);
	ck_assert_int_eq(flow_jar_hold(sim->flow, &key, &jar), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_ne(jar, 0);
	return jar;
}

/* Who holds a store by its name has the sessions' own, and it stays while anybody has it. */
START_TEST(a_store_is_held_by_name)
{
	const struct transfer_cookie cookie = cookie_of("a", "1"), other = cookie_of("b", "2");
	struct sim *sim = sim_new(1);
	uint64_t session = session_with(sim, "app", "one", NULL), jar, next = 1;
	char text[1024] = "";

	ck_assert_int_eq(set(sim, session, &cookie), 0);
	jar = hold(sim, "app", NULL);
	ck_assert_uint_eq(n_told(sim), 1);
	ck_assert_uint_eq(hold(sim, "app", NULL), jar);
	ck_assert_uint_eq(jar_of(sim, session), jar);
	ck_assert_uint_ne(hold(sim, "app", "own"), jar);
	ck_assert_uint_ne(hold(sim, "other", NULL), jar);
	sim_begin(sim);
	ck_assert_int_eq(flow_jar_set(sim->flow, jar, &other, 1), 0);
	ck_assert_int_eq(flow_jar_each(sim->flow, &(struct flow_cookie_query){ .jar = jar },
				 on_cookie, text, &next),
		0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_str_eq(text, "a=1@.x.org;b=2@.x.org;");
	ck_assert_str_eq(list(sim, session), text);
	ck_assert_uint_eq(n_told(sim), 2);
	sim_begin(sim);
	flow_jar_release(sim->flow, jar);
	ck_assert_int_eq(flow_jar_clear(sim->flow, jar), 0);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_str_eq(list(sim, session), "");
	sim_free(sim);
}
END_TEST

/* Of the daemon's memory it goes with the last holder. */
START_TEST(a_store_that_nobody_holds_goes)
{
	struct sim *sim = sim_new(1);
	uint64_t jar = hold(sim, "app", "own");

	ck_assert_uint_eq(flow_cookie_count(sim->flow), 1);
	sim_begin(sim);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(flow_cookie_count(sim->flow), 1);
	sim_begin(sim);
	flow_jar_release(sim->flow, jar);
	ck_assert_int_eq(sim_end(sim), 0);
	ck_assert_uint_eq(flow_cookie_count(sim->flow), 0);
	sim_free(sim);
}
END_TEST

RUN_TESTS("daemon/flow-cookie", TEST(a_store_is_held_by_name), TEST(a_store_that_nobody_holds_goes),
	TEST(the_last_session_takes_its_store_along), TEST(an_attempt_keeps_its_store),
	TEST(a_store_belongs_to_the_application), TEST(what_sessions_and_tasks_say),
	TEST(cookies_of_answers_are_kept), TEST(a_commit_that_fails_tells_nobody),
	TEST(reset_forgets_and_lets_run), TEST_EACH(checks_what_clients_set, inputs))
