/* SPDX-License-Identifier: MIT */
/* Connecting, names, being told of changes, and losing the bus without losing the process. */
#include "ipc/bus.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/ipc/service.h"
#include "tests/lib/bus.h"
#include "tests/lib/proc.h"
#include "tests/lib/run.h"
#include "tests/lib/tmpdir.h"

#define DEADLINE_MS 10000

struct seen {
	int lost, acquired, changed;
	char name[64], owner[64];
};

static void on_lost(void *user)
{
	((struct seen *)user)->lost++;
}

static void on_acquired(void *user, const char *name)
{
	struct seen *seen = user;

	seen->acquired = 1;
	snprintf(seen->name, sizeof(seen->name), "%s", name);
}

static void on_changed(void *user, const char *owner)
{
	struct seen *seen = user;

	seen->changed = 1;
	snprintf(seen->owner, sizeof(seen->owner), "%s", owner ? owner : "");
}

static const struct ipc_bus_events events = {
	.lost = on_lost, .name_acquired = on_acquired, .service_changed = on_changed
};

static const struct {
	const char *address;
	int r;
} addresses[] = {
	{ "unix:path=/nonexistent/bus", -ECONNREFUSED },
	{ "nonsense", -EINVAL },
};

START_TEST(refuses_addresses)
{
	struct ipc_bus *bus = NULL;

	ck_assert_int_eq(
		ipc_bus_new(IPC_BUS_ADDRESS, addresses[_i].address, &bus), addresses[_i].r);
	ck_assert_ptr_null(bus);
	ipc_bus_free(NULL);
}
END_TEST

START_TEST(owns_a_name)
{
	struct service *s = service_new();
	struct ipc_bus *client = service_client();
	struct seen seen = { 0 };

	ipc_bus_set_events(client, &events, &seen);
	ck_assert_int_eq(ipc_bus_unique_name(client)[0], ':');
	ck_assert_int_eq(ipc_bus_request_name(client, ":1.5", IPC_NAME_NOW), -EINVAL);
	ck_assert_int_eq(ipc_bus_request_name(client, "not a name", IPC_NAME_NOW), -EINVAL);
	ck_assert_int_eq(ipc_bus_request_name(client, IPC_NAME, IPC_NAME_NOW), IPC_E_BUSY);
	ck_assert_int_eq(ipc_bus_request_name(client, "org.example.Mine", IPC_NAME_NOW), 0);
	ck_assert_int_eq(ipc_bus_request_name(client, "org.example.Mine", IPC_NAME_NOW), 0);
	service_pump(client, &seen.acquired);
	ck_assert_str_eq(seen.name, "org.example.Mine");
	ck_assert_int_eq(ipc_bus_release_name(client, "org.example.Mine"), 0);
	ipc_bus_free(client);
	service_free(s);
}
END_TEST

START_TEST(waits_for_a_name)
{
	struct service *s = service_new();
	struct ipc_bus *first = service_client(), *second = service_client();
	struct seen seen = { 0 };

	ipc_bus_set_events(second, &events, &seen);
	ck_assert_int_eq(ipc_bus_request_name(first, "org.example.Mine", IPC_NAME_NOW), 0);
	ck_assert_int_eq(
		ipc_bus_request_name(second, "org.example.Mine", IPC_NAME_QUEUE), IPC_DEFERRED);
	ck_assert_int_eq(seen.acquired, 0);
	ipc_bus_free(first);
	service_pump(second, &seen.acquired);
	ck_assert_str_eq(seen.name, "org.example.Mine");
	ipc_bus_free(second);
	service_free(s);
}
END_TEST

START_TEST(watches_the_service)
{
	struct service *s = service_new();
	struct ipc_bus *client = service_client(), *owner = service_client();
	struct seen seen = { 0 };

	ipc_bus_set_events(client, &events, &seen);
	ck_assert_int_eq(ipc_bus_watch_properties(client), -EINVAL);
	ck_assert_int_eq(ipc_bus_watch_service(client, "org.example.Mine"), 0);
	ck_assert_int_eq(ipc_bus_watch_service(client, "org.example.Other"), -EINVAL);
	ck_assert_ptr_null(ipc_bus_service_owner(client));
	ck_assert_int_eq(ipc_bus_request_name(owner, "org.example.Mine", IPC_NAME_NOW), 0);
	service_pump(client, &seen.changed);
	ck_assert_str_eq(seen.owner, ipc_bus_unique_name(owner));
	ck_assert_str_eq(ipc_bus_service_owner(client), ipc_bus_unique_name(owner));
	seen.changed = 0;
	ipc_bus_free(owner);
	service_pump(client, &seen.changed);
	ck_assert_str_eq(seen.owner, "");
	ck_assert_ptr_null(ipc_bus_service_owner(client));
	ipc_bus_free(client);
	service_free(s);
}
END_TEST

START_TEST(knows_an_owner_that_was_there)
{
	struct service *s = service_new();
	struct ipc_bus *client = service_client();

	ck_assert_int_eq(ipc_bus_watch_service(client, IPC_NAME), 0);
	ck_assert_ptr_nonnull(ipc_bus_service_owner(client));
	ck_assert_int_eq(ipc_bus_wait(client, 0) == -ENOTCONN, 0);
	ck_assert_uint_eq(ipc_bus_outgoing_bytes(client), 0);
	ck_assert_int_eq(ipc_bus_flush(client, DEADLINE_MS), 0);
	ipc_bus_free(client);
	service_free(s);
}
END_TEST

static void on_async(void *user, int r, const char *text)
{
	(void)text;
	*(int *)user = r;
}

/* The bus goes away: told once, calls end, nothing hangs, nobody exits. */
START_TEST(survives_the_bus)
{
	static const struct bus_config config = { .no_activation = true };
	struct ipc_exchange exchange = { 0 };
	struct ipc_bus *client;
	struct seen seen = { 0 };
	struct bus *bus;
	int ended = 0;

	ck_assert_ptr_nonnull(tmpdir_new());
	ck_assert_int_eq(bus_new(&config, &bus), 0);
	ck_assert_int_eq(ipc_bus_new(IPC_BUS_USER, NULL, &client), 0);
	ipc_bus_set_events(client, &events, &seen);
	/* a call to ourselves that is not dispatched: without an answer when the bus goes */
	ck_assert_int_eq(ipc_bus_request_name(client, IPC_NAME, IPC_NAME_NOW), 0);
	ck_assert_int_eq(ipc_start_session_flush(client, SERVICE_SESSION, on_async, &ended), 0);
	bus_free(bus);
	service_pump(client, &seen.lost);
	ck_assert_int_eq(ipc_bus_dispatch(client), -ENOTCONN);
	ck_assert_int_eq(seen.lost, 1);
	ck_assert_int_eq(ended, -ENOTCONN);
	ck_assert(!ipc_bus_is_connected(client));
	ck_assert_int_eq(ipc_call_session_flush(client, SERVICE_SESSION, &exchange), -ENOTCONN);
	ck_assert_int_eq(
		ipc_start_session_flush(client, SERVICE_SESSION, on_async, &ended), -ENOTCONN);
	ck_assert_int_eq(ipc_bus_request_name(client, "org.example.Mine", IPC_NAME_NOW), -ENOTCONN);
	ck_assert_int_eq(ipc_bus_flush(client, 10) == -ETIMEDOUT, 0);
	ipc_bus_free(client);
	ck_assert_int_eq(seen.lost, 1);
}
END_TEST

/* Whole messages are announced, stay until they are dispatched, and so is the end of the connection. */
START_TEST(reads_before_it_dispatches)
{
	static const struct bus_config config = { .no_activation = true };
	uint64_t end_ms = proc_now_ms() + DEADLINE_MS;
	struct ipc_bus *client;
	struct bus *bus;
	int ended = 0;

	ck_assert_ptr_nonnull(tmpdir_new());
	ck_assert_int_eq(bus_new(&config, &bus), 0);
	ck_assert_int_eq(ipc_bus_new(IPC_BUS_USER, NULL, &client), 0);
	while (ipc_bus_read(client))
		ck_assert_int_eq(ipc_bus_dispatch(client), 0);
	ck_assert_int_eq(ipc_start_session_flush(client, SERVICE_SESSION, on_async, &ended), 0);
	while (!ipc_bus_read(client))
		ck_assert_int_eq(
			proc_wait_fd(ipc_bus_fd(client), (unsigned)proc_left_ms(end_ms)), 0);
	ck_assert(ipc_bus_read(client));
	ck_assert_int_eq(ended, 0);
	service_pump(client, &ended);
	while (ipc_bus_read(client))
		ck_assert_int_eq(ipc_bus_dispatch(client), 0);
	bus_free(bus);
	while (!ipc_bus_read(client))
		ck_assert_int_eq(
			proc_wait_fd(ipc_bus_fd(client), (unsigned)proc_left_ms(end_ms)), 0);
	while (ipc_bus_dispatch(client) != -ENOTCONN)
		ck_assert_int_gt(proc_left_ms(end_ms), 0);
	ck_assert(ipc_bus_read(client));
	ipc_bus_free(client);
}
END_TEST

START_TEST(leaves_sigpipe_alone)
{
	struct service *s = service_new();
	struct sigaction action;

	ck_assert_int_eq(sigaction(SIGPIPE, NULL, &action), 0);
	ck_assert_ptr_eq((void *)action.sa_handler, (void *)SIG_DFL);
	service_free(s);
}
END_TEST

RUN_TESTS("ipc/bus", TEST_EACH(refuses_addresses, addresses), TEST(owns_a_name),
	TEST(waits_for_a_name), TEST(watches_the_service), TEST(knows_an_owner_that_was_there),
	TEST(survives_the_bus), TEST(reads_before_it_dispatches), TEST(leaves_sigpipe_alone))
