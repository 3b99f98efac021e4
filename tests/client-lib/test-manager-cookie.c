/* SPDX-License-Identifier: MIT */
/* Cookies through a manager: all pages, every member, both ways. */
#include <errno.h>
#include <string.h>

#include <transfer/manager.h>

#include "tests/client-lib/managed.h"

#define SESSION "com.example.test"

START_TEST(lists_all_pages)
{
	transfer_auto(transfer_cookie_list) list = NULL;
	transfer_auto(transfer_cookie_list) again = NULL;
	transfer_auto(transfer_session_list) sessions = NULL;
	transfer_auto(transfer_error) error = NULL;
	const struct transfer_cookie *c;

	begin();
	ck_assert_int_eq(transfer_manager_list_cookies(manager, SESSION, &list, NULL), 0);
	ck_assert_uint_eq(transfer_cookie_list_get_size(list), 3);
	ck_assert_uint_eq(transfer_cookie_list_get_size(NULL), 0);
	ck_assert_ptr_null(transfer_cookie_list_get(list, 3));
	c = transfer_cookie_list_get(list, 0);
	ck_assert_uint_eq(c->size, sizeof(*c));
	ck_assert_str_eq(c->name, "a");
	ck_assert_str_eq(c->value, "1");
	ck_assert_str_eq(c->domain, "x.org");
	ck_assert_str_eq(c->path, "/");
	ck_assert(!c->is_host_only && !c->is_secure && !c->is_http_only && !c->expires_wall_usec);
	c = transfer_cookie_list_get(list, 1);
	ck_assert(c->is_host_only && c->is_secure && c->is_http_only);
	ck_assert_uint_eq(c->expires_wall_usec, 7);
	ck_assert_uint_eq(c->created_wall_usec, 5);
	ck_assert_str_eq(transfer_cookie_same_site_get_name(c->same_site), "lax");
	c = transfer_cookie_list_get(list, 2);
	ck_assert_str_eq(c->value, "");
	ck_assert_str_eq(transfer_cookie_same_site_get_name(c->same_site), "");
	/* the object's path is a name, too */
	ck_assert_int_eq(transfer_manager_list_sessions(manager, &sessions, NULL), 0);
	ck_assert_int_eq(transfer_manager_list_cookies(manager,
				 transfer_session_list_get(sessions, 0)->object_path, &again, NULL),
		0);
	ck_assert_uint_eq(transfer_cookie_list_get_size(again), 3);
	ck_assert_int_eq(transfer_manager_list_cookies(manager, "nobody", &list, &error), -ENOENT);
	ck_assert_str_eq(transfer_error_get_name(error), "no-such-session");
	end();
}
END_TEST

START_TEST(sets_and_clears)
{
	struct transfer_cookie cookies[] = {
		{ .size = sizeof(cookies[0]),
			.name = "a",
			.value = "1",
			.domain = "x.org",
			.path = "/p",
			.expires_wall_usec = 9,
			.same_site = TRANSFER_COOKIE_SAME_SITE_STRICT,
			.is_host_only = true },
		{ .size = sizeof(cookies[0]),
			.name = "b",
			.value = "2",
			.domain = "y.org",
			.path = "/" },
	};

	begin();
	ck_assert_int_eq(transfer_manager_set_cookies(manager, SESSION, cookies, 2, NULL), 0);
	ck_assert_str_eq(peer_cookies(peer), "a=1@x.org/p strict 9;b=2@.y.org/ - 0;");
	ck_assert_int_eq(transfer_manager_clear_cookies(manager, SESSION, NULL), 0);
	ck_assert_int_eq(transfer_manager_clear_cookies(manager, "nobody", NULL), -ENOENT);
	cookies[1].path = NULL;
	ck_assert_int_eq(transfer_manager_set_cookies(manager, SESSION, cookies, 2, NULL), -EINVAL);
	cookies[0].size = 8;
	ck_assert_int_eq(transfer_manager_set_cookies(manager, SESSION, cookies, 1, NULL), -EINVAL);
	end();
}
END_TEST

RUN_TESTS("client-lib/manager-cookie", TEST(lists_all_pages), TEST(sets_and_clears))
