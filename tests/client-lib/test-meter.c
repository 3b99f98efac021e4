/* SPDX-License-Identifier: MIT */
/* Meters: what they say of a task from the making to the end, the hand on it, and who is told. */
#include "client-lib/meter.h"

#include <string.h>

#include "tests/client-lib/live-rig.h"
#include "tests/lib/run.h"

static struct live_rig rig;

static void note(transfer_meter *meter, void *userdata)
{
	live_rig_note(userdata, "meter %lld/%lld %.2f%s\n",
		(long long)transfer_meter_get_completed(meter),
		(long long)transfer_meter_get_total(meter), transfer_meter_get_fraction(meter),
		transfer_meter_is_finished(meter) ? " finished" : "");
}

/* A download of "a" whose meter is observed; it is resumed and transferd has it. */
static transfer_task *begin(transfer_meter **ret_meter)
{
	transfer_auto(transfer_request) request = transfer_request_new(URL "a");
	transfer_task *task;

	live_rig_init(&rig, &live_rig_delegate);
	task = transfer_session_download_task(rig.session, request, NULL, NULL);
	*ret_meter = transfer_task_get_meter(task);
	ck_assert_ptr_eq(transfer_task_get_meter(task), *ret_meter);
	ck_assert_int_eq(transfer_meter_observe(*ret_meter, note, &rig), 0);
	ck_assert(transfer_meter_is_paused(*ret_meter));
	transfer_task_resume(task);
	ck_assert(!transfer_meter_is_paused(*ret_meter));
	peer_live_expect(rig.peer, "create download " URL "a");
	return task;
}

static void end(transfer_task *task)
{
	transfer_task_unref(task);
	live_rig_done(&rig);
}

START_TEST(begins_with_nothing_known)
{
	transfer_meter *meter;
	transfer_task *task = begin(&meter);

	ck_assert_int_eq(transfer_meter_get_completed(meter), 0);
	ck_assert_int_eq(transfer_meter_get_total(meter), TRANSFER_SIZE_UNKNOWN);
	ck_assert(transfer_meter_get_fraction(meter) < 0);
	ck_assert(!transfer_meter_is_finished(meter) && !transfer_meter_is_cancelled(meter));
	/* the program may know better */
	ck_assert_int_eq(transfer_task_set_expected_bytes(task, 0, 50), 0);
	ck_assert_int_eq(transfer_meter_get_total(meter), 50);
	ck_assert(transfer_meter_get_fraction(meter) >= 0);
	end(task);
}
END_TEST

START_TEST(moves_and_finishes)
{
	transfer_meter *meter;
	transfer_task *task = begin(&meter);
	const char *finished;

	PEER_LIVE(rig.peer,
		{ .task = 1, .kind = IPC_EVENT_DID_WRITE_DATA, .bytes = 25, .total = 25 });
	live_rig_expect(&rig, "wrote 25/25\n");
	ck_assert_int_eq(transfer_meter_get_completed(meter), 25);
	ck_assert(!transfer_meter_is_finished(meter));
	PEER_LIVE(rig.peer,
		{ .task = 1,
			.kind = IPC_EVENT_DID_COMPLETE,
			.folded = true,
			.status = 200,
			.bytes = 75,
			.total = 100,
			.file = "x" });
	live_rig_expect(&rig, "done 1 0\n");
	ck_assert(transfer_meter_is_finished(meter));
	ck_assert_int_eq(transfer_meter_get_completed(meter), 100);
	ck_assert_int_eq(transfer_meter_get_total(meter), 100);
	ck_assert(transfer_meter_get_fraction(meter) == 1);
	/* the end is told once, and before the task's */
	finished = strstr(rig.log, "meter 100/100 1.00 finished\n");
	ck_assert_msg(finished && finished < strstr(rig.log, "done 1"), "%s", rig.log);
	ck_assert_uint_eq(live_rig_count(&rig, "finished"), 1);
	end(task);
}
END_TEST

/* many changes at once are one call */
START_TEST(tells_no_more_than_is_of_use)
{
	transfer_meter *meter;
	transfer_task *task = begin(&meter);

	for (uint64_t i = 1; i <= 100; i++)
		PEER_LIVE(rig.peer,
			{ .task = 1, .kind = IPC_EVENT_DID_WRITE_DATA, .bytes = 1, .total = i });
	PEER_LIVE(rig.peer,
		{ .task = 1, .kind = IPC_EVENT_DID_COMPLETE, .status = 200, .file = "x" });
	/* nobody dispatched so far: all of it waits, as one */
	ck_assert_int_eq(transfer_task_wait(task, 10000, NULL), 0);
	live_rig_expect(&rig, "done 1 0\n");
	ck_assert_uint_ge(live_rig_count(&rig, "meter "), 1);
	ck_assert_uint_le(live_rig_count(&rig, "meter "), 2);
	end(task);
}
END_TEST

START_TEST(its_hand_is_the_tasks)
{
	transfer_meter *meter;
	transfer_task *task = begin(&meter);

	transfer_meter_pause(meter);
	transfer_meter_pause(meter); /* once */
	peer_live_expect(rig.peer, "suspend 1\n");
	ck_assert(transfer_meter_is_paused(meter));
	ck_assert_int_eq(transfer_task_get_state(task), TRANSFER_TASK_STATE_SUSPENDED);
	transfer_meter_resume(meter);
	ck_assert(!transfer_meter_is_paused(meter));
	transfer_meter_resume(meter); /* nothing is left of it */
	transfer_task_suspend(task);
	transfer_meter_resume(meter); /* another's */
	ck_assert(transfer_meter_is_paused(meter));
	transfer_meter_cancel(meter);
	ck_assert(transfer_meter_is_cancelled(meter));
	peer_live_expect(rig.peer, "cancel 1\n");
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_COMPLETE, .code = -999 });
	live_rig_expect(&rig, "done 1 -999\n");
	ck_assert(!transfer_meter_is_finished(meter) && !transfer_meter_is_paused(meter));
	end(task);
}
END_TEST

START_TEST(counts_both_directions)
{
	transfer_auto(transfer_request) request = transfer_request_new(URL "a");
	transfer_auto(transfer_data) body = transfer_data_new_copy("0123456789", 10);
	transfer_meter *meter;
	transfer_task *task;

	live_rig_init(&rig, &live_rig_delegate);
	transfer_request_set_method(request, "POST");
	transfer_request_set_body(request, body);
	task = transfer_session_data_task(rig.session, request, NULL, NULL);
	meter = transfer_task_get_meter(task);
	ck_assert_int_eq(transfer_task_set_expected_bytes(task, 10, TRANSFER_SIZE_UNKNOWN), 0);
	/* what is known is measured */
	ck_assert_int_eq(transfer_meter_get_total(meter), TRANSFER_SIZE_UNKNOWN);
	ck_assert(transfer_meter_get_fraction(meter) == 0);
	ck_assert_int_eq(transfer_task_set_expected_bytes(task, INT64_MAX, INT64_MAX), 0);
	ck_assert_int_eq(transfer_meter_get_total(meter), INT64_MAX);
	ck_assert(transfer_meter_get_fraction(meter) == 0);
	transfer_task_resume(task);
	peer_live_expect(rig.peer, "create data");
	PEER_LIVE(rig.peer,
		{ .task = 1,
			.kind = IPC_EVENT_DID_COMPLETE,
			.folded = true,
			.status = 200,
			.bytes = 10,
			.total = 10,
			.body = "hello" });
	live_rig_expect(&rig, "done 1 0\n");
	ck_assert_int_eq(transfer_meter_get_completed(meter), 15);
	ck_assert_int_eq(transfer_meter_get_total(meter), 15);
	end(task);
}
END_TEST

START_TEST(a_meter_keeps_its_task)
{
	transfer_meter *meter;
	transfer_task *task = begin(&meter);

	transfer_meter_ref(meter);
	transfer_task_unref(task);
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_COMPLETE, .code = -1005 });
	live_rig_expect(&rig, "done 1 -1005\n");
	transfer_session_unref(rig.session);
	rig.session = NULL;
	ck_assert(!transfer_meter_is_finished(meter));
	ck_assert_int_eq(transfer_meter_observe(meter, NULL, NULL), 0);
	transfer_meter_unref(meter);
	live_rig_done(&rig);
}
END_TEST

RUN_TESTS("client-lib/meter", TEST(begins_with_nothing_known), TEST(moves_and_finishes),
	TEST(tells_no_more_than_is_of_use), TEST(its_hand_is_the_tasks),
	TEST(counts_both_directions), TEST(a_meter_keeps_its_task))
