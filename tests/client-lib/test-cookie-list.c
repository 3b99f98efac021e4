/* SPDX-License-Identifier: MIT */
/* Lists of cookies: what goes to a URL, and what was made since a time. */
#include "client-lib/cookie-list.h"

#include <stdio.h>
#include <string.h>

#include <check.h>

#include "ipc/proto.h"
#include "tests/lib/run.h"

static transfer_cookie_list *list;

static void begin(void)
{
	static const struct ipc_cookie cookies[] = {
		{ .name = "a", .value = "1", .domain = "x.org", .path = "/", .created_usec = 10 },
		{ .name = "b",
			.value = "2",
			.domain = "x.org",
			.path = "/",
			.host_only = true,
			.created_usec = 20 },
		{ .name = "c", .value = "3", .domain = "x.org", .path = "/p", .created_usec = 30 },
		{ .name = "d",
			.value = "4",
			.domain = "x.org",
			.path = "/",
			.secure = true,
			.created_usec = 5 },
		{ .name = "e", .value = "5", .domain = "x.org", .path = "/", .expires_usec = 7 },
		{ .name = "f", .value = "6", .domain = "[::1]", .path = "/", .host_only = true },
	};

	list = cookie_list_new();
	ck_assert_ptr_nonnull(list);
	/* in two pages */
	ck_assert_int_eq(cookie_list_add(list, cookies, 2), 0);
	ck_assert_int_eq(cookie_list_add(list, cookies + 2, 4), 0);
}

static const char *names(void)
{
	static char text[64];
	size_t used = 0;

	text[0] = 0;
	for (size_t i = 0; i < list->n_rows; i++)
		used += (size_t)snprintf(
			text + used, sizeof(text) - used, "%s", list->rows[i].name);
	return text;
}

static const struct {
	const char *url, *want;
} urls[] = {
	{ "http://x.org/", "ab" },
	{ "http://x.org", "ab" },
	{ "HTTP://user:pass@X.org:8080?p", "ab" },
	{ "http://x.org/p/q?a#b", "cab" },
	{ "http://x.org/pq", "ab" },
	{ "https://x.org/p", "cdab" },
	{ "http://www.x.org/", "a" },
	{ "http://superx.org/", "" },
	{ "http://[::1]:80/", "f" },
	{ "http://[::1]/", "f" },
	{ "ftp://x.org/", "" },
	{ "x.org", "" },
	{ "", "" },
	{ "http://", "" },
};

START_TEST(goes_to_the_url)
{
	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		begin();
		ck_assert_int_eq(cookie_list_choose(list, urls[i].url, 8), 0);
		ck_assert_msg(!strcmp(names(), urls[i].want), "%s: %s", urls[i].url, names());
		transfer_cookie_list_unref(list);
	}
}
END_TEST

START_TEST(ends_what_came_since)
{
	begin();
	cookie_list_end_since(list, 20);
	ck_assert_str_eq(names(), "bc");
	ck_assert_uint_eq(list->rows[0].expires_wall_usec, 1);
	ck_assert_uint_eq(list->rows[1].expires_wall_usec, 1);
	cookie_list_end_since(list, 31);
	ck_assert_str_eq(names(), "");
	transfer_cookie_list_unref(list);
}
END_TEST

RUN_TESTS("client-lib/cookie-list", TEST(goes_to_the_url), TEST(ends_what_came_since))
