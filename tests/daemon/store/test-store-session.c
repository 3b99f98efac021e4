/* SPDX-License-Identifier: MIT */
/* A session survives a restart member by member, is unique by name, and takes everything along when it goes. */
#include "tests/daemon/store/fixture.h"

static struct session *loaded[8];
static size_t n_loaded;

static int take(struct session *session, void *user)
{
	(void)user;
	ck_assert_uint_lt(n_loaded, 8);
	loaded[n_loaded++] = session;
	return 0;
}

static void load_all(struct fixture *f)
{
	n_loaded = 0;
	ck_ok(store_session_each(f->store, take, NULL));
}

static void free_all(void)
{
	while (n_loaded)
		session_free(loaded[--n_loaded]);
}

static const struct task_header headers[] = { { "A", "b" }, { "C", "d" } };

static void fill(struct session *session)
{
	session->state = TRANSFER_SESSION_STATE_FINISHING;
	session->description = "text";
	session->last_acked_seq = 42;
	session->config = (struct session_config){
		.request_timeout_us = 1,
		.resource_timeout_us = 2,
		.max_rate_bps = 3,
		.max_connections_per_host = 4,
		.headers = headers,
		.n_headers = 2,
		.ca_file = "/ca",
		.launch = "org.example.App",
		.upload_copy = TASK_UPLOAD_COPY_NONE,
		.discretionary = true,
		.allows_metered = false,
		.allow_insecure = true,
		.retry_http_errors = true,
	};
}

START_TEST(keeps_every_member)
{
	struct fixture f;
	struct session *s;

	fixture_init(&f);
	load_all(&f);
	ck_assert_uint_eq(n_loaded, 1);
	fill(loaded[0]);
	ck_ok(store_session_save(f.store, loaded[0]));
	free_all();
	fixture_put(&f, TASK_STATE_QUEUED);
	fixture_put(&f, TASK_STATE_COMPLETED);
	ck_ok(store_commit(f.store));
	fixture_reopen(&f);
	load_all(&f);
	ck_assert_uint_eq(n_loaded, 1);
	s = loaded[0];
	ck_assert_uint_eq(s->id, f.session);
	ck_assert_uint_eq(s->uid, 1000);
	ck_assert_str_eq(s->app_id, "org.example.App");
	ck_assert_str_eq(s->identifier, "main");
	ck_assert_int_eq(s->state, TRANSFER_SESSION_STATE_FINISHING);
	ck_assert_str_eq(s->description, "text");
	ck_assert_uint_eq(s->last_acked_seq, 42);
	ck_assert_uint_eq(s->config.request_timeout_us, 1);
	ck_assert_uint_eq(s->config.resource_timeout_us, 2);
	ck_assert_uint_eq(s->config.max_rate_bps, 3);
	ck_assert_uint_eq(s->config.max_connections_per_host, 4);
	ck_assert_uint_eq(s->config.n_headers, 2);
	ck_assert_str_eq(s->config.headers[1].value, "d");
	ck_assert_str_eq(s->config.ca_file, "/ca");
	ck_assert_str_eq(s->config.launch, "org.example.App");
	ck_assert_int_eq(s->config.upload_copy, TASK_UPLOAD_COPY_NONE);
	ck_assert(s->config.discretionary && !s->config.allows_metered);
	ck_assert(s->config.allow_insecure && s->config.retry_http_errors);
	ck_assert_uint_eq(s->n_tasks, 1);
	ck_assert_uint_eq(s->n_events, 0);
	free_all();
	fixture_done(&f);
}
END_TEST

START_TEST(is_unique_by_user_app_and_identifier)
{
	struct fixture f;
	struct session *session;

	fixture_init(&f);
	session = session_new();
	session->uid = 1000;
	session->app_id = "org.example.App";
	session->identifier = "main";
	ck_assert_int_eq(store_session_put(f.store, session), STORE_E_DUPLICATE);
	ck_assert_uint_eq(session->id, 0);
	session->uid = 1001;
	ck_ok(store_session_put(f.store, session));
	session->id = 77;
	ck_assert_int_eq(store_session_save(f.store, session), -EUCLEAN);
	session_free(session);
	fixture_session(&f, 1000, "org.example.Other", "main");
	fixture_session(&f, 1000, "org.example.App", "second");
	ck_ok(store_commit(f.store));
	load_all(&f);
	ck_assert_uint_eq(n_loaded, 4);
	free_all();
	fixture_done(&f);
}
END_TEST

START_TEST(takes_everything_along)
{
	struct store_event event = { .type = STORE_EVENT_COMPLETED };
	uint64_t ids[] = { 1 };
	struct fixture f;

	fixture_init(&f);
	event.session = f.session;
	event.task = fixture_put(&f, TASK_STATE_QUEUED);
	ck_ok(store_event_put(f.store, &event));
	ck_ok(store_token_put(f.store, f.session, "t", ids, 1));
	ck_ok(store_session_del(f.store, f.session));
	ck_assert_int_eq(store_session_del(f.store, f.session), STORE_E_NOT_FOUND);
	ck_ok(store_commit(f.store));
	ck_assert_int_eq(
		fixture_number(&f,
			"SELECT (SELECT count(*) FROM event) + (SELECT count(*) FROM task)"
			" + (SELECT count(*) FROM token) + (SELECT count(*) FROM lane)"
			" + (SELECT count(*) FROM tally) + (SELECT count(*) FROM session)"),
		0);
	fixture_done(&f);
}
END_TEST

START_TEST(passes_over_a_row_of_nonsense)
{
	struct fixture f;

	fixture_init(&f);
	fixture_session(&f, 1, "b", "b");
	fixture_sql(&f,
		"UPDATE session SET identifier = CAST(x'ff' AS TEXT) WHERE app_id = 'org.example.App'");
	load_all(&f);
	ck_assert_uint_eq(n_loaded, 1);
	ck_assert_str_eq(loaded[0]->app_id, "b");
	free_all();
	fixture_done(&f);
}
END_TEST

RUN_TESTS("daemon/store/store-session", TEST(keeps_every_member),
	TEST(is_unique_by_user_app_and_identifier), TEST(takes_everything_along),
	TEST(passes_over_a_row_of_nonsense))
