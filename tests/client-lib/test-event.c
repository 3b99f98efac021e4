/* SPDX-License-Identifier: MIT */
/* Events about tasks that this process has not met: their rows are read first, the order stays. */
#include "client-lib/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/client-lib/rig.h"
#include "tests/lib/run.h"

START_TEST(reads_unknown_tasks)
{
	transfer_auto(transfer_response) response = NULL;
	char *description;
	struct rig rig;
	uint64_t id;

	rig_init(&rig, 0);
	id = peer_add_task(rig.peer, "https://example.org/old");
	peer_add_task(rig.peer, "https://example.org/other");
	peer_finish(rig.peer, id + 1);
	peer_finish(rig.peer, id);
	peer_complete(rig.peer, id + 1, 0);
	peer_complete(rig.peer, id, -1001);
	rig_open(&rig);
	ck_assert(transfer_session_was_reassociated(rig.session));
	rig_expect(&rig, "drained\n");
	ck_assert_str_eq(rig.log,
		"finished task 101\nfinished task 100\ncomplete 101 0\ncomplete 100 -1001\ndrained\n");
	ck_assert_str_eq(transfer_request_get_url(transfer_task_get_original_request(rig.kept)),
		"https://example.org/old");
	ck_assert_str_eq(
		transfer_request_get_header(transfer_task_get_original_request(rig.kept), "X-Old"),
		"value");
	description = transfer_task_copy_description(rig.kept);
	ck_assert_str_eq(description, "old");
	ck_assert_double_eq(transfer_task_get_priority(rig.kept), 0.25);
	response = transfer_task_copy_response(rig.kept);
	ck_assert_int_eq(transfer_response_get_status(response), 200);
	ck_assert_str_eq(transfer_response_get_mime_type(response), "text/plain");
	ck_assert(peer_wait(rig.peer, peer_has_acked, 4));
	free(description);
	rig_done(&rig);
}
END_TEST

/* Its row is gone: the event is told all the same. */
START_TEST(tells_about_tasks_without_a_row)
{
	struct rig rig;

	rig_init(&rig, 0);
	rig_open(&rig);
	peer_complete(rig.peer, 77777, 0);
	rig_expect(&rig, "complete 77777 0\n");
	ck_assert_ptr_null(transfer_request_get_url(transfer_task_get_original_request(rig.kept)));
	ck_assert(peer_wait(rig.peer, peer_has_acked, 1));
	rig_done(&rig);
}
END_TEST

static void on_tasks(transfer_task *const *tasks, size_t n, void *user)
{
	struct rig *rig = user;

	(void)tasks;
	snprintf(rig->log + strlen(rig->log), 32, "%zu tasks\n", n);
}

/* Whoever asks what is left is told first what happened. */
START_TEST(lists_behind_what_waited)
{
	struct rig rig;
	uint64_t id;

	rig_init(&rig, 0);
	id = peer_add_task(rig.peer, "https://example.org/old");
	peer_add_task(rig.peer, "https://example.org/other");
	peer_complete(rig.peer, id, 0);
	rig_open(&rig);
	transfer_session_get_tasks(rig.session, on_tasks, &rig);
	rig_expect(&rig, "tasks\n");
	ck_assert_str_eq(rig.log, "complete 100 0\ndrained\n1 tasks\n");
	peer_complete(rig.peer, id + 1, 0);
	rig_expect(&rig, "complete 101 0\n");
	transfer_session_get_tasks(rig.session, on_tasks, &rig);
	rig_expect(&rig, "0 tasks\n");
	rig_done(&rig);
}
END_TEST

RUN_TESTS("client-lib/event", TEST(lists_behind_what_waited), TEST(reads_unknown_tasks),
	TEST(tells_about_tasks_without_a_row))
