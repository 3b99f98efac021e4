/* SPDX-License-Identifier: MIT */
/* What a manager changes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <transfer/manager.h>
#include <transfer/transfer.h>

#include "tests/client-lib/managed.h"
#include "tests/lib/tmpdir.h"

START_TEST(steers_sets)
{
	uint64_t ids[1503];
	struct transfer_steering steering = {
		.size = sizeof(steering),
		.verb = TRANSFER_VERB_CANCEL,
		.ids = ids,
		.n_ids = 1503,
	};
	struct transfer_task_changes changes = {
		TRANSFER_TASK_CHANGES_INIT,
		.ids = ids,
		.n_ids = 2,
		.change = TRANSFER_CHANGE_PRIORITY,
		.priority = 1.0,
	};
	transfer_auto(transfer_failure_list) failures = NULL;
	const struct transfer_failure_row *row;

	begin();
	for (int i = 0; i < 1500; i++)
		ids[i] = peer_add_task(peer, "https://example.org/a");
	ids[1500] = 9001;
	ids[1501] = 9002;
	ids[1502] = 9003;
	ck_assert_int_eq(transfer_manager_set_tasks(manager, &changes, NULL, NULL), 0);
	ck_assert_double_eq(peer_priority(peer, ids[1]), 1.0);
	ck_assert_double_eq(peer_priority(peer, ids[2]), 0.25);
	ck_assert_int_eq(transfer_manager_steer(manager, &steering, &failures, NULL), 0);
	ck_assert_uint_eq(transfer_failure_list_get_size(failures), 3);
	row = transfer_failure_list_get(failures, 2);
	ck_assert_uint_eq(row->id, 9003);
	ck_assert_int_eq(transfer_error_get_code(row->error), TRANSFER_BUS_ERROR_NO_SUCH_TASK);
	ck_assert(peer_is_cancelled(peer, ids[1499]));
	for (enum transfer_verb verb = TRANSFER_VERB_RESUME; verb <= TRANSFER_VERB_REMOVE; verb++) {
		steering.verb = verb;
		ck_assert_int_eq(transfer_manager_steer(manager, &steering, NULL, NULL), 0);
	}
	steering.verb = TRANSFER_VERB_REMOVE + 1;
	ck_assert_int_eq(transfer_manager_steer(manager, &steering, NULL, NULL), -EINVAL);
	end();
}
END_TEST

START_TEST(changes_the_service)
{
	struct transfer_service service = {
		.size = sizeof(service),
		.is_paused = true,
		.max_download_rate_bps = 1000,
		.max_active_tasks = 5,
	};
	transfer_auto(transfer_error) error = NULL;

	begin();
	ck_assert_int_eq(transfer_manager_set_service(manager, &service,
				 TRANSFER_SERVICE_MODE | TRANSFER_SERVICE_MAX_DOWNLOAD_RATE, NULL),
		0);
	service = (struct transfer_service){ .size = sizeof(service) };
	ck_assert_int_eq(transfer_manager_get_service(manager, &service, NULL), 0);
	ck_assert(service.is_paused);
	ck_assert_uint_eq(service.max_download_rate_bps, 1000);
	ck_assert_uint_eq(service.max_active_tasks, 32);
	service.max_active_tasks = 0;
	ck_assert_int_eq(transfer_manager_set_service(
				 manager, &service, TRANSFER_SERVICE_MAX_ACTIVE_TASKS, &error),
		-EREMOTEIO);
	ck_assert_str_eq(transfer_error_get_message(error), "not 0");
	ck_assert_int_eq(transfer_manager_set_service(manager, &service, 1 << 9, NULL), -EINVAL);
	end();
}
END_TEST

START_TEST(gets_resume_data)
{
	transfer_auto(transfer_data) data = NULL;
	transfer_auto(transfer_error) error = NULL;
	uint64_t id, whole;

	begin();
	id = peer_add_task(peer, "https://example.org/a");
	whole = peer_add_task(peer, "https://example.org/whole");
	ck_assert_int_eq(
		transfer_manager_cancel_producing_resume_data(manager, id, &data, NULL), 0);
	ck_assert_uint_eq(transfer_data_get_size(data), 3);
	ck_assert_mem_eq(transfer_data_get_bytes(data), "r\0d", 3);
	ck_assert_int_eq(transfer_manager_cancel_producing_resume_data(manager, whole, &data, NULL),
		-ENODATA);
	ck_assert_int_eq(
		transfer_manager_cancel_producing_resume_data(manager, 9999, &data, &error),
		-ENOENT);
	ck_assert_str_eq(transfer_error_get_name(error), "no-such-task");
	end();
}
END_TEST

START_TEST(steers_sessions)
{
	begin();
	ck_assert_int_eq(transfer_manager_flush_session(manager, "com.example.test", NULL), 0);
	ck_assert_int_eq(transfer_manager_reset_session(manager, "com.example.test", NULL), 0);
	ck_assert_int_eq(
		transfer_manager_invalidate_session(manager, "com.example.test", true, NULL), 0);
	ck_assert_int_eq(
		transfer_manager_invalidate_session(manager, "com.example.test", false, NULL), 0);
	ck_assert_int_eq(
		transfer_manager_invalidate_session(manager, "nobody", true, NULL), -ENOENT);
	end();
}
END_TEST

START_TEST(quits_an_application)
{
	transfer_auto(transfer_error) error = NULL;
	uint64_t n = 0;

	begin();
	peer_add_task(peer, "https://example.org/a");
	peer_add_task(peer, "https://example.org/b");
	ck_assert_int_eq(
		transfer_manager_quit_application(manager, "com.example.App", &n, NULL), 0);
	ck_assert_uint_eq(n, 2);
	ck_assert_int_eq(
		transfer_manager_quit_application(manager, "no.body", NULL, &error), -ENOENT);
	ck_assert_int_eq(transfer_error_get_code(error), TRANSFER_BUS_ERROR_NO_SUCH_SESSION);
	end();
}
END_TEST

/* The call is under way when transferd goes away: it is made again, and the tasks are there once. */
START_TEST(survives_a_restart)
{
	struct transfer_service service = { .size = sizeof(service) };

	begin();
	for (int i = 0; i < 20; i++) {
		peer_restart(peer);
		ck_assert_int_eq(transfer_manager_get_service(manager, &service, NULL), 0);
	}
	end();
}
END_TEST

RUN_TESTS("client-lib/manager-steer", TEST(steers_sets), TEST(changes_the_service),
	TEST(gets_resume_data), TEST(steers_sessions), TEST(quits_an_application),
	TEST(survives_a_restart))
