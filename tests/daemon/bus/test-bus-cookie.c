/* SPDX-License-Identifier: MIT */
/* Cookies seen from a client: listed, set, cleared, reset; the session's keys about them. */
#include "tests/daemon/bus/rig.h"
#include "tests/lib/run.h"

struct listed {
	struct rig_answer answer;
	size_t n;
	struct {
		char text[256];
	} rows[1000];
	char cursor[32];
};

static void on_listed(
	void *user, int r, const char *text, const struct ipc_session_list_cookies_out *out)
{
	struct listed *l = user;

	rig_note(&l->answer, r, text);
	if (r)
		return;
	l->n = out->n_cookies;
	for (size_t i = 0; i < out->n_cookies; i++) {
		const struct ipc_cookie *c = &out->cookies[i];

		snprintf(l->rows[i].text, sizeof(l->rows[i].text), "%s=%s %s %s%s%s%s %s %lld",
			c->name, c->value, c->domain, c->path, c->host_only ? " host" : "",
			c->secure ? " secure" : "", c->http_only ? " http" : "",
			c->same_site ? c->same_site : "-", (long long)(c->expires_usec / 1000000));
		ck_assert(c->has_created_usec && c->created_usec);
	}
	snprintf(l->cursor, sizeof(l->cursor), "%s", out->next_cursor);
}

static struct listed *list(
	struct rig *rig, struct rig_client *client, uint64_t session, const char *cursor)
{
	const struct ipc_session_list_cookies_in in = { .cursor = cursor };
	static struct listed l;

	memset(&l, 0, sizeof(l));
	ck_ok(ipc_start_session_list_cookies(
		client->bus, (struct ipc_path){ session, 0 }, &in, on_listed, &l));
	rig_pump(rig, rig_is_answered, &l.answer);
	return &l;
}

static int set(struct rig *rig, struct rig_client *client, uint64_t session,
	const struct ipc_session_set_cookies_in *in)
{
	struct rig_answer answer = { 0 };

	ck_ok(ipc_start_session_set_cookies(
		client->bus, (struct ipc_path){ session, 0 }, in, rig_on_done, &answer));
	rig_pump(rig, rig_is_answered, &answer);
	return answer.r;
}

typedef int (*start_fn)(struct ipc_bus *bus, struct ipc_path path, ipc_done_fn fn, void *user);

static int run(struct rig *rig, struct rig_client *client, uint64_t session, start_fn start)
{
	struct rig_answer answer = { 0 };

	ck_ok(start(client->bus, (struct ipc_path){ session, 0 }, rig_on_done, &answer));
	rig_pump(rig, rig_is_answered, &answer);
	return answer.r;
}

START_TEST(sets_lists_clears_resets)
{
	const struct ipc_cookie cookies[] = {
		{ .name = "a", .value = "1", .domain = ".X.org", .path = "/" },
		{ .name = "b",
			.domain = "x.org",
			.path = "/p",
			.expires_usec = UINT64_C(4000000000000000),
			.has_expires_usec = true,
			.host_only = true,
			.has_host_only = true,
			.secure = true,
			.has_secure = true,
			.http_only = true,
			.has_http_only = true,
			.same_site = "strict" },
	};
	const struct ipc_cookie gone = {
		.name = "a", .domain = ".x.org", .path = "/", .has_expires_usec = true
	};
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s"), other = rig_open(rig, client, "t");
	struct listed *l;

	l = list(rig, client, session, "");
	ck_ok(l->answer.r);
	ck_assert_uint_eq(l->n, 0);
	ck_ok(set(rig, client, session, &(struct ipc_session_set_cookies_in){ cookies, 2 }));
	l = list(rig, client, other, ""); /* of one application */
	ck_assert_uint_eq(l->n, 2);
	ck_assert_str_eq(l->rows[0].text, "a=1 x.org / - 0");
	ck_assert_str_eq(l->rows[1].text, "b= x.org /p host secure http strict 4000000000");
	ck_assert_str_eq(l->cursor, "");
	ck_ok(set(rig, client, session, &(struct ipc_session_set_cookies_in){ &gone, 1 }));
	ck_assert_uint_eq(list(rig, client, session, "")->n, 1);
	ck_ok(run(rig, client, session, ipc_start_session_clear_cookies));
	ck_assert_uint_eq(list(rig, client, session, "")->n, 0);
	ck_ok(set(rig, client, session, &(struct ipc_session_set_cookies_in){ cookies, 1 }));
	ck_ok(run(rig, client, session, ipc_start_session_flush));
	ck_assert_uint_eq(list(rig, client, session, "")->n, 1);
	ck_ok(run(rig, client, session, ipc_start_session_reset));
	ck_assert_uint_eq(list(rig, client, session, "")->n, 0);
	ck_assert_int_eq(list(rig, client, session, "x")->answer.r, IPC_E_STALE_CURSOR);
	rig_free(rig);
}
END_TEST

static const struct ipc_cookie refused[] = {
	{ .value = "1", .domain = "x.org", .path = "/" },
	{ .name = "a", .path = "/" },
	{ .name = "a", .domain = "x.org" },
	{ .name = "a", .domain = "x.org", .path = "relative" },
	{ .name = "a;b", .domain = "x.org", .path = "/" },
	{ .name = "a", .domain = "x.org", .path = "/", .same_site = "loose" },
};

START_TEST(refuses)
{
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s");

	ck_assert_int_eq(
		set(rig, client, session, &(struct ipc_session_set_cookies_in){ &refused[_i], 1 }),
		IPC_E_INVALID_REQUEST);
	ck_assert_uint_eq(list(rig, client, session, "")->n, 0);
	rig_free(rig);
}
END_TEST

START_TEST(lists_in_pages)
{
	static struct ipc_cookie cookies[1000];
	static char domains[1000][16];
	struct rig *rig = rig_new();
	struct rig_client *client = rig_connect(rig);
	uint64_t session = rig_open(rig, client, "s");
	const struct ipc_cookie more = { .name = "m", .domain = "more.org", .path = "/" };
	struct listed *l;
	char cursor[32];

	for (size_t i = 0; i < 1000; i++) {
		snprintf(domains[i], sizeof(domains[i]), "d%zu.org", i);
		cookies[i] = (struct ipc_cookie){
			.name = "n", .value = "v", .domain = domains[i], .path = "/"
		};
	}
	ck_ok(set(rig, client, session, &(struct ipc_session_set_cookies_in){ cookies, 1000 }));
	ck_ok(set(rig, client, session, &(struct ipc_session_set_cookies_in){ &more, 1 }));
	l = list(rig, client, session, "");
	ck_assert_uint_eq(l->n, 1000);
	ck_assert_str_ne(l->cursor, "");
	snprintf(cursor, sizeof(cursor), "%s", l->cursor);
	l = list(rig, client, session, cursor);
	ck_assert_uint_eq(l->n, 1);
	ck_assert_str_eq(l->rows[0].text, "m= more.org / - 0");
	ck_assert_str_eq(l->cursor, "");
	rig_free(rig);
}
END_TEST

RUN_TESTS("daemon/bus/bus-cookie", TEST(sets_lists_clears_resets), TEST_EACH(refuses, refused),
	TEST(lists_in_pages))
