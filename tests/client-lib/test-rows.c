/* SPDX-License-Identifier: MIT */
/* Lists: rows copied from what ipc decoded, which is gone when they are read. */
#include "client-lib/rows.h"

#include <string.h>

#include "ipc/proto.h"
#include "tests/lib/run.h"

START_TEST(copies_tasks)
{
	char word[] = "waiting-something-new";
	const char *const reasons[] = { word, "", "mode" };
	struct ipc_error error = { .code = -1001, .has_code = true };
	struct ipc_task row = {
		.id = 5,
		.state = "suspended",
		.sub_state = word,
		.reasons = reasons,
		.n_reasons = 3,
		.error = &error,
		.has_digest = true,
		.digest = { "md5", "00" },
		.userdata = (const uint8_t *)"u",
		.n_userdata = 1,
	};
	struct ipc_manager_list_tasks_out out = { .tasks = &row, .n_tasks = 1, .next_cursor = "5" };
	transfer_auto(transfer_task_list) list = rows_new_tasks(&out);
	const struct transfer_task_row *got = transfer_task_list_get(list, 0);

	memset(word, 'x', sizeof(word) - 1);
	memset(&row, 0xff, sizeof(row));
	ck_assert_uint_eq(got->size, sizeof(*got));
	ck_assert_uint_eq(got->id, 5);
	ck_assert_int_eq(got->state, TRANSFER_TASK_STATE_SUSPENDED);
	ck_assert_str_eq(got->sub_state_name, "waiting-something-new");
	ck_assert_uint_eq(got->n_reasons, 2);
	ck_assert_str_eq(got->reasons[1], "mode");
	ck_assert_str_eq(transfer_error_get_name(got->error), "timed-out");
	ck_assert_str_eq(got->digest_hex, "00");
	ck_assert_double_eq(got->priority, 0.5);
	ck_assert_uint_eq(transfer_data_get_size(got->userdata), 1);
	ck_assert_int_eq(got->expected_receive_bytes, TRANSFER_SIZE_UNKNOWN);
	ck_assert_str_eq(transfer_task_list_get_next_cursor(list), "5");
	ck_assert_ptr_null(transfer_task_list_get(list, 1));
	ck_assert_uint_eq(transfer_task_list_get_size(NULL), 0);
}
END_TEST

START_TEST(copies_events)
{
	struct ipc_event_args args = { .path = "/x", .offset = 7, .has_offset = true };
	struct ipc_event rows[] = {
		{ .seq = 1,
			.task = { 7, 9 },
			.wall_usec = 3,
			.name = "DidResumeAtOffset",
			.args = &args },
		{ .seq = 2, .name = "DidBecomeInvalid" },
	};
	struct ipc_manager_peek_events_out out = { .events = rows, .n_events = 2 };
	transfer_auto(transfer_event_list) list = rows_new_events(&out);
	const struct transfer_event_row *got = transfer_event_list_get(list, 0);

	memset(rows, 0, sizeof(rows));
	ck_assert_uint_eq(got->task, 9);
	ck_assert_str_eq(got->path, "/x");
	ck_assert_int_eq(got->offset_bytes, 7);
	ck_assert_int_eq(got->bytes, TRANSFER_SIZE_UNKNOWN);
	ck_assert_str_eq(transfer_event_list_get(list, 1)->name, "DidBecomeInvalid");
	ck_assert_ptr_null(transfer_event_list_get(list, 1)->error);
}
END_TEST

START_TEST(collects_failures)
{
	const struct ipc_failure rows[] = { { 1, "org.transferd.Transfer1.Error.NoSuchTask",
						    "no task 1" },
		{ 2, "org.example.Unknown", "what" } };
	transfer_auto(transfer_failure_list) list = rows_new_failures();

	ck_assert_int_eq(rows_add_failures(list, rows, 2), 0);
	ck_assert_int_eq(rows_add_failures(list, rows, 1), 0);
	ck_assert_int_eq(rows_add_failures(list, NULL, 0), 0);
	ck_assert_uint_eq(transfer_failure_list_get_size(list), 3);
	ck_assert_str_eq(
		transfer_error_get_name(transfer_failure_list_get(list, 2)->error), "no-such-task");
	ck_assert_str_eq(transfer_error_get_bus_name(transfer_failure_list_get(list, 1)->error),
		"org.example.Unknown");
}
END_TEST

RUN_TESTS("client-lib/rows", TEST(copies_tasks), TEST(copies_events), TEST(collects_failures))
