/* SPDX-License-Identifier: MIT */
/* What is asked of transferd about tasks of sessions in memory, when it refuses, or has gone on meanwhile. */
#include "client-lib/command.h"

#include <string.h>
#include <unistd.h>

#include "ipc/types.h"
#include "tests/client-lib/live-rig.h"
#include "tests/lib/run.h"

static struct live_rig rig;

static transfer_task *begin(void)
{
	transfer_task *task;

	live_rig_init(&rig, &live_rig_delegate);
	rig.keeps_answers = true;
	task = live_rig_get(&rig, "a");
	peer_live_expect(rig.peer, "create data");
	return task;
}

static void done(transfer_task *task)
{
	transfer_task_unref(task);
	live_rig_done(&rig);
}

/* What was asked has been answered, and the answer was looked at. */
static void flush(void)
{
	ck_assert_int_eq(transfer_client_flush(rig.client, 10000), 0);
}

/* ---- tasks that transferd has done with ---- */

static void suspend(transfer_task *task)
{
	transfer_task_suspend(task);
	peer_live_expect(rig.peer, "suspend 1\n");
	transfer_task_resume(task);
	peer_live_expect(rig.peer, "resume 1\n");
}

static void set_priority(transfer_task *task)
{
	ck_assert_int_eq(transfer_task_set_priority(task, 0.9), 0);
	peer_live_expect(rig.peer, "set 1\n");
}

static void (*const steers[])(transfer_task *task) = { suspend, set_priority };

START_TEST(a_body_is_read_to_its_end)
{
	transfer_task *task = begin();
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_RECEIVE_DATA, .pipe_fd = fds[0] },
		{ .task = 1, .kind = IPC_EVENT_DID_COMPLETE });
	steers[_i](task);
	flush();
	ck_assert_int_eq(write(fds[1], "tail", 4), 4);
	close(fds[1]);
	live_rig_expect(&rig, "done 1 ");
	ck_assert_str_eq(rig.log, "created 1\ndata 'tail'\ndone 1 0\n");
	done(task);
}
END_TEST

/* ---- answers that are not taken ---- */

static const struct {
	int fault;
	const char *end;
} faults[] = {
	{ IPC_E_INVALID_REQUEST, "done 1 " },
	{ IPC_E_BUSY, "done 1 " },
	{ IPC_E_NO_SUCH_QUESTION, NULL },
	{ IPC_E_ALREADY_ANSWERED, NULL },
};

/* Those that came too late change nothing; the others end the task with their error. */
static void check_end(size_t i, transfer_task *task)
{
	transfer_auto(transfer_error) error = NULL;

	flush();
	if (!faults[i].end) {
		ck_assert_ptr_null(strstr(peer_live_log(rig.peer), "cancel"));
		PEER_LIVE(rig.peer, { .task = 1, .kind = IPC_EVENT_DID_COMPLETE });
		live_rig_expect(&rig, "done 1 0\n");
		return;
	}
	peer_live_expect(rig.peer, "cancel 1\n");
	live_rig_expect(&rig, faults[i].end);
	error = transfer_task_copy_error(task);
	ck_assert_int_eq(transfer_error_get_domain(error), TRANSFER_DOMAIN_BUS);
}

START_TEST(a_body_may_be_refused)
{
	transfer_auto(transfer_data) data = transfer_data_new_copy("bytes", 5);
	transfer_auto(transfer_body) body = transfer_body_new_data(data);
	transfer_task *task = begin();

	peer_fail_answer(rig.peer, faults[_i].fault);
	PEER_LIVE(rig.peer,
		{ .task = 1,
			.kind = IPC_EVENT_NEED_NEW_BODY_STREAM,
			.question = 4,
			.reason = "redirect" });
	live_rig_expect(&rig, "body? 1\n");
	ck_assert_int_eq(transfer_body_request_provide(rig.body, body), 0);
	peer_live_expect(rig.peer, "body 4 bytes\n");
	check_end((size_t)_i, task);
	done(task);
}
END_TEST

START_TEST(a_disposition_may_be_refused)
{
	transfer_task *task = begin();

	peer_fail_answer(rig.peer, faults[_i].fault);
	PEER_LIVE(rig.peer,
		{ .task = 1,
			.kind = IPC_EVENT_DID_RECEIVE_RESPONSE,
			.question = 4,
			.status = 200 });
	live_rig_expect(&rig, "resp 200\n");
	ck_assert_int_eq(
		transfer_disposition_set(rig.disposition, TRANSFER_RESPONSE_BECOME_DOWNLOAD), 0);
	peer_live_expect(rig.peer, "response 4 become-download\n");
	check_end((size_t)_i, task);
	done(task);
}
END_TEST

/* ---- a task that has become a download, and is not known as that yet ---- */

static void become(void)
{
	PEER_LIVE(rig.peer,
		{ .task = 1, .kind = IPC_EVENT_DID_BECOME_DOWNLOAD_TASK, .download = 50 });
	live_rig_expect(&rig, "became 2\n");
}

START_TEST(a_cancelled_task_is_no_download)
{
	transfer_task *task = begin();

	/* said once, by the number that the task had then */
	peer_live_keep_cancelled(rig.peer, true);
	transfer_task_cancel(task);
	peer_live_expect(rig.peer, "cancel 1\n");
	become();
	ck_assert_int_eq(transfer_task_get_state(rig.download), TRANSFER_TASK_STATE_CANCELING);
	PEER_LIVE(rig.peer, { .task = 50, .kind = IPC_EVENT_DID_COMPLETE });
	live_rig_expect(&rig, "done 2 -999\n");
	ck_assert_ptr_null(strstr(peer_live_log(rig.peer), "cancel 50"));
	done(task);
}
END_TEST

START_TEST(a_suspended_task_is_a_suspended_download)
{
	transfer_task *task = begin();

	transfer_task_suspend(task);
	peer_live_expect(rig.peer, "suspend 1\n");
	become();
	ck_assert_int_eq(transfer_task_get_state(rig.download), TRANSFER_TASK_STATE_SUSPENDED);
	transfer_task_resume(rig.download);
	peer_live_expect(rig.peer, "resume 50\n");
	ck_assert_ptr_null(strstr(peer_live_log(rig.peer), "suspend 50"));
	done(task);
}
END_TEST

#define N_FAULTS (sizeof(faults) / sizeof(faults[0]))
RUN_TESTS("client-lib/command-live",
	TEST_LOOP(a_body_is_read_to_its_end, sizeof(steers) / sizeof(steers[0])),
	TEST_LOOP(a_body_may_be_refused, N_FAULTS),
	TEST_LOOP(a_disposition_may_be_refused, N_FAULTS), TEST(a_cancelled_task_is_no_download),
	TEST(a_suspended_task_is_a_suspended_download))
