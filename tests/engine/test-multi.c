/* SPDX-License-Identifier: MIT */
/* What is watched of a connection: it serves request after request without a change, until either side closes it. */
#include "engine/multi.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "tests/lib/origin.h"
#include "tests/lib/run.h"

static struct event_base *base;
static struct origin *origin;
static struct multi *multi;
static CURLcode result;
static unsigned n_requests, n_told;

static void on_done(CURL *easy, CURLcode code, void *user, void *private_data)
{
	ck_assert_ptr_null(user);
	ck_assert_ptr_eq(private_data, origin);
	result = code;
	curl_easy_cleanup(easy);
	event_base_loopbreak(base);
}

/* Only now, or the answer could be there before anything is watched. */
static void on_socket(void *private_data, int fd)
{
	char gate[16];

	ck_assert_ptr_eq(private_data, origin);
	ck_assert_int_ge(fd, 0);
	n_told++;
	snprintf(gate, sizeof(gate), "g%u", n_requests);
	ck_assert_int_eq(origin_release(origin, gate), 0);
}

static size_t ignore(char *bytes, size_t size, size_t n, void *user)
{
	(void)bytes;
	(void)user;
	return size * n;
}

static void start(void)
{
	const struct origin_config config = { 0 };

	n_requests = 0;
	n_told = 0;
	ck_assert_int_eq(origin_new(&config, &origin), 0);
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(multi_new(base, 1, on_done, NULL, &multi), 0);
	multi_set_on_socket(multi, on_socket);
}

static void stop(void)
{
	multi_free(multi);
	ck_assert_int_eq(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
	event_base_free(base);
	origin_free(origin);
}

/* One request to its end. */
static void get(void)
{
	cleanup_(cleanup_free) char *url = origin_url(
		origin, "/file?size=10&seed=1&gate_after=5&gate=g%u", ++n_requests);
	CURL *easy = curl_easy_init();

	ck_assert_ptr_nonnull(easy);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_PRIVATE, origin);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, multi_on_close);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, multi);
	result = CURLE_FAILED_INIT;
	ck_assert_int_eq(multi_add(multi, easy), 0);
	event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
	ck_assert_int_eq(result, CURLE_OK);
}

/* Descriptors, and no timer: libcurl has nothing to do. */
static int count_watched(void)
{
	return event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED);
}

static uint64_t connection_of(unsigned n)
{
	struct origin_entry entry;

	ck_assert_int_eq(origin_log_find(origin, "/file", n, &entry), 0);
	return entry.connection;
}

/* It is known to be kept from the end of its first request on. */
START_TEST(a_kept_connection_stays_watched)
{
	start();
	for (unsigned n = 1; n <= 4; n++) {
		get();
		ck_assert_uint_eq(connection_of(n), connection_of(1));
		ck_assert_uint_ge(n_told, n);
		ck_assert_int_eq(count_watched(), n == 1 ? 0 : 1);
	}
	stop();
}
END_TEST

START_TEST(what_the_server_closes_is_no_longer_watched)
{
	start();
	get();
	get();
	ck_assert_int_eq(count_watched(), 1);
	origin_cut(origin);
	/* the only event: the loop ends with it */
	ck_assert_int_eq(event_base_loop(base, 0), 1);
	ck_assert_int_eq(count_watched(), 0);
	get();
	ck_assert_uint_ne(connection_of(3), connection_of(1));
	get();
	ck_assert_uint_eq(connection_of(4), connection_of(3));
	ck_assert_int_eq(count_watched(), 1);
	stop();
}
END_TEST

RUN_TESTS("engine/multi", TEST(a_kept_connection_stays_watched),
	TEST(what_the_server_closes_is_no_longer_watched))
