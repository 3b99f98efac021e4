/* SPDX-License-Identifier: MIT */
/* Cookies of a real engine: between hops, between attempts, over origins (SW-62, SW-72 to SW-76, N-13). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <transfer/types.h>

#include "tests/engine/rig.h"
#include "tests/lib/run.h"

#define JAR 7

static struct rig rig;

static void start(void)
{
	rig_start(&rig, NULL, NULL);
}

static struct engine_spec download(uint64_t task, const char *target)
{
	struct engine_spec spec = rig_download(&rig, task, target);

	spec.jar = JAR;
	spec.sends_cookies = true;
	return spec;
}

static struct rig_task *run(uint64_t task, const char *target)
{
	struct engine_spec spec = download(task, target);
	struct rig_task *t = rig_run(&rig, task, &spec);

	ck_assert_int_eq(t->done.result.code, 0);
	return t;
}

/* Cookie of the n-th request whose target begins with that; NULL: it had none. */
static const char *sent(const char *prefix, unsigned n)
{
	static struct origin_entry entry;
	static char value[1024];

	ck_assert_int_eq(origin_log_find(rig.origin, prefix, n, &entry), 0);
	return origin_entry_header(&entry, "Cookie", value, sizeof(value)) ? value : NULL;
}

START_TEST(a_cookie_of_a_redirect_goes_with_the_next_hop)
{
	struct rig_task *t;

	start();
	t = run(1, "/redirectToEchoHeaders");
	ck_assert_str_eq(sent("/echoHeaders", 1), "redirect=true");
	ck_assert_str_eq(t->cookies, "redirect=true\n");
	ck_assert_str_eq(t->order, "cC>RDS");
	rig_stop(&rig);
}
END_TEST

START_TEST(later_requests_send_what_was_set)
{
	struct rig_task *t;

	start();
	t = run(1, "/requestCookies");
	/* the one for a foreign domain is refused, and both can be seen */
	ck_assert_str_eq(t->cookies, "fr=anjd&232\n");
	ck_assert_ptr_nonnull(strstr(t->headers, "Set-Cookie: fr=anjd&232;"));
	ck_assert_ptr_nonnull(strstr(t->headers, "Set-Cookie: nm=sddf&232;"));
	run(2, "/requestHeaders");
	ck_assert_str_eq(sent("/requestHeaders", 1), "fr=anjd&232");
	rig_stop(&rig);
}
END_TEST

START_TEST(the_same_again_is_no_news)
{
	start();
	ck_assert_uint_eq(run(1, "/file?size=1&cookie=a=b")->n_events[ENGINE_EVENT_COOKIES], 1);
	ck_assert_uint_eq(run(2, "/file?size=1&cookie=a=b")->n_events[ENGINE_EVENT_COOKIES], 0);
	ck_assert_uint_eq(run(3, "/file?size=1&cookie=a=c")->n_events[ENGINE_EVENT_COOKIES], 1);
	ck_assert_str_eq(run(4, "/file?size=1&cookie=a=;max-age=0")->cookies, "-a=\n");
	ck_assert_uint_eq(
		run(5, "/file?size=1&cookie=a=;max-age=0")->n_events[ENGINE_EVENT_COOKIES], 0);
	ck_assert_ptr_null(sent("/file", 5));
	rig_stop(&rig);
}
END_TEST

static const struct {
	bool has_jar, sends;
	enum transfer_cookie_accept accepts;
	const char *document;
	bool is_set, is_sent;
} policies[] = {
	{ true, true, TRANSFER_COOKIE_ACCEPT_ALWAYS, NULL, true, true },
	{ true, false, TRANSFER_COOKIE_ACCEPT_ALWAYS, NULL, true, false },
	{ true, true, TRANSFER_COOKIE_ACCEPT_NEVER, NULL, false, true },
	{ false, true, TRANSFER_COOKIE_ACCEPT_ALWAYS, NULL, false, false },
	{ true, true, TRANSFER_COOKIE_ACCEPT_ONLY_FROM_MAIN_DOCUMENT_DOMAIN, NULL, true, true },
	{ true, true, TRANSFER_COOKIE_ACCEPT_ONLY_FROM_MAIN_DOCUMENT_DOMAIN,
		"https://127.0.0.1/other", true, true },
	{ true, true, TRANSFER_COOKIE_ACCEPT_ONLY_FROM_MAIN_DOCUMENT_DOMAIN, "https://swift.org/",
		false, true },
	{ true, true, TRANSFER_COOKIE_ACCEPT_ONLY_FROM_MAIN_DOCUMENT_DOMAIN, "not a url", false,
		true },
	{ true, true, TRANSFER_COOKIE_ACCEPT_ALWAYS, "https://swift.org/", true, true },
};

START_TEST(policies_are_kept)
{
	const struct transfer_cookie seed = {
		.size = sizeof(seed),
		.name = "seed",
		.value = "1",
		.domain = "127.0.0.1",
		.path = "/",
		.is_host_only = true,
	};
	struct engine_spec spec;
	struct rig_task *t;

	start();
	ck_assert_int_eq(engine_put_cookies(rig.engine, JAR, &seed, 1), 0);
	spec = download(1, "/requestCookies");
	spec.jar = policies[_i].has_jar ? JAR : 0;
	spec.sends_cookies = policies[_i].sends;
	spec.accepts_cookies = policies[_i].accepts;
	spec.main_document_url = policies[_i].document;
	t = rig_run(&rig, 1, &spec);
	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert_str_eq(t->cookies, policies[_i].is_set ? "fr=anjd&232\n" : "");
	ck_assert_ptr_nonnull(strstr(t->headers, "Set-Cookie: fr="));
	if (policies[_i].is_sent)
		ck_assert_str_eq(sent("/requestCookies", 1), "seed=1");
	else
		ck_assert_ptr_null(sent("/requestCookies", 1));
	rig_stop(&rig);
}
END_TEST

START_TEST(stores_are_apart)
{
	struct engine_spec spec;

	start();
	run(1, "/requestCookies");
	spec = download(2, "/requestHeaders");
	spec.jar = JAR + 1;
	rig_run(&rig, 2, &spec);
	ck_assert_ptr_null(sent("/requestHeaders", 1));
	engine_clear_cookies(rig.engine, JAR);
	run(3, "/requestHeaders");
	ck_assert_ptr_null(sent("/requestHeaders", 2));
	rig_stop(&rig);
}
END_TEST

/* What was set by hand is sent as it is, and never to another origin; there the store's own go. */
START_TEST(a_header_set_by_hand_stays_at_its_origin)
{
	const struct engine_header headers[] = { { "Cookie", "hand=1" }, { "X-Api-Key", "k" } };
	char *there, *target = NULL;
	struct engine_spec spec;
	struct rig_task *t;

	start();
	run(1, "/requestCookies");
	spec = download(2, "/requestHeaders");
	spec.headers = headers;
	spec.n_headers = 2;
	rig_run(&rig, 2, &spec);
	ck_assert_str_eq(sent("/requestHeaders", 1), "hand=1");
	there = origin_url(rig.origin, "/requestHeaders?there");
	memcpy(strstr(there, "127.0.0.1"), "localhost", 9);
	ck_assert_int_gt(asprintf(&target, "/file?cookie=hop=2;path=/&redirect_to=%s", there), 0);
	spec = download(3, target);
	spec.headers = headers;
	spec.n_headers = 2;
	t = rig_run(&rig, 3, &spec);
	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert_str_eq(t->cookies, "hop=2\n");
	ck_assert_ptr_null(sent("/requestHeaders?there", 1));
	ck_assert_str_eq(sent("/file", 1), "hand=1");
	free(there);
	free(target);
	rig_stop(&rig);
}
END_TEST

START_TEST(uploads_have_cookies_too)
{
	struct engine_spec spec;
	const char *path;
	struct rig_task *t;

	start();
	run(1, "/requestCookies");
	path = rig_path(&rig, "source");
	ck_assert_int_eq(origin_bytes_write(path, 1, 1000), 0);
	spec = rig_upload(&rig, 2, "/upload?cookie=up=1;path=/", path);
	spec.jar = JAR;
	spec.sends_cookies = true;
	t = rig_run(&rig, 2, &spec);
	ck_assert_int_eq(t->done.result.code, 0);
	ck_assert_str_eq(t->cookies, "up=1\n");
	ck_assert_str_eq(sent("/upload", 1), "fr=anjd&232");
	rig_stop(&rig);
}
END_TEST

/* N-16: each of these is refused, and the transfer goes on. */
START_TEST(refuses_what_must_not_be_set)
{
	struct rig_task *t;

	start();
	t = run(1,
		"/file?size=10&cookie=a=1;Secure=aaaa&cookie=b=1;Domain=com&cookie=__Host-c=1;Path=/"
		"&cookie=d=1;Domain=0.0.1&cookie=e=1;Domain=.swift.org&cookie=;f&cookie=g");
	ck_assert_str_eq(t->cookies, "");
	ck_assert_uint_eq(t->n_events[ENGINE_EVENT_COOKIES], 0);
	rig_stop(&rig);
}
END_TEST

RUN_TESTS("engine/cookies", TEST(a_cookie_of_a_redirect_goes_with_the_next_hop),
	TEST(later_requests_send_what_was_set), TEST(the_same_again_is_no_news),
	TEST_EACH(policies_are_kept, policies), TEST(stores_are_apart),
	TEST(a_header_set_by_hand_stays_at_its_origin), TEST(uploads_have_cookies_too),
	TEST(refuses_what_must_not_be_set))
