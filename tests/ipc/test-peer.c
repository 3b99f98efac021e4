/* SPDX-License-Identifier: MIT */
/* A handler knows who calls, and the daemon is told when a caller has left. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/ipc/service.h"
#include "tests/lib/proc.h"
#include "tests/lib/run.h"

static void flush(struct ipc_bus *client)
{
	struct ipc_exchange exchange = { 0 };

	ck_assert_int_eq(ipc_call_session_flush(client, SERVICE_SESSION, &exchange), 0);
	ipc_exchange_done(&exchange);
}

START_TEST(knows_the_caller)
{
	struct service *s = service_new();
	struct ipc_bus *client = service_client();

	flush(client);
	ck_assert_uint_eq(service_seen(s)->uid, getuid());
	ck_assert_uint_eq(service_seen(s)->pid, (unsigned)getpid());
	ck_assert_str_eq(service_seen(s)->caller, ipc_bus_unique_name(client));
	ipc_bus_free(client);
	service_free(s);
}
END_TEST

START_TEST(is_told_who_left)
{
	struct service *s = service_new();
	struct ipc_bus *client = service_client(), *other = service_client();
	char name[64];

	flush(client);
	flush(other);
	ck_assert_int_eq(service_seen(s)->n_left, 0);
	snprintf(name, sizeof(name), "%s", ipc_bus_unique_name(client));
	ipc_bus_free(client);
	/* the bus tells the daemon before it hands over a call made later */
	flush(other);
	flush(other);
	for (uint64_t end_ms = proc_now_ms() + 10000; !service_seen(s)->n_left;) {
		ck_assert_int_gt(proc_left_ms(end_ms), 0);
		flush(other);
	}
	ck_assert_str_eq(service_seen(s)->left, name);
	ck_assert_int_eq(service_seen(s)->n_left, 1);
	ipc_bus_free(other);
	service_free(s);
}
END_TEST

static void on_done(void *user, int r, const char *text)
{
	ck_assert_msg(r == 0, "%d %s", r, text ? text : "");
	(*(int *)user)--;
}

/* The first calls of a new caller wait for its credentials together, and keep their order. */
START_TEST(keeps_the_order)
{
	struct service *s = service_new();
	struct ipc_bus *client = service_client();
	int left = 100;

	for (uint64_t i = 1; i <= 100; i++) {
		struct ipc_session_acknowledge_in in = { i };

		ck_assert_int_eq(
			ipc_start_session_acknowledge(client, SERVICE_SESSION, &in, on_done, &left),
			0);
	}
	while (left) {
		ck_assert_int_eq(ipc_bus_wait(client, 10000), 0);
		ck_assert_uint_ge(service_seen(s)->number + (uint64_t)left, 100);
	}
	ck_assert_uint_eq(service_seen(s)->number, 100);
	ck_assert_int_eq(service_seen(s)->n_calls, 100);
	ipc_bus_free(client);
	service_free(s);
}
END_TEST

static void on_cancelled(void *user, int r, const char *text)
{
	ck_assert_ptr_null(text);
	ck_assert_int_eq(r, -ECANCELED);
	(*(int *)user)++;
}

/* With more calls than a turn has: all of them are dropped, or, where the bus still knew it, none (peer.c asserts that). */
START_TEST(leaves_before_it_is_known)
{
	struct service *s = service_new();
	struct ipc_bus *other = service_client();

	for (int i = 0; i < 50; i++) {
		struct ipc_bus *client = service_client();
		int n = 0;

		for (int j = 0; j < 200; j++)
			ck_assert_int_eq(
				ipc_start_session_flush(client, SERVICE_SESSION, on_cancelled, &n),
				0);
		ck_assert_int_eq(ipc_bus_flush(client, 10000), 0);
		ipc_bus_free(client);
		ck_assert_int_eq(n, 200);
	}
	flush(other);
	ipc_bus_free(other);
	service_free(s);
}
END_TEST

RUN_TESTS("ipc/peer", TEST(knows_the_caller), TEST(is_told_who_left), TEST(keeps_the_order),
	TEST(leaves_before_it_is_known))
