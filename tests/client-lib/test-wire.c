/* SPDX-License-Identifier: MIT */
/* The session on the bus: transferd goes away and comes back, replies are lost, the bus ends. */
#include "client-lib/wire.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "ipc/types.h"
#include "tests/client-lib/rig.h"
#include "tests/lib/bus.h"
#include "tests/lib/proc.h"
#include "tests/lib/run.h"

static bool has_attached(struct peer *p, uint64_t n)
{
	(void)p;
	return peer_n_attached(p) >= n;
}

static void wait_attached(struct rig *rig, unsigned int n)
{
	uint64_t until_ms = proc_now_ms() + 10000;

	while (!has_attached(rig->peer, n)) {
		ck_assert_int_gt(proc_left_ms(until_ms), 0);
		transfer_queue_dispatch(rig->queue, 10);
	}
}

START_TEST(attaches_again)
{
	struct rig rig;
	transfer_task *task;

	rig_init(&rig, 0);
	rig_open(&rig);
	task = rig_download(&rig, "https://example.org/a");
	transfer_task_resume(task);
	rig_flush(&rig);
	rig_expect(&rig, "drained\n");
	peer_restart(rig.peer);
	wait_attached(&rig, 2);
	peer_finish(rig.peer, 100);
	peer_complete(rig.peer, 100, 0);
	rig_expect(&rig, "complete 100 0\n");
	ck_assert_ptr_eq(rig.kept, task);
	ck_assert_uint_eq(rig_count(&rig, "drained"), 1);
	ck_assert_uint_eq(rig_count(&rig, "finished"), 1);
	transfer_task_unref(task);
	rig_done(&rig);
}
END_TEST

/* Events that were called back but whose acknowledgement was lost are acknowledged again, not called again. */
START_TEST(tells_no_event_twice)
{
	struct rig rig;
	transfer_task *task;

	task = rig_begin(&rig);
	peer_finish(rig.peer, 100);
	/* arrived, not called back yet: transferd is gone before the application looks */
	peer_restart(rig.peer);
	wait_attached(&rig, 2);
	peer_complete(rig.peer, 100, 0);
	rig_expect(&rig, "complete 100 0\n");
	ck_assert_uint_eq(rig_count(&rig, "finished"), 1);
	ck_assert(peer_wait(rig.peer, peer_has_acked, 2));
	peer_restart(rig.peer);
	wait_attached(&rig, 3);
	rig_flush(&rig);
	ck_assert_uint_eq(rig_count(&rig, "finished"), 1);
	ck_assert_uint_eq(rig_count(&rig, "complete"), 1);
	transfer_task_unref(task);
	rig_done(&rig);
}
END_TEST

START_TEST(repeats_a_lost_call)
{
	struct rig rig;
	transfer_task *first, *second;

	rig_init(&rig, 0);
	rig_open(&rig);
	peer_swallow_create(rig.peer, 1);
	first = rig_download(&rig, "https://example.org/a");
	while (!peer_n_tasks(rig.peer))
		ck_assert_int_ge(transfer_queue_dispatch(rig.queue, 10), 0);
	second = rig_download(&rig, "https://example.org/b");
	peer_restart(rig.peer);
	rig_flush(&rig);
	ck_assert_uint_eq(peer_n_tasks(rig.peer), 2);
	ck_assert_uint_eq(transfer_task_get_id(first), 100);
	ck_assert_uint_eq(transfer_task_get_id(second), 101);
	transfer_task_unref(first);
	transfer_task_unref(second);
	rig_done(&rig);
}
END_TEST

START_TEST(waits_for_transferd)
{
	struct rig rig;
	transfer_task *task;

	rig_init(&rig, 0);
	rig_open(&rig);
	peer_stop(rig.peer);
	task = rig_download(&rig, "https://example.org/a");
	ck_assert_int_eq(transfer_client_flush(rig.client, 300), -ETIMEDOUT);
	peer_start(rig.peer);
	rig_flush(&rig);
	ck_assert_uint_eq(transfer_task_get_id(task), 100);
	transfer_task_unref(task);
	rig_done(&rig);
}
END_TEST

START_TEST(ends_when_somebody_else_has_the_session)
{
	struct rig rig;

	rig_init(&rig, 0);
	rig_open(&rig);
	peer_fail_attach(rig.peer, IPC_E_ALREADY_ATTACHED);
	peer_restart(rig.peer);
	rig_expect(&rig, "invalid -996\n");
	rig_done(&rig);
}
END_TEST

static const int unsaved[] = { IPC_E_NO_SPACE, IPC_E_BUSY };

/* F-7: transferd cannot save that it is attached to, what it is to do, nor what was handled: all is asked again, nothing ends. */
START_TEST(outlives_a_full_disk)
{
	struct rig rig;
	transfer_task *task;

	task = rig_begin(&rig);
	peer_fail_once(rig.peer, unsaved[_i]);
	peer_restart(rig.peer);
	wait_attached(&rig, 2);
	ck_assert(peer_is_suspended(rig.peer, 100));
	transfer_task_resume(task);
	wait_attached(&rig, 3);
	rig_flush(&rig);
	ck_assert(!peer_is_suspended(rig.peer, 100));
	peer_finish(rig.peer, 100);
	peer_complete(rig.peer, 100, 0);
	rig_expect(&rig, "complete 100 0\n");
	wait_attached(&rig, 4);
	rig_flush(&rig);
	ck_assert_uint_eq(rig_count(&rig, "complete"), 1);
	ck_assert_uint_eq(rig_count(&rig, "invalid"), 0);
	transfer_task_unref(task);
	rig_done(&rig);
}
END_TEST

START_TEST(ends_tasks_that_transferd_forgot)
{
	struct rig rig;
	transfer_task *task;

	task = rig_begin(&rig);
	peer_stop(rig.peer);
	peer_forget(rig.peer);
	peer_start(rig.peer);
	rig_expect(&rig, "complete 100 -997\n");
	transfer_task_unref(task);
	task = rig_download(&rig, "https://example.org/b");
	transfer_task_resume(task);
	peer_finish_by_itself(rig.peer, true);
	rig_flush(&rig);
	transfer_task_unref(task);
	rig_done(&rig);
}
END_TEST

/* Callbacks in another process: what was not acknowledged when it ended comes to the next one. */
START_TEST(tells_again_after_a_crash)
{
	struct rig rig;

	rig_init(&rig, 0);
	rig_open(&rig);
	transfer_task_unref(rig_download(&rig, "https://example.org/a"));
	rig_flush(&rig);
	rig_close_session(&rig);
	ck_assert(peer_wait(rig.peer, peer_has_detached, 0));
	peer_finish(rig.peer, 100);
	peer_complete(rig.peer, 100, 0);
	rig_open(&rig);
	/* the event has arrived, its callback never ran */
	ck_assert_int_eq(proc_wait_fd(transfer_queue_get_fd(rig.queue), 10000), 0);
	rig_close_session(&rig);
	ck_assert(peer_wait(rig.peer, peer_has_detached, 0));
	ck_assert_uint_eq(peer_acked(rig.peer), 0);
	rig_open(&rig);
	rig_expect(&rig, "drained\n");
	ck_assert_str_eq(rig.log, "finished task 100\ncomplete 100 0\ndrained\n");
	ck_assert(peer_wait(rig.peer, peer_has_acked, 2));
	ck_assert_str_eq(transfer_request_get_url(transfer_task_get_original_request(rig.kept)),
		"https://example.org/a");
	rig_done(&rig);
}
END_TEST

START_TEST(ends_with_the_bus)
{
	transfer_auto(transfer_error) error = NULL;
	struct rig rig;
	transfer_task *task;

	task = rig_begin(&rig);
	bus_free(peer_bus(rig.peer));
	rig_expect(&rig, "invalid -997\n");
	ck_assert_int_eq(transfer_task_wait(task, 1000, NULL), -ENOTCONN);
	rig_close_session(&rig);
	ck_assert_int_eq(rig_try_open(&rig, &error), -ENOTCONN);
	ck_assert_int_eq(
		transfer_error_get_code(error), TRANSFER_ERROR_BACKGROUND_SESSION_DISCONNECTED);
	transfer_task_unref(task);
	transfer_task_unref(rig.kept);
	transfer_client_unref(rig.client);
	transfer_queue_unref(rig.queue);
}
END_TEST

RUN_TESTS("client-lib/wire", TEST(attaches_again), TEST(tells_no_event_twice),
	TEST(repeats_a_lost_call), TEST(waits_for_transferd),
	TEST(ends_when_somebody_else_has_the_session), TEST_EACH(outlives_a_full_disk, unsaved),
	TEST(ends_tasks_that_transferd_forgot), TEST(tells_again_after_a_crash),
	TEST(ends_with_the_bus))
