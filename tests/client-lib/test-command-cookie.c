/* SPDX-License-Identifier: MIT */
/* Cookies as a session in memory asks for them: pages, order, and what cannot be done. */
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "tests/client-lib/live-rig.h"
#include "tests/lib/run.h"

static struct live_rig rig;

static void on_cookies(
	const transfer_cookie_list *cookies, const transfer_error *error, void *userdata)
{
	char text[256];
	size_t used = 0;

	text[0] = 0;
	for (size_t i = 0; i < transfer_cookie_list_get_size(cookies); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s",
			transfer_cookie_list_get(cookies, i)->name);
	live_rig_note(
		userdata, "cookies '%s' %d\n", text, error ? transfer_error_get_code(error) : 0);
	ck_assert(!cookies == (error != NULL));
}

static void on_done(const transfer_error *error, void *userdata)
{
	live_rig_note(userdata, "changed %d\n", error ? transfer_error_get_code(error) : 0);
}

/* The peer has "a" of x.org, "b" of y.org/p, which is over and was made at 5, and "c" of z.org, on two pages. */
START_TEST(lists_all_and_of_a_url)
{
	live_rig_init(&rig, &live_rig_delegate);
	transfer_session_get_cookies(rig.session, NULL, on_cookies, &rig);
	live_rig_expect(&rig, "cookies 'abc' 0");
	transfer_session_get_cookies(rig.session, "http://www.z.org/", on_cookies, &rig);
	live_rig_expect(&rig, "cookies 'c' 0");
	transfer_session_get_cookies(rig.session, "https://y.org/p", on_cookies, &rig);
	live_rig_expect(&rig, "cookies '' 0");
	live_rig_done(&rig);
}
END_TEST

static const struct transfer_cookie good = {
	.size = sizeof(good),
	.name = "n",
	.value = "v",
	.domain = "x.org",
	.path = "/",
	.expires_wall_usec = 9,
};

/* A task that was resumed after it begins after it, though a task may have been the last that was sent. */
START_TEST(sets_before_tasks_begin)
{
	transfer_task *task;

	live_rig_init(&rig, &live_rig_delegate);
	transfer_session_set_cookies(rig.session, &good, 1, on_done, &rig);
	task = live_rig_get(&rig, "after");
	peer_live_expect(rig.peer, "create");
	ck_assert_str_eq(peer_cookies(rig.peer), "n=v@.x.org/ - 9;");
	ck_assert_ptr_nonnull(strstr(peer_live_log(rig.peer), "cookies\ncreate"));
	live_rig_expect(&rig, "changed 0");
	transfer_task_unref(task);
	live_rig_done(&rig);
}
END_TEST

START_TEST(removes)
{
	live_rig_init(&rig, &live_rig_delegate);
	transfer_session_remove_cookies(rig.session, 6, on_done, &rig);
	live_rig_expect(&rig, "changed 0");
	ck_assert_str_eq(peer_cookies(rig.peer), "");
	transfer_session_remove_cookies(rig.session, 5, on_done, &rig);
	transfer_session_get_cookies(rig.session, NULL, on_cookies, &rig);
	live_rig_expect(&rig, "cookies");
	ck_assert_uint_eq(live_rig_count(&rig, "changed 0"), 2);
	ck_assert_str_eq(peer_cookies(rig.peer), "b=2@y.org/p lax 1;");
	transfer_session_remove_cookies(rig.session, 0, NULL, NULL);
	transfer_session_set_cookies(rig.session, NULL, 0, on_done, &rig);
	live_rig_expect(&rig, "changed 0\ncookies 'abc' 0\nchanged 0");
	live_rig_done(&rig);
}
END_TEST

START_TEST(refuses)
{
	static struct transfer_cookie many[1001];
	struct transfer_cookie bad = good;

	live_rig_init(&rig, &live_rig_delegate);
	bad.path = NULL;
	transfer_session_set_cookies(rig.session, &bad, 1, on_done, &rig);
	ck_assert_uint_eq(live_rig_count(&rig, "changed"), 0);
	live_rig_expect(&rig, "changed 22");
	for (size_t i = 0; i < 1001; i++)
		many[i] = good;
	transfer_session_set_cookies(rig.session, many, 1001, on_done, &rig);
	live_rig_expect(&rig, "changed 22\nchanged 22");
	ck_assert_str_eq(peer_cookies(rig.peer), "");
	live_rig_lose_bus(&rig);
	transfer_session_get_cookies(rig.session, NULL, on_cookies, &rig);
	live_rig_expect(&rig, "cookies '' -997");
	live_rig_done(&rig);
}
END_TEST

/* What was asked is answered before the end is told. */
START_TEST(is_answered_at_the_end)
{
	live_rig_init(&rig, &live_rig_delegate);
	transfer_session_get_cookies(rig.session, NULL, on_cookies, &rig);
	transfer_session_invalidate_and_cancel(rig.session);
	live_rig_expect(&rig, "inval");
	ck_assert_str_eq(rig.log, "cookies 'abc' 0\ninval 0\ndestroyed\n");
	live_rig_done(&rig);
}
END_TEST

RUN_TESTS("client-lib/command-cookie", TEST(lists_all_and_of_a_url), TEST(sets_before_tasks_begin),
	TEST(removes), TEST(refuses), TEST(is_answered_at_the_end))
