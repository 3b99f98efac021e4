/* SPDX-License-Identifier: MIT */
/* Cookies: of an ephemeral session in memory and its own, of others in the application's store. */
#include "tests/daemon/live-rig.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/run.h"

static struct transfer_cookie cookie_of(const char *name, const char *value)
{
	return (struct transfer_cookie){ .size = sizeof(struct transfer_cookie),
		.name = name,
		.value = value,
		.domain = "example.org",
		.path = "/",
		.is_host_only = true };
}

static int on_cookie(const struct transfer_cookie *cookie, void *user)
{
	char *text = user;

	snprintf(text + strlen(text), 1000 - strlen(text), "%s=%s ", cookie->name, cookie->value);
	return 0;
}

static const char *cookies_of(struct rig *rig, uint64_t session, uint64_t after, size_t limit)
{
	const struct flow_cookie_query query = {
		.session = session, .after_id = after, .limit = limit
	};
	static char text[1000];
	uint64_t next;

	text[0] = '\0';
	ck_assert_int_eq(live_session_cookies_each(rig->live, &query, on_cookie, text, &next), 0);
	if (next)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "...");
	return text;
}

static int set(struct rig *rig, uint64_t session, struct transfer_cookie cookie)
{
	int r;

	sim_begin(rig->sim);
	r = live_session_set_cookies(rig->live, session, &cookie, 1);
	ck_assert_int_eq(sim_end(rig->sim), 0);
	return r;
}

START_TEST(in_memory)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, 0, true), other = rig_session(rig, 0, 0, true);
	struct transfer_cookie c = cookie_of("a", "1");
	size_t n_clears;

	ck_assert_int_eq(set(rig, session, c), 0);
	ck_assert_int_eq(set(rig, session, cookie_of("b", "2")), 0);
	ck_assert_int_eq(set(rig, session, cookie_of("a", "3")), 0);
	/* of its sub-domains, too: another one */
	c = cookie_of("a", "4");
	c.domain = ".Example.org";
	ck_assert_int_eq(set(rig, session, c), 0);
	ck_assert_str_eq(cookies_of(rig, session, 0, 0), "a=3 b=2 a=4 ");
	ck_assert_str_eq(cookies_of(rig, session, 0, 2), "a=3 b=2 ...");
	ck_assert_str_eq(cookies_of(rig, session, 2, 2), "a=4 ");
	ck_assert_str_eq(cookies_of(rig, other, 0, 0), "");
	ck_assert_uint_eq(fake_engine_n_cookies(rig->engine, &n_clears), 4);
	/* whose time is over */
	c = cookie_of("b", "2");
	c.expires_wall_usec = 1;
	ck_assert_int_eq(set(rig, session, c), 0);
	ck_assert_str_eq(cookies_of(rig, session, 0, 0), "a=3 a=4 ");
	ck_assert_int_eq(set(rig, session, cookie_of("", "x")), FLOW_E_INVALID_REQUEST);
	ck_assert_int_eq(live_session_clear_cookies(rig->live, session), 0);
	ck_assert_str_eq(cookies_of(rig, session, 0, 0), "");
	rig_free(rig);
}
END_TEST

/* What an answer sets is there for the next request, and nowhere else. */
START_TEST(from_an_answer)
{
	struct rig *rig = rig_new();
	uint64_t session = rig_session(rig, 0, 0, true);
	uint64_t id = rig_task(rig, session, TRANSFER_TASK_DATA);
	const struct fake_attempt *a = rig_attempt(rig, id);
	const struct transfer_cookie c = cookie_of("a", "1");
	struct engine_event event = rig_event(rig, id, ENGINE_EVENT_COOKIES);
	size_t n_clears;

	ck_assert(live_owns(a->jar) && a->sends_cookies);
	event.jar = a->jar;
	event.cookies = &c;
	event.n_cookies = 1;
	rig_post(rig, &event);
	ck_assert_str_eq(cookies_of(rig, session, 0, 0), "a=1 ");
	ck_assert_uint_eq(fake_engine_n_cookies(rig->engine, &n_clears), 1);
	/* they go with the session */
	live_client_left(rig->live, RIG_CLIENT);
	rig_post_stopped(rig, id, 0);
	(void)fake_engine_n_cookies(rig->engine, &n_clears);
	ck_assert_uint_eq(n_clears, 1);
	rig_free(rig);
}
END_TEST

/* Sessions of one application that are not ephemeral have one store. */
START_TEST(shared)
{
	struct rig *rig = rig_new();
	const struct live_open open = rig_open(TRANSFER_SESSION_DEFAULT);
	uint64_t one = rig_session_with(rig, &open), two = rig_session_with(rig, &open);
	uint64_t ephemeral = rig_session(rig, 0, 0, true);
	const struct fake_attempt *a = rig_attempt(rig, rig_task(rig, one, TRANSFER_TASK_DATA));

	ck_assert(!live_owns(a->jar) && a->jar);
	ck_assert_uint_eq(rig_attempt(rig, rig_task(rig, two, TRANSFER_TASK_DATA))->jar, a->jar);
	ck_assert_int_eq(set(rig, one, cookie_of("a", "1")), 0);
	ck_assert_str_eq(cookies_of(rig, two, 0, 0), "a=1 ");
	ck_assert_str_eq(cookies_of(rig, ephemeral, 0, 0), "");
	sim_begin(rig->sim);
	ck_assert_int_eq(live_session_clear_cookies(rig->live, two), 0);
	ck_assert_int_eq(sim_end(rig->sim), 0);
	ck_assert_str_eq(cookies_of(rig, one, 0, 0), "");
	rig_free(rig);
}
END_TEST

START_TEST(none)
{
	struct rig *rig = rig_new();
	struct live_open open = rig_open(TRANSFER_SESSION_EPHEMERAL);
	struct live_request request = rig_request(TRANSFER_TASK_DATA, "https://host/");
	uint64_t session;

	open.config.cookie_store = "";
	session = rig_session_with(rig, &open);
	ck_assert_uint_eq(rig_attempt(rig, rig_task(rig, session, TRANSFER_TASK_DATA))->jar, 0);
	ck_assert_int_eq(set(rig, session, cookie_of("a", "1")), FLOW_E_NOT_SUPPORTED_IN_SESSION);
	/* a request that wants none */
	session = rig_session(rig, 0, 0, true);
	request.request.ignores_cookies = true;
	ck_assert_uint_eq(rig_attempt(rig, rig_create(rig, session, &request))->jar, 0);
	rig_free(rig);
}
END_TEST

RUN_TESTS("daemon/live-cookie", TEST(in_memory), TEST(from_an_answer), TEST(shared), TEST(none))
