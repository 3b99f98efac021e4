/* SPDX-License-Identifier: MIT */
/* Cookies of sessions that live in memory: the application's store, one of their own, or none; flush and reset. */
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/lib/run.h"
#include "tests/system/live.h"

static struct rig rig;
static int bell_fd;

static void begin(void)
{
	rig_new(&rig);
	bell_fd = eventfd(0, EFD_CLOEXEC);
	ck_assert_int_ge(bell_fd, 0);
}

static void end(void)
{
	close(bell_fd);
	rig_done(&rig);
}

static void ring(const transfer_error *error, void *userdata)
{
	uint64_t one = 1;

	(void)userdata;
	ck_assert_ptr_null(error);
	ck_assert_int_eq(write(bell_fd, &one, sizeof(one)), sizeof(one));
}

static void wait_for_ring(void)
{
	uint64_t count;

	ck_assert_int_eq(proc_wait_fd(bell_fd, RIG_DEADLINE_MS), 0);
	ck_assert_int_eq(read(bell_fd, &count, sizeof(count)), sizeof(count));
}

static transfer_cookie_list *kept;
static char refusal[64];

static void refuse(const transfer_error *error, void *userdata)
{
	snprintf(refusal, sizeof(refusal), "%s", error ? transfer_error_get_name(error) : "");
	ring(NULL, userdata);
}

static void keep(const transfer_cookie_list *cookies, const transfer_error *error, void *userdata)
{
	transfer_cookie_list_unref(kept);
	kept = transfer_cookie_list_ref(cookies);
	refuse(error, userdata);
}

/* "name=value;" of what the session says that its store has for that URL (NULL: in all). Until the next call. */
static const char *stored(struct live_app *app, const char *url)
{
	static char text[1024];
	size_t used = 0;

	transfer_session_get_cookies(live_session(app), url, keep, NULL);
	wait_for_ring();
	text[0] = 0;
	for (size_t i = 0; i < transfer_cookie_list_get_size(kept); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s=%s;",
			transfer_cookie_list_get(kept, i)->name,
			transfer_cookie_list_get(kept, i)->value);
	return text;
}

/* The same of the application's store, asked for by a session of its own. */
static const char *stored_of_all(void)
{
	struct live_app *app = live_open(&rig, NULL);
	const char *text = stored(app, NULL);

	live_close(app);
	return text;
}

static void fetch(struct live_app *app, const char *target)
{
	transfer_task *task = live_handled(app, live_request(app, NULL, target));

	ck_assert_int_eq(live_wait(app, task), 0);
	ck_assert_int_eq(live_status(task), 200);
}

/* SW-73, SW-74: a cookie of another host is not stored; what was stored is sent, by each session of the application */
START_TEST(are_the_applications)
{
	struct app *background;
	struct live_app *app;

	begin();
	background = app_open(&rig, NULL);
	app = live_open(&rig, NULL);
	fetch(app, "/requestCookies");
	fetch(app, "/requestHeaders");
	ck_assert_str_eq(rig_cookies_sent(&rig, "/requestHeaders", 1), "fr=anjd&232");
	live_close(app);
	/* the next program of it, and a session in the background */
	app = live_open(&rig, NULL);
	fetch(app, "/echoHeaders");
	ck_assert_str_eq(rig_cookies_sent(&rig, "/echoHeaders", 1), "fr=anjd&232");
	live_close(app);
	ck_assert_int_eq(app_wait(background, app_download(background, "/index.html")), 0);
	ck_assert_str_eq(rig_cookies_sent(&rig, "/index.html", 1), "fr=anjd&232");
	app_close(background);
	ck_assert_str_eq(stored_of_all(), "fr=anjd&232;");
	end();
}
END_TEST

static void never(transfer_config *config)
{
	transfer_config_set_cookie_accept_policy(config, TRANSFER_COOKIE_ACCEPT_NEVER);
}

static void withhold(transfer_config *config)
{
	transfer_config_set_should_set_cookies(config, false);
}

static void none(transfer_config *config)
{
	transfer_config_set_cookie_store(config, NULL);
}

static void own(transfer_config *config)
{
	transfer_config_set_cookie_store(config, "own");
}

#define D TRANSFER_SESSION_DEFAULT
#define E TRANSFER_SESSION_EPHEMERAL

static const struct {
	enum transfer_session_kind kind;
	void (*tune)(transfer_config *config);
	const char *stored, *sent;
} sessions[] = {
	{ D, never, "", "" }, /* SW-72 */
	{ D, none, "", "" }, { D, own, "", "fr=anjd&232" }, { E, never, "", "" },
	{ E, withhold, "", "" }, /* SW-76 */
	{ E, none, "", "" }, { E, NULL, "", "fr=anjd&232" }, /* SW-75 */
	{ E, NULL, "", "fr=anjd&232" }, /* and nothing of that */
	{ D, withhold, "fr=anjd&232;", "" }, /* SW-76 */
};

static void check_session(
	enum transfer_session_kind kind, void (*tune)(transfer_config *config), const char *want)
{
	struct live_app *app = live_open(
		&rig, &(struct live_app_config){ .kind = kind, .tune = tune });
	transfer_auto(transfer_response) response = NULL;
	transfer_task *task;

	origin_log_clear(rig.origin);
	fetch(app, "/requestHeaders?before");
	ck_assert_str_eq(rig_cookies_sent(&rig, "/requestHeaders?before", 1), "");
	task = live_handled(app, live_request(app, NULL, "/requestCookies"));
	ck_assert_int_eq(live_wait(app, task), 0);
	response = transfer_task_copy_response(task);
	ck_assert_ptr_nonnull(transfer_response_get_header(response, "Set-Cookie"));
	fetch(app, "/requestHeaders?after");
	ck_assert_str_eq(rig_cookies_sent(&rig, "/requestHeaders?after", 1), want);
	live_close(app);
}

START_TEST(do_what_the_session_says)
{
	begin();
	for (size_t i = 0; i < sizeof(sessions) / sizeof(*sessions); i++) {
		check_session(sessions[i].kind, sessions[i].tune, sessions[i].sent);
		ck_assert_str_eq(stored_of_all(), sessions[i].stored);
	}
	end();
}
END_TEST

static void follow(
	transfer_task *task, const transfer_request *request, transfer_redirect *answer, void *user)
{
	(void)task;
	(void)request;
	(void)user;
	ck_assert_int_eq(transfer_redirect_follow(answer), 0);
}

/* SW-62: what a redirect sets goes with the next request, whether somebody is asked about it or not */
START_TEST(go_with_the_next_hop)
{
	struct live_app_config config = { .kind = TRANSFER_SESSION_EPHEMERAL };
	struct live_app *app;

	begin();
	for (unsigned i = 0; i < 2; i++) {
		config.on_redirect = i ? follow : NULL;
		app = live_open(&rig, &config);
		fetch(app, "/redirectToEchoHeaders");
		ck_assert_str_eq(rig_cookies_sent(&rig, "/echoHeaders", i + 1), "redirect=true");
		live_close(app);
	}
	end();
}
END_TEST

static void set(struct live_app *app, const char *name, const char *value, const char *domain,
	uint64_t expires_wall_usec)
{
	const struct transfer_cookie cookie = {
		.size = sizeof(cookie),
		.name = name,
		.value = value,
		.domain = domain,
		.path = "/",
		.is_host_only = true,
		.expires_wall_usec = expires_wall_usec,
	};

	transfer_session_set_cookies(live_session(app), &cookie, 1, ring, NULL);
}

/* GS-07: one that was put there is sent with what is resumed next, and what the answer sets has exactly its date */
START_TEST(seeded_and_stored)
{
	const enum transfer_session_kind kinds[] = { D, E };
	struct live_app *app;

	begin();
	for (unsigned i = 0; i < 2; i++) {
		origin_log_clear(rig.origin);
		app = live_open(&rig, &(struct live_app_config){ .kind = kinds[i] });
		set(app, "RequestCookie", "1234", "127.0.0.1", 0);
		fetch(app, "/setCookiesOK");
		ck_assert_str_eq(rig_cookies_sent(&rig, "/setCookiesOK", 1), "RequestCookie=1234");
		wait_for_ring();
		ck_assert_str_eq(stored(app, NULL), "RequestCookie=1234;sessionId=abc123;");
		ck_assert_uint_eq(transfer_cookie_list_get(kept, 1)->expires_wall_usec,
			UINT64_C(4102444800000000));
		live_close(app);
	}
	end();
}
END_TEST

/* SW-151, SW-152: the same name, domain and path is the same cookie; a date that is over removes it */
START_TEST(the_store)
{
	const enum transfer_session_kind kinds[] = { D, E };
	const uint64_t later = UINT64_C(4102444800000000);
	struct live_app *app;

	begin();
	for (unsigned i = 0; i < 2; i++) {
		origin_log_clear(rig.origin);
		app = live_open(&rig, &(struct live_app_config){ .kind = kinds[i] });
		set(app, "over", "1", "127.0.0.1", 1000000);
		wait_for_ring();
		ck_assert_str_eq(stored(app, NULL), "");
		set(app, "a", "1", "127.0.0.1", later);
		wait_for_ring();
		set(app, "a", "2", "127.0.0.1", later);
		wait_for_ring();
		ck_assert_str_eq(stored(app, NULL), "a=2;");
		set(app, "a", "3", "example.org", later);
		wait_for_ring();
		ck_assert_str_eq(stored(app, NULL), "a=2;a=3;");
		ck_assert_str_eq(stored(app, "http://127.0.0.1:80/x?y"), "a=2;");
		ck_assert_str_eq(stored(app, "https://example.org"), "a=3;");
		ck_assert_str_eq(stored(app, "https://www.example.org"), "");
		fetch(app, "/requestHeaders");
		ck_assert_str_eq(rig_cookies_sent(&rig, "/requestHeaders", 1), "a=2");
		set(app, "a", "", "127.0.0.1", 1000000);
		fetch(app, "/echoHeaders");
		wait_for_ring();
		ck_assert_str_eq(rig_cookies_sent(&rig, "/echoHeaders", 1), "");
		ck_assert_str_eq(stored(app, NULL), "a=3;");
		transfer_session_remove_cookies(live_session(app), 0, ring, NULL);
		wait_for_ring();
		ck_assert_str_eq(stored(app, NULL), "");
		live_close(app);
	}
	end();
}
END_TEST

/* SW-153: only what was made then or later */
START_TEST(removed_since)
{
	const enum transfer_session_kind kinds[] = { D, E };
	struct live_app *app;
	uint64_t since;

	begin();
	for (unsigned i = 0; i < 2; i++) {
		app = live_open(&rig, &(struct live_app_config){ .kind = kinds[i] });
		set(app, "old", "1", "127.0.0.1", 0);
		wait_for_ring();
		set(app, "new", "2", "127.0.0.1", 0);
		wait_for_ring();
		ck_assert_str_eq(stored(app, NULL), "old=1;new=2;");
		since = transfer_cookie_list_get(kept, 1)->created_wall_usec;
		ck_assert_uint_gt(since, transfer_cookie_list_get(kept, 0)->created_wall_usec);
		transfer_session_remove_cookies(live_session(app), since + 1, ring, NULL);
		wait_for_ring();
		ck_assert_str_eq(stored(app, NULL), "old=1;new=2;");
		transfer_session_remove_cookies(live_session(app), since, ring, NULL);
		wait_for_ring();
		ck_assert_str_eq(stored(app, NULL), "old=1;");
		fetch(app, i ? "/requestHeaders?e" : "/requestHeaders?d");
		ck_assert_str_eq(
			rig_cookies_sent(&rig, i ? "/requestHeaders?e" : "/requestHeaders?d", 1),
			"old=1");
		transfer_session_remove_cookies(live_session(app), 1, ring, NULL);
		wait_for_ring();
		ck_assert_str_eq(stored(app, NULL), "");
		live_close(app);
	}
	end();
}
END_TEST

/* Without a store there is nothing to ask, and transferd lives on. */
START_TEST(refused)
{
	struct live_app *app;

	begin();
	app = live_open(&rig, &(struct live_app_config){ .tune = none });
	ck_assert_str_eq(stored(app, NULL), "");
	ck_assert_str_eq(refusal, "not-supported-in-session");
	refusal[0] = 0;
	transfer_session_remove_cookies(live_session(app), 0, refuse, NULL);
	wait_for_ring();
	ck_assert_str_eq(refusal, "not-supported-in-session");
	live_close(app);
	end();
}
END_TEST

static uint64_t connection_of(const char *prefix)
{
	struct origin_entry entry;

	ck_assert_int_eq(origin_log_find(rig.origin, prefix, 1, &entry), 0);
	return entry.connection;
}

/* flush: later requests have connections of their own; reset: the cookies are gone, too; what runs goes on */
START_TEST(flushes_and_resets)
{
	const enum transfer_session_kind kinds[] = { D, E };
	struct live_app *app;
	transfer_task *amid;

	begin();
	for (unsigned i = 0; i < 2; i++) {
		origin_log_clear(rig.origin);
		app = live_open(&rig, &(struct live_app_config){ .kind = kinds[i] });
		amid = live_data(app,
			live_request(app, NULL,
				i ? "/file?size=100000&gate=h&gate_after=1000"
				  : "/file?size=100000&gate=g&gate_after=1000"));
		live_wait_bytes(app, amid, 1000);
		fetch(app, "/requestCookies");
		transfer_session_flush(live_session(app), ring, NULL);
		wait_for_ring();
		fetch(app, "/requestHeaders?flushed");
		ck_assert_str_eq(
			rig_cookies_sent(&rig, "/requestHeaders?flushed", 1), "fr=anjd&232");
		ck_assert_uint_ne(
			connection_of("/requestHeaders?flushed"), connection_of("/requestCookies"));
		transfer_session_reset(live_session(app), ring, NULL);
		wait_for_ring();
		fetch(app, "/requestHeaders?reset");
		ck_assert_str_eq(rig_cookies_sent(&rig, "/requestHeaders?reset", 1), "");
		ck_assert_str_eq(stored(app, NULL), "");
		ck_assert_int_eq(origin_release(rig.origin, i ? "h" : "g"), 0);
		live_check(app, amid, "created resp:200 data:100000 done:0");
		live_close(app);
	}
	end();
}
END_TEST

RUN_TESTS_WITHIN("system/live-cookies", 60, TEST(are_the_applications),
	TEST(do_what_the_session_says), TEST(go_with_the_next_hop), TEST(seeded_and_stored),
	TEST(the_store), TEST(removed_since), TEST(refused), TEST(flushes_and_resets))
