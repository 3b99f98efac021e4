/* SPDX-License-Identifier: MIT */
/* Cookies of background sessions, flush and reset (SW-62, SW-72 to SW-76, GS-07, BT-87, BT-88, N-13). */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <transfer/manager.h>

#include "tests/lib/run.h"
#include "tests/system/rig.h"

static struct rig rig;
static transfer_manager *manager;

static struct app *begin(void (*tune)(transfer_config *config))
{
	const struct app_config config = { .tune = tune };
	struct app *app;

	rig_new(&rig);
	app = app_open(&rig, &config);
	ck_assert_int_eq(transfer_manager_new(&manager, 0, NULL), 0);
	return app;
}

static void end(struct app *app)
{
	transfer_manager_unref(manager);
	app_close(app);
	rig_done(&rig);
}

static void fetch(struct app *app, const char *target)
{
	transfer_task *task = app_download(app, target);

	ck_assert_int_eq(app_wait(app, task), 0);
	ck_assert_int_eq(app_status(task), 200);
}

START_TEST(are_stored_and_sent_and_survive)
{
	struct app *app = begin(NULL);

	fetch(app, "/requestCookies");
	ck_assert_str_eq(rig_cookies_stored(manager, "test"), "fr=anjd&232;"); /* SW-73 */
	fetch(app, "/requestHeaders");
	ck_assert_str_eq(rig_cookies_sent(&rig, "/requestHeaders", 1), "fr=anjd&232"); /* SW-74 */
	rig_restart_daemon(&rig);
	fetch(app, "/echoHeaders");
	ck_assert_str_eq(rig_cookies_sent(&rig, "/echoHeaders", 1), "fr=anjd&232");
	ck_assert_str_eq(rig_cookies_stored(manager, "test"), "fr=anjd&232;");
	ck_assert_uint_eq(rig_log_count(&rig, "anjd"), 0);
	end(app);
}
END_TEST

START_TEST(go_with_the_next_hop)
{
	struct app *app = begin(NULL);

	fetch(app, "/redirectToEchoHeaders");
	ck_assert_str_eq(rig_cookies_sent(&rig, "/echoHeaders", 1), "redirect=true"); /* SW-62 */
	ck_assert_str_eq(rig_cookies_stored(manager, "test"), "redirect=true;");
	end(app);
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

static const struct {
	void (*tune)(transfer_config *config);
	const char *stored, *sent;
} sessions[] = {
	{ never, "", "" }, /* SW-72 */
	{ withhold, "fr=anjd&232;", "" }, /* SW-76 */
	{ none, "", "" },
	{ own, "fr=anjd&232;", "fr=anjd&232" },
};

START_TEST(do_what_the_session_says)
{
	transfer_auto(transfer_response) response = NULL;
	struct app *app = begin(sessions[_i].tune);
	transfer_task *task = app_download(app, "/requestCookies");

	ck_assert_int_eq(app_wait(app, task), 0);
	response = transfer_task_copy_response(task);
	ck_assert_ptr_nonnull(transfer_response_get_header(response, "Set-Cookie"));
	fetch(app, "/requestHeaders");
	ck_assert_str_eq(rig_cookies_stored(manager, "test"), sessions[_i].stored);
	ck_assert_str_eq(rig_cookies_sent(&rig, "/requestHeaders", 1), sessions[_i].sent);
	end(app);
}
END_TEST

START_TEST(do_what_the_request_says)
{
	struct app *app = begin(NULL);
	transfer_request *request;

	fetch(app, "/requestCookies");
	request = app_request(app, "/requestHeaders?none");
	transfer_request_set_handles_cookies(request, false);
	ck_assert_int_eq(app_wait(app, app_start(app, request)), 0);
	ck_assert_str_eq(rig_cookies_sent(&rig, "/requestHeaders?none", 1), "");
	request = app_request(app, "/requestHeaders?hand");
	transfer_request_set_header(request, "Cookie", "hand=made");
	ck_assert_int_eq(app_wait(app, app_start(app, request)), 0);
	ck_assert_str_eq(rig_cookies_sent(&rig, "/requestHeaders?hand", 1), "hand=made");
	request = app_request(app, "/file?size=1&cookie=third=party;path=/");
	transfer_request_set_main_document_url(request, "https://www.swift.org/");
	ck_assert_int_eq(app_wait(app, app_start(app, request)), 0);
	ck_assert_str_eq(rig_cookies_stored(manager, "test"), "fr=anjd&232;");
	end(app);
}
END_TEST

/* GS-07: one that was put there is sent, and what the answer sets has exactly its date. */
START_TEST(can_be_set_by_the_application)
{
	const struct transfer_cookie cookie = {
		.size = sizeof(cookie),
		.name = "RequestCookie",
		.value = "1234",
		.domain = "127.0.0.1",
		.path = "/",
		.is_host_only = true,
	};
	transfer_auto(transfer_cookie_list) list = NULL;
	struct app *app = begin(NULL);

	ck_assert_int_eq(transfer_manager_set_cookies(manager, "test", &cookie, 1, NULL), 0);
	fetch(app, "/setCookiesOK");
	ck_assert_str_eq(
		rig_cookies_stored(manager, "test"), "RequestCookie=1234;sessionId=abc123;");
	ck_assert_int_eq(transfer_manager_list_cookies(manager, "test", &list, NULL), 0);
	ck_assert_uint_eq(
		transfer_cookie_list_get(list, 1)->expires_wall_usec, UINT64_C(4102444800000000));
	fetch(app, "/requestHeaders");
	ck_assert_str_eq(rig_cookies_sent(&rig, "/requestHeaders", 1),
		"RequestCookie=1234; sessionId=abc123");
	ck_assert_int_eq(transfer_manager_clear_cookies(manager, "test", NULL), 0);
	ck_assert_str_eq(rig_cookies_stored(manager, "test"), "");
	fetch(app, "/echoHeaders");
	ck_assert_str_eq(rig_cookies_sent(&rig, "/echoHeaders", 1), "");
	end(app);
}
END_TEST

static atomic_uint n_answers;

static void on_done(const transfer_error *error, void *userdata)
{
	(void)userdata;
	if (!error)
		n_answers++;
}

static void wait_answers(struct app *app, unsigned n)
{
	uint64_t until_ms = proc_now_ms() + RIG_DEADLINE_MS;

	while (n_answers < n) {
		ck_assert_int_gt(proc_left_ms(until_ms), 0);
		app_flush(app);
	}
}

static uint64_t connection_of(const char *prefix, unsigned n)
{
	struct origin_entry entry;

	ck_assert_int_eq(origin_log_find(rig.origin, prefix, n, &entry), 0);
	return entry.connection;
}

/* BT-87, BT-88 */
START_TEST(flush_and_reset)
{
	struct app *app = begin(NULL);
	transfer_task *running = app_download(
		app, "/file?size=200000&seed=3&gate=g&gate_after=1000");

	ck_assert_int_eq(
		origin_wait_bytes(rig.origin, "/file?size=200000", 1, 1000, RIG_DEADLINE_MS), 0);
	fetch(app, "/requestCookies");
	fetch(app, "/requestHeaders?1");
	fetch(app, "/requestHeaders?2");
	ck_assert_uint_eq(
		connection_of("/requestHeaders?1", 1), connection_of("/requestHeaders?2", 1));
	transfer_session_flush(app_session(app), on_done, NULL);
	wait_answers(app, 1);
	fetch(app, "/requestHeaders?3");
	ck_assert_uint_ne(
		connection_of("/requestHeaders?2", 1), connection_of("/requestHeaders?3", 1));
	ck_assert_str_eq(rig_cookies_sent(&rig, "/requestHeaders?3", 1), "fr=anjd&232");
	transfer_session_reset(app_session(app), on_done, NULL);
	wait_answers(app, 2);
	ck_assert_str_eq(rig_cookies_stored(manager, "test"), "");
	fetch(app, "/requestHeaders?4");
	ck_assert_str_eq(rig_cookies_sent(&rig, "/requestHeaders?4", 1), "");
	ck_assert_uint_ne(
		connection_of("/requestHeaders?3", 1), connection_of("/requestHeaders?4", 1));
	origin_release(rig.origin, "g");
	app_check_download(app, running, "file done:0", 3, 200000);
	ck_assert_uint_eq(origin_log_count(rig.origin, "/file?size=200000"), 1);
	end(app);
}
END_TEST

START_TEST(transferctl_shows_and_removes)
{
	struct app *app = begin(NULL);
	char *output;

	fetch(app, "/requestCookies");
	ck_assert_int_eq(RIG_CTL(&rig, &output, "cookies", "list", "test"), 0);
	ck_assert_ptr_nonnull(strstr(output, "127.0.0.1"));
	ck_assert_ptr_nonnull(strstr(output, "fr"));
	ck_assert_ptr_null(strstr(output, "anjd"));
	free(output);
	ck_assert_int_eq(RIG_CTL(&rig, &output, "cookies", "list", "test", "--json"), 0);
	ck_assert_ptr_nonnull(strstr(output, "anjd&232"));
	free(output);
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "reset", "test"), 2);
	ck_assert_str_eq(rig_cookies_stored(manager, "test"), "fr=anjd&232;");
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "reset", "test", "--yes"), 0);
	ck_assert_str_eq(rig_cookies_stored(manager, "test"), "");
	ck_assert_int_eq(RIG_CTL(&rig, NULL, "flush", "test"), 0);
	end(app);
}
END_TEST

RUN_TESTS_WITHIN("system/cookies", 60, TEST(are_stored_and_sent_and_survive),
	TEST(go_with_the_next_hop), TEST_EACH(do_what_the_session_says, sessions),
	TEST(do_what_the_request_says), TEST(can_be_set_by_the_application), TEST(flush_and_reset),
	TEST(transferctl_shows_and_removes))
