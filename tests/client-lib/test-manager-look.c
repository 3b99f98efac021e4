/* SPDX-License-Identifier: MIT */
/* What a manager reads. */
#include <errno.h>
#include <string.h>

#include <transfer/manager.h>
#include <transfer/transfer.h>

#include "tests/client-lib/peer.h"
#include "tests/lib/run.h"

static struct peer *peer;
static transfer_manager *manager;

static void begin(void)
{
	peer = peer_new();
	for (int i = 0; i < 7; i++)
		peer_add_task(peer, "https://example.org/old");
	ck_assert_int_eq(transfer_manager_new(&manager, 0, NULL), 0);
}

static void end(void)
{
	transfer_manager_unref(manager);
	peer_free(peer);
}

START_TEST(lists_tasks_page_by_page)
{
	transfer_task_list *list = NULL;
	const struct transfer_task_row *row;
	size_t n = 0;
	int pages = 0;
	char cursor[32] = "";

	begin();
	do {
		ck_assert_int_eq(transfer_manager_list_tasks(
					 manager, NULL, pages ? cursor : NULL, &list, NULL),
			0);
		for (size_t i = 0; i < transfer_task_list_get_size(list); i++, n++)
			ck_assert_uint_eq(transfer_task_list_get(list, i)->id, 100 + n);
		row = transfer_task_list_get(list, 0);
		ck_assert_str_eq(row->url, "https://example.org/old");
		ck_assert_str_eq(row->session, "com.example.test");
		ck_assert_int_eq(row->kind, TRANSFER_TASK_DOWNLOAD);
		ck_assert_int_eq(row->state, TRANSFER_TASK_STATE_RUNNING);
		ck_assert_int_eq(row->sub_state, TRANSFER_SUB_STATE_QUEUED);
		ck_assert_int_eq(row->received_bytes, 5);
		ck_assert_int_eq(row->expected_send_bytes, TRANSFER_SIZE_UNKNOWN);
		ck_assert_uint_eq(row->eta_usec, UINT64_MAX);
		ck_assert_int_eq(transfer_response_get_status(row->response), 200);
		ck_assert_ptr_null(row->error);
		ck_assert_ptr_null(transfer_task_list_get(list, 1000));
		strncpy(cursor,
			transfer_task_list_get_next_cursor(list)
				? transfer_task_list_get_next_cursor(list)
				: "",
			sizeof(cursor) - 1);
		transfer_task_list_unref(list);
		pages++;
	} while (*cursor);
	ck_assert_uint_eq(n, 7);
	ck_assert_int_eq(pages, 3);
	end();
}
END_TEST

START_TEST(filters_tasks)
{
	const uint64_t ids[] = { 101, 105 };
	struct transfer_task_filter filter = {
		TRANSFER_TASK_FILTER_INIT,
		.ids = ids,
		.n_ids = 2,
		.kinds = 1 << TRANSFER_TASK_DOWNLOAD,
		.include_finished = true,
	};
	transfer_auto(transfer_task_list) list = NULL;

	begin();
	ck_assert_int_eq(transfer_manager_list_tasks(manager, &filter, NULL, &list, NULL), 0);
	ck_assert_uint_eq(transfer_task_list_get_size(list), 2);
	ck_assert_uint_eq(transfer_task_list_get(list, 1)->id, 105);
	filter.size = 3;
	ck_assert_int_eq(transfer_manager_list_tasks(manager, &filter, NULL, &list, NULL), -EINVAL);
	filter.size = sizeof(filter);
	filter.n_ids = 1001;
	ck_assert_int_eq(transfer_manager_list_tasks(manager, &filter, NULL, &list, NULL), -EINVAL);
	end();
}
END_TEST

static int on_counter(const char *name, uint64_t value, void *user)
{
	ck_assert_str_eq(name, "tasks-active");
	*(uint64_t *)user += value;
	return 7;
}

START_TEST(reads_the_service)
{
	transfer_auto(transfer_statistics) statistics = NULL;
	transfer_auto(transfer_session_list) sessions = NULL;
	transfer_auto(transfer_progress_list) progress = NULL;
	struct transfer_service service = { .size = 0 };
	const uint64_t *samples;
	uint64_t value = 0;

	begin();
	ck_assert_int_eq(transfer_manager_get_service(manager, &service, NULL), -EINVAL);
	service.size = sizeof(service);
	ck_assert_int_eq(transfer_manager_get_service(manager, &service, NULL), 0);
	ck_assert_str_eq(service.network_state, "online");
	ck_assert_uint_eq(service.max_active_tasks, 32);
	ck_assert(!service.is_paused);

	ck_assert_int_eq(transfer_manager_get_statistics(manager, &statistics, NULL), 0);
	ck_assert(transfer_statistics_get(statistics, "tasks-active", &value));
	ck_assert_uint_eq(value, 3);
	ck_assert(!transfer_statistics_get(statistics, "tasks-total", &value));
	ck_assert_int_eq(transfer_statistics_foreach(statistics, on_counter, &value), 7);
	ck_assert_uint_eq(value, 6);
	ck_assert_uint_eq(transfer_statistics_get_samples(statistics, false, &samples), 60);
	ck_assert_uint_eq(samples[59], 9);
	ck_assert_uint_eq(transfer_statistics_get_samples(statistics, true, &samples), 0);

	ck_assert_int_eq(transfer_manager_list_sessions(manager, &sessions, NULL), 0);
	ck_assert_uint_eq(transfer_session_list_get_size(sessions), 1);
	ck_assert_str_eq(transfer_session_list_get(sessions, 0)->identifier, "com.example.test");
	ck_assert_str_eq(transfer_session_list_get(sessions, 0)->object_path,
		"/org/transferd/Transfer1/session/7");

	ck_assert_int_eq(transfer_manager_get_progress(manager, NULL, 3, &progress, NULL), 0);
	ck_assert_uint_eq(transfer_progress_list_get_generation(progress), 4);
	ck_assert_int_eq(transfer_progress_list_get(progress, 0)->expected_send_bytes, -1);
	ck_assert_int_eq(transfer_progress_list_get(progress, 0)->sub_state,
		TRANSFER_SUB_STATE_TRANSFERRING);
	end();
}
END_TEST

START_TEST(peeks_at_events)
{
	transfer_auto(transfer_event_list) list = NULL;
	transfer_auto(transfer_error) error = NULL;

	begin();
	peer_finish(peer, 100);
	peer_complete(peer, 100, 0);
	ck_assert_int_eq(
		transfer_manager_peek_events(manager, "com.example.test", 0, &list, NULL), 0);
	ck_assert_uint_eq(transfer_event_list_get_size(list), 2);
	ck_assert_str_eq(transfer_event_list_get(list, 0)->name, "DidFinishDownloading");
	ck_assert_uint_eq(transfer_event_list_get(list, 1)->seq, 2);
	ck_assert_uint_eq(transfer_event_list_get(list, 1)->task, 100);
	ck_assert_int_eq(transfer_event_list_get(list, 1)->total_bytes, TRANSFER_SIZE_UNKNOWN);
	transfer_event_list_unref(list);
	ck_assert_int_eq(
		transfer_manager_peek_events(manager, "com.example.test", 1, &list, NULL), 0);
	ck_assert_uint_eq(transfer_event_list_get_size(list), 1);
	ck_assert_int_eq(
		transfer_manager_peek_events(manager, "nobody", 0, &list, &error), -ENOENT);
	ck_assert_int_eq(transfer_error_get_code(error), TRANSFER_BUS_ERROR_NO_SUCH_SESSION);
	ck_assert_str_eq(transfer_error_get_message(error), "no session 'nobody'");
	ck_assert_str_eq(
		transfer_error_get_bus_name(error), "org.transferd.Transfer1.Error.NoSuchSession");
	end();
}
END_TEST

RUN_TESTS("client-lib/manager-look", TEST(lists_tasks_page_by_page), TEST(filters_tasks),
	TEST(reads_the_service), TEST(peeks_at_events))
