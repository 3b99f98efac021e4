/* SPDX-License-Identifier: MIT */
/* Cookies survive, replace the same one, go when their time is over, and never become too many. */
#include "tests/daemon/store/fixture.h"

#define NOW_WALL_US UINT64_C(1000000)

static const struct store_jar jar = { 1000, "org.example.App", "shared" };

static struct transfer_cookie cookie_of(const char *name, const char *value)
{
	return (struct transfer_cookie){ .size = sizeof(struct transfer_cookie),
		.name = name,
		.value = value,
		.domain = "x.org",
		.path = "/",
		.created_wall_usec = NOW_WALL_US };
}

static void put(struct fixture *f, const char *name, const char *value)
{
	struct transfer_cookie c = cookie_of(name, value);

	ck_ok(store_cookie_put(f->store, &jar, &c, NOW_WALL_US));
}

static int on_cookie(uint64_t id, const struct transfer_cookie *c, void *user)
{
	char *text = user;
	size_t used = strlen(text);

	ck_assert_uint_ne(id, 0);
	snprintf(text + used, 1024 - used, "%s=%s;", c->name, c->value);
	return 0;
}

static const char *list(struct fixture *f, const struct store_jar *which)
{
	const struct store_cookie_range range = { .now_wall_us = NOW_WALL_US, .limit = 50 };
	static char text[1024];

	text[0] = 0;
	ck_ok(store_cookie_each(f->store, which, &range, on_cookie, text));
	return text;
}

static int on_full(uint64_t id, const struct transfer_cookie *c, void *user)
{
	(void)id;
	(*(int *)user)++;
	ck_assert_str_eq(c->name, "n");
	ck_assert_str_eq(c->value, "v\xc3\xa4");
	ck_assert_str_eq(c->domain, "y.org");
	ck_assert_str_eq(c->path, "/p");
	ck_assert_uint_eq(c->expires_wall_usec, NOW_WALL_US + 5);
	ck_assert_uint_eq(c->created_wall_usec, 7);
	ck_assert_int_eq(c->same_site, TRANSFER_COOKIE_SAME_SITE_LAX);
	ck_assert(c->is_host_only && c->is_secure && c->is_http_only);
	return 0;
}

START_TEST(keeps_everything)
{
	const struct store_cookie_range range = { .now_wall_us = NOW_WALL_US, .limit = 5 };
	const struct transfer_cookie c = {
		.size = sizeof(c),
		.name = "n",
		.value = "v\xc3\xa4",
		.domain = "y.org",
		.path = "/p",
		.expires_wall_usec = NOW_WALL_US + 5,
		.created_wall_usec = 7,
		.same_site = TRANSFER_COOKIE_SAME_SITE_LAX,
		.is_host_only = true,
		.is_secure = true,
		.is_http_only = true,
	};
	struct fixture f;
	int n = 0;

	fixture_init(&f);
	ck_ok(store_cookie_put(f.store, &jar, &c, NOW_WALL_US));
	ck_ok(store_commit(f.store));
	fixture_reopen(&f);
	ck_ok(store_cookie_each(f.store, &jar, &range, on_full, &n));
	ck_assert_int_eq(n, 1);
	fixture_done(&f);
}
END_TEST

START_TEST(replaces_and_removes)
{
	const struct store_jar others[] = {
		{ 1001, "org.example.App", "shared" },
		{ 1000, "org.example.Other", "shared" },
		{ 1000, "org.example.App", "own" },
	};
	struct transfer_cookie c = cookie_of("a", "");
	struct fixture f;

	fixture_init(&f);
	ck_assert_str_eq(list(&f, &jar), "");
	ck_ok(store_cookie_clear(f.store, &jar));
	put(&f, "a", "1");
	put(&f, "b", "2");
	put(&f, "a", "3");
	ck_assert_str_eq(list(&f, &jar), "a=3;b=2;");
	for (size_t i = 0; i < 3; i++)
		ck_assert_str_eq(list(&f, &others[i]), "");
	/* what differs in its key is another one */
	c = cookie_of("a", "4");
	c.is_host_only = true;
	ck_ok(store_cookie_put(f.store, &jar, &c, NOW_WALL_US));
	ck_assert_str_eq(list(&f, &jar), "a=3;b=2;a=4;");
	c = cookie_of("a", "");
	c.expires_wall_usec = NOW_WALL_US;
	ck_ok(store_cookie_put(f.store, &jar, &c, NOW_WALL_US));
	ck_ok(store_cookie_put(f.store, &others[0], &c, NOW_WALL_US));
	ck_assert_str_eq(list(&f, &jar), "b=2;a=4;");
	ck_ok(store_cookie_clear(f.store, &jar));
	ck_assert_str_eq(list(&f, &jar), "");
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM cookie"), 0);
	fixture_done(&f);
}
END_TEST

START_TEST(time_ends_them)
{
	struct transfer_cookie c = cookie_of("long", "1");
	struct fixture f;

	fixture_init(&f);
	put(&f, "session", "1");
	c.expires_wall_usec = NOW_WALL_US + 100;
	ck_ok(store_cookie_put(f.store, &jar, &c, NOW_WALL_US));
	c.name = "short";
	c.expires_wall_usec = NOW_WALL_US;
	ck_ok(store_cookie_put(f.store, &jar, &c, NOW_WALL_US - 1));
	ck_assert_str_eq(list(&f, &jar), "session=1;long=1;");
	ck_ok(store_cookie_sweep(f.store, NOW_WALL_US));
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM cookie"), 1);
	ck_assert_str_eq(list(&f, &jar), "long=1;");
	fixture_done(&f);
}
END_TEST

START_TEST(never_too_many)
{
	struct transfer_cookie c;
	char name[32], domain[32];
	struct fixture f;

	fixture_init(&f);
	for (int i = 0; i <= TRANSFER_COOKIES_PER_DOMAIN_MAX; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		put(&f, name, "v");
	}
	ck_assert_int_eq(
		fixture_number(&f, "SELECT count(*) FROM cookie"), TRANSFER_COOKIES_PER_DOMAIN_MAX);
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM cookie WHERE name = 'n0'"), 0);
	for (int i = 0; i <= TRANSFER_COOKIES_MAX; i++) {
		c = cookie_of("n", "v");
		snprintf(domain, sizeof(domain), "d%d.org", i);
		c.domain = domain;
		ck_ok(store_cookie_put(f.store, &jar, &c, NOW_WALL_US));
	}
	ck_assert_int_eq(fixture_number(&f, "SELECT count(*) FROM cookie"), TRANSFER_COOKIES_MAX);
	ck_assert_int_eq(
		fixture_number(&f, "SELECT count(*) FROM cookie WHERE domain = 'x.org'"), 0);
	ck_assert_int_eq(
		fixture_number(&f, "SELECT count(*) FROM cookie WHERE domain = 'd1.org'"), 1);
	fixture_done(&f);
}
END_TEST

START_TEST(bounds_the_number_of_stores)
{
	struct transfer_cookie c = cookie_of("a", "1");
	struct store_jar which = jar;
	struct fixture f;
	char name[32];

	fixture_init(&f);
	which.name = name;
	for (int i = 0; i < STORE_JARS_PER_USER_MAX; i++) {
		snprintf(name, sizeof(name), "jar%d", i);
		ck_ok(store_cookie_put(f.store, &which, &c, NOW_WALL_US));
	}
	snprintf(name, sizeof(name), "one more");
	ck_assert_int_eq(store_cookie_put(f.store, &which, &c, NOW_WALL_US), STORE_E_NOT_FOUND);
	which.uid++;
	ck_ok(store_cookie_put(f.store, &which, &c, NOW_WALL_US));
	fixture_done(&f);
}
END_TEST

START_TEST(lists_in_pages_and_passes_over_damage)
{
	struct store_cookie_range range = { .now_wall_us = NOW_WALL_US, .limit = 2 };
	struct fixture f;
	char text[1024] = "";

	fixture_init(&f);
	put(&f, "a", "1");
	put(&f, "b", "2");
	put(&f, "c", "3");
	put(&f, "d", "4");
	fixture_sql(&f, "UPDATE cookie SET value = CAST(x'ff' AS TEXT) WHERE name = 'b'");
	ck_ok(store_cookie_each(f.store, &jar, &range, on_cookie, text));
	ck_assert_str_eq(text, "a=1;");
	range.after_id = 2;
	ck_ok(store_cookie_each(f.store, &jar, &range, on_cookie, text));
	ck_assert_str_eq(text, "a=1;c=3;d=4;");
	fixture_done(&f);
}
END_TEST

/* A database of the version before gets its columns with their defaults. */
START_TEST(an_older_database_is_taken_over)
{
	struct fixture f;
	struct task *task;
	sqlite3 *db;
	char sql[64];

	fixture_dir(&f);
	ck_ok(sqlite3_open(fixture_path(&f, "queue.db"), &db));
	snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", STORE_APPLICATION_ID);
	ck_ok(sqlite3_exec(db, sql, NULL, NULL, NULL));
	ck_ok(store_schema_migrate(db, 0, 1));
	ck_ok(sqlite3_exec(db,
		"INSERT INTO session(id, kind, uid, app_id, identifier, state, created_wall_us, last_acked_seq,"
		" request_timeout_us, resource_timeout_us, max_rate_bps, max_connections_per_host, upload_copy,"
		" is_discretionary, allows_metered, allow_insecure, retry_http_errors)"
		" VALUES (1, 4, 7, 'a', 'b', 1, 1, 0, 1, 1, 0, 6, 0, 0, 1, 0, 0);"
		"INSERT INTO lane(id, session, host) VALUES (1, 1, 'https://x.org:443');"
		"INSERT INTO task(id, session, lane, kind, state, url, method, created_wall_us)"
		" VALUES (1, 1, 1, 3, 0, 'https://x.org/', 'GET', 1)",
		NULL, NULL, NULL));
	ck_ok(sqlite3_close(db));
	fixture_reopen(&f);
	ck_assert_str_eq(f.report.set_aside, "");
	ck_assert_int_eq(f.report.migrated_from, 1);
	task = fixture_load(&f, 1);
	ck_assert(!task->request.ignores_cookies);
	ck_assert_ptr_null(task->request.main_document_url);
	task_free(task);
	ck_assert_int_eq(fixture_number(&f,
				 "SELECT sends_cookies * 10 + accepts_cookies FROM session"
				 " WHERE cookie_store IS NULL"),
		12);
	fixture_done(&f);
}
END_TEST

RUN_TESTS("daemon/store/store-cookie", TEST(keeps_everything), TEST(replaces_and_removes),
	TEST(time_ends_them), TEST(never_too_many), TEST(bounds_the_number_of_stores),
	TEST(lists_in_pages_and_passes_over_damage), TEST(an_older_database_is_taken_over))
