/* SPDX-License-Identifier: MIT */
/* The manager's connection: flags, running or not, restarts, watching. */
#include "client-lib/manager.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/client-lib/peer.h"
#include "tests/lib/bus.h"
#include "tests/lib/run.h"

static transfer_manager *open_manager(uint64_t flags)
{
	transfer_auto(transfer_error) error = NULL;
	transfer_manager *manager = NULL;

	ck_assert_msg(!transfer_manager_new(&manager, flags, &error), "%s",
		error ? transfer_error_get_message(error) : "");
	return manager;
}

START_TEST(needs_a_bus)
{
	transfer_auto(transfer_error) error = NULL;
	transfer_manager *manager = NULL;

	setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
	ck_assert_int_eq(transfer_manager_new(&manager, TRANSFER_CLIENT_NO_THREAD, NULL), -EINVAL);
	ck_assert_int_eq(transfer_manager_new(&manager, 0, &error), -ENOTCONN);
	ck_assert_int_eq(transfer_error_get_code(error), TRANSFER_BUS_ERROR_UNREACHABLE);
}
END_TEST

START_TEST(tells_whether_transferd_runs)
{
	transfer_auto(transfer_error) error = NULL;
	struct peer *peer = peer_new();
	transfer_manager *manager;
	struct transfer_service service = { .size = sizeof(service) };

	manager = open_manager(TRANSFER_CLIENT_NO_AUTOSTART);
	ck_assert_int_eq(transfer_manager_is_running(manager, NULL), 1);
	peer_stop(peer);
	while (transfer_manager_is_running(manager, NULL))
		ck_assert_int_ge(transfer_manager_dispatch(manager, 10000), 0);
	ck_assert_int_eq(transfer_manager_get_service(manager, &service, &error), -ENOTCONN);
	ck_assert_int_eq(transfer_error_get_code(error), TRANSFER_BUS_ERROR_NOT_RUNNING);
	transfer_error_unref(error);
	error = NULL;
	transfer_manager_set_autostart(manager, true);
	ck_assert_int_eq(transfer_manager_get_service(manager, &service, &error), -ENOTCONN);
	ck_assert_int_eq(transfer_error_get_code(error), TRANSFER_BUS_ERROR_NOT_RUNNING);
	peer_start(peer);
	ck_assert_int_eq(transfer_manager_get_service(manager, &service, NULL), 0);
	ck_assert_str_eq(service.version, "9.9");
	transfer_manager_unref(manager);
	peer_free(peer);
}
END_TEST

struct heard {
	int n_states, n_services;
	bool is_running;
	struct transfer_change last;
};

static void on_change(const struct transfer_change *change, void *user)
{
	struct heard *heard = user;

	heard->last = *change;
	heard->last.object_path = NULL;
	heard->n_states += change->has_sub_state;
	heard->n_services += change->has_service;
	if (change->has_service)
		heard->is_running = change->is_running;
}

START_TEST(hears_changes)
{
	struct peer *peer = peer_new();
	transfer_manager *manager = open_manager(0);
	struct heard heard = { .n_states = 0 };
	uint64_t id = peer_add_task(peer, "https://example.org/a");

	ck_assert_int_eq(transfer_manager_watch(manager, on_change, &heard, NULL), 0);
	peer_tell_state(peer, id);
	/* nothing is told inside another call */
	ck_assert_int_eq(transfer_manager_is_running(manager, NULL), 1);
	ck_assert_int_eq(heard.n_states, 0);
	while (!heard.n_states)
		ck_assert_int_ge(transfer_manager_dispatch(manager, 10000), 0);
	ck_assert_uint_eq(heard.last.task, id);
	ck_assert_uint_eq(heard.last.session_number, 7);
	ck_assert_int_eq(heard.last.state, TRANSFER_TASK_STATE_RUNNING);
	ck_assert_int_eq(heard.last.sub_state, TRANSFER_SUB_STATE_TRANSFERRING);
	peer_restart(peer);
	while (heard.n_services < 2)
		ck_assert_int_ge(transfer_manager_dispatch(manager, 10000), 0);
	ck_assert(heard.is_running);
	ck_assert_int_eq(transfer_manager_watch(manager, NULL, NULL, NULL), 0);
	peer_tell_state(peer, id);
	ck_assert_int_eq(transfer_manager_is_running(manager, NULL), 1);
	ck_assert_int_eq(transfer_manager_dispatch(manager, 0), 0);
	ck_assert_int_eq(heard.n_states, 1);
	transfer_manager_unref(manager);
	peer_free(peer);
}
END_TEST

START_TEST(notices_the_end_of_the_bus)
{
	transfer_auto(transfer_error) error = NULL;
	transfer_statistics *statistics = NULL;
	struct peer *peer = peer_new();
	transfer_manager *manager = open_manager(0);
	int r;

	bus_free(peer_bus(peer));
	while (!(r = transfer_manager_dispatch(manager, 10000)))
		;
	ck_assert_int_eq(r, -ENOTCONN);
	ck_assert_int_eq(transfer_manager_get_statistics(manager, &statistics, &error), -ENOTCONN);
	ck_assert_int_eq(transfer_error_get_code(error), TRANSFER_BUS_ERROR_UNREACHABLE);
	transfer_manager_unref(manager);
}
END_TEST

RUN_TESTS("client-lib/manager", TEST(needs_a_bus), TEST(tells_whether_transferd_runs),
	TEST(hears_changes), TEST(notices_the_end_of_the_bus))
